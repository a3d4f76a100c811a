/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Files of the tape: their names, and a walk over their blocks that believes
 * nothing it has not checked.
 */

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tsd_tape_file.h"


void
tsd_tape_name(char *buf, size_t size, const char *dir, trd_tape_file_t type,
    uint64_t first_seq, unsigned again)
{
    char  more[16];

    more[0] = '\0';

    if (again) {
        (void) snprintf(more, sizeof(more), "_%09u", again);
    }

    (void) snprintf(buf, size, "%s/%s-%020llu%s.%s", dir,
                    type == TRD_TAPE_RECORDS ? "tape" : "raw",
                    (unsigned long long) first_seq, more,
                    type == TRD_TAPE_RECORDS ? "trt" : "trr");
}


/* a directory's name goes into a pattern: what glob would read is escaped */

static char *
tape_pattern(const char *dir, const char *tail)
{
    char        *pattern, *p;
    const char  *s;

    pattern = malloc(2 * strlen(dir) + strlen(tail) + 1);
    if (pattern == NULL) {
        return NULL;
    }

    for (s = dir, p = pattern; *s != '\0'; s++) {
        if (strchr("*?[\\", *s)) {
            *p++ = '\\';
        }

        *p++ = *s;
    }

    strcpy(p, tail);

    return pattern;
}


static int
tape_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}


static int
tape_list_add(tsd_tape_list_t *list, const char *path)
{
    list->paths[list->n] = strdup(path);

    if (list->paths[list->n] == NULL) {
        tsd_tape_list_free(list);
        errno = ENOMEM;
        return -1;
    }

    list->n++;

    return 0;
}


int
tsd_tape_list(tsd_tape_list_t *list, const char *path, trd_tape_file_t type)
{
    int          rc;
    char        *pattern;
    size_t       i;
    glob_t       found;
    struct stat  st;

    memset(list, 0, sizeof(*list));

    if (stat(path, &st) != 0) {
        return -1;
    }

    memset(&found, 0, sizeof(found));

    if (S_ISDIR(st.st_mode)) {
        pattern = tape_pattern(path, type == TRD_TAPE_RECORDS
                                     ? "/tape-*.trt" : "/raw-*.trr");
        if (pattern == NULL) {
            return -1;
        }

        rc = glob(pattern, GLOB_NOSORT, NULL, &found);
        free(pattern);

        if (rc == GLOB_NOMATCH) {
            return 0;
        }

        if (rc != 0) {
            errno = rc == GLOB_NOSPACE ? ENOMEM : EIO;
            return -1;
        }
    }

    list->paths = calloc(found.gl_pathc + 1, sizeof(char *));
    rc = list->paths ? 0 : -1;

    if (rc == 0 && !S_ISDIR(st.st_mode)) {
        rc = tape_list_add(list, path);
    }

    for (i = 0; rc == 0 && i < found.gl_pathc; i++) {
        rc = tape_list_add(list, found.gl_pathv[i]);
    }

    globfree(&found);

    if (rc == 0) {
        qsort(list->paths, list->n, sizeof(char *), tape_compare);
    }

    return rc;
}


void
tsd_tape_list_free(tsd_tape_list_t *list)
{
    while (list->n) {
        free(list->paths[--list->n]);
    }

    free(list->paths);
    list->paths = NULL;
}


static int
tape_read(int fd, void *buf, size_t len, uint64_t at)
{
    size_t   done;
    ssize_t  n;

    for (done = 0; done < len; done += (size_t) n) {
        n = pread(fd, (char *) buf + done, len - done, (off_t) (at + done));

        if (n < 0 && errno == EINTR) {
            n = 0;
            continue;
        }

        if (n <= 0) {
            return -1;
        }
    }

    return 0;
}


static int
tape_room(uint8_t **buf, size_t *room, size_t len)
{
    uint8_t  *p;

    /* never empty, so that a pointer into it is one */
    if (len < *room) {
        return 0;
    }

    p = realloc(*buf, len + 1);
    if (p == NULL) {
        return -1;
    }

    *buf = p;
    *room = len + 1;

    return 0;
}


/* stored bytes are zstd's, of exactly so many bytes */

static int
tape_unpack(ZSTD_DCtx *zstd, uint8_t *out, size_t len, const uint8_t *stored,
    size_t stored_len)
{
    if (len == 0) {
        return stored_len == 0 ? 0 : -1;
    }

    return ZSTD_decompressDCtx(zstd, out, len, stored, stored_len) == len
           ? 0 : -1;
}


static trd_rc_t
tape_walk_head(tsd_tape_walk_t *w)
{
    uint8_t   head[TRD_TAPE_HEAD_SIZE], *stored;
    uint64_t  rest;
    trd_rc_t  rc;

    w->why = "has no sound head";

    if (w->size < sizeof(head)
        || tape_read(w->fd, head, sizeof(head), 0) != 0)
    {
        return TRD_ERROR;
    }

    rc = trd_tape_head_read(head, &w->head, &rest);

    if (rc == TRD_IGNORED) {
        (void) snprintf(w->text, sizeof(w->text), "is of format version %u, "
                        "this program reads version %u only",
                        (unsigned) w->head.version,
                        (unsigned) TRD_TAPE_VERSION);
        w->why = w->text;
    }

    if (rc != TRD_OK || w->head.stored_len > w->size - sizeof(head)) {
        return TRD_ERROR;
    }

    stored = malloc((size_t) w->head.stored_len + 1);
    w->dictionary = malloc((size_t) w->head.plain_len + 1);
    rc = TRD_ERROR;

    if (stored && w->dictionary
        && tape_read(w->fd, stored, w->head.stored_len, sizeof(head)) == 0
        && trd_tape_hash(stored, w->head.stored_len) == rest
        && tape_unpack(w->zstd, w->dictionary, w->head.plain_len, stored,
                       w->head.stored_len)
           == 0)
    {
        w->at = sizeof(head) + w->head.stored_len;
        rc = TRD_OK;
    }

    free(stored);

    return rc;
}


trd_rc_t
tsd_tape_walk_open(tsd_tape_walk_t *w, const char *path)
{
    struct stat  st;

    memset(w, 0, sizeof(*w));
    w->why = "cannot be read";
    w->fd = open(path, O_RDONLY | O_CLOEXEC);
    w->zstd = ZSTD_createDCtx();

    if (w->fd == -1 || w->zstd == NULL || fstat(w->fd, &st) != 0
        || !S_ISREG(st.st_mode))
    {
        return TRD_ERROR;
    }

    w->size = (uint64_t) st.st_size;

    return tape_walk_head(w);
}


void
tsd_tape_walk_close(tsd_tape_walk_t *w)
{
    if (w->fd > 0) {
        (void) close(w->fd);
    }

    ZSTD_freeDCtx(w->zstd);
    free(w->dictionary);
    free(w->plain);
    free(w->stored);
    memset(w, 0, sizeof(*w));
    w->fd = -1;
}


/* Is there a sound head of a block anywhere after? */

static int
tape_walk_more(tsd_tape_walk_t *w)
{
    int                found;
    size_t             i, len;
    uint8_t           *buf;
    uint64_t           at, rest;
    trd_tape_block_t   b;

    enum { CHUNK = 1 << 16 };

    buf = malloc(CHUNK);
    if (buf == NULL) {
        return 0;
    }

    found = 0;

    for (at = w->at + 1; !found && w->size - at >= TRD_TAPE_BLOCK_SIZE
                         && at < w->size;
         at += CHUNK - TRD_TAPE_BLOCK_SIZE + 1)
    {
        len = w->size - at < CHUNK ? (size_t) (w->size - at) : CHUNK;

        if (tape_read(w->fd, buf, len, at) != 0) {
            break;
        }

        for (i = 0; i + TRD_TAPE_BLOCK_SIZE <= len; i++) {
            if (trd_tape_block_read(buf + i, &b, &rest) == TRD_OK) {
                found = 1;
                break;
            }
        }
    }

    free(buf);

    return found;
}


trd_rc_t
tsd_tape_walk_next(tsd_tape_walk_t *w)
{
    size_t    len;
    uint8_t   head[TRD_TAPE_BLOCK_SIZE];
    uint64_t  rest, left;

    left = w->size - w->at;

    if (left == 0) {
        return TRD_NOT_FOUND;
    }

    w->why = "ends within a block";

    if (left < sizeof(head)) {
        return TRD_AGAIN;
    }

    if (tape_read(w->fd, head, sizeof(head), w->at) != 0) {
        w->why = "cannot be read";
        return TRD_ERROR;
    }

    if (trd_tape_block_read(head, &w->block, &rest) != TRD_OK
        || w->block.type != w->head.type)
    {
        goto damaged;
    }

    len = trd_tape_block_rest(&w->block);

    if (len > left - sizeof(head)) {
        return TRD_AGAIN;
    }

    if (tape_room(&w->stored, &w->stored_room, len) != 0
        || tape_room(&w->plain, &w->plain_room, w->block.plain_len) != 0)
    {
        w->why = "no memory";
        return TRD_ERROR;
    }

    if (tape_read(w->fd, w->stored, len, w->at + sizeof(head)) != 0
        || trd_tape_hash(w->stored, len) != rest
        || tape_unpack(w->zstd, w->plain, w->block.plain_len, w->stored,
                       w->block.stored_len)
           != 0)
    {
        goto damaged;
    }

    w->digests = w->stored + w->block.stored_len;
    w->at += sizeof(head) + len;

    return TRD_OK;

damaged:

    if (tape_walk_more(w)) {
        w->why = "has a damaged block";
        return TRD_ERROR;
    }

    return TRD_AGAIN;
}


trd_instrument_t *
tsd_tape_walk_instruments(const tsd_tape_walk_t *w)
{
    uint32_t           i;
    const uint8_t     *pos, *end;
    trd_instrument_t  *list;

    list = calloc((size_t) w->head.instruments + 1, sizeof(*list));
    if (list == NULL) {
        return NULL;
    }

    pos = w->dictionary;
    end = pos + w->head.plain_len;

    for (i = 0; i < w->head.instruments; i++) {
        if (trd_tape_entry_read(&pos, end, &list[i]) != TRD_OK) {
            free(list);
            return NULL;
        }
    }

    if (pos != end) {
        free(list);
        return NULL;
    }

    return list;
}
