/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What packing and unpacking rows share; private to core/trd_tape*.c.
 * Numbers are varints of seven bits a byte, differences are zigzag.
 */

#ifndef TRD_TAPE_ROW_H
#define TRD_TAPE_ROW_H

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
#define TAPE_EXTRA      0x100   /* update.reserved */
#define TAPE_FLAGS      0x1ff

#define TAPE_HAS        0x3ff

#define TAPE_WORDS      9       /* of a shape */

/* values by their bit */
typedef struct {
    uint32_t  bit;
    uint32_t  lot;              /* counted in lots, not ticks */
    size_t    at;
} trd_tape_value_t;

extern const trd_tape_value_t  trd_tape_values[TRD_TAPE_VALUES];

#define tape_value(u, i)                                                      \
    ((int64_t *) ((char *) (u) + trd_tape_values[i].at))
#define tape_value_ro(u, i)                                                   \
    ((const int64_t *) ((const char *) (u) + trd_tape_values[i].at))

/* which memory: candles and books have their own */
#define tape_set(op)      ((op) == TRD_TAPE_CANDLE)
#define tape_lag(op)                                                          \
    ((op) == TRD_TAPE_CANDLE ? 1 : (op) == TRD_TAPE_BOOK ? 2 : 0)

/* is update.reserved part of it? */
#define tape_has_extra(op)                                                    \
    ((op) == TRD_TAPE_PRINT || (op) == TRD_TAPE_CANDLE)

int trd_tape_shape_ok(const trd_tape_codec_t *c, const trd_tape_shape_t *s);

/* trd_tape_book.c: the levels of a book, as changes of the one before */
uint8_t *trd_tape_put_book(trd_tape_memory_t *m, uint8_t *p,
    const trd_tape_book_t *book);
trd_rc_t trd_tape_get_book(trd_tape_memory_t *m, trd_tape_in_t *in)
    TRD_MUST_CHECK;


static inline uint8_t *
tape_put(uint8_t *p, uint64_t n)
{
    while (n >= 0x80) {
        *p++ = (uint8_t) (n | 0x80);
        n >>= 7;
    }

    *p++ = (uint8_t) n;

    return p;
}


static inline trd_rc_t
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

static inline uint64_t
tape_zigzag(uint64_t diff)
{
    return diff << 1 ^ (0 - (diff >> 63));
}


static inline uint64_t
tape_unzigzag(uint64_t n)
{
    return n >> 1 ^ (0 - (n & 1));
}


static inline uint8_t *
tape_put_diff(uint8_t *p, uint64_t now, uint64_t then)
{
    return tape_put(p, tape_zigzag(now - then));
}


static inline trd_rc_t
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

static inline uint8_t *
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


static inline trd_rc_t
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


/*
 * What a value is compared with: the last of its kind.  The ask is expected
 * to move with the bid, if the row has both.
 */

static inline uint64_t
tape_expected(const int64_t *last, uint32_t has, unsigned i,
    uint64_t bid_move)
{
    uint64_t  then;

    then = (uint64_t) last[i];

    return trd_tape_values[i].bit == TRD_HAS_ASK && (has & TRD_HAS_BID)
           ? then + bid_move : then;
}

#endif /* TRD_TAPE_ROW_H */
