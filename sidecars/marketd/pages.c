/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The bodies of the whole-market routes; their fields are in docs/api.md.
 */

#include <string.h>

#include "binary_map.h"
#include "pages.h"
#include "trd_quote_json.h"
#include "trd_technical.h"
#include "trd_version.h"


static void pages_rank(const pages_t *p, uint32_t *top, uint32_t *n,
    uint32_t instrument, int sign);


static const char *const  pages_market_routes[] = {
    "/", "/health", "/prices", "/prices/{symbol}", "/prices/asset/{class}",
    "/overview", "/summary", "/supported-symbols", "/instruments",
    "/candles/{symbol}", "/historical-data/{symbol}", "/depth/{symbol}",
    "/trades/{symbol}", "/trade-history/{symbol}", "/analysis/{symbol}",
    "/data-feeds", "/cache/stats", NULL
};

static const char *const  pages_signal_routes[] = {
    "/", "/health", "/signals", "/signals/{symbol}",
    "/signals/asset/{class}", "/binary", "/binary/{symbol}",
    "/binary/stream", "/binary/map/{version}", "/analysis",
    "/analysis/trends", "/recommendations", "/performance", NULL
};


int
pages_fragment(const market_t *m, uint32_t instrument, fragment_t *f)
{
    unsigned                 i;
    trd_writer_t             w[FRAGMENTS];
    const trd_quote_t       *q;
    const trd_instrument_t  *in;

    in = &m->catalogue->instruments[instrument];
    q = &m->states[instrument].quote;

    for (i = 0; i < FRAGMENTS; i++) {
        trd_writer_init(&w[i], f->body[i], FRAGMENT_SIZE);
    }

    trd_quote_json(&w[TRD_ENTRY_QUOTE], in, q, TRD_FIELD_ALL);

    f->has_signal = trd_signal_threshold(q, &f->signal) == TRD_OK;

    if (f->has_signal) {
        trd_signal_json(&w[TRD_ENTRY_SIGNAL], in, q, &f->signal);
        trd_binary_json(&w[TRD_ENTRY_BINARY], in, q, &f->signal);
    }

    for (i = 0; i < FRAGMENTS; i++) {
        if (trd_writer_overflowed(&w[i])) {
            return -1;
        }

        f->len[i] = (uint16_t) trd_writer_len(&w[i]);
    }

    return 0;
}


int
pages_is_static(unsigned page)
{
    return page == TRD_PAGE_SYMBOLS || page == TRD_PAGE_INSTRUMENTS
           || page == TRD_PAGE_MARKET_CARD || page == TRD_PAGE_SIGNALS_CARD
           || page == TRD_PAGE_MAP;
}


/* keeps the best few by change, catalogue order among equals */

static void
pages_rank(const pages_t *p, uint32_t *top, uint32_t *n, uint32_t instrument,
    int sign)
{
    int64_t   change;
    uint32_t  i;

    change = p->m->states[instrument].quote.change_e8 * sign;

    if (change <= 0) {
        return;
    }

    for (i = *n; i > 0; i--) {
        if (p->m->states[top[i - 1]].quote.change_e8 * sign >= change) {
            break;
        }
    }

    if (i == PAGES_TOP) {
        return;
    }

    if (*n < PAGES_TOP) {
        (*n)++;
    }

    memmove(&top[i + 1], &top[i], (*n - 1 - i) * sizeof(top[0]));
    top[i] = instrument;
}


/* the instrument's signal of the model that the pages are of; NULL: none */

static const trd_signal_t *
pages_signal(const pages_t *p, uint32_t instrument)
{
    const fragment_t  *f;

    if (p->timeframe != PAGES_THRESHOLD) {
        return pages_technical_signal(p->m, instrument,
                                      (unsigned) p->timeframe);
    }

    f = &p->fragments[instrument];

    return f->has_signal ? &f->signal : NULL;
}


static void
pages_count(pages_class_t *c, const trd_quote_t *q, const trd_signal_t *s)
{
    c->total++;

    if (q->has & TRD_HAS_CHANGE) {
        c->changes++;
        c->change_sum += q->change_e8;
        c->up += q->change_e8 > 0;
        c->down += q->change_e8 < 0;
        c->flat += q->change_e8 == 0;
    }

    if (s) {
        c->signals++;
        c->bullish += s->bullish;
        c->bearish += !s->bullish;
        c->kinds[s->kind]++;
    }
}


void
pages_begin(pages_t *p, const market_t *m, const fragment_t *fragments,
    int timeframe)
{
    uint32_t             i;
    const trd_quote_t   *q;
    const trd_signal_t  *s;

    memset(p, 0, sizeof(*p));
    p->m = m;
    p->fragments = fragments;
    p->timeframe = timeframe;
    p->now_ms = m->now_ms;

    for (i = 0; i < m->catalogue->n; i++) {
        q = &m->states[i].quote;
        s = pages_signal(p, i);

        pages_count(&p->all, q, s);
        pages_count(&p->by_class[m->catalogue->instruments[i].asset_class], q,
                    s);

        if (q->has & TRD_HAS_CHANGE) {
            pages_rank(p, p->gainers, &p->ngainers, i, 1);
            pages_rank(p, p->losers, &p->nlosers, i, -1);
        }
    }
}


static void
pages_u64(trd_writer_t *w, const char *key, uint64_t n)
{
    trd_write_str(w, key);
    trd_write_u64(w, n);
}


static void
pages_change(trd_writer_t *w, const pages_class_t *c)
{
    __int128  half;

    if (c->changes == 0) {
        trd_write_lit(w, "null");
        return;
    }

    half = c->change_sum < 0 ? -(__int128) c->changes : c->changes;

    trd_write_decimal(w,
                      trd_decimal_round((int64_t) ((2 * c->change_sum + half)
                                                   / (2 * (__int128)
                                                      c->changes)),
                                        3),
                      2);
}


static const char *
pages_sentiment(const pages_class_t *c)
{
    if (c->bullish == c->bearish) {
        return "NEUTRAL";
    }

    return c->bullish > c->bearish ? "BULLISH" : "BEARISH";
}


static void
pages_model(const pages_t *p, trd_writer_t *w)
{
    if (p->timeframe == PAGES_THRESHOLD) {
        trd_write_lit(w, ",\"model\":\"threshold\"");
        return;
    }

    trd_write_lit(w, ",\"model\":\"technical\",\"timeframe\":\"");
    trd_write_str(w, trd_timeframe_name((unsigned) p->timeframe));
    trd_write_lit(w, "\"");
}


/* {"BTC":{...},...} of one kind of fragment; asset_class < 0: all */

static void
pages_keyed(const pages_t *p, trd_writer_t *w, unsigned kind, int asset_class)
{
    int                      first;
    uint32_t                 i;
    const fragment_t        *f;
    const trd_instrument_t  *in;

    trd_write_lit(w, "{");
    first = 1;

    for (i = 0; i < p->m->catalogue->n; i++) {
        in = &p->m->catalogue->instruments[i];
        f = &p->fragments[i];

        if (f->len[kind] == 0
            || (asset_class >= 0 && in->asset_class != asset_class))
        {
            continue;
        }

        trd_write_str(w, first ? "" : ",");
        first = 0;
        trd_write_json_str(w, in->symbol, strlen(in->symbol));
        trd_write_lit(w, ":");
        trd_write(w, f->body[kind], f->len[kind]);
    }

    trd_write_lit(w, "}");
}


static void
pages_brief(const pages_t *p, trd_writer_t *w, uint32_t instrument)
{
    const trd_quote_t       *q;
    const trd_instrument_t  *in;

    in = &p->m->catalogue->instruments[instrument];
    q = &p->m->states[instrument].quote;

    trd_write_lit(w, "{\"symbol\":");
    trd_write_json_str(w, in->symbol, strlen(in->symbol));
    trd_write_lit(w, ",\"asset_class\":\"");
    trd_write_str(w, trd_class_name(in->asset_class));
    trd_write_lit(w, "\",\"current_price\":");
    trd_write_decimal(w, q->last_e8, in->price_places);
    trd_write_lit(w, ",\"price_change_24h\":");
    trd_write_decimal(w, q->change_e8, 2);
    trd_write_lit(w, ",\"stale\":");
    trd_write_str(w, q->stale ? "true" : "false");
    trd_write_lit(w, "}");
}


static void
pages_briefs(const pages_t *p, trd_writer_t *w, const uint32_t *list,
    uint32_t n)
{
    uint32_t  i;

    trd_write_lit(w, "[");

    for (i = 0; i < n; i++) {
        trd_write_str(w, i ? "," : "");
        pages_brief(p, w, list[i]);
    }

    trd_write_lit(w, "]");
}


static void
pages_one(const pages_t *p, trd_writer_t *w, const uint32_t *list,
    uint32_t n, int value)
{
    if (n == 0) {
        trd_write_lit(w, "null");

    } else if (value) {
        trd_write_decimal(w, p->m->states[list[0]].quote.change_e8, 2);

    } else {
        pages_brief(p, w, list[0]);
    }
}


static void
pages_overview(const pages_t *p, trd_writer_t *w)
{
    unsigned  c;

    trd_write_lit(w, "{\"timestamp\":");
    trd_write_time(w, p->now_ms);
    pages_u64(w, ",\"seq\":", p->m->writer.seq);
    pages_u64(w, ",\"total_instruments\":", p->all.total);
    pages_u64(w, ",\"quoted_instruments\":", p->m->quoted);
    pages_u64(w, ",\"stale_instruments\":", p->m->stale);
    trd_write_lit(w, ",\"by_asset_class\":{");

    for (c = 0; c < TRD_CLASS_N; c++) {
        trd_write_str(w, c ? ",\"" : "\"");
        trd_write_str(w, trd_class_name(c));
        pages_u64(w, "\":", p->by_class[c].total);
    }

    trd_write_lit(w, "},\"market_stats\":{\"average_change_24h\":");
    pages_change(w, &p->all);
    trd_write_lit(w, ",\"max_gain_24h\":");
    pages_one(p, w, p->gainers, p->ngainers, 1);
    trd_write_lit(w, ",\"max_loss_24h\":");
    pages_one(p, w, p->losers, p->nlosers, 1);
    trd_write_lit(w, "},\"top_performers\":{\"gainer\":");
    pages_one(p, w, p->gainers, p->ngainers, 0);
    trd_write_lit(w, ",\"loser\":");
    pages_one(p, w, p->losers, p->nlosers, 0);
    pages_u64(w, "},\"breadth\":{\"advancing\":", p->all.up);
    pages_u64(w, ",\"declining\":", p->all.down);
    pages_u64(w, ",\"unchanged\":", p->all.flat);
    pages_u64(w, ",\"unknown\":", p->all.total - p->all.changes);
    trd_write_lit(w, "}}");
}


/* of a place of the map: its instrument's signal, or nobody's */

static const char *
pages_bit(const pages_t *p, uint32_t place, const char *none)
{
    int32_t              i;
    const trd_signal_t  *s;

    i = p->m->map->at[place];
    s = i < 0 ? NULL : pages_signal(p, (uint32_t) i);

    return s == NULL ? none : s->bullish ? "1" : "0";
}


static void
pages_binary(const pages_t *p, trd_writer_t *w)
{
    uint32_t            i, n;
    const trd_slots_t  *slots;

    slots = &p->m->map->slots;
    n = slots->n;

    trd_write_lit(w, "{\"timestamp\":");
    trd_write_time(w, p->now_ms);
    pages_u64(w, ",\"seq\":", p->m->writer.seq);
    pages_model(p, w);
    pages_u64(w, ",\"total_signals\":", p->all.signals);
    pages_u64(w, ",\"bullish_signals\":", p->all.bullish);
    pages_u64(w, ",\"bearish_signals\":", p->all.bearish);
    trd_write_lit(w, ",\"market_sentiment\":\"");
    trd_write_str(w, pages_sentiment(&p->all));
    trd_write_lit(w, "\",\"binary_array\":[");

    for (i = 0; i < n; i++) {
        trd_write_str(w, i ? "," : "");
        trd_write_str(w, pages_bit(p, i, "null"));
    }

    trd_write_lit(w, "],\"binary_string\":\"");

    for (i = 0; i < n; i++) {
        trd_write_str(w, pages_bit(p, i, "-"));
    }

    trd_write_lit(w, "\",\"symbols\":[");

    for (i = 0; i < n; i++) {
        trd_write_str(w, i ? "," : "");

        if (p->m->map->at[i] < 0) {
            trd_write_lit(w, "null");

        } else {
            trd_write_json_str(w, slots->slot[i].symbol,
                               strlen(slots->slot[i].symbol));
        }
    }

    pages_u64(w, "],\"map_version\":", slots->version);
    trd_write_lit(w, "}");
}


/* a JSON list of fragments that `kind` (or a confidence above it) selects */

static void
pages_list(const pages_t *p, trd_writer_t *w, unsigned fragment, int kind,
    int64_t confidence_e8)
{
    int                  first;
    uint32_t             i;
    const fragment_t    *f;
    const trd_signal_t  *s;

    trd_write_lit(w, "[");
    first = 1;

    for (i = 0; i < p->m->catalogue->n; i++) {
        s = pages_signal(p, i);

        if (s == NULL || (kind >= 0 && (int) s->kind != kind)
            || s->confidence_e8 <= confidence_e8)
        {
            continue;
        }

        trd_write_str(w, first ? "" : ",");
        first = 0;

        if (p->timeframe != PAGES_THRESHOLD) {
            pages_technical(p->m, i, (unsigned) p->timeframe, w);
            continue;
        }

        f = &p->fragments[i];
        trd_write(w, f->body[fragment], f->len[fragment]);
    }

    trd_write_lit(w, "]");
}


static void
pages_stream(const pages_t *p, trd_writer_t *w)
{
    trd_write_lit(w, "{\"timestamp\":");
    trd_write_time(w, p->now_ms);
    pages_u64(w, ",\"seq\":", p->m->writer.seq);
    pages_model(p, w);
    pages_u64(w, ",\"total_signals\":", p->all.signals);
    trd_write_lit(w, ",\"stream\":");
    pages_list(p, w, TRD_ENTRY_BINARY, -1, -1);
    trd_write_lit(w, "}");
}


static void
pages_analysis(const pages_t *p, trd_writer_t *w)
{
    unsigned              i;
    const pages_class_t  *c;

    trd_write_lit(w, "{\"timestamp\":");
    trd_write_time(w, p->now_ms);
    pages_u64(w, ",\"seq\":", p->m->writer.seq);
    pages_model(p, w);
    trd_write_lit(w, ",\"asset_class_analysis\":{");

    for (i = 0; i < TRD_CLASS_N; i++) {
        c = &p->by_class[i];

        trd_write_str(w, i ? ",\"" : "\"");
        trd_write_str(w, trd_class_name(i));
        pages_u64(w, "\":{\"total\":", c->total);
        pages_u64(w, ",\"bullish\":", c->bullish);
        pages_u64(w, ",\"bearish\":", c->bearish);
        trd_write_lit(w, ",\"average_change\":");
        pages_change(w, c);
        trd_write_lit(w, ",\"sentiment\":\"");
        trd_write_str(w, pages_sentiment(c));
        trd_write_lit(w, "\"}");
    }

    trd_write_lit(w, "},\"top_gainers\":");
    pages_briefs(p, w, p->gainers, p->ngainers);
    trd_write_lit(w, ",\"top_losers\":");
    pages_briefs(p, w, p->losers, p->nlosers);
    trd_write_lit(w, ",\"high_confidence_signals\":");
    pages_list(p, w, TRD_ENTRY_SIGNAL, -1, 70 * TRD_E8);
    trd_write_lit(w, "}");
}


static void
pages_recommendations(const pages_t *p, trd_writer_t *w)
{
    static const struct {
        int          kind;
        const char  *key;
        const char  *count;
    } lists[] = {
        { TRD_STRONG_BUY, ",\"strong_buy\":", "{\"strong_buy\":" },
        { TRD_BUY, ",\"buy\":", ",\"buy\":" },
        { TRD_SELL, ",\"sell\":", ",\"sell\":" },
        { TRD_STRONG_SELL, ",\"strong_sell\":", ",\"strong_sell\":" }
    };

    unsigned  i;

    trd_write_lit(w, "{\"timestamp\":");
    trd_write_time(w, p->now_ms);
    pages_u64(w, ",\"seq\":", p->m->writer.seq);
    pages_model(p, w);

    for (i = 0; i < 4; i++) {
        trd_write_str(w, lists[i].key);
        pages_list(p, w, TRD_ENTRY_SIGNAL, lists[i].kind, -1);
    }

    trd_write_lit(w, ",\"summary\":");

    for (i = 0; i < 4; i++) {
        pages_u64(w, lists[i].count, p->all.kinds[lists[i].kind]);
    }

    pages_u64(w, ",\"up\":", p->all.kinds[TRD_UP]);
    pages_u64(w, ",\"down\":", p->all.kinds[TRD_DOWN]);
    pages_u64(w, ",\"total_signals\":", p->all.signals);
    trd_write_lit(w, ",\"market_sentiment\":\"");
    trd_write_str(w, pages_sentiment(&p->all));
    trd_write_lit(w, "\"}}");
}


static void
pages_symbols(const pages_t *p, trd_writer_t *w)
{
    int                      first;
    unsigned                 c;
    uint32_t                 i;
    const trd_instrument_t  *in;

    pages_u64(w, "{\"total_symbols\":", p->m->catalogue->n);
    trd_write_lit(w, ",\"symbols\":{");

    for (c = 0; c < TRD_CLASS_N; c++) {
        trd_write_str(w, c ? ",\"" : "\"");
        trd_write_str(w, trd_class_name(c));
        trd_write_lit(w, "\":[");
        first = 1;

        for (i = 0; i < p->m->catalogue->n; i++) {
            in = &p->m->catalogue->instruments[i];

            if (in->asset_class != c) {
                continue;
            }

            trd_write_str(w, first ? "" : ",");
            first = 0;
            trd_write_json_str(w, in->symbol, strlen(in->symbol));
        }

        trd_write_lit(w, "]");
    }

    trd_write_lit(w, "}}");
}


static void
pages_text(trd_writer_t *w, const char *key, const char *s)
{
    trd_write_str(w, key);
    trd_write_json_str(w, s, strlen(s));
}


static void
pages_instruments(const pages_t *p, trd_writer_t *w)
{
    uint32_t                 i;
    const trd_instrument_t  *in;

    pages_u64(w, "{\"total_instruments\":", p->m->catalogue->n);
    trd_write_lit(w, ",\"instruments\":[");

    for (i = 0; i < p->m->catalogue->n; i++) {
        in = &p->m->catalogue->instruments[i];

        pages_text(w, i ? ",{\"symbol\":" : "{\"symbol\":", in->symbol);
        pages_text(w, ",\"exchange_symbol\":", in->exchange_symbol);
        pages_text(w, ",\"asset_class\":", trd_class_name(in->asset_class));
        pages_text(w, ",\"base\":", in->base);
        pages_text(w, ",\"quote\":", in->quote);
        trd_write_lit(w, ",\"price_tick\":");
        trd_write_decimal(w, in->price_tick_e8, 0);
        trd_write_lit(w, ",\"lot_step\":");
        trd_write_decimal(w, in->lot_step_e8, 0);
        trd_write_lit(w, ",\"min_notional\":");
        trd_write_decimal(w, in->min_notional_e8, 0);
        pages_text(w, ",\"source\":", trd_source_name(in->source));
        pages_u64(w, ",\"stale_after_ms\":", in->stale_after_ms);
        trd_write_lit(w, "}");
    }

    trd_write_lit(w, "]}");
}


static void
pages_card(const pages_t *p, trd_writer_t *w, const char *service,
    const char *const *routes)
{
    unsigned  i;

    pages_text(w, "{\"service\":", service);
    trd_write_lit(w, ",\"version\":\"" TRADING_VERSION "\",\"routes\":[");

    for (i = 0; routes[i]; i++) {
        trd_write_str(w, i ? ",\"GET " : "\"GET ");
        trd_write_str(w, routes[i]);
        trd_write_lit(w, "\"");
    }

    trd_write_lit(w, "],\"asset_classes\":[");

    for (i = 0; i < TRD_CLASS_N; i++) {
        pages_text(w, i ? "," : "", trd_class_name(i));
    }

    pages_u64(w, "],\"instruments\":", p->m->catalogue->n);
}


void
pages_write(const pages_t *p, unsigned page, trd_writer_t *w)
{
    /* in the order of TRD_TECHNICAL_* */
    static const unsigned  technical[] = {
        TRD_PAGE_BINARY, TRD_PAGE_BINARY_STREAM, TRD_PAGE_ANALYSIS,
        TRD_PAGE_RECOMMENDATIONS
    };

    if (page >= TRD_PAGE_TECHNICAL) {
        page = technical[(page - TRD_PAGE_TECHNICAL) % TRD_TECHNICAL_N];
    }

    if (page >= TRD_PAGE_PRICES_CLASS
        && page < TRD_PAGE_PRICES_CLASS + TRD_CLASS_N)
    {
        pages_keyed(p, w, TRD_ENTRY_QUOTE, (int) page - TRD_PAGE_PRICES_CLASS);
        return;
    }

    if (page >= TRD_PAGE_SIGNALS_CLASS
        && page < TRD_PAGE_SIGNALS_CLASS + TRD_CLASS_N)
    {
        pages_keyed(p, w, TRD_ENTRY_SIGNAL,
                    (int) page - TRD_PAGE_SIGNALS_CLASS);
        return;
    }

    switch (page) {

    case TRD_PAGE_PRICES:
        pages_keyed(p, w, TRD_ENTRY_QUOTE, -1);
        break;

    case TRD_PAGE_OVERVIEW:
        pages_overview(p, w);
        break;

    case TRD_PAGE_SUMMARY:
        trd_write_lit(w, "{\"timestamp\":");
        trd_write_time(w, p->now_ms);
        pages_u64(w, ",\"seq\":", p->m->writer.seq);
        trd_write_lit(w, ",\"market_data\":");
        pages_keyed(p, w, TRD_ENTRY_QUOTE, -1);
        trd_write_lit(w, ",\"overview\":");
        pages_overview(p, w);
        trd_write_lit(w, "}");
        break;

    case TRD_PAGE_SYMBOLS:
        pages_symbols(p, w);
        break;

    case TRD_PAGE_INSTRUMENTS:
        pages_instruments(p, w);
        break;

    case TRD_PAGE_MARKET_CARD:
        pages_card(p, w, "market", pages_market_routes);
        trd_write_lit(w, "}");
        break;

    case TRD_PAGE_SIGNALS:
        pages_keyed(p, w, TRD_ENTRY_SIGNAL, -1);
        break;

    case TRD_PAGE_BINARY:
        pages_binary(p, w);
        break;

    case TRD_PAGE_BINARY_STREAM:
        pages_stream(p, w);
        break;

    case TRD_PAGE_ANALYSIS:
    case TRD_PAGE_TRENDS:
        pages_analysis(p, w);
        break;

    case TRD_PAGE_RECOMMENDATIONS:
        pages_recommendations(p, w);
        break;

    case TRD_PAGE_MAP:
        trd_slots_write(&p->m->map->slots, w);
        break;

    case TRD_PAGE_PERFORMANCE:
        pages_performance(p, w);
        break;

    default: /* TRD_PAGE_SIGNALS_CARD */
        pages_card(p, w, "signals", pages_signal_routes);
        trd_write_lit(w, ",\"models\":[\"threshold\",\"technical\"],"
                         "\"binary\":{\"1\":\"STRONG_BUY, BUY or UP\","
                         "\"0\":\"DOWN, SELL or STRONG_SELL; a change of "
                         "exactly zero counts as DOWN\","
                         "\"null\":\"no data yet\"}}");
    }
}
