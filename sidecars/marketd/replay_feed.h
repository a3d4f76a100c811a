/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A recorded feed of Binance into the market, as live messages go: quotes,
 * trades, klines and order books, by the same decoders and judges (core/).
 * What a live source does by the clock or asks of REST is done by recorded
 * time here, or is in the recording, or is not: candles around missing trades
 * stay PARTIAL, and a book is shown from its recorded snapshot on.
 *
 * Which streams were subscribed the recording does not say.  aggTrade counts
 * until the first trade, and of differences and partial books the kind that
 * comes first.
 */

#ifndef MARKETD_REPLAY_FEED_H
#define MARKETD_REPLAY_FEED_H

#include "replay_line.h"
#include "source.h"

typedef struct replay_feed_s  replay_feed_t;

/* NULL: no memory */
replay_feed_t *replay_feed_create(source_t *s);
void replay_feed_free(replay_feed_t *f);

/* A line of a feed, at the market's clock. */
void replay_feed_line(replay_feed_t *f, const replay_line_t *line);

/* The clock went on: books whose turn has come are put on the board; at the
   end of the feed all that are left. */
void replay_feed_clock(replay_feed_t *f, int end);

/* snapshots that belong to no book */
uint64_t replay_feed_unknown(const replay_feed_t *f);

#endif /* MARKETD_REPLAY_FEED_H */
