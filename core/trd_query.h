/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What a client's request says, read with bounds: query strings, percent
 * encoding, comma lists, Accept-Encoding and traceparent.  Pure: inputs are
 * pointer and length, nothing is allocated and nothing is NUL-terminated.
 */

#ifndef TRD_QUERY_H
#define TRD_QUERY_H

#include <stddef.h>
#include <stdint.h>

#include "trd_rc.h"

typedef struct {
    const char  *pos;
    const char  *end;
} trd_query_t;

typedef struct {
    const char  *name;
    const char  *value;         /* still percent-encoded */
    size_t       name_len;
    size_t       value_len;
} trd_pair_t;

/* the parameters that there are; others are left alone */
typedef enum {
    TRD_PARAM_MAX_AGE_MS = 0,
    TRD_PARAM_SYMBOLS,
    TRD_PARAM_FIELDS,
    TRD_PARAM_MODEL,
    TRD_PARAM_TIMEFRAME,
    TRD_PARAM_INTERVAL,
    TRD_PARAM_LIMIT,
    TRD_PARAM_END,
    TRD_PARAM_LEVELS,
    TRD_PARAM_FORMAT,
    TRD_PARAM_AFTER_SEQ,
    TRD_PARAM_TIMEOUT_MS,
    TRD_PARAM_N
} trd_param_t;

void trd_query_init(trd_query_t *q, const char *args, size_t len);

/* The next name=value; empty pieces are skipped.  TRD_NOT_FOUND: the end. */
trd_rc_t trd_query_next(trd_query_t *q, trd_pair_t *pair) TRD_MUST_CHECK;

/* TRD_PARAM_*, or -1; names are case-sensitive */
int trd_param_find(const char *name, size_t len);

/* NULL out of range */
const char *trd_param_name(unsigned param);

/*
 * %XX and '+' into bytes.  TRD_ERROR: a broken escape, or one of a control
 * byte; TRD_OVERFLOW: the result would be longer than size.
 */
trd_rc_t trd_percent_decode(const char *s, size_t len, char *buf,
    size_t size, size_t *out) TRD_MUST_CHECK;

/* The next piece up to a comma, which may be empty.  TRD_NOT_FOUND: the end */
trd_rc_t trd_list_next(trd_query_t *list, const char **item, size_t *len)
    TRD_MUST_CHECK;

/* Digits only.  TRD_ERROR: anything else; TRD_OVERFLOW: above max. */
trd_rc_t trd_parse_u64(const char *s, size_t len, uint64_t max,
    uint64_t *out) TRD_MUST_CHECK;

/*
 * A moment in ms since 1970: such a number, or RFC 3339 with any offset and
 * any number of decimals (those after the third are cut).  A blank counts as
 * the '+' that it was before the query string was decoded.  TRD_ERROR:
 * neither; TRD_OVERFLOW: after the year 9999.
 */
trd_rc_t trd_parse_time(const char *s, size_t len, int64_t *ms)
    TRD_MUST_CHECK;

/* 1 if s is valid UTF-8 without control bytes */
int trd_text_ok(const char *s, size_t len);

/* 1 if an Accept-Encoding value takes gzip: listed, or by *, with q > 0 */
int trd_accepts_gzip(const char *s, size_t len);

/* 1 if s may stand as a request id: 1 to 128 of [A-Za-z0-9._-] */
int trd_request_id_ok(const char *s, size_t len);

/* 1 if s is a W3C traceparent with ids that are not all zero */
int trd_traceparent_ok(const char *s, size_t len);

#endif /* TRD_QUERY_H */
