/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * One quote as a JSON object: the only place where it is spelled, so that
 * every surface says the same.
 */

#ifndef TRD_QUOTE_JSON_H
#define TRD_QUOTE_JSON_H

#include "trd_quote.h"
#include "trd_writer.h"

typedef enum {
    TRD_FIELD_SYMBOL = 0,
    TRD_FIELD_EXCHANGE_SYMBOL,
    TRD_FIELD_ASSET_CLASS,
    TRD_FIELD_CURRENT_PRICE,
    TRD_FIELD_BID,
    TRD_FIELD_ASK,
    TRD_FIELD_PRICE_CHANGE_24H,
    TRD_FIELD_OPEN_24H,
    TRD_FIELD_HIGH_24H,
    TRD_FIELD_LOW_24H,
    TRD_FIELD_VOLUME,
    TRD_FIELD_QUOTE_VOLUME,
    TRD_FIELD_TIMESTAMP,
    TRD_FIELD_RECEIVED_AT,
    TRD_FIELD_SOURCE,
    TRD_FIELD_SIMULATED,
    TRD_FIELD_STALE,
    TRD_FIELD_SEQ,
    TRD_FIELD_N
} trd_field_t;

#define TRD_FIELD_ALL  ((1U << TRD_FIELD_N) - 1)

/* with the fields: prices as "$43250.1200", the change as "+1.25%" */
#define TRD_FIELD_DISPLAY  (1U << 31)

/* fields: 1 << TRD_FIELD_*; they come in the order of the enum.  What the
   source has not given is null. */
void trd_quote_json(trd_writer_t *w, const trd_instrument_t *in,
    const trd_quote_t *q, uint32_t fields);

/* a field's number, -1 if there is none of that name; its name, or NULL */
int trd_field_find(const char *name, size_t len);
const char *trd_field_name(unsigned field);

#endif /* TRD_QUOTE_JSON_H */
