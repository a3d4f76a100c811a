/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The WebSocket client against a peer that follows a script, on loopback:
 * each case says what the peer sends and how the client must end.  Protected:
 * every way in which an exchange may misbehave ends in one on_close with the
 * right reason, and never in a wrong message.  TLS is left to tests/e2e.
 */

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "curl_loop.h"
#include "ws_client.h"
#include "ws_frames.h"

#define SWITCH     "HTTP/1.1 101 Switching Protocols\r\n"                      \
                   "upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
#define ACCEPT     "Sec-WebSocket-Accept: @\r\n"
#define GOOD       SWITCH ACCEPT "\r\n"
#define SPAN(s)    (s), sizeof(s) - 1
#define LIMIT      1000                 /* message_max of the client */

typedef struct {
    const char  *answer;        /* @ stands for the key; NULL: silence */
    const char  *frames;
    size_t       len;
    unsigned     split;         /* bytes a write; 0 = all at once */
    unsigned     flood;         /* how often `frames` is sent */
    uint8_t      hang;          /* stay silent until the client leaves */
    uint8_t      reset;         /* leave by RST */
    int          fd;
    pthread_t    thread;
    uint16_t     port;
    uint8_t      got[4096];     /* after the request, from the client */
    size_t       got_len;
} peer_t;

typedef struct {
    struct event_base  *base;
    ws_client_t        *ws;
    unsigned            opened;
    unsigned            closed;
    unsigned            texts;
    size_t              heard;
    char                text[256];      /* all texts, joined by '|' */
    char                why[WS_TEXT_MAX];
    ws_close_t          end;
    unsigned            free_at;        /* free in the n-th text */
    unsigned            bye_at;         /* say goodbye in the n-th text */
    unsigned            say_hello;
    unsigned            run_ms;         /* 0 = until it ends, or 20 s */
    unsigned            connect_ms;     /* 0 = as long as a busy machine needs
                                           for an answer byte by byte */
} user_t;


static void
peer_accept(const char *request, char *accept)
{
    char            key[25];
    char            text[25 + 36 + 1];
    unsigned        n;
    const char     *p;
    unsigned char   md[EVP_MAX_MD_SIZE];

    p = strstr(request, "Sec-WebSocket-Key: ");
    assert_non_null(p);
    snprintf(key, sizeof(key), "%.24s", p + 19);
    snprintf(text, sizeof(text), "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
             key);
    EVP_Digest(text, strlen(text), md, &n, EVP_sha1(), NULL);
    EVP_EncodeBlock((unsigned char *) accept, md, 20);
}


static void
peer_send(int fd, const char *data, size_t len, unsigned split)
{
    size_t   n;
    ssize_t  sent;

    while (len) {
        n = split && split < len ? split : len;
        sent = send(fd, data, n, MSG_NOSIGNAL);
        if (sent <= 0) {
            return;
        }

        data += sent;
        len -= (size_t) sent;

        if (split) {
            usleep(300);
        }
    }
}


static void *
peer_run(void *arg)
{
    int             fd;
    char            request[4096], answer[20000], accept_key[32];
    size_t          n = 0;
    ssize_t         got;
    peer_t         *p = arg;
    unsigned        i;
    const char     *key;
    struct linger   linger = { 1, 0 };

    fd = accept(p->fd, NULL, NULL);
    if (fd < 0) {
        return NULL;
    }

    do {
        got = recv(fd, request + n, sizeof(request) - 1 - n, 0);
        if (got <= 0) {
            goto done;
        }

        n += (size_t) got;
        request[n] = '\0';
    } while (strstr(request, "\r\n\r\n") == NULL);

    if (p->answer) {
        peer_accept(request, accept_key);
        key = strchr(p->answer, '@');
        n = key ? (size_t) (key - p->answer) : strlen(p->answer);
        snprintf(answer, sizeof(answer), "%.*s%s%s", (int) n, p->answer,
                 key ? accept_key : "", key ? key + 1 : "");
        peer_send(fd, answer, strlen(answer), p->split);
    }

    for (i = 0; p->frames && i < (p->flood ? p->flood : 1); i++) {
        peer_send(fd, p->frames, p->len, p->split);
    }

    while (p->hang) {
        got = recv(fd, p->got + p->got_len, sizeof(p->got) - p->got_len, 0);
        if (got <= 0) {
            break;
        }

        p->got_len += (size_t) got;
    }

    if (p->reset) {
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    }

done:

    close(fd);

    return NULL;
}


static void
peer_start(peer_t *p)
{
    socklen_t           len = sizeof(struct sockaddr_in);
    struct sockaddr_in  sin = { .sin_family = AF_INET };

    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    p->fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_return_code(bind(p->fd, (struct sockaddr *) &sin, len), 0);
    assert_return_code(listen(p->fd, 4), 0);
    assert_return_code(getsockname(p->fd, (struct sockaddr *) &sin, &len), 0);

    p->port = ntohs(sin.sin_port);
    assert_int_equal(pthread_create(&p->thread, NULL, peer_run, p), 0);
}


static void
on_open(void *ctx)
{
    user_t  *u = ctx;

    u->opened++;

    if (u->say_hello) {
        assert_int_equal(ws_client_send(u->ws, "hello", 5), 0);
    }
}


static void
on_heard(void *ctx, size_t bytes)
{
    ((user_t *) ctx)->heard += bytes;
}


static void
on_text(void *ctx, const char *msg, size_t len)
{
    size_t   n;
    user_t  *u = ctx;

    n = strlen(u->text);
    snprintf(u->text + n, sizeof(u->text) - n, "%s%.*s", n ? "|" : "",
             (int) len, msg);

    if (++u->texts == u->free_at) {
        ws_client_free(u->ws);
        u->ws = NULL;
        event_base_loopbreak(u->base);

    } else if (u->texts == u->bye_at) {
        ws_client_goodbye(u->ws);
    }
}


static void
on_close(void *ctx, const ws_close_t *why)
{
    user_t  *u = ctx;

    u->closed++;
    u->end = *why;
    snprintf(u->why, sizeof(u->why), "%s", why->text);

    ws_client_free(u->ws);
    u->ws = NULL;
    event_base_loopbreak(u->base);
}


static const ws_handler_t  handler = { on_open, on_heard, on_text, on_close };


static void
run_url(user_t *u, const char *url)
{
    ws_options_t    o = { 0 };
    struct timeval  limit = { 20, 0 };

    if (u->run_ms) {
        limit.tv_sec = 0;
        limit.tv_usec = (suseconds_t) u->run_ms * 1000;
    }

    u->base = event_base_new();

    o.url = url;
    o.connect_timeout_ms = u->connect_ms ? u->connect_ms : 15000;
    o.ping_idle_ms = 50;
    o.message_max = LIMIT;
    o.handler = &handler;
    o.ctx = u;

    u->ws = ws_client_connect(u->base, &o);
    assert_non_null(u->ws);

    event_base_loopexit(u->base, &limit);
    event_base_dispatch(u->base);

    if (u->ws) {
        ws_client_free(u->ws);
    }

    event_base_free(u->base);
}


/* The whole conversation; afterwards both sides have been looked at. */
static void
run(peer_t *p, user_t *u)
{
    char  url[80];

    peer_start(p);
    snprintf(url, sizeof(url), "ws://127.0.0.1:%u/stream?streams=a@trade",
             p->port);
    run_url(u, url);
    shutdown(p->fd, SHUT_RDWR);
    pthread_join(p->thread, NULL);
    close(p->fd);
}


static void
expect(const char *answer, const char *frames, size_t len,
    trd_reconnect_t reason, const char *texts)
{
    static const unsigned  splits[] = { 0, 1, 7 };

    peer_t  p;
    user_t  u;
    size_t  i;

    for (i = 0; i < 3; i++) {
        if (i && strlen(answer) + len > 500) {
            continue;
        }

        memset(&p, 0, sizeof(p));
        memset(&u, 0, sizeof(u));
        p.answer = answer;
        p.frames = frames;
        p.len = len;
        p.split = splits[i];

        /* a peer that leaves with our words unread would reset the
           connection, and with it what we have not read yet */
        p.hang = frames && reason != TRD_RECONNECT_LOST;

        run(&p, &u);

        assert_int_equal(u.closed, 1);
        assert_int_equal(u.end.reason, reason);
        assert_string_equal(u.text, texts);
    }
}


static void
test_handshake_refused(void **state)
{
    size_t  i;

    static const struct {
        const char       *answer;
        trd_reconnect_t   reason;
        int               status;
        int64_t           retry_after_ms;
    } t[] = {
        { "HTTP/1.1 404 Not Found\r\n\r\n", TRD_RECONNECT_REFUSED, 404, -1 },
        { "HTTP/1.1 503 No\r\nRetry-After: 7\r\n\r\n", TRD_RECONNECT_REFUSED,
          503, 7000 },
        { "HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\n\r\n",
          TRD_RECONNECT_REFUSED, 302, -1 },
        { "HTTP/1.1 429 Slow\r\nretry-after:  12 \r\n\r\n",
          TRD_RECONNECT_LIMITED, 429, 12000 },
        { "HTTP/1.1 429 Slow\r\n\r\n", TRD_RECONNECT_LIMITED, 429, -1 },
        { "HTTP/1.1 418 \r\nRetry-After: 120\r\n\r\n", TRD_RECONNECT_LIMITED,
          418, 120000 },
        { "HTTP/1.1 418\r\nRetry-After: soon\r\n\r\n", TRD_RECONNECT_LIMITED,
          418, -1 },
        { "HTTP/1.1 429 x\r\nRetry-After: Thu, 01 Jan 1970 00:00:01 GMT\r\n"
          "\r\n", TRD_RECONNECT_LIMITED, 429, 0 },
        { "HTTP/1.1 429 x\r\nRetry-After: 99999999999999999999\r\n\r\n",
          TRD_RECONNECT_LIMITED, 429, 7 * 24 * 3600 * 1000LL },
    };

    (void) state;

    for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        peer_t  p = { .answer = t[i].answer };
        user_t  u = { 0 };

        run(&p, &u);

        assert_int_equal(u.closed, 1);
        assert_int_equal(u.opened, 0);
        assert_int_equal(u.end.reason, t[i].reason);
        assert_int_equal(u.end.status, t[i].status);
        assert_int_equal(u.end.retry_after_ms, t[i].retry_after_ms);
    }
}


static void
test_handshake_wrong(void **state)
{
    size_t  i;

    static const char *const  answers[] = {
        SWITCH "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        SWITCH "\r\n",
        SWITCH ACCEPT "Sec-WebSocket-Accept: x\r\n\r\n",
        SWITCH ACCEPT "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
        SWITCH ACCEPT "Sec-WebSocket-Protocol: chat\r\n\r\n",
        SWITCH ACCEPT "no colon\r\n\r\n",
        SWITCH ACCEPT " folded: x\r\n\r\n",
        SWITCH ACCEPT "Space : x\r\n\r\n",
        "HTTP/1.1 101 S\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n"
            ACCEPT "\r\n",
        "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: upgrades\r\n"
            ACCEPT "\r\n",
        "HTTP/1.1 101 S\r\nUpgrade: websocket\r\n" ACCEPT "\r\n",
        "HTTP/1.0 101 S\r\n\r\n",
        "HTTP/1.1 1x1 S\r\n\r\n",
        "HTTP/1.1 1010\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "\r\n\r\n",
    };

    (void) state;

    for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        expect(answers[i], NULL, 0, TRD_RECONNECT_PROTOCOL, "");
    }
}


static void
test_handshake_too_long(void **state)
{
    char  answer[12000];

    (void) state;

    memset(answer, 'x', sizeof(answer) - 1);
    answer[sizeof(answer) - 1] = '\0';
    memcpy(answer, SPAN("HTTP/1.1 101 S\r\nX: "));

    expect(answer, NULL, 0, TRD_RECONNECT_PROTOCOL, "");
}


static void
test_handshake_hangs(void **state)
{
    peer_t  p = { .hang = 1 };
    user_t  u = { .connect_ms = 300 };

    (void) state;

    run(&p, &u);

    assert_int_equal(u.closed, 1);
    assert_int_equal(u.end.reason, TRD_RECONNECT_REFUSED);
    assert_int_equal(u.end.status, 0);
}


static void
test_handshake_cut(void **state)
{
    (void) state;

    expect("HTTP/1.1 101 Switch", NULL, 0, TRD_RECONNECT_LOST, "");
}


static void
test_nobody_listens(void **state)
{
    user_t  u = { 0 };

    (void) state;

    run_url(&u, "ws://127.0.0.1:1/");
    assert_int_equal(u.closed, 1);
    assert_int_equal(u.end.reason, TRD_RECONNECT_REFUSED);
}


static void
test_messages(void **state)
{
    (void) state;

    expect(GOOD, SPAN("\x81\x02{}\x81\x01x\x88\x02\x03\xe8"),
           TRD_RECONNECT_CLOSED, "{}|x");

    /* fragments with a ping between them; pong; binary is ignored */
    expect(GOOD, SPAN("\x01\x01""a\x89\x02hi\x00\x01""b\x8a\x00\x80\x01""c"
                      "\x82\x01z\x81\x01""d\x88\x00"),
           TRD_RECONNECT_CLOSED, "abc|d");

    /* an empty text */
    expect(GOOD, SPAN("\x81\x01y\x81\x00\x81\x01x\x88\x02\x03\xe9"),
           TRD_RECONNECT_CLOSED, "y||x");
}


static void
test_close_codes(void **state)
{
    peer_t  p = { .answer = GOOD, .hang = 1 };
    user_t  u = { 0 };

    (void) state;

    p.frames = "\x88\x0b\x03\xf0" "too \"much";
    p.len = 13;
    run(&p, &u);

    assert_int_equal(u.end.reason, TRD_RECONNECT_CLOSED);
    assert_int_equal(u.end.code, 1008);
    assert_string_equal(u.why, "closed with code 1008: too .much");

    /* masked close frame with the same code */
    assert_int_equal(p.got[0], 0x88);
    assert_true(p.got[1] & 0x80);

    /* half a code, and none that there is: an odd way to say goodbye */

    expect(GOOD, SPAN("\x88\x01\x03"), TRD_RECONNECT_CLOSED, "");
    expect(GOOD, SPAN("\x88\x02\x00\x01"), TRD_RECONNECT_PROTOCOL, "");
}


static void
test_frames_malformed(void **state)
{
    (void) state;

#define BAD(s)  expect(GOOD, SPAN("\x81\x01x" s "\x81\x01y"),                  \
                       TRD_RECONNECT_PROTOCOL, "x")

    BAD("\x81\x81\x01\x02\x03\x04x");       /* masked by a server */
    BAD("\xc1\x01x");                       /* reserved bits */
    BAD("\xa1\x01x");
    BAD("\x91\x01x");
    BAD("\x83\x01x");                       /* reserved opcodes */
    BAD("\x8b\x01x");
    BAD("\x80\x01x");                       /* continues nothing */
    BAD("\x01\x01x\x81\x01x");              /* a text within a text */
    BAD("\x09\x01x");                       /* a ping in fragments */
    BAD("\x89\x7e\x00\x7e");                /* a ping that is too long */
    BAD("\x81\x02\xff\xfe");                /* not UTF-8 */
    BAD("\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff");
}


static void
test_message_too_long(void **state)
{
    char  frame[LIMIT + 8];

    (void) state;

    memset(frame, 'x', sizeof(frame));
    frame[0] = (char) 0x81;
    frame[1] = 0x7e;
    frame[2] = (LIMIT + 1) >> 8;
    frame[3] = (char) ((LIMIT + 1) & 0xff);

    expect(GOOD, frame, LIMIT + 5, TRD_RECONNECT_PROTOCOL, "");

    /* by fragments, and announced but never sent */

    expect(GOOD, SPAN("\x01\x01x\x80\x7f\x00\x00\x00\x00\x7f\xff\xff\xffx"),
           TRD_RECONNECT_PROTOCOL, "");
}


static void
test_peer_gone(void **state)
{
    peer_t  p = { .answer = GOOD, .reset = 1 };
    user_t  u = { 0 };

    (void) state;

    expect(GOOD, NULL, 0, TRD_RECONNECT_LOST, "");
    expect(GOOD, SPAN("\x81\x05he"), TRD_RECONNECT_LOST, "");
    expect(GOOD, SPAN("\x81"), TRD_RECONNECT_LOST, "");

    p.frames = "\x81\x01x";
    p.len = 3;
    run(&p, &u);
    assert_int_equal(u.end.reason, TRD_RECONNECT_LOST);
}


static void
test_flood(void **state)
{
    char     frames[16384];
    size_t   i;
    peer_t   p = { .answer = GOOD, .flood = 50, .hang = 1 };
    user_t   u = { .free_at = 50 * sizeof(frames) / 4 };

    (void) state;

    for (i = 0; i + 4 <= sizeof(frames); i += 4) {
        memcpy(frames + i, "\x81\x02{}", 4);
    }

    p.frames = frames;
    p.len = sizeof(frames);
    run(&p, &u);

    assert_int_equal(u.texts, u.free_at);
    assert_true(u.heard > 50 * sizeof(frames));
    assert_int_equal(u.closed, 0);
}


static void
test_free_in_callback(void **state)
{
    peer_t  p = { .answer = GOOD };
    user_t  u = { .free_at = 2 };

    (void) state;

    p.frames = "\x81\x01x\x81\x01y\x81\x01z";
    p.len = 9;
    run(&p, &u);

    assert_int_equal(u.closed, 0);
    assert_string_equal(u.text, "x|y");
}


static void
test_goodbye(void **state)
{
    peer_t  p = { .answer = GOOD, .hang = 1 };
    user_t  u = { .bye_at = 1 };

    (void) state;

    p.frames = "\x81\x01x\x81\x01y\x88\x02\x03\xe8";
    p.len = 10;
    run(&p, &u);

    assert_int_equal(u.closed, 1);
    assert_int_equal(u.end.reason, TRD_RECONNECT_CLOSED);
    assert_string_equal(u.text, "x");
    assert_int_equal(p.got[0], 0x88);
}


static void
test_sends(void **state)
{
    peer_t  p = { .answer = GOOD, .hang = 1 };
    user_t  u = { .say_hello = 1, .run_ms = 200 };
    size_t  i;

    (void) state;

    /* our text, our pong to their ping, pings in the silence after that, and
       a close frame at the end */

    p.frames = "\x89\x02hi\x81\x01x";
    p.len = 7;
    run(&p, &u);

    assert_int_equal(u.closed, 0);
    assert_string_equal(u.text, "x");

    /* pongs go first */
    assert_int_equal(p.got[0], 0x8a);
    assert_int_equal(p.got[1], 0x82);

    for (i = 0; i < 2; i++) {
        assert_int_equal(p.got[6 + i] ^ p.got[2 + i], "hi"[i]);
    }

    assert_int_equal(p.got[8], 0x81);
    assert_int_equal(p.got[9], 0x85);

    for (i = 0; i < 5; i++) {
        assert_int_equal(p.got[14 + i] ^ p.got[10 + i % 4], "hello"[i]);
    }

    assert_int_equal(p.got[19], 0x89);
    assert_int_equal(p.got[20], 0x80);
    assert_int_equal(p.got[p.got_len - 8], 0x88);
}


static void
test_goodbye_unanswered(void **state)
{
    peer_t  p = { .answer = GOOD, .hang = 1 };
    user_t  u = { .bye_at = 1 };

    (void) state;

    p.frames = "\x81\x01x";
    p.len = 3;
    run(&p, &u);

    assert_int_equal(u.closed, 1);
    assert_string_equal(u.why, "peer did not say goodbye");
}


static void
test_urls(void **state)
{
    size_t        i;
    user_t        u = { 0 };
    ws_options_t  o = { 0 };

    static const char *const  bad[] = {
        "", "http://127.0.0.1/", "ws://", "ws://a b/", "ws://u:p@127.0.0.1/",
        "ws://127.0.0.1:99999/", "127.0.0.1", "ws://127.0.0.1/#x"
    };

    (void) state;

    u.base = event_base_new();
    o.handler = &handler;
    o.ctx = &u;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        o.url = bad[i];
        assert_null(ws_client_connect(u.base, &o));
    }

    event_base_free(u.base);
}


int
main(void)
{
    int  rc;

    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_handshake_refused),
        cmocka_unit_test(test_handshake_wrong),
        cmocka_unit_test(test_handshake_too_long),
        cmocka_unit_test(test_handshake_hangs),
        cmocka_unit_test(test_handshake_cut),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_close_codes),
        cmocka_unit_test(test_frames_malformed),
        cmocka_unit_test(test_message_too_long),
        cmocka_unit_test(test_peer_gone),
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_free_in_callback),
        cmocka_unit_test(test_goodbye),
        cmocka_unit_test(test_goodbye_unanswered),
        cmocka_unit_test(test_sends),
        cmocka_unit_test(test_urls),
    };

    curl_global_init(CURL_GLOBAL_ALL);
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();

    return rc;
}
