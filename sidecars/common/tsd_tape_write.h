/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The writing end of the tape, used by tsd_tape.c's thread alone: makes
 * blocks of records and messages and files of blocks.
 */

#ifndef TSD_TAPE_WRITE_H
#define TSD_TAPE_WRITE_H

#include "tsd_tape.h"
#include "tsd_tape_file.h"

#define TSD_TAPE_ROWS      (64U << 10)      /* of a block: it is cut, */
#define TSD_TAPE_ROWS_MAX  (16U << 20)      /* ... but not within what one
                                               message brought */
#define TSD_TAPE_DIGESTS   8192
#define TSD_TAPE_RAW_ROOM  (2U << 20)       /* likewise */
#define TSD_TAPE_LEVEL     3                /* zstd's: see docs/tape.md for
                                               what others give */

typedef struct {
    tsd_tape_options_t   options;
    char                 dir[4096];
    int                  fd;                /* -1: no file is open */
    int                  raw_fd;
    char                 path[TSD_TAPE_PATH];
    char                 raw_path[TSD_TAPE_PATH];
    uint64_t             size;              /* of the file */
    uint64_t             raw_size;
    uint64_t             blocks;            /* in it */
    uint64_t             total;             /* of all files */
    uint64_t             ordinal;           /* of the last file */
    uint64_t             seq;               /* newest */
    uint64_t             message;           /* newest */
    uint64_t             digest;            /* of it */
    int64_t              latest_ms;         /* of all records on disk */

    trd_tape_codec_t     codec;
    trd_tape_memory_t   *memory;
    trd_tape_shape_t    *shapes;

    trd_tape_block_t     block;             /* being filled */
    trd_tape_out_t       out;
    uint8_t             *rows;
    size_t               rows_room;
    uint8_t             *digests;
    uint8_t             *raw;
    size_t               raw_len;
    size_t               raw_room;
    size_t               raw_limit;         /* of raw_len */
    uint32_t             raw_messages;
    uint8_t             *packed;
    size_t               packed_room;
    uint8_t             *raw_packed;
    size_t               raw_packed_room;
    ZSTD_CCtx           *zstd;
    tsd_sha_t            sha;               /* of records */
    tsd_sha_t            sha_message;
    tsd_sha_t            sha_raw;           /* runs over a block */

    uint8_t              chain[TRD_TAPE_HASH];      /* with the open block */
    uint8_t              kept[TRD_TAPE_HASH];       /* as on disk */
    uint8_t              raw_chain[TRD_TAPE_HASH];  /* as on disk */

    uint64_t             lost;              /* not yet on the tape */
    tsd_tape_stats_t     stats;
    int                  failing;           /* was logged */
} tsd_tape_write_t;

/* 0, or -1 after logging */
int tsd_tape_write_init(tsd_tape_write_t *w,
    const tsd_tape_options_t *options);
void tsd_tape_write_free(tsd_tape_write_t *w);

/* Goes on from what the directory holds, torn tails cut off. */
int tsd_tape_recover(tsd_tape_write_t *w);

/* chain, raw_chain, seq and message were set: begin a block with them */
void tsd_tape_write_reset(tsd_tape_write_t *w);

void tsd_tape_write_message(tsd_tape_write_t *w, const tsd_tape_message_t *m,
    const uint8_t *data);
void tsd_tape_write_record(tsd_tape_write_t *w, trd_tape_record_t *r);

/* Says at the end what was lost, if nothing more comes before which it would
   be said. */
void tsd_tape_write_lost(tsd_tape_write_t *w);

/* Writes the block that is being filled, if there is anything in it. */
void tsd_tape_write_block(tsd_tape_write_t *w);

/* ---- tsd_tape_segment.c */

/* A new pair of files, whose first record's seq is known.  0, or -1 */
int tsd_tape_write_begin(tsd_tape_write_t *w);

/* So many bytes more will not pass the bound: the oldest pairs go, if they
   must.  0, or -1: they would even so. */
int tsd_tape_make_room(tsd_tape_write_t *w, uint64_t more);

/* Raw files that are older than all files of records: a crash left them. */
void tsd_tape_remove_orphans(tsd_tape_write_t *w);

/* Ends the files, waits for the disk, and logs the head of the chain. */
void tsd_tape_write_end(tsd_tape_write_t *w);

/* Logs errno's reason, once until something works again. */
void tsd_tape_failed(tsd_tape_write_t *w, const char *what, const char *path);

/* all of it; 0, or -1 with errno */
int tsd_tape_write_all(int fd, const void *data, size_t len);

/* makes room in a buffer; 0, or -1 */
int tsd_tape_room(uint8_t **buf, size_t *room, size_t len);

#endif /* TSD_TAPE_WRITE_H */
