/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What clients of streams ask for, each input as a message, as the arguments
 * of an address and as a resume token.  Beyond the sanitizers: bad JSON is
 * just what the reader refuses, what is taken has what its type needs, as many
 * symbols come out as were counted, and details are printable.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trd_json_read.h"
#include "trd_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


static int
is_json(const char *text, size_t len)
{
    trd_json_t        r;
    trd_json_token_t  token;

    trd_json_init(&r, text, len);

    do {
        token = trd_json_next(&r);
    } while (token != TRD_JSON_ERROR && token != TRD_JSON_END);

    return token == TRD_JSON_END;
}


static int
within(const char *part, size_t part_len, const char *text, size_t len)
{
    return part >= text && part_len <= len
           && (size_t) (part - text) <= len - part_len;
}


static void
check_symbols(const trd_request_t *r)
{
    char         buf[TRD_SYMBOL_TEXT];
    size_t       len;
    uint32_t     n;
    const char  *pos;

    pos = NULL;

    for (n = 0; trd_request_symbol(r, &pos, buf, &len) == TRD_OK; n++) {
        check(len > 0 && len <= sizeof(buf) && n < 1000);
        check(within(pos, 0, r->symbols, r->symbols_len));
    }

    check(n == r->nsymbols && (n > 0) == r->has_symbols);
}


static void
check_common(const trd_request_t *r, trd_request_error_t error)
{
    size_t  i;

    check(trd_request_error_name(error) != NULL);
    check((r->detail[0] == '\0') == (error == TRD_REQUEST_OK));

    for (i = 0; r->detail[i] != '\0'; i++) {
        check(i < TRD_REQUEST_DETAIL_MAX - 1 && r->detail[i] >= ' '
              && r->detail[i] <= '~' && r->detail[i] != '"'
              && r->detail[i] != '\\');
    }

    if (error == TRD_REQUEST_OK) {
        check(r->channels < 1u << TRD_CHANNEL_N);
        check(r->intervals < 1u << TRD_INTERVALS);
        check(r->classes < 1u << TRD_CLASS_N);
        check_symbols(r);
    }
}


static void
message(const char *text, size_t len)
{
    trd_request_t        r;
    trd_request_error_t  error;

    error = trd_request_read(text, len, &r);

    check_common(&r, error);
    check((error == TRD_REQUEST_BAD_JSON) == !is_json(text, len));

    if (r.id != NULL) {
        check(r.id_len <= TRD_REQUEST_ID_MAX + 2);
        check(within(r.id, r.id_len, text, len) && is_json(r.id, r.id_len));
    }

    if (error != TRD_REQUEST_OK) {
        return;
    }

    if (r.token != NULL) {
        check(within(r.token, r.token_len, text, len));
    }

    switch (r.type) {
    case TRD_REQUEST_RESUME:
        check(r.has_seq);
        /* fall through */
    case TRD_REQUEST_SUBSCRIBE:
    case TRD_REQUEST_UNSUBSCRIBE:
        check(r.channels != 0);
        break;
    case TRD_REQUEST_AUTH:
        check(r.token != NULL);
        break;
    default:
        check(r.type == TRD_REQUEST_LIST || r.type == TRD_REQUEST_PING);
        break;
    }
}


static void
arguments(const char *text, size_t len)
{
    char                 *buf;
    trd_request_t         r;
    trd_request_error_t   error;

    buf = malloc(len + !len);
    check(buf != NULL);

    error = trd_request_args(text, len, buf, &r);

    check_common(&r, error);
    check(error != TRD_REQUEST_BAD_JSON && error != TRD_REQUEST_UNKNOWN_TYPE);
    check(r.type == TRD_REQUEST_SUBSCRIBE && r.id == NULL && r.token == NULL);
    check(r.symbols_len == 0
          || within(r.symbols, r.symbols_len, buf, len));

    free(buf);
}


/* what is read is what would be written, but for zeros in front */
static void
resume(const char *text, size_t len)
{
    int           n;
    char          again[64];
    uint64_t      epoch, seq, epoch2, seq2;

    if (trd_resume_read(text, len, &epoch, &seq) != TRD_OK) {
        return;
    }

    n = snprintf(again, sizeof(again), "%llu-%llu", (unsigned long long) epoch,
                 (unsigned long long) seq);
    check((size_t) n <= len);
    check(trd_resume_read(again, (size_t) n, &epoch2, &seq2) == TRD_OK);
    check(epoch == epoch2 && seq == seq2);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char  *text;

    /* an exact copy, so that one byte too far is seen */

    text = malloc(size + !size);
    check(text != NULL);

    if (size) {
        memcpy(text, data, size);
    }

    message(text, size);
    arguments(text, size);
    resume(text, size);

    free(text);

    return 0;
}
