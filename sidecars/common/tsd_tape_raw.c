/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Reads raw messages of the tape; tsd_tape_raw.h says how.
 */

#include <string.h>

#include "tsd_tape_raw.h"


int
tsd_tape_raw_open(tsd_tape_raw_t *r, const char *path)
{
    memset(r, 0, sizeof(*r));
    r->walk.fd = -1;

    if (tsd_sha_init(&r->sha) != 0 || tsd_sha_init(&r->sha_block) != 0
        || tsd_tape_list(&r->files, path, TRD_TAPE_RAW) != 0)
    {
        tsd_tape_raw_close(r);
        return -1;
    }

    return 0;
}


void
tsd_tape_raw_close(tsd_tape_raw_t *r)
{
    tsd_tape_walk_close(&r->walk);
    tsd_tape_list_free(&r->files);
    tsd_sha_free(&r->sha);
    tsd_sha_free(&r->sha_block);
    r->open = 0;
}


static trd_rc_t
raw_corrupt(tsd_tape_raw_t *r, const char *why)
{
    r->why = why;

    return TRD_CORRUPT;
}


static trd_rc_t
raw_open(tsd_tape_raw_t *r)
{
    const trd_tape_head_t  *h = &r->walk.head;

    do {
        tsd_tape_walk_close(&r->walk);
        r->open = 0;

        if (r->next == r->files.n) {
            return TRD_NOT_FOUND;
        }

        r->path = r->files.paths[r->next++];

        if (tsd_tape_walk_open(&r->walk, r->path) != TRD_OK) {

            /* being made, or left so by a crash */
            if (r->next == r->files.n && r->walk.fd != -1
                && r->walk.size < TRD_TAPE_HEAD_SIZE)
            {
                r->torn = 1;
                return TRD_NOT_FOUND;
            }

            return raw_corrupt(r, r->walk.why);
        }

        if (h->type != TRD_TAPE_RAW) {
            return raw_corrupt(r, "has no sound head");
        }

        /* records are deleted first: messages without any claim nothing */
    } while (h->ordinal < r->first);

    r->pending = 1;

    return TRD_OK;
}


static trd_rc_t
raw_next_file(tsd_tape_raw_t *r, uint64_t ordinal)
{
    trd_rc_t                rc;
    const trd_tape_head_t  *h = &r->walk.head;

    rc = r->pending ? TRD_OK : raw_open(r);

    if (rc != TRD_OK) {
        return rc;
    }

    if (h->ordinal > ordinal) {
        return TRD_AGAIN;
    }

    /* without TAPE_RAW for a while there are files missing: a new chain */
    if (r->chained && h->ordinal == r->ordinal + 1
        && memcmp(r->chain, h->raw_chain, TRD_TAPE_HASH) != 0)
    {
        return raw_corrupt(r, "does not go on from the file before it");
    }

    memcpy(r->chain, h->raw_chain, TRD_TAPE_HASH);
    r->ordinal = h->ordinal;
    r->chained = 1;
    r->pending = 0;
    r->open = 1;

    return TRD_OK;
}


static trd_rc_t
raw_next_block(tsd_tape_raw_t *r, uint64_t ordinal)
{
    trd_rc_t  rc;

    for ( ;; ) {
        rc = r->open ? tsd_tape_walk_next(&r->walk) : TRD_NOT_FOUND;

        if (rc == TRD_OK) {
            break;
        }

        if (rc == TRD_ERROR
            || (rc == TRD_AGAIN && r->next != r->files.n))
        {
            return raw_corrupt(r, r->walk.why);
        }

        r->torn |= rc == TRD_AGAIN;
        rc = raw_next_file(r, ordinal);

        if (rc != TRD_OK) {
            return rc;
        }
    }

    r->pos = r->walk.plain;
    r->end = r->pos + r->walk.block.plain_len;
    tsd_sha_begin(&r->sha_block);
    tsd_sha_add(&r->sha_block, r->chain, TRD_TAPE_HASH);

    return r->walk.block.digests ? raw_corrupt(r, "has a malformed block")
                                 : TRD_OK;
}


static uint64_t
raw_number(const uint8_t *p, unsigned bytes)
{
    uint64_t  n;

    for (n = 0; bytes; bytes--) {
        n = n << 8 | p[bytes - 1];
    }

    return n;
}


trd_rc_t
tsd_tape_raw_read(tsd_tape_raw_t *r, uint64_t number, uint64_t ordinal)
{
    uint8_t              hash[TRD_TAPE_HASH];
    trd_rc_t             rc;
    tsd_tape_message_t  *m = &r->message;

    while (!r->open || r->pos == r->end) {
        rc = raw_next_block(r, ordinal);

        if (rc != TRD_OK) {
            return rc;
        }
    }

    if (r->end - r->pos < TSD_TAPE_MESSAGE_SIZE) {
        return raw_corrupt(r, "has a malformed block");
    }

    if (raw_number(r->pos + 8, 8) > number) {
        return TRD_AGAIN;
    }

    m->len = (uint32_t) raw_number(r->pos, 4);
    m->decoder = (uint16_t) raw_number(r->pos + 4, 2);
    m->source = (uint16_t) raw_number(r->pos + 6, 2);
    m->number = raw_number(r->pos + 8, 8);
    m->received_ms = (int64_t) raw_number(r->pos + 16, 8);
    m->instrument = (uint32_t) raw_number(r->pos + 24, 4);
    m->option = (uint32_t) raw_number(r->pos + 28, 4);
    tsd_sha_add(&r->sha_block, r->pos, TSD_TAPE_MESSAGE_SIZE);
    r->pos += TSD_TAPE_MESSAGE_SIZE;

    if (m->len > (size_t) (r->end - r->pos)) {
        return raw_corrupt(r, "has a malformed block");
    }

    r->data = (const char *) r->pos;
    r->pos += m->len;

    tsd_sha_begin(&r->sha);
    tsd_sha_add(&r->sha, r->data, m->len);
    tsd_sha_end(&r->sha, hash);
    tsd_sha_add(&r->sha_block, hash, sizeof(hash));
    r->digest = tsd_tape_digest(hash);

    if (r->pos == r->end) {
        tsd_sha_end(&r->sha_block, r->chain);

        if (memcmp(r->chain, r->walk.block.raw_chain, TRD_TAPE_HASH) != 0) {
            return raw_corrupt(r, "breaks the chain of messages");
        }
    }

    return TRD_OK;
}
