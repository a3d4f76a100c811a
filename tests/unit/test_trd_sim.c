/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The simulated market: that random access equals the run that came by, that
 * bytes are the same everywhere (checksums kept here; the Makefile's default,
 * sanitized and clang builds must all agree), and that ticks and days are
 * always sound.  Volatility, tails and correlation: test_trd_sim_returns.c.
 */

#include "sim_fixture.h"

#define CHECKSUM_RUN     0xcc039544c906631eULL
#define CHECKSUM_POINTS  0x7b5b0f6499dc2e39ULL


static uint64_t
fold(uint64_t h, const void *data, size_t len)
{
    const int64_t  *p;

    for (p = data; len >= 8; len -= 8) {
        h = trd_sim_hash(h ^ (uint64_t) *p++);
    }

    return h;
}


/* a repeatable stream of test inputs */
static uint64_t
draw(uint64_t *state)
{
    return trd_sim_hash(*state += 0x9e3779b97f4a7c15ULL);
}


static void
assert_same_tick(const trd_sim_tick_t *a, const trd_sim_tick_t *b)
{
    assert_memory_equal(a, b, sizeof(trd_sim_tick_t));
}


static void
assert_sound(const trd_sim_tick_t *t, int64_t tick_e8)
{
    assert_true(t->bid_e8 >= tick_e8);
    assert_true(t->bid_e8 < t->ask_e8);
    assert_true(t->bid_e8 <= t->last_e8);
    assert_true(t->last_e8 <= t->ask_e8);
    assert_int_equal(t->last_e8 % tick_e8, 0);
    assert_int_equal(t->bid_e8 % tick_e8, 0);
    assert_int_equal(t->ask_e8 % tick_e8, 0);
}


static void
assert_sound_day(const trd_sim_day_t *d, const trd_sim_tick_t *t)
{
    assert_true(d->low_e8 > 0);
    assert_true(d->low_e8 <= d->open_e8 && d->open_e8 <= d->high_e8);
    assert_true(d->low_e8 <= t->last_e8 && t->last_e8 <= d->high_e8);
    assert_true(d->volume_e8 >= 0 && d->quote_volume_e8 >= 0);
}


/* 10^5 steps of 1 ms to minutes, each compared with the tick out of nothing */
static void
test_trd_sim_at_equals_run(void **state)
{
    int64_t         t;
    uint64_t        rng;
    uint32_t        i, k;
    fixture_t      *f;
    trd_sim_tick_t  a, b;

    f = *state;
    t = START;
    rng = 1;

    for (k = 0; k < 100000; k++) {
        i = (uint32_t) (draw(&rng) % N);
        t += (int64_t) (draw(&rng) >> (40 + draw(&rng) % 24));
        trd_sim_tick(&f->sim, i, t, &a);
        trd_sim_at(&f->sim, i, t, &b);
        assert_same_tick(&a, &b);
    }
}


/* a cursor may also be thrown about, back and forth over 140 years */
static void
test_trd_sim_tick_any_order(void **state)
{
    int64_t         t;
    uint64_t        rng;
    uint32_t        i, k;
    fixture_t      *f;
    trd_sim_tick_t  a, b;

    f = *state;
    rng = 2;

    for (k = 0; k < 100000; k++) {
        i = (uint32_t) (draw(&rng) % N);
        t = (int64_t) (draw(&rng) >> 22);
        trd_sim_tick(&f->sim, i, t, &a);
        trd_sim_at(&f->sim, i, t, &b);
        assert_same_tick(&a, &b);
    }
}


/* open and volumes too are a function of time alone */
static void
test_trd_sim_day_equals_run(void **state)
{
    int64_t          t;
    uint64_t         rng;
    uint32_t         i, k;
    fixture_t       *f, *g;
    trd_sim_day_t    a, b;
    trd_sim_tick_t   tick;

    f = *state;
    g = calloc(1, sizeof(fixture_t));
    assert_non_null(g);
    t = START;
    rng = 3;

    for (k = 0; k < 2000; k++) {
        i = (uint32_t) (draw(&rng) % N);
        t += (int64_t) (draw(&rng) % (10 * MINUTE));
        trd_sim_tick(&f->sim, i, t, &tick);
        trd_sim_day(&f->sim, i, &tick, &a);

        fixture_init(g, SEED);
        trd_sim_day(&g->sim, i, &tick, &b);
        assert_int_equal(a.open_e8, b.open_e8);
        assert_int_equal(a.volume_e8, b.volume_e8);
        assert_int_equal(a.quote_volume_e8, b.quote_volume_e8);

        trd_sim_at(&f->sim, i, t - DAY, &tick);
        assert_int_equal(a.open_e8, tick.last_e8);
    }

    free(g);
}


/* another CPU, compiler or optimisation level must come to the same bytes */
static void
test_trd_sim_tick_checksum(void **state)
{
    int64_t          t;
    uint64_t         run, points, rng;
    uint32_t         i, k;
    fixture_t       *f;
    trd_sim_day_t    day;
    trd_sim_tick_t   tick;

    f = *state;
    run = 0;
    points = 0;
    rng = 4;
    t = START;

    for (k = 0; k < 20000; k++, t += 237) {
        for (i = 0; i < N; i++) {
            trd_sim_tick(&f->sim, i, t, &tick);
            trd_sim_day(&f->sim, i, &tick, &day);
            run = fold(run, &tick, sizeof(tick));
            run = fold(run, &day, sizeof(day));
        }
    }

    for (k = 0; k < 20000; k++) {
        t = (int64_t) (draw(&rng) >> 22);
        trd_sim_at(&f->sim, k % N, t, &tick);
        points = fold(points, &tick, sizeof(tick));
    }

    print_message("run 0x%016llx points 0x%016llx\n",
                  (unsigned long long) run, (unsigned long long) points);
    assert_true(run == CHECKSUM_RUN);
    assert_true(points == CHECKSUM_POINTS);
}


static void
test_trd_sim_init_seed_decides(void **state)
{
    int             same;
    uint32_t        k;
    fixture_t      *f, *g;
    trd_sim_tick_t  a, b;

    f = *state;
    g = calloc(1, sizeof(fixture_t));
    assert_non_null(g);
    fixture_init(g, SEED + 1);
    same = 0;

    for (k = 0; k < 1000; k++) {
        trd_sim_at(&f->sim, 0, START + k * MINUTE, &a);
        trd_sim_at(&g->sim, 0, START + k * MINUTE, &b);
        same += a.last_e8 == b.last_e8;
    }

    assert_in_range(same, 0, 10);
    free(g);
}


/* the walk belongs to the symbol, not to its place in the catalogue */
static void
test_trd_sim_init_place_is_nothing(void **state)
{
    uint32_t               bad;
    fixture_t             *f;
    trd_sim_t              sim;
    trd_sim_tick_t         a, b;
    trd_sim_instrument_t  *in;

    f = *state;
    in = calloc(1, sizeof(trd_sim_instrument_t));
    assert_non_null(in);
    assert_int_equal(trd_sim_init(&sim, SEED, in, &params[4], 1, &bad),
                     TRD_OK);
    trd_sim_at(&sim, 0, START, &a);
    trd_sim_at(&f->sim, 4, START, &b);
    assert_same_tick(&a, &b);
    free(in);
}


static void
test_trd_sim_init_refuses(void **state)
{
    unsigned              k;
    uint32_t              bad;
    trd_sim_t             sim;
    trd_sim_params_t      p[11];
    trd_sim_instrument_t  in[2];

    (void) state;

    for (k = 0; k < 11; k++) {
        p[k] = params[0];
    }

    p[0].tick_e8 = 0;
    p[1].tick_e8 = -1;
    p[2].lot_e8 = 0;
    p[3].price_e8 = p[3].tick_e8 - 1;
    p[4].price_e8 = ((int64_t) 1 << 60) + 1;
    p[5].volatility_e8 = -1;
    p[6].volatility_e8 = E8 + 1;
    p[7].spread_e8 = E8 / 2 + 1;
    p[8].volume_e8 = -1;
    p[9].asset_class = TRD_CLASS_N;
    p[10].price_e8 = -1;

    for (k = 0; k < 11; k++) {
        trd_sim_params_t  pair[2] = { params[0], p[k] };

        bad = 99;
        assert_int_equal(trd_sim_init(&sim, 1, in, pair, 2, &bad), TRD_ERROR);
        assert_int_equal(bad, 1);
    }
}


static void
test_trd_sim_tick_sound(void **state)
{
    uint64_t        rng;
    uint32_t        i, k;
    fixture_t      *f;
    trd_sim_tick_t  tick;

    f = *state;
    rng = 5;

    for (k = 0; k < 200000; k++) {
        i = k % N;
        trd_sim_tick(&f->sim, i, START + (int64_t) (draw(&rng) >> 25), &tick);
        assert_sound(&tick, params[i].tick_e8);
    }
}


static void
test_trd_sim_tick_extreme_times(void **state)
{
    uint32_t         i, k;
    fixture_t       *f;
    trd_sim_day_t    day;
    trd_sim_tick_t   a, b;

    static const int64_t  times[] = {
        0, -1, 1, 63, 64, -64, DAY, -DAY, 4102444800000LL, 253402300799999LL,
        (int64_t) 1 << 48, -((int64_t) 1 << 48), INT64_MAX, INT64_MIN
    };

    f = *state;

    for (k = 0; k < sizeof(times) / sizeof(times[0]); k++) {
        for (i = 0; i < N; i++) {
            trd_sim_tick(&f->sim, i, times[k], &a);
            trd_sim_at(&f->sim, i, times[k], &b);
            assert_same_tick(&a, &b);
            assert_sound(&a, params[i].tick_e8);

            trd_sim_day(&f->sim, i, &a, &day);
            assert_sound_day(&day, &a);
        }
    }
}


/* every combination of the bounds, each with several seeds */
static void
test_trd_sim_tick_extreme_parameters(void **state)
{
    uint32_t               bad, k, m;
    uint64_t               rng;
    trd_sim_t              sim;
    trd_sim_day_t          day;
    trd_sim_tick_t         tick;
    trd_sim_params_t       p;
    trd_sim_instrument_t  *in;

    static const int64_t  prices[] = { 1, 123, E8, (int64_t) 1 << 60 };

    (void) state;
    in = calloc(1, sizeof(trd_sim_instrument_t));
    assert_non_null(in);
    rng = 6;

    for (k = 0; k < 512; k++) {
        p = params[0];
        p.price_e8 = prices[k & 3];
        p.tick_e8 = k & 4 ? p.price_e8 : 1;
        p.volatility_e8 = k & 8 ? E8 : 0;
        p.spread_e8 = k & 16 ? E8 / 2 : 0;
        p.volume_e8 = k & 32 ? INT64_MAX : 0;
        p.lot_e8 = k & 64 ? INT64_MAX : 1;
        assert_int_equal(trd_sim_init(&sim, k, in, &p, 1, &bad), TRD_OK);

        for (m = 0; m < 20; m++) {
            trd_sim_tick(&sim, 0, (int64_t) (draw(&rng) >> 22), &tick);
            assert_sound(&tick, p.tick_e8);
            trd_sim_day(&sim, 0, &tick, &day);
            assert_sound_day(&day, &tick);
        }
    }

    free(in);
}


/*
 * High and low hold whatever was served within 24 hours, through gaps, and
 * never move by more than what a window of 24:15 explains.
 */
static void
test_trd_sim_day_range_holds_ticks(void **state)
{
    int64_t          t, gap, *times, *prices;
    uint64_t         rng;
    uint32_t         k, from;
    fixture_t       *f;
    trd_sim_day_t    day;
    trd_sim_tick_t   tick;
    const uint32_t   n = 20000;

    f = *state;
    times = calloc(n, sizeof(int64_t));
    prices = calloc(n, sizeof(int64_t));
    assert_non_null(times);
    assert_non_null(prices);

    t = START + 12345;
    rng = 7;
    from = 0;

    for (k = 0; k < n; k++) {
        gap = (int64_t) (draw(&rng) % MINUTE);

        if (draw(&rng) % 500 == 0) {
            gap = (int64_t) (draw(&rng) % (3 * DAY / 2));
        }

        t += gap;
        trd_sim_tick(&f->sim, 2, t, &tick);
        trd_sim_day(&f->sim, 2, &tick, &day);
        assert_sound_day(&day, &tick);

        times[k] = t;
        prices[k] = tick.last_e8;

        while (times[from] < t - DAY) {
            from++;
        }

        if (k % 16 == 0) {
            for (uint32_t j = from; j <= k; j++) {
                assert_true(prices[j] <= day.high_e8);
                assert_true(prices[j] >= day.low_e8);
            }
        }
    }

    free(times);
    free(prices);
}


/* a clock that steps back a little, or by days, does no harm */
static void
test_trd_sim_day_clock_steps_back(void **state)
{
    uint64_t         rng;
    uint32_t         k;
    fixture_t       *f;
    trd_sim_day_t    day;
    trd_sim_tick_t   tick;

    f = *state;
    rng = 8;

    for (k = 0; k < 5000; k++) {
        trd_sim_tick(&f->sim, 0, START + (int64_t) (draw(&rng) % (5 * DAY)),
                     &tick);
        trd_sim_day(&f->sim, 0, &tick, &day);
        assert_sound_day(&day, &tick);
    }
}


/* within a day of the true range of minutes: neither blown up nor too tight */
static void
test_trd_sim_day_range_is_tight(void **state)
{
    int64_t          high, low, t;
    fixture_t       *f;
    trd_sim_day_t    day;
    trd_sim_tick_t   tick;

    f = *state;
    high = 0;
    low = INT64_MAX;

    for (t = START - DAY - 15 * MINUTE; t <= START; t += 500) {
        trd_sim_at(&f->sim, 0, t, &tick);
        high = tick.last_e8 > high ? tick.last_e8 : high;
        low = tick.last_e8 < low ? tick.last_e8 : low;
    }

    trd_sim_day(&f->sim, 0, &tick, &day);
    assert_true(day.high_e8 <= high && day.low_e8 >= low);
    assert_true(day.high_e8 - day.low_e8 > (high - low) * 8 / 10);
}


/* the volume of a day is that of the parameters, within noise */
static void
test_trd_sim_day_volume(void **state)
{
    double           sum, quote;
    uint32_t         k;
    fixture_t       *f;
    trd_sim_day_t    day;
    trd_sim_tick_t   tick;

    f = *state;
    sum = 0;
    quote = 0;

    for (k = 0; k < 200; k++) {
        trd_sim_tick(&f->sim, 1, START + k * DAY / 3, &tick);
        trd_sim_day(&f->sim, 1, &tick, &day);
        assert_int_equal(day.volume_e8 % params[1].lot_e8, 0);
        sum += (double) day.volume_e8 / (double) params[1].volume_e8;
        quote += (double) day.quote_volume_e8 / (double) day.volume_e8
                 / ((double) tick.last_e8 / (double) E8);
    }

    assert_true(sum / 200 > 0.95 && sum / 200 < 1.05);
    assert_true(quote / 200 > 0.98 && quote / 200 < 1.02);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        TEST(test_trd_sim_at_equals_run),
        TEST(test_trd_sim_tick_any_order),
        TEST(test_trd_sim_day_equals_run),
        TEST(test_trd_sim_tick_checksum),
        TEST(test_trd_sim_init_seed_decides),
        TEST(test_trd_sim_init_place_is_nothing),
        TEST(test_trd_sim_init_refuses),
        TEST(test_trd_sim_tick_sound),
        TEST(test_trd_sim_tick_extreme_times),
        TEST(test_trd_sim_tick_extreme_parameters),
        TEST(test_trd_sim_day_range_holds_ticks),
        TEST(test_trd_sim_day_clock_steps_back),
        TEST(test_trd_sim_day_range_is_tight),
        TEST(test_trd_sim_day_volume)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
