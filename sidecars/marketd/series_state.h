/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What series.c keeps, for those who render it (pages_series.c) and no others.
 */

#ifndef MARKETD_SERIES_STATE_H
#define MARKETD_SERIES_STATE_H

#include "trd_backtest.h"
#include "trd_candle.h"
#include "market.h"

/* timeframe and interval have the same numbers */
_Static_assert((int) TRD_TIMEFRAME_N == (int) TRD_INTERVALS, "timeframes");

typedef struct {
    trd_candle_series_t  candles;
    trd_track_t          track[TRD_TIMEFRAME_N];
    trd_technical_t      technical[TRD_TIMEFRAME_N];    /* if has says so */
    uint32_t             has[TRD_TIMEFRAME_N];          /* TRD_TRACK_* */
    trd_indicator_values_t  values[TRD_TIMEFRAME_N];    /* likewise */
    int64_t              close_ms[TRD_TIMEFRAME_N];     /* of its candle */
    trd_candle_t         newest[TRD_INTERVALS];
    int64_t              newest_ms[TRD_INTERVALS];
    uint32_t             count[TRD_INTERVALS];
    trd_score_ring_t     threshold;
    uint8_t              prints;        /* it has trades of its own */
    uint8_t              dirty;         /* candles that the board lacks */
} series_of_t;

struct series_s {
    trd_candle_rules_t   rules;
    trd_candle_rules_t   complete;      /* of sources that miss no trade */
    void                *memory;
    series_of_t         *of;            /* one an instrument */
    trd_calibration_t    calibration[TRD_TIMEFRAME_N];
    trd_score_totals_t   technical[TRD_TIMEFRAME_N];
    trd_score_totals_t   threshold;
    int64_t              hour_ms;       /* the last one that was scored */
    uint64_t             signals;
};

const trd_candle_rules_t *series_rules(const struct series_s *s,
    const market_t *m, uint32_t instrument);

int series_dirty(const trd_candle_series_t *c);

#endif /* MARKETD_SERIES_STATE_H */
