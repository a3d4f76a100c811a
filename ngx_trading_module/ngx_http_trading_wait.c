/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * ?after_seq=: a request for a quote that is answered once there is a newer
 * one.  A timer of its own looks at the quote's slot every few milliseconds
 * while the request waits; nobody waiting, nothing runs.  The wait lives in
 * r->pool and ends with it: a client that goes away, a worker that stops.
 */

#include "ngx_http_trading_conf.h"

#define NGX_HTTP_TRADING_WAIT       10000   /* ms, without ?timeout_ms= */
#define NGX_HTTP_TRADING_WAIT_STEP  10      /* ms between looks */
#define NGX_HTTP_TRADING_WAIT_N     1024    /* at a time, of a worker */

typedef struct {
    ngx_http_trading_call_t   call;
    ngx_event_t               timer;
    ngx_msec_t                begun;
    ngx_msec_t                timeout;
} ngx_http_trading_wait_t;

static ngx_int_t ngx_http_trading_wait_over(ngx_http_trading_call_t *call,
    uint32_t instrument);
static ngx_int_t ngx_http_trading_wait_answer(ngx_http_trading_call_t *call,
    uint32_t instrument, ngx_flag_t timed_out);
static void ngx_http_trading_wait_look(ngx_event_t *ev);
static void ngx_http_trading_wait_cleanup(void *data);


/* of this worker, which is one thread */
static ngx_uint_t  ngx_http_trading_waiting;


/* the board and the instrument were found */
ngx_int_t
ngx_http_trading_wait(ngx_http_trading_call_t *call, uint32_t instrument)
{
    ngx_int_t                 rc;
    ngx_http_request_t       *r;
    ngx_pool_cleanup_t       *cln;
    ngx_http_trading_wait_t  *wait;

    r = call->request;

    rc = ngx_http_trading_wait_over(call, instrument);

    if (rc == NGX_DECLINED) {
        return rc;
    }

    if (rc == NGX_OK || r != r->main || ngx_exiting) {
        return ngx_http_trading_wait_answer(call, instrument, rc != NGX_OK);
    }

    if (ngx_http_trading_waiting >= NGX_HTTP_TRADING_WAIT_N) {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_WAITERS,
                                     "too many requests wait already");
    }

    wait = ngx_palloc(r->pool, sizeof(ngx_http_trading_wait_t));
    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (wait == NULL || cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memcpy(&wait->call, call, offsetof(ngx_http_trading_call_t, detail));
    ngx_memzero(&wait->timer, sizeof(ngx_event_t));

    wait->begun = ngx_current_msec;
    wait->timeout = ngx_http_trading_given(call, TRD_PARAM_TIMEOUT_MS)
                    ? (ngx_msec_t) call->args.timeout_ms
                    : NGX_HTTP_TRADING_WAIT;
    wait->timer.handler = ngx_http_trading_wait_look;
    wait->timer.data = wait;
    wait->timer.log = r->connection->log;

    cln->handler = ngx_http_trading_wait_cleanup;
    cln->data = wait;

    ngx_http_trading_waiting++;

    ngx_add_timer(&wait->timer,
                  ngx_min(wait->timeout, NGX_HTTP_TRADING_WAIT_STEP));

    /* finds a client that went away; a body is still being thrown away by
       its own handler, which does the same in the end */

    if (!r->discard_body) {
        r->read_event_handler = ngx_http_test_reading;
    }

    r->main->count++;

    return NGX_DONE;
}


/* NGX_OK: there is a newer quote; NGX_AGAIN; NGX_DECLINED: failed */
static ngx_int_t
ngx_http_trading_wait_over(ngx_http_trading_call_t *call,
    uint32_t instrument)
{
    trd_rc_t                       rc;
    trd_quote_t                    quote;
    ngx_http_request_t            *r;
    ngx_http_trading_main_conf_t  *mcf;

    rc = trd_board_quote(call->board, instrument, &quote);

    if (rc != TRD_OK) {
        r = call->request;
        mcf = ngx_http_get_module_main_conf(r, ngx_http_trading_module);

        ngx_http_trading_board_unread(mcf, r->connection->log, rc, "a quote");

        if (rc == TRD_AGAIN) {
            return NGX_AGAIN;           /* the next look has better luck */
        }

        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_NO_BOARD,
                                     "the market data cannot be read");
    }

    if (quote.has && quote.seq > call->args.after_seq) {
        return NGX_OK;
    }

    /* a number that this board has not reached is of another board */

    return (call->args.after_seq > trd_board_seq(call->board)) ? NGX_OK
                                                               : NGX_AGAIN;
}


/* by the quote that was looked at: its page is rendered a moment later */
static ngx_int_t
ngx_http_trading_wait_answer(ngx_http_trading_call_t *call,
    uint32_t instrument, ngx_flag_t timed_out)
{
    static ngx_str_t  key = ngx_string("X-Timed-Out");
    static ngx_str_t  one = ngx_string("1");

    if (timed_out
        && ngx_http_trading_header(call->request, &key, &one) == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_trading_quote(call, instrument);
}


static void
ngx_http_trading_wait_look(ngx_event_t *ev)
{
    uint32_t                  instrument;
    ngx_int_t                 rc;
    ngx_msec_t                waited;
    ngx_connection_t         *c;
    ngx_http_request_t       *r;
    ngx_http_trading_call_t  *call;
    ngx_http_trading_wait_t  *wait;

    wait = ev->data;
    call = &wait->call;
    r = call->request;
    c = r->connection;

    waited = ngx_current_msec - wait->begun;

    /* the board may be another one by now, with other numbers */

    if (ngx_http_trading_need(call, 1) != NGX_OK
        || ngx_http_trading_find(call, call->tail.data, call->tail.len,
                                 &instrument)
           != NGX_OK)
    {
        rc = NGX_DECLINED;

    } else {
        rc = ngx_http_trading_wait_over(call, instrument);

        if (rc == NGX_AGAIN && waited < wait->timeout && !ngx_exiting) {
            ngx_add_timer(ev, ngx_min(wait->timeout - waited,
                                      NGX_HTTP_TRADING_WAIT_STEP));
            return;
        }

        if (rc != NGX_DECLINED) {
            rc = ngx_http_trading_wait_answer(call, instrument,
                                              rc == NGX_AGAIN);
        }
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_http_trading_problem_send(call);
    }

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_trading_wait_cleanup(void *data)
{
    ngx_http_trading_wait_t  *wait;

    wait = data;

    if (wait->timer.timer_set) {
        ngx_del_timer(&wait->timer);
    }

    ngx_http_trading_waiting--;
}
