/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What is read of an HTTP answer's header: the few values that we act upon.
 * Foreign bytes, a line at a time, as curl passes them on.
 */

#ifndef MARKETD_HTTP_HEAD_H
#define MARKETD_HTTP_HEAD_H

#include <stddef.h>
#include <stdint.h>

#define HTTP_VALUE_MAX  128         /* of a header that is kept */

typedef struct {
    int64_t  retry_after_ms;        /* -1 = not stated */
    int64_t  used_weight;           /* X-MBX-USED-WEIGHT-1M; -1 likewise */
    char     type[HTTP_VALUE_MAX];          /* Content-Type */
    char     etag[HTTP_VALUE_MAX];
    char     modified[HTTP_VALUE_MAX];      /* Last-Modified; all printable,
                                               "": none, or too long */
} http_head_t;

void http_head_begin(http_head_t *h);

/* A whole line with its end; a status line begins anew. */
void http_head_line(http_head_t *h, const char *line, size_t len);

#endif /* MARKETD_HTTP_HEAD_H */
