/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Request weight, see binance_weight.h.  The exchange counts by minutes of
 * its clock, ours is near enough.
 */

#include "binance.h"
#include "binance_weight.h"
#include "tsd_log.h"


void
binance_weight_init(binance_weight_t *w)
{
    w->limit = BINANCE_WEIGHT;
    w->used = 0;
    w->used_minute = -1;
    w->paced = 0;
    w->paced_ms = 0;
}


void
binance_weight_used(binance_weight_t *w, int64_t used)
{
    w->used = used;
    w->used_minute = tsd_wall_ms() / 60000;
}


int64_t
binance_weight_wait(const binance_weight_t *w, int64_t weight)
{
    int64_t  wall = tsd_wall_ms();

    if (w->used_minute != wall / 60000
        || w->used + weight <= w->limit * BINANCE_WEIGHT_SHARE / 100)
    {
        return 0;
    }

    /* a second more: our clock and theirs are not one */

    return 60000 - wall % 60000 + 1000;
}


/* A bucket that fills as time goes by. */
int64_t
binance_weight_pace(binance_weight_t *w, int64_t weight)
{
    int64_t  now, rate, most;

    now = tsd_mono_ms();
    rate = w->limit * BINANCE_SLOW_SHARE / 100;             /* a minute */
    most = w->limit * BINANCE_SLOW_BURST * 10;
    most = most < 2000 * weight ? 2000 * weight : most;

    if (w->paced_ms == 0) {
        w->paced = most;

    } else {
        w->paced += (now - w->paced_ms) * rate / 60;
    }

    w->paced_ms = now;
    w->paced = w->paced > most ? most : w->paced;

    if (w->paced >= weight * 1000) {
        return 0;
    }

    return (weight * 1000 - w->paced) * 60 / (rate ? rate : 1) + 1;
}


void
binance_weight_spend(binance_weight_t *w, int64_t weight)
{
    w->paced -= weight * 1000;
}
