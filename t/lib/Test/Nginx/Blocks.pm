# Reads the test blocks after __DATA__ and runs their filters: the part of
# Test::Base that Test::Nginx suites use.
#
# A block is "=== name", an optional description, and sections that each start
# with "--- section [filters]" or "--- section [filters]: value".  Every value
# passes "norm" and "trim" first, then the filters the section names, and can
# be a list (filter "lines"), which is why blocks keep arrays.
#
# Differs from Test::Base in two things.  Code of an "eval" filter that does
# not compile or dies ends the run; there the message becomes the value, and a
# no_error_log section made of it can never fail.  A section given twice is an
# error; there the second silently replaces the first.

package Test::Nginx::Blocks;

use strict;
use warnings;


# Code of "eval" filters; stands first so that it sees no lexical of ours.
sub isolated_eval {
    return eval $_[0];
}


package Test::Nginx::Block;

our $AUTOLOAD;


sub new {
    return bless {}, shift;
}


# Any section is a method; unknown ones are undef or the empty list.
sub AUTOLOAD {
    my $self = shift;

    (my $section = $AUTOLOAD) =~ s/.*:://;
    return if $section eq 'DESTROY';

    my @values = @{ $self->{$section} || [] };
    return wantarray ? @values : $values[0];
}


sub set_value {
    my ($self, $section, @values) = @_;

    $self->{$section} = [@values];
}


package Test::Nginx::Blocks;

use Exporter 'import';

use Carp qw(croak);
use Scalar::Util ();
use Test::More ();

our @EXPORT_OK = qw(blocks filters first_block next_block);

my %reserved = map { $_ => 1 }
    qw(new set_value AUTOLOAD DESTROY BEGIN can isa import DOES VERSION);

my ($block_list, @queue, %filters_of_section);
my @default_filters = qw(norm trim);


# Filters get and return a list; $arg is what follows "=" in "filter=arg".
my %filter = (
    norm => sub {
        my ($arg, @v) = @_;

        return map { $_ //= ''; s/\r\n?/\n/g; $_ } @v;
    },

    # drops blank lines at both ends, keeps the last line's newline
    trim => sub {
        my ($arg, @v) = @_;

        return map { s/\A(?:[ \t]*\n)+//; s/\n\s*\z/\n/; $_ } @v;
    },

    chomp   => sub { my ($arg, @v) = @_; chomp @v; return @v },
    chop    => sub { my ($arg, @v) = @_; chop @v; return @v },
    unchomp => sub { my ($arg, @v) = @_; return map { "$_\n" } @v },
    append  => sub { my ($arg, @v) = @_; return map { $_ . $arg } @v },
    prepend => sub { my ($arg, @v) = @_; return map { $arg . $_ } @v },
    array   => sub { my ($arg, @v) = @_; return [@v] },
    join    => sub { my ($arg, @v) = @_; return join $arg // '', @v },
    reverse => sub { my ($arg, @v) = @_; return reverse @v },
    sort    => sub { my ($arg, @v) = @_; return sort @v },
    lines   => sub { my ($arg, @v) = @_; return $v[0] =~ /^(.+\n?|\n)/gm },

    split => sub {
        my ($arg, @v) = @_;

        $arg = qr/$1/ if defined $arg && $arg =~ m{^/(.*)/$};
        return split $arg // qr/\s+/, $v[0];
    },

    head => sub {
        my ($arg, @v) = @_;

        return splice @v, 0, $arg || 1;
    },

    tail => sub {
        my ($arg, @v) = @_;

        return splice @v, -($arg || 1);
    },

    base64_encode => sub {
        require MIME::Base64;
        return MIME::Base64::encode_base64($_[1]);
    },

    base64_decode => sub {
        require MIME::Base64;
        return MIME::Base64::decode_base64($_[1]);
    },

    read_file => sub {
        my ($arg, $path) = @_;

        chomp $path;
        open my $in, '<', $path
            or croak "cannot open \"$path\" for reading: $!";
        local $/;
        return scalar <$in>;
    },

    # \n, \x{41} and the like
    escape => sub {
        my ($arg, $text) = @_;

        $text =~ s/(\\x\{[0-9A-Fa-f]+\}|\\.)/qq("$1")/gee;
        return $text;
    },

    regexp => sub {
        my ($arg, $text) = @_;
        my $flags = $arg // ($text =~ /\n.*?\n/s ? 'xism' : '');

        chomp $text if !defined $arg && $flags eq '';
        return run_code("qr{$text}$flags");
    },

    eval => sub { return run_code($_[1]) },
);


sub run_code {
    my ($code) = @_;

    my @values = isolated_eval($code);

    if ($@) {
        my $error = $@;
        Test::More::BAIL_OUT("eval filter failed: $error in: $code");
    }

    return @values;
}


# Returns the blocks in the order of the file; their number in scalar context.
sub blocks {
    my ($section) = @_;

    my @blocks = @{ $block_list ||= choose_blocks(data_text()) };
    @blocks = grep { exists $_->{$section} } @blocks if defined $section;

    return scalar @blocks if !wantarray;

    run_filters($_) for @blocks;
    return @blocks;
}


sub next_block {
    @queue = (blocks(), undef) if !@queue;
    return shift @queue;
}


sub first_block {
    @queue = ();
    return next_block();
}


# filters { section => ['chomp'] } or filters('chomp') for every section.
sub filters {
    my @args = @_;

    if (ref $args[0] eq 'HASH') {
        %filters_of_section = %{ $args[0] };

    } else {
        push @default_filters, @args;
    }
}


sub data_text {
    no warnings 'once';
    my $handle = Scalar::Util::openhandle(\*main::DATA);

    return '' if !$handle;

    local $/;
    return scalar(<$handle>) // '';
}


# Cuts the text into blocks and obeys ONLY, SKIP and LAST.
sub choose_blocks {
    my ($text) = @_;
    my @chosen;

    for my $hunk (split /^(?====)/m, $text) {
        next if $hunk !~ /\A===/;

        my $block = parse_block($hunk);

        if (exists $block->{ONLY}) {
            Test::More::diag("I found ONLY: maybe you're debugging?");
            return [$block];
        }

        next if exists $block->{SKIP};

        push @chosen, $block;
        last if exists $block->{LAST};
    }

    return \@chosen;
}


sub parse_block {
    my ($hunk) = @_;

    my $block = Test::Nginx::Block->new;
    my (@order, $section, %text, %how);
    my $description = '';

    $hunk =~ s/\A===[ \t]*([^\n]*?)[ \t]*(?:\n|\z)//;
    $block->set_value(name => $1);

    for my $line (split /^/m, $hunk) {

        if ($line !~ /^--- +\(?(\w+)\)? *(.*)\n\z/) {
            if (defined $section) {
                $text{$section} .= $line;
            } else {
                $description .= $line;
            }
            next;
        }

        $section = $1;
        $how{$section} = $2;
        $text{$section} = '';

        croak "\"$section\" is a reserved name, use another for a section"
            if $reserved{$section} || $section =~ /^_/;

        croak "section \"$section\" is twice in \"", $block->name, "\""
            if grep { $_ eq $section } @order;

        push @order, $section;
    }

    for my $name (@order) {

        # "filters: value" on the line itself
        if ($how{$name} =~ /^(.*?)\s*:(?:\s+(.*?)\s*)?$/s) {
            croak "Extra lines not allowed in '$name' section"
                if $text{$name} =~ /\S/;

            ($how{$name}, $text{$name}) = ($1, $2 // '');
        }

        $block->set_value($name, $text{$name});
    }

    $description =~ s/\A\s+|\s+\z//g;
    $block->set_value(description => length $description
                                     ? $description : $block->name);

    $block->{_order} = \@order;
    $block->{_how} = \%how;

    return $block;
}


# Runs the filters of each section, once per block.
sub run_filters {
    my ($block) = @_;

    return if $block->{_filtered}++;

    for my $section (@{ $block->{_order} }) {
        my @values = @{ $block->{$section} };

        for my $filter (filter_names($block, $section)) {
            my ($name, $arg) = split /=/, $filter, 2;

            if (defined $arg) {
                $arg =~ s/\\s/ /g;
                $arg =~ s/(\\[a-z])/qq("$1")/gee;
            }

            if (defined &{"main::$name"}) {
                @values = user_filter($name, @values);

            } elsif ($filter{$name}) {
                @values = $filter{$name}->($arg, @values);

            } else {
                die "Can't find a function or method for '$name' filter\n";
            }
        }

        $block->set_value($section, @values);
    }
}


# "-trim" takes a default filter away, "+chomp" moves one to the end.
sub filter_names {
    my ($block, $section) = @_;

    my $mapped = $filters_of_section{$section} // [];
    my (@names, @last);

    for my $name (@default_filters, ref $mapped ? @$mapped : $mapped,
                  split ' ', $block->{_how}{$section})
    {
        if ($name =~ /^-(.+)/) {
            my $drop = $1;
            @names = grep { $_ ne $drop } @names;

        } elsif ($name =~ /^\+(.+)/) {
            push @last, $1;

        } else {
            push @names, $name;
        }
    }

    return (@names, @last);
}


# A function of the .t file: may return the new value or change $_.
sub user_filter {
    my ($name, @values) = @_;

    local $_ = join '', map { $_ // '' } @values;

    no strict 'refs';
    my @new = &{"main::$name"}(@values);

    return ($_) if !@new
                   || (@new == 1 && defined $new[0] && $new[0] =~ /\A\d*\z/);
    return @new;
}


1;
