/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Protects the proof of a tape: updates, prints, candles and books of every
 * kind of message are made anew from it, and one digit that is another one,
 * in a message or in a record, is found and named, although the tape is sound
 * in itself.  What the records must be stands here in figures.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tape_fixture.h"
#include "trd_binance.h"
#include "trd_prints.h"
#include "trd_rates_feed.h"
#include "trd_tape_series.h"
#include "tsd_log.h"
#include "tsd_tape_file.h"

#define T0    1723161254000LL           /* 14 s into a minute */
#define M0    1723161240000LL
#define FEED  90000                     /* s, of rates */

enum { BTC, ETH, EUR, JPY, XAU, INSTRUMENTS };

static trd_instrument_t  instruments[INSTRUMENTS];

/* a message; what it must bring is in step_records() */
typedef struct {
    tsd_tape_decoder_t   decoder;
    trd_source_t         source;
    uint32_t             instrument;
    uint32_t             option;
    const char          *text;
    const char          *marks[4];      /* each before a digit that counts */
} step_t;

static const step_t  steps[] = {
    { TSD_TAPE_BINANCE_STREAM, TRD_SOURCE_BINANCE, 0,
      TSD_TAPE_QUOTES | TRD_PRINTS_TRADES,
      "{\"e\":\"trade\",\"E\":1723161254000,\"s\":\"BTCUSDT\",\"t\":10,"
      "\"p\":\"61837.63\",\"q\":\"0.02\",\"T\":1723161254000,\"m\":true}",
      { "\"t\":1", "61837.6", "\"0.0", NULL } },

    { TSD_TAPE_BINANCE_STREAM, TRD_SOURCE_BINANCE, 0, TRD_PRINTS_AGGREGATES,
      "{\"e\":\"aggTrade\",\"E\":1723161254100,\"s\":\"ETHUSDT\",\"a\":5,"
      "\"p\":\"2680.10\",\"q\":\"0.5\",\"f\":70,\"l\":72,"
      "\"T\":1723161254100,\"m\":false}",
      { "2680.1", "\"q\":\"0.", "\"f\":7", NULL } },

    /* we had 72: it counts from 73 on */
    { TSD_TAPE_BINANCE_STREAM, TRD_SOURCE_BINANCE, 0, TRD_PRINTS_AGGREGATES,
      "{\"e\":\"aggTrade\",\"E\":1723161254200,\"s\":\"ETHUSDT\",\"a\":6,"
      "\"p\":\"2680.20\",\"q\":\"0.6\",\"f\":72,\"l\":75,"
      "\"T\":1723161254200,\"m\":true}",
      { "2680.2", "\"l\":7", NULL } },

    { TSD_TAPE_BINANCE_STREAM, TRD_SOURCE_BINANCE, 0, TRD_PRINTS_KLINES,
      "{\"e\":\"kline\",\"E\":1723161254300,\"s\":\"ETHUSDT\",\"k\":{"
      "\"t\":1723161240000,\"T\":1723161299999,\"s\":\"ETHUSDT\","
      "\"i\":\"1m\",\"f\":1,\"L\":75,\"o\":\"2680.00\",\"c\":\"2680.20\","
      "\"h\":\"2681.00\",\"l\":\"2679.50\",\"v\":\"12.5\",\"n\":75,"
      "\"x\":false,\"q\":\"33500.25\",\"V\":\"1\",\"Q\":\"1\",\"B\":\"0\"}}",
      { "\"c\":\"2680.2", "\"v\":\"12.", "\"q\":\"33500.2", NULL } },

    { TSD_TAPE_BINANCE_KLINES, TRD_SOURCE_BINANCE, BTC, TRD_INTERVAL_1M,
      "[[1723161120000,\"61800.00\",\"61850.00\",\"61790.00\",\"61810.00\","
      "\"3.5\",1723161179999,\"216335.1\",40,\"1\",\"1\",\"0\"],"
      "[1723161180000,\"61810.00\",\"61840.00\",\"61800.00\",\"61837.00\","
      "\"2.5\",1723161239999,\"154592.5\",30,\"1\",\"1\",\"0\"]]",
      { "61790.0", "\"2.", "154592.", NULL } },

    /* waits for the snapshot */
    { TSD_TAPE_BINANCE_STREAM, TRD_SOURCE_BINANCE, 0, TRD_PRINTS_DIFFS,
      "{\"e\":\"depthUpdate\",\"E\":1723161254500,\"s\":\"BTCUSDT\","
      "\"U\":99,\"u\":101,\"b\":[[\"61837.50\",\"5.0\"]],\"a\":[]}",
      { "61837.5", "\"5.", NULL } },

    { TSD_TAPE_BINANCE_DEPTH, TRD_SOURCE_BINANCE, BTC, 1000,
      "{\"lastUpdateId\":100,\"bids\":[[\"61837.63\",\"1.0\"],"
      "[\"61837.00\",\"2.0\"]],\"asks\":[[\"61837.64\",\"3.0\"],"
      "[\"61838.00\",\"4.0\"]]}",
      { "61837.0", "\"4.", NULL } },

    { TSD_TAPE_BINANCE_STREAM, TRD_SOURCE_BINANCE, 0, TRD_PRINTS_DIFFS,
      "{\"e\":\"depthUpdate\",\"E\":1723161254700,\"s\":\"BTCUSDT\","
      "\"U\":102,\"u\":103,\"b\":[[\"61837.63\",\"0\"]],"
      "\"a\":[[\"61838.00\",\"4.5\"]]}",
      { "\"u\":10", "\"4.", NULL } },

    { TSD_TAPE_BINANCE_STREAM, TRD_SOURCE_BINANCE, 0, TRD_PRINTS_PARTIAL,
      "{\"stream\":\"ethusdt@depth20@100ms\",\"data\":{\"lastUpdateId\":7,"
      "\"bids\":[[\"2680.00\",\"9.0\"]],\"asks\":[[\"2680.50\",\"8.0\"]]}}",
      { "2680.5", "\"9.", NULL } },

    { TSD_TAPE_RATES, TRD_SOURCE_FOREX, 0,
      TSD_TAPE_RATES_OPTION(TRD_RATES_EXCHANGERATE, FEED),
      "{\"base\":\"USD\",\"date\":\"2024-08-08\","
      "\"time_last_updated\":1723161000,\"rates\":{\"USD\":1,"
      "\"EUR\":0.92,\"JPY\":143.27}}",
      { "0.9", "143.2", "172316100", NULL } },

    { TSD_TAPE_RATES_SAME, TRD_SOURCE_FOREX, 0,
      TSD_TAPE_RATES_OPTION(TRD_RATES_EXCHANGERATE, FEED), "", { NULL } },

    { TSD_TAPE_RATES, TRD_SOURCE_METALS, 0,
      TSD_TAPE_RATES_OPTION(TRD_RATES_METALS, FEED),
      "{\"success\":true,\"timestamp\":1723161000,\"base\":\"USD\","
      "\"rates\":{\"XAU\":0.00041}}",
      { "0.0004", NULL } },

    /* refused for its time, its id, and when it begins or ends: each brings
       nothing, so that any record of it would be one too many */
    { TSD_TAPE_BINANCE_STREAM, TRD_SOURCE_BINANCE, 0, TRD_PRINTS_TRADES,
      "{\"e\":\"trade\",\"E\":1723161255200,\"s\":\"BTCUSDT\",\"t\":11,"
      "\"p\":\"61837.63\",\"q\":\"0.02\",\"T\":1723247654000,\"m\":true}",
      { NULL } },

    { TSD_TAPE_BINANCE_STREAM, TRD_SOURCE_BINANCE, 0, TRD_PRINTS_TRADES,
      "{\"e\":\"trade\",\"E\":1723161255300,\"s\":\"BTCUSDT\","
      "\"t\":4611686018427387904,\"p\":\"61837.63\",\"q\":\"0.02\","
      "\"T\":1723161255300,\"m\":true}",
      { NULL } },

    { TSD_TAPE_BINANCE_STREAM, TRD_SOURCE_BINANCE, 0, TRD_PRINTS_KLINES,
      "{\"e\":\"kline\",\"E\":1723161255400,\"s\":\"ETHUSDT\",\"k\":{"
      "\"t\":1723161240000,\"T\":1723161299999,\"s\":\"ETHUSDT\","
      "\"i\":\"1m\",\"f\":1,\"L\":75,\"o\":\"2680.00\",\"c\":\"2680.20\","
      "\"h\":\"2681.00\",\"l\":\"2679.50\",\"v\":\"12.5\",\"n\":75,"
      "\"x\":true,\"q\":\"33500.25\",\"V\":\"1\",\"Q\":\"1\",\"B\":\"0\"}}",
      { NULL } },

    { TSD_TAPE_BINANCE_STREAM, TRD_SOURCE_BINANCE, 0, TRD_PRINTS_KLINES,
      "{\"e\":\"kline\",\"E\":1723161255500,\"s\":\"ETHUSDT\",\"k\":{"
      "\"t\":1723247640000,\"T\":1723247699999,\"s\":\"ETHUSDT\","
      "\"i\":\"1m\",\"f\":1,\"L\":75,\"o\":\"2680.00\",\"c\":\"2680.20\","
      "\"h\":\"2681.00\",\"l\":\"2679.50\",\"v\":\"12.5\",\"n\":75,"
      "\"x\":false,\"q\":\"33500.25\",\"V\":\"1\",\"Q\":\"1\",\"B\":\"0\"}}",
      { NULL } }
};

#define REFUSED  4                      /* at their end */

#define STEPS    (sizeof(steps) / sizeof(steps[0]))

/* records in the making; one of them may be doctored */
typedef struct {
    tsd_tape_t         *tape;
    uint64_t            seq;
    int64_t             ms;
    uint64_t            doctored;       /* seq, 0 = none, */
    unsigned            how;            /* ... and which value */
    uint64_t            omitted;        /* seq; 0 = none */
} maker_t;


static void
put(maker_t *k, const trd_tape_record_t *made, uint32_t instrument)
{
    trd_tape_book_t    book;
    trd_tape_record_t  r = *made;

    r.instrument = instrument;
    r.source = instruments[instrument].source;
    r.seq = ++k->seq;
    r.received_ms = k->ms;

    if (r.book) {
        book = *r.book;
        r.book = &book;
    }

    if (r.seq == k->doctored) {
        switch (r.op == TRD_TAPE_BOOK ? 2 + k->how : k->how) {
        case 0:
            r.update.last_e8++;
            break;
        case 1:
            r.update.exchange_ms--;
            break;
        case 2:
            book.level[0][0].price_e8++;
            break;
        default:
            book.level[1][0].quantity_e8++;
            break;
        }
    }

    if (r.seq != k->omitted) {
        tsd_tape_put(k->tape, &r);
    }
}


static void
put_print(maker_t *k, uint32_t instrument, uint64_t first, uint64_t last,
    int64_t price, int64_t quantity, int64_t ms, uint32_t flags)
{
    trd_print_t        t = { first, last, price, quantity, ms };
    trd_tape_record_t  r;

    memset(&r, 0, sizeof(r));
    trd_tape_of_print(&r, &t, flags);
    put(k, &r, instrument);
}


static void
put_candle(maker_t *k, uint32_t instrument, const trd_candle_t *c,
    uint64_t last_id)
{
    trd_tape_record_t  r;

    memset(&r, 0, sizeof(r));
    trd_tape_of_candle(&r, TRD_INTERVAL_1M, c, last_id);
    put(k, &r, instrument);
}


static void
put_book(maker_t *k, uint32_t instrument, uint64_t id, int64_t ms,
    const trd_level_t *bids, uint32_t nbids, const trd_level_t *asks,
    uint32_t nasks)
{
    trd_tape_book_t    book;
    trd_tape_record_t  r;

    memset(&r, 0, sizeof(r));
    memset(&book, 0, sizeof(book));
    trd_tape_of_book(&r, &book, id, ms, bids, nbids, asks, nasks);
    put(k, &r, instrument);
}


static void
put_rate(maker_t *k, uint32_t instrument, int64_t price, unsigned derived)
{
    trd_tape_record_t  r;

    memset(&r, 0, sizeof(r));
    r.update.kind = TRD_UPDATE_QUOTE;
    r.update.has = TRD_HAS_LAST | TRD_HAS_TIME | TRD_HAS_OPEN;
    r.update.last_e8 = price;
    r.update.open_e8 = price - 1000;    /* of the source's own memory */
    r.update.derived = derived;
    r.update.every_ms = FEED * 1000;
    r.update.exchange_ms = 1723161000000;
    put(k, &r, instrument);
}


static void
quote_of(void *ctx, const char *symbol, size_t len, const trd_update_t *u)
{
    (void) symbol;
    (void) len;

    *(trd_update_t *) ctx = *u;
}


static void
step_records(maker_t *k, size_t step)
{
    trd_tape_record_t  r;

    static const trd_level_t  bids[] = {
        { 6183763000000, 100000000 }, { 6183750000000, 500000000 },
        { 6183700000000, 200000000 }
    };
    static const trd_level_t  asks[] = {
        { 6183764000000, 300000000 }, { 6183800000000, 400000000 }
    };
    static const trd_level_t  more[] = {
        { 6183764000000, 300000000 }, { 6183800000000, 450000000 }
    };
    static const trd_level_t  top[] = {
        { 268000000000, 900000000 }, { 268050000000, 800000000 }
    };
    static const trd_candle_t  candles[] = {
        { M0, 268000000000, 268100000000, 267950000000, 268020000000,
          1250000000, 3350025000000, 75,
          TRD_CANDLE_OPEN | TRD_CANDLE_SOURCE },
        { M0 - 120000, 6180000000000, 6185000000000, 6179000000000,
          6181000000000, 350000000, 21633510000000, 40, TRD_CANDLE_SOURCE },
        { M0 - 60000, 6181000000000, 6184000000000, 6180000000000,
          6183700000000, 250000000, 15459250000000, 30, TRD_CANDLE_SOURCE }
    };

    switch (step) {

    case 0:
        memset(&r, 0, sizeof(r));
        assert_int_equal(trd_binance_decode(steps[0].text,
                                            strlen(steps[0].text), quote_of,
                                            &r.update), TRD_OK);
        put(k, &r, BTC);
        put_print(k, BTC, 10, 10, 6183763000000, 2000000, T0,
                  TRD_TRADE_SIDE | TRD_TRADE_BUYER_MAKER);
        break;

    case 1:
        put_print(k, ETH, 70, 72, 268010000000, 50000000, T0 + 100,
                  TRD_TRADE_SIDE);
        break;

    case 2:
        put_print(k, ETH, 73, 75, 268020000000, 60000000, T0 + 200,
                  TRD_TRADE_SIDE | TRD_TRADE_BUYER_MAKER);
        break;

    case 3:
        put_candle(k, ETH, &candles[0], 75);
        break;

    case 4:
        put_candle(k, BTC, &candles[1], 0);
        put_candle(k, BTC, &candles[2], 0);
        break;

    case 6:
        put_book(k, BTC, 101, T0 + 500, bids, 3, asks, 2);
        break;

    case 7:
        put_book(k, BTC, 103, T0 + 700, bids + 1, 2, more, 2);
        break;

    case 8:
        put_book(k, ETH, 7, 0, top, 1, top + 1, 1);
        break;

    case 9:
    case 10:
        put_rate(k, EUR, 108696000, TRD_DERIVED_INVERSE);
        put_rate(k, JPY, 14327000000, TRD_DERIVED_NOT);
        break;

    case 11:
        put_rate(k, XAU, 243902000000, TRD_DERIVED_INVERSE);
        break;

    default:
        break;
    }
}


/* A tape of all steps; that of `changed` is written with another text. */

static void
tape_of(const char *dir, maker_t *k, size_t changed, const char *text)
{
    size_t              i;
    uint64_t            seq;
    tsd_tape_origin_t   from;
    tsd_tape_options_t  o;
    trd_tape_record_t   r;

    memset(&o, 0, sizeof(o));
    o.dir = dir;
    o.raw = 1;
    o.max_bytes = 1 << 20;
    o.segment_bytes = 1 << 18;
    o.instruments = instruments;
    o.n = INSTRUMENTS;
    o.limits.max_jump_bp = 2000;
    o.limits.max_future_ms = 5000;

    k->tape = tsd_tape_create(&o, &seq);
    assert_non_null(k->tape);
    k->seq = 0;

    memset(&r, 0, sizeof(r));
    r.op = TRD_TAPE_START;
    r.received_ms = T0;
    tsd_tape_put(k->tape, &r);

    for (i = 0; i < STEPS; i++) {
        k->ms = T0 + 100 * (int64_t) i;
        from.decoder = steps[i].decoder;
        from.source = steps[i].source;
        from.instrument = steps[i].instrument;
        from.option = steps[i].option;
        tsd_tape_message(k->tape, &from,
                         i == changed ? text : steps[i].text,
                         strlen(i == changed ? text : steps[i].text), k->ms);
        step_records(k, i);
        tsd_tape_message_end(k->tape);
    }

    assert_int_equal(tsd_tape_close(k->tape), 0);
}


static void
verdict_of(maker_t *k, size_t changed, const char *text,
    tsd_tape_verdict_t *v)
{
    char  dir[128];

    market_fixture_dir(dir);
    tape_of(dir, k, changed, text);

    /* without its messages it is sound */
    tsd_tape_verify(dir, 0, v, NULL, NULL);
    assert_string_equal(v->error, "");

    tsd_tape_verify(dir, 1, v, NULL, NULL);
    market_fixture_rmdir(dir);
}


static void
test_derive_every_kind(void **state)
{
    maker_t             k;
    tsd_tape_verdict_t  v;

    (void) state;

    memset(&k, 0, sizeof(k));
    verdict_of(&k, STEPS, NULL, &v);
    assert_string_equal(v.error, "");
    assert_int_equal(v.messages, STEPS);
    assert_int_equal(v.updates, 6);
    assert_int_equal(v.prints, 3);
    assert_int_equal(v.candles, 3);
    assert_int_equal(v.books, 3);
    assert_int_equal(v.derived, 15);
    assert_int_equal(v.underived, 0);
    assert_int_equal(v.judged, REFUSED);
    assert_int_equal(k.seq, 15);
}


/* The message of a step says another digit than the tape does. */

static void
test_derive_finds_a_digit_of_a_message(void **state)
{
    char                text[2048], *at;
    size_t              i, m;
    maker_t             k;
    tsd_tape_verdict_t  v;

    (void) state;

    memset(&k, 0, sizeof(k));

    for (i = 0; i < STEPS; i++) {
        for (m = 0; steps[i].marks[m]; m++) {
            strcpy(text, steps[i].text);
            at = strstr(text, steps[i].marks[m]);
            assert_non_null(at);
            at += strlen(steps[i].marks[m]);
            assert_true(*at >= '0' && *at <= '9');
            *at = *at == '9' ? '8' : (char) (*at + 1);

            verdict_of(&k, i, text, &v);

            if (v.rc == TRD_OK) {
                fail_msg("step %zu, \"%s\" was not found", i,
                         steps[i].marks[m]);
            }

            if (strstr(v.error, "is not what") == NULL
                && strstr(v.error, "was left out") == NULL)
            {
                fail_msg("step %zu: %s", i, v.error);
            }
        }
    }
}


/* Each record in turn is another than its message says, or not there. */

static void
test_derive_finds_a_digit_of_a_record(void **state)
{
    char                named[32];
    maker_t             k;
    uint64_t            seq;
    tsd_tape_verdict_t  v;

    (void) state;

    for (seq = 1; seq <= 15; seq++) {
        for (k.how = 0; k.how < 2; k.how++) {
            k.doctored = seq;
            k.omitted = 0;
            verdict_of(&k, STEPS, NULL, &v);
            (void) sprintf(named, "seq %d:", (int) seq);
            assert_int_equal(v.rc, TRD_CORRUPT);

            if (strncmp(v.error, named, strlen(named)) != 0) {
                fail_msg("%s, not %s", v.error, named);
            }
        }

        /* a book that was not shown is no lie */
        k.doctored = 0;
        k.omitted = seq;
        verdict_of(&k, STEPS, NULL, &v);
        assert_int_equal(v.rc, seq >= 8 && seq <= 10 ? TRD_OK : TRD_CORRUPT);
    }
}


/* What claims to be of a live source needs a message. */

static void
test_derive_wants_messages_of_live_sources(void **state)
{
    char                dir[128];
    maker_t             k;
    uint64_t            seq;
    tsd_tape_options_t  o;
    tsd_tape_verdict_t  v;

    (void) state;

    memset(&o, 0, sizeof(o));
    o.dir = market_fixture_dir(dir);
    o.raw = 1;
    o.max_bytes = 1 << 20;
    o.segment_bytes = 1 << 18;
    o.instruments = instruments;
    o.n = INSTRUMENTS;

    memset(&k, 0, sizeof(k));
    k.tape = tsd_tape_create(&o, &seq);
    assert_non_null(k.tape);
    k.ms = T0;
    put_rate(&k, EUR, 108696000, TRD_DERIVED_INVERSE);
    assert_int_equal(tsd_tape_close(k.tape), 0);

    tsd_tape_verify(dir, 1, &v, NULL, NULL);
    assert_non_null(strstr(v.error, "seq 1: an update of source forex comes "
                                    "from no message"));
    market_fixture_rmdir(dir);
}


int
main(void)
{
    unsigned  i;

    static const struct {
        const char    *symbol, *exchange, *base, *quote;
        trd_source_t   source;
        int64_t        tick_e8;
    } list[INSTRUMENTS] = {
        { "BTC", "BTCUSDT", "BTC", "USDT", TRD_SOURCE_BINANCE, 1000000 },
        { "ETH", "ETHUSDT", "ETH", "USDT", TRD_SOURCE_BINANCE, 1000000 },
        { "EUR/USD", "EURUSD", "EUR", "USD", TRD_SOURCE_FOREX, 1000 },
        { "USD/JPY", "USDJPY", "USD", "JPY", TRD_SOURCE_FOREX, 100000 },
        { "XAU/USD", "XAUUSD", "XAU", "USD", TRD_SOURCE_METALS, 1000000 }
    };

    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_derive_every_kind),
        cmocka_unit_test(test_derive_finds_a_digit_of_a_message),
        cmocka_unit_test(test_derive_finds_a_digit_of_a_record),
        cmocka_unit_test(test_derive_wants_messages_of_live_sources)
    };

    if (tsd_log_init("test", getenv("TEST_LOG") ? "info" : "error", "text")
        != 0)
    {
        return 1;
    }

    for (i = 0; i < INSTRUMENTS; i++) {
        strcpy(instruments[i].symbol, list[i].symbol);
        strcpy(instruments[i].exchange_symbol, list[i].exchange);
        strcpy(instruments[i].base, list[i].base);
        strcpy(instruments[i].quote, list[i].quote);
        instruments[i].source = (uint8_t) list[i].source;
        instruments[i].price_tick_e8 = list[i].tick_e8;
        instruments[i].lot_step_e8 = 1000;
        instruments[i].stale_after_ms = 100000000;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
