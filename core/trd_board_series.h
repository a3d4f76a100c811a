/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Candles, trades and order book as the board holds them: the readers' side.
 * Used by the module and by tools; the writer's side is
 * trd_board_series_write.h, the layout is in trd_board.h.
 *
 * A reader gets private copies in memory of its own.  There is no lock: a
 * writer that was killed between any two stores leaves every ring readable.
 *
 *   - The head of a ring is one word, the number of the newest record, with
 *     a check in its upper bits.  Record N+1 is written first, into the slot
 *     that is in nobody's window, and then becomes the newest.
 *   - Each record is hashed together with its place.  A candle that is to be
 *     written over is first written to the free slot, hashed with the place
 *     where it goes, so that one of the two is whole at any time.  If neither
 *     is, after some tries, somebody scribbled over them.
 *   - Candles stand in the order of their time.  A late one is put in by
 *     moving the later ones up, newest first, so that between any two moves
 *     the ring is in order and has one candle twice; readers drop the double.
 *     `version` grows with each move, and a reader that sees it or the newest
 *     number change under its hands begins anew.
 */

#ifndef TRD_BOARD_SERIES_H
#define TRD_BOARD_SERIES_H

#include "trd_board.h"

/*
 * At most `limit` of the newest candles that opened at or before end_ms
 * (INT64_MAX: all), oldest first; *n tells how many.  `out` has room for
 * limit.  TRD_NOT_FOUND: no such instrument or interval; TRD_AGAIN: not
 * settled after TRD_BOARD_TRIES; TRD_CORRUPT: a record or the head is wrong
 * and stays so.  *n is 0 on anything but TRD_OK.
 */
trd_rc_t trd_board_candles(const trd_board_t *b, uint32_t instrument,
    unsigned interval, int64_t end_ms, uint32_t limit, trd_candle_t *out,
    uint32_t *n) TRD_MUST_CHECK;

/*
 * At most `limit` trades with numbers above `after`, oldest first.  With
 * after = 0 they are the newest ones, else the next ones.  *missed tells how
 * many between `after` and the first one are gone (0 if after = 0).  A ring
 * that was moved on from under the reader is read again, each time a little
 * farther from its old end.
 */
trd_rc_t trd_board_trades(const trd_board_t *b, uint32_t instrument,
    uint64_t after, uint32_t limit, trd_trade_t *out, uint32_t *n,
    uint64_t *missed) TRD_MUST_CHECK;

/*
 * The oldest trade that is held whose seq is above `seq`.  TRD_NOT_FOUND:
 * there is none; TRD_CORRUPT: the ring's head is wrong, or the trade is.  One
 * that is written over meanwhile is passed, so *out may be newer than asked.
 */
trd_rc_t trd_board_trade_after(const trd_board_t *b, uint32_t instrument,
    uint64_t seq, trd_trade_t *out) TRD_MUST_CHECK;

typedef struct {
    uint64_t            seq;
    uint64_t            last_id;
    int64_t             exchange_ms;    /* 0 = not stated */
    int64_t             received_ms;
    uint32_t            nbids, nasks;
    const trd_level_t  *bids;           /* in the caller's buffer, */
    const trd_level_t  *asks;           /* the best first */
} trd_board_book_t;

/*
 * The newest order book, at most `levels` a side.  buf has room for `room`
 * levels, at least 2 * b->depth (else TRD_OVERFLOW): the whole block is
 * copied, since its hash is over the whole.  TRD_NOT_FOUND: none yet.
 */
trd_rc_t trd_board_depth(const trd_board_t *b, uint32_t instrument,
    uint32_t levels, trd_level_t *buf, size_t room, trd_board_book_t *out)
    TRD_MUST_CHECK;

/*
 * Is the book older than stale_after_ms now?  By the market's clock, which is
 * the caller's wall clock unless a replay or a simulated day has its own.
 */
int trd_board_book_stale(const trd_board_t *b, const trd_instrument_t *in,
    const trd_board_book_t *book, int64_t wall_ms);

/* places and hashes, shared with the writer */
static inline size_t
trd_candles_at(uint32_t instrument, unsigned interval, uint32_t capacity)
{
    return ((size_t) instrument * TRD_INTERVALS + interval)
           * TRD_CANDLES_SIZE(capacity);
}


#define TRD_RING_NUMBER  0xffffffffffULL        /* of the newest word */

uint64_t trd_ring_newest(uint64_t number);      /* the word of a number */

/* the words of a candle, with their hash; and back: TRD_CORRUPT */
void trd_candle_pack(const trd_candle_t *c, uint64_t place, uint64_t *words);
trd_rc_t trd_candle_unpack(const uint64_t *words, uint64_t place,
    trd_candle_t *c) TRD_MUST_CHECK;

uint32_t trd_trade_hash(const uint64_t *words, uint64_t place);
uint64_t trd_depth_hash(const trd_depth_block_t *block,
    const trd_level_t *levels, uint32_t n, uint32_t instrument);

/* what a record is hashed with: its ring, and its slot or number */
#define trd_place(ring, number)                                               \
    (((uint64_t) (ring) << 40) ^ (uint64_t) (number))

#endif /* TRD_BOARD_SERIES_H */
