/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A pass: what changed becomes a batch and goes to all who want it, cohort by
 * cohort, in slices, so that a worker with thousands of streams answers other
 * requests in between.  The next batch is made when all have got this one:
 * under overload the interval grows, and updates conflate for all.
 */

#include "ngx_http_trading_stream.h"

#define NGX_HTTP_TRADING_SLICE  256     /* connections, or idle cohorts */

static void ngx_http_trading_pass_serve(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s);
static void ngx_http_trading_pass_end(ngx_http_trading_hub_t *hub);
static void ngx_http_trading_pass_go_on(ngx_http_trading_hub_t *hub);
static uint64_t ngx_http_trading_pass_us(void);


/* what is to be told goes to those who want it */
void
ngx_http_trading_pass_begin(ngx_http_trading_hub_t *hub)
{
    ngx_queue_t                *q;
    ngx_http_trading_cohort_t  *c;

    hub->pass_us = ngx_http_trading_pass_us();

    if (ngx_http_trading_hub_same(hub) == NULL
        || ngx_http_trading_batch_make(hub) != NGX_OK)
    {
        return;
    }

    for (q = ngx_queue_head(&hub->cohorts);
         q != ngx_queue_sentinel(&hub->cohorts);
         q = ngx_queue_next(q))
    {
        c = ngx_queue_data(q, ngx_http_trading_cohort_t, link);

        if (c->topics && !ngx_queue_empty(&c->streams)) {
            ngx_queue_add(&c->todo, &c->streams);
            ngx_queue_init(&c->streams);
        }
    }

    hub->pass = ngx_http_trading_cohort_next(hub, NULL);
    ngx_http_trading_pass_slice(&hub->slice);
}


void
ngx_http_trading_pass_slice(ngx_event_t *ev)
{
    ngx_uint_t                  n;
    ngx_queue_t                *q;
    ngx_http_trading_hub_t     *hub;
    ngx_http_trading_cohort_t  *c;

    hub = ev->data;
    n = 0;

    while (hub->pass) {
        c = hub->pass;

        if (ngx_queue_empty(&c->todo)) {
            hub->pass = ngx_http_trading_cohort_next(hub, c);
            continue;
        }

        /* to look what a cohort wants is work, too, even if it is nothing */

        if (n++ == NGX_HTTP_TRADING_SLICE) {
            ngx_post_event(&hub->slice, &ngx_posted_next_events);
            return;
        }

        if (hub->picked != c) {
            ngx_http_trading_cohort_pick(hub, c);
        }

        if (hub->npicks == 0
            || ngx_http_trading_batch_form(hub, c->form) != NGX_OK)
        {
            ngx_queue_add(&c->streams, &c->todo);
            ngx_queue_init(&c->todo);
            continue;
        }

        q = ngx_queue_head(&c->todo);

        ngx_http_trading_pass_serve(hub, ngx_queue_data(q,
                                           ngx_http_trading_stream_t, link));
    }

    ngx_http_trading_pass_end(hub);
}


/* the stream, which waits in its cohort, gets what was picked for it */
static void
ngx_http_trading_pass_serve(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s)
{
    hub->updates += hub->npicks;

    ngx_queue_remove(&s->link);
    ngx_queue_insert_tail(&s->cohort->streams, &s->link);
    s->batch = hub->batch_no;

    ngx_http_trading_out_picks(hub, s);
}


/* counted for all at once: there are thousands in a pass */
void
ngx_http_trading_pass_count(ngx_http_trading_hub_t *hub)
{
    ngx_http_trading_count_stream(hub->mcf, NGX_HTTP_TRADING_SC_UPDATES,
                                  hub->updates);
    ngx_http_trading_count_stream(hub->mcf, NGX_HTTP_TRADING_SC_BYTES,
                                  hub->bytes);
    ngx_http_trading_count_stream(hub->mcf, NGX_HTTP_TRADING_SC_FRAMES,
                                  hub->frames);
    hub->updates = 0;
    hub->frames = 0;
    hub->bytes = 0;
}


/* before its subscriptions change, or the hub's memory does */
void
ngx_http_trading_pass_catch_up(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s)
{
    if (hub->pass == NULL || s->cohort == NULL || s->batch == hub->batch_no) {
        return;
    }

    if (hub->picked != s->cohort) {
        ngx_http_trading_cohort_pick(hub, s->cohort);
    }

    if (hub->npicks
        && ngx_http_trading_batch_form(hub, s->form) == NGX_OK)
    {
        ngx_http_trading_pass_serve(hub, s);
    }
}


/* the seq up to which the stream was given all, or owes it to itself: only
   this may be named to it, as it may resume from what it was named */
uint64_t
ngx_http_trading_hub_told(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s)
{
    return (hub->pass && s->cohort && s->batch != hub->batch_no)
           ? hub->told_before : hub->told;
}


static void
ngx_http_trading_pass_end(ngx_http_trading_hub_t *hub)
{
    int64_t    now;
    uint32_t   i;

    ngx_http_trading_pass_count(hub);

    ngx_time_update();          /* the writing took its time */
    now = ngx_http_trading_now();

    ngx_http_trading_count_flush(hub->mcf,
                                 ngx_http_trading_pass_us() - hub->pass_us);

    for (i = 1; i <= hub->batch.n; i++) {
        if (hub->batch.items[i].ms
            && hub->batch.items[i].topic == NGX_HTTP_TRADING_T_PRICES)
        {
            ngx_http_trading_count_wire(hub->mcf,
                                        now - hub->batch.items[i].ms);
        }
    }

    ngx_http_trading_batch_release(hub);
    ngx_http_trading_pass_go_on(hub);
}


/* all streams back to where they are between two passes */
void
ngx_http_trading_pass_stop(ngx_http_trading_hub_t *hub)
{
    ngx_queue_t                *q;
    ngx_http_trading_cohort_t  *c;

    if (hub->slice.posted) {
        ngx_delete_posted_event(&hub->slice);
    }

    for (q = ngx_queue_head(&hub->cohorts);
         q != ngx_queue_sentinel(&hub->cohorts);
         q = ngx_queue_next(q))
    {
        c = ngx_queue_data(q, ngx_http_trading_cohort_t, link);

        if (!ngx_queue_empty(&c->todo)) {
            ngx_queue_add(&c->streams, &c->todo);
            ngx_queue_init(&c->todo);
        }
    }

    hub->pass = NULL;
    hub->picked = NULL;
    ngx_http_trading_batch_release(hub);
    ngx_http_trading_pass_go_on(hub);
}


/* a pass that took longer than the interval is over */
static void
ngx_http_trading_pass_go_on(ngx_http_trading_hub_t *hub)
{
    if (hub->overdue) {
        hub->overdue = 0;

        if (hub->nstreams && !hub->flush.timer_set) {
            ngx_post_event(&hub->flush, &ngx_posted_next_events);
        }
    }
}


static uint64_t
ngx_http_trading_pass_us(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}
