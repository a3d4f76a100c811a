/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * An events file in memory whose every event is a function of its number, so
 * that one comparison tells whether what was read was ever written.
 */

#ifndef TEST_EVENTS_FIXTURE_H
#define TEST_EVENTS_FIXTURE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "trd_events.h"

#define EVENTS_GENERATION  77

typedef struct {
    uint8_t              *mem;
    size_t                size;
    trd_events_writer_t   w;
    trd_events_t          e;
} events_fixture_t;


static inline uint64_t
events_fixture_mix(uint64_t x)
{
    x ^= x >> 31;
    x *= 0x7fb5d329728ea185;
    x ^= x >> 27;
    x *= 0x81dadef4bc2dd44d;

    return x ^ x >> 33;
}


/* most bodies are short, some are as long as they may be */
static inline void
events_fixture_make(uint64_t number, unsigned *kind, char *account,
    size_t *account_len, uint8_t *body, size_t *len)
{
    size_t    i;
    uint64_t  h;

    h = events_fixture_mix(number);
    *kind = (unsigned) (h % TRD_EVENT_N);
    *account_len = 1 + (h >> 8) % TRD_EVENT_ACCOUNT_MAX;
    *len = (h >> 16) % 64 == 0 ? TRD_EVENT_BODY_MAX : 1 + (h >> 24) % 300;

    for (i = 0; i < *account_len; i++) {
        account[i] = (char) ('a' + (h >> i % 48) % 26);
    }

    for (i = 0; i < *len; i++) {
        body[i] = (uint8_t) (h >> i % 56) ^ (uint8_t) (i >> 5);
    }
}


static inline trd_rc_t
events_fixture_write(events_fixture_t *f)
{
    char      account[TRD_EVENT_ACCOUNT_MAX];
    size_t    account_len, len;
    uint8_t   body[TRD_EVENT_BODY_MAX];
    uint64_t  number;
    unsigned  kind;

    number = f->w.number + 1;
    events_fixture_make(number, &kind, account, &account_len, body, &len);

    return trd_events_write(&f->w, kind, account, account_len, body, len,
                            (int64_t) number * 10);
}


/* 1: it is the event of its number */
static inline int
events_fixture_is(const trd_event_t *event, const uint8_t *buf)
{
    char      account[TRD_EVENT_ACCOUNT_MAX];
    size_t    account_len, len;
    uint8_t   body[TRD_EVENT_BODY_MAX];
    unsigned  kind;

    events_fixture_make(event->number, &kind, account, &account_len, body,
                        &len);

    return event->kind == kind && event->ms == (int64_t) event->number * 10
           && event->account_len == account_len && event->len == len
           && memcmp(event->account, account, account_len) == 0
           && event->account[account_len] == '\0'
           && memcmp(buf, body, len) == 0;
}


static inline int
events_fixture_init(events_fixture_t *f, uint64_t ring)
{
    const char  *why;

    f->size = trd_events_size(ring);
    f->mem = aligned_alloc(4096, f->size);

    if (f->mem == NULL) {
        return -1;
    }

    memset(f->mem, 0, f->size);

    return trd_events_create(&f->w, f->mem, f->size, ring, EVENTS_GENERATION,
                             1000)
           == TRD_OK
           && trd_events_open(&f->e, f->mem, f->size, &why) == TRD_OK
           ? 0 : -1;
}

#endif /* TEST_EVENTS_FIXTURE_H */
