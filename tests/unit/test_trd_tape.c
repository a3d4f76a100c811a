/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Protects the tape's packing: what goes in comes out, whatever the values;
 * foreign bytes end in an error and nowhere else; heads tell every change.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recordings.h"
#include "trd_tape_block.h"

#define INSTRUMENTS  5
#define RECORDS      20000

typedef struct {
    trd_tape_memory_t  memory[INSTRUMENTS];
    trd_tape_shape_t   shapes[TRD_TAPE_SHAPES];
    trd_tape_codec_t   codec;
} codec_t;


static void
codec_begin(codec_t *c)
{
    unsigned  i;

    memset(c->memory, 0, sizeof(c->memory));

    for (i = 0; i < INSTRUMENTS; i++) {
        c->memory[i].tick_e8 = i == 3 ? 1 : 1000000;
        c->memory[i].lot_e8 = i == 4 ? 1 : 1000;
    }

    trd_tape_codec_init(&c->codec, c->memory, INSTRUMENTS, c->shapes);
}


/* mostly small steps, now and then anything at all */

static int64_t
any_value(uint64_t *seed, int64_t near)
{
    uint64_t  r = recordings_random(seed);

    switch (r % 16) {
    case 0:
        return (int64_t) recordings_random(seed);
    case 1:
        return r & 64 ? INT64_MIN : INT64_MAX;
    case 2:
        return 0;
    default:
        return (int64_t) ((uint64_t) near + (r >> 8) % 50 * 1000000);
    }
}


/* often nearly the one before */

static void
any_book(uint64_t *seed, trd_tape_book_t *book, const trd_tape_book_t *old)
{
    uint32_t      i, n;
    unsigned      side;
    uint64_t      dice;
    trd_level_t  *l;

    *book = *old;

    for (side = 0; side < 2; side++) {
        dice = recordings_random(seed);
        l = book->level[side];
        n = book->n[side];

        if (dice % 16 == 0) {
            n = (uint32_t) (dice >> 8) % (TRD_TAPE_DEPTH + 1);

            for (i = 0; i < n; i++) {
                l[i].price_e8 = any_value(seed, 6000000000000);
                l[i].quantity_e8 = any_value(seed, 1000);
            }

        } else if (dice % 4 == 1 && n) {
            l[(dice >> 8) % n].quantity_e8 = any_value(seed, 1000);

        } else if (dice % 4 == 2 && n) {
            n--;
            i = (uint32_t) (dice >> 8) % (n + 1);
            memmove(&l[i], &l[i + 1], (n - i) * sizeof(*l));

        } else if (dice % 4 == 3 && n < TRD_TAPE_DEPTH) {
            i = (uint32_t) (dice >> 8) % (n + 1);
            memmove(&l[i + 1], &l[i], (n - i) * sizeof(*l));
            n++;
            l[i].price_e8 = (i ? l[i - 1].price_e8 / 2 : 6000000000000)
                            + (side ? 1000000 : -1000000);
            l[i].quantity_e8 = 5000;
        }

        book->n[side] = n;
    }
}


/* book: memory for one, should it be one */

static void
any_record(uint64_t *seed, trd_tape_record_t *r, uint64_t k,
    trd_tape_book_t *book, const trd_tape_book_t *old)
{
    uint64_t      dice = recordings_random(seed);
    trd_update_t *u = &r->update;

    memset(r, 0, sizeof(*r));
    r->op = dice % 64 < 8 ? (uint32_t) (dice >> 8) % TRD_TAPE_OP_N : 0;

    if (r->op == TRD_TAPE_BOOK) {
        any_book(seed, book, old);
        r->book = book;
    }

    u->derived = dice % 5 ? 0 : (uint32_t) (dice >> 4) % TRD_DERIVED_N;
    u->every_ms = dice % 5 ? 0 : 3600000;
    u->reserved = (r->op == TRD_TAPE_PRINT || r->op == TRD_TAPE_CANDLE)
                  ? (uint32_t) (dice >> 12) : 0;
    r->instrument = (uint32_t) (dice >> 16) % INSTRUMENTS;
    r->source = (uint32_t) (dice >> 24) % TRD_SOURCE_N;
    r->seq = dice % 7 == 0 ? recordings_random(seed) : k;
    r->received_ms = dice % 31 == 0 ? any_value(seed, 0)
                     : 1700000000000 + (int64_t) k;
    r->message = dice % 3 == 0 ? 0 : dice % 5 == 0 ? recordings_random(seed)
                 : k / 2 + 1;
    r->digest = r->message ? r->message * 0x9e3779b97f4a7c15ULL : 0;

    u->kind = (uint32_t) (dice >> 32) % TRD_TAPE_KINDS;
    u->has = (uint32_t) (dice >> 40) & 0x3ff;
    u->dropped = dice % 50 == 0 ? (uint32_t) recordings_random(seed) : 0;
    u->id = dice % 11 == 0 ? 0 : dice % 13 == 0 ? recordings_random(seed)
            : 1000000 + k;
    u->last_quantity_e8 = dice & 1 << 20 ? any_value(seed, 12345000) : 0;
    u->exchange_ms = dice & 1 << 21 ? any_value(seed, 1699999999960) : 0;
    u->last_e8 = any_value(seed, 6000000000000);
    u->bid_e8 = any_value(seed, 6000000000000);
    u->ask_e8 = any_value(seed, 6000001000000);
    u->open_e8 = any_value(seed, 6100000000000);
    u->high_e8 = any_value(seed, 6200000000000);
    u->low_e8 = any_value(seed, 5900000000000);
    u->volume_e8 = any_value(seed, 1234567000);
    u->quote_volume_e8 = any_value(seed, 99999999999);
}


static void
test_trd_tape_decode_gives_what_was_encoded(void **state)
{
    uint8_t            *rows, *digests;
    uint64_t            seed, k;
    codec_t            *c;
    trd_tape_in_t       in;
    trd_tape_out_t      out;
    trd_tape_book_t    *books;
    trd_tape_record_t   r, *records;

    (void) state;

    rows = malloc(RECORDS * TRD_TAPE_ROW_MAX);
    digests = malloc(RECORDS * 8);
    records = calloc(RECORDS, sizeof(*records));
    books = calloc(RECORDS + 1, sizeof(*books));
    c = malloc(sizeof(*c));
    assert_true(rows && digests && records && books && c);

    out.pos = rows;
    out.end = rows + RECORDS * TRD_TAPE_ROW_MAX;
    out.digests = digests;
    out.digests_end = digests + RECORDS * 8;
    codec_begin(c);

    for (k = 0, seed = 7; k < RECORDS; k++) {
        uint8_t  *before = out.pos;

        books[k + 1] = books[k];
        any_record(&seed, &records[k], k, &books[k + 1], &books[k]);
        assert_int_equal(trd_tape_encode(&c->codec, &out, &records[k]),
                         TRD_OK);
        assert_true(out.pos - before <= TRD_TAPE_ROW_MAX);
    }

    in.pos = rows;
    in.end = out.pos;
    in.digests = digests;
    in.digests_end = out.digests;
    codec_begin(c);

    for (k = 0; k < RECORDS; k++) {
        assert_int_equal(trd_tape_decode(&c->codec, &in, &r), TRD_OK);
        assert_true(trd_tape_same(&r, &records[k]));
        assert_int_equal(r.update.reserved, records[k].update.reserved);
        assert_int_equal(r.update.derived, records[k].update.derived);
        assert_int_equal(r.update.every_ms, records[k].update.every_ms);
        assert_int_equal(r.book != NULL, records[k].op == TRD_TAPE_BOOK);
    }

    assert_int_equal(trd_tape_decode(&c->codec, &in, &r), TRD_NOT_FOUND);

    free(rows);
    free(digests);
    free(records);
    free(books);
    free(c);
}


/* every part of a record is in the chain */

static void
test_trd_tape_canonical_holds_all(void **state)
{
    size_t              i;
    uint8_t            *byte;
    trd_tape_book_t     book[2];
    trd_tape_record_t   r[2];

    static const struct {
        size_t  at, len;
    } parts[] = {
#define PART(m)  { offsetof(trd_tape_record_t, m),                            \
                   sizeof(((trd_tape_record_t *) 0)->m) }
        PART(instrument), PART(seq), PART(received_ms), PART(message),
        PART(digest), PART(update.id), PART(update.last_e8),
        PART(update.last_quantity_e8), PART(update.bid_e8),
        PART(update.ask_e8), PART(update.open_e8), PART(update.high_e8),
        PART(update.low_e8), PART(update.volume_e8),
        PART(update.quote_volume_e8), PART(update.exchange_ms),
        PART(update.dropped), PART(update.every_ms), PART(update.reserved)
#undef PART
    };

    (void) state;

    memset(r, 0, sizeof(r));
    memset(book, 0, sizeof(book));

    for (i = 0; i < 2; i++) {
        r[i].op = TRD_TAPE_PRINT;
        r[i].update.has = 0x3ff;
    }

    assert_true(trd_tape_same(&r[0], &r[1]));

    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        byte = (uint8_t *) &r[1] + parts[i].at;
        byte[0] ^= 1;
        assert_false(trd_tape_same(&r[0], &r[1]));
        byte[0] ^= 1;
        byte[parts[i].len - 1] ^= 0x80;
        assert_false(trd_tape_same(&r[0], &r[1]));
        byte[parts[i].len - 1] ^= 0x80;
    }

    r[1].update.derived = TRD_DERIVED_CROSS;
    assert_false(trd_tape_same(&r[0], &r[1]));
    r[1].update.derived = 0;

    for (i = 0; i < 2; i++) {
        r[i].op = TRD_TAPE_BOOK;
        r[i].book = &book[i];
        book[i].n[0] = book[i].n[1] = TRD_TAPE_DEPTH;
    }

    assert_true(trd_tape_same(&r[0], &r[1]));

    for (i = 0; i < TRD_TAPE_DEPTH; i++) {
        book[1].level[i & 1][i].price_e8++;
        assert_false(trd_tape_same(&r[0], &r[1]));
        book[1].level[i & 1][i].price_e8--;
        book[1].level[i & 1][i].quantity_e8++;
        assert_false(trd_tape_same(&r[0], &r[1]));
        book[1].level[i & 1][i].quantity_e8--;
    }

    book[1].n[1]--;
    assert_false(trd_tape_same(&r[0], &r[1]));
}


static void
test_trd_tape_head_of_another_version(void **state)
{
    uint8_t          bytes[TRD_TAPE_HEAD_SIZE];
    unsigned         i;
    uint64_t         rest, hash;
    trd_tape_head_t  h;

    (void) state;

    memset(&h, 0, sizeof(h));
    trd_tape_head_write(&h, 0, bytes);
    bytes[8] = 1;
    hash = trd_tape_hash(bytes, TRD_TAPE_HEAD_SIZE - 8);

    for (i = 0; i < 8; i++) {
        bytes[TRD_TAPE_HEAD_SIZE - 8 + i] = (uint8_t) (hash >> 8 * i);
    }

    assert_int_equal(trd_tape_head_read(bytes, &h, &rest), TRD_IGNORED);
    assert_int_equal(h.version, 1);
}


static void
test_trd_tape_encode_refuses(void **state)
{
    uint8_t            rows[TRD_TAPE_ROW_MAX], digests[8];
    codec_t           *c;
    uint64_t           seed = 3;
    trd_tape_book_t    book, none;
    trd_tape_out_t     out = { rows, rows + sizeof(rows), digests,
                               digests + 8 };
    trd_tape_record_t  r;

    (void) state;

    c = malloc(sizeof(*c));
    assert_non_null(c);
    codec_begin(c);
    memset(&none, 0, sizeof(none));
    memset(&book, 0, sizeof(book));

    any_record(&seed, &r, 1, &book, &none);
    r.instrument = INSTRUMENTS;
    assert_int_equal(trd_tape_encode(&c->codec, &out, &r), TRD_ERROR);
    r.instrument = 0;
    r.update.kind = TRD_TAPE_KINDS;
    assert_int_equal(trd_tape_encode(&c->codec, &out, &r), TRD_ERROR);
    r.update.kind = 0;
    r.op = TRD_TAPE_OP_N;
    assert_int_equal(trd_tape_encode(&c->codec, &out, &r), TRD_ERROR);
    r.op = TRD_TAPE_BOOK;
    r.book = NULL;
    assert_int_equal(trd_tape_encode(&c->codec, &out, &r), TRD_ERROR);
    r.book = &book;
    book.n[1] = TRD_TAPE_DEPTH + 1;
    assert_int_equal(trd_tape_encode(&c->codec, &out, &r), TRD_ERROR);
    r.op = 0;
    r.update.derived = TRD_DERIVED_N;
    assert_int_equal(trd_tape_encode(&c->codec, &out, &r), TRD_ERROR);
    r.update.derived = 0;
    out.end--;
    assert_int_equal(trd_tape_encode(&c->codec, &out, &r), TRD_OVERFLOW);
    out.end++;
    out.digests_end--;
    assert_int_equal(trd_tape_encode(&c->codec, &out, &r), TRD_OVERFLOW);
    assert_ptr_equal(out.pos, rows);
    free(c);
}


/* changed and cut rows: an end or an error, within bounds (SAN=1 tells) */

static void
test_trd_tape_decode_survives_foreign_bytes(void **state)
{
    size_t              len, k, n;
    uint8_t             rows[8192], bad[8192], digests[8 * 64];
    uint64_t            seed = 11;
    trd_tape_book_t     book, old;
    codec_t            *c;
    trd_tape_in_t       in;
    trd_tape_out_t      out = { rows, rows + sizeof(rows), digests,
                                digests + sizeof(digests) };
    trd_tape_record_t   r;

    (void) state;

    c = malloc(sizeof(*c));
    assert_non_null(c);
    codec_begin(c);
    memset(&old, 0, sizeof(old));
    book = old;

    for (k = 0; k < 60; k++) {
        any_record(&seed, &r, k, &book, &old);
        old = book;

        if (trd_tape_encode(&c->codec, &out, &r) != TRD_OK) {
            break;
        }
    }

    len = (size_t) (out.pos - rows);

    for (k = 0; k < 20000; k++) {
        memcpy(bad, rows, len);
        n = recordings_mutate((char *) bad, len, sizeof(bad), &seed);
        in.pos = bad;
        in.end = bad + n;
        in.digests = digests;
        in.digests_end = out.digests;
        codec_begin(c);

        for (n = 0; trd_tape_decode(&c->codec, &in, &r) == TRD_OK; n++) {
            assert_true(r.instrument < INSTRUMENTS && r.op < TRD_TAPE_OP_N
                        && r.source < TRD_SOURCE_N && n < 8192);
        }
    }

    free(c);
}


static void
test_trd_tape_heads_tell_every_change(void **state)
{
    size_t            i;
    uint8_t           bytes[TRD_TAPE_HEAD_SIZE];
    uint64_t          rest;
    trd_tape_head_t   h, got;
    trd_tape_block_t  b, seen;

    (void) state;

    memset(&h, 0, sizeof(h));
    h.type = TRD_TAPE_RAW;
    h.version = TRD_TAPE_VERSION;
    h.instruments = 23;
    h.ordinal = 1ULL << 40;
    h.first_seq = 77;
    h.created_ms = -5;
    h.max_jump_bp = 2000;
    h.max_future_ms = 5000;
    h.stored_len = 10;
    h.plain_len = 20;
    memset(h.chain, 1, TRD_TAPE_HASH);
    memset(h.raw_chain, 2, TRD_TAPE_HASH);
    memset(h.dictionary, 3, TRD_TAPE_HASH);

    memset(&got, 0, sizeof(got));
    trd_tape_head_write(&h, 99, bytes);
    assert_int_equal(trd_tape_head_read(bytes, &got, &rest), TRD_OK);
    assert_int_equal(rest, 99);
    assert_memory_equal(&got, &h, sizeof(h));

    for (i = 0; i < TRD_TAPE_HEAD_SIZE; i++) {
        bytes[i] ^= (uint8_t) (1 << i % 8);
        assert_int_equal(trd_tape_head_read(bytes, &got, &rest), TRD_ERROR);
        bytes[i] ^= (uint8_t) (1 << i % 8);
    }

    memset(&b, 0, sizeof(b));
    b.records = 7;
    b.updates = 6;
    b.digests = 5;
    b.stored_len = 4;
    b.plain_len = 3;
    b.first_seq = 100;
    b.last_seq = 106;
    b.first_ms = 1;
    b.last_ms = 2;
    b.first_message = 8;
    b.last_message = 9;
    memset(b.chain, 4, TRD_TAPE_HASH);

    trd_tape_block_write(&b, 1, bytes);
    assert_int_equal(trd_tape_block_read(bytes, &seen, &rest), TRD_OK);
    assert_memory_equal(&seen, &b, sizeof(b));
    assert_int_equal(trd_tape_block_rest(&seen), 44);

    for (i = 0; i < TRD_TAPE_BLOCK_SIZE; i++) {
        bytes[i] ^= (uint8_t) (1 << i % 8);
        assert_int_equal(trd_tape_block_read(bytes, &seen, &rest), TRD_ERROR);
        bytes[i] ^= (uint8_t) (1 << i % 8);
    }
}


static void
test_trd_tape_entry_round_trip(void **state)
{
    size_t             len, cut;
    uint8_t            bytes[TRD_TAPE_ENTRY_MAX];
    const uint8_t     *pos;
    trd_instrument_t   in, got;

    (void) state;

    memset(&in, 0, sizeof(in));
    memset(in.symbol, 'A', TRD_SYMBOL_LEN);
    memset(in.exchange_symbol, 'B', TRD_SYMBOL_LEN);
    memset(in.base, 'C', TRD_SYMBOL_LEN);
    memset(in.quote, 'D', TRD_SYMBOL_LEN);
    in.source = TRD_SOURCE_BINANCE;
    in.stale_after_ms = 10000;
    in.price_tick_e8 = 1000000;
    in.lot_step_e8 = 1;
    in.min_notional_e8 = 500000000;

    len = trd_tape_entry_write(&in, bytes);
    assert_true(len <= sizeof(bytes));
    pos = bytes;
    assert_int_equal(trd_tape_entry_read(&pos, bytes + len, &got), TRD_OK);
    assert_ptr_equal(pos, bytes + len);
    assert_memory_equal(&got, &in, sizeof(in));

    for (cut = 0; cut < len; cut++) {
        pos = bytes;
        assert_int_equal(trd_tape_entry_read(&pos, bytes + cut, &got),
                         TRD_ERROR);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_trd_tape_decode_gives_what_was_encoded),
        cmocka_unit_test(test_trd_tape_canonical_holds_all),
        cmocka_unit_test(test_trd_tape_head_of_another_version),
        cmocka_unit_test(test_trd_tape_encode_refuses),
        cmocka_unit_test(test_trd_tape_decode_survives_foreign_bytes),
        cmocka_unit_test(test_trd_tape_heads_tell_every_change),
        cmocka_unit_test(test_trd_tape_entry_round_trip)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
