/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The records of a board: quotes, pages and the journal.  What a reader gets
 * of a record that is torn, damaged in any bit, or left behind by a writer
 * that was killed between two of its stores: never a hang, never a lie.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "board_fixture.h"

#define RING  16


static void
check_quote(const trd_board_t *b, uint32_t i, trd_rc_t want)
{
    trd_quote_t  q;

    assert_int_equal(trd_board_quote(b, i, &q), want);

    if (want == TRD_OK) {
        assert_true(board_fixture_quote_is(&q, i));
    }
}


static void
test_quote_round_trip(void **state)
{
    uint32_t         i;
    trd_quote_t      q, none;
    board_fixture_t  f;

    (void) state;
    board_fixture_create(&f, 3, RING);
    memset(&none, 0, sizeof(none));

    for (i = 0; i < 3; i++) {
        memset(&q, 0xff, sizeof(q));
        assert_int_equal(trd_board_quote(&f.b, i, &q), TRD_OK);
        assert_memory_equal(&q, &none, sizeof(q));
    }

    for (i = 0; i < 9; i++) {
        board_fixture_put(&f, i % 3);
        check_quote(&f.b, i % 3, TRD_OK);
        assert_int_equal(trd_board_seq(&f.b), i + 1);
    }

    assert_int_equal(trd_board_quote(&f.b, 3, &q), TRD_NOT_FOUND);
    assert_int_equal(trd_board_quote(&f.b, UINT32_MAX, &q), TRD_NOT_FOUND);
    board_fixture_free(&f);
}


/*
 * Any bit of a slot: wrong data is found, whatever the version says.  A wrong
 * version may make it unreadable, or leave the quote as it was.
 */
static void
test_quote_flipped(void **state)
{
    size_t             i;
    uint8_t           *slot;
    trd_rc_t           rc;
    unsigned           bit;
    trd_quote_t        q;
    board_fixture_t    f;

    (void) state;
    board_fixture_create(&f, 2, RING);
    board_fixture_put(&f, 1);
    slot = (uint8_t *) (uintptr_t) &f.b.quotes[1];

    for (i = 0; i < offsetof(trd_quote_slot_t, reserved); i++) {
        for (bit = 0; bit < 8; bit++) {
            slot[i] ^= (uint8_t) (1 << bit);
            rc = trd_board_quote(&f.b, 1, &q);

            /* the first quote is in the second copy */
            if (i >= offsetof(trd_quote_slot_t, copy[1])) {
                assert_int_equal(rc, TRD_CORRUPT);

            } else if (i >= sizeof(uint64_t)) {
                assert_int_equal(rc, TRD_OK);

            } else if (rc != TRD_CORRUPT) {
                assert_int_equal(rc, TRD_OK);
            }

            if (rc == TRD_OK) {
                assert_true(q.seq == 1 && board_fixture_quote_is(&q, 1));
            }

            slot[i] ^= (uint8_t) (1 << bit);
        }
    }

    check_quote(&f.b, 1, TRD_OK);

    /* a page of zeros, as after a truncation, is no quote, and no lie */
    memset(slot, 0, sizeof(trd_quote_slot_t));
    assert_int_equal(trd_board_quote(&f.b, 1, &q), TRD_OK);
    assert_int_equal(q.has, 0);
    board_fixture_free(&f);
}


static void
check_seq(const trd_board_t *b, uint64_t seq)
{
    trd_quote_t  q;

    assert_int_equal(trd_board_quote(b, 0, &q), TRD_OK);
    assert_int_equal(q.seq, seq);
    assert_true(seq == 0 || board_fixture_quote_is(&q, 0));
}


/* the stores of trd_board_put_quote() one by one, the writer dying there: the
   quote before stays readable until the new one is whole */
static void
test_quote_writer_killed(void **state)
{
    unsigned           i, before;
    uint64_t           words[TRD_QUOTE_WORDS + 1];
    trd_quote_t        q;
    board_fixture_t    f;
    trd_quote_slot_t  *slot;
    trd_quote_copy_t  *copy;

    (void) state;

    for (before = 0; before < 4; before++) {
        board_fixture_create(&f, 1, RING);

        for (i = 0; i < before; i++) {
            board_fixture_put(&f, 0);
        }

        slot = &f.w.quotes[0];
        board_fixture_quote(&q, 0, f.w.seq + 1);
        words[0] = atomic_load(&slot->version) + 1;
        memcpy(words + 1, &q, sizeof(q));
        copy = &slot->copy[words[0] & 1];

        atomic_store(&copy->version, words[0]);
        check_seq(&f.b, before);

        for (i = 0; i < TRD_QUOTE_WORDS; i++) {
            atomic_store(&copy->word[i], words[i + 1]);
            check_seq(&f.b, before);
        }

        /* the very first one may be seen as soon as it is whole */
        atomic_store(&copy->hash, trd_quote_hash(words));
        check_seq(&f.b, before ? before : 1);

        /* the slot is whole, its journal entry is not there yet */
        atomic_store(&slot->version, words[0]);
        check_seq(&f.b, before + 1);
        board_fixture_free(&f);
    }
}


static void
check_page(const board_fixture_t *f, const trd_page_t *page, uint64_t seq)
{
    uint8_t          *body;
    trd_page_view_t   view;

    body = NULL;
    assert_int_equal(board_fixture_read(&f->b, page, &view, &body), TRD_OK);
    assert_int_equal(view.seq, seq);
    assert_int_equal(view.rendered_ms, BOARD_FIXTURE_NOW);
    assert_true(board_fixture_body_is(body, view.len, view.page, view.seq));
    free(body);
}


/* what the attempts of a reader see: the newest, or on odd late tries the
   copy before it */
static trd_rc_t
read_attempt(const trd_board_t *b, const trd_page_t *page, unsigned attempt,
    uint64_t *seq)
{
    void             *body;
    trd_rc_t          rc;
    trd_page_view_t   view;

    rc = trd_page_begin(b, page, attempt, &view);

    if (rc == TRD_OK) {
        body = malloc(view.len ? view.len : 1);
        rc = trd_page_copy(&view, body);
        *seq = view.seq;
        free(body);
    }

    return rc;
}


static void
test_page_double_buffer(void **state)
{
    uint8_t           *to, *last;
    size_t             max;
    uint32_t           i;
    uint64_t           seq;
    trd_page_t        *page;
    board_fixture_t    f;
    trd_page_view_t    view;

    (void) state;
    board_fixture_create(&f, 2, RING);
    page = trd_writer_page(&f.w, TRD_PAGE_SUMMARY, TRD_VARIANT_GZIP);
    last = NULL;

    assert_int_equal(trd_page_begin(&f.b, page, 0, &view), TRD_NOT_FOUND);
    assert_int_equal(trd_page_begin(&f.b, page, 7, &view), TRD_NOT_FOUND);

    for (i = 1; i < 10; i++) {
        to = trd_page_next(&f.w, page, &max);
        assert_ptr_not_equal(to, last);
        last = to;

        /* rendering disturbs nobody who reads the newest */
        memset(to, 0xa5, max);

        if (i > 1) {
            check_page(&f, page, i - 1);
        }

        board_fixture_render(&f, page, i);
        assert_int_equal(atomic_load(&page->version), i);
        check_page(&f, page, i);

        assert_int_equal(read_attempt(&f.b, page, 0, &seq), TRD_OK);
        assert_int_equal(seq, i);
        assert_int_equal(read_attempt(&f.b, page, TRD_BOARD_TRIES - 1, &seq),
                         TRD_OK);
        assert_int_equal(seq, i > 1 ? i - 1 : 1);
    }

    /* an empty body withdraws a page, if it is sound */
    (void) trd_page_next(&f.w, page, &max);
    trd_page_publish(&f.w, page, 0, 10, BOARD_FIXTURE_NOW);
    assert_int_equal(trd_page_begin(&f.b, page, 0, &view), TRD_NOT_FOUND);
    ((trd_page_buffer_t *) (uintptr_t) view.buffer)->hash ^= 1;
    assert_int_equal(read_attempt(&f.b, page, 0, &seq), TRD_AGAIN);

    board_fixture_free(&f);
}


/* full to the last byte, and no page reaches into another */
static void
test_page_full(void **state)
{
    size_t            max;
    uint8_t          *body;
    uint32_t          i, k, turn, id;
    trd_page_t       *page;
    board_fixture_t   f;
    trd_page_view_t   view;

    (void) state;
    board_fixture_create(&f, 3, RING);

#define each_page                                                             \
    for (i = 0; i < 3 + TRD_PAGE_N; i++)                                      \
        for (k = 0; k < (i < 3 ? TRD_ENTRY_N : TRD_VARIANT_N); k++)
#define the_page                                                              \
    (i < 3 ? trd_writer_entry_page(&f.w, i, k)                                \
           : trd_writer_page(&f.w, i - 3, k))

    for (turn = 0; turn < 2; turn++) {
        each_page {
            page = the_page;
            id = board_fixture_page_id(&f.w, page);
            body = trd_page_next(&f.w, page, &max);
            memset(body, (int) (id + turn), max);
            assert_true(max >= (i < 3 ? 992 : 32768));
            trd_page_publish(&f.w, page, (uint32_t) max, turn, 5);
        }
    }

    each_page {
        page = the_page;
        body = NULL;
        id = board_fixture_page_id(&f.w, page);
        assert_int_equal(board_fixture_read(&f.b, page, &view, &body),
                         TRD_OK);
        assert_int_equal(view.len, page->capacity);
        assert_int_equal(body[0], (uint8_t) (id + 1));
        assert_memory_equal(body, body + 1, view.len - 1);
        free(body);

        assert_int_equal(read_attempt(&f.b, page, TRD_BOARD_TRIES - 1,
                                      &view.seq), TRD_OK);
        assert_int_equal(view.seq, 0);
    }

    board_fixture_free(&f);
}


/* every bit of a page's buffer head, body and descriptor */
static void
test_page_flipped(void **state)
{
    size_t            i, end;
    uint8_t          *buffer, *body, *bytes;
    trd_rc_t          rc;
    unsigned          bit;
    trd_page_t       *page;
    board_fixture_t   f;
    trd_page_view_t   view;

    (void) state;
    board_fixture_create(&f, 1, RING);
    board_fixture_fill(&f);
    page = trd_writer_entry_page(&f.w, 0, TRD_ENTRY_SIGNAL);
    board_fixture_render(&f, page, 40);
    board_fixture_render(&f, page, 41);

    assert_int_equal(trd_page_begin(&f.b, page, 0, &view), TRD_OK);
    assert_true(view.len > 50);
    end = sizeof(trd_page_buffer_t) + view.len;
    buffer = (uint8_t *) (uintptr_t) view.buffer;

    for (i = 0; i < end; i++) {
        for (bit = 0; bit < 8; bit++) {
            uint64_t  seq;

            buffer[i] ^= (uint8_t) (1 << bit);
            rc = read_attempt(&f.b, page, 0, &seq);
            assert_true(rc == TRD_AGAIN || rc == TRD_CORRUPT);

            body = NULL;

            /* the copy before it is what a patient reader gets, or nothing */
            rc = board_fixture_read(&f.b, page, &view, &body);
            assert_true(rc == TRD_OK || rc == TRD_CORRUPT);

            if (rc == TRD_OK) {
                assert_int_equal(view.seq, 40);
                assert_true(board_fixture_body_is(body, view.len, view.page,
                                                  40));
                free(body);
            }

            buffer[i] ^= (uint8_t) (1 << bit);
        }
    }

    bytes = (uint8_t *) page;

    for (i = 0; i < sizeof(trd_page_t); i++) {
        for (bit = 0; bit < 8; bit++) {
            bytes[i] ^= (uint8_t) (1 << bit);
            body = NULL;
            rc = board_fixture_read(&f.b, page, &view, &body);

            if (rc == TRD_OK) {
                assert_true(board_fixture_body_is(body, view.len, view.page,
                                                  view.seq));
                assert_true(view.seq == 40 || view.seq == 41);
                free(body);
            }

            bytes[i] ^= (uint8_t) (1 << bit);
        }
    }

    check_page(&f, page, 41);
    board_fixture_free(&f);
}


static void
test_page_out_of_bounds(void **state)
{
    unsigned          i;
    uint64_t          saved, seq;
    trd_page_t       *page;
    board_fixture_t   f;
    trd_page_view_t   view;

    (void) state;
    board_fixture_create(&f, 1, RING);
    board_fixture_fill(&f);
    page = trd_writer_page(&f.w, TRD_PAGE_PRICES, TRD_VARIANT_PLAIN);
    assert_int_equal(atomic_load(&page->version), 2);

    const uint64_t  offsets[] = {
        1, 7, f.size - 24, f.size - 32, f.size - 8, f.size, f.size + 8,
        1ULL << 32, 1ULL << 63, UINT64_MAX - 7, UINT64_MAX - 31, UINT64_MAX
    };

    const uint64_t  capacities[] = {
        f.size, UINT64_MAX, UINT64_MAX - 31, UINT64_MAX - 32,
        TRD_PAGE_MAX, TRD_PAGE_MAX + 1ULL, 1ULL << 63,
        f.size - page->offset[0] - sizeof(trd_page_buffer_t) + 1
    };

    saved = page->offset[0];

    for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        page->offset[0] = offsets[i];
        assert_int_equal(trd_page_begin(&f.b, page, 0, &view), TRD_CORRUPT);
    }

    /* inside of the file, but no page, or another page's buffer */
    page->offset[0] = 0;
    assert_int_not_equal(read_attempt(&f.b, page, 0, &seq), TRD_OK);
    page->offset[0] = trd_writer_page(&f.w, TRD_PAGE_PRICES,
                                      TRD_VARIANT_GZIP)->offset[0];
    assert_int_equal(trd_page_begin(&f.b, page, 0, &view), TRD_CORRUPT);
    page->offset[0] = saved;

    saved = page->capacity;

    for (i = 0; i < sizeof(capacities) / sizeof(capacities[0]); i++) {
        page->capacity = capacities[i];
        assert_int_equal(trd_page_begin(&f.b, page, 0, &view), TRD_CORRUPT);
    }

    page->capacity = 0;
    assert_int_equal(trd_page_begin(&f.b, page, 0, &view), TRD_CORRUPT);
    page->capacity = saved;

    /* a length beyond the capacity */
    assert_int_equal(trd_page_begin(&f.b, page, 0, &view), TRD_OK);
    ((trd_page_buffer_t *) (uintptr_t) view.buffer)->len =
        (uint32_t) saved + 1;
    assert_int_equal(trd_page_begin(&f.b, page, 0, &view), TRD_CORRUPT);
    ((trd_page_buffer_t *) (uintptr_t) view.buffer)->len = UINT32_MAX;
    assert_int_equal(trd_page_begin(&f.b, page, 0, &view), TRD_CORRUPT);

    /* the next publication sets all of it right */
    memset(page->offset, 0xff, sizeof(page->offset));
    page->capacity = 3;
    board_fixture_render(&f, page, 77);
    check_page(&f, page, 77);
    board_fixture_free(&f);
}


/* a writer killed inside of trd_page_publish(), the version not yet stored */
static void
test_page_writer_killed(void **state)
{
    size_t              max;
    uint8_t            *to;
    unsigned            i;
    uint64_t            seq;
    trd_page_t         *page;
    board_fixture_t     f;
    trd_page_buffer_t  *buffer;

    (void) state;
    board_fixture_create(&f, 1, RING);
    page = trd_writer_entry_page(&f.w, 0, TRD_ENTRY_QUOTE);
    board_fixture_render(&f, page, 10);
    board_fixture_render(&f, page, 11);

    to = trd_page_next(&f.w, page, &max);
    buffer = (void *) (to - sizeof(trd_page_buffer_t));

    for (i = 0; i < 6; i++) {
        switch (i) {
        case 0: memset(to, 'x', 100); break;
        case 1: buffer->len = 100; break;
        case 2: buffer->seq = 12; break;
        case 3: buffer->rendered_ms = BOARD_FIXTURE_NOW + 5; break;
        case 4: buffer->page = board_fixture_page_id(&f.w, page); break;
        default: buffer->hash = trd_page_hash(to, 100, 12, buffer->rendered_ms,
                                              buffer->page);
        }

        check_page(&f, page, 11);

        if (i < 5) {
            assert_int_equal(read_attempt(&f.b, page, TRD_BOARD_TRIES - 1,
                                          &seq), TRD_AGAIN);
        }
    }

    board_fixture_free(&f);
}


static void
check_entry(const trd_board_t *b, uint64_t seq, uint32_t instrument)
{
    uint32_t      found;
    trd_change_t  change;

    assert_int_equal(trd_board_journal(b, seq, &found, &change), TRD_OK);
    assert_int_equal(found, instrument);
    assert_int_equal(change, TRD_CHANGE_QUOTE);
}


static trd_rc_t
entry(const trd_board_t *b, uint64_t seq)
{
    uint32_t      found;
    trd_change_t  change;

    return trd_board_journal(b, seq, &found, &change);
}


static void
test_journal_order(void **state)
{
    uint64_t         seq, s;
    trd_quote_t      q;
    uint32_t         found;
    trd_change_t     change;
    board_fixture_t  f;

    (void) state;
    board_fixture_create(&f, 3, RING);

    assert_int_equal(entry(&f.b, 0), TRD_NOT_FOUND);
    assert_int_equal(entry(&f.b, 1), TRD_AGAIN);
    assert_int_equal(entry(&f.b, UINT64_MAX), TRD_AGAIN);

    for (seq = 1; seq < 5 * RING; seq++) {
        board_fixture_put(&f, (uint32_t) seq % 3);

        for (s = 0; s <= seq + RING + 1; s++) {
            if (s > seq) {
                assert_int_equal(entry(&f.b, s), TRD_AGAIN);

            } else if (s == 0 || s + RING <= seq) {
                assert_int_equal(entry(&f.b, s), TRD_NOT_FOUND);

            } else {
                check_entry(&f.b, s, (uint32_t) s % 3);
            }
        }
    }

    board_fixture_quote(&q, 2, 0);
    trd_board_put_quote(&f.w, 2, &q, TRD_CHANGE_STALE);
    assert_int_equal(trd_board_journal(&f.b, q.seq, &found, &change), TRD_OK);
    assert_int_equal(q.seq, seq);
    assert_int_equal(found, 2);
    assert_int_equal(change, TRD_CHANGE_STALE);
    board_fixture_free(&f);
}


/* a board that goes on where another ended: its entries are gone, not late */
static void
test_journal_of_old_board(void **state)
{
    uint32_t         a, b;
    const char      *why;
    board_fixture_t  f;

    (void) state;
    board_fixture_create(&f, 1, RING);
    memset(f.mem, 0, f.size);
    assert_int_equal(trd_board_create(&f.w, f.mem, f.size, &f.shape, f.in, 1,
                                      8, 1000, 0, 0, &a, &b), TRD_OK);
    assert_int_equal(trd_board_open(&f.b, f.mem, f.size, &why), TRD_OK);

    assert_int_equal(entry(&f.b, 1000), TRD_NOT_FOUND);
    assert_int_equal(entry(&f.b, 990), TRD_NOT_FOUND);
    assert_int_equal(entry(&f.b, 1001), TRD_AGAIN);
    board_fixture_put(&f, 0);
    check_entry(&f.b, 1001, 0);
    assert_int_equal(entry(&f.b, 1000), TRD_NOT_FOUND);
    assert_int_equal(entry(&f.b, 1002), TRD_AGAIN);
    board_fixture_free(&f);
}


/* the stores of a journal entry one by one; the ring is full */
static void
test_journal_writer_killed(void **state)
{
    uint64_t              next, old;
    board_fixture_t       f;
    trd_journal_entry_t  *e;

    (void) state;
    board_fixture_create(&f, 3, RING);

    for (next = 1; next < 2 * RING + 4; next++) {
        board_fixture_put(&f, (uint32_t) next % 3);
    }

    old = next - RING;
    e = &f.w.journal[next & (RING - 1)];
    check_entry(&f.b, old, (uint32_t) old % 3);

    atomic_store(&e->seq, 0);
    assert_int_equal(entry(&f.b, old), TRD_NOT_FOUND);
    assert_int_equal(entry(&f.b, next), TRD_AGAIN);

    atomic_store(&e->what, (uint64_t) TRD_CHANGE_QUOTE << 32 | 2);
    assert_int_equal(entry(&f.b, old), TRD_NOT_FOUND);
    assert_int_equal(entry(&f.b, next), TRD_AGAIN);

    atomic_store(&e->seq, next);
    assert_int_equal(entry(&f.b, old), TRD_NOT_FOUND);
    check_entry(&f.b, next, 2);
    board_fixture_free(&f);
}


static void
test_journal_damaged(void **state)
{
    board_fixture_t       f;
    trd_journal_entry_t  *e;

    (void) state;
    board_fixture_create(&f, 3, RING);
    board_fixture_put(&f, 1);
    e = &f.w.journal[1];

    atomic_store(&e->what, (uint64_t) TRD_CHANGE_QUOTE << 32 | 3);
    assert_int_equal(entry(&f.b, 1), TRD_CORRUPT);
    atomic_store(&e->what, 1);
    assert_int_equal(entry(&f.b, 1), TRD_CORRUPT);
    atomic_store(&e->what, (uint64_t) TRD_CHANGE_N << 32 | 1);
    assert_int_equal(entry(&f.b, 1), TRD_CORRUPT);
    atomic_store(&e->what, UINT64_MAX);
    assert_int_equal(entry(&f.b, 1), TRD_CORRUPT);
    board_fixture_free(&f);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_quote_round_trip),
        cmocka_unit_test(test_quote_flipped),
        cmocka_unit_test(test_quote_writer_killed),
        cmocka_unit_test(test_page_double_buffer),
        cmocka_unit_test(test_page_full),
        cmocka_unit_test(test_page_flipped),
        cmocka_unit_test(test_page_out_of_bounds),
        cmocka_unit_test(test_page_writer_killed),
        cmocka_unit_test(test_journal_order),
        cmocka_unit_test(test_journal_of_old_board),
        cmocka_unit_test(test_journal_writer_killed),
        cmocka_unit_test(test_journal_damaged)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
