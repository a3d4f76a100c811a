/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A pull reader for JSON, over a pointer and a length.  It is strict: RFC
 * 8259, valid UTF-8, one value and nothing after it.  Nothing is allocated
 * and nothing is copied: tokens are slices of the input, which must outlive
 * the reader and need not be NUL-ended.  Made for short feed messages.
 *
 * What the RFC leaves to the reader: nesting is bounded by TRD_JSON_DEPTH;
 * \u escapes of half a surrogate pair are refused; \u0000 is taken; numbers
 * are of any size (they are text until somebody converts them); keys may
 * repeat, and what that means is the caller's; a byte order mark is an error.
 */

#ifndef TRD_JSON_READ_H
#define TRD_JSON_READ_H

#include <stddef.h>
#include <stdint.h>

#include "trd_rc.h"

#define TRD_JSON_DEPTH  32      /* bits in trd_json_t.objects */

typedef enum {
    TRD_JSON_ERROR = 0,         /* malformed; so are all calls from then on */
    TRD_JSON_END,               /* the value is over, and the input with it */
    TRD_JSON_OBJECT,
    TRD_JSON_OBJECT_END,
    TRD_JSON_ARRAY,
    TRD_JSON_ARRAY_END,
    TRD_JSON_KEY,               /* its colon is read, too */
    TRD_JSON_STRING,
    TRD_JSON_NUMBER,
    TRD_JSON_TRUE,
    TRD_JSON_FALSE,
    TRD_JSON_NULL
} trd_json_token_t;

/* text and len are of the last token; the rest is the reader's own */
typedef struct {
    const char  *text;          /* keys and strings: raw, between the quotes */
    size_t       len;
    const char  *pos;
    const char  *end;
    uint32_t     objects;       /* a bit a level, the innermost lowest */
    uint8_t      depth;
    uint8_t      state;
    uint8_t      escaped;       /* the key or string holds escapes */
    uint8_t      too_deep;      /* the error is TRD_JSON_DEPTH */
} trd_json_t;

void trd_json_init(trd_json_t *r, const char *data, size_t len);

/* The next token.  A text was well formed if TRD_JSON_END is reached. */
trd_json_token_t trd_json_next(trd_json_t *r);

/*
 * As trd_json_next(), but of an object or array all is read and text covers
 * it, brackets included.  TRD_JSON_ERROR if its inside is malformed.
 */
trd_json_token_t trd_json_value(trd_json_t *r);

/*
 * Reads on to the end of the object or array that is open, and returns its
 * closing token, or TRD_JSON_ERROR.
 */
trd_json_token_t trd_json_skip(trd_json_t *r);

/* Is the last token, a key or string, this text once escapes are undone? */
int trd_json_is(const trd_json_t *r, const char *s, size_t len);

/*
 * Undoes the escapes of a raw string: at most size bytes are written to buf,
 * the length of the whole is returned.  For slices that the reader gave; of
 * other bytes the result is some text, within bounds all the same.
 */
size_t trd_json_unescape(const char *text, size_t len, char *buf, size_t size);

/*
 * The text of a number as an integer.  TRD_ERROR: not of the form
 * "[-]digits", TRD_OVERFLOW: not in 64 bits.
 */
trd_rc_t trd_json_i64(const char *text, size_t len, int64_t *out)
    TRD_MUST_CHECK;

#endif /* TRD_JSON_READ_H */
