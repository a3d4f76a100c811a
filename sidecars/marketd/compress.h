/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Gzip on a thread of its own, so that compressing the market of 5,000
 * instruments does not hold up the feed.  One job at a time: begin, add the
 * bodies, start; when it is done the loop is woken and the callback walks the
 * results.  Everything but the compressing runs on the loop's thread.
 */

#ifndef MARKETD_COMPRESS_H
#define MARKETD_COMPRESS_H

#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

typedef struct compress_s  compress_t;

typedef void (*compress_pt)(void *ctx, unsigned page, uint64_t seq,
    const void *gzip, size_t len);

/* base NULL: compress_start() does the work itself before it returns */
compress_t *compress_create(struct event_base *base, compress_pt done,
    void *ctx);
void compress_free(compress_t *c);

/* 0, or -1 while a job runs */
int compress_begin(compress_t *c);

/* copies the body; -1: no memory, the page is left out this time */
int compress_add(compress_t *c, unsigned page, uint64_t seq,
    const void *body, size_t len);
void compress_start(compress_t *c);

/* how long the last job took, in us */
int64_t compress_cost_us(const compress_t *c);

#endif /* MARKETD_COMPRESS_H */
