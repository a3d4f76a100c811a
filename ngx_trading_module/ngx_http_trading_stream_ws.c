/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The WebSocket side of a stream (RFC 6455): the frames that come from the
 * client.  Bytes are read into one buffer of the worker; a connection keeps
 * memory of its own only while a frame or a message is not whole, bounded by
 * the largest message.
 */

#include "ngx_http_trading_stream.h"

#define NGX_HTTP_TRADING_RX_SIZE   16384
#define NGX_HTTP_TRADING_RX_READS  8    /* of one client at a time */

static void ngx_http_trading_ws_read(ngx_http_request_t *r);
static void ngx_http_trading_ws_write(ngx_http_request_t *r);
static void ngx_http_trading_ws_feed(ngx_http_trading_stream_t *s,
    u_char *data, size_t len);
static void ngx_http_trading_ws_keep(ngx_http_trading_stream_t *s,
    const u_char *data, size_t len);
static void ngx_http_trading_ws_frame(ngx_http_trading_stream_t *s,
    trd_ws_frame_t *f);
static void ngx_http_trading_ws_control(ngx_http_trading_stream_t *s,
    trd_ws_frame_t *f);
static void ngx_http_trading_ws_part(ngx_http_trading_stream_t *s,
    trd_ws_frame_t *f, size_t before, ngx_flag_t whole, ngx_uint_t opcode,
    ngx_flag_t compressed);
static void ngx_http_trading_ws_message(ngx_http_trading_stream_t *s,
    u_char *data, size_t len, ngx_uint_t opcode, ngx_flag_t compressed);
static void ngx_http_trading_ws_fail(ngx_http_trading_stream_t *s,
    ngx_uint_t code);


/* of this worker, which is one thread; begins with what was kept */
static u_char  ngx_http_trading_rx[NGX_HTTP_TRADING_MESSAGE_MAX + 16
                                   + NGX_HTTP_TRADING_RX_SIZE];


/* the stream is in the hub: from now on the connection is ours */
void
ngx_http_trading_ws_start(ngx_http_trading_stream_t *s)
{
    ngx_buf_t           *b;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = s->request;
    c = r->connection;
    b = r->header_in;

    ngx_http_set_ctx(r, s, ngx_http_trading_module);

    r->read_event_handler = ngx_http_trading_ws_read;
    r->write_event_handler = ngx_http_trading_ws_write;

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    /* frames that came together with the request */

    if (b->pos < b->last) {
        ngx_http_trading_ws_feed(s, b->pos, b->last - b->pos);
        b->pos = b->last;
    }

    if (!s->ended && (c->read->ready || c->read->eof)) {
        ngx_post_event(c->read, &ngx_posted_events);
        return;
    }

    if (!s->ended && ngx_handle_read_event(c->read, 0) != NGX_OK) {
        ngx_http_trading_stream_end(s, NGX_HTTP_TRADING_END_FAILED);
    }
}


static void
ngx_http_trading_ws_read(ngx_http_request_t *r)
{
    size_t                      kept;
    ssize_t                     n;
    ngx_uint_t                  i;
    ngx_connection_t           *c;
    ngx_http_trading_stream_t  *s;

    c = r->connection;
    s = ngx_http_get_module_ctx(r, ngx_http_trading_module);

    for (i = 0; !s->ended; i++) {

        if (i == NGX_HTTP_TRADING_RX_READS) {

            /* there may be no end of it: others, and timers, are next */

            ngx_post_event(c->read, &ngx_posted_next_events);
            return;
        }

        kept = s->rx_len;

        if (kept) {
            ngx_memcpy(ngx_http_trading_rx, s->rx, kept);
        }

        n = c->recv(c, ngx_http_trading_rx + kept, NGX_HTTP_TRADING_RX_SIZE);

        if (n == NGX_AGAIN) {
            if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
                ngx_http_trading_stream_end(s, NGX_HTTP_TRADING_END_FAILED);
            }

            return;
        }

        if (n == NGX_ERROR || n == 0) {
            ngx_http_trading_stream_end(s, s->closed
                                           ? NGX_HTTP_TRADING_END_CLIENT
                                           : NGX_HTTP_TRADING_END_GONE);
            return;
        }

        s->heard = ngx_current_msec;
        s->pinged = 0;
        s->rx_len = 0;

        ngx_http_trading_ws_feed(s, ngx_http_trading_rx, kept + n);
    }
}


static void
ngx_http_trading_ws_write(ngx_http_request_t *r)
{
    ngx_http_trading_stream_t  *s;

    s = ngx_http_get_module_ctx(r, ngx_http_trading_module);

    if (!s->ended) {
        ngx_http_trading_out_ready(s);
    }
}


/* all that is known from the beginning of a frame on */
static void
ngx_http_trading_ws_feed(ngx_http_trading_stream_t *s, u_char *data,
    size_t len)
{
    size_t          need;
    unsigned        code;
    trd_rc_t        rc;
    trd_ws_frame_t  f;

    while (len && !s->ended && !s->closed) {

        rc = trd_ws_frame(data, len, NGX_HTTP_TRADING_MESSAGE_MAX,
                          s->form == NGX_HTTP_TRADING_F_DEFLATE, &f, &need,
                          &code);

        if (rc == TRD_AGAIN) {
            ngx_http_trading_ws_keep(s, data, len);
            return;
        }

        if (rc != TRD_OK) {
            ngx_http_trading_ws_fail(s, code);
            return;
        }

        ngx_http_trading_ws_frame(s, &f);

        data += f.size;
        len -= f.size;
    }

    if (len == 0 && s->rx) {
        ngx_free(s->rx);
        s->rx = NULL;
    }
}


static void
ngx_http_trading_ws_keep(ngx_http_trading_stream_t *s, const u_char *data,
    size_t len)
{
    if (s->rx == NULL) {
        s->rx = ngx_alloc(NGX_HTTP_TRADING_MESSAGE_MAX + 16,
                          s->request->connection->log);

        if (s->rx == NULL) {
            ngx_http_trading_stream_end(s, NGX_HTTP_TRADING_END_FAILED);
            return;
        }
    }

    /* never more than a frame that is not whole */

    ngx_memcpy(s->rx, data, len);
    s->rx_len = (uint32_t) len;
}


static void
ngx_http_trading_ws_frame(ngx_http_trading_stream_t *s, trd_ws_frame_t *f)
{
    int         whole;
    size_t      before;
    unsigned    code;
    ngx_flag_t  compressed;
    ngx_uint_t  opcode;

    before = s->order.len;
    opcode = s->order.opcode;
    compressed = s->order.compressed;

    if (trd_ws_order(&s->order, f, NGX_HTTP_TRADING_MESSAGE_MAX, &whole,
                     &code)
        != TRD_OK)
    {
        ngx_http_trading_ws_fail(s, code);
        return;
    }

    if (f->opcode >= TRD_WS_CLOSE) {
        ngx_http_trading_ws_control(s, f);
        return;
    }

    if (s->closing) {
        return;                     /* what comes after our close is unread */
    }

    /* parts count like messages: an endless row of empty ones is possible */

    if (ngx_http_trading_stream_token(s) != NGX_OK) {
        return;
    }

    if (f->opcode != TRD_WS_CONTINUATION) {
        opcode = f->opcode;
        compressed = f->compressed;
        before = 0;
    }

    if (opcode == TRD_WS_BINARY) {
        ngx_http_trading_ws_fail(s, 1003);
        return;
    }

    ngx_http_trading_ws_part(s, f, before, whole, opcode, compressed);
}


static void
ngx_http_trading_ws_control(ngx_http_trading_stream_t *s, trd_ws_frame_t *f)
{
    size_t    n;
    unsigned  code;
    u_char    frame[TRD_WS_HEAD_MAX + TRD_WS_CONTROL_MAX];

    /* pongs that nobody asked for are allowed, but not without end */

    if (f->opcode == TRD_WS_PONG) {
        if (!s->closing) {
            (void) ngx_http_trading_stream_token(s);
        }

        return;
    }

    if (f->opcode == TRD_WS_PING) {
        if (!s->closing && ngx_http_trading_stream_token(s) == NGX_OK) {
            n = trd_ws_head(frame, TRD_WS_PONG, 0, f->len);
            ngx_memcpy(frame + n, f->payload, f->len);
            ngx_http_trading_out_raw(s, frame, n + f->len);
        }

        return;
    }

    s->closed = 1;

    if (s->closing) {
        ngx_http_trading_stream_closed(s);
        return;
    }

    if (trd_ws_close_read(f->payload, f->len, &code) != TRD_OK) {
        ngx_http_trading_stream_close(s, code, "",
                                      NGX_HTTP_TRADING_END_PROTOCOL);
        return;
    }

    ngx_http_trading_stream_close(s, code == 1005 ? 1000 : code, "",
                                  NGX_HTTP_TRADING_END_CLIENT);
}


/* a message, whole, or a part of one that is to be gathered */
static void
ngx_http_trading_ws_part(ngx_http_trading_stream_t *s, trd_ws_frame_t *f,
    size_t before, ngx_flag_t whole, ngx_uint_t opcode, ngx_flag_t compressed)
{
    if (whole && s->message == NULL) {
        ngx_http_trading_ws_message(s, f->payload, f->len, opcode,
                                    compressed);
        return;
    }

    if (s->message == NULL) {
        s->message = ngx_alloc(NGX_HTTP_TRADING_MESSAGE_MAX,
                               s->request->connection->log);

        if (s->message == NULL) {
            ngx_http_trading_stream_end(s, NGX_HTTP_TRADING_END_FAILED);
            return;
        }
    }

    ngx_memcpy(s->message + before, f->payload, f->len);

    if (whole) {
        ngx_http_trading_ws_message(s, s->message, before + f->len, opcode,
                                    compressed);
        ngx_free(s->message);
        s->message = NULL;
    }
}


static void
ngx_http_trading_ws_message(ngx_http_trading_stream_t *s, u_char *data,
    size_t len, ngx_uint_t opcode, ngx_flag_t compressed)
{
    ngx_int_t      rc;
    static u_char  plain[NGX_HTTP_TRADING_MESSAGE_MAX + 1];

    if (compressed) {
        rc = ngx_http_trading_inflate(data, len, plain, sizeof(plain), &len);

        if (rc != NGX_OK) {
            ngx_http_trading_ws_fail(s, rc == NGX_DECLINED ? 1009 : 1007);
            return;
        }

        data = plain;
    }

    if (!trd_utf8_ok(data, len)) {
        ngx_http_trading_ws_fail(s, 1007);
        return;
    }

    ngx_http_trading_count_stream(ngx_http_trading_hub(NULL)->mcf,
                                  NGX_HTTP_TRADING_SC_MESSAGES, 1);

    ngx_http_trading_stream_message(s, (char *) data, len);
}


static void
ngx_http_trading_ws_fail(ngx_http_trading_stream_t *s, ngx_uint_t code)
{
    const char  *reason;

    switch (code) {

    case 1003:
        reason = "messages must be text";
        break;

    case 1007:
        reason = "the text is not UTF-8, or does not inflate";
        break;

    case 1009:
        reason = "messages may have 4096 bytes";
        break;

    default:
        reason = "protocol error";
    }

    s->closed = 1;      /* nothing that follows could be trusted */

    ngx_http_trading_stream_close(s, code, reason,
                                  code == 1009
                                  ? NGX_HTTP_TRADING_END_SIZE
                                  : NGX_HTTP_TRADING_END_PROTOCOL);
}
