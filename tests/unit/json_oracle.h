/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Compares the JSON reader with jansson on one text: both refuse it, or both
 * take it and the values are the same.  Used by unit tests and fuzzers.
 *
 * Known differences, which are not counted:
 *   - jansson refuses numbers that no int64_t or double holds, and keys with
 *     \u0000 in them; the reader has no reason to.  As jansson stops there,
 *     nothing is known of the rest of such a text;
 *   - the reader refuses what is nested deeper than TRD_JSON_DEPTH;
 *   - jansson 2.14 overlooks a NUL byte right after a number or literal.
 */

#ifndef JSON_ORACLE_H
#define JSON_ORACLE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "trd_json_read.h"

#define JSON_ORACLE_FLAGS  (JSON_DECODE_ANY | JSON_ALLOW_NUL)

static json_t *json_oracle_next(trd_json_t *r, trd_json_token_t token);


static inline char *
json_oracle_string(const trd_json_t *r, size_t *len)
{
    char  *s;

    s = malloc(r->len + 1);
    if (s == NULL) {
        abort();
    }

    *len = trd_json_unescape(r->text, r->len, s, r->len);

    if (*len > r->len || (!r->escaped && *len != r->len)
        || !trd_json_is(r, s, *len) != (r->escaped && *len > 32))
    {
        abort();
    }

    return s;
}


static inline json_t *
json_oracle_number(const trd_json_t *r)
{
    char      buf[64], *s;
    double    d;
    json_t   *json;
    int64_t   v;

    if (trd_json_i64(r->text, r->len, &v) == TRD_OK) {
        return json_integer(v);
    }

    s = (r->len < sizeof(buf)) ? buf : malloc(r->len + 1);
    if (s == NULL) {
        abort();
    }

    memcpy(s, r->text, r->len);
    s[r->len] = '\0';
    d = strtod(s, NULL);

    /* jansson has none of the infinite ones, but is not asked for them */
    json = json_real((d > 1.7e308 || d < -1.7e308) ? 0 : d);

    if (s != buf) {
        free(s);
    }

    return json;
}


/* members or elements up to the closing token; NULL if they are malformed */
static json_t *
json_oracle_inside(trd_json_t *r, trd_json_token_t open)
{
    char              *key;
    size_t             len;
    json_t            *json, *value;
    trd_json_token_t   token;

    json = (open == TRD_JSON_OBJECT) ? json_object() : json_array();
    key = NULL;
    len = 0;

    for ( ;; ) {
        token = trd_json_next(r);

        if (token == (open == TRD_JSON_OBJECT ? TRD_JSON_OBJECT_END
                                              : TRD_JSON_ARRAY_END))
        {
            return json;
        }

        if (open == TRD_JSON_OBJECT) {
            if (token != TRD_JSON_KEY) {
                break;
            }

            key = json_oracle_string(r, &len);
            token = trd_json_next(r);
        }

        value = json_oracle_next(r, token);
        if (value == NULL) {
            free(key);
            break;
        }

        if (open == TRD_JSON_OBJECT) {
            json_object_setn_new_nocheck(json, key, len, value);
            free(key);
            key = NULL;

        } else {
            json_array_append_new(json, value);
        }
    }

    json_decref(json);

    return NULL;
}


static json_t *
json_oracle_next(trd_json_t *r, trd_json_token_t token)
{
    char    *s;
    size_t   len;
    json_t  *json;

    switch (token) {
    case TRD_JSON_OBJECT:
    case TRD_JSON_ARRAY:
        return json_oracle_inside(r, token);
    case TRD_JSON_STRING:
        s = json_oracle_string(r, &len);
        json = json_stringn_nocheck(s, len);
        free(s);
        return json;
    case TRD_JSON_NUMBER:
        return json_oracle_number(r);
    case TRD_JSON_TRUE:
        return json_true();
    case TRD_JSON_FALSE:
        return json_false();
    case TRD_JSON_NULL:
        return json_null();
    case TRD_JSON_ERROR:
        return NULL;
    default:
        abort();
    }
}


/* what the reader makes of a text, as a tree; NULL: refused */
static inline json_t *
json_oracle_ours(const char *text, size_t len, int *too_deep)
{
    json_t            *json;
    trd_json_t         r;
    trd_json_token_t   token;

    trd_json_init(&r, text, len);
    token = trd_json_next(&r);
    json = json_oracle_next(&r, token);

    if (json != NULL && trd_json_next(&r) != TRD_JSON_END) {
        json_decref(json);
        json = NULL;
    }

    /* the end and an error stay what they are */
    if (trd_json_next(&r) != (json ? TRD_JSON_END : TRD_JSON_ERROR)
        || trd_json_value(&r) != (json ? TRD_JSON_END : TRD_JSON_ERROR)
        || trd_json_skip(&r) != TRD_JSON_ERROR)
    {
        abort();
    }

    *too_deep = r.too_deep;

    return json;
}


/* is it well formed when its inside is passed over? */
static inline int
json_oracle_skipped(const char *text, size_t len)
{
    trd_json_t        r;
    trd_json_token_t  token;

    trd_json_init(&r, text, len);
    token = trd_json_value(&r);

    return token != TRD_JSON_ERROR && trd_json_next(&r) == TRD_JSON_END;
}


/* NULL, or in what they differ; *valid: jansson takes it */
static inline const char *
json_oracle_compare(const char *text, size_t len, int *valid)
{
    int            too_deep, nul;
    json_t        *ours, *theirs;
    const char    *why;
    json_error_t   error;

    error.text[JSON_ERROR_TEXT_LENGTH - 1] = 0;
    theirs = json_loadb(text, len, JSON_ORACLE_FLAGS, &error);
    ours = json_oracle_ours(text, len, &too_deep);
    *valid = (theirs != NULL);
    why = NULL;

    nul = (len > 0 && memchr(text, 0, len) != NULL);

    if (json_oracle_skipped(text, len) != (ours != NULL)) {
        why = "read and passed over are not the same";

    } else if (nul && ours != NULL) {
        why = "we take a NUL byte";

    } else if (theirs == NULL && ours != NULL) {
        if (json_error_code(&error) != json_error_numeric_overflow
            && json_error_code(&error) != json_error_null_byte_in_key)
        {
            why = "only we take it";
        }

    } else if (theirs != NULL && ours == NULL) {
        if (!too_deep && !nul) {
            why = "only jansson takes it";
        }

    } else if (theirs != NULL && !json_equal(ours, theirs)) {
        why = "the values differ";
    }

    json_decref(ours);
    json_decref(theirs);

    return why;
}

#endif /* JSON_ORACLE_H */
