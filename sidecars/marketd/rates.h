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
#include "trd_rates_feed.h"

typedef struct {
    const char  *history;       /* name of its file; static text */
    const char  *url;           /* whole; copied */
    const char  *secret;        /* see poll.h */
    const char  *type;          /* "json", "xml" */
    uint32_t     every_s;       /* between two requests */
    uint32_t     publish_s;     /* between two publications, and how late one
                                   may be seen at its server */
    trd_rates_feed_t  feed;     /* whose documents they are */
} rates_setup_t;

/* Sets s->data.  0, or -1 after logging: no memory. */
int rates_start(source_t *s, const rates_setup_t *setup);
void rates_stop(source_t *s);

#endif /* MARKETD_RATES_H */
