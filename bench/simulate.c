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
 * does at full speed, 200 is five updates a second each.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "trd_sim.h"

#define ROUNDS    7
#define TICKS     2000000
#define START_MS  1767225600000LL       /* 2026-01-01 */

typedef struct {
    trd_sim_t              sim;
    trd_sim_instrument_t  *memory;
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
    params = calloc(n, sizeof(trd_sim_params_t));
    names = calloc(n, 16);

    if (b->memory == NULL || params == NULL || names == NULL) {
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


static double
bench_round(bench_t *b, unsigned step, int64_t *t, int whole, uint32_t ticks)
{
    double          start;
    uint32_t        i, done;
    trd_sim_day_t   day;
    trd_sim_tick_t  tick;

    start = seconds();

    for (done = 0; done < ticks; *t += step) {
        for (i = 0; i < b->n; i++, done++) {
            trd_sim_tick(&b->sim, i, *t, &tick);
            sink ^= tick.last_e8 + tick.bid_e8;

            if (whole) {
                trd_sim_day(&b->sim, i, &tick, &day);
                sink ^= day.high_e8 + day.quote_volume_e8;
            }
        }
    }

    return (double) done / (seconds() - start);
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

    t = START_MS;
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
        bench_at(&b);
        free(b.memory);
    }

    return 0;
}
