/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What trading_metrics answers: the text format 0.0.4 of Prometheus.  Label
 * sets are fixed, so the size of the text and the cost of making it do not
 * depend on what clients ask for.
 */

#include "ngx_http_trading_metrics.h"
#include "trd_apply.h"

#define NGX_HTTP_TRADING_TEXT_SIZE  (96 * 1024)

typedef struct {
    const char  *name;
    const char  *help;
} ngx_http_trading_family_t;

static void ngx_http_trading_text_workers(trd_writer_t *w,
    ngx_http_trading_counts_t *sum);
static void ngx_http_trading_text_board(trd_writer_t *w, trd_board_t *board);
static void ngx_http_trading_text_lag(trd_writer_t *w,
    const trd_board_header_t *h);
static void ngx_http_trading_text_books(trd_writer_t *w,
    const trd_board_header_t *h);
static void ngx_http_trading_text_sources(trd_writer_t *w,
    trd_board_t *board);
static void ngx_http_trading_text_reasons(trd_writer_t *w,
    trd_board_t *board);


#define ngx_http_trading_load(p)                                              \
    atomic_load_explicit(p, memory_order_relaxed)


/* in the order of ngx_http_trading_group_e */
static const char *const  ngx_http_trading_groups[NGX_HTTP_TRADING_R_N] = {
    "card", "health", "price", "prices", "overview", "catalogue", "signal",
    "signals", "binary", "analysis", "series", "metrics", "stream", "other"
};


/* in the order of ngx_http_trading_status_e */
static const char *const  ngx_http_trading_classes[NGX_HTTP_TRADING_S_N] = {
    "2xx", "304", "3xx", "4xx", "5xx"
};


/* in the order of ngx_http_trading_counter_e */
static const ngx_http_trading_family_t
    ngx_http_trading_counters[NGX_HTTP_TRADING_C_N] =
{
    { "trading_response_bytes_total", "Bytes of response bodies." },
    { "trading_torn_reads_total", "Reads of a page that had to be retried." },
    { "trading_board_maps_total", "Boards that workers mapped." },
    { "trading_board_refused_total", "Board files that were refused." },
    { "trading_board_corrupt_total", "Reads that met nonsense." },
    { "trading_board_lost_total", "Boards truncated while mapped." },
    { "trading_stale_responses_total",
      "Responses served while the writer was silent." },
    { "trading_gzip_responses_total", "Responses from gzip pages." }
};


static const char *const  ngx_http_trading_source_states[] = {
    "down", "connected", "stale"
};


static void
ngx_http_trading_text_head(trd_writer_t *w, const char *name,
    const char *type, const char *help)
{
    trd_write_lit(w, "# HELP ");
    trd_write_str(w, name);
    trd_write_lit(w, " ");
    trd_write_str(w, help);
    trd_write_lit(w, "\n# TYPE ");
    trd_write_str(w, name);
    trd_write_lit(w, " ");
    trd_write_str(w, type);
    trd_write_lit(w, "\n");
}


static void
ngx_http_trading_text_value(trd_writer_t *w, const char *name,
    const char *type, const char *help, uint64_t value)
{
    ngx_http_trading_text_head(w, name, type, help);
    trd_write_str(w, name);
    trd_write_lit(w, " ");
    trd_write_u64(w, value);
    trd_write_lit(w, "\n");
}


/* name{key="value" or name{key="value",more="value" */
static void
ngx_http_trading_text_label(trd_writer_t *w, const char *name,
    const char *key, const char *value, const char *more, const char *second)
{
    trd_write_str(w, name);
    trd_write_lit(w, "{");
    trd_write_str(w, key);
    trd_write_lit(w, "=\"");
    trd_write_str(w, value);

    if (more) {
        trd_write_lit(w, "\",");
        trd_write_str(w, more);
        trd_write_lit(w, "=\"");
        trd_write_str(w, second);
    }

    trd_write_lit(w, "\"} ");
}


/* milliseconds or microseconds as seconds, exactly */
static void
ngx_http_trading_text_seconds(trd_writer_t *w, int64_t n, int64_t per_second)
{
    char     buf[TRD_DECIMAL_LEN];
    int64_t  most;

    most = INT64_MAX / (TRD_E8 / per_second);
    n = ngx_max(ngx_min(n, most), 0);

    trd_write(w, buf, trd_decimal_format(n * (TRD_E8 / per_second), 0, buf));
}


ngx_int_t
ngx_http_trading_prometheus(ngx_http_trading_call_t *call)
{
    trd_writer_t                   w;
    ngx_http_request_t            *r;
    ngx_http_trading_counts_t      sum;
    ngx_http_trading_main_conf_t  *mcf;

    static ngx_str_t  text = ngx_string("text/plain; version=0.0.4; "
                                        "charset=utf-8");

    r = call->request;
    mcf = ngx_http_get_module_main_conf(r, ngx_http_trading_module);

    if (ngx_http_trading_writer(call, &w, NGX_HTTP_TRADING_TEXT_SIZE)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_trading_text_head(&w, "trading_build_info", "gauge",
                               "The module's version.");
    trd_write_lit(&w, "trading_build_info{version=\"" TRADING_VERSION
                      "\"} 1\n");

    ngx_http_trading_counts_sum(mcf, &sum);
    ngx_http_trading_text_workers(&w, &sum);
    ngx_http_trading_text_stream(&w, &sum.stream);

    call->board = ngx_http_trading_board(mcf, r->connection->log);

    ngx_http_trading_text_value(&w, "trading_board_up", "gauge",
                                "1 if this worker has mapped a board.",
                                call->board ? 1 : 0);

    if (call->board) {
        ngx_http_trading_text_board(&w, call->board);
        ngx_http_trading_text_lag(&w, call->board->header);
        ngx_http_trading_text_books(&w, call->board->header);
        ngx_http_trading_text_sources(&w, call->board);
        ngx_http_trading_text_reasons(&w, call->board);

        if (ngx_http_trading_board_lost(mcf)) {
            return ngx_http_trading_fail(call, NGX_HTTP_TRADING_NO_BOARD, "");
        }
    }

    ngx_http_trading_type(r, &text);

    return ngx_http_trading_send_writer(call, NGX_HTTP_OK, &w);
}


static void
ngx_http_trading_text_workers(trd_writer_t *w,
    ngx_http_trading_counts_t *sum)
{
    ngx_uint_t  i, k;

    static const char  name[] = "trading_requests_total";

    ngx_http_trading_text_head(w, name, "counter",
                               "Requests by kind of route and status.");

    for (i = 0; i < NGX_HTTP_TRADING_R_N; i++) {
        for (k = 0; k < NGX_HTTP_TRADING_S_N; k++) {
            ngx_http_trading_text_label(w, name, "route",
                                        ngx_http_trading_groups[i], "status",
                                        ngx_http_trading_classes[k]);
            trd_write_u64(w, sum->requests[i][k]);
            trd_write_lit(w, "\n");
        }
    }

    for (i = 0; i < NGX_HTTP_TRADING_C_N; i++) {
        ngx_http_trading_text_value(w, ngx_http_trading_counters[i].name,
                                    "counter",
                                    ngx_http_trading_counters[i].help,
                                    sum->counter[i]);
    }
}


static void
ngx_http_trading_text_board(trd_writer_t *w, trd_board_t *board)
{
    int64_t                    age;
    const trd_board_header_t  *h;

    h = board->header;
    age = trd_board_age(board, (int64_t) ngx_current_msec);

    ngx_http_trading_text_head(w, "trading_board_heartbeat_age_seconds",
                               "gauge", "Age of the writer's heartbeat.");
    trd_write_lit(w, "trading_board_heartbeat_age_seconds ");

    if (age == INT64_MAX) {
        trd_write_lit(w, "+Inf");

    } else {
        ngx_http_trading_text_seconds(w, age, 1000);
    }

    trd_write_lit(w, "\n");

    ngx_http_trading_text_value(w, "trading_board_closed", "gauge",
                                "1 if the writer left orderly.",
                                ngx_http_trading_load(&h->closed) ? 1 : 0);
    ngx_http_trading_text_value(w, "trading_board_generation", "gauge",
                                "Generation of the board.",
                                board->generation);
    ngx_http_trading_text_value(w, "trading_board_seq", "gauge",
                                "Sequence number of the newest change.",
                                trd_board_seq(board));
    ngx_http_trading_text_value(w, "trading_board_size_bytes", "gauge",
                                "Size of the board.", board->size);
    ngx_http_trading_text_value(w, "trading_instruments", "gauge",
                                "Instruments of the catalogue.", board->n);
    ngx_http_trading_text_value(w, "trading_instruments_quoted", "gauge",
                                "Instruments that have a quote.",
                                ngx_http_trading_load(&h->quoted));
    ngx_http_trading_text_value(w, "trading_instruments_stale", "gauge",
                                "Instruments whose quote is stale.",
                                ngx_http_trading_load(&h->stale));
    ngx_http_trading_text_value(w, "trading_pages_rendered_total", "counter",
                                "Pages that the writer rendered.",
                                ngx_http_trading_load(&h->pages_rendered));
    ngx_http_trading_text_value(w, "trading_pages_rendered_bytes_total",
                                "counter", "Bytes of rendered pages.",
                                ngx_http_trading_load(&h->pages_bytes));
    ngx_http_trading_text_value(w, "trading_pages_overflowed_total",
                                "counter", "Pages that did not fit.",
                                ngx_http_trading_load(&h->pages_overflowed));
}


static void
ngx_http_trading_text_lag(trd_writer_t *w, const trd_board_header_t *h)
{
    uint64_t    n;
    ngx_uint_t  i;

    static const char  name[] = "trading_page_lag_seconds";

    ngx_http_trading_text_head(w, name, "histogram",
                               "From an update to the page that shows it.");

    /* the last bucket also holds what lagged longer than its bound */

    n = 0;

    for (i = 0; i < TRD_LAG_BUCKETS; i++) {
        n += ngx_http_trading_load(&h->lag_us[i]);

        trd_write_str(w, name);
        trd_write_lit(w, "_bucket{le=\"");

        if (i == TRD_LAG_BUCKETS - 1) {
            trd_write_lit(w, "+Inf");

        } else {
            ngx_http_trading_text_seconds(w, (int64_t) 1 << i, 1000000);
        }

        trd_write_lit(w, "\"} ");
        trd_write_u64(w, n);
        trd_write_lit(w, "\n");
    }

    trd_write_str(w, name);
    trd_write_lit(w, "_sum ");
    ngx_http_trading_text_seconds(w,
                           (int64_t) ngx_http_trading_load(&h->lag_sum_us),
                           1000000);
    trd_write_lit(w, "\n");
    trd_write_str(w, name);
    trd_write_lit(w, "_count ");
    trd_write_u64(w, n);
    trd_write_lit(w, "\n");
}


static void
ngx_http_trading_text_books(trd_writer_t *w, const trd_board_header_t *h)
{
    unsigned  i;

    static const char  name[] = "trading_book_events_total";

    ngx_http_trading_text_head(w, name, "counter",
                               "What became of books kept from differences.");

    for (i = 0; i < TRD_BOOK_COUNT_N; i++) {
        ngx_http_trading_text_label(w, name, "event", trd_book_count_name(i),
                                    NULL, NULL);
        trd_write_u64(w, ngx_http_trading_load(&h->books[i]));
        trd_write_lit(w, "\n");
    }
}


/* NULL if the entry is not used or its number makes no sense */
static const char *
ngx_http_trading_text_source(const trd_source_stats_t *s)
{
    uint32_t  source;

    source = ngx_http_trading_load(&s->source);

    return (source == TRD_SOURCE_NONE) ? NULL : trd_source_name(source);
}


static void
ngx_http_trading_text_sources(trd_writer_t *w, trd_board_t *board)
{
    int64_t                    ms;
    uint32_t                   i;
    ngx_uint_t                 k, f;
    const char                *source;
    const trd_source_stats_t  *s;

    static const ngx_http_trading_family_t  counters[] = {
        { "trading_source_messages_total", "Messages of a source." },
        { "trading_source_bytes_total", "Bytes from a source." },
        { "trading_source_updates_total", "Updates that were accepted." }
    };

    static const ngx_http_trading_family_t  ages[] = {
        { "trading_source_heard_age_seconds", "Since anything was heard." },
        { "trading_source_update_age_seconds", "Since the last update." }
    };

    static const char  state[] = "trading_source_state";

    ngx_http_trading_text_head(w, state, "gauge",
                               "1 for the state that a source is in.");

    for (i = 0; i < board->nsources; i++) {
        s = &board->sources[i];
        source = ngx_http_trading_text_source(s);

        for (k = 0; source && k <= TRD_STATE_STALE; k++) {
            ngx_http_trading_text_label(w, state, "source", source, "state",
                                        ngx_http_trading_source_states[k]);
            trd_write_u64(w, ngx_http_trading_load(&s->state) == k);
            trd_write_lit(w, "\n");
        }
    }

    for (f = 0; f < 3; f++) {
        ngx_http_trading_text_head(w, counters[f].name, "counter",
                                   counters[f].help);

        for (i = 0; i < board->nsources; i++) {
            s = &board->sources[i];
            source = ngx_http_trading_text_source(s);

            if (source) {
                ngx_http_trading_text_label(w, counters[f].name, "source",
                                            source, NULL, NULL);
                trd_write_u64(w, f == 0 ? ngx_http_trading_load(&s->messages)
                                 : f == 1 ? ngx_http_trading_load(&s->bytes)
                                 : ngx_http_trading_load(&s->updates));
                trd_write_lit(w, "\n");
            }
        }
    }

    for (f = 0; f < 2; f++) {
        ngx_http_trading_text_head(w, ages[f].name, "gauge", ages[f].help);

        for (i = 0; i < board->nsources; i++) {
            s = &board->sources[i];
            source = ngx_http_trading_text_source(s);

            ms = (f == 0) ? ngx_http_trading_load(&s->heard_ms)
                          : ngx_http_trading_load(&s->updated_ms);

            if (source && ms > 0) {
                ngx_http_trading_text_label(w, ages[f].name, "source",
                                            source, NULL, NULL);
                ngx_http_trading_text_seconds(w, ngx_http_trading_now() - ms,
                                              1000);
                trd_write_lit(w, "\n");
            }
        }
    }
}


static void
ngx_http_trading_text_reasons(trd_writer_t *w, trd_board_t *board)
{
    uint32_t                   i;
    unsigned                   k;
    const char                *source;
    const trd_source_stats_t  *s;

    static const char  refused[] = "trading_source_refused_total";
    static const char  reconnects[] = "trading_source_reconnects_total";

    ngx_http_trading_text_head(w, refused, "counter",
                               "Updates that were refused, by reason.");

    for (i = 0; i < board->nsources; i++) {
        s = &board->sources[i];
        source = ngx_http_trading_text_source(s);

        for (k = TRD_REFUSED_NOT + 1; source && k < TRD_REFUSED_N; k++) {
            ngx_http_trading_text_label(w, refused, "source", source,
                                        "reason", trd_refused_name(k));
            trd_write_u64(w, ngx_http_trading_load(&s->refused[k]));
            trd_write_lit(w, "\n");
        }
    }

    ngx_http_trading_text_head(w, reconnects, "counter",
                               "Connections that were made again, by reason.");

    for (i = 0; i < board->nsources; i++) {
        s = &board->sources[i];
        source = ngx_http_trading_text_source(s);

        for (k = 0; source && k < TRD_RECONNECT_N; k++) {
            ngx_http_trading_text_label(w, reconnects, "source", source,
                                        "reason", trd_reconnect_name(k));
            trd_write_u64(w, ngx_http_trading_load(&s->reconnects[k]));
            trd_write_lit(w, "\n");
        }
    }
}
