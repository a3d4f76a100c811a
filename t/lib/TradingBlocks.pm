package TradingBlocks;

# What the blocks of most suites have unless they say otherwise: a board, both
# services, and an error log without errors.  It asks nothing of the runner but
# a block's accessors and set_value(), which the real Test::Nginx has as well:
#
#     use Test::Nginx::Socket 'no_plan';
#     use TradingBlocks;
#
#     add_block_preprocessor(sub { defaults(shift) });
#     add_block_preprocessor(sub { defaults(shift, board => 'SERIES') });

use strict;
use warnings;

use Exporter 'import';
our @EXPORT = qw(defaults);

# board: of those that test.sh makes, the suffix of its variable; config: what
# stands in the server
sub defaults {
    my ($block, %options) = @_;
    my $board = defined $options{board} ? "_$options{board}" : '';

    if (!defined $block->http_config) {
        $block->set_value('http_config', <<"END");
    trading_board \$TEST_NGINX_BOARD$board;
    trading_stale 1h;
END
    }

    if (!defined $block->config) {
        $block->set_value('config', $options{config} // <<'END');
    location /market/ { trading_market; }
    location /trading/ { trading_signals; }
END
    }

    if (!defined $block->no_error_log && !defined $block->error_log
        && !defined $block->must_die)
    {
        $block->set_value('no_error_log', '[error]');
    }

    return;
}

1;
