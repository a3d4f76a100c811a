# Protects the rule that no error is ever HTML: whatever nginx itself refuses
# becomes a problem document with its status, and says how to go on (Allow,
# WWW-Authenticate, Retry-After).

BEGIN { push @INC, 't/lib' }
use Test::Nginx::Socket 'no_plan';
use TradingBlocks;

no_long_string();

add_block_preprocessor(sub { defaults(shift, config => <<'END') });
    error_page 400 401 403 404 405 408 411 412 413 414 415 416 421 429 494 495
               496 497 500 501 502 503 504 507 /.problem;

    location = /.problem {
        internal;
        trading_problem;
    }

    location /unbuilt { rewrite ^ /.unbuilt; }
    location /closed { error_page 403 /.unbuilt; deny all; }
    location = /.unbuilt {
        internal;
        trading_problem "not built: " "run \"make docs\"";
    }

    location /market/ { trading_market; }
    location /denied { deny all; }
    location /gone { proxy_pass http://127.0.0.1:1; }
    location /auth { auth_basic closed; auth_basic_user_file /dev/null; }
    location /small { client_max_body_size 1; proxy_pass http://127.0.0.1:1; }
    location /later { return 503; }
    location /teapot { error_page 418 /.problem; return 418; }
    location /named { error_page 403 @problem; deny all; }
    location @problem { trading_problem; }
END

run_tests();

__DATA__

=== TEST 1: a location that is not there
--- request
GET /nothing
--- error_code: 404
--- response_headers
Content-Type: application/problem+json
Cache-Control: no-store
--- response_body_like chomp
^\{"type":"urn:trading:problem:not_found","title":"Not found","status":404,"detail":"[^"]+","code":"not_found","request_id":"[0-9a-f]{32}"\}$
--- error_log
No such file or directory



=== TEST 2: access denied, by an internal and by a named location
--- pipelined_requests eval
["GET /denied", "GET /named"]
--- error_code eval
[403, 403]
--- response_body_like eval
[('"code":"forbidden"') x 2]
--- no_error_log
[alert]



=== TEST 3: an upstream that is down
--- request
GET /gone
--- error_code: 502
--- response_body_like chomp
"status":502,.*"code":"bad_gateway"
--- error_log
connect() failed



=== TEST 4: credentials that are missing are asked for
--- request
GET /auth
--- error_code: 401
--- response_headers
WWW-Authenticate: Basic realm="closed"
--- response_body_like chomp
"code":"unauthorized"



=== TEST 5: a body that is too large
--- request
POST /small
more than one byte
--- error_code: 413
--- response_body_like chomp
"code":"body_too_large"
--- error_log
client intended to send too large body



=== TEST 6: a refusal for now says when to come back
--- request
GET /later
--- error_code: 503
--- response_headers
Retry-After: 1
--- response_body_like chomp
"code":"unavailable"



=== TEST 7: a method that a static location does not take
--- config
    error_page 405 /.problem;
    location = /.problem { internal; trading_problem; }
    location /t { return 405; }
--- request
DELETE /t
--- error_code: 405
--- response_headers
Allow: GET, HEAD
--- response_body_like chomp
"code":"method_not_allowed"



=== TEST 8: a request line that makes no sense
--- raw_request eval
"NONSENSE\r\n\r\n"
--- error_code: 400
--- response_body_like chomp
"status":400,.*"code":"bad_request"



=== TEST 9: a request line that is too long
--- raw_request eval
"GET /" . 'x' x 40000 . " HTTP/1.1\r\nHost: localhost\r\n\r\n"
--- error_code: 414
--- response_body_like chomp
"code":"uri_too_long"



=== TEST 10: a header that is too long counts as 400
--- raw_request eval
"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " . 'x' x 40000 . "\r\n\r\n"
--- error_code: 400
--- response_body_like chomp
"status":400,



=== TEST 11: a status of someone else's making
--- request
GET /teapot
--- error_code: 418
--- response_body_like chomp
"status":418,.*"code":"error"



=== TEST 12: HEAD gets the headers only
--- request
HEAD /nothing
--- error_code: 404
--- response_headers
Content-Type: application/problem+json
--- response_body
--- error_log
No such file or directory



=== TEST 13: our own problems pass untouched
--- request
GET /market/prices/NOPE
--- error_code: 404
--- response_body_like chomp
"code":"unknown_symbol"



=== TEST 14: a location that is not there, asked with a broken body
--- raw_request eval
"POST /nothing HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
--- error_code: 400
--- response_headers
Content-Type: application/problem+json
--- response_body_like chomp
"status":400,.*"code":"bad_request"
--- no_error_log
[alert]



=== TEST 15: a detail of the configuration's own, by a rewrite and by error_page
--- pipelined_requests eval
["GET /unbuilt", "GET /closed"]
--- error_code eval
[404, 403]
--- response_body_like eval
['"status":404,"detail":"not built: run \\\\"make docs\\\\"","code":"not_found"',
 '"status":403,"detail":"not built: run \\\\"make docs\\\\"","code":"forbidden"']
--- no_error_log
[alert]



=== TEST 16: no detail that is too long for a document
--- config eval
"location /t { trading_problem " . 'x' x 513 . "; }"
--- must_die
--- error_log
"trading_problem" directive has a detail of more than 512 bytes
