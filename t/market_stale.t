# Protects the one promise about a silent writer: what it left is served, and
# says that it is stale on every surface, or is refused where trading_stale
# says so.  A broken build shows "stale":false after marketd died.

use File::Temp qw(tempdir);

# a board whose quotes were good when its writer fell silent, and one that
# its writer closed
BEGIN {
    for (['silent', '--beat-ago', 600000], ['closed', '--closed']) {
        my ($name, @options) = @$_;
        my $dir = tempdir("trading-$name-XXXXXX", TMPDIR => 1, CLEANUP => 1);
        chmod 0755, $dir;
        system("build/mkboard @options instruments.json"
               . " t/fixtures/quotes.tsv $dir > /dev/null") == 0
            or die "mkboard failed";
        $ENV{'TEST_NGINX_BOARD_' . uc $name} = "$dir/board";
    }
}

BEGIN { push @INC, 't/lib' }
use Test::Nginx::Socket 'no_plan';
use TradingBlocks;

no_long_string();

add_block_preprocessor(sub { defaults(shift) });

# as it stands in the header of the file
sub generation {
    open my $in, '<:raw', shift or die "no board: $!";
    read $in, my $head, 32;
    return (unpack 'x24 Q<', $head)[0];
}

run_tests();

__DATA__

=== TEST 1: a quote of a silent writer is served and says so
--- http_config
    trading_board $TEST_NGINX_BOARD_SILENT;
--- request
GET /market/prices/BTC
--- response_headers
X-Market-Stale: 1
--- response_headers_like
ETag: "[0-9a-f]+-1-stale"
--- response_body_like chomp
^\{"symbol":"BTC",.*"current_price":"43250.12",.*"stale":true ,"seq":1\}$



=== TEST 2: every page of it says so, and none says otherwise
--- http_config
    trading_board $TEST_NGINX_BOARD_SILENT;
--- pipelined_requests eval
["GET /market/prices", "GET /market/prices/asset/CRYPTO",
 "GET /market/summary", "GET /trading/signals", "GET /trading/signals/BTC",
 "GET /trading/binary/BTC", "GET /market/prices?symbols=BTC,ETH",
 "GET /market/prices?fields=stale", "GET /market/prices/BTC?fields=stale",
 "GET /trading/binary/stream"]
--- response_body_like eval
[('^(?!.*"stale":false).*"stale":true') x 10]



=== TEST 3: it is never sent compressed, where it could not be marked
--- http_config
    trading_board $TEST_NGINX_BOARD_SILENT;
--- request
GET /market/prices
--- more_headers
Accept-Encoding: gzip
--- response_headers
!Content-Encoding
X-Market-Stale: 1
Vary: Accept-Encoding



=== TEST 4: the tag of the fresh page does not match
--- http_config
    trading_board $TEST_NGINX_BOARD_SILENT;
--- config
    location /market/ { trading_market; }
--- request
GET /market/prices/BTC
--- more_headers eval
'If-None-Match: "' . sprintf('%x', main::generation($ENV{TEST_NGINX_BOARD_SILENT}))
. '-1"'
--- error_code: 200



=== TEST 5: the tag of the stale page does
--- http_config
    trading_board $TEST_NGINX_BOARD_SILENT;
--- request
GET /market/prices/BTC
--- more_headers eval
'If-None-Match: "' . sprintf('%x', main::generation($ENV{TEST_NGINX_BOARD_SILENT}))
. '-1-stale"'
--- error_code: 304



=== TEST 6: refused where the location says so, but for the catalogue
--- http_config
    trading_board $TEST_NGINX_BOARD_SILENT;
--- config
    trading_stale 5s fail;
    location /market/ { trading_market; }
    location /long/ { trading_market; trading_stale 1h; }
    location /serve/ { trading_market; trading_stale 5s serve; }
--- pipelined_requests eval
["GET /market/prices/BTC", "GET /market/prices?fields=seq",
 "GET /market/instruments", "GET /long/prices/BTC", "GET /serve/prices/BTC"]
--- error_code eval
[503, 503, 200, 200, 200]
--- response_body_like eval
['"code":"market_stale"', '"code":"market_stale"', '"total_instruments":23',
 '"stale":false', '"stale":true ']



=== TEST 7: a writer that left counts as silent at once
--- http_config
    trading_board $TEST_NGINX_BOARD_CLOSED;
    trading_stale 1h;
--- pipelined_requests eval
["GET /market/prices/BTC", "GET /market/health"]
--- error_code eval
[200, 503]
--- response_body_like eval
['"stale":true ', '^\{"status":"down","heartbeat_age_ms":null']



=== TEST 8: a living writer's quotes are fresh
--- http_config
    trading_board $TEST_NGINX_BOARD;
--- request
GET /market/prices/BTC
--- response_headers
!X-Market-Stale
--- response_body_like chomp
"stale":false



=== TEST 9: what the writer marked stale itself stays so
--- http_config
    trading_board $TEST_NGINX_BOARD_OLD;
    trading_stale 1h;
--- request
GET /market/prices/BTC
--- response_headers
!X-Market-Stale
--- response_body_like chomp
"stale":true,"seq":



=== TEST 10: a wrong time stops the start
--- config
    location /market/ { trading_market; trading_stale soon; }
--- must_die
--- error_log
invalid time "soon" in "trading_stale"



=== TEST 11: a wrong mode stops the start
--- config
    location /market/ { trading_market; trading_stale 2s maybe; }
--- must_die
--- error_log
invalid mode "maybe" in "trading_stale"
