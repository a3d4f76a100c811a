/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Prints, order book, seasons and scenarios of the simulated market: that
 * random access equals the run that came by, that bytes are the same
 * everywhere, that nothing is ever crossed, off the grid or out of the spread,
 * that volumes add up, and that scenarios keep their timetables and bounds.
 */

#include <stdio.h>

#include "sim_fixture.h"
#include "trd_sim_book.h"

#define HOUR       (60 * MINUTE)
#define QUARTER    (15 * MINUTE)
#define WEEK       (7 * DAY)
#define MONDAY     (START + 4 * DAY)        /* 2026-01-05 */

#define CHECKSUM_PRINTS  0x768266659bd3176dULL
#define CHECKSUM_BOOKS   0xef5914b0f0fd8f9cULL


static uint64_t
fold(uint64_t h, const void *data, size_t len)
{
    const int64_t  *p;

    for (p = data; len >= 8; len -= 8) {
        h = trd_sim_hash(h ^ (uint64_t) *p++);
    }

    return h;
}


static uint64_t
draw(uint64_t *state)
{
    return trd_sim_hash(*state += 0x9e3779b97f4a7c15ULL);
}


static fixture_t *
fixture_play(trd_scenario_t scenario, uint32_t max_jump_bp)
{
    fixture_t  *f;

    f = calloc(1, sizeof(fixture_t));
    assert_non_null(f);
    fixture_init(f, SEED);
    trd_sim_play(&f->sim, scenario, max_jump_bp);

    return f;
}


/* all prints in (from, until], in steps of `step`, up to `room` */
static uint32_t
prints_of(fixture_t *f, uint32_t i, int64_t from, int64_t until, int64_t step,
    trd_sim_print_t *out, uint32_t room)
{
    int64_t           t;
    uint32_t          n;
    trd_sim_cursor_t  c;

    n = 0;
    trd_sim_prints_seek(&f->sim, i, &c, from);

    for (t = from; t < until && n < room; /* void */ ) {
        t = t + step < until ? t + step : until;
        n += trd_sim_prints(&f->sim, i, &c, t, out + n, room - n);
    }

    return n;
}


/* whatever the steps, and from wherever one starts */
static void
test_trd_sim_prints_at_equals_run(void **state)
{
    int64_t           from;
    uint32_t          i, n, m, k;
    uint64_t          rng;
    fixture_t        *f;
    trd_sim_print_t  *all, *part;

    const uint32_t    room = 40000;

    f = *state;
    rng = 1;
    all = calloc(room, sizeof(trd_sim_print_t));
    part = calloc(room, sizeof(trd_sim_print_t));
    assert_non_null(all);
    assert_non_null(part);

    for (i = 0; i < N; i++) {
        n = prints_of(f, i, MONDAY + 12 * HOUR - 1, MONDAY + 14 * HOUR,
                      2 * HOUR, all, room);
        assert_true(n > 100 && n < room);

        m = prints_of(f, i, MONDAY + 12 * HOUR - 1, MONDAY + 14 * HOUR, 137,
                      part, room);
        assert_int_equal(m, n);
        assert_memory_equal(all, part, n * sizeof(trd_sim_print_t));

        for (k = 0; k < 50; k++) {
            uint32_t  at;

            at = (uint32_t) (draw(&rng) % (n - 1));
            from = all[at].t_ms;

            while (all[at + 1].t_ms == from && at + 2 < n) {
                at++;
            }

            m = prints_of(f, i, from, MONDAY + 14 * HOUR, MINUTE, part, 1);
            assert_memory_equal(part, &all[at + 1], sizeof(trd_sim_print_t));
        }
    }

    free(all);
    free(part);
}


/* ids by one, times in order, prices of their tick, quantities in lots */
static void
test_trd_sim_prints_sound(void **state)
{
    int64_t           t;
    uint32_t          i, k, n, maker;
    fixture_t        *f;
    trd_sim_tick_t    tick;
    trd_sim_print_t  *p, *all;

    const uint32_t    room = 400000;

    f = *state;
    all = calloc(room, sizeof(trd_sim_print_t));
    assert_non_null(all);

    for (i = 0; i < N; i++) {
        /* over a weekend and midnights */
        t = MONDAY + 4 * DAY + 20 * HOUR;
        n = prints_of(f, i, t, t + 15 * HOUR, HOUR, all, room);
        assert_true(n < room);
        maker = 0;

        for (k = 0; k < n; k++) {
            p = &all[k];
            assert_true(p->t_ms > t && p->t_ms <= t + 15 * HOUR);
            assert_true(p->quantity_e8 > 0);
            assert_int_equal(p->quantity_e8 % params[i].lot_e8, 0);

            if (k > 0) {
                assert_int_equal(p->id, all[k - 1].id + 1);
                assert_true(p->t_ms >= all[k - 1].t_ms);
            }

            if (k % 7 == 0) {
                trd_sim_at(&f->sim, i, p->t_ms, &tick);
                assert_int_equal(p->price_e8, tick.last_e8);
                assert_true(p->price_e8 >= tick.bid_e8);
                assert_true(p->price_e8 <= tick.ask_e8);

                if (p->price_e8 == tick.bid_e8) {
                    assert_int_equal(p->buyer_maker, 1);
                }

                if (p->price_e8 == tick.ask_e8) {
                    assert_int_equal(p->buyer_maker, 0);
                }
            }

            maker += p->buyer_maker;
        }

        assert_true(maker > n * 4 / 10 && maker < n * 6 / 10);
    }

    free(all);
}


/* ids are sound over the ends of weeks, and from the first second of 1970 */
static void
test_trd_sim_prints_ids_never_end(void **state)
{
    uint32_t          i, k, n;
    uint64_t          id;
    fixture_t        *f;
    trd_sim_print_t   p[64];
    trd_sim_cursor_t  c;

    static const int64_t  times[] = {
        INT64_MIN, -1, 0, QUARTER, 4 * DAY - 1, 4 * DAY, 11 * DAY, START,
        MONDAY - 1, MONDAY, MONDAY + WEEK, 4102444800000LL,
        (int64_t) 1 << 47
    };

    f = *state;

    for (i = 0; i < N; i++) {
        id = 0;

        for (k = 0; k < sizeof(times) / sizeof(times[0]); k++) {
            trd_sim_prints_seek(&f->sim, i, &c, times[k]);
            n = trd_sim_prints(&f->sim, i, &c, times[k] + 3 * DAY, p, 64);
            assert_int_equal(n, times[k] < -3 * DAY ? 0 : 64);

            if (n) {
                assert_true(p[0].id > 0 && p[0].id >= id);
                assert_true(p[0].t_ms > times[k] && p[0].t_ms >= 0);
                assert_int_equal(p[63].id, p[0].id + 63);
                id = p[0].id;
            }
        }

        trd_sim_prints_seek(&f->sim, i, &c, INT64_MAX);
        assert_int_equal(trd_sim_prints(&f->sim, i, &c, INT64_MAX, p, 64), 0);
    }
}


/*
 * A whole quarter's prints add up to what trd_sim_day() counts for it, so the
 * quote's volume of 24 hours to the quarter is that of its prints; and over a
 * week to seven times the volume of the parameters.
 */
static void
test_trd_sim_prints_add_up_to_volume(void **state)
{
    double            week, ratio;
    int64_t           t, sum, days[7], off;
    uint32_t          i, k, n;
    fixture_t        *f;
    trd_sim_day_t     day;
    trd_sim_tick_t    tick;
    trd_sim_cursor_t  c;
    trd_sim_print_t   p[64];

    f = *state;

    for (i = 0; i + 1 < N; i++) {
        trd_sim_prints_seek(&f->sim, i, &c, MONDAY - 1);
        week = 0;

        for (k = 0; k < 7; k++) {
            t = MONDAY + (k + 1) * DAY;
            sum = 0;

            do {
                n = trd_sim_prints(&f->sim, i, &c, t - 1, p, 64);

                for (uint32_t j = 0; j < n; j++) {
                    sum += p[j].quantity_e8;
                }

            } while (n == 64);

            trd_sim_tick(&f->sim, i, t, &tick);
            trd_sim_day(&f->sim, i, &tick, &day);
            off = (sum - day.volume_e8) / params[i].lot_e8;
            days[k] = sum;

            /* less than a lot a quarter is cut off */
            assert_true(off <= 0 && off >= -97);
            week += (double) sum;
        }

        ratio = week / 7 / (double) params[i].volume_e8;
        print_message("%s: of the stated volume %.3f in the mean, Monday "
                      "%.3f, Saturday %.3f\n", params[i].symbol, ratio,
                      (double) days[0] / (double) params[i].volume_e8,
                      (double) days[5] / (double) params[i].volume_e8);
        assert_true(ratio > 0.93 && ratio < 1.07);
    }
}


/* at any time, not only at quarters: within 3 % of what the quote says */
static void
test_trd_sim_prints_volume_of_any_day(void **state)
{
    double            most, off;
    int64_t           t, sum;
    uint32_t          k, n;
    uint64_t          rng;
    fixture_t        *f;
    trd_sim_day_t     day;
    trd_sim_tick_t    tick;
    trd_sim_cursor_t  c;
    trd_sim_print_t   p[64];

    f = *state;
    rng = 9;
    most = 0;

    for (k = 0; k < 40; k++) {
        t = MONDAY + (int64_t) (draw(&rng) % (4 * WEEK));
        trd_sim_prints_seek(&f->sim, k % 9, &c, t - DAY);
        sum = 0;

        do {
            n = trd_sim_prints(&f->sim, k % 9, &c, t, p, 64);

            for (uint32_t j = 0; j < n; j++) {
                sum += p[j].quantity_e8;
            }

        } while (n == 64);

        trd_sim_tick(&f->sim, k % 9, t, &tick);
        trd_sim_day(&f->sim, k % 9, &tick, &day);
        off = fabs((double) sum / (double) day.volume_e8 - 1);
        most = off > most ? off : most;
    }

    print_message("farthest from the quote's volume: %.4f\n", most);
    assert_true(most < 0.03);
}


/* one in a thousand prints is worth many of the mean */
static void
test_trd_sim_prints_fat_tails(void **state)
{
    double            sum, square, x, kurtosis, fourth;
    uint32_t          k, n;
    fixture_t        *f;
    trd_sim_print_t  *all;

    f = *state;
    all = calloc(200000, sizeof(trd_sim_print_t));
    assert_non_null(all);
    n = prints_of(f, 0, MONDAY, MONDAY + DAY, HOUR, all, 200000);
    sum = square = fourth = 0;

    for (k = 0; k < n; k++) {
        sum += (double) all[k].quantity_e8 / n;
    }

    for (k = 0; k < n; k++) {
        x = (double) all[k].quantity_e8 / sum - 1;
        square += x * x / n;
        fourth += x * x * x * x / n;
    }

    kurtosis = fourth / (square * square);
    print_message("%u prints, mean %.5f, deviation %.2f means, kurtosis "
                  "%.0f\n", n, sum / 1e8, sqrt(square), kurtosis);
    assert_true(n > 150000 && n < 200000);
    assert_true(sqrt(square) > 1.5 && sqrt(square) < 6 && kurtosis > 50);
    free(all);
}


/* a fresh instrument, extreme parameters, all times: nothing overflows */
static void
test_trd_sim_book_extreme_parameters(void **state)
{
    uint32_t               bad, k, m, n, j;
    uint64_t               rng;
    trd_sim_t              sim;
    trd_sim_book_t         book;
    trd_sim_tick_t         tick;
    trd_sim_cursor_t       c;
    trd_sim_print_t        out[64];
    trd_sim_params_t       p;
    trd_sim_instrument_t  *in;

    static const int64_t  prices[] = { 1, 123, E8, (int64_t) 1 << 60 };

    (void) state;
    in = calloc(1, sizeof(trd_sim_instrument_t));
    assert_non_null(in);
    rng = 6;

    for (k = 0; k < 512; k++) {
        p = params[0];
        p.price_e8 = prices[k & 3];
        p.tick_e8 = k & 4 ? p.price_e8 : 1;
        p.volatility_e8 = k & 8 ? E8 : 0;
        p.spread_e8 = k & 16 ? E8 / 2 : 0;
        p.volume_e8 = k & 32 ? INT64_MAX : 0;
        p.lot_e8 = k & 64 ? INT64_MAX : 1;
        assert_int_equal(trd_sim_init(&sim, k, in, &p, 1, &bad), TRD_OK);
        trd_sim_play(&sim, (trd_scenario_t) (k % TRD_SCENARIO_N), k);

        for (m = 0; m < 20; m++) {
            trd_sim_tick(&sim, 0, (int64_t) (draw(&rng) >> 22), &tick);
            trd_sim_book(&sim, 0, &tick, &book);
            assert_int_equal(book.bids[0].price_e8, tick.bid_e8);
            assert_int_equal(book.asks[0].price_e8, tick.ask_e8);

            for (j = 0; j < book.nbids; j++) {
                assert_true(book.bids[j].price_e8 > 0);
                assert_true(book.bids[j].quantity_e8 > 0);
                assert_int_equal(book.bids[j].price_e8 % p.tick_e8, 0);
            }

            for (j = 0; j < book.nasks; j++) {
                assert_true(book.asks[j].price_e8 > 0);
                assert_true(book.asks[j].quantity_e8 > 0);
                assert_int_equal(book.asks[j].price_e8 % p.tick_e8, 0);
                assert_true(j == 0 || book.asks[j].price_e8
                                      > book.asks[j - 1].price_e8);
            }

            trd_sim_prints_seek(&sim, 0, &c, tick.t_ms);
            n = trd_sim_prints(&sim, 0, &c, tick.t_ms + 3 * DAY, out, 64);

            if ((k & 32) == 0 || (k & 64)) {
                assert_int_equal(n, 0);
            }

            for (j = 0; j < n; j++) {
                assert_true(out[j].quantity_e8 > 0 && out[j].price_e8 > 0);
            }
        }
    }

    free(in);
}


/* never crossed, best levels the tick's, on the grid of ticks and lots */
static void
test_trd_sim_book_sound(void **state)
{
    uint32_t         i, k, j;
    uint64_t         rng;
    fixture_t       *f, *g;
    trd_sim_book_t   a, b;
    trd_sim_tick_t   tick;

    f = *state;
    g = fixture_play(TRD_SCENARIO_NORMAL, 0);
    rng = 2;

    for (k = 0; k < 20000; k++) {
        i = k % N;
        trd_sim_tick(&f->sim, i, (int64_t) (draw(&rng) >> 22), &tick);
        trd_sim_book(&f->sim, i, &tick, &a);

        assert_int_equal(a.bids[0].price_e8, tick.bid_e8);
        assert_int_equal(a.asks[0].price_e8, tick.ask_e8);
        assert_int_equal(a.id, tick.t_ms / 100);
        assert_int_equal(a.t_ms, tick.t_ms);

        /* nothing is below a tick, or above all that can be written */
        assert_true(a.nasks == TRD_SIM_DEPTH || i == 9);
        assert_true(a.nbids == TRD_SIM_DEPTH
                    || a.bids[a.nbids - 1].price_e8
                       < 10 * params[i].tick_e8);

        for (j = 0; j < a.nbids; j++) {
            assert_true(a.bids[j].price_e8 > 0 && a.bids[j].quantity_e8 > 0);
            assert_int_equal(a.bids[j].price_e8 % params[i].tick_e8, 0);
            assert_int_equal(a.bids[j].quantity_e8 % params[i].lot_e8, 0);
            assert_true(j == 0
                        || a.bids[j].price_e8 < a.bids[j - 1].price_e8);
        }

        for (j = 0; j < a.nasks; j++) {
            assert_true(a.asks[j].quantity_e8 > 0);
            assert_int_equal(a.asks[j].price_e8 % params[i].tick_e8, 0);
            assert_int_equal(a.asks[j].quantity_e8 % params[i].lot_e8, 0);
            assert_true(j == 0
                        || a.asks[j].price_e8 > a.asks[j - 1].price_e8);
        }

        trd_sim_at(&g->sim, i, tick.t_ms, &tick);
        trd_sim_book(&g->sim, i, &tick, &b);
        assert_int_equal(a.nbids, b.nbids);
        assert_memory_equal(a.bids, b.bids, a.nbids * sizeof(trd_level_t));
        assert_memory_equal(a.asks, b.asks, a.nasks * sizeof(trd_level_t));
    }

    free(g);
}


/* between two books of 100 ms most levels behind the best stay as they are */
static void
test_trd_sim_book_changes_little(void **state)
{
    uint32_t         j, k, m, same;
    fixture_t       *f;
    trd_sim_book_t   a, b;
    trd_sim_tick_t   tick;

    f = *state;
    same = 0;
    memset(&a, 0, sizeof(a));

    for (k = 0; k <= 1000; k++) {
        trd_sim_tick(&f->sim, 0, START + k * 100, &tick);
        trd_sim_book(&f->sim, 0, &tick, &b);

        for (j = 1; k > 0 && j < TRD_SIM_DEPTH; j++) {
            for (m = 1; m < TRD_SIM_DEPTH; m++) {
                same += memcmp(&a.bids[j], &b.bids[m], sizeof(trd_level_t))
                        == 0;
            }
        }

        a = b;
    }

    print_message("%.2f of 19 levels stay\n", same / 1000.0);
    assert_true(same > 10000);
}


/* another CPU, compiler or optimisation level must come to the same bytes */
static void
test_trd_sim_book_checksum(void **state)
{
    uint32_t          i, k, n, scenario;
    uint64_t          prints, books;
    fixture_t        *f;
    trd_sim_book_t    book;
    trd_sim_tick_t    tick;
    trd_sim_print_t   p[64];
    trd_sim_cursor_t  c[N];

    (void) state;
    prints = 0;
    books = 0;

    for (scenario = 0; scenario < TRD_SCENARIO_N; scenario++) {
        f = fixture_play((trd_scenario_t) scenario, 2000);

        for (i = 0; i < N; i++) {
            trd_sim_prints_seek(&f->sim, i, &c[i], MONDAY + 110 * MINUTE);
        }

        for (k = 0; k < 4000; k++) {
            for (i = 0; i < N; i++) {
                trd_sim_tick(&f->sim, i, MONDAY + 110 * MINUTE + k * 1013,
                             &tick);
                trd_sim_book(&f->sim, i, &tick, &book);
                n = trd_sim_prints(&f->sim, i, &c[i], tick.t_ms, p, 64);
                prints = fold(prints, p, n * sizeof(trd_sim_print_t));
                books = fold(books, &tick, sizeof(tick));
                books = fold(books, book.bids,
                             book.nbids * sizeof(trd_level_t));
                books = fold(books, book.asks,
                             book.nasks * sizeof(trd_level_t));
            }
        }

        free(f);
    }

    print_message("prints 0x%016llx books 0x%016llx\n",
                  (unsigned long long) prints, (unsigned long long) books);
    assert_true(prints == CHECKSUM_PRINTS);
    assert_true(books == CHECKSUM_BOOKS);
}


/* deviation of returns in the hours [from, until) of days of the week */
static double
season_of(fixture_t *f, uint32_t i, int64_t day, int from, int until)
{
    double          sum, r, last;
    int64_t         t;
    uint32_t        n, week;
    trd_sim_tick_t  tick;

    sum = 0;
    n = 0;

    for (week = 0; week < 40; week++) {
        last = 0;

        for (t = from * HOUR; t <= until * HOUR; t += MINUTE) {
            trd_sim_tick(&f->sim, i, MONDAY + week * WEEK + day * DAY + t,
                         &tick);

            if (last > 0) {
                r = log((double) tick.last_e8 / last);
                sum += r * r;
                n++;
            }

            last = (double) tick.last_e8;
        }
    }

    return sqrt(sum / n);
}


static uint32_t
season_prints(fixture_t *f, uint32_t i, int64_t from, int64_t len)
{
    uint32_t          n, all;
    trd_sim_print_t   p[64];
    trd_sim_cursor_t  c;

    all = 0;
    trd_sim_prints_seek(&f->sim, i, &c, from - 1);

    do {
        n = trd_sim_prints(&f->sim, i, &c, from + len - 1, p, 64);
        all += n;
    } while (n == 64);

    return all;
}


/* hours of activity have more of both, and a hollow lies between the two */
static void
test_trd_sim_season_shows(void **state)
{
    double      low, open, noon, peak, weekend;
    uint32_t    k, i;
    fixture_t  *f;

    static const struct {
        uint32_t  i;
        int       low, open, noon, peak;
    } of[] = {
        { 0, 4, 8, 10, 14 },        /* BTC */
        { 4, 4, 8, 11, 14 },        /* EUR/USD */
        { 6, 4, 8, 10, 13 },        /* XAU */
        { 8, 4, 8, 10, 14 }         /* WTI */
    };

    f = *state;

    for (k = 0; k < 4; k++) {
        i = of[k].i;
        low = season_of(f, i, 2, of[k].low, of[k].low + 1);
        open = season_of(f, i, 2, of[k].open, of[k].open + 1);
        noon = season_of(f, i, 2, of[k].noon, of[k].noon + 1);
        peak = season_of(f, i, 2, of[k].peak, of[k].peak + 1);
        weekend = season_of(f, i, 5, of[k].peak, of[k].peak + 1);
        print_message("%s: deviation of minutes, of the peak's: night %.2f "
                      "open %.2f noon %.2f weekend %.2f\n", params[i].symbol,
                      low / peak, open / peak, noon / peak, weekend / peak);
        assert_true(low < open && noon < peak && open < peak);
        assert_true(noon < open * 1.02);
        assert_true(weekend < peak * (k == 0 ? 0.95 : 0.5));

        assert_true(season_prints(f, i, MONDAY + of[k].noon * HOUR, HOUR)
                    < season_prints(f, i, MONDAY + of[k].peak * HOUR, HOUR));
        assert_true(season_prints(f, i, MONDAY + 5 * DAY + 14 * HOUR, HOUR)
                    > 0);
    }

    assert_true(season_prints(f, 4, MONDAY + 5 * DAY, DAY)
                < season_prints(f, 4, MONDAY + 2 * DAY, DAY) / 10);
    assert_in_range(season_prints(f, 0, MONDAY, WEEK), 2 * 604800,
                    2 * 604800);
}


static double
log_ratio(fixture_t *f, fixture_t *g, uint32_t i, int64_t t)
{
    trd_sim_tick_t  a, b;

    trd_sim_at(&f->sim, i, t, &a);
    trd_sim_at(&g->sim, i, t, &b);

    return log((double) b.last_e8 / (double) a.last_e8);
}


/* against the same market without: the drift, at its documented times */
static void
test_trd_sim_play_drift(void **state)
{
    double      vol, side;
    int64_t     t;
    uint32_t    i, k;
    fixture_t  *f, *rally, *crash;

    f = *state;
    rally = fixture_play(TRD_SCENARIO_RALLY, 2000);
    crash = fixture_play(TRD_SCENARIO_CRASH, 2000);

    for (i = 0; i < 9; i++) {
        if (i == 3) {
            continue;               /* ticks too coarse to be compared */
        }

        vol = (double) params[i].volatility_e8 / 1e8;
        side = params[i].inverse ? -1 : 1;

        for (k = 0; k < 12; k++) {
            t = MONDAY + k * 14 * HOUR;
            assert_true(fabs(log_ratio(f, rally, i, t)) < 1e-3 * vol + 2e-5);
            assert_true(fabs(log_ratio(f, rally, i, t + 12 * HOUR)
                             - side * 4 * vol) < 0.01 * vol);
            assert_true(fabs(log_ratio(f, rally, i, t + 6 * HOUR)
                             - side * 2 * vol) < 0.01 * vol);
            assert_true(fabs(log_ratio(f, rally, i, t + 13 * HOUR)
                             - side * 2 * vol) < 0.01 * vol);
        }
    }

    /* crash: it changes activity, too; so against itself over its half hour */
    for (k = 0; k < 12; k++) {
        trd_sim_tick_t  a, b;

        t = MONDAY + k * 14 * HOUR;
        trd_sim_at(&crash->sim, 0, t + 2 * HOUR, &a);
        trd_sim_at(&crash->sim, 0, t + 2 * HOUR + 30 * MINUTE, &b);
        assert_true(log((double) b.last_e8 / (double) a.last_e8)
                    < -6 * 0.025 + 0.05);
        assert_true(season_prints(crash, 0, t + 2 * HOUR, QUARTER)
                    > 3 * season_prints(crash, 0, t + 90 * MINUTE, QUARTER));
    }

    free(rally);
    free(crash);
}


/* calm is the same walk, a quarter as high */
static void
test_trd_sim_play_calm(void **state)
{
    double           a, b;
    uint32_t         k;
    fixture_t       *f, *g;
    trd_sim_tick_t   tick;

    f = *state;
    g = fixture_play(TRD_SCENARIO_CALM, 2000);

    for (k = 0; k < 1000; k++) {
        trd_sim_at(&f->sim, 0, START + k * HOUR, &tick);
        a = log((double) tick.last_e8 / (double) params[0].price_e8);
        trd_sim_at(&g->sim, 0, START + k * HOUR, &tick);
        b = log((double) tick.last_e8 / (double) params[0].price_e8);
        assert_true(fabs(a / 4 - b) < 1e-6);
    }

    free(g);
}


/* jumps at the half and the full hour, below the bound in both directions */
static void
test_trd_sim_play_gap(void **state)
{
    double           jump, most, least;
    int64_t          t;
    uint32_t         i, j, k;
    fixture_t       *g;
    trd_sim_tick_t   a, b;

    static const uint32_t  bounds[] = { 2000, 100, 0, 1000000 };

    (void) state;

    for (j = 0; j < 4; j++) {
        g = fixture_play(TRD_SCENARIO_GAP, bounds[j]);

        for (i = 0; i < N; i++) {
            most = 0;
            least = 9;

            for (k = 1; k < 200; k++) {
                t = MONDAY + k * 30 * MINUTE;
                trd_sim_at(&g->sim, i, t - 1, &a);
                trd_sim_at(&g->sim, i, t, &b);
                jump = fabs((double) b.last_e8 / (double) a.last_e8 - 1);
                most = jump > most ? jump : most;
                least = jump < least ? jump : least;

                if (i < 9) {
                    jump = (double) (b.ask_e8 - a.ask_e8) / (double) a.ask_e8;
                    assert_true(fabs(jump) < (bounds[j] ? bounds[j] / 1e4
                                                        : 1) || i == 3);
                }
            }

            assert_true(most <= (bounds[j] ? bounds[j] / 1e4 : 1)
                        || (i == 3 && bounds[j] == 100));

            if (i < 9 && i != 3) {
                assert_true(least > 0.003);
            }
        }

        free(g);
    }
}


/* the timetable; prices, prints and volume stand still */
static void
test_trd_sim_play_halt(void **state)
{
    int              halted;
    int64_t          t, since, day_ms, hour_ms, start;
    uint32_t         i;
    fixture_t       *f, *g;
    trd_sim_tick_t   a, b;

    f = *state;
    g = fixture_play(TRD_SCENARIO_HALT, 2000);
    assert_int_equal(trd_sim_halted(&f->sim, MONDAY + 31 * MINUTE, &since),
                     0);

    for (t = MONDAY; t < MONDAY + 2 * DAY; t += 13331) {
        day_ms = (t - MONDAY) % DAY;
        hour_ms = day_ms % HOUR;
        halted = (hour_ms >= 30 * MINUTE && hour_ms < 45 * MINUTE)
                 || (day_ms >= 12 * HOUR && day_ms < 14 * HOUR + 30 * MINUTE);
        start = t - day_ms + (day_ms >= 12 * HOUR
                              && day_ms < 14 * HOUR + 45 * MINUTE
                              ? 12 * HOUR : day_ms - hour_ms + 30 * MINUTE);

        assert_int_equal(trd_sim_halted(&g->sim, t, &since), halted);

        if (halted) {
            assert_int_equal(since, start);

            for (i = 0; i < N; i++) {
                trd_sim_at(&g->sim, i, since, &a);
                trd_sim_at(&g->sim, i, t, &b);
                assert_int_equal(a.last_e8, b.last_e8);
                assert_int_equal(a.bid_e8, b.bid_e8);
            }
        }
    }

    for (i = 0; i < N; i++) {
        assert_int_equal(season_prints(g, i, MONDAY + 30 * MINUTE, QUARTER),
                         0);
        assert_int_equal(season_prints(g, i, MONDAY + 12 * HOUR, 150 * MINUTE),
                         0);
        assert_true(season_prints(g, i, MONDAY + 45 * MINUTE, QUARTER) > 0);
    }

    free(g);
}


static void
test_trd_scenario_names(void **state)
{
    unsigned     i;
    const char  *name;

    (void) state;

    for (i = 0; i < TRD_SCENARIO_N; i++) {
        name = trd_scenario_name(i);
        assert_int_equal(trd_scenario_find(name, strlen(name)), i);
    }

    assert_null(trd_scenario_name(TRD_SCENARIO_N));
    assert_int_equal(trd_scenario_find("hal", 3), -1);
    assert_int_equal(trd_scenario_find("halts", 5), -1);
    assert_int_equal(trd_scenario_find("", 0), -1);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        TEST(test_trd_sim_prints_at_equals_run),
        TEST(test_trd_sim_prints_sound),
        TEST(test_trd_sim_prints_ids_never_end),
        TEST(test_trd_sim_prints_add_up_to_volume),
        TEST(test_trd_sim_prints_volume_of_any_day),
        TEST(test_trd_sim_prints_fat_tails),
        TEST(test_trd_sim_book_sound),
        TEST(test_trd_sim_book_changes_little),
        TEST(test_trd_sim_book_extreme_parameters),
        TEST(test_trd_sim_book_checksum),
        TEST(test_trd_sim_season_shows),
        TEST(test_trd_sim_play_drift),
        TEST(test_trd_sim_play_calm),
        TEST(test_trd_sim_play_gap),
        TEST(test_trd_sim_play_halt),
        TEST(test_trd_scenario_names)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
