/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Weights and URLs of REST calls, see binance_job.h.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "binance.h"
#include "binance_job.h"

static const char *const  rest_names[] = {
    "ticker/24hr", "ticker/24hr", "exchangeInfo", "depth", "klines"
};


const char *
rest_job_name(const rest_job_t *job)
{
    return rest_names[job->kind];
}


/* Weights as documented: tickers by number of symbols. */
int64_t
rest_job_weight(const rest_job_t *job)
{
    switch (job->kind) {
    case REST_INFO:
        return 20;
    case REST_DEPTH:
        return BINANCE_DEPTH_WEIGHT;
    case REST_KLINES:
        return BINANCE_KLINES_WEIGHT;
    default:
        return job->n <= 20 ? 2 : 40;
    }
}


/* Of one symbol. */
static char *
rest_job_url_one(const rest_job_t *job, const binance_t *b)
{
    char         start[48], *url;
    size_t       size;
    const char  *symbol = binance_symbol(b, job->first);

    size = strlen(b->api_url) + strlen(symbol) + 160;
    url = malloc(size);

    if (url == NULL) {
        return NULL;
    }

    if (job->kind == REST_DEPTH) {
        snprintf(url, size, "%s/api/v3/depth?symbol=%s&limit=%d",
                 b->api_url, symbol, BINANCE_DEPTH_LIMIT);
        return url;
    }

    start[0] = '\0';

    if (job->fill.start_ms) {
        snprintf(start, sizeof(start), "&startTime=%lld",
                 (long long) job->fill.start_ms);
    }

    snprintf(url, size, "%s/api/v3/klines?symbol=%s&interval=%s%s&limit=%u",
             b->api_url, symbol, trd_interval_name(job->fill.interval),
             start, (unsigned) job->fill.limit);

    return url;
}


/* ["A","B"] as a query wants it. */
char *
rest_job_url(const rest_job_t *job, const binance_t *b,
    const uint8_t *unlisted)
{
    char      *url;
    size_t     size, len;
    uint32_t   i, n = 0;

    if (rest_job_slow(job)) {
        return rest_job_url_one(job, b);
    }

    size = strlen(b->api_url) + 64
           + (size_t) job->n * (TRD_SYMBOL_LEN + 9);

    url = malloc(size);
    if (url == NULL) {
        return NULL;
    }

    len = (size_t) snprintf(url, size, "%s/api/v3/%s?symbols=%%5B",
                            b->api_url, rest_job_name(job));

    for (i = job->first; i < job->first + job->n; i++) {
        if (unlisted[i]) {
            continue;
        }

        len += (size_t) snprintf(url + len, size - len, "%s%%22%s%%22",
                                 n++ ? "%2C" : "",
                                 binance_symbol(b, i));
    }

    snprintf(url + len, size - len, "%%5D");

    if (n == 0) {
        free(url);
        return NULL;
    }

    return url;
}
