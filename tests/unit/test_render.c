/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Protects when pages are rendered: the first update after quiet at once,
 * whatever else the timer was set for; then at most once an interval; gzip
 * pages soon after, by the thread, and equal to what they compress.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "render.h"
#include "series.h"
#include "trd_decimal.h"
#include "tsd_log.h"


typedef struct {
    marketd_config_t    config;
    trd_instrument_t    instrument;
    catalogue_t         catalogue;
    market_t            market;
    void               *memory;
    struct event_base  *base;
    render_t           *render;
} fixture_t;


static int
fixture_up(void **state)
{
    uint32_t               a, b;
    fixture_t             *f;
    trd_board_shape_t      shape;
    struct event_config   *ec;

    f = calloc(1, sizeof(*f));
    assert_non_null(f);

    strcpy(f->instrument.symbol, "BTC");
    strcpy(f->instrument.exchange_symbol, "BTCUSDT");
    strcpy(f->instrument.base, "BTC");
    strcpy(f->instrument.quote, "USDT");
    f->instrument.source = TRD_SOURCE_SIMULATOR;
    f->instrument.price_places = 2;
    f->instrument.stale_after_ms = 1000;
    f->catalogue.instruments = &f->instrument;
    f->catalogue.n = 1;
    f->config.page_interval_us = 2000;
    f->config.market_interval_ms = 2000;

    trd_board_shape_default(&shape);
    shape.capacity = 1;
    f->memory = aligned_alloc(4096, trd_board_size(&shape));
    assert_non_null(f->memory);
    memset(f->memory, 0, trd_board_size(&shape));

    assert_int_equal(trd_board_create(&f->market.writer, f->memory,
                                      trd_board_size(&shape), &shape,
                                      &f->instrument, 1, 1, 0, 0, 0, &a, &b),
                     TRD_OK);
    assert_int_equal(market_init(&f->market, &f->config, &f->catalogue), 0);

    ec = event_config_new();
    assert_non_null(ec);
    event_config_set_flag(ec, EVENT_BASE_FLAG_PRECISE_TIMER);
    f->base = event_base_new_with_config(ec);
    event_config_free(ec);
    assert_non_null(f->base);

    f->render = render_create(&f->market, f->base);
    assert_non_null(f->render);

    *state = f;

    return 0;
}


static int
fixture_down(void **state)
{
    fixture_t  *f = *state;

    render_free(f->render);
    event_base_free(f->base);
    market_free(&f->market);
    free(f->memory);
    free(f);

    return 0;
}


static void
update(fixture_t *f, int64_t last)
{
    trd_update_t  u;

    memset(&u, 0, sizeof(u));
    u.kind = TRD_UPDATE_QUOTE;
    u.has = TRD_HAS_LAST;
    u.last_e8 = last;

    market_clock(&f->market);
    assert_int_equal(market_apply(&f->market, &f->market.writer.sources[0], 0,
                                  &u),
                     TRD_REFUSED_NOT);
}


static uint64_t
version(fixture_t *f)
{
    return atomic_load(&f->market.writer.entry_pages[TRD_ENTRY_QUOTE].version);
}


/* runs the loop until the page has this version; returns how long it took */

static int64_t
run_until(fixture_t *f, uint64_t wanted, int64_t limit_us)
{
    int64_t  start;

    start = tsd_mono_us();

    while (version(f) < wanted && tsd_mono_us() - start < limit_us) {
        event_base_loop(f->base, EVLOOP_ONCE);
    }

    assert_true(version(f) >= wanted);

    return tsd_mono_us() - start;
}


static void
test_render_mark_waits_for_nothing_after_quiet(void **state)
{
    int64_t     worst, us;
    unsigned    i;
    fixture_t  *f = *state;

    worst = 0;

    for (i = 1; i <= 5; i++) {
        struct timeval  tv = { 0, 10000 };

        update(f, 100 * TRD_E8 + (int64_t) i);
        us = run_until(f, i, 3000000);
        worst = us > worst ? us : worst;

        /* quiet for instruments; the timer now waits for the gzip pages */
        event_base_loopexit(f->base, &tv);
        event_base_dispatch(f->base);
    }

    /* the gzip pages wait for 2 s; a busy machine may take a while */
    assert_true(worst < 500000);
}


static void
test_render_mark_keeps_the_interval(void **state)
{
    int64_t     start, us;
    uint64_t    n;
    fixture_t  *f = *state;

    update(f, 100 * TRD_E8);
    run_until(f, 1, 1000000);

    start = tsd_mono_us();

    for (n = 0; tsd_mono_us() - start < 100000; n++) {
        update(f, 100 * TRD_E8 + (int64_t) n + 1);
        event_base_loop(f->base, EVLOOP_NONBLOCK);
    }

    us = tsd_mono_us() - start;

    assert_true(n > 60);
    assert_true(version(f) <= 2 + (uint64_t) us / f->config.page_interval_us);
    assert_true(version(f) >= 3);
}


static void
test_render_gzip_inflates_to_the_plain_page(void **state)
{
    char              plain[65536], gzip[65536], out[65536];
    int64_t           start;
    uint64_t          size;
    z_stream          z;
    fixture_t        *f = *state;
    const char       *why;
    trd_board_t       b;
    trd_page_view_t   p, g;
    trd_board_shape_t shape;

    trd_board_shape_default(&shape);
    shape.capacity = 1;
    size = trd_board_size(&shape);
    assert_int_equal(trd_board_open(&b, f->memory, size, &why), TRD_OK);

    update(f, 100 * TRD_E8);
    start = tsd_mono_us();

    while (trd_page_begin(&b, trd_board_page(&b, TRD_PAGE_PRICES,
                                             TRD_VARIANT_GZIP), 0, &g)
           != TRD_OK
           || g.seq < 1)
    {
        assert_true(tsd_mono_us() - start < 5000000);
        event_base_loop(f->base, EVLOOP_ONCE);
    }

    assert_int_equal(trd_page_begin(&b, trd_board_page(&b, TRD_PAGE_PRICES,
                                                       TRD_VARIANT_PLAIN),
                                    0, &p), TRD_OK);
    assert_true(p.len < sizeof(plain) && g.len < sizeof(gzip));
    assert_int_equal(trd_page_copy(&p, plain), TRD_OK);
    assert_int_equal(trd_page_copy(&g, gzip), TRD_OK);
    assert_int_equal(p.seq, g.seq);

    memset(&z, 0, sizeof(z));
    assert_int_equal(inflateInit2(&z, 31), Z_OK);
    z.next_in = (Bytef *) gzip;
    z.avail_in = g.len;
    z.next_out = (Bytef *) out;
    z.avail_out = sizeof(out);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, p.len);
    assert_memory_equal(out, plain, p.len);
    inflateEnd(&z);
}


/* what is rendered once a second is not forgotten when nothing follows */

static void
test_render_analysis_catches_up(void **state)
{
    int64_t      start;
    fixture_t   *f = *state;
    trd_page_t  *page;

    page = &f->market.writer.entry_pages[TRD_ENTRY_ANALYSIS];
    assert_non_null(series_create(&f->market));

    update(f, 100 * TRD_E8);
    run_until(f, 1, 1000000);
    update(f, 101 * TRD_E8);
    run_until(f, 2, 1000000);
    assert_int_equal(atomic_load(&page->version), 1);

    start = tsd_mono_us();

    while (atomic_load(&page->version) < 2
           && tsd_mono_us() - start < 5000000)
    {
        struct timeval  tv = { 0, 100000 };

        market_clock(&f->market);
        series_clock(&f->market);
        event_base_loopexit(f->base, &tv);
        event_base_dispatch(f->base);
    }

    assert_int_equal(atomic_load(&page->version), 2);
    series_free(f->market.series);
    f->market.series = NULL;
}


/* the technical model's pages of the market: all, soon, at most once a second
   each, and no more of them when nothing changes */

static uint64_t
technical_versions(const fixture_t *f, unsigned variant, uint64_t *least)
{
    unsigned     i;
    uint64_t     n, sum;

    *least = UINT64_MAX;

    for (i = TRD_PAGE_TECHNICAL, sum = 0; i < TRD_PAGE_N; i++) {
        n = atomic_load(&f->market.writer.pages[i * TRD_VARIANT_N
                                                + variant].version);
        *least = n < *least ? n : *least;
        sum += n;
    }

    return sum;
}


static void
run_for(fixture_t *f, int64_t us)
{
    struct timeval  tv = { us / 1000000, us % 1000000 };

    event_base_loopexit(f->base, &tv);
    event_base_dispatch(f->base);
}


static void
test_render_technical_keeps_its_pace(void **state)
{
    int64_t      start, us;
    uint64_t     least, plain, gzip, n;
    fixture_t   *f = *state;

    start = tsd_mono_us();

    for (n = 0; tsd_mono_us() - start < 1500000; n++) {
        update(f, 100 * TRD_E8 + (int64_t) n);
        run_for(f, 5000);
    }

    /* 24 pages, one each 1/24 s at the most, and the first at once */
    us = tsd_mono_us() - start;
    plain = technical_versions(f, TRD_VARIANT_PLAIN, &least);
    assert_true(least >= 1);
    assert_true(plain <= 1 + (uint64_t) us * 24 / 1000000);

    for (n = 0; n < 100; n++) {         /* then each shows the newest */
        run_for(f, 100000);
        gzip = technical_versions(f, TRD_VARIANT_GZIP, &least);

        if (technical_versions(f, TRD_VARIANT_PLAIN, &least) == plain
            && n > 15)
        {
            break;
        }

        plain = technical_versions(f, TRD_VARIANT_PLAIN, &least);
    }

    assert_true(n < 100);
    (void) technical_versions(f, TRD_VARIANT_GZIP, &least);
    assert_true(least >= 1);

    run_for(f, 1200000);
    assert_int_equal(technical_versions(f, TRD_VARIANT_PLAIN, &least), plain);
    assert_int_equal(technical_versions(f, TRD_VARIANT_GZIP, &least), gzip);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(
            test_render_mark_waits_for_nothing_after_quiet, fixture_up,
            fixture_down),
        cmocka_unit_test_setup_teardown(test_render_mark_keeps_the_interval,
                                        fixture_up, fixture_down),
        cmocka_unit_test_setup_teardown(test_render_technical_keeps_its_pace,
                                        fixture_up, fixture_down),
        cmocka_unit_test_setup_teardown(test_render_analysis_catches_up,
                                        fixture_up, fixture_down),
        cmocka_unit_test_setup_teardown(
            test_render_gzip_inflates_to_the_plain_page, fixture_up,
            fixture_down)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
