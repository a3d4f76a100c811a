/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Any bytes as the header lines of an HTTP answer.  What is kept of them is
 * printable and ended, and numbers are within their bounds.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


static void
check_value(const char *value)
{
    size_t  i, len;

    len = strnlen(value, HTTP_VALUE_MAX);
    check(len < HTTP_VALUE_MAX);

    for (i = 0; i < len; i++) {
        check(value[i] >= 0x20 && value[i] <= 0x7e);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char           *line;
    size_t          at, n;
    http_head_t     head;
    const uint8_t  *end;

    http_head_begin(&head);

    for (at = 0; at < size; at += n) {
        end = memchr(data + at, '\n', size - at);
        n = end ? (size_t) (end - data) + 1 - at : size - at;

        /* nothing behind its end, for the sanitizers */
        line = malloc(n);
        memcpy(line, data + at, n);
        http_head_line(&head, line, n);
        free(line);

        check(head.retry_after_ms >= -1);
        check(head.used_weight >= -1 && head.used_weight <= 999999999);
        check_value(head.type);
        check_value(head.etag);
        check_value(head.modified);
    }

    return 0;
}
