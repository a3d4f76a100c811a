/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the pages of the whole market say, put together from the fragments of
 * its instruments.  No timing, no board: writer in, bytes out.
 */

#ifndef MARKETD_PAGES_H
#define MARKETD_PAGES_H

#include "trd_signal.h"
#include "market.h"

#define FRAGMENT_SIZE  992      /* the body of an instrument's page */
#define FRAGMENTS      (TRD_ENTRY_BINARY + 1)   /* those of all instruments
                                                   make the market's pages */

/* an instrument's three bodies, as last rendered; kept here and not read back
   from the board, which others could have scribbled over */
typedef struct {
    char          body[FRAGMENTS][FRAGMENT_SIZE];
    uint16_t      len[FRAGMENTS];     /* 0 = nothing to say yet */
    uint8_t       dirty;
    uint8_t       has_signal;
    trd_signal_t  signal;
    int64_t       since_us;             /* of the oldest unrendered update */
    int64_t       analysis_us;          /* when that may be rendered again */
    uint8_t       analysis_due;         /* it has to be, by then */
} fragment_t;

#define PAGES_TOP  5

typedef struct {
    uint32_t  total, signals, bullish, bearish;
    uint32_t  up, down, flat;           /* by change */
    uint32_t  kinds[TRD_SIGNAL_N];
    __int128  change_sum;
    uint32_t  changes;
} pages_class_t;

#define PAGES_THRESHOLD  (-1)   /* in place of a timeframe: the other model */

/* one pass over the market, shared by all pages of a round */
typedef struct {
    const market_t    *m;
    const fragment_t  *fragments;
    int                timeframe;       /* of the technical model, or below */
    int64_t            now_ms;          /* what the pages say of their time */
    pages_class_t      all;
    pages_class_t      by_class[TRD_CLASS_N];
    uint32_t           gainers[PAGES_TOP], losers[PAGES_TOP];
    uint32_t           ngainers, nlosers;
} pages_t;

/* renders the three bodies of an instrument; -1: one did not fit */
int pages_fragment(const market_t *m, uint32_t instrument, fragment_t *f);

/* the technical signal of a timeframe, empty if there is none, and what the
   indicators say; pages_series.c */
void pages_technical(const market_t *m, uint32_t instrument,
    unsigned timeframe, trd_writer_t *w);
void pages_indicators(const market_t *m, uint32_t instrument,
    trd_writer_t *w);

/* NULL: none, or nothing is known of the instrument; pages_series.c */
const trd_signal_t *pages_technical_signal(const market_t *m,
    uint32_t instrument, unsigned timeframe);

/* `timeframe` says whose pages pages_write() is then asked for: those from
   TRD_PAGE_TECHNICAL on need theirs, those before PAGES_THRESHOLD */
void pages_begin(pages_t *p, const market_t *m, const fragment_t *fragments,
    int timeframe);
void pages_write(const pages_t *p, unsigned page, trd_writer_t *w);

/* of pages_series.c, for pages_write() */
void pages_performance(const pages_t *p, trd_writer_t *w);

/* pages that never change while a board lives */
int pages_is_static(unsigned page);

#endif /* MARKETD_PAGES_H */
