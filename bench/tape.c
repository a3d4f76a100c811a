/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the tape costs, on one core:
 *
 *   tape DIR FILE.gz...
 *
 * Messages of recorded feeds ("<receive time, ns> <message>") are decoded,
 * judged, published and taped, and simulated quotes likewise, first without
 * and then with a tape in DIR/bench-tape; the process binds itself to one
 * core, so that the tape's thread is paid for.  The tape is read back and
 * verified.
 */

#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "apply.h"
#include "market_tape.h"
#include "trd_decimal.h"
#include "trd_sim.h"
#include "tsd_log.h"
#include "tsd_tape_file.h"

#define UPDATES       2000000
#define LINE_MAX_LEN  (1 << 20)

typedef struct {
    int64_t   ms;
    size_t    offset;
    size_t    len;
} message_t;

static char        *text;
static size_t       size;
static message_t   *messages;
static size_t       nmessages;
static char         dir[4096];
static uint64_t     taped;


static void
tape_failed(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}


static void *
tape_grow(void *p, size_t len)
{
    p = realloc(p, len);

    if (p == NULL) {
        tape_failed("no memory");
    }

    return p;
}


static void
tape_load(const char *path)
{
    char    *line, *msg;
    size_t   len;
    gzFile   gz;

    gz = gzopen(path, "rb");
    line = malloc(LINE_MAX_LEN);

    if (gz == NULL || line == NULL) {
        tape_failed("cannot open the recording");
    }

    while (gzgets(gz, line, LINE_MAX_LEN) != NULL) {
        msg = strchr(line, ' ');

        if (msg == NULL || msg[1] != '{') {
            continue;
        }

        len = strcspn(++msg, "\r\n");

        if (nmessages % 4096 == 0) {
            messages = tape_grow(messages, (nmessages + 4096)
                                           * sizeof(message_t));
        }

        text = tape_grow(text, size + len);
        memcpy(text + size, msg, len);
        messages[nmessages].ms = strtoll(line, NULL, 10) / 1000000;
        messages[nmessages].offset = size;
        messages[nmessages++].len = len;
        size += len;
    }

    gzclose(gz);
    free(line);
}


static void
tape_clear(void)
{
    int              type;
    size_t           i;
    tsd_tape_list_t  list;

    for (type = TRD_TAPE_RECORDS; type <= TRD_TAPE_RAW; type++) {
        if (tsd_tape_list(&list, dir, (trd_tape_file_t) type) == 0) {
            for (i = 0; i < list.n; i++) {
                (void) unlink(list.paths[i]);
            }

            tsd_tape_list_free(&list);
        }
    }
}


static void
tape_begin(apply_t *a, int raw)
{
    apply_init(a);
    a->instruments[0].price_tick_e8 = a->instruments[1].price_tick_e8
        = 1000000;
    a->instruments[0].lot_step_e8 = a->instruments[1].lot_step_e8 = 1000;

    if (raw >= 0) {
        tape_clear();
        a->config.tape_dir = dir;
        a->config.tape_raw = (uint32_t) raw;
        a->config.tape_max_bytes = 1ULL << 40;
        a->config.tape_segment_bytes = 64 << 20;
    }

    if (market_tape_open(&a->market) != 0) {
        exit(1);
    }

    if (a->market.tape) {
        tsd_tape_may_wait(a->market.tape, 1);
    }
}


/* bytes of the records' files, and of all */

static void
tape_end(apply_t *a, const char *name, uint64_t n, int64_t start_us)
{
    double               s;
    int64_t              begin_us;
    int                  raw = (int) a->config.tape_raw;
    uint64_t             bytes, k;
    tsd_tape_list_t      list;
    tsd_tape_verdict_t   v;

    market_tape_close(&a->market);
    s = (double) (tsd_mono_us() - start_us) / 1e6;
    printf("%-28s %9llu updates %10.0f/s", name, (unsigned long long) n,
           (double) n / s);

    if (a->config.tape_dir) {
        bytes = 0;
        begin_us = tsd_mono_us();
        tsd_tape_verify(dir, raw, &v, NULL, NULL);

        if (v.rc != TRD_OK) {
            tape_failed(v.error);
        }

        s = (double) (tsd_mono_us() - begin_us) / 1e6;

        if (tsd_tape_list(&list, dir, TRD_TAPE_RECORDS) == 0) {
            for (k = 0; k < list.n; k++) {
                FILE  *f = fopen(list.paths[k], "rb");

                if (f && fseek(f, 0, SEEK_END) == 0) {
                    bytes += (uint64_t) ftell(f);
                    fclose(f);
                }
            }

            tsd_tape_list_free(&list);
        }

        printf(" %6.2f bytes each, verified %9.0f/s",
               (double) bytes / (double) v.updates,
               (double) v.updates / s);
    }

    printf("\n");
}


static void
tape_update(void *ctx, const char *symbol, size_t len, const trd_update_t *u)
{
    int32_t   i;
    apply_t  *a = ctx;

    i = market_find(&a->market, TRD_SOURCE_BINANCE, symbol, len);

    if (i >= 0
        && market_apply(&a->market, &a->market.writer.sources[0],
                        (uint32_t) i, u)
           == TRD_REFUSED_NOT)
    {
        taped++;
    }
}


static void
tape_feed(const char *name, int raw)
{
    size_t      k;
    apply_t    *a;
    int64_t     start_us;
    trd_rc_t    rc;
    const char *msg;

    static const tsd_tape_origin_t  from = {
        TSD_TAPE_BINANCE_STREAM, TRD_SOURCE_BINANCE, 0, TSD_TAPE_QUOTES
    };

    a = malloc(sizeof(*a));
    if (a == NULL) {
        tape_failed("no memory");
    }

    tape_begin(a, raw);
    taped = 0;
    start_us = tsd_mono_us();

    for (k = 0; k < nmessages; k++) {
        msg = text + messages[k].offset;
        market_set_clock(&a->market, messages[k].ms);
        market_tape_raw(&a->market, &from, msg, messages[k].len);
        rc = trd_binance_decode(msg, messages[k].len, tape_update, a);
        market_tape_raw_end(&a->market);

        if (rc == TRD_ERROR) {
            tape_failed("not decoded");
        }
    }

    tape_end(a, name, taped, start_us);
}


/* quotes a second apart in market time, so that all their values move */

static void
tape_simulate(const char *name, int raw)
{
    apply_t          *a;
    uint32_t          i, bad;
    int64_t           t, start_us;
    uint64_t          k;
    trd_sim_t         sim;
    trd_update_t      u;
    trd_sim_day_t     day;
    trd_sim_tick_t    tick;
    trd_sim_params_t  params[2];

    static trd_sim_instrument_t  memory[2];

    a = malloc(sizeof(*a));
    if (a == NULL) {
        tape_failed("no memory");
    }

    tape_begin(a, raw);
    memset(params, 0, sizeof(params));

    for (i = 0; i < 2; i++) {
        params[i].symbol = a->instruments[i].symbol;
        params[i].symbol_len = strlen(params[i].symbol);
        params[i].price_e8 = (i ? 3000 : 60000) * TRD_E8;
        params[i].tick_e8 = 1000000;
        params[i].lot_e8 = 1000;
        params[i].volatility_e8 = 3000000;
        params[i].spread_e8 = 1000;
        params[i].volume_e8 = 10000 * TRD_E8;
    }

    if (trd_sim_init(&sim, 1, memory, params, 2, &bad) != TRD_OK) {
        tape_failed("simulator");
    }

    memset(&u, 0, sizeof(u));
    u.kind = TRD_UPDATE_QUOTE;
    u.has = 0x2ff;
    start_us = tsd_mono_us();

    for (k = 0; k < UPDATES; k++) {
        t = 1767225600000 + (int64_t) k * 500;
        i = k & 1;
        trd_sim_tick(&sim, i, t, &tick);
        trd_sim_day(&sim, i, &tick, &day);
        u.last_e8 = tick.last_e8;
        u.bid_e8 = tick.bid_e8;
        u.ask_e8 = tick.ask_e8;
        u.open_e8 = day.open_e8;
        u.high_e8 = day.high_e8;
        u.low_e8 = day.low_e8;
        u.volume_e8 = day.volume_e8;
        u.quote_volume_e8 = day.quote_volume_e8;
        u.exchange_ms = t;
        market_set_clock(&a->market, t);

        if (market_apply(&a->market, &a->market.writer.sources[0], i, &u)
            != TRD_REFUSED_NOT)
        {
            tape_failed("refused");
        }
    }

    tape_end(a, name, UPDATES, start_us);
}


int
main(int argc, char **argv)
{
    int        i;
    cpu_set_t  cpu;

    if (argc < 2) {
        fprintf(stderr, "usage: tape DIR [FILE.gz...]\n");
        return 2;
    }

    (void) tsd_log_init("bench", "warn", "text");
    (void) snprintf(dir, sizeof(dir), "%s/bench-tape", argv[1]);

    CPU_ZERO(&cpu);
    CPU_SET(sched_getcpu(), &cpu);
    (void) sched_setaffinity(0, sizeof(cpu), &cpu);

    tape_simulate("simulator, no tape", -1);
    tape_simulate("simulator, tape", 0);

    for (i = 2; i < argc; i++) {
        nmessages = size = 0;
        tape_load(argv[i]);
        printf("%s\n", argv[i]);
        tape_feed("feed, no tape", -1);
        tape_feed("feed, tape", 0);
        tape_feed("feed, tape and messages", 1);
    }

    tape_clear();
    (void) strncat(dir, "/lock", sizeof(dir) - strlen(dir) - 1);
    (void) unlink(dir);
    *strrchr(dir, '/') = '\0';
    (void) rmdir(dir);

    return 0;
}
