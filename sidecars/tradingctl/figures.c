/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The live counters of a board, copied one by one: each is right, but they
 * are not of one instant.  Rates come from two such copies.
 */

#include <stdio.h>
#include <string.h>

#include "board.h"
#include "tradingctl.h"
#include "trd_apply.h"
#include "trd_writer.h"
#include "tsd_log.h"

#define FIGURES_SILENT_MS  2000     /* as trading_stale's default */

#define figures_load(p)  atomic_load_explicit(p, memory_order_relaxed)


static void
figures_source(ctl_source_t *to, const trd_source_stats_t *s)
{
    unsigned  i;

    to->source = figures_load(&s->source);
    to->state = figures_load(&s->state);
    to->cause = figures_load(&s->cause);
    to->heard_limit_ms = figures_load(&s->heard_limit_ms);
    to->connected_ms = figures_load(&s->connected_ms);
    to->heard_ms = figures_load(&s->heard_ms);
    to->updated_ms = figures_load(&s->updated_ms);
    to->moved_ms = figures_load(&s->moved_ms);
    to->messages = figures_load(&s->messages);
    to->bytes = figures_load(&s->bytes);
    to->updates = figures_load(&s->updates);
    to->polls = figures_load(&s->polls);

    for (i = 0; i < TRD_REFUSED_N; i++) {
        to->refused[i] = figures_load(&s->refused[i]);
    }

    for (i = 0; i < TRD_RECONNECT_N; i++) {
        to->reconnects[i] = figures_load(&s->reconnects[i]);
    }
}


void
ctl_figures_read(ctl_figures_t *f, const trd_board_t *b)
{
    unsigned                   i;
    const trd_board_header_t  *h = b->header;

    memset(f, 0, sizeof(*f));
    f->wall_ms = tsd_wall_ms();
    f->mono_ms = tsd_mono_ms();
    f->age_ms = trd_board_age(b, f->mono_ms);
    f->generation = b->generation;
    f->seq = trd_board_seq(b);
    f->pages = figures_load(&h->pages_rendered);
    f->pages_bytes = figures_load(&h->pages_bytes);
    f->overflowed = figures_load(&h->pages_overflowed);
    f->closed = figures_load(&h->closed);
    f->stale = figures_load(&h->stale);
    f->quoted = figures_load(&h->quoted);
    f->pid = h->writer_pid;

    for (i = 0; i < TRD_LAG_BUCKETS; i++) {
        f->lag[i] = figures_load(&h->lag_us[i]);
    }

    for (i = 0; i < TRD_BOOK_COUNT_N; i++) {
        f->books[i] = figures_load(&h->books[i]);
    }

    for (i = 0; i < b->nsources && f->nsources < CTL_SOURCES; i++) {
        figures_source(&f->sources[f->nsources], &b->sources[i]);

        /* an unused place has no name */

        if (f->sources[f->nsources].source != TRD_SOURCE_NONE
            && trd_source_name(f->sources[f->nsources].source))
        {
            f->updates += f->sources[f->nsources].updates;
            f->nsources++;
        }
    }
}


uint64_t
ctl_lag(const ctl_figures_t *f, const ctl_figures_t *before, unsigned percent)
{
    uint64_t  n[TRD_LAG_BUCKETS], total, sum, was;
    unsigned  i;

    for (i = 0, total = 0; i < TRD_LAG_BUCKETS; i++) {
        was = before ? before->lag[i] : 0;
        n[i] = f->lag[i] > was ? f->lag[i] - was : 0;
        total += n[i];
    }

    if (total == 0) {
        return 0;
    }

    for (i = 0, sum = 0; i < TRD_LAG_BUCKETS - 1; i++) {
        sum += n[i];

        if ((double) sum >= (double) total * percent / 100) {
            return 1ULL << i;
        }
    }

    return UINT64_MAX;
}


double
ctl_rate(const ctl_figures_t *f, const ctl_figures_t *before, uint64_t n,
    uint64_t n_before)
{
    if (before == NULL || before->generation != f->generation
        || f->mono_ms <= before->mono_ms || n < n_before)
    {
        return 0;
    }

    return (double) (n - n_before) * 1000
           / (double) (f->mono_ms - before->mono_ms);
}


const char *
ctl_writer_state(const ctl_figures_t *f)
{
    if (f->closed) {
        return "stopped";
    }

    return f->age_ms > FIGURES_SILENT_MS ? "silent" : "alive";
}


const char *
ctl_source_state(const ctl_source_t *s)
{
    switch (s->state) {

    case TRD_STATE_CONNECTED:
        return "connected";

    case TRD_STATE_STALE:
        return "stale";

    default:
        return "down";
    }
}


int64_t
ctl_since(const ctl_figures_t *f, int64_t ms)
{
    if (ms <= 0) {
        return -1;
    }

    return ms < f->wall_ms ? f->wall_ms - ms : 0;
}


static void
figures_json_lag(const char *name, uint64_t us)
{
    if (us == 0 || us == UINT64_MAX) {
        (void) printf(",\"%s\":null", name);

    } else {
        (void) printf(",\"%s\":%llu", name, (unsigned long long) us);
    }
}


void
ctl_json_writer(const ctl_figures_t *f, const ctl_figures_t *before)
{
    (void) printf("{\"state\":\"%s\",\"pid\":%u,\"heartbeat_age_ms\":",
                  ctl_writer_state(f), f->pid);

    /* of another boot: there is no age */

    if (f->age_ms == INT64_MAX) {
        (void) printf("null");

    } else {
        (void) printf("%lld", (long long) f->age_ms);
    }

    (void) printf(",\"pages_rendered\":%llu,\"pages_bytes\":%llu,"
                  "\"pages_overflowed\":%llu", (unsigned long long) f->pages,
                  (unsigned long long) f->pages_bytes,
                  (unsigned long long) f->overflowed);
    figures_json_lag("lag_p50_us", ctl_lag(f, NULL, 50));
    figures_json_lag("lag_p99_us", ctl_lag(f, NULL, 99));

    if (before) {
        figures_json_lag("recent_lag_p50_us", ctl_lag(f, before, 50));
        figures_json_lag("recent_lag_p99_us", ctl_lag(f, before, 99));
    }

    (void) printf("}");
}


static void
figures_json_age(const char *name, int64_t ms)
{
    if (ms < 0) {
        (void) printf(",\"%s\":null", name);

    } else {
        (void) printf(",\"%s\":%lld", name, (long long) ms);
    }
}


static void
figures_json_counts(const uint64_t *counts, unsigned first, unsigned n,
    const char *(*spell)(unsigned))
{
    unsigned  i;

    (void) printf("{");

    for (i = first; i < n; i++) {
        (void) printf("%s\"%s\":%llu", i > first ? "," : "", spell(i),
                      (unsigned long long) counts[i]);
    }

    (void) printf("}");
}


int
ctl_has_books(const ctl_figures_t *f)
{
    unsigned  i;

    for (i = 0; i < TRD_BOOK_COUNT_N && f->books[i] == 0; i++) { /* void */ }

    return i < TRD_BOOK_COUNT_N;
}


void
ctl_json_books(const ctl_figures_t *f)
{
    figures_json_counts(f->books, 0, TRD_BOOK_COUNT_N, trd_book_count_name);
}


void
ctl_json_sources(const ctl_figures_t *f, const ctl_figures_t *before)
{
    unsigned             i;
    const ctl_source_t  *s;

    (void) printf("{");

    for (i = 0; i < f->nsources; i++) {
        s = &f->sources[i];
        (void) printf("%s\"%s\":{\"state\":\"%s\",\"cause\":", i ? "," : "",
                      trd_source_name(s->source), ctl_source_state(s));

        if (s->cause == TRD_CAUSE_NONE || trd_cause_name(s->cause) == NULL) {
            (void) printf("null");

        } else {
            ctl_json(trd_cause_name(s->cause));
        }

        figures_json_age("heard_age_ms", ctl_since(f, s->heard_ms));
        figures_json_age("update_age_ms", ctl_since(f, s->updated_ms));
        figures_json_age("moved_age_ms", ctl_since(f, s->moved_ms));
        (void) printf(",\"messages\":%llu,\"bytes\":%llu,\"updates\":%llu",
                      (unsigned long long) s->messages,
                      (unsigned long long) s->bytes,
                      (unsigned long long) s->updates);

        if (before && i < before->nsources) {
            (void) printf(",\"updates_per_s\":%.1f",
                          ctl_rate(f, before, s->updates,
                                   before->sources[i].updates));
        }

        (void) printf(",\"refused\":");
        figures_json_counts(s->refused, 1, TRD_REFUSED_N, trd_refused_name);
        (void) printf(",\"reconnects\":");
        figures_json_counts(s->reconnects, 0, TRD_RECONNECT_N,
                            trd_reconnect_name);
        (void) printf("}");
    }

    (void) printf("}");
}
