/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Blocks of the tape.  A block of raw messages is written before the records
 * that came from them.  What cannot be written is given up whole, back to the
 * last block on disk: chain and file go on from there, a GAP record says how
 * much is missing.
 *
 * A block ends between two messages, never within what one of them brought:
 * so whatever a crash leaves, each message has all its records, and one that
 * has not was doctored.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tsd_log.h"
#include "tsd_tape_write.h"


static void
tape_block_begin(tsd_tape_write_t *w)
{
    memset(&w->block, 0, sizeof(w->block));
    w->block.latest_ms = w->latest_ms;
    w->out.pos = w->rows;
    w->out.end = w->rows + TSD_TAPE_ROWS;
    w->out.digests = w->digests;
    w->out.digests_end = w->digests + 8 * TSD_TAPE_DIGESTS;
    w->raw_len = 0;
    w->raw_messages = 0;
    memcpy(w->chain, w->kept, TRD_TAPE_HASH);
    tsd_sha_begin(&w->sha_raw);
    tsd_sha_add(&w->sha_raw, w->raw_chain, TRD_TAPE_HASH);
}


void
tsd_tape_write_reset(tsd_tape_write_t *w)
{
    memcpy(w->stats.chain, w->kept, TRD_TAPE_HASH);
    tape_block_begin(w);
}


int
tsd_tape_write_init(tsd_tape_write_t *w, const tsd_tape_options_t *options)
{
    memset(w, 0, sizeof(*w));
    w->options = *options;
    w->fd = w->raw_fd = -1;
    (void) snprintf(w->dir, sizeof(w->dir), "%s", options->dir);

    /* blocks are small beside files, and files beside all of them */
    w->raw_limit = options->segment_bytes / 4 < TSD_TAPE_RAW_ROOM
                   ? (size_t) options->segment_bytes / 4 : TSD_TAPE_RAW_ROOM;
    w->rows_room = TSD_TAPE_ROWS;
    w->packed_room = ZSTD_compressBound(TSD_TAPE_ROWS);
    w->memory = calloc((size_t) options->n + 1, sizeof(*w->memory));
    w->shapes = calloc(TRD_TAPE_SHAPES, sizeof(*w->shapes));
    w->rows = malloc(TSD_TAPE_ROWS);
    w->digests = malloc(8 * TSD_TAPE_DIGESTS);
    w->packed = malloc(w->packed_room);
    w->zstd = ZSTD_createCCtx();

    if (w->memory == NULL || w->shapes == NULL || w->rows == NULL
        || w->digests == NULL || w->packed == NULL || w->zstd == NULL
        || tsd_sha_init(&w->sha) != 0 || tsd_sha_init(&w->sha_message) != 0
        || tsd_sha_init(&w->sha_raw) != 0)
    {
        tsd_log(TSD_LOG_ERROR, "no_memory", "for=tape");
        tsd_tape_write_free(w);
        return -1;
    }

    tape_block_begin(w);

    return 0;
}


void
tsd_tape_write_free(tsd_tape_write_t *w)
{
    free(w->memory);
    free(w->shapes);
    free(w->rows);
    free(w->digests);
    free(w->raw);
    free(w->packed);
    free(w->raw_packed);
    ZSTD_freeCCtx(w->zstd);
    tsd_sha_free(&w->sha);
    tsd_sha_free(&w->sha_message);
    tsd_sha_free(&w->sha_raw);
}


/* One block into one file; what is half written is cut off again. */

static int
tape_append(tsd_tape_write_t *w, int fd, uint64_t *size, const char *path,
    trd_tape_block_t *b, const uint8_t *packed, const uint8_t *digests)
{
    size_t    rest;
    uint8_t  *at, *buf;
    uint64_t  hash;

    rest = trd_tape_block_rest(b);
    buf = malloc(TRD_TAPE_BLOCK_SIZE + rest);

    if (buf == NULL) {
        errno = ENOMEM;
        tsd_tape_failed(w, "append", path);
        return -1;
    }

    at = buf + TRD_TAPE_BLOCK_SIZE;
    memcpy(at, packed, b->stored_len);

    if (b->digests) {
        memcpy(at + b->stored_len, digests, 8 * (size_t) b->digests);
    }

    hash = trd_tape_hash(at, rest);
    trd_tape_block_write(b, hash, buf);

    if (tsd_tape_write_all(fd, buf, TRD_TAPE_BLOCK_SIZE + rest) != 0) {
        tsd_tape_failed(w, "write", path);
        free(buf);

        if (ftruncate(fd, (off_t) *size) != 0) {
            tsd_tape_failed(w, "truncate", path);
        }

        return -1;
    }

    free(buf);
    *size += TRD_TAPE_BLOCK_SIZE + rest;
    w->total += TRD_TAPE_BLOCK_SIZE + rest;
    w->stats.bytes += TRD_TAPE_BLOCK_SIZE + rest;

    return 0;
}


static int
tape_pack(tsd_tape_write_t *w, const uint8_t *plain, size_t len,
    uint8_t **buf, size_t *room, uint32_t *packed)
{
    size_t  n;

    *packed = 0;

    if (len == 0) {
        return 0;
    }

    if (tsd_tape_room(buf, room, ZSTD_compressBound(len)) != 0) {
        return -1;
    }

    n = ZSTD_compressCCtx(w->zstd, *buf, *room, plain, len, TSD_TAPE_LEVEL);
    if (ZSTD_isError(n)) {
        return -1;
    }

    *packed = (uint32_t) n;

    return 0;
}


/* Both blocks, packed, and room for them. */

static int
tape_pack_block(tsd_tape_write_t *w, trd_tape_block_t *b,
    trd_tape_block_t *raw)
{
    uint64_t  need;

    memcpy(b->chain, w->chain, TRD_TAPE_HASH);
    tsd_sha_end(&w->sha_raw, b->raw_chain);
    b->last_message = w->message;

    if (w->raw_messages == 0) {
        memcpy(b->raw_chain, w->raw_chain, TRD_TAPE_HASH);
    }

    *raw = *b;
    raw->type = TRD_TAPE_RAW;
    raw->records = w->raw_messages;
    raw->updates = 0;
    raw->plain_len = (uint32_t) w->raw_len;

    b->type = TRD_TAPE_RECORDS;
    b->plain_len = (uint32_t) (w->out.pos - w->rows);
    b->digests = (uint32_t) ((w->out.digests - w->digests) / 8);

    if (tape_pack(w, w->raw, w->raw_len, &w->raw_packed, &w->raw_packed_room,
                  &raw->stored_len) != 0
        || tape_pack(w, w->rows, b->plain_len, &w->packed, &w->packed_room,
                     &b->stored_len) != 0)
    {
        errno = ENOMEM;
        tsd_tape_failed(w, "pack", w->path);
        return -1;
    }

    need = 2 * TRD_TAPE_BLOCK_SIZE + trd_tape_block_rest(b) + raw->stored_len;

    if (tsd_tape_make_room(w, need) != 0) {
        errno = EFBIG;
        tsd_tape_failed(w, "bound", w->path);
        return -1;
    }

    return 0;
}


/* Messages first: records without them could not be proven. */

static int
tape_put_block(tsd_tape_write_t *w)
{
    uint64_t           raw_size = w->raw_size;
    trd_tape_block_t  *b = &w->block, raw;

    if (tape_pack_block(w, b, &raw) != 0) {
        return -1;
    }

    if (w->raw_fd != -1 && w->raw_messages
        && tape_append(w, w->raw_fd, &w->raw_size, w->raw_path, &raw,
                       w->raw_packed, NULL)
           != 0)
    {
        return -1;
    }

    if (tape_append(w, w->fd, &w->size, w->path, b, w->packed, w->digests)
        != 0)
    {
        if (w->raw_fd != -1 && w->raw_size != raw_size
            && ftruncate(w->raw_fd, (off_t) raw_size) == 0)
        {
            w->total -= w->raw_size - raw_size;
            w->raw_size = raw_size;
        }

        return -1;
    }

    return 0;
}


void
tsd_tape_write_block(tsd_tape_write_t *w)
{
    if (w->block.records == 0 && w->raw_messages == 0) {
        return;
    }

    if (w->fd == -1 || tape_put_block(w) != 0) {
        w->lost += w->block.records + w->raw_messages;
        w->stats.lost += w->block.records + w->raw_messages;

        /* rows depend on the lost ones: the next go into a new file */
        tsd_tape_write_end(w);

    } else {
        if (w->failing) {
            tsd_log(TSD_LOG_INFO, "tape_works_again", "path=\"%s\"", w->path);
            w->failing = 0;
        }

        w->blocks++;
        w->latest_ms = w->block.latest_ms;
        w->stats.records += w->block.records;
        memcpy(w->kept, w->block.chain, TRD_TAPE_HASH);
        memcpy(w->raw_chain, w->block.raw_chain, TRD_TAPE_HASH);
        memcpy(w->stats.chain, w->kept, TRD_TAPE_HASH);
    }

    tape_block_begin(w);

    if (w->fd != -1 && w->size + w->raw_size >= w->options.segment_bytes) {
        tsd_tape_write_end(w);
    }
}


static void
tape_count(tsd_tape_write_t *w, const trd_tape_record_t *r)
{
    trd_tape_block_t  *b = &w->block;

    if (b->records == 0) {
        b->first_seq = r->seq;
        b->first_ms = r->received_ms;
    }

    b->records++;
    b->updates += r->op == TRD_TAPE_UPDATE;
    b->last_seq = r->seq;
    b->last_ms = r->received_ms;
    b->latest_ms = r->received_ms > b->latest_ms ? r->received_ms
                                                 : b->latest_ms;
    w->seq = r->seq;
    tsd_tape_chain(&w->sha, w->chain, r);
}


/* More rows, for a block that cannot be cut yet. */

static int
tape_more_rows(tsd_tape_write_t *w)
{
    size_t    at, room;
    uint8_t  *p;

    at = (size_t) (w->out.pos - w->rows);

    if ((size_t) (w->out.end - w->out.pos) >= TRD_TAPE_ROW_MAX
        || at >= TSD_TAPE_ROWS_MAX)
    {
        return -1;
    }

    room = 2 * (at + TRD_TAPE_ROW_MAX);

    if (room > w->rows_room) {
        p = realloc(w->rows, room);
        if (p == NULL) {
            return -1;
        }

        w->rows = p;
        w->rows_room = room;
    }

    w->out.pos = w->rows + at;
    w->out.end = w->rows + room;

    return 0;
}


static void
tape_put_record(tsd_tape_write_t *w, const trd_tape_record_t *r)
{
    trd_rc_t  rc;

    if (w->fd == -1 && tsd_tape_write_begin(w) != 0) {
        w->seq = r->seq;
        w->lost++;
        w->stats.lost++;
        return;
    }

    rc = trd_tape_encode(&w->codec, &w->out, r);

    if (rc == TRD_OVERFLOW && w->raw_messages && r->message == w->message
        && tape_more_rows(w) == 0)
    {
        rc = trd_tape_encode(&w->codec, &w->out, r);
    }

    if (rc == TRD_OVERFLOW) {
        tsd_tape_write_block(w);

        if (w->fd == -1 && tsd_tape_write_begin(w) != 0) {
            rc = TRD_ERROR;

        } else {
            rc = trd_tape_encode(&w->codec, &w->out, r);
        }
    }

    if (rc != TRD_OK) {
        w->lost++;
        w->stats.lost++;
        return;
    }

    tape_count(w, r);
}


/* What was lost is said before anything else is. */

static void
tape_put_lost(tsd_tape_write_t *w, int64_t now_ms)
{
    uint64_t           lost;
    trd_tape_record_t  gap;

    if (w->lost == 0) {
        return;
    }

    memset(&gap, 0, sizeof(gap));
    gap.op = TRD_TAPE_GAP;
    gap.seq = w->seq;
    gap.received_ms = now_ms;
    gap.update.id = lost = w->lost;
    w->lost = 0;
    tape_put_record(w, &gap);

    /* nothing of ours was lost with it: it is said again */
    if (w->lost) {
        w->stats.lost -= w->lost;
        w->lost = lost;
    }
}


void
tsd_tape_write_lost(tsd_tape_write_t *w)
{
    tape_put_lost(w, w->block.records ? w->block.last_ms : w->latest_ms);
}


/* Ends the block, and the file, that a message would make too large. */

static void
tape_cut_before(tsd_tape_write_t *w, const tsd_tape_message_t *m)
{
    uint64_t  size;

    size = w->size + w->raw_size + 2 * TRD_TAPE_BLOCK_SIZE
           + (uint64_t) (w->out.pos - w->rows)
           + (uint64_t) (w->out.digests - w->digests) + w->raw_len + m->len;

    if (w->fd != -1 && w->options.raw && w->blocks
        && size > w->options.segment_bytes)
    {
        tsd_tape_write_block(w);
        tsd_tape_write_end(w);
        return;
    }

    if ((w->raw_messages && w->raw_len + m->len > w->raw_limit)
        || w->out.end - w->out.pos < 2 * TRD_TAPE_ROW_MAX
        || w->out.digests_end - w->out.digests < 64)
    {
        tsd_tape_write_block(w);
    }
}


void
tsd_tape_write_message(tsd_tape_write_t *w, const tsd_tape_message_t *m,
    const uint8_t *data)
{
    uint8_t   hash[TRD_TAPE_HASH], head[TSD_TAPE_MESSAGE_SIZE], *p;

    tsd_sha_begin(&w->sha_message);
    tsd_sha_add(&w->sha_message, data, m->len);
    tsd_sha_end(&w->sha_message, hash);

    tape_cut_before(w, m);
    tape_put_lost(w, m->received_ms);

    if (w->fd == -1 && tsd_tape_write_begin(w) != 0) {
        w->lost++;
        w->stats.lost++;
        w->message = m->number;
        w->digest = tsd_tape_digest(hash);
        return;
    }

    if (w->raw_messages == 0) {
        w->block.first_message = m->number;
    }

    tsd_tape_message_head(m, head);
    tsd_sha_add(&w->sha_raw, head, sizeof(head));
    tsd_sha_add(&w->sha_raw, hash, sizeof(hash));
    w->raw_messages++;
    w->message = m->number;
    w->digest = tsd_tape_digest(hash);

    if (!w->options.raw) {
        return;
    }

    if (tsd_tape_room(&w->raw, &w->raw_room,
                  w->raw_len + TSD_TAPE_MESSAGE_SIZE + m->len)
        != 0)
    {
        errno = ENOMEM;
        tsd_tape_failed(w, "message", w->raw_path);
        return;
    }

    p = w->raw + w->raw_len;

    memcpy(p, head, sizeof(head));
    memcpy(p + TSD_TAPE_MESSAGE_SIZE, data, m->len);
    w->raw_len += TSD_TAPE_MESSAGE_SIZE + m->len;
}


void
tsd_tape_write_record(tsd_tape_write_t *w, trd_tape_record_t *r)
{
    if (r->op == TRD_TAPE_GAP) {
        w->lost += r->update.id;
        w->stats.lost += r->update.id;
        return;
    }

    tape_put_lost(w, r->received_ms);

    r->digest = r->message && r->message == w->message ? w->digest : 0;
    tape_put_record(w, r);
}
