# The nginx of the fallback test runner: starts, reloads and stops it, and
# reads its logs.  Layout.pm writes what it runs on.
#
# nginx runs in the foreground as our own child, in a process group of its
# own.  So the pid is known without asking a file, its exit status is seen (a
# sanitizer reports leaks through it), and no other nginx can be hit.  It is
# ready once its pid file is there: nginx writes that after listen().
#
# Functions that can fail return an error text for Socket.pm to report, or
# undef.

package Test::Nginx::Server;

use strict;
use warnings;

use Exporter 'import';

use IO::Socket::INET ();
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(sleep time);

use Test::Nginx::Layout qw(config_text lay_down nginx_version user_files
                           write_user_files);
use Test::Nginx::Util qw(bail_out time_scale);

our @EXPORT_OK = qw(access_log_lines ensure_server log_tail new_log_lines
                    note_startup_end run_doomed_server server_is_ours
                    stop_server wait_for_quiet_log);

# The running server: pid, owner (our own pid, so that forks leave it alone),
# laid (all the block laid down), startup_end (size of error.log when its
# first block sent its first request).  Empty while none runs.
my %server;

# How far error.log and access.log were read.
my ($error_pos, $access_pos) = (0, 0);


# Makes sure that a server with the block's config runs, and that error.log is
# read from the right place on.  $config is undef for "whatever runs now".
# on_stop is called with each server that had to go first.
sub ensure_server {
    my ($block, $config, $on_stop) = @_;

    if (!defined $config) {
        return "no --- config, and no server runs yet" if !%server;

        mark_logs();
        return undef;
    }

    my $version = 'v' . time;
    my $text = config_text($block, $config, $version);
    my $laid = join "\0", $text =~ s/\Q$version\E//gr,
               scalar($block->post_setup_server_root) // '',
               map { map { $_ // '' } @$_ } @{ user_files($block) };

    if (%server && $Test::Nginx::Util::UseHup) {
        $on_stop->(undef);
        return reload($block, $text, $version);
    }

    if (%server && $server{laid} eq $laid
        && !$ENV{TEST_NGINX_FORCE_RESTART_ON_TEST}
        && !is_gone())
    {
        # requests may have changed them
        write_user_files($block);
        mark_logs();
        return undef;
    }

    $on_stop->(stop_server()) if %server;

    lay_down($block, $text);
    ($error_pos, $access_pos) = (0, 0);

    my $error = start($Test::Nginx::Util::UseValgrind);
    $server{laid} = $laid if !defined $error;

    return $error;
}


# The command line, under valgrind where asked for.
sub command_line {
    my ($use_valgrind) = @_;

    my $root = $Test::Nginx::Util::ServRoot;
    my @cmd = ($Test::Nginx::Util::NginxBinary, '-p', "$root/",
               '-c', $Test::Nginx::Util::ConfFile);

    # -e came with nginx 1.19.5
    push @cmd, '-e', $Test::Nginx::Util::ErrLogFile
        if nginx_version() >= 1.019005;

    return @cmd if !$use_valgrind;

    my @options = $use_valgrind =~ /^\d+$/
        ? qw(--tool=memcheck --leak-check=full --show-leak-kinds=definite
             --errors-for-leak-kinds=definite --num-callers=40)
        : split ' ', $use_valgrind;

    push @options, '--suppressions=valgrind.suppress'
        if -f 'valgrind.suppress';

    return ('valgrind', '-q', '--error-exitcode=99',
            "--log-file=$Test::Nginx::Util::LogDir/valgrind.%p.log",
            @options, @cmd);
}


sub spawn {
    my ($use_valgrind) = @_;

    my @cmd = command_line($use_valgrind);

    warn "# running: @cmd\n" if $Test::Nginx::Util::Verbose;

    my $pid = fork;
    bail_out("fork() failed: $!") if !defined $pid;
    return $pid if $pid;

    setpgrp 0, 0;
    $SIG{INT} = $SIG{TERM} = 'DEFAULT';
    open STDIN, '<', '/dev/null';
    open STDOUT, '>', '/dev/null';
    open STDERR, '>>', $Test::Nginx::Util::StderrFile;
    exec { $cmd[0] } @cmd
        or do { print STDERR "exec $cmd[0] failed: $!\n" };
    POSIX::_exit(127);
}


# Waits until the child is ready or gone: its wait status if gone, else undef.
sub wait_until_ready {
    my ($pid, $seconds) = @_;

    my $deadline = time + $seconds;

    while (time < $deadline) {
        return $? if waitpid($pid, WNOHANG) == $pid;

        if (open my $in, '<', $Test::Nginx::Util::PidFile) {
            return undef if (<$in> // '') eq "$pid\n";
        }

        sleep 0.01;
    }

    return undef;
}


sub start {
    my ($use_valgrind) = @_;

    my $status;

    # the port may still be held for a moment by a server just stopped
    for my $try (1 .. 10) {
        my $pid = spawn($use_valgrind);

        %server = (pid => $pid, owner => $$);
        $status = wait_until_ready($pid, 10 * time_scale());

        if (!defined $status) {
            return undef if -s $Test::Nginx::Util::PidFile;

            stop_server();
            return 'nginx is not ready in time';
        }

        %server = ();
        last if slurp($Test::Nginx::Util::ErrLogFile)
                !~ /bind\(\) to \S+ failed \(98:/;

        unlink $Test::Nginx::Util::ErrLogFile if $try < 10;
        sleep 0.2;
    }

    return 'nginx did not start (' . describe_status($status) . ')';
}


# Starts a server that should refuse to start.  Returns its exit code and wait
# status; a status of undef says that it did start (it is stopped then).
sub run_doomed_server {
    my ($block, $config) = @_;

    lay_down($block, config_text($block, $config, ''));
    ($error_pos, $access_pos) = (0, 0);

    my $pid = spawn(undef);

    %server = (pid => $pid, owner => $$);
    my $status = wait_until_ready($pid, 10);

    if (defined $status) {
        %server = ();
        return ($status >> 8, $status);
    }

    stop_server();
    return (0, undef);
}


# New files, SIGHUP, then wait until only workers with the new config answer.
sub reload {
    my ($block, $text, $version) = @_;

    wait_for_quiet_log();
    ($error_pos, $access_pos) = (-s $Test::Nginx::Util::ErrLogFile,
                                 -s $Test::Nginx::Util::AccLogFile);

    lay_down($block, $text, 1);
    delete $server{startup_end};

    my @old = worker_pids();

    kill 'HUP', $server{pid}
        or return "SIGHUP to nginx failed: $!";

    my $deadline = time + 10 * time_scale();
    my $hits = 0;

    while (time < $deadline) {
        # a reload that must fail leaves the old workers
        if (defined $block->reload_fails) {
            open my $in, '<', $Test::Nginx::Util::ErrLogFile or last;
            seek $in, $error_pos, 0;
            return undef if grep { /\[emerg\]/ } <$in>;

        } elsif (grep { is_accepting($_) } @old) {
            $hits = 0;

        } elsif (config_version() eq $version) {
            return undef if ++$hits >= 10;
            next;

        } else {
            $hits = 0;
        }

        sleep 0.02;
    }

    return 'nginx did not take the new configuration';
}


sub worker_pids {
    my @pids;

    for my $stat (glob '/proc/[0-9]*/stat') {
        slurp($stat) =~ /^(\d+) \(.*\) \S (\d+)/s or next;
        push @pids, $1 if $2 == $server{pid};
    }

    return @pids;
}


# A worker says in its title that it is about to close its sockets.
sub is_accepting {
    my ($pid) = @_;

    my $title = slurp("/proc/$pid/cmdline");

    return length $title && $title !~ /is shutting down/;
}


sub config_version {
    my $sock = IO::Socket::INET->new(
        PeerAddr => $Test::Nginx::Util::ServerAddr,
        PeerPort => $Test::Nginx::Util::ServerPort,
        Proto => 'tcp', Timeout => 2) or return '';

    print $sock "GET /ver HTTP/1.0\r\nHost: Test-Nginx\r\n\r\n";
    local $/;
    return (<$sock> // '') =~ /\r\n\r\n(.*)/s ? $1 : '';
}


# Stops the server and returns what was wrong with its end, one text each.
sub stop_server {
    return if !server_is_ours();

    my $pid = $server{pid};
    my @faults;

    # an nginx that waits for connections left open is told twice
    SIGNAL: for my $signal ('QUIT', 'TERM', 'KILL') {
        push @faults, 'nginx had to be killed' if $signal eq 'KILL';

        kill $signal, $signal eq 'KILL' ? -$pid : $pid;

        my $deadline = time + ($signal eq 'QUIT' ? 3 : 5) * time_scale();

        while (time < $deadline) {
            last SIGNAL if is_gone();
            sleep 0.005;
        }
    }

    push @faults, 'nginx ended with ' . describe_status($server{status})
        if $server{status} && !@faults;

    for my $log (glob "$Test::Nginx::Util::LogDir/valgrind.*.log") {
        push @faults, "valgrind says:\n" . slurp($log) if -s $log;
        unlink $log;
    }

    unlink $Test::Nginx::Util::PidFile;
    %server = ();

    return @faults;
}


# Reaps the server if it has ended, and keeps its wait status.
sub is_gone {
    return 1 if defined $server{status};

    my $got = waitpid $server{pid}, WNOHANG;

    $server{status} = $got == $server{pid} ? $? : 0 if $got != 0;
    return $got != 0;
}


sub server_is_ours {
    return %server && $server{owner} == $$;
}


sub describe_status {
    my ($status) = @_;

    return 'signal ' . ($status & 127) . ($status & 128 ? ', core dumped' : '')
        if $status & 127;

    return 'exit code ' . ($status >> 8);
}


sub slurp {
    my ($path) = @_;

    open my $in, '<', $path or return '';
    local $/;
    return scalar(<$in>) // '';
}


# Waits until error.log has not grown for a while: the log phase of a request
# comes after its response.
sub wait_for_quiet_log {
    my $deadline = time + 2 * time_scale();
    my $size = -1;

    while (time < $deadline) {
        my $now = -s $Test::Nginx::Util::ErrLogFile // 0;

        return if $now == $size;

        $size = $now;
        sleep 3 * $Test::Nginx::Util::TestNginxSleep;
    }
}


# Called when a block starts on a server that ran before: what is in the logs
# now belongs to earlier blocks.
sub mark_logs {
    wait_for_quiet_log();
    $error_pos = -s $Test::Nginx::Util::ErrLogFile // 0;
    $access_pos = -s $Test::Nginx::Util::AccLogFile // 0;
    $server{replay} = $server{startup_end};
}


# Lines of error.log since the last call.  A block on a server that ran before
# gets the lines of its start first, as if it had been started for the block.
sub new_log_lines {
    my @lines;

    open my $in, '<', $Test::Nginx::Util::ErrLogFile
        or return [];

    if (my $end = delete $server{replay}) {
        my $start = '';

        read $in, $start, $end;
        push @lines, split /^/m, $start;
    }

    seek $in, $Test::Nginx::Util::CheckAccumErrLog ? 0 : $error_pos, 0;
    push @lines, <$in>;
    $error_pos = tell $in;

    return \@lines;
}


# All lines that the block's requests wrote to access.log.
sub access_log_lines {
    open my $in, '<', $Test::Nginx::Util::AccLogFile
        or return [];

    seek $in, $access_pos, 0;
    return [ <$in> ];
}


# Called right before the first request of a block.
sub note_startup_end {
    $server{startup_end} //= -s $Test::Nginx::Util::ErrLogFile // 0
        if %server;
}


# The end of the logs without debug lines, for a diagnosis.
sub log_tail {
    my @lines = grep { !/\[debug\]/ }
                split /^/m, slurp($Test::Nginx::Util::StderrFile)
                            . slurp($Test::Nginx::Util::ErrLogFile);

    return join '', splice @lines, @lines > 20 ? -20 : 0;
}


1;
