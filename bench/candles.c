/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What candles cost, on one core:
 *
 *     candles [ROUNDS]
 *
 *   build    a trade into the candles of six intervals
 *   put      a candle onto the board, as the newest
 *   trade    a trade onto the board, journaled
 *   read     500 candles from a board of 23 instruments, checked
 *   render   500 candles into JSON
 *   memcpy   as many bytes, which is the least that any answer costs
 *
 * Printed are medians of the rounds.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "trd_board_series_write.h"
#include "trd_candle.h"
#include "trd_series_json.h"


#define ROUNDS      201
#define ROUNDS_MAX  10001
#define N           500
#define TRADES      20000
#define START_MS    1790000000000LL

typedef struct {
    trd_board_t          board;
    trd_board_writer_t   writer;
    trd_instrument_t     in[23];
    trd_candle_t         candles[N];
    uint32_t             n;
    char                *body;
    char                *copy;
    size_t               len;
} bench_t;

static double  samples[ROUNDS_MAX];


static int64_t
now_ns(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}


static int
compare(const void *a, const void *b)
{
    const double  *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}


static double
median(int rounds)
{
    qsort(samples, (size_t) rounds, sizeof(double), compare);

    return samples[rounds / 2];
}


static void
candle(void *ctx, unsigned interval, const trd_candle_t *c)
{
    bench_t  *b = ctx;

    trd_board_put_candle(&b->writer, 0, interval, c);
}


static void
setup(bench_t *b)
{
    void               *memory;
    size_t              size;
    uint32_t            i, x, y;
    const char         *why;
    trd_board_shape_t   shape;

    trd_board_shape_default(&shape);
    size = (size_t) trd_board_size(&shape);
    memory = aligned_alloc(4096, size);
    b->body = malloc(1 << 20);
    b->copy = malloc(1 << 20);

    if (memory == NULL || b->body == NULL || b->copy == NULL) {
        abort();
    }

    memset(memory, 0, size);
    memset(b->in, 0, sizeof(b->in));

    for (i = 0; i < 23; i++) {
        (void) snprintf(b->in[i].symbol, TRD_SYMBOL_LEN, "S%u", i);
        (void) snprintf(b->in[i].exchange_symbol, TRD_SYMBOL_LEN, "S%uUSDT",
                        i);
        (void) snprintf(b->in[i].base, TRD_SYMBOL_LEN, "S%u", i);
        (void) snprintf(b->in[i].quote, TRD_SYMBOL_LEN, "USDT");
        b->in[i].price_places = 2;
        b->in[i].lot_places = 5;
    }

    if (trd_board_create(&b->writer, memory, size, &shape, b->in, 23, 1, 0,
                         START_MS, 1, &x, &y) != TRD_OK
        || trd_board_open(&b->board, memory, size, &why) != TRD_OK)
    {
        abort();
    }
}


/* 1,000 hours of what one of Bitcoin looks like */

static void
fill(bench_t *b)
{
    int            i;
    uint64_t       x;
    trd_candle_t   c;

    x = 88172645463325252ULL;

    for (i = 0; i < 1000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;

        c.open_ms = START_MS / 3600000 * 3600000 + i * 3600000LL;
        c.open_e8 = 4325012000000LL + (int64_t) (x % 500000) * 1000000;
        c.high_e8 = c.open_e8 + (int64_t) (x >> 20) % 30000 * 1000000;
        c.low_e8 = c.open_e8 - (int64_t) (x >> 30) % 30000 * 1000000;
        c.close_e8 = c.low_e8 + (int64_t) (x >> 40) % 10000 * 1000000;
        c.volume_e8 = (int64_t) (x % 300000000) * 1000;
        c.quote_volume_e8 = (int64_t) (x % 9000000000ULL) * 1000000;
        c.trades = (uint32_t) (x >> 33) % 200000;
        c.flags = i == 999 ? TRD_CANDLE_OPEN : 0;

        trd_board_put_candle(&b->writer, 0, TRD_INTERVAL_1H, &c);
    }
}


static double
bench_read(bench_t *b, int rounds)
{
    int      i;
    int64_t  start;

    for (i = 0; i < rounds; i++) {
        start = now_ns();

        if (trd_board_candles(&b->board, 0, TRD_INTERVAL_1H, INT64_MAX, N,
                              b->candles, &b->n) != TRD_OK || b->n != N)
        {
            abort();
        }

        samples[i] = (double) (now_ns() - start);
    }

    return median(rounds);
}


static double
bench_render(bench_t *b, int rounds)
{
    int           i;
    int64_t       start;
    trd_writer_t  w;

    for (i = 0; i < rounds; i++) {
        start = now_ns();
        trd_writer_init(&w, b->body, 1 << 20);
        trd_candles_json(&w, &b->in[0], b->candles, b->n);
        samples[i] = (double) (now_ns() - start);
        b->len = trd_writer_len(&w);
    }

    return median(rounds);
}


static double
bench_copy(bench_t *b, int rounds)
{
    int      i;
    int64_t  start;

    for (i = 0; i < rounds; i++) {
        start = now_ns();
        memcpy(b->copy, b->body, b->len);
        __asm__ volatile ("" : : "r" (b->copy) : "memory");
        samples[i] = (double) (now_ns() - start);
    }

    return median(rounds);
}


static double
bench_build(bench_t *b, int rounds)
{
    int                  i, k;
    int64_t              start;
    uint64_t             id;
    trd_print_t          t;
    trd_candle_rules_t   rules = { TRD_CANDLE_CAPACITY, 2000, 0 };
    trd_candle_series_t  s;

    trd_candle_init(&s, &rules, malloc(trd_candle_memory(&rules)));
    id = 1;
    t.ms = START_MS;

    for (i = 0; i < rounds; i++) {
        start = now_ns();

        for (k = 0; k < TRADES; k++) {
            t.first_id = t.last_id = id++;
            t.ms += k & 3;
            t.price_e8 = 4325012000000LL + (k * 7919 % 1000) * 1000000LL;
            t.quantity_e8 = 1000 + k * 1000;

            if (trd_candle_trade(&s, &rules, &t, candle, b) != TRD_OK) {
                abort();
            }
        }

        samples[i] = (double) (now_ns() - start) / TRADES;

        (void) trd_candle_flush(&s, &rules, candle, b);
    }

    return median(rounds);
}


static double
bench_put(bench_t *b, int rounds, int trades)
{
    int           i, k;
    int64_t       start;
    trd_trade_t   t;
    trd_candle_t  c;

    c = b->candles[N - 1];
    memset(&t, 0, sizeof(t));
    t.price_e8 = c.close_e8;

    for (i = 0; i < rounds; i++) {
        start = now_ns();

        for (k = 0; k < 1000; k++) {
            if (trades) {
                t.id++;
                trd_board_put_trade(&b->writer, 1, &t);

            } else {
                c.trades++;
                trd_board_put_candle(&b->writer, 0, TRD_INTERVAL_1H, &c);
            }
        }

        samples[i] = (double) (now_ns() - start) / 1000;
    }

    return median(rounds);
}


int
main(int argc, char **argv)
{
    int      rounds;
    double   read_ns, render_ns, copy_ns, build_ns, put_ns, trade_ns;
    bench_t  b;

    rounds = argc > 1 ? atoi(argv[1]) : ROUNDS;

    if (rounds < 1 || rounds > ROUNDS_MAX) {
        (void) fprintf(stderr, "usage: candles [ROUNDS]\n");
        return 2;
    }

    setup(&b);
    fill(&b);

    read_ns = bench_read(&b, rounds);
    render_ns = bench_render(&b, rounds);
    copy_ns = bench_copy(&b, rounds);
    put_ns = bench_put(&b, rounds, 0);
    trade_ns = bench_put(&b, rounds, 1);
    build_ns = bench_build(&b, rounds);

    (void) printf("{\"candles\":%u,\"bytes\":%zu,\"read_ns\":%.0f,"
                  "\"render_ns\":%.0f,\"memcpy_ns\":%.0f,"
                  "\"build_ns_a_trade\":%.1f,\"put_ns_a_candle\":%.1f,"
                  "\"put_ns_a_trade\":%.1f}\n",
                  b.n, b.len, read_ns, render_ns, copy_ns, build_ns, put_ns,
                  trade_ns);

    return 0;
}
