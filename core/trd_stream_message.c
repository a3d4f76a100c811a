/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Messages of clients, see trd_stream.h.  A message is read twice: once
 * through, to know that it is JSON and where its members are, and then member
 * by member, in an order of ours.  So the error that a client sees does not
 * depend on the order in which it wrote.
 */

#include <string.h>

#include "trd_json_read.h"
#include "trd_query.h"
#include "trd_stream_item.h"

#define TRD_REQUEST_DIGITS  20          /* of UINT64_MAX */

/* a value as it stands in the message; zero if it is not given */
typedef struct {
    trd_json_token_t  token;
    const char       *text;
    size_t            len;
} trd_member_t;

/* in the order of trd_request_type_t */
static const char *const  trd_request_types[] = {
    "subscribe", "unsubscribe", "list", "ping", "auth", "resume"
};

#define TRD_REQUEST_TYPES                                                     \
    (sizeof(trd_request_types) / sizeof(trd_request_types[0]))


/* a string, or an array of strings */
static trd_request_error_t
trd_request_list(trd_request_t *out, trd_member_id_t id,
    const trd_member_t *member)
{
    char                 buf[TRD_SYMBOL_TEXT];
    size_t               n;
    trd_json_t           r;
    trd_json_token_t     token;
    trd_request_error_t  error;

    if (member->token == TRD_JSON_ERROR) {
        return TRD_REQUEST_OK;
    }

    trd_json_init(&r, member->text, member->len);

    token = trd_json_next(&r);

    if (token == TRD_JSON_ARRAY) {
        token = trd_json_next(&r);

        if (token == TRD_JSON_ARRAY_END) {
            return trd_request_wrong(out, (id == TRD_MEMBER_SYMBOLS)
                                          ? TRD_REQUEST_BAD_SYMBOLS
                                          : TRD_REQUEST_BAD_MESSAGE,
                                     id, " is an empty array");
        }
    }

    do {
        if (token != TRD_JSON_STRING) {
            return trd_request_wrong(out, TRD_REQUEST_BAD_MESSAGE, id,
                                     " is not a string or array of strings");
        }

        n = trd_json_unescape(r.text, r.len, buf, sizeof(buf));

        error = trd_request_item(out, id, buf,
                                 (n > sizeof(buf)) ? sizeof(buf) : n);
        if (error != TRD_REQUEST_OK) {
            return error;
        }

        token = trd_json_next(&r);

    } while (token != TRD_JSON_ARRAY_END && token != TRD_JSON_END);

    return TRD_REQUEST_OK;
}


/* a whole number without a sign, or a string of its digits */
static trd_request_error_t
trd_request_number(trd_request_t *out, trd_member_id_t id,
    const trd_member_t *member, uint64_t *value, uint8_t *has)
{
    char         buf[TRD_REQUEST_DIGITS];
    size_t       n;
    const char  *text;

    text = member->text;
    n = member->len;

    switch (member->token) {

    case TRD_JSON_ERROR:
        return TRD_REQUEST_OK;

    case TRD_JSON_STRING:
        n = trd_json_unescape(text + 1, n - 2, buf, sizeof(buf));
        text = buf;
        break;

    case TRD_JSON_NUMBER:
        break;

    default:
        return trd_request_wrong(out, TRD_REQUEST_BAD_MESSAGE, id,
                                 " is not a number or a string of digits");
    }

    if (n > TRD_REQUEST_DIGITS
        || trd_parse_u64(text, n, UINT64_MAX, value) != TRD_OK)
    {
        return trd_request_wrong(out, TRD_REQUEST_BAD_SEQ, id,
                                 " is not a whole number of 64 bits");
    }

    *has = 1;

    return TRD_REQUEST_OK;
}


/* keeps the id if it is one, to come back even with an error */
static int
trd_request_id(trd_request_t *out, const trd_member_t *member)
{
    size_t       i, max;
    const char  *s;

    s = member->text;
    max = TRD_REQUEST_ID_MAX;

    if (member->token == TRD_JSON_STRING) {
        max += 2;

    } else if (member->token == TRD_JSON_NUMBER) {

        for (i = (s[0] == '-'); i < member->len; i++) {
            if (s[i] < '0' || s[i] > '9') {
                return 0;
            }
        }

    } else {
        return 0;
    }

    if (member->len > max) {
        return 0;
    }

    out->id = s;
    out->id_len = member->len;

    return 1;
}


/* Is it one of ours, which, and is its value kept?  `r` is after its key. */
static trd_json_token_t
trd_request_member(trd_json_t *r, trd_request_t *out, trd_member_t *members,
    trd_request_error_t *error)
{
    char              name[TRD_REQUEST_SHOWN];
    size_t            n;
    trd_member_t      value;
    trd_member_id_t   id;
    trd_json_token_t  token;

    n = trd_json_unescape(r->text, r->len, name, sizeof(name));
    id = (n > sizeof(name)) ? TRD_MEMBER_N : trd_member_find(name, n);

    token = trd_json_value(r);

    if (id == TRD_MEMBER_N || token == TRD_JSON_NULL
        || token == TRD_JSON_ERROR)
    {
        return token;
    }

    value.token = token;
    value.text = r->text;
    value.len = r->len;

    if (token == TRD_JSON_STRING) {
        value.text--;                   /* with its quotes it is JSON again */
        value.len += 2;
    }

    if (members[id].token != TRD_JSON_ERROR) {
        if (*error == TRD_REQUEST_OK) {
            *error = trd_request_wrong(out, TRD_REQUEST_BAD_MESSAGE, id,
                                       " is given twice");
        }

        return token;
    }

    members[id] = value;

    if (id == TRD_MEMBER_ID && !trd_request_id(out, &value)
        && *error == TRD_REQUEST_OK)
    {
        *error = trd_request_wrong(out, TRD_REQUEST_BAD_MESSAGE, TRD_MEMBER_ID,
                                   " is not a string of up to 64 bytes"
                                   " or a whole number");
    }

    return token;
}


/* reads it all, and keeps where the members are */
static trd_request_error_t
trd_request_scan(trd_request_t *out, const char *data, size_t len,
    trd_member_t *members)
{
    trd_json_t           r;
    trd_json_token_t     token;
    trd_request_error_t  error;

    error = TRD_REQUEST_OK;

    trd_json_init(&r, data, len);

    token = trd_json_next(&r);

    if (token == TRD_JSON_OBJECT) {
        for ( ;; ) {
            token = trd_json_next(&r);

            if (token != TRD_JSON_KEY
                || trd_request_member(&r, out, members, &error)
                   == TRD_JSON_ERROR)
            {
                break;
            }
        }

    } else {
        error = trd_request_fail(out, TRD_REQUEST_BAD_MESSAGE,
                                 "a message is a JSON object", "", 0, "");

        if (token == TRD_JSON_ARRAY) {
            (void) trd_json_skip(&r);
        }
    }

    if (trd_json_next(&r) != TRD_JSON_END) {
        return trd_request_fail(out, TRD_REQUEST_BAD_JSON,
                                r.too_deep ? "nested too deeply"
                                           : "not valid JSON", "", 0, "");
    }

    return error;
}


static trd_request_error_t
trd_request_type(trd_request_t *out, const trd_member_t *member)
{
    char    buf[TRD_REQUEST_SHOWN];
    size_t  i, n;

    if (member->token != TRD_JSON_STRING) {
        return trd_request_wrong(out, TRD_REQUEST_BAD_MESSAGE, TRD_MEMBER_TYPE,
                                 (member->token == TRD_JSON_ERROR)
                                 ? " is missing" : " is not a string");
    }

    n = trd_json_unescape(member->text + 1, member->len - 2, buf, sizeof(buf));

    for (i = 0; i < TRD_REQUEST_TYPES; i++) {
        if (strlen(trd_request_types[i]) == n
            && memcmp(trd_request_types[i], buf, n) == 0)
        {
            out->type = (trd_request_type_t) i;
            return TRD_REQUEST_OK;
        }
    }

    return trd_request_fail(out, TRD_REQUEST_UNKNOWN_TYPE,
                            "there is no type ", buf,
                            (n > sizeof(buf)) ? sizeof(buf) : n, "");
}


/* what a message of this type cannot be without */
static trd_request_error_t
trd_request_needs(trd_request_t *out)
{
    trd_member_id_t  id;

    id = TRD_MEMBER_N;

    switch (out->type) {

    case TRD_REQUEST_SUBSCRIBE:
    case TRD_REQUEST_UNSUBSCRIBE:
        if (out->channels == 0) {
            id = TRD_MEMBER_CHANNELS;
        }

        break;

    case TRD_REQUEST_RESUME:
        if (out->channels == 0) {
            id = TRD_MEMBER_CHANNELS;

        } else if (!out->has_seq) {
            id = TRD_MEMBER_SEQ;
        }

        break;

    case TRD_REQUEST_AUTH:
        if (out->token == NULL) {
            id = TRD_MEMBER_TOKEN;
        }

        break;

    default:
        break;
    }

    return (id == TRD_MEMBER_N) ? TRD_REQUEST_OK
                                : trd_request_wrong(out,
                                                    TRD_REQUEST_BAD_MESSAGE,
                                                    id, " is missing");
}


trd_request_error_t
trd_request_read(const char *data, size_t len, trd_request_t *out)
{
    unsigned             id;
    trd_member_t         members[TRD_MEMBER_N], *m;
    trd_request_error_t  error;

    memset(out, 0, sizeof(trd_request_t));
    memset(members, 0, sizeof(members));

    error = trd_request_scan(out, data, len, members);
    if (error != TRD_REQUEST_OK) {
        return error;
    }

    error = trd_request_type(out, &members[TRD_MEMBER_TYPE]);
    if (error != TRD_REQUEST_OK) {
        return error;
    }

    for (id = TRD_MEMBER_CHANNELS; id <= TRD_MEMBER_CLASSES; id++) {
        error = trd_request_list(out, (trd_member_id_t) id, &members[id]);
        if (error != TRD_REQUEST_OK) {
            return error;
        }
    }

    out->symbols = members[TRD_MEMBER_SYMBOLS].text;
    out->symbols_len = members[TRD_MEMBER_SYMBOLS].len;

    error = trd_request_number(out, TRD_MEMBER_SEQ, &members[TRD_MEMBER_SEQ],
                               &out->seq, &out->has_seq);
    if (error != TRD_REQUEST_OK) {
        return error;
    }

    error = trd_request_number(out, TRD_MEMBER_EPOCH,
                               &members[TRD_MEMBER_EPOCH], &out->epoch,
                               &out->has_epoch);
    if (error != TRD_REQUEST_OK) {
        return error;
    }

    m = &members[TRD_MEMBER_TOKEN];

    if (m->token == TRD_JSON_STRING) {
        out->token = m->text + 1;
        out->token_len = m->len - 2;

    } else if (m->token != TRD_JSON_ERROR) {
        return trd_request_wrong(out, TRD_REQUEST_BAD_MESSAGE,
                                 TRD_MEMBER_TOKEN, " is not a string");
    }

    return trd_request_needs(out);
}
