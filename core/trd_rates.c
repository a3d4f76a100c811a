/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Rates as exact fractions, and prices out of them; trd_rates.h has the
 * rules.  All arithmetic is in 128 bits, every product checked.
 */

#include <string.h>

#include "trd_decimal.h"
#include "trd_rates.h"


/* dollars an ounce, below and above anything seen in fifty years, by far */

static const struct {
    const char  *code;
    int64_t      low_e8;
    int64_t      high_e8;
} trd_metal_bands[] = {
    { "XAU", 200 * TRD_E8, 40000 * TRD_E8 },
    { "XAG", 3 * TRD_E8, 1000 * TRD_E8 },
    { "XPT", 100 * TRD_E8, 20000 * TRD_E8 },
    { "XPD", 60 * TRD_E8, 20000 * TRD_E8 },
    { NULL, 0, 0 }
};


/* "[+-]digits" of an exponent; what is larger than it can be is cut to that */

static trd_rc_t
trd_rate_exponent(const char *p, const char *end, int *exponent)
{
    int  v, negative;

    v = 0;
    negative = p < end && *p == '-';

    if (p < end && (*p == '-' || *p == '+')) {
        p++;
    }

    if (p == end) {
        return TRD_ERROR;
    }

    for ( /* void */ ; p < end; p++) {
        if (*p < '0' || *p > '9') {
            return TRD_ERROR;
        }

        if (v < 1000000) {
            v = v * 10 + (*p - '0');
        }
    }

    *exponent = negative ? -v : v;

    return TRD_OK;
}


/*
 * Zeros at the end are no information and would only cost range: they are
 * held back, and counted when a digit follows.
 */

trd_rc_t
trd_rate_parse(const char *s, size_t len, trd_rate_t *rate)
{
    int          exponent, places, zeros, n, dot, over;
    uint64_t     digits;
    const char  *p, *end, *first;

    p = s;
    end = s + len;
    rate->negative = p < end && *p == '-';
    rate->digits = 0;
    rate->places = 0;
    rate->overflow = 0;
    p += rate->negative;

    digits = 0;
    dot = over = 0;
    places = zeros = n = 0;
    exponent = 0;
    first = p;

    for ( /* void */ ; p < end && *p != 'e' && *p != 'E'; p++) {

        if (*p == '.') {
            if (dot || p == first || p + 1 == end || p[1] < '0'
                || p[1] > '9')
            {
                return TRD_ERROR;
            }

            dot = 1;
            continue;
        }

        if (*p < '0' || *p > '9') {
            return TRD_ERROR;
        }

        if (p - first > 1000) {
            over = 1;
            continue;
        }

        places += dot;

        if (*p == '0') {
            zeros += (n != 0);
            continue;
        }

        if (n + zeros + 1 > TRD_RATES_DIGITS) {
            over = 1;
            continue;
        }

        for ( /* void */ ; zeros; zeros--, n++) {
            digits *= 10;
        }

        digits = digits * 10 + (uint64_t) (*p - '0');
        n++;
    }

    if (p == first
        || (p < end && trd_rate_exponent(p + 1, end, &exponent) != TRD_OK))
    {
        return TRD_ERROR;
    }

    if (!over && digits == 0) {
        return TRD_OK;
    }

    /* the value is digits * 10^(zeros - places + exponent) */

    places -= zeros + exponent;

    for ( /* void */ ; !over && places < 0; places++) {
        if (++n > TRD_RATES_DIGITS) {
            over = 1;
            break;
        }

        digits *= 10;
    }

    if (over || places > TRD_RATES_PLACES) {
        rate->overflow = 1;
        return TRD_OVERFLOW;
    }

    rate->digits = digits;
    rate->places = (uint8_t) places;

    return TRD_OK;
}


const trd_rate_t *
trd_rates_find(const trd_rates_t *r, const char *code)
{
    uint32_t  i;

    for (i = 0; i < r->n; i++) {
        if (strcmp(r->rate[i].code, code) == 0) {
            return &r->rate[i];
        }
    }

    return NULL;
}


trd_rc_t
trd_rates_add(trd_rates_t *r, const char *code, size_t len,
    const char *value, size_t value_len)
{
    size_t       i;
    trd_rc_t     rc;
    trd_rate_t  *rate;

    /* "USDXAU" and the like are taken; sentences are none of ours */

    for (i = 0; i < len; i++) {
        if ((code[i] < 'A' || code[i] > 'Z')
            && (code[i] < '0' || code[i] > '9'))
        {
            return TRD_OK;
        }
    }

    if (len < 3 || len > TRD_RATES_CODE) {
        return TRD_OK;
    }

    if (r->n == TRD_RATES_MAX) {
        return TRD_ERROR;
    }

    rate = &r->rate[r->n];
    memset(rate->code, 0, sizeof(rate->code));
    memcpy(rate->code, code, len);

    if (trd_rates_find(r, rate->code)) {
        return TRD_ERROR;
    }

    rc = trd_rate_parse(value, value_len, rate);

    if (rc != TRD_OK && rc != TRD_OVERFLOW) {
        return rc;
    }

    r->n++;

    return TRD_OK;
}


trd_rc_t
trd_rates_finish(trd_rates_t *r)
{
    trd_rc_t           rc;
    const trd_rate_t  *base;

    if (r->base[0] == '\0' || r->time_ms <= 0 || r->n == 0) {
        return TRD_ERROR;
    }

    base = trd_rates_find(r, r->base);

    if (base == NULL) {
        rc = trd_rates_add(r, r->base, strlen(r->base), "1", 1);
        if (rc != TRD_OK) {
            return rc;
        }

        /* what is no code was skipped */
        base = trd_rates_find(r, r->base);
    }

    return base && base->digits == 1 && base->places == 0 && !base->negative
           ? TRD_OK : TRD_ERROR;
}


static int
trd_rates_mul(unsigned __int128 *v, uint64_t by)
{
    return __builtin_mul_overflow(*v, (unsigned __int128) by, v);
}


/* num / den, rounded half away from zero to a multiple of step_e8, as e8 */

static trd_rc_t
trd_rates_divide(const trd_rate_t *num, const trd_rate_t *den,
    int64_t step_e8, int64_t *out_e8)
{
    int                places;
    unsigned __int128  a, b, q;

    if (num->overflow || den->overflow || step_e8 <= 0) {
        return TRD_OVERFLOW;
    }

    if (num->negative || den->negative || num->digits == 0
        || den->digits == 0)
    {
        return TRD_ERROR;
    }

    a = num->digits;
    b = den->digits;

    /* e8 = a / b * 10^(den's places - num's places + 8) */

    if (trd_rates_mul(&b, (uint64_t) step_e8)) {
        return TRD_OVERFLOW;
    }

    for (places = (int) den->places - (int) num->places + 8; places; ) {
        if (places > 0) {
            if (trd_rates_mul(&a, 10)) {
                return TRD_OVERFLOW;
            }

            places--;

        } else {
            if (trd_rates_mul(&b, 10)) {
                return TRD_OVERFLOW;
            }

            places++;
        }
    }

    q = a / b;
    a %= b;

    if (a >= b - a) {
        q++;
    }

    if (q == 0 || q > (unsigned __int128) (INT64_MAX / step_e8)) {
        return TRD_OVERFLOW;
    }

    *out_e8 = (int64_t) q * step_e8;

    return TRD_OK;
}


trd_rc_t
trd_rates_price(const trd_rates_t *r, const char *base, const char *quote,
    int64_t tick_e8, trd_rates_price_t *out)
{
    const trd_rate_t  *of_base, *of_quote;

    of_base = trd_rates_find(r, base);
    of_quote = trd_rates_find(r, quote);

    if (of_base == NULL || of_quote == NULL) {
        return TRD_NOT_FOUND;
    }

    if (strcmp(base, r->base) == 0) {
        out->derived = TRD_DERIVED_NOT;
        tick_e8 = 1;

    } else if (strcmp(quote, r->base) == 0) {
        out->derived = TRD_DERIVED_INVERSE;

    } else {
        out->derived = TRD_DERIVED_CROSS;
    }

    return trd_rates_divide(of_quote, of_base, tick_e8, &out->price_e8);
}


int
trd_rates_is_metal(const char *code)
{
    unsigned  i;

    for (i = 0; trd_metal_bands[i].code; i++) {
        if (strcmp(trd_metal_bands[i].code, code) == 0) {
            return 1;
        }
    }

    return 0;
}


trd_rc_t
trd_rates_metal(const trd_rates_t *r, const char *metal, int64_t tick_e8,
    trd_rates_price_t *out)
{
    unsigned           i, way;
    trd_rc_t           rc;
    trd_rate_t         one;
    const trd_rate_t  *of_metal, *of_dollar;

    of_metal = trd_rates_find(r, metal);
    of_dollar = trd_rates_find(r, "USD");

    if (of_metal == NULL || of_dollar == NULL
        || (strcmp(r->base, "USD") != 0 && strcmp(r->base, metal) != 0))
    {
        return TRD_NOT_FOUND;
    }

    for (i = 0; trd_metal_bands[i].code; i++) {
        if (strcmp(trd_metal_bands[i].code, metal) == 0) {
            break;
        }
    }

    if (trd_metal_bands[i].code == NULL) {
        return TRD_NOT_FOUND;
    }

    if (strcmp(r->base, metal) == 0) {
        of_metal = of_dollar;           /* the one that was stated */
    }

    memset(&one, 0, sizeof(one));
    one.digits = 1;

    for (way = 0; way < 2; way++) {
        out->derived = way ? TRD_DERIVED_INVERSE : TRD_DERIVED_NOT;

        rc = trd_rates_divide(way ? &one : of_metal, way ? of_metal : &one,
                              way ? tick_e8 : 1, &out->price_e8);

        if (rc == TRD_ERROR) {
            return rc;
        }

        if (rc == TRD_OK && out->price_e8 >= trd_metal_bands[i].low_e8
            && out->price_e8 <= trd_metal_bands[i].high_e8)
        {
            return TRD_OK;
        }
    }

    return TRD_IGNORED;
}
