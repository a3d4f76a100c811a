/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The channels of an account, from an earlier event on.  Of each event that
 * the worker reads it keeps the place, the kind and a hash of the account, so
 * that going back to an event, and over those of others, reads no more of
 * the file than what is sent.  What was written before the worker began to
 * follow is found by one scan, when it is first asked for.
 */

#include "ngx_http_trading_stream.h"

#define NGX_HTTP_TRADING_REPLAY_KEPT  65536         /* events */
#define NGX_HTTP_TRADING_REPLAY_SCAN  (16 << 20)    /* bytes of the file */
#define NGX_HTTP_TRADING_REPLAY_SYNC  (2 * TRD_EVENT_BODY_MAX)

struct ngx_http_trading_event_at_s {
    uint64_t  pos;
    uint32_t  hash;                     /* of the account */
    uint32_t  kind;
};

static ngx_flag_t ngx_http_trading_replay_recovers(
    ngx_http_trading_hub_t *hub, const trd_request_t *request);
static void ngx_http_trading_replay_scan(ngx_http_trading_hub_t *hub);
static void ngx_http_trading_replay(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, uint64_t seq, uint32_t topics);
static uint64_t ngx_http_trading_replay_from(ngx_http_trading_stream_t *s,
    uint64_t first);
static ngx_int_t ngx_http_trading_replay_event(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, uint64_t n, uint32_t hash);


/* of one worker */
static u_char  ngx_http_trading_replay_body[TRD_EVENT_BODY_MAX];

#define ngx_http_trading_replay_kinds                                         \
    (NGX_HTTP_TRADING_T_N - NGX_HTTP_TRADING_T_ACCOUNT)
#define ngx_http_trading_replay_bit(kind)                                     \
    (1U << (NGX_HTTP_TRADING_T_ACCOUNT + (kind)))
#define ngx_http_trading_replay_at(feed, number)                              \
    (&(feed)->at[(number) % NGX_HTTP_TRADING_REPLAY_KEPT])


/* an event was read, the newest so far */
void
ngx_http_trading_replay_keep(ngx_http_trading_hub_t *hub,
    const trd_event_t *event, uint64_t pos, uint32_t hash)
{
    ngx_http_trading_feed_t      *feed;
    ngx_http_trading_event_at_t  *at;

    feed = &hub->feed;

    if (feed->at == NULL) {
        feed->at = ngx_alloc(NGX_HTTP_TRADING_REPLAY_KEPT
                             * sizeof(ngx_http_trading_event_at_t), hub->log);

        if (feed->at == NULL) {
            feed->first = event->number + 1;
            return;
        }
    }

    at = ngx_http_trading_replay_at(feed, event->number);
    at->pos = pos;
    at->hash = hash;
    at->kind = event->kind;

    if (event->number - feed->first >= NGX_HTTP_TRADING_REPLAY_KEPT) {
        feed->first = event->number + 1 - NGX_HTTP_TRADING_REPLAY_KEPT;
    }
}


/* the replies to a subscription, and what came after the event it names */
void
ngx_http_trading_replay_subscribed(ngx_http_trading_stream_t *s,
    const trd_request_t *request, uint32_t topics)
{
    char                      text[512];
    ngx_flag_t                recovered;
    ngx_uint_t                topic;
    trd_writer_t              w;
    ngx_http_trading_hub_t   *hub;

    hub = ngx_http_trading_hub(NULL);
    recovered = ngx_http_trading_replay_recovers(hub, request);

    for (topic = NGX_HTTP_TRADING_T_ACCOUNT;
         topic < NGX_HTTP_TRADING_T_N && !ngx_http_trading_stream_over(s);
         topic++)
    {
        if (!(topics & (1U << topic))) {
            continue;
        }

        trd_writer_init(&w, text, sizeof(text));
        ngx_http_trading_reply_head(&w, "subscribed", request);
        trd_write_lit(&w, ",\"channel\":\"");
        trd_write_str(&w, ngx_http_trading_topic_name(topic));
        trd_write_lit(&w, "\",\"symbols\":null,\"interval\":null,\"epoch\":");
        trd_write_u64(&w, hub->feed.generation);
        trd_write_lit(&w, ",\"seq\":");
        trd_write_u64(&w, hub->feed.number);

        if (request->has_seq) {
            trd_write_lit(&w, ",\"recovered\":");
            trd_write_str(&w, recovered ? "true" : "false");
        }

        trd_write_lit(&w, ",\"snapshot\":null}");

        ngx_http_trading_out_text(s, "subscribed", 0, (u_char *) text,
                                  trd_writer_len(&w));
    }

    if (recovered && !ngx_http_trading_stream_over(s)) {
        ngx_http_trading_replay(hub, s, request->seq, topics);
    }
}


/* "resume" of channels of an account */
void
ngx_http_trading_replay_resume(ngx_http_trading_stream_t *s,
    const trd_request_t *request)
{
    char                      text[512];
    uint32_t                  topics;
    ngx_flag_t                recovered;
    ngx_uint_t                topic;
    trd_writer_t              w;
    ngx_http_trading_hub_t   *hub;

    hub = ngx_http_trading_hub(NULL);
    recovered = 0;
    topics = 0;

    for (topic = NGX_HTTP_TRADING_T_ACCOUNT;
         topic < NGX_HTTP_TRADING_T_N && !ngx_http_trading_stream_over(s);
         topic++)
    {
        if (!(request->channels
              & (1U << ngx_http_trading_topic_channel(topic))))
        {
            continue;
        }

        if (s->cohort == NULL || !(s->cohort->topics & (1U << topic))) {
            ngx_http_trading_stream_error(s, request, "not_subscribed",
                                          "subscribe to %s before it is "
                                          "resumed",
                                          ngx_http_trading_topic_name(topic));
            continue;
        }

        if (topics == 0) {
            recovered = ngx_http_trading_replay_recovers(hub, request);
        }

        topics |= 1U << topic;

        trd_writer_init(&w, text, sizeof(text));
        ngx_http_trading_reply_head(&w, "resumed", request);
        trd_write_lit(&w, ",\"channel\":\"");
        trd_write_str(&w, ngx_http_trading_topic_name(topic));
        trd_write_lit(&w, "\",\"recovered\":");
        trd_write_str(&w, recovered ? "true" : "false");
        trd_write_lit(&w, ",\"epoch\":");
        trd_write_u64(&w, hub->feed.generation);
        trd_write_lit(&w, ",\"seq\":");
        trd_write_u64(&w, hub->feed.number);
        trd_write_lit(&w, "}");

        ngx_http_trading_out_text(s, "resumed", 0, (u_char *) text,
                                  trd_writer_len(&w));
    }

    if (recovered && !ngx_http_trading_stream_over(s)) {
        ngx_http_trading_replay(hub, s, request->seq, topics);
    }
}


/* is there still all that came after the event that is named? */
static ngx_flag_t
ngx_http_trading_replay_recovers(ngx_http_trading_hub_t *hub,
    const trd_request_t *request)
{
    uint64_t                  pos;
    trd_event_t               event;
    ngx_http_trading_feed_t  *feed;

    feed = &hub->feed;

    if (!request->has_seq || feed->file == NULL
        || (request->has_epoch && request->epoch != feed->generation)
        || request->seq > feed->number)
    {
        return 0;
    }

    if (request->seq == feed->number) {
        return 1;
    }

    if (request->seq + 1 < feed->first && !feed->scanned) {
        ngx_http_trading_replay_scan(hub);
    }

    if (request->seq + 1 < feed->first || feed->at == NULL) {
        return 0;
    }

    pos = ngx_http_trading_replay_at(feed, request->seq + 1)->pos;

    return trd_events_read(feed->file, &pos, &event,
                           ngx_http_trading_replay_body)
           == TRD_OK
           && event.number == request->seq + 1;
}


/*
 * Finds the places of events before the first that was read, once.  Records
 * are found by their hash: from a place that may be within one, each word is
 * tried until there is a whole one.
 */
static void
ngx_http_trading_replay_scan(ngx_http_trading_hub_t *hub)
{
    uint64_t                      pos, next, from, back, found;
    trd_event_t                   event;
    ngx_http_trading_feed_t      *feed;
    ngx_http_trading_event_at_t  *at;

    feed = &hub->feed;
    feed->scanned = 1;

    if (feed->at == NULL) {
        feed->at = ngx_alloc(NGX_HTTP_TRADING_REPLAY_KEPT
                             * sizeof(ngx_http_trading_event_at_t), hub->log);
        if (feed->at == NULL) {
            return;
        }
    }

    back = ngx_min(feed->file->ring_size, NGX_HTTP_TRADING_REPLAY_SCAN);
    from = (feed->pos > back) ? feed->pos - back : 0;
    found = 0;
    pos = from;

    while (pos < feed->pos) {
        next = pos;

        if (trd_events_read(feed->file, &next, &event,
                            ngx_http_trading_replay_body)
            != TRD_OK)
        {
            if (found || pos - from > NGX_HTTP_TRADING_REPLAY_SYNC) {
                return;                 /* overtaken, or damaged */
            }

            pos += 8;
            continue;
        }

        if (event.number >= feed->first) {
            break;
        }

        if (found == 0) {
            found = event.number;
        }

        if (feed->number - event.number < NGX_HTTP_TRADING_REPLAY_KEPT) {
            at = ngx_http_trading_replay_at(feed, event.number);
            at->pos = pos;
            at->kind = event.kind;
            at->hash = ngx_http_trading_account_hash(
                                                   (u_char *) event.account,
                                                   event.account_len);
        }

        pos = next;
    }

    if (found == 0) {
        return;
    }

    if (feed->number - found >= NGX_HTTP_TRADING_REPLAY_KEPT) {
        found = feed->number + 1 - NGX_HTTP_TRADING_REPLAY_KEPT;
    }

    feed->first = found;
}


/* each event after seq, of these channels */
static void
ngx_http_trading_replay(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, uint64_t seq, uint32_t topics)
{
    ngx_uint_t               i;
    ngx_http_trading_lag_t  *lag;

    lag = ngx_http_trading_lag(s);

    if (lag == NULL) {
        ngx_http_trading_stream_end(s, NGX_HTTP_TRADING_END_FAILED);
        return;
    }

    lag->event_topics |= topics;

    for (i = 0; i < ngx_http_trading_replay_kinds; i++) {
        if (topics & ngx_http_trading_replay_bit(i)) {
            lag->event_at[i] = seq;
        }
    }

    ngx_http_trading_out_ready(s);
}


/*
 * As many of them as there is room for; it goes on when that has been read.
 * What was written over meanwhile is missed.  NGX_OK: that was all;
 * NGX_DECLINED: the buffer is full.
 */
ngx_int_t
ngx_http_trading_replay_refill(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s)
{
    uint32_t                  hash;
    uint64_t                  n;
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_http_trading_lag_t   *lag;
    ngx_http_trading_feed_t  *feed;

    lag = s->lag;
    feed = &hub->feed;

    if (lag->event_topics == 0 || feed->file == NULL) {
        return NGX_OK;
    }

    hash = ngx_http_trading_account_hash(s->account.data, s->account.len);
    n = ngx_http_trading_replay_from(s, feed->first);
    rc = NGX_OK;

    while (rc == NGX_OK && n <= feed->number) {
        rc = ngx_http_trading_lag_full(s, 3)
             ? NGX_DECLINED
             : ngx_http_trading_replay_event(hub, s, n, hash);
        n++;
    }

    /* as far as that each channel has been looked through */

    for (i = 0; i < ngx_http_trading_replay_kinds; i++) {
        lag->event_at[i] = ngx_max(lag->event_at[i],
                                   n - 1 - (rc == NGX_DECLINED));
    }

    feed->told = feed->number;

    if (rc == NGX_OK) {
        lag->event_topics = 0;
    }

    return rc;
}


/* the first event to be looked at; those that are gone are missed */
static uint64_t
ngx_http_trading_replay_from(ngx_http_trading_stream_t *s, uint64_t first)
{
    uint64_t                 n;
    ngx_uint_t               i;
    ngx_http_trading_lag_t  *lag;

    lag = s->lag;
    n = (uint64_t) -1;

    for (i = 0; i < ngx_http_trading_replay_kinds; i++) {

        if (!(lag->event_topics & ngx_http_trading_replay_bit(i))) {
            continue;
        }

        if (lag->event_at[i] + 1 < first) {

            /* any of them may have been of this account */

            ngx_http_trading_lag_missed(s, TRD_CHANNEL_PRIVATE + i,
                                        first - 1 - lag->event_at[i]);
            lag->event_at[i] = first - 1;
        }

        n = ngx_min(n, lag->event_at[i] + 1);
    }

    return n;
}


static ngx_int_t
ngx_http_trading_replay_event(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, uint64_t n, uint32_t hash)
{
    uint64_t                      pos;
    trd_event_t                   event;
    ngx_uint_t                    topic;
    ngx_http_trading_lag_t       *lag;
    ngx_http_trading_feed_t      *feed;
    ngx_http_trading_event_at_t  *at;

    lag = s->lag;
    feed = &hub->feed;
    at = ngx_http_trading_replay_at(feed, n);
    topic = NGX_HTTP_TRADING_T_ACCOUNT + at->kind;

    if (at->hash != hash || !(lag->event_topics & (1U << topic))
        || n <= lag->event_at[at->kind])
    {
        return NGX_OK;
    }

    feed->told = n - 1;                 /* as far as this stream knows */
    pos = at->pos;

    if (trd_events_read(feed->file, &pos, &event,
                        ngx_http_trading_replay_body)
        != TRD_OK
        || event.number != n)
    {
        ngx_http_trading_lag_missed(s, ngx_http_trading_topic_channel(topic),
                                    1);
        return NGX_OK;
    }

    if (event.account_len != s->account.len
        || ngx_memcmp(event.account, s->account.data, s->account.len) != 0
        || ngx_http_trading_events_make(hub, &event,
                                        ngx_http_trading_replay_body)
           != NGX_OK)
    {
        return NGX_OK;
    }

    return ngx_http_trading_events_put(hub, s, topic);
}
