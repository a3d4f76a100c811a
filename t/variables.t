# Protects the variables that logs, maps and headers use, and the ids by which
# a request is followed: taken from the client where they are well formed,
# made otherwise, and never a way to smuggle bytes into a log.

BEGIN { push @INC, 't/lib' }
use Test::Nginx::Socket 'no_plan';
use TradingBlocks;

no_long_string();

add_block_preprocessor(sub { defaults(shift) });

run_tests();

__DATA__

=== TEST 1: the last price, by exchange symbol in any case
--- config
    location /t {
        return 200 "$trading_last_BTCUSDT $trading_last_ethusdt $trading_last_EURUSD";
    }
--- request
GET /t
--- response_body chomp
43250.12 2280.50 1.10375



=== TEST 2: nothing where there is no quote or no such instrument
--- config
    location /t { return 200 "[$trading_last_ADAUSDT$trading_last_NOPE]"; }
--- request
GET /t
--- response_body chomp
[]



=== TEST 3: the board's seq
--- config
    location /t { return 200 "$trading_board_seq"; }
--- request
GET /t
--- response_body chomp
7



=== TEST 4: without a board they are empty
--- http_config
    trading_board $TEST_NGINX_BOARD_NONE;
--- config
    location /t {
        return 200 "[$trading_board_seq$trading_last_BTCUSDT$trading_quote_age_ms]";
    }
--- request
GET /t
--- response_body chomp
[]



=== TEST 5: without trading_board too
--- http_config
--- config
    location /t { return 200 "[$trading_board_seq$trading_last_BTCUSDT]"; }
--- request
GET /t
--- response_body chomp
[]



=== TEST 6: the age of the quote that was served
--- config
    location /market/ {
        trading_market;
        add_header X-Age "[$trading_quote_age_ms]" always;
    }
--- pipelined_requests eval
["GET /market/prices/BTC", "GET /market/prices/BTC?fields=seq",
 "GET /market/prices", "GET /market/prices/NOPE"]
--- error_code eval
[200, 200, 200, 404]
--- response_headers_like eval
['X-Age: \[\d{10,}\]', 'X-Age: \[\d{10,}\]', 'X-Age: \[\]', 'X-Age: \[\]']



=== TEST 7: a request id is made and is the one of the problem
--- config
    location /market/ {
        trading_market;
        add_header X-Request-Id $trading_request_id always;
    }
--- request
GET /market/nope
--- error_code: 404
--- response_headers_like
X-Request-Id: [0-9a-f]{32}



=== TEST 8: a client's id is taken over
--- config
    location /market/ {
        trading_market;
        add_header X-Request-Id $trading_request_id always;
    }
--- request
GET /market/nope
--- more_headers
X-Request-Id: order-17.retry_2
--- error_code: 404
--- response_headers
X-Request-Id: order-17.retry_2
--- response_body_like chomp
"request_id":"order-17.retry_2"



=== TEST 9: one that is malformed is not
--- config
    location /t { return 200 "$trading_request_id"; }
--- pipelined_requests eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
["X-Request-Id: a b", "X-Request-Id: " . 'x' x 129,
 "X-Request-Id: \"quoted\""]
--- response_body_like eval
[('^[0-9a-f]{32}$') x 3]



=== TEST 10: a trace goes on
--- config
    location /t { return 200 "$trading_traceparent"; }
--- request
GET /t
--- more_headers
traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
--- response_body chomp
00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01



=== TEST 11: or begins here
--- config
    location /t { return 200 "$trading_traceparent $request_id"; }
--- pipelined_requests eval
[("GET /t") x 4]
--- more_headers eval
["X-None: 1",
 "traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01",
 "traceparent: 00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
 "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x"]
--- response_body_like eval
[('^00-([0-9a-f]{32})-[0-9a-f]{16}-01 \1$') x 4]



=== TEST 12: variables stand in the access log
--- http_config
    trading_board $TEST_NGINX_BOARD;
    trading_stale 1h;
    log_format trading 'age=$trading_quote_age_ms id=$trading_request_id';
--- config
    location /market/ {
        trading_market;
        access_log $TEST_NGINX_SERVER_ROOT/logs/error.log trading;
    }
--- request
GET /market/prices/ETH
--- more_headers
X-Request-Id: abc
--- error_log eval
qr/age=\d+ id=abc/



=== TEST 13: a last price of nothing is refused at start
--- config
    location /t { return 200 "$trading_last_"; }
--- must_die
--- error_log
variable "$trading_last_" names no instrument
