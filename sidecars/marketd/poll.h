/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Asking one URL again and again: what sources have in common that are
 * polled.  Conditional requests, back-off with jitter, refusal of whatever
 * is not the answer; and the source's stats, which tell apart whether the
 * server is reached, whether it was heard, and why not.
 */

#ifndef MARKETD_POLL_H
#define MARKETD_POLL_H

#include "source.h"

typedef struct poll_s  poll_t;

typedef struct {
    source_t    *source;
    const char  *url;           /* whole; it may hold a key, so it is never
                                   logged.  Copied. */
    const char  *secret;        /* what no log may show; NULL, or alive as
                                   long as the poll */
    const char  *type;          /* "json", "xml": the end of the media type */
    uint32_t     every_s;

    /*
     * A body has come.  TRD_CAUSE_NONE if it was taken; else *why is a text
     * for the log, alive until the next call.
     */
    trd_cause_t  (*take)(void *ctx, const char *body, size_t len,
                         const char **why);

    /* 304: what was taken last stands, and was heard again */
    void         (*same)(void *ctx);
    void        *ctx;
} poll_setup_t;

/* The first request goes out from the loop.  NULL: no memory. */
poll_t *poll_create(const poll_setup_t *setup);
void poll_free(poll_t *p);

#endif /* MARKETD_POLL_H */
