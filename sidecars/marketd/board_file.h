/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The board as a file: <run dir>/board, written as board.tmp and renamed when
 * it is complete, so that readers see the old board or the new one and
 * nothing in between.  A lock file makes sure that there is one writer.
 */

#ifndef MARKETD_BOARD_FILE_H
#define MARKETD_BOARD_FILE_H

#include "market.h"

typedef struct {
    char      path[4096];
    char      temp[4096 + 8];
    int       lock;             /* fd that holds the lock */
    void     *base;
    size_t    size;
    uint64_t  device, inode;
    uint64_t  statics_hash;     /* of what never changes */
    unsigned  checks;
    uint64_t  generation;
    uint64_t  last[2];          /* generations that the board before ours may
                                   have: the one that was published last, and
                                   one whose writer died on the way */
    uint64_t  reserved_seq;     /* kept in the lock file with the generation:
                                   no board of this run directory had a
                                   higher seq, so that seq goes on even if
                                   the board is lost or another's */
} board_file_t;

/* Takes the lock: from then on we are the one who writes here.  All: 0, or -1
   after logging why. */
int board_file_lock(board_file_t *f, const char *run_dir);

/*
 * Makes the file under its temporary name and lays the board out in it, with
 * room for m->map if there is one.  Quotes of the board that is there are
 * carried over after market_init() by board_file_carry().
 */
int board_file_create(board_file_t *f, market_t *m,
    const catalogue_t *catalogue, const char *catalogue_path,
    uint32_t capacity);
void board_file_carry(board_file_t *f, market_t *m);

int board_file_publish(board_file_t *f);

/* Is our board still the one under that name and whole, and, looked at every
   tenth time, unharmed where it never changes? */
int board_file_check(board_file_t *f, market_t *m);

void board_file_close(board_file_t *f);

#endif /* MARKETD_BOARD_FILE_H */
