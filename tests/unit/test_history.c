/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The memory of polled sources: when a day is known and when not, and a file
 * that is taken whole or not at all.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "history.h"
#include "tsd_log.h"

#define HOUR  3600000LL
#define T0    1700000000000LL

static const char *const  symbols[] = { "EURUSD", "USDJPY" };
static char               directory[] = "/tmp/history-test-XXXXXX";
static char               file[64];


static history_t *
fresh(void)
{
    history_t  *h;

    (void) unlink(file);
    h = history_open(directory, "test", symbols, 2);
    assert_non_null(h);
    assert_int_equal(history_rows(h), 0);

    return h;
}


static int
add(history_t *h, int64_t ms, int64_t a, int64_t b)
{
    int64_t  prices[2] = { a, b };

    return history_add(h, ms, prices);
}


static void
day(const history_t *h, uint32_t symbol, int64_t ms, int64_t price,
    int64_t gap, int64_t open, int64_t high, int64_t low)
{
    history_day_t  d;

    history_day(h, symbol, ms, price, gap, &d);
    assert_true(d.open_e8 == open);
    assert_true(d.high_e8 == high);
    assert_true(d.low_e8 == low);
}


static void
test_day_needs_a_snapshot_about_a_day_old(void **state)
{
    history_t  *h;

    (void) state;

    h = fresh();
    day(h, 0, T0, 100, HOUR, 0, 0, 0);

    add(h, T0, 100, 7);
    day(h, 0, T0 + 24 * HOUR, 90, 24 * HOUR, 100, 100, 90);
    day(h, 0, T0 + 25 * HOUR, 110, 25 * HOUR, 100, 110, 100);
    day(h, 0, T0 + 25 * HOUR + 1, 110, 99 * HOUR, 0, 0, 0);
    day(h, 0, T0 + 23 * HOUR, 110, 24 * HOUR, 100, 110, 100);
    day(h, 0, T0 + 23 * HOUR - 1, 110, 24 * HOUR, 0, 0, 0);

    /* the nearest of several; what was between counts for the range */
    add(h, T0 + HOUR, 101, 0);
    add(h, T0 + 2 * HOUR, 250, 0);
    add(h, T0 + 10 * HOUR, 50, 9);
    day(h, 0, T0 + 25 * HOUR, 110, 15 * HOUR, 101, 250, 50);

    /* a gap: the opening is known, the range is not */
    day(h, 0, T0 + 25 * HOUR, 110, 15 * HOUR - 1, 101, 0, 0);

    /* the other one has no price at that hour, but one an hour before */
    day(h, 1, T0 + 25 * HOUR, 8, 15 * HOUR, 7, 9, 7);
    history_close(h);
}


static void
test_rows_are_completed_replaced_and_forgotten(void **state)
{
    int         i;
    history_t  *h;

    (void) state;

    h = fresh();
    assert_int_equal(add(h, T0, 100, 0), 1);
    assert_int_equal(add(h, T0, 100, 0), 0);
    assert_int_equal(add(h, T0, 100, 5), 1);        /* the other came later */
    assert_int_equal(add(h, T0, 0, 5), 0);          /* refused: it stands */
    assert_int_equal(add(h, T0, 101, 5), 1);        /* corrected */
    assert_int_equal(history_rows(h), 1);
    day(h, 0, T0 + 24 * HOUR, 101, 24 * HOUR, 101, 101, 101);

    add(h, T0 + HOUR, 1, 1);
    assert_int_equal(add(h, T0 + HOUR - 1, 2, 2), 1);
    assert_int_equal(history_rows(h), 2);           /* the later one is gone */

    add(h, T0 + 26 * HOUR, 3, 3);                   /* the older ones, too */
    assert_int_equal(history_rows(h), 1);

    for (i = 1; i <= HISTORY_ROWS + 10; i++) {
        add(h, T0 + 26 * HOUR + i, i, i);
    }

    assert_int_equal(history_rows(h), HISTORY_ROWS);
    history_save(h);
    history_close(h);

    h = history_open(directory, "test", symbols, 2);
    assert_int_equal(history_rows(h), HISTORY_ROWS);
    history_close(h);
}


static size_t
slurp(char *buf, size_t size)
{
    FILE    *f;
    size_t   n;

    f = fopen(file, "rb");
    assert_non_null(f);
    n = fread(buf, 1, size, f);
    fclose(f);

    return n;
}


static void
spill(const char *buf, size_t len)
{
    FILE  *f;

    f = fopen(file, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(buf, 1, len, f), len);
    fclose(f);
}


static uint32_t
rows(void)
{
    uint32_t    n;
    history_t  *h;

    h = history_open(directory, "test", symbols, 2);
    assert_non_null(h);
    n = history_rows(h);
    history_close(h);

    return n;
}


static void
test_file_is_taken_whole_or_not_at_all(void **state)
{
    char        buf[1024], bad[1025];
    size_t      i, len;
    history_t  *h;

    (void) state;

    h = fresh();
    add(h, T0, 108696000, 14327000000);
    add(h, T0 + HOUR, 0, 14400000000);
    history_save(h);
    history_close(h);

    len = slurp(buf, sizeof(buf));
    assert_int_equal(rows(), 2);
    assert_non_null(strstr(buf, "\n1700000000000 1.08696 143.27\n"));

    for (i = 0; i < len; i++) {                     /* any byte changed */
        memcpy(bad, buf, len);
        bad[i] ^= 1;
        spill(bad, len);
        assert_int_equal(rows(), 0);
        bad[i] = '\0';
        spill(bad, len);
        assert_int_equal(rows(), 0);
    }

    for (i = 0; i < len; i++) {                     /* torn anywhere */
        spill(buf, i);
        assert_int_equal(rows(), 0);
    }

    memcpy(bad, buf, len);
    bad[len] = '\n';
    spill(bad, len + 1);
    assert_int_equal(rows(), 0);

    spill(buf, len);
    assert_int_equal(rows(), 2);

    h = history_open(directory, "other", symbols, 2);
    assert_int_equal(history_rows(h), 0);
    history_close(h);
}


static void
test_columns_follow_their_names(void **state)
{
    history_t  *h;

    static const char *const  others[] = { "USDJPY", "GBPUSD", "EURUSD" };

    (void) state;

    h = fresh();
    add(h, T0, 11, 22);
    history_save(h);
    history_close(h);

    h = history_open(directory, "test", others, 3);
    assert_int_equal(history_rows(h), 1);
    day(h, 0, T0 + 24 * HOUR, 22, 24 * HOUR, 22, 22, 22);
    day(h, 1, T0 + 24 * HOUR, 22, 24 * HOUR, 0, 0, 0);
    day(h, 2, T0 + 24 * HOUR, 11, 24 * HOUR, 11, 11, 11);
    history_close(h);
}


static void
test_without_a_directory_it_forgets(void **state)
{
    history_t  *h;

    (void) state;

    h = history_open("/proc/no/such", "test", symbols, 2);
    assert_non_null(h);
    add(h, T0, 1, 1);
    history_save(h);
    assert_int_equal(history_rows(h), 1);
    history_close(h);
}


int
main(void)
{
    int  rc;

    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_day_needs_a_snapshot_about_a_day_old),
        cmocka_unit_test(test_rows_are_completed_replaced_and_forgotten),
        cmocka_unit_test(test_file_is_taken_whole_or_not_at_all),
        cmocka_unit_test(test_columns_follow_their_names),
        cmocka_unit_test(test_without_a_directory_it_forgets)
    };

    (void) tsd_log_init("test", "error", "text");

    if (mkdtemp(directory) == NULL) {
        return 1;
    }

    (void) snprintf(file, sizeof(file), "%s/test.history", directory);
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    (void) unlink(file);
    (void) rmdir(directory);

    return rc;
}
