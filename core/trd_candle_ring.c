/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The rings of the candle builder, see trd_candle_ring.h.  A ring is in the
 * order of time and short, so places are looked for from the newest on.
 */

#include <string.h>

#include "trd_candle_ring.h"


void
trd_candle_pass(const trd_candle_call_t *call, unsigned interval,
    const trd_candle_t *c)
{
    trd_candle_t  copy;

    copy = *c;
    copy.flags &= TRD_CANDLE_FLAGS;

    call->fn(call->ctx, interval, &copy);
}


static inline void
trd_candle_sum(int64_t *value, int64_t more, trd_candle_t *c, uint32_t flag)
{
    if (c->flags & flag) {
        return;
    }

    if (__builtin_add_overflow(*value, more, value)) {
        *value = 0;
        c->flags |= flag;
    }
}


/* sums of what is known on both sides; the rest becomes unknown */

void
trd_candle_sums(trd_candle_t *c, int64_t volume_e8, int64_t quote_volume_e8,
    uint32_t trades, uint32_t flags)
{
    flags &= TRD_CANDLE_QUOTES;

    if (flags) {
        c->flags |= flags;
        c->volume_e8 = (flags & TRD_CANDLE_NO_VOLUME) ? 0 : c->volume_e8;
        c->quote_volume_e8 = (flags & TRD_CANDLE_NO_QUOTE_VOLUME)
                             ? 0 : c->quote_volume_e8;
        c->trades = (flags & TRD_CANDLE_NO_TRADES) ? 0 : c->trades;
    }

    trd_candle_sum(&c->volume_e8, volume_e8, c, TRD_CANDLE_NO_VOLUME);
    trd_candle_sum(&c->quote_volume_e8, quote_volume_e8, c,
                   TRD_CANDLE_NO_QUOTE_VOLUME);

    if (!(c->flags & TRD_CANDLE_NO_TRADES)
        && __builtin_add_overflow(c->trades, trades, &c->trades))
    {
        c->trades = 0;
        c->flags |= TRD_CANDLE_NO_TRADES;
    }
}


void
trd_candle_fold(trd_candle_t *into, const trd_candle_t *later)
{
    if (later->high_e8 > into->high_e8) {
        into->high_e8 = later->high_e8;
    }

    if (later->low_e8 < into->low_e8) {
        into->low_e8 = later->low_e8;
    }

    into->close_e8 = later->close_e8;
    into->flags |= later->flags & TRD_CANDLE_PARTIAL;

    trd_candle_sums(into, later->volume_e8, later->quote_volume_e8,
                    later->trades, later->flags);
}


/*
 * How many places before the newest a candle of this time is, or would be;
 * 1 if it is there.
 */

int
trd_candle_find(const trd_candle_ring_t *r, uint32_t capacity,
    int64_t open_ms, uint32_t *back)
{
    trd_candle_t  *c;

    for (*back = 0; *back < r->count; (*back)++) {
        c = trd_candle_place(r, capacity, *back);

        if (c->open_ms <= open_ms) {
            return c->open_ms == open_ms;
        }
    }

    return 0;
}


/* makes room `back` places before the newest; NULL: it is too old */

trd_candle_t *
trd_candle_insert(const trd_candle_call_t *call, unsigned interval,
    uint32_t back)
{
    uint32_t            i;
    trd_candle_t       *oldest;
    trd_candle_ring_t  *r;

    r = &call->s->ring[interval];

    if (r->count == call->capacity) {

        if (back == call->capacity) {
            return NULL;
        }

        oldest = trd_candle_place(r, call->capacity, r->count - 1);

        if (oldest->flags & TRD_CANDLE_DIRTY) {
            trd_candle_pass(call, interval, oldest);
            r->dirty--;
        }

    } else {
        r->count++;
    }

    r->newest = (r->newest + 1 == call->capacity) ? 0 : r->newest + 1;

    for (i = 0; i < back; i++) {
        *trd_candle_place(r, call->capacity, i)
            = *trd_candle_place(r, call->capacity, i + 1);
    }

    return trd_candle_place(r, call->capacity, back);
}


/* writes a candle to its place, or passes it on if that is gone */

void
trd_candle_set(const trd_candle_call_t *call, unsigned interval,
    const trd_candle_t *c)
{
    uint32_t            back;
    trd_candle_t       *place;
    trd_candle_ring_t  *r;

    r = &call->s->ring[interval];

    if (trd_candle_find(r, call->capacity, c->open_ms, &back)) {
        place = trd_candle_place(r, call->capacity, back);

        if (place->flags & TRD_CANDLE_DIRTY) {
            r->dirty--;
        }

    } else {
        place = trd_candle_insert(call, interval, back);

        if (place == NULL) {
            trd_candle_pass(call, interval, c);
            return;
        }
    }

    *place = *c;
    place->flags &= ~TRD_CANDLE_DIRTY;
    trd_candle_touch(r, place);

    if (interval > 0 && c->open_ms < r->since_ms) {
        r->since_ms = c->open_ms;
    }
}


/* Is the newest one being built?  Closes it if it is older than open_ms, and
   tells. */

int
trd_candle_close(trd_candle_ring_t *r, uint32_t capacity, int64_t open_ms)
{
    trd_candle_t  *c;

    if (r->count == 0) {
        return 0;
    }

    c = trd_candle_place(r, capacity, 0);

    if ((c->flags & TRD_CANDLE_OPEN) == 0 || c->open_ms >= open_ms) {
        return 0;
    }

    c->flags &= ~(uint32_t) TRD_CANDLE_OPEN;
    trd_candle_touch(r, c);

    return 1;
}


/* folds the candle of `open_ms` from the ring below */

static void
trd_candle_refold_one(const trd_candle_call_t *call, unsigned interval,
    int64_t open_ms)
{
    int                 some, lost;
    int64_t             end_ms;
    uint32_t            i, back;
    trd_candle_t        c, *child, *old;
    trd_candle_ring_t  *r, *below;

    r = &call->s->ring[interval];
    below = &call->s->ring[interval - 1];
    end_ms = open_ms + trd_interval_ms(interval);
    old = NULL;

    if (trd_candle_find(r, call->capacity, open_ms, &back)) {
        old = trd_candle_place(r, call->capacity, back);

        if ((old->flags & (TRD_CANDLE_SOURCE | TRD_CANDLE_OPEN))
            == TRD_CANDLE_SOURCE)
        {
            return;
        }
    }

    /* the beginning fell out of the ring below: what is here knows more */
    lost = below->count == call->capacity
           && trd_candle_place(below, call->capacity, below->count - 1)
              ->open_ms > open_ms;

    if (lost && old != NULL) {
        return;
    }

    some = 0;
    memset(&c, 0, sizeof(c));

    for (i = below->count; i > 0; i--) {
        child = trd_candle_place(below, call->capacity, i - 1);

        if (child->open_ms < open_ms || child->open_ms >= end_ms) {
            continue;
        }

        if (some) {
            trd_candle_fold(&c, child);
            continue;
        }

        some = 1;
        c = *child;
        c.open_ms = open_ms;
        c.flags &= TRD_CANDLE_PARTIAL | TRD_CANDLE_QUOTES;
    }

    if (!some) {
        return;
    }

    /* open, if it was not closed before and more can come */
    child = trd_candle_place(below, call->capacity, 0);

    if ((old == NULL || (old->flags & TRD_CANDLE_OPEN))
        && child->open_ms < end_ms
        && ((child->flags & TRD_CANDLE_OPEN)
            || child->open_ms + trd_interval_ms(interval - 1) < end_ms))
    {
        c.flags |= TRD_CANDLE_OPEN;
    }

    if (below->since_ms > open_ms || lost) {
        c.flags |= TRD_CANDLE_PARTIAL;
    }

    (void) trd_candle_close(r, call->capacity, open_ms);
    trd_candle_set(call, interval, &c);
}


void
trd_candle_refold(const trd_candle_call_t *call, unsigned interval,
    int64_t open_ms)
{
    unsigned  i;

    for (i = interval + 1; i < TRD_INTERVALS; i++) {
        trd_candle_refold_one(call, i, trd_interval_start(i, open_ms));
    }
}


void
trd_candle_hole(trd_candle_series_t *s, const trd_candle_rules_t *rules,
    unsigned interval)
{
    unsigned            i;
    trd_candle_t       *c;
    trd_candle_ring_t  *r;

    for (i = interval; i < TRD_INTERVALS; i++) {
        r = &s->ring[i];
        r->since_ms = INT64_MAX;        /* until the next one says */
        c = trd_candle_place(r, rules->capacity, 0);

        if (i > interval && r->count != 0 && (c->flags & TRD_CANDLE_OPEN)
            && !(c->flags & TRD_CANDLE_PARTIAL))
        {
            c->flags |= TRD_CANDLE_PARTIAL;
            trd_candle_touch(r, c);
        }
    }
}


unsigned
trd_candle_flush(trd_candle_series_t *s, const trd_candle_rules_t *rules,
    trd_candle_pt fn, void *ctx)
{
    unsigned            i, mask;
    uint32_t            back, found;
    trd_candle_t       *c;
    trd_candle_ring_t  *r;
    trd_candle_call_t   call = { s, rules->capacity, fn, ctx, 0 };

    mask = 0;

    for (i = 0; i < TRD_INTERVALS; i++) {
        r = &s->ring[i];

        if (r->dirty == 0) {
            continue;
        }

        mask |= 1U << i;

        for (back = found = 0; found < r->dirty; back++) {
            c = trd_candle_place(r, rules->capacity, back);
            found += (c->flags & TRD_CANDLE_DIRTY) != 0;
        }

        while (back-- > 0) {
            c = trd_candle_place(r, rules->capacity, back);

            if (c->flags & TRD_CANDLE_DIRTY) {
                c->flags &= ~TRD_CANDLE_DIRTY;
                trd_candle_pass(&call, i, c);
            }
        }

        r->dirty = 0;
    }

    return mask;
}
