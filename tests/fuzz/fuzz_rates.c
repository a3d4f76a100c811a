/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Any bytes into the three parsers of rates.  A snapshot that they return
 * must be one: printable codes, each once, a base worth 1, digits within
 * their bounds; JSON must be JSON by jansson's judgement; every price that
 * follows must be positive and on its step, and the inverse of an inverse
 * near.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/json_oracle.h"

#include "trd_rates.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static trd_rates_t  rates;


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


static void
check_word(const char *s, size_t size)
{
    size_t  i;

    check(memchr(s, '\0', size) != NULL);

    for (i = 0; s[i]; i++) {
        check((s[i] >= 'A' && s[i] <= 'Z') || (s[i] >= 'a' && s[i] <= 'z')
              || (s[i] >= '0' && s[i] <= '9') || s[i] == '_');
    }
}


static void
check_price(trd_rc_t rc, const trd_rates_price_t *p, int64_t step)
{
    check(rc == TRD_OK || rc == TRD_ERROR || rc == TRD_OVERFLOW
          || rc == TRD_NOT_FOUND || rc == TRD_IGNORED);

    if (rc == TRD_OK) {
        check(p->price_e8 > 0 && p->derived < TRD_DERIVED_N);
        check(p->derived == TRD_DERIVED_NOT || p->price_e8 % step == 0);
    }
}


static void
check_snapshot(void)
{
    uint32_t            i;
    uint64_t            limit;
    const trd_rate_t   *r;
    trd_rates_price_t   p;

    for (limit = 1, i = 0; i < TRD_RATES_DIGITS; i++) {
        limit *= 10;
    }

    check(rates.time_ms > 0 && rates.n > 0 && rates.n <= TRD_RATES_MAX);
    check_word(rates.base, sizeof(rates.base));
    r = trd_rates_find(&rates, rates.base);
    check(r && r->digits == 1 && r->places == 0 && !r->negative);

    for (i = 0; i < rates.n; i++) {
        r = &rates.rate[i];
        check_word(r->code, sizeof(r->code));
        check(strlen(r->code) >= 3 && trd_rates_find(&rates, r->code) == r);
        check(r->digits < limit && r->places <= TRD_RATES_PLACES);

        check_price(trd_rates_price(&rates, r->code, rates.rate[0].code, 1000,
                                    &p), &p, 1000);
        check_price(trd_rates_price(&rates, rates.rate[0].code, r->code, 7,
                                    &p), &p, 7);
        check_price(trd_rates_metal(&rates, r->code, 1000000, &p), &p,
                    1000000);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int          i, valid;
    trd_rc_t     rc;
    trd_rate_t   rate;
    const char  *text;

    static trd_rc_t  (*const parsers[])(const char *, size_t,
                                        trd_rates_t *) = {
        trd_rates_exchangerate, trd_rates_metals, trd_rates_ecb
    };

    if (size == 0) {
        return 0;               /* data may be NULL then */
    }

    text = (const char *) data;
    valid = json_oracle_skipped(text, size);

    for (i = 0; i < 3; i++) {
        rc = parsers[i](text, size, &rates);

        check(rc == TRD_OK || rc == TRD_ERROR
              || (i < 2 && rc == TRD_NOT_FOUND));
        check(i == 2 || rc == TRD_ERROR || valid);
        check_word(rates.error, sizeof(rates.error));

        if (rc == TRD_OK) {
            check_snapshot();
        }
    }

    memset(&rate, 0, sizeof(rate));
    rc = trd_rate_parse(text, size, &rate);
    check(rc == TRD_OK || rc == TRD_ERROR || rc == TRD_OVERFLOW);
    check(rc != TRD_OK || rate.places <= TRD_RATES_PLACES);

    return 0;
}
