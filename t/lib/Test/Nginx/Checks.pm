# The assertions of the fallback test runner: compares responses and logs with
# the sections of a block and emits TAP through Test::More, under the names
# that the CPAN runner gives its assertions.
#
# Beyond the CPAN runner, which only warns: a line of error.log at [alert],
# [emerg] or [crit], or with sanitizer text, fails the block unless one of its
# error_log or grep_error_log patterns matches that line.  Such failures come
# on top of the counted assertions and stay silent while all is well, so plans
# count the same under both.

package Test::Nginx::Checks;

use strict;
use warnings;

use Exporter 'import';

use Digest::MD5 ();
use Digest::SHA ();
use JSON::PP ();
use List::Util qw(min);
use Test::More ();
use Time::HiRes qw(sleep time);

use Test::Nginx::Client qw(join_headers);
use Test::Nginx::Server qw(access_log_lines new_log_lines
                           wait_for_quiet_log);
use Test::Nginx::Util qw(bail_out expand_env_in_text is_str time_scale trim);

our @EXPORT_OK = qw(check_access_log check_error_log check_response
                    check_shutdown_log extra_fail);

my $sanitizer = qr/ERROR:[ ]\w+Sanitizer | \bruntime[ ]error: | ^SUMMARY:[ ]
                   | \bAssertion[ ].*[ ]failed\b/x;
my $log_prefix = qr{^(?:\d{4}/\d\d/\d\d \d\d:\d\d:\d\d|nginx:) };


# A failure that no plan counts.  Test::More then adds that the number of tests
# is wrong; silencing that would also make the exit status 0.
sub extra_fail {
    my ($name) = @_;

    Test::More::fail($name =~ s/\s*\n\s*/ /gr);
    return 0;
}


# The value of a section for request $i.  Many requests need an array.
sub indexed {
    my ($block, $section, $i, $many) = @_;

    my $value = $block->{$section}[0];

    return $value->[$many ? $i : 0] if ref $value eq 'ARRAY';

    bail_out($block->name . " - You asked for many requests, the expected "
             . "results ($section) should be arrays as well.") if $many;

    return $value;
}


sub check_response {
    my ($block, $res, $i, $many, $repeat) = @_;

    check_status($block, $res, $i, $many);
    check_raw_headers($block, $res, $i, $many);
    check_headers($block, $res, $i, $many);
    filter_body($block, $res, $i);
    check_body($block, $res, $i, $many, $repeat);
}


sub check_status {
    my ($block, $res, $i, $many) = @_;

    my $got = $res->{code} // '';
    my $desc = $block->name . ' - status code ok';

    if (defined $block->error_code_like) {
        my $pattern = indexed($block, 'error_code_like', $i, $many);
        Test::More::like($got, qr/$pattern/sm, $desc);

    } elsif (defined $block->error_code) {
        Test::More::is($got, indexed($block, 'error_code', $i, $many), $desc);

    } else {
        Test::More::is($got, 200, $desc);
    }
}


sub check_raw_headers {
    my ($block, $res, $i, $many) = @_;

    my $name = $block->name;

    if (defined $block->raw_response_headers_like) {
        my $pattern = indexed($block, 'raw_response_headers_like', $i, $many);
        Test::More::like($res->{raw_headers}, qr/$pattern/s,
                         "$name - raw resp headers like");
    }

    if (defined $block->raw_response_headers_unlike) {
        my $pattern = indexed($block, 'raw_response_headers_unlike', $i,
                              $many);
        Test::More::unlike($res->{raw_headers}, qr/$pattern/s,
                           "$name - raw resp headers unlike");
    }
}


# "Name: value" lines as [name, value] pairs, the last one of a name wins;
# the value is undef for "!Name".
sub expected_headers {
    my ($text) = @_;
    my (@order, %value);

    for my $line (split /\n/, $text // '') {
        next if $line !~ /\S/;

        $line =~ s/^\s+|\s+$//g;
        my ($key, $value) = $line =~ s/^!\s*// ? ($line, undef)
                                               : split /\s*:\s*/, $line, 2;

        push @order, $key if !exists $value{$key};
        $value{$key} = $value;
    }

    return map { [ $_, $value{$_} ] } @order;
}


sub check_headers {
    my ($block, $res, $i, $many) = @_;

    my $name = $block->name;

    if (defined $block->response_headers) {
        my $text = indexed($block, 'response_headers', $i, $many);

        for my $header (expected_headers($text)) {
            my ($key, $value) = @$header;

            if (!defined $value) {
                Test::More::unlike($res->{raw_headers}, qr/^\s*\Q$key\E\s*:/ms,
                    "$name - header $key not present in the raw headers");
                next;
            }

            Test::More::is(join_headers($res, $key) // '',
                           expand_ports($value), "$name - header $key ok");
        }

    } elsif (defined $block->response_headers_like) {
        my $text = indexed($block, 'response_headers_like', $i, $many);

        for my $header (expected_headers($text)) {
            my ($key, $value) = @$header;
            my $got = join_headers($res, $key) // '';

            $value //= '';
            Test::More::like($got, qr/^$value$/,
                             "$name - header $key like ok");
        }
    }
}


sub expand_ports {
    my ($text) = @_;

    my $for_client = $Test::Nginx::Util::ServerPortForClient;

    $text =~ s/\$ServerPortForClient\b/$for_client/g;
    $text =~ s/\$ServerPort\b/$Test::Nginx::Util::ServerPort/g;
    return $text;
}


my %body_filter = (
    md5_hex  => \&Digest::MD5::md5_hex,
    sha1_hex => \&Digest::SHA::sha1_hex,
    uc       => sub { uc $_[0] },
    lc       => sub { lc $_[0] },
    ucfirst  => sub { ucfirst $_[0] },
    lcfirst  => sub { lcfirst $_[0] },
    length   => sub { length $_[0] },
);


# Runs response_body_filters: names, code, an array of them, or one array per
# request.
sub filter_body {
    my ($block, $res, $i) = @_;

    my $list = $block->response_body_filters;

    return if !defined $list;

    $list = [ split ' ', $list ] if !ref $list;
    $list = [ $list ] if ref $list ne 'ARRAY';
    $list = $list->[$i] if ref $list->[0] eq 'ARRAY';

    for my $filter (@{ $list // [] }) {
        my $code = ref $filter eq 'CODE' ? $filter : $body_filter{$filter};

        bail_out($block->name . " - unknown response body filter \"$filter\"")
            if !$code;

        $res->{content} = $code->($res->{content});
    }
}


sub check_body {
    my ($block, $res, $i, $many, $repeat) = @_;

    my $name = $block->name;
    my $got = $res->{content};

    if (defined $block->response_body) {
        my $expected = indexed($block, 'response_body', $i, $many);
        my $where = "(repeated req $repeat, req $i)";

        if (defined $block->response_body_json_sort) {
            my $json = JSON::PP->new->canonical->loose;
            my $data = eval { $json->decode($got) };
            $got = $json->encode($data) . "\n" if !$@;
        }

        if (ref $expected) {
            Test::More::like($got, $expected,
                             "$name - response_body - like $where");

        } else {
            $expected = expand_env_in_text(expand_ports($expected), $name)
                if defined $expected;
            is_str($got, $expected,
                   "$name - response_body - response is expected $where");
        }

    } elsif (defined $block->response_body_like) {
        my $pattern = expand_ports(indexed($block, 'response_body_like', $i,
                                           $many));
        Test::More::like($got, qr/$pattern/s, "$name - response_body_like - "
                         . "response is expected (" . trim($got) . ")");

    } elsif (defined $block->response_body_unlike) {
        my $pattern = expand_ports(indexed($block, 'response_body_unlike', $i,
                                           $many));
        Test::More::unlike($got, qr/$pattern/s,
                           "$name - response_body_unlike - "
                           . "response is expected (" . trim($got) . ")");
    }

    for my $check (@Test::Nginx::Util::ResponseBodyChecks) {
        $check->($block, $got, $i, $repeat, 0);
    }
}


# Patterns of a log section: lines of text, one qr//, or an array of either.
sub patterns {
    my ($block, $section) = @_;

    my $value = $block->{$section}[0];

    return grep { defined } @$value if ref $value eq 'ARRAY';
    return $value if ref $value;
    return grep { length } split /\n+/, $value // '';
}


sub matches {
    my ($line, $pattern) = @_;

    return ref $pattern ? $line =~ $pattern : index($line, $pattern) >= 0;
}


sub printable {
    my ($text) = @_;

    chomp $text;
    $text =~ s/"/\\"/g;
    $text =~ s/\r/\\r/g;
    $text =~ s/\n/\\n/g;
    return $text;
}


# Each pattern of $section must match a line.
sub check_wanted {
    my ($block, $section, $log, $lines, $note) = @_;

    for my $pattern (patterns($block, $section)) {
        my $found = grep { matches($_, $pattern) } @$lines;

        Test::More::ok($found, $block->name . " - pattern \"$pattern\" "
                       . ($found ? "matches" : "should match")
                       . " a line in $log$note");
    }
}


# No pattern of $section may match a line.
sub check_unwanted {
    my ($block, $section, $log, $lines, $note) = @_;

    for my $pattern (patterns($block, $section)) {
        my ($at) = grep { matches($lines->[$_], $pattern) } 0 .. $#$lines;
        my $what = $block->name . ' - pattern "' . printable($pattern) . '"';

        if (!defined $at) {
            Test::More::pass("$what does not match a line in $log$note");
            next;
        }

        Test::More::fail("$what should not match any line in $log but "
                         . 'matches line "' . printable($lines->[$at])
                         . "\"$note");
        Test::More::diag(@$lines[$at + 1 .. min($at + 9, $#$lines)])
            if $at < $#$lines;
    }
}


# Reads error.log until the wanted patterns are there or a second has passed.
sub settled_lines {
    my ($block, $section) = @_;

    wait_for_quiet_log();

    my $lines = new_log_lines();
    my $deadline = time + time_scale();
    my @missing = patterns($block, $section);

    while (1) {
        @missing = grep {
            my $pattern = $_;
            !grep { matches($_, $pattern) } @$lines;
        } @missing;

        return $lines if !@missing || time > $deadline;

        sleep 0.05;

        my $more = new_log_lines();
        $Test::Nginx::Util::CheckAccumErrLog ? ($lines = $more)
                                             : push @$lines, @$more;
    }
}


sub check_error_log {
    my ($block, $repeat) = @_;

    my $lines = settled_lines($block, 'error_log');
    my $note = " (req $repeat)";

    check_grep($block, $lines, $repeat, $note);
    check_wanted($block, 'error_log', 'error.log', $lines, $note);
    check_unwanted($block, 'no_error_log', 'error.log', $lines, $note);
    check_trouble($block, $lines, 'error_log');
}


# What the grep_error_log pattern finds must be grep_error_log_out.
sub check_grep {
    my ($block, $lines, $repeat, $note) = @_;

    my $name = $block->name;
    my $pattern = grep_pattern($block, $repeat);
    my $expected = $block->grep_error_log_out;

    bail_out("$name - grep_error_log and grep_error_log_out need each other")
        if defined $block->grep_error_log != defined $expected;

    return if !defined $pattern;

    $expected = $expected->[$repeat] if ref $expected eq 'ARRAY';
    $expected = expand_env_in_text($expected, $name) if !ref $expected;
    $pattern = quotemeta $pattern if !ref $pattern;

    my $got = join '', map { /($pattern)/ && $1 !~ /\n/ ? "$1\n" : () }
              @$lines;

    is_str($got, $expected, "$name - grep_error_log_out$note");
}


sub grep_pattern {
    my ($block, $repeat) = @_;

    my $pattern = $block->grep_error_log;

    return ref $pattern eq 'ARRAY' ? $pattern->[$repeat] : $pattern;
}


# Lines that no test may leave in error.log unasked.
sub check_trouble {
    my ($block, $lines, $section, $note) = @_;

    my @asked = (patterns($block, $section), patterns($block, "no_$section"));
    my $grep = grep_pattern($block, 0);

    push @asked, $grep if defined $grep;
    push @asked, '[emerg]' if defined $block->must_die
                              || defined $block->reload_fails;

    for my $line (@$lines) {
        next if $line =~ /$log_prefix\[debug\]/o;
        next if $line !~ /$log_prefix\[(?:alert|emerg|crit)\]/o
                && $line !~ $sanitizer;
        next if grep { matches($line, $_) } @asked;

        extra_fail($block->name . ' - unexpected line in error.log'
                   . ($note // '') . ': ' . printable($line));
    }
}


sub check_access_log {
    my ($block, $repeat) = @_;

    return if !defined $block->access_log && !defined $block->no_access_log;

    wait_for_quiet_log();

    my $lines = access_log_lines();
    my $note = " (req $repeat)";

    check_wanted($block, 'access_log', 'access.log', $lines, $note);
    check_unwanted($block, 'no_access_log', 'access.log', $lines, $note);
}


# Called when the server of a block has ended, with what was wrong about that.
sub check_shutdown_log {
    my ($block, @faults) = @_;

    my $lines = new_log_lines();

    check_wanted($block, 'shutdown_error_log', 'error.log', $lines, '');
    check_unwanted($block, 'no_shutdown_error_log', 'error.log', $lines, '');
    check_trouble($block, $lines, 'shutdown_error_log', ' at shutdown');

    for my $fault (grep { defined } @faults) {
        my ($first, $second) = split /\n/, $fault;

        extra_fail($block->name . " - shutdown: $first " . ($second // ''));
        Test::More::diag($fault) if $fault =~ /\n/;
    }
}


1;
