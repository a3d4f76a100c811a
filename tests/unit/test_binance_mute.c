/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Which streams of an instrument are dead, and which only quiet.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "binance_mute.h"

#define T0     5000000
#define LIMIT  30000


static void
begin(binance_mute_t *m)
{
    memset(m, 0, sizeof(*m));
    binance_mute_best(m, T0, 10, 100, 101, 0);
    binance_mute_depth(m, T0, 10, 100, 101);
}


static void
test_quiet_owes_nothing(void **state)
{
    binance_mute_t  m;

    (void) state;

    begin(&m);
    assert_int_equal(binance_mute_dead(&m, T0 + 1000 * LIMIT, LIMIT), 0);

    /* nor does a stream that is not subscribed */

    memset(&m, 0, sizeof(m));
    binance_mute_best(&m, T0, 10, 100, 101, 5);
    binance_mute_trade(&m, T0 + 5000, 300);
    assert_int_equal(binance_mute_dead(&m, T0 + 4999 + LIMIT, LIMIT), 0);

    memset(&m, 0, sizeof(m));
    binance_mute_depth(&m, T0, 10, 100, 101);
    binance_mute_depth(&m, T0, 20, 200, 201);
    assert_int_equal(binance_mute_dead(&m, T0 + 2 * LIMIT, LIMIT), 0);
}


static void
test_depth_that_a_ticker_is_ahead_of(void **state)
{
    binance_mute_t  m;

    (void) state;

    begin(&m);
    binance_mute_best(&m, T0 + 50, 11, 100, 102, 10);
    binance_mute_best(&m, T0 + 9000, 12, 100, 103, 10);
    assert_int_equal(binance_mute_dead(&m, T0 + 49 + LIMIT, LIMIT), 0);
    assert_int_equal(binance_mute_dead(&m, T0 + 50 + LIMIT, LIMIT),
                     BINANCE_MUTE_DEPTH);
    assert_int_equal(binance_mute_dead(&m, T0 + 51 + LIMIT, LIMIT), 0);

    /* any depth is a sign of life, and what it covers is not owed */

    begin(&m);
    binance_mute_best(&m, T0 + 50, 12, 100, 102, 10);
    binance_mute_depth(&m, T0 + 90, 11, 100, 101);
    binance_mute_best(&m, T0 + 99, 13, 100, 102, 13);
    assert_int_equal(binance_mute_dead(&m, T0 + 2 * LIMIT, LIMIT), 0);
}


static void
test_depth_that_trades_go_on_without(void **state)
{
    binance_mute_t  m;

    (void) state;

    /* which are out of step by less than a second */

    begin(&m);
    binance_mute_trade(&m, T0 + 999, 101);
    assert_int_equal(binance_mute_dead(&m, T0 + 2 * LIMIT, LIMIT), 0);
    binance_mute_trade(&m, T0 + 1000, 101);
    assert_int_equal(binance_mute_dead(&m, T0 + 1000 + LIMIT, LIMIT),
                     BINANCE_MUTE_DEPTH);
}


static void
test_ticker_that_is_behind(void **state)
{
    binance_mute_t  m;

    (void) state;

    /* other bests at a later id, and it may not come any more */

    begin(&m);
    binance_mute_depth(&m, T0 + 100, 20, 99, 101);
    binance_mute_depth(&m, T0 + 200, 30, 100, 101);
    assert_int_equal(binance_mute_dead(&m, T0 + 99 + LIMIT, LIMIT), 0);
    assert_int_equal(binance_mute_dead(&m, T0 + 100 + LIMIT, LIMIT),
                     BINANCE_MUTE_BEST);

    /* deeper levels are none of its business, nor is a book without bests */

    begin(&m);
    binance_mute_depth(&m, T0 + 100, 20, 100, 101);
    binance_mute_depth(&m, T0 + 200, 30, 0, 0);
    binance_mute_depth(&m, T0 + 300, 9, 98, 99);
    assert_int_equal(binance_mute_dead(&m, T0 + 2 * LIMIT, LIMIT), 0);

    /* a trade within its prices, then one outside */

    binance_mute_trade(&m, T0 + 1200, 100);
    assert_int_equal(binance_mute_dead(&m, T0 + 2 * LIMIT, LIMIT), 0);
    binance_mute_trade(&m, T0 + 1250, 102);
    assert_int_equal(binance_mute_dead(&m, T0 + 1250 + LIMIT, LIMIT),
                     BINANCE_MUTE_BEST);

    /* of two links the slower one is alive, too, and tells nothing new */

    begin(&m);
    binance_mute_depth(&m, T0 + 100, 20, 99, 101);
    binance_mute_best(&m, T0 + 150, 9, 50, 51, 20);
    assert_int_equal(binance_mute_dead(&m, T0 + 2 * LIMIT, LIMIT), 0);
    assert_int_equal(m.best_bid, 100);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_quiet_owes_nothing),
        cmocka_unit_test(test_depth_that_a_ticker_is_ahead_of),
        cmocka_unit_test(test_depth_that_trades_go_on_without),
        cmocka_unit_test(test_ticker_that_is_behind)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
