/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What happens to streams by time alone: pings, the end of those who do not
 * answer, do not read or do not leave, the channels that change once a
 * second, and the way out when the worker is to stop.
 */

#include "ngx_http_trading_stream.h"
#include "trd_stream_json.h"

#define NGX_HTTP_TRADING_DRAIN_STEP  20     /* ms */

static void ngx_http_trading_tick_beats(ngx_http_trading_hub_t *hub);
static void ngx_http_trading_tick_lags(ngx_http_trading_hub_t *hub);
static void ngx_http_trading_tick_closings(ngx_http_trading_hub_t *hub);
static void ngx_http_trading_tick_stale(ngx_http_trading_hub_t *hub);
static void ngx_http_trading_tick_market(ngx_http_trading_hub_t *hub);
static void ngx_http_trading_drain_tell(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s);


#define ngx_http_trading_passed(when)  ((ngx_msec_int_t) (ngx_current_msec    \
                                                          - (when)) >= 0)


ngx_msec_t
ngx_http_trading_heartbeat(ngx_http_trading_stream_t *s)
{
    ngx_http_trading_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(s->request, ngx_http_trading_module);

    return lcf->stream_heartbeat;
}


void
ngx_http_trading_tick(ngx_event_t *ev)
{
    ngx_http_trading_hub_t  *hub;

    hub = ev->data;

    ngx_http_trading_pass_count(hub);
    ngx_http_trading_tick_closings(hub);
    ngx_http_trading_tick_lags(hub);
    ngx_http_trading_tick_beats(hub);

    if (hub->nstreams) {
        ngx_http_trading_tick_stale(hub);
        ngx_http_trading_tick_market(hub);
    }

    if (hub->wake == NULL && hub->nstreams) {
        ngx_http_trading_wake_open(hub);
    }

    if (ngx_exiting && !hub->draining) {
        ngx_http_trading_drain_begin(hub);
    }

    if (hub->nstreams) {
        ngx_add_timer(&hub->tick, NGX_HTTP_TRADING_TICK);
    }
}


/* those whose time has come are in front if all wait for the same time; where
   locations differ all are looked at */
static void
ngx_http_trading_tick_beats(ngx_http_trading_hub_t *hub)
{
    ngx_msec_t                  beat;
    ngx_queue_t                *q, *next;
    ngx_http_trading_stream_t  *s;

    static u_char  ping[] = { 0x80 | TRD_WS_PING, 0 };
    static u_char  comment[] = ":\n\n";
    static u_char  chunk[] = "00000003" CRLF ":\n\n" CRLF;

    for (q = ngx_queue_head(&hub->beats);
         q != ngx_queue_sentinel(&hub->beats);
         q = next)
    {
        next = ngx_queue_next(q);
        s = ngx_queue_data(q, ngx_http_trading_stream_t, beat);

        if (!ngx_http_trading_passed(s->due)) {

            if (!hub->uneven) {
                return;
            }

            continue;
        }

        beat = ngx_http_trading_heartbeat(s);
        s->due = ngx_current_msec + beat;

        ngx_queue_remove(&s->beat);
        ngx_queue_insert_tail(&hub->beats, &s->beat);

        if (!s->websocket) {
            if (s->lag == NULL) {
                if (s->filtered) {
                    ngx_http_trading_out_raw(s, comment, sizeof(comment) - 1);

                } else {
                    ngx_http_trading_out_raw(s, chunk, sizeof(chunk) - 1);
                }
            }

            continue;
        }

        if (!ngx_http_trading_passed(s->heard + beat)) {
            continue;
        }

        if (s->pinged) {
            ngx_http_trading_stream_close(s, 1001, "no answer to a ping",
                                          NGX_HTTP_TRADING_END_DEAD);
            continue;
        }

        s->pinged = 1;
        ngx_http_trading_out_raw(s, ping, sizeof(ping));
    }
}


static void
ngx_http_trading_tick_lags(ngx_http_trading_hub_t *hub)
{
    ngx_queue_t                  *q, *next;
    ngx_http_trading_lag_t       *lag;
    ngx_http_trading_stream_t    *s;
    ngx_http_trading_loc_conf_t  *lcf;

    for (q = ngx_queue_head(&hub->lags);
         q != ngx_queue_sentinel(&hub->lags);
         q = next)
    {
        next = ngx_queue_next(q);
        lag = ngx_queue_data(q, ngx_http_trading_lag_t, link);
        s = lag->stream;

        lcf = ngx_http_get_module_loc_conf(s->request,
                                           ngx_http_trading_module);

        /* of HTTP/2 bytes may go without the stream being asked */

        if (lag->sent != s->request->connection->sent) {
            lag->sent = s->request->connection->sent;
            lag->since = ngx_current_msec;
        }

        /* it waits for a batch, and not for its socket */

        if (ngx_http_trading_lag_idle(s)) {
            lag->since = ngx_current_msec;
            ngx_http_trading_out_ready(s);
            continue;
        }

        if (!ngx_http_trading_passed(lag->since + lcf->stream_slow)) {
            continue;
        }

        /* once the frame that was cut is whole, it may still learn why */

        ngx_http_trading_stream_close(s, 1013, "too slow",
                                      NGX_HTTP_TRADING_END_SLOW);
    }
}


static void
ngx_http_trading_tick_closings(ngx_http_trading_hub_t *hub)
{
    ngx_queue_t                *q, *next;
    ngx_http_trading_stream_t  *s;

    for (q = ngx_queue_head(&hub->closings);
         q != ngx_queue_sentinel(&hub->closings);
         q = next)
    {
        next = ngx_queue_next(q);
        s = ngx_queue_data(q, ngx_http_trading_stream_t, beat);

        if (!ngx_http_trading_passed(s->due)) {
            return;
        }

        ngx_http_trading_stream_end(s, (ngx_http_trading_end_e) s->end);
    }
}


ngx_flag_t
ngx_http_trading_silent(ngx_http_trading_hub_t *hub)
{
    int64_t  age;

    if (ngx_http_trading_hub_same(hub) == NULL) {
        return 1;
    }

    age = ngx_http_trading_board_age(hub->board);

    return age < 0 || (uint64_t) age > (uint64_t) hub->stale_ms;
}


/* a writer that is silent cannot mark its quotes as stale: we say it */
static void
ngx_http_trading_tick_stale(ngx_http_trading_hub_t *hub)
{
    u_char      *p, text[256];
    ngx_flag_t   stale;

    stale = ngx_http_trading_silent(hub);

    if (stale == hub->stale) {
        return;
    }

    hub->stale = stale;

    p = ngx_sprintf(text, "{\"type\":\"status\",\"stale\":%s,\"reason\":"
                    "\"%s\",\"epoch\":%uL,\"seq\":%uL}",
                    stale ? "true" : "false",
                    stale ? "writer_silent" : "writer_back",
                    hub->generation, hub->cursor);

    ngx_http_trading_hub_tell(hub, "status", text, p - text);
}


/* the overview and health, if they are other than what was told */
static void
ngx_http_trading_tick_market(ngx_http_trading_hub_t *hub)
{
    uint64_t                    hash;
    uint32_t                    topics;
    trd_page_view_t             view;
    ngx_http_trading_cohort_t  *c;

    if (ngx_http_trading_hub_same(hub) == NULL) {
        return;
    }

    topics = 0;

    for (c = ngx_http_trading_cohort_next(hub, NULL);
         c;
         c = ngx_http_trading_cohort_next(hub, c))
    {
        topics |= c->topics;
    }

    if (topics & (1U << NGX_HTTP_TRADING_T_MARKET)
        && trd_page_begin(hub->board,
                          trd_board_page(hub->board, TRD_PAGE_OVERVIEW,
                                         TRD_VARIANT_PLAIN),
                          0, &view)
           == TRD_OK
        && view.hash != hub->market_hash)
    {
        hub->market_hash = view.hash;
        ngx_http_trading_subject_one(hub, NGX_HTTP_TRADING_T_MARKET);
    }

    if (topics & (1U << NGX_HTTP_TRADING_T_HEALTH)) {
        hash = ngx_http_trading_health_hash(hub->board, hub->stale);

        if (hash != hub->health_hash) {
            hub->health_hash = hash;
            ngx_http_trading_subject_one(hub, NGX_HTTP_TRADING_T_HEALTH);
        }
    }

    if (hub->nchanges && !hub->flush.timer_set) {
        ngx_add_timer(&hub->flush, 1);
    }
}


/*
 * The worker is to leave.  Each client is told, with what it needs to go on
 * elsewhere, and leaves at a time of its own, so that they do not all come
 * back in one second.
 */
void
ngx_http_trading_drain_begin(ngx_http_trading_hub_t *hub)
{
    ngx_queue_t                *q, *next;
    ngx_http_trading_stream_t  *s;

    if (hub->draining) {
        return;
    }

    hub->draining = 1;

    for (q = ngx_queue_head(&hub->beats);
         q != ngx_queue_sentinel(&hub->beats);
         q = next)
    {
        next = ngx_queue_next(q);
        s = ngx_queue_data(q, ngx_http_trading_stream_t, beat);

        ngx_http_trading_drain_tell(hub, s);
    }

    if (hub->nstreams) {
        ngx_add_timer(&hub->drain, NGX_HTTP_TRADING_DRAIN_STEP);
    }
}


static void
ngx_http_trading_drain_tell(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s)
{
    u_char                       *p, text[256];
    uint64_t                      sure;
    ngx_msec_t                    delay;
    ngx_http_trading_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(s->request, ngx_http_trading_module);

    delay = lcf->stream_drain ? ngx_random() % lcf->stream_drain : 0;

    s->drained = 1;
    s->leave = ngx_current_msec + delay;

    sure = s->lag ? s->lag->sure
           : hub->fresh ? 0 : ngx_http_trading_hub_told(hub, s);

    p = ngx_cpymem(text, "{\"type\":\"drain\",\"reason\":\"reload\","
                         "\"resume\":",
                   sizeof("{\"type\":\"drain\",\"reason\":\"reload\","
                          "\"resume\":") - 1);

    /* who is still owed all that there is has nothing to go on from */

    p = sure ? ngx_sprintf(p, "\"%uL-%uL\"", hub->generation, sure)
             : ngx_cpymem(p, "null", 4);

    p = ngx_sprintf(p, ",\"delay_ms\":%M}", delay);

    ngx_http_trading_out_text(s, "drain", 0, text, p - text);
}


void
ngx_http_trading_drain_look(ngx_event_t *ev)
{
    ngx_queue_t                *q, *next;
    ngx_http_trading_hub_t     *hub;
    ngx_http_trading_stream_t  *s;

    hub = ev->data;

    for (q = ngx_queue_head(&hub->beats);
         q != ngx_queue_sentinel(&hub->beats);
         q = next)
    {
        next = ngx_queue_next(q);
        s = ngx_queue_data(q, ngx_http_trading_stream_t, beat);

        if (!s->drained) {
            ngx_http_trading_drain_tell(hub, s);

        } else if (ngx_http_trading_passed(s->leave)) {
            ngx_http_trading_stream_close(s, 1001, "the server is reloaded",
                                          NGX_HTTP_TRADING_END_DRAIN);
        }
    }

    if (hub->nstreams) {
        ngx_add_timer(&hub->drain, NGX_HTTP_TRADING_DRAIN_STEP);
    }
}
