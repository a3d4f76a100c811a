/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Clients of streams that come, ask for this and that, and vanish:
 *
 *     stream_vanish PORT CLIENTS SECONDS LIFE_MS SEED SYMBOL...
 *
 * CLIENTS connections at a time, WebSocket and SSE, each with a life of its
 * own, LIFE_MS on average.  They subscribe by their address and by messages,
 * in all combinations, send what is no message, stop reading, and leave in
 * every way there is: with a close frame, with a FIN, a reset, in the middle
 * of a frame, a request or a handshake.  A new one takes the place at once.
 * Prints what became of them as one line of JSON; exit 1 if some could not
 * connect or were refused.  The same SEED makes the same choices.
 */

#define _GNU_SOURCE
#include <math.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "stream_client.h"
#include "trd_ws.h"
#include "tsd_log.h"

#define VANISH_STEP_US   5000       /* between looks at who is due */
#define VANISH_SAYS_US   1500000    /* between messages, on average */
#define VANISH_READ      65536

typedef enum {
    VANISH_CLOSE = 0,               /* a close frame, then FIN */
    VANISH_FIN,
    VANISH_RESET,
    VANISH_FRAME,                   /* half a frame, then FIN */
    VANISH_REQUEST,                 /* half a request, then FIN */
    VANISH_WAYS
} vanish_way_t;

typedef struct {
    int           fd;               /* -1: none */
    uint8_t       way;              /* vanish_way_t */
    uint8_t       mute;
    uint8_t       asked;            /* the request was sent */
    int64_t       end_us;
    int64_t       say_us;           /* its next message */
    char          text[64];
    client_in_t   in;
} vanish_conn_t;

typedef struct {
    int             port;
    int             epoll;
    int64_t         life_us;
    uint64_t        random;
    char          **symbols;
    unsigned        nsymbols;
    vanish_conn_t  *now;            /* whose bytes are being looked at */
    uint64_t        connected;
    uint64_t        failed;         /* could not connect */
    uint64_t        refused;        /* were answered with something else */
    uint64_t        left;           /* by the server */
    uint64_t        said;
    uint64_t        heard;
    uint64_t        bytes;
    uint64_t        ways[VANISH_WAYS];
    uint8_t         buf[VANISH_READ];
} vanish_t;


/* xorshift64*: 0 .. n - 1 */

static unsigned
vanish_random(vanish_t *v, unsigned n)
{
    v->random ^= v->random >> 12;
    v->random ^= v->random << 25;
    v->random ^= v->random >> 27;

    return (unsigned) ((v->random * 0x2545F4914F6CDD1DULL) >> 33) % n;
}


/* as between things that happen by themselves, so often on average */

static int64_t
vanish_after(vanish_t *v, int64_t us)
{
    double  part = (vanish_random(v, 1U << 24) + 1) / (double) (1U << 24);

    return (int64_t) (-log(part) * (double) us);
}


static const char *
vanish_channels(vanish_t *v, int json)
{
    static const char  *const plain[] = {
        "prices", "prices,candles", "trades", "orderbook", "signals,prices",
        "market_data,health", "prices,trades,orderbook,candles,signals"
    };
    static const char  *const quoted[] = {
        "\"prices\"", "\"prices\",\"candles\"", "\"trades\"",
        "\"orderbook\"", "\"signals\"", "\"health\"", "\"candles\",\"trades\""
    };

    return (json ? quoted : plain)[vanish_random(v, 7)];
}


static const char *
vanish_symbol(vanish_t *v)
{
    return v->symbols[vanish_random(v, v->nsymbols)];
}


static void
vanish_path(vanish_t *v, int sse, char *buf, size_t size)
{
    int  n;

    if (!sse && vanish_random(v, 4) == 0) {
        (void) snprintf(buf, size, "/ws");
        return;
    }

    n = snprintf(buf, size, "%s?channels=%s", sse ? "/sse" : "/ws",
                 vanish_channels(v, 0));

    if (vanish_random(v, 3)) {
        (void) snprintf(buf + n, size - (size_t) n, "&symbols=%s,%s",
                        vanish_symbol(v), vanish_symbol(v));
    }
}


/* what a client may send, and what it had better not */

static size_t
vanish_words(vanish_t *v, char *buf, size_t size)
{
    switch (vanish_random(v, 8)) {

    case 0:
    case 1:
    case 2:
        return (size_t) snprintf(buf, size, "{\"type\":\"subscribe\",\"id\":7,"
                   "\"channels\":[%s],\"symbols\":[\"%s\",\"%s\"]}",
                   vanish_channels(v, 1), vanish_symbol(v), vanish_symbol(v));
    case 3:
        return (size_t) snprintf(buf, size, "{\"type\":\"unsubscribe\","
                                 "\"channels\":[%s]}", vanish_channels(v, 1));
    case 4:
        return (size_t) snprintf(buf, size, "{\"type\":\"subscribe\","
                                 "\"channels\":[%s],\"seq\":%u}",
                                 vanish_channels(v, 1),
                                 vanish_random(v, 1U << 20));
    case 5:
        return (size_t) snprintf(buf, size, "{\"type\":\"list\"}");

    case 6:
        return (size_t) snprintf(buf, size, "{\"type\":\"ping\",\"id\":\"x\"}");

    default:
        return (size_t) snprintf(buf, size, "{\"type\":\"%s\",\"channels\":",
                                 vanish_symbol(v));
    }
}


static void
vanish_say(vanish_t *v, vanish_conn_t *c)
{
    char     text[512];
    size_t   n;
    uint8_t  frame[sizeof(text) + 8];

    n = client_frame(frame, TRD_WS_TEXT, text,
                     vanish_words(v, text, sizeof(text)));

    if (send(c->fd, frame, n, MSG_NOSIGNAL) == (ssize_t) n) {
        v->said++;
    }
}


static void
vanish_begin(vanish_t *v, vanish_conn_t *c, int64_t now)
{
    struct epoll_event  ev;

    memset(c, 0, sizeof(*c));
    c->in.sse = vanish_random(v, 4) == 0;
    c->in.text = c->text;
    c->in.room = sizeof(c->text);
    c->mute = vanish_random(v, 16) == 0;
    c->way = (uint8_t) vanish_random(v, VANISH_WAYS);
    c->end_us = now + vanish_after(v, v->life_us);
    c->say_us = now + vanish_after(v, VANISH_SAYS_US);
    c->fd = client_connect(v->port, vanish_random(v, CLIENT_SOURCES),
                           c->mute ? VANISH_READ : 0);
    ev.events = EPOLLIN | EPOLLOUT;
    ev.data.ptr = c;

    if (c->fd == -1 || epoll_ctl(v->epoll, EPOLL_CTL_ADD, c->fd, &ev) != 0) {
        v->failed++;
        return;
    }

    v->connected++;
}


static void
vanish_end(vanish_t *v, vanish_conn_t *c)
{
    uint8_t        frame[16];
    struct linger  off = { 1, 0 };

    v->ways[c->way]++;

    if (c->way == VANISH_CLOSE && !c->in.sse && c->in.header == 4) {
        (void) send(c->fd, frame, client_frame(frame, TRD_WS_CLOSE,
                                               "\x03\xe8", 2), MSG_NOSIGNAL);

    } else if (c->way == VANISH_FRAME && !c->in.sse) {
        (void) client_frame(frame, TRD_WS_TEXT, "{\"type\"", 7);
        (void) send(c->fd, frame, 9, MSG_NOSIGNAL);

    } else if (c->way == VANISH_RESET) {
        (void) setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off));
    }

    (void) close(c->fd);
    c->fd = -1;
}


static void
vanish_message(void *ctx, unsigned opcode, const char *text, size_t len)
{
    vanish_t  *v = ctx;
    uint8_t    pong[TRD_WS_CONTROL_MAX + 8];

    v->heard++;

    if (opcode == TRD_WS_PING && len <= sizeof(v->now->text)) {
        (void) send(v->now->fd, pong,
                    client_frame(pong, TRD_WS_PONG, text, len), MSG_NOSIGNAL);
    }
}


static void
vanish_ask(vanish_t *v, vanish_conn_t *c)
{
    char                path[256];
    struct epoll_event  ev;

    static const char   half[] = "GET /ws HTTP/1.1\r\nHost: be";

    ev.events = EPOLLIN;
    ev.data.ptr = c;
    c->asked = 1;
    vanish_path(v, c->in.sse, path, sizeof(path));

    if (c->way == VANISH_REQUEST) {
        (void) send(c->fd, half, sizeof(half) - 1, MSG_NOSIGNAL);

    } else if (client_request(c->fd, path, c->in.sse) != 0) {
        v->failed++;
    }

    (void) epoll_ctl(v->epoll, EPOLL_CTL_MOD, c->fd, &ev);
}


static void
vanish_event(vanish_t *v, vanish_conn_t *c, uint32_t events)
{
    ssize_t  n;
    uint8_t  before = c->in.header;

    if (c->fd == -1) {
        return;
    }

    if (!c->asked) {
        vanish_ask(v, c);
        return;
    }

    n = recv(c->fd, v->buf, sizeof(v->buf), 0);

    if (n == 0 || (n == -1 && errno != EAGAIN) || events & EPOLLERR) {
        v->left++;
        (void) close(c->fd);
        c->fd = -1;
        return;
    }

    if (n <= 0) {
        return;
    }

    if (before == 0 && n > 12 && memcmp(v->buf, "HTTP/1.1 101", 12) != 0
        && memcmp(v->buf, "HTTP/1.1 200", 12) != 0)
    {
        v->refused++;
        (void) fprintf(stderr, "%.*s\n", (int) (n > 600 ? 600 : n), v->buf);
    }

    v->bytes += (uint64_t) n;
    v->now = c;
    client_feed(&c->in, v->buf, (size_t) n, vanish_message, v);

    if (c->mute && c->in.header == 4) {
        (void) epoll_ctl(v->epoll, EPOLL_CTL_DEL, c->fd, NULL);
    }
}


/* those who are due leave, and others come */

static void
vanish_turn(vanish_t *v, vanish_conn_t *conns, long n, int64_t now)
{
    long            i;
    vanish_conn_t  *c;

    for (i = 0; i < n; i++) {
        c = &conns[i];

        if (c->fd != -1 && now >= c->end_us) {
            vanish_end(v, c);
        }

        if (c->fd == -1) {
            vanish_begin(v, c, now);

        } else if (now >= c->say_us && c->in.header == 4 && !c->in.sse) {
            vanish_say(v, c);
            c->say_us = now + vanish_after(v, VANISH_SAYS_US);
        }
    }
}


static void
vanish_report(const vanish_t *v)
{
    (void) printf("{\"connected\":%llu,\"failed\":%llu,\"refused\":%llu,"
                  "\"left_by_server\":%llu,\"said\":%llu,\"heard\":%llu,"
                  "\"bytes\":%llu,\"close\":%llu,\"fin\":%llu,\"reset\":%llu,"
                  "\"half_frame\":%llu,\"half_request\":%llu}\n",
                  (unsigned long long) v->connected,
                  (unsigned long long) v->failed,
                  (unsigned long long) v->refused,
                  (unsigned long long) v->left,
                  (unsigned long long) v->said,
                  (unsigned long long) v->heard,
                  (unsigned long long) v->bytes,
                  (unsigned long long) v->ways[VANISH_CLOSE],
                  (unsigned long long) v->ways[VANISH_FIN],
                  (unsigned long long) v->ways[VANISH_RESET],
                  (unsigned long long) v->ways[VANISH_FRAME],
                  (unsigned long long) v->ways[VANISH_REQUEST]);
}


int
main(int argc, char **argv)
{
    int                  i, n;
    long                 clients;
    int64_t              now, due, end;
    vanish_conn_t       *conns;
    static vanish_t      v;
    struct epoll_event   evs[256];

    if (argc < 7 || (clients = atol(argv[2])) < 1 || atol(argv[3]) < 1
        || atol(argv[4]) < 1)
    {
        (void) fprintf(stderr, "usage: stream_vanish PORT CLIENTS SECONDS "
                       "LIFE_MS SEED SYMBOL...\n");
        return 2;
    }

    client_files();
    v.port = atoi(argv[1]);
    v.life_us = atol(argv[4]) * 1000;
    v.random = (strtoull(argv[5], NULL, 10) + 1) * 0x9E3779B97F4A7C15ULL;
    v.symbols = argv + 6;
    v.nsymbols = (unsigned) (argc - 6);
    v.epoll = epoll_create1(EPOLL_CLOEXEC);
    conns = calloc((size_t) clients, sizeof(*conns));

    if (v.epoll == -1 || conns == NULL) {
        perror("stream_vanish");
        return 1;
    }

    for (i = 0; i < clients; i++) {
        conns[i].fd = -1;
    }

    due = tsd_mono_us();
    end = due + atol(argv[3]) * 1000000;

    while ((now = tsd_mono_us()) < end) {

        if (now >= due) {
            vanish_turn(&v, conns, clients, now);
            due = now + VANISH_STEP_US;
        }

        n = epoll_wait(v.epoll, evs, 256, 1);

        for (i = 0; i < n; i++) {
            vanish_event(&v, evs[i].data.ptr, evs[i].events);
        }
    }

    vanish_report(&v);
    free(conns);

    return v.failed || v.refused ? 1 : 0;
}
