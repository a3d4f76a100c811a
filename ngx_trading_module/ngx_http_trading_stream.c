/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A stream from its request to its end.  What a client asks for decides
 * between WebSocket and SSE; all that may be refused is refused with a
 * problem document, before the stream begins.
 *
 * A stream ends by ngx_http_trading_stream_end(), which takes it out of the
 * hub at once and leaves the request to a posted event, so that whoever is
 * walking a list may call it.  If nginx frees the request by itself, the
 * pool's cleanup does the same.
 */

#include "ngx_http_trading_stream.h"

static void ngx_http_trading_stream_cleanup(void *data);
static void ngx_http_trading_stream_trim(ngx_http_request_t *r);
static void ngx_http_trading_stream_unsent(ngx_http_request_t *r,
    size_t size);
static ngx_flag_t ngx_http_trading_stream_lost(ngx_http_trading_stream_t *s);
static void ngx_http_trading_stream_last_id(ngx_http_request_t *r,
    trd_request_t *request);
static ngx_int_t ngx_http_trading_stream_account(ngx_http_request_t *r,
    ngx_str_t *account);


/* for the counters: there are no routes below a stream's location */
static ngx_http_trading_route_t  ngx_http_trading_stream_route = {
    ngx_string(""), NULL, 0, NGX_HTTP_TRADING_R_STREAM, NULL,
    NGX_HTTP_TRADING_P_NONE
};


ngx_http_trading_service_t  ngx_http_trading_stream_service = {
    ngx_string("stream"),
    NULL,
    0,
    ngx_http_trading_stream_handler
};


ngx_int_t
ngx_http_trading_stream_handler(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_flag_t                websocket;
    ngx_http_trading_call_t   call;

    static ngx_str_t  upgrade = ngx_string("Upgrade");
    static ngx_str_t  protocol = ngx_string("websocket");

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(&call, offsetof(ngx_http_trading_call_t, detail));
    call.request = r;
    call.route = &ngx_http_trading_stream_route;

    /* what is still to come of it would be taken for frames */

    if (r->discard_body) {
        ngx_http_trading_fail(&call, NGX_HTTP_TRADING_BAD_PARAMETER,
                              "a stream takes no body");
        return ngx_http_trading_problem_send(&call);
    }

    if (r->method != NGX_HTTP_GET) {
        ngx_http_trading_fail(&call, NGX_HTTP_TRADING_BAD_METHOD,
                              "a stream takes GET");
        return ngx_http_trading_problem_send(&call);
    }

    websocket = ngx_http_trading_listed(r, &upgrade, "websocket");

    if (!websocket && !ngx_http_trading_sse_wanted(r, 0)) {

        if (ngx_http_trading_header(r, &upgrade, &protocol) == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ngx_http_trading_fail(&call, NGX_HTTP_TRADING_UPGRADE,
                              "ask for an upgrade to websocket, or accept "
                              "text/event-stream");
        return ngx_http_trading_problem_send(&call);
    }

    rc = ngx_http_trading_stream_open(&call, websocket, 0);

    if (rc == NGX_DECLINED) {
        return ngx_http_trading_problem_send(&call);
    }

    return rc;
}


/* `binary`: what /binary/stream sends, whatever the arguments say */
ngx_int_t
ngx_http_trading_stream_open(ngx_http_trading_call_t *call,
    ngx_flag_t websocket, ngx_flag_t binary)
{
    u_char                       *buf;
    ngx_int_t                     rc;
    trd_request_t                 request;
    ngx_http_request_t           *r;
    ngx_pool_cleanup_t           *cln;
    trd_request_error_t           error;
    ngx_http_trading_hub_t       *hub;
    ngx_http_trading_stream_t    *s;
    ngx_http_trading_loc_conf_t  *lcf;

    r = call->request;
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_trading_module);

    if (ngx_http_trading_need(call, 0) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (r != r->main) {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_NOT_FOUND,
                                     "a stream is no subrequest");
    }

    buf = ngx_pnalloc(r->pool, r->args.len + 1);
    s = ngx_pcalloc(r->pool, sizeof(ngx_http_trading_stream_t));
    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (buf == NULL || s == NULL || cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    error = trd_request_args((char *) r->args.data, r->args.len,
                             (char *) buf, &request);

    if (error == TRD_REQUEST_UNKNOWN_CLASS) {
        (void) ngx_http_trading_fail(call, NGX_HTTP_TRADING_UNKNOWN_CLASS,
                                     "%s", request.detail);
        ngx_http_trading_allowed(call, trd_class_name);
        return NGX_DECLINED;
    }

    if (error != TRD_REQUEST_OK) {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_BAD_PARAMETER,
                                     "%s", request.detail);
    }

    if (!websocket && !binary && request.channels == 0) {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_BAD_PARAMETER,
                                     "name at least one channel: "
                                     "?channels=prices");
    }

    if (!websocket) {
        ngx_http_trading_stream_last_id(r, &request);
    }

    hub = ngx_http_trading_hub(ngx_http_get_module_main_conf(r,
                                                  ngx_http_trading_module));
    if (hub == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    s->request = r;
    s->websocket = websocket ? 1 : 0;
    s->tokens = NGX_HTTP_TRADING_MESSAGES_BURST;
    s->work = NGX_HTTP_TRADING_WORK_BURST;
    s->filled = ngx_current_msec;
    s->heard = ngx_current_msec;

    if (ngx_http_trading_stream_account(r, &s->account) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_trading_stream_check(call, &request, &s->account);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? rc : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = websocket ? ngx_http_trading_ws_upgrade(call, s)
                   : ngx_http_trading_sse_begin(call, s);

    if (rc != NGX_OK) {
        return rc;
    }

    /* from here on the stream has begun, and no status can be given */

    if (!s->filtered) {
        ngx_http_trading_stream_trim(r);
        ngx_http_trading_stream_unsent(r, lcf->stream_buffer);
    }

    cln->handler = ngx_http_trading_stream_cleanup;
    cln->data = s;

    ngx_http_trading_count(call, 0);

    r->main->count++;
    r->keepalive = 0;

    hub->stale_ms = lcf->stale;
    ngx_http_trading_hub_add(hub, s);
    ngx_http_trading_stream_begin(s, &request, binary);

    if (!s->ended) {
        if (websocket) {
            ngx_http_trading_ws_start(s);

        } else {
            ngx_http_trading_sse_start(s);
        }
    }

    return NGX_DONE;
}


/*
 * The answer's header has gone out, and its list would stay for as long as
 * the stream: a kilobyte of each connection.  A pool gives it back only where
 * it is larger than the pool's blocks (request_pool_size 1k).
 */
static void
ngx_http_trading_stream_trim(ngx_http_request_t *r)
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


/*
 * A batch goes out when it is written, and does not wait until the one before
 * it was acknowledged.  What the kernel keeps for a client that does not read
 * would grow to megabytes, and each of them go out although newer values are
 * there: it is bounded like our own buffer.
 */
static void
ngx_http_trading_stream_unsent(ngx_http_request_t *r, size_t size)
{
#if (defined TCP_NOTSENT_LOWAT)
    int                        value;
#endif
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->tcp_nodelay) {
        (void) ngx_tcp_nodelay(r->connection);
    }

#if (defined TCP_NOTSENT_LOWAT)

    value = (int) size;

    /* fails on a unix socket, whose buffer has a fixed size */

    (void) setsockopt(r->connection->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT,
                      (const void *) &value, sizeof(int));

#endif
}


/*
 * A browser that comes back asks for the same address as at first, and says
 * by this header how far it got: it is newer than any ?resume=.  What is no
 * id of ours cannot be resumed from, and the client is told so: an error
 * would end a browser's EventSource for good.
 */
static void
ngx_http_trading_stream_last_id(ngx_http_request_t *r, trd_request_t *request)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    static ngx_str_t  name = ngx_string("last-event-id");

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len != name.len
                || ngx_strncasecmp(h[i].key.data, name.data, name.len) != 0
                || h[i].value.len == 0)
            {
                continue;
            }

            request->has_seq = 1;
            request->has_epoch = 1;

            if (trd_resume_read((char *) h[i].value.data, h[i].value.len,
                                &request->epoch, &request->seq)
                != TRD_OK)
            {
                request->epoch = 0;
                request->seq = 0;
            }
        }
    }
}


/* who is calling, if somebody in the configuration says so */
static ngx_int_t
ngx_http_trading_stream_account(ngx_http_request_t *r, ngx_str_t *account)
{
    ngx_http_variable_value_t     *v;
    ngx_http_trading_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_trading_module);

    if (mcf->account == NGX_ERROR) {
        return NGX_OK;
    }

    v = ngx_http_get_indexed_variable(r, mcf->account);

    if (v == NULL || v->not_found || v->len == 0) {
        return NGX_OK;
    }

    account->len = v->len;
    account->data = ngx_pnalloc(r->pool, v->len);

    if (account->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(account->data, v->data, v->len);

    return NGX_OK;
}


/* May the client send one more message?  If not, it is told goodbye. */
ngx_int_t
ngx_http_trading_stream_token(ngx_http_trading_stream_t *s)
{
    ngx_msec_t  n;

    n = (ngx_current_msec - s->filled) * NGX_HTTP_TRADING_MESSAGES / 1000;

    if (n) {
        /* the rest of the time counts for the next one */
        s->filled += n * 1000 / NGX_HTTP_TRADING_MESSAGES;
        s->tokens = ngx_min(s->tokens + n, NGX_HTTP_TRADING_MESSAGES_BURST);
        s->work = ngx_min(s->work + n, NGX_HTTP_TRADING_WORK_BURST);
    }

    if (s->tokens) {
        s->tokens--;
        return NGX_OK;
    }

    ngx_http_trading_stream_error(s, NULL, "too_many_messages",
                                  "at most %d messages a second",
                                  NGX_HTTP_TRADING_MESSAGES);
    ngx_http_trading_stream_close(s, 1008, "too many messages",
                                  NGX_HTTP_TRADING_END_LIMIT);

    return NGX_DECLINED;
}


void
ngx_http_trading_stream_end(ngx_http_trading_stream_t *s,
    ngx_http_trading_end_e why)
{
    ngx_http_trading_hub_t  *hub;

    if (s->ended) {
        return;
    }

    hub = ngx_http_trading_hub(NULL);

    if (!s->closing) {
        s->end = why;
    }

    ngx_http_trading_hub_remove(hub, s);

    if (s->form == NGX_HTTP_TRADING_F_CHUNK && s->lag
        && s->lag->last > s->lag->pos)
    {
        /* the last chunk would be taken for a part of the one that is cut */

        s->request->connection->error = 1;
    }

    if (s->busy) {
        ngx_queue_remove(&s->lag->link);        /* nginx still sends of it */
        ngx_queue_init(&s->lag->link);

    } else {
        ngx_http_trading_lag_free(s);
    }

    s->ended = 1;
    ngx_queue_insert_tail(&hub->ended, &s->link);
    ngx_post_event(&hub->finish, &ngx_posted_events);
}


/* Says goodbye, and waits a moment for it to be sent and for the client to
   answer it. */
void
ngx_http_trading_stream_close(ngx_http_trading_stream_t *s, ngx_uint_t code,
    const char *reason, ngx_http_trading_end_e why)
{
    u_char  frame[TRD_WS_CLOSE_MAX];

    if (s->ended || s->closing) {
        return;
    }

    s->end = why;
    s->closing = 1;                     /* nothing may follow it */

    if (s->websocket) {
        ngx_http_trading_out_raw(s, frame,
                                 trd_ws_close_write(frame, code, reason,
                                                    ngx_strlen(reason)));
    }

    if (s->ended) {
        return;
    }

    ngx_http_trading_hub_closing(ngx_http_trading_hub(NULL), s);
    ngx_http_trading_stream_closed(s);
}


/* Is all said, by both?  What comes behind a close would be an error. */
void
ngx_http_trading_stream_closed(ngx_http_trading_stream_t *s)
{
    if (s->closing && s->lag == NULL && (s->closed || !s->websocket)) {
        ngx_http_trading_stream_end(s, (ngx_http_trading_end_e) s->end);
    }
}


/* posted: hands the requests of ended streams back to nginx */
void
ngx_http_trading_stream_finish(ngx_event_t *ev)
{
    ngx_int_t                   rc;
    ngx_queue_t                *q;
    ngx_connection_t           *c;
    ngx_http_request_t         *r;
    ngx_http_trading_hub_t     *hub;
    ngx_http_trading_stream_t  *s;

    hub = ev->data;

    while (!ngx_queue_empty(&hub->ended)) {
        q = ngx_queue_head(&hub->ended);
        s = ngx_queue_data(q, ngx_http_trading_stream_t, link);

        ngx_queue_remove(q);
        s->link.next = NULL;

        r = s->request;
        c = r->connection;

        r->read_event_handler = ngx_http_block_reading;
        r->write_event_handler = ngx_http_request_empty_handler;

        if (ngx_http_trading_stream_lost(s)) {
            rc = NGX_ERROR;
            c->error = s->websocket ? 1 : c->error;

        } else {
            rc = s->websocket ? NGX_OK
                              : ngx_http_send_special(r, NGX_HTTP_LAST);
        }

        ngx_http_finalize_request(r, rc);
        ngx_http_run_posted_requests(c);
    }
}


/* Is there nobody, or nothing sensible, to take leave of?  One who had time
   to answer our close, and did not, may still be sending: nginx would read
   that for as long as it lingers. */
static ngx_flag_t
ngx_http_trading_stream_lost(ngx_http_trading_stream_t *s)
{
    switch (s->end) {

    case NGX_HTTP_TRADING_END_GONE:
    case NGX_HTTP_TRADING_END_DEAD:
    case NGX_HTTP_TRADING_END_SLOW:
    case NGX_HTTP_TRADING_END_FAILED:
        return 1;

    default:
        return s->websocket && !s->closed;
    }
}


static void
ngx_http_trading_stream_cleanup(void *data)
{
    ngx_http_trading_stream_t *s = data;

    if (!s->ended) {

        /* nginx found out that the client had gone */

        if (!s->closing) {
            s->end = NGX_HTTP_TRADING_END_GONE;
        }

        ngx_http_trading_hub_remove(ngx_http_trading_hub(NULL), s);
        s->ended = 1;

    } else if (s->link.next) {
        ngx_queue_remove(&s->link);
    }

    ngx_http_trading_lag_free(s);

    if (s->rx) {
        ngx_free(s->rx);
        s->rx = NULL;
    }

    if (s->message) {
        ngx_free(s->message);
        s->message = NULL;
    }
}
