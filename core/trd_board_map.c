/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Board mappings: see trd_board_map.h.
 */

#include <string.h>

#include "trd_board_map.h"


trd_rc_t
trd_board_map_open(trd_board_map_t *m, const char *path, trd_file_id_t *id,
    const char **why, int *err)
{
    trd_rc_t  rc;

    memset(m, 0, sizeof(trd_board_map_t));

    rc = trd_file_map_open(&m->file, path, TRD_BOARD_HEADER_SIZE, id, why,
                           err);

    if (rc != TRD_OK) {
        return rc;
    }

    rc = trd_board_open(&m->board, m->file.base, m->file.size, why);

    if (rc == TRD_OK && trd_file_map_lost(&m->file)) {
        *why = "file was truncated while being read";
        rc = TRD_CORRUPT;
    }

    if (rc != TRD_OK) {
        trd_board_map_close(m);
    }

    return rc;
}


trd_file_t
trd_board_map_check(const trd_board_map_t *m, const char *path,
    trd_file_id_t *id)
{
    return trd_file_map_check(&m->file, path, id);
}


int
trd_board_map_lost(const trd_board_map_t *m)
{
    return trd_file_map_lost(&m->file);
}


void
trd_board_map_close(trd_board_map_t *m)
{
    trd_file_map_close(&m->file);
    memset(&m->board, 0, sizeof(m->board));
}
