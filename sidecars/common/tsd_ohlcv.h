/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A file of candles, row by row: open_time_ms,open,high,low,close,volume,
 * plain or gzip, with or without a line of names; further fields are not
 * looked at.  Rows must grow in time and every price must be one, so whoever
 * reads to the end has read the file as a whole.
 */

#ifndef TSD_OHLCV_H
#define TSD_OHLCV_H

#include <stdint.h>

#include "trd_series.h"

typedef struct {
    void        *gz;
    const char  *path;          /* the caller's, as long as it is open */
    uint64_t     line;          /* of the row that was read last */
    uint64_t     rows;
    uint64_t     size;          /* of the file in bytes, 0 = unknown */
    uint64_t     done;          /* of them read, about */
    int64_t      newest_ms;
    char         error[256];    /* "FILE:LINE: what", or "FILE: what" */
} tsd_ohlcv_t;

/* 0, or -1 and f->error says why; then nothing is to be closed */
int tsd_ohlcv_open(tsd_ohlcv_t *f, const char *path);

/*
 * 1: a candle, 0: the end, -1: f->error says what is wrong.  A volume beyond
 * e8 is 0 with TRD_CANDLE_NO_VOLUME; quote volume and trades are not given.
 */
int tsd_ohlcv_read(tsd_ohlcv_t *f, trd_candle_t *c);

void tsd_ohlcv_close(tsd_ohlcv_t *f);

#endif /* TSD_OHLCV_H */
