/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Any bytes as the history file of a polled source, as they are and with the
 * last line that they would need: a hash keeps all but a few bytes out, and
 * must not be what the reader relies on.  Rows that are taken can be asked for
 * a day.
 */

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "history.h"
#include "quiet_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const  symbols[] = { "EURUSD", "GBPUSD", "USDJPY" };


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


static void
check_history(history_t *h, const char *text, size_t len)
{
    int            rc;
    uint32_t       i;
    history_day_t  day;

    rc = history_parse(h, text, len);
    check(rc == 0 || (rc == -1 && history_rows(h) == 0));
    check(history_rows(h) <= HISTORY_ROWS);

    for (i = 0; i < 3; i++) {
        history_day(h, i, 1420636200000 + HISTORY_DAY_MS, 118310000,
                    3600000, &day);
        check(day.open_e8 >= 0 && day.high_e8 >= 0 && day.low_e8 >= 0);
        check(day.high_e8 == 0 || (day.low_e8 > 0 && day.open_e8
                                   && day.high_e8 >= day.low_e8));
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int         n;
    char       *text;
    size_t      i;
    unsigned    lines;
    history_t  *h;

    h = history_create("forex", symbols, 3);
    check(h != NULL);

    if (size) {
        check_history(h, (const char *) data, size);
        history_close(h);
        h = history_create("forex", symbols, 3);
        check(h != NULL);
    }

    text = malloc(size + 128);

    if (size) {
        memcpy(text, data, size);
    }

    if (size == 0 || text[size - 1] != '\n') {
        text[size++] = '\n';
    }

    for (i = 0, lines = 0; i < size; i++) {
        lines += text[i] == '\n';
    }

    n = snprintf(text + size, 100, "end %u %016" PRIx64 "\n",
                 lines > 2 ? lines - 2 : 0,
                 (uint64_t) XXH3_64bits(text, size));
    check(n > 0);
    check_history(h, text, size + (size_t) n);
    free(text);
    history_close(h);

    return 0;
}
