/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A second decoder of Binance trades, klines and depth, over jansson's tree:
 * what trd_binance_market.c must make of the same text.  Both write what
 * they understood as a line of text; written to be plain, not fast.
 */

#ifndef MARKET_ORACLE_H
#define MARKET_ORACLE_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "decimal_oracle.h"
#include "trd_binance_market.h"

typedef struct {
    char    *text;
    size_t   len;
    size_t   room;
} market_lines_t;


__attribute__((format(printf, 2, 3)))
static inline void
market_line(market_lines_t *o, const char *format, ...)
{
    int      n;
    va_list  args;

    if (o->room - o->len < 512) {
        o->room = 2 * o->room + 4096;
        o->text = realloc(o->text, o->room);

        if (o->text == NULL) {
            abort();
        }
    }

    va_start(args, format);
    n = vsnprintf(o->text + o->len, o->room - o->len, format, args);
    va_end(args);

    if (n < 0 || (size_t) n >= o->room - o->len) {
        abort();
    }

    o->len += (size_t) n;
}


static inline void
market_put_trade(void *ctx, const char *symbol, size_t len,
    const trd_binance_trade_t *t)
{
    market_line(ctx, "trade %.*s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRId64
                " %" PRId64 " %" PRId64 " %" PRId64 " %u %u\n",
                (int) (len < 99 ? len : 99), symbol, t->id, t->print.first_id,
                t->print.last_id, t->print.price_e8, t->print.quantity_e8,
                t->print.ms, t->event_ms, t->flags, t->aggregate);
}


static inline void
market_put_candle(market_lines_t *o, const trd_candle_t *c)
{
    market_line(o, "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64
                " %" PRId64 " %" PRId64 " %u %u\n", c->open_ms, c->open_e8,
                c->high_e8, c->low_e8, c->close_e8, c->volume_e8,
                c->quote_volume_e8, c->trades, c->flags);
}


static inline void
market_put_kline(void *ctx, const char *symbol, size_t len,
    const trd_binance_kline_t *k)
{
    market_line(ctx, "kline %.*s %u %" PRIu64 " %" PRId64 " ",
                (int) (len < 99 ? len : 99), symbol, k->interval, k->last_id,
                k->event_ms);
    market_put_candle(ctx, &k->candle);
}


static inline void
market_put_depth(market_lines_t *o, const trd_depth_t *d)
{
    uint32_t  i;

    market_line(o, "%" PRIu64 " %" PRIu64 " %" PRId64 " %u %u %u:",
                d->first_id, d->last_id, d->exchange_ms, d->nbids, d->nasks,
                d->clipped);

    for (i = 0; i < d->nbids + d->nasks; i++) {
        const trd_level_t *l = i < d->nbids ? &d->bids[i]
                                            : &d->asks[i - d->nbids];
        market_line(o, " %" PRId64 "*%" PRId64, l->price_e8, l->quantity_e8);
    }

    market_line(o, "\n");
}


static inline void
market_put_diff(void *ctx, const char *symbol, size_t len,
    const trd_depth_t *d)
{
    market_line(ctx, "diff %.*s ", (int) (len < 99 ? len : 99), symbol);
    market_put_depth(ctx, d);
}


static inline void
market_put_partial(void *ctx, const char *symbol, size_t len,
    const trd_depth_t *d)
{
    market_line(ctx, "partial %.*s ", (int) (len < 99 ? len : 99), symbol);
    market_put_depth(ctx, d);
}


/* ---- the oracle: rc is kept as the worst so far, errors before overflows */

static inline void
market_worse(trd_rc_t *rc, trd_rc_t more)
{
    if (more == TRD_ERROR || (more == TRD_OVERFLOW && *rc == TRD_OK)) {
        *rc = more;
    }
}


static inline int64_t
market_int(json_t *v, int64_t min, trd_rc_t *rc)
{
    if (!json_is_integer(v) || json_integer_value(v) < min) {
        market_worse(rc, TRD_ERROR);
        return 0;
    }

    return json_integer_value(v);
}


static inline int64_t
market_decimal(json_t *v, trd_rc_t *rc)
{
    int64_t   e8 = 0;
    trd_rc_t  got;

    got = json_is_string(v) ? decimal_oracle(json_string_value(v),
                                             json_string_length(v), &e8)
                            : TRD_ERROR;
    market_worse(rc, got);

    return got == TRD_OK ? e8 : 0;
}


static inline trd_rc_t
oracle_trade(json_t *e, int aggregate, trd_binance_trade_t *t)
{
    json_t    *m;
    trd_rc_t   rc = TRD_OK;

    memset(t, 0, sizeof(*t));
    t->aggregate = (uint32_t) aggregate;
    t->event_ms = market_int(json_object_get(e, "E"), 0, &rc);
    t->print.ms = market_int(json_object_get(e, "T"), 0, &rc);
    t->id = (uint64_t) market_int(json_object_get(e, aggregate ? "a" : "t"),
                                  0, &rc);
    t->print.first_id = t->print.last_id = t->id;

    if (aggregate) {
        t->print.first_id = (uint64_t) market_int(json_object_get(e, "f"), 0,
                                                  &rc);
        t->print.last_id = (uint64_t) market_int(json_object_get(e, "l"), 0,
                                                 &rc);
        if (t->print.last_id < t->print.first_id) {
            rc = TRD_ERROR;
        }
    }

    t->print.price_e8 = market_decimal(json_object_get(e, "p"), &rc);
    t->print.quantity_e8 = market_decimal(json_object_get(e, "q"), &rc);
    m = json_object_get(e, "m");

    if (!json_is_boolean(m)) {
        rc = TRD_ERROR;
    }

    t->flags = TRD_TRADE_SIDE | (json_is_true(m) ? TRD_TRADE_BUYER_MAKER : 0);

    return rc;
}


/* v: open time, open, high, low, close, volume, close time, quote, trades */

static inline trd_rc_t
oracle_candle(json_t *const *v, unsigned interval, trd_candle_t *c,
    int64_t *close_ms)
{
    int64_t   n;
    trd_rc_t  rc = TRD_OK, volume;

    memset(c, 0, sizeof(*c));
    c->flags = TRD_CANDLE_SOURCE;
    c->open_ms = market_int(v[0], 0, &rc);
    c->open_e8 = market_decimal(v[1], &rc);
    c->high_e8 = market_decimal(v[2], &rc);
    c->low_e8 = market_decimal(v[3], &rc);
    c->close_e8 = market_decimal(v[4], &rc);
    *close_ms = market_int(v[6], 0, &rc);
    n = market_int(v[8], 0, &rc);

    volume = TRD_OK;
    c->volume_e8 = market_decimal(v[5], &volume);
    c->flags |= volume == TRD_OVERFLOW ? TRD_CANDLE_NO_VOLUME : 0;
    market_worse(&rc, volume == TRD_ERROR ? TRD_ERROR : TRD_OK);

    volume = TRD_OK;
    c->quote_volume_e8 = market_decimal(v[7], &volume);
    c->flags |= volume == TRD_OVERFLOW ? TRD_CANDLE_NO_QUOTE_VOLUME : 0;
    market_worse(&rc, volume == TRD_ERROR ? TRD_ERROR : TRD_OK);

    c->flags |= n > UINT32_MAX ? TRD_CANDLE_NO_TRADES : 0;
    c->trades = n > UINT32_MAX ? 0 : (uint32_t) n;

    if (c->open_ms % trd_interval_ms(interval) != 0
        || *close_ms - c->open_ms + 1 != trd_interval_ms(interval))
    {
        rc = TRD_ERROR;
    }

    return rc;
}


static inline trd_rc_t
oracle_kline(json_t *e, trd_binance_kline_t *out)
{
    int       interval;
    json_t   *k, *i, *x, *v[9];
    size_t    n;
    int64_t   close_ms, last;
    trd_rc_t  rc = TRD_OK, candle;

    static const char *const  names[] = {
        "t", "o", "h", "l", "c", "v", "T", "q", "n", "i", "x", "L"
    };

    memset(out, 0, sizeof(*out));
    k = json_object_get(e, "k");
    out->event_ms = market_int(json_object_get(e, "E"), 0, &rc);

    if (!json_is_object(k) || rc != TRD_OK) {
        return TRD_ERROR;
    }

    for (n = 0; n < 12; n++) {
        if (json_object_get(k, names[n]) == NULL) {
            return TRD_ERROR;
        }

        if (n < 9) {
            v[n] = json_object_get(k, names[n]);
        }
    }

    i = json_object_get(k, "i");
    x = json_object_get(k, "x");

    if (!json_is_string(i)) {
        return TRD_ERROR;
    }

    interval = trd_interval_find(json_string_value(i), json_string_length(i));

    if (interval < 0) {
        return TRD_IGNORED;
    }

    candle = oracle_candle(v, (unsigned) interval, &out->candle, &close_ms);
    last = market_int(json_object_get(k, "L"), -1, &rc);
    market_worse(&rc, json_is_boolean(x) ? TRD_OK : TRD_ERROR);
    market_worse(&rc, candle);

    out->interval = (unsigned) interval;
    out->last_id = last < 0 ? 0 : (uint64_t) last;
    out->candle.flags |= json_is_true(x) ? 0 : TRD_CANDLE_OPEN;

    return rc;
}


static inline trd_rc_t
oracle_levels(json_t *list, trd_level_t *out, uint32_t *n, uint32_t room,
    uint32_t *clipped)
{
    size_t    i;
    json_t   *row;
    trd_rc_t  rc = TRD_OK, quantity;
    trd_level_t  l;

    *n = 0;

    if (!json_is_array(list)) {
        return TRD_ERROR;
    }

    json_array_foreach(list, i, row) {
        if (!json_is_array(row) || json_array_size(row) < 2
            || !json_is_string(json_array_get(row, 0))
            || !json_is_string(json_array_get(row, 1)))
        {
            rc = TRD_ERROR;
            continue;
        }

        quantity = TRD_OK;
        l.price_e8 = market_decimal(json_array_get(row, 0), &rc);
        l.quantity_e8 = market_decimal(json_array_get(row, 1), &quantity);

        if (quantity == TRD_OVERFLOW
            && *json_string_value(json_array_get(row, 1)) != '-')
        {
            l.quantity_e8 = INT64_MAX;
            (*clipped)++;
            quantity = TRD_OK;
        }

        market_worse(&rc, quantity);

        if ((rc == TRD_OK && l.price_e8 <= 0) || l.quantity_e8 < 0) {
            rc = TRD_ERROR;
        }

        if (*n < room) {
            out[(*n)++] = l;

        } else {
            market_worse(&rc, TRD_OVERFLOW);
        }
    }

    return rc;
}


static inline trd_rc_t
oracle_sides(json_t *bids, json_t *asks, trd_depth_t *d, trd_level_t *levels,
    uint32_t room)
{
    trd_rc_t  rc;

    rc = oracle_levels(bids, levels, &d->nbids, room, &d->clipped);
    market_worse(&rc, oracle_levels(asks, levels + d->nbids, &d->nasks,
                                    room - d->nbids, &d->clipped));
    d->bids = levels;
    d->asks = levels + d->nbids;

    return rc;
}


static inline trd_rc_t
oracle_book(json_t *e, trd_depth_t *d, trd_level_t *levels, uint32_t room)
{
    trd_rc_t  rc = TRD_OK;

    memset(d, 0, sizeof(*d));

    if (json_object_get(e, "lastUpdateId") == NULL
        || json_object_get(e, "bids") == NULL
        || json_object_get(e, "asks") == NULL)
    {
        return TRD_IGNORED;
    }

    d->last_id = (uint64_t) market_int(json_object_get(e, "lastUpdateId"), 0,
                                       &rc);
    market_worse(&rc, oracle_sides(json_object_get(e, "bids"),
                                   json_object_get(e, "asks"), d, levels,
                                   room));

    return rc;
}


static inline trd_rc_t
oracle_market(json_t *root, market_lines_t *o, trd_level_t *levels,
    uint32_t room)
{
    size_t                 len;
    json_t                *e, *s, *stream;
    trd_rc_t               rc = TRD_OK;
    const char            *name, *at;
    trd_depth_t            d;
    trd_binance_trade_t    t;
    trd_binance_kline_t    k;

    e = root;
    stream = json_object_get(root, "stream");

    if (json_is_string(stream)
        && json_is_object(json_object_get(root, "data")))
    {
        e = json_object_get(root, "data");

    } else {
        stream = NULL;
    }

    if (!json_is_object(e)) {
        return TRD_IGNORED;
    }

    if (json_object_get(e, "e") == NULL) {
        at = stream ? strchr(json_string_value(stream), '@') : NULL;

        if (at == NULL || at == json_string_value(stream)
            || strncmp(at, "@depth", 6) != 0)
        {
            return TRD_IGNORED;
        }

        rc = oracle_book(e, &d, levels, room);

        if (rc == TRD_OK) {
            len = (size_t) (at - json_string_value(stream));
            market_put_partial(o, json_string_value(stream), len, &d);
        }

        return rc;
    }

    s = json_object_get(e, "e");
    name = json_is_string(s) ? json_string_value(s) : "";

    if (strcmp(name, "depthUpdate") != 0 && strcmp(name, "aggTrade") != 0
        && strcmp(name, "trade") != 0 && strcmp(name, "kline") != 0)
    {
        return TRD_IGNORED;
    }

    s = json_object_get(e, "s");

    if (!json_is_string(s) || json_string_length(s) == 0) {
        return TRD_ERROR;
    }

    if (*name == 'd') {
        memset(&d, 0, sizeof(d));
        d.exchange_ms = market_int(json_object_get(e, "E"), 0, &rc);
        d.first_id = (uint64_t) market_int(json_object_get(e, "U"), 0, &rc);
        d.last_id = (uint64_t) market_int(json_object_get(e, "u"), 0, &rc);
        market_worse(&rc, d.last_id < d.first_id ? TRD_ERROR : TRD_OK);
        market_worse(&rc, oracle_sides(json_object_get(e, "b"),
                                       json_object_get(e, "a"), &d, levels,
                                       room));
        if (rc == TRD_OK) {
            market_put_diff(o, json_string_value(s), json_string_length(s),
                            &d);
        }

    } else if (*name == 'k') {
        rc = oracle_kline(e, &k);

        if (rc == TRD_OK) {
            market_put_kline(o, json_string_value(s), json_string_length(s),
                             &k);
        }

    } else {
        rc = oracle_trade(e, *name == 'a', &t);

        if (rc == TRD_OK) {
            market_put_trade(o, json_string_value(s), json_string_length(s),
                             &t);
        }
    }

    return rc;
}


static inline trd_rc_t
oracle_klines(json_t *root, unsigned interval, int64_t now_ms,
    market_lines_t *o, uint32_t room)
{
    size_t         i, k, start;
    json_t        *row, *v[9];
    int64_t        before = -1, close_ms;
    trd_rc_t       rc = TRD_OK, one;
    trd_candle_t   c;

    if (json_is_object(root)) {
        return TRD_IGNORED;
    }

    if (!json_is_array(root)) {
        return TRD_ERROR;
    }

    start = o->len;

    json_array_foreach(root, i, row) {
        if (!json_is_array(row) || json_array_size(row) != 12) {
            rc = TRD_ERROR;
            continue;
        }

        for (k = 0; k < 9; k++) {
            v[k] = json_array_get(row, k);
        }

        one = oracle_candle(v, interval, &c, &close_ms);
        market_worse(&one, c.open_ms <= before ? TRD_ERROR : TRD_OK);
        market_worse(&rc, one);

        if (rc == TRD_OK) {
            before = c.open_ms;
            market_worse(&rc, i < room ? TRD_OK : TRD_OVERFLOW);
            c.flags |= close_ms >= now_ms ? TRD_CANDLE_OPEN : 0;
            market_put_candle(o, &c);
        }
    }

    if (rc != TRD_OK) {
        o->len = start;
    }

    return rc;
}

#endif /* MARKET_ORACLE_H */
