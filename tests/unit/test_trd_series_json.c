/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Candles, books and trades as JSON: jansson reads them, every value is what
 * trd_decimal.c writes of it, and a buffer that is too small is found.
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

#include "recordings.h"
#include "trd_series_json.h"


static void
instrument(trd_instrument_t *in, unsigned price_places, unsigned lot_places)
{
    memset(in, 0, sizeof(*in));
    strcpy(in->symbol, "BTC");
    in->price_places = (uint8_t) price_places;
    in->lot_places = (uint8_t) lot_places;
}


/* numbers of every length, many of them with zeros at their end */

static int64_t
value(uint64_t *seed, int negative)
{
    int64_t   v;
    uint64_t  r;
    unsigned  i;

    r = recordings_random(seed);
    v = (int64_t) (r >> 1 >> recordings_random(seed) % 63);

    for (i = 0; i < r % 9; i++) {
        v = v / 10;
    }

    for (i = 0; i < r / 9 % 9 && v < INT64_MAX / 10; i++) {
        v = v * 10;
    }

    return (negative && (r & 0x1000)) ? -v : v;
}


static void
same(json_t *object, const char *name, int64_t e8, unsigned places)
{
    char         text[TRD_DECIMAL_LEN + 1];
    const char  *got;

    text[trd_decimal_format(e8, places, text)] = '\0';
    got = json_string_value(json_object_get(object, name));

    assert_non_null(got);
    assert_string_equal(got, text);
}


static void
check_candle(json_t *o, const trd_instrument_t *in, const trd_candle_t *c)
{
    char  time[TRD_TIME_LEN + 1];

    trd_time_format(c->open_ms, time);
    time[TRD_TIME_LEN] = '\0';

    assert_string_equal(json_string_value(json_object_get(o, "open_time")),
                        time);
    same(o, "open", c->open_e8, in->price_places);
    same(o, "high", c->high_e8, in->price_places);
    same(o, "low", c->low_e8, in->price_places);
    same(o, "close", c->close_e8, in->price_places);

    if (c->flags & TRD_CANDLE_NO_VOLUME) {
        assert_true(json_is_null(json_object_get(o, "volume")));

    } else {
        same(o, "volume", c->volume_e8, in->lot_places);
    }

    if (c->flags & TRD_CANDLE_NO_QUOTE_VOLUME) {
        assert_true(json_is_null(json_object_get(o, "quote_volume")));

    } else {
        same(o, "quote_volume", c->quote_volume_e8, in->price_places);
    }

    if (c->flags & TRD_CANDLE_NO_TRADES) {
        assert_true(json_is_null(json_object_get(o, "trades")));

    } else {
        assert_int_equal(json_integer_value(json_object_get(o, "trades")),
                         c->trades);
    }

    assert_int_equal(json_is_true(json_object_get(o, "closed")),
                     !(c->flags & TRD_CANDLE_OPEN));
    assert_int_equal(json_is_false(json_object_get(o, "complete")),
                     (c->flags & TRD_CANDLE_PARTIAL) != 0);
    assert_true(json_is_boolean(json_object_get(o, "complete")));
    assert_int_equal(json_object_size(o), 10);
}


static void
test_candles(void **state)
{
    char              *exact;
    json_t            *list, *o;
    size_t             i, len, size;
    uint64_t           seed;
    unsigned           round;
    trd_writer_t       w;
    trd_candle_t       c[40];
    trd_instrument_t   in;
    static char        buf[40 * TRD_CANDLE_JSON_MAX + 2];

    (void) state;
    seed = 20240808;

    for (round = 0; round < 3000; round++) {
        instrument(&in, round % 9, round / 9 % 9);

        for (i = 0; i < 40; i++) {
            c[i].open_ms = (int64_t) (recordings_random(&seed) % 133590240)
                           * TRD_MINUTE_MS;
            c[i].open_e8 = value(&seed, 1);
            c[i].high_e8 = value(&seed, 1);
            c[i].low_e8 = value(&seed, 1);
            c[i].close_e8 = value(&seed, 1);
            c[i].volume_e8 = value(&seed, 0);
            c[i].quote_volume_e8 = value(&seed, 0);
            c[i].trades = (uint32_t) (recordings_random(&seed)
                                      >> recordings_random(&seed) % 64);
            c[i].flags = (uint32_t) recordings_random(&seed)
                         & TRD_CANDLE_FLAGS;
        }

        c[0].open_e8 = INT64_MIN;
        c[0].high_e8 = INT64_MAX;
        c[0].low_e8 = 0;
        c[1].trades = UINT32_MAX;

        trd_writer_init(&w, buf, sizeof(buf));
        trd_candles_json(&w, &in, c, 40);
        assert_false(trd_writer_overflowed(&w));
        len = trd_writer_len(&w);

        list = json_loadb(buf, len, 0, NULL);
        assert_int_equal(json_array_size(list), 40);

        json_array_foreach(list, i, o) {
            check_candle(o, &in, &c[i]);
        }

        json_decref(list);

        /* into memory of just that size, and of less: the need is told */
        size = (round & 1) ? len : recordings_random(&seed) % len;
        exact = malloc(size ? size : 1);
        assert_non_null(exact);

        trd_writer_init(&w, exact, size);
        trd_candles_json(&w, &in, c, 40);
        assert_int_equal(w.need, len);
        assert_int_equal(trd_writer_overflowed(&w), size != len);
        assert_memory_equal(exact, buf, trd_writer_len(&w));

        free(exact);
    }

    trd_writer_init(&w, buf, sizeof(buf));
    trd_candles_json(&w, &in, c, 0);
    assert_int_equal(trd_writer_len(&w), 2);
}


static void
test_candle_by_hand(void **state)
{
    char              buf[1024];
    trd_writer_t      w;
    trd_candle_t      c;
    trd_instrument_t  in;

    static const char  want[] =
        "[{\"open_time\":\"2024-08-08T23:54:00.000Z\",\"open\":\"61837.60\","
        "\"high\":\"61845.11\",\"low\":\"61737.00\",\"close\":\"61837.64\","
        "\"volume\":\"1.50000\",\"quote_volume\":\"92756.460001\","
        "\"trades\":9757,\"closed\":false,\"complete\":false}]";

    (void) state;

    instrument(&in, 2, 5);
    c.open_ms = 1723161240000LL;
    c.open_e8 = 6183760000000LL;
    c.high_e8 = 6184511000000LL;
    c.low_e8 = 6173700000000LL;
    c.close_e8 = 6183764000000LL;
    c.volume_e8 = 150000000;
    c.quote_volume_e8 = 9275646000100LL;
    c.trades = 9757;
    c.flags = TRD_CANDLE_OPEN | TRD_CANDLE_PARTIAL;

    trd_writer_init(&w, buf, sizeof(buf));
    trd_candles_json(&w, &in, &c, 1);

    assert_int_equal(trd_writer_len(&w), sizeof(want) - 1);
    assert_memory_equal(buf, want, sizeof(want) - 1);
}


static void
test_depth(void **state)
{
    char              buf[1024];
    trd_writer_t      w;
    trd_instrument_t  in;
    trd_board_book_t  book;

    static const trd_level_t  bids[] = {
        { 6183763000000LL, 378826000 }, { 6183762000000LL, 1 }
    };
    static const trd_level_t  asks[] = { { 6183764000000LL, 154698000 } };
    static const char  want[] =
        "{\"symbol\":\"BTC\",\"last_update_id\":50093239212,"
        "\"timestamp\":\"2024-08-08T23:54:15.208Z\","
        "\"received_at\":\"1970-01-01T00:00:00.001Z\",\"stale\":false,"
        "\"bids\":"
        "[[\"61837.63\",\"3.78826\"],[\"61837.62\",\"0.00000001\"]],"
        "\"asks\":[[\"61837.64\",\"1.54698\"]]}";

    (void) state;

    instrument(&in, 2, 5);
    memset(&book, 0, sizeof(book));
    book.last_id = 50093239212ULL;
    book.exchange_ms = 1723161255208LL;
    book.received_ms = 1;
    book.bids = bids;
    book.nbids = 2;
    book.asks = asks;
    book.nasks = 1;

    trd_writer_init(&w, buf, sizeof(buf));
    trd_depth_json(&w, &in, &book, 0);
    assert_int_equal(trd_writer_len(&w), sizeof(want) - 1);
    assert_memory_equal(buf, want, sizeof(want) - 1);

    book.exchange_ms = 0;
    book.nbids = book.nasks = 0;
    trd_writer_init(&w, buf, sizeof(buf));
    trd_depth_json(&w, &in, &book, 1);
    buf[trd_writer_len(&w)] = '\0';
    assert_non_null(strstr(buf, "\"timestamp\":\"1970-01-01T00:00:00.001Z\","
                                "\"received_at\":"
                                "\"1970-01-01T00:00:00.001Z\","
                                "\"stale\":true,"
                                "\"bids\":[],\"asks\":[]}"));
}


static void
test_trades(void **state)
{
    char              buf[1024];
    trd_trade_t       t[3];
    trd_writer_t      w;
    trd_instrument_t  in;

    static const char  want[] =
        "[{\"id\":3735683259,\"price\":\"61837.63\",\"quantity\":\"0.02000\","
        "\"side\":\"sell\",\"timestamp\":\"2024-08-08T23:54:15.342Z\","
        "\"seq\":7},"
        "{\"id\":3735683260,\"price\":\"61837.64\",\"quantity\":\"0.02000\","
        "\"side\":\"buy\",\"timestamp\":\"2024-08-08T23:54:15.342Z\","
        "\"seq\":8},"
        "{\"id\":null,\"price\":\"61837.64\",\"quantity\":\"0.02000\","
        "\"side\":null,\"timestamp\":\"2024-08-08T23:54:15.342Z\",\"seq\":9}]";

    (void) state;

    instrument(&in, 2, 5);
    memset(t, 0, sizeof(t));

    t[0].seq = 7;
    t[0].id = 3735683259ULL;
    t[0].price_e8 = 6183763000000LL;
    t[0].quantity_e8 = 2000000;
    t[0].exchange_ms = 1723161255342LL;
    t[0].flags = TRD_TRADE_SIDE | TRD_TRADE_BUYER_MAKER;
    t[1] = t[0];
    t[1].seq = 8;
    t[1].id++;
    t[1].price_e8 += 1000000;
    t[1].flags = TRD_TRADE_SIDE;
    t[2] = t[1];
    t[2].seq = 9;
    t[2].id = 0;
    t[2].flags = 0;

    trd_writer_init(&w, buf, sizeof(buf));
    trd_trades_json(&w, &in, t, 3);
    assert_int_equal(trd_writer_len(&w), sizeof(want) - 1);
    assert_memory_equal(buf, want, sizeof(want) - 1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_candles),
        cmocka_unit_test(test_candle_by_hand),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_trades)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
