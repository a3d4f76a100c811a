/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * An older update never overwrites a newer one: streams of a made-up market
 * are applied in random orders and must end where the sorted stream ends,
 * and no step on the way may go back.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "recordings.h"
#include "trd_apply.h"

#define NOW       1767225600000LL
#define MESSAGES  40
#define TURNS     4000
#define STALE     3600000

typedef struct {
    trd_update_t  u[MESSAGES];
    unsigned      n;
} stream_t;

static const trd_limits_t  limits = { 0, 5000 };


/*
 * A market that trades, quotes and publishes its day, in the order of time;
 * `kinds` has a bit a kind of message.  The last message is a ticker of the
 * whole, so that high and low have an answer that no order changes.
 */
static void
stream_make(stream_t *st, unsigned kinds, uint64_t *seed)
{
    int            end;
    int64_t        ms, last, bid, ask, high, low;
    uint64_t       trade, book, r;
    unsigned       kind;
    trd_update_t  *u;

    memset(st, 0, sizeof(*st));
    ms = NOW - 100000;
    last = 1000000000;
    high = low = last;
    trade = 1000;
    book = 500;

    while (st->n < MESSAGES) {
        end = st->n == MESSAGES - 1;
        r = recordings_random(seed);
        kind = r % 6;

        if (!(kinds & 1U << kind)) {
            continue;
        }

        if (end && (kinds & 1U << TRD_UPDATE_TICKER)) {
            kind = TRD_UPDATE_TICKER;
        }

        ms += 1 + (int64_t) (r >> 8) % 50;
        last += (int64_t) (r >> 16) % 2001 - 1000;
        bid = last - 1 - (int64_t) (r >> 32) % 50;
        ask = last + 1 + (int64_t) (r >> 40) % 50;
        high = last > high ? last : high;
        low = last < low ? last : low;

        u = &st->u[st->n++];
        u->kind = kind;
        u->last_e8 = last;
        u->bid_e8 = bid;
        u->ask_e8 = ask;
        u->open_e8 = 990000000 + (int64_t) st->n;
        u->high_e8 = high;
        u->low_e8 = low;
        u->volume_e8 = (int64_t) st->n * 1000;
        u->quote_volume_e8 = (int64_t) st->n * 7000;
        u->exchange_ms = ms;
        u->id = ++trade;
        u->has = 0x2ff;

        switch (kind) {

        case TRD_UPDATE_TRADE:
            u->has = TRD_HAS_LAST | TRD_HAS_TIME;
            u->last_quantity_e8 = 1000000;
            break;

        case TRD_UPDATE_BOOK:
            u->has = TRD_HAS_BID | TRD_HAS_ASK;
            u->exchange_ms = 0;
            u->id = ++book;
            break;

        case TRD_UPDATE_MINI:
            u->has &= ~(uint32_t) (TRD_HAS_BID | TRD_HAS_ASK);
            u->id = 0;
            break;

        case TRD_UPDATE_QUOTE:
            u->id = 0;

            if (r >> 63) {          /* a source without a day */
                u->has &= TRD_HAS_LAST | TRD_HAS_BID | TRD_HAS_ASK
                          | TRD_HAS_TIME;
            }

            break;

        default:
            break;
        }
    }
}


static void
stream_apply(trd_state_t *s, const stream_t *st, const unsigned *order)
{
    int           changed;
    unsigned      i;
    uint64_t      trade_id, book_id;
    int64_t       exchange_ms, day_ms;

    memset(s, 0, sizeof(*s));

    for (i = 0; i < st->n; i++) {
        trade_id = s->trade_id;
        book_id = s->book_id;
        day_ms = s->day_ms;
        exchange_ms = s->quote.exchange_ms;

        (void) trd_apply(s, &st->u[order ? order[i] : i], &limits, STALE, NOW,
                         &changed);

        assert_true(s->trade_id >= trade_id);
        assert_true(s->book_id >= book_id);
        assert_true(s->day_ms >= day_ms);
        assert_true(s->quote.exchange_ms >= exchange_ms);
    }

    s->lag_ms = 0;              /* that of the newest heard, not the newest */
}


static void
check_kinds(unsigned kinds, uint32_t same, uint64_t seed)
{
    unsigned      i, k, t, swap, order[MESSAGES];
    stream_t      st;
    trd_state_t   want, got;
    trd_quote_t  *a, *b;

    memset(&st, 0, sizeof(st));
    memset(&want, 0, sizeof(want));

    for (t = 0; t < TURNS; t++) {

        if (t % 100 == 0) {
            stream_make(&st, kinds, &seed);
            stream_apply(&want, &st, NULL);
        }

        for (i = 0; i < MESSAGES; i++) {
            order[i] = i;
        }

        for (i = MESSAGES; i > 1; i--) {
            /* far or near: the whole stream, or neighbours only */
            k = t & 1 ? i - 1 - (unsigned) (recordings_random(&seed)
                                            % (i < 4 ? i : 4))
                      : (unsigned) (recordings_random(&seed) % i);
            swap = order[i - 1];
            order[i - 1] = order[k];
            order[k] = swap;
        }

        stream_apply(&got, &st, order);

        a = &want.quote;
        b = &got.quote;
        assert_int_equal(a->has & same, b->has & same);

#define check_value(bit, field)                                               \
        if (same & bit) {                                                     \
            assert_int_equal(a->field, b->field);                             \
        }

        check_value(TRD_HAS_LAST, last_e8)
        check_value(TRD_HAS_BID, bid_e8)
        check_value(TRD_HAS_ASK, ask_e8)
        check_value(TRD_HAS_OPEN, open_e8)
        check_value(TRD_HAS_HIGH, high_e8)
        check_value(TRD_HAS_LOW, low_e8)
        check_value(TRD_HAS_VOLUME, volume_e8)
        check_value(TRD_HAS_QUOTE_VOLUME, quote_volume_e8)
        check_value(TRD_HAS_CHANGE, change_e8)
        check_value(TRD_HAS_TIME, exchange_ms)
#undef check_value
    }
}


#define BIT(kind)  (1U << TRD_UPDATE_##kind)


static void
test_order_trades(void **state)
{
    (void) state;
    check_kinds(BIT(TRADE), 0x3ff, 11);
}


static void
test_order_books(void **state)
{
    (void) state;
    check_kinds(BIT(BOOK), 0x3ff, 12);
}


static void
test_order_tickers(void **state)
{
    (void) state;
    check_kinds(BIT(TICKER), 0x3ff, 13);
    check_kinds(BIT(TICKER) | BIT(SNAPSHOT), 0x3ff, 14);
}


static void
test_order_minis(void **state)
{
    (void) state;
    check_kinds(BIT(MINI), 0x3ff, 15);
}


/* a source with and without a day: of the day, what stays is the newest that
   was told in time; last, bid and ask are the newest */
static void
test_order_quotes(void **state)
{
    (void) state;
    check_kinds(BIT(QUOTE), TRD_HAS_LAST | TRD_HAS_BID | TRD_HAS_ASK
                            | TRD_HAS_TIME, 16);
}


/* the streams that Binance sends, all at once */
static void
test_order_mixed(void **state)
{
    (void) state;
    check_kinds(BIT(TRADE) | BIT(TICKER), 0x3ff, 17);
    check_kinds(BIT(TRADE) | BIT(BOOK) | BIT(TICKER), 0x3ff, 18);
    check_kinds(BIT(TRADE) | BIT(BOOK) | BIT(TICKER) | BIT(SNAPSHOT), 0x3ff,
                19);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_order_trades),
        cmocka_unit_test(test_order_books),
        cmocka_unit_test(test_order_tickers),
        cmocka_unit_test(test_order_minis),
        cmocka_unit_test(test_order_quotes),
        cmocka_unit_test(test_order_mixed)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
