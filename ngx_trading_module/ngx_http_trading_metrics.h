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

/* of streams */
typedef enum {
    NGX_HTTP_TRADING_SC_OPENED = 0,
    NGX_HTTP_TRADING_SC_UPDATES,    /* given to a connection */
    NGX_HTTP_TRADING_SC_FRAMES,     /* all that were written, or events */
    NGX_HTTP_TRADING_SC_BYTES,
    NGX_HTTP_TRADING_SC_BATCHED,    /* replaced within a flush interval */
    NGX_HTTP_TRADING_SC_SKIPPED,    /* replaced for a slow client */
    NGX_HTTP_TRADING_SC_MISSED,     /* lost to a slow client */
    NGX_HTTP_TRADING_SC_OVERRUN,    /* of the journal */
    NGX_HTTP_TRADING_SC_MESSAGES,   /* from clients */
    NGX_HTTP_TRADING_SC_ERRORS,     /* told to clients */
    NGX_HTTP_TRADING_SC_EVENTS,     /* of accounts, that were read */
    NGX_HTTP_TRADING_SC_EVENTS_OVERRUN,
    NGX_HTTP_TRADING_SC_BAD,        /* events that are no JSON */
    NGX_HTTP_TRADING_SC_N
} ngx_http_trading_stream_counter_e;

#define NGX_HTTP_TRADING_STREAM_ENDS  9
#define NGX_HTTP_TRADING_FLUSH_N      20    /* bucket i: < 2^i us */
#define NGX_HTTP_TRADING_WIRE_N       14    /* bucket i: < 2^i ms */

typedef struct {
    uint64_t  open[2];              /* now: SSE, WebSocket */
    uint64_t  count[NGX_HTTP_TRADING_SC_N];
    uint64_t  end[NGX_HTTP_TRADING_STREAM_ENDS];
    uint64_t  flush[NGX_HTTP_TRADING_FLUSH_N];
    uint64_t  flush_us;
    uint64_t  wire[NGX_HTTP_TRADING_WIRE_N];
    uint64_t  wire_ms;
} ngx_http_trading_stream_counts_t;

typedef struct {
    uint64_t  requests[NGX_HTTP_TRADING_R_N][NGX_HTTP_TRADING_S_N];
    uint64_t  counter[NGX_HTTP_TRADING_C_N];
    ngx_http_trading_stream_counts_t  stream;
} ngx_http_trading_counts_t;

ngx_int_t ngx_http_trading_metrics_zone(ngx_conf_t *cf,
    ngx_http_trading_main_conf_t *mcf);

/* a request was answered; call after the header was sent */
void ngx_http_trading_count(ngx_http_trading_call_t *call, off_t bytes);
void ngx_http_trading_count_event(ngx_http_trading_main_conf_t *mcf,
    ngx_http_trading_counter_e counter);

/* this worker's own, or NULL: see _stream_stats.c */
ngx_http_trading_stream_counts_t *ngx_http_trading_stream_counts(
    ngx_http_trading_main_conf_t *mcf);
void ngx_http_trading_count_stream(ngx_http_trading_main_conf_t *mcf,
    ngx_http_trading_stream_counter_e counter, uint64_t n);
void ngx_http_trading_count_opened(ngx_http_trading_main_conf_t *mcf,
    ngx_uint_t websocket, ngx_int_t n);
void ngx_http_trading_count_end(ngx_http_trading_main_conf_t *mcf,
    ngx_uint_t end);
void ngx_http_trading_count_flush(ngx_http_trading_main_conf_t *mcf,
    uint64_t us);
void ngx_http_trading_count_wire(ngx_http_trading_main_conf_t *mcf,
    int64_t ms);
void ngx_http_trading_stream_reset(ngx_http_trading_main_conf_t *mcf);
void ngx_http_trading_text_stream(trd_writer_t *w,
    const ngx_http_trading_stream_counts_t *sum);

void ngx_http_trading_counts_sum(ngx_http_trading_main_conf_t *mcf,
    ngx_http_trading_counts_t *sum);

#endif /* NGX_HTTP_TRADING_METRICS_H */
