/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the processes of mixed_reads have seen, in memory that they share, and
 * the comparison of what one sees now with it.
 */

#ifndef MIXED_SEEN_H
#define MIXED_SEEN_H

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define READS_SLOTS        (1U << 18)
#define READS_TAGS         (1U << 16)
#define READS_VIOLATIONS   20

typedef enum {
    SURFACE_QUOTE = 0,
    SURFACE_SIGNAL,
    SURFACE_BINARY,
    SURFACE_JOINED,
    SURFACE_FIELDS,
    SURFACE_MARKET,
    SURFACE_SUMMARY,
    SURFACE_CLASS,
    SURFACE_SIGNALS,
    SURFACE_STREAM,
    SURFACE_N
} surface_t;

static const struct {
    const char  *path;          /* %s: a symbol, or two */
    unsigned     weight;
    int          whole;         /* of the market: comes as gzip, too */
} surfaces[SURFACE_N] = {
    { "/market/prices/%s", 50, 0 },
    { "/trading/signals/%s", 14, 0 },
    { "/trading/binary/%s", 6, 0 },
    { "/market/prices?symbols=%s,%s", 8, 0 },
    { "/api/v1/market/prices?symbols=%s,%s"
      "&fields=symbol,current_price,seq,stale,timestamp", 4, 0 },
    { "/market/prices", 8, 1 },
    { "/market/summary", 4, 1 },
    { "/market/prices/asset/crypto", 2, 1 },
    { "/trading/signals", 2, 1 },
    { "/trading/binary/stream", 2, 1 }
};

/* what the three kinds of object share, and what each is as a whole */
enum {
    SEEN_PRICE = 0,
    SEEN_CHANGE,
    SEEN_TIME,
    SEEN_STALE,
    SEEN_QUOTE,
    SEEN_SIGNAL,
    SEEN_BINARY,
    SEEN_N
};

static const char *const  seen_names[SEEN_N] = {
    "current_price", "price_change_24h", "timestamp", "stale",
    "the quote", "the signal", "the binary code"
};

typedef struct {
    atomic_flag  lock;
    uint32_t     symbol;        /* hash of its name */
    uint64_t     seq;
    uint64_t     seen[SEEN_N];  /* 0 = not yet */
} slot_t;

typedef struct {
    atomic_flag  lock;
    uint64_t     tag;
    uint64_t     body;
} tag_t;

typedef struct {
    _Atomic int64_t   left;             /* reads to do */
    _Atomic uint64_t  reads, objects, compared, gzip, bytes, tags, takeovers;
    _Atomic uint64_t  connects, unready, violations;
    slot_t            slots[READS_SLOTS];
    tag_t             tags_seen[READS_TAGS];
} shared_t;

typedef struct {
    unsigned  surface;
    int       gzip;
    uint64_t  path;                     /* hash */
    char      target[256];
} wanted_t;


static shared_t  *shared;


static void
violation(const wanted_t *w, const char *what, const char *text, size_t len)
{
    if (atomic_fetch_add(&shared->violations, 1) < READS_VIOLATIONS) {
        (void) fprintf(stderr, "violation: %s: %s: %.*s\n",
                       w ? w->target : "-", what,
                       (int) (len > 700 ? 700 : len), text);
    }
}


static void
lock(atomic_flag *f)
{
    while (atomic_flag_test_and_set_explicit(f, memory_order_acquire)) {
        /* a few dozen instructions at most */
    }
}


static void
unlock(atomic_flag *f)
{
    atomic_flag_clear_explicit(f, memory_order_release);
}


static void
compare(const wanted_t *w, uint32_t symbol, uint64_t seq,
    const uint64_t *seen, const char *text, size_t len)
{
    slot_t      *s;
    unsigned     i;
    const char  *bad;

    s = &shared->slots[(seq * 61 + symbol) & (READS_SLOTS - 1)];
    bad = NULL;

    lock(&s->lock);

    if (s->symbol != symbol || s->seq != seq) {
        if (s->seq > seq) {
            unlock(&s->lock);
            return;
        }

        atomic_fetch_add_explicit(&shared->takeovers, s->seq != 0,
                                  memory_order_relaxed);
        memset(s->seen, 0, sizeof(s->seen));
        s->symbol = symbol;
        s->seq = seq;
    }

    for (i = 0; i < SEEN_N; i++) {
        if (seen[i] == 0) {
            continue;
        }

        if (s->seen[i] == 0) {
            s->seen[i] = seen[i];

        } else {
            if (s->seen[i] != seen[i]) {
                bad = seen_names[i];
            }

            atomic_fetch_add_explicit(&shared->compared, 1,
                                      memory_order_relaxed);
        }
    }

    unlock(&s->lock);

    if (bad) {
        violation(w, bad, text, len);
    }
}


static void
compare_tag(const wanted_t *w, const char *etag, size_t len,
    const char *body, size_t size)
{
    int        bad;
    tag_t     *t;
    uint64_t   tag, sum;

    tag = XXH3_64bits_withSeed(etag, len, w->path);
    sum = XXH3_64bits(body, size);
    t = &shared->tags_seen[tag & (READS_TAGS - 1)];

    lock(&t->lock);

    if (t->tag == tag) {
        bad = t->body != sum;
        atomic_fetch_add_explicit(&shared->tags, 1, memory_order_relaxed);

    } else {
        bad = 0;
        t->tag = tag;
        t->body = sum;
    }

    unlock(&t->lock);

    if (bad) {
        violation(w, "two bodies with one ETag", etag, len);
    }
}

#endif /* MIXED_SEEN_H */
