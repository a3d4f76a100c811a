/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Rows of candles; the format is in tsd_ohlcv.h.  zlib reads plain files as
 * they are, so both kinds take one path.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <zlib.h>

#include "trd_decimal.h"
#include "tsd_ohlcv.h"

#define OHLCV_LINE    512
#define OHLCV_FIELDS  5
#define OHLCV_NAMES   "open_time_ms,"


static const char *const  ohlcv_names[OHLCV_FIELDS] = {
    "open", "high", "low", "close", "volume"
};


int
tsd_ohlcv_open(tsd_ohlcv_t *f, const char *path)
{
    struct stat  st;

    memset(f, 0, sizeof(*f));
    f->path = path;
    f->newest_ms = -1;

    /* zlib would open a directory, and fail at the first row */

    if (stat(path, &st) == -1) {
        (void) snprintf(f->error, sizeof(f->error), "%s: %s", path,
                        strerror(errno));
        return -1;
    }

    if (S_ISDIR(st.st_mode)) {
        (void) snprintf(f->error, sizeof(f->error), "%s: is a directory",
                        path);
        return -1;
    }

    f->size = S_ISREG(st.st_mode) ? (uint64_t) st.st_size : 0;
    errno = 0;
    f->gz = gzopen(path, "rb");

    if (f->gz == NULL) {
        (void) snprintf(f->error, sizeof(f->error), "%s: %s", path,
                        errno ? strerror(errno) : "no memory");
        return -1;
    }

    return 0;
}


static int
ohlcv_fault(tsd_ohlcv_t *f, const char *what, const char *name)
{
    (void) snprintf(f->error, sizeof(f->error), "%s:%llu: %s%s", f->path,
                    (unsigned long long) f->line, name, what);

    return -1;
}


static int
ohlcv_row(tsd_ohlcv_t *f, const char *line, trd_candle_t *c)
{
    char        *end;
    size_t       len;
    unsigned     i;
    trd_rc_t     rc;
    const char  *p;
    int64_t     *value[OHLCV_FIELDS] = {
        &c->open_e8, &c->high_e8, &c->low_e8, &c->close_e8, &c->volume_e8
    };

    memset(c, 0, sizeof(*c));
    c->flags = TRD_CANDLE_NO_QUOTE_VOLUME | TRD_CANDLE_NO_TRADES;

    errno = 0;
    c->open_ms = strtoll(line, &end, 10);

    if (line[0] < '0' || line[0] > '9' || errno || *end != ',') {
        return ohlcv_fault(f, "open_time_ms is no time in milliseconds", "");
    }

    for (i = 0, p = end; i < OHLCV_FIELDS; i++) {

        if (*p != ',') {
            return ohlcv_fault(f, " is missing", ohlcv_names[i]);
        }

        len = strcspn(++p, ",\r\n");
        rc = trd_decimal_parse(p, len, value[i]);
        p += len;

        if (rc == TRD_OVERFLOW && i == OHLCV_FIELDS - 1) {
            c->volume_e8 = 0;
            c->flags |= TRD_CANDLE_NO_VOLUME;

        } else if (rc == TRD_OVERFLOW) {
            return ohlcv_fault(f, " is out of range", ohlcv_names[i]);

        } else if (rc != TRD_OK) {
            return ohlcv_fault(f, " is no number of at most 8 decimals",
                               ohlcv_names[i]);

        } else if (*value[i] < 0 || (i < OHLCV_FIELDS - 1 && *value[i] == 0)) {
            return ohlcv_fault(f, " is not above 0", ohlcv_names[i]);
        }
    }

    if (c->low_e8 > c->open_e8 || c->low_e8 > c->close_e8
        || c->high_e8 < c->open_e8 || c->high_e8 < c->close_e8)
    {
        return ohlcv_fault(f, "open or close lies outside of low and high",
                           "");
    }

    if (c->open_ms <= f->newest_ms) {
        return ohlcv_fault(f, "is not later than the row before", "");
    }

    f->newest_ms = c->open_ms;
    f->rows++;

    return 1;
}


int
tsd_ohlcv_read(tsd_ohlcv_t *f, trd_candle_t *c)
{
    int          err;
    char         line[OHLCV_LINE];
    size_t       len;
    const char  *why;

    for ( ;; ) {

        if (gzgets(f->gz, line, sizeof(line)) == NULL) {
            why = gzerror(f->gz, &err);

            /* a cut gzip file gives what it has, and then this */

            if (err != Z_OK && err != Z_STREAM_END) {
                (void) snprintf(f->error, sizeof(f->error),
                                "%s:%llu: cannot be read on: %s", f->path,
                                (unsigned long long) f->line + 1,
                                err == Z_ERRNO ? strerror(errno) : why);
                return -1;
            }

            return 0;
        }

        f->line++;
        f->done = (uint64_t) gzoffset(f->gz);
        len = strlen(line);

        if (len == sizeof(line) - 1 && line[len - 1] != '\n') {
            return ohlcv_fault(f, "the line is too long", "");
        }

        if (f->line == 1
            && strncmp(line, OHLCV_NAMES, sizeof(OHLCV_NAMES) - 1) == 0)
        {
            continue;
        }

        return ohlcv_row(f, line, c);
    }
}


void
tsd_ohlcv_close(tsd_ohlcv_t *f)
{
    if (f->gz) {
        (void) gzclose(f->gz);
        f->gz = NULL;
    }
}
