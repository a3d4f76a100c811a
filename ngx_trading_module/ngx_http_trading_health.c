/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Health documents and the statistics of the board.  They are made for each
 * request from single words of the board's header and sources, and they say
 * only what is there: nothing is reported connected without looking.
 */

#include "ngx_http_trading_metrics.h"

#define NGX_HTTP_TRADING_HEALTH_SIZE  16384

typedef enum {
    NGX_HTTP_TRADING_OK = 0,
    NGX_HTTP_TRADING_DEGRADED,
    NGX_HTTP_TRADING_DOWN
} ngx_http_trading_condition_e;

static ngx_int_t ngx_http_trading_health(ngx_http_trading_call_t *call,
    ngx_flag_t detailed);
static void ngx_http_trading_health_document(ngx_http_trading_call_t *call,
    ngx_http_trading_condition_e condition, ngx_flag_t detailed,
    trd_writer_t *w);
static ngx_http_trading_condition_e ngx_http_trading_condition(
    ngx_http_trading_call_t *call);
static void ngx_http_trading_health_board(ngx_http_trading_call_t *call,
    trd_writer_t *w);
static ngx_int_t ngx_http_trading_health_send(ngx_http_trading_call_t *call,
    ngx_flag_t ok, trd_writer_t *w);


#define ngx_http_trading_load(p)                                              \
    atomic_load_explicit(p, memory_order_relaxed)


static const char *const  ngx_http_trading_conditions[] = {
    "ok", "degraded", "down"
};


ngx_int_t
ngx_http_trading_market_health(ngx_http_trading_call_t *call)
{
    return ngx_http_trading_health(call, 1);
}


ngx_int_t
ngx_http_trading_signals_health(ngx_http_trading_call_t *call)
{
    return ngx_http_trading_health(call, 0);
}


static ngx_int_t
ngx_http_trading_health(ngx_http_trading_call_t *call, ngx_flag_t detailed)
{
    trd_writer_t                   w;
    ngx_http_request_t            *r;
    ngx_http_trading_loc_conf_t   *lcf;
    ngx_http_trading_main_conf_t  *mcf;
    ngx_http_trading_condition_e   condition;

    r = call->request;
    mcf = ngx_http_get_module_main_conf(r, ngx_http_trading_module);
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_trading_module);

    call->board = ngx_http_trading_board(mcf, r->connection->log);

    if (call->board) {
        call->stale = ngx_http_trading_board_stale(lcf, call->board);
    }

    if (ngx_http_trading_writer(call, &w, NGX_HTTP_TRADING_HEALTH_SIZE)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    condition = ngx_http_trading_condition(call);

    ngx_http_trading_health_document(call, condition, detailed, &w);

    if (call->board && ngx_http_trading_board_lost(mcf)) {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_NO_BOARD, "");
    }

    return ngx_http_trading_health_send(call,
                                        condition != NGX_HTTP_TRADING_DOWN,
                                        &w);
}


static void
ngx_http_trading_health_document(ngx_http_trading_call_t *call,
    ngx_http_trading_condition_e condition, ngx_flag_t detailed,
    trd_writer_t *w)
{
    trd_write_lit(w, "{\"status\":\"");
    trd_write_str(w, ngx_http_trading_conditions[condition]);
    trd_write_lit(w, "\"");

    ngx_http_trading_health_board(call, w);

    if (!detailed) {
        trd_write_lit(w, ",\"models\":[\"threshold\",\"technical\"]");

    } else {
        ngx_http_trading_sources(call, w, 0);
    }

    trd_write_lit(w, "}");
}


/* the document of /market/health, for a stream */
void
ngx_http_trading_health_write(trd_board_t *board, ngx_flag_t stale,
    trd_writer_t *w)
{
    ngx_http_trading_call_t  call;

    ngx_memzero(&call, offsetof(ngx_http_trading_call_t, detail));
    call.board = board;
    call.stale = stale;

    ngx_http_trading_health_document(&call, ngx_http_trading_condition(&call),
                                     1, w);
}


/* changes when a source's state does, and not with each message */
uint64_t
ngx_http_trading_health_hash(trd_board_t *board, ngx_flag_t stale)
{
    uint32_t                   i;
    uint64_t                   hash;
    const trd_source_stats_t  *s;

    hash = 1 + stale;

    for (i = 0; i < board->nsources; i++) {
        s = &board->sources[i];

        hash = hash * 31 + ngx_http_trading_load(&s->source);
        hash = hash * 31 + ngx_http_trading_load(&s->state);
        hash = hash * 31 + ngx_http_trading_load(&s->cause);
        hash = hash * 31 + ngx_http_trading_load(&s->scenario);
    }

    return hash;
}


/* the writer must be alive and hear at least one source; all is better */
static ngx_http_trading_condition_e
ngx_http_trading_condition(ngx_http_trading_call_t *call)
{
    uint32_t                   i, source;
    ngx_uint_t                 used, connected;
    const trd_source_stats_t  *s;

    if (call->board == NULL || call->stale) {
        return NGX_HTTP_TRADING_DOWN;
    }

    used = 0;
    connected = 0;

    for (i = 0; i < call->board->nsources; i++) {
        s = &call->board->sources[i];
        source = ngx_http_trading_load(&s->source);

        if (source == TRD_SOURCE_NONE || source >= TRD_SOURCE_N) {
            continue;
        }

        used++;

        if (ngx_http_trading_load(&s->state) == TRD_STATE_CONNECTED) {
            connected++;
        }
    }

    if (connected == 0) {
        return NGX_HTTP_TRADING_DOWN;
    }

    return (connected == used) ? NGX_HTTP_TRADING_OK
                               : NGX_HTTP_TRADING_DEGRADED;
}


static void
ngx_http_trading_health_board(ngx_http_trading_call_t *call, trd_writer_t *w)
{
    int64_t                    age;
    const trd_board_header_t  *h;

    if (call->board == NULL) {
        trd_write_lit(w, ",\"detail\":\"there is no market data yet\","
                         "\"heartbeat_age_ms\":null,\"generation\":null,"
                         "\"seq\":null,\"instruments\":null,\"quoted\":null,"
                         "\"stale\":null");
        return;
    }

    h = call->board->header;

    trd_write_lit(w, ",\"heartbeat_age_ms\":");

    age = ngx_http_trading_board_age(call->board);

    if (age < 0) {
        trd_write_lit(w, "null");

    } else {
        trd_write_i64(w, age);
    }

    trd_write_lit(w, ",\"generation\":");
    trd_write_u64(w, call->board->generation);
    trd_write_lit(w, ",\"seq\":");
    trd_write_u64(w, trd_board_seq(call->board));
    trd_write_lit(w, ",\"instruments\":");
    trd_write_u64(w, call->board->n);
    trd_write_lit(w, ",\"quoted\":");
    trd_write_u64(w, ngx_http_trading_load(&h->quoted));
    trd_write_lit(w, ",\"stale\":");
    trd_write_u64(w, ngx_http_trading_load(&h->stale));
}


static ngx_int_t
ngx_http_trading_health_send(ngx_http_trading_call_t *call, ngx_flag_t ok,
    trd_writer_t *w)
{
    static ngx_str_t  retry = ngx_string("Retry-After");
    static ngx_str_t  one = ngx_string("1");

    if (!ok && ngx_http_trading_header(call->request, &retry, &one) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_trading_send_writer(call,
                                        ok ? NGX_HTTP_OK
                                           : NGX_HTTP_SERVICE_UNAVAILABLE,
                                        w);
}


/* the worker runs and answers: that is all that liveness may depend on */
ngx_int_t
ngx_http_trading_live(ngx_http_trading_call_t *call)
{
    trd_writer_t  w;

    static const char  live[] = "{\"status\":\"ok\"}";

    trd_writer_init(&w, (char *) live, sizeof(live) - 1);
    w.pos = w.end;
    w.need = sizeof(live) - 1;

    return ngx_http_trading_send_writer(call, NGX_HTTP_OK, &w);
}


/* readiness: the board's header and nothing else */
ngx_int_t
ngx_http_trading_ready(ngx_http_trading_call_t *call)
{
    ngx_flag_t                     ready;
    const char                    *status;
    trd_writer_t                   w;
    ngx_http_request_t            *r;
    ngx_http_trading_loc_conf_t   *lcf;
    ngx_http_trading_main_conf_t  *mcf;

    r = call->request;
    mcf = ngx_http_get_module_main_conf(r, ngx_http_trading_module);
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_trading_module);

    call->board = ngx_http_trading_board(mcf, r->connection->log);
    ready = 0;

    if (call->board == NULL) {
        status = "unavailable";

    } else if (ngx_http_trading_board_stale(lcf, call->board)) {
        status = "stale";

    } else if (ngx_http_trading_load(&call->board->header->quoted) == 0) {
        status = "no_quotes";

    } else {
        status = "ok";
        ready = 1;
    }

    if (ngx_http_trading_writer(call, &w, NGX_HTTP_TRADING_HEALTH_SIZE)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    trd_write_lit(&w, "{\"status\":\"");
    trd_write_str(&w, ready ? "ready" : "not_ready");
    trd_write_lit(&w, "\",\"dependencies\":{\"market\":{\"status\":\"");
    trd_write_str(&w, status);
    trd_write_lit(&w, "\"");

    ngx_http_trading_health_board(call, &w);

    trd_write_lit(&w, "}}}");

    return ngx_http_trading_health_send(call, ready, &w);
}


/* the board as a cache: its size, its pages, and what workers read of it */
ngx_int_t
ngx_http_trading_cache_stats(ngx_http_trading_call_t *call)
{
    uint64_t                       requests, unchanged;
    ngx_uint_t                     i, k;
    trd_writer_t                   w;
    const trd_board_header_t      *h;
    ngx_http_trading_counts_t      sum;
    ngx_http_trading_main_conf_t  *mcf;

    if (ngx_http_trading_need(call, 0) != NGX_OK) {
        return NGX_DECLINED;
    }

    mcf = ngx_http_get_module_main_conf(call->request,
                                        ngx_http_trading_module);

    if (ngx_http_trading_writer(call, &w, NGX_HTTP_TRADING_HEALTH_SIZE)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_trading_counts_sum(mcf, &sum);

    requests = 0;
    unchanged = 0;

    for (i = 0; i < NGX_HTTP_TRADING_R_N; i++) {
        for (k = 0; k < NGX_HTTP_TRADING_S_N; k++) {
            requests += sum.requests[i][k];
        }

        unchanged += sum.requests[i][NGX_HTTP_TRADING_S_304];
    }

    h = call->board->header;

    trd_write_lit(&w, "{\"board\":{\"layout\":");
    trd_write_u64(&w, TRD_BOARD_LAYOUT);
    trd_write_lit(&w, ",\"size\":");
    trd_write_u64(&w, call->board->size);
    trd_write_lit(&w, ",\"generation\":");
    trd_write_u64(&w, call->board->generation);
    trd_write_lit(&w, ",\"map_version\":");
    trd_write_u64(&w, call->board->map_version);
    trd_write_lit(&w, ",\"started_at\":");
    trd_write_time(&w, call->board->started_ms);
    trd_write_lit(&w, ",\"capacity\":");
    trd_write_u64(&w, h->capacity);
    trd_write_lit(&w, ",\"instruments\":");
    trd_write_u64(&w, call->board->n);
    trd_write_lit(&w, ",\"seq\":");
    trd_write_u64(&w, trd_board_seq(call->board));
    trd_write_lit(&w, "},\"pages\":{\"market\":");
    trd_write_u64(&w, TRD_PAGE_N);
    trd_write_lit(&w, ",\"instruments\":");
    trd_write_u64(&w, (uint64_t) call->board->n * TRD_ENTRY_N);
    trd_write_lit(&w, ",\"rendered\":");
    trd_write_u64(&w, ngx_http_trading_load(&h->pages_rendered));
    trd_write_lit(&w, ",\"rendered_bytes\":");
    trd_write_u64(&w, ngx_http_trading_load(&h->pages_bytes));
    trd_write_lit(&w, ",\"overflowed\":");
    trd_write_u64(&w, ngx_http_trading_load(&h->pages_overflowed));
    trd_write_lit(&w, "},\"reads\":{\"requests\":");
    trd_write_u64(&w, requests);
    trd_write_lit(&w, ",\"not_modified\":");
    trd_write_u64(&w, unchanged);
    trd_write_lit(&w, ",\"bytes\":");
    trd_write_u64(&w, sum.counter[NGX_HTTP_TRADING_C_BYTES]);
    trd_write_lit(&w, ",\"gzip\":");
    trd_write_u64(&w, sum.counter[NGX_HTTP_TRADING_C_GZIP]);
    trd_write_lit(&w, ",\"torn\":");
    trd_write_u64(&w, sum.counter[NGX_HTTP_TRADING_C_TORN]);
    trd_write_lit(&w, ",\"corrupt\":");
    trd_write_u64(&w, sum.counter[NGX_HTTP_TRADING_C_CORRUPT]);
    trd_write_lit(&w, ",\"stale\":");
    trd_write_u64(&w, sum.counter[NGX_HTTP_TRADING_C_STALE]);
    trd_write_lit(&w, ",\"remaps\":");
    trd_write_u64(&w, sum.counter[NGX_HTTP_TRADING_C_REMAPS]);
    trd_write_lit(&w, "}}");

    return ngx_http_trading_send_writer(call, NGX_HTTP_OK, &w);
}
