/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The frame of tape and raw files: a head for the file, a dictionary of
 * instruments, and blocks, each with its own head.  docs/tape.md has the
 * layout.  Everything is little endian and at fixed places; every byte of a
 * file stands under one of the checksums made here (XXH3), which find
 * accidents.  The chains, which find intent, are SHA-256 and the caller's.
 * Pure: bytes in and out of the caller's memory.
 */

#ifndef TRD_TAPE_BLOCK_H
#define TRD_TAPE_BLOCK_H

#include "trd_tape.h"

#define TRD_TAPE_VERSION       3
#define TRD_TAPE_HASH          32       /* bytes of a SHA-256 */
#define TRD_TAPE_HEAD_SIZE     176
#define TRD_TAPE_BLOCK_SIZE    168
#define TRD_TAPE_PLAIN_MAX     (64U << 20)
#define TRD_TAPE_INSTRUMENTS   65536
#define TRD_TAPE_ENTRY_MAX     160      /* of the dictionary, packed */

typedef enum {
    TRD_TAPE_RECORDS = 0,       /* tape-*.trt */
    TRD_TAPE_RAW                /* raw-*.trr */
} trd_tape_file_t;

typedef struct {
    trd_tape_file_t  type;
    uint32_t         version;           /* as read; ours is written */
    uint32_t         instruments;       /* in the dictionary */
    uint64_t         ordinal;           /* of the file, from 1 */
    uint64_t         first_seq;
    int64_t          created_ms;
    uint32_t         max_jump_bp;       /* trd_limits_t of the judge */
    uint32_t         max_future_ms;
    uint32_t         stored_len;        /* of the dictionary */
    uint32_t         plain_len;
    int64_t          latest_ms;         /* of all records before this file:
                                           the clock may go back */
    uint8_t          chain[TRD_TAPE_HASH];      /* before this file */
    uint8_t          raw_chain[TRD_TAPE_HASH];
    uint8_t          dictionary[TRD_TAPE_HASH]; /* SHA-256 of it, unpacked */
} trd_tape_head_t;

typedef struct {
    trd_tape_file_t  type;
    uint32_t         stored_len;        /* of the rows, compressed; their
                                           digests follow, 8 bytes each */
    uint32_t         plain_len;
    uint32_t         records;
    uint32_t         updates;           /* records that are updates */
    uint32_t         digests;
    uint64_t         first_seq;         /* of the board: first record's, */
    uint64_t         last_seq;          /* last record's */
    int64_t          first_ms;
    int64_t          last_ms;
    uint64_t         first_message;     /* raw messages up to and with this */
    uint64_t         last_message;      /* block; 0 = none */
    int64_t          latest_ms;         /* of all records up to here */
    uint8_t          chain[TRD_TAPE_HASH];      /* after this block */
    uint8_t          raw_chain[TRD_TAPE_HASH];
} trd_tape_block_t;

/* the hash of what follows a head, for the two functions after it */
uint64_t trd_tape_hash(const void *data, size_t len);

/* rest: trd_tape_hash() of the stored dictionary, or of rows and digests */
void trd_tape_head_write(const trd_tape_head_t *h, uint64_t rest,
    uint8_t out[TRD_TAPE_HEAD_SIZE]);
void trd_tape_block_write(const trd_tape_block_t *b, uint64_t rest,
    uint8_t out[TRD_TAPE_BLOCK_SIZE]);

/*
 * TRD_ERROR: no such head (magic, checksum or bounds).  TRD_IGNORED: a sound
 * one of another version; type and version are set.  *rest is
 * what trd_tape_hash() of the following bytes must give; their number is
 * bounded by TRD_TAPE_PLAIN_MAX.
 */
trd_rc_t trd_tape_head_read(const uint8_t in[TRD_TAPE_HEAD_SIZE],
    trd_tape_head_t *h, uint64_t *rest) TRD_MUST_CHECK;
trd_rc_t trd_tape_block_read(const uint8_t in[TRD_TAPE_BLOCK_SIZE],
    trd_tape_block_t *b, uint64_t *rest) TRD_MUST_CHECK;

/* bytes that follow the head of a block */
size_t trd_tape_block_rest(const trd_tape_block_t *b);

/* An instrument as the dictionary has it: what decoding and judging need. */
size_t trd_tape_entry_write(const trd_instrument_t *in,
    uint8_t out[TRD_TAPE_ENTRY_MAX]);

/* Reads one and moves *pos.  TRD_ERROR: not an entry. */
trd_rc_t trd_tape_entry_read(const uint8_t **pos, const uint8_t *end,
    trd_instrument_t *in) TRD_MUST_CHECK;

#endif /* TRD_TAPE_BLOCK_H */
