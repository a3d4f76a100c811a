# Protects candles, trades, order book, analysis and the sources' counters: the
# digits of the fixture's walk come out, oldest first, the open one flagged;
# what cannot be asked for is refused by name; tags move with the records.

BEGIN { push @INC, 't/lib' }
use Test::Nginx::Socket 'no_plan';
use TradingBlocks;

no_long_string();

add_block_preprocessor(sub { defaults(shift, board => 'SERIES') });

run_tests();

__DATA__

=== TEST 1: candles of an hour unless told otherwise, the open one last
--- request
GET /market/candles/btcusdt?limit=2
--- response_headers
Content-Type: application/json
Cache-Control: no-cache
--- response_body chomp
{"symbol":"BTC","interval":"1h","candles":[{"open_time":"2023-12-31T23:00:00.000Z","open":"43256.79","high":"43257.17","low":"43256.74","close":"43257.10","volume":"107.00599","quote_volume":"4628768.810029","trades":1599,"closed":true,"complete":true},{"open_time":"2024-01-01T00:00:00.000Z","open":"43257.10","high":"43257.14","low":"43257.10","close":"43257.14","volume":"0.00820","quote_volume":"354.708392","trades":40,"closed":false,"complete":false}]}



=== TEST 2: the old route's name, another interval, as many as there are
--- pipelined_requests eval
["GET /market/historical-data/ETH?interval=1d&limit=2",
 "GET /market/candles/ETH?interval=1m", "GET /market/candles/ETH?limit=1000",
 "GET /market/candles/ETH"]
--- response_body_like eval
['^\{"symbol":"ETH","interval":"1d","candles":\[\{"open_time":"2023-12-31T00:00:00.000Z","open":"2285.27","high":"2287.55","low":"2285.22","close":"2287.48","volume":"2884.1410",.*"closed":true,"complete":true\},\{"open_time":"2024-01-01T00:00:00.000Z",[^}]*"closed":false,"complete":false\}\]\}$',
 '^\{"symbol":"ETH","interval":"1m","candles":\[\{"open_time":"2024-01-01T00:00:00.000Z",[^}]*\}\]\}$',
 '^\{[^{]*(\{[^{}]*\},?){601}\]\}$', '^\{[^{]*(\{[^{}]*\},?){100}\]\}$']



=== TEST 3: end is exclusive, in ms or as RFC 3339 with any offset
--- pipelined_requests eval
["GET /market/candles/BTC?limit=1&end=1704063600000",
 "GET /market/candles/BTC?limit=1&end=1704063600001",
 "GET /market/candles/BTC?limit=1&end=2023-12-31T23:00:00Z",
 "GET /market/candles/BTC?limit=1&end=2024-01-01T00:00:00.001%2B01:00",
 "GET /market/candles/BTC?end=0"]
--- response_body_like eval
['"2023-12-31T22:00:00.000Z"', '"2023-12-31T23:00:00.000Z"',
 '"2023-12-31T22:00:00.000Z"', '"2023-12-31T23:00:00.000Z"',
 '^\{"symbol":"BTC","interval":"1h","candles":\[\]\}$']



=== TEST 4: an instrument without history has empty lists and no book
--- pipelined_requests eval
["GET /market/candles/XRP", "GET /market/trades/XRP", "GET /market/depth/XRP"]
--- error_code eval
[200, 200, 503]
--- response_body_like eval
['^\{"symbol":"XRP","interval":"1h","candles":\[\]\}$',
 '^\{"symbol":"XRP","trades":\[\]\}$',
 '"status":503,"detail":"there is no order book of \\\\"XRP\\\\"","code":"no_depth"']



=== TEST 5: what cannot be asked for is refused, and what can is listed
--- pipelined_requests eval
["GET /market/candles/BTC?interval=2h", "GET /market/candles/BTC?interval=1H",
 "GET /market/candles/BTC?limit=0", "GET /market/candles/BTC?limit=1001",
 "GET /market/candles/BTC?limit=ten", "GET /market/candles/BTC?end=tomorrow",
 "GET /market/depth/BTC?levels=7", "GET /market/trades/BTC?limit=-1",
 "GET /market/candles/BTC?limit=1&limit=2"]
--- error_code eval
[(400) x 9]
--- response_body_like eval
[('"code":"invalid_parameter".*"allowed":\["1m","5m","15m","1h","4h","1d"\]') x 2,
 ('from 1 to 1000","code":"invalid_parameter"') x 3,
 'RFC 3339', '"allowed":\["5","10","20"\]', '"code":"invalid_parameter"',
 'given twice']



=== TEST 6: unknown symbols are told as elsewhere
--- pipelined_requests eval
["GET /market/candles/NOPE", "GET /market/depth/NOPE",
 "GET /market/trade-history/NOPE", "GET /market/analysis/NOPE",
 "GET /market/historical-data/"]
--- error_code eval
[(404) x 5]
--- response_body_like eval
[('"code":"unknown_symbol"') x 4, '"code":"not_found"']



=== TEST 7: levels of the book, the best first
--- request
GET /market/depth/BTC?levels=5
--- response_body chomp
{"symbol":"BTC","last_update_id":777,"timestamp":"2024-01-01T00:00:00.900Z","received_at":"2024-01-01T00:00:01.000Z","stale":false,"bids":[["43257.09","1.00000"],["43257.08","2.00000"],["43257.07","3.00000"],["43257.06","4.00000"],["43257.05","5.00000"]],"asks":[["43257.11","1.00000"],["43257.12","2.00000"],["43257.13","3.00000"],["43257.14","4.00000"],["43257.15","5.00000"]]}



=== TEST 8: twenty levels unless told otherwise
--- request
GET /market/depth/ETH
--- response_body_like chomp
^\{"symbol":"ETH",[^[]*"bids":\[(\["[0-9.]+","[0-9.]+"\],?){20}\],"asks":\[(\["[0-9.]+","[0-9.]+"\],?){20}\]\}$



=== TEST 9: the newest trades, oldest first, by both names
--- pipelined_requests eval
["GET /market/trades/BTC?limit=2", "GET /market/trade-history/BTC"]
--- response_body_like eval
['^\{"symbol":"BTC","trades":\[\{"id":1038,"price":"43257.13","quantity":"0.00039","side":"buy","timestamp":"2024-01-01T00:00:00.760Z","seq":\d+\},\{"id":1039,"price":"43257.14","quantity":"0.00040","side":"sell","timestamp":"2024-01-01T00:00:00.780Z","seq":\d+\}\]\}$',
 '^\{[^{]*(\{[^{}]*\},?){40}\]\}$']



=== TEST 10: the tag is the records', HEAD has it too
--- request eval
["HEAD /market/candles/BTC?limit=2", "HEAD /market/trades/BTC",
 "HEAD /market/depth/BTC"]
--- response_headers_like eval
[('ETag: "[0-9a-f]+-[0-9a-f]{8,16}"') x 3]
--- response_body eval
[('') x 3]



=== TEST 11: a client that has the records gets 304 and nothing else
--- request
GET /market/candles/XRP
--- more_headers
If-None-Match: *
--- error_code: 304
--- response_headers_like
ETag: "[0-9a-f]+-0"
--- response_body:



=== TEST 12: only GET and HEAD
--- request
POST /market/candles/BTC
--- error_code: 405
--- response_headers
Allow: GET, HEAD
--- response_body_like chomp
"code":"method_not_allowed"



=== TEST 13: indicators of every interval
--- request
GET /market/analysis/BTC
--- response_body_like chomp
^\{"symbol":"BTC",.*"intervals":\{"1m":\{.*"1h":\{"open_time":"2024-01-01T00:00:00.000Z","closed":false,"sma_20":"[0-9.]+".*"stochastic_d":[0-9.]+\}



=== TEST 14: sources: connected, heard from and moving are told apart
--- request
GET /market/data-feeds
--- response_body_like chomp
^\{"timestamp":"[^"]+","sources":\{"simulator":\{"state":"connected",("scenario":"[a-z]+",)?"cause":null,"last_status":null,"connected_since":null,"last_heard":"2024-01-01T00:00:01.000Z","heard_limit_ms":null,"mute":null,"last_update":"2024-01-01T00:00:01.000Z","last_moved":"2024-01-01T00:00:01.000Z","messages":0,"bytes":0,"updates":7,"refused":\{"zero":0,.*\},"reconnects":\{"refused":0,.*\},"error_count":0\}\},"books":\{"synced":3,"lost":2,"checked":250,"wrong":1\}\}$



=== TEST 15: what became of the books that are kept, in metrics too
--- config
    location = /metrics { trading_metrics; }
--- request
GET /metrics
--- response_body_like chomp
\ntrading_book_events_total\{event="synced"\} 3\ntrading_book_events_total\{event="lost"\} 2\ntrading_book_events_total\{event="checked"\} 250\ntrading_book_events_total\{event="wrong"\} 1\n



=== TEST 16: prices as the system before wrote them
--- pipelined_requests eval
["GET /market/prices/BTC?format=display",
 "GET /market/prices?format=display&symbols=ETH&fields=current_price,price_change_24h,volume",
 "GET /market/prices/asset/crypto?format=display",
 "GET /market/prices/BTC?format=exact", "GET /market/prices/BTC?format=xml"]
--- error_code eval
[200, 200, 200, 200, 400]
--- response_body_like eval
['"current_price":"\$43250.1200","bid":"\$43250.1100","ask":"\$43250.1200","price_change_24h":"\+1.25%","open_24h":"\$42716.1700","high_24h":"\$43500.0000","low_24h":"\$42500.5000","volume":"12345.67890"',
 '^\{"ETH":\{"current_price":"\$2280.5000","price_change_24h":"-5.00%","volume":"1000000.5000"\}\}$',
 '"DOGE":\{[^}]*"current_price":"\$0.0912","bid":null,', '"current_price":"43250.12"',
 '"allowed":\["exact","display"\]']



=== TEST 16: kept texts of one slot take turns and are never mixed up
--- pipelined_requests eval
[map { "GET /market/candles/BTC?limit=$_" } (20, 52, 20, 20, 52, 601, 52)]
--- response_body_like eval
[map { '^\{"symbol":"BTC","interval":"1h","candles":\[(\{"open_time":"[^{}]*"closed":true,"complete":true\},){' . ($_ - 1) . '}\{"open_time":"2024-01-01T00:00:00.000Z",[^{}]*"closed":false,"complete":false\}\]\}$' }
 (20, 52, 20, 20, 52, 601, 52)]
