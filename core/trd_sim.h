/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A market that is made up: prices as a pure function of seed, instrument and
 * time.  Any moment can be asked for without running up to it, and gives the
 * same bytes as a run that came by: on any CPU, compiler and optimisation
 * level, since nothing but + - * / of IEEE doubles and integers is used.
 *
 * The logarithm of a price is a sum of three walks (the market's, the asset
 * class's, the instrument's own), so that instruments correlate.  A walk is
 * Levy's construction of Brownian motion: noise, hashed from the place in
 * time, at the ends of cells of 99 days; then each half's end displaced from
 * the middle of its parent, down to 64 ms; a straight line below that.  A
 * walk's variance is the same at all times, so prices hover about their base
 * and never run off.  A cursor keeps the cells of every level, so a step in
 * time recomputes only the levels whose cell changed.
 *
 * Walks do not run on the clock's time but on the market's: it passes faster
 * when a class is active and slower when it is not, by a table over the week
 * (trd_sim_season.c), and so volatility has its hours.  Prints and the order
 * book are in trd_sim_book.h.
 *
 * No clock, no allocation: memory is the caller's.  One thread a trd_sim_t;
 * trd_sim_at() reads only.
 */

#ifndef TRD_SIM_H
#define TRD_SIM_H

#include <stddef.h>
#include <stdint.h>

#include "trd_quote.h"
#include "trd_rc.h"
#include "trd_scenario.h"

#define TRD_SIM_LEVELS     28       /* cells of 64 ms << level */
#define TRD_SIM_LOOKBACKS  3        /* spans by which volatility is judged */
#define TRD_SIM_BUCKET_MS  900000LL
#define TRD_SIM_BUCKETS    97       /* 24 h and the open one */
#define TRD_SIM_DAY_MS     86400000LL
#define TRD_SIM_WEEK       672      /* buckets, from Monday 00:00 UTC */

/* what the caller knows of an instrument; the symbol is only hashed */
typedef struct {
    const char  *symbol;
    size_t       symbol_len;
    int64_t      price_e8;          /* tick .. 2^60: where it hovers */
    int64_t      tick_e8;           /* > 0 */
    int64_t      lot_e8;            /* > 0 */
    int64_t      volatility_e8;     /* 0 .. 1: deviation over a day */
    int64_t      spread_e8;         /* 0 .. 0.5: of the price */
    int64_t      volume_e8;         /* a day's; cut off at 2^60 */
    uint8_t      asset_class;       /* trd_class_t */
    uint8_t      inverse;           /* falls as its class rises: USD/JPY */
} trd_sim_params_t;

typedef struct {
    double  lo;
    double  hi;
} trd_sim_span_t;

/* a walk's value at both ends of the cell of each level */
typedef struct {
    uint64_t        cell;           /* of level 0; UINT64_MAX = none */
    trd_sim_span_t  span[TRD_SIM_LEVELS];
} trd_sim_path_t;

/* what the instruments of a class share at a time */
typedef struct {
    int64_t  t_ms;
    int64_t  season_ms;             /* the class's own time */
    double   now;
    double   past[TRD_SIM_LOOKBACKS];
} trd_sim_shared_t;

typedef struct {
    trd_sim_path_t    market;
    trd_sim_path_t    classes[TRD_CLASS_N];
    trd_sim_shared_t  shared[TRD_CLASS_N];
} trd_sim_clock_t;

/* what 24 hours leave behind */
typedef struct {
    int64_t  newest;                /* bucket; INT64_MIN = none */
    int64_t  closed_high_e8;        /* of all buckets but the newest */
    int64_t  closed_low_e8;
    int64_t  high_e8[TRD_SIM_BUCKETS];
    int64_t  low_e8[TRD_SIM_BUCKETS];
    int64_t  bucket;                /* that the sums stand for */
    int64_t  volume_e8;             /* of the 95 whole buckets before it */
    int64_t  quote_e8;
    int64_t  first_volume_e8;       /* of the bucket 24 h before it */
    int64_t  first_quote_e8;
    int64_t  last_volume_e8;        /* of itself */
    int64_t  last_quote_e8;
} trd_sim_window_t;

typedef struct {
    trd_sim_path_t    now;
    uint64_t          key;
    double            price_ticks;
    double            volatility;
    double            spread;
    double            bucket_volume_e8;
    double            side;         /* 1, or -1 if inverse */
    double            drift;        /* of the scenario at its highest, in
                                       days' deviations */
    uint64_t          week_prints;
    int64_t           tick_e8;
    int64_t           lot_e8;
    int64_t           max_ticks;
    uint32_t          asset_class;
    uint32_t          reserved;
    trd_sim_path_t    yesterday;
    trd_sim_window_t  window;
} trd_sim_instrument_t;

_Static_assert(sizeof(trd_sim_instrument_t) <= 4096, "memory an instrument");

typedef struct {
    trd_sim_instrument_t  *instruments;
    uint32_t               n;
    uint32_t               scenario;        /* trd_scenario_t */
    uint64_t               market_key;
    uint64_t               class_key[TRD_CLASS_N];
    double                 scale[TRD_SIM_LEVELS][2];    /* calm, wild */
    double                 top_scale;
    trd_sim_clock_t        now;
    trd_sim_clock_t        yesterday;

    /* the time of each class, and of what they share, at each bucket */
    uint32_t               season[TRD_CLASS_N + 1][TRD_SIM_WEEK + 1];
} trd_sim_t;

typedef struct {
    int64_t  t_ms;
    int64_t  last_e8;           /* bid <= last <= ask, bid < ask, all */
    int64_t  bid_e8;            /* positive multiples of the tick */
    int64_t  ask_e8;
} trd_sim_tick_t;

typedef struct {
    int64_t  open_e8;           /* last_e8 of 24 hours before */
    int64_t  high_e8;
    int64_t  low_e8;
    int64_t  volume_e8;
    int64_t  quote_volume_e8;
} trd_sim_day_t;

/*
 * `memory`: n records, kept by the caller as long as the simulator.  The same
 * symbol gets the same walk whatever stands beside it.  TRD_ERROR: *bad is
 * the first instrument whose parameters are out of bounds.
 */
trd_rc_t trd_sim_init(trd_sim_t *sim, uint64_t seed,
    trd_sim_instrument_t *memory, const trd_sim_params_t *params, uint32_t n,
    uint32_t *bad) TRD_MUST_CHECK;

/*
 * Sets the scenario, at most once and before anything is asked.  A jump stays
 * below max_jump_bp (see trd_limits_t).
 */
void trd_sim_play(trd_sim_t *sim, trd_scenario_t scenario,
    uint32_t max_jump_bp);

/*
 * Does the scenario stop all quotes and prints at t_ms?  If so, *since_ms is
 * when that began.  A tick of such a time is what it was then.
 */
int trd_sim_halted(const trd_sim_t *sim, int64_t t_ms, int64_t *since_ms);

/*
 * The tick of instrument i (< n) at t_ms.  tick: quick if times are near each
 * other; at: from nothing.  Both give the same.  Times beyond some 8,900
 * years from 1970 are taken as that limit.
 */
void trd_sim_tick(trd_sim_t *sim, uint32_t i, int64_t t_ms,
    trd_sim_tick_t *tick);
void trd_sim_at(const trd_sim_t *sim, uint32_t i, int64_t t_ms,
    trd_sim_tick_t *tick);

/*
 * The 24 hours up to a tick of instrument i, which is counted in.  Open and
 * volumes are pure; high and low cover every tick that was passed in here
 * within the 24 h (in fact up to 15 minutes more), and samples of every 65.5 s
 * for times that none was: the day before the first tick, and gaps.  A price
 * of another time, such as a print's, is counted in by trd_sim_day_note().
 */
void trd_sim_day(trd_sim_t *sim, uint32_t i, const trd_sim_tick_t *tick,
    trd_sim_day_t *day);
void trd_sim_day_note(trd_sim_t *sim, uint32_t i, int64_t t_ms,
    int64_t price_e8);

/* hashes 64 bits: the noise that everything here is made of */
uint64_t trd_sim_hash(uint64_t x);

#endif /* TRD_SIM_H */
