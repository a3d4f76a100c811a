/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the pages of the whole market say, compared with sums over the quotes
 * of the board made here: random markets in which some instruments have no
 * quote and some no change; their gzip variants; and that no page overflows
 * at the longest values there are.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "market_fixture.h"
#include "recordings.h"
#include "series.h"
#include "trd_signal.h"

#define E8    TRD_E8
#define N     41
#define TOP   5

/* the market as the oracle counts it, from the board's quotes */
typedef struct {
    trd_quote_t   q[N];
    trd_signal_t  s[N];
    int           quoted[N], change[N], signal[N];
} oracle_t;

typedef struct {
    unsigned  total, quoted, stale, up, down, flat, changes, signals, bull;
    unsigned  kinds[TRD_SIGNAL_N];
    int64_t   sum;
} count_t;


static void
random_market(market_fixture_t *f, uint64_t seed)
{
    int           few;
    uint32_t      i;
    uint64_t      r;
    trd_update_t  u;

    market_fixture_catalogue(&f->catalogue, N);
    market_fixture_start(f, 0);
    few = recordings_random(&seed) >> 20 & 1;
    f->m.limits.max_jump_bp = 0;

    for (i = 0; i < N; i++) {
        r = recordings_random(&seed);

        if (r % 7 == 0) {
            continue;                       /* no quote at all */
        }

        u = market_fixture_ticker(f, 1000 * E8 + (int64_t) (r >> 8 & 0xffff)
                                                 * 200000, 1000 * E8);
        u.last_e8 -= (r >> 30 & 1) ? 120 * E8 : 0;

        /* every other market has many that moved alike */
        if (few) {
            u.last_e8 = 1000 * E8 + ((int64_t) (r >> 8) % 9 - 4) * 20 * E8;
        }

        u.last_e8 = r % 11 == 0 ? u.open_e8 : u.last_e8;
        u.bid_e8 = u.last_e8 - 1;
        u.ask_e8 = u.last_e8 + 1;
        u.volume_e8 = (r >> 31 & 1) ? 5 * E8 : u.volume_e8;

        if (r % 5 == 0) {
            u.has &= ~(uint32_t) TRD_HAS_OPEN;
        }

        assert_int_equal(market_apply(&f->m, f->stats, i, &u),
                         TRD_REFUSED_NOT);
    }

    f->m.now_ms += 3000;
    market_sweep(&f->m);
    render_now(f->m.render);
}


static void
oracle_read(const market_fixture_t *f, oracle_t *o)
{
    uint32_t  i;

    for (i = 0; i < N; i++) {
        assert_int_equal(trd_board_quote(&f->b, i, &o->q[i]), TRD_OK);
        o->quoted[i] = o->q[i].has != 0;
        o->change[i] = (o->q[i].has & TRD_HAS_CHANGE) != 0;
        o->signal[i] = trd_signal_threshold(&o->q[i], &o->s[i]) == TRD_OK;
    }
}


/* of a class, or of all if c is negative */
static count_t
oracle_count(const oracle_t *o, int c)
{
    count_t   n;
    uint32_t  i;

    memset(&n, 0, sizeof(n));

    for (i = 0; i < N; i++) {
        if (c >= 0 && (int) (i % TRD_CLASS_N) != c) {
            continue;
        }

        n.total++;
        n.quoted += (unsigned) o->quoted[i];
        n.stale += o->q[i].stale;

        if (o->change[i]) {
            n.changes++;
            n.sum += o->q[i].change_e8;
            n.up += o->q[i].change_e8 > 0;
            n.down += o->q[i].change_e8 < 0;
            n.flat += o->q[i].change_e8 == 0;
        }

        if (o->signal[i]) {
            n.signals++;
            n.bull += o->s[i].bullish;
            n.kinds[o->s[i].kind]++;
        }
    }

    return n;
}


/* the best (sign 1) or worst five that moved that way, catalogue order among
   equals; returns how many */
static unsigned
oracle_top(const oracle_t *o, int sign, unsigned *top)
{
    int       used[N] = { 0 };
    unsigned  i, n, best;

    for (n = 0; n < TOP; n++) {
        best = N;

        for (i = 0; i < N; i++) {
            if (o->change[i] && !used[i] && o->q[i].change_e8 * sign > 0
                && (best == N || o->q[i].change_e8 * sign
                                 > o->q[best].change_e8 * sign))
            {
                best = i;
            }
        }

        if (best == N) {
            break;
        }

        used[best] = 1;
        top[n] = best;
    }

    return n;
}


static json_t *
get(json_t *o, const char *key)
{
    json_t  *v;

    v = json_object_get(o, key);

    if (v == NULL) {
        fail_msg("no %s", key);
    }

    return v;
}


static void
check_int(json_t *o, const char *key, uint64_t want)
{
    if (!json_is_integer(get(o, key))
        || (uint64_t) json_integer_value(get(o, key)) != want)
    {
        fail_msg("%s is %lld, not %llu", key,
                 (long long) json_integer_value(get(o, key)),
                 (unsigned long long) want);
    }
}


static void
check_text(json_t *v, const char *want)
{
    const char  *got;

    got = json_string_value(v);

    if (got == NULL || strcmp(got, want) != 0) {
        fail_msg("%s instead of %s", got ? got : "no text", want);
    }
}


/* percent with two decimals at least, rounded half away from zero to three */
static void
check_average(json_t *v, const count_t *n)
{
    char          text[TRD_DECIMAL_LEN + 1];
    __int128      milli, half;

    if (n->changes == 0) {
        assert_true(json_is_null(v));
        return;
    }

    half = (__int128) n->changes * 50000;
    milli = (n->sum < 0 ? n->sum - half : n->sum + half)
            / ((__int128) n->changes * 100000);
    text[trd_decimal_format((int64_t) milli * 100000, 2, text)] = '\0';
    check_text(v, text);
}


static void
check_brief(json_t *v, const oracle_t *o, unsigned i)
{
    char  text[TRD_DECIMAL_LEN + 1];

    (void) snprintf(text, sizeof(text), "I%03u", i);
    check_text(get(v, "symbol"), text);
    check_text(get(v, "asset_class"), trd_class_name(i % TRD_CLASS_N));
    text[trd_decimal_format(o->q[i].last_e8, 2, text)] = '\0';
    check_text(get(v, "current_price"), text);
    text[trd_decimal_format(o->q[i].change_e8, 2, text)] = '\0';
    check_text(get(v, "price_change_24h"), text);
    assert_int_equal(json_is_true(get(v, "stale")), o->q[i].stale);
}


static const char *
sentiment(const count_t *n)
{
    return 2 * n->bull == n->signals ? "NEUTRAL"
           : 2 * n->bull > n->signals ? "BULLISH" : "BEARISH";
}


static void
check_overview(json_t *p, const oracle_t *o)
{
    char      text[TRD_DECIMAL_LEN + 1];
    json_t   *v;
    count_t   all, of;
    unsigned  c, top[TOP];

    all = oracle_count(o, -1);
    check_int(p, "total_instruments", N);
    check_int(p, "quoted_instruments", all.quoted);
    check_int(p, "stale_instruments", all.stale);
    assert_true(all.stale > 0 && all.stale < all.quoted);

    for (c = 0; c < TRD_CLASS_N; c++) {
        of = oracle_count(o, (int) c);
        check_int(get(p, "by_asset_class"), trd_class_name(c), of.total);
    }

    v = get(p, "breadth");
    check_int(v, "advancing", all.up);
    check_int(v, "declining", all.down);
    check_int(v, "unchanged", all.flat);
    check_int(v, "unknown", N - all.changes);

    v = get(p, "market_stats");
    check_average(get(v, "average_change_24h"), &all);

    if (oracle_top(o, 1, top)) {
        check_brief(get(get(p, "top_performers"), "gainer"), o, top[0]);
        text[trd_decimal_format(o->q[top[0]].change_e8, 2, text)] = '\0';
        check_text(get(v, "max_gain_24h"), text);
    }

    if (oracle_top(o, -1, top)) {
        check_brief(get(get(p, "top_performers"), "loser"), o, top[0]);
        text[trd_decimal_format(o->q[top[0]].change_e8, 2, text)] = '\0';
        check_text(get(v, "max_loss_24h"), text);
    }
}


static void
check_binary(json_t *p, const market_fixture_t *f, const oracle_t *o)
{
    json_t      *array, *symbols, *v;
    count_t      all;
    unsigned     i;
    const char  *string;

    all = oracle_count(o, -1);
    check_int(p, "total_signals", all.signals);
    check_int(p, "bullish_signals", all.bull);
    check_int(p, "bearish_signals", all.signals - all.bull);
    check_int(p, "map_version", 1);
    check_text(get(p, "market_sentiment"), sentiment(&all));

    array = get(p, "binary_array");
    symbols = get(p, "symbols");
    string = json_string_value(get(p, "binary_string"));
    assert_int_equal(json_array_size(array), N);
    assert_int_equal(json_array_size(symbols), N);
    assert_int_equal(strlen(string), N);

    for (i = 0; i < N; i++) {
        v = json_array_get(array, i);
        check_text(json_array_get(symbols, i),
                   f->catalogue.instruments[i].symbol);

        if (!o->signal[i]) {
            assert_true(json_is_null(v));
            assert_int_equal(string[i], '-');
            continue;
        }

        assert_true(json_is_integer(v));
        assert_int_equal(json_integer_value(v), o->q[i].change_e8 > 0);
        assert_int_equal(string[i], o->q[i].change_e8 > 0 ? '1' : '0');
    }
}


/* a list holds exactly the instruments for which `want` is set, in order */
static void
check_list(json_t *list, const int *want)
{
    char      symbol[16];
    size_t    n;
    unsigned  i;

    assert_true(json_is_array(list));

    for (i = 0, n = 0; i < N; i++) {
        if (want[i]) {
            (void) snprintf(symbol, sizeof(symbol), "I%03u", i);
            check_text(get(json_array_get(list, n++), "symbol"), symbol);
        }
    }

    assert_int_equal(json_array_size(list), n);
}


static void
check_analysis(json_t *p, const oracle_t *o)
{
    int       sure[N];
    json_t   *v;
    count_t   of;
    unsigned  c, i, k, n, top[TOP];

    static const char *const  lists[] = { "top_gainers", "top_losers" };

    check_text(get(p, "model"), "threshold");

    for (c = 0; c < TRD_CLASS_N; c++) {
        of = oracle_count(o, (int) c);
        v = get(get(p, "asset_class_analysis"), trd_class_name(c));
        check_int(v, "total", of.total);
        check_int(v, "bullish", of.bull);
        check_int(v, "bearish", of.signals - of.bull);
        check_average(get(v, "average_change"), &of);
        check_text(get(v, "sentiment"), sentiment(&of));
    }

    for (k = 0; k < 2; k++) {
        n = oracle_top(o, k ? -1 : 1, top);
        v = get(p, lists[k]);
        assert_int_equal(json_array_size(v), n);

        for (i = 0; i < n; i++) {
            check_brief(json_array_get(v, i), o, top[i]);
        }
    }

    for (i = 0; i < N; i++) {
        sure[i] = o->signal[i] && o->s[i].confidence_e8 > 70 * E8;
    }

    check_list(get(p, "high_confidence_signals"), sure);
}


static void
check_recommendations(json_t *p, const oracle_t *o)
{
    int       want[N];
    count_t   all;
    unsigned  i, k;

    static const struct {
        const char         *key;
        trd_signal_kind_t   kind;
        int                 listed;
    } kinds[] = {
        { "strong_buy", TRD_STRONG_BUY, 1 }, { "buy", TRD_BUY, 1 },
        { "sell", TRD_SELL, 1 }, { "strong_sell", TRD_STRONG_SELL, 1 },
        { "up", TRD_UP, 0 }, { "down", TRD_DOWN, 0 }
    };

    all = oracle_count(o, -1);

    for (k = 0; k < 6; k++) {
        check_int(get(p, "summary"), kinds[k].key, all.kinds[kinds[k].kind]);

        for (i = 0; i < N; i++) {
            want[i] = o->signal[i] && o->s[i].kind == kinds[k].kind;
        }

        if (kinds[k].listed) {
            check_list(get(p, kinds[k].key), want);
        }
    }

    check_int(get(p, "summary"), "total_signals", all.signals);
    check_text(get(get(p, "summary"), "market_sentiment"), sentiment(&all));
}


/* an object keyed by symbol: exactly those of the class that have the page,
   each equal to the instrument's own */
static void
check_keyed(json_t *p, const market_fixture_t *f, unsigned kind, int c)
{
    char             *body;
    json_t           *v;
    size_t            n;
    unsigned          i;
    trd_page_view_t   view;

    for (i = 0, n = 0; i < N; i++) {
        body = market_fixture_body(&f->b, trd_board_entry_page(&f->b, i,
                                                               kind), &view);

        if (body && (c < 0 || (int) (i % TRD_CLASS_N) == c)) {
            v = json_loadb(body, view.len, 0, NULL);
            assert_true(json_equal(v, get(p, f->catalogue.instruments[i]
                                             .symbol)));
            json_decref(v);
            n++;
        }

        free(body);
    }

    assert_int_equal(json_object_size(p), n);
}


static void
check_page(const market_fixture_t *f, const oracle_t *o, unsigned page)
{
    int       all[N];
    json_t   *p;
    unsigned  i;

    p = market_fixture_page(f, page);
    assert_non_null(p);

    if (page >= TRD_PAGE_TECHNICAL) {       /* nothing to tell yet */
        check_text(get(p, "model"), "technical");
        check_text(get(p, "timeframe"),
                   trd_timeframe_name((page - TRD_PAGE_TECHNICAL)
                                      / TRD_TECHNICAL_N));
        json_decref(p);
        return;
    }

    switch (page) {

    case TRD_PAGE_PRICES:
        check_keyed(p, f, TRD_ENTRY_QUOTE, -1);
        break;

    case TRD_PAGE_SIGNALS:
        check_keyed(p, f, TRD_ENTRY_SIGNAL, -1);
        break;

    case TRD_PAGE_OVERVIEW:
        check_int(p, "seq", trd_board_seq(&f->b));
        check_overview(p, o);
        break;

    case TRD_PAGE_SUMMARY:
        check_int(p, "seq", trd_board_seq(&f->b));
        check_keyed(get(p, "market_data"), f, TRD_ENTRY_QUOTE, -1);
        check_overview(get(p, "overview"), o);
        break;

    case TRD_PAGE_SYMBOLS:
        check_int(p, "total_symbols", N);
        assert_int_equal(json_array_size(get(get(p, "symbols"), "CRYPTO")),
                         (N + 3) / 4);
        break;

    case TRD_PAGE_INSTRUMENTS:
        check_int(p, "total_instruments", N);
        assert_int_equal(json_array_size(get(p, "instruments")), N);

        for (i = 0; i < N; i++) {
            json_t  *v = json_array_get(get(p, "instruments"), i);

            check_text(get(v, "exchange_symbol"),
                       f->catalogue.instruments[i].exchange_symbol);
            check_text(get(v, "price_tick"), "0.01");
            check_text(get(v, "lot_step"), "0.0001");
            check_text(get(v, "min_notional"), "5");
            check_text(get(v, "source"), "binance");
            check_int(v, "stale_after_ms", 1000 + 100 * i);
        }

        break;

    case TRD_PAGE_BINARY:
        check_binary(p, f, o);
        break;

    case TRD_PAGE_BINARY_STREAM:
        for (i = 0; i < N; i++) {
            all[i] = o->signal[i];
        }

        check_list(get(p, "stream"), all);
        check_int(p, "total_signals", json_array_size(get(p, "stream")));
        break;

    case TRD_PAGE_ANALYSIS:
    case TRD_PAGE_TRENDS:
        check_analysis(p, o);
        break;

    case TRD_PAGE_RECOMMENDATIONS:
        check_recommendations(p, o);
        break;

    case TRD_PAGE_PERFORMANCE:
        assert_int_equal(json_object_size(get(get(p, "distribution"),
                                              "technical")), 6);
        break;

    case TRD_PAGE_MAP:
        check_int(p, "first", 1);
        check_int(p, "version", 1);
        assert_int_equal(json_array_size(get(p, "slots")), N);
        break;

    case TRD_PAGE_MARKET_CARD:
    case TRD_PAGE_SIGNALS_CARD:
        check_int(p, "instruments", N);
        assert_true(json_array_size(get(p, "routes")) >= 10);
        break;

    default:
        if (page < TRD_PAGE_OVERVIEW) {
            check_keyed(p, f, TRD_ENTRY_QUOTE,
                        (int) (page - TRD_PAGE_PRICES_CLASS));

        } else {
            check_keyed(p, f, TRD_ENTRY_SIGNAL,
                        (int) (page - TRD_PAGE_SIGNALS_CLASS));
        }
    }

    json_decref(p);
}


static void
check_gzip(const market_fixture_t *f, unsigned page)
{
    char             *plain, *gzip, *inflated;
    size_t            len;
    trd_page_view_t   view, packed;

    plain = market_fixture_body(&f->b, trd_board_page(&f->b, page, 0), &view);
    gzip = market_fixture_body(&f->b, trd_board_page(&f->b, page, 1),
                               &packed);
    assert_non_null(plain);
    assert_non_null(gzip);
    assert_int_equal(view.seq, packed.seq);

    inflated = market_fixture_gunzip(gzip, packed.len, &len);
    assert_non_null(inflated);
    assert_int_equal(len, view.len);
    assert_memory_equal(inflated, plain, len);
    free(inflated);
    free(plain);
    free(gzip);
}


static void
test_pages_oracle(void **state)
{
    unsigned          page, turn;
    oracle_t          o;
    market_fixture_t  f;

    (void) state;

    for (turn = 1; turn <= 40; turn++) {
        random_market(&f, turn * 0x9e3779b97f4a7c15ULL);
        oracle_read(&f, &o);

        for (page = 0; page < TRD_PAGE_N; page++) {
            check_page(&f, &o, page);
            check_gzip(&f, page);
        }

        assert_int_equal(atomic_load(&f.b.header->pages_overflowed), 0);
        market_fixture_stop(&f);
    }
}


/* nobody has a quote yet: every page is there, and says so */
static void
test_pages_empty(void **state)
{
    json_t            *p;
    unsigned           page;
    market_fixture_t   f;

    (void) state;
    market_fixture_catalogue(&f.catalogue, 3);
    market_fixture_start(&f, 0);
    render_now(f.m.render);

    for (page = 0; page < TRD_PAGE_N; page++) {
        p = market_fixture_page(&f, page);
        assert_non_null(p);

        if (page == TRD_PAGE_OVERVIEW) {
            assert_true(json_is_null(get(get(p, "top_performers"),
                                         "gainer")));
            assert_true(json_is_null(get(get(p, "market_stats"),
                                         "average_change_24h")));
            check_int(get(p, "breadth"), "unknown", 3);
        }

        if (page == TRD_PAGE_BINARY
            || page == TRD_PAGE_TECHNICAL + TRD_TECHNICAL_BINARY)
        {
            check_text(get(p, "binary_string"), "---");
            check_text(get(p, "market_sentiment"), "NEUTRAL");
        }

        json_decref(p);
        check_gzip(&f, page);
    }

    market_fixture_stop(&f);
}


/* candles of every interval, closed ones: a walk that leans up or down */
static void
give_history(market_fixture_t *f, uint32_t instrument, uint64_t *seed)
{
    int          up;
    int64_t      open, close, ms;
    unsigned     i, k;
    trd_candle_t c;

    for (k = 0; k < TRD_INTERVALS; k++) {
        ms = trd_timeframe_ms((trd_timeframe_t) k);
        open = 1000 * E8;
        up = (int) (recordings_random(seed) >> 20 & 1);

        for (i = 0; i < 60; i++) {
            close = open + (int64_t) (recordings_random(seed) >> 8 & 0xffff)
                           * 10000 - (up ? 2 : 6) * 0x10000 * 1250LL;
            memset(&c, 0, sizeof(c));
            c.open_ms = f->m.now_ms / ms * ms - (60 - (int64_t) i) * ms;
            c.open_e8 = open;
            c.close_e8 = close;
            c.high_e8 = (open > close ? open : close) + E8;
            c.low_e8 = (open < close ? open : close) - E8;
            c.volume_e8 = c.quote_volume_e8 = E8;
            c.trades = 1;
            c.flags = TRD_CANDLE_SOURCE;
            series_candle(&f->m, instrument, k, &c, 0);
            open = close;
        }
    }
}


/* the signal that the instrument's own page tells; NULL: it has no page */
static json_t *
own_signal(const market_fixture_t *f, uint32_t instrument, unsigned timeframe)
{
    char             *body;
    json_t           *v;
    trd_page_view_t   view;

    body = market_fixture_body(&f->b,
                               trd_board_entry_page(&f->b, instrument,
                                                    TRD_ENTRY_TECHNICAL
                                                    + timeframe), &view);
    if (body == NULL) {
        return NULL;
    }

    v = json_loadb(body, view.len, 0, NULL);
    assert_non_null(v);
    free(body);

    return v;
}


typedef struct {
    json_t    *s[N];
    int        has[N], kind[TRD_SIGNAL_N][N], sure[N];
    unsigned   total, bull;
} technical_t;


static void
technical_read(const market_fixture_t *f, unsigned timeframe, technical_t *t)
{
    unsigned     i, k;
    const char  *kind;

    memset(t, 0, sizeof(*t));

    for (i = 0; i < N; i++) {
        t->s[i] = own_signal(f, i, timeframe);
        t->has[i] = t->s[i] != NULL;

        if (!t->has[i]) {
            continue;
        }

        kind = json_string_value(get(t->s[i], "signal"));
        t->total++;
        t->sure[i] = json_number_value(get(t->s[i], "confidence")) > 70;

        for (k = 0; strcmp(kind, trd_signal_name(k)) != 0; k++) {
            assert_true(k < TRD_SIGNAL_N - 1);
        }

        t->kind[k][i] = 1;
        t->bull += k <= TRD_UP;
        check_int(t->s[i], "binary_code", k <= TRD_UP);
    }
}


static void
check_technical_binary(json_t *p, const market_fixture_t *f,
    const technical_t *t)
{
    int          bit;
    json_t      *v;
    unsigned     i;
    const char  *string;

    check_int(p, "total_signals", t->total);
    check_int(p, "bullish_signals", t->bull);
    check_int(p, "bearish_signals", t->total - t->bull);
    string = json_string_value(get(p, "binary_string"));
    assert_int_equal(strlen(string), N);
    assert_int_equal(json_array_size(get(p, "binary_array")), N);

    for (i = 0; i < N; i++) {
        v = json_array_get(get(p, "binary_array"), i);
        check_text(json_array_get(get(p, "symbols"), i),
                   f->catalogue.instruments[i].symbol);

        if (!t->has[i]) {
            assert_true(json_is_null(v));
            assert_int_equal(string[i], '-');
            continue;
        }

        bit = (int) json_integer_value(get(t->s[i], "binary_code"));
        assert_int_equal(json_integer_value(v), bit);
        assert_int_equal(string[i], '0' + bit);
    }
}


/* the lists hold what the instruments' own pages say, but for the seq */
static void
check_same(json_t *list, const technical_t *t, const int *want)
{
    size_t    n;
    json_t   *v;
    unsigned  i;

    check_list(list, want);

    for (i = 0, n = 0; i < N; i++) {
        if (want[i]) {
            v = json_array_get(list, n++);
            (void) json_object_del(v, "seq");
            (void) json_object_del(t->s[i], "seq");
            assert_true(json_equal(v, t->s[i]));
        }
    }
}


static void
check_technical(const market_fixture_t *f, unsigned timeframe)
{
    json_t       *p[TRD_TECHNICAL_N], *v;
    count_t       of;
    oracle_t      o;
    unsigned      i, k;
    technical_t   t;

    static const char *const  lists[TRD_SIGNAL_N] = {
        "strong_buy", "buy", NULL, NULL, "sell", "strong_sell"
    };
    static const char *const  counts[TRD_SIGNAL_N] = {
        "strong_buy", "buy", "up", "down", "sell", "strong_sell"
    };

    oracle_read(f, &o);
    technical_read(f, timeframe, &t);
    assert_true(t.total > N / 4 && t.total < N);
    assert_true(t.bull > 0 && t.bull < t.total);

    for (k = 0; k < TRD_TECHNICAL_N; k++) {
        p[k] = market_fixture_page(f, TRD_PAGE_TECHNICAL
                                      + timeframe * TRD_TECHNICAL_N + k);
        assert_non_null(p[k]);
        check_int(p[k], "seq", trd_board_seq(&f->b));
        check_text(get(p[k], "model"), "technical");
        check_text(get(p[k], "timeframe"), trd_timeframe_name(timeframe));
    }

    check_technical_binary(p[TRD_TECHNICAL_BINARY], f, &t);
    check_same(get(p[TRD_TECHNICAL_BINARY_STREAM], "stream"), &t, t.has);
    check_same(get(p[TRD_TECHNICAL_ANALYSIS], "high_confidence_signals"), &t,
               t.sure);
    v = get(get(p[TRD_TECHNICAL_ANALYSIS], "asset_class_analysis"),
            trd_class_name(0));
    of = oracle_count(&o, 0);
    check_int(v, "total", of.total);
    check_average(get(v, "average_change"), &of);

    for (k = 0, i = 0; k < TRD_CLASS_N; k++) {
        v = get(get(p[TRD_TECHNICAL_ANALYSIS], "asset_class_analysis"),
                trd_class_name(k));
        i += (unsigned) json_integer_value(get(v, "bullish"));
    }

    assert_int_equal(i, t.bull);
    v = p[TRD_TECHNICAL_RECOMMENDATIONS];
    check_int(get(v, "summary"), "total_signals", t.total);

    for (k = 0; k < TRD_SIGNAL_N; k++) {
        for (i = 0, of.total = 0; i < N; i++) {
            of.total += (unsigned) t.kind[k][i];
        }

        check_int(get(v, "summary"), counts[k], of.total);

        if (lists[k]) {
            check_same(get(v, lists[k]), &t, t.kind[k]);
        }
    }

    for (k = 0; k < TRD_TECHNICAL_N; k++) {
        json_decref(p[k]);
    }

    for (i = 0; i < N; i++) {
        json_decref(t.s[i]);
    }
}


/* the other model's pages of the market, from the instruments' own */
static void
test_pages_technical(void **state)
{
    uint64_t          seed;
    unsigned          turn, i, page;
    market_fixture_t  f;

    (void) state;

    for (turn = 1; turn <= 5; turn++) {
        seed = turn * 0x9e3779b97f4a7c15ULL;
        random_market(&f, seed);
        assert_non_null(series_create(&f.m));

        for (i = 0; i < N; i++) {
            if (i % 3) {        /* also of those that have no quote */
                give_history(&f, i, &seed);
            }
        }

        render_now(f.m.render);

        for (i = 0; i < TRD_TIMEFRAME_N; i++) {
            check_technical(&f, i);
        }

        for (page = TRD_PAGE_TECHNICAL; page < TRD_PAGE_N; page++) {
            check_gzip(&f, page);
        }

        assert_int_equal(atomic_load(&f.b.header->pages_overflowed), 0);
        series_free(f.m.series);
        f.m.series = NULL;
        market_fixture_stop(&f);
    }
}


/* 24 characters a name, and every number as long as a number gets */
static void
check_longest(uint32_t n)
{
    char                number[8];
    json_t             *p;
    uint32_t            i;
    unsigned            page, k;
    trd_update_t        u;
    market_fixture_t    f;
    trd_instrument_t   *in;

    market_fixture_catalogue(&f.catalogue, n);

    for (i = 0; i < n; i++) {
        in = &f.catalogue.instruments[i];
        (void) snprintf(number, sizeof(number), "%05u", i);
        memset(in->symbol, 'S', TRD_SYMBOL_LEN);
        memset(in->exchange_symbol, 'E', TRD_SYMBOL_LEN);
        memset(in->base, 'B', TRD_SYMBOL_LEN);
        memset(in->quote, 'Q', TRD_SYMBOL_LEN);
        memcpy(in->symbol, number, 5);
        memcpy(in->exchange_symbol, number, 5);
        memcpy(in->base, number, 5);
        in->asset_class = TRD_CLASS_COMMODITIES;
        in->source = TRD_SOURCE_SIMULATOR;
        in->price_places = in->lot_places = 8;
        in->stale_after_ms = UINT32_MAX;
        in->price_tick_e8 = in->lot_step_e8 = INT64_MAX;
        in->min_notional_e8 = INT64_MAX;
    }

    market_fixture_start(&f, INT64_MAX - 2 * n - 2);
    f.m.limits.max_jump_bp = 0;

    for (i = 0; i < n; i++) {
        /* the change has 11 digits, too; the target still fits */
        u = market_fixture_ticker(&f, INT64_MAX / 103 * 100,
                                  100 * E8 + (int64_t) i);
        u.bid_e8 = u.ask_e8 = u.high_e8 = INT64_MAX;
        u.low_e8 = u.last_e8 - 1;
        u.volume_e8 = u.quote_volume_e8 = INT64_MAX;
        assert_int_equal(market_apply(&f.m, f.stats, i, &u),
                         TRD_REFUSED_NOT);
        assert_true(f.m.states[i].quote.has & TRD_HAS_CHANGE);
    }

    f.m.now_ms += (int64_t) UINT32_MAX + 1;
    market_sweep(&f.m);
    render_now(f.m.render);
    assert_int_equal(atomic_load(&f.b.header->pages_overflowed), 0);

    for (i = 0; i < n; i++) {
        for (k = 0; k <= TRD_ENTRY_BINARY; k++) {
            char             *body;
            trd_page_view_t   view;

            body = market_fixture_body(&f.b, trd_board_entry_page(&f.b, i, k),
                                       &view);
            assert_non_null(body);
            free(body);
        }
    }

    for (page = 0; page < TRD_PAGE_N; page++) {
        p = market_fixture_page(&f, page);
        assert_non_null(p);
        json_decref(p);
        check_gzip(&f, page);
    }

    market_fixture_stop(&f);
}


static void
test_pages_longest(void **state)
{
    (void) state;
    check_longest(1);
    check_longest(23);
    check_longest(500);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_pages_oracle),
        cmocka_unit_test(test_pages_empty),
        cmocka_unit_test(test_pages_technical),
        cmocka_unit_test(test_pages_longest)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
