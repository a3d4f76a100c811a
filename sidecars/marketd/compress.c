/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The compressing thread; see compress.h.  `busy` is the only word that both
 * threads touch without the mutex' order around it, and only the loop's
 * thread sets it.
 */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <zlib.h>

#include "compress.h"
#include "trd_board.h"
#include "tsd_log.h"


#define COMPRESS_GZIP    (15 + 16)
#define COMPRESS_LARGE   (256 * 1024)   /* from here on speed counts more */

typedef struct {
    unsigned   page;
    uint64_t   seq;
    size_t     in_at, in_len;           /* in the input arena */
    size_t     out_at, out_len;         /* in the output arena; 0 = failed */
} compress_item_t;

typedef struct {
    char    *data;
    size_t   len;
    size_t   size;
} compress_arena_t;

struct compress_s {
    struct event      *event;
    int                fd;
    compress_pt        done;
    void              *ctx;
    int                busy;
    int64_t            cost_us;
    compress_item_t    items[TRD_PAGE_N];
    unsigned           nitems;
    compress_arena_t   in;
    compress_arena_t   out;
    z_stream           fast, small;
    int                threaded;
    pthread_t          thread;
    pthread_mutex_t    mutex;
    pthread_cond_t     cond;
    int                work, quit;      /* under the mutex */
};


static int
compress_reserve(compress_arena_t *a, size_t more)
{
    char    *data;
    size_t   size;

    if (more <= a->size - a->len) {
        return 0;
    }

    size = a->size ? a->size : 65536;

    while (size - a->len < more) {
        size *= 2;
    }

    data = realloc(a->data, size);
    if (data == NULL) {
        return -1;
    }

    a->data = data;
    a->size = size;

    return 0;
}


static void
compress_item(compress_t *c, compress_item_t *item)
{
    size_t     bound;
    z_stream  *z;

    z = item->in_len >= COMPRESS_LARGE ? &c->fast : &c->small;
    item->out_len = 0;

    if (deflateReset(z) != Z_OK) {
        return;
    }

    bound = deflateBound(z, item->in_len);

    if (bound > UINT32_MAX || compress_reserve(&c->out, bound) != 0) {
        return;
    }

    item->out_at = c->out.len;

    z->next_in = (Bytef *) c->in.data + item->in_at;
    z->avail_in = (uInt) item->in_len;
    z->next_out = (Bytef *) c->out.data + item->out_at;
    z->avail_out = (uInt) bound;

    if (deflate(z, Z_FINISH) != Z_STREAM_END) {
        return;
    }

    item->out_len = bound - z->avail_out;
    c->out.len += item->out_len;
}


static void
compress_work(compress_t *c)
{
    int64_t   start;
    unsigned  i;

    start = tsd_mono_us();
    c->out.len = 0;

    for (i = 0; i < c->nitems; i++) {
        compress_item(c, &c->items[i]);
    }

    c->cost_us = tsd_mono_us() - start;
}


static void
compress_report(compress_t *c)
{
    unsigned          i;
    compress_item_t  *item;

    for (i = 0; i < c->nitems; i++) {
        item = &c->items[i];

        if (item->out_len) {
            c->done(c->ctx, item->page, item->seq, c->out.data + item->out_at,
                    item->out_len);
        }
    }

    c->busy = 0;
}


static void *
compress_thread(void *arg)
{
    uint64_t     one;
    compress_t  *c;

    c = arg;
    one = 1;

    for ( ;; ) {
        (void) pthread_mutex_lock(&c->mutex);

        while (!c->work && !c->quit) {
            (void) pthread_cond_wait(&c->cond, &c->mutex);
        }

        if (c->quit) {
            (void) pthread_mutex_unlock(&c->mutex);
            return NULL;
        }

        c->work = 0;
        (void) pthread_mutex_unlock(&c->mutex);

        compress_work(c);

        if (write(c->fd, &one, sizeof(one)) != (ssize_t) sizeof(one)) {
            return NULL;            /* an eventfd of ours is never full */
        }
    }
}


static void
compress_wake(evutil_socket_t fd, short what, void *arg)
{
    uint64_t     n;
    compress_t  *c;

    (void) what;
    c = arg;

    if (read(fd, &n, sizeof(n)) == (ssize_t) sizeof(n)) {
        compress_report(c);
    }
}


compress_t *
compress_create(struct event_base *base, compress_pt done, void *ctx)
{
    compress_t  *c;

    c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return NULL;
    }

    c->fd = -1;
    c->done = done;
    c->ctx = ctx;

    if (deflateInit2(&c->fast, 1, Z_DEFLATED, COMPRESS_GZIP, 9,
                     Z_DEFAULT_STRATEGY) != Z_OK
        || deflateInit2(&c->small, 5, Z_DEFLATED, COMPRESS_GZIP, 9,
                        Z_DEFAULT_STRATEGY) != Z_OK)
    {
        goto failed;
    }

    if (base == NULL) {
        return c;
    }

    c->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (c->fd == -1) {
        goto failed;
    }

    c->event = event_new(base, c->fd, EV_READ | EV_PERSIST, compress_wake, c);

    if (c->event == NULL || event_add(c->event, NULL) != 0
        || pthread_mutex_init(&c->mutex, NULL) != 0
        || pthread_cond_init(&c->cond, NULL) != 0
        || pthread_create(&c->thread, NULL, compress_thread, c) != 0)
    {
        goto failed;
    }

    c->threaded = 1;

    return c;

failed:

    compress_free(c);

    return NULL;
}


void
compress_free(compress_t *c)
{
    if (c == NULL) {
        return;
    }

    if (c->threaded) {
        (void) pthread_mutex_lock(&c->mutex);
        c->quit = 1;
        (void) pthread_cond_signal(&c->cond);
        (void) pthread_mutex_unlock(&c->mutex);
        (void) pthread_join(c->thread, NULL);
        (void) pthread_cond_destroy(&c->cond);
        (void) pthread_mutex_destroy(&c->mutex);
    }

    if (c->event) {
        event_free(c->event);
    }

    if (c->fd != -1) {
        (void) close(c->fd);
    }

    (void) deflateEnd(&c->fast);
    (void) deflateEnd(&c->small);
    free(c->in.data);
    free(c->out.data);
    free(c);
}


int
compress_begin(compress_t *c)
{
    if (c->busy) {
        return -1;
    }

    c->nitems = 0;
    c->in.len = 0;

    return 0;
}


int
compress_add(compress_t *c, unsigned page, uint64_t seq, const void *body,
    size_t len)
{
    compress_item_t  *item;

    if (c->nitems == TRD_PAGE_N || len > UINT32_MAX
        || compress_reserve(&c->in, len) != 0)
    {
        return -1;
    }

    item = &c->items[c->nitems++];
    item->page = page;
    item->seq = seq;
    item->in_at = c->in.len;
    item->in_len = len;

    memcpy(c->in.data + c->in.len, body, len);
    c->in.len += len;

    return 0;
}


void
compress_start(compress_t *c)
{
    c->busy = 1;

    if (!c->threaded) {
        compress_work(c);
        compress_report(c);
        return;
    }

    (void) pthread_mutex_lock(&c->mutex);
    c->work = 1;
    (void) pthread_cond_signal(&c->cond);
    (void) pthread_mutex_unlock(&c->mutex);
}


int64_t
compress_cost_us(const compress_t *c)
{
    return c->cost_us;
}
