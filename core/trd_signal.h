/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The `threshold` model: a published rule over the change of 24 hours, kept
 * exactly as it was published.  Its confidence grows with nominal price and
 * volume, not with skill; docs/api.md says so.  Arithmetic is exact in e8.
 */

#ifndef TRD_SIGNAL_H
#define TRD_SIGNAL_H

#include "trd_quote.h"
#include "trd_rc.h"
#include "trd_writer.h"

typedef enum {
    TRD_STRONG_BUY = 0,
    TRD_BUY,
    TRD_UP,
    TRD_DOWN,               /* a change of exactly zero counts as DOWN */
    TRD_SELL,
    TRD_STRONG_SELL,
    TRD_SIGNAL_N
} trd_signal_kind_t;

typedef struct {
    trd_signal_kind_t  kind;
    uint8_t            bullish;         /* the binary code */
    int64_t            strength_e8;     /* 0 .. 100 */
    int64_t            confidence_e8;   /* 0 .. 100 */
    int64_t            entry_e8;
    int64_t            target_e8;
    int64_t            stop_e8;
} trd_signal_t;

/*
 * TRD_NOT_FOUND: the quote lacks its price or its change.  TRD_OVERFLOW: a
 * target would be out of range.
 */
trd_rc_t trd_signal_threshold(const trd_quote_t *q, trd_signal_t *s)
    TRD_MUST_CHECK;

const char *trd_signal_name(unsigned kind);

/* the object of /signals/{symbol}, and that of /binary/{symbol} */
void trd_signal_json(trd_writer_t *w, const trd_instrument_t *in,
    const trd_quote_t *q, const trd_signal_t *s);
void trd_binary_json(trd_writer_t *w, const trd_instrument_t *in,
    const trd_quote_t *q, const trd_signal_t *s);

#endif /* TRD_SIGNAL_H */
