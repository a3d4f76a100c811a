/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The board as a whole: laying out and opening, looking names up, and what a
 * reader makes of a header that was damaged.  Quotes, pages and the journal:
 * test_trd_board_records.c.
 */

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "board_fixture.h"


/* what trd_board_open() says of a block that is as long as `size` */
static trd_rc_t
open_block(const void *image, size_t size)
{
    void         *block;
    trd_rc_t      rc;
    const char   *why;
    trd_board_t   b;

    if (posix_memalign(&block, 64, size ? size : 1) != 0) {
        abort();
    }

    memcpy(block, image, size);
    why = NULL;
    rc = trd_board_open(&b, block, size, &why);

    if (rc == TRD_OK) {
        board_fixture_walk(&b);

    } else {
        assert_non_null(why);
    }

    free(block);

    return rc;
}


static void
check_alias(const trd_board_t *b, const char *name, uint32_t want)
{
    char      mixed[64];
    size_t    i, len;
    uint32_t  found, turn;

    len = strlen(name);

    for (turn = 0; turn < 4; turn++) {
        for (i = 0; i < len; i++) {
            mixed[i] = (turn == 0 || (turn == 2 && i % 2)
                        || (turn == 3 && i % 2 == 0))
                       ? (char) tolower((unsigned char) name[i]) : name[i];
        }

        found = UINT32_MAX;
        assert_int_equal(trd_board_find(b, mixed, len, &found), TRD_OK);
        assert_int_equal(found, want);
    }
}


static void
check_shape(uint32_t n)
{
    int                 fits;
    char                name[64];
    void               *base;
    uint32_t            i, a, b, found;
    uint64_t            size;
    const char         *why;
    trd_board_t         board;
    trd_instrument_t   *in, out;
    trd_board_shape_t   shape = { 0 };
    trd_board_writer_t  w;

    trd_board_shape_default(&shape);
    assert_int_equal(shape.capacity, 23);
    shape.capacity = n;
    size = trd_board_size(&shape);
    assert_true(size > 0 && size % 4096 == 0);

    /* a sparse mapping: 5,000 instruments with all their rings are large */
    base = mmap(NULL, size, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(base, MAP_FAILED);

    in = calloc(n, sizeof(*in));

    for (i = 0; i < n; i++) {
        board_fixture_instrument(&in[i], i);
    }

    assert_int_equal(trd_board_create(&w, base, size, &shape, in, n, 99, 1234,
                                      BOARD_FIXTURE_NOW, 4711, &a, &b),
                     TRD_OK);
    assert_int_equal(trd_board_open(&board, base, size, &why), TRD_OK);
    assert_int_equal(board.n, n);
    assert_int_equal(board.generation, 99);
    assert_int_equal(board.started_ms, BOARD_FIXTURE_NOW);
    assert_int_equal(trd_board_seq(&board), 1234);
    assert_int_equal(board.map_version, 1);

    for (i = 0; i < n; i++) {
        assert_int_equal(trd_board_instrument(&board, i, &out), TRD_OK);
        assert_int_equal(out.hash, trd_instrument_hash(&in[i]));
        in[i].hash = out.hash;
        assert_memory_equal(&out, &in[i], sizeof(out));
        check_alias(&board, in[i].symbol, i);
        check_alias(&board, in[i].exchange_symbol, i);
        (void) snprintf(name, sizeof(name), "S%04u-USDT", i);
        check_alias(&board, name, i);
        (void) snprintf(name, sizeof(name), "S%04u/USDT", i);
        check_alias(&board, name, i);
    }

    fits = trd_board_find(&board, "S9999", 5, &found) == TRD_NOT_FOUND;
    assert_true(fits);
    assert_int_equal(trd_board_instrument(&board, n, &out), TRD_NOT_FOUND);
    assert_null(trd_board_entry_page(&board, n, 0));
    assert_null(trd_board_entry_page(&board, 0, TRD_ENTRY_N));
    assert_null(trd_board_page(&board, TRD_PAGE_N, 0));
    assert_null(trd_board_page(&board, 0, TRD_VARIANT_N));

    free(in);
    (void) munmap(base, size);
}


static void
test_create_shapes(void **state)
{
    (void) state;

    check_shape(1);
    check_shape(23);
    check_shape(5000);
}


static void
test_find_no_false_alias(void **state)
{
    char             name[64];
    size_t           i;
    uint32_t         found;
    board_fixture_t  f;

    static const char *const  wrong[] = {
        "S000", "S00001", "S0001US", "S0001USD", "S0001USDTT", "S0001_USDT",
        "S0001-", "S0001/", "-USDT", "/USDT", "USDT", "S0001-usd", "S0001:USDT",
        "S0001/USDT/", " S0001", "S0001 ", "S0003", "S0003USDT", "\xd3" "0001",
        "S0001%2FUSDT"
    };

    (void) state;
    board_fixture_create(&f, 3, 64);

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (trd_board_find(&f.b, wrong[i], strlen(wrong[i]), &found)
            != TRD_NOT_FOUND)
        {
            fail_msg("%s was found", wrong[i]);
        }
    }

    /* NUL is a byte as any other, and lengths are bounded */
    assert_int_equal(trd_board_find(&f.b, "S0001\0", 6, &found),
                     TRD_NOT_FOUND);
    assert_int_equal(trd_board_find(&f.b, "S0001", 0, &found), TRD_NOT_FOUND);
    memset(name, 'A', sizeof(name));

    for (i = TRD_INDEX_KEY_LEN - 1; i <= sizeof(name); i++) {
        assert_int_equal(trd_board_find(&f.b, name, i, &found),
                         TRD_NOT_FOUND);
    }

    board_fixture_free(&f);
}


/* names of 24 characters: the longest alias is 49 and fits its key */
static void
test_find_longest(void **state)
{
    char                name[64];
    uint32_t            a, b, found;
    const char         *why;
    board_fixture_t     f;
    trd_instrument_t    in;
    trd_board_writer_t  w;

    (void) state;
    board_fixture_create(&f, 1, 64);
    memset(f.mem, 0, f.size);

    in = f.in[0];
    memset(in.symbol, 'A', TRD_SYMBOL_LEN);
    memset(in.exchange_symbol, 'B', TRD_SYMBOL_LEN);
    memset(in.base, 'C', TRD_SYMBOL_LEN);
    memset(in.quote, 'D', TRD_SYMBOL_LEN);

    assert_int_equal(trd_board_create(&w, f.mem, f.size, &f.shape, &in, 1, 1,
                                      0, 0, 0, &a, &b), TRD_OK);
    assert_int_equal(trd_board_open(&f.b, f.mem, f.size, &why), TRD_OK);

    check_alias(&f.b, in.symbol, 0);
    check_alias(&f.b, in.exchange_symbol, 0);
    (void) snprintf(name, sizeof(name), "%s-%s", in.base, in.quote);
    check_alias(&f.b, name, 0);
    name[24] = '/';
    check_alias(&f.b, name, 0);
    name[48] = '\0';
    assert_int_equal(trd_board_find(&f.b, name, 48, &found), TRD_NOT_FOUND);

    board_fixture_free(&f);
}


static void
test_create_duplicates(void **state)
{
    uint32_t            a, b, form;
    board_fixture_t     f;
    trd_instrument_t    in[3];
    trd_board_writer_t  w;

    (void) state;

    for (form = 0; form < 5; form++) {
        board_fixture_create(&f, 3, 64);
        memset(f.mem, 0, f.size);
        memcpy(in, f.in, sizeof(in));

        switch (form) {
        case 0:
            strcpy(in[2].symbol, in[1].symbol);
            break;
        case 1:
            strcpy(in[2].exchange_symbol, in[1].exchange_symbol);
            break;
        case 2:
            strcpy(in[2].base, in[1].base);
            break;
        case 3:                     /* a symbol that is a pair of another */
            strcpy(in[2].symbol, "S0001/USDT");
            break;
        default:                    /* told apart by case alone */
            strcpy(in[2].symbol, "s0001usdt");
        }

        a = b = 77;
        assert_int_equal(trd_board_create(&w, f.mem, f.size, &f.shape, in, 3,
                                          1, 0, 0, 0, &a, &b), TRD_ERROR);
        assert_int_equal(a, 1);
        assert_int_equal(b, 2);
        board_fixture_free(&f);
    }
}


static void
test_create_sizes_refused(void **state)
{
    uint32_t            a, b;
    unsigned            i;
    board_fixture_t     f;
    trd_board_writer_t  w;

    static const trd_board_shape_t  bad[] = {
        { 0, 64, 1, 1, 1, 0 }, { TRD_BOARD_MAX + 1, 64, 1, 1, 1, 0 },
        { UINT32_MAX, 64, 1, 1, 1, 0 }, { 1, 0, 1, 1, 1, 0 },
        { 1, 1, 1, 1, 1, 0 }, { 1, 63, 1, 1, 1, 0 },
        { 1, 1U << 27, 1, 1, 1, 0 }, { 1, 64, 100001, 1, 1, 0 },
        { 1, 64, 1, 100001, 1, 0 }, { 1, 64, 1, 1, 5001, 0 },
        { 1, 64, 1, 1, 1, UINT32_MAX }
    };

    (void) state;
    board_fixture_create(&f, 2, 64);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(trd_board_size(&bad[i]), 0);
        assert_int_equal(trd_board_create(&w, f.mem, f.size, &bad[i], f.in, 0,
                                          1, 0, 0, 0, &a, &b), TRD_OVERFLOW);
    }

    assert_int_equal(trd_board_create(&w, f.mem, f.size - 1, &f.shape, f.in,
                                      2, 1, 0, 0, 0, &a, &b), TRD_OVERFLOW);
    assert_int_equal(trd_board_create(&w, f.mem, f.size, &f.shape, f.in, 3, 1,
                                      0, 0, 0, &a, &b), TRD_OVERFLOW);
    board_fixture_free(&f);
}


/* every bit of the fixed part: refused, or padding that says nothing */
static void
test_open_flipped(void **state)
{
    size_t           i, end;
    unsigned         bit;
    trd_rc_t         rc;
    board_fixture_t  f;

    (void) state;
    board_fixture_create(&f, 1, 64);
    board_fixture_fill(&f);
    end = offsetof(trd_board_header_t, fixed_hash) + sizeof(uint64_t);

    for (i = 0; i < offsetof(trd_board_header_t, heartbeat_mono_ms); i++) {
        for (bit = 1; bit < 512; bit = bit * 2 + (bit == 128) * 255) {
            f.mem[i] ^= (uint8_t) (bit > 255 ? 255 : bit);

            if (i < end) {
                const char  *why;

                rc = trd_board_open(&f.b, f.mem, f.size, &why);
                assert_true(rc == TRD_ERROR || rc == TRD_CORRUPT);

            } else {
                assert_int_equal(open_block(f.mem, f.size), TRD_OK);
            }

            f.mem[i] ^= (uint8_t) (bit > 255 ? 255 : bit);
        }
    }

    assert_int_equal(open_block(f.mem, f.size), TRD_OK);
    board_fixture_free(&f);
}


static void
test_open_truncated(void **state)
{
    size_t           i;
    board_fixture_t  f;

    static const size_t  sizes[] = {
        0, 1, 8, 63, 64, 1000, 4095, 4096, 4097, 8192, 65536
    };

    (void) state;
    board_fixture_create(&f, 1, 64);
    board_fixture_fill(&f);

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_int_not_equal(open_block(f.mem, sizes[i]), TRD_OK);
    }

    assert_int_not_equal(open_block(f.mem, f.size - 1), TRD_OK);
    assert_int_not_equal(open_block(f.mem, f.size - 4096), TRD_OK);
    board_fixture_free(&f);
}


/*
 * Headers that lie and are sealed: refused, or no read leaves the block (the
 * walk runs under AddressSanitizer in SAN=1).
 */
static void
test_open_sealed_lies(void **state)
{
    unsigned             i, k, v, opened, refused;
    board_fixture_t      f;
    trd_section_t       *s, saved;
    trd_board_header_t  *h, whole;

    (void) state;
    board_fixture_create(&f, 2, 64);
    board_fixture_fill(&f);
    h = (void *) f.mem;
    memcpy(&whole, h, sizeof(whole));
    opened = refused = 0;

    const uint64_t  values[] = {
        0, 1, 2, 3, 63, 64, 128, 4095, 4096, 4160, f.size - 64, f.size - 1,
        f.size, f.size + 1, f.size + 64, UINT32_MAX, UINT32_MAX - 1,
        1ULL << 31, 1ULL << 32, UINT64_MAX - 63, UINT64_MAX - 4095,
        UINT64_MAX, 1ULL << 63
    };

    for (i = 0; i < TRD_SECTION_N; i++) {
        s = &h->section[i];
        saved = *s;

        for (k = 0; k < 4; k++) {
            for (v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
                switch (k) {
                case 0: s->offset = values[v]; break;
                case 1: s->size = values[v]; break;
                case 2: s->count = (uint32_t) values[v]; break;
                default: s->stride = (uint32_t) values[v];
                }

                h->fixed_hash = trd_header_hash(h);

                if (open_block(f.mem, f.size) == TRD_OK) {
                    assert_true(s->offset >= TRD_BOARD_HEADER_SIZE
                                && s->offset <= f.size
                                && s->size <= f.size - s->offset
                                && (uint64_t) s->count * s->stride
                                   <= s->size);
                    opened++;

                } else {
                    refused++;
                }

                *s = saved;
            }
        }
    }

    for (v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
        h->instruments = (uint32_t) values[v];
        h->fixed_hash = trd_header_hash(h);
        assert_int_equal(open_block(f.mem, f.size),
                         (uint32_t) values[v] <= 2 ? TRD_OK : TRD_CORRUPT);
        h->instruments = whole.instruments;

        h->file_size = values[v];
        h->fixed_hash = trd_header_hash(h);
        assert_int_equal(open_block(f.mem, f.size),
                         values[v] == f.size ? TRD_OK : TRD_CORRUPT);
        h->file_size = whole.file_size;
    }

    assert_true(opened > 50 && refused > 500);
    board_fixture_free(&f);
}


/*
 * Any bit of the index: a name leads to its own instrument or to none, never
 * to another's.
 */
static void
test_find_flipped(void **state)
{
    size_t            i, len;
    uint8_t          *index;
    trd_rc_t          rc;
    unsigned          bit;
    uint32_t          k, found, lost;
    board_fixture_t   f;

    (void) state;
    board_fixture_create(&f, 3, 64);
    index = (uint8_t *) (uintptr_t) f.b.index;
    len = (f.b.index_mask + 1) * sizeof(trd_index_entry_t);
    lost = 0;

    for (i = 0; i < len; i++) {
        for (bit = 0; bit < 8; bit++) {
            index[i] ^= (uint8_t) (1 << bit);

            for (k = 0; k < 3; k++) {
                found = 99;
                rc = trd_board_find(&f.b, f.in[k].exchange_symbol, 9, &found);

                if (rc == TRD_OK) {
                    assert_int_equal(found, k);

                } else {
                    assert_true(rc == TRD_NOT_FOUND || rc == TRD_CORRUPT);
                    lost++;
                }
            }

            index[i] ^= (uint8_t) (1 << bit);
        }
    }

    assert_true(lost > 0);
    board_fixture_free(&f);
}


/* an index without a free place, and names that belong to nobody */
static void
test_find_damaged_index(void **state)
{
    uint32_t            i, found;
    board_fixture_t     f;
    trd_index_entry_t  *e;

    (void) state;
    board_fixture_create(&f, 3, 64);
    e = (void *) (uintptr_t) f.b.index;

    for (i = 0; i <= f.b.index_mask; i++) {
        if (e[i].instrument == 2) {
            e[i].instrument = 4;
            e[i].check = trd_index_check(e[i].hash, 4);
        }
    }

    assert_int_equal(trd_board_find(&f.b, "S0001", 5, &found), TRD_CORRUPT);
    assert_int_equal(trd_board_find(&f.b, "S0000", 5, &found), TRD_OK);

    for (i = 0; i <= f.b.index_mask; i++) {
        e[i].instrument = 1;
        e[i].len = 255;
    }

    assert_int_equal(trd_board_find(&f.b, "S0001", 5, &found), TRD_CORRUPT);
    board_fixture_free(&f);
}


/* any bit of an instrument, and sealed ones that make no sense */
static void
test_instrument_damaged(void **state)
{
    size_t             i;
    uint8_t           *bytes;
    unsigned           bit;
    board_fixture_t    f;
    trd_instrument_t   out, *in, saved;

    (void) state;
    board_fixture_create(&f, 3, 64);
    in = (void *) (uintptr_t) &f.b.instruments[1];
    bytes = (void *) in;
    saved = *in;

    for (i = 0; i < sizeof(trd_instrument_t); i++) {
        for (bit = 0; bit < 8; bit++) {
            bytes[i] ^= (uint8_t) (1 << bit);
            assert_int_equal(trd_board_instrument(&f.b, 1, &out),
                             TRD_CORRUPT);
            bytes[i] ^= (uint8_t) (1 << bit);
        }
    }

#define check_field(field, value, want)                                       \
    *in = saved;                                                              \
    in->field = value;                                                        \
    in->hash = trd_instrument_hash(in);                                       \
    assert_int_equal(trd_board_instrument(&f.b, 1, &out), want)

    check_field(symbol[0], '\0', TRD_CORRUPT);
    check_field(symbol[TRD_SYMBOL_LEN], 'X', TRD_CORRUPT);
    check_field(exchange_symbol[TRD_SYMBOL_LEN], 'X', TRD_CORRUPT);
    check_field(base[TRD_SYMBOL_LEN], 'X', TRD_CORRUPT);
    check_field(quote[TRD_SYMBOL_LEN], 'X', TRD_CORRUPT);
    check_field(asset_class, TRD_CLASS_N, TRD_CORRUPT);
    check_field(source, TRD_SOURCE_N, TRD_CORRUPT);
    check_field(price_places, 9, TRD_CORRUPT);
    check_field(lot_places, 9, TRD_CORRUPT);
    check_field(lot_places, 8, TRD_OK);
#undef check_field

    board_fixture_free(&f);
}


static void
test_age(void **state)
{
    board_fixture_t  f;

    (void) state;
    board_fixture_create(&f, 1, 64);

    /* none yet */
    assert_int_equal(trd_board_age(&f.b, 1000), INT64_MAX);
    assert_int_equal(trd_board_age(&f.b, 0), INT64_MAX);

    trd_board_beat(&f.w, 50000, BOARD_FIXTURE_NOW);
    assert_int_equal(trd_board_age(&f.b, 50000), 0);
    assert_int_equal(trd_board_age(&f.b, 50001), 1);
    assert_int_equal(trd_board_age(&f.b, 65000), 15000);
    assert_int_equal(trd_board_age(&f.b, INT64_MAX), INT64_MAX - 50000);

    /* a little ahead is a cached clock, far ahead another boot */
    assert_int_equal(trd_board_age(&f.b, 49999), 0);
    assert_int_equal(trd_board_age(&f.b, 40001), 0);
    assert_int_equal(trd_board_age(&f.b, 40000), INT64_MAX);
    assert_int_equal(trd_board_age(&f.b, 0), INT64_MAX);

    trd_board_beat(&f.w, -5, BOARD_FIXTURE_NOW);
    assert_int_equal(trd_board_age(&f.b, 1000), INT64_MAX);

    /* scribbled over */
    trd_board_beat(&f.w, INT64_MAX, BOARD_FIXTURE_NOW);
    assert_int_equal(trd_board_age(&f.b, 1000), INT64_MAX);
    trd_board_beat(&f.w, INT64_MIN, BOARD_FIXTURE_NOW);
    assert_int_equal(trd_board_age(&f.b, 1000), INT64_MAX);
    assert_int_equal(trd_board_age(&f.b, -1000), INT64_MAX);

    board_fixture_free(&f);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_create_shapes),
        cmocka_unit_test(test_find_no_false_alias),
        cmocka_unit_test(test_find_longest),
        cmocka_unit_test(test_create_duplicates),
        cmocka_unit_test(test_create_sizes_refused),
        cmocka_unit_test(test_open_flipped),
        cmocka_unit_test(test_open_truncated),
        cmocka_unit_test(test_open_sealed_lies),
        cmocka_unit_test(test_find_flipped),
        cmocka_unit_test(test_find_damaged_index),
        cmocka_unit_test(test_instrument_damaged),
        cmocka_unit_test(test_age)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
