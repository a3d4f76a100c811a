/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Maps a board file read-only and checks it; see trd_file_map.h.
 */

#ifndef TRD_BOARD_MAP_H
#define TRD_BOARD_MAP_H

#include "trd_board.h"
#include "trd_file_map.h"

typedef struct {
    trd_board_t     board;
    trd_file_map_t  file;       /* file.base NULL: not mapped */
} trd_board_map_t;

/* As trd_file_map_open(); TRD_CORRUPT, too, if it is no board. */
trd_rc_t trd_board_map_open(trd_board_map_t *m, const char *path,
    trd_file_id_t *id, const char **why, int *err) TRD_MUST_CHECK;

trd_file_t trd_board_map_check(const trd_board_map_t *m, const char *path,
    trd_file_id_t *id);
int trd_board_map_lost(const trd_board_map_t *m);
void trd_board_map_close(trd_board_map_t *m);

#endif /* TRD_BOARD_MAP_H */
