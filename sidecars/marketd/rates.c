/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Between poll.c, which brings documents, and market.c; see rates.h.
 *
 * All prices of an update are of one snapshot; it is kept whole, so that an
 * answer of 304 can state it again: the rate is the same, and known to be so
 * now.  When it was published stays what it was, and what is overdue turns
 * stale by that (every_ms of the update).
 */

#define _GNU_SOURCE     /* memmem() */
#include <stdlib.h>
#include <string.h>

#include "history.h"
#include "market_tape.h"
#include "poll.h"
#include "rates.h"
#include "tsd_log.h"

#define RATES_EVERY_MAX  4294967    /* s, in ms a uint32_t */

typedef struct {
    source_t       *source;
    rates_setup_t   setup;
    poll_t         *poll;
    history_t      *history;
    const char    **symbols;
    int64_t        *prices;         /* accepted ones of the last snapshot */
    trd_rates_t     rates;          /* the last one that was taken */
    trd_rates_t     next;           /* while it is judged */
    uint32_t        every_s;        /* from a statement to the next, at most */
} rates_t;


static const trd_instrument_t *
rates_instrument(const rates_t *r, uint32_t i)
{
    return &r->source->market->catalogue->instruments
            [r->source->instruments[i]];
}


/* what a price that could not be had is counted as */

static trd_refused_t
rates_refused(trd_rc_t rc, const trd_rates_t *rates,
    const trd_instrument_t *in)
{
    const trd_rate_t  *base, *quote;

    switch (rc) {

    case TRD_NOT_FOUND:
        return TRD_REFUSED_UNKNOWN;

    case TRD_OVERFLOW:
        return TRD_REFUSED_OVERFLOW;

    case TRD_IGNORED:
        return TRD_REFUSED_IMPLAUSIBLE;

    default:
        base = trd_rates_find(rates, in->base);
        quote = trd_rates_find(rates, in->quote);

        return (base && base->negative) || (quote && quote->negative)
               ? TRD_REFUSED_NEGATIVE : TRD_REFUSED_ZERO;
    }
}


static void
rates_day(const rates_t *r, uint32_t i, int64_t time_ms, trd_update_t *u)
{
    history_day_t  day;

    history_day(r->history, i, time_ms, u->last_e8, u->every_ms, &day);

    if (day.open_e8) {
        u->has |= TRD_HAS_OPEN;
        u->open_e8 = day.open_e8;
    }

    if (day.high_e8) {
        u->has |= TRD_HAS_HIGH | TRD_HAS_LOW;
        u->high_e8 = day.high_e8;
        u->low_e8 = day.low_e8;
    }
}


/* all instruments of one snapshot; how many were accepted */

static uint32_t
rates_apply(rates_t *r, const trd_rates_t *rates)
{
    market_t                *m;
    source_t                *s;
    trd_rc_t                 rc;
    uint32_t                 i, accepted;
    trd_update_t             u;
    const trd_instrument_t  *in;

    s = r->source;
    m = s->market;
    accepted = 0;
    memset(r->prices, 0, s->n * sizeof(*r->prices));

    for (i = 0; i < s->n; i++) {
        in = rates_instrument(r, i);
        rc = trd_rates_update(r->setup.feed, rates, in, r->every_s * 1000,
                              &u);

        if (rc != TRD_OK) {
            market_refuse(m, s->stats, rates_refused(rc, rates, in),
                          in->exchange_symbol, strlen(in->exchange_symbol));
            continue;
        }

        rates_day(r, i, rates->time_ms, &u);

        if (market_apply(m, s->stats, s->instruments[i], &u)
            == TRD_REFUSED_NOT)
        {
            r->prices[i] = u.last_e8;
            accepted++;
        }
    }

    if (accepted && history_add(r->history, rates->time_ms, r->prices)) {
        history_save(r->history);
    }

    return accepted;
}


/* The same, on the tape: of a document, or without one of the last. */

static uint32_t
rates_taped(rates_t *r, const trd_rates_t *rates, const char *body,
    size_t len)
{
    uint32_t            accepted;
    market_t           *m = r->source->market;
    tsd_tape_origin_t   from;

    from.decoder = body ? TSD_TAPE_RATES : TSD_TAPE_RATES_SAME;
    from.source = r->source->ops->id;
    from.instrument = 0;
    from.option = TSD_TAPE_RATES_OPTION(r->setup.feed, r->every_s);

    market_clock(m);
    market_tape_raw(m, &from, body ? body : "", len);
    accepted = rates_apply(r, rates);
    market_tape_raw_end(m);

    return accepted;
}


static trd_cause_t
rates_take(void *ctx, const char *body, size_t len, const char **why)
{
    rates_t  *r;

    r = ctx;

    switch (trd_rates_read(r->setup.feed, body, len, &r->next)) {

    case TRD_OK:
        break;

    case TRD_NOT_FOUND:
        *why = r->next.error;
        return TRD_CAUSE_DENIED;

    case TRD_IGNORED:
        *why = "rates of another base than was asked for";
        return TRD_CAUSE_CONTENT;

    default:
        market_refuse(r->source->market, r->source->stats, TRD_REFUSED_PARSE,
                      NULL, 0);
        *why = "not a document of rates";
        return TRD_CAUSE_CONTENT;
    }

    /* it may be kept, and the tape be shown to others */

    if (r->setup.secret
        && memmem(body, len, r->setup.secret, strlen(r->setup.secret)))
    {
        *why = "it has the key in it";
        return TRD_CAUSE_CONTENT;
    }

    if (rates_taped(r, &r->next, body, len) == 0) {
        *why = "no rate in it was accepted";
        return TRD_CAUSE_CONTENT;
    }

    r->rates = r->next;

    return TRD_CAUSE_NONE;
}


static void
rates_same(void *ctx)
{
    rates_t  *r;

    r = ctx;
    (void) rates_taped(r, &r->rates, NULL, 0);
}


/* a quote that turns stale between two polls is of no use to anybody */

static void
rates_check_limits(const rates_t *r)
{
    uint32_t                 i;
    const trd_instrument_t  *in;

    for (i = 0; i < r->source->n; i++) {
        in = rates_instrument(r, i);

        if (in->stale_after_ms <= r->setup.every_s * 1050ULL) {
            tsd_log(TSD_LOG_WARN, "polled_too_rarely",
                    "source=%s symbol=%s every_s=%u stale_after_ms=%u "
                    "effect=\"stale before each poll\"",
                    r->source->ops->name, in->symbol, r->setup.every_s,
                    in->stale_after_ms);
            return;
        }
    }
}


int
rates_start(source_t *s, const rates_setup_t *setup)
{
    rates_t       *r;
    uint32_t       i;
    poll_setup_t   poll;

    r = calloc(1, sizeof(*r));
    if (r == NULL) {
        goto failed;
    }

    s->data = r;
    r->source = s;
    r->setup = *setup;
    r->every_s = setup->publish_s < RATES_EVERY_MAX
                 && setup->every_s < RATES_EVERY_MAX - setup->publish_s
                 ? setup->publish_s + setup->every_s : RATES_EVERY_MAX;
    r->symbols = calloc(s->n, sizeof(*r->symbols));
    r->prices = calloc(s->n, sizeof(*r->prices));

    if (r->symbols == NULL || r->prices == NULL) {
        goto failed;
    }

    for (i = 0; i < s->n; i++) {
        r->symbols[i] = rates_instrument(r, i)->exchange_symbol;
    }

    r->history = history_open(s->config->history_dir, setup->history,
                              r->symbols, s->n);
    if (r->history == NULL) {
        goto failed;
    }

    memset(&poll, 0, sizeof(poll));
    poll.source = s;
    poll.url = setup->url;
    poll.secret = setup->secret;
    poll.type = setup->type;
    poll.every_s = setup->every_s;
    poll.take = rates_take;
    poll.same = rates_same;
    poll.ctx = r;

    r->poll = poll_create(&poll);
    if (r->poll == NULL) {
        goto failed;
    }

    r->setup.url = NULL;
    rates_check_limits(r);

    return 0;

failed:

    tsd_log(TSD_LOG_ERROR, "no_memory", "source=%s", s->ops->name);
    rates_stop(s);

    return -1;
}


void
rates_stop(source_t *s)
{
    rates_t  *r;

    r = s->data;

    if (r == NULL) {
        return;
    }

    atomic_store_explicit(&s->stats->state, TRD_STATE_DOWN,
                          memory_order_relaxed);

    poll_free(r->poll);
    history_close(r->history);
    free(r->symbols);
    free(r->prices);
    free(r);
    s->data = NULL;
}
