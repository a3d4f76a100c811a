/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The technical model: the documented table by hand, its limits, and the
 * calibration's counting.
 */

#include "indicator_fixture.h"
#include "trd_technical.h"


/* a market in which every part is known; close = 100, ATR = 2 */
static void
values(trd_indicator_values_t *v)
{
    memset(v, 0, sizeof(trd_indicator_values_t));
    v->ready = TRD_IND_ALL;
    v->close = 100;
    v->sma20 = v->bollinger_middle = 99;
    v->bollinger_upper = 103;
    v->bollinger_lower = 95;
    v->rsi14 = 55;
    v->macd = 0.5;
    v->macd_signal = 0.4;
    v->macd_histogram = 0.1;
    v->atr14 = 2;
    v->plus_di14 = 30;
    v->minus_di14 = 10;
    v->adx14 = 20;
    v->stochastic_k = 60;
    v->stochastic_d = 50;
}


static void
test_trd_technical_by_hand(void **state)
{
    unsigned                i;
    trd_technical_t         t;
    trd_indicator_values_t  v;

    static const double  want[TRD_PART_N] = {
        0.25, 0.5 * 0.8, 0.2, 0.25, 0.25, 0.5, -0.25
    };

    (void) state;

    values(&v);
    assert_int_equal(trd_technical(&v, 100 * TRD_E8, NULL, &t), TRD_OK);

    for (i = 0; i < TRD_PART_N; i++) {
        CLOSE(t.part[i], want[i], 1e-12);
    }

    /* 6.25 + 8 + 4 + 3.75 + 2.5 + 2.5 - 1.25 */
    CLOSE(t.score, 25.75, 1e-12);
    assert_int_equal(t.signal.kind, TRD_BUY);
    assert_int_equal(t.signal.bullish, 1);
    assert_int_equal(t.signal.strength_e8, 2575000000);
    assert_int_equal(t.signal.confidence_e8, 50 * TRD_E8);
    assert_int_equal(t.signal.entry_e8, 100 * TRD_E8);
    assert_int_equal(t.signal.target_e8, 104 * TRD_E8);
    assert_int_equal(t.signal.stop_e8, 97 * TRD_E8);
    assert_int_equal(t.samples, 0);
    assert_int_equal(t.bucket, 6);
}


static void
test_trd_technical_weights(void **state)
{
    double    sum;
    unsigned  i, k;

    (void) state;

    sum = 0;

    for (i = 0; i < TRD_PART_N; i++) {
        sum += trd_part_weight(i);
        assert_non_null(trd_part_name(i));
        for (k = 0; k < i; k++) {
            assert_string_not_equal(trd_part_name(i), trd_part_name(k));
        }
    }

    assert_true(sum == 100);
    assert_null(trd_part_name(TRD_PART_N));
    assert_true(trd_part_weight(TRD_PART_N) == 0);
}


/* scores made by RSI and trend alone, on both sides of every border */
static void
test_trd_technical_kinds(void **state)
{
    unsigned                i;
    trd_technical_t         t;
    trd_indicator_values_t  v;

    static const struct {
        double             share;   /* of a part of 60 points */
        trd_signal_kind_t  kind;
        double             target;  /* ATRs from the entry */
        double             stop;
    } cases[] = {
        { 1, TRD_STRONG_BUY, 3, -2 },
        { 0.99, TRD_BUY, 2, -1.5 },
        { 0.417, TRD_BUY, 2, -1.5 },
        { 0.416, TRD_UP, 1, -1 },
        { 1e-9, TRD_UP, 1, -1 },
        { 0, TRD_DOWN, -1, 1 },
        { -1e-9, TRD_DOWN, -1, 1 },
        { -0.416, TRD_DOWN, -1, 1 },
        { -0.417, TRD_SELL, -2, 1.5 },
        { -0.99, TRD_SELL, -2, 1.5 },
        { -1, TRD_STRONG_SELL, -3, 2 }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&v, 0, sizeof(v));
        v.ready = TRD_IND_ALL;
        v.atr14 = 2;
        v.rsi14 = 50 + 20 * cases[i].share;
        v.macd = 2 * cases[i].share;
        v.macd_histogram = 0.5 * cases[i].share;
        v.close = v.sma20 = v.bollinger_upper = 50;

        assert_int_equal(trd_technical(&v, 50 * TRD_E8, NULL, &t), TRD_OK);
        CLOSE(t.score, 60 * cases[i].share, 1e-9);
        assert_int_equal(t.signal.kind, cases[i].kind);
        assert_int_equal(t.signal.bullish, cases[i].share > 0);
        CLOSE((double) t.signal.target_e8 / 1e8, 50 + 2 * cases[i].target,
              1e-9);
        CLOSE((double) t.signal.stop_e8 / 1e8, 50 + 2 * cases[i].stop, 1e-9);
    }
}


static void
test_trd_technical_bounds(void **state)
{
    trd_technical_t         t;
    trd_indicator_values_t  v;

    (void) state;

    values(&v);
    v.macd = v.macd_histogram = 1e300;
    v.rsi14 = 100;
    v.plus_di14 = 50;
    v.minus_di14 = 0;
    v.adx14 = 100;
    v.stochastic_k = 100;
    v.stochastic_d = 0;
    v.sma20 = 1;
    v.bollinger_upper = 200;
    assert_int_equal(trd_technical(&v, 100 * TRD_E8, NULL, &t), TRD_OK);
    assert_true(t.score <= 100 && t.score > 92);
    assert_true(t.signal.strength_e8 <= 100 * TRD_E8);

    /* an ATR of more than the price leaves no room for a stop */

    v.atr14 = 60;
    assert_int_equal(trd_technical(&v, 100 * TRD_E8, NULL, &t), TRD_OVERFLOW);
    v.atr14 = 1e300;
    assert_int_equal(trd_technical(&v, 100 * TRD_E8, NULL, &t), TRD_OVERFLOW);
    v.atr14 = 2;
    assert_int_equal(trd_technical(&v, INT64_MAX - 5, NULL, &t),
                     TRD_OVERFLOW);
}


/* what must be there, and what counts 0 if it is not */
static void
test_trd_technical_absent(void **state)
{
    unsigned                i;
    trd_technical_t         t;
    trd_indicator_values_t  v;

    (void) state;

    values(&v);
    v.ready = TRD_IND_ALL & ~TRD_IND_SIGNAL;
    assert_int_equal(trd_technical(&v, TRD_E8, NULL, &t), TRD_NOT_FOUND);
    v.ready = TRD_IND_ALL & ~TRD_IND_ATR;
    assert_int_equal(trd_technical(&v, TRD_E8, NULL, &t), TRD_NOT_FOUND);
    v.ready = TRD_IND_ALL;
    v.atr14 = 0;
    assert_int_equal(trd_technical(&v, TRD_E8, NULL, &t), TRD_NOT_FOUND);

    values(&v);
    v.ready &= ~(uint32_t) (TRD_IND_RSI|TRD_IND_DI|TRD_IND_STOCH_D);
    v.rsi14 = v.plus_di14 = v.minus_di14 = v.stochastic_d = NAN;
    assert_int_equal(trd_technical(&v, 100 * TRD_E8, NULL, &t), TRD_OK);
    CLOSE(t.score, 6.25 + 4 + 2.5 - 1.25, 1e-12);

    for (i = 0; i < TRD_PART_N; i++) {
        assert_false(isnan(t.part[i]));
    }
}


static void
test_trd_calibration_buckets(void **state)
{
    int  s;

    (void) state;

    for (s = -100; s < 100; s++) {
        assert_int_equal(trd_calibration_bucket(s), (s + 100) / 20);
    }

    assert_int_equal(trd_calibration_bucket(100), 9);
    assert_int_equal(trd_calibration_bucket(1e300), 9);
    assert_int_equal(trd_calibration_bucket(-1e300), 0);
    assert_int_equal(trd_calibration_bucket(NAN), 0);
}


static void
test_trd_calibration_up(void **state)
{
    int                     i;
    uint64_t                n;
    trd_technical_t         t;
    trd_calibration_t       c, sum;
    trd_indicator_values_t  v;

    (void) state;

    trd_calibration_init(&c, 4);
    assert_true(trd_calibration_up(&c, 6, &n) == 0.5 && n == 0);

    /* 400 overlapping signals are 100 observations, 70 up; 25 of the 50
       assumed ones are */

    for (i = 0; i < 400; i++) {
        trd_calibration_add(&c, 6, i % 10 < 7);
    }

    trd_calibration_add(&c, TRD_CALIBRATION_BUCKETS, 1);
    CLOSE(trd_calibration_up(&c, 6, &n), 95.0 / 150, 1e-15);
    assert_int_equal(n, 400);
    assert_true(trd_calibration_up(&c, 5, NULL) == 0.5);
    assert_true(trd_calibration_up(&c, 99, &n) == 0.5 && n == 0);

    values(&v);
    assert_int_equal(trd_technical(&v, 100 * TRD_E8, &c, &t), TRD_OK);
    assert_int_equal(t.signal.confidence_e8, 6333333333);
    assert_int_equal(t.samples, 400);

    /* the same odds speak against a bearish signal of that bucket */

    trd_calibration_init(&sum, 4);
    trd_calibration_merge(&sum, &c);
    trd_calibration_merge(&sum, &c);
    CLOSE(trd_calibration_up(&sum, 6, &n), 165.0 / 250, 1e-15);
    assert_int_equal(n, 800);

    for (i = 0; i < 400; i++) {
        trd_calibration_add(&c, 4, 1);
    }

    v.rsi14 = 10;
    v.macd_histogram = 0;
    assert_int_equal(trd_technical(&v, 100 * TRD_E8, &c, &t), TRD_OK);
    assert_int_equal(t.bucket, 5);
    v.rsi14 = 30;
    v.macd_histogram = -0.2;
    assert_int_equal(trd_technical(&v, 100 * TRD_E8, &c, &t), TRD_OK);
    assert_int_equal(t.bucket, 4);
    assert_int_equal(t.signal.bullish, 0);
    assert_int_equal(t.signal.confidence_e8, 1666666667);

    trd_calibration_init(&c, 0);
    assert_int_equal(c.overlap, 1);
}


static void
test_trd_timeframe_names(void **state)
{
    unsigned         i;
    trd_timeframe_t  t;

    static const int64_t  minutes[] = { 1, 5, 15, 60, 240, 1440 };

    (void) state;

    for (i = 0; i < TRD_TIMEFRAME_N; i++) {
        assert_int_equal(trd_timeframe_find(trd_timeframe_name(i),
                                            strlen(trd_timeframe_name(i)),
                                            &t), TRD_OK);
        assert_int_equal(t, i);
        assert_int_equal(trd_timeframe_ms(t), minutes[i] * 60000);
    }

    assert_null(trd_timeframe_name(TRD_TIMEFRAME_N));
    assert_int_equal(trd_timeframe_find("15m", 3, &t), TRD_OK);
    assert_int_equal(t, TRD_TIMEFRAME_15M);
    assert_int_equal(trd_timeframe_find("1", 1, &t), TRD_NOT_FOUND);
    assert_int_equal(trd_timeframe_find("", 0, &t), TRD_NOT_FOUND);
    assert_int_equal(trd_timeframe_find("1W", 2, &t), TRD_NOT_FOUND);
    assert_int_equal(trd_timeframe_find("1M\0", 3, &t), TRD_NOT_FOUND);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_trd_technical_by_hand),
        cmocka_unit_test(test_trd_technical_weights),
        cmocka_unit_test(test_trd_technical_kinds),
        cmocka_unit_test(test_trd_technical_bounds),
        cmocka_unit_test(test_trd_technical_absent),
        cmocka_unit_test(test_trd_calibration_buckets),
        cmocka_unit_test(test_trd_calibration_up),
        cmocka_unit_test(test_trd_timeframe_names)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
