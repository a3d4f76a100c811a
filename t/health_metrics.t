# Protects what operators and balancers read: liveness that depends on
# nothing, readiness and health that say what is down, and metrics that add
# up over workers.  A broken build reports health without looking.

BEGIN { push @INC, 't/lib' }
use Test::Nginx::Socket 'no_plan';
use TradingBlocks;

no_long_string();
workers(2);

add_block_preprocessor(sub { defaults(shift) });

# every sample belongs to the family announced before it, counters end in
# _total, no series comes twice, buckets grow
sub check_exposition {
    my ($family, $type, %seen, $last) = ('', '');

    for (split /\n/, shift) {
        next if /^# HELP ([a-z_]+) \S/;

        if (/^# TYPE ([a-z_]+) (counter|gauge|histogram)$/) {
            ($family, $type, $last) = ($1, $2, 0);
            return "family twice: $_" if $seen{"# $family"}++;
            return "counter: $_" if $type eq 'counter' && !/_total /;
            next;
        }

        return "no sample: $_"
            unless /^([a-z_]+)(\{[^}]*\})? (\+Inf|-?\d+(?:\.\d+)?)$/;
        my ($name, $labels, $value) = ($1, $2 // '', $3);

        return "twice: $_" if $seen{"$name$labels"}++;
        $name =~ s/_(?:bucket|sum|count)$// if $type eq 'histogram';
        return "stray: $_" if $name ne $family;

        if ($labels =~ /le=/) {
            return "shrinks: $_" if $value < $last;
            $last = $value;
        }
    }

    return $seen{'# trading_page_lag_seconds'} ? 'valid' : 'incomplete';
}

run_tests();

__DATA__

=== TEST 1: liveness does not depend on the board
--- http_config
    trading_board $TEST_NGINX_BOARD_NONE;
--- config
    location /health { trading_health; }
--- request
GET /health
--- response_body chomp
{"status":"ok"}
--- response_headers
Content-Type: application/json
Cache-Control: no-store



=== TEST 2: readiness does
--- http_config
    trading_board $TEST_NGINX_BOARD_NONE;
--- config
    location /health { trading_health; }
--- request
GET /health/ready
--- error_code: 503
--- response_headers
Retry-After: 1
--- response_body_like chomp
^\{"status":"not_ready","dependencies":\{"market":\{"status":"unavailable"



=== TEST 3: ready with a writer that lives
--- config
    location /health { trading_health; }
--- request
GET /health/ready
--- response_body_like chomp
^\{"status":"ready","dependencies":\{"market":\{"status":"ok","heartbeat_age_ms":\d+,"generation":\d+,"seq":7,"instruments":23,"quoted":7,"stale":0\}\}\}$



=== TEST 4: not ready with one that fell silent, nor without quotes
--- http_config
    trading_board $TEST_NGINX_BOARD_OLD;
--- config
    location /health { trading_health; }
--- request
GET /health/ready
--- error_code: 503
--- response_body_like chomp
"market":\{"status":"stale","heartbeat_age_ms":[1-9]\d{4,}



=== TEST 5: no quotes
--- http_config
    trading_board $TEST_NGINX_BOARD_EMPTY;
    trading_stale 1h;
--- config
    location /health { trading_health; }
--- request
GET /health/ready
--- error_code: 503
--- response_body_like chomp
"market":\{"status":"no_quotes"



=== TEST 6: nothing else is below a health location
--- config
    location /health { trading_health; }
    location = /alive { trading_health; }
--- pipelined_requests eval
["GET /health/other", "GET /alive", "GET /healthy"]
--- error_code eval
[404, 200, 404]



=== TEST 7: the market's health tells each source, and its errors by reason
--- request
GET /market/health
--- error_code_like: ^(200|503)$
--- response_body_like chomp
^\{"status":"(ok|degraded|down)","heartbeat_age_ms":\d+,"generation":\d+,"seq":7,"instruments":23,"quoted":7,"stale":0,"sources":\{.*\}\}$



=== TEST 8: a market that is not there is down
--- http_config
    trading_board $TEST_NGINX_BOARD_NONE;
--- pipelined_requests eval
["GET /market/health", "GET /trading/health"]
--- error_code eval
[503, 503]
--- response_body_like eval
['^\{"status":"down","detail":"there is no market data yet"',
 '^\{"status":"down","detail":"there is no market data yet"']



=== TEST 9: metrics are valid and cover board and workers
--- config
    location /market/ { trading_market; }
    location = /metrics { trading_metrics; }
--- request
GET /metrics
--- response_headers
Content-Type: text/plain; version=0.0.4; charset=utf-8
--- response_body_filters eval
\&main::check_exposition
--- response_body chomp
valid



=== TEST 10: metrics without a board
--- http_config
    trading_board $TEST_NGINX_BOARD_NONE;
--- config
    location = /metrics { trading_metrics; }
--- request
GET /metrics
--- response_body_like chomp
\ntrading_board_up 0\n



=== TEST 11: requests of all workers are counted
--- http_config
    trading_board $TEST_NGINX_BOARD;
    trading_stale 2h;
--- config
    location /market/ { trading_market; }
    location = /metrics { trading_metrics; }
--- pipelined_requests eval
[("GET /market/prices/BTC") x 5, "GET /market/prices/NOPE", "GET /metrics"]
--- error_code eval
[(200) x 5, 404, 200]
--- response_body_like eval
[('"symbol":"BTC"') x 5, 'unknown_symbol',
 'route="price",status="2xx"\} ([5-9]|\d\d+)\n.*route="price",status="4xx"\} [1-9]']



=== TEST 12: the card lists the routes of this server and no others
--- config
    location = /card { trading_info; }
    location /market/ { trading_market; }
    location = /alive { trading_health; }
--- request
GET /card
--- response_body_like chomp
^\{"name":"ngx_trading","version":"[\d.]+".*"path":"/market/prices/\{symbol\}".*"path":"/market/".*"path":"/alive"(?!.*/alive/ready)(?!.*/binary)



=== TEST 13: a board must be named where one is needed
--- http_config
--- config
    location /market/ { trading_market; }
--- must_die
--- error_log
"trading_market" needs "trading_board" in the http block in



=== TEST 14: a location by regular expression has no prefix
--- config
    location ~ ^/market { trading_market; }
--- must_die
--- error_log
"trading_market" cannot be used in a location given by a regular expression



=== TEST 15: a named location has none either
--- config
    location @market { trading_signals; }
--- must_die
--- error_log
"trading_signals" cannot be used in a named location



=== TEST 16: one location answers one service
--- config
    location /x/ { trading_market; trading_signals; }
--- must_die
--- error_log
"trading_signals" is used in a location that answers with "trading_market"
