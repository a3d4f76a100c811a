# Protects the technical model's routes and the long poll: a signal belongs to
# its timeframe, what has none is left out or told and keeps its place among
# the bits, a route that has nothing of the model says so; a waiting request is
# answered in time and never too early.

BEGIN { push @INC, 't/lib' }
use Test::Nginx::Socket 'no_plan';
use TradingBlocks;

no_long_string();

add_block_preprocessor(sub { defaults(shift, board => 'SERIES') });

run_tests();

__DATA__

=== TEST 1: an hour's signal unless told otherwise
--- pipelined_requests eval
["GET /trading/signals/BTC?model=technical",
 "GET /trading/signals/BTC?model=Technical&timeframe=1h",
 "GET /trading/signals/BTC?timeframe=1h"]
--- response_body_like eval
['^\{"symbol":"BTC",.*"signal":"BUY",.*"entry_price":"43257.10",.*"timeframe":"1H",.*"model":"technical"\}$',
 '"timeframe":"1H",.*"model":"technical"\}$', '"model":"threshold"']



=== TEST 2: the signals of a timeframe, those without one left out
--- pipelined_requests eval
["GET /trading/signals?model=technical",
 "GET /trading/signals/asset/crypto?model=technical&timeframe=1H",
 "GET /trading/signals/asset/forex?model=technical",
 "GET /trading/signals?model=technical&timeframe=1D"]
--- response_body_like eval
[('^\{"BTC":\{[^}]*"model":"technical"\},"ETH":\{[^}]*"model":"technical"\}\}$') x 2,
 '^\{\}$', '^\{("BTC":\{[^}]*"timeframe":"1D"[^}]*\},.*)?\}$']



=== TEST 3: no signal yet
--- request
GET /trading/signals/XRP?model=technical&timeframe=5m
--- error_code: 503
--- response_headers
Retry-After: 1
--- response_body_like chomp
"detail":"there is no technical signal of \\"XRP\\" over 5M yet","code":"no_signal"



=== TEST 4: routes that do not go by a model do not look at it
--- pipelined_requests eval
["GET /trading/performance?model=technical",
 "GET /trading/binary/map/1?model=oracle&model=",
 "GET /market/analysis/BTC?model=technical&timeframe=7Y",
 "GET /market/prices/BTC?model=technical"]
--- error_code eval
[(200) x 4]
--- response_body_like eval
['"distribution":', '"map_version":1', '"intervals":', '"bid":']



=== TEST 5: a timeframe that there is not
--- request
GET /trading/signals/BTC?model=technical&timeframe=2H
--- error_code: 400
--- response_body_like chomp
"code":"invalid_parameter".*"allowed":\["1M","5M","15M","1H","4H","1D"\]



=== TEST 6: what signals were worth
--- request
GET /trading/performance
--- response_headers_like
ETag: "[0-9a-f]+-[0-9a-f]+"
--- response_body_like chomp
^\{"timestamp":.*"distribution":\{"threshold":\{.*"technical":\{"1M":.*"past_signals":\[\{"model":"threshold",.*\{"model":"technical","timeframe":"1H","horizon":"4 candles","count":[1-9]



=== TEST 7: the map of a version, in the order of the bits
--- request
GET /trading/binary/map/1
--- response_headers_like
ETag: "[0-9a-f]+-1"
--- response_body_like chomp
^\{"map_version":1,"symbols":\["BTC","ETH","BNB",.*"XAU/USD","XAG/USD"\]\}$



=== TEST 8: another version, or none
--- pipelined_requests eval
["GET /trading/binary/map/2", "GET /trading/binary/map/99999999999999999999",
 "GET /trading/binary/map/one"]
--- error_code eval
[404, 404, 400]
--- response_body_like eval
[('"code":"unknown_version".*"map_version":1\}') x 2, '"code":"bad_path"']



=== TEST 9: a quote that is newer already is answered at once
--- request
GET /market/prices/BTC?after_seq=0&timeout_ms=60000
--- timeout: 2
--- response_headers
!X-Timed-Out
--- response_body_like chomp
"current_price":"43250.12"



=== TEST 10: a quote that does not come: the one that there is, and a mark
--- request
GET /market/prices/BTC?after_seq=1&timeout_ms=200
--- response_headers
X-Timed-Out: 1
--- response_body_like chomp
"current_price":"43250.12".*"seq":1\}



=== TEST 11: a wait of nothing asks and goes
--- request
GET /market/prices/BTC?after_seq=1&timeout_ms=0&fields=seq
--- response_headers
X-Timed-Out: 1
--- response_body chomp
{"seq":1}



=== TEST 12: a number of another board is not waited for
--- request
GET /market/prices/BTC?after_seq=4000000000
--- timeout: 2
--- response_headers
!X-Timed-Out
--- response_body_like chomp
"seq":1\}



=== TEST 13: a client that leaves is no error
--- request
GET /market/prices/BTC?after_seq=1&timeout_ms=5000
--- timeout: 0.2
--- abort
--- ignore_response
--- wait: 0.3
--- no_error_log
[error]
[alert]



=== TEST 14: a wait is judged before it begins
--- pipelined_requests eval
["GET /market/prices/BTC?after_seq=x",
 "GET /market/prices/BTC?after_seq=1&timeout_ms=60001",
 "GET /market/prices/NOPE?after_seq=1"]
--- error_code eval
[400, 400, 404]
--- response_body_like eval
['"after_seq', 'from 0 to 60000', '"code":"unknown_symbol"']



=== TEST 15: the bits of a timeframe; who has no signal keeps its place
--- pipelined_requests eval
["GET /trading/binary?model=technical",
 "GET /trading/binary?model=technical&timeframe=1h",
 "GET /trading/binary?model=technical&timeframe=5M",
 "GET /trading/binary?timeframe=5M"]
--- response_body_like eval
[('"model":"technical","timeframe":"1H","total_signals":2,.*"binary_array":\[1,[01],null,.*"binary_string":"1[01]-{21}","symbols":\["BTC","ETH","BNB",.*"map_version":1\}$') x 2,
 '"timeframe":"5M","total_signals":0,"bullish_signals":0,"bearish_signals":0,"market_sentiment":"NEUTRAL",.*"binary_string":"-{23}"',
 '"model":"threshold","total_signals":6,']



=== TEST 16: one bit, and all as a list
--- pipelined_requests eval
["GET /trading/binary/BTC?model=technical",
 "GET /trading/binary/btc-usdt?model=technical&timeframe=1H",
 "GET /trading/binary/stream?model=technical",
 "GET /trading/binary/stream?model=technical&timeframe=1M"]
--- response_body_like eval
[('^\{"symbol":"BTC",[^}]*"binary_code":1,"signal":"BUY",[^}]*"timeframe":"1H",[^}]*"model":"technical"\}$') x 2,
 '"model":"technical","timeframe":"1H","total_signals":2,"stream":\[\{"symbol":"BTC",[^}]*"binary_code":1,[^}]*\},\{"symbol":"ETH",[^}]*\}\]\}$',
 '"timeframe":"1M","total_signals":0,"stream":\[\]\}$']



=== TEST 17: analysis and recommendations
--- pipelined_requests eval
["GET /trading/analysis?model=technical",
 "GET /trading/analysis/trends?model=TECHNICAL&timeframe=1H",
 "GET /trading/recommendations?model=technical",
 "GET /trading/recommendations?model=technical&timeframe=15M"]
--- response_body_like eval
[('"model":"technical","timeframe":"1H","asset_class_analysis":\{"CRYPTO":\{"total":14,"bullish":[12],"bearish":[01],"average_change":"[^"]*","sentiment":"[A-Z]+"\},"FOREX":\{"total":7,"bullish":0,"bearish":0,.*"high_confidence_signals":\[') x 2,
 '"model":"technical","timeframe":"1H","strong_buy":.*"buy":\[\{"symbol":"BTC",[^}]*"model":"technical"\}.*"summary":\{.*"total_signals":2,',
 '"timeframe":"15M","strong_buy":\[\],"buy":\[\],"sell":\[\],"strong_sell":\[\],"summary":\{.*"total_signals":0,"market_sentiment":"NEUTRAL"\}\}$']



=== TEST 18: compressed to who takes it
--- request
GET /trading/binary/stream?model=technical
--- more_headers
Accept-Encoding: gzip
--- response_headers
Content-Encoding: gzip
Content-Type: application/json
Vary: Accept-Encoding
--- response_headers_like
ETag: "[0-9a-f]+-[0-9a-f]+-gz"
--- response_body_filters eval
sub { require Compress::Zlib; Compress::Zlib::memGunzip(shift) }
--- response_body_like chomp
^\{"timestamp":.*"model":"technical","timeframe":"1H",.*\}$



=== TEST 19: HEAD has the headers of GET and no body
--- request
HEAD /trading/analysis?model=technical
--- response_headers
Content-Type: application/json
Cache-Control: no-cache
--- response_headers_like
ETag: "[0-9a-f]+-[0-9a-f]+"
Content-Length: [1-9]\d+
--- response_body



=== TEST 20: who has the page is not sent it
--- request
GET /trading/binary?model=technical
--- more_headers
If-None-Match: *
--- error_code: 304
--- response_headers_like
ETag: "[0-9a-f]+-[0-9a-f]+"
--- response_body



=== TEST 21: mistakes
--- pipelined_requests eval
["GET /trading/binary?model=technical&timeframe=2H",
 "GET /trading/recommendations?model=technical&timeframe=",
 "GET /trading/analysis?model=oracle",
 "GET /trading/binary?model=technical&model=technical",
 "GET /trading/binary/XRP?model=technical",
 "GET /trading/binary/NOPE?model=technical"]
--- error_code eval
[400, 400, 400, 400, 503, 404]
--- response_body_like eval
['"code":"invalid_parameter".*"allowed":\["1M",',
 '"code":"invalid_parameter".*"allowed":\["1M",',
 '"code":"unknown_model".*"allowed":\["threshold","technical"\]',
 'given twice', '"code":"no_signal"', '"code":"unknown_symbol"']



=== TEST 22: nothing has a quote yet
--- http_config
    trading_board $TEST_NGINX_BOARD_EMPTY;
    trading_stale 1h;
--- pipelined_requests eval
["GET /trading/binary?model=technical",
 "GET /trading/recommendations?model=technical",
 "GET /trading/analysis?model=technical"]
--- response_body_like eval
['"binary_string":"-{23}"', '"total_signals":0,', '"top_gainers":\[\],']



=== TEST 23: the writer is gone
--- http_config
    trading_board $TEST_NGINX_BOARD_OLD;
    trading_stale 1s;
--- config
    location /trading/ { trading_signals; }
--- request
GET /trading/analysis?model=technical
--- more_headers
Accept-Encoding: gzip
--- response_headers
X-Market-Stale: 1
!Content-Encoding
--- response_body_like chomp
^(?!.*"stale":false).*"stale":true



=== TEST 24: and where that is refused
--- http_config
    trading_board $TEST_NGINX_BOARD_OLD;
--- config
    location /trading/ { trading_signals; trading_stale 1s fail; }
--- request
GET /trading/binary?model=technical
--- error_code: 503
--- response_body_like chomp
"code":"market_stale"
