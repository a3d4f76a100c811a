/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Making, publishing and watching the board's file; see board_file.h.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "binary_map.h"
#include "board_file.h"
#include "tsd_log.h"


#define BOARD_FILE_FULL  (430ULL << 20)  /* what full rings may take: the
                                            whole is to stay below 1 GiB
                                            with 5,000 instruments */
#define BOARD_FILE_SEQS  (1ULL << 26)    /* reserved at a time */
#define BOARD_FILE_SEQ   (1ULL << 49)    /* more than any board ever has */


static int
board_file_fail(const char *what, const char *path)
{
    tsd_log(TSD_LOG_ERROR, "board_failed", "what=\"%s\" path=\"%s\" "
            "reason=\"%s\"", what, path, strerror(errno));
    return -1;
}


/* what never changes while a board lives: header, instruments, index */

static uint64_t
board_file_statics(const board_file_t *f, const market_t *m)
{
    size_t  end;

    end = (size_t) ((const uint8_t *) m->writer.quotes
                    - (const uint8_t *) f->base);

    return XXH3_64bits(f->base, offsetof(trd_board_header_t,
                                         heartbeat_mono_ms))
           ^ XXH3_64bits((const uint8_t *) f->base + TRD_BOARD_HEADER_SIZE,
                         end - TRD_BOARD_HEADER_SIZE);
}


/* maps the board that is there; *base NULL if there is none to believe */

static void
board_file_old(const board_file_t *f, trd_board_t *old, void **base,
    size_t *size)
{
    int          fd;
    const char  *why;
    struct stat  st;

    *base = NULL;

    /* whatever lies under the name must not hold us up: a pipe would */

    fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd == -1) {
        return;
    }

    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        *size = (size_t) st.st_size;
        *base = mmap(NULL, *size, PROT_READ, MAP_SHARED, fd, 0);
    }

    (void) close(fd);

    if (*base == MAP_FAILED) {
        *base = NULL;
    }

    if (*base && trd_board_open(old, *base, *size, &why) != TRD_OK) {
        tsd_log(TSD_LOG_WARN, "old_board_ignored", "path=\"%s\" "
                "reason=\"%s\"", f->path, why);
        (void) munmap(*base, *size);
        *base = NULL;
    }
}


int
board_file_lock(board_file_t *f, const char *run_dir)
{
    int   n;
    char  lock[4096 + 16];

    memset(f, 0, sizeof(*f));
    f->lock = -1;

    n = snprintf(f->path, sizeof(f->path), "%s/board", run_dir);

    if (n < 0 || (size_t) n >= sizeof(f->path)) {
        errno = ENAMETOOLONG;
        return board_file_fail("TRADING_RUN_DIR", run_dir);
    }

    (void) snprintf(f->temp, sizeof(f->temp), "%s.tmp", f->path);
    (void) snprintf(lock, sizeof(lock), "%s.lock", f->path);

    f->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (f->lock == -1) {
        return board_file_fail("open", lock);
    }

    if (flock(f->lock, LOCK_EX | LOCK_NB) != 0) {
        tsd_log(TSD_LOG_ERROR, "already_running",
                "path=\"%s\" reason=\"another marketd writes this board\"",
                lock);
        return -1;
    }

    /* under the lock, what is left under this name is a dead writer's */
    (void) unlink(f->temp);

    return 0;
}


static int
board_file_map(board_file_t *f)
{
    int          fd;
    struct stat  st;

    fd = open(f->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd == -1) {
        return board_file_fail("open", f->temp);
    }

    if (ftruncate(fd, (off_t) f->size) != 0 || fstat(fd, &st) != 0) {
        (void) board_file_fail("ftruncate", f->temp);
        (void) close(fd);
        return -1;
    }

    f->device = (uint64_t) st.st_dev;
    f->inode = (uint64_t) st.st_ino;
    f->base = mmap(NULL, f->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    (void) close(fd);

    if (f->base == MAP_FAILED) {
        f->base = NULL;
        return board_file_fail("mmap", f->temp);
    }

    return 0;
}


/* reserves what the next second may need; a crash skips the rest */

static int
board_file_reserve(board_file_t *f, uint64_t seq)
{
    uint64_t  record[3];

    if (seq + BOARD_FILE_SEQS / 2 <= f->reserved_seq) {
        return 0;
    }

    record[0] = seq + BOARD_FILE_SEQS;
    record[1] = f->last[0];
    record[2] = f->generation;

    if (pwrite(f->lock, record, sizeof(record), 0) != (ssize_t) sizeof(record))
    {
        return board_file_fail("pwrite", "board.lock");
    }

    f->reserved_seq = record[0];

    return 0;
}


/* what a marketd before this one reserved, and for which generation */

static void
board_file_reserved(const board_file_t *f, uint64_t *seq,
    uint64_t *generations)
{
    uint64_t  record[3];

    *seq = 0;
    generations[0] = generations[1] = 0;

    if (pread(f->lock, record, sizeof(record), 0) == (ssize_t) sizeof(record)
        && record[0] <= BOARD_FILE_SEQ)
    {
        *seq = record[0];
        generations[0] = record[1];
        generations[1] = record[2];
    }
}


static int
board_file_ours(const board_file_t *f, const trd_board_t *old)
{
    return old->generation
           && (old->generation == f->last[0] || old->generation == f->last[1]);
}


int
board_file_create(board_file_t *f, market_t *m,
    const catalogue_t *catalogue, const char *catalogue_path,
    uint32_t capacity)
{
    void               *base;
    size_t              size;
    int64_t             now;
    trd_rc_t            rc;
    uint32_t            a, b;
    uint64_t            generation, seq;
    trd_board_t         old;
    trd_board_shape_t   shape;

    trd_board_shape_default(&shape);
    trd_board_shape_fit(&shape, capacity ? capacity : catalogue->n,
                        BOARD_FILE_FULL);

    if (m->map) {
        shape.extra = binary_map_extra(m->map);
    }

    if (catalogue->n > shape.capacity) {
        tsd_log(TSD_LOG_ERROR, "bad_setting",
                "name=BOARD_CAPACITY value=%u expected=\"at least the %u "
                "instruments of the catalogue\"", capacity, catalogue->n);
        return -1;
    }

    f->size = trd_board_size(&shape);

    if (board_file_map(f) != 0) {
        return -1;
    }

    now = tsd_wall_ms();
    generation = (uint64_t) now;
    board_file_reserved(f, &seq, f->last);

    board_file_old(f, &old, &base, &size);

    if (base) {
        if (board_file_ours(f, &old)) {
            f->last[0] = old.generation;
            seq = trd_board_seq(&old);      /* ours: exactly where it was */
        }

        if (old.generation >= generation) {
            generation = old.generation + 1;
        }

        (void) munmap(base, size);
    }

    f->generation = generation;

    if (board_file_reserve(f, seq) != 0) {
        return -1;
    }

    a = b = 0;
    rc = trd_board_create(&m->writer, f->base, f->size, &shape,
                          catalogue->instruments, catalogue->n, generation,
                          seq, now, (uint32_t) getpid(), &a, &b);

    if (rc != TRD_OK) {
        catalogue_clash(catalogue_path, catalogue, a, b);
        return -1;
    }

    if (m->map) {
        trd_board_set_map(&m->writer, m->map->slots.version);
    }

    f->statics_hash = board_file_statics(f, m);

    return 0;
}


void
board_file_carry(board_file_t *f, market_t *m)
{
    void         *base;
    size_t        size;
    trd_board_t   old;

    if (m->virtual_clock) {
        return;
    }

    board_file_old(f, &old, &base, &size);

    if (base == NULL) {
        return;
    }

    /* a board that is not from here is no memory of ours */
    if (board_file_ours(f, &old)) {
        tsd_log(TSD_LOG_INFO, "quotes_carried", "count=%u generation=%llu",
                market_carry(m, &old), (unsigned long long) old.generation);
    }

    (void) munmap(base, size);
}


int
board_file_publish(board_file_t *f)
{
    if (rename(f->temp, f->path) != 0) {
        return board_file_fail("rename", f->path);
    }

    return 0;
}


int
board_file_check(board_file_t *f, market_t *m)
{
    struct stat  st;

    if (stat(f->path, &st) != 0) {
        return board_file_fail("stat", f->path);
    }

    if ((uint64_t) st.st_dev != f->device || (uint64_t) st.st_ino != f->inode)
    {
        tsd_log(TSD_LOG_ERROR, "board_failed", "what=replaced path=\"%s\"",
                f->path);
        return -1;
    }

    if ((size_t) st.st_size != f->size) {
        tsd_log(TSD_LOG_ERROR, "board_failed", "what=resized path=\"%s\"",
                f->path);
        return -1;
    }

    if (++f->checks % 10 == 0 && board_file_statics(f, m) != f->statics_hash) {
        tsd_log(TSD_LOG_ERROR, "board_failed", "what=corrupted path=\"%s\"",
                f->path);
        return -1;
    }

    return board_file_reserve(f, m->writer.seq);
}


void
board_file_close(board_file_t *f)
{
    if (f->base) {
        (void) munmap(f->base, f->size);
        f->base = NULL;
    }

    if (f->lock != -1) {
        (void) close(f->lock);
        f->lock = -1;
    }
}
