/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Files of the tape.  Those of records and of raw messages are begun, ended
 * and deleted together; what all of them hold stays below a bound.
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


void
tsd_tape_failed(tsd_tape_write_t *w, const char *what, const char *path)
{
    if (!w->failing) {
        tsd_log(TSD_LOG_ERROR, "tape_write_failed",
                "what=%s path=\"%s\" error=\"%s\" effect=\"updates are not "
                "recorded until it works again\"", what, path,
                strerror(errno));
    }

    w->failing = 1;
}


int
tsd_tape_write_all(int fd, const void *data, size_t len)
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


int
tsd_tape_room(uint8_t **buf, size_t *room, size_t len)
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

    if (tsd_tape_room(&w->packed, &w->packed_room, ZSTD_compressBound(len))
        != 0)
    {
        free(plain);
        return -1;
    }

    packed = ZSTD_compressCCtx(w->zstd, w->packed, w->packed_room, plain, len,
                               TSD_TAPE_LEVEL);
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


static uint64_t
tape_size(const char *path)
{
    struct stat  st;

    return stat(path, &st) == 0 ? (uint64_t) st.st_size : 0;
}


static uint64_t
tape_sizes(const tsd_tape_list_t *list)
{
    size_t    i;
    uint64_t  total;

    for (i = 0, total = 0; i < list->n; i++) {
        total += tape_size(list->paths[i]);
    }

    return total;
}


/* "<seq>" or "<seq>_<again>" in tape-<seq>.trt or raw-<seq>.trr: pairs are in
   its order */

static int
tape_order(const char *a, const char *b)
{
    char   key[2][TSD_TAPE_PATH];
    char  *at;
    int    i;

    for (i = 0; i < 2; i++) {
        at = strrchr(i ? b : a, '/');
        at = at ? strchr(at, '-') : NULL;
        (void) snprintf(key[i], sizeof(key[i]), "%s", at ? at + 1 : "");
        key[i][strcspn(key[i], ".")] = '\0';
    }

    return strcmp(key[0], key[1]);
}


static void
tape_delete(tsd_tape_write_t *w, const char *path)
{
    uint64_t  size;

    size = tape_size(path);

    if (unlink(path) == 0) {
        w->total -= size < w->total ? size : w->total;
        tsd_log(TSD_LOG_INFO, "tape_deleted", "path=\"%s\" bytes=%llu", path,
                (unsigned long long) size);
    }
}


/* Oldest pairs go.  Records first: messages alone claim nothing, while records
   without theirs could not be proven if we died in between. */

int
tsd_tape_make_room(tsd_tape_write_t *w, uint64_t more)
{
    size_t           i, k;
    tsd_tape_list_t  files, raws;

    if (w->fd != -1 && w->total + more <= w->options.max_bytes) {
        return 0;
    }

    if (tsd_tape_list(&files, w->dir, TRD_TAPE_RECORDS) != 0) {
        return -1;
    }

    if (tsd_tape_list(&raws, w->dir, TRD_TAPE_RAW) != 0) {
        tsd_tape_list_free(&files);
        return -1;
    }

    w->total = tape_sizes(&files) + tape_sizes(&raws);

    for (i = 0, k = 0; i < files.n; i++) {

        if (w->total + more <= w->options.max_bytes
            || (w->fd != -1 && tape_order(files.paths[i], w->path) >= 0))
        {
            break;
        }

        tape_delete(w, files.paths[i]);

        for ( /* void */ ; k < raws.n
                           && tape_order(raws.paths[k], files.paths[i]) <= 0;
             k++)
        {
            tape_delete(w, raws.paths[k]);
        }
    }

    tsd_tape_list_free(&files);
    tsd_tape_list_free(&raws);

    return w->total + more <= w->options.max_bytes ? 0 : -1;
}


void
tsd_tape_remove_orphans(tsd_tape_write_t *w)
{
    size_t           i;
    tsd_tape_list_t  files, raws;

    if (tsd_tape_list(&files, w->dir, TRD_TAPE_RECORDS) != 0) {
        return;
    }

    if (files.n && tsd_tape_list(&raws, w->dir, TRD_TAPE_RAW) == 0) {

        for (i = 0; i < raws.n
                    && tape_order(raws.paths[i], files.paths[0]) < 0; i++)
        {
            tape_delete(w, raws.paths[i]);
        }

        tsd_tape_list_free(&raws);
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

    if (tsd_tape_write_all(fd, head, TRD_TAPE_HEAD_SIZE) != 0
        || (type == TRD_TAPE_RECORDS
            && tsd_tape_write_all(fd, w->packed, h->stored_len) != 0))
    {
        tsd_tape_failed(w, "write", path);
        (void) unlink(path);
        (void) close(fd);
        errno = EIO;
        return -1;
    }

    return fd;
}


int
tsd_tape_write_begin(tsd_tape_write_t *w)
{
    uint8_t          head[TRD_TAPE_HEAD_SIZE];
    unsigned         again;
    trd_tape_head_t  h;

    /* if it does not fit in even so, each block is asked again */
    (void) tsd_tape_make_room(w, w->options.segment_bytes);

    memset(&h, 0, sizeof(h));
    h.type = TRD_TAPE_RECORDS;
    h.instruments = w->options.n;
    h.ordinal = w->ordinal + 1;
    h.first_seq = w->seq + 1;
    h.created_ms = tsd_wall_ms();
    h.latest_ms = w->latest_ms;
    h.max_jump_bp = w->options.limits.max_jump_bp;
    h.max_future_ms = w->options.limits.max_future_ms;
    memcpy(h.chain, w->kept, TRD_TAPE_HASH);
    memcpy(h.raw_chain, w->raw_chain, TRD_TAPE_HASH);

    if (tape_dictionary(w, &h) != 0) {
        errno = ENOMEM;
        tsd_tape_failed(w, "begin", w->dir);
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
        tsd_tape_failed(w, "create", w->path);
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
            tsd_tape_failed(w, "create", w->raw_path);
            (void) unlink(w->path);
            (void) close(w->fd);
            w->fd = -1;
            return -1;
        }

        w->raw_size = TRD_TAPE_HEAD_SIZE;
    }

    w->blocks = 0;
    w->ordinal = h.ordinal;
    w->total += w->size + w->raw_size;
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
        tsd_tape_failed(w, "sync", w->path);
    }

    (void) close(w->fd);
    w->fd = -1;

    if (w->raw_fd != -1) {
        if (fdatasync(w->raw_fd) != 0) {
            tsd_tape_failed(w, "sync", w->raw_path);
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
