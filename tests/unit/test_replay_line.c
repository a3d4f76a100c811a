/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Lines of recorded feeds: each form, its bounds, and what is none of them.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replay_line.h"

static char           *text;
static replay_line_t   line;


/* nothing behind its end, for the sanitizers */

static replay_line_kind_t
read_line(const char *s)
{
    size_t  n = strlen(s);

    free(text);
    text = malloc(n + (n == 0));
    memcpy(text, s, n);
    replay_line_read(text, n, &line);

    return line.kind;
}


static void
assert_text(const char *want)
{
    assert_int_equal(line.len, strlen(want));
    assert_memory_equal(line.text, want, line.len);
}


static void
test_messages(void **state)
{
    (void) state;

    assert_int_equal(read_line("1723161253937085768 {\"a\":1}\r\n"),
                     REPLAY_LINE_STREAM);
    assert_int_equal(line.ms, 1723161253937);
    assert_text("{\"a\":1}");
    assert_int_equal(read_line("9223372036854775807 x"), REPLAY_LINE_STREAM);
    assert_int_equal(line.ms, 9223372036854);

    assert_int_equal(read_line("1617566591.3261239: []"), REPLAY_LINE_STREAM);
    assert_int_equal(line.ms, 1617566591326);
    assert_text("[]");
    assert_int_equal(read_line("1617566591: "), REPLAY_LINE_STREAM);
    assert_int_equal(line.ms, 1617566591000);
    assert_text("");
    assert_int_equal(read_line("253402300799.9999: {}"), REPLAY_LINE_STREAM);
    assert_int_equal(line.ms, 253402300799999);
}


static void
test_no_lines(void **state)
{
    size_t  i;

    static const char *const  none[] = {
        " ", "{}", "1", "12:", "12 {}", "-1: {}", "1000000000000000 {}",
        "9223372036854775808 {}", "99999999999999999999999999 {}",
        "253402300800: {}", "1.5 {}", "1.5:{}", "1.x: {}", ": {}", ".5: {}",
        "wss:/", "http://"
    };

    (void) state;

    for (i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_int_equal(read_line(none[i]), REPLAY_LINE_BAD);
    }
}


static void
test_aside(void **state)
{
    size_t  i;

    static const char *const  aside[] = {
        "", "\n", "\r\n", "wss://host/stream <-> 1617566590.378895",
        "https://", "https://host/api/v3/depth?symbol=X&limit=5",
        "https://host/api/v3/exchangeInfo -> 1.5: {}",
        "https://host/api/v3/depth?limit=5 -> 1.5: {}",
        "https://host/api/v3/depth?symbol= -> 1.5: {}",
        "https://host/api/v3/depth?symbol=X -> then: {}",
        "https://host/x -> 1.5: /depth?symbol=X"
    };

    (void) state;

    for (i = 0; i < sizeof(aside) / sizeof(aside[0]); i++) {
        assert_int_equal(read_line(aside[i]), REPLAY_LINE_ASIDE);
    }
}


static void
test_snapshots(void **state)
{
    (void) state;

    assert_int_equal(read_line("https://www.binance.com/api/v1/depth?symbol="
                               "DOTUSDT&limit=1000 -> 1617566592.1065369: "
                               "{\"lastUpdateId\":1}\n"), REPLAY_LINE_BOOK);
    assert_int_equal(line.ms, 1617566592106);
    assert_int_equal(line.symbol_len, 7);
    assert_memory_equal(line.symbol, "DOTUSDT", 7);
    assert_int_equal(line.limit, 1000);
    assert_text("{\"lastUpdateId\":1}");

    assert_int_equal(read_line("https://h/depth?a&limit=5001&symbol=X -> 1: "),
                     REPLAY_LINE_BOOK);
    assert_int_equal(line.limit, 0);
    assert_int_equal(line.symbol_len, 1);
    assert_text("");

    assert_int_equal(read_line("1723161254206652067 {\"lastUpdateId\":9}"),
                     REPLAY_LINE_BOOK);
    assert_null(line.symbol);
    assert_int_equal(line.limit, 0);
    assert_text("{\"lastUpdateId\":9}");
}


static int
teardown(void **state)
{
    (void) state;
    free(text);

    return 0;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_no_lines),
        cmocka_unit_test(test_aside),
        cmocka_unit_test(test_snapshots)
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}
