/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The local order book, see trd_book.h.  Prices of asks are kept negative,
 * so that on both sides the higher one is the better and one code does for
 * both.
 */

#include <string.h>

#include "trd_book.h"


#define TRD_BOOK_SLACK  64      /* at least, so that trimming is rare */
#define TRD_BOOK_NEAR   8       /* levels at the top to look through first */


static uint32_t
trd_book_room(uint32_t capacity)
{
    return capacity + capacity / 4 + TRD_BOOK_SLACK;
}


size_t
trd_book_memory(uint32_t capacity)
{
    return (size_t) trd_book_room(capacity) * TRD_BOOK_SIDES
           * sizeof(trd_level_t);
}


void
trd_book_init(trd_book_t *b, uint32_t capacity, void *memory)
{
    memset(b, 0, sizeof(*b));

    b->capacity = capacity;
    b->room = trd_book_room(capacity);
    b->side[TRD_BOOK_BID].level = memory;
    b->side[TRD_BOOK_ASK].level = (trd_level_t *) memory + b->room;
}


void
trd_book_reset(trd_book_t *b)
{
    unsigned  i;

    for (i = 0; i < TRD_BOOK_SIDES; i++) {
        b->side[i].n = 0;
        b->side[i].cut = 0;
    }

    b->state = TRD_BOOK_EMPTY;
    b->last_id = 0;
    b->exchange_ms = 0;
}


/* the first place whose price is not below; n if there is none */

static inline uint32_t
trd_book_find(const trd_book_side_t *s, int64_t price)
{
    uint32_t            low, high, half;
    const trd_level_t  *l;

    l = s->level;
    high = s->n;
    low = high > TRD_BOOK_NEAR ? high - TRD_BOOK_NEAR : 0;

    if (low == 0 || l[low - 1].price_e8 < price) {

        while (high > low && l[high - 1].price_e8 >= price) {
            high--;
        }

        return high;
    }

    high = low - 1;             /* level[high] is not below */
    low = 0;

    while (low < high) {
        half = low + (high - low) / 2;

        if (l[half].price_e8 < price) {
            low = half + 1;

        } else {
            high = half;
        }
    }

    return low;
}


/* makes room by dropping what is beyond the capacity */

static void
trd_book_trim(trd_book_t *b, trd_book_side_t *s)
{
    uint32_t  drop;

    drop = s->n - b->capacity;
    b->dropped += drop;

    memmove(s->level, s->level + drop, b->capacity * sizeof(trd_level_t));
    s->n = b->capacity;

    if (!s->cut || s->level[0].price_e8 > s->edge_e8) {
        s->cut = 1;
        s->edge_e8 = s->level[0].price_e8;
    }
}


static inline void
trd_book_set(trd_book_t *b, trd_book_side_t *s, int64_t price,
    int64_t quantity)
{
    uint32_t  at;

    at = trd_book_find(s, price);

    if (at < s->n && s->level[at].price_e8 == price) {

        if (quantity != 0) {
            s->level[at].quantity_e8 = quantity;
            return;
        }

        s->n--;
        memmove(&s->level[at], &s->level[at + 1],
                (s->n - at) * sizeof(trd_level_t));
        return;
    }

    if (quantity == 0) {
        return;
    }

    if (s->n == b->room) {
        trd_book_trim(b, s);
        at = trd_book_find(s, price);
    }

    memmove(&s->level[at + 1], &s->level[at],
            (s->n - at) * sizeof(trd_level_t));
    s->level[at].price_e8 = price;
    s->level[at].quantity_e8 = quantity;
    s->n++;
}


static int
trd_book_crossed(const trd_book_t *b)
{
    const trd_book_side_t  *bid, *ask;

    bid = &b->side[TRD_BOOK_BID];
    ask = &b->side[TRD_BOOK_ASK];

    return bid->n != 0 && ask->n != 0
           && bid->level[bid->n - 1].price_e8
              >= -ask->level[ask->n - 1].price_e8;
}


static trd_rc_t
trd_book_side_apply(trd_book_t *b, unsigned side, const trd_level_t *l,
    uint32_t n)
{
    uint32_t          i;
    trd_book_side_t  *s;

    s = &b->side[side];

    for (i = 0; i < n; i++) {

        if (l[i].price_e8 <= 0 || l[i].quantity_e8 < 0) {
            return TRD_ERROR;
        }

        trd_book_set(b, s, side == TRD_BOOK_BID ? l[i].price_e8
                                                : -l[i].price_e8,
                     l[i].quantity_e8);
    }

    return TRD_OK;
}


trd_rc_t
trd_book_apply(trd_book_t *b, const trd_depth_t *d)
{
    if (d->last_id < d->first_id) {
        trd_book_reset(b);
        return TRD_ERROR;
    }

    switch (b->state) {

    case TRD_BOOK_LIVE:
        if (d->last_id <= b->last_id) {
            b->old++;
            return TRD_IGNORED;
        }

        if (d->first_id != b->last_id + 1) {
            goto gap;
        }

        break;

    case TRD_BOOK_SNAPSHOT:
        if (d->last_id <= b->last_id) {
            b->old++;
            return TRD_IGNORED;
        }

        if (d->first_id > b->last_id + 1) {
            goto gap;
        }

        break;

    default:
        return TRD_AGAIN;
    }

    if (trd_book_side_apply(b, TRD_BOOK_BID, d->bids, d->nbids) != TRD_OK
        || trd_book_side_apply(b, TRD_BOOK_ASK, d->asks, d->nasks) != TRD_OK)
    {
        trd_book_reset(b);
        return TRD_ERROR;
    }

    if (trd_book_crossed(b)) {
        b->crossed++;
        trd_book_reset(b);
        return TRD_ERROR;
    }

    b->state = TRD_BOOK_LIVE;
    b->last_id = d->last_id;
    b->exchange_ms = d->exchange_ms;
    b->applied++;

    return TRD_OK;

gap:

    b->gaps++;
    trd_book_reset(b);

    return TRD_AGAIN;
}


/* a whole side, the best first, as many as there is room for */

static trd_rc_t
trd_book_side_load(trd_book_t *b, unsigned side, const trd_level_t *l,
    uint32_t n, uint32_t limit)
{
    uint32_t          i, keep;
    int64_t           price, before;
    trd_book_side_t  *s;

    s = &b->side[side];
    keep = n < b->capacity ? n : b->capacity;
    before = INT64_MAX;

    for (i = 0; i < n; i++) {
        price = side == TRD_BOOK_BID ? l[i].price_e8 : -l[i].price_e8;

        if (l[i].price_e8 <= 0 || l[i].quantity_e8 <= 0 || price >= before) {
            return TRD_ERROR;
        }

        before = price;

        if (i < keep) {
            s->level[keep - 1 - i].price_e8 = price;
            s->level[keep - 1 - i].quantity_e8 = l[i].quantity_e8;
        }
    }

    s->n = keep;
    s->cut = keep < n || (limit != 0 && n >= limit);
    s->edge_e8 = keep ? s->level[0].price_e8 : 0;
    b->dropped += n - keep;

    return TRD_OK;
}


trd_rc_t
trd_book_follow(trd_book_t *b, const trd_depth_t *d)
{
    trd_depth_t  rest = *d;

    if (b->state == TRD_BOOK_LIVE && d->first_id <= b->last_id
        && d->last_id > b->last_id)
    {
        rest.first_id = b->last_id + 1;
    }

    return trd_book_apply(b, &rest);
}


static trd_rc_t
trd_book_load(trd_book_t *b, const trd_depth_t *d, uint32_t limit,
    trd_book_state_t state)
{
    /* the same id says the same, unless there are differences to come */
    if (b->state != TRD_BOOK_EMPTY && d->last_id <= b->last_id) {
        b->old++;
        return TRD_IGNORED;
    }

    trd_book_reset(b);

    if (trd_book_side_load(b, TRD_BOOK_BID, d->bids, d->nbids, limit)
        != TRD_OK
        || trd_book_side_load(b, TRD_BOOK_ASK, d->asks, d->nasks, limit)
           != TRD_OK)
    {
        trd_book_reset(b);
        return TRD_ERROR;
    }

    if (trd_book_crossed(b)) {
        b->crossed++;
        trd_book_reset(b);
        return TRD_ERROR;
    }

    b->state = state;
    b->last_id = d->last_id;
    b->exchange_ms = d->exchange_ms;

    return TRD_OK;
}


trd_rc_t
trd_book_snapshot(trd_book_t *b, const trd_depth_t *d, uint32_t limit)
{
    return trd_book_load(b, d, limit, TRD_BOOK_SNAPSHOT);
}


trd_rc_t
trd_book_partial(trd_book_t *b, const trd_depth_t *d)
{
    /* it says nothing about what is beyond its last level */
    return trd_book_load(b, d, 1, TRD_BOOK_PARTIAL);
}


uint32_t
trd_book_top(const trd_book_t *b, unsigned side, uint32_t n, trd_level_t *out,
    uint32_t *sure)
{
    uint32_t                i;
    const trd_level_t      *l;
    const trd_book_side_t  *s;

    s = &b->side[side];
    n = n < s->n ? n : s->n;
    *sure = 0;

    for (i = 0; i < n; i++) {
        l = &s->level[s->n - 1 - i];

        if (!s->cut || l->price_e8 >= s->edge_e8) {
            (*sure)++;
        }

        out[i].price_e8 = side == TRD_BOOK_BID ? l->price_e8 : -l->price_e8;
        out[i].quantity_e8 = l->quantity_e8;
    }

    return n;
}


uint32_t
trd_book_shown(const trd_book_t *b, unsigned side, uint32_t n,
    trd_level_t *out)
{
    uint32_t  found, sure;

    found = trd_book_top(b, side, n, out, &sure);

    return b->state == TRD_BOOK_PARTIAL ? found : sure;
}


trd_rc_t
trd_book_best(const trd_book_t *b, unsigned side, trd_level_t *out)
{
    uint32_t  sure;

    return trd_book_top(b, side, 1, out, &sure) ? TRD_OK : TRD_NOT_FOUND;
}


int
trd_book_check(const trd_book_t *b)
{
    unsigned                i;
    uint32_t                k;
    const trd_book_side_t  *s;

    for (i = 0; i < TRD_BOOK_SIDES; i++) {
        s = &b->side[i];

        if (s->n > b->room) {
            return 0;
        }

        for (k = 0; k < s->n; k++) {

            if (s->level[k].quantity_e8 <= 0
                || (s->level[k].price_e8 < 0) != (i == TRD_BOOK_ASK)
                || (k > 0
                    && s->level[k].price_e8 <= s->level[k - 1].price_e8))
            {
                return 0;
            }
        }
    }

    return !trd_book_crossed(b);
}
