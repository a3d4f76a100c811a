/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Reads candles, trades or the order book of an instrument off a board, by
 * the readers' code alone, and prints them as JSON with numbers as they are
 * stored (e8):
 *
 *     readseries BOARD candles SYMBOL INTERVAL
 *     readseries BOARD trades SYMBOL
 *     readseries BOARD depth SYMBOL
 *
 * SYMBOL is ours or the exchange's.  Exit code 1: the board is wrong, 2: the
 * arguments are, 3: there is none, 4: it did not settle, try again.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trd_board_map.h"
#include "trd_board_series.h"


static int
read_code(trd_rc_t rc)
{
    return rc == TRD_NOT_FOUND ? 3 : rc == TRD_AGAIN ? 4 : 1;
}


static int
read_candles(const trd_board_t *b, uint32_t i, const char *name)
{
    int            interval;
    trd_rc_t       rc;
    uint32_t       k, n;
    trd_candle_t  *c;

    interval = trd_interval_find(name, strlen(name));
    c = calloc(b->candles + 1, sizeof(*c));

    if (interval < 0 || c == NULL) {
        free(c);
        return 2;
    }

    rc = trd_board_candles(b, i, (unsigned) interval, INT64_MAX, b->candles,
                           c, &n);

    if (rc != TRD_OK) {
        free(c);
        return read_code(rc);
    }

    (void) printf("[");

    for (k = 0; k < n; k++) {
        (void) printf("%s[%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64
                      ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRIu32
                      ",%" PRIu32 "]", k ? ",\n" : "", c[k].open_ms,
                      c[k].open_e8, c[k].high_e8, c[k].low_e8, c[k].close_e8,
                      c[k].volume_e8, c[k].quote_volume_e8, c[k].trades,
                      c[k].flags);
    }

    (void) printf("]\n");
    free(c);

    return 0;
}


static int
read_trades(const trd_board_t *b, uint32_t i)
{
    trd_rc_t      rc;
    uint32_t      k, n;
    uint64_t      missed;
    trd_trade_t  *t;

    t = calloc(b->trades + 1, sizeof(*t));
    if (t == NULL) {
        return 2;
    }

    rc = trd_board_trades(b, i, 0, b->trades, t, &n, &missed);

    if (rc != TRD_OK) {
        free(t);
        return read_code(rc);
    }

    (void) printf("[");

    for (k = 0; k < n; k++) {
        (void) printf("%s[%" PRIu64 ",%" PRId64 ",%" PRId64 ",%" PRId64
                      ",%" PRIu32 "]", k ? ",\n" : "", t[k].id,
                      t[k].price_e8, t[k].quantity_e8, t[k].exchange_ms,
                      t[k].flags);
    }

    (void) printf("]\n");
    free(t);

    return 0;
}


static void
read_levels(const char *name, const trd_level_t *l, uint32_t n)
{
    uint32_t  k;

    (void) printf(",\"%s\":[", name);

    for (k = 0; k < n; k++) {
        (void) printf("%s[%" PRId64 ",%" PRId64 "]", k ? "," : "",
                      l[k].price_e8, l[k].quantity_e8);
    }

    (void) printf("]");
}


static int
read_depth(const trd_board_t *b, uint32_t i)
{
    trd_rc_t           rc;
    trd_level_t       *buf;
    trd_board_book_t   book;

    buf = calloc(2 * (size_t) b->depth + 1, sizeof(*buf));
    if (buf == NULL) {
        return 2;
    }

    rc = trd_board_depth(b, i, b->depth, buf, 2 * (size_t) b->depth, &book);

    if (rc != TRD_OK) {
        free(buf);
        return read_code(rc);
    }

    (void) printf("{\"last_id\":%" PRIu64 ",\"exchange_ms\":%" PRId64
                  ",\"received_ms\":%" PRId64, book.last_id,
                  book.exchange_ms, book.received_ms);
    read_levels("bids", book.bids, book.nbids);
    read_levels("asks", book.asks, book.nasks);
    (void) printf("}\n");
    free(buf);

    return 0;
}


int
main(int argc, char **argv)
{
    int               rc, err;
    uint32_t          i;
    const char       *why;
    trd_file_id_t     id;
    trd_board_map_t   map;

    if (argc < 4) {
        return 2;
    }

    memset(&map, 0, sizeof(map));

    if (trd_board_map_open(&map, argv[1], &id, &why, &err) != TRD_OK) {
        return 1;
    }

    if (trd_board_find(&map.board, argv[3], strlen(argv[3]), &i) != TRD_OK) {
        rc = 3;

    } else if (strcmp(argv[2], "candles") == 0 && argc == 5) {
        rc = read_candles(&map.board, i, argv[4]);

    } else if (strcmp(argv[2], "trades") == 0) {
        rc = read_trades(&map.board, i);

    } else {
        rc = read_depth(&map.board, i);
    }

    trd_board_map_close(&map);

    return rc;
}
