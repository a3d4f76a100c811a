/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Request text: see trd_query.h.  Every byte here was chosen by a stranger,
 * so each loop is bounded by the length and looks at a byte only after the
 * length was compared.
 */

#include <string.h>

#include "trd_query.h"
#include "trd_utf8.h"

#define TRD_REQUEST_ID_LEN   128
#define TRD_TRACEPARENT_LEN  55     /* 2 + 32 + 16 + 2 digits, three dashes */
#define TRD_TRACEPARENT_MAX  256
#define TRD_YEAR_9999_MS     253402300799999LL

static const char *const  trd_params[TRD_PARAM_N] = {
    "max_age_ms", "symbols", "fields", "model", "timeframe", "interval",
    "limit", "end", "levels", "format", "after_seq", "timeout_ms"
};


void
trd_query_init(trd_query_t *q, const char *args, size_t len)
{
    q->pos = args;
    q->end = (args == NULL) ? NULL : args + len;
}


trd_rc_t
trd_query_next(trd_query_t *q, trd_pair_t *pair)
{
    const char  *start, *end, *eq;

    while (q->pos != q->end) {
        start = q->pos;
        end = memchr(start, '&', (size_t) (q->end - start));

        if (end == NULL) {
            end = q->end;
            q->pos = end;

        } else {
            q->pos = end + 1;
        }

        if (end == start) {
            continue;
        }

        eq = memchr(start, '=', (size_t) (end - start));

        pair->name = start;
        pair->name_len = (size_t) ((eq ? eq : end) - start);
        pair->value = eq ? eq + 1 : end;
        pair->value_len = (size_t) (end - pair->value);

        return TRD_OK;
    }

    return TRD_NOT_FOUND;
}


int
trd_param_find(const char *name, size_t len)
{
    int  i;

    for (i = 0; i < TRD_PARAM_N; i++) {
        if (strlen(trd_params[i]) == len
            && memcmp(trd_params[i], name, len) == 0)
        {
            return i;
        }
    }

    return -1;
}


const char *
trd_param_name(unsigned param)
{
    return (param < TRD_PARAM_N) ? trd_params[param] : NULL;
}


static int
trd_hex(unsigned char ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }

    ch |= 0x20;

    if (ch >= 'a' && ch <= 'f') {
        return ch - 'a' + 10;
    }

    return -1;
}


trd_rc_t
trd_percent_decode(const char *s, size_t len, char *buf, size_t size,
    size_t *out)
{
    int            hi, lo;
    size_t         i, n;
    unsigned char  ch;

    n = 0;

    for (i = 0; i < len; i++) {
        ch = (unsigned char) s[i];

        if (ch == '%') {
            if (len - i < 3) {
                return TRD_ERROR;
            }

            hi = trd_hex((unsigned char) s[i + 1]);
            lo = trd_hex((unsigned char) s[i + 2]);

            if (hi < 0 || lo < 0) {
                return TRD_ERROR;
            }

            ch = (unsigned char) (hi << 4 | lo);
            i += 2;

        } else if (ch == '+') {
            ch = ' ';
        }

        if (ch < 0x20 || ch == 0x7f) {
            return TRD_ERROR;
        }

        if (n == size) {
            return TRD_OVERFLOW;
        }

        buf[n++] = (char) ch;
    }

    *out = n;

    return TRD_OK;
}


trd_rc_t
trd_list_next(trd_query_t *list, const char **item, size_t *len)
{
    const char  *comma;

    if (list->pos == NULL) {
        return TRD_NOT_FOUND;
    }

    *item = list->pos;
    comma = memchr(list->pos, ',', (size_t) (list->end - list->pos));

    if (comma == NULL) {
        *len = (size_t) (list->end - list->pos);
        list->pos = NULL;

    } else {
        *len = (size_t) (comma - list->pos);
        list->pos = comma + 1;
    }

    return TRD_OK;
}


trd_rc_t
trd_parse_u64(const char *s, size_t len, uint64_t max, uint64_t *out)
{
    size_t    i;
    uint64_t  n, digit;

    if (len == 0) {
        return TRD_ERROR;
    }

    n = 0;

    for (i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9') {
            return TRD_ERROR;
        }
    }

    for (i = 0; i < len; i++) {
        digit = (uint64_t) (s[i] - '0');

        if (n > max / 10 || n * 10 > max - digit || digit > max) {
            return TRD_OVERFLOW;
        }

        n = n * 10 + digit;
    }

    *out = n;

    return TRD_OK;
}


/* n digits at s, within the range; -1 if they are not */
static int
trd_digits(const char *s, size_t n, int low, int high)
{
    int     v;
    size_t  i;

    v = 0;

    for (i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9') {
            return -1;
        }

        v = v * 10 + (s[i] - '0');
    }

    return (v < low || v > high) ? -1 : v;
}


/* days since 1970 of a date in the years 0 to 9999 */
static int64_t
trd_days(int year, int month, int day)
{
    int  y, m;

    y = (month > 2) ? year : year - 1;
    m = (month + 9) % 12;                           /* March is the first */

    return 365LL * y + (y + 400) / 4 - (y + 400) / 100 + (y + 400) / 400 - 97
           + (m * 153 + 2) / 5 + day - 1 - 719468;
}


/* "Z", or "+hh:mm" in minutes; -1 if it is neither */
static int
trd_offset(const char *s, size_t len, int *minutes)
{
    int  h, m;

    *minutes = 0;

    if (len == 1 && (s[0] == 'Z' || s[0] == 'z')) {
        return 0;
    }

    if (len != 6 || (s[0] != '+' && s[0] != ' ' && s[0] != '-')
        || s[3] != ':')
    {
        return -1;
    }

    h = trd_digits(s + 1, 2, 0, 23);
    m = trd_digits(s + 4, 2, 0, 59);

    *minutes = (s[0] == '-') ? -(h * 60 + m) : h * 60 + m;

    return (h < 0 || m < 0) ? -1 : 0;
}


trd_rc_t
trd_parse_time(const char *s, size_t len, int64_t *ms)
{
    int       year, month, day, hour, min, sec, offset, last, scale;
    size_t    i;
    trd_rc_t  rc;
    uint64_t  n;

    static const int  days[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    rc = trd_parse_u64(s, len, TRD_YEAR_9999_MS, &n);

    if (rc != TRD_ERROR) {
        *ms = (rc == TRD_OK) ? (int64_t) n : 0;
        return rc;
    }

    if (len < 20 || s[4] != '-' || s[7] != '-' || s[13] != ':' || s[16] != ':'
        || (s[10] != 'T' && s[10] != 't'))
    {
        return TRD_ERROR;
    }

    year = trd_digits(s, 4, 1970, 9999);
    month = trd_digits(s + 5, 2, 1, 12);
    day = trd_digits(s + 8, 2, 1, 31);
    hour = trd_digits(s + 11, 2, 0, 23);
    min = trd_digits(s + 14, 2, 0, 59);
    sec = trd_digits(s + 17, 2, 0, 59);

    if (year < 0 || month < 1 || day < 1 || hour < 0 || min < 0 || sec < 0) {
        return TRD_ERROR;
    }

    last = days[month - 1]
           + (month == 2 && year % 4 == 0
              && (year % 100 != 0 || year % 400 == 0));

    if (day > last) {
        return TRD_ERROR;
    }

    *ms = ((trd_days(year, month, day) * 24 + hour) * 60 + min) * 60000
          + sec * 1000;

    i = 19;

    if (s[i] == '.') {
        scale = 100;

        for (i++; i < len && s[i] >= '0' && s[i] <= '9'; i++) {
            *ms += (s[i] - '0') * scale;
            scale /= 10;
        }

        if (s[i - 1] == '.') {
            return TRD_ERROR;
        }
    }

    if (trd_offset(s + i, len - i, &offset) != 0) {
        return TRD_ERROR;
    }

    *ms -= offset * 60000LL;

    if (*ms > TRD_YEAR_9999_MS) {
        return TRD_OVERFLOW;
    }

    return (*ms < 0) ? TRD_ERROR : TRD_OK;
}


int
trd_text_ok(const char *s, size_t len)
{
    size_t                n;
    const unsigned char  *p;

    p = (const unsigned char *) s;

    while (len) {
        if (*p < 0x20 || *p == 0x7f) {
            return 0;
        }

        n = trd_utf8_len(p, len);

        /* U+0080 .. U+009F are control characters as well */

        if (n == 0 || (n == 2 && p[0] == 0xc2 && p[1] < 0xa0)) {
            return 0;
        }

        p += n;
        len -= n;
    }

    return 1;
}


static int
trd_same(const char *s, size_t len, const char *lower)
{
    size_t  i;

    if (strlen(lower) != len) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if ((s[i] >= 'A' && s[i] <= 'Z' ? s[i] | 0x20 : s[i]) != lower[i]) {
            return 0;
        }
    }

    return 1;
}


static void
trd_trim(const char **s, size_t *len)
{
    while (*len && (**s == ' ' || **s == '\t')) {
        (*s)++;
        (*len)--;
    }

    while (*len && ((*s)[*len - 1] == ' ' || (*s)[*len - 1] == '\t')) {
        (*len)--;
    }
}


/* is the weight of "coding;q=0.5" above zero?  Malformed ones count as zero */
static int
trd_weight_ok(const char *s, size_t len)
{
    int     positive;
    size_t  i;

    trd_trim(&s, &len);

    if (len < 3 || (s[0] != 'q' && s[0] != 'Q') || s[1] != '=') {
        return 0;
    }

    positive = (s[2] == '1');

    if (s[2] != '0' && s[2] != '1') {
        return 0;
    }

    if (len > 3 && s[3] != '.') {
        return 0;
    }

    for (i = 4; i < len; i++) {
        if (s[i] < '0' || s[i] > '9') {
            return 0;
        }

        positive |= (s[i] != '0');
    }

    return positive;
}


int
trd_accepts_gzip(const char *s, size_t len)
{
    int           ok, any;
    size_t        n, coding_len;
    const char   *item, *coding, *semi;
    trd_query_t   list;

    any = 0;

    trd_query_init(&list, s, len);

    while (trd_list_next(&list, &item, &n) == TRD_OK) {
        coding = item;
        semi = (n == 0) ? NULL : memchr(item, ';', n);
        coding_len = semi ? (size_t) (semi - item) : n;
        ok = 1;

        if (semi != NULL) {
            ok = trd_weight_ok(semi + 1, n - coding_len - 1);
        }

        trd_trim(&coding, &coding_len);

        if (trd_same(coding, coding_len, "gzip")
            || trd_same(coding, coding_len, "x-gzip"))
        {
            return ok;
        }

        if (coding_len == 1 && coding[0] == '*') {
            any = ok;
        }
    }

    return any;
}


int
trd_request_id_ok(const char *s, size_t len)
{
    size_t  i;

    if (len == 0 || len > TRD_REQUEST_ID_LEN) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if ((s[i] >= '0' && s[i] <= '9')
            || (s[i] >= 'a' && s[i] <= 'z')
            || (s[i] >= 'A' && s[i] <= 'Z')
            || s[i] == '.' || s[i] == '_' || s[i] == '-')
        {
            continue;
        }

        return 0;
    }

    return 1;
}


/* n lower-case hex digits; *zero tells whether all are '0' */
static int
trd_lower_hex(const char *s, size_t n, int *zero)
{
    size_t  i;

    *zero = 1;

    for (i = 0; i < n; i++) {
        if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f'))) {
            return 0;
        }

        if (s[i] != '0') {
            *zero = 0;
        }
    }

    return 1;
}


int
trd_traceparent_ok(const char *s, size_t len)
{
    int     zero, v0;
    size_t  i;

    if (len < TRD_TRACEPARENT_LEN || len > TRD_TRACEPARENT_MAX
        || s[2] != '-' || s[35] != '-' || s[52] != '-')
    {
        return 0;
    }

    if (!trd_lower_hex(s, 2, &v0) || (s[0] == 'f' && s[1] == 'f')) {
        return 0;
    }

    if (!trd_lower_hex(s + 3, 32, &zero) || zero) {
        return 0;
    }

    if (!trd_lower_hex(s + 36, 16, &zero) || zero) {
        return 0;
    }

    if (!trd_lower_hex(s + 53, 2, &zero)) {
        return 0;
    }

    if (len == TRD_TRACEPARENT_LEN) {
        return 1;
    }

    /* later versions may add fields, this one may not */

    if (v0 || s[TRD_TRACEPARENT_LEN] != '-') {
        return 0;
    }

    for (i = TRD_TRACEPARENT_LEN; i < len; i++) {
        if (s[i] <= ' ' || s[i] >= 0x7f) {
            return 0;
        }
    }

    return 1;
}
