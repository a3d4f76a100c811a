/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What writer and reader of the tape share: names of files, compression,
 * SHA-256, and a walk over the checked blocks of files.
 */

#ifndef TSD_TAPE_FILE_H
#define TSD_TAPE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <zstd.h>

#include "trd_tape_block.h"

#define TSD_TAPE_PATH  4200

/* names in order: of first seq, then of their making */
typedef struct {
    char    **paths;
    size_t    n;
} tsd_tape_list_t;

/*
 * The files of a type in a directory, or the one that path is.  0, or -1 with
 * errno; an empty list is none.
 */
int tsd_tape_list(tsd_tape_list_t *list, const char *path,
    trd_tape_file_t type);
void tsd_tape_list_free(tsd_tape_list_t *list);

/* "tape-<seq>.trt" or "raw-<seq>.trr", again > 0 with "_<again>" */
void tsd_tape_name(char *buf, size_t size, const char *dir,
    trd_tape_file_t type, uint64_t first_seq, unsigned again);

/* SHA-256 in pieces; begin once more after end */
typedef struct {
    EVP_MD_CTX  *ctx;
    EVP_MD      *md;
} tsd_sha_t;

int tsd_sha_init(tsd_sha_t *s);         /* 0, or -1 */
void tsd_sha_free(tsd_sha_t *s);
void tsd_sha_begin(tsd_sha_t *s);
void tsd_sha_add(tsd_sha_t *s, const void *data, size_t len);
void tsd_sha_end(tsd_sha_t *s, uint8_t out[TRD_TAPE_HASH]);

/* the chain after a record: H(chain || digest || canonical bytes) */
void tsd_tape_chain(tsd_sha_t *s, uint8_t chain[TRD_TAPE_HASH],
    const trd_tape_record_t *r);

/* the chain after the head of a file: H(chain || dictionary || limits) */
void tsd_tape_chain_head(tsd_sha_t *s, uint8_t chain[TRD_TAPE_HASH],
    const trd_tape_head_t *h);

/* the first eight bytes of a SHA-256 as records carry them; never 0 */
uint64_t tsd_tape_digest(const uint8_t hash[TRD_TAPE_HASH]);

/*
 * A walk over the blocks of one file.  What next gives has passed every
 * checksum; memory is the walk's, until the next call.
 */
typedef struct {
    int               fd;
    uint64_t          at;           /* of the next block */
    uint64_t          size;
    trd_tape_head_t   head;
    uint8_t          *dictionary;   /* head.plain_len bytes */
    trd_tape_block_t  block;
    uint8_t          *plain;        /* block.plain_len bytes */
    uint8_t          *digests;      /* 8 * block.digests bytes, in stored */
    uint8_t          *stored;
    size_t            plain_room;
    size_t            stored_room;
    ZSTD_DCtx        *zstd;
    const char       *why;          /* of TRD_ERROR; static, or `text` */
    char              text[96];
} tsd_tape_walk_t;

/* TRD_OK, or TRD_ERROR: no such file, or it has no sound head, or one of
   another version. */
trd_rc_t tsd_tape_walk_open(tsd_tape_walk_t *w, const char *path);
void tsd_tape_walk_close(tsd_tape_walk_t *w);

/*
 * TRD_OK, TRD_NOT_FOUND at the end, TRD_AGAIN if the file ends within a
 * block (a torn tail), TRD_ERROR if a block is damaged and others follow.
 */
trd_rc_t tsd_tape_walk_next(tsd_tape_walk_t *w);

/* instruments of the dictionary, allocated; NULL: malformed or no memory */
trd_instrument_t *tsd_tape_walk_instruments(const tsd_tape_walk_t *w);

/* the head of a raw message in a raw block; its bytes follow */
#define TSD_TAPE_MESSAGE_SIZE  32

typedef struct {
    uint32_t  len;
    uint16_t  decoder;          /* tsd_tape_decoder_t */
    uint16_t  source;           /* trd_source_t */
    uint64_t  number;
    int64_t   received_ms;
    uint32_t  instrument;       /* these two as in tsd_tape_origin_t */
    uint32_t  option;
} tsd_tape_message_t;

/* the head as it stands in the file, and in the chain of messages */
void tsd_tape_message_head(const tsd_tape_message_t *m,
    uint8_t out[TSD_TAPE_MESSAGE_SIZE]);

#endif /* TSD_TAPE_FILE_H */
