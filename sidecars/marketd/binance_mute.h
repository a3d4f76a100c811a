/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Streams of an instrument that died while its others go on: depth, and
 * bookTicker.  A quiet market owes nothing, so silence alone says nothing;
 * what one stream tells, another one owes:
 *
 *     bookTicker ahead of the book's id                    owes depth
 *     a trade, a second and more after the last depth      owes depth
 *     a book ahead of bookTicker's id, with other bests    owes bookTicker
 *     a trade outside of bid and ask, likewise             owes bookTicker
 *
 * What is still owed when the connection was heard of a whole limit later is
 * dead.  Streams are not in step with each other, therefore the second.
 */

#ifndef MARKETD_BINANCE_MUTE_H
#define MARKETD_BINANCE_MUTE_H

#include <stdint.h>

/* zeroed: nothing was heard on this connection.  Times are monotonic. */
typedef struct {
    int64_t   depth_ms;         /* heard; 0: never */
    int64_t   depth_owed_ms;    /* since then; 0: it is not */
    int64_t   best_ms;
    int64_t   best_owed_ms;
    uint64_t  best_id;          /* the newest bookTicker's */
    int64_t   best_bid, best_ask;
} binance_mute_t;

#define BINANCE_MUTE_DEPTH  1
#define BINANCE_MUTE_BEST   2

/* depth came: its id, and the best prices of the book, 0: not known */
void binance_mute_depth(binance_mute_t *m, int64_t now_ms, uint64_t id,
    int64_t bid, int64_t ask);

/* a bookTicker came; book_id: of the book that there is, 0: none */
void binance_mute_best(binance_mute_t *m, int64_t now_ms, uint64_t id,
    int64_t bid, int64_t ask, uint64_t book_id);

void binance_mute_trade(binance_mute_t *m, int64_t now_ms, int64_t price);

/* BINANCE_MUTE_*: what has died, told once.  heard_ms: of the connection. */
unsigned binance_mute_dead(binance_mute_t *m, int64_t heard_ms,
    int64_t limit_ms);

#endif /* MARKETD_BINANCE_MUTE_H */
