/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Writes the tape's records of what happens to the market.
 */

#include <string.h>

#include "market_tape.h"


int
market_tape_open(market_t *m)
{
    uint64_t             seq;
    tsd_tape_options_t   options;

    if (m->config->tape_dir == NULL) {
        return 0;
    }

    memset(&options, 0, sizeof(options));
    options.dir = m->config->tape_dir;
    options.raw = (int) m->config->tape_raw;
    options.max_bytes = m->config->tape_max_bytes;
    options.segment_bytes = m->config->tape_segment_bytes;
    options.instruments = m->catalogue->instruments;
    options.n = m->catalogue->n;
    options.limits = m->limits;

    m->tape = tsd_tape_create(&options, &seq);

    if (m->tape == NULL) {
        return -1;
    }

    /* a simulator or a replay runs no faster than it can be recorded */
    tsd_tape_may_wait(m->tape, m->config->mode != MARKETD_LIVE);

    /* a seq is never given out twice, even if the board was lost */

    m->tape_ahead = seq > m->writer.seq;

    if (m->tape_ahead) {
        m->writer.seq = seq;
        atomic_store(&m->writer.header->seq, seq);
    }

    m->tape_seq = m->writer.seq;
    m->tape_begun = 0;

    return 0;
}


void
market_tape_close(market_t *m)
{
    if (m->tape) {
        (void) tsd_tape_close(m->tape);
        m->tape = NULL;
    }
}


/* START comes with the first record, since a replay's clock does not run
   before. */

static void
market_tape_start(market_t *m)
{
    trd_tape_record_t  r;

    if (m->tape_begun) {
        return;
    }

    m->tape_begun = 1;
    memset(&r, 0, sizeof(r));
    r.op = TRD_TAPE_START;
    r.seq = m->tape_seq;
    r.received_ms = m->now_ms;
    tsd_tape_put(m->tape, &r);
}


void
market_tape_raw(market_t *m, const tsd_tape_origin_t *from,
    const char *data, size_t len)
{
    if (m->tape) {
        market_tape_start(m);
        tsd_tape_message(m->tape, from, data, len, m->now_ms);
    }
}


void
market_tape_raw_end(market_t *m)
{
    if (m->tape) {
        tsd_tape_message_end(m->tape);
    }
}


static void
market_tape_begin(market_t *m, trd_tape_record_t *r, trd_tape_op_t op,
    uint32_t instrument)
{
    market_tape_start(m);
    memset(r, 0, offsetof(trd_tape_record_t, update));
    r->op = op;
    r->instrument = instrument;
    r->source = m->catalogue->instruments[instrument].source;
    r->seq = m->writer.seq;
    r->received_ms = m->now_ms;
}


void
market_tape_update(market_t *m, uint32_t instrument, const trd_update_t *u)
{
    trd_tape_record_t  r;

    if (m->tape == NULL) {
        return;
    }

    market_tape_begin(m, &r, TRD_TAPE_UPDATE, instrument);
    r.update = *u;
    r.update.reserved = 0;
    tsd_tape_put(m->tape, &r);
}


void
market_tape_print(market_t *m, uint32_t instrument, const trd_print_t *t,
    uint32_t flags)
{
    trd_tape_record_t  r;

    if (m->tape) {
        market_tape_begin(m, &r, TRD_TAPE_PRINT, instrument);
        trd_tape_of_print(&r, t, flags);
        tsd_tape_put(m->tape, &r);
    }
}


void
market_tape_candle(market_t *m, uint32_t instrument, unsigned interval,
    const trd_candle_t *c, uint64_t last_id)
{
    trd_tape_record_t  r;

    if (m->tape) {
        market_tape_begin(m, &r, TRD_TAPE_CANDLE, instrument);
        trd_tape_of_candle(&r, interval, c, last_id);
        tsd_tape_put(m->tape, &r);
    }
}


void
market_tape_book(market_t *m, uint32_t instrument,
    const trd_board_book_t *book)
{
    trd_tape_book_t    levels;
    trd_tape_record_t  r;

    if (m->tape) {
        market_tape_begin(m, &r, TRD_TAPE_BOOK, instrument);
        trd_tape_of_book(&r, &levels, book->last_id, book->exchange_ms,
                         book->bids, book->nbids, book->asks, book->nasks);
        tsd_tape_put(m->tape, &r);
    }
}


void
market_tape_event(market_t *m, trd_tape_op_t op, uint32_t instrument,
    trd_source_t source)
{
    trd_tape_record_t  r;

    if (m->tape == NULL) {
        return;
    }

    memset(&r, 0, sizeof(r));
    market_tape_begin(m, &r, op, instrument);
    r.source = source;
    tsd_tape_put(m->tape, &r);
}


void
market_tape_carry(market_t *m, uint32_t instrument)
{
    trd_update_t       *u;
    trd_tape_record_t   r;
    const trd_quote_t  *q = &m->states[instrument].quote;

    if (m->tape == NULL) {
        return;
    }

    memset(&r, 0, sizeof(r));
    market_tape_begin(m, &r, TRD_TAPE_CARRY, instrument);
    r.source = q->source;
    u = &r.update;
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
    tsd_tape_put(m->tape, &r);
}


void
market_tape_step(market_t *m, int64_t by_ms)
{
    trd_tape_record_t  r;

    if (m->tape == NULL) {
        return;
    }

    memset(&r, 0, sizeof(r));
    market_tape_begin(m, &r, TRD_TAPE_STEP, 0);
    r.source = TRD_SOURCE_NONE;
    r.update.id = (uint64_t) by_ms;
    tsd_tape_put(m->tape, &r);
}


void
market_tape_tick(market_t *m)
{
    if (m->tape) {
        tsd_tape_tick(m->tape);
    }
}
