/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The simulated market's ticks; trd_sim.h says how they are made, and
 * trd_sim_walk.h holds the walks.  marketd's simulator calls this for every
 * update, tests and the bench on their own.
 */

#include "trd_sim_walk.h"

/* the levels since whose start a move counts as volatility: 16 s to 4 min */
static const unsigned  sim_lookback[TRD_SIM_LOOKBACKS] = { 8, 10, 12 };

/* 1 / sqrt of their cells' days */
static const double  sim_lookback_unit[TRD_SIM_LOOKBACKS] = {
    72.61843774138907, 36.30921887069454, 18.15460943534727
};

/*
 * Prints a second, over the week.  Instruments of few lots have fewer: one for
 * 16 lots in the mean, which leaves room for the tails of quantities.
 */
static const double  sim_prints_rate[TRD_CLASS_N] = { 2, 1, 0.5, 0.5 };


uint64_t
trd_sim_hash(uint64_t x)
{
    return sim_hash(x);
}


/* the part of a class in all its walks, from the two walks it is made of */
void
trd_sim_shared(const trd_sim_t *sim, trd_sim_path_t *market,
    trd_sim_path_t *class, unsigned c, int64_t t_ms, trd_sim_shared_t *out)
{
    int64_t     market_ms;
    unsigned    j, k;
    sim_week_t  week;

    week = sim_week(t_ms);
    market_ms = sim_season(sim, TRD_CLASS_N, week);

    out->t_ms = t_ms;
    out->season_ms = sim_season(sim, c, week);

    sim_path_seek(sim, market, sim->market_key, sim_cell(market_ms), 0);
    sim_path_seek(sim, class, sim->class_key[c], sim_cell(out->season_ms), 0);

    out->now = sim_loading[c].market * sim_path_value(market, market_ms)
               + sim_loading[c].class * sim_path_value(class, out->season_ms);

    for (j = 0; j < TRD_SIM_LOOKBACKS; j++) {
        k = sim_lookback[j];
        out->past[j] = sim_loading[c].market * market->span[k].lo
                       + sim_loading[c].class * class->span[k].lo;
    }
}


/*
 * The spread is its base at a usual pace of the last seconds to minutes, less
 * when it is calm, up to four times when it is not.  Where the last trade
 * lies within is hashed from the cell, most often at one of the ends.
 */
static inline void
sim_quote(const trd_sim_t *sim, const trd_sim_instrument_t *in,
    const trd_sim_path_t *own, const trd_sim_shared_t *shared, int64_t t_ms,
    trd_sim_tick_t *tick)
{
    double    walk, pace, move, spread;
    int64_t   last, bid, width, below;
    unsigned  j;
    uint64_t  h;

    walk = sim_walk(in, shared->now, sim_path_value(own, shared->season_ms));
    pace = 0;

    for (j = 0; j < TRD_SIM_LOOKBACKS; j++) {
        move = walk - sim_walk(in, shared->past[j],
                               own->span[sim_lookback[j]].lo);
        pace += (move < 0 ? -move : move) * sim_lookback_unit[j];
    }

    pace = 0.6 + 0.25 * pace;
    pace = pace > 4.0 ? 4.0 : pace;

    last = sim_price(in, walk + sim_drift(sim, in, t_ms));
    spread = (double) last * in->spread * pace + 0.5;
    width = spread >= (double) in->max_ticks ? in->max_ticks
            : spread < 1.0 ? 1 : (int64_t) spread;

    h = sim_hash_cell(in->key, own->cell, 31);

    switch (h & 7) {

    case 0:
        below = (int64_t) ((double) width * ((double) (h >> 40) * 0x1p-24));
        break;

    default:
        below = h & 8 ? width : 0;
        break;
    }

    bid = last - below;

    if (bid < 1) {
        bid = 1;
    }

    tick->t_ms = t_ms;
    tick->last_e8 = last * in->tick_e8;
    tick->bid_e8 = bid * in->tick_e8;
    tick->ask_e8 = (bid + width) * in->tick_e8;
}


void
trd_sim_tick(trd_sim_t *sim, uint32_t i, int64_t t_ms, trd_sim_tick_t *tick)
{
    trd_sim_instrument_t    *in;
    const trd_sim_shared_t  *shared;

    in = &sim->instruments[i];
    t_ms = sim_time(t_ms);

    shared = sim_clock_seek(sim, &sim->now, in->asset_class, t_ms);
    sim_path_seek(sim, &in->now, in->key, sim_cell(shared->season_ms), 0);
    sim_quote(sim, in, &in->now, shared, t_ms, tick);
}


void
trd_sim_at(const trd_sim_t *sim, uint32_t i, int64_t t_ms,
    trd_sim_tick_t *tick)
{
    trd_sim_path_t               market, class, own;
    trd_sim_shared_t             shared;
    const trd_sim_instrument_t  *in;

    in = &sim->instruments[i];
    t_ms = sim_time(t_ms);

    sim_path_init(&market);
    sim_path_init(&class);
    sim_path_init(&own);

    trd_sim_shared(sim, &market, &class, in->asset_class, t_ms, &shared);
    sim_path_seek(sim, &own, in->key, sim_cell(shared.season_ms), 0);
    sim_quote(sim, in, &own, &shared, t_ms, tick);
}


static trd_rc_t
sim_instrument_init(trd_sim_instrument_t *in, uint64_t seed,
    const trd_sim_params_t *p)
{
    size_t    i;
    double    prints;
    int64_t   volume;
    uint64_t  h;

    if (p->tick_e8 <= 0 || p->lot_e8 <= 0 || p->price_e8 < p->tick_e8
        || p->price_e8 > SIM_VALUE_MAX / 4
        || p->volatility_e8 < 0 || p->volatility_e8 > 100000000
        || p->spread_e8 < 0 || p->spread_e8 > 50000000
        || p->volume_e8 < 0 || p->asset_class >= TRD_CLASS_N)
    {
        return TRD_ERROR;
    }

    h = seed;

    for (i = 0; i < p->symbol_len; i++) {
        h = sim_hash((h ^ (unsigned char) p->symbol[i])
                         + 0x9e3779b97f4a7c15ULL);
    }

    volume = p->volume_e8 > SIM_VALUE_MAX / 4 ? SIM_VALUE_MAX / 4
             : p->volume_e8;

    in->key = h;
    in->price_ticks = (double) p->price_e8 / (double) p->tick_e8;
    in->volatility = (double) p->volatility_e8 / 1e8;
    in->spread = (double) p->spread_e8 / 1e8;
    in->bucket_volume_e8 = (double) volume / 96.0;
    in->side = p->inverse ? -1.0 : 1.0;
    in->drift = 0;
    in->tick_e8 = p->tick_e8;
    in->lot_e8 = p->lot_e8;
    prints = (double) volume / (double) p->lot_e8 * (7.0 / 16);
    in->week_prints = (uint64_t) (prints
                                  < sim_prints_rate[p->asset_class] * 604800
                                  ? prints
                                  : sim_prints_rate[p->asset_class] * 604800);
    in->max_ticks = (SIM_VALUE_MAX - 1) / p->tick_e8;
    in->asset_class = p->asset_class;
    in->reserved = 0;
    in->window.newest = INT64_MIN;
    in->window.bucket = INT64_MIN;

    sim_path_init(&in->now);
    sim_path_init(&in->yesterday);

    return TRD_OK;
}


static void
sim_clock_init(trd_sim_clock_t *clock)
{
    unsigned  c;

    sim_path_init(&clock->market);

    for (c = 0; c < TRD_CLASS_N; c++) {
        sim_path_init(&clock->classes[c]);
        clock->shared[c].t_ms = INT64_MIN;
    }
}


trd_rc_t
trd_sim_init(trd_sim_t *sim, uint64_t seed, trd_sim_instrument_t *memory,
    const trd_sim_params_t *params, uint32_t n, uint32_t *bad)
{
    double    sd;
    unsigned  k;
    uint32_t  i;

    sim->instruments = memory;
    sim->n = n;
    trd_sim_season(sim, TRD_SCENARIO_NORMAL);

    seed = sim_hash(seed + 0x9e3779b97f4a7c15ULL);
    sim->market_key = sim_hash(seed + 1);

    for (k = 0; k < TRD_CLASS_N; k++) {
        sim->class_key[k] = sim_hash(seed + 2 + k);
    }

    sim->top_scale = SIM_SQRT_TOP / SIM_NOISE_SD;

    for (k = 0; k < TRD_SIM_LEVELS; k++) {
        sd = SIM_SQRT_CELL * (double) (1 << k / 2) / SIM_NOISE_SD;
        sd = k % 2 ? sd * SIM_SQRT_2 : sd;
        sim->scale[k][0] = k < SIM_WILD ? sd * SIM_CALM : sd;
        sim->scale[k][1] = k < SIM_WILD ? sd * SIM_WILDNESS : sd;
    }

    sim_clock_init(&sim->now);
    sim_clock_init(&sim->yesterday);

    for (i = 0; i < n; i++) {
        if (sim_instrument_init(&memory[i], seed, &params[i]) != TRD_OK) {
            *bad = i;
            return TRD_ERROR;
        }
    }

    return TRD_OK;
}
