/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What indicators and signals cost on one core: six intervals an instrument,
 * visited in turn as a feed would, so that 5,000 instruments are out of the
 * cache.  Each figure is the median of ROUNDS; one line a figure,
 *
 *     indicators part=close|peek|track instruments=23 bytes=... per_s=...
 *         best=... worst=...
 *
 * close: a closed candle into one interval.  peek: all values of an open
 * candle.  track: a closed candle with signal, calibration and score.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "trd_backtest.h"
#include "trd_decimal.h"
#include "trd_sim.h"

#define ROUNDS     7
#define STEPS      2000000
#define INTERVALS  6
#define START_MS   1767225600000LL      /* 2026-01-01 */

typedef struct {
    trd_track_t         *tracks;
    int64_t             *close_e8;
    size_t               n;             /* of both */
    uint64_t             step;
    trd_calibration_t    calibration;
    trd_score_totals_t   totals;
} bench_t;

/* keeps the compiler from dropping what is measured */
static volatile double  sink;


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

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));

    return (x > y) - (x < y);
}


/* the next candle of a track: some tenths of a percent of noise */

static void
next_candle(bench_t *b, size_t i, trd_candle_t *c)
{
    uint64_t  h;

    h = trd_sim_hash(b->step * 0x9e3779b97f4a7c15ULL + i);

    c->open_ms = START_MS + (int64_t) (b->step / b->n) * 60000;
    c->open_e8 = b->close_e8[i];
    c->close_e8 = c->open_e8 + (int64_t) (h & 0xffff) - 0x7fff;
    c->high_e8 = (c->close_e8 > c->open_e8 ? c->close_e8 : c->open_e8)
                 + (int64_t) (h >> 16 & 0x7fff);
    c->low_e8 = (c->close_e8 < c->open_e8 ? c->close_e8 : c->open_e8)
                - (int64_t) (h >> 32 & 0x7fff);
    b->close_e8[i] = c->close_e8;
}


static void
run(bench_t *b, const char *part, uint64_t steps)
{
    size_t                  i;
    uint64_t                k;
    trd_rc_t                rc;
    trd_candle_t            c;
    trd_track_result_t      result;
    trd_indicator_values_t  v;

    memset(&c, 0, sizeof(c));
    rc = TRD_OK;

    for (k = 0; k < steps && rc == TRD_OK; k++, b->step++) {
        i = b->step % b->n;

        if (part[0] == 't') {
            next_candle(b, i, &c);
            rc = trd_track_close(&b->tracks[i], TRD_TIMEFRAME_1M, &c,
                                 &b->calibration, &b->calibration,
                                 &b->totals, &result);
            sink = result.technical.score;

        } else if (part[0] == 'c') {
            next_candle(b, i, &c);
            rc = trd_indicator_close(&b->tracks[i].indicator, c.high_e8,
                                     c.low_e8, c.close_e8, &v);
            sink = v.adx14;

        } else {
            next_candle(b, i, &c);
            rc = trd_indicator_peek(&b->tracks[i].indicator, c.high_e8,
                                    c.low_e8, c.close_e8, &v);
            sink = v.adx14;
        }
    }

    if (rc != TRD_OK) {
        fprintf(stderr, "a candle was refused\n");
        exit(1);
    }
}


static void
bench(uint32_t instruments)
{
    size_t    i;
    double    start, rates[ROUNDS];
    bench_t   b;
    unsigned  p, r;

    static const char *const  parts[] = { "track", "close", "peek" };

    memset(&b, 0, sizeof(b));
    b.n = (size_t) instruments * INTERVALS;
    b.tracks = calloc(b.n, sizeof(trd_track_t));
    b.close_e8 = calloc(b.n, sizeof(int64_t));

    if (b.tracks == NULL || b.close_e8 == NULL) {
        exit(1);
    }

    for (i = 0; i < b.n; i++) {
        trd_track_init(&b.tracks[i]);
        b.close_e8[i] = TRD_E8 * (int64_t) (1 + i % 50000);
    }

    trd_calibration_init(&b.calibration, TRD_HORIZON);
    run(&b, "track", b.n * 40);

    for (p = 0; p < sizeof(parts) / sizeof(parts[0]); p++) {
        for (r = 0; r < ROUNDS; r++) {
            start = seconds();
            run(&b, parts[p], STEPS);
            rates[r] = STEPS / (seconds() - start);
        }

        qsort(rates, ROUNDS, sizeof(double), by_value);
        printf("indicators part=%s instruments=%u bytes=%zu per_s=%.0f "
               "best=%.0f worst=%.0f\n", parts[p], instruments,
               b.n * sizeof(trd_track_t), rates[ROUNDS / 2],
               rates[ROUNDS - 1], rates[0]);
    }

    free(b.tracks);
    free(b.close_e8);
}


int
main(void)
{
    bench(23);
    bench(5000);

    return 0;
}
