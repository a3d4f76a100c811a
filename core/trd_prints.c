/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Which trades and klines count; trd_prints.h says who asks.
 */

#include "trd_prints.h"


trd_refused_t
trd_prints_judge(const trd_quote_t *q, const trd_limits_t *limits,
    int64_t now_ms, const trd_print_t *t)
{
    int64_t  off;

    if (t->price_e8 <= 0) {
        return t->price_e8 < 0 ? TRD_REFUSED_NEGATIVE : TRD_REFUSED_ZERO;
    }

    if (t->ms > now_ms + limits->max_future_ms) {
        return TRD_REFUSED_FUTURE;
    }

    if (limits->max_jump_bp && (q->has & TRD_HAS_LAST) && !q->stale) {
        off = t->price_e8 > q->last_e8 ? t->price_e8 - q->last_e8
                                       : q->last_e8 - t->price_e8;

        if (off / limits->max_jump_bp > q->last_e8 / 10000) {
            return TRD_REFUSED_JUMP;
        }
    }

    return TRD_REFUSED_NOT;
}


void
trd_prints_broken(trd_prints_t *p)
{
    p->broken = 1;
    p->kline_ms = 0;
}


int
trd_prints_trade(trd_prints_t *p, const trd_binance_trade_t *t,
    const trd_limits_t *limits, int64_t now_ms, trd_refused_t *refused,
    trd_print_t *out, trd_prints_gap_t *gap)
{
    int       later;
    uint64_t  ahead;

    *out = t->print;
    *gap = TRD_PRINTS_WHOLE;

    if ((*refused != TRD_REFUSED_NOT && *refused != TRD_REFUSED_OLDER)
        || out->quantity_e8 <= 0)
    {
        return 0;
    }

    if (out->ms > now_ms + limits->max_future_ms) {
        *refused = TRD_REFUSED_FUTURE;
        return 0;
    }

    /* two links are read in no order: what one was ahead of comes later */

    if (out->first_id >= p->late && out->last_id < p->late_end) {
        p->late = out->last_id + 1;
        return 1;
    }

    later = out->ms > p->ms + (p->broken ? 0 : TRD_PRINTS_ANEW_MS);

    if (p->id == 0) {
        /* the first one: nothing to compare it with */

    } else if (out->last_id <= p->id) {

        if (!later) {
            return 0;
        }

        /* what is missing since a break is asked for already */
        *gap = p->broken ? TRD_PRINTS_WHOLE : TRD_PRINTS_HOLE;
        p->ms = 0;
        p->late_end = 0;

    } else if (out->first_id <= p->id) {

        /* the whole is right, what is left of it is not known */
        *gap = TRD_PRINTS_OVERLAP;
        out->first_id = p->id + 1;

    } else if (out->first_id > p->id + 1 && !p->broken) {

        if (!later && out->first_id - p->id > TRD_PRINTS_LEAP) {
            *refused = TRD_REFUSED_IMPLAUSIBLE;
            return 0;
        }

        *gap = TRD_PRINTS_HOLE;
    }

    ahead = out->first_id > p->id ? out->first_id - p->id - 1 : 0;

    if (p->id && ahead && ahead <= TRD_PRINTS_LATE) {
        p->late = p->id + 1;
        p->late_end = out->first_id;
    }

    p->id = out->last_id;
    p->ms = out->ms > p->ms ? out->ms : p->ms;
    p->broken = 0;

    return 1;
}


int
trd_prints_kline(trd_prints_t *p, const trd_binance_kline_t *k,
    const trd_limits_t *limits, int64_t now_ms, trd_refused_t *refused)
{
    int64_t  last_ms, from_ms;

    *refused = TRD_REFUSED_NOT;

    /* an open one may begin now, one that is closed has ended */

    last_ms = now_ms + limits->max_future_ms;
    from_ms = (k->candle.flags & TRD_CANDLE_OPEN)
              ? last_ms : last_ms - trd_interval_ms(k->interval);

    if (k->event_ms > last_ms || k->candle.open_ms > from_ms) {
        *refused = TRD_REFUSED_FUTURE;
        return 0;
    }

    /* of two links the later one may say what the other said before */

    if (k->event_ms < p->kline_ms) {
        return 0;
    }

    p->kline_ms = k->event_ms;

    return 1;
}
