/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A book made anew; see tsd_tape_derive_book.h.
 */

#include <stdlib.h>
#include <string.h>

#include "tsd_tape_derive_book.h"

#define DERIVE_BOOK_LEVELS  1000
#define DERIVE_TEXT_LIVE    (256U << 10)        /* kept at most: seconds */
#define DERIVE_TEXT_EMPTY   (4U << 20)          /* as marketd */

typedef struct {
    trd_book_t  *book;
    trd_rc_t     rc;
    uint64_t     last_id;
    int64_t      exchange_ms;
} derive_again_t;


tsd_derive_book_t *
tsd_derive_book_create(void)
{
    tsd_derive_book_t  *o;

    o = calloc(1, sizeof(*o));
    if (o == NULL) {
        return NULL;
    }

    o->memory = malloc(trd_book_memory(DERIVE_BOOK_LEVELS));

    if (o->memory == NULL) {
        free(o);
        return NULL;
    }

    trd_book_init(&o->book, DERIVE_BOOK_LEVELS, o->memory);

    return o;
}


void
tsd_derive_book_free(tsd_derive_book_t *o)
{
    if (o) {
        free(o->memory);
        free(o->text);
        free(o);
    }
}


/* The newest half stays, whole messages of it. */

static void
derive_halve(tsd_derive_book_t *o)
{
    size_t  at, len;

    for (at = 0; at < o->len / 2; at += sizeof(size_t) + len) {
        memcpy(&len, o->text + at, sizeof(size_t));
    }

    memmove(o->text, o->text + at, o->len - at);
    o->len -= at;
}


static void
derive_keep(tsd_derive_book_t *o, const char *msg, size_t len)
{
    char    *text;
    size_t   need, max, room;

    max = o->book.state == TRD_BOOK_EMPTY ? DERIVE_TEXT_EMPTY
                                          : DERIVE_TEXT_LIVE;
    need = sizeof(size_t) + len;

    if (need > max) {
        o->len = 0;
        return;
    }

    while (o->len + need > max) {
        derive_halve(o);
    }

    if (o->len + need > o->room) {
        room = 2 * (o->len + need);
        text = realloc(o->text, room);

        if (text == NULL) {
            o->len = 0;
            return;
        }

        o->text = text;
        o->room = room;
    }

    memcpy(o->text + o->len, &len, sizeof(size_t));
    memcpy(o->text + o->len + sizeof(size_t), msg, len);
    o->len += need;
}


void
tsd_derive_book_diff(tsd_derive_book_t *o, const trd_depth_t *d,
    const char *msg, size_t len)
{
    derive_keep(o, msg, len);

    /* a book in which ids are missing empties itself */

    if (o->book.state != TRD_BOOK_EMPTY
        && trd_book_follow(&o->book, d) == TRD_ERROR)
    {
        trd_book_reset(&o->book);
    }
}


static void
derive_again(void *ctx, const char *symbol, size_t len, const trd_depth_t *d)
{
    derive_again_t  *a = ctx;

    (void) symbol;
    (void) len;

    a->last_id = d->last_id;
    a->exchange_ms = d->exchange_ms;
    a->rc = trd_book_follow(a->book, d);
}


void
tsd_derive_book_snapshot(tsd_derive_book_t *o, const trd_depth_t *d,
    uint32_t limit, trd_level_t *levels, uint32_t room)
{
    size_t                at, len;
    derive_again_t        a = { &o->book, TRD_OK, 0, 0 };
    trd_binance_market_t  how;

    trd_book_reset(&o->book);

    if (trd_book_snapshot(&o->book, d, limit) != TRD_OK) {
        trd_book_reset(&o->book);
        return;
    }

    memset(&how, 0, sizeof(how));
    how.diff = derive_again;
    how.ctx = &a;
    how.levels = levels;
    how.room = room;

    for (at = 0; at < o->len; at += sizeof(size_t) + len) {
        memcpy(&len, o->text + at, sizeof(size_t));
        a.rc = TRD_ERROR;

        if (trd_binance_market(o->text + at + sizeof(size_t), len, &how)
            != TRD_OK
            || (a.rc != TRD_OK && a.rc != TRD_IGNORED))
        {
            trd_book_reset(&o->book);
            return;
        }
    }

    /* the last difference ends where the snapshot does */

    if (o->book.state == TRD_BOOK_SNAPSHOT && a.last_id == o->book.last_id) {
        o->book.exchange_ms = a.exchange_ms;
    }
}
