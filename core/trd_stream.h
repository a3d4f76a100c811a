/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Streams: the channels, and what clients ask for (docs/streams.md), as a
 * message or as the arguments of an address.  Slices point into what was
 * read and live as long as it does.
 */

#ifndef TRD_STREAM_H
#define TRD_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "trd_quote.h"
#include "trd_rc.h"
#include "trd_series.h"

typedef enum {
    TRD_CHANNEL_PRICES = 0,
    TRD_CHANNEL_CANDLES,
    TRD_CHANNEL_TRADES,
    TRD_CHANNEL_ORDERBOOK,
    TRD_CHANNEL_SIGNALS,
    TRD_CHANNEL_MARKET_DATA,
    TRD_CHANNEL_HEALTH,
    TRD_CHANNEL_ORDERS,         /* from here on: of an account */
    TRD_CHANNEL_POSITIONS,
    TRD_CHANNEL_BALANCES,
    TRD_CHANNEL_ALERTS,
    TRD_CHANNEL_N
} trd_channel_t;

#define TRD_CHANNEL_PRIVATE  TRD_CHANNEL_ORDERS     /* the first of them */

/* its name, and the type of its updates ("price_update"); NULL out of range */
const char *trd_channel_name(unsigned channel);
const char *trd_channel_update(unsigned channel);
int trd_channel_find(const char *name, size_t len);     /* -1: none */

typedef enum {
    TRD_REQUEST_SUBSCRIBE = 0,
    TRD_REQUEST_UNSUBSCRIBE,
    TRD_REQUEST_LIST,
    TRD_REQUEST_PING,
    TRD_REQUEST_AUTH,
    TRD_REQUEST_RESUME
} trd_request_type_t;

/* the codes of docs/streams.md that reading can find */
typedef enum {
    TRD_REQUEST_OK = 0,
    TRD_REQUEST_BAD_JSON,
    TRD_REQUEST_BAD_MESSAGE,    /* no object, no type, a member of the wrong
                                   kind, given twice, or missing */
    TRD_REQUEST_UNKNOWN_TYPE,
    TRD_REQUEST_UNKNOWN_CHANNEL,
    TRD_REQUEST_UNKNOWN_INTERVAL,
    TRD_REQUEST_UNKNOWN_CLASS,
    TRD_REQUEST_BAD_SYMBOLS,
    TRD_REQUEST_BAD_SEQ
} trd_request_error_t;

const char *trd_request_error_name(unsigned error);     /* "bad_json" */

#define TRD_REQUEST_ID_MAX      64
#define TRD_REQUEST_DETAIL_MAX  160

typedef struct {
    trd_request_type_t  type;
    uint32_t            channels;       /* 1 << TRD_CHANNEL_* */
    uint32_t            intervals;      /* 1 << TRD_INTERVAL_*; 0 = none */
    uint32_t            classes;        /* 1 << TRD_CLASS_*; 0 = none */
    uint8_t             has_symbols;
    uint8_t             has_seq;
    uint8_t             has_epoch;
    uint64_t            seq;
    uint64_t            epoch;
    const char         *id;             /* raw JSON, a string with its quotes
                                           or a number; NULL = none; at most
                                           TRD_REQUEST_ID_MAX + 2 bytes */
    size_t              id_len;
    const char         *token;          /* raw, between the quotes */
    size_t              token_len;
    const char         *symbols;        /* see trd_request_symbol() */
    size_t              symbols_len;
    uint32_t            nsymbols;
    char                detail[TRD_REQUEST_DETAIL_MAX];     /* of an error:
                                           a sentence, ended, printable ASCII
                                           without quotes or backslashes */
} trd_request_t;

/*
 * Reads a message.  Members that are not known are ignored; null counts as
 * not given.  "channel" and "channels" are the same, as a string or an array;
 * so are "symbol" and "symbols", "interval" and "intervals", "asset_class"
 * and "asset_classes", whose names may be in any case.  An empty array is an
 * error: BAD_SYMBOLS or BAD_MESSAGE.  subscribe, unsubscribe and resume need
 * a channel, resume needs seq, auth needs a token.  On an error `id` is set
 * if it was found before.
 */
trd_request_error_t trd_request_read(const char *data, size_t len,
    trd_request_t *out);

/*
 * Reads the arguments of an address (?channels=...), as a subscribe; resume=
 * is a token.  `channels` is 0 where none are named.  `buf` keeps decoded
 * symbols, of at least len bytes.  BAD_MESSAGE for an argument given twice or
 * malformed; unknown ones are ignored.  UNKNOWN_* and BAD_* as above.
 */
trd_request_error_t trd_request_args(const char *args, size_t len, char *buf,
    trd_request_t *out);

/*
 * The next symbol; *pos is NULL at first.  The name is unescaped into buf of
 * TRD_SYMBOL_TEXT bytes.  TRD_NOT_FOUND: no more.  Names that are longer than
 * any symbol come out cut to TRD_SYMBOL_TEXT bytes, which is found nowhere.
 */
#define TRD_SYMBOL_TEXT  64

trd_rc_t trd_request_symbol(const trd_request_t *request, const char **pos,
    char *buf, size_t *len) TRD_MUST_CHECK;

/* "3-120931", as in ?resume= and Last-Event-ID.  TRD_ERROR: not of the form */
trd_rc_t trd_resume_read(const char *text, size_t len, uint64_t *epoch,
    uint64_t *seq) TRD_MUST_CHECK;

#endif /* TRD_STREAM_H */
