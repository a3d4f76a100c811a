/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The record of past signals over restarts: HISTORY_DIR/calibration-live, or
 * calibration-simulator, in the form of core/trd_keep.h.
 *
 * It is taken in once, before any source starts, and only what is of the same
 * market: a live one, or the simulator's of the same seed, scenario and
 * start; and of that only instruments with the same symbols and source.  A
 * file that is refused is renamed to .refused and costs a line in the log.  A
 * replay keeps nothing and knows nothing.
 *
 * The file holds one moment, tracks with their newest candle and counts
 * together, so nothing is counted twice or half after a kill: the candles
 * since then come again from the source, or are lost if it has no history.
 */

#ifndef MARKETD_SERIES_KEEP_H
#define MARKETD_SERIES_KEEP_H

#include "market.h"

/* m->series is there and has seen nothing yet.  -1: no memory, logged. */
int series_keep_open(market_t *m);

/* About once a second.  Writes what changed once a minute (the first time
   after a few seconds), on a thread that ends with it. */
void series_keep_tick(market_t *m);

/* Writes what changed before it returns. */
void series_keep_close(market_t *m);

#endif /* MARKETD_SERIES_KEEP_H */
