/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What trd_decimal_parse() must return, worked out the slow way: by the
 * grammar first, then digit by digit with a check at each.
 */

#ifndef DECIMAL_ORACLE_H
#define DECIMAL_ORACLE_H

#include <string.h>

#include "trd_decimal.h"


static inline trd_rc_t
decimal_oracle(const char *s, size_t len, int64_t *e8)
{
    char      text[512];
    int       negative;
    size_t    i, dot, n;
    int64_t   v;

    negative = (len > 0 && s[0] == '-');
    s += negative;
    len -= (size_t) negative;

    for (dot = 0; dot < len && s[dot] != '.'; dot++) { /* void */ }

    if (dot == 0 || dot + 1 == len || len + 8 > sizeof(text)) {
        return TRD_ERROR;
    }

    for (i = 0; i < len; i++) {
        if (i != dot && strchr("0123456789", s[i] ? s[i] : 'x') == NULL) {
            return TRD_ERROR;
        }

        if (i > dot + 8 && s[i] != '0') {
            return TRD_ERROR;
        }
    }

    /* the digits without the dot, with exactly eight of them behind it */
    memcpy(text, s, dot);
    n = dot;

    for (i = dot + 1; i < dot + 9; i++) {
        text[n++] = (i < len) ? s[i] : '0';
    }

    v = 0;

    for (i = 0; i < n; i++) {
        if (__builtin_mul_overflow(v, 10, &v)
            || __builtin_sub_overflow(v, text[i] - '0', &v))
        {
            return TRD_OVERFLOW;
        }
    }

    if (!negative && __builtin_sub_overflow(0, v, &v)) {
        return TRD_OVERFLOW;
    }

    *e8 = v;

    return TRD_OK;
}

#endif /* DECIMAL_ORACLE_H */
