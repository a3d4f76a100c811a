/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What was known when marketd was started anew, by exchange symbol: what is
 * carried over must be it.  And what turns stale, as marketd sees it; private
 * to tsd_tape_derive.c.
 */

#ifndef TSD_TAPE_DERIVE_KEPT_H
#define TSD_TAPE_DERIVE_KEPT_H

#include "trd_apply.h"
#include "trd_tape.h"

typedef struct {
    char          symbol[TRD_SYMBOL_LEN + 1];   /* the exchange's */
    trd_source_t  source;
    trd_quote_t   quote;
} tsd_derive_kept_item_t;

typedef struct {
    tsd_derive_kept_item_t  *items;
    uint32_t                 n;
    int                      whole;     /* nothing came after */
    int64_t                  last_ms;   /* of the last entry */
} tsd_derive_kept_t;

/* Room for n more; they are added one by one.  0, or -1: no memory */
int tsd_derive_kept_begin(tsd_derive_kept_t *k, uint32_t n);
void tsd_derive_kept_add(tsd_derive_kept_t *k, const trd_instrument_t *in,
    const trd_quote_t *q);
void tsd_derive_kept_free(tsd_derive_kept_t *k);

/*
 * A CARRY: TRD_OK, it is what was known; TRD_ERROR, it cannot have been;
 * TRD_AGAIN, it is not known: entries may be lost that it is of.
 */
trd_rc_t tsd_derive_kept_check(const tsd_derive_kept_t *k,
    const trd_instrument_t *in, const trd_tape_record_t *r) TRD_MUST_CHECK;

/* The state of an instrument after a CARRY, as market_carry_quote() sets it. */
void tsd_derive_carried(trd_state_t *s, const trd_tape_record_t *r);

/* What no message says of an update, `remembered` of it, was on the tape. */
void tsd_derive_remembered(trd_state_t *s, const trd_update_t *u,
    uint32_t remembered);

/* Has a quote of a live source been stale for longer than it can be without
   a record that says so? */
int tsd_derive_silent(const trd_state_t *s, const trd_instrument_t *in,
    int64_t ms);

#endif /* TSD_TAPE_DERIVE_KEPT_H */
