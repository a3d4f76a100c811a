/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The two JSON shapes of rates.  They differ in the name of the time and in
 * how a refusal looks, so one reader takes both.
 */

#include <string.h>

#include "trd_json_read.h"
#include "trd_rates.h"

#define RATES_TIME_MAX  253402300799LL          /* the year 9999 */


/* a word that may stand in a log */

static void
trd_rates_word(char *out, size_t size, const char *text, size_t len)
{
    size_t  i;

    for (i = 0; i < len && i < size - 1; i++) {
        out[i] = (text[i] >= 'a' && text[i] <= 'z')
                 || (text[i] >= 'A' && text[i] <= 'Z')
                 || (text[i] >= '0' && text[i] <= '9') ? text[i] : '_';
    }

    out[i] = '\0';
}


/* {"EUR":0.99,...}: numbers only */

static trd_rc_t
trd_rates_object(trd_json_t *j, trd_rates_t *out)
{
    size_t            len;
    trd_rc_t          rc;
    const char       *code;
    trd_json_token_t  token;

    for ( ;; ) {
        token = trd_json_next(j);

        if (token == TRD_JSON_OBJECT_END) {
            return TRD_OK;
        }

        if (token != TRD_JSON_KEY) {
            return TRD_ERROR;
        }

        /* a code has no need of escapes: then it is skipped as no code */
        code = j->text;
        len = j->len;

        if (trd_json_next(j) != TRD_JSON_NUMBER) {
            return TRD_ERROR;
        }

        rc = trd_rates_add(out, code, len, j->text, j->len);
        if (rc != TRD_OK) {
            return rc;
        }
    }
}


/* "error":{"code":101,"type":"invalid_access_key",...} */

static trd_rc_t
trd_rates_error(trd_json_t *j, trd_rates_t *out)
{
    int               type;
    trd_json_token_t  token;

    for ( ;; ) {
        token = trd_json_next(j);

        if (token == TRD_JSON_OBJECT_END) {
            return TRD_OK;
        }

        if (token != TRD_JSON_KEY) {
            return TRD_ERROR;
        }

        type = trd_json_is(j, "type", 4);
        token = trd_json_value(j);

        if (token == TRD_JSON_ERROR) {
            return TRD_ERROR;
        }

        if (type && token == TRD_JSON_STRING) {
            trd_rates_word(out->error, sizeof(out->error), j->text, j->len);
        }
    }
}


enum {
    RATES_BASE = 1,
    RATES_TIME = 2,
    RATES_RATES = 4,
    RATES_SUCCESS = 8,
    RATES_ERROR = 16,
    RATES_RESULT = 32
};


static unsigned
trd_rates_field(const trd_json_t *j, const char *time)
{
    unsigned  i;

    static const struct {
        const char  *name;
        unsigned     field;
    } fields[] = {
        { "base", RATES_BASE }, { "rates", RATES_RATES },
        { "success", RATES_SUCCESS }, { "error", RATES_ERROR },
        { "result", RATES_RESULT }, { "error-type", RATES_ERROR },
        { "error_type", RATES_ERROR }
    };

    if (trd_json_is(j, time, strlen(time))) {
        return RATES_TIME;
    }

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (trd_json_is(j, fields[i].name, strlen(fields[i].name))) {
            return fields[i].field;
        }
    }

    return 0;
}


/* the value of a field; *failed is set where the service says no */

static trd_rc_t
trd_rates_value(trd_json_t *j, unsigned field, trd_rates_t *out, int *failed)
{
    int64_t           s;
    trd_json_token_t  token;

    token = (field == RATES_RATES || field == RATES_ERROR) ? trd_json_next(j)
                                                           : trd_json_value(j);
    switch (field) {

    case RATES_BASE:
        if (token != TRD_JSON_STRING || j->escaped || j->len < 3
            || j->len > TRD_RATES_CODE)
        {
            return TRD_ERROR;
        }

        trd_rates_word(out->base, sizeof(out->base), j->text, j->len);
        return TRD_OK;

    case RATES_TIME:
        if (token != TRD_JSON_NUMBER
            || trd_json_i64(j->text, j->len, &s) != TRD_OK
            || s <= 0 || s > RATES_TIME_MAX)
        {
            return TRD_ERROR;
        }

        out->time_ms = s * 1000;
        return TRD_OK;

    case RATES_RATES:
        return token == TRD_JSON_OBJECT ? trd_rates_object(j, out)
                                        : TRD_ERROR;

    case RATES_SUCCESS:
        *failed |= token != TRD_JSON_TRUE;
        break;

    case RATES_RESULT:
        *failed |= token == TRD_JSON_STRING && trd_json_is(j, "error", 5);
        break;

    case RATES_ERROR:
        *failed = 1;

        if (token == TRD_JSON_OBJECT) {
            return trd_rates_error(j, out);
        }

        if (token == TRD_JSON_STRING) {
            trd_rates_word(out->error, sizeof(out->error), j->text, j->len);

        } else if (token == TRD_JSON_ARRAY
                   && trd_json_skip(j) != TRD_JSON_ARRAY_END)
        {
            return TRD_ERROR;
        }

        break;

    default:
        break;
    }

    return token == TRD_JSON_ERROR ? TRD_ERROR : TRD_OK;
}


static trd_rc_t
trd_rates_json(const char *text, size_t len, const char *time,
    trd_rates_t *out)
{
    int               failed;
    unsigned          field, seen;
    trd_rc_t          rc;
    trd_json_t        j;
    trd_json_token_t  token;

    memset(out, 0, offsetof(trd_rates_t, rate));
    out->error[0] = '\0';
    failed = 0;
    seen = 0;

    trd_json_init(&j, text, len);

    if (trd_json_next(&j) != TRD_JSON_OBJECT) {
        return TRD_ERROR;
    }

    while ((token = trd_json_next(&j)) == TRD_JSON_KEY) {

        field = trd_rates_field(&j, time);

        if (field & seen & (RATES_BASE | RATES_TIME | RATES_RATES)) {
            return TRD_ERROR;           /* which one is meant? */
        }

        seen |= field;

        rc = trd_rates_value(&j, field, out, &failed);
        if (rc != TRD_OK) {
            return rc;
        }
    }

    if (token != TRD_JSON_OBJECT_END || trd_json_next(&j) != TRD_JSON_END) {
        return TRD_ERROR;
    }

    return failed ? TRD_NOT_FOUND : trd_rates_finish(out);
}


trd_rc_t
trd_rates_exchangerate(const char *text, size_t len, trd_rates_t *out)
{
    return trd_rates_json(text, len, "time_last_updated", out);
}


trd_rc_t
trd_rates_metals(const char *text, size_t len, trd_rates_t *out)
{
    return trd_rates_json(text, len, "timestamp", out);
}
