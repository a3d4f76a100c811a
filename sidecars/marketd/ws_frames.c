/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Used by ws_client.c.  wslay pulls its input, so what was read is laid out
 * for it (`in`) and it is told to wait once that is used up.
 */

#include "ws_frames.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <wslay/wslay.h>

#define WS_QUEUED_MAX  1000     /* frames that wait for the peer to read */

struct ws_frames_s {
    wslay_event_context_ptr   wslay;
    const ws_frames_io_t     *io;
    void                     *ctx;
    const uint8_t            *in;
    size_t                    in_len;
    uint64_t                  oddities;
    int                       close_code;
    uint8_t                   broken;       /* write said: never more */
    uint8_t                   muted;
    char                      close_text[WS_TEXT_MAX / 2];
};


void
ws_text_clean(char *out, size_t size, const char *text, size_t len)
{
    size_t  i;

    for (i = 0; i < len && i < size - 1; i++) {
        out[i] = (text[i] < 0x20 || text[i] > 0x7e || text[i] == '"'
                  || text[i] == '\\') ? '.' : text[i];
    }

    out[i] = '\0';
}


static ssize_t
ws_frames_pull(wslay_event_context_ptr w, uint8_t *buf, size_t len, int flags,
    void *arg)
{
    ws_frames_t  *f = arg;

    (void) flags;

    if (f->in_len == 0) {
        wslay_event_set_error(w, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }

    if (len > f->in_len) {
        len = f->in_len;
    }

    memcpy(buf, f->in, len);
    f->in += len;
    f->in_len -= len;

    return (ssize_t) len;
}


static ssize_t
ws_frames_push(wslay_event_context_ptr w, const uint8_t *data, size_t len,
    int flags, void *arg)
{
    ssize_t       n;
    ws_frames_t  *f = arg;

    (void) flags;

    n = f->io->write(f->ctx, data, len);

    if (n > 0) {
        return n;
    }

    if (n < 0) {
        f->broken = 1;
    }

    wslay_event_set_error(w, n < 0 ? WSLAY_ERR_CALLBACK_FAILURE
                                   : WSLAY_ERR_WOULDBLOCK);

    return -1;
}


static int
ws_frames_mask(wslay_event_context_ptr w, uint8_t *buf, size_t len, void *arg)
{
    (void) arg;

    if (getrandom(buf, len, 0) != (ssize_t) len) {
        wslay_event_set_error(w, WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
    }

    return 0;
}


static void
ws_frames_message(wslay_event_context_ptr w,
    const struct wslay_event_on_msg_recv_arg *m, void *arg)
{
    ws_frames_t  *f = arg;

    (void) w;

    switch (m->opcode) {

    case WSLAY_TEXT_FRAME:
        if (!f->muted) {
            f->io->text(f->ctx, (const char *) m->msg, m->msg_length);
        }

        break;

    case WSLAY_BINARY_FRAME:
        f->oddities++;
        break;

    case WSLAY_CONNECTION_CLOSE:
        f->close_code = m->status_code;

        if (m->msg_length > 2) {
            ws_text_clean(f->close_text, sizeof(f->close_text),
                          (const char *) m->msg + 2, m->msg_length - 2);
        }

        break;

    default:        /* pings are answered by wslay, pongs only heard */
        break;
    }
}


static const struct wslay_event_callbacks  ws_frames_callbacks = {
    ws_frames_pull,
    ws_frames_push,
    ws_frames_mask,
    NULL,
    NULL,
    NULL,
    ws_frames_message
};


ws_frames_t *
ws_frames_create(size_t message_max, const ws_frames_io_t *io, void *ctx)
{
    ws_frames_t  *f;

    f = calloc(1, sizeof(ws_frames_t));
    if (f == NULL) {
        return NULL;
    }

    f->io = io;
    f->ctx = ctx;

    if (wslay_event_context_client_init(&f->wslay, &ws_frames_callbacks, f)
        != 0)
    {
        free(f);
        return NULL;
    }

    wslay_event_config_set_max_recv_msg_length(f->wslay, message_max);

    return f;
}


void
ws_frames_free(ws_frames_t *f)
{
    if (f) {
        wslay_event_context_free(f->wslay);
        free(f);
    }
}


static int
ws_frames_over(ws_frames_end_t *end, trd_reconnect_t reason, const char *text)
{
    end->reason = reason;
    snprintf(end->text, sizeof(end->text), "%s", text);

    return -1;
}


/* Is the conversation over, and how?  After every turn of wslay. */
static int
ws_frames_judge(ws_frames_t *f, int rc, ws_frames_end_t *end)
{
    unsigned  sent;

    end->code = f->close_code;

    if (rc == WSLAY_ERR_NOMEM) {
        return ws_frames_over(end, TRD_RECONNECT_LOST, "no memory");
    }

    if (rc != 0 && !f->broken) {
        return ws_frames_over(end, TRD_RECONNECT_PROTOCOL, "wslay failed");
    }

    if (wslay_event_get_queued_msg_count(f->wslay) > WS_QUEUED_MAX) {
        return ws_frames_over(end, TRD_RECONNECT_PROTOCOL,
                              "peer does not read");
    }

    /* a last word that cannot be sent does not change what came before */

    if (wslay_event_want_write(f->wslay) && !f->broken) {
        return 0;
    }

    if (wslay_event_get_close_received(f->wslay)) {
        end->reason = TRD_RECONNECT_CLOSED;
        snprintf(end->text, sizeof(end->text), "closed with code %d%s%s",
                 f->close_code, f->close_text[0] ? ": " : "", f->close_text);
        return -1;
    }

    if (wslay_event_want_read(f->wslay)) {
        return f->broken ? ws_frames_over(end, TRD_RECONNECT_LOST,
                                          "cannot write") : 0;
    }

    /* wslay has found a fault, and has told the peer */

    sent = wslay_event_get_status_code_sent(f->wslay);

    return ws_frames_over(end, TRD_RECONNECT_PROTOCOL,
                          sent == WSLAY_CODE_MESSAGE_TOO_BIG
                          ? "message too long"
                          : sent == WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA
                          ? "text is not UTF-8" : "malformed frame");
}


int
ws_frames_feed(ws_frames_t *f, const uint8_t *data, size_t len,
    ws_frames_end_t *end)
{
    int  rc;

    f->in = data;
    f->in_len = len;

    rc = wslay_event_recv(f->wslay);

    f->in = NULL;
    f->in_len = 0;

    if (rc == 0) {
        rc = wslay_event_send(f->wslay);
    }

    return ws_frames_judge(f, rc, end);
}


int
ws_frames_flush(ws_frames_t *f, ws_frames_end_t *end)
{
    return ws_frames_judge(f, wslay_event_send(f->wslay), end);
}


int
ws_frames_want_write(const ws_frames_t *f)
{
    return wslay_event_want_write(f->wslay);
}


static int
ws_frames_queue(ws_frames_t *f, uint8_t opcode, const char *msg, size_t len)
{
    struct wslay_event_msg  m;

    if (wslay_event_get_queued_msg_count(f->wslay) >= WS_QUEUED_MAX) {
        return -1;
    }

    m.opcode = opcode;
    m.msg = (const uint8_t *) msg;
    m.msg_length = len;

    return wslay_event_queue_msg(f->wslay, &m) == 0 ? 0 : -1;
}


int
ws_frames_send(ws_frames_t *f, const char *msg, size_t len)
{
    return ws_frames_queue(f, WSLAY_TEXT_FRAME, msg, len);
}


int
ws_frames_ping(ws_frames_t *f)
{
    return ws_frames_queue(f, WSLAY_PING, "", 0);
}


int
ws_frames_close(ws_frames_t *f, int code)
{
    return wslay_event_queue_close(f->wslay, (uint16_t) code, NULL, 0) == 0
           ? 0 : -1;
}


void
ws_frames_mute(ws_frames_t *f)
{
    f->muted = 1;
}


int
ws_frames_closing(const ws_frames_t *f)
{
    return wslay_event_get_close_received(f->wslay)
           || wslay_event_get_close_sent(f->wslay);
}


uint64_t
ws_frames_oddities(const ws_frames_t *f)
{
    return f->oddities;
}
