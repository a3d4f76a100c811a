/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The builder of candles: its rules by hand, random trades against a plain
 * model of all six intervals, and the recordings: candles from aggTrades are
 * the recorded klines, and the source's own candles stay what they are to
 * the last digit.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recordings.h"
#include "trd_binance_market.h"
#include "trd_candle.h"
#include "trd_decimal.h"

#define KEPT  20000
#define T0    1617566580000LL       /* 2021-04-04 20:03 */

#define WS    RECORDINGS "/binance-ws/cf-spot-btc-eth-dot-20210404.log.gz"
#define REST  RECORDINGS "/binance-rest/gct-klines-BTCUSDT-1m-20200506.json"

/* what was passed on, the last state of each candle */
typedef struct {
    trd_candle_series_t   s;
    trd_candle_rules_t    rules;
    trd_candle_t         *kept[TRD_INTERVALS];
    size_t                n[TRD_INTERVALS];
    size_t                calls;
} fixture_t;


static void
fixture_init(fixture_t *f, uint32_t capacity, uint32_t complete)
{
    unsigned  i;

    memset(f, 0, sizeof(*f));
    f->rules.capacity = capacity;
    f->rules.grace_ms = 2000;
    f->rules.complete = complete;
    trd_candle_init(&f->s, &f->rules,
                    malloc(trd_candle_memory(&f->rules)));

    for (i = 0; i < TRD_INTERVALS; i++) {
        f->kept[i] = malloc(KEPT * sizeof(trd_candle_t));
        assert_non_null(f->kept[i]);
    }
}


static void
fixture_free(fixture_t *f)
{
    unsigned  i;

    for (i = 0; i < TRD_INTERVALS; i++) {
        free(f->kept[i]);
    }

    free(f->s.ring[0].ring);
}


static void
keep(void *ctx, unsigned interval, const trd_candle_t *c)
{
    size_t         i;
    fixture_t     *f = ctx;
    trd_candle_t  *k;

    f->calls++;
    assert_int_equal(c->flags & ~(uint32_t) TRD_CANDLE_FLAGS, 0);
    assert_true(c->low_e8 <= c->open_e8 && c->open_e8 <= c->high_e8);
    assert_true(c->low_e8 <= c->close_e8 && c->close_e8 <= c->high_e8);
    assert_int_equal(c->open_ms % trd_interval_ms(interval), 0);

    k = f->kept[interval];

    for (i = f->n[interval]; i > 0 && k[i - 1].open_ms >= c->open_ms; i--) {
        if (k[i - 1].open_ms == c->open_ms) {
            k[i - 1] = *c;
            return;
        }
    }

    assert_true(f->n[interval] < KEPT);
    memmove(&k[i + 1], &k[i], (f->n[interval]++ - i) * sizeof(*k));
    k[i] = *c;
}


static trd_rc_t
trade(fixture_t *f, uint64_t id, int64_t ms, int64_t price, int64_t quantity)
{
    trd_print_t  t = { id, id, price * TRD_E8, quantity, ms };

    return trd_candle_trade(&f->s, &f->rules, &t, keep, f);
}


static const trd_candle_t *
newest(fixture_t *f, unsigned interval, uint32_t back)
{
    const trd_candle_t  *c;

    c = trd_candle_at(&f->s, &f->rules, interval, back);
    assert_non_null(c);

    return c;
}


static void
flush(fixture_t *f)
{
    (void) trd_candle_flush(&f->s, &f->rules, keep, f);
}


static void
test_open_and_closed(void **state)
{
    unsigned             i;
    fixture_t            f;
    const trd_candle_t  *c;

    (void) state;
    fixture_init(&f, 64, 0);

    assert_int_equal(trade(&f, 10, T0 + 11000, 100, 3), TRD_OK);
    assert_int_equal(trade(&f, 11, T0 + 59999, 90, 4), TRD_OK);
    assert_int_equal(trade(&f, 12, T0 + 60000, 95, 5), TRD_OK);

    /* the first minute was not heard from its beginning */
    c = newest(&f, 0, 1);
    assert_int_equal(c->open_ms, T0);
    assert_int_equal(c->flags & TRD_CANDLE_FLAGS, TRD_CANDLE_PARTIAL);
    assert_int_equal(c->open_e8, 100 * TRD_E8);
    assert_int_equal(c->close_e8, 90 * TRD_E8);
    assert_int_equal(c->volume_e8, 7);
    assert_int_equal(c->quote_volume_e8, 660);
    assert_int_equal(c->trades, 2);
    c = newest(&f, 0, 0);
    assert_int_equal(c->open_ms, T0 + 60000);
    assert_int_equal(c->flags & TRD_CANDLE_FLAGS, TRD_CANDLE_OPEN);

    /* two minutes without trades are two minutes without candles */
    assert_int_equal(trade(&f, 13, T0 + 240001, 96, 5), TRD_OK);
    assert_int_equal(newest(&f, 0, 0)->open_ms, T0 + 240000);
    assert_int_equal(newest(&f, 0, 1)->open_ms, T0 + 60000);
    assert_int_equal(newest(&f, 0, 1)->flags & TRD_CANDLE_OPEN, 0);

    /* the clock closes, with a grace */
    trd_candle_clock(&f.s, &f.rules, T0 + 301999);
    assert_true(newest(&f, 0, 0)->flags & TRD_CANDLE_OPEN);
    trd_candle_clock(&f.s, &f.rules, T0 + 302000);
    assert_false(newest(&f, 0, 0)->flags & TRD_CANDLE_OPEN);
    assert_true(newest(&f, TRD_INTERVAL_15M, 0)->flags & TRD_CANDLE_OPEN);

    /* each candle once a flush, and nothing when nothing changed */
    f.calls = 0;
    assert_int_equal(trd_candle_flush(&f.s, &f.rules, keep, &f), 0x3f);
    assert_int_equal(f.calls, 3 + 2 + 1 + 1 + 1 + 1);
    assert_int_equal(trd_candle_flush(&f.s, &f.rules, keep, &f), 0);

    for (i = 1; i < TRD_INTERVALS; i++) {
        assert_true(f.kept[i][0].flags & TRD_CANDLE_PARTIAL);
    }

    fixture_free(&f);
}


static void
test_late_and_repeated(void **state)
{
    fixture_t            f;
    trd_print_t          t = { 30, 33, 100 * TRD_E8, 1, T0 };
    const trd_candle_t  *c;

    (void) state;
    fixture_init(&f, 64, 0);

    assert_int_equal(trade(&f, 30, T0 - 60000, 100, 1), TRD_OK);
    assert_int_equal(trade(&f, 31, T0, 100, 1), TRD_OK);
    assert_int_equal(trade(&f, 32, T0 + 60000, 100, 1), TRD_OK);

    /* the next id, but of the minute before: new for sure */
    assert_int_equal(trade(&f, 33, T0 + 59999, 105, 2), TRD_OK);
    c = newest(&f, 0, 1);
    assert_int_equal(c->high_e8, 105 * TRD_E8);
    assert_int_equal(c->volume_e8, 3);
    assert_int_equal(c->quote_volume_e8, 310);
    assert_int_equal(newest(&f, TRD_INTERVAL_1D, 0)->volume_e8, 5);

    assert_int_equal(trade(&f, 31, T0, 100, 1), TRD_IGNORED);
    assert_int_equal(trade(&f, 33, T0 + 60001, 100, 1), TRD_IGNORED);
    assert_int_equal(f.s.repeated, 2);

    /* ids jump, and it is late: nobody knows */
    assert_int_equal(trade(&f, 40, T0 + 1, 100, 1), TRD_IGNORED);
    assert_int_equal(f.s.late, 1);

    /* without ids no late one is known to be new */
    assert_int_equal(trade(&f, 0, T0, 100, 1), TRD_IGNORED);
    assert_int_equal(f.s.late, 2);

    t.last_id = 29;
    assert_int_equal(trd_candle_trade(&f.s, &f.rules, &t, keep, &f),
                     TRD_ERROR);
    assert_int_equal(trade(&f, 41, T0, 0, 1), TRD_ERROR);
    assert_int_equal(trade(&f, 41, T0, 1, -1), TRD_ERROR);
    assert_int_equal(trade(&f, 41, -1, 1, 1), TRD_ERROR);
    fixture_free(&f);

    /* a complete source: into the gap between two others */
    fixture_init(&f, 16, 1);
    assert_int_equal(trade(&f, 0, T0, 100, 1), TRD_OK);
    assert_int_equal(trade(&f, 0, T0 + 120000, 102, 1), TRD_OK);
    assert_int_equal(trade(&f, 0, T0 + 60000, 200, 1), TRD_OK);
    assert_int_equal(newest(&f, 0, 1)->open_ms, T0 + 60000);
    assert_int_equal(newest(&f, 0, 1)->flags & TRD_CANDLE_FLAGS, 0);
    assert_int_equal(newest(&f, TRD_INTERVAL_15M, 0)->high_e8, 200 * TRD_E8);
    assert_int_equal(newest(&f, TRD_INTERVAL_15M, 0)->close_e8,
                     102 * TRD_E8);
    fixture_free(&f);
}


static void
test_gaps_and_own_candles(void **state)
{
    fixture_t            f;
    trd_candle_t         k;
    const trd_candle_t  *c;

    (void) state;
    fixture_init(&f, 64, 0);

    /* 19:59 is partial; 20:00 .. 20:04 is heard from its beginning */
    assert_int_equal(trade(&f, 1, T0 - 240000, 100, 1), TRD_OK);
    assert_int_equal(trade(&f, 2, T0 - 180000, 100, 1), TRD_OK);
    assert_int_equal(trade(&f, 3, T0 - 120000, 100, 1), TRD_OK);
    assert_int_equal(trade(&f, 9, T0, 100, 1), TRD_OK);     /* 4..8 missed */
    assert_int_equal(f.s.gaps, 1);
    assert_true(newest(&f, 0, 1)->flags & TRD_CANDLE_PARTIAL);
    assert_true(newest(&f, 0, 0)->flags & TRD_CANDLE_PARTIAL);
    assert_true(newest(&f, 1, 0)->flags & TRD_CANDLE_PARTIAL);

    /* the source's own: an open one to go on from, */
    memset(&k, 0, sizeof(k));
    k.open_ms = T0;
    k.open_e8 = k.low_e8 = k.close_e8 = 100 * TRD_E8;
    k.high_e8 = 111 * TRD_E8;
    k.volume_e8 = 5;
    k.quote_volume_e8 = 501;
    k.trades = 4;
    k.flags = TRD_CANDLE_OPEN | TRD_CANDLE_SOURCE;
    assert_int_equal(trd_candle_put(&f.s, &f.rules, 0, &k, 8, keep, &f),
                     TRD_IGNORED);
    assert_int_equal(trd_candle_put(&f.s, &f.rules, 0, &k, 11, keep, &f),
                     TRD_OK);
    c = newest(&f, 0, 0);
    assert_int_equal(c->flags & TRD_CANDLE_FLAGS, TRD_CANDLE_OPEN);
    assert_int_equal(trade(&f, 10, T0 + 1, 100, 1), TRD_IGNORED);
    assert_int_equal(trade(&f, 11, T0 + 1, 100, 1), TRD_IGNORED);
    assert_int_equal(trade(&f, 12, T0 + 2, 99, 1), TRD_OK);
    assert_int_equal(c->trades, 5);
    assert_int_equal(c->quote_volume_e8, 600);
    assert_int_equal(newest(&f, 1, 0)->high_e8, 111 * TRD_E8);
    assert_true(newest(&f, 1, 0)->flags & TRD_CANDLE_PARTIAL);

    /* once it is whole no other open one is taken, */
    assert_int_equal(trd_candle_put(&f.s, &f.rules, 0, &k, 15, keep, &f),
                     TRD_IGNORED);

    /* and closed ones fill the gap: nothing is partial any more */
    k.flags = TRD_CANDLE_SOURCE;
    k.open_ms = T0 - 120000;
    k.trades = 2;
    assert_int_equal(trd_candle_put(&f.s, &f.rules, 0, &k, 0, keep, &f),
                     TRD_OK);
    assert_true(newest(&f, 0, 1)->flags & TRD_CANDLE_SOURCE);
    k.open_ms = T0 - 60000;
    k.trades = 0;                               /* no trades, no candle */
    assert_int_equal(trd_candle_put(&f.s, &f.rules, 0, &k, 0, keep, &f),
                     TRD_IGNORED);
    assert_int_equal(newest(&f, 0, 1)->open_ms, T0 - 120000);
    k.open_ms = T0;
    k.trades = 6;
    k.volume_e8 = 77;
    assert_int_equal(trd_candle_put(&f.s, &f.rules, 0, &k, 13, keep, &f),
                     TRD_OK);
    c = newest(&f, 0, 0);
    assert_int_equal(c->flags & TRD_CANDLE_FLAGS, TRD_CANDLE_SOURCE);
    assert_int_equal(c->volume_e8, 77);
    c = newest(&f, 1, 0);
    assert_int_equal(c->volume_e8, 1 + 5 + 77);
    assert_int_equal(c->trades, 1 + 2 + 6);
    assert_int_equal(c->flags & TRD_CANDLE_PARTIAL, 0);
    assert_true(newest(&f, 1, 1)->flags & TRD_CANDLE_PARTIAL);
    assert_true(newest(&f, TRD_INTERVAL_1D, 0)->flags & TRD_CANDLE_PARTIAL);

    /* a longer one of the source's own is left alone */
    k.open_ms = T0 - 180000;
    k.volume_e8 = 1000;
    assert_int_equal(trd_candle_put(&f.s, &f.rules, 1, &k, 0, keep, &f),
                     TRD_OK);
    k.volume_e8 = 500;
    assert_int_equal(trd_candle_put(&f.s, &f.rules, 0, &k, 0, keep, &f),
                     TRD_OK);
    assert_int_equal(newest(&f, 1, 0)->volume_e8, 1000);
    fixture_free(&f);
}


/* quotes, and a source of which nothing is missed but what was before */

static void
test_begun_before_listened(void **state)
{
    int        complete;
    int64_t    listen, ms;
    unsigned   i;
    fixture_t  f;

    (void) state;
    listen = T0 + 5 * 60000 + 17000;        /* 20:08:17 */

    for (complete = 0; complete < 2; complete++) {
        fixture_init(&f, 64, (uint32_t) complete);
        f.s.listen_ms = listen;

        for (ms = listen; ms < listen + 4 * 60000; ms += 20000) {
            assert_int_equal(complete
                             ? trade(&f, 0, ms, 7, 6)
                             : trd_candle_quote(&f.s, &f.rules, ms, 7, keep,
                                                &f),
                             TRD_OK);
        }

        /* minutes 8 to 11 */
        assert_true(newest(&f, 0, 3)->flags & TRD_CANDLE_PARTIAL);
        assert_false(newest(&f, 0, 2)->flags & TRD_CANDLE_PARTIAL);
        assert_false(newest(&f, 0, 0)->flags & TRD_CANDLE_PARTIAL);
        assert_true(newest(&f, 1, 1)->flags & TRD_CANDLE_PARTIAL);
        assert_false(newest(&f, 1, 0)->flags & TRD_CANDLE_PARTIAL);

        for (i = 2; i < TRD_INTERVALS; i++) {
            assert_true(newest(&f, i, 0)->flags & TRD_CANDLE_PARTIAL);
        }

        fixture_free(&f);
    }
}


static void
test_overflow_and_quotes(void **state)
{
    fixture_t            f;
    trd_candle_t         k;
    const trd_candle_t  *c;

    (void) state;
    fixture_init(&f, 64, 1);

    assert_int_equal(trade(&f, 0, T0, 90000000000, INT64_MAX - 5), TRD_OK);
    c = newest(&f, 0, 0);
    assert_int_equal(c->volume_e8, INT64_MAX - 5);
    assert_int_equal(c->quote_volume_e8, 0);
    assert_true(c->flags & TRD_CANDLE_NO_QUOTE_VOLUME);
    assert_int_equal(trade(&f, 0, T0, 1, 6), TRD_OK);
    assert_int_equal(c->volume_e8, 0);
    assert_true(c->flags & TRD_CANDLE_NO_VOLUME);
    assert_int_equal(c->trades, 2);
    assert_true(newest(&f, 5, 0)->flags & TRD_CANDLE_NO_VOLUME);
    assert_int_equal(trade(&f, 0, T0 + 60000, 1, 6), TRD_OK);
    assert_int_equal(newest(&f, 0, 0)->volume_e8, 6);
    assert_true(newest(&f, 5, 0)->flags & TRD_CANDLE_NO_VOLUME);
    fixture_free(&f);

    fixture_init(&f, 64, 0);
    assert_int_equal(trd_candle_quote(&f.s, &f.rules, T0 + 5, 7, keep, &f),
                     TRD_OK);
    assert_int_equal(trd_candle_quote(&f.s, &f.rules, T0 + 9, 3, keep, &f),
                     TRD_OK);
    assert_int_equal(trd_candle_quote(&f.s, &f.rules, T0 - 9, 3, keep, &f),
                     TRD_IGNORED);
    assert_int_equal(trd_candle_quote(&f.s, &f.rules, T0, 0, keep, &f),
                     TRD_ERROR);
    c = newest(&f, 3, 0);
    assert_int_equal(c->flags & TRD_CANDLE_FLAGS,
                     TRD_CANDLE_OPEN | TRD_CANDLE_QUOTES);
    assert_int_equal(c->open_e8, 7);
    assert_int_equal(c->close_e8, 3);

    memset(&k, 0, sizeof(k));
    k.open_ms = T0 + 1;
    k.open_e8 = k.high_e8 = k.low_e8 = k.close_e8 = 1;
    assert_int_equal(trd_candle_put(&f.s, &f.rules, 0, &k, 0, keep, &f),
                     TRD_ERROR);
    k.open_ms = T0;
    assert_int_equal(trd_candle_put(&f.s, &f.rules, TRD_INTERVALS, &k, 0,
                                    keep, &f), TRD_ERROR);
    k.low_e8 = 2;
    assert_int_equal(trd_candle_put(&f.s, &f.rules, 0, &k, 0, keep, &f),
                     TRD_ERROR);
    fixture_free(&f);
}


/* the model: minutes in 128 bits, the longer ones summed from them */

__extension__ typedef __int128  i128_t;

typedef struct {
    trd_candle_t  c;
    i128_t        e16;
} minute_t;


static void
check_model(fixture_t *f, const minute_t *minutes, size_t n)
{
    size_t         i, at;
    int64_t        open_ms;
    unsigned       k;
    trd_candle_t   want, m;

    for (k = 0; k < TRD_INTERVALS; k++) {
        at = 0;

        for (i = 0; i < n; /* void */) {
            open_ms = trd_interval_start(k, minutes[i].c.open_ms);
            memset(&want, 0, sizeof(want));

            for ( /* void */ ; i < n && minutes[i].c.open_ms
                               < open_ms + trd_interval_ms(k); i++)
            {
                m = minutes[i].c;
                m.quote_volume_e8 = (int64_t) ((minutes[i].e16 + TRD_E8 / 2)
                                               / TRD_E8);
                if (want.trades == 0) {
                    want = m;
                    want.open_ms = open_ms;
                    continue;
                }

                want.high_e8 = m.high_e8 > want.high_e8 ? m.high_e8
                                                        : want.high_e8;
                want.low_e8 = m.low_e8 < want.low_e8 ? m.low_e8
                                                     : want.low_e8;
                want.close_e8 = m.close_e8;
                want.volume_e8 += m.volume_e8;
                want.quote_volume_e8 += m.quote_volume_e8;
                want.trades += m.trades;
            }

            want.flags = i == n ? TRD_CANDLE_OPEN : 0;
            assert_true(at < f->n[k]);
            assert_memory_equal(&f->kept[k][at], &want, sizeof(want));
            at++;
        }

        assert_int_equal(at, f->n[k]);
    }
}


static void
test_random(void **state)
{
    int            round, i;
    size_t         n;
    int64_t        ms, price, quantity;
    minute_t      *minutes, *m;
    uint64_t       seed, r;
    fixture_t      f;

    (void) state;
    seed = 99;
    minutes = malloc(KEPT * sizeof(minute_t));
    assert_non_null(minutes);

    for (round = 0; round < 60; round++) {
        fixture_init(&f, round & 1 ? 16 : 64, 1);
        ms = T0 + (int64_t) (recordings_random(&seed) % 100000000);
        n = 0;

        for (i = 0; i < 3000; i++) {
            r = recordings_random(&seed);
            ms += (int64_t) (r % (r & 0x3000000 ? 20000 : 900000));
            price = (int64_t) (r >> 20 & 0xfffffff) + 1;
            quantity = (int64_t) (recordings_random(&seed) >> 30);

            m = n ? &minutes[n - 1] : NULL;

            if (m == NULL || m->c.open_ms != ms - ms % TRD_MINUTE_MS) {
                m = &minutes[n++];
                memset(m, 0, sizeof(*m));
                m->c.open_ms = ms - ms % TRD_MINUTE_MS;
                m->c.open_e8 = m->c.high_e8 = m->c.low_e8 = price;
            }

            m->c.high_e8 = price > m->c.high_e8 ? price : m->c.high_e8;
            m->c.low_e8 = price < m->c.low_e8 ? price : m->c.low_e8;
            m->c.close_e8 = price;
            m->c.volume_e8 += quantity;
            m->c.trades++;
            m->e16 += (i128_t) price * quantity;

            {
                trd_print_t  t = { 0, 0, price, quantity, ms };

                assert_int_equal(trd_candle_trade(&f.s, &f.rules, &t, keep,
                                                  &f), TRD_OK);
            }

            if (r >> 60 == 0) {
                flush(&f);
            }
        }

        flush(&f);
        check_model(&f, minutes, n);
        fixture_free(&f);
    }

    free(minutes);
}


/* ---- the recording */

#define PRINTS  3000
#define KLINES  200

typedef struct {
    const char           *symbol;
    fixture_t             f;
    trd_print_t           prints[PRINTS];
    size_t                nprints;
    trd_binance_kline_t   klines[KLINES];
    size_t                nklines;
} stream_t;

static stream_t  streams[3];


static stream_t *
stream_of(const char *symbol, size_t len)
{
    size_t  i;

    for (i = 0; i < 3; i++) {
        if (strlen(streams[i].symbol) == len
            && memcmp(streams[i].symbol, symbol, len) == 0)
        {
            return &streams[i];
        }
    }

    fail();

    return NULL;
}


static void
on_trade(void *ctx, const char *symbol, size_t len,
    const trd_binance_trade_t *t)
{
    trd_rc_t   rc;
    stream_t  *s;

    (void) ctx;
    s = stream_of(symbol, len);
    assert_true(s->nprints < PRINTS);
    s->prints[s->nprints++] = t->print;

    rc = trd_candle_trade(&s->f.s, &s->f.rules, &t->print, keep, &s->f);
    assert_true(rc == TRD_OK || rc == TRD_IGNORED);
}


static void
on_kline(void *ctx, const char *symbol, size_t len,
    const trd_binance_kline_t *k)
{
    trd_rc_t   rc;
    stream_t  *s;

    (void) ctx;
    s = stream_of(symbol, len);
    assert_true(s->nklines < KLINES);
    s->klines[s->nklines++] = *k;

    rc = trd_candle_put(&s->f.s, &s->f.rules, k->interval, &k->candle,
                        k->last_id, keep, &s->f);
    assert_true(rc == TRD_OK || rc == TRD_IGNORED);
}


static void
on_text(void *ctx, const char *path, char *text, size_t len)
{
    trd_rc_t              rc;
    trd_binance_market_t  m;

    (void) ctx;
    (void) path;

    memset(&m, 0, sizeof(m));
    m.trade = on_trade;
    m.kline = on_kline;

    rc = trd_binance_market(text, len, &m);
    assert_true(rc == TRD_OK || rc == TRD_IGNORED);
}


/* the kline from the trades up to its last one; 0: that is inside of one */

static int
kline_from_trades(stream_t *s, const trd_binance_kline_t *k)
{
    size_t        i;
    fixture_t     f;
    trd_candle_t  c;

    fixture_init(&f, 16, 0);

    for (i = 0; i < s->nprints; i++) {
        if (s->prints[i].first_id > k->last_id) {
            break;
        }

        if (s->prints[i].last_id > k->last_id) {
            fixture_free(&f);
            return 0;
        }

        assert_int_equal(trd_candle_trade(&f.s, &f.rules, &s->prints[i],
                                          keep, &f), TRD_OK);
    }

    assert_int_equal(f.s.gaps, 0);

    c = *newest(&f, 0, 0);
    c.flags = k->candle.flags;
    assert_memory_equal(&c, &k->candle, sizeof(c));
    fixture_free(&f);

    return 1;
}


static void
test_recorded_klines(void **state)
{
    size_t               i, j, n, equal, inside, closed;
    stream_t            *s;
    trd_candle_t         c;
    const trd_candle_t  *own;

    (void) state;
    streams[0].symbol = "BTCUSDT";
    streams[1].symbol = "ETHUSDT";
    streams[2].symbol = "DOTUSDT";

    for (i = 0; i < 3; i++) {
        fixture_init(&streams[i].f, 64, 0);
    }

    n = recordings_file(WS, 1, on_text, NULL);
    equal = inside = closed = 0;

    for (i = 0; i < 3 && n != 0; i++) {
        s = &streams[i];

        for (j = 0; j < s->nklines; j++) {
            own = &s->klines[j].candle;

            if (own->open_ms == T0 + 60000) {
                if (kline_from_trades(s, &s->klines[j])) {
                    equal++;

                } else {
                    inside++;
                }
            }

            /* the source's own, to the last digit */
            if (!(own->flags & TRD_CANDLE_OPEN)) {
                c = *newest(&s->f, 0, 1);
                c.flags &= TRD_CANDLE_FLAGS;
                assert_memory_equal(&c, own, sizeof(c));
                closed++;

                /* of the 5m candle 20:03 and 20:04 were heard */
                trd_candle_fold(&c, newest(&s->f, 0, 0));
                assert_int_equal(newest(&s->f, 1, 0)->volume_e8,
                                 c.volume_e8);
                assert_int_equal(newest(&s->f, 1, 0)->quote_volume_e8,
                                 c.quote_volume_e8);
                assert_int_equal(newest(&s->f, 1, 0)->trades, c.trades);
            }
        }

        assert_int_equal(s->f.s.gaps, 0);
        fixture_free(&s->f);
    }

    if (n == 0) {
        for (i = 0; i < 3; i++) {
            fixture_free(&streams[i].f);
        }

        print_message("no recordings in %s: skipped\n", RECORDINGS);
        skip();
    }

    print_message("%zu klines equal their trades, %zu end inside of one, "
                  "%zu closed\n", equal, inside, closed);
    assert_int_equal(equal, 51);
    assert_int_equal(inside, 2);
    assert_int_equal(closed, 3);
}


static void
on_rest(void *ctx, const char *path, char *text, size_t len)
{
    uint32_t      i, n;
    fixture_t    *f = ctx;
    trd_candle_t  c[100];

    (void) path;
    assert_int_equal(trd_binance_klines(text, len, 0, 0, c, 100, &n),
                     TRD_OK);
    assert_int_equal(n, 60);

    for (i = 0; i < n; i++) {
        assert_int_equal(trd_candle_put(&f->s, &f->rules, 0, &c[i], 0, keep,
                                        f), TRD_IGNORED);
        c[i].flags &= ~(uint32_t) TRD_CANDLE_OPEN;
        assert_int_equal(trd_candle_put(&f->s, &f->rules, 0, &c[i], 0, keep,
                                        f), TRD_OK);
    }

    flush(f);
    assert_int_equal(f->n[0], 60);
    assert_memory_equal(f->kept[0], c, 60 * sizeof(trd_candle_t));
}


static void
test_recorded_backfill(void **state)
{
    size_t        i, j;
    unsigned      k;
    fixture_t     f;
    trd_candle_t  want, *m;

    (void) state;

    fixture_init(&f, 16, 0);

    if (recordings_file(REST, 0, on_rest, &f) == 0) {
        fixture_free(&f);
        print_message("no recordings in %s: skipped\n", RECORDINGS);
        skip();
    }

    /* each longer one that is covered whole is its minutes folded */
    for (k = 1; k < 4; k++) {
        for (i = j = 0; i < f.n[k]; i++) {
            memset(&want, 0, sizeof(want));

            for ( /* void */ ; j < 60; j++) {
                m = &f.kept[0][j];

                if (trd_interval_start(k, m->open_ms)
                    != f.kept[k][i].open_ms)
                {
                    break;
                }

                if (want.open_ms == 0) {
                    want = *m;
                    want.flags = 0;
                    want.open_ms = f.kept[k][i].open_ms;

                } else {
                    trd_candle_fold(&want, m);
                }
            }

            want.flags = f.kept[k][i].flags;
            assert_memory_equal(&want, &f.kept[k][i], sizeof(want));

            if (i > 0) {
                assert_false(want.flags & TRD_CANDLE_PARTIAL);
            }
        }

        assert_int_equal(j, 60);
    }

    fixture_free(&f);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_open_and_closed),
        cmocka_unit_test(test_late_and_repeated),
        cmocka_unit_test(test_gaps_and_own_candles),
        cmocka_unit_test(test_overflow_and_quotes),
        cmocka_unit_test(test_begun_before_listened),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_recorded_klines),
        cmocka_unit_test(test_recorded_backfill)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
