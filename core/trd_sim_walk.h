/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What trd_sim*.c have in common: the market's time, walks, cursors over them,
 * and the price of a walk's value.  Nobody else includes this.
 *
 * Times become an unsigned count of 64 ms cells, so that the cell of level k
 * is count >> k and the levels that change between two times are those below
 * the highest bit in which the counts differ.
 *
 * Every walk has variance 1 per day.  In a cell of L days the middle lies
 * sqrt(L)/2 of noise off its parent's straight line; the noise at the ends of
 * the top cells has variance L/2.  Together that makes increments exactly
 * those of Brownian motion, and the variance of the value the same all along.
 */

#ifndef TRD_SIM_WALK_H
#define TRD_SIM_WALK_H

#include <float.h>
#include <string.h>

#include "trd_sim.h"

/* excess precision would give other bytes; 16 is about smaller types only */
_Static_assert(FLT_EVAL_METHOD == 0 || FLT_EVAL_METHOD == 16,
               "doubles must be evaluated as doubles");

#define SIM_TOP        (TRD_SIM_LEVELS - 1)
#define SIM_CELL_BITS  6                        /* 64 ms */
#define SIM_T_MAX      ((int64_t) 1 << 48)
#define SIM_ORIGIN     ((uint64_t) 1 << 49)     /* a multiple of a top cell */
#define SIM_COARSE     10                       /* 65.5 s: history's samples */
#define SIM_WILD       20                       /* fat tails below 18.6 h */
#define SIM_VALUE_MAX  ((int64_t) 1 << 62)

#define SIM_WEEK_MS    604800000LL
#define SIM_WEEKS      600000LL                 /* more than SIM_T_MAX */
#define SIM_MONDAY_MS  (4 * TRD_SIM_DAY_MS)     /* 1970-01-05 */

#define SIM_SCENARIO_BUCKETS  56                /* 14 hours: divides a week,
                                                   does not divide a day */

/* sqrt(64 ms / 1 day) / 2 and sqrt(99.4 days / 2) */
#define SIM_SQRT_CELL  0.0004303314829119352
#define SIM_SQRT_TOP   7.0505510160291465
#define SIM_SQRT_2     1.4142135623730951

/*
 * Noise: four 15-bit uniforms added up; their deviation, and the two scales
 * it is mixed from: 15 in 16 calm, 1 wild, mean square 1.  Kurtosis about 24.
 */
#define SIM_NOISE_SD   18918.613611995992
#define SIM_CALM       0.5163977794943222       /* sqrt(4/15) */
#define SIM_WILDNESS   3.4641016151377544       /* sqrt(12) */

/*
 * How much of a return comes from the market, the class and the instrument
 * itself; the squares add up to 1.  Two of a class correlate by the first two
 * squares' sum: 0.70, 0.35, 0.55, 0.30; across classes by the product of the
 * first column.
 */
static const struct {
    double  market, class, own;
} sim_loading[TRD_CLASS_N] = {
    { 0.5,  0.67082039324993692, 0.54772255750516607 },     /* CRYPTO */
    { 0.2,  0.55677643628300222, 0.80622577482985502 },     /* FOREX */
    { 0.3,  0.67823299831252681, 0.67082039324993692 },     /* METALS */
    { 0.35, 0.42130748865881795, 0.83666002653407556 }      /* COMMODITIES */
};


static inline uint64_t
sim_hash(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;

    return x ^ (x >> 31);
}


/* the hash of a cell: level 31 stands for other uses of a key */
static inline uint64_t
sim_hash_cell(uint64_t key, uint64_t cell, unsigned level)
{
    return sim_hash(key + (cell << 5 | level) * 0x9e3779b97f4a7c15ULL);
}


static inline double
sim_noise(uint64_t h)
{
    int64_t  sum;

    sum = (int64_t) ((h & 0x7fff) + (h >> 15 & 0x7fff) + (h >> 30 & 0x7fff)
                     + (h >> 45 & 0x7fff));

    return (double) (sum - 2 * 0x7fff);
}


static inline int64_t
sim_time(int64_t t_ms)
{
    return t_ms > SIM_T_MAX ? SIM_T_MAX
           : t_ms < -SIM_T_MAX ? -SIM_T_MAX : t_ms;
}


static inline uint64_t
sim_cell(int64_t t_ms)
{
    return ((uint64_t) t_ms + SIM_ORIGIN) >> SIM_CELL_BITS;
}


/* the bucket of a time: floor(t / 15 min) */
static inline int64_t
sim_bucket(int64_t t_ms)
{
    int64_t  b;

    b = t_ms / TRD_SIM_BUCKET_MS;

    return b * TRD_SIM_BUCKET_MS > t_ms ? b - 1 : b;
}


/* a time as its week, the bucket in it and the rest */
typedef struct {
    int64_t   start_ms;
    uint32_t  bucket;
    uint32_t  off;
} sim_week_t;


static inline sim_week_t
sim_week(int64_t t_ms)
{
    uint64_t    t, week;
    sim_week_t  w;

    t = (uint64_t) (t_ms - SIM_MONDAY_MS + SIM_WEEKS * SIM_WEEK_MS);
    week = t / SIM_WEEK_MS;
    t -= week * SIM_WEEK_MS;

    w.start_ms = ((int64_t) week - SIM_WEEKS) * SIM_WEEK_MS + SIM_MONDAY_MS;
    w.bucket = (uint32_t) t / (uint32_t) TRD_SIM_BUCKET_MS;
    w.off = (uint32_t) t - w.bucket * (uint32_t) TRD_SIM_BUCKET_MS;

    return w;
}


/* the clock's time as that of a class, or of the market (TRD_CLASS_N) */
static inline int64_t
sim_season(const trd_sim_t *sim, unsigned c, sim_week_t w)
{
    const uint32_t  *at;

    at = &sim->season[c][w.bucket];

    return w.start_ms + at[0]
           + (int64_t) ((uint64_t) (at[1] - at[0]) * w.off
                        / (uint32_t) TRD_SIM_BUCKET_MS);
}


/* e^x for |x| <= 700 by 2^n * e^r, |r| <= ln(2) / 2; good to 1e-13 */
static inline double
sim_exp(double x)
{
    double    r, r2, r4, a, b, c, p;
    int64_t   n;
    uint64_t  bits;

    n = (int64_t) (x * 1.4426950408889634 + 1024.5) - 1024;
    r = x - (double) n * 0.69314718055994531;
    r2 = r * r;
    r4 = r2 * r2;

    a = (1.0 + r) + r2 * (0.5 + r * (1.0 / 6));
    b = (1.0 / 24 + r * (1.0 / 120)) + r2 * (1.0 / 720 + r * (1.0 / 5040));
    c = (1.0 / 40320 + r * (1.0 / 362880)) + r2 * (1.0 / 3628800);
    p = a + r4 * (b + r4 * c);

    bits = (uint64_t) (n + 1023) << 52;
    memcpy(&r, &bits, sizeof(r));

    return p * r;
}


static inline void
sim_path_init(trd_sim_path_t *p)
{
    p->cell = UINT64_MAX;
}


/*
 * Brings the levels down to `floor` to a cell.  A cursor is always used with
 * one floor, since those below keep what they had.
 */
static inline void
sim_path_seek(const trd_sim_t *sim, trd_sim_path_t *p, uint64_t key,
    uint64_t cell, int floor)
{
    int              k;
    double           mid;
    uint64_t         h, diff;
    trd_sim_span_t   s;

    diff = p->cell ^ cell;

    if (diff == 0) {
        return;
    }

    p->cell = cell;
    k = 63 - __builtin_clzll(diff);

    if (k >= SIM_TOP) {
        h = cell >> SIM_TOP;
        s.lo = sim_noise(sim_hash_cell(key, h, 30)) * sim->top_scale;
        s.hi = sim_noise(sim_hash_cell(key, h + 1, 30)) * sim->top_scale;
        p->span[SIM_TOP] = s;
        k = SIM_TOP - 1;

    } else {
        s = p->span[k + 1];
    }

    for ( /* void */ ; k >= floor; k--) {
        h = sim_hash_cell(key, cell >> (k + 1), (unsigned) k + 1);
        mid = 0.5 * (s.lo + s.hi)
              + sim_noise(h) * sim->scale[k + 1][h >> 60 == 0];

        if (cell >> k & 1) {
            s.lo = mid;

        } else {
            s.hi = mid;
        }

        p->span[k] = s;
    }
}


static inline double
sim_path_value(const trd_sim_path_t *p, int64_t t_ms)
{
    return p->span[0].lo + (p->span[0].hi - p->span[0].lo)
           * ((double) ((uint64_t) t_ms & 63) * (1.0 / 64));
}


/* the week's table, with what a scenario makes of it */
void trd_sim_season(trd_sim_t *sim, unsigned scenario);

/* the height of a scenario's drift, -1 to 1 */
double trd_sim_profile(unsigned scenario, int64_t t_ms);

/* what a class shares, computed anew into `out` */
void trd_sim_shared(const trd_sim_t *sim, trd_sim_path_t *market,
    trd_sim_path_t *class, unsigned c, int64_t t_ms, trd_sim_shared_t *out);


static inline const trd_sim_shared_t *
sim_clock_seek(const trd_sim_t *sim, trd_sim_clock_t *clock, unsigned c,
    int64_t t_ms)
{
    trd_sim_shared_t  *shared;

    shared = &clock->shared[c];

    if (shared->t_ms != t_ms) {
        trd_sim_shared(sim, &clock->market, &clock->classes[c], c, t_ms,
                       shared);
    }

    return shared;
}


static inline double
sim_walk(const trd_sim_instrument_t *in, double shared, double own)
{
    return in->side * shared + sim_loading[in->asset_class].own * own;
}


/* what the scenario adds to a walk */
static inline double
sim_drift(const trd_sim_t *sim, const trd_sim_instrument_t *in, int64_t t_ms)
{
    return in->drift == 0
           ? 0 : in->drift * trd_sim_profile(sim->scenario, t_ms);
}


/*
 * What is traded in a bucket: the day's share, times noise of mean 1 (0.4 to
 * 2.2), times the season.
 */
static inline double
sim_bucket_base(const trd_sim_t *sim, const trd_sim_instrument_t *in,
    int64_t bucket)
{
    double           u;
    unsigned         b;
    const uint32_t  *season;

    u = (double) (sim_hash_cell(~in->key, (uint64_t) bucket, 31) >> 11)
        * 0x1p-53;

    b = sim_week(bucket * TRD_SIM_BUCKET_MS).bucket;
    season = sim->season[in->asset_class];

    return in->bucket_volume_e8 * (0.4 + 1.8 * u * u)
           * ((double) (season[b + 1] - season[b])
              * (1.0 / TRD_SIM_BUCKET_MS));
}


/* the price in ticks, 1 .. max_ticks */
static inline int64_t
sim_price(const trd_sim_instrument_t *in, double walk)
{
    double  x, ticks;

    /* no walk goes that far; |x| must be bounded for what follows */
    x = in->volatility * walk;
    x = x > 600.0 ? 600.0 : x < -600.0 ? -600.0 : x;

    ticks = in->price_ticks * sim_exp(x) + 0.5;

    return ticks >= (double) in->max_ticks ? in->max_ticks
           : ticks < 1.0 ? 1 : (int64_t) ticks;
}

#endif /* TRD_SIM_WALK_H */
