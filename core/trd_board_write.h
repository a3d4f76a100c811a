/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The writer's side of the board (layout: trd_board.h).  One process, one
 * thread.  Memory is the caller's: a mapped file of trd_board_size() zero
 * bytes, and it stays valid as long as the writer is used.
 */

#ifndef TRD_BOARD_WRITE_H
#define TRD_BOARD_WRITE_H

#include "trd_board.h"

typedef struct {
    uint32_t  capacity;         /* 1 .. TRD_BOARD_MAX */
    uint32_t  journal;          /* entries, a power of two */
    uint32_t  candles;          /* per instrument and interval */
    uint32_t  trades;           /* per instrument */
    uint32_t  depth;            /* levels a side */
    uint32_t  extra;            /* bytes that a page of the whole market may
                                   have besides those of its instruments */
} trd_board_shape_t;

typedef struct {
    uint8_t              *base;
    trd_board_header_t   *header;
    trd_quote_slot_t     *quotes;
    trd_page_t           *entry_pages;
    trd_page_t           *pages;
    trd_journal_entry_t  *journal;
    trd_source_stats_t   *sources;
    uint8_t              *series[3];    /* candles, trades, depth */
    uint64_t              seq;          /* of the newest entry */
    uint64_t              page_data;    /* offset of that section */
    uint64_t              page_size;    /* of a whole market's page */
    uint32_t              capacity;
    uint32_t              n;
    uint32_t              journal_mask;
    uint32_t              candles;      /* capacities */
    uint32_t              trades;
    uint32_t              depth;
    uint32_t              resets;       /* rings emptied because they made
                                           no sense any more */
} trd_board_writer_t;

/* the shape's defaults: 23 instruments, 65,536 journal entries, 1,000 candles
   of each interval, 1,000 trades, 20 levels a side */
void trd_board_shape_default(trd_board_shape_t *shape);

/*
 * Sets the capacity, and the rings to as much of their defaults as they can
 * have if all their sections, once full, are to stay within `bytes`.  The
 * depth stays as it is; rings shrink together, to no less than 60 records.
 */
void trd_board_shape_fit(trd_board_shape_t *shape, uint32_t capacity,
    uint64_t bytes);

/* bytes of the file; 0 if the shape is out of bounds */
uint64_t trd_board_size(const trd_board_shape_t *shape);

/*
 * Lays a board out in zeroed memory and indexes the instruments.  TRD_ERROR:
 * two instruments share an alias (*a and *b say which); TRD_OVERFLOW: more
 * instruments than capacity, or memory smaller than the shape.
 * first_seq: the newest seq of the board before this one, or 0.
 */
trd_rc_t trd_board_create(trd_board_writer_t *w, void *base, size_t size,
    const trd_board_shape_t *shape, const trd_instrument_t *instruments,
    uint32_t n, uint64_t generation, uint64_t first_seq, int64_t now_ms,
    uint32_t pid, uint32_t *a, uint32_t *b) TRD_MUST_CHECK;

/* The version of the binary map, 1 until told; before it is published. */
void trd_board_set_map(trd_board_writer_t *w, uint32_t version);

/* Publishes q in the slot; takes the next seq, stores it in q and journals. */
void trd_board_put_quote(trd_board_writer_t *w, uint32_t instrument,
    trd_quote_t *q, trd_change_t change);

/* Takes the next seq and journals that something changed; detail < 256. */
uint64_t trd_board_note(trd_board_writer_t *w, uint32_t instrument,
    trd_change_t change, uint32_t detail);

/*
 * The buffer to render the next version of a page into, *capacity bytes of
 * body; publish makes it the newest.  Nothing happens to readers before that.
 */
void *trd_page_next(trd_board_writer_t *w, trd_page_t *page,
    size_t *capacity);
void trd_page_publish(trd_board_writer_t *w, trd_page_t *page, uint32_t len,
    uint64_t seq, int64_t now_ms);

trd_page_t *trd_writer_entry_page(trd_board_writer_t *w, uint32_t instrument,
    unsigned kind);
trd_page_t *trd_writer_page(trd_board_writer_t *w, unsigned page,
    unsigned variant);

void trd_board_beat(trd_board_writer_t *w, int64_t mono_ms, int64_t wall_ms);

#endif /* TRD_BOARD_WRITE_H */
