/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What an update may not do: every reason to refuse one at its exact bounds,
 * and that a refusal leaves the quote as it was.  What an accepted one does:
 * test_trd_apply_fold.c.  Streams in any order: test_trd_apply_order.c.
 */

#include "apply_fixture.h"


static void
test_apply_zero_negative(void **state)
{
    unsigned      i;
    trd_state_t   s;
    trd_update_t  u;

    static const struct {
        uint32_t  bit;
        size_t    at;
        int       zero_ok;
    } values[] = {
        { TRD_HAS_LAST, offsetof(trd_update_t, last_e8), 0 },
        { TRD_HAS_BID, offsetof(trd_update_t, bid_e8), 0 },
        { TRD_HAS_ASK, offsetof(trd_update_t, ask_e8), 0 },
        { TRD_HAS_OPEN, offsetof(trd_update_t, open_e8), 0 },
        { TRD_HAS_HIGH, offsetof(trd_update_t, high_e8), 0 },
        { TRD_HAS_LOW, offsetof(trd_update_t, low_e8), 0 },
        { TRD_HAS_VOLUME, offsetof(trd_update_t, volume_e8), 1 },
        { TRD_HAS_QUOTE_VOLUME, offsetof(trd_update_t, quote_volume_e8), 1 }
    };

    (void) state;
    fresh_state(&s);

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        int64_t  *v;

        u = whole(TRD_UPDATE_TICKER, 101, NOW);
        v = (int64_t *) (void *) ((char *) &u + values[i].at);

        *v = -1;
        check_refused(&s, &u, TRD_REFUSED_NEGATIVE);
        *v = INT64_MIN;
        check_refused(&s, &u, TRD_REFUSED_NEGATIVE);
        *v = 0;

        if (values[i].zero_ok) {
            check_accepted(&s, &u);

        } else {
            check_refused(&s, &u, TRD_REFUSED_ZERO);
        }

        /* what the message does not carry is not looked at */
        *v = -1;
        u.has &= ~values[i].bit;
        check_accepted(&s, &u);

        /* negative is the worse of the two, whatever comes first */
        u = whole(TRD_UPDATE_TICKER, 101, NOW);
        u.last_e8 = 0;
        u.quote_volume_e8 = -1;
        check_refused(&s, &u, TRD_REFUSED_NEGATIVE);
    }
}


static void
test_apply_crossed(void **state)
{
    trd_state_t   s;
    trd_update_t  u;

    (void) state;
    fresh_state(&s);

    u = whole(TRD_UPDATE_TICKER, 101, NOW);
    u.bid_e8 = u.ask_e8;
    check_accepted(&s, &u);
    u.bid_e8 = u.ask_e8 + 1;
    check_refused(&s, &u, TRD_REFUSED_CROSSED);

    u = part(TRD_UPDATE_BOOK, 5, 0, TRD_HAS_BID | TRD_HAS_ASK);
    u.bid_e8 = u.ask_e8 + 1;
    check_refused(&s, &u, TRD_REFUSED_CROSSED);

    u = whole(TRD_UPDATE_MINI, 0, NOW);
    u.low_e8 = u.high_e8;
    check_accepted(&s, &u);
    u.low_e8 = u.high_e8 + 1;
    check_refused(&s, &u, TRD_REFUSED_CROSSED);

    /* a bid above the known ask: the ask is unknown, not the quote crossed */
    u = part(TRD_UPDATE_BOOK, 5, 0, TRD_HAS_BID);
    u.bid_e8 = E8(102);
    assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);
    assert_int_equal(s.quote.bid_e8, E8(102));
    assert_int_equal(s.quote.has & PRICES, TRD_HAS_LAST | TRD_HAS_BID);

    u = part(TRD_UPDATE_BOOK, 6, 0, TRD_HAS_ASK);
    u.ask_e8 = E8(100);
    assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);
    assert_int_equal(s.quote.has & PRICES, TRD_HAS_LAST | TRD_HAS_ASK);
}


static void
test_apply_trade_of_nothing(void **state)
{
    trd_state_t   s;
    trd_update_t  u;

    (void) state;
    fresh_state(&s);

    u = part(TRD_UPDATE_TRADE, 101, NOW, TRD_HAS_LAST);
    u.last_quantity_e8 = 0;
    check_refused(&s, &u, TRD_REFUSED_ZERO);
    u.last_quantity_e8 = -1;
    check_refused(&s, &u, TRD_REFUSED_NEGATIVE);
    u.last_quantity_e8 = 1;
    check_accepted(&s, &u);

    /* too large to keep is not nothing */
    u.last_quantity_e8 = 0;
    u.dropped = TRD_HAS_VOLUME;
    check_accepted(&s, &u);

    /* other kinds have none */
    u = part(TRD_UPDATE_BOOK, 5, 0, TRD_HAS_BID | TRD_HAS_ASK);
    check_accepted(&s, &u);
}


/* 20.00 % of 100 is allowed, 10^-8 more is not; each price on its own */
static void
test_apply_jump(void **state)
{
    int           changed;
    trd_state_t   s;
    trd_update_t  u;

    static const trd_limits_t  none = { 0, FUTURE }, tight = { 1, FUTURE };

    (void) state;
    fresh_state(&s);

    u = part(TRD_UPDATE_TRADE, 101, NOW, TRD_HAS_LAST);
    /* far from all of last, bid and ask, here 100, 99 and 101 */
    u.last_e8 = E8(101) + E8(101) / 5;
    check_accepted(&s, &u);
    u.last_e8++;
    check_refused(&s, &u, TRD_REFUSED_JUMP);
    u.last_e8 = E8(99) - E8(99) / 5;
    check_accepted(&s, &u);
    u.last_e8--;
    check_refused(&s, &u, TRD_REFUSED_JUMP);
    u.last_e8 = INT64_MAX;
    check_refused(&s, &u, TRD_REFUSED_JUMP);
    u.last_e8 = 1;
    check_refused(&s, &u, TRD_REFUSED_JUMP);

    assert_int_equal(trd_apply(&(trd_state_t) { .quote = s.quote }, &u, &none,
                               STALE, NOW, &changed), TRD_REFUSED_NOT);
    u.last_e8 = E8(100) + E8(100) / 10000 + 1;
    assert_int_equal(trd_apply(&(trd_state_t) { .quote = s.quote }, &u,
                               &tight, STALE, NOW, &changed),
                     TRD_REFUSED_JUMP);
    u.last_e8--;
    assert_int_equal(trd_apply(&(trd_state_t) { .quote = s.quote }, &u,
                               &tight, STALE, NOW, &changed),
                     TRD_REFUSED_NOT);

    /* and so is each side of the book */
    u = part(TRD_UPDATE_BOOK, 5, 0, TRD_HAS_BID | TRD_HAS_ASK);
    u.ask_e8 = E8(101) + E8(101) / 5;
    check_accepted(&s, &u);
    u.ask_e8++;
    check_refused(&s, &u, TRD_REFUSED_JUMP);
    u.ask_e8 = E8(101);
    u.bid_e8 = E8(99) - E8(99) / 5;
    check_accepted(&s, &u);
    u.bid_e8--;
    check_refused(&s, &u, TRD_REFUSED_JUMP);

    /* a side that was unknown is compared with the last trade */
    s.quote.has &= ~(uint32_t) TRD_HAS_BID;
    u.bid_e8 = E8(80);
    check_accepted(&s, &u);
    u.bid_e8--;
    check_refused(&s, &u, TRD_REFUSED_JUMP);

    /* nothing to compare with: the first is believed */
    memset(&s, 0, sizeof(s));
    check_accepted(&s, &u);
}


/* where nobody trades while the books walk away, the next trade is real */

static void
test_apply_jump_after_the_book_walked(void **state)
{
    int64_t       i;
    trd_state_t   s;
    trd_update_t  u;

    (void) state;
    fresh_state(&s);

    for (i = 1; i <= 50; i++) {
        u = part(TRD_UPDATE_BOOK, (uint64_t) (1000 + i), 0,
                 TRD_HAS_BID | TRD_HAS_ASK);
        u.bid_e8 = E8(99 + i);
        u.ask_e8 = E8(101 + i);
        assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);
    }

    u = part(TRD_UPDATE_TRADE, 2000, NOW, TRD_HAS_LAST);
    u.last_e8 = E8(300);
    check_refused(&s, &u, TRD_REFUSED_JUMP);
    u.last_e8 = E8(150);
    check_accepted(&s, &u);
}


/* an exchange whose ids start over is believed again, by time */

static void
test_apply_ticker_ids_start_over(void **state)
{
    trd_state_t   s;
    trd_update_t  u;

    (void) state;
    fresh_state(&s);

    u = whole(TRD_UPDATE_TICKER, 5000, NOW);
    assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);

    u = whole(TRD_UPDATE_TICKER, 7, NOW + STALE);
    u.last_e8 = E8(101);
    assert_int_equal(apply_at(&s, &u, NOW + STALE), TRD_REFUSED_NOT);
    assert_int_not_equal(s.quote.last_e8, E8(101));

    u.exchange_ms += 2;
    assert_int_equal(apply_at(&s, &u, NOW + STALE + 2), TRD_REFUSED_NOT);
    assert_int_equal(s.quote.last_e8, E8(101));
}


static void
test_apply_future(void **state)
{
    unsigned      kind;
    trd_state_t   s;
    trd_update_t  u;

    (void) state;
    fresh_state(&s);

    for (kind = TRD_UPDATE_TRADE; kind <= TRD_UPDATE_QUOTE; kind++) {
        u = whole(kind, 500, NOW + FUTURE);
        check_accepted(&s, &u);
        u.exchange_ms++;
        check_refused(&s, &u, TRD_REFUSED_FUTURE);
        u.exchange_ms = INT64_MAX;
        check_refused(&s, &u, TRD_REFUSED_FUTURE);
    }
}


static void
test_apply_older(void **state)
{
    trd_state_t   s, from;
    trd_update_t  u;

    (void) state;
    fresh_state(&from);

    /* trades by id */
    s = from;
    u = part(TRD_UPDATE_TRADE, 100, NOW, TRD_HAS_LAST);
    check_refused(&s, &u, TRD_REFUSED_OLDER);
    u.id = 99;
    check_refused(&s, &u, TRD_REFUSED_OLDER);
    u.id = 101;
    assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);
    check_refused(&s, &u, TRD_REFUSED_OLDER);
    u.id = 0;
    check_refused(&s, &u, TRD_REFUSED_OLDER);

    /* books by id, and their tickers' sides no more */
    u = part(TRD_UPDATE_BOOK, 7, 0, TRD_HAS_BID | TRD_HAS_ASK);
    u.bid_e8 = E8(98);
    assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);
    check_refused(&s, &u, TRD_REFUSED_OLDER);
    u.id = 6;
    check_refused(&s, &u, TRD_REFUSED_OLDER);

    u = whole(TRD_UPDATE_TICKER, 200, NOW);
    assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);
    assert_int_equal(s.quote.bid_e8, E8(98));

    /* a ticker with an older id keeps its hands off the price */
    s = from;
    u = whole(TRD_UPDATE_TICKER, 99, NOW);
    u.last_e8 = E8(90);
    u.volume_e8 = E8(6000);
    assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);
    assert_int_equal(s.quote.last_e8, E8(100));
    assert_int_equal(s.quote.volume_e8, E8(6000));

    /* ... and with an older time off the day */
    s = from;
    u = whole(TRD_UPDATE_TICKER, 101, NOW - 11);
    u.last_e8 = E8(90);
    u.volume_e8 = E8(1);
    u.bid_e8 = E8(98);
    assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);
    assert_int_equal(s.quote.last_e8, E8(90));
    assert_int_equal(s.quote.volume_e8, E8(5000));
    assert_int_equal(s.quote.bid_e8, E8(99));
    assert_int_equal(s.quote.exchange_ms, NOW - 10);

    /* with both it says nothing new; likewise the snapshot */
    u.id = 99;
    check_refused(&from, &u, TRD_REFUSED_OLDER);
    u.kind = TRD_UPDATE_SNAPSHOT;
    check_refused(&from, &u, TRD_REFUSED_OLDER);
    u.kind = TRD_UPDATE_MINI;
    check_refused(&from, &u, TRD_REFUSED_OLDER);
    u.kind = TRD_UPDATE_QUOTE;
    check_refused(&from, &u, TRD_REFUSED_OLDER);

    /* the same time is not older */
    u = whole(TRD_UPDATE_QUOTE, 0, NOW - 10);
    check_accepted(&from, &u);
    u.kind = TRD_UPDATE_MINI;
    check_accepted(&from, &u);
}


/* polled sources state prices only; their time counts all the same */
static void
test_apply_older_without_day(void **state)
{
    trd_state_t   s;
    trd_update_t  u;

    (void) state;
    memset(&s, 0, sizeof(s));

    u = part(TRD_UPDATE_QUOTE, 0, NOW - 5, TRD_HAS_LAST);
    assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);
    u.last_e8 = E8(101);
    u.exchange_ms = NOW - 6;
    check_refused(&s, &u, TRD_REFUSED_OLDER);
}


static void
test_apply_jump_after_stale(void **state)
{
    trd_state_t   s;
    trd_update_t  u;

    (void) state;
    fresh_state(&s);

    u = part(TRD_UPDATE_TRADE, 101, NOW + STALE, TRD_HAS_LAST);
    u.last_e8 = E8(500);
    assert_int_equal(apply_at(&s, &u, NOW + STALE), TRD_REFUSED_JUMP);

    /* the limit has passed: late, but not never */
    u.exchange_ms++;
    assert_int_equal(apply_at(&s, &u, NOW + STALE + 1), TRD_REFUSED_NOT);
    assert_int_equal(s.quote.last_e8, E8(500));

    fresh_state(&s);
    s.quote.stale = 1;
    u.exchange_ms = NOW;
    check_accepted(&s, &u);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_apply_zero_negative),
        cmocka_unit_test(test_apply_crossed),
        cmocka_unit_test(test_apply_trade_of_nothing),
        cmocka_unit_test(test_apply_jump),
        cmocka_unit_test(test_apply_jump_after_the_book_walked),
        cmocka_unit_test(test_apply_ticker_ids_start_over),
        cmocka_unit_test(test_apply_future),
        cmocka_unit_test(test_apply_older),
        cmocka_unit_test(test_apply_older_without_day),
        cmocka_unit_test(test_apply_jump_after_stale)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
