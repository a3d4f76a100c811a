/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The services that give snapshots of rates, and how a quote follows from
 * what they say: marketd asks as it polls them, and `tape verify` asks again
 * of what was kept.
 */

#ifndef TRD_RATES_FEED_H
#define TRD_RATES_FEED_H

#include "trd_rates.h"

typedef enum {
    TRD_RATES_EXCHANGERATE = 0,
    TRD_RATES_ECB,
    TRD_RATES_METALS,
    TRD_RATES_FEEDS
} trd_rates_feed_t;

/* As the parsers of trd_rates.h; TRD_IGNORED: sound rates, but of another
   base than is asked of that service. */
trd_rc_t trd_rates_read(trd_rates_feed_t feed, const char *text, size_t len,
    trd_rates_t *out) TRD_MUST_CHECK;

/*
 * The quote of an instrument, but for its day.  every_ms: see trd_update_t.
 * The status is trd_rates_price()'s or trd_rates_metal()'s.
 */
trd_rc_t trd_rates_update(trd_rates_feed_t feed, const trd_rates_t *r,
    const trd_instrument_t *in, uint32_t every_ms, trd_update_t *u)
    TRD_MUST_CHECK;

#endif /* TRD_RATES_FEED_H */
