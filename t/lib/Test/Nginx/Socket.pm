# Runs Test::Nginx suites with perl core modules only: a small stand-in for
# the Test::Nginx::Socket of CPAN, found where that one is not installed.
#
# A .t file pushes t/lib to the end of @INC, so the CPAN runner wins wherever
# it is present; suites must pass under both and use only what both have.
# This file exports the same functions, runs the blocks in the same (shuffled)
# order rules and gives assertions the same names, so the TAP of the two can be
# compared.  Blocks.pm reads the blocks, Layout.pm writes nginx.conf, Server.pm
# owns the nginx process, Client.pm speaks HTTP, Checks.pm asserts, Util.pm
# keeps the settings.
#
# Where it differs from the CPAN runner:
#
#  * nginx is restarted only when a block lays down something else than the
#    block that ran before it (config, http_config, main_config, user_files,
#    settings).  Shared memory and caches then outlive a block; a suite whose
#    blocks need a fresh nginx each says so, harmlessly under both runners, by
#    $ENV{TEST_NGINX_FORCE_RESTART_ON_TEST} = 1 before run_tests();
#  * a line at [alert], [emerg] or [crit] or sanitizer text in error.log fails
#    a block that did not ask for it, also when it comes at shutdown; so do a
#    bad exit status of nginx, and any report of valgrind.  There it warns;
#  * nginx runs with "daemon off" as our child; workers(2) or more turns the
#    master process on by itself;
#  * an nginx that does not start fails the block, not the whole run;
#  * without TEST_NGINX_PORT and TEST_NGINX_SERVROOT, port and server root are
#    fresh ones, so that suites can run side by side;
#  * $TEST_NGINX_SERVROOT and $TEST_NGINX_HTML_DIR are set; there a suite has
#    to use $TEST_NGINX_SERVER_ROOT, or set $ENV{TEST_NGINX_HTML_DIR} itself
#    from html_dir();
#  * an error_log pattern that is late is waited for, up to a second;
#  * an "eval" filter that dies ends the run, a section given twice too;
#  * a response that claims to be longer than it is fails the block;
#  * no HTTP/2, HTTP/3, curl, stap, mocked TCP and UDP servers, leak check or
#    benchmark mode: a block that needs one ends the run.

package Test::Nginx::Socket;

use strict;
use warnings;

use List::Util qw(shuffle);
use Test::More ();
use Time::HiRes qw(sleep);

use Test::Nginx::Blocks qw(blocks filters first_block next_block);
use Test::Nginx::Checks qw(check_access_log check_error_log check_response
                           check_shutdown_log extra_fail);
use Test::Nginx::Client qw(parse_response requests_of_block send_request);
use Test::Nginx::Layout qw(nginx_version write_user_files);
use Test::Nginx::Server qw(ensure_server log_tail note_startup_end
                           run_doomed_server server_is_ours stop_server);
use Test::Nginx::Util qw(bail_out expand_env_in_text);

our $VERSION = '0.33';

my @own = qw(run_tests run_test blocks filters first_block next_block);
my @settings = qw(
    add_block_preprocessor add_cleanup_handler add_response_body_check
    add_test_cleanup_handler bail_out check_accum_error_log config_preamble
    env_to_nginx html_dir is_running is_str log_level master_off master_on
    master_process_enabled no_diff no_long_string no_nginx_manager
    no_root_location no_shuffle repeat_each server_addr server_name
    server_port server_port_for_client server_root timeout use_hup
    worker_connections workers
);
my @more = qw(
    ok is isnt like unlike is_deeply cmp_ok skip todo_skip pass fail plan
    can_ok isa_ok diag use_ok eq_array eq_hash eq_set
);
my @carp = qw(croak carp cluck confess);

# Sections that would go unnoticed and make a block test less than it says.
my @unsupported = qw(
    charset http2 http3 request_eval response_body_eval skip_nginx2
    skip_openssl skip_slave stap stap_out stap_out_like stap_out_unlike
    stream_config stream_server_config tcp_listen tcp_query tcp_reply todo
    todo_nginx udp_listen udp_query udp_reply write_resp_body_file
);

# The block that ran last on the server, for what shows when it ends.
my $served;


# Exports everything, turns strict and warnings on as Test::Base does, and
# hands "no_plan" or "tests => n" to Test::More.
sub import {
    my ($class, @args) = @_;

    my $caller = caller;

    strict->import;
    warnings->import;

    if (@args) {
        Test::More->import(import => [], @args);
    }

    my %from = (
        (map { $_ => __PACKAGE__ } @own),
        (map { $_ => 'Test::Nginx::Util' } @settings),
        (map { $_ => 'Test::More' } @more),
        (map { $_ => 'Carp' } @carp),
    );

    no strict 'refs';
    *{"${caller}::$_"} = \&{"$from{$_}::$_"} for keys %from;
    *{"${caller}::TODO"} = \${"Test::More::TODO"};
}


sub run_tests () {
    # stops nginx by way of END
    local $SIG{INT} = sub { exit 130 };
    local $SIG{TERM} = sub { exit 143 };

    my @blocks = blocks();

    @blocks = shuffle(@blocks) if !$Test::Nginx::Util::NoShuffle;

    for my $block (@blocks) {
        $_->($block) for @Test::Nginx::Util::BlockPreprocessors;

        $block->set_value('name', "$0 " . $block->name);
        run_test($block);

        $_->($block) for @Test::Nginx::Util::TestCleanupHandlers;
    }

    server_ended(stop_server()) if server_is_ours();
    run_cleanup_handlers();
}


sub run_cleanup_handlers {
    my @handlers = splice @Test::Nginx::Util::CleanupHandlers;

    $_->() for @handlers;
}


# Reports on the end of the server to the block that used it last.
sub server_ended {
    my (@faults) = @_;

    check_shutdown_log($served, @faults) if $served;
    undef $served;
}


sub run_test ($) {
    my ($block) = @_;

    return if defined $block->SKIP;

    my $name = $block->name;

    for my $section (@unsupported) {
        bail_out("$name - this runner does not support --- $section, "
                 . "the one of CPAN does") if exists $block->{$section};
    }

    %Test::Nginx::Util::RandPorts = ();

    my ($count, $reason) = skip_reason($block);

    if ($count) {
        SKIP: {
            Test::More::skip("$name - $reason",
                             $count * $Test::Nginx::Util::RepeatEach);
        }
        return;
    }

    my $config = expand_env_in_text($block->{config}[0], $name);

    if (defined $block->must_die) {
        server_ended(stop_server()) if server_is_ours();
        check_death($block, $config // '', $_)
            for 0 .. $Test::Nginx::Util::RepeatEach - 1;
        return;
    }

    if ($Test::Nginx::Util::NoNginxManager) {
        Test::More::diag("no nginx manager: config of $name ignored")
            if defined $config;

    } else {
        my $error = ensure_server($block, $config, \&server_ended);

        if (defined $error) {
            extra_fail("$name - $error");
            Test::More::diag(log_tail());
            undef $served;
            return;
        }
    }

    if (defined(my $code = $block->init)) {
        eval $code;
        bail_out("$name - init failed: $@") if $@;
    }

    $served = $block;
    note_startup_end();

    for my $repeat (0 .. $Test::Nginx::Util::RepeatEach - 1) {
        write_user_files($block) if $repeat;
        run_requests($block, $repeat);
    }
}


# How many assertions to skip, and why, by skip_nginx or skip_eval.
sub skip_reason {
    my ($block) = @_;

    my $name = $block->name;

    if (defined(my $text = $block->skip_eval)) {
        my ($count, $code) = $text =~ /^\s*(\d+)\s*:\s*(.*)/s
            or bail_out("$name - Invalid --- skip_eval spec: $text");

        my $skip = eval $code;
        bail_out("$name - skip_eval - failed to eval \"$code\": $@") if $@;

        return ($count, 'skip_eval') if $skip;
    }

    if (defined(my $text = $block->skip_nginx)) {
        $text =~ /^\s*(\d+)\s*:\s*([<>]=?)\s*(\d+)\.(\d+)\.(\d+)
                  (?:\s*:\s*(.*?))?\s*$/x
            or bail_out("$name - Invalid --- skip_nginx spec: $text");

        my ($count, $op, $why) = ($1, $2, $6);
        my $limit = sprintf '%d.%03d%03d', $3, $4, $5;
        my $is = nginx_version() <=> $limit;

        $why ||= "nginx version $op $3.$4.$5";

        return ($count, $why) if $op =~ /=/ && $is == 0
                                 || $op =~ /</ && $is < 0
                                 || $op =~ />/ && $is > 0;
    }

    return (0, undef);
}


# A block whose nginx must refuse to start, with a given exit code or any.
sub check_death {
    my ($block, $config, $repeat) = @_;

    my $name = $block->name;
    my $wanted = $block->must_die;
    my ($code, $status) = run_doomed_server($block, $config);

    if (defined $status && $status & 127) {
        Test::More::fail("$name - nginx died of signal " . ($status & 127));

    } elsif ($wanted =~ /^\s*(\d+)\s*$/) {
        Test::More::is($code, $1, "$name - die with the expected exit code");

    } else {
        Test::More::isnt($code, 0, "$name - die as expected");
    }

    check_error_log($block, $repeat);
}


# Sends what the block asks for and checks each response and the logs after
# it, in the order of the CPAN runner.
sub run_requests {
    my ($block, $repeat) = @_;

    my $connections = requests_of_block($block);
    my $pipelined = $block->pipelined_requests;
    my $responses = $pipelined ? @$pipelined : 1;
    my $many = $pipelined || @$connections > 1;
    my $i = 0;

    for my $packets (@$connections) {
        my $bytes = talk($block, $packets);
        my $is_head = $packets->[0]{value} =~ /^\s*HEAD\s/;

        for (1 .. $responses) {
            if (!defined $block->ignore_response) {
                my $res = parse_response($bytes, $is_head,
                                         defined $block->http09);

                $bytes = $res->{left} // '';
                report_damage($block, $res, $pipelined);
                check_response($block, $res, $i, $many, $repeat);
            }

            sleep $block->wait if $block->wait;

            check_error_log($block, $repeat);
            check_access_log($block, $repeat)
                if !defined $block->ignore_response;

            $i++;
        }
    }
}


# Sends one connection's packets, returns what came back.
sub talk {
    my ($block, $packets) = @_;

    my $name = $block->name;
    my ($bytes, $error) = send_request($block, $packets);

    if (defined $error) {
        if ($error ne 'timeout') {
            extra_fail("$name - $error");

        } elsif (!defined $block->abort) {
            extra_fail("ERROR: client socket timed out - $name");
        }
    }

    Test::More::diag("response: $bytes") if $Test::Nginx::Util::Verbose;

    return $bytes;
}


# What is wrong with a response apart from what the block says of it.
sub report_damage {
    my ($block, $res, $pipelined) = @_;

    my $name = $block->name;

    extra_fail("$name - $res->{error}") if defined $res->{error};
    extra_fail("$name - $res->{warning}")
        if defined $res->{warning} && !defined $block->abort;

    return if $pipelined || !defined $res->{left};

    Test::More::diag("WARNING: $name - unexpected extra bytes after the "
                     . "response: \"$res->{left}\"");
}


# Whatever ended the run, our nginx ends with it; the exit status stays.
END {
    local $?;

    stop_server() if server_is_ours();
    Test::Nginx::Util::release_ports();
}


1;
