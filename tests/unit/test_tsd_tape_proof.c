/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Protects the proof of a tape over time: what is carried over a restart,
 * when something was received, that silence is told of, that nothing can be
 * left out before a restart or after the last record.  A broken build shows as
 * a doctored tape that verifies, or as a sound one that does not: restarts,
 * clocks that are set, refused messages, crashes, gaps.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tape_fixture.h"
#include "trd_binance.h"
#include "trd_rates_feed.h"
#include "tsd_log.h"
#include "tsd_tape_file.h"

#define T0    1723161254000LL
#define HOUR  3600000
#define FEED  90000                     /* s, of rates */

enum { BTC, ETH, EUR, INSTRUMENTS };

static trd_instrument_t  instruments[INSTRUMENTS];
static uint32_t          ninstruments = INSTRUMENTS;
static uint64_t          seq;
static char              dir[128];


static tsd_tape_t *
up(uint64_t max, uint64_t segment, uint32_t flush_ms)
{
    uint64_t             last;
    tsd_tape_t          *t;
    tsd_tape_options_t   o;

    memset(&o, 0, sizeof(o));
    o.dir = dir;
    o.raw = 1;
    o.max_bytes = max;
    o.segment_bytes = segment;
    o.flush_ms = flush_ms;
    o.instruments = instruments;
    o.n = ninstruments;
    o.limits.max_jump_bp = 2000;
    o.limits.max_future_ms = 5000;

    t = tsd_tape_create(&o, &last);
    assert_non_null(t);
    tsd_tape_may_wait(t, 1);

    return t;
}


static tsd_tape_t *
fresh(void)
{
    market_fixture_dir(dir);
    seq = 0;

    return up(1 << 22, 1 << 20, 10000);
}


static void
down(tsd_tape_t *t)
{
    assert_int_equal(tsd_tape_close(t), 0);
}


static void
event(tsd_tape_t *t, trd_tape_op_t op, uint32_t instrument, int64_t ms,
    uint64_t id)
{
    trd_tape_record_t  r;

    memset(&r, 0, sizeof(r));
    r.op = op;
    r.instrument = instrument;
    r.source = op == TRD_TAPE_STALE ? instruments[instrument].source : 0;
    r.seq = op == TRD_TAPE_STALE ? ++seq : seq;
    r.received_ms = ms;
    r.update.id = id;
    tsd_tape_put(t, &r);
}


static void
on_update(void *ctx, const char *symbol, size_t len, const trd_update_t *u)
{
    (void) symbol;
    (void) len;

    *(trd_update_t *) ctx = *u;
}


enum { LEFT_OUT, TAPED };

/* A trade, the message and what it brought, received then. */

static void
trade(tsd_tape_t *t, uint32_t instrument, unsigned id, const char *price,
    int64_t ms, int taped, int64_t received_ms)
{
    char               text[512];
    trd_tape_record_t  r;

    static const tsd_tape_origin_t  from = {
        TSD_TAPE_BINANCE_STREAM, TRD_SOURCE_BINANCE, 0, TSD_TAPE_QUOTES
    };

    (void) snprintf(text, sizeof(text), "{\"e\":\"trade\",\"E\":%lld,"
                    "\"s\":\"%s\",\"t\":%u,\"p\":\"%s\",\"q\":\"0.02\","
                    "\"T\":%lld,\"m\":true}", (long long) ms,
                    instruments[instrument].exchange_symbol, id, price,
                    (long long) ms);
    tsd_tape_message(t, &from, text, strlen(text), ms);

    if (taped) {
        memset(&r, 0, sizeof(r));
        assert_int_equal(trd_binance_decode(text, strlen(text), on_update,
                                            &r.update), TRD_OK);
        r.instrument = instrument;
        r.source = TRD_SOURCE_BINANCE;
        r.seq = ++seq;
        r.received_ms = received_ms;
        tsd_tape_put(t, &r);
    }

    tsd_tape_message_end(t);
}


static void
mute(tsd_tape_t *t, int64_t ms)
{
    static const tsd_tape_origin_t  from = {
        TSD_TAPE_BINANCE_STREAM, TRD_SOURCE_BINANCE, 0, TSD_TAPE_QUOTES
    };

    tsd_tape_message(t, &from, "{}", 2, ms);
    tsd_tape_message_end(t);
}


static void
carry(tsd_tape_t *t, uint32_t instrument, int64_t last_e8, int64_t quote_ms,
    int64_t ms)
{
    trd_tape_record_t  r;

    memset(&r, 0, sizeof(r));
    r.op = TRD_TAPE_CARRY;
    r.instrument = instrument;
    r.source = instruments[instrument].source;
    r.seq = ++seq;
    r.received_ms = ms;
    r.update.kind = TRD_UPDATE_QUOTE;
    r.update.has = TRD_HAS_LAST | TRD_HAS_TIME;
    r.update.id = (uint64_t) quote_ms;
    r.update.last_e8 = last_e8;
    r.update.exchange_ms = quote_ms;
    tsd_tape_put(t, &r);
}


/* The verdict, and the directory is gone: NULL, it must be sound; else what
   the error must say. */

static tsd_tape_verdict_t
verdict(const char *want)
{
    tsd_tape_verdict_t  v;

    /* in itself it is sound, always */
    tsd_tape_verify(dir, 0, &v, NULL, NULL);
    assert_string_equal(v.error, "");
    tsd_tape_verify(dir, 1, &v, NULL, NULL);

    if (want == NULL) {
        assert_string_equal(v.error, "");

    } else if (strstr(v.error, want) == NULL) {
        fail_msg("\"%s\", not \"%s\"", v.error, want);
    }

    market_fixture_rmdir(dir);

    return v;
}


/* A run of one trade, and the start of the next; lost: of entries that a crash
   took. */

static tsd_tape_t *
restarted(unsigned lost)
{
    tsd_tape_t  *t;

    t = fresh();
    event(t, TRD_TAPE_START, 0, T0, 0);
    trade(t, BTC, 10, "61837.63", T0, TAPED, T0);
    trade(t, ETH, 70, "2680.10", T0 + 50, TAPED, T0 + 50);
    down(t);
    seq += lost;
    t = up(1 << 22, 1 << 20, 10000);
    event(t, TRD_TAPE_START, 0, T0 + 5000, 0);

    return t;
}


static void
test_proof_of_what_is_carried(void **state)
{
    tsd_tape_t          *t;
    tsd_tape_verdict_t   v;

    (void) state;

    t = restarted(0);
    carry(t, BTC, 6183763000000, T0, T0 + 5000);
    carry(t, ETH, 268010000000, T0 + 50, T0 + 5000);
    trade(t, BTC, 12, "61838.00", T0 + 5100, TAPED, T0 + 5100);
    down(t);
    v = verdict(NULL);
    assert_int_equal(v.carried, 2);
    assert_int_equal(v.derived, 5);
    assert_int_equal(v.underived, 0);

    /* a made-up price, or time */
    t = restarted(0);
    carry(t, BTC, 9999900000000, T0, T0 + 5000);
    down(t);
    (void) verdict("what was carried over of \"BTCUSDT\" is not what was");

    t = restarted(0);
    carry(t, BTC, 6183763000000, T0 + 1000, T0 + 5000);
    down(t);
    (void) verdict("what was carried over of \"BTCUSDT\" is not what was");

    /* what a crash took is newer than what it left */
    t = restarted(3);
    carry(t, BTC, 6183800000000, T0 + 600, T0 + 5000);
    carry(t, ETH, 268010000000, T0 + 50, T0 + 5000);
    trade(t, BTC, 12, "61838.00", T0 + 5100, TAPED, T0 + 5100);
    down(t);
    v = verdict(NULL);
    assert_int_equal(v.derived, 4);
    assert_int_equal(v.underived, 1);

    t = restarted(3);
    carry(t, BTC, 9999900000000, T0, T0 + 5000);
    down(t);
    (void) verdict("what was carried over of \"BTCUSDT\" is not what was");

    /* once, and before anything else */
    t = restarted(0);
    carry(t, BTC, 6183763000000, T0, T0 + 5000);
    carry(t, BTC, 6183763000000, T0, T0 + 5000);
    down(t);
    (void) verdict("what was carried over of \"BTCUSDT\" is not what was");

    t = restarted(0);
    trade(t, ETH, 71, "2680.20", T0 + 5100, TAPED, T0 + 5100);
    carry(t, BTC, 6183763000000, T0, T0 + 5200);
    down(t);
    (void) verdict("what was carried over of \"BTCUSDT\" is not what was");

    /* of a run that was not on the tape nobody knows */
    t = fresh();
    event(t, TRD_TAPE_START, 0, T0, 0);
    carry(t, BTC, 6183763000000, T0 - 1000, T0);
    down(t);
    v = verdict(NULL);
    assert_int_equal(v.underived, 1);
}


/* The day of a rate is of the source's memory, and carried over with it. */

static void
test_proof_of_a_rate_that_is_carried(void **state)
{
    int                  changed;
    int64_t              more;
    tsd_tape_t          *t;
    trd_state_t          s;
    trd_limits_t         limits = { 2000, 5000 };
    trd_tape_record_t    r, c;
    tsd_tape_verdict_t   v;

    static const char               text[] =
        "{\"base\":\"USD\",\"date\":\"2024-08-08\","
        "\"time_last_updated\":1723161000,\"rates\":{\"USD\":1,"
        "\"EUR\":0.92}}";
    static const tsd_tape_origin_t  from = {
        TSD_TAPE_RATES, TRD_SOURCE_FOREX, 0,
        TSD_TAPE_RATES_OPTION(TRD_RATES_EXCHANGERATE, FEED)
    };

    (void) state;

    for (more = 0; more < 2; more++) {
        t = fresh();
        event(t, TRD_TAPE_START, 0, T0, 0);
        tsd_tape_message(t, &from, text, strlen(text), T0);
        memset(&r, 0, sizeof(r));
        r.instrument = EUR;
        r.source = TRD_SOURCE_FOREX;
        r.seq = ++seq;
        r.received_ms = T0;
        r.update.kind = TRD_UPDATE_QUOTE;
        r.update.has = TRD_HAS_LAST | TRD_HAS_TIME | TRD_HAS_OPEN
                       | TRD_HAS_HIGH | TRD_HAS_LOW;
        r.update.last_e8 = 108696000;
        r.update.open_e8 = 108000000;
        r.update.high_e8 = 108690000;       /* it is last that is highest */
        r.update.low_e8 = 107000000;
        r.update.derived = TRD_DERIVED_INVERSE;
        r.update.every_ms = FEED * 1000;
        r.update.exchange_ms = 1723161000000;
        tsd_tape_put(t, &r);
        tsd_tape_message_end(t);
        down(t);

        memset(&s, 0, sizeof(s));
        assert_int_equal(trd_apply(&s, &r.update, &limits, 100000000, T0,
                                   &changed), TRD_REFUSED_NOT);
        assert_int_equal(s.quote.high_e8, 108696000);
        assert_true(s.quote.has & TRD_HAS_CHANGE);

        t = up(1 << 22, 1 << 20, 10000);
        event(t, TRD_TAPE_START, 0, T0 + 5000, 0);
        c = r;
        c.op = TRD_TAPE_CARRY;
        c.seq = ++seq;
        c.received_ms = T0 + 5000;
        c.update.has = s.quote.has;
        c.update.id = T0;
        c.update.every_ms = 0;
        c.update.last_quantity_e8 = s.quote.change_e8;
        c.update.high_e8 = s.quote.high_e8;
        c.update.open_e8 += more;
        tsd_tape_put(t, &c);
        down(t);
        v = verdict(more ? "what was carried over of \"EURUSD\"" : NULL);
        assert_int_equal(v.derived, more ? 1 : 2);
    }
}


static void
test_proof_of_when_it_was_received(void **state)
{
    int64_t      off;
    tsd_tape_t  *t;

    (void) state;

    for (off = -1; off <= 1; off++) {
        t = fresh();
        event(t, TRD_TAPE_START, 0, T0, 0);
        trade(t, BTC, 10, "61837.63", T0, TAPED, T0 + off);
        down(t);
        (void) verdict(off ? "it was not received when message 1 was" : NULL);
    }
}


/* limits are 10 s; it is told of at most 1 s late, and looked at each second */

static void
test_proof_of_silence(void **state)
{
    int64_t              ms, told;
    tsd_tape_t          *t;
    tsd_tape_verdict_t   v;

    (void) state;

    for (told = 0; told < 2; told++) {
        t = fresh();
        event(t, TRD_TAPE_START, 0, T0, 0);
        trade(t, BTC, 10, "61837.63", T0, TAPED, T0);

        if (told) {
            event(t, TRD_TAPE_STALE, BTC, T0 + 10001, 0);
        }

        trade(t, BTC, 11, "61837.64", T0 + HOUR, TAPED, T0 + HOUR);
        down(t);
        v = verdict(told ? NULL : "message 2: by then \"BTCUSDT\" was stale");
        assert_int_equal(v.derived, told ? 2 : 1);
    }

    /* one is silent, and others are not; 11 s are allowed, 13 s are not */

    for (told = 0; told < 3; told++) {
        t = fresh();
        event(t, TRD_TAPE_START, 0, T0, 0);
        trade(t, BTC, 10, "61837.63", T0, TAPED, T0);

        for (ms = 100; ms <= (told == 2 ? 11000 : 13000); ms += 100) {
            if (told == 1 && ms == 10100) {
                event(t, TRD_TAPE_STALE, BTC, T0 + 10040, 0);
            }

            trade(t, ETH, (unsigned) ms, "2680.10", T0 + ms, TAPED, T0 + ms);
        }

        down(t);
        (void) verdict(told == 0 ? "by then \"BTCUSDT\" was stale" : NULL);
    }

    /* told of too early: it was there before */
    t = fresh();
    event(t, TRD_TAPE_START, 0, T0, 0);
    trade(t, BTC, 10, "61837.63", T0, TAPED, T0);
    event(t, TRD_TAPE_STALE, BTC, T0 + 9000, 0);
    down(t);
    (void) verdict("\"BTCUSDT\" was not stale");
}


/* An hour on the clock is none on the quote. */

static void
test_proof_with_a_clock_that_is_set(void **state)
{
    int64_t      by;
    tsd_tape_t  *t;

    (void) state;

    for (by = -HOUR; by <= HOUR; by += 2 * HOUR) {
        t = fresh();
        event(t, TRD_TAPE_START, 0, T0, 0);
        trade(t, BTC, 10, "61837.63", T0, TAPED, T0);
        event(t, TRD_TAPE_STEP, 0, T0 + by + 100, (uint64_t) by);
        mute(t, T0 + by + 200);

        /* a jump, refused while the quote is fresh */
        trade(t, BTC, 11, "81837.64", T0 + by + 300, LEFT_OUT, 0);
        event(t, TRD_TAPE_STALE, BTC, T0 + by + 10001, 0);
        down(t);
        (void) verdict(NULL);
    }
}


static void
test_proof_before_a_restart(void **state)
{
    tsd_tape_t          *t;
    tsd_tape_verdict_t   v;

    (void) state;

    /* a START that was put in hides nothing */
    t = fresh();
    event(t, TRD_TAPE_START, 0, T0, 0);
    trade(t, BTC, 10, "61837.63", T0, TAPED, T0);
    trade(t, BTC, 11, "61900.00", T0 + 100, LEFT_OUT, 0);
    trade(t, BTC, 12, "62900.00", T0 + 110, LEFT_OUT, 0);
    mute(t, T0 + 120);
    event(t, TRD_TAPE_START, 0, T0 + 150, 0);
    trade(t, BTC, 13, "61838.00", T0 + 200, TAPED, T0 + 200);
    down(t);
    (void) verdict("message 2: an update was left out");

    /* nor of the last message, nor at the end of a file */
    t = fresh();
    event(t, TRD_TAPE_START, 0, T0, 0);
    trade(t, BTC, 10, "61837.63", T0, TAPED, T0);
    trade(t, BTC, 11, "61900.00", T0 + 100, LEFT_OUT, 0);
    event(t, TRD_TAPE_START, 0, T0 + 150, 0);
    down(t);
    (void) verdict("message 2: an update was left out");

    t = fresh();
    event(t, TRD_TAPE_START, 0, T0, 0);
    trade(t, BTC, 10, "61837.63", T0, TAPED, T0);
    trade(t, BTC, 11, "61900.00", T0 + 100, LEFT_OUT, 0);
    down(t);
    t = up(1 << 22, 1 << 20, 10000);
    event(t, TRD_TAPE_START, 0, T0 + 150, 0);
    down(t);
    (void) verdict("message 2: an update was left out");

    /* what was refused is judged by the run it was refused in, also if the
       next one has another catalogue, and the first message of that by it */
    t = fresh();
    event(t, TRD_TAPE_START, 0, T0, 0);
    trade(t, BTC, 10, "61837.63", T0, TAPED, T0);
    trade(t, BTC, 9, "61837.63", T0 + 100, LEFT_OUT, 0);
    trade(t, ETH, 71, "0", T0 + 200, LEFT_OUT, 0);
    down(t);
    ninstruments = 1;
    t = up(1 << 22, 1 << 20, 10000);
    event(t, TRD_TAPE_START, 0, T0 + 300, 0);
    carry(t, BTC, 6183763000000, T0, T0 + 300);
    trade(t, BTC, 11, "81837.64", T0 + 400, TAPED, T0 + 400);
    down(t);
    ninstruments = INSTRUMENTS;
    v = verdict(NULL);
    assert_int_equal(v.derived, 3);
    assert_int_equal(v.judged, 2);
}


/* The last messages brought nothing: they are proven to have been these. */

static void
test_proof_of_the_last_messages(void **state)
{
    int                  i;
    FILE                *f;
    uint8_t              byte;
    uint64_t             last, whole;
    struct stat          st;
    tsd_tape_t          *t;
    tsd_tape_list_t      list;
    tsd_tape_walk_t      walk;
    tsd_tape_verdict_t   v;

    (void) state;

    t = fresh();
    event(t, TRD_TAPE_START, 0, T0, 0);
    trade(t, BTC, 10, "61837.63", T0, TAPED, T0);
    down(t);
    t = up(1 << 22, 1 << 20, 1);
    event(t, TRD_TAPE_START, 0, T0 + 50, 0);
    tsd_tape_tick(t);
    usleep(100000);

    for (i = 0; i < 5; i++) {
        trade(t, BTC, 9, "0", T0 + 100, LEFT_OUT, 0);
    }

    tsd_tape_tick(t);
    usleep(100000);
    down(t);

    tsd_tape_verify(dir, 1, &v, NULL, NULL);
    assert_string_equal(v.error, "");
    assert_int_equal(v.messages, 6);

    assert_int_equal(tsd_tape_list(&list, dir, TRD_TAPE_RAW), 0);
    assert_int_equal(list.n, 2);
    assert_int_equal(tsd_tape_walk_open(&walk, list.paths[1]), TRD_OK);
    whole = walk.at;
    assert_int_equal(tsd_tape_walk_next(&walk), TRD_OK);
    assert_int_equal(walk.at, walk.size);
    last = walk.size;
    tsd_tape_walk_close(&walk);

    /* each byte of that block is another one */

    for ( /* void */ ; whole < last; whole += 7) {
        f = fopen(list.paths[1], "r+b");
        assert_non_null(f);
        assert_int_equal(fseek(f, (long) whole, SEEK_SET), 0);
        assert_int_equal(fread(&byte, 1, 1, f), 1);
        byte ^= 1;
        assert_int_equal(fseek(f, (long) whole, SEEK_SET), 0);
        assert_int_equal(fwrite(&byte, 1, 1, f), 1);
        (void) fflush(f);
        tsd_tape_verify(dir, 1, &v, NULL, NULL);
        assert_int_equal(v.rc, TRD_CORRUPT);
        byte ^= 1;
        assert_int_equal(fseek(f, (long) whole, SEEK_SET), 0);
        assert_int_equal(fwrite(&byte, 1, 1, f), 1);
        assert_int_equal(fclose(f), 0);
    }

    tsd_tape_verify(dir, 1, &v, NULL, NULL);
    assert_string_equal(v.error, "");

    /* ... or cut off, in part or whole */
    assert_int_equal(stat(list.paths[1], &st), 0);

    for (last = (uint64_t) st.st_size; last-- > TRD_TAPE_HEAD_SIZE; ) {
        assert_int_equal(truncate(list.paths[1], (off_t) last), 0);
        tsd_tape_verify(dir, 1, &v, NULL, NULL);
        assert_int_equal(v.rc, TRD_CORRUPT);
    }

    tsd_tape_list_free(&list);
    market_fixture_rmdir(dir);
}


int
main(void)
{
    unsigned  i;

    static const struct {
        const char    *symbol, *exchange, *base, *quote;
        trd_source_t   source;
        uint32_t       stale_after_ms;
    } list[INSTRUMENTS] = {
        { "BTC", "BTCUSDT", "BTC", "USDT", TRD_SOURCE_BINANCE, 10000 },
        { "ETH", "ETHUSDT", "ETH", "USDT", TRD_SOURCE_BINANCE, 10000 },
        { "EUR/USD", "EURUSD", "EUR", "USD", TRD_SOURCE_FOREX, 100000000 }
    };

    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_proof_of_what_is_carried),
        cmocka_unit_test(test_proof_of_a_rate_that_is_carried),
        cmocka_unit_test(test_proof_of_when_it_was_received),
        cmocka_unit_test(test_proof_of_silence),
        cmocka_unit_test(test_proof_with_a_clock_that_is_set),
        cmocka_unit_test(test_proof_before_a_restart),
        cmocka_unit_test(test_proof_of_the_last_messages)
    };

    if (tsd_log_init("test", getenv("TEST_LOG") ? "info" : "error", "text")
        != 0)
    {
        return 1;
    }

    for (i = 0; i < INSTRUMENTS; i++) {
        strcpy(instruments[i].symbol, list[i].symbol);
        strcpy(instruments[i].exchange_symbol, list[i].exchange);
        strcpy(instruments[i].base, list[i].base);
        strcpy(instruments[i].quote, list[i].quote);
        instruments[i].source = (uint8_t) list[i].source;
        instruments[i].price_tick_e8 = i == EUR ? 1000 : 1000000;
        instruments[i].lot_step_e8 = 1000;
        instruments[i].stale_after_ms = list[i].stale_after_ms;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
