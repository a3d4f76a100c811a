/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What code under test writes to standard error, for tests of messages.
 */

#ifndef CAPTURE_H
#define CAPTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct {
    int    saved;
    FILE  *file;
    char   text[4096];
} capture_t;


static inline void
capture_start(capture_t *c)
{
    c->file = tmpfile();
    (void) fflush(stderr);
    c->saved = dup(STDERR_FILENO);

    if (c->file == NULL || c->saved == -1
        || dup2(fileno(c->file), STDERR_FILENO) == -1)
    {
        abort();
    }
}


static inline void
capture_stop(capture_t *c)
{
    size_t  n;

    (void) fflush(stderr);

    if (dup2(c->saved, STDERR_FILENO) == -1) {
        abort();
    }

    (void) close(c->saved);
    rewind(c->file);
    n = fread(c->text, 1, sizeof(c->text) - 1, c->file);
    c->text[n] = '\0';
    (void) fclose(c->file);
}

#endif /* CAPTURE_H */
