/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * One easy handle, used again and again, so that curl keeps the connection.
 * Used by binance_rest.c and poll.c.  The body's bound holds for what came
 * out of decompression, so that a small answer cannot grow without end.
 */

#include "http_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "curl_loop.h"
#include "http_head.h"
#include "ws_frames.h"

#define HTTP_BODY_FIRST  16384

struct http_client_s {
    curl_loop_t        *loop;
    curl_loop_entry_t   entry;
    CURL               *easy;
    const char         *ca_file;
    http_client_pt      fn;
    void               *ctx;
    long                connect_timeout_ms;
    long                timeout_ms;
    char               *body;
    size_t              len;
    size_t              size;
    size_t              body_max;
    http_head_t         head;
    uint8_t             pending;
    uint8_t             too_long;
    uint8_t             busy;
    uint8_t             freed;
    struct curl_slist  *headers;        /* of the request under way */
    char                error[CURL_ERROR_SIZE];
};


static void
http_client_destroy(http_client_t *c)
{
    if (c->easy) {
        if (c->pending) {
            curl_loop_remove(c->loop, c->easy);
        }

        curl_easy_cleanup(c->easy);
    }

    if (c->loop) {
        curl_loop_free(c->loop);
    }

    curl_slist_free_all(c->headers);
    free(c->body);
    free(c);
}


http_client_t *
http_client_create(struct event_base *base, const char *ca_file,
    uint32_t connect_timeout_ms, uint32_t timeout_ms, size_t body_max)
{
    http_client_t  *c;

    c = calloc(1, sizeof(http_client_t));
    if (c == NULL) {
        return NULL;
    }

    c->ca_file = ca_file;
    c->connect_timeout_ms = (long) connect_timeout_ms;
    c->timeout_ms = (long) timeout_ms;
    c->body_max = body_max;
    c->loop = curl_loop_create(base);
    c->easy = curl_easy_init();

    if (c->loop == NULL || c->easy == NULL) {
        http_client_destroy(c);
        return NULL;
    }

    return c;
}


void
http_client_free(http_client_t *c)
{
    if (c == NULL) {
        return;
    }

    c->freed = 1;

    if (!c->busy) {
        http_client_destroy(c);
    }
}


/* CURLOPT_WRITEFUNCTION: fewer bytes than given end the transfer */
static size_t
http_client_body(char *data, size_t one, size_t n, void *arg)
{
    char           *body;
    size_t          size;
    http_client_t  *c = arg;

    (void) one;

    if (n > c->body_max - c->len) {
        c->too_long = 1;
        return 0;
    }

    if (c->len + n > c->size) {
        size = c->size ? c->size : HTTP_BODY_FIRST;

        while (size < c->len + n) {
            size *= 2;
        }

        body = realloc(c->body, size);
        if (body == NULL) {
            return 0;
        }

        c->body = body;
        c->size = size;
    }

    memcpy(c->body + c->len, data, n);
    c->len += n;

    return n;
}


/* CURLOPT_HEADERFUNCTION: a whole line each, status lines included */
static size_t
http_client_header(char *line, size_t one, size_t len, void *arg)
{
    http_client_t  *c = arg;

    (void) one;
    http_head_line(&c->head, line, len);

    return len;
}


static http_fault_t
http_client_fault(const http_client_t *c, CURLcode rc)
{
    if (c->too_long) {
        return HTTP_FAULT_TOO_LONG;
    }

    switch (rc) {

    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
        return HTTP_FAULT_CONNECT;

    case CURLE_OPERATION_TIMEDOUT:
        return HTTP_FAULT_TIMEOUT;

    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
        return HTTP_FAULT_CUT;

    default:
        return HTTP_FAULT_OTHER;
    }
}


static void
http_client_done(void *arg, CURLcode rc)
{
    char            error[WS_TEXT_MAX];
    long            status = 0;
    const char     *text;
    http_answer_t   answer;
    http_client_t  *c = arg;

    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_loop_remove(c->loop, c->easy);
    c->pending = 0;

    memset(&answer, 0, sizeof(answer));
    answer.retry_after_ms = c->head.retry_after_ms;
    answer.used_weight = c->head.used_weight;
    answer.type = c->head.type;
    answer.etag = c->head.etag;
    answer.modified = c->head.modified;

    /* a refusal counts, however its body ended */

    if (rc == CURLE_OK || status == 429 || status == 418) {
        answer.status = (int) status;
        answer.body = c->body ? c->body : "";
        answer.len = c->len;

    } else {
        text = c->too_long ? "answer too long"
               : c->error[0] ? c->error : curl_easy_strerror(rc);

        ws_text_clean(error, sizeof(error), text, strlen(text));
        answer.error = error;
        answer.fault = http_client_fault(c, rc);
    }

    curl_slist_free_all(c->headers);
    c->headers = NULL;

    c->busy = 1;
    c->fn(c->ctx, &answer);
    c->busy = 0;

    if (c->freed) {
        http_client_destroy(c);
        return;
    }

    /* what a big answer took is given back */

    free(c->body);
    c->body = NULL;
    c->size = 0;
    c->len = 0;
}


int
http_client_get(http_client_t *c, const char *url, http_client_pt fn,
    void *ctx)
{
    return http_client_get_if(c, url, NULL, NULL, fn, ctx);
}


/* 0, or -1: no memory */
static int
http_client_condition(http_client_t *c, const char *name, const char *value)
{
    char                line[HTTP_VALUE_MAX + 32];
    struct curl_slist  *list;

    if (value == NULL || value[0] == '\0') {
        return 0;
    }

    (void) snprintf(line, sizeof(line), "%s: %s", name, value);

    list = curl_slist_append(c->headers, line);
    if (list == NULL) {
        return -1;
    }

    c->headers = list;
    curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, list);

    return 0;
}


int
http_client_get_if(http_client_t *c, const char *url, const char *etag,
    const char *modified, http_client_pt fn, void *ctx)
{
    /* in the callback the body is still being read */

    if (c->pending || c->busy || c->freed) {
        return -1;
    }

    curl_easy_reset(c->easy);
    curl_slist_free_all(c->headers);
    c->headers = NULL;

    if (http_client_condition(c, "If-None-Match", etag) != 0
        || http_client_condition(c, "If-Modified-Since", modified) != 0)
    {
        return -1;
    }

    if (curl_loop_setup(c->easy, url, c->ca_file, c->connect_timeout_ms,
                        c->error) != 0)
    {
        return -1;
    }

    curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, c->timeout_ms);
    curl_easy_setopt(c->easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(c->easy, CURLOPT_USERAGENT, "marketd");
    curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, http_client_body);
    curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, http_client_header);
    curl_easy_setopt(c->easy, CURLOPT_HEADERDATA, c);

    c->fn = fn;
    c->ctx = ctx;
    c->len = 0;
    c->too_long = 0;
    http_head_begin(&c->head);
    c->entry.done = http_client_done;
    c->entry.ctx = c;

    if (curl_loop_add(c->loop, c->easy, &c->entry) != 0) {
        return -1;
    }

    c->pending = 1;

    return 0;
}
