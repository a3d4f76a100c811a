/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Any bytes as an exchangeInfo.  It must be JSON if it is taken, symbols that
 * are skipped do not matter, and what is logged of it is one printable line.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "binance_info.h"
#include "quiet_log.h"

#define SYMBOLS  4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                rc;
    json_t            *root;
    size_t             i;
    int64_t            limit;
    market_t           market;
    source_t           source;
    binance_t          b;
    catalogue_t        catalogue;

    static trd_instrument_t  instruments[SYMBOLS] = {
        { .exchange_symbol = "BTCUSDT", .price_tick_e8 = 1000000,
          .lot_step_e8 = 1000, .min_notional_e8 = 500000000 },
        { .exchange_symbol = "ETHUSDT" },
        { .exchange_symbol = "DOTUSDT" },
        { .exchange_symbol = "XRPUSDT" }
    };
    static uint32_t       numbers[SYMBOLS] = { 3, 2, 1, 0 };
    static const uint8_t  skip[SYMBOLS] = { 0, 1, 0, 0 };
    static const uint8_t  all[SYMBOLS] = { 1, 1, 1, 1 };

    if (size == 0) {
        return 0;               /* data may be NULL then */
    }

    memset(&market, 0, sizeof(market));
    memset(&source, 0, sizeof(source));
    memset(&b, 0, sizeof(b));
    catalogue.instruments = instruments;
    catalogue.n = SYMBOLS;
    market.catalogue = &catalogue;
    source.market = &market;
    source.instruments = numbers;
    source.n = SYMBOLS;
    b.source = &source;

    quiet_line[0] = '\0';
    rc = binance_info_compare(&b, 0, SYMBOLS, skip, (const char *) data, size,
                              &limit);

    for (i = 0; quiet_line[i]; i++) {
        check(quiet_line[i] >= 0x20 && quiet_line[i] <= 0x7e);
    }

    root = json_loadb((const char *) data, size, 0, NULL);
    check((rc == 0) == (root && json_is_array(json_object_get(root,
                                                              "symbols"))));
    json_decref(root);
    check(binance_info_compare(&b, 0, SYMBOLS, all, (const char *) data, size,
                               &limit) == rc);

    return 0;
}
