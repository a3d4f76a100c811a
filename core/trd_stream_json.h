/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The messages of streams as JSON (docs/streams.md): what is around the data
 * of an update, and the data that no route has in that form.
 */

#ifndef TRD_STREAM_JSON_H
#define TRD_STREAM_JSON_H

#include "trd_quote.h"
#include "trd_series.h"
#include "trd_writer.h"

#define TRD_UPDATE_HEAD_MAX  160        /* bytes of trd_update_json_head() */

/* {"type":T,"channel":C,"seq":N,"timestamp":"...","data": -- the data and a
   closing brace are to follow */
void trd_update_json_head(trd_writer_t *w, const char *type,
    const char *channel, uint64_t seq, int64_t ms);

/* {"symbol","interval", and the candle's members} */
void trd_candle_update_json(trd_writer_t *w, const trd_instrument_t *in,
    unsigned interval, const trd_candle_t *c);

/* {"symbol", and the trade's members} */
void trd_trade_update_json(trd_writer_t *w, const trd_instrument_t *in,
    const trd_trade_t *t);

/* {"type":T,"channel":C,T:n,"seq":N}, of T = "skipped" or "missed" */
void trd_lag_json(trd_writer_t *w, const char *type, const char *channel,
    uint64_t n, uint64_t seq);

#endif /* TRD_STREAM_JSON_H */
