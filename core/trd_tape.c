/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Packs and unpacks the tape's rows; trd_tape.h says what they are.
 *
 * A row begins with the number of its shape: everything that seldom changes
 * from one message of a kind to the next.  A number not given out yet is
 * followed by the shape.  Then come, each as its difference from the last of
 * its kind, time, seq, message, id, values, quantity and lag, as far as the
 * shape does not say it all.
 */

#include <string.h>

#include "trd_tape.h"


/* flags of a shape */
#define TAPE_SEQ_SAME   0x01
#define TAPE_SEQ_NEXT   0x02    /* neither: a difference follows */
#define TAPE_MSG_NONE   0x04
#define TAPE_MSG_SAME   0x08
#define TAPE_MSG_NEXT   0x10    /* none of the three: a difference follows */
#define TAPE_ID         0x20
#define TAPE_QUANTITY   0x40
#define TAPE_TIME       0x80
#define TAPE_FLAGS      0xff

#define TAPE_HAS        0x3ff

/* values by their bit */
static const struct {
    uint32_t  bit;
    uint8_t   lot;              /* counted in lots, not ticks */
    size_t    at;
} tape_values[TRD_TAPE_VALUES] = {
    { TRD_HAS_LAST, 0, offsetof(trd_update_t, last_e8) },
    { TRD_HAS_BID, 0, offsetof(trd_update_t, bid_e8) },
    { TRD_HAS_ASK, 0, offsetof(trd_update_t, ask_e8) },
    { TRD_HAS_OPEN, 0, offsetof(trd_update_t, open_e8) },
    { TRD_HAS_HIGH, 0, offsetof(trd_update_t, high_e8) },
    { TRD_HAS_LOW, 0, offsetof(trd_update_t, low_e8) },
    { TRD_HAS_VOLUME, 1, offsetof(trd_update_t, volume_e8) },
    { TRD_HAS_QUOTE_VOLUME, 1, offsetof(trd_update_t, quote_volume_e8) }
};

#define tape_value(u, i)                                                      \
    ((int64_t *) ((char *) (u) + tape_values[i].at))
#define tape_value_ro(u, i)                                                   \
    ((const int64_t *) ((const char *) (u) + tape_values[i].at))


static uint8_t *
tape_put(uint8_t *p, uint64_t n)
{
    while (n >= 0x80) {
        *p++ = (uint8_t) (n | 0x80);
        n >>= 7;
    }

    *p++ = (uint8_t) n;

    return p;
}


static trd_rc_t
tape_get(trd_tape_in_t *in, uint64_t *n)
{
    uint8_t   byte;
    unsigned  shift;

    *n = 0;

    for (shift = 0; shift < 64; shift += 7) {

        if (in->pos == in->end) {
            return TRD_ERROR;
        }

        byte = *in->pos++;
        *n |= (uint64_t) (byte & 0x7f) << shift;

        if (byte < 0x80) {
            return TRD_OK;
        }
    }

    return TRD_ERROR;
}


/* differences wrap, so that any two values have one */

static uint64_t
tape_zigzag(uint64_t diff)
{
    return diff << 1 ^ (0 - (diff >> 63));
}


static uint64_t
tape_unzigzag(uint64_t n)
{
    return n >> 1 ^ (0 - (n & 1));
}


static uint8_t *
tape_put_diff(uint8_t *p, uint64_t now, uint64_t then)
{
    return tape_put(p, tape_zigzag(now - then));
}


static trd_rc_t
tape_get_diff(trd_tape_in_t *in, uint64_t *value)
{
    uint64_t  n;

    if (tape_get(in, &n) != TRD_OK) {
        return TRD_ERROR;
    }

    *value += tape_unzigzag(n);

    return TRD_OK;
}


/* In steps, plus one; or 0 and the plain difference if there is no whole
   number of them. */

static uint8_t *
tape_put_steps(uint8_t *p, uint64_t diff, int64_t step)
{
    int64_t  n;

    n = (int64_t) diff / step;

    if (n * step == (int64_t) diff && n != INT64_MIN) {
        return tape_put(p, tape_zigzag((uint64_t) n) + 1);
    }

    *p++ = 0;

    return tape_put(p, tape_zigzag(diff));
}


static trd_rc_t
tape_get_steps(trd_tape_in_t *in, int64_t step, uint64_t *diff)
{
    uint64_t  n;

    if (tape_get(in, &n) != TRD_OK) {
        return TRD_ERROR;
    }

    if (n != 0) {
        *diff = tape_unzigzag(n - 1) * (uint64_t) step;
        return TRD_OK;
    }

    if (tape_get(in, &n) != TRD_OK) {
        return TRD_ERROR;
    }

    *diff = tape_unzigzag(n);

    return TRD_OK;
}


void
trd_tape_codec_init(trd_tape_codec_t *c, trd_tape_memory_t *memory,
    uint32_t n, trd_tape_shape_t *shapes)
{
    memset(c, 0, sizeof(*c));
    c->memory = memory;
    c->n = n;
    c->shapes = shapes;
}


static int
tape_shape_ok(const trd_tape_codec_t *c, const trd_tape_shape_t *s)
{
    return s->op < TRD_TAPE_OP_N && s->instrument < c->n
           && s->source < TRD_SOURCE_N && s->kind < TRD_TAPE_KINDS
           && (s->has & ~(uint32_t) TAPE_HAS) == 0
           && (s->flags & ~(uint32_t) TAPE_FLAGS) == 0;
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

    s->flags = (r->seq == c->seq ? TAPE_SEQ_SAME
                : r->seq == c->seq + 1 ? TAPE_SEQ_NEXT : 0)
               | (u->id ? TAPE_ID : 0)
               | (u->last_quantity_e8 ? TAPE_QUANTITY : 0)
               | (u->exchange_ms ? TAPE_TIME : 0);

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

    if (c->nshapes < TRD_TAPE_SHAPES) {
        c->shapes[c->nshapes++] = *s;
        m->recent[m->turn++ % TRD_TAPE_RECENT] = (uint16_t) c->nshapes;
    }

    return p;
}


static trd_rc_t
tape_get_shape(trd_tape_codec_t *c, trd_tape_in_t *in, trd_tape_shape_t *s)
{
    unsigned  i;
    uint64_t  n, word[7];

    if (tape_get(in, &n) != TRD_OK || n > c->nshapes) {
        return TRD_ERROR;
    }

    if (n < c->nshapes) {
        *s = c->shapes[n];
        return TRD_OK;
    }

    for (i = 0; i < 7; i++) {
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

    if (!tape_shape_ok(c, s)) {
        return TRD_ERROR;
    }

    if (c->nshapes < TRD_TAPE_SHAPES) {
        c->shapes[c->nshapes++] = *s;
    }

    return TRD_OK;
}


/*
 * What a value is compared with: the last of its kind.  The ask is expected
 * to move with the bid, if the row has both.
 */

static uint64_t
tape_expected(const trd_tape_memory_t *m, uint32_t has, unsigned i,
    uint64_t bid_move)
{
    uint64_t  then;

    then = (uint64_t) m->value[i];

    return tape_values[i].bit == TRD_HAS_ASK && (has & TRD_HAS_BID)
           ? then + bid_move : then;
}


trd_rc_t
trd_tape_encode(trd_tape_codec_t *c, trd_tape_out_t *out,
    const trd_tape_record_t *r)
{
    int64_t              step;
    uint8_t             *p;
    uint64_t             now, move;
    unsigned             i;
    trd_tape_shape_t     s;
    trd_tape_memory_t   *m;
    const trd_update_t  *u = &r->update;

    if (out->end - out->pos < TRD_TAPE_ROW_MAX
        || out->digests_end - out->digests < 8)
    {
        return TRD_OVERFLOW;
    }

    tape_shape_of(c, r, &s);

    if (!tape_shape_ok(c, &s)) {
        return TRD_ERROR;
    }

    m = &c->memory[r->instrument];
    p = tape_put_shape(c, out->pos, &s);
    p = tape_put_diff(p, (uint64_t) r->received_ms, (uint64_t) c->ms);

    if ((s.flags & (TAPE_SEQ_SAME | TAPE_SEQ_NEXT)) == 0) {
        p = tape_put_diff(p, r->seq, c->seq);
    }

    if ((s.flags & (TAPE_MSG_NONE | TAPE_MSG_SAME)) == 0) {

        if ((s.flags & TAPE_MSG_NEXT) == 0) {
            p = tape_put_diff(p, r->message, c->message);
        }

        for (i = 0; i < 8; i++) {
            *out->digests++ = (uint8_t) (r->digest >> 8 * i);
        }

        c->message = r->message;
        c->digest = r->digest;
    }

    c->ms = r->received_ms;
    c->seq = r->seq;

    if (s.flags & TAPE_ID) {
        p = tape_put_diff(p, u->id, m->id[s.kind]);
        m->id[s.kind] = u->id;
    }

    move = 0;

    for (i = 0; i < TRD_TAPE_VALUES; i++) {

        if ((s.has & tape_values[i].bit) == 0) {
            continue;
        }

        now = (uint64_t) *tape_value_ro(u, i);
        step = tape_values[i].lot ? m->lot_e8 : m->tick_e8;
        p = tape_put_steps(p, now - tape_expected(m, s.has, i, move), step);

        if (tape_values[i].bit == TRD_HAS_BID) {
            move = now - (uint64_t) m->value[i];
        }

        m->value[i] = (int64_t) now;
    }

    if (s.flags & TAPE_QUANTITY) {
        p = tape_put_steps(p, (uint64_t) u->last_quantity_e8, m->lot_e8);
    }

    if (s.flags & TAPE_TIME) {
        now = (uint64_t) r->received_ms - (uint64_t) u->exchange_ms;
        p = tape_put_diff(p, now, (uint64_t) m->lag_ms);
        m->lag_ms = (int64_t) now;
    }

    out->pos = p;

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
tape_get_values(trd_tape_memory_t *m, trd_tape_in_t *in, trd_update_t *u)
{
    int64_t   step;
    uint64_t  diff, now, move;
    unsigned  i;

    move = 0;

    for (i = 0; i < TRD_TAPE_VALUES; i++) {

        if ((u->has & tape_values[i].bit) == 0) {
            continue;
        }

        step = tape_values[i].lot ? m->lot_e8 : m->tick_e8;

        if (tape_get_steps(in, step, &diff) != TRD_OK) {
            return TRD_ERROR;
        }

        now = tape_expected(m, u->has, i, move) + diff;

        if (tape_values[i].bit == TRD_HAS_BID) {
            move = now - (uint64_t) m->value[i];
        }

        m->value[i] = (int64_t) now;
        *tape_value(u, i) = (int64_t) now;
    }

    return TRD_OK;
}


trd_rc_t
trd_tape_decode(trd_tape_codec_t *c, trd_tape_in_t *in, trd_tape_record_t *r)
{
    uint64_t            n;
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

    if (s.flags & TAPE_ID) {
        if (tape_get_diff(in, &m->id[s.kind]) != TRD_OK) {
            return TRD_ERROR;
        }

        u->id = m->id[s.kind];
    }

    if (tape_get_values(m, in, u) != TRD_OK) {
        return TRD_ERROR;
    }

    if (s.flags & TAPE_QUANTITY) {
        if (tape_get_steps(in, m->lot_e8, &n) != TRD_OK) {
            return TRD_ERROR;
        }

        u->last_quantity_e8 = (int64_t) n;
    }

    if (s.flags & TAPE_TIME) {
        n = (uint64_t) m->lag_ms;

        if (tape_get_diff(in, &n) != TRD_OK) {
            return TRD_ERROR;
        }

        m->lag_ms = (int64_t) n;
        u->exchange_ms = (int64_t) ((uint64_t) r->received_ms - n);
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


void
trd_tape_canonical(const trd_tape_record_t *r, uint8_t out[TRD_TAPE_CANONICAL])
{
    uint8_t             *p;
    unsigned             i;
    const trd_update_t  *u = &r->update;

    p = tape_put_fixed(out, r->op, 1);
    p = tape_put_fixed(p, r->source, 1);
    p = tape_put_fixed(p, u->kind, 2);
    p = tape_put_fixed(p, u->has, 4);
    p = tape_put_fixed(p, u->dropped, 4);
    p = tape_put_fixed(p, r->instrument, 4);
    p = tape_put_fixed(p, r->seq, 8);
    p = tape_put_fixed(p, (uint64_t) r->received_ms, 8);
    p = tape_put_fixed(p, r->message, 8);
    p = tape_put_fixed(p, u->id, 8);
    p = tape_put_fixed(p, (uint64_t) u->last_quantity_e8, 8);
    p = tape_put_fixed(p, (uint64_t) u->exchange_ms, 8);

    for (i = 0; i < TRD_TAPE_VALUES; i++) {
        p = tape_put_fixed(p, u->has & tape_values[i].bit
                              ? (uint64_t) *tape_value_ro(u, i) : 0, 8);
    }
}


int
trd_tape_same(const trd_tape_record_t *a, const trd_tape_record_t *b)
{
    uint8_t  x[TRD_TAPE_CANONICAL], y[TRD_TAPE_CANONICAL];

    trd_tape_canonical(a, x);
    trd_tape_canonical(b, y);

    return a->digest == b->digest && memcmp(x, y, sizeof(x)) == 0;
}
