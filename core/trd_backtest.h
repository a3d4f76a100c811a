/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * From closed candles to signals that are scored: the one path for live data
 * and for history.  trd_track_close() is what happens when a candle closes,
 * whoever closes it; a backtest is nothing but that, called for each candle of
 * a file, plus the 24 hours that the `threshold` model needs and that a live
 * feed brings along.
 *
 * A candle does in this order: judges the signals that its close makes due,
 * lets the calibration learn from them, moves the indicators, makes the new
 * signal and opens it.  So a signal knows its own candle and those before,
 * and its confidence only outcomes that had happened by then.
 *
 * Candles come oldest first.  Where more than TRD_TRACK_GAP in a row are
 * missing the indicators start anew; a signal whose horizon ends in a gap is
 * judged by the first close after it within one interval, else it is lost.
 *
 * No allocation, no pointers kept.  One thread each.
 */

#ifndef TRD_BACKTEST_H
#define TRD_BACKTEST_H

#include <stdint.h>

#include "trd_board.h"
#include "trd_indicator.h"
#include "trd_rc.h"
#include "trd_score.h"
#include "trd_technical.h"

#define TRD_TRACK_GAP      10
#define TRD_DAY_MS         86400000LL
#define TRD_HOUR_MS        3600000LL
#define TRD_BACKTEST_DAY   1440         /* candles of 24 h, at most */

/* the live state of one instrument and timeframe */
typedef struct {
    int64_t           open_ms;          /* of the newest candle */
    trd_indicator_t   indicator;
    trd_score_ring_t  ring;
} trd_track_t;

_Static_assert(sizeof(trd_track_t) <= 1536, "memory an interval");

/* which of the two a result holds */
#define TRD_TRACK_VALUES    0x1
#define TRD_TRACK_SIGNAL    0x2
#define TRD_TRACK_THRESHOLD 0x4         /* backtest only */

typedef struct {
    uint32_t                has;
    int64_t                 close_ms;   /* when the candle closed */
    trd_indicator_values_t  values;
    trd_technical_t         technical;
    trd_signal_t            threshold;
} trd_track_result_t;

void trd_track_init(trd_track_t *tr);

/*
 * `calibration` is read for the confidence; `learn` (may be NULL, may be the
 * same) takes the outcomes; `totals` are of the technical model on this
 * timeframe.  TRD_ERROR: not a candle (order of its prices, or a price <= 0);
 * TRD_IGNORED: not newer than the one before; nothing has changed then.
 */
trd_rc_t trd_track_close(trd_track_t *tr, trd_timeframe_t timeframe,
    const trd_candle_t *candle, const trd_calibration_t *calibration,
    trd_calibration_t *learn, trd_score_totals_t *totals,
    trd_track_result_t *out) TRD_MUST_CHECK;

/*
 * The same for the threshold model: judges what is due at `ms`, then, at
 * whole hours, opens the signal of `q`, due in 24 hours.  TRD_NOT_FOUND:
 * there is no signal; `s` holds it otherwise.
 */
trd_rc_t trd_track_threshold(trd_score_ring_t *ring, const trd_quote_t *q,
    int64_t ms, int64_t tolerance_ms, trd_score_totals_t *totals,
    trd_signal_t *s) TRD_MUST_CHECK;

/* signals of the threshold model within its horizon, from what is looked at
   every `ms` */
uint32_t trd_threshold_overlap(int64_t ms);

typedef struct {
    int64_t  open_ms;
    int64_t  open_e8;
    int64_t  volume_e8;
} trd_backtest_candle_t;

typedef struct {
    trd_timeframe_t        timeframe;
    int                    learn;       /* the calibration goes on learning */
    uint64_t               candles;
    uint64_t               refused;
    trd_track_t            track;
    trd_calibration_t      calibration;
    trd_score_totals_t     technical;
    trd_score_totals_t     threshold;
    trd_score_ring_t       ring;        /* the threshold model's */
    uint32_t               head;        /* of the 24 hours */
    uint32_t               n;
    trd_backtest_candle_t  day[TRD_BACKTEST_DAY];
} trd_backtest_t;

void trd_backtest_init(trd_backtest_t *b, trd_timeframe_t timeframe);

/*
 * Draws a line: totals start anew and the signals still open belong to
 * neither side, so nothing learned before rests on a price after.  learn 0
 * freezes the calibration: what follows is judged by what was known here.
 */
void trd_backtest_split(trd_backtest_t *b, int learn);

/* As trd_track_close(); refused candles are counted, too. */
trd_rc_t trd_backtest_step(trd_backtest_t *b, const trd_candle_t *candle,
    trd_track_result_t *out) TRD_MUST_CHECK;

#endif /* TRD_BACKTEST_H */
