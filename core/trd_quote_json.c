/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Quotes into JSON; called for every page of an instrument, so keys are
 * written with their punctuation in one copy each.
 */

#include "trd_quote_json.h"


#define TRD_PERCENT_PLACES  2
#define TRD_DISPLAY_PLACES  4


static void trd_field_decimal(trd_writer_t *w, const trd_quote_t *q,
    uint32_t bit, int64_t value, unsigned places);


/* keys as they are written, a leading comma included */

static const struct {
    const char  *key;
    uint8_t      len;
} trd_fields[TRD_FIELD_N] = {

#define trd_key(name)  { ",\"" name "\":", sizeof(",\"" name "\":") - 1 }
    trd_key("symbol"),
    trd_key("exchange_symbol"),
    trd_key("asset_class"),
    trd_key("current_price"),
    trd_key("bid"),
    trd_key("ask"),
    trd_key("price_change_24h"),
    trd_key("open_24h"),
    trd_key("high_24h"),
    trd_key("low_24h"),
    trd_key("volume"),
    trd_key("quote_volume"),
    trd_key("timestamp"),
    trd_key("received_at"),
    trd_key("source"),
    trd_key("simulated"),
    trd_key("stale"),
    trd_key("seq")
#undef trd_key
};

static const char *const  trd_field_names[TRD_FIELD_N] = {
    "symbol", "exchange_symbol", "asset_class", "current_price", "bid", "ask",
    "price_change_24h", "open_24h", "high_24h", "low_24h", "volume",
    "quote_volume", "timestamp", "received_at", "source", "simulated",
    "stale", "seq"
};


int
trd_field_find(const char *name, size_t len)
{
    int  i;

    for (i = 0; i < TRD_FIELD_N; i++) {
        if (strlen(trd_field_names[i]) == len
            && memcmp(trd_field_names[i], name, len) == 0)
        {
            return i;
        }
    }

    return -1;
}


const char *
trd_field_name(unsigned field)
{
    return field < TRD_FIELD_N ? trd_field_names[field] : NULL;
}


static void
trd_field_decimal(trd_writer_t *w, const trd_quote_t *q, uint32_t bit,
    int64_t value, unsigned places)
{
    if (q->has & bit) {
        trd_write_decimal(w, value, places);

    } else {
        trd_write_lit(w, "null");
    }
}


/* what the system before this one wrote, whose clients read it so */
static void
trd_display_value(trd_writer_t *w, const trd_quote_t *q, unsigned field)
{
    char      buf[TRD_DECIMAL_LEN];
    size_t    len;
    int64_t   value;
    uint32_t  bit;
    unsigned  places;

    places = TRD_DISPLAY_PLACES;

    switch (field) {

    case TRD_FIELD_CURRENT_PRICE:
        bit = TRD_HAS_LAST;
        value = q->last_e8;
        break;

    case TRD_FIELD_BID:
        bit = TRD_HAS_BID;
        value = q->bid_e8;
        break;

    case TRD_FIELD_ASK:
        bit = TRD_HAS_ASK;
        value = q->ask_e8;
        break;

    case TRD_FIELD_OPEN_24H:
        bit = TRD_HAS_OPEN;
        value = q->open_e8;
        break;

    case TRD_FIELD_HIGH_24H:
        bit = TRD_HAS_HIGH;
        value = q->high_e8;
        break;

    case TRD_FIELD_LOW_24H:
        bit = TRD_HAS_LOW;
        value = q->low_e8;
        break;

    default: /* TRD_FIELD_PRICE_CHANGE_24H */
        bit = TRD_HAS_CHANGE;
        value = q->change_e8;
        places = TRD_PERCENT_PLACES;
    }

    if (!(q->has & bit)) {
        trd_write_lit(w, "null");
        return;
    }

    value = trd_decimal_round(value, places);
    len = trd_decimal_format(value, places, buf);

    if (field == TRD_FIELD_PRICE_CHANGE_24H) {
        trd_write_str(w, value < 0 ? "\"" : "\"+");
        trd_write(w, buf, len);
        trd_write_lit(w, "%\"");
        return;
    }

    trd_write_lit(w, "\"$");
    trd_write(w, buf, len);
    trd_write_lit(w, "\"");
}


static void
trd_field_value(trd_writer_t *w, const trd_instrument_t *in,
    const trd_quote_t *q, unsigned field)
{
    switch (field) {

    case TRD_FIELD_SYMBOL:
        trd_write_json_str(w, in->symbol, strlen(in->symbol));
        break;

    case TRD_FIELD_EXCHANGE_SYMBOL:
        trd_write_json_str(w, in->exchange_symbol,
                           strlen(in->exchange_symbol));
        break;

    case TRD_FIELD_ASSET_CLASS:
        trd_write_lit(w, "\"");
        trd_write_str(w, trd_class_name(in->asset_class));
        trd_write_lit(w, "\"");
        break;

    case TRD_FIELD_CURRENT_PRICE:
        trd_field_decimal(w, q, TRD_HAS_LAST, q->last_e8, in->price_places);
        break;

    case TRD_FIELD_BID:
        trd_field_decimal(w, q, TRD_HAS_BID, q->bid_e8, in->price_places);
        break;

    case TRD_FIELD_ASK:
        trd_field_decimal(w, q, TRD_HAS_ASK, q->ask_e8, in->price_places);
        break;

    case TRD_FIELD_PRICE_CHANGE_24H:
        trd_field_decimal(w, q, TRD_HAS_CHANGE, q->change_e8,
                          TRD_PERCENT_PLACES);
        break;

    case TRD_FIELD_OPEN_24H:
        trd_field_decimal(w, q, TRD_HAS_OPEN, q->open_e8, in->price_places);
        break;

    case TRD_FIELD_HIGH_24H:
        trd_field_decimal(w, q, TRD_HAS_HIGH, q->high_e8, in->price_places);
        break;

    case TRD_FIELD_LOW_24H:
        trd_field_decimal(w, q, TRD_HAS_LOW, q->low_e8, in->price_places);
        break;

    case TRD_FIELD_VOLUME:
        trd_field_decimal(w, q, TRD_HAS_VOLUME, q->volume_e8, in->lot_places);
        break;

    case TRD_FIELD_QUOTE_VOLUME:
        trd_field_decimal(w, q, TRD_HAS_QUOTE_VOLUME, q->quote_volume_e8,
                          in->price_places);
        break;

    case TRD_FIELD_TIMESTAMP:
        if (q->has & TRD_HAS_TIME) {
            trd_write_time(w, q->exchange_ms);

        } else {
            trd_write_lit(w, "null");
        }

        break;

    case TRD_FIELD_RECEIVED_AT:
        trd_write_time(w, q->received_ms);
        break;

    case TRD_FIELD_SOURCE:
        trd_write_lit(w, "\"");
        trd_write_str(w, q->source < TRD_SOURCE_N ? trd_source_name(q->source)
                                                  : "none");
        trd_write_str(w, trd_derived_suffix(q->derived));
        trd_write_lit(w, "\"");
        break;

    case TRD_FIELD_SIMULATED:
        trd_write_str(w, trd_source_simulated(q->source) ? "true" : "false");
        break;

    case TRD_FIELD_STALE:
        trd_write_str(w, q->stale ? "true" : "false");
        break;

    default: /* TRD_FIELD_SEQ */
        trd_write_u64(w, q->seq);
    }
}


void
trd_quote_json(trd_writer_t *w, const trd_instrument_t *in,
    const trd_quote_t *q, uint32_t fields)
{
    unsigned  i, skip;

    static const uint32_t  display =
        1U << TRD_FIELD_CURRENT_PRICE | 1U << TRD_FIELD_BID
        | 1U << TRD_FIELD_ASK | 1U << TRD_FIELD_PRICE_CHANGE_24H
        | 1U << TRD_FIELD_OPEN_24H | 1U << TRD_FIELD_HIGH_24H
        | 1U << TRD_FIELD_LOW_24H;

    trd_write_lit(w, "{");
    skip = 1;                                   /* the first comma */

    for (i = 0; i < TRD_FIELD_N; i++) {

        if (fields & 1U << i) {
            trd_write(w, trd_fields[i].key + skip, trd_fields[i].len - skip);
            skip = 0;

            if ((fields & TRD_FIELD_DISPLAY) && (display & 1U << i)) {
                trd_display_value(w, q, i);

            } else {
                trd_field_value(w, in, q, i);
            }
        }
    }

    trd_write_lit(w, "}");
}
