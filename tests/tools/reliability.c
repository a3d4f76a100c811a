/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What signals were worth on recorded candles, for docs/signals.md:
 *
 *     reliability FILE TIMEFRAME
 *
 * FILE has the columns open_time_ms,open,high,low,close,volume, plain or
 * gzip.  The technical model is fitted on the first half of its rows and
 * frozen; what is printed is of the second half only, one line a fact:
 *
 *     half n=1 rows=... from=... to=...
 *     score model=... half=2 count=... flat=... lost=... known=0|1
 *         hit_rate=... mean_return=... brier=... up=...
 *     bin model=... from=PERCENT n=... hits=... confidence=MEAN
 *     bucket score=... n=... up=... confidence_up=...     (first half)
 *
 * up is the share of candles whose price was higher at the horizon: what a
 * signal that always says "up" would have hit.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trd_backtest.h"
#include "tsd_ohlcv.h"

#define MAX_ROWS  1000000

static trd_candle_t    *candles;
static size_t           ncandles;
static trd_backtest_t   bt;


static int
load(const char *path)
{
    int          rc;
    tsd_ohlcv_t  f;

    candles = calloc(MAX_ROWS, sizeof(trd_candle_t));

    if (candles == NULL) {
        perror("calloc()");
        return 0;
    }

    rc = tsd_ohlcv_open(&f, path);

    while (rc == 0 && ncandles < MAX_ROWS) {

        if (tsd_ohlcv_read(&f, &candles[ncandles]) != 1) {
            break;
        }

        ncandles++;
    }

    if (f.error[0]) {
        fprintf(stderr, "%s\n", f.error);
        return 0;
    }

    tsd_ohlcv_close(&f);

    return ncandles > 1;
}


static void
half(int n, size_t from, size_t to)
{
    printf("half n=%d rows=%zu from=%lld to=%lld\n", n, to - from,
           (long long) candles[from].open_ms,
           (long long) candles[to - 1].open_ms);
}


static void
score(const char *model, const trd_score_totals_t *t, uint32_t overlap,
    double up)
{
    unsigned            i;
    trd_score_result_t  r;

    trd_score_result(t, trd_score_judged(t), overlap, &r);

    printf("score model=%s half=2 count=%llu flat=%llu lost=%llu known=%d "
           "hit_rate=%.6f mean_return=%.6f brier=%.6f up=%.6f\n", model,
           (unsigned long long) r.count, (unsigned long long) t->flat,
           (unsigned long long) t->lost, r.known, r.hit_rate, r.mean_return,
           r.brier, up);

    for (i = 0; i < TRD_SCORE_BINS; i++) {
        if (t->bins[i].n > 0) {
            printf("bin model=%s from=%u n=%llu hits=%llu confidence=%.4f\n",
                   model, i * 100 / TRD_SCORE_BINS,
                   (unsigned long long) t->bins[i].n,
                   (unsigned long long) t->bins[i].hits,
                   (double) t->bins[i].confidence_ppm / 1e4
                   / (double) t->bins[i].n);
        }
    }
}


static double
share_up(size_t from, size_t horizon)
{
    size_t  i, up, moved;

    up = moved = 0;

    for (i = from; i + horizon < ncandles; i++) {
        up += candles[i + horizon].close_e8 > candles[i].close_e8;
        moved += candles[i + horizon].close_e8 != candles[i].close_e8;
    }

    return moved ? (double) up / (double) moved : 0;
}


int
main(int argc, char **argv)
{
    double              p;
    size_t              i;
    uint64_t            n;
    unsigned            b;
    trd_timeframe_t     tf;
    trd_track_result_t  result;

    if (argc != 3
        || trd_timeframe_find(argv[2], strlen(argv[2]), &tf) != TRD_OK)
    {
        fprintf(stderr, "usage: reliability FILE 1M|5M|15M|1H|4H|1D\n");
        return 2;
    }

    if (!load(argv[1])) {
        return 1;
    }

    trd_backtest_init(&bt, tf);
    half(1, 0, ncandles / 2);
    half(2, ncandles / 2, ncandles);

    for (i = 0; i < ncandles; i++) {
        if (i == ncandles / 2) {
            trd_backtest_split(&bt, 0);
        }

        if (trd_backtest_step(&bt, &candles[i], &result) != TRD_OK) {
            fprintf(stderr, "row %zu was refused\n", i + 1);
        }
    }

    score("technical", &bt.technical, TRD_HORIZON,
          share_up(ncandles / 2, TRD_HORIZON));
    score("threshold", &bt.threshold,
          trd_threshold_overlap(trd_timeframe_ms(tf)),
          share_up(ncandles / 2,
                   (size_t) (TRD_DAY_MS / trd_timeframe_ms(tf))));

    for (b = 0; b < TRD_CALIBRATION_BUCKETS; b++) {
        p = trd_calibration_up(&bt.calibration, b, &n);
        printf("bucket score=%d n=%llu up=%llu confidence_up=%.2f\n",
               (int) b * 20 - 100, (unsigned long long) n,
               (unsigned long long) bt.calibration.up[b], 100 * p);
    }

    free(candles);

    return 0;
}
