/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Figures in words: short enough for a column.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "tradingctl.h"
#include "trd_decimal.h"
#include "trd_writer.h"


void
ctl_time(int64_t ms, char *out)
{
    memset(out, 0, TRD_TIME_LEN + 1);

    if (ms < 0 || ms > 253402300799999) {
        (void) strcpy(out, "-");
        return;
    }

    trd_time_format(ms, out);
}


int
ctl_number(const char *text, uint64_t *n)
{
    char  *end;

    if (text == NULL || text[0] < '0' || text[0] > '9'
        || strlen(text) > 18)
    {
        return -1;
    }

    *n = strtoull(text, &end, 10);

    return *end == '\0' ? 0 : -1;
}


void
ctl_text_age(int64_t ms, char out[32])
{
    if (ms < 0 || ms == INT64_MAX) {
        (void) strcpy(out, "-");

    } else if (ms < 1000) {
        (void) snprintf(out, 32, "%lldms", (long long) ms);

    } else if (ms < 60000) {
        (void) snprintf(out, 32, "%.1fs", (double) (ms / 100) / 10);

    } else if (ms < 3600000) {
        (void) snprintf(out, 32, "%lldm%02lld", (long long) (ms / 60000),
                        (long long) (ms / 1000 % 60));

    } else if (ms < 86400000) {
        (void) snprintf(out, 32, "%lldh%02lld", (long long) (ms / 3600000),
                        (long long) (ms / 60000 % 60));

    } else {
        (void) snprintf(out, 32, "%lldd", (long long) (ms / 86400000));
    }
}


void
ctl_text_count(uint64_t n, char out[32])
{
    char    digits[24];
    size_t  i, k, len;

    len = (size_t) snprintf(digits, sizeof(digits), "%llu",
                            (unsigned long long) n);

    for (i = k = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0) {
            out[k++] = ',';
        }

        out[k++] = digits[i];
    }

    out[k] = '\0';
}


void
ctl_text_rate(double n, char out[32])
{
    if (n < 100) {
        (void) snprintf(out, 32, "%.1f", n);

    } else {
        ctl_text_count((uint64_t) (n + 0.5), out);
    }
}


void
ctl_text_lag(uint64_t us, char out[32])
{
    if (us == 0) {
        (void) strcpy(out, "-");

    } else if (us == UINT64_MAX) {
        (void) snprintf(out, 32, ">%.1fs", (double) CTL_LAG_LAST / 1e6);

    } else if (us < 1000) {
        (void) snprintf(out, 32, "<%lluus", (unsigned long long) us);

    } else if (us < 1000000) {
        (void) snprintf(out, 32, "<%.1fms", (double) us / 1e3);

    } else {
        (void) snprintf(out, 32, "<%.1fs", (double) us / 1e6);
    }
}


void
ctl_text_price(const trd_instrument_t *in, const trd_quote_t *q, uint32_t bit,
    int64_t e8, char out[32])
{
    size_t  len;

    if (!(q->has & bit)) {
        (void) strcpy(out, "-");
        return;
    }

    len = trd_decimal_format(e8, in->price_places, out);
    out[len] = '\0';
}


void
ctl_text_change(const trd_quote_t *q, char out[32])
{
    size_t  len;

    if (!(q->has & TRD_HAS_CHANGE)) {
        (void) strcpy(out, "-");
        return;
    }

    out[0] = '+';
    len = trd_decimal_format(trd_decimal_round(q->change_e8, 2), 2,
                             q->change_e8 > 0 ? out + 1 : out);
    out[len + (q->change_e8 > 0)] = '\0';
}


void
ctl_text_source(const trd_quote_t *q, char out[32])
{
    const char  *name, *suffix;

    name = trd_source_name(q->source);
    suffix = trd_derived_suffix(q->derived);
    (void) snprintf(out, 32, "%s%s", name ? name : "?", suffix ? suffix : "");
}
