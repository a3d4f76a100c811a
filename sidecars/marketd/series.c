/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Candles, trades, books, indicators and signals of the market; what each
 * call does is in series.h.
 */

#include <stdlib.h>
#include <string.h>

#include "market.h"
#include "market_tape.h"
#include "render.h"
#include "series.h"
#include "series_state.h"


#define SERIES_HOUR_MS  3600000LL
#define SERIES_HOLD_US  (1800 * 1000000LL)  /* a history that has not come by
                                               then is not waited for */

/* where a flush is going on */
typedef struct {
    market_t  *m;
    uint32_t   instrument;
    int        signals;
} series_flush_t;


static void series_mark(market_t *m, uint32_t instrument);


/* Everything from nothing, in memory that is there. */

static void
series_begin(series_t *s, market_t *m)
{
    size_t        each;
    uint32_t      i;
    unsigned      k;
    series_of_t  *of;

    each = (trd_candle_memory(&s->rules) + 63) / 64 * 64;

    for (i = 0; i < m->catalogue->n; i++) {
        of = &s->of[i];
        memset(of, 0, sizeof(*of));
        of->origin = m->catalogue->instruments[i].source;
        trd_candle_init(&of->candles, &s->rules,
                        (char *) s->memory + i * each);
        trd_score_ring_init(&of->threshold.ring);

        for (k = 0; k < TRD_TIMEFRAME_N; k++) {
            trd_track_init(&of->at[k].track);
            trd_calibration_init(&of->at[k].learned, TRD_HORIZON);
        }
    }

    for (k = 0; k < TRD_TIMEFRAME_N; k++) {
        trd_calibration_init(&s->calibration[k], TRD_HORIZON);
        trd_score_totals_init(&s->technical[k]);
    }

    trd_score_totals_init(&s->threshold);
    s->begun_ms = 0;
    s->hour_ms = 0;
    s->signals = 0;
}


series_t *
series_create(market_t *m)
{
    size_t     each;
    uint32_t   n;
    series_t  *s;

    n = m->catalogue->n;

    s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return NULL;
    }

    s->rules.capacity = TRD_CANDLE_CAPACITY;
    s->rules.grace_ms = TRD_CANDLE_GRACE_MS;
    s->complete = s->rules;
    s->complete.complete = 1;

    each = (trd_candle_memory(&s->rules) + 63) / 64 * 64;

    s->memory = aligned_alloc(64, each * n);
    s->of = calloc(n, sizeof(*s->of));

    if (s->memory == NULL || s->of == NULL) {
        series_free(s);
        return NULL;
    }

    series_begin(s, m);
    m->series = s;

    return s;
}


void
series_free(series_t *s)
{
    if (s == NULL) {
        return;
    }

    free(s->memory);
    free(s->of);
    free(s);
}


void
series_forget(market_t *m)
{
    uint32_t  i;

    if (m->series == NULL) {
        return;
    }

    series_begin(m->series, m);

    for (i = 0; i < m->catalogue->n; i++) {
        trd_board_empty_series(&m->writer, i);
        render_mark(m->render, i);
    }
}


void
series_origin(market_t *m, uint32_t instrument, trd_source_t source)
{
    if (m->series) {
        m->series->of[instrument].origin = (uint8_t) source;
    }
}


/* the simulator sends each of its prints once, from the first one on */

static const trd_candle_rules_t *
series_rules(const series_t *s, uint32_t instrument)
{
    return s->of[instrument].origin == TRD_SOURCE_SIMULATOR ? &s->complete
                                                            : &s->rules;
}


/*
 * Candles that began before it was listened are not whole.  A simulated market
 * is heard all at once, with whatever comes first; what a quote says of the
 * time before the instrument's first one is nothing.  Both go by what is on
 * the tape, so that a replay knows the same.
 */

static void
series_listen(market_t *m, uint32_t instrument)
{
    series_t     *s = m->series;
    series_of_t  *of = &s->of[instrument];

    if (s->begun_ms == 0) {
        s->begun_ms = m->now_ms;
    }

    if (of->candles.listen_ms == 0) {
        of->candles.listen_ms = of->origin == TRD_SOURCE_SIMULATOR
                                ? s->begun_ms : m->now_ms;
    }
}


int
series_apart(const market_t *m, uint32_t instrument)
{
    return m->config->mode == MARKETD_LIVE
           && trd_source_simulated(m->catalogue->instruments[instrument]
                                   .source);
}


/* what happened since `from`, added to `to` */

static void
series_learned(trd_calibration_t *to, const trd_calibration_t *from,
    const trd_calibration_t *now)
{
    unsigned  i;

    for (i = 0; i < TRD_CALIBRATION_BUCKETS; i++) {
        to->n[i] += now->n[i] - from->n[i];
        to->up[i] += now->up[i] - from->up[i];
    }
}


/*
 * A candle that has just closed finds all instruments' outcomes at hand and
 * none of later times.  For one of history they are of any time: others' past
 * comes before or after.  So its confidence rests on its own past alone.
 */

static int
series_close(market_t *m, uint32_t instrument, unsigned interval,
    const trd_candle_t *c)
{
    int                  past, apart;
    int64_t              ms;
    series_t            *s;
    trd_calibration_t    was, *learn;
    trd_keep_track_t    *at;
    trd_score_totals_t   totals;
    trd_track_result_t   result;

    s = m->series;
    at = &s->of[instrument].at[interval];
    ms = trd_interval_ms(interval);

    apart = series_apart(m, instrument);
    past = apart || c->open_ms + 2 * ms <= m->now_ms;
    learn = past ? &at->learned : &s->calibration[interval];
    was = *learn;
    trd_score_totals_init(&totals);

    if (trd_track_close(&at->track, (trd_timeframe_t) interval, c, learn,
                        learn, &totals, &result)
        != TRD_OK)
    {
        return 0;               /* not newer: corrected, its signal stands */
    }

    if (!past) {
        series_learned(&at->learned, &was, learn);

    } else if (!apart) {
        series_learned(&s->calibration[interval], &was, learn);
    }

    trd_score_merge(&at->totals, &totals);

    if (!apart) {
        trd_score_merge(&s->technical[interval], &totals);
    }

    at->has = result.has;

    if (result.has & TRD_TRACK_VALUES) {
        at->values = result.values;
    }

    if (result.has & TRD_TRACK_SIGNAL) {
        at->technical = result.technical;
    }

    s->changes++;

    return 1;
}


static void
series_candle_out(void *ctx, unsigned interval, const trd_candle_t *c)
{
    market_t        *m;
    series_of_t     *of;
    series_flush_t  *f;

    f = ctx;
    m = f->m;
    of = &m->series->of[f->instrument];

    trd_board_put_candle(&m->writer, f->instrument, interval, c);

    if (c->open_ms >= of->newest_ms[interval]) {
        of->newest_ms[interval] = c->open_ms;
        of->newest[interval] = *c;
    }

    if (of->count[interval] < UINT32_MAX) {
        of->count[interval]++;
    }

    if ((c->flags & TRD_CANDLE_OPEN) == 0 && of->held_us[interval] == 0
        && series_close(m, f->instrument, interval, c))
    {
        f->signals = 1;
    }
}


void
series_hold(market_t *m, uint32_t instrument, unsigned interval)
{
    series_of_t  *of;

    if (m->series == NULL) {
        return;
    }

    of = &m->series->of[instrument];

    if (of->held_us[interval] == 0) {
        of->held_us[interval] = m->now_us ? m->now_us : 1;
    }
}


void
series_release(market_t *m, uint32_t instrument, unsigned interval)
{
    uint32_t             back;
    series_t            *s;
    trd_candle_t         copy;
    series_of_t         *of;
    const trd_candle_t  *c;

    s = m->series;

    if (s == NULL || s->of[instrument].held_us[interval] == 0) {
        return;
    }

    of = &s->of[instrument];
    of->held_us[interval] = 0;

    /* those that have closed since, after the history */

    for (back = s->rules.capacity; back > 0; back--) {
        c = trd_candle_at(&of->candles, series_rules(s, instrument),
                          interval, back - 1);

        if (c && (c->flags & TRD_CANDLE_OPEN) == 0) {
            copy = *c;
            copy.flags &= TRD_CANDLE_FLAGS;
            (void) series_close(m, instrument, interval, &copy);
        }
    }

    series_mark(m, instrument);
}


/* a candle that would fall out of its ring unseen while others come in */

static void
series_mark(market_t *m, uint32_t instrument)
{
    m->series->of[instrument].dirty = 1;
    render_mark(m->render, instrument);
}


void
series_trade(market_t *m, uint32_t instrument, const trd_print_t *t,
    uint32_t flags)
{
    series_t        *s;
    trd_trade_t      trade;
    series_flush_t   f = { m, instrument, 0 };

    if (m->series == NULL) {
        return;
    }

    s = m->series;
    s->of[instrument].prints = 1;
    series_listen(m, instrument);

    /* late, or in a candle of the source's already: it was traded all the
       same, and sources report no trade twice */

    if (trd_candle_trade(&s->of[instrument].candles,
                         series_rules(s, instrument), t,
                         series_candle_out, &f)
        == TRD_ERROR)
    {
        market_tape_print(m, instrument, t, flags);
        return;
    }

    memset(&trade, 0, sizeof(trade));
    trade.id = t->last_id;
    trade.price_e8 = t->price_e8;
    trade.quantity_e8 = t->quantity_e8;
    trade.exchange_ms = t->ms;
    trade.flags = flags;

    trd_board_put_trade(&m->writer, instrument, &trade);
    market_tape_print(m, instrument, t, flags);
    series_mark(m, instrument);
}


void
series_quote(market_t *m, uint32_t instrument)
{
    series_t           *s;
    series_of_t        *of;
    series_flush_t      f = { m, instrument, 0 };
    const trd_quote_t  *q;

    if (m->series == NULL) {
        return;
    }

    s = m->series;
    of = &s->of[instrument];
    q = &m->states[instrument].quote;

    if (of->prints || of->origin == TRD_SOURCE_SIMULATOR
        || of->origin == TRD_SOURCE_BINANCE
        || (q->has & (TRD_HAS_LAST | TRD_HAS_TIME))
           != (TRD_HAS_LAST | TRD_HAS_TIME))
    {
        return;
    }

    series_listen(m, instrument);

    if (trd_candle_quote(&of->candles, series_rules(s, instrument),
                         q->exchange_ms, q->last_e8, series_candle_out, &f)
        == TRD_OK)
    {
        of->dirty = 1;
    }
}


static trd_rc_t
series_put(market_t *m, uint32_t instrument, unsigned interval,
    const trd_candle_t *c, uint64_t last_id)
{
    trd_rc_t         rc;
    series_t        *s;
    series_flush_t   f = { m, instrument, 0 };

    s = m->series;

    rc = trd_candle_put(&s->of[instrument].candles,
                        series_rules(s, instrument), interval, c, last_id,
                        series_candle_out, &f);

    if (rc == TRD_OK) {
        series_mark(m, instrument);
    }

    if (s->of[instrument].origin == TRD_SOURCE_REPLAY
        && (c->flags & (TRD_CANDLE_NO_TRADES | TRD_CANDLE_OPEN))
           == TRD_CANDLE_NO_TRADES)
    {
        s->of[instrument].bars = (uint8_t) (interval + 1);
    }

    market_tape_candle(m, instrument, interval, c, last_id);

    return rc;
}


void
series_candle(market_t *m, uint32_t instrument, unsigned interval,
    const trd_candle_t *c, uint64_t last_id)
{
    if (m->series) {
        (void) series_put(m, instrument, interval, c, last_id);
    }
}


void
series_history(market_t *m, uint32_t instrument, unsigned interval,
    const trd_candle_t *c)
{
    if (m->series == NULL) {
        return;
    }

    if (series_put(m, instrument, interval, c, 0) == TRD_OK
        && m->series->of[instrument].held_us[interval]
        && (c->flags & TRD_CANDLE_OPEN) == 0)
    {
        (void) series_close(m, instrument, interval, c);
    }
}


void
series_book(market_t *m, uint32_t instrument, trd_board_book_t *book)
{
    if (m->series == NULL) {
        return;
    }

    series_listen(m, instrument);
    trd_board_put_depth(&m->writer, instrument, book);
    market_tape_book(m, instrument, book);
}


void
series_broken(market_t *m, uint32_t instrument)
{
    series_of_t  *of;

    if (m->series == NULL) {
        return;
    }

    of = &m->series->of[instrument];

    if (of->bars) {
        trd_candle_hole(&of->candles, series_rules(m->series, instrument),
                        of->bars - 1U);
        series_mark(m, instrument);

    } else {
        of->prints = 1;
        trd_candle_broken(&of->candles);
    }

    market_tape_event(m, TRD_TAPE_BROKEN, instrument,
                      m->catalogue->instruments[instrument].source);
}


/* the threshold model's record: a signal each whole hour, due in a day */

static void
series_hour(market_t *m, int64_t hour_ms)
{
    series_t              *s;
    uint32_t               i;
    trd_signal_t           signal;
    trd_score_totals_t     totals;
    trd_keep_threshold_t  *t;

    s = m->series;

    for (i = 0; i < m->catalogue->n; i++) {
        if (m->states[i].quote.has == 0 || m->states[i].quote.stale) {
            continue;
        }

        t = &s->of[i].threshold;
        trd_score_totals_init(&totals);

        if (trd_track_threshold(&t->ring, &m->states[i].quote, hour_ms,
                                SERIES_HOUR_MS, &totals, &signal)
            == TRD_OK)
        {
            s->signals++;
        }

        trd_score_merge(&t->totals, &totals);

        if (!series_apart(m, i)) {
            trd_score_merge(&s->threshold, &totals);
        }
    }

    s->changes++;
}


void
series_clock(market_t *m)
{
    int        closed;
    int64_t    hour;
    uint32_t   i;
    unsigned   k;
    series_t  *s;

    if (m->series == NULL) {
        return;
    }

    s = m->series;
    closed = 0;

    for (i = 0; i < m->catalogue->n; i++) {
        closed |= trd_candle_clock(&s->of[i].candles, series_rules(s, i),
                                   m->now_ms);

        for (k = 0; k < TRD_INTERVALS; k++) {
            if (s->of[i].held_us[k]
                && m->now_us - s->of[i].held_us[k] > SERIES_HOLD_US)
            {
                series_release(m, i, k);
            }
        }
    }

    if (closed) {
        market_tape_event(m, TRD_TAPE_CLOCK, 0, TRD_SOURCE_NONE);
    }

    series_look(m);

    hour = m->now_ms / SERIES_HOUR_MS * SERIES_HOUR_MS;

    if (s->hour_ms && hour > s->hour_ms) {
        series_hour(m, hour);
    }

    s->hour_ms = hour;
}


void
series_look(market_t *m)
{
    uint32_t   i;
    series_t  *s = m->series;

    for (i = 0; s && i < m->catalogue->n; i++) {
        if (series_dirty(&s->of[i].candles) || render_overdue(m->render, i)) {
            series_mark(m, i);
        }
    }
}


void
series_turn(market_t *m)
{
    uint32_t   i;
    series_t  *s = m->series;

    if (s == NULL) {
        return;
    }

    series_clock(m);

    for (i = 0; i < m->catalogue->n; i++) {
        (void) series_flush(m, i);

        if (s->of[i].noted) {
            (void) trd_board_note(&m->writer, i, TRD_CHANGE_CANDLE,
                                  s->of[i].noted);
            s->of[i].noted = 0;
        }
    }
}


int
series_dirty(const trd_candle_series_t *c)
{
    unsigned  i;

    for (i = 0; i < TRD_INTERVALS; i++) {
        if (c->ring[i].dirty) {
            return 1;
        }
    }

    return 0;
}


int
series_flush(market_t *m, uint32_t instrument)
{
    unsigned         mask;
    series_t        *s;
    series_flush_t   f = { m, instrument, 0 };

    s = m->series;

    if (!s->of[instrument].dirty) {
        return 0;
    }

    s->of[instrument].dirty = 0;
    mask = trd_candle_flush(&s->of[instrument].candles,
                            series_rules(s, instrument), series_candle_out,
                            &f);

    /* a replay's seqs are the tape's, and so no place for entries of ours;
       with a virtual clock series_turn() says it, at times of that clock */

    if (m->own_sweep) {
        return f.signals;
    }

    if (m->virtual_clock) {
        s->of[instrument].noted |= mask;

    } else if (mask) {
        (void) trd_board_note(&m->writer, instrument, TRD_CHANGE_CANDLE, mask);
    }

    return f.signals;
}


uint32_t
series_count(const market_t *m, uint32_t instrument, unsigned interval)
{
    return m->series->of[instrument].count[interval];
}
