/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * tradingctl top --json: the same as a frame, for machines.
 */

#include <stdio.h>

#include "top.h"
#include "tradingctl.h"
#include "trd_writer.h"


static void
top_json_workers(const gateway_t *g)
{
    unsigned                  i;
    const gateway_figures_t  *f;

    if (g == NULL) {
        (void) printf("null");
        return;
    }

    (void) printf("{\"url\":");
    ctl_json(gateway_url(g));

    if (gateway_why(g)[0]) {
        (void) printf(",\"error\":");
        ctl_json(gateway_why(g));
        (void) printf("}");
        return;
    }

    f = gateway_now(g);
    (void) printf(",\"requests\":%llu,\"by_status\":{",
                  (unsigned long long) f->requests);

    for (i = 0; i < GATEWAY_CLASSES; i++) {
        (void) printf("%s\"%s\":%llu", i ? "," : "", gateway_classes[i],
                      (unsigned long long) f->status[i]);
    }

    (void) printf("}");

    for (i = 0; i < GATEWAY_COUNTERS; i++) {
        (void) printf(",\"%s\":%llu", gateway_counters[i],
                      (unsigned long long) f->counter[i]);
    }

    (void) printf("}");
}


void
top_json(const top_t *t)
{
    char                  now[TRD_TIME_LEN + 1];
    uint32_t              i;
    const top_row_t      *row;
    const ctl_figures_t  *f = &t->now, *before = top_before(t);

    ctl_time(f->wall_ms, now);
    (void) printf("{\"timestamp\":\"%s\",\"board\":{\"path\":", now);
    ctl_json(t->board.path);
    (void) printf(",\"generation\":%llu,\"seq\":%llu,\"instruments\":%u,"
                  "\"quoted\":%u,\"stale\":%u},\"writer\":",
                  (unsigned long long) f->generation,
                  (unsigned long long) f->seq, t->n, f->quoted, f->stale);
    ctl_json_writer(f, before);
    (void) printf(",\"rates\":{\"updates_per_s\":%.1f,\"pages_per_s\":%.1f,"
                  "\"page_bytes_per_s\":%.0f},\"sources\":",
                  ctl_rate(f, before, f->updates,
                           before ? before->updates : 0),
                  ctl_rate(f, before, f->pages, before ? before->pages : 0),
                  ctl_rate(f, before, f->pages_bytes,
                           before ? before->pages_bytes : 0));
    ctl_json_sources(f, before);
    (void) printf(",\"books\":");
    ctl_json_books(f);
    (void) printf(",\"workers\":");
    top_json_workers(t->gateway);
    (void) printf(",\"quotes\":{");

    for (i = 0; i < t->n; i++) {
        row = &t->rows[i];
        (void) printf("%s", i ? "," : "");
        ctl_json(row->in.symbol);
        (void) printf(":");

        if (row->rc == TRD_OK) {
            ctl_json_quote(&row->in, &row->quote);

        } else {
            (void) printf("null");
        }
    }

    (void) printf("}}\n");
}
