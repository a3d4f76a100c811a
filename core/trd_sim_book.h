/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Prints and order book of the simulated market, as functions of seed,
 * instrument and time like its ticks (trd_sim.h).
 *
 *   - A quarter of an hour (UTC) has a number of prints that the season gives
 *     alone, so that they can be counted from 1970 on: ids go up by 1 and
 *     belong to the time.  They come in bursts.
 *   - The quantities of a quarter add up to the volume that trd_sim_day()
 *     counts for it, in lots; single ones have fat tails.
 *   - A print's price is the last price of the tick of its own millisecond,
 *     so it lies from bid to ask; at the bid the seller was the taker.
 *   - The book's best levels are the tick's bid and ask.  Behind them it is
 *     a grid of prices, each of which lives, changes its size and dies by
 *     itself, so that few levels differ between two books.
 *
 * No clock, no allocation.  Who has a cursor and a trd_sim_t has them alone.
 */

#ifndef TRD_SIM_BOOK_H
#define TRD_SIM_BOOK_H

#include "trd_series.h"
#include "trd_sim.h"

#define TRD_SIM_DEPTH     20        /* levels a side */
#define TRD_SIM_BOOK_MS   100       /* a book's id counts these */
#define TRD_SIM_BURST     16

typedef struct {
    uint64_t  id;
    int64_t   t_ms;
    int64_t   price_e8;
    int64_t   quantity_e8;          /* a multiple of the lot, not 0 */
    uint32_t  buyer_maker;          /* 1: the seller was the taker */
    uint32_t  reserved;
} trd_sim_print_t;

/* which print comes next; to be set by trd_sim_prints_seek() */
typedef struct {
    int64_t   bucket;
    uint64_t  first_id;             /* of the bucket */
    uint64_t  weight;               /* of all its prints */
    uint64_t  before;               /* of those that are over */
    uint64_t  spare;                /* its lots, but for one a print */
    uint32_t  n;                    /* its prints */
    uint32_t  next;                 /* 0 .. n */
    uint32_t  burst;                /* that `off` is of, +1 */
    uint32_t  off[TRD_SIM_BURST];   /* ms into the bucket, ascending */
    uint32_t  reserved;
} trd_sim_cursor_t;

typedef struct {
    uint64_t     id;                /* t_ms / 100; 0 before 1970 */
    int64_t      t_ms;
    uint32_t     nbids, nasks;      /* below 20 only where prices end */
    trd_level_t  bids[TRD_SIM_DEPTH];
    trd_level_t  asks[TRD_SIM_DEPTH];
} trd_sim_book_t;

/* The next print is the first one after t_ms. */
void trd_sim_prints_seek(const trd_sim_t *sim, uint32_t i,
    trd_sim_cursor_t *cursor, int64_t t_ms);

/*
 * The prints of instrument i (< n) that come next, up to until_ms, `room` at
 * most, and moves on behind them; returns how many.  There are none before
 * 1970, nor of what trades less than three lots a day.
 */
uint32_t trd_sim_prints(trd_sim_t *sim, uint32_t i, trd_sim_cursor_t *cursor,
    int64_t until_ms, trd_sim_print_t *out, uint32_t room);

/* The order book that belongs to a tick. */
void trd_sim_book(const trd_sim_t *sim, uint32_t i,
    const trd_sim_tick_t *tick, trd_sim_book_t *book);

#endif /* TRD_SIM_BOOK_H */
