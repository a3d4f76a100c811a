/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The channels of an account: events that ledgerd writes to the events file
 * go to the streams of their account.  They do not conflate: a stream gets
 * each of them, or is told how many it missed.
 *
 * While somebody follows an account a timer reads what is new; there is one
 * cursor for all of the worker's streams.  Another events file is read from
 * its beginning, after a "resync" to all who follow.  What was read is kept
 * by its place, for ngx_http_trading_stream_replay.c.
 */

#include "ngx_http_trading_stream.h"
#include "trd_json_read.h"
#include "trd_stream_json.h"

#define NGX_HTTP_TRADING_EVENTS_INTERVAL  20        /* ms */
#define NGX_HTTP_TRADING_EVENTS_TURN      512       /* read at a time, */
#define NGX_HTTP_TRADING_EVENTS_WRITES    2048      /* or sent */
#define NGX_HTTP_TRADING_EVENTS_TURNS     64        /* to catch up */
#define NGX_HTTP_TRADING_EVENTS_BEHIND    (1 << 20) /* bytes that are caught
                                                       up with unheard */

static void ngx_http_trading_events_begin(ngx_http_trading_hub_t *hub);
static ngx_int_t ngx_http_trading_events_read(ngx_http_trading_hub_t *hub);
static ngx_uint_t ngx_http_trading_events_event(ngx_http_trading_hub_t *hub,
    uint64_t pos, const trd_event_t *event);
static ngx_str_t ngx_http_trading_events_form(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, ngx_uint_t topic, ngx_uint_t which);
static void ngx_http_trading_events_give(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, ngx_uint_t topic);
static ngx_uint_t ngx_http_trading_events_send(ngx_http_trading_hub_t *hub,
    const trd_event_t *event, uint32_t hash);
static void ngx_http_trading_events_lost(ngx_http_trading_hub_t *hub,
    trd_rc_t rc);
static void ngx_http_trading_events_tell(ngx_http_trading_hub_t *hub,
    uint64_t missed);
static void ngx_http_trading_events_resync(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, ngx_uint_t topic);
static ngx_flag_t ngx_http_trading_events_object(u_char *body, size_t len);


/* the messages that are being given out, of this worker: the newest, and one
   of before, which may have to be written while that one is given out */
static struct {
    u_char    space[TRD_UPDATE_HEAD_MAX + TRD_EVENT_BODY_MAX + 1];
    u_char   *text;
    size_t    len;
    u_char    form[NGX_HTTP_TRADING_F_N]
                  [ngx_http_trading_form_max(TRD_UPDATE_HEAD_MAX
                                             + TRD_EVENT_BODY_MAX + 1)];
    size_t    form_len[NGX_HTTP_TRADING_F_N];   /* 0: not written yet */
} ngx_http_trading_event[2];

#define NGX_HTTP_TRADING_EVENT_NEW     0
#define NGX_HTTP_TRADING_EVENT_BEFORE  1

#define ngx_http_trading_event_body(which)                                    \
    (ngx_http_trading_event[which].space + TRD_UPDATE_HEAD_MAX)


/* after its subscriptions changed: does the stream follow its account? */
ngx_int_t
ngx_http_trading_events_follow(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s)
{
    ngx_flag_t  wanted;

    wanted = (s->cohort->topics >> NGX_HTTP_TRADING_T_ACCOUNT) != 0;

    if (!wanted) {
        ngx_http_trading_account_leave(hub, s);
        return NGX_OK;
    }

    if (s->follows) {
        return NGX_OK;
    }

    if (ngx_queue_empty(&hub->accounts)) {
        ngx_http_trading_events_begin(hub);
    }

    if (ngx_http_trading_account_join(hub, s) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!hub->events.timer_set) {
        ngx_add_timer(&hub->events, NGX_HTTP_TRADING_EVENTS_INTERVAL);
    }

    return NGX_OK;
}


/* Looks for the file.  NGX_OK: there is one, and hub->feed is of it. */
ngx_int_t
ngx_http_trading_events_look(ngx_http_trading_hub_t *hub)
{
    ngx_http_trading_feed_t  *feed;

    feed = &hub->feed;
    feed->file = ngx_http_trading_events(hub->mcf, hub->log);

    if (feed->file == NULL) {
        return NGX_DECLINED;
    }

    if (feed->mapped == hub->mcf->events.mapped) {
        return NGX_OK;
    }

    feed->mapped = hub->mcf->events.mapped;
    feed->generation = feed->file->generation;
    feed->pos = 0;
    feed->number = 0;
    feed->told = 0;
    feed->first = 1;
    feed->scanned = 0;

    if (!ngx_queue_empty(&hub->accounts)) {
        ngx_http_trading_events_tell(hub, 0);
    }

    return NGX_OK;
}


/* The first one follows: from now on.  If we are not far behind, it is read,
   so that coming and going does not lose what is known of the places. */
static void
ngx_http_trading_events_begin(ngx_http_trading_hub_t *hub)
{
    uint64_t                  pos, number;
    ngx_http_trading_feed_t  *feed;

    feed = &hub->feed;

    if (feed->file == NULL) {
        return;
    }

    pos = trd_events_newest(feed->file, &number);

    if (pos >= feed->pos && pos - feed->pos <= NGX_HTTP_TRADING_EVENTS_BEHIND)
    {
        while (ngx_http_trading_events_read(hub) == NGX_AGAIN) { /* void */ }

        return;
    }

    feed->pos = pos;
    feed->number = number;
    feed->told = number;
    feed->first = number + 1;
    feed->scanned = 0;
}


/* all that is there now, unless we are so far behind that others would have
   to wait; without followers there is nobody to be behind for */
void
ngx_http_trading_events_catch_up(ngx_http_trading_hub_t *hub)
{
    ngx_uint_t  turns;

    for (turns = 0;
         turns < NGX_HTTP_TRADING_EVENTS_TURNS
         && !ngx_queue_empty(&hub->accounts);
         turns++)
    {
        if (ngx_http_trading_events_read(hub) != NGX_AGAIN) {
            return;
        }
    }
}


void
ngx_http_trading_events_timer(ngx_event_t *ev)
{
    ngx_int_t                rc;
    ngx_uint_t               mapped;
    ngx_http_trading_hub_t  *hub;

    hub = ev->data;

    rc = ngx_http_trading_events_read(hub);

    if (rc == NGX_OK) {

        /* another file is looked for when this one has been read */

        mapped = hub->feed.mapped;
        (void) ngx_http_trading_events_look(hub);

        if (hub->feed.mapped != mapped) {
            rc = NGX_AGAIN;
        }
    }

    if (!ngx_queue_empty(&hub->accounts)) {
        ngx_add_timer(ev, (rc == NGX_AGAIN)
                          ? 1 : NGX_HTTP_TRADING_EVENTS_INTERVAL);
    }
}


/* NGX_AGAIN: there is more, but others want to be served, too */
static ngx_int_t
ngx_http_trading_events_read(ngx_http_trading_hub_t *hub)
{
    trd_rc_t                  rc;
    uint64_t                  pos;
    ngx_uint_t                n, sent;
    trd_event_t               event;
    ngx_http_trading_feed_t  *feed;

    feed = &hub->feed;
    sent = 0;

    for (n = 0; feed->file && n < NGX_HTTP_TRADING_EVENTS_TURN; n++) {

        pos = feed->pos;

        rc = trd_events_read(feed->file, &pos, &event,
                             ngx_http_trading_event_body(
                                                 NGX_HTTP_TRADING_EVENT_NEW));

        if (rc == TRD_AGAIN) {
            return NGX_OK;
        }

        if (rc == TRD_OK && event.number != feed->number + 1) {
            rc = TRD_CORRUPT;
        }

        if (rc != TRD_OK) {
            ngx_http_trading_events_lost(hub, rc);
            return NGX_OK;
        }

        sent += ngx_http_trading_events_event(hub, feed->pos, &event);
        feed->pos = pos;

        if (sent >= NGX_HTTP_TRADING_EVENTS_WRITES) {
            return NGX_AGAIN;
        }
    }

    return feed->file ? NGX_AGAIN : NGX_OK;
}


static ngx_uint_t
ngx_http_trading_events_event(ngx_http_trading_hub_t *hub, uint64_t pos,
    const trd_event_t *event)
{
    uint32_t    hash;
    ngx_uint_t  n;

    hash = ngx_http_trading_account_hash((u_char *) event->account,
                                         event->account_len);

    n = ngx_http_trading_events_send(hub, event, hash);

    hub->feed.number = event->number;
    hub->feed.told = event->number;

    ngx_http_trading_replay_keep(hub, event, pos, hash);
    ngx_http_trading_count_stream(hub->mcf, NGX_HTTP_TRADING_SC_EVENTS, 1);

    return n;
}


/* to all streams of its account that want it; their number */
static ngx_uint_t
ngx_http_trading_events_send(ngx_http_trading_hub_t *hub,
    const trd_event_t *event, uint32_t hash)
{
    ngx_uint_t                   n, topic;
    ngx_queue_t                 *q, *next;
    ngx_http_trading_stream_t   *s;
    ngx_http_trading_account_t  *a;

    a = ngx_http_trading_account_find(hub, (u_char *) event->account,
                                      event->account_len, hash);
    if (a == NULL) {
        return 0;
    }

    topic = NGX_HTTP_TRADING_T_ACCOUNT + event->kind;
    n = 0;

    /* the last stream to end takes the account with it */

    for (q = ngx_queue_head(&a->streams);
         q != ngx_queue_sentinel(&a->streams);
         q = next)
    {
        next = ngx_queue_next(q);
        s = ngx_queue_data(q, ngx_http_trading_stream_t, account_link);

        if (s->cohort == NULL || !(s->cohort->topics & (1U << topic))
            || (s->lag && s->lag->event_topics & (1U << topic)))
        {
            continue;           /* or those before it are still on their way */
        }

        if (n++ == 0
            && ngx_http_trading_events_make(hub, event, NULL) != NGX_OK)
        {
            return 0;
        }

        ngx_http_trading_events_give(hub, s, topic);
    }

    return n;
}


/*
 * Makes a message of the event, whose body was read here or is in `body`.
 * NGX_DECLINED: the body is none that may go out.
 */
ngx_int_t
ngx_http_trading_events_make(ngx_http_trading_hub_t *hub,
    const trd_event_t *event, const u_char *body)
{
    char          head[TRD_UPDATE_HEAD_MAX];
    u_char       *to;
    size_t        n;
    ngx_uint_t    topic, which;
    trd_writer_t  w;

    which = body ? NGX_HTTP_TRADING_EVENT_BEFORE : NGX_HTTP_TRADING_EVENT_NEW;
    to = ngx_http_trading_event_body(which);

    if (body) {
        ngx_memcpy(to, body, event->len);
    }

    if (!ngx_http_trading_events_object(to, event->len)) {
        ngx_http_trading_count_stream(hub->mcf, NGX_HTTP_TRADING_SC_BAD, 1);
        ngx_http_trading_events_failing(hub->mcf, hub->log,
                                        "an event's body is no JSON object");
        return NGX_DECLINED;
    }

    topic = NGX_HTTP_TRADING_T_ACCOUNT + event->kind;

    trd_writer_init(&w, head, sizeof(head));
    trd_update_json_head(&w, ngx_http_trading_topic_update(topic),
                         ngx_http_trading_topic_name(topic), event->number,
                         event->ms);

    n = trd_writer_len(&w);
    to[event->len] = '}';

    ngx_http_trading_event[which].text = to - n;
    ngx_http_trading_event[which].len = n + event->len + 1;
    ngx_memcpy(ngx_http_trading_event[which].text, head, n);
    ngx_memzero(ngx_http_trading_event[which].form_len,
                sizeof(ngx_http_trading_event[which].form_len));

    return NGX_OK;
}


/* one whole object?  Line ends between its tokens become spaces, since of SSE
   the data is one line. */
static ngx_flag_t
ngx_http_trading_events_object(u_char *body, size_t len)
{
    size_t      i;
    trd_json_t  r;

    trd_json_init(&r, (char *) body, len);

    if (trd_json_value(&r) != TRD_JSON_OBJECT
        || trd_json_next(&r) != TRD_JSON_END)
    {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if (body[i] == LF || body[i] == CR) {
            body[i] = ' ';
        }
    }

    return 1;
}


/* the message that was made, in the form that a stream takes */
static ngx_str_t
ngx_http_trading_events_form(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, ngx_uint_t topic, ngx_uint_t which)
{
    size_t      *len;
    ngx_str_t    message;
    ngx_uint_t   form;

    /* what is of one account is not worth compressing: nobody shares it */

    form = (s->form == NGX_HTTP_TRADING_F_DEFLATE) ? NGX_HTTP_TRADING_F_FRAME
                                                   : s->form;
    message.data = ngx_http_trading_event[which].form[form];
    len = &ngx_http_trading_event[which].form_len[form];

    if (*len == 0) {
        *len = ngx_http_trading_form_write(hub, form,
                                           ngx_http_trading_topic_update(topic),
                                           0,
                                           ngx_http_trading_event[which].text,
                                           ngx_http_trading_event[which].len,
                                           message.data);
    }

    message.len = *len;

    return message;
}


/* It goes behind what waits for the client already; NGX_DECLINED: there is no
   room for it now. */
ngx_int_t
ngx_http_trading_events_put(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, ngx_uint_t topic)
{
    ngx_int_t  rc;
    ngx_str_t  message;

    rc = ngx_http_trading_lag_news_of(hub, s,
                                      ngx_http_trading_topic_channel(topic),
                                      hub->feed.told);
    if (rc != NGX_OK) {
        return rc;
    }

    message = ngx_http_trading_events_form(hub, s, topic,
                                           NGX_HTTP_TRADING_EVENT_BEFORE);
    rc = ngx_http_trading_lag_append(s, message.data, message.len,
                                     s->lag->last == s->lag->pos);
    if (rc == NGX_OK) {
        ngx_http_trading_count_stream(hub->mcf, NGX_HTTP_TRADING_SC_UPDATES,
                                      1);
    }

    return rc;
}


/* to one stream, or it misses it */
static void
ngx_http_trading_events_give(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, ngx_uint_t topic)
{
    ngx_int_t   rc;
    ngx_str_t   message;
    ngx_uint_t  channel;

    channel = ngx_http_trading_topic_channel(topic);

    /* nothing overtakes the news of what is missing */

    rc = ngx_http_trading_lag_news_of(hub, s, channel, hub->feed.told);

    if (rc == NGX_OK) {
        message = ngx_http_trading_events_form(hub, s, topic,
                                               NGX_HTTP_TRADING_EVENT_NEW);
        rc = ngx_http_trading_out_event(s, message.data, message.len);
    }

    if (rc == NGX_OK) {
        ngx_http_trading_count_stream(hub->mcf, NGX_HTTP_TRADING_SC_UPDATES,
                                      1);

    } else if (rc == NGX_DECLINED) {
        ngx_http_trading_lag_missed(s, channel, 1);

    } else {
        ngx_http_trading_stream_end(s, NGX_HTTP_TRADING_END_FAILED);
    }
}


/* The writer went around, or what it wrote is damaged: on from the newest. */
static void
ngx_http_trading_events_lost(ngx_http_trading_hub_t *hub, trd_rc_t rc)
{
    uint64_t                  pos, number, missed;
    ngx_http_trading_feed_t  *feed;

    feed = &hub->feed;

    if (trd_events_map_lost(&hub->mcf->events.map)) {
        return;                         /* the next look drops it */
    }

    if (rc == TRD_NOT_FOUND) {
        ngx_http_trading_count_stream(hub->mcf,
                                      NGX_HTTP_TRADING_SC_EVENTS_OVERRUN, 1);

    } else {
        ngx_http_trading_events_failing(hub->mcf, hub->log,
                                        "the file is damaged");
    }

    pos = trd_events_newest(feed->file, &number);

    if (number <= feed->number) {
        return;                         /* until there is something */
    }

    missed = number - feed->number;

    feed->pos = pos;
    feed->number = number;
    feed->told = number;
    feed->first = number + 1;
    feed->scanned = 0;

    ngx_http_trading_events_tell(hub, missed);
}


/* to all who follow, of each channel: so many were missed, of which nobody
   knows whose they were; 0: there is another file */
static void
ngx_http_trading_events_tell(ngx_http_trading_hub_t *hub, uint64_t missed)
{
    ngx_uint_t                   topic;
    ngx_queue_t                 *q, *p, *next, *after;
    ngx_http_trading_stream_t   *s;
    ngx_http_trading_account_t  *a;

    for (q = ngx_queue_head(&hub->accounts);
         q != ngx_queue_sentinel(&hub->accounts);
         q = next)
    {
        next = ngx_queue_next(q);
        a = ngx_queue_data(q, ngx_http_trading_account_t, link);

        for (p = ngx_queue_head(&a->streams);
             p != ngx_queue_sentinel(&a->streams);
             p = after)
        {
            after = ngx_queue_next(p);
            s = ngx_queue_data(p, ngx_http_trading_stream_t, account_link);

            for (topic = NGX_HTTP_TRADING_T_ACCOUNT;
                 topic < NGX_HTTP_TRADING_T_N;
                 topic++)
            {
                if (s->cohort == NULL
                    || !(s->cohort->topics & (1U << topic)))
                {
                    continue;
                }

                if (missed) {
                    ngx_http_trading_events_missed(hub, s, topic, missed);

                } else {
                    ngx_http_trading_events_resync(hub, s, topic);
                }
            }
        }
    }
}


void
ngx_http_trading_events_missed(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, ngx_uint_t topic, uint64_t n)
{
    ngx_flag_t  behind;

    behind = (s->lag != NULL);

    if (behind && s->lag->event_topics & (1U << topic)) {
        return;                 /* it is behind, and will find out itself */
    }

    if (ngx_http_trading_lag(s) == NULL) {
        ngx_http_trading_stream_end(s, NGX_HTTP_TRADING_END_FAILED);
        return;
    }

    s->lag->missed[ngx_http_trading_topic_channel(topic)] += n;
    ngx_http_trading_count_stream(hub->mcf, NGX_HTTP_TRADING_SC_MISSED, n);

    if (!behind) {
        ngx_http_trading_out_ready(s);
    }
}


static void
ngx_http_trading_events_resync(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, ngx_uint_t topic)
{
    u_char  *p, text[256];

    if (s->lag) {
        s->lag->event_topics &= ~(1U << topic);
    }

    p = ngx_sprintf(text, "{\"type\":\"resync\",\"channel\":\"%s\","
                    "\"epoch\":%uL,\"seq\":%uL,\"reason\":\"new_events\"}",
                    ngx_http_trading_topic_name(topic), hub->feed.generation,
                    hub->feed.told);

    ngx_http_trading_out_text(s, "resync", 0, text, p - text);
}
