/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * How a writer of a shared file wakes those who follow it: a listening unix
 * socket beside the file ("<file>.wake").  A follower connects while it has
 * somebody to tell, and when it is about to sleep it sends 8 bytes, native
 * order: the last seq that it has seen.  If there is a newer one, or as soon
 * as there is, the writer sends one byte, once, and is silent until it is
 * asked again.  So under load nobody is woken, and after quiet the first
 * update wakes at once.  End of file tells the follower that the writer left.
 *
 * One thread, in the writer's libevent loop.  A follower that sends nonsense
 * (a seq that the writer has not reached) or does not read is dropped.
 * tsd_wake_notify() costs one comparison while nobody sleeps.
 */

#ifndef TSD_WAKE_H
#define TSD_WAKE_H

#include <stdint.h>

struct event_base;

typedef struct tsd_wake_s  tsd_wake_t;

#define TSD_WAKE_FOLLOWERS  1024    /* at a time; further ones are refused */

/*
 * Listens at path (what stands there is replaced), mode 0666 as the board is
 * readable to all: a follower can learn nothing but that something changed.
 * seq: reads the newest seq.  NULL, errno set: could not.
 */
tsd_wake_t *tsd_wake_create(struct event_base *base, const char *path,
    uint64_t (*seq)(void *ctx), void *ctx);
void tsd_wake_free(tsd_wake_t *w);      /* and unlinks the socket; w may be
                                           NULL */

/* There is a new seq. */
void tsd_wake_notify(tsd_wake_t *w);

#endif /* TSD_WAKE_H */
