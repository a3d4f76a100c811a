/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Binance klines into candles: the stream's event and the rows of REST; see
 * trd_binance_market.h.
 */

#include <string.h>

#include "trd_binance_record.h"


#define TRD_ROW         12      /* members of a kline in REST */

#define TRD_NEED_EVENT  (TRD_BIT('E') | TRD_BIT('s') | TRD_BIT('k'))
#define TRD_NEED_KLINE  (TRD_BIT('t') | TRD_BIT('T') | TRD_BIT('i')          \
                         | TRD_BIT('L') | TRD_BIT('o') | TRD_BIT('c')        \
                         | TRD_BIT('h') | TRD_BIT('l') | TRD_BIT('v')        \
                         | TRD_BIT('n') | TRD_BIT('x') | TRD_BIT('q'))


/* a volume, which may be too large for us */

static trd_rc_t
trd_kline_volume(const trd_slice_t *f, uint32_t flag, int64_t *e8,
    trd_candle_t *c)
{
    trd_rc_t  rc;

    rc = trd_slice_decimal(f, e8);

    if (rc == TRD_OVERFLOW) {
        *e8 = 0;
        c->flags |= flag;
        rc = TRD_OK;
    }

    return rc;
}


/* fields: open time, open, high, low, close, volume, close time, quote
   volume, trades: the order of REST */

static trd_rc_t
trd_kline_read(const trd_slice_t *const *f, unsigned interval,
    trd_candle_t *c, int64_t *close_ms)
{
    int       i;
    int64_t   trades;
    trd_rc_t  rc, result;

    memset(c, 0, sizeof(*c));

    if (trd_slice_int(f[0], 0, &c->open_ms) != TRD_OK
        || trd_slice_int(f[6], 0, close_ms) != TRD_OK
        || trd_slice_int(f[8], 0, &trades) != TRD_OK
        || c->open_ms % trd_interval_ms(interval) != 0
        || *close_ms - c->open_ms != trd_interval_ms(interval) - 1)
    {
        return TRD_ERROR;
    }

    int64_t *const  price[4] = {
        &c->open_e8, &c->high_e8, &c->low_e8, &c->close_e8
    };

    result = TRD_OK;

    for (i = 0; i < 4; i++) {
        rc = trd_slice_decimal(f[1 + i], price[i]);
        result = trd_worse(result, rc);
    }

    rc = trd_kline_volume(f[5], TRD_CANDLE_NO_VOLUME, &c->volume_e8, c);
    result = trd_worse(result, rc);
    rc = trd_kline_volume(f[7], TRD_CANDLE_NO_QUOTE_VOLUME,
                           &c->quote_volume_e8, c);
    result = trd_worse(result, rc);

    c->flags |= TRD_CANDLE_SOURCE;

    if (trades > UINT32_MAX) {
        c->flags |= TRD_CANDLE_NO_TRADES;

    } else {
        c->trades = (uint32_t) trades;
    }

    return result;
}


trd_rc_t
trd_market_kline(const trd_record_t *ev, const trd_slice_t *symbol)
{
    int                  interval;
    char                 name[4];
    size_t               len;
    int64_t              last, close_ms;
    trd_rc_t             rc;
    const trd_slice_t   *f;
    const trd_record_t  *k;
    trd_binance_kline_t  out;

    k = ev->kline;

    if ((ev->seen & TRD_NEED_EVENT) != TRD_NEED_EVENT
        || ev->field[TRD_SLOT('k')].token != TRD_JSON_OBJECT
        || (k->seen & TRD_NEED_KLINE) != TRD_NEED_KLINE
        || trd_field_int(ev, 'E', 0, &out.event_ms) != TRD_OK)
    {
        return TRD_ERROR;
    }

    f = k->field;

    if (f[TRD_SLOT('i')].token != TRD_JSON_STRING) {
        return TRD_ERROR;
    }

    len = trd_json_unescape(f[TRD_SLOT('i')].text, f[TRD_SLOT('i')].len, name,
                            sizeof(name));
    interval = len <= sizeof(name) ? trd_interval_find(name, len) : -1;

    if (interval < 0) {
        return TRD_IGNORED;
    }

    const trd_slice_t *const  row[9] = {
        &f[TRD_SLOT('t')], &f[TRD_SLOT('o')], &f[TRD_SLOT('h')],
        &f[TRD_SLOT('l')], &f[TRD_SLOT('c')], &f[TRD_SLOT('v')],
        &f[TRD_SLOT('T')], &f[TRD_SLOT('q')], &f[TRD_SLOT('n')]
    };

    rc = trd_kline_read(row, (unsigned) interval, &out.candle, &close_ms);

    if (rc == TRD_ERROR || trd_field_int(k, 'L', -1, &last) != TRD_OK) {
        return TRD_ERROR;
    }

    if (f[TRD_SLOT('x')].token == TRD_JSON_FALSE) {
        out.candle.flags |= TRD_CANDLE_OPEN;

    } else if (f[TRD_SLOT('x')].token != TRD_JSON_TRUE) {
        return TRD_ERROR;
    }

    if (rc != TRD_OK) {
        return rc;
    }

    out.interval = (unsigned) interval;
    out.last_id = last < 0 ? 0 : (uint64_t) last;

    ev->m->kline(ev->m->ctx, symbol->text, symbol->len, &out);

    return TRD_OK;
}


/* one row, its bracket read already; *rc is what it says */

static trd_json_token_t
trd_kline_row(trd_json_t *r, unsigned interval, int64_t now_ms,
    trd_candle_t *c, trd_rc_t *rc)
{
    int                i, n;
    int64_t            close_ms;
    trd_slice_t        field[9];
    const trd_slice_t *row[9];
    trd_json_token_t   token;

    for (n = 0; ; n++) {
        token = trd_json_value(r);

        if (token == TRD_JSON_ERROR || token == TRD_JSON_ARRAY_END) {
            break;
        }

        if (n < 9) {
            field[n].text = r->text;
            field[n].len = r->len;
            field[n].token = token;
        }
    }

    if (token == TRD_JSON_ERROR) {
        return token;
    }

    if (n != TRD_ROW) {
        *rc = TRD_ERROR;
        return token;
    }

    for (i = 0; i < 9; i++) {
        row[i] = &field[i];
    }

    *rc = trd_kline_read(row, interval, c, &close_ms);

    if (*rc != TRD_ERROR && close_ms >= now_ms) {
        c->flags |= TRD_CANDLE_OPEN;
    }

    return token;
}


trd_rc_t
trd_binance_klines(const char *body, size_t len, unsigned interval,
    int64_t now_ms, trd_candle_t *out, uint32_t room, uint32_t *n)
{
    int64_t           before;
    trd_rc_t          rc, result;
    uint32_t          found;
    trd_json_t        r;
    trd_candle_t      c;
    trd_json_token_t  token;

    *n = 0;

    if (interval >= TRD_INTERVALS) {
        return TRD_ERROR;
    }

    found = 0;
    before = -1;
    result = TRD_OK;

    trd_json_init(&r, body, len);
    token = trd_json_next(&r);

    if (token == TRD_JSON_OBJECT) {
        return (trd_json_skip(&r) != TRD_JSON_ERROR
                && trd_json_next(&r) == TRD_JSON_END) ? TRD_IGNORED
                                                      : TRD_ERROR;
    }

    if (token != TRD_JSON_ARRAY) {
        return TRD_ERROR;
    }

    while ((token = trd_json_next(&r)) == TRD_JSON_ARRAY) {

        if (trd_kline_row(&r, interval, now_ms, &c, &rc) == TRD_JSON_ERROR) {
            return TRD_ERROR;
        }

        if (rc != TRD_ERROR && c.open_ms <= before) {
            rc = TRD_ERROR;
        }

        result = trd_worse(result, rc);

        if (result != TRD_OK) {
            continue;
        }

        before = c.open_ms;

        if (found == room) {
            result = TRD_OVERFLOW;
            continue;
        }

        out[found++] = c;
    }

    if (token != TRD_JSON_ARRAY_END || trd_json_next(&r) != TRD_JSON_END) {
        return TRD_ERROR;
    }

    *n = (result == TRD_OK) ? found : 0;

    return result;
}
