/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Between sources and board: every update passes market_apply(), which lets
 * core judge it, publishes the quote, journals it and marks what must be
 * rendered anew.
 */

#include <stdlib.h>
#include <string.h>

#include "binary_map.h"
#include "market.h"
#include "market_tape.h"
#include "render.h"
#include "series.h"
#include "tsd_log.h"


#define MARKET_STEP_MS  250     /* what no slewing does between two looks */

#define market_count(counter)                                                 \
    atomic_fetch_add_explicit(&(counter), 1, memory_order_relaxed)


static tsd_limiter_t  market_limiters[TRD_REFUSED_N];


int
market_init(market_t *m, const marketd_config_t *config,
    const catalogue_t *catalogue)
{
    uint32_t  i, n, mask;

    m->config = config;
    m->catalogue = catalogue;
    m->limits.max_jump_bp = config->max_jump_bp;
    m->limits.max_future_ms = config->max_future_ms;

    n = catalogue->n;

    for (mask = 64; mask < n * 2; mask *= 2) { /* void */ }

    m->states = calloc(n, sizeof(*m->states));
    m->by_symbol = calloc(mask, sizeof(*m->by_symbol));
    m->symbol_mask = mask - 1;

    if (m->map == NULL) {
        m->map = binary_map_open(catalogue, NULL, n, 0);
    }

    if (m->states == NULL || m->by_symbol == NULL || m->map == NULL) {
        market_free(m);
        return -1;
    }

    for (i = 0; i < n; i++) {
        char         upper[TRD_SYMBOL_LEN + 1];
        uint32_t     slot;
        const char  *s;

        s = catalogue->instruments[i].exchange_symbol;
        slot = trd_symbol_hash(s, strlen(s), upper);

        while (m->by_symbol[slot & m->symbol_mask]) {
            slot++;
        }

        m->by_symbol[slot & m->symbol_mask] = i + 1;
    }

    market_clock(m);

    return 0;
}


void
market_free(market_t *m)
{
    free(m->states);
    free(m->by_symbol);
    binary_map_free(m->map);
    m->states = NULL;
    m->by_symbol = NULL;
    m->map = NULL;
}


/*
 * Times that are served are the wall clock's; how long ago something was is
 * the monotonic clock's word.  Where the wall clock was set, each quote
 * remembers by how much, so that it ages neither faster nor slower for it.
 */

void
market_clock(market_t *m)
{
    int64_t  offset;

    m->now_us = tsd_mono_us();

    if (m->virtual_clock) {
        return;
    }

    m->now_ms = tsd_wall_ms();
    offset = m->now_ms - m->now_us / 1000;

    if (m->clock_offset_ms && (offset - m->clock_offset_ms > MARKET_STEP_MS
                               || m->clock_offset_ms - offset
                                  > MARKET_STEP_MS))
    {
        tsd_log(TSD_LOG_WARN, "clock_set", "by_ms=%lld",
                (long long) (offset - m->clock_offset_ms));
        market_clock_set(m, offset - m->clock_offset_ms);
        m->swept_ms = 0;
    }

    m->clock_offset_ms = offset;

    /*
     * A process that was stopped hears what came meanwhile before its timers:
     * what is stale by now says so first, and tapes can be proven by that.
     */

    if (m->now_ms < m->swept_ms || m->now_ms - m->swept_ms > TRD_SWEEP_MS) {
        market_sweep(m);
    }
}


void
market_clock_set(market_t *m, int64_t by_ms)
{
    uint32_t  i;

    if (m->states == NULL) {
        return;
    }

    for (i = 0; i < m->catalogue->n; i++) {
        m->states[i].step_ms += by_ms;
    }

    market_tape_step(m, by_ms);
}


void
market_set_clock(market_t *m, int64_t now_ms)
{
    m->virtual_clock = 1;
    m->now_ms = now_ms;

    if (m->writer.header) {
        atomic_store_explicit(&m->writer.header->market_ms, now_ms,
                              memory_order_relaxed);
    }
}


static void
market_count_stale(market_t *m, int was, int is)
{
    if (was == is) {
        return;
    }

    m->stale = is ? m->stale + 1 : m->stale - 1;
    atomic_store_explicit(&m->writer.header->stale, m->stale,
                          memory_order_relaxed);
}


static void
market_publish(market_t *m, uint32_t instrument, trd_change_t change)
{
    trd_board_put_quote(&m->writer, instrument, &m->states[instrument].quote,
                        change);
    render_mark(m->render, instrument);
}


trd_refused_t
market_apply(market_t *m, trd_source_stats_t *stats, uint32_t instrument,
    const trd_update_t *u)
{
    int                      changed, was, had;
    trd_quote_t              old;
    trd_state_t             *s;
    trd_refused_t            refused;
    const trd_instrument_t  *in;

    in = &m->catalogue->instruments[instrument];
    s = &m->states[instrument];
    was = s->quote.stale;
    had = s->quote.has != 0;
    old = s->quote;

    refused = trd_apply(s, u, &m->limits, in->stale_after_ms, m->now_ms,
                        &changed);

    if (refused != TRD_REFUSED_NOT) {
        market_refuse(m, stats, refused, in->exchange_symbol,
                      strlen(in->exchange_symbol));
        return refused;
    }

    market_count(stats->updates);
    atomic_store_explicit(&stats->updated_ms, m->now_ms, memory_order_relaxed);

    if (u->dropped) {
        market_count(stats->refused[TRD_REFUSED_OVERFLOW]);
        tsd_log_limited(&market_limiters[TRD_REFUSED_OVERFLOW], TSD_LOG_WARN,
                        "value_dropped", "symbol=%s reason=overflow",
                        in->exchange_symbol);
    }

    if (!changed) {
        market_tape_update(m, instrument, u);
        return TRD_REFUSED_NOT;
    }

    /* hearing of it is one thing, that it moves another */
    if (s->quote.last_e8 != old.last_e8 || s->quote.bid_e8 != old.bid_e8
        || s->quote.ask_e8 != old.ask_e8)
    {
        atomic_store_explicit(&stats->moved_ms, m->now_ms,
                              memory_order_relaxed);
    }

    if (!had) {
        m->quoted++;
        atomic_store_explicit(&m->writer.header->quoted, m->quoted,
                              memory_order_relaxed);
    }

    s->quote.source = in->source;
    market_count_stale(m, was, s->quote.stale);
    market_publish(m, instrument, TRD_CHANGE_QUOTE);
    market_tape_update(m, instrument, u);

    series_quote(m, instrument);

    return TRD_REFUSED_NOT;
}


void
market_refuse(market_t *m, trd_source_stats_t *stats, trd_refused_t reason,
    const char *what, size_t len)
{
    char    shown[64];
    size_t  i;

    (void) m;

    market_count(stats->refused[reason]);

    /* late messages are the feed's daily bread: counted, not logged */
    if (reason == TRD_REFUSED_OLDER) {
        return;
    }

    if (what == NULL) {
        len = 0;
    }

    if (len > sizeof(shown) - 1) {
        len = sizeof(shown) - 1;
    }

    for (i = 0; i < len; i++) {
        shown[i] = what[i] >= 0x20 && what[i] < 0x7f && what[i] != '"'
                   ? what[i] : '?';
    }

    shown[len] = '\0';

    tsd_log_limited(&market_limiters[reason], TSD_LOG_WARN, "update_refused",
                    "source=%s reason=%s what=\"%s\"",
                    trd_source_name(atomic_load(&stats->source)),
                    trd_refused_name(reason), shown);
}


int32_t
market_find(const market_t *m, trd_source_t source,
    const char *exchange_symbol, size_t len)
{
    char                     upper[TRD_SYMBOL_LEN];
    uint32_t                 slot, i;
    const trd_instrument_t  *in;

    if (len == 0 || len > TRD_SYMBOL_LEN) {
        return -1;
    }

    slot = trd_symbol_hash(exchange_symbol, len, upper);

    for ( ;; slot++) {
        i = m->by_symbol[slot & m->symbol_mask];

        if (i == 0) {
            return -1;
        }

        in = &m->catalogue->instruments[i - 1];

        if (memcmp(in->exchange_symbol, upper, len) == 0
            && in->exchange_symbol[len] == '\0' && in->source == source)
        {
            return (int32_t) i - 1;
        }
    }
}


void
market_sweep(market_t *m)
{
    uint32_t      i;
    trd_state_t  *s;

    m->swept_ms = m->now_ms;

    if (m->states == NULL) {
        return;
    }

    for (i = 0; i < m->catalogue->n; i++) {
        s = &m->states[i];

        if (s->quote.has == 0 || s->quote.stale) {
            continue;
        }

        if (!trd_is_stale(s, m->catalogue->instruments[i].stale_after_ms,
                          m->now_ms))
        {
            continue;
        }

        market_turn_stale(m, i);
    }
}


void
market_turn_stale(market_t *m, uint32_t instrument)
{
    trd_state_t  *s = &m->states[instrument];

    if (s->quote.has == 0 || s->quote.stale) {
        return;
    }

    s->quote.stale = 1;
    market_count_stale(m, 0, 1);
    market_publish(m, instrument, TRD_CHANGE_STALE);
    market_tape_event(m, TRD_TAPE_STALE, instrument,
                      m->catalogue->instruments[instrument].source);
}


void
market_reconnected(market_t *m, trd_source_t source)
{
    uint32_t  i;

    for (i = 0; i < m->catalogue->n; i++) {
        if (m->catalogue->instruments[i].source == source) {
            trd_apply_reconnected(&m->states[i]);
        }
    }

    market_tape_event(m, TRD_TAPE_RECONNECTED, 0, source);
}


void
market_carry_quote(market_t *m, uint32_t instrument, const trd_quote_t *q)
{
    trd_state_t  *s = &m->states[instrument];

    s->quote = *q;
    s->quote.source = m->catalogue->instruments[instrument].source;
    s->quote.stale = 1;
    s->trade_ms = q->exchange_ms;
    s->day_ms = q->exchange_ms;

    /* a book, which has no time, must not freshen an old last price */
    if (q->has & TRD_HAS_TIME) {
        s->lag_ms = m->now_ms - q->exchange_ms;
    }

    m->quoted++;
    atomic_store_explicit(&m->writer.header->quoted, m->quoted,
                          memory_order_relaxed);
    market_count_stale(m, 0, 1);
    market_publish(m, instrument, TRD_CHANGE_STALE);
    market_tape_carry(m, instrument);
}


uint32_t
market_carry(market_t *m, const trd_board_t *old)
{
    uint32_t                 i, from, carried;
    trd_quote_t              q;
    trd_instrument_t         was;
    const trd_instrument_t  *in;

    carried = 0;

    /* on the tape there are newer ones: that board is of another directory,
       or what a disk kept of it */

    if (m->tape_ahead) {
        return 0;
    }

    for (i = 0; i < m->catalogue->n; i++) {
        in = &m->catalogue->instruments[i];

        if (trd_board_find(old, in->exchange_symbol,
                           strlen(in->exchange_symbol), &from) != TRD_OK
            || trd_board_instrument(old, from, &was) != TRD_OK
            || trd_board_quote(old, from, &q) != TRD_OK
            || strcmp(was.exchange_symbol, in->exchange_symbol) != 0
            || q.has == 0 || q.source != in->source
            || q.received_ms > m->now_ms)
        {
            continue;
        }

        market_carry_quote(m, i, &q);
        carried++;
    }

    return carried;
}


void
market_forget(market_t *m)
{
    memset(m->states, 0, m->catalogue->n * sizeof(*m->states));
    m->quoted = 0;
    m->stale = 0;
    atomic_store_explicit(&m->writer.header->quoted, 0, memory_order_relaxed);
    atomic_store_explicit(&m->writer.header->stale, 0, memory_order_relaxed);
    series_forget(m);
}
