/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Reads a Binance event into its table, see trd_binance_record.h.  The key's
 * letter is the place; members may come in any order, unknown ones are passed
 * over, and of a repeated key the last value counts.
 *
 * Arrays of levels are turned into numbers while they are read, since they
 * are nearly all of a depth message: in the form in which Binance sends them,
 * [["price","quantity"],...] without blanks, by a scanner of their own, and
 * by the JSON reader otherwise.
 */

#include <string.h>

#include "trd_binance_record.h"
#include "trd_decimal.h"


static int
trd_key_slot(const trd_json_t *r)
{
    char  c;

    if (r->len == 1) {
        c = *r->text;

    } else if (!r->escaped || trd_json_unescape(r->text, r->len, &c, 1) != 1) {

        /* a partial book has the names of REST */
        if (trd_json_is(r, "bids", 4)) {
            return TRD_SLOT(TRD_BIDS);
        }

        if (trd_json_is(r, "asks", 4)) {
            return TRD_SLOT(TRD_ASKS);
        }

        return trd_json_is(r, "lastUpdateId", 12) ? (int) TRD_SLOT(TRD_LAST)
                                                  : TRD_NONE;
    }

    if (c == TRD_BIDS || c == TRD_ASKS || c == TRD_LAST) {
        return TRD_NONE;
    }

    return ((unsigned char) c >= 0x40 && (unsigned char) c < 0x80)
           ? (int) TRD_SLOT(c) : TRD_NONE;
}


static trd_rc_t
trd_quantity(const char *s, size_t len, int64_t *e8, uint32_t *clipped)
{
    trd_rc_t  rc;

    rc = trd_decimal_parse(s, len, e8);

    if (rc == TRD_OVERFLOW && s[0] != '-') {
        *e8 = INT64_MAX;
        (*clipped)++;
        rc = TRD_OK;
    }

    return (rc == TRD_OK && *e8 < 0) ? TRD_ERROR : rc;
}


static trd_rc_t
trd_level_parse(trd_level_t *level, const char *price, size_t plen,
    const char *quantity, size_t qlen, uint32_t *clipped)
{
    trd_rc_t  rc;

    rc = trd_decimal_parse(price, plen, &level->price_e8);

    if (rc != TRD_OK) {
        return rc;
    }

    if (level->price_e8 <= 0) {
        return TRD_ERROR;
    }

    return trd_quantity(quantity, qlen, &level->quantity_e8, clipped);
}


/* the end of digits and dots */

static inline const char *
trd_number_end(const char *p, const char *end)
{
    while (p < end && ((*p >= '0' && *p <= '9') || *p == '.')) {
        p++;
    }

    return p;
}


/*
 * The scanner: p is after the bracket of the whole.  Returns after its
 * closing one, or NULL if the text is of any other form.  What it takes is
 * well formed JSON: brackets, commas and strings of digits.
 */

static const char *
trd_levels_scan(trd_record_t *ev, trd_side_t *side, const char *p,
    const char *end)
{
    size_t        plen, qlen;
    const char   *price, *quantity;
    trd_level_t  *level, dummy;

    for ( ;; ) {
        if (end - p < 8 || p[0] != '[' || p[1] != '"') {
            return NULL;
        }

        price = p + 2;
        p = trd_number_end(price, end);
        plen = (size_t) (p - price);

        if (end - p < 5 || memcmp(p, "\",\"", 3) != 0) {
            return NULL;
        }

        quantity = p + 3;
        p = trd_number_end(quantity, end);
        qlen = (size_t) (p - quantity);

        if (end - p < 3 || p[0] != '"' || p[1] != ']') {
            return NULL;
        }

        level = &dummy;

        if (*ev->used < ev->m->room) {
            level = &ev->m->levels[(*ev->used)++];
            side->n++;

        } else if (side->rc == TRD_OK) {
            side->rc = TRD_OVERFLOW;
        }

        if (side->rc != TRD_ERROR) {
            trd_rc_t  rc;

            rc = trd_level_parse(level, price, plen, quantity, qlen,
                                 &side->clipped);
            if (rc != TRD_OK) {
                side->rc = rc;
            }
        }

        p += 2;

        if (*p == ']') {
            return p + 1;
        }

        if (*p++ != ',') {
            return NULL;
        }
    }
}


/* one level by the JSON reader, its bracket read already */

static trd_json_token_t
trd_level_read(trd_record_t *ev, trd_side_t *side, trd_json_t *r)
{
    int                strings, n;
    trd_rc_t           rc;
    trd_slice_t        part[2];
    trd_level_t       *level, dummy;
    trd_json_token_t   token;

    strings = n = 0;

    for ( ;; ) {
        token = trd_json_value(r);

        if (token == TRD_JSON_ERROR || token == TRD_JSON_ARRAY_END) {
            break;
        }

        if (n < 2) {
            part[n].text = r->text;
            part[n].len = r->len;
            strings += (token == TRD_JSON_STRING);
            n++;
        }
    }

    if (token == TRD_JSON_ERROR) {
        return token;
    }

    if (strings < 2) {
        side->rc = TRD_ERROR;
        return token;
    }

    level = &dummy;

    if (*ev->used < ev->m->room) {
        level = &ev->m->levels[(*ev->used)++];
        side->n++;

    } else if (side->rc == TRD_OK) {
        side->rc = TRD_OVERFLOW;
    }

    if (side->rc != TRD_ERROR) {
        rc = trd_level_parse(level, part[0].text, part[0].len, part[1].text,
                             part[1].len, &side->clipped);
        if (rc != TRD_OK) {
            side->rc = rc;
        }
    }

    return token;
}


/* an array of levels, its bracket read already */

static trd_json_token_t
trd_levels_read(trd_record_t *ev, trd_side_t *side, trd_json_t *r)
{
    uint32_t          used;
    const char       *p;
    trd_json_token_t  token;

    used = *ev->used;
    side->level = ev->m->levels + used;
    side->n = 0;
    side->clipped = 0;
    side->rc = TRD_OK;

    p = (r->pos < r->end && *r->pos != ']')
        ? trd_levels_scan(ev, side, r->pos, r->end) : NULL;

    if (p != NULL) {
        r->pos = p - 1;         /* for the reader it is an empty array */

        return trd_json_next(r);
    }

    *ev->used = used;
    side->n = 0;
    side->clipped = 0;
    side->rc = TRD_OK;

    for ( ;; ) {
        token = trd_json_next(r);

        if (token == TRD_JSON_ERROR || token == TRD_JSON_ARRAY_END) {
            return token;
        }

        if (token == TRD_JSON_ARRAY) {
            token = trd_level_read(ev, side, r);

        } else {
            side->rc = TRD_ERROR;

            if (token == TRD_JSON_OBJECT) {
                token = trd_json_skip(r);
            }
        }

        if (token == TRD_JSON_ERROR) {
            return token;
        }
    }
}


static int
trd_side_of(int slot)
{
    switch (slot) {
    case TRD_SLOT('b'):
        return 0;
    case TRD_SLOT('a'):
        return 1;
    case TRD_SLOT(TRD_BIDS):
        return 2;
    case TRD_SLOT(TRD_ASKS):
        return 3;
    default:
        return TRD_NONE;
    }
}


void
trd_record_init(trd_record_t *ev, trd_record_t *kline,
    const trd_binance_market_t *m, uint32_t *used)
{
    ev->seen = 0;
    ev->kline = kline;
    ev->m = m;
    ev->used = used;
}


/* reads the value of a key into its place, if it has one */

trd_json_token_t
trd_record_member(trd_json_t *r, trd_record_t *ev)
{
    int                slot, side;
    trd_slice_t       *f;
    trd_json_token_t   token, open;

    slot = trd_key_slot(r);
    token = open = trd_json_next(r);

    if (slot == TRD_NONE) {
        return (open == TRD_JSON_OBJECT || open == TRD_JSON_ARRAY)
               ? trd_json_skip(r) : token;
    }

    f = &ev->field[slot];
    f->text = r->text;
    f->len = r->len;
    f->token = open;
    ev->seen |= 1ULL << slot;

    if (open == TRD_JSON_ARRAY) {
        side = trd_side_of(slot);
        token = (side != TRD_NONE && ev->m->levels != NULL)
                ? trd_levels_read(ev, &ev->side[side], r) : trd_json_skip(r);

    } else if (open == TRD_JSON_OBJECT) {

        if (slot == (int) TRD_SLOT('k') && ev->kline != NULL) {
            ev->kline->seen = 0;
            token = trd_record_read(r, ev->kline);

        } else {
            token = trd_json_skip(r);
        }
    }

    return token;
}


/* reads an object, its brace read already, to its end */

trd_json_token_t
trd_record_read(trd_json_t *r, trd_record_t *ev)
{
    trd_json_token_t  token;

    for ( ;; ) {
        token = trd_json_next(r);

        if (token != TRD_JSON_KEY) {
            return token;
        }

        if (trd_record_member(r, ev) == TRD_JSON_ERROR) {
            return TRD_JSON_ERROR;
        }
    }
}


trd_rc_t
trd_slice_int(const trd_slice_t *f, int64_t min, int64_t *v)
{
    if (f->token != TRD_JSON_NUMBER
        || trd_json_i64(f->text, f->len, v) != TRD_OK || *v < min)
    {
        return TRD_ERROR;
    }

    return TRD_OK;
}


trd_rc_t
trd_slice_decimal(const trd_slice_t *f, int64_t *e8)
{
    if (f->token != TRD_JSON_STRING) {
        return TRD_ERROR;
    }

    return trd_decimal_parse(f->text, f->len, e8);
}


trd_rc_t
trd_field_int(const trd_record_t *ev, char letter, int64_t min, int64_t *v)
{
    return trd_slice_int(&ev->field[TRD_SLOT(letter)], min, v);
}


int
trd_field_is(const trd_record_t *ev, char letter, const char *s, size_t len)
{
    char                name[16];
    const trd_slice_t  *f;

    f = &ev->field[TRD_SLOT(letter)];

    if (!(ev->seen & TRD_BIT(letter)) || f->token != TRD_JSON_STRING) {
        return 0;
    }

    return trd_json_unescape(f->text, f->len, name, sizeof(name)) == len
           && memcmp(name, s, len) == 0;
}


trd_rc_t
trd_worse(trd_rc_t a, trd_rc_t b)
{
    return (a == TRD_ERROR || b == TRD_OK) ? a : b;
}
