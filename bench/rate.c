/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Updates and pages a second of a live board, read from its header:
 *
 *     rate BOARD SECONDS
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "trd_board.h"
#include "trd_board_map.h"
#include "tsd_log.h"


static uint64_t
rate_updates(const trd_board_t *b)
{
    uint32_t  i;
    uint64_t  n;

    for (i = 0, n = 0; i < b->nsources; i++) {
        n += atomic_load(&b->sources[i].updates);
    }

    return n;
}


int
main(int argc, char **argv)
{
    int              err;
    double           s;
    int64_t          start;
    uint64_t         updates, pages;
    const char      *why;
    trd_file_id_t    id;
    trd_board_map_t  map;

    if (argc != 3 || atol(argv[2]) < 1) {
        (void) fprintf(stderr, "usage: rate BOARD SECONDS\n");
        return 2;
    }

    if (trd_board_map_open(&map, argv[1], &id, &why, &err) != TRD_OK) {
        (void) fprintf(stderr, "%s: %s\n", argv[1], why);
        return 1;
    }

    start = tsd_mono_us();
    updates = rate_updates(&map.board);
    pages = atomic_load(&map.board.header->pages_rendered);

    (void) usleep((useconds_t) atol(argv[2]) * 1000000);

    s = (double) (tsd_mono_us() - start) / 1e6;

    (void) printf("{\"updates_per_s\":%.0f,\"pages_per_s\":%.0f}\n",
                  (double) (rate_updates(&map.board) - updates) / s,
                  (double) (atomic_load(&map.board.header->pages_rendered)
                            - pages) / s);

    trd_board_map_close(&map);

    return 0;
}
