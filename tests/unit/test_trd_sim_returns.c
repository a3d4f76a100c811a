/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The simulated market's returns: that they have the volatility, the tails and
 * the correlations promised, that prices hover about their base and spreads
 * follow the pace.  All of it is deterministic: a band that holds once holds
 * always.
 */

#include "sim_fixture.h"


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
        TEST(test_trd_sim_tick_volatility),
        TEST(test_trd_sim_tick_fat_tails),
        TEST(test_trd_sim_tick_correlation),
        TEST(test_trd_sim_tick_hovers),
        TEST(test_trd_sim_tick_spread)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
