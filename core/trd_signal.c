/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The threshold model and its JSON; rule and numbers: trd_signal.h and
 * docs/api.md.
 */

#include "trd_decimal.h"
#include "trd_signal.h"


#define TRD_PERCENT(n)  ((n) * TRD_E8)


static int64_t trd_signal_strength(int64_t a);
static int64_t trd_signal_confidence(const trd_quote_t *q, int64_t a);
static void trd_recommendation(trd_writer_t *w, const trd_quote_t *q,
    const trd_signal_t *s);


static const struct {
    const char  *name;
    const char  *words;
    int          target_bp;     /* in the signal's direction */
    int          stop_bp;       /* against it */
} trd_signals[TRD_SIGNAL_N] = {
    { "STRONG_BUY",  "Strong buy",     300, 200 },
    { "BUY",         "Buy",            200, 150 },
    { "UP",          "Leaning up",     100, 100 },
    { "DOWN",        "Leaning down",   100, 100 },
    { "SELL",        "Sell",           200, 150 },
    { "STRONG_SELL", "Strong sell",    300, 200 }
};


const char *
trd_signal_name(unsigned kind)
{
    return kind < TRD_SIGNAL_N ? trd_signals[kind].name : NULL;
}


/* a = |change| in percent, e8; each piece rounded half up to 10^-8 */

static int64_t
trd_signal_strength(int64_t a)
{
    if (a >= TRD_PERCENT(5)) {
        return TRD_PERCENT(100);
    }

    if (a >= TRD_PERCENT(2)) {
        return TRD_PERCENT(80) + ((a - TRD_PERCENT(2)) * 40 + 3) / 6;
    }

    if (a >= TRD_PERCENT(1)) {
        return TRD_PERCENT(50) + (a - TRD_PERCENT(1)) * 30;
    }

    if (a >= TRD_PERCENT(1) / 2) {
        return TRD_PERCENT(25) + (a - TRD_PERCENT(1) / 2) * 50;
    }

    return TRD_PERCENT(10) + a * 30;
}


static int64_t
trd_signal_confidence(const trd_quote_t *q, int64_t a)
{
    int  n;

    n = 50;

    if ((q->has & TRD_HAS_VOLUME) && q->volume_e8 > 1000000 * TRD_E8) {
        n += 20;
    }

    if (a > TRD_PERCENT(2)) {
        n += 15;

    } else if (a > TRD_PERCENT(1)) {
        n += 10;

    } else if (a > TRD_PERCENT(1) / 2) {
        n += 5;
    }

    if (q->last_e8 > 1000 * TRD_E8) {
        n += 10;

    } else if (q->last_e8 > 100 * TRD_E8) {
        n += 5;
    }

    return TRD_PERCENT(n > 100 ? 100 : n);
}


trd_rc_t
trd_signal_threshold(const trd_quote_t *q, trd_signal_t *s)
{
    int       sign;
    int64_t   a;
    trd_rc_t  rc;

    if ((q->has & (TRD_HAS_LAST | TRD_HAS_CHANGE))
        != (TRD_HAS_LAST | TRD_HAS_CHANGE))
    {
        return TRD_NOT_FOUND;
    }

    if (q->change_e8 == INT64_MIN) {
        return TRD_OVERFLOW;
    }

    a = q->change_e8 < 0 ? -q->change_e8 : q->change_e8;
    s->bullish = q->change_e8 > 0;

    if (a >= TRD_PERCENT(5)) {
        s->kind = s->bullish ? TRD_STRONG_BUY : TRD_STRONG_SELL;

    } else if (a >= TRD_PERCENT(2)) {
        s->kind = s->bullish ? TRD_BUY : TRD_SELL;

    } else {
        s->kind = s->bullish ? TRD_UP : TRD_DOWN;
    }

    s->strength_e8 = trd_signal_strength(a);
    s->confidence_e8 = trd_signal_confidence(q, a);
    s->entry_e8 = q->last_e8;

    sign = s->bullish ? 1 : -1;

    rc = trd_decimal_scale(q->last_e8,
                           10000 + sign * trd_signals[s->kind].target_bp,
                           10000, &s->target_e8);
    if (rc != TRD_OK) {
        return rc;
    }

    return trd_decimal_scale(q->last_e8,
                             10000 - sign * trd_signals[s->kind].stop_bp,
                             10000, &s->stop_e8);
}


static void
trd_recommendation(trd_writer_t *w, const trd_quote_t *q,
    const trd_signal_t *s)
{
    char     buf[TRD_DECIMAL_LEN];
    int64_t  c;

    c = q->change_e8;

    trd_write_lit(w, "\"");
    trd_write_str(w, trd_signals[s->kind].words);

    if (c == 0) {
        trd_write_lit(w, ": the price has not changed in 24 hours, which "
                         "this rule counts as down.\"");
        return;
    }

    trd_write_lit(w, ": the price has ");
    trd_write_str(w, c > 0 ? "risen " : "fallen ");
    trd_write(w, buf, trd_decimal_format(c > 0 ? c : -c, 2, buf));
    trd_write_lit(w, " % in 24 hours.\"");
}


static void
trd_signal_head(trd_writer_t *w, const trd_instrument_t *in)
{
    trd_write_lit(w, "{\"symbol\":");
    trd_write_json_str(w, in->symbol, strlen(in->symbol));
}


static void
trd_signal_tail(trd_writer_t *w, const trd_quote_t *q, const trd_signal_t *s)
{
    trd_write_lit(w, ",\"recommendation\":");
    trd_recommendation(w, q, s);
    trd_write_lit(w, ",\"timeframe\":\"1D\",\"timestamp\":");
    trd_write_time(w, (q->has & TRD_HAS_TIME) ? q->exchange_ms
                                              : q->received_ms);
    trd_write_lit(w, ",\"model\":\"threshold\",\"simulated\":");
    trd_write_str(w, trd_source_simulated(q->source) ? "true" : "false");
    trd_write_lit(w, ",\"stale\":");
    trd_write_str(w, q->stale ? "true" : "false");
    trd_write_lit(w, ",\"seq\":");
    trd_write_u64(w, q->seq);
    trd_write_lit(w, "}");
}


void
trd_signal_json(trd_writer_t *w, const trd_instrument_t *in,
    const trd_quote_t *q, const trd_signal_t *s)
{
    trd_signal_head(w, in);

    trd_write_lit(w, ",\"asset_class\":\"");
    trd_write_str(w, trd_class_name(in->asset_class));
    trd_write_lit(w, "\",\"current_price\":");
    trd_write_decimal(w, q->last_e8, in->price_places);
    trd_write_lit(w, ",\"price_change_24h\":");
    trd_write_decimal(w, q->change_e8, 2);
    trd_write_lit(w, ",\"signal\":\"");
    trd_write_str(w, trd_signals[s->kind].name);
    trd_write_lit(w, "\",\"signal_strength\":");
    trd_write_number(w, s->strength_e8);
    trd_write_lit(w, ",\"confidence\":");
    trd_write_number(w, s->confidence_e8);
    trd_write_lit(w, ",\"entry_price\":");
    trd_write_decimal(w, s->entry_e8, in->price_places);
    trd_write_lit(w, ",\"target_price\":");
    trd_write_decimal(w, s->target_e8, in->price_places);
    trd_write_lit(w, ",\"stop_loss\":");
    trd_write_decimal(w, s->stop_e8, in->price_places);

    trd_signal_tail(w, q, s);
}


void
trd_binary_json(trd_writer_t *w, const trd_instrument_t *in,
    const trd_quote_t *q, const trd_signal_t *s)
{
    trd_signal_head(w, in);

    trd_write_lit(w, ",\"binary_code\":");
    trd_write_u64(w, s->bullish);
    trd_write_lit(w, ",\"signal\":\"");
    trd_write_str(w, trd_signals[s->kind].name);
    trd_write_lit(w, "\",\"current_price\":");
    trd_write_decimal(w, q->last_e8, in->price_places);
    trd_write_lit(w, ",\"price_change_24h\":");
    trd_write_decimal(w, q->change_e8, 2);
    trd_write_lit(w, ",\"signal_strength\":");
    trd_write_number(w, s->strength_e8);
    trd_write_lit(w, ",\"confidence\":");
    trd_write_number(w, s->confidence_e8);

    trd_signal_tail(w, q, s);
}
