/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The simulated market: that random access equals the run that came by, that
 * bytes are the same everywhere (checksums kept here; the Makefile's default,
 * sanitized and clang builds must all agree), that a tick is always sound,
 * and that returns have the volatility, tails and correlations promised.
 * All of it is deterministic: a band that holds once holds always.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "trd_sim.h"

#define E8        100000000LL
#define MINUTE    60000LL
#define DAY       86400000LL
#define START     1767225600000LL       /* 2026-01-01 */
#define SEED      42
#define N         10

#define CHECKSUM_RUN     0x7e288ee81f99cb05ULL
#define CHECKSUM_POINTS  0xeba58581f8184d27ULL

typedef struct {
    trd_sim_t             sim;
    trd_sim_instrument_t  memory[N];
} fixture_t;

static const trd_sim_params_t  params[N] = {
    { "BTC", 3, 43250 * E8, 1000000, 1000, 2500000, 2000, 30000 * E8,
      TRD_CLASS_CRYPTO, 0 },
    { "ETH", 3, 2300 * E8, 1000000, 10000, 3500000, 5000, 400000 * E8,
      TRD_CLASS_CRYPTO, 0 },
    { "SOL", 3, 98 * E8, 1000000, 100000, 5000000, 10000, 5000000 * E8,
      TRD_CLASS_CRYPTO, 0 },
    { "PEPE", 4, 123, 1, E8, 8000000, 100000, 9000000000 * E8,
      TRD_CLASS_CRYPTO, 0 },
    { "EUR/USD", 7, 109250000, 1000, E8, 500000, 1000, 100000000 * E8,
      TRD_CLASS_FOREX, 0 },
    { "USD/JPY", 7, 14850000000, 100000, E8, 600000, 1000, 100000000 * E8,
      TRD_CLASS_FOREX, 1 },
    { "XAU", 3, 2030 * E8, 1000000, 1000000, 900000, 10000, 200000 * E8,
      TRD_CLASS_METALS, 0 },
    { "XAG", 3, 23 * E8, 100000, 1000000, 1500000, 20000, 2000000 * E8,
      TRD_CLASS_METALS, 0 },
    { "WTI", 3, 73 * E8, 1000000, 1000000, 2000000, 30000, 1000000 * E8,
      TRD_CLASS_COMMODITIES, 0 },
    { "HUGE", 4, 90000000 * E8, 1, 1, 100000000, 50000000, INT64_MAX,
      TRD_CLASS_COMMODITIES, 0 }
};


static void
fixture_init(fixture_t *f, uint64_t seed)
{
    uint32_t  bad;

    assert_int_equal(trd_sim_init(&f->sim, seed, f->memory, params, N, &bad),
                     TRD_OK);
}


static int
setup(void **state)
{
    *state = calloc(1, sizeof(fixture_t));
    assert_non_null(*state);
    fixture_init(*state, SEED);

    return 0;
}


static int
teardown(void **state)
{
    free(*state);

    return 0;
}


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


/* returns over `step` from START on, of one instrument */
static void
returns_of(fixture_t *f, uint32_t i, int64_t step, double *r, uint32_t n)
{
    double          last;
    uint32_t        k;
    trd_sim_tick_t  tick;

    last = 0;

    for (k = 0; k <= n; k++) {
        trd_sim_tick(&f->sim, i, START + k * step, &tick);

        if (k > 0) {
            r[k - 1] = log((double) tick.last_e8 / last);
        }

        last = (double) tick.last_e8;
    }
}


static double
moment(const double *r, uint32_t n, int power)
{
    double    sum;
    uint32_t  k;

    sum = 0;

    for (k = 0; k < n; k++) {
        sum += pow(r[k], power);
    }

    return sum / n;
}


static double
correlation(const double *a, const double *b, uint32_t n)
{
    double    ab;
    uint32_t  k;

    ab = 0;

    for (k = 0; k < n; k++) {
        ab += a[k] * b[k] / n;
    }

    return ab / sqrt(moment(a, n, 2) * moment(b, n, 2));
}


/* measured over 100 days of minutes, hours, and over 5 years of days */
static void
test_trd_sim_tick_volatility(void **state)
{
    double      sd, *r;
    uint32_t    i, k;
    fixture_t  *f;

    static const struct {
        int64_t   step;
        uint32_t  n;
    } spans[] = { { MINUTE, 144000 }, { 60 * MINUTE, 20000 }, { DAY, 1826 } };

    static const uint32_t  which[] = { 0, 1, 2, 4, 6, 8 };

    f = *state;
    r = calloc(150000, sizeof(double));
    assert_non_null(r);

    for (k = 0; k < 3; k++) {
        for (i = 0; i < 6; i++) {
            returns_of(f, which[i], spans[k].step, r, spans[k].n);
            sd = sqrt(moment(r, spans[k].n, 2) * DAY / spans[k].step)
                 / ((double) params[which[i]].volatility_e8 / 1e8);
            print_message("%s step %lld: %.3f of daily volatility\n",
                          params[which[i]].symbol, (long long) spans[k].step,
                          sd);
            assert_true(sd > 0.9 && sd < 1.1);
        }
    }

    free(r);
}


static void
test_trd_sim_tick_fat_tails(void **state)
{
    double      second, excess, *r;
    uint32_t    i, k;
    fixture_t  *f;

    static const int64_t  steps[] = { 1000, MINUTE, 15 * MINUTE };

    f = *state;
    r = calloc(100000, sizeof(double));
    assert_non_null(r);

    for (k = 0; k < 3; k++) {
        for (i = 0; i < 2; i++) {
            returns_of(f, i, steps[k], r, 100000);
            second = moment(r, 100000, 2);
            excess = moment(r, 100000, 4) / (second * second) - 3;
            print_message("%s step %lld: excess kurtosis %.2f\n",
                          params[i].symbol, (long long) steps[k], excess);
            assert_true(excess > 1.0 && excess < 20.0);
        }
    }

    free(r);
}


/* one-minute returns over 50 days */
static void
test_trd_sim_tick_correlation(void **state)
{
    double          c, *r[N];
    uint32_t        i;
    fixture_t      *f;
    const uint32_t  n = 72000;

    static const struct {
        uint32_t  a, b;
        double    least, most;
    } pairs[] = {
        { 0, 1,  0.60,  0.80 },     /* BTC ETH */
        { 0, 2,  0.60,  0.80 },     /* BTC SOL */
        { 4, 5, -0.45, -0.25 },     /* EUR/USD USD/JPY: inverse */
        { 6, 7,  0.45,  0.65 },     /* XAU XAG */
        { 0, 4,  0.02,  0.20 },     /* BTC EUR/USD */
        { 0, 6,  0.05,  0.25 },     /* BTC XAU */
        { 6, 8,  0.02,  0.20 }      /* XAU WTI */
    };

    f = *state;

    for (i = 0; i < N; i++) {
        r[i] = calloc(n, sizeof(double));
        assert_non_null(r[i]);
        returns_of(f, i, MINUTE, r[i], n);
    }

    for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        c = correlation(r[pairs[i].a], r[pairs[i].b], n);
        print_message("%s %s: correlation %.2f\n", params[pairs[i].a].symbol,
                      params[pairs[i].b].symbol, c);
        assert_true(c > pairs[i].least && c < pairs[i].most);
    }

    for (i = 0; i < N; i++) {
        free(r[i]);
    }
}


/* over 100 years the price stays about its base */
static void
test_trd_sim_tick_hovers(void **state)
{
    double          x, sum, most;
    uint32_t        k;
    fixture_t      *f;
    trd_sim_tick_t  tick;

    f = *state;
    sum = 0;
    most = 0;

    for (k = 0; k < 36525; k++) {
        trd_sim_tick(&f->sim, 0, k * DAY, &tick);
        x = log((double) tick.last_e8 / (double) params[0].price_e8);
        sum += x;
        most = fmax(most, fabs(x));
    }

    print_message("mean of log %.3f, farthest %.2f\n", sum / 36525, most);
    assert_true(fabs(sum / 36525) < 0.05);
    assert_true(most > 0.2 && most < 1.0);
}


/* the spread follows the parameters and widens when prices move */
static void
test_trd_sim_tick_spread(void **state)
{
    double          mean, s, move, wide, calm;
    int64_t         t, before;
    uint32_t        k, nwide, ncalm;
    fixture_t      *f;
    trd_sim_tick_t  tick, past;

    f = *state;
    mean = wide = calm = 0;
    nwide = ncalm = 0;

    for (k = 0; k < 50000; k++) {
        t = START + k * 7919LL;
        trd_sim_at(&f->sim, 0, t, &tick);
        trd_sim_at(&f->sim, 0, t - 60000, &past);
        before = past.last_e8;
        s = (double) (tick.ask_e8 - tick.bid_e8) / (double) tick.last_e8;
        move = fabs(log((double) tick.last_e8 / (double) before));
        mean += s / 50000;

        if (move > 0.0015) {
            wide += s;
            nwide++;

        } else if (move < 0.0005) {
            calm += s;
            ncalm++;
        }
    }

    print_message("spread %.7f, calm %.7f, moving %.7f (%u)\n", mean,
                  calm / ncalm, wide / nwide, nwide);
    assert_true(mean > 1.6e-5 && mean < 2.4e-5);
    assert_true(nwide > 100 && wide / nwide > 1.2 * calm / ncalm);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)
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
        TEST(test_trd_sim_day_volume),
        TEST(test_trd_sim_tick_volatility),
        TEST(test_trd_sim_tick_fat_tails),
        TEST(test_trd_sim_tick_correlation),
        TEST(test_trd_sim_tick_hovers),
        TEST(test_trd_sim_tick_spread)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
