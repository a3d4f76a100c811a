/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Writes what trd_stream_json.h describes, from the writers of the routes.
 */

#include "trd_series_json.h"
#include "trd_stream_json.h"

#define TRD_TRADE_JSON_MAX  320


void
trd_update_json_head(trd_writer_t *w, const char *type, const char *channel,
    uint64_t seq, int64_t ms)
{
    trd_write_lit(w, "{\"type\":\"");
    trd_write_str(w, type);
    trd_write_lit(w, "\",\"channel\":\"");
    trd_write_str(w, channel);
    trd_write_lit(w, "\",\"seq\":");
    trd_write_u64(w, seq);
    trd_write_lit(w, ",\"timestamp\":");
    trd_write_time(w, ms);
    trd_write_lit(w, ",\"data\":");
}


void
trd_candle_update_json(trd_writer_t *w, const trd_instrument_t *in,
    unsigned interval, const trd_candle_t *c)
{
    char          buf[TRD_CANDLE_JSON_MAX + 2];
    trd_writer_t  one;

    trd_writer_init(&one, buf, sizeof(buf));
    trd_candles_json(&one, in, c, 1);

    trd_write_lit(w, "{\"symbol\":");
    trd_write_json_str(w, in->symbol, strlen(in->symbol));
    trd_write_lit(w, ",\"interval\":\"");
    trd_write_str(w, trd_interval_name(interval));
    trd_write_lit(w, "\",");

    /* without "[{" before and "]" behind */
    trd_write(w, buf + 2, trd_writer_len(&one) - 3);
}


void
trd_trade_update_json(trd_writer_t *w, const trd_instrument_t *in,
    const trd_trade_t *t)
{
    char          buf[TRD_TRADE_JSON_MAX];
    trd_writer_t  one;

    trd_writer_init(&one, buf, sizeof(buf));
    trd_trade_json(&one, in, t);

    trd_write_lit(w, "{\"symbol\":");
    trd_write_json_str(w, in->symbol, strlen(in->symbol));
    trd_write_lit(w, ",");
    trd_write(w, buf + 1, trd_writer_len(&one) - 1);
}


void
trd_lag_json(trd_writer_t *w, const char *type, const char *channel,
    uint64_t n, uint64_t seq)
{
    trd_write_lit(w, "{\"type\":\"");
    trd_write_str(w, type);
    trd_write_lit(w, "\",\"channel\":\"");
    trd_write_str(w, channel);
    trd_write_lit(w, "\",\"");
    trd_write_str(w, type);
    trd_write_lit(w, "\":");
    trd_write_u64(w, n);
    trd_write_lit(w, ",\"seq\":");
    trd_write_u64(w, seq);
    trd_write_lit(w, "}");
}
