/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The bookkeeping of past signals: each count by hand on a few signals; that
 * tossing a coin never looks like skill and that claiming more than one knows
 * costs; that stated confidence is found again where it is true.
 */

#include "indicator_fixture.h"
#include "trd_score.h"

#define PCT  TRD_E8     /* of a confidence */

typedef struct {
    trd_score_ring_t    ring;
    trd_score_totals_t  totals;
    trd_score_closed_t  closed;
    trd_score_result_t  result;
} fixture_t;


static int
setup(void **state)
{
    fixture_t  *f;

    f = calloc(1, sizeof(fixture_t));
    assert_non_null(f);
    trd_score_ring_init(&f->ring);
    trd_score_totals_init(&f->totals);
    *state = f;

    return 0;
}


static int
teardown(void **state)
{
    free(*state);

    return 0;
}


static void
sent(fixture_t *f, int64_t due, int bullish, double confidence, int64_t entry)
{
    assert_int_equal(trd_score_signal(&f->ring, &f->totals, due, bullish,
                                      (int64_t) (confidence * (double) PCT),
                                      entry, (uint8_t) due), TRD_OK);
}


static int
price(fixture_t *f, int64_t ms, int64_t e8)
{
    return trd_score_price(&f->ring, &f->totals, ms, e8, 10, &f->closed);
}


static void
test_trd_score_counts(void **state)
{
    fixture_t           *f = *state;
    trd_score_totals_t  *t = &f->totals;

    sent(f, 100, 1, 70, 200 * TRD_E8);
    sent(f, 101, 0, 60, 200 * TRD_E8);
    sent(f, 102, 1, 55, 202 * TRD_E8);
    sent(f, 103, 0, 90, 200 * TRD_E8);
    sent(f, 110, 1, 50, 200 * TRD_E8);
    assert_int_equal(t->opened, 5);

    assert_int_equal(price(f, 99, 300 * TRD_E8), 0);

    /* one price judges all that are due, the oldest first */

    assert_int_equal(price(f, 103, 202 * TRD_E8), 1);
    assert_int_equal(f->closed.outcome, TRD_SCORE_HIT);
    assert_int_equal(f->closed.signal.tag, 100);
    assert_int_equal(f->closed.return_e8, 1 * PCT);
    assert_int_equal(price(f, 103, 202 * TRD_E8), 1);
    assert_int_equal(f->closed.outcome, TRD_SCORE_MISS);
    assert_int_equal(f->closed.up, 1);
    assert_int_equal(f->closed.return_e8, -1 * PCT);
    assert_int_equal(price(f, 103, 202 * TRD_E8), 1);
    assert_int_equal(f->closed.outcome, TRD_SCORE_FLAT);
    assert_int_equal(price(f, 103, 196 * TRD_E8), 1);
    assert_int_equal(f->closed.outcome, TRD_SCORE_HIT);
    assert_int_equal(f->closed.return_e8, 2 * PCT);
    assert_int_equal(price(f, 103, 196 * TRD_E8), 0);

    /* at 121 the one due at 110 has waited for more than the 10 allowed */

    assert_int_equal(price(f, 121, 400 * TRD_E8), 1);
    assert_int_equal(f->closed.outcome, TRD_SCORE_LOST);

    assert_int_equal(t->hits, 2);
    assert_int_equal(t->misses, 1);
    assert_int_equal(t->flat, 1);
    assert_int_equal(t->lost, 1);
    assert_true(t->return_e8 == 2 * PCT);

    /* 0.3^2 + 0.6^2 + 0.1^2 */
    assert_true(t->brier == 460000000000LL);
    assert_int_equal(t->bins[14].n, 1);
    assert_int_equal(t->bins[14].hits, 1);
    assert_int_equal(t->bins[12].hits, 0);
    assert_int_equal(t->bins[18].confidence_ppm, 900000);
}


static void
test_trd_score_small_sample_is_unknown(void **state)
{
    int         i;
    fixture_t  *f = *state;

    for (i = 1; i <= 40; i++) {
        sent(f, i, 1, 50, 100);
        assert_int_equal(price(f, i, i <= 10 ? 100 : 101), 1);
        trd_score_result(&f->totals, trd_score_judged(&f->totals), 1,
                         &f->result);
        assert_int_equal(f->result.count, i);
        assert_int_equal(f->result.known, i == 40);
    }

    assert_true(f->result.hit_rate == 1 && f->result.brier == 0.25);
    CLOSE(f->result.mean_return, 0.75, 1e-12);
}


/* neither signals that share a horizon nor instruments that close together
   make a sample large */
static void
test_trd_score_dependent_outcomes_are_not_counted(void **state)
{
    int                 i, k;
    fixture_t          *f = *state;
    trd_score_ring_t    ring[23];
    trd_score_totals_t  of[23], pool;

    for (k = 0; k < 23; k++) {
        trd_score_ring_init(&ring[k]);
        trd_score_totals_init(&of[k]);
    }

    for (i = 1; i <= 120; i++) {
        trd_score_totals_init(&pool);

        for (k = 0; k < 23; k++) {

            /* the last one began late */

            if (k < 22 || i > 100) {
                assert_int_equal(trd_score_signal(&ring[k], &of[k], i, 1,
                                                  50 * PCT, 100, 0), TRD_OK);
                assert_int_equal(trd_score_price(&ring[k], &of[k], i, 101, 0,
                                                 &f->closed), 1);
            }

            trd_score_merge(&pool, &of[k]);
        }

        assert_int_equal(trd_score_judged(&of[0]), i);
        trd_score_result(&pool, trd_score_judged(&of[0]), 4, &f->result);
        assert_int_equal(f->result.count, 22 * i + (i > 100 ? i - 100 : 0));
        assert_int_equal(f->result.independent, i / 4);
        assert_int_equal(f->result.known, i == 120);
    }

    assert_true(f->result.hit_rate == 1 && f->result.brier == 0.25);
    trd_score_result(&of[22], 1000, 1, &f->result);
    assert_int_equal(f->result.independent, 20);
    assert_int_equal(f->result.known, 0);
}


static void
test_trd_score_full_ring(void **state)
{
    int         i;
    fixture_t  *f = *state;

    for (i = 0; i < TRD_SCORE_OPEN; i++) {
        sent(f, 100 + i, 1, 50, 100);
    }

    assert_int_equal(trd_score_signal(&f->ring, &f->totals, 200, 1, 50 * PCT,
                                      100, 0), TRD_OVERFLOW);
    assert_int_equal(f->totals.dropped, 1);
    assert_int_equal(f->totals.opened, TRD_SCORE_OPEN + 1);

    for (i = 0; i < TRD_SCORE_OPEN; i++) {
        assert_int_equal(price(f, 131, 101), 1);
        assert_int_equal(f->closed.signal.due_ms, 100 + i);
    }

    assert_int_equal(price(f, 131, 101), 0);
    assert_int_equal(f->totals.opened, f->totals.dropped + f->totals.hits
                                       + f->totals.lost);
}


static void
test_trd_score_refuses(void **state)
{
    fixture_t           *f = *state;
    trd_score_ring_t    *r = &f->ring;
    trd_score_totals_t  *t = &f->totals;

    assert_int_equal(trd_score_signal(r, t, 9, 1, -1, 5, 0), TRD_ERROR);
    assert_int_equal(trd_score_signal(r, t, 9, 1, 100 * PCT + 1, 5, 0),
                     TRD_ERROR);
    assert_int_equal(trd_score_signal(r, t, 9, 1, PCT, 0, 0), TRD_ERROR);
    sent(f, 9, 1, 100, 5);
    assert_int_equal(trd_score_signal(r, t, 8, 1, PCT, 5, 0), TRD_ERROR);
    assert_int_equal(t->opened, 1);
    assert_int_equal(r->open[0].confidence_ppm, 1000000);

    /* a price that is none, and a change beyond all range, judge nothing */

    assert_int_equal(price(f, 9, 0), 1);
    sent(f, 9, 0, 0, 1);
    assert_int_equal(price(f, 9, INT64_MAX), 1);
    assert_int_equal(t->lost, 2);
    assert_true(t->hits + t->misses == 0 && t->return_e8 == 0);
}


/* totals of parts, added in any order, are those of the whole */
static void
test_trd_score_merge(void **state)
{
    int                 i;
    uint64_t            seed;
    fixture_t          *f = *state, part[3];
    trd_score_totals_t  sum;

    memset(part, 0, sizeof(part));
    seed = 5;

    for (i = 0; i < 3000; i++) {
        int      bullish = noise(&seed) < 0.5;
        double   confidence = 100 * noise(&seed);
        int64_t  now = 1000 + (int64_t) (noise(&seed) * 9);

        sent(f, i, bullish, confidence, 1004);
        sent(&part[i % 3], i, bullish, confidence, 1004);
        assert_int_equal(price(f, i, now), 1);
        assert_int_equal(price(&part[i % 3], i, now), 1);
    }

    trd_score_totals_init(&sum);

    for (i = 2; i >= 0; i--) {
        trd_score_merge(&sum, &part[i].totals);
    }

    assert_memory_equal(&sum, &f->totals, sizeof(sum));
}


/* signals by coin on a walk without drift; `claim` is the confidence */
static void
coin(fixture_t *f, double claim, uint64_t seed, int n)
{
    int      i, k;
    double   p;
    int64_t  e8;

    trd_score_ring_init(&f->ring);
    trd_score_totals_init(&f->totals);
    p = 0;

    for (i = 0; i < n; i++) {
        e8 = (int64_t) (1e12 * exp(0.001 * p / 10));
        k = price(f, i, e8);
        assert_int_equal(k, i >= 4);
        sent(f, i + 4, noise(&seed) < 0.5, claim, e8);
        p += bell(&seed);
    }

    trd_score_result(&f->totals, trd_score_judged(&f->totals), 1,
                     &f->result);
}


static void
test_trd_score_coin_has_no_skill(void **state)
{
    int         seed;
    double      worst;
    fixture_t  *f = *state;

    worst = 0;

    for (seed = 1; seed <= 20; seed++) {
        coin(f, 50, (uint64_t) seed * 77777, 20000);
        assert_int_equal(f->result.known, 1);
        worst = fmax(worst, fabs(f->result.hit_rate - 0.5));

        /* the honest coin is at 0.25 exactly: it claims nothing */
        assert_true(f->result.brier == 0.25);

        /* mean return: 0.02 % deviation of a horizon over 20,000 of them */
        assert_true(fabs(f->result.mean_return) < 4 * 0.02 / sqrt(20000));

        coin(f, 80, (uint64_t) seed * 77777, 20000);
        CLOSE(f->result.brier, 0.34, 0.01);
    }

    print_message("20 coins: at most %.4f from one half\n", worst);
    assert_true(worst < 4 * 0.5 / sqrt(20000));
}


/* outcomes drawn with just the probability stated */
static void
test_trd_score_true_confidence_is_found(void **state)
{
    int               i, bullish, up;
    double            p, hits;
    uint64_t          seed;
    fixture_t        *f = *state;
    trd_score_bin_t  *b;

    seed = 11;

    for (i = 0; i < 200000; i++) {
        p = 0.3 + 0.6 * noise(&seed);
        bullish = noise(&seed) < 0.5;
        up = (noise(&seed) < p) ? bullish : !bullish;
        sent(f, i, bullish, 100 * p, 1000);
        assert_int_equal(price(f, i, up ? 1001 : 999), 1);
    }

    for (i = 6; i < 18; i++) {
        b = &f->totals.bins[i];
        assert_true(b->n > 15000);
        hits = (double) b->hits / (double) b->n;
        p = (double) b->confidence_ppm / 1e6 / (double) b->n;
        CLOSE(hits, p, 0.016);
    }

    /* mean of p(1-p) over 0.3 .. 0.9 */
    trd_score_result(&f->totals, trd_score_judged(&f->totals), 1,
                     &f->result);
    CLOSE(f->result.brier, 0.21, 0.002);
}


#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        TEST(test_trd_score_counts),
        TEST(test_trd_score_small_sample_is_unknown),
        TEST(test_trd_score_dependent_outcomes_are_not_counted),
        TEST(test_trd_score_full_ring),
        TEST(test_trd_score_refuses),
        TEST(test_trd_score_merge),
        TEST(test_trd_score_coin_has_no_skill),
        TEST(test_trd_score_true_confidence_is_found)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
