/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What an update says, read from the board at the moment it is written: the
 * same records and the same writers as behind the routes, so that a stream
 * and a GET never show two values for one seq.
 */

#include "ngx_http_trading_stream.h"
#include "trd_board_series.h"
#include "trd_quote_json.h"
#include "trd_series_json.h"
#include "trd_signal.h"
#include "trd_stream_json.h"

#define NGX_HTTP_TRADING_STREAM_LEVELS  20

static ngx_int_t ngx_http_trading_data_quote(ngx_http_trading_hub_t *hub,
    ngx_uint_t topic, trd_instrument_t *in, uint32_t instrument,
    trd_writer_t *w, int64_t *ms);
static ngx_int_t ngx_http_trading_data_book(ngx_http_trading_hub_t *hub,
    trd_instrument_t *in, uint32_t instrument, trd_writer_t *w, int64_t *ms);
static ngx_int_t ngx_http_trading_data_corrupt(ngx_http_trading_hub_t *hub,
    const char *what);


static const struct {
    ngx_uint_t   channel;
    const char  *name;
    const char  *update;
} ngx_http_trading_topics[NGX_HTTP_TRADING_T_N] = {
    { TRD_CHANNEL_PRICES, "prices", "price_update" },
    { TRD_CHANNEL_ORDERBOOK, "orderbook", "orderbook_update" },
    { TRD_CHANNEL_SIGNALS, "signals", "signal_update" },
    { TRD_CHANNEL_SIGNALS, "binary", "binary_update" },
    { TRD_CHANNEL_CANDLES, "candles", "candle_update" },
    { TRD_CHANNEL_CANDLES, "candles", "candle_update" },
    { TRD_CHANNEL_CANDLES, "candles", "candle_update" },
    { TRD_CHANNEL_CANDLES, "candles", "candle_update" },
    { TRD_CHANNEL_CANDLES, "candles", "candle_update" },
    { TRD_CHANNEL_CANDLES, "candles", "candle_update" },
    { TRD_CHANNEL_TRADES, "trades", "trade_update" },
    { TRD_CHANNEL_MARKET_DATA, "market_data", "market_data_update" },
    { TRD_CHANNEL_HEALTH, "health", "health_update" },
    { TRD_CHANNEL_ORDERS, "orders", "order_update" },
    { TRD_CHANNEL_POSITIONS, "positions", "position_update" },
    { TRD_CHANNEL_BALANCES, "balances", "balance_update" },
    { TRD_CHANNEL_ALERTS, "alerts", "alert" }
};


ngx_uint_t
ngx_http_trading_topic_channel(ngx_uint_t topic)
{
    return ngx_http_trading_topics[topic].channel;
}


const char *
ngx_http_trading_topic_name(ngx_uint_t topic)
{
    return ngx_http_trading_topics[topic].name;
}


const char *
ngx_http_trading_topic_update(ngx_uint_t topic)
{
    return ngx_http_trading_topics[topic].update;
}


/* all but trades, of which there are many: see subject_trades() */
ngx_int_t
ngx_http_trading_data(ngx_http_trading_hub_t *hub, ngx_uint_t topic,
    uint32_t instrument, trd_writer_t *w, int64_t *ms)
{
    uint32_t          n;
    uint64_t          missed;
    trd_trade_t       trade;
    trd_candle_t      candle;
    trd_instrument_t  in;

    if (ngx_http_trading_hub_same(hub) == NULL) {
        return NGX_DECLINED;
    }

    if (topic == NGX_HTTP_TRADING_T_MARKET) {
        return ngx_http_trading_data_page(hub, TRD_PAGE_OVERVIEW, w, ms);
    }

    if (topic == NGX_HTTP_TRADING_T_HEALTH) {
        *ms = ngx_http_trading_now();
        ngx_http_trading_health_write(hub->board, hub->stale, w);
        return NGX_OK;
    }

    if (trd_board_instrument(hub->board, instrument, &in) != TRD_OK) {
        return ngx_http_trading_data_corrupt(hub, "an instrument");
    }

    if (topic == NGX_HTTP_TRADING_T_ORDERBOOK) {
        return ngx_http_trading_data_book(hub, &in, instrument, w, ms);
    }

    if (topic == NGX_HTTP_TRADING_T_TRADES) {
        if (trd_board_trades(hub->board, instrument, 0, 1, &trade, &n,
                             &missed)
            != TRD_OK || n == 0)
        {
            return NGX_DECLINED;
        }

        *ms = trade.exchange_ms;
        trd_trade_update_json(w, &in, &trade);
        return NGX_OK;
    }

    if (topic >= NGX_HTTP_TRADING_T_CANDLES
        && topic < NGX_HTTP_TRADING_T_CANDLES + TRD_INTERVALS)
    {
        if (trd_board_candles(hub->board, instrument,
                              topic - NGX_HTTP_TRADING_T_CANDLES, INT64_MAX,
                              1, &candle, &n)
            != TRD_OK || n == 0)
        {
            return NGX_DECLINED;
        }

        *ms = candle.open_ms;
        trd_candle_update_json(w, &in, topic - NGX_HTTP_TRADING_T_CANDLES,
                               &candle);
        return NGX_OK;
    }

    return ngx_http_trading_data_quote(hub, topic, &in, instrument, w, ms);
}


static ngx_int_t
ngx_http_trading_data_quote(ngx_http_trading_hub_t *hub, ngx_uint_t topic,
    trd_instrument_t *in, uint32_t instrument, trd_writer_t *w, int64_t *ms)
{
    trd_quote_t   quote;
    trd_signal_t  signal;

    if (trd_board_quote(hub->board, instrument, &quote) != TRD_OK) {
        return ngx_http_trading_data_corrupt(hub, "a quote");
    }

    if (quote.has == 0) {
        return NGX_DECLINED;
    }

    *ms = quote.received_ms;

    if (topic == NGX_HTTP_TRADING_T_PRICES) {
        trd_quote_json(w, in, &quote, TRD_FIELD_ALL);
        return NGX_OK;
    }

    if (trd_signal_threshold(&quote, &signal) != TRD_OK) {
        return NGX_DECLINED;
    }

    if (topic == NGX_HTTP_TRADING_T_SIGNALS) {
        trd_signal_json(w, in, &quote, &signal);

    } else {
        trd_binary_json(w, in, &quote, &signal);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_trading_data_book(ngx_http_trading_hub_t *hub, trd_instrument_t *in,
    uint32_t instrument, trd_writer_t *w, int64_t *ms)
{
    trd_rc_t                rc;
    trd_board_book_t        book;

    static size_t           room;
    static trd_level_t     *levels;     /* of this worker, grown as needed */

    if (room < 2 * (size_t) hub->board->depth) {
        ngx_free(levels);

        room = 2 * (size_t) hub->board->depth;
        levels = ngx_alloc(room * sizeof(trd_level_t), hub->log);

        if (levels == NULL) {
            room = 0;
            return NGX_DECLINED;
        }
    }

    rc = trd_board_depth(hub->board, instrument,
                         NGX_HTTP_TRADING_STREAM_LEVELS, levels, room, &book);

    if (rc == TRD_NOT_FOUND) {
        return NGX_DECLINED;
    }

    if (rc != TRD_OK) {
        return ngx_http_trading_data_corrupt(hub, "an order book");
    }

    *ms = book.received_ms;
    trd_depth_json(w, in, &book, hub->stale
                   || trd_board_book_stale(hub->board, in, &book,
                                           ngx_http_trading_now()));

    return NGX_OK;
}


ngx_int_t
ngx_http_trading_data_page(ngx_http_trading_hub_t *hub, ngx_uint_t page,
    trd_writer_t *w, int64_t *ms)
{
    unsigned           i;
    const trd_page_t  *p;
    trd_page_view_t    view;

    if (ngx_http_trading_hub_same(hub) == NULL) {
        return NGX_DECLINED;
    }

    p = trd_board_page(hub->board, page, TRD_VARIANT_PLAIN);

    for (i = 0; i < TRD_BOARD_TRIES; i++) {

        if (trd_page_begin(hub->board, p, i, &view) != TRD_OK
            || view.len > (size_t) (w->end - w->pos))
        {
            return NGX_DECLINED;
        }

        if (trd_page_copy(&view, w->pos) == TRD_OK) {
            w->pos += view.len;
            w->need += view.len;
            *ms = view.rendered_ms;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


/* is there anything to tell of the instrument? */
ngx_flag_t
ngx_http_trading_has(ngx_http_trading_hub_t *hub, ngx_uint_t topic,
    uint32_t instrument)
{
    int64_t       ms;
    trd_writer_t  w;

    /* a writer without room writes nothing, but counts */

    trd_writer_init(&w, &ms, 0);

    return ngx_http_trading_data(hub, topic, instrument, &w, &ms) == NGX_OK;
}


/* torn is no fault: what is read next time will be newer anyway */
static ngx_int_t
ngx_http_trading_data_corrupt(ngx_http_trading_hub_t *hub, const char *what)
{
    ngx_http_trading_board_failing(hub->mcf, hub->log, what);

    return NGX_DECLINED;
}
