/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The sidecars' log: one write(2) a line, so that lines of several processes
 * never mix.  Used from one thread.
 */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "trd_writer.h"
#include "tsd_log.h"


#define TSD_LINE  2048


static struct {
    const char   *daemon;
    tsd_level_t   level;
    int           json;
} tsd_log_conf = { "trading", TSD_LOG_INFO, 0 };

static const char *const  tsd_levels[] = { "error", "warn", "info", "debug" };


int
tsd_log_init(const char *daemon, const char *level, const char *format)
{
    unsigned  i;

    tsd_log_conf.daemon = daemon;

    for (i = 0; i < 4; i++) {
        if (strcmp(level, tsd_levels[i]) == 0) {
            tsd_log_conf.level = (tsd_level_t) i;
            break;
        }
    }

    if (i == 4) {
        return -1;
    }

    if (strcmp(format, "json") == 0) {
        tsd_log_conf.json = 1;

    } else if (strcmp(format, "text") == 0) {
        tsd_log_conf.json = 0;

    } else {
        return -1;
    }

    return 0;
}


static void
tsd_vlog(tsd_level_t level, const char *event, const char *extra,
    const char *fmt, va_list args)
{
    int           n;
    char          detail[TSD_LINE / 2], line[TSD_LINE], *p;
    char          ts[TRD_TIME_LEN];
    trd_writer_t  w;

    if (level > tsd_log_conf.level) {
        return;
    }

    n = vsnprintf(detail, sizeof(detail), fmt, args);
    if (n < 0) {
        n = 0;
    }

    if ((size_t) n >= sizeof(detail)) {
        n = sizeof(detail) - 1;
    }

    /* foreign text must not forge a line */
    for (p = detail; p < detail + n; p++) {
        if ((unsigned char) *p < 0x20 || *p == 0x7f) {
            *p = '?';
        }
    }

    trd_time_format(tsd_wall_ms(), ts);
    trd_writer_init(&w, line, sizeof(line) - 1);

    if (tsd_log_conf.json) {
        trd_write_lit(&w, "{\"ts\":\"");
        trd_write(&w, ts, sizeof(ts));
        trd_write_lit(&w, "\",\"level\":\"");
        trd_write_str(&w, tsd_levels[level]);
        trd_write_lit(&w, "\",\"daemon\":\"");
        trd_write_str(&w, tsd_log_conf.daemon);
        trd_write_lit(&w, "\",\"event\":\"");
        trd_write_str(&w, event);
        trd_write_lit(&w, "\",\"detail\":");
        trd_write_json_str(&w, detail, (size_t) n);
        trd_write_str(&w, extra[0] ? ",\"suppressed\":" : "");
        trd_write_str(&w, extra);
        trd_write_lit(&w, "}");

    } else {
        trd_write_lit(&w, "ts=");
        trd_write(&w, ts, sizeof(ts));
        trd_write_lit(&w, " level=");
        trd_write_str(&w, tsd_levels[level]);
        trd_write_lit(&w, " daemon=");
        trd_write_str(&w, tsd_log_conf.daemon);
        trd_write_lit(&w, " event=");
        trd_write_str(&w, event);

        if (n) {
            trd_write_lit(&w, " ");
            trd_write(&w, detail, (size_t) n);
        }

        trd_write_str(&w, extra[0] ? " suppressed=" : "");
        trd_write_str(&w, extra);
    }

    *w.pos++ = '\n';

    /* nowhere to report that standard error is gone */
    if (write(STDERR_FILENO, line, (size_t) (w.pos - line)) < 0) {
        return;
    }
}


void
tsd_log(tsd_level_t level, const char *event, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    tsd_vlog(level, event, "", fmt, args);
    va_end(args);
}


void
tsd_log_limited(tsd_limiter_t *limiter, tsd_level_t level, const char *event,
    const char *fmt, ...)
{
    char     extra[24];
    va_list  args;
    int64_t  now;

    now = tsd_mono_ms();

    if (now < limiter->next_ms) {
        limiter->suppressed++;
        return;
    }

    extra[0] = '\0';

    if (limiter->suppressed) {
        (void) snprintf(extra, sizeof(extra), "%llu",
                        (unsigned long long) limiter->suppressed);
    }

    limiter->next_ms = now + 1000;
    limiter->suppressed = 0;

    va_start(args, fmt);
    tsd_vlog(level, event, extra, fmt, args);
    va_end(args);
}


int64_t
tsd_wall_ms(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_REALTIME, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


int64_t
tsd_mono_us(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


int64_t
tsd_mono_ms(void)
{
    return tsd_mono_us() / 1000;
}
