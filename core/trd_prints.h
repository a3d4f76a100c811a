/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Which trades and klines of Binance's streams count: marketd asks while it
 * hears them, and `tape verify` asks again of what was kept.  While a
 * connection is renewed both links bring the same; ids tell what we had.
 * Pure, and one instrument at a time.
 */

#ifndef TRD_PRINTS_H
#define TRD_PRINTS_H

#include "trd_apply.h"
#include "trd_binance_market.h"

/* streams that are subscribed, and so to be read */
#define TRD_PRINTS_TRADES      0x01
#define TRD_PRINTS_AGGREGATES  0x02     /* where there are no TRADES */
#define TRD_PRINTS_KLINES      0x04
#define TRD_PRINTS_DIFFS       0x08     /* order books: differences */
#define TRD_PRINTS_PARTIAL     0x10     /* ... or their top alone */

/*
 * Ids that go back, or leap, are believed of a trade that was so much later
 * than all before: a trade that comes twice is no later, and one wrong id is
 * not to silence an instrument for good.
 */
#define TRD_PRINTS_ANEW_MS     5000
#define TRD_PRINTS_LEAP        1000000

/* so many may still come of the other link, when one is ahead of it */
#define TRD_PRINTS_LATE        1000

/* zeroed: nothing was heard */
typedef struct {
    uint64_t  id;               /* of the last trade; 0 = none */
    uint64_t  late, late_end;   /* ids before it that were not had: from the
                                   one up to, without, the other */
    int64_t   ms;               /* the latest time of a trade */
    int64_t   kline_ms;         /* when the last kline was sent */
    uint8_t   broken;           /* the connection is new, see below */
    uint8_t   reserved[7];
} trd_prints_t;

typedef enum {
    TRD_PRINTS_WHOLE = 0,
    TRD_PRINTS_OVERLAP,         /* of several trades we had some */
    TRD_PRINTS_HOLE             /* trades are missing before it, or the ids
                                   have begun anew */
} trd_prints_gap_t;

/* Judges what no quote is made of, by the bounds of quotes. */
trd_refused_t trd_prints_judge(const trd_quote_t *q,
    const trd_limits_t *limits, int64_t now_ms, const trd_print_t *t);

/*
 * A connection is new: ids may begin anew, or have gone far on.  What was had
 * stays known, since another link may bring it a second time.
 */
void trd_prints_broken(trd_prints_t *p);

/*
 * *refused: what became of it as a quote, or of trd_prints_judge(); a trade
 * that was refused only for its age is one, since a ticker may overtake it.
 * Changed if it is refused here, for its own time (a quote has the message's)
 * or its id.  1: it counts, *out is what is to be reported; 0: it is left out.
 */
int trd_prints_trade(trd_prints_t *p, const trd_binance_trade_t *t,
    const trd_limits_t *limits, int64_t now_ms, trd_refused_t *refused,
    trd_print_t *out, trd_prints_gap_t *gap);

/*
 * 1: it counts; 0: left out, for *refused or as an older one.  One that was
 * sent in the future is refused, and so is one that begins there, or is closed
 * there.
 */
int trd_prints_kline(trd_prints_t *p, const trd_binance_kline_t *k,
    const trd_limits_t *limits, int64_t now_ms, trd_refused_t *refused);

#endif /* TRD_PRINTS_H */
