/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Names of any bytes: the board's look-up must find exactly what a search
 * through all aliases finds.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../unit/board_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static const char *const  names[][4] = {
    { "BTC", "BTCUSDT", "BTC", "USDT" },
    { "ETH", "ETHUSDT", "ETH", "USDT" },
    { "USD", "USDBTC", "USD", "BTC" },
    { "EUR/USD", "EURUSD", "EUR", "USD" },
    { "XAU/USD", "XAUUSD", "XAU", "USD" },
    { "A", "AA", "A", "A" },
    { "A.B_C", "1INCHUSDT", "1INCH", "USDT" },
    { "ABCDEFGHIJKLMNOPQRSTUVWX", "BCDEFGHIJKLMNOPQRSTUVWXY",
      "CDEFGHIJKLMNOPQRSTUVWXYZ", "DEFGHIJKLMNOPQRSTUVWXYZ0" }
};

#define NAMES  (sizeof(names) / sizeof(names[0]))


static void
setup(board_fixture_t *f)
{
    uint32_t     i, a, b;
    const char  *why;

    board_fixture_create(f, NAMES, 64);
    memset(f->mem, 0, f->size);

    for (i = 0; i < NAMES; i++) {
        strcpy(f->in[i].symbol, names[i][0]);
        strcpy(f->in[i].exchange_symbol, names[i][1]);
        strcpy(f->in[i].base, names[i][2]);
        strcpy(f->in[i].quote, names[i][3]);
    }

    if (trd_board_create(&f->w, f->mem, f->size, &f->shape, f->in, NAMES, 1,
                         0, 0, 0, &a, &b) != TRD_OK
        || trd_board_open(&f->b, f->mem, f->size, &why) != TRD_OK)
    {
        abort();
    }
}


/* strncasecmp() of the C locale folds ASCII letters and stops at NUL */
static int
same(const char *name, const char *s, size_t len)
{
    return memchr(s, '\0', len) == NULL && strlen(name) == len
           && strncasecmp(name, s, len) == 0;
}


static int
search(const char *s, size_t len)
{
    char      pair[64];
    uint32_t  i, k;

    for (i = 0; i < NAMES; i++) {
        for (k = 0; k < 4; k++) {
            if (k >= 2) {
                (void) snprintf(pair, sizeof(pair), "%s%c%s", names[i][2],
                                k == 2 ? '-' : '/', names[i][3]);
            }

            if (same(k < 2 ? names[i][k] : pair, s, len)) {
                return (int) i;
            }
        }
    }

    return -1;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static board_fixture_t  f;

    int         want;
    char       *name;
    uint32_t    found;
    trd_rc_t    rc;

    if (f.mem == NULL) {
        setup(&f);
    }

    name = malloc(size ? size : 1);

    if (size) {
        memcpy(name, data, size);
    }

    want = search(name, size);
    rc = trd_board_find(&f.b, name, size, &found);

    if (want == -1 ? rc != TRD_NOT_FOUND
                   : rc != TRD_OK || found != (uint32_t) want)
    {
        (void) fprintf(stderr, "rc %d instead of instrument %d\n", (int) rc,
                       want);
        abort();
    }

    free(name);

    return 0;
}
