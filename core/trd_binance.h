/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Binance spot messages into updates.  Foreign bytes: nothing is assumed of
 * them, they are not NUL-ended, and no memory is allocated.  Used by marketd,
 * fuzzed and compared with jansson on its own.
 */

#ifndef TRD_BINANCE_H
#define TRD_BINANCE_H

#include <stddef.h>

#include "trd_quote.h"
#include "trd_rc.h"

/*
 * Called for each update of a message: once for most, once an element for
 * arrays.  `symbol` points into the message and is as sent ("BTCUSDT").
 * u->has tells what the message carried; values that parse but are absurd
 * (negative, crossed, ...) are passed on: judging is trd_apply's work.  The
 * bit in u->dropped of a trade's quantity is TRD_HAS_VOLUME.
 */
typedef void (*trd_binance_pt)(void *ctx, const char *symbol, size_t len,
    const trd_update_t *u);

/*
 * A WebSocket text message, bare or in the combined envelope
 * {"stream":..,"data":..}: trade, bookTicker, 24hrTicker, 24hrMiniTicker and
 * arrays of the last two.
 *   TRD_OK        at least one update was passed on
 *   TRD_IGNORED   well formed, but of another kind (a subscribe reply, ...)
 *   TRD_ERROR     not JSON, or a known event without what it must have
 *   TRD_OVERFLOW  a price is out of our range (quantities that are too large
 *                 are left out instead and their bit is set in u->dropped)
 * Of what is not JSON nothing is passed on.  Of an array all good elements
 * are, also those after a bad one, and the worst result is returned.
 */
trd_rc_t trd_binance_decode(const char *msg, size_t len, trd_binance_pt fn,
    void *ctx) TRD_MUST_CHECK;

/*
 * The body of REST ticker/24hr, FULL or MINI: one object or an array; kind
 * SNAPSHOT.  TRD_IGNORED: no ticker in it, as in an error's answer.
 */
trd_rc_t trd_binance_ticker_24hr(const char *body, size_t len,
    trd_binance_pt fn, void *ctx) TRD_MUST_CHECK;

#endif /* TRD_BINANCE_H */
