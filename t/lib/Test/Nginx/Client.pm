# The HTTP client of the fallback test runner: turns the request sections of a
# block into bytes, sends them, and takes responses apart.
#
# It is as plain as the one it stands in for, because suites probe edge cases
# with it: what is sent is what the block says, with Host, Connection: close
# and Content-Length added where the block has none.  A response ends when the
# server closes the connection; on a connection kept alive the client waits
# for its timeout, which is a failure unless the block says "--- abort".
#
# Nothing here emits a test result: errors are returned for Checks.pm.

package Test::Nginx::Client;

use strict;
use warnings;

use Exporter 'import';

use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use IO::Select ();
use IO::Socket::INET ();
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(sleep);

use Test::Nginx::Util qw(bail_out expand_env_in_text parse_time time_scale);

our @EXPORT_OK = qw(requests_of_block send_request parse_response
                    join_headers);


# Returns the connections the block asks for, each an array of packets; a
# packet is { value => bytes, delay_before => seconds }.
sub requests_of_block {
    my ($block) = @_;

    my $name = $block->name;
    my $raw = $block->raw_request;

    if (defined $raw) {
        return [[ map { { value => $_ } } ref $raw ? @$raw : $raw ]];
    }

    my $pipelined = $block->pipelined_requests;

    if (defined $pipelined) {
        bail_out("$name - invalid entries in --- pipelined_requests")
            if ref $pipelined ne 'ARRAY';

        my $bytes = '';

        for my $i (0 .. $#$pipelined) {
            my $text = expand_env_in_text($pipelined->[$i], $name);
            my $last = $i == $#$pipelined;

            my ($packet) = build_request($block, $i,
                                         $last ? 'close' : 'keep-alive',
                                         $text);
            $bytes .= $packet->{value};
        }

        return [[ { value => $bytes } ]];
    }

    my $request = $block->request;

    bail_out("$name - request empty") if !defined $request;

    if (!ref $request) {
        # comments and blank lines may stand before the request line
        1 while $request =~ s/\A(?:\s*#[^\n]+\s+|\s+)//;

        return [[ build_request($block, 0, 'close', $request) ]];
    }

    bail_out("$name - invalid --- request: must be string or array")
        if ref $request ne 'ARRAY';

    my @list;

    for my $i (0 .. $#$request) {
        my $one = $request->[$i];

        bail_out("$name - request $i should be a string or an array")
            if ref $one && ref $one ne 'ARRAY';

        push @list, [ build_request($block, $i, 'close',
                                    ref $one ? @$one : $one) ];
    }

    return \@list;
}


# The block's more_headers for request $i as header lines, and whether they
# announce a chunked body.
sub more_headers {
    my ($block, $i) = @_;

    my $text = $block->more_headers // '';

    if (ref $text eq 'ARRAY') {
        $text = $text->[$i];
        bail_out($block->name . " - more_headers lacks data for request $i")
            if !defined $text;
    }

    my ($out, $chunked) = ('', 0);

    for my $line (split /\n+/, $text) {
        next if $line =~ /^\s*#/;

        my ($key, $value) = split /:\s*/, $line, 2;
        $value //= '';

        $chunked = 1 if lc $key eq 'transfer-encoding' && $value eq 'chunked';
        $out .= "$key: $value\r\n";
    }

    return ($out, $chunked);
}


# Makes a whole request of "METHOD [url [version]]\nbody", which may come in
# several packets; the result is cut where the packets were.
sub build_request {
    my ($block, $i, $connection, @packets) = @_;

    my $name = $block->name;
    my $text = join '', map { ref $_ ? $_->{value} : $_ } @packets;

    $text =~ /\A([^\n]*)(\n?)/;
    my ($line, $body_start) = ($1, $+[2]);

    # where each word of the request line stands
    my @words;
    push @words, [ $1, $-[1] ] while $line =~ /([^ \t\r]+)/g;

    bail_out("$name - Request line should be non-empty") if !@words;
    bail_out("$name - Request line is not valid. Should be 'meth [url "
             . "[version]]' but got \"$line\".") if @words > 3;

    my $line_end = length $line;
    $words[1] //= [ '/', $line_end, 0 ];
    $words[2] //= [ 'HTTP/1.1', $line_end, 0 ];

    my ($headers, $chunked) = more_headers($block, $i);
    my $body = substr $text, $body_start;
    my $length = '';

    if (!$chunked && length $body && $headers !~ /^Content-Length:/m) {
        $body =~ s/\A(\s+)//
            and $body_start += length $1;
        $body =~ s/\s+\z//;

        $length = "Content-Length: " . length($body) . "\r\n";
    }

    my $head = '';
    $head .= "Host: $Test::Nginx::Util::ServerName\r\n"
        if $headers !~ /^Host:/mi;
    $head .= "Connection: $connection\r\n"
        if $headers !~ /^Connection/mi;

    # [output, place in the source, length in the source]
    my @pieces = map { [ $_->[0], $_->[1], $_->[2] // length $_->[0] ] }
                 @words;
    $pieces[0][0] .= ' ';
    $pieces[1][0] .= ' ';
    $pieces[2][0] .= "\r\n";
    push @pieces, [ "$head$headers$length\r\n", $line_end, 0 ],
                  [ $body, $body_start, length $body ];

    return cut_like(\@pieces, @packets);
}


# Cuts the output of the pieces where the source was cut into packets.
sub cut_like {
    my ($pieces, @packets) = @_;

    my $all = join '', map { $_->[0] } @$pieces;
    my ($source, $from) = (0, 0);
    my @out;

    for my $packet (@packets) {
        $source += length(ref $packet ? $packet->{value} : $packet);

        my $to = 0;

        for my $piece (@$pieces) {
            my ($output, $start, $length) = @$piece;

            if ($start + $length <= $source) {
                $to += length $output;

            } else {
                $to += $source - $start if $source > $start;
                last;
            }
        }

        push @out, { ref $packet ? %$packet : (),
                     value => substr $all, $from, $to - $from };
        $from = $to;
    }

    return @out;
}


# Sends the packets over one new connection and reads until the server closes
# it.  Returns the bytes read and what went wrong: undef, "timeout" or a text.
sub send_request {
    my ($block, $packets) = @_;

    my $addr = $block->server_addr_for_client
               // $Test::Nginx::Util::ServerAddr;
    my $port = $Test::Nginx::Util::ServerPortForClient;
    my $timeout = parse_time(scalar $block->timeout)
                  // $Test::Nginx::Util::Timeout;

    # a block with "abort" counts on the timeout
    $timeout *= time_scale() if !defined $block->abort;

    my $sock = IO::Socket::INET->new(PeerAddr => $addr, PeerPort => $port,
                                     Proto => 'tcp', Timeout => $timeout)
        or return ('', "Can't connect to $addr:$port: $!");

    $sock->blocking(0);
    setsockopt $sock, IPPROTO_TCP, TCP_NODELAY, 1;
    local $SIG{PIPE} = 'IGNORE';

    my $select = IO::Select->new($sock);
    my @left = map { { %$_ } } @$packets;
    my ($first, $response) = (1, '');

    while (1) {
        my $packet = $left[0];

        if ($packet && !$first && !$packet->{waited}++) {
            my $delay = $packet->{delay_before}
                        // $block->raw_request_middle_delay;
            sleep $delay if $delay;
        }

        my ($readable, $writable) =
            IO::Select->select($select, $packet ? $select : undef, undef,
                               $timeout);

        if (!defined $readable) {
            next if $! == EINTR;
            close $sock;
            return ($response, 'timeout');
        }

        if (@$writable) {
            my $n = syswrite $sock, $packet->{value};

            if (defined $n) {
                substr($packet->{value}, 0, $n) = '';

            } elsif (!try_again()) {
                # the server may have answered before it closed
                @left = ();
            }

            if (@left && !length $packet->{value}) {
                shift @left;
                $first = 0;
            }

            if (!@left && defined $block->shutdown) {
                my $how = $block->shutdown;
                shutdown $sock, $how =~ /^\s*$/ ? 1 : $how;
            }
        }

        if (@$readable) {
            my $n = sysread $sock, $response, 65536, length $response;

            last if defined $n && $n == 0;
            last if !defined $n && !try_again();
        }
    }

    close $sock;
    return ($response, undef);
}


sub try_again {
    return $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR;
}


# Takes the first response off the bytes.  Returns a hash: code (undef where
# there is no status line), headers as [name, value] pairs, raw_headers with
# the status line, content, left (bytes after the response, if any), error (a
# malformed body) and warning (a short body).
sub parse_response {
    my ($raw, $is_head, $is_http09) = @_;

    my %res = (code => undef, headers => [], raw_headers => '',
               content => '');

    if ($is_http09) {
        @res{qw(code content)} = (200, $raw);
        return \%res;
    }

    $raw =~ /\A(.*?\r?\n)\r?\n/s
        or return \%res;

    my $head = $1;
    my $body = substr $raw, $+[0];

    $res{raw_headers} = $head;
    $res{code} = $1 if $head =~ m{\AHTTP/\d+\.\d+ +(\d+)};
    $res{content} = $body;

    for my $line (split /\r?\n/, $head =~ s/\A[^\n]*\n//r) {
        if ($line =~ /^[ \t]+(.*)/ && @{ $res{headers} }) {
            $res{headers}[-1][1] .= " $1";

        } elsif ($line =~ /^([^:\s]+)\s*:\s*(.*?)\s*$/) {
            push @{ $res{headers} }, [ $1, $2 ];
        }
    }

    my $code = $res{code} // 0;
    return \%res if $code == 101;

    my $length = join_headers(\%res, 'Content-Length');

    if ($is_head || $code == 204 || $code == 304) {
        # has no body, whatever its headers say
        $res{content} = '';
        $res{left} = $body if length $body;

    } elsif (lc(join_headers(\%res, 'Transfer-Encoding') // '') eq 'chunked')
    {
        @res{qw(content left error)} = dechunk($body);

    } elsif (defined $length && $length =~ /^\d+$/) {
        if (length $body < $length) {
            $res{warning} = "response body truncated: $length expected, "
                            . "but got " . length $body;

        } elsif (length $body > $length) {
            $res{content} = substr $body, 0, $length;
            $res{left} = substr $body, $length;
        }
    }

    return \%res;
}


# Returns the decoded body, what follows it, and what is wrong with it.
sub dechunk {
    my ($raw) = @_;
    my $body = '';

    pos($raw) = 0;

    while ($raw =~ /\G[ \t]*([0-9A-Fa-f]+)[ \t]*(?:;[^\r\n]*)?\r\n/gc) {
        my $size = hex $1;

        if ($size == 0) {
            # trailer fields
            1 while $raw =~ /\G[^\r\n:]+:[^\n]*\r\n/gc;

            return ($body, undef,
                    'invalid chunked data received (expected CRLF)')
                if $raw !~ /\G\r\n/gc;

            my $left = substr $raw, pos $raw;
            return ($body, length $left ? $left : undef, undef);
        }

        my $at = pos $raw;

        return ($body, undef, 'invalid chunked data received '
                              . '(not enough octets for the data section)')
            if length($raw) - $at < $size;

        $body .= substr $raw, $at, $size;
        pos($raw) = $at + $size;

        return ($body, undef, 'invalid chunked data received (expected CRLF)')
            if $raw !~ /\G\r\n/gc;
    }

    my $rest = substr $raw, pos($raw) // 0;

    return ($body, undef, length $rest
                          ? "invalid chunked body received: $rest"
                          : 'no last chunk found');
}


# All values of a header joined by ", "; undef where it is absent.
sub join_headers {
    my ($res, $name) = @_;

    my @values = map { $_->[1] } grep { lc $_->[0] eq lc $name }
                 @{ $res->{headers} };

    return @values ? join ', ', @values : undef;
}


1;
