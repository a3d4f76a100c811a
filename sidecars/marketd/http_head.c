/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Used by http_client.c.
 */

#include <string.h>
#include <strings.h>

#include "curl_loop.h"
#include "http_head.h"


/* The value of `name` in a header line; 0: another header. */
static int
http_head_is(const char *line, size_t len, const char *name,
    const char **value, size_t *value_len)
{
    size_t  n = strlen(name);

    if (len <= n || line[n] != ':' || strncasecmp(line, name, n) != 0) {
        return 0;
    }

    line += n + 1;
    len -= n + 1;

    while (len && (*line == ' ' || *line == '\t')) {
        line++;
        len--;
    }

    while (len && memchr(" \t\r\n", line[len - 1], 4) != NULL) {
        len--;
    }

    *value = line;
    *value_len = len;

    return 1;
}


static int64_t
http_head_number(const char *s, size_t len)
{
    size_t   i;
    int64_t  v = 0;

    if (len == 0 || len > 9) {
        return -1;
    }

    for (i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9') {
            return -1;
        }

        v = v * 10 + (s[i] - '0');
    }

    return v;
}


/* keeps the value if it is printable and short enough, else "" */
static void
http_head_keep(char *out, const char *value, size_t len)
{
    size_t  i;

    out[0] = '\0';

    if (len >= HTTP_VALUE_MAX) {
        return;
    }

    for (i = 0; i < len; i++) {
        if (value[i] < 0x20 || value[i] > 0x7e) {
            return;
        }
    }

    memcpy(out, value, len);
    out[len] = '\0';
}


void
http_head_begin(http_head_t *h)
{
    h->retry_after_ms = -1;
    h->used_weight = -1;
    h->type[0] = h->etag[0] = h->modified[0] = '\0';
}


void
http_head_line(http_head_t *h, const char *line, size_t len)
{
    size_t       n;
    const char  *value;

    if (len > 5 && memcmp(line, "HTTP/", 5) == 0) {
        http_head_begin(h);             /* a proxy's answer came before */

    } else if (http_head_is(line, len, "Retry-After", &value, &n)) {
        h->retry_after_ms = curl_loop_retry_after(value, n);

    } else if (http_head_is(line, len, "X-MBX-USED-WEIGHT-1M", &value, &n)) {
        h->used_weight = http_head_number(value, n);

    } else if (http_head_is(line, len, "Content-Type", &value, &n)) {
        http_head_keep(h->type, value, n);

    } else if (http_head_is(line, len, "ETag", &value, &n)) {
        http_head_keep(h->etag, value, n);

    } else if (http_head_is(line, len, "Last-Modified", &value, &n)) {
        http_head_keep(h->modified, value, n);
    }
}
