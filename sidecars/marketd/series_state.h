/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What series.c keeps, for those who render it (pages_series.c) and no others.
 */

#ifndef MARKETD_SERIES_STATE_H
#define MARKETD_SERIES_STATE_H

#include "trd_candle.h"
#include "trd_keep.h"
#include "market.h"

/* timeframe and interval have the same numbers */
_Static_assert((int) TRD_TIMEFRAME_N == (int) TRD_INTERVALS, "timeframes");

struct series_keep_s;

typedef struct {
    trd_candle_series_t   candles;
    trd_keep_track_t      at[TRD_TIMEFRAME_N];      /* its own record */
    trd_keep_threshold_t  threshold;
    trd_candle_t          newest[TRD_INTERVALS];
    int64_t               newest_ms[TRD_INTERVALS];
    uint32_t              count[TRD_INTERVALS];
    int64_t               held_us[TRD_INTERVALS];   /* since when the history
                                                       is awaited, 0 = not */
    uint8_t               prints;       /* it has trades of its own */
    uint8_t               dirty;        /* candles that the board lacks */
    uint8_t               origin;       /* trd_source_t: whose they are */
    uint8_t               bars;         /* it is replayed from bars of this
                                           interval: it + 1; 0 = it is not */
    unsigned              noted;        /* intervals the journal lacks */
} series_of_t;

struct series_s {
    trd_candle_rules_t    rules;
    trd_candle_rules_t    complete;     /* of sources that miss no trade */
    void                 *memory;
    series_of_t          *of;           /* one an instrument */
    trd_calibration_t     calibration[TRD_TIMEFRAME_N];     /* the sums of */
    trd_score_totals_t    technical[TRD_TIMEFRAME_N];       /* what the */
    trd_score_totals_t    threshold;                        /* records say */
    int64_t               begun_ms;     /* when the first of all came */
    int64_t               hour_ms;      /* the last one that was scored */
    uint64_t              signals;
    uint64_t              changes;      /* of any record */
    struct series_keep_s *keep;         /* NULL: nothing is kept */
};

/* Is it simulated in a market that is not?  Then it counts for itself. */
int series_apart(const market_t *m, uint32_t instrument);

int series_dirty(const trd_candle_series_t *c);

#endif /* MARKETD_SERIES_STATE_H */
