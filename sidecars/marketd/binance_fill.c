/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Which candles are missing, and the REST calls that bring them: all that the
 * board has room for at the start, and after a gap those that it touches.
 *
 * The shortest interval comes first and of all instruments, since the open
 * candles of the longer ones are folded from it; but what failed comes after
 * what failed less often, so that one bad answer does not stop the rest.  A
 * candle whose time is not over is of no use from REST, which does not say
 * what its last trade was: the kline stream brings it when it closes, and
 * without that stream it is asked for again then.  A longer candle is asked
 * for only if one closed since; else folding heals it.
 */

#include <string.h>

#include "binance_market.h"
#include "market_tape.h"

void
binance_fill_gap(binance_market_t *k, uint32_t i, int64_t since_ms,
    int64_t due_ms)
{
    int64_t         *at;
    unsigned         n;
    binance_item_t  *item = &k->items[i];

    if (!k->backfill) {
        return;
    }

    for (n = 0; n < TRD_INTERVALS; n++) {
        series_hold(k->b->source->market, k->b->source->instruments[i], n);
        at = &item->fill_ms[n];

        if (*at < 0) {
            *at = since_ms;
            item->due_ms[n] = due_ms;
            k->wanted++;
            continue;
        }

        /* those that wait already wait no longer for this */

        if (since_ms < *at) {
            *at = since_ms;
        }

        if (due_ms < item->due_ms[n]) {
            item->due_ms[n] = due_ms;
        }
    }
}


static void
binance_fill_done(binance_market_t *k, uint32_t i, unsigned interval)
{
    k->items[i].fill_ms[interval] = -1;
    k->wanted--;
}


static void
binance_fill_plan(const binance_market_t *k, binance_fill_t *f, int64_t now)
{
    int64_t   ms, start, n;
    uint32_t  room = k->b->source->market->writer.candles;

    ms = trd_interval_ms(f->interval);
    start = trd_interval_start(f->interval, now) - (room - 1) * ms;
    start = start < 0 ? 0 : start;

    f->limit = room < BINANCE_KLINES_LIMIT ? room : BINANCE_KLINES_LIMIT;
    f->start_ms = 0;

    if (f->since_ms == 0 && room <= BINANCE_KLINES_LIMIT) {
        return;
    }

    f->start_ms = trd_interval_start(f->interval, f->since_ms);
    f->start_ms = f->start_ms < start ? start : f->start_ms;

    n = now < f->start_ms ? 1 : (now - f->start_ms) / ms + 2;
    f->limit = n < f->limit ? (uint32_t) n : f->limit;
}


int
binance_fill_want(binance_market_t *k, const uint8_t *unlisted,
    binance_fill_t *f)
{
    int64_t          now, since;
    uint32_t         i;
    unsigned         n, least;
    binance_item_t  *item;

    if (k->wanted == 0) {
        return 0;
    }

    now = tsd_wall_ms();
    least = UINT8_MAX + 1;

    for (n = 0; n < TRD_INTERVALS; n++) {
        for (i = 0; i < k->n; i++) {
            item = &k->items[i];
            since = item->fill_ms[n];

            if (since < 0 || item->due_ms[n] > now) {
                continue;
            }

            if (unlisted[i]
                || (n != TRD_INTERVAL_1M && since != 0
                    && trd_interval_start(n, now) <= since))
            {
                binance_fill_done(k, i, n);
                series_release(k->b->source->market,
                               k->b->source->instruments[i], n);
                continue;
            }

            /* what failed waits until the others have had their turn */

            if (item->fill_failed[n] < least) {
                least = item->fill_failed[n];
                f->i = i;
                f->interval = n;
                f->since_ms = since;
            }
        }
    }

    if (least > UINT8_MAX) {
        return 0;
    }

    binance_fill_plan(k, f, now);

    return 1;
}


void
binance_fill_asked(binance_market_t *k, const binance_fill_t *f)
{
    binance_fill_done(k, f->i, f->interval);
}


/* One interval alone. */
static void
binance_fill_more(binance_market_t *k, const binance_fill_t *f,
    int64_t since_ms, int64_t due_ms)
{
    binance_item_t  *item = &k->items[f->i];

    if (item->fill_ms[f->interval] < 0) {
        k->wanted++;
        item->due_ms[f->interval] = due_ms;
        item->fill_ms[f->interval] = since_ms;

    } else if (since_ms < item->fill_ms[f->interval]) {
        item->fill_ms[f->interval] = since_ms;
    }
}


void
binance_fill_failed(binance_market_t *k, const binance_fill_t *f)
{
    uint8_t  *failed = &k->items[f->i].fill_failed[f->interval];

    *failed += *failed < UINT8_MAX;
    binance_fill_more(k, f, f->since_ms, 0);
}


int
binance_fill_take(binance_market_t *k, const binance_fill_t *f,
    const char *body, size_t len)
{
    int64_t              now, ms, close_ms;
    uint32_t             i, n;
    market_t            *m = k->b->source->market;
    tsd_tape_origin_t    from;
    const trd_candle_t  *first;         /* ... that is open */

    market_clock(m);
    now = m->now_ms;

    /* what closed this moment by our clock may be open by theirs */

    switch (trd_binance_klines(body, len, f->interval,
                               now - TRD_KLINES_SETTLE_MS, k->candles,
                               BINANCE_KLINES_LIMIT, &n))
    {

    case TRD_OK:
        break;

    case TRD_OVERFLOW:
        market_refuse(m, k->b->source->stats, TRD_REFUSED_OVERFLOW,
                      binance_symbol(k->b, f->i),
                      strlen(binance_symbol(k->b, f->i)));
        series_release(m, k->b->source->instruments[f->i], f->interval);
        return 0;

    default:
        market_refuse(m, k->b->source->stats, TRD_REFUSED_PARSE, body, len);
        return -1;
    }

    k->items[f->i].fill_failed[f->interval] = 0;

    from.decoder = TSD_TAPE_BINANCE_KLINES;
    from.source = TRD_SOURCE_BINANCE;
    from.instrument = k->b->source->instruments[f->i];
    from.option = f->interval;
    market_tape_raw(m, &from, body, len);

    first = NULL;

    for (i = 0; i < n; i++) {
        series_history(m, k->b->source->instruments[f->i], f->interval,
                       &k->candles[i]);

        if (first == NULL && (k->candles[i].flags & TRD_CANDLE_OPEN)) {
            first = &k->candles[i];
        }
    }

    market_tape_raw_end(m);

    ms = trd_interval_ms(f->interval);

    if (first == NULL && n && n >= f->limit && f->start_ms) {
        /* the next page */
        binance_fill_more(k, f, k->candles[n - 1].open_ms + ms, 0);
        return 0;
    }

    /* unless a gap was found since it was asked for */

    if (k->items[f->i].fill_ms[f->interval] < 0) {
        series_release(m, k->b->source->instruments[f->i], f->interval);
    }

    /* soon after a turn there are two: what has just closed, and the next */

    close_ms = first ? first->open_ms + ms : 0;

    if (first && (close_ms <= now || (f->interval == 0 && !k->klines))) {
        binance_fill_more(k, f, first->open_ms,
                          (close_ms <= now ? now : close_ms)
                          + TRD_KLINES_SETTLE_MS);
    }

    return 0;
}
