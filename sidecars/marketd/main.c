/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * marketd: the only writer of the board.  One thread around one libevent
 * loop (compressing has a thread of its own); it can be killed at any
 * instruction and started again.
 *
 * Followers of the board are woken at the end of each turn of the loop,
 * whatever it was that wrote in it, a source or the sweep: so all that a turn
 * wrote wakes them once, and writing knows nothing of them.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <curl/curl.h>

#include "binary_map.h"
#include "board_file.h"
#include "market_tape.h"
#include "render.h"
#include "series.h"
#include "series_keep.h"
#include "source.h"
#include "trd_version.h"
#include "tsd_log.h"
#include "tsd_wake.h"


#define MARKETD_BEAT_MS   20
#define MARKETD_SWEEP_MS  50
#define MARKETD_CLOCK     20      /* sweeps between looks at the candles */
#define MARKETD_CHECK_MS  100
#define MARKETD_SOURCES   5

typedef struct {
    marketd_config_t    config;
    catalogue_t         catalogue;
    market_t            market;
    board_file_t        file;
    tsd_wake_t         *wake;
    render_t           *render;
    struct event_base  *base;
    struct event       *events[6];
    unsigned            nevents;
    source_t            sources[MARKETD_SOURCES];
    unsigned            nsources;
    unsigned            sweeps;
    int                 failed;
} marketd_t;


static const source_ops_t *const  marketd_sources[] = {
    &source_simulator, &source_binance, &source_forex, &source_metals,
    &source_replay
};


static void
marketd_on_beat(evutil_socket_t fd, short what, void *arg)
{
    marketd_t  *d;

    (void) fd;
    (void) what;

    d = arg;
    trd_board_beat(&d->market.writer, tsd_mono_ms(), tsd_wall_ms());
    market_tape_tick(&d->market);
}


static void
marketd_on_sweep(evutil_socket_t fd, short what, void *arg)
{
    marketd_t  *d;

    (void) fd;
    (void) what;

    d = arg;
    market_clock(&d->market);

    /* a virtual clock is its source's, and so is what is done by it */

    if (!d->market.virtual_clock) {
        market_sweep(&d->market);
    }

    if (++d->sweeps % MARKETD_CLOCK == 0) {

        if (d->market.virtual_clock) {
            series_look(&d->market);

        } else {
            series_clock(&d->market);
        }

        series_keep_tick(&d->market);
    }
}


/* a board that was tampered with is left: the next start makes a new one */

static void
marketd_on_check(evutil_socket_t fd, short what, void *arg)
{
    marketd_t  *d;

    (void) fd;
    (void) what;

    d = arg;

    if (board_file_check(&d->file, &d->market) != 0) {
        d->failed = 1;
        (void) event_base_loopbreak(d->base);
    }
}


static void
marketd_on_signal(evutil_socket_t fd, short what, void *arg)
{
    marketd_t  *d;

    (void) what;

    d = arg;
    tsd_log(TSD_LOG_INFO, "stopping", "signal=%d", (int) fd);
    (void) event_base_loopbreak(d->base);
}


static int
marketd_event(marketd_t *d, evutil_socket_t fd, short what, int ms,
    event_callback_fn fn)
{
    struct event    *ev;
    struct timeval   tv = { ms / 1000, ms % 1000 * 1000 };

    ev = event_new(d->base, fd, (short) (what | EV_PERSIST), fn, d);

    if (ev == NULL || event_add(ev, ms ? &tv : NULL) != 0) {
        tsd_log(TSD_LOG_ERROR, "no_memory", "what=event");
        return -1;
    }

    d->events[d->nevents++] = ev;

    return 0;
}


static int
marketd_loop_init(marketd_t *d)
{
    struct event_config  *ec;

    /* rounds of pages are timed in hundreds of microseconds */
    ec = event_config_new();

    if (ec) {
        (void) event_config_set_flag(ec, EVENT_BASE_FLAG_PRECISE_TIMER);
        d->base = event_base_new_with_config(ec);
        event_config_free(ec);
    }

    if (d->base == NULL) {
        tsd_log(TSD_LOG_ERROR, "no_memory", "what=event_base");
        return -1;
    }

    if (marketd_event(d, -1, 0, MARKETD_BEAT_MS, marketd_on_beat) != 0
        || marketd_event(d, -1, 0, MARKETD_SWEEP_MS, marketd_on_sweep) != 0
        || marketd_event(d, -1, 0, MARKETD_CHECK_MS, marketd_on_check) != 0
        || marketd_event(d, SIGTERM, EV_SIGNAL, 0, marketd_on_signal) != 0
        || marketd_event(d, SIGINT, EV_SIGNAL, 0, marketd_on_signal) != 0)
    {
        return -1;
    }

    return 0;
}


static uint64_t
marketd_seq(void *ctx)
{
    marketd_t  *d = ctx;

    return d->market.writer.seq;
}


/*
 * Nobody is answered before the loop runs, and by then the board is published:
 * who is woken finds the board that has what it was woken for.
 */

static int
marketd_wake_init(marketd_t *d)
{
    char  path[sizeof(d->file.path) + sizeof(".wake")];

    (void) snprintf(path, sizeof(path), "%s.wake", d->file.path);
    d->wake = tsd_wake_create(d->base, path, marketd_seq, d);

    if (d->wake) {
        return 0;
    }

    if (errno == ENAMETOOLONG) {
        tsd_log(TSD_LOG_ERROR, "bad_setting",
                "name=TRADING_RUN_DIR reason=\"the path of a socket may have "
                "no more than %zu bytes, and %s has %zu\"",
                sizeof(((struct sockaddr_un *) 0)->sun_path) - 1, path,
                strlen(path));

    } else {
        tsd_log(TSD_LOG_ERROR, "wake_failed", "path=\"%s\" reason=\"%s\"",
                path, strerror(errno));
    }

    return -1;
}


/* the sources that instruments name; those without a provider are named */

static int
marketd_sources_init(marketd_t *d)
{
    uint32_t   i;
    unsigned   k, served;
    source_t  *s;

    served = 0;

    for (k = 0; k < MARKETD_SOURCES; k++) {
        s = &d->sources[d->nsources];
        s->instruments = calloc(d->catalogue.n, sizeof(*s->instruments));

        if (s->instruments == NULL) {
            tsd_log(TSD_LOG_ERROR, "no_memory", "what=source");
            return -1;
        }

        s->n = 0;

        for (i = 0; i < d->catalogue.n; i++) {
            if (d->catalogue.instruments[i].source == marketd_sources[k]->id) {
                s->instruments[s->n++] = i;
            }
        }

        if (s->n == 0) {
            free(s->instruments);
            s->instruments = NULL;
            continue;
        }

        s->ops = marketd_sources[k];
        s->base = d->base;
        s->market = &d->market;
        s->config = &d->config;
        s->stats = &d->market.writer.sources[d->nsources];
        atomic_store(&s->stats->source, (uint32_t) s->ops->id);
        atomic_store(&s->stats->heard_limit_ms, d->config.mute_timeout_ms);
        served += s->n;
        d->nsources++;

        tsd_log(TSD_LOG_INFO, "source", "name=%s instruments=%u",
                s->ops->name, s->n);
    }

    if (served < d->catalogue.n) {
        tsd_log(TSD_LOG_WARN, "no_provider",
                "instruments=%u effect=\"they have no quotes with "
                "TRADING_SOURCE=live: their source has no provider\"",
                d->catalogue.n - served);
    }

    return 0;
}


/* The map is read and written under the lock, so that there is one who does;
   read before the board is laid out, for which it must be known, and written
   once the catalogue has proved to be one.  A replay is of another time: it
   reads whose bit is where, and leaves the file as it is. */

static int
marketd_board_init(marketd_t *d)
{
    const marketd_config_t  *c;

    c = &d->config;

    if (board_file_lock(&d->file, c->run_dir) != 0) {
        return -1;
    }

    d->market.map = binary_map_open(&d->catalogue, c->history_dir,
                                    c->capacity ? c->capacity
                                                : d->catalogue.n,
                                    tsd_wall_ms());

    if (d->market.map == NULL
        || board_file_create(&d->file, &d->market, &d->catalogue,
                             c->catalogue, c->capacity) != 0)
    {
        return -1;
    }

    if (c->mode != MARKETD_REPLAY) {
        binary_map_save(d->market.map);
    }

    return 0;
}


static int
marketd_start(marketd_t *d)
{
    uint32_t  i;
    unsigned  k;

    if (marketd_config_read(&d->config) != 0
        || catalogue_read(&d->catalogue, d->config.catalogue) != 0)
    {
        return -1;
    }

    if (d->config.mode == MARKETD_SIMULATOR) {
        for (i = 0; i < d->catalogue.n; i++) {
            d->catalogue.instruments[i].source = TRD_SOURCE_SIMULATOR;
        }

        if (d->config.sim_start_ms >= 0) {
            market_set_clock(&d->market, d->config.sim_start_ms);
        }
    }

    if (d->config.mode == MARKETD_REPLAY) {
        for (i = 0; i < d->catalogue.n; i++) {
            d->catalogue.instruments[i].source = TRD_SOURCE_REPLAY;
        }

        /* recorded time: nothing of now is carried into it */
        market_set_clock(&d->market, 0);
        d->market.own_sweep = 1;
    }

    if (marketd_board_init(d) != 0
        || market_init(&d->market, &d->config, &d->catalogue) != 0
        || marketd_loop_init(d) != 0)
    {
        return -1;
    }

    d->render = render_create(&d->market, d->base);

    if (d->render == NULL || series_create(&d->market) == NULL) {
        tsd_log(TSD_LOG_ERROR, "no_memory", "what=series");
        return -1;
    }

    if (series_keep_open(&d->market) != 0 || marketd_sources_init(d) != 0) {
        return -1;
    }

    if (market_tape_open(&d->market) != 0) {
        return -1;
    }

    board_file_carry(&d->file, &d->market);

    for (k = 0; k < d->nsources; k++) {
        if (d->sources[k].ops->start(&d->sources[k]) != 0) {
            d->sources[k].ops = NULL;
            return -1;
        }
    }

    if (marketd_wake_init(d) != 0) {
        return -1;
    }

    render_now(d->render);
    marketd_on_beat(-1, 0, d);

    return board_file_publish(&d->file);
}


static int
marketd_run(marketd_t *d)
{
    do {
        if (event_base_loop(d->base, EVLOOP_ONCE) == -1) {
            return -1;
        }

        tsd_wake_notify(d->wake);

    } while (!event_base_got_break(d->base));

    return d->failed ? -1 : 0;
}


static void
marketd_stop(marketd_t *d)
{
    unsigned  i;

    for (i = 0; i < d->nsources; i++) {
        if (d->sources[i].ops && d->sources[i].data) {
            d->sources[i].ops->stop(&d->sources[i]);
        }

        free(d->sources[i].instruments);
    }

    market_tape_close(&d->market);
    series_keep_close(&d->market);
    render_free(d->render);
    series_free(d->market.series);

    /* who is told that the writer left finds it in the board, too */

    if (d->market.writer.header) {
        atomic_store(&d->market.writer.header->closed, 1);
    }

    tsd_wake_free(d->wake);

    for (i = 0; i < d->nevents; i++) {
        event_free(d->events[i]);
    }

    if (d->base) {
        event_base_free(d->base);
    }

    market_free(&d->market);
    board_file_close(&d->file);
    catalogue_free(&d->catalogue);
}


static void
marketd_usage(FILE *to)
{
    (void) fprintf(to,
        "usage: marketd\n"
        "Writes the board of market data to $TRADING_RUN_DIR/board.\n"
        "All settings are environment variables: see .env.example.\n");
}


int
main(int argc, char **argv)
{
    int        rc;
    marketd_t  d;

    if (argc > 1) {
        if (strcmp(argv[1], "--version") == 0) {
            (void) printf("marketd %s\n", TRADING_VERSION);
            return 0;
        }

        marketd_usage(strcmp(argv[1], "--help") == 0 ? stdout : stderr);
        return strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }

    memset(&d, 0, sizeof(d));
    d.file.lock = -1;

    (void) signal(SIGPIPE, SIG_IGN);
    (void) signal(SIGHUP, SIG_IGN);

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
        (void) fprintf(stderr, "marketd: curl_global_init() failed\n");
        return 1;
    }

    rc = marketd_start(&d);

    if (rc == 0) {
        tsd_log(TSD_LOG_INFO, "started",
                "version=%s board=\"%s\" instruments=%u bytes=%zu",
                TRADING_VERSION, d.file.path, d.catalogue.n, d.file.size);

        rc = marketd_run(&d);
    }

    marketd_stop(&d);
    libevent_global_shutdown();
    curl_global_cleanup();

    if (rc == 0) {
        tsd_log(TSD_LOG_INFO, "stopped", "reason=signal");
    }

    return rc == 0 ? 0 : 1;
}
