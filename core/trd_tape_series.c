/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Prints, candles and books as records; the places of what they hold are
 * told beside trd_tape_op_t.
 */

#include <string.h>

#include "trd_tape_series.h"


void
trd_tape_of_print(trd_tape_record_t *r, const trd_print_t *t, uint32_t flags)
{
    uint64_t       span;
    trd_update_t  *u = &r->update;

    r->op = TRD_TAPE_PRINT;
    r->book = NULL;
    memset(u, 0, sizeof(*u));

    span = t->last_id - t->first_id;
    u->kind = TRD_UPDATE_TRADE;
    u->has = TRD_HAS_LAST;
    u->id = t->last_id;
    u->reserved = span > UINT32_MAX ? UINT32_MAX : (uint32_t) span;
    u->last_e8 = t->price_e8;
    u->last_quantity_e8 = t->quantity_e8;
    u->exchange_ms = t->ms;
    u->dropped = flags;
}


void
trd_tape_to_print(const trd_tape_record_t *r, trd_print_t *t, uint32_t *flags)
{
    const trd_update_t  *u = &r->update;

    t->last_id = u->id;
    t->first_id = u->id - u->reserved;
    t->price_e8 = u->last_e8;
    t->quantity_e8 = u->last_quantity_e8;
    t->ms = u->exchange_ms;
    *flags = u->dropped;
}


void
trd_tape_of_candle(trd_tape_record_t *r, unsigned interval,
    const trd_candle_t *c, uint64_t last_id)
{
    trd_update_t  *u = &r->update;

    r->op = TRD_TAPE_CANDLE;
    r->book = NULL;
    memset(u, 0, sizeof(*u));

    u->kind = TRD_TAPE_KIND_CANDLE;
    u->has = TRD_HAS_LAST | TRD_HAS_OPEN | TRD_HAS_HIGH | TRD_HAS_LOW
             | TRD_HAS_VOLUME | TRD_HAS_QUOTE_VOLUME;
    u->id = last_id;
    u->reserved = c->trades;
    u->last_e8 = c->close_e8;
    u->open_e8 = c->open_e8;
    u->high_e8 = c->high_e8;
    u->low_e8 = c->low_e8;
    u->volume_e8 = c->volume_e8;
    u->quote_volume_e8 = c->quote_volume_e8;
    u->exchange_ms = c->open_ms;
    u->dropped = TRD_TAPE_BAR(interval, c->flags);
}


void
trd_tape_to_candle(const trd_tape_record_t *r, unsigned *interval,
    trd_candle_t *c)
{
    const trd_update_t  *u = &r->update;

    *interval = TRD_TAPE_BAR_INTERVAL(u->dropped);
    c->flags = TRD_TAPE_BAR_FLAGS(u->dropped) & TRD_CANDLE_FLAGS;
    c->trades = u->reserved;
    c->close_e8 = u->last_e8;
    c->open_e8 = u->open_e8;
    c->high_e8 = u->high_e8;
    c->low_e8 = u->low_e8;
    c->volume_e8 = u->volume_e8;
    c->quote_volume_e8 = u->quote_volume_e8;
    c->open_ms = u->exchange_ms;
}


void
trd_tape_of_book(trd_tape_record_t *r, trd_tape_book_t *book,
    uint64_t last_id, int64_t exchange_ms, const trd_level_t *bids,
    uint32_t nbids, const trd_level_t *asks, uint32_t nasks)
{
    r->op = TRD_TAPE_BOOK;
    r->book = book;
    memset(&r->update, 0, sizeof(r->update));

    r->update.kind = TRD_TAPE_KIND_BOOK;
    r->update.id = last_id;
    r->update.exchange_ms = exchange_ms;

    book->n[0] = nbids < TRD_TAPE_DEPTH ? nbids : TRD_TAPE_DEPTH;
    book->n[1] = nasks < TRD_TAPE_DEPTH ? nasks : TRD_TAPE_DEPTH;
    memcpy(book->level[0], bids, book->n[0] * sizeof(trd_level_t));
    memcpy(book->level[1], asks, book->n[1] * sizeof(trd_level_t));
}
