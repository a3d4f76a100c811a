/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Packs and unpacks the levels of an order book as changes of the one before.
 *
 * A side begins with its number of levels.  Then come tokens, run << 2 | what:
 * `run` levels are as they were, and then
 *   END     nothing: the side is whole
 *   SIZE    a level with another quantity, the difference of which follows
 *   NEW     a level that was not there: price, from the level before it, and
 *           quantity
 *   GONE    a level of the old book that is there no more
 */

#include <string.h>

#include "trd_tape_row.h"

#define BOOK_END   0
#define BOOK_SIZE  1
#define BOOK_NEW   2
#define BOOK_GONE  3

/* a side while it is read or written */
typedef struct {
    const trd_level_t  *old;
    uint32_t            nold;
    int64_t             tick_e8;
    int64_t             lot_e8;
} tape_side_t;


/* what a new level's price is compared with */

static uint64_t
tape_near(const tape_side_t *s, const trd_level_t *now, uint32_t i)
{
    return i ? (uint64_t) now[i - 1].price_e8
             : s->nold ? (uint64_t) s->old[0].price_e8 : 0;
}


static uint8_t *
tape_put_side(const tape_side_t *s, uint8_t *p, unsigned side,
    const trd_level_t *now, uint32_t n)
{
    uint32_t            i, j, run;
    const trd_level_t  *old = s->old;

    p = tape_put(p, n);

    for (i = j = 0; i < n; /* void */ ) {

        for (run = 0; i < n && j < s->nold
             && now[i].price_e8 == old[j].price_e8
             && now[i].quantity_e8 == old[j].quantity_e8; run++)
        {
            i++;
            j++;
        }

        run <<= 2;

        if (i == n) {
            p = tape_put(p, run | BOOK_END);

        } else if (j < s->nold && now[i].price_e8 == old[j].price_e8) {
            p = tape_put(p, run | BOOK_SIZE);
            p = tape_put_steps(p, (uint64_t) now[i].quantity_e8
                                  - (uint64_t) old[j].quantity_e8, s->lot_e8);
            i++;
            j++;

        } else if (j < s->nold
                   && (side ? old[j].price_e8 < now[i].price_e8
                            : old[j].price_e8 > now[i].price_e8))
        {
            p = tape_put(p, run | BOOK_GONE);
            j++;

        } else {
            p = tape_put(p, run | BOOK_NEW);
            p = tape_put_steps(p, (uint64_t) now[i].price_e8
                                  - tape_near(s, now, i), s->tick_e8);
            p = tape_put_steps(p, (uint64_t) now[i].quantity_e8, s->lot_e8);
            i++;
        }
    }

    return p;
}


uint8_t *
trd_tape_put_book(trd_tape_memory_t *m, uint8_t *p,
    const trd_tape_book_t *book)
{
    unsigned     side;
    tape_side_t  s;

    s.tick_e8 = m->tick_e8;
    s.lot_e8 = m->lot_e8;

    for (side = 0; side < 2; side++) {
        s.old = m->book.level[side];
        s.nold = m->book.n[side];
        p = tape_put_side(&s, p, side, book->level[side], book->n[side]);
    }

    m->book = *book;

    return p;
}


static trd_rc_t
tape_get_level(const tape_side_t *s, trd_tape_in_t *in, trd_level_t *now,
    uint32_t i)
{
    uint64_t  price, quantity;

    if (tape_get_steps(in, s->tick_e8, &price) != TRD_OK
        || tape_get_steps(in, s->lot_e8, &quantity) != TRD_OK)
    {
        return TRD_ERROR;
    }

    now[i].price_e8 = (int64_t) (tape_near(s, now, i) + price);
    now[i].quantity_e8 = (int64_t) quantity;

    return TRD_OK;
}


static trd_rc_t
tape_get_side(const tape_side_t *s, trd_tape_in_t *in, trd_level_t *now,
    uint32_t *n)
{
    uint32_t  i, j, run;
    uint64_t  token, all;

    if (tape_get(in, &all) != TRD_OK || all > TRD_TAPE_DEPTH) {
        return TRD_ERROR;
    }

    *n = (uint32_t) all;

    for (i = j = 0; i < *n; /* void */ ) {

        if (tape_get(in, &token) != TRD_OK || token >> 2 > *n - i
            || token >> 2 > s->nold - j)
        {
            return TRD_ERROR;
        }

        for (run = (uint32_t) token >> 2; run; run--) {
            now[i++] = s->old[j++];
        }

        token &= 3;

        if ((i == *n) != (token == BOOK_END)
            || (j == s->nold && (token == BOOK_SIZE || token == BOOK_GONE)))
        {
            return TRD_ERROR;
        }

        if (token == BOOK_SIZE) {
            now[i] = s->old[j];

            if (tape_get_steps(in, s->lot_e8, &all) != TRD_OK) {
                return TRD_ERROR;
            }

            now[i].quantity_e8 = (int64_t) ((uint64_t) now[i].quantity_e8
                                            + all);
        }

        if (token == BOOK_NEW && tape_get_level(s, in, now, i) != TRD_OK) {
            return TRD_ERROR;
        }

        i += token == BOOK_SIZE || token == BOOK_NEW;
        j += token == BOOK_SIZE || token == BOOK_GONE;
    }

    return TRD_OK;
}


trd_rc_t
trd_tape_get_book(trd_tape_memory_t *m, trd_tape_in_t *in)
{
    unsigned         side;
    tape_side_t      s;
    trd_tape_book_t  old = m->book;

    s.tick_e8 = m->tick_e8;
    s.lot_e8 = m->lot_e8;

    for (side = 0; side < 2; side++) {
        s.old = old.level[side];
        s.nold = old.n[side];

        if (tape_get_side(&s, in, m->book.level[side], &m->book.n[side])
            != TRD_OK)
        {
            return TRD_ERROR;
        }
    }

    return TRD_OK;
}
