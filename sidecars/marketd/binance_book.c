/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The local order books, by the exchange's rules (trd_book.h):
 *
 *     empty    differences are kept as text, and the first of them makes it
 *              want a snapshot; what comes later is kept until that is there
 *     waiting  it has one, and the next difference is to prove that it fits
 *     live     each difference is applied, and the top is published
 *
 * Only a live book is published.  The moment that one is found wrong (ids are
 * missing, the sides meet, a bookTicker of the same id says otherwise) an
 * empty one takes its place on the board, so that no level stays that is not
 * there any more, and it begins again.  The first new try is made at once,
 * later ones wait ever longer; all are paced by binance_rest.c.
 *
 * A snapshot ends at its limit.  When a market has moved so far that fewer
 * than 20 levels are certain, a new one is taken; the old book goes on until
 * it is there, for the differences of that time are kept as well.
 *
 * Partial books (depth20) need none of this: each replaces the one before.
 * They, too, are taken off the board with the connection that brought them,
 * and both kinds when their stream dies alone (binance_mute.h).
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "binance_market.h"
#include "market_tape.h"

#define BOOK_EARLY_MAX    16384         /* text kept before it is asked for */
#define BOOK_TEXT_MAX     (4U << 20)    /* ... and until it is there */
#define BOOK_AGAIN_MS     250           /* then twice as long, and so on */
#define BOOK_AGAIN_MAX    7
#define BOOK_GOOD_MS      60000         /* a book that lasted */
#define BOOK_THIN_MS      10000


int
binance_book_create(binance_market_t *k, uint32_t i)
{
    void            *memory;
    uint32_t         capacity;
    binance_book_t  *o;

    capacity = k->depth == BINANCE_DEPTH_DIFF ? BINANCE_DEPTH_LIMIT
                                              : BINANCE_TOP;

    o = calloc(1, sizeof(binance_book_t));
    memory = malloc(trd_book_memory(capacity));

    if (o == NULL || memory == NULL) {
        free(o);
        free(memory);
        return -1;
    }

    trd_book_init(&o->book, capacity, memory);
    o->published_ms = -BINANCE_BOOK_MS;
    k->items[i].book = o;

    return 0;
}


void
binance_book_free(binance_book_t *o)
{
    if (o) {
        free(o->book.side[TRD_BOOK_BID].level);
        free(o->text);
        free(o);
    }
}


static void
binance_book_count(binance_market_t *k, trd_book_count_t what)
{
    atomic_fetch_add_explicit(
        &k->b->source->market->writer.header->books[what], 1,
        memory_order_relaxed);
}


static void
binance_book_put(binance_market_t *k, uint32_t i)
{
    uint32_t           n[TRD_BOOK_SIDES];
    unsigned           side;
    market_t          *m = k->b->source->market;
    trd_level_t        level[TRD_BOOK_SIDES][BINANCE_TOP];
    binance_book_t    *o = k->items[i].book;
    trd_board_book_t   out;

    for (side = 0; side < TRD_BOOK_SIDES; side++) {
        n[side] = trd_book_shown(&o->book, side, BINANCE_TOP, level[side]);

        if (k->depth == BINANCE_DEPTH_DIFF && o->book.side[side].cut
            && n[side] < BINANCE_TOP)
        {
            o->thin = 1;
        }
    }

    memset(&out, 0, sizeof(out));
    out.last_id = o->book.last_id;
    out.exchange_ms = o->book.exchange_ms;
    out.received_ms = m->now_ms;
    out.nbids = n[TRD_BOOK_BID];
    out.nasks = n[TRD_BOOK_ASK];
    out.bids = level[TRD_BOOK_BID];
    out.asks = level[TRD_BOOK_ASK];

    o->published_ms = tsd_mono_ms();
    o->shown = out.nbids != 0 || out.nasks != 0;
    series_book(m, k->b->source->instruments[i], &out);
}


/* An empty one takes its place. */
static void
binance_book_withdraw(binance_market_t *k, uint32_t i)
{
    market_t          *m = k->b->source->market;
    binance_book_t    *o = k->items[i].book;
    trd_level_t        empty = { 0, 0 };
    trd_board_book_t   none;

    if (!o->shown) {
        return;
    }

    memset(&none, 0, sizeof(none));
    none.received_ms = m->now_ms;
    none.bids = none.asks = &empty;

    o->shown = 0;
    o->published_ms = tsd_mono_ms();
    series_book(m, k->b->source->instruments[i], &none);
}


/* Now, or when 100 ms have passed since the last time. */
static void
binance_book_publish(binance_market_t *k, uint32_t i)
{
    int64_t          wait;
    binance_book_t  *o = k->items[i].book;

    if (o->dirty) {
        return;
    }

    wait = o->published_ms + BINANCE_BOOK_MS - tsd_mono_ms();

    if (wait <= 0) {
        binance_book_put(k, i);
        return;
    }

    o->dirty = 1;
    k->dirty[k->ndirty++] = i;

    if (k->ndirty == 1) {
        binance_timer(k->timer, wait);
    }
}


void
binance_book_on_timer(evutil_socket_t fd, short what, void *arg)
{
    int64_t            now, wait, next = BINANCE_BOOK_MS;
    uint32_t           i, n, kept = 0;
    binance_book_t    *o;
    binance_market_t  *k = arg;

    (void) fd;
    (void) what;

    market_clock(k->b->source->market);
    now = tsd_mono_ms();

    for (n = 0; n < k->ndirty; n++) {
        i = k->dirty[n];
        o = k->items[i].book;
        wait = o->published_ms + BINANCE_BOOK_MS - now;

        if (wait > 0) {
            k->dirty[kept++] = i;
            next = wait < next ? wait : next;
            continue;
        }

        o->dirty = 0;

        if (o->live || o->book.state == TRD_BOOK_PARTIAL) {
            binance_book_put(k, i);
        }
    }

    k->ndirty = kept;

    if (kept) {
        binance_timer(k->timer, next);
    }
}


/* ---- the text of differences that wait */

static void
binance_book_keep(binance_market_t *k, binance_book_t *o)
{
    char    *text;
    size_t   need, max, room;

    max = o->asked ? BOOK_TEXT_MAX : BOOK_EARLY_MAX;
    need = sizeof(size_t) + k->msg_len;

    /* with a hole in front of it the rest is worth as little as nothing,
       and the snapshot will tell */

    if (o->len + need > max) {
        o->len = 0;
    }

    if (need > max) {
        return;
    }

    if (o->len + need > o->room) {
        for (room = o->room ? o->room : 4096; room < o->len + need;
             room *= 2) { /* void */ }

        text = realloc(o->text, room);

        if (text == NULL) {
            o->len = 0;
            return;
        }

        o->text = text;
        o->room = room;
    }

    memcpy(o->text + o->len, &k->msg_len, sizeof(size_t));
    memcpy(o->text + o->len + sizeof(size_t), k->msg, k->msg_len);
    o->len += need;
}


static void
binance_book_drop(binance_book_t *o)
{
    free(o->text);
    o->text = NULL;
    o->len = 0;
    o->room = 0;
}


static void
binance_book_live(binance_market_t *k, uint32_t i)
{
    binance_book_t  *o = k->items[i].book;

    if (!o->live) {
        o->live = 1;
        o->live_ms = tsd_mono_ms();
        binance_book_count(k, TRD_BOOK_COUNT_SYNCED);

        tsd_log_limited(&k->limiter[0], TSD_LOG_INFO, "book_live",
                        "source=binance symbol=%s id=%llu after_ms=%lld",
                        binance_symbol(k->b, i),
                        (unsigned long long) o->book.last_id,
                        (long long) (o->lost_ms ? o->live_ms - o->lost_ms
                                                : 0));
    }

    binance_book_publish(k, i);
    binance_book_check(k, i);
}


void
binance_book_lose(binance_market_t *k, uint32_t i, const char *why)
{
    int64_t          now = tsd_mono_ms();
    uint32_t         shift;
    binance_book_t  *o = k->items[i].book;

    if (k->depth != BINANCE_DEPTH_DIFF && why && o->shown) {
        binance_book_count(k, TRD_BOOK_COUNT_LOST);
        tsd_log_limited(&k->limiter[1], TSD_LOG_WARN, "book_lost",
                        "source=binance symbol=%s reason=%s",
                        binance_symbol(k->b, i), why);
    }

    trd_book_reset(&o->book);
    o->best_id = 0;
    binance_book_withdraw(k, i);

    if (k->depth != BINANCE_DEPTH_DIFF) {
        return;
    }

    if (o->live) {
        binance_book_count(k, TRD_BOOK_COUNT_LOST);
        o->lost_ms = now;

        if (now - o->live_ms >= BOOK_GOOD_MS) {
            o->attempt = 0;
        }
    }

    o->ask_ms = now;

    if (why) {
        shift = o->attempt < BOOK_AGAIN_MAX ? o->attempt : BOOK_AGAIN_MAX;
        o->ask_ms += o->attempt ? (int64_t) BOOK_AGAIN_MS << shift : 0;
        o->attempt++;

        tsd_log_limited(&k->limiter[1], TSD_LOG_WARN, "book_lost",
                        "source=binance symbol=%s reason=%s again_in_ms=%lld",
                        binance_symbol(k->b, i), why,
                        (long long) (o->ask_ms - now));
    }

    o->live = 0;
    o->asked = 0;
    o->heard = 0;
    o->thin = 0;
    o->len = 0;
}


void
binance_book_diff(binance_market_t *k, uint32_t i, const trd_depth_t *d)
{
    trd_rc_t         rc;
    binance_book_t  *o = k->items[i].book;

    if (o->book.state == TRD_BOOK_EMPTY || o->asked) {
        binance_book_keep(k, o);
    }

    if (o->book.state == TRD_BOOK_EMPTY) {

        if (!o->heard) {
            o->heard = 1;
            binance_rest_kick(k->b);
        }

        return;
    }

    rc = trd_book_follow(&o->book, d);

    if (rc == TRD_OK) {
        binance_book_live(k, i);

    } else if (rc != TRD_IGNORED) {
        binance_book_lose(k, i, rc == TRD_AGAIN ? "gap" : "contradiction");
        binance_book_keep(k, o);
        o->heard = 1;
        binance_rest_kick(k->b);
    }
}


void
binance_book_partial(binance_market_t *k, uint32_t i, const trd_depth_t *d)
{
    binance_book_t  *o = k->items[i].book;

    if (trd_book_partial(&o->book, d) == TRD_OK) {
        binance_book_publish(k, i);
    }
}


void
binance_book_check(binance_market_t *k, uint32_t i)
{
    trd_level_t      bid = { 0, 0 }, ask = { 0, 0 };
    binance_book_t  *o = k->items[i].book;

    if (!o->live || o->best_id != o->book.last_id || o->best_bid <= 0
        || o->best_ask <= 0)
    {
        return;
    }

    o->best_id = 0;
    binance_book_count(k, TRD_BOOK_COUNT_CHECKED);

    if (trd_book_best(&o->book, TRD_BOOK_BID, &bid) == TRD_OK
        && trd_book_best(&o->book, TRD_BOOK_ASK, &ask) == TRD_OK
        && bid.price_e8 == o->best_bid && ask.price_e8 == o->best_ask)
    {
        return;
    }

    binance_book_count(k, TRD_BOOK_COUNT_WRONG);
    binance_book_lose(k, i, "bookTicker");
}


/* ---- snapshots */

int32_t
binance_book_want(binance_market_t *k, const uint8_t *unlisted)
{
    int64_t          now;
    uint32_t         n, i;
    binance_book_t  *o;

    if (k->depth != BINANCE_DEPTH_DIFF) {
        return -1;
    }

    now = tsd_mono_ms();

    for (n = 0; n < k->n; n++) {
        i = (k->next_book + n) % k->n;
        o = k->items[i].book;

        if (o->asked || unlisted[i] || now < o->ask_ms) {
            continue;
        }

        if (o->book.state == TRD_BOOK_EMPTY ? o->heard : o->thin) {
            return (int32_t) i;
        }
    }

    return -1;
}


void
binance_book_asked(binance_market_t *k, uint32_t i)
{
    binance_book_t  *o = k->items[i].book;

    o->asked = 1;
    k->next_book = i + 1;

    if (o->book.state != TRD_BOOK_EMPTY) {
        o->len = 0;
    }
}


void
binance_book_failed(binance_market_t *k, uint32_t i)
{
    binance_book_t  *o = k->items[i].book;

    o->asked = 0;
    o->len = 0;
}


typedef struct {
    binance_book_t  *o;
    trd_rc_t         rc;
    uint64_t         last_id;
    int64_t          exchange_ms;
    int              old;       /* the first one is newer than the snapshot */
} binance_replay_t;


static void
binance_book_again(void *ctx, const char *symbol, size_t len,
    const trd_depth_t *d)
{
    binance_replay_t  *r = ctx;

    (void) symbol;
    (void) len;

    r->last_id = d->last_id;
    r->exchange_ms = d->exchange_ms;
    r->rc = trd_book_follow(&r->o->book, d);
}


/* Applies what has come meanwhile; 0, or -1: there is a hole. */
static int
binance_book_replay(binance_market_t *k, binance_replay_t *r)
{
    size_t                at, len;
    binance_book_t       *o = r->o;
    trd_binance_market_t  how;

    memset(&how, 0, sizeof(how));
    how.diff = binance_book_again;
    how.ctx = r;
    how.levels = k->levels;
    how.room = BINANCE_LEVELS;

    for (at = 0; at < o->len; at += sizeof(size_t) + len) {
        memcpy(&len, o->text + at, sizeof(size_t));

        r->rc = TRD_ERROR;

        if (trd_binance_market(o->text + at + sizeof(size_t), len, &how)
            != TRD_OK
            || (r->rc != TRD_OK && r->rc != TRD_IGNORED))
        {
            r->old = at == 0 && r->rc == TRD_AGAIN;
            return -1;
        }
    }

    return 0;
}


static void
binance_book_tape(binance_market_t *k, uint32_t i, const char *body,
    size_t len)
{
    tsd_tape_origin_t   from;

    from.decoder = TSD_TAPE_BINANCE_DEPTH;
    from.source = TRD_SOURCE_BINANCE;
    from.instrument = k->b->source->instruments[i];
    from.option = BINANCE_DEPTH_LIMIT;

    market_tape_raw(k->b->source->market, &from, body, len);
    market_tape_raw_end(k->b->source->market);
}


int
binance_book_take(binance_market_t *k, uint32_t i, const char *body,
    size_t len)
{
    size_t                kept;
    trd_depth_t           d;
    binance_book_t       *o = k->items[i].book;
    binance_replay_t      r = { o, TRD_OK, 0, 0, 0 };
    trd_binance_market_t  how;

    if (!o->asked) {
        return 0;       /* for a book that has been lost since */
    }

    memset(&how, 0, sizeof(how));
    how.levels = k->levels;
    how.room = BINANCE_LEVELS;

    if (trd_binance_depth(body, len, &how, &d) != TRD_OK) {
        return -1;
    }

    binance_book_tape(k, i, body, len);
    o->asked = 0;
    o->thin = 0;
    trd_book_reset(&o->book);

    if (trd_book_snapshot(&o->book, &d, BINANCE_DEPTH_LIMIT) != TRD_OK) {
        binance_book_lose(k, i, "snapshot");
        return 0;
    }

    if (binance_book_replay(k, &r) != 0) {
        kept = o->len;
        binance_book_lose(k, i, r.old ? "old_snapshot" : "gap");

        /* a newer snapshot may fit what we have */

        if (r.old) {
            o->len = kept;
            o->heard = 1;
        }

        return 0;
    }

    binance_book_drop(o);
    o->ask_ms = tsd_mono_ms() + BOOK_THIN_MS;

    if (o->book.state == TRD_BOOK_LIVE) {
        binance_book_live(k, i);

    } else if (r.last_id == o->book.last_id) {

        /* the last difference ends where the snapshot does */

        o->book.exchange_ms = r.exchange_ms;
        binance_book_live(k, i);

    } else {
        o->live = 0;
    }

    return 0;
}
