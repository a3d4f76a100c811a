/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The REST side: 24-hour tickers as a first snapshot, then exchangeInfo to
 * tell where the catalogue differs from the exchange.
 *
 * Work is a stack of jobs, each a run of symbols and one request; one is
 * under way at a time.  Binance refuses a whole request for one symbol that
 * it does not list, so a refused run is cut in two until the culprit stands
 * alone and can be named.  A row of tickers that cannot be read is refused
 * alone.  Whatever else goes wrong, the job is tried again when the others
 * have had their turn: after a back-off, when the exchange says so (429, 418),
 * or when the next minute has begun (weight).
 *
 * Snapshots of books and candles come after those and between their tries, by
 * turns, from whoever wants them (binance_market.h).  They are paced: weight
 * for them accrues over the minute, so that a start with five hundred
 * instruments is no burst and leaves room for the tickers of a reconnect.
 *
 * What fails holds up its own lane alone: tickers and exchangeInfo, depth,
 * klines.  Only what the exchange says of all requests, 429 and 418, is for
 * all of them.
 */

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "binance.h"
#include "binance_info.h"
#include "binance_job.h"
#include "binance_market.h"
#include "binance_weight.h"
#include "http_client.h"

#define REST_TIMEOUT_MS    30000
#define REST_BODY_MAX      (32U << 20)
#define REST_SOON_MS       10           /* connections that open together */
#define REST_INFO_MS       (6 * 3600 * 1000LL)
#define REST_UNKNOWN_CODE  (-1121)      /* "Invalid symbol." */
#define REST_ILLEGAL_CODE  (-1100)

typedef enum {
    REST_LANE_FAST = 0,         /* tickers and exchangeInfo */
    REST_LANE_DEPTH,
    REST_LANE_KLINES,
    REST_LANES
} rest_lane_t;

typedef struct {
    int64_t             hold_ms;        /* monotonic: not before */
    binance_backoff_t   backoff;
} rest_wait_t;

struct binance_rest_s {
    binance_t          *b;
    http_client_t      *http;
    struct event       *timer;
    rest_job_t         *jobs;           /* a stack: the last is next */
    uint32_t            njobs;
    rest_job_t          job;            /* under way */
    uint8_t             pending;
    uint8_t             begun;
    uint8_t             restart;        /* asked for while one is under way */
    uint8_t             waits;          /* the timer is for a delay */
    uint8_t            *unlisted;       /* by symbol: leave it out */
    int64_t             begun_ms;       /* monotonic, as all of these */
    int64_t             hold_ms;        /* of all: not before */
    rest_wait_t         lane[REST_LANES];
    uint8_t             candles_turn;
    int64_t             info_ms;        /* when exchangeInfo is due */
    binance_weight_t    weight;
    tsd_limiter_t       limiter;
};


static rest_wait_t *
binance_rest_lane(binance_rest_t *r, const rest_job_t *job)
{
    return &r->lane[job->kind == REST_DEPTH ? REST_LANE_DEPTH
                    : job->kind == REST_KLINES ? REST_LANE_KLINES
                    : REST_LANE_FAST];
}


static void
binance_rest_push(binance_rest_t *r, uint32_t first, uint32_t n,
    rest_kind_t kind)
{
    rest_job_t  *job;

    if (n) {
        job = &r->jobs[r->njobs++];
        job->first = first;
        job->n = n;
        job->kind = kind;
    }
}


static void
binance_rest_push_all(binance_rest_t *r, rest_kind_t kind)
{
    uint32_t  i, n = r->b->source->n;

    for (i = (n + BINANCE_BATCH - 1) / BINANCE_BATCH * BINANCE_BATCH; i;
         /* void */ )
    {
        i -= BINANCE_BATCH;
        binance_rest_push(r, i, n - i < BINANCE_BATCH ? n - i : BINANCE_BATCH,
                          kind);
    }
}


/* All of it anew: tickers on top of the stack, for they matter more. */
static void
binance_rest_plan(binance_rest_t *r)
{
    r->njobs = 0;

    if (tsd_mono_ms() >= r->info_ms) {
        memset(r->unlisted, 0, r->b->source->n);    /* they may be by now */
        binance_rest_push_all(r, REST_INFO);
    }

    binance_rest_push_all(r, REST_TICKER);
}


/* {"code":-1121,"msg":"..."} */
static int
binance_rest_code(const http_answer_t *answer)
{
    int      code = 0;
    json_t  *root;

    root = json_loadb(answer->body, answer->len, 0, NULL);

    if (root) {
        code = (int) json_integer_value(json_object_get(root, "code"));
        json_decref(root);
    }

    return code;
}


/* One of these symbols is none: halve, or name it. */
static void
binance_rest_split(binance_rest_t *r)
{
    uint32_t    half;
    rest_job_t  job = r->job;

    if (job.n > 1) {
        half = job.n / 2;
        binance_rest_push(r, job.first + half, job.n - half, job.kind);
        binance_rest_push(r, job.first, half, job.kind);
        return;
    }

    r->unlisted[job.first] = 1;
    tsd_log(TSD_LOG_WARN, "symbol_not_listed", "source=binance symbol=%s",
            binance_symbol(r->b, job.first));
}


/* As binance_rest_take(). */
static int
binance_rest_tickers(binance_rest_t *r, const http_answer_t *answer)
{
    uint32_t  rows;

    switch (binance_snapshot(r->b, answer->body, answer->len, &rows)) {

    case TRD_OK:
    case TRD_OVERFLOW:      /* one of them; the others were taken */
    case TRD_IGNORED:       /* an empty list */
        return 0;

    default:
        break;
    }

    /* a row that is bad today may be so for ever: it holds up no others */

    if (rows == 0) {
        return -1;
    }

    tsd_log_limited(&r->limiter, TSD_LOG_WARN, "ticker_rows_refused",
                    "source=binance taken=%u of=%u", (unsigned) rows,
                    (unsigned) r->job.n);

    return 0;
}


/* 0: the job is done with; -1: try it again. */
static int
binance_rest_take(binance_rest_t *r, const http_answer_t *answer)
{
    int64_t     limit;
    market_t   *m = r->b->source->market;

    switch (r->job.kind) {

    case REST_DEPTH:
        market_clock(m);
        return binance_book_take(r->b->market, r->job.first, answer->body,
                                 answer->len);

    case REST_KLINES:
        return binance_fill_take(r->b->market, &r->job.fill, answer->body,
                                 answer->len);

    case REST_LOOK:
        return binance_look(r->b, answer->body, answer->len) == TRD_ERROR
               ? -1 : 0;

    case REST_INFO:
        if (binance_info_compare(r->b, r->job.first, r->job.n, r->unlisted,
                                 answer->body, answer->len, &limit) != 0)
        {
            return -1;
        }

        if (limit > 0) {
            r->weight.limit = limit;
        }

        r->info_ms = tsd_mono_ms() + REST_INFO_MS;

        return 0;

    default:
        break;
    }

    market_clock(m);

    return binance_rest_tickers(r, answer);
}


static void
binance_rest_failed(binance_rest_t *r, const http_answer_t *answer,
    const char *what)
{
    int64_t       ms;
    rest_wait_t  *lane = binance_rest_lane(r, &r->job);

    ms = binance_backoff(&lane->backoff);

    if (answer && (answer->status == 429 || answer->status == 418)) {
        ms += binance_hold_ms(answer->status, answer->retry_after_ms,
                              lane->backoff.min_ms);
        r->hold_ms = tsd_mono_ms() + ms;        /* of all */
    }

    lane->hold_ms = tsd_mono_ms() + ms;

    tsd_log_limited(&r->limiter, TSD_LOG_WARN, "rest_failed",
                    "source=binance what=%s status=%d retry_in_ms=%lld "
                    "text=\"%s\"",
                    rest_job_name(&r->job),
                    answer ? answer->status : 0, (long long) ms, what);
}


/* The job is to be tried again, after the others. */
static void
binance_rest_again(binance_rest_t *r)
{
    switch (r->job.kind) {
    case REST_DEPTH:
        binance_book_failed(r->b->market, r->job.first);
        break;
    case REST_KLINES:
        binance_fill_failed(r->b->market, &r->job.fill);
        break;
    default:
        memmove(&r->jobs[1], r->jobs, r->njobs * sizeof(rest_job_t));
        r->jobs[0] = r->job;
        r->njobs++;
    }
}


static void
binance_rest_on_answer(void *ctx, const http_answer_t *answer)
{
    int              code;
    const char      *what = NULL;
    binance_rest_t  *r = ctx;

    r->pending = 0;

    if (answer->used_weight >= 0) {
        binance_weight_used(&r->weight, answer->used_weight);
    }

    if (answer->status == 200) {
        if (binance_rest_take(r, answer) == 0) {
            binance_rest_lane(r, &r->job)->backoff.attempt = 0;

        } else {
            what = "unreadable answer";
        }

    } else if (answer->status == 400) {
        code = binance_rest_code(answer);

        if (code == REST_UNKNOWN_CODE || code == REST_ILLEGAL_CODE) {
            binance_rest_split(r);

            if (r->job.kind == REST_DEPTH) {
                binance_book_failed(r->b->market, r->job.first);
            }

        } else {
            what = "request refused";
        }

    } else {
        what = answer->status == 0 ? answer->error
               : answer->status == 429 || answer->status == 418
               ? "too many requests"
               : answer->status / 100 == 3 ? "redirects are not followed"
               : "request refused";
    }

    if (what) {
        binance_rest_failed(r, answer, what);
        binance_rest_again(r);
    }

    if (r->restart) {
        r->restart = 0;
        binance_rest_plan(r);
    }

    /* not in here: the client is still busy with this answer */

    r->waits = 0;
    binance_timer(r->timer, 0);
}


/* ms until it may be asked for */
static int64_t
binance_rest_delay(binance_rest_t *r, const rest_job_t *job)
{
    int64_t  ms, own;

    own = binance_rest_lane(r, job)->hold_ms;
    ms = (own > r->hold_ms ? own : r->hold_ms) - tsd_mono_ms();

    if (ms > 0) {
        return ms;
    }

    ms = binance_weight_wait(&r->weight, rest_job_weight(job));

    if (ms > 0) {
        tsd_log_limited(&r->limiter, TSD_LOG_WARN, "rest_paused",
                        "source=binance weight=%lld for_ms=%lld",
                        (long long) r->weight.used, (long long) ms);
        return ms;
    }

    return rest_job_slow(job)
           ? binance_weight_pace(&r->weight, rest_job_weight(job)) : 0;
}


/* A snapshot of a book or candles that somebody wants; 0: nobody does.  Where
   both are wanted they take turns, and what may be asked now goes first. */
static int
binance_rest_pick_slow(binance_rest_t *r, rest_job_t *job)
{
    int                candles;
    int32_t            i;
    int64_t            now, depth_ms, klines_ms;
    binance_market_t  *k = r->b->market;

    memset(job, 0, sizeof(*job));
    job->n = 1;

    i = binance_book_want(k, r->unlisted);
    candles = binance_fill_want(k, r->unlisted, &job->fill);

    if (i >= 0 && candles) {
        now = tsd_mono_ms();
        depth_ms = r->lane[REST_LANE_DEPTH].hold_ms;
        klines_ms = r->lane[REST_LANE_KLINES].hold_ms;

        candles = (depth_ms <= now && klines_ms <= now)
                  ? r->candles_turn : klines_ms < depth_ms;
    }

    if (candles) {
        job->kind = REST_KLINES;
        job->first = job->fill.i;
        return 1;
    }

    if (i >= 0) {
        job->kind = REST_DEPTH;
        job->first = (uint32_t) i;
        return 1;
    }

    return 0;
}


/*
 * What is next, left where it is; 0: nothing.  While a failed ticker waits to
 * be tried again the market goes on: it may fail for as long as it likes.
 */
static int
binance_rest_pick(binance_rest_t *r, rest_job_t *job)
{
    if ((r->njobs == 0 || tsd_mono_ms() < r->lane[REST_LANE_FAST].hold_ms)
        && binance_rest_pick_slow(r, job)
        && (r->njobs == 0 || binance_rest_delay(r, job) == 0))
    {
        return 1;
    }

    if (r->njobs) {
        *job = r->jobs[r->njobs - 1];
        return 1;
    }

    return 0;
}


/* It is on its way. */
static void
binance_rest_spend(binance_rest_t *r)
{
    if (!rest_job_slow(&r->job)) {
        return;
    }

    binance_weight_spend(&r->weight, rest_job_weight(&r->job));
    r->candles_turn = r->job.kind == REST_DEPTH;

    if (r->job.kind == REST_DEPTH) {
        binance_book_asked(r->b->market, r->job.first);
    }
}


static void
binance_rest_next(binance_rest_t *r)
{
    char     *url;
    int       rc;
    int64_t   ms;

    r->waits = 0;

    while (!r->pending && binance_rest_pick(r, &r->job)) {

        ms = binance_rest_delay(r, &r->job);

        if (ms > 0) {
            r->waits = 1;
            binance_timer(r->timer, ms);
            return;
        }

        if (!rest_job_slow(&r->job)) {
            r->njobs--;

        } else if (r->job.kind == REST_KLINES) {
            binance_fill_asked(r->b->market, &r->job.fill);
        }

        url = rest_job_url(&r->job, r->b, r->unlisted);
        if (url == NULL) {
            if (rest_job_slow(&r->job)) {
                binance_rest_failed(r, NULL, "no memory");
                binance_rest_again(r);
            }

            continue;
        }

        rc = http_client_get(r->http, url, binance_rest_on_answer, r);
        free(url);

        if (rc != 0) {
            binance_rest_failed(r, NULL, "no memory");
            binance_rest_again(r);
            continue;
        }

        r->pending = 1;
        binance_rest_spend(r);
    }
}


static void
binance_rest_on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void) fd;
    (void) what;

    binance_rest_next(arg);
}


void
binance_rest_refresh(binance_t *b)
{
    binance_rest_t  *r = b->rest;

    if (!r->begun) {
        r->begun = 1;
        r->begun_ms = tsd_mono_ms();
    }

    if (r->pending) {
        /* that answer may be older than the connection */
        r->restart = 1;
        return;
    }

    binance_rest_plan(r);
    r->waits = 0;
    binance_timer(r->timer, REST_SOON_MS);
}


void
binance_rest_look(binance_t *b)
{
    binance_rest_t  *r = b->rest;

    if (r->begun && r->njobs == 0) {
        binance_rest_push_all(r, REST_LOOK);
        binance_rest_kick(b);
    }
}


void
binance_rest_begin(binance_t *b)
{
    if (!b->rest->begun) {
        binance_rest_refresh(b);
    }
}


int64_t
binance_rest_since_ms(const binance_t *b)
{
    const binance_rest_t  *r = b->rest;

    return r->begun ? tsd_wall_ms() - (tsd_mono_ms() - r->begun_ms) : 0;
}


void
binance_rest_kick(binance_t *b)
{
    binance_rest_t  *r = b->rest;

    /* what waits for a delay may have been overtaken by what need not; an
       answer, and connections that open together, come by themselves */

    if (r->begun && !r->pending
        && (r->waits || !evtimer_pending(r->timer, NULL)))
    {
        binance_timer(r->timer, 0);
    }
}


int
binance_rest_start(binance_t *b)
{
    uint32_t         n, i;
    source_t        *s = b->source;
    binance_rest_t  *r;

    r = calloc(1, sizeof(binance_rest_t));
    if (r == NULL) {
        return -1;
    }

    b->rest = r;
    r->b = b;
    binance_weight_init(&r->weight);

    for (i = 0; i < REST_LANES; i++) {
        r->lane[i].backoff.min_ms = s->config->backoff_min_ms;
        r->lane[i].backoff.max_ms = s->config->backoff_max_ms;
    }

    /* those of a kind have no symbol in common */

    n = 2 * s->n + 1;

    r->jobs = calloc(n, sizeof(rest_job_t));
    r->unlisted = calloc(s->n + 1, 1);
    r->timer = evtimer_new(s->base, binance_rest_on_timer, r);
    r->http = http_client_create(s->base, s->config->ca_file,
                                 s->config->connect_timeout_ms,
                                 REST_TIMEOUT_MS, REST_BODY_MAX);

    return r->jobs && r->unlisted && r->timer && r->http ? 0 : -1;
}


void
binance_rest_stop(binance_t *b)
{
    binance_rest_t  *r = b->rest;

    if (r == NULL) {
        return;
    }

    http_client_free(r->http);

    if (r->timer) {
        event_free(r->timer);
    }

    free(r->jobs);
    free(r->unlisted);
    free(r);
    b->rest = NULL;
}
