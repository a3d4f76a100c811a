/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * How fast the simulated market ticks on one core, by itself: no board, no
 * pages.  Each figure is the median of ROUNDS rounds; one line a figure,
 *
 *     simulate part=tick instruments=23 step_ms=1 per_s=... best=... worst=...
 *
 * step_ms is the time between two ticks of an instrument: 1 is what marketd
 * does at full speed, 200 is five updates a second each.  `market` is all
 * that marketd asks for: tick, day, the prints since the last tick, and a
 * book in each 100 ms; what is counted is ticks and prints.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "trd_sim_book.h"

#define ROUNDS    7
#define TICKS     2000000
#define START_MS  1767225600000LL       /* 2026-01-01 */

typedef struct {
    trd_sim_t              sim;
    trd_sim_instrument_t  *memory;
    trd_sim_cursor_t      *cursors;
    uint64_t              *books;
    uint32_t               n;
} bench_t;

/* keeps the compiler from dropping what is measured */
static volatile int64_t  sink;


static double
seconds(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


static int
by_value(const void *a, const void *b)
{
    double  x, y;

    x = *(const double *) a;
    y = *(const double *) b;

    return x < y ? -1 : x > y;
}


static void
report(const char *part, uint32_t n, unsigned step, double *rates)
{
    qsort(rates, ROUNDS, sizeof(double), by_value);

    printf("simulate part=%s instruments=%u step_ms=%u per_s=%.0f best=%.0f "
           "worst=%.0f\n", part, n, step, rates[ROUNDS / 2],
           rates[ROUNDS - 1], rates[0]);
}


static void
bench_init(bench_t *b, uint32_t n)
{
    char              *names;
    uint32_t           i, bad;
    trd_sim_params_t  *params;

    b->n = n;
    b->memory = calloc(n, sizeof(trd_sim_instrument_t));
    b->cursors = calloc(n, sizeof(trd_sim_cursor_t));
    b->books = calloc(n, sizeof(uint64_t));
    params = calloc(n, sizeof(trd_sim_params_t));
    names = calloc(n, 16);

    if (b->memory == NULL || b->cursors == NULL || b->books == NULL
        || params == NULL || names == NULL)
    {
        exit(1);
    }

    for (i = 0; i < n; i++) {
        params[i].symbol = names + 16 * i;
        params[i].symbol_len = (size_t) snprintf(names + 16 * i, 16, "S%u", i);
        params[i].price_e8 = 100000000LL * (1 + i * 13 % 50000);
        params[i].tick_e8 = 1000000;
        params[i].lot_e8 = 1000;
        params[i].volatility_e8 = 3000000;
        params[i].spread_e8 = 20000;
        params[i].volume_e8 = 1000000000000LL;
        params[i].asset_class = (uint8_t) (i % TRD_CLASS_N);
    }

    if (trd_sim_init(&b->sim, 1, b->memory, params, n, &bad) != TRD_OK) {
        fprintf(stderr, "instrument %u refused\n", bad);
        exit(1);
    }

    free(names);
    free(params);
}


static uint32_t
bench_market(bench_t *b, uint32_t i, const trd_sim_tick_t *tick)
{
    uint32_t         k, n;
    trd_sim_book_t   book;
    trd_sim_print_t  prints[64];

    n = trd_sim_prints(&b->sim, i, &b->cursors[i], tick->t_ms, prints, 64);

    for (k = 0; k < n; k++) {
        trd_sim_day_note(&b->sim, i, prints[k].t_ms, prints[k].price_e8);
        sink ^= prints[k].quantity_e8;
    }

    if ((uint64_t) tick->t_ms / TRD_SIM_BOOK_MS > b->books[i]) {
        trd_sim_book(&b->sim, i, tick, &book);
        b->books[i] = book.id;
        sink ^= book.bids[TRD_SIM_DEPTH - 1].quantity_e8
                + book.asks[TRD_SIM_DEPTH - 1].quantity_e8;
    }

    return n;
}


static double
bench_round(bench_t *b, unsigned step, int64_t *t, int whole, uint32_t ticks)
{
    double          start;
    uint32_t        i, done, extra;
    trd_sim_day_t   day;
    trd_sim_tick_t  tick;

    start = seconds();
    extra = 0;

    for (done = 0; done < ticks; *t += step) {
        for (i = 0; i < b->n; i++, done++) {
            trd_sim_tick(&b->sim, i, *t, &tick);
            sink ^= tick.last_e8 + tick.bid_e8;

            if (whole) {
                trd_sim_day(&b->sim, i, &tick, &day);
                sink ^= day.high_e8 + day.quote_volume_e8;
            }

            if (whole > 1) {
                extra += bench_market(b, i, &tick);
            }
        }
    }

    return (double) (done + extra) / (seconds() - start);
}


/* books by themselves */
static void
bench_books(bench_t *b)
{
    double          start, rates[ROUNDS];
    int64_t         t;
    unsigned        r;
    uint32_t        done;
    trd_sim_book_t  book;
    trd_sim_tick_t  tick;

    t = START_MS;

    for (r = 0; r < ROUNDS; r++) {
        start = seconds();

        for (done = 0; done < TICKS / 20; done++) {
            trd_sim_tick(&b->sim, done % b->n, t, &tick);
            trd_sim_book(&b->sim, done % b->n, &tick, &book);
            sink ^= book.bids[5].quantity_e8 + book.asks[5].quantity_e8;
            t += done % b->n == 0 ? TRD_SIM_BOOK_MS : 0;
        }

        rates[r] = (double) done / (seconds() - start);
    }

    report("tick_and_book", b->n, TRD_SIM_BOOK_MS, rates);
}


static void
bench_at(bench_t *b)
{
    double          start, rates[ROUNDS];
    unsigned        r;
    uint32_t        done;
    trd_sim_tick_t  tick;

    for (r = 0; r < ROUNDS; r++) {
        start = seconds();

        for (done = 0; done < TICKS / 20; done++) {
            trd_sim_at(&b->sim, done % b->n, START_MS
                       - (int64_t) (trd_sim_hash(done) >> 30), &tick);
            sink ^= tick.last_e8;
        }

        rates[r] = (double) done / (seconds() - start);
    }

    report("random_access", b->n, 0, rates);
}


static void
bench_part(bench_t *b, const char *part, unsigned step, int whole)
{
    double    rates[ROUNDS];
    int64_t   t;
    unsigned  r;
    uint32_t  i;

    t = START_MS;

    for (i = 0; i < b->n; i++) {
        trd_sim_prints_seek(&b->sim, i, &b->cursors[i], t);
        b->books[i] = 0;
    }

    bench_round(b, step, &t, whole, b->n);

    for (r = 0; r < ROUNDS; r++) {
        rates[r] = bench_round(b, step, &t, whole, TICKS);
    }

    report(part, b->n, step, rates);
}


int
main(void)
{
    double    start;
    bench_t   b;
    int64_t   t;
    unsigned  i;

    static const uint32_t  sizes[] = { 23, 5000 };

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        t = START_MS;
        start = seconds();
        bench_init(&b, sizes[i]);
        bench_round(&b, 1, &t, 1, b.n);
        printf("simulate part=start instruments=%u ms=%.1f\n", b.n,
               (seconds() - start) * 1e3);

        bench_part(&b, "tick", 1, 0);
        bench_part(&b, "tick", 200, 0);
        bench_part(&b, "tick_and_day", 1, 1);
        bench_part(&b, "tick_and_day", 200, 1);
        bench_part(&b, "market", 1, 2);
        bench_part(&b, "market", 200, 2);
        bench_books(&b);
        bench_at(&b);
        free(b.memory);
        free(b.cursors);
        free(b.books);
    }

    return 0;
}
