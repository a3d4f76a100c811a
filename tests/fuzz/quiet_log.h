/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * In place of tsd_log.c in targets of parsers that log: a line is formatted,
 * so that what it prints is read, and thrown away.  Clocks stand.
 */

#ifndef QUIET_LOG_H
#define QUIET_LOG_H

#include <stdarg.h>
#include <stdio.h>

#include "tsd_log.h"

static char  quiet_line[2048];


static void
quiet(const char *fmt, va_list args)
{
    (void) vsnprintf(quiet_line, sizeof(quiet_line), fmt, args);
}


int
tsd_log_init(const char *daemon, const char *level, const char *format)
{
    (void) daemon;
    (void) level;
    (void) format;

    return 0;
}


void
tsd_log(tsd_level_t level, const char *event, const char *fmt, ...)
{
    va_list  args;

    (void) level;
    (void) event;
    va_start(args, fmt);
    quiet(fmt, args);
    va_end(args);
}


void
tsd_log_limited(tsd_limiter_t *limiter, tsd_level_t level, const char *event,
    const char *fmt, ...)
{
    va_list  args;

    (void) limiter;
    (void) level;
    (void) event;
    va_start(args, fmt);
    quiet(fmt, args);
    va_end(args);
}


int64_t
tsd_wall_ms(void)
{
    return 1767225600000;
}


int64_t
tsd_mono_ms(void)
{
    return 1000;
}


int64_t
tsd_mono_us(void)
{
    return 1000000;
}

#endif /* QUIET_LOG_H */
