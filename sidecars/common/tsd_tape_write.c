/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Blocks and files of the tape.  A block of raw messages is written before
 * the records that came from them, and both files are begun and deleted
 * together.  What cannot be written is given up whole, back to the last block
 * on disk: chain and file go on from there, a GAP record says how much is
 * missing.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tsd_log.h"
#include "tsd_tape_write.h"

#define TAPE_LEVEL  3       /* zstd's: see docs/tape.md for what others give */


static void
tape_failed(tsd_tape_write_t *w, const char *what, const char *path)
{
    if (!w->failing) {
        tsd_log(TSD_LOG_ERROR, "tape_write_failed",
                "what=%s path=\"%s\" error=\"%s\" effect=\"updates are not "
                "recorded until it works again\"", what, path,
                strerror(errno));
    }

    w->failing = 1;
}


static int
tape_write(int fd, const void *data, size_t len)
{
    size_t   done;
    ssize_t  n;

    for (done = 0; done < len; done += (size_t) n) {
        n = write(fd, (const char *) data + done, len - done);

        if (n < 0 && errno == EINTR) {
            n = 0;

        } else if (n <= 0) {
            return -1;
        }
    }

    return 0;
}


static void
tape_block_begin(tsd_tape_write_t *w)
{
    memset(&w->block, 0, sizeof(w->block));
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
    ZSTD_freeCCtx(w->zstd);
    tsd_sha_free(&w->sha);
    tsd_sha_free(&w->sha_message);
    tsd_sha_free(&w->sha_raw);
}


/* makes room in a buffer; 0, or -1 */

static int
tape_room(uint8_t **buf, size_t *room, size_t len)
{
    size_t    size;
    uint8_t  *p;

    if (len <= *room) {
        return 0;
    }

    size = len + len / 2;
    p = realloc(*buf, size);
    if (p == NULL) {
        return -1;
    }

    *buf = p;
    *room = size;

    return 0;
}


/* The dictionary, compressed into `packed`. */

static int
tape_dictionary(tsd_tape_write_t *w, trd_tape_head_t *h)
{
    size_t    len, packed;
    uint8_t  *plain;
    uint32_t  i;

    plain = malloc((size_t) w->options.n * TRD_TAPE_ENTRY_MAX + 1);
    if (plain == NULL) {
        return -1;
    }

    for (i = 0, len = 0; i < w->options.n; i++) {
        len += trd_tape_entry_write(&w->options.instruments[i], plain + len);
    }

    tsd_sha_begin(&w->sha);
    tsd_sha_add(&w->sha, plain, len);
    tsd_sha_end(&w->sha, h->dictionary);

    if (tape_room(&w->packed, &w->packed_room, ZSTD_compressBound(len)) != 0) {
        free(plain);
        return -1;
    }

    packed = ZSTD_compressCCtx(w->zstd, w->packed, w->packed_room, plain, len,
                               TAPE_LEVEL);
    free(plain);

    if (ZSTD_isError(packed)) {
        return -1;
    }

    h->plain_len = (uint32_t) len;
    h->stored_len = (uint32_t) packed;

    return 0;
}


/* Deltas start from nothing, and steps are the instruments'. */

static void
tape_codec_begin(tsd_tape_write_t *w)
{
    uint32_t                 i;
    const trd_instrument_t  *in;

    memset(w->memory, 0, w->options.n * sizeof(*w->memory));

    for (i = 0; i < w->options.n; i++) {
        in = &w->options.instruments[i];
        w->memory[i].tick_e8 = in->price_tick_e8 > 0 ? in->price_tick_e8 : 1;
        w->memory[i].lot_e8 = in->lot_step_e8 > 0 ? in->lot_step_e8 : 1;
    }

    trd_tape_codec_init(&w->codec, w->memory, w->options.n, w->shapes);
}


/* Oldest pairs go until a full one more fits in. */

static void
tape_make_room(tsd_tape_write_t *w)
{
    char             raw[TSD_TAPE_PATH], *name;
    size_t           i;
    uint64_t         total;
    struct stat      st;
    tsd_tape_list_t  files, raws;

    if (tsd_tape_list(&files, w->dir, TRD_TAPE_RECORDS) != 0) {
        return;
    }

    total = w->options.segment_bytes;

    for (i = 0; i < files.n; i++) {
        total += stat(files.paths[i], &st) == 0 ? (uint64_t) st.st_size : 0;
    }

    if (tsd_tape_list(&raws, w->dir, TRD_TAPE_RAW) == 0) {
        for (i = 0; i < raws.n; i++) {
            total += stat(raws.paths[i], &st) == 0 ? (uint64_t) st.st_size : 0;
        }

        tsd_tape_list_free(&raws);
    }

    for (i = 0; i < files.n && total > w->options.max_bytes; i++) {

        if (stat(files.paths[i], &st) == 0 && unlink(files.paths[i]) == 0) {
            total -= (uint64_t) st.st_size;
            tsd_log(TSD_LOG_INFO, "tape_deleted", "path=\"%s\" bytes=%llu",
                    files.paths[i], (unsigned long long) st.st_size);
        }

        /* tape-<seq>.trt: raw-<seq>.trr beside it */
        name = strrchr(files.paths[i], '/') + strlen("/tape-");
        (void) snprintf(raw, sizeof(raw), "%s/raw-%.*s.trr", w->dir,
                        (int) strcspn(name, "."), name);

        if (stat(raw, &st) == 0 && unlink(raw) == 0) {
            total -= (uint64_t) st.st_size;
        }
    }

    tsd_tape_list_free(&files);
}


static int
tape_create(tsd_tape_write_t *w, trd_tape_file_t type, const uint8_t *head,
    const trd_tape_head_t *h, unsigned again, char *path, size_t size)
{
    int  fd;

    tsd_tape_name(path, size, w->dir, type, h->first_seq, again);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0640);

    if (fd == -1) {
        return -1;
    }

    if (tape_write(fd, head, TRD_TAPE_HEAD_SIZE) != 0
        || (type == TRD_TAPE_RECORDS
            && tape_write(fd, w->packed, h->stored_len) != 0))
    {
        tape_failed(w, "write", path);
        (void) unlink(path);
        (void) close(fd);
        errno = EIO;
        return -1;
    }

    return fd;
}


/* A new pair of files, whose first record's seq is known. */

static int
tape_begin(tsd_tape_write_t *w)
{
    uint8_t          head[TRD_TAPE_HEAD_SIZE];
    unsigned         again;
    trd_tape_head_t  h;

    tape_make_room(w);

    memset(&h, 0, sizeof(h));
    h.type = TRD_TAPE_RECORDS;
    h.instruments = w->options.n;
    h.ordinal = w->ordinal + 1;
    h.first_seq = w->seq + 1;
    h.created_ms = tsd_wall_ms();
    h.max_jump_bp = w->options.limits.max_jump_bp;
    h.max_future_ms = w->options.limits.max_future_ms;
    memcpy(h.chain, w->kept, TRD_TAPE_HASH);
    memcpy(h.raw_chain, w->raw_chain, TRD_TAPE_HASH);

    if (tape_dictionary(w, &h) != 0) {
        errno = ENOMEM;
        tape_failed(w, "begin", w->dir);
        return -1;
    }

    trd_tape_head_write(&h, trd_tape_hash(w->packed, h.stored_len), head);

    /* a name can be taken if no record of a file moved the seq */

    for (again = 0; again < 1000; again++) {
        w->fd = tape_create(w, TRD_TAPE_RECORDS, head, &h, again, w->path,
                            sizeof(w->path));

        if (w->fd != -1 || errno != EEXIST) {
            break;
        }
    }

    if (w->fd == -1) {
        tape_failed(w, "create", w->path);
        return -1;
    }

    w->size = TRD_TAPE_HEAD_SIZE + h.stored_len;

    if (w->options.raw) {
        trd_tape_head_t  raw = h;

        raw.type = TRD_TAPE_RAW;
        raw.instruments = raw.stored_len = raw.plain_len = 0;
        trd_tape_head_write(&raw, trd_tape_hash(head, 0), head);
        w->raw_fd = tape_create(w, TRD_TAPE_RAW, head, &raw, again,
                                w->raw_path, sizeof(w->raw_path));

        if (w->raw_fd == -1) {
            tape_failed(w, "create", w->raw_path);
            (void) unlink(w->path);
            (void) close(w->fd);
            w->fd = -1;
            return -1;
        }

        w->raw_size = TRD_TAPE_HEAD_SIZE;
    }

    w->ordinal = h.ordinal;
    w->stats.segments++;
    w->stats.bytes += w->size + w->raw_size;
    tsd_tape_chain_head(&w->sha, w->kept, &h);
    memcpy(w->chain, w->kept, TRD_TAPE_HASH);
    tape_codec_begin(w);

    return 0;
}


void
tsd_tape_write_end(tsd_tape_write_t *w)
{
    char      head[2 * TRD_TAPE_HASH + 1];
    unsigned  i;

    if (w->fd == -1) {
        return;
    }

    if (fdatasync(w->fd) != 0) {
        tape_failed(w, "sync", w->path);
    }

    (void) close(w->fd);
    w->fd = -1;

    if (w->raw_fd != -1) {
        if (fdatasync(w->raw_fd) != 0) {
            tape_failed(w, "sync", w->raw_path);
        }

        (void) close(w->raw_fd);
        w->raw_fd = -1;
    }

    w->raw_size = 0;

    for (i = 0; i < TRD_TAPE_HASH; i++) {
        (void) snprintf(head + 2 * i, 3, "%02x", w->kept[i]);
    }

    /* whoever keeps the log can prove the tape by it */
    tsd_log(TSD_LOG_INFO, "tape_segment",
            "path=\"%s\" bytes=%llu seq=%llu head=%s", w->path,
            (unsigned long long) w->size, (unsigned long long) w->seq, head);
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
        tape_failed(w, "append", path);
        return -1;
    }

    at = buf + TRD_TAPE_BLOCK_SIZE;
    memcpy(at, packed, b->stored_len);

    if (b->digests) {
        memcpy(at + b->stored_len, digests, 8 * (size_t) b->digests);
    }

    hash = trd_tape_hash(at, rest);
    trd_tape_block_write(b, hash, buf);

    if (tape_write(fd, buf, TRD_TAPE_BLOCK_SIZE + rest) != 0) {
        tape_failed(w, "write", path);
        free(buf);

        if (ftruncate(fd, (off_t) *size) != 0) {
            tape_failed(w, "truncate", path);
        }

        return -1;
    }

    free(buf);
    *size += TRD_TAPE_BLOCK_SIZE + rest;
    w->stats.bytes += TRD_TAPE_BLOCK_SIZE + rest;

    return 0;
}


static int
tape_pack(tsd_tape_write_t *w, const uint8_t *plain, size_t len,
    uint32_t *packed)
{
    size_t  n;

    *packed = 0;

    if (len == 0) {
        return 0;
    }

    if (tape_room(&w->packed, &w->packed_room, ZSTD_compressBound(len)) != 0) {
        return -1;
    }

    n = ZSTD_compressCCtx(w->zstd, w->packed, w->packed_room, plain, len,
                          TAPE_LEVEL);
    if (ZSTD_isError(n)) {
        return -1;
    }

    *packed = (uint32_t) n;

    return 0;
}


/* Messages first: records without them could not be proven. */

static int
tape_put_block(tsd_tape_write_t *w)
{
    uint64_t           raw_size = w->raw_size;
    trd_tape_block_t  *b = &w->block, raw;

    memcpy(b->chain, w->chain, TRD_TAPE_HASH);
    tsd_sha_end(&w->sha_raw, b->raw_chain);
    b->last_message = w->message;

    if (w->raw_messages == 0) {
        memcpy(b->raw_chain, w->raw_chain, TRD_TAPE_HASH);
    }

    if (w->raw_fd != -1 && w->raw_messages) {
        raw = *b;
        raw.type = TRD_TAPE_RAW;
        raw.records = w->raw_messages;
        raw.updates = 0;
        raw.digests = 0;
        raw.plain_len = (uint32_t) w->raw_len;

        if (tape_pack(w, w->raw, w->raw_len, &raw.stored_len) != 0
            || tape_append(w, w->raw_fd, &w->raw_size, w->raw_path, &raw,
                           w->packed, NULL)
               != 0)
        {
            return -1;
        }
    }

    b->type = TRD_TAPE_RECORDS;
    b->plain_len = (uint32_t) (w->out.pos - w->rows);
    b->digests = (uint32_t) ((w->out.digests - w->digests) / 8);

    if (tape_pack(w, w->rows, b->plain_len, &b->stored_len) != 0
        || tape_append(w, w->fd, &w->size, w->path, b, w->packed, w->digests)
           != 0)
    {
        if (w->raw_fd != -1 && w->raw_size != raw_size
            && ftruncate(w->raw_fd, (off_t) raw_size) == 0)
        {
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


void
tsd_tape_write_message(tsd_tape_write_t *w, const tsd_tape_message_t *m,
    const uint8_t *data)
{
    uint8_t   hash[TRD_TAPE_HASH], *p;
    unsigned  i;

    tsd_sha_begin(&w->sha_message);
    tsd_sha_add(&w->sha_message, data, m->len);
    tsd_sha_end(&w->sha_message, hash);

    if (w->raw_messages
        && w->raw_len + m->len > TSD_TAPE_RAW_ROOM)
    {
        tsd_tape_write_block(w);
    }

    if (w->fd == -1 && tape_begin(w) != 0) {
        w->lost++;
        w->stats.lost++;
        w->message = m->number;
        w->digest = tsd_tape_digest(hash);
        return;
    }

    if (w->raw_messages == 0) {
        w->block.first_message = m->number;
    }

    tsd_sha_add(&w->sha_raw, hash, sizeof(hash));
    w->raw_messages++;
    w->message = m->number;
    w->digest = tsd_tape_digest(hash);

    if (!w->options.raw) {
        return;
    }

    if (tape_room(&w->raw, &w->raw_room,
                  w->raw_len + TSD_TAPE_MESSAGE_SIZE + m->len)
        != 0)
    {
        errno = ENOMEM;
        tape_failed(w, "message", w->raw_path);
        return;
    }

    p = w->raw + w->raw_len;

    for (i = 0; i < 8; i++) {
        p[8 + i] = (uint8_t) (m->number >> 8 * i);
        p[16 + i] = (uint8_t) ((uint64_t) m->received_ms >> 8 * i);
    }

    for (i = 0; i < 4; i++) {
        p[i] = (uint8_t) (m->len >> 8 * i);
    }

    p[4] = (uint8_t) m->decoder;
    p[5] = 0;
    p[6] = (uint8_t) m->source;
    p[7] = 0;
    memcpy(p + TSD_TAPE_MESSAGE_SIZE, data, m->len);
    w->raw_len += TSD_TAPE_MESSAGE_SIZE + m->len;
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
    w->seq = r->seq;
    tsd_tape_chain(&w->sha, w->chain, r);
}


static void
tape_put_record(tsd_tape_write_t *w, const trd_tape_record_t *r)
{
    trd_rc_t  rc;

    if (w->fd == -1 && tape_begin(w) != 0) {
        w->seq = r->seq;
        w->lost++;
        w->stats.lost++;
        return;
    }

    rc = trd_tape_encode(&w->codec, &w->out, r);

    if (rc == TRD_OVERFLOW) {
        tsd_tape_write_block(w);

        if (w->fd == -1 && tape_begin(w) != 0) {
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


void
tsd_tape_write_record(tsd_tape_write_t *w, trd_tape_record_t *r)
{
    uint64_t           lost;
    trd_tape_record_t  gap;

    if (r->op == TRD_TAPE_GAP) {
        w->lost += r->update.id;
        w->stats.lost += r->update.id;
        return;
    }

    if (w->lost) {
        memset(&gap, 0, sizeof(gap));
        gap.op = TRD_TAPE_GAP;
        gap.seq = w->seq;
        gap.received_ms = r->received_ms;
        gap.update.id = lost = w->lost;
        w->lost = 0;
        tape_put_record(w, &gap);

        /* nothing of ours was lost with it: it is said again */
        if (w->lost) {
            w->stats.lost -= w->lost;
            w->lost = lost;
        }
    }

    r->digest = r->message && r->message == w->message ? w->digest : 0;
    tape_put_record(w, r);
}
