/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The market routes: see docs and api.  Bodies are pages of the board but
 * for the requests that ask for certain symbols or fields, which are in
 * ngx_http_trading_quotes.c, candles and the like, in
 * ngx_http_trading_series.c, and health, in ngx_http_trading_health.c.
 */

#include "ngx_http_trading_conf.h"

static ngx_int_t ngx_http_trading_prices(ngx_http_trading_call_t *call);
static ngx_int_t ngx_http_trading_price(ngx_http_trading_call_t *call);
static ngx_int_t ngx_http_trading_prices_class(ngx_http_trading_call_t *call);
static ngx_int_t ngx_http_trading_indicators(ngx_http_trading_call_t *call);


static ngx_http_trading_route_t  ngx_http_trading_market_routes[] = {

    { ngx_string("prices/"), ngx_http_trading_price, TRD_ENTRY_QUOTE,
      NGX_HTTP_TRADING_R_PRICE, "symbol",
      NGX_HTTP_TRADING_P_QUOTES|NGX_HTTP_TRADING_P_WAIT },

    { ngx_string("prices"), ngx_http_trading_prices, TRD_PAGE_PRICES,
      NGX_HTTP_TRADING_R_PRICES, NULL,
      NGX_HTTP_TRADING_P_QUOTES|NGX_HTTP_TRADING_P_SYMBOLS },

    { ngx_string("prices/asset/"), ngx_http_trading_prices_class,
      TRD_PAGE_PRICES_CLASS, NGX_HTTP_TRADING_R_PRICES, "class",
      NGX_HTTP_TRADING_P_QUOTES },

    { ngx_string(""), ngx_http_trading_card_page, TRD_PAGE_MARKET_CARD,
      NGX_HTTP_TRADING_R_CARD, NULL,
      NGX_HTTP_TRADING_P_NONE },

    { ngx_string("health"), ngx_http_trading_market_health, 0,
      NGX_HTTP_TRADING_R_HEALTH, NULL,
      NGX_HTTP_TRADING_P_NONE },

    { ngx_string("overview"), ngx_http_trading_market_page,
      TRD_PAGE_OVERVIEW, NGX_HTTP_TRADING_R_OVERVIEW, NULL,
      NGX_HTTP_TRADING_P_NONE },

    { ngx_string("summary"), ngx_http_trading_market_page,
      TRD_PAGE_SUMMARY, NGX_HTTP_TRADING_R_OVERVIEW, NULL,
      NGX_HTTP_TRADING_P_NONE },

    { ngx_string("supported-symbols"), ngx_http_trading_card_page,
      TRD_PAGE_SYMBOLS, NGX_HTTP_TRADING_R_CATALOGUE, NULL,
      NGX_HTTP_TRADING_P_NONE },

    { ngx_string("instruments"), ngx_http_trading_card_page,
      TRD_PAGE_INSTRUMENTS, NGX_HTTP_TRADING_R_CATALOGUE, NULL,
      NGX_HTTP_TRADING_P_NONE },

    { ngx_string("candles/"), ngx_http_trading_candles, 0,
      NGX_HTTP_TRADING_R_SERIES, "symbol",
      NGX_HTTP_TRADING_P_CANDLES },

    { ngx_string("historical-data/"), ngx_http_trading_candles, 0,
      NGX_HTTP_TRADING_R_SERIES, "symbol",
      NGX_HTTP_TRADING_P_CANDLES },

    { ngx_string("depth/"), ngx_http_trading_depth, 0,
      NGX_HTTP_TRADING_R_SERIES, "symbol",
      NGX_HTTP_TRADING_P_LEVELS },

    { ngx_string("trades/"), ngx_http_trading_trades, 0,
      NGX_HTTP_TRADING_R_SERIES, "symbol",
      NGX_HTTP_TRADING_P_LIMIT },

    { ngx_string("trade-history/"), ngx_http_trading_trades, 0,
      NGX_HTTP_TRADING_R_SERIES, "symbol",
      NGX_HTTP_TRADING_P_LIMIT },

    { ngx_string("analysis/"), ngx_http_trading_indicators,
      TRD_ENTRY_ANALYSIS, NGX_HTTP_TRADING_R_ANALYSIS, "symbol",
      NGX_HTTP_TRADING_P_AGE },

    { ngx_string("data-feeds"), ngx_http_trading_feeds, 0,
      NGX_HTTP_TRADING_R_HEALTH, NULL,
      NGX_HTTP_TRADING_P_NONE },

    { ngx_string("cache/stats"), ngx_http_trading_cache_stats, 0,
      NGX_HTTP_TRADING_R_HEALTH, NULL,
      NGX_HTTP_TRADING_P_NONE }
};


ngx_http_trading_service_t  ngx_http_trading_market_service = {
    ngx_string("market"),
    ngx_http_trading_market_routes,
    sizeof(ngx_http_trading_market_routes) / sizeof(ngx_http_trading_route_t),
    NULL
};


/*
 * The board, or the reason why not.  `live`: what is served moves, so the
 * writer's silence matters.
 */
ngx_int_t
ngx_http_trading_need(ngx_http_trading_call_t *call, ngx_uint_t live)
{
    ngx_http_request_t            *r;
    ngx_http_trading_loc_conf_t   *lcf;
    ngx_http_trading_main_conf_t  *mcf;

    r = call->request;
    mcf = ngx_http_get_module_main_conf(r, ngx_http_trading_module);

    call->board = ngx_http_trading_board(mcf, r->connection->log);

    if (call->board == NULL) {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_NO_BOARD,
                                     "there is no market data yet");
    }

    if (!live) {
        return NGX_OK;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_trading_module);
    call->stale = ngx_http_trading_board_stale(lcf, call->board);

    if (call->stale && lcf->stale_fail) {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_STALE,
                                     "the market data is no longer updated");
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_trading_find(ngx_http_trading_call_t *call, u_char *name,
    size_t len, uint32_t *instrument)
{
    trd_rc_t                       rc;
    ngx_str_t                      symbol;
    ngx_http_request_t            *r;
    ngx_http_trading_main_conf_t  *mcf;

    rc = trd_board_find(call->board, (char *) name, len, instrument);

    if (rc == TRD_OK) {
        return NGX_OK;
    }

    if (rc != TRD_NOT_FOUND) {
        r = call->request;
        mcf = ngx_http_get_module_main_conf(r, ngx_http_trading_module);

        ngx_http_trading_board_failing(mcf, r->connection->log, "the index");

        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_NO_BOARD,
                                     "the market data cannot be read");
    }

    if (!trd_text_ok((char *) name, len)) {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_BAD_PATH,
                                     "the symbol is not UTF-8 text");
    }

    symbol.data = name;
    symbol.len = ngx_min(len, NGX_HTTP_TRADING_TAIL);

    return ngx_http_trading_fail(call, NGX_HTTP_TRADING_UNKNOWN_SYMBOL,
                                 "there is no instrument \"%V\"", &symbol);
}


/* a page that moves with the market */
ngx_int_t
ngx_http_trading_market_page(ngx_http_trading_call_t *call)
{
    ngx_uint_t  page;

    if (ngx_http_trading_need(call, 1) != NGX_OK) {
        return NGX_DECLINED;
    }

    page = call->route->arg;

    return ngx_http_trading_page(call,
               trd_board_page(call->board, page, TRD_VARIANT_PLAIN),
               trd_board_page(call->board, page, TRD_VARIANT_GZIP));
}


/* a page that stays as it is while the board lives */
ngx_int_t
ngx_http_trading_card_page(ngx_http_trading_call_t *call)
{
    ngx_uint_t  page;

    if (ngx_http_trading_need(call, 0) != NGX_OK) {
        return NGX_DECLINED;
    }

    page = call->route->arg;

    return ngx_http_trading_page(call,
               trd_board_page(call->board, page, TRD_VARIANT_PLAIN),
               trd_board_page(call->board, page, TRD_VARIANT_GZIP));
}


static ngx_int_t
ngx_http_trading_price(ngx_http_trading_call_t *call)
{
    uint32_t  instrument;

    if (ngx_http_trading_need(call, 1) != NGX_OK
        || ngx_http_trading_find(call, call->tail.data, call->tail.len,
                                 &instrument)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (ngx_http_trading_given(call, TRD_PARAM_AFTER_SEQ)) {
        return ngx_http_trading_wait(call, instrument);
    }

    if (call->args.display
        || ngx_http_trading_given(call, TRD_PARAM_FIELDS)
        || ngx_http_trading_given(call, TRD_PARAM_MAX_AGE_MS))
    {
        return ngx_http_trading_quote(call, instrument);
    }

    return ngx_http_trading_entry(call, instrument, TRD_ENTRY_QUOTE);
}


static ngx_int_t
ngx_http_trading_indicators(ngx_http_trading_call_t *call)
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
ngx_http_trading_prices(ngx_http_trading_call_t *call)
{
    if (call->args.display
        || call->args.given & ((1 << TRD_PARAM_FIELDS)
                               | (1 << TRD_PARAM_MAX_AGE_MS)
                               | (1 << TRD_PARAM_SYMBOLS)))
    {
        return ngx_http_trading_quotes(call, -1);
    }

    return ngx_http_trading_market_page(call);
}


static ngx_int_t
ngx_http_trading_prices_class(ngx_http_trading_call_t *call)
{
    ngx_uint_t  page, asset_class;

    if (ngx_http_trading_class(call, &asset_class) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (call->args.display
        || call->args.given & ((1 << TRD_PARAM_FIELDS)
                               | (1 << TRD_PARAM_MAX_AGE_MS)))
    {
        return ngx_http_trading_quotes(call, (ngx_int_t) asset_class);
    }

    if (ngx_http_trading_need(call, 1) != NGX_OK) {
        return NGX_DECLINED;
    }

    page = TRD_PAGE_PRICES_CLASS + asset_class;

    return ngx_http_trading_page(call,
               trd_board_page(call->board, page, TRD_VARIANT_PLAIN),
               trd_board_page(call->board, page, TRD_VARIANT_GZIP));
}
