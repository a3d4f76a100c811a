/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Binance trades, klines and depth, see trd_binance_market.h.
 *
 * As in trd_binance.c an event is read member by member into a table of
 * slices (trd_binance_record.c), and understood once the text is over.
 */

#include <string.h>

#include "trd_binance_record.h"


#define TRD_NEED_AGG    (TRD_BIT('E') | TRD_BIT('s') | TRD_BIT('a')          \
                         | TRD_BIT('p') | TRD_BIT('q') | TRD_BIT('f')        \
                         | TRD_BIT('l') | TRD_BIT('T') | TRD_BIT('m'))
#define TRD_NEED_TRADE  (TRD_BIT('E') | TRD_BIT('s') | TRD_BIT('t')          \
                         | TRD_BIT('p') | TRD_BIT('q') | TRD_BIT('T')        \
                         | TRD_BIT('m'))
#define TRD_NEED_DIFF   (TRD_BIT('E') | TRD_BIT('s') | TRD_BIT('U')          \
                         | TRD_BIT('u') | TRD_BIT('b') | TRD_BIT('a'))
#define TRD_NEED_BOOK   (TRD_BIT(TRD_LAST) | TRD_BIT(TRD_BIDS)               \
                         | TRD_BIT(TRD_ASKS))


static trd_rc_t
trd_market_trade(const trd_record_t *ev, int aggregate,
    const trd_slice_t *symbol)
{
    int64_t              id, first, last;
    trd_rc_t             rc;
    uint64_t             need;
    trd_json_token_t     maker;
    trd_binance_trade_t  t;

    memset(&t, 0, sizeof(t));

    need = aggregate ? TRD_NEED_AGG : TRD_NEED_TRADE;

    if ((ev->seen & need) != need
        || trd_field_int(ev, aggregate ? 'a' : 't', 0, &id) != TRD_OK
        || trd_field_int(ev, 'E', 0, &t.event_ms) != TRD_OK
        || trd_field_int(ev, 'T', 0, &t.print.ms) != TRD_OK)
    {
        return TRD_ERROR;
    }

    first = last = id;

    if (aggregate
        && (trd_field_int(ev, 'f', 0, &first) != TRD_OK
            || trd_field_int(ev, 'l', first, &last) != TRD_OK))
    {
        return TRD_ERROR;
    }

    maker = ev->field[TRD_SLOT('m')].token;

    if (maker != TRD_JSON_TRUE && maker != TRD_JSON_FALSE) {
        return TRD_ERROR;
    }

    rc = trd_worse(trd_slice_decimal(&ev->field[TRD_SLOT('p')],
                                     &t.print.price_e8),
                   trd_slice_decimal(&ev->field[TRD_SLOT('q')],
                                     &t.print.quantity_e8));
    if (rc != TRD_OK) {
        return rc;
    }

    t.id = (uint64_t) id;
    t.print.first_id = (uint64_t) first;
    t.print.last_id = (uint64_t) last;
    t.aggregate = (uint32_t) aggregate;
    t.flags = TRD_TRADE_SIDE
              | (maker == TRD_JSON_TRUE ? TRD_TRADE_BUYER_MAKER : 0);

    ev->m->trade(ev->m->ctx, symbol->text, symbol->len, &t);

    return TRD_OK;
}


/* both sides of a book; `side` is the bids', the asks' follows */

static trd_rc_t
trd_depth_sides(const trd_record_t *ev, unsigned side, char bids, char asks,
    trd_depth_t *d)
{
    trd_rc_t           rc;
    const trd_side_t  *s;

    if (ev->field[TRD_SLOT(bids)].token != TRD_JSON_ARRAY
        || ev->field[TRD_SLOT(asks)].token != TRD_JSON_ARRAY)
    {
        return TRD_ERROR;
    }

    s = &ev->side[side];
    rc = trd_worse(s[0].rc, s[1].rc);

    if (rc != TRD_OK) {
        return rc;
    }

    d->bids = s[0].level;
    d->nbids = s[0].n;
    d->asks = s[1].level;
    d->nasks = s[1].n;
    d->clipped = s[0].clipped + s[1].clipped;

    return TRD_OK;
}


static trd_rc_t
trd_market_diff(const trd_record_t *ev, const trd_slice_t *symbol)
{
    int64_t      first, last;
    trd_rc_t     rc;
    trd_depth_t  d;

    memset(&d, 0, sizeof(d));

    if ((ev->seen & TRD_NEED_DIFF) != TRD_NEED_DIFF
        || trd_field_int(ev, 'E', 0, &d.exchange_ms) != TRD_OK
        || trd_field_int(ev, 'U', 0, &first) != TRD_OK
        || trd_field_int(ev, 'u', first, &last) != TRD_OK)
    {
        return TRD_ERROR;
    }

    rc = trd_depth_sides(ev, 0, 'b', 'a', &d);

    if (rc != TRD_OK) {
        return rc;
    }

    d.first_id = (uint64_t) first;
    d.last_id = (uint64_t) last;

    ev->m->diff(ev->m->ctx, symbol->text, symbol->len, &d);

    return TRD_OK;
}


static trd_rc_t
trd_market_book(const trd_record_t *ev, trd_depth_t *d)
{
    int64_t  last;

    memset(d, 0, sizeof(*d));

    if (trd_field_int(ev, TRD_LAST, 0, &last) != TRD_OK) {
        return TRD_ERROR;
    }

    d->last_id = (uint64_t) last;

    return trd_depth_sides(ev, 2, TRD_BIDS, TRD_ASKS, d);
}


/* "btcusdt@depth20@100ms": the symbol of a partial book */

static trd_rc_t
trd_market_partial(const trd_record_t *ev, const trd_slice_t *stream)
{
    size_t        len;
    trd_rc_t      rc;
    const char   *at;
    trd_depth_t   d;

    at = memchr(stream->text, '@', stream->len);
    len = at ? (size_t) (at - stream->text) : 0;

    if (len == 0 || stream->len - len < 6 || memcmp(at, "@depth", 6) != 0) {
        return TRD_IGNORED;
    }

    rc = trd_market_book(ev, &d);

    if (rc == TRD_OK) {
        ev->m->partial(ev->m->ctx, stream->text, len, &d);
    }

    return rc;
}


/* stream: of the envelope, or NULL */

static trd_rc_t
trd_market_pass(const trd_record_t *ev, const trd_slice_t *stream)
{
    int                          kind;
    const trd_slice_t           *symbol;
    const trd_binance_market_t  *m;

    m = ev->m;

    if (!(ev->seen & TRD_BIT('e'))) {

        return (stream && m->partial
                && (ev->seen & TRD_NEED_BOOK) == TRD_NEED_BOOK)
               ? trd_market_partial(ev, stream) : TRD_IGNORED;
    }

    if (m->diff && trd_field_is(ev, 'e', "depthUpdate", 11)) {
        kind = 'd';

    } else if (m->trade && trd_field_is(ev, 'e', "aggTrade", 8)) {
        kind = 'a';

    } else if (m->trade && trd_field_is(ev, 'e', "trade", 5)) {
        kind = 't';

    } else if (m->kline && trd_field_is(ev, 'e', "kline", 5)) {
        kind = 'k';

    } else {
        return TRD_IGNORED;
    }

    symbol = &ev->field[TRD_SLOT('s')];

    if (!(ev->seen & TRD_BIT('s')) || symbol->token != TRD_JSON_STRING
        || symbol->len == 0)
    {
        return TRD_ERROR;
    }

    switch (kind) {
    case 'd':
        return trd_market_diff(ev, symbol);
    case 'k':
        return trd_market_kline(ev, symbol);
    default:
        return trd_market_trade(ev, kind == 'a', symbol);
    }
}


trd_rc_t
trd_binance_market(const char *msg, size_t len, const trd_binance_market_t *m)
{
    int                enveloped;
    uint32_t           used;
    trd_json_t         r;
    trd_slice_t        stream;
    trd_record_t       outer, inner, kline[2];
    trd_json_token_t   token, data;

    trd_json_init(&r, msg, len);
    token = trd_json_next(&r);

    if (token != TRD_JSON_OBJECT) {

        if (token == TRD_JSON_ERROR
            || (token == TRD_JSON_ARRAY
                && trd_json_skip(&r) == TRD_JSON_ERROR)
            || trd_json_next(&r) != TRD_JSON_END)
        {
            return TRD_ERROR;
        }

        return TRD_IGNORED;
    }

    used = 0;
    trd_record_init(&kline[0], NULL, m, &used);
    trd_record_init(&kline[1], NULL, m, &used);
    trd_record_init(&inner, &kline[0], m, &used);
    trd_record_init(&outer, &kline[1], m, &used);
    stream.token = data = TRD_JSON_NULL;

    while ((token = trd_json_next(&r)) == TRD_JSON_KEY) {

        if (trd_json_is(&r, "data", 4)) {
            token = data = trd_json_next(&r);

            if (data == TRD_JSON_OBJECT) {
                inner.seen = 0;
                token = trd_record_read(&r, &inner);

            } else if (data == TRD_JSON_ARRAY) {
                token = trd_json_skip(&r);
            }

        } else if (trd_json_is(&r, "stream", 6)) {
            token = trd_json_value(&r);
            stream.text = r.text;
            stream.len = r.len;
            stream.token = token;

        } else {
            token = trd_record_member(&r, &outer);
        }

        if (token == TRD_JSON_ERROR) {
            return TRD_ERROR;
        }
    }

    if (token != TRD_JSON_OBJECT_END || trd_json_next(&r) != TRD_JSON_END) {
        return TRD_ERROR;
    }

    enveloped = stream.token == TRD_JSON_STRING && data == TRD_JSON_OBJECT;

    return enveloped ? trd_market_pass(&inner, &stream)
                     : trd_market_pass(&outer, NULL);
}


trd_rc_t
trd_binance_depth(const char *body, size_t len, const trd_binance_market_t *m,
    trd_depth_t *d)
{
    uint32_t      used;
    trd_json_t    r;
    trd_record_t  ev;

    memset(d, 0, sizeof(*d));
    used = 0;

    trd_record_init(&ev, NULL, m, &used);
    trd_json_init(&r, body, len);

    if (trd_json_next(&r) != TRD_JSON_OBJECT
        || trd_record_read(&r, &ev) != TRD_JSON_OBJECT_END
        || trd_json_next(&r) != TRD_JSON_END)
    {
        return TRD_ERROR;
    }

    /* an answer such as {"code":-1121,"msg":"..."} */
    if ((ev.seen & TRD_NEED_BOOK) != TRD_NEED_BOOK) {
        return TRD_IGNORED;
    }

    return trd_market_book(&ev, d);
}
