/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * UTF-8 the slow and plain way, to compare with: each sequence is decoded by
 * the ones that its first byte begins with, and is right if writing the code
 * point again gives the same bytes.
 */

#ifndef UTF8_ORACLE_H
#define UTF8_ORACLE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>


/* how a code point is written; 0 bytes if none may be */
static size_t
utf8_oracle_write(uint32_t c, uint8_t *buf)
{
    size_t  i, n;

    static const uint8_t  first[5] = { 0, 0, 0xc0, 0xe0, 0xf0 };

    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        return 0;
    }

    if (c < 0x80) {
        buf[0] = (uint8_t) c;
        return 1;
    }

    n = (c < 0x800) ? 2 : (c < 0x10000) ? 3 : 4;

    for (i = n; i > 0; i--, c >>= 6) {
        buf[i - 1] = (uint8_t) ((i == 1) ? first[n] | c : 0x80 | (c & 0x3f));
    }

    return n;
}


static inline int
utf8_oracle(const uint8_t *s, size_t len)
{
    size_t    i, n, ones;
    uint8_t   again[4];
    uint32_t  c;

    while (len) {
        for (ones = 0; ones < 8 && (s[0] & 0x80 >> ones); ones++) { /* void */ }

        n = (ones == 0) ? 1 : ones;

        if (ones == 1 || n > 4 || n > len) {
            return 0;
        }

        c = s[0] & (0xffu >> (ones + 1));

        for (i = 1; i < n; i++) {
            c = c << 6 | (s[i] & 0x3f);
        }

        if (ones == 0) {
            c = s[0];
        }

        if (utf8_oracle_write(c, again) != n || memcmp(again, s, n) != 0) {
            return 0;
        }

        s += n;
        len -= n;
    }

    return 1;
}

#endif /* UTF8_ORACLE_H */
