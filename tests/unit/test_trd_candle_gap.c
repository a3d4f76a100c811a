/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Protects the mark of candles that may lack trades: a first trade after the
 * source's own candles, ids that begin anew, late trades after a gap, and a
 * gap after the clock has closed; and that the source's own take it away
 * again.  A broken build shows as a half-built candle that says it is whole.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "trd_candle.h"
#include "trd_decimal.h"

#define T0  1617566700000LL             /* 2021-04-04 20:05 */
#define M   TRD_MINUTE_MS

static trd_candle_series_t       s;
static const trd_candle_rules_t  rules = { 64, 2000, 0 };


static void
nothing(void *ctx, unsigned interval, const trd_candle_t *c)
{
    (void) ctx;
    (void) interval;
    (void) c;
}


static int
setup(void **state)
{
    *state = malloc(trd_candle_memory(&rules));
    assert_non_null(*state);
    trd_candle_init(&s, &rules, *state);

    return 0;
}


static int
teardown(void **state)
{
    free(*state);

    return 0;
}


static trd_rc_t
trade(uint64_t id, int64_t ms)
{
    trd_print_t  t = { id, id, TRD_E8, TRD_E8, ms };

    return trd_candle_trade(&s, &rules, &t, nothing, NULL);
}


static trd_rc_t
own(int64_t open_ms, uint32_t trades, uint64_t last_id, uint32_t open)
{
    trd_candle_t  c = { open_ms, TRD_E8, TRD_E8, TRD_E8, TRD_E8, TRD_E8,
                        TRD_E8, trades, TRD_CANDLE_SOURCE | open };

    return trd_candle_put(&s, &rules, 0, &c, last_id, nothing, NULL);
}


static const trd_candle_t *
at(unsigned interval, int64_t open_ms)
{
    uint32_t             back;
    const trd_candle_t  *c;

    for (back = 0; ; back++) {
        c = trd_candle_at(&s, &rules, interval, back);
        assert_non_null(c);

        if (c->open_ms == open_ms) {
            return c;
        }
    }
}


static int
partial(unsigned interval, int64_t open_ms)
{
    return (at(interval, open_ms)->flags & TRD_CANDLE_PARTIAL) != 0;
}


static void
test_first_trade_after_the_sources_own(void **state)
{
    (void) state;

    assert_int_equal(own(T0 - 5 * M, 5, 0, 0), TRD_OK);
    assert_int_equal(own(T0 - M, 5, 0, 0), TRD_OK);
    assert_int_equal(own(T0, 5, 0, 0), TRD_OK);

    /* the minute is under way, and nobody listened to its beginning */
    assert_int_equal(trade(70, T0 + M + 30000), TRD_OK);
    assert_true(partial(0, T0 + M));
    assert_true(partial(1, T0));
    assert_int_equal(s.gaps, 1);

    /* so an open kline repairs it */
    assert_int_equal(own(T0 + M, 9, 71, TRD_CANDLE_OPEN), TRD_OK);
    assert_false(partial(0, T0 + M));
    assert_false(partial(1, T0));
    assert_int_equal(at(0, T0 + M)->trades, 9);
    assert_int_equal(trade(71, T0 + M + 31000), TRD_IGNORED);
    assert_int_equal(trade(72, T0 + M + 32000), TRD_OK);
    assert_int_equal(at(0, T0 + M)->trades, 10);
    assert_false(partial(1, T0));
}


/* minutes without trades were told of, though there are no candles of them */
static void
test_what_was_told_is_no_gap(void **state)
{
    (void) state;

    assert_int_equal(own(T0, 5, 0, 0), TRD_OK);
    assert_int_equal(own(T0 + M, 0, 0, 0), TRD_IGNORED);
    assert_int_equal(own(T0 + 2 * M, 0, 0, 0), TRD_IGNORED);
    assert_int_equal(trade(70, T0 + 3 * M + 30000), TRD_OK);
    assert_true(partial(0, T0 + 3 * M));
    assert_true(partial(1, T0));
    assert_int_equal(own(T0 + 3 * M, 2, 71, 0), TRD_OK);
    assert_false(partial(1, T0));
    assert_int_equal(trade(72, T0 + 4 * M), TRD_OK);
    assert_false(partial(1, T0));
}


static void
test_ids_begin_anew_after_a_break(void **state)
{
    (void) state;

    assert_int_equal(trade(1000, T0 - M), TRD_OK);
    assert_int_equal(trade(1001, T0), TRD_OK);

    /* ids that go on: nothing was missed */
    trd_candle_broken(&s);
    assert_int_equal(trade(1002, T0 + 100), TRD_OK);
    assert_false(partial(0, T0));

    trd_candle_broken(&s);
    assert_int_equal(trade(1, T0 + 200), TRD_OK);
    assert_true(partial(0, T0));
    assert_int_equal(at(0, T0)->trades, 3);
    assert_int_equal(trade(2, T0 + 300), TRD_OK);
    assert_int_equal(trade(2, T0 + 300), TRD_IGNORED);
    assert_int_equal(trade(3, T0 + M), TRD_OK);
    assert_int_equal(at(0, T0)->trades, 4);
    assert_false(partial(0, T0 + M));
    assert_int_equal(s.repeated, 1);
}


static void
test_wrong_id_freezes_nothing_for_good(void **state)
{
    (void) state;

    assert_int_equal(trade(1000, T0), TRD_OK);
    assert_int_equal(trade(1ULL << 62, T0 + 10), TRD_OK);
    assert_true(partial(0, T0));
    assert_int_equal(trade(1001, T0 + 20), TRD_IGNORED);
    assert_int_equal(trade(1002, T0 + 5010), TRD_IGNORED);
    assert_int_equal(trade(1003, T0 + 5011), TRD_OK);
    assert_int_equal(trade(1004, T0 + 5012), TRD_OK);
    assert_int_equal(s.gaps, 2);

    /* of a kline that overtook its trades nothing tells a time but its end:
       what it counts already is not new */
    assert_int_equal(own(T0 + M, 5, 1009, 0), TRD_OK);
    assert_int_equal(trade(1009, T0 + M + 50000), TRD_IGNORED);
    assert_int_equal(own(T0 + 2 * M, 5, 1ULL << 62, 0), TRD_OK);
    assert_int_equal(trade(1010, T0 + 3 * M + 4999), TRD_IGNORED);
    assert_int_equal(trade(1011, T0 + 3 * M + 5000), TRD_OK);
}


static void
test_late_trade_after_a_gap(void **state)
{
    (void) state;

    assert_int_equal(own(T0 - M, 5, 0, 0), TRD_OK);
    assert_int_equal(own(T0, 5, 10, 0), TRD_OK);
    assert_int_equal(trade(11, T0 + M), TRD_OK);
    assert_int_equal(trade(12, T0 + 2 * M), TRD_OK);
    assert_false(partial(0, T0 + M));
    assert_false(partial(1, T0));

    /* 13 to 15 are missing, and nobody knows whether this one is new */
    assert_int_equal(trade(16, T0 + M + 59000), TRD_IGNORED);
    assert_int_equal(s.late, 1);
    assert_int_equal(s.gaps, 1);
    assert_true(partial(0, T0 + M));
    assert_true(partial(0, T0 + 2 * M));
    assert_true(partial(1, T0));
    assert_false(partial(0, T0));

    /* the source's own heal it */
    assert_int_equal(own(T0 + M, 5, 16, 0), TRD_OK);
    assert_int_equal(own(T0 + 2 * M, 5, 20, 0), TRD_OK);
    assert_false(partial(1, T0));

    /* what it has told already lacks nothing */
    assert_int_equal(trade(25, T0 + 2 * M + 59000), TRD_IGNORED);
    assert_false(partial(1, T0));
    assert_int_equal(trade(26, T0 + 3 * M), TRD_OK);
    assert_false(partial(0, T0 + 3 * M));
}


static void
test_gap_after_the_clock_has_closed(void **state)
{
    (void) state;

    assert_int_equal(trade(10, T0 - M), TRD_OK);
    assert_int_equal(trade(11, T0), TRD_OK);
    (void) trd_candle_clock(&s, &rules, T0 + M + 2000);
    assert_false(partial(0, T0));
    assert_false(partial(1, T0));
    (void) trd_candle_clock(&s, &rules, T0 + 5 * M + 2000);

    /* the minute that was being built when the trades were lost */
    assert_int_equal(trade(19, T0 + 6 * M), TRD_OK);
    assert_true(partial(0, T0));
    assert_true(partial(1, T0));
    assert_true(partial(0, T0 + 6 * M));
    assert_int_equal(own(T0, 5, 0, 0), TRD_OK);
    assert_false(partial(0, T0));
    assert_false(partial(1, T0));
}


#define gap_test(name)                                                        \
    cmocka_unit_test_setup_teardown(name, setup, teardown)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        gap_test(test_first_trade_after_the_sources_own),
        gap_test(test_what_was_told_is_no_gap),
        gap_test(test_ids_begin_anew_after_a_break),
        gap_test(test_wrong_id_freezes_nothing_for_good),
        gap_test(test_late_trade_after_a_gap),
        gap_test(test_gap_after_the_clock_has_closed)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
