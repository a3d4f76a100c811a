/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What an update may change: every reason to refuse one at its exact bounds,
 * and that a refusal leaves the quote as it was; order, staleness, high and
 * low, rounding.  Streams in any order: test_trd_apply_order.c.
 */

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "trd_apply.h"
#include "trd_decimal.h"

#define NOW      1767225600000LL
#define STALE    10000
#define FUTURE   5000
#define E8(n)    ((int64_t) ((n) * 100000000LL))

#define PRICES   (TRD_HAS_LAST | TRD_HAS_BID | TRD_HAS_ASK)
#define DAY      (TRD_HAS_OPEN | TRD_HAS_HIGH | TRD_HAS_LOW | TRD_HAS_VOLUME  \
                  | TRD_HAS_QUOTE_VOLUME)

static const trd_limits_t  limits = { 2000, FUTURE };


/* a whole ticker of that id and time: last 100, bid 99, ask 101 */
static trd_update_t
whole(trd_update_kind_t kind, uint64_t id, int64_t ms)
{
    trd_update_t  u;

    memset(&u, 0, sizeof(u));
    u.kind = kind;
    u.has = PRICES | DAY | TRD_HAS_TIME;
    u.id = id;
    u.exchange_ms = ms;
    u.last_e8 = E8(100);
    u.bid_e8 = E8(99);
    u.ask_e8 = E8(101);
    u.open_e8 = E8(80);
    u.high_e8 = E8(120);
    u.low_e8 = E8(70);
    u.volume_e8 = E8(5000);
    u.quote_volume_e8 = E8(500000);
    u.last_quantity_e8 = kind == TRD_UPDATE_TRADE ? 1000000 : 0;

    return u;
}


static trd_update_t
part(trd_update_kind_t kind, uint64_t id, int64_t ms, uint32_t has)
{
    trd_update_t  u;

    u = whole(kind, id, ms);
    u.has = has | (ms ? TRD_HAS_TIME : 0);

    return u;
}


static trd_refused_t
apply_at(trd_state_t *s, const trd_update_t *u, int64_t now)
{
    int  changed;

    return trd_apply(s, u, &limits, STALE, now, &changed);
}


/* refused, and the quote is byte for byte what it was */
static void
check_refused(const trd_state_t *from, const trd_update_t *u,
    trd_refused_t want)
{
    int            changed;
    trd_state_t    s;
    trd_refused_t  refused;

    s = *from;
    changed = 1;
    refused = trd_apply(&s, u, &limits, STALE, NOW, &changed);

    if (refused != want) {
        fail_msg("%s instead of %s", trd_refused_name(refused),
                 trd_refused_name(want));
    }

    assert_int_equal(changed, 0);
    assert_memory_equal(&s.quote, &from->quote, sizeof(s.quote));
}


static void
check_accepted(const trd_state_t *from, const trd_update_t *u)
{
    trd_state_t  s;

    s = *from;
    assert_int_equal(apply_at(&s, u, NOW), TRD_REFUSED_NOT);
}


static void
fresh_state(trd_state_t *s)
{
    trd_update_t  u;

    memset(s, 0, sizeof(*s));
    u = whole(TRD_UPDATE_TICKER, 100, NOW - 10);
    assert_int_equal(apply_at(s, &u, NOW), TRD_REFUSED_NOT);
    assert_int_equal(s->quote.has, PRICES | DAY | TRD_HAS_TIME
                                   | TRD_HAS_CHANGE);
}


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
    u.last_e8 = E8(120);
    check_accepted(&s, &u);
    u.last_e8 = E8(120) + 1;
    check_refused(&s, &u, TRD_REFUSED_JUMP);
    u.last_e8 = E8(80);
    check_accepted(&s, &u);
    u.last_e8 = E8(80) - 1;
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

    /* each side of the book against its own past */
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
    trd_update_t  u;

    (void) state;
    fresh_state(&s);
    u = part(TRD_UPDATE_TRADE, 1000, NOW, TRD_HAS_LAST);
    assert_int_equal(apply_at(&s, &u, NOW), TRD_REFUSED_NOT);

    u.id = 1;
    u.exchange_ms = NOW + STALE + 1;
    assert_int_equal(apply_at(&s, &u, NOW + STALE), TRD_REFUSED_OLDER);
    assert_int_equal(apply_at(&s, &u, NOW + STALE + 1), TRD_REFUSED_NOT);
    assert_int_equal(s.trade_id, 1);

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
        cmocka_unit_test(test_apply_zero_negative),
        cmocka_unit_test(test_apply_crossed),
        cmocka_unit_test(test_apply_trade_of_nothing),
        cmocka_unit_test(test_apply_jump),
        cmocka_unit_test(test_apply_future),
        cmocka_unit_test(test_apply_older),
        cmocka_unit_test(test_apply_older_without_day),
        cmocka_unit_test(test_apply_jump_after_stale),
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
