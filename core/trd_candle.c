/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The builder of candles; its rules are in trd_candle.h.  A trade that
 * belongs to the open minute, as nearly all do, is added to the six open
 * candles and that is all.  Whatever is out of the ordinary changes the
 * minute first, and then each longer candle is folded anew from the ring
 * below it.
 */

#include <string.h>

#include "trd_candle_ring.h"
#include "trd_decimal.h"


#define TRD_CANDLE_MS_MAX  (INT64_MAX / 2)      /* sums of times fit */


/* what one print adds to a candle */
typedef struct {
    int64_t   price_e8;
    int64_t   volume_e8;
    int64_t   quote_volume_e8;
    uint32_t  trades;
    uint32_t  flags;            /* TRD_CANDLE_NO_* */
} trd_candle_add_t;


size_t
trd_candle_memory(const trd_candle_rules_t *rules)
{
    return (size_t) rules->capacity * TRD_INTERVALS * sizeof(trd_candle_t);
}


void
trd_candle_init(trd_candle_series_t *s, const trd_candle_rules_t *rules,
    void *memory)
{
    unsigned  i;

    memset(s, 0, sizeof(*s));

    for (i = 0; i < TRD_INTERVALS; i++) {
        s->ring[i].ring = (trd_candle_t *) memory
                          + (size_t) i * rules->capacity;
        s->ring[i].since_ms = INT64_MAX;
    }

    s->gap_ms = s->prior_ms = INT64_MAX;
}


const trd_candle_t *
trd_candle_at(const trd_candle_series_t *s, const trd_candle_rules_t *rules,
    unsigned interval, uint32_t back)
{
    if (interval >= TRD_INTERVALS || back >= s->ring[interval].count) {
        return NULL;
    }

    return trd_candle_place(&s->ring[interval], rules->capacity, back);
}


/*
 * price * quantity in e8 and the rest in e16, in 64-bit steps: each factor is
 * split into its integer part and its fraction.  0 if it does not fit.
 */

static inline int
trd_candle_product(int64_t price, int64_t quantity, int64_t *e8,
    uint64_t *rest)
{
    int64_t   part, low, high;
    uint64_t  cents;

    cents = (uint64_t) (price % TRD_E8) * (uint64_t) (quantity % TRD_E8);
    low = (price % TRD_E8) * (quantity / TRD_E8);
    low += (int64_t) (cents / TRD_E8);
    *rest = cents % TRD_E8;

    return !__builtin_mul_overflow(price / TRD_E8, quantity, &high)
           && !__builtin_add_overflow(high, low, &part)
           && (*e8 = part, 1);
}


/* fills `a` for the minute that is open, whose rest it keeps */

static void
trd_candle_quote_volume(trd_candle_series_t *s, const trd_print_t *t,
    trd_candle_add_t *a)
{
    int64_t   e8;
    uint64_t  rest, sum;

    if (!trd_candle_product(t->price_e8, t->quantity_e8, &e8, &rest)
        || e8 > INT64_MAX - 2)
    {
        a->flags |= TRD_CANDLE_NO_QUOTE_VOLUME;
        return;
    }

    /* from the rounded old sum to the rounded new one */
    sum = s->rest_e16 + rest;
    e8 += (int64_t) ((sum + TRD_E8 / 2) / TRD_E8)
          - (int64_t) ((s->rest_e16 + TRD_E8 / 2) / TRD_E8);

    s->rest_e16 = sum;
    a->quote_volume_e8 = e8;
}


static inline void
trd_candle_apply(trd_candle_t *c, const trd_candle_add_t *a)
{
    if (a->price_e8 > c->high_e8) {
        c->high_e8 = a->price_e8;
    }

    if (a->price_e8 < c->low_e8) {
        c->low_e8 = a->price_e8;
    }

    c->close_e8 = a->price_e8;

    trd_candle_sums(c, a->volume_e8, a->quote_volume_e8, a->trades, a->flags);
}


static void
trd_candle_start(trd_candle_t *c, int64_t open_ms, const trd_candle_add_t *a)
{
    c->open_ms = open_ms;
    c->open_e8 = c->high_e8 = c->low_e8 = c->close_e8 = a->price_e8;
    c->volume_e8 = a->volume_e8;
    c->quote_volume_e8 = a->quote_volume_e8;
    c->trades = a->trades;
    c->flags = TRD_CANDLE_OPEN | (a->flags & TRD_CANDLE_QUOTES);

    if (c->flags & TRD_CANDLE_NO_QUOTE_VOLUME) {
        c->quote_volume_e8 = 0;
    }
}


/* the open minute goes on, and so do the longer candles around it */

static void
trd_candle_add(const trd_candle_call_t *call, int64_t ms,
    const trd_candle_add_t *a)
{
    unsigned            i;
    int64_t             open_ms;
    trd_candle_t       *c;
    trd_candle_ring_t  *r;

    for (i = 0; i < TRD_INTERVALS; i++) {
        r = &call->s->ring[i];
        c = trd_candle_place(r, call->capacity, 0);
        open_ms = c->open_ms;

        if (r->count != 0 && (c->flags & TRD_CANDLE_OPEN)
            && ms - open_ms < trd_interval_ms(i))
        {
            trd_candle_apply(c, a);
            trd_candle_touch(r, c);
            continue;
        }

        open_ms = trd_interval_start(i, ms);

        if (r->count != 0 && c->open_ms >= open_ms) {
            continue;               /* the source's own, closed too early */
        }

        (void) trd_candle_close(r, call->capacity, open_ms);

        c = trd_candle_insert(call, i, 0);
        trd_candle_start(c, open_ms, a);
        c->flags |= open_ms < call->listen_ms ? TRD_CANDLE_PARTIAL : 0;
        trd_candle_touch(r, c);

        if (r->since_ms == INT64_MAX) {
            r->since_ms = open_ms;
        }
    }
}


/* a trade for a minute before the open one, or that the clock has closed */

static trd_rc_t
trd_candle_late(const trd_candle_call_t *call, int64_t minute,
    const trd_print_t *t, trd_candle_add_t *a, int known)
{
    int                  there;
    uint32_t             back;
    uint64_t             kept;
    trd_candle_t         c;
    trd_candle_ring_t   *r;

    r = &call->s->ring[0];
    there = trd_candle_find(r, call->capacity, minute, &back);

    if (!known || back == call->capacity
        || (there && (trd_candle_place(r, call->capacity, back)->flags
                      & TRD_CANDLE_SOURCE)))
    {
        call->s->late++;
        return TRD_IGNORED;
    }

    kept = call->s->rest_e16;
    call->s->rest_e16 = 0;
    trd_candle_quote_volume(call->s, t, a);
    call->s->rest_e16 = kept;

    if (there) {
        c = *trd_candle_place(r, call->capacity, back);
        trd_candle_apply(&c, a);

    } else {
        trd_candle_start(&c, minute, a);
        c.flags &= ~(uint32_t) TRD_CANDLE_OPEN;
    }

    trd_candle_set(call, 0, &c);
    trd_candle_refold(call, 0, minute);

    return TRD_OK;
}


static uint32_t
trd_candle_count(const trd_print_t *t)
{
    uint64_t  n;

    n = t->first_id ? t->last_id - t->first_id + 1 : 1;

    return n > UINT32_MAX ? UINT32_MAX : (uint32_t) n;
}


trd_rc_t
trd_candle_trade(trd_candle_series_t *s, const trd_candle_rules_t *rules,
    const trd_print_t *t, trd_candle_pt fn, void *ctx)
{
    int                 ids, gap, first;
    int64_t             minute;
    trd_candle_t       *c;
    trd_candle_add_t    a;
    trd_candle_call_t   call = { s, rules->capacity, fn, ctx,
                                 rules->complete ? s->listen_ms : 0 };

    if (t->price_e8 <= 0 || t->quantity_e8 < 0 || t->ms < 0
        || t->ms > TRD_CANDLE_MS_MAX || t->last_id < t->first_id)
    {
        return TRD_ERROR;
    }

    ids = trd_candle_ids(s, rules, t, &gap);

    if (ids < 0) {
        s->repeated++;
        return TRD_IGNORED;
    }

    minute = t->ms - t->ms % TRD_MINUTE_MS;

    a.price_e8 = t->price_e8;
    a.volume_e8 = t->quantity_e8;
    a.quote_volume_e8 = 0;
    a.trades = trd_candle_count(t);
    a.flags = 0;

    first = s->ring[0].count == 0;

    if (gap) {
        trd_candle_gap(&call, minute);
    }

    if (!first) {
        c = trd_candle_place(&s->ring[0], rules->capacity, 0);

        if (minute < c->open_ms
            || (minute == c->open_ms && !(c->flags & TRD_CANDLE_OPEN)))
        {
            s->broken = 0;
            return trd_candle_late(&call, minute, t, &a, ids);
        }

        if (minute != c->open_ms) {
            s->rest_e16 = 0;
        }
    }

    s->broken = 0;
    s->adopted = 0;

    trd_candle_quote_volume(s, t, &a);
    trd_candle_add(&call, t->ms, &a);

    if (gap || (first && !rules->complete)) {
        trd_candle_partial(s, rules->capacity);
    }

    return TRD_OK;
}


trd_rc_t
trd_candle_quote(trd_candle_series_t *s, const trd_candle_rules_t *rules,
    int64_t ms, int64_t price_e8, trd_candle_pt fn, void *ctx)
{
    int64_t             minute;
    trd_candle_t       *c;
    trd_candle_add_t    a = { price_e8, 0, 0, 0, TRD_CANDLE_QUOTES };
    trd_candle_call_t   call = { s, rules->capacity, fn, ctx, s->listen_ms };

    if (price_e8 <= 0 || ms < 0) {
        return TRD_ERROR;
    }

    minute = ms - ms % TRD_MINUTE_MS;

    if (s->ring[0].count != 0) {
        c = trd_candle_place(&s->ring[0], rules->capacity, 0);

        if (minute < c->open_ms
            || (minute == c->open_ms && !(c->flags & TRD_CANDLE_OPEN)))
        {
            s->late++;
            return TRD_IGNORED;
        }
    }

    trd_candle_add(&call, ms, &a);

    return TRD_OK;
}


static int
trd_candle_sane(unsigned interval, const trd_candle_t *c)
{
    return interval < TRD_INTERVALS && c->open_ms >= 0
           && c->open_ms <= TRD_CANDLE_MS_MAX
           && c->open_ms % trd_interval_ms(interval) == 0
           && c->low_e8 > 0 && c->low_e8 <= c->high_e8
           && c->open_e8 >= c->low_e8 && c->open_e8 <= c->high_e8
           && c->close_e8 >= c->low_e8 && c->close_e8 <= c->high_e8
           && c->volume_e8 >= 0 && c->quote_volume_e8 >= 0;
}


/* an open minute of the source, to go on from */

static trd_rc_t
trd_candle_adopt(const trd_candle_call_t *call, const trd_candle_t *c,
    uint64_t last_id)
{
    trd_candle_t        own, *newest;
    trd_candle_ring_t  *r;

    r = &call->s->ring[0];

    if (last_id == 0 || last_id < call->s->last_id) {
        return TRD_IGNORED;
    }

    if (r->count != 0) {
        newest = trd_candle_place(r, call->capacity, 0);

        if (c->open_ms < newest->open_ms
            || (c->open_ms == newest->open_ms
                && (!(newest->flags & TRD_CANDLE_OPEN)
                    || !((newest->flags & TRD_CANDLE_PARTIAL)
                         || call->s->adopted))))
        {
            return TRD_IGNORED;
        }
    }

    own = *c;
    own.flags = TRD_CANDLE_OPEN | (c->flags & TRD_CANDLE_QUOTES);

    (void) trd_candle_close(r, call->capacity, c->open_ms);
    trd_candle_set(call, 0, &own);
    trd_candle_covered(call->s, c->open_ms);

    call->s->adopted = 1;
    call->s->rest_e16 = 0;
    trd_candle_heard(call->s, last_id, c->open_ms);

    trd_candle_refold(call, 0, c->open_ms);

    return TRD_OK;
}


trd_rc_t
trd_candle_put(trd_candle_series_t *s, const trd_candle_rules_t *rules,
    unsigned interval, const trd_candle_t *c, uint64_t last_id,
    trd_candle_pt fn, void *ctx)
{
    trd_candle_t        own;
    trd_candle_call_t   call = { s, rules->capacity, fn, ctx, 0 };

    if (!trd_candle_sane(interval, c)) {
        return TRD_ERROR;
    }

    if (c->flags & TRD_CANDLE_OPEN) {
        return (interval == 0 && c->trades != 0)
               ? trd_candle_adopt(&call, c, last_id) : TRD_IGNORED;
    }

    if (interval == 0) {
        trd_candle_covered(s, c->open_ms);

        if (c->open_ms + TRD_MINUTE_MS > s->told_ms) {
            s->told_ms = c->open_ms + TRD_MINUTE_MS;
        }
    }

    if (c->trades == 0 && !(c->flags & TRD_CANDLE_NO_TRADES)) {
        return TRD_IGNORED;
    }

    own = *c;
    own.flags = TRD_CANDLE_SOURCE
                | (c->flags & (TRD_CANDLE_QUOTES | TRD_CANDLE_PARTIAL));

    (void) trd_candle_close(&s->ring[interval], rules->capacity, c->open_ms);
    trd_candle_set(&call, interval, &own);

    if (interval == 0 && last_id > s->last_id) {
        trd_candle_heard(s, last_id, c->open_ms);
    }

    trd_candle_refold(&call, interval, c->open_ms);

    return TRD_OK;
}


int
trd_candle_clock(trd_candle_series_t *s, const trd_candle_rules_t *rules,
    int64_t now_ms)
{
    int       closed = 0;
    unsigned  i;
    int64_t   over_ms;

    for (i = 0; i < TRD_INTERVALS; i++) {
        over_ms = now_ms - rules->grace_ms - trd_interval_ms(i);
        closed |= trd_candle_close(&s->ring[i], rules->capacity, over_ms + 1);
    }

    return closed;
}
