/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What marketd and its board take once all rings are full, which they are
 * after years:
 *
 *     memory INSTRUMENTS.json DIR
 *
 * In each step, a day long at first, every instrument has a quote, a trade
 * and a book, so that one trade closes a candle of each interval, until every
 * ring of candles and trades holds as many as it can; then every page is
 * rendered into both of its buffers.  The code and the file are marketd's;
 * what it lacks is the loop and a source, which take next to nothing.  The
 * rings are counted by the readers' code, and it is a failure if one is not
 * full.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "board_file.h"
#include "catalogue.h"
#include "render.h"
#include "series.h"
#include "trd_board_series.h"
#include "trd_decimal.h"
#include "tsd_log.h"

#define START_MS  1262304000000LL       /* 2010-01-01 */
#define HOUR_MS   3600000LL
#define SIGNALS   60                    /* candles that they need, and more */
#define RENDERED  3                     /* times */
#define PAGE_US   1100000               /* no page comes more often */
#define LEVELS    20

typedef struct {
    marketd_config_t   config;
    catalogue_t        catalogue;
    market_t           market;
    board_file_t       file;
    render_t          *render;
} memory_t;


static void
memory_failed(const char *what)
{
    (void) fprintf(stderr, "memory: %s\n", what);
    exit(1);
}


static void
memory_open(memory_t *b, const char *catalogue, const char *dir)
{
    uint32_t   i;
    market_t  *m = &b->market;

    memset(b, 0, sizeof(*b));

    if (marketd_config_read(&b->config) != 0
        || catalogue_read(&b->catalogue, catalogue) != 0)
    {
        memory_failed("no configuration or catalogue");
    }

    b->config.max_jump_bp = 0;

    for (i = 0; i < b->catalogue.n; i++) {
        b->catalogue.instruments[i].source = TRD_SOURCE_BINANCE;
    }

    if (board_file_lock(&b->file, dir) != 0
        || board_file_create(&b->file, m, &b->catalogue, catalogue, 0) != 0
        || market_init(m, &b->config, &b->catalogue) != 0
        || (b->render = render_create(m, NULL)) == NULL
        || series_create(m) == NULL)
    {
        memory_failed("no market");
    }

    atomic_store(&m->writer.sources[0].source, TRD_SOURCE_BINANCE);
}


/* what an instrument hears of in a step; each has a price of its own */

static void
memory_hear(memory_t *b, uint32_t i, uint64_t step)
{
    int64_t            tick;
    unsigned           k;
    market_t          *m = &b->market;
    trd_print_t        t;
    trd_update_t       u;
    trd_board_book_t   book;

    static trd_level_t  bids[LEVELS], asks[LEVELS];

    tick = b->catalogue.instruments[i].price_tick_e8;

    memset(&u, 0, sizeof(u));
    u.kind = TRD_UPDATE_QUOTE;
    u.has = TRD_HAS_LAST | TRD_HAS_BID | TRD_HAS_ASK | TRD_HAS_OPEN
            | TRD_HAS_HIGH | TRD_HAS_LOW | TRD_HAS_VOLUME
            | TRD_HAS_QUOTE_VOLUME | TRD_HAS_TIME;
    u.last_e8 = tick * (int64_t) (6000000 + i * 17 + step * 7919 % 1000);
    u.bid_e8 = u.last_e8 - tick;
    u.ask_e8 = u.last_e8 + tick;
    u.open_e8 = u.last_e8 - 90 * tick;
    u.high_e8 = u.last_e8 + 100 * tick;
    u.low_e8 = u.last_e8 - 100 * tick;
    u.volume_e8 = 1234567890123LL + (int64_t) i;
    u.quote_volume_e8 = 123456789012345678LL + (int64_t) i;
    u.exchange_ms = m->now_ms;

    if (market_apply(m, &m->writer.sources[0], i, &u) != TRD_REFUSED_NOT) {
        memory_failed("a quote is refused");
    }

    memset(&t, 0, sizeof(t));
    t.first_id = t.last_id = step + 1;
    t.ms = m->now_ms;
    t.price_e8 = u.last_e8;
    t.quantity_e8 = 100000 + (int64_t) i;
    series_trade(m, i, &t, 0);

    for (k = 0; k < LEVELS; k++) {
        bids[k].price_e8 = u.bid_e8 - k * tick;
        asks[k].price_e8 = u.ask_e8 + k * tick;
        bids[k].quantity_e8 = asks[k].quantity_e8 = TRD_E8 + k;
    }

    memset(&book, 0, sizeof(book));
    book.last_id = step + 1;
    book.received_ms = m->now_ms;
    book.nbids = book.nasks = LEVELS;
    book.bids = bids;
    book.asks = asks;
    series_book(m, i, &book);
}


static void
memory_step(memory_t *b, int64_t ms, uint64_t step)
{
    uint32_t   i;
    market_t  *m = &b->market;

    market_set_clock(m, ms);

    for (i = 0; i < b->catalogue.n; i++) {
        memory_hear(b, i, step);
        (void) series_flush(m, i);
    }

    series_clock(m);
}


/* days, and then shorter steps, so that signals of all intervals have what
   they need: candles without a gap */

static void
memory_fill(memory_t *b)
{
    int64_t    ms;
    uint32_t   k;
    uint64_t   step;
    unsigned   i;
    market_t  *m = &b->market;

    const struct {
        int64_t   ms;
        uint32_t  n;
    } phases[] = {
        { 24 * HOUR_MS, (m->writer.candles > m->writer.trades
                         ? m->writer.candles : m->writer.trades) + 1 },
        { 4 * HOUR_MS, SIGNALS },
        { HOUR_MS, SIGNALS },
        { HOUR_MS / 4, SIGNALS },
        { HOUR_MS / 12, SIGNALS },
        { HOUR_MS / 60, SIGNALS }
    };

    ms = START_MS;
    step = 0;

    for (i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
        for (k = 0; k < phases[i].n; k++) {
            memory_step(b, ms, step++);
            ms += phases[i].ms;
        }
    }

    for (k = 0; k < RENDERED; k++, ms += HOUR_MS / 60) {
        memory_step(b, ms, step++);
        market_clock(m);
        render_now(b->render);
        (void) usleep(PAGE_US);
    }
}


/* every page of an instrument has used both of its buffers */

static void
memory_pages(const trd_board_t *board)
{
    uint32_t           i;
    unsigned           k;
    const trd_page_t  *page;

    for (i = 0; i < board->n; i++) {
        for (k = 0; k < TRD_ENTRY_N; k++) {
            page = trd_board_entry_page(board, i, k);

            if (atomic_load(&page->version) < 2) {
                memory_failed("a page was not rendered twice");
            }
        }
    }
}


/* the number of records in all rings of candles, and of trades */

static void
memory_count(memory_t *b)
{
    uint32_t       i, n, max;
    unsigned       k;
    uint64_t       total, missed;
    const char    *why;
    trd_board_t    board;
    trd_trade_t   *trades;
    trd_candle_t  *candles;

    if (trd_board_open(&board, b->file.base, b->file.size, &why) != TRD_OK) {
        memory_failed(why);
    }

    memory_pages(&board);

    max = board.candles > board.trades ? board.candles : board.trades;
    trades = calloc(max, sizeof(*trades));
    candles = calloc(max, sizeof(*candles));

    if (trades == NULL || candles == NULL) {
        memory_failed("no memory");
    }

    total = 0;

    for (i = 0; i < board.n; i++) {
        for (k = 0; k < TRD_INTERVALS; k++) {
            if (trd_board_candles(&board, i, k, INT64_MAX, board.candles,
                                  candles, &n) != TRD_OK
                || n != board.candles)
            {
                memory_failed("a ring of candles is not full");
            }

            total += n;
        }

        if (trd_board_trades(&board, i, 0, board.trades, trades, &n, &missed)
            != TRD_OK
            || n != board.trades)
        {
            memory_failed("a ring of trades is not full");
        }

        total += n;
    }

    free(trades);
    free(candles);

    (void) printf("{\"instruments\":%u,\"candles\":%u,\"trades\":%u,"
                  "\"records\":%llu", board.n, board.candles, board.trades,
                  (unsigned long long) total);
}


/* kB of a line of /proc/self/status */

static unsigned long
memory_status(const char *name)
{
    char           line[256];
    FILE          *f;
    size_t         len;
    unsigned long  kb;

    f = fopen("/proc/self/status", "r");
    if (f == NULL) {
        memory_failed("no /proc/self/status");
    }

    len = strlen(name);
    kb = 0;

    while (fgets(line, sizeof(line), f)) {
        if (strncmp(line, name, len) == 0 && line[len] == ':') {
            kb = strtoul(line + len + 1, NULL, 10);
        }
    }

    (void) fclose(f);

    return kb;
}


int
main(int argc, char **argv)
{
    memory_t       b;
    struct stat    st;
    unsigned long  process;

    if (argc != 3) {
        (void) fprintf(stderr, "usage: memory INSTRUMENTS.json DIR\n");
        return 2;
    }

    (void) tsd_log_init("bench", "warn", "text");

    memory_open(&b, argv[1], argv[2]);
    memory_fill(&b);
    process = memory_status("RssAnon") + memory_status("RssFile");
    memory_count(&b);

    if (stat(b.file.temp, &st) != 0) {
        memory_failed("no board");
    }

    (void) printf(",\"process_bytes\":%lu,\"board_bytes\":%llu}\n",
                  process * 1024, (unsigned long long) st.st_blocks * 512);

    board_file_close(&b.file);

    return 0;
}
