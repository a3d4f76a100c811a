/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A file of OHLCV bars in memory, and the quote that each gives.
 */

#ifndef MARKETD_REPLAY_BARS_H
#define MARKETD_REPLAY_BARS_H

#include <stddef.h>

#include "trd_quote.h"

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

/* "open_time_ms,open,high,low,close,volume"; further fields are not looked
   at.  0, 1 for a line of names, or -1: not a bar, or older than the last. */
int replay_bars_add(replay_bars_t *b, const char *line);

/* The quote at the close of bar i. */
void replay_bars_quote(const replay_bars_t *b, size_t i, trd_update_t *u);

#endif /* MARKETD_REPLAY_BARS_H */
