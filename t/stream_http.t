# Protects what streams say before they begin: the directives' bounds, and one
# problem document for each handshake or address that is refused.  The streams
# themselves are tested in tests/e2e/test_streams*.py.

BEGIN { push @INC, 't/lib' }
use Test::Nginx::Socket 'no_plan';

no_long_string();

add_block_preprocessor(sub {
    my $block = shift;

    if (!defined $block->http_config) {
        $block->set_value('http_config', <<'END');
    trading_board $TEST_NGINX_BOARD;
    trading_stale 1h;
END
    }

    if (!defined $block->config) {
        $block->set_value('config', <<'END');
    location = /ws { trading_stream; }
    location = /sse { trading_stream json; }
    location /trading/ { trading_signals; }
END
    }

    if (!defined $block->no_error_log && !defined $block->error_log
        && !defined $block->must_die)
    {
        $block->set_value('no_error_log', '[error]');
    }
});

sub problem {
    my ($code, $detail) = @_;
    return qr/^\{"type":"urn:trading:problem:$code",.*"detail":"\Q$detail\E/;
}

run_tests();

__DATA__

=== TEST 1: neither an upgrade nor events are asked for
--- request
GET /ws
--- more_headers
Accept: text/html
--- error_code: 426
--- response_headers
Upgrade: websocket
Content-Type: application/problem+json
--- response_body_like eval
main::problem('upgrade_required', 'ask for an upgrade to websocket, or ')



=== TEST 2: JSON is not events
--- request
GET /sse?channels=prices
--- more_headers
Accept: application/json
--- error_code: 426



=== TEST 3: an upgrade to something else
--- request
GET /ws
--- more_headers
Accept: text/html
Connection: Upgrade, close
Upgrade: h2c
--- error_code: 426
--- response_headers
Upgrade: websocket



=== TEST 4: POST
--- request
POST /ws
hello
--- error_code: 405
--- response_headers
Allow: GET
--- response_body_like eval
main::problem('method_not_allowed', 'a stream takes GET')



=== TEST 5: HEAD has no body
--- request
HEAD /sse?channels=prices
--- error_code: 405
--- response_headers
Allow: GET
--- response_body



=== TEST 6: DELETE
--- request
DELETE /sse
--- error_code: 405



=== TEST 7: an upgrade over HTTP/1.0
--- request
GET /ws HTTP/1.0
--- more_headers
Upgrade: websocket
Connection: Upgrade
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
Sec-WebSocket-Version: 13
--- error_code: 400
--- response_body_like eval
main::problem('bad_handshake', 'a WebSocket begins with HTTP/1.1')



=== TEST 8: a connection that is not to be upgraded
--- request
GET /ws
--- more_headers
Upgrade: websocket
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
Sec-WebSocket-Version: 13
--- error_code: 400
--- response_body_like eval
main::problem('bad_handshake', 'Connection does not name upgrade')



=== TEST 9: no key
--- raw_request eval
"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
. "Connection: close, upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n"
--- error_code: 400
--- response_body_like eval
main::problem('bad_handshake', 'Sec-WebSocket-Key is not 16 bytes in base64')



=== TEST 10: two keys
--- raw_request eval
"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
. "Connection: close, upgrade\r\nSec-WebSocket-Version: 13\r\n"
. "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" x 2 . "\r\n"
--- error_code: 400
--- response_body_like eval
main::problem('bad_handshake', 'a field of the handshake came twice')



=== TEST 11: an old version is told the right one
--- raw_request eval
"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
. "Connection: close, upgrade\r\nSec-WebSocket-Version: 8\r\n"
. "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
--- error_code: 426
--- response_headers
Sec-WebSocket-Version: 13
--- response_body_like eval
main::problem('upgrade_required', 'the version of WebSocket must be 13')



=== TEST 12: a page of another origin
--- raw_request eval
"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
. "Connection: close, upgrade\r\nSec-WebSocket-Version: 13\r\n"
. "Origin: https://evil.example\r\n"
. "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
--- error_code: 403
--- response_body_like eval
main::problem('origin_not_allowed', 'pages of this origin are not allowed')



=== TEST 13: an origin for which the directive is 0
--- config
    location = /ws { trading_stream; trading_stream_origin $arg_allow; }
--- raw_request eval
"GET /ws?allow=0 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
. "Connection: close, upgrade\r\nSec-WebSocket-Version: 13\r\n"
. "Origin: https://other.example\r\n"
. "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
--- error_code: 403



=== TEST 14: events of no channel
--- request
GET /sse
--- error_code: 400
--- response_headers
Content-Type: application/problem+json
Cache-Control: no-store
--- response_body_like eval
main::problem('invalid_parameter', 'name at least one channel: ?channels=')



=== TEST 15: an unknown channel
--- request
GET /sse?channels=prices,nope
--- error_code: 400
--- response_body_like eval
main::problem('invalid_parameter', 'there is no channel')



=== TEST 16: an unknown symbol
--- request
GET /sse?channels=prices&symbols=BTC,NOPE
--- error_code: 404
--- response_body_like eval
main::problem('unknown_symbol', 'there is no instrument \\"NOPE\\"')



=== TEST 17: an unknown class
--- request
GET /sse?channels=prices&asset_class=bonds
--- error_code: 404
--- response_body_like eval
main::problem('unknown_class', '')



=== TEST 18: an unknown interval
--- request
GET /sse?channels=candles&interval=2m
--- error_code: 400
--- response_body_like eval
main::problem('invalid_parameter', '')



=== TEST 19: a resume token that is none
--- request eval
[map { "GET /sse?channels=prices&resume=$_" } 'x', '1', '1-', '-1', '1-1-1',
       '99999999999999999999-1', '']
--- error_code eval
[(400) x 7]



=== TEST 20: an argument twice, an empty list, a malformed escape
--- request eval
[map { "GET /sse?$_" } 'channels=prices&channels=trades',
       'channels=prices&symbols=BTC&symbols=ETH', 'channels=', 'channels=,',
       'channels=prices&symbols=', 'channels=prices&symbols=%zz']
--- error_code eval
[(400) x 6]



=== TEST 21: the same of a WebSocket, before it begins
--- raw_request eval
"GET /ws?channels=nope HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
. "Connection: close, upgrade\r\nSec-WebSocket-Version: 13\r\n"
. "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
--- error_code: 400
--- response_body_like eval
main::problem('invalid_parameter', 'there is no channel')



=== TEST 22: an account's channels without an account
--- request
GET /sse?channels=orders
--- error_code: 401
--- response_body_like eval
main::problem('unauthorized', '')



=== TEST 23: without a board there is nothing to begin with
--- http_config
    trading_board $TEST_NGINX_BOARD_NONE;
--- request
GET /sse?channels=prices
--- error_code: 503
--- response_headers_like
Retry-After: \d+
--- response_body_like eval
main::problem('board_unavailable', '')
--- error_log
No such file or directory



=== TEST 24: a stream is not included into a page
--- config
    location = /sse { trading_stream; }
    location = /x { auth_request /sse; empty_gif; }
--- request
GET /x?channels=prices
--- error_code: 500
--- error_log
auth request unexpected status



=== TEST 25: the binary signals are a page for those who accept all
--- request
GET /trading/binary/stream
--- more_headers
Accept: */*
--- response_headers
Content-Type: application/json



=== TEST 26: only JSON is spoken
--- config
    location = /ws { trading_stream xml; }
--- must_die
--- error_log
invalid protocol "xml" in "trading_stream", it must be "json"



=== TEST 27: a board must be named
--- http_config
--- config
    location = /ws { trading_stream; }
--- must_die
--- error_log
"trading_stream" needs "trading_board" in the http block in



=== TEST 28: no flush interval of nothing
--- config
    location = /ws { trading_stream; trading_stream_interval 0; }
--- must_die
--- error_log
trading_stream_interval that is not of 1ms to 60s



=== TEST 29: nor one of minutes
--- config
    location = /ws { trading_stream; trading_stream_interval 61s; }
--- must_die
--- error_log
trading_stream_interval that is not of 1ms to 60s



=== TEST 30: a buffer holds some messages
--- config
    location = /ws { trading_stream; trading_stream_buffer 16383; }
--- must_die
--- error_log
trading_stream_buffer that is not of 16k to 16m



=== TEST 31: and is bounded
--- config
    location = /ws { trading_stream; trading_stream_buffer 17m; }
--- must_die
--- error_log
trading_stream_buffer that is not of 16k to 16m



=== TEST 32: a heartbeat is no storm
--- config
    location = /ws { trading_stream; trading_stream_heartbeat 999ms; }
--- must_die
--- error_log
trading_stream_heartbeat below 1s



=== TEST 33: what is no number
--- config
    location = /ws { trading_stream; trading_stream_max_channels many; }
--- must_die
--- error_log
invalid number



=== TEST 34: what is no time
--- config
    location = /ws { trading_stream; trading_stream_drain soon; }
--- must_die
--- error_log
"trading_stream_drain" directive invalid value



=== TEST 35: a directive twice
--- config
    location = /ws { trading_stream; trading_stream_slow 1s;
                     trading_stream_slow 2s; }
--- must_die
--- error_log
"trading_stream_slow" directive is duplicate



=== TEST 36: a location answers one service
--- config
    location = /ws { trading_stream; trading_metrics; }
--- must_die
--- error_log
"trading_metrics" is used in a location that answers with "trading_stream"



=== TEST 37: not in a location by regular expression
--- config
    location ~ ^/ws { trading_stream; }
--- must_die
--- error_log
"trading_stream" cannot be used in a location given by a regular expression
