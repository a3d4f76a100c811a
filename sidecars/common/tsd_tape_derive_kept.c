/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Quotes over a restart, and quotes that turn stale; see
 * tsd_tape_derive_kept.h.
 */

#include <stdlib.h>
#include <string.h>

#include "trd_decimal.h"
#include "tsd_tape_derive_kept.h"

#define KEPT_CHANGE_PLACES  3       /* as in trd_apply.c */


int
tsd_derive_kept_begin(tsd_derive_kept_t *k, uint32_t n)
{
    tsd_derive_kept_free(k);
    k->items = calloc((size_t) n + 1, sizeof(*k->items));

    return k->items ? 0 : -1;
}


void
tsd_derive_kept_add(tsd_derive_kept_t *k, const trd_instrument_t *in,
    const trd_quote_t *q)
{
    tsd_derive_kept_item_t  *item = &k->items[k->n++];

    memcpy(item->symbol, in->exchange_symbol, sizeof(item->symbol));
    item->source = (trd_source_t) in->source;
    item->quote = *q;
}


void
tsd_derive_kept_free(tsd_derive_kept_t *k)
{
    free(k->items);
    memset(k, 0, sizeof(*k));
}


/* As market_tape_carry() writes it. */

static void
kept_update(const trd_quote_t *q, trd_update_t *u)
{
    memset(u, 0, sizeof(*u));
    u->kind = TRD_UPDATE_QUOTE;
    u->has = q->has;
    u->derived = q->derived;
    u->id = (uint64_t) q->received_ms;
    u->last_quantity_e8 = q->change_e8;
    u->last_e8 = q->last_e8;
    u->bid_e8 = q->bid_e8;
    u->ask_e8 = q->ask_e8;
    u->open_e8 = q->open_e8;
    u->high_e8 = q->high_e8;
    u->low_e8 = q->low_e8;
    u->volume_e8 = q->volume_e8;
    u->quote_volume_e8 = q->quote_volume_e8;
    u->exchange_ms = q->exchange_ms;
}


trd_rc_t
tsd_derive_kept_check(const tsd_derive_kept_t *k, const trd_instrument_t *in,
    const trd_tape_record_t *r)
{
    uint32_t           i;
    trd_tape_record_t  made;

    for (i = 0; i < k->n; i++) {
        if (k->items[i].source == in->source
            && strcmp(k->items[i].symbol, in->exchange_symbol) == 0)
        {
            break;
        }
    }

    if (i == k->n) {
        return TRD_AGAIN;
    }

    if (k->items[i].quote.has) {
        made = *r;
        kept_update(&k->items[i].quote, &made.update);

        if (trd_tape_same(&made, r)) {
            return TRD_OK;
        }
    }

    /* a crash takes what was not written yet, and that is newer */

    return k->whole || (int64_t) r->update.id < k->last_ms ? TRD_ERROR
                                                           : TRD_AGAIN;
}


void
tsd_derive_carried(trd_state_t *s, const trd_tape_record_t *r)
{
    trd_quote_t         *q = &s->quote;
    const trd_update_t  *u = &r->update;

    memset(s, 0, sizeof(*s));
    q->has = u->has;
    q->derived = (uint8_t) u->derived;
    q->received_ms = (int64_t) u->id;
    q->change_e8 = u->last_quantity_e8;
    q->last_e8 = u->last_e8;
    q->bid_e8 = u->bid_e8;
    q->ask_e8 = u->ask_e8;
    q->open_e8 = u->open_e8;
    q->high_e8 = u->high_e8;
    q->low_e8 = u->low_e8;
    q->volume_e8 = u->volume_e8;
    q->quote_volume_e8 = u->quote_volume_e8;
    q->exchange_ms = u->exchange_ms;
    q->stale = 1;
    s->trade_ms = s->day_ms = u->exchange_ms;

    if (q->has & TRD_HAS_TIME) {
        s->lag_ms = r->received_ms - q->exchange_ms;
    }
}


/* What trd_apply() makes of these values, had it seen them. */

void
tsd_derive_remembered(trd_state_t *s, const trd_update_t *u,
    uint32_t remembered)
{
    trd_quote_t  *q = &s->quote;

    q->has |= u->has & remembered;
    q->open_e8 = u->open_e8;
    q->high_e8 = u->high_e8;
    q->low_e8 = u->low_e8;

    if ((q->has & TRD_HAS_HIGH) && q->last_e8 > q->high_e8) {
        q->high_e8 = q->last_e8;
    }

    if ((q->has & TRD_HAS_LOW) && q->last_e8 < q->low_e8) {
        q->low_e8 = q->last_e8;
    }

    if ((q->has & TRD_HAS_OPEN)
        && trd_decimal_change(q->last_e8, q->open_e8, KEPT_CHANGE_PLACES,
                              &q->change_e8)
           == TRD_OK)
    {
        q->has |= TRD_HAS_CHANGE;
    }
}


int
tsd_derive_silent(const trd_state_t *s, const trd_instrument_t *in,
    int64_t ms)
{
    return s->quote.has && !s->quote.stale
           && !trd_source_simulated(in->source)
           && trd_is_stale(s, in->stale_after_ms, ms - TRD_SWEEP_MS);
}
