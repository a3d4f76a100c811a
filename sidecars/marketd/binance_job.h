/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * One REST call: what it is for, what it weighs and its URL.  When it is made
 * and what becomes of the answer is binance_rest.c's.
 */

#ifndef MARKETD_BINANCE_JOB_H
#define MARKETD_BINANCE_JOB_H

#include "binance_market.h"

typedef enum {
    REST_TICKER = 0,
    REST_LOOK,                  /* tickers that are looked at, not taken */
    REST_INFO,
    REST_DEPTH,                 /* the last two are paced */
    REST_KLINES
} rest_kind_t;

typedef struct {
    uint32_t        first;      /* the symbols' run */
    uint32_t        n;
    rest_kind_t     kind;
    binance_fill_t  fill;       /* of REST_KLINES */
} rest_job_t;

#define rest_job_slow(job)  ((job)->kind >= REST_DEPTH)

/* as it stands in the path and in the log */
const char *rest_job_name(const rest_job_t *job);

int64_t rest_job_weight(const rest_job_t *job);

/* NULL: no memory, or no symbol is left; to be freed */
char *rest_job_url(const rest_job_t *job, const binance_t *b,
    const uint8_t *unlisted);

#endif /* MARKETD_BINANCE_JOB_H */
