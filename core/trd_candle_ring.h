/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The rings of the candle builder: finding, putting in, closing and folding;
 * and what is missing in them.  Private to trd_candle*.c.
 */

#ifndef TRD_CANDLE_RING_H
#define TRD_CANDLE_RING_H

#include "trd_candle.h"

#define TRD_CANDLE_DIRTY  0x80000000U       /* ours alone, never passed on */


/* who is called for what falls out of a ring */
typedef struct {
    trd_candle_series_t  *s;
    uint32_t              capacity;
    trd_candle_pt         fn;
    void                 *ctx;
    int64_t               listen_ms;    /* begun before: PARTIAL */
} trd_candle_call_t;


static inline trd_candle_t *
trd_candle_place(const trd_candle_ring_t *r, uint32_t capacity, uint32_t back)
{
    return &r->ring[r->newest >= back ? r->newest - back
                                      : r->newest + capacity - back];
}


static inline void
trd_candle_touch(trd_candle_ring_t *r, trd_candle_t *c)
{
    if ((c->flags & TRD_CANDLE_DIRTY) == 0) {
        c->flags |= TRD_CANDLE_DIRTY;
        r->dirty++;
    }
}


/* 1: there is one of this time, *back places before the newest; 0: it would
   be there */
int trd_candle_find(const trd_candle_ring_t *r, uint32_t capacity,
    int64_t open_ms, uint32_t *back);

/* makes room `back` places before the newest; NULL: it is too old */
trd_candle_t *trd_candle_insert(const trd_candle_call_t *call,
    unsigned interval, uint32_t back);

/* writes a candle to its place, or passes it on if that is gone */
void trd_candle_set(const trd_candle_call_t *call, unsigned interval,
    const trd_candle_t *c);

/* closes the newest one if it is open and older than open_ms */
int trd_candle_close(trd_candle_ring_t *r, uint32_t capacity,
    int64_t open_ms);

void trd_candle_pass(const trd_candle_call_t *call, unsigned interval,
    const trd_candle_t *c);

/* adds what is known on both sides; the rest becomes unknown */
void trd_candle_sums(trd_candle_t *c, int64_t volume_e8,
    int64_t quote_volume_e8, uint32_t trades, uint32_t flags);

/* folds all longer candles around open_ms from the rings below them */
void trd_candle_refold(const trd_candle_call_t *call, unsigned interval,
    int64_t open_ms);

/* ---- trd_candle_gap.c */

/*
 * What the ids say, which are remembered: -1: repeated, 1: certainly new, 0:
 * nobody knows.  *gap: trades are missing before this one.
 */
int trd_candle_ids(trd_candle_series_t *s, const trd_candle_rules_t *rules,
    const trd_print_t *t, int *gap);

/* A minute of the source's own counts the trades up to this one. */
void trd_candle_heard(trd_candle_series_t *s, uint64_t last_id,
    int64_t open_ms);

/* Trades are missing before one of `minute`, which is not yet in. */
void trd_candle_gap(const trd_candle_call_t *call, int64_t minute);

/* The open candles lack trades. */
void trd_candle_partial(trd_candle_series_t *s, uint32_t capacity);

/* The source's own minutes reach back to `open_ms`. */
void trd_candle_covered(trd_candle_series_t *s, int64_t open_ms);

#endif /* TRD_CANDLE_RING_H */
