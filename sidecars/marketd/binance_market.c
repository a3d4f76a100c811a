/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Trades, klines and depth off the stream, on to the series.
 *
 * Trades come from `trade`, or from `aggTrade` where that is not subscribed,
 * never from both.  While a connection is renewed both links bring them: a
 * trade whose id we had is left out, and one that was refused as a quote as
 * well, unless only for its age: a ticker may have overtaken it.  Where ids
 * jump, the candles since the last one are asked for anew once the minute is
 * over.
 */

#include <stdlib.h>
#include <string.h>

#include "binance_market.h"

#define MARKET_SETTLE_MS  3000      /* after a minute, until REST has it */


static binance_item_t *
binance_item(binance_market_t *k, const char *symbol, size_t len,
    uint32_t *instrument)
{
    int32_t    found;
    source_t  *s = k->b->source;

    found = market_find(s->market, TRD_SOURCE_BINANCE, symbol, len);

    if (found < 0 || k->by_instrument[found] < 0) {
        market_refuse(s->market, s->stats, TRD_REFUSED_UNKNOWN, symbol, len);
        return NULL;
    }

    *instrument = (uint32_t) found;

    return &k->items[k->by_instrument[found]];
}


static void
binance_on_trade(void *ctx, const char *symbol, size_t len,
    const trd_binance_trade_t *t)
{
    int64_t            since_ms, over_ms;
    uint32_t           instrument;
    trd_print_t        print;
    trd_refused_t      refused, was;
    trd_prints_gap_t   gap;
    binance_item_t    *item;
    binance_market_t  *k = ctx;
    market_t          *m = k->b->source->market;

    if (t->aggregate && k->trades) {
        return;
    }

    item = binance_item(k, symbol, len, &instrument);

    if (item == NULL) {
        return;
    }

    refused = t->aggregate
              ? trd_prints_judge(&m->states[instrument].quote, &m->limits,
                                 m->now_ms, &t->print)
              : k->refused;

    if (t->aggregate && refused != TRD_REFUSED_NOT) {
        market_refuse(m, k->b->source->stats, refused, symbol, len);
    }

    if (refused == TRD_REFUSED_NOT) {
        binance_mute_trade(&item->mute, m->now_us / 1000, t->print.price_e8);
    }

    was = refused;
    since_ms = item->prints.ms;

    if (!trd_prints_trade(&item->prints, t, &m->limits, m->now_ms, &refused,
                          &print, &gap))
    {
        if (refused != was) {
            market_refuse(m, k->b->source->stats, refused, symbol, len);
        }

        return;
    }

    if (gap != TRD_PRINTS_WHOLE) {
        since_ms = print.ms < since_ms ? print.ms : since_ms;
        over_ms = gap == TRD_PRINTS_OVERLAP ? m->now_ms + TRD_MINUTE_MS
                  : trd_interval_start(TRD_INTERVAL_1M, print.ms)
                    + TRD_MINUTE_MS + MARKET_SETTLE_MS;
        binance_fill_gap(k, (uint32_t) (item - k->items), since_ms, over_ms);
    }

    series_trade(m, instrument, &print, t->flags);
}


static void
binance_on_kline(void *ctx, const char *symbol, size_t len,
    const trd_binance_kline_t *e)
{
    uint32_t           instrument;
    trd_refused_t      refused;
    binance_item_t    *item;
    binance_market_t  *k = ctx;
    market_t          *m = k->b->source->market;

    item = binance_item(k, symbol, len, &instrument);

    if (item == NULL) {
        return;
    }

    if (!trd_prints_kline(&item->prints, e, &m->limits, m->now_ms, &refused)) {

        if (refused != TRD_REFUSED_NOT) {
            market_refuse(m, k->b->source->stats, refused, symbol, len);
        }

        return;
    }

    series_candle(m, instrument, e->interval, &e->candle, e->last_id);
}


/* Depth was heard; what the book says now is held against the other streams. */
static void
binance_depth_heard(binance_market_t *k, binance_item_t *item, uint64_t id)
{
    trd_level_t      bid = { 0, 0 }, ask = { 0, 0 };
    binance_book_t  *o = item->book;

    if ((o->live || o->book.state == TRD_BOOK_PARTIAL)
        && (trd_book_best(&o->book, TRD_BOOK_BID, &bid) != TRD_OK
            || trd_book_best(&o->book, TRD_BOOK_ASK, &ask) != TRD_OK))
    {
        bid.price_e8 = 0;
    }

    binance_mute_depth(&item->mute, k->b->source->market->now_us / 1000, id,
                       bid.price_e8, ask.price_e8);
}


static void
binance_on_diff(void *ctx, const char *symbol, size_t len,
    const trd_depth_t *d)
{
    uint32_t           instrument;
    binance_item_t    *item;
    binance_market_t  *k = ctx;

    item = binance_item(k, symbol, len, &instrument);

    if (item && item->book && k->depth == BINANCE_DEPTH_DIFF) {
        binance_book_diff(k, (uint32_t) (item - k->items), d);
        binance_depth_heard(k, item, d->last_id);
    }
}


static void
binance_on_partial(void *ctx, const char *symbol, size_t len,
    const trd_depth_t *d)
{
    uint32_t           instrument;
    binance_item_t    *item;
    binance_market_t  *k = ctx;

    item = binance_item(k, symbol, len, &instrument);

    if (item && item->book && k->depth == BINANCE_DEPTH_PARTIAL) {
        binance_book_partial(k, (uint32_t) (item - k->items), d);
        binance_depth_heard(k, item, d->last_id);
    }
}


trd_rc_t
binance_market_message(binance_t *b, const char *msg, size_t len)
{
    trd_rc_t              rc;
    binance_market_t     *k = b->market;
    trd_binance_market_t  how;

    how.trade = k->trades || k->aggregates ? binance_on_trade : NULL;
    how.kline = k->klines ? binance_on_kline : NULL;
    how.diff = k->depth == BINANCE_DEPTH_DIFF ? binance_on_diff : NULL;
    how.partial = k->depth == BINANCE_DEPTH_PARTIAL ? binance_on_partial
                                                    : NULL;
    how.ctx = k;
    how.levels = k->levels;
    how.room = BINANCE_LEVELS;

    k->msg = msg;
    k->msg_len = len;
    rc = trd_binance_market(msg, len, &how);
    k->msg = NULL;

    return rc;
}


uint32_t
binance_market_streams(const binance_t *b)
{
    const binance_market_t  *k = b->market;

    if (b->source->market->series == NULL) {
        return 0;
    }

    return (k->trades ? TRD_PRINTS_TRADES : 0)
           | (k->aggregates ? TRD_PRINTS_AGGREGATES : 0)
           | (k->klines ? TRD_PRINTS_KLINES : 0)
           | (k->depth == BINANCE_DEPTH_DIFF ? TRD_PRINTS_DIFFS : 0)
           | (k->depth == BINANCE_DEPTH_PARTIAL ? TRD_PRINTS_PARTIAL : 0);
}


void
binance_market_best(binance_t *b, uint32_t instrument, const trd_update_t *u,
    int taken)
{
    int32_t            i;
    binance_book_t    *o;
    binance_market_t  *k = b->market;

    i = k->by_instrument[instrument];

    if (i < 0) {
        return;
    }

    o = k->items[i].book;
    binance_mute_best(&k->items[i].mute, b->source->market->now_us / 1000,
                      u->id, u->bid_e8, u->ask_e8, o ? o->book.last_id : 0);

    if (k->depth != BINANCE_DEPTH_DIFF || o == NULL || !taken) {
        return;
    }

    o->best_id = u->id;
    o->best_bid = u->bid_e8;
    o->best_ask = u->ask_e8;

    binance_book_check(k, (uint32_t) i);
}


uint32_t
binance_market_mute(binance_t *b, uint32_t first, uint32_t n,
    int64_t heard_ms)
{
    int64_t            limit;
    unsigned           dead;
    uint32_t           i, count = 0;
    binance_market_t  *k = b->market;

    limit = b->source->config->mute_timeout_ms;
    limit = limit < k->depth_limit_ms ? k->depth_limit_ms : limit;

    for (i = first; i < first + n; i++) {
        dead = binance_mute_dead(&k->items[i].mute, heard_ms, limit);

        if (dead == 0) {
            continue;
        }

        count++;
        market_clock(b->source->market);

        if ((dead & BINANCE_MUTE_DEPTH) && k->items[i].book) {
            binance_book_lose(k, i, "mute");
        }

        if (dead & BINANCE_MUTE_BEST) {
            tsd_log_limited(&k->limiter[2], TSD_LOG_WARN, "best_mute",
                            "source=binance symbol=%s",
                            binance_symbol(b, i));
        }
    }

    return count;
}


int
binance_market_ticker(binance_t *b, uint32_t i, uint64_t id,
    int64_t since_ms)
{
    int              first;
    source_t        *s = b->source;
    binance_item_t  *item = &b->market->items[i];

    /* what was traded before the stream was there it need not tell */

    first = item->ticker_ms <= since_ms;
    item->ticker_ms = s->market->now_us / 1000;

    return !first && id > s->market->states[s->instruments[i]].trade_id;
}


void
binance_market_cut(binance_t *b, uint32_t first, uint32_t n)
{
    uint32_t           i;
    binance_market_t  *k = b->market;

    for (i = first; i < first + n; i++) {
        memset(&k->items[i].mute, 0, sizeof(k->items[i].mute));

        if (k->items[i].book) {
            binance_book_lose(k, i, NULL);
        }
    }
}


void
binance_market_back(binance_t *b, uint32_t first, uint32_t n,
    int64_t heard_ms)
{
    int64_t            since;
    uint32_t           i;
    binance_item_t    *item;
    binance_market_t  *k = b->market;
    market_t          *m = b->source->market;

    binance_market_cut(b, first, n);

    for (i = first; i < first + n; i++) {
        item = &k->items[i];

        series_broken(m, b->source->instruments[i]);

        /* the last trade's time is by the exchange's clock, and no earlier
           than it must be for what is traded often */

        since = heard_ms - MARKET_SETTLE_MS;

        if (item->prints.ms > 0 && item->prints.ms < since) {
            since = item->prints.ms;
        }

        if (heard_ms) {
            binance_fill_gap(k, i, since, m->now_ms);
        }

        trd_prints_broken(&item->prints);
    }
}


/* Which of our streams there are: kinds other than these are quotes'. */
static void
binance_market_kinds(binance_market_t *k)
{
    uint32_t     i;
    const char  *kind;

    for (i = 0; i < k->b->nkinds; i++) {
        kind = k->b->kinds[i];

        if (strcmp(kind, "trade") == 0) {
            k->trades = 1;

        } else if (strcmp(kind, "aggTrade") == 0) {
            k->aggregates = 1;

        } else if (strncmp(kind, "kline_", 6) == 0) {
            k->klines = 1;

        } else if (strcmp(kind, "depth") == 0
                   || strncmp(kind, "depth@", 6) == 0)
        {
            k->depth = BINANCE_DEPTH_DIFF;

        } else if (strncmp(kind, "depth", 5) == 0
                   && k->depth == BINANCE_DEPTH_OFF)
        {
            k->depth = BINANCE_DEPTH_PARTIAL;
        }

        if (strncmp(kind, "depth", 5) == 0) {
            k->depth_limit_ms = strstr(kind, "@100ms") ? 300 : 3000;
        }
    }
}


int
binance_market_start(binance_t *b)
{
    uint32_t           i, all;
    unsigned           interval;
    source_t          *s = b->source;
    binance_market_t  *k;

    k = calloc(1, sizeof(binance_market_t));
    if (k == NULL) {
        return -1;
    }

    b->market = k;
    k->b = b;
    binance_market_kinds(k);

    k->backfill = s->config->binance_backfill && s->market->writer.candles;
    all = s->market->catalogue->n;

    k->items = calloc(s->n + 1, sizeof(binance_item_t));
    k->by_instrument = malloc((all + 1) * sizeof(int32_t));
    k->levels = malloc(BINANCE_LEVELS * sizeof(trd_level_t));
    k->candles = malloc(BINANCE_KLINES_LIMIT * sizeof(trd_candle_t));
    k->dirty = calloc(s->n + 1, sizeof(uint32_t));
    k->timer = evtimer_new(s->base, binance_book_on_timer, k);

    if (k->items == NULL || k->by_instrument == NULL || k->levels == NULL
        || k->candles == NULL || k->dirty == NULL || k->timer == NULL)
    {
        return -1;
    }

    memset(k->by_instrument, 0xff, (all + 1) * sizeof(int32_t));

    for (i = 0; i < s->n; i++) {
        k->by_instrument[s->instruments[i]] = (int32_t) i;
        k->n = i + 1;

        for (interval = 0; interval < TRD_INTERVALS; interval++) {
            k->items[i].fill_ms[interval] = -1;
        }

        if (k->depth != BINANCE_DEPTH_OFF && binance_book_create(k, i) != 0) {
            return -1;
        }

        binance_fill_gap(k, i, 0, 0);
    }

    return 0;
}


void
binance_market_stop(binance_t *b)
{
    uint32_t           i;
    _Atomic uint64_t  *n;
    binance_market_t  *k = b->market;

    if (k == NULL) {
        return;
    }

    if (k->depth == BINANCE_DEPTH_DIFF) {
        n = b->source->market->writer.header->books;
        tsd_log(TSD_LOG_INFO, "books", "source=binance synced=%llu lost=%llu "
                "checked=%llu wrong=%llu",
                (unsigned long long) n[TRD_BOOK_COUNT_SYNCED],
                (unsigned long long) n[TRD_BOOK_COUNT_LOST],
                (unsigned long long) n[TRD_BOOK_COUNT_CHECKED],
                (unsigned long long) n[TRD_BOOK_COUNT_WRONG]);
    }

    for (i = 0; i < k->n; i++) {
        binance_book_free(k->items[i].book);
    }

    if (k->timer) {
        event_free(k->timer);
    }

    free(k->items);
    free(k->by_instrument);
    free(k->levels);
    free(k->candles);
    free(k->dirty);
    free(k);
    b->market = NULL;
}
