/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Writes a board for tests with the code that marketd itself uses: fixed
 * quotes from a small text file, the heartbeat as told.
 *
 *     mkboard [options] INSTRUMENTS.json QUOTES.tsv RUN_DIR
 *
 * QUOTES.tsv: a line an update, tab-separated: exchange symbol, source, last,
 * bid, ask, open, high, low, volume, quote volume, exchange time in ms; "-"
 * where the source says nothing.  "#" begins a comment.  The clock stands at
 * 2024-01-01T00:00:01Z, so that the pages are the same on every run; --fresh
 * takes the real one instead, and puts every time of the file to now.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "board_file.h"
#include "mkboard_series.h"
#include "render.h"
#include "trd_decimal.h"
#include "tsd_log.h"
#include "tsd_wake.h"


#define MKBOARD_NOW_MS  1704067201000LL

typedef struct {
    int       empty;            /* no quotes */
    int       fresh;            /* received now, not in 2024 */
    int       stale;            /* quotes long past their limit */
    int       closed;
    int       series;           /* candles, trades and books, too */
    int       wake;             /* serve followers, too */
    long      beat_ago_ms;
    long      serve_ms;         /* keep beating that long */
    long      instruments;      /* further instruments, made up */
    long      rewrite;          /* updates to write while serving, a second */
} mkboard_t;


static void
mkboard_usage(void)
{
    (void) fprintf(stderr,
        "usage: mkboard [options] INSTRUMENTS.json QUOTES.tsv RUN_DIR\n"
        "  --empty             instruments without quotes\n"
        "  --fresh             quotes of this moment, by the real clock\n"
        "  --stale             quotes received long ago, marked stale\n"
        "  --closed            as left by a writer that stopped orderly\n"
        "  --series            with candles, trades and books of BTC and ETH\n"
        "  --beat-ago MS       last heartbeat MS ago (default 0)\n"
        "  --serve MS          stay and beat for MS\n"
        "  --rewrite N         meanwhile write N updates a second\n"
        "  --wake              meanwhile serve the socket RUN_DIR/board.wake\n"
        "  --instruments N     add instruments up to N (SYM0001 ...), each\n"
        "                      with the quote of the first line\n"
        "writes RUN_DIR/board and prints its path\n");
    exit(2);
}


static int
mkboard_field(char *text, uint32_t bit, int64_t *value, uint32_t *has)
{
    if (text == NULL) {
        return -1;
    }

    if (strcmp(text, "-") == 0) {
        return 0;
    }

    if (trd_decimal_parse(text, strlen(text), value) != TRD_OK) {
        return -1;
    }

    *has |= bit;

    return 0;
}


/* symbol, source and update of a line; 1: nothing on it, -1: malformed */

static int
mkboard_line(char *line, char **symbol, uint8_t *source, trd_update_t *u)
{
    char     *save, *text;
    unsigned  i;

    line[strcspn(line, "\r\n")] = '\0';
    memset(u, 0, sizeof(*u));
    u->kind = TRD_UPDATE_QUOTE;

    *symbol = strtok_r(line, "\t", &save);

    if (*symbol == NULL || **symbol == '#') {
        return 1;
    }

    text = strtok_r(NULL, "\t", &save);

    for (i = 0; text && i < TRD_SOURCE_N; i++) {
        if (strcmp(text, trd_source_name(i)) == 0) {
            break;
        }
    }

    if (text == NULL || i == TRD_SOURCE_N) {
        return -1;
    }

    *source = (uint8_t) i;

#define mkboard_next(bit, field)                                              \
    mkboard_field(strtok_r(NULL, "\t", &save), bit, &u->field, &u->has) != 0

    if (mkboard_next(TRD_HAS_LAST, last_e8)
        || mkboard_next(TRD_HAS_BID, bid_e8)
        || mkboard_next(TRD_HAS_ASK, ask_e8)
        || mkboard_next(TRD_HAS_OPEN, open_e8)
        || mkboard_next(TRD_HAS_HIGH, high_e8)
        || mkboard_next(TRD_HAS_LOW, low_e8)
        || mkboard_next(TRD_HAS_VOLUME, volume_e8)
        || mkboard_next(TRD_HAS_QUOTE_VOLUME, quote_volume_e8))
    {
        return -1;
    }

#undef mkboard_next

    text = strtok_r(NULL, "\t", &save);

    if (text == NULL) {
        return -1;
    }

    if (strcmp(text, "-") != 0) {
        u->exchange_ms = strtoll(text, NULL, 10);
        u->has |= TRD_HAS_TIME;
    }

    return 0;
}


static void
mkboard_quotes(market_t *m, const char *file, const mkboard_t *o)
{
    int            rc, n;
    char           line[1024], *symbol;
    FILE          *f;
    uint8_t        source;
    uint32_t       i;
    unsigned       number;
    trd_update_t   u;

    f = fopen(file, "r");
    if (f == NULL) {
        (void) fprintf(stderr, "mkboard: %s: %s\n", file, strerror(errno));
        exit(1);
    }

    for (number = 1, n = 0; fgets(line, sizeof(line), f); number++) {

        rc = mkboard_line(line, &symbol, &source, &u);

        if (rc == 1) {
            continue;
        }

        for (i = 0; rc == 0 && i < m->catalogue->n; i++) {
            if (strcmp(m->catalogue->instruments[i].exchange_symbol, symbol)
                == 0)
            {
                break;
            }
        }

        if (rc == -1 || i == m->catalogue->n) {
            (void) fprintf(stderr, "mkboard: %s:%u: malformed\n", file,
                           number);
            exit(1);
        }

        m->catalogue->instruments[i].source = source;

        if (o->fresh && (u.has & TRD_HAS_TIME)) {
            u.exchange_ms = m->now_ms;
        }

        if (market_apply(m, &m->writer.sources[0], i, &u) != TRD_REFUSED_NOT) {
            (void) fprintf(stderr, "mkboard: %s:%u: refused\n", file, number);
            exit(1);
        }

        if (n++ == 0) {
            for (i = 0; (long) i < o->instruments; i++) {
                if (strncmp(m->catalogue->instruments[i].symbol, "SYM", 3)
                    == 0)
                {
                    (void) market_apply(m, &m->writer.sources[0], i, &u);
                }
            }
        }
    }

    (void) fclose(f);
}


/* fills the catalogue up to n instruments */

static void
mkboard_more(catalogue_t *c, long n)
{
    long               i;
    trd_instrument_t  *in;

    in = realloc(c->instruments, (size_t) n * sizeof(*in));

    if (in == NULL) {
        exit(1);
    }

    for (i = c->n; i < n; i++) {
        in[i] = in[0];
        (void) snprintf(in[i].symbol, sizeof(in[i].symbol), "SYM%04ld", i);
        (void) snprintf(in[i].exchange_symbol, sizeof(in[i].symbol),
                        "SYM%04ldUSDT", i);
        (void) snprintf(in[i].base, sizeof(in[i].base), "SYM%04ld", i);
    }

    c->instruments = in;
    c->n = (uint32_t) n;
}


static uint64_t
mkboard_seq(void *ctx)
{
    return ((market_t *) ctx)->writer.seq;
}


static tsd_wake_t *
mkboard_wake(market_t *m, const char *board, struct event_base **base)
{
    char         path[4096 + 8];
    tsd_wake_t  *w;

    (void) snprintf(path, sizeof(path), "%s.wake", board);
    *base = event_base_new();
    w = *base ? tsd_wake_create(*base, path, mkboard_seq, m) : NULL;

    if (w == NULL) {
        (void) fprintf(stderr, "mkboard: %s: %s\n", path, strerror(errno));
        exit(1);
    }

    return w;
}


/* the first instrument's last price alternates by a tick, others follow */

static void
mkboard_serve(market_t *m, const mkboard_t *o, struct event_base *base,
    tsd_wake_t *wake)
{
    int64_t       end, written;
    uint32_t      i;
    trd_update_t  u;

    end = tsd_mono_ms() + o->serve_ms;
    written = 0;
    memset(&u, 0, sizeof(u));
    u.kind = TRD_UPDATE_QUOTE;
    u.has = TRD_HAS_LAST;

    while (tsd_mono_ms() < end) {

        /* the clock would make what nobody writes stale */

        if (o->rewrite) {
            market_clock(m);
        }

        while (o->rewrite && (written * 1000 / o->rewrite)
               < o->serve_ms - (end - tsd_mono_ms()))
        {
            i = (uint32_t) (written % m->catalogue->n);

            if (m->states[i].quote.has & TRD_HAS_LAST) {
                u.last_e8 = m->states[i].quote.last_e8 + (written & 1 ? -1 : 1)
                            * m->catalogue->instruments[i].price_tick_e8;
                u.exchange_ms = m->now_ms;
                (void) market_apply(m, &m->writer.sources[0], i, &u);
            }

            written++;
        }

        if (o->rewrite) {
            render_now(m->render);
        }

        trd_board_beat(&m->writer, tsd_mono_ms(), tsd_wall_ms());

        if (wake) {
            (void) event_base_loop(base, EVLOOP_NONBLOCK);
            tsd_wake_notify(wake);
        }

        (void) usleep(o->rewrite ? 1000 : 20000);
    }
}


static long
mkboard_number(int argc, char **argv, int *i)
{
    char  *end;
    long   n;

    if (*i + 1 >= argc) {
        mkboard_usage();
    }

    n = strtol(argv[++*i], &end, 10);

    if (*end != '\0' || n < 0) {
        mkboard_usage();
    }

    return n;
}


static void
mkboard_options(int argc, char **argv, mkboard_t *o, char **files)
{
    int       i;
    unsigned  n;

    for (i = 1, n = 0; i < argc; i++) {

        if (strcmp(argv[i], "--empty") == 0) {
            o->empty = 1;

        } else if (strcmp(argv[i], "--fresh") == 0) {
            o->fresh = 1;

        } else if (strcmp(argv[i], "--stale") == 0) {
            o->stale = 1;

        } else if (strcmp(argv[i], "--closed") == 0) {
            o->closed = 1;

        } else if (strcmp(argv[i], "--series") == 0) {
            o->series = 1;

        } else if (strcmp(argv[i], "--wake") == 0) {
            o->wake = 1;

        } else if (strcmp(argv[i], "--beat-ago") == 0) {
            o->beat_ago_ms = mkboard_number(argc, argv, &i);

        } else if (strcmp(argv[i], "--serve") == 0) {
            o->serve_ms = mkboard_number(argc, argv, &i);

        } else if (strcmp(argv[i], "--rewrite") == 0) {
            o->rewrite = mkboard_number(argc, argv, &i);

        } else if (strcmp(argv[i], "--instruments") == 0) {
            o->instruments = mkboard_number(argc, argv, &i);

        } else if (argv[i][0] == '-' || n == 3) {
            mkboard_usage();

        } else {
            files[n++] = argv[i];
        }
    }

    if (n != 3 || o->instruments > TRD_BOARD_MAX) {
        mkboard_usage();
    }
}


int
main(int argc, char **argv)
{
    char              *files[3];
    market_t           m;
    mkboard_t          o;
    render_t          *render;
    tsd_wake_t        *wake;
    catalogue_t        catalogue;
    board_file_t       file;
    struct event_base *base;
    marketd_config_t   config;

    memset(&o, 0, sizeof(o));
    memset(&m, 0, sizeof(m));
    mkboard_options(argc, argv, &o, files);

    if (marketd_config_read(&config) != 0
        || catalogue_read(&catalogue, files[0]) != 0)
    {
        return 1;
    }

    config.max_jump_bp = 0;

    if (o.instruments > (long) catalogue.n) {
        mkboard_more(&catalogue, o.instruments);
    }

    if (board_file_lock(&file, files[2]) != 0
        || board_file_create(&file, &m, &catalogue, files[0], 0) != 0
        || market_init(&m, &config, &catalogue) != 0
        || (render = render_create(&m, NULL)) == NULL)
    {
        return 1;
    }

    if (!o.fresh) {
        market_set_clock(&m, MKBOARD_NOW_MS);
    }

    atomic_store(&m.writer.sources[0].source, TRD_SOURCE_SIMULATOR);
    atomic_store(&m.writer.sources[0].state, TRD_STATE_CONNECTED);
    atomic_store(&m.writer.sources[0].heard_ms, m.now_ms);

    if (o.series && series_create(&m) == NULL) {
        return 1;
    }

    if (!o.empty) {
        mkboard_quotes(&m, files[1], &o);
    }

    if (o.series) {
        atomic_store(&m.writer.header->books[TRD_BOOK_COUNT_SYNCED], 3);
        atomic_store(&m.writer.header->books[TRD_BOOK_COUNT_LOST], 2);
        atomic_store(&m.writer.header->books[TRD_BOOK_COUNT_CHECKED], 250);
        atomic_store(&m.writer.header->books[TRD_BOOK_COUNT_WRONG], 1);
        mkboard_history(&m, 0);
        mkboard_history(&m, 1);
        series_clock(&m);
    }

    if (o.stale) {
        m.now_ms += UINT32_MAX;
        market_sweep(&m);
        m.now_ms -= UINT32_MAX;
    }

    render_now(render);
    trd_board_beat(&m.writer, tsd_mono_ms() - o.beat_ago_ms,
                   tsd_wall_ms() - o.beat_ago_ms);
    atomic_store(&m.writer.header->closed, (uint32_t) o.closed);

    base = NULL;
    wake = o.wake ? mkboard_wake(&m, file.path, &base) : NULL;

    if (board_file_publish(&file) != 0) {
        return 1;
    }

    (void) printf("%s\n", file.path);
    (void) fflush(stdout);

    mkboard_serve(&m, &o, base, wake);

    if (wake) {
        tsd_wake_free(wake);
        event_base_free(base);
    }

    render_free(render);
    series_free(m.series);
    market_free(&m);
    board_file_close(&file);
    catalogue_free(&catalogue);

    return 0;
}
