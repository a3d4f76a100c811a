/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * How many recorded depth differences are decoded and applied to a local
 * order book in a second, on one core:
 *
 *     book FILE.gz [ROUNDS [CAPACITY]]
 *
 * FILE holds lines "<receive time> <message>" of one symbol and one REST
 * snapshot.  Each round takes the snapshot and then every difference, with
 * the decoding, and then has jansson parse the same messages into trees and
 * nothing more; printed are the medians of the rounds.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>
#include <zlib.h>

#include "trd_book.h"


#define ROUNDS_MAX  1001
#define LEVELS      12000

typedef struct {
    char    *text;
    size_t   len;
} message_t;

typedef struct {
    message_t  *messages;
    size_t      n;
    message_t   snapshot;
} recording_t;

typedef struct {
    trd_book_t  *book;
    size_t       applied;
    size_t       levels;
} run_t;


static int64_t
now_ns(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}


static void
diff(void *ctx, const char *symbol, size_t len, const trd_depth_t *d)
{
    run_t  *run = ctx;

    (void) symbol;
    (void) len;

    run->applied += trd_book_apply(run->book, d) == TRD_OK;
    run->levels += d->nbids + d->nasks;
}


static message_t
keep(const char *s)
{
    message_t  m;

    m.len = strlen(s);
    m.text = malloc(m.len + 1);

    if (m.text == NULL) {
        abort();
    }

    memcpy(m.text, s, m.len + 1);

    return m;
}


static void
load(const char *path, recording_t *rec)
{
    char        *line, *json;
    gzFile       gz;
    size_t       room;
    const size_t max = 1 << 22;

    gz = gzopen(path, "rb");
    line = malloc(max);

    if (gz == NULL || line == NULL) {
        (void) fprintf(stderr, "%s: cannot be read\n", path);
        exit(1);
    }

    memset(rec, 0, sizeof(*rec));
    room = 0;

    while (gzgets(gz, line, (int) max) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        json = strchr(line, '{');

        if (json == NULL) {
            continue;
        }

        if (strncmp(json, "{\"lastUpdateId\"", 15) == 0) {
            rec->snapshot = keep(json);
            continue;
        }

        if (strstr(json, "\"depthUpdate\"") == NULL) {
            continue;
        }

        if (rec->n == room) {
            room = room ? 2 * room : 1024;
            rec->messages = realloc(rec->messages,
                                    room * sizeof(message_t));
            if (rec->messages == NULL) {
                abort();
            }
        }

        rec->messages[rec->n++] = keep(json);
    }

    (void) gzclose(gz);
    free(line);

    if (rec->n == 0 || rec->snapshot.text == NULL) {
        (void) fprintf(stderr, "%s: no depth in it\n", path);
        exit(1);
    }
}


/* messages a second */

static double
parse(const recording_t *rec)
{
    size_t   k;
    int64_t  start;
    json_t  *json;

    start = now_ns();

    for (k = 0; k < rec->n; k++) {
        json = json_loadb(rec->messages[k].text, rec->messages[k].len, 0,
                          NULL);

        if (json == NULL) {
            abort();
        }

        json_decref(json);
    }

    return (double) rec->n * 1e9 / (double) (now_ns() - start);
}


static int
compare(const void *a, const void *b)
{
    const double  *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}


int
main(int argc, char **argv)
{
    int                    i, rounds;
    double                 rate[ROUNDS_MAX], parsed[ROUNDS_MAX];
    size_t                 k, bytes;
    run_t                  run;
    int64_t                start;
    uint32_t               capacity;
    trd_book_t             book;
    trd_depth_t            d;
    recording_t            rec;
    trd_binance_market_t   m;

    rounds = argc > 2 ? atoi(argv[2]) : 21;
    capacity = argc > 3 ? (uint32_t) atoi(argv[3]) : 5000;

    if (argc < 2 || rounds < 1 || rounds > ROUNDS_MAX || capacity < 1) {
        (void) fprintf(stderr, "usage: book FILE.gz [ROUNDS [CAPACITY]]\n");
        return 2;
    }

    load(argv[1], &rec);

    memset(&m, 0, sizeof(m));
    m.diff = diff;
    m.ctx = &run;
    m.room = LEVELS;
    m.levels = malloc(LEVELS * sizeof(trd_level_t));

    if (m.levels == NULL) {
        abort();
    }

    trd_book_init(&book, capacity, malloc(trd_book_memory(capacity)));
    run.book = &book;
    run.applied = run.levels = 0;

    for (i = 0; i < rounds; i++) {
        run.applied = run.levels = 0;
        trd_book_reset(&book);

        if (trd_binance_depth(rec.snapshot.text, rec.snapshot.len, &m, &d)
            != TRD_OK || trd_book_snapshot(&book, &d, d.nbids) != TRD_OK)
        {
            (void) fprintf(stderr, "the snapshot is refused\n");
            return 1;
        }

        start = now_ns();

        for (k = 0; k < rec.n; k++) {
            if (trd_binance_market(rec.messages[k].text, rec.messages[k].len,
                                   &m) != TRD_OK)
            {
                (void) fprintf(stderr, "a difference is refused\n");
                return 1;
            }
        }

        rate[i] = (double) rec.n * 1e9 / (double) (now_ns() - start);
        parsed[i] = parse(&rec);
    }

    qsort(rate, (size_t) rounds, sizeof(double), compare);
    qsort(parsed, (size_t) rounds, sizeof(double), compare);

    for (bytes = k = 0; k < rec.n; k++) {
        bytes += rec.messages[k].len;
    }

    (void) printf("{\"differences\":%zu,\"applied\":%zu,\"levels\":%zu,"
                  "\"bytes\":%zu,\"book_bids\":%u,\"book_asks\":%u,"
                  "\"per_s\":%.0f,\"min\":%.0f,\"max\":%.0f,"
                  "\"ns_each\":%.0f,\"jansson_per_s\":%.0f}\n",
                  rec.n, run.applied, run.levels, bytes, book.side[0].n,
                  book.side[1].n, rate[rounds / 2], rate[0],
                  rate[rounds - 1], 1e9 / rate[rounds / 2],
                  parsed[rounds / 2]);

    return 0;
}
