/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A curl multi handle that lives on a libevent loop.  http_client and
 * ws_client each bring their own: a connection that was made with
 * CURLOPT_CONNECT_ONLY must not share a connection cache with transfers,
 * which closes what it takes for idle.
 */

#ifndef MARKETD_CURL_LOOP_H
#define MARKETD_CURL_LOOP_H

#include <curl/curl.h>
#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

typedef struct curl_loop_s  curl_loop_t;

/* A transfer is done, well or not; the easy handle is still in the loop. */
typedef void (*curl_loop_pt)(void *ctx, CURLcode rc);

/* the owner's, alive while the easy handle is in the loop */
typedef struct {
    curl_loop_pt   done;
    void          *ctx;
} curl_loop_entry_t;

/* NULL: no memory */
curl_loop_t *curl_loop_create(struct event_base *base);

/*
 * All easy handles must have been removed.  May be called from a callback:
 * the rest of the work is then done when that returns.
 */
void curl_loop_free(curl_loop_t *loop);

/* Sets CURLOPT_PRIVATE.  0, or -1: no memory. */
int curl_loop_add(curl_loop_t *loop, CURL *easy, curl_loop_entry_t *entry);
void curl_loop_remove(curl_loop_t *loop, CURL *easy);

/* What every handle of ours has in common: no signals, no waiting for DNS
   threads, HTTP(S) only, no redirects.  ca_file: NULL = the system's. */
int curl_loop_setup(CURL *easy, const char *url, const char *ca_file,
    long connect_timeout_ms, char *error);

/* "120" or an HTTP date, as ms from now (0 at least); -1: neither */
int64_t curl_loop_retry_after(const char *value, size_t len);

#endif /* MARKETD_CURL_LOOP_H */
