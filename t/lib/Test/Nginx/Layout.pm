# What the nginx of the fallback test runner runs on: its root directory, the
# files of a block, and nginx.conf in the shape the CPAN runner gives it.
#
# The config is made as text first, so that Server.pm can tell whether two
# blocks need different servers before anything is written.  A directory in
# the server root that was not made here ends the run instead of being removed.

package Test::Nginx::Layout;

use strict;
use warnings;

use Exporter 'import';

use File::Path qw(make_path remove_tree);
use POSIX ();
use Time::Local ();

use Test::Nginx::Util qw(bail_out expand_env_in_text);

our @EXPORT_OK = qw(config_text lay_down nginx_version user_files
                    write_user_files);

my $version_output;


# "nginx -V", asked once.
sub nginx_V {
    return $version_output if defined $version_output;

    my $pid = open my $out, '-|';
    bail_out("fork() failed: $!") if !defined $pid;

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        exec { $Test::Nginx::Util::NginxBinary }
             $Test::Nginx::Util::NginxBinary, '-V'
            or POSIX::_exit(127);
    }

    local $/;
    $version_output = <$out> // '';

    bail_out("cannot run \"$Test::Nginx::Util::NginxBinary -V\", is "
             . "TEST_NGINX_BINARY right?: $version_output")
        if !close $out;

    return $version_output;
}


# 1.22.1 as the number 1.022001.
sub nginx_version {
    return sprintf '%d.%03d%03d', $1, $2, $3
        if nginx_V() =~ m{\w+/(\d+)\.(\d+)\.(\d+)};

    bail_out("no version in the output of \"nginx -V\"");
}


# The whole nginx.conf of a block.
sub config_text {
    my ($block, $config, $version) = @_;

    my $name = $block->name;
    my %text = map {
        $_ => expand_env_in_text($block->{$_}[0], $name) // ''
    } qw(http_config main_config post_main_config);

    $text{http_config} =
        $Test::Nginx::Util::FilterHttpConfig->($text{http_config})
        if $Test::Nginx::Util::FilterHttpConfig;

    my $root = $Test::Nginx::Util::ServRoot;
    my $port = $Test::Nginx::Util::ServerPort;
    my $master = $Test::Nginx::Util::Workers > 1
                 || $Test::Nginx::Util::UseHup
                 ? 'on' : $Test::Nginx::Util::MasterProcessEnabled;
    my $log_level = $block->log_level || $Test::Nginx::Util::LogLevel;
    my $error_log = expand_env_in_text($block->{error_log_file}[0], $name)
                    || $Test::Nginx::Util::ErrLogFile;
    my $server_name = $block->server_name // $Test::Nginx::Util::ServerName;
    $server_name =~ s/(['\\])/\\$1/g;

    my $modules = join '', map { "load_module $_;\n" }
                  split ' ', $Test::Nginx::Util::LoadModules // '';

    my $env = join '', map { /\s/ ? "env '$_';\n" : "env $_;\n" }
              qw(LD_PRELOAD LD_LIBRARY_PATH ASAN_OPTIONS LSAN_OPTIONS
                 UBSAN_OPTIONS),
              @Test::Nginx::Util::EnvToNginx;

    # works for a user who may not write to the compiled-in paths
    my $temp = join '', map { "    ${_}_temp_path $root/${_}_temp;\n" }
               grep { $text{http_config} !~ /\b${_}_temp_path\b/ }
               grep { nginx_V() !~ /--without-http_${_}_module/ }
               qw(client_body proxy fastcgi scgi uwsgi);

    my $postpone = $Test::Nginx::Util::PostponeOutput;
    my $extra = defined $postpone && $text{http_config} !~ /postpone_output/
                ? "    postpone_output $postpone;\n" : '';

    my $user = $Test::Nginx::Util::WorkerUser // ($> == 0 ? 'root' : '');
    $user = "user $user;\n" if $user ne '';

    my $root_location = $Test::Nginx::Util::NoRootLocation ? '' : <<"EOC";
        location / {
            root $Test::Nginx::Util::HtmlDir;
            index index.html index.htm;
        }
EOC

    my $event_type = $Test::Nginx::Util::EventType
                     ? "    use $Test::Nginx::Util::EventType;\n" : '';

    # tells a reloaded server from the one before
    my $version_server = $Test::Nginx::Util::UseHup ? <<"EOC" : '';
    server {
        listen          $port;
        server_name     'Test-Nginx';

        location = /ver {
            access_log off;
            return 200 '$version';
        }
    }
EOC

    return <<"EOC";
worker_processes  $Test::Nginx::Util::Workers;
daemon off;
master_process $master;
error_log $error_log $log_level;
pid       $Test::Nginx::Util::PidFile;
$env$user$modules
$text{main_config}

http {
    access_log $Test::Nginx::Util::AccLogFile;
$temp
    default_type text/plain;
    keepalive_timeout  68000ms;

$text{http_config}
    server {
        listen          $port;
        server_name     '$server_name';

        client_max_body_size 30M;

        # Begin preamble config...
$Test::Nginx::Util::ConfigPreamble
        # End preamble config...

        # Begin test case config...
$config
        # End test case config.

$root_location    }
$version_server$extra}

$text{post_main_config}

events {
    accept_mutex off;

    worker_connections  $Test::Nginx::Util::WorkerConnections;
$event_type}
EOC
}


# Empties the directories we made; refuses a root with anything else in it.
sub clean_root {
    my ($keep_logs) = @_;

    my $root = $Test::Nginx::Util::ServRoot;

    if (-d $root) {
        remove_tree($Test::Nginx::Util::ConfDir, $Test::Nginx::Util::HtmlDir,
                    glob("$root/*_temp"), glob("$root/*_cache"),
                    $keep_logs ? () : ("$root/cache",
                                       $Test::Nginx::Util::LogDir));

        bail_out("Can't remove $root (not empty?): $!")
            if !$keep_logs && !rmdir $root;
    }

    make_path($Test::Nginx::Util::ConfDir, $Test::Nginx::Util::HtmlDir,
              $Test::Nginx::Util::LogDir);

    write_file("$Test::Nginx::Util::HtmlDir/index.html",
               '<html><head><title>It works!</title></head>'
               . '<body>It works!</body></html>');
}


sub write_file {
    my ($path, $content) = @_;

    open my $out, '>', $path
        or bail_out("Cannot open $path for writing: $!");
    binmode $out;
    print $out $content;
    close $out
        or bail_out("Cannot write $path: $!");
}


# The user_files section as [name, content, time] with variables expanded.
sub user_files {
    my ($block) = @_;

    my $name = $block->name;
    my $files = $block->user_files;

    return [] if !defined $files;

    bail_out("$name - user_files must be a string or an array")
        if ref $files && ref $files ne 'ARRAY';

    if (!ref $files) {
        my @list;

        for my $line (split /^/m, $files) {
            if ($line =~ /^>>> (\S+)(?:\s+(\S.*?))?\s*$/) {
                push @list, [ $1, '', $2 ];

            } elsif (@list) {
                $list[-1][1] .= $line;
            }
        }

        $files = \@list;
    }

    return [ map {
        [ $_->[0], expand_env_in_text($_->[1] // '', $name), $_->[2] ]
    } @$files ];
}


sub write_user_files {
    my ($block) = @_;

    for my $file (@{ user_files($block) }) {
        my ($path, $content, $time) = @$file;

        $path = "$Test::Nginx::Util::HtmlDir/$path" if $path !~ m{^/};
        make_path($1) if $path =~ m{^(.+)/};
        write_file($path, $content);

        next if !$time;

        # as touch -t takes it, in GMT
        $time =~ /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d\d))?$/
            or bail_out($block->name . " - bad file time \"$time\"");

        my $epoch = Time::Local::timegm($6 // 0, $5, $4, $3, $2 - 1, $1);
        utime $epoch, $epoch, $path;
    }
}


sub lay_down {
    my ($block, $text, $keep_logs) = @_;

    clean_root($keep_logs);

    if (defined(my $code = $block->post_setup_server_root)) {
        eval $code;
        bail_out($block->name . " - post_setup_server_root failed: $@") if $@;
    }

    write_user_files($block);
    write_file($Test::Nginx::Util::ConfFile, $text);
}


1;
