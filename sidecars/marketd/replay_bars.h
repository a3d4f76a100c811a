/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A file of OHLCV bars in memory: the quote that each gives, and its candle.
 */

#ifndef MARKETD_REPLAY_BARS_H
#define MARKETD_REPLAY_BARS_H

#include <stddef.h>

#include "trd_quote.h"
#include "trd_series.h"

typedef struct {
    int64_t  open_ms;
    int64_t  open_e8, high_e8, low_e8, close_e8;
    int64_t  volume_e8;         /* -1: out of our range */
} replay_bar_t;

typedef struct {
    replay_bar_t  *bars;
    size_t         n;
    size_t         room;
    int64_t        interval_ms; /* of a bar: the least between two */
} replay_bars_t;

/* what a bar brings, see replay_bars_candle() */
typedef struct {
    trd_candle_t  candle;
    unsigned      interval;
    int           hole;
} replay_bars_candle_t;

/*
 * "open_time_ms,open,high,low,close,volume", with or without the line's end;
 * further fields are not looked at.  0, 1 for a line of names, or -1: not a
 * bar, or not newer than the last.
 */
int replay_bars_add(replay_bars_t *b, const char *line, size_t len);
void replay_bars_free(replay_bars_t *b);

/* The interval of our candles that bars become: their own if we have it, else
   the shortest that they fit into.  -1: none. */
int replay_bars_interval(const replay_bars_t *b);

/* The quote at the close of bar i. */
void replay_bars_quote(const replay_bars_t *b, size_t i, trd_update_t *u);

/*
 * The candle that is whole with bar i, the bar itself where its interval is
 * one of ours.  PARTIAL if bars are missing within it; hole: nothing of the
 * next one is in the file.  0: there is none: bar i is not the last one of a
 * candle.  Bars that begin at no multiple of their interval are left out.
 */
int replay_bars_candle(const replay_bars_t *b, size_t i,
    replay_bars_candle_t *out);

#endif /* MARKETD_REPLAY_BARS_H */
