/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Candles of an instrument.  500 of them are 100 KB of text of which only the
 * last candle moves, so each worker keeps the text of all but the last one,
 * for a few questions that are asked over and over.  A text is found by the
 * hash of the very candles it was written from, read from the board anew for
 * each request: it cannot be out of date, at worst it is not found.
 *
 * Texts are counted references: the slot's own and one of each request that
 * is still sending, released with r->pool.  What the slots hold is bounded
 * and is left to the end of the process.
 */

#include "ngx_http_trading_conf.h"
#include "trd_board_series.h"
#include "trd_series_json.h"

#define NGX_HTTP_TRADING_CANDLES      100   /* without ?limit= */
#define NGX_HTTP_TRADING_CANDLE_HEAD  128   /* bytes around the candles */
#define NGX_HTTP_TRADING_TEXTS        32    /* of up to 350 KB, most smaller */
#define NGX_HTTP_TRADING_TEXT_LEAST   16    /* candles that are worth it */

typedef struct {
    uint64_t     generation;        /* of the board, whose numbers they are */
    uint64_t     hash;              /* of the candles */
    uint32_t     instrument;
    uint32_t     interval;
    uint32_t     n;
    ngx_uint_t   refs;
    size_t       len;
    u_char       data[];
} ngx_http_trading_text_t;

typedef struct {
    uint32_t                  number;
    ngx_uint_t                interval;
    uint32_t                  n;
    trd_candle_t             *candles;
    uint64_t                  hash;         /* of all but the last */
    trd_instrument_t          in;
} ngx_http_trading_candles_t;

static ngx_int_t ngx_http_trading_candles_read(ngx_http_trading_call_t *call,
    ngx_http_trading_candles_t *cs);
static ngx_int_t ngx_http_trading_candles_few(ngx_http_trading_call_t *call,
    ngx_http_trading_candles_t *cs, uint64_t tag);
static ngx_int_t ngx_http_trading_candles_many(ngx_http_trading_call_t *call,
    ngx_http_trading_candles_t *cs, uint64_t tag);
static void ngx_http_trading_candles_head(trd_writer_t *w,
    ngx_http_trading_candles_t *cs);
static ngx_http_trading_text_t *ngx_http_trading_text(
    ngx_http_trading_call_t *call, ngx_http_trading_candles_t *cs);
static ngx_http_trading_text_t *ngx_http_trading_text_write(
    ngx_http_trading_call_t *call, ngx_http_trading_candles_t *cs);
static void ngx_http_trading_text_release(void *data);


/* of this worker, which is one thread */
static ngx_http_trading_text_t  *ngx_http_trading_texts[
                                                   NGX_HTTP_TRADING_TEXTS];


ngx_int_t
ngx_http_trading_candles(ngx_http_trading_call_t *call)
{
    uint64_t                     tag;
    ngx_int_t                    rc;
    ngx_http_trading_candles_t   cs;

    rc = ngx_http_trading_candles_read(call, &cs);

    if (rc != NGX_OK) {
        return rc;
    }

    tag = 0;
    cs.hash = 0;

    if (cs.n) {
        cs.hash = trd_candles_hash(cs.candles, cs.n - 1);
        tag = trd_candles_hash(&cs.candles[cs.n - 1], 1)
              ^ (cs.hash * 0x9e3779b97f4a7c15ULL);
    }

    if (ngx_http_trading_unchanged(call, tag)) {
        return ngx_http_trading_not_modified(call);
    }

    if (cs.n < NGX_HTTP_TRADING_TEXT_LEAST) {
        return ngx_http_trading_candles_few(call, &cs, tag);
    }

    return ngx_http_trading_candles_many(call, &cs, tag);
}


static ngx_int_t
ngx_http_trading_candles_read(ngx_http_trading_call_t *call,
    ngx_http_trading_candles_t *cs)
{
    int64_t                        end_ms;
    trd_rc_t                       rc;
    uint32_t                       limit;
    ngx_http_request_t            *r;
    ngx_http_trading_main_conf_t  *mcf;

    r = call->request;

    if (ngx_http_trading_need(call, 1) != NGX_OK
        || ngx_http_trading_find(call, call->tail.data, call->tail.len,
                                 &cs->number)
           != NGX_OK
        || ngx_http_trading_instrument(call, cs->number, &cs->in) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    cs->interval = ngx_http_trading_given(call, TRD_PARAM_INTERVAL)
                   ? call->args.interval : TRD_INTERVAL_1H;
    limit = ngx_http_trading_given(call, TRD_PARAM_LIMIT)
            ? call->args.limit : NGX_HTTP_TRADING_CANDLES;
    end_ms = ngx_http_trading_given(call, TRD_PARAM_END)
             ? call->args.end_ms - 1 : INT64_MAX;

    cs->n = 0;
    limit = ngx_min(limit, call->board->candles);

    cs->candles = ngx_palloc(r->pool, limit * sizeof(trd_candle_t) + 1);
    if (cs->candles == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (limit == 0) {
        return NGX_OK;
    }

    rc = trd_board_candles(call->board, cs->number, cs->interval, end_ms,
                           limit, cs->candles, &cs->n);
    if (rc == TRD_OK) {
        return NGX_OK;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_trading_module);

    ngx_http_trading_board_unread(mcf, r->connection->log, rc, "a candle");

    return ngx_http_trading_fail(call, NGX_HTTP_TRADING_NO_BOARD,
                                 "the market data cannot be read");
}


static ngx_int_t
ngx_http_trading_candles_few(ngx_http_trading_call_t *call,
    ngx_http_trading_candles_t *cs, uint64_t tag)
{
    trd_writer_t  w;

    if (ngx_http_trading_writer(call, &w, NGX_HTTP_TRADING_CANDLE_HEAD
                                          + cs->n * TRD_CANDLE_JSON_MAX)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_trading_candles_head(&w, cs);
    trd_candles_json(&w, &cs->in, cs->candles, cs->n);
    trd_write_lit(&w, "}");

    return ngx_http_trading_written(call, &w, tag);
}


/* the text that is kept, and the last candle behind it */
static ngx_int_t
ngx_http_trading_candles_many(ngx_http_trading_call_t *call,
    ngx_http_trading_candles_t *cs, uint64_t tag)
{
    ngx_buf_t                     *b;
    ngx_chain_t                    out[2];
    trd_writer_t                   w;
    ngx_http_request_t            *r;
    ngx_http_trading_text_t       *text;
    ngx_http_trading_main_conf_t  *mcf;

    r = call->request;
    mcf = ngx_http_get_module_main_conf(r, ngx_http_trading_module);

    if (!ngx_http_trading_board_whole(mcf)) {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_NO_BOARD, "");
    }

    text = ngx_http_trading_text(call, cs);

    if (text == NULL
        || ngx_http_trading_writer(call, &w, 2 * TRD_CANDLE_JSON_MAX)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    trd_candles_json(&w, &cs->in, &cs->candles[cs->n - 1], 1);
    trd_write_lit(&w, "}");

    b = ngx_pcalloc(r->pool, 2 * sizeof(ngx_buf_t));

    if (b == NULL || trd_writer_overflowed(&w)) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    *w.start = ',';                         /* where its own array began */

    b[0].pos = text->data;
    b[0].last = text->data + text->len;
    b[0].memory = 1;

    b[1].pos = (u_char *) w.start;
    b[1].last = (u_char *) w.pos;
    b[1].memory = 1;

    out[0].buf = &b[0];
    out[0].next = &out[1];
    out[1].buf = &b[1];
    out[1].next = NULL;

    if (ngx_http_trading_headers(call, tag, call->stale ? "-stale" : "", 0)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_trading_send_chain(call, out,
                                       text->len + (b[1].last - b[1].pos));
}


static void
ngx_http_trading_candles_head(trd_writer_t *w, ngx_http_trading_candles_t *cs)
{
    trd_write_lit(w, "{\"symbol\":");
    trd_write_json_str(w, cs->in.symbol, ngx_strlen(cs->in.symbol));
    trd_write_lit(w, ",\"interval\":\"");
    trd_write_str(w, trd_interval_name(cs->interval));
    trd_write_lit(w, "\",\"candles\":");
}


/* the text of all but the last candle, held until r->pool goes; or NULL */
static ngx_http_trading_text_t *
ngx_http_trading_text(ngx_http_trading_call_t *call,
    ngx_http_trading_candles_t *cs)
{
    ngx_uint_t                 slot;
    ngx_pool_cleanup_t        *cln;
    ngx_http_trading_text_t   *text;

    cln = ngx_pool_cleanup_add(call->request->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    slot = (cs->number * TRD_INTERVALS + cs->interval + cs->n)
           % NGX_HTTP_TRADING_TEXTS;
    text = ngx_http_trading_texts[slot];

    if (text == NULL
        || text->hash != cs->hash
        || text->generation != call->board->generation
        || text->instrument != cs->number
        || text->interval != cs->interval
        || text->n != cs->n - 1)
    {
        text = ngx_http_trading_text_write(call, cs);

        if (text == NULL) {
            return NULL;
        }

        if (ngx_http_trading_texts[slot]) {
            ngx_http_trading_text_release(ngx_http_trading_texts[slot]);
        }

        ngx_http_trading_texts[slot] = text;
    }

    text->refs++;

    cln->handler = ngx_http_trading_text_release;
    cln->data = text;

    return text;
}


static ngx_http_trading_text_t *
ngx_http_trading_text_write(ngx_http_trading_call_t *call,
    ngx_http_trading_candles_t *cs)
{
    size_t                     len;
    trd_writer_t               w;
    ngx_http_trading_text_t   *text;

    if (ngx_http_trading_writer(call, &w, NGX_HTTP_TRADING_CANDLE_HEAD
                                          + cs->n * TRD_CANDLE_JSON_MAX)
        != NGX_OK)
    {
        return NULL;
    }

    ngx_http_trading_candles_head(&w, cs);
    trd_candles_json(&w, &cs->in, cs->candles, cs->n - 1);

    if (trd_writer_overflowed(&w)) {
        return NULL;
    }

    len = trd_writer_len(&w) - 1;           /* without the bracket */

    text = ngx_alloc(sizeof(ngx_http_trading_text_t) + len,
                     call->request->connection->log);
    if (text == NULL) {
        return NULL;
    }

    ngx_memcpy(text->data, w.start, len);

    text->generation = call->board->generation;
    text->hash = cs->hash;
    text->instrument = cs->number;
    text->interval = (uint32_t) cs->interval;
    text->n = cs->n - 1;
    text->refs = 1;
    text->len = len;

    return text;
}


static void
ngx_http_trading_text_release(void *data)
{
    ngx_http_trading_text_t  *text;

    text = data;

    if (--text->refs == 0) {
        ngx_free(text);
    }
}
