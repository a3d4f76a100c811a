/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The technical model and its calibration; tables: trd_technical.h and
 * docs/signals.md.
 */

#include <math.h>
#include <string.h>

#include "trd_decimal.h"
#include "trd_technical.h"

#define TRD_SCORE_STRONG  60
#define TRD_SCORE_PLAIN   25


static double trd_cut(double x);
static void trd_parts(const trd_indicator_values_t *v, double *part);
static trd_signal_kind_t trd_kind(double score);
static trd_rc_t trd_price_away(int64_t price_e8, double atr, double times,
    int64_t *out_e8);


static const struct {
    const char  *name;
    double       weight;
} trd_part_table[TRD_PART_N] = {
    { "trend",      25 },
    { "direction",  20 },
    { "momentum",   20 },
    { "rsi",        15 },
    { "location",   10 },
    { "stochastic",  5 },
    { "bands",       5 }
};

/* in ATRs, in the signal's direction and against it */
static const struct {
    double  target;
    double  stop;
} trd_reach[TRD_SIGNAL_N] = {
    { 3, 2 }, { 2, 1.5 }, { 1, 1 }, { 1, 1 }, { 2, 1.5 }, { 3, 2 }
};

static const struct {
    const char  *name;
    int64_t      ms;
} trd_timeframes[TRD_TIMEFRAME_N] = {
    { "1M",     60000 },
    { "5M",    300000 },
    { "15M",   900000 },
    { "1H",   3600000 },
    { "4H",  14400000 },
    { "1D",  86400000 }
};


const char *
trd_timeframe_name(unsigned timeframe)
{
    return timeframe < TRD_TIMEFRAME_N ? trd_timeframes[timeframe].name
                                       : NULL;
}


int64_t
trd_timeframe_ms(trd_timeframe_t timeframe)
{
    return trd_timeframes[timeframe].ms;
}


trd_rc_t
trd_timeframe_find(const char *name, size_t len, trd_timeframe_t *timeframe)
{
    size_t    i;
    unsigned  t;

    for (t = 0; t < TRD_TIMEFRAME_N; t++) {
        if (strlen(trd_timeframes[t].name) != len) {
            continue;
        }

        for (i = 0; i < len; i++) {
            if (name[i] != trd_timeframes[t].name[i]
                && (name[i] < 'a' || name[i] > 'z'
                    || name[i] - 'a' + 'A' != trd_timeframes[t].name[i]))
            {
                break;
            }
        }

        if (i == len) {
            *timeframe = (trd_timeframe_t) t;
            return TRD_OK;
        }
    }

    return TRD_NOT_FOUND;
}


const char *
trd_part_name(unsigned part)
{
    return part < TRD_PART_N ? trd_part_table[part].name : NULL;
}


double
trd_part_weight(unsigned part)
{
    return part < TRD_PART_N ? trd_part_table[part].weight : 0;
}


void
trd_calibration_init(trd_calibration_t *c, uint32_t overlap)
{
    memset(c, 0, sizeof(trd_calibration_t));
    c->overlap = overlap ? overlap : 1;
}


unsigned
trd_calibration_bucket(double score)
{
    double  place;

    place = (score + 100) * TRD_CALIBRATION_BUCKETS / 200;

    /* written so that NaN, too, ends in a bucket */

    if (!(place > 0)) {
        return 0;
    }

    if (place >= TRD_CALIBRATION_BUCKETS) {
        return TRD_CALIBRATION_BUCKETS - 1;
    }

    return (unsigned) place;
}


void
trd_calibration_add(trd_calibration_t *c, unsigned bucket, int up)
{
    if (bucket < TRD_CALIBRATION_BUCKETS) {
        c->n[bucket]++;
        c->up[bucket] += up ? 1 : 0;
    }
}


void
trd_calibration_merge(trd_calibration_t *c, const trd_calibration_t *from)
{
    unsigned  i;

    for (i = 0; i < TRD_CALIBRATION_BUCKETS; i++) {
        c->n[i] += from->n[i];
        c->up[i] += from->up[i];
    }
}


double
trd_calibration_up(const trd_calibration_t *c, unsigned bucket, uint64_t *n)
{
    uint64_t  count, up;

    count = up = 0;

    if (bucket < TRD_CALIBRATION_BUCKETS) {
        count = c->n[bucket];
        up = c->up[bucket];
    }

    if (n != NULL) {
        *n = count;
    }

    return ((double) up / c->overlap + TRD_PRIOR / 2.0)
           / ((double) count / c->overlap + TRD_PRIOR);
}


static double
trd_cut(double x)
{
    return x > 1 ? 1 : x < -1 ? -1 : x;
}


static void
trd_parts(const trd_indicator_values_t *v, double *part)
{
    double  sum, width;

    memset(part, 0, TRD_PART_N * sizeof(double));

    part[TRD_PART_TREND] = trd_cut(v->macd / v->atr14);
    part[TRD_PART_MOMENTUM] = trd_cut(v->macd_histogram / (v->atr14 / 4));
    part[TRD_PART_LOCATION] = trd_cut((v->close - v->sma20)
                                      / (2 * v->atr14));

    if ((v->ready & TRD_IND_DI) && (v->ready & TRD_IND_ADX)) {
        sum = v->plus_di14 + v->minus_di14;
        if (sum > 0) {
            part[TRD_PART_DIRECTION] = (v->plus_di14 - v->minus_di14) / sum
                                       * trd_cut(v->adx14 / 25);
        }
    }

    if (v->ready & TRD_IND_RSI) {
        part[TRD_PART_RSI] = trd_cut((v->rsi14 - 50) / 20);
    }

    if (v->ready & TRD_IND_STOCH_D) {
        part[TRD_PART_STOCHASTIC] = trd_cut((v->stochastic_k
                                             - v->stochastic_d) / 20);
    }

    width = v->bollinger_upper - v->sma20;
    if (width > 0) {
        part[TRD_PART_BANDS] = trd_cut((v->sma20 - v->close) / width);
    }
}


static trd_signal_kind_t
trd_kind(double score)
{
    if (score > 0) {
        return score >= TRD_SCORE_STRONG ? TRD_STRONG_BUY
               : score >= TRD_SCORE_PLAIN ? TRD_BUY : TRD_UP;
    }

    return score <= -TRD_SCORE_STRONG ? TRD_STRONG_SELL
           : score <= -TRD_SCORE_PLAIN ? TRD_SELL : TRD_DOWN;
}


/* the distance is an opinion; the price it leads to is a whole number */

static trd_rc_t
trd_price_away(int64_t price_e8, double atr, double times, int64_t *out_e8)
{
    double  away;

    away = floor(atr * times * (double) TRD_E8 + 0.5);

    if (!(away > -4e18 && away < 4e18)
        || __builtin_add_overflow(price_e8, (int64_t) away, out_e8)
        || *out_e8 <= 0)
    {
        return TRD_OVERFLOW;
    }

    return TRD_OK;
}


trd_rc_t
trd_technical(const trd_indicator_values_t *v, int64_t close_e8,
    const trd_calibration_t *c, trd_technical_t *t)
{
    double         p, sign;
    unsigned       i;
    trd_rc_t       rc;
    trd_signal_t  *s;

    if (!(v->ready & TRD_IND_SIGNAL) || !(v->ready & TRD_IND_ATR)
        || !(v->atr14 > 0))
    {
        return TRD_NOT_FOUND;
    }

    trd_parts(v, t->part);
    t->score = 0;

    for (i = 0; i < TRD_PART_N; i++) {
        t->score += trd_part_table[i].weight * t->part[i];
    }

    t->bucket = trd_calibration_bucket(t->score);
    t->samples = 0;
    p = c ? trd_calibration_up(c, t->bucket, &t->samples) : 0.5;

    s = &t->signal;
    s->kind = trd_kind(t->score);
    s->bullish = t->score > 0;
    s->strength_e8 = (int64_t) (fabs(t->score) * (double) TRD_E8 + 0.5);
    s->confidence_e8 = (int64_t) ((s->bullish ? p : 1 - p) * 100
                                  * (double) TRD_E8 + 0.5);
    s->entry_e8 = close_e8;

    sign = s->bullish ? 1 : -1;

    rc = trd_price_away(close_e8, v->atr14, sign * trd_reach[s->kind].target,
                        &s->target_e8);
    if (rc != TRD_OK) {
        return rc;
    }

    return trd_price_away(close_e8, v->atr14, -sign * trd_reach[s->kind].stop,
                          &s->stop_e8);
}
