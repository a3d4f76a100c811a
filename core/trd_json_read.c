/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The JSON pull reader, see trd_json_read.h.  A state machine over one
 * bounded cursor: every byte is looked at only after pos was compared with
 * end.  Strings are most of a message, so their plain bytes are passed over
 * sixteen at a time where SSE2 is there.
 */

#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "trd_json_text.h"
#include "trd_utf8.h"


/* what may come next */
enum {
    TRD_JSON_AT_VALUE = 0,
    TRD_JSON_AT_FIRST_KEY,      /* or the end of an empty object */
    TRD_JSON_AT_FIRST_VALUE,    /* or the end of an empty array */
    TRD_JSON_AT_COMMA,          /* or the end of what is open */
    TRD_JSON_AT_END,
    TRD_JSON_FAILED
};


void
trd_json_init(trd_json_t *r, const char *data, size_t len)
{
    r->text = data;
    r->len = 0;
    r->pos = data;
    r->end = data + len;
    r->objects = 0;
    r->depth = 0;
    r->state = TRD_JSON_AT_VALUE;
    r->escaped = 0;
    r->too_deep = 0;
}


static trd_json_token_t
trd_json_fail(trd_json_t *r)
{
    r->state = TRD_JSON_FAILED;
    r->len = 0;

    return TRD_JSON_ERROR;
}


static inline const char *
trd_json_blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
        p++;
    }

    return p;
}


static inline int
trd_json_digit(char c)
{
    return c >= '0' && c <= '9';
}


/* the first byte that is not plain: a quote, backslash, control, not ASCII */
static inline const char *
trd_json_plain(const char *p, const char *end)
{
#if defined(__SSE2__)
    int      mask;
    __m128i  v;

    while (end - p >= 16) {
        v = _mm_loadu_si128((const __m128i *) p);

        /* bytes are signed here, so the last test finds both its kinds */
        mask = _mm_movemask_epi8(
                   _mm_or_si128(
                       _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
                                    _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))),
                       _mm_cmplt_epi8(v, _mm_set1_epi8(0x20))));

        if (mask != 0) {
            return p + __builtin_ctz((unsigned) mask);
        }

        p += 16;
    }
#endif

    while (p < end && *p != '"' && *p != '\\' && (unsigned char) *p >= 0x20
           && (unsigned char) *p < 0x80)
    {
        p++;
    }

    return p;
}


/* p after the opening quote; after the closing one is returned, or NULL */
static inline const char *
trd_json_string(trd_json_t *r, const char *p)
{
    size_t       n;
    const char  *end;

    end = r->end;
    r->text = p;
    r->escaped = 0;

    for ( ;; ) {
        p = trd_json_plain(p, end);

        if (p == end) {
            return NULL;
        }

        if (*p == '"') {
            r->len = (size_t) (p - r->text);
            return p + 1;
        }

        if (*p == '\\') {
            r->escaped = 1;

            if (trd_json_escape(p + 1, end, &p) < 0) {
                return NULL;
            }

        } else if ((unsigned char) *p < 0x20) {
            return NULL;

        } else {
            n = trd_utf8_len((const unsigned char *) p, (size_t) (end - p));
            if (n == 0) {
                return NULL;
            }

            p += n;
        }
    }
}


static inline const char *
trd_json_number(const char *p, const char *end)
{
    const char  *digits;

    if (*p == '-') {
        p++;
    }

    if (p == end || !trd_json_digit(*p)) {
        return NULL;
    }

    if (*p++ != '0') {
        while (p < end && trd_json_digit(*p)) {
            p++;
        }
    }

    if (p < end && *p == '.') {
        digits = ++p;

        while (p < end && trd_json_digit(*p)) {
            p++;
        }

        if (p == digits) {
            return NULL;
        }
    }

    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;

        if (p < end && (*p == '+' || *p == '-')) {
            p++;
        }

        digits = p;

        while (p < end && trd_json_digit(*p)) {
            p++;
        }

        if (p == digits) {
            return NULL;
        }
    }

    return p;
}


static inline trd_json_token_t
trd_json_open(trd_json_t *r, const char *p, unsigned object)
{
    if (r->depth == TRD_JSON_DEPTH) {
        r->too_deep = 1;
        return trd_json_fail(r);
    }

    r->depth++;
    r->objects = r->objects << 1 | object;
    r->text = p;
    r->len = 1;
    r->pos = p + 1;

    if (object) {
        r->state = TRD_JSON_AT_FIRST_KEY;
        return TRD_JSON_OBJECT;
    }

    r->state = TRD_JSON_AT_FIRST_VALUE;

    return TRD_JSON_ARRAY;
}


/* called only with something open */
static inline trd_json_token_t
trd_json_close(trd_json_t *r, const char *p)
{
    unsigned  object;

    object = r->objects & 1;

    if (*p != (object ? '}' : ']')) {
        return trd_json_fail(r);
    }

    r->depth--;
    r->objects >>= 1;
    r->text = p;
    r->len = 1;
    r->pos = p + 1;
    r->state = r->depth ? TRD_JSON_AT_COMMA : TRD_JSON_AT_END;

    return object ? TRD_JSON_OBJECT_END : TRD_JSON_ARRAY_END;
}


/* p is at what should be the opening quote */
static inline trd_json_token_t
trd_json_key(trd_json_t *r, const char *p)
{
    if (*p != '"') {
        return trd_json_fail(r);
    }

    p = trd_json_string(r, p + 1);
    if (p == NULL) {
        return trd_json_fail(r);
    }

    p = trd_json_blanks(p, r->end);

    if (p == r->end || *p != ':') {
        return trd_json_fail(r);
    }

    r->pos = p + 1;
    r->state = TRD_JSON_AT_VALUE;

    return TRD_JSON_KEY;
}


static trd_json_token_t
trd_json_literal(trd_json_t *r, const char *p)
{
    size_t            len;
    const char       *s;
    trd_json_token_t  token;

    switch (*p) {
    case 't':
        token = TRD_JSON_TRUE;
        s = "true";
        len = 4;
        break;
    case 'f':
        token = TRD_JSON_FALSE;
        s = "false";
        len = 5;
        break;
    case 'n':
        token = TRD_JSON_NULL;
        s = "null";
        len = 4;
        break;
    default:
        return trd_json_fail(r);
    }

    if ((size_t) (r->end - p) < len || memcmp(p, s, len) != 0) {
        return trd_json_fail(r);
    }

    r->text = p;
    r->len = len;
    r->pos = p + len;
    r->state = r->depth ? TRD_JSON_AT_COMMA : TRD_JSON_AT_END;

    return token;
}


trd_json_token_t
trd_json_next(trd_json_t *r)
{
    const char  *p, *end;

    end = r->end;
    p = trd_json_blanks(r->pos, end);

    if (p == end) {
        return (r->state == TRD_JSON_AT_END) ? TRD_JSON_END
                                             : trd_json_fail(r);
    }

    switch (r->state) {

    case TRD_JSON_AT_VALUE:
        break;

    case TRD_JSON_AT_COMMA:
        if (*p != ',') {
            return trd_json_close(r, p);
        }

        p = trd_json_blanks(p + 1, end);
        if (p == end) {
            return trd_json_fail(r);
        }

        if (r->objects & 1) {
            return trd_json_key(r, p);
        }

        break;

    case TRD_JSON_AT_FIRST_KEY:
        return (*p == '}') ? trd_json_close(r, p) : trd_json_key(r, p);

    case TRD_JSON_AT_FIRST_VALUE:
        if (*p == ']') {
            return trd_json_close(r, p);
        }

        break;

    default: /* TRD_JSON_AT_END, TRD_JSON_FAILED */
        return trd_json_fail(r);
    }

    if (*p == '"') {
        p = trd_json_string(r, p + 1);
        if (p == NULL) {
            return trd_json_fail(r);
        }

        r->pos = p;
        r->state = r->depth ? TRD_JSON_AT_COMMA : TRD_JSON_AT_END;

        return TRD_JSON_STRING;
    }

    if (trd_json_digit(*p) || *p == '-') {
        r->text = p;

        p = trd_json_number(p, end);
        if (p == NULL) {
            return trd_json_fail(r);
        }

        r->len = (size_t) (p - r->text);
        r->pos = p;
        r->state = r->depth ? TRD_JSON_AT_COMMA : TRD_JSON_AT_END;

        return TRD_JSON_NUMBER;
    }

    if (*p == '{') {
        return trd_json_open(r, p, 1);
    }

    if (*p == '[') {
        return trd_json_open(r, p, 0);
    }

    return trd_json_literal(r, p);
}


trd_json_token_t
trd_json_skip(trd_json_t *r)
{
    unsigned          depth;
    trd_json_token_t  token;

    depth = r->depth;

    if (depth == 0) {
        return trd_json_fail(r);
    }

    do {
        token = trd_json_next(r);

        if (token == TRD_JSON_ERROR) {
            return TRD_JSON_ERROR;
        }
    } while (r->depth >= depth);

    return token;
}


trd_json_token_t
trd_json_value(trd_json_t *r)
{
    const char       *start;
    trd_json_token_t  token;

    token = trd_json_next(r);

    if (token != TRD_JSON_OBJECT && token != TRD_JSON_ARRAY) {
        return token;
    }

    start = r->text;

    if (trd_json_skip(r) == TRD_JSON_ERROR) {
        return TRD_JSON_ERROR;
    }

    r->text = start;
    r->len = (size_t) (r->pos - start);

    return token;
}
