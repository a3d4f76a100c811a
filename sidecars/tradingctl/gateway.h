/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The counters of nginx's workers, fetched from the location that has
 * trading_metrics.  Nothing here blocks: a request is started, and goes on
 * whenever gateway_wait() is called.
 */

#ifndef CTL_GATEWAY_H
#define CTL_GATEWAY_H

#include <sys/poll.h>
#include <stdint.h>

typedef enum {
    GATEWAY_2XX = 0,
    GATEWAY_304,
    GATEWAY_3XX,
    GATEWAY_4XX,
    GATEWAY_5XX,
    GATEWAY_CLASSES
} gateway_class_t;

typedef enum {
    GATEWAY_BYTES = 0,
    GATEWAY_GZIP,
    GATEWAY_STALE,
    GATEWAY_TORN,
    GATEWAY_CORRUPT,
    GATEWAY_REFUSED,
    GATEWAY_LOST,
    GATEWAY_MAPS,
    GATEWAY_COUNTERS
} gateway_counter_t;

typedef struct {
    int64_t   mono_ms;                  /* when; 0 = never */
    uint64_t  requests;
    uint64_t  status[GATEWAY_CLASSES];
    uint64_t  counter[GATEWAY_COUNTERS];
} gateway_figures_t;

typedef struct gateway_s  gateway_t;

/* url: of the gateway; "/metrics" is added if it has no path.  NULL after
   saying why. */
gateway_t *gateway_open(const char *url);
void gateway_close(gateway_t *g);

/* Starts a request, if none is under way. */
void gateway_ask(gateway_t *g, int64_t mono_ms);

/* Waits for the descriptors or its own, at most ms.  1: there is an answer,
   or a failure. */
int gateway_wait(gateway_t *g, struct pollfd *fds, unsigned n, int ms);

const char *gateway_url(const gateway_t *g);
const char *gateway_why(const gateway_t *g);    /* "" if it is well */

/* the newest and the one before it */
const gateway_figures_t *gateway_now(const gateway_t *g);
const gateway_figures_t *gateway_before(const gateway_t *g);

/* a second; 0 before there are two answers */
double gateway_rate(const gateway_t *g, uint64_t now, uint64_t before);

/* as they stand in JSON */
extern const char *const  gateway_classes[GATEWAY_CLASSES];
extern const char *const  gateway_counters[GATEWAY_COUNTERS];

#endif /* CTL_GATEWAY_H */
