/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The market as marketd knows it: the catalogue, the state of every
 * instrument, the board that publishes it, and what must be rendered anew.
 * One thread.  Sources call market_apply(); everything else follows.
 */

#ifndef MARKETD_MARKET_H
#define MARKETD_MARKET_H

#include "trd_apply.h"
#include "trd_board_write.h"

#include "catalogue.h"
#include "config.h"
#include "tsd_tape.h"

struct binary_map_s;
struct render_s;
struct series_s;

typedef struct market_s {
    const marketd_config_t  *config;
    const catalogue_t       *catalogue;
    trd_board_writer_t       writer;
    trd_state_t             *states;        /* one an instrument */
    trd_limits_t             limits;
    struct render_s         *render;
    struct series_s         *series;        /* candles and signals */
    struct binary_map_s     *map;           /* whose bit is where */
    int64_t                  now_ms;        /* wall clock, or the virtual one;
                                               kept by market_clock() */
    int64_t                  now_us;        /* CLOCK_MONOTONIC, likewise */
    int64_t                  clock_offset_ms;   /* wall - monotonic */
    int64_t                  swept_ms;      /* now_ms of the last sweep */
    int                      virtual_clock;
    uint32_t                *by_symbol;     /* hash of exchange symbols */
    uint32_t                 symbol_mask;
    uint32_t                 quoted;
    uint32_t                 stale;
    tsd_tape_t              *tape;          /* NULL: off */
    uint64_t                 tape_seq;      /* the board's at its start */
    int                      tape_begun;
    int                      tape_ahead;    /* of the board before this one */
    int                      own_sweep;     /* the source sweeps */
} market_t;

/*
 * config, catalogue and an open writer must be set.  A map that is not set is
 * made here, for tools: the catalogue's order.  -1: no memory.
 */
int market_init(market_t *m, const marketd_config_t *config,
    const catalogue_t *catalogue);
void market_free(market_t *m);

/* Reads the clock; once a batch of messages is enough.  Sweeps if the last one
   is longer ago than TRD_SWEEP_MS.  A source that runs on
   virtual time calls market_set_clock() instead, and marks are judged by it. */
void market_clock(market_t *m);
void market_set_clock(market_t *m, int64_t now_ms);

/* The wall clock was set forward (back, if negative); market_clock() notices
   by itself. */
void market_clock_set(market_t *m, int64_t by_ms);

/*
 * Judges and publishes an update.  Counts it, accepted or refused, with the
 * source's stats; refusals are logged at a limited rate.
 */
trd_refused_t market_apply(market_t *m, trd_source_stats_t *stats,
    uint32_t instrument, const trd_update_t *u);

/* Counts a refusal that happened before an update came to be (PARSE, UNKNOWN,
   OVERFLOW), and logs it at a limited rate.  what: short text, may be NULL. */
void market_refuse(market_t *m, trd_source_stats_t *stats,
    trd_refused_t reason, const char *what, size_t len);

/* The instrument of an exchange symbol, whose source is `source`; -1: none. */
int32_t market_find(const market_t *m, trd_source_t source,
    const char *exchange_symbol, size_t len);

/* Turns quotes stale whose time has come; call every few dozen ms. */
void market_sweep(market_t *m);

/* Turns one stale, if it is not yet and there is one. */
void market_turn_stale(market_t *m, uint32_t instrument);

/* All instruments of a source: a new connection (see trd_apply). */
void market_reconnected(market_t *m, trd_source_t source);

/*
 * Takes over the last good quotes of the board before this one, as stale,
 * where instrument and source are the same: a restart of marketd hides
 * nothing and invents nothing.  Returns how many.
 */
uint32_t market_carry(market_t *m, const trd_board_t *old);

/* Puts a quote where there is none, as stale: what market_carry() does. */
void market_carry_quote(market_t *m, uint32_t instrument,
    const trd_quote_t *q);

/* Forgets all quotes, as a restart does, in a replay; the board keeps them
   until new ones come.  Candles, trades and books are gone at once. */
void market_forget(market_t *m);

#endif /* MARKETD_MARKET_H */
