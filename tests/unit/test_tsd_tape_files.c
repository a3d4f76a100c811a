/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Protects the files of a tape: their bound holds at every moment, whatever
 * messages come; what a crash between two deletions leaves neither breaks the
 * proof nor stays; a block never ends within what one message brought; and
 * reading from a time on misses nothing, whatever clock the market had.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tape_fixture.h"
#include "trd_binance.h"
#include "tsd_log.h"
#include "tsd_tape_file.h"

#define T0    1723161254000LL
#define YEAR  31536000000LL

static trd_instrument_t  instruments[2];
static uint64_t          seq;
static char              dir[128];

static const tsd_tape_origin_t  from = {
    TSD_TAPE_BINANCE_STREAM, TRD_SOURCE_BINANCE, 0, TSD_TAPE_QUOTES
};


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
    o.n = 2;
    o.limits.max_jump_bp = 2000;
    o.limits.max_future_ms = 5000;

    t = tsd_tape_create(&o, &last);
    assert_non_null(t);
    tsd_tape_may_wait(t, 1);

    return t;
}


static void
start(tsd_tape_t *t, int64_t ms)
{
    trd_tape_record_t  r;

    memset(&r, 0, sizeof(r));
    r.op = TRD_TAPE_START;
    r.seq = seq;
    r.received_ms = ms;
    tsd_tape_put(t, &r);
}


static void
on_update(void *ctx, const char *symbol, size_t len, const trd_update_t *u)
{
    (void) symbol;
    (void) len;

    *(trd_update_t *) ctx = *u;
}


static void
trade(tsd_tape_t *t, unsigned id, int64_t ms)
{
    char               text[512];
    trd_tape_record_t  r;

    (void) snprintf(text, sizeof(text), "{\"e\":\"trade\",\"E\":%lld,"
                    "\"s\":\"BTCUSDT\",\"t\":%u,\"p\":\"61838.%02u\","
                    "\"q\":\"0.%04u\",\"T\":%lld,\"m\":true}", (long long) ms,
                    id, id % 89, id * 7919 % 9999 + 1, (long long) ms);
    tsd_tape_message(t, &from, text, strlen(text), ms);

    memset(&r, 0, sizeof(r));
    assert_int_equal(trd_binance_decode(text, strlen(text), on_update,
                                        &r.update), TRD_OK);
    r.source = TRD_SOURCE_BINANCE;
    r.seq = ++seq;
    r.received_ms = ms;
    tsd_tape_put(t, &r);
    tsd_tape_message_end(t);
}


static uint64_t
held(void)
{
    int              type;
    size_t           i;
    uint64_t         total;
    struct stat      st;
    tsd_tape_list_t  list;

    total = 0;

    for (type = 0; type < 2; type++) {
        assert_int_equal(tsd_tape_list(&list, dir, (trd_tape_file_t) type),
                         0);

        for (i = 0; i < list.n; i++) {
            total += stat(list.paths[i], &st) == 0 ? (uint64_t) st.st_size
                                                   : 0;
        }

        tsd_tape_list_free(&list);
    }

    return total;
}


/* how many messages prove it */

static uint64_t
sound(void)
{
    tsd_tape_verdict_t  v;

    tsd_tape_verify(dir, 1, &v, NULL, NULL);
    assert_string_equal(v.error, "");
    assert_int_equal(v.lost, 0);

    return v.messages;
}


/* Messages that hardly get smaller, each a good part of a file. */

static void
test_files_stay_bounded_at_every_moment(void **state)
{
    char        *big;
    size_t       n, k;
    unsigned     i, s;
    tsd_tape_t  *t;

    enum { MAX = 1 << 20, LEN = 200000 };

    (void) state;

    market_fixture_dir(dir);
    seq = 0;
    s = 1;
    big = malloc(LEN + 64);
    assert_non_null(big);
    t = up(MAX, MAX / 2, 5);
    start(t, T0);

    for (i = 0; i < 100; i++) {
        n = (size_t) sprintf(big, "{\"e\":\"x\",\"z\":\"");

        for (k = 0; k < LEN; k++) {
            s = s * 1103515245 + 12345;
            big[n + k] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXY"
                         "Z0123456789+-"[s >> 16 & 63];
        }

        strcpy(big + n + LEN, "\"}");
        tsd_tape_message(t, &from, big, strlen(big), T0 + i);
        tsd_tape_message_end(t);
        trade(t, 10 + i, T0 + i);
        tsd_tape_tick(t);

        if (i % 4 == 0) {
            usleep(10000);
        }

        if (held() > MAX) {
            fail_msg("%llu bytes", (unsigned long long) held());
        }
    }

    assert_int_equal(tsd_tape_close(t), 0);
    assert_true(held() <= MAX && held() > MAX / 4);
    assert_true(sound() > 0);
    free(big);
    market_fixture_rmdir(dir);
}


/* What can never fit is lost, and said to be. */

static void
test_files_without_room_for_a_message(void **state)
{
    char                *big;
    size_t               k;
    unsigned             s;
    tsd_tape_t          *t;
    tsd_tape_verdict_t   v;

    enum { MAX = 1 << 18, LEN = 1 << 20 };

    (void) state;

    market_fixture_dir(dir);
    seq = 0;
    s = 1;
    big = malloc(LEN);
    assert_non_null(big);

    for (k = 0; k < LEN; k++) {
        s = s * 1103515245 + 12345;
        big[k] = (char) (s >> 16);
    }

    t = up(MAX, MAX / 4, 10000);
    start(t, T0);
    trade(t, 1, T0);
    tsd_tape_message(t, &from, big, LEN, T0 + 1);
    tsd_tape_message_end(t);
    trade(t, 2, T0 + 2);
    assert_int_equal(tsd_tape_close(t), -1);
    assert_true(held() <= MAX);

    tsd_tape_verify(dir, 1, &v, NULL, NULL);
    assert_string_equal(v.error, "");
    assert_true(v.lost > 0);
    free(big);
    market_fixture_rmdir(dir);
}


static void
test_files_of_a_crash_between_two_deletions(void **state)
{
    size_t           i;
    unsigned         run;
    tsd_tape_t      *t;
    tsd_tape_list_t  files, raws;

    (void) state;

    market_fixture_dir(dir);
    seq = 0;

    for (run = 0; run < 3; run++) {
        t = up(1 << 22, 1 << 20, 10000);
        start(t, T0 + run * 1000);
        trade(t, 1, T0 + run * 1000);
        assert_int_equal(tsd_tape_close(t), 0);
    }

    assert_int_equal(tsd_tape_list(&files, dir, TRD_TAPE_RECORDS), 0);
    assert_int_equal(tsd_tape_list(&raws, dir, TRD_TAPE_RAW), 0);
    assert_int_equal(files.n, 3);
    assert_int_equal(raws.n, 3);
    assert_int_equal(sound(), 3);
    assert_int_equal(unlink(files.paths[0]), 0);
    assert_int_equal(sound(), 2);

    /* it goes with the next start, and with the next deletion */
    t = up(1 << 22, 1 << 20, 10000);
    assert_int_equal(access(raws.paths[0], F_OK), -1);
    assert_int_equal(access(raws.paths[1], F_OK), 0);
    assert_int_equal(unlink(files.paths[1]), 0);
    start(t, T0 + 5000);

    for (i = 0; i < 200000; i++) {
        trade(t, (unsigned) (2 + i), T0 + 5000 + (int64_t) i);
    }

    assert_int_equal(tsd_tape_close(t), 0);
    assert_int_equal(access(raws.paths[1], F_OK), -1);
    assert_int_equal(access(files.paths[2], F_OK), -1);
    assert_true(held() <= 1 << 22);
    assert_true(sound() > 0);

    tsd_tape_list_free(&files);
    tsd_tape_list_free(&raws);
    market_fixture_rmdir(dir);
}


/* More than a block has room for, more than a buffer has, and slowly. */

static void
test_files_keep_what_a_message_brought_together(void **state)
{
    size_t              i;
    uint64_t            most;
    tsd_tape_t         *t;
    tsd_tape_walk_t     walk;
    tsd_tape_list_t     list;
    trd_tape_record_t   r;

    enum { RECORDS = 16000 };

    (void) state;

    market_fixture_dir(dir);
    seq = 0;
    t = up(1 << 24, 1 << 23, 1);
    start(t, T0);
    trade(t, 1, T0);
    tsd_tape_message(t, &from, "{}", 2, T0 + 1);
    memset(&r, 0, sizeof(r));
    r.source = TRD_SOURCE_BINANCE;
    r.received_ms = T0 + 1;
    r.update.kind = TRD_UPDATE_TRADE;
    r.update.has = TRD_HAS_LAST;

    for (i = 0; i < RECORDS; i++) {
        r.seq = ++seq;
        r.update.id = 1000 + i;
        r.update.last_e8 = (int64_t) (i * 7919 % 100000) * 1000001;
        r.update.last_quantity_e8 = (int64_t) (i * 104729 % 100000) * 999;
        tsd_tape_put(t, &r);

        if (i % 4000 == 0) {
            usleep(20000);
        }
    }

    tsd_tape_message_end(t);
    trade(t, 2, T0 + 2);
    assert_int_equal(tsd_tape_close(t), 0);

    assert_int_equal(tsd_tape_list(&list, dir, TRD_TAPE_RECORDS), 0);
    assert_int_equal(list.n, 1);
    assert_int_equal(tsd_tape_walk_open(&walk, list.paths[0]), TRD_OK);

    for (most = 0; tsd_tape_walk_next(&walk) == TRD_OK; /* void */ ) {
        most = walk.block.records > most ? walk.block.records : most;
    }

    assert_true(most >= RECORDS);
    tsd_tape_walk_close(&walk);
    tsd_tape_list_free(&list);
    market_fixture_rmdir(dir);
}


/* how many records there are from a time on; *skipped: files not looked at */

static uint64_t
since(int64_t ms, uint64_t *files)
{
    uint64_t            n;
    const char         *why;
    tsd_tape_at_t       at;
    trd_tape_record_t   r;
    tsd_tape_reader_t  *reader;

    reader = tsd_tape_open(dir, 0, &why);
    assert_non_null(reader);
    tsd_tape_seek(reader, 0, ms);

    for (n = 0; tsd_tape_read(reader, &r) == TRD_OK; /* void */ ) {
        n += r.received_ms >= ms;
    }

    tsd_tape_at(reader, &at);
    *files = at.files;
    tsd_tape_reader_free(reader);

    return n;
}


/* A market in 2030, one in 2026, and a clock that was set back. */

static void
test_files_from_a_time_on(void **state)
{
    unsigned             i, run;
    uint64_t             all, some;
    tsd_tape_t          *t;
    tsd_tape_list_t      list;
    tsd_tape_verdict_t   v;

    static const int64_t  begin[] = { T0 + 6 * YEAR, T0 + 2 * YEAR };

    (void) state;

    market_fixture_dir(dir);
    seq = 0;

    for (run = 0; run < 2; run++) {
        t = up(1 << 24, 1 << 16, 10000);
        start(t, begin[run]);

        for (i = 0; i < 20000; i++) {
            trade(t, 1 + i, begin[run] + 10 * (int64_t) i);
        }

        assert_int_equal(tsd_tape_close(t), 0);
    }

    assert_int_equal(tsd_tape_list(&list, dir, TRD_TAPE_RECORDS), 0);
    assert_true(list.n > 6);

    assert_int_equal(since(T0, &all), 40002);
    assert_int_equal(all, list.n);
    assert_int_equal(since(begin[0] + 10 * 19000, &some), 1000);
    assert_true(some < all);
    assert_int_equal(since(begin[1] + 10 * 10000, &all), 30001);
    assert_int_equal(all, list.n);
    assert_int_equal(since(begin[0] + YEAR, &some), 0);
    assert_int_equal(some, 1);

    tsd_tape_verify(dir, 0, &v, NULL, NULL);
    assert_string_equal(v.error, "");
    tsd_tape_list_free(&list);
    market_fixture_rmdir(dir);
}


int
main(void)
{
    unsigned  i;

    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_files_stay_bounded_at_every_moment),
        cmocka_unit_test(test_files_without_room_for_a_message),
        cmocka_unit_test(test_files_of_a_crash_between_two_deletions),
        cmocka_unit_test(test_files_keep_what_a_message_brought_together),
        cmocka_unit_test(test_files_from_a_time_on)
    };

    if (tsd_log_init("test", getenv("TEST_LOG") ? "info" : "error", "text")
        != 0)
    {
        return 1;
    }

    for (i = 0; i < 2; i++) {
        strcpy(instruments[i].symbol, i ? "ETH" : "BTC");
        strcpy(instruments[i].base, instruments[i].symbol);
        strcpy(instruments[i].quote, "USDT");
        strcpy(instruments[i].exchange_symbol, i ? "ETHUSDT" : "BTCUSDT");
        instruments[i].source = TRD_SOURCE_BINANCE;
        instruments[i].price_tick_e8 = 1000000;
        instruments[i].lot_step_e8 = 1000;
        instruments[i].stale_after_ms = 10000;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
