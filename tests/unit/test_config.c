/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * marketd's settings: defaults, every kind of value at its bounds, and that
 * whatever is wrong stops the start with its name.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "capture.h"
#include "config.h"


static int
fresh(void **state)
{
    (void) state;

    return clearenv() || setenv("HOME", "/", 1);
}


/* the value is taken */
static void
check_good(marketd_config_t *config, const char *name, const char *value)
{
    assert_int_equal(setenv(name, value, 1), 0);

    if (marketd_config_read(config) != 0) {
        fail_msg("%s=%s was refused", name, value);
    }

    assert_int_equal(unsetenv(name), 0);
}


/* the value is refused, and the log names the variable */
static void
check_bad(const char *name, const char *value)
{
    int                rc;
    char               want[128];
    capture_t          c;
    marketd_config_t   config;

    assert_int_equal(setenv(name, value, 1), 0);
    capture_start(&c);
    rc = marketd_config_read(&config);
    capture_stop(&c);
    assert_int_equal(unsetenv(name), 0);

    if (rc == 0) {
        fail_msg("%s=%s was taken", name, value);
    }

    (void) snprintf(want, sizeof(want), "name=%s", name);

    if (strstr(c.text, want) == NULL || strstr(c.text, "level=error") == NULL)
    {
        fail_msg("%s=%s: %s", name, value, c.text);
    }
}


static void
test_defaults(void **state)
{
    marketd_config_t  c;

    (void) state;
    assert_int_equal(marketd_config_read(&c), 0);
    assert_int_equal(c.mode, MARKETD_SIMULATOR);
    assert_string_equal(c.run_dir, "/run/trading");
    assert_string_equal(c.catalogue, "/etc/trading/instruments.json");
    assert_int_equal(c.capacity, 0);
    assert_int_equal(c.max_jump_bp, 2000);
    assert_int_equal(c.max_future_ms, 5000);
    assert_int_equal(c.page_interval_us, 500);
    assert_int_equal(c.market_interval_ms, 25);
    assert_string_equal(c.binance_streams,
                        "trade,bookTicker,ticker,kline_1m,depth20@100ms");
    assert_null(c.ca_file);
    assert_int_equal(c.max_age_s, 85800);
    assert_int_equal(c.sim_seed, 1);
    assert_int_equal(c.sim_start_ms, -1);
    assert_int_equal(c.sim_updates, 0);

    /* an empty value is none */
    check_good(&c, "MAX_JUMP_BP", "");
    assert_int_equal(c.max_jump_bp, 2000);
}


static void
test_numbers(void **state)
{
    unsigned          i;
    marketd_config_t  c;

    static const char *const  bad[] = {
        "-1", "+1", " 1", "1 ", "1.0", "1e3", "0x10", "abc", "1k", "10,000",
        "18446744073709551616", "99999999999999999999999"
    };

    (void) state;
    check_good(&c, "BOARD_CAPACITY", "65536");
    assert_int_equal(c.capacity, 65536);
    check_bad("BOARD_CAPACITY", "65537");
    check_good(&c, "MARKET_PAGE_INTERVAL_MS", "1");
    check_bad("MARKET_PAGE_INTERVAL_MS", "0");
    check_good(&c, "FEED_MAX_AGE_S", "86400");
    check_bad("FEED_MAX_AGE_S", "86401");
    check_good(&c, "SIMULATOR_SEED", "18446744073709551615");
    assert_true(c.sim_seed == UINT64_MAX);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        check_bad("MAX_FUTURE_MS", bad[i]);
        check_bad("SIMULATOR_SEED", bad[i]);
    }

    /* the table's bounds agree with each other, too */
    assert_int_equal(setenv("FEED_BACKOFF_MIN_MS", "500", 1), 0);
    check_bad("FEED_BACKOFF_MAX_MS", "499");
    check_good(&c, "FEED_BACKOFF_MAX_MS", "500");
}


static void
test_words(void **state)
{
    marketd_config_t  c;

    (void) state;
    check_good(&c, "TRADING_SOURCE", "live");
    assert_int_equal(c.mode, MARKETD_LIVE);
    check_bad("TRADING_SOURCE", "Live");
    check_bad("TRADING_SOURCE", "replay");
    check_bad("TRADING_SOURCE", " simulator");
    check_good(&c, "LOG_LEVEL", "debug");
    check_bad("LOG_LEVEL", "loud");
    check_good(&c, "LOG_FORMAT", "text");
}


static void
test_times(void **state)
{
    unsigned          i;
    marketd_config_t  c;

    static const struct {
        const char  *text;
        int64_t      ms;
    } good[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "2026-01-02T03:04:05Z", 1767323045000 },
        { "2000-02-29T23:59:59Z", 951868799000 },
        { "2024-12-31T23:59:59Z", 1735689599000 },
        { "2100-03-01T00:00:00Z", 4107542400000 }
    };

    static const char *const  bad[] = {
        "2026-01-02", "2026-01-02T03:04:05", "2026-01-02T03:04:05z",
        "2026-01-02T03:04:05Zx", "2026-01-02 03:04:05Z",
        "2026-1-2T3:4:5Z", "2026-01-02T03:04:+5Z", "2026- 1-02T03:04:05Z",
        "1969-12-31T23:59:59Z", "2026-00-01T00:00:00Z",
        "2026-13-01T00:00:00Z", "2026-01-00T00:00:00Z",
        "2026-01-32T00:00:00Z", "2026-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z", "2100-02-29T00:00:00Z",
        "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:60Z", "0", "now"
    };

    (void) state;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        check_good(&c, "SIMULATOR_START", good[i].text);
        assert_int_equal(c.sim_start_ms, good[i].ms);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        check_bad("SIMULATOR_START", bad[i]);
    }
}


static void
test_unknown_names(void **state)
{
    unsigned          i;
    marketd_config_t  c;

    static const char *const  bad[] = {
        "TRADING_SOURCES", "TRADING_", "BINANCE_URL", "SIMULATOR_SEEDS",
        "FEED_MAX_AGE", "BOARD_SIZE", "TRADING_source"
    };

    (void) state;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        check_bad(bad[i], "1");
    }

    check_good(&c, "TRADING_PORT", "8080");
    check_good(&c, "TRADING_STATE_DIR", "var");
    check_good(&c, "SOMETHING_ELSE", "1");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup(test_defaults, fresh),
        cmocka_unit_test_setup(test_numbers, fresh),
        cmocka_unit_test_setup(test_words, fresh),
        cmocka_unit_test_setup(test_times, fresh),
        cmocka_unit_test_setup(test_unknown_names, fresh)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
