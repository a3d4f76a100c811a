/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Candles, order book and trades as JSON: the only place where they are
 * spelled, so that every surface says the same.  Numbers are exact decimal
 * strings with at least the instrument's places; what is not known is null.
 *
 * Candles are rendered by the hundred for each request and kept nowhere:
 * their text would take three times the memory of the candles themselves,
 * and copying it out with a check costs half of what writing it costs.
 */

#ifndef TRD_SERIES_JSON_H
#define TRD_SERIES_JSON_H

#include "trd_board_series.h"
#include "trd_writer.h"

#define TRD_CANDLE_JSON_MAX  384        /* bytes of one, with its comma */

/*
 * An array of {"open_time","open","high","low","close","volume",
 * "quote_volume","trades","closed","complete"}, in the order given.
 */
void trd_candles_json(trd_writer_t *w, const trd_instrument_t *in,
    const trd_candle_t *c, uint32_t n);

/*
 * What an answer's ETag is made of: equal records have equal hashes, so it is
 * known before anything is written whether the client has the answer.
 */
uint64_t trd_candles_hash(const trd_candle_t *c, uint32_t n);
uint64_t trd_trades_hash(const trd_trade_t *t, uint32_t n);
uint64_t trd_book_hash(const trd_board_book_t *book);

/* {"symbol","last_update_id","timestamp","received_at","stale","bids",
   "asks"}; the timestamp is the exchange's, or when we received it where that
   is not stated; stale: see trd_board_book_stale() */
void trd_depth_json(trd_writer_t *w, const trd_instrument_t *in,
    const trd_board_book_t *book, int stale);

/* an array of {"id","price","quantity","side","timestamp","seq"}, in the
   order given; side is the taker's */
void trd_trades_json(trd_writer_t *w, const trd_instrument_t *in,
    const trd_trade_t *t, uint32_t n);

/* one of them */
void trd_trade_json(trd_writer_t *w, const trd_instrument_t *in,
    const trd_trade_t *t);

#endif /* TRD_SERIES_JSON_H */
