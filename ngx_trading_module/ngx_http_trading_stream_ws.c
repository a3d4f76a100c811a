/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The WebSocket side of a stream (RFC 6455): its handshake, and the frames
 * that come from the client.  Bytes are read into one buffer of the worker; a
 * connection keeps memory of its own only while a frame or a message is not
 * whole, bounded by the largest message.
 */

#include <ngx_sha1.h>

#include "ngx_http_trading_stream.h"
#include "trd_ws_upgrade.h"

#define NGX_HTTP_TRADING_RX_SIZE   16384
#define NGX_HTTP_TRADING_RX_READS  8    /* of one client at a time */

typedef struct {
    ngx_str_t    key;
    ngx_str_t    version;
    ngx_str_t    origin;
    ngx_flag_t   twice;             /* a field that may come once did not */
    size_t       deflate_len;       /* of the answer to an offer */
    char         deflate[TRD_WS_DEFLATE_MAX];
} ngx_http_trading_ws_fields_t;

static ngx_int_t ngx_http_trading_ws_check(ngx_http_trading_call_t *call,
    ngx_http_trading_ws_fields_t *f);
static void ngx_http_trading_ws_fields(ngx_http_request_t *r,
    ngx_http_trading_ws_fields_t *f);
static ngx_int_t ngx_http_trading_ws_origin(ngx_http_trading_call_t *call,
    ngx_str_t *origin);
static ngx_int_t ngx_http_trading_ws_answer(ngx_http_request_t *r,
    ngx_http_trading_ws_fields_t *f);
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


ngx_int_t
ngx_http_trading_ws_upgrade(ngx_http_trading_call_t *call,
    ngx_http_trading_stream_t *s)
{
    ngx_int_t                      rc;
    ngx_http_request_t            *r;
    ngx_http_trading_ws_fields_t   f;

    r = call->request;

    ngx_memzero(&f, offsetof(ngx_http_trading_ws_fields_t, deflate));
    ngx_http_trading_ws_fields(r, &f);

    rc = ngx_http_trading_ws_check(call, &f);

    if (rc != NGX_OK) {
        return rc;
    }

    s->form = f.deflate_len ? NGX_HTTP_TRADING_F_DEFLATE
                            : NGX_HTTP_TRADING_F_FRAME;

    return ngx_http_trading_ws_answer(r, &f);
}


static void
ngx_http_trading_ws_fields(ngx_http_request_t *r,
    ngx_http_trading_ws_fields_t *f)
{
    ngx_str_t        *to;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    static ngx_str_t  key = ngx_string("sec-websocket-key");
    static ngx_str_t  version = ngx_string("sec-websocket-version");
    static ngx_str_t  extensions = ngx_string("sec-websocket-extensions");
    static ngx_str_t  origin = ngx_string("origin");

#define is(h, name)                                                           \
    ((h)->key.len == (name).len                                               \
     && ngx_strncasecmp((h)->key.data, (name).data, (name).len) == 0)

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (is(&h[i], extensions)) {
                if (f->deflate_len == 0) {
                    f->deflate_len = trd_ws_deflate_offer(
                                         (char *) h[i].value.data,
                                         h[i].value.len, f->deflate);
                }

                continue;
            }

            to = is(&h[i], key) ? &f->key
                 : is(&h[i], version) ? &f->version
                 : is(&h[i], origin) ? &f->origin : NULL;

            if (to == NULL) {
                continue;
            }

            if (to->data) {
                f->twice = 1;
            }

            *to = h[i].value;
        }
    }

#undef is
}


/* does any field of that name list the token?  Not by r->headers_in, which
   has only one of each name, and in some versions of nginx none. */
ngx_flag_t
ngx_http_trading_listed(ngx_http_request_t *r, ngx_str_t *name,
    const char *token)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == name->len
                && ngx_strncasecmp(h[i].key.data, name->data, name->len) == 0
                && trd_token_listed((char *) h[i].value.data, h[i].value.len,
                                    token))
            {
                return 1;
            }
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_trading_ws_check(ngx_http_trading_call_t *call,
    ngx_http_trading_ws_fields_t *f)
{
    ngx_http_request_t  *r;

    static ngx_str_t  connection = ngx_string("connection");
    static ngx_str_t  version = ngx_string("Sec-WebSocket-Version");
    static ngx_str_t  thirteen = ngx_string("13");
    static ngx_str_t  upgrade = ngx_string("Upgrade");
    static ngx_str_t  websocket = ngx_string("websocket");

    r = call->request;

    if (r->http_version != NGX_HTTP_VERSION_11) {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_HANDSHAKE,
                                     "a WebSocket begins with HTTP/1.1");
    }

    if (!ngx_http_trading_listed(r, &connection, "upgrade")) {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_HANDSHAKE,
                                     "Connection does not name upgrade");
    }

    if (f->twice) {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_HANDSHAKE,
                                     "a field of the handshake came twice");
    }

    if (f->version.len != 2 || ngx_strncmp(f->version.data, "13", 2) != 0) {

        if (ngx_http_trading_header(r, &version, &thirteen) == NULL
            || ngx_http_trading_header(r, &upgrade, &websocket) == NULL)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_UPGRADE,
                                     "the version of WebSocket must be 13");
    }

    if (!trd_ws_key_ok((char *) f->key.data, f->key.len)) {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_HANDSHAKE,
                                     "Sec-WebSocket-Key is not 16 bytes in "
                                     "base64");
    }

    return ngx_http_trading_ws_origin(call, &f->origin);
}


/*
 * Browsers let any page open a WebSocket to anybody and send the user's
 * cookies along, so a page of another origin must be allowed by name.
 */
static ngx_int_t
ngx_http_trading_ws_origin(ngx_http_trading_call_t *call, ngx_str_t *origin)
{
    size_t                        len;
    u_char                       *p;
    ngx_str_t                     allowed, *host;
    ngx_http_request_t           *r;
    ngx_http_trading_loc_conf_t  *lcf;

    r = call->request;

    if (origin->data == NULL) {
        return NGX_OK;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_trading_module);

    if (r->headers_in.host) {
        host = &r->headers_in.host->value;
        p = ngx_strlchr(origin->data, origin->data + origin->len, ':');
        len = host->len;

        if (p && origin->len - (p - origin->data) == len + 3
            && ngx_strncmp(p, "://", 3) == 0
            && ngx_strncasecmp(p + 3, host->data, len) == 0)
        {
            return NGX_OK;
        }
    }

    if (lcf->stream_origin) {

        if (ngx_http_complex_value(r, lcf->stream_origin, &allowed) != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (allowed.len && !(allowed.len == 1 && allowed.data[0] == '0')) {
            return NGX_OK;
        }
    }

    return ngx_http_trading_fail(call, NGX_HTTP_TRADING_ORIGIN,
                                 "pages of this origin are not allowed here");
}


static ngx_int_t
ngx_http_trading_ws_answer(ngx_http_request_t *r,
    ngx_http_trading_ws_fields_t *f)
{
    ngx_int_t    rc;
    ngx_str_t    accept, sum, extensions;
    ngx_sha1_t   sha;
    u_char       digest[20];

    static ngx_str_t  upgrade_key = ngx_string("Upgrade");
    static ngx_str_t  upgrade = ngx_string("websocket");
    static ngx_str_t  accept_key = ngx_string("Sec-WebSocket-Accept");
    static ngx_str_t  extensions_key = ngx_string("Sec-WebSocket-Extensions");
    static u_char     guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

    ngx_sha1_init(&sha);
    ngx_sha1_update(&sha, f->key.data, f->key.len);
    ngx_sha1_update(&sha, guid, sizeof(guid) - 1);
    ngx_sha1_final(digest, &sha);

    sum.len = sizeof(digest);
    sum.data = digest;

    accept.data = ngx_pnalloc(r->pool, TRD_WS_ACCEPT_LEN);
    if (accept.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_encode_base64(&accept, &sum);

    r->headers_out.status = NGX_HTTP_SWITCHING_PROTOCOLS;
    ngx_str_set(&r->headers_out.status_line, "101 Switching Protocols");

    if (ngx_http_trading_header(r, &upgrade_key, &upgrade) == NULL
        || ngx_http_trading_header(r, &accept_key, &accept) == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (f->deflate_len) {
        extensions.len = f->deflate_len;
        extensions.data = ngx_pnalloc(r->pool, f->deflate_len);

        if (extensions.data == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ngx_memcpy(extensions.data, f->deflate, f->deflate_len);

        if (ngx_http_trading_header(r, &extensions_key, &extensions) == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    /* a header that the socket of a new connection does not take is of a
       client that is not worth waiting for */

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return rc;
    }

    if (ngx_http_send_special(r, NGX_HTTP_FLUSH) == NGX_ERROR
        || r->connection->buffered)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * The answer's header has gone out, and its list would stay for as long as
 * the stream: a kilobyte of each connection.  A pool gives it back only where
 * it is larger than the pool's blocks (request_pool_size 1k).
 */
static void
ngx_http_trading_ws_trim(ngx_http_request_t *r)
{
    ngx_list_t  *list;

    list = &r->headers_out.headers;

    if (list->part.next || ngx_pfree(r->pool, list->part.elts) != NGX_OK) {
        return;
    }

    r->headers_out.server = NULL;
    r->headers_out.date = NULL;
    r->headers_out.content_length = NULL;
    r->headers_out.content_encoding = NULL;
    r->headers_out.location = NULL;
    r->headers_out.refresh = NULL;
    r->headers_out.last_modified = NULL;
    r->headers_out.content_range = NULL;
    r->headers_out.accept_ranges = NULL;
    r->headers_out.www_authenticate = NULL;
    r->headers_out.expires = NULL;
    r->headers_out.etag = NULL;

    /* arrays or lists, by nginx's version */

    ngx_memzero(&r->headers_out.cache_control,
                sizeof(r->headers_out.cache_control));
    ngx_memzero(&r->headers_out.link, sizeof(r->headers_out.link));

    if (ngx_list_init(list, r->pool, 1, sizeof(ngx_table_elt_t)) != NGX_OK) {
        ngx_memzero(list, sizeof(ngx_list_t));
        list->last = &list->part;
    }
}


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
    ngx_http_trading_ws_trim(r);

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

    if (f->opcode == TRD_WS_PONG) {
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
