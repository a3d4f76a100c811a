/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Mappings and the guard against their faults: see trd_file_map.h.
 * The registry is static because a signal handler has nothing else to look
 * at; its entries are filled before `base` is stored and emptied after it is
 * cleared, so the handler never sees half of one.
 */

#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE
#endif
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE  200809L
#endif

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trd_file_map.h"

typedef struct {
    _Atomic uintptr_t      base;        /* 0 = free */
    size_t                 size;
    volatile sig_atomic_t  lost;
} trd_guarded_t;

static trd_guarded_t     trd_guarded[TRD_FILE_MAPS];
static struct sigaction  trd_guard_previous;
static uintptr_t         trd_guard_page;
static int               trd_guard_installed;


static void
trd_file_identify(trd_file_id_t *id, const struct stat *st)
{
    id->dev = st->st_dev;
    id->ino = st->st_ino;
    id->size = (int64_t) st->st_size;
    id->mtime_ns = (int64_t) st->st_mtim.tv_sec * 1000000000
                   + st->st_mtim.tv_nsec;
}


static int
trd_guard_add(void *base, size_t size)
{
    int  i;

    for (i = 0; i < TRD_FILE_MAPS; i++) {
        if (atomic_load(&trd_guarded[i].base) == 0) {
            trd_guarded[i].size = size;
            trd_guarded[i].lost = 0;
            atomic_store(&trd_guarded[i].base, (uintptr_t) base);
            return i;
        }
    }

    return -1;
}


trd_rc_t
trd_file_map_open(trd_file_map_t *m, const char *path, size_t min_size,
    trd_file_id_t *id, const char **why, int *err)
{
    int          fd;
    trd_rc_t     rc;
    struct stat  st;

    memset(m, 0, sizeof(trd_file_map_t));
    memset(id, 0, sizeof(trd_file_id_t));
    m->fd = -1;
    m->slot = -1;
    *err = 0;

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NOCTTY|O_NONBLOCK);

    if (fd == -1) {
        *err = errno;
        *why = "open() failed";
        return (*err == ENOENT || *err == ENOTDIR) ? TRD_NOT_FOUND : TRD_ERROR;
    }

    if (fstat(fd, &st) == -1) {
        *err = errno;
        *why = "fstat() failed";
        rc = TRD_ERROR;
        goto failed;
    }

    trd_file_identify(id, &st);

    if (!S_ISREG(st.st_mode)) {
        *why = "not a regular file";
        rc = TRD_ERROR;
        goto failed;
    }

    if (st.st_size <= 0 || (uint64_t) st.st_size < min_size
        || (uint64_t) st.st_size > SIZE_MAX / 2)
    {
        *why = "file is too short";
        rc = TRD_CORRUPT;
        goto failed;
    }

    m->size = (size_t) st.st_size;
    m->dev = st.st_dev;
    m->ino = st.st_ino;
    m->base = mmap(NULL, m->size, PROT_READ, MAP_SHARED, fd, 0);

    if (m->base == MAP_FAILED) {
        *err = errno;
        *why = "mmap() failed";
        m->base = NULL;
        rc = TRD_ERROR;
        goto failed;
    }

    m->fd = fd;
    m->slot = trd_guard_add(m->base, m->size);

    if (m->slot == -1) {
        *why = "too many files are mapped";
        trd_file_map_close(m);
        return TRD_ERROR;
    }

    return TRD_OK;

failed:

    (void) close(fd);
    return rc;
}


trd_file_t
trd_file_map_check(const trd_file_map_t *m, const char *path,
    trd_file_id_t *id)
{
    trd_file_t   file;
    struct stat  st;

    memset(id, 0, sizeof(trd_file_id_t));

    if (stat(path, &st) == -1) {
        file = TRD_FILE_NONE;

    } else {
        trd_file_identify(id, &st);
        file = (m->base && st.st_dev == m->dev && st.st_ino == m->ino)
               ? TRD_FILE_SAME : TRD_FILE_OTHER;
    }

    /* also of a mapped file that has another name by now, or none */
    if (m->base && fstat(m->fd, &st) == 0
        && (uint64_t) st.st_size < (uint64_t) m->size)
    {
        return TRD_FILE_SHRUNK;
    }

    return file;
}


int
trd_file_map_lost(const trd_file_map_t *m)
{
    return m->base && trd_guarded[m->slot].lost;
}


void
trd_file_map_close(trd_file_map_t *m)
{
    if (m->base == NULL) {
        return;
    }

    if (m->slot >= 0) {
        atomic_store(&trd_guarded[m->slot].base, 0);
    }

    (void) munmap(m->base, m->size);
    (void) close(m->fd);

    memset(m, 0, sizeof(trd_file_map_t));
    m->fd = -1;
    m->slot = -1;
}


/* Async-signal-safe: atomics, and mmap() and sigaction() as system calls. */
static void
trd_guard_handler(int signo, siginfo_t *info, void *context)
{
    int        i, saved;
    void      *page;
    uintptr_t  addr, base;

    (void) context;

    saved = errno;
    addr = (uintptr_t) info->si_addr;

    for (i = 0; i < TRD_FILE_MAPS; i++) {
        base = atomic_load(&trd_guarded[i].base);

        if (base == 0 || addr < base || addr - base >= trd_guarded[i].size) {
            continue;
        }

        page = mmap((void *) (addr & ~(trd_guard_page - 1)),
                    (size_t) trd_guard_page, PROT_READ,
                    MAP_FIXED|MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);

        if (page == MAP_FAILED) {
            break;
        }

        trd_guarded[i].lost = 1;
        errno = saved;
        return;
    }

    /*
     * Not ours: the instruction runs again, faults again, and then meets
     * whoever was responsible before; a signal that was sent is sent again.
     */

    (void) sigaction(signo, &trd_guard_previous, NULL);
    trd_guard_installed = 0;

    if (info->si_code <= 0) {
        (void) raise(signo);
    }

    errno = saved;
}


int
trd_file_guard(void)
{
    long              page;
    struct sigaction  sa;

    if (trd_guard_installed) {
        return 0;
    }

    page = sysconf(_SC_PAGESIZE);

    if (page <= 0) {
        return EINVAL;
    }

    trd_guard_page = (uintptr_t) page;

    memset(&sa, 0, sizeof(struct sigaction));
    sa.sa_sigaction = trd_guard_handler;
    sa.sa_flags = SA_SIGINFO;
    (void) sigemptyset(&sa.sa_mask);

    if (sigaction(SIGBUS, &sa, &trd_guard_previous) == -1) {
        return errno;
    }

    trd_guard_installed = 1;

    return 0;
}
