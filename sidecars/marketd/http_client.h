/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Asynchronous GETs for the REST side of a feed: bounded in time and size,
 * redirects are answers like any other.  One request at a time.
 */

#ifndef MARKETD_HTTP_CLIENT_H
#define MARKETD_HTTP_CLIENT_H

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

typedef struct http_client_s  http_client_t;

/* why no whole answer came */
typedef enum {
    HTTP_FAULT_NONE = 0,
    HTTP_FAULT_CONNECT,             /* no name, no connection, no trust */
    HTTP_FAULT_TIMEOUT,
    HTTP_FAULT_CUT,                 /* it broke off */
    HTTP_FAULT_TOO_LONG,
    HTTP_FAULT_OTHER
} http_fault_t;

/* Valid during the call only. */
typedef struct {
    int          status;            /* 0: no whole answer came, see error */
    const char  *body;
    size_t       len;
    int64_t      retry_after_ms;    /* -1 = not stated */
    int64_t      used_weight;       /* X-MBX-USED-WEIGHT-1M; -1 = not stated */
    const char  *error;             /* for a log: printable, no quotes */
    http_fault_t fault;             /* set where status is 0 */
    const char  *type;              /* Content-Type, or "" */
    const char  *etag;              /* ETag; "": none, or too long to keep */
    const char  *modified;          /* Last-Modified, likewise */
} http_answer_t;

typedef void (*http_client_pt)(void *ctx, const http_answer_t *answer);

/* NULL: no memory.  ca_file: NULL = the system's; must outlive the client. */
http_client_t *http_client_create(struct event_base *base,
    const char *ca_file, uint32_t connect_timeout_ms, uint32_t timeout_ms,
    size_t body_max);

/* A request under way is dropped, its callback never comes. */
void http_client_free(http_client_t *c);

/* 0, and the callback will come, from the loop; or -1: busy, or no memory. */
int http_client_get(http_client_t *c, const char *url, http_client_pt fn,
    void *ctx);

/* The same, on the condition that it has changed: what an answer before had
   as etag and modified, each NULL or "" if there is none. */
int http_client_get_if(http_client_t *c, const char *url, const char *etag,
    const char *modified, http_client_pt fn, void *ctx);

#endif /* MARKETD_HTTP_CLIENT_H */
