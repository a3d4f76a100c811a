/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Unpacks the tape's rows, and says what of a record is chained; trd_tape.h
 * says what they are, trd_tape.c how they are packed.
 */

#include <string.h>

#include "trd_tape_row.h"


static trd_rc_t
tape_get_shape(trd_tape_codec_t *c, trd_tape_in_t *in, trd_tape_shape_t *s)
{
    unsigned  i;
    uint64_t  n, word[TAPE_WORDS];

    if (tape_get(in, &n) != TRD_OK || n > c->nshapes) {
        return TRD_ERROR;
    }

    if (n < c->nshapes) {
        *s = c->shapes[n];
        return TRD_OK;
    }

    for (i = 0; i < TAPE_WORDS; i++) {
        if (tape_get(in, &word[i]) != TRD_OK || word[i] > UINT32_MAX) {
            return TRD_ERROR;
        }
    }

    s->op = (uint32_t) word[0];
    s->instrument = (uint32_t) word[1];
    s->source = (uint32_t) word[2];
    s->kind = (uint32_t) word[3];
    s->has = (uint32_t) word[4];
    s->dropped = (uint32_t) word[5];
    s->flags = (uint32_t) word[6];
    s->derived = (uint32_t) word[7];
    s->every_ms = (uint32_t) word[8];

    if (!trd_tape_shape_ok(c, s)) {
        return TRD_ERROR;
    }

    if (c->nshapes < TRD_TAPE_SHAPES) {
        c->shapes[c->nshapes++] = *s;
    }

    return TRD_OK;
}


/* time, seq and message */

static trd_rc_t
tape_get_place(trd_tape_codec_t *c, trd_tape_in_t *in, uint32_t flags)
{
    unsigned  i;
    uint64_t  ms;

    ms = (uint64_t) c->ms;

    if (tape_get_diff(in, &ms) != TRD_OK) {
        return TRD_ERROR;
    }

    c->ms = (int64_t) ms;

    if (flags & TAPE_SEQ_NEXT) {
        c->seq++;

    } else if ((flags & TAPE_SEQ_SAME) == 0
               && tape_get_diff(in, &c->seq) != TRD_OK)
    {
        return TRD_ERROR;
    }

    if (flags & (TAPE_MSG_NONE | TAPE_MSG_SAME)) {
        return TRD_OK;
    }

    if (flags & TAPE_MSG_NEXT) {
        c->message++;

    } else if (tape_get_diff(in, &c->message) != TRD_OK) {
        return TRD_ERROR;
    }

    if (in->digests_end - in->digests < 8) {
        return TRD_ERROR;
    }

    c->digest = 0;

    for (i = 0; i < 8; i++) {
        c->digest |= (uint64_t) *in->digests++ << 8 * i;
    }

    return TRD_OK;
}


static trd_rc_t
tape_get_values(trd_tape_memory_t *m, trd_tape_in_t *in, uint32_t op,
    trd_update_t *u)
{
    int64_t   *last = m->value[tape_set(op)], step;
    uint64_t   diff, now, move;
    unsigned   i;

    move = 0;

    for (i = 0; i < TRD_TAPE_VALUES; i++) {

        if ((u->has & trd_tape_values[i].bit) == 0) {
            continue;
        }

        step = trd_tape_values[i].lot ? m->lot_e8 : m->tick_e8;

        if (tape_get_steps(in, step, &diff) != TRD_OK) {
            return TRD_ERROR;
        }

        now = tape_expected(last, u->has, i, move) + diff;

        if (trd_tape_values[i].bit == TRD_HAS_BID) {
            move = now - (uint64_t) last[i];
        }

        last[i] = (int64_t) now;
        *tape_value(u, i) = (int64_t) now;
    }

    return TRD_OK;
}


/* what follows the values */

static trd_rc_t
tape_get_rest(trd_tape_memory_t *m, trd_tape_in_t *in, uint32_t flags,
    trd_tape_record_t *r)
{
    int64_t       *lag;
    uint64_t       n;
    trd_update_t  *u = &r->update;

    if (flags & TAPE_QUANTITY) {
        if (tape_get_steps(in, m->lot_e8, &n) != TRD_OK) {
            return TRD_ERROR;
        }

        n += r->op == TRD_TAPE_PRINT ? (uint64_t) m->quantity_e8 : 0;
        u->last_quantity_e8 = m->quantity_e8 = (int64_t) n;
    }

    if (flags & TAPE_EXTRA) {
        if (tape_get(in, &n) != TRD_OK || n > UINT32_MAX) {
            return TRD_ERROR;
        }

        u->reserved = (uint32_t) n;
    }

    if (flags & TAPE_TIME) {
        lag = &m->lag_ms[tape_lag(r->op)];
        n = (uint64_t) *lag;

        if (tape_get_diff(in, &n) != TRD_OK) {
            return TRD_ERROR;
        }

        *lag = (int64_t) n;
        u->exchange_ms = (int64_t) ((uint64_t) r->received_ms - n);
    }

    return TRD_OK;
}


trd_rc_t
trd_tape_decode(trd_tape_codec_t *c, trd_tape_in_t *in, trd_tape_record_t *r)
{
    trd_update_t       *u = &r->update;
    trd_tape_shape_t    s;
    trd_tape_memory_t  *m;

    if (in->pos == in->end) {
        return in->digests == in->digests_end ? TRD_NOT_FOUND : TRD_ERROR;
    }

    memset(r, 0, sizeof(*r));

    if (tape_get_shape(c, in, &s) != TRD_OK
        || tape_get_place(c, in, s.flags) != TRD_OK)
    {
        return TRD_ERROR;
    }

    m = &c->memory[s.instrument];

    r->op = s.op;
    r->instrument = s.instrument;
    r->source = s.source;
    r->seq = c->seq;
    r->received_ms = c->ms;

    if ((s.flags & TAPE_MSG_NONE) == 0) {

        if (c->message == 0) {
            return TRD_ERROR;
        }

        r->message = c->message;
        r->digest = c->digest;
    }

    u->kind = s.kind;
    u->has = s.has;
    u->dropped = s.dropped;
    u->derived = s.derived;
    u->every_ms = s.every_ms;

    if (s.flags & TAPE_ID) {
        if (tape_get_diff(in, &m->id[s.kind]) != TRD_OK) {
            return TRD_ERROR;
        }

        u->id = m->id[s.kind];
    }

    if (tape_get_values(m, in, r->op, u) != TRD_OK
        || tape_get_rest(m, in, s.flags, r) != TRD_OK)
    {
        return TRD_ERROR;
    }

    if (r->op == TRD_TAPE_BOOK) {
        r->book = &m->book;
        return trd_tape_get_book(m, in);
    }

    return TRD_OK;
}


static uint8_t *
tape_put_fixed(uint8_t *p, uint64_t n, unsigned bytes)
{
    for ( /* void */ ; bytes; bytes--) {
        *p++ = (uint8_t) n;
        n >>= 8;
    }

    return p;
}


size_t
trd_tape_canonical(const trd_tape_record_t *r, uint8_t out[TRD_TAPE_CANONICAL])
{
    uint8_t             *p;
    unsigned             i, side;
    const trd_update_t  *u = &r->update;

    p = tape_put_fixed(out, r->op, 1);
    p = tape_put_fixed(p, r->source, 1);
    p = tape_put_fixed(p, u->kind, 1);
    p = tape_put_fixed(p, u->derived, 1);
    p = tape_put_fixed(p, u->has, 4);
    p = tape_put_fixed(p, u->dropped, 4);
    p = tape_put_fixed(p, r->instrument, 4);
    p = tape_put_fixed(p, r->seq, 8);
    p = tape_put_fixed(p, (uint64_t) r->received_ms, 8);
    p = tape_put_fixed(p, r->message, 8);
    p = tape_put_fixed(p, u->id, 8);
    p = tape_put_fixed(p, (uint64_t) u->last_quantity_e8, 8);
    p = tape_put_fixed(p, (uint64_t) u->exchange_ms, 8);
    p = tape_put_fixed(p, u->every_ms, 4);
    p = tape_put_fixed(p, tape_has_extra(r->op) ? u->reserved : 0, 4);

    for (i = 0; i < TRD_TAPE_VALUES; i++) {
        p = tape_put_fixed(p, u->has & trd_tape_values[i].bit
                              ? (uint64_t) *tape_value_ro(u, i) : 0, 8);
    }

    if (r->op != TRD_TAPE_BOOK || r->book == NULL) {
        return (size_t) (p - out);
    }

    for (side = 0; side < 2; side++) {
        p = tape_put_fixed(p, r->book->n[side], 4);

        for (i = 0; i < r->book->n[side]; i++) {
            p = tape_put_fixed(p, (uint64_t) r->book->level[side][i].price_e8,
                               8);
            p = tape_put_fixed(p,
                               (uint64_t) r->book->level[side][i].quantity_e8,
                               8);
        }
    }

    return (size_t) (p - out);
}


int
trd_tape_same(const trd_tape_record_t *a, const trd_tape_record_t *b)
{
    size_t   x_len, y_len;
    uint8_t  x[TRD_TAPE_CANONICAL], y[TRD_TAPE_CANONICAL];

    x_len = trd_tape_canonical(a, x);
    y_len = trd_tape_canonical(b, y);

    return a->digest == b->digest && x_len == y_len
           && memcmp(x, y, x_len) == 0;
}
