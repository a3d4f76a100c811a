/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Small files in HISTORY_DIR that outlast marketd: read whole, replaced whole.
 * Nothing here believes what it reads; that is for those who know the format.
 */

#ifndef MARKETD_STATE_FILE_H
#define MARKETD_STATE_FILE_H

#include <stddef.h>

/* dir/name, the caller's; NULL: no memory */
char *state_file_path(const char *dir, const char *name);

/* Makes the directory if it is missing.  -1: errno says why not. */
int state_file_dir(const char *dir);

/*
 * The file as it is, the caller's to free.  NULL: *why says why in a few
 * words (static text, or errno's), or is NULL where there is no such file.
 */
char *state_file_read(const char *path, size_t max, size_t *len,
    const char **why);

/* Puts a file aside that nobody can use, as path.refused, for who wants to
   know why. */
void state_file_refuse(const char *path);

/*
 * Writes path.tmp and renames it.  Without fsync, as history.c: what a power
 * cut tears is found by its hash.  -1: errno says why.  May be called from
 * any thread, but by one at a time for a path.
 */
int state_file_write(const char *path, const void *data, size_t len);

#endif /* MARKETD_STATE_FILE_H */
