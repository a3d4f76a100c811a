/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Binance trades, klines and depth: cases by hand, and agreement with
 * market_oracle.h on every recorded text and on random damage to it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "market_oracle.h"
#include "recordings.h"

#define ROOM     12000
#define CANDLES  1200
#define CHANGES  150000

#define AGG                                                                   \
    "{\"e\":\"aggTrade\",\"E\":1617566591356,\"s\":\"BTCUSDT\","              \
    "\"a\":695139361,\"p\":\"58128.04000000\",\"q\":\"0.00400000\","          \
    "\"f\":765837551,\"l\":765837552,\"T\":1617566591354,\"m\":false,"        \
    "\"M\":true}"
#define TRADE                                                                 \
    "{\"e\":\"trade\",\"E\":1723161255343,\"s\":\"BTCUSDT\","                 \
    "\"t\":3735683259,\"p\":\"61837.63000000\",\"q\":\"0.02000000\","         \
    "\"T\":1723161255342,\"m\":true,\"M\":true}"
#define KLINE(i, last, closed)                                                \
    "{\"e\":\"kline\",\"E\":1617566640005,\"s\":\"BTCUSDT\",\"k\":{"          \
    "\"t\":1617566580000,\"T\":1617566639999,\"s\":\"BTCUSDT\","              \
    "\"i\":\"" i "\",\"f\":765837000,\"L\":" last ",\"o\":\"58100.00\","      \
    "\"c\":\"58120.00000000\",\"h\":\"58140.10\",\"l\":\"58090\","            \
    "\"v\":\"41.5\",\"n\":900,\"x\":" closed ",\"q\":\"2411000.1\","          \
    "\"V\":\"20\",\"Q\":\"1200000\",\"B\":\"0\"}}"
#define DIFF(bids, asks)                                                      \
    "{\"e\":\"depthUpdate\",\"E\":1,\"s\":\"BTCUSDT\",\"U\":1,\"u\":2,"       \
    "\"b\":" bids ",\"a\":" asks "}"
#define BOOK                                                                  \
    "{\"lastUpdateId\":160,\"bids\":[[\"0.0024\",\"10\"]],"                   \
    "\"asks\":[[\"0.0026\",\"100\"]]}"
#define ENVELOPE(stream, data)                                                \
    "{\"stream\":\"" stream "\",\"data\":" data "}"

static trd_level_t  levels[2][ROOM];

/* out of memory of the very size, so that sanitizers see reads beyond it */
static trd_rc_t
run(const char *msg, size_t len, uint32_t room, market_lines_t *o)
{
    char                  *exact;
    trd_rc_t               rc;
    trd_binance_market_t   m = {
        market_put_trade, market_put_kline, market_put_diff,
        market_put_partial, o, levels[0], room
    };

    exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, msg, len);
    o->len = 0;
    rc = trd_binance_market(exact, len, &m);
    market_line(o, "%s", "");
    free(exact);

    return rc;
}


static void
expect(const char *msg, trd_rc_t rc, const char *line)
{
    trd_rc_t        got;
    market_lines_t  o = { 0 };

    got = run(msg, strlen(msg), ROOM, &o);

    if (got != rc || strcmp(o.text, line) != 0) {
        fail_msg("%d, not %d, of %s: %s", (int) got, (int) rc, msg, o.text);
    }

    free(o.text);
}


static void
test_trades(void **state)
{
    (void) state;

    expect(AGG, TRD_OK, "trade BTCUSDT 695139361 765837551 765837552 "
           "5812804000000 400000 1617566591354 1617566591356 2 1\n");
    expect(ENVELOPE("btcusdt@trade", TRADE), TRD_OK,
           "trade BTCUSDT 3735683259 3735683259 3735683259 6183763000000 "
           "2000000 1723161255342 1723161255343 3 0\n");
    expect("{\"e\":\"aggTrade\"}", TRD_ERROR, "");
    expect("{\"e\":\"bookTicker\"}", TRD_IGNORED, "");
    expect("{\"result\":null,\"id\":1}", TRD_IGNORED, "");
    expect("[]", TRD_IGNORED, "");
    expect("1", TRD_IGNORED, "");
    expect("[", TRD_ERROR, "");
    expect("", TRD_ERROR, "");
    expect(AGG "x", TRD_ERROR, "");
}


static void
test_klines(void **state)
{
    trd_rc_t       rc;
    uint32_t       n;
    trd_candle_t   c[2];

    static const char  rows[] =
        "[[1588740120000,\"9033.34\",\"9039.99\",\"9032.75\",\"9033.15\","
        "\"31.192968\",1588740179999,\"281893.08800082\",282,\"6.3\","
        "\"57447.26\",\"0\"],"
        "[1588740180000,\"9033.15\",\"9035\",\"9012\",\"9012\","
        "\"99999999999999\",1588740239999,\"1220631.058001\",864,\"31\","
        "\"1\",\"0\"]]";

    (void) state;

    expect(KLINE("1m", "765837999", "true"), TRD_OK,
           "kline BTCUSDT 0 765837999 1617566640005 1617566580000 "
           "5810000000000 5814010000000 5809000000000 5812000000000 "
           "4150000000 241100010000000 900 2\n");
    expect(KLINE("1m", "-1", "false"), TRD_OK,
           "kline BTCUSDT 0 0 1617566640005 1617566580000 "
           "5810000000000 5814010000000 5809000000000 5812000000000 "
           "4150000000 241100010000000 900 3\n");
    expect(KLINE("3m", "1", "true"), TRD_IGNORED, "");
    expect(KLINE("5m", "1", "true"), TRD_ERROR, "");    /* its times do not */
    expect(KLINE("1m", "-2", "true"), TRD_ERROR, "");
    expect(KLINE("1m", "1", "1"), TRD_ERROR, "");
    expect("{\"e\":\"kline\",\"E\":1,\"s\":\"A\",\"k\":1}", TRD_ERROR, "");

    rc = trd_binance_klines(rows, sizeof(rows) - 1, 0, 1588740239999, c, 2,
                            &n);
    assert_int_equal(rc, TRD_OK);
    assert_int_equal(n, 2);
    assert_int_equal(c[0].flags, TRD_CANDLE_SOURCE);
    assert_int_equal(c[0].quote_volume_e8, 28189308800082LL);
    assert_int_equal(c[1].flags, TRD_CANDLE_SOURCE | TRD_CANDLE_OPEN
                                 | TRD_CANDLE_NO_VOLUME);
    assert_int_equal(c[1].volume_e8, 0);
    assert_int_equal(trd_binance_klines(rows, sizeof(rows) - 1, 0, 1, c, 1,
                                        &n), TRD_OVERFLOW);
    assert_int_equal(n, 0);
    assert_int_equal(trd_binance_klines(rows, sizeof(rows) - 1, 1, 1, c, 2,
                                        &n), TRD_ERROR);
    assert_int_equal(trd_binance_klines(rows, sizeof(rows) - 2, 0, 1, c, 2,
                                        &n), TRD_ERROR);
    assert_int_equal(trd_binance_klines("{\"code\":-1121}", 14, 0, 1, c, 2,
                                        &n), TRD_IGNORED);
    assert_int_equal(trd_binance_klines("[]", 2, 0, 1, c, 2, &n), TRD_OK);
    assert_int_equal(n, 0);
}


static void
test_depth(void **state)
{
    trd_depth_t            d;
    market_lines_t         o = { 0 };
    trd_binance_market_t   m = { 0 };

    static const char  diff[] = DIFF("[[\"8.1\",\"0\"],[\"8\",\"1\"]]",
                                     "[[\"9\",\"2\"]]");

    (void) state;
    m.levels = levels[0];
    m.room = ROOM;

    expect(diff, TRD_OK, "diff BTCUSDT 1 2 1 2 1 0: 810000000*0 "
           "800000000*100000000 900000000*200000000\n");
    expect(DIFF("[]", "[]"), TRD_OK, "diff BTCUSDT 1 2 1 0 0 0:\n");

    /* in other dress: blanks, a third member, escapes beside the numbers */
    expect(DIFF(" [ [ \"8.1\" , \"0\" , [] ] ]", "[[\"9\",\"2\",{}]]"),
           TRD_OK, "diff BTCUSDT 1 2 1 1 1 0: 810000000*0 "
           "900000000*200000000\n");
    expect(DIFF("[[\"8\",\"92233720368.54775808\"]]", "[]"), TRD_OK,
           "diff BTCUSDT 1 2 1 1 0 1: 800000000*9223372036854775807\n");
    expect(DIFF("[[\"8\"]]", "[]"), TRD_ERROR, "");
    expect(DIFF("[[8,\"1\"]]", "[]"), TRD_ERROR, "");
    expect(DIFF("[1]", "[]"), TRD_ERROR, "");
    expect(DIFF("{}", "[]"), TRD_ERROR, "");
    expect(DIFF("[[\"0\",\"1\"]]", "[]"), TRD_ERROR, "");
    expect(DIFF("[[\"1\",\"-1\"]]", "[]"), TRD_ERROR, "");
    expect(DIFF("[[\"1.2.3\",\"1\"]]", "[]"), TRD_ERROR, "");
    expect(DIFF("[[\"\",\"1\"]]", "[]"), TRD_ERROR, "");
    expect(DIFF("[[\"92233720368.6\",\"1\"]]", "[]"), TRD_OVERFLOW, "");
    expect(DIFF("[[\"1\",\"1\"],]", "[]"), TRD_ERROR, "");
    expect(DIFF("[[\"1\",\"1\"]", "[]"), TRD_ERROR, "");

    assert_int_equal(run(diff, sizeof(diff) - 1, 3, &o), TRD_OK);
    assert_int_equal(run(diff, sizeof(diff) - 1, 2, &o), TRD_OVERFLOW);
    assert_int_equal(o.len, 0);
    free(o.text);

    expect(ENVELOPE("btcusdt@depth20@100ms", BOOK), TRD_OK,
           "partial btcusdt 0 160 0 1 1 0: 240000*1000000000 "
           "260000*10000000000\n");
    expect(ENVELOPE("btcusdt@x", BOOK), TRD_IGNORED, "");
    expect(ENVELOPE("@depth20", BOOK), TRD_IGNORED, "");
    expect(BOOK, TRD_IGNORED, "");

    assert_int_equal(trd_binance_depth(BOOK, sizeof(BOOK) - 1, &m, &d),
                     TRD_OK);
    assert_int_equal(d.last_id, 160);
    assert_int_equal(d.nbids, 1);
    assert_int_equal(d.asks[0].price_e8, 260000);
    assert_int_equal(trd_binance_depth("{\"code\":1}", 10, &m, &d),
                     TRD_IGNORED);
    assert_int_equal(trd_binance_depth("[]", 2, &m, &d), TRD_ERROR);
}


/* both decoders on one text; 1: it was passed on */

static int
check_text(const char *text, size_t len, unsigned interval)
{
    json_t                *root;
    uint32_t               i, n;
    trd_rc_t               rc, want;
    trd_depth_t            d, od;
    market_lines_t         got = { 0 }, o = { 0 };
    trd_binance_market_t   m = { 0 };
    static trd_candle_t    candles[CANDLES];

    m.levels = levels[0];
    m.room = ROOM;

    /* escapes in values are the documented difference, a NUL is jansson's */
    if (memchr(text, '\\', len) != NULL || memchr(text, 0, len) != NULL) {
        return 0;
    }

    root = json_loadb(text, len, JSON_DECODE_ANY, NULL);
    rc = run(text, len, ROOM, &got);
    market_line(&o, "%s", "");

    if (root == NULL) {
        /* jansson refuses numbers that nobody can hold; so they count not */
        free(got.text);
        free(o.text);
        return 0;
    }

    want = oracle_market(root, &o, levels[1], ROOM);

    if (rc != want || strcmp(got.text, o.text) != 0) {
        fail_msg("%d and %d of %.*s\n%s%s", (int) rc, (int) want, (int) len,
                 text, got.text, o.text);
    }

    n = rc == TRD_OK;

    /* and as bodies of REST */
    if (json_is_object(root)) {
        rc = trd_binance_depth(text, len, &m, &d);
        want = oracle_book(root, &od, levels[1], ROOM);
        assert_int_equal(rc, want);

        if (rc == TRD_OK) {
            got.len = o.len = 0;
            market_put_depth(&got, &d);
            market_put_depth(&o, &od);
            assert_string_equal(got.text, o.text);
            n = 1;
        }
    }

    got.len = o.len = 0;
    rc = trd_binance_klines(text, len, interval, 1588740239999, candles,
                            CANDLES, &i);
    want = oracle_klines(root, interval, 1588740239999, &o, CANDLES);
    assert_int_equal(rc, want);

    if (rc == TRD_OK) {
        uint32_t  k;

        for (k = 0; k < i; k++) {
            market_put_candle(&got, &candles[k]);
        }

        assert_int_equal(got.len, o.len);
        assert_memory_equal(got.text, o.text, o.len);
        n = i > 0;
    }

    json_decref(root);
    free(got.text);
    free(o.text);

    return (int) n;
}


typedef struct {
    size_t    n;
    size_t    passed;
    size_t    changed;
    uint64_t  seed;
} check_t;


static unsigned
interval_of(const char *path)
{
    return strstr(path, "-1m-") ? TRD_INTERVAL_1M
           : strstr(path, "-5m-") ? TRD_INTERVAL_5M
           : strstr(path, "-1h-") ? TRD_INTERVAL_1H : TRD_INTERVAL_1D;
}


static void
check_one(void *ctx, const char *path, char *text, size_t len)
{
    int        passed;
    check_t   *c = ctx;

    c->n++;
    passed = check_text(text, len, interval_of(path));
    c->passed += (size_t) passed;

    if (strstr(path, "klines") || strstr(path, "-depth-")) {
        assert_true(passed);
    }
}


static void
change_one(void *ctx, const char *path, char *text, size_t len)
{
    char       buf[4096];
    size_t     i, n;
    check_t   *c = ctx;

    if (len > 2000 || c->changed > CHANGES
        || recordings_random(&c->seed) % 8 != 0)
    {
        return;
    }

    for (i = 0; i < 12; i++) {
        memcpy(buf, text, len);
        n = len;

        do {
            n = recordings_mutate(buf, n, sizeof(buf), &c->seed);
        } while (recordings_random(&c->seed) % 3 == 0);

        c->passed += (size_t) check_text(buf, n, interval_of(path));
        c->changed++;
    }
}


static void
test_recordings(void **state)
{
    check_t  c = { 0 };

    (void) state;

    if (recordings_each(check_one, &c) == 0) {
        print_message("no recordings in %s: skipped\n", RECORDINGS);
        skip();
    }

    print_message("%zu texts, %zu passed on\n", c.n, c.passed);
    assert_true(c.passed > 20000);
}


static void
test_changes(void **state)
{
    check_t  c = { 0 };

    (void) state;
    c.seed = 42;

    if (recordings_each(change_one, &c) == 0) {
        print_message("no recordings in %s: skipped\n", RECORDINGS);
        skip();
    }

    print_message("%zu changed, %zu passed on\n", c.changed, c.passed);
    assert_true(c.passed > c.changed / 100);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_trades),
        cmocka_unit_test(test_klines),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_recordings),
        cmocka_unit_test(test_changes)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
