/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A bounded writer for response bodies.  Writing past the end latches an
 * overflow and drops the bytes; `need` still grows, so it tells how long the
 * buffer should have been.  Inline because rendering is hot.
 */

#ifndef TRD_WRITER_H
#define TRD_WRITER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "trd_decimal.h"

typedef struct {
    char    *pos;
    char    *end;
    char    *start;
    size_t   need;
} trd_writer_t;


static inline void
trd_writer_init(trd_writer_t *w, void *buf, size_t size)
{
    w->start = buf;
    w->pos = w->start;
    w->end = w->start + size;
    w->need = 0;
}


static inline void
trd_write(trd_writer_t *w, const void *data, size_t len)
{
    w->need += len;

    if (w->need == (size_t) (w->pos - w->start) + len
        && len <= (size_t) (w->end - w->pos))
    {
        memcpy(w->pos, data, len);
        w->pos += len;
    }
}


/* a string literal, its length known at compile time */
#define trd_write_lit(w, s)  trd_write(w, s, sizeof(s) - 1)


static inline size_t
trd_writer_len(const trd_writer_t *w)
{
    return (size_t) (w->pos - w->start);
}


static inline int
trd_writer_overflowed(const trd_writer_t *w)
{
    return w->need != (size_t) (w->pos - w->start);
}


void trd_write_str(trd_writer_t *w, const char *s);         /* raw, NUL-ended */
void trd_write_u64(trd_writer_t *w, uint64_t n);
void trd_write_i64(trd_writer_t *w, int64_t n);

/* "1.50": a JSON string holding the exact decimal */
void trd_write_decimal(trd_writer_t *w, int64_t e8, unsigned min_places);

/* 1.5: a JSON number, trailing zeros cut */
void trd_write_number(trd_writer_t *w, int64_t e8);

/* a quoted JSON string; control bytes, quotes, backslash and invalid UTF-8
   are escaped (an invalid byte becomes U+FFFD) */
void trd_write_json_str(trd_writer_t *w, const char *s, size_t len);

/* "2026-01-02T03:04:05.678Z", quoted; years 0..9999, else null */
void trd_write_time(trd_writer_t *w, int64_t unix_ms);

/* 24 bytes, unquoted, not terminated; ms must be in years 0..9999 */
#define TRD_TIME_LEN  24
void trd_time_format(int64_t unix_ms, char *buf);

#endif /* TRD_WRITER_H */
