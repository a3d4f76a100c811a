/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The Server-Sent Events side of a stream.  Over HTTP/1.1 events are written
 * in chunks that all connections share, past nginx's filters; where the body
 * needs them (HTTP/2, HTTP/1.0) each connection sends through them.
 */

#include "ngx_http_trading_stream.h"

#define NGX_HTTP_TRADING_RETRY  1000    /* ms before a client comes back, */
#define NGX_HTTP_TRADING_SPREAD 2000    /* and at most so many more */

static void ngx_http_trading_sse_write(ngx_http_request_t *r);


/*
 * Does the client take text/event-stream?  Without an Accept it takes
 * anything; `explicitly`: it must name it.
 */
ngx_flag_t
ngx_http_trading_sse_wanted(ngx_http_request_t *r, ngx_flag_t explicitly)
{
    ngx_flag_t        any;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    static ngx_str_t  accept = ngx_string("accept");

    any = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len != accept.len
                || ngx_strncasecmp(h[i].key.data, accept.data, accept.len)
                   != 0)
            {
                continue;
            }

            any = 1;

            if (ngx_strlcasestrn(h[i].value.data,
                                 h[i].value.data + h[i].value.len,
                                 (u_char *) "text/event-stream", 17 - 1)
                || (!explicitly
                    && ngx_strlcasestrn(h[i].value.data,
                                        h[i].value.data + h[i].value.len,
                                        (u_char *) "*/*", 3 - 1)))
            {
                return 1;
            }
        }
    }

    return !any && !explicitly;
}


ngx_int_t
ngx_http_trading_sse_begin(ngx_http_trading_call_t *call,
    ngx_http_trading_stream_t *s)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    static ngx_str_t  type = ngx_string("text/event-stream; charset=utf-8");
    static ngx_str_t  cache = ngx_string("Cache-Control");
    static ngx_str_t  no_store = ngx_string("no-store");
    static ngx_str_t  buffering = ngx_string("X-Accel-Buffering");
    static ngx_str_t  no = ngx_string("no");

    r = call->request;
    r->headers_out.status = NGX_HTTP_OK;
    ngx_http_trading_type(r, &type);

    if (ngx_http_trading_header(r, &cache, &no_store) == NULL
        || ngx_http_trading_header(r, &buffering, &no) == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return rc;
    }

    if (ngx_http_send_special(r, NGX_HTTP_FLUSH) == NGX_ERROR) {
        return NGX_ERROR;
    }

    s->filtered = !(r->http_version == NGX_HTTP_VERSION_11 && r->chunked
                    && r->headers_out.content_encoding == NULL
                    && r->connection->buffered == 0);
    s->form = s->filtered ? NGX_HTTP_TRADING_F_EVENT
                          : NGX_HTTP_TRADING_F_CHUNK;

    return NGX_OK;
}


void
ngx_http_trading_sse_start(ngx_http_trading_stream_t *s)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = s->request;
    c = r->connection;

    ngx_http_set_ctx(r, s, ngx_http_trading_module);

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_trading_sse_write;

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        ngx_http_trading_stream_end(s, NGX_HTTP_TRADING_END_FAILED);
    }
}


/* how long a browser shall wait before it comes back */
size_t
ngx_http_trading_sse_retry(u_char *buf)
{
    return ngx_sprintf(buf, "retry: %ui\n",
                       (ngx_uint_t) (NGX_HTTP_TRADING_RETRY
                                     + ngx_random()
                                       % NGX_HTTP_TRADING_SPREAD))
           - buf;
}


static void
ngx_http_trading_sse_write(ngx_http_request_t *r)
{
    ngx_http_trading_stream_t  *s;

    s = ngx_http_get_module_ctx(r, ngx_http_trading_module);

    if (!s->ended) {
        ngx_http_trading_out_ready(s);
    }
}
