/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * tradingctl board: what the board is made of, how full it is, and whether
 * every record in it is whole.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "tradingctl.h"
#include "trd_writer.h"

static const char *const  board_sections[TRD_SECTION_N] = {
    "instruments", "index", "quotes", "entry_pages", "pages", "page_data",
    "journal", "sources", "candles", "trades", "depth"
};


/* of the checked header; sections do not change while a board lives */

static trd_section_t
board_section(const trd_board_t *b, unsigned i)
{
    return b->header->section[i];
}


static void
board_json_sections(const trd_board_t *b)
{
    unsigned       i;
    trd_section_t  s;

    (void) printf(",\"sections\":{");

    for (i = 0; i < TRD_SECTION_N; i++) {
        s = board_section(b, i);
        (void) printf("%s\"%s\":{\"offset\":%llu,\"size\":%llu,\"count\":%u,"
                      "\"stride\":%u}", i ? "," : "", board_sections[i],
                      (unsigned long long) s.offset,
                      (unsigned long long) s.size, s.count, s.stride);
    }

    (void) printf("}");
}


static void
board_json(const ctl_board_t *board, const ctl_figures_t *f,
    const ctl_verify_t *v)
{
    char                started[TRD_TIME_LEN + 1];
    unsigned            i;
    const trd_board_t  *b = ctl_board(board);

    ctl_time(b->started_ms, started);
    (void) printf("{\"path\":");
    ctl_json(board->path);
    (void) printf(",\"ok\":%s,\"size\":%llu,\"layout\":%d,"
                  "\"generation\":%llu,\"started_at\":\"%s\",\"seq\":%llu,"
                  "\"instruments\":%u,\"capacity\":%u,\"quoted\":%u,"
                  "\"stale\":%u,\"map_version\":%u,\"writer\":",
                  v->faults ? "false" : "true",
                  (unsigned long long) b->size, TRD_BOARD_LAYOUT,
                  (unsigned long long) b->generation, started,
                  (unsigned long long) f->seq, b->n, b->header->capacity,
                  f->quoted, f->stale, b->map_version);
    ctl_json_writer(f, NULL);
    (void) printf(",\"sources\":");
    ctl_json_sources(f, NULL);
    (void) printf(",\"books\":");
    ctl_json_books(f);
    board_json_sections(b);
    (void) printf(",\"series\":{\"candles\":{");

    for (i = 0; i < TRD_INTERVALS; i++) {
        (void) printf("%s\"%s\":%llu", i ? "," : "", trd_interval_name(i),
                      (unsigned long long) v->candles[i]);
    }

    (void) printf("},\"candles_capacity\":%llu,\"trades\":%llu,"
                  "\"trades_capacity\":%llu,\"books\":%llu,\"levels\":%llu,"
                  "\"levels_capacity\":%llu}",
                  (unsigned long long) b->candles * b->n,
                  (unsigned long long) v->trades,
                  (unsigned long long) b->trades * b->n,
                  (unsigned long long) v->depths,
                  (unsigned long long) v->levels,
                  (unsigned long long) b->depth * 2 * b->n);
    (void) printf(",\"verified\":{\"instruments\":%llu,\"index\":%llu,"
                  "\"quotes\":%llu,\"pages\":%llu,\"journal\":%llu,"
                  "\"unsettled\":%llu,\"faults\":%llu},\"faults\":[",
                  (unsigned long long) v->instruments,
                  (unsigned long long) v->index,
                  (unsigned long long) v->quotes,
                  (unsigned long long) v->pages,
                  (unsigned long long) v->journal,
                  (unsigned long long) v->unsettled,
                  (unsigned long long) v->faults);

    for (i = 0; i < v->nfault; i++) {
        (void) printf("%s", i ? "," : "");
        ctl_json(v->fault[i]);
    }

    (void) printf("]}\n");
}


static void
board_text_lag(const ctl_figures_t *f)
{
    char  p50[32], p99[32];

    ctl_text_lag(ctl_lag(f, NULL, 50), p50);
    ctl_text_lag(ctl_lag(f, NULL, 99), p99);
    (void) printf("lag         p50 %s, p99 %s from update to page\n", p50,
                  p99);
}


static void
board_text_sources(const ctl_figures_t *f)
{
    char                 heard[32], updated[32];
    unsigned             i;
    const ctl_source_t  *s;

    for (i = 0; i < f->nsources; i++) {
        s = &f->sources[i];
        ctl_text_age(ctl_since(f, s->heard_ms), heard);
        ctl_text_age(ctl_since(f, s->updated_ms), updated);
        (void) printf("%s%-10s %s, heard %s ago, updated %s ago, "
                      "%llu updates\n", i ? "            " : "sources     ",
                      trd_source_name(s->source), ctl_source_state(s), heard,
                      updated, (unsigned long long) s->updates);
    }

    if (ctl_has_books(f)) {
        (void) printf("kept books  %llu times synced, %llu lost, %llu checked, "
                      "%llu wrong\n",
                      (unsigned long long) f->books[TRD_BOOK_COUNT_SYNCED],
                      (unsigned long long) f->books[TRD_BOOK_COUNT_LOST],
                      (unsigned long long) f->books[TRD_BOOK_COUNT_CHECKED],
                      (unsigned long long) f->books[TRD_BOOK_COUNT_WRONG]);
    }
}


static void
board_text_series(const trd_board_t *b, const ctl_verify_t *v)
{
    unsigned  i;
    uint64_t  room;

    room = (uint64_t) b->candles * b->n;

    for (i = 0; i < TRD_INTERVALS; i++) {
        (void) printf("%s%-8s %8llu of %llu\n",
                      i ? "            " : "candles     ",
                      trd_interval_name(i),
                      (unsigned long long) v->candles[i],
                      (unsigned long long) room);
    }

    (void) printf("trades      %17llu of %llu\n"
                  "books       %17llu of %u, %llu levels\n",
                  (unsigned long long) v->trades,
                  (unsigned long long) b->trades * b->n,
                  (unsigned long long) v->depths, b->n,
                  (unsigned long long) v->levels);
}


static void
board_text(const ctl_board_t *board, const ctl_figures_t *f,
    const ctl_verify_t *v)
{
    char                started[TRD_TIME_LEN + 1], age[32];
    unsigned            i;
    trd_section_t       s;
    const trd_board_t  *b = ctl_board(board);

    ctl_time(b->started_ms, started);
    ctl_text_age(f->age_ms, age);
    (void) printf("board       %s\nsize        %llu bytes, layout %d\n"
                  "generation  %llu, since %s\n"
                  "writer      %s, pid %u, heartbeat %s ago\n"
                  "seq         %llu\n"
                  "pages       %llu rendered, %llu bytes, %llu did not fit\n",
                  board->path, (unsigned long long) b->size, TRD_BOARD_LAYOUT,
                  (unsigned long long) b->generation, started,
                  ctl_writer_state(f), f->pid, age,
                  (unsigned long long) f->seq,
                  (unsigned long long) f->pages,
                  (unsigned long long) f->pages_bytes,
                  (unsigned long long) f->overflowed);
    board_text_lag(f);
    (void) printf("instruments %u of %u, %u quoted, %u stale\n", b->n,
                  b->header->capacity, f->quoted, f->stale);
    board_text_sources(f);
    board_text_series(b, v);

    (void) printf("\n%-12s %12s %12s %9s %9s\n", "section", "offset", "size",
                  "count", "stride");

    for (i = 0; i < TRD_SECTION_N; i++) {
        s = board_section(b, i);
        (void) printf("%-12s %12llu %12llu %9u %9u\n", board_sections[i],
                      (unsigned long long) s.offset,
                      (unsigned long long) s.size, s.count, s.stride);
    }

    (void) printf("\nverified    %llu instruments, %llu names, %llu quotes, "
                  "%llu pages,\n            %llu journal entries, and all "
                  "candles, trades, books\n",
                  (unsigned long long) v->instruments,
                  (unsigned long long) v->index,
                  (unsigned long long) v->quotes,
                  (unsigned long long) v->pages,
                  (unsigned long long) v->journal);

    if (v->unsettled) {
        (void) printf("unsettled   %llu records that changed all the time\n",
                      (unsigned long long) v->unsettled);
    }

    if (v->faults == 0) {
        (void) printf("ok          every hash is right\n");
        return;
    }

    (void) printf("NOT OK      %llu faults\n",
                  (unsigned long long) v->faults);

    for (i = 0; i < v->nfault; i++) {
        (void) printf("            %s\n", v->fault[i]);
    }
}


int
ctl_board_command(int argc, char **argv)
{
    int             rc, json;
    ctl_board_t    *b;
    ctl_verify_t    v;
    ctl_figures_t   f;

    json = ctl_option(&argc, argv, "json", NULL);
    b = calloc(1, sizeof(*b));

    if (b == NULL) {
        (void) fprintf(stderr, "tradingctl board: no memory\n");
        return CTL_FAILED;
    }

    rc = ctl_board_init(b, &argc, argv);

    if (rc != CTL_OK) {
        goto done;
    }

    if (argc != 1) {
        rc = ctl_usage("board", "it takes no further argument");
        goto done;
    }

    rc = CTL_FAILED;

    if (ctl_board_open(b) == NULL) {
        goto done;
    }

    if (ctl_verify(&v, b) != 0) {
        (void) fprintf(stderr, "tradingctl board: no memory\n");
        goto done;
    }

    ctl_figures_read(&f, ctl_board(b));

    if (json) {
        board_json(b, &f, &v);

    } else {
        board_text(b, &f, &v);
    }

    rc = v.faults ? CTL_FAILED : CTL_OK;

done:

    ctl_board_close(b);
    free(b);

    return rc;
}
