/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Clients of streams for bench/stream_load and bench/stream_vanish: how they
 * connect, and where the messages are in what they read.
 */

#ifndef BENCH_STREAM_CLIENT_H
#define BENCH_STREAM_CLIENT_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENT_SOURCES  8       /* local addresses, 127.0.0.2 and on */

/*
 * What a reader keeps between two reads: where it is in a frame or a line,
 * and the first bytes of the message, as many as it has room for.
 */
typedef struct {
    uint8_t   sse;
    uint8_t   header;           /* 4: the answer's header is over; before that
                                   so many of "\r\n\r\n" were seen */
    uint8_t   head_len;
    uint8_t   head[10];
    uint16_t  room;
    uint16_t  text_len;
    uint64_t  left;             /* of the payload */
    char     *text;
} client_in_t;

/* a message is whole: its opcode (of an event: 1) and how it begins */
typedef void (*client_message_t)(void *ctx, unsigned opcode, const char *text,
    size_t len);


/* as many descriptors as we may have */

static inline void
client_files(void)
{
    struct rlimit  files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &files);
    }
}


/*
 * A socket that is connecting, or -1.  Ports do not suffice for many that
 * come and go, so `n` also tells from which local address it comes.
 */

static inline int
client_connect(int port, unsigned n, int rcvbuf)
{
    int                 fd, one = 1;
    struct sockaddr_in  sin;

    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd == -1) {
        return -1;
    }

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + n % CLIENT_SOURCES);

    (void) setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one,
                      sizeof(one));

    if (rcvbuf) {
        (void) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
    }

    if (bind(fd, (struct sockaddr *) &sin, sizeof(sin)) == 0) {
        sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        sin.sin_port = htons((uint16_t) port);

        if (connect(fd, (struct sockaddr *) &sin, sizeof(sin)) == 0
            || errno == EINPROGRESS)
        {
            return fd;
        }
    }

    (void) close(fd);

    return -1;
}


static inline int
client_request(int fd, const char *path, int sse)
{
    int   n;
    char  buf[2048];

    n = snprintf(buf, sizeof(buf), "GET %s HTTP/1.1\r\nHost: bench\r\n%s\r\n",
                 path, sse ? "Accept: text/event-stream\r\n"
                           : "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                             "Sec-WebSocket-Version: 13\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");

    return send(fd, buf, (size_t) n, MSG_NOSIGNAL) == n ? 0 : -1;
}


/* a frame as clients send it; the mask is of zeros, which masks all the same.
   Returns its length; buf has 8 bytes more than the payload, which is below
   64 KB. */

static inline size_t
client_frame(uint8_t *buf, unsigned opcode, const char *text, size_t len)
{
    size_t  n = 2;

    buf[0] = (uint8_t) (0x80 | opcode);

    if (len < 126) {
        buf[1] = (uint8_t) (0x80 | len);

    } else {
        buf[1] = 0x80 | 126;
        buf[2] = (uint8_t) (len >> 8);
        buf[3] = (uint8_t) len;
        n = 4;
    }

    memset(buf + n, 0, 4);
    memcpy(buf + n + 4, text, len);

    return n + 4 + len;
}


static inline size_t
client_header(client_in_t *in, const uint8_t *p, size_t len)
{
    size_t  i;

    for (i = 0; i < len && in->header < 4; i++) {
        in->header = (p[i] == "\r\n\r\n"[in->header])
                     ? (uint8_t) (in->header + 1) : (p[i] == '\r');
    }

    return i;
}


static inline void
client_keep(client_in_t *in, const uint8_t *p, size_t len)
{
    size_t  n = in->room - in->text_len;

    n = len < n ? len : n;
    memcpy(in->text + in->text_len, p, n);
    in->text_len = (uint16_t) (in->text_len + n);
}


/* bytes of a frame's head that say how long it is */

static inline size_t
client_head_size(const client_in_t *in)
{
    if (in->head_len < 2) {
        return 2;
    }

    return (in->head[1] & 127) < 126 ? 2 : (in->head[1] & 127) == 126 ? 4 : 10;
}


static inline void
client_frames(client_in_t *in, const uint8_t *p, size_t len,
    client_message_t message, void *ctx)
{
    size_t          n, i;
    const uint8_t  *end = p + len;

    while (p < end) {
        if (in->head_len < client_head_size(in)) {
            in->head[in->head_len++] = *p++;

            if (in->head_len < client_head_size(in)) {
                continue;
            }

            n = in->head_len;
            in->left = (n == 2) ? in->head[1] & 127 : 0;

            for (i = 2; i < n; i++) {
                in->left = in->left << 8 | in->head[i];
            }

            in->text_len = 0;
        }

        n = (size_t) (end - p);
        n = in->left < n ? (size_t) in->left : n;
        client_keep(in, p, n);
        p += n;
        in->left -= n;

        if (in->left == 0) {
            in->head_len = 0;
            message(ctx, in->head[0] & 15, in->text, in->text_len);
        }
    }
}


/* lines "data: ..."; chunks' sizes are other lines, which do not count */

static inline void
client_events(client_in_t *in, const uint8_t *p, size_t len,
    client_message_t message, void *ctx)
{
    const uint8_t  *nl, *end = p + len;

    while (p < end) {
        nl = memchr(p, '\n', (size_t) (end - p));
        client_keep(in, p, (size_t) ((nl ? nl : end) - p));

        if (nl == NULL) {
            return;
        }

        if (in->text_len > 6 && memcmp(in->text, "data: ", 6) == 0) {
            message(ctx, 1, in->text + 6, in->text_len - 6U);
        }

        in->text_len = 0;
        p = nl + 1;
    }
}


static inline void
client_feed(client_in_t *in, const uint8_t *p, size_t len,
    client_message_t message, void *ctx)
{
    size_t  n;

    n = client_header(in, p, len);

    if (n == len) {
        return;
    }

    if (in->sse) {
        client_events(in, p + n, len - n, message, ctx);

    } else {
        client_frames(in, p + n, len - n, message, ctx);
    }
}

#endif /* BENCH_STREAM_CLIENT_H */
