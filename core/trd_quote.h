/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The three records that travel between feed, board and reader: the
 * instrument (fixed while a board lives), the quote (what is known now) and
 * the update (what a feed message says).  Prices and quantities are e8 (see
 * trd_decimal.h); times are milliseconds since 1970 UTC.
 */

#ifndef TRD_QUOTE_H
#define TRD_QUOTE_H

#include <stdint.h>

typedef enum {
    TRD_CLASS_CRYPTO = 0,
    TRD_CLASS_FOREX,
    TRD_CLASS_METALS,
    TRD_CLASS_COMMODITIES,
    TRD_CLASS_N
} trd_class_t;

typedef enum {
    TRD_SOURCE_NONE = 0,
    TRD_SOURCE_SIMULATOR,
    TRD_SOURCE_BINANCE,
    TRD_SOURCE_FOREX,
    TRD_SOURCE_METALS,
    TRD_SOURCE_REPLAY,
    TRD_SOURCE_N
} trd_source_t;

/* how a price follows from what the source states, see trd_rates.h */
typedef enum {
    TRD_DERIVED_NOT = 0,    /* it is stated as it stands */
    TRD_DERIVED_INVERSE,    /* one divided by what is stated */
    TRD_DERIVED_CROSS,      /* of two rates of one snapshot */
    TRD_DERIVED_N
} trd_derived_t;

/* what is known of a quote, and what an update carries: a bit each */
#define TRD_HAS_LAST          0x0001
#define TRD_HAS_BID           0x0002
#define TRD_HAS_ASK           0x0004
#define TRD_HAS_OPEN          0x0008
#define TRD_HAS_HIGH          0x0010
#define TRD_HAS_LOW           0x0020
#define TRD_HAS_VOLUME        0x0040
#define TRD_HAS_QUOTE_VOLUME  0x0080
#define TRD_HAS_CHANGE        0x0100    /* quotes only: last and open known */
#define TRD_HAS_TIME          0x0200    /* the exchange's time */

#define TRD_SYMBOL_LEN        24        /* longest symbol of any form */

typedef struct {
    char      symbol[TRD_SYMBOL_LEN + 1];           /* "BTC", "EUR/USD" */
    char      exchange_symbol[TRD_SYMBOL_LEN + 1];  /* "BTCUSDT" */
    char      base[TRD_SYMBOL_LEN + 1];
    char      quote[TRD_SYMBOL_LEN + 1];
    uint8_t   asset_class;                          /* trd_class_t */
    uint8_t   source;                               /* trd_source_t */
    uint8_t   price_places;                         /* decimals of the tick */
    uint8_t   lot_places;
    uint32_t  stale_after_ms;
    int64_t   price_tick_e8;
    int64_t   lot_step_e8;
    int64_t   min_notional_e8;
    uint8_t   reserved[112];
    uint64_t  hash;                                 /* of all above; the
                                                       board's to set */
} trd_instrument_t;

_Static_assert(sizeof(trd_instrument_t) == 256, "instrument layout");

typedef struct {
    uint64_t  seq;              /* board-wide, of the last change */
    uint32_t  has;              /* TRD_HAS_* */
    uint8_t   source;           /* trd_source_t */
    uint8_t   stale;            /* 1: older than its limit, or lagging */
    uint8_t   derived;          /* trd_derived_t */
    uint8_t   reserved;
    int64_t   last_e8;
    int64_t   bid_e8;
    int64_t   ask_e8;
    int64_t   open_e8;          /* over 24 hours, as are the next four */
    int64_t   high_e8;
    int64_t   low_e8;
    int64_t   volume_e8;        /* in base */
    int64_t   quote_volume_e8;  /* in quote */
    int64_t   change_e8;        /* percent, three decimals */
    int64_t   exchange_ms;      /* newest time that the exchange stated */
    int64_t   received_ms;      /* our clock, at the newest update */
} trd_quote_t;

_Static_assert(sizeof(trd_quote_t) == 104, "quote layout");

/*
 * One feed message, normalised.  `kind` decides which ordering rule applies:
 * an older update never overwrites a newer one.
 */
typedef enum {
    TRD_UPDATE_TRADE = 0,   /* id = trade id */
    TRD_UPDATE_BOOK,        /* id = book update id; bid and ask */
    TRD_UPDATE_TICKER,      /* id = last trade id; 24 h values, bid and ask */
    TRD_UPDATE_MINI,        /* 24 h values without ids: time decides */
    TRD_UPDATE_SNAPSHOT,    /* REST 24 h values; id = last trade id */
    TRD_UPDATE_QUOTE        /* a whole quote: simulator, polled sources */
} trd_update_kind_t;

typedef struct {
    uint32_t  kind;             /* trd_update_kind_t */
    uint32_t  has;              /* TRD_HAS_* but for CHANGE */
    uint64_t  id;               /* see kind; 0 = none */
    int64_t   last_e8;
    int64_t   last_quantity_e8; /* of a trade, else 0 */
    int64_t   bid_e8;
    int64_t   ask_e8;
    int64_t   open_e8;
    int64_t   high_e8;
    int64_t   low_e8;
    int64_t   volume_e8;
    int64_t   quote_volume_e8;
    int64_t   exchange_ms;      /* 0 = the message has none */
    uint32_t  dropped;          /* TRD_HAS_* of values out of our range */
    uint32_t  reserved;
    uint32_t  derived;          /* trd_derived_t */
    uint32_t  every_ms;         /* how long its publisher takes from one
                                   statement to the next; 0 = a stream */
} trd_update_t;

/* names as they stand on the wire; NULL out of range */
const char *trd_class_name(unsigned asset_class);
const char *trd_source_name(unsigned source);

/*
 * Are its prices other than those of a market now?  So say quotes of the
 * simulator, and of a replay: whatever it was recorded from, it is over.
 */
int trd_source_simulated(unsigned source);

/* what follows the source's name on the wire: "", "-inverse", "-cross" */
const char *trd_derived_suffix(unsigned derived);

#endif /* TRD_QUOTE_H */
