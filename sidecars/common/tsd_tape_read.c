/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The reading end of the tape: records of all files in order.  What is
 * handed out has passed the checksums of its block; with `verify` also the
 * block's counts and the chain, which is why a block is checked whole before
 * its first record is handed out.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tsd_tape.h"
#include "tsd_tape_file.h"

struct tsd_tape_reader_s {
    tsd_tape_list_t     files;
    size_t              next;           /* file */
    int                 open;
    int                 verify;
    tsd_tape_walk_t     walk;
    trd_instrument_t   *instruments;
    trd_tape_memory_t  *memory;
    trd_tape_shape_t   *shapes;
    trd_tape_codec_t    codec;
    trd_tape_in_t       in;
    tsd_sha_t           sha;
    uint64_t            in_block;       /* records handed out of it */
    uint64_t            ordinal;
    uint8_t             chain[TRD_TAPE_HASH];
    uint8_t             raw_chain[TRD_TAPE_HASH];
    int64_t             latest_ms;
    uint64_t            counted;
    tsd_tape_at_t       at;
};


tsd_tape_reader_t *
tsd_tape_open(const char *path, int verify, const char **why)
{
    size_t              i;
    struct stat         st;
    tsd_tape_reader_t  *r;

    *why = "no memory";
    r = calloc(1, sizeof(*r));

    if (r == NULL) {
        return NULL;
    }

    r->walk.fd = -1;
    r->verify = verify;
    r->shapes = calloc(TRD_TAPE_SHAPES, sizeof(*r->shapes));

    if (r->shapes == NULL || tsd_sha_init(&r->sha) != 0) {
        tsd_tape_reader_free(r);
        return NULL;
    }

    if (tsd_tape_list(&r->files, path, TRD_TAPE_RECORDS) != 0) {
        *why = errno == ENOENT ? "there is no such file or directory"
                               : "cannot be read";
        tsd_tape_reader_free(r);
        return NULL;
    }

    for (i = 0; i < r->files.n; i++) {
        r->at.total += stat(r->files.paths[i], &st) == 0
                       ? (uint64_t) st.st_size : 0;
    }

    r->at.chain = r->chain;
    r->at.raw_chain = r->raw_chain;
    r->at.raw_before = r->walk.head.raw_chain;

    return r;
}


static void
tape_close(tsd_tape_reader_t *r)
{
    if (r->open) {
        r->counted += r->walk.size;
        r->open = 0;
    }

    tsd_tape_walk_close(&r->walk);
}


/* instruments stay until the next file, since callers look at them */

static void
tape_forget(tsd_tape_reader_t *r)
{
    free(r->instruments);
    free(r->memory);
    r->instruments = NULL;
    r->memory = NULL;
    r->at.instruments = NULL;
    r->at.n = 0;
}


void
tsd_tape_reader_free(tsd_tape_reader_t *r)
{
    if (r == NULL) {
        return;
    }

    tape_close(r);
    tape_forget(r);
    tsd_tape_list_free(&r->files);
    tsd_sha_free(&r->sha);
    free(r->shapes);
    free(r);
}


void
tsd_tape_seek(tsd_tape_reader_t *r, uint64_t seq, int64_t ms)
{
    int              before;
    size_t           i;
    tsd_tape_walk_t  walk;

    /* the last file before which there is nothing that is asked for */

    for (i = 1; i < r->files.n; i++) {
        before = tsd_tape_walk_open(&walk, r->files.paths[i]) == TRD_OK
                 && ((seq && walk.head.first_seq <= seq)
                     || (ms && walk.head.latest_ms < ms));
        tsd_tape_walk_close(&walk);

        if (!before) {
            break;
        }

        r->next = i;
    }
}


static trd_rc_t
tape_corrupt(tsd_tape_reader_t *r, const char *why)
{
    r->at.why = why;

    return TRD_CORRUPT;
}


/* The codec of a file, its steps from the dictionary. */

static trd_rc_t
tape_begin(tsd_tape_reader_t *r)
{
    uint32_t                 i, n;
    const trd_instrument_t  *in;

    tape_forget(r);
    n = r->walk.head.instruments;
    r->instruments = tsd_tape_walk_instruments(&r->walk);
    r->memory = calloc((size_t) n + 1, sizeof(*r->memory));

    if (r->instruments == NULL || r->memory == NULL) {
        return tape_corrupt(r, "has a malformed dictionary");
    }

    for (i = 0; i < n; i++) {
        in = &r->instruments[i];
        r->memory[i].tick_e8 = in->price_tick_e8 > 0 ? in->price_tick_e8 : 1;
        r->memory[i].lot_e8 = in->lot_step_e8 > 0 ? in->lot_step_e8 : 1;
    }

    trd_tape_codec_init(&r->codec, r->memory, n, r->shapes);
    r->at.instruments = r->instruments;
    r->at.n = n;
    r->at.limits.max_jump_bp = r->walk.head.max_jump_bp;
    r->at.limits.max_future_ms = r->walk.head.max_future_ms;

    return TRD_OK;
}


/* The next file; it must go on from the one before. */

static trd_rc_t
tape_next_file(tsd_tape_reader_t *r)
{
    uint8_t           hash[TRD_TAPE_HASH];
    trd_tape_head_t  *h = &r->walk.head;

    if (r->next == r->files.n) {
        return TRD_NOT_FOUND;
    }

    r->at.path = r->files.paths[r->next++];

    if (tsd_tape_walk_open(&r->walk, r->at.path) != TRD_OK) {

        /* the newest may just be being made, or a crash left it so */
        if (r->next == r->files.n && r->walk.fd != -1
            && r->walk.size < TRD_TAPE_HEAD_SIZE + h->stored_len)
        {
            r->at.torn = r->walk.size;
            r->at.headless = 1;
            return TRD_NOT_FOUND;
        }

        return tape_corrupt(r, r->walk.why);
    }

    r->open = 1;
    r->at.files++;

    if (h->type != TRD_TAPE_RECORDS) {
        return tape_corrupt(r, "holds raw messages, not records");
    }

    if (r->at.files > 1
        && (h->ordinal != r->ordinal + 1
            || h->latest_ms != r->latest_ms
            || memcmp(h->chain, r->chain, TRD_TAPE_HASH) != 0
            || memcmp(h->raw_chain, r->raw_chain, TRD_TAPE_HASH) != 0))
    {
        return tape_corrupt(r, "does not go on from the file before it");
    }

    if (r->verify) {
        tsd_sha_begin(&r->sha);
        tsd_sha_add(&r->sha, r->walk.dictionary, h->plain_len);
        tsd_sha_end(&r->sha, hash);

        if (memcmp(hash, h->dictionary, TRD_TAPE_HASH) != 0) {
            return tape_corrupt(r, "has a dictionary that was changed");
        }
    }

    r->ordinal = r->at.ordinal = h->ordinal;
    r->latest_ms = h->latest_ms;
    memcpy(r->chain, h->chain, TRD_TAPE_HASH);
    memcpy(r->raw_chain, h->raw_chain, TRD_TAPE_HASH);
    tsd_tape_chain_head(&r->sha, r->chain, h);

    return tape_begin(r);
}


static void
tape_in(tsd_tape_reader_t *r, trd_tape_in_t *in)
{
    const trd_tape_block_t  *b = &r->walk.block;

    in->pos = r->walk.plain;
    in->end = in->pos + b->plain_len;
    in->digests = r->walk.digests;
    in->digests_end = in->digests + 8 * (size_t) b->digests;
}


/*
 * A block's counts and chain against its records.  They are read twice, with
 * the codec put back in between; memory is copied, since rows change it.
 */

static trd_rc_t
tape_verify_block(tsd_tape_reader_t *r)
{
    uint8_t                  chain[TRD_TAPE_HASH];
    int64_t                  latest_ms;
    uint32_t                 records, updates;
    trd_rc_t                 rc;
    trd_tape_in_t            in;
    trd_tape_codec_t         codec;
    trd_tape_memory_t       *memory;
    trd_tape_record_t        record, first;
    const trd_tape_block_t  *b = &r->walk.block;

    memory = malloc(((size_t) r->codec.n + 1) * sizeof(*memory));
    if (memory == NULL) {
        return tape_corrupt(r, "cannot be read: no memory");
    }

    memcpy(memory, r->memory, (size_t) r->codec.n * sizeof(*memory));
    memcpy(chain, r->chain, TRD_TAPE_HASH);
    memset(&record, 0, sizeof(record));
    memset(&first, 0, sizeof(first));
    codec = r->codec;
    codec.memory = memory;
    records = updates = 0;
    latest_ms = r->latest_ms;
    tape_in(r, &in);

    while ((rc = trd_tape_decode(&codec, &in, &record)) == TRD_OK) {
        first = records == 0 ? record : first;
        records++;
        updates += record.op == TRD_TAPE_UPDATE;
        latest_ms = record.received_ms > latest_ms ? record.received_ms
                                                   : latest_ms;
        tsd_tape_chain(&r->sha, chain, &record);
    }

    free(memory);

    if (rc != TRD_NOT_FOUND) {
        return tape_corrupt(r, "has a malformed row");
    }

    if (records != b->records || updates != b->updates
        || latest_ms != b->latest_ms
        || (records && (first.seq != b->first_seq
                        || first.received_ms != b->first_ms
                        || codec.seq != b->last_seq
                        || codec.ms != b->last_ms)))
    {
        return tape_corrupt(r, "has a block whose head does not fit it");
    }

    if (memcmp(chain, b->chain, TRD_TAPE_HASH) != 0) {
        return tape_corrupt(r, "breaks the chain");
    }

    return TRD_OK;
}


static trd_rc_t
tape_next_block(tsd_tape_reader_t *r)
{
    trd_rc_t  rc;

    rc = r->open ? tsd_tape_walk_next(&r->walk) : TRD_NOT_FOUND;

    if (rc == TRD_AGAIN && r->next == r->files.n) {
        r->at.torn = r->walk.size - r->walk.at;
        tape_close(r);
        return TRD_NOT_FOUND;
    }

    if (rc == TRD_NOT_FOUND) {
        tape_close(r);
        rc = tape_next_file(r);
        return rc == TRD_OK ? tape_next_block(r) : rc;
    }

    if (rc != TRD_OK) {
        return tape_corrupt(r, r->walk.why);
    }

    r->at.blocks++;
    r->at.bytes = r->counted + r->walk.at;
    r->in_block = 0;
    tape_in(r, &r->in);

    /* shapes only grow, so what the check adds the reading finds again */
    return r->verify ? tape_verify_block(r) : TRD_OK;
}


trd_rc_t
tsd_tape_read(tsd_tape_reader_t *r, trd_tape_record_t *record)
{
    trd_rc_t  rc;

    if (r->at.why) {
        return TRD_CORRUPT;
    }

    r->at.block_end = 0;

    while (!r->open || r->in.pos == r->in.end) {
        rc = tape_next_block(r);

        if (rc != TRD_OK) {
            return rc;
        }

        memcpy(r->raw_chain, r->walk.block.raw_chain, TRD_TAPE_HASH);
        memcpy(r->chain, r->walk.block.chain, TRD_TAPE_HASH);
        r->latest_ms = r->walk.block.latest_ms;
        r->at.last_message = r->walk.block.last_message;
    }

    rc = trd_tape_decode(&r->codec, &r->in, record);

    if (rc != TRD_OK) {
        return tape_corrupt(r, "has a malformed row");
    }

    r->at.records++;
    r->at.updates += record->op == TRD_TAPE_UPDATE;
    r->at.lost += record->op == TRD_TAPE_GAP ? record->update.id : 0;
    r->at.block_end = r->in.pos == r->in.end;

    return TRD_OK;
}


void
tsd_tape_at(const tsd_tape_reader_t *r, tsd_tape_at_t *at)
{
    *at = r->at;
}
