/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The signal routes.  There is one model, so every body is a page of the
 * board; ?model= was checked with the other arguments.
 */

#include "ngx_http_trading_conf.h"

static ngx_int_t ngx_http_trading_signal(ngx_http_trading_call_t *call);
static ngx_int_t ngx_http_trading_signals_class(
    ngx_http_trading_call_t *call);


static ngx_http_trading_route_t  ngx_http_trading_signals_routes[] = {

    { ngx_string("signals/"), ngx_http_trading_signal, TRD_ENTRY_SIGNAL,
      NGX_HTTP_TRADING_R_SIGNAL, "symbol" },

    { ngx_string("signals"), ngx_http_trading_market_page,
      TRD_PAGE_SIGNALS, NGX_HTTP_TRADING_R_SIGNALS, NULL },

    { ngx_string("signals/asset/"), ngx_http_trading_signals_class,
      TRD_PAGE_SIGNALS_CLASS, NGX_HTTP_TRADING_R_SIGNALS, "class" },

    { ngx_string("binary"), ngx_http_trading_market_page,
      TRD_PAGE_BINARY, NGX_HTTP_TRADING_R_BINARY, NULL },

    { ngx_string("binary/stream"), ngx_http_trading_market_page,
      TRD_PAGE_BINARY_STREAM, NGX_HTTP_TRADING_R_BINARY, NULL },

    { ngx_string("binary/"), ngx_http_trading_signal, TRD_ENTRY_BINARY,
      NGX_HTTP_TRADING_R_BINARY, "symbol" },

    { ngx_string(""), ngx_http_trading_card_page, TRD_PAGE_SIGNALS_CARD,
      NGX_HTTP_TRADING_R_CARD, NULL },

    { ngx_string("health"), ngx_http_trading_signals_health, 0,
      NGX_HTTP_TRADING_R_HEALTH, NULL },

    { ngx_string("analysis"), ngx_http_trading_market_page,
      TRD_PAGE_ANALYSIS, NGX_HTTP_TRADING_R_ANALYSIS, NULL },

    { ngx_string("analysis/trends"), ngx_http_trading_market_page,
      TRD_PAGE_TRENDS, NGX_HTTP_TRADING_R_ANALYSIS, NULL },

    { ngx_string("recommendations"), ngx_http_trading_market_page,
      TRD_PAGE_RECOMMENDATIONS, NGX_HTTP_TRADING_R_ANALYSIS, NULL }
};


ngx_http_trading_service_t  ngx_http_trading_signals_service = {
    ngx_string("signals"),
    ngx_http_trading_signals_routes,
    sizeof(ngx_http_trading_signals_routes)
        / sizeof(ngx_http_trading_route_t)
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

    return ngx_http_trading_entry(call, instrument, call->route->arg);
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

    page = call->route->arg + asset_class;

    return ngx_http_trading_page(call,
               trd_board_page(call->board, page, TRD_VARIANT_PLAIN),
               trd_board_page(call->board, page, TRD_VARIANT_GZIP));
}
