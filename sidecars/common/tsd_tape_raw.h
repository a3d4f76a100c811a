/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Raw messages of all raw files in order, checked against their chain.
 */

#ifndef TSD_TAPE_RAW_H
#define TSD_TAPE_RAW_H

#include "tsd_tape_file.h"

typedef struct {
    tsd_tape_list_t     files;
    size_t              next;
    int                 open;
    int                 pending;            /* the walk is of a later file */
    int                 torn;               /* the last ends within a block */
    uint64_t            first;              /* ordinal; before it are orphans */
    tsd_tape_walk_t     walk;
    const uint8_t      *pos;
    const uint8_t      *end;
    tsd_sha_t           sha;
    tsd_sha_t           sha_block;
    uint8_t             chain[TRD_TAPE_HASH];
    int                 chained;            /* a file was read */
    uint64_t            ordinal;
    const char         *path;
    const char         *why;

    tsd_tape_message_t  message;            /* the newest */
    const char         *data;
    uint64_t            digest;
} tsd_tape_raw_t;

/* 0, or -1 with errno */
int tsd_tape_raw_open(tsd_tape_raw_t *r, const char *path);
void tsd_tape_raw_close(tsd_tape_raw_t *r);

/*
 * The next message, up to a number, of files up to an ordinal.  TRD_NOT_FOUND
 * at the end, TRD_AGAIN if the next is beyond, TRD_CORRUPT (see why).  data
 * is valid until the next call.  When the last message of a block was read,
 * `chain` is the raw chain after it.
 */
trd_rc_t tsd_tape_raw_read(tsd_tape_raw_t *r, uint64_t number,
    uint64_t ordinal) TRD_MUST_CHECK;

#endif /* TSD_TAPE_RAW_H */
