/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "trd_ws_upgrade.h"

#define TEST_N(a)  (sizeof(a) / sizeof((a)[0]))

#define TEST_PLAIN                                                            \
    "permessage-deflate; server_no_context_takeover"                          \
    "; client_no_context_takeover"
#define TEST_BITS  TEST_PLAIN "; server_max_window_bits=12"


static void
test_token_listed(void **state)
{
    size_t  i;

    static const char *const  good[] = {
        "upgrade", "Upgrade", "UPGRADE", "keep-alive, Upgrade",
        "keep-alive,upgrade", "upgrade,close", " \tupgrade\t ,x",
        ", ,upgrade", "x y, upgrade", "up, upgrade"
    };

    static const char *const  bad[] = {
        "", " ", ",", "up", "upgrades", "xupgrade", "upgrade/1", "upgrade x",
        "x upgrade", "keep-alive", "\"upgrade\"", "upgrade;q=1", "up grade",
        "upgrad\xe5", "up,grade"
    };

    (void) state;

    for (i = 0; i < TEST_N(good); i++) {
        assert_int_equal(trd_token_listed(good[i], strlen(good[i]),
                                          "upgrade"), 1);
        assert_int_equal(trd_token_listed(good[i], strlen(good[i]),
                                          "Upgrade"), 1);
    }

    for (i = 0; i < TEST_N(bad); i++) {
        assert_int_equal(trd_token_listed(bad[i], strlen(bad[i]), "upgrade"),
                         0);
    }

    assert_int_equal(trd_token_listed(NULL, 0, "upgrade"), 0);
    assert_int_equal(trd_token_listed("websocket/13", 12, "websocket"), 0);

    /* the length counts, not what stands behind it */
    assert_int_equal(trd_token_listed("upgrade", 6, "upgrade"), 0);
    assert_int_equal(trd_token_listed("upgrades", 7, "upgrade"), 1);
}


static void
test_ws_key_ok(void **state)
{
    int     expected;
    char    key[25];
    size_t  i;

    static const char  letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    static const char *const  bad[] = {
        "", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ===", "dGhlIHNhbXBsZSBub25jZQQ=",
        "dGhlIHNhbXBsZSBub25jZQQQ", "dGhlIHNhbXBsZSBub25jZ===",
        "dGhlIHNhbXBsZSB-b25jZQ==", "dGhlIHNhbXBsZSB_b25jZQ==",
        " GhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=A",
        "dGhlIHNh=XBsZSBub25jZQ=="
    };

    (void) state;

    /* RFC 6455, 1.3 */
    assert_int_equal(trd_ws_key_ok("dGhlIHNhbXBsZSBub25jZQ==", 24), 1);
    assert_int_equal(trd_ws_key_ok("AQIDBAUGBwgJCgsMDQ4PEC==", 24), 0);
    assert_int_equal(trd_ws_key_ok("AQIDBAUGBwgJCgsMDQ4PEA==", 24), 1);

    for (i = 0; i < TEST_N(bad); i++) {
        assert_int_equal(trd_ws_key_ok(bad[i], strlen(bad[i])), 0);
    }

    /* of the last letter only two bits are of the sixteen bytes */

    memcpy(key, "dGhlIHNhbXBsZSBub25jZQ==", sizeof(key));

    for (i = 0; i < 64; i++) {
        key[21] = letters[i];
        expected = (i % 16 == 0);
        assert_int_equal(trd_ws_key_ok(key, 24), expected);
    }

    for (i = 0; i < 256; i++) {
        memcpy(key, "dGhlIHNhbXBsZSBub25jZQ==", sizeof(key));
        key[5] = (char) i;
        expected = (i != 0 && strchr(letters, (int) i) != NULL);
        assert_int_equal(trd_ws_key_ok(key, 24), expected);
    }
}


static void
assert_answer(const char *offer, const char *expected)
{
    char    buf[TRD_WS_DEFLATE_MAX + 1];
    size_t  n;

    buf[TRD_WS_DEFLATE_MAX] = '!';
    n = trd_ws_deflate_offer(offer, strlen(offer), buf);
    assert_int_equal(buf[TRD_WS_DEFLATE_MAX], '!');
    assert_true(n <= TRD_WS_DEFLATE_MAX);
    buf[n] = '\0';

    if (strcmp(buf, expected) != 0) {
        fail_msg("\"%s\" is answered with \"%s\"", offer, buf);
    }
}


static void
test_ws_deflate_offer_taken(void **state)
{
    size_t  i;

    static const char *const  plain[] = {
        "permessage-deflate",
        " permessage-deflate ",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate;client_max_window_bits",
        "permessage-deflate ; client_max_window_bits = 8",
        "permessage-deflate; client_max_window_bits=15",
        "permessage-deflate; client_max_window_bits=\"10\"",
        "permessage-deflate; server_no_context_takeover",
        "permessage-deflate; client_no_context_takeover",
        "permessage-deflate; client_no_context_takeover"
        "; server_no_context_takeover; client_max_window_bits",
        "x-webkit-deflate-frame, permessage-deflate",
        /* with a fallback, as in RFC 7692, 7.1.3 */
        "permessage-deflate; client_max_window_bits; server_max_window_bits=10"
        ", permessage-deflate; client_max_window_bits",
        "foo; a=\"x, permessage-deflate; y\\\", z\"; b, permessage-deflate",
        ", ,permessage-deflate,"
    };

    static const char *const  bits[] = {
        "permessage-deflate; server_max_window_bits=12",
        "permessage-deflate; server_max_window_bits=13",
        "permessage-deflate; server_max_window_bits=15",
        "permessage-deflate; server_max_window_bits=\"12\"",
        "permessage-deflate; server_max_window_bits=\"\\1\\5\"",
        "permessage-deflate; client_max_window_bits; "
        "server_max_window_bits=14; server_no_context_takeover",
        "permessage-deflate; server_max_window_bits=10, "
        "permessage-deflate; server_max_window_bits=12"
    };

    (void) state;

    for (i = 0; i < TEST_N(plain); i++) {
        assert_answer(plain[i], TEST_PLAIN);
    }

    for (i = 0; i < TEST_N(bits); i++) {
        assert_answer(bits[i], TEST_BITS);
    }
}


/* each is declined, and so the offer behind it is taken */
static void
test_ws_deflate_offer_declined(void **state)
{
    char    both[400];
    size_t  i;

    static const char *const  bad[] = {
        "", " ", ";", "permessage-deflat", "permessage-deflatee",
        "permessage-deflate=1", "permessage-deflate x",
        "permessage-deflate;", "permessage-deflate; ;",
        "permessage-deflate; unknown", "permessage-deflate; unknown=1",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover=12",
        "permessage-deflate; client_no_context_takeover=\"\"",
        "permessage-deflate; server_no_context_takeover"
        "; server_no_context_takeover",
        "permessage-deflate; client_no_context_takeover"
        "; client_no_context_takeover",
        "permessage-deflate; client_max_window_bits"
        "; client_max_window_bits=9",
        "permessage-deflate; server_max_window_bits=13"
        "; server_max_window_bits=13",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=",
        "permessage-deflate; server_max_window_bits=\"\"",
        "permessage-deflate; server_max_window_bits=8",
        "permessage-deflate; server_max_window_bits=9",
        "permessage-deflate; server_max_window_bits=11",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=20",
        "permessage-deflate; server_max_window_bits=012",
        "permessage-deflate; server_max_window_bits=+12",
        "permessage-deflate; server_max_window_bits=1a",
        "permessage-deflate; server_max_window_bits=120000000000",
        "permessage-deflate; server_max_window_bits=\"1 2\"",
        "permessage-deflate; server_max_window_bits=\"12\" 3",
        "permessage-deflate; server_max_window_bits=12 3",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=",
        "permessage-deflate; client_max_window_bits=08",
        "permessage-deflate; \"client_max_window_bits\"",
        "permessage-deflate server_no_context_takeover",
        "\"permessage-deflate\""
    };

    (void) state;

    for (i = 0; i < TEST_N(bad); i++) {
        assert_answer(bad[i], "");
        snprintf(both, sizeof(both), "%s, permessage-deflate", bad[i]);
        assert_answer(both, TEST_PLAIN);
    }

    /* where a quoted string does not end, nothing can be told of the rest */

    assert_answer("permessage-deflate; server_max_window_bits=\"12", "");
    assert_answer("foo; a=\"1, permessage-deflate", "");
    assert_answer("foo; a=\"1\\\", permessage-deflate", "");
    assert_answer("foo; a=\"\\", "");
    assert_answer("permessage-deflate, foo; a=\"1", TEST_PLAIN);

    assert_int_equal(trd_ws_deflate_offer(NULL, 0, both), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_token_listed),
        cmocka_unit_test(test_ws_key_ok),
        cmocka_unit_test(test_ws_deflate_offer_taken),
        cmocka_unit_test(test_ws_deflate_offer_declined)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
