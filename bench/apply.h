/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A market without loop or network for bench/decode: what marketd does with
 * a message between socket and board, rendering of pages apart.
 */

#ifndef BENCH_APPLY_H
#define BENCH_APPLY_H

#include <stdlib.h>
#include <string.h>

#include "market.h"
#include "render.h"
#include "trd_binance.h"


typedef struct {
    marketd_config_t    config;
    trd_instrument_t    instruments[2];
    catalogue_t         catalogue;
    market_t            market;
} apply_t;


static inline void
apply_init(apply_t *a)
{
    void               *base;
    uint32_t            i, x, y;
    trd_board_shape_t   shape;

    memset(a, 0, sizeof(*a));
    trd_board_shape_default(&shape);

    for (i = 0; i < 2; i++) {
        trd_instrument_t  *in = &a->instruments[i];

        strcpy(in->symbol, i ? "ETH" : "BTC");
        strcpy(in->exchange_symbol, i ? "ETHUSDT" : "BTCUSDT");
        strcpy(in->base, in->symbol);
        strcpy(in->quote, "USDT");
        in->source = TRD_SOURCE_BINANCE;
        in->price_places = 2;
        in->stale_after_ms = 10000;
    }

    a->catalogue.instruments = a->instruments;
    a->catalogue.n = 2;
    a->config.max_jump_bp = 2000;
    a->config.max_future_ms = 5000;

    base = aligned_alloc(4096, trd_board_size(&shape));

    if (base == NULL) {
        abort();
    }

    memset(base, 0, trd_board_size(&shape));

    if (trd_board_create(&a->market.writer, base, trd_board_size(&shape),
                         &shape, a->instruments, 2, 1, 0, 0, 0, &x, &y)
        != TRD_OK
        || market_init(&a->market, &a->config, &a->catalogue) != 0
        || render_create(&a->market, NULL) == NULL)
    {
        abort();
    }
}


static inline void
apply_update(void *ctx, const char *symbol, size_t len,
    const trd_update_t *u)
{
    int32_t    i;
    apply_t   *a = ctx;

    i = market_find(&a->market, TRD_SOURCE_BINANCE, symbol, len);

    if (i < 0) {
        abort();
    }

    if (market_apply(&a->market, &a->market.writer.sources[0], (uint32_t) i, u)
        == TRD_REFUSED_OLDER)
    {
        /* the recording starts over */
        memset(&a->market.states[i], 0, sizeof(a->market.states[i]));

        if (market_apply(&a->market, &a->market.writer.sources[0],
                         (uint32_t) i, u)
            != TRD_REFUSED_NOT)
        {
            abort();
        }
    }
}


#endif /* BENCH_APPLY_H */
