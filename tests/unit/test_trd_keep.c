/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The record of past signals: a backtest that is kept and taken back in the
 * middle goes on as one that was never interrupted, to the last bit; bytes
 * that are changed, torn, of another layout, or that contradict themselves
 * under a right hash, are refused.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recordings.h"
#include "trd_keep.h"

#define CANDLES  600
#define MINUTE   60000LL

static const trd_keep_head_t  head = { TRD_KEEP_SIMULATED, 7, 2,
                                       1767225600000LL, 1767225660000LL };
static trd_candle_t           candles[CANDLES];
static uint8_t                buf[4 * TRD_KEEP_INSTRUMENT];


static void
walk(uint64_t seed)
{
    int       i;
    int64_t   price, next;

    price = 100 * TRD_E8;

    for (i = 0; i < CANDLES; i++) {
        next = price + (int64_t) (recordings_random(&seed) % 2000001)
               - 1000000;

        if (i >= 250 && i < 420) {          /* nothing moves at all */
            next = price;
        }

        memset(&candles[i], 0, sizeof(candles[i]));
        candles[i].open_ms = (20000000 + i) * MINUTE;
        candles[i].open_e8 = price;
        candles[i].close_e8 = next;
        candles[i].high_e8 = price > next ? price : next;
        candles[i].low_e8 = price < next ? price : next;
        price = next;
    }
}


static void
begin(trd_keep_track_t *t)
{
    memset(t, 0, sizeof(*t));
    trd_track_init(&t->track);
    trd_calibration_init(&t->learned, TRD_HORIZON);
}


static void
feed(trd_keep_track_t *t, int from, int to)
{
    trd_track_result_t  r;

    for ( ; from < to; from++) {
        assert_int_equal(trd_track_close(&t->track, TRD_TIMEFRAME_1M,
                                         &candles[from], &t->learned,
                                         &t->learned, &t->totals, &r),
                         TRD_OK);
        t->has = r.has;
        t->values = r.values;
        t->technical = r.technical;
    }
}


static size_t
keep(const trd_keep_track_t *t, trd_timeframe_t timeframe)
{
    size_t                len;
    trd_instrument_t      in;
    trd_keep_writer_t     w;
    trd_keep_threshold_t  none;

    memset(&in, 0, sizeof(in));
    memset(&none, 0, sizeof(none));
    (void) snprintf(in.symbol, sizeof(in.symbol), "EUR/USD");
    memset(in.exchange_symbol, 'E', TRD_SYMBOL_LEN);
    in.source = TRD_SOURCE_SIMULATOR;
    assert_int_equal(trd_score_signal(&none.ring, &none.totals, 99, 1,
                                      60 * TRD_E8, 5, 0), TRD_OK);

    trd_keep_begin(&w, buf, sizeof(buf), &head);
    trd_keep_instrument(&w, &in, &none);
    trd_keep_track(&w, timeframe, t);
    len = trd_keep_end(&w);
    assert_true(len > 0 && len < TRD_KEEP_HEAD + TRD_KEEP_INSTRUMENT);

    return trd_keep_seal(buf, len);
}


/* TRD_OK: whole; the track is in *item */
static trd_rc_t
take(size_t len, trd_keep_item_t *item)
{
    trd_rc_t            rc;
    const char         *why;
    trd_keep_head_t     got;
    trd_keep_reader_t   r;

    if (trd_keep_open(&r, buf, len, &got, &why) != TRD_OK) {
        assert_non_null(why);
        return TRD_CORRUPT;
    }

    assert_memory_equal(&got, &head, sizeof(got));
    rc = trd_keep_next(&r, item);

    if (rc == TRD_OK) {
        assert_int_equal(item->kind, TRD_KEEP_NEXT_INSTRUMENT);
        assert_string_equal(item->symbol, "EUR/USD");
        assert_int_equal(strlen(item->exchange_symbol), TRD_SYMBOL_LEN);
        assert_int_equal(item->source, TRD_SOURCE_SIMULATOR);
        assert_int_equal(item->threshold.ring.n, 1);
        assert_int_equal(item->threshold.totals.opened, 1);
        rc = trd_keep_next(&r, item);
    }

    if (rc == TRD_OK) {
        assert_int_equal(item->kind, TRD_KEEP_TRACK);
        rc = trd_keep_next(&r, &(trd_keep_item_t) { 0 });
        rc = rc == TRD_NOT_FOUND ? TRD_OK : TRD_CORRUPT;
    }

    return rc;
}


/* rings are the same if their signals are; places and leftovers may differ */
static void
same(const trd_keep_track_t *a, const trd_keep_track_t *b)
{
    uint32_t  i;

    assert_int_equal(a->track.open_ms, b->track.open_ms);
    assert_memory_equal(&a->track.indicator, &b->track.indicator,
                        sizeof(a->track.indicator));
    assert_int_equal(a->track.ring.n, b->track.ring.n);

    for (i = 0; i < a->track.ring.n; i++) {
        assert_memory_equal(
            &a->track.ring.open[(a->track.ring.head + i) % TRD_SCORE_OPEN],
            &b->track.ring.open[(b->track.ring.head + i) % TRD_SCORE_OPEN],
            sizeof(trd_score_open_t));
    }

    assert_memory_equal(&a->learned, &b->learned, sizeof(a->learned));
    assert_memory_equal(&a->totals, &b->totals, sizeof(a->totals));
    assert_int_equal(a->has, b->has);

    if (a->has & TRD_TRACK_SIGNAL) {
        assert_memory_equal(&a->values.close, &b->values.close,
                            sizeof(a->values)
                            - offsetof(trd_indicator_values_t, close));
        assert_int_equal(a->technical.signal.confidence_e8,
                         b->technical.signal.confidence_e8);
        assert_int_equal(a->technical.signal.stop_e8,
                         b->technical.signal.stop_e8);
        assert_int_equal(a->technical.samples, b->technical.samples);
        assert_true(a->technical.score == b->technical.score);
    }
}


static void
test_trd_keep_goes_on_as_if_nothing_had_been(void **state)
{
    int               cut;
    trd_keep_item_t   item;
    trd_keep_track_t  whole, part;

    (void) state;
    walk(4711);
    begin(&whole);
    feed(&whole, 0, CANDLES);
    assert_true(whole.totals.hits + whole.totals.misses > 350);

    for (cut = 1; cut < CANDLES; cut += cut < 60 ? 1 : 37) {
        begin(&part);
        feed(&part, 0, cut);
        assert_int_equal(take(keep(&part, TRD_TIMEFRAME_1M), &item), TRD_OK);
        assert_int_equal(item.timeframe, TRD_TIMEFRAME_1M);
        same(&item.track, &part);

        /* what was counted is known, and comes to nothing again */
        assert_int_equal(trd_track_close(&item.track.track, TRD_TIMEFRAME_1M,
                                         &candles[cut - 1],
                                         &item.track.learned,
                                         &item.track.learned,
                                         &item.track.totals,
                                         &(trd_track_result_t) { 0 }),
                         TRD_IGNORED);

        feed(&item.track, cut, CANDLES);
        same(&item.track, &whole);
    }
}


static void
test_trd_keep_changed_bytes_are_refused(void **state)
{
    size_t            i, len;
    trd_keep_item_t   item;
    trd_keep_track_t  t;

    (void) state;
    walk(5);
    begin(&t);
    feed(&t, 0, 100);
    len = keep(&t, TRD_TIMEFRAME_1M);

    for (i = 0; i < len; i++) {
        buf[i] ^= 0x10;
        assert_int_equal(take(len, &item), TRD_CORRUPT);
        buf[i] ^= 0x10;
        assert_int_equal(take(i, &item), TRD_CORRUPT);
    }

    assert_int_equal(take(len + 8, &item), TRD_CORRUPT);
    assert_int_equal(take(len, &item), TRD_OK);
}


/* the hash is right, the state is none */
static void
test_trd_keep_contradictions_are_refused(void **state)
{
    unsigned          i;
    trd_keep_item_t   item;
    trd_keep_track_t  good, t;

    (void) state;
    walk(6);
    begin(&good);
    feed(&good, 0, 200);

    for (i = 0; i < 20; i++) {
        t = good;

        switch (i) {
        case 0: t.totals.hits++; break;
        case 1: t.totals.opened++; break;
        case 2: t.learned.up[3] = t.learned.n[3] + 1; break;
        case 3: t.learned.n[4]++; break;
        case 4: t.track.open_ms++; break;
        case 5: t.track.open_ms = -MINUTE; break;
        case 6: t.track.indicator.closes[2] = -1; break;
        case 7: t.track.indicator.close_e8 = INT64_MIN; break;
        case 8: t.track.ring.open[t.track.ring.head].entry_e8 = 0; break;
        case 9:
            t.track.ring.open[t.track.ring.head].due_ms = INT64_MAX;
            break;
        case 10:
            t.track.ring.open[t.track.ring.head].tag
                = TRD_CALIBRATION_BUCKETS;
            break;
        case 11: t.totals.brier = -1; break;
        case 12: t.technical.signal.kind = TRD_SIGNAL_N; break;
        case 13: t.technical.signal.target_e8 = 0; break;
        case 14: t.totals.bins[10].hits = t.totals.bins[10].n + 1; break;
        case 15: t.track.indicator.smooth.signal = NAN; break;
        case 16: t.track.indicator.smooth.atr = -1; break;
        case 17: t.track.indicator.mean = 1e300; break;
        case 18:
            t.track.indicator.smooth.plus_dm
                = 2 * t.track.indicator.smooth.atr;
            break;
        default: t.values.ready = TRD_IND_ALL + 1; break;
        }

        if (take(keep(&t, TRD_TIMEFRAME_1M), &item) != TRD_CORRUPT) {
            fail_msg("case %u is taken", i);
        }
    }

    assert_int_equal(take(keep(&good, TRD_TIMEFRAME_1D), &item),
                     TRD_CORRUPT);          /* minutes are no days */
    assert_int_equal(take(keep(&good, TRD_TIMEFRAME_1M), &item), TRD_OK);
}


static void
test_trd_keep_says_what_is_another_s(void **state)
{
    const char         *why;
    trd_keep_head_t     got;
    trd_keep_track_t    t;
    trd_keep_reader_t   r;
    size_t              len;

    (void) state;
    walk(6);
    begin(&t);
    feed(&t, 0, 50);
    len = keep(&t, TRD_TIMEFRAME_1M);

    buf[8]++;
    assert_int_equal(trd_keep_open(&r, buf, len, &got, &why), TRD_CORRUPT);
    assert_string_equal(why, "another layout");
    buf[8]--;

    buf[20]++;
    (void) trd_keep_seal(buf, len - 8);
    assert_int_equal(trd_keep_open(&r, buf, len, &got, &why), TRD_CORRUPT);
    assert_string_equal(why, "another model");
}


static void
test_trd_keep_does_not_write_past_its_end(void **state)
{
    size_t             size, need;
    trd_keep_track_t   t;
    trd_keep_writer_t  w;

    (void) state;
    walk(8);
    begin(&t);
    feed(&t, 0, 100);

    trd_keep_begin(&w, buf, sizeof(buf), &head);
    trd_keep_track(&w, TRD_TIMEFRAME_1M, &t);
    need = trd_keep_end(&w) + 8;

    for (size = 0; size <= need; size++) {
        memset(buf, 0xaa, sizeof(buf));
        trd_keep_begin(&w, buf, size, &head);
        trd_keep_track(&w, TRD_TIMEFRAME_1M, &t);
        assert_int_equal(trd_keep_end(&w), size == need ? need - 8 : 0);
        assert_int_equal(buf[size], 0xaa);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_trd_keep_goes_on_as_if_nothing_had_been),
        cmocka_unit_test(test_trd_keep_changed_bytes_are_refused),
        cmocka_unit_test(test_trd_keep_contradictions_are_refused),
        cmocka_unit_test(test_trd_keep_says_what_is_another_s),
        cmocka_unit_test(test_trd_keep_does_not_write_past_its_end)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
