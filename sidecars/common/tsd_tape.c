/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The tape's writer as the loop sees it: records and messages are copied into
 * buffers, which a thread turns into blocks and files.  The lock is taken
 * once a buffer, not once a record.
 *
 *     free -> filled by the loop -> queued -> packed by the thread -> free
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tsd_log.h"
#include "tsd_tape_write.h"

#define TAPE_BUFFERS    6
#define TAPE_ROOM       (1U << 20)
#define TAPE_RECORD     1
#define TAPE_MESSAGE    2
#define TAPE_BIG        3       /* a message of its own memory */

typedef struct tape_buffer_s  tape_buffer_t;

struct tape_buffer_s {
    tape_buffer_t  *next;
    size_t          len;
    uint8_t         data[TAPE_ROOM];        /* aligned */
    int             within;         /* it ends within a message's records */
};

/* before each thing in a buffer; things are padded to eight bytes */
typedef struct {
    uint32_t  what;
    uint32_t  len;
} tape_item_t;

struct tsd_tape_s {
    tsd_tape_write_t   write;           /* the thread's */
    uint32_t           flush_ms;
    int                lock_fd;

    pthread_t          thread;
    pthread_mutex_t    mutex;
    pthread_cond_t     wake;            /* the thread: something is queued */
    pthread_cond_t     freed;           /* the loop: a buffer is free */
    tape_buffer_t     *free;            /* these four under the mutex */
    tape_buffer_t     *queue;
    tape_buffer_t    **queue_end;
    int                stop;
    tsd_tape_stats_t   stats;           /* likewise */

    tape_buffer_t     *current;         /* the loop's from here on */
    uint64_t           message;         /* newest number */
    uint64_t           from;            /* message that records are from */
    uint64_t           lost;
    int                may_wait;
    tsd_limiter_t      limiter;
    tape_buffer_t     *memory[TAPE_BUFFERS];
};


static void
tape_pack_buffer(tsd_tape_t *t, tape_buffer_t *b)
{
    size_t              at;
    void               *big;
    tape_item_t         item;
    trd_tape_record_t   r;
    tsd_tape_message_t  m;

    for (at = 0; at < b->len; at += (item.len + 7) & ~(size_t) 7) {
        memcpy(&item, b->data + at, sizeof(item));
        at += sizeof(item);

        if (item.what == TAPE_RECORD) {
            memcpy(&r, b->data + at, sizeof(r));
            r.book = r.book ? (const void *) (b->data + at + sizeof(r)) : NULL;
            tsd_tape_write_record(&t->write, &r);
            continue;
        }

        memcpy(&m, b->data + at, sizeof(m));

        if (item.what == TAPE_MESSAGE) {
            tsd_tape_write_message(&t->write, &m, b->data + at + sizeof(m));
            continue;
        }

        memcpy(&big, b->data + at + sizeof(m), sizeof(big));
        tsd_tape_write_message(&t->write, &m, big);
        free(big);
    }
}


/* The next buffer; NULL: none came until the block must be written. */

static tape_buffer_t *
tape_take(tsd_tape_t *t, int64_t until_ms, int *stop)
{
    int64_t          ms;
    tape_buffer_t   *b;
    struct timespec  ts;

    pthread_mutex_lock(&t->mutex);
    t->stats = t->write.stats;

    while (t->queue == NULL && !t->stop) {
        ms = until_ms - tsd_mono_ms();

        if (until_ms && ms <= 0) {
            break;
        }

        if (until_ms == 0) {
            pthread_cond_wait(&t->wake, &t->mutex);
            continue;
        }

        clock_gettime(CLOCK_REALTIME, &ts);
        ts.tv_sec += (time_t) (ms / 1000);
        ts.tv_nsec += (long) (ms % 1000) * 1000000;

        if (ts.tv_nsec >= 1000000000) {
            ts.tv_sec++;
            ts.tv_nsec -= 1000000000;
        }

        (void) pthread_cond_timedwait(&t->wake, &t->mutex, &ts);
    }

    b = t->queue;

    if (b) {
        t->queue = b->next;

        if (t->queue == NULL) {
            t->queue_end = &t->queue;
        }
    }

    *stop = t->stop && b == NULL;
    pthread_mutex_unlock(&t->mutex);

    return b;
}


static void *
tape_thread(void *arg)
{
    int             stop, within;
    int64_t         until_ms, now_ms;
    tsd_tape_t     *t = arg;
    tape_buffer_t  *b;

    until_ms = 0;
    within = 0;

    for ( ;; ) {
        b = tape_take(t, within ? 0 : until_ms, &stop);

        if (b) {
            tape_pack_buffer(t, b);
            within = b->within;
            b->len = 0;

            pthread_mutex_lock(&t->mutex);
            b->next = t->free;
            t->free = b;
            pthread_cond_signal(&t->freed);
            pthread_mutex_unlock(&t->mutex);
        }

        if (stop) {
            break;
        }

        now_ms = tsd_mono_ms();

        if (t->write.block.records == 0 && t->write.raw_messages == 0) {
            until_ms = 0;

        } else if (until_ms == 0) {
            until_ms = now_ms + t->flush_ms;
        }

        if (until_ms && now_ms >= until_ms && !within) {
            tsd_tape_write_block(&t->write);
            until_ms = 0;
        }
    }

    tsd_tape_write_lost(&t->write);
    tsd_tape_write_block(&t->write);
    tsd_tape_write_end(&t->write);

    return NULL;
}


/* The loop's buffer goes to the thread. */

static void
tape_hand_over(tsd_tape_t *t)
{
    tape_buffer_t  *b = t->current;

    if (b == NULL || b->len == 0) {
        return;
    }

    b->within = t->from != 0;

    pthread_mutex_lock(&t->mutex);
    b->next = NULL;
    *t->queue_end = b;
    t->queue_end = &b->next;
    t->current = t->free;

    if (t->current) {
        t->free = t->current->next;
    }

    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->mutex);
}


/* An empty buffer, if there is one now, or if the caller may wait for it. */

static int
tape_refill(tsd_tape_t *t)
{
    pthread_mutex_lock(&t->mutex);

    while (t->free == NULL && t->may_wait) {
        pthread_cond_wait(&t->freed, &t->mutex);
    }

    t->current = t->free;

    if (t->current) {
        t->free = t->current->next;
    }

    pthread_mutex_unlock(&t->mutex);

    return t->current ? 0 : -1;
}


/* Room for an item of so many bytes, its head written; NULL: it is lost. */

static uint8_t *
tape_reserve(tsd_tape_t *t, uint32_t what, size_t len)
{
    size_t        size;
    uint8_t      *p;
    tape_item_t   item;

    size = sizeof(item) + ((len + 7) & ~(size_t) 7);

    if (t->current && t->current->len + size > TAPE_ROOM) {
        tape_hand_over(t);
    }

    if (t->current == NULL && tape_refill(t) != 0) {
        t->lost++;
        tsd_log_limited(&t->limiter, TSD_LOG_ERROR, "tape_lags",
                        "lost=%llu effect=\"updates are published but not "
                        "recorded\"", (unsigned long long) t->lost);
        return NULL;
    }

    item.what = what;
    item.len = (uint32_t) len;
    p = t->current->data + t->current->len;
    memcpy(p, &item, sizeof(item));
    t->current->len += size;

    return p + sizeof(item);
}


static void
tape_put(tsd_tape_t *t, const trd_tape_record_t *r)
{
    uint8_t  *p;

    p = tape_reserve(t, TAPE_RECORD,
                     sizeof(*r) + (r->book ? sizeof(*r->book) : 0));

    if (p == NULL) {
        return;
    }

    memcpy(p, r, sizeof(*r));

    if (r->book) {
        memcpy(p + sizeof(*r), r->book, sizeof(*r->book));
    }
}


/* What was lost is said as soon as something can be said again, and before
   anything else is: 0, or -1. */

static int
tape_put_gap(tsd_tape_t *t)
{
    uint64_t           lost = t->lost;
    trd_tape_record_t  r;

    if (lost == 0) {
        return 0;
    }

    if (t->current == NULL && tape_refill(t) != 0) {
        return -1;
    }

    memset(&r, 0, sizeof(r));
    r.op = TRD_TAPE_GAP;
    r.update.id = lost;
    t->lost = 0;
    tape_put(t, &r);

    if (t->lost) {
        t->lost = lost;
        return -1;
    }

    return 0;
}


void
tsd_tape_put(tsd_tape_t *t, const trd_tape_record_t *record)
{
    trd_tape_record_t  r = *record;

    if (tape_put_gap(t) != 0) {
        t->lost++;
        return;
    }

    r.message = trd_tape_from(r.op) ? t->from : t->message;
    r.digest = 0;
    tape_put(t, &r);
}


void
tsd_tape_message(tsd_tape_t *t, const tsd_tape_origin_t *from,
    const char *data, size_t len, int64_t now_ms)
{
    void                *big;
    uint8_t             *p;
    tsd_tape_message_t   m;

    memset(&m, 0, sizeof(m));
    m.len = (uint32_t) len;
    m.decoder = (uint16_t) from->decoder;
    m.source = (uint16_t) from->source;
    m.instrument = from->instrument;
    m.option = from->option;
    m.number = ++t->message;
    m.received_ms = now_ms;
    t->from = m.number;

    if (tape_put_gap(t) != 0) {
        t->lost++;
        return;
    }

    if (len <= TAPE_ROOM / 4) {
        p = tape_reserve(t, TAPE_MESSAGE, sizeof(m) + len);

        if (p) {
            memcpy(p, &m, sizeof(m));
            memcpy(p + sizeof(m), data, len);
        }

        return;
    }

    big = len <= TRD_TAPE_PLAIN_MAX / 2 ? malloc(len) : NULL;
    p = big ? tape_reserve(t, TAPE_BIG, sizeof(m) + sizeof(big)) : NULL;

    if (p == NULL) {
        t->lost += big == NULL;
        free(big);
        return;
    }

    memcpy(big, data, len);
    memcpy(p, &m, sizeof(m));
    memcpy(p + sizeof(m), &big, sizeof(big));
}


void
tsd_tape_message_end(tsd_tape_t *t)
{
    t->from = 0;
}


void
tsd_tape_tick(tsd_tape_t *t)
{
    int  idle;

    pthread_mutex_lock(&t->mutex);
    idle = t->queue == NULL;
    pthread_mutex_unlock(&t->mutex);

    (void) tape_put_gap(t);

    if (idle) {
        tape_hand_over(t);
    }
}


void
tsd_tape_may_wait(tsd_tape_t *t, int may)
{
    t->may_wait = may;
}


void
tsd_tape_stats(tsd_tape_t *t, tsd_tape_stats_t *stats)
{
    pthread_mutex_lock(&t->mutex);
    *stats = t->stats;
    pthread_mutex_unlock(&t->mutex);

    stats->lost += t->lost;
}


/* <dir>/lock: one writer, as long as the descriptor is open */

static int
tape_lock(tsd_tape_t *t, const char *dir)
{
    char  path[TSD_TAPE_PATH];

    if (mkdir(dir, 0750) != 0 && errno != EEXIST) {
        tsd_log(TSD_LOG_ERROR, "tape_refused", "dir=\"%s\" error=\"%s\"", dir,
                strerror(errno));
        return -1;
    }

    (void) snprintf(path, sizeof(path), "%s/lock", dir);
    t->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);

    if (t->lock_fd == -1 || flock(t->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        tsd_log(TSD_LOG_ERROR, "tape_refused", "path=\"%s\" error=\"%s\"",
                path, errno == EWOULDBLOCK ? "another process writes it"
                                           : strerror(errno));
        return -1;
    }

    return 0;
}


static void
tape_free(tsd_tape_t *t)
{
    unsigned  i;

    for (i = 0; i < TAPE_BUFFERS; i++) {
        free(t->memory[i]);
    }

    if (t->lock_fd != -1) {
        (void) close(t->lock_fd);
    }

    free(t);
}


tsd_tape_t *
tsd_tape_create(const tsd_tape_options_t *options, uint64_t *last_seq)
{
    unsigned     i;
    tsd_tape_t  *t;

    t = calloc(1, sizeof(*t));
    if (t == NULL) {
        tsd_log(TSD_LOG_ERROR, "no_memory", "for=tape");
        return NULL;
    }

    t->lock_fd = -1;
    t->flush_ms = options->flush_ms ? options->flush_ms : 1000;
    t->queue_end = &t->queue;

    for (i = 0; i < TAPE_BUFFERS; i++) {
        t->memory[i] = malloc(sizeof(tape_buffer_t));

        if (t->memory[i] == NULL) {
            tsd_log(TSD_LOG_ERROR, "no_memory", "for=tape");
            tape_free(t);
            return NULL;
        }

        t->memory[i]->len = 0;
        t->memory[i]->next = t->free;
        t->free = t->memory[i];
    }

    if (tape_lock(t, options->dir) != 0
        || tsd_tape_write_init(&t->write, options) != 0)
    {
        tape_free(t);
        return NULL;
    }

    if (tsd_tape_recover(&t->write) != 0) {
        tsd_tape_write_free(&t->write);
        tape_free(t);
        return NULL;
    }

    *last_seq = t->write.seq;
    t->message = t->write.message;
    t->stats = t->write.stats;

    pthread_mutex_init(&t->mutex, NULL);
    pthread_cond_init(&t->wake, NULL);
    pthread_cond_init(&t->freed, NULL);

    if (pthread_create(&t->thread, NULL, tape_thread, t) != 0) {
        tsd_log(TSD_LOG_ERROR, "no_thread", "for=tape");
        tsd_tape_write_free(&t->write);
        tape_free(t);
        return NULL;
    }

    return t;
}


int
tsd_tape_close(tsd_tape_t *t)
{
    int  rc;

    t->may_wait = 1;

    (void) tape_put_gap(t);
    tape_hand_over(t);

    pthread_mutex_lock(&t->mutex);
    t->stop = 1;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->mutex);
    (void) pthread_join(t->thread, NULL);

    rc = t->write.stats.lost || t->write.failing ? -1 : 0;

    tsd_tape_write_free(&t->write);
    pthread_mutex_destroy(&t->mutex);
    pthread_cond_destroy(&t->wake);
    pthread_cond_destroy(&t->freed);
    tape_free(t);

    return rc;
}
