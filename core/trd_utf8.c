/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * UTF-8 as RFC 3629 has it: nothing overlong, no surrogates, nothing beyond
 * U+10FFFF.
 */

#include <stdint.h>

#include "trd_utf8.h"


size_t
trd_utf8_len(const unsigned char *s, size_t left)
{
    size_t    len, i;
    uint32_t  c;

    if (s[0] < 0x80) {
        return 1;

    } else if (s[0] >= 0xc2 && s[0] <= 0xdf) {
        len = 2;
        c = s[0] & 0x1f;

    } else if ((s[0] & 0xf0) == 0xe0) {
        len = 3;
        c = s[0] & 0x0f;

    } else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
        len = 4;
        c = s[0] & 0x07;

    } else {
        return 0;
    }

    if (left < len) {
        return 0;
    }

    for (i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }

        c = c << 6 | (s[i] & 0x3f);
    }

    if ((len == 3 && (c < 0x800 || (c >= 0xd800 && c <= 0xdfff)))
        || (len == 4 && (c < 0x10000 || c > 0x10ffff)))
    {
        return 0;
    }

    return len;
}
