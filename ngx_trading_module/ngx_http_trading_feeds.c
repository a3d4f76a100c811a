/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What is known of each source, for /health and, in full, for /data-feeds.
 * Three facts are kept apart: connected (state and cause), heard from (mute
 * or not), and prices moving.  Counters are single words and are read one by
 * one, so they may be of slightly different moments.
 */

#include "ngx_http_trading_conf.h"
#include "trd_apply.h"
#include "trd_scenario.h"

#define NGX_HTTP_TRADING_FEED_SIZE  2048    /* of a source, at most */

static void ngx_http_trading_books(trd_writer_t *w, trd_board_t *board);
static void ngx_http_trading_source(trd_writer_t *w,
    const trd_source_stats_t *s, int64_t now_ms, ngx_flag_t all);
static void ngx_http_trading_source_state(trd_writer_t *w,
    const trd_source_stats_t *s, int64_t now_ms);
static void ngx_http_trading_source_counts(trd_writer_t *w,
    const trd_source_stats_t *s);
static void ngx_http_trading_source_time(trd_writer_t *w, const char *key,
    int64_t ms);


#define ngx_http_trading_load(p)                                              \
    atomic_load_explicit(p, memory_order_relaxed)


static const char *const  ngx_http_trading_states[] = {
    "down", "connected", "stale"
};


ngx_int_t
ngx_http_trading_feeds(ngx_http_trading_call_t *call)
{
    trd_writer_t                   w;
    ngx_http_trading_main_conf_t  *mcf;

    if (ngx_http_trading_need(call, 1) != NGX_OK) {
        return NGX_DECLINED;
    }

    mcf = ngx_http_get_module_main_conf(call->request,
                                        ngx_http_trading_module);

    if (ngx_http_trading_writer(call, &w,
                                (TRD_SOURCE_N + 1)
                                * NGX_HTTP_TRADING_FEED_SIZE)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    trd_write_lit(&w, "{\"timestamp\":");
    trd_write_time(&w, ngx_http_trading_now());
    ngx_http_trading_sources(call, &w, 1);
    ngx_http_trading_books(&w, call->board);
    trd_write_lit(&w, "}");

    if (!ngx_http_trading_board_whole(mcf)) {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_NO_BOARD, "");
    }

    return ngx_http_trading_send_writer(call, NGX_HTTP_OK, &w);
}


/* ,"books":{...}: of all books that are kept from differences */
static void
ngx_http_trading_books(trd_writer_t *w, trd_board_t *board)
{
    unsigned  i;

    trd_write_lit(w, ",\"books\":{");

    for (i = 0; board && i < TRD_BOOK_COUNT_N; i++) {
        trd_write_str(w, i ? ",\"" : "\"");
        trd_write_str(w, trd_book_count_name(i));
        trd_write_lit(w, "\":");
        trd_write_u64(w, ngx_http_trading_load(&board->header->books[i]));
    }

    trd_write_lit(w, "}");
}


/* ,"sources":{...}; `all`: with every counter */
void
ngx_http_trading_sources(ngx_http_trading_call_t *call, trd_writer_t *w,
    ngx_flag_t all)
{
    int64_t                    now_ms;
    uint32_t                   i, source;
    ngx_uint_t                 n;
    const trd_source_stats_t  *s;

    now_ms = ngx_http_trading_now();
    n = 0;

    trd_write_lit(w, ",\"sources\":{");

    for (i = 0; call->board && i < call->board->nsources; i++) {
        s = &call->board->sources[i];
        source = ngx_http_trading_load(&s->source);

        if (source == TRD_SOURCE_NONE || source >= TRD_SOURCE_N) {
            continue;
        }

        trd_write_str(w, n++ ? ",\"" : "\"");
        trd_write_str(w, trd_source_name(source));
        trd_write_lit(w, "\":");

        ngx_http_trading_source(w, s, now_ms, all);
    }

    trd_write_lit(w, "}");
}


static void
ngx_http_trading_source(trd_writer_t *w, const trd_source_stats_t *s,
    int64_t now_ms, ngx_flag_t all)
{
    uint64_t  polls;

    ngx_http_trading_source_state(w, s, now_ms);

    trd_write_lit(w, ",\"messages\":");
    trd_write_u64(w, ngx_http_trading_load(&s->messages));

    if (all) {
        trd_write_lit(w, ",\"bytes\":");
        trd_write_u64(w, ngx_http_trading_load(&s->bytes));

        polls = ngx_http_trading_load(&s->polls);

        if (polls) {
            trd_write_lit(w, ",\"polls\":");
            trd_write_u64(w, polls);
            trd_write_lit(w, ",\"not_modified\":");
            trd_write_u64(w, ngx_http_trading_load(&s->not_modified));
        }
    }

    ngx_http_trading_source_counts(w, s);
}


static void
ngx_http_trading_source_state(trd_writer_t *w, const trd_source_stats_t *s,
    int64_t now_ms)
{
    int64_t      heard_ms;
    uint32_t     state, status, limit_ms;
    const char  *cause, *scenario;

    state = ngx_http_trading_load(&s->state);

    if (state > TRD_STATE_STALE) {
        state = TRD_STATE_DOWN;
    }

    trd_write_lit(w, "{\"state\":\"");
    trd_write_str(w, ngx_http_trading_states[state]);
    trd_write_lit(w, "\"");

    scenario = trd_scenario_name(ngx_http_trading_load(&s->scenario));

    if (ngx_http_trading_load(&s->source) == TRD_SOURCE_SIMULATOR && scenario)
    {
        trd_write_lit(w, ",\"scenario\":\"");
        trd_write_str(w, scenario);
        trd_write_lit(w, "\"");
    }

    trd_write_lit(w, ",\"cause\":");

    cause = trd_cause_name(ngx_http_trading_load(&s->cause));

    if (cause == NULL || ngx_http_trading_load(&s->cause) == TRD_CAUSE_NONE) {
        trd_write_lit(w, "null");

    } else {
        trd_write_lit(w, "\"");
        trd_write_str(w, cause);
        trd_write_lit(w, "\"");
    }

    trd_write_lit(w, ",\"last_status\":");

    status = ngx_http_trading_load(&s->last_status);

    if (status) {
        trd_write_u64(w, status);

    } else {
        trd_write_lit(w, "null");
    }

    heard_ms = ngx_http_trading_load(&s->heard_ms);
    limit_ms = ngx_http_trading_load(&s->heard_limit_ms);

    ngx_http_trading_source_time(w, ",\"connected_since\":",
                                 ngx_http_trading_load(&s->connected_ms));
    ngx_http_trading_source_time(w, ",\"last_heard\":", heard_ms);

    trd_write_lit(w, ",\"heard_limit_ms\":");

    if (limit_ms) {
        trd_write_u64(w, limit_ms);

    } else {
        trd_write_lit(w, "null");
    }

    trd_write_lit(w, ",\"mute\":");

    if (limit_ms == 0 || state == TRD_STATE_DOWN) {
        trd_write_lit(w, "null");

    } else if (heard_ms <= 0 || now_ms - heard_ms > (int64_t) limit_ms) {
        trd_write_lit(w, "true");

    } else {
        trd_write_lit(w, "false");
    }

    ngx_http_trading_source_time(w, ",\"last_update\":",
                                 ngx_http_trading_load(&s->updated_ms));
    ngx_http_trading_source_time(w, ",\"last_moved\":",
                                 ngx_http_trading_load(&s->moved_ms));
}


static void
ngx_http_trading_source_counts(trd_writer_t *w, const trd_source_stats_t *s)
{
    unsigned  i;
    uint64_t  errors, n;

    trd_write_lit(w, ",\"updates\":");
    trd_write_u64(w, ngx_http_trading_load(&s->updates));

    errors = 0;

    trd_write_lit(w, ",\"refused\":{");

    for (i = TRD_REFUSED_NOT + 1; i < TRD_REFUSED_N; i++) {
        n = ngx_http_trading_load(&s->refused[i]);
        errors += n;

        trd_write_str(w, i > TRD_REFUSED_NOT + 1 ? ",\"" : "\"");
        trd_write_str(w, trd_refused_name(i));
        trd_write_lit(w, "\":");
        trd_write_u64(w, n);
    }

    trd_write_lit(w, "},\"reconnects\":{");

    for (i = 0; i < TRD_RECONNECT_N; i++) {
        trd_write_str(w, i ? ",\"" : "\"");
        trd_write_str(w, trd_reconnect_name(i));
        trd_write_lit(w, "\":");
        trd_write_u64(w, ngx_http_trading_load(&s->reconnects[i]));
    }

    trd_write_lit(w, "},\"error_count\":");
    trd_write_u64(w, errors);
    trd_write_lit(w, "}");
}


static void
ngx_http_trading_source_time(trd_writer_t *w, const char *key, int64_t ms)
{
    trd_write_str(w, key);

    if (ms <= 0) {
        trd_write_lit(w, "null");
        return;
    }

    trd_write_time(w, ms);
}
