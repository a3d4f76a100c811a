/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Reading and replacing state files; see state_file.h.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state_file.h"


char *
state_file_path(const char *dir, const char *name)
{
    char    *path;
    size_t   size;

    size = strlen(dir) + strlen(name) + 2;
    path = malloc(size);

    if (path) {
        (void) snprintf(path, size, "%s/%s", dir, name);
    }

    return path;
}


int
state_file_dir(const char *dir)
{
    return mkdir(dir, 0755) == 0 || errno == EEXIST ? 0 : -1;
}


static char *
state_file_take(int fd, size_t max, size_t *len, const char **why)
{
    char         *buf;
    ssize_t       n;
    size_t        size;
    struct stat   st;

    if (fstat(fd, &st) != 0) {
        *why = strerror(errno);
        return NULL;
    }

    if (!S_ISREG(st.st_mode) || (uint64_t) st.st_size > max) {
        *why = S_ISREG(st.st_mode) ? "too large" : "not a file";
        return NULL;
    }

    size = (size_t) st.st_size;
    buf = malloc(size + 1);

    if (buf == NULL) {
        *why = "no memory";
        return NULL;
    }

    for (*len = 0; *len < size; *len += (size_t) n) {
        n = read(fd, buf + *len, size - *len);

        if (n <= 0) {
            *why = n == 0 ? "cut short" : strerror(errno);
            free(buf);
            return NULL;
        }
    }

    buf[size] = '\0';

    return buf;
}


char *
state_file_read(const char *path, size_t max, size_t *len, const char **why)
{
    int    fd;
    char  *buf;

    *why = NULL;

    /* whatever lies under the name must not hold us up: a pipe would */

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd == -1) {
        *why = errno == ENOENT ? NULL : strerror(errno);
        return NULL;
    }

    buf = state_file_take(fd, max, len, why);
    (void) close(fd);

    return buf;
}


void
state_file_refuse(const char *path)
{
    char    *aside;
    size_t   size;

    size = strlen(path) + sizeof(".refused");
    aside = malloc(size);

    if (aside) {
        (void) snprintf(aside, size, "%s.refused", path);
        (void) rename(path, aside);
        free(aside);
    }
}


int
state_file_write(const char *path, const void *data, size_t len)
{
    int          fd, rc, reason;
    char        *temp;
    size_t       size, done;
    ssize_t      n;
    const char  *p;

    size = strlen(path) + sizeof(".tmp");
    temp = malloc(size);

    if (temp == NULL) {
        return -1;
    }

    (void) snprintf(temp, size, "%s.tmp", path);
    p = data;
    rc = -1;

    fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd != -1) {
        for (done = 0; done < len; done += (size_t) n) {
            n = write(fd, p + done, len - done);

            if (n <= 0) {
                break;
            }
        }

        reason = errno;

        if (close(fd) == 0 && done == len) {
            rc = rename(temp, path);

        } else {
            errno = reason;
        }
    }

    reason = errno;
    free(temp);
    errno = reason;

    return rc;
}
