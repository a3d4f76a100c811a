/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * JSON values into a bounded writer.  Rendering runs tens of thousands of
 * times a second, so numbers go through a small stack buffer and one copy.
 */

#include "trd_utf8.h"
#include "trd_writer.h"


#define TRD_MS_PER_DAY   86400000LL
#define TRD_MIN_TIME_MS  (-62167219200000LL)    /* 0000-01-01 */
#define TRD_MAX_TIME_MS  253402300799999LL      /* 9999-12-31 */


void
trd_write_str(trd_writer_t *w, const char *s)
{
    trd_write(w, s, strlen(s));
}


void
trd_write_u64(trd_writer_t *w, uint64_t n)
{
    char  buf[20], *p;

    p = buf + sizeof(buf);

    do {
        *--p = (char) ('0' + n % 10);
        n /= 10;
    } while (n);

    trd_write(w, p, (size_t) (buf + sizeof(buf) - p));
}


void
trd_write_i64(trd_writer_t *w, int64_t n)
{
    if (n < 0) {
        trd_write_lit(w, "-");
        trd_write_u64(w, 0 - (uint64_t) n);
        return;
    }

    trd_write_u64(w, (uint64_t) n);
}


void
trd_write_decimal(trd_writer_t *w, int64_t e8, unsigned min_places)
{
    char    buf[TRD_DECIMAL_LEN + 2];
    size_t  len;

    buf[0] = '"';
    len = 1 + trd_decimal_format(e8, min_places, buf + 1);
    buf[len++] = '"';

    trd_write(w, buf, len);
}


void
trd_write_number(trd_writer_t *w, int64_t e8)
{
    char  buf[TRD_DECIMAL_LEN];

    trd_write(w, buf, trd_decimal_format(e8, 0, buf));
}


void
trd_write_json_str(trd_writer_t *w, const char *s, size_t len)
{
    static const char     hex[] = "0123456789abcdef";
    const unsigned char  *p, *end;
    char                  esc[6] = { '\\', 'u', '0', '0', 0, 0 };
    size_t                n;

    trd_write_lit(w, "\"");

    p = (const unsigned char *) s;
    end = p + len;

    while (p < end) {

        if (*p == '"' || *p == '\\') {
            esc[1] = (char) *p++;
            trd_write(w, esc, 2);
            esc[1] = 'u';
            continue;
        }

        if (*p < 0x20 || *p == 0x7f) {
            esc[4] = hex[*p >> 4];
            esc[5] = hex[*p & 15];
            trd_write(w, esc, 6);
            p++;
            continue;
        }

        n = trd_utf8_len(p, (size_t) (end - p));

        if (n == 0) {
            trd_write_lit(w, "\xef\xbf\xbd");
            p++;
            continue;
        }

        trd_write(w, p, n);
        p += n;
    }

    trd_write_lit(w, "\"");
}


static char *
trd_digits(char *p, unsigned n, unsigned width)
{
    unsigned  i;

    for (i = width; i > 0; i--) {
        p[i - 1] = (char) ('0' + n % 10);
        n /= 10;
    }

    return p + width;
}


/*
 * Days into a civil date: count years from 1 March, so that the leap day is
 * the last of a year, in eras of 400 years (146,097 days).
 */

void
trd_time_format(int64_t unix_ms, char *p)
{
    int64_t   day, era;
    unsigned  ms, doe, yoe, doy, mp, d, m, y;

    day = unix_ms / TRD_MS_PER_DAY;
    if (unix_ms % TRD_MS_PER_DAY < 0) {
        day--;
    }

    ms = (unsigned) (unix_ms - day * TRD_MS_PER_DAY);

    day += 719468;                      /* from 0000-03-01 */
    era = (day >= 0 ? day : day - 146096) / 146097;
    doe = (unsigned) (day - era * 146097);
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    mp = (5 * doy + 2) / 153;
    d = doy - (153 * mp + 2) / 5 + 1;
    m = mp < 10 ? mp + 3 : mp - 9;
    y = (unsigned) (era * 400 + (int64_t) yoe + (m <= 2));

    p = trd_digits(p, y, 4);
    *p++ = '-';
    p = trd_digits(p, m, 2);
    *p++ = '-';
    p = trd_digits(p, d, 2);
    *p++ = 'T';
    p = trd_digits(p, ms / 3600000, 2);
    *p++ = ':';
    p = trd_digits(p, ms / 60000 % 60, 2);
    *p++ = ':';
    p = trd_digits(p, ms / 1000 % 60, 2);
    *p++ = '.';
    p = trd_digits(p, ms % 1000, 3);
    *p = 'Z';
}


void
trd_write_time(trd_writer_t *w, int64_t unix_ms)
{
    char  buf[TRD_TIME_LEN + 2];

    if (unix_ms < TRD_MIN_TIME_MS || unix_ms > TRD_MAX_TIME_MS) {
        trd_write_lit(w, "null");
        return;
    }

    buf[0] = '"';
    trd_time_format(unix_ms, buf + 1);
    buf[TRD_TIME_LEN + 1] = '"';

    trd_write(w, buf, sizeof(buf));
}
