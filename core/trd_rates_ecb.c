/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The one XML document that is read here, the ECB's reference rates:
 *
 *     <Cube><Cube time='2015-01-07'><Cube currency='USD' rate='1.1831'/>...
 *
 * Not an XML parser: it walks over tags and looks at the attributes of those
 * named Cube.  What could make a difference between this and a parser is
 * refused: a DOCTYPE, CDATA, entities in attributes, a tag that does not
 * end.  A parser would bring namespaces, encodings and expansion of entities
 * for three attributes.
 */

#include <string.h>

#include "trd_rates.h"

#define ECB_MINUTE  (14 * 60 + 10)      /* Frankfurt, when rates are agreed */

typedef struct {
    const char  *text;
    size_t       len;
} ecb_slice_t;

typedef struct {
    ecb_slice_t  time;
    ecb_slice_t  currency;
    ecb_slice_t  rate;
} ecb_cube_t;


static int
ecb_is(const char *p, const char *end, const char *word)
{
    size_t  len = strlen(word);

    return (size_t) (end - p) >= len && memcmp(p, word, len) == 0;
}


static int
ecb_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}


static const char *
ecb_skip_space(const char *p, const char *end)
{
    while (p < end && ecb_space(*p)) {
        p++;
    }

    return p;
}


/* name='value' or name="value"; NULL: malformed */

static const char *
ecb_attribute(const char *p, const char *end, ecb_cube_t *cube)
{
    char          quote;
    const char   *name, *name_end, *value;
    ecb_slice_t  *slice;

    name = p;

    while (p < end && *p != '=' && !ecb_space(*p) && *p != '<' && *p != '>') {
        p++;
    }

    name_end = p;
    p = ecb_skip_space(p, end);

    if (p == end || *p != '=' || name == name_end) {
        return NULL;
    }

    p = ecb_skip_space(p + 1, end);

    if (p == end || (*p != '\'' && *p != '"')) {
        return NULL;
    }

    quote = *p++;
    value = p;

    while (p < end && *p != quote) {
        if (*p == '<' || *p == '&') {
            return NULL;
        }

        p++;
    }

    if (p == end) {
        return NULL;
    }

    slice = name_end - name == 4 && memcmp(name, "time", 4) == 0
            ? &cube->time
            : name_end - name == 4 && memcmp(name, "rate", 4) == 0
            ? &cube->rate
            : name_end - name == 8 && memcmp(name, "currency", 8) == 0
            ? &cube->currency : NULL;

    if (slice) {
        if (slice->text) {
            return NULL;                /* twice */
        }

        slice->text = value;
        slice->len = (size_t) (p - value);
    }

    return p + 1;
}


/* the attributes of a tag whose name was read; behind its '>', or NULL */

static const char *
ecb_tag(const char *p, const char *end, ecb_cube_t *cube)
{
    const char  *next;

    memset(cube, 0, sizeof(*cube));

    for ( ;; ) {
        next = ecb_skip_space(p, end);

        if (next == end) {
            return NULL;
        }

        if (*next == '>') {
            return next + 1;
        }

        if (*next == '/') {
            return next + 1 < end && next[1] == '>' ? next + 2 : NULL;
        }

        if (next == p) {
            return NULL;                /* attributes run together */
        }

        p = ecb_attribute(next, end, cube);
        if (p == NULL) {
            return NULL;
        }
    }
}


static int
ecb_digits(const char *s, unsigned n)
{
    int  v;

    for (v = 0; n; n--, s++) {
        if (*s < '0' || *s > '9') {
            return -1;
        }

        v = v * 10 + (*s - '0');
    }

    return v;
}


/* days since 1970 of a date of the proleptic Gregorian calendar */

static int64_t
ecb_days(int y, int m, int d)
{
    if (m < 3) {
        y--;
        m += 12;
    }

    return 365LL * y + y / 4 - y / 100 + y / 400 + (153 * (m - 3) + 2) / 5
           + d - 1 - 719468;
}


/* Is it summer time in Frankfurt on that day, in the afternoon?  From the
   last Sunday of March on, until before the last Sunday of October. */

static int
ecb_summer(int y, int64_t day)
{
    int64_t  begin, end;

    begin = ecb_days(y, 3, 31);
    begin -= (begin + 4) % 7;           /* 1970-01-01 was a Thursday */
    end = ecb_days(y, 10, 31);
    end -= (end + 4) % 7;

    return day >= begin && day < end;
}


/* "2015-01-07"; 0: no such date, or before the euro */

static int64_t
ecb_time(const ecb_slice_t *s)
{
    int      y, m, d, last;
    int64_t  day;

    static const int  days[] = {
        31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    if (s->len != 10 || s->text[4] != '-' || s->text[7] != '-') {
        return 0;
    }

    y = ecb_digits(s->text, 4);
    m = ecb_digits(s->text + 5, 2);
    d = ecb_digits(s->text + 8, 2);

    if (y < 1999 || m < 1 || m > 12) {
        return 0;
    }

    last = days[m - 1];

    if (m == 2 && (y % 4 || (y % 100 == 0 && y % 400))) {
        last = 28;
    }

    if (d < 1 || d > last) {
        return 0;
    }

    day = ecb_days(y, m, d);

    return (day * 1440 + ECB_MINUTE - (ecb_summer(y, day) ? 120 : 60))
           * 60000;
}


/* behind what begins at '<' and is neither Cube nor forbidden; or NULL */

static const char *
ecb_other(const char *p, const char *end)
{
    ecb_cube_t   unused;
    const char  *close;

    if (ecb_is(p, end, "<!--")) {
        for (p += 4; !ecb_is(p, end, "-->"); p++) {
            if (p == end) {
                return NULL;
            }
        }

        return p + 3;
    }

    if (ecb_is(p, end, "<?")) {
        close = memchr(p, '>', (size_t) (end - p));
        return close && close[-1] == '?' ? close + 1 : NULL;
    }

    if (ecb_is(p, end, "<!")) {
        return NULL;
    }

    p += ecb_is(p, end, "</") ? 2 : 1;

    while (p < end && *p != '>' && *p != '/' && !ecb_space(*p)) {
        if (*p == '<' || *p == '&') {
            return NULL;
        }

        p++;
    }

    return ecb_tag(p, end, &unused);
}


/* What one Cube says.  TRD_IGNORED: a day older than the one that is read */

static trd_rc_t
ecb_take(const ecb_cube_t *cube, trd_rates_t *out)
{
    int64_t  ms;

    if (cube->time.text) {
        ms = ecb_time(&cube->time);

        if (ms == 0 || cube->currency.text || cube->rate.text) {
            return TRD_ERROR;
        }

        if (out->time_ms) {
            return ms < out->time_ms ? TRD_IGNORED : TRD_ERROR;
        }

        out->time_ms = ms;
        return TRD_OK;
    }

    if (!cube->currency.text && !cube->rate.text) {
        return TRD_OK;                  /* the outermost */
    }

    if (!cube->currency.text || !cube->rate.text || out->time_ms == 0) {
        return TRD_ERROR;
    }

    return trd_rates_add(out, cube->currency.text, cube->currency.len,
                         cube->rate.text, cube->rate.len);
}


trd_rc_t
trd_rates_ecb(const char *text, size_t len, trd_rates_t *out)
{
    int          ended, older;
    trd_rc_t     rc;
    const char  *p, *end;
    ecb_cube_t   cube;

    memset(out, 0, offsetof(trd_rates_t, rate));
    out->error[0] = '\0';
    memcpy(out->base, "EUR", 4);

    p = text;
    end = text + len;
    ended = older = 0;

    if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
        p += 3;
    }

    p = ecb_skip_space(p, end);

    if (p == end || *p != '<') {
        return TRD_ERROR;
    }

    while (p < end) {

        if (*p != '<') {
            p++;
            continue;
        }

        if (ended) {
            return TRD_ERROR;
        }

        if (!ecb_is(p, end, "<Cube")
            || (p + 5 < end && !ecb_space(p[5]) && p[5] != '>'
                && p[5] != '/'))
        {
            ended = ecb_is(p, end, "</gesmes:Envelope>");
            p = ecb_other(p, end);

            if (p == NULL) {
                return TRD_ERROR;
            }

            continue;
        }

        p = ecb_tag(p + 5, end, &cube);
        if (p == NULL) {
            return TRD_ERROR;
        }

        /* rates of the days before are of another snapshot */
        rc = older && !cube.time.text ? TRD_OK : ecb_take(&cube, out);

        if (rc == TRD_IGNORED) {
            older = 1;

        } else if (rc != TRD_OK) {
            return rc;
        }
    }

    /* a document that was cut off at a tag is no snapshot */

    return ended ? trd_rates_finish(out) : TRD_ERROR;
}
