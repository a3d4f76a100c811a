/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Binance spot messages into updates, see trd_binance.h.
 *
 * An event is read member by member into a table of slices, and understood
 * once it is whole: members may come in any order, unknown ones are passed
 * over, and of a repeated key the last value counts, as it does for other
 * readers.  WebSocket events have keys of one letter, so the letter is the
 * place in the table; the long names of REST stand at the same places.
 *
 * Nothing is passed on before the whole text was found well formed.  That
 * costs arrays a second reading, but not the single events, which are nearly
 * all of the traffic.
 *
 * What is told apart how: an event with "e" by its value, a bookTicker by
 * having none and u, s, b, a instead, the envelope by a string "stream" and
 * an object or array "data".  A spot ticker has a bid and an ask; an event
 * without them is a futures ticker and an error here.
 *
 * Escapes are undone in keys and in "e"; a symbol is passed on as it stands,
 * and a number with escapes in it is an error.
 */

#include <stddef.h>
#include <string.h>

#include "trd_binance.h"
#include "trd_decimal.h"
#include "trd_json_read.h"


/* A-Z and a-z fall on places of their own; so does all of 0x40-0x7f */
#define TRD_SLOTS    64
#define TRD_SLOT(c)  ((unsigned) (c) & (TRD_SLOTS - 1))
#define TRD_BIT(c)   (1ULL << TRD_SLOT(c))

/* what an event must have */
#define TRD_NEED_TRADE     (TRD_BIT('E') | TRD_BIT('s') | TRD_BIT('t')       \
                            | TRD_BIT('p') | TRD_BIT('q'))
#define TRD_NEED_BOOK      (TRD_BIT('u') | TRD_BIT('s') | TRD_BIT('b')       \
                            | TRD_BIT('a'))
#define TRD_NEED_MINI      (TRD_BIT('E') | TRD_BIT('s') | TRD_BIT('c')       \
                            | TRD_BIT('o') | TRD_BIT('h') | TRD_BIT('l')     \
                            | TRD_BIT('v') | TRD_BIT('q'))
#define TRD_NEED_SNAPSHOT  (TRD_NEED_MINI | TRD_BIT('L'))
#define TRD_NEED_TICKER    (TRD_NEED_SNAPSHOT | TRD_BIT('b') | TRD_BIT('a'))

#define TRD_NONE  (-1)          /* a member that nobody asks for */

typedef struct {
    const char        *text;
    size_t             len;
    trd_json_token_t   token;
    int                escaped;
} trd_field_t;

typedef struct {
    uint64_t           seen;            /* which of the fields are set */
    trd_field_t        field[TRD_SLOTS];
} trd_event_t;

typedef int (*trd_slot_pt)(const trd_json_t *r);

/* a decimal: where it stands and where it goes */
typedef struct {
    char               letter;
    uint8_t            quantity;        /* is dropped if it is too large */
    uint16_t           bit;             /* TRD_HAS_* */
    uint16_t           offset;          /* in trd_update_t */
} trd_value_t;

#define TRD_VALUE(letter, quantity, bit, member)                              \
    { letter, quantity, bit, offsetof(trd_update_t, member) }

/* all of a ticker; the first six are of a mini, the last two of a book */
static const trd_value_t  trd_ticker_values[] = {
    TRD_VALUE('c', 0, TRD_HAS_LAST, last_e8),
    TRD_VALUE('o', 0, TRD_HAS_OPEN, open_e8),
    TRD_VALUE('h', 0, TRD_HAS_HIGH, high_e8),
    TRD_VALUE('l', 0, TRD_HAS_LOW, low_e8),
    TRD_VALUE('v', 1, TRD_HAS_VOLUME, volume_e8),
    TRD_VALUE('q', 1, TRD_HAS_QUOTE_VOLUME, quote_volume_e8),
    TRD_VALUE('b', 0, TRD_HAS_BID, bid_e8),
    TRD_VALUE('a', 0, TRD_HAS_ASK, ask_e8)
};

#define TRD_MINI_VALUES   6
#define TRD_SIDE_VALUES   2

/* of a single trade, so no volume: its bit is only ever in dropped */
static const trd_value_t  trd_trade_values[] = {
    TRD_VALUE('p', 0, TRD_HAS_LAST, last_e8),
    TRD_VALUE('q', 1, TRD_HAS_VOLUME, last_quantity_e8)
};


static int
trd_slot_ws(const trd_json_t *r)
{
    char  c;

    if (r->len == 1) {
        c = *r->text;

    } else if (!r->escaped || trd_json_unescape(r->text, r->len, &c, 1) != 1) {
        return TRD_NONE;
    }

    return ((unsigned char) c >= 0x40 && (unsigned char) c < 0x80)
           ? (int) TRD_SLOT(c) : TRD_NONE;
}


static int
trd_slot_rest(const trd_json_t *r)
{
    unsigned  i;

    static const struct {
        const char  *name;
        uint8_t      len;
        char         slot;
    } names[] = {
#define TRD_NAME(name, slot)  { name, sizeof(name) - 1, slot }
        TRD_NAME("symbol", 's'),
        TRD_NAME("lastPrice", 'c'),
        TRD_NAME("bidPrice", 'b'),
        TRD_NAME("askPrice", 'a'),
        TRD_NAME("openPrice", 'o'),
        TRD_NAME("highPrice", 'h'),
        TRD_NAME("lowPrice", 'l'),
        TRD_NAME("volume", 'v'),
        TRD_NAME("quoteVolume", 'q'),
        TRD_NAME("closeTime", 'E'),
        TRD_NAME("lastId", 'L')
#undef TRD_NAME
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (trd_json_is(r, names[i].name, names[i].len)) {
            return (int) TRD_SLOT(names[i].slot);
        }
    }

    return TRD_NONE;
}


/* reads the value of a key into its field, if it has one */
static inline trd_json_token_t
trd_event_member(trd_json_t *r, trd_event_t *ev, int slot)
{
    trd_field_t       *f;
    trd_json_token_t   token;

    token = trd_json_value(r);

    if (slot != TRD_NONE) {
        f = &ev->field[slot];
        f->text = r->text;
        f->len = r->len;
        f->token = token;
        f->escaped = r->escaped;
        ev->seen |= 1ULL << slot;
    }

    return token;
}


/* reads an object, its brace read already, to its end */
static inline trd_json_token_t
trd_event_read(trd_json_t *r, trd_event_t *ev, trd_slot_pt slot)
{
    trd_json_token_t  token;

    ev->seen = 0;

    for ( ;; ) {
        token = trd_json_next(r);

        if (token != TRD_JSON_KEY) {
            return token;
        }

        if (trd_event_member(r, ev, slot(r)) == TRD_JSON_ERROR) {
            return TRD_JSON_ERROR;
        }
    }
}


/* takes n decimals; an error counts for more than an overflow */
static trd_rc_t
trd_event_values(const trd_event_t *ev, const trd_value_t *v, unsigned n,
    trd_update_t *u)
{
    int64_t            *e8;
    trd_rc_t            rc, result;
    const trd_field_t  *f;

    result = TRD_OK;

    for ( /* void */ ; n > 0; n--, v++) {
        f = &ev->field[TRD_SLOT(v->letter)];
        e8 = (int64_t *) (void *) ((char *) u + v->offset);

        if (f->token != TRD_JSON_STRING) {
            return TRD_ERROR;
        }

        rc = trd_decimal_parse(f->text, f->len, e8);

        if (rc == TRD_OK) {
            u->has |= v->bit;

        } else if (rc != TRD_OVERFLOW) {
            return rc;

        } else if (v->quantity) {
            u->dropped |= v->bit;

        } else {
            result = rc;
        }
    }

    return result;
}


static trd_rc_t
trd_event_int(const trd_event_t *ev, char letter, int64_t *v)
{
    const trd_field_t  *f;

    f = &ev->field[TRD_SLOT(letter)];

    if (f->token != TRD_JSON_NUMBER
        || trd_json_i64(f->text, f->len, v) != TRD_OK)
    {
        return TRD_ERROR;
    }

    return TRD_OK;
}


/* min: -1 where a negative id means that there is none, else 0 */
static trd_rc_t
trd_event_id(const trd_event_t *ev, char letter, int64_t min, trd_update_t *u)
{
    int64_t  v;

    if (trd_event_int(ev, letter, &v) != TRD_OK || v < min) {
        return TRD_ERROR;
    }

    u->id = (v < 0) ? 0 : (uint64_t) v;

    return TRD_OK;
}


static trd_rc_t
trd_event_time(const trd_event_t *ev, trd_update_t *u)
{
    if (trd_event_int(ev, 'E', &u->exchange_ms) != TRD_OK
        || u->exchange_ms < 0)
    {
        return TRD_ERROR;
    }

    if (u->exchange_ms > 0) {
        u->has |= TRD_HAS_TIME;
    }

    return TRD_OK;
}


static trd_rc_t
trd_event_trade(const trd_event_t *ev, trd_update_t *u)
{
    trd_rc_t  rc;

    if ((ev->seen & TRD_NEED_TRADE) != TRD_NEED_TRADE
        || trd_event_id(ev, 't', 0, u) != TRD_OK
        || trd_event_time(ev, u) != TRD_OK)
    {
        return TRD_ERROR;
    }

    u->kind = TRD_UPDATE_TRADE;
    rc = trd_event_values(ev, trd_trade_values, 2, u);
    u->has &= ~(uint32_t) TRD_HAS_VOLUME;

    return rc;
}


static trd_rc_t
trd_event_book(const trd_event_t *ev, trd_update_t *u)
{
    if (trd_event_id(ev, 'u', 0, u) != TRD_OK) {
        return TRD_ERROR;
    }

    u->kind = TRD_UPDATE_BOOK;

    return trd_event_values(ev, trd_ticker_values + TRD_MINI_VALUES,
                            TRD_SIDE_VALUES, u);
}


static trd_rc_t
trd_event_ticker(const trd_event_t *ev, trd_update_t *u)
{
    if ((ev->seen & TRD_NEED_TICKER) != TRD_NEED_TICKER
        || trd_event_id(ev, 'L', -1, u) != TRD_OK
        || trd_event_time(ev, u) != TRD_OK)
    {
        return TRD_ERROR;
    }

    u->kind = TRD_UPDATE_TICKER;

    return trd_event_values(ev, trd_ticker_values,
                            TRD_MINI_VALUES + TRD_SIDE_VALUES, u);
}


static trd_rc_t
trd_event_mini(const trd_event_t *ev, trd_update_t *u)
{
    if ((ev->seen & TRD_NEED_MINI) != TRD_NEED_MINI
        || trd_event_time(ev, u) != TRD_OK)
    {
        return TRD_ERROR;
    }

    u->kind = TRD_UPDATE_MINI;

    return trd_event_values(ev, trd_ticker_values, TRD_MINI_VALUES, u);
}


/* an empty side of the book is told by a zero, and the MINI form has none */
static trd_rc_t
trd_event_snapshot(const trd_event_t *ev, trd_update_t *u)
{
    unsigned  i;
    trd_rc_t  rc, result;

    if ((ev->seen & TRD_NEED_SNAPSHOT) != TRD_NEED_SNAPSHOT
        || trd_event_id(ev, 'L', -1, u) != TRD_OK
        || trd_event_time(ev, u) != TRD_OK)
    {
        return TRD_ERROR;
    }

    u->kind = TRD_UPDATE_SNAPSHOT;
    result = trd_event_values(ev, trd_ticker_values, TRD_MINI_VALUES, u);

    for (i = TRD_MINI_VALUES; i < TRD_MINI_VALUES + TRD_SIDE_VALUES; i++) {
        if (!(ev->seen & TRD_BIT(trd_ticker_values[i].letter))) {
            continue;
        }

        rc = trd_event_values(ev, &trd_ticker_values[i], 1, u);

        if (rc != TRD_OK && result != TRD_ERROR) {
            result = rc;
        }
    }

    if (u->bid_e8 == 0) {
        u->has &= ~(uint32_t) TRD_HAS_BID;
    }

    if (u->ask_e8 == 0) {
        u->has &= ~(uint32_t) TRD_HAS_ASK;
    }

    return result;
}


/* which kind a WebSocket event is of; NULL: none of ours */
typedef trd_rc_t (*trd_event_pt)(const trd_event_t *ev, trd_update_t *u);

static trd_event_pt
trd_event_kind(const trd_event_t *ev, int element)
{
    char                name[16];
    size_t              len;
    const char         *s;
    const trd_field_t  *f;

    if (!(ev->seen & TRD_BIT('e'))) {
        return (!element && (ev->seen & TRD_NEED_BOOK) == TRD_NEED_BOOK)
               ? trd_event_book : NULL;
    }

    f = &ev->field[TRD_SLOT('e')];

    if (f->token != TRD_JSON_STRING) {
        return NULL;
    }

    s = f->text;
    len = f->len;

    if (f->escaped) {
        len = trd_json_unescape(s, len, name, sizeof(name));
        s = name;
    }

    switch (len) {
    case 5:
        return (!element && memcmp(s, "trade", 5) == 0) ? trd_event_trade
                                                        : NULL;
    case 10:
        return (memcmp(s, "24hrTicker", 10) == 0) ? trd_event_ticker : NULL;
    case 14:
        return (memcmp(s, "24hrMiniTicker", 14) == 0) ? trd_event_mini : NULL;
    default:
        return NULL;
    }
}


static trd_rc_t
trd_event_pass(const trd_event_t *ev, trd_event_pt kind, trd_binance_pt fn,
    void *ctx)
{
    trd_rc_t            rc;
    trd_update_t        u;
    const trd_field_t  *symbol;

    if (kind == NULL) {
        return TRD_IGNORED;
    }

    symbol = &ev->field[TRD_SLOT('s')];

    if (!(ev->seen & TRD_BIT('s')) || symbol->token != TRD_JSON_STRING
        || symbol->len == 0)
    {
        return TRD_ERROR;
    }

    memset(&u, 0, sizeof(trd_update_t));

    rc = kind(ev, &u);
    if (rc != TRD_OK) {
        return rc;
    }

    fn(ctx, symbol->text, symbol->len, &u);

    return TRD_OK;
}


/* passes on the elements of an array that was found well formed before */
static trd_rc_t
trd_event_array(const char *text, size_t len, trd_slot_pt slot,
    trd_binance_pt fn, void *ctx)
{
    trd_rc_t          rc, result;
    trd_json_t        r;
    trd_event_t       ev;
    trd_json_token_t  token;

    trd_json_init(&r, text, len);
    token = trd_json_next(&r);
    result = TRD_IGNORED;

    while (token != TRD_JSON_ERROR) {
        token = trd_json_next(&r);

        if (token == TRD_JSON_ARRAY_END) {
            return result;
        }

        if (token == TRD_JSON_ARRAY) {
            token = trd_json_skip(&r);
            continue;
        }

        if (token != TRD_JSON_OBJECT) {
            continue;
        }

        token = trd_event_read(&r, &ev, slot);

        if (slot == trd_slot_rest) {
            rc = trd_event_pass(&ev, trd_event_snapshot, fn, ctx);

        } else {
            rc = trd_event_pass(&ev, trd_event_kind(&ev, 1), fn, ctx);
        }

        if (rc == TRD_ERROR || result == TRD_IGNORED
            || (rc == TRD_OVERFLOW && result == TRD_OK))
        {
            result = rc;
        }
    }

    return TRD_ERROR;
}


/* a message that is an object, its brace read already */
static trd_rc_t
trd_binance_object(trd_json_t *r, trd_binance_pt fn, void *ctx)
{
    int                stream, slot;
    const char        *array;
    size_t             len;
    trd_event_t        outer, inner, *ev;
    trd_json_token_t   token, data;

    stream = 0;
    data = TRD_JSON_NULL;
    array = NULL;
    len = 0;
    outer.seen = 0;

    while ((token = trd_json_next(r)) == TRD_JSON_KEY) {
        slot = trd_slot_ws(r);

        if (slot != TRD_NONE) {
            token = trd_event_member(r, &outer, slot);

        } else if (trd_json_is(r, "data", 4)) {
            token = data = trd_json_next(r);

            if (data == TRD_JSON_OBJECT) {
                token = trd_event_read(r, &inner, trd_slot_ws);

            } else if (data == TRD_JSON_ARRAY) {
                array = r->text;
                token = trd_json_skip(r);
                len = (size_t) (r->pos - array);
            }

        } else if (trd_json_is(r, "stream", 6)) {
            token = trd_json_value(r);
            stream = (token == TRD_JSON_STRING);

        } else {
            token = trd_json_value(r);
        }

        if (token == TRD_JSON_ERROR) {
            return TRD_ERROR;
        }
    }

    if (token != TRD_JSON_OBJECT_END || trd_json_next(r) != TRD_JSON_END) {
        return TRD_ERROR;
    }

    if (stream && data == TRD_JSON_ARRAY) {
        return trd_event_array(array, len, trd_slot_ws, fn, ctx);
    }

    ev = (stream && data == TRD_JSON_OBJECT) ? &inner : &outer;

    return trd_event_pass(ev, trd_event_kind(ev, 0), fn, ctx);
}


/* what is no object: an array of elements, else nothing for us */
static trd_rc_t
trd_binance_other(trd_json_t *r, trd_json_token_t token, trd_slot_pt slot,
    trd_binance_pt fn, void *ctx)
{
    const char  *text;

    text = r->text;

    if (token == TRD_JSON_ERROR
        || (token == TRD_JSON_ARRAY && trd_json_skip(r) == TRD_JSON_ERROR)
        || trd_json_next(r) != TRD_JSON_END)
    {
        return TRD_ERROR;
    }

    if (token != TRD_JSON_ARRAY) {
        return TRD_IGNORED;
    }

    return trd_event_array(text, (size_t) (r->end - text), slot, fn, ctx);
}


trd_rc_t
trd_binance_decode(const char *msg, size_t len, trd_binance_pt fn, void *ctx)
{
    trd_json_t        r;
    trd_json_token_t  token;

    trd_json_init(&r, msg, len);
    token = trd_json_next(&r);

    if (token != TRD_JSON_OBJECT) {
        return trd_binance_other(&r, token, trd_slot_ws, fn, ctx);
    }

    return trd_binance_object(&r, fn, ctx);
}


trd_rc_t
trd_binance_ticker_24hr(const char *body, size_t len, trd_binance_pt fn,
    void *ctx)
{
    trd_json_t        r;
    trd_event_t       ev;
    trd_json_token_t  token;

    trd_json_init(&r, body, len);
    token = trd_json_next(&r);

    if (token != TRD_JSON_OBJECT) {
        return trd_binance_other(&r, token, trd_slot_rest, fn, ctx);
    }

    if (trd_event_read(&r, &ev, trd_slot_rest) != TRD_JSON_OBJECT_END
        || trd_json_next(&r) != TRD_JSON_END)
    {
        return TRD_ERROR;
    }

    /* an answer such as {"code":-1121,"msg":"..."} */
    if (!(ev.seen & TRD_BIT('s'))) {
        return TRD_IGNORED;
    }

    return trd_event_pass(&ev, trd_event_snapshot, fn, ctx);
}
