/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Decimals: cases by hand, and properties over random numbers.  Products and
 * quotients are compared with multiplication in 32-bit limbs and division
 * bit by bit.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decimal_oracle.h"
#include "recordings.h"
#include "trd_decimal.h"

#define TURNS  200000


/* of any size, small ones and the extremes often */
static int64_t
random_i64(uint64_t *seed)
{
    uint64_t  v;

    static const int64_t  special[] = {
        0, 1, -1, INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1,
        TRD_E8, -TRD_E8, TRD_E8 / 2, 5, 50, -50
    };

    v = recordings_random(seed);

    if (v % 16 == 0) {
        return special[(v >> 8) % (sizeof(special) / sizeof(special[0]))];
    }

    v = recordings_random(seed) >> (v >> 8) % 64;

    return (int64_t) ((recordings_random(seed) & 1) ? 0 - v : v);
}


static uint64_t
magnitude(int64_t v)
{
    return (v < 0) ? 0 - (uint64_t) v : (uint64_t) v;
}


/* a * b / den rounded half up; 1 if that needs more than 64 bits */
static int
oracle_muldiv(uint64_t a, uint64_t b, uint64_t den, uint64_t *out)
{
    int       i, carry;
    uint32_t  limb[4];
    uint64_t  t, q_high, q, rest;

    t = (a & 0xffffffff) * (b & 0xffffffff);
    limb[0] = (uint32_t) t;
    t = (a >> 32) * (b & 0xffffffff) + (t >> 32);
    limb[1] = (uint32_t) t;
    limb[2] = (uint32_t) (t >> 32);
    t = (a & 0xffffffff) * (b >> 32) + limb[1];
    limb[1] = (uint32_t) t;
    t = (a >> 32) * (b >> 32) + limb[2] + (t >> 32);
    limb[2] = (uint32_t) t;
    limb[3] = (uint32_t) (t >> 32);

    rest = q = q_high = 0;

    for (i = 127; i >= 0; i--) {
        carry = (int) (rest >> 63);
        rest = rest << 1 | (limb[i / 32] >> i % 32 & 1);
        q_high = q_high << 1 | q >> 63;
        q <<= 1;

        if (carry || rest >= den) {
            rest -= den;
            q |= 1;
        }
    }

    if (rest >= den - rest && ++q == 0) {
        q_high++;
    }

    *out = q;

    return q_high != 0;
}


static trd_rc_t
oracle_signed(int overflow, uint64_t v, int negative, int64_t *out)
{
    if (overflow || v > (uint64_t) INT64_MAX + (unsigned) negative) {
        return TRD_OVERFLOW;
    }

    *out = (int64_t) (negative ? 0 - v : v);

    return TRD_OK;
}


static void
check_parse(const char *s, size_t len)
{
    char     *exact;
    int64_t   ours, theirs;
    trd_rc_t  want, rc;

    ours = theirs = 4711;
    want = decimal_oracle(s, len, &theirs);

    exact = malloc(len + 1);            /* sanitizers see reads beyond */
    assert_non_null(exact);
    memcpy(exact + 1, s, len);
    rc = trd_decimal_parse(exact + 1, len, &ours);
    free(exact);

    if (rc != want || ours != theirs) {
        fail_msg("\"%.*s\": %d %lld, not %d %lld", (int) len, s, (int) rc,
                 (long long) ours, (int) want, (long long) theirs);
    }
}


static void
test_trd_decimal_parse_values(void **state)
{
    size_t   i;
    int64_t  v;

    static const struct {
        const char  *text;
        int64_t      e8;
    } cases[] = {
        { "0", 0 }, { "-0", 0 }, { "0.0", 0 }, { "-0.00000000", 0 },
        { "1", 100000000 }, { "007", 700000000 }, { "0.1", 10000000 },
        { "59000.01000000", 5900001000000 }, { "0.00000001", 1 },
        { "-0.00000001", -1 }, { "-1.5", -150000000 },
        { "1.000000010000", 100000001 }, { "1.0000000", 100000000 },
        { "92233720368.54775807", INT64_MAX },
        { "-92233720368.54775808", INT64_MIN },
        { "000000000000000000000000000001.10", 110000000 },
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        v = 4711;
        assert_int_equal(trd_decimal_parse(cases[i].text,
                                           strlen(cases[i].text), &v),
                         TRD_OK);
        assert_int_equal(v, cases[i].e8);
    }
}


static void
test_trd_decimal_parse_refused(void **state)
{
    size_t   i;
    int64_t  v;

    static const char  *errors[] = {
        "", "-", ".", ".5", "5.", "-.5", "-5.", "+1", "--1", " 1", "1 ",
        "1e5", "1E5", "0x10", "1,5", "1.2.3", "1.23456789a", "1.2345678:",
        "1./2345678", "1.-2345678", "a.00000000", "1.000000001", "inf",
        "nan", "1.0000000000000000001", "99999999999999999999x",
        "99999999999999.000000001", "\xff.00000000", "1.\xb0\xb1\xb2\xb3"
        "\xb4\xb5\xb6\xb7", "1.0000000\xff"
    };

    static const char  *overflows[] = {
        "92233720368.54775808", "-92233720368.54775809", "92233720369",
        "99999999999.99999999", "100000000000", "184467440737.09551616",
        "18446744073709551616", "-99999999999999999999999999999999.5"
    };

    (void) state;

    v = 4711;

    for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        assert_int_equal(trd_decimal_parse(errors[i], strlen(errors[i]), &v),
                         TRD_ERROR);
    }

    for (i = 0; i < sizeof(overflows) / sizeof(overflows[0]); i++) {
        assert_int_equal(trd_decimal_parse(overflows[i],
                                           strlen(overflows[i]), &v),
                         TRD_OVERFLOW);
    }

    assert_int_equal(v, 4711);
}


static void
test_trd_decimal_parse_nul_byte(void **state)
{
    int64_t  v;

    (void) state;

    assert_int_equal(trd_decimal_parse("1\0", 2, &v), TRD_ERROR);
    assert_int_equal(trd_decimal_parse("1.\0000000000", 10, &v), TRD_ERROR);
}


static void
test_trd_decimal_parse_random(void **state)
{
    char      text[48];
    size_t    len, k;
    unsigned  i;
    uint64_t  seed, dice;

    static const char  bytes[] = "0123456789012345678900000099-.+e /:\xb0";

    (void) state;

    seed = 0x9e3779b97f4a7c15;

    for (i = 0; i < TURNS; i++) {
        dice = recordings_random(&seed);
        len = dice % 30;

        for (k = 0; k < len; k++) {
            text[k] = bytes[recordings_random(&seed)
                            % ((dice >> 16) % 2 ? 28 : sizeof(bytes) - 1)];
        }

        if (len > 12 && (dice >> 8) % 2) {
            text[len - 1 - (dice >> 32) % 11] = '.';
        }

        check_parse(text, len);
    }
}


static void
test_trd_decimal_format_values(void **state)
{
    char    buf[TRD_DECIMAL_LEN];
    size_t  i, len;

    static const struct {
        int64_t      e8;
        unsigned     places;
        const char  *text;
    } cases[] = {
        { 0, 0, "0" }, { 0, 2, "0.00" }, { 1, 0, "0.00000001" },
        { -1, 0, "-0.00000001" }, { 150000000, 0, "1.5" },
        { 150000000, 2, "1.50" }, { -150000000, 8, "-1.50000000" },
        { 100000000, 0, "1" }, { 100000000, 99, "1.00000000" },
        { INT64_MAX, 0, "92233720368.54775807" },
        { INT64_MIN, 3, "-92233720368.54775808" },
        { 5900001000000, 2, "59000.01" }, { 1010000000, 1, "10.1" },
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        len = trd_decimal_format(cases[i].e8, cases[i].places, buf);
        assert_int_equal(len, strlen(cases[i].text));
        assert_memory_equal(buf, cases[i].text, len);
    }
}


static void
test_trd_decimal_format_random(void **state)
{
    char      want[64], buf[TRD_DECIMAL_LEN];
    size_t    len, n;
    int64_t   v, back;
    unsigned  i, places;
    uint64_t  seed, m;

    (void) state;

    seed = 88172645463325252;

    for (i = 0; i < TURNS; i++) {
        v = random_i64(&seed);
        places = recordings_random(&seed) % 9;
        m = magnitude(v);

        n = (size_t) snprintf(want, sizeof(want), "%s%llu.%08llu",
                              v < 0 ? "-" : "",
                              (unsigned long long) (m / TRD_E8),
                              (unsigned long long) (m % TRD_E8));

        while (n > strcspn(want, ".") + 1 + places && want[n - 1] == '0') {
            n--;
        }

        n -= (want[n - 1] == '.');

        len = trd_decimal_format(v, places, buf);
        assert_int_equal(len, n);
        assert_memory_equal(buf, want, n);
        assert_true(len <= TRD_DECIMAL_LEN);

        assert_int_equal(trd_decimal_parse(buf, len, &back), TRD_OK);
        assert_int_equal(back, v);
    }
}


static void
test_trd_decimal_mul_values(void **state)
{
    int64_t  v;

    (void) state;

    assert_int_equal(trd_decimal_mul(150000000, 200000000, &v), TRD_OK);
    assert_int_equal(v, 300000000);

    /* half away from zero, on both sides */
    assert_int_equal(trd_decimal_mul(1, 50000000, &v), TRD_OK);
    assert_int_equal(v, 1);
    assert_int_equal(trd_decimal_mul(-1, 50000000, &v), TRD_OK);
    assert_int_equal(v, -1);
    assert_int_equal(trd_decimal_mul(1, 49999999, &v), TRD_OK);
    assert_int_equal(v, 0);

    assert_int_equal(trd_decimal_mul(INT64_MIN, TRD_E8, &v), TRD_OK);
    assert_int_equal(v, INT64_MIN);
    assert_int_equal(trd_decimal_mul(INT64_MIN, -TRD_E8, &v), TRD_OVERFLOW);
    assert_int_equal(trd_decimal_mul(INT64_MIN, INT64_MIN, &v),
                     TRD_OVERFLOW);
}


static void
test_trd_decimal_scale_random(void **state)
{
    int       over;
    int64_t   a, b, den, ours, theirs;
    trd_rc_t  want;
    unsigned  i;
    uint64_t  seed, q;

    (void) state;

    seed = 1181783497276652981;

    for (i = 0; i < TURNS; i++) {
        a = random_i64(&seed);
        b = random_i64(&seed);
        den = (i % 4 == 0) ? TRD_E8
                           : (int64_t) (magnitude(random_i64(&seed)) >> 1) + 1;
        ours = theirs = 4711;

        over = oracle_muldiv(magnitude(a), magnitude(b), (uint64_t) den, &q);
        want = oracle_signed(over, q, (a < 0) != (b < 0), &theirs);

        assert_int_equal(trd_decimal_scale(a, b, den, &ours), want);
        assert_int_equal(ours, theirs);

        if (den == TRD_E8) {
            assert_int_equal(trd_decimal_mul(a, b, &ours), want);
            assert_int_equal(ours, theirs);
        }
    }
}


static void
test_trd_decimal_scale_refused(void **state)
{
    int64_t  v;

    (void) state;

    v = 4711;
    assert_int_equal(trd_decimal_scale(1, 1, 0, &v), TRD_ERROR);
    assert_int_equal(trd_decimal_scale(1, 1, -1, &v), TRD_ERROR);
    assert_int_equal(trd_decimal_scale(1, 1, INT64_MIN, &v), TRD_ERROR);
    assert_int_equal(v, 4711);
}


static void
test_trd_decimal_change_values(void **state)
{
    int64_t  v;

    (void) state;

    assert_int_equal(trd_decimal_change(110, 100, 3, &v), TRD_OK);
    assert_int_equal(v, 1000000000);

    /* -166.82 on 6872.64 is -2.4273...% */
    assert_int_equal(trd_decimal_change(670582000000, 687264000000, 3, &v),
                     TRD_OK);
    assert_int_equal(v, -242700000);

    assert_int_equal(trd_decimal_change(1, 3, 0, &v), TRD_OK);
    assert_int_equal(v, -6700000000);

    assert_int_equal(trd_decimal_change(1, 0, 3, &v), TRD_ERROR);
    assert_int_equal(trd_decimal_change(1, -1, 3, &v), TRD_ERROR);
    assert_int_equal(trd_decimal_change(INT64_MAX, 1, 3, &v), TRD_OVERFLOW);
    assert_int_equal(trd_decimal_change(INT64_MIN, INT64_MAX, 8, &v), TRD_OK);
    assert_int_equal(v, -20000000000);
}


static void
test_trd_decimal_change_random(void **state)
{
    int       over;
    int64_t   now, then, ours, theirs;
    trd_rc_t  want;
    unsigned  i, places, k;
    uint64_t  seed, q, diff, unit, back;

    (void) state;

    seed = 4101842887655102017;

    for (i = 0; i < TURNS; i++) {
        now = random_i64(&seed);
        then = (int64_t) (magnitude(random_i64(&seed)) >> 1) + 1;
        places = recordings_random(&seed) % 9;
        ours = theirs = 4711;

        for (unit = 100, back = 1, k = 0; k < 8; k++) {
            *(k < places ? &unit : &back) *= 10;
        }

        diff = (now < then) ? (uint64_t) then - (uint64_t) now
                            : (uint64_t) now - (uint64_t) then;
        over = oracle_muldiv(diff, unit, (uint64_t) then, &q);
        over |= __builtin_mul_overflow(q, back, &q);
        want = oracle_signed(over, q, now < then, &theirs);

        assert_int_equal(trd_decimal_change(now, then, places, &ours), want);
        assert_int_equal(ours, theirs);
    }
}


static void
test_trd_decimal_round_values(void **state)
{
    (void) state;

    assert_int_equal(trd_decimal_round(123456789, 8), 123456789);
    assert_int_equal(trd_decimal_round(123456789, 99), 123456789);
    assert_int_equal(trd_decimal_round(123456789, 2), 123000000);
    assert_int_equal(trd_decimal_round(123500000, 2), 124000000);
    assert_int_equal(trd_decimal_round(-123500000, 2), -124000000);
    assert_int_equal(trd_decimal_round(49999999, 0), 0);
    assert_int_equal(trd_decimal_round(50000000, 0), 100000000);
    assert_int_equal(trd_decimal_round(5, 7), 10);
    assert_int_equal(trd_decimal_round(-5, 7), -10);
    assert_int_equal(trd_decimal_round(4, 7), 0);

    /* up would not fit */
    assert_int_equal(trd_decimal_round(INT64_MAX, 0), 9223372036800000000);
    assert_int_equal(trd_decimal_round(INT64_MIN, 0), -9223372036800000000);
}


static void
test_trd_decimal_round_random(void **state)
{
    int64_t   v, ours, theirs;
    unsigned  i, k, places;
    uint64_t  seed, unit, q;

    (void) state;

    seed = 2862933555777941757;

    for (i = 0; i < TURNS; i++) {
        v = random_i64(&seed);
        places = recordings_random(&seed) % 9;

        for (unit = 1, k = places; k < 8; k++) {
            unit *= 10;
        }

        (void) oracle_muldiv(magnitude(v), 1, unit, &q);
        q *= unit;

        if (oracle_signed(0, q, v < 0, &theirs) == TRD_OVERFLOW) {
            (void) oracle_signed(0, q - unit, v < 0, &theirs);
        }

        ours = trd_decimal_round(v, places);
        assert_int_equal(ours, theirs);
    }
}


static void
test_trd_decimal_places_values(void **state)
{
    (void) state;

    assert_int_equal(trd_decimal_places(1), 8);
    assert_int_equal(trd_decimal_places(-1), 8);
    assert_int_equal(trd_decimal_places(10), 7);
    assert_int_equal(trd_decimal_places(1000000), 2);
    assert_int_equal(trd_decimal_places(2500000), 3);
    assert_int_equal(trd_decimal_places(TRD_E8), 0);
    assert_int_equal(trd_decimal_places(10 * TRD_E8), 0);
    assert_int_equal(trd_decimal_places(0), 0);
    assert_int_equal(trd_decimal_places(INT64_MIN), 8);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_trd_decimal_parse_values),
        cmocka_unit_test(test_trd_decimal_parse_refused),
        cmocka_unit_test(test_trd_decimal_parse_nul_byte),
        cmocka_unit_test(test_trd_decimal_parse_random),
        cmocka_unit_test(test_trd_decimal_format_values),
        cmocka_unit_test(test_trd_decimal_format_random),
        cmocka_unit_test(test_trd_decimal_mul_values),
        cmocka_unit_test(test_trd_decimal_scale_random),
        cmocka_unit_test(test_trd_decimal_scale_refused),
        cmocka_unit_test(test_trd_decimal_change_values),
        cmocka_unit_test(test_trd_decimal_change_random),
        cmocka_unit_test(test_trd_decimal_round_values),
        cmocka_unit_test(test_trd_decimal_round_random),
        cmocka_unit_test(test_trd_decimal_places_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
