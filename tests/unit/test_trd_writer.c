/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The bounded writer: overflow, strings of any bytes, numbers and times; and
 * the quote as JSON, field by field.
 */

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

#include "recordings.h"
#include "trd_quote_json.h"

#define MIN_MS  (-62167219200000LL)
#define MAX_MS  253402300799999LL


/* the JSON string of some bytes, as jansson reads it back */
static json_t *
read_back(const char *s, size_t len, size_t *written)
{
    char          *buf;
    json_t        *v;
    trd_writer_t   w;

    buf = malloc(len * 6 + 2);
    trd_writer_init(&w, buf, len * 6 + 2);
    trd_write_json_str(&w, s, len);
    assert_false(trd_writer_overflowed(&w));
    *written = trd_writer_len(&w);
    v = json_loadb(buf, *written,
                   JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    free(buf);

    return v;
}


static void
check_string(const char *s, size_t len, const char *want, size_t want_len)
{
    size_t   written;
    json_t  *v;

    v = read_back(s, len, &written);
    assert_non_null(v);
    assert_int_equal(json_string_length(v), want_len);
    assert_memory_equal(json_string_value(v), want, want_len);
    json_decref(v);
}


static void
test_write_json_str_bytes(void **state)
{
    int       c;
    char      s[3];
    unsigned  i;

    /* U+FFFD for each byte that is not part of a character */
#define FFFD  "\xef\xbf\xbd"
    static const struct {
        const char  *s, *want;
    } cases[] = {
        { "", "" }, { "\"\\/\b\f\n\r\t", "\"\\/\b\f\n\r\t" },
        { "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
          "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
        { "\x7f", "\x7f" },
        { "\x80", FFFD }, { "\xbf\xbf", FFFD FFFD },
        { "\xc0\x80", FFFD FFFD }, { "\xc1\xbf", FFFD FFFD },
        { "\xc2", FFFD }, { "\xc2x", FFFD "x" }, { "\xc2\x80", "\xc2\x80" },
        { "\xe0\x9f\xbf", FFFD FFFD FFFD }, { "\xe0\xa0\x80", "\xe0\xa0\x80" },
        { "\xed\x9f\xbf", "\xed\x9f\xbf" },
        { "\xed\xa0\x80", FFFD FFFD FFFD },
        { "\xed\xbf\xbf", FFFD FFFD FFFD },
        { "\xef\xbf\xbf", "\xef\xbf\xbf" },
        { "\xe2\x82", FFFD FFFD }, { "\xe2\x28\xa1", FFFD "(" FFFD },
        { "\xf0\x8f\xbf\xbf", FFFD FFFD FFFD FFFD },
        { "\xf0\x90\x80\x80", "\xf0\x90\x80\x80" },
        { "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },
        { "\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD },
        { "\xf5\x80\x80\x80", FFFD FFFD FFFD FFFD },
        { "\xff\xfe", FFFD FFFD }, { "a\xf0\x9f\x98", "a" FFFD FFFD FFFD }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_string(cases[i].s, strlen(cases[i].s), cases[i].want,
                     strlen(cases[i].want));
    }

    for (c = 0; c < 128; c++) {
        s[0] = 'a';
        s[1] = (char) c;
        s[2] = 'b';
        check_string(s, 3, s, 3);
    }
}


/* any bytes: jansson, which refuses bad UTF-8 and bare controls, reads it */
static void
test_write_json_str_random(void **state)
{
    char      s[40];
    size_t    i, len, written;
    json_t   *v;
    uint64_t  seed, r;
    unsigned  t;

    (void) state;
    seed = 5;

    for (t = 0; t < 100000; t++) {
        len = recordings_random(&seed) % sizeof(s);

        for (i = 0; i < len; i++) {
            r = recordings_random(&seed) >> 20;
            s[i] = (char) (r % 3 ? r >> 8 : 0x80 + (r >> 8) % 0x80);
        }

        v = read_back(s, len, &written);
        assert_non_null(v);
        json_decref(v);
    }
}


static void
test_write_overflow(void **state)
{
    char          buf[16];
    size_t        size;
    trd_writer_t  w;

    (void) state;

    for (size = 0; size <= 12; size++) {
        memset(buf, '#', sizeof(buf));
        trd_writer_init(&w, buf, size);
        trd_write(&w, "abc", 3);
        trd_write_lit(&w, "defgh");
        trd_write_str(&w, "i");
        assert_int_equal(w.need, 9);
        assert_int_equal(trd_writer_overflowed(&w), size < 9);
        assert_int_equal(trd_writer_len(&w),
                         size < 3 ? 0 : size < 8 ? 3 : size < 9 ? 8 : 9);

        /* it latches: later bytes that would fit are not let in */
        if (size == 7) {
            trd_write_lit(&w, "x");
            assert_int_equal(trd_writer_len(&w), 3);
            assert_true(trd_writer_overflowed(&w));
        }

        assert_memory_equal(buf, "abcdefghi", trd_writer_len(&w));
        assert_int_equal(buf[size], '#');
        assert_int_equal(buf[trd_writer_len(&w)], '#');
    }
}


static void
check_written(const trd_writer_t *w, const char *want)
{
    assert_false(trd_writer_overflowed(w));
    assert_int_equal(trd_writer_len(w), strlen(want));
    assert_memory_equal(w->start, want, strlen(want));
}


static void
test_write_numbers(void **state)
{
    char          buf[64], want[64];
    int64_t       n;
    uint64_t      seed;
    unsigned      t;
    trd_writer_t  w;

#define check(call, text)                                                     \
    trd_writer_init(&w, buf, sizeof(buf));                                    \
    call;                                                                     \
    check_written(&w, text)

    (void) state;
    check(trd_write_u64(&w, 0), "0");
    check(trd_write_u64(&w, UINT64_MAX), "18446744073709551615");
    check(trd_write_i64(&w, INT64_MIN), "-9223372036854775808");
    check(trd_write_i64(&w, INT64_MAX), "9223372036854775807");
    check(trd_write_i64(&w, -1), "-1");
    check(trd_write_decimal(&w, 150000000, 2), "\"1.50\"");
    check(trd_write_decimal(&w, 1, 2), "\"0.00000001\"");
    check(trd_write_decimal(&w, INT64_MIN, 8), "\"-92233720368.54775808\"");
    check(trd_write_decimal(&w, 0, 0), "\"0\"");
    check(trd_write_number(&w, 150000000), "1.5");
    check(trd_write_number(&w, 10000000000), "100");
    check(trd_write_number(&w, -69300000), "-0.693");

    seed = 6;

    for (t = 0; t < 100000; t++) {
        n = (int64_t) (recordings_random(&seed) >> t % 64);
        n = t & 1 ? n : -n;
        (void) snprintf(want, sizeof(want), "%" PRId64, n);
        check(trd_write_i64(&w, n), want);
    }
}


static void
check_time(int64_t ms)
{
    char          buf[64], want[64];
    time_t        t;
    int64_t       part;
    struct tm     tm;
    trd_writer_t  w;

    trd_writer_init(&w, buf, sizeof(buf));
    trd_write_time(&w, ms);

    if (ms < MIN_MS || ms > MAX_MS) {
        check_written(&w, "null");
        return;
    }

    part = ms % 1000 < 0 ? ms % 1000 + 1000 : ms % 1000;
    t = (time_t) ((ms - part) / 1000);
    assert_non_null(gmtime_r(&t, &tm));
    (void) snprintf(want, sizeof(want),
                    "\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\"",
                    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                    tm.tm_min, tm.tm_sec, (int) part);
    check_written(&w, want);
}


static void
test_write_time(void **state)
{
    char          buf[64];
    int64_t       day;
    uint64_t      seed;
    unsigned      i;
    trd_writer_t  w;

    static const int64_t  special[] = {
        0, 1, -1, 999, -999, -1000, MIN_MS, MIN_MS - 1, MAX_MS, MAX_MS + 1,
        INT64_MIN, INT64_MAX, 951782400000, 951868799999, 951868800000,
        4107456000000, 4107542400000
    };

    (void) state;

    for (i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
        check_time(special[i]);
    }

    /* every day of the ten thousand years */
    for (day = MIN_MS; day <= MAX_MS; day += 86400000) {
        check_time(day);
        check_time(day + 86399999);
    }

    seed = 8;

    for (i = 0; i < 200000; i++) {
        check_time((int64_t) (recordings_random(&seed) % (MAX_MS - MIN_MS))
                   + MIN_MS);
    }

    check(trd_write_time(&w, 1767225600678), "\"2026-01-01T00:00:00.678Z\"");
    check(trd_write_time(&w, 951782400000), "\"2000-02-29T00:00:00.000Z\"");
    check(trd_write_time(&w, MIN_MS), "\"0000-01-01T00:00:00.000Z\"");
}


/* the quote has exactly these fields */

static const char *const  fields[] = {
    "symbol", "exchange_symbol", "asset_class", "current_price", "bid", "ask",
    "price_change_24h", "open_24h", "high_24h", "low_24h", "volume",
    "quote_volume", "timestamp", "received_at", "source", "simulated",
    "stale", "seq"
};

/* what depends on a bit of `has`, and how it reads when it is there */
static const struct {
    const char  *field, *text;
    uint32_t     bit;
} optional[] = {
    { "current_price", "43250.12", TRD_HAS_LAST },
    { "bid", "43250.11", TRD_HAS_BID },
    { "ask", "43250.13000001", TRD_HAS_ASK },
    { "price_change_24h", "-0.693", TRD_HAS_CHANGE },
    { "open_24h", "43000.00", TRD_HAS_OPEN },
    { "high_24h", "44000.50", TRD_HAS_HIGH },
    { "low_24h", "0.00000001", TRD_HAS_LOW },
    { "volume", "12.34500", TRD_HAS_VOLUME },
    { "quote_volume", "92233720368.54775807", TRD_HAS_QUOTE_VOLUME },
    { "timestamp", "2026-01-01T00:00:00.001Z", TRD_HAS_TIME }
};


static void
quote_make(trd_instrument_t *in, trd_quote_t *q)
{
    memset(in, 0, sizeof(*in));
    memset(q, 0, sizeof(*q));
    strcpy(in->symbol, "BTC");
    strcpy(in->exchange_symbol, "BTCUSDT");
    in->price_places = 2;
    in->lot_places = 5;
    q->seq = UINT64_MAX / 2;
    q->has = 0x3ff;
    q->source = TRD_SOURCE_BINANCE;
    q->last_e8 = 4325012000000;
    q->bid_e8 = 4325011000000;
    q->ask_e8 = 4325013000001;
    q->change_e8 = -69300000;
    q->open_e8 = 4300000000000;
    q->high_e8 = 4400050000000;
    q->low_e8 = 1;
    q->volume_e8 = 1234500000;
    q->quote_volume_e8 = INT64_MAX;
    q->exchange_ms = 1767225600001;
    q->received_ms = 1767225600002;
}


static json_t *
quote_parse(const trd_instrument_t *in, const trd_quote_t *q, uint32_t mask)
{
    char           buf[2048];
    json_t        *o;
    trd_writer_t   w;

    trd_writer_init(&w, buf, sizeof(buf));
    trd_quote_json(&w, in, q, mask);
    assert_false(trd_writer_overflowed(&w));
    o = json_loadb(buf, trd_writer_len(&w), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(o);

    return o;
}


static void
test_quote_json_fields(void **state)
{
    json_t            *o, *v;
    unsigned           i, missing;
    trd_quote_t        q;
    trd_instrument_t   in;

    (void) state;
    assert_int_equal(sizeof(fields) / sizeof(fields[0]), TRD_FIELD_N);

    for (missing = 0; missing <= 10; missing++) {
        quote_make(&in, &q);
        q.has &= missing < 10 ? ~optional[missing].bit : 0;
        o = quote_parse(&in, &q, TRD_FIELD_ALL);

        assert_int_equal(json_object_size(o), TRD_FIELD_N);

        for (i = 0; i < TRD_FIELD_N; i++) {
            assert_non_null(json_object_get(o, fields[i]));
        }

        for (i = 0; i < 10; i++) {
            v = json_object_get(o, optional[i].field);

            if (i == missing || missing == 10) {
                assert_true(json_is_null(v));

            } else {
                assert_string_equal(json_string_value(v), optional[i].text);
            }
        }

        assert_string_equal(json_string_value(json_object_get(o, "symbol")),
                            "BTC");
        assert_string_equal(json_string_value(
                            json_object_get(o, "exchange_symbol")),
                            "BTCUSDT");
        assert_string_equal(json_string_value(
                            json_object_get(o, "asset_class")), "CRYPTO");
        assert_string_equal(json_string_value(
                            json_object_get(o, "received_at")),
                            "2026-01-01T00:00:00.002Z");
        assert_string_equal(json_string_value(json_object_get(o, "source")),
                            "binance");
        assert_true(json_is_false(json_object_get(o, "simulated")));
        assert_true(json_is_false(json_object_get(o, "stale")));
        assert_true(json_integer_value(json_object_get(o, "seq"))
                    == INT64_MAX);
        json_decref(o);
    }

    q.source = TRD_SOURCE_SIMULATOR;
    q.stale = 1;
    o = quote_parse(&in, &q, TRD_FIELD_ALL);
    assert_true(json_is_true(json_object_get(o, "simulated")));
    assert_true(json_is_true(json_object_get(o, "stale")));
    json_decref(o);
}


static void
test_quote_json_masks(void **state)
{
    json_t            *o, *v;
    uint32_t           mask, i, n;
    const char        *key;
    trd_quote_t        q;
    trd_instrument_t   in;

    (void) state;
    quote_make(&in, &q);

    for (mask = 0; mask <= TRD_FIELD_ALL; mask += mask < 4096 ? 1 : 97) {
        o = quote_parse(&in, &q, mask);
        n = 0;

        json_object_foreach(o, key, v) {
            for (i = 0; i < TRD_FIELD_N && strcmp(fields[i], key); i++) {
                /* void */
            }

            assert_true(i < TRD_FIELD_N && (mask & 1U << i));
            n++;
        }

        assert_int_equal(n, __builtin_popcount(mask));
        json_decref(o);
    }
}


static void
test_field_names(void **state)
{
    unsigned  i;

    (void) state;

    for (i = 0; i < TRD_FIELD_N; i++) {
        assert_string_equal(trd_field_name(i), fields[i]);
        assert_int_equal(trd_field_find(fields[i], strlen(fields[i])), i);
        assert_int_equal(trd_field_find(fields[i], strlen(fields[i]) - 1),
                         -1);
    }

    assert_null(trd_field_name(TRD_FIELD_N));
    assert_int_equal(trd_field_find("", 0), -1);
    assert_int_equal(trd_field_find("BID", 3), -1);
    assert_int_equal(trd_field_find("bid\0", 4), -1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_write_json_str_bytes),
        cmocka_unit_test(test_write_json_str_random),
        cmocka_unit_test(test_write_overflow),
        cmocka_unit_test(test_write_numbers),
        cmocka_unit_test(test_write_time),
        cmocka_unit_test(test_quote_json_fields),
        cmocka_unit_test(test_quote_json_masks),
        cmocka_unit_test(test_field_names)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
