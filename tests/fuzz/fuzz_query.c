/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Everything of a request that trd_query.c reads.  Beyond the sanitizers:
 * pieces lie within the input and do not overlap, decoding never grows, and
 * what is accepted has the form that it was accepted for.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "trd_query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char         *text, *out;
    size_t        n, len;
    uint64_t      number;
    const char   *item, *last;
    trd_pair_t    pair;
    trd_query_t   query, list;

    /* an exact copy, so that one byte too far is seen */

    text = malloc(size + !size);
    out = malloc(size + !size);

    if (text == NULL || out == NULL) {
        abort();
    }

    if (size) {
        memcpy(text, data, size);
    }

    last = text;
    trd_query_init(&query, text, size);

    while (trd_query_next(&query, &pair) == TRD_OK) {
        check(pair.name >= last);
        check(pair.value + pair.value_len <= text + size);
        check(pair.name + pair.name_len <= pair.value);
        last = pair.value + pair.value_len;

        (void) trd_param_find(pair.name, pair.name_len);

        if (trd_percent_decode(pair.value, pair.value_len, out, size, &n)
            != TRD_OK)
        {
            continue;
        }

        check(n <= pair.value_len);
        (void) trd_text_ok(out, n);

        trd_query_init(&list, out, n);

        while (trd_list_next(&list, &item, &len) == TRD_OK) {
            check(item >= out && item + len <= out + n);
            check(len == 0 || memchr(item, ',', len) == NULL);
        }

        if (trd_parse_u64(out, n, INT64_MAX, &number) == TRD_OK) {
            check(n > 0 && number <= INT64_MAX);
        }
    }

    (void) trd_accepts_gzip(text, size);

    if (trd_request_id_ok(text, size)) {
        check(size >= 1 && size <= 128 && trd_text_ok(text, size));
    }

    if (trd_traceparent_ok(text, size)) {
        check(size >= 55 && text[2] == '-' && trd_text_ok(text, size));
    }

    free(text);
    free(out);

    return 0;
}
