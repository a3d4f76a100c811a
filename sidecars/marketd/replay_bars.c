/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Bars as quotes and candles; replay_file.h says what a bar can give and what
 * not.
 */

#include <stdlib.h>
#include <string.h>

#include "replay_bars.h"
#include "trd_candle.h"
#include "trd_decimal.h"

#define BARS_DAY_MS  86400000LL
#define BARS_LAST_MS 253402300799999LL          /* the year 9999 */
#define BARS_FIELDS  5
#define BARS_NAMES   "open_time_ms,"


/* The next field after a comma, as a decimal. */

static trd_rc_t
bars_field(const char **p, const char *end, int64_t *e8)
{
    trd_rc_t     rc;
    const char  *field, *comma;

    if (*p == end || **p != ',') {
        return TRD_ERROR;
    }

    field = *p + 1;
    comma = memchr(field, ',', (size_t) (end - field));
    *p = comma ? comma : end;
    rc = trd_decimal_parse(field, (size_t) (*p - field), e8);

    return rc;
}


/* 0, or -1: no time in digits */

static int
bars_time(const char **p, const char *end, int64_t *ms)
{
    const char  *digit;

    *ms = 0;

    for (digit = *p; digit < end && *digit >= '0' && *digit <= '9'; digit++) {
        *ms = *ms * 10 + (*digit - '0');

        if (*ms > BARS_LAST_MS) {
            return -1;
        }
    }

    if (digit == *p) {
        return -1;
    }

    *p = digit;

    return 0;
}


static int
bars_read(const char *line, size_t len, replay_bar_t *bar)
{
    unsigned     i;
    trd_rc_t     rc;
    const char  *p, *end;
    int64_t     *value[BARS_FIELDS] = {
        &bar->open_e8, &bar->high_e8, &bar->low_e8, &bar->close_e8,
        &bar->volume_e8
    };

    p = line;
    end = line + len;

    if (bars_time(&p, end, &bar->open_ms) != 0) {
        return -1;
    }

    for (i = 0; i < BARS_FIELDS; i++) {
        rc = bars_field(&p, end, value[i]);

        if (rc == TRD_OVERFLOW && i == BARS_FIELDS - 1) {
            bar->volume_e8 = -1;

        } else if (rc != TRD_OK || *value[i] < 0) {
            return -1;
        }
    }

    return bar->low_e8 > 0 && bar->low_e8 <= bar->open_e8
           && bar->low_e8 <= bar->close_e8 && bar->high_e8 >= bar->open_e8
           && bar->high_e8 >= bar->close_e8 ? 0 : -1;
}


int
replay_bars_add(replay_bars_t *b, const char *line, size_t len)
{
    void          *more;
    int64_t        step;
    replay_bar_t   bar;

    while (len && (line[len - 1] == '\n' || line[len - 1] == '\r')) {
        len--;
    }

    if (len >= sizeof(BARS_NAMES) - 1
        && memcmp(line, BARS_NAMES, sizeof(BARS_NAMES) - 1) == 0)
    {
        return b->n == 0 ? 1 : -1;
    }

    if (bars_read(line, len, &bar) != 0) {
        return -1;
    }

    if (b->n) {
        step = bar.open_ms - b->bars[b->n - 1].open_ms;

        if (step <= 0) {
            return -1;
        }

        if (b->interval_ms == 0 || step < b->interval_ms) {
            b->interval_ms = step;
        }
    }

    if (b->n == b->room) {
        b->room = b->room ? 2 * b->room : 1024;
        more = realloc(b->bars, b->room * sizeof(replay_bar_t));

        if (more == NULL) {
            return -1;
        }

        b->bars = more;
    }

    b->bars[b->n++] = bar;

    return 0;
}


void
replay_bars_free(replay_bars_t *b)
{
    free(b->bars);
    memset(b, 0, sizeof(*b));
}


int
replay_bars_interval(const replay_bars_t *b)
{
    int  i;

    for (i = 0; i < TRD_INTERVALS; i++) {
        if (b->interval_ms
            && trd_interval_ms((unsigned) i) % b->interval_ms == 0)
        {
            return i;
        }
    }

    return -1;
}


static void
bars_candle(const replay_bar_t *bar, trd_candle_t *c)
{
    memset(c, 0, sizeof(*c));
    c->open_ms = bar->open_ms;
    c->open_e8 = bar->open_e8;
    c->high_e8 = bar->high_e8;
    c->low_e8 = bar->low_e8;
    c->close_e8 = bar->close_e8;
    c->volume_e8 = bar->volume_e8;
    c->flags = TRD_CANDLE_NO_QUOTE_VOLUME | TRD_CANDLE_NO_TRADES;

    if (bar->volume_e8 < 0) {
        c->volume_e8 = 0;
        c->flags |= TRD_CANDLE_NO_VOLUME;
    }
}


/* Does it begin at a multiple of its interval? */

static int
bars_aligned(const replay_bars_t *b, size_t i)
{
    return b->bars[i].open_ms % b->interval_ms == 0;
}


int
replay_bars_candle(const replay_bars_t *b, size_t i,
    replay_bars_candle_t *out)
{
    int            interval;
    size_t         k;
    int64_t        begin_ms, end_ms, some;
    trd_candle_t   one;

    interval = replay_bars_interval(b);

    if (interval < 0) {
        return 0;
    }

    out->interval = (unsigned) interval;
    begin_ms = trd_interval_start(out->interval, b->bars[i].open_ms);
    end_ms = begin_ms + trd_interval_ms(out->interval);

    /* the last one, or not yet, or not at all in this file */

    if (i + 1 < b->n ? b->bars[i + 1].open_ms < end_ms
                     : b->bars[i].open_ms + b->interval_ms < end_ms)
    {
        return 0;
    }

    out->hole = i + 1 < b->n && (!bars_aligned(b, i + 1)
                                 || b->bars[i + 1].open_ms
                                    >= 2 * end_ms - begin_ms);

    for (k = i; k > 0 && b->bars[k - 1].open_ms >= begin_ms; k--) {
        /* void */
    }

    for (some = 0; k <= i; k++) {
        if (!bars_aligned(b, k)) {
            continue;
        }

        if (some++ == 0) {
            bars_candle(&b->bars[k], &out->candle);
            out->candle.open_ms = begin_ms;

        } else {
            bars_candle(&b->bars[k], &one);
            trd_candle_fold(&out->candle, &one);
        }
    }

    if (some * b->interval_ms < end_ms - begin_ms) {
        out->candle.flags |= TRD_CANDLE_PARTIAL;
    }

    return some > 0;
}


void
replay_bars_quote(const replay_bars_t *b, size_t i, trd_update_t *u)
{
    int                  volumes;
    size_t               k;
    int64_t              since_ms, close_ms;
    const replay_bar_t  *bar = &b->bars[i];

    close_ms = bar->open_ms + b->interval_ms;
    since_ms = close_ms - BARS_DAY_MS;

    memset(u, 0, sizeof(*u));
    u->kind = TRD_UPDATE_QUOTE;
    u->has = TRD_HAS_LAST | TRD_HAS_TIME;
    u->last_e8 = bar->close_e8;
    u->exchange_ms = close_ms;

    if (b->bars[0].open_ms > since_ms || bar->open_ms < since_ms) {
        return;
    }

    u->has |= TRD_HAS_OPEN | TRD_HAS_HIGH | TRD_HAS_LOW;
    u->high_e8 = bar->high_e8;
    u->low_e8 = bar->low_e8;
    volumes = 1;

    for (k = i + 1; k > 0 && b->bars[k - 1].open_ms >= since_ms; k--) {
        bar = &b->bars[k - 1];
        u->open_e8 = bar->open_e8;
        u->high_e8 = bar->high_e8 > u->high_e8 ? bar->high_e8 : u->high_e8;
        u->low_e8 = bar->low_e8 < u->low_e8 ? bar->low_e8 : u->low_e8;

        volumes = volumes && bar->volume_e8 >= 0
                  && !__builtin_add_overflow(u->volume_e8, bar->volume_e8,
                                             &u->volume_e8);
    }

    if (volumes) {
        u->has |= TRD_HAS_VOLUME;

    } else {
        u->volume_e8 = 0;
        u->dropped = TRD_HAS_VOLUME;
    }
}
