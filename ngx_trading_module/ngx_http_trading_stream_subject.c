/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What changed since it was last told, per topic and instrument, gathered
 * from the board's journal.  A topic is only followed while a connection
 * listens to it.
 */

#include "ngx_http_trading_stream.h"
#include "trd_board_series.h"

static ngx_int_t ngx_http_trading_subject_alloc(ngx_http_trading_hub_t *hub,
    ngx_http_trading_subject_t *sub);
static void ngx_http_trading_subject_free(ngx_http_trading_hub_t *hub,
    ngx_http_trading_subject_t *sub);
static void ngx_http_trading_subject_init(ngx_http_trading_hub_t *hub,
    ngx_uint_t topic);
static void ngx_http_trading_subject_trades(ngx_http_trading_hub_t *hub,
    uint32_t instrument);
static ngx_int_t ngx_http_trading_subject_add(ngx_http_trading_hub_t *hub,
    ngx_uint_t topic, uint32_t instrument, uint64_t seq);
static void ngx_http_trading_subject_entry(ngx_http_trading_hub_t *hub,
    uint64_t seq, uint32_t instrument, trd_change_t change, uint32_t detail);
static void ngx_http_trading_subject_overrun(ngx_http_trading_hub_t *hub,
    uint64_t newest);


ngx_int_t
ngx_http_trading_subject_listen(ngx_http_trading_hub_t *hub,
    ngx_uint_t topic)
{
    ngx_http_trading_subject_t  *sub;

    sub = &hub->subject[topic];

    if (sub->seq == NULL) {
        if (ngx_http_trading_subject_alloc(hub, sub) != NGX_OK) {
            return NGX_ERROR;
        }

        ngx_http_trading_subject_init(hub, topic);
    }

    sub->listeners++;

    return NGX_OK;
}


void
ngx_http_trading_subject_forget(ngx_http_trading_hub_t *hub,
    ngx_uint_t topic)
{
    uint32_t                     i, n;
    ngx_http_trading_change_t   *change;
    ngx_http_trading_subject_t  *sub;

    sub = &hub->subject[topic];

    if (--sub->listeners) {
        return;
    }

    /* what was about to be told interests nobody any more */

    n = 0;

    for (i = 0; i < hub->nchanges; i++) {
        if (hub->changes[i].topic == topic) {
            continue;
        }

        change = &hub->changes[n++];
        *change = hub->changes[i];

        if (change->topic < NGX_HTTP_TRADING_T_EACH) {
            hub->subject[change->topic].change[change->instrument] = n;
        }
    }

    hub->nchanges = n;

    ngx_http_trading_subject_free(hub, sub);
}


static ngx_int_t
ngx_http_trading_subject_alloc(ngx_http_trading_hub_t *hub,
    ngx_http_trading_subject_t *sub)
{
    size_t  n;

    n = hub->n + 1;

    sub->seq = ngx_calloc(n * sizeof(uint64_t), hub->log);
    sub->told = ngx_calloc(n * sizeof(uint64_t), hub->log);
    sub->change = ngx_calloc(n * sizeof(uint32_t), hub->log);
    sub->item = ngx_calloc(n * sizeof(uint32_t), hub->log);

    if (sub->seq && sub->told && sub->change && sub->item) {
        return NGX_OK;
    }

    ngx_http_trading_subject_free(hub, sub);

    return NGX_ERROR;
}


static void
ngx_http_trading_subject_free(ngx_http_trading_hub_t *hub,
    ngx_http_trading_subject_t *sub)
{
    uint32_t    i;
    ngx_uint_t  form;

    for (form = 0; form < NGX_HTTP_TRADING_F_N; form++) {

        for (i = 0; sub->latest[form] && i < hub->n; i++) {
            if (sub->latest[form][i].data) {
                ngx_free(sub->latest[form][i].data);
            }
        }

        ngx_free(sub->latest[form]);
        sub->latest[form] = NULL;
    }

    ngx_free(sub->seq);
    ngx_free(sub->told);
    ngx_free(sub->change);
    ngx_free(sub->item);

    sub->seq = NULL;
    sub->told = NULL;
    sub->change = NULL;
    sub->item = NULL;
}


/* the place of an instrument's latest update; NULL: no memory */
ngx_http_trading_latest_t *
ngx_http_trading_subject_latest(ngx_http_trading_hub_t *hub,
    ngx_uint_t topic, uint32_t instrument, ngx_uint_t form)
{
    ngx_http_trading_subject_t  *sub;

    sub = &hub->subject[topic];

    if (sub->latest[form] == NULL) {
        sub->latest[form] = ngx_calloc(hub->n
                                       * sizeof(ngx_http_trading_latest_t),
                                       hub->log);
        if (sub->latest[form] == NULL) {
            return NULL;
        }
    }

    return &sub->latest[form][instrument];
}


/* where each instrument stands when the first one listens */
static void
ngx_http_trading_subject_init(ngx_http_trading_hub_t *hub, ngx_uint_t topic)
{
    uint32_t                     i, n;
    trd_quote_t                  quote;
    trd_candle_t                 candle;
    ngx_http_trading_subject_t  *sub;

    sub = &hub->subject[topic];

    for (i = 0; i < hub->n; i++) {
        sub->seq[i] = hub->cursor;

        if (ngx_http_trading_hub_same(hub) == NULL) {
            continue;
        }

        if (topic <= NGX_HTTP_TRADING_T_BINARY
            && topic != NGX_HTTP_TRADING_T_ORDERBOOK
            && trd_board_quote(hub->board, i, &quote) == TRD_OK
            && quote.has)
        {
            sub->seq[i] = ngx_min(quote.seq, hub->cursor);
        }

        if (topic == NGX_HTTP_TRADING_T_TRADES) {
            ngx_http_trading_subject_trades(hub, i);
        }

        /* one that closes before it is told first is told, too */

        if (topic >= NGX_HTTP_TRADING_T_CANDLES
            && topic < NGX_HTTP_TRADING_T_CANDLES + TRD_INTERVALS
            && trd_board_candles(hub->board, i,
                                 topic - NGX_HTTP_TRADING_T_CANDLES,
                                 INT64_MAX, 1, &candle, &n)
               == TRD_OK
            && n)
        {
            sub->told[i] = (uint64_t) candle.open_ms;
        }
    }
}


/* The trades that the journal brought since the last batch are of the next
   one, whose changes were looked at when nobody listened. */
static void
ngx_http_trading_subject_trades(ngx_http_trading_hub_t *hub,
    uint32_t instrument)
{
    uint32_t                     n;
    uint64_t                     missed;
    trd_trade_t                  trade;
    ngx_http_trading_subject_t  *sub;

    sub = &hub->subject[NGX_HTTP_TRADING_T_TRADES];

    if (trd_board_trades(hub->board, instrument, 0, 1, &trade, &n, &missed)
        != TRD_OK || n == 0)
    {
        return;
    }

    sub->seq[instrument] = ngx_min(trade.seq, hub->cursor);
    sub->told[instrument] = trade.number;

    if (trade.seq <= hub->told
        || trd_board_trade_after(hub->board, instrument, hub->told, &trade)
           != TRD_OK)
    {
        return;
    }

    sub->told[instrument] = trade.number - 1;

    if (ngx_http_trading_subject_add(hub, NGX_HTTP_TRADING_T_TRADES,
                                     instrument, sub->seq[instrument])
        == NGX_OK)
    {
        sub->change[instrument] = hub->nchanges;
    }
}


void
ngx_http_trading_subject_change(ngx_http_trading_hub_t *hub,
    ngx_uint_t topic, uint32_t instrument, uint64_t seq)
{
    ngx_http_trading_subject_t  *sub;

    sub = &hub->subject[topic];

    if (sub->listeners == 0) {
        return;
    }

    sub->seq[instrument] = seq;

    if (sub->change[instrument]) {
        hub->changes[sub->change[instrument] - 1].seq = seq;
        ngx_http_trading_count_stream(hub->mcf,
                                      NGX_HTTP_TRADING_SC_BATCHED, 1);
        return;
    }

    if (ngx_http_trading_subject_add(hub, topic, instrument, seq) == NGX_OK) {
        sub->change[instrument] = hub->nchanges;
    }
}


/* a topic that is of no instrument */
void
ngx_http_trading_subject_one(ngx_http_trading_hub_t *hub, ngx_uint_t topic)
{
    uint32_t  i;

    for (i = 0; i < hub->nchanges; i++) {
        if (hub->changes[i].topic == topic) {
            hub->changes[i].seq = hub->cursor;
            return;
        }
    }

    (void) ngx_http_trading_subject_add(hub, topic, 0, hub->cursor);
}


/* without memory it is told with the next change */
static ngx_int_t
ngx_http_trading_subject_add(ngx_http_trading_hub_t *hub, ngx_uint_t topic,
    uint32_t instrument, uint64_t seq)
{
    uint32_t                    n;
    ngx_http_trading_change_t  *changes;

    if (hub->nchanges == hub->changes_alloc) {
        n = ngx_max(hub->changes_alloc * 2, 256);
        changes = ngx_alloc(n * sizeof(ngx_http_trading_change_t), hub->log);

        if (changes == NULL) {
            return NGX_ERROR;
        }

        if (hub->changes) {
            ngx_memcpy(changes, hub->changes,
                       hub->nchanges * sizeof(ngx_http_trading_change_t));
            ngx_free(hub->changes);
        }

        hub->changes = changes;
        hub->changes_alloc = n;
    }

    changes = &hub->changes[hub->nchanges++];
    changes->seq = seq;
    changes->instrument = instrument;
    changes->topic = (uint32_t) topic;

    return NGX_OK;
}


/* whatever anybody listens to may have changed */
void
ngx_http_trading_subject_all(ngx_http_trading_hub_t *hub, uint64_t seq)
{
    uint32_t    i;
    ngx_uint_t  topic;

    for (topic = 0; topic < NGX_HTTP_TRADING_T_EACH; topic++) {
        for (i = 0; hub->subject[topic].listeners && i < hub->n; i++) {
            ngx_http_trading_subject_change(hub, topic, i, seq);
        }
    }
}


void
ngx_http_trading_subject_journal(ngx_http_trading_hub_t *hub)
{
    uint32_t       instrument, detail;
    uint64_t       newest;
    trd_rc_t       rc;
    trd_change_t   change;

    newest = trd_board_seq(hub->board);

    if (newest > hub->cursor
        && newest - hub->cursor > (uint64_t) hub->board->journal_mask)
    {
        ngx_http_trading_subject_overrun(hub, newest);
        return;
    }

    while (hub->cursor < newest) {

        rc = trd_board_journal_detail(hub->board, hub->cursor + 1,
                                      &instrument, &change, &detail);

        if (rc == TRD_AGAIN) {
            return;
        }

        if (rc == TRD_NOT_FOUND) {
            ngx_http_trading_subject_overrun(hub, newest);
            return;
        }

        hub->cursor++;

        if (rc == TRD_OK && instrument < hub->n) {
            ngx_http_trading_subject_entry(hub, hub->cursor, instrument,
                                           change, detail);

        } else {
            ngx_http_trading_board_failing(hub->mcf, hub->log,
                                           "a journal entry");
        }
    }
}


static void
ngx_http_trading_subject_entry(ngx_http_trading_hub_t *hub, uint64_t seq,
    uint32_t instrument, trd_change_t change, uint32_t detail)
{
    ngx_uint_t  i;

    switch (change) {

    case TRD_CHANGE_QUOTE:
    case TRD_CHANGE_STALE:
        ngx_http_trading_subject_change(hub, NGX_HTTP_TRADING_T_PRICES,
                                        instrument, seq);
        ngx_http_trading_subject_change(hub, NGX_HTTP_TRADING_T_SIGNALS,
                                        instrument, seq);
        ngx_http_trading_subject_change(hub, NGX_HTTP_TRADING_T_BINARY,
                                        instrument, seq);
        return;

    case TRD_CHANGE_CANDLE:
        for (i = 0; i < TRD_INTERVALS; i++) {
            if (detail & (1U << i)) {
                ngx_http_trading_subject_change(hub,
                                                NGX_HTTP_TRADING_T_CANDLES + i,
                                                instrument, seq);
            }
        }

        return;

    case TRD_CHANGE_TRADE:
        ngx_http_trading_subject_change(hub, NGX_HTTP_TRADING_T_TRADES,
                                        instrument, seq);
        return;

    case TRD_CHANGE_DEPTH:
        ngx_http_trading_subject_change(hub, NGX_HTTP_TRADING_T_ORDERBOOK,
                                        instrument, seq);
        return;

    default:
        return;
    }
}


/* The journal went around: the slots still have the latest of everything, and
   trades are counted by their numbers. */
static void
ngx_http_trading_subject_overrun(ngx_http_trading_hub_t *hub, uint64_t newest)
{
    ngx_http_trading_count_stream(hub->mcf, NGX_HTTP_TRADING_SC_OVERRUN, 1);

    hub->cursor = newest;
    ngx_http_trading_subject_all(hub, newest);
}
