/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Snapshots of rates as polled services give them: one base, one time, and
 * how much of each currency or metal one unit of the base is worth.  Parsers
 * for the three shapes, and prices of pairs, exactly.
 *
 * A rate is kept as the digits that were sent: value = digits / 10^places.
 * No double ever sees it, and rounding happens once, in the price.  A price
 * is
 *   direct   the stated rate, base in quote: as stated, down to 10^-8
 *   inverse  1 / rate, where the pair stands the other way round
 *   cross    rate / rate, both of the same snapshot
 * Derived ones (the last two) are rounded half away from zero to the
 * instrument's tick; a direct one with more than eight decimals to 10^-8.
 *
 * Pure functions over pointer and length; nothing is allocated.
 */

#ifndef TRD_RATES_H
#define TRD_RATES_H

#include <stddef.h>
#include <stdint.h>

#include "trd_quote.h"
#include "trd_rc.h"

#define TRD_RATES_MAX     512       /* in a snapshot */
#define TRD_RATES_CODE    8         /* longest code; longer ones are skipped */
#define TRD_RATES_DIGITS  18        /* significant, of a rate */
#define TRD_RATES_PLACES  30

typedef struct {
    char      code[TRD_RATES_CODE + 1];     /* "EUR" */
    uint8_t   places;               /* 0 .. TRD_RATES_PLACES */
    uint8_t   negative;
    uint8_t   overflow;             /* beyond the bounds above: no value */
    uint64_t  digits;               /* below 10^TRD_RATES_DIGITS */
} trd_rate_t;

typedef struct {
    char        base[TRD_RATES_CODE + 1];
    uint32_t    n;
    int64_t     time_ms;            /* the publisher's, UTC */
    trd_rate_t  rate[TRD_RATES_MAX];
    char        error[40];          /* the service's own word for what is
                                       wrong: letters, digits, '_' */
} trd_rates_t;

/*
 * The number of a JSON text or XML attribute: "[-]digits[.digits][e[+-]n]".
 * TRD_ERROR: not of this form.  TRD_OVERFLOW: more digits or decimals than
 * are kept; nothing is ever cut off.  code is left alone.
 */
trd_rc_t trd_rate_parse(const char *s, size_t len, trd_rate_t *rate)
    TRD_MUST_CHECK;

/*
 * The parsers.  TRD_OK: a snapshot with a base, a time and a rate at least.
 * TRD_NOT_FOUND: the service says that it has none, see error.  TRD_ERROR:
 * not this shape; a code twice; a base that is not worth 1 of itself.
 * A rate out of bounds does not spoil the others: it is marked.
 *
 * exchangerate-api v4: {"base","time_last_updated","rates":{"EUR":0.99}}
 * metals-api: {"success","timestamp","base","rates":{"XAU":0.00055}}
 * ECB: eurofxref-daily.xml; of several days the newest.  Base EUR; the time
 * is 14:10 in Frankfurt, when the rates are agreed (published about 16:00).
 */
trd_rc_t trd_rates_exchangerate(const char *text, size_t len,
    trd_rates_t *out) TRD_MUST_CHECK;
trd_rc_t trd_rates_metals(const char *text, size_t len, trd_rates_t *out)
    TRD_MUST_CHECK;
trd_rc_t trd_rates_ecb(const char *text, size_t len, trd_rates_t *out)
    TRD_MUST_CHECK;

/* NULL if the snapshot lacks it; the base is there, with 1 */
const trd_rate_t *trd_rates_find(const trd_rates_t *r, const char *code);

/* codes: empties *r but for what parsers add; TRD_ERROR: twice, or full */
trd_rc_t trd_rates_add(trd_rates_t *r, const char *code, size_t len,
    const char *value, size_t value_len) TRD_MUST_CHECK;

/* Ends a parse: the base is put in if it is missing, and must be 1. */
trd_rc_t trd_rates_finish(trd_rates_t *r) TRD_MUST_CHECK;

typedef struct {
    int64_t        price_e8;
    trd_derived_t  derived;
} trd_rates_price_t;

/*
 * The price of one `base` in `quote`.  TRD_NOT_FOUND: the snapshot lacks one
 * of them.  TRD_ERROR: a zero or negative rate.  TRD_OVERFLOW: out of range,
 * or nothing is left after rounding to the tick.
 */
trd_rc_t trd_rates_price(const trd_rates_t *r, const char *base,
    const char *quote, int64_t tick_e8, trd_rates_price_t *out)
    TRD_MUST_CHECK;

/*
 * The price of an ounce of a metal in US dollars.  The same field of the
 * same service means dollars an ounce in some answers and ounces a dollar in
 * others; size decides, by a band for each metal that is far from its own
 * inverse.  TRD_IGNORED: fits neither, so nobody knows what it is.
 */
trd_rc_t trd_rates_metal(const trd_rates_t *r, const char *metal,
    int64_t tick_e8, trd_rates_price_t *out) TRD_MUST_CHECK;

/* 1: there is a band for this metal */
int trd_rates_is_metal(const char *code);

#endif /* TRD_RATES_H */
