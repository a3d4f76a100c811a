/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Protects the tape: what was written is read back, whatever byte a crash
 * ended at; every changed byte is found; a tape that was made anew with other
 * prices, sound in itself, is found by its messages; files stay bounded.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tape_fixture.h"
#include "recordings.h"
#include "trd_binance.h"
#include "tsd_log.h"
#include "tsd_tape_file.h"

#define T0  1723161254000LL


static trd_instrument_t  instruments[2];


static tsd_tape_t *
tape_up(const char *dir, int raw, uint64_t *seq)
{
    tsd_tape_t          *t;
    tsd_tape_options_t   o;

    memset(&o, 0, sizeof(o));
    o.dir = dir;
    o.raw = raw;
    o.max_bytes = 1 << 18;
    o.segment_bytes = 1 << 16;
    o.flush_ms = 10000;
    o.instruments = instruments;
    o.n = 2;
    o.limits.max_jump_bp = 2000;
    o.limits.max_future_ms = 5000;

    t = tsd_tape_create(&o, seq);
    assert_non_null(t);
    tsd_tape_may_wait(t, 1);

    return t;
}


static void
put(tsd_tape_t *t, uint64_t k, int64_t last)
{
    trd_tape_record_t  r;

    memset(&r, 0, sizeof(r));
    r.instrument = k & 1;
    r.source = TRD_SOURCE_BINANCE;
    r.seq = k + 1;
    r.received_ms = T0 + (int64_t) k;
    r.update.kind = TRD_UPDATE_TRADE;
    r.update.has = TRD_HAS_LAST;
    r.update.id = 1000 + k;
    r.update.last_e8 = last;
    r.update.last_quantity_e8 = (int64_t) (k * 7919 % 100000) * 1000 + 1000;
    r.update.exchange_ms = r.received_ms - 3;
    tsd_tape_put(t, &r);
}


/* reads all; how many records there are, each checked against put() */

static uint64_t
read_all(const char *dir, int verify, uint64_t *torn, int64_t last)
{
    trd_rc_t            rc;
    uint64_t            n;
    const char         *why;
    tsd_tape_at_t       at;
    trd_tape_record_t   r;
    tsd_tape_reader_t  *reader;

    reader = tsd_tape_open(dir, verify, &why);
    assert_non_null(reader);

    for (n = 0; (rc = tsd_tape_read(reader, &r)) == TRD_OK; n++) {
        assert_int_equal(r.update.last_e8, last + (int64_t) (r.seq - 1));
        assert_int_equal(r.update.id, 999 + r.seq);
        assert_int_equal(r.received_ms, T0 + (int64_t) r.seq - 1);
    }

    assert_int_equal(rc, TRD_NOT_FOUND);
    tsd_tape_at(reader, &at);
    *torn = at.torn;
    tsd_tape_reader_free(reader);

    return n;
}


static uint8_t *
slurp(const char *path, size_t *len)
{
    FILE     *f;
    uint8_t  *data;

    f = fopen(path, "rb");
    assert_non_null(f);
    data = malloc(1 << 20);
    assert_non_null(data);
    *len = fread(data, 1, 1 << 20, f);
    (void) fclose(f);

    return data;
}


static void
spit(const char *path, const void *data, size_t len)
{
    FILE  *f;

    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}


static void
only_file(const char *dir, trd_tape_file_t type, char *path)
{
    tsd_tape_list_t  list;

    assert_int_equal(tsd_tape_list(&list, dir, type), 0);
    assert_int_equal(list.n, 1);
    strcpy(path, list.paths[0]);
    tsd_tape_list_free(&list);
}


static void
test_tsd_tape_reads_back_and_stays_bounded(void **state)
{
    char                 dir[128];
    uint64_t             k, seq;
    tsd_tape_t          *t;
    struct stat          st;
    tsd_tape_list_t      list;
    tsd_tape_verdict_t   v;

    (void) state;

    t = tape_up(market_fixture_dir(dir), 0, &seq);
    assert_int_equal(seq, 0);

    for (k = 0; k < 400000; k++) {
        put(t, k, 6000000000000 + (int64_t) k);
    }

    assert_int_equal(tsd_tape_close(t), 0);

    assert_int_equal(tsd_tape_list(&list, dir, TRD_TAPE_RECORDS), 0);
    assert_true(list.n >= 3);

    for (k = 0, seq = 0; k < list.n; k++) {
        assert_int_equal(stat(list.paths[k], &st), 0);
        seq += (uint64_t) st.st_size;
    }

    tsd_tape_list_free(&list);
    assert_true(seq <= 1 << 18);

    /* the oldest are gone, what is left is whole and goes to the end */
    tsd_tape_verify(dir, 0, &v, NULL, NULL);
    assert_string_equal(v.error, "");
    assert_true(v.first_seq > 1 && v.last_seq == 400000);
    assert_int_equal(v.records, v.last_seq - v.first_seq + 1);

    /* and it goes on */
    t = tape_up(dir, 0, &seq);
    assert_int_equal(seq, 400000);
    put(t, 400000, 6000000400000);
    assert_int_equal(tsd_tape_close(t), 0);
    tsd_tape_verify(dir, 0, &v, NULL, NULL);
    assert_string_equal(v.error, "");
    assert_int_equal(v.last_seq, 400001);

    market_fixture_rmdir(dir);
}


/* Three blocks; the file ends at each byte of the last one in turn. */

static void
test_tsd_tape_crash_at_every_byte(void **state)
{
    char              dir[128], path[4200];
    size_t            len, at, whole;
    uint8_t          *data;
    uint64_t          k, seq, torn;
    tsd_tape_t       *t;
    tsd_tape_walk_t   walk;

    (void) state;

    t = tape_up(market_fixture_dir(dir), 0, &seq);

    for (k = 0; k < 10000; k++) {
        put(t, k, 6000000000000 + (int64_t) k);
    }

    assert_int_equal(tsd_tape_close(t), 0);
    only_file(dir, TRD_TAPE_RECORDS, path);
    data = slurp(path, &len);

    /* where the last block begins, and what stands before it */
    assert_int_equal(tsd_tape_walk_open(&walk, path), TRD_OK);

    for (whole = 0, k = 0; tsd_tape_walk_next(&walk) == TRD_OK; /* void */ ) {
        if (walk.at == len) {
            break;
        }

        whole = walk.at;
        k += walk.block.records;
    }

    tsd_tape_walk_close(&walk);
    assert_true(whole > 0 && k > 0 && k < 10000);

    for (at = whole; at < len; at++) {
        spit(path, data, at);
        assert_int_equal(read_all(dir, at % 97 == 0, &torn, 6000000000000), k);
        assert_int_equal(torn, at - whole);

        /* a writer cuts and goes on, in a new file */
        if (at % 97 == 0 || at < whole + 4) {
            t = tape_up(dir, 0, &seq);
            assert_int_equal(seq, k);
            put(t, k, 6000000000000 + (int64_t) k);
            assert_int_equal(tsd_tape_close(t), 0);
            assert_int_equal(read_all(dir, 1, &torn, 6000000000000), k + 1);
            assert_int_equal(torn, 0);
            market_fixture_rmdir(dir);
            assert_int_equal(mkdir(dir, 0700), 0);
        }
    }

    /* within the head, too: such a file is removed */
    for (at = 0; at < whole; at += at < 200 ? 1 : 1 + whole / 50) {
        spit(path, data, at);
        t = tape_up(dir, 0, &seq);
        assert_int_equal(tsd_tape_close(t), 0);
    }

    free(data);
    market_fixture_rmdir(dir);
}


static void
test_tsd_tape_damage_is_not_cut(void **state)
{
    char                 dir[128], path[4200];
    size_t               len, now;
    uint8_t             *data, *after;
    uint64_t             k, seq;
    tsd_tape_t          *t;
    tsd_tape_verdict_t   v;

    (void) state;

    t = tape_up(market_fixture_dir(dir), 0, &seq);

    for (k = 0; k < 10000; k++) {
        put(t, k, 6000000000000 + (int64_t) k);
    }

    assert_int_equal(tsd_tape_close(t), 0);
    only_file(dir, TRD_TAPE_RECORDS, path);
    data = slurp(path, &len);
    data[1000] ^= 1;
    spit(path, data, len);

    tsd_tape_verify(dir, 0, &v, NULL, NULL);
    assert_int_equal(v.rc, TRD_CORRUPT);

    t = tape_up(dir, 0, &seq);
    assert_int_equal(tsd_tape_close(t), 0);
    after = slurp(path, &now);
    assert_int_equal(now, len);
    assert_memory_equal(after, data, len);

    free(data);
    free(after);
    market_fixture_rmdir(dir);
}


/* ---- with messages */

static const char *const  messages[] = {
    "{\"result\":null,\"id\":1}",
    "{\"e\":\"trade\",\"E\":1723161254000,\"s\":\"BTCUSDT\",\"t\":10,"
        "\"p\":\"61837.63\",\"q\":\"0.02\",\"T\":1723161254000,\"m\":true}",
    "{\"u\":500,\"s\":\"BTCUSDT\",\"b\":\"61837.63\",\"B\":\"1.0\","
        "\"a\":\"61837.64\",\"A\":\"2.0\"}",
    /* refused: crossed, and older than what is known */
    "{\"u\":501,\"s\":\"BTCUSDT\",\"b\":\"61839.63\",\"B\":\"1.0\","
        "\"a\":\"61837.64\",\"A\":\"2.0\"}",
    "{\"u\":499,\"s\":\"BTCUSDT\",\"b\":\"61837.60\",\"B\":\"1.0\","
        "\"a\":\"61837.64\",\"A\":\"2.0\"}",
    "{\"e\":\"trade\",\"E\":1723161254100,\"s\":\"ETHUSDT\",\"t\":77,"
        "\"p\":\"2680.10\",\"q\":\"0.5\",\"T\":1723161254100,\"m\":false}",
    "{\"u\":502,\"s\":\"BTCUSDT\",\"b\":\"61837.70\",\"B\":\"1.0\","
        "\"a\":\"61837.75\",\"A\":\"2.0\"}",
    "{\"u\":503,\"s\":\"DOGEUSDT\",\"b\":\"1\",\"B\":\"1\",\"a\":\"2\","
        "\"A\":\"2\"}"
};


typedef struct {
    market_fixture_t  *f;
    int64_t            more;        /* added to each price: doctoring */
    int                omit;        /* of BTC's updates, after this one */
} feed_t;


static void
feed_update(void *ctx, const char *symbol, size_t len, const trd_update_t *u)
{
    int32_t       i;
    feed_t       *feed = ctx;
    trd_update_t  made = *u;

    i = market_find(&feed->f->market, TRD_SOURCE_BINANCE, symbol, len);

    if (i < 0 || (feed->omit && u->id == 502)) {
        return;
    }

    if (u->has & TRD_HAS_LAST) {
        made.last_e8 += feed->more;
    }

    (void) market_apply(&feed->f->market, feed->f->stats, (uint32_t) i, &made);
}


static void
feed_tape(const char *dir, int64_t more, int omit)
{
    feed_t             feed;
    size_t             k;
    trd_rc_t           rc;
    market_fixture_t   f;

    static const tsd_tape_origin_t  from = {
        TSD_TAPE_BINANCE_STREAM, TRD_SOURCE_BINANCE, 0, TSD_TAPE_QUOTES
    };

    memset(&f, 0, sizeof(f));
    f.config.tape_dir = dir;
    f.config.tape_raw = 1;
    f.config.tape_max_bytes = 1 << 20;
    f.config.tape_segment_bytes = 1 << 16;
    market_fixture_up(&f, TRD_SOURCE_BINANCE);
    feed.f = &f;
    feed.more = more;
    feed.omit = omit;

    for (k = 0; k < sizeof(messages) / sizeof(messages[0]); k++) {
        market_set_clock(&f.market, T0 + 50 * (int64_t) k);
        market_tape_raw(&f.market, &from, messages[k], strlen(messages[k]));
        rc = trd_binance_decode(messages[k], strlen(messages[k]), feed_update,
                                &feed);
        assert_true(rc == TRD_OK || rc == TRD_IGNORED);
        market_tape_raw_end(&f.market);
    }

    market_set_clock(&f.market, T0 + 60000);
    market_sweep(&f.market);
    market_reconnected(&f.market, TRD_SOURCE_BINANCE);
    market_fixture_down(&f);
}


static void
test_tsd_tape_every_changed_byte_is_found(void **state)
{
    char                 dir[128], path[2][4200];
    size_t               k, i, len;
    uint8_t             *data;
    tsd_tape_verdict_t   v;

    (void) state;

    feed_tape(market_fixture_dir(dir), 0, 0);
    tsd_tape_verify(dir, 1, &v, NULL, NULL);
    assert_string_equal(v.error, "");
    assert_int_equal(v.messages, 8);
    assert_int_equal(v.derived, 4);
    assert_int_equal(v.judged, 2);
    assert_int_equal(v.underived, 0);

    only_file(dir, TRD_TAPE_RECORDS, path[0]);
    only_file(dir, TRD_TAPE_RAW, path[1]);

    for (k = 0; k < 2; k++) {
        data = slurp(path[k], &len);

        for (i = 0; i < len; i++) {
            data[i] ^= (uint8_t) (1 << i % 8);
            spit(path[k], data, len);
            tsd_tape_verify(dir, 1, &v, NULL, NULL);

            if (v.rc == TRD_OK) {
                fail_msg("byte %zu of %s", i, path[k]);
            }

            data[i] ^= (uint8_t) (1 << i % 8);
        }

        /* and every missing end */
        for (i = 0; i < len; i++) {
            spit(path[k], data, i);
            tsd_tape_verify(dir, 1, &v, NULL, NULL);

            if (v.rc == TRD_OK) {
                fail_msg("cut at %zu of %s", i, path[k]);
            }
        }

        spit(path[k], data, len);
        free(data);
    }

    tsd_tape_verify(dir, 1, &v, NULL, NULL);
    assert_int_equal(v.rc, TRD_OK);
    market_fixture_rmdir(dir);
}


/* The doctor writes a tape that is sound in itself, of the same messages. */

static void
test_tsd_tape_doctored_tapes_are_found(void **state)
{
    char                 dir[128];
    tsd_tape_verdict_t   v;

    (void) state;

    feed_tape(market_fixture_dir(dir), 1000000, 0);
    tsd_tape_verify(dir, 0, &v, NULL, NULL);
    assert_string_equal(v.error, "");
    tsd_tape_verify(dir, 1, &v, NULL, NULL);
    assert_non_null(strstr(v.error, "is not what message 2 says"));
    market_fixture_rmdir(dir);

    feed_tape(market_fixture_dir(dir), 0, 1);
    tsd_tape_verify(dir, 0, &v, NULL, NULL);
    assert_string_equal(v.error, "");
    tsd_tape_verify(dir, 1, &v, NULL, NULL);
    assert_non_null(strstr(v.error, "was left out"));
    market_fixture_rmdir(dir);
}


/* no directory any more: what is lost is counted, and said once it works */

static void
test_tsd_tape_says_what_is_lost(void **state)
{
    char                 dir[128];
    uint64_t             seq, k;
    tsd_tape_t          *t;
    tsd_tape_stats_t     stats;
    tsd_tape_verdict_t   v;

    (void) state;

    t = tape_up(market_fixture_dir(dir), 0, &seq);
    market_fixture_rmdir(dir);

    for (k = 0; k < 100; k++) {
        put(t, k, 6000000000000);
    }

    do {
        tsd_tape_tick(t);
        usleep(1000);
        put(t, k, 6000000000000);
        k++;
        tsd_tape_stats(t, &stats);
    } while (stats.lost < 100);

    assert_int_equal(mkdir(dir, 0700), 0);
    put(t, k++, 6000000000000);
    assert_int_equal(tsd_tape_close(t), -1);

    tsd_tape_verify(dir, 0, &v, NULL, NULL);
    assert_string_equal(v.error, "");
    assert_true(v.lost >= 100);
    assert_int_equal(v.updates + v.lost, k);
    market_fixture_rmdir(dir);
}


static void
test_tsd_tape_has_one_writer(void **state)
{
    char                 dir[128];
    uint64_t             seq;
    tsd_tape_t          *t;
    tsd_tape_options_t   o;

    (void) state;

    t = tape_up(market_fixture_dir(dir), 0, &seq);
    memset(&o, 0, sizeof(o));
    o.dir = dir;
    o.n = 2;
    o.instruments = instruments;
    assert_null(tsd_tape_create(&o, &seq));
    assert_int_equal(tsd_tape_close(t), 0);
    market_fixture_rmdir(dir);
}


/* refused, by whoever reads it and whoever would go on with it */

static void
test_tsd_tape_of_another_version(void **state)
{
    char                 dir[128], path[4200];
    size_t               len, left;
    uint8_t             *data, *after;
    unsigned             i;
    uint64_t             seq, hash;
    tsd_tape_t          *t;
    tsd_tape_options_t   o;
    tsd_tape_verdict_t   v;

    (void) state;

    t = tape_up(market_fixture_dir(dir), 0, &seq);
    put(t, 0, 6000000000000);
    assert_int_equal(tsd_tape_close(t), 0);
    only_file(dir, TRD_TAPE_RECORDS, path);
    data = slurp(path, &len);
    data[8] = 2;
    hash = trd_tape_hash(data, TRD_TAPE_HEAD_SIZE - 8);

    for (i = 0; i < 8; i++) {
        data[TRD_TAPE_HEAD_SIZE - 8 + i] = (uint8_t) (hash >> 8 * i);
    }

    spit(path, data, len);
    tsd_tape_verify(dir, 0, &v, NULL, NULL);
    assert_non_null(strstr(v.error, "is of format version 2, this program "
                                    "reads version 3 only"));

    memset(&o, 0, sizeof(o));
    o.dir = dir;
    o.n = 2;
    o.instruments = instruments;
    assert_null(tsd_tape_create(&o, &seq));

    after = slurp(path, &left);
    assert_int_equal(left, len);
    assert_memory_equal(after, data, len);
    free(after);
    free(data);
    market_fixture_rmdir(dir);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_tsd_tape_reads_back_and_stays_bounded),
        cmocka_unit_test(test_tsd_tape_crash_at_every_byte),
        cmocka_unit_test(test_tsd_tape_damage_is_not_cut),
        cmocka_unit_test(test_tsd_tape_every_changed_byte_is_found),
        cmocka_unit_test(test_tsd_tape_doctored_tapes_are_found),
        cmocka_unit_test(test_tsd_tape_says_what_is_lost),
        cmocka_unit_test(test_tsd_tape_has_one_writer),
        cmocka_unit_test(test_tsd_tape_of_another_version)
    };

    /* what is refused here is meant to be */
    if (tsd_log_init("test", getenv("TEST_LOG") ? "info" : "error", "text")
        != 0)
    {
        return 1;
    }

    strcpy(instruments[0].symbol, "BTC");
    strcpy(instruments[0].exchange_symbol, "BTCUSDT");
    strcpy(instruments[1].symbol, "ETH");
    strcpy(instruments[1].exchange_symbol, "ETHUSDT");
    instruments[0].price_tick_e8 = instruments[1].price_tick_e8 = 1000000;
    instruments[0].lot_step_e8 = instruments[1].lot_step_e8 = 1000;
    instruments[0].source = instruments[1].source = TRD_SOURCE_BINANCE;

    return cmocka_run_group_tests(tests, NULL, NULL);
}
