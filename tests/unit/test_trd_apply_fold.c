/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What an accepted update does: staleness and recovery, connections, high and
 * low, rounding of the change, values out of range, quotes carried over.
 */

#include "apply_fixture.h"


static void
test_apply_stale(void **state)
{
    trd_state_t   s;
    trd_update_t  u;

    (void) state;

    /* silence */
    fresh_state(&s);
    assert_false(trd_is_stale(&s, STALE, NOW));
    assert_false(trd_is_stale(&s, STALE, NOW + STALE));
    assert_true(trd_is_stale(&s, STALE, NOW + STALE + 1));
    assert_false(trd_is_stale(&s, STALE, NOW - 1));

    /* the exchange's time lags, though we hear from it */
    u = whole(TRD_UPDATE_TICKER, 101, NOW + 100 - STALE);
    s.day_ms = 0;
    assert_int_equal(apply_at(&s, &u, NOW + 100), TRD_REFUSED_NOT);
    assert_int_equal(s.quote.stale, 0);
    u.id++;
    s.day_ms = 0;
    assert_int_equal(apply_at(&s, &u, NOW + 101), TRD_REFUSED_NOT);
    assert_int_equal(s.quote.stale, 1);
    assert_int_equal(s.quote.received_ms, NOW + 101);
    assert_true(trd_is_stale(&s, STALE, NOW + 101));

    /* a book states no time: it cannot end the lag */
    u = part(TRD_UPDATE_BOOK, 5, 0, TRD_HAS_BID | TRD_HAS_ASK);
    assert_int_equal(apply_at(&s, &u, NOW + 102), TRD_REFUSED_NOT);
    assert_int_equal(s.quote.stale, 1);

    /* recovery */
    u = part(TRD_UPDATE_TRADE, 110, NOW + 103, TRD_HAS_LAST);
    assert_int_equal(apply_at(&s, &u, NOW + 103), TRD_REFUSED_NOT);
    assert_int_equal(s.quote.stale, 0);
    assert_false(trd_is_stale(&s, STALE, NOW + 103));
    assert_int_equal(s.quote.exchange_ms, NOW + 103);
}


/* an exchange whose ids start over */
static void
test_apply_ids_start_over(void **state)
{
    trd_state_t   s;
    trd_update_t  b, u;

    (void) state;
    fresh_state(&s);
    u = part(TRD_UPDATE_TRADE, 1000, NOW, TRD_HAS_LAST);
    assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);

    u.id = 1;
    u.exchange_ms = NOW + STALE;
    assert_int_equal(apply_at(&s, &u, NOW + STALE), TRD_REFUSED_OLDER);
    u.exchange_ms = NOW + STALE + 1;
    assert_int_equal(apply_at(&s, &u, NOW + STALE + 1), TRD_REFUSED_NOT);
    assert_int_equal(s.trade_id, 1);

    /* a book that keeps the quote fresh does not keep the last price old */
    fresh_state(&s);
    u = part(TRD_UPDATE_TRADE, (uint64_t) 1 << 62, NOW, TRD_HAS_LAST);
    assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);
    b = part(TRD_UPDATE_BOOK, 7, 0, TRD_HAS_BID | TRD_HAS_ASK);
    assert_int_equal(apply_at(&s, &b, NOW + STALE), TRD_REFUSED_NOT);
    u.id = 1001;
    u.exchange_ms = NOW + STALE;
    assert_int_equal(apply_at(&s, &u, NOW + STALE + 1), TRD_REFUSED_OLDER);
    u.exchange_ms = NOW + STALE + 1;
    assert_int_equal(apply_at(&s, &u, NOW + STALE + 1), TRD_REFUSED_NOT);
    assert_int_equal(s.trade_id, 1001);

    /* but a late one of the old ids is not believed, stale or not */
    fresh_state(&s);
    u.id = 1000;
    u.exchange_ms = NOW;
    assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);
    s.quote.stale = 1;
    u.id = 999;
    u.exchange_ms = NOW - 1;
    check_refused(&s, &u, TRD_REFUSED_OLDER);
}


static void
test_apply_reconnected(void **state)
{
    trd_state_t   s;
    trd_update_t  u;

    (void) state;
    fresh_state(&s);

    u = part(TRD_UPDATE_BOOK, 50, 0, TRD_HAS_BID | TRD_HAS_ASK);
    u.bid_e8 = E8(98);
    assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);

    trd_apply_reconnected(&s);
    u = whole(TRD_UPDATE_TICKER, 101, NOW);
    u.bid_e8 = E8(97);
    assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);
    assert_int_equal(s.quote.bid_e8, E8(97));

    /* an older book stays older while the quote is fresh */
    u = part(TRD_UPDATE_BOOK, 49, 0, TRD_HAS_BID | TRD_HAS_ASK);
    check_refused(&s, &u, TRD_REFUSED_OLDER);
    u.id = 51;
    assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);
    assert_int_equal(s.quote.bid_e8, E8(99));

    /* after a silence, the first book of a new connection is believed */
    trd_apply_reconnected(&s);
    s.quote.stale = 1;
    u.id = 3;
    assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);
    assert_int_equal(s.book_id, 3);
}


static void
test_apply_widens(void **state)
{
    trd_state_t   s;
    trd_update_t  u;

    (void) state;
    fresh_state(&s);
    u = whole(TRD_UPDATE_TICKER, 101, NOW);
    u.high_e8 = E8(105);
    u.low_e8 = E8(95);
    assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);

    u = part(TRD_UPDATE_TRADE, 102, NOW, TRD_HAS_LAST);
    u.last_e8 = E8(105) + 1;
    assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);
    assert_int_equal(s.quote.high_e8, E8(105) + 1);
    assert_int_equal(s.quote.low_e8, E8(95));

    u = part(TRD_UPDATE_TRADE, 103, NOW, TRD_HAS_LAST);
    u.last_e8 = E8(95) - 1;
    assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);
    assert_int_equal(s.quote.high_e8, E8(105) + 1);
    assert_int_equal(s.quote.low_e8, E8(95) - 1);

    /* without them nothing is invented */
    memset(&s, 0, sizeof(s));
    assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);
    assert_int_equal(s.quote.has, TRD_HAS_LAST | TRD_HAS_TIME);
    assert_int_equal(s.quote.high_e8, 0);
}


/* as the exchange itself rounded them, and halves away from zero */
static void
test_apply_change(void **state)
{
    unsigned      i;
    trd_state_t   s;
    trd_update_t  u;

    static const struct {
        const char  *last, *open, *change;
    } samples[] = {
        { "9318.48", "9383.48", "-0.693" },
        { "9318.48000000", "9318.48000000", "0" },
        { "0.0015", "0.0010", "50" },
        { "4.00000200", "99.99999900", "-96" },
        { "100.0005", "100", "0.001" },
        { "100.00049999", "100", "0" },
        { "99.9995", "100", "-0.001" },
        { "99.99950001", "100", "0" },
        { "1", "3", "-66.667" },
        { "2", "3", "-33.333" },
        { "0.00000001", "92233720368", "-100" }
    };

    (void) state;

    for (i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        int64_t  want;

        memset(&s, 0, sizeof(s));
        u = part(TRD_UPDATE_MINI, 0, NOW, TRD_HAS_LAST | TRD_HAS_OPEN);
        assert_int_equal(trd_decimal_parse(samples[i].last,
                                           strlen(samples[i].last),
                                           &u.last_e8), TRD_OK);
        assert_int_equal(trd_decimal_parse(samples[i].open,
                                           strlen(samples[i].open),
                                           &u.open_e8), TRD_OK);
        assert_int_equal(trd_decimal_parse(samples[i].change,
                                           strlen(samples[i].change), &want),
                         TRD_OK);
        assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);
        assert_true(s.quote.has & TRD_HAS_CHANGE);
        assert_int_equal(s.quote.change_e8, want);
    }

    /* beyond all bounds: unknown, not wrapped */
    u.last_e8 = INT64_MAX;
    u.open_e8 = 1;
    memset(&s, 0, sizeof(s));
    assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);
    assert_false(s.quote.has & TRD_HAS_CHANGE);

    /* follows each trade */
    fresh_state(&s);
    assert_int_equal(s.quote.change_e8, E8(25));
    u = part(TRD_UPDATE_TRADE, 101, NOW, TRD_HAS_LAST);
    u.last_e8 = E8(88);
    assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);
    assert_int_equal(s.quote.change_e8, E8(10));
}


static void
test_apply_dropped(void **state)
{
    trd_state_t   s;
    trd_update_t  u;

    (void) state;
    fresh_state(&s);

    u = whole(TRD_UPDATE_TICKER, 101, NOW);
    u.has &= ~(uint32_t) (TRD_HAS_QUOTE_VOLUME | TRD_HAS_OPEN);
    u.dropped = TRD_HAS_QUOTE_VOLUME | TRD_HAS_OPEN;
    assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);
    assert_int_equal(s.quote.has, PRICES | TRD_HAS_TIME | TRD_HAS_HIGH
                                  | TRD_HAS_LOW | TRD_HAS_VOLUME);

    /* a trade's quantity is not the day's */
    u = part(TRD_UPDATE_TRADE, 102, NOW, TRD_HAS_LAST);
    u.last_quantity_e8 = 0;
    u.dropped = TRD_HAS_VOLUME;
    assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);
    assert_true(s.quote.has & TRD_HAS_VOLUME);

    u = whole(TRD_UPDATE_TICKER, 103, NOW);
    assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);
    assert_int_equal(s.quote.has, PRICES | DAY | TRD_HAS_TIME
                                  | TRD_HAS_CHANGE);
}


static void
test_apply_changed(void **state)
{
    int           changed;
    trd_state_t   s;
    trd_update_t  u;

    (void) state;
    fresh_state(&s);
    u = whole(TRD_UPDATE_TICKER, 100, NOW - 10);

    assert_int_equal(trd_apply(&s, &u, &limits, STALE, NOW, &changed),
                     TRD_REFUSED_NOT);
    assert_int_equal(changed, 0);
    u.last_e8++;
    assert_int_equal(trd_apply(&s, &u, &limits, STALE, NOW, &changed),
                     TRD_REFUSED_NOT);
    assert_int_equal(changed, 1);

    /* hearing the same again is news to the quote's age */
    assert_int_equal(trd_apply(&s, &u, &limits, STALE, NOW + 1, &changed),
                     TRD_REFUSED_NOT);
    assert_int_equal(changed, 1);
    assert_int_equal(s.quote.received_ms, NOW + 1);
}


/* as market_carry() leaves it: the time is known, ids are not */
static void
test_apply_carried(void **state)
{
    trd_state_t   s;
    trd_update_t  u;

    (void) state;
    fresh_state(&s);
    s.quote.stale = 1;
    s.trade_id = s.book_id = 0;
    s.lag_ms = 0;
    s.trade_ms = s.day_ms = s.quote.exchange_ms;

    /* older than what was carried over, by the only measure there is */
    u = part(TRD_UPDATE_TRADE, 55, NOW - 11, TRD_HAS_LAST);
    check_refused(&s, &u, TRD_REFUSED_OLDER);
    u = whole(TRD_UPDATE_TICKER, 55, NOW - 11);
    check_refused(&s, &u, TRD_REFUSED_OLDER);
    u.kind = TRD_UPDATE_SNAPSHOT;
    check_refused(&s, &u, TRD_REFUSED_OLDER);
    u.kind = TRD_UPDATE_MINI;
    check_refused(&s, &u, TRD_REFUSED_OLDER);

    /* any id of a later time, and however far the price went meanwhile */
    u = part(TRD_UPDATE_TRADE, 1, NOW - 9, TRD_HAS_LAST);
    u.last_e8 = E8(900);
    assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);
    assert_int_equal(s.quote.last_e8, E8(900));
    assert_int_equal(s.quote.stale, 0);
    assert_int_equal(s.trade_id, 1);
}


static void
test_apply_names(void **state)
{
    unsigned  i;

    (void) state;

    for (i = 0; i < TRD_REFUSED_N; i++) {
        assert_non_null(trd_refused_name(i));
    }

    for (i = 0; i < TRD_RECONNECT_N; i++) {
        assert_non_null(trd_reconnect_name(i));
    }

    assert_null(trd_refused_name(TRD_REFUSED_N));
    assert_null(trd_reconnect_name(TRD_RECONNECT_N));
    assert_string_equal(trd_refused_name(TRD_REFUSED_JUMP), "jump");
    assert_string_equal(trd_reconnect_name(TRD_RECONNECT_AGE), "age");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_apply_stale),
        cmocka_unit_test(test_apply_ids_start_over),
        cmocka_unit_test(test_apply_reconnected),
        cmocka_unit_test(test_apply_widens),
        cmocka_unit_test(test_apply_change),
        cmocka_unit_test(test_apply_dropped),
        cmocka_unit_test(test_apply_changed),
        cmocka_unit_test(test_apply_carried),
        cmocka_unit_test(test_apply_names)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
