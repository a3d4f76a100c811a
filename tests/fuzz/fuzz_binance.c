/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Any bytes into both decoders of Binance messages.  What is passed on must
 * make sense in itself, nothing may be passed on of what is not JSON, and
 * the result must fit what was passed on.
 */

#include <stdint.h>
#include <stdlib.h>

#include "../unit/json_oracle.h"

#include "trd_binance.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    const char  *data;
    size_t       size;
    size_t       n;
    int          rest;
} fuzz_t;


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


static void
update(void *ctx, const char *symbol, size_t len, const trd_update_t *u)
{
    fuzz_t    *f = ctx;
    uint32_t   has, day;

    f->n++;

    check(symbol > f->data && len > 0 && len < f->size
          && symbol + len < f->data + f->size);
    check(symbol[-1] == '"' && symbol[len] == '"');

    day = TRD_HAS_LAST | TRD_HAS_OPEN | TRD_HAS_HIGH | TRD_HAS_LOW;
    has = u->has & ~(uint32_t) TRD_HAS_TIME;

    check((u->has & u->dropped) == 0);
    check((u->dropped & ~(uint32_t) (TRD_HAS_VOLUME | TRD_HAS_QUOTE_VOLUME))
          == 0);
    check(u->exchange_ms >= 0);
    check(!(u->has & TRD_HAS_TIME) == (u->exchange_ms == 0));
    check(u->id <= INT64_MAX && u->reserved == 0);
    check(f->rest == (u->kind == TRD_UPDATE_SNAPSHOT));

    switch (u->kind) {
    case TRD_UPDATE_TRADE:
        check(has == TRD_HAS_LAST);
        check(!u->dropped || u->last_quantity_e8 == 0);
        return;
    case TRD_UPDATE_BOOK:
        check(u->has == (TRD_HAS_BID | TRD_HAS_ASK) && !u->dropped);
        return;
    case TRD_UPDATE_TICKER:
        day |= TRD_HAS_BID | TRD_HAS_ASK;
        break;
    case TRD_UPDATE_MINI:
        check(u->id == 0 && (u->has & (TRD_HAS_BID | TRD_HAS_ASK)) == 0);
        break;
    default:
        check(u->kind == TRD_UPDATE_SNAPSHOT);
    }

    check((u->has & day) == day && u->last_quantity_e8 == 0);
    check(((u->has | u->dropped) & TRD_HAS_VOLUME)
          && ((u->has | u->dropped) & TRD_HAS_QUOTE_VOLUME));
    check(!(u->dropped & TRD_HAS_VOLUME) || u->volume_e8 == 0);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int       valid;
    fuzz_t    f;
    trd_rc_t  rc;

    if (size == 0) {
        return 0;               /* data may be NULL then */
    }

    f.data = (const char *) data;
    f.size = size;
    valid = json_oracle_skipped(f.data, size);

    for (f.rest = 0; f.rest < 2; f.rest++) {
        f.n = 0;

        rc = f.rest ? trd_binance_ticker_24hr(f.data, size, update, &f)
                    : trd_binance_decode(f.data, size, update, &f);

        check(valid || (rc == TRD_ERROR && f.n == 0));
        check(rc == TRD_OK || rc == TRD_IGNORED || rc == TRD_ERROR
              || rc == TRD_OVERFLOW);
        check(rc != TRD_OK || f.n > 0);
        check(rc != TRD_IGNORED || f.n == 0);
    }

    return 0;
}
