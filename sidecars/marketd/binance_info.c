/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Called by binance_rest.c with whole answers, at start and every few hours.
 */

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "trd_decimal.h"

#include "binance.h"
#include "binance_info.h"
#include "tsd_log.h"
#include "ws_frames.h"

#define INFO_LINES_MAX  50      /* of differences, per answer */


/* A decimal of a filter; -1: there is none. */
static int
info_decimal(const json_t *filter, const char *field, int64_t *e8)
{
    const json_t  *v = json_object_get(filter, field);

    if (!json_is_string(v)) {
        return -1;
    }

    return trd_decimal_parse(json_string_value(v), json_string_length(v), e8)
           == TRD_OK ? 0 : -1;
}


static void
info_differs(const char *symbol, const char *field, int64_t theirs_e8,
    int64_t ours_e8, unsigned *lines)
{
    int   n, m;
    char  theirs[TRD_DECIMAL_LEN], ours[TRD_DECIMAL_LEN];

    if (theirs_e8 == ours_e8 || ++*lines > INFO_LINES_MAX) {
        return;
    }

    n = (int) trd_decimal_format(theirs_e8, 0, theirs);
    m = (int) trd_decimal_format(ours_e8, 0, ours);

    tsd_log(TSD_LOG_WARN, "catalogue_differs",
            "source=binance symbol=%s field=%s exchange=%.*s catalogue=%.*s",
            symbol, field, n, theirs, m, ours);
}


static void
info_symbol(const trd_instrument_t *ours, const json_t *theirs,
    unsigned *lines)
{
    char           text[32];
    size_t         i;
    int64_t        e8;
    const char    *type, *status;
    const json_t  *filter;

    status = json_string_value(json_object_get(theirs, "status"));

    if (status && strcmp(status, "TRADING") != 0
        && ++*lines <= INFO_LINES_MAX)
    {
        ws_text_clean(text, sizeof(text), status, strlen(status));
        tsd_log(TSD_LOG_WARN, "symbol_not_trading",
                "source=binance symbol=%s status=\"%s\"",
                ours->exchange_symbol, text);
    }

    json_array_foreach(json_object_get(theirs, "filters"), i, filter) {
        type = json_string_value(json_object_get(filter, "filterType"));

        if (type == NULL) {
            continue;
        }

        if (strcmp(type, "PRICE_FILTER") == 0
            && info_decimal(filter, "tickSize", &e8) == 0)
        {
            info_differs(ours->exchange_symbol, "price_tick", e8,
                         ours->price_tick_e8, lines);

        } else if (strcmp(type, "LOT_SIZE") == 0
                   && info_decimal(filter, "stepSize", &e8) == 0)
        {
            info_differs(ours->exchange_symbol, "lot_step", e8,
                         ours->lot_step_e8, lines);

        } else if ((strcmp(type, "NOTIONAL") == 0
                    || strcmp(type, "MIN_NOTIONAL") == 0)
                   && info_decimal(filter, "minNotional", &e8) == 0)
        {
            info_differs(ours->exchange_symbol, "min_notional", e8,
                         ours->min_notional_e8, lines);
        }
    }
}


static int64_t
info_weight_limit(const json_t *root)
{
    size_t         i;
    const char    *type, *interval;
    const json_t  *limit;

    json_array_foreach(json_object_get(root, "rateLimits"), i, limit) {
        type = json_string_value(json_object_get(limit, "rateLimitType"));
        interval = json_string_value(json_object_get(limit, "interval"));

        if (type && interval && strcmp(type, "REQUEST_WEIGHT") == 0
            && strcmp(interval, "MINUTE") == 0
            && json_integer_value(json_object_get(limit, "intervalNum")) == 1)
        {
            return json_integer_value(json_object_get(limit, "limit"));
        }
    }

    return 0;
}


/* name -> record, so that large lists cost no more than they must */
static json_t *
info_index(const json_t *symbols)
{
    size_t       i;
    json_t      *index, *record;
    const char  *name;

    index = json_object();
    if (index == NULL) {
        return NULL;
    }

    json_array_foreach(symbols, i, record) {
        name = json_string_value(json_object_get(record, "symbol"));

        if (name && json_object_set(index, name, record) != 0) {
            json_decref(index);
            return NULL;
        }
    }

    return index;
}


int
binance_info_compare(binance_t *b, uint32_t first, uint32_t n,
    const uint8_t *skip, const char *body, size_t len, int64_t *weight_limit)
{
    json_t                  *root, *index, *record;
    uint32_t                 i;
    unsigned                 lines = 0;
    const source_t          *s = b->source;
    const trd_instrument_t  *ours;

    root = json_loadb(body, len, 0, NULL);
    if (root == NULL) {
        return -1;
    }

    index = json_is_array(json_object_get(root, "symbols"))
            ? info_index(json_object_get(root, "symbols")) : NULL;

    if (index == NULL) {
        json_decref(root);
        return -1;
    }

    *weight_limit = info_weight_limit(root);

    for (i = first; i < first + n; i++) {
        if (skip[i]) {
            continue;
        }

        ours = &s->market->catalogue->instruments[s->instruments[i]];
        record = json_object_get(index, ours->exchange_symbol);

        if (record) {
            info_symbol(ours, record, &lines);

        } else if (++lines <= INFO_LINES_MAX) {
            tsd_log(TSD_LOG_WARN, "symbol_not_listed",
                    "source=binance symbol=%s", ours->exchange_symbol);
        }
    }

    if (lines > INFO_LINES_MAX) {
        tsd_log(TSD_LOG_WARN, "catalogue_differs",
                "source=binance more=%u", lines - INFO_LINES_MAX);
    }

    json_decref(index);
    json_decref(root);

    return 0;
}
