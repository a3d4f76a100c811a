# Protects the test runner itself: the blocks below use plain nginx directives
# only, so a failure here means that the runner, not the module, is broken.
# The same file passes under the Test::Nginx::Socket of CPAN, which is how the
# fallback in t/lib is kept true to it.  That wrong expectations do fail is
# shown by t/runner_fails.t.

BEGIN { push @INC, 't/lib' }
use Test::Nginx::Socket 'no_plan';

# found by the $TEST_NGINX_ variables below, under either runner
$ENV{TEST_NGINX_HTML_DIR} = html_dir();
$ENV{TEST_NGINX_SELFTEST_WORD} = 'expanded';

repeat_each(2);
no_long_string();

add_block_preprocessor(sub {
    my $block = shift;

    if (!defined $block->no_error_log && !defined $block->error_log) {
        $block->set_value("no_error_log", "[error]");
    }

    if (!defined $block->request) {
        $block->set_value("request", "GET /t");
    }
});

sub shout {
    s/word/WORD/;
    return;
}

run_tests();

__DATA__

=== TEST 1: a fixed response has its status, body and headers
This text up to the first section is only a description.
--- config
    location /t {
        add_header X-Word one;
        add_header X-Word two;
        return 200 "hello\n";
    }
--- request
GET /t
--- response_body
hello
--- response_headers
Content-Type: text/plain
Content-Length: 6
X-Word: one, two
!X-Absent
X-Empty:
--- error_code: 200



=== TEST 2: variables of the environment are put into every config
--- main_config
    env TEST_NGINX_SELFTEST_WORD;
--- http_config
    map $uri $word { default "$TEST_NGINX_SELFTEST_WORD"; }
    server {
        listen $TEST_NGINX_SERVER_PORT;
        server_name other.test;
        location / { return 200 "other $word"; }
    }
--- config
    location /t { return 200 "$word $TEST_NGINX_SELFTEST_WORD"; }
--- more_headers
# a comment
Host: other.test
--- response_body chomp
other expanded



=== TEST 3: patterns match bodies, headers and status
--- config
    location /t { add_header X-Id abc-123 always; return 404 "the body\n"; }
--- error_code_like: ^40\d$
--- response_body_like: ^the b.dy$
--- response_headers_like
X-Id: \w+-\d+
Content-Type: text/.*
--- raw_response_headers_like: X-Id: abc-\d+\r\n
--- raw_response_headers_unlike: X-Other
--- no_error_log
[error]
[alert]



=== TEST 4: a body must not match a pattern
--- config
    location /t { return 200 "first\nsecond\n"; }
--- response_body_unlike: third



=== TEST 5: expectations can be perl code
--- config eval
"location /t { return 20" . "0 'a" . "b'; }"
--- response_body_like eval
qr/^A|^ab$/



=== TEST 6: files of a block are served, with their own time
--- config
    location /files/ { alias $TEST_NGINX_HTML_DIR/files/; }
--- user_files
>>> files/a.txt 201501020304.05
first
second
>>> b.txt
--- request
GET /files/a.txt
--- response_headers
Last-Modified: Fri, 02 Jan 2015 03:04:05 GMT
--- response_body
first
second



=== TEST 7: files can be given as an array
--- config
--- user_files eval
[["c.txt", "from perl\n"]]
--- request
GET /c.txt
--- response_body
from perl



=== TEST 8: the root location serves an index
--- config
--- request
GET /
--- response_body_like: It works!



=== TEST 9: a missing file is an error that the log tells of
--- config
--- request
GET /missing.txt
--- error_code: 404
--- response_body_like: 404 Not Found
--- error_log eval
["open() ", qr/missing\.txt" failed \(2: No such/]
--- no_error_log
[alert]
[crit]



=== TEST 10: a HEAD request has headers and no body
--- config
    location /t { return 200 "hello\n"; }
--- request
HEAD /t
--- response_headers
Content-Length: 6
--- response_body



=== TEST 11: an unchanged file answers 304 without a body
--- config
    location /t { root html; etag off; if_modified_since before;
                  try_files /index.html =404; }
--- more_headers
If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT
--- error_code: 304
--- response_headers
!Content-Length



=== TEST 12: a chunked response is put together
--- config
    location /t {
        sub_filter_types *;
        sub_filter one two;
        alias $TEST_NGINX_HTML_DIR/n.txt;
    }
--- user_files
>>> n.txt
one and one
--- response_headers
Transfer-Encoding: chunked
!Content-Length
--- response_body
two and one



=== TEST 13: a body is sent with its length
--- config
    location /t {
        proxy_pass http://127.0.0.1:$server_port/echo;
        proxy_set_header X-Length $http_content_length;
    }
    location /echo { return 200 "$request_method $http_x_length"; }
--- request
POST /t
a body of 20 letters
--- response_body chomp
POST 20



=== TEST 14: HTTP/1.0 can be spoken
--- config
    location /t { return 200 "$server_protocol"; }
--- request
GET /t HTTP/1.0
--- response_body chomp
HTTP/1.0
--- raw_response_headers_like: ^HTTP/1\.1 200 OK\r\n



=== TEST 15: a list of requests has lists of expectations
--- config
    location /a { return 200 "a"; }
    location /b { return 403; }
--- request eval
["GET /a", ["PO", "ST /", {value => "b\nbo", delay_before => 0.01}, "dy"]]
--- error_code eval
[200, 403]
--- response_headers eval
["Content-Length: 1", "Content-Type: text/html"]
--- response_body_like eval
["^a\$", "403 Forbidden"]



=== TEST 16: pipelined requests share a connection
--- config
    location /t { return 200 "$arg_n $connection_requests"; }
--- pipelined_requests eval
["GET /t?n=x", "GET /t?n=y"]
--- more_headers eval
["X-A: 1", "X-A: 2"]
--- response_body eval
["x 1", "y 2"]



=== TEST 17: a raw request is sent as it is
--- config
    location /t { return 200 "$http_x_raw"; }
--- raw_request eval
["GET /t HTTP/1.1\r\nHost: localhost\r\nX-R", "aw: yes\r\n",
 "Connection: close\r\n\r\n"]
--- raw_request_middle_delay
0.01
--- response_body: yes



=== TEST 18: a broken request is refused
--- config
--- raw_request eval
"GET\r\n\r\n"
--- error_code: 400
--- response_body_like: Bad Request



=== TEST 19: a header can be sent twice and empty
--- config
    location /t { return 200 "[$http_x_empty] [$http_connection]"; }
--- more_headers
X-Empty:
Connection: close, x
--- response_body chomp
[] [close, x]



=== TEST 20: a connection kept open runs into the timeout of an abort
--- config
    location /t { return 200 "open"; }
--- more_headers
Connection: keep-alive
--- timeout: 200ms
--- abort
--- response_headers
Connection: keep-alive
--- response_body: open



=== TEST 21: a client that gives up needs no response
--- config
    location /t {
        proxy_pass http://127.0.0.1:$server_port/slow;
    }
    location /slow { limit_rate 1; return 200 "slow, slow, slow"; }
--- timeout: 0.2
--- abort
--- ignore_response
--- wait: 0.1



=== TEST 22: a config error ends nginx with a message
--- config
    location /t { no_such_directive; }
--- must_die
--- error_log
unknown directive "no_such_directive"



=== TEST 23: the exit code of a config error is known
--- config
    location /t { return; }
--- must_die: 1
--- error_log eval
qr/\[emerg\] .*invalid number of arguments in "return"/



=== TEST 24: functions of the file are filters
--- config
    location /t { return 200 "a WORD"; }
--- response_body chomp shout
a word



=== TEST 25: a test for another nginx is skipped
--- config
    no_such_directive;
--- skip_nginx
3: < 9.0.0: needs nginx 9
--- response_body: never



=== TEST 26: a test is skipped by what perl code says
--- config
    no_such_directive;
--- skip_eval: 3: 1 + 1 == 2



=== TEST 27: parts of error.log are compared with what is expected
--- config
    location /t {
        log_not_found on;
        root $TEST_NGINX_HTML_DIR;
    }
--- request
GET /t/nothing
--- error_code: 404
--- grep_error_log eval
qr/t\/nothing" failed/
--- grep_error_log_out eval
["t/nothing\" failed\n", "t/nothing\" failed\n"]
--- error_log
[error]



=== TEST 28: the log level of a block is its own
--- config
    location /t { return 200; }
--- skip_eval: 2: $ENV{TEST_NGINX_USE_HUP}
--- log_level: warn
--- no_error_log
[debug]



=== TEST 29: access.log shows the request
--- config
    location /t { return 200 "logged"; }
--- request
GET /t?mark=29
--- access_log
"GET /t?mark=29 HTTP/1.1" 200
--- no_access_log
mark=30



=== TEST 30: bodies pass filters before they are compared
--- config
    location /t { return 200 "hello"; }
--- response_body_filters
uc
length
--- response_body: 5



=== TEST 31: this block is left out
--- SKIP
--- config
    no_such_directive;
