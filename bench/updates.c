/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * How many updates a second reach the board on one core, with all that
 * marketd does for each of them:
 *
 *     updates INSTRUMENTS.json DIR SECONDS
 *
 * An update is a trade with the quote that it leads to: it is judged, folded,
 * published, journalled and put into candles of all intervals and onto the
 * ring of trades.  An instrument has ten a second by the market's clock, so
 * that candles close and indicators and signals follow them; pages are
 * rendered, gzip ones as well, every 25 ms.  Each line is a way to run it:
 *
 *     bare     quotes and journal alone: what the rest is measured against
 *     all      the above
 *     tape     the same, and a tape in DIR; its thread is on the same core
 */

#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "board_file.h"
#include "catalogue.h"
#include "market_tape.h"
#include "render.h"
#include "series.h"
#include "trd_board_series.h"
#include "trd_decimal.h"
#include "trd_sim.h"
#include "tsd_log.h"
#include "tsd_tape_file.h"

#define START_MS    1767225600000LL     /* 2026-01-01 */
#define STEP_MS     100
#define RENDER_US   25000
#define CHUNK       64                  /* updates between looks at the clock */
#define CLOSED      60      /* candles that signals need, and more */

typedef enum {
    UPDATES_BARE = 0,
    UPDATES_ALL,
    UPDATES_TAPE,
    UPDATES_N
} updates_way_t;

typedef struct {
    marketd_config_t   config;
    catalogue_t        catalogue;
    market_t           market;
    board_file_t       file;
    render_t          *render;
    int64_t           *price_e8;
    char               tape[4096];
} updates_t;


static void
updates_failed(const char *what)
{
    (void) fprintf(stderr, "updates: %s\n", what);
    exit(1);
}


static void
updates_open(updates_t *b, char **argv, updates_way_t way)
{
    uint32_t   i;
    market_t  *m = &b->market;

    memset(b, 0, sizeof(*b));

    if (marketd_config_read(&b->config) != 0
        || catalogue_read(&b->catalogue, argv[1]) != 0)
    {
        updates_failed("no configuration or catalogue");
    }

    if (way == UPDATES_TAPE) {
        (void) snprintf(b->tape, sizeof(b->tape), "%s/bench-updates", argv[2]);
        b->config.tape_dir = b->tape;
        b->config.tape_max_bytes = 1ULL << 40;
        b->config.tape_segment_bytes = 64 << 20;
    }

    b->price_e8 = calloc(b->catalogue.n, sizeof(int64_t));

    if (b->price_e8 == NULL
        || board_file_lock(&b->file, argv[2]) != 0
        || board_file_create(&b->file, m, &b->catalogue, argv[1], 0) != 0
        || market_init(m, &b->config, &b->catalogue) != 0
        || (b->render = render_create(m, NULL)) == NULL
        || (way != UPDATES_BARE && series_create(m) == NULL)
        || market_tape_open(m) != 0)
    {
        updates_failed("no market");
    }

    if (m->tape) {
        tsd_tape_may_wait(m->tape, 1);
    }

    for (i = 0; i < b->catalogue.n; i++) {
        b->catalogue.instruments[i].source = TRD_SOURCE_BINANCE;
        b->price_e8[i] = 1000000 * b->catalogue.instruments[i].price_tick_e8;
    }
}


static void
updates_close(updates_t *b)
{
    size_t            i;
    tsd_tape_list_t   list;

    market_tape_close(&b->market);

    if (b->tape[0] && tsd_tape_list(&list, b->tape, TRD_TAPE_RECORDS) == 0) {
        for (i = 0; i < list.n; i++) {
            (void) unlink(list.paths[i]);
        }

        tsd_tape_list_free(&list);
        (void) strncat(b->tape, "/lock", sizeof(b->tape) - strlen(b->tape) - 1);
        (void) unlink(b->tape);
        *strrchr(b->tape, '/') = '\0';
        (void) rmdir(b->tape);
    }

    series_free(b->market.series);
    board_file_close(&b->file);
    free(b->price_e8);
}


static void
updates_one(updates_t *b, uint64_t k)
{
    int64_t        tick;
    uint32_t       i;
    uint64_t       h;
    market_t      *m = &b->market;
    trd_print_t    t;
    trd_update_t   u;

    i = (uint32_t) (k % b->catalogue.n);
    h = trd_sim_hash(k);
    tick = b->catalogue.instruments[i].price_tick_e8;
    b->price_e8[i] += ((int64_t) (h % 5) - 2) * tick;

    memset(&u, 0, sizeof(u));
    u.kind = TRD_UPDATE_QUOTE;
    u.has = TRD_HAS_LAST | TRD_HAS_BID | TRD_HAS_ASK | TRD_HAS_TIME;
    u.last_e8 = b->price_e8[i];
    u.bid_e8 = u.last_e8 - tick;
    u.ask_e8 = u.last_e8 + (int64_t) (h >> 32 & 3) * tick;
    u.exchange_ms = m->now_ms;

    if (market_apply(m, &m->writer.sources[0], i, &u) != TRD_REFUSED_NOT) {
        updates_failed("an update is refused");
    }

    memset(&t, 0, sizeof(t));
    t.first_id = t.last_id = k / b->catalogue.n + 1;
    t.ms = m->now_ms;
    t.price_e8 = u.last_e8;
    t.quantity_e8 = 1000 + (int64_t) (h >> 40 & 0xfffff);
    series_trade(m, i, &t, 0);
}


/* by the readers' code: closed candles of a minute, and the tape's rows */

static void
updates_check(updates_t *b, updates_way_t way)
{
    uint32_t       i, n;
    const char    *why;
    trd_board_t    board;
    trd_candle_t   c[CLOSED + 1];

    if (trd_board_open(&board, b->file.base, b->file.size, &why) != TRD_OK) {
        updates_failed(why);
    }

    for (i = 0; way != UPDATES_BARE && i < board.n; i++) {
        if (trd_board_candles(&board, i, TRD_INTERVAL_1M, INT64_MAX,
                              CLOSED + 1, c, &n)
            != TRD_OK || n <= CLOSED)
        {
            updates_failed("too few candles, let it run for longer");
        }
    }
}


static void
updates_run(char **argv, updates_way_t way, int64_t us)
{
    double      s;
    int64_t     start, now, render, sweep;
    uint64_t    k;
    market_t   *m;
    updates_t  *b;

    static const char *const  names[UPDATES_N] = { "bare", "all", "tape" };

    b = malloc(sizeof(*b));
    if (b == NULL) {
        updates_failed("no memory");
    }

    updates_open(b, argv, way);
    m = &b->market;
    market_set_clock(m, START_MS);
    sweep = START_MS + 1000;
    start = now = tsd_mono_us();
    render = start + RENDER_US;

    for (k = 0; now < start + us; k++) {
        if (k % b->catalogue.n == 0) {
            market_set_clock(m, START_MS + (int64_t) (k / b->catalogue.n)
                                           * STEP_MS);

            if (m->now_ms >= sweep) {
                sweep += 1000;
                market_sweep(m);
                series_clock(m);
            }
        }

        updates_one(b, k);

        if (k % CHUNK == 0) {
            now = tsd_mono_us();

            if (now >= render) {
                render = now + RENDER_US;
                render_now(b->render);
                market_tape_tick(m);
            }
        }
    }

    updates_check(b, way);
    updates_close(b);

    /* the tape is written and closed by now, which is paid for as well */

    s = (double) (tsd_mono_us() - start) / 1e6;
    (void) printf("{\"way\":\"%s\",\"updates\":%llu,\"per_s\":%.0f}\n",
                  names[way], (unsigned long long) k, (double) k / s);
    free(b);
}


int
main(int argc, char **argv)
{
    int        way;
    int64_t    us;
    cpu_set_t  cpu;

    us = argc == 4 ? (int64_t) (atof(argv[3]) * 1e6) : 0;

    if (us < 100000) {
        (void) fprintf(stderr, "usage: updates INSTRUMENTS.json DIR "
                       "SECONDS\n");
        return 2;
    }

    (void) tsd_log_init("bench", "warn", "text");

    CPU_ZERO(&cpu);
    CPU_SET(sched_getcpu(), &cpu);
    (void) sched_setaffinity(0, sizeof(cpu), &cpu);

    for (way = UPDATES_BARE; way < UPDATES_N; way++) {
        updates_run(argv, (updates_way_t) way, us);
    }

    return 0;
}
