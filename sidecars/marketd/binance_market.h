/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the Binance source keeps of each instrument beside its quote, and who
 * does what with it: binance_market.c takes trades and klines off the stream,
 * binance_book.c keeps the order books, binance_fill.c knows which candles
 * are missing.  The last two only say what they want of REST; when it is
 * asked, and how fast, is binance_rest.c's to decide.
 *
 * `i` is the place among the source's instruments, as in binance_symbol().
 */

#ifndef MARKETD_BINANCE_MARKET_H
#define MARKETD_BINANCE_MARKET_H

#include "binance.h"
#include "binance_mute.h"
#include "series.h"
#include "trd_book.h"
#include "trd_prints.h"
#include "tsd_log.h"

#define BINANCE_DEPTH_LIMIT   1000      /* levels of a snapshot, */
#define BINANCE_DEPTH_WEIGHT  50        /* ... and what it costs */
#define BINANCE_KLINES_LIMIT  1000
#define BINANCE_KLINES_WEIGHT 2
#define BINANCE_LEVELS        16384     /* of a message, both sides */
#define BINANCE_TOP           20        /* levels that are published */
#define BINANCE_BOOK_MS       100       /* at most so often */

typedef enum {
    BINANCE_DEPTH_OFF = 0,
    BINANCE_DEPTH_PARTIAL,              /* depth5, depth10, depth20 */
    BINANCE_DEPTH_DIFF                  /* depth, depth@100ms */
} binance_depth_t;

typedef struct {
    trd_book_t  book;
    char       *text;           /* differences that wait for a snapshot: */
    size_t      len, room;      /* size_t, the message; and so on */
    int64_t     published_ms;   /* monotonic, as all times here */
    int64_t     ask_ms;         /* not to be asked for before */
    int64_t     live_ms;
    int64_t     lost_ms;
    uint64_t    best_id;        /* the newest bookTicker */
    int64_t     best_bid, best_ask;
    uint32_t    attempt;
    uint8_t     heard;          /* a difference, since it is empty */
    uint8_t     asked;          /* a snapshot is on its way */
    uint8_t     live;           /* in step with the stream */
    uint8_t     thin;           /* too few levels left that are certain */
    uint8_t     dirty;          /* to be published when its time has come */
    uint8_t     shown;          /* there are levels on the board */
} binance_book_t;

typedef struct {
    binance_book_t  *book;
    trd_prints_t     prints;        /* trades and klines that it had */
    binance_mute_t   mute;
    int64_t          ticker_ms;     /* monotonic: the last one of REST */
    int64_t          fill_ms[TRD_INTERVALS];    /* candles are missing from
                                                   here on, 0 = from ever,
                                                   -1 = none are */
    int64_t          due_ms[TRD_INTERVALS];     /* wall clock: not before */
    uint8_t          fill_failed[TRD_INTERVALS];    /* times in a row */
} binance_item_t;

struct binance_market_s {
    binance_t       *b;
    binance_item_t  *items;
    int32_t         *by_instrument;     /* -1: not the source's */
    uint32_t         n;
    uint32_t         depth;             /* binance_depth_t */
    uint32_t         depth_limit_ms;    /* silence that is owed no longer */
    uint8_t          trades;            /* streams that are subscribed */
    uint8_t          aggregates;
    uint8_t          klines;
    uint8_t          backfill;

    trd_level_t     *levels;            /* scratch of the decoder */
    trd_candle_t    *candles;
    const char      *msg;               /* under way */
    size_t           msg_len;
    trd_refused_t    refused;           /* ... as a quote */
    struct event    *timer;             /* books that wait to be published */
    uint32_t        *dirty;
    uint32_t         ndirty;
    uint32_t         next_book;         /* whose turn it is */
    uint32_t         wanted;            /* runs of candles that are missing */

    tsd_limiter_t    limiter[3];
};

/* ---- binance_market.c */

int binance_market_start(binance_t *b);
void binance_market_stop(binance_t *b);

/* A message of the stream, after the quotes' decoder has had it. */
trd_rc_t binance_market_message(binance_t *b, const char *msg, size_t len);

/* TRD_PRINTS_* of the streams that are subscribed, as far as anything comes of
   them. */
uint32_t binance_market_streams(const binance_t *b);

/* A bookTicker: what the local book must agree with, if it was taken. */
void binance_market_best(binance_t *b, uint32_t instrument,
    const trd_update_t *u, int taken);

/* Streams of these that died while the connection was heard of: their books
   are lost.  How many did. */
uint32_t binance_market_mute(binance_t *b, uint32_t first, uint32_t n,
    int64_t heard_ms);

/* A ticker of REST, before it is applied.  1: there was a trade that a stream
   heard of since then, since_ms, should have told. */
int binance_market_ticker(binance_t *b, uint32_t i, uint64_t id,
    int64_t since_ms);

/* The connection of these was lost; it is back, and was last heard of then,
   0: unknown.  The first one is back, too, if REST did not wait for it. */
void binance_market_cut(binance_t *b, uint32_t first, uint32_t n);
void binance_market_back(binance_t *b, uint32_t first, uint32_t n,
    int64_t heard_ms);

/* ---- binance_book.c */

int binance_book_create(binance_market_t *k, uint32_t i);
void binance_book_free(binance_book_t *o);

void binance_book_diff(binance_market_t *k, uint32_t i, const trd_depth_t *d);
void binance_book_partial(binance_market_t *k, uint32_t i,
    const trd_depth_t *d);
void binance_book_check(binance_market_t *k, uint32_t i);

/* why: for the log; NULL, the connection: not worth a line each */
void binance_book_lose(binance_market_t *k, uint32_t i, const char *why);
void binance_book_on_timer(evutil_socket_t fd, short what, void *arg);

/* The next one that wants a snapshot, -1: none.  Then it was asked for, and
   the answer: 0, or -1: unreadable; or there was none. */
int32_t binance_book_want(binance_market_t *k, const uint8_t *unlisted);
void binance_book_asked(binance_market_t *k, uint32_t i);
int binance_book_take(binance_market_t *k, uint32_t i, const char *body,
    size_t len);
void binance_book_failed(binance_market_t *k, uint32_t i);

/* ---- binance_fill.c */

typedef struct {
    uint32_t  i;
    unsigned  interval;
    int64_t   since_ms;
    int64_t   start_ms;         /* startTime; 0: the newest ones */
    uint32_t  limit;
} binance_fill_t;

/* Candles are missing from then on; not to be asked for before due_ms. */
void binance_fill_gap(binance_market_t *k, uint32_t i, int64_t since_ms,
    int64_t due_ms);

/* 1: *f is to be asked for; as above */
int binance_fill_want(binance_market_t *k, const uint8_t *unlisted,
    binance_fill_t *f);
void binance_fill_asked(binance_market_t *k, const binance_fill_t *f);
int binance_fill_take(binance_market_t *k, const binance_fill_t *f,
    const char *body, size_t len);
void binance_fill_failed(binance_market_t *k, const binance_fill_t *f);

#endif /* MARKETD_BINANCE_MARKET_H */
