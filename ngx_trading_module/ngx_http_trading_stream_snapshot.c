/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What a client gets when it subscribes or resumes: a snapshot, or only what
 * changed since the last thing that it got.  What does not fit the buffer is
 * owed to it and follows as updates, like to a client that was slow.
 */

#include "ngx_http_trading_stream.h"
#include "trd_board_series.h"
#include "trd_stream_json.h"

static void ngx_http_trading_snapshot_head(ngx_http_trading_stream_t *s,
    const trd_request_t *request, ngx_uint_t topic,
    const ngx_http_trading_want_t *want, trd_writer_t *w);
static ngx_uint_t ngx_http_trading_snapshot_data(ngx_http_trading_hub_t *hub,
    ngx_uint_t topic, const ngx_http_trading_want_t *want, trd_writer_t *w);
static ngx_uint_t ngx_http_trading_snapshot_owe(ngx_http_trading_stream_t *s,
    ngx_uint_t topic, const ngx_http_trading_want_t *want, uint64_t seq);


/* does the journal still hold what came after the seq that is named? */
ngx_flag_t
ngx_http_trading_snapshot_recovers(ngx_http_trading_hub_t *hub,
    const trd_request_t *request)
{
    uint32_t      instrument;
    trd_rc_t      rc;
    trd_change_t  change;

    if (ngx_http_trading_hub_same(hub) == NULL
        || (request->has_epoch && request->epoch != hub->generation)
        || request->seq > hub->cursor)
    {
        return 0;
    }

    if (request->seq == hub->cursor) {
        return 1;
    }

    rc = trd_board_journal(hub->board, request->seq + 1, &instrument,
                           &change);

    return rc == TRD_OK;
}


/* the reply to a subscription of one topic */
void
ngx_http_trading_snapshot(ngx_http_trading_stream_t *s,
    const trd_request_t *request, ngx_uint_t topic,
    const ngx_http_trading_want_t *want, ngx_flag_t recovered)
{
    char                         *text;
    size_t                        size;
    ngx_uint_t                    n;
    trd_writer_t                  w;
    ngx_http_trading_hub_t       *hub;
    ngx_http_trading_loc_conf_t  *lcf;

    hub = ngx_http_trading_hub(NULL);
    lcf = ngx_http_get_module_loc_conf(s->request, ngx_http_trading_module);

    size = lcf->stream_buffer;

    text = ngx_alloc(size, hub->log);
    if (text == NULL) {
        ngx_http_trading_stream_end(s, NGX_HTTP_TRADING_END_FAILED);
        return;
    }

    trd_writer_init(&w, text, size);
    ngx_http_trading_snapshot_head(s, request, topic, want, &w);

    if (request->has_seq) {
        trd_write_lit(&w, ",\"recovered\":");
        trd_write_str(&w, recovered ? "true" : "false");
    }

    if (recovered) {
        trd_write_lit(&w, ",\"snapshot\":null}");

    } else {
        n = 0;

        if (s->lag == NULL) {
            trd_write_lit(&w, ",\"snapshot\":[");
            n = ngx_http_trading_snapshot_data(hub, topic, want, &w);
            trd_write_lit(&w, "]}");
        }

        if (s->lag || trd_writer_overflowed(&w)) {
            n = ngx_http_trading_snapshot_owe(s, topic, want, 0);

            trd_writer_init(&w, text, size);
            ngx_http_trading_snapshot_head(s, request, topic, want, &w);

            if (request->has_seq) {
                trd_write_lit(&w, ",\"recovered\":false");
            }

            trd_write_lit(&w, ",\"snapshot\":null,\"snapshot_count\":");
            trd_write_u64(&w, n);
            trd_write_lit(&w, "}");
        }
    }

    if (trd_writer_overflowed(&w)) {
        ngx_http_trading_stream_error(s, request, "too_many_subscriptions",
                                      "the reply does not fit the buffer");

    } else {
        ngx_http_trading_out_text(s, "subscribed", 0, (u_char *) text,
                                  trd_writer_len(&w));
    }

    ngx_free(text);

    if (recovered && !ngx_http_trading_stream_over(s)) {
        ngx_http_trading_snapshot_since(s, topic, want, request->seq);

    } else if (s->lag && !ngx_http_trading_stream_over(s)) {
        ngx_http_trading_out_ready(s);
    }
}


static void
ngx_http_trading_snapshot_head(ngx_http_trading_stream_t *s,
    const trd_request_t *request, ngx_uint_t topic,
    const ngx_http_trading_want_t *want, trd_writer_t *w)
{
    ngx_http_trading_hub_t  *hub;

    hub = ngx_http_trading_hub(NULL);

    ngx_http_trading_reply_head(w, "subscribed", request);
    trd_write_lit(w, ",\"channel\":\"");
    trd_write_str(w, ngx_http_trading_topic_name(topic));
    trd_write_lit(w, "\",\"symbols\":");
    ngx_http_trading_want_symbols(hub, w, topic < NGX_HTTP_TRADING_T_EACH
                                          ? want : NULL);
    trd_write_lit(w, ",\"interval\":");
    ngx_http_trading_topic_interval(w, topic);
    trd_write_lit(w, ",\"epoch\":");
    trd_write_u64(w, hub->generation);
    trd_write_lit(w, ",\"seq\":");
    trd_write_u64(w, ngx_http_trading_hub_told(hub, s));
}


static ngx_uint_t
ngx_http_trading_snapshot_data(ngx_http_trading_hub_t *hub, ngx_uint_t topic,
    const ngx_http_trading_want_t *want, trd_writer_t *w)
{
    int64_t       ms;
    uint32_t      i;
    ngx_uint_t    n;
    trd_writer_t  one;

    if (topic >= NGX_HTTP_TRADING_T_ACCOUNT) {
        return 0;
    }

    if (topic >= NGX_HTTP_TRADING_T_EACH) {
        one = *w;
        if (ngx_http_trading_data(hub, topic, 0, &one, &ms) == NGX_OK) {
            *w = one;
            return 1;
        }

        return 0;
    }

    n = 0;

    for (i = 0; i < hub->n && !trd_writer_overflowed(w); i++) {

        if (!ngx_http_trading_wants(want, i)) {
            continue;
        }

        one = *w;

        if (n) {
            trd_write_lit(&one, ",");
        }

        if (ngx_http_trading_data(hub, topic, i, &one, &ms) == NGX_OK) {
            *w = one;
            n++;
        }
    }

    return n;
}


/* what changed after `seq` is owed as updates; their number */
static ngx_uint_t
ngx_http_trading_snapshot_owe(ngx_http_trading_stream_t *s, ngx_uint_t topic,
    const ngx_http_trading_want_t *want, uint64_t seq)
{
    uint32_t                 i;
    uint64_t                *times;
    ngx_uint_t               n;
    ngx_http_trading_hub_t  *hub;

    hub = ngx_http_trading_hub(NULL);

    if (topic >= NGX_HTTP_TRADING_T_ACCOUNT) {
        return 0;
    }

    n = 0;

    if (topic >= NGX_HTTP_TRADING_T_EACH) {
        n = (ngx_http_trading_lag_mark(s, topic, 0) == NGX_OK);

    } else {
        times = hub->subject[topic].seq;

        for (i = 0; i < hub->n; i++) {
            if (ngx_http_trading_wants(want, i)
                && (seq == 0 || times == NULL || times[i] > seq)
                && ngx_http_trading_has(hub, topic, i)
                && ngx_http_trading_lag_mark(s, topic, i) == NGX_OK)
            {
                n++;
            }
        }
    }

    if (n) {
        s->lag->sure = ngx_min(s->lag->sure, seq);
    }

    return n;
}


/* the stream is told what changed after `seq`; 0: the latest of everything */
void
ngx_http_trading_snapshot_since(ngx_http_trading_stream_t *s,
    ngx_uint_t topic, const ngx_http_trading_want_t *want, uint64_t seq)
{
    ngx_http_trading_hub_t  *hub;

    if (topic == NGX_HTTP_TRADING_T_TRADES && seq) {
        hub = ngx_http_trading_hub(NULL);

        if (ngx_http_trading_past_begin(hub, s, want, seq) != NGX_OK) {
            ngx_http_trading_stream_end(s, NGX_HTTP_TRADING_END_FAILED);
        }

    } else {
        (void) ngx_http_trading_snapshot_owe(s, topic, want, seq);
    }

    if (s->lag && !s->ended) {
        ngx_http_trading_out_ready(s);
    }
}


/* the body of /binary, before the updates */
void
ngx_http_trading_snapshot_binary(ngx_http_trading_stream_t *s)
{
    char                         *text;
    size_t                        size;
    int64_t                       ms;
    ngx_int_t                     rc;
    trd_writer_t                  w;
    ngx_http_trading_hub_t       *hub;
    ngx_http_trading_loc_conf_t  *lcf;

    hub = ngx_http_trading_hub(NULL);
    lcf = ngx_http_get_module_loc_conf(s->request, ngx_http_trading_module);

    if (ngx_http_trading_hub_same(hub) == NULL || s->cohort == NULL) {
        return;
    }

    size = 1024 + (size_t) hub->n * 96;

    text = ngx_alloc(size, hub->log);
    if (text == NULL) {
        ngx_http_trading_stream_end(s, NGX_HTTP_TRADING_END_FAILED);
        return;
    }

    trd_writer_init(&w, text, size);

    rc = ngx_http_trading_data_page(hub, TRD_PAGE_BINARY, &w, &ms);

    if (rc == NGX_OK
        && ngx_http_trading_form_max(trd_writer_len(&w)) > lcf->stream_buffer)
    {
        /* like a snapshot that is too large: an update of each comes */

        (void) ngx_http_trading_snapshot_owe(
                   s, NGX_HTTP_TRADING_T_BINARY,
                   &s->cohort->want[NGX_HTTP_TRADING_T_BINARY], 0);

        if (s->lag) {
            ngx_http_trading_out_ready(s);
        }

    } else if (rc == NGX_OK) {
        ngx_http_trading_out_text(s, "binary", 0, (u_char *) text,
                                  trd_writer_len(&w));
    }

    ngx_free(text);
}
