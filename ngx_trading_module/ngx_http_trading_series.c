/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Order book and trades of an instrument.  They are records on the board, not
 * pages: copied into r->pool, where each was checked against its hash, then
 * hashed for the tag and written.  A client that has the answer already costs
 * no writing.
 */

#include "ngx_http_trading_conf.h"
#include "trd_board_series.h"
#include "trd_series_json.h"

#define NGX_HTTP_TRADING_LIMIT       100    /* without ?limit= */
#define NGX_HTTP_TRADING_LEVELS      20     /* without ?levels= */
#define NGX_HTTP_TRADING_SERIES      128    /* bytes around the records */
#define NGX_HTTP_TRADING_TRADE_SIZE  192    /* at most, with its comma */
#define NGX_HTTP_TRADING_LEVEL_SIZE  64

typedef struct {
    uint32_t          number;               /* of the instrument */
    trd_instrument_t  in;
} ngx_http_trading_subject_t;

static ngx_int_t ngx_http_trading_subject(ngx_http_trading_call_t *call,
    ngx_http_trading_subject_t *subject);
static ngx_int_t ngx_http_trading_series_fail(ngx_http_trading_call_t *call,
    trd_rc_t rc, const char *what);
static void ngx_http_trading_series_head(trd_writer_t *w,
    const trd_instrument_t *in);


ngx_int_t
ngx_http_trading_trades(ngx_http_trading_call_t *call)
{
    uint32_t                     n, limit;
    uint64_t                     tag, missed;
    trd_rc_t                     rc;
    trd_trade_t                 *trades;
    trd_writer_t                 w;
    ngx_http_trading_subject_t   subject;

    if (ngx_http_trading_subject(call, &subject) != NGX_OK) {
        return NGX_DECLINED;
    }

    limit = ngx_http_trading_given(call, TRD_PARAM_LIMIT)
            ? call->args.limit : NGX_HTTP_TRADING_LIMIT;

    n = 0;
    limit = ngx_min(limit, call->board->trades);

    trades = ngx_palloc(call->request->pool, limit * sizeof(trd_trade_t) + 1);
    if (trades == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = limit ? trd_board_trades(call->board, subject.number, 0, limit,
                                  trades, &n, &missed)
               : TRD_OK;

    if (rc != TRD_OK) {
        return ngx_http_trading_series_fail(call, rc, "a trade");
    }

    tag = trd_trades_hash(trades, n);

    if (ngx_http_trading_unchanged(call, tag)) {
        return ngx_http_trading_not_modified(call);
    }

    if (ngx_http_trading_writer(call, &w, NGX_HTTP_TRADING_SERIES
                                          + n * NGX_HTTP_TRADING_TRADE_SIZE)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_trading_series_head(&w, &subject.in);
    trd_write_lit(&w, ",\"trades\":");
    trd_trades_json(&w, &subject.in, trades, n);
    trd_write_lit(&w, "}");

    return ngx_http_trading_written(call, &w, tag);
}


ngx_int_t
ngx_http_trading_depth(ngx_http_trading_call_t *call)
{
    int                          stale;
    size_t                       room;
    uint32_t                     levels;
    uint64_t                     tag;
    trd_rc_t                     rc;
    trd_level_t                 *buf;
    trd_writer_t                 w;
    trd_board_book_t             book;
    ngx_http_trading_subject_t   subject;

    if (ngx_http_trading_subject(call, &subject) != NGX_OK) {
        return NGX_DECLINED;
    }

    levels = ngx_http_trading_given(call, TRD_PARAM_LEVELS)
             ? call->args.levels : NGX_HTTP_TRADING_LEVELS;
    room = (size_t) call->board->depth * 2;

    buf = ngx_palloc(call->request->pool, room * sizeof(trd_level_t) + 1);
    if (buf == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = trd_board_depth(call->board, subject.number, levels, buf, room,
                         &book);

    /* an empty book is one that is being put together again */

    if (rc == TRD_NOT_FOUND
        || (rc == TRD_OK && book.nbids == 0 && book.nasks == 0))
    {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_NO_DEPTH,
                                     "there is no order book of \"%s\"",
                                     subject.in.symbol);
    }

    if (rc != TRD_OK) {
        return ngx_http_trading_series_fail(call, rc, "an order book");
    }

    /* of a writer that is silent the tag says so by itself */

    stale = trd_board_book_stale(call->board, &subject.in, &book,
                                 ngx_http_trading_now());
    tag = trd_book_hash(&book) ^ (uint64_t) stale;
    stale |= call->stale ? 1 : 0;

    if (ngx_http_trading_unchanged(call, tag)) {
        return ngx_http_trading_not_modified(call);
    }

    if (ngx_http_trading_writer(call, &w, 2 * NGX_HTTP_TRADING_SERIES
                                          + (book.nbids + book.nasks)
                                            * NGX_HTTP_TRADING_LEVEL_SIZE)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    trd_depth_json(&w, &subject.in, &book, stale);

    return ngx_http_trading_written(call, &w, tag);
}


static ngx_int_t
ngx_http_trading_subject(ngx_http_trading_call_t *call,
    ngx_http_trading_subject_t *subject)
{
    if (ngx_http_trading_need(call, 1) != NGX_OK
        || ngx_http_trading_find(call, call->tail.data, call->tail.len,
                                 &subject->number)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    return ngx_http_trading_instrument(call, subject->number, &subject->in);
}


static ngx_int_t
ngx_http_trading_series_fail(ngx_http_trading_call_t *call, trd_rc_t rc,
    const char *what)
{
    ngx_http_request_t            *r;
    ngx_http_trading_main_conf_t  *mcf;

    r = call->request;
    mcf = ngx_http_get_module_main_conf(r, ngx_http_trading_module);

    ngx_http_trading_board_unread(mcf, r->connection->log, rc, what);

    return ngx_http_trading_fail(call, NGX_HTTP_TRADING_NO_BOARD,
                                 "the market data cannot be read");
}


static void
ngx_http_trading_series_head(trd_writer_t *w, const trd_instrument_t *in)
{
    trd_write_lit(w, "{\"symbol\":");
    trd_write_json_str(w, in->symbol, ngx_strlen(in->symbol));
}
