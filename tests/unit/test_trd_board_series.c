/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Rings and blocks of the board: what was put is what is read, in the order
 * of time whatever the order of putting; scribbled, torn and half-moved
 * records are found; a reader beside a busy writer sees only what was
 * written.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "recordings.h"
#include "trd_board_series_write.h"

#define CANDLES  50
#define TRADES   30
#define DEPTH    5

typedef struct {
    trd_board_t          board;
    trd_board_writer_t   w;
    uint8_t             *memory;
    size_t               size;
} fixture_t;


static void
fixture_init(fixture_t *f)
{
    uint32_t            i, a, b;
    const char         *why;
    trd_board_shape_t   shape = { 3, 256, CANDLES, TRADES, DEPTH, 0 };
    trd_instrument_t    in[3];

    memset(in, 0, sizeof(in));

    for (i = 0; i < 3; i++) {
        (void) snprintf(in[i].symbol, TRD_SYMBOL_LEN, "S%u", i);
        (void) snprintf(in[i].exchange_symbol, TRD_SYMBOL_LEN, "S%uQ", i);
        (void) snprintf(in[i].base, TRD_SYMBOL_LEN, "S%u", i);
        (void) snprintf(in[i].quote, TRD_SYMBOL_LEN, "Q");
    }

    f->size = (size_t) trd_board_size(&shape);
    f->memory = aligned_alloc(4096, f->size);
    assert_non_null(f->memory);
    memset(f->memory, 0, f->size);

    memset(&f->w, 0, sizeof(f->w));
    assert_int_equal(trd_board_create(&f->w, f->memory, f->size, &shape, in,
                                      3, 1, 0, 1, 1, &a, &b),
                     TRD_OK);
    assert_int_equal(trd_board_open(&f->board, f->memory, f->size, &why),
                     TRD_OK);
}


static trd_candle_t
candle(unsigned interval, uint64_t n)
{
    trd_candle_t  c;

    c.open_ms = (int64_t) n * trd_interval_ms(interval);
    c.open_e8 = (int64_t) n * 3 + 1;
    c.high_e8 = (int64_t) n * 5 + 2;
    c.low_e8 = (int64_t) n + 1;
    c.close_e8 = (int64_t) n * 2 + 1;
    c.volume_e8 = INT64_MAX - (int64_t) n;
    c.quote_volume_e8 = (int64_t) n * n;
    c.trades = (uint32_t) n * 77;
    c.flags = (uint32_t) n & TRD_CANDLE_FLAGS;

    return c;
}


static trd_rc_t
read_candles(fixture_t *f, uint32_t instrument, unsigned interval,
    int64_t end_ms, uint32_t limit, trd_candle_t **out, uint32_t *n)
{
    /* of just that size, for sanitizers */
    *out = malloc(limit ? limit * sizeof(trd_candle_t) : 1);
    assert_non_null(*out);

    return trd_board_candles(&f->board, instrument, interval, end_ms, limit,
                             *out, n);
}


/* puts candles in random order into a ring and a plain array */

static void
test_candles_any_order(void **state)
{
    int            round;
    uint8_t        there[200];
    uint32_t       i, k, n, want, limit, put;
    uint64_t       seed, number;
    unsigned       interval;
    fixture_t      f;
    trd_candle_t   c, *out;

    (void) state;
    seed = 7;

    for (round = 0; round < 200; round++) {
        fixture_init(&f);
        memset(there, 0, sizeof(there));
        interval = (unsigned) round % TRD_INTERVALS;

        for (put = 0; put < 120; put++) {

            /* near the end mostly, as it is in life */
            number = (recordings_random(&seed) & 3) ? put + put / 2
                     : recordings_random(&seed) % (put + 1);
            c = candle(interval, number);

            /* older than all of a full ring: left out */
            for (i = k = 0; i < 200; i++) {
                k += there[i];
            }

            for (i = 0; i < 200 && !there[i]; i++) { /* void */ }

            trd_board_put_candle(&f.w, 1, interval, &c);

            if (k < CANDLES) {
                there[number] = 1;

            } else if (number > i && !there[number]) {
                there[number] = 1;
                there[i] = 0;
            }

            limit = (uint32_t) (recordings_random(&seed) % 60);
            assert_int_equal(read_candles(&f, 1, interval, INT64_MAX, limit,
                                          &out, &n),
                             TRD_OK);

            for (i = 200, want = 0; i > 0 && want < limit; i--) {
                if (there[i - 1]) {
                    want++;
                    assert_true(want <= n);
                    c = candle(interval, i - 1);
                    assert_memory_equal(&out[n - want], &c, sizeof(c));
                }
            }

            assert_int_equal(n, want);
            free(out);
        }

        assert_int_equal(f.w.resets, 0);
        free(f.memory);
    }
}


static void
test_candles_window(void **state)
{
    uint32_t       n;
    uint64_t       i;
    fixture_t      f;
    trd_candle_t   c, *out;

    (void) state;
    fixture_init(&f);

    for (i = 100; i < 140; i++) {
        if (i != 120) {
            c = candle(TRD_INTERVAL_5M, i);
            trd_board_put_candle(&f.w, 2, TRD_INTERVAL_5M, &c);
        }
    }

    c.open_ms++;                        /* no multiple: not put */
    trd_board_put_candle(&f.w, 2, TRD_INTERVAL_5M, &c);
    trd_board_put_candle(&f.w, 3, TRD_INTERVAL_5M, &c);
    trd_board_put_candle(&f.w, 2, TRD_INTERVALS, &c);

    /* up to and with the end, over the gap */
    assert_int_equal(read_candles(&f, 2, TRD_INTERVAL_5M, 121 * 300000, 3,
                                  &out, &n), TRD_OK);
    assert_int_equal(n, 3);
    assert_int_equal(out[0].open_ms, 118 * 300000);
    assert_int_equal(out[1].open_ms, 119 * 300000);
    assert_int_equal(out[2].open_ms, 121 * 300000);
    free(out);

    assert_int_equal(read_candles(&f, 2, TRD_INTERVAL_5M, 100 * 300000 - 1, 9,
                                  &out, &n), TRD_OK);
    assert_int_equal(n, 0);
    free(out);

    assert_int_equal(read_candles(&f, 1, TRD_INTERVAL_5M, INT64_MAX, 9, &out,
                                  &n), TRD_OK);
    assert_int_equal(n, 0);
    free(out);

    assert_int_equal(read_candles(&f, 3, 0, INT64_MAX, 9, &out, &n),
                     TRD_NOT_FOUND);
    free(out);
    assert_int_equal(read_candles(&f, 0, TRD_INTERVALS, INT64_MAX, 9, &out,
                                  &n), TRD_NOT_FOUND);
    free(out);
    free(f.memory);
}


/* every single bit of a ring turned over: found, or nothing that is read */

static void
test_candles_scribbled(void **state)
{
    uint8_t       *at;
    uint32_t       n, k;
    trd_rc_t       rc;
    size_t         bit;
    uint64_t       i;
    fixture_t      f;
    trd_candle_t   c, *out;

    (void) state;
    fixture_init(&f);

    for (i = 0; i < 3; i++) {
        c = candle(0, i);
        trd_board_put_candle(&f.w, 0, 0, &c);
    }

    at = f.w.series[0];

    for (bit = 0; bit < (sizeof(trd_ring_t) + 5 * 64) * 8; bit++) {
        at[bit / 8] ^= (uint8_t) (1U << bit % 8);

        rc = read_candles(&f, 0, 0, INT64_MAX, 10, &out, &n);

        if (rc == TRD_OK) {
            assert_int_equal(n, 3);

            for (k = 0; k < n; k++) {
                c = candle(0, k);
                assert_memory_equal(&out[k], &c, sizeof(c));
            }

        } else {
            assert_int_equal(rc, TRD_CORRUPT);
            assert_int_equal(n, 0);
        }

        /* head and the three records (slots 1 to 3) are all looked at */
        if (bit < 64 || (bit >= 1024 && bit < 1024 + 3 * 512)) {
            assert_int_equal(rc, TRD_CORRUPT);
        }

        free(out);
        at[bit / 8] ^= (uint8_t) (1U << bit % 8);
    }

    /* the writer begins anew rather than to believe it */
    at[128] ^= 1;
    at[192] ^= 1;
    at[256] ^= 1;
    c = candle(0, 9);
    trd_board_put_candle(&f.w, 0, 0, &c);
    assert_int_equal(f.w.resets, 1);
    assert_int_equal(read_candles(&f, 0, 0, INT64_MAX, 10, &out, &n), TRD_OK);
    assert_int_equal(n, 1);
    assert_memory_equal(&out[0], &c, sizeof(c));
    free(out);

    /* records of another ring are not taken for this one's */
    memcpy(at + trd_candles_at(0, 1, CANDLES), at, TRD_CANDLES_SIZE(CANDLES));
    assert_int_equal(read_candles(&f, 0, 1, INT64_MAX, 10, &out, &n),
                     TRD_CORRUPT);
    free(out);
    free(f.memory);
}


/* random bytes all over the three sections: no crash, and no lie */

static void
test_garbage(void **state)
{
    int                round;
    uint32_t           n;
    uint64_t           seed, missed;
    size_t             i;
    fixture_t          f;
    trd_level_t        levels[2 * DEPTH];
    trd_trade_t        trades[TRADES], t;
    trd_candle_t      *out, c;
    trd_board_book_t   book;

    (void) state;
    seed = 11;
    fixture_init(&f);

    for (round = 0; round < 2000; round++) {
        i = (size_t) (f.w.series[0] - f.memory);

        for ( /* void */ ; i + 8 <= f.size; i += 8) {
            uint64_t  r = recordings_random(&seed);
            memcpy(f.memory + i, &r, 8);
            i += (round & 1) ? 0 : 56;
        }

        assert_int_equal(read_candles(&f, 1, 1, INT64_MAX, 10, &out, &n),
                         TRD_CORRUPT);
        free(out);
        assert_int_equal(trd_board_trades(&f.board, 1, 0, 10, trades, &n,
                                          &missed), TRD_CORRUPT);
        assert_int_equal(trd_board_depth(&f.board, 1, 5, levels, 10, &book),
                         TRD_CORRUPT);

        c = candle(1, 5);
        trd_board_put_candle(&f.w, 1, 1, &c);
        memset(&t, 0, sizeof(t));
        trd_board_put_trade(&f.w, 1, &t);

        assert_int_equal(read_candles(&f, 1, 1, INT64_MAX, 10, &out, &n),
                         TRD_OK);
        assert_int_equal(n, 1);
        free(out);
        assert_int_equal(trd_board_trades(&f.board, 1, 0, 10, trades, &n,
                                          &missed), TRD_OK);
        assert_int_equal(n, 1);
    }

    free(f.memory);
}


/* what a writer leaves behind that was killed while it moved records */

static void
test_candles_half_moved(void **state)
{
    uint32_t       n, i;
    uint64_t       words[8];
    fixture_t      f;
    trd_ring_t    *ring;
    trd_candle_t   c, *out;

    (void) state;
    fixture_init(&f);

    for (i = 0; i < 5; i++) {
        c = candle(0, i * 2);
        trd_board_put_candle(&f.w, 0, 0, &c);
    }

    /* 0 2 4 6 8 8: the newest was moved up, and nothing else yet */
    ring = (void *) f.w.series[0];
    c = candle(0, 8);
    trd_candle_pack(&c, trd_place(0, 6), words);
    memcpy((trd_candle_record_t *) (ring + 1) + 6, words, 64);
    atomic_store(&ring->newest, trd_ring_newest(6));

    assert_int_equal(read_candles(&f, 0, 0, INT64_MAX, 10, &out, &n), TRD_OK);
    assert_int_equal(n, 5);

    for (i = 0; i < 5; i++) {
        c = candle(0, i * 2);
        assert_memory_equal(&out[i], &c, sizeof(c));
    }

    free(out);

    /* killed while it wrote over the newest: the free slot has it */
    c = candle(0, 8);
    c.close_e8++;
    trd_candle_pack(&c, trd_place(0, 6), words);
    memcpy((trd_candle_record_t *) (ring + 1) + 7, words, 64);
    memcpy((trd_candle_record_t *) (ring + 1) + 6, words, 32);
    assert_int_equal(read_candles(&f, 0, 0, INT64_MAX, 10, &out, &n), TRD_OK);
    assert_int_equal(n, 5);
    assert_memory_equal(&out[4], &c, sizeof(c));
    free(out);

    /* killed before a new record became the newest: it is not there */
    memcpy((trd_candle_record_t *) (ring + 1) + 6, words, 64);
    memset((trd_candle_record_t *) (ring + 1) + 7, 0x55, 64);
    assert_int_equal(read_candles(&f, 0, 0, INT64_MAX, 10, &out, &n), TRD_OK);
    assert_int_equal(n, 5);
    free(out);
    free(f.memory);
}


static void
test_trades(void **state)
{
    uint32_t       i, k, n, detail, instrument;
    uint64_t       missed, after;
    fixture_t      f;
    trd_trade_t    t, found, *out;
    trd_change_t   change;

    (void) state;
    fixture_init(&f);
    memset(&t, 0, sizeof(t));
    out = malloc(TRADES * sizeof(trd_trade_t));
    assert_non_null(out);

    assert_int_equal(trd_board_trades(&f.board, 1, 0, TRADES, out, &n,
                                      &missed), TRD_OK);
    assert_int_equal(n, 0);

    for (i = 1; i <= 200; i++) {
        t.id = i + 1000;
        t.price_e8 = i * 100;
        t.quantity_e8 = i;
        t.exchange_ms = i;
        t.flags = i & 3;
        trd_board_put_trade(&f.w, 1, &t);
        assert_int_equal(t.number, i);
        assert_int_equal(t.seq, i);
        assert_int_equal(trd_board_journal_detail(&f.board, i, &instrument,
                                                  &change, &detail), TRD_OK);
        assert_int_equal(change, TRD_CHANGE_TRADE);
        assert_int_equal(instrument, 1);

        assert_int_equal(trd_board_trades(&f.board, 1, 0, 7, out, &n,
                                          &missed), TRD_OK);
        assert_int_equal(n, i < 7 ? i : 7);
        assert_int_equal(missed, 0);

        for (k = 0; k < n; k++) {
            assert_int_equal(out[k].number, i - n + 1 + k);
            assert_int_equal(out[k].id, out[k].number + 1000);
            assert_int_equal(out[k].price_e8, out[k].number * 100);
            assert_int_equal(out[k].seq, out[k].number);
            assert_int_equal(out[k].flags, out[k].number & 3);
        }

        /* a reader that follows, and one that was away for long */
        for (after = 1; after < 200; after += 17) {
            assert_int_equal(trd_board_trades(&f.board, 1, after, TRADES, out,
                                              &n, &missed), TRD_OK);
            if (after >= i) {
                assert_int_equal(n, 0);
                continue;
            }

            assert_int_equal(after + missed + 1, out[0].number);
            assert_int_equal(out[n - 1].number, i);
            assert_int_equal(missed, i > TRADES && after < i - TRADES
                                     ? i - TRADES - after : 0);
        }

        /* by seq: the oldest that is held above it */
        for (after = 0; after < 200; after += 13) {
            if (after >= i) {
                assert_int_equal(trd_board_trade_after(&f.board, 1, after,
                                                       &found),
                                 TRD_NOT_FOUND);
                continue;
            }

            assert_int_equal(trd_board_trade_after(&f.board, 1, after,
                                                   &found), TRD_OK);
            assert_int_equal(found.seq, i > TRADES && after < i - TRADES
                                        ? i - TRADES + 1 : after + 1);
            assert_int_equal(found.number, found.seq);
            assert_int_equal(found.id, found.seq + 1000);
        }
    }

    assert_int_equal(trd_board_trade_after(&f.board, 0, 0, &found),
                     TRD_NOT_FOUND);
    assert_int_equal(trd_board_trade_after(&f.board, f.board.n, 0, &found),
                     TRD_NOT_FOUND);

    /* a bit wrong in what is read */
    *(f.w.series[1] + TRD_TRADES_SIZE(TRADES) + 64
      + (200 % (TRADES + 1)) * 48 + 20) ^= 4;
    assert_int_equal(trd_board_trades(&f.board, 1, 0, 3, out, &n, &missed),
                     TRD_CORRUPT);
    assert_int_equal(trd_board_trade_after(&f.board, 1, 199, &found),
                     TRD_NOT_FOUND);
    assert_int_equal(trd_board_trade_after(&f.board, 1, 198, &found),
                     TRD_NOT_FOUND);
    assert_int_equal(trd_board_trade_after(&f.board, 1, 180, &found),
                     TRD_OK);
    assert_int_equal(n, 0);
    assert_int_equal(trd_board_trades(&f.board, 3, 0, 3, out, &n, &missed),
                     TRD_NOT_FOUND);
    free(out);
    free(f.memory);
}


static void
test_depth(void **state)
{
    uint32_t           i, instrument, detail;
    size_t             bit, len;
    uint8_t           *at;
    fixture_t          f;
    trd_level_t        bids[9], asks[9], *buf;
    trd_change_t       change;
    trd_board_book_t   book, out;

    (void) state;
    fixture_init(&f);
    buf = malloc(2 * DEPTH * sizeof(trd_level_t));
    assert_non_null(buf);

    assert_int_equal(trd_board_depth(&f.board, 2, 5, buf, 2 * DEPTH, &out),
                     TRD_NOT_FOUND);

    for (i = 0; i < 9; i++) {
        bids[i].price_e8 = 100 - i;
        bids[i].quantity_e8 = i + 1;
        asks[i].price_e8 = 101 + i;
        asks[i].quantity_e8 = i + 10;
    }

    memset(&book, 0, sizeof(book));
    book.bids = bids;
    book.asks = asks;
    book.nbids = 9;
    book.nasks = 3;

    for (i = 1; i <= 3; i++) {
        book.last_id = 1000 + i;
        book.exchange_ms = i;
        trd_board_put_depth(&f.w, 2, &book);
        assert_int_equal(book.seq, i);
        assert_int_equal(trd_board_depth(&f.board, 2, 4, buf, 2 * DEPTH,
                                         &out), TRD_OK);
        assert_int_equal(out.last_id, 1000 + i);
        assert_int_equal(out.seq, i);
        assert_int_equal(out.nbids, 4);
        assert_int_equal(out.nasks, 3);
        assert_memory_equal(out.bids, bids, 4 * sizeof(trd_level_t));
        assert_memory_equal(out.asks, asks, 3 * sizeof(trd_level_t));
    }

    assert_int_equal(trd_board_journal_detail(&f.board, 3, &instrument,
                                              &change, &detail), TRD_OK);
    assert_int_equal(change, TRD_CHANGE_DEPTH);
    assert_int_equal(trd_board_depth(&f.board, 2, 4, buf, 2 * DEPTH - 1,
                                     &out), TRD_OVERFLOW);
    assert_int_equal(trd_board_depth(&f.board, 3, 4, buf, 2 * DEPTH, &out),
                     TRD_NOT_FOUND);

    /* any bit of the newest block, the other one's do not matter */
    at = f.w.series[2] + 2 * TRD_DEPTH_SIZE(DEPTH) + 64
         + TRD_DEPTH_BLOCK_SIZE(DEPTH);
    len = sizeof(trd_depth_block_t) + 8 * sizeof(trd_level_t);

    for (bit = 0; bit < len * 8; bit++) {
        at[bit / 8] ^= (uint8_t) (1U << bit % 8);
        assert_int_equal(trd_board_depth(&f.board, 2, 4, buf, 2 * DEPTH,
                                         &out), TRD_CORRUPT);
        at[bit / 8] ^= (uint8_t) (1U << bit % 8);
    }

    memset(at - TRD_DEPTH_BLOCK_SIZE(DEPTH), 0x77,
           TRD_DEPTH_BLOCK_SIZE(DEPTH));
    assert_int_equal(trd_board_depth(&f.board, 2, 4, buf, 2 * DEPTH, &out),
                     TRD_OK);
    free(buf);
    free(f.memory);
}


static void
test_shape(void **state)
{
    uint32_t            mask, instrument, detail;
    uint64_t            seq;
    fixture_t           f;
    const char         *why;
    trd_change_t        change;
    trd_board_shape_t   shape;

    (void) state;

    trd_board_shape_default(&shape);
    assert_true(trd_board_size(&shape) < 24 << 20);

    trd_board_shape_fit(&shape, 5000, 700ULL << 20);
    assert_true(shape.candles >= 300 && shape.trades >= 300);
    assert_int_equal(shape.depth, 20);
    assert_true(5000 * (TRD_INTERVALS * TRD_CANDLES_SIZE(shape.candles)
                        + TRD_TRADES_SIZE(shape.trades)
                        + TRD_DEPTH_SIZE(shape.depth)) <= 700ULL << 20);

    trd_board_shape_fit(&shape, 100, 700ULL << 20);
    assert_int_equal(shape.candles, 1000);
    trd_board_shape_fit(&shape, TRD_BOARD_MAX, 1);
    assert_int_equal(shape.candles, 60);

    fixture_init(&f);
    mask = 1U << TRD_INTERVAL_1M | 1U << TRD_INTERVAL_1D;
    seq = trd_board_note(&f.w, 2, TRD_CHANGE_CANDLE, mask);
    assert_int_equal(trd_board_journal_detail(&f.board, seq, &instrument,
                                              &change, &detail), TRD_OK);
    assert_int_equal(instrument, 2);
    assert_int_equal(change, TRD_CHANGE_CANDLE);
    assert_int_equal(detail, mask);
    assert_int_equal(trd_board_journal(&f.board, seq, &instrument, &change),
                     TRD_OK);

    /* capacities are part of what the header's hash protects */
    f.w.header->candles++;
    assert_int_equal(trd_board_open(&f.board, f.memory, f.size, &why),
                     TRD_CORRUPT);
    f.w.header->fixed_hash = trd_header_hash(f.w.header);
    assert_int_equal(trd_board_open(&f.board, f.memory, f.size, &why),
                     TRD_CORRUPT);
    free(f.memory);
}


typedef struct {
    fixture_t        *f;
    _Atomic int       stop;
    _Atomic uint64_t  put;
} race_t;


/* of number n, in state i: words that belong together */

static void
race_candle(trd_candle_t *c, uint64_t n, uint64_t i)
{
    *c = candle(0, n);
    c->volume_e8 = (int64_t) i;
    c->quote_volume_e8 = (int64_t) i * 7;
    c->close_e8 = (int64_t) i * 11;
}


static void *
race_writer(void *arg)
{
    race_t            *race = arg;
    uint64_t           i, n, seed;
    trd_level_t        levels[2 * DEPTH];
    trd_trade_t        t;
    trd_candle_t       c;
    trd_board_book_t   book;

    seed = 3;
    memset(&t, 0, sizeof(t));
    memset(&book, 0, sizeof(book));

    for (i = 1; !atomic_load(&race->stop); i++) {

        /* the newest one changes all the time; now and then comes the next,
           each fourth one left out and put in later */
        n = i / 256;
        race_candle(&c, (n & 3) ? n : n + 1, i);
        trd_board_put_candle(&race->f->w, 0, 0, &c);

        if (n > 40 && (i & 255) == 128) {
            race_candle(&c, n - (recordings_random(&seed) % 5) * 4, i);
            trd_board_put_candle(&race->f->w, 0, 0, &c);
        }

        t.price_e8 = (int64_t) i * 3;
        t.quantity_e8 = (int64_t) i * 5;
        trd_board_put_trade(&race->f->w, 0, &t);

        levels[0].price_e8 = (int64_t) i;
        levels[0].quantity_e8 = (int64_t) i * 2;
        levels[1] = levels[0];
        book.bids = levels;
        book.asks = levels + 1;
        book.nbids = book.nasks = 1;
        book.last_id = i;
        trd_board_put_depth(&race->f->w, 0, &book);

        atomic_store(&race->put, i);

        if ((i & 63) == 0) {
            sched_yield();
        }
    }

    return NULL;
}


static void
race_candles(fixture_t *f, uint64_t *ok)
{
    uint32_t       i, n;
    trd_rc_t       rc;
    trd_candle_t   out[CANDLES], c;

    rc = trd_board_candles(&f->board, 0, 0, INT64_MAX, CANDLES, out, &n);
    assert_true(rc == TRD_OK || rc == TRD_AGAIN);
    *ok += rc == TRD_OK;

    for (i = 0; i < n; i++) {
        race_candle(&c, (uint64_t) out[i].open_ms / TRD_MINUTE_MS,
                    (uint64_t) out[i].volume_e8);
        assert_memory_equal(&out[i], &c, sizeof(c));
        assert_true(i == 0 || out[i].open_ms > out[i - 1].open_ms);
    }
}


static void
race_rest(fixture_t *f, uint64_t *after, uint64_t *ok)
{
    uint32_t           i, n;
    uint64_t           missed;
    trd_rc_t           rc;
    trd_trade_t        t[TRADES];
    trd_level_t        levels[2 * DEPTH];
    trd_board_book_t   book;

    rc = trd_board_trades(&f->board, 0, *after, TRADES, t, &n, &missed);
    assert_true(rc == TRD_OK || rc == TRD_AGAIN);
    *ok += n > 0;

    for (i = 0; i < n; i++) {
        assert_int_equal(t[i].price_e8, t[i].number * 3);
        assert_int_equal(t[i].quantity_e8, t[i].number * 5);
    }

    if (n > 0) {
        assert_true(*after == 0 || t[0].number == *after + missed + 1);
        *after = t[n - 1].number;
    }

    rc = trd_board_depth(&f->board, 0, DEPTH, levels, 2 * DEPTH, &book);
    assert_true(rc == TRD_OK || rc == TRD_AGAIN || rc == TRD_NOT_FOUND);

    if (rc == TRD_OK) {
        assert_int_equal(book.bids[0].price_e8, book.last_id);
        assert_int_equal(book.asks[0].quantity_e8, book.last_id * 2);
    }
}


static void
test_race(void **state)
{
    int        i;
    uint64_t   candles, trades, after;
    race_t     race;
    fixture_t  f;
    pthread_t  thread;

    (void) state;

    fixture_init(&f);
    race.f = &f;
    atomic_init(&race.stop, 0);
    atomic_init(&race.put, 0);
    candles = trades = after = 0;

    assert_int_equal(pthread_create(&thread, NULL, race_writer, &race), 0);

    while (atomic_load(&race.put) < 1000) {
        sched_yield();
    }

    for (i = 0; i < 400000; i++) {
        race_candles(&f, &candles);
        race_rest(&f, &after, &trades);

        if (i > 20000 && candles > 1000 && trades > 1000) {
            break;
        }
    }

    atomic_store(&race.stop, 1);
    (void) pthread_join(thread, NULL);

    print_message("%d rounds beside %llu changes: %llu windows, %llu trades "
                  "read\n", i, (unsigned long long) atomic_load(&race.put),
                  (unsigned long long) candles, (unsigned long long) trades);
    assert_true(candles > 0 && trades > 0);
    assert_int_equal(f.w.resets, 0);
    free(f.memory);
}


/* by the market's clock, if it has one of its own */
static void
test_book_turns_stale(void **state)
{
    fixture_t          f;
    trd_instrument_t   in;
    trd_board_book_t   book;

    (void) state;
    fixture_init(&f);
    memset(&in, 0, sizeof(in));
    memset(&book, 0, sizeof(book));
    in.stale_after_ms = 500;
    book.received_ms = 1000000;

    assert_int_equal(trd_board_book_stale(&f.board, &in, &book, 1000500), 0);
    assert_int_equal(trd_board_book_stale(&f.board, &in, &book, 1000501), 1);

    atomic_store(&f.w.header->market_ms, 1000200);
    assert_int_equal(trd_board_book_stale(&f.board, &in, &book, 9000000), 0);
    atomic_store(&f.w.header->market_ms, 1000501);
    assert_int_equal(trd_board_book_stale(&f.board, &in, &book, 1), 1);

    free(f.memory);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_candles_any_order),
        cmocka_unit_test(test_candles_window),
        cmocka_unit_test(test_candles_scribbled),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_candles_half_moved),
        cmocka_unit_test(test_trades),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_book_turns_stale),
        cmocka_unit_test(test_shape),
        cmocka_unit_test(test_race)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
