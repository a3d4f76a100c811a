/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Which trades the candle builder lacks: what the ids tell, and which candles
 * are PARTIAL until the source's own have come.
 */

#include "trd_candle_ring.h"


void
trd_candle_broken(trd_candle_series_t *s)
{
    s->broken = 1;
}


int
trd_candle_ids(trd_candle_series_t *s, const trd_candle_rules_t *rules,
    const trd_print_t *t, int *gap)
{
    uint64_t  last;

    last = s->last_id;
    *gap = 0;

    if (rules->complete) {
        s->last_id = t->last_id > last ? t->last_id : last;
        return 1;
    }

    if (t->first_id == 0) {
        *gap = s->broken;
        return 0;
    }

    /* candles that are there already say nothing of what came after them */

    if (last == 0) {
        *gap = s->ring[0].count != 0;

    } else if (t->last_id > last) {
        *gap = t->first_id != last + 1;

    } else if (s->broken || t->ms - s->last_ms > TRD_CANDLE_ANEW_MS) {
        *gap = 1;
        s->last_ms = 0;

    } else {
        return -1;
    }

    s->last_id = t->last_id;
    s->last_ms = t->ms > s->last_ms ? t->ms : s->last_ms;

    return last != 0 && !*gap;
}


void
trd_candle_heard(trd_candle_series_t *s, uint64_t last_id, int64_t open_ms)
{
    s->last_id = last_id;

    if (open_ms + TRD_MINUTE_MS - 1 > s->last_ms) {
        s->last_ms = open_ms + TRD_MINUTE_MS - 1;
    }
}


static void
trd_candle_mark(trd_candle_ring_t *r, trd_candle_t *c)
{
    if (!(c->flags & (TRD_CANDLE_PARTIAL | TRD_CANDLE_SOURCE))) {
        c->flags |= TRD_CANDLE_PARTIAL;
        trd_candle_touch(r, c);
    }
}


void
trd_candle_partial(trd_candle_series_t *s, uint32_t capacity)
{
    unsigned            i;
    trd_candle_t       *c;
    trd_candle_ring_t  *r;

    for (i = 0; i < TRD_INTERVALS; i++) {
        r = &s->ring[i];
        c = trd_candle_place(r, capacity, 0);

        if (r->count != 0 && (c->flags & TRD_CANDLE_OPEN)) {
            trd_candle_mark(r, c);
        }
    }
}


void
trd_candle_gap(const trd_candle_call_t *call, int64_t minute)
{
    int64_t               from_ms, since_ms, newest_ms;
    uint32_t              back;
    trd_candle_t         *c;
    trd_candle_ring_t    *r;
    trd_candle_series_t  *s;

    s = call->s;
    r = &s->ring[0];
    s->gaps++;

    if (r->count == 0) {
        return;
    }

    /*
     * What is missing was traded from the newest candle on, or in the minute
     * of a late trade, if the source has not told; what comes from now on
     * belongs to the open candle.
     */

    c = trd_candle_place(r, call->capacity, 0);
    newest_ms = from_ms = since_ms = c->open_ms;

    if (!(c->flags & TRD_CANDLE_OPEN)) {
        since_ms += TRD_MINUTE_MS;
    }

    if (c->flags & TRD_CANDLE_SOURCE) {
        from_ms += TRD_MINUTE_MS;
    }

    from_ms = minute < from_ms ? minute : from_ms;
    from_ms = s->told_ms > from_ms ? s->told_ms : from_ms;
    since_ms = minute > since_ms ? minute : since_ms;

    if (minute < from_ms && since_ms <= from_ms) {
        return;                     /* the source's own have it all */
    }

    if (s->gap_ms == INT64_MAX) {
        s->gap_ms = from_ms;
        s->prior_ms = r->since_ms;

    } else if (from_ms < s->gap_ms) {
        s->gap_ms = from_ms;
    }

    r->since_ms = since_ms;
    trd_candle_partial(s, call->capacity);

    /* and those that are closed, with the longer ones around them */

    for (back = 0; back < r->count; back++) {
        c = trd_candle_place(r, call->capacity, back);

        if (c->open_ms < from_ms) {
            break;
        }

        if (!(c->flags & (TRD_CANDLE_OPEN | TRD_CANDLE_SOURCE))) {
            trd_candle_mark(r, c);
            trd_candle_refold(call, 0, c->open_ms);
        }
    }

    if (minute < newest_ms) {
        trd_candle_refold(call, 0, minute);
    }
}


void
trd_candle_covered(trd_candle_series_t *s, int64_t open_ms)
{
    if (open_ms < s->ring[0].since_ms) {
        s->ring[0].since_ms = open_ms;
    }

    if (s->ring[0].since_ms <= s->gap_ms) {

        if (s->prior_ms < s->ring[0].since_ms) {
            s->ring[0].since_ms = s->prior_ms;
        }

        s->gap_ms = s->prior_ms = INT64_MAX;
    }
}
