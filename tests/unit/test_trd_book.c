/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The local order book: the rules of update ids by hand, any differences
 * against a plain map of price to quantity, and the recordings: the book
 * rebuilt from snapshot and differences agrees with every bookTicker of the
 * same update id.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recordings.h"
#include "trd_binance.h"
#include "trd_book.h"
#include "trd_decimal.h"

#define PRICES  400
#define LEVELS  12000
#define TICKERS 50000


static trd_book_t
book_new(uint32_t capacity)
{
    trd_book_t  b;

    trd_book_init(&b, capacity, malloc(trd_book_memory(capacity)));
    assert_non_null(b.side[0].level);

    return b;
}


static void
book_free(trd_book_t *b)
{
    free(b->side[0].level);
}


static trd_depth_t
depth(uint64_t first, uint64_t last, const trd_level_t *bids, uint32_t nbids,
    const trd_level_t *asks, uint32_t nasks)
{
    trd_depth_t  d;

    memset(&d, 0, sizeof(d));
    d.first_id = first;
    d.last_id = last;
    d.bids = bids;
    d.nbids = nbids;
    d.asks = asks;
    d.nasks = nasks;

    return d;
}


static const trd_level_t  bids[] = { { 100, 5 }, { 99, 6 }, { 90, 7 } };
static const trd_level_t  asks[] = { { 101, 1 }, { 105, 2 } };


static void
test_ids(void **state)
{
    trd_book_t   b;
    trd_depth_t  d, snapshot;

    (void) state;
    b = book_new(10);
    snapshot = depth(0, 160, bids, 3, asks, 2);

    /* no snapshot yet */
    d = depth(150, 155, NULL, 0, NULL, 0);
    assert_int_equal(trd_book_apply(&b, &d), TRD_AGAIN);
    assert_int_equal(b.gaps, 0);

    assert_int_equal(trd_book_snapshot(&b, &snapshot, 0), TRD_OK);
    assert_int_equal(trd_book_apply(&b, &d), TRD_IGNORED);
    d = depth(156, 160, NULL, 0, NULL, 0);
    assert_int_equal(trd_book_apply(&b, &d), TRD_IGNORED);
    assert_int_equal(b.state, TRD_BOOK_SNAPSHOT);

    /* the first one holds 161 */
    d = depth(158, 163, NULL, 0, NULL, 0);
    assert_int_equal(trd_book_apply(&b, &d), TRD_OK);
    assert_int_equal(b.state, TRD_BOOK_LIVE);
    d = depth(164, 164, NULL, 0, NULL, 0);
    assert_int_equal(trd_book_apply(&b, &d), TRD_OK);
    assert_int_equal(trd_book_apply(&b, &d), TRD_IGNORED);

    /* from then on exactly the next */
    d = depth(166, 170, NULL, 0, NULL, 0);
    assert_int_equal(trd_book_apply(&b, &d), TRD_AGAIN);
    assert_int_equal(b.state, TRD_BOOK_EMPTY);
    assert_int_equal(b.gaps, 1);
    assert_int_equal(b.side[0].n + b.side[1].n, 0);

    assert_int_equal(trd_book_snapshot(&b, &snapshot, 0), TRD_OK);
    d = depth(161, 161, NULL, 0, NULL, 0);
    assert_int_equal(trd_book_apply(&b, &d), TRD_OK);
    d = depth(161, 163, NULL, 0, NULL, 0);
    assert_int_equal(trd_book_apply(&b, &d), TRD_AGAIN);

    /* a snapshot that is too old for what comes */
    assert_int_equal(trd_book_snapshot(&b, &snapshot, 0), TRD_OK);
    d = depth(162, 163, NULL, 0, NULL, 0);
    assert_int_equal(trd_book_apply(&b, &d), TRD_AGAIN);

    /* and one that contradicts itself */
    assert_int_equal(trd_book_snapshot(&b, &snapshot, 0), TRD_OK);
    d = depth(163, 162, NULL, 0, NULL, 0);
    assert_int_equal(trd_book_apply(&b, &d), TRD_ERROR);
    assert_int_equal(b.state, TRD_BOOK_EMPTY);
    assert_int_equal(b.gaps, 3);
    book_free(&b);
}


static void
test_faults(void **state)
{
    uint32_t     i;
    trd_book_t   b;
    trd_depth_t  d, good;

    static const trd_level_t  bad[][2] = {
        { { 100, 1 }, { 100, 1 } }, { { 99, 1 }, { 100, 1 } },
        { { 100, 0 }, { 99, 1 } }, { { 100, 1 }, { 0, 1 } },
        { { 100, 1 }, { 99, -1 } }, { { 102, 1 }, { 99, 1 } },
        { { 101, 1 }, { 99, 1 } }
    };
    static const trd_level_t  meet[] = { { 101, 9 } };

    (void) state;
    b = book_new(10);
    good = depth(0, 7, bids, 3, asks, 2);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        d = depth(0, 9, bad[i], 2, asks, 2);
        assert_int_equal(trd_book_snapshot(&b, &d, 0), TRD_ERROR);
        assert_int_equal(b.state, TRD_BOOK_EMPTY);
        assert_int_equal(trd_book_partial(&b, &d), TRD_ERROR);
    }

    assert_int_equal(b.crossed, 4);
    assert_int_equal(trd_book_snapshot(&b, &good, 0), TRD_OK);
    d = depth(8, 8, meet, 1, NULL, 0);
    assert_int_equal(trd_book_apply(&b, &d), TRD_ERROR);
    assert_int_equal(b.crossed, 5);
    assert_int_equal(b.state, TRD_BOOK_EMPTY);

    /* the same, but the ask goes in the same message */
    assert_int_equal(trd_book_snapshot(&b, &good, 0), TRD_OK);
    {
        const trd_level_t  gone[] = { { 101, 0 } };

        d = depth(8, 8, meet, 1, gone, 1);
        assert_int_equal(trd_book_apply(&b, &d), TRD_OK);
    }
    assert_true(trd_book_check(&b));

    for (i = 3; i < 5; i++) {
        trd_book_reset(&b);
        assert_int_equal(trd_book_snapshot(&b, &good, 0), TRD_OK);
        d = depth(8, 8, bad[i], 2, NULL, 0);
        assert_int_equal(trd_book_apply(&b, &d), TRD_ERROR);
    }

    book_free(&b);
}


static void
test_top(void **state)
{
    uint32_t     sure;
    trd_book_t   b;
    trd_depth_t  d;
    trd_level_t  out[10];

    (void) state;
    b = book_new(2);
    d = depth(0, 7, bids, 3, asks, 2);

    assert_int_equal(trd_book_best(&b, TRD_BOOK_BID, out), TRD_NOT_FOUND);
    assert_int_equal(trd_book_snapshot(&b, &d, 0), TRD_OK);

    /* one bid had no room, and that is known */
    assert_int_equal(trd_book_top(&b, TRD_BOOK_BID, 10, out, &sure), 2);
    assert_int_equal(sure, 2);
    assert_int_equal(out[0].price_e8, 100);
    assert_int_equal(out[1].price_e8, 99);
    assert_int_equal(b.dropped, 1);
    assert_int_equal(b.side[TRD_BOOK_BID].cut, 1);
    assert_int_equal(b.side[TRD_BOOK_ASK].cut, 0);
    assert_int_equal(trd_book_top(&b, TRD_BOOK_ASK, 1, out, &sure), 1);
    assert_int_equal(out[0].price_e8, 101);

    /* beyond the edge: it is there, but may not be the next */
    {
        const trd_level_t  far[] = { { 50, 1 } };

        d = depth(8, 8, far, 1, NULL, 0);
        assert_int_equal(trd_book_apply(&b, &d), TRD_OK);
    }
    assert_int_equal(trd_book_top(&b, TRD_BOOK_BID, 10, out, &sure), 3);
    assert_int_equal(sure, 2);

    /* partial books stand for themselves, and only newer ones count */
    trd_book_reset(&b);
    d = depth(0, 9, bids, 2, asks, 2);
    assert_int_equal(trd_book_partial(&b, &d), TRD_OK);
    assert_int_equal(trd_book_partial(&b, &d), TRD_IGNORED);
    d.last_id++;
    assert_int_equal(trd_book_partial(&b, &d), TRD_OK);
    assert_int_equal(trd_book_apply(&b, &d), TRD_AGAIN);
    assert_int_equal(b.state, TRD_BOOK_PARTIAL);
    book_free(&b);
}


/* random differences; prices 1..PRICES are bids, above are asks */

static void
test_random(void **state)
{
    int           round, side;
    int64_t       map[2][PRICES + 1];
    uint32_t      i, k, n, sure, step;
    uint64_t      seed, id;
    trd_book_t    b;
    trd_depth_t   d;
    trd_level_t   change[2][20], out[PRICES], *l;

    (void) state;
    seed = 5;

    for (round = 0; round < 40; round++) {
        b = book_new(round & 1 ? PRICES : 1 + (uint32_t) round);
        memset(map, 0, sizeof(map));
        d = depth(0, 100, NULL, 0, NULL, 0);
        assert_int_equal(trd_book_snapshot(&b, &d, 0), TRD_OK);
        id = 100;

        for (step = 0; step < 500; step++) {
            d = depth(id + 1, id + 3, change[0], 0, change[1], 0);
            id += 3;

            for (side = 0; side < 2; side++) {
                n = (uint32_t) (recordings_random(&seed) % 20);

                for (i = 0; i < n; i++) {
                    k = (uint32_t) (recordings_random(&seed) % PRICES) + 1;
                    l = &change[side][i];
                    l->quantity_e8 = recordings_random(&seed) % 3
                                     ? (int64_t) (seed >> 40) : 0;
                    map[side][k] = l->quantity_e8;
                    l->price_e8 = side ? 2 * PRICES + 1 - k : k;
                }

                *(side ? &d.nasks : &d.nbids) = n;
            }

            assert_int_equal(trd_book_apply(&b, &d), TRD_OK);
            assert_true(trd_book_check(&b));

            for (side = 0; side < 2; side++) {
                n = trd_book_top(&b, (unsigned) side, PRICES, out, &sure);

                /* what is sure is the top of the map, to the level */
                for (k = PRICES, i = 0; k > 0 && i < sure; k--) {
                    if (map[side][k] == 0) {
                        continue;
                    }

                    assert_int_equal(out[i].price_e8,
                                     side ? 2 * PRICES + 1 - k : k);
                    assert_int_equal(out[i].quantity_e8, map[side][k]);
                    i++;
                }

                assert_int_equal(i, sure);

                /* and what is not, is at least in the map */
                for ( /* void */ ; i < n; i++) {
                    k = (uint32_t) (side ? 2 * PRICES + 1 - out[i].price_e8
                                         : out[i].price_e8);
                    assert_int_equal(out[i].quantity_e8, map[side][k]);
                }

                if (b.side[side].cut == 0) {
                    for ( /* void */ ; k > 0; k--) {
                        assert_int_equal(map[side][k], 0);
                    }
                }
            }
        }

        book_free(&b);
    }
}


typedef struct {
    uint64_t                id;
    trd_level_t             best[2];
} ticker_t;

typedef struct {
    trd_book_t              book;
    trd_binance_market_t    m;
    uint64_t                compared, differs, applied, failed;
    ticker_t               *tickers;        /* ids grow */
    size_t                  ntickers;
    char                   *early[400];
    size_t                  nearly;
    int                     ready;
} replay_t;


/* of the same update id as the book now, whichever of them came first */

static void
replay_compare(replay_t *r)
{
    size_t       i;
    trd_level_t  best[2];

    for (i = r->ntickers; i > 0; i--) {

        if (r->tickers[i - 1].id < r->book.last_id) {
            return;
        }

        if (r->tickers[i - 1].id == r->book.last_id) {
            assert_int_equal(trd_book_best(&r->book, 0, &best[0]), TRD_OK);
            assert_int_equal(trd_book_best(&r->book, 1, &best[1]), TRD_OK);
            r->compared++;
            r->differs += memcmp(best, r->tickers[i - 1].best, sizeof(best))
                          != 0;
        }
    }
}


static void
replay_diff(void *ctx, const char *symbol, size_t len, const trd_depth_t *d)
{
    trd_rc_t   rc;
    replay_t  *r = ctx;

    (void) symbol;
    (void) len;

    rc = trd_book_apply(&r->book, d);
    r->applied += rc == TRD_OK;
    r->failed += rc != TRD_OK && rc != TRD_IGNORED;

    replay_compare(r);
}


/* bookTickers hold quantities, which trd_binance.c has no use for */

static int64_t
replay_number(const char *text, const char *key, int decimal)
{
    int64_t      v;
    const char  *at, *end;

    at = strstr(text, key);
    assert_non_null(at);
    at += strlen(key);
    end = strpbrk(at, "\",");

    if (decimal) {
        assert_int_equal(trd_decimal_parse(at, (size_t) (end - at), &v),
                         TRD_OK);
    } else {
        v = strtoll(at, NULL, 10);
    }

    return v;
}


static void
replay_text(void *ctx, const char *path, char *text, size_t len)
{
    size_t       i;
    trd_rc_t     rc;
    ticker_t    *t;
    replay_t    *r = ctx;
    trd_depth_t  d;

    if (strstr(path, "/hft-") == NULL) {
        return;
    }

    if (strncmp(text, "{\"lastUpdateId\"", 15) == 0) {
        assert_int_equal(trd_binance_depth(text, len, &r->m, &d), TRD_OK);
        assert_int_equal(trd_book_snapshot(&r->book, &d, d.nbids), TRD_OK);
        r->ready = 1;

        for (i = 0; i < r->nearly; i++) {
            rc = trd_binance_market(r->early[i], strlen(r->early[i]), &r->m);
            assert_int_equal(rc, TRD_OK);
            free(r->early[i]);
        }

        r->nearly = 0;

    } else if (strstr(text, "\"depthUpdate\"") == NULL) {

        if (strstr(text, "@bookTicker") != NULL) {
            t = &r->tickers[r->ntickers++];
            assert_true(r->ntickers <= TICKERS);
            t->id = (uint64_t) replay_number(text, "\"u\":", 0);
            t->best[0].price_e8 = replay_number(text, "\"b\":\"", 1);
            t->best[0].quantity_e8 = replay_number(text, "\"B\":\"", 1);
            t->best[1].price_e8 = replay_number(text, "\"a\":\"", 1);
            t->best[1].quantity_e8 = replay_number(text, "\"A\":\"", 1);

            if (t->id == r->book.last_id) {
                replay_compare(r);
            }
        }

    } else if (r->ready) {
        assert_int_equal(trd_binance_market(text, len, &r->m), TRD_OK);

    } else if (r->nearly < 400) {
        r->early[r->nearly++] = strdup(text);
    }
}


static void
test_recordings(void **state)
{
    size_t        n, i;
    uint32_t      capacity;
    replay_t      r;
    static const char *const  files[] = {
        RECORDINGS "/binance-ws/hft-spot-btcusdt-20240808.log.gz",
        RECORDINGS "/binance-ws/hft-spot-ethusdt-20240808.log.gz"
    };

    (void) state;

    for (i = 0; i < 4; i++) {
        capacity = i < 2 ? 5000 : 500;
        memset(&r, 0, sizeof(r));
        r.book = book_new(capacity);
        r.m.diff = replay_diff;
        r.m.ctx = &r;
        r.m.room = LEVELS;
        r.m.levels = malloc(LEVELS * sizeof(trd_level_t));
        r.tickers = malloc(TICKERS * sizeof(ticker_t));
        assert_non_null(r.m.levels);
        assert_non_null(r.tickers);

        n = recordings_file(files[i % 2], 1, replay_text, &r);

        if (n == 0) {
            print_message("no recordings in %s: skipped\n", RECORDINGS);
            free(r.tickers);
            free(r.m.levels);
            book_free(&r.book);
            skip();
        }

        assert_int_equal(r.failed, 0);
        assert_int_equal(r.differs, 0);
        assert_true(r.applied > 3400);
        assert_true(r.compared > 300);
        assert_true(trd_book_check(&r.book));
        print_message("%u levels: %llu differences, %llu bookTickers agree\n",
                      capacity, (unsigned long long) r.applied,
                      (unsigned long long) r.compared);
        free(r.tickers);
        free(r.m.levels);
        book_free(&r.book);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_top),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_recordings)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
