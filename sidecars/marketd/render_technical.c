/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The technical model's pages of the whole market, four a timeframe: rendered
 * one by one, each once a second at most, in turn, and only if anything
 * changed.  They have a compressor of their own, so that the other pages wait
 * for none of it, and where the market is so large that a page takes long,
 * they come less often.
 */

#include "render_state.h"


#define RENDER_TECHNICAL_US    (1000000 / RENDER_TECHNICAL)
#define RENDER_TECHNICAL_REST  20       /* as RENDER_REST of render.c */


void
render_technical(render_t *r, unsigned which)
{
    int                  gzip;
    pages_t              p;
    render_technical_t  *t;

    t = &r->technical[which];
    gzip = compress_begin(r->technical_compress) == 0;

    pages_begin(&p, r->m, r->fragments, (int) (which / TRD_TECHNICAL_N));

    if (t->plain_seq == r->m->writer.seq) {
        p.now_ms = t->plain_ms;             /* as in render_market() */
    }

    t->plain_ms = p.now_ms;
    t->plain_seq = r->m->writer.seq;

    render_whole(r, &p, TRD_PAGE_TECHNICAL + which,
                 gzip ? r->technical_compress : NULL);

    if (gzip) {
        t->gzip_seq = t->plain_seq;
        compress_start(r->technical_compress);
    }
}


int
render_technical_turn(const render_t *r)
{
    unsigned  i, which;

    for (i = 1; i <= RENDER_TECHNICAL; i++) {
        which = (r->turn + i) % RENDER_TECHNICAL;

        if (r->technical[which].gzip_seq != r->m->writer.seq) {
            return (int) which;
        }
    }

    return -1;
}


void
render_technical_round(render_t *r)
{
    int      which;
    int64_t  start, end, rest, cost;

    which = render_technical_turn(r);
    if (which < 0) {
        return;
    }

    start = tsd_mono_us();
    r->turn = (unsigned) which;
    render_technical(r, r->turn);
    end = tsd_mono_us();

    rest = (end - start) * RENDER_TECHNICAL_REST;
    cost = compress_cost_us(r->technical_compress) * RENDER_TECHNICAL_REST;

    rest = rest < cost ? cost : rest;
    r->next_technical_us = end + (rest < RENDER_TECHNICAL_US
                                  ? RENDER_TECHNICAL_US : rest);
}
