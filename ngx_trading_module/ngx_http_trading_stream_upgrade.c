/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The handshake of a WebSocket (RFC 6455, section 4): what the request must
 * say, from where a page may come, and the answer.
 */

#include <ngx_sha1.h>

#include "ngx_http_trading_stream.h"
#include "trd_ws_upgrade.h"

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
