/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The signal routes.  Bodies are pages of the board.  The technical model has
 * one an instrument and timeframe, from which /signals is joined, and which
 * tells the bit as well; and a few of the whole market a timeframe.
 */

#include "ngx_http_trading_stream.h"
#include "trd_slots.h"
#include "trd_technical.h"

#define NGX_HTTP_TRADING_MAP_SIZE  512      /* around the symbols */

static ngx_int_t ngx_http_trading_signal(ngx_http_trading_call_t *call);
static ngx_int_t ngx_http_trading_signals(ngx_http_trading_call_t *call);
static ngx_int_t ngx_http_trading_signals_class(
    ngx_http_trading_call_t *call);
static ngx_int_t ngx_http_trading_signals_page(ngx_http_trading_call_t *call);
static ngx_int_t ngx_http_trading_binary_stream(
    ngx_http_trading_call_t *call);
static ngx_uint_t ngx_http_trading_technical(ngx_http_trading_call_t *call);
static ngx_int_t ngx_http_trading_binary_map(ngx_http_trading_call_t *call);
static ngx_int_t ngx_http_trading_no_version(ngx_http_trading_call_t *call);


static ngx_http_trading_route_t  ngx_http_trading_signals_routes[] = {

    { ngx_string("signals/"), ngx_http_trading_signal, TRD_ENTRY_SIGNAL,
      NGX_HTTP_TRADING_R_SIGNAL, "symbol",
      NGX_HTTP_TRADING_P_MODEL|NGX_HTTP_TRADING_P_AGE },

    { ngx_string("signals"), ngx_http_trading_signals,
      TRD_PAGE_SIGNALS, NGX_HTTP_TRADING_R_SIGNALS, NULL,
      NGX_HTTP_TRADING_P_MODEL },

    { ngx_string("signals/asset/"), ngx_http_trading_signals_class,
      TRD_PAGE_SIGNALS_CLASS, NGX_HTTP_TRADING_R_SIGNALS, "class",
      NGX_HTTP_TRADING_P_MODEL },

    { ngx_string("binary"), ngx_http_trading_signals_page,
      TRD_PAGE_BINARY, NGX_HTTP_TRADING_R_BINARY, NULL,
      NGX_HTTP_TRADING_P_MODEL },

    { ngx_string("binary/stream"), ngx_http_trading_binary_stream,
      TRD_PAGE_BINARY_STREAM, NGX_HTTP_TRADING_R_BINARY, NULL,
      NGX_HTTP_TRADING_P_MODEL },

    { ngx_string("binary/"), ngx_http_trading_signal, TRD_ENTRY_BINARY,
      NGX_HTTP_TRADING_R_BINARY, "symbol",
      NGX_HTTP_TRADING_P_MODEL|NGX_HTTP_TRADING_P_AGE },

    { ngx_string("binary/map/"), ngx_http_trading_binary_map, 0,
      NGX_HTTP_TRADING_R_BINARY, "version",
      NGX_HTTP_TRADING_P_NONE },

    { ngx_string(""), ngx_http_trading_card_page, TRD_PAGE_SIGNALS_CARD,
      NGX_HTTP_TRADING_R_CARD, NULL,
      NGX_HTTP_TRADING_P_NONE },

    { ngx_string("health"), ngx_http_trading_signals_health, 0,
      NGX_HTTP_TRADING_R_HEALTH, NULL,
      NGX_HTTP_TRADING_P_NONE },

    { ngx_string("analysis"), ngx_http_trading_signals_page,
      TRD_PAGE_ANALYSIS, NGX_HTTP_TRADING_R_ANALYSIS, NULL,
      NGX_HTTP_TRADING_P_MODEL },

    { ngx_string("analysis/trends"), ngx_http_trading_signals_page,
      TRD_PAGE_TRENDS, NGX_HTTP_TRADING_R_ANALYSIS, NULL,
      NGX_HTTP_TRADING_P_MODEL },

    { ngx_string("recommendations"), ngx_http_trading_signals_page,
      TRD_PAGE_RECOMMENDATIONS, NGX_HTTP_TRADING_R_ANALYSIS, NULL,
      NGX_HTTP_TRADING_P_MODEL },

    { ngx_string("performance"), ngx_http_trading_market_page,
      TRD_PAGE_PERFORMANCE, NGX_HTTP_TRADING_R_ANALYSIS, NULL,
      NGX_HTTP_TRADING_P_NONE }
};


ngx_http_trading_service_t  ngx_http_trading_signals_service = {
    ngx_string("signals"),
    ngx_http_trading_signals_routes,
    sizeof(ngx_http_trading_signals_routes)
        / sizeof(ngx_http_trading_route_t),
    NULL
};


static ngx_int_t
ngx_http_trading_signal(ngx_http_trading_call_t *call)
{
    uint32_t  instrument;

    if (ngx_http_trading_need(call, 1) != NGX_OK
        || ngx_http_trading_find(call, call->tail.data, call->tail.len,
                                 &instrument)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (call->args.model == NGX_HTTP_TRADING_TECHNICAL) {
        return ngx_http_trading_entry(call, instrument,
                                      TRD_ENTRY_TECHNICAL
                                      + ngx_http_trading_technical(call));
    }

    return ngx_http_trading_entry(call, instrument, call->route->arg);
}


static ngx_int_t
ngx_http_trading_signals(ngx_http_trading_call_t *call)
{
    if (call->args.model != NGX_HTTP_TRADING_TECHNICAL) {
        return ngx_http_trading_market_page(call);
    }

    if (ngx_http_trading_need(call, 1) != NGX_OK) {
        return NGX_DECLINED;
    }

    return ngx_http_trading_entries(call, -1,
                                    TRD_ENTRY_TECHNICAL
                                    + ngx_http_trading_technical(call));
}


static ngx_int_t
ngx_http_trading_signals_class(ngx_http_trading_call_t *call)
{
    ngx_uint_t  page, asset_class;

    if (ngx_http_trading_class(call, &asset_class) != NGX_OK
        || ngx_http_trading_need(call, 1) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (call->args.model == NGX_HTTP_TRADING_TECHNICAL) {
        return ngx_http_trading_entries(call, (ngx_int_t) asset_class,
                                        TRD_ENTRY_TECHNICAL
                                        + ngx_http_trading_technical(call));
    }

    page = call->route->arg + asset_class;

    return ngx_http_trading_page(call,
               trd_board_page(call->board, page, TRD_VARIANT_PLAIN),
               trd_board_page(call->board, page, TRD_VARIANT_GZIP));
}


/* a list, or the events that go on from it for who asks for those */
static ngx_int_t
ngx_http_trading_binary_stream(ngx_http_trading_call_t *call)
{
    if (call->request->method != NGX_HTTP_GET
        || !ngx_http_trading_sse_wanted(call->request, 1))
    {
        return ngx_http_trading_signals_page(call);
    }

    if (call->args.model == NGX_HTTP_TRADING_TECHNICAL) {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_UNKNOWN_MODEL,
                                     "events do not go by the model "
                                     "\"technical\"");
    }

    return ngx_http_trading_stream_open(call, 0, 1);
}


/* a page of the whole market that each model has */
static ngx_int_t
ngx_http_trading_signals_page(ngx_http_trading_call_t *call)
{
    ngx_uint_t  page;

    if (call->args.model != NGX_HTTP_TRADING_TECHNICAL) {
        return ngx_http_trading_market_page(call);
    }

    if (ngx_http_trading_need(call, 1) != NGX_OK) {
        return NGX_DECLINED;
    }

    page = TRD_PAGE_TECHNICAL
           + ngx_http_trading_technical(call) * TRD_TECHNICAL_N;

    switch (call->route->arg) {

    case TRD_PAGE_BINARY:
        page += TRD_TECHNICAL_BINARY;
        break;

    case TRD_PAGE_BINARY_STREAM:
        page += TRD_TECHNICAL_BINARY_STREAM;
        break;

    case TRD_PAGE_RECOMMENDATIONS:
        page += TRD_TECHNICAL_RECOMMENDATIONS;
        break;

    default: /* TRD_PAGE_ANALYSIS, TRD_PAGE_TRENDS */
        page += TRD_TECHNICAL_ANALYSIS;
    }

    return ngx_http_trading_page(call,
               trd_board_page(call->board, page, TRD_VARIANT_PLAIN),
               trd_board_page(call->board, page, TRD_VARIANT_GZIP));
}


/* the timeframe that is asked for, an hour if none is */
static ngx_uint_t
ngx_http_trading_technical(ngx_http_trading_call_t *call)
{
    return ngx_http_trading_given(call, TRD_PARAM_TIMEFRAME)
           ? (ngx_uint_t) call->args.timeframe : TRD_TIMEFRAME_1H;
}


/* which instrument stands where in /binary, now or in a version before */
static ngx_int_t
ngx_http_trading_binary_map(ngx_http_trading_call_t *call)
{
    ngx_int_t                 rc;
    uint64_t                  version;
    trd_rc_t                  found;
    trd_writer_t              w;
    ngx_http_trading_body_t   body;

    if (ngx_http_trading_need(call, 0) != NGX_OK) {
        return NGX_DECLINED;
    }

    found = trd_parse_u64((char *) call->tail.data, call->tail.len,
                          UINT32_MAX, &version);

    if (found == TRD_ERROR) {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_BAD_PATH,
                                     "a version of the map is a number");
    }

    if (found != TRD_OK) {
        return ngx_http_trading_no_version(call);
    }

    rc = ngx_http_trading_page_read(call,
                                    trd_board_page(call->board, TRD_PAGE_MAP,
                                                   TRD_VARIANT_PLAIN),
                                    &body);

    if (rc == NGX_HTTP_TRADING_NO_PAGE) {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_NO_BOARD,
                                     "the market data is not rendered yet");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_trading_writer(call, &w, NGX_HTTP_TRADING_MAP_SIZE
                                          + 3 * (body.buf->last
                                                 - body.buf->pos))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    trd_write_lit(&w, "{\"map_version\":");
    trd_write_u64(&w, version);
    trd_write_lit(&w, ",\"symbols\":");

    found = trd_slots_symbols((char *) body.buf->pos,
                              body.buf->last - body.buf->pos, version, &w);

    if (found == TRD_NOT_FOUND) {
        return ngx_http_trading_no_version(call);
    }

    if (found != TRD_OK) {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_NO_BOARD,
                                     "the map cannot be read");
    }

    if (ngx_http_trading_unchanged(call, version)) {
        return ngx_http_trading_not_modified(call);
    }

    trd_write_lit(&w, "}");

    return ngx_http_trading_written(call, &w, version);
}


static ngx_int_t
ngx_http_trading_no_version(ngx_http_trading_call_t *call)
{
    (void) ngx_http_trading_fail(call, NGX_HTTP_TRADING_UNKNOWN_VERSION,
                                 "no such version of the map is known, the "
                                 "newest is %uD", call->board->map_version);

    trd_write_lit(&call->members, ",\"map_version\":");
    trd_write_u64(&call->members, call->board->map_version);

    return NGX_DECLINED;
}
