/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Any bytes as a file to be replayed: each line as one of a feed, whose parts
 * must lie within it, and all of them as bars.  Bars that are taken give
 * candles in the order of time, each of them sane, that hold what the bars
 * say.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "replay_bars.h"
#include "replay_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


static void
check_within(const char *part, size_t n, const char *line, size_t len)
{
    check(part >= line && n <= len && part + n <= line + len);
}


static void
check_line(const char *line, size_t len)
{
    replay_line_t  out;

    replay_line_read(line, len, &out);

    if (out.kind == REPLAY_LINE_BAD || out.kind == REPLAY_LINE_ASIDE) {
        return;
    }

    check(out.kind == REPLAY_LINE_STREAM || out.kind == REPLAY_LINE_BOOK);
    check(out.ms >= 0 && out.ms <= 253402300799999);
    check(out.limit <= 5000);
    check_within(out.text, out.len, line, len);

    if (out.symbol) {
        check(out.kind == REPLAY_LINE_BOOK && out.symbol_len > 0);
        check_within(out.symbol, out.symbol_len, line, len);
    }
}


static void
check_bars(const replay_bars_t *b)
{
    size_t                 i;
    int64_t                newest;
    trd_update_t           u;
    const trd_candle_t    *c;
    const replay_bar_t    *bar;
    replay_bars_candle_t   out;

    c = &out.candle;
    newest = -1;

    for (i = 0; i < b->n; i++) {
        bar = &b->bars[i];
        check(i == 0 || bar->open_ms >= b->bars[i - 1].open_ms
                                        + b->interval_ms);
        check(bar->low_e8 > 0 && bar->low_e8 <= bar->high_e8);

        replay_bars_quote(b, i, &u);
        check(u.last_e8 == bar->close_e8);

        if (!replay_bars_candle(b, i, &out)) {
            continue;
        }

        check(out.interval < TRD_INTERVALS);
        check(c->open_ms % trd_interval_ms(out.interval) == 0);
        check(c->open_ms > newest && c->open_ms <= bar->open_ms);
        check(c->low_e8 > 0 && c->low_e8 <= c->open_e8
              && c->low_e8 <= c->close_e8 && c->high_e8 >= c->open_e8
              && c->high_e8 >= c->close_e8);
        check(c->volume_e8 >= 0);
        newest = c->open_ms;

        if (trd_interval_ms(out.interval) == b->interval_ms) {
            check(c->open_ms == bar->open_ms && c->open_e8 == bar->open_e8
                  && c->high_e8 == bar->high_e8 && c->low_e8 == bar->low_e8
                  && c->close_e8 == bar->close_e8
                  && !(c->flags & TRD_CANDLE_PARTIAL)
                  && ((c->flags & TRD_CANDLE_NO_VOLUME)
                      ? bar->volume_e8 < 0 : c->volume_e8 == bar->volume_e8));
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int             bars, rc;
    char           *line;
    size_t          at, n, was;
    replay_bars_t   b;
    const uint8_t  *end;

    memset(&b, 0, sizeof(b));
    bars = 1;

    for (at = 0; at < size; at += n) {
        end = memchr(data + at, '\n', size - at);
        n = end ? (size_t) (end - data) + 1 - at : size - at;

        /* nothing behind its end, for the sanitizers */
        line = malloc(n);
        memcpy(line, data + at, n);
        check_line(line, n);

        if (bars) {
            was = b.n;
            rc = replay_bars_add(&b, line, n);
            check(b.n == was + (rc == 0));
            bars = rc >= 0;
        }

        free(line);
    }

    check_bars(&b);
    replay_bars_free(&b);

    return 0;
}
