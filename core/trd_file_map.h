/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Maps a shared file (board, events) read-only.  The only part of core/ that
 * touches the operating system.
 *
 * A file that is truncated while mapped makes its pages fault.  With the
 * guard installed, such a fault in one of our mappings puts a page of zeros
 * there and marks the mapping lost: the zeros fail every hash, the reader
 * gets TRD_CORRUPT, and the owner drops the mapping when it asks
 * trd_file_map_lost().  Faults elsewhere are none of our business and take
 * their usual course.
 *
 * Processes: each has its own mappings and its own guard.  Threads: mappings
 * are opened and closed by one thread.
 */

#ifndef TRD_FILE_MAP_H
#define TRD_FILE_MAP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "trd_rc.h"

#define TRD_FILE_MAPS  16       /* mappings that the guard can know at once */

typedef struct {
    void    *base;              /* NULL: not mapped */
    size_t   size;
    dev_t    dev;
    ino_t    ino;
    int      fd;                /* of the mapped file, whatever its name is */
    int      slot;              /* in the guard's registry */
} trd_file_map_t;

/* what the path leads to now, compared with what is mapped */
typedef enum {
    TRD_FILE_SAME = 0,
    TRD_FILE_OTHER,             /* another file, or nothing is mapped */
    TRD_FILE_SHRUNK,            /* the mapped file lost its tail */
    TRD_FILE_NONE               /* no such file, or it cannot be seen */
} trd_file_t;

/* identity of a file that was looked at, so that a fault is told once */
typedef struct {
    dev_t    dev;
    ino_t    ino;
    int64_t  size;
    int64_t  mtime_ns;
} trd_file_id_t;

/*
 * Opens and maps a regular file of at least min_size bytes; it stays open
 * while it is mapped, because a file that was cut may have lost its name, too,
 * and only its own size tells.  On anything but TRD_OK nothing stays open,
 * *why is static text and *err the errno, or 0.  TRD_NOT_FOUND: no such file;
 * TRD_CORRUPT: too short.  `id` is filled whenever the file could be opened,
 * else zeroed.
 */
trd_rc_t trd_file_map_open(trd_file_map_t *m, const char *path,
    size_t min_size, trd_file_id_t *id, const char **why, int *err)
    TRD_MUST_CHECK;

/* m may be unmapped */
trd_file_t trd_file_map_check(const trd_file_map_t *m, const char *path,
    trd_file_id_t *id);

/* 1: a page of it faulted; nothing read since is worth anything */
int trd_file_map_lost(const trd_file_map_t *m);

void trd_file_map_close(trd_file_map_t *m);

/* 0, or errno.  Once in a process, after fork. */
int trd_file_guard(void);

#endif /* TRD_FILE_MAP_H */
