# Protects HTTP itself: conditional requests, HEAD, methods, bodies and
# compression.  A broken build shows 200 where 304 is due, a body where none
# may be, a tag shared by two encodings, or a body compressed twice.

BEGIN { push @INC, 't/lib' }
use Test::Nginx::Socket 'no_plan';
use TradingBlocks;

no_long_string();

add_block_preprocessor(sub { defaults(shift) });

# of the board, as it stands in the header of the file
sub generation {
    open my $in, '<:raw', $ENV{TEST_NGINX_BOARD} or die "no board: $!";
    read $in, my $head, 32;
    return sprintf '%x', (unpack 'x24 Q<', $head)[0];
}

run_tests();

__DATA__

=== TEST 1: a tag that matches gives 304 without a body
--- request
GET /market/prices/BTC
--- more_headers eval
qq{If-None-Match: "@{[main::generation()]}-1"}
--- error_code: 304
--- response_headers_like
ETag: "[0-9a-f]+-1"
--- response_headers
Cache-Control: no-cache
!Content-Type
!Content-Length
--- response_body



=== TEST 2: so does a list, a weak tag and any
--- request
GET /market/prices/BTC
--- more_headers eval
qq{If-None-Match: "a", W/"@{[main::generation()]}-1"}
--- error_code: 304



=== TEST 3: any tag
--- request
GET /market/prices
--- more_headers
If-None-Match: *
--- error_code: 304



=== TEST 4: another tag gives the page
--- request
GET /market/prices/BTC
--- more_headers
If-None-Match: "0-1"
--- error_code: 200
--- response_body_like chomp
"symbol":"BTC"



=== TEST 5: HEAD has the headers of GET and no body
--- request
HEAD /market/prices/BTC
--- response_headers
Content-Type: application/json
Content-Length: 411
Cache-Control: no-cache
--- response_headers_like
ETag: "[0-9a-f]+-1"
--- response_body



=== TEST 6: HEAD of an error has no body either
--- request
HEAD /market/prices/NOPE
--- error_code: 404
--- response_headers
Content-Type: application/problem+json
--- response_body



=== TEST 7: other methods are refused and told what is allowed
--- pipelined_requests eval
["POST /market/prices\n{}", "PUT /market/prices/BTC\n{}",
 "DELETE /trading/binary", "OPTIONS /market/"]
--- error_code eval
[405, 405, 405, 405]
--- response_headers eval
[('Allow: GET, HEAD') x 4]
--- response_body_like eval
[('"code":"method_not_allowed"') x 4]



=== TEST 8: a body on GET is read past, and the connection goes on
--- pipelined_requests eval
["GET /market/prices/BTC?fields=seq\nwhatever this is",
 "GET /market/prices/ETH?fields=seq"]
--- response_body eval
['{"seq":1}', '{"seq":2}']



=== TEST 9: the whole market comes compressed to who takes it
--- request
GET /market/prices
--- more_headers
Accept-Encoding: br, gzip;q=0.5
--- response_headers
Content-Encoding: gzip
Content-Type: application/json
Vary: Accept-Encoding
--- response_headers_like
ETag: "[0-9a-f]+-7-gz"
--- response_body_filters eval
sub { require Compress::Zlib; Compress::Zlib::memGunzip(shift) }
--- response_body_like chomp
^\{"BTC":\{"symbol":"BTC",.*\}\}$



=== TEST 10: and plain to who does not
--- request
GET /market/prices
--- more_headers
Accept-Encoding: gzip;q=0, deflate
--- response_headers
!Content-Encoding
Vary: Accept-Encoding
--- response_headers_like
ETag: "[0-9a-f]+-7"



=== TEST 11: nginx does not compress it again
--- config
    gzip on;
    gzip_types application/json;
    gzip_min_length 1;
    location /market/ { trading_market; }
--- request
GET /market/prices
--- more_headers
Accept-Encoding: gzip
--- response_headers
Content-Encoding: gzip
--- response_body_filters eval
sub { require Compress::Zlib; Compress::Zlib::memGunzip(shift) }
--- response_body_like chomp
^\{"BTC":\{"symbol":"BTC",.*\}\}$



=== TEST 12: the tag of one encoding does not stand for the other
--- request
GET /market/prices
--- more_headers eval
qq{If-None-Match: "@{[main::generation()]}-7-gz"}
--- error_code: 200
--- response_body_like chomp
^\{"BTC"



=== TEST 13: the tag of the compressed page gives 304 to who takes it
--- request
GET /market/prices
--- more_headers eval
qq{Accept-Encoding: gzip\nIf-None-Match: "@{[main::generation()]}-7-gz"}
--- error_code: 304



=== TEST 14: chosen symbols have a tag of their own
--- request
GET /market/prices?symbols=BTC,ETH
--- response_headers_like
ETag: "[0-9a-f]+-[0-9a-f]{9,16}"
Content-Length: \d+



=== TEST 15: limit_except and if answer as the location does
--- config
    location /market/ {
        trading_market;
        limit_except GET { deny all; }
        if ($arg_x) { set $y 1; }
    }
--- request
GET /market/prices/BTC?fields=seq&x=1
--- response_body chomp
{"seq":1}



=== TEST 16: a client that takes the market slowly gets all of it
--- config
    location /market/ {
        trading_market;
        limit_rate 1500;
    }
--- request
GET /market/prices
--- response_body_like chomp
^\{"BTC":\{.*\}\}$
--- timeout: 10



=== TEST 17: and so does one that takes it compressed
--- config
    location /market/ {
        trading_market;
        limit_rate 500;
    }
--- request
GET /market/prices
--- more_headers
Accept-Encoding: gzip
--- response_headers
Content-Encoding: gzip
--- error_code: 200
--- timeout: 10



=== TEST 18: one quote, too
--- config
    location /market/ {
        trading_market;
        limit_rate 300;
    }
--- request
GET /market/prices/BTC
--- response_body_like chomp
^\{"symbol":"BTC",.*\}$
--- timeout: 10
