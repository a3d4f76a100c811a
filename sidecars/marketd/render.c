/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Schedules the rendering of pages; the rules are in render.h.
 *
 * A round renders the pages of all changed instruments, then, within a
 * budget of its own, the whole-market pages from the same fragments.  Bodies
 * of whole-market pages are kept in private memory as well, for the
 * compressor.
 */

#include <stdlib.h>
#include <string.h>

#include "render_state.h"
#include "series.h"


#define RENDER_REST         4       /* a round that took t is followed by at
                                       least RENDER_REST * t of other work */
#define RENDER_ANALYSIS_US  1000000
#define RENDER_MARKET_REST  4


static void render_arm(render_t *r, int64_t now_us);
static void render_timer(evutil_socket_t fd, short what, void *arg);
static void render_gzip_done(void *ctx, unsigned page, uint64_t seq,
    const void *gzip, size_t len);


render_t *
render_create(market_t *m, struct event_base *base)
{
    unsigned   i;
    render_t  *r;

    r = calloc(1, sizeof(*r));
    if (r == NULL) {
        return NULL;
    }

    for (i = 0; i < RENDER_TECHNICAL; i++) {
        r->technical[i].plain_seq = RENDER_NEVER;
        r->technical[i].gzip_seq = RENDER_NEVER;
    }

    r->m = m;
    r->fragments = calloc(m->catalogue->n, sizeof(*r->fragments));
    r->queue = calloc(m->catalogue->n, sizeof(*r->queue));
    r->compress = compress_create(base, render_gzip_done, r);
    r->technical_compress = compress_create(base, render_gzip_done, r);
    r->market_dirty = 1;

    if (base) {
        r->timer = evtimer_new(base, render_timer, r);
    }

    if (r->fragments == NULL || r->queue == NULL || r->compress == NULL
        || r->technical_compress == NULL || (base && r->timer == NULL))
    {
        render_free(r);
        return NULL;
    }

    m->render = r;

    return r;
}


void
render_free(render_t *r)
{
    if (r == NULL) {
        return;
    }

    if (r->timer) {
        event_free(r->timer);
    }

    compress_free(r->compress);
    compress_free(r->technical_compress);
    free(r->fragments);
    free(r->queue);
    free(r);
}


void
render_mark(render_t *r, uint32_t instrument)
{
    fragment_t  *f;

    f = &r->fragments[instrument];

    if (f->dirty) {
        return;
    }

    f->dirty = 1;
    f->since_us = r->m->now_us;
    r->queue[r->nqueue++] = instrument;

    /* it may be set for a later, lesser reason */
    if (r->timer && (r->armed_us == 0 || r->armed_us > r->next_us)) {
        render_arm(r, r->m->now_us);
    }
}


static void
render_count(render_t *r, size_t len)
{
    trd_board_header_t  *h;

    h = r->m->writer.header;

    atomic_fetch_add_explicit(&h->pages_rendered, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->pages_bytes, len, memory_order_relaxed);
}


static void
render_overflow(render_t *r, const char *what)
{
    atomic_fetch_add_explicit(&r->m->writer.header->pages_overflowed, 1,
                              memory_order_relaxed);
    tsd_log_limited(&r->limiter, TSD_LOG_ERROR, "page_overflow",
                    "what=\"%s\" effect=\"the page keeps its last content\"",
                    what);
}


static void
render_lag(render_t *r, int64_t us)
{
    unsigned             i;
    trd_board_header_t  *h;

    h = r->m->writer.header;
    us = us < 0 ? 0 : us;

    for (i = 0; i < TRD_LAG_BUCKETS - 1 && us >= 1LL << i; i++) {
        /* void */
    }

    atomic_fetch_add_explicit(&h->lag_us[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->lag_sum_us, (uint64_t) us,
                              memory_order_relaxed);
}


/* a page that only its own request shows; empty: not yet, or withdrawn */

static void
render_own(render_t *r, uint32_t instrument, unsigned kind)
{
    void          *to;
    size_t         size;
    market_t      *m;
    trd_page_t    *page;
    trd_writer_t   w;

    m = r->m;
    page = trd_writer_entry_page(&m->writer, instrument, kind);
    to = trd_page_next(&m->writer, page, &size);
    trd_writer_init(&w, to, size);

    if (kind == TRD_ENTRY_ANALYSIS) {
        pages_indicators(m, instrument, &w);

    } else {
        pages_technical(m, instrument, kind - TRD_ENTRY_TECHNICAL, &w);
    }

    if (trd_writer_overflowed(&w)) {
        render_overflow(r, m->catalogue->instruments[instrument].symbol);
        return;
    }

    if (trd_writer_len(&w) == 0) {
        return;
    }

    trd_page_publish(&m->writer, page, (uint32_t) trd_writer_len(&w),
                     m->writer.seq, m->now_ms);
    render_count(r, trd_writer_len(&w));
}


static void
render_series(render_t *r, uint32_t instrument)
{
    int64_t      now;
    unsigned     i;
    fragment_t  *f;

    f = &r->fragments[instrument];
    now = r->m->now_us;

    for (i = 0; i < TRD_INTERVALS; i++) {
        render_own(r, instrument, TRD_ENTRY_TECHNICAL + i);
    }

    /* a hundred numbers: once a second is often enough */
    f->analysis_due = now < f->analysis_us;

    if (!f->analysis_due) {
        f->analysis_us = now + RENDER_ANALYSIS_US;
        render_own(r, instrument, TRD_ENTRY_ANALYSIS);
    }
}


int
render_overdue(const render_t *r, uint32_t instrument)
{
    return r->fragments[instrument].analysis_due;
}


static void
render_instrument(render_t *r, uint32_t instrument)
{
    void        *to;
    size_t       size;
    market_t    *m;
    unsigned     i;
    fragment_t  *f;
    trd_page_t  *page;

    m = r->m;
    f = &r->fragments[instrument];
    f->dirty = 0;

    if (m->series) {
        (void) series_flush(m, instrument);
    }

    /* candles may come before the first quote */
    if (m->states[instrument].quote.has == 0) {
        return;
    }

    if (m->series) {
        render_series(r, instrument);
    }

    if (pages_fragment(m, instrument, f) != 0) {
        render_overflow(r, m->catalogue->instruments[instrument].symbol);
        return;
    }

    for (i = 0; i < FRAGMENTS; i++) {

        page = trd_writer_entry_page(&m->writer, instrument, i);

        /* an empty body withdraws what stood there before */
        if (f->len[i] == 0
            && atomic_load_explicit(&page->version, memory_order_relaxed) == 0)
        {
            continue;
        }

        to = trd_page_next(&m->writer, page, &size);

        memcpy(to, f->body[i], f->len[i]);
        trd_page_publish(&m->writer, page, f->len[i],
                         m->states[instrument].quote.seq, m->now_ms);
        render_count(r, f->len[i]);
    }
}


/* the body of a page into the board; its place there until the next one */

static const void *
render_plain(render_t *r, const pages_t *p, unsigned page, size_t *len)
{
    void          *to;
    size_t         size;
    market_t      *m;
    trd_page_t    *desc;
    trd_writer_t   w;

    m = r->m;
    desc = trd_writer_page(&m->writer, page, TRD_VARIANT_PLAIN);
    to = trd_page_next(&m->writer, desc, &size);

    trd_writer_init(&w, to, size);
    pages_write(p, page, &w);

    if (trd_writer_overflowed(&w)) {
        render_overflow(r, "whole market");
        return NULL;
    }

    *len = trd_writer_len(&w);
    trd_page_publish(&m->writer, desc, (uint32_t) *len, m->writer.seq,
                     m->now_ms);
    render_count(r, *len);

    return to;
}


void
render_whole(render_t *r, const pages_t *p, unsigned page, compress_t *gzip)
{
    size_t       len;
    const void  *body;

    body = render_plain(r, p, page, &len);

    if (gzip && body
        && compress_add(gzip, page, r->m->writer.seq, body, len) != 0)
    {
        tsd_log_limited(&r->limiter, TSD_LOG_ERROR, "no_memory",
                        "what=compress");
    }
}


static void
render_market(render_t *r, int gzip)
{
    pages_t   p;
    unsigned  page;
    uint64_t  seq;

    seq = r->m->writer.seq;

    if (gzip && compress_begin(r->compress) != 0) {
        gzip = 0;
    }

    pages_begin(&p, r->m, r->fragments, PAGES_THRESHOLD);

    /* rendered once more for the compressor: one seq, and so one ETag, is
       one body, its time included */

    if (r->static_done && seq == r->plain_seq) {
        p.now_ms = r->plain_ms;
    }

    r->plain_ms = p.now_ms;

    for (page = 0; page < TRD_PAGE_TECHNICAL; page++) {

        if (pages_is_static(page) && r->static_done && !gzip) {
            continue;
        }

        if (pages_is_static(page) && r->static_done > 1) {
            continue;
        }

        render_whole(r, &p, page, gzip ? r->compress : NULL);
    }

    r->static_done = gzip ? 2 : r->static_done ? r->static_done : 1;
    r->plain_seq = seq;
    r->market_dirty = 0;

    if (gzip) {
        r->gzip_seq = seq;
        compress_start(r->compress);
    }
}


static void
render_gzip_done(void *ctx, unsigned page, uint64_t seq, const void *gzip,
    size_t len)
{
    void        *to;
    size_t       size;
    render_t    *r;
    trd_page_t  *desc;

    r = ctx;
    desc = trd_writer_page(&r->m->writer, page, TRD_VARIANT_GZIP);
    to = trd_page_next(&r->m->writer, desc, &size);

    if (len > size) {
        render_overflow(r, "gzip");
        return;
    }

    memcpy(to, gzip, len);
    trd_page_publish(&r->m->writer, desc, (uint32_t) len, seq, r->m->now_ms);
    render_count(r, len);
}


static int64_t
render_queue(render_t *r)
{
    int64_t   now;
    uint32_t  i;

    if (r->nqueue == 0) {
        return tsd_mono_us();
    }

    for (i = 0; i < r->nqueue; i++) {
        render_instrument(r, r->queue[i]);
    }

    now = tsd_mono_us();

    for (i = 0; i < r->nqueue; i++) {
        render_lag(r, now - r->fragments[r->queue[i]].since_us);
    }

    r->nqueue = 0;
    r->market_dirty = 1;

    return now;
}


static void
render_round(render_t *r)
{
    int      gzip, busy;
    int64_t  start, middle, end, rest;

    start = tsd_mono_us();
    busy = r->nqueue != 0;
    middle = render_queue(r);
    end = middle;

    rest = (middle - start) * RENDER_REST;

    if (rest < (int64_t) r->m->config->page_interval_us) {
        rest = r->m->config->page_interval_us;
    }

    gzip = middle >= r->next_gzip_us
           && (r->market_dirty || r->gzip_seq != r->plain_seq);

    if ((r->market_dirty && middle >= r->next_market_us) || gzip) {
        render_market(r, gzip);
        busy = 1;
        end = tsd_mono_us();

        r->next_market_us = end + (end - middle) * RENDER_MARKET_REST;

        if (gzip) {
            r->next_gzip_us = end + r->m->config->market_interval_ms * 1000LL;

            /* the thread's cost is known only from its last job */
            if (compress_cost_us(r->compress) * 5
                > r->m->config->market_interval_ms * 1000LL)
            {
                r->next_gzip_us = end + compress_cost_us(r->compress) * 5;
            }
        }
    }

    if (busy) {
        r->next_us = end + rest;
    }

    if (end >= r->next_technical_us) {
        render_technical_round(r);
    }
}


static void
render_arm(render_t *r, int64_t now_us)
{
    int64_t         when;
    struct timeval  tv;

    when = r->nqueue ? r->next_us
           : r->market_dirty ? r->next_market_us
           : r->gzip_seq != r->plain_seq ? r->next_gzip_us : INT64_MAX;

    if (!r->nqueue && r->next_technical_us < when
        && render_technical_turn(r) >= 0)
    {
        when = r->next_technical_us;
    }

    if (when == INT64_MAX) {
        r->armed_us = 0;
        return;
    }

    r->armed_us = when;
    when = when > now_us ? when - now_us : 0;

    tv.tv_sec = (time_t) (when / 1000000);
    tv.tv_usec = (suseconds_t) (when % 1000000);

    if (evtimer_add(r->timer, &tv) != 0) {
        r->armed_us = 0;
    }
}


static void
render_timer(evutil_socket_t fd, short what, void *arg)
{
    render_t  *r;

    (void) fd;
    (void) what;

    r = arg;

    /* set for less before instruments changed, which keep their interval */
    if (r->nqueue == 0 || r->armed_us >= r->next_us) {
        render_round(r);
    }

    render_arm(r, tsd_mono_us());
}


void
render_now(render_t *r)
{
    unsigned  i;

    (void) render_queue(r);
    render_market(r, 1);

    for (i = 0; i < RENDER_TECHNICAL; i++) {
        render_technical(r, i);
    }
}
