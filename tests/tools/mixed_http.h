/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * As much HTTP as mixed_reads needs: a blocking connection that is filled
 * ahead, a look into a head, and gzip bodies.
 */

#ifndef MIXED_HTTP_H
#define MIXED_HTTP_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <zlib.h>

#include "mixed_seen.h"

#define READS_BODY         (8U << 20)
#define READS_SYMBOLS      64

typedef struct {
    int       fd;
    size_t    start, end;               /* of what is read and not used */
    uint64_t  last[SURFACE_N][2][READS_SYMBOLS];
    char      buf[READS_BODY];
} connection_t;

static int   port;
static char  plain[READS_BODY];


static size_t
unzip(const wanted_t *w, const char *body, size_t len)
{
    int       rc;
    z_stream  z;

    memset(&z, 0, sizeof(z));
    z.next_in = (Bytef *) (uintptr_t) body;
    z.avail_in = (uInt) len;
    z.next_out = (Bytef *) plain;
    z.avail_out = sizeof(plain);

    rc = inflateInit2(&z, 16 + MAX_WBITS);
    if (rc == Z_OK) {
        rc = inflate(&z, Z_FINISH);
        (void) inflateEnd(&z);
    }

    if (rc != Z_STREAM_END || z.avail_in) {
        violation(w, "not one gzip stream", z.msg ? z.msg : "-", 1);
        return 0;
    }

    return sizeof(plain) - z.avail_out;
}


static int
reconnect(connection_t *c)
{
    int                 on;
    struct timeval      tv = { 20, 0 };
    struct sockaddr_in  sin;

    if (c->fd != -1) {
        (void) close(c->fd);
    }

    atomic_fetch_add_explicit(&shared->connects, 1, memory_order_relaxed);

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons((uint16_t) port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    on = 1;
    c->start = c->end = 0;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);

    if (c->fd == -1
        || setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) != 0
        || setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0
        || connect(c->fd, (struct sockaddr *) &sin, sizeof(sin)) != 0)
    {
        violation(NULL, "cannot connect", strerror(errno), 80);
        return -1;
    }

    return 0;
}


/* at least `need` unused bytes in the buffer; -1: the end */

static int
fill(connection_t *c, size_t need)
{
    ssize_t  n;

    if (c->start && c->start + need + 65536 > sizeof(c->buf)) {
        memmove(c->buf, c->buf + c->start, c->end - c->start);
        c->end -= c->start;
        c->start = 0;
    }

    while (c->end - c->start < need) {
        if (need > sizeof(c->buf)) {
            return -1;
        }

        n = recv(c->fd, c->buf + c->end, sizeof(c->buf) - c->end, 0);

        if (n <= 0) {
            return -1;
        }

        c->end += (size_t) n;
    }

    return 0;
}


static const char *
header(const char *head, const char *name, size_t *len)
{
    const char  *p, *end;

    p = strcasestr(head, name);
    if (p == NULL) {
        return NULL;
    }

    p += strlen(name);
    end = strstr(p, "\r\n");
    *len = (size_t) (end - p);

    return p;
}

#endif /* MIXED_HTTP_H */
