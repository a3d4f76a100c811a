/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "trd_ws.h"
#include "utf8_oracle.h"

#define TEST_MAX  70000

#define TEST_N(a)  (sizeof(a) / sizeof((a)[0]))

static const uint8_t  test_mask[4] = { 0x37, 0xfa, 0x21, 0x3d };


/* a masked frame whose head says `len` in `longer` more bytes (0, 2, 8) */
static size_t
test_frame(uint8_t *buf, uint8_t first, uint64_t len, size_t longer,
    const uint8_t *payload)
{
    size_t  i, n;

    buf[0] = first;
    buf[1] = (uint8_t) (0x80 | (longer == 8 ? 127 : longer == 2 ? 126 : len));
    n = 2;

    for (i = 0; i < longer; i++) {
        buf[n++] = (uint8_t) (len >> 8 * (longer - 1 - i));
    }

    memcpy(buf + n, test_mask, sizeof(test_mask));
    n += sizeof(test_mask);

    for (i = 0; payload != NULL && i < len; i++) {
        buf[n++] = payload[i] ^ test_mask[i % 4];
    }

    return n;
}


/* the bytes that the shortest head has for such a length */
static size_t
test_longer(uint64_t len)
{
    return (len < 126) ? 0 : (len < 65536) ? 2 : 8;
}


static unsigned
test_error(uint8_t *data, size_t len, size_t max, int deflate)
{
    size_t          need;
    unsigned        code;
    trd_ws_frame_t  frame;

    code = 0;

    if (trd_ws_frame(data, len, max, deflate, &frame, &need, &code)
        != TRD_ERROR)
    {
        return 0;
    }

    return code;
}


/* RFC 6455, 5.7: those that a client sends */
static void
test_ws_frame_examples(void **state)
{
    size_t          i, need;
    unsigned        code;
    trd_ws_frame_t  frame;

    uint8_t  hello[] = { 0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d,
                         0x51, 0x58 };
    uint8_t  pong[] = { 0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d,
                        0x51, 0x58 };

    struct {
        uint8_t   *data;
        uint8_t    opcode;
    } cases[] = { { hello, TRD_WS_TEXT }, { pong, TRD_WS_PONG } };

    (void) state;

    for (i = 0; i < TEST_N(cases); i++) {
        assert_int_equal(trd_ws_frame(cases[i].data, 11, 5, 0, &frame, &need,
                                      &code), TRD_OK);
        assert_int_equal(frame.opcode, cases[i].opcode);
        assert_int_equal(frame.fin, 1);
        assert_int_equal(frame.compressed, 0);
        assert_int_equal(frame.size, 11);
        assert_int_equal(frame.len, 5);
        assert_ptr_equal(frame.payload, cases[i].data + 6);
        assert_memory_equal(frame.payload, "Hello", 5);
    }
}


/* the same section's frames of a server are not for a server */
static void
test_ws_frame_not_masked(void **state)
{
    uint8_t  hello[] = { 0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f };
    uint8_t  ping[] = { 0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f };
    uint8_t  empty[] = { 0x81, 0x00 };

    (void) state;

    assert_int_equal(test_error(hello, sizeof(hello), 100, 0), 1002);
    assert_int_equal(test_error(hello, 2, 100, 0), 1002);
    assert_int_equal(test_error(ping, sizeof(ping), 100, 0), 1002);
    assert_int_equal(test_error(empty, sizeof(empty), 100, 0), 1002);
}


/* each first byte, against the sentence of the RFC that it comes under */
static void
test_ws_frame_first(void **state)
{
    int       deflate, ok, control;
    size_t    need;
    uint8_t   data[6];
    unsigned  first, opcode, code;

    trd_ws_frame_t  frame;

    (void) state;

    for (first = 0; first < 256; first++) {
        for (deflate = 0; deflate < 2; deflate++) {
            opcode = first & 15;
            control = (opcode == 8 || opcode == 9 || opcode == 10);
            ok = control || opcode < 3;

            if (first & 0x30) {
                ok = 0;
            }

            if ((first & 0x40) && (!deflate || (opcode != 1 && opcode != 2))) {
                ok = 0;
            }

            if (control && !(first & 0x80)) {
                ok = 0;
            }

            /* found at the first byte already */

            data[0] = (uint8_t) first;
            assert_int_equal(test_error(data, 1, 100, deflate),
                             ok ? 0 : 1002);

            assert_int_equal(test_frame(data, (uint8_t) first, 0, 0, NULL), 6);

            if (!ok) {
                assert_int_equal(test_error(data, 6, 100, deflate), 1002);
                continue;
            }

            assert_int_equal(trd_ws_frame(data, 6, 0, deflate, &frame, &need,
                                          &code), TRD_OK);
            assert_int_equal(frame.opcode, opcode);
            assert_int_equal(frame.fin, first >> 7);
            assert_int_equal(frame.compressed, first >> 6 & 1);
            assert_int_equal(frame.len, 0);
            assert_int_equal(frame.size, 6);
        }
    }
}


static void
test_ws_frame_control_length(void **state)
{
    size_t    n, need;
    uint8_t   data[200], payload[130];
    unsigned  code;

    trd_ws_frame_t  frame;

    (void) state;

    memset(payload, 'x', sizeof(payload));

    n = test_frame(data, 0x89, 125, 0, payload);
    assert_int_equal(trd_ws_frame(data, n, 200, 0, &frame, &need, &code),
                     TRD_OK);
    assert_int_equal(frame.len, 125);

    test_frame(data, 0x89, 126, 2, payload);
    assert_int_equal(test_error(data, 2, 200, 0), 1002);

    test_frame(data, 0x88, 126, 8, payload);
    assert_int_equal(test_error(data, 2, 200, 0), 1002);
}


/* each way to write a length: only the shortest is right */
static void
test_ws_frame_lengths(void **state)
{
    size_t    i, j, n, need;
    uint8_t  *data, *payload;
    unsigned  code;

    trd_ws_frame_t  frame;

    static const size_t  longer[] = { 0, 2, 8 };
    static const size_t  lens[] = {
        0, 1, 125, 126, 127, 255, 256, 65535, 65536, 65537, TEST_MAX
    };

    (void) state;

    data = malloc(TEST_MAX + 14);
    payload = malloc(TEST_MAX);
    assert_non_null(data);
    assert_non_null(payload);

    for (i = 0; i < TEST_MAX; i++) {
        payload[i] = (uint8_t) (i * 31 + i / 256);
    }

    for (i = 0; i < TEST_N(lens); i++) {
        for (j = 0; j < TEST_N(longer); j++) {
            if (longer[j] < test_longer(lens[i])) {
                continue;
            }

            n = test_frame(data, 0x82, lens[i], longer[j], payload);

            if (longer[j] != test_longer(lens[i])) {
                assert_int_equal(test_error(data, n, TEST_MAX, 0), 1002);
                assert_int_equal(test_error(data, 2 + longer[j], TEST_MAX, 0),
                                 1002);
                continue;
            }

            /* one less than what it takes, and just that */

            if (lens[i]) {
                assert_int_equal(test_error(data, n, lens[i] - 1, 0), 1009);
                assert_int_equal(test_error(data, 2 + longer[j], lens[i] - 1,
                                            0), 1009);
            }

            assert_int_equal(trd_ws_frame(data, n, lens[i], 0, &frame, &need,
                                          &code), TRD_OK);
            assert_int_equal(frame.size, n);
            assert_int_equal(frame.len, lens[i]);
            assert_memory_equal(frame.payload, payload, lens[i]);
        }
    }

    free(payload);
    free(data);
}


static void
test_ws_frame_length_huge(void **state)
{
    uint8_t  data[14];

    (void) state;

    test_frame(data, 0x81, 1ULL << 63, 8, NULL);
    assert_int_equal(test_error(data, 10, SIZE_MAX / 2, 0), 1002);

    test_frame(data, 0x81, UINT64_MAX, 8, NULL);
    assert_int_equal(test_error(data, 10, SIZE_MAX / 2, 0), 1002);

    test_frame(data, 0x81, INT64_MAX, 8, NULL);
    assert_int_equal(test_error(data, 10, 4096, 0), 1009);
    assert_int_equal(test_error(data, 14, 4096, 0), 1009);
}


/*
 * Every number of bytes that may have come: what is needed is more than they,
 * never more than the frame has, and nothing is unmasked too early.
 */
static void
test_ws_frame_splits(void **state)
{
    size_t    i, n, len, need;
    uint8_t   data[700], copy[700], payload[700];
    unsigned  code;

    trd_ws_frame_t  frame;

    static const size_t  lens[] = { 0, 1, 5, 125, 126, 600 };

    (void) state;

    for (i = 0; i < sizeof(payload); i++) {
        payload[i] = (uint8_t) (i * 7);
    }

    for (i = 0; i < TEST_N(lens); i++) {
        n = test_frame(data, 0x81, lens[i], test_longer(lens[i]), payload);
        memcpy(copy, data, n);

        for (len = 0; len < n; len++) {
            assert_int_equal(trd_ws_frame(data, len, 600, 0, &frame, &need,
                                          &code), TRD_AGAIN);
            assert_true(need > len);
            assert_true(need <= n);
            assert_memory_equal(data, copy, n);
        }

        assert_int_equal(trd_ws_frame(data, n, 600, 0, &frame, &need, &code),
                         TRD_OK);
        assert_memory_equal(frame.payload, payload, lens[i]);

        /* whoever reads just what is needed gets there in three steps */

        memcpy(data, copy, n);

        for (len = 0, code = 0;
             trd_ws_frame(data, len, 600, 0, &frame, &need, &code)
             == TRD_AGAIN;
             len = need)
        {
            assert_true(++code <= 3 || code >= 1000);
        }

        assert_int_equal(len, n);
    }
}


/* all lengths around the words that are unmasked at once, at all alignments */
static void
test_ws_frame_unmask(void **state)
{
    size_t    len, at, need;
    uint8_t   data[128], payload[64];
    unsigned  code;

    trd_ws_frame_t  frame;

    (void) state;

    for (len = 0; len < sizeof(payload); len++) {
        payload[len] = (uint8_t) (len * 37 + 1);
    }

    for (at = 0; at < 8; at++) {
        for (len = 0; len < sizeof(payload); len++) {
            memset(data, 0xee, sizeof(data));
            test_frame(data + at, 0x82, len, 0, payload);

            assert_int_equal(trd_ws_frame(data + at, 100, 64, 0, &frame, &need,
                                          &code), TRD_OK);
            assert_int_equal(frame.len, len);
            assert_memory_equal(frame.payload, payload, len);
            assert_int_equal(data[at + 6 + len], 0xee);
        }
    }
}


/* letters: t, b begin, c goes on, capitals end; p is a ping */
static const char *
test_order(const char *frames, size_t len, size_t max)
{
    int             whole;
    unsigned        code;
    const char     *p;
    trd_ws_frame_t  frame;
    trd_ws_order_t  order;

    memset(&order, 0, sizeof(order));
    whole = 1;

    for (p = frames; *p; p++) {
        memset(&frame, 0, sizeof(frame));
        frame.opcode = (*p | 0x20) == 't' ? TRD_WS_TEXT
                       : (*p | 0x20) == 'b' ? TRD_WS_BINARY
                       : *p == 'p' ? TRD_WS_PING : TRD_WS_CONTINUATION;
        frame.fin = *p == 'p' || !(*p & 0x20);
        frame.len = (*p == 'p') ? 125 : len;

        if (trd_ws_order(&order, &frame, max, &whole, &code) != TRD_OK) {
            return (code == 1002) ? "1002" : (code == 1009) ? "1009" : "?";
        }

        assert_int_equal(whole, frame.fin);

        if (*p != 'p') {
            assert_int_equal(order.opcode == 0, frame.fin);
        }
    }

    return "ok";
}


static void
test_ws_order(void **state)
{
    size_t  i;

    static const struct {
        const char  *frames;
        const char  *answer;
    } cases[] = {
        { "T", "ok" }, { "B", "ok" }, { "TBTB", "ok" }, { "p", "ok" },
        { "tC", "ok" }, { "tcccC", "ok" }, { "bcC", "ok" }, { "tCT", "ok" },
        { "tpcppCp", "ok" }, { "ptpC", "ok" }, { "tCbC", "ok" },
        { "C", "1002" }, { "c", "1002" }, { "TC", "1002" }, { "tT", "1002" },
        { "tB", "1002" }, { "tb", "1002" }, { "tcT", "1002" },
        { "tCc", "1002" }, { "pC", "1002" }, { "tpT", "1002" }
    };

    (void) state;

    for (i = 0; i < TEST_N(cases); i++) {
        assert_string_equal(test_order(cases[i].frames, 10, 100),
                            cases[i].answer);
        assert_string_equal(test_order(cases[i].frames, 0, 0),
                            cases[i].answer);
    }
}


static void
test_ws_order_length(void **state)
{
    (void) state;

    assert_string_equal(test_order("tcC", 10, 30), "ok");
    assert_string_equal(test_order("tcC", 10, 29), "1009");
    assert_string_equal(test_order("T", 10, 9), "1009");
    assert_string_equal(test_order("TTTT", 10, 10), "ok");
    assert_string_equal(test_order("tCtC", 10, 20), "ok");
    assert_string_equal(test_order("tppC", 10, 20), "ok");
    assert_string_equal(test_order("tC", SIZE_MAX / 2 + 1, SIZE_MAX), "1009");
}


/* the bit stands on the first frame and is true of the whole message */
static void
test_ws_order_compressed(void **state)
{
    int             whole;
    unsigned        code;
    trd_ws_frame_t  frame;
    trd_ws_order_t  order;

    (void) state;

    memset(&order, 0, sizeof(order));
    memset(&frame, 0, sizeof(frame));

    frame.opcode = TRD_WS_TEXT;
    frame.compressed = 1;
    frame.len = 3;
    assert_int_equal(trd_ws_order(&order, &frame, 9, &whole, &code), TRD_OK);
    assert_int_equal(order.compressed, 1);

    frame.opcode = TRD_WS_CONTINUATION;
    frame.compressed = 0;
    frame.fin = 1;
    assert_int_equal(trd_ws_order(&order, &frame, 9, &whole, &code), TRD_OK);
    assert_int_equal(whole, 1);
    assert_int_equal(order.compressed, 1);
    assert_int_equal(order.len, 6);

    frame.opcode = TRD_WS_TEXT;
    assert_int_equal(trd_ws_order(&order, &frame, 9, &whole, &code), TRD_OK);
    assert_int_equal(order.compressed, 0);
    assert_int_equal(order.len, 3);
}


static void
test_ws_close_read_codes(void **state)
{
    int       ok;
    uint8_t   payload[2];
    unsigned  code, i;

    (void) state;

    for (i = 0; i < 65536; i++) {
        payload[0] = (uint8_t) (i >> 8);
        payload[1] = (uint8_t) i;

        ok = (i >= 3000 && i < 5000)
             || (i >= 1000 && i < 1015 && (i < 1004 || i > 1006));

        assert_int_equal(trd_ws_close_read(payload, 2, &code),
                         ok ? TRD_OK : TRD_ERROR);
        assert_int_equal(code, ok ? i : 1002);
    }
}


static void
test_ws_close_read_payload(void **state)
{
    unsigned  code;

    static const uint8_t  good[] = { 0x03, 0xe8, 'b', 'y', 0xc3, 0xa9 };

    (void) state;

    assert_int_equal(trd_ws_close_read(NULL, 0, &code), TRD_OK);
    assert_int_equal(code, 1005);

    assert_int_equal(trd_ws_close_read(good, 1, &code), TRD_ERROR);
    assert_int_equal(code, 1002);

    assert_int_equal(trd_ws_close_read(good, sizeof(good), &code), TRD_OK);
    assert_int_equal(code, 1000);

    /* a sequence that is cut */
    assert_int_equal(trd_ws_close_read(good, sizeof(good) - 1, &code),
                     TRD_ERROR);
    assert_int_equal(code, 1007);
}


static void
test_ws_head(void **state)
{
    size_t   i;
    uint8_t  buf[TRD_WS_HEAD_MAX];

    static const struct {
        unsigned    opcode;
        int         compressed;
        uint64_t    len;
        size_t      n;
        uint8_t     head[TRD_WS_HEAD_MAX];
    } cases[] = {
        { TRD_WS_TEXT, 0, 5, 2, { 0x81, 5 } },
        { TRD_WS_TEXT, 1, 7, 2, { 0xc1, 7 } },
        { TRD_WS_PING, 0, 0, 2, { 0x89, 0 } },
        { TRD_WS_BINARY, 0, 125, 2, { 0x82, 125 } },
        { TRD_WS_BINARY, 0, 126, 4, { 0x82, 126, 0, 126 } },
        { TRD_WS_BINARY, 0, 256, 4, { 0x82, 126, 1, 0 } },
        { TRD_WS_TEXT, 0, 65535, 4, { 0x81, 126, 255, 255 } },
        { TRD_WS_BINARY, 0, 65536, 10,
          { 0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0 } },
        { TRD_WS_TEXT, 0, 0x123456789aULL, 10,
          { 0x81, 127, 0, 0, 0, 0x12, 0x34, 0x56, 0x78, 0x9a } }
    };

    (void) state;

    for (i = 0; i < TEST_N(cases); i++) {
        assert_int_equal(trd_ws_head(buf, cases[i].opcode, cases[i].compressed,
                                     cases[i].len), cases[i].n);
        assert_memory_equal(buf, cases[i].head, cases[i].n);
    }
}


static void
test_ws_close_write(void **state)
{
    char      reason[200];
    uint8_t   buf[TRD_WS_CLOSE_MAX + 1];
    unsigned  code;

    (void) state;

    assert_int_equal(trd_ws_close_write(buf, 1001, "bye", 3), 7);
    assert_memory_equal(buf, "\x88\x05\x03\xe9" "bye", 7);

    assert_int_equal(trd_ws_close_write(buf, 1000, NULL, 0), 4);
    assert_memory_equal(buf, "\x88\x02\x03\xe8", 4);

    assert_int_equal(trd_ws_close_write(buf, 1005, "bye", 3), 2);
    assert_memory_equal(buf, "\x88\x00", 2);

    memset(reason, 'r', sizeof(reason));
    buf[TRD_WS_CLOSE_MAX] = 0xee;
    assert_int_equal(trd_ws_close_write(buf, 4999, reason, sizeof(reason)),
                     TRD_WS_CLOSE_MAX);
    assert_int_equal(buf[1], TRD_WS_CONTROL_MAX);
    assert_int_equal(buf[TRD_WS_CLOSE_MAX], 0xee);
    assert_int_equal(trd_ws_close_read(buf + 2, buf[1], &code), TRD_OK);
    assert_int_equal(code, 4999);
}


/* all of up to three bytes, and of four those that matter */
static void
test_utf8_ok_all(void **state)
{
    size_t    n;
    uint8_t   s[4];
    uint32_t  i;

    static const uint8_t  last[] = {
        0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff
    };

    (void) state;

    for (i = 0; i < 1u << 24; i++) {
        s[0] = (uint8_t) (i >> 16);
        s[1] = (uint8_t) (i >> 8);
        s[2] = (uint8_t) i;

        if (trd_utf8_ok(s, 3) != utf8_oracle(s, 3)) {
            fail_msg("%02x %02x %02x", s[0], s[1], s[2]);
        }

        if ((i & 0xff) == 0 && trd_utf8_ok(s, 2) != utf8_oracle(s, 2)) {
            fail_msg("%02x %02x", s[0], s[1]);
        }

        if (s[0] < 0xf0) {
            continue;
        }

        for (n = 0; n < sizeof(last); n++) {
            s[3] = last[n];

            if (trd_utf8_ok(s, 4) != utf8_oracle(s, 4)) {
                fail_msg("%02x %02x %02x %02x", s[0], s[1], s[2], s[3]);
            }
        }
    }

    for (i = 0; i < 256; i++) {
        s[0] = (uint8_t) i;
        assert_int_equal(trd_utf8_ok(s, 1), i < 0x80);
    }
}


static uint32_t
test_random(uint64_t *state)
{
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;

    return (uint32_t) (*state >> 33);
}


/* texts at random, right ones and such with one byte changed or cut off */
static void
test_utf8_ok_random(void **state)
{
    size_t     len, at;
    uint8_t    s[80], *p;
    uint32_t   c, round, kind;
    uint64_t   seed;

    (void) state;

    seed = 20260105;

    for (round = 0; round < 200000; round++) {
        at = test_random(&seed) % 8;
        p = s + at;
        len = 0;

        for (kind = test_random(&seed); kind % 16 && len < 60; kind >>= 1) {
            c = test_random(&seed);
            c %= (kind & 3) == 3 ? 0x110000 : (kind & 3) ? 0x80 : 0x3000;
            len += utf8_oracle_write(c, p + len);
        }

        assert_int_equal(trd_utf8_ok(p, len), 1);

        if (len == 0) {
            continue;
        }

        p[test_random(&seed) % len] = (uint8_t) test_random(&seed);
        len -= test_random(&seed) % 2;

        if (trd_utf8_ok(p, len) != utf8_oracle(p, len)) {
            fail_msg("round %u", round);
        }
    }
}


/* what others have got wrong: overlong, surrogates, too high, cut, alone */
static void
test_utf8_ok_known(void **state)
{
    size_t  i;

    static const char *const  good[] = {
        "", "a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
        "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
        "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", "12345678\xc3\xa9"
    };

    static const char *const  bad[] = {
        "\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2" "a",
        "\xe0\x80\x80", "\xe0\x9f\xbf", "\xe1\x80", "\xed\xa0\x80",
        "\xed\xbf\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf",
        "\xf0\x90\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "\xf8\x88\x80\x80\x80", "\xfe", "\xff", "12345678\xc3",
        "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80" "edited"
    };

    (void) state;

    for (i = 0; i < TEST_N(good); i++) {
        assert_int_equal(trd_utf8_ok((const uint8_t *) good[i],
                                     strlen(good[i])), 1);
    }

    for (i = 0; i < TEST_N(bad); i++) {
        assert_int_equal(trd_utf8_ok((const uint8_t *) bad[i],
                                     strlen(bad[i])), 0);
    }

    assert_int_equal(trd_utf8_ok(NULL, 0), 1);
    assert_int_equal(trd_utf8_ok((const uint8_t *) "\0", 1), 1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_ws_frame_examples),
        cmocka_unit_test(test_ws_frame_not_masked),
        cmocka_unit_test(test_ws_frame_first),
        cmocka_unit_test(test_ws_frame_control_length),
        cmocka_unit_test(test_ws_frame_lengths),
        cmocka_unit_test(test_ws_frame_length_huge),
        cmocka_unit_test(test_ws_frame_splits),
        cmocka_unit_test(test_ws_frame_unmask),
        cmocka_unit_test(test_ws_order),
        cmocka_unit_test(test_ws_order_length),
        cmocka_unit_test(test_ws_order_compressed),
        cmocka_unit_test(test_ws_close_read_codes),
        cmocka_unit_test(test_ws_close_read_payload),
        cmocka_unit_test(test_ws_head),
        cmocka_unit_test(test_ws_close_write),
        cmocka_unit_test(test_utf8_ok_all),
        cmocka_unit_test(test_utf8_ok_random),
        cmocka_unit_test(test_utf8_ok_known)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
