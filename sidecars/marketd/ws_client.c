/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * CONNECTING -> UPGRADING -> OPEN -> (CLOSING) -> DEAD.  While connecting the
 * socket is curl's; afterwards it stays in curl's hands for reading and
 * writing, but we watch it.
 *
 * Two traps.  TLS may hold bytes that it has read ahead of us, which poll()
 * knows nothing of, so we read until CURLE_AGAIN.  A peer that sends faster
 * than we work must not starve the loop, so after WS_ROUNDS we come back by
 * way of a timer of zero length.
 *
 * Callbacks may free the client; `busy` puts that off until the outermost
 * function has returned.  Only top-level functions end a connection
 * (ws_client_end), never what ws_frames.c calls.
 */

#include "ws_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "curl_loop.h"
#include "feed_url.h"
#include "tsd_log.h"
#include "ws_frames.h"
#include "ws_upgrade.h"

#define WS_READ_SIZE    16384
#define WS_ROUNDS       16          /* reads per wake-up: 256 KiB */
#define WS_REQUEST_MAX  16384
#define WS_GOODBYE_MS   2000

typedef enum {
    WS_CONNECTING = 0,
    WS_UPGRADING,
    WS_OPEN,
    WS_CLOSING,
    WS_DEAD
} ws_state_t;

struct ws_client_s {
    struct event_base        *base;
    curl_loop_t              *loop;
    curl_loop_entry_t         entry;
    CURL                     *easy;
    struct event             *io;
    struct event             *again;
    struct event             *timer;        /* deadline, later idle pings */
    ws_frames_t              *frames;       /* once it is open */
    const ws_handler_t       *handler;
    void                     *ctx;

    ws_state_t                state;
    short                     armed;        /* what io waits for */
    uint8_t                   added;        /* easy is in the loop */
    unsigned                  busy;
    unsigned                  freed;

    uint32_t                  connect_timeout_ms;
    uint32_t                  ping_idle_ms;
    size_t                    message_max;
    int64_t                   heard_ms;

    size_t                    head_len;     /* of the answer, so far */
    size_t                    request_len;
    size_t                    request_sent;
    char                      key[WS_KEY_LEN + 1];
    char                      error[CURL_ERROR_SIZE];
    char                      head[WS_HEAD_MAX];
    char                      request[WS_REQUEST_MAX];
};

static void ws_client_on_io(evutil_socket_t fd, short what, void *arg);


static void
ws_client_destroy(ws_client_t *c)
{
    if (c->io) {
        event_free(c->io);
    }

    if (c->again) {
        event_free(c->again);
    }

    if (c->timer) {
        event_free(c->timer);
    }

    ws_frames_free(c->frames);

    if (c->added) {
        curl_loop_remove(c->loop, c->easy);
    }

    if (c->easy) {
        curl_easy_cleanup(c->easy);
    }

    if (c->loop) {
        curl_loop_free(c->loop);
    }

    free(c);
}


/* The end of every function that may have called back. */
static void
ws_client_leave(ws_client_t *c)
{
    if (--c->busy == 0 && c->freed) {
        ws_client_destroy(c);
    }
}


/* The one way to end. */
static void
ws_client_end(ws_client_t *c, const ws_close_t *why)
{
    char        clean[WS_TEXT_MAX];
    ws_close_t  told;

    if (c->state == WS_DEAD) {
        return;
    }

    c->state = WS_DEAD;

    if (c->io) {
        event_del(c->io);
    }

    event_del(c->again);
    event_del(c->timer);

    if (c->freed) {
        return;
    }

    ws_text_clean(clean, sizeof(clean), why->text, strlen(why->text));

    told = *why;
    told.text = clean;

    c->handler->on_close(c->ctx, &told);
}


static void
ws_client_fail(ws_client_t *c, trd_reconnect_t reason, const char *text)
{
    ws_close_t  why = { reason, 0, 0, -1, text };

    ws_client_end(c, &why);
}


static void
ws_client_lost(ws_client_t *c, const char *what, CURLcode rc)
{
    char  text[CURL_ERROR_SIZE + WS_TEXT_MAX];

    snprintf(text, sizeof(text), "%.100s: %s", what,
             c->error[0] ? c->error : curl_easy_strerror(rc));

    ws_client_fail(c, TRD_RECONNECT_LOST, text);
}


static void
ws_client_over(ws_client_t *c, const ws_frames_end_t *end)
{
    ws_close_t  why = { end->reason, 0, end->code, -1, end->text };

    ws_client_end(c, &why);
}


static void
ws_client_arm(struct event *ev, uint32_t ms)
{
    struct timeval  tv;

    tv.tv_sec = ms / 1000;
    tv.tv_usec = (ms % 1000) * 1000;

    event_add(ev, &tv);
}


/* Watches the socket for reading, and for writing if something waits. */
static void
ws_client_watch(ws_client_t *c)
{
    short          want = EV_READ;
    curl_socket_t  fd;

    if (c->state == WS_DEAD) {
        return;
    }

    if (c->state == WS_UPGRADING ? c->request_sent < c->request_len
                                 : ws_frames_want_write(c->frames))
    {
        want |= EV_WRITE;
    }

    if (c->io && c->armed == want) {
        return;
    }

    if (c->io) {
        event_free(c->io);
        c->io = NULL;
    }

    if (curl_easy_getinfo(c->easy, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK
        && fd != CURL_SOCKET_BAD)
    {
        c->io = event_new(c->base, fd, (short) (want | EV_PERSIST),
                          ws_client_on_io, c);
    }

    if (c->io == NULL || event_add(c->io, NULL) != 0) {
        ws_client_fail(c, TRD_RECONNECT_LOST, "cannot watch socket");
        return;
    }

    c->armed = want;
}


static ssize_t
ws_client_write(void *ctx, const uint8_t *data, size_t len)
{
    size_t        n = 0;
    CURLcode      rc;
    ws_client_t  *c = ctx;

    rc = curl_easy_send(c->easy, data, len, &n);

    if (rc == CURLE_AGAIN) {
        return 0;
    }

    return rc == CURLE_OK ? (ssize_t) n : -1;
}


static void
ws_client_text(void *ctx, const char *msg, size_t len)
{
    ws_client_t  *c = ctx;

    if (c->state == WS_OPEN && !c->freed) {
        c->handler->on_text(c->ctx, msg, len);
    }
}


static const ws_frames_io_t  ws_client_io = {
    ws_client_write,
    ws_client_text
};


static void
ws_client_flush(ws_client_t *c)
{
    ws_frames_end_t  end;

    if (ws_frames_flush(c->frames, &end) != 0) {
        ws_client_over(c, &end);
    }
}


static void
ws_client_feed(ws_client_t *c, const uint8_t *data, size_t len)
{
    ws_frames_end_t  end;

    if (ws_frames_feed(c->frames, data, len, &end) != 0) {
        ws_client_over(c, &end);
    }
}


static void
ws_client_opened(ws_client_t *c)
{
    c->frames = ws_frames_create(c->message_max, &ws_client_io, c);
    if (c->frames == NULL) {
        ws_client_fail(c, TRD_RECONNECT_LOST, "no memory");
        return;
    }

    c->state = WS_OPEN;
    event_del(c->timer);

    if (c->ping_idle_ms) {
        ws_client_arm(c->timer, c->ping_idle_ms);
    }

    c->handler->on_open(c->ctx);
}


static void
ws_client_answer(ws_client_t *c, size_t len)
{
    char          text[WS_TEXT_MAX];
    ws_close_t    why = { TRD_RECONNECT_REFUSED, 0, 0, -1, text };
    ws_upgrade_t  answer;

    if (ws_upgrade_answer(c->head, len, c->key, &answer) == 0) {
        ws_client_opened(c);
        return;
    }

    if (answer.status == 429 || answer.status == 418) {
        why.reason = TRD_RECONNECT_LIMITED;

    } else if (answer.status == 101 || answer.status == 0) {
        why.reason = TRD_RECONNECT_PROTOCOL;
    }

    why.status = answer.status;
    why.retry_after_ms = answer.retry_after_ms;
    snprintf(text, sizeof(text), "%s, status %d", answer.why, answer.status);

    ws_client_end(c, &why);
}


/* Collects the answer's head; what follows it are frames already. */
static void
ws_client_head(ws_client_t *c, const uint8_t *data, size_t len)
{
    size_t  i, n;

    n = sizeof(c->head) - c->head_len;
    n = len < n ? len : n;

    memcpy(c->head + c->head_len, data, n);
    i = c->head_len < 3 ? 3 : c->head_len;
    c->head_len += n;

    for ( /* void */ ; i < c->head_len; i++) {
        if (memcmp(c->head + i - 3, "\r\n\r\n", 4) != 0) {
            continue;
        }

        i++;
        n -= c->head_len - i;
        ws_client_answer(c, i);

        if (c->state == WS_OPEN && !c->freed && n < len) {
            ws_client_feed(c, data + n, len - n);
        }

        return;
    }

    if (c->head_len == sizeof(c->head)) {
        ws_client_fail(c, TRD_RECONNECT_PROTOCOL, "handshake answer too long");
    }
}


static void
ws_client_request(ws_client_t *c)
{
    size_t    n;
    CURLcode  rc;

    while (c->request_sent < c->request_len) {
        n = 0;
        rc = curl_easy_send(c->easy, c->request + c->request_sent,
                            c->request_len - c->request_sent, &n);

        if (rc == CURLE_AGAIN || (rc == CURLE_OK && n == 0)) {
            break;
        }

        if (rc != CURLE_OK) {
            ws_client_lost(c, "handshake not sent", rc);
            return;
        }

        c->request_sent += n;
    }

    ws_client_watch(c);
}


/* curl has connected, or not. */
static void
ws_client_connected(void *arg, CURLcode rc)
{
    ws_client_t  *c = arg;

    c->busy++;

    if (c->state != WS_CONNECTING) {        /* goodbye was said meanwhile */
        ws_client_leave(c);
        return;
    }

    if (rc != CURLE_OK) {
        ws_client_fail(c, TRD_RECONNECT_REFUSED,
                       c->error[0] ? c->error : curl_easy_strerror(rc));

    } else {
        c->state = WS_UPGRADING;
        ws_client_arm(c->timer, c->connect_timeout_ms);
        ws_client_request(c);
    }

    ws_client_leave(c);
}


static void
ws_client_read(ws_client_t *c)
{
    int       i;
    size_t    n;
    uint8_t   buf[WS_READ_SIZE];
    CURLcode  rc;

    for (i = 0; i < WS_ROUNDS; i++) {
        n = 0;
        rc = curl_easy_recv(c->easy, buf, sizeof(buf), &n);

        if (rc == CURLE_AGAIN) {
            return;
        }

        if (rc != CURLE_OK) {
            ws_client_lost(c, "read failed", rc);
            return;
        }

        if (n == 0) {
            ws_client_fail(c, c->frames && ws_frames_closing(c->frames)
                              ? TRD_RECONNECT_CLOSED : TRD_RECONNECT_LOST,
                           "peer hung up");
            return;
        }

        c->heard_ms = tsd_mono_ms();
        c->handler->on_heard(c->ctx, n);

        if (c->freed || c->state == WS_DEAD) {
            return;
        }

        if (c->state == WS_UPGRADING) {
            ws_client_head(c, buf, n);

        } else {
            ws_client_feed(c, buf, n);
        }

        if (c->freed || c->state == WS_DEAD) {
            return;
        }
    }

    ws_client_arm(c->again, 0);
}


static void
ws_client_on_io(evutil_socket_t fd, short what, void *arg)
{
    ws_client_t  *c = arg;

    (void) fd;

    c->busy++;

    if (what & EV_WRITE) {
        if (c->state == WS_UPGRADING) {
            ws_client_request(c);

        } else {
            ws_client_flush(c);
        }
    }

    if ((what & EV_READ) && c->state != WS_DEAD && !c->freed) {
        ws_client_read(c);
    }

    if (c->state != WS_DEAD && !c->freed) {
        ws_client_watch(c);
    }

    ws_client_leave(c);
}


static void
ws_client_on_again(evutil_socket_t fd, short what, void *arg)
{
    (void) what;

    ws_client_on_io(fd, EV_READ, arg);
}


static void
ws_client_on_timer(evutil_socket_t fd, short what, void *arg)
{
    ws_client_t  *c = arg;

    (void) fd;
    (void) what;

    c->busy++;

    if (c->state == WS_OPEN) {
        if (tsd_mono_ms() - c->heard_ms >= (int64_t) c->ping_idle_ms) {
            (void) ws_client_ping(c);
        }

        if (c->state == WS_OPEN && !c->freed) {
            ws_client_arm(c->timer, c->ping_idle_ms);
        }

    } else if (c->state == WS_CLOSING) {
        ws_client_fail(c, TRD_RECONNECT_CLOSED, "peer did not say goodbye");

    } else {
        ws_client_fail(c, TRD_RECONNECT_REFUSED,
                       "no answer to the handshake in time");
    }

    ws_client_leave(c);
}


/* What is needed beside memory: the request, and curl's view of the URL. */
static int
ws_client_prepare(ws_client_t *c, const ws_options_t *options)
{
    int          n;
    char         url[sizeof(((feed_url_t *) 0)->host) + 16];
    feed_url_t   u;
    const char  *why;

    if (ws_upgrade_key(c->key) != 0
        || feed_url_parse(&u, options->url, "ws", "wss", &why) != 0)
    {
        return -1;
    }

    snprintf(url, sizeof(url), "%s://%s/", u.tls ? "https" : "http", u.host);
    n = ws_upgrade_request(c->request, sizeof(c->request), u.host, u.path,
                           c->key);
    feed_url_free(&u);

    if (n < 0
        || curl_loop_setup(c->easy, url, options->ca_file,
                           (long) options->connect_timeout_ms, c->error) != 0)
    {
        return -1;
    }

    c->request_len = (size_t) n;

    /* a plain proxy must hand the connection through as well */
    curl_easy_setopt(c->easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(c->easy, CURLOPT_HTTPPROXYTUNNEL, 1L);

    return 0;
}


ws_client_t *
ws_client_connect(struct event_base *base, const ws_options_t *options)
{
    ws_client_t  *c;

    c = calloc(1, sizeof(ws_client_t));
    if (c == NULL) {
        return NULL;
    }

    c->base = base;
    c->handler = options->handler;
    c->ctx = options->ctx;
    c->connect_timeout_ms = options->connect_timeout_ms;
    c->ping_idle_ms = options->ping_idle_ms;
    c->message_max = options->message_max;
    c->entry.done = ws_client_connected;
    c->entry.ctx = c;
    c->heard_ms = tsd_mono_ms();

    c->again = evtimer_new(base, ws_client_on_again, c);
    c->timer = evtimer_new(base, ws_client_on_timer, c);
    c->loop = curl_loop_create(base);
    c->easy = curl_easy_init();

    if (!c->again || !c->timer || !c->loop || !c->easy
        || ws_client_prepare(c, options) != 0
        || curl_loop_add(c->loop, c->easy, &c->entry) != 0)
    {
        ws_client_destroy(c);
        return NULL;
    }

    c->added = 1;

    return c;
}


/* Sent by the loop: in here a failure would have to call back. */
static int
ws_client_soon(ws_client_t *c, int queued)
{
    if (queued == 0) {
        ws_client_arm(c->again, 0);
    }

    return queued;
}


int
ws_client_send(ws_client_t *c, const char *msg, size_t len)
{
    return c->state == WS_OPEN
           ? ws_client_soon(c, ws_frames_send(c->frames, msg, len)) : -1;
}


int
ws_client_ping(ws_client_t *c)
{
    return c->state == WS_OPEN
           ? ws_client_soon(c, ws_frames_ping(c->frames)) : -1;
}


void
ws_client_goodbye(ws_client_t *c)
{
    switch (c->state) {

    case WS_OPEN:
        ws_frames_mute(c->frames);
        (void) ws_client_soon(c, ws_frames_close(c->frames, 1000));
        ws_client_arm(c->timer, WS_GOODBYE_MS);
        break;

    case WS_CONNECTING:
    case WS_UPGRADING:
        if (c->io) {
            event_del(c->io);
        }

        event_del(c->again);
        ws_client_arm(c->timer, 0);
        break;

    default:
        return;
    }

    c->state = WS_CLOSING;
}


void
ws_client_free(ws_client_t *c)
{
    ws_frames_end_t  end;

    c->freed = 1;

    if (c->frames) {
        ws_frames_mute(c->frames);
    }

    if (c->busy) {
        return;
    }

    if (c->state == WS_OPEN && ws_frames_close(c->frames, 1001) == 0) {
        (void) ws_frames_flush(c->frames, &end);
    }

    ws_client_destroy(c);
}


uint64_t
ws_client_oddities(const ws_client_t *c)
{
    return c->frames ? ws_frames_oddities(c->frames) : 0;
}
