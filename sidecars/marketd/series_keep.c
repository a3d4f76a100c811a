/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Keeping the record of past signals; see series_keep.h.  The loop's part of
 * a save is to copy the state; hash and file are the thread's.
 */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "series.h"
#include "series_keep.h"
#include "series_state.h"
#include "state_file.h"
#include "tsd_log.h"

#define KEEP_FIRST_US  (5 * 1000000LL)
#define KEEP_EVERY_US  (60 * 1000000LL)
#define KEEP_MAX       (256U << 20)

typedef struct series_keep_s {
    char             *path;
    trd_keep_head_t   head;
    uint64_t          saved;        /* as series_s.changes */
    int64_t           next_us;
    void             *buf;          /* the thread's, while it runs */
    size_t            len;
    pthread_t         thread;
    int               running;
    _Atomic int       done;
    int               error;        /* errno of the last one */
} series_keep_t;


static void
keep_refuse(const series_keep_t *k, const char *why)
{
    tsd_log(TSD_LOG_WARN, "calibration_ignored", "path=\"%s\" reason=\"%s\" "
            "effect=\"confidence and /performance begin anew, the file is "
            "put aside as .refused\"", k->path, why);
    state_file_refuse(k->path);
}


/* Is it whole, of our market, and of the past?  NULL, or why not. */

static const char *
keep_check(const market_t *m, const series_keep_t *k, const char *buf,
    size_t len)
{
    trd_rc_t            rc;
    const char         *why;
    trd_keep_head_t     head;
    trd_keep_item_t     item;
    trd_keep_reader_t   r;

    if (trd_keep_open(&r, buf, len, &head, &why) != TRD_OK) {
        return why;
    }

    if (head.origin != k->head.origin || head.seed != k->head.seed
        || head.scenario != k->head.scenario
        || head.start_ms != k->head.start_ms)
    {
        return "of another market";
    }

    while ((rc = trd_keep_next(&r, &item)) == TRD_OK) {

        /* a virtual clock begins where it once began */

        if (item.kind == TRD_KEEP_TRACK && !m->virtual_clock
            && item.track.track.open_ms > m->now_ms)
        {
            return "of a time to come: is the clock right?";
        }
    }

    return rc == TRD_NOT_FOUND ? NULL : "contradicts itself";
}


static void
keep_pool(series_t *s, const trd_keep_item_t *item)
{
    if (item->kind == TRD_KEEP_NEXT_INSTRUMENT) {
        trd_score_merge(&s->threshold, &item->threshold.totals);
        return;
    }

    trd_calibration_merge(&s->calibration[item->timeframe],
                          &item->track.learned);
    trd_score_merge(&s->technical[item->timeframe], &item->track.totals);
}


/* Would there have been another signal by now?  Then the last one says nothing
   of the present; what it was worth is another matter. */

static int
keep_outdated(const market_t *m, const trd_keep_item_t *item)
{
    return m->now_ms - item->track.track.open_ms
           > 3 * trd_timeframe_ms(item->timeframe);
}


/* what has been checked, into the instruments that there still are */

static void
keep_take(market_t *m, const series_keep_t *k, const char *buf, size_t len)
{
    int32_t             i;
    uint32_t            tracks, skipped;
    series_t           *s;
    const char         *why;
    trd_keep_head_t     head;
    trd_keep_item_t     item;
    trd_keep_reader_t   r;

    s = m->series;
    i = -1;
    tracks = skipped = 0;

    if (trd_keep_open(&r, buf, len, &head, &why) != TRD_OK) {
        return;
    }

    while (trd_keep_next(&r, &item) == TRD_OK) {

        if (item.kind == TRD_KEEP_NEXT_INSTRUMENT) {
            i = market_find(m, (trd_source_t) item.source,
                            item.exchange_symbol,
                            strlen(item.exchange_symbol));

            if (i >= 0 && strcmp(m->catalogue->instruments[i].symbol,
                                 item.symbol) != 0)
            {
                i = -1;
            }
        }

        if (i < 0) {
            skipped += item.kind == TRD_KEEP_NEXT_INSTRUMENT;
            continue;
        }

        if (item.kind == TRD_KEEP_NEXT_INSTRUMENT) {
            s->of[i].threshold = item.threshold;

        } else {
            if (keep_outdated(m, &item)) {
                item.track.has = 0;
            }

            s->of[i].at[item.timeframe] = item.track;
            tracks++;
        }

        if (!series_apart(m, (uint32_t) i)) {
            keep_pool(s, &item);
        }
    }

    tsd_log(TSD_LOG_INFO, "calibration", "path=\"%s\" tracks=%u "
            "instruments_gone=%u saved_ms=%lld", k->path, tracks, skipped,
            (long long) head.saved_ms);
}


static void
keep_load(market_t *m, const series_keep_t *k)
{
    char        *buf;
    size_t       len;
    const char  *why;

    buf = state_file_read(k->path, KEEP_MAX, &len, &why);

    if (buf) {
        why = keep_check(m, k, buf, len);
    }

    if (why) {
        keep_refuse(k, why);

    } else if (buf) {
        keep_take(m, k, buf, len);
    }

    free(buf);
}


int
series_keep_open(market_t *m)
{
    series_keep_t           *k;
    const marketd_config_t  *config;

    config = m->config;

    if (config->mode == MARKETD_REPLAY || config->history_dir == NULL) {
        return 0;
    }

    k = calloc(1, sizeof(*k));

    if (k == NULL
        || (k->path = state_file_path(config->history_dir,
                                      config->mode == MARKETD_LIVE
                                      ? "calibration-live"
                                      : "calibration-simulator")) == NULL)
    {
        tsd_log(TSD_LOG_ERROR, "no_memory", "what=calibration");
        free(k);
        return -1;
    }

    k->head.origin = TRD_KEEP_LIVE;

    if (config->mode == MARKETD_SIMULATOR) {
        k->head.origin = TRD_KEEP_SIMULATED;
        k->head.seed = config->sim_seed;
        k->head.scenario = config->sim_scenario;
        k->head.start_ms = config->sim_start_ms;
    }

    if (state_file_dir(config->history_dir) != 0) {
        tsd_log(TSD_LOG_WARN, "calibration_in_memory", "name=HISTORY_DIR "
                "path=\"%s\" reason=\"%s\" effect=\"a restart forgets what "
                "past signals were worth\"", config->history_dir,
                strerror(errno));
        free(k->path);
        free(k);
        return 0;
    }

    k->next_us = m->now_us + KEEP_FIRST_US;
    keep_load(m, k);
    m->series->keep = k;

    return 0;
}


/* ---- saving */


/* the state as it is now, but for the hash.  -1: no memory, or too much */

static int
keep_copy(market_t *m, series_keep_t *k)
{
    size_t              size;
    uint32_t            i;
    unsigned            n;
    series_of_t        *of;
    trd_keep_writer_t   w;

    size = TRD_KEEP_HEAD + (size_t) m->catalogue->n * TRD_KEEP_INSTRUMENT;
    k->buf = malloc(size);

    if (k->buf == NULL) {
        return -1;
    }

    k->head.saved_ms = m->now_ms;
    trd_keep_begin(&w, k->buf, size, &k->head);

    for (i = 0; i < m->catalogue->n; i++) {
        of = &m->series->of[i];
        trd_keep_instrument(&w, &m->catalogue->instruments[i],
                            &of->threshold);

        for (n = 0; n < TRD_TIMEFRAME_N; n++) {
            if (of->at[n].track.open_ms >= 0) {
                trd_keep_track(&w, (trd_timeframe_t) n, &of->at[n]);
            }
        }
    }

    k->len = trd_keep_end(&w);

    if (k->len == 0 || k->len > KEEP_MAX - 8) {
        free(k->buf);
        k->buf = NULL;
        errno = EFBIG;
        return -1;
    }

    k->saved = m->series->changes;

    return 0;
}


static void *
keep_thread(void *arg)
{
    series_keep_t  *k;

    k = arg;
    k->len = trd_keep_seal(k->buf, k->len);
    k->error = state_file_write(k->path, k->buf, k->len) == 0 ? 0 : errno;
    atomic_store(&k->done, 1);

    return NULL;
}


static void
keep_done(series_keep_t *k)
{
    free(k->buf);
    k->buf = NULL;

    if (k->error) {
        k->saved = UINT64_MAX;          /* again, in a minute */
        tsd_log(TSD_LOG_WARN, "calibration_not_saved", "path=\"%s\" "
                "reason=\"%s\"", k->path, strerror(k->error));
    }
}


static void
keep_join(series_keep_t *k)
{
    if (k->running) {
        (void) pthread_join(k->thread, NULL);
        k->running = 0;
        keep_done(k);
    }
}


static void
keep_start(market_t *m, series_keep_t *k)
{
    int       rc;
    sigset_t  all, old;

    if (keep_copy(m, k) != 0) {
        k->error = errno;
        keep_done(k);
        return;
    }

    atomic_store(&k->done, 0);

    /* signals are the loop's */
    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(&k->thread, NULL, keep_thread, k);
    (void) pthread_sigmask(SIG_SETMASK, &old, NULL);

    if (rc != 0) {
        k->error = rc;
        keep_done(k);
        return;
    }

    k->running = 1;
}


void
series_keep_tick(market_t *m)
{
    series_keep_t  *k;

    k = m->series ? m->series->keep : NULL;

    if (k == NULL) {
        return;
    }

    if (k->running) {
        if (!atomic_load(&k->done)) {
            return;
        }

        keep_join(k);
    }

    if (m->now_us >= k->next_us && k->saved != m->series->changes) {
        k->next_us = m->now_us + KEEP_EVERY_US;
        keep_start(m, k);
    }
}


void
series_keep_close(market_t *m)
{
    series_keep_t  *k;

    k = m->series ? m->series->keep : NULL;

    if (k == NULL) {
        return;
    }

    keep_join(k);

    if (k->saved != m->series->changes) {
        if (keep_copy(m, k) == 0) {
            (void) keep_thread(k);

        } else {
            k->error = errno;
        }

        keep_done(k);
    }

    free(k->path);
    free(k);
    m->series->keep = NULL;
}
