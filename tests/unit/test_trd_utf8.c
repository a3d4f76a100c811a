/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Every code point there is, written out and cut short, and every first byte
 * with every second one.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "trd_utf8.h"


/* c in n bytes, whether it needs so many or not */
static void
encode(uint32_t c, size_t n, unsigned char *s)
{
    size_t  i;

    static const unsigned char  lead[5] = { 0, 0, 0xc0, 0xe0, 0xf0 };

    for (i = n - 1; i > 0; i--) {
        s[i] = (unsigned char) (0x80 | (c & 0x3f));
        c >>= 6;
    }

    s[0] = (unsigned char) (lead[n] | c);
}


/* in a block of its own size, so that a sanitizer sees a byte too many */
static size_t
len_of(const unsigned char *s, size_t left)
{
    size_t          n;
    unsigned char  *copy;

    copy = malloc(left);
    assert_non_null(copy);
    memcpy(copy, s, left);

    n = trd_utf8_len(copy, left);
    free(copy);

    return n;
}


static void
test_utf8_len_every_code_point(void **state)
{
    int            surrogate;
    size_t         n, least;
    uint32_t       c;
    unsigned char  s[4];

    (void) state;

    for (c = 0; c < 0x200000; c++) {
        least = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        surrogate = c >= 0xd800 && c <= 0xdfff;

        for (n = least; n <= 4; n++) {
            encode(c, n, s);

            assert_int_equal(len_of(s, n),
                             n == least && !surrogate && c <= 0x10ffff
                             ? n : 0);
        }
    }
}


static void
test_utf8_len_cut_or_broken(void **state)
{
    size_t         n, i;
    unsigned char  s[4];

    static const uint32_t  sample[5] = { 0, 0, 0xe9, 0x20ac, 0x1f600 };

    (void) state;

    for (n = 2; n <= 4; n++) {
        encode(sample[n], n, s);

        for (i = 1; i < n; i++) {
            assert_int_equal(len_of(s, i), 0);
        }

        for (i = 1; i < n; i++) {
            encode(sample[n], n, s);
            s[i] = 'A';
            assert_int_equal(len_of(s, n), 0);
            s[i] = 0xc3;
            assert_int_equal(len_of(s, n), 0);
        }
    }
}


static void
test_utf8_len_two_bytes(void **state)
{
    unsigned       a, b;
    unsigned char  s[2];

    (void) state;

    for (a = 0; a < 256; a++) {
        for (b = 0; b < 256; b++) {
            s[0] = (unsigned char) a;
            s[1] = (unsigned char) b;

            assert_int_equal(len_of(s, 2),
                             a < 0x80 ? 1
                             : a >= 0xc2 && a <= 0xdf && (b & 0xc0) == 0x80
                             ? 2 : 0);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_utf8_len_every_code_point),
        cmocka_unit_test(test_utf8_len_cut_or_broken),
        cmocka_unit_test(test_utf8_len_two_bytes)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
