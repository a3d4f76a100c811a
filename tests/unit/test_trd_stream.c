/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "trd_stream.h"

#define TEST_N(a)  (sizeof(a) / sizeof((a)[0]))

#define TEST_32  "0123456789abcdef0123456789abcdef"
#define TEST_64  TEST_32 TEST_32


static void
assert_detail(const trd_request_t *r, int wanted)
{
    size_t  i;

    assert_int_equal(r->detail[0] != '\0', wanted);

    for (i = 0; r->detail[i] != '\0'; i++) {
        assert_true(r->detail[i] >= ' ' && r->detail[i] <= '~');
        assert_true(r->detail[i] != '"' && r->detail[i] != '\\');
        assert_true(i < sizeof(r->detail) - 1);
    }
}


/* an exact copy is read, so that sanitizers see one byte too far */
static void
assert_read(const char *text, const char *expected, trd_request_t *r)
{
    char                 *copy;
    size_t                len;
    const char           *name;
    trd_request_error_t   error;

    static char  *kept;

    free(kept);

    len = strlen(text);
    copy = malloc(len + !len);
    assert_non_null(copy);
    memcpy(copy, text, len);
    kept = copy;

    error = trd_request_read(copy, len, r);
    name = trd_request_error_name(error);
    assert_non_null(name);

    if (strcmp(name, expected) != 0) {
        fail_msg("%s: %s (%s), not %s", text, name, r->detail, expected);
    }

    assert_detail(r, error != TRD_REQUEST_OK);
}


static void
assert_symbols(const trd_request_t *r, const char *const *expected, size_t n)
{
    char         buf[TRD_SYMBOL_TEXT];
    size_t       i, len;
    const char  *pos;

    assert_int_equal(r->nsymbols, n);
    assert_int_equal(r->has_symbols, n > 0);

    pos = NULL;

    for (i = 0; i < n; i++) {
        assert_int_equal(trd_request_symbol(r, &pos, buf, &len), TRD_OK);
        assert_int_equal(len, strlen(expected[i]));
        assert_memory_equal(buf, expected[i], len);
    }

    assert_int_equal(trd_request_symbol(r, &pos, buf, &len), TRD_NOT_FOUND);
    assert_int_equal(trd_request_symbol(r, &pos, buf, &len), TRD_NOT_FOUND);
}


static void
test_channels(void **state)
{
    unsigned     i;
    const char  *name;

    static const char *const  names[][2] = {
        { "prices", "price_update" }, { "candles", "candle_update" },
        { "trades", "trade_update" }, { "orderbook", "orderbook_update" },
        { "signals", "signal_update" },
        { "market_data", "market_data_update" },
        { "health", "health_update" }, { "orders", "order_update" },
        { "positions", "position_update" }, { "balances", "balance_update" },
        { "alerts", "alert" }
    };

    (void) state;

    assert_int_equal(TEST_N(names), TRD_CHANNEL_N);

    for (i = 0; i < TRD_CHANNEL_N; i++) {
        name = trd_channel_name(i);
        assert_string_equal(name, names[i][0]);
        assert_string_equal(trd_channel_update(i), names[i][1]);
        assert_int_equal(trd_channel_find(name, strlen(name)), i);
        assert_int_equal(trd_channel_find(name, strlen(name) - 1), -1);
    }

    assert_null(trd_channel_name(TRD_CHANNEL_N));
    assert_null(trd_channel_update(TRD_CHANNEL_N));
    assert_int_equal(trd_channel_find("", 0), -1);
    assert_int_equal(trd_channel_find("Prices", 6), -1);
    assert_null(trd_request_error_name(TRD_REQUEST_BAD_SEQ + 1));
    assert_string_equal(trd_request_error_name(TRD_REQUEST_BAD_SEQ),
                        "bad_seq");
}


static void
test_request_read_types(void **state)
{
    size_t         i;
    trd_request_t  r;

    static const struct {
        const char          *text;
        trd_request_type_t   type;
    } cases[] = {
        { "{\"type\":\"subscribe\",\"channels\":[\"prices\"]}",
          TRD_REQUEST_SUBSCRIBE },
        { "{\"type\":\"unsubscribe\",\"channel\":\"prices\"}",
          TRD_REQUEST_UNSUBSCRIBE },
        { "{\"type\":\"list\"}", TRD_REQUEST_LIST },
        { " { \"type\" : \"ping\" } ", TRD_REQUEST_PING },
        { "{\"t\\u0079pe\":\"pi\\u006eg\"}", TRD_REQUEST_PING },
        { "{\"type\":\"auth\",\"token\":\"x\"}", TRD_REQUEST_AUTH },
        { "{\"type\":\"resume\",\"channel\":\"prices\",\"seq\":0}",
          TRD_REQUEST_RESUME },
        { "{\"type\":\"ping\",\"unknown\":{\"type\":[1,{}]},\"x\":1,\"x\":2}",
          TRD_REQUEST_PING }
    };

    (void) state;

    for (i = 0; i < TEST_N(cases); i++) {
        assert_read(cases[i].text, "ok", &r);
        assert_int_equal(r.type, cases[i].type);
        assert_null(r.id);
    }
}


static void
test_request_read_subscribe(void **state)
{
    trd_request_t  r;

    static const char *const  symbols[] = { "BTC", "EUR/USD" };

    (void) state;

    assert_read("{\"type\":\"subscribe\",\"id\":7,"
                "\"channels\":[\"prices\",\"candles\",\"prices\"],"
                "\"symbols\":[ \"BTC\" , \"EUR\\/USD\" ],"
                "\"asset_class\":\"crypto\",\"interval\":[\"1m\",\"1d\"],"
                "\"seq\":120931,\"epoch\":3}", "ok", &r);
    assert_int_equal(r.channels, 1 << TRD_CHANNEL_PRICES
                                 | 1 << TRD_CHANNEL_CANDLES);
    assert_int_equal(r.intervals, 1 << TRD_INTERVAL_1M
                                  | 1 << TRD_INTERVAL_1D);
    assert_int_equal(r.classes, 1 << TRD_CLASS_CRYPTO);
    assert_int_equal(r.has_seq, 1);
    assert_true(r.seq == 120931);
    assert_int_equal(r.has_epoch, 1);
    assert_true(r.epoch == 3);
    assert_int_equal(r.id_len, 1);
    assert_memory_equal(r.id, "7", 1);
    assert_symbols(&r, symbols, 2);

    /* the other names, and null as if not given, though given twice */

    assert_read("{\"intervals\":\"4h\",\"asset_classes\":[\"FOREX\","
                "\"Metals\"],\"channel\":\"health\",\"symbol\":\"BTC\","
                "\"seq\":null,\"epoch\":null,\"seq\":null,\"id\":null,"
                "\"symbols\":null,\"token\":null,\"type\":\"subscribe\"}",
                "ok", &r);
    assert_int_equal(r.channels, 1 << TRD_CHANNEL_HEALTH);
    assert_int_equal(r.intervals, 1 << TRD_INTERVAL_4H);
    assert_int_equal(r.classes, 1 << TRD_CLASS_FOREX | 1 << TRD_CLASS_METALS);
    assert_int_equal(r.has_seq, 0);
    assert_int_equal(r.has_epoch, 0);
    assert_null(r.id);
    assert_null(r.token);
    assert_symbols(&r, symbols, 1);

    assert_read("{\"type\":\"subscribe\",\"channels\":\"alerts\"}", "ok", &r);
    assert_int_equal(r.channels, 1 << TRD_CHANNEL_ALERTS);
    assert_int_equal(r.intervals, 0);
    assert_int_equal(r.classes, 0);
    assert_symbols(&r, NULL, 0);
}


static void
test_request_read_errors(void **state)
{
    size_t         i;
    trd_request_t  r;

    static const char *const  cases[][2] = {
        { "bad_json", "" },
        { "bad_json", " " },
        { "bad_json", "{" },
        { "bad_json", "{\"type\":\"ping\"" },
        { "bad_json", "{\"type\":\"ping\"}x" },
        { "bad_json", "{\"type\":\"ping\",}" },
        { "bad_json", "{'type':'ping'}" },
        { "bad_json", "{\"type\":\"\xff\"}" },
        { "bad_json", "{\"type\":\"\\ud800\"}" },
        { "bad_json", "[1" },
        { "bad_json", "{\"type\":5,\"type\":6" },
        { "bad_json", "{\"type\":\"subscribe\",\"channel\":[\"x\"}" },
        { "bad_json", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]"
                      "]]]]]]]]]]]]" },
        { "bad_message", "[]" },
        { "bad_message", "[{\"type\":\"ping\"}]" },
        { "bad_message", "\"ping\"" },
        { "bad_message", "1" },
        { "bad_message", "null" },
        { "bad_message", "{}" },
        { "bad_message", "{\"type\":null}" },
        { "bad_message", "{\"type\":1}" },
        { "bad_message", "{\"type\":[\"ping\"]}" },
        { "bad_message", "{\"Type\":\"ping\"}" },
        { "bad_message", "{\"type\":\"ping\",\"type\":\"ping\"}" },
        { "bad_message", "{\"type\":\"ping\",\"t\\u0079pe\":\"ping\"}" },
        { "bad_message", "{\"type\":\"ping\",\"seq\":1,\"seq\":1}" },
        { "bad_message", "{\"type\":\"ping\",\"id\":1,\"id\":1}" },
        { "bad_message", "{\"type\":\"subscribe\",\"channel\":\"prices\","
                         "\"channels\":[\"prices\"]}" },
        { "bad_message", "{\"type\":\"list\",\"symbol\":\"A\","
                         "\"symbols\":\"B\"}" },
        { "bad_message", "{\"type\":\"list\",\"interval\":\"1m\","
                         "\"intervals\":\"1m\"}" },
        { "bad_message", "{\"type\":\"list\",\"asset_class\":\"FOREX\","
                         "\"asset_classes\":\"FOREX\"}" },
        { "bad_message", "{\"type\":\"subscribe\"}" },
        { "bad_message", "{\"type\":\"subscribe\",\"channels\":null}" },
        { "bad_message", "{\"type\":\"subscribe\",\"channels\":[]}" },
        { "bad_message", "{\"type\":\"subscribe\",\"channels\":1}" },
        { "bad_message", "{\"type\":\"subscribe\",\"channels\":[1]}" },
        { "bad_message", "{\"type\":\"subscribe\",\"channels\":{}}" },
        { "bad_message", "{\"type\":\"subscribe\","
                         "\"channels\":[\"prices\",null]}" },
        { "bad_message", "{\"type\":\"subscribe\","
                         "\"channels\":[[\"prices\"]]}" },
        { "bad_message", "{\"type\":\"unsubscribe\"}" },
        { "bad_message", "{\"type\":\"resume\",\"seq\":1}" },
        { "bad_message", "{\"type\":\"resume\",\"channel\":\"prices\"}" },
        { "bad_message", "{\"type\":\"auth\"}" },
        { "bad_message", "{\"type\":\"auth\",\"token\":1}" },
        { "bad_message", "{\"type\":\"list\",\"symbols\":true}" },
        { "bad_message", "{\"type\":\"list\",\"symbols\":[\"A\",1]}" },
        { "bad_message", "{\"type\":\"list\",\"interval\":1}" },
        { "bad_message", "{\"type\":\"list\",\"interval\":[]}" },
        { "bad_message", "{\"type\":\"list\",\"asset_class\":[]}" },
        { "bad_message", "{\"type\":\"list\",\"asset_class\":false}" },
        { "bad_message", "{\"type\":\"list\",\"seq\":true}" },
        { "bad_message", "{\"type\":\"list\",\"epoch\":[1]}" },
        { "unknown_type", "{\"type\":\"\"}" },
        { "unknown_type", "{\"type\":\"Ping\"}" },
        { "unknown_type", "{\"type\":\"pings\"}" },
        { "unknown_type", "{\"type\":\"x\\\"\\\\\\n\\u00e9\","
                          "\"channel\":\"x\"}" },
        { "unknown_type", "{\"type\":\"" TEST_64 TEST_64 TEST_64 "\"}" },
        { "unknown_channel", "{\"type\":\"subscribe\",\"channel\":\"\"}" },
        { "unknown_channel", "{\"type\":\"subscribe\",\"channel\":\"price\"}" },
        { "unknown_channel", "{\"type\":\"subscribe\","
                             "\"channels\":[\"prices\",\"\\u0000\\\"\"]}" },
        { "unknown_channel", "{\"type\":\"subscribe\",\"channel\":\"" TEST_64
                             TEST_64 TEST_64 "\"}" },
        { "unknown_interval", "{\"type\":\"list\",\"interval\":\"2m\"}" },
        { "unknown_interval", "{\"type\":\"list\",\"interval\":\"1M\"}" },
        { "unknown_class", "{\"type\":\"list\",\"asset_class\":\"STOCKS\"}" },
        { "unknown_class", "{\"type\":\"list\",\"asset_class\":\"FORE\"}" },
        { "bad_symbols", "{\"type\":\"list\",\"symbols\":[]}" },
        { "bad_symbols", "{\"type\":\"list\",\"symbols\":\"\"}" },
        { "bad_symbols", "{\"type\":\"list\",\"symbols\":[\"A\",\"\"]}" },
    };

    (void) state;

    for (i = 0; i < TEST_N(cases); i++) {
        assert_read(cases[i][1], cases[i][0], &r);
    }
}


static void
test_request_read_seq(void **state)
{
    char           text[200];
    size_t         i, n;
    trd_request_t  r;

    static const struct {
        const char  *value;
        uint64_t     seq;
    } good[] = {
        { "0", 0 }, { "1", 1 }, { "\"0\"", 0 }, { "\"120931\"", 120931 },
        { "9007199254740993", 9007199254740993ULL },
        { "18446744073709551615", UINT64_MAX },
        { "\"18446744073709551615\"", UINT64_MAX },
        { "\"1\\u0032\"", 12 }
    };

    static const char *const  bad[] = {
        "-1", "-0", "1.0", "1e3", "18446744073709551616",
        "100000000000000000000", "\"\"", "\"-1\"", "\" 1\"", "\"1 \"",
        "\"18446744073709551616\"", "\"x\"", "\"1\\u0000\"",
        "\"1111111111111111111111111111111111111111111111111111111111111\""
    };

    static const char *const  names[] = { "seq", "epoch" };

    (void) state;

    for (n = 0; n < TEST_N(names); n++) {
        for (i = 0; i < TEST_N(good); i++) {
            snprintf(text, sizeof(text), "{\"type\":\"ping\",\"%s\":%s}",
                     names[n], good[i].value);
            assert_read(text, "ok", &r);
            assert_int_equal(r.has_seq, n == 0);
            assert_int_equal(r.has_epoch, n == 1);
            assert_true((n ? r.epoch : r.seq) == good[i].seq);
        }

        for (i = 0; i < TEST_N(bad); i++) {
            snprintf(text, sizeof(text), "{\"type\":\"ping\",\"%s\":%s}",
                     names[n], bad[i]);
            assert_read(text, "bad_seq", &r);
        }
    }
}


static void
test_request_read_id(void **state)
{
    char           text[300];
    size_t         i;
    trd_request_t  r;

    static const char *const  good[] = {
        "0", "1", "-1", "123456789012345678901234567890", "\"\"", "\"a\"",
        "\"a\\\"\\u00e9\"", "\"" TEST_64 "\""
    };

    static const char *const  bad[] = {
        "1.5", "1e1", "-1.0", "true", "[]", "{}", "[1]", "\"" TEST_64 "x\""
    };

    (void) state;

    for (i = 0; i < TEST_N(good); i++) {
        snprintf(text, sizeof(text), "{\"type\":\"ping\",\"id\": %s }",
                 good[i]);
        assert_read(text, "ok", &r);
        assert_int_equal(r.id_len, strlen(good[i]));
        assert_memory_equal(r.id, good[i], r.id_len);
        assert_true(r.id_len <= TRD_REQUEST_ID_MAX + 2);

        /* it comes back with an error, too */

        snprintf(text, sizeof(text), "{\"type\":\"x\",\"id\":%s}", good[i]);
        assert_read(text, "unknown_type", &r);
        assert_int_equal(r.id_len, strlen(good[i]));

        snprintf(text, sizeof(text), "{\"id\":%s,\"type\":\"x\"", good[i]);
        assert_read(text, "bad_json", &r);
        assert_int_equal(r.id_len, strlen(good[i]));
    }

    for (i = 0; i < TEST_N(bad); i++) {
        snprintf(text, sizeof(text), "{\"type\":\"ping\",\"id\":%s}", bad[i]);
        assert_read(text, "bad_message", &r);
        assert_null(r.id);
    }

    memset(text, '1', sizeof(text));
    memcpy(text, "{\"id\":", 6);
    memcpy(text + 6 + 64, ",\"type\":\"ping\"}", 16);
    assert_read(text, "ok", &r);
    assert_int_equal(r.id_len, 64);

    text[6 + 64] = '1';
    memcpy(text + 6 + 65, ",\"type\":\"ping\"}", 16);
    assert_read(text, "bad_message", &r);
    assert_null(r.id);
}


static void
test_request_read_token(void **state)
{
    trd_request_t  r;

    (void) state;

    assert_read("{\"type\":\"auth\",\"token\":\"a.b\\/c\"}", "ok", &r);
    assert_int_equal(r.token_len, 6);
    assert_memory_equal(r.token, "a.b\\/c", 6);
}


static void
test_request_symbol_escapes(void **state)
{
    char           buf[TRD_SYMBOL_TEXT];
    size_t         len;
    const char    *pos;
    trd_request_t  r;

    static const char *const  symbols[] = { "a\"b", "],[", "\xc3\xa9", "\\" };

    (void) state;

    assert_read("{\"type\":\"list\",\"symbols\":"
                "[\"a\\\"b\",\"],[\",\"\\u00e9\",\"\\\\\"]}", "ok", &r);
    assert_symbols(&r, symbols, 4);

    /* too long for any symbol: cut, and the next one is whole */

    assert_read("{\"type\":\"list\",\"symbols\":[\"" TEST_64 "x\",\"BTC\"]}",
                "ok", &r);

    pos = NULL;
    assert_int_equal(trd_request_symbol(&r, &pos, buf, &len), TRD_OK);
    assert_int_equal(len, TRD_SYMBOL_TEXT);
    assert_memory_equal(buf, TEST_64, TRD_SYMBOL_TEXT);
    assert_int_equal(trd_request_symbol(&r, &pos, buf, &len), TRD_OK);
    assert_int_equal(len, 3);
    assert_memory_equal(buf, "BTC", 3);
    assert_int_equal(trd_request_symbol(&r, &pos, buf, &len), TRD_NOT_FOUND);
}


/* a thousand may be named, and no more */
static void
test_request_symbols_many(void **state)
{
    char           *text, *args, *buf;
    size_t          i, n, m;
    trd_request_t   r;

    (void) state;

    text = malloc(8192);
    args = malloc(8192);
    buf = malloc(8192);
    assert_non_null(text);
    assert_non_null(args);
    assert_non_null(buf);

    n = (size_t) sprintf(text, "{\"type\":\"list\",\"symbols\":[\"A\"");
    m = (size_t) sprintf(args, "symbols=A");

    for (i = 1; i < 1000; i++) {
        n += (size_t) sprintf(text + n, ",\"A\"");
        m += (size_t) sprintf(args + m, ",A");
    }

    strcpy(text + n, "]}");
    assert_read(text, "ok", &r);
    assert_int_equal(r.nsymbols, 1000);
    assert_int_equal(trd_request_args(args, m, buf, &r), TRD_REQUEST_OK);
    assert_int_equal(r.nsymbols, 1000);

    strcpy(text + n, ",\"A\"]}");
    assert_read(text, "bad_symbols", &r);
    strcpy(args + m, ",A");
    assert_int_equal(trd_request_args(args, m + 2, buf, &r),
                     TRD_REQUEST_BAD_SYMBOLS);

    free(buf);
    free(args);
    free(text);
}


static void
assert_args(const char *args, const char *expected, char *buf,
    trd_request_t *r)
{
    size_t                len;
    char                 *exact;
    const char           *name;
    trd_request_error_t   error;

    /* the symbols are copied from a buffer that has just the promised size */

    len = strlen(args);
    exact = malloc(len + !len);
    assert_non_null(exact);

    error = trd_request_args(args, len, exact, r);
    name = trd_request_error_name(error);

    if (strcmp(name, expected) != 0) {
        fail_msg("%s: %s (%s), not %s", args, name, r->detail, expected);
    }

    assert_detail(r, error != TRD_REQUEST_OK);

    if (r->symbols_len) {
        memcpy(buf, r->symbols, r->symbols_len);
        r->symbols = buf;
    }

    free(exact);
}


static void
test_request_args(void **state)
{
    char           buf[200];
    trd_request_t  r;

    static const char *const  symbols[] = { "BTC", "EUR/USD", "[\"x" };

    (void) state;

    assert_args("", "ok", buf, &r);
    assert_int_equal(r.channels, 0);
    assert_symbols(&r, NULL, 0);

    assert_args("channels=prices,candles&x=%zz&symbols=BTC,EUR%2fUSD,%5B%22x"
                "&interval=1m%2C1h&asset_class=metals,CRYPTO"
                "&resume=3-120931&y", "ok", buf, &r);
    assert_int_equal(r.type, TRD_REQUEST_SUBSCRIBE);
    assert_int_equal(r.channels, 1 << TRD_CHANNEL_PRICES
                                 | 1 << TRD_CHANNEL_CANDLES);
    assert_int_equal(r.intervals, 1 << TRD_INTERVAL_1M | 1 << TRD_INTERVAL_1H);
    assert_int_equal(r.classes, 1 << TRD_CLASS_METALS
                                | 1 << TRD_CLASS_CRYPTO);
    assert_int_equal(r.has_seq, 1);
    assert_int_equal(r.has_epoch, 1);
    assert_true(r.epoch == 3);
    assert_true(r.seq == 120931);
    assert_null(r.id);
    assert_symbols(&r, symbols, 3);

    /* at the end nothing is left of the buffer but what the names give */

    assert_args("symbol=BTC&channel=health", "ok", buf, &r);
    assert_int_equal(r.channels, 1 << TRD_CHANNEL_HEALTH);
    assert_symbols(&r, symbols, 1);

    assert_args("type=5&seq=x&token=1&id=1&id=2", "ok", buf, &r);
    assert_int_equal(r.has_seq, 0);
    assert_null(r.token);

    assert_args("resume=3%2D4", "ok", buf, &r);
    assert_true(r.seq == 4);
}


static void
test_request_args_errors(void **state)
{
    char           buf[200];
    size_t         i;
    trd_request_t  r;

    static const char *const  cases[][2] = {
        { "bad_message", "channels=prices&channels=prices" },
        { "bad_message", "channels=prices&channel=trades" },
        { "bad_message", "symbols=A&symbol=A" },
        { "bad_message", "resume=1-1&resume=1-1" },
        { "bad_message", "symbols=%" },
        { "bad_message", "symbols=%4" },
        { "bad_message", "symbols=%00" },
        { "bad_message", "symbols=%ff" },
        { "bad_message", "channels=%c2%80" },
        { "bad_message", "resume=%zz" },
        { "unknown_channel", "channels=" },
        { "unknown_channel", "channels" },
        { "unknown_channel", "channels=prices," },
        { "unknown_channel", "channels=price" },
        { "unknown_channel", "channels=%22%5c" },
        { "unknown_interval", "interval=2m" },
        { "unknown_interval", "interval=" },
        { "unknown_class", "asset_class=STOCKS" },
        { "unknown_class", "asset_class=" },
        { "bad_symbols", "symbols=" },
        { "bad_symbols", "symbol" },
        { "bad_symbols", "symbols=," },
        { "bad_symbols", "symbols=A,,B" },
        { "bad_seq", "resume=" },
        { "bad_seq", "resume=3" },
        { "bad_seq", "resume=3+4" }
    };

    (void) state;

    for (i = 0; i < TEST_N(cases); i++) {
        assert_args(cases[i][1], cases[i][0], buf, &r);
    }
}


static void
test_resume_read(void **state)
{
    size_t    i;
    uint64_t  epoch, seq;

    static const char *const  bad[] = {
        "", "-", "3", "3-", "-3", "3--4", "3-4-5", "a-4", "3-a", " 3-4",
        "3-4 ", "3 -4", "+3-4", "18446744073709551616-1",
        "1-18446744073709551616"
    };

    (void) state;

    assert_int_equal(trd_resume_read("3-120931", 8, &epoch, &seq), TRD_OK);
    assert_true(epoch == 3 && seq == 120931);

    assert_int_equal(trd_resume_read("3-120931", 5, &epoch, &seq), TRD_OK);
    assert_true(epoch == 3 && seq == 120);

    assert_int_equal(trd_resume_read("0-18446744073709551615", 22, &epoch,
                                     &seq), TRD_OK);
    assert_true(epoch == 0 && seq == UINT64_MAX);

    for (i = 0; i < TEST_N(bad); i++) {
        assert_int_equal(trd_resume_read(bad[i], strlen(bad[i]), &epoch, &seq),
                         TRD_ERROR);
    }

    assert_int_equal(trd_resume_read(NULL, 0, &epoch, &seq), TRD_ERROR);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_channels),
        cmocka_unit_test(test_request_read_types),
        cmocka_unit_test(test_request_read_subscribe),
        cmocka_unit_test(test_request_read_errors),
        cmocka_unit_test(test_request_read_seq),
        cmocka_unit_test(test_request_read_id),
        cmocka_unit_test(test_request_read_token),
        cmocka_unit_test(test_request_symbol_escapes),
        cmocka_unit_test(test_request_symbols_many),
        cmocka_unit_test(test_request_args),
        cmocka_unit_test(test_request_args_errors),
        cmocka_unit_test(test_resume_read)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
