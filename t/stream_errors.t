# Protects how the directive of the events file fails, and what who asks for
# the channels of an account is told where there are none.

BEGIN { push @INC, 't/lib' }
use Test::Nginx::Socket 'no_plan';

no_long_string();

add_block_preprocessor(sub {
    my $block = shift;

    if (!defined $block->http_config) {
        $block->set_value('http_config', <<'END');
    trading_board $TEST_NGINX_BOARD;
    trading_events $TEST_NGINX_BOARD_NONE;
    trading_stale 1h;
END
    }

    if (!defined $block->config) {
        $block->set_value('config', <<'END');
    location = /sse { trading_stream; }
    location = /mine { set $trading_account alice; trading_stream; }
END
    }

    $block->set_value('more_headers', "Accept: text/event-stream\n");

    if (!defined $block->no_error_log && !defined $block->error_log
        && !defined $block->must_die)
    {
        $block->set_value('no_error_log', '[error]');
    }
});

run_tests();

__DATA__

=== TEST 1: the events file is named once
--- http_config
    trading_board $TEST_NGINX_BOARD;
    trading_events /nowhere/events;
    trading_events /nowhere/events;
--- must_die
--- error_log
"trading_events" directive is duplicate



=== TEST 2: an empty path stops the start
--- http_config
    trading_board $TEST_NGINX_BOARD;
    trading_events "";
--- must_die
--- error_log
"trading_events" directive needs a path



=== TEST 3: it takes one path
--- http_config
    trading_board $TEST_NGINX_BOARD;
    trading_events;
--- must_die
--- error_log
invalid number of arguments in "trading_events" directive



=== TEST 4: it stands in the http block
--- config
    trading_events /nowhere/events;
--- must_die
--- error_log
"trading_events" directive is not allowed here



=== TEST 5: without an account there are no channels of one
--- request
GET /sse?channels=orders
--- error_code: 401
--- response_headers
Content-Type: application/problem+json
--- response_body_like chomp
"code":"unauthorized"



=== TEST 6: without a file they are not available, and that is told
--- request
GET /mine?channels=prices,alerts
--- error_code: 503
--- response_body_like chomp
"detail":"there are no events of accounts now","code":"unavailable"
--- error_log
trading events: no file



=== TEST 7: neither are they where no file is named
--- http_config
    trading_board $TEST_NGINX_BOARD;
    trading_stale 1h;
--- request
GET /mine?channels=balances
--- error_code: 503
--- response_body_like chomp
"detail":"there are no events of accounts now","code":"unavailable"
