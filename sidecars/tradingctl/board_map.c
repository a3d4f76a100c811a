/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Finds the board, maps it, and follows its name.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "board.h"
#include "tradingctl.h"

/* where packages keep it, and deploy.sh in the folder that it stands in */
#define BOARD_RUN_DIR     "/run/trading"
#define BOARD_DEPLOY_DIR  "var/run"


int
ctl_board_init(ctl_board_t *b, int *argc, char **argv)
{
    int          n;
    const char  *dir;

    memset(b, 0, sizeof(*b));
    b->map.file.slot = -1;
    b->rc = TRD_NOT_FOUND;
    dir = NULL;

    if (ctl_option(argc, argv, "run-dir", &dir)) {

        if (dir == NULL || *dir == '\0') {
            return ctl_usage(argv[0], "--run-dir needs a directory");
        }

    } else {
        dir = getenv("TRADING_RUN_DIR");

        if (dir == NULL || *dir == '\0') {
            dir = access(BOARD_RUN_DIR "/board", F_OK) != 0
                  && access(BOARD_DEPLOY_DIR "/board", F_OK) == 0
                  ? BOARD_DEPLOY_DIR : BOARD_RUN_DIR;
        }
    }

    n = snprintf(b->path, sizeof(b->path), "%s/board", dir);

    if (n < 0 || (size_t) n >= sizeof(b->path)) {
        return ctl_usage(argv[0], "the directory's name is too long");
    }

    if (trd_file_guard() != 0) {
        (void) fprintf(stderr, "tradingctl %s: no handler for SIGBUS\n",
                       argv[0]);
        return CTL_FAILED;
    }

    return CTL_OK;
}


static void
board_fault(ctl_board_t *b, trd_rc_t rc, const char *why, int err)
{
    trd_board_map_close(&b->map);
    b->rc = rc;
    (void) snprintf(b->why, sizeof(b->why), "%s%s%s", why, err ? ": " : "",
                    err ? strerror(err) : "");
}


int
ctl_board_follow(ctl_board_t *b)
{
    int             err, had;
    trd_rc_t        rc;
    const char     *why;
    trd_file_id_t   id;

    had = b->map.file.base != NULL;

    if (had && trd_board_map_lost(&b->map)) {
        board_fault(b, TRD_CORRUPT, "was truncated while mapped", 0);
    }

    switch (trd_board_map_check(&b->map, b->path, &id)) {

    case TRD_FILE_SAME:
        return 0;

    case TRD_FILE_SHRUNK:
        board_fault(b, TRD_CORRUPT, "was truncated while mapped", 0);
        return 1;

    case TRD_FILE_NONE:

        /* the mapping lives on without a name, and so may its writer */

        if (had && b->map.file.base) {
            (void) snprintf(b->why, sizeof(b->why), "the file was removed");
            return 0;
        }

        break;

    case TRD_FILE_OTHER:
        break;
    }

    trd_board_map_close(&b->map);
    why = "";
    rc = trd_board_map_open(&b->map, b->path, &id, &why, &err);

    if (rc != TRD_OK) {
        board_fault(b, rc, rc == TRD_NOT_FOUND ? "there is no board" : why,
                    rc == TRD_NOT_FOUND ? 0 : err);
        return had;
    }

    b->rc = TRD_OK;
    b->why[0] = '\0';

    return 1;
}


const trd_board_t *
ctl_board(const ctl_board_t *b)
{
    return b->map.file.base ? &b->map.board : NULL;
}


const char *
ctl_board_advice(const ctl_board_t *b)
{
    return b->rc == TRD_NOT_FOUND
           ? "marketd makes it: start it (./deploy.sh up), or say where it is "
             "with --run-dir DIR or TRADING_RUN_DIR"
           : "marketd makes a new one within a second; if not, see its log "
             "(./deploy.sh logs marketd)";
}


const trd_board_t *
ctl_board_open(ctl_board_t *b)
{
    (void) ctl_board_follow(b);

    if (b->map.file.base == NULL) {
        (void) fprintf(stderr, "tradingctl: %s: %s\n%s\n", b->path, b->why,
                       ctl_board_advice(b));
        return NULL;
    }

    return &b->map.board;
}


void
ctl_board_close(ctl_board_t *b)
{
    trd_board_map_close(&b->map);
}
