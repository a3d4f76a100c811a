/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * History for the boards of mkboard --series: BTC and ETH get 600 closed
 * candles of an hour up to the last whole one, 40 prints after it and a book
 * of 20 levels.  The walk is a fixed one, so that its digits can be tested.
 */

#ifndef MKBOARD_SERIES_H
#define MKBOARD_SERIES_H

#include "series.h"

#define MKBOARD_HOUR_MS  3600000LL
#define MKBOARD_CANDLES  600
#define MKBOARD_PRINTS   40
#define MKBOARD_LEVELS   20


static void
mkboard_candle(market_t *m, uint32_t number, int64_t open_ms, int64_t open_e8,
    int64_t close_e8, unsigned i)
{
    int64_t       tick;
    trd_candle_t  c;

    tick = m->catalogue->instruments[number].price_tick_e8;
    memset(&c, 0, sizeof(c));

    c.open_ms = open_ms;
    c.open_e8 = open_e8;
    c.close_e8 = close_e8;
    c.high_e8 = (open_e8 > close_e8 ? open_e8 : close_e8) + 7 * tick;
    c.low_e8 = (open_e8 < close_e8 ? open_e8 : close_e8) - 5 * tick;
    c.volume_e8 = (100 + i % 37) * TRD_E8 + i * 1000;
    c.trades = 1000 + i;
    c.flags = TRD_CANDLE_SOURCE;

    if (trd_decimal_mul(c.volume_e8, c.close_e8, &c.quote_volume_e8)
        != TRD_OK)
    {
        c.flags |= TRD_CANDLE_NO_QUOTE_VOLUME;
    }

    series_candle(m, number, TRD_INTERVAL_1H, &c, 0);
}


static void
mkboard_history(market_t *m, uint32_t number)
{
    int64_t                  hour, tick, open, close;
    unsigned                 i;
    trd_level_t              bids[MKBOARD_LEVELS], asks[MKBOARD_LEVELS];
    trd_print_t              t;
    trd_board_book_t         book;
    const trd_instrument_t  *in;

    in = &m->catalogue->instruments[number];
    hour = m->now_ms / MKBOARD_HOUR_MS * MKBOARD_HOUR_MS;
    tick = in->price_tick_e8;
    open = m->states[number].quote.last_e8;

    for (i = 0; i < MKBOARD_CANDLES; i++) {
        close = open + ((int64_t) (i * i % 61) - 29) * tick;
        mkboard_candle(m, number,
                       hour - (MKBOARD_CANDLES - i) * MKBOARD_HOUR_MS, open,
                       close, i);
        open = close;
    }

    for (i = 0; i < MKBOARD_PRINTS; i++) {
        t.first_id = t.last_id = 1000 + i;
        t.price_e8 = open + (int64_t) (i % 5) * tick;
        t.quantity_e8 = (i + 1) * in->lot_step_e8;
        t.ms = hour + i * 20;
        series_trade(m, number, &t,
                     TRD_TRADE_SIDE | (i % 2 ? TRD_TRADE_BUYER_MAKER : 0));
    }

    for (i = 0; i < MKBOARD_LEVELS; i++) {
        bids[i].price_e8 = open - (i + 1) * tick;
        asks[i].price_e8 = open + (i + 1) * tick;
        bids[i].quantity_e8 = asks[i].quantity_e8 = (i + 1) * TRD_E8;
    }

    memset(&book, 0, sizeof(book));
    book.last_id = 777;
    book.exchange_ms = hour + 900;
    book.received_ms = m->now_ms;
    book.nbids = book.nasks = MKBOARD_LEVELS;
    book.bids = bids;
    book.asks = asks;
    series_book(m, number, &book);
}

#endif /* MKBOARD_SERIES_H */
