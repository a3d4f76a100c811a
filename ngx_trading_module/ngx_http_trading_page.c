/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Serves pages of the board: one copy into r->pool, checked against the
 * page's hash, then headers and one buffer.  While the writer is silent a
 * page is served with its quotes marked stale, which is done in the copy.
 */

#include "ngx_http_trading_metrics.h"
#include "trd_technical.h"

#define NGX_HTTP_TRADING_ETAG  (sizeof("\"-gz-stale\"") + 3 * 16)

static ngx_flag_t ngx_http_trading_accepts_gzip(ngx_http_request_t *r);
static ngx_flag_t ngx_http_trading_matches(ngx_http_trading_call_t *call,
    const trd_page_t *page, const char *suffix, ngx_flag_t vary);
static ngx_int_t ngx_http_trading_page_send(ngx_http_trading_call_t *call,
    const trd_page_t *page, ngx_flag_t gzip, ngx_flag_t vary);
static ngx_flag_t ngx_http_trading_same_tag(ngx_http_trading_call_t *call,
    uint64_t seq, const char *suffix);
static size_t ngx_http_trading_etag(ngx_http_trading_call_t *call,
    uint64_t seq, const char *suffix, u_char *p);
static void ngx_http_trading_mark_stale(ngx_buf_t *b);


/* the page of one instrument */
ngx_int_t
ngx_http_trading_entry(ngx_http_trading_call_t *call, uint32_t instrument,
    ngx_uint_t kind)
{
    ngx_int_t                      rc;
    trd_quote_t                    quote;
    ngx_http_trading_ctx_t        *ctx;
    ngx_http_trading_main_conf_t  *mcf;

    if (ngx_http_trading_given(call, TRD_PARAM_MAX_AGE_MS)) {
        if (ngx_http_trading_age_check(call, instrument, &quote) != NGX_OK) {
            return NGX_DECLINED;
        }
    }

    mcf = ngx_http_get_module_main_conf(call->request,
                                        ngx_http_trading_module);

    if (mcf->quote_age
        && trd_board_quote(call->board, instrument, &quote) == TRD_OK
        && quote.has)
    {
        ctx = ngx_palloc(call->request->pool, sizeof(ngx_http_trading_ctx_t));
        if (ctx == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ctx->age_ms = ngx_max(ngx_http_trading_now() - quote.received_ms, 0);
        ngx_http_set_ctx(call->request, ctx, ngx_http_trading_module);
    }

    rc = ngx_http_trading_page_send(call,
                                    trd_board_entry_page(call->board,
                                                         instrument, kind),
                                    0, 0);
    if (rc != NGX_HTTP_TRADING_NO_PAGE) {
        return rc;
    }

    if (kind >= TRD_ENTRY_TECHNICAL && kind < TRD_ENTRY_ANALYSIS) {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_NO_SIGNAL,
                                     "there is no technical signal of \"%V\" "
                                     "over %s yet", &call->tail,
                                     trd_timeframe_name(kind
                                                     - TRD_ENTRY_TECHNICAL));
    }

    return ngx_http_trading_fail(call, NGX_HTTP_TRADING_NO_QUOTE,
                                 "there is no %s of \"%V\" yet",
                                 kind == TRD_ENTRY_QUOTE ? "quote"
                                 : kind == TRD_ENTRY_ANALYSIS ? "analysis"
                                                              : "signal",
                                 &call->tail);
}


/* a page of the whole market; gzip may be NULL */
ngx_int_t
ngx_http_trading_page(ngx_http_trading_call_t *call, const trd_page_t *plain,
    const trd_page_t *gzip)
{
    ngx_int_t  rc;

    if (gzip && !call->stale && ngx_http_trading_accepts_gzip(call->request)) {
        rc = ngx_http_trading_page_send(call, gzip, 1, 1);

        if (rc != NGX_HTTP_TRADING_NO_PAGE) {
            return rc;
        }
    }

    rc = ngx_http_trading_page_send(call, plain, 0, gzip != NULL);

    if (rc == NGX_HTTP_TRADING_NO_PAGE) {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_NO_BOARD,
                                     "the market data is not rendered yet");
    }

    return rc;
}


/* NO_PAGE: the page was never rendered, nothing was sent */
static ngx_int_t
ngx_http_trading_page_send(ngx_http_trading_call_t *call,
    const trd_page_t *page, ngx_flag_t gzip, ngx_flag_t vary)
{
    ngx_int_t                      rc;
    const char                    *suffix;
    ngx_chain_t                    out;
    ngx_table_elt_t               *h;
    ngx_http_request_t            *r;
    ngx_http_trading_body_t        body;
    ngx_http_trading_main_conf_t  *mcf;

    static ngx_str_t  encoding = ngx_string("Content-Encoding");
    static ngx_str_t  coding = ngx_string("gzip");

    r = call->request;
    suffix = call->stale ? "-stale" : gzip ? "-gz" : "";

    if (r->headers_in.if_none_match
        && ngx_http_trading_matches(call, page, suffix, vary))
    {
        return ngx_http_trading_not_modified(call);
    }

    rc = ngx_http_trading_page_read(call, page, &body);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_trading_headers(call, body.seq, suffix, vary) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (gzip) {
        h = ngx_http_trading_header(r, &encoding, &coding);
        if (h == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        r->headers_out.content_encoding = h;

        mcf = ngx_http_get_module_main_conf(r, ngx_http_trading_module);
        ngx_http_trading_count_event(mcf, NGX_HTTP_TRADING_C_GZIP);
    }

    out.buf = body.buf;
    out.next = NULL;

    return ngx_http_trading_send_chain(call, &out,
                                       body.buf->last - body.buf->pos);
}


/*
 * A copy of a page, with NGX_HTTP_TRADING_HEAD bytes of room before it and
 * one behind.  NO_PAGE: never rendered.  NGX_DECLINED: unreadable.
 */
ngx_int_t
ngx_http_trading_page_read(ngx_http_trading_call_t *call,
    const trd_page_t *page, ngx_http_trading_body_t *body)
{
    size_t                         size;
    u_char                        *p;
    trd_rc_t                       rc;
    ngx_buf_t                     *b;
    ngx_uint_t                     attempt;
    trd_page_view_t                view;
    ngx_http_request_t            *r;
    ngx_http_trading_main_conf_t  *mcf;

    r = call->request;
    mcf = ngx_http_get_module_main_conf(r, ngx_http_trading_module);

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = NULL;
    size = 0;
    rc = TRD_CORRUPT;

    for (attempt = 0; page && attempt < TRD_BOARD_TRIES; attempt++) {

        if (attempt) {
            ngx_http_trading_count_event(mcf, NGX_HTTP_TRADING_C_TORN);
        }

        rc = trd_page_begin(call->board, page, attempt, &view);

        if (rc == TRD_NOT_FOUND) {
            return NGX_HTTP_TRADING_NO_PAGE;
        }

        if (rc != TRD_OK) {
            continue;
        }

        if (p == NULL || view.len > size) {
            size = view.len;
            p = ngx_pnalloc(r->pool, NGX_HTTP_TRADING_HEAD + size + 1);
            if (p == NULL) {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }
        }

        rc = trd_page_copy(&view, p + NGX_HTTP_TRADING_HEAD);

        if (rc == TRD_OK) {
            b->start = p;
            b->pos = p + NGX_HTTP_TRADING_HEAD;
            b->last = b->pos + view.len;
            b->end = b->last + 1;
            b->temporary = 1;

            if (call->stale) {
                ngx_http_trading_mark_stale(b);
            }

            body->buf = b;
            body->seq = view.seq;

            return NGX_OK;
        }
    }

    ngx_http_trading_board_unread(mcf, r->connection->log, rc, "a page");

    return ngx_http_trading_fail(call, NGX_HTTP_TRADING_NO_BOARD,
                                 "the market data cannot be read");
}


static ngx_flag_t
ngx_http_trading_accepts_gzip(ngx_http_request_t *r)
{
#if (NGX_HTTP_GZIP || NGX_HTTP_HEADERS)

    ngx_table_elt_t  *h;

    h = r->headers_in.accept_encoding;

    return h && trd_accepts_gzip((char *) h->value.data, h->value.len);

#else

    return 0;

#endif
}


/*
 * The common case of If-None-Match, a single strong tag that is the page's,
 * needs no copy.  Lists and weak tags are left to nginx's own filter.
 */
static ngx_flag_t
ngx_http_trading_matches(ngx_http_trading_call_t *call,
    const trd_page_t *page, const char *suffix, ngx_flag_t vary)
{
    trd_page_view_t  view;

    if (page == NULL
        || trd_page_begin(call->board, page, 0, &view) != TRD_OK
        || !ngx_http_trading_same_tag(call, view.seq, suffix))
    {
        return 0;
    }

    return ngx_http_trading_headers(call, view.seq, suffix, vary) == NGX_OK;
}


/* the same for a body that would be written now; sets the headers if so */
ngx_flag_t
ngx_http_trading_unchanged(ngx_http_trading_call_t *call, uint64_t tag)
{
    const char  *suffix;

    suffix = call->stale ? "-stale" : "";

    return call->request->headers_in.if_none_match
           && ngx_http_trading_same_tag(call, tag, suffix)
           && ngx_http_trading_headers(call, tag, suffix, 0) == NGX_OK;
}


static ngx_flag_t
ngx_http_trading_same_tag(ngx_http_trading_call_t *call, uint64_t seq,
    const char *suffix)
{
    size_t               len;
    u_char               etag[NGX_HTTP_TRADING_ETAG];
    ngx_str_t           *value;
    ngx_http_request_t  *r;

    r = call->request;

    if (r != r->main || r->disable_not_modified
        || r->headers_in.if_match || r->headers_in.if_unmodified_since)
    {
        return 0;
    }

    len = ngx_http_trading_etag(call, seq, suffix, etag);
    value = &r->headers_in.if_none_match->value;

    return value->len == len && ngx_memcmp(value->data, etag, len) == 0;
}


ngx_int_t
ngx_http_trading_not_modified(ngx_http_trading_call_t *call)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = call->request;

    r->headers_out.status = NGX_HTTP_NOT_MODIFIED;
    r->headers_out.status_line.len = 0;
    ngx_str_null(&r->headers_out.content_type);
    ngx_http_clear_content_length(r);
    r->header_only = 1;

    rc = ngx_http_send_header(r);

    ngx_http_trading_count(call, 0);

    return rc;
}


static size_t
ngx_http_trading_etag(ngx_http_trading_call_t *call, uint64_t seq,
    const char *suffix, u_char *etag)
{
    int        shift;
    u_char    *p;
    uint64_t   part[2];
    unsigned   i;

    static const u_char  hex[] = "0123456789abcdef";

    part[0] = call->board->generation;
    part[1] = seq;
    p = etag;

    *p++ = '"';

    for (i = 0; i < 2; i++) {
        if (i) {
            *p++ = '-';
        }

        for (shift = 60; shift > 0 && (part[i] >> shift) == 0; shift -= 4) {
            /* leading zeros */
        }

        for ( /* void */ ; shift >= 0; shift -= 4) {
            *p++ = hex[(part[i] >> shift) & 0xf];
        }
    }

    while (*suffix) {
        *p++ = (u_char) *suffix++;
    }

    *p++ = '"';

    return p - etag;
}


/* the headers of a 200 that comes from the board */
ngx_int_t
ngx_http_trading_headers(ngx_http_trading_call_t *call, uint64_t seq,
    const char *suffix, ngx_uint_t vary)
{
    ngx_str_t                      value;
    ngx_table_elt_t               *h;
    ngx_http_request_t            *r;
    ngx_http_trading_main_conf_t  *mcf;

    static ngx_str_t  etag = ngx_string("ETag");
    static ngx_str_t  cache = ngx_string("Cache-Control");
    static ngx_str_t  no_cache = ngx_string("no-cache");
    static ngx_str_t  vary_key = ngx_string("Vary");
    static ngx_str_t  accept = ngx_string("Accept-Encoding");
    static ngx_str_t  stale = ngx_string("X-Market-Stale");
    static ngx_str_t  one = ngx_string("1");
    static ngx_str_t  json = ngx_string("application/json");

    r = call->request;

    value.data = ngx_pnalloc(r->pool, NGX_HTTP_TRADING_ETAG);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_http_trading_etag(call, seq, suffix, value.data);

    h = ngx_http_trading_header(r, &etag, &value);
    if (h == NULL) {
        return NGX_ERROR;
    }

    r->headers_out.etag = h;

    if (ngx_http_trading_header(r, &cache, &no_cache) == NULL) {
        return NGX_ERROR;
    }

    if (vary && ngx_http_trading_header(r, &vary_key, &accept) == NULL) {
        return NGX_ERROR;
    }

    if (call->stale) {
        if (ngx_http_trading_header(r, &stale, &one) == NULL) {
            return NGX_ERROR;
        }

        mcf = ngx_http_get_module_main_conf(r, ngx_http_trading_module);
        ngx_http_trading_count_event(mcf, NGX_HTTP_TRADING_C_STALE);
    }

    r->headers_out.status = NGX_HTTP_OK;
    ngx_http_trading_type(r, &json);

    return NGX_OK;
}


/* same length, so that nothing moves: the space is JSON's to ignore */
static void
ngx_http_trading_mark_stale(ngx_buf_t *b)
{
    u_char  *p;

    static const char  fresh[] = "\"stale\":false";
    static const char  stale[] = "\"stale\":true ";

    p = b->pos;

    for ( ;; ) {
        p = memmem(p, b->last - p, fresh, sizeof(fresh) - 1);

        if (p == NULL) {
            return;
        }

        ngx_memcpy(p, stale, sizeof(stale) - 1);
        p += sizeof(stale) - 1;
    }
}
