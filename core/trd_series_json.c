/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Series into JSON, see trd_series_json.h.  500 candles are 100 KB, written
 * for each request, so candles have a number writer of their own: eight
 * digits at a time in one 64-bit word, and no test for room but one a candle.
 */

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "trd_series_json.h"

_Static_assert(sizeof(trd_candle_t) == 64 && sizeof(trd_trade_t) == 56
               && sizeof(trd_level_t) == 16, "hashed as they are: no padding");


#define TRD_DAY_MS  86400000LL
#define TRD_EIGHT   100000000ULL

#define trd_put(p, s)  (memcpy(p, s, sizeof(s) - 1), (p) + sizeof(s) - 1)

/* what does not change from one candle to the next */
typedef struct {
    unsigned  price_places;
    unsigned  lot_places;
    int64_t   day;              /* whose date is in text */
    char      text[TRD_TIME_LEN];
} trd_candle_text_t;


/*
 * The eight digits of v < 10^8, a byte each (0 .. 9), the first one lowest:
 * v is divided into halves, quarters and eighths that stay in their lanes.
 */

static inline uint64_t
trd_eight_digits(uint32_t v)
{
    uint64_t  x, high;

    x = v / 10000 | (uint64_t) (v % 10000) << 32;

    high = (x * 10486 >> 20) & 0x7f0000007fULL;         /* / 100 */
    x = high + ((x - 100 * high) << 16);

    high = (x * 103 >> 10) & 0x000f000f000f000fULL;     /* / 10 */

    return high + ((x - 10 * high) << 8);
}


/* 8 bytes as text, whatever the machine's order */

static inline void
trd_eight_put(char *p, uint64_t digits)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    digits += 0x3030303030303030ULL;
    memcpy(p, &digits, 8);
#else
    unsigned  i;

    for (i = 0; i < 8; i++) {
        p[i] = (char) ('0' + (digits >> 8 * i & 0xff));
    }
#endif
}


/* an integer without leading zeros; writes up to 8 bytes beyond its end */

static inline char *
trd_put_u64(char *p, uint64_t v)
{
    uint64_t  digits;
    unsigned  zeros;

    if (v >= TRD_EIGHT) {
        p = trd_put_u64(p, v / TRD_EIGHT);
        trd_eight_put(p, trd_eight_digits((uint32_t) (v % TRD_EIGHT)));
        return p + 8;
    }

    digits = trd_eight_digits((uint32_t) v);
    zeros = (unsigned) __builtin_ctzll(digits | 1ULL << 56) / 8;

    trd_eight_put(p, digits >> 8 * zeros);

    return p + 8 - zeros;
}


/* as trd_decimal_format(); writes up to 8 bytes beyond its end */

static inline char *
trd_put_e8(char *p, int64_t e8, unsigned places)
{
    unsigned  n;
    uint64_t  v, digits;

    v = (uint64_t) e8;

    if (e8 < 0) {
        *p++ = '-';
        v = 0 - v;
    }

    p = trd_put_u64(p, v / TRD_EIGHT);
    digits = trd_eight_digits((uint32_t) (v % TRD_EIGHT));

    n = digits ? 8 - (unsigned) __builtin_clzll(digits) / 8 : 0;
    n = n < places ? places : n;

    if (n == 0) {
        return p;
    }

    *p = '.';
    trd_eight_put(p + 1, digits);

    return p + 1 + n;
}


/* "YYYY-MM-DDThh:mm:00.000Z" of a whole minute in the years 1970 to 9999 */

static inline char *
trd_put_minute(char *p, trd_candle_text_t *t, int64_t ms)
{
    int64_t   day;
    unsigned  minutes, hours;

    day = ms / TRD_DAY_MS;

    if (day != t->day) {
        trd_time_format(day * TRD_DAY_MS, t->text);
        t->day = day;
    }

    minutes = (unsigned) (ms - day * TRD_DAY_MS) / 60000;
    hours = minutes / 60;
    minutes %= 60;

    memcpy(p, t->text, TRD_TIME_LEN);
    p[11] = (char) ('0' + hours / 10);
    p[12] = (char) ('0' + hours % 10);
    p[14] = (char) ('0' + minutes / 10);
    p[15] = (char) ('0' + minutes % 10);

    return p + TRD_TIME_LEN;
}


static inline char *
trd_put_known(char *p, int64_t e8, unsigned places, uint32_t unknown)
{
    if (unknown) {
        return trd_put(p, "null");
    }

    *p++ = '"';
    p = trd_put_e8(p, e8, places);
    *p++ = '"';

    return p;
}


/* at most TRD_CANDLE_JSON_MAX bytes, those beyond the end included */

static char *
trd_candle_put_json(char *p, trd_candle_text_t *t, const trd_candle_t *c)
{
    if (c->open_ms >= 0 && c->open_ms <= 253402300799999LL) {
        p = trd_put(p, "{\"open_time\":\"");
        p = trd_put_minute(p, t, c->open_ms);
        p = trd_put(p, "\",\"open\":\"");

    } else {
        p = trd_put(p, "{\"open_time\":null,\"open\":\"");
    }

    p = trd_put_e8(p, c->open_e8, t->price_places);
    p = trd_put(p, "\",\"high\":\"");
    p = trd_put_e8(p, c->high_e8, t->price_places);
    p = trd_put(p, "\",\"low\":\"");
    p = trd_put_e8(p, c->low_e8, t->price_places);
    p = trd_put(p, "\",\"close\":\"");
    p = trd_put_e8(p, c->close_e8, t->price_places);
    p = trd_put(p, "\",\"volume\":");
    p = trd_put_known(p, c->volume_e8, t->lot_places,
                      c->flags & TRD_CANDLE_NO_VOLUME);
    p = trd_put(p, ",\"quote_volume\":");
    p = trd_put_known(p, c->quote_volume_e8, t->price_places,
                      c->flags & TRD_CANDLE_NO_QUOTE_VOLUME);
    p = trd_put(p, ",\"trades\":");

    if (c->flags & TRD_CANDLE_NO_TRADES) {
        p = trd_put(p, "null");

    } else {
        p = trd_put_u64(p, c->trades);
    }

    p = (c->flags & TRD_CANDLE_OPEN) ? trd_put(p, ",\"closed\":false")
                                     : trd_put(p, ",\"closed\":true");

    return (c->flags & TRD_CANDLE_PARTIAL)
           ? trd_put(p, ",\"complete\":false}")
           : trd_put(p, ",\"complete\":true}");
}


void
trd_candles_json(trd_writer_t *w, const trd_instrument_t *in,
    const trd_candle_t *c, uint32_t n)
{
    char               buf[TRD_CANDLE_JSON_MAX], *p;
    uint32_t           i;
    trd_candle_text_t  t;

    t.price_places = in->price_places < 8 ? in->price_places : 8;
    t.lot_places = in->lot_places < 8 ? in->lot_places : 8;
    t.day = -1;

    trd_write_lit(w, "[");

    for (i = 0; i < n; i++) {

        if (!trd_writer_overflowed(w)
            && (size_t) (w->end - w->pos) >= TRD_CANDLE_JSON_MAX)
        {
            p = w->pos;
            *p = ',';
            p = trd_candle_put_json(p + (i > 0), &t, &c[i]);
            w->need += (size_t) (p - w->pos);
            w->pos = p;
            continue;
        }

        buf[0] = ',';
        p = trd_candle_put_json(buf + (i > 0), &t, &c[i]);
        trd_write(w, buf, (size_t) (p - buf));
    }

    trd_write_lit(w, "]");
}


uint64_t
trd_candles_hash(const trd_candle_t *c, uint32_t n)
{
    return XXH3_64bits(c, n * sizeof(trd_candle_t));
}


uint64_t
trd_trades_hash(const trd_trade_t *t, uint32_t n)
{
    return XXH3_64bits(t, n * sizeof(trd_trade_t));
}


uint64_t
trd_book_hash(const trd_board_book_t *book)
{
    uint64_t  h;

    h = XXH3_64bits_withSeed(book->bids, book->nbids * sizeof(trd_level_t),
                             book->last_id);
    h = XXH3_64bits_withSeed(book->asks, book->nasks * sizeof(trd_level_t), h);

    return h ^ (uint64_t) book->exchange_ms
           ^ (uint64_t) book->received_ms * 0x9e3779b97f4a7c15ULL;
}


static void
trd_levels_json(trd_writer_t *w, const trd_instrument_t *in,
    const trd_level_t *l, uint32_t n)
{
    char      buf[80], *p;
    uint32_t  i;

    for (i = 0; i < n; i++) {
        p = buf;
        p = (i > 0) ? trd_put(p, ",[\"") : trd_put(p, "[\"");
        p = trd_put_e8(p, l[i].price_e8, in->price_places);
        p = trd_put(p, "\",\"");
        p = trd_put_e8(p, l[i].quantity_e8, in->lot_places);
        p = trd_put(p, "\"]");

        trd_write(w, buf, (size_t) (p - buf));
    }
}


void
trd_depth_json(trd_writer_t *w, const trd_instrument_t *in,
    const trd_board_book_t *book, int stale)
{
    trd_write_lit(w, "{\"symbol\":");
    trd_write_json_str(w, in->symbol, strlen(in->symbol));
    trd_write_lit(w, ",\"last_update_id\":");
    trd_write_u64(w, book->last_id);
    trd_write_lit(w, ",\"timestamp\":");
    trd_write_time(w, book->exchange_ms ? book->exchange_ms
                                        : book->received_ms);
    trd_write_lit(w, ",\"received_at\":");
    trd_write_time(w, book->received_ms);
    trd_write_lit(w, ",\"stale\":");
    trd_write_str(w, stale ? "true" : "false");
    trd_write_lit(w, ",\"bids\":[");
    trd_levels_json(w, in, book->bids, book->nbids);
    trd_write_lit(w, "],\"asks\":[");
    trd_levels_json(w, in, book->asks, book->nasks);
    trd_write_lit(w, "]}");
}


void
trd_trade_json(trd_writer_t *w, const trd_instrument_t *in,
    const trd_trade_t *t)
{
    trd_write_lit(w, "{\"id\":");

    if (t->id) {
        trd_write_u64(w, t->id);

    } else {
        trd_write_lit(w, "null");
    }

    trd_write_lit(w, ",\"price\":");
    trd_write_decimal(w, t->price_e8, in->price_places);
    trd_write_lit(w, ",\"quantity\":");
    trd_write_decimal(w, t->quantity_e8, in->lot_places);

    if (!(t->flags & TRD_TRADE_SIDE)) {
        trd_write_lit(w, ",\"side\":null,\"timestamp\":");

    } else if (t->flags & TRD_TRADE_BUYER_MAKER) {
        trd_write_lit(w, ",\"side\":\"sell\",\"timestamp\":");

    } else {
        trd_write_lit(w, ",\"side\":\"buy\",\"timestamp\":");
    }

    trd_write_time(w, t->exchange_ms);
    trd_write_lit(w, ",\"seq\":");
    trd_write_u64(w, t->seq);
    trd_write_lit(w, "}");
}


void
trd_trades_json(trd_writer_t *w, const trd_instrument_t *in,
    const trd_trade_t *t, uint32_t n)
{
    uint32_t  i;

    trd_write_lit(w, "[");

    for (i = 0; i < n; i++) {

        if (i > 0) {
            trd_write_lit(w, ",");
        }

        trd_trade_json(w, in, &t[i]);
    }

    trd_write_lit(w, "]");
}
