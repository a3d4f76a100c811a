/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Builds an instrument's candles of all six intervals, from trades, from
 * quotes where there are none, and from the source's own candles.
 *
 *   - A candle begins at a multiple of its interval, UTC.  Where nothing was
 *     traded there is none: a gap shows in the open times.
 *   - Volume and quote volume are sums of exact products.  A minute's quote
 *     volume is rounded to 10^-8 once, half up, when it is read; the longer
 *     candles are sums of their minutes' figures, so that five 1m candles
 *     folded are the 5m candle to the last digit.
 *   - The source's own closed candle (kline stream, REST) takes the place of
 *     what was built, and the longer ones are folded anew from those below:
 *     5m from 1m, 15m from 5m, 1h from 15m, 4h from 1h, 1d from 4h.  A longer
 *     candle that is the source's own is left alone.
 *   - A candle is closed by the first trade after it, or by the clock and a
 *     grace.  A trade that comes for it then is folded in if it is known to
 *     be new: its id follows on the last one, or the source promises to send
 *     each trade once (`complete`).  All others are counted as late.
 *   - Ids that jump or begin anew, and the middle of a candle as the
 *     beginning, mean that trades are missing: such candles are PARTIAL until
 *     the source's own come.  Candles of before, as from REST, tell nothing of
 *     the first trade that is heard after them.
 *
 * The rings kept here are short, only what folding needs (see capacity); the
 * long ones are the board's.  What changed is passed on by the callback, each
 * candle once a flush.  Pure: memory and clock are the caller's, one thread.
 */

#ifndef TRD_CANDLE_H
#define TRD_CANDLE_H

#include "trd_rc.h"
#include "trd_series.h"

/* enough for a day of 4h candles and an hour's minutes of late trades */
#define TRD_CANDLE_CAPACITY  64
#define TRD_CANDLE_GRACE_MS  2000

/* a lower id of a trade that was so much later than all before is no
   repetition: ids began anew.  After trd_candle_broken() any lower one is. */
#define TRD_CANDLE_ANEW_MS   5000

/* `c` holds no more once the callback returns */
typedef void (*trd_candle_pt)(void *ctx, unsigned interval,
    const trd_candle_t *c);

/* what all series of a source share */
typedef struct {
    uint32_t  capacity;         /* candles of a ring, at least 16 */
    uint32_t  grace_ms;         /* how late a trade may come in order */
    uint32_t  complete;         /* 1: the source sends each trade once, and
                                   the first one is the market's first */
} trd_candle_rules_t;

typedef struct {
    trd_candle_t  *ring;
    int64_t        since_ms;    /* heard of all from then on */
    uint32_t       newest;      /* place in the ring */
    uint32_t       count;
    uint32_t       dirty;       /* candles that were not passed on yet */
} trd_candle_ring_t;

typedef struct {
    trd_candle_ring_t  ring[TRD_INTERVALS];
    uint64_t           last_id;         /* of a single trade; 0 = none */
    uint64_t           rest_e16;        /* of the open minute's quote volume,
                                           below 10^-8 */
    uint64_t           late;            /* trades left out: too old */
    uint64_t           repeated;        /* trades left out: had already */
    uint64_t           gaps;            /* times that trades were missed */
    int64_t            last_ms;         /* no trade so far was later */
    int64_t            told_ms;         /* the source's own closed minutes
                                           reach to there */
    int64_t            gap_ms;          /* the last one's first minute, */
    int64_t            prior_ms;        /* and since_ms of what was before;
                                           INT64_MAX: none to be closed */
    int64_t            listen_ms;       /* heard of all from then on; what
                                           began before is PARTIAL where
                                           nothing else says so: quotes, and
                                           sources that are `complete` */
    uint8_t            broken;          /* trades may be missing from here */
    uint8_t            adopted;         /* no trade since a kline was taken */
    uint8_t            reserved[6];
} trd_candle_series_t;

/* one trade, or several that the source put together */
typedef struct {
    uint64_t  first_id, last_id;        /* 0 = no ids */
    int64_t   price_e8, quantity_e8;
    int64_t   ms;                       /* when it was traded */
} trd_print_t;

/* bytes of memory that a series needs for its rings */
size_t trd_candle_memory(const trd_candle_rules_t *rules);

/* memory: that many bytes, aligned as for int64_t, the series' for good */
void trd_candle_init(trd_candle_series_t *s, const trd_candle_rules_t *rules,
    void *memory);

/*
 * TRD_OK: folded in.  TRD_IGNORED: late or repeated.  TRD_ERROR: a price,
 * quantity or time that cannot be.  fn is called only for candles that would
 * fall out of a ring unseen.
 */
trd_rc_t trd_candle_trade(trd_candle_series_t *s,
    const trd_candle_rules_t *rules, const trd_print_t *t, trd_candle_pt fn,
    void *ctx) TRD_MUST_CHECK;

/* A price of a source without trades; the same results. */
trd_rc_t trd_candle_quote(trd_candle_series_t *s,
    const trd_candle_rules_t *rules, int64_t ms, int64_t price_e8,
    trd_candle_pt fn, void *ctx) TRD_MUST_CHECK;

/*
 * The source's own candle.  A closed one takes its place.  An open one is
 * taken only for 1m, with the id of its last trade, and only if what was
 * built is PARTIAL, not there, or from klines itself; building goes on from
 * it.  TRD_IGNORED: not taken, or an interval without trades.  TRD_ERROR: its
 * time does not fit or its prices contradict each other.
 */
trd_rc_t trd_candle_put(trd_candle_series_t *s,
    const trd_candle_rules_t *rules, unsigned interval,
    const trd_candle_t *c, uint64_t last_id, trd_candle_pt fn, void *ctx)
    TRD_MUST_CHECK;

/* The clock closes candles; call about once a second.  1: it closed one. */
int trd_candle_clock(trd_candle_series_t *s,
    const trd_candle_rules_t *rules, int64_t now_ms);

/* Trades may have been missed, and ids may begin anew: a new connection.  The
   caller sees to it that none comes twice. */
void trd_candle_broken(trd_candle_series_t *s);

/*
 * The source's own candles of this interval are all there is of it, and after
 * the newest some are missing: the longer ones around the hole are PARTIAL,
 * and so are those that begin in it.
 */
void trd_candle_hole(trd_candle_series_t *s,
    const trd_candle_rules_t *rules, unsigned interval);

/* Passes on what changed, oldest first; returns a bit an interval. */
unsigned trd_candle_flush(trd_candle_series_t *s,
    const trd_candle_rules_t *rules, trd_candle_pt fn, void *ctx);

/* The candle `back` places before the newest, or NULL; for tests. */
const trd_candle_t *trd_candle_at(const trd_candle_series_t *s,
    const trd_candle_rules_t *rules, unsigned interval, uint32_t back);

/*
 * Folds a later candle into an earlier one: the sum of both, whose time and
 * open price are the earlier one's.  What overflows becomes NO_*.
 */
void trd_candle_fold(trd_candle_t *into, const trd_candle_t *later);

#endif /* TRD_CANDLE_H */
