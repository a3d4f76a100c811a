/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Lines of a recorded feed; see replay_line.h.  Used by replay_file.c.
 */

#define _GNU_SOURCE         /* memmem */

#include <string.h>

#include "replay_line.h"

#define LINE_LAST_S    253402300799ULL      /* the year 9999 */
#define LINE_LAST_NS   INT64_MAX
#define LINE_FIRST_NS  1000000000000000ULL  /* less is in another unit */
#define LINE_LIMIT     5000                 /* levels that can be asked for */


/* Digits; 0: there are none, or too many for max. */

static size_t
line_number(const char *p, size_t len, uint64_t max, uint64_t *n)
{
    size_t    i;
    unsigned  digit;

    *n = 0;

    for (i = 0; i < len && p[i] >= '0' && p[i] <= '9'; i++) {
        digit = (unsigned) (p[i] - '0');

        if (*n > (max - digit) / 10) {
            return 0;
        }

        *n = *n * 10 + digit;
    }

    return i;
}


/* "<ns> " or "<s.frac>: "; returns its length, 0: no such thing */

static size_t
line_time(const char *p, size_t len, int64_t *ms)
{
    size_t    i;
    uint64_t  n;
    unsigned  place;

    i = line_number(p, len, LINE_LAST_NS, &n);

    if (i == 0 || i == len) {
        return 0;
    }

    if (p[i] == ' ' && n > LINE_FIRST_NS) {
        *ms = (int64_t) (n / 1000000);
        return i + 1;
    }

    if ((p[i] != '.' && p[i] != ':') || n > LINE_LAST_S) {
        return 0;
    }

    n *= 1000;

    if (p[i] == '.') {
        for (place = 100, i++; i < len && p[i] >= '0' && p[i] <= '9'; i++) {
            n += place * (unsigned) (p[i] - '0');
            place /= 10;
        }
    }

    if (len - i < 2 || p[i] != ':' || p[i + 1] != ' ') {
        return 0;
    }

    *ms = (int64_t) n;

    return i + 2;
}


static int
line_begins(const char *p, size_t len, const char *with)
{
    size_t  n = strlen(with);

    return len >= n && memcmp(p, with, n) == 0;
}


/* "symbol=BTCUSDT&limit=1000", in any order; what else there is stays out */

static void
line_query(const char *p, size_t len, replay_line_t *out)
{
    size_t       n;
    uint64_t     limit;
    const char  *end;

    for ( /* void */ ; len; p += n, len -= n) {
        end = memchr(p, '&', len);
        n = end ? (size_t) (end - p) : len;

        if (line_begins(p, n, "symbol=") && n > 7) {
            out->symbol = p + 7;
            out->symbol_len = n - 7;

        } else if (line_begins(p, n, "limit=")
                   && line_number(p + 6, n - 6, LINE_LIMIT, &limit) == n - 6)
        {
            out->limit = (uint32_t) limit;
        }

        n += end != NULL;
    }
}


/* what was asked of REST, and the answer if it is a book's */

static void
line_rest(const char *p, size_t len, replay_line_t *out)
{
    size_t       n;
    const char  *arrow, *depth, *body;

    static const char  path[] = "/depth?";

    out->kind = REPLAY_LINE_ASIDE;
    arrow = memmem(p, len, " -> ", 4);

    if (arrow == NULL) {
        return;
    }

    depth = memmem(p, (size_t) (arrow - p), path, sizeof(path) - 1);

    if (depth == NULL) {
        return;
    }

    body = arrow + 4;
    len -= (size_t) (body - p);
    n = line_time(body, len, &out->ms);

    if (n == 0) {
        return;
    }

    depth += sizeof(path) - 1;
    line_query(depth, (size_t) (arrow - depth), out);

    if (out->symbol) {
        out->kind = REPLAY_LINE_BOOK;
        out->text = body + n;
        out->len = len - n;
    }
}


void
replay_line_read(const char *line, size_t len, replay_line_t *out)
{
    size_t  n;

    memset(out, 0, sizeof(*out));

    while (len && (line[len - 1] == '\n' || line[len - 1] == '\r')) {
        len--;
    }

    if (len == 0 || line_begins(line, len, "wss://")) {
        out->kind = REPLAY_LINE_ASIDE;
        return;
    }

    if (line_begins(line, len, "https://")) {
        line_rest(line, len, out);
        return;
    }

    n = line_time(line, len, &out->ms);

    if (n == 0) {
        return;
    }

    out->text = line + n;
    out->len = len - n;
    out->kind = line_begins(out->text, out->len, "{\"lastUpdateId\"")
                ? REPLAY_LINE_BOOK : REPLAY_LINE_STREAM;
}
