/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Counters of streams, in the worker's block of the shared zone, and their
 * text for Prometheus.
 */

#include "ngx_http_trading_stream.h"

static void ngx_http_trading_text_histogram(trd_writer_t *w,
    const char *name, const char *help, const uint64_t *bucket, ngx_uint_t n,
    uint64_t sum, uint64_t per_second);


static const struct {
    const char  *name;
    const char  *help;
} ngx_http_trading_stream_families[NGX_HTTP_TRADING_SC_N] = {
    { "trading_stream_opened_total", "Streams that began." },
    { "trading_stream_updates_total",
      "Updates given to connections; a slow one may get fewer." },
    { "trading_stream_frames_total",
      "Frames, or events of SSE, written: updates, replies, news and pings." },
    { "trading_stream_bytes_total", "Bytes written to streams." },
    { "trading_stream_batched_total",
      "Changes that a newer one replaced within a flush interval." },
    { "trading_stream_skipped_total",
      "Updates that newer ones replaced for slow clients." },
    { "trading_stream_missed_total", "Updates lost to slow clients." },
    { "trading_stream_overruns_total",
      "Times that the journal went around before a worker had read it." },
    { "trading_stream_messages_total", "Messages from clients." },
    { "trading_stream_errors_total", "Error messages sent to clients." },
    { "trading_stream_events_total",
      "Events of accounts that were read while somebody followed one." },
    { "trading_stream_events_overruns_total",
      "Times that the ring of events went around before a worker had read "
      "it." },
    { "trading_stream_events_refused_total",
      "Events that were not sent because their body is no JSON object." }
};


/* in the order of ngx_http_trading_end_e */
static const char *const  ngx_http_trading_ends[] = {
    "client", "gone", "dead", "slow", "protocol", "size", "limit", "drain",
    "failed"
};


/* only this process writes to its block, and never tears a word */
static ngx_inline void
ngx_http_trading_stream_add(uint64_t *counter, uint64_t n)
{
    __atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}


void
ngx_http_trading_count_stream(ngx_http_trading_main_conf_t *mcf,
    ngx_http_trading_stream_counter_e counter, uint64_t n)
{
    ngx_http_trading_stream_counts_t  *c;

    c = ngx_http_trading_stream_counts(mcf);

    if (c) {
        ngx_http_trading_stream_add(&c->count[counter], n);
    }
}


void
ngx_http_trading_count_opened(ngx_http_trading_main_conf_t *mcf,
    ngx_uint_t websocket, ngx_int_t n)
{
    ngx_http_trading_stream_counts_t  *c;

    c = ngx_http_trading_stream_counts(mcf);

    if (c) {
        ngx_http_trading_stream_add(&c->open[websocket], (uint64_t) n);

        if (n > 0) {
            ngx_http_trading_stream_add(
                                  &c->count[NGX_HTTP_TRADING_SC_OPENED], n);
        }
    }
}


void
ngx_http_trading_count_end(ngx_http_trading_main_conf_t *mcf, ngx_uint_t end)
{
    ngx_http_trading_stream_counts_t  *c;

    c = ngx_http_trading_stream_counts(mcf);

    if (c) {
        ngx_http_trading_stream_add(&c->end[end], 1);
    }
}


static void
ngx_http_trading_stream_bucket(uint64_t *bucket, ngx_uint_t n, uint64_t value)
{
    ngx_uint_t  i;

    for (i = 0; i < n - 1 && value >= 1ULL << i; i++) { /* void */ }

    ngx_http_trading_stream_add(&bucket[i], 1);
}


void
ngx_http_trading_count_flush(ngx_http_trading_main_conf_t *mcf, uint64_t us)
{
    ngx_http_trading_stream_counts_t  *c;

    c = ngx_http_trading_stream_counts(mcf);

    if (c) {
        ngx_http_trading_stream_bucket(c->flush, NGX_HTTP_TRADING_FLUSH_N, us);
        ngx_http_trading_stream_add(&c->flush_us, us);
    }
}


void
ngx_http_trading_count_wire(ngx_http_trading_main_conf_t *mcf, int64_t ms)
{
    ngx_http_trading_stream_counts_t  *c;

    c = ngx_http_trading_stream_counts(mcf);
    ms = ngx_max(ms, 0);

    if (c) {
        ngx_http_trading_stream_bucket(c->wire, NGX_HTTP_TRADING_WIRE_N,
                                       (uint64_t) ms);
        ngx_http_trading_stream_add(&c->wire_ms, (uint64_t) ms);
    }
}


/* a new worker has no streams, whatever its predecessor left in the block */
void
ngx_http_trading_stream_reset(ngx_http_trading_main_conf_t *mcf)
{
    ngx_http_trading_stream_counts_t  *c;

    c = ngx_http_trading_stream_counts(mcf);

    if (c) {
        __atomic_store_n(&c->open[0], 0, __ATOMIC_RELAXED);
        __atomic_store_n(&c->open[1], 0, __ATOMIC_RELAXED);
    }
}


void
ngx_http_trading_text_stream(trd_writer_t *w,
    const ngx_http_trading_stream_counts_t *sum)
{
    ngx_uint_t  i;

    trd_write_lit(w, "# HELP trading_stream_connections Streams that are "
                     "open now.\n"
                     "# TYPE trading_stream_connections gauge\n"
                     "trading_stream_connections{kind=\"websocket\"} ");
    trd_write_u64(w, sum->open[1]);
    trd_write_lit(w, "\ntrading_stream_connections{kind=\"sse\"} ");
    trd_write_u64(w, sum->open[0]);
    trd_write_lit(w, "\n");

    for (i = 0; i < NGX_HTTP_TRADING_SC_N; i++) {
        trd_write_lit(w, "# HELP ");
        trd_write_str(w, ngx_http_trading_stream_families[i].name);
        trd_write_lit(w, " ");
        trd_write_str(w, ngx_http_trading_stream_families[i].help);
        trd_write_lit(w, "\n# TYPE ");
        trd_write_str(w, ngx_http_trading_stream_families[i].name);
        trd_write_lit(w, " counter\n");
        trd_write_str(w, ngx_http_trading_stream_families[i].name);
        trd_write_lit(w, " ");
        trd_write_u64(w, sum->count[i]);
        trd_write_lit(w, "\n");
    }

    trd_write_lit(w, "# HELP trading_stream_closed_total Streams that ended, "
                     "by the reason.\n"
                     "# TYPE trading_stream_closed_total counter\n");

    for (i = 0; i < NGX_HTTP_TRADING_END_N; i++) {
        trd_write_lit(w, "trading_stream_closed_total{reason=\"");
        trd_write_str(w, ngx_http_trading_ends[i]);
        trd_write_lit(w, "\"} ");
        trd_write_u64(w, sum->end[i]);
        trd_write_lit(w, "\n");
    }

    ngx_http_trading_text_histogram(w, "trading_stream_flush_seconds",
                                    "Time from the first to the last write "
                                    "of a flush.",
                                    sum->flush, NGX_HTTP_TRADING_FLUSH_N,
                                    sum->flush_us, 1000000);
    ngx_http_trading_text_histogram(w, "trading_stream_tick_to_wire_seconds",
                                    "Time from receiving a price to having "
                                    "written it to all streams.",
                                    sum->wire, NGX_HTTP_TRADING_WIRE_N,
                                    sum->wire_ms, 1000);
}


static void
ngx_http_trading_text_histogram(trd_writer_t *w, const char *name,
    const char *help, const uint64_t *bucket, ngx_uint_t n, uint64_t sum,
    uint64_t per_second)
{
    u_char      number[64];
    uint64_t    total;
    ngx_uint_t  i;

    trd_write_lit(w, "# HELP ");
    trd_write_str(w, name);
    trd_write_lit(w, " ");
    trd_write_str(w, help);
    trd_write_lit(w, "\n# TYPE ");
    trd_write_str(w, name);
    trd_write_lit(w, " histogram\n");

    total = 0;

    for (i = 0; i < n; i++) {
        total += bucket[i];

        trd_write_str(w, name);
        trd_write_lit(w, "_bucket{le=\"");

        if (i == n - 1) {
            trd_write_lit(w, "+Inf");

        } else {
            trd_write(w, number,
                      ngx_sprintf(number, "%uL.%06uL",
                                  (1ULL << i) / per_second,
                                  (1ULL << i) % per_second
                                  * (1000000 / per_second))
                      - number);
        }

        trd_write_lit(w, "\"} ");
        trd_write_u64(w, total);
        trd_write_lit(w, "\n");
    }

    trd_write_str(w, name);
    trd_write_lit(w, "_sum ");
    trd_write(w, number, ngx_sprintf(number, "%uL.%06uL", sum / per_second,
                                     sum % per_second
                                     * (1000000 / per_second))
                         - number);
    trd_write_lit(w, "\n");
    trd_write_str(w, name);
    trd_write_lit(w, "_count ");
    trd_write_u64(w, total);
    trd_write_lit(w, "\n");
}
