/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Cohorts: connections that want the same in the same form.  A client's
 * subscriptions are its cohort; to change them it moves to another one.
 */

#include "ngx_http_trading_stream.h"

static ngx_http_trading_cohort_t *ngx_http_trading_cohort_find(
    ngx_http_trading_hub_t *hub, const ngx_http_trading_cohort_t *like);
static ngx_int_t ngx_http_trading_cohort_listen(ngx_http_trading_hub_t *hub,
    const ngx_http_trading_cohort_t *c);
static void ngx_http_trading_cohort_forget(ngx_http_trading_hub_t *hub,
    uint32_t topics);
static void ngx_http_trading_cohort_unref(ngx_http_trading_hub_t *hub,
    ngx_http_trading_cohort_t *c);
static uint32_t ngx_http_trading_cohort_hash(ngx_http_trading_hub_t *hub,
    const ngx_http_trading_cohort_t *c);
static ngx_flag_t ngx_http_trading_cohort_same(ngx_http_trading_hub_t *hub,
    const ngx_http_trading_cohort_t *a, const ngx_http_trading_cohort_t *b);
static ngx_http_trading_cohort_t *ngx_http_trading_cohort_create(
    ngx_http_trading_hub_t *hub, const ngx_http_trading_cohort_t *like);
static void ngx_http_trading_cohort_free(ngx_http_trading_cohort_t *c);
static ngx_int_t ngx_http_trading_pick(ngx_http_trading_hub_t *hub,
    uint32_t item);
static int ngx_libc_cdecl ngx_http_trading_pick_order(const void *one,
    const void *two);


#define ngx_http_trading_cohort_bucket(hub, hash)                             \
    (&(hub)->buckets[(hash) % NGX_HTTP_TRADING_BUCKETS])


/* Moves a stream, which may have no cohort yet; `like` is only looked at. */
ngx_int_t
ngx_http_trading_cohort_join(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, const ngx_http_trading_cohort_t *like)
{
    ngx_http_trading_cohort_t  *c;

    c = ngx_http_trading_cohort_find(hub, like);

    if (c && c == s->cohort) {
        return NGX_OK;
    }

    if (ngx_http_trading_cohort_listen(hub, like) != NGX_OK) {
        return NGX_ERROR;
    }

    if (c == NULL) {
        c = ngx_http_trading_cohort_create(hub, like);

        if (c == NULL) {
            ngx_http_trading_cohort_forget(hub, like->topics);
            return NGX_ERROR;
        }
    }

    /* it stays, whoever leaves it meanwhile */

    c->nstreams++;

    /* what is being handed out now is of the old subscriptions */

    ngx_http_trading_pass_catch_up(hub, s);
    ngx_http_trading_cohort_leave(hub, s);

    if (s->ended) {
        ngx_http_trading_cohort_forget(hub, c->topics);
        ngx_http_trading_cohort_unref(hub, c);
        return NGX_OK;
    }

    s->cohort = c;
    s->batch = hub->batch_no;
    ngx_queue_insert_tail(&c->streams, &s->link);

    return NGX_OK;
}


static ngx_http_trading_cohort_t *
ngx_http_trading_cohort_find(ngx_http_trading_hub_t *hub,
    const ngx_http_trading_cohort_t *like)
{
    uint32_t                    hash;
    ngx_queue_t                *q, *bucket;
    ngx_http_trading_cohort_t  *c;

    hash = ngx_http_trading_cohort_hash(hub, like);
    bucket = ngx_http_trading_cohort_bucket(hub, hash);

    for (q = ngx_queue_head(bucket);
         q != ngx_queue_sentinel(bucket);
         q = ngx_queue_next(q))
    {
        c = ngx_queue_data(q, ngx_http_trading_cohort_t, same);

        if (c->hash == hash && ngx_http_trading_cohort_same(hub, c, like)) {
            return c;
        }
    }

    return NULL;
}


/* another listener of each of its topics */
static ngx_int_t
ngx_http_trading_cohort_listen(ngx_http_trading_hub_t *hub,
    const ngx_http_trading_cohort_t *c)
{
    ngx_uint_t  topic;

    for (topic = 0; topic < NGX_HTTP_TRADING_T_EACH; topic++) {
        if (c->topics & (1U << topic)
            && ngx_http_trading_subject_listen(hub, topic) != NGX_OK)
        {
            ngx_http_trading_cohort_forget(hub, c->topics
                                                & ((1U << topic) - 1));
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ngx_http_trading_cohort_forget(ngx_http_trading_hub_t *hub, uint32_t topics)
{
    ngx_uint_t  topic;

    for (topic = 0; topic < NGX_HTTP_TRADING_T_EACH; topic++) {
        if (topics & (1U << topic)) {
            ngx_http_trading_subject_forget(hub, topic);
        }
    }
}


void
ngx_http_trading_cohort_leave(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s)
{
    ngx_http_trading_cohort_t  *c;

    c = s->cohort;

    if (c == NULL) {
        return;
    }

    s->cohort = NULL;
    ngx_queue_remove(&s->link);

    ngx_http_trading_cohort_forget(hub, c->topics);
    ngx_http_trading_cohort_unref(hub, c);
}


static void
ngx_http_trading_cohort_unref(ngx_http_trading_hub_t *hub,
    ngx_http_trading_cohort_t *c)
{
    if (--c->nstreams) {
        return;
    }

    if (hub->pass == c) {
        hub->pass = ngx_http_trading_cohort_next(hub, c);
    }

    if (hub->picked == c) {
        hub->picked = NULL;
    }

    ngx_queue_remove(&c->link);
    ngx_queue_remove(&c->same);
    ngx_http_trading_cohort_free(c);
}


/* after a new board: the bits are others */
void
ngx_http_trading_cohort_rehash(ngx_http_trading_hub_t *hub)
{
    ngx_http_trading_cohort_t  *c;

    for (c = ngx_http_trading_cohort_next(hub, NULL);
         c;
         c = ngx_http_trading_cohort_next(hub, c))
    {
        c->hash = ngx_http_trading_cohort_hash(hub, c);

        ngx_queue_remove(&c->same);
        ngx_queue_insert_tail(ngx_http_trading_cohort_bucket(hub, c->hash),
                              &c->same);
    }
}


ngx_http_trading_cohort_t *
ngx_http_trading_cohort_next(ngx_http_trading_hub_t *hub,
    ngx_http_trading_cohort_t *c)
{
    ngx_queue_t  *q;

    q = c ? ngx_queue_next(&c->link) : ngx_queue_head(&hub->cohorts);

    return (q == ngx_queue_sentinel(&hub->cohorts))
           ? NULL : ngx_queue_data(q, ngx_http_trading_cohort_t, link);
}


static uint32_t
ngx_http_trading_cohort_hash(ngx_http_trading_hub_t *hub,
    const ngx_http_trading_cohort_t *c)
{
    uint32_t                        hash;
    ngx_uint_t                      i;
    const ngx_http_trading_want_t  *want;

    ngx_crc32_init(hash);
    ngx_crc32_update(&hash, (u_char *) &c->topics, sizeof(c->topics));
    ngx_crc32_update(&hash, (u_char *) &c->form, sizeof(c->form));

    for (i = 0; i < NGX_HTTP_TRADING_T_EACH; i++) {
        want = &c->want[i];

        if (want->bits) {
            ngx_crc32_update(&hash, (u_char *) want->bits,
                             hub->words * sizeof(uint64_t));
        }
    }

    ngx_crc32_final(hash);

    return hash;
}


static ngx_flag_t
ngx_http_trading_cohort_same(ngx_http_trading_hub_t *hub,
    const ngx_http_trading_cohort_t *a, const ngx_http_trading_cohort_t *b)
{
    ngx_uint_t                      i;
    const ngx_http_trading_want_t  *x, *y;

    if (a->topics != b->topics || a->form != b->form) {
        return 0;
    }

    for (i = 0; i < NGX_HTTP_TRADING_T_EACH; i++) {
        x = &a->want[i];
        y = &b->want[i];

        if (x->all != y->all || x->classes != y->classes
            || (x->bits == NULL) != (y->bits == NULL))
        {
            return 0;
        }

        if (x->bits
            && ngx_memcmp(x->bits, y->bits, hub->words * sizeof(uint64_t))
               != 0)
        {
            return 0;
        }
    }

    return 1;
}


static ngx_http_trading_cohort_t *
ngx_http_trading_cohort_create(ngx_http_trading_hub_t *hub,
    const ngx_http_trading_cohort_t *like)
{
    size_t                      size;
    ngx_uint_t                  i;
    ngx_http_trading_cohort_t  *c;

    size = hub->words * sizeof(uint64_t);

    c = ngx_alloc(sizeof(ngx_http_trading_cohort_t), hub->log);
    if (c == NULL) {
        return NULL;
    }

    *c = *like;
    c->nstreams = 0;

    ngx_queue_init(&c->streams);
    ngx_queue_init(&c->todo);

    for (i = 0; i < NGX_HTTP_TRADING_T_EACH; i++) {
        c->want[i].bits = NULL;
    }

    for (i = 0; i < NGX_HTTP_TRADING_T_EACH; i++) {

        if (like->want[i].bits == NULL) {
            continue;
        }

        c->want[i].bits = ngx_alloc(size + 1, hub->log);

        if (c->want[i].bits == NULL) {
            ngx_http_trading_cohort_free(c);
            return NULL;
        }

        ngx_memcpy(c->want[i].bits, like->want[i].bits, size);
    }

    c->hash = ngx_http_trading_cohort_hash(hub, c);

    ngx_queue_insert_tail(&hub->cohorts, &c->link);
    ngx_queue_insert_tail(ngx_http_trading_cohort_bucket(hub, c->hash),
                          &c->same);

    return c;
}


static void
ngx_http_trading_cohort_free(ngx_http_trading_cohort_t *c)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_TRADING_T_EACH; i++) {
        if (c->want[i].bits) {
            ngx_free(c->want[i].bits);
        }
    }

    ngx_free(c);
}


/* the items of the batch that a cohort wants, in their order */
void
ngx_http_trading_cohort_pick(ngx_http_trading_hub_t *hub,
    ngx_http_trading_cohort_t *c)
{
    uint32_t                   i, k, word, item;
    uint64_t                   bits, wanted;
    ngx_uint_t                 topic;
    ngx_http_trading_item_t   *it;
    ngx_http_trading_batch_t  *b;

    b = &hub->batch;
    hub->picked = c;
    hub->npicks = 0;
    hub->npieces = 0;

    wanted = 0;

    for (topic = 0; topic < NGX_HTTP_TRADING_T_EACH; topic++) {
        if (c->topics & (1U << topic)) {
            wanted += c->want[topic].all ? hub->n : c->want[topic].n;
        }
    }

    /* one goes through the shorter of the two */

    if (wanted >= b->n
        || c->topics & (1U << NGX_HTTP_TRADING_T_MARKET
                        | 1U << NGX_HTTP_TRADING_T_HEALTH))
    {
        for (i = 1; i <= b->n; i++) {
            it = &b->items[i];

            if (c->topics & (1U << it->topic)
                && (it->topic >= NGX_HTTP_TRADING_T_EACH
                    || ngx_http_trading_wants(&c->want[it->topic],
                                              it->instrument))
                && ngx_http_trading_pick(hub, i) != NGX_OK)
            {
                return;
            }
        }

        return;
    }

    for (topic = 0; topic < NGX_HTTP_TRADING_T_EACH; topic++) {

        if (!(c->topics & (1U << topic))) {
            continue;
        }

        for (word = 0; word < hub->words; word++) {

            /* of all instruments there are no bits */

            if (c->want[topic].all) {
                k = hub->n - word * 64;
                bits = (k < 64) ? ((uint64_t) 1 << k) - 1 : (uint64_t) -1;

            } else {
                bits = c->want[topic].bits[word];
            }

            for ( /* void */ ; bits; bits &= bits - 1) {
                k = word * 64 + __builtin_ctzll(bits);

                for (item = hub->subject[topic].item[k]; item;
                     item = b->items[item].next)
                {
                    if (ngx_http_trading_pick(hub, item) != NGX_OK) {
                        return;
                    }
                }
            }
        }
    }

    if (hub->npicks > 1) {
        ngx_qsort(hub->picks, hub->npicks, sizeof(uint32_t),
                  ngx_http_trading_pick_order);
    }
}


static ngx_int_t
ngx_http_trading_pick(ngx_http_trading_hub_t *hub, uint32_t item)
{
    uint32_t  *picks, n;

    if (hub->npicks == hub->picks_alloc) {
        n = ngx_max(hub->picks_alloc * 2, 64);
        picks = ngx_alloc(n * sizeof(uint32_t), hub->log);

        if (picks == NULL) {
            return NGX_ERROR;
        }

        if (hub->picks) {
            ngx_memcpy(picks, hub->picks, hub->npicks * sizeof(uint32_t));
            ngx_free(hub->picks);
        }

        hub->picks = picks;
        hub->picks_alloc = n;
    }

    hub->picks[hub->npicks++] = item;

    return NGX_OK;
}


static int ngx_libc_cdecl
ngx_http_trading_pick_order(const void *one, const void *two)
{
    uint32_t  a, b;

    a = *(const uint32_t *) one;
    b = *(const uint32_t *) two;

    return (a > b) - (a < b);
}


