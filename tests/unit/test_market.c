/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * marketd's engine: what an update does to board, pages, journal and
 * counters; quotes that turn stale, each at its own limit; what is carried
 * over from the board before.  What the pages say: test_pages.c.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "market_fixture.h"
#include "trd_quote_json.h"
#include "trd_signal.h"
#include "tsd_log.h"

#define E8  TRD_E8


static void
fixture_up(market_fixture_t *f, uint32_t n)
{
    market_fixture_catalogue(&f->catalogue, n);
    market_fixture_start(f, 0);
}


static trd_refused_t
put(market_fixture_t *f, uint32_t i, int64_t last, int64_t open)
{
    trd_update_t  u;

    u = market_fixture_ticker(f, last, open);

    return market_apply(&f->m, f->stats, i, &u);
}


/* state, slot, the instrument's three pages and the market's say the same */
static void
check_agree(const market_fixture_t *f, uint32_t i)
{
    char                     want[2048], *body;
    json_t                  *all, *one;
    unsigned                 k;
    trd_quote_t              q;
    trd_writer_t             w;
    trd_signal_t             s;
    trd_page_view_t          view;
    const trd_instrument_t  *in;

    in = &f->catalogue.instruments[i];

    assert_int_equal(trd_board_quote(&f->b, i, &q), TRD_OK);
    assert_memory_equal(&q, &f->m.states[i].quote, sizeof(q));

    for (k = 0; k <= TRD_ENTRY_BINARY; k++) {
        trd_writer_init(&w, want, sizeof(want));

        if (k == TRD_ENTRY_QUOTE) {
            trd_quote_json(&w, in, &q, TRD_FIELD_ALL);

        } else {
            assert_int_equal(trd_signal_threshold(&q, &s), TRD_OK);
            (k == TRD_ENTRY_SIGNAL ? trd_signal_json
                                   : trd_binary_json)(&w, in, &q, &s);
        }

        body = market_fixture_body(&f->b, trd_board_entry_page(&f->b, i, k),
                                   &view);
        assert_non_null(body);
        assert_int_equal(view.seq, q.seq);
        assert_int_equal(view.len, trd_writer_len(&w));
        assert_memory_equal(body, want, view.len);

        one = json_loadb(body, view.len, 0, NULL);
        all = market_fixture_page(f, k == TRD_ENTRY_QUOTE ? TRD_PAGE_PRICES
                                     : TRD_PAGE_SIGNALS);
        assert_non_null(one);
        assert_non_null(all);

        if (k != TRD_ENTRY_BINARY) {
            assert_true(json_equal(one, json_object_get(all, in->symbol)));
        }

        json_decref(one);
        json_decref(all);
        free(body);
    }
}


static void
check_journal(const market_fixture_t *f, uint64_t seq, uint32_t instrument,
    trd_change_t change)
{
    uint32_t      found;
    trd_change_t  was;

    assert_int_equal(trd_board_journal(&f->b, seq, &found, &was), TRD_OK);
    assert_int_equal(found, instrument);
    assert_int_equal(was, change);
}


static void
test_apply_publishes(void **state)
{
    uint32_t            i;
    trd_update_t        u;
    market_fixture_t    f;

    (void) state;
    fixture_up(&f, 5);

    for (i = 0; i < 5; i++) {
        assert_int_equal(put(&f, i, (100 + i) * E8, 90 * E8),
                         TRD_REFUSED_NOT);
        assert_int_equal(trd_board_seq(&f.b), i + 1);
        assert_int_equal(f.m.states[i].quote.source, TRD_SOURCE_BINANCE);
        check_journal(&f, i + 1, i, TRD_CHANGE_QUOTE);
        assert_int_equal(atomic_load(&f.b.header->quoted), i + 1);
    }

    render_now(f.m.render);

    for (i = 0; i < 5; i++) {
        check_agree(&f, i);
    }

    assert_int_equal(atomic_load(&f.stats->updates), 5);
    assert_int_equal(atomic_load(&f.stats->updated_ms), MARKET_NOW);

    /* nothing new: counted as heard, neither published nor journaled */
    u = market_fixture_ticker(&f, 100 * E8, 90 * E8);
    assert_int_equal(market_apply(&f.m, f.stats, 0, &u), TRD_REFUSED_NOT);
    assert_int_equal(trd_board_seq(&f.b), 5);
    assert_int_equal(atomic_load(&f.stats->updates), 6);

    /* the pages follow */
    assert_int_equal(put(&f, 2, 99 * E8, 90 * E8), TRD_REFUSED_NOT);
    render_now(f.m.render);
    check_agree(&f, 2);
    check_agree(&f, 3);
    assert_int_equal(atomic_load(&f.b.header->pages_overflowed), 0);
    assert_true(atomic_load(&f.b.header->pages_rendered) > 30);
    market_fixture_stop(&f);
}


static void
test_apply_refused(void **state)
{
    unsigned          i;
    trd_quote_t       before, after;
    trd_update_t      u;
    market_fixture_t  f;

    (void) state;
    fixture_up(&f, 2);
    assert_int_equal(put(&f, 1, 100 * E8, 90 * E8), TRD_REFUSED_NOT);
    assert_int_equal(trd_board_quote(&f.b, 1, &before), TRD_OK);

    for (i = TRD_REFUSED_ZERO; i <= TRD_REFUSED_OLDER; i++) {
        u = market_fixture_ticker(&f, 101 * E8, 90 * E8);

        switch (i) {
        case TRD_REFUSED_ZERO: u.last_e8 = 0; break;
        case TRD_REFUSED_NEGATIVE: u.bid_e8 = -1; break;
        case TRD_REFUSED_CROSSED: u.bid_e8 = u.ask_e8 + 1; break;
        case TRD_REFUSED_JUMP: u.last_e8 = 121 * E8; break;
        case TRD_REFUSED_FUTURE: u.exchange_ms += 5001; break;
        default: u.exchange_ms--;
        }

        assert_int_equal(market_apply(&f.m, f.stats, 1, &u), i);
        assert_int_equal(atomic_load(&f.stats->refused[i]), 1);
    }

    market_refuse(&f.m, f.stats, TRD_REFUSED_PARSE, "a\"\n\x80", 4);
    market_refuse(&f.m, f.stats, TRD_REFUSED_UNKNOWN, NULL, 0);
    assert_int_equal(atomic_load(&f.stats->refused[TRD_REFUSED_PARSE]), 1);
    assert_int_equal(atomic_load(&f.stats->refused[TRD_REFUSED_UNKNOWN]), 1);

    assert_int_equal(atomic_load(&f.stats->updates), 1);
    assert_int_equal(trd_board_seq(&f.b), 1);
    assert_int_equal(trd_board_quote(&f.b, 1, &after), TRD_OK);
    assert_memory_equal(&before, &after, sizeof(before));

    /* accepted but for one value: counted, and the rest stands */
    u = market_fixture_ticker(&f, 101 * E8, 90 * E8);
    u.has &= ~(uint32_t) TRD_HAS_VOLUME;
    u.dropped = TRD_HAS_VOLUME;
    assert_int_equal(market_apply(&f.m, f.stats, 1, &u), TRD_REFUSED_NOT);
    assert_int_equal(atomic_load(&f.stats->refused[TRD_REFUSED_OVERFLOW]), 1);
    assert_false(f.m.states[1].quote.has & TRD_HAS_VOLUME);
    market_fixture_stop(&f);
}


/* instrument i after 1000 + 100 i ms, not one earlier, and one entry each */
static void
test_sweep(void **state)
{
    int64_t           t;
    uint32_t          i, stale;
    uint64_t          seq;
    trd_quote_t       q;
    market_fixture_t  f;

    (void) state;
    fixture_up(&f, 6);

    for (i = 0; i < 5; i++) {               /* the last has no quote */
        assert_int_equal(put(&f, i, 100 * E8, 90 * E8), TRD_REFUSED_NOT);
    }

    seq = 5;

    for (t = 0; t <= 1600; t += 25) {
        market_set_clock(&f.m, MARKET_NOW + t + (t % 100 == 25 ? -24 : 0));
        market_sweep(&f.m);

        stale = 0;

        for (i = 0; i < 6; i++) {
            assert_int_equal(trd_board_quote(&f.b, i, &q), TRD_OK);

            if (i < 5 && f.m.now_ms - MARKET_NOW > 1000 + 100 * (int64_t) i) {
                assert_int_equal(q.stale, 1);
                stale++;

                if (q.seq > seq) {
                    assert_int_equal(q.seq, ++seq);
                    check_journal(&f, seq, i, TRD_CHANGE_STALE);
                    assert_int_equal(f.m.now_ms - MARKET_NOW,
                                     1001 + 100 * (int64_t) i);
                }

            } else {
                assert_int_equal(q.stale, 0);
            }
        }

        assert_int_equal(atomic_load(&f.b.header->stale), stale);
    }

    assert_int_equal(seq, 10);
    render_now(f.m.render);
    check_agree(&f, 4);

    /* the first update brings it back */
    assert_int_equal(put(&f, 3, 300 * E8, 90 * E8), TRD_REFUSED_NOT);
    assert_int_equal(atomic_load(&f.b.header->stale), 4);
    assert_int_equal(trd_board_quote(&f.b, 3, &q), TRD_OK);
    assert_int_equal(q.stale, 0);
    assert_int_equal(q.last_e8, 300 * E8);
    market_fixture_stop(&f);
}


/* the exchange's time lags beyond the limit: stale though it is heard */
static void
test_apply_lagging(void **state)
{
    trd_update_t      u;
    market_fixture_t  f;

    (void) state;
    fixture_up(&f, 1);
    u = market_fixture_ticker(&f, 100 * E8, 90 * E8);
    u.exchange_ms -= 1001;
    assert_int_equal(market_apply(&f.m, f.stats, 0, &u), TRD_REFUSED_NOT);
    assert_int_equal(f.m.states[0].quote.stale, 1);
    assert_int_equal(atomic_load(&f.b.header->stale), 1);
    check_journal(&f, 1, 0, TRD_CHANGE_QUOTE);
    market_sweep(&f.m);
    assert_int_equal(trd_board_seq(&f.b), 1);

    u.exchange_ms++;
    assert_int_equal(market_apply(&f.m, f.stats, 0, &u), TRD_REFUSED_NOT);
    assert_int_equal(atomic_load(&f.b.header->stale), 0);
    market_fixture_stop(&f);
}


static void
test_carry(void **state)
{
    uint32_t            i;
    trd_quote_t         was, q;
    market_fixture_t    old, f;
    trd_instrument_t   *in;

    (void) state;
    fixture_up(&old, 6);

    for (i = 0; i < 5; i++) {
        assert_int_equal(put(&old, i, (100 + i) * E8, 90 * E8),
                         TRD_REFUSED_NOT);
    }

    /* another order, another source, one new, one that was not quoted, one
       heard in our future */
    market_fixture_catalogue(&f.catalogue, 6);
    in = f.catalogue.instruments;
    in[5] = old.catalogue.instruments[0];
    in[0] = old.catalogue.instruments[5];
    in[1].source = TRD_SOURCE_SIMULATOR;
    strcpy(in[2].exchange_symbol, "NEWUSDT");
    strcpy(in[2].symbol, "NEW");
    strcpy(in[2].base, "NEW");
    market_fixture_start(&f, trd_board_seq(&old.b));

    old.m.now_ms += 500;
    assert_int_equal(put(&old, 4, 77 * E8, 90 * E8), TRD_REFUSED_JUMP);
    assert_int_equal(put(&old, 4, 107 * E8, 90 * E8), TRD_REFUSED_NOT);

    assert_int_equal(market_carry(&f.m, &old.b), 2);
    assert_int_equal(atomic_load(&f.b.header->quoted), 2);
    assert_int_equal(atomic_load(&f.b.header->stale), 2);
    assert_int_equal(trd_board_seq(&f.b), 7);

    for (i = 0; i < 6; i++) {
        assert_int_equal(trd_board_quote(&f.b, i, &q), TRD_OK);

        if (i != 3 && i != 5) {
            assert_int_equal(q.has, 0);
            continue;
        }

        assert_int_equal(trd_board_quote(&old.b, i == 5 ? 0 : i, &was),
                         TRD_OK);
        assert_int_equal(q.seq, i == 3 ? 6 : 7);
        assert_int_equal(q.stale, 1);
        check_journal(&f, q.seq, i, TRD_CHANGE_STALE);
        q.seq = was.seq;
        q.stale = 0;
        assert_memory_equal(&q, &was, sizeof(q));
    }

    render_now(f.m.render);
    check_agree(&f, 3);

    /* the first fresh update is believed, however far it is */
    assert_int_equal(put(&f, 3, 900 * E8, 90 * E8), TRD_REFUSED_NOT);
    assert_int_equal(f.m.states[3].quote.stale, 0);
    assert_int_equal(atomic_load(&f.b.header->quoted), 2);
    market_fixture_stop(&old);
    market_fixture_stop(&f);
}


/* a board that was damaged gives nothing, rather than something wrong */
static void
test_carry_damaged(void **state)
{
    uint32_t            i;
    trd_quote_slot_t   *slot;
    market_fixture_t    old, f;

    (void) state;
    fixture_up(&old, 4);
    fixture_up(&f, 4);

    for (i = 0; i < 4; i++) {
        assert_int_equal(put(&old, i, 100 * E8, 90 * E8), TRD_REFUSED_NOT);
    }

    slot = old.m.writer.quotes;
    atomic_fetch_xor(&slot[0].copy[1].word[2], 1);
    atomic_store(&slot[1].version, 7);
    ((trd_instrument_t *) (uintptr_t) old.b.instruments)[2].source = 200;

    /* nothing of a board that the tape went on without */
    f.m.tape_ahead = 1;
    assert_int_equal(market_carry(&f.m, &old.b), 0);
    f.m.tape_ahead = 0;

    assert_int_equal(market_carry(&f.m, &old.b), 1);
    assert_int_equal(f.m.states[3].quote.last_e8, 100 * E8);
    market_fixture_stop(&old);
    market_fixture_stop(&f);
}


/* a clock that is set makes no quote stale, and keeps none fresh */

static void
test_clock_set(void **state)
{
    market_fixture_t  f;

    (void) state;
    fixture_up(&f, 1);
    assert_int_equal(put(&f, 0, 100 * E8, 90 * E8), TRD_REFUSED_NOT);

    market_set_clock(&f.m, f.m.now_ms + 3600000);
    market_clock_set(&f.m, 3600000);
    market_sweep(&f.m);
    assert_int_equal(f.m.states[0].quote.stale, 0);

    /* a new quote is of the new time */
    assert_int_equal(put(&f, 0, 101 * E8, 90 * E8), TRD_REFUSED_NOT);
    assert_int_equal(f.m.states[0].step_ms, 0);

    market_set_clock(&f.m, f.m.now_ms - 7200000);
    market_clock_set(&f.m, -7200000);
    market_sweep(&f.m);
    assert_int_equal(f.m.states[0].quote.stale, 0);

    /* and time goes on from there */
    market_set_clock(&f.m, f.m.now_ms
                           + f.catalogue.instruments[0].stale_after_ms + 1);
    market_sweep(&f.m);
    assert_int_equal(f.m.states[0].quote.stale, 1);
    market_fixture_stop(&f);
}


/* who was stopped hears messages before its timers: stale comes first */

static void
test_clock_sweeps_what_is_due(void **state)
{
    market_fixture_t  f;

    (void) state;
    fixture_up(&f, 1);
    assert_int_equal(put(&f, 0, 100 * E8, 90 * E8), TRD_REFUSED_NOT);
    f.m.virtual_clock = 0;
    f.m.clock_offset_ms = 0;
    f.m.swept_ms = tsd_wall_ms();
    f.m.states[0].quote.received_ms = f.m.swept_ms - 3600000;
    market_clock(&f.m);
    assert_int_equal(f.m.states[0].quote.stale, 0);

    f.m.swept_ms -= TRD_SWEEP_MS + 1;
    market_clock(&f.m);
    assert_int_equal(f.m.states[0].quote.stale, 1);
    assert_int_equal(f.m.swept_ms, f.m.now_ms);

    /* and a clock that goes back is no reason to wait */
    f.m.states[0].quote.stale = 0;
    f.m.clock_offset_ms = 0;
    f.m.swept_ms = tsd_wall_ms() + 5000;
    market_clock(&f.m);
    assert_int_equal(f.m.states[0].quote.stale, 1);
    market_fixture_stop(&f);
}


static void
test_find(void **state)
{
    char              name[32];
    uint32_t          i;
    market_fixture_t  f;

    (void) state;
    memset(&f, 0, sizeof(f));
    market_fixture_catalogue(&f.catalogue, 300);
    f.catalogue.instruments[7].source = TRD_SOURCE_SIMULATOR;
    market_fixture_start(&f, 0);

    for (i = 0; i < 300; i++) {
        (void) snprintf(name, sizeof(name), "i%03uUsdt", i);
        assert_int_equal(market_find(&f.m, TRD_SOURCE_BINANCE, name, 8),
                         i == 7 ? -1 : (int32_t) i);
        assert_int_equal(market_find(&f.m, TRD_SOURCE_BINANCE, name, 7), -1);
    }

    assert_int_equal(market_find(&f.m, TRD_SOURCE_SIMULATOR, "I007USDT", 8),
                     7);
    assert_int_equal(market_find(&f.m, TRD_SOURCE_BINANCE, "I300USDT", 8),
                     -1);
    assert_int_equal(market_find(&f.m, TRD_SOURCE_BINANCE, "", 0), -1);
    memset(name, 'A', sizeof(name));
    assert_int_equal(market_find(&f.m, TRD_SOURCE_BINANCE, name, 24), -1);
    assert_int_equal(market_find(&f.m, TRD_SOURCE_BINANCE, name, 25), -1);
    market_fixture_stop(&f);
}


static void
test_reconnected(void **state)
{
    trd_update_t      u;
    market_fixture_t  f;

    (void) state;
    memset(&f, 0, sizeof(f));
    market_fixture_catalogue(&f.catalogue, 2);
    f.catalogue.instruments[1].source = TRD_SOURCE_SIMULATOR;
    market_fixture_start(&f, 0);

    memset(&u, 0, sizeof(u));
    u.kind = TRD_UPDATE_BOOK;
    u.has = TRD_HAS_BID | TRD_HAS_ASK;
    u.id = 5;
    u.bid_e8 = 1;
    u.ask_e8 = 2;
    assert_int_equal(market_apply(&f.m, f.stats, 0, &u), TRD_REFUSED_NOT);
    assert_int_equal(market_apply(&f.m, f.stats, 1, &u), TRD_REFUSED_NOT);
    market_reconnected(&f.m, TRD_SOURCE_BINANCE);
    assert_int_equal(f.m.states[0].book_seen, 0);
    assert_int_equal(f.m.states[1].book_seen, 1);
    market_fixture_stop(&f);
}


/* a signal that there is no more must not stand beside the newer quote */
static void
test_signal_vanishes(void **state)
{
    char              *body;
    unsigned           k;
    trd_update_t       u;
    trd_page_view_t    view;
    market_fixture_t   f;

    (void) state;
    fixture_up(&f, 1);
    assert_int_equal(put(&f, 0, 100 * E8, 90 * E8), TRD_REFUSED_NOT);
    render_now(f.m.render);
    check_agree(&f, 0);

    u = market_fixture_ticker(&f, 101 * E8, 90 * E8);
    u.has &= ~(uint32_t) TRD_HAS_OPEN;
    u.dropped = TRD_HAS_OPEN;
    assert_int_equal(market_apply(&f.m, f.stats, 0, &u), TRD_REFUSED_NOT);
    render_now(f.m.render);

    for (k = TRD_ENTRY_SIGNAL; k <= TRD_ENTRY_BINARY; k++) {
        body = market_fixture_body(&f.b, trd_board_entry_page(&f.b, 0, k),
                                   &view);
        assert_true(body == NULL || view.len == 0);
        free(body);
    }

    assert_int_equal(put(&f, 0, 102 * E8, 90 * E8), TRD_REFUSED_NOT);
    render_now(f.m.render);
    check_agree(&f, 0);
    market_fixture_stop(&f);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_apply_publishes),
        cmocka_unit_test(test_apply_refused),
        cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_apply_lagging),
        cmocka_unit_test(test_carry),
        cmocka_unit_test(test_carry_damaged),
        cmocka_unit_test(test_clock_set),
        cmocka_unit_test(test_clock_sweeps_what_is_due),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_reconnected),
        cmocka_unit_test(test_signal_vanishes)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
