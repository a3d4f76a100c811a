/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Packs the tape's rows; trd_tape.h says what they are.
 *
 * A row begins with the number of its shape: everything that seldom changes
 * from one message of a kind to the next.  A number not given out yet is
 * followed by the shape.  Then come, each as its difference from the last of
 * its kind, time, seq, message, id, values, quantity, lag and levels, as far
 * as the shape does not say it all.
 */

#include <string.h>

#include "trd_tape_row.h"


const trd_tape_value_t  trd_tape_values[TRD_TAPE_VALUES] = {
    { TRD_HAS_LAST, 0, offsetof(trd_update_t, last_e8) },
    { TRD_HAS_BID, 0, offsetof(trd_update_t, bid_e8) },
    { TRD_HAS_ASK, 0, offsetof(trd_update_t, ask_e8) },
    { TRD_HAS_OPEN, 0, offsetof(trd_update_t, open_e8) },
    { TRD_HAS_HIGH, 0, offsetof(trd_update_t, high_e8) },
    { TRD_HAS_LOW, 0, offsetof(trd_update_t, low_e8) },
    { TRD_HAS_VOLUME, 1, offsetof(trd_update_t, volume_e8) },
    { TRD_HAS_QUOTE_VOLUME, 1, offsetof(trd_update_t, quote_volume_e8) }
};


void
trd_tape_codec_init(trd_tape_codec_t *c, trd_tape_memory_t *memory,
    uint32_t n, trd_tape_shape_t *shapes)
{
    memset(c, 0, sizeof(*c));
    c->memory = memory;
    c->n = n;
    c->shapes = shapes;
}


int
trd_tape_shape_ok(const trd_tape_codec_t *c, const trd_tape_shape_t *s)
{
    return s->op < TRD_TAPE_OP_N && s->instrument < c->n
           && s->source < TRD_SOURCE_N && s->kind < TRD_TAPE_KINDS
           && (s->has & ~(uint32_t) TAPE_HAS) == 0
           && (s->flags & ~(uint32_t) TAPE_FLAGS) == 0
           && ((s->flags & TAPE_EXTRA) == 0 || tape_has_extra(s->op))
           && s->derived < TRD_DERIVED_N;
}


static void
tape_shape_of(const trd_tape_codec_t *c, const trd_tape_record_t *r,
    trd_tape_shape_t *s)
{
    const trd_update_t  *u = &r->update;

    s->op = r->op;
    s->instrument = r->instrument;
    s->source = r->source;
    s->kind = u->kind;
    s->has = u->has;
    s->dropped = u->dropped;
    s->derived = u->derived;
    s->every_ms = u->every_ms;

    s->flags = (r->seq == c->seq ? TAPE_SEQ_SAME
                : r->seq == c->seq + 1 ? TAPE_SEQ_NEXT : 0)
               | (u->id ? TAPE_ID : 0)
               | (u->last_quantity_e8 ? TAPE_QUANTITY : 0)
               | (u->exchange_ms ? TAPE_TIME : 0)
               | (u->reserved && tape_has_extra(r->op) ? TAPE_EXTRA : 0);

    if (r->message == 0) {
        s->flags |= TAPE_MSG_NONE;

    } else if (r->message == c->message && r->digest == c->digest) {
        s->flags |= TAPE_MSG_SAME;

    } else if (r->message == c->message + 1) {
        s->flags |= TAPE_MSG_NEXT;
    }
}


/* The number of a shape, known from this instrument's last ones, or new. */

static uint8_t *
tape_put_shape(trd_tape_codec_t *c, uint8_t *p, const trd_tape_shape_t *s)
{
    uint32_t            i, known;
    trd_tape_memory_t  *m;

    m = &c->memory[s->instrument];

    for (i = 0; i < TRD_TAPE_RECENT; i++) {
        known = m->recent[i];

        if (known && memcmp(&c->shapes[known - 1], s, sizeof(*s)) == 0) {
            return tape_put(p, known - 1);
        }
    }

    p = tape_put(p, c->nshapes);
    p = tape_put(p, s->op);
    p = tape_put(p, s->instrument);
    p = tape_put(p, s->source);
    p = tape_put(p, s->kind);
    p = tape_put(p, s->has);
    p = tape_put(p, s->dropped);
    p = tape_put(p, s->flags);
    p = tape_put(p, s->derived);
    p = tape_put(p, s->every_ms);

    if (c->nshapes < TRD_TAPE_SHAPES) {
        c->shapes[c->nshapes++] = *s;
        m->recent[m->turn++ % TRD_TAPE_RECENT] = (uint16_t) c->nshapes;
    }

    return p;
}


/* time, seq and message */

static uint8_t *
tape_put_place(trd_tape_codec_t *c, trd_tape_out_t *out, uint8_t *p,
    const trd_tape_record_t *r, uint32_t flags)
{
    unsigned  i;

    p = tape_put_diff(p, (uint64_t) r->received_ms, (uint64_t) c->ms);

    if ((flags & (TAPE_SEQ_SAME | TAPE_SEQ_NEXT)) == 0) {
        p = tape_put_diff(p, r->seq, c->seq);
    }

    c->ms = r->received_ms;
    c->seq = r->seq;

    if (flags & (TAPE_MSG_NONE | TAPE_MSG_SAME)) {
        return p;
    }

    if ((flags & TAPE_MSG_NEXT) == 0) {
        p = tape_put_diff(p, r->message, c->message);
    }

    for (i = 0; i < 8; i++) {
        *out->digests++ = (uint8_t) (r->digest >> 8 * i);
    }

    c->message = r->message;
    c->digest = r->digest;

    return p;
}


static uint8_t *
tape_put_values(trd_tape_memory_t *m, uint8_t *p, const trd_tape_record_t *r)
{
    int64_t             *last = m->value[tape_set(r->op)], step;
    uint32_t             has = r->update.has;
    uint64_t             now, move;
    unsigned             i;

    move = 0;

    for (i = 0; i < TRD_TAPE_VALUES; i++) {

        if ((has & trd_tape_values[i].bit) == 0) {
            continue;
        }

        now = (uint64_t) *tape_value_ro(&r->update, i);
        step = trd_tape_values[i].lot ? m->lot_e8 : m->tick_e8;
        p = tape_put_steps(p, now - tape_expected(last, has, i, move), step);

        if (trd_tape_values[i].bit == TRD_HAS_BID) {
            move = now - (uint64_t) last[i];
        }

        last[i] = (int64_t) now;
    }

    return p;
}


/* A print's quantity is often that of the update before it. */

static uint8_t *
tape_put_quantity(trd_tape_memory_t *m, uint8_t *p,
    const trd_tape_record_t *r)
{
    uint64_t  now, then;

    now = (uint64_t) r->update.last_quantity_e8;
    then = r->op == TRD_TAPE_PRINT ? (uint64_t) m->quantity_e8 : 0;
    m->quantity_e8 = (int64_t) now;

    return tape_put_steps(p, now - then, m->lot_e8);
}


trd_rc_t
trd_tape_encode(trd_tape_codec_t *c, trd_tape_out_t *out,
    const trd_tape_record_t *r)
{
    uint8_t             *p;
    int64_t             *lag;
    uint64_t             now;
    trd_tape_shape_t     s;
    trd_tape_memory_t   *m;
    const trd_update_t  *u = &r->update;

    if (out->end - out->pos < TRD_TAPE_ROW_MAX
        || out->digests_end - out->digests < 8)
    {
        return TRD_OVERFLOW;
    }

    tape_shape_of(c, r, &s);

    if (!trd_tape_shape_ok(c, &s)
        || (r->op == TRD_TAPE_BOOK
            && (r->book == NULL || r->book->n[0] > TRD_TAPE_DEPTH
                || r->book->n[1] > TRD_TAPE_DEPTH)))
    {
        return TRD_ERROR;
    }

    m = &c->memory[r->instrument];
    p = tape_put_shape(c, out->pos, &s);
    p = tape_put_place(c, out, p, r, s.flags);

    if (s.flags & TAPE_ID) {
        p = tape_put_diff(p, u->id, m->id[s.kind]);
        m->id[s.kind] = u->id;
    }

    p = tape_put_values(m, p, r);

    if (s.flags & TAPE_QUANTITY) {
        p = tape_put_quantity(m, p, r);
    }

    if (s.flags & TAPE_EXTRA) {
        p = tape_put(p, u->reserved);
    }

    if (s.flags & TAPE_TIME) {
        lag = &m->lag_ms[tape_lag(r->op)];
        now = (uint64_t) r->received_ms - (uint64_t) u->exchange_ms;
        p = tape_put_diff(p, now, (uint64_t) *lag);
        *lag = (int64_t) now;
    }

    if (r->op == TRD_TAPE_BOOK) {
        p = trd_tape_put_book(m, p, r->book);
    }

    out->pos = p;

    return TRD_OK;
}
