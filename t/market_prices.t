# Protects the price routes: every alias of a symbol leads to the same quote,
# what a source did not give is null, a specific route is never taken for a
# symbol, and ?symbols= and ?fields= say what the whole quote says.  A broken
# build shows another body, or 404 where a route was shadowed.

BEGIN { push @INC, 't/lib' }
use Test::Nginx::Socket 'no_plan';
use TradingBlocks;

no_long_string();

add_block_preprocessor(sub { defaults(shift) });

run_tests();

__DATA__

=== TEST 1: a quote holds every field, exactly
--- request
GET /market/prices/BTC
--- response_body chomp
{"symbol":"BTC","exchange_symbol":"BTCUSDT","asset_class":"CRYPTO","current_price":"43250.12","bid":"43250.11","ask":"43250.12","price_change_24h":"1.25","open_24h":"42716.17","high_24h":"43500.00","low_24h":"42500.50","volume":"12345.67890","quote_volume":"533333333.33","timestamp":"2024-01-01T00:00:00.123Z","received_at":"2024-01-01T00:00:01.000Z","source":"binance","simulated":false,"stale":false,"seq":1}
--- response_headers
Content-Type: application/json
Cache-Control: no-cache
!X-Market-Stale



=== TEST 2: each alias, in any case, leads to the same quote
--- pipelined_requests eval
[map { "GET /market/prices/$_?fields=symbol" }
 qw(BTCUSDT btc btcusdt BTC-USDT btc/usdt Btc%2fUsdt %42TC)]
--- response_body eval
[('{"symbol":"BTC"}') x 7]



=== TEST 3: a symbol with a slash is found plain, encoded and joined
--- pipelined_requests eval
[map { "GET /market/prices/$_?fields=symbol" }
 qw(EUR/USD eur%2Fusd EURUSD eur-usd)]
--- response_body eval
[('{"symbol":"EUR/USD"}') x 4]



=== TEST 4: what the source did not give is null
--- request
GET /market/prices/DOGE?fields=current_price,bid,open_24h,volume,timestamp
--- response_body chomp
{"current_price":"0.09120","bid":null,"open_24h":null,"volume":null,"timestamp":null}



=== TEST 5: the whole market leaves out instruments without a quote
--- request
GET /market/prices?fields=seq
--- response_body chomp
{"BTC":{"seq":1},"ETH":{"seq":2},"SOL":{"seq":3},"XRP":{"seq":4},"DOGE":{"seq":5},"EUR/USD":{"seq":6},"XAU/USD":{"seq":7}}



=== TEST 6: the whole market is keyed by symbol
--- request
GET /market/prices
--- response_body_like chomp
^\{"BTC":\{"symbol":"BTC",.*"XAU/USD":\{"symbol":"XAU/USD",.*\}\}$



=== TEST 7: an asset class in any case
--- pipelined_requests eval
["GET /market/prices/asset/metals?fields=seq",
 "GET /market/prices/asset/FOREX?fields=seq",
 "GET /market/prices/asset/Commodities"]
--- response_body eval
['{"XAU/USD":{"seq":7}}', '{"EUR/USD":{"seq":6}}', '{}']



=== TEST 8: named symbols come in their order and once
--- request
GET /market/prices?symbols=ETH,btcusdt,EUR%2FUSD,BTC
--- response_body_like chomp
^\{"ETH":\{"symbol":"ETH",[^{]*\},"BTC":\{"symbol":"BTC",[^{]*\},"EUR/USD":\{"symbol":"EUR/USD",[^{]*\}\}$



=== TEST 9: named symbols with named fields
--- request
GET /market/prices?fields=current_price,seq&symbols=SOL,XRP
--- response_body chomp
{"SOL":{"current_price":"105.00","seq":3},"XRP":{"current_price":"0.6000","seq":4}}



=== TEST 10: an age that is kept gives the whole quote
--- http_config
    trading_board $TEST_NGINX_BOARD_FRESH;
    trading_stale 1h;
--- request
GET /market/prices/ETH?max_age_ms=9000000000
--- response_body_like chomp
^\{"symbol":"ETH",.*"seq":2\}$



=== TEST 11: the other routes are pages
--- pipelined_requests eval
["GET /market/", "GET /market/overview", "GET /market/summary",
 "GET /market/supported-symbols", "GET /market/instruments",
 "GET /market/cache/stats", "GET /market/prices/"]
--- response_body_like eval
['^\{"service":"market"', '^\{"timestamp":.*"total_instruments":23',
 '^\{.*"market_data":\{"BTC"', '^\{"total_symbols":23', '^\{.*"price_tick"',
 '^\{"board":\{"layout":\d+,"size":\d+,', '^\{"BTC"']



=== TEST 12: any location may carry the routes
--- config
    location /tradingsystem/market { trading_market; }
    location = /card { trading_market; }
    location /a/b/ { trading_market; }
--- pipelined_requests eval
["GET /tradingsystem/market/prices/BTC?fields=seq",
 "GET /a/b/prices/ETH?fields=seq", "GET /tradingsystem/market", "GET /card",
 "GET /tradingsystem/marketprices"]
--- response_body_like eval
['^\{"seq":1\}$', '^\{"seq":2\}$', '^\{"service":"market"',
 '^\{"service":"market"', '"code":"not_found"']
--- error_code eval
[200, 200, 200, 200, 404]
