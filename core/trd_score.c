/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Bookkeeping of past signals; what is counted how: trd_score.h.
 */

#include <string.h>

#include "trd_decimal.h"
#include "trd_score.h"

#define TRD_PPM  1000000


static void trd_score_judge(trd_score_totals_t *t, int64_t price_e8,
    trd_score_closed_t *closed);


void
trd_score_ring_init(trd_score_ring_t *r)
{
    memset(r, 0, sizeof(trd_score_ring_t));
}


void
trd_score_totals_init(trd_score_totals_t *t)
{
    memset(t, 0, sizeof(trd_score_totals_t));
}


trd_rc_t
trd_score_signal(trd_score_ring_t *r, trd_score_totals_t *t, int64_t due_ms,
    int bullish, int64_t confidence_e8, int64_t entry_e8, uint8_t tag)
{
    trd_score_open_t  *o;

    if (confidence_e8 < 0 || confidence_e8 > 100 * TRD_E8 || entry_e8 <= 0) {
        return TRD_ERROR;
    }

    if (r->n > 0) {
        o = &r->open[(r->head + r->n - 1) % TRD_SCORE_OPEN];
        if (due_ms < o->due_ms) {
            return TRD_ERROR;
        }
    }

    t->opened++;

    if (r->n == TRD_SCORE_OPEN) {
        t->dropped++;
        return TRD_OVERFLOW;
    }

    o = &r->open[(r->head + r->n++) % TRD_SCORE_OPEN];

    memset(o, 0, sizeof(trd_score_open_t));
    o->due_ms = due_ms;
    o->entry_e8 = entry_e8;
    o->confidence_ppm = (uint32_t) ((confidence_e8 + TRD_E8 / 20000)
                                    / (TRD_E8 / 10000));
    o->bullish = bullish ? 1 : 0;
    o->tag = tag;

    return TRD_OK;
}


static void
trd_score_judge(trd_score_totals_t *t, int64_t price_e8,
    trd_score_closed_t *closed)
{
    int64_t            r, off;
    unsigned           bin;
    trd_score_bin_t   *b;
    trd_score_open_t  *o;

    o = &closed->signal;

    if (trd_decimal_change(price_e8, o->entry_e8, 8, &r) != TRD_OK
        || r == INT64_MIN)
    {
        closed->outcome = TRD_SCORE_LOST;
        t->lost++;
        return;
    }

    closed->up = price_e8 > o->entry_e8;
    closed->return_e8 = o->bullish ? r : -r;
    t->return_e8 += closed->return_e8;

    if (price_e8 == o->entry_e8) {
        closed->outcome = TRD_SCORE_FLAT;
        t->flat++;
        return;
    }

    bin = o->confidence_ppm / (TRD_PPM / TRD_SCORE_BINS);
    b = &t->bins[bin < TRD_SCORE_BINS ? bin : TRD_SCORE_BINS - 1];
    b->n++;
    b->confidence_ppm += o->confidence_ppm;

    if (closed->up == o->bullish) {
        closed->outcome = TRD_SCORE_HIT;
        t->hits++;
        b->hits++;
        off = TRD_PPM - (int64_t) o->confidence_ppm;

    } else {
        closed->outcome = TRD_SCORE_MISS;
        t->misses++;
        off = o->confidence_ppm;
    }

    t->brier += off * off;
}


int
trd_score_price(trd_score_ring_t *r, trd_score_totals_t *t, int64_t ms,
    int64_t price_e8, int64_t tolerance_ms, trd_score_closed_t *closed)
{
    if (r->n == 0 || r->open[r->head % TRD_SCORE_OPEN].due_ms > ms) {
        return 0;
    }

    memset(closed, 0, sizeof(trd_score_closed_t));
    closed->signal = r->open[r->head % TRD_SCORE_OPEN];
    r->head = (r->head + 1) % TRD_SCORE_OPEN;
    r->n--;

    if (price_e8 <= 0 || ms - closed->signal.due_ms > tolerance_ms) {
        closed->outcome = TRD_SCORE_LOST;
        t->lost++;
        return 1;
    }

    trd_score_judge(t, price_e8, closed);

    return 1;
}


void
trd_score_merge(trd_score_totals_t *t, const trd_score_totals_t *from)
{
    unsigned  i;

    t->opened += from->opened;
    t->hits += from->hits;
    t->misses += from->misses;
    t->flat += from->flat;
    t->lost += from->lost;
    t->dropped += from->dropped;
    t->return_e8 += from->return_e8;
    t->brier += from->brier;

    for (i = 0; i < TRD_SCORE_BINS; i++) {
        t->bins[i].n += from->bins[i].n;
        t->bins[i].hits += from->bins[i].hits;
        t->bins[i].confidence_ppm += from->bins[i].confidence_ppm;
    }
}


uint64_t
trd_score_judged(const trd_score_totals_t *t)
{
    return t->hits + t->misses;
}


void
trd_score_result(const trd_score_totals_t *t, uint64_t times,
    uint32_t overlap, trd_score_result_t *out)
{
    uint64_t  judged;

    memset(out, 0, sizeof(trd_score_result_t));

    judged = trd_score_judged(t);
    out->count = judged + t->flat;
    out->independent = (times < judged ? times : judged) / overlap;

    if (out->independent < TRD_SCORE_MIN) {
        return;
    }

    out->known = 1;
    out->hit_rate = (double) t->hits / (double) judged;
    out->mean_return = (double) t->return_e8 / (double) TRD_E8
                       / (double) out->count;
    out->brier = (double) t->brier / 1e12 / (double) judged;
}
