/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The intervals of candles, see trd_series.h.
 */

#include <string.h>

#include "trd_series.h"


static const struct {
    int64_t      ms;
    const char  *name;
} trd_intervals[TRD_INTERVALS] = {
    { TRD_MINUTE_MS, "1m" },
    { 5 * TRD_MINUTE_MS, "5m" },
    { 15 * TRD_MINUTE_MS, "15m" },
    { 60 * TRD_MINUTE_MS, "1h" },
    { 240 * TRD_MINUTE_MS, "4h" },
    { 1440 * TRD_MINUTE_MS, "1d" }
};


int64_t
trd_interval_ms(unsigned interval)
{
    return interval < TRD_INTERVALS ? trd_intervals[interval].ms : 0;
}


const char *
trd_interval_name(unsigned interval)
{
    return interval < TRD_INTERVALS ? trd_intervals[interval].name : NULL;
}


int
trd_interval_find(const char *name, size_t len)
{
    int  i;

    for (i = 0; i < TRD_INTERVALS; i++) {
        if (strlen(trd_intervals[i].name) == len
            && memcmp(trd_intervals[i].name, name, len) == 0)
        {
            return i;
        }
    }

    return -1;
}


int64_t
trd_interval_start(unsigned interval, int64_t ms)
{
    return ms - ms % trd_intervals[interval].ms;
}
