/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the tests of the simulated market share: a catalogue of ten, from tiny
 * to huge prices, and a simulator of it made anew for every test.
 */

#ifndef SIM_FIXTURE_H
#define SIM_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "trd_sim.h"

#define E8        100000000LL
#define MINUTE    60000LL
#define DAY       86400000LL
#define START     1767225600000LL       /* 2026-01-01 */
#define SEED      42
#define N         10

typedef struct {
    trd_sim_t             sim;
    trd_sim_instrument_t  memory[N];
} fixture_t;

static const trd_sim_params_t  params[N] = {
    { "BTC", 3, 43250 * E8, 1000000, 1000, 2500000, 2000, 30000 * E8,
      TRD_CLASS_CRYPTO, 0 },
    { "ETH", 3, 2300 * E8, 1000000, 10000, 3500000, 5000, 400000 * E8,
      TRD_CLASS_CRYPTO, 0 },
    { "SOL", 3, 98 * E8, 1000000, 100000, 5000000, 10000, 5000000 * E8,
      TRD_CLASS_CRYPTO, 0 },
    { "PEPE", 4, 123, 1, E8, 8000000, 100000, 9000000000 * E8,
      TRD_CLASS_CRYPTO, 0 },
    { "EUR/USD", 7, 109250000, 1000, E8, 500000, 1000, 100000000 * E8,
      TRD_CLASS_FOREX, 0 },
    { "USD/JPY", 7, 14850000000, 100000, E8, 600000, 1000, 100000000 * E8,
      TRD_CLASS_FOREX, 1 },
    { "XAU", 3, 2030 * E8, 1000000, 1000000, 900000, 10000, 200000 * E8,
      TRD_CLASS_METALS, 0 },
    { "XAG", 3, 23 * E8, 100000, 1000000, 1500000, 20000, 2000000 * E8,
      TRD_CLASS_METALS, 0 },
    { "WTI", 3, 73 * E8, 1000000, 1000000, 2000000, 30000, 1000000 * E8,
      TRD_CLASS_COMMODITIES, 0 },
    { "HUGE", 4, 90000000 * E8, 1, 1, 100000000, 50000000, INT64_MAX,
      TRD_CLASS_COMMODITIES, 0 }
};


static void
fixture_init(fixture_t *f, uint64_t seed)
{
    uint32_t  bad;

    assert_int_equal(trd_sim_init(&f->sim, seed, f->memory, params, N, &bad),
                     TRD_OK);
}


static int
setup(void **state)
{
    *state = calloc(1, sizeof(fixture_t));
    assert_non_null(*state);
    fixture_init(*state, SEED);

    return 0;
}


static int
teardown(void **state)
{
    free(*state);

    return 0;
}


#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif /* SIM_FIXTURE_H */
