/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Protects what counts of a stream of trades and klines: each trade once also
 * when ids begin anew, and nothing of a time that has not come.  A broken
 * build shows as an instrument that one wrong message silences for good, or
 * as a candle of tomorrow.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "trd_decimal.h"
#include "trd_prints.h"

#define NOW     1723161254000LL         /* 14 s into a minute */
#define MINUTE  (NOW - 14000)
#define AHEAD   5000

static const trd_limits_t  limits = { 2000, AHEAD };

static trd_prints_t      p;
static trd_print_t       out;
static trd_prints_gap_t  gap;
static trd_refused_t     refused;


static int
several(uint64_t first, uint64_t last, int64_t ms)
{
    trd_binance_trade_t  t;

    memset(&t, 0, sizeof(t));
    t.print = (trd_print_t) { first, last, TRD_E8, TRD_E8, ms };
    refused = TRD_REFUSED_NOT;

    return trd_prints_trade(&p, &t, &limits, NOW, &refused, &out, &gap);
}


static int
one(uint64_t id, int64_t ms)
{
    return several(id, id, ms);
}


static void
test_trade_counts_once(void **state)
{
    (void) state;
    memset(&p, 0, sizeof(p));

    assert_true(one(100, NOW - 100) && gap == TRD_PRINTS_WHOLE);
    assert_true(one(101, NOW - 90) && gap == TRD_PRINTS_WHOLE);
    assert_false(one(101, NOW - 90));
    assert_false(one(100, NOW - 100));
    assert_int_equal(refused, TRD_REFUSED_NOT);

    assert_true(several(101, 103, NOW - 80) && gap == TRD_PRINTS_OVERLAP);
    assert_int_equal(out.first_id, 102);
    assert_true(one(105, NOW - 70) && gap == TRD_PRINTS_HOLE);

    /* an order of times that is not that of the ids */
    assert_true(one(106, NOW - 9000) && gap == TRD_PRINTS_WHOLE);
    assert_int_equal(p.ms, NOW - 70);
    assert_false(one(105, NOW - 70));
}


/* of two links the new one may be read first */
static void
test_late_of_the_other_link(void **state)
{
    (void) state;
    memset(&p, 0, sizeof(p));

    assert_true(one(100, NOW - 100));
    trd_prints_broken(&p);
    assert_true(one(105, NOW - 50) && gap == TRD_PRINTS_WHOLE);

    assert_true(one(101, NOW - 90) && gap == TRD_PRINTS_WHOLE);
    assert_int_equal(out.first_id, 101);
    assert_false(one(101, NOW - 90));
    assert_true(several(103, 104, NOW - 60));
    assert_false(one(103, NOW - 60));
    assert_false(one(102, NOW - 70));       /* they come in their order */
    assert_false(one(105, NOW - 50));
    assert_true(one(106, NOW - 40) && gap == TRD_PRINTS_WHOLE);
    assert_int_equal(p.id, 106);

    /* not of any distance: those are ids that are wrong, or anew */
    assert_true(one(106 + TRD_PRINTS_LATE + 2, NOW - 30)
                && gap == TRD_PRINTS_HOLE);
    assert_false(one(107, NOW - 39));
}


static void
test_trade_of_the_future_is_refused(void **state)
{
    (void) state;
    memset(&p, 0, sizeof(p));

    assert_true(one(1, NOW + AHEAD));
    assert_false(one(2, NOW + AHEAD + 1));
    assert_int_equal(refused, TRD_REFUSED_FUTURE);
    assert_false(one(3, NOW + 86400000));
    assert_int_equal(refused, TRD_REFUSED_FUTURE);
    assert_int_equal(p.id, 1);
    assert_true(one(2, NOW) && gap == TRD_PRINTS_WHOLE);
}


static void
test_ids_anew_on_a_new_connection(void **state)
{
    (void) state;
    memset(&p, 0, sizeof(p));

    assert_true(one(1000, NOW - 500));
    trd_prints_broken(&p);

    /* the other link of a renewal brings what we had */
    assert_false(one(999, NOW - 600));
    assert_false(one(1000, NOW - 500));

    /* what is missing is asked for already */
    assert_true(one(1007, NOW - 400) && gap == TRD_PRINTS_WHOLE);

    trd_prints_broken(&p);
    assert_true(one(1, NOW - 300) && gap == TRD_PRINTS_WHOLE);
    assert_true(one(2, NOW - 300) && gap == TRD_PRINTS_WHOLE);
    assert_false(one(1, NOW - 300));

    /* and far on */
    trd_prints_broken(&p);
    assert_true(one(1ULL << 40, NOW - 200) && gap == TRD_PRINTS_WHOLE);
}


static void
test_one_wrong_id_silences_nobody(void **state)
{
    (void) state;
    memset(&p, 0, sizeof(p));

    assert_true(one(1000, NOW - 20000));
    assert_false(one(1ULL << 62, NOW - 19990));
    assert_int_equal(refused, TRD_REFUSED_IMPLAUSIBLE);
    assert_true(one(1001, NOW - 19980) && gap == TRD_PRINTS_WHOLE);

    /* a leap that lasts is no mistake */
    assert_false(one(90000000, NOW - 19970));
    assert_false(one(90000001, NOW - 14980));
    assert_true(one(90000002, NOW - 14979) && gap == TRD_PRINTS_HOLE);

    /* the first of all was wrong: not for long */
    memset(&p, 0, sizeof(p));
    assert_true(one(1ULL << 62, NOW - 20000));
    assert_false(one(1000, NOW - 19000));
    assert_false(one(1001, NOW - 15000));
    assert_true(one(1002, NOW - 14999) && gap == TRD_PRINTS_HOLE);
    assert_true(one(1003, NOW - 14998) && gap == TRD_PRINTS_WHOLE);
}


static int
kline(unsigned interval, int64_t open_ms, int64_t event_ms, int closed)
{
    trd_binance_kline_t  k;

    memset(&k, 0, sizeof(k));
    k.interval = interval;
    k.candle.open_ms = open_ms;
    k.candle.flags = TRD_CANDLE_SOURCE | (closed ? 0 : TRD_CANDLE_OPEN);
    k.event_ms = event_ms;

    return trd_prints_kline(&p, &k, &limits, NOW, &refused);
}


static void
test_kline_of_the_future_is_refused(void **state)
{
    (void) state;
    memset(&p, 0, sizeof(p));

    assert_true(kline(0, MINUTE - 60000, NOW - 10, 1));
    assert_true(kline(0, MINUTE, NOW, 0));
    assert_false(kline(0, MINUTE, NOW - 1, 0));
    assert_int_equal(refused, TRD_REFUSED_NOT);
    assert_false(kline(0, MINUTE, NOW + AHEAD + 1, 0));
    assert_int_equal(refused, TRD_REFUSED_FUTURE);

    /* what is to begin, and what has not ended */
    assert_false(kline(0, MINUTE + 60000, NOW, 0));
    assert_int_equal(refused, TRD_REFUSED_FUTURE);
    assert_false(kline(0, MINUTE, NOW, 1));
    assert_int_equal(refused, TRD_REFUSED_FUTURE);
    assert_false(kline(0, MINUTE + 86400000, NOW, 1));
    assert_int_equal(refused, TRD_REFUSED_FUTURE);
    assert_false(kline(TRD_INTERVAL_5M, MINUTE / 300000 * 300000, NOW, 1));
    assert_int_equal(refused, TRD_REFUSED_FUTURE);

    /* their clock may be ahead of ours, by so much */
    assert_true(kline(0, NOW + AHEAD, NOW, 0));
    assert_true(kline(0, NOW + AHEAD - 60000, NOW, 1));
    assert_false(kline(0, NOW + AHEAD - 59999, NOW, 1));

    trd_prints_broken(&p);
    assert_true(kline(0, MINUTE, NOW - 1, 0));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_trade_counts_once),
        cmocka_unit_test(test_late_of_the_other_link),
        cmocka_unit_test(test_trade_of_the_future_is_refused),
        cmocka_unit_test(test_ids_anew_on_a_new_connection),
        cmocka_unit_test(test_one_wrong_id_silences_nobody),
        cmocka_unit_test(test_kline_of_the_future_is_refused)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
