/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * One message in the form that a client reads: a WebSocket frame, plain or
 * compressed, or an event, as a chunk or as it is.
 *
 * permessage-deflate is agreed on without context takeover, so a compressed
 * message means the same on every connection and is made once for all.
 */

#include <zlib.h>

#include "ngx_http_trading_stream.h"
#include "trd_ws_upgrade.h"

#define NGX_HTTP_TRADING_DEFLATE_LEVEL  1
#define NGX_HTTP_TRADING_DEFLATE_LEAST  64      /* bytes that are worth it */
#define NGX_HTTP_TRADING_BLOCK_END      128     /* of zlib's data_type */

static size_t ngx_http_trading_form_event(ngx_http_trading_hub_t *hub,
    const char *type, uint64_t seq, const u_char *text, size_t len,
    u_char *buf);
static size_t ngx_http_trading_deflate(const u_char *text, size_t len,
    u_char *buf, size_t size);


/* of this worker; made when somebody first asks for compression */
static z_stream    ngx_http_trading_deflater;
static z_stream    ngx_http_trading_inflater;
static ngx_flag_t  ngx_http_trading_deflates;
static ngx_flag_t  ngx_http_trading_inflates;


size_t
ngx_http_trading_form_write(ngx_http_trading_hub_t *hub, ngx_uint_t form,
    const char *type, uint64_t seq, const u_char *text, size_t len,
    u_char *buf)
{
    u_char  *p;
    size_t   n, size;

    switch (form) {

    case NGX_HTTP_TRADING_F_DEFLATE:

        if (len >= NGX_HTTP_TRADING_DEFLATE_LEAST) {
            p = buf + TRD_WS_HEAD_MAX;
            size = ngx_http_trading_deflate(text, len, p, len);

            if (size) {
                n = trd_ws_head(buf, TRD_WS_TEXT, 1, size);
                ngx_memmove(buf + n, p, size);
                return n + size;
            }
        }

        /* it would not get smaller */

        /* fall through */

    case NGX_HTTP_TRADING_F_FRAME:
        n = trd_ws_head(buf, TRD_WS_TEXT, 0, len);
        ngx_memcpy(buf + n, text, len);
        return n + len;

    case NGX_HTTP_TRADING_F_EVENT:
        return ngx_http_trading_form_event(hub, type, seq, text, len, buf);

    default: /* NGX_HTTP_TRADING_F_CHUNK */

        /* a chunk's size in eight digits, so that it can be set afterwards */
        p = buf + 10;
        size = ngx_http_trading_form_event(hub, type, seq, text, len, p);
        (void) ngx_sprintf(buf, "%08xz", size);
        buf[8] = CR;
        buf[9] = LF;
        p += size;
        *p++ = CR;
        *p++ = LF;
        return p - buf;
    }
}


/* without a text it only sets the client's last event id */
static size_t
ngx_http_trading_form_event(ngx_http_trading_hub_t *hub, const char *type,
    uint64_t seq, const u_char *text, size_t len, u_char *buf)
{
    u_char  *p;

    p = buf;

    if (seq) {
        p = ngx_sprintf(p, "id: %uL-%uL\n", hub->generation, seq);
    }

    if (len) {
        p = ngx_sprintf(p, "event: %s\ndata: ", type);
        p = ngx_cpymem(p, text, len);
        *p++ = LF;
    }

    *p++ = LF;

    return p - buf;
}


/* 0: not smaller, or it failed */
static size_t
ngx_http_trading_deflate(const u_char *text, size_t len, u_char *buf,
    size_t size)
{
    size_t     n;
    z_stream  *z;

    z = &ngx_http_trading_deflater;

    if (!ngx_http_trading_deflates) {
        if (deflateInit2(z, NGX_HTTP_TRADING_DEFLATE_LEVEL, Z_DEFLATED,
                         -TRD_WS_WINDOW_BITS, 5, Z_DEFAULT_STRATEGY)
            != Z_OK)
        {
            return 0;
        }

        ngx_http_trading_deflates = 1;

    } else if (deflateReset(z) != Z_OK) {
        return 0;
    }

    z->next_in = (u_char *) text;
    z->avail_in = (uInt) len;
    z->next_out = buf;
    z->avail_out = (uInt) size;

    if (deflate(z, Z_SYNC_FLUSH) != Z_OK || z->avail_in || z->avail_out == 0) {
        return 0;
    }

    /* without the four bytes of the flush, which the receiver puts back */

    n = size - z->avail_out;

    return (n > 4) ? n - 4 : 0;
}


/* NGX_ERROR: it is none; NGX_DECLINED: it is larger than size */
ngx_int_t
ngx_http_trading_inflate(const u_char *data, size_t len, u_char *out,
    size_t size, size_t *n)
{
    int         rc;
    z_stream   *z;
    ngx_uint_t  i;

    static u_char  tail[] = { 0x00, 0x00, 0xff, 0xff };

    z = &ngx_http_trading_inflater;

    if (!ngx_http_trading_inflates) {
        if (inflateInit2(z, -15) != Z_OK) {
            return NGX_ERROR;
        }

        ngx_http_trading_inflates = 1;

    } else if (inflateReset(z) != Z_OK) {
        return NGX_ERROR;
    }

    z->next_out = out;
    z->avail_out = (uInt) size;

    for (i = 0; i < 2; i++) {
        z->next_in = i ? tail : (u_char *) data;
        z->avail_in = (uInt) (i ? sizeof(tail) : len);

        while (z->avail_in) {
            rc = inflate(z, Z_SYNC_FLUSH);

            if (rc == Z_STREAM_END) {

                /* a final block may come before the tail, and behind it the
                   byte that makes an empty block of the tail (RFC 7692,
                   7.2.3.4); anything else would be another stream */

                if (i == 0
                    && (z->avail_in > 1
                        || (z->avail_in == 1 && z->next_in[0] != 0)))
                {
                    return NGX_ERROR;
                }

                *n = size - z->avail_out;
                return NGX_OK;
            }

            if (z->avail_out == 0) {
                return NGX_DECLINED;
            }

            if (rc != Z_OK && !(rc == Z_BUF_ERROR && z->avail_in == 0)) {
                return NGX_ERROR;
            }
        }
    }

    /* the tail was swallowed by a block that does not end */

    if (!(z->data_type & NGX_HTTP_TRADING_BLOCK_END)) {
        return NGX_ERROR;
    }

    *n = size - z->avail_out;

    return NGX_OK;
}
