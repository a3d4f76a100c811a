/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What past signals were worth.  A signal is opened with its time, side,
 * confidence and price, and judged by the first price at or after its
 * horizon:
 *
 *   hit     the price is on the signal's side of the entry
 *   miss    it is on the other side
 *   flat    it has not changed: neither, and in no rate
 *   lost    no price came within the tolerance after the horizon: not judged
 *
 * Return is that of following the signal, before any cost: the change in
 * percent, its sign turned for a bearish one.  The Brier score is the mean of
 * (confidence - outcome)^2, outcome 1 for a hit: 0.25 is what "always 50 %"
 * gets, and lower is better.
 *
 * A rate is stated from enough independent outcomes.  Signals that follow on
 * each other share most of their horizon, so `overlap` of them, as many as are
 * made within a horizon, are about one outcome.  And instruments that close
 * together move together: of a pool those are counted that its ring with the
 * most has, which is no more than there were different closing times.
 *
 * Everything is counted in whole numbers, so totals do not depend on order
 * and totals of parts can be added.  Memory is fixed: a ring of signals whose
 * horizon has not passed; one that finds it full is counted as dropped.  A
 * ring is for one instrument, model and timeframe; totals may be shared by
 * many.  Neither holds a pointer.  One thread each.
 */

#ifndef TRD_SCORE_H
#define TRD_SCORE_H

#include <stdint.h>

#include "trd_rc.h"

#define TRD_SCORE_OPEN  32      /* a 24 h horizon, sampled hourly, and spare */
#define TRD_SCORE_MIN   30      /* independent outcomes that a rate needs */
#define TRD_SCORE_BINS  20      /* of confidence, 5 points each */

typedef struct {
    int64_t   due_ms;
    int64_t   entry_e8;
    uint32_t  confidence_ppm;   /* of 1,000,000 */
    uint8_t   bullish;
    uint8_t   tag;              /* the caller's, given back */
    uint8_t   reserved[2];
} trd_score_open_t;

_Static_assert(sizeof(trd_score_open_t) == 24, "memory an open signal");

typedef struct {
    uint32_t          head;
    uint32_t          n;
    trd_score_open_t  open[TRD_SCORE_OPEN];
} trd_score_ring_t;

typedef struct {
    uint64_t  n;                /* hits and misses */
    uint64_t  hits;
    uint64_t  confidence_ppm;   /* the sum */
} trd_score_bin_t;

typedef struct {
    uint64_t         opened;    /* all below and those still open */
    uint64_t         hits;
    uint64_t         misses;
    uint64_t         flat;
    uint64_t         lost;
    uint64_t         dropped;
    __int128         return_e8; /* the sum, percent */
    __int128         brier;     /* the sum, of 10^-12 */
    trd_score_bin_t  bins[TRD_SCORE_BINS];
} trd_score_totals_t;

typedef enum {
    TRD_SCORE_HIT = 0,
    TRD_SCORE_MISS,
    TRD_SCORE_FLAT,
    TRD_SCORE_LOST
} trd_score_outcome_t;

/* a signal whose horizon has passed */
typedef struct {
    trd_score_open_t     signal;
    trd_score_outcome_t  outcome;
    int                  up;            /* the price is higher */
    int64_t              return_e8;     /* percent; 0 if lost */
} trd_score_closed_t;

/* figures to be shown; those without `known` have too small a sample */
typedef struct {
    uint64_t  count;            /* hits, misses and flat ones */
    uint64_t  independent;      /* outcomes, about */
    int       known;            /* those are TRD_SCORE_MIN or more */
    double    hit_rate;         /* 0 .. 1 */
    double    mean_return;      /* percent, flat ones in it */
    double    brier;
} trd_score_result_t;

void trd_score_ring_init(trd_score_ring_t *r);
void trd_score_totals_init(trd_score_totals_t *t);

/*
 * Signals come in the order of their due time.  confidence_e8: 0 .. 100, in
 * percent as in trd_signal_t.  TRD_ERROR: one of the values makes no sense;
 * TRD_OVERFLOW: the ring is full, counted as dropped.
 */
trd_rc_t trd_score_signal(trd_score_ring_t *r, trd_score_totals_t *t,
    int64_t due_ms, int bullish, int64_t confidence_e8, int64_t entry_e8,
    uint8_t tag) TRD_MUST_CHECK;

/*
 * The price at a time.  Judges the oldest signal that is due by then and
 * returns 1; 0: there is none.  So it is called until it returns 0.  The
 * price counts for a signal if it is at most tolerance_ms later than due.
 */
int trd_score_price(trd_score_ring_t *r, trd_score_totals_t *t, int64_t ms,
    int64_t price_e8, int64_t tolerance_ms, trd_score_closed_t *closed);

void trd_score_merge(trd_score_totals_t *t, const trd_score_totals_t *from);

/* hits and misses */
uint64_t trd_score_judged(const trd_score_totals_t *t);

/*
 * times: what trd_score_judged() says of the ring that has the most, where
 * the totals are of several, else of the totals; overlap: at least 1.
 */
void trd_score_result(const trd_score_totals_t *t, uint64_t times,
    uint32_t overlap, trd_score_result_t *out);

#endif /* TRD_SCORE_H */
