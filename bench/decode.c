/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * How many feed messages are decoded in a second, on one core:
 *
 *   decode FILE.gz [ROUNDS]
 *
 * FILE holds lines "<receive time, ns> <message>".  Its trade and bookTicker
 * messages are loaded first; then the contenders take turns, a round each,
 * so that whatever else the machine does meets them all.  Printed are the
 * median of each one's rounds and its ratio to the last one.
 *
 * "apply" decodes and then applies and publishes to a board; "trd_binance"
 * only decodes; "jansson" only parses into trees.
 *
 * A contender is a function that takes one message and returns something
 * that depends on the result; add it to the table to have it measured.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>
#include <zlib.h>

#include "apply.h"
#include "trd_binance.h"


#define ROUNDS        7
#define ROUNDS_MAX    101
#define ROUND_NS      300000000LL
#define LINE_MAX_LEN  (1 << 20)

typedef struct {
    size_t   offset;
    size_t   len;
} message_t;

typedef struct {
    char       *text;           /* all messages, one after the other */
    size_t      size;
    message_t  *messages;
    size_t      n;
} recording_t;

typedef struct {
    const char  *name;
    uint64_t   (*run)(const char *msg, size_t len);
    double       rate[ROUNDS_MAX];
} contender_t;


static void
decode_update(void *ctx, const char *symbol, size_t len,
    const trd_update_t *u)
{
    uint64_t  *sum = ctx;

    *sum += (uint64_t) (u->last_e8 + u->bid_e8 + symbol[len - 1]);
}


static uint64_t
decode_ours(const char *msg, size_t len)
{
    uint64_t  sum = 0;

    if (trd_binance_decode(msg, len, decode_update, &sum) != TRD_OK) {
        fprintf(stderr, "not decoded: %.*s\n", (int) len, msg);
        exit(1);
    }

    return sum;
}


/* parses only: what looking up and converting the values costs comes on top */
static uint64_t
decode_jansson(const char *msg, size_t len)
{
    json_t    *json;
    uint64_t   size;

    json = json_loadb(msg, len, 0, NULL);
    if (json == NULL) {
        fprintf(stderr, "not parsed: %.*s\n", (int) len, msg);
        exit(1);
    }

    size = json_object_size(json);
    json_decref(json);

    return size;
}


static apply_t  apply;


/* the clock is read once a batch of 64, as marketd reads it once a wake-up */

static uint64_t
decode_apply(const char *msg, size_t len)
{
    static unsigned  n;

    if (n++ % 64 == 0) {
        market_clock(&apply.market);
    }

    if (trd_binance_decode(msg, len, apply_update, &apply) != TRD_OK) {
        fprintf(stderr, "not applied: %.*s\n", (int) len, msg);
        exit(1);
    }

    return apply.market.writer.seq;
}


static contender_t  contenders[] = {
    { "apply", decode_apply, { 0 } },
    { "trd_binance", decode_ours, { 0 } },
    { "jansson", decode_jansson, { 0 } }
};

#define CONTENDERS  (sizeof(contenders) / sizeof(contenders[0]))


static void *
grow(void *p, size_t size)
{
    p = realloc(p, size);
    if (p == NULL) {
        fprintf(stderr, "no memory\n");
        exit(1);
    }

    return p;
}


static void
load(const char *path, recording_t *rec)
{
    char       *line, *msg;
    size_t      len, room, slots;
    gzFile      gz;

    gz = gzopen(path, "rb");
    if (gz == NULL) {
        fprintf(stderr, "cannot open %s\n", path);
        exit(1);
    }

    memset(rec, 0, sizeof(recording_t));
    line = grow(NULL, LINE_MAX_LEN);
    room = slots = 0;

    while (gzgets(gz, line, LINE_MAX_LEN) != NULL) {
        msg = strchr(line, ' ');

        if (msg == NULL
            || (strstr(msg, "\"e\":\"trade\"") == NULL
                && strstr(msg, "@bookTicker\"") == NULL))
        {
            continue;
        }

        len = strcspn(++msg, "\r\n");

        while (rec->size + len > room) {
            room = room ? room * 2 : LINE_MAX_LEN;
            rec->text = grow(rec->text, room);
        }

        if (rec->n == slots) {
            slots = slots ? slots * 2 : 1024;
            rec->messages = grow(rec->messages, slots * sizeof(message_t));
        }

        memcpy(rec->text + rec->size, msg, len);
        rec->messages[rec->n].offset = rec->size;
        rec->messages[rec->n].len = len;
        rec->n++;
        rec->size += len;
    }

    gzclose(gz);
    free(line);

    if (rec->n == 0) {
        fprintf(stderr, "no trade or bookTicker in %s\n", path);
        exit(1);
    }
}


static int64_t
now_ns(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}


/* messages a second, over whole passes that take ROUND_NS or more */
static double
measure(const contender_t *c, const recording_t *rec)
{
    size_t             i, done;
    int64_t            start, spent;
    volatile uint64_t  sink;

    sink = 0;
    done = 0;
    start = now_ns();

    do {
        for (i = 0; i < rec->n; i++) {
            sink += c->run(rec->text + rec->messages[i].offset,
                           rec->messages[i].len);
        }

        done += rec->n;
        spent = now_ns() - start;
    } while (spent < ROUND_NS);

    (void) sink;

    return (double) done * 1e9 / (double) spent;
}


static int
compare(const void *a, const void *b)
{
    const double  *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}


int
main(int argc, char *argv[])
{
    int          i, rounds;
    size_t       k;
    double       median, base;
    recording_t  rec;

    if (argc < 2) {
        fprintf(stderr, "usage: decode FILE.gz [ROUNDS]\n");
        return 2;
    }

    rounds = (argc > 2) ? atoi(argv[2]) : ROUNDS;

    if (rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "rounds must be 1..%d\n", ROUNDS_MAX);
        return 2;
    }

    load(argv[1], &rec);
    apply_init(&apply);
    printf("%zu messages, %.0f bytes on average, %d rounds\n", rec.n,
           (double) rec.size / (double) rec.n, rounds);

    for (i = 0; i < rounds; i++) {
        for (k = 0; k < CONTENDERS; k++) {
            contenders[k].rate[i] = measure(&contenders[k], &rec);
        }
    }

    for (k = 0; k < CONTENDERS; k++) {
        qsort(contenders[k].rate, (size_t) rounds, sizeof(double), compare);
    }

    base = contenders[CONTENDERS - 1].rate[rounds / 2];

    for (k = 0; k < CONTENDERS; k++) {
        median = contenders[k].rate[rounds / 2];

        printf("%-24s %10.0f messages/s %7.0f ns each %6.2f x "
               "(min %.0f, max %.0f)\n",
               contenders[k].name, median, 1e9 / median, median / base,
               contenders[k].rate[0], contenders[k].rate[rounds - 1]);
    }

    free(rec.text);
    free(rec.messages);

    return 0;
}
