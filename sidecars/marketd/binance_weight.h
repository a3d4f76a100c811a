/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Request weight: what the exchange lets us ask for in a minute.  It states
 * how much was used; most of the limit is ours to use, and of that a share
 * accrues over the minute for calls that are paced.
 */

#ifndef MARKETD_BINANCE_WEIGHT_H
#define MARKETD_BINANCE_WEIGHT_H

#include <stdint.h>

typedef struct {
    int64_t  limit;             /* a minute */
    int64_t  used;
    int64_t  used_minute;       /* the minute it was stated in */
    int64_t  paced;             /* that may be spent, in thousandths */
    int64_t  paced_ms;          /* ... as of then; 0: not yet */
} binance_weight_t;

void binance_weight_init(binance_weight_t *w);

/* what the exchange says that we used in this minute */
void binance_weight_used(binance_weight_t *w, int64_t used);

/* ms to wait until this much may be spent; 0: now */
int64_t binance_weight_wait(const binance_weight_t *w, int64_t weight);

/* the same for what is paced, and that it was spent */
int64_t binance_weight_pace(binance_weight_t *w, int64_t weight);
void binance_weight_spend(binance_weight_t *w, int64_t weight);

#endif /* MARKETD_BINANCE_WEIGHT_H */
