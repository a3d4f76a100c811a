/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The events file: a ring of account events (order, position, balance, alert)
 * in shared memory.  ledgerd alone writes it, nginx workers map it read-only
 * and follow it with a cursor of their own.
 *
 *   +--------+ 0
 *   | header |  magic, layout, sizes, generation, hash; then live: heartbeat,
 *   |        |  newest position
 *   +--------+ 4096
 *   | ring   |  records, one after the other, each 8-byte aligned
 *   +--------+ 4096 + ring_size (a power of two)
 *
 * A position counts bytes since the file began and never wraps; position P is
 * at ring offset P & (ring_size - 1).  A record never wraps around the end of
 * the ring: padding fills the rest.  Nothing that is read is believed before
 * it is checked: each record carries a hash over its head, its position and
 * its body, so a torn or overwritten one is found.  Readers never wait.
 */

#ifndef TRD_EVENTS_H
#define TRD_EVENTS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "trd_rc.h"

#define TRD_EVENTS_MAGIC        "TRDEVENT"
#define TRD_EVENTS_LAYOUT       1
#define TRD_EVENTS_HEADER_SIZE  4096
#define TRD_EVENTS_RING_MIN     (64U << 10)
#define TRD_EVENTS_RING_MAX     (1U << 30)
#define TRD_EVENT_BODY_MAX      (16U << 10)
#define TRD_EVENT_ACCOUNT_MAX   63

typedef enum {
    TRD_EVENT_ORDER = 0,        /* in the order of the private channels */
    TRD_EVENT_POSITION,
    TRD_EVENT_BALANCE,
    TRD_EVENT_ALERT,
    TRD_EVENT_N
} trd_event_kind_t;

/* a private copy of one event */
typedef struct {
    uint64_t  number;           /* 1, 2, ...: of the file, without gaps */
    uint64_t  next;             /* position after it */
    int64_t   ms;               /* wall clock, when it was committed */
    uint32_t  kind;             /* trd_event_kind_t */
    uint32_t  account_len;
    uint32_t  len;              /* of the body */
    char      account[TRD_EVENT_ACCOUNT_MAX + 1];   /* ended */
} trd_event_t;

/* the reader's handle: private memory, checked geometry */
typedef struct {
    const uint8_t  *base;
    size_t          size;
    uint64_t        ring_size;
    uint64_t        generation;
} trd_events_t;

/* Checks a mapped file; on anything but TRD_OK *why says in a few words. */
trd_rc_t trd_events_open(trd_events_t *e, const void *base, size_t size,
    const char **why) TRD_MUST_CHECK;

/* position after the newest event, where a new reader begins; its number.
   Both 0: there is none yet, or the header is damaged (reading tells). */
uint64_t trd_events_newest(const trd_events_t *e, uint64_t *number);

/* ms since the writer's heartbeat; see trd_board_age() */
int64_t trd_events_age(const trd_events_t *e, int64_t mono_ms);

/*
 * The event at position *pos (padding is passed over), its body, which is
 * JSON, in buf of TRD_EVENT_BODY_MAX bytes.  On TRD_OK *pos is the next
 * position.  TRD_AGAIN: nothing newer.  TRD_NOT_FOUND: overwritten meanwhile;
 * *pos is set to the newest position, and the reader tells how many it missed
 * by the numbers.  TRD_CORRUPT: nonsense; *pos is set likewise, unless it is
 * the header that is damaged.  On all but TRD_OK *event and buf hold nothing.
 */
trd_rc_t trd_events_read(const trd_events_t *e, uint64_t *pos,
    trd_event_t *event, void *buf) TRD_MUST_CHECK;

/*
 * The writer's side, for ledgerd and tests.  `base` is memory of
 * trd_events_size(ring_size) bytes, mapped shared; ring_size a power of two
 * within the bounds; else TRD_OVERFLOW.  One writer, one thread.
 *
 * trd_events_write(): the account is 1 to TRD_EVENT_ACCOUNT_MAX bytes without
 * a zero, the body 1 to TRD_EVENT_BODY_MAX; TRD_OVERFLOW if larger, TRD_ERROR
 * for other nonsense, and then nothing is written.  Until the first
 * trd_events_beat() the file is infinitely old.
 */
typedef struct {
    uint8_t   *base;
    uint64_t   ring_size;
    uint64_t   pos;
    uint64_t   number;
    uint64_t   generation;
} trd_events_writer_t;

size_t trd_events_size(uint64_t ring_size);     /* 0: out of bounds */
trd_rc_t trd_events_create(trd_events_writer_t *w, void *base, size_t size,
    uint64_t ring_size, uint64_t generation, int64_t now_ms) TRD_MUST_CHECK;
trd_rc_t trd_events_write(trd_events_writer_t *w, unsigned kind,
    const char *account, size_t account_len, const void *body, size_t len,
    int64_t now_ms) TRD_MUST_CHECK;
void trd_events_beat(trd_events_writer_t *w, int64_t mono_ms, int64_t now_ms);

#endif /* TRD_EVENTS_H */
