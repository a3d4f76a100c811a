/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The hub: follows the board while somebody listens.  After quiet the
 * writer's socket wakes it, and what changed goes out at once; from then on
 * it looks every flush interval, until nothing has changed.
 */

#include "ngx_http_trading_stream.h"


static void ngx_http_trading_hub_init(ngx_http_trading_hub_t *hub);
static void ngx_http_trading_hub_adopt(ngx_http_trading_hub_t *hub,
    ngx_http_trading_main_conf_t *mcf);
static void ngx_http_trading_hub_timer(ngx_event_t *ev);
static void ngx_http_trading_hub_sleep(ngx_http_trading_hub_t *hub);
static ngx_int_t ngx_http_trading_hub_board(ngx_http_trading_hub_t *hub);
static ngx_int_t ngx_http_trading_hub_replace(ngx_http_trading_hub_t *hub,
    trd_board_t *board);
static ngx_int_t ngx_http_trading_hub_names(ngx_http_trading_hub_t *hub,
    trd_board_t *board);
static void ngx_http_trading_hub_fail(ngx_http_trading_hub_t *hub);
static void ngx_http_trading_hub_resync(ngx_http_trading_hub_t *hub);


/* of this worker, which is one thread */
static ngx_http_trading_hub_t  ngx_http_trading_the_hub;


/* the worker's hub; mcf may be NULL once there is one */
ngx_http_trading_hub_t *
ngx_http_trading_hub(ngx_http_trading_main_conf_t *mcf)
{
    ngx_http_trading_hub_t  *hub;

    hub = &ngx_http_trading_the_hub;

    if (hub->mcf == NULL) {
        ngx_http_trading_hub_init(hub);
    }

    if (mcf && hub->mcf != mcf) {
        ngx_http_trading_hub_adopt(hub, mcf);
    }

    return hub;
}


static void
ngx_http_trading_hub_init(ngx_http_trading_hub_t *hub)
{
    ngx_uint_t  i;

    ngx_queue_init(&hub->cohorts);
    ngx_queue_init(&hub->beats);
    ngx_queue_init(&hub->lags);
    ngx_queue_init(&hub->closings);
    ngx_http_trading_account_init(hub);
    ngx_queue_init(&hub->ended);

    for (i = 0; i < NGX_HTTP_TRADING_BUCKETS; i++) {
        ngx_queue_init(&hub->buckets[i]);
    }

    hub->flush.handler = ngx_http_trading_hub_timer;
    hub->slice.handler = ngx_http_trading_pass_slice;
    hub->tick.handler = ngx_http_trading_tick;
    hub->finish.handler = ngx_http_trading_stream_finish;
    hub->drain.handler = ngx_http_trading_drain_look;
    hub->events.handler = ngx_http_trading_events_timer;

    hub->flush.data = hub;
    hub->slice.data = hub;
    hub->tick.data = hub;
    hub->finish.data = hub;
    hub->drain.data = hub;
    hub->events.data = hub;
}


/*
 * A worker has one configuration.  In a single process another one may come,
 * and the memory of the first goes with the last of its connections; streams
 * of both are one hub's, which holds to the newest.  Its board may be another
 * file: whoever listens gets it as a new one.
 */
static void
ngx_http_trading_hub_adopt(ngx_http_trading_hub_t *hub,
    ngx_http_trading_main_conf_t *mcf)
{
    ngx_http_trading_main_conf_t  *newest;

    newest = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                                 ngx_http_trading_module);

    if (newest && newest->board.path.len) {
        mcf = newest;
    }

    if (hub->mcf == mcf) {
        return;                 /* a request of an old connection */
    }

    hub->mcf = mcf;
    hub->log = ngx_cycle->log;
    hub->board = NULL;
    hub->feed.file = NULL;
    hub->feed.mapped = 0;

    hub->flush.log = hub->log;
    hub->slice.log = hub->log;
    hub->tick.log = hub->log;
    hub->finish.log = hub->log;
    hub->drain.log = hub->log;
    hub->events.log = hub->log;

    if (hub->generation) {
        hub->generation = (uint64_t) -1;
    }

    ngx_http_trading_wake_close(hub);
}


void
ngx_http_trading_hub_add(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s)
{
    ngx_msec_t  beat;

    if (hub->nstreams == 0) {
        hub->generation = 0;
    }

    ngx_http_trading_hub_look(hub);

    if (hub->nstreams == 0) {
        hub->stale = ngx_http_trading_silent(hub);
    }

    beat = ngx_http_trading_heartbeat(s);

    hub->uneven = hub->nstreams && (hub->uneven || hub->beat != beat);
    hub->beat = beat;

    s->joined = 1;
    s->due = ngx_current_msec + beat;

    ngx_queue_insert_tail(&hub->beats, &s->beat);
    hub->forms[s->form]++;
    ngx_http_trading_count_opened(hub->mcf, s->websocket, 1);

    if (hub->draining && !hub->drain.timer_set) {
        ngx_add_timer(&hub->drain, 1);          /* it came late */
    }

    if (hub->nstreams++) {
        return;
    }

    ngx_add_timer(&hub->tick, NGX_HTTP_TRADING_TICK);
    ngx_http_trading_wake_open(hub);

    if (!hub->flush.timer_set) {
        ngx_add_timer(&hub->flush, hub->mcf->stream_interval);
    }
}


void
ngx_http_trading_hub_remove(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s)
{
    if (!s->joined) {
        return;
    }

    s->joined = 0;

    ngx_http_trading_cohort_leave(hub, s);
    ngx_queue_remove(&s->beat);

    ngx_http_trading_account_leave(hub, s);

    hub->forms[s->form]--;
    ngx_http_trading_count_opened(hub->mcf, s->websocket, -1);
    ngx_http_trading_count_end(hub->mcf, s->end);

    if (--hub->nstreams) {
        return;
    }

    /* nobody listens: nothing runs */

    ngx_http_trading_pass_count(hub);
    ngx_http_trading_pass_stop(hub);
    ngx_http_trading_wake_close(hub);

    if (hub->tick.timer_set) {
        ngx_del_timer(&hub->tick);
    }

    if (hub->flush.timer_set) {
        ngx_del_timer(&hub->flush);
    }

    if (hub->flush.posted) {
        ngx_delete_posted_event(&hub->flush);
    }

    if (hub->drain.timer_set) {
        ngx_del_timer(&hub->drain);
    }
}


void
ngx_http_trading_hub_closing(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s)
{
    ngx_queue_remove(&s->beat);
    ngx_queue_insert_tail(&hub->closings, &s->beat);

    s->due = ngx_current_msec + NGX_HTTP_TRADING_GOODBYE;
    ngx_http_trading_cohort_leave(hub, s);
    ngx_http_trading_account_leave(hub, s);
}


/* reads the journal up to now; the board may be another one afterwards */
void
ngx_http_trading_hub_look(ngx_http_trading_hub_t *hub)
{
    if (ngx_http_trading_hub_board(hub) != NGX_OK) {
        return;
    }

    ngx_http_trading_subject_journal(hub);

    if (hub->nchanges == 0 && hub->pass == NULL) {

        /* nothing of it is for anybody, so all of it was told */

        hub->told_before = hub->cursor;
        hub->told = hub->cursor;
    }
}


static void
ngx_http_trading_hub_timer(ngx_event_t *ev)
{
    ngx_http_trading_hub_t  *hub;

    hub = ev->data;

    if (hub->nstreams == 0) {
        return;
    }

    if (hub->pass) {
        hub->overdue = 1;               /* the end of the pass begins anew */
        return;
    }

    ngx_http_trading_hub_look(hub);

    if (hub->nstreams == 0) {
        return;                         /* none survived a new board */
    }

    if (hub->nchanges == 0) {
        ngx_http_trading_hub_sleep(hub);
        return;
    }

    ngx_http_trading_pass_begin(hub);

    if (hub->nstreams) {
        ngx_add_timer(&hub->flush, hub->mcf->stream_interval);
    }
}


/* the writer's socket says that there is something */
void
ngx_http_trading_hub_woken(ngx_http_trading_hub_t *hub)
{
    if (hub->nstreams == 0 || hub->flush.timer_set) {
        return;
    }

    ngx_http_trading_hub_timer(&hub->flush);
}


/* nothing changed: until the writer wakes us, or as long as there is none
   that could, until the interval is over */
static void
ngx_http_trading_hub_sleep(ngx_http_trading_hub_t *hub)
{
    if (ngx_http_trading_hub_same(hub)
        && ngx_http_trading_wake_ask(hub) == NGX_OK)
    {
        return;
    }

    ngx_add_timer(&hub->flush, hub->mcf->stream_interval);
}


/* NGX_OK: hub->board is there, and the hub knows its instruments */
static ngx_int_t
ngx_http_trading_hub_board(ngx_http_trading_hub_t *hub)
{
    trd_board_t  *board;

    board = ngx_http_trading_board(hub->mcf, hub->log);
    hub->board = NULL;

    if (board == NULL) {
        return NGX_DECLINED;
    }

    if (board->generation != hub->generation
        && ngx_http_trading_hub_replace(hub, board) != NGX_OK)
    {
        ngx_http_trading_hub_fail(hub);
        return NGX_DECLINED;
    }

    hub->board = board;

    return NGX_OK;
}


/*
 * The board that the hub knows.  A request of another kind may have mapped
 * the next one in its place, or dropped it, since the hub looked: then there
 * is none until it looks again.
 */
trd_board_t *
ngx_http_trading_hub_same(ngx_http_trading_hub_t *hub)
{
    if (hub->board
        && (hub->mcf->board.map.file.base == NULL
            || hub->board->generation != hub->generation))
    {
        hub->board = NULL;
    }

    return hub->board;
}


/* Another board: other numbers, another journal.  What clients want is
   translated, and they get the latest of everything. */
static ngx_int_t
ngx_http_trading_hub_replace(ngx_http_trading_hub_t *hub, trd_board_t *board)
{
    ngx_int_t                    rc;
    ngx_uint_t                   topic, listeners[NGX_HTTP_TRADING_T_EACH];
    ngx_queue_t                 *q;
    ngx_flag_t                   first;
    ngx_http_trading_lag_t      *lag;
    ngx_http_trading_cohort_t   *c;

    first = (hub->generation == 0);

    ngx_http_trading_pass_stop(hub);

    if (!first) {
        ngx_http_trading_cohort_gone(hub, board);
    }

    for (q = ngx_queue_head(&hub->cohorts);
         q != ngx_queue_sentinel(&hub->cohorts);
         q = ngx_queue_next(q))
    {
        c = ngx_queue_data(q, ngx_http_trading_cohort_t, link);

        if (ngx_http_trading_cohort_translate(hub, board, c) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    for (q = ngx_queue_head(&hub->lags);
         q != ngx_queue_sentinel(&hub->lags);
         q = ngx_queue_next(q))
    {
        lag = ngx_queue_data(q, ngx_http_trading_lag_t, link);
        ngx_http_trading_lag_unmark(lag->stream);
        ngx_http_trading_past_end(lag);
        lag->sure = 0;
    }

    hub->nchanges = 0;

    for (topic = 0; topic < NGX_HTTP_TRADING_T_EACH; topic++) {
        listeners[topic] = hub->subject[topic].listeners;

        if (listeners[topic]) {
            hub->subject[topic].listeners = 1;
            ngx_http_trading_subject_forget(hub, topic);
        }
    }

    if (ngx_http_trading_hub_names(hub, board) != NGX_OK) {

        for (topic = 0; topic < NGX_HTTP_TRADING_T_EACH; topic++) {
            hub->subject[topic].listeners = listeners[topic];
        }

        return NGX_ERROR;
    }

    hub->board = board;
    hub->generation = board->generation;
    hub->cursor = trd_board_seq(board);
    hub->told = hub->cursor;
    hub->told_before = hub->cursor;

    ngx_http_trading_cohort_rehash(hub);
    rc = NGX_OK;

    for (topic = 0; topic < NGX_HTTP_TRADING_T_EACH; topic++) {
        if (listeners[topic]) {
            if (ngx_http_trading_subject_listen(hub, topic) != NGX_OK) {
                rc = NGX_ERROR;
            }

            /* they will leave one by one even then */

            hub->subject[topic].listeners = listeners[topic];
        }
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    if (!first) {
        ngx_http_trading_hub_resync(hub);
    }

    return NGX_OK;
}


/* out of memory half-way: clients are better off elsewhere */
static void
ngx_http_trading_hub_fail(ngx_http_trading_hub_t *hub)
{
    ngx_queue_t  *q;

    ngx_log_error(NGX_LOG_ERR, hub->log, 0,
                  "trading stream: no memory for a new board, %ui streams "
                  "are closed", hub->nstreams);

    while (!ngx_queue_empty(&hub->beats)) {
        q = ngx_queue_head(&hub->beats);
        ngx_http_trading_stream_end(ngx_queue_data(q,
                                        ngx_http_trading_stream_t, beat),
                                    NGX_HTTP_TRADING_END_FAILED);
    }

    hub->generation = 0;
}


static ngx_int_t
ngx_http_trading_hub_names(ngx_http_trading_hub_t *hub, trd_board_t *board)
{
    uint32_t            i;
    trd_instrument_t    in;
    char              (*names)[TRD_SYMBOL_LEN + 1];

    names = ngx_calloc((board->n + 1) * sizeof(*names), hub->log);
    if (names == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < board->n; i++) {
        if (trd_board_instrument(board, i, &in) == TRD_OK) {
            ngx_memcpy(names[i], in.symbol, sizeof(names[i]));
        }
    }

    if (hub->names) {
        ngx_free(hub->names);
    }

    hub->names = names;
    hub->n = board->n;
    hub->words = (board->n + 63) / 64;

    return NGX_OK;
}


static void
ngx_http_trading_hub_resync(ngx_http_trading_hub_t *hub)
{
    u_char  *p, text[256];

    hub->fresh = 1;

    p = ngx_sprintf(text, "{\"type\":\"resync\",\"epoch\":%uL,\"seq\":%uL,"
                    "\"reason\":\"new_board\"}", hub->generation,
                    hub->cursor);

    ngx_http_trading_hub_tell(hub, "resync", text, p - text);

    if (hub->nstreams == 0) {
        return;
    }

    ngx_http_trading_subject_all(hub, hub->cursor);

    ngx_http_trading_wake_close(hub);
    ngx_http_trading_wake_open(hub);

    if (!hub->flush.timer_set) {
        ngx_add_timer(&hub->flush, 1);
    }
}


/* one message to every stream */
void
ngx_http_trading_hub_tell(ngx_http_trading_hub_t *hub, const char *type,
    const u_char *text, size_t len)
{
    ngx_queue_t                *q, *next;
    ngx_http_trading_stream_t  *s;

    for (q = ngx_queue_head(&hub->beats);
         q != ngx_queue_sentinel(&hub->beats);
         q = next)
    {
        next = ngx_queue_next(q);
        s = ngx_queue_data(q, ngx_http_trading_stream_t, beat);

        ngx_http_trading_out_text(s, type, 0, text, len);
    }
}
