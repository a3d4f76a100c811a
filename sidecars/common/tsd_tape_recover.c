/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What a writer does with the tape it finds: a tail that a crash tore is cut
 * off, a file without a sound block is removed, and chain, seq and message
 * numbers go on from the last block.  Damage that has sound blocks after it
 * is no torn tail: nothing is cut, the next file goes on from what could be
 * read, and `tradingctl tape verify` tells.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tsd_log.h"
#include "tsd_tape_write.h"


static int
recover_cut(const char *path, uint64_t size, uint64_t now)
{
    if (truncate(path, (off_t) size) != 0) {
        tsd_log(TSD_LOG_ERROR, "tape_refused", "path=\"%s\" error=\"%s\"",
                path, strerror(errno));
        return -1;
    }

    tsd_log(TSD_LOG_WARN, "tape_cut",
            "path=\"%s\" bytes=%llu reason=\"torn tail\"", path,
            (unsigned long long) (now - size));

    return 0;
}


static int
recover_remove(const char *path)
{
    if (unlink(path) != 0) {
        return -1;
    }

    tsd_log(TSD_LOG_WARN, "tape_cut", "path=\"%s\" reason=\"no whole block\"",
            path);

    return 0;
}


/* Raw blocks after the tape's last one have no records: cut as well. */

static int
recover_raw(const tsd_tape_write_t *w, const char *path, uint64_t message)
{
    int              rc;
    trd_rc_t         found;
    uint64_t         at;
    tsd_tape_walk_t  walk;

    rc = 0;
    found = tsd_tape_walk_open(&walk, path);

    if (found != TRD_OK || walk.head.ordinal != w->ordinal) {

        /* begun together with a file of records that is gone */
        if (walk.fd != -1
            && (found == TRD_OK ? walk.head.ordinal > w->ordinal
                                : walk.size < TRD_TAPE_HEAD_SIZE)
            && recover_remove(path) != 0)
        {
            rc = -1;
        }

        tsd_tape_walk_close(&walk);
        return rc;
    }

    do {
        at = walk.at;
        found = tsd_tape_walk_next(&walk);
    } while (found == TRD_OK && walk.block.last_message <= message);

    if (found == TRD_OK || found == TRD_AGAIN) {
        rc = recover_cut(path, at, walk.size);
    }

    tsd_tape_walk_close(&walk);

    return rc;
}


/*
 * One file: 1 if it has something to go on from, 0 if it was removed,
 * -1 after logging.
 */

static int
recover_file(tsd_tape_write_t *w, const char *path)
{
    int              rc;
    trd_rc_t         found;
    uint64_t         at, blocks;
    tsd_tape_walk_t  walk;

    if (tsd_tape_walk_open(&walk, path) != TRD_OK) {
        rc = walk.fd != -1
             && walk.size < TRD_TAPE_HEAD_SIZE + walk.head.stored_len ? 0 : -1;

        if (rc == 0 && recover_remove(path) == 0) {
            tsd_tape_walk_close(&walk);
            return 0;
        }

        tsd_log(TSD_LOG_ERROR, "tape_refused", "path=\"%s\" error=\"%s: move "
                "it away\"", path, walk.why);
        tsd_tape_walk_close(&walk);
        return -1;
    }

    w->ordinal = walk.head.ordinal;
    w->seq = walk.head.first_seq - 1;
    w->latest_ms = walk.head.latest_ms;
    memcpy(w->kept, walk.head.chain, TRD_TAPE_HASH);
    memcpy(w->raw_chain, walk.head.raw_chain, TRD_TAPE_HASH);
    tsd_tape_chain_head(&w->sha, w->kept, &walk.head);

    for (blocks = 0; /* void */ ; blocks++) {
        at = walk.at;
        found = tsd_tape_walk_next(&walk);

        if (found != TRD_OK) {
            break;
        }

        w->seq = walk.block.records ? walk.block.last_seq : w->seq;
        w->message = walk.block.last_message;
        w->latest_ms = walk.block.latest_ms;
        memcpy(w->kept, walk.block.chain, TRD_TAPE_HASH);
        memcpy(w->raw_chain, walk.block.raw_chain, TRD_TAPE_HASH);
    }

    rc = 1;

    if (found != TRD_ERROR && blocks == 0) {
        w->ordinal--;
        memcpy(w->kept, walk.head.chain, TRD_TAPE_HASH);
        rc = recover_remove(path);

    } else if (found == TRD_AGAIN) {
        rc = recover_cut(path, at, walk.size) == 0 ? 1 : -1;

    } else if (found == TRD_ERROR) {
        tsd_log(TSD_LOG_ERROR, "tape_damaged", "path=\"%s\" at=%llu", path,
                (unsigned long long) at);
    }

    tsd_tape_walk_close(&walk);

    return rc;
}


int
tsd_tape_recover(tsd_tape_write_t *w)
{
    int              rc;
    size_t           i;
    uint64_t         message;
    tsd_tape_list_t  files;

    if (tsd_tape_list(&files, w->dir, TRD_TAPE_RECORDS) != 0) {
        tsd_log(TSD_LOG_ERROR, "tape_refused", "dir=\"%s\" error=\"%s\"",
                w->dir, strerror(errno));
        return -1;
    }

    for (rc = 0, i = files.n; rc == 0 && i > 0; i--) {
        rc = recover_file(w, files.paths[i - 1]);
    }

    tsd_tape_list_free(&files);

    if (rc < 0) {
        return -1;
    }

    message = w->message;

    if (tsd_tape_list(&files, w->dir, TRD_TAPE_RAW) != 0) {
        return -1;
    }

    for (rc = 0, i = 0; rc == 0 && i < files.n; i++) {
        rc = recover_raw(w, files.paths[i], message);
    }

    tsd_tape_list_free(&files);

    if (rc == 0) {
        tsd_tape_remove_orphans(w);
        tsd_tape_write_reset(w);
    }

    return rc;
}
