/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A whole market without a process around it: board in memory, renderer,
 * loop, and a tape if asked for; and temporary directories for tapes.
 */

#ifndef TAPE_FIXTURE_H
#define TAPE_FIXTURE_H

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "market_tape.h"
#include "render.h"
#include "source.h"
#include "trd_decimal.h"

#define MARKET_INSTRUMENTS  2

typedef struct {
    marketd_config_t     config;
    trd_instrument_t     instruments[MARKET_INSTRUMENTS];
    catalogue_sim_t      sim[MARKET_INSTRUMENTS];
    catalogue_t          catalogue;
    market_t             market;
    trd_source_stats_t  *stats;
    void                *memory;
    uint64_t             size;
    struct event_base   *base;
    source_t             source;
    uint32_t             numbers[MARKET_INSTRUMENTS];
} market_fixture_t;


static inline void
market_fixture_up(market_fixture_t *f, trd_source_t source)
{
    uint32_t           i, a, b;
    trd_board_shape_t  shape;

    static const char *const  names[] = { "BTC", "ETH" };

    for (i = 0; i < MARKET_INSTRUMENTS; i++) {
        trd_instrument_t  *in = &f->instruments[i];

        memset(in, 0, sizeof(*in));
        strcpy(in->symbol, names[i]);
        strcpy(in->base, names[i]);
        strcpy(in->quote, "USDT");
        (void) snprintf(in->exchange_symbol, sizeof(in->exchange_symbol),
                        "%sUSDT", names[i]);
        in->source = (uint8_t) source;
        in->price_places = 2;
        in->price_tick_e8 = 1000000;
        in->lot_step_e8 = 1000;
        in->stale_after_ms = 10000;
        f->sim[i].price_e8 = (i ? 3000 : 60000) * TRD_E8;
        f->sim[i].volatility_e8 = 3000000;
        f->sim[i].spread_e8 = 1000;
        f->sim[i].volume_e8 = 10000 * TRD_E8;
        f->numbers[i] = i;
    }

    memset(&f->market, 0, sizeof(f->market));
    f->catalogue.instruments = f->instruments;
    f->catalogue.sim = f->sim;
    f->catalogue.n = MARKET_INSTRUMENTS;
    f->config.max_jump_bp = 2000;
    f->config.max_future_ms = 5000;
    f->config.page_interval_us = 500;
    f->config.market_interval_ms = 25;

    trd_board_shape_default(&shape);
    shape.capacity = MARKET_INSTRUMENTS;
    f->size = trd_board_size(&shape);
    f->memory = aligned_alloc(4096, (f->size + 4095) / 4096 * 4096);
    f->base = event_base_new();

    if (f->memory == NULL || f->base == NULL) {
        abort();
    }

    memset(f->memory, 0, f->size);

    if (trd_board_create(&f->market.writer, f->memory, f->size, &shape,
                         f->instruments, MARKET_INSTRUMENTS, 1, 0, 0, 0, &a,
                         &b)
        != TRD_OK
        || market_init(&f->market, &f->config, &f->catalogue) != 0
        || render_create(&f->market, f->base) == NULL
        || market_tape_open(&f->market) != 0)
    {
        abort();
    }

    f->stats = &f->market.writer.sources[0];
    atomic_store(&f->stats->source, (uint32_t) source);
}


static inline void
market_fixture_down(market_fixture_t *f)
{
    if (f->source.data) {
        f->source.ops->stop(&f->source);
    }

    market_tape_close(&f->market);
    render_free(f->market.render);
    event_base_free(f->base);
    market_free(&f->market);
    free(f->memory);
}


/* Starts a source and runs the loop until it has nothing more to do. */

static inline int
market_fixture_run(market_fixture_t *f, const source_ops_t *ops)
{
    memset(&f->source, 0, sizeof(f->source));
    f->source.ops = ops;
    f->source.base = f->base;
    f->source.market = &f->market;
    f->source.config = &f->config;
    f->source.stats = f->stats;
    f->source.instruments = f->numbers;
    f->source.n = MARKET_INSTRUMENTS;

    if (ops->start(&f->source) != 0) {
        return -1;
    }

    while (ops->id == TRD_SOURCE_REPLAY
           ? atomic_load(&f->stats->state) != TRD_STATE_DOWN
           : atomic_load(&f->stats->messages) < f->config.sim_updates)
    {
        event_base_loop(f->base, EVLOOP_ONCE);
    }

    return 0;
}


/* A temporary directory, whose name is put into buf. */

static inline char *
market_fixture_dir(char *buf)
{
    const char  *tmp = getenv("TMPDIR");

    (void) sprintf(buf, "%.80s/tape-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");

    if (mkdtemp(buf) == NULL) {
        abort();
    }

    return buf;
}


static inline void
market_fixture_rmdir(const char *dir)
{
    char    pattern[160];
    size_t  i;
    glob_t  found;

    (void) snprintf(pattern, sizeof(pattern), "%s/*", dir);

    if (glob(pattern, 0, NULL, &found) == 0) {
        for (i = 0; i < found.gl_pathc; i++) {
            (void) unlink(found.gl_pathv[i]);
        }

        globfree(&found);
    }

    (void) rmdir(dir);
}

#endif /* TAPE_FIXTURE_H */
