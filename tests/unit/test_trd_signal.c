/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The threshold model against its formulae as published, computed anew in
 * long double, over a grid and at every bound; and its JSON as clients read
 * it.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "recordings.h"
#include "trd_decimal.h"
#include "trd_signal.h"

#define E8  100000000LL

static const char *const  names[] = {
    "STRONG_BUY", "BUY", "UP", "DOWN", "SELL", "STRONG_SELL"
};


static int64_t
rounded(long double x)
{
    return (int64_t) (x < 0 ? ceill(x - 0.5L) : floorl(x + 0.5L));
}


/* prices small enough for 64 bits of mantissa to be exact */
static void
check_model(int64_t change, int64_t price, int64_t volume, int has_volume)
{
    int            kind, conf;
    trd_quote_t    q;
    trd_signal_t   s;
    long double    a, strength, target, stop, way;

    memset(&q, 0, sizeof(q));
    q.has = TRD_HAS_LAST | TRD_HAS_CHANGE | (has_volume ? TRD_HAS_VOLUME : 0);
    q.last_e8 = price;
    q.change_e8 = change;
    q.volume_e8 = volume;

    assert_int_equal(trd_signal_threshold(&q, &s), TRD_OK);

    a = fabsl((long double) change) / E8;
    way = change > 0 ? 1 : -1;

    if (a >= 5) {
        kind = change > 0 ? 0 : 5;
        strength = 100;
        target = 0.03L;
        stop = 0.02L;

    } else if (a >= 2) {
        kind = change > 0 ? 1 : 4;
        strength = 80 + (a - 2) / 3 * 20;
        target = 0.02L;
        stop = 0.015L;

    } else {
        kind = change > 0 ? 2 : 3;
        target = stop = 0.01L;
        strength = a >= 1 ? 50 + (a - 1) * 30
                   : a >= 0.5L ? 25 + (a - 0.5L) / 0.5L * 25
                   : 10 + a / 0.5L * 15;
    }

    conf = 50;
    conf += has_volume && volume > 1000000 * E8 ? 20 : 0;
    conf += a > 2 ? 15 : a > 1 ? 10 : a > 0.5L ? 5 : 0;
    conf += price > 1000 * E8 ? 10 : price > 100 * E8 ? 5 : 0;
    conf = conf > 100 ? 100 : conf;

    assert_int_equal(s.kind, kind);
    assert_int_equal(s.bullish, change > 0);
    assert_int_equal(s.strength_e8, rounded(strength * E8));
    assert_int_equal(s.confidence_e8, conf * E8);
    assert_int_equal(s.entry_e8, price);
    assert_int_equal(s.target_e8,
                     rounded(price * (10000 + way * target * 10000) / 10000));
    assert_int_equal(s.stop_e8,
                     rounded(price * (10000 - way * stop * 10000) / 10000));
    assert_string_equal(trd_signal_name(s.kind), names[kind]);
}


static void
test_signal_grid(void **state)
{
    int64_t   c, price;
    uint64_t  seed;

    (void) state;
    seed = 99;

    /* a thousandth of a percent a step, beyond both ends */
    for (c = -7000; c <= 7000; c++) {
        price = 1 + (int64_t) (recordings_random(&seed) % (100000 * E8));
        check_model(c * (E8 / 1000), price,
                    (int64_t) (recordings_random(&seed) % (2000000 * E8)),
                    c & 1);
    }

    for (c = 0; c < 200000; c++) {
        check_model((int64_t) (recordings_random(&seed) % (14 * E8)) - 7 * E8,
                    1 + (int64_t) (recordings_random(&seed) % (5000 * E8)),
                    (int64_t) (recordings_random(&seed) % (2000000 * E8)),
                    c & 1);
    }
}


static void
test_signal_bounds(void **state)
{
    int       near, sign;
    unsigned  i, p, v;

    static const int64_t  at[] = { 0, E8 / 2, E8, 2 * E8, 5 * E8, 100 * E8 };
    static const int64_t  prices[] = {
        1, 49, 50, 51, 100 * E8, 100 * E8 + 1, 1000 * E8, 1000 * E8 + 1
    };
    static const int64_t  volumes[] = {
        0, 1000000 * E8, 1000000 * E8 + 1
    };

    (void) state;

    for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        for (near = -1; near <= 1; near++) {
            for (sign = -1; sign <= 1; sign += 2) {
                for (p = 0; p < sizeof(prices) / sizeof(prices[0]); p++) {
                    for (v = 0; v < 3; v++) {
                        check_model(sign * (at[i] + near), prices[p],
                                    volumes[v], 1);
                    }
                }
            }
        }
    }
}


/* by hand, so that not everything hangs on one oracle */
static void
test_signal_samples(void **state)
{
    trd_quote_t   q;
    trd_signal_t  s;

    (void) state;
    memset(&q, 0, sizeof(q));
    q.has = TRD_HAS_LAST | TRD_HAS_CHANGE | TRD_HAS_VOLUME;
    q.last_e8 = 4325012000000LL;            /* 43250.12 */
    q.change_e8 = 350000000;                /* 3.5 % */
    q.volume_e8 = 1000001 * E8;

    assert_int_equal(trd_signal_threshold(&q, &s), TRD_OK);
    assert_int_equal(s.kind, TRD_BUY);
    assert_int_equal(s.strength_e8, 90 * E8);
    assert_int_equal(s.confidence_e8, 95 * E8);
    assert_int_equal(s.target_e8, 4411512240000LL);
    assert_int_equal(s.stop_e8, 4260136820000LL);

    q.change_e8 = -5 * E8;
    assert_int_equal(trd_signal_threshold(&q, &s), TRD_OK);
    assert_int_equal(s.kind, TRD_STRONG_SELL);
    assert_int_equal(s.target_e8, 4195261640000LL);
    assert_int_equal(s.stop_e8, 4411512240000LL);

    q.change_e8 = 0;
    assert_int_equal(trd_signal_threshold(&q, &s), TRD_OK);
    assert_int_equal(s.kind, TRD_DOWN);
    assert_int_equal(s.strength_e8, 10 * E8);
    assert_int_equal(s.bullish, 0);
}


static void
test_signal_refused(void **state)
{
    trd_quote_t   q;
    trd_signal_t  s;

    (void) state;
    memset(&q, 0, sizeof(q));
    assert_int_equal(trd_signal_threshold(&q, &s), TRD_NOT_FOUND);
    q.has = TRD_HAS_LAST | TRD_HAS_OPEN;
    assert_int_equal(trd_signal_threshold(&q, &s), TRD_NOT_FOUND);
    q.has = TRD_HAS_CHANGE;
    assert_int_equal(trd_signal_threshold(&q, &s), TRD_NOT_FOUND);

    q.has = TRD_HAS_LAST | TRD_HAS_CHANGE;
    q.last_e8 = INT64_MAX;
    q.change_e8 = 6 * E8;
    assert_int_equal(trd_signal_threshold(&q, &s), TRD_OVERFLOW);
    q.change_e8 = -6 * E8;                  /* its stop is above */
    assert_int_equal(trd_signal_threshold(&q, &s), TRD_OVERFLOW);
    q.change_e8 = INT64_MIN;
    assert_int_equal(trd_signal_threshold(&q, &s), TRD_OVERFLOW);
    q.last_e8 = E8;
    q.change_e8 = INT64_MAX;
    assert_int_equal(trd_signal_threshold(&q, &s), TRD_OK);
    assert_int_equal(s.kind, TRD_STRONG_BUY);
    assert_null(trd_signal_name(TRD_SIGNAL_N));
}


static void
check_text(json_t *o, const char *key, const char *want)
{
    const char  *got;

    got = json_string_value(json_object_get(o, key));

    if (got == NULL || strcmp(got, want) != 0) {
        fail_msg("%s: %s instead of %s", key, got ? got : "none", want);
    }
}


static json_t *
parse(trd_writer_t *w)
{
    json_t        *o;
    json_error_t   error;

    assert_false(trd_writer_overflowed(w));
    o = json_loadb(w->start, trd_writer_len(w), JSON_REJECT_DUPLICATES,
                   &error);

    if (o == NULL) {
        fail_msg("%s: %.*s", error.text, (int) trd_writer_len(w), w->start);
    }

    return o;
}


static void
check_common(json_t *o, const trd_quote_t *q)
{
    check_text(o, "symbol", "EUR/USD");
    check_text(o, "signal", "BUY");
    check_text(o, "current_price", "1.09250");
    check_text(o, "price_change_24h", "2.345");
    check_text(o, "recommendation",
               "Buy: the price has risen 2.345 % in 24 hours.");
    check_text(o, "timeframe", "1D");
    check_text(o, "timestamp", "2026-01-01T00:00:00.123Z");
    check_text(o, "model", "threshold");
    assert_true(json_is_true(json_object_get(o, "simulated")));
    assert_true(json_is_true(json_object_get(o, "stale")));
    assert_int_equal(json_integer_value(json_object_get(o, "seq")), q->seq);
    assert_true(json_number_value(json_object_get(o, "signal_strength"))
                == 82.3);
    assert_true(json_number_value(json_object_get(o, "confidence")) == 65);
}


static void
test_signal_json(void **state)
{
    char               buf[2048];
    size_t             len, size;
    json_t            *o;
    trd_quote_t        q;
    trd_writer_t       w;
    trd_signal_t       s;
    trd_instrument_t   in;

    (void) state;
    memset(&q, 0, sizeof(q));
    memset(&in, 0, sizeof(in));
    strcpy(in.symbol, "EUR/USD");
    in.asset_class = TRD_CLASS_FOREX;
    in.price_places = 5;
    q.seq = 123456789012345ULL;
    q.source = TRD_SOURCE_SIMULATOR;
    q.stale = 1;
    q.has = TRD_HAS_LAST | TRD_HAS_CHANGE | TRD_HAS_TIME;
    q.last_e8 = 109250000;
    q.change_e8 = 234500000;
    q.exchange_ms = 1767225600123LL;
    q.received_ms = 5;

    assert_int_equal(trd_signal_threshold(&q, &s), TRD_OK);

    trd_writer_init(&w, buf, sizeof(buf));
    trd_signal_json(&w, &in, &q, &s);
    len = trd_writer_len(&w);
    o = parse(&w);
    check_common(o, &q);
    check_text(o, "asset_class", "FOREX");
    check_text(o, "entry_price", "1.09250");
    check_text(o, "target_price", "1.11435");
    check_text(o, "stop_loss", "1.0761125");
    assert_int_equal(json_object_size(o), 17);
    json_decref(o);

    /* a buffer too short by any length is told, with what it should be */
    for (size = 0; size < len; size++) {
        trd_writer_init(&w, buf, size);
        trd_signal_json(&w, &in, &q, &s);
        assert_true(trd_writer_overflowed(&w));
        assert_int_equal(w.need, len);
    }

    trd_writer_init(&w, buf, sizeof(buf));
    trd_binary_json(&w, &in, &q, &s);
    o = parse(&w);
    check_common(o, &q);
    assert_int_equal(json_integer_value(json_object_get(o, "binary_code")),
                     1);
    assert_int_equal(json_object_size(o), 14);
    json_decref(o);

    /* without the exchange's time it is ours that stands there */
    q.has &= ~(uint32_t) TRD_HAS_TIME;
    q.change_e8 = 0;
    assert_int_equal(trd_signal_threshold(&q, &s), TRD_OK);
    trd_writer_init(&w, buf, sizeof(buf));
    trd_binary_json(&w, &in, &q, &s);
    o = parse(&w);
    check_text(o, "timestamp", "1970-01-01T00:00:00.005Z");
    check_text(o, "signal", "DOWN");
    assert_int_equal(json_integer_value(json_object_get(o, "binary_code")),
                     0);
    json_decref(o);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_signal_grid),
        cmocka_unit_test(test_signal_bounds),
        cmocka_unit_test(test_signal_samples),
        cmocka_unit_test(test_signal_refused),
        cmocka_unit_test(test_signal_json)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
