/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The batch: every change since the last flush as an update, encoded once, in
 * the order of the journal, and then wrapped once for each form that some
 * connection has.  The memory is the worker's and is used again for the next
 * batch; connections copy what their sockets do not take.
 */

#include "ngx_http_trading_stream.h"
#include "trd_board_series.h"
#include "trd_signal.h"
#include "trd_stream_json.h"

#define NGX_HTTP_TRADING_BATCH_KEEP     (4 * 1024 * 1024)
#define NGX_HTTP_TRADING_BATCH_TRADES   128     /* that are read at a time */
#define NGX_HTTP_TRADING_BATCH_CANDLES  4       /* that may have closed */

static ngx_int_t ngx_http_trading_batch_change(ngx_http_trading_hub_t *hub,
    ngx_http_trading_change_t *change);
static ngx_int_t ngx_http_trading_batch_one(ngx_http_trading_hub_t *hub,
    ngx_http_trading_change_t *change);
static ngx_int_t ngx_http_trading_batch_trades(ngx_http_trading_hub_t *hub,
    ngx_http_trading_change_t *change);
static ngx_int_t ngx_http_trading_batch_candles(ngx_http_trading_hub_t *hub,
    ngx_http_trading_change_t *change);
static ngx_flag_t ngx_http_trading_batch_told(ngx_http_trading_hub_t *hub,
    ngx_http_trading_change_t *change);
static ngx_http_trading_item_t *ngx_http_trading_batch_item(
    ngx_http_trading_hub_t *hub, ngx_uint_t topic, uint32_t instrument,
    uint64_t seq, trd_writer_t *w);
static ngx_int_t ngx_http_trading_batch_room(ngx_http_trading_hub_t *hub,
    ngx_http_trading_bytes_t *b, size_t len);
static void ngx_http_trading_batch_end(ngx_http_trading_hub_t *hub,
    ngx_http_trading_item_t *it, trd_writer_t *w);
static void ngx_http_trading_batch_link(ngx_http_trading_hub_t *hub);
static int ngx_libc_cdecl ngx_http_trading_batch_order(const void *one,
    const void *two);
static int ngx_libc_cdecl ngx_http_trading_item_order(const void *one,
    const void *two);


/* the changes become items; NGX_DECLINED: there is nothing to tell */
ngx_int_t
ngx_http_trading_batch_make(ngx_http_trading_hub_t *hub)
{
    uint32_t                    i;
    ngx_int_t                   rc;
    ngx_http_trading_change_t  *change;

    ngx_http_trading_batch_release(hub);
    hub->batch_no++;
    hub->told_before = hub->fresh ? 0 : hub->told;
    hub->told = hub->cursor;
    hub->fresh = 0;
    hub->picked = NULL;

    if (hub->nchanges > 1) {
        ngx_qsort(hub->changes, hub->nchanges,
                  sizeof(ngx_http_trading_change_t),
                  ngx_http_trading_batch_order);
    }

    rc = NGX_OK;

    for (i = 0; i < hub->nchanges; i++) {
        change = &hub->changes[i];

        if (change->topic < NGX_HTTP_TRADING_T_EACH) {
            hub->subject[change->topic].change[change->instrument] = 0;
        }

        if (rc == NGX_OK) {
            rc = ngx_http_trading_batch_change(hub, change);
        }
    }

    hub->nchanges = 0;
    ngx_http_trading_batch_link(hub);

    return hub->batch.n ? NGX_OK : NGX_DECLINED;
}


/* NGX_ERROR: no memory, and the rest is told when it changes next */
static ngx_int_t
ngx_http_trading_batch_change(ngx_http_trading_hub_t *hub,
    ngx_http_trading_change_t *change)
{
    if (change->topic == NGX_HTTP_TRADING_T_TRADES) {
        return ngx_http_trading_batch_trades(hub, change);
    }

    if (change->topic >= NGX_HTTP_TRADING_T_CANDLES
        && change->topic < NGX_HTTP_TRADING_T_CANDLES + TRD_INTERVALS)
    {
        return ngx_http_trading_batch_candles(hub, change);
    }

    return ngx_http_trading_batch_one(hub, change);
}


static ngx_int_t
ngx_http_trading_batch_one(ngx_http_trading_hub_t *hub,
    ngx_http_trading_change_t *change)
{
    int64_t                   ms;
    size_t                    head;
    trd_writer_t              w, h;
    ngx_http_trading_item_t  *it;

    if (ngx_http_trading_batch_told(hub, change)) {
        return NGX_OK;
    }

    it = ngx_http_trading_batch_item(hub, change->topic, change->instrument,
                                     change->seq, &w);
    if (it == NULL) {
        return NGX_ERROR;
    }

    /* the head needs the time, which comes with the data: leave room */

    h = w;
    head = TRD_UPDATE_HEAD_MAX;
    w.start += head;
    w.pos = w.start;

    if (ngx_http_trading_data(hub, change->topic, change->instrument, &w, &ms)
        != NGX_OK || trd_writer_overflowed(&w))
    {
        hub->batch.n--;
        return NGX_OK;
    }

    trd_update_json_head(&h, ngx_http_trading_topic_update(change->topic),
                         ngx_http_trading_topic_name(change->topic),
                         change->seq, ms);

    ngx_memmove(h.pos, w.start, trd_writer_len(&w));
    h.pos += trd_writer_len(&w);
    h.need += trd_writer_len(&w);

    it->ms = ms;
    ngx_http_trading_batch_end(hub, it, &h);

    return NGX_OK;
}


/* was this very thing told before?  If not, it will be now. */
static ngx_flag_t
ngx_http_trading_batch_told(ngx_http_trading_hub_t *hub,
    ngx_http_trading_change_t *change)
{
    uint64_t       now, *told;
    trd_quote_t    quote;
    trd_signal_t   s;

    switch (change->topic) {

    case NGX_HTTP_TRADING_T_PRICES:
    case NGX_HTTP_TRADING_T_SIGNALS:
    case NGX_HTTP_TRADING_T_BINARY:

        if (trd_board_quote(hub->board, change->instrument, &quote) != TRD_OK
            || quote.has == 0)
        {
            return 0;
        }

        now = quote.seq;

        if (change->topic != NGX_HTTP_TRADING_T_PRICES) {
            if (trd_signal_threshold(&quote, &s) != TRD_OK) {
                return 1;
            }

            /* strength and confidence to the percent: they move with every
               tick, and a message for each would tell nobody anything */

            now = 1 + s.kind + 16 * (uint64_t) (s.strength_e8 / TRD_E8)
                  + 65536 * (uint64_t) (s.confidence_e8 / TRD_E8);
        }

        break;

    default:
        return 0;
    }

    told = &hub->subject[change->topic].told[change->instrument];

    if (*told == now) {
        return 1;
    }

    *told = now;

    return 0;
}


static ngx_int_t
ngx_http_trading_batch_trades(ngx_http_trading_hub_t *hub,
    ngx_http_trading_change_t *change)
{
    uint32_t                  i, n;
    uint64_t                  missed, seq, *told;
    trd_writer_t              w;
    trd_instrument_t          in;
    ngx_http_trading_item_t  *it;

    static trd_trade_t        trades[NGX_HTTP_TRADING_BATCH_TRADES];

    told = &hub->subject[change->topic].told[change->instrument];

    if (trd_board_instrument(hub->board, change->instrument, &in) != TRD_OK) {
        return NGX_OK;
    }

    do {
        if (trd_board_trades(hub->board, change->instrument, *told,
                             NGX_HTTP_TRADING_BATCH_TRADES, trades, &n,
                             &missed)
            != TRD_OK)
        {
            return NGX_OK;
        }

        if (*told == 0 && n) {
            missed = trades[0].number - 1;      /* of its very first ones */
        }

        if (missed) {

            /* before the trades that are left */

            seq = ngx_min(n ? trades[0].seq : change->seq, hub->told);

            it = ngx_http_trading_batch_item(hub, change->topic,
                                             change->instrument, seq, &w);
            if (it == NULL) {
                return NGX_ERROR;
            }

            *told += missed;
            trd_lag_json(&w, "missed", "trades", missed, seq);
            it->missed = (uint32_t) ngx_min(missed, UINT32_MAX);
            ngx_http_trading_batch_end(hub, it, &w);
        }

        for (i = 0; i < n; i++) {

            /* the board goes on meanwhile: a seq that is beyond the others
               of this batch would seem to say that all before it was told */

            if (trades[i].seq > hub->told) {
                return NGX_OK;
            }

            it = ngx_http_trading_batch_item(hub, change->topic,
                                             change->instrument,
                                             trades[i].seq, &w);
            if (it == NULL) {
                return NGX_ERROR;
            }

            trd_update_json_head(&w, "trade_update", "trades", trades[i].seq,
                                 trades[i].exchange_ms);
            trd_trade_update_json(&w, &in, &trades[i]);

            it->ms = trades[i].exchange_ms;
            ngx_http_trading_batch_end(hub, it, &w);

            *told = trades[i].number;
        }

    } while (n == NGX_HTTP_TRADING_BATCH_TRADES);

    return NGX_OK;
}


/* a candle that closed since is told before the one that opened */
static ngx_int_t
ngx_http_trading_batch_candles(ngx_http_trading_hub_t *hub,
    ngx_http_trading_change_t *change)
{
    uint32_t                  i, n;
    uint64_t                 *told;
    ngx_uint_t                interval;
    trd_writer_t              w;
    trd_candle_t              candles[NGX_HTTP_TRADING_BATCH_CANDLES];
    trd_instrument_t          in;
    ngx_http_trading_item_t  *it;

    interval = change->topic - NGX_HTTP_TRADING_T_CANDLES;
    told = &hub->subject[change->topic].told[change->instrument];

    if (trd_board_instrument(hub->board, change->instrument, &in) != TRD_OK
        || trd_board_candles(hub->board, change->instrument, interval,
                             INT64_MAX, NGX_HTTP_TRADING_BATCH_CANDLES,
                             candles, &n)
           != TRD_OK)
    {
        return NGX_OK;
    }

    for (i = 0; i < n; i++) {

        if (i + 1 < n
            && (*told == 0 || (uint64_t) candles[i].open_ms < *told))
        {
            continue;
        }

        it = ngx_http_trading_batch_item(hub, change->topic,
                                         change->instrument, change->seq, &w);
        if (it == NULL) {
            return NGX_ERROR;
        }

        trd_update_json_head(&w, "candle_update", "candles", change->seq,
                             candles[i].open_ms);
        trd_candle_update_json(&w, &in, interval, &candles[i]);
        ngx_http_trading_batch_end(hub, it, &w);
    }

    if (n) {
        *told = (uint64_t) candles[n - 1].open_ms;
    }

    return NGX_OK;
}


/* a new item, and a writer of its text; NULL: no memory */
static ngx_http_trading_item_t *
ngx_http_trading_batch_item(ngx_http_trading_hub_t *hub, ngx_uint_t topic,
    uint32_t instrument, uint64_t seq, trd_writer_t *w)
{
    uint32_t                   n;
    ngx_http_trading_item_t   *items, *it;
    ngx_http_trading_batch_t  *b;

    b = &hub->batch;

    if (b->n + 1 >= b->nalloc) {
        n = ngx_max(b->nalloc * 2, 64);
        items = ngx_alloc(n * sizeof(ngx_http_trading_item_t), hub->log);

        if (items == NULL) {
            return NULL;
        }

        if (b->items) {
            ngx_memcpy(items, b->items,
                       (b->n + 1) * sizeof(ngx_http_trading_item_t));
            ngx_free(b->items);
        }

        b->items = items;
        b->nalloc = n;
    }

    if (ngx_http_trading_batch_room(hub, &b->text,
                                    NGX_HTTP_TRADING_DATA_MAX)
        != NGX_OK)
    {
        return NULL;
    }

    it = &b->items[++b->n];

    ngx_memzero(it, sizeof(ngx_http_trading_item_t));
    it->seq = seq;
    it->instrument = instrument;
    it->topic = (uint32_t) topic;
    it->text = b->text.len;

    trd_writer_init(w, b->text.start + b->text.len,
                    NGX_HTTP_TRADING_DATA_MAX);

    return it;
}


/* the text is written but for its closing brace, which "missed" has */
static void
ngx_http_trading_batch_end(ngx_http_trading_hub_t *hub,
    ngx_http_trading_item_t *it, trd_writer_t *w)
{
    ngx_http_trading_batch_t  *b;

    b = &hub->batch;

    if (!it->missed) {
        trd_write_lit(w, "}");
    }

    if (trd_writer_overflowed(w)) {
        b->n--;
        return;
    }

    it->len = (uint32_t) trd_writer_len(w);
    b->text.len += it->len;
}


/*
 * In the order of the journal, so that a client that was cut off anywhere can
 * go on from the last seq that it got; and those of an instrument chained.
 */
static void
ngx_http_trading_batch_link(ngx_http_trading_hub_t *hub)
{
    uint32_t                   i, *first;
    ngx_http_trading_item_t   *it;
    ngx_http_trading_batch_t  *b;

    b = &hub->batch;

    if (b->n > 1) {
        ngx_qsort(b->items + 1, b->n, sizeof(ngx_http_trading_item_t),
                  ngx_http_trading_item_order);
    }

    for (i = 1; i <= b->n; i++) {
        it = &b->items[i];

        if (it->topic >= NGX_HTTP_TRADING_T_EACH) {
            continue;
        }

        first = &hub->subject[it->topic].item[it->instrument];

        if (*first) {
            b->items[b->items[*first].tail].next = i;

        } else {
            *first = i;
        }

        b->items[*first].tail = i;
    }
}


static ngx_int_t
ngx_http_trading_batch_room(ngx_http_trading_hub_t *hub,
    ngx_http_trading_bytes_t *b, size_t len)
{
    size_t   size;
    u_char  *p;

    if (b->size - b->len >= len) {
        return NGX_OK;
    }

    size = ngx_max(b->size * 2, b->len + len);

    p = ngx_alloc(size, hub->log);
    if (p == NULL) {
        return NGX_ERROR;
    }

    if (b->start) {
        ngx_memcpy(p, b->start, b->len);
        ngx_free(b->start);
    }

    b->start = p;
    b->size = size;

    return NGX_OK;
}


/* all items in a form; once for a batch */
ngx_int_t
ngx_http_trading_batch_form(ngx_http_trading_hub_t *hub, ngx_uint_t form)
{
    uint32_t                   i;
    uint64_t                   id;
    const char                *type;
    ngx_http_trading_item_t   *it;
    ngx_http_trading_batch_t  *b;
    ngx_http_trading_bytes_t  *to;

    b = &hub->batch;
    to = &b->form[form];

    if (b->forms & (1U << form)) {
        return NGX_OK;
    }

    to->len = 0;

    for (i = 1; i <= b->n; i++) {
        it = &b->items[i];

        if (ngx_http_trading_batch_room(hub, to,
                                        ngx_http_trading_form_max(it->len))
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        type = it->missed ? "missed"
                          : ngx_http_trading_topic_update(it->topic);

        /* a client that has only the first of two of one seq goes on from
           before them */

        id = it->seq - (i < b->n && it[1].seq == it->seq);

        it->form[form] = to->len;
        it->form_len[form] = (uint32_t)
            ngx_http_trading_form_write(hub, form, type, id,
                                        b->text.start + it->text, it->len,
                                        to->start + to->len);
        to->len += it->form_len[form];
    }

    b->forms |= 1U << form;

    return NGX_OK;
}


void
ngx_http_trading_batch_release(ngx_http_trading_hub_t *hub)
{
    uint32_t                    i;
    ngx_uint_t                  k;
    ngx_http_trading_item_t    *it;
    ngx_http_trading_batch_t   *b;
    ngx_http_trading_bytes_t   *bytes;

    b = &hub->batch;

    for (i = 1; i <= b->n; i++) {
        it = &b->items[i];

        if (it->topic < NGX_HTTP_TRADING_T_EACH
            && hub->subject[it->topic].item)
        {
            hub->subject[it->topic].item[it->instrument] = 0;
        }
    }

    b->n = 0;
    b->forms = 0;

    for (k = 0; k <= NGX_HTTP_TRADING_F_N; k++) {
        bytes = (k < NGX_HTTP_TRADING_F_N) ? &b->form[k] : &b->text;
        bytes->len = 0;

        /* an exceptional batch is not paid for for ever */

        if (bytes->size > NGX_HTTP_TRADING_BATCH_KEEP) {
            ngx_free(bytes->start);
            bytes->start = NULL;
            bytes->size = 0;
        }
    }
}


static int ngx_libc_cdecl
ngx_http_trading_batch_order(const void *one, const void *two)
{
    const ngx_http_trading_change_t  *a, *b;

    a = one;
    b = two;

    return (a->seq > b->seq) - (a->seq < b->seq);
}


/* what was written first of two with one seq comes first */
static int ngx_libc_cdecl
ngx_http_trading_item_order(const void *one, const void *two)
{
    const ngx_http_trading_item_t  *a, *b;

    a = one;
    b = two;

    if (a->seq != b->seq) {
        return (a->seq > b->seq) ? 1 : -1;
    }

    return (a->text > b->text) - (a->text < b->text);
}
