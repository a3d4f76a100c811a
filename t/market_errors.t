# Protects what clients are told when they err: one problem document for each
# mistake, with a stable code, naming what was wrong and what is allowed, and
# never the bytes of the request unescaped.

BEGIN { push @INC, 't/lib' }
use Test::Nginx::Socket 'no_plan';
use TradingBlocks;

no_long_string();

add_block_preprocessor(sub { defaults(shift) });

run_tests();

__DATA__

=== TEST 1: an unknown symbol is named
--- request
GET /market/prices/NOPE
--- error_code: 404
--- response_headers
Content-Type: application/problem+json
Cache-Control: no-store
--- response_body_like chomp
^\{"type":"urn:trading:problem:unknown_symbol","title":"Unknown symbol","status":404,"detail":"there is no instrument \\"NOPE\\"","code":"unknown_symbol","request_id":"[0-9a-f]{32}"\}$



=== TEST 2: a symbol cannot break out of its string
--- request
GET /market/prices/%22%7D%5C%3Cb%3E
--- error_code: 404
--- response_body_like chomp
"detail":"there is no instrument \\"\\"\}\\\\<b>\\""



=== TEST 3: an unknown class lists the classes
--- request
GET /market/prices/asset/BONDS
--- error_code: 404
--- response_body_like chomp
"code":"unknown_class".*"allowed":\["CRYPTO","FOREX","METALS","COMMODITIES"\]



=== TEST 4: an unknown field lists the fields
--- request
GET /market/prices/BTC?fields=seq,colour
--- error_code: 400
--- response_body_like chomp
"detail":"there is no field \\"colour\\"","code":"unknown_field".*"allowed":\["symbol",.*"seq"\]



=== TEST 5: an unknown model lists the models
--- request
GET /trading/signals?model=oracle
--- error_code: 400
--- response_body_like chomp
"code":"unknown_model".*"allowed":\["threshold","technical"\]



=== TEST 6: malformed, empty and repeated parameters are refused
--- pipelined_requests eval
["GET /market/prices/BTC?max_age_ms=soon",
 "GET /market/prices/BTC?max_age_ms=-1",
 "GET /market/prices/BTC?max_age_ms=99999999999999999999999",
 "GET /market/prices/BTC?max_age_ms=",
 "GET /market/prices?symbols=",
 "GET /market/prices?symbols=BTC,,ETH",
 "GET /market/prices?symbols=BTC&symbols=ETH",
 "GET /market/prices?symbols=%zz",
 "GET /market/prices?symbols=%ff",
 "GET /trading/signals?timeframe=2D"]
--- error_code eval
[(400) x 10]
--- response_body_like eval
[('"code":"invalid_parameter"') x 10]



=== TEST 7: parameters that are not ours, or not the route's, are left alone
--- pipelined_requests eval
["GET /market/prices/BTC?_=1&&x=%zz&fields=seq",
 "GET /market/prices/BTC?limit=abc&limit=%zz&symbols=&fields=seq",
 "GET /market/overview?limit=abc&fields=colour",
 "GET /market/health?end=x&max_age_ms=0",
 "GET /trading/performance?interval=9q&after_seq=-1",
 "GET /trading/signals?max_age_ms=0&fields=colour"]
--- error_code eval
[(200) x 6]
--- response_body_like eval
[('^\{"seq":1\}$') x 2, '"breadth":', '"sources":', '"past_signals":',
 '"BTC":\{"symbol":"BTC"']



=== TEST 8: an unknown symbol among named ones is named
--- request
GET /market/prices?symbols=BTC,NOPE,ETH
--- error_code: 404
--- response_body_like chomp
"there is no instrument \\"NOPE\\"","code":"unknown_symbol"



=== TEST 9: a quote older than asked for is not served
--- request
GET /market/prices/BTC?max_age_ms=1000
--- error_code: 503
--- response_headers
Retry-After: 1
--- response_body_like chomp
"code":"too_old",.*"symbol":"BTC","age_ms":[1-9]\d{9,}\}$



=== TEST 10: the age is kept for lists and signals as well
--- pipelined_requests eval
["GET /market/prices?max_age_ms=1000", "GET /trading/signals/BTC?max_age_ms=5",
 "GET /market/prices?symbols=ETH&max_age_ms=1"]
--- error_code eval
[503, 503, 503]
--- response_body_like eval
[('"code":"too_old"') x 3]



=== TEST 11: an instrument without a quote says so
--- pipelined_requests eval
["GET /market/prices/ADA", "GET /market/prices?symbols=BTC,ADA",
 "GET /market/prices/ADA?fields=seq", "GET /trading/signals/ADA"]
--- error_code eval
[503, 503, 503, 503]
--- response_body_like eval
[('of \\\\"ADA\\\\" yet","code":"no_quote"') x 4]



=== TEST 12: unknown routes and over-long or undecodable paths
--- pipelined_requests eval
["GET /market/nope", "GET /market/" . 'x' x 200, "GET /market/prices/%FF",
 "GET /market/%C0%80", "GET /market/prices/" . 'Y' x 100]
--- error_code eval
[404, 400, 400, 400, 404]
--- response_body_like eval
['"code":"not_found"', '"code":"bad_path"', '"code":"bad_path"',
 '"code":"bad_path"', '"code":"unknown_symbol"']



=== TEST 13: no board yet
--- http_config
    trading_board $TEST_NGINX_BOARD_NONE;
--- request
GET /market/prices/BTC
--- error_code: 503
--- response_headers
Retry-After: 1
--- response_body_like chomp
"code":"board_unavailable"



=== TEST 14: a board that is refused is told once, whoever asks
--- http_config
    trading_board $TEST_NGINX_BOARD_BAD;
--- config
    location /market/ {
        trading_market;
        add_header X-Prices "$trading_last_BTCUSDT$trading_last_ETHUSDT" always;
    }
--- request
GET /market/prices/BTC
--- error_code: 503
--- response_body_like chomp
"code":"board_unavailable"
--- error_log
file is refused: not a board
--- grep_error_log: file is refused
--- grep_error_log_out
file is refused



=== TEST 15: a board without quotes serves what it has
--- http_config
    trading_board $TEST_NGINX_BOARD_EMPTY;
    trading_stale 1h;
--- pipelined_requests eval
["GET /market/prices/BTC", "GET /market/prices", "GET /market/instruments"]
--- error_code eval
[503, 200, 200]
--- response_body_like eval
['"code":"no_quote"', '^\{\}$', '"symbol":"BTC"']



=== TEST 16: a path that was rewritten away from the prefix is no route
--- config
    location /m/ { rewrite ^ /prices break; trading_market; }
--- request
GET /m/prices
--- error_code: 404
--- response_body_like chomp
"code":"not_found"
