/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Binance spot messages into trades, candles and changes of the order book;
 * what quotes are made of is decoded by trd_binance.h, from the same texts.
 * Foreign bytes: nothing is assumed of them, they are not NUL-ended, and no
 * memory is allocated: levels and candles go to memory of the caller, who
 * may share it between all connections of a thread.
 *
 * Nothing is passed on before the whole text was found well formed.
 */

#ifndef TRD_BINANCE_MARKET_H
#define TRD_BINANCE_MARKET_H

#include "trd_candle.h"
#include "trd_rc.h"
#include "trd_series.h"

/* a depth message; the levels stand as sent, the best first */
typedef struct {
    uint64_t            first_id;   /* of a difference; else 0 */
    uint64_t            last_id;
    int64_t             exchange_ms;        /* 0: a snapshot has none */
    uint32_t            nbids, nasks;
    const trd_level_t  *bids, *asks;
    uint32_t            clipped;    /* quantities cut to INT64_MAX */
    uint32_t            reserved;
} trd_depth_t;

typedef struct {
    trd_print_t  print;
    uint64_t     id;                /* of the message: aggregate or trade */
    int64_t      event_ms;
    uint32_t     flags;             /* TRD_TRADE_* */
    uint32_t     aggregate;         /* 1: aggTrade, 0: trade */
} trd_binance_trade_t;

/* flags: OPEN unless x is true, SOURCE, and NO_* of what does not fit */
typedef struct {
    trd_candle_t  candle;
    unsigned      interval;         /* trd_interval_t */
    uint64_t      last_id;          /* of its last trade; 0 = none */
    int64_t       event_ms;
} trd_binance_kline_t;

/*
 * `symbol` points into the message and is as sent: "BTCUSDT", or in lower
 * case where only the stream's name tells it (depth20).
 */
typedef struct {
    void  (*trade)(void *ctx, const char *symbol, size_t len,
        const trd_binance_trade_t *t);
    void  (*kline)(void *ctx, const char *symbol, size_t len,
        const trd_binance_kline_t *k);
    void  (*diff)(void *ctx, const char *symbol, size_t len,
        const trd_depth_t *d);
    void  (*partial)(void *ctx, const char *symbol, size_t len,
        const trd_depth_t *d);
    void          *ctx;
    trd_level_t   *levels;          /* scratch; a depth20 needs 40 */
    uint32_t       room;            /* levels */
} trd_binance_market_t;

/*
 * A WebSocket text message, bare or in the combined envelope: aggTrade,
 * trade, kline, depthUpdate, and depth5/10/20 in the envelope alone.  A kind
 * whose callback is NULL is ignored.
 *   TRD_OK        it was passed on
 *   TRD_IGNORED   well formed, but of another kind, or a kline of an
 *                 interval that we do not keep
 *   TRD_ERROR     not JSON, or a known event without what it must have
 *   TRD_OVERFLOW  a price or a trade's quantity is out of our range, or there
 *                 are more levels than room
 */
trd_rc_t trd_binance_market(const char *msg, size_t len,
    const trd_binance_market_t *m) TRD_MUST_CHECK;

/* our clock and theirs are not one: what closed this moment by ours may be open
   by theirs, so klines are read as of so much before */
#define TRD_KLINES_SETTLE_MS  3000

/*
 * The body of REST depth; the levels go to m->levels.  TRD_IGNORED: no book
 * in it, as in an error's answer.
 */
trd_rc_t trd_binance_depth(const char *body, size_t len,
    const trd_binance_market_t *m, trd_depth_t *d) TRD_MUST_CHECK;

/*
 * The body of REST klines: *n candles, oldest first, SOURCE, and OPEN if
 * they end after now_ms.  TRD_OVERFLOW: a price is out of range, or more than
 * `room`; TRD_ERROR: also times that do not fit the interval or do not grow;
 * TRD_IGNORED: not an array.  *n is 0 on anything but TRD_OK.
 */
trd_rc_t trd_binance_klines(const char *body, size_t len, unsigned interval,
    int64_t now_ms, trd_candle_t *out, uint32_t room, uint32_t *n)
    TRD_MUST_CHECK;

#endif /* TRD_BINANCE_MARKET_H */
