/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The JSON reader: tokens by hand, a list of texts to take and to refuse,
 * and agreement with jansson on all of them, on every recorded message and
 * on random damage to those.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json_oracle.h"
#include "recordings.h"
#include "trd_json_read.h"

#define TEXT(s)    { s, sizeof(s) - 1 }
#define N(a)       (sizeof(a) / sizeof((a)[0]))
#define MUTATIONS  300000

typedef struct {
    const char  *s;
    size_t       len;
} text_t;


static const text_t  taken[] = {
    TEXT("{}"), TEXT("[]"), TEXT(" [ ] "), TEXT("\t\r\n {\n}\r"),
    TEXT("0"), TEXT("-0"), TEXT("-1"), TEXT("10"), TEXT("0.5"),
    TEXT("1e5"), TEXT("1E+5"), TEXT("1e-5"), TEXT("-0.0e0"), TEXT("0e1"),
    TEXT("123.456e-78"), TEXT("9223372036854775807"),
    TEXT("-9223372036854775808"), TEXT("1e-10000"),
    TEXT("true"), TEXT("false"), TEXT("null"), TEXT(" null "),
    TEXT("\"\""), TEXT("\"a\""), TEXT("\"\\u0000\""),
    TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), TEXT("\"\\u00e9\\u20AC\""),
    TEXT("\"\\uD834\\udd1e\""), TEXT("\"\\uFFFF\\ufdd0\""),
    TEXT("\"\\uDBFF\\uDFFF\""), TEXT("\"\x7f\""),
    TEXT("\"\xc2\x80\xdf\xbf\""), TEXT("\"\xe0\xa0\x80\xef\xbf\xbf\""),
    TEXT("\"\xed\x9f\xbf\xee\x80\x80\""),
    TEXT("\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""),
    TEXT("\"plain text that is longer than sixteen bytes, twice over\""),
    TEXT("\"0123456789abcde\\n0123456789abcdef\\u0041\""),
    TEXT("[1,2,3]"), TEXT("[[],{},[{}]]"), TEXT("[null,true,false,\"\"]"),
    TEXT("{\"a\":1,\"b\":[2],\"c\":{\"d\":null}}"), TEXT("{\"\":0}"),
    TEXT("{\"a\":1,\"a\":2}"), TEXT("{ \"a\" :\t1 ,\n\"b\" : 2 }"),
    TEXT("{\"\\u0061\":1,\"a\":2}"),
    TEXT("[1]\n"), TEXT("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]"
                        "]]]]]]]]]]]]]]]]"),
};

static const text_t  refused[] = {
    TEXT(""), TEXT(" "), TEXT("\n"), TEXT("{"), TEXT("["), TEXT("}"),
    TEXT("]"), TEXT("[}"), TEXT("{]"), TEXT("[1"), TEXT("[1,"),
    TEXT("[1,]"), TEXT("[,1]"), TEXT("[,]"), TEXT("[1,,2]"), TEXT("[1 2]"),
    TEXT("[1:2]"), TEXT("[1]]"), TEXT("[1]x"), TEXT("[1],"), TEXT("1 2"),
    TEXT("[] []"), TEXT("{}{}"), TEXT("{,}"), TEXT("{\"a\"}"),
    TEXT("{\"a\":}"), TEXT("{\"a\":1,}"), TEXT("{\"a\" 1}"),
    TEXT("{\"a\",1}"), TEXT("{a:1}"), TEXT("{'a':1}"), TEXT("{1:1}"),
    TEXT("{null:1}"), TEXT("{[]:1}"), TEXT("{\"a\":1 \"b\":2}"),
    TEXT("{\"a\":1;\"b\":2}"), TEXT("{\"a\":1,,\"b\":2}"), TEXT("{\"a\""),
    TEXT("{\"a\":"), TEXT("{\"a\":1"), TEXT("{\"a\":1,"),
    TEXT("{\"a\"::1}"), TEXT("{\"a\":1]"), TEXT("[\"a\":1]"), TEXT("{\"a"),
    TEXT("-"), TEXT("+1"), TEXT("01"), TEXT("-01"), TEXT("00"), TEXT("1."),
    TEXT(".5"), TEXT("-.5"), TEXT("1.e5"), TEXT("1e"), TEXT("1e+"),
    TEXT("1E-"), TEXT("1.5.5"), TEXT("0x10"), TEXT("1a"), TEXT("--1"),
    TEXT("[-]"), TEXT("[1.]"), TEXT("[1e]"), TEXT("Infinity"), TEXT("NaN"),
    TEXT("[-Infinity]"), TEXT("[0e]"), TEXT("[1 000]"), TEXT("1_000"),
    TEXT("\xef\xbc\x91"), TEXT("tru"), TEXT("truex"), TEXT("True"),
    TEXT("nul"), TEXT("nulL"), TEXT("fals"), TEXT("t"), TEXT("undefined"),
    TEXT("\""), TEXT("\"a"), TEXT("'a'"), TEXT("\"a\"b"), TEXT("\"\\"),
    TEXT("\"\\\""), TEXT("\"\\a\""), TEXT("\"\\x41\""), TEXT("\"\\0\""),
    TEXT("\"\\'\""), TEXT("\"\\U0041\""), TEXT("\"\\u\""),
    TEXT("\"\\u1\""), TEXT("\"\\u12\""), TEXT("\"\\u123\""),
    TEXT("\"\\u123"), TEXT("\"\\u123g\""), TEXT("\"\\u 123\""),
    TEXT("\"\\u+123\""), TEXT("\"\\ud800\""), TEXT("\"\\udc00\""),
    TEXT("\"\\ud800x\""), TEXT("\"\\ud800\\n\""), TEXT("\"\\ud800\\u\""),
    TEXT("\"\\ud800\\u0041\""), TEXT("\"\\ud800\\ud800\""),
    TEXT("\"\\ud83"), TEXT("\"\\ud834\\"), TEXT("\"\\ud834\\u"),
    TEXT("\"\\ud834\\udd1"), TEXT("\"\\ud834\\udd1e"),
    TEXT("\"a\nb\""), TEXT("\"a\tb\""), TEXT("\"\x1f\""), TEXT("\"\0\""),
    TEXT("\"0123456789abcdef\x01\""), TEXT("\"0123456789abcdef\x80\""),
    TEXT("\"\x80\""), TEXT("\"\xbf\""), TEXT("\"\xc0\x80\""),
    TEXT("\"\xc1\xbf\""), TEXT("\"\xc2\""), TEXT("\"\xc2\xc2\""),
    TEXT("\"\xe0\x9f\xbf\""), TEXT("\"\xe2\x82\""), TEXT("\"\xe2\x82"),
    TEXT("\"\xed\xa0\x80\""), TEXT("\"\xed\xbf\xbf\""),
    TEXT("\"\xf0\x8f\xbf\xbf\""), TEXT("\"\xf4\x90\x80\x80\""),
    TEXT("\"\xf5\x80\x80\x80\""), TEXT("\"\xf0\x90\x80\""),
    TEXT("\"\xf8\x88\x80\x80\x80\""), TEXT("\"\xfe\""), TEXT("\"\xff\""),
    TEXT("\xef\xbb\xbf{}"), TEXT("[\0]"), TEXT("\0"), TEXT("{}\0"),
    TEXT("[1,\0 2]"), TEXT("\x0c[]"), TEXT("\xa0[]"),
    TEXT("[\x0b]"), TEXT("[]#"), TEXT("/**/[]"), TEXT("[] // x"),
    TEXT("[1/**/]"), TEXT("\\u0022a\""), TEXT("{\"\x80\":1}"),
    TEXT("{\"\\ud800\":1}"), TEXT("{\"a\nb\":1}"),
};

/* some real forms, for damage where there are no recordings */
static const text_t  messages[] = {
    TEXT("{\"stream\":\"btcusdt@trade\",\"data\":{\"e\":\"trade\",\"E\":1723"
         "161255343,\"s\":\"BTCUSDT\",\"t\":3735683259,\"p\":\"61837.6300000"
         "0\",\"q\":\"0.02000000\",\"T\":1723161255342,\"m\":true,\"M\":true"
         "}}"),
    TEXT("{\"u\":50093239212,\"s\":\"BTCUSDT\",\"b\":\"61837.63000000\",\"B"
         "\":\"3.78826000\",\"a\":\"61837.64000000\",\"A\":\"1.54698000\"}"),
    TEXT("{\"e\":\"depthUpdate\",\"E\":1,\"b\":[],\"a\":[[\"8.14000000\",\""
         "107821.20000000\"],[\"9.1\",\"\\u0030\"]],\"x\":-1.5e3,\"y\":null}"),
};


/* in memory of the very size, so that sanitizers see reads beyond it */
static int
check_compare(const char *s, size_t len)
{
    int          valid;
    char        *exact;
    const char  *why;

    exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, s, len);
    why = json_oracle_compare(exact, len, &valid);
    free(exact);

    if (why != NULL) {
        fail_msg("%s: %.*s", why, (int) (len > 2000 ? 2000 : len), s);
    }

    return valid;
}


static void
test_trd_json_next_tokens(void **state)
{
    size_t      i;
    trd_json_t  r;

    static const char  text[] =
        " {\"a\":[1,-2.5e3,\"x\\ny\"],\"\":{},\"l\":[true,false,null,[]]} ";

    static const struct {
        trd_json_token_t  token;
        const char       *text;
    } want[] = {
        { TRD_JSON_OBJECT, "{" },
        { TRD_JSON_KEY, "a" }, { TRD_JSON_ARRAY, "[" },
        { TRD_JSON_NUMBER, "1" }, { TRD_JSON_NUMBER, "-2.5e3" },
        { TRD_JSON_STRING, "x\\ny" }, { TRD_JSON_ARRAY_END, "]" },
        { TRD_JSON_KEY, "" }, { TRD_JSON_OBJECT, "{" },
        { TRD_JSON_OBJECT_END, "}" },
        { TRD_JSON_KEY, "l" }, { TRD_JSON_ARRAY, "[" },
        { TRD_JSON_TRUE, "true" }, { TRD_JSON_FALSE, "false" },
        { TRD_JSON_NULL, "null" }, { TRD_JSON_ARRAY, "[" },
        { TRD_JSON_ARRAY_END, "]" }, { TRD_JSON_ARRAY_END, "]" },
        { TRD_JSON_OBJECT_END, "}" },
    };

    (void) state;

    trd_json_init(&r, text, sizeof(text) - 1);

    for (i = 0; i < N(want); i++) {
        assert_int_equal(trd_json_next(&r), want[i].token);
        assert_int_equal(r.len, strlen(want[i].text));
        assert_memory_equal(r.text, want[i].text, r.len);
        assert_in_range((uintptr_t) r.text, (uintptr_t) text,
                        (uintptr_t) text + sizeof(text));
        assert_int_equal(r.escaped, want[i].token == TRD_JSON_STRING);
        r.escaped = 0;
    }

    assert_int_equal(trd_json_next(&r), TRD_JSON_END);
    assert_int_equal(trd_json_next(&r), TRD_JSON_END);
}


static void
test_trd_json_next_taken(void **state)
{
    size_t  i;

    (void) state;

    for (i = 0; i < N(taken); i++) {
        if (!check_compare(taken[i].s, taken[i].len)
            || !json_oracle_skipped(taken[i].s, taken[i].len))
        {
            fail_msg("refused: %s", taken[i].s);
        }
    }
}


static void
test_trd_json_next_refused(void **state)
{
    size_t  i;

    (void) state;

    for (i = 0; i < N(refused); i++) {
        if (check_compare(refused[i].s, refused[i].len)
            || json_oracle_skipped(refused[i].s, refused[i].len))
        {
            fail_msg("taken: %s", refused[i].s);
        }
    }
}


/* every beginning of a text is refused, but for numbers that end early */
static void
test_trd_json_next_truncated(void **state)
{
    size_t  i, n;

    (void) state;

    for (i = 0; i < N(taken); i++) {
        for (n = 0; n < taken[i].len; n++) {
            (void) check_compare(taken[i].s, n);
        }
    }

    for (i = 0; i < N(messages); i++) {
        assert_true(check_compare(messages[i].s, messages[i].len));

        for (n = 0; n < messages[i].len; n++) {
            assert_false(check_compare(messages[i].s, n));
        }
    }
}


/* a special byte at every place of strings of all lengths up to 40 */
static void
test_trd_json_next_string_places(void **state)
{
    char    buf[64];
    size_t  len, at, k;

    static const text_t  put[] = {
        TEXT("\\n"), TEXT("\\u0041"), TEXT("\xc3\xa9"), TEXT("\""),
        TEXT("\x01"), TEXT("\x80"), TEXT("\\"), TEXT("\x7f"), TEXT("\xe2\x82")
    };

    (void) state;

    for (len = 0; len <= 40; len++) {
        for (at = 0; at <= len; at++) {
            for (k = 0; k < N(put); k++) {
                memset(buf, 'x', sizeof(buf));
                buf[0] = '"';
                memcpy(buf + 1 + at, put[k].s, put[k].len);
                buf[1 + len + put[k].len] = '"';
                (void) check_compare(buf, len + put[k].len + 2);
            }
        }
    }
}


static void
test_trd_json_next_depth(void **state)
{
    int         i;
    char        buf[2 * TRD_JSON_DEPTH + 2];
    trd_json_t  r;

    (void) state;

    memset(buf, '[', TRD_JSON_DEPTH + 1);
    memset(buf + TRD_JSON_DEPTH + 1, ']', TRD_JSON_DEPTH + 1);

    assert_true(json_oracle_skipped(buf + 1, 2 * TRD_JSON_DEPTH));
    assert_false(json_oracle_skipped(buf, sizeof(buf)));

    trd_json_init(&r, buf, sizeof(buf));

    for (i = 0; i < TRD_JSON_DEPTH; i++) {
        assert_int_equal(trd_json_next(&r), TRD_JSON_ARRAY);
        assert_int_equal(r.too_deep, 0);
    }

    assert_int_equal(trd_json_next(&r), TRD_JSON_ERROR);
    assert_int_equal(r.too_deep, 1);
    assert_int_equal(trd_json_next(&r), TRD_JSON_ERROR);
}


/* objects and arrays in each other, so that the levels' bits are told apart */
static void
test_trd_json_next_nested_kinds(void **state)
{
    char      buf[256];
    int       depth, i, wrong;
    size_t    len;
    uint64_t  seed, kinds, turn;

    (void) state;

    seed = 88172645463325252;

    for (turn = 0; turn < 20000; turn++) {
        depth = (int) (recordings_random(&seed) % TRD_JSON_DEPTH) + 1;
        kinds = recordings_random(&seed);
        wrong = (int) (recordings_random(&seed) % 64);
        len = 0;

        for (i = 0; i < depth; i++) {
            if (kinds >> i & 1) {
                memcpy(buf + len, "{\"\":", 4);
                len += 4;

            } else {
                buf[len++] = '[';
            }
        }

        buf[len++] = '0';

        while (--i >= 0) {
            buf[len++] = ((kinds >> i & 1) != (i == wrong)) ? '}' : ']';
        }

        assert_int_equal(check_compare(buf, len), wrong >= depth);
    }
}


static void
test_trd_json_next_known_differences(void **state)
{
    size_t  i;

    static const text_t  wide[] = {
        TEXT("9223372036854775808"), TEXT("-9223372036854775809"),
        TEXT("1e999"), TEXT("[-1e400]"), TEXT("{\"a\\u0000b\":1}"),
        TEXT("99999999999999999999999999999999999999999999999999999999999"),
    };

    static const text_t  nul[] = {
        TEXT("[1\0]"), TEXT("{\"a\":1\0}"), TEXT("[true\0]"), TEXT("0\0"),
    };

    (void) state;

    for (i = 0; i < N(wide); i++) {
        assert_false(check_compare(wide[i].s, wide[i].len));
        assert_true(json_oracle_skipped(wide[i].s, wide[i].len));
    }

    for (i = 0; i < N(nul); i++) {
        (void) check_compare(nul[i].s, nul[i].len);
        assert_false(json_oracle_skipped(nul[i].s, nul[i].len));
    }
}


static void
test_trd_json_value_slices(void **state)
{
    trd_json_t  r;

    static const char  text[] = "[ {\"a\":[1,{}]} ,[2], 3 ,\"s\"]";

    (void) state;

    trd_json_init(&r, text, sizeof(text) - 1);

    assert_int_equal(trd_json_next(&r), TRD_JSON_ARRAY);
    assert_int_equal(trd_json_value(&r), TRD_JSON_OBJECT);
    assert_int_equal(r.len, 12);
    assert_memory_equal(r.text, "{\"a\":[1,{}]}", 12);
    assert_int_equal(trd_json_value(&r), TRD_JSON_ARRAY);
    assert_int_equal(r.len, 3);
    assert_memory_equal(r.text, "[2]", 3);
    assert_int_equal(trd_json_value(&r), TRD_JSON_NUMBER);
    assert_int_equal(trd_json_value(&r), TRD_JSON_STRING);
    assert_int_equal(trd_json_value(&r), TRD_JSON_ARRAY_END);
    assert_int_equal(trd_json_value(&r), TRD_JSON_END);
}


static void
test_trd_json_skip_rest(void **state)
{
    trd_json_t  r;

    static const char  text[] = "{\"a\":[1,[2],{\"b\":3}],\"c\":4}";

    (void) state;

    trd_json_init(&r, text, sizeof(text) - 1);

    assert_int_equal(trd_json_next(&r), TRD_JSON_OBJECT);
    assert_int_equal(trd_json_next(&r), TRD_JSON_KEY);
    assert_int_equal(trd_json_next(&r), TRD_JSON_ARRAY);
    assert_int_equal(trd_json_next(&r), TRD_JSON_NUMBER);
    assert_int_equal(trd_json_skip(&r), TRD_JSON_ARRAY_END);
    assert_int_equal(trd_json_next(&r), TRD_JSON_KEY);
    assert_int_equal(trd_json_skip(&r), TRD_JSON_OBJECT_END);
    assert_int_equal(trd_json_next(&r), TRD_JSON_END);
    assert_int_equal(trd_json_skip(&r), TRD_JSON_ERROR);
}


static void
test_trd_json_is_escaped(void **state)
{
    trd_json_t  r;

    static const char  text[] = "[\"data\",\"d\\u0061ta\",\"data\\u0000\"]";

    (void) state;

    trd_json_init(&r, text, sizeof(text) - 1);

    assert_int_equal(trd_json_next(&r), TRD_JSON_ARRAY);
    assert_int_equal(trd_json_next(&r), TRD_JSON_STRING);
    assert_true(trd_json_is(&r, "data", 4));
    assert_false(trd_json_is(&r, "dat", 3));
    assert_false(trd_json_is(&r, "dato", 4));
    assert_int_equal(trd_json_next(&r), TRD_JSON_STRING);
    assert_true(trd_json_is(&r, "data", 4));
    assert_false(trd_json_is(&r, "d\\u0061ta", 9));
    assert_int_equal(trd_json_next(&r), TRD_JSON_STRING);
    assert_false(trd_json_is(&r, "data", 4));
    assert_true(trd_json_is(&r, "data", 5));
}


static void
test_trd_json_unescape_bounds(void **state)
{
    char    buf[16];
    size_t  size;

    static const char  raw[] = "a\\ud834\\udd1e\\n";
    static const char  bad[] = "x\\q\\u12\\ud800\\";

    (void) state;

    for (size = 0; size < sizeof(buf); size++) {
        memset(buf, '#', sizeof(buf));
        assert_int_equal(trd_json_unescape(raw, sizeof(raw) - 1, buf, size),
                         6);
        assert_memory_equal(buf, "a\xf0\x9d\x84\x9e\n", size < 6 ? size : 6);
        assert_int_equal(buf[size], '#');
    }

    /* malformed: any text, but within bounds */
    assert_true(trd_json_unescape(bad, sizeof(bad) - 1, buf, sizeof(buf))
                <= sizeof(bad) - 1);
}


static void
test_trd_json_i64_limits(void **state)
{
    size_t   i;
    int64_t  v;

    static const struct {
        const char  *text;
        trd_rc_t     rc;
        int64_t      v;
    } cases[] = {
        { "0", TRD_OK, 0 }, { "-0", TRD_OK, 0 }, { "-1", TRD_OK, -1 },
        { "1723161255343", TRD_OK, 1723161255343 },
        { "999999999999999999", TRD_OK, 999999999999999999 },
        { "9223372036854775807", TRD_OK, INT64_MAX },
        { "-9223372036854775808", TRD_OK, INT64_MIN },
        { "9223372036854775808", TRD_OVERFLOW, 4711 },
        { "-9223372036854775809", TRD_OVERFLOW, 4711 },
        { "18446744073709551616", TRD_OVERFLOW, 4711 },
        { "18446744073709551617", TRD_OVERFLOW, 4711 },
        { "99999999999999999999999999999999999", TRD_OVERFLOW, 4711 },
        { "99999999999999999999999999999999e9", TRD_ERROR, 4711 },
        { "", TRD_ERROR, 4711 }, { "-", TRD_ERROR, 4711 },
        { "1.0", TRD_ERROR, 4711 }, { "1e3", TRD_ERROR, 4711 },
    };

    (void) state;

    for (i = 0; i < N(cases); i++) {
        v = 4711;
        assert_int_equal(trd_json_i64(cases[i].text, strlen(cases[i].text),
                                      &v),
                         cases[i].rc);
        assert_int_equal(v, cases[i].v);
    }
}


static void
test_trd_json_next_mutated(void **state)
{
    char      buf[512];
    size_t    len, turn, k, valid;
    uint64_t  seed;

    (void) state;

    seed = 2463534242;
    valid = 0;

    for (turn = 0; turn < MUTATIONS; turn++) {
        k = recordings_random(&seed) % (N(messages) + N(taken));

        if (k < N(messages)) {
            len = messages[k].len;
            memcpy(buf, messages[k].s, len);

        } else {
            len = taken[k - N(messages)].len;
            memcpy(buf, taken[k - N(messages)].s, len);
        }

        do {
            len = recordings_mutate(buf, len, sizeof(buf), &seed);
        } while (recordings_random(&seed) % 3 == 0);

        valid += (size_t) check_compare(buf, len);
    }

    /* the damage must leave both kinds */
    assert_in_range(valid, MUTATIONS / 20, MUTATIONS / 20 * 19);
}


typedef struct {
    uint64_t  seed;
    size_t    texts;
} damage_t;


static void
recorded_text(void *ctx, const char *path, char *text, size_t len)
{
    char      *copy;
    size_t     n;
    damage_t  *d = ctx;

    if (!check_compare(text, len)) {
        fail_msg("a recording is refused: %s: %.200s", path, text);
    }

    d->texts++;

    if (len > 4096) {
        return;
    }

    copy = malloc(len + 64);
    assert_non_null(copy);
    memcpy(copy, text, len);
    n = recordings_mutate(copy, len, len + 64, &d->seed);
    (void) check_compare(copy, n);
    free(copy);
}


static void
test_trd_json_next_recordings(void **state)
{
    damage_t  d = { 362436069, 0 };

    (void) state;

    if (recordings_each(recorded_text, &d) == 0) {
        print_message("skipped: no " RECORDINGS "\n");
        skip();
    }

    print_message("%zu recorded texts\n", d.texts);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_trd_json_next_tokens),
        cmocka_unit_test(test_trd_json_next_taken),
        cmocka_unit_test(test_trd_json_next_refused),
        cmocka_unit_test(test_trd_json_next_truncated),
        cmocka_unit_test(test_trd_json_next_string_places),
        cmocka_unit_test(test_trd_json_next_depth),
        cmocka_unit_test(test_trd_json_next_nested_kinds),
        cmocka_unit_test(test_trd_json_next_known_differences),
        cmocka_unit_test(test_trd_json_value_slices),
        cmocka_unit_test(test_trd_json_skip_rest),
        cmocka_unit_test(test_trd_json_is_escaped),
        cmocka_unit_test(test_trd_json_unescape_bounds),
        cmocka_unit_test(test_trd_json_i64_limits),
        cmocka_unit_test(test_trd_json_next_mutated),
        cmocka_unit_test(test_trd_json_next_recordings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
