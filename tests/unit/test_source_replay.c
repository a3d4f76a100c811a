/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Protects replaying: a recording gives the same board every time; a tape of
 * a run gives that run's board again, byte for byte in its quotes and pages;
 * bars give what bars can give and nothing made up.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tape_fixture.h"
#include "trd_writer.h"
#include "tsd_log.h"

#define RECORDING  "../shared/data/binance-ws/hft-spot-btcusdt-20240808.log.gz"
#define OTHER      "../shared/data/binance-ws/hft-spot-ethusdt-20240808.log.gz"
#define BARS_1M    "../shared/data/ohlcv/binance-BTCBUSD-1m-20221213.csv.gz"
#define DUMP_MAX   (1 << 20)


/* what a run leaves behind */
typedef struct {
    uint64_t     seq;
    uint32_t     quoted, stale;
    trd_quote_t  quotes[MARKET_INSTRUMENTS];
    size_t       len;
    char        *pages;
} dump_t;


/* pages of the market say when they were rendered, no value of the market */

static void
dump_blank(char *page, size_t len, const char *before)
{
    size_t  i, n;

    n = strlen(before);

    for (i = 0; i + n + TRD_TIME_LEN <= len; i++) {
        if (memcmp(page + i, before, n) == 0) {
            memset(page + i + n, '-', TRD_TIME_LEN);
            return;
        }
    }
}


static void
dump_page(dump_t *d, const trd_board_t *b, const trd_page_t *page)
{
    trd_page_view_t  v;

    if (trd_page_begin(b, page, 0, &v) != TRD_OK) {
        return;
    }

    assert_true(d->len + v.len < DUMP_MAX);
    assert_int_equal(trd_page_copy(&v, d->pages + d->len), TRD_OK);

    if (page >= b->pages) {
        dump_blank(d->pages + d->len, v.len, "{\"timestamp\":\"");
        dump_blank(d->pages + d->len, v.len,
                   "\"overview\":{\"timestamp\":\"");
    }

    d->len += v.len;
}


static void
dump_board(market_fixture_t *f, dump_t *d)
{
    uint32_t      i;
    unsigned      k;
    const char   *why;
    trd_board_t   b;

    memset(d, 0, sizeof(*d));
    d->pages = calloc(1, DUMP_MAX);
    assert_non_null(d->pages);

    render_now(f->market.render);
    assert_int_equal(trd_board_open(&b, f->memory, f->size, &why), TRD_OK);

    d->seq = trd_board_seq(&b);
    d->quoted = f->market.quoted;
    d->stale = f->market.stale;

    for (i = 0; i < MARKET_INSTRUMENTS; i++) {
        assert_int_equal(trd_board_quote(&b, i, &d->quotes[i]), TRD_OK);

        for (k = 0; k < TRD_ENTRY_N; k++) {
            dump_page(d, &b, trd_board_entry_page(&b, i, k));
        }
    }

    for (k = 0; k < TRD_PAGE_N; k++) {
        dump_page(d, &b, trd_board_page(&b, k, TRD_VARIANT_PLAIN));
    }
}


static void
dump_free(dump_t *d)
{
    free(d->pages);
}


/* one run, from nothing to the end of its source; tape: where, or NULL */

static int
run(const source_ops_t *ops, const char *path, const char *symbol,
    const char *tape, dump_t *d)
{
    int                 rc;
    market_fixture_t   *f;

    f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->config.mode = ops->id == TRD_SOURCE_REPLAY ? MARKETD_REPLAY
                                                  : MARKETD_SIMULATOR;
    f->config.replay_path = path;
    f->config.replay_symbol = symbol;
    f->config.sim_seed = 5;
    f->config.sim_start_ms = 1767225600000;
    f->config.sim_rate = 0;
    f->config.sim_updates = 30000;
    f->config.tape_dir = tape;
    f->config.tape_raw = 1;
    f->config.tape_max_bytes = 1 << 24;
    f->config.tape_segment_bytes = 1 << 16;
    market_fixture_up(f, ops->id);

    if (ops->id == TRD_SOURCE_REPLAY) {
        market_set_clock(&f->market, 0);
        f->market.own_sweep = 1;
    }

    rc = market_fixture_run(f, ops);

    if (rc == 0 && ops->id == TRD_SOURCE_SIMULATOR) {

        /* something for the tape that is not an update */
        market_set_clock(&f->market, f->market.now_ms + 60000);
        market_sweep(&f->market);
    }

    if (rc == 0) {
        dump_board(f, d);
    }

    market_fixture_down(f);
    free(f);

    return rc;
}


static void
assert_same(const dump_t *a, const dump_t *b)
{
    uint32_t  i;

    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->quoted, b->quoted);
    assert_int_equal(a->stale, b->stale);

    for (i = 0; i < MARKET_INSTRUMENTS; i++) {
        assert_memory_equal(&a->quotes[i], &b->quotes[i],
                            sizeof(trd_quote_t));
    }

    assert_int_equal(a->len, b->len);
    assert_memory_equal(a->pages, b->pages, a->len);
}


static void
test_replay_feed_is_reproducible(void **state)
{
    dump_t  a, b;

    (void) state;

    if (access(RECORDING, R_OK) != 0) {
        print_message("no " RECORDING ": skipped\n");
        skip();
    }

    assert_int_equal(run(&source_replay, RECORDING, NULL, NULL, &a), 0);
    assert_int_equal(run(&source_replay, RECORDING, NULL, NULL, &b), 0);
    assert_true(a.seq > 20000 && a.quoted == 1);
    assert_int_equal(a.quotes[0].source, TRD_SOURCE_REPLAY);
    assert_same(&a, &b);
    dump_free(&a);
    dump_free(&b);
}


static void
test_replay_tape_of_a_feed_gives_its_board(void **state)
{
    char                 dir[128];
    size_t               k;
    dump_t               a, b;
    tsd_tape_verdict_t   v;

    static const char *const  files[] = { RECORDING, OTHER };

    (void) state;

    if (access(RECORDING, R_OK) != 0 || access(OTHER, R_OK) != 0) {
        print_message("no recordings: skipped\n");
        skip();
    }

    for (k = 0; k < 2; k++) {
        market_fixture_dir(dir);
        assert_int_equal(run(&source_replay, files[k], NULL, dir, &a), 0);
        tsd_tape_verify(dir, 1, &v, NULL, NULL);
        assert_string_equal(v.error, "");
        assert_int_equal(v.derived, v.updates);
        assert_int_equal(v.underived, 0);

        assert_int_equal(run(&source_replay, dir, NULL, NULL, &b), 0);
        assert_same(&a, &b);
        dump_free(&a);
        dump_free(&b);
        market_fixture_rmdir(dir);
    }
}


/* The quotes' source is the one difference, and what follows from it. */

static void
test_replay_tape_of_the_simulator_gives_its_board(void **state)
{
    char                 dir[128], *p;
    dump_t               a, b;
    uint32_t             i;
    tsd_tape_verdict_t   v;

    (void) state;

    market_fixture_dir(dir);
    assert_int_equal(run(&source_simulator, NULL, NULL, dir, &a), 0);
    tsd_tape_verify(dir, 1, &v, NULL, NULL);
    assert_string_equal(v.error, "");
    assert_int_equal(v.updates, 30000);
    assert_int_equal(v.underived, 30000);

    assert_int_equal(run(&source_replay, dir, NULL, NULL, &b), 0);
    assert_int_equal(a.stale, 2);

    for (i = 0; i < MARKET_INSTRUMENTS; i++) {
        assert_int_equal(b.quotes[i].source, TRD_SOURCE_REPLAY);
        b.quotes[i].source = TRD_SOURCE_SIMULATOR;
    }

    while ((p = strstr(a.pages, "\"simulator\"")) != NULL) {
        memcpy(p, "\"replay\"", 8);
        memmove(p + 8, p + 11, a.len - (size_t) (p - a.pages) - 10);
        a.len -= 3;
    }

    assert_same(&a, &b);
    assert_non_null(strstr(b.pages, "\"simulated\":true"));
    dump_free(&a);
    dump_free(&b);
    market_fixture_rmdir(dir);
}


/* a tape that a restart goes through, which carries nothing over */

static void
test_replay_tape_with_a_restart(void **state)
{
    char                 dir[128];
    dump_t               a, b;
    uint32_t             i;
    tsd_tape_verdict_t   v;

    (void) state;

    market_fixture_dir(dir);
    assert_int_equal(run(&source_simulator, NULL, NULL, dir, &a), 0);
    dump_free(&a);
    assert_int_equal(run(&source_simulator, NULL, NULL, dir, &a), 0);
    assert_true(a.seq > 40000);

    tsd_tape_verify(dir, 1, &v, NULL, NULL);
    assert_string_equal(v.error, "");
    assert_int_equal(v.updates, 60000);
    assert_int_equal(v.last_seq, a.seq);

    assert_int_equal(run(&source_replay, dir, NULL, NULL, &b), 0);
    assert_int_equal(a.seq, b.seq);

    for (i = 0; i < MARKET_INSTRUMENTS; i++) {
        b.quotes[i].source = TRD_SOURCE_SIMULATOR;
        assert_memory_equal(&a.quotes[i], &b.quotes[i], sizeof(trd_quote_t));
    }

    dump_free(&a);
    dump_free(&b);
    market_fixture_rmdir(dir);
}


static void
write_file(char *path, const char *dir, const char *name, const char *text)
{
    FILE  *f;

    (void) sprintf(path, "%.100s/%.60s", dir, name);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}


static void
test_replay_bars_give_what_bars_can(void **state)
{
    char          dir[128], path[200], text[4096];
    int           i;
    dump_t        d;
    size_t        len;
    trd_quote_t  *q = &d.quotes[0];

    (void) state;

    market_fixture_dir(dir);
    len = (size_t) sprintf(text, "open_time_ms,open,high,low,close,volume\n");

    /* 24 bars of an hour: one short of a whole day before the last close */
    for (i = 0; i < 25; i++) {
        len += (size_t) sprintf(text + len, "%lld,%d,%d.5,%d,%d.25,2\n",
                                1700000000000LL + i * 3600000LL, 100 + i,
                                200 + i, 90 + i, 110 + i);
    }

    write_file(path, dir, "some-BTCUSDT-1h.csv", text);
    assert_int_equal(run(&source_replay, path, NULL, NULL, &d), 0);

    assert_int_equal(q->has, TRD_HAS_LAST | TRD_HAS_OPEN | TRD_HAS_HIGH
                             | TRD_HAS_LOW | TRD_HAS_VOLUME | TRD_HAS_CHANGE
                             | TRD_HAS_TIME);
    assert_int_equal(q->last_e8, 13425000000);
    assert_int_equal(q->open_e8, 101 * TRD_E8);
    assert_int_equal(q->high_e8, 22450000000);
    assert_int_equal(q->low_e8, 91 * TRD_E8);
    assert_int_equal(q->volume_e8, 48 * TRD_E8);
    assert_int_equal(q->exchange_ms, 1700000000000 + 25 * 3600000);
    assert_int_equal(q->received_ms, q->exchange_ms);
    dump_free(&d);

    /* not a day: no 24-hour values */
    *(strrchr(text, '\n')) = '\0';
    *(strrchr(text, '\n')) = '\0';
    *(strrchr(text, '\n') + 1) = '\0';
    write_file(path, dir, "x.csv", text);
    assert_int_equal(run(&source_replay, path, NULL, NULL, &d), -1);
    assert_int_equal(run(&source_replay, path, "ETHUSDT", NULL, &d), 0);
    assert_int_equal(d.quotes[0].has, 0);
    assert_int_equal(d.quotes[1].has, TRD_HAS_LAST | TRD_HAS_TIME);
    dump_free(&d);

    market_fixture_rmdir(dir);
}


static void
test_replay_recorded_day_of_bars(void **state)
{
    dump_t  d;

    (void) state;

    if (access(BARS_1M, R_OK) != 0) {
        print_message("no " BARS_1M ": skipped\n");
        skip();
    }

    /* 1,440 bars: the last one's day is the whole file */
    assert_int_equal(run(&source_replay, BARS_1M, "BTCUSDT", NULL, &d), 0);
    assert_true(d.quotes[0].has & TRD_HAS_OPEN);
    assert_true(d.quotes[0].high_e8 >= d.quotes[0].last_e8
                && d.quotes[0].low_e8 <= d.quotes[0].last_e8);
    /* each turns stale before the next */
    assert_int_equal(d.seq, 1440 + 1439);
    dump_free(&d);
}


static void
test_replay_refuses_what_it_cannot_play(void **state)
{
    char      dir[128], path[200];
    dump_t    d;
    unsigned  i;

    static const char *const  texts[] = {
        "", "\n\n", "hello\n", "{\"e\":\"trade\"}\n",
        "open_time_ms,open,high,low,close,volume\n",
        "open_time_ms,open,high,low,close,volume\n1,2,3\n",
        "1700000000000,1,1,1,1,1\n1600000000000,1,1,1,1,1\n",
        "9223372036854775000,1,1,1,1,1\n9223372036854775807,1,1,1,1,1\n",
        "253402300800.0: {}\n",
        "TRDTAPE\n", "99999999999999999999999 {}\n", "TRDTAPE\nxxxxxxxxxxxx"
    };

    (void) state;

    market_fixture_dir(dir);

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        write_file(path, dir, "BTCUSDT.log", texts[i]);

        /* a tape that just begins is an empty one */
        assert_int_equal(run(&source_replay, path, NULL, NULL, &d),
                         strncmp(texts[i], "TRDTAPE", 7) ? -1 : 0);

        if (strncmp(texts[i], "TRDTAPE", 7) == 0) {
            assert_int_equal(d.quoted, 0);
            dump_free(&d);
        }
    }

    assert_int_equal(run(&source_replay, "/nowhere/at/all", NULL, NULL, &d),
                     -1);
    market_fixture_rmdir(dir);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_replay_feed_is_reproducible),
        cmocka_unit_test(test_replay_tape_of_a_feed_gives_its_board),
        cmocka_unit_test(test_replay_tape_of_the_simulator_gives_its_board),
        cmocka_unit_test(test_replay_tape_with_a_restart),
        cmocka_unit_test(test_replay_bars_give_what_bars_can),
        cmocka_unit_test(test_replay_recorded_day_of_bars),
        cmocka_unit_test(test_replay_refuses_what_it_cannot_play)
    };

    /* what is refused here is meant to be */
    if (tsd_log_init("test", getenv("TEST_LOG") ? "info" : "error", "text")
        != 0)
    {
        return 1;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
