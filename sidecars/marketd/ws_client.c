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

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tsd_log.h"
#include "ws_client_own.h"

#define WS_READ_SIZE    16384
#define WS_ROUNDS       16          /* reads per wake-up: 256 KiB */
#define WS_GOODBYE_MS   2000

static void ws_client_on_io(evutil_socket_t fd, short what, void *arg);


void
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


void
ws_client_leave(ws_client_t *c)
{
    if (--c->busy == 0 && c->freed) {
        ws_client_destroy(c);
    }
}


void
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


void
ws_client_fail(ws_client_t *c, trd_reconnect_t reason, const char *text)
{
    ws_close_t  why = { reason, 0, 0, -1, text };

    ws_client_end(c, &why);
}


void
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


void
ws_client_arm(struct event *ev, uint32_t ms)
{
    struct timeval  tv;

    tv.tv_sec = ms / 1000;
    tv.tv_usec = (ms % 1000) * 1000;

    event_add(ev, &tv);
}


void
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


void
ws_client_feed(ws_client_t *c, const uint8_t *data, size_t len)
{
    ws_frames_end_t  end;

    if (ws_frames_feed(c->frames, data, len, &end) != 0) {
        ws_client_over(c, &end);
    }
}


void
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


void
ws_client_on_again(evutil_socket_t fd, short what, void *arg)
{
    (void) what;

    ws_client_on_io(fd, EV_READ, arg);
}


void
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
