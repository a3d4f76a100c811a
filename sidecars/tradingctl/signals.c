/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * tradingctl signals backtest: what the signals of both models would have
 * been worth on a file of candles.  The figures are those of
 * /trading/performance, by the same code (core/trd_backtest.h): every
 * confidence rests on outcomes that had happened by then.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tradingctl.h"
#include "trd_backtest.h"
#include "trd_writer.h"
#include "tsd_ohlcv.h"

typedef struct {
    const char       *path;
    trd_candle_t     *candles;
    uint64_t         *lines;        /* of the candles, for faults */
    size_t            n;
    size_t            room;
    size_t            fit;          /* candles that it is fitted on */
    uint64_t          unvolumed;
    trd_timeframe_t   timeframe;
    trd_backtest_t    bt;
} backtest_t;


static int
backtest_room(backtest_t *b)
{
    void    *more;
    size_t   room;

    if (b->n < b->room) {
        return 0;
    }

    room = b->room ? 2 * b->room : 4096;
    more = realloc(b->candles, room * sizeof(trd_candle_t));

    if (more == NULL) {
        return -1;
    }

    b->candles = more;
    more = realloc(b->lines, room * sizeof(uint64_t));

    if (more == NULL) {
        return -1;
    }

    b->lines = more;
    b->room = room;

    return 0;
}


static int
backtest_load(backtest_t *b)
{
    int           rc;
    tsd_ohlcv_t   f;
    trd_candle_t  c;

    if (tsd_ohlcv_open(&f, b->path) != 0) {
        (void) fprintf(stderr, "tradingctl signals: %s\n", f.error);
        return -1;
    }

    while ((rc = tsd_ohlcv_read(&f, &c)) == 1) {

        if (backtest_room(b) != 0) {
            (void) fprintf(stderr, "tradingctl signals: %s:%llu: no memory\n",
                           f.path, (unsigned long long) f.line);
            rc = -1;
            goto done;
        }

        b->unvolumed += (c.flags & TRD_CANDLE_NO_VOLUME) != 0;
        b->lines[b->n] = f.line;
        b->candles[b->n++] = c;

        if (b->n % 1024 == 0 && f.done < f.size) {
            ctl_progress("reading", f.done, f.size);
        }
    }

    ctl_progress("reading", 1, 1);

    if (rc != 0) {
        (void) fprintf(stderr, "tradingctl signals: %s\n", f.error);

    } else if (b->n == 0) {
        (void) fprintf(stderr, "tradingctl signals: %s: has no candles\n",
                       b->path);
        rc = -1;
    }

done:

    tsd_ohlcv_close(&f);

    return rc;
}


/* the timeframe that most candles are apart; TRD_TIMEFRAME_N: none */

static unsigned
backtest_detect(const backtest_t *b)
{
    size_t    i, count[TRD_TIMEFRAME_N];
    int64_t   step;
    unsigned  t, best;

    memset(count, 0, sizeof(count));

    for (i = 1; i < b->n; i++) {
        step = b->candles[i].open_ms - b->candles[i - 1].open_ms;

        for (t = 0; t < TRD_TIMEFRAME_N; t++) {
            count[t] += step == trd_timeframe_ms((trd_timeframe_t) t);
        }
    }

    for (t = best = 0; t < TRD_TIMEFRAME_N; t++) {
        best = count[t] > count[best] ? t : best;
    }

    /* a half of the steps at least, or it is of another interval */

    return b->n > 1 && count[best] * 2 >= b->n - 1 ? best : TRD_TIMEFRAME_N;
}


/* No candle begins before the one before it is over. */

static int
backtest_check(const backtest_t *b)
{
    size_t   i;
    int64_t  step;

    for (i = 1; i < b->n; i++) {
        step = b->candles[i].open_ms - b->candles[i - 1].open_ms;

        if (step < trd_timeframe_ms(b->timeframe)) {
            (void) fprintf(stderr, "tradingctl signals: %s:%llu: begins %lld "
                           "ms after the row before, the timeframe is %s\n",
                           b->path, (unsigned long long) b->lines[i],
                           (long long) step,
                           trd_timeframe_name(b->timeframe));
            return -1;
        }
    }

    return 0;
}


static int
backtest_run(backtest_t *b)
{
    size_t              i;
    trd_track_result_t  result;

    trd_backtest_init(&b->bt, b->timeframe);

    for (i = 0; i < b->n; i++) {

        if (b->fit && i == b->fit) {
            trd_backtest_split(&b->bt, 0);
        }

        if (trd_backtest_step(&b->bt, &b->candles[i], &result) != TRD_OK) {
            (void) fprintf(stderr, "tradingctl signals: %s:%llu: the models "
                           "cannot take this candle\n", b->path,
                           (unsigned long long) b->lines[i]);
            return -1;
        }

        if (i % 1024 == 0) {
            ctl_progress("backtest", i, b->n);
        }
    }

    ctl_progress("backtest", 1, 1);

    return 0;
}


static void
backtest_json_model(const char *name, trd_timeframe_t timeframe,
    const trd_score_totals_t *t, uint32_t overlap)
{
    trd_score_result_t  r;

    trd_score_result(t, trd_score_judged(t), overlap, &r);

    (void) printf("\"%s\":{\"timeframe\":\"%s\",\"count\":%llu,"
                  "\"hits\":%llu,\"misses\":%llu,\"flat\":%llu,"
                  "\"lost\":%llu,\"open\":%llu,"
                  "\"independent\":%llu,", name,
                  trd_timeframe_name(timeframe), (unsigned long long) r.count,
                  (unsigned long long) t->hits,
                  (unsigned long long) t->misses,
                  (unsigned long long) t->flat, (unsigned long long) t->lost,
                  (unsigned long long) (t->opened - r.count - t->lost
                                        - t->dropped),
                  (unsigned long long) r.independent);

    if (r.known) {
        (void) printf("\"hit_rate\":%.6f,\"mean_return\":%.6f,"
                      "\"brier\":%.6f}", r.hit_rate, r.mean_return, r.brier);

    } else {
        (void) printf("\"hit_rate\":null,\"mean_return\":null,"
                      "\"brier\":null}");
    }
}


static void
backtest_text_model(const char *name, trd_timeframe_t timeframe,
    const trd_score_totals_t *t, uint32_t overlap)
{
    trd_score_result_t  r;

    trd_score_result(t, trd_score_judged(t), overlap, &r);

    (void) printf("%-9s %-9s %7llu %5llu %5llu %11llu", name,
                  trd_timeframe_name(timeframe), (unsigned long long) r.count,
                  (unsigned long long) t->flat, (unsigned long long) t->lost,
                  (unsigned long long) r.independent);

    if (r.known) {
        (void) printf(" %6.2f %% %+9.4f %% %6.4f\n", 100 * r.hit_rate,
                      r.mean_return, r.brier);

    } else {
        (void) printf(" %8s %11s %6s\n", "null", "null", "null");
    }
}


static void
backtest_json(const backtest_t *b)
{
    char  from[TRD_TIME_LEN + 1], to[TRD_TIME_LEN + 1];

    ctl_time(b->candles[b->fit].open_ms, from);
    ctl_time(b->candles[b->n - 1].open_ms + trd_timeframe_ms(b->timeframe),
             to);

    (void) printf("{\"file\":");
    ctl_json(b->path);
    (void) printf(",\"timeframe\":\"%s\",\"candles\":%llu,\"fitted_on\":%llu,"
                  "\"from\":\"%s\",\"to\":\"%s\",\"least\":%d,\"models\":{",
                  trd_timeframe_name(b->timeframe),
                  (unsigned long long) b->n, (unsigned long long) b->fit,
                  from, to, TRD_SCORE_MIN);
    backtest_json_model("technical", b->timeframe, &b->bt.technical,
                        TRD_HORIZON);
    (void) printf(",");
    backtest_json_model("threshold", TRD_TIMEFRAME_1D, &b->bt.threshold,
                        trd_threshold_overlap(
                            trd_timeframe_ms(b->timeframe)));
    (void) printf("}}\n");
}


static void
backtest_text(const backtest_t *b)
{
    char  from[TRD_TIME_LEN + 1], to[TRD_TIME_LEN + 1];

    ctl_time(b->candles[b->fit].open_ms, from);
    ctl_time(b->candles[b->n - 1].open_ms + trd_timeframe_ms(b->timeframe),
             to);

    (void) printf("file       %s\ncandles    %llu of %s", b->path,
                  (unsigned long long) b->n,
                  trd_timeframe_name(b->timeframe));

    if (b->fit) {
        (void) printf(", fitted on the first %llu and frozen",
                      (unsigned long long) b->fit);
    }

    (void) printf("\njudged     %s .. %s\n\n"
                  "%-9s %-9s %7s %5s %5s %11s %8s %11s %6s\n", from, to,
                  "model", "timeframe", "signals", "flat", "lost",
                  "independent", "hit rate", "mean return", "Brier");
    backtest_text_model("technical", b->timeframe, &b->bt.technical,
                        TRD_HORIZON);
    backtest_text_model("threshold", TRD_TIMEFRAME_1D, &b->bt.threshold,
                        trd_threshold_overlap(
                            trd_timeframe_ms(b->timeframe)));
    (void) printf("\nA coin hits 50 %% with a Brier score of 0.25.  Returns "
                  "are before any cost.\nSignals that share their horizon are "
                  "one outcome: below %d independent ones\nno rate is "
                  "stated.\n", TRD_SCORE_MIN);
}


static int
backtest(backtest_t *b, int json, const char *timeframe, unsigned percent)
{
    unsigned  t;

    if (backtest_load(b) != 0) {
        return CTL_FAILED;
    }

    if (timeframe == NULL) {
        t = backtest_detect(b);

        if (t == TRD_TIMEFRAME_N) {
            (void) fprintf(stderr, "tradingctl signals: %s: the candles are "
                           "not a timeframe apart; name one with "
                           "--timeframe\n", b->path);
            return CTL_FAILED;
        }

        b->timeframe = (trd_timeframe_t) t;
    }

    b->fit = b->n * percent / 100;

    if (backtest_check(b) != 0 || backtest_run(b) != 0) {
        return CTL_FAILED;
    }

    if (b->unvolumed) {
        (void) fprintf(stderr, "tradingctl signals: %s: the volume of %llu "
                       "rows is out of range and counts as 0\n", b->path,
                       (unsigned long long) b->unvolumed);
    }

    if (json) {
        backtest_json(b);

    } else {
        backtest_text(b);
    }

    return CTL_OK;
}


int
ctl_signals(int argc, char **argv)
{
    int           json, rc;
    uint64_t      percent;
    backtest_t   *b;
    const char   *timeframe, *fit;

    timeframe = fit = NULL;
    percent = 0;
    json = ctl_option(&argc, argv, "json", NULL);
    b = calloc(1, sizeof(*b));

    if (b == NULL) {
        (void) fprintf(stderr, "tradingctl signals: no memory\n");
        return CTL_FAILED;
    }

    if (ctl_option(&argc, argv, "timeframe", &timeframe)
        && (timeframe == NULL
            || trd_timeframe_find(timeframe, strlen(timeframe), &b->timeframe)
               != TRD_OK))
    {
        rc = ctl_usage("signals", "--timeframe is one of 1M 5M 15M 1H 4H 1D");

    } else if (ctl_option(&argc, argv, "fit", &fit)
               && (ctl_number(fit, &percent) != 0 || percent > 90))
    {
        rc = ctl_usage("signals", "--fit needs a percentage, 0 to 90");

    } else if (argc != 3 || strcmp(argv[1], "backtest") != 0
               || argv[2][0] == '-')
    {
        rc = ctl_usage("signals", "backtest which file?");

    } else {
        b->path = argv[2];
        rc = backtest(b, json, timeframe, (unsigned) percent);
    }

    free(b->candles);
    free(b->lines);
    free(b);

    return rc;
}
