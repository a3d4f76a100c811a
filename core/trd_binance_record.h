/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A Binance event as a table of slices, with its levels as numbers; private
 * to trd_binance_market.c, trd_binance_kline.c and trd_binance_record.c.
 */

#ifndef TRD_BINANCE_RECORD_H
#define TRD_BINANCE_RECORD_H

#include "trd_binance_market.h"
#include "trd_json_read.h"

#define TRD_SLOTS    64
#define TRD_SLOT(c)  ((unsigned) (c) & (TRD_SLOTS - 1))
#define TRD_BIT(c)   (1ULL << TRD_SLOT(c))

#define TRD_NONE      (-1)      /* a member that nobody asks for */

typedef struct {
    const char        *text;
    size_t             len;
    trd_json_token_t   token;
} trd_slice_t;

/* levels of a side, and how reading them went */
typedef struct {
    const trd_level_t  *level;
    uint32_t            n;
    uint32_t            clipped;
    trd_rc_t            rc;
} trd_side_t;

typedef struct trd_record_s  trd_record_t;

struct trd_record_s {
    uint64_t                     seen;
    trd_slice_t                  field[TRD_SLOTS];
    trd_side_t                   side[4];       /* b, a, bids, asks */
    trd_record_t                *kline;         /* where "k" goes, or NULL */
    const trd_binance_market_t  *m;
    uint32_t                    *used;          /* of the scratch */
};

/* the places of the long names; as keys of one letter nobody asks for them */
#define TRD_BIDS  'B'
#define TRD_ASKS  'A'
#define TRD_LAST  'I'

/* kline: where an object "k" goes, or NULL */
void trd_record_init(trd_record_t *ev, trd_record_t *kline,
    const trd_binance_market_t *m, uint32_t *used);

/* reads the value of the key that was read last */
trd_json_token_t trd_record_member(trd_json_t *r, trd_record_t *ev);

/* reads an object, its brace read already, to its end */
trd_json_token_t trd_record_read(trd_json_t *r, trd_record_t *ev);

/* of fields that were seen */
trd_rc_t trd_slice_int(const trd_slice_t *f, int64_t min, int64_t *v);
trd_rc_t trd_slice_decimal(const trd_slice_t *f, int64_t *e8);
trd_rc_t trd_field_int(const trd_record_t *ev, char letter, int64_t min,
    int64_t *v);
int trd_field_is(const trd_record_t *ev, char letter, const char *s,
    size_t len);

/* an error counts for more than an overflow */
trd_rc_t trd_worse(trd_rc_t a, trd_rc_t b);

/* the kline event's part, trd_binance_kline.c */
trd_rc_t trd_market_kline(const trd_record_t *ev, const trd_slice_t *symbol);

#endif /* TRD_BINANCE_RECORD_H */
