/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the texts of tokens mean: escapes of strings, and integers; see
 * trd_json_read.h.
 */

#include <string.h>

#include "trd_json_text.h"


/* four hex digits, or -1 */
static int32_t
trd_json_hex4(const char *p, const char *end)
{
    int      i, c;
    int32_t  v;

    if (end - p < 4) {
        return -1;
    }

    v = 0;

    for (i = 0; i < 4; i++) {
        c = p[i];

        if (c >= '0' && c <= '9') {
            c -= '0';

        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            c = (c | 0x20) - 'a' + 10;

        } else {
            return -1;
        }

        v = v * 16 + c;
    }

    return v;
}


int32_t
trd_json_escape(const char *p, const char *end, const char **next)
{
    int32_t  high, low;

    if (p == end) {
        return -1;
    }

    *next = p + 1;

    switch (*p) {
    case '"':
    case '\\':
    case '/':
        return *p;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'u':
        break;
    default:
        return -1;
    }

    high = trd_json_hex4(p + 1, end);
    if (high < 0) {
        return -1;
    }

    *next = p + 5;

    if (high < 0xd800 || high > 0xdfff) {
        return high;
    }

    if (high > 0xdbff || end - p < 7 || p[5] != '\\' || p[6] != 'u') {
        return -1;
    }

    low = trd_json_hex4(p + 7, end);
    if (low < 0xdc00 || low > 0xdfff) {
        return -1;
    }

    *next = p + 11;

    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}


/* UTF-8 of a code point, 1 to 4 bytes */
static unsigned
trd_json_encode(int32_t c, char *buf)
{
    if (c < 0x80) {
        buf[0] = (char) c;
        return 1;
    }

    if (c < 0x800) {
        buf[0] = (char) (0xc0 | c >> 6);
        buf[1] = (char) (0x80 | (c & 0x3f));
        return 2;
    }

    if (c < 0x10000) {
        buf[0] = (char) (0xe0 | c >> 12);
        buf[1] = (char) (0x80 | (c >> 6 & 0x3f));
        buf[2] = (char) (0x80 | (c & 0x3f));
        return 3;
    }

    buf[0] = (char) (0xf0 | c >> 18);
    buf[1] = (char) (0x80 | (c >> 12 & 0x3f));
    buf[2] = (char) (0x80 | (c >> 6 & 0x3f));
    buf[3] = (char) (0x80 | (c & 0x3f));

    return 4;
}


size_t
trd_json_unescape(const char *text, size_t len, char *buf, size_t size)
{
    char         utf8[4];
    size_t       need;
    int32_t      c;
    unsigned     i, n;
    const char  *p, *end;

    p = text;
    end = text + len;
    need = 0;

    while (p < end) {
        utf8[0] = *p++;
        n = 1;

        if (utf8[0] == '\\') {
            c = trd_json_escape(p, end, &p);
            if (c >= 0) {
                n = trd_json_encode(c, utf8);
            }
        }

        for (i = 0; i < n; i++, need++) {
            if (need < size) {
                buf[need] = utf8[i];
            }
        }
    }

    return need;
}


int
trd_json_is(const trd_json_t *r, const char *s, size_t len)
{
    char  buf[32];

    if (!r->escaped) {
        return r->len == len && memcmp(r->text, s, len) == 0;
    }

    return len <= sizeof(buf)
           && trd_json_unescape(r->text, r->len, buf, sizeof(buf)) == len
           && memcmp(buf, s, len) == 0;
}


trd_rc_t
trd_json_i64(const char *text, size_t len, int64_t *out)
{
    int          negative, overflow;
    uint64_t     v, digit, limit;
    const char  *p, *end, *checked;

    p = text;
    end = text + len;
    negative = 0;

    if (p < end && *p == '-') {
        negative = 1;
        p++;
    }

    if (p == end) {
        return TRD_ERROR;
    }

    v = 0;
    overflow = 0;
    limit = (uint64_t) INT64_MAX + (unsigned) negative;

    /* eighteen digits always fit */
    checked = (end - p > 18) ? p + 18 : end;

    for ( /* void */ ; p < end; p++) {
        if (*p < '0' || *p > '9') {
            return TRD_ERROR;
        }

        digit = (uint64_t) (*p - '0');

        if (p >= checked && v > (limit - digit) / 10) {
            overflow = 1;
        }

        v = v * 10 + digit;
    }

    if (overflow) {
        return TRD_OVERFLOW;
    }

    *out = (negative && v != 0) ? -(int64_t) (v - 1) - 1 : (int64_t) v;

    return TRD_OK;
}
