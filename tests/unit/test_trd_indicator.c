/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The indicators against tables that others worked out: published ones
 * (../shared/data/indicators, skipped where absent) and small ones made by an
 * independent script, which also say where a value must be absent.  Then that
 * the open candle's values are those of the close, and that nothing drifts.
 */

#include "indicator_fixture.h"
#include "trd_indicator.h"

#ifdef __SANITIZE_ADDRESS__
#define MANY  1000000
#else
#define MANY  10000000
#endif

typedef struct {
    const char  *name;
    size_t       offset;
    uint32_t     bit;
} column_t;

#define COLUMN(field, bit)  \
    { #field, offsetof(trd_indicator_values_t, field), bit }

static const column_t  columns[] = {
    COLUMN(sma20, TRD_IND_SMA),
    COLUMN(ema12, TRD_IND_EMA12),
    COLUMN(ema20, TRD_IND_EMA20),
    COLUMN(ema26, TRD_IND_EMA26),
    COLUMN(rsi14, TRD_IND_RSI),
    COLUMN(macd, TRD_IND_MACD),
    COLUMN(macd_signal, TRD_IND_SIGNAL),
    COLUMN(macd_histogram, TRD_IND_SIGNAL),
    COLUMN(bollinger_upper, TRD_IND_BOLLINGER),
    COLUMN(bollinger_lower, TRD_IND_BOLLINGER),
    COLUMN(atr14, TRD_IND_ATR),
    COLUMN(plus_di14, TRD_IND_DI),
    COLUMN(minus_di14, TRD_IND_DI),
    COLUMN(adx14, TRD_IND_ADX),
    COLUMN(stochastic_k, TRD_IND_STOCH_K),
    COLUMN(stochastic_d, TRD_IND_STOCH_D)
};

#define N_COLUMNS  (sizeof(columns) / sizeof(columns[0]))


static double
value(const trd_indicator_values_t *v, const column_t *c)
{
    double  x;

    memcpy(&x, (const char *) v + c->offset, sizeof(double));

    return x;
}


/* a cell says what the value is, or by being empty that there is none */
static void
compare(const trd_indicator_values_t *v, const column_t *c, const char *cell,
    double eps, size_t row, double *worst)
{
    double  x, want;

    x = value(v, c);

    if (*cell == '\0') {
        if ((v->ready & c->bit) || !isnan(x)) {
            fail_msg("row %zu: %s is %.17g, should be absent", row, c->name,
                     x);
        }
        return;
    }

    want = strtod(cell, NULL);

    if (!(v->ready & c->bit) || !(fabs(x - want) <= eps)) {
        fail_msg("row %zu: %s is %.17g, should be %.17g", row, c->name, x,
                 want);
    }

    *worst = fmax(*worst, fabs(x - want));
}


static void
fixture(const char *path, double eps)
{
    csv_t                   c;
    double                  worst;
    size_t                  i, row;
    trd_indicator_t         s;
    trd_indicator_values_t  v, peek;

    assert_true(csv_open(&c, path));
    trd_indicator_init(&s);
    worst = 0;

    for (row = 0; csv_next(&c); row++) {
        assert_int_equal(c.n, 3 + N_COLUMNS);
        assert_int_equal(trd_indicator_peek(&s, csv_e8(&c, 0), csv_e8(&c, 1),
                                            csv_e8(&c, 2), &peek), TRD_OK);
        assert_int_equal(trd_indicator_close(&s, csv_e8(&c, 0),
                                             csv_e8(&c, 1), csv_e8(&c, 2),
                                             &v), TRD_OK);
        assert_memory_equal(&v, &peek, sizeof(v));

        for (i = 0; i < N_COLUMNS; i++) {
            compare(&v, &columns[i], c.cell[3 + i], eps, row, &worst);
        }
    }

    assert_true(row >= 60);
    print_message("%s: %zu rows, worst %.2g\n", path, row, worst);
}


static void
test_trd_indicator_fixtures(void **state)
{
    (void) state;

    fixture(FIXTURES "walk.csv", 1e-9);
    fixture(FIXTURES "tiny.csv", 1e-9);
    fixture(FIXTURES "pauses.csv", 1e-9);
    fixture(FIXTURES "huge.csv", 90e9 * 1e-14);
}


static void
test_trd_indicator_published(void **state)
{
    csv_t                   c;
    double                  worst;
    size_t                  i, row;
    trd_indicator_t         s;
    trd_indicator_values_t  v;

    /* the table's columns in the order of ours */
    static const int  cell[N_COLUMNS] = {
        6, 9, 7, 10, 8, 11, 12, 13, 16, 17, 19, 20, 21, 23, 25, 26
    };

    (void) state;

    if (!csv_open(&c, DATA "indicators/excel-spy502-reference.csv")) {
        print_message("no " DATA "indicators: skipped\n");
        skip();
    }

    trd_indicator_init(&s);
    worst = 0;

    for (row = 0; csv_next(&c); row++) {
        assert_int_equal(c.n, 27);
        assert_int_equal(trd_indicator_close(&s, csv_e8(&c, 2),
                                             csv_e8(&c, 3), csv_e8(&c, 4),
                                             &v), TRD_OK);

        for (i = 0; i < N_COLUMNS; i++) {
            compare(&v, &columns[i], c.cell[cell[i]], 1e-9, row, &worst);
        }

        if (*c.cell[15]) {
            CLOSE(v.bollinger_middle, strtod(c.cell[15], NULL), 1e-9);
        }
    }

    assert_int_equal(row, 502);
    print_message("worst difference %.2g\n", worst);
}


/* printed to four decimals, the last of the bands' not always by rounding:
   the definition itself, in Python, is 6.06e-5 away from the table */
static void
test_trd_indicator_published_bollinger(void **state)
{
    csv_t                   c;
    size_t                  row, compared;
    trd_indicator_t         s;
    trd_indicator_values_t  v;

    (void) state;

    if (!csv_open(&c, DATA "indicators/lean-spy_bollinger_bands.txt")) {
        print_message("no " DATA "indicators: skipped\n");
        skip();
    }

    trd_indicator_init(&s);
    compared = 0;

    for (row = 0; csv_next(&c); row++) {
        assert_int_equal(trd_indicator_close(&s, csv_e8(&c, 2),
                                             csv_e8(&c, 3), csv_e8(&c, 4),
                                             &v), TRD_OK);

        if (*c.cell[5] == '\0') {
            assert_false(v.ready & TRD_IND_BOLLINGER);
            continue;
        }

        CLOSE(v.bollinger_middle, strtod(c.cell[5], NULL), 6.1e-5);
        CLOSE(v.bollinger_upper, strtod(c.cell[6], NULL), 6.1e-5);
        CLOSE(v.bollinger_lower, strtod(c.cell[7], NULL), 6.1e-5);
        compared++;
    }

    assert_int_equal(compared, 481);
}


/* started on bars that are not in the table; its last row is an intraday bar
   and belongs to no closed candle: both said by the data's README */
static void
test_trd_indicator_published_atr(void **state)
{
    csv_t                   c;
    double                  diff, early, late;
    size_t                  row;
    trd_indicator_t         s;
    trd_indicator_values_t  v;

    (void) state;

    if (!csv_open(&c, DATA "indicators/lean-spy_atr_wilder.txt")) {
        print_message("no " DATA "indicators: skipped\n");
        skip();
    }

    trd_indicator_init(&s);
    early = late = 0;

    for (row = 0; csv_next(&c); row++) {
        if (row == 500) {
            continue;
        }

        assert_int_equal(trd_indicator_close(&s, csv_e8(&c, 2),
                                             csv_e8(&c, 3), csv_e8(&c, 4),
                                             &v), TRD_OK);
        assert_true(!(v.ready & TRD_IND_ATR) == (row < 14));

        if (v.ready & TRD_IND_ATR) {
            diff = fabs(v.atr14 - strtod(c.cell[5], NULL));
            early = fmax(early, diff);
            late = fmax(late, row > 150 ? diff : 0);
        }
    }

    assert_int_equal(row, 501);
    print_message("worst %.3g, after row 150 %.2g\n", early, late);
    assert_true(early < 0.04);
    assert_true(late < 1.1e-5);
}


static void
test_trd_indicator_absent(void **state)
{
    unsigned                i;
    uint32_t                want;
    trd_indicator_t         s;
    trd_indicator_values_t  v;

    static const struct {
        uint32_t  bit;
        unsigned  first;        /* candle, from 1 */
    } firsts[] = {
        { TRD_IND_SMA, 20 }, { TRD_IND_BOLLINGER, 20 },
        { TRD_IND_EMA12, 12 }, { TRD_IND_EMA20, 20 }, { TRD_IND_EMA26, 26 },
        { TRD_IND_MACD, 26 }, { TRD_IND_SIGNAL, 34 }, { TRD_IND_RSI, 15 },
        { TRD_IND_ATR, 15 }, { TRD_IND_DI, 15 }, { TRD_IND_ADX, 28 },
        { TRD_IND_STOCH_K, 16 }, { TRD_IND_STOCH_D, 18 }
    };
    unsigned  n, k;

    (void) state;

    trd_indicator_init(&s);

    for (n = 1; n <= 40; n++) {
        assert_int_equal(trd_indicator_close(&s, TRD_E8 * (100 + n % 7 + 1),
                                             TRD_E8 * (100 + n % 7),
                                             TRD_E8 * (100 + n % 7), &v),
                         TRD_OK);
        want = 0;

        for (k = 0; k < sizeof(firsts) / sizeof(firsts[0]); k++) {
            want |= n >= firsts[k].first ? firsts[k].bit : 0;
        }

        assert_int_equal(v.ready, want);
        assert_true(!(want ^ TRD_IND_ALL) == (n >= TRD_IND_WARM_UP));

        for (i = 0; i < N_COLUMNS; i++) {
            assert_true(!isnan(value(&v, &columns[i]))
                        == !!(want & columns[i].bit));
        }
    }
}


static void
test_trd_indicator_refuses(void **state)
{
    trd_indicator_t         s, before;
    trd_indicator_values_t  v;

    (void) state;

    trd_indicator_init(&s);
    before = s;

    assert_int_equal(trd_indicator_close(&s, 10, 0, 5, &v), TRD_ERROR);
    assert_int_equal(trd_indicator_close(&s, 10, -1, 5, &v), TRD_ERROR);
    assert_int_equal(trd_indicator_close(&s, 10, 6, 5, &v), TRD_ERROR);
    assert_int_equal(trd_indicator_close(&s, 10, 6, 11, NULL), TRD_ERROR);
    assert_int_equal(trd_indicator_peek(&s, 10, 6, 11, &v), TRD_ERROR);
    assert_int_equal(trd_indicator_peek(&s, 10, INT64_MIN, 9, &v), TRD_ERROR);
    assert_memory_equal(&s, &before, sizeof(s));
}


/* however often and wildly the open candle is looked at */
static void
test_trd_indicator_peek_leaves_no_trace(void **state)
{
    unsigned                n, k;
    int64_t                 close, h, l;
    uint64_t                seed;
    trd_indicator_t         s, twin;
    trd_indicator_values_t  v, w;

    (void) state;

    trd_indicator_init(&s);
    trd_indicator_init(&twin);
    seed = 3;

    for (n = 0; n < 300; n++) {
        for (k = 0; k < 10; k++) {
            close = 1 + (int64_t) (noise(&seed) * 9e18);
            assert_int_equal(trd_indicator_peek(&s, INT64_MAX, 1, close, &v),
                             TRD_OK);
            assert_false(isinf(v.close));
        }

        assert_memory_equal(&s, &twin, sizeof(s));
        close = 1000 + (int64_t) (noise(&seed) * 1000);
        h = close + (int64_t) (noise(&seed) * 50);
        l = close - (int64_t) (noise(&seed) * 50);
        assert_int_equal(trd_indicator_close(&s, h, l, close, &v), TRD_OK);
        assert_int_equal(trd_indicator_close(&twin, h, l, close, &w), TRD_OK);
        assert_memory_equal(&v, &w, sizeof(v));
    }
}


/* a price that stands still has no deviation, not a small one, and what has
   no denominator is absent */
static void
test_trd_indicator_flat(void **state)
{
    unsigned                n;
    trd_indicator_t         s;
    trd_indicator_values_t  v;

    (void) state;

    trd_indicator_init(&s);

    for (n = 0; n < 20000; n++) {
        assert_int_equal(trd_indicator_close(&s, 10000001, 10000001, 10000001,
                                             &v), TRD_OK);
    }

    assert_int_equal(v.ready, TRD_IND_ALL & ~(TRD_IND_RSI|TRD_IND_DI
                                              |TRD_IND_STOCH_K
                                              |TRD_IND_STOCH_D));
    assert_true(v.bollinger_upper == v.bollinger_lower);
    assert_true(v.sma20 == 0.10000001 && v.atr14 == 0 && v.adx14 == 0);

    /* one move, then nothing for long: decays to 0, by way of no denormal */

    assert_int_equal(trd_indicator_close(&s, 10000002, 10000001, 10000002,
                                         &v), TRD_OK);
    assert_true(v.rsi14 == 100);

    for (n = 0; n < 20000; n++) {
        assert_int_equal(trd_indicator_close(&s, 10000002, 10000002, 10000002,
                                             &v), TRD_OK);
        assert_true(v.atr14 == 0 || isnormal(v.atr14));
        assert_true(!(v.ready & TRD_IND_RSI) || v.rsi14 == 100);
    }

    assert_true(v.atr14 == 0 && v.bollinger_upper == v.bollinger_lower);
    assert_false(v.ready & TRD_IND_RSI);
}


/*
 * Millions of candles: windows against their definition, recursions against
 * long double.  Prices wander over eight orders of magnitude, so a sliding sum
 * would keep the large ones' rounding errors among the small.
 */
static void
test_trd_indicator_never_drifts(void **state)
{
    double                  x, worst, swing;
    int64_t                 c[20], p, old, h, l;
    uint64_t                seed, n, i;
    long double             e12, e26, sig, atr, mean, var, k12, k26;
    trd_indicator_t         s;
    trd_indicator_values_t  v;

    (void) state;

    trd_indicator_init(&s);
    e12 = e26 = sig = atr = 0;
    k12 = 2.0L / 13;
    k26 = 2.0L / 27;
    seed = 99;
    worst = 0;
    p = 100 * TRD_E8;

    for (n = 0; n < MANY; n++) {
        swing = sin((double) n / 50000);
        old = p;
        x = 1e10 * pow(10, 4 * swing) * (1 + 0.02 * (noise(&seed) - 0.5));
        p = (int64_t) x;
        h = (p > old ? p : old) + p / 500;
        l = (p < old ? p : old) - p / 500;
        assert_int_equal(trd_indicator_close(&s, h, l, p, &v), TRD_OK);
        c[n % 20] = p;

        /* the recursions, taken over once they are seeded */

        if (n < 40) {
            e12 = v.ema12 * 1e8L;
            e26 = v.ema26 * 1e8L;
            sig = v.macd_signal * 1e8L;
            atr = v.atr14 * 1e8L;
            continue;
        }

        e12 += (p - e12) * k12;
        e26 += (p - e26) * k26;
        sig += (e12 - e26 - sig) * 0.2L;
        atr = (atr * 13 + (h - l)) / 14;

        if (n % 997 != 0 && n + 1000 < MANY) {
            continue;
        }

        mean = var = 0;
        for (i = 0; i < 20; i++) {
            mean += c[i] / 20.0L;
        }

        for (i = 0; i < 20; i++) {
            var += (c[i] - mean) * (c[i] - mean) / 20;
        }

        x = fabs(v.sma20 * 1e8 - (double) mean);
        x = fmax(x, fabs(v.bollinger_upper * 1e8
                         - (double) (mean + 2 * sqrtl(var))));
        x = fmax(x, fabs(v.ema12 * 1e8 - (double) e12));
        x = fmax(x, fabs(v.ema26 * 1e8 - (double) e26));
        x = fmax(x, fabs(v.macd_signal * 1e8 - (double) sig));
        x = fmax(x, fabs(v.atr14 * 1e8 - (double) atr));
        worst = fmax(worst, x / (double) p);
    }

    print_message("%d candles: worst relative difference %.2g\n", MANY,
                  worst);
    assert_true(worst < 1e-14);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_trd_indicator_fixtures),
        cmocka_unit_test(test_trd_indicator_published),
        cmocka_unit_test(test_trd_indicator_published_bollinger),
        cmocka_unit_test(test_trd_indicator_published_atr),
        cmocka_unit_test(test_trd_indicator_absent),
        cmocka_unit_test(test_trd_indicator_refuses),
        cmocka_unit_test(test_trd_indicator_peek_leaves_no_trace),
        cmocka_unit_test(test_trd_indicator_flat),
        cmocka_unit_test(test_trd_indicator_never_drifts)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
