/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Streams, see trd_stream.h: names, what a list may hold, and the arguments
 * of an address.  Messages are read by trd_stream_message.c.
 */

#include <stdio.h>
#include <string.h>

#include "trd_json_read.h"
#include "trd_query.h"
#include "trd_stream_item.h"

#define TRD_REQUEST_SYMBOLS_MAX  1000
#define TRD_REQUEST_SHOWN        64         /* bytes of a name in a detail */

/* begins a list of symbols of an address: no JSON begins so */
#define TRD_REQUEST_LISTED       ','

static const struct {
    const char      *name;
    trd_member_id_t  id;
} trd_members[] = {
    { "type", TRD_MEMBER_TYPE },
    { "id", TRD_MEMBER_ID },
    { "channels", TRD_MEMBER_CHANNELS },
    { "channel", TRD_MEMBER_CHANNELS },
    { "symbols", TRD_MEMBER_SYMBOLS },
    { "symbol", TRD_MEMBER_SYMBOLS },
    { "interval", TRD_MEMBER_INTERVALS },
    { "intervals", TRD_MEMBER_INTERVALS },
    { "asset_class", TRD_MEMBER_CLASSES },
    { "asset_classes", TRD_MEMBER_CLASSES },
    { "seq", TRD_MEMBER_SEQ },
    { "epoch", TRD_MEMBER_EPOCH },
    { "token", TRD_MEMBER_TOKEN }
};

#define TRD_MEMBER_NAMES  (sizeof(trd_members) / sizeof(trd_members[0]))

static const struct {
    const char  *name;
    const char  *update;
} trd_channels[TRD_CHANNEL_N] = {
    { "prices", "price_update" },
    { "candles", "candle_update" },
    { "trades", "trade_update" },
    { "orderbook", "orderbook_update" },
    { "signals", "signal_update" },
    { "market_data", "market_data_update" },
    { "health", "health_update" },
    { "orders", "order_update" },
    { "positions", "position_update" },
    { "balances", "balance_update" },
    { "alerts", "alert" }
};

/* in the order of trd_request_error_t */
static const char *const  trd_request_errors[] = {
    "ok", "bad_json", "bad_message", "unknown_type", "unknown_channel",
    "unknown_interval", "unknown_class", "bad_symbols", "bad_seq"
};


const char *
trd_channel_name(unsigned channel)
{
    return (channel < TRD_CHANNEL_N) ? trd_channels[channel].name : NULL;
}


const char *
trd_channel_update(unsigned channel)
{
    return (channel < TRD_CHANNEL_N) ? trd_channels[channel].update : NULL;
}


const char *
trd_request_error_name(unsigned error)
{
    return (error <= TRD_REQUEST_BAD_SEQ) ? trd_request_errors[error] : NULL;
}


int
trd_channel_find(const char *name, size_t len)
{
    int  i;

    for (i = 0; i < TRD_CHANNEL_N; i++) {
        if (strlen(trd_channels[i].name) == len
            && memcmp(trd_channels[i].name, name, len) == 0)
        {
            return i;
        }
    }

    return -1;
}


/* an asset class, in any case as everywhere; -1: none */
static int
trd_stream_class(const char *name, size_t len)
{
    int          i;
    size_t       n;
    const char  *s;

    for (i = 0; (s = trd_class_name((unsigned) i)) != NULL; i++) {
        if (strlen(s) != len) {
            continue;
        }

        for (n = 0; n < len; n++) {
            if (((name[n] >= 'a' && name[n] <= 'z') ? name[n] - 0x20 : name[n])
                != s[n])
            {
                break;
            }
        }

        if (n == len) {
            return i;
        }
    }

    return -1;
}


trd_member_id_t
trd_member_find(const char *name, size_t len)
{
    size_t  i;

    for (i = 0; i < TRD_MEMBER_NAMES; i++) {
        if (strlen(trd_members[i].name) == len
            && memcmp(trd_members[i].name, name, len) == 0)
        {
            return trd_members[i].id;
        }
    }

    return TRD_MEMBER_N;
}


trd_request_error_t
trd_request_fail(trd_request_t *out, trd_request_error_t error,
    const char *before, const char *name, size_t len, const char *after)
{
    char    shown[TRD_REQUEST_SHOWN + 1];
    size_t  i;

    if (len > TRD_REQUEST_SHOWN) {
        len = TRD_REQUEST_SHOWN;
    }

    for (i = 0; i < len; i++) {
        shown[i] = (name[i] < ' ' || name[i] > '~' || name[i] == '"'
                    || name[i] == '\\') ? '?' : name[i];
    }

    shown[len] = '\0';

    (void) snprintf(out->detail, sizeof(out->detail), "%s%s%s", before, shown,
                    after);

    return error;
}


trd_request_error_t
trd_request_wrong(trd_request_t *out, trd_request_error_t error,
    trd_member_id_t id, const char *what)
{
    size_t  i;

    for (i = 0; trd_members[i].id != id; i++) { /* void */ }

    return trd_request_fail(out, error, "", trd_members[i].name,
                            strlen(trd_members[i].name), what);
}


trd_request_error_t
trd_request_item(trd_request_t *out, trd_member_id_t id, const char *name,
    size_t len)
{
    int  i;

    switch (id) {

    case TRD_MEMBER_CHANNELS:
        i = trd_channel_find(name, len);
        if (i < 0) {
            return trd_request_fail(out, TRD_REQUEST_UNKNOWN_CHANNEL,
                                    "there is no channel ", name, len, "");
        }

        out->channels |= 1u << i;
        break;

    case TRD_MEMBER_INTERVALS:
        i = trd_interval_find(name, len);
        if (i < 0) {
            return trd_request_fail(out, TRD_REQUEST_UNKNOWN_INTERVAL,
                                    "there is no interval ", name, len, "");
        }

        out->intervals |= 1u << i;
        break;

    case TRD_MEMBER_CLASSES:
        i = trd_stream_class(name, len);
        if (i < 0) {
            return trd_request_fail(out, TRD_REQUEST_UNKNOWN_CLASS,
                                    "there is no asset class ", name, len, "");
        }

        out->classes |= 1u << i;
        break;

    default:
        if (len == 0) {
            return trd_request_wrong(out, TRD_REQUEST_BAD_SYMBOLS, id,
                                     " holds an empty name");
        }

        if (out->nsymbols == TRD_REQUEST_SYMBOLS_MAX) {
            return trd_request_wrong(out, TRD_REQUEST_BAD_SYMBOLS, id,
                                     " holds more than 1000 names");
        }

        out->has_symbols = 1;
        out->nsymbols++;
        break;
    }

    return TRD_REQUEST_OK;
}


/* one argument of ours, decoded at `free`, which has `size` bytes */
static trd_request_error_t
trd_request_arg(trd_request_t *out, trd_member_id_t id, const trd_pair_t *pair,
    char *free, size_t size)
{
    char                *value;
    size_t               n, len;
    const char          *item;
    trd_query_t          list;
    trd_request_error_t  error;

    free[0] = TRD_REQUEST_LISTED;
    value = free + 1;

    if (trd_percent_decode(pair->value, pair->value_len, value, size - 1, &len)
        != TRD_OK
        || !trd_text_ok(value, len))
    {
        return trd_request_fail(out, TRD_REQUEST_BAD_MESSAGE, "", pair->name,
                                pair->name_len,
                                " is not percent-encoded UTF-8");
    }

    if (id == TRD_MEMBER_SEQ) {
        if (trd_resume_read(value, len, &out->epoch, &out->seq) != TRD_OK) {
            return trd_request_fail(out, TRD_REQUEST_BAD_SEQ, "", pair->name,
                                    pair->name_len,
                                    " is not of the form epoch-seq");
        }

        out->has_epoch = 1;
        out->has_seq = 1;

        return TRD_REQUEST_OK;
    }

    trd_query_init(&list, value, len);

    while (trd_list_next(&list, &item, &n) == TRD_OK) {
        error = trd_request_item(out, id, item, n);
        if (error != TRD_REQUEST_OK) {
            return error;
        }
    }

    if (id == TRD_MEMBER_SYMBOLS) {
        out->symbols = free;
        out->symbols_len = 1 + len;
    }

    return TRD_REQUEST_OK;
}


/* which argument it is: TRD_MEMBER_SEQ stands for the token of resume= */
static trd_member_id_t
trd_request_arg_find(const trd_pair_t *pair)
{
    trd_member_id_t  id;

    if (pair->name_len == sizeof("resume") - 1
        && memcmp(pair->name, "resume", sizeof("resume") - 1) == 0)
    {
        return TRD_MEMBER_SEQ;
    }

    id = trd_member_find(pair->name, pair->name_len);

    switch (id) {
    case TRD_MEMBER_CHANNELS:
    case TRD_MEMBER_SYMBOLS:
    case TRD_MEMBER_INTERVALS:
    case TRD_MEMBER_CLASSES:
        return id;
    default:
        return TRD_MEMBER_N;
    }
}


trd_request_error_t
trd_request_args(const char *args, size_t len, char *buf, trd_request_t *out)
{
    unsigned             given;
    trd_pair_t           pair;
    trd_query_t          query;
    trd_member_id_t      id;
    trd_request_error_t  error;

    memset(out, 0, sizeof(trd_request_t));
    given = 0;

    trd_query_init(&query, args, len);

    while (trd_query_next(&query, &pair) == TRD_OK) {
        id = trd_request_arg_find(&pair);

        if (id == TRD_MEMBER_N) {
            continue;
        }

        if (given & 1u << id) {
            return trd_request_fail(out, TRD_REQUEST_BAD_MESSAGE, "",
                                    pair.name, pair.name_len,
                                    " is given twice");
        }

        given |= 1u << id;

        /*
         * Symbols stay where they are, the rest is decoded behind them.  There
         * is room: the comma before a value is shorter than its name.
         */

        error = trd_request_arg(out, id, &pair, buf + out->symbols_len,
                                len - out->symbols_len);
        if (error != TRD_REQUEST_OK) {
            return error;
        }
    }

    return TRD_REQUEST_OK;
}


trd_rc_t
trd_request_symbol(const trd_request_t *request, const char **pos, char *buf,
    size_t *len)
{
    size_t        n;
    trd_json_t    r;
    const char   *p, *end, *item;
    trd_query_t   list;

    if (request->symbols_len == 0) {
        return TRD_NOT_FOUND;
    }

    end = request->symbols + request->symbols_len;
    p = (*pos == NULL) ? request->symbols : *pos;

    if (p == end) {
        return TRD_NOT_FOUND;
    }

    if (request->symbols[0] == TRD_REQUEST_LISTED) {
        trd_query_init(&list, p + 1, (size_t) (end - p - 1));

        if (trd_list_next(&list, &item, &n) != TRD_OK) {
            return TRD_NOT_FOUND;
        }

        *pos = item + n;
        *len = (n > TRD_SYMBOL_TEXT) ? TRD_SYMBOL_TEXT : n;
        memcpy(buf, item, *len);

        return TRD_OK;
    }

    /* between the strings are only blanks, commas and brackets */

    p = memchr(p, '"', (size_t) (end - p));
    if (p == NULL) {
        return TRD_NOT_FOUND;
    }

    trd_json_init(&r, p, (size_t) (end - p));

    if (trd_json_next(&r) != TRD_JSON_STRING) {
        return TRD_NOT_FOUND;
    }

    n = trd_json_unescape(r.text, r.len, buf, TRD_SYMBOL_TEXT);

    *pos = r.pos;
    *len = (n > TRD_SYMBOL_TEXT) ? TRD_SYMBOL_TEXT : n;

    return TRD_OK;
}


trd_rc_t
trd_resume_read(const char *text, size_t len, uint64_t *epoch, uint64_t *seq)
{
    size_t       n;
    const char  *dash;

    dash = (len == 0) ? NULL : memchr(text, '-', len);
    if (dash == NULL) {
        return TRD_ERROR;
    }

    n = (size_t) (dash - text);

    if (trd_parse_u64(text, n, UINT64_MAX, epoch) != TRD_OK
        || trd_parse_u64(dash + 1, len - n - 1, UINT64_MAX, seq) != TRD_OK)
    {
        return TRD_ERROR;
    }

    return TRD_OK;
}
