/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A line of a recorded feed:
 *
 *     <ns since 1970> <message>
 *     <s.frac>: <message>
 *     https://<host>/<path>/depth?symbol=<s>&limit=<n> -> <s.frac>: <body>
 *
 * The last one is a snapshot of the order book, where its answer came; so is
 * a message that begins with {"lastUpdateId", which does not say of what.
 * Blank lines, wss:// (what was subscribed) and other https:// stand aside.
 *
 * Foreign bytes: pointer and length, not NUL-ended; what comes out points
 * into them.
 */

#ifndef MARKETD_REPLAY_LINE_H
#define MARKETD_REPLAY_LINE_H

#include <stddef.h>
#include <stdint.h>

typedef enum {
    REPLAY_LINE_BAD = 0,            /* none of these */
    REPLAY_LINE_ASIDE,
    REPLAY_LINE_STREAM,
    REPLAY_LINE_BOOK
} replay_line_kind_t;

typedef struct {
    replay_line_kind_t  kind;
    int64_t             ms;         /* when it came */
    const char         *text;       /* message or body */
    size_t              len;
    const char         *symbol;     /* of a snapshot; NULL: not stated */
    size_t              symbol_len;
    uint32_t            limit;      /* ... levels asked for; 0: not stated */
} replay_line_t;

/* line: with or without its end */
void replay_line_read(const char *line, size_t len, replay_line_t *out);

#endif /* MARKETD_REPLAY_LINE_H */
