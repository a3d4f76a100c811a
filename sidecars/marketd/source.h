/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What a provider of quotes is to marketd: one file a provider, each ending
 * in one source_ops_t.  A source lives on the libevent loop it is given, never
 * blocks, and never gives up: whatever its peer does, it counts the reason
 * and tries again later.
 */

#ifndef MARKETD_SOURCE_H
#define MARKETD_SOURCE_H

#include <event2/event.h>

#include "market.h"

typedef struct source_s  source_t;

typedef struct {
    const char    *name;        /* as in `source` of a quote */
    trd_source_t   id;

    /* 0, or -1 after logging why this source can never work (bad URL, ...) */
    int          (*start)(source_t *s);
    void         (*stop)(source_t *s);      /* frees s->data */
} source_ops_t;

struct source_s {
    const source_ops_t      *ops;
    struct event_base       *base;
    market_t                *market;
    const marketd_config_t  *config;
    trd_source_stats_t      *stats;         /* on the board */
    uint32_t                *instruments;   /* numbers of those that are its */
    uint32_t                 n;
    void                    *data;          /* the provider's own */
};

extern const source_ops_t  source_simulator;
extern const source_ops_t  source_binance;
extern const source_ops_t  source_forex;
extern const source_ops_t  source_metals;
extern const source_ops_t  source_replay;

#endif /* MARKETD_SOURCE_H */
