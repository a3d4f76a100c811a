/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Decimal text and decimal arithmetic in 10^-8, see trd_decimal.h.  Feeds
 * are parsed and pages are written with it, so the usual form of a price,
 * eight decimals, is read eight bytes at a time.  Products are taken in 128
 * bits and checked before they are narrowed; magnitudes are unsigned, so
 * that INT64_MIN needs no case of its own.
 */

#include <string.h>

#include "trd_decimal.h"


#define TRD_INT_DIGITS  11      /* of the largest integer part */

__extension__ typedef __int128 trd_i128_t;


static const uint64_t  trd_pow10[] = {
    1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000
};


static const char  trd_digit_pairs[] =
    "00010203040506070809" "10111213141516171819"
    "20212223242526272829" "30313233343536373839"
    "40414243444546474849" "50515253545556575859"
    "60616263646566676869" "70717273747576777879"
    "80818283848586878889" "90919293949596979899";


/* 0 unless all eight bytes are digits; the first is the most significant */
static inline int
trd_decimal_eight(const char *s, uint64_t *out)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t  v;

    memcpy(&v, s, 8);

    v -= 0x3030303030303030ULL;

    /* a byte below '0' borrows and so sets its top bit, one above '9' by
       the addition; a borrow or carry spoils only bytes beyond a bad one */
    if (((v + 0x7676767676767676ULL) | v) & 0x8080808080808080ULL) {
        return 0;
    }

    /* neighbours are joined: 8 digits, 4 pairs, 2 quads, one number */
    v = v * 10 + (v >> 8);
    *out = ((v & 0x000000ff000000ffULL) * 0x000f424000000064ULL
            + ((v >> 16) & 0x000000ff000000ffULL) * 0x0000271000000001ULL)
           >> 32;

#else
    unsigned  i;
    uint64_t  v;

    v = 0;

    for (i = 0; i < 8; i++) {
        if (s[i] < '0' || s[i] > '9') {
            return 0;
        }

        v = v * 10 + (uint64_t) (s[i] - '0');
    }

    *out = v;
#endif

    return 1;
}


/* any further decimals must be zeros; text that is no decimal is an error */
static trd_rc_t
trd_decimal_fraction(const char *s, const char *end, uint64_t *out)
{
    unsigned  n;
    trd_rc_t  rc;
    uint64_t  v;

    if (s == end) {
        return TRD_ERROR;
    }

    v = 0;
    n = 0;
    rc = TRD_OK;

    for ( /* void */ ; s < end; s++) {
        if (*s < '0' || *s > '9') {
            return TRD_ERROR;
        }

        if (n < 8) {
            v = v * 10 + (uint64_t) (*s - '0');
            n++;

        } else if (*s != '0') {
            rc = TRD_ERROR;
        }
    }

    *out = v * trd_pow10[8 - n];

    return rc;
}


trd_rc_t
trd_decimal_parse(const char *s, size_t len, int64_t *e8)
{
    int          negative;
    uint64_t     integer, fraction, limit;
    const char  *p, *end, *digits;

    p = s;
    end = s + len;
    negative = 0;

    if (p < end && *p == '-') {
        negative = 1;
        p++;
    }

    digits = p;

    while (p < end && *p == '0') {
        p++;
    }

    integer = 0;
    s = p;

    /* wraps on absurd input, which is told by the number of digits */
    while (p < end && *p >= '0' && *p <= '9') {
        integer = integer * 10 + (uint64_t) (*p - '0');
        p++;
    }

    if (p == digits) {
        return TRD_ERROR;
    }

    fraction = 0;

    if (p < end) {
        if (*p != '.') {
            return TRD_ERROR;
        }

        if (end - (p + 1) == 8) {
            if (!trd_decimal_eight(p + 1, &fraction)) {
                return TRD_ERROR;
            }

        } else if (trd_decimal_fraction(p + 1, end, &fraction) != TRD_OK) {
            return TRD_ERROR;
        }
    }

    if (p - s > TRD_INT_DIGITS) {
        return TRD_OVERFLOW;
    }

    /* at most 10^19, which fits in 64 bits */
    integer = integer * TRD_E8 + fraction;
    limit = (uint64_t) INT64_MAX + (unsigned) negative;

    if (integer > limit) {
        return TRD_OVERFLOW;
    }

    if (!negative) {
        *e8 = (int64_t) integer;

    } else if (integer == 0) {
        *e8 = 0;

    } else {
        *e8 = -(int64_t) (integer - 1) - 1;
    }

    return TRD_OK;
}


size_t
trd_decimal_format(int64_t e8, unsigned min_places, char *buf)
{
    char      digits[20], *p, *start;
    unsigned  n;
    uint64_t  v, integer;
    uint32_t  fraction, pair;

    start = buf;
    v = (uint64_t) e8;

    if (e8 < 0) {
        *buf++ = '-';
        v = 0 - v;
    }

    integer = v / TRD_E8;
    fraction = (uint32_t) (v % TRD_E8);

    p = digits + sizeof(digits);

    do {
        *--p = (char) ('0' + integer % 10);
        integer /= 10;
    } while (integer != 0);

    n = (unsigned) (digits + sizeof(digits) - p);
    memcpy(buf, p, n);
    buf += n;

    if (min_places > 8) {
        min_places = 8;
    }

    if (fraction == 0 && min_places == 0) {
        return (size_t) (buf - start);
    }

    *buf++ = '.';

    for (n = 8; n > 0; n -= 2) {
        pair = fraction % 100;
        fraction /= 100;
        memcpy(buf + n - 2, trd_digit_pairs + 2 * pair, 2);
    }

    n = 8;

    while (n > min_places && buf[n - 1] == '0') {
        n--;
    }

    return (size_t) (buf + n - start);
}


static trd_i128_t
trd_decimal_divide(trd_i128_t num, int64_t den)
{
    trd_i128_t  half;

    half = den / 2;

    /* for an odd den the half itself cannot occur, so truncating is right */

    return (num < 0 ? num - half : num + half) / den;
}


static trd_rc_t
trd_decimal_narrow(trd_i128_t v, int64_t *out)
{
    if (v > INT64_MAX || v < INT64_MIN) {
        return TRD_OVERFLOW;
    }

    *out = (int64_t) v;

    return TRD_OK;
}


trd_rc_t
trd_decimal_mul(int64_t a_e8, int64_t b_e8, int64_t *out_e8)
{
    return trd_decimal_scale(a_e8, b_e8, TRD_E8, out_e8);
}


trd_rc_t
trd_decimal_change(int64_t now_e8, int64_t then_e8, unsigned places,
    int64_t *percent_e8)
{
    trd_i128_t  v;

    if (then_e8 <= 0) {
        return TRD_ERROR;
    }

    if (places > 8) {
        places = 8;
    }

    /* below 2^64 * 10^10, and so is what it is scaled back to */
    v = ((trd_i128_t) now_e8 - then_e8) * (int64_t) (100 * trd_pow10[places]);
    v = trd_decimal_divide(v, then_e8) * (int64_t) trd_pow10[8 - places];

    return trd_decimal_narrow(v, percent_e8);
}


trd_rc_t
trd_decimal_scale(int64_t value_e8, int64_t num, int64_t den, int64_t *out_e8)
{
    if (den <= 0) {
        return TRD_ERROR;
    }

    return trd_decimal_narrow(trd_decimal_divide((trd_i128_t) value_e8 * num,
                                                 den),
                              out_e8);
}


int64_t
trd_decimal_round(int64_t e8, unsigned places)
{
    int64_t  unit, rest, cut;

    if (places >= 8) {
        return e8;
    }

    unit = (int64_t) trd_pow10[8 - places];
    rest = e8 % unit;
    cut = e8 - rest;

    if (rest >= unit / 2) {
        return (cut > INT64_MAX - unit) ? cut : cut + unit;
    }

    if (rest <= -(unit / 2)) {
        return (cut < INT64_MIN + unit) ? cut : cut - unit;
    }

    return cut;
}


unsigned
trd_decimal_places(int64_t step_e8)
{
    unsigned  n;

    if (step_e8 == 0) {
        return 0;
    }

    for (n = 8; n > 0 && step_e8 % 10 == 0; n--) {
        step_e8 /= 10;
    }

    return n;
}
