/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Pages about an instrument's history: technical signals, indicators, and
 * what past signals were worth.  Indicators are doubles; those in units of
 * price are written as decimal strings of eight places, the others as numbers
 * of four.  What does not exist is null.
 */

#include <math.h>
#include <string.h>

#include "pages.h"
#include "series_state.h"
#include "trd_decimal.h"
#include "trd_series.h"


typedef enum {
    INDICATOR_PRICE = 0,
    INDICATOR_NUMBER
} indicator_unit_t;

static const struct {
    const char        *key;
    uint32_t           bit;
    size_t             offset;
    indicator_unit_t   unit;
} indicators[] = {

#define indicator(name, bit, field, unit)                                     \
    { ",\"" name "\":", bit, offsetof(trd_indicator_values_t, field), unit }

    indicator("sma_20", TRD_IND_SMA, sma20, INDICATOR_PRICE),
    indicator("ema_12", TRD_IND_EMA12, ema12, INDICATOR_PRICE),
    indicator("ema_20", TRD_IND_EMA20, ema20, INDICATOR_PRICE),
    indicator("ema_26", TRD_IND_EMA26, ema26, INDICATOR_PRICE),
    indicator("rsi_14", TRD_IND_RSI, rsi14, INDICATOR_NUMBER),
    indicator("macd", TRD_IND_MACD, macd, INDICATOR_PRICE),
    indicator("macd_signal", TRD_IND_SIGNAL, macd_signal,
              INDICATOR_PRICE),
    indicator("macd_histogram", TRD_IND_SIGNAL, macd_histogram,
              INDICATOR_PRICE),
    indicator("bollinger_middle", TRD_IND_BOLLINGER, bollinger_middle,
              INDICATOR_PRICE),
    indicator("bollinger_upper", TRD_IND_BOLLINGER, bollinger_upper,
              INDICATOR_PRICE),
    indicator("bollinger_lower", TRD_IND_BOLLINGER, bollinger_lower,
              INDICATOR_PRICE),
    indicator("atr_14", TRD_IND_ATR, atr14, INDICATOR_PRICE),
    indicator("plus_di_14", TRD_IND_DI, plus_di14, INDICATOR_NUMBER),
    indicator("minus_di_14", TRD_IND_DI, minus_di14, INDICATOR_NUMBER),
    indicator("adx_14", TRD_IND_ADX, adx14, INDICATOR_NUMBER),
    indicator("stochastic_k", TRD_IND_STOCH_K, stochastic_k,
              INDICATOR_NUMBER),
    indicator("stochastic_d", TRD_IND_STOCH_D, stochastic_d,
              INDICATOR_NUMBER)
#undef indicator
};


/* rounded to e8; null if it is no number or out of range */

static void
pages_double(trd_writer_t *w, double x, unsigned places, int quoted)
{
    int64_t  e8;

    if (!(fabs(x) < 9e10)) {
        trd_write_lit(w, "null");
        return;
    }

    e8 = trd_decimal_round((int64_t) (x * 1e8 + (x < 0 ? -0.5 : 0.5)), places);

    if (quoted) {
        trd_write_decimal(w, e8, 0);

    } else {
        trd_write_number(w, e8);
    }
}


static void
pages_text(trd_writer_t *w, const char *key, const char *s)
{
    trd_write_str(w, key);
    trd_write_json_str(w, s, strlen(s));
}


static void
pages_u64(trd_writer_t *w, const char *key, uint64_t n)
{
    trd_write_str(w, key);
    trd_write_u64(w, n);
}


static void
pages_decimal(trd_writer_t *w, const char *key, int known, int64_t e8,
    unsigned places)
{
    trd_write_str(w, key);

    if (known) {
        trd_write_decimal(w, e8, places);

    } else {
        trd_write_lit(w, "null");
    }
}


/* what every page of an instrument says of its quote; ends open */

static void
pages_head(const market_t *m, const trd_instrument_t *in,
    const trd_quote_t *q, trd_writer_t *w)
{
    pages_text(w, "{\"symbol\":", in->symbol);
    pages_text(w, ",\"asset_class\":", trd_class_name(in->asset_class));
    pages_decimal(w, ",\"current_price\":", q->has & TRD_HAS_LAST, q->last_e8,
                  in->price_places);
    pages_decimal(w, ",\"price_change_24h\":", q->has & TRD_HAS_CHANGE,
                  q->change_e8, 2);
    trd_write_str(w, trd_source_simulated(q->source)
                     ? ",\"simulated\":true" : ",\"simulated\":false");
    trd_write_str(w, q->stale ? ",\"stale\":true" : ",\"stale\":false");
    pages_u64(w, ",\"seq\":", m->writer.seq);
}


const trd_signal_t *
pages_technical_signal(const market_t *m, uint32_t instrument,
    unsigned timeframe)
{
    const series_of_t  *of;

    /* candles may come before the first quote */
    if (m->series == NULL || m->states[instrument].quote.has == 0) {
        return NULL;
    }

    of = &m->series->of[instrument];

    return (of->at[timeframe].has & TRD_TRACK_SIGNAL)
           ? &of->at[timeframe].technical.signal : NULL;
}


void
pages_technical(const market_t *m, uint32_t instrument, unsigned timeframe,
    trd_writer_t *w)
{
    const trd_quote_t       *q;
    const series_of_t       *of;
    const trd_signal_t      *s;
    const trd_technical_t   *t;
    const trd_instrument_t  *in;

    s = pages_technical_signal(m, instrument, timeframe);

    if (s == NULL) {
        return;
    }

    in = &m->catalogue->instruments[instrument];
    q = &m->states[instrument].quote;
    of = &m->series->of[instrument];
    t = &of->at[timeframe].technical;

    pages_head(m, in, q, w);
    pages_u64(w, ",\"binary_code\":", s->bullish);
    pages_text(w, ",\"signal\":", trd_signal_name(s->kind));
    trd_write_lit(w, ",\"signal_strength\":");
    trd_write_number(w, s->strength_e8);
    trd_write_lit(w, ",\"confidence\":");
    trd_write_number(w, s->confidence_e8);
    pages_u64(w, ",\"samples\":", t->samples);
    trd_write_lit(w, ",\"score\":");
    pages_double(w, t->score, 4, 0);
    pages_decimal(w, ",\"entry_price\":", 1, s->entry_e8, in->price_places);
    pages_decimal(w, ",\"target_price\":", 1, s->target_e8, in->price_places);
    pages_decimal(w, ",\"stop_loss\":", 1, s->stop_e8, in->price_places);
    trd_write_lit(w, ",\"recommendation\":\"The indicators of the ");
    trd_write_str(w, trd_interval_name(timeframe));
    trd_write_str(w, s->bullish ? " candles lean up; "
                                : " candles lean down; ");

    /* the confidence is no share of those signals: a coin's are in it */

    if (t->samples / TRD_HORIZON < TRD_SCORE_MIN) {
        trd_write_lit(w, "too few past signals of this score are known to say "
                         "how often they come true.\"");

    } else {
        trd_write_lit(w, "that this comes true is estimated at ");
        trd_write_number(w, trd_decimal_round(s->confidence_e8, 1));
        pages_u64(w, " %, from ", t->samples);
        trd_write_lit(w, " past signals of this score.\"");
    }

    pages_text(w, ",\"timeframe\":", trd_timeframe_name(timeframe));
    trd_write_lit(w, ",\"timestamp\":");
    trd_write_time(w, of->at[timeframe].track.open_ms
                      + trd_timeframe_ms((trd_timeframe_t) timeframe));
    trd_write_lit(w, ",\"model\":\"technical\"}");
}


static void
pages_interval(const series_of_t *of, unsigned interval, trd_writer_t *w)
{
    int                            open;
    double                         x;
    unsigned                       i;
    const trd_candle_t            *c;
    trd_indicator_values_t         peek;
    const trd_indicator_values_t  *v;

    c = &of->newest[interval];
    v = NULL;
    open = 0;

    if (of->newest_ms[interval] && (c->flags & TRD_CANDLE_OPEN)
        && trd_indicator_peek(&of->at[interval].track.indicator, c->high_e8,
                              c->low_e8, c->close_e8, &peek)
           == TRD_OK)
    {
        v = &peek;
        open = 1;

    } else if (of->at[interval].has & TRD_TRACK_VALUES) {
        v = &of->at[interval].values;
    }

    trd_write_lit(w, "{\"open_time\":");

    if (of->newest_ms[interval]) {
        trd_write_time(w, of->newest_ms[interval]);

    } else {
        trd_write_lit(w, "null");
    }

    trd_write_str(w, open ? ",\"closed\":false" : ",\"closed\":true");

    for (i = 0; i < sizeof(indicators) / sizeof(indicators[0]); i++) {
        trd_write_str(w, indicators[i].key);

        if (v == NULL || (v->ready & indicators[i].bit) == 0) {
            trd_write_lit(w, "null");
            continue;
        }

        memcpy(&x, (const char *) v + indicators[i].offset, sizeof(x));
        pages_double(w, x, indicators[i].unit == INDICATOR_PRICE ? 8 : 4,
                     indicators[i].unit == INDICATOR_PRICE);
    }

    trd_write_lit(w, "}");
}


void
pages_indicators(const market_t *m, uint32_t instrument, trd_writer_t *w)
{
    unsigned            i;
    const trd_quote_t  *q;

    q = &m->states[instrument].quote;

    pages_head(m, &m->catalogue->instruments[instrument], q, w);
    trd_write_lit(w, ",\"timestamp\":");
    trd_write_time(w, q->received_ms);
    trd_write_lit(w, ",\"intervals\":{");

    for (i = 0; i < TRD_INTERVALS; i++) {
        trd_write_str(w, i ? ",\"" : "\"");
        trd_write_str(w, trd_interval_name(i));
        trd_write_lit(w, "\":");
        pages_interval(&m->series->of[instrument], i, w);
    }

    trd_write_lit(w, "}}");
}


/* signals that there are now, by kind and by confidence */

static void
pages_spread(const uint32_t *kinds, const uint32_t *bins, trd_writer_t *w)
{
    unsigned  i;

    trd_write_lit(w, "{\"signals\":{");

    for (i = 0; i < TRD_SIGNAL_N; i++) {
        trd_write_str(w, i ? ",\"" : "\"");
        trd_write_str(w, trd_signal_name(i));
        pages_u64(w, "\":", kinds[i]);
    }

    trd_write_lit(w, "},\"confidence\":{");

    for (i = 0; i < 10; i++) {
        trd_write_str(w, i ? ",\"" : "\"");
        trd_write_u64(w, i * 10);
        trd_write_lit(w, "-");
        trd_write_u64(w, i * 10 + 10);
        pages_u64(w, "\":", bins[i]);
    }

    trd_write_lit(w, "}}");
}


static void
pages_bin(const trd_signal_t *s, uint32_t *kinds, uint32_t *bins)
{
    unsigned  bin;

    bin = (unsigned) (s->confidence_e8 / (10 * TRD_E8));

    kinds[s->kind]++;
    bins[bin < 10 ? bin : 9]++;
}


static void
pages_worth(const char *model, const char *timeframe, const char *horizon,
    const trd_score_totals_t *totals, uint64_t times, uint32_t overlap,
    trd_writer_t *w)
{
    trd_score_result_t  r;

    trd_score_result(totals, times, overlap, &r);

    pages_text(w, "{\"model\":", model);
    pages_text(w, ",\"timeframe\":", timeframe);
    pages_text(w, ",\"horizon\":", horizon);
    pages_u64(w, ",\"count\":", r.count);
    pages_u64(w, ",\"independent\":", r.independent);
    trd_write_lit(w, ",\"hit_rate\":");
    pages_double(w, r.known ? r.hit_rate : NAN, 4, 0);
    trd_write_lit(w, ",\"mean_return\":");
    pages_double(w, r.known ? r.mean_return : NAN, 4, 1);
    trd_write_lit(w, ",\"brier_score\":");
    pages_double(w, r.known ? r.brier : NAN, 4, 0);
    trd_write_lit(w, "}");
}


/* outcomes of the instrument that has the most, of those that are pooled; of
   the threshold model without a timeframe */

static uint64_t
pages_times(const market_t *m, int timeframe)
{
    uint32_t            i;
    uint64_t            n, most;
    const series_of_t  *of;

    for (most = i = 0; i < m->catalogue->n; i++) {
        of = &m->series->of[i];

        n = series_apart(m, i) ? 0
            : trd_score_judged(timeframe < 0 ? &of->threshold.totals
                                             : &of->at[timeframe].totals);
        most = n > most ? n : most;
    }

    return most;
}


void
pages_performance(const pages_t *p, trd_writer_t *w)
{
    uint32_t            i, kinds[TRD_SIGNAL_N], bins[10];
    unsigned            k;
    const struct series_s  *s;
    const series_of_t  *of;

    s = p->m->series;

    trd_write_lit(w, "{\"timestamp\":");
    trd_write_time(w, p->now_ms);
    pages_u64(w, ",\"seq\":", p->m->writer.seq);
    trd_write_lit(w, ",\"distribution\":{\"threshold\":");

    memset(kinds, 0, sizeof(kinds));
    memset(bins, 0, sizeof(bins));

    for (i = 0; i < p->m->catalogue->n; i++) {
        if (p->fragments[i].has_signal) {
            pages_bin(&p->fragments[i].signal, kinds, bins);
        }
    }

    pages_spread(kinds, bins, w);
    trd_write_lit(w, ",\"technical\":{");

    for (k = 0; k < TRD_TIMEFRAME_N; k++) {
        memset(kinds, 0, sizeof(kinds));
        memset(bins, 0, sizeof(bins));

        for (i = 0; s && i < p->m->catalogue->n; i++) {
            of = &s->of[i];

            if (of->at[k].has & TRD_TRACK_SIGNAL) {
                pages_bin(&of->at[k].technical.signal, kinds, bins);
            }
        }

        trd_write_str(w, k ? ",\"" : "\"");
        trd_write_str(w, trd_timeframe_name(k));
        trd_write_lit(w, "\":");
        pages_spread(kinds, bins, w);
    }

    trd_write_lit(w, "}},\"minimum_sample\":");
    trd_write_u64(w, TRD_SCORE_MIN);
    trd_write_lit(w, ",\"past_signals\":[");

    if (s) {
        pages_worth("threshold", "1D", "24 hours", &s->threshold,
                    pages_times(p->m, -1), trd_threshold_overlap(0), w);

        for (k = 0; k < TRD_TIMEFRAME_N; k++) {
            trd_write_lit(w, ",");
            pages_worth("technical", trd_timeframe_name(k), "4 candles",
                        &s->technical[k], pages_times(p->m, (int) k),
                        TRD_HORIZON, w);
        }
    }

    trd_write_lit(w, "]}");
}
