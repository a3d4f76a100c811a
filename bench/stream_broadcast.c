/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What streams are measured against: the least that a server can do which
 * sends the same bytes to the same sockets.
 *
 *     stream_broadcast BOARD PORT INTERVAL_MS SECONDS
 *
 * Follows the board's journal, and every interval writes the quotes that
 * changed as frames, once, and sends them to every connection by one write.
 * With the interval 0 it does so whenever the board's writer wakes it.
 * There are no requests, subscriptions, snapshots or timeouts: a connection
 * is answered with a fixed 101 when its request is over, and gets everything.
 * A socket that is full keeps the rest of the frame that was cut and misses
 * batches until it is writable again.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "trd_board_map.h"
#include "trd_quote_json.h"
#include "trd_stream_json.h"
#include "trd_ws.h"
#include "tsd_log.h"

#define BROADCAST_MAX    65536          /* descriptors */
#define BROADCAST_FRAME  4096
#define BROADCAST_READY  "HTTP/1.1 101 Switching Protocols\r\n"              \
                         "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n"

typedef struct {
    uint8_t    open;            /* 1: its request is read, 2: it is served */
    uint8_t    line;            /* of "\r\n\r\n" so many were seen */
    uint16_t   rest_len;
    uint8_t   *rest;            /* of the frame that was cut, or NULL */
} broadcast_conn_t;

typedef struct {
    int                epoll;
    int                listen;
    int                wake;            /* to the writer; -1: by interval */
    int                top;             /* the highest descriptor + 1 */
    broadcast_conn_t  *conns;           /* by descriptor */
    trd_board_map_t    map;
    uint64_t           cursor;
    uint64_t          *changed;         /* seq of an instrument's newest */
    uint32_t          *list;            /* of those that changed */
    uint32_t           n;
    uint8_t           *batch;
    size_t            *ends;            /* of its frames */
    size_t             len;
} broadcast_t;


static void
broadcast_failed(const char *what)
{
    perror(what);
    exit(1);
}


static void
broadcast_watch(broadcast_t *b, int fd, int op, uint32_t events)
{
    struct epoll_event  ev;

    ev.events = events;
    ev.data.fd = fd;

    if (epoll_ctl(b->epoll, op, fd, &ev) != 0) {
        broadcast_failed("epoll_ctl");
    }
}


static void
broadcast_open(broadcast_t *b, char **argv)
{
    int                 err, one = 1;
    const char         *why;
    trd_file_id_t       id;
    struct rlimit       files;
    struct sockaddr_in  at;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &files);
    }

    if (trd_board_map_open(&b->map, argv[1], &id, &why, &err) != TRD_OK) {
        (void) fprintf(stderr, "%s: %s\n", argv[1], why);
        exit(1);
    }

    memset(&at, 0, sizeof(at));
    at.sin_family = AF_INET;
    at.sin_port = htons((uint16_t) atoi(argv[2]));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    b->epoll = epoll_create1(EPOLL_CLOEXEC);
    b->listen = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    b->conns = calloc(BROADCAST_MAX, sizeof(*b->conns));
    b->changed = calloc(b->map.board.n, sizeof(*b->changed));
    b->list = calloc(b->map.board.n, sizeof(*b->list));
    b->ends = calloc(b->map.board.n, sizeof(*b->ends));
    b->batch = malloc((size_t) b->map.board.n * BROADCAST_FRAME);

    if (b->epoll == -1 || b->listen == -1 || b->conns == NULL
        || b->changed == NULL || b->list == NULL || b->ends == NULL
        || b->batch == NULL
        || setsockopt(b->listen, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one))
           != 0
        || bind(b->listen, (struct sockaddr *) &at, sizeof(at)) != 0
        || listen(b->listen, 4096) != 0)
    {
        broadcast_failed("listen");
    }

    broadcast_watch(b, b->listen, EPOLL_CTL_ADD, EPOLLIN);
    b->cursor = trd_board_seq(&b->map.board);
}


/* what the writer is asked for: see tsd_wake.h */

static void
broadcast_ask(broadcast_t *b)
{
    if (send(b->wake, &b->cursor, sizeof(b->cursor), MSG_NOSIGNAL)
        != sizeof(b->cursor))
    {
        broadcast_failed("asking the writer to wake us");
    }
}


static void
broadcast_follow(broadcast_t *b, const char *board)
{
    struct sockaddr_un  to;

    memset(&to, 0, sizeof(to));
    to.sun_family = AF_UNIX;

    if (snprintf(to.sun_path, sizeof(to.sun_path), "%s.wake", board)
        >= (int) sizeof(to.sun_path))
    {
        broadcast_failed(board);
    }

    b->wake = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (b->wake == -1
        || connect(b->wake, (struct sockaddr *) &to, sizeof(to)) != 0)
    {
        broadcast_failed(to.sun_path);
    }

    broadcast_watch(b, b->wake, EPOLL_CTL_ADD, EPOLLIN);
    broadcast_ask(b);
}


static void
broadcast_drop(broadcast_t *b, int fd)
{
    free(b->conns[fd].rest);
    memset(&b->conns[fd], 0, sizeof(b->conns[fd]));
    (void) close(fd);
}


static void
broadcast_accept(broadcast_t *b)
{
    int  fd;

    while ((fd = accept4(b->listen, NULL, NULL,
                         SOCK_NONBLOCK | SOCK_CLOEXEC)) != -1)
    {
        if (fd >= BROADCAST_MAX) {
            (void) close(fd);
            return;
        }

        /* as the module does: each batch goes out when it is written */
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int) { 1 },
                          sizeof(int));

        b->conns[fd].open = 1;
        b->top = (fd >= b->top) ? fd + 1 : b->top;
        broadcast_watch(b, fd, EPOLL_CTL_ADD, EPOLLIN);
    }
}


/* requests end with an empty line; all that comes later is not looked at */

static void
broadcast_read(broadcast_t *b, int fd)
{
    char               buf[4096];
    ssize_t            i, n;
    broadcast_conn_t  *c = &b->conns[fd];

    n = recv(fd, buf, sizeof(buf), 0);

    if (n == 0 || (n == -1 && errno != EAGAIN)) {
        broadcast_drop(b, fd);
        return;
    }

    for (i = 0; i < n && c->open == 1; i++) {
        c->line = (buf[i] == "\r\n\r\n"[c->line]) ? c->line + 1
                                                  : (buf[i] == '\r');

        if (c->line == 4) {
            c->open = 2;

            if (send(fd, BROADCAST_READY, strlen(BROADCAST_READY),
                     MSG_NOSIGNAL)
                != (ssize_t) strlen(BROADCAST_READY))
            {
                broadcast_drop(b, fd);
            }

            return;
        }
    }
}


/* the socket takes something again */

static void
broadcast_writable(broadcast_t *b, int fd)
{
    ssize_t            n;
    broadcast_conn_t  *c = &b->conns[fd];

    n = send(fd, c->rest, c->rest_len, MSG_NOSIGNAL);

    if (n == -1) {
        if (errno != EAGAIN) {
            broadcast_drop(b, fd);
        }

        return;
    }

    c->rest_len = (uint16_t) (c->rest_len - n);
    memmove(c->rest, c->rest + n, c->rest_len);

    if (c->rest_len == 0) {
        free(c->rest);
        c->rest = NULL;
        broadcast_watch(b, fd, EPOLL_CTL_MOD, EPOLLIN);
    }
}


static void
broadcast_send(broadcast_t *b, int fd)
{
    size_t             cut;
    ssize_t            n;
    uint32_t           i;
    broadcast_conn_t  *c = &b->conns[fd];

    n = send(fd, b->batch, b->len, MSG_NOSIGNAL);

    if (n == (ssize_t) b->len || (n == -1 && errno == EAGAIN)) {
        return;
    }

    if (n == -1) {
        broadcast_drop(b, fd);
        return;
    }

    for (i = 0; b->ends[i] < (size_t) n; i++) { /* void */ }

    cut = b->ends[i] - (size_t) n;

    if (cut == 0) {
        return;
    }

    c->rest = malloc(cut);

    if (c->rest == NULL) {
        broadcast_failed("malloc");
    }

    memcpy(c->rest, b->batch + n, cut);
    c->rest_len = (uint16_t) cut;
    broadcast_watch(b, fd, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
}


/* what changed since, each instrument once */

static void
broadcast_journal(broadcast_t *b)
{
    uint32_t      i;
    trd_change_t  change;

    b->n = 0;

    while (trd_board_journal(&b->map.board, b->cursor + 1, &i, &change)
           == TRD_OK)
    {
        b->cursor++;

        if (change == TRD_CHANGE_QUOTE) {
            if (b->changed[i] == 0) {
                b->list[b->n++] = i;
            }

            b->changed[i] = b->cursor;
        }
    }

    if (trd_board_seq(&b->map.board) > b->cursor + b->map.board.journal_mask) {
        b->cursor = trd_board_seq(&b->map.board);
    }
}


static void
broadcast_batch(broadcast_t *b)
{
    uint32_t          i, k;
    uint8_t           text[BROADCAST_FRAME - TRD_WS_HEAD_MAX];
    trd_quote_t       q;
    trd_writer_t      w;
    trd_instrument_t  in;

    b->len = 0;

    for (k = 0; k < b->n; k++) {
        i = b->list[k];

        if (trd_board_quote(&b->map.board, i, &q) != TRD_OK
            || trd_board_instrument(&b->map.board, i, &in) != TRD_OK)
        {
            broadcast_failed("quote");
        }

        trd_writer_init(&w, text, sizeof(text));
        trd_update_json_head(&w, "price_update", "prices", b->changed[i],
                             q.received_ms);
        trd_quote_json(&w, &in, &q, TRD_FIELD_ALL);
        trd_write_lit(&w, "}");

        b->len += trd_ws_head(b->batch + b->len, TRD_WS_TEXT, 0,
                              trd_writer_len(&w));
        memcpy(b->batch + b->len, text, trd_writer_len(&w));
        b->len += trd_writer_len(&w);
        b->ends[k] = b->len;
        b->changed[i] = 0;
    }
}


static void
broadcast_flush(broadcast_t *b)
{
    int  fd;

    broadcast_journal(b);
    broadcast_batch(b);

    for (fd = 0; b->len && fd < b->top; fd++) {
        if (b->conns[fd].open == 2 && b->conns[fd].rest == NULL) {
            broadcast_send(b, fd);
        }
    }

    while (b->top && b->conns[b->top - 1].open == 0) {
        b->top--;
    }
}


static void
broadcast_woken(broadcast_t *b)
{
    char  byte;

    if (recv(b->wake, &byte, 1, 0) != 1) {
        broadcast_failed("the writer left");
    }

    broadcast_flush(b);
    broadcast_ask(b);
}


int
main(int argc, char **argv)
{
    int                  i, n, fd;
    int64_t              now, due, end, step;
    struct epoll_event   evs[512];
    static broadcast_t   b;

    if (argc != 5 || (step = atol(argv[3]) * 1000) < 0
        || atol(argv[4]) < 1)
    {
        (void) fprintf(stderr, "usage: stream_broadcast BOARD PORT "
                       "INTERVAL_MS SECONDS\n");
        return 2;
    }

    broadcast_open(&b, argv);
    end = tsd_mono_us() + atol(argv[4]) * 1000000;
    due = step ? tsd_mono_us() + step : end;
    b.wake = -1;

    if (step == 0) {
        broadcast_follow(&b, argv[1]);
    }

    while ((now = tsd_mono_us()) < end) {

        if (now >= due) {
            broadcast_flush(&b);
            due = now + step;
            now = tsd_mono_us();
        }

        n = epoll_wait(b.epoll, evs, 512,
                       due > now ? (int) ((due - now + 999) / 1000) : 0);

        for (i = 0; i < n; i++) {
            fd = evs[i].data.fd;

            if (fd == b.listen) {
                broadcast_accept(&b);
                continue;
            }

            if (fd == b.wake) {
                broadcast_woken(&b);
                continue;
            }

            if (evs[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                broadcast_read(&b, fd);
            }

            if (evs[i].events & EPOLLOUT && b.conns[fd].rest) {
                broadcast_writable(&b, fd);
            }
        }
    }

    trd_board_map_close(&b.map);

    return 0;
}
