/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The indicators; conventions: trd_indicator.h.  One function, step, works
 * out what a candle makes of a state; closing keeps the result, peeking drops
 * it, so the two cannot differ.
 */

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "trd_decimal.h"
#include "trd_indicator.h"

#define TRD_N_CLOSES  19
#define TRD_N_RANGE   13
#define TRD_WILDER    14

/*
 * An average that decays this far is 0: of denormal numbers neither the ratio
 * nor the speed is any good.  It takes some 6,000 candles without a move.
 */
#define TRD_NOTHING   1e-200


static double trd_ema(double old, double x, uint64_t n, unsigned period);
static double trd_wilder(double old, double x, uint64_t n);
static void trd_step(const trd_indicator_t *s, int64_t high, int64_t low,
    int64_t close, trd_indicator_smooth_t *next, trd_indicator_values_t *v);
static void trd_step_trend(const trd_indicator_t *s, int64_t close,
    trd_indicator_smooth_t *next, trd_indicator_values_t *v);
static void trd_step_window(const trd_indicator_t *s, int64_t close,
    trd_indicator_values_t *v);
static void trd_step_rsi(const trd_indicator_t *s, int64_t close,
    trd_indicator_smooth_t *next, trd_indicator_values_t *v);
static void trd_step_range(const trd_indicator_t *s, int64_t high,
    int64_t low, trd_indicator_smooth_t *next, trd_indicator_values_t *v);
static void trd_step_stochastic(const trd_indicator_t *s, int64_t high,
    int64_t low, int64_t close, trd_indicator_smooth_t *next,
    trd_indicator_values_t *v);
static void trd_keep(trd_indicator_t *s, int64_t high, int64_t low,
    int64_t close);


static inline double
trd_units(int64_t e8)
{
    return (double) e8 / (double) TRD_E8;
}


static inline int64_t
trd_max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}


static inline int64_t
trd_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}


/* the n-th value, from 0, of an average that starts as a mean of `period` */

static double
trd_ema(double old, double x, uint64_t n, unsigned period)
{
    if (n + 1 < period) {
        return old + x;
    }

    if (n + 1 == period) {
        return (old + x) / period;
    }

    return old + (x - old) * (2.0 / (period + 1));
}


static double
trd_wilder(double old, double x, uint64_t n)
{
    double  avg;

    if (n + 1 < TRD_WILDER) {
        return old + x;
    }

    if (n + 1 == TRD_WILDER) {
        return (old + x) / TRD_WILDER;
    }

    avg = (old * (TRD_WILDER - 1) + x) / TRD_WILDER;

    return avg < TRD_NOTHING ? 0 : avg;
}


static void
trd_step_trend(const trd_indicator_t *s, int64_t close,
    trd_indicator_smooth_t *next, trd_indicator_values_t *v)
{
    double    x;
    uint64_t  n;

    n = s->n;
    x = trd_units(close);

    next->ema12 = trd_ema(next->ema12, x, n, 12);
    next->ema20 = trd_ema(next->ema20, x, n, 20);
    next->ema26 = trd_ema(next->ema26, x, n, 26);

    if (n >= 11) {
        v->ema12 = next->ema12;
        v->ready |= TRD_IND_EMA12;
    }

    if (n >= 19) {
        v->ema20 = next->ema20;
        v->ready |= TRD_IND_EMA20;
    }

    if (n < 25) {
        return;
    }

    v->ema26 = next->ema26;
    v->macd = next->ema12 - next->ema26;
    v->ready |= TRD_IND_EMA26|TRD_IND_MACD;

    next->signal = trd_ema(next->signal, v->macd, n - 25, 9);

    if (n >= 33) {
        v->macd_signal = next->signal;
        v->macd_histogram = v->macd - next->signal;
        v->ready |= TRD_IND_SIGNAL;
    }
}


/*
 * Mean and squares of the 19 closes before are known; Welford's step adds the
 * twentieth.  All of it counts units of 10^-8 from the newest closed price:
 * whole numbers, so a price that stands still has a deviation of exactly 0.
 */

static void
trd_step_window(const trd_indicator_t *s, int64_t close,
    trd_indicator_values_t *v)
{
    double  x, mean, sd;

    if (s->n < TRD_N_CLOSES) {
        return;
    }

    x = (double) (close - s->close_e8) - s->mean;
    mean = s->mean + x / 20;
    sd = sqrt((s->squares + x * (x - x / 20)) / 20) / (double) TRD_E8;

    v->sma20 = ((double) s->close_e8 + mean) / (double) TRD_E8;
    v->bollinger_middle = v->sma20;
    v->bollinger_upper = v->sma20 + 2 * sd;
    v->bollinger_lower = v->sma20 - 2 * sd;
    v->ready |= TRD_IND_SMA|TRD_IND_BOLLINGER;
}


static void
trd_step_rsi(const trd_indicator_t *s, int64_t close,
    trd_indicator_smooth_t *next, trd_indicator_values_t *v)
{
    double  x;

    x = trd_units(close - s->close_e8);

    next->gain = trd_wilder(next->gain, x > 0 ? x : 0, s->n - 1);
    next->loss = trd_wilder(next->loss, x < 0 ? -x : 0, s->n - 1);

    if (s->n >= TRD_WILDER && next->gain + next->loss > 0) {
        v->rsi14 = 100 * (next->gain / (next->gain + next->loss));
        v->ready |= TRD_IND_RSI;
    }
}


static void
trd_step_range(const trd_indicator_t *s, int64_t high, int64_t low,
    trd_indicator_smooth_t *next, trd_indicator_values_t *v)
{
    double    dx;
    int64_t   up, down;
    uint64_t  n;

    n = s->n - 1;               /* the first candle has no range */

    up = high - s->high_e8;
    down = s->low_e8 - low;

    next->atr = trd_wilder(next->atr,
                           trd_units(trd_max(high, s->close_e8)
                                     - trd_min(low, s->close_e8)), n);
    next->plus_dm = trd_wilder(next->plus_dm,
                               (up > down && up > 0) ? trd_units(up) : 0, n);
    next->minus_dm = trd_wilder(next->minus_dm,
                                (down > up && down > 0) ? trd_units(down) : 0,
                                n);

    if (s->n < TRD_WILDER) {
        return;
    }

    v->atr14 = next->atr;
    v->ready |= TRD_IND_ATR;

    if (next->atr > 0) {
        v->plus_di14 = 100 * next->plus_dm / next->atr;
        v->minus_di14 = 100 * next->minus_dm / next->atr;
        v->ready |= TRD_IND_DI;
    }

    /* a market without any direction has none: here 0/0 is 0 */

    dx = next->plus_dm + next->minus_dm;
    if (dx > 0) {
        dx = 100 * fabs(next->plus_dm - next->minus_dm) / dx;
    }

    next->adx = trd_wilder(next->adx, dx, s->n - TRD_WILDER);

    if (s->n >= 2 * TRD_WILDER - 1) {
        v->adx14 = next->adx;
        v->ready |= TRD_IND_ADX;
    }
}


static void
trd_step_stochastic(const trd_indicator_t *s, int64_t high, int64_t low,
    int64_t close, trd_indicator_smooth_t *next, trd_indicator_values_t *v)
{
    double   raw, k, d;
    int64_t  max, min;

    if (s->n < TRD_N_RANGE) {
        return;
    }

    max = trd_max(high, s->max_e8);
    min = trd_min(low, s->min_e8);

    raw = NAN;
    if (max > min) {
        raw = 100 * ((double) (close - min) / (double) (max - min));
    }

    k = (raw + next->raw_k[0] + next->raw_k[1]) / 3;
    d = (k + next->k[0] + next->k[1]) / 3;

    next->raw_k[1] = next->raw_k[0];
    next->raw_k[0] = raw;
    next->k[1] = next->k[0];
    next->k[0] = k;

    /* until three values are there, the initial NaN is one of them */

    if (!isnan(k)) {
        v->stochastic_k = k;
        v->ready |= TRD_IND_STOCH_K;
    }

    if (!isnan(d)) {
        v->stochastic_d = d;
        v->ready |= TRD_IND_STOCH_D;
    }
}


static void
trd_step(const trd_indicator_t *s, int64_t high, int64_t low, int64_t close,
    trd_indicator_smooth_t *next, trd_indicator_values_t *v)
{
    static const trd_indicator_values_t  none = {
        0, 0, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN,
        NAN, NAN, NAN, NAN, NAN, NAN
    };

    *v = none;
    v->close = trd_units(close);
    *next = s->smooth;

    trd_step_trend(s, close, next, v);
    trd_step_window(s, close, v);

    if (s->n > 0) {
        trd_step_rsi(s, close, next, v);
        trd_step_range(s, high, low, next, v);
    }

    trd_step_stochastic(s, high, low, close, next, v);
}


/* puts the candle into the windows and sums them up anew */

static void
trd_keep(trd_indicator_t *s, int64_t high, int64_t low, int64_t close)
{
    double    x, sum, squares;
    unsigned  i;

    s->closes[s->n % TRD_N_CLOSES] = close;
    s->highs[s->n % TRD_N_RANGE] = high;
    s->lows[s->n % TRD_N_RANGE] = low;

    s->close_e8 = close;
    s->high_e8 = high;
    s->low_e8 = low;
    s->n++;

    if (s->n >= TRD_N_RANGE) {
        s->max_e8 = high;
        s->min_e8 = low;

        for (i = 0; i < TRD_N_RANGE; i++) {
            s->max_e8 = trd_max(s->max_e8, s->highs[i]);
            s->min_e8 = trd_min(s->min_e8, s->lows[i]);
        }
    }

    if (s->n < TRD_N_CLOSES) {
        return;
    }

    sum = 0;

    for (i = 0; i < TRD_N_CLOSES; i++) {
        sum += (double) (s->closes[i] - close);
    }

    s->mean = sum / TRD_N_CLOSES;
    squares = 0;

    for (i = 0; i < TRD_N_CLOSES; i++) {
        x = (double) (s->closes[i] - close) - s->mean;
        squares += x * x;
    }

    s->squares = squares;
}


void
trd_indicator_init(trd_indicator_t *s)
{
    memset(s, 0, sizeof(trd_indicator_t));

    s->smooth.raw_k[0] = NAN;
    s->smooth.raw_k[1] = NAN;
    s->smooth.k[0] = NAN;
    s->smooth.k[1] = NAN;
}


trd_rc_t
trd_indicator_peek(const trd_indicator_t *s, int64_t high_e8, int64_t low_e8,
    int64_t close_e8, trd_indicator_values_t *v)
{
    trd_indicator_smooth_t  next;

    if (low_e8 <= 0 || close_e8 < low_e8 || close_e8 > high_e8) {
        return TRD_ERROR;
    }

    trd_step(s, high_e8, low_e8, close_e8, &next, v);

    return TRD_OK;
}


trd_rc_t
trd_indicator_close(trd_indicator_t *s, int64_t high_e8, int64_t low_e8,
    int64_t close_e8, trd_indicator_values_t *v)
{
    trd_indicator_smooth_t  next;
    trd_indicator_values_t  unwanted;

    if (low_e8 <= 0 || close_e8 < low_e8 || close_e8 > high_e8) {
        return TRD_ERROR;
    }

    trd_step(s, high_e8, low_e8, close_e8, &next, v ? v : &unwanted);

    s->smooth = next;
    trd_keep(s, high_e8, low_e8, close_e8);

    return TRD_OK;
}
