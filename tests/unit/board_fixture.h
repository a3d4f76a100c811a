/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A small board in memory for tests and fuzzers: its block is exactly as long
 * as the file would be, so that AddressSanitizer sees every read outside.
 * Quotes and bodies are functions of their seq, so that whoever reads one
 * can tell whether it is whole.
 */

#ifndef BOARD_FIXTURE_H
#define BOARD_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trd_board_write.h"

#define BOARD_FIXTURE_NOW    1767225600000LL        /* 2026-01-01 */
#define BOARD_FIXTURE_SHAPE(n, ring)  { n, ring, 2, 2, 2, 0 }

typedef struct {
    uint8_t             *mem;
    size_t               size;
    uint32_t             n;
    trd_board_shape_t    shape;
    trd_instrument_t    *in;
    trd_board_writer_t   w;
    trd_board_t          b;
} board_fixture_t;


static inline uint64_t
board_fixture_mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ x >> 27) * 0x94d049bb133111ebULL;

    return x ^ x >> 31;
}


static inline void *
board_fixture_alloc(size_t size)
{
    void  *p;

    if (posix_memalign(&p, 64, size) != 0) {
        abort();
    }

    memset(p, 0, size);

    return p;
}


/* S0007, S0007USDT, S0007-USDT, S0007/USDT */
static inline void
board_fixture_instrument(trd_instrument_t *in, uint32_t i)
{
    memset(in, 0, sizeof(*in));
    (void) snprintf(in->symbol, sizeof(in->symbol), "S%04u", i);
    (void) snprintf(in->exchange_symbol, sizeof(in->exchange_symbol),
                    "S%04uUSDT", i);
    (void) snprintf(in->base, sizeof(in->base), "S%04u", i);
    (void) snprintf(in->quote, sizeof(in->quote), "USDT");
    in->asset_class = (uint8_t) (i % TRD_CLASS_N);
    in->source = TRD_SOURCE_BINANCE;
    in->price_places = 2;
    in->lot_places = 5;
    in->stale_after_ms = 10000;
    in->price_tick_e8 = 1000000;
    in->lot_step_e8 = 1000;
}


/* the quote that instrument i has at seq */
static inline void
board_fixture_quote(trd_quote_t *q, uint32_t i, uint64_t seq)
{
    memset(q, 0, sizeof(*q));
    q->seq = seq;
    q->has = 0x3ff;
    q->source = TRD_SOURCE_BINANCE;
    q->last_e8 = (int64_t) (board_fixture_mix(seq * 65536 + i) >> 2) + 2;
    q->bid_e8 = q->last_e8 - 1;
    q->ask_e8 = q->last_e8 + 1;
    q->open_e8 = q->last_e8 ^ 0x5555;
    q->high_e8 = q->last_e8 + (int64_t) i;
    q->low_e8 = q->last_e8 - (int64_t) i;
    q->volume_e8 = (int64_t) seq * 31 + i;
    q->quote_volume_e8 = ~q->volume_e8;
    q->change_e8 = (int64_t) seq;
    q->exchange_ms = BOARD_FIXTURE_NOW + (int64_t) seq;
    q->received_ms = q->exchange_ms + 1;
}


static inline int
board_fixture_quote_is(const trd_quote_t *q, uint32_t i)
{
    trd_quote_t  want;

    board_fixture_quote(&want, i, q->seq);

    return memcmp(q, &want, sizeof(want)) == 0;
}


/* body of a page at seq: `len` depends on it, as every byte does */
static inline uint32_t
board_fixture_body(uint8_t *body, uint32_t page, uint64_t seq, size_t max)
{
    uint64_t  x;
    uint32_t  len, i;

    x = board_fixture_mix(seq ^ (uint64_t) page << 40);
    len = 1 + (uint32_t) (x % (max < 900 ? max : 900));

    for (i = 0; i < len; i++) {
        body[i] = (uint8_t) (x >> i % 8 * 8) + (uint8_t) i;
    }

    return len;
}


static inline int
board_fixture_body_is(const uint8_t *body, uint32_t len, uint32_t page,
    uint64_t seq)
{
    uint8_t  want[1024];

    return board_fixture_body(want, page, seq, 900) == len
           && memcmp(want, body, len) == 0;
}


static inline uint32_t
board_fixture_page_id(const trd_board_writer_t *w, const trd_page_t *page)
{
    return (uint32_t) (((const uint8_t *) page - w->base) / 64);
}


static inline void
board_fixture_put(board_fixture_t *f, uint32_t i)
{
    trd_quote_t  q;

    board_fixture_quote(&q, i, f->w.seq + 1);
    trd_board_put_quote(&f->w, i, &q, TRD_CHANGE_QUOTE);
}


static inline void
board_fixture_render(board_fixture_t *f, trd_page_t *page, uint64_t seq)
{
    void      *to;
    size_t     max;
    uint32_t   len;

    to = trd_page_next(&f->w, page, &max);
    len = board_fixture_body(to, board_fixture_page_id(&f->w, page), seq,
                             max < 900 ? max : 900);
    trd_page_publish(&f->w, page, len, seq, BOARD_FIXTURE_NOW);
}


/* without quotes and pages; aborts on failure, since no test is about it */
static inline void
board_fixture_create(board_fixture_t *f, uint32_t n, uint32_t ring)
{
    uint32_t           i, a, b;
    const char        *why;
    trd_board_shape_t  shape = BOARD_FIXTURE_SHAPE(n, ring);

    memset(f, 0, sizeof(*f));
    f->n = n;
    f->shape = shape;
    f->in = calloc(n, sizeof(*f->in));

    for (i = 0; i < n; i++) {
        board_fixture_instrument(&f->in[i], i);
    }

    f->size = (size_t) trd_board_size(&shape);
    f->mem = board_fixture_alloc(f->size);

    if (trd_board_create(&f->w, f->mem, f->size, &shape, f->in, n, 7, 0,
                         BOARD_FIXTURE_NOW, 4711, &a, &b) != TRD_OK
        || trd_board_open(&f->b, f->mem, f->size, &why) != TRD_OK)
    {
        abort();
    }
}


/* every quote and every page twice, so that both buffers hold something */
static inline void
board_fixture_fill(board_fixture_t *f)
{
    uint32_t  i, k, turn;

    for (turn = 0; turn < 2; turn++) {
        for (i = 0; i < f->n; i++) {
            board_fixture_put(f, i);

            for (k = 0; k < TRD_ENTRY_N; k++) {
                board_fixture_render(f, trd_writer_entry_page(&f->w, i, k),
                                     f->w.seq);
            }
        }

        for (i = 0; i < TRD_PAGE_N; i++) {
            for (k = 0; k < TRD_VARIANT_N; k++) {
                board_fixture_render(f, trd_writer_page(&f->w, i, k),
                                     f->w.seq);
            }
        }
    }

    trd_board_beat(&f->w, 1000, BOARD_FIXTURE_NOW);
}


static inline void
board_fixture_free(board_fixture_t *f)
{
    free(f->mem);
    free(f->in);
}


/*
 * A page as the module reads it.  TRD_OK: *body holds view->len bytes and is
 * the caller's.  The block is exactly as long, so a copy that is longer than
 * announced is seen as well.
 */
static inline trd_rc_t
board_fixture_read(const trd_board_t *b, const trd_page_t *page,
    trd_page_view_t *view, uint8_t **body)
{
    trd_rc_t  rc;
    unsigned  attempt;

    rc = TRD_AGAIN;

    for (attempt = 0; attempt < TRD_BOARD_TRIES && rc == TRD_AGAIN; attempt++)
    {
        rc = trd_page_begin(b, page, attempt, view);

        if (rc != TRD_OK) {
            return rc;
        }

        *body = malloc(view->len ? view->len : 1);
        rc = trd_page_copy(view, *body);

        if (rc != TRD_OK) {
            free(*body);
            *body = NULL;
        }
    }

    return rc;
}


/* is the quote what this copy holds, hash and all? */
static inline int
board_fixture_hashed(const trd_quote_copy_t *copy, const trd_quote_t *q)
{
    uint64_t  words[TRD_QUOTE_WORDS + 1];

    words[0] = atomic_load(&copy->version);
    memcpy(words + 1, q, sizeof(*q));

    return trd_quote_hash(words) == atomic_load(&copy->hash);
}


/* reads everything there is, whatever it says; must neither crash nor hang */
static inline void
board_fixture_walk(const trd_board_t *b)
{
    char               name[64];
    uint8_t           *body;
    uint32_t           i, k, n, found;
    trd_quote_t        q;
    trd_change_t       change;
    trd_page_view_t    view;
    trd_instrument_t   in;

    n = b->n < 64 ? b->n : 64;

    for (i = 0; i <= n; i++) {
        (void) snprintf(name, sizeof(name), "s%04u/usdt", i);

        if (trd_board_find(b, name, strlen(name), &found) == TRD_OK
            && found >= b->n)
        {
            abort();
        }

        if (trd_board_instrument(b, i, &in) == TRD_OK
            && (in.asset_class >= TRD_CLASS_N || in.source >= TRD_SOURCE_N
                || strlen(in.symbol) > TRD_SYMBOL_LEN
                || strlen(in.quote) > TRD_SYMBOL_LEN))
        {
            abort();
        }

        if (trd_board_quote(b, i, &q) == TRD_OK && q.has
            && !board_fixture_hashed(&b->quotes[i].copy[0], &q)
            && !board_fixture_hashed(&b->quotes[i].copy[1], &q))
        {
            abort();
        }

        for (k = 0; k < TRD_ENTRY_N && i < b->n; k++) {
            if (board_fixture_read(b, trd_board_entry_page(b, i, k), &view,
                                   &body) == TRD_OK)
            {
                free(body);
            }
        }
    }

    for (i = 0; i < TRD_PAGE_N; i++) {
        for (k = 0; k < TRD_VARIANT_N; k++) {
            if (board_fixture_read(b, trd_board_page(b, i, k), &view, &body)
                == TRD_OK)
            {
                free(body);
            }
        }
    }

    for (i = 0; i < 64; i++) {
        if (trd_board_journal(b, trd_board_seq(b) + 8 - i, &found, &change)
            == TRD_OK
            && (found >= b->n || (change != TRD_CHANGE_QUOTE
                                  && change != TRD_CHANGE_STALE)))
        {
            abort();
        }
    }

    (void) trd_board_age(b, 5000);
}

#endif /* BOARD_FIXTURE_H */
