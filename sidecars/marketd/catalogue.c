/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Reads instruments.json.  jansson says where the syntax is wrong; where a
 * value is wrong, the text is walked again to find its line, since an error
 * that names no line costs a person ten minutes in a file of hundreds.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "catalogue.h"
#include "trd_decimal.h"
#include "tsd_log.h"


#define CATALOGUE_MAX_SIZE  (64 << 20)
#define CATALOGUE_MAX       65536

typedef struct {
    const char  *file;
    const char  *text;
    size_t       len;
    size_t       index;         /* of the instrument being read */
} catalogue_reader_t;


static int catalogue_fail(const catalogue_reader_t *r, const char *field,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));


/*
 * The line of a field of the index-th object in the list, or of the object if
 * the field is absent.  The text is known to be well-formed.
 */

static unsigned
catalogue_line(const char *text, size_t text_len, size_t index,
    const char *field)
{
    int          depth, in_item;
    size_t       n, len;
    unsigned     line, found;
    const char  *p, *end;

    depth = 0;
    n = 0;
    line = 1;
    found = 0;
    in_item = 0;
    len = strlen(field);
    end = text + text_len;

    for (p = text; p < end; p++) {

        if (*p == '\n') {
            line++;

        } else if (*p == '{' || *p == '[') {
            depth++;

            if (*p == '{' && depth == 3) {
                in_item = n++ == index;

                if (in_item) {
                    found = line;
                }
            }

        } else if (*p == '}' || *p == ']') {
            if (depth-- == 3 && in_item) {
                return found;
            }

        } else if (*p == '"') {
            if (in_item && (size_t) (end - p) > len + 1
                && memcmp(p + 1, field, len) == 0 && p[1 + len] == '"')
            {
                return line;
            }

            for (p++; p < end && *p != '"'; p++) {
                p += *p == '\\';
            }
        }
    }

    return found ? found : line;
}


static int
catalogue_fail(const catalogue_reader_t *r, const char *field,
    const char *fmt, ...)
{
    char     what[256];
    va_list  args;

    va_start(args, fmt);
    (void) vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);

    tsd_log(TSD_LOG_ERROR, "bad_instruments",
            "file=\"%s\" line=%u field=instruments[%zu].%s reason=\"%s\"",
            r->file, catalogue_line(r->text, r->len, r->index, field),
            r->index, field, what);

    return -1;
}


/* letters, digits and a few marks that need no quoting anywhere */

static int
catalogue_symbol(const catalogue_reader_t *r, json_t *item, const char *field,
    char *out)
{
    size_t       i, len;
    const char  *s;

    s = json_string_value(json_object_get(item, field));

    if (s == NULL) {
        return catalogue_fail(r, field, "a string is required");
    }

    len = strlen(s);

    if (len == 0 || len > TRD_SYMBOL_LEN) {
        return catalogue_fail(r, field, "1 to %d characters", TRD_SYMBOL_LEN);
    }

    for (i = 0; i < len; i++) {
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._", s[i]) == NULL) {
            return catalogue_fail(r, field,
                                  "only A-Z, 0-9, '/', '.' and '_' are "
                                  "allowed");
        }
    }

    memcpy(out, s, len + 1);

    return 0;
}


static int
catalogue_decimal(const catalogue_reader_t *r, json_t *item,
    const char *field, const char *value, int zero_ok, int64_t *out)
{
    json_t  *v;

    v = json_object_get(item, field);

    if (v) {
        value = json_string_value(v);
    }

    if (value == NULL
        || trd_decimal_parse(value, strlen(value), out) != TRD_OK
        || *out < 0 || (*out == 0 && !zero_ok))
    {
        return catalogue_fail(r, field, "a %s decimal in a string, such as "
                              "\"0.01\", is required",
                              zero_ok ? "non-negative" : "positive");
    }

    return 0;
}


static int
catalogue_enum(const catalogue_reader_t *r, json_t *item, const char *field,
    const char *(*name)(unsigned), unsigned n, uint8_t *out)
{
    char         allowed[160];
    size_t       len;
    unsigned     i;
    const char  *s;

    s = json_string_value(json_object_get(item, field));
    len = 0;

    for (i = 0; i < n; i++) {
        if (s && strcmp(s, name(i)) == 0) {
            *out = (uint8_t) i;
            return 0;
        }

        len += (size_t) snprintf(allowed + len, sizeof(allowed) - len, "%s%s",
                                 i ? ", " : "", name(i));
    }

    return catalogue_fail(r, field, "one of %s", allowed);
}


static int
catalogue_known_keys(const catalogue_reader_t *r, json_t *item,
    const char *const *known)
{
    json_t      *value;
    unsigned     i;
    const char  *key;

    json_object_foreach(item, key, value) {

        for (i = 0; known[i] && strcmp(known[i], key) != 0; i++) {
            /* void */
        }

        if (known[i] == NULL) {
            return catalogue_fail(r, key, "no such field");
        }
    }

    return 0;
}


static int
catalogue_item(const catalogue_reader_t *r, json_t *item,
    trd_instrument_t *in, catalogue_sim_t *sim)
{
    static const char *const  fields[] = {
        "symbol", "exchange_symbol", "asset_class", "base", "quote",
        "price_tick", "lot_step", "min_notional", "source", "stale_after_ms",
        "simulator", NULL
    };

    static const char *const  sim_fields[] = {
        "price", "volatility", "spread", "volume", NULL
    };

    json_t     *v;
    json_int_t  ms;

    if (!json_is_object(item)) {
        return catalogue_fail(r, "", "an object is required");
    }

    if (catalogue_known_keys(r, item, fields) != 0
        || catalogue_symbol(r, item, "symbol", in->symbol) != 0
        || catalogue_symbol(r, item, "exchange_symbol",
                            in->exchange_symbol) != 0
        || catalogue_symbol(r, item, "base", in->base) != 0
        || catalogue_symbol(r, item, "quote", in->quote) != 0
        || catalogue_enum(r, item, "asset_class", trd_class_name,
                          TRD_CLASS_N, &in->asset_class) != 0
        || catalogue_enum(r, item, "source", trd_source_name, TRD_SOURCE_N,
                          &in->source) != 0
        || catalogue_decimal(r, item, "price_tick", NULL, 0,
                             &in->price_tick_e8) != 0
        || catalogue_decimal(r, item, "lot_step", NULL, 0,
                             &in->lot_step_e8) != 0
        || catalogue_decimal(r, item, "min_notional", "0", 1,
                             &in->min_notional_e8) != 0)
    {
        return -1;
    }

    in->price_places = (uint8_t) trd_decimal_places(in->price_tick_e8);
    in->lot_places = (uint8_t) trd_decimal_places(in->lot_step_e8);

    v = json_object_get(item, "stale_after_ms");
    ms = json_integer_value(v);

    if (!json_is_integer(v) || ms < 1 || ms > UINT32_MAX) {
        return catalogue_fail(r, "stale_after_ms",
                              "a whole number of milliseconds from 1 to "
                              "4294967295");
    }

    in->stale_after_ms = (uint32_t) ms;

    v = json_object_get(item, "simulator");

    if (v && !json_is_object(v)) {
        return catalogue_fail(r, "simulator", "an object is required");
    }

    if (v && catalogue_known_keys(r, v, sim_fields) != 0) {
        return -1;
    }

    if (catalogue_decimal(r, v, "price", "100", 0, &sim->price_e8) != 0
        || catalogue_decimal(r, v, "volatility", "0.02", 1,
                             &sim->volatility_e8) != 0
        || catalogue_decimal(r, v, "spread", "0.0002", 1,
                             &sim->spread_e8) != 0
        || catalogue_decimal(r, v, "volume", "10000", 1,
                             &sim->volume_e8) != 0)
    {
        return -1;
    }

    return 0;
}


static char *
catalogue_text(const char *file, size_t *len)
{
    long   size;
    char  *text;
    FILE  *f;

    text = NULL;

    f = fopen(file, "rb");
    if (f == NULL) {
        goto failed;
    }

    if (fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0
        || fseek(f, 0, SEEK_SET) != 0)
    {
        goto failed;
    }

    if (size > CATALOGUE_MAX_SIZE) {
        errno = EFBIG;
        goto failed;
    }

    *len = (size_t) size;
    text = malloc(*len + 1);
    if (text == NULL) {
        goto failed;
    }

    if (fread(text, 1, *len, f) != *len) {
        goto failed;
    }

    (void) fclose(f);

    return text;

failed:

    tsd_log(TSD_LOG_ERROR, "bad_instruments", "file=\"%s\" reason=\"%s\"",
            file, strerror(errno));
    free(text);

    if (f) {
        (void) fclose(f);
    }

    return NULL;
}


int
catalogue_parse(catalogue_t *c, const char *file, const char *text, size_t len)
{
    size_t              n;
    json_t             *root, *list;
    json_error_t        error;
    catalogue_reader_t  r;

    memset(c, 0, sizeof(*c));

    r.file = file;
    r.text = text;
    r.len = len;
    r.index = 0;

    root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);

    if (root == NULL) {
        tsd_log(TSD_LOG_ERROR, "bad_instruments",
                "file=\"%s\" line=%d column=%d reason=\"%s\"", file,
                error.line, error.column, error.text);
        goto failed;
    }

    list = json_object_get(root, "instruments");
    n = json_array_size(list);

    if (json_object_size(root) > 1) {
        tsd_log(TSD_LOG_ERROR, "bad_instruments",
                "file=\"%s\" line=1 reason=\"only \"instruments\" may stand "
                "at the top\"", file);
        goto failed;
    }

    if (!json_is_array(list) || n == 0 || n > CATALOGUE_MAX) {
        tsd_log(TSD_LOG_ERROR, "bad_instruments",
                "file=\"%s\" line=1 field=instruments reason=\"a list of 1 to "
                "%d instruments is required\"", file, CATALOGUE_MAX);
        goto failed;
    }

    c->instruments = calloc(n, sizeof(*c->instruments));
    c->sim = calloc(n, sizeof(*c->sim));

    if (c->instruments == NULL || c->sim == NULL) {
        tsd_log(TSD_LOG_ERROR, "no_memory", "what=instruments");
        goto failed;
    }

    for (r.index = 0; r.index < n; r.index++) {
        if (catalogue_item(&r, json_array_get(list, r.index),
                           &c->instruments[r.index], &c->sim[r.index])
            != 0)
        {
            goto failed;
        }
    }

    c->n = (uint32_t) n;

    json_decref(root);

    return 0;

failed:

    json_decref(root);
    catalogue_free(c);

    return -1;
}


int
catalogue_read(catalogue_t *c, const char *file)
{
    int      rc;
    char    *text;
    size_t   len;

    memset(c, 0, sizeof(*c));
    text = catalogue_text(file, &len);

    if (text == NULL) {
        return -1;
    }

    rc = catalogue_parse(c, file, text, len);
    free(text);

    return rc;
}


void
catalogue_clash(const char *file, const catalogue_t *c, uint32_t a,
    uint32_t b)
{
    char    *text;
    size_t   len;

    text = catalogue_text(file, &len);

    tsd_log(TSD_LOG_ERROR, "bad_instruments",
            "file=\"%s\" line=%u field=instruments[%u].symbol reason=\"a name "
            "of %s is also one of %s\"", file,
            text ? catalogue_line(text, len, b, "symbol") : 0, b,
            c->instruments[b].symbol, c->instruments[a].symbol);

    free(text);
}


void
catalogue_free(catalogue_t *c)
{
    free(c->instruments);
    free(c->sim);
    memset(c, 0, sizeof(*c));
}
