/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Trades of before, to a client that resumes: each that the journal names
 * after the seq that it had, in its order, as fast as the client reads.  As
 * long as that goes on, new trades of these instruments are left to it.  One
 * that the ring has lost meanwhile is missed, and said to be.
 *
 * A client that comes from another worker may be ahead of this one: then
 * there is nothing to tell until the batch that has caught up with it.
 */

#include "ngx_http_trading_stream.h"
#include "trd_board_series.h"
#include "trd_stream_json.h"

static void ngx_http_trading_past_overtaken(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s);
static ngx_int_t ngx_http_trading_past_trade(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, uint32_t instrument, uint64_t seq);


/* the trades after seq, of what is wanted; NGX_ERROR: no memory */
ngx_int_t
ngx_http_trading_past_begin(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, const ngx_http_trading_want_t *want,
    uint64_t seq)
{
    uint32_t                 i;
    ngx_http_trading_lag_t  *lag;

    lag = ngx_http_trading_lag(s);
    if (lag == NULL) {
        return NGX_ERROR;
    }

    if (lag->past == NULL) {
        lag->past = ngx_calloc((hub->n + 1) * sizeof(uint64_t), hub->log);
        if (lag->past == NULL) {
            return NGX_ERROR;
        }

        lag->past_at = seq;
        lag->past_end = seq;
    }

    if (seq < lag->past_at) {

        /* back to there, but not with those that have been told since */

        for (i = 0; i < hub->n; i++) {
            if (lag->past[i] && lag->past[i] < lag->past_at) {
                lag->past[i] = lag->past_at;
            }
        }

        lag->past_at = seq;
    }

    for (i = 0; i < hub->n; i++) {
        if (ngx_http_trading_wants(want, i)) {
            lag->past[i] = seq;
        }
    }

    lag->past_end = ngx_max(lag->past_end, seq);
    lag->sure = ngx_min(lag->sure, seq);

    return NGX_OK;
}


/*
 * As many of them as there is room for.  NGX_OK: all that can be told by now;
 * NGX_DECLINED: the buffer is full.
 */
ngx_int_t
ngx_http_trading_past_refill(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s)
{
    uint32_t                 i;
    uint64_t                 told;
    trd_rc_t                 rc;
    ngx_int_t                n;
    trd_change_t             change;
    ngx_http_trading_lag_t  *lag;

    lag = s->lag;

    if (lag->past == NULL || ngx_http_trading_hub_same(hub) == NULL) {
        return NGX_OK;
    }

    told = ngx_http_trading_hub_told(hub, s);

    while (lag->past_at < told) {

        rc = trd_board_journal(hub->board, lag->past_at + 1, &i, &change);

        if (rc == TRD_NOT_FOUND) {
            ngx_http_trading_past_overtaken(hub, s);
            continue;
        }

        if (ngx_http_trading_lag_full(s, 2)) {
            return NGX_DECLINED;
        }

        if (rc == TRD_OK && change == TRD_CHANGE_TRADE && i < hub->n
            && lag->past[i] && lag->past[i] <= lag->past_at)
        {
            n = ngx_http_trading_past_trade(hub, s, i, lag->past_at + 1);

            if (n != NGX_OK) {
                return n;
            }
        }

        lag->past_at++;
    }

    if (lag->past_at >= lag->past_end && told >= lag->past_end) {
        ngx_http_trading_past_end(lag);
    }

    return NGX_OK;
}


/* The journal went around: on from the oldest entry that it holds.  How many
   trades are gone nobody knows, but no fewer than the rings still have. */
static void
ngx_http_trading_past_overtaken(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s)
{
    uint32_t                 i;
    uint64_t                 newest, oldest, n;
    trd_trade_t              first, next;
    ngx_http_trading_lag_t  *lag;

    lag = s->lag;
    newest = trd_board_seq(hub->board);
    oldest = newest - ngx_min(newest, hub->board->journal_mask);
    oldest = ngx_max(oldest, lag->past_at + 1);
    n = 0;

    for (i = 0; i < hub->n; i++) {
        if (lag->past[i]
            && trd_board_trade_after(hub->board, i,
                                     ngx_max(lag->past[i], lag->past_at),
                                     &first)
               == TRD_OK
            && first.seq <= oldest
            && trd_board_trade_after(hub->board, i, oldest, &next) == TRD_OK)
        {
            n += next.number - first.number;
        }
    }

    ngx_http_trading_lag_missed(s, TRD_CHANNEL_TRADES, ngx_max(n, 1));
    lag->past_at = ngx_min(oldest, ngx_http_trading_hub_told(hub, s));
}


static ngx_int_t
ngx_http_trading_past_trade(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, uint32_t instrument, uint64_t seq)
{
    char              text[1024];
    ngx_int_t         rc;
    trd_trade_t       trade;
    trd_writer_t      w;
    trd_instrument_t  in;

    if (trd_board_trade_after(hub->board, instrument, seq - 1, &trade)
        != TRD_OK
        || trade.seq != seq
        || trd_board_instrument(hub->board, instrument, &in) != TRD_OK)
    {
        ngx_http_trading_lag_missed(s, TRD_CHANNEL_TRADES, 1);
        return NGX_OK;
    }

    /* nothing overtakes the news of what is missing */

    rc = ngx_http_trading_lag_news_of(hub, s, TRD_CHANNEL_TRADES, seq - 1);

    if (rc != NGX_OK) {
        return rc;
    }

    trd_writer_init(&w, text, sizeof(text));
    trd_update_json_head(&w, "trade_update", "trades", seq,
                         trade.exchange_ms);
    trd_trade_update_json(&w, &in, &trade);
    trd_write_lit(&w, "}");

    return ngx_http_trading_lag_text(hub, s, "trade_update", (u_char *) text,
                                     trd_writer_len(&w), 0);
}


/* they are not wanted any more, or of another board */
void
ngx_http_trading_past_end(ngx_http_trading_lag_t *lag)
{
    if (lag->past) {
        ngx_free(lag->past);
        lag->past = NULL;
    }
}


/* what is not wanted any more is not told */
void
ngx_http_trading_past_mask(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s)
{
    uint32_t                  i;
    ngx_http_trading_want_t  *want;

    if (s->lag->past == NULL) {
        return;
    }

    want = &s->cohort->want[NGX_HTTP_TRADING_T_TRADES];

    for (i = 0; i < hub->n; i++) {
        if (!(s->cohort->topics & (1U << NGX_HTTP_TRADING_T_TRADES))
            || !ngx_http_trading_wants(want, i))
        {
            s->lag->past[i] = 0;
        }
    }
}
