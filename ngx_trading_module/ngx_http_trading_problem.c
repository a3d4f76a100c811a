/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Problem documents (RFC 9457): for our own failures, and, by the directive
 * trading_problem in a location that error_page leads to, for whatever
 * status nginx itself decided on.
 */

#include "ngx_http_trading_metrics.h"

#define NGX_HTTP_TRADING_PROBLEM_SIZE  4096

typedef struct {
    ngx_uint_t   status;
    const char  *code;
    const char  *title;
    const char  *detail;        /* of nginx's own errors */
} ngx_http_trading_status_t;

static const ngx_http_trading_status_t *ngx_http_trading_status(
    ngx_uint_t status);
static ngx_int_t ngx_http_trading_advise(ngx_http_trading_call_t *call,
    ngx_uint_t status);
static ngx_int_t ngx_http_trading_document(ngx_http_trading_call_t *call,
    const ngx_http_trading_status_t *st, ngx_uint_t status, ngx_str_t *detail,
    ngx_flag_t members);


/* in the order of ngx_http_trading_problem_e */
static const ngx_http_trading_status_t  ngx_http_trading_problems[] = {
    { 404, "not_found", "Not found", NULL },
    { 404, "unknown_symbol", "Unknown symbol", NULL },
    { 404, "unknown_class", "Unknown asset class", NULL },
    { 400, "unknown_field", "Unknown field", NULL },
    { 400, "unknown_model", "Unknown model", NULL },
    { 400, "invalid_parameter", "Invalid parameter", NULL },
    { 400, "bad_path", "Bad path", NULL },
    { 405, "method_not_allowed", "Method not allowed", NULL },
    { 503, "board_unavailable", "Market data unavailable", NULL },
    { 503, "no_quote", "No quote yet", NULL },
    { 503, "no_signal", "No signal yet", NULL },
    { 503, "no_depth", "No order book", NULL },
    { 404, "unknown_version", "Unknown version", NULL },
    { 503, "too_many_waiters", "Too many waiting requests", NULL },
    { 503, "too_old", "Quote too old", NULL },
    { 503, "market_stale", "Market data stale", NULL },
    { 400, "bad_handshake", "Bad WebSocket handshake", NULL },
    { 426, "upgrade_required", "Upgrade required", NULL },
    { 403, "origin_not_allowed", "Origin not allowed", NULL },
    { 401, "unauthorized", "Unauthorized", NULL },
    { 503, "unavailable", "Events of accounts unavailable", NULL },
    { 500, "internal_error", "Internal error", NULL }
};


/* what nginx itself answers with; 494 to 498 are its own and mean 400 */
static const ngx_http_trading_status_t  ngx_http_trading_statuses[] = {
    { 400, "bad_request", "Bad request", "the request is malformed" },
    { 401, "unauthorized", "Unauthorized", "credentials are needed" },
    { 403, "forbidden", "Forbidden", "access is not allowed" },
    { 404, "not_found", "Not found", "there is no such route" },
    { 405, "method_not_allowed", "Method not allowed",
      "this route does not take the method" },
    { 406, "not_acceptable", "Not acceptable",
      "no form of the answer is acceptable to the client" },
    { 408, "request_timeout", "Request timeout",
      "the request did not arrive in time" },
    { 409, "conflict", "Conflict", "the request conflicts with the state" },
    { 410, "gone", "Gone", "the resource is no longer there" },
    { 411, "length_required", "Length required",
      "the request needs a Content-Length" },
    { 412, "precondition_failed", "Precondition failed",
      "a condition of the request does not hold" },
    { 413, "body_too_large", "Body too large",
      "the body of the request is too large" },
    { 414, "uri_too_long", "URI too long", "the URI is too long" },
    { 415, "unsupported_media_type", "Unsupported media type",
      "the body's type is not taken here" },
    { 416, "range_not_satisfiable", "Range not satisfiable",
      "the range lies outside" },
    { 421, "misdirected_request", "Misdirected request",
      "this server does not answer for that name" },
    { 422, "unprocessable", "Unprocessable content",
      "the request is well formed, but cannot be followed" },
    { 425, "too_early", "Too early", "the request may be a replay" },
    { 426, "upgrade_required", "Upgrade required",
      "the route needs another protocol" },
    { 429, "too_many_requests", "Too many requests",
      "the rate limit is exceeded" },
    { 431, "header_too_large", "Header too large",
      "a header of the request is too large" },
    { 494, "header_too_large", "Header too large",
      "a header of the request is too large" },
    { 495, "bad_certificate", "Bad certificate",
      "the client certificate is not accepted" },
    { 496, "certificate_required", "Certificate required",
      "a client certificate is needed" },
    { 497, "https_required", "HTTPS required",
      "plain HTTP came to an HTTPS port" },
    { 500, "internal_error", "Internal error", "the server failed" },
    { 501, "not_implemented", "Not implemented",
      "the server does not know the method" },
    { 502, "bad_gateway", "Bad gateway",
      "the service behind gave no valid answer" },
    { 503, "unavailable", "Service unavailable",
      "the service cannot answer now" },
    { 504, "gateway_timeout", "Gateway timeout",
      "the service behind did not answer in time" },
    { 505, "version_not_supported", "Version not supported",
      "the server does not speak this version of HTTP" },
    { 507, "insufficient_storage", "Insufficient storage",
      "the server has no room to store the request" }
};


static ngx_http_trading_route_t  ngx_http_trading_problem_route = {
    ngx_null_string, NULL, 0, NGX_HTTP_TRADING_R_OTHER, NULL,
    NGX_HTTP_TRADING_P_NONE
};


ngx_int_t
ngx_http_trading_fail(ngx_http_trading_call_t *call,
    ngx_http_trading_problem_e problem, const char *fmt, ...)
{
    u_char                        *last;
    va_list                        args;
    ngx_http_trading_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(call->request,
                                        ngx_http_trading_module);

    if (call->board && !ngx_http_trading_board_whole(mcf)) {

        /* whatever was concluded was concluded from zeros */

        problem = NGX_HTTP_TRADING_NO_BOARD;
        fmt = "the market data file was truncated";
    }

    call->problem = problem;

    va_start(args, fmt);
    last = ngx_vslprintf(call->detail,
                         call->detail + NGX_HTTP_TRADING_DETAIL, fmt, args);
    va_end(args);

    call->detail_len = last - call->detail;

    trd_writer_init(&call->members, call->extra, NGX_HTTP_TRADING_DETAIL);

    return NGX_DECLINED;
}


/* lists what is allowed, up to the first NULL; call after fail() */
void
ngx_http_trading_allowed(ngx_http_trading_call_t *call,
    const char *(*name)(unsigned i))
{
    unsigned     i;
    const char  *s;

    trd_write_lit(&call->members, ",\"allowed\":[");

    for (i = 0; (s = name(i)) != NULL; i++) {
        if (i) {
            trd_write_lit(&call->members, ",");
        }

        trd_write_json_str(&call->members, s, ngx_strlen(s));
    }

    trd_write_lit(&call->members, "]");
}


ngx_int_t
ngx_http_trading_problem_send(ngx_http_trading_call_t *call)
{
    ngx_str_t                         detail;
    const ngx_http_trading_status_t  *st;

    st = &ngx_http_trading_problems[call->problem];

    detail.data = call->detail;
    detail.len = call->detail_len;

    return ngx_http_trading_document(call, st, st->status, &detail,
                                     !trd_writer_overflowed(&call->members));
}


/* where error_page leads; WWW-Authenticate and the like are left in place */
ngx_int_t
ngx_http_trading_problem_handler(ngx_http_request_t *r)
{
    ngx_int_t                         rc;
    ngx_str_t                         detail;
    ngx_uint_t                        status;
    ngx_http_trading_call_t           call;
    ngx_http_trading_loc_conf_t      *lcf;
    const ngx_http_trading_status_t  *st;

    status = r->err_status ? r->err_status : NGX_HTTP_NOT_FOUND;

    rc = ngx_http_discard_request_body(r);

    if (rc == NGX_HTTP_BAD_REQUEST) {

        /*
         * A body that cannot be read, found only now.  It is said here,
         * since error_page is not looked at a second time, and nothing more
         * is read from the connection.
         */

        status = rc;
        r->err_status = rc;
        r->keepalive = 0;
        r->lingering_close = 0;

    } else if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(&call, offsetof(ngx_http_trading_call_t, detail));
    call.request = r;
    call.route = &ngx_http_trading_problem_route;

    st = ngx_http_trading_status(status);

    if (status >= 494 && status <= 498) {
        status = NGX_HTTP_BAD_REQUEST;
        r->err_status = status;
    }

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);

    r->headers_out.content_encoding = NULL;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_trading_module);

    if (lcf->problem.len) {
        detail = lcf->problem;

    } else {
        detail.data = (u_char *) st->detail;
        detail.len = ngx_strlen(st->detail);
    }

    return ngx_http_trading_document(&call, st, status, &detail, 0);
}


static const ngx_http_trading_status_t *
ngx_http_trading_status(ngx_uint_t status)
{
    ngx_uint_t  i;

    static const ngx_http_trading_status_t  other = {
        0, "error", "Error", "the request failed"
    };

    static const ngx_http_trading_status_t  moved = {
        0, "redirect", "Redirect", "see the Location header"
    };

    if (status >= NGX_HTTP_SPECIAL_RESPONSE && status < NGX_HTTP_BAD_REQUEST) {
        return &moved;
    }

    for (i = 0;
         i < sizeof(ngx_http_trading_statuses)
             / sizeof(ngx_http_trading_status_t);
         i++)
    {
        if (ngx_http_trading_statuses[i].status == status) {
            return &ngx_http_trading_statuses[i];
        }
    }

    return &other;
}


/* how to go on; nginx's own modules that answer 405 take what ours take */
static ngx_int_t
ngx_http_trading_advise(ngx_http_trading_call_t *call, ngx_uint_t status)
{
    ngx_str_t           *methods;
    ngx_table_elt_t     *h;
    ngx_http_request_t  *r;

    static ngx_str_t  retry = ngx_string("Retry-After");
    static ngx_str_t  one = ngx_string("1");
    static ngx_str_t  allow = ngx_string("Allow");
    static ngx_str_t  both = ngx_string("GET, HEAD");
    static ngx_str_t  get = ngx_string("GET");

    r = call->request;

    switch (status) {

    case NGX_HTTP_NOT_ALLOWED:
        methods = (call->route->group == NGX_HTTP_TRADING_R_STREAM) ? &get
                                                                    : &both;
        h = ngx_http_trading_header(r, &allow, methods);
        break;

    case NGX_HTTP_TOO_MANY_REQUESTS:
    case NGX_HTTP_SERVICE_UNAVAILABLE:
        h = ngx_http_trading_header(r, &retry, &one);
        break;

    default:
        return NGX_OK;
    }

    return h ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_trading_document(ngx_http_trading_call_t *call,
    const ngx_http_trading_status_t *st, ngx_uint_t status, ngx_str_t *detail,
    ngx_flag_t members)
{
    ngx_buf_t           *b;
    ngx_str_t            id;
    ngx_chain_t          out;
    trd_writer_t         w;
    ngx_http_request_t  *r;

    static ngx_str_t  type = ngx_string("application/problem+json");
    static ngx_str_t  cache = ngx_string("Cache-Control");
    static ngx_str_t  no_store = ngx_string("no-store");

    r = call->request;

    if (ngx_http_trading_request_id(r, &id) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_trading_writer(call, &w, NGX_HTTP_TRADING_PROBLEM_SIZE)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    trd_write_lit(&w, "{\"type\":\"urn:trading:problem:");
    trd_write_str(&w, st->code);
    trd_write_lit(&w, "\",\"title\":");
    trd_write_json_str(&w, st->title, ngx_strlen(st->title));
    trd_write_lit(&w, ",\"status\":");
    trd_write_u64(&w, status);
    trd_write_lit(&w, ",\"detail\":");
    trd_write_json_str(&w, (char *) detail->data, detail->len);
    trd_write_lit(&w, ",\"code\":\"");
    trd_write_str(&w, st->code);
    trd_write_lit(&w, "\",\"request_id\":");
    trd_write_json_str(&w, (char *) id.data, id.len);

    if (members) {
        trd_write(&w, call->members.start, trd_writer_len(&call->members));
    }

    trd_write_lit(&w, "}");

    if (trd_writer_overflowed(&w)) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = (u_char *) w.start;
    b->last = (u_char *) w.pos;
    b->memory = 1;

    out.buf = b;
    out.next = NULL;

    r->headers_out.status = status;
    ngx_http_trading_type(r, &type);

    if (ngx_http_trading_header(r, &cache, &no_store) == NULL
        || ngx_http_trading_advise(call, status) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_trading_send_chain(call, &out, b->last - b->pos);
}
