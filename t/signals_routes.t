# Protects the signal routes: the specific ones are never taken for a symbol
# (/binary/stream behind /binary/{symbol} was a defect of the system before),
# the binary map keeps every instrument's place, and the threshold model says
# what its published rule says.

BEGIN { push @INC, 't/lib' }
use Test::Nginx::Socket 'no_plan';
use TradingBlocks;

no_long_string();

add_block_preprocessor(sub { defaults(shift) });

run_tests();

__DATA__

=== TEST 1: the signal of an instrument, by the published rule
--- request
GET /trading/signals/SOL
--- response_body_like chomp
^\{"symbol":"SOL","asset_class":"CRYPTO","current_price":"105.00","price_change_24h":"5.00","signal":"STRONG_BUY","signal_strength":100,"confidence":90,"entry_price":"105.00","target_price":"108.15","stop_loss":"102.90",.*"model":"threshold"



=== TEST 2: a fall of five percent
--- request
GET /trading/signals/ethusdt
--- response_body_like chomp
"price_change_24h":"-5.00","signal":"STRONG_SELL","signal_strength":100,



=== TEST 3: no change is down, and says so
--- request
GET /trading/signals/XRP
--- response_body_like chomp
"signal":"DOWN","signal_strength":10,.*has not changed



=== TEST 4: specific routes are not taken for symbols
--- pipelined_requests eval
["GET /trading/binary/stream", "GET /trading/analysis/trends",
 "GET /trading/signals/asset/crypto", "GET /trading/binary",
 "GET /trading/binary/BTC", "GET /trading/signals"]
--- response_body_like eval
['"stream":\[\{"symbol":"BTC"', '"top_gainers":', '^\{"BTC":\{"symbol":"BTC"',
 '"binary_string":"10-10---------1------0-"',
 '^\{"symbol":"BTC","binary_code":1,"signal":"UP"',
 '^\{"BTC":\{"symbol":"BTC"']



=== TEST 5: every instrument keeps its place in the binary map
--- request
GET /trading/binary
--- response_body_like chomp
"total_signals":6,"bullish_signals":3,"bearish_signals":3,"market_sentiment":"NEUTRAL","binary_array":\[1,0,null,1,0,null,.*"map_version":\d+



=== TEST 6: the other routes are pages
--- pipelined_requests eval
["GET /trading/", "GET /trading/analysis", "GET /trading/recommendations",
 "GET /trading/health"]
--- response_body_like eval
['^\{"service":"signals"', '"asset_class_analysis":\{"CRYPTO"',
 '"strong_buy":\[\{"symbol":"SOL"', '^\{"status":"(ok|degraded|down)"']



=== TEST 7: the model may be named, and a timeframe given
--- pipelined_requests eval
["GET /trading/signals/BTC?model=threshold",
 "GET /trading/signals/BTC?model=Threshold&timeframe=1d",
 "GET /trading/signals/BTC?model=oracle"]
--- error_code eval
[200, 200, 400]
--- response_body_like eval
['"model":"threshold"', '"model":"threshold"',
 '"code":"unknown_model".*"allowed":\["threshold","technical"\]']



=== TEST 8: an unknown symbol and class are told as on the market routes
--- pipelined_requests eval
["GET /trading/signals/NOPE", "GET /trading/binary/NOPE",
 "GET /trading/signals/asset/NOPE"]
--- error_code eval
[404, 404, 404]
--- response_body_like eval
['"code":"unknown_symbol"', '"code":"unknown_symbol"',
 '"code":"unknown_class"']



=== TEST 9: a quote without a day behind it has no signal
--- request
GET /trading/signals/DOGE
--- error_code: 503
--- response_body_like chomp
"detail":"there is no signal of \\"DOGE\\" yet","code":"no_quote"



=== TEST 10: a signal has a tag, and its page no second encoding
--- request
GET /trading/signals/BTC
--- more_headers
Accept-Encoding: gzip
--- response_headers_like
ETag: "[0-9a-f]+-1"
--- response_headers
!Content-Encoding
!Vary
