/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Metals: the documents of metals-api, and what is made of values whose
 * direction nobody states.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "recordings.h"
#include "trd_decimal.h"
#include "trd_rates.h"

#define N(a)  (sizeof(a) / sizeof((a)[0]))

static trd_rates_t  rates;


static trd_rc_t
answer(const char *base, const char *list)
{
    int   n;
    char  text[512];

    n = snprintf(text, sizeof(text), "{\"success\":true,\"timestamp\":"
                 "1641990900,\"date\":\"2022-01-12\",\"base\":\"%s\","
                 "\"rates\":{%s},\"unit\":\"per ounce\"}", base, list);

    return trd_rates_metals(text, (size_t) n, &rates);
}


static void
test_refusals_of_the_service(void **state)
{
    size_t  i;

    static const char *const  no[] = {
        "{\"success\":false,\"error\":{\"code\":101,\"type\":\"invalid_key\","
        "\"info\":\"[a] {b}\"}}",
        "{\"error\":{\"type\":\"invalid_key\"}}",
        "{\"success\":null,\"error\":\"invalid_key\"}",
        "{\"success\":false,\"timestamp\":1641990900,\"base\":\"USD\","
        "\"error\":\"invalid key\",\"rates\":{\"XAU\":1800}}"
    };

    (void) state;

    for (i = 0; i < N(no); i++) {
        assert_int_equal(trd_rates_metals(no[i], strlen(no[i]), &rates),
                         TRD_NOT_FOUND);
        assert_string_equal(rates.error, "invalid_key");
    }

    assert_int_equal(trd_rates_metals("{\"success\":false}", 17, &rates),
                     TRD_NOT_FOUND);
    assert_int_equal(trd_rates_metals("{\"success\":true}", 16, &rates),
                     TRD_ERROR);
    assert_int_equal(trd_rates_metals("{\"success\":false", 16, &rates),
                     TRD_ERROR);
}


static void
test_size_decides(void **state)
{
    size_t             i;
    char               list[64];
    trd_rates_price_t  p;

    static const struct {
        const char  *metal;
        const char  *value;
        trd_rc_t     rc;
        int64_t      price_e8;
        int          derived;
    } cases[] = {
        { "XAU", "1817.0552439305814", TRD_OK, 181705524393, 0 },
        { "XAU", "1500", TRD_OK, 150000000000, 0 },
        { "XAU", "0.0005", TRD_OK, 200000000000, 1 },
        { "XAU", "5e-4", TRD_OK, 200000000000, 1 },
        { "XAU", "200", TRD_OK, 20000000000, 0 },
        { "XAU", "40000", TRD_OK, 4000000000000, 0 },
        { "XAU", "0.005", TRD_OK, 20000000000, 1 },
        { "XAU", "199.99", TRD_IGNORED, 0, 0 },
        { "XAU", "40000.01", TRD_IGNORED, 0, 0 },
        { "XAU", "0.0051", TRD_IGNORED, 0, 0 },
        { "XAU", "0.00002", TRD_IGNORED, 0, 0 },
        { "XAU", "1", TRD_IGNORED, 0, 0 },
        { "XAU", "1e-29", TRD_IGNORED, 0, 0 },
        { "XAU", "0", TRD_ERROR, 0, 0 },
        { "XAU", "-1800", TRD_ERROR, 0, 0 },
        { "XAU", "1e400", TRD_IGNORED, 0, 0 },
        { "XAG", "23.1", TRD_OK, 2310000000, 0 },
        { "XAG", "0.04", TRD_OK, 2500000000, 1 },
        { "XAG", "0.5", TRD_IGNORED, 0, 0 },
        { "XPT", "1000", TRD_OK, 100000000000, 0 },
        { "XPD", "0.001", TRD_OK, 100000000000, 1 },
        { "XCU", "4", TRD_NOT_FOUND, 0, 0 }
    };

    (void) state;

    for (i = 0; i < N(cases); i++) {
        snprintf(list, sizeof(list), "\"%s\":%s", cases[i].metal,
                 cases[i].value);
        assert_int_equal(answer("USD", list), TRD_OK);
        assert_int_equal(trd_rates_metal(&rates, cases[i].metal,
                                         TRD_E8 / 100, &p), cases[i].rc);

        if (cases[i].rc == TRD_OK) {
            assert_true(p.price_e8 == cases[i].price_e8);
            assert_int_equal(p.derived, cases[i].derived);
        }
    }
}


static void
test_gold_as_base(void **state)
{
    trd_rates_price_t  p;

    (void) state;

    assert_int_equal(answer("XAU", "\"USD\":1817.0552439305814"), TRD_OK);
    assert_int_equal(trd_rates_metal(&rates, "XAU", 1000000, &p), TRD_OK);
    assert_true(p.price_e8 == 181705524393);
    assert_int_equal(p.derived, TRD_DERIVED_NOT);
    assert_int_equal(trd_rates_metal(&rates, "XAG", 1000000, &p),
                     TRD_NOT_FOUND);

    /* silver against gold says nothing of dollars an ounce of silver here */
    assert_int_equal(answer("XAU", "\"USD\":1817,\"XAG\":78.6"), TRD_OK);
    assert_int_equal(trd_rates_metal(&rates, "XAG", 1000000, &p),
                     TRD_NOT_FOUND);

    assert_int_equal(answer("EUR", "\"USD\":1.1,\"XAU\":0.0006"), TRD_OK);
    assert_int_equal(trd_rates_metal(&rates, "XAU", 1000000, &p),
                     TRD_NOT_FOUND);
}


static void
recorded(void *ctx, const char *path, char *text, size_t len)
{
    (void) ctx;
    (void) path;

    assert_int_equal(trd_rates_metals(text, len, &rates), TRD_OK);
    assert_string_equal(rates.base, "XAU");
    assert_true(rates.time_ms == 1641990900000);
    assert_true(trd_rates_find(&rates, "USD")->digits == 18170552439305814);
}


static void
test_recorded_document(void **state)
{
    (void) state;

    if (recordings_file(RECORDINGS "/metals/metals-api-latest-XAU-20220112"
                        ".json", 0, recorded, NULL) == 0)
    {
        print_message("no recorded data beside the repository\n");
        skip();
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_refusals_of_the_service),
        cmocka_unit_test(test_size_decides),
        cmocka_unit_test(test_gold_as_base),
        cmocka_unit_test(test_recorded_document)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
