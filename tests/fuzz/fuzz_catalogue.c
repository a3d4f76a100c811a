/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Any bytes as instruments.json.  It must be JSON if it is taken, and what it
 * says must be fit for the board: names of allowed letters, ended and not
 * empty, steps above zero, places that follow from them.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/json_oracle.h"

#include "catalogue.h"
#include "quiet_log.h"
#include "trd_decimal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


static void
check_name(const char *name)
{
    size_t  i, len;

    len = strnlen(name, TRD_SYMBOL_LEN + 1);
    check(len > 0 && len <= TRD_SYMBOL_LEN);

    for (i = 0; i < len; i++) {
        check((name[i] >= 'A' && name[i] <= 'Z')
              || (name[i] >= '0' && name[i] <= '9')
              || name[i] == '/' || name[i] == '.' || name[i] == '_');
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                      rc;
    uint32_t                 i;
    catalogue_t              c;
    const trd_instrument_t  *in;

    if (size == 0) {
        return 0;               /* data may be NULL then */
    }

    rc = catalogue_parse(&c, "instruments.json", (const char *) data, size);
    check(rc == 0 || rc == -1);
    check(rc == -1 || json_oracle_skipped((const char *) data, size));
    check(rc == 0 ? c.n > 0 : c.n == 0 && c.instruments == NULL);

    for (i = 0; i < c.n; i++) {
        in = &c.instruments[i];
        check_name(in->symbol);
        check_name(in->exchange_symbol);
        check_name(in->base);
        check_name(in->quote);
        check(in->asset_class < TRD_CLASS_N && in->source < TRD_SOURCE_N);
        check(in->price_tick_e8 > 0 && in->lot_step_e8 > 0
              && in->min_notional_e8 >= 0 && in->stale_after_ms > 0);
        check(in->price_places <= 8 && in->lot_places <= 8);
        check(c.sim[i].price_e8 > 0 && c.sim[i].volatility_e8 >= 0
              && c.sim[i].spread_e8 >= 0 && c.sim[i].volume_e8 >= 0);
    }

    catalogue_free(&c);

    return 0;
}
