/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Binance messages: cases by hand, and agreement with binance_oracle.h on
 * every recorded text, on random damage to its bytes and on random changes to
 * its members.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "binance_oracle.h"
#include "recordings.h"
#include "trd_binance.h"

#define N(a)      (sizeof(a) / sizeof((a)[0]))
#define CHANGES   200000

#define TRADE                                                                 \
    "{\"e\":\"trade\",\"E\":1723161255343,\"s\":\"BTCUSDT\","                 \
    "\"t\":3735683259,\"p\":\"61837.63000000\",\"q\":\"0.02000000\","         \
    "\"T\":1723161255342,\"m\":true,\"M\":true}"
#define BOOK                                                                  \
    "{\"u\":50093239212,\"s\":\"BTCUSDT\",\"b\":\"61837.63000000\","          \
    "\"B\":\"3.78826000\",\"a\":\"61837.64000000\",\"A\":\"1.54698000\"}"
#define MINI                                                                  \
    "{\"e\":\"24hrMiniTicker\",\"E\":1601628771865,\"s\":\"BTCUSDT\","        \
    "\"c\":\"10456.56000000\",\"o\":\"10884.90000000\","                      \
    "\"h\":\"10912.83000000\",\"l\":\"10385.02000000\","                      \
    "\"v\":\"64483.09756200\",\"q\":\"685180788.34970800\"}"
#define TICKER                                                                \
    "{\"e\":\"24hrTicker\",\"E\":1592593727005,\"s\":\"BTCUSDT\","            \
    "\"p\":\"-65.00000000\",\"P\":\"-0.693\",\"w\":\"9343.29777965\","        \
    "\"x\":\"9383.27000000\",\"c\":\"9318.48000000\",\"Q\":\"0.00250000\","   \
    "\"b\":\"9318.18000000\",\"B\":\"0.32000000\",\"a\":\"9318.47000000\","   \
    "\"A\":\"0.35414300\",\"o\":\"9383.48000000\",\"h\":\"9438.30000000\","   \
    "\"l\":\"9215.79000000\",\"v\":\"48745.36667100\","                       \
    "\"q\":\"455442476.18534620\",\"O\":1592507327001,\"C\":1592593727001,"   \
    "\"F\":343178738,\"L\":343729077,\"n\":550340}"
#define FUTURES                                                               \
    "{\"e\":\"24hrTicker\",\"E\":1654795352933,\"s\":\"IOTXUSDT\","           \
    "\"p\":\"0.00036\",\"P\":\"1.042\",\"w\":\"0.03427\",\"c\":\"0.03490\","  \
    "\"Q\":\"151\",\"o\":\"0.03454\",\"h\":\"0.03514\",\"l\":\"0.03326\","    \
    "\"v\":\"238020543\",\"q\":\"8157654.50000\",\"O\":1654708920000,"        \
    "\"C\":1654795352901,\"F\":95297658,\"L\":95352174,\"n\":54517}"
#define DEPTH                                                                 \
    "{\"e\":\"depthUpdate\",\"E\":1,\"s\":\"BTCUSDT\",\"U\":1,\"u\":2,"       \
    "\"b\":[],\"a\":[[\"8.14000000\",\"1.0\"]]}"
#define REST_MINI                                                             \
    "{\"symbol\":\"BTCUSDT\",\"openPrice\":\"6872.64\","                      \
    "\"highPrice\":\"6933\",\"lowPrice\":\"6680.1\","                         \
    "\"lastPrice\":\"6705.82000000\",\"volume\":\"57857.49485700\","          \
    "\"quoteVolume\":\"392659910.62660750\",\"openTime\":1586904878494,"      \
    "\"closeTime\":1586991278494,\"firstId\":294247387,"                      \
    "\"lastId\":294801814,\"count\":554428"
#define REST_FULL                                                             \
    REST_MINI ",\"bidPrice\":\"6705.88000000\",\"bidQty\":\"0.1\","           \
    "\"askPrice\":\"6706.21000000\",\"askQty\":\"0.2\"}"

#define HAS_DAY                                                               \
    (TRD_HAS_LAST | TRD_HAS_OPEN | TRD_HAS_HIGH | TRD_HAS_LOW                 \
     | TRD_HAS_VOLUME | TRD_HAS_QUOTE_VOLUME | TRD_HAS_TIME)
#define HAS_SIDES  (TRD_HAS_BID | TRD_HAS_ASK)

typedef trd_rc_t (*decode_pt)(const char *msg, size_t len, trd_binance_pt fn,
    void *ctx);

/* out of memory of the very size, so that sanitizers see reads beyond it */
static void
run(decode_pt decode, const char *msg, size_t len, outcome_t *o)
{
    char  *exact;

    exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, msg, len);
    o->n = 0;
    o->rc = decode(exact, len, outcome_add, o);
    free(exact);
}


/* one message by hand: its result and how many updates it passed on */
static trd_update_t
run_text(decode_pt decode, const char *msg, trd_rc_t rc, size_t n)
{
    outcome_t     o = { 0 };
    trd_update_t  u = { 0 };

    run(decode, msg, strlen(msg), &o);

    if (o.rc != rc || o.n != n) {
        fail_msg("%d and %zu updates, not %d and %zu: %s", (int) o.rc, o.n,
                 (int) rc, n, msg);
    }

    if (n > 0) {
        assert_string_equal(o.list[0].symbol, "BTCUSDT");
        u = o.list[0].u;
    }

    free(o.list);

    return u;
}


#define ws(msg, rc, n)    run_text(trd_binance_decode, msg, rc, n)
#define rest(msg, rc, n)  run_text(trd_binance_ticker_24hr, msg, rc, n)


/* both decoders on one text; 1: it was JSON */
static int
check_text(const char *text, size_t len, int is_rest, outcome_t *got)
{
    size_t         i;
    json_t        *root;
    outcome_t      want = { 0 };
    json_error_t   error;

    run(is_rest ? trd_binance_ticker_24hr : trd_binance_decode, text, len,
        got);

    /* escapes in values are the documented difference, a NUL is jansson's */
    if (memchr(text, '\\', len) != NULL || memchr(text, 0, len) != NULL) {
        return 0;
    }

    root = json_loadb(text, len, JSON_DECODE_ANY, &error);

    if (root == NULL) {
        if (json_error_code(&error) != json_error_numeric_overflow
            && (got->rc != TRD_ERROR || got->n != 0))
        {
            fail_msg("not JSON, but decoded: %.*s", (int) len, text);
        }

        return 0;
    }

    want.rc = oracle_root(root, is_rest, &want);

    if (got->rc != want.rc || got->n != want.n) {
        fail_msg("%d and %zu updates, not %d and %zu: %.*s", (int) got->rc,
                 got->n, (int) want.rc, want.n,
                 (int) (len > 2000 ? 2000 : len), text);
    }

    for (i = 0; i < got->n; i++) {
        assert_string_equal(got->list[i].symbol, want.list[i].symbol);
        assert_memory_equal(&got->list[i].u, &want.list[i].u,
                            sizeof(trd_update_t));
    }

    json_decref(root);
    free(want.list);

    return 1;
}


static void
test_trd_binance_decode_trade(void **state)
{
    trd_update_t  u;

    (void) state;

    u = ws(TRADE, TRD_OK, 1);
    assert_int_equal(u.kind, TRD_UPDATE_TRADE);
    assert_int_equal(u.has, TRD_HAS_LAST | TRD_HAS_TIME);
    assert_int_equal(u.id, 3735683259);
    assert_int_equal(u.last_e8, 6183763000000);
    assert_int_equal(u.last_quantity_e8, 2000000);
    assert_int_equal(u.exchange_ms, 1723161255343);
    assert_int_equal(u.dropped, 0);
}


static void
test_trd_binance_decode_book(void **state)
{
    trd_update_t  u;

    (void) state;

    u = ws(BOOK, TRD_OK, 1);
    assert_int_equal(u.kind, TRD_UPDATE_BOOK);
    assert_int_equal(u.has, HAS_SIDES);
    assert_int_equal(u.id, 50093239212);
    assert_int_equal(u.bid_e8, 6183763000000);
    assert_int_equal(u.ask_e8, 6183764000000);
    assert_int_equal(u.exchange_ms, 0);
}


static void
test_trd_binance_decode_ticker(void **state)
{
    trd_update_t  u;

    (void) state;

    u = ws(TICKER, TRD_OK, 1);
    assert_int_equal(u.kind, TRD_UPDATE_TICKER);
    assert_int_equal(u.has, HAS_DAY | HAS_SIDES);
    assert_int_equal(u.id, 343729077);
    assert_int_equal(u.last_e8, 931848000000);
    assert_int_equal(u.open_e8, 938348000000);
    assert_int_equal(u.high_e8, 943830000000);
    assert_int_equal(u.low_e8, 921579000000);
    assert_int_equal(u.volume_e8, 4874536667100);
    assert_int_equal(u.quote_volume_e8, 45544247618534620);
    assert_int_equal(u.bid_e8, 931818000000);
    assert_int_equal(u.ask_e8, 931847000000);
    assert_int_equal(u.exchange_ms, 1592593727005);
    assert_int_equal(u.last_quantity_e8, 0);
}


static void
test_trd_binance_decode_mini(void **state)
{
    trd_update_t  u;

    (void) state;

    u = ws(MINI, TRD_OK, 1);
    assert_int_equal(u.kind, TRD_UPDATE_MINI);
    assert_int_equal(u.has, HAS_DAY);
    assert_int_equal(u.id, 0);
    assert_int_equal(u.last_e8, 1045656000000);
    assert_int_equal(u.exchange_ms, 1601628771865);
}


static void
test_trd_binance_decode_never_traded(void **state)
{
    trd_update_t  u;

    (void) state;

    u = ws("{\"e\":\"24hrTicker\",\"E\":1,\"s\":\"BTCUSDT\","
           "\"c\":\"0.00000000\",\"b\":\"0.00000000\",\"a\":\"0.00000000\","
           "\"o\":\"0.00000000\",\"h\":\"0.00000000\",\"l\":\"0.00000000\","
           "\"v\":\"0.00000000\",\"q\":\"0.00000000\",\"F\":-1,\"L\":-1}",
           TRD_OK, 1);
    assert_int_equal(u.id, 0);
    assert_int_equal(u.has, HAS_DAY | HAS_SIDES);
}


static void
test_trd_binance_decode_envelope(void **state)
{
    trd_update_t  u;

    (void) state;

    u = ws("{\"stream\":\"btcusdt@trade\",\"data\":" TRADE "}", TRD_OK, 1);
    assert_int_equal(u.id, 3735683259);
    u = ws("{\"data\":" BOOK ",\"stream\":\"btcusdt@bookTicker\"}", TRD_OK,
           1);
    assert_int_equal(u.id, 50093239212);
    (void) ws("{\"x\":[{}],\"data\":[" MINI "," TICKER "],\"y\":1,"
              "\"stream\":\"!miniTicker@arr\"} ", TRD_OK, 2);
    (void) ws("{\"d\\u0061ta\":" BOOK ",\"str\\u0065am\":\"x\"}", TRD_OK, 1);

    /* no envelope */
    (void) ws("{\"data\":" TRADE "}", TRD_IGNORED, 0);
    (void) ws("{\"data\":[" MINI "]}", TRD_IGNORED, 0);
    (void) ws("{\"stream\":1,\"data\":" TRADE "}", TRD_IGNORED, 0);
    (void) ws("{\"stream\":\"x\",\"data\":1}", TRD_IGNORED, 0);
    (void) ws("{\"stream\":\"x\"}", TRD_IGNORED, 0);

    /* but an envelope in it is not opened again */
    (void) ws("{\"stream\":\"x\",\"data\":{\"stream\":\"x\",\"data\":" TRADE
              "}}", TRD_IGNORED, 0);
}


static void
test_trd_binance_decode_arrays(void **state)
{
    (void) state;

    (void) ws("[" MINI "]", TRD_OK, 1);
    (void) ws(" [ " MINI " , " TICKER "," MINI "]\n", TRD_OK, 3);

    /* other kinds are passed over */
    (void) ws("[" MINI "," TRADE "," BOOK ",1,[" MINI "],null," DEPTH "]",
              TRD_OK, 1);
    (void) ws("[" TRADE "]", TRD_IGNORED, 0);
    (void) ws("[]", TRD_IGNORED, 0);

    /* bad ones do not hide good ones, and the worst result counts */
    (void) ws("[" MINI "," FUTURES "," MINI "]", TRD_ERROR, 2);
    (void) ws("[" FUTURES "," FUTURES "]", TRD_ERROR, 0);

    /* malformed anywhere: nothing is passed on */
    (void) ws("[" MINI "," MINI, TRD_ERROR, 0);
    (void) ws("[" MINI "," MINI "]]", TRD_ERROR, 0);
    (void) ws("[" MINI "," MINI ",{]", TRD_ERROR, 0);
}


static void
test_trd_binance_decode_futures(void **state)
{
    (void) state;

    /* a spot ticker has a bid and an ask */
    (void) ws(FUTURES, TRD_ERROR, 0);
}


static void
test_trd_binance_decode_ignored(void **state)
{
    size_t  i;

    static const char  *texts[] = {
        "{\"result\":null,\"id\":2}", "{}", "null", "1", "\"trade\"", DEPTH,
        "{\"stream\":\"btcusdt@depth\",\"data\":" DEPTH "}",
        "{\"lastUpdateId\":1,\"bids\":[],\"asks\":[]}",
        "{\"e\":\"aggTrade\",\"E\":1,\"s\":\"BTCUSDT\",\"p\":\"1\"}",
        "{\"e\":\"kline\",\"k\":{\"t\":1}}", "{\"e\":\"bookTicker\",\"u\":1,"
        "\"s\":\"BTCUSDT\",\"b\":\"1\",\"a\":\"2\"}",
        "{\"e\":1}", "{\"e\":null}", "{\"e\":\"\"}", "{\"e\":\"tradf\"}",
        "{\"e\":\"24hrTickes\"}", "{\"e\":\"24hrMiniTickes\"}",
        "{\"u\":1,\"s\":\"BTCUSDT\",\"b\":\"1\"}",
    };

    (void) state;

    for (i = 0; i < N(texts); i++) {
        (void) ws(texts[i], TRD_IGNORED, 0);
    }
}


static void
test_trd_binance_decode_malformed(void **state)
{
    size_t     n;
    outcome_t  o = { 0 };

    static const char  text[] = "{\"stream\":\"x\",\"data\":" TRADE "}";

    (void) state;

    for (n = 0; n < sizeof(text) - 1; n++) {
        run(trd_binance_decode, text, n, &o);
        assert_int_equal(o.rc, TRD_ERROR);
        assert_int_equal(o.n, 0);
    }

    (void) ws(TRADE "x", TRD_ERROR, 0);
    (void) ws(TRADE TRADE, TRD_ERROR, 0);
    (void) ws("{\"x\":\"\xff\",\"data\":" TRADE ",\"stream\":\"x\"}",
              TRD_ERROR, 0);

    free(o.list);
}


static void
test_trd_binance_decode_repeated_keys(void **state)
{
    trd_update_t  u;

    (void) state;

    /* the last one counts, even if an earlier one was wrong */
    u = ws("{\"e\":\"kline\",\"t\":\"x\",\"e\":\"trade\",\"E\":1,"
           "\"s\":\"X\",\"t\":7,\"p\":\"bad\",\"q\":\"1\",\"p\":\"2.5\","
           "\"s\":\"BTCUSDT\"}", TRD_OK, 1);
    assert_int_equal(u.last_e8, 250000000);
    assert_int_equal(u.id, 7);

    u = ws("{\"stream\":\"x\",\"data\":" TRADE ",\"data\":" BOOK "}", TRD_OK,
           1);
    assert_int_equal(u.kind, TRD_UPDATE_BOOK);
    (void) ws("{\"stream\":\"x\",\"data\":[" MINI "],\"data\":" BOOK "}",
              TRD_OK, 1);
    (void) ws("{\"stream\":\"x\",\"data\":" BOOK ",\"data\":null}",
              TRD_IGNORED, 0);
    (void) ws("{\"stream\":\"x\",\"data\":" BOOK ",\"stream\":null}",
              TRD_IGNORED, 0);
}


static void
test_trd_binance_decode_escapes(void **state)
{
    trd_update_t  u;

    (void) state;

    u = ws("{\"\\u0065\":\"tr\\u0061de\",\"E\":1,\"s\":\"BTCUSDT\","
           "\"\\u0074\":7,\"p\":\"2.5\",\"q\":\"1\"}", TRD_OK, 1);
    assert_int_equal(u.last_e8, 250000000);

    /* as documented: numbers have none */
    (void) ws("{\"e\":\"trade\",\"E\":1,\"s\":\"BTCUSDT\",\"t\":7,"
              "\"p\":\"\\u0032.5\",\"q\":\"1\"}", TRD_ERROR, 0);
}


static void
test_trd_binance_decode_out_of_range(void **state)
{
    trd_update_t  u;

    (void) state;

    (void) ws("{\"e\":\"trade\",\"E\":1,\"s\":\"BTCUSDT\",\"t\":7,"
              "\"p\":\"92233720369\",\"q\":\"1\"}", TRD_OVERFLOW, 0);
    (void) ws("{\"e\":\"trade\",\"E\":1,\"s\":\"BTCUSDT\",\"t\":7,"
              "\"p\":\"92233720369\",\"q\":\"x\"}", TRD_ERROR, 0);
    (void) ws("{\"e\":\"trade\",\"E\":1,\"s\":\"BTCUSDT\",\"t\":7,"
              "\"p\":\"0.000000001\",\"q\":\"1\"}", TRD_ERROR, 0);
    (void) ws("{\"u\":1,\"s\":\"BTCUSDT\",\"b\":\"1\",\"a\":\"1e5\"}",
              TRD_ERROR, 0);
    (void) ws("{\"u\":1,\"s\":\"BTCUSDT\",\"b\":\"100000000000\","
              "\"a\":\"1\"}", TRD_OVERFLOW, 0);

    u = ws("{\"e\":\"trade\",\"E\":1,\"s\":\"BTCUSDT\",\"t\":7,"
           "\"p\":\"1\",\"q\":\"92233720369\"}", TRD_OK, 1);
    assert_int_equal(u.dropped, TRD_HAS_VOLUME);
    assert_int_equal(u.has, TRD_HAS_LAST | TRD_HAS_TIME);
    assert_int_equal(u.last_quantity_e8, 0);

    u = ws("{\"e\":\"24hrMiniTicker\",\"E\":1,\"s\":\"BTCUSDT\","
           "\"c\":\"1\",\"o\":\"1\",\"h\":\"1\",\"l\":\"1\","
           "\"v\":\"1\",\"q\":\"123456789012.00000000\"}", TRD_OK, 1);
    assert_int_equal(u.dropped, TRD_HAS_QUOTE_VOLUME);
    assert_int_equal(u.has, HAS_DAY & ~TRD_HAS_QUOTE_VOLUME);
    assert_int_equal(u.quote_volume_e8, 0);
}


static void
test_trd_binance_decode_ids_and_times(void **state)
{
    trd_update_t  u;

    (void) state;

    (void) ws("{\"u\":-1,\"s\":\"BTCUSDT\",\"b\":\"1\",\"a\":\"2\"}",
              TRD_ERROR, 0);
    (void) ws("{\"u\":1.0,\"s\":\"BTCUSDT\",\"b\":\"1\",\"a\":\"2\"}",
              TRD_ERROR, 0);
    (void) ws("{\"u\":1e3,\"s\":\"BTCUSDT\",\"b\":\"1\",\"a\":\"2\"}",
              TRD_ERROR, 0);
    (void) ws("{\"u\":\"1\",\"s\":\"BTCUSDT\",\"b\":\"1\",\"a\":\"2\"}",
              TRD_ERROR, 0);
    (void) ws("{\"u\":9223372036854775808,\"s\":\"BTCUSDT\",\"b\":\"1\","
              "\"a\":\"2\"}", TRD_ERROR, 0);
    (void) ws("{\"e\":\"trade\",\"E\":-1,\"s\":\"BTCUSDT\",\"t\":7,"
              "\"p\":\"1\",\"q\":\"1\"}", TRD_ERROR, 0);

    u = ws("{\"e\":\"trade\",\"E\":0,\"s\":\"BTCUSDT\",\"t\":7,"
           "\"p\":\"1\",\"q\":\"1\"}", TRD_OK, 1);
    assert_int_equal(u.has, TRD_HAS_LAST);
}


/* each event without one of its members, and with each of a wrong type */
static void
test_trd_binance_decode_members_needed(void **state)
{
    char        *text;
    size_t       i, k;
    json_t      *event;
    const char  *name;
    outcome_t    got = { 0 };

    static const struct {
        const char  *text;
        const char  *needed;
    } events[] = {
        { TRADE, "Estpq" }, { MINI, "Escohlvq" }, { TICKER, "EscohlvqbaL" },
    };

    (void) state;

    for (i = 0; i < N(events); i++) {
        for (k = 0; k < 2 * strlen(events[i].needed); k++) {
            event = json_loads(events[i].text, 0, NULL);
            name = (const char [2]) { events[i].needed[k / 2], '\0' };

            if (k % 2) {
                json_object_set_new(event, name, json_true());

            } else {
                json_object_del(event, name);
            }

            text = json_dumps(event, JSON_COMPACT);
            run(trd_binance_decode, text, strlen(text), &got);
            assert_int_equal(got.rc, TRD_ERROR);
            assert_int_equal(got.n, 0);
            free(text);
            json_decref(event);
        }
    }

    free(got.list);
}


static void
test_trd_binance_ticker_24hr_forms(void **state)
{
    trd_update_t  u;

    (void) state;

    u = rest(REST_FULL, TRD_OK, 1);
    assert_int_equal(u.kind, TRD_UPDATE_SNAPSHOT);
    assert_int_equal(u.has, HAS_DAY | HAS_SIDES);
    assert_int_equal(u.id, 294801814);
    assert_int_equal(u.exchange_ms, 1586991278494);
    assert_int_equal(u.last_e8, 670582000000);
    assert_int_equal(u.open_e8, 687264000000);
    assert_int_equal(u.high_e8, 693300000000);
    assert_int_equal(u.low_e8, 668010000000);
    assert_int_equal(u.volume_e8, 5785749485700);
    assert_int_equal(u.quote_volume_e8, 39265991062660750);
    assert_int_equal(u.bid_e8, 670588000000);
    assert_int_equal(u.ask_e8, 670621000000);

    u = rest(REST_MINI "}", TRD_OK, 1);
    assert_int_equal(u.has, HAS_DAY);

    (void) rest("[" REST_FULL "," REST_MINI "}]", TRD_OK, 2);
    (void) rest("[" REST_FULL ",{}," REST_FULL "]", TRD_ERROR, 2);
    (void) rest("[" REST_FULL ",]", TRD_ERROR, 0);
    (void) rest("[]", TRD_IGNORED, 0);
    (void) rest("", TRD_ERROR, 0);
    (void) rest("<html>", TRD_ERROR, 0);
    (void) rest("{\"code\":-1121,\"msg\":\"Invalid symbol.\"}", TRD_IGNORED,
                0);
    (void) rest("{\"symbol\":\"BTCUSDT\"}", TRD_ERROR, 0);
}


static void
test_trd_binance_ticker_24hr_no_book(void **state)
{
    trd_update_t  u;

    (void) state;

    u = rest(REST_MINI ",\"bidPrice\":\"0.00000000\","
             "\"askPrice\":\"0.00000000\"}", TRD_OK, 1);
    assert_int_equal(u.has, HAS_DAY);

    u = rest(REST_MINI ",\"bidPrice\":\"1.0\",\"askPrice\":\"0\"}", TRD_OK,
             1);
    assert_int_equal(u.has, HAS_DAY | TRD_HAS_BID);

    (void) rest(REST_MINI ",\"bidPrice\":null}", TRD_ERROR, 0);
    (void) rest(REST_MINI ",\"askPrice\":\"92233720369\"}", TRD_OVERFLOW, 0);
}


/* the members of an object, in another order, as text */
static char *
shuffled(json_t *event, uint64_t *seed)
{
    char        *text, *part;
    size_t       n, k, i;
    json_t      *v;
    const char  *keys[64], *key;

    n = 0;

    json_object_foreach(event, key, v) {
        if (n < N(keys)) {
            keys[n++] = key;
        }
    }

    text = malloc(16384);
    assert_non_null(text);
    strcpy(text, "{");

    while (n > 0) {
        k = recordings_random(seed) % n;
        part = json_dumps(json_object_get(event, keys[k]),
                          JSON_COMPACT | JSON_ENCODE_ANY);
        assert_true(strlen(text) + strlen(part) + 64 < 16384);
        i = strlen(text);
        snprintf(text + i, 16384 - i, "\"%s\":%s%s", keys[k], part,
                 n > 1 ? "," : "");
        free(part);
        keys[k] = keys[--n];
    }

    strcat(text, "}");

    return text;
}


/* sets, takes away or adds one member */
static void
change_member(json_t *event, uint64_t *seed)
{
    char        *name;
    size_t       n;
    json_t      *v;
    const char  *key;

    static const char  *strings[] = {
        "", "0", "0.00000000", "-1.5", "1e5", "1.123456789", "1.1234567800",
        "92233720368.54775807", "92233720368.54775808", "99999999999999", "x",
        "trade", "24hrTicker", "24hrMiniTicker", "BTCUSDT", "1.", ".1"
    };

    static const char  *names[] = {
        "e", "u", "s", "b", "a", "E", "t", "L", "stream", "data", "zz", "@"
    };

    n = json_object_size(event);
    n = n ? recordings_random(seed) % n : 0;
    name = NULL;

    json_object_foreach(event, key, v) {
        if (n-- == 0) {
            name = strdup(key);
        }
    }

    if (name == NULL || recordings_random(seed) % 8 == 0) {
        free(name);
        name = strdup(names[recordings_random(seed) % N(names)]);
    }

    switch (recordings_random(seed) % 8) {
    case 0:
        json_object_del(event, name);
        break;
    case 1:
        json_object_set_new(event, name, json_integer(
            (json_int_t) recordings_random(seed) >> recordings_random(seed)
                                                    % 64));
        break;
    case 2:
        json_object_set_new(event, name, json_integer(0));
        break;
    case 3:
        json_object_set_new(event, name,
                            json_pack("[{s:s}]", "e", "24hrTicker"));
        break;
    case 4:
        json_object_set_new(event, name, json_null());
        break;
    default:
        json_object_set_new(event, name, json_string(
            strings[recordings_random(seed) % N(strings)]));
    }

    free(name);
}


static void
test_trd_binance_decode_changed_members(void **state)
{
    char      *text;
    size_t     turn, k, results[TRD_IGNORED + 1] = { 0 };
    json_t    *event, *whole;
    uint64_t   seed;
    outcome_t  got = { 0 };

    static const char  *events[] = {
        TRADE, BOOK, MINI, TICKER, REST_FULL, REST_MINI "}"
    };

    (void) state;

    seed = 521288629;

    for (turn = 0; turn < CHANGES; turn++) {
        k = recordings_random(&seed) % N(events);
        event = json_loads(events[k], 0, NULL);

        do {
            change_member(event, &seed);
        } while (recordings_random(&seed) % 3 == 0);

        text = shuffled(event, &seed);
        json_decref(event);

        switch (recordings_random(&seed) % 4) {
        case 0:
            whole = json_pack("{s:s, s:o}", "stream", "x", "data",
                              json_loads(text, 0, NULL));
            free(text);
            text = shuffled(whole, &seed);
            json_decref(whole);
            break;
        case 1:
            whole = json_pack("[o, o]", json_loads(text, 0, NULL),
                              json_loads(events[k], 0, NULL));
            free(text);
            text = json_dumps(whole, JSON_INDENT(1));
            json_decref(whole);
            break;
        default:
            break;
        }

        assert_true(check_text(text, strlen(text), k > 3, &got));
        results[got.rc]++;
        free(text);
    }

    print_message("ok %zu, error %zu, overflow %zu, ignored %zu\n",
                  results[TRD_OK], results[TRD_ERROR], results[TRD_OVERFLOW],
                  results[TRD_IGNORED]);
    assert_true(results[TRD_OK] > 1000 && results[TRD_ERROR] > 1000
                && results[TRD_OVERFLOW] > 100
                && results[TRD_IGNORED] > 1000);
    free(got.list);
}


static void
test_trd_binance_decode_damaged(void **state)
{
    char       buf[1024];
    size_t     turn, k, len;
    uint64_t   seed;
    outcome_t  got = { 0 };

    static const char  *events[] = {
        TRADE, BOOK, MINI, TICKER, "[" MINI "," MINI "]", DEPTH,
        "{\"stream\":\"x\",\"data\":" TRADE "}", REST_FULL
    };

    (void) state;

    seed = 1013904223;

    for (turn = 0; turn < CHANGES; turn++) {
        k = recordings_random(&seed) % N(events);
        len = strlen(events[k]);
        memcpy(buf, events[k], len);

        do {
            len = recordings_mutate(buf, len, sizeof(buf), &seed);
        } while (recordings_random(&seed) % 4 == 0);

        (void) check_text(buf, len, k == 7, &got);
    }

    free(got.list);
}


typedef struct {
    size_t     texts;
    size_t     kinds[TRD_UPDATE_QUOTE + 1];
    uint64_t   seed;
    outcome_t  got;
} recorded_t;


static void
recorded_text(void *ctx, const char *path, char *text, size_t len)
{
    char        *copy;
    size_t       i, n;
    recorded_t  *r = ctx;

    r->texts++;

    for (n = 0; n < 2; n++) {
        (void) check_text(text, len, n == 1, &r->got);

        for (i = 0; i < r->got.n; i++) {
            r->kinds[r->got.list[i].u.kind]++;
        }
    }

    if (strstr(path, "ticker24hr") != NULL) {
        assert_int_equal(r->got.rc, TRD_OK);
    }

    if (len > 4096) {
        return;
    }

    copy = malloc(len + 64);
    assert_non_null(copy);
    memcpy(copy, text, len);
    n = recordings_mutate(copy, len, len + 64, &r->seed);
    (void) check_text(copy, n, 0, &r->got);
    free(copy);
}


static void
test_trd_binance_decode_recordings(void **state)
{
    recorded_t  r = { 0 };

    (void) state;

    r.seed = 362436069;

    if (recordings_each(recorded_text, &r) == 0) {
        print_message("skipped: no " RECORDINGS "\n");
        skip();
    }

    print_message("%zu recorded texts: trade %zu, book %zu, ticker %zu, "
                  "mini %zu, snapshot %zu\n", r.texts,
                  r.kinds[TRD_UPDATE_TRADE], r.kinds[TRD_UPDATE_BOOK],
                  r.kinds[TRD_UPDATE_TICKER], r.kinds[TRD_UPDATE_MINI],
                  r.kinds[TRD_UPDATE_SNAPSHOT]);

    /* as counted when the recordings were made */
    assert_int_equal(r.kinds[TRD_UPDATE_TRADE], 9757 + 6106 + 1);
    assert_int_equal(r.kinds[TRD_UPDATE_BOOK], 28040 + 24077 + 570 + 84);
    assert_int_equal(r.kinds[TRD_UPDATE_TICKER], 2);
    assert_int_equal(r.kinds[TRD_UPDATE_MINI], 26 + 1);
    assert_int_equal(r.kinds[TRD_UPDATE_SNAPSHOT], 786 + 1 + 2);

    free(r.got.list);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_trd_binance_decode_trade),
        cmocka_unit_test(test_trd_binance_decode_book),
        cmocka_unit_test(test_trd_binance_decode_ticker),
        cmocka_unit_test(test_trd_binance_decode_mini),
        cmocka_unit_test(test_trd_binance_decode_never_traded),
        cmocka_unit_test(test_trd_binance_decode_envelope),
        cmocka_unit_test(test_trd_binance_decode_arrays),
        cmocka_unit_test(test_trd_binance_decode_futures),
        cmocka_unit_test(test_trd_binance_decode_ignored),
        cmocka_unit_test(test_trd_binance_decode_malformed),
        cmocka_unit_test(test_trd_binance_decode_repeated_keys),
        cmocka_unit_test(test_trd_binance_decode_escapes),
        cmocka_unit_test(test_trd_binance_decode_out_of_range),
        cmocka_unit_test(test_trd_binance_decode_ids_and_times),
        cmocka_unit_test(test_trd_binance_decode_members_needed),
        cmocka_unit_test(test_trd_binance_ticker_24hr_forms),
        cmocka_unit_test(test_trd_binance_ticker_24hr_no_book),
        cmocka_unit_test(test_trd_binance_decode_changed_members),
        cmocka_unit_test(test_trd_binance_decode_damaged),
        cmocka_unit_test(test_trd_binance_decode_recordings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
