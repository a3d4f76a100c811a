/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The tape's records and how they are packed (docs/tape.md has the format).
 * A record is one accepted update, one print, candle or order book that was
 * reported, or one of the few other events that the board's values depend on.
 * Rows are small because each says only how it differs from what came before
 * for the same instrument; so a codec's state lives as long as a segment, and
 * rows are read in the order they were written.  Pure: memory, compression
 * and SHA-256 are the caller's.
 *
 * Bytes that are decoded are foreign: nothing is assumed of them.
 */

#ifndef TRD_TAPE_H
#define TRD_TAPE_H

#include <stddef.h>
#include <stdint.h>

#include "trd_quote.h"
#include "trd_rc.h"
#include "trd_series.h"

#define TRD_TAPE_ROW_MAX    1536    /* no row is longer */
#define TRD_TAPE_PLAIN      136     /* bytes of a record in the chain, */
#define TRD_TAPE_CANONICAL  784     /* ... at most, of a whole book */
#define TRD_TAPE_SHAPES     32768
#define TRD_TAPE_KINDS      8       /* of update, with ids of their own: */
#define TRD_TAPE_KIND_BOOK    6     /* ... two are no update's */
#define TRD_TAPE_KIND_CANDLE  7
#define TRD_TAPE_VALUES     8
#define TRD_TAPE_RECENT     16
#define TRD_TAPE_DEPTH      20      /* levels a side of a book */

typedef enum {
    TRD_TAPE_UPDATE = 0,
    TRD_TAPE_STALE,         /* the quote turned stale */
    TRD_TAPE_RECONNECTED,   /* of a source: see trd_apply_reconnected() */
    TRD_TAPE_START,         /* marketd started: nothing is known */
    TRD_TAPE_CARRY,         /* a quote taken over from the board before: as an
                               update; id is its received_ms, last_quantity_e8
                               its change_e8 */
    TRD_TAPE_GAP,           /* id records were lost here */
    TRD_TAPE_PRINT,         /* a trade for candles and the list of trades; as
                               an update of kind TRADE: dropped is its
                               TRD_TRADE_* flags, id its last_id, reserved by
                               how much first_id is less than that */
    TRD_TAPE_CANDLE,        /* one of the source's own; as an update: last is
                               its close, id its last trade's, exchange_ms its
                               open time, reserved its trades, dropped what
                               TRD_TAPE_BAR() makes of interval and flags */
    TRD_TAPE_BOOK,          /* an order book, in place of the one before; id
                               is its last_id */
    TRD_TAPE_BROKEN,        /* trades may have been missed: a connection is
                               new, see trd_candle_broken() */
    TRD_TAPE_CLOCK,         /* candles were closed by the clock, of all
                               instruments */
    TRD_TAPE_STEP,          /* our clock was set by id ms, signed: quotes age
                               neither faster nor slower for it */
    TRD_TAPE_OP_N
} trd_tape_op_t;

#define TRD_TAPE_BAR(interval, flags)  ((uint32_t) (interval) << 8 | (flags))
#define TRD_TAPE_BAR_INTERVAL(bar)     ((bar) >> 8)
#define TRD_TAPE_BAR_FLAGS(bar)        ((bar) & 0xff)

/* bids and asks, the best first */
typedef struct {
    uint32_t     n[2];
    trd_level_t  level[2][TRD_TAPE_DEPTH];
} trd_tape_book_t;

typedef struct {
    uint32_t      op;           /* trd_tape_op_t */
    uint32_t      instrument;   /* number in the segment's dictionary */
    uint32_t      source;       /* trd_source_t */
    uint32_t      reserved;
    uint64_t      seq;          /* the board's newest after it */
    int64_t       received_ms;  /* our clock */
    uint64_t      message;      /* raw message that an update, print or candle
                                   came from, 0 = none; else the newest one
                                   before it */
    uint64_t      digest;       /* first 8 bytes of that one's SHA-256 */
    const trd_tape_book_t  *book;   /* of BOOK; whose memory, says each call */
    trd_update_t  update;
} trd_tape_record_t;

/* does `message` say where it came from, not only when it was? */
#define trd_tape_from(op)                                                     \
    ((op) == TRD_TAPE_UPDATE || (op) == TRD_TAPE_PRINT                        \
     || (op) == TRD_TAPE_CANDLE)

/* the writer's and reader's memory of an instrument; steps are 1 or more */
typedef struct {
    int64_t   value[2][TRD_TAPE_VALUES];    /* of quotes, of candles */
    uint64_t  id[TRD_TAPE_KINDS];
    int64_t   lag_ms[3];                    /* and of books */
    int64_t   quantity_e8;
    int64_t   tick_e8;
    int64_t   lot_e8;
    uint16_t  recent[TRD_TAPE_RECENT];  /* shapes, the encoder's; + 1 */
    uint32_t  turn;
    trd_tape_book_t  book;
} trd_tape_memory_t;

/* what rows have in common */
typedef struct {
    uint32_t  op, instrument, source, kind, has, dropped, flags, derived,
              every_ms;
} trd_tape_shape_t;

typedef struct {
    trd_tape_memory_t  *memory;         /* n of them */
    trd_tape_shape_t   *shapes;         /* TRD_TAPE_SHAPES of them */
    uint32_t            n;
    uint32_t            nshapes;
    uint64_t            seq;
    uint64_t            message;
    uint64_t            digest;
    int64_t             ms;
} trd_tape_codec_t;

/* Rows and digests of a block being made or read; the caller's memory. */
typedef struct {
    uint8_t  *pos;
    uint8_t  *end;
    uint8_t  *digests;      /* 8 bytes for each new message */
    uint8_t  *digests_end;
} trd_tape_out_t;

typedef struct {
    const uint8_t  *pos;
    const uint8_t  *end;
    const uint8_t  *digests;
    const uint8_t  *digests_end;
} trd_tape_in_t;

/*
 * The beginning of a segment.  memory: n zeroed records whose tick_e8 and
 * lot_e8 the caller sets from the dictionary, before or after.
 */
void trd_tape_codec_init(trd_tape_codec_t *c, trd_tape_memory_t *memory,
    uint32_t n, trd_tape_shape_t *shapes);

/*
 * Appends a row.  TRD_OVERFLOW: fewer than TRD_TAPE_ROW_MAX bytes or no room
 * for a digest are left, nothing happened.  TRD_ERROR: instrument, op, source
 * or kind out of range, or more levels than a book may have.  Values without
 * their bit in update.has are not kept, nor is update.reserved but of prints
 * and candles.
 */
trd_rc_t trd_tape_encode(trd_tape_codec_t *c, trd_tape_out_t *out,
    const trd_tape_record_t *r) TRD_MUST_CHECK;

/* The next row.  TRD_NOT_FOUND: the end; TRD_ERROR: not a row.  A book is the
   codec's memory, until the next one of that instrument. */
trd_rc_t trd_tape_decode(trd_tape_codec_t *c, trd_tape_in_t *in,
    trd_tape_record_t *r) TRD_MUST_CHECK;

/* The record as it goes into the chain, the digest apart: little endian,
   fixed places, values without their bit are 0, then a book's levels.
   Returns its length, TRD_TAPE_PLAIN if it is no book. */
size_t trd_tape_canonical(const trd_tape_record_t *r,
    uint8_t out[TRD_TAPE_CANONICAL]);

/* Are the two the same to the chain? */
int trd_tape_same(const trd_tape_record_t *a, const trd_tape_record_t *b);

#endif /* TRD_TAPE_H */
