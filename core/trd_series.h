/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The plain records of an instrument's history: candles, trades and levels
 * of the order book, and the intervals.  They travel between decoder, builder,
 * board and renderer.  Prices and quantities are e8 (trd_decimal.h); times are
 * milliseconds since 1970 UTC.
 */

#ifndef TRD_SERIES_H
#define TRD_SERIES_H

#include <stddef.h>
#include <stdint.h>

#define TRD_MINUTE_MS  60000LL

typedef enum {
    TRD_INTERVAL_1M = 0,
    TRD_INTERVAL_5M,
    TRD_INTERVAL_15M,
    TRD_INTERVAL_1H,
    TRD_INTERVAL_4H,
    TRD_INTERVAL_1D,
    TRD_INTERVALS
} trd_interval_t;

/* A NO_* value is 0 and unknown: to be shown as null, never as zero. */
#define TRD_CANDLE_OPEN             0x01    /* its time is not over */
#define TRD_CANDLE_SOURCE           0x02    /* the source's own figures */
#define TRD_CANDLE_PARTIAL          0x04    /* built, and may lack trades */
#define TRD_CANDLE_NO_VOLUME        0x08    /* not given, or beyond e8 */
#define TRD_CANDLE_NO_QUOTE_VOLUME  0x10
#define TRD_CANDLE_NO_TRADES        0x20
#define TRD_CANDLE_FLAGS            0x3f

/* built from quotes: there are prices and nothing else */
#define TRD_CANDLE_QUOTES                                                     \
    (TRD_CANDLE_NO_VOLUME | TRD_CANDLE_NO_QUOTE_VOLUME | TRD_CANDLE_NO_TRADES)

typedef struct {
    int64_t   open_ms;              /* a multiple of the interval, UTC */
    int64_t   open_e8, high_e8, low_e8, close_e8;
    int64_t   volume_e8, quote_volume_e8;
    uint32_t  trades;
    uint32_t  flags;                /* TRD_CANDLE_* */
} trd_candle_t;

#define TRD_TRADE_BUYER_MAKER  0x01     /* the seller was the taker */
#define TRD_TRADE_SIDE         0x02     /* which of them it was is known */

typedef struct {
    uint64_t  number;               /* 1, 2, ... of an instrument and board */
    uint64_t  seq;                  /* of its journal entry */
    uint64_t  id;                   /* the source's; 0 = none */
    int64_t   price_e8, quantity_e8;
    int64_t   exchange_ms;
    uint32_t  flags;                /* TRD_TRADE_* */
    uint32_t  reserved;
} trd_trade_t;

typedef struct {
    int64_t   price_e8, quantity_e8;
} trd_level_t;

/* ms, and the name on the wire ("1m"); 0 and NULL out of range */
int64_t trd_interval_ms(unsigned interval);
const char *trd_interval_name(unsigned interval);

/* by its name, -1 if there is none */
int trd_interval_find(const char *name, size_t len);

/* when the interval that holds `ms` began; ms >= 0 */
int64_t trd_interval_start(unsigned interval, int64_t ms);

#endif /* TRD_SERIES_H */
