/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * One line a message on standard error: logfmt (LOG_FORMAT=text) or JSON.
 *     ts=2026-01-02T03:04:05.678Z level=warn daemon=marketd event=feed_cut ...
 * Never log secrets, keys or whole foreign messages.
 */

#ifndef TSD_LOG_H
#define TSD_LOG_H

#include <stdint.h>

typedef enum {
    TSD_LOG_ERROR = 0,      /* an operator must act */
    TSD_LOG_WARN,           /* degraded or stale */
    TSD_LOG_INFO,
    TSD_LOG_DEBUG
} tsd_level_t;

/* daemon: static text.  0 on success, -1 on an unknown level or format. */
int tsd_log_init(const char *daemon, const char *level, const char *format);

/*
 * event: a snake_case word.  fmt yields "key=value key=\"two words\"" pairs
 * (may be empty); in JSON it stands in "detail".
 */
void tsd_log(tsd_level_t level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* at most one line a second for each `limiter` (zero-initialised, static or in
   a struct); the next line says how many were left out */
typedef struct {
    int64_t   next_ms;
    uint64_t  suppressed;
} tsd_limiter_t;

void tsd_log_limited(tsd_limiter_t *limiter, tsd_level_t level,
    const char *event, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

int64_t tsd_wall_ms(void);      /* CLOCK_REALTIME */
int64_t tsd_mono_ms(void);      /* CLOCK_MONOTONIC */
int64_t tsd_mono_us(void);

#endif /* TSD_LOG_H */
