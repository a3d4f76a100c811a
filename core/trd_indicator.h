/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Technical indicators of one instrument on one interval, streaming: a closed
 * candle costs a fixed number of steps, and the candle that is still open can
 * be looked at any number of times without disturbing what is kept.
 *
 *   value                    seed                              first candle
 *   SMA(20), Bollinger       the window; population deviation            20
 *   EMA(12), (20), (26)      mean of the first 12, 20, 26        12, 20, 26
 *   MACD(12,26), signal 9    mean of the first nine MACDs            26, 34
 *   RSI(14)                  Wilder, mean of the first 14 changes        15
 *   ATR(14), DI(14)          Wilder, mean of true ranges 2..15           15
 *   ADX(14)                  Wilder, mean of the first 14 DX             28
 *   stochastic %K(14,3), %D  mean of three raw %K; of three %K       16, 18
 *
 * Nothing drifts: windows are summed anew at every close, as whole-number
 * distances from the newest price, and the recursive averages forget.  The
 * values are doubles, good to about 1e-12 of the price: they describe a
 * market and are never money.
 *
 * A value that does not exist is absent, never 0: before its first candle,
 * and where it would be 0/0 (RSI and DI of a price that never moved, the
 * stochastic of 14 flat candles).
 *
 * The caller decides what a candle is: one without trades is fed with all
 * prices equal, or left out, but always the same way.  After a gap that was
 * not filled the state is initialised and fed again.
 *
 * No allocation, no pointers inside: a state may be copied.  One thread each.
 */

#ifndef TRD_INDICATOR_H
#define TRD_INDICATOR_H

#include <stdint.h>

#include "trd_rc.h"

#define TRD_IND_SMA         0x0001
#define TRD_IND_EMA12       0x0002
#define TRD_IND_EMA20       0x0004
#define TRD_IND_EMA26       0x0008
#define TRD_IND_RSI         0x0010
#define TRD_IND_MACD        0x0020
#define TRD_IND_SIGNAL      0x0040      /* and the histogram */
#define TRD_IND_BOLLINGER   0x0080
#define TRD_IND_ATR         0x0100
#define TRD_IND_DI          0x0200
#define TRD_IND_ADX         0x0400
#define TRD_IND_STOCH_K     0x0800
#define TRD_IND_STOCH_D     0x1000
#define TRD_IND_ALL         0x1fff

/* candles before everything is there */
#define TRD_IND_WARM_UP     34

/* what a new candle makes of the recursive averages */
typedef struct {
    double  ema12;          /* a sum until its period is full, as all here */
    double  ema20;
    double  ema26;
    double  signal;
    double  gain;
    double  loss;
    double  atr;
    double  plus_dm;
    double  minus_dm;
    double  adx;
    double  raw_k[2];       /* newest first; NaN where it was 0/0 */
    double  k[2];
} trd_indicator_smooth_t;

typedef struct {
    uint64_t                n;          /* closed candles */
    int64_t                 close_e8;   /* of the newest closed one */
    int64_t                 high_e8;
    int64_t                 low_e8;
    int64_t                 max_e8;     /* over the highs and lows below */
    int64_t                 min_e8;
    double                  mean;       /* of the closes below, from close_e8 */
    double                  squares;    /* of their distances from the mean */
    trd_indicator_smooth_t  smooth;
    int64_t                 closes[19];
    int64_t                 highs[13];
    int64_t                 lows[13];
} trd_indicator_t;

_Static_assert(sizeof(trd_indicator_t) == 536, "memory an interval");

/* NaN where the bit is not set in `ready` */
typedef struct {
    uint32_t  ready;            /* TRD_IND_* */
    uint32_t  reserved;
    double    close;
    double    sma20;
    double    ema12;
    double    ema20;
    double    ema26;
    double    rsi14;            /* 0 .. 100 */
    double    macd;
    double    macd_signal;
    double    macd_histogram;
    double    bollinger_middle;
    double    bollinger_upper;
    double    bollinger_lower;
    double    atr14;
    double    plus_di14;        /* 0 .. 100, as are all below */
    double    minus_di14;
    double    adx14;
    double    stochastic_k;     /* %K(14,3) */
    double    stochastic_d;
} trd_indicator_values_t;

void trd_indicator_init(trd_indicator_t *s);

/*
 * Takes a closed candle in; `v` (may be NULL) gets the values at its close.
 * TRD_ERROR: not 0 < low <= close <= high; nothing has changed then.
 */
trd_rc_t trd_indicator_close(trd_indicator_t *s, int64_t high_e8,
    int64_t low_e8, int64_t close_e8, trd_indicator_values_t *v)
    TRD_MUST_CHECK;

/*
 * What trd_indicator_close() would give if the open candle closed like this;
 * the same value to the last bit.
 */
trd_rc_t trd_indicator_peek(const trd_indicator_t *s, int64_t high_e8,
    int64_t low_e8, int64_t close_e8, trd_indicator_values_t *v)
    TRD_MUST_CHECK;

#endif /* TRD_INDICATOR_H */
