/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The local order book of one instrument, kept by Binance's rules from a
 * snapshot and differences, or from partial books alone.
 *
 *   - A difference covers the update ids first_id .. last_id.  The first one
 *     that is applied must hold the id after the snapshot's, each next one
 *     must begin with the id after the one before.  Older ones are dropped;
 *     a gap empties the book, which then wants a new snapshot.
 *   - A quantity of 0 takes a level away; the exchange also does that with
 *     levels that we never had, which means nothing.
 *   - Bid and ask never meet: a book where they do is emptied.
 *
 * A side is an array in the order of price with the best at its end, where
 * nearly everything happens, so that little has to be moved.  It holds at
 * least `capacity` levels; once there is no room left the farthest are
 * dropped, and `edge` says where certainty ends: levels that are no better
 * than it may lack others beside them.  The same holds beyond the end of a
 * snapshot that was cut at its limit.
 *
 * Messages that come before the snapshot are the caller's to keep (as text)
 * and to apply after it.  Pure: memory is the caller's, one thread.
 */

#ifndef TRD_BOOK_H
#define TRD_BOOK_H

#include "trd_binance_market.h"
#include "trd_rc.h"
#include "trd_series.h"

typedef enum {
    TRD_BOOK_EMPTY = 0,         /* wants a snapshot */
    TRD_BOOK_SNAPSHOT,          /* has one, waits for its first difference */
    TRD_BOOK_LIVE,
    TRD_BOOK_PARTIAL            /* the top alone, from partial books */
} trd_book_state_t;

enum {
    TRD_BOOK_BID = 0,
    TRD_BOOK_ASK,
    TRD_BOOK_SIDES
};

typedef struct {
    trd_level_t  *level;        /* the worst first; prices of asks negative */
    uint32_t      n;
    uint32_t      cut;          /* 1: edge means something */
    int64_t       edge_e8;
} trd_book_side_t;

typedef struct {
    trd_book_side_t  side[TRD_BOOK_SIDES];
    uint32_t         capacity;      /* levels a side that are kept for sure */
    uint32_t         room;          /* ... that there is memory for */
    uint32_t         state;         /* trd_book_state_t */
    uint32_t         reserved;
    uint64_t         last_id;
    int64_t          exchange_ms;
    uint64_t         applied;       /* differences */
    uint64_t         old;           /* ... dropped: before the snapshot */
    uint64_t         gaps;
    uint64_t         crossed;       /* books emptied because sides met */
    uint64_t         dropped;       /* levels dropped for want of room */
} trd_book_t;

/* bytes that a book of so many levels a side needs */
size_t trd_book_memory(uint32_t capacity);

/* memory: that many bytes, aligned as for int64_t; capacity at least 1 */
void trd_book_init(trd_book_t *b, uint32_t capacity, void *memory);

/* Back to empty; counters stay.  After a lost connection. */
void trd_book_reset(trd_book_t *b);

/*
 * Takes a snapshot.  limit: the number of levels asked for: a side with as
 * many of them is known to be cut (0: it is whole).  TRD_ERROR: levels out of
 * order or crossed, the book is empty then.  TRD_IGNORED: older than what the
 * book holds.
 */
trd_rc_t trd_book_snapshot(trd_book_t *b, const trd_depth_t *d,
    uint32_t limit) TRD_MUST_CHECK;

/*
 * Applies a difference.  TRD_OK: applied.  TRD_IGNORED: older than the book.
 * TRD_AGAIN: there is no snapshot, or ids are missing: the book is empty now,
 * fetch a snapshot and apply this message again after it.  TRD_ERROR: the
 * message contradicts itself or makes the sides meet; the book is empty.
 */
trd_rc_t trd_book_apply(trd_book_t *b, const trd_depth_t *d) TRD_MUST_CHECK;

/*
 * The same of one that may begin within what the book has: each quantity is
 * the newest, not a change, so it is as good as one that follows.  (Two links
 * of a renewal need not cut the same stream at the same ids.)
 */
trd_rc_t trd_book_follow(trd_book_t *b, const trd_depth_t *d) TRD_MUST_CHECK;

/* Takes a partial book in place of all; the results of a snapshot. */
trd_rc_t trd_book_partial(trd_book_t *b, const trd_depth_t *d) TRD_MUST_CHECK;

/*
 * At most n levels of a side, the best first; returns how many.  *sure tells
 * how many of them cannot lack one between them.
 */
uint32_t trd_book_top(const trd_book_t *b, unsigned side, uint32_t n,
    trd_level_t *out, uint32_t *sure);

/* As trd_book_top(), but returns how many of them may be shown: those that are
   sure, and all of a partial book. */
uint32_t trd_book_shown(const trd_book_t *b, unsigned side, uint32_t n,
    trd_level_t *out);

/* the best level of a side; TRD_NOT_FOUND: none */
trd_rc_t trd_book_best(const trd_book_t *b, unsigned side, trd_level_t *out)
    TRD_MUST_CHECK;

/* For tests: 1 if both sides are in order, above zero and do not meet. */
int trd_book_check(const trd_book_t *b);

#endif /* TRD_BOOK_H */
