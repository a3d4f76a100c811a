/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * From candles to judged signals: that no signal knows a later price, that
 * history and live take the same path, that a market without memory shows no
 * skill, and that in one with a known drift the stated confidence is what
 * comes true, out of sample.
 */

#include "indicator_fixture.h"
#include "trd_backtest.h"

#define MINUTE  60000LL
#define DAY     86400000LL

typedef struct {
    trd_backtest_t       bt;
    trd_backtest_t       twin;
    trd_track_result_t   result;
    trd_track_result_t   other;
    trd_score_result_t   score;
} fixture_t;


static int
setup(void **state)
{
    *state = calloc(1, sizeof(fixture_t));
    assert_non_null(*state);

    return 0;
}


static int
teardown(void **state)
{
    free(*state);

    return 0;
}


/*
 * Candles of an interval from midnight on.  The drift of a candle is `pull`
 * deviations up or down, and changes sides once in 100 candles or so.
 */
static trd_candle_t *
market(size_t n, int64_t interval, double pull, uint64_t seed)
{
    int            k;
    double         p, side, high, low, open;
    size_t         i;
    trd_candle_t  *c;

    c = calloc(n, sizeof(trd_candle_t));
    assert_non_null(c);

    p = 0;
    side = 1;

    for (i = 0; i < n; i++) {
        side = noise(&seed) < 0.01 ? -side : side;

        /* held near 1,000, so that a long run stays in range */
        p -= (pull > 0) ? 0 : 0.0005 * p;
        open = high = low = p;

        for (k = 0; k < 4; k++) {
            p += 0.0005 * (bell(&seed) + side * pull / 2);
            high = fmax(high, p);
            low = fmin(low, p);
        }

        c[i].open_ms = 1700006400000LL + (int64_t) i * interval;
        c[i].open_e8 = (int64_t) (1e11 * exp(open));
        c[i].high_e8 = (int64_t) (1e11 * exp(high));
        c[i].low_e8 = (int64_t) (1e11 * exp(low));
        c[i].close_e8 = (int64_t) (1e11 * exp(p));
        c[i].volume_e8 = TRD_E8;
    }

    return c;
}


static void
test_trd_backtest_no_look_ahead(void **state)
{
    size_t         i, cut;
    fixture_t     *f = *state;
    trd_candle_t  *c;

    c = market(600, 60 * MINUTE, 0.2, 1);

    for (cut = 40; cut < 600; cut += 93) {
        trd_backtest_init(&f->bt, TRD_TIMEFRAME_1H);
        trd_backtest_init(&f->twin, TRD_TIMEFRAME_1H);

        for (i = 0; i < 600; i++) {
            trd_candle_t  moved = c[i];

            /* in the twin's world prices go another way after the cut */

            if (i > cut) {
                moved.open_e8 *= 3;
                moved.high_e8 *= 4;
                moved.low_e8 /= 5;
                moved.close_e8 /= 2;
            }

            memset(&f->result, 0, sizeof(f->result));
            memset(&f->other, 0, sizeof(f->other));
            assert_int_equal(trd_backtest_step(&f->bt, &c[i], &f->result),
                             TRD_OK);
            assert_int_equal(trd_backtest_step(&f->twin, &moved, &f->other),
                             TRD_OK);

            if (i <= cut) {
                assert_memory_equal(&f->result, &f->other,
                                    sizeof(f->result));
            } else {
                assert_memory_not_equal(&f->result, &f->other,
                                        sizeof(f->result));
            }
        }
    }

    free(c);
}


/* a signal is judged by the close of the fourth candle after it, and no
   confidence rests on an outcome that was not known yet */
static void
test_trd_backtest_order(void **state)
{
    size_t         i, k;
    uint64_t       judged, known;
    fixture_t     *f = *state;
    trd_candle_t  *c;

    c = market(300, 5 * MINUTE, 0, 2);
    trd_backtest_init(&f->bt, TRD_TIMEFRAME_5M);

    for (i = 0; i < 300; i++) {
        assert_int_equal(trd_backtest_step(&f->bt, &c[i], &f->result),
                         TRD_OK);
        assert_true(!(f->result.has & TRD_TRACK_SIGNAL)
                    == (i + 1 < TRD_IND_WARM_UP));
        assert_int_equal(f->result.close_ms, c[i].open_ms + 5 * MINUTE);

        judged = i < 37 ? 0 : i - 36;
        known = 0;

        for (k = 0; k < TRD_CALIBRATION_BUCKETS; k++) {
            known += f->bt.calibration.n[k];
        }

        assert_int_equal(f->bt.technical.hits + f->bt.technical.misses
                         + f->bt.technical.flat, judged);
        assert_int_equal(known + f->bt.technical.flat, judged);
    }

    free(c);
}


/* what marketd does at each closed candle, done here, gives the same */
static void
test_trd_backtest_is_live(void **state)
{
    size_t              i;
    fixture_t          *f = *state;
    trd_track_t         track;
    trd_candle_t       *c;
    trd_calibration_t   calibration;
    trd_score_totals_t  totals;

    c = market(500, 15 * MINUTE, 0.3, 3);
    trd_backtest_init(&f->bt, TRD_TIMEFRAME_15M);
    trd_track_init(&track);
    trd_calibration_init(&calibration, TRD_HORIZON);
    trd_score_totals_init(&totals);

    for (i = 0; i < 500; i++) {
        memset(&f->result, 0, sizeof(f->result));
        memset(&f->other, 0, sizeof(f->other));
        assert_int_equal(trd_backtest_step(&f->bt, &c[i], &f->result),
                         TRD_OK);
        assert_int_equal(trd_track_close(&track, TRD_TIMEFRAME_15M, &c[i],
                                         &calibration, &calibration, &totals,
                                         &f->other), TRD_OK);
        assert_memory_equal(&f->result.technical, &f->other.technical,
                            sizeof(f->other.technical));
    }

    assert_memory_equal(&totals, &f->bt.technical, sizeof(totals));
    assert_memory_equal(&calibration, &f->bt.calibration,
                        sizeof(calibration));
    assert_true(totals.hits > 0);
    free(c);
}


static void
test_trd_backtest_threshold_day(void **state)
{
    size_t         i;
    fixture_t     *f = *state;
    trd_candle_t  *c;

    c = market(200, 60 * MINUTE, 0, 4);
    trd_backtest_init(&f->bt, TRD_TIMEFRAME_1H);

    for (i = 0; i < 200; i++) {
        if (i == 100) {
            continue;           /* a gap of one */
        }

        c[i].close_e8 = c[i].high_e8;
        assert_int_equal(trd_backtest_step(&f->bt, &c[i], &f->result),
                         TRD_OK);

        /* no change where the candle of 24 hours before is not there */

        if (i < 23 || i == 123) {
            assert_false(f->result.has & TRD_TRACK_THRESHOLD);
            continue;
        }

        assert_true(f->result.has & TRD_TRACK_THRESHOLD);
        assert_int_equal(f->result.threshold.bullish,
                         c[i].close_e8 > c[i - 23].open_e8
                         && 1000 * (c[i].close_e8 - c[i - 23].open_e8)
                            * 100 * 2 >= c[i - 23].open_e8);
    }

    /* hours 23 to 199 but for the two without a signal; the one due in the
       gap is judged by the close an hour later */

    assert_int_equal(f->bt.threshold.opened, 200 - 23 - 2);
    assert_int_equal(f->bt.threshold.lost, 0);
    assert_int_equal(f->bt.threshold.dropped, 0);
    assert_int_equal(f->bt.ring.n, 24);
    free(c);
}


static void
test_trd_backtest_gaps(void **state)
{
    size_t         i;
    fixture_t     *f = *state;
    trd_candle_t  *c, bad;

    c = market(200, MINUTE, 0, 5);
    trd_backtest_init(&f->bt, TRD_TIMEFRAME_1M);

    for (i = 0; i < 100; i++) {
        assert_int_equal(trd_backtest_step(&f->bt, &c[i], &f->result),
                         TRD_OK);
    }

    /* refused without a trace: old, twice, not a candle */

    f->twin = f->bt;
    assert_int_equal(trd_backtest_step(&f->bt, &c[99], &f->result),
                     TRD_IGNORED);
    assert_int_equal(trd_backtest_step(&f->bt, &c[7], &f->result),
                     TRD_IGNORED);
    bad = c[100];
    bad.close_e8 = bad.high_e8 + 1;
    assert_int_equal(trd_backtest_step(&f->bt, &bad, &f->result), TRD_ERROR);
    bad = c[100];
    bad.open_e8 = bad.low_e8 - 1;
    assert_int_equal(trd_backtest_step(&f->bt, &bad, &f->result), TRD_ERROR);
    bad = c[100];
    bad.low_e8 = 0;
    assert_int_equal(trd_backtest_step(&f->bt, &bad, &f->result), TRD_ERROR);
    bad = c[100];
    bad.open_ms = INT64_MAX;
    assert_int_equal(trd_backtest_step(&f->bt, &bad, &f->result), TRD_ERROR);
    assert_int_equal(f->bt.refused, 6);
    f->bt.refused = 0;
    assert_memory_equal(&f->bt, &f->twin, sizeof(f->bt));

    /* ten missing are got over, eleven are not; the four open signals were
       due more than a minute before the first close after the gap */

    assert_int_equal(trd_backtest_step(&f->twin, &c[110], &f->result),
                     TRD_OK);
    assert_true(f->result.has & TRD_TRACK_SIGNAL);
    assert_int_equal(trd_backtest_step(&f->bt, &c[111], &f->result), TRD_OK);
    assert_false(f->result.has & TRD_TRACK_SIGNAL);
    assert_int_equal(f->bt.technical.lost, 4);
    assert_int_equal(f->bt.technical.opened, 67);

    for (i = 112; i < 111 + TRD_IND_WARM_UP; i++) {
        assert_int_equal(trd_backtest_step(&f->bt, &c[i], &f->result),
                         TRD_OK);
        assert_true(!(f->result.has & TRD_TRACK_SIGNAL)
                    == (i + 1 < 111 + TRD_IND_WARM_UP));
    }

    free(c);
}


/* fit on the first half, frozen, judged on the second */
static void
halves(fixture_t *f, const trd_candle_t *c, size_t n, trd_timeframe_t tf)
{
    size_t  i;

    trd_backtest_init(&f->bt, tf);

    for (i = 0; i < n; i++) {
        if (i == n / 2) {
            trd_backtest_split(&f->bt, 0);
            f->twin = f->bt;
        }

        assert_int_equal(trd_backtest_step(&f->bt, &c[i], &f->result),
                         TRD_OK);
    }

    assert_memory_equal(&f->twin.calibration, &f->bt.calibration,
                        sizeof(trd_calibration_t));
    trd_score_result(&f->bt.technical, trd_score_judged(&f->bt.technical),
                     TRD_HORIZON, &f->score);
}


/* mean distance of stated confidence and hit rate, in points */
static double
calibration_error(const trd_score_totals_t *t, uint64_t least, double *worst)
{
    double                  off, sum;
    uint64_t                n;
    unsigned                i;
    const trd_score_bin_t  *b;

    sum = *worst = 0;
    n = 0;

    for (i = 0; i < TRD_SCORE_BINS; i++) {
        b = &t->bins[i];
        if (b->n < least) {
            continue;
        }

        off = 100 * fabs((double) b->hits
                         - (double) b->confidence_ppm / 1e6) / (double) b->n;
        *worst = fmax(*worst, off);
        sum += off * (double) b->n;
        n += b->n;
    }

    return n ? sum / (double) n : 100;
}


static void
test_trd_backtest_no_memory_no_skill(void **state)
{
    double         error, worst;
    uint64_t       seed;
    fixture_t     *f = *state;
    trd_candle_t  *c;

    for (seed = 1; seed <= 5; seed++) {
        c = market(100000, MINUTE, 0, 1000 + seed);
        halves(f, c, 100000, TRD_TIMEFRAME_1M);
        free(c);

        error = calibration_error(&f->bt.technical, 1000, &worst);
        print_message("no memory: hit rate %.4f of %llu, Brier %.5f, mean "
                      "calibration error %.2f points\n", f->score.hit_rate,
                      (unsigned long long) f->score.count, f->score.brier,
                      error);

        /* about 12,500 independent outcomes: 0.0045 is one deviation */

        CLOSE(f->score.hit_rate, 0.5, 0.018);
        CLOSE(f->score.brier, 0.25, 0.0015);
        assert_true(error < 2);
    }
}


static void
test_trd_backtest_known_drift_is_calibrated(void **state)
{
    double         error, worst;
    fixture_t     *f = *state;
    trd_candle_t  *c;

    c = market(200000, MINUTE, 0.3, 77);
    halves(f, c, 200000, TRD_TIMEFRAME_1M);
    free(c);

    error = calibration_error(&f->bt.technical, 1000, &worst);
    print_message("known drift: hit rate %.4f of %llu, Brier %.5f, "
                  "calibration error %.2f points, worst bin %.2f\n",
                  f->score.hit_rate, (unsigned long long) f->score.count,
                  f->score.brier, error, worst);

    assert_true(f->score.hit_rate > 0.6);
    assert_true(f->score.brier < 0.24);
    assert_true(f->score.mean_return > 0);
    assert_true(error < 2);
    assert_true(worst < 4);
}


/* recorded candles: every row is taken, the counts add up */
static void
test_trd_backtest_recorded(void **state)
{
    size_t                     n, i;
    fixture_t                 *f = *state;
    trd_candle_t              *c;
    const trd_score_totals_t  *t;

    static const struct {
        const char       *path;
        trd_timeframe_t   timeframe;
        size_t            rows;
    } files[] = {
        { "binance-BTCUSDT-1d-20170817-20200831.csv", TRD_TIMEFRAME_1D,
          1111 },
        { "coinbase-BTCUSD-4h-20160518-20221231.csv.gz", TRD_TIMEFRAME_4H,
          14509 },
        { "binanceus-ETHUSD-5m-20230313-20230315.csv", TRD_TIMEFRAME_5M,
          580 },
        { "binance-BTCBUSD-1m-20221213.csv.gz", TRD_TIMEFRAME_1M, 1440 },
        { "coinbase-BTCUSD-1m-20180404-20180406.csv.gz", TRD_TIMEFRAME_1M,
          3887 }
    };
    char  path[256];

    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), DATA "ohlcv/%s", files[i].path);
        c = csv_candles(path, &n);
        if (c == NULL) {
            print_message("no %s: skipped\n", path);
            skip();
        }

        assert_int_equal(n, files[i].rows);
        halves(f, c, n, files[i].timeframe);
        free(c);
        assert_int_equal(f->bt.candles, n);
        assert_int_equal(f->bt.refused, 0);

        t = &f->bt.technical;
        assert_int_equal(t->opened, t->hits + t->misses + t->flat + t->lost
                                    + f->bt.track.ring.n);
        assert_int_equal(t->dropped, 0);
        print_message("%s: hit rate %.4f of %llu, Brier %.5f\n",
                      files[i].path, f->score.hit_rate,
                      (unsigned long long) f->score.count, f->score.brier);
    }
}


#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        TEST(test_trd_backtest_no_look_ahead),
        TEST(test_trd_backtest_order),
        TEST(test_trd_backtest_is_live),
        TEST(test_trd_backtest_threshold_day),
        TEST(test_trd_backtest_gaps),
        TEST(test_trd_backtest_no_memory_no_skill),
        TEST(test_trd_backtest_known_drift_is_calibrated),
        TEST(test_trd_backtest_recorded)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
