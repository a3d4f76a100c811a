/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * How candles reach the score: history before what closed meanwhile, each
 * candle once, others' history never in an instrument's confidence, and a
 * market that is simulated apart from one that is not.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "market_fixture.h"
#include "recordings.h"
#include "series.h"
#include "series_state.h"
#include "trd_board_series.h"

#define MINUTE   60000LL
#define CANDLES  400

typedef struct {
    market_fixture_t   f;
    series_t          *s;
} fixture_t;

static trd_candle_t  walks[2][CANDLES];


/* ends with the minute before MARKET_NOW */
static void
walk(unsigned which, uint64_t seed)
{
    int            i;
    int64_t        price, next;
    trd_candle_t  *c;

    price = 100 * TRD_E8;

    for (i = 0; i < CANDLES; i++) {
        next = price + (int64_t) (recordings_random(&seed) % 2000001)
               - 1000000;
        c = &walks[which][i];
        memset(c, 0, sizeof(*c));
        c->open_ms = MARKET_NOW - (CANDLES - i) * MINUTE;
        c->open_e8 = price;
        c->close_e8 = next;
        c->high_e8 = price > next ? price : next;
        c->low_e8 = price < next ? price : next;
        c->volume_e8 = c->quote_volume_e8 = TRD_E8;
        c->trades = 1;
        c->flags = TRD_CANDLE_SOURCE;
        price = next;
    }
}


static void
start(fixture_t *x)
{
    market_fixture_catalogue(&x->f.catalogue, 2);
    market_fixture_start(&x->f, 0);
    x->f.m.now_us = 1000000;
    x->s = series_create(&x->f.m);
    assert_non_null(x->s);
}


static void
stop(fixture_t *x)
{
    series_free(x->s);
    market_fixture_stop(&x->f);
}


static void
history(fixture_t *x, uint32_t instrument, int from, int to)
{
    for ( ; from < to; from++) {
        series_history(&x->f.m, instrument, TRD_INTERVAL_1M,
                       &walks[instrument][from]);
    }
}


static void
hold(fixture_t *x, uint32_t instrument)
{
    unsigned  k;

    for (k = 0; k < TRD_INTERVALS; k++) {
        series_hold(&x->f.m, instrument, k);
    }
}


static void
release(fixture_t *x, uint32_t instrument)
{
    unsigned  k;

    for (k = 0; k < TRD_INTERVALS; k++) {
        series_release(&x->f.m, instrument, k);
    }
}


/* all at once and in order: what the other ways must come to */
static void
whole(fixture_t *x, uint32_t instrument)
{
    start(x);
    hold(x, instrument);
    history(x, instrument, 0, CANDLES);
    release(x, instrument);
    (void) series_flush(&x->f.m, instrument);
    assert_int_equal(x->s->of[instrument].at[0].totals.opened,
                     CANDLES - 33);
}


static void
test_history_comes_before_what_closed_meanwhile(void **state)
{
    fixture_t  x, want;

    (void) state;
    walk(0, 11);
    whole(&want, 0);

    /* the newest ten close of themselves, and are on the board already */
    start(&x);
    hold(&x, 0);

    for (int i = CANDLES - 10; i < CANDLES; i++) {
        series_candle(&x.f.m, 0, TRD_INTERVAL_1M, &walks[0][i], 0);
        (void) series_flush(&x.f.m, 0);
    }

    assert_int_equal(x.s->of[0].at[0].track.open_ms, -1);
    assert_int_equal(x.s->of[0].newest_ms[0], MARKET_NOW - MINUTE);
    history(&x, 0, 0, CANDLES - 10);
    release(&x, 0);
    (void) series_flush(&x.f.m, 0);
    assert_memory_equal(&x.s->of[0].at[0].totals, &want.s->of[0].at[0].totals,
                        sizeof(trd_score_totals_t));
    assert_memory_equal(&x.s->technical[0], &want.s->technical[0],
                        sizeof(trd_score_totals_t));
    assert_memory_equal(&x.s->calibration[0], &want.s->calibration[0],
                        sizeof(trd_calibration_t));

    /* the same history once more, as after a restart: it is known */
    hold(&x, 0);
    history(&x, 0, 0, CANDLES);
    release(&x, 0);
    (void) series_flush(&x.f.m, 0);
    assert_memory_equal(&x.s->technical[0], &want.s->technical[0],
                        sizeof(trd_score_totals_t));
    stop(&x);
    stop(&want);
}


static void
test_a_hold_ends_by_itself(void **state)
{
    fixture_t  x;

    (void) state;
    walk(0, 11);
    start(&x);
    hold(&x, 0);
    series_candle(&x.f.m, 0, TRD_INTERVAL_1M, &walks[0][CANDLES - 1], 0);
    (void) series_flush(&x.f.m, 0);

    x.f.m.now_us += 1800 * 1000000LL;
    series_clock(&x.f.m);
    assert_int_equal(x.s->of[0].at[0].track.open_ms, -1);

    x.f.m.now_us += 1;
    series_clock(&x.f.m);
    assert_int_equal(x.s->of[0].at[0].track.open_ms, MARKET_NOW - MINUTE);
    assert_int_equal(x.s->of[0].held_us[0], 0);
    stop(&x);
}


/* the second instrument's history comes when all of the first's outcomes,
   later ones among them, are known: they must not show in it */
static void
test_history_does_not_look_ahead(void **state)
{
    fixture_t  x, alone;

    (void) state;
    walk(0, 12);
    walk(1, 13);
    whole(&alone, 1);

    start(&x);
    hold(&x, 0);
    hold(&x, 1);
    history(&x, 0, 0, CANDLES);
    release(&x, 0);
    history(&x, 1, 0, CANDLES - 1);

    /* but what closes now knows both */
    assert_int_equal(x.s->of[1].at[0].technical.samples,
                     x.s->of[1].at[0].learned
                     .n[x.s->of[1].at[0].technical.bucket]);
    history(&x, 1, CANDLES - 1, CANDLES);
    release(&x, 1);
    assert_int_equal(x.s->of[1].at[0].technical.samples,
                     x.s->calibration[0]
                     .n[x.s->of[1].at[0].technical.bucket]);
    assert_true(x.s->of[1].at[0].technical.samples
                > x.s->of[1].at[0].learned
                  .n[x.s->of[1].at[0].technical.bucket]);

    /* Brier scores, bins and all: each signal had the same confidence */
    assert_memory_equal(&x.s->of[1].at[0].totals,
                        &alone.s->of[1].at[0].totals,
                        sizeof(trd_score_totals_t));
    assert_int_equal(x.s->technical[0].hits, x.s->of[0].at[0].totals.hits
                                             + x.s->of[1].at[0].totals.hits);
    stop(&x);
    stop(&alone);
}


static void
test_simulated_does_not_count_for_live(void **state)
{
    fixture_t  x;

    (void) state;
    walk(0, 12);
    walk(1, 13);
    start(&x);
    x.f.config.mode = MARKETD_LIVE;
    x.f.catalogue.instruments[1].source = TRD_SOURCE_SIMULATOR;
    hold(&x, 0);
    hold(&x, 1);
    history(&x, 0, 0, CANDLES);
    history(&x, 1, 0, CANDLES);
    release(&x, 0);
    release(&x, 1);
    assert_true(x.s->of[1].at[0].totals.hits > 0);
    assert_memory_equal(&x.s->technical[0], &x.s->of[0].at[0].totals,
                        sizeof(trd_score_totals_t));
    assert_memory_equal(&x.s->calibration[0], &x.s->of[0].at[0].learned,
                        sizeof(trd_calibration_t));
    stop(&x);
}


/* late, or in a candle that a kline has brought: it was traded all the same */
static void
test_every_trade_is_on_the_board(void **state)
{
    int            i;
    fixture_t      x;
    uint32_t       n;
    uint64_t       missed;
    trd_trade_t    t;
    trd_print_t    print = { 10, 10, 100 * TRD_E8, TRD_E8, MARKET_NOW };
    trd_candle_t   kline;

    (void) state;
    walk(0, 11);
    start(&x);
    series_trade(&x.f.m, 0, &print, 0);

    kline = walks[0][0];
    kline.open_ms = MARKET_NOW;
    kline.trades = 5;
    kline.flags = TRD_CANDLE_SOURCE | TRD_CANDLE_OPEN;
    series_candle(&x.f.m, 0, TRD_INTERVAL_1M, &kline, 12);

    for (i = 11; i <= 14; i++) {
        print.first_id = print.last_id = (uint64_t) i;
        print.ms = i == 14 ? MARKET_NOW - 90 * MINUTE : MARKET_NOW + i;
        series_trade(&x.f.m, 0, &print, 0);
    }

    print.price_e8 = 0;
    series_trade(&x.f.m, 0, &print, 0);
    (void) series_flush(&x.f.m, 0);

    assert_int_equal(x.s->of[0].candles.repeated, 2);
    assert_int_equal(x.s->of[0].newest[0].trades, 6);
    assert_int_equal(trd_board_trades(&x.f.b, 0, 0, 1, &t, &n, &missed),
                     TRD_OK);
    assert_int_equal(n, 1);
    assert_int_equal(t.number, 5);
    assert_int_equal(t.id, 14);

    stop(&x);
}


static int
partial(const fixture_t *x, unsigned instrument, unsigned interval)
{
    const trd_candle_t  *c;

    c = trd_candle_at(&x->s->of[instrument].candles, &x->s->rules, interval,
                      0);
    assert_non_null(c);

    return (c->flags & TRD_CANDLE_PARTIAL) != 0;
}


/* a candle of quotes is whole if it began after the instrument's first one,
   whenever others were heard */
static void
test_quotes_before_the_first_are_missing(void **state)
{
    fixture_t     x;
    unsigned      i;
    trd_quote_t  *q;

    (void) state;
    start(&x);

    for (i = 0; i < 2; i++) {
        x.s->of[i].origin = TRD_SOURCE_FOREX;
        q = &x.f.m.states[i].quote;
        q->has = TRD_HAS_LAST | TRD_HAS_TIME;
        q->last_e8 = TRD_E8;
        q->exchange_ms = x.f.m.now_ms = MARKET_NOW + 70 * i * MINUTE + 1000;
        series_quote(&x.f.m, i);
        assert_true(partial(&x, i, TRD_INTERVAL_1M));
        assert_true(partial(&x, i, TRD_INTERVAL_1H));

        q->exchange_ms = x.f.m.now_ms += MINUTE;
        series_quote(&x.f.m, i);
        assert_false(partial(&x, i, TRD_INTERVAL_1M));
        assert_true(partial(&x, i, TRD_INTERVAL_1H));
    }

    stop(&x);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_history_comes_before_what_closed_meanwhile),
        cmocka_unit_test(test_a_hold_ends_by_itself),
        cmocka_unit_test(test_history_does_not_look_ahead),
        cmocka_unit_test(test_simulated_does_not_count_for_live),
        cmocka_unit_test(test_every_trade_is_on_the_board),
        cmocka_unit_test(test_quotes_before_the_first_are_missing)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
