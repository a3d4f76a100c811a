/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A second decoder of Binance messages, over jansson's tree: what
 * trd_binance.c must make of the same text.  Written to be plain, not fast.
 */

#ifndef BINANCE_ORACLE_H
#define BINANCE_ORACLE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "decimal_oracle.h"
#include "trd_binance.h"

typedef struct {
    char          symbol[64];
    trd_update_t  u;
} passed_t;

typedef struct {
    trd_rc_t      rc;
    size_t        n;
    size_t        room;
    passed_t     *list;
} outcome_t;


static inline void
outcome_add(void *ctx, const char *symbol, size_t len, const trd_update_t *u)
{
    passed_t   *p;
    outcome_t  *o = ctx;

    if (o->n == o->room) {
        o->room = o->room ? 2 * o->room : 16;
        o->list = realloc(o->list, o->room * sizeof(passed_t));

        if (o->list == NULL) {
            abort();
        }
    }

    p = &o->list[o->n++];
    memset(p, 0, sizeof(passed_t));
    memcpy(p->symbol, symbol, len < 63 ? len : 63);
    p->u = *u;
}


enum {
    LAST = 0, OPEN, HIGH, LOW, VOLUME, QUOTE_VOLUME, BID, ASK, SYMBOL, TIME,
    ID, NAMES
};

static const char *const  ws_names[NAMES] = {
    "c", "o", "h", "l", "v", "q", "b", "a", "s", "E", "L"
};

static const char *const  rest_names[NAMES] = {
    "lastPrice", "openPrice", "highPrice", "lowPrice", "volume",
    "quoteVolume", "bidPrice", "askPrice", "symbol", "closeTime", "lastId"
};


typedef struct {
    json_t        *event;
    trd_update_t   u;
    int            bad;
    int            too_large;
} oracle_t;


static inline int64_t
oracle_price(oracle_t *o, const char *name, uint32_t bit, int quantity)
{
    int64_t   e8;
    json_t   *v;
    trd_rc_t  rc;

    v = json_object_get(o->event, name);
    e8 = 0;

    rc = json_is_string(v) ? decimal_oracle(json_string_value(v),
                                            json_string_length(v), &e8)
                           : TRD_ERROR;

    if (rc == TRD_OK) {
        o->u.has |= bit;

    } else if (rc == TRD_ERROR) {
        o->bad = 1;

    } else if (quantity) {
        o->u.dropped |= bit;

    } else {
        o->too_large = 1;
    }

    return e8;
}


static inline int64_t
oracle_int(oracle_t *o, const char *name, int64_t min)
{
    json_t  *v;

    v = json_object_get(o->event, name);

    if (!json_is_integer(v) || json_integer_value(v) < min) {
        o->bad = 1;
        return 0;
    }

    return json_integer_value(v);
}


static inline void
oracle_time(oracle_t *o, const char *name)
{
    o->u.exchange_ms = oracle_int(o, name, 0);

    if (o->u.exchange_ms != 0) {
        o->u.has |= TRD_HAS_TIME;
    }
}


static inline void
oracle_day(oracle_t *o, const char *const *names)
{
    o->u.last_e8 = oracle_price(o, names[LAST], TRD_HAS_LAST, 0);
    o->u.open_e8 = oracle_price(o, names[OPEN], TRD_HAS_OPEN, 0);
    o->u.high_e8 = oracle_price(o, names[HIGH], TRD_HAS_HIGH, 0);
    o->u.low_e8 = oracle_price(o, names[LOW], TRD_HAS_LOW, 0);
    o->u.volume_e8 = oracle_price(o, names[VOLUME], TRD_HAS_VOLUME, 1);
    o->u.quote_volume_e8 = oracle_price(o, names[QUOTE_VOLUME],
                                        TRD_HAS_QUOTE_VOLUME, 1);
    oracle_time(o, names[TIME]);
}


static inline void
oracle_sides(oracle_t *o, const char *const *names)
{
    o->u.bid_e8 = oracle_price(o, names[BID], TRD_HAS_BID, 0);
    o->u.ask_e8 = oracle_price(o, names[ASK], TRD_HAS_ASK, 0);
}


static inline void
oracle_last_id(oracle_t *o, const char *const *names)
{
    int64_t  id;

    id = oracle_int(o, names[ID], -1);
    o->u.id = (id < 0) ? 0 : (uint64_t) id;
}


static inline trd_rc_t
oracle_pass(oracle_t *o, const char *name, outcome_t *out)
{
    json_t  *s;

    s = json_object_get(o->event, name);

    if (!json_is_string(s) || json_string_length(s) == 0 || o->bad) {
        return TRD_ERROR;
    }

    if (o->too_large) {
        return TRD_OVERFLOW;
    }

    outcome_add(out, json_string_value(s), json_string_length(s), &o->u);

    return TRD_OK;
}


static inline trd_rc_t
oracle_ws_event(json_t *event, int element, outcome_t *out)
{
    json_t      *e;
    oracle_t     o = { 0 };
    const char  *name;

    o.event = event;
    e = json_object_get(event, "e");
    name = json_is_string(e) ? json_string_value(e) : "";

    if (e == NULL && !element && json_object_get(event, "u")
        && json_object_get(event, "s") && json_object_get(event, "b")
        && json_object_get(event, "a"))
    {
        o.u.kind = TRD_UPDATE_BOOK;
        o.u.id = (uint64_t) oracle_int(&o, "u", 0);
        oracle_sides(&o, ws_names);

    } else if (strcmp(name, "trade") == 0 && !element) {
        o.u.kind = TRD_UPDATE_TRADE;
        o.u.id = (uint64_t) oracle_int(&o, "t", 0);
        o.u.last_e8 = oracle_price(&o, "p", TRD_HAS_LAST, 0);
        o.u.last_quantity_e8 = oracle_price(&o, "q", TRD_HAS_VOLUME, 1);
        o.u.has &= ~(uint32_t) TRD_HAS_VOLUME;
        oracle_time(&o, "E");

    } else if (strcmp(name, "24hrTicker") == 0) {
        o.u.kind = TRD_UPDATE_TICKER;
        oracle_day(&o, ws_names);
        oracle_sides(&o, ws_names);
        oracle_last_id(&o, ws_names);

    } else if (strcmp(name, "24hrMiniTicker") == 0) {
        o.u.kind = TRD_UPDATE_MINI;
        oracle_day(&o, ws_names);

    } else {
        return TRD_IGNORED;
    }

    return oracle_pass(&o, "s", out);
}


static inline trd_rc_t
oracle_rest_event(json_t *event, int element, outcome_t *out)
{
    oracle_t  o = { 0 };

    o.event = event;

    if (!element && json_object_get(event, "symbol") == NULL) {
        return TRD_IGNORED;
    }

    o.u.kind = TRD_UPDATE_SNAPSHOT;
    oracle_day(&o, rest_names);
    oracle_last_id(&o, rest_names);

    if (json_object_get(event, "bidPrice")) {
        o.u.bid_e8 = oracle_price(&o, "bidPrice", TRD_HAS_BID, 0);
        o.u.has &= ~(uint32_t) (o.u.bid_e8 == 0 ? TRD_HAS_BID : 0);
    }

    if (json_object_get(event, "askPrice")) {
        o.u.ask_e8 = oracle_price(&o, "askPrice", TRD_HAS_ASK, 0);
        o.u.has &= ~(uint32_t) (o.u.ask_e8 == 0 ? TRD_HAS_ASK : 0);
    }

    return oracle_pass(&o, "symbol", out);
}


static inline trd_rc_t
oracle_root(json_t *root, int is_rest, outcome_t *out)
{
    size_t    i, rank[TRD_IGNORED + 1];
    json_t   *data, *v;
    trd_rc_t  rc, worst;

    data = json_object_get(root, "data");

    if (!is_rest && json_is_string(json_object_get(root, "stream"))
        && (json_is_object(data) || json_is_array(data)))
    {
        root = data;
    }

    if (json_is_object(root)) {
        return is_rest ? oracle_rest_event(root, 0, out)
                       : oracle_ws_event(root, 0, out);
    }

    memset(rank, 0, sizeof(rank));
    rank[TRD_OK] = 1;
    rank[TRD_OVERFLOW] = 2;
    rank[TRD_ERROR] = 3;
    worst = TRD_IGNORED;

    json_array_foreach(root, i, v) {
        if (!json_is_object(v)) {
            continue;
        }

        rc = is_rest ? oracle_rest_event(v, 1, out)
                     : oracle_ws_event(v, 1, out);
        worst = (rank[rc] > rank[worst]) ? rc : worst;
    }

    return worst;
}

#endif /* BINANCE_ORACLE_H */
