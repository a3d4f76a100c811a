/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the files of the Binance source share: source_binance.c (start, stop,
 * decoding), binance_stream.c and binance_link.c (connections),
 * binance_rest.c, binance_job.c, binance_weight.c and binance_info.c
 * (snapshots, rules of symbols); binance_market.h has what there is beside
 * quotes.
 */

#ifndef MARKETD_BINANCE_H
#define MARKETD_BINANCE_H

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

#include "trd_rc.h"
#include "source.h"

/* the exchange's rules, as documented for spot */
#define BINANCE_STREAMS_MAX      1000   /* of 1024 on a connection */
#define BINANCE_URL_STREAMS      200    /* the rest by SUBSCRIBE */
#define BINANCE_PARAMS_MAX       200    /* of a SUBSCRIBE */
#define BINANCE_SUBSCRIBE_MS     300    /* 5 messages a second, and pongs */
#define BINANCE_BATCH            100    /* symbols of a REST request */
#define BINANCE_WEIGHT           6000   /* a minute */
#define BINANCE_WEIGHT_SHARE     80     /* percent of it that we use */
#define BINANCE_SLOW_SHARE       60     /* ... by books and candles */
#define BINANCE_SLOW_BURST       10     /* ... at once */
#define BINANCE_429_MS           60000  /* where Retry-After is missing */
#define BINANCE_418_MS           300000
#define BINANCE_HOLD_MORE_MS     250    /* clocks and timers are not exact */

#define BINANCE_KINDS_MAX        8
#define BINANCE_KIND_LEN         32
#define BINANCE_MESSAGE_MAX      (4U << 20)
#define BINANCE_BAD_MAX          1000   /* unreadable messages in a row */
#define BINANCE_GOOD_MS          10000  /* a connection that lasted */

typedef struct binance_rest_s  binance_rest_t;
typedef struct binance_conn_s  binance_conn_t;
typedef struct binance_market_s  binance_market_t;

typedef struct {
    uint32_t  min_ms;
    uint32_t  max_ms;
    uint32_t  attempt;
} binance_backoff_t;

typedef struct {
    source_t        *source;
    const char      *api_url;           /* without a slash at its end */
    const char      *ws_url;
    char            *urls;              /* what holds both */

    char             kinds[BINANCE_KINDS_MAX][BINANCE_KIND_LEN];
    uint32_t         nkinds;

    binance_conn_t  *conns;
    uint32_t         nconns;
    struct event    *watch;             /* looks after all connections */
    binance_rest_t  *rest;
    binance_market_t *market;
    uint32_t         rows;              /* read of this message */
} binance_t;

/* the exchange symbol of the source's i-th instrument */
const char *binance_symbol(const binance_t *b, uint32_t i);

/* Decodes a message and applies it; refusals are counted.  The decoders'
   status: TRD_OK, TRD_IGNORED, TRD_ERROR, TRD_OVERFLOW. */
trd_rc_t binance_message(binance_t *b, const char *msg, size_t len);

/* The same of REST; *rows: how many tickers could be read. */
trd_rc_t binance_snapshot(binance_t *b, const char *body, size_t len,
    uint32_t *rows);

/* Looks for trades in it that the stream has not told; nothing is applied. */
trd_rc_t binance_look(binance_t *b, const char *body, size_t len);

/* 0 .. bound - 1 */
uint32_t binance_random(uint32_t bound);

/* Exponential, with full jitter: anything from 0 to the bound of this try. */
uint32_t binance_backoff(binance_backoff_t *backoff);

/* How long a refusal holds (429, 418): what the exchange demands, and a
   little more, never less. */
int64_t binance_hold_ms(int status, int64_t retry_after_ms,
    uint32_t jitter_ms);

void binance_timer(struct event *ev, int64_t ms);

/* 0, or -1: no memory */
int binance_stream_start(binance_t *b);
void binance_stream_stop(binance_t *b);

/* REST told of an instrument what the stream may have failed to tell: the id
   of its last trade, before it is applied. */
void binance_stream_ticker(binance_t *b, uint32_t instrument, uint64_t id);

int binance_rest_start(binance_t *b);
void binance_rest_stop(binance_t *b);

/* A connection is new: take a snapshot of everything, soon. */
void binance_rest_refresh(binance_t *b);

/* The market is quiet: let binance_look() see whether it is, unless there is
   other work. */
void binance_rest_look(binance_t *b);

/* The same as binance_rest_refresh(), unless there was one already: REST does
   not wait for a stream that cannot be had. */
void binance_rest_begin(binance_t *b);

/* When that was, by the wall clock; 0: not yet. */
int64_t binance_rest_since_ms(const binance_t *b);

/* There may be something to ask for, a book or candles; it is looked for. */
void binance_rest_kick(binance_t *b);

#endif /* MARKETD_BINANCE_H */
