/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What render.c keeps, for render_technical.c and no others.
 */

#ifndef MARKETD_RENDER_STATE_H
#define MARKETD_RENDER_STATE_H

#include "compress.h"
#include "pages.h"
#include "render.h"
#include "tsd_log.h"

#define RENDER_TECHNICAL  (TRD_PAGE_N - TRD_PAGE_TECHNICAL)
#define RENDER_NEVER      UINT64_MAX    /* no seq */

typedef struct {
    uint64_t            plain_seq;  /* as below, of one page */
    uint64_t            gzip_seq;
    int64_t             plain_ms;
} render_technical_t;

struct render_s {
    market_t           *m;
    fragment_t         *fragments;
    uint32_t           *queue;      /* dirty instruments, oldest first */
    uint32_t            nqueue;
    int                 market_dirty;
    uint64_t            gzip_seq;   /* what the gzip pages show */
    uint64_t            plain_seq;  /* what the plain ones show */
    int64_t             plain_ms;   /* the time that they state */
    int                 static_done;
    int64_t             next_us;            /* next round, at the earliest */
    int64_t             next_market_us;
    int64_t             next_gzip_us;
    struct event       *timer;
    int64_t             armed_us;   /* when the timer fires, 0 = it will not */
    compress_t         *compress;
    render_technical_t  technical[RENDER_TECHNICAL];
    unsigned            turn;       /* which of them was rendered last */
    int64_t             next_technical_us;
    compress_t         *technical_compress;
    tsd_limiter_t       limiter;
};

/* a page of the whole market, for a compressor (or NULL) too; one that cannot
   be rendered stays as it was */
void render_whole(render_t *r, const pages_t *p, unsigned page,
    compress_t *gzip);

/* one of the technical model's; gzip comes later if a job is running */
void render_technical(render_t *r, unsigned which);

/* the next of them that does not show the newest; -1: all do */
int render_technical_turn(const render_t *r);

/* renders that one */
void render_technical_round(render_t *r);

#endif /* MARKETD_RENDER_STATE_H */
