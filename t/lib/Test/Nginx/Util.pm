# Settings of the fallback test runner: what the environment and the .t file
# chose, and the few helpers that need nothing else.
#
# The package and its variables are named as in the CPAN distribution, because
# suites read some of them ($Test::Nginx::Util::ServerPort and the like).  Both
# runners keep their Util.pm beside their Socket.pm, so they never mix.
#
# Nothing here starts a process or emits a test result; Server.pm and Checks.pm
# do.  Ports are reserved with a lock file each, held until this process ends,
# so that suites running side by side cannot pick the same one.

package Test::Nginx::Util;

use strict;
use warnings;

use Exporter 'import';

use Carp qw(croak);
use Cwd ();
use Fcntl qw(:flock);
use File::Spec ();
use File::Temp ();
use IO::Socket::INET ();
use Test::More ();

our @EXPORT_OK = qw(
    add_block_preprocessor add_cleanup_handler add_response_body_check
    add_test_cleanup_handler bail_out check_accum_error_log config_preamble
    env_to_nginx expand_env_in_text html_dir is_running is_str log_level
    master_off master_on master_process_enabled no_diff no_long_string
    no_nginx_manager no_root_location no_shuffle parse_time repeat_each
    server_addr server_name server_port server_port_for_client server_root
    set_http_config_filter sleep_time time_scale timeout trim use_hup verbose
    worker_connections workers
);


# What the environment says; the .t file may override most of it below.

our $NginxBinary          = $ENV{TEST_NGINX_BINARY} || 'nginx';
our $LoadModules          = $ENV{TEST_NGINX_LOAD_MODULES};
our $UseHup               = $ENV{TEST_NGINX_USE_HUP};
our $UseValgrind          = $ENV{TEST_NGINX_USE_VALGRIND};
our $Verbose              = $ENV{TEST_NGINX_VERBOSE};
our $NoShuffle            = $ENV{TEST_NGINX_NO_SHUFFLE};
our $NoNginxManager       = $ENV{TEST_NGINX_NO_NGINX_MANAGER};
our $CheckAccumErrLog     = $ENV{TEST_NGINX_CHECK_ACCUM_ERR_LOG};
our $EventType            = $ENV{TEST_NGINX_EVENT_TYPE};
our $PostponeOutput       = $ENV{TEST_NGINX_POSTPONE_OUTPUT};
our $WorkerUser           = $ENV{TEST_NGINX_WORKER_USER};
our $Timeout              = $ENV{TEST_NGINX_TIMEOUT} || 3;
our $TestNginxSleep       = $ENV{TEST_NGINX_SLEEP} || 0.015;
our $LogLevel             = $ENV{TEST_NGINX_LOG_LEVEL} || 'debug';
our $MasterProcessEnabled = $ENV{TEST_NGINX_MASTER_PROCESS} || 'off';

our $ServerAddr        = '127.0.0.1';
our $ServerName        = 'localhost';
our $Workers           = 1;
our $WorkerConnections = 64;
our $RepeatEach        = 1;
our $NoRootLocation    = 0;
our $NoLongString;
our $ConfigPreamble    = '';
our $FilterHttpConfig;

our (@EnvToNginx, @BlockPreprocessors, @ResponseBodyChecks);
our (@CleanupHandlers, @TestCleanupHandlers);


# Where the server lives.  Without TEST_NGINX_SERVROOT it is a temporary
# directory, so that suites may run side by side and on a read-only tree.

our $TempRoot;
our $ServRoot;

if ($ENV{TEST_NGINX_SERVROOT}) {
    $ServRoot = File::Spec->rel2abs($ENV{TEST_NGINX_SERVROOT});

} else {
    $TempRoot = File::Temp->newdir('test-nginx-XXXXXXXX', TMPDIR => 1,
                                   CLEANUP => !$ENV{TEST_NGINX_NO_CLEAN});

    # workers may run as another user
    chmod 0755, "$TempRoot"
        or die "chmod() of $TempRoot failed: $!\n";

    $ServRoot = "$TempRoot/servroot";
}

our $LogDir     = "$ServRoot/logs";
our $ConfDir    = "$ServRoot/conf";
our $HtmlDir    = "$ServRoot/html";
our $ErrLogFile = "$LogDir/error.log";
our $AccLogFile = "$LogDir/access.log";
our $StderrFile = "$LogDir/stderr.log";
our $PidFile    = "$LogDir/nginx.pid";
our $ConfFile   = "$ConfDir/nginx.conf";

our %PortLocks;

our $ServerPort = $ENV{TEST_NGINX_SERVER_PORT} || $ENV{TEST_NGINX_PORT}
                  || reserve_port();
our $ServerPortForClient = $ENV{TEST_NGINX_CLIENT_PORT} || $ServerPort;

# The CPAN runner sets only the first two of these.
$ENV{TEST_NGINX_SERVER_ROOT} = $ServRoot;
$ENV{TEST_NGINX_SERVER_PORT} //= $ServerPort;
$ENV{TEST_NGINX_SERVROOT}    //= $ServRoot;
$ENV{TEST_NGINX_HTML_DIR}    //= $HtmlDir;

# Ports that $TEST_NGINX_RAND_PORT_n stands for in the current block.
our %RandPorts;


# Finds a port that nobody listens on and that no other runner has reserved.
# Stays below the usual range of outgoing connections.
sub reserve_port {
    my ($low, $high) = (1985, 30000);
    my $start = ($$ * 7919) % ($high - $low);

    for my $i (0 .. 2000) {
        my $port = $low + ($start + $i * 13) % ($high - $low);
        my $lock = File::Spec->catfile(File::Spec->tmpdir,
                                       "test-nginx-port-$port.lock");

        # A lock file that another user left is as good as taken.
        next if $PortLocks{$port};
        open my $fh, '>>', $lock or next;
        flock $fh, LOCK_EX | LOCK_NB or next;

        my $sock = IO::Socket::INET->new(LocalPort => $port, Proto => 'tcp',
                                         Listen => 1, ReuseAddr => 1);
        if (!$sock) {
            close $fh;
            unlink $lock;
            next;
        }

        close $sock;
        $PortLocks{$port} = [$fh, $lock, $$];
        return $port;
    }

    die "no free port found for the test server\n";
}


sub release_ports {
    for my $port (keys %PortLocks) {
        my ($fh, $lock, $owner) = @{ $PortLocks{$port} };

        if ($owner == $$) {
            unlink $lock;
            close $fh;
        }
    }
}


# Setters.  Those which the CPAN runner lets double as getters do so here.

sub no_long_string ()        { $NoLongString = 1 }
sub no_diff ()               { }
sub no_shuffle ()            { $NoShuffle = 1 }
sub no_root_location ()      { $NoRootLocation = 1 }
sub no_nginx_manager ()      { $NoNginxManager = 1 }
sub use_hup ()               { $UseHup = 1 }
sub check_accum_error_log () { $CheckAccumErrLog = 1 }
sub master_on ()             { $MasterProcessEnabled = 'on' }
sub master_off ()            { $MasterProcessEnabled = 'off' }
sub config_preamble ($)      { $ConfigPreamble = shift }
sub html_dir ()              { $HtmlDir }
sub server_root ()           { $ServRoot }
sub sleep_time               { $TestNginxSleep }
sub verbose                  { $Verbose }

sub log_level (@)          { $LogLevel = shift if @_; $LogLevel }
sub workers (@)            { $Workers = shift if @_; $Workers }
sub worker_connections (@) { $WorkerConnections = shift if @_;
                             $WorkerConnections }
sub repeat_each (@)        { $RepeatEach = shift if @_; $RepeatEach }
sub timeout (@)            { $Timeout = shift if @_; $Timeout }
sub server_addr (@)        { $ServerAddr = shift if @_; $ServerAddr }
sub server_name (@)        { $ServerName = shift if @_; $ServerName }
sub server_port (@)        { $ServerPort = shift if @_; $ServerPort }
sub server_port_for_client (@) {
    $ServerPortForClient = shift if @_;
    $ServerPortForClient
}

sub master_process_enabled (@) {
    $MasterProcessEnabled = shift() ? 'on' : 'off' if @_;
    $MasterProcessEnabled
}

# Handlers run last-added first, as in the CPAN runner.
sub add_block_preprocessor (&)   { unshift @BlockPreprocessors, shift }
sub add_cleanup_handler ($)      { unshift @CleanupHandlers, shift }
sub add_test_cleanup_handler ($) { unshift @TestCleanupHandlers, shift }
sub add_response_body_check ($)  { push @ResponseBodyChecks, shift }
sub set_http_config_filter ($)   { $FilterHttpConfig = shift }


sub env_to_nginx (@) {
    croak "env_to_nginx: no arguments specified" if !@_;

    for my $v (@_) {
        croak "env_to_nginx: bad argument value: $v"
            if $v !~ /^[A-Za-z_]/ || $v =~ /\n/;

        push @EnvToNginx, $v;
    }
}


sub is_running ($) {
    my $pid = shift;

    return kill 0, $pid;
}


# How much longer than usual things may take.
sub time_scale {
    return $UseValgrind ? 10 : 1;
}


# "500ms", "2s" or "2" in seconds.
sub parse_time ($) {
    my $tm = shift;

    return undef if !defined $tm;

    return $1 / 1000 if $tm =~ /^\s*([\d.]+)\s*ms\s*$/;
    return $1 if $tm =~ /^\s*([\d.]+)\s*s?\s*$/;

    bail_out("bad time \"$tm\"");
}


sub trim ($) {
    my $s = shift;

    return undef if !defined $s;

    $s =~ s/^\s+|\s+$//g;
    $s =~ s/\s+/ /g;
    return $s;
}


sub is_str (@) {
    my ($got, $expected, $desc) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    return Test::More::like($got, $expected, $desc)
        if ref $expected eq 'Regexp';

    return Test::More::is($got, $expected, $desc);
}


# Replaces $TEST_NGINX_FOO by the environment variable of that name.  A name
# that is not set ends the run: a config with a hole in it tests nothing.
sub expand_env_in_text ($$;$) {
    my ($text, $name) = @_;

    return undef if !defined $text;

    $text =~ s{\$(TEST_NGINX_[_A-Z0-9]+)}{
        my $var = $1;

        if ($var =~ /^TEST_NGINX_RAND_PORT_\d+$/) {
            $RandPorts{$var} //= reserve_port();

        } elsif (!defined $ENV{$var}) {
            bail_out("$name - No environment $var defined.");

        } else {
            $ENV{$var};
        }
    }eg;

    return $text;
}


# Ends the whole run, as BAIL_OUT of Test::More; END blocks stop the server.
sub bail_out (@) {
    Test::More::BAIL_OUT(join '', @_);
}


1;
