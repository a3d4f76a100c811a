/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Exact decimals: an int64_t counts units of 10^-8.  Range: about
 * +-92,233,720,368.54775807.  No double ever holds a price or an amount.
 * Pure functions, no state, any thread.
 */

#ifndef TRD_DECIMAL_H
#define TRD_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

#include "trd_rc.h"

#define TRD_E8           100000000LL
#define TRD_DECIMAL_LEN  24      /* longest text: sign, 11 digits, dot, 8 */

/*
 * Reads "[-]digits[.digits]" of exactly len bytes.  More than eight decimals
 * are taken only if the further ones are zeros.  TRD_ERROR: not a decimal
 * (empty, signs, blanks, exponents, inexact).  TRD_OVERFLOW: out of range.
 */
trd_rc_t trd_decimal_parse(const char *s, size_t len, int64_t *e8)
    TRD_MUST_CHECK;

/*
 * Writes the exact value with at least min_places decimals (0..8) and no
 * further trailing zeros.  buf holds TRD_DECIMAL_LEN bytes; the length is
 * returned, nothing is NUL-terminated.
 */
size_t trd_decimal_format(int64_t e8, unsigned min_places, char *buf);

/* a * b / 10^8, rounded half away from zero */
trd_rc_t trd_decimal_mul(int64_t a_e8, int64_t b_e8, int64_t *out_e8)
    TRD_MUST_CHECK;

/*
 * (now - then) / then in percent, rounded half away from zero to `places`
 * decimals (0..8), as e8.  TRD_ERROR if then <= 0.
 */
trd_rc_t trd_decimal_change(int64_t now_e8, int64_t then_e8, unsigned places,
    int64_t *percent_e8) TRD_MUST_CHECK;

/* value * num / den, rounded half away from zero; den > 0 */
trd_rc_t trd_decimal_scale(int64_t value_e8, int64_t num, int64_t den,
    int64_t *out_e8) TRD_MUST_CHECK;

/*
 * Rounds half away from zero to a number of decimals (0..8); towards zero
 * where the result would not fit.
 */
int64_t trd_decimal_round(int64_t e8, unsigned places);

/* how many decimals a step such as 0.01 needs (0..8) */
unsigned trd_decimal_places(int64_t step_e8);

#endif /* TRD_DECIMAL_H */
