/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Bars as quotes; replay_file.h says what a bar can give and what not.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay_bars.h"
#include "trd_decimal.h"

#define BARS_DAY_MS  86400000LL
#define BARS_LAST_MS 253402300799999LL          /* the year 9999 */
#define BARS_FIELDS  5


/* The next field after a comma, as a decimal. */

static trd_rc_t
bars_field(const char **p, int64_t *e8)
{
    size_t    len;
    trd_rc_t  rc;

    if (**p != ',') {
        return TRD_ERROR;
    }

    (*p)++;
    len = strcspn(*p, ",\r\n");
    rc = trd_decimal_parse(*p, len, e8);
    *p += len;

    return rc;
}


int
replay_bars_add(replay_bars_t *b, const char *line)
{
    char          *end;
    void          *more;
    int64_t        step;
    unsigned       i;
    trd_rc_t       rc;
    const char    *p;
    replay_bar_t   bar = { 0 };
    int64_t       *value[BARS_FIELDS] = {
        &bar.open_e8, &bar.high_e8, &bar.low_e8, &bar.close_e8, &bar.volume_e8
    };

    if (strncmp(line, "open_time_ms,", 13) == 0) {
        return b->n == 0 ? 1 : -1;
    }

    errno = 0;
    bar.open_ms = strtoll(line, &end, 10);

    if (errno || end == line || bar.open_ms < 0
        || bar.open_ms > BARS_LAST_MS)
    {
        return -1;
    }

    for (i = 0, p = end; i < BARS_FIELDS; i++) {
        rc = bars_field(&p, value[i]);

        if (rc == TRD_OVERFLOW && i == BARS_FIELDS - 1) {
            bar.volume_e8 = -1;

        } else if (rc != TRD_OK || *value[i] < 0) {
            return -1;
        }
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
