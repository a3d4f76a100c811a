/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * From what a service of rates says to quotes; see trd_rates_feed.h.
 */

#include <string.h>

#include "trd_rates_feed.h"


static const struct {
    const char  *base;          /* what is asked for; NULL: any */
    trd_rc_t     (*parse)(const char *text, size_t len, trd_rates_t *out);
} rates_feeds[TRD_RATES_FEEDS] = {
    [TRD_RATES_EXCHANGERATE] = { "USD", trd_rates_exchangerate },
    [TRD_RATES_ECB] = { "EUR", trd_rates_ecb },
    [TRD_RATES_METALS] = { NULL, trd_rates_metals }
};


trd_rc_t
trd_rates_read(trd_rates_feed_t feed, const char *text, size_t len,
    trd_rates_t *out)
{
    trd_rc_t     rc;
    const char  *base = rates_feeds[feed].base;

    rc = rates_feeds[feed].parse(text, len, out);

    if (rc == TRD_OK && base && strcmp(out->base, base) != 0) {
        return TRD_IGNORED;
    }

    return rc;
}


trd_rc_t
trd_rates_update(trd_rates_feed_t feed, const trd_rates_t *r,
    const trd_instrument_t *in, uint32_t every_ms, trd_update_t *u)
{
    trd_rc_t           rc;
    trd_rates_price_t  price;

    if (feed != TRD_RATES_METALS) {
        rc = trd_rates_price(r, in->base, in->quote, in->price_tick_e8,
                             &price);

    } else if (strcmp(in->quote, "USD") != 0) {
        rc = TRD_NOT_FOUND;

    } else {
        rc = trd_rates_metal(r, in->base, in->price_tick_e8, &price);
    }

    if (rc != TRD_OK) {
        return rc;
    }

    memset(u, 0, sizeof(*u));
    u->kind = TRD_UPDATE_QUOTE;
    u->has = TRD_HAS_LAST | TRD_HAS_TIME;
    u->last_e8 = price.price_e8;
    u->derived = price.derived;
    u->exchange_ms = r->time_ms;
    u->every_ms = every_ms;

    return TRD_OK;
}
