/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What marketd keeps of an instrument beside its quote: candles of six
 * intervals, recent trades, the order book, indicators and the record of past
 * signals.  Sources report prints, books and candles of their own here; the
 * quote goes through market_apply() as before, which calls series_quote() for
 * what has no prints.  Candles reach the board when a round of pages is
 * rendered, trades and books at once.
 *
 * A market without series (tools, tests) ignores all of it.  One thread, as
 * all of the market.
 */

#ifndef MARKETD_SERIES_H
#define MARKETD_SERIES_H

#include "trd_board_series_write.h"
#include "trd_candle.h"
#include "trd_technical.h"

struct market_s;
typedef struct series_s  series_t;

/* NULL: no memory.  Sets m->series. */
series_t *series_create(struct market_s *m);
void series_free(series_t *s);

/*
 * A print, each of them once: onto the board's ring of trades, and into the
 * candles unless it is late or they count it already.
 * flags: TRD_TRADE_*.  The last price of the quote is not touched: a trade
 * that is to move it goes through market_apply() too.
 */
void series_trade(struct market_s *m, uint32_t instrument,
    const trd_print_t *t, uint32_t flags);

/* An accepted quote of a source that sends no prints: candles from prices. */
void series_quote(struct market_s *m, uint32_t instrument);

/* A candle of the source's own (kline stream, REST back-fill); last_id: of its
   last trade, 0 = unknown.  Back-fill comes oldest first. */
void series_candle(struct market_s *m, uint32_t instrument, unsigned interval,
    const trd_candle_t *c, uint64_t last_id);

/*
 * Candles of before are on their way: those that close of themselves wait for
 * them, so that all are scored in the order of time and none is left out for
 * being older.  series_history() takes one of them, oldest first, and
 * series_release() says that no more come (or that it is not worth waiting).
 */
void series_hold(struct market_s *m, uint32_t instrument, unsigned interval);
void series_history(struct market_s *m, uint32_t instrument,
    unsigned interval, const trd_candle_t *c);
void series_release(struct market_s *m, uint32_t instrument,
    unsigned interval);

/* The order book after a change, the best levels first. */
void series_book(struct market_s *m, uint32_t instrument,
    trd_board_book_t *book);

/* Trades may have been missed: after each reconnect of a source.  No candle is
   made of its quotes from then on.  Where bars are replayed: some are missing
   after the last one. */
void series_broken(struct market_s *m, uint32_t instrument);

/* Closes candles by the clock; about once a second. */
void series_clock(struct market_s *m);

/* Sees to it that nothing waits longer for being rendered; as often. */
void series_look(struct market_s *m);

/*
 * Closes candles by a virtual clock, puts them on the board and journals
 * them: what the journal says is then the same whenever pages are rendered.
 */
void series_turn(struct market_s *m);

/* Begins anew, on the board as well: what a restart does, in a replay. */
void series_forget(struct market_s *m);

/* What a replayed instrument was, since candles are made by that. */
void series_origin(struct market_s *m, uint32_t instrument,
    trd_source_t source);

/* Puts the changed candles of an instrument on the board, and moves the
   indicators and signals of those that closed; 1: signals changed. */
int series_flush(struct market_s *m, uint32_t instrument);

/* how many candles an interval has been back-filled with or built */
uint32_t series_count(const struct market_s *m, uint32_t instrument,
    unsigned interval);

#endif /* MARKETD_SERIES_H */
