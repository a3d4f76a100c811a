/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "trd_query.h"

#define TEST_TRACE_ID  "0af7651916cd43dd8448eb211c80319c"
#define TEST_SPAN_ID   "b7ad6b7169203331"


static void
assert_text(const char *s, size_t len, const char *expected)
{
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(s, expected, len);
}


static void
test_query_next_pieces(void **state)
{
    size_t       i;
    trd_pair_t   pair;
    trd_query_t  q;

    static const char  args[] = "a=1&&b&=c&d=x=y&e=";
    static const char *const  expected[][2] = {
        { "a", "1" }, { "b", "" }, { "", "c" }, { "d", "x=y" }, { "e", "" }
    };

    (void) state;

    trd_query_init(&q, args, sizeof(args) - 1);

    for (i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_int_equal(trd_query_next(&q, &pair), TRD_OK);
        assert_text(pair.name, pair.name_len, expected[i][0]);
        assert_text(pair.value, pair.value_len, expected[i][1]);
    }

    assert_int_equal(trd_query_next(&q, &pair), TRD_NOT_FOUND);
    assert_int_equal(trd_query_next(&q, &pair), TRD_NOT_FOUND);
}


static void
test_query_next_nothing(void **state)
{
    trd_pair_t   pair;
    trd_query_t  q;

    (void) state;

    trd_query_init(&q, NULL, 0);
    assert_int_equal(trd_query_next(&q, &pair), TRD_NOT_FOUND);

    trd_query_init(&q, "&&&", 3);
    assert_int_equal(trd_query_next(&q, &pair), TRD_NOT_FOUND);
}


static void
test_param_find(void **state)
{
    unsigned     i;
    const char  *name;

    (void) state;

    for (i = 0; (name = trd_param_name(i)) != NULL; i++) {
        assert_int_equal(trd_param_find(name, strlen(name)), i);
        assert_int_equal(trd_param_find(name, strlen(name) - 1), -1);
    }

    assert_int_equal(i, TRD_PARAM_N);
    assert_int_equal(trd_param_find("", 0), -1);
    assert_int_equal(trd_param_find("Symbols", 7), -1);
}


static void
test_percent_decode(void **state)
{
    char    buf[8];
    size_t  n, i;

    static const char *const  bad[] = {
        "%", "%2", "%zz", "a%2", "%00", "%0a", "%7f", "\n", "%%41"
    };

    (void) state;

    assert_int_equal(trd_percent_decode("EUR%2fUSD", 9, buf, 8, &n), TRD_OK);
    assert_text(buf, n, "EUR/USD");

    assert_int_equal(trd_percent_decode("a+%2B", 5, buf, 8, &n), TRD_OK);
    assert_text(buf, n, "a +");

    assert_int_equal(trd_percent_decode("", 0, buf, 0, &n), TRD_OK);
    assert_int_equal(n, 0);

    assert_int_equal(trd_percent_decode("123456789", 9, buf, 8, &n),
                     TRD_OVERFLOW);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(trd_percent_decode(bad[i], strlen(bad[i]), buf, 8,
                                            &n),
                         TRD_ERROR);
    }
}


static void
test_list_next(void **state)
{
    size_t        i, len;
    const char   *item;
    trd_query_t   list;

    static const char *const  expected[] = { "BTC", "", "ETH", "" };

    (void) state;

    trd_query_init(&list, "BTC,,ETH,", 9);

    for (i = 0; i < 4; i++) {
        assert_int_equal(trd_list_next(&list, &item, &len), TRD_OK);
        assert_text(item, len, expected[i]);
    }

    assert_int_equal(trd_list_next(&list, &item, &len), TRD_NOT_FOUND);
}


static void
test_parse_u64(void **state)
{
    size_t    i;
    uint64_t  n;

    static const char *const  bad[] = { "", "-1", "+1", " 1", "1 ", "1.0",
                                        "0x1", "99999999999999999999x" };

    (void) state;

    assert_int_equal(trd_parse_u64("0", 1, 5, &n), TRD_OK);
    assert_int_equal(n, 0);
    assert_int_equal(trd_parse_u64("0005", 4, 5, &n), TRD_OK);
    assert_int_equal(n, 5);
    assert_int_equal(trd_parse_u64("6", 1, 5, &n), TRD_OVERFLOW);
    assert_int_equal(trd_parse_u64("18446744073709551615", 20, UINT64_MAX,
                                   &n),
                     TRD_OK);
    assert_true(n == UINT64_MAX);
    assert_int_equal(trd_parse_u64("18446744073709551616", 20, UINT64_MAX,
                                   &n),
                     TRD_OVERFLOW);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(trd_parse_u64(bad[i], strlen(bad[i]), UINT64_MAX,
                                       &n),
                         TRD_ERROR);
    }
}


static void
test_parse_time(void **state)
{
    size_t    i;
    int64_t   ms;
    trd_rc_t  rc;

    static const struct {
        const char  *text;
        int64_t      ms;
    } good[] = {
        { "0", 0 },
        { "1704067200123", 1704067200123 },
        { "253402300799999", 253402300799999 },
        { "1970-01-01T00:00:00Z", 0 },
        { "2024-01-01T00:00:00Z", 1704067200000 },
        { "2024-02-29t23:59:59.9z", 1709251199900 },
        { "2000-02-29T00:00:00.12345Z", 951782400123 },
        { "2024-01-01T01:30:00+01:30", 1704067200000 },
        { "2024-01-01T01:30:00 01:30", 1704067200000 },
        { "2023-12-31T19:00:00.001-05:00", 1704067200001 },
        { "9999-12-31T23:59:59.999Z", 253402300799999 },
    };

    static const char *const  bad[] = {
        "", "-1", "now", "2024-01-01", "2024-01-01T00:00:00",
        "2023-02-29T00:00:00Z", "2100-02-29T00:00:00Z",
        "2024-13-01T00:00:00Z", "2024-00-01T00:00:00Z",
        "2024-01-32T00:00:00Z", "2024-04-31T00:00:00Z",
        "2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z",
        "2024-01-01T00:00:60Z", "2024-01-01 00:00:00Z",
        "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00ZZ",
        "2024-01-01T00:00:00+24:00", "2024-01-01T00:00:00+0100",
        "2024-01-01T00:00:00+1:00", "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01", "2O24-01-01T00:00:00Z"
    };

    (void) state;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        rc = trd_parse_time(good[i].text, strlen(good[i].text), &ms);
        assert_int_equal(rc, TRD_OK);
        assert_int_equal(ms, good[i].ms);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        rc = trd_parse_time(bad[i], strlen(bad[i]), &ms);
        assert_int_equal(rc, TRD_ERROR);
    }

    assert_int_equal(trd_parse_time("253402300800000", 15, &ms),
                     TRD_OVERFLOW);
    assert_int_equal(trd_parse_time("9999-12-31T23:59:59-00:01", 25, &ms),
                     TRD_OVERFLOW);
}


static void
test_text_ok(void **state)
{
    size_t  i;

    static const char *const  good[] = {
        "", "BTC", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xc2\xa0"
    };

    /* lone, cut, overlong, surrogate, beyond, C0 and C1 controls */
    static const char *const  bad[] = {
        "\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80",
        "\xf4\x90\x80\x80", "\xff", "a\nb", "\x7f", "\xc2\x85"
    };

    (void) state;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(trd_text_ok(good[i], strlen(good[i])), 1);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(trd_text_ok(bad[i], strlen(bad[i])), 0);
    }

    assert_int_equal(trd_text_ok("a\0b", 3), 0);
}


static void
test_accepts_gzip(void **state)
{
    size_t  i;

    static const char *const  yes[] = {
        "gzip", "GZIP", "x-gzip", "deflate, gzip", "gzip;q=0.001",
        "gzip ; q=1.0", "*", "br, *;q=0.1", "identity, gzip;q=1"
    };

    static const char *const  no[] = {
        "", "br", "gzip;q=0", "gzip;q=0.000", "*;q=0", "gzipped", "gzip;q=",
        "gzip;q=2", "gzip;level=1", "gzip;q=0, *", "identity"
    };

    (void) state;

    for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        assert_int_equal(trd_accepts_gzip(yes[i], strlen(yes[i])), 1);
    }

    for (i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        assert_int_equal(trd_accepts_gzip(no[i], strlen(no[i])), 0);
    }
}


static void
test_request_id_ok(void **state)
{
    char  longest[129];

    (void) state;

    memset(longest, 'a', sizeof(longest));

    assert_int_equal(trd_request_id_ok("a.B_9-", 6), 1);
    assert_int_equal(trd_request_id_ok(longest, 128), 1);
    assert_int_equal(trd_request_id_ok(longest, 129), 0);
    assert_int_equal(trd_request_id_ok("", 0), 0);
    assert_int_equal(trd_request_id_ok("a b", 3), 0);
    assert_int_equal(trd_request_id_ok("a\"", 2), 0);
    assert_int_equal(trd_request_id_ok("a\0", 2), 0);
}


static void
test_traceparent_ok(void **state)
{
    size_t  i;

    static const char *const  good[] = {
        "00-" TEST_TRACE_ID "-" TEST_SPAN_ID "-01",
        "00-" TEST_TRACE_ID "-" TEST_SPAN_ID "-00",
        "01-" TEST_TRACE_ID "-" TEST_SPAN_ID "-01-later"
    };

    static const char *const  bad[] = {
        "", "00-", "00-" TEST_TRACE_ID "-" TEST_SPAN_ID "-0",
        "ff-" TEST_TRACE_ID "-" TEST_SPAN_ID "-01",
        "00-" TEST_TRACE_ID "-" TEST_SPAN_ID "-01-x",
        "01-" TEST_TRACE_ID "-" TEST_SPAN_ID "-01x",
        "00-00000000000000000000000000000000-" TEST_SPAN_ID "-01",
        "00-" TEST_TRACE_ID "-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-" TEST_SPAN_ID "-01",
        "00_" TEST_TRACE_ID "-" TEST_SPAN_ID "-01"
    };

    (void) state;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(trd_traceparent_ok(good[i], strlen(good[i])), 1);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(trd_traceparent_ok(bad[i], strlen(bad[i])), 0);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_query_next_pieces),
        cmocka_unit_test(test_query_next_nothing),
        cmocka_unit_test(test_param_find),
        cmocka_unit_test(test_percent_decode),
        cmocka_unit_test(test_list_next),
        cmocka_unit_test(test_parse_u64),
        cmocka_unit_test(test_parse_time),
        cmocka_unit_test(test_text_ok),
        cmocka_unit_test(test_accepts_gzip),
        cmocka_unit_test(test_request_id_ok),
        cmocka_unit_test(test_traceparent_ok)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
