/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A source that polls snapshots of rates: what forex and metals share.
 * Snapshot in, one update an instrument out, with the day's values from the
 * source's own history.
 */

#ifndef MARKETD_RATES_H
#define MARKETD_RATES_H

#include "source.h"
#include "trd_rates.h"

typedef struct {
    const char  *history;       /* name of its file; static text */
    const char  *url;           /* whole; copied */
    const char  *secret;        /* see poll.h */
    const char  *type;          /* "json", "xml" */
    const char  *base;          /* what was asked for; NULL: any */
    uint32_t     every_s;       /* between two requests */
    uint32_t     publish_s;     /* between two publications, and how late one
                                   may be seen at its server */

    trd_rc_t     (*parse)(const char *text, size_t len, trd_rates_t *out);

    /* as trd_rates_price(); TRD_IGNORED: implausible */
    trd_rc_t     (*price)(const trd_rates_t *r, const trd_instrument_t *in,
                          trd_rates_price_t *out);
} rates_setup_t;

/* Sets s->data.  0, or -1 after logging: no memory. */
int rates_start(source_t *s, const rates_setup_t *setup);
void rates_stop(source_t *s);

#endif /* MARKETD_RATES_H */
