# Protects against a test runner that cannot fail: each case below is a block
# with one wrong expectation, run by the fallback in t/lib in a child process,
# whose TAP must have the "not ok" that names it.  A runner that stops looking
# at a section passes every suite, and only this file notices.
#
# Cases about [alert] lines, sanitizer text and nginx's own end hold for the
# fallback only; the runner of CPAN warns there.

use strict;
use warnings;

use File::Temp ();
use Test::More;

my $dir = File::Temp->newdir;
my $hello = qq(--- config\n    location /t { return 200 "hello\\n"; }\n)
            . qq(--- request\nGET /t\n);


# Runs blocks in a child and returns its output and exit status.
sub run_blocks {
    my ($blocks, %with) = @_;

    my $setup = $with{setup} // '';
    my $path = "$dir/child.t";

    open my $out, '>', $path or die "cannot write $path: $!\n";
    print $out "use Test::Nginx::Socket 'no_plan';\n",
               "no_long_string();\nno_shuffle();\n$setup\nrun_tests();\n\n",
               "__DATA__\n\n$blocks";
    close $out or die "cannot write $path: $!\n";

    local %ENV = (%ENV, TEST_NGINX_TIMEOUT => 1, %{ $with{env} // {} });
    delete $ENV{TEST_NGINX_SERVROOT};
    delete $ENV{TEST_NGINX_NO_NGINX_MANAGER};

    my $tap = `$^X -It/lib $path 2>&1`;
    return ($tap, $?);
}


# The block must fail, and one failure must match the pattern.
sub fails {
    my ($what, $pattern, $block, %with) = @_;

    my ($tap, $status) = run_blocks("=== TEST 1: x\n$block", %with);

    like($tap, qr/^not ok \d+ - .*$pattern/m, "$what fails")
        or diag($tap);
    isnt($status, 0, "$what shows in the exit status");
}


# The control: if this fails, the cases below prove nothing.
sub passes {
    my ($what, $block, %with) = @_;

    my ($tap, $status) = run_blocks("=== TEST 1: x\n$block", %with);

    unlike($tap, qr/^not ok/m, "$what passes") or diag($tap);
    like($tap, qr/^ok 1 - /m, "$what is tested");
    is($status, 0, "$what shows in the exit status") or diag($tap);
}


passes('a right block', "$hello--- response_body\nhello\n");

fails('a wrong body', 'response is expected',
      "$hello--- response_body\nhullo\n");
fails('a wrong body pattern', 'response_body_like',
      "$hello--- response_body_like: hullo\n");
fails('an unwanted body', 'response_body_unlike',
      "$hello--- response_body_unlike: hello\n");
fails('a wrong status', 'status code ok', "$hello--- error_code: 404\n");
fails('an unexpected status', 'status code ok',
      "--- config\n--- request\nGET /missing\n");
fails('a wrong status pattern', 'status code ok',
      "$hello--- error_code_like: ^4\n");
fails('a wrong header', 'header Content-Length ok',
      "$hello--- response_headers\nContent-Length: 7\n");
fails('a missing header', 'header X-Word ok',
      "$hello--- response_headers\nX-Word: one\n");
fails('an unwanted header', 'header Content-Length not present',
      "$hello--- response_headers\n!Content-Length\n");
fails('a wrong header pattern', 'header Content-Type like ok',
      "$hello--- response_headers_like\nContent-Type: text\n");
fails('a wrong raw header pattern', 'raw resp headers like',
      "$hello--- raw_response_headers_like: X-Word\n");
fails('an unwanted raw header', 'raw resp headers unlike',
      "$hello--- raw_response_headers_unlike: Server\n");
fails('the second of two requests', 'status code ok',
      "--- config\n--- request eval\n[\"GET /\", \"GET /x\"]\n"
      . "--- error_code eval\n[200, 200]\n");
fails('the second of two pipelined requests', 'response is expected',
      "--- config\n    location /t { return 200 \"\$arg_n\"; }\n"
      . "--- pipelined_requests eval\n[\"GET /t?n=1\", \"GET /t?n=2\"]\n"
      . "--- response_body eval\n[\"1\", \"1\"]\n");

my $missing = "--- config\n--- request\nGET /missing\n--- error_code: 404\n";

fails('a log line that is not there', 'should match a line in error.log',
      "$missing--- error_log\nno such words\n");
fails('a log pattern that does not match', 'should match a line in error.log',
      "$missing--- error_log eval\nqr/no such w.rds/\n");
fails('an unwanted log line', 'should not match any line in error.log',
      "$missing--- no_error_log\n[error]\n");
fails('a wrong part of the log', 'grep_error_log_out',
      "$missing--- grep_error_log eval\nqr/open../\n"
      . "--- grep_error_log_out\nclosed\n");
fails('a missing access.log line', 'should match a line in access.log',
      "$missing--- access_log\nGET /other\n");
fails('an unwanted access.log line', 'should not match any line in access.log',
      "$missing--- no_access_log\nGET /missing\n");

fails('a connection kept open', 'client socket timed out',
      "$hello--- more_headers\nConnection: keep-alive\n");
fails('a config error', 'nginx did not start',
      "--- config\n    no_such_directive;\n--- request\nGET /\n");
fails('an nginx that should die but lives', 'die as expected',
      "--- config\n--- must_die\n");
fails('a wrong exit code', 'die with the expected exit code',
      "--- config\n    no_such_directive;\n--- must_die: 2\n");


# Trouble in error.log that the block did not ask for.  The init section of the
# block writes it there, as nginx has no directive for it.
my $trouble = <<'EOC';
add_block_preprocessor(sub {
    my $block = shift;
    $block->set_value('init', <<'CODE');
        open my $log, '>>', main::server_root() . '/logs/error.log'
            or die $!;
        print $log $ENV{TROUBLE}, "\n";
        close $log;
CODE
});
EOC

for my $line ('2026/01/01 00:00:00 [alert] 1#1: worker process exited',
              '2026/01/01 00:00:00 [crit] 1#1: something critical',
              '2026/01/01 00:00:00 [emerg] 1#1: something broke',
              '==1==ERROR: AddressSanitizer: heap-use-after-free',
              'x.c:1:2: runtime error: signed integer overflow',
              'SUMMARY: UndefinedBehaviorSanitizer: undefined-behavior')
{
    my %with = (setup => $trouble, env => { TROUBLE => $line });

    fails("\"$line\"", 'unexpected line in error.log', $hello, %with);
    passes("\"$line\" asked for", "$hello--- error_log eval\n"
           . "substr \$ENV{TROUBLE}, 20\n", %with);
}

passes('an [alert] in a debug line', $hello, setup => $trouble,
       env => { TROUBLE => '2026/01/01 00:00:00 [debug] 1#1: got [alert]' });


# An nginx that dies while it serves: the pid comes from its pid file.
fails('a crash', 'nginx ended with signal 11',
      "$hello--- init\nsystem('kill -SEGV \$(cat ' . main::server_root() . "
      . "'/logs/nginx.pid)');\n--- ignore_response\n");

# Code that does not compile must not turn into a pattern that never matches.
my ($tap, $status) = run_blocks("=== TEST 1: x\n$hello--- no_error_log eval\n"
                                . "qr/(/\n");
like($tap, qr/^Bail out!.*eval filter failed/m, 'broken code ends the run');
isnt($status, 0, 'broken code shows in the exit status');

($tap, $status) = run_blocks("=== TEST 1: x\n$hello--- tcp_listen: 1\n");
like($tap, qr/^Bail out!.*does not support --- tcp_listen/m,
     'an unsupported section ends the run');


# Blocks with the same config share an nginx, unless the suite says no.
my $count = "--- config\n    location /t { return 200 \"\$connection\"; }\n"
            . "--- request\nGET /t\n--- response_body: 1\n";
my $two = "=== TEST 1: x\n$count\n=== TEST 2: y\n$count";

($tap) = run_blocks($two);
like($tap, qr/^not ok \d+ - .*TEST 2: y.*response is expected/m,
     'an unchanged config keeps nginx running');

($tap) = run_blocks($two, env => { TEST_NGINX_FORCE_RESTART_ON_TEST => 1 });
unlike($tap, qr/^not ok/m, 'nginx restarts for each block where asked to')
    or diag($tap);

done_testing();
