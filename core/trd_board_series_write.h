/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Candles, trades and order book onto the board: the writer's side, used by
 * marketd alone.  The layout is in trd_board.h, the order of stores and why
 * it needs no lock in trd_board_series.h.
 *
 * What the writer reads back of a ring it checks as a reader does: a ring
 * that somebody scribbled over is emptied and begun anew, and w->resets
 * counts it.  An instrument or interval out of range does nothing.
 */

#ifndef TRD_BOARD_SERIES_WRITE_H
#define TRD_BOARD_SERIES_WRITE_H

#include "trd_board_series.h"
#include "trd_board_write.h"

/*
 * Puts a candle where its time belongs: in the place of the one of that
 * time, after the newest, or between others.  One that is older than all of
 * a full ring is left out.  open_ms must be a multiple of the interval.
 * Nothing is journaled: candles change in flocks, and one entry tells of all
 * of an instrument's intervals: trd_board_note(w, instrument,
 * TRD_CHANGE_CANDLE, mask of 1 << interval).
 */
void trd_board_put_candle(trd_board_writer_t *w, uint32_t instrument,
    unsigned interval, const trd_candle_t *c);

/* Appends a trade and journals it; sets t->number and t->seq. */
void trd_board_put_trade(trd_board_writer_t *w, uint32_t instrument,
    trd_trade_t *t);

/*
 * Publishes an order book and journals it; sets book->seq.  Bids and asks
 * have the best first; what is beyond the board's depth is left out.
 */
void trd_board_put_depth(trd_board_writer_t *w, uint32_t instrument,
    trd_board_book_t *book);

/* Empties candles, trades and book of an instrument; numbers of trades begin
   anew.  Nothing is journaled. */
void trd_board_empty_series(trd_board_writer_t *w, uint32_t instrument);

#endif /* TRD_BOARD_SERIES_WRITE_H */
