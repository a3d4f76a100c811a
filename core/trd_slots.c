/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The places of the binary signals through the versions; see trd_slots.h.
 * The text has one form only, so its reader takes nothing else.
 */

#include <string.h>

#include "trd_slots.h"


typedef struct {
    const char  *pos;
    const char  *end;
    uint32_t     first;
    uint32_t     version;
    uint32_t     n;                 /* places so far */
    uint32_t     since;             /* when the last one began */
} trd_slots_text_t;


void
trd_slots_init(trd_slots_t *s, trd_slot_t *slot, uint32_t room)
{
    memset(s, 0, sizeof(*s));
    s->slot = slot;
    s->room = room;
}


int
trd_slot_taken(const trd_slot_t *slot, uint64_t version)
{
    uint32_t  i;

    for (i = 0; i < slot->n && slot->at[i] <= version; i++) { /* void */ }

    return i & 1;
}


static int
trd_slots_word(trd_slots_text_t *t, const char *word)
{
    size_t  len;

    len = strlen(word);

    if ((size_t) (t->end - t->pos) < len || memcmp(t->pos, word, len) != 0) {
        return 0;
    }

    t->pos += len;

    return 1;
}


static int
trd_slots_number(trd_slots_text_t *t, uint32_t *n)
{
    const char  *start;

    *n = 0;
    start = t->pos;

    while (t->pos < t->end && *t->pos >= '0' && *t->pos <= '9'
           && *n <= TRD_SLOTS_VERSION_MAX / 10)
    {
        *n = *n * 10 + (uint32_t) (*t->pos++ - '0');
    }

    return t->pos > start && *start != '0' && *n <= TRD_SLOTS_VERSION_MAX
           && t->pos < t->end && (*t->pos < '0' || *t->pos > '9');
}


static trd_rc_t
trd_slots_begin(trd_slots_text_t *t, const char *text, size_t len)
{
    memset(t, 0, sizeof(*t));
    t->pos = text;
    t->end = text + len;

    if (!trd_slots_word(t, "{\"first\":") || !trd_slots_number(t, &t->first)
        || !trd_slots_word(t, ",\"version\":")
        || !trd_slots_number(t, &t->version)
        || !trd_slots_word(t, ",\"slots\":[") || t->first > t->version)
    {
        return TRD_ERROR;
    }

    return TRD_OK;
}


static int
trd_slots_owner(trd_slots_text_t *t, trd_slot_t *slot)
{
    char    c;
    size_t  len;

    memset(slot, 0, sizeof(*slot));

    for (len = 0; t->pos < t->end && *t->pos != '"'; len++) {
        c = *t->pos++;

        if (len == TRD_SYMBOL_LEN
            || !((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/'
                 || c == '.' || c == '_'))
        {
            return 0;
        }

        slot->symbol[len] = c;
    }

    return len > 0 && trd_slots_word(t, "\"");
}


/* TRD_NOT_FOUND: that was the last one, and the text ends properly */

static trd_rc_t
trd_slots_next(trd_slots_text_t *t, trd_slot_t *slot)
{
    uint32_t  at;

    if (trd_slots_word(t, "]}")) {
        return t->pos == t->end ? TRD_NOT_FOUND : TRD_ERROR;
    }

    if (!trd_slots_word(t, t->n ? ",\n[\"" : "\n[\"")
        || !trd_slots_owner(t, slot))
    {
        return TRD_ERROR;
    }

    while (trd_slots_word(t, ",")) {
        if (!trd_slots_number(t, &at) || slot->n == TRD_SLOTS_CHANGES
            || at > t->version || (slot->n && at <= slot->at[slot->n - 1]))
        {
            return TRD_ERROR;
        }

        slot->at[slot->n++] = at;
    }

    if (slot->n == 0 || !trd_slots_word(t, "]")) {
        return TRD_ERROR;
    }

    /* no place is before one that was there earlier */
    at = slot->at[0] > t->first ? slot->at[0] : t->first;

    if (at < t->since) {
        return TRD_ERROR;
    }

    t->since = at;
    t->n++;

    return TRD_OK;
}


trd_rc_t
trd_slots_read(trd_slots_t *s, const char *text, size_t len)
{
    trd_rc_t          rc;
    trd_slot_t        slot;
    trd_slots_text_t  t;

    s->n = s->version = s->first = 0;

    rc = trd_slots_begin(&t, text, len);

    while (rc == TRD_OK) {
        rc = trd_slots_next(&t, &slot);

        if (rc == TRD_OK && t.n > s->room) {
            rc = TRD_OVERFLOW;
        }

        if (rc == TRD_OK) {
            s->slot[t.n - 1] = slot;
        }
    }

    if (rc != TRD_NOT_FOUND) {
        return rc;
    }

    s->n = t.n;
    s->version = t.version;
    s->first = t.first;

    return TRD_OK;
}


/* Catalogues change little: the place after the last one, as a rule. */

static uint32_t
trd_slots_find(const trd_slots_t *s, uint32_t n, const char *symbol,
    uint32_t from)
{
    uint32_t  i, k;

    for (i = 0; i < n; i++) {
        k = from + i < n ? from + i : from + i - n;

        if (strcmp(s->slot[k].symbol, symbol) == 0) {
            return k;
        }
    }

    return n;
}


static void
trd_slots_turn(trd_slots_t *s, trd_slot_t *slot, uint32_t version)
{
    if (slot->n == TRD_SLOTS_CHANGES) {

        /* from the version on that the third one makes, the first two say
           nothing: older versions are forgotten */

        if (s->first < slot->at[2]) {
            s->first = slot->at[2];
        }

        slot->n -= 2;
        memmove(slot->at, slot->at + 2, slot->n * sizeof(slot->at[0]));
    }

    slot->at[slot->n++] = version;
}


trd_rc_t
trd_slots_update(trd_slots_t *s, const trd_instrument_t *in, uint32_t n,
    uint32_t *place)
{
    int          changed;
    uint32_t     i, next, old, version;
    trd_slot_t  *slot;

    old = s->n;
    version = s->version < s->first ? s->first : s->version + 1;
    next = 0;

    for (i = 0; i < old; i++) {
        s->slot[i].seen = 0;
    }

    for (i = 0; i < n; i++) {
        place[i] = trd_slots_find(s, old, in[i].symbol, next);

        if (place[i] < old) {
            s->slot[place[i]].seen = 1;
            next = place[i] + 1 < old ? place[i] + 1 : 0;
            continue;
        }

        if (s->n == s->room) {
            s->n = old;
            return TRD_OVERFLOW;
        }

        place[i] = s->n++;
        slot = &s->slot[place[i]];
        memset(slot, 0, sizeof(*slot));
        memcpy(slot->symbol, in[i].symbol, sizeof(slot->symbol));
        slot->seen = 1;
    }

    changed = 0;

    for (i = 0; i < s->n; i++) {
        slot = &s->slot[i];

        if ((slot->n & 1) != slot->seen) {
            trd_slots_turn(s, slot, version);
            changed = 1;
        }
    }

    if (changed) {
        s->version = version;
        s->first = s->first ? s->first : version;
    }

    return TRD_OK;
}


void
trd_slots_renew(trd_slots_t *s, uint32_t version)
{
    s->first = version > s->version ? version : s->version + 1;
    s->version = s->first - 1;
    s->n = 0;
}


void
trd_slots_write(const trd_slots_t *s, trd_writer_t *w)
{
    uint32_t           i, k;
    const trd_slot_t  *slot;

    trd_write_lit(w, "{\"first\":");
    trd_write_u64(w, s->first);
    trd_write_lit(w, ",\"version\":");
    trd_write_u64(w, s->version);
    trd_write_lit(w, ",\"slots\":[");

    for (i = 0; i < s->n; i++) {
        slot = &s->slot[i];

        trd_write_str(w, i ? ",\n[\"" : "\n[\"");
        trd_write_str(w, slot->symbol);
        trd_write_lit(w, "\"");

        for (k = 0; k < slot->n; k++) {
            trd_write_lit(w, ",");
            trd_write_u64(w, slot->at[k]);
        }

        trd_write_lit(w, "]");
    }

    trd_write_lit(w, "]}");
}


trd_rc_t
trd_slots_symbols(const char *text, size_t len, uint64_t version,
    trd_writer_t *w)
{
    trd_rc_t          rc;
    trd_slot_t        slot;
    trd_slots_text_t  t;

    if (trd_slots_begin(&t, text, len) != TRD_OK) {
        return TRD_CORRUPT;
    }

    if (version < t.first || version > t.version) {
        return TRD_NOT_FOUND;
    }

    trd_write_lit(w, "[");

    for ( ;; ) {
        rc = trd_slots_next(&t, &slot);

        if (rc != TRD_OK) {
            break;
        }

        /* places of later versions are the last ones */
        if (slot.at[0] > version) {
            continue;
        }

        trd_write_str(w, t.n > 1 ? "," : "");

        if (trd_slot_taken(&slot, version)) {
            trd_write_json_str(w, slot.symbol, strlen(slot.symbol));

        } else {
            trd_write_lit(w, "null");
        }
    }

    trd_write_lit(w, "]");

    return rc == TRD_NOT_FOUND ? TRD_OK : TRD_CORRUPT;
}
