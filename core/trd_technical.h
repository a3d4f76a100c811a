/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The `technical` model: the indicators of one timeframe, weighed into a
 * score, and what the score has been worth so far.
 *
 *   part        weight  value, cut off at -1 and +1
 *   trend           25  MACD / ATR
 *   direction       20  (+DI - -DI) / (+DI + -DI) * min(ADX / 25, 1)
 *   momentum        20  MACD histogram / (ATR / 4)
 *   rsi             15  (RSI - 50) / 20
 *   location        10  (close - SMA20) / (2 * ATR)
 *   stochastic       5  (%K - %D) / 20
 *   bands            5  (SMA20 - close) / (upper band - SMA20)
 *
 * The score is the sum of weight * value, -100 .. 100.  A part whose
 * indicator is absent counts 0 and its weight stays.  The weights were chosen
 * before any result was looked at and are fitted to nothing.
 *
 *   score      signal              target, stop in ATRs from the entry
 *   >= 60      STRONG_BUY          +3, -2
 *   >= 25      BUY                 +2, -1.5
 *   > 0        UP                  +1, -1
 *   <= 0       DOWN                -1, +1
 *   <= -25     SELL                -2, +1.5
 *   <= -60     STRONG_SELL         -3, +2
 *
 * Strength is the score's size and says nothing of how probable anything is.
 * Confidence does: it is the probability, times 100, that the price is on the
 * signal's side TRD_HORIZON candles later, as counted over past signals of
 * about this score (trd_calibration_t).  Without a past it is 50.  It can be
 * below 50: then such signals were wrong more often than right.
 *
 * Pure functions; a calibration is plain memory that may be copied.
 */

#ifndef TRD_TECHNICAL_H
#define TRD_TECHNICAL_H

#include <stddef.h>
#include <stdint.h>

#include "trd_indicator.h"
#include "trd_rc.h"
#include "trd_signal.h"

typedef enum {
    TRD_TIMEFRAME_1M = 0,       /* minutes: months do not occur */
    TRD_TIMEFRAME_5M,
    TRD_TIMEFRAME_15M,
    TRD_TIMEFRAME_1H,
    TRD_TIMEFRAME_4H,
    TRD_TIMEFRAME_1D,
    TRD_TIMEFRAME_N
} trd_timeframe_t;

#define TRD_HORIZON           4         /* candles */
#define TRD_TECHNICAL_MODEL   1         /* grows when the score is another:
                                           what was counted is void then */

typedef enum {
    TRD_PART_TREND = 0,
    TRD_PART_DIRECTION,
    TRD_PART_MOMENTUM,
    TRD_PART_RSI,
    TRD_PART_LOCATION,
    TRD_PART_STOCHASTIC,
    TRD_PART_BANDS,
    TRD_PART_N
} trd_part_t;

/*
 * How often the price was higher, by score.  Neighbouring signals share most
 * of their horizon, so `overlap` of them count as one observation, and
 * TRD_PRIOR observations of a coin flip stand before the first real one.
 */
#define TRD_CALIBRATION_BUCKETS  10     /* scores -100 .. 100, 20 each */
#define TRD_PRIOR                50

typedef struct {
    uint32_t  overlap;
    uint32_t  reserved;
    uint64_t  n[TRD_CALIBRATION_BUCKETS];       /* that moved at all */
    uint64_t  up[TRD_CALIBRATION_BUCKETS];
} trd_calibration_t;

/* `overlap`: candles of a horizon, at least 1 */
void trd_calibration_init(trd_calibration_t *c, uint32_t overlap);

/* the bucket of a score; scores out of range belong to the outermost */
unsigned trd_calibration_bucket(double score);

void trd_calibration_add(trd_calibration_t *c, unsigned bucket, int up);

/* adds the counts of `from`, for pooling instruments of one timeframe */
void trd_calibration_merge(trd_calibration_t *c,
    const trd_calibration_t *from);

/*
 * The probability that the price will be higher, 0 < p < 1; *n (may be NULL)
 * is how many past signals it rests on.
 */
double trd_calibration_up(const trd_calibration_t *c, unsigned bucket,
    uint64_t *n);

typedef struct {
    trd_signal_t  signal;               /* as of every model */
    double        score;                /* -100 .. 100 */
    double        part[TRD_PART_N];     /* -1 .. 1, unweighted */
    uint64_t      samples;              /* behind the confidence */
    unsigned      bucket;
} trd_technical_t;

/*
 * `v`: the indicators at the close of a candle, close_e8 its close.
 * `c` may be NULL: then the confidence is 50.  TRD_NOT_FOUND: MACD signal or
 * ATR are not there yet, or the price never moved.  TRD_OVERFLOW: target or
 * stop would not be a price.
 */
trd_rc_t trd_technical(const trd_indicator_values_t *v, int64_t close_e8,
    const trd_calibration_t *c, trd_technical_t *t) TRD_MUST_CHECK;

/* "1M"; NULL out of range */
const char *trd_timeframe_name(unsigned timeframe);
int64_t trd_timeframe_ms(trd_timeframe_t timeframe);

/* TRD_NOT_FOUND: no such name (any case) */
trd_rc_t trd_timeframe_find(const char *name, size_t len,
    trd_timeframe_t *timeframe) TRD_MUST_CHECK;

const char *trd_part_name(unsigned part);
double trd_part_weight(unsigned part);

#endif /* TRD_TECHNICAL_H */
