/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The last step of every answer: headers, length, buffers, counting.
 */

#include "ngx_http_trading_metrics.h"


ngx_table_elt_t *
ngx_http_trading_header(ngx_http_request_t *r, ngx_str_t *key,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    h->hash = 1;
    h->key = *key;
    h->value = *value;

#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return h;
}


void
ngx_http_trading_type(ngx_http_request_t *r, ngx_str_t *type)
{
    r->headers_out.content_type = *type;
    r->headers_out.content_type_len = type->len;
    r->headers_out.content_type_lowcase = NULL;
}


/* status and type are set; `len` bytes in all */
ngx_int_t
ngx_http_trading_send_chain(ngx_http_trading_call_t *call, ngx_chain_t *out,
    off_t len)
{
    ngx_int_t            rc;
    ngx_chain_t         *last;
    ngx_http_request_t  *r;

    r = call->request;

    for (last = out; last->next; last = last->next) {
        /* void */
    }

    last->buf->last_buf = (r == r->main) ? 1 : 0;
    last->buf->last_in_chain = 1;

    r->headers_out.content_length_n = len;

    rc = ngx_http_send_header(r);

    ngx_http_trading_count(call, len);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, out);
}


/* a writer over `size` bytes of the pool */
ngx_int_t
ngx_http_trading_writer(ngx_http_trading_call_t *call, trd_writer_t *w,
    size_t size)
{
    void  *p;

    p = ngx_pnalloc(call->request->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    trd_writer_init(w, p, size);

    return NGX_OK;
}


/* sends a JSON document that was made for this request and is not cached */
ngx_int_t
ngx_http_trading_send_writer(ngx_http_trading_call_t *call,
    ngx_uint_t status, trd_writer_t *w)
{
    ngx_buf_t           *b;
    ngx_chain_t          out;
    ngx_http_request_t  *r;

    static ngx_str_t  json = ngx_string("application/json");
    static ngx_str_t  cache = ngx_string("Cache-Control");
    static ngx_str_t  no_store = ngx_string("no-store");

    r = call->request;

    if (trd_writer_overflowed(w)) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "trading send: document of %uz bytes does not fit, "
                      "uri \"%V\"", w->need, &r->uri);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = (u_char *) w->start;
    b->last = (u_char *) w->pos;
    b->memory = 1;

    out.buf = b;
    out.next = NULL;

    r->headers_out.status = status;

    if (r->headers_out.content_type.len == 0) {
        ngx_http_trading_type(r, &json);
    }

    if (ngx_http_trading_header(r, &cache, &no_store) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_trading_send_chain(call, &out, b->last - b->pos);
}
