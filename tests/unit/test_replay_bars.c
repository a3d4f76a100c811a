/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Bars of a file as candles: any set of bars, of any interval and with any
 * holes, against a plain model of all six intervals.  A candle is what its
 * bars say and PARTIAL if one is not there, at each moment of the replay.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recordings.h"
#include "replay_bars.h"
#include "trd_candle.h"
#include "trd_decimal.h"

#define T0     1704067200000LL          /* 2024-01-01 */
#define MAX    900
#define FLAGS  (TRD_CANDLE_NO_QUOTE_VOLUME | TRD_CANDLE_NO_TRADES)

typedef struct {
    replay_bars_t         b;
    trd_candle_series_t   s;
    trd_candle_rules_t    rules;
} fixture_t;


static void
setup(fixture_t *f)
{
    memset(f, 0, sizeof(*f));
    f->rules.capacity = TRD_CANDLE_CAPACITY;
    f->rules.grace_ms = TRD_CANDLE_GRACE_MS;
    trd_candle_init(&f->s, &f->rules, malloc(trd_candle_memory(&f->rules)));
}


static void
teardown(fixture_t *f)
{
    free(f->s.ring[0].ring);
    replay_bars_free(&f->b);
}


static int
add(replay_bars_t *b, const char *line)
{
    int      rc;
    char    *copy;
    size_t   n = strlen(line);

    /* nothing behind its end, for the sanitizers */
    copy = malloc(n + (n == 0));
    memcpy(copy, line, n);
    rc = replay_bars_add(b, copy, n);
    free(copy);

    return rc;
}


/* The candle of `at` from the bars before `end`; *n: how many there are. */

static trd_candle_t
model(const replay_bars_t *b, unsigned interval, int64_t at, int64_t end,
    size_t *n)
{
    size_t               i;
    trd_candle_t         c;
    const replay_bar_t  *bar;

    memset(&c, 0, sizeof(c));
    c.open_ms = at;

    for (i = 0, *n = 0; i < b->n; i++) {
        bar = &b->bars[i];

        if (bar->open_ms < at || bar->open_ms >= end
            || bar->open_ms >= at + trd_interval_ms(interval))
        {
            continue;
        }

        if ((*n)++ == 0) {
            c.open_e8 = bar->open_e8;
            c.high_e8 = bar->high_e8;
            c.low_e8 = bar->low_e8;
        }

        c.high_e8 = bar->high_e8 > c.high_e8 ? bar->high_e8 : c.high_e8;
        c.low_e8 = bar->low_e8 < c.low_e8 ? bar->low_e8 : c.low_e8;
        c.close_e8 = bar->close_e8;
        c.volume_e8 += bar->volume_e8;
    }

    return c;
}


static void
never(void *ctx, unsigned interval, const trd_candle_t *c)
{
    (void) ctx;
    (void) interval;
    (void) c;
}


/* All candles that are kept, when the file was played up to end. */

static void
assert_candles(fixture_t *f, unsigned base, int64_t end)
{
    size_t               n, there;
    int64_t              until;
    uint32_t             back;
    unsigned             k;
    trd_candle_t         want;
    const trd_candle_t  *c;

    for (k = base; k < TRD_INTERVALS; k++) {
        for (back = 0; back < 8; back++) {
            c = trd_candle_at(&f->s, &f->rules, k, back);

            if (c == NULL) {
                assert_int_not_equal(back, 0);
                break;
            }

            want = model(&f->b, k, c->open_ms, end, &n);
            assert_true(n > 0);
            assert_int_equal(c->open_e8, want.open_e8);
            assert_int_equal(c->high_e8, want.high_e8);
            assert_int_equal(c->low_e8, want.low_e8);
            assert_int_equal(c->close_e8, want.close_e8);
            assert_int_equal(c->volume_e8, want.volume_e8);
            assert_int_equal(c->flags & (FLAGS | TRD_CANDLE_NO_VOLUME),
                             FLAGS);

            /* of one that is open, as far as it has come */
            until = c->open_ms + trd_interval_ms(k);
            until = (c->flags & TRD_CANDLE_OPEN) && end < until ? end : until;
            there = (size_t) ((until - c->open_ms) / f->b.interval_ms);

            if (n < there) {
                assert_true(c->flags & TRD_CANDLE_PARTIAL);

            } else if (back > 0 || (c->flags & TRD_CANDLE_OPEN) == 0) {
                assert_false(c->flags & TRD_CANDLE_PARTIAL);
            }
        }
    }
}


static void
play(int64_t interval_ms, unsigned base, uint64_t seed)
{
    int                    i;
    char                   line[128];
    size_t                 k;
    int64_t                ms, price, next;
    fixture_t              f;
    replay_bars_candle_t   out;

    setup(&f);
    ms = T0 + (int64_t) (recordings_random(&seed) % 40) * interval_ms;
    price = 1000;

    for (i = 0; i < MAX; i++) {
        next = price + (int64_t) (recordings_random(&seed) % 21) - 10;
        next = next < 10 ? 10 : next;
        (void) snprintf(line, sizeof(line), "%lld,%lld,%lld,%lld,%lld,%d\r\n",
                        (long long) ms, (long long) price,
                        (long long) (price > next ? price : next) + 3,
                        (long long) (price < next ? price : next) - 3,
                        (long long) next, i);
        assert_int_equal(add(&f.b, line), 0);
        price = next;
        ms += interval_ms;

        /* two in a row are needed to know the interval */
        if (i > 1 && recordings_random(&seed) % 20 == 0) {
            ms += (int64_t) (recordings_random(&seed) % 70) * interval_ms;
        }
    }

    assert_int_equal(replay_bars_interval(&f.b), base);

    for (k = 0; k < f.b.n; k++) {
        if (!replay_bars_candle(&f.b, k, &out)) {
            continue;
        }

        assert_int_equal(out.interval, base);
        assert_int_equal(trd_candle_put(&f.s, &f.rules, base, &out.candle, 0,
                                        never, NULL), TRD_OK);

        if (out.hole) {
            trd_candle_hole(&f.s, &f.rules, base);
        }

        ms = out.candle.open_ms + trd_interval_ms(base);
        assert_candles(&f, base, ms);

        /* the clock goes on to the next bar, and tells no other story */
        next = k + 1 < f.b.n ? f.b.bars[k + 1].open_ms + interval_ms : ms;
        (void) trd_candle_clock(&f.s, &f.rules, next);
        assert_candles(&f, base, ms);
    }

    teardown(&f);
}


static void
test_any_bars(void **state)
{
    unsigned  i, k;
    uint64_t  seed;

    static const struct {
        int64_t   minutes;
        unsigned  base;
    } lengths[] = {
        { 1, 0 }, { 5, 1 }, { 15, 2 }, { 60, 3 }, { 240, 4 }, { 1440, 5 },
        { 3, 2 }, { 30, 3 }, { 120, 4 }, { 480, 5 }
    };

    (void) state;

    for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        for (k = 0; k < 4; k++) {
            seed = 1 + i * 4 + k;
            play(lengths[i].minutes * 60000, lengths[i].base, seed);
        }
    }
}


static void
test_lines(void **state)
{
    fixture_t              f;
    replay_bars_candle_t   out;

    (void) state;

    setup(&f);
    assert_int_equal(replay_bars_interval(&f.b), -1);
    assert_int_equal(add(&f.b, "open_time_ms,open,high"), 1);
    assert_int_equal(add(&f.b, ""), -1);
    assert_int_equal(add(&f.b, "-60000,1,1,1,1,1"), -1);
    assert_int_equal(add(&f.b, "253402300800000,1,1,1,1,1"), -1);
    assert_int_equal(add(&f.b, "99999999999999999999999,1,1,1,1,1"), -1);
    assert_int_equal(add(&f.b, "60000,1,1,1,1"), -1);
    assert_int_equal(add(&f.b, "60000,1,1,1,1,"), -1);
    assert_int_equal(add(&f.b, "60000 ,1,1,1,1,1"), -1);
    assert_int_equal(add(&f.b, "60000,2,1,1,1,1"), -1);
    assert_int_equal(add(&f.b, "60000,1,1,2,1,1"), -1);
    assert_int_equal(add(&f.b, "60000,0,1,0,1,1"), -1);
    assert_int_equal(add(&f.b, "60000,1,1,1,1,-1"), -1);
    assert_int_equal(f.b.n, 0);

    assert_int_equal(add(&f.b, "60000,1.5,2.5,0.5,1,7,more,of,it\n"), 0);
    assert_int_equal(add(&f.b, "open_time_ms,"), -1);
    assert_int_equal(add(&f.b, "60000,1,1,1,1,1"), -1);
    assert_int_equal(replay_bars_interval(&f.b), -1);
    assert_false(replay_bars_candle(&f.b, 0, &out));

    /* a volume that does not fit is not known */
    assert_int_equal(add(&f.b, "120000,1,1,1,1,99999999999999"), 0);
    assert_int_equal(replay_bars_interval(&f.b), TRD_INTERVAL_1M);
    assert_true(replay_bars_candle(&f.b, 0, &out));
    assert_int_equal(out.candle.open_ms, 60000);
    assert_int_equal(out.candle.open_e8, 150000000);
    assert_int_equal(out.candle.high_e8, 250000000);
    assert_int_equal(out.candle.low_e8, 50000000);
    assert_int_equal(out.candle.close_e8, TRD_E8);
    assert_int_equal(out.candle.volume_e8, 7 * TRD_E8);
    assert_int_equal(out.candle.flags, FLAGS);
    assert_false(out.hole);
    assert_true(replay_bars_candle(&f.b, 1, &out));
    assert_int_equal(out.candle.volume_e8, 0);
    assert_int_equal(out.candle.flags, FLAGS | TRD_CANDLE_NO_VOLUME);
    teardown(&f);
}


/* bars that begin at no multiple of their interval make no candle */

static void
test_aside(void **state)
{
    fixture_t              f;
    replay_bars_candle_t   out;

    (void) state;

    setup(&f);
    assert_int_equal(add(&f.b, "3600000,1,1,1,1,1"), 0);
    assert_int_equal(add(&f.b, "7200000,1,1,1,1,1"), 0);
    assert_int_equal(add(&f.b, "12345678,1,1,1,1,1"), 0);
    assert_int_equal(add(&f.b, "18000000,1,1,1,1,1"), 0);
    assert_true(replay_bars_candle(&f.b, 0, &out));
    assert_false(out.hole);
    assert_true(replay_bars_candle(&f.b, 1, &out));
    assert_true(out.hole);
    assert_false(replay_bars_candle(&f.b, 2, &out));
    assert_true(replay_bars_candle(&f.b, 3, &out));
    assert_false(out.hole);
    teardown(&f);

    /* and a week is none of ours */
    setup(&f);
    assert_int_equal(add(&f.b, "0,1,1,1,1,1"), 0);
    assert_int_equal(add(&f.b, "604800000,1,1,1,1,1"), 0);
    assert_int_equal(replay_bars_interval(&f.b), -1);
    assert_false(replay_bars_candle(&f.b, 1, &out));
    teardown(&f);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_any_bars),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_aside)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
