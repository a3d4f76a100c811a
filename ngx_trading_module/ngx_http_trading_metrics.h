/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Counters of all workers, in a shared zone: a header and one block for each
 * process slot.  A block has a single writer, so counting takes no lock and
 * no atomic read-modify-write; readers add the blocks up.  A worker that
 * comes back in a slot goes on from what its predecessor counted.
 */

#ifndef NGX_HTTP_TRADING_METRICS_H
#define NGX_HTTP_TRADING_METRICS_H

#include "ngx_http_trading_conf.h"

typedef enum {
    NGX_HTTP_TRADING_C_BYTES = 0,
    NGX_HTTP_TRADING_C_TORN,
    NGX_HTTP_TRADING_C_REMAPS,
    NGX_HTTP_TRADING_C_REFUSED,
    NGX_HTTP_TRADING_C_CORRUPT,
    NGX_HTTP_TRADING_C_LOST,
    NGX_HTTP_TRADING_C_STALE,
    NGX_HTTP_TRADING_C_GZIP,
    NGX_HTTP_TRADING_C_N
} ngx_http_trading_counter_e;

typedef enum {
    NGX_HTTP_TRADING_S_2XX = 0,
    NGX_HTTP_TRADING_S_304,
    NGX_HTTP_TRADING_S_3XX,
    NGX_HTTP_TRADING_S_4XX,
    NGX_HTTP_TRADING_S_5XX,
    NGX_HTTP_TRADING_S_N
} ngx_http_trading_status_e;

typedef struct {
    uint64_t  requests[NGX_HTTP_TRADING_R_N][NGX_HTTP_TRADING_S_N];
    uint64_t  counter[NGX_HTTP_TRADING_C_N];
} ngx_http_trading_counts_t;

ngx_int_t ngx_http_trading_metrics_zone(ngx_conf_t *cf,
    ngx_http_trading_main_conf_t *mcf);

/* a request was answered; call after the header was sent */
void ngx_http_trading_count(ngx_http_trading_call_t *call, off_t bytes);
void ngx_http_trading_count_event(ngx_http_trading_main_conf_t *mcf,
    ngx_http_trading_counter_e counter);

void ngx_http_trading_counts_sum(ngx_http_trading_main_conf_t *mcf,
    ngx_http_trading_counts_t *sum);

#endif /* NGX_HTTP_TRADING_METRICS_H */
