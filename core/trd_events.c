/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The events file, both sides; layout and rules: trd_events.h.
 *
 * A record: four words of head (hash; number; ms; kind, length of account,
 * length of body), then account and body, each filled up to whole words.  The
 * hash covers all of it, its position and the generation, so neither an older
 * lap nor another file can pass for it.  Where no record fits before the end
 * of the ring a padding one takes the rest, or, if not even its head fits,
 * nothing does.
 *
 * What is newest is kept twice, by turns, each with a hash, and the number
 * that is stored last says which of the two counts: a writer that dies between
 * any two stores leaves the one before it whole.
 */

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "trd_events.h"


#define TRD_EVENT_HEAD    32
#define TRD_EVENT_PAD     0xff      /* kind of a padding */
#define TRD_EVENT_TRIES   64        /* a writer that overtakes us each time */

/* the writer may be that far ahead of what it has published */
#define TRD_EVENT_AHEAD                                                       \
    (2 * (TRD_EVENT_HEAD + TRD_EVENT_ACCOUNT_MAX + 1 + TRD_EVENT_BODY_MAX))

#define trd_event_words(len)  (((size_t) (len) + 7) / 8)

#define trd_event_load(p)     atomic_load_explicit(p, memory_order_relaxed)
#define trd_event_store(p, v) atomic_store_explicit(p, v, memory_order_relaxed)

typedef struct {
    _Atomic uint64_t  pos;
    _Atomic uint64_t  number;
    _Atomic uint64_t  hash;
} trd_events_end_t;

typedef struct {
    char              magic[8];
    uint32_t          layout;
    uint32_t          header_size;
    uint64_t          file_size;
    uint64_t          ring_size;
    uint64_t          generation;
    int64_t           created_ms;
    uint64_t          reserved;
    uint64_t          hash;             /* over all before it */

    _Alignas(64) _Atomic int64_t   heartbeat_mono_ms;
    _Atomic int64_t                heartbeat_ms;

    _Alignas(64) _Atomic uint64_t  number;      /* of the newest event */
    trd_events_end_t               end[2];      /* that of `number` is
                                                   end[number & 1] */
} trd_events_header_t;

_Static_assert(offsetof(trd_events_header_t, hash) == 56, "layout");
_Static_assert(offsetof(trd_events_header_t, number) == 128, "layout");
_Static_assert(sizeof(trd_events_header_t) <= TRD_EVENTS_HEADER_SIZE,
               "layout");


static const trd_events_header_t *
trd_events_header(const trd_events_t *e)
{
    return (const void *) e->base;
}


static uint64_t
trd_events_end_hash(uint64_t generation, uint64_t pos, uint64_t number)
{
    uint64_t  words[3] = { generation, pos, number };

    return XXH3_64bits(words, sizeof(words));
}


static uint64_t
trd_event_hash(uint64_t generation, uint64_t pos, const uint64_t *head,
    const void *account, size_t account_len, const void *body, size_t len)
{
    uint64_t  hash;
    uint64_t  words[5] = { generation, pos, head[1], head[2], head[3] };

    hash = XXH3_64bits(words, sizeof(words));
    hash = XXH3_64bits_withSeed(account, account_len, hash);

    return XXH3_64bits_withSeed(body, len, hash);
}


size_t
trd_events_size(uint64_t ring_size)
{
    if (ring_size < TRD_EVENTS_RING_MIN || ring_size > TRD_EVENTS_RING_MAX
        || (ring_size & (ring_size - 1)) != 0)
    {
        return 0;
    }

    return TRD_EVENTS_HEADER_SIZE + (size_t) ring_size;
}


trd_rc_t
trd_events_open(trd_events_t *e, const void *base, size_t size,
    const char **why)
{
    trd_events_header_t  h;

    memset(e, 0, sizeof(*e));

    if (size < TRD_EVENTS_HEADER_SIZE || (uintptr_t) base % 64 != 0) {
        *why = "file is too short";
        return TRD_CORRUPT;
    }

    memcpy(&h, base, offsetof(trd_events_header_t, heartbeat_mono_ms));

    if (memcmp(h.magic, TRD_EVENTS_MAGIC, sizeof(h.magic)) != 0) {
        *why = "not an events file";
        return TRD_CORRUPT;
    }

    if (h.layout != TRD_EVENTS_LAYOUT
        || h.header_size != TRD_EVENTS_HEADER_SIZE)
    {
        *why = "another layout version";
        return TRD_CORRUPT;
    }

    if (h.hash != XXH3_64bits(&h, offsetof(trd_events_header_t, hash))) {
        *why = "header is damaged";
        return TRD_CORRUPT;
    }

    if (trd_events_size(h.ring_size) != size || h.file_size != size) {
        *why = "size differs from the header's";
        return TRD_CORRUPT;
    }

    e->base = base;
    e->size = size;
    e->ring_size = h.ring_size;
    e->generation = h.generation;

    return TRD_OK;
}


/* TRD_AGAIN: the writer was faster each time */

static trd_rc_t
trd_events_end(const trd_events_t *e, uint64_t *pos, uint64_t *number)
{
    unsigned                    i;
    uint64_t                    hash;
    const trd_events_end_t     *end;
    const trd_events_header_t  *h;

    h = trd_events_header(e);

    for (i = 0; i < TRD_EVENT_TRIES; i++) {
        *number = atomic_load_explicit(&h->number, memory_order_acquire);
        end = &h->end[*number & 1];
        *pos = trd_event_load(&end->pos);
        hash = trd_event_load(&end->hash);

        if (trd_event_load(&end->number) == *number
            && hash == trd_events_end_hash(e->generation, *pos, *number))
        {
            return TRD_OK;
        }

        /* it is written over only after its successor was published */

        atomic_thread_fence(memory_order_acquire);

        if (trd_event_load(&h->number) == *number) {
            return TRD_CORRUPT;
        }
    }

    return TRD_AGAIN;
}


uint64_t
trd_events_newest(const trd_events_t *e, uint64_t *number)
{
    uint64_t  pos;

    if (trd_events_end(e, &pos, number) != TRD_OK) {
        *number = 0;
        return 0;
    }

    return pos;
}


int64_t
trd_events_age(const trd_events_t *e, int64_t mono_ms)
{
    int64_t  beat;

    beat = trd_event_load(&trd_events_header(e)->heartbeat_mono_ms);

    /* our cached clock may be a little behind the writer's */
    if (beat > mono_ms) {
        return beat - mono_ms < 10000 ? 0 : INT64_MAX;
    }

    return beat <= 0 ? INT64_MAX : mono_ms - beat;
}


/* whole words of the ring; the last may be cut for the copy */

static void
trd_event_copy(void *to, const _Atomic uint64_t *from, size_t len)
{
    size_t    n;
    uint8_t  *p;
    uint64_t  word;

    for (p = to; len; p += n, len -= n) {
        word = trd_event_load(from++);
        n = len < sizeof(word) ? len : sizeof(word);
        memcpy(p, &word, n);
    }
}


/*
 * The record at pos, of which no more than `rest` bytes can be.  TRD_IGNORED:
 * a padding; TRD_CORRUPT: it is not whole.
 */

static trd_rc_t
trd_event_take(const trd_events_t *e, uint64_t pos, uint64_t rest,
    trd_event_t *event, void *buf)
{
    size_t                   size;
    uint64_t                 head[TRD_EVENT_HEAD / 8];
    const _Atomic uint64_t  *at;

    at = (const void *) (e->base + TRD_EVENTS_HEADER_SIZE
                         + (pos & (e->ring_size - 1)));
    trd_event_copy(head, at, sizeof(head));

    event->number = head[1];
    event->ms = (int64_t) head[2];
    event->kind = head[3] & 0xff;
    event->account_len = head[3] >> 8 & 0xff;
    event->len = (uint32_t) (head[3] >> 32);

    if (event->kind == TRD_EVENT_PAD) {
        return event->len == rest
               && head[0] == trd_event_hash(e->generation, pos, head, "", 0,
                                            "", 0)
               ? TRD_IGNORED : TRD_CORRUPT;
    }

    if (event->kind >= TRD_EVENT_N
        || event->account_len > TRD_EVENT_ACCOUNT_MAX
        || event->len > TRD_EVENT_BODY_MAX)
    {
        return TRD_CORRUPT;
    }

    size = TRD_EVENT_HEAD + 8 * (trd_event_words(event->account_len)
                                 + trd_event_words(event->len));

    if (size > rest) {
        return TRD_CORRUPT;
    }

    at += TRD_EVENT_HEAD / 8;
    memset(event->account, 0, sizeof(event->account));
    trd_event_copy(event->account, at, event->account_len);
    trd_event_copy(buf, at + trd_event_words(event->account_len), event->len);
    event->next = pos + size;

    return head[0] == trd_event_hash(e->generation, pos, head, event->account,
                                     event->account_len, buf, event->len)
           ? TRD_OK : TRD_CORRUPT;
}


/* was a record that is not whole written over, or damaged? */

static trd_rc_t
trd_event_lost(const trd_events_t *e, uint64_t *pos)
{
    trd_rc_t  rc;
    uint64_t  end, number;

    /* if we saw of a record, we see, too, what was published before it */
    atomic_thread_fence(memory_order_acquire);

    rc = trd_events_end(e, &end, &number);

    if (rc != TRD_OK) {
        return rc;
    }

    rc = end >= *pos && end - *pos > e->ring_size - TRD_EVENT_AHEAD
         ? TRD_NOT_FOUND : TRD_CORRUPT;
    *pos = end;

    return rc;
}


trd_rc_t
trd_events_read(const trd_events_t *e, uint64_t *pos, trd_event_t *event,
    void *buf)
{
    trd_rc_t  rc;
    uint64_t  end, number, rest;

    rc = trd_events_end(e, &end, &number);

    if (rc != TRD_OK) {
        return rc;
    }

    /* twice round at most: padding ends where the ring does */

    for ( ;; ) {
        if (*pos == end) {
            return TRD_AGAIN;
        }

        if (*pos > end || *pos % 8 || end - *pos > e->ring_size) {
            rc = *pos > end || *pos % 8 ? TRD_CORRUPT : TRD_NOT_FOUND;
            *pos = end;
            return rc;
        }

        rest = e->ring_size - (*pos & (e->ring_size - 1));

        if (rest < TRD_EVENT_HEAD) {
            *pos += rest;
            continue;
        }

        rc = trd_event_take(e, *pos, rest, event, buf);

        if (rc == TRD_IGNORED) {
            *pos += rest;
            continue;
        }

        if (rc != TRD_OK || event->next > end) {
            return trd_event_lost(e, pos);
        }

        *pos = event->next;

        return TRD_OK;
    }
}


static void
trd_events_publish(trd_events_writer_t *w)
{
    trd_events_end_t     *end;
    trd_events_header_t  *h;

    h = (void *) w->base;
    end = &h->end[w->number & 1];

    trd_event_store(&end->pos, w->pos);
    trd_event_store(&end->number, w->number);
    trd_event_store(&end->hash,
                    trd_events_end_hash(w->generation, w->pos, w->number));
    atomic_store_explicit(&h->number, w->number, memory_order_release);
}


trd_rc_t
trd_events_create(trd_events_writer_t *w, void *base, size_t size,
    uint64_t ring_size, uint64_t generation, int64_t now_ms)
{
    trd_events_header_t  *h;

    if (trd_events_size(ring_size) == 0 || trd_events_size(ring_size) != size
        || (uintptr_t) base % 64 != 0)
    {
        return TRD_OVERFLOW;
    }

    memset(base, 0, TRD_EVENTS_HEADER_SIZE);

    w->base = base;
    w->ring_size = ring_size;
    w->pos = 0;
    w->number = 0;
    w->generation = generation;

    h = base;
    memcpy(h->magic, TRD_EVENTS_MAGIC, sizeof(h->magic));
    h->layout = TRD_EVENTS_LAYOUT;
    h->header_size = TRD_EVENTS_HEADER_SIZE;
    h->file_size = size;
    h->ring_size = ring_size;
    h->generation = generation;
    h->created_ms = now_ms;
    h->hash = XXH3_64bits(h, offsetof(trd_events_header_t, hash));

    trd_event_store(&h->heartbeat_ms, now_ms);
    trd_events_publish(w);

    return TRD_OK;
}


static _Atomic uint64_t *
trd_event_put(_Atomic uint64_t *to, const void *from, size_t len)
{
    size_t          n;
    uint64_t        word;
    const uint8_t  *p;

    for (p = from; len; p += n, len -= n) {
        word = 0;
        n = len < sizeof(word) ? len : sizeof(word);
        memcpy(&word, p, n);
        trd_event_store(to++, word);
    }

    return to;
}


static void
trd_event_write(trd_events_writer_t *w, uint64_t *head, const char *account,
    size_t account_len, const void *body, size_t len)
{
    _Atomic uint64_t  *to;

    head[0] = trd_event_hash(w->generation, w->pos, head, account,
                             account_len, body, len);

    to = (void *) (w->base + TRD_EVENTS_HEADER_SIZE
                   + (w->pos & (w->ring_size - 1)));
    to = trd_event_put(to, head, TRD_EVENT_HEAD);
    to = trd_event_put(to, account, account_len);
    (void) trd_event_put(to, body, len);
}


trd_rc_t
trd_events_write(trd_events_writer_t *w, unsigned kind, const char *account,
    size_t account_len, const void *body, size_t len, int64_t now_ms)
{
    size_t    size;
    uint64_t  rest;
    uint64_t  head[TRD_EVENT_HEAD / 8] = { 0 };

    if (kind >= TRD_EVENT_N || account_len == 0 || len == 0
        || memchr(account, '\0', account_len) != NULL)
    {
        return TRD_ERROR;
    }

    if (account_len > TRD_EVENT_ACCOUNT_MAX || len > TRD_EVENT_BODY_MAX) {
        return TRD_OVERFLOW;
    }

    size = TRD_EVENT_HEAD + 8 * (trd_event_words(account_len)
                                 + trd_event_words(len));
    rest = w->ring_size - (w->pos & (w->ring_size - 1));

    /* what was published is seen before anything is written over */
    atomic_thread_fence(memory_order_release);

    if (size > rest) {
        if (rest >= TRD_EVENT_HEAD) {
            head[3] = TRD_EVENT_PAD | rest << 32;
            trd_event_write(w, head, "", 0, "", 0);
        }

        w->pos += rest;
    }

    w->number++;
    head[1] = w->number;
    head[2] = (uint64_t) now_ms;
    head[3] = kind | (uint64_t) account_len << 8 | (uint64_t) len << 32;

    trd_event_write(w, head, account, account_len, body, len);
    w->pos += size;
    trd_events_publish(w);

    return TRD_OK;
}


void
trd_events_beat(trd_events_writer_t *w, int64_t mono_ms, int64_t now_ms)
{
    trd_events_header_t  *h;

    h = (void *) w->base;
    trd_event_store(&h->heartbeat_ms, now_ms);
    atomic_store_explicit(&h->heartbeat_mono_ms, mono_ms,
                          memory_order_release);
}
