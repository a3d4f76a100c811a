/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * marketd's engine in memory, without network, files or timers: a catalogue
 * made up, a board, a renderer that runs when told, and a clock that stands.
 */

#ifndef MARKET_FIXTURE_H
#define MARKET_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <zlib.h>

#include "render.h"
#include "trd_decimal.h"

#define MARKET_NOW  1767225600000LL         /* 2026-01-01 */

typedef struct {
    market_t              m;
    marketd_config_t      config;
    catalogue_t           catalogue;
    trd_board_shape_t     shape;
    trd_source_stats_t   *stats;
    void                 *mem;
    size_t                size;
    trd_board_t           b;
} market_fixture_t;


/* I000 of class 0, I001 of class 1 ...; stale after 1000 ms + 100 ms each */
static inline void
market_fixture_catalogue(catalogue_t *c, uint32_t n)
{
    uint32_t           i;
    trd_instrument_t  *in;

    c->n = n;
    c->instruments = calloc(n, sizeof(*c->instruments));
    c->sim = calloc(n, sizeof(*c->sim));

    for (i = 0; i < n; i++) {
        in = &c->instruments[i];
        (void) snprintf(in->symbol, sizeof(in->symbol), "I%03u", i);
        (void) snprintf(in->exchange_symbol, sizeof(in->exchange_symbol),
                        "I%03uUSDT", i);
        (void) snprintf(in->base, sizeof(in->base), "I%03u", i);
        (void) snprintf(in->quote, sizeof(in->quote), "USDT");
        in->asset_class = (uint8_t) (i % TRD_CLASS_N);
        in->source = TRD_SOURCE_BINANCE;
        in->price_places = 2;
        in->lot_places = 4;
        in->stale_after_ms = 1000 + 100 * i;
        in->price_tick_e8 = 1000000;
        in->lot_step_e8 = 10000;
        in->min_notional_e8 = 500000000;
    }
}


/* f->catalogue is filled; first_seq as of the board before */
static inline void
market_fixture_start(market_fixture_t *f, uint64_t first_seq)
{
    uint32_t     a, b;
    const char  *why;

    f->shape = (trd_board_shape_t) { f->catalogue.n, 256, 1, 1, 1, 0 };
    f->size = (size_t) trd_board_size(&f->shape);

    if (posix_memalign(&f->mem, 64, f->size) != 0) {
        abort();
    }

    memset(f->mem, 0, f->size);
    memset(&f->m, 0, sizeof(f->m));
    memset(&f->config, 0, sizeof(f->config));
    f->config.max_jump_bp = 2000;
    f->config.max_future_ms = 5000;

    if (trd_board_create(&f->m.writer, f->mem, f->size, &f->shape,
                         f->catalogue.instruments, f->catalogue.n, 3,
                         first_seq, MARKET_NOW, 4711, &a, &b) != TRD_OK
        || trd_board_open(&f->b, f->mem, f->size, &why) != TRD_OK
        || market_init(&f->m, &f->config, &f->catalogue) != 0
        || render_create(&f->m, NULL) == NULL)
    {
        abort();
    }

    market_set_clock(&f->m, MARKET_NOW);
    f->stats = &f->m.writer.sources[0];
    atomic_store(&f->stats->source, TRD_SOURCE_BINANCE);
}


static inline void
market_fixture_stop(market_fixture_t *f)
{
    render_free(f->m.render);
    market_free(&f->m);
    catalogue_free(&f->catalogue);
    free(f->mem);
}


/* a whole ticker of that price and open, at the market's time */
static inline trd_update_t
market_fixture_ticker(const market_fixture_t *f, int64_t last_e8,
    int64_t open_e8)
{
    trd_update_t  u;

    memset(&u, 0, sizeof(u));
    u.kind = TRD_UPDATE_QUOTE;
    u.has = 0x2ff;
    u.last_e8 = last_e8;
    u.bid_e8 = last_e8 - 1;
    u.ask_e8 = last_e8 + 1;
    u.open_e8 = open_e8;
    u.high_e8 = last_e8 + open_e8;
    u.low_e8 = 1;
    u.volume_e8 = 2000000 * TRD_E8;
    u.quote_volume_e8 = 5;
    u.exchange_ms = f->m.now_ms;

    return u;
}


/* the body of a page, NUL-ended and the caller's; NULL if there is none */
static inline char *
market_fixture_body(const trd_board_t *b, const trd_page_t *page,
    trd_page_view_t *view)
{
    char  *body;

    if (trd_page_begin(b, page, 0, view) != TRD_OK) {
        return NULL;
    }

    body = malloc((size_t) view->len + 1);

    if (trd_page_copy(view, body) != TRD_OK) {
        free(body);
        return NULL;
    }

    body[view->len] = '\0';

    return body;
}


static inline char *
market_fixture_gunzip(const char *gzip, size_t len, size_t *plain_len)
{
    char      *plain;
    size_t     size;
    z_stream   z;

    size = 64 << 20;
    plain = malloc(size);
    memset(&z, 0, sizeof(z));
    z.next_in = (Bytef *) (uintptr_t) gzip;
    z.avail_in = (uInt) len;
    z.next_out = (Bytef *) plain;
    z.avail_out = (uInt) size;

    if (inflateInit2(&z, 15 + 16) != Z_OK
        || inflate(&z, Z_FINISH) != Z_STREAM_END || z.avail_in != 0)
    {
        (void) inflateEnd(&z);
        free(plain);
        return NULL;
    }

    *plain_len = size - z.avail_out;
    (void) inflateEnd(&z);

    return plain;
}


static inline json_t *
market_fixture_page(const market_fixture_t *f, unsigned page)
{
    char             *body;
    json_t           *o;
    trd_page_view_t   view;

    body = market_fixture_body(&f->b, trd_board_page(&f->b, page, 0), &view);

    if (body == NULL) {
        return NULL;
    }

    o = json_loadb(body, view.len, JSON_REJECT_DUPLICATES, NULL);
    free(body);

    return o;
}

#endif /* MARKET_FIXTURE_H */
