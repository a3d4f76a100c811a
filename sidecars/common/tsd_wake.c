/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The socket by which followers of a shared file are woken; see tsd_wake.h.
 *
 * A follower sleeps from a request that had nothing newer until it is woken.
 * `oldest` is no later than the seq that any sleeper has seen, so that one
 * comparison tells whether there is anybody to wake.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "tsd_log.h"
#include "tsd_wake.h"


#define TSD_WAKE_BACKLOG  256
#define TSD_WAKE_ACCEPTS  64        /* in one turn of the loop */
#define TSD_WAKE_READ     512       /* bytes at a time */
#define TSD_WAKE_REST_MS  100       /* when there are no descriptors left */

typedef struct {
    tsd_wake_t    *wake;
    struct event  *event;
    int            fd;
    unsigned       index;           /* in tsd_wake_s.followers */
    unsigned       nbytes;          /* of a request that came in parts */
    unsigned char  bytes[sizeof(uint64_t)];
    int            sleeping;
    uint64_t       seen;
} tsd_follower_t;

struct tsd_wake_s {
    struct event_base  *base;
    struct event       *event;
    struct event       *rest;
    int                 fd;
    uint64_t          (*seq)(void *ctx);
    void               *ctx;
    tsd_follower_t     *followers[TSD_WAKE_FOLLOWERS];
    unsigned            n;
    unsigned            sleeping;
    uint64_t            oldest;
    tsd_limiter_t       limiter;
    dev_t               dev;        /* of the socket's file, so that only */
    ino_t               ino;        /* our own is unlinked */
    char                path[sizeof(((struct sockaddr_un *) 0)->sun_path)];
};


static void
tsd_wake_drop(tsd_follower_t *f, const char *reason)
{
    tsd_wake_t  *w;

    w = f->wake;

    if (reason) {
        tsd_log_limited(&w->limiter, TSD_LOG_INFO, "follower_dropped",
                        "path=\"%s\" reason=\"%s\"", w->path, reason);
    }

    w->sleeping -= (unsigned) f->sleeping;
    w->followers[f->index] = w->followers[--w->n];
    w->followers[f->index]->index = f->index;

    if (f->event) {
        event_free(f->event);
    }

    (void) close(f->fd);
    free(f);
}


static void
tsd_wake_send(tsd_follower_t *f)
{
    ssize_t  n;

    f->wake->sleeping -= (unsigned) f->sleeping;
    f->sleeping = 0;

    do {
        n = send(f->fd, "", 1, MSG_NOSIGNAL);
    } while (n == -1 && errno == EINTR);

    if (n != 1) {
        /* it asks, and reads no answers; or it has gone */
        tsd_wake_drop(f, errno == EAGAIN ? "does not read" : NULL);
    }
}


/* wakes f at once if there is something newer, else when there is */

static void
tsd_wake_request(tsd_follower_t *f, uint64_t seen)
{
    uint64_t     seq;
    tsd_wake_t  *w;

    w = f->wake;
    seq = w->seq(w->ctx);

    if (seen > seq) {
        tsd_wake_drop(f, "seq of the future");
        return;
    }

    f->seen = seen;

    if (seen < seq) {
        tsd_wake_send(f);
        return;
    }

    if (w->sleeping == 0 || seen < w->oldest) {
        w->oldest = seen;
    }

    w->sleeping += !f->sleeping;
    f->sleeping = 1;
}


static void
tsd_wake_on_read(evutil_socket_t fd, short what, void *arg)
{
    size_t           have, rest;
    ssize_t          n;
    uint64_t         seen;
    tsd_follower_t  *f;
    unsigned char    buf[sizeof(uint64_t) + TSD_WAKE_READ];

    (void) what;

    f = arg;
    n = recv(fd, buf + f->nbytes, TSD_WAKE_READ, 0);

    if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }

    if (n <= 0) {
        tsd_wake_drop(f, NULL);
        return;
    }

    memcpy(buf, f->bytes, f->nbytes);
    have = f->nbytes + (size_t) n;
    rest = have % sizeof(uint64_t);
    f->nbytes = (unsigned) rest;
    memcpy(f->bytes, buf + have - rest, rest);

    if (have >= sizeof(uint64_t)) {
        memcpy(&seen, buf + have - rest - sizeof(uint64_t), sizeof(uint64_t));
        tsd_wake_request(f, seen);
    }
}


static int
tsd_wake_add(tsd_wake_t *w, int fd)
{
    tsd_follower_t  *f;

    if (w->n == TSD_WAKE_FOLLOWERS) {
        tsd_log_limited(&w->limiter, TSD_LOG_WARN, "follower_refused",
                        "path=\"%s\" reason=\"there are %u\"", w->path, w->n);
        (void) close(fd);
        return 0;
    }

    f = calloc(1, sizeof(tsd_follower_t));

    if (f == NULL) {
        (void) close(fd);
        errno = ENOMEM;
        return -1;
    }

    f->wake = w;
    f->fd = fd;
    f->index = w->n;
    w->followers[w->n++] = f;
    f->event = event_new(w->base, fd, EV_READ | EV_PERSIST, tsd_wake_on_read,
                         f);

    if (f->event == NULL || event_add(f->event, NULL) != 0) {
        tsd_wake_drop(f, NULL);
        errno = ENOMEM;
        return -1;
    }

    return 0;
}


static void
tsd_wake_on_rest(evutil_socket_t fd, short what, void *arg)
{
    tsd_wake_t  *w;

    (void) fd;
    (void) what;

    w = arg;
    (void) event_add(w->event, NULL);
}


static void
tsd_wake_on_accept(evutil_socket_t listener, short what, void *arg)
{
    int              fd;
    unsigned         i;
    tsd_wake_t      *w;
    struct timeval   tv = { 0, TSD_WAKE_REST_MS * 1000 };

    (void) what;

    w = arg;

    for (i = 0; i < TSD_WAKE_ACCEPTS; i++) {
        fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd == -1 && (errno == EAGAIN || errno == ECONNABORTED
                         || errno == EINTR))
        {
            return;
        }

        if (fd != -1 && tsd_wake_add(w, fd) == 0) {
            continue;
        }

        /* it would be readable, and fail, again at once */

        tsd_log_limited(&w->limiter, TSD_LOG_WARN, "follower_refused",
                        "path=\"%s\" reason=\"%s\"", w->path,
                        strerror(errno));
        (void) event_del(w->event);
        (void) event_add(w->rest, &tv);
        return;
    }
}


static int
tsd_wake_listen(tsd_wake_t *w)
{
    struct stat         st;
    struct sockaddr_un  sun;

    memset(&sun, 0, sizeof(sun));
    sun.sun_family = AF_UNIX;
    memcpy(sun.sun_path, w->path, sizeof(w->path));

    w->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (w->fd == -1) {
        return -1;
    }

    if (unlink(w->path) != 0 && errno != ENOENT) {
        return -1;
    }

    if (bind(w->fd, (struct sockaddr *) &sun, sizeof(sun)) != 0) {
        return -1;
    }

    if (lstat(w->path, &st) != 0) {
        return -1;
    }

    w->dev = st.st_dev;
    w->ino = st.st_ino;

    return chmod(w->path, 0666) == 0 && listen(w->fd, TSD_WAKE_BACKLOG) == 0
           ? 0 : -1;
}


tsd_wake_t *
tsd_wake_create(struct event_base *base, const char *path,
    uint64_t (*seq)(void *ctx), void *ctx)
{
    int          err;
    tsd_wake_t  *w;

    if (strlen(path) >= sizeof(w->path)) {
        errno = ENAMETOOLONG;
        return NULL;
    }

    w = calloc(1, sizeof(tsd_wake_t));

    if (w == NULL) {
        return NULL;
    }

    w->base = base;
    w->seq = seq;
    w->ctx = ctx;
    memcpy(w->path, path, strlen(path));

    if (tsd_wake_listen(w) != 0) {
        goto failed;
    }

    errno = ENOMEM;     /* libevent does not say */
    w->rest = evtimer_new(base, tsd_wake_on_rest, w);
    w->event = event_new(base, w->fd, EV_READ | EV_PERSIST,
                         tsd_wake_on_accept, w);

    if (w->rest == NULL || w->event == NULL || event_add(w->event, NULL) != 0)
    {
        goto failed;
    }

    return w;

failed:

    err = errno;
    tsd_wake_free(w);
    errno = err;

    return NULL;
}


void
tsd_wake_free(tsd_wake_t *w)
{
    struct stat  st;

    if (w == NULL) {
        return;
    }

    /* first: who sees the end of file must find nothing to connect to */

    if (w->ino && lstat(w->path, &st) == 0 && st.st_dev == w->dev
        && st.st_ino == w->ino)
    {
        (void) unlink(w->path);
    }

    if (w->event) {
        event_free(w->event);
    }

    if (w->rest) {
        event_free(w->rest);
    }

    if (w->fd != -1) {
        (void) close(w->fd);
    }

    while (w->n) {
        tsd_wake_drop(w->followers[w->n - 1], NULL);
    }

    free(w);
}


void
tsd_wake_notify(tsd_wake_t *w)
{
    unsigned         i;
    uint64_t         seq, oldest;
    tsd_follower_t  *f;

    if (w->sleeping == 0) {
        return;
    }

    seq = w->seq(w->ctx);

    if (seq <= w->oldest) {
        return;
    }

    oldest = UINT64_MAX;

    /* from the end: the last one takes the place of one that is dropped */

    for (i = w->n; i-- > 0; /* void */) {
        f = w->followers[i];

        if (!f->sleeping) {
            continue;
        }

        if (f->seen < seq) {
            tsd_wake_send(f);

        } else if (f->seen < oldest) {
            oldest = f->seen;
        }
    }

    w->oldest = oldest;
}
