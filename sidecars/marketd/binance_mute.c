/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What streams owe each other, see binance_mute.h.
 */

#include "binance_mute.h"

#define MUTE_APART_MS  1000     /* how far two streams may be out of step */


static void
binance_mute_owe(int64_t *owed_ms, int64_t heard_ms, int64_t now_ms)
{
    /* one that never spoke may not be subscribed */

    if (heard_ms && *owed_ms == 0) {
        *owed_ms = now_ms;
    }
}


void
binance_mute_depth(binance_mute_t *m, int64_t now_ms, uint64_t id,
    int64_t bid, int64_t ask)
{
    m->depth_ms = now_ms;
    m->depth_owed_ms = 0;

    if (id > m->best_id && bid > 0 && ask > 0
        && (bid != m->best_bid || ask != m->best_ask))
    {
        binance_mute_owe(&m->best_owed_ms, m->best_ms, now_ms);
    }
}


void
binance_mute_best(binance_mute_t *m, int64_t now_ms, uint64_t id,
    int64_t bid, int64_t ask, uint64_t book_id)
{
    m->best_ms = now_ms;
    m->best_owed_ms = 0;

    if (id < m->best_id) {
        return;             /* of two links the slower one */
    }

    m->best_id = id;
    m->best_bid = bid;
    m->best_ask = ask;

    if (book_id && id > book_id) {
        binance_mute_owe(&m->depth_owed_ms, m->depth_ms, now_ms);
    }
}


void
binance_mute_trade(binance_mute_t *m, int64_t now_ms, int64_t price)
{
    if (now_ms - m->depth_ms >= MUTE_APART_MS) {
        binance_mute_owe(&m->depth_owed_ms, m->depth_ms, now_ms);
    }

    if (now_ms - m->best_ms >= MUTE_APART_MS
        && (price < m->best_bid || price > m->best_ask))
    {
        binance_mute_owe(&m->best_owed_ms, m->best_ms, now_ms);
    }
}


unsigned
binance_mute_dead(binance_mute_t *m, int64_t heard_ms, int64_t limit_ms)
{
    unsigned  dead = 0;

    if (m->depth_owed_ms && heard_ms - m->depth_owed_ms >= limit_ms) {
        m->depth_owed_ms = m->depth_ms = 0;
        dead |= BINANCE_MUTE_DEPTH;
    }

    if (m->best_owed_ms && heard_ms - m->best_owed_ms >= limit_ms) {
        m->best_owed_ms = m->best_ms = 0;
        dead |= BINANCE_MUTE_BEST;
    }

    return dead;
}
