/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the simulated market's last 24 hours leave behind: open, high, low and
 * volumes.  Open and volumes follow from the time alone; the sums over whole
 * buckets are integers, so they are the same whatever way they came about.
 */

#include "trd_sim_walk.h"

#define SIM_QUOTE_MAX  7.0e16       /* of a bucket: 97 of them fit */


/* cursors over history: only down to the samples' level */
typedef struct {
    trd_sim_path_t  market;
    trd_sim_path_t  class;
    trd_sim_path_t  own;
} sim_history_t;


static void
sim_history_init(sim_history_t *h)
{
    sim_path_init(&h->market);
    sim_path_init(&h->class);
    sim_path_init(&h->own);
}


/* the walk at the last sample not after t; what a tick then would see */
static double
sim_history_walk(const trd_sim_t *sim, const trd_sim_instrument_t *in,
    sim_history_t *h, int64_t t_ms)
{
    double      shared;
    unsigned    c;
    uint64_t    cell;
    sim_week_t  week;

    c = in->asset_class;
    week = sim_week(t_ms);

    cell = sim_cell(sim_season(sim, TRD_CLASS_N, week)) >> SIM_COARSE
           << SIM_COARSE;
    sim_path_seek(sim, &h->market, sim->market_key, cell, SIM_COARSE);

    cell = sim_cell(sim_season(sim, c, week)) >> SIM_COARSE << SIM_COARSE;
    sim_path_seek(sim, &h->class, sim->class_key[c], cell, SIM_COARSE);
    sim_path_seek(sim, &h->own, in->key, cell, SIM_COARSE);

    shared = sim_loading[c].market * h->market.span[SIM_COARSE].lo
             + sim_loading[c].class * h->class.span[SIM_COARSE].lo;

    return sim_walk(in, shared, h->own.span[SIM_COARSE].lo)
           + sim_drift(sim, in, t_ms);
}


/* what was traded in a bucket, all at the price in the middle of it */
static void
sim_bucket_volume(const trd_sim_t *sim, const trd_sim_instrument_t *in,
    sim_history_t *history, int64_t bucket, int64_t *volume_e8,
    int64_t *quote_e8)
{
    double    volume, quote;
    int64_t   t_ms;

    volume = sim_bucket_base(sim, in, bucket);

    t_ms = sim_time(bucket * TRD_SIM_BUCKET_MS + TRD_SIM_BUCKET_MS / 2);
    quote = volume * (1.0 / 1e8)
            * ((double) sim_price(in, sim_history_walk(sim, in, history, t_ms))
               * (double) in->tick_e8);

    *volume_e8 = (int64_t) volume;
    *quote_e8 = (int64_t) (quote > SIM_QUOTE_MAX ? SIM_QUOTE_MAX : quote);
}


/* Moves the sums to a bucket: a step forward is cheap, all else starts over. */
static void
sim_volume_seek(const trd_sim_t *sim, const trd_sim_instrument_t *in,
    trd_sim_window_t *w, int64_t bucket)
{
    int64_t        b, v, q;
    sim_history_t  history;

    if (w->bucket == bucket) {
        return;
    }

    sim_history_init(&history);

    if (w->bucket == bucket - 1) {
        w->volume_e8 += w->last_volume_e8;
        w->quote_e8 += w->last_quote_e8;

    } else {
        w->volume_e8 = 0;
        w->quote_e8 = 0;

        for (b = bucket - 96; b < bucket; b++) {
            sim_bucket_volume(sim, in, &history, b, &v, &q);
            w->volume_e8 += v;
            w->quote_e8 += q;
        }
    }

    /* either way they hold the first bucket whole, which is only partly in */
    sim_bucket_volume(sim, in, &history, bucket - 96, &w->first_volume_e8,
                      &w->first_quote_e8);
    w->volume_e8 -= w->first_volume_e8;
    w->quote_e8 -= w->first_quote_e8;

    sim_bucket_volume(sim, in, &history, bucket, &w->last_volume_e8,
                      &w->last_quote_e8);
    w->bucket = bucket;
}


static inline int64_t
sim_part(int64_t value, int64_t ms)
{
    return (int64_t) ((double) value
                      * ((double) ms * (1.0 / TRD_SIM_BUCKET_MS)));
}


static inline unsigned
sim_ring(int64_t bucket)
{
    return (unsigned) ((bucket % TRD_SIM_BUCKETS + TRD_SIM_BUCKETS)
                       % TRD_SIM_BUCKETS);
}


static void
sim_window_note(trd_sim_window_t *w, int64_t bucket, int64_t price_e8)
{
    unsigned  r;

    r = sim_ring(bucket);

    if (price_e8 > w->high_e8[r]) {
        w->high_e8[r] = price_e8;
    }

    if (price_e8 < w->low_e8[r]) {
        w->low_e8[r] = price_e8;
    }
}


/* high and low of a bucket from history, no further than until_ms */
static void
sim_window_fill(const trd_sim_t *sim, const trd_sim_instrument_t *in,
    trd_sim_window_t *w, sim_history_t *history, int64_t bucket,
    int64_t until_ms)
{
    double   walk, high, low;
    int64_t  t_ms, end_ms;

    t_ms = bucket * TRD_SIM_BUCKET_MS;
    end_ms = t_ms + TRD_SIM_BUCKET_MS;
    end_ms = end_ms > until_ms ? until_ms : end_ms;

    if (t_ms >= end_ms) {
        return;
    }

    /* the first sample may lie just before the bucket */
    high = low = sim_history_walk(sim, in, history, sim_time(t_ms));

    while ((t_ms += 64 << SIM_COARSE) < end_ms) {
        walk = sim_history_walk(sim, in, history, sim_time(t_ms));
        high = walk > high ? walk : high;
        low = walk < low ? walk : low;
    }

    sim_window_note(w, bucket, sim_price(in, high) * in->tick_e8);
    sim_window_note(w, bucket, sim_price(in, low) * in->tick_e8);
}


/* Makes room for a bucket; those that were skipped are filled from history. */
static void
sim_window_seek(const trd_sim_t *sim, const trd_sim_instrument_t *in,
    trd_sim_window_t *w, int64_t bucket, int64_t t_ms)
{
    int      all;
    int64_t  b;
    sim_history_t  history;

    all = w->newest == INT64_MIN || bucket > w->newest + TRD_SIM_BUCKETS
          || bucket <= w->newest - TRD_SIM_BUCKETS;

    if (!all && bucket <= w->newest) {
        return;
    }

    sim_history_init(&history);
    b = all ? bucket - TRD_SIM_BUCKETS : w->newest;

    while (b++ < bucket) {
        w->high_e8[sim_ring(b)] = INT64_MIN;
        w->low_e8[sim_ring(b)] = INT64_MAX;

        if (all || b < bucket) {
            sim_window_fill(sim, in, w, &history, b, t_ms);
        }
    }

    w->newest = bucket;
}


/* high and low of the buckets before the newest */
static void
sim_window_close(trd_sim_window_t *w)
{
    unsigned  r, newest;

    newest = sim_ring(w->newest);
    w->closed_high_e8 = INT64_MIN;
    w->closed_low_e8 = INT64_MAX;

    for (r = 0; r < TRD_SIM_BUCKETS; r++) {
        if (r == newest) {
            continue;
        }

        if (w->high_e8[r] > w->closed_high_e8) {
            w->closed_high_e8 = w->high_e8[r];
        }

        if (w->low_e8[r] < w->closed_low_e8) {
            w->closed_low_e8 = w->low_e8[r];
        }
    }
}


/* The open price counts too: it lies within the window by definition. */
static void
sim_window_range(const trd_sim_window_t *w, trd_sim_day_t *day)
{
    unsigned  r;

    r = sim_ring(w->newest);

    day->high_e8 = w->high_e8[r] > w->closed_high_e8
                   ? w->high_e8[r] : w->closed_high_e8;
    day->low_e8 = w->low_e8[r] < w->closed_low_e8
                  ? w->low_e8[r] : w->closed_low_e8;

    if (day->open_e8 > day->high_e8) {
        day->high_e8 = day->open_e8;
    }

    if (day->open_e8 < day->low_e8) {
        day->low_e8 = day->open_e8;
    }
}


/* counts a price in */
static void
sim_window_take(const trd_sim_t *sim, const trd_sim_instrument_t *in,
    trd_sim_window_t *w, int64_t t_ms, int64_t price_e8)
{
    int64_t  bucket, newest;

    bucket = sim_bucket(t_ms);
    newest = w->newest;

    sim_window_seek(sim, in, w, bucket, t_ms);
    sim_window_note(w, bucket, price_e8);

    if (bucket != newest) {
        sim_window_close(w);
    }
}


void
trd_sim_day_note(trd_sim_t *sim, uint32_t i, int64_t t_ms, int64_t price_e8)
{
    trd_sim_instrument_t  *in;

    in = &sim->instruments[i];
    sim_window_take(sim, in, &in->window, sim_time(t_ms), price_e8);
}


void
trd_sim_day(trd_sim_t *sim, uint32_t i, const trd_sim_tick_t *tick,
    trd_sim_day_t *day)
{
    double                   walk;
    int64_t                  t_ms, open_ms, bucket, in_ms;
    trd_sim_window_t        *w;
    trd_sim_instrument_t    *in;
    const trd_sim_shared_t  *shared;

    in = &sim->instruments[i];
    w = &in->window;
    t_ms = sim_time(tick->t_ms);
    open_ms = sim_time(t_ms - TRD_SIM_DAY_MS);
    bucket = sim_bucket(t_ms);

    shared = sim_clock_seek(sim, &sim->yesterday, in->asset_class, open_ms);
    sim_path_seek(sim, &in->yesterday, in->key, sim_cell(shared->season_ms),
                  0);
    walk = sim_walk(in, shared->now,
                    sim_path_value(&in->yesterday, shared->season_ms));
    day->open_e8 = in->tick_e8
                   * sim_price(in, walk + sim_drift(sim, in, open_ms));

    sim_window_take(sim, in, w, t_ms, tick->last_e8);
    sim_window_range(w, day);
    sim_volume_seek(sim, in, w, bucket);

    in_ms = t_ms - bucket * TRD_SIM_BUCKET_MS;
    day->volume_e8 = w->volume_e8 + sim_part(w->last_volume_e8, in_ms)
                     + sim_part(w->first_volume_e8, TRD_SIM_BUCKET_MS - in_ms);
    day->volume_e8 -= day->volume_e8 % in->lot_e8;
    day->quote_volume_e8 = w->quote_e8 + sim_part(w->last_quote_e8, in_ms)
                     + sim_part(w->first_quote_e8, TRD_SIM_BUCKET_MS - in_ms);
}
