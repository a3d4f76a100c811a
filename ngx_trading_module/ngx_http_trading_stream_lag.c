/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What a connection is owed whose socket does not take all that there is: the
 * bytes that must go out first, bounded by trading_stream_buffer, and a bit
 * for each instrument that changed since.  However slow it is, its memory
 * does not grow, and what it gets next is the latest.
 *
 * When the bytes have gone out, others follow: the news of what is missing,
 * trades and events of before, and the updates that the bits stand for.
 */

#include "ngx_http_trading_stream.h"
#include "trd_stream_json.h"

#define NGX_HTTP_TRADING_LAG_SLACK  16384   /* for replies, beyond the bound */

static ngx_int_t ngx_http_trading_lag_news(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s);
static ngx_int_t ngx_http_trading_lag_tell(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, ngx_uint_t channel, const char *type,
    uint64_t *count, uint64_t seq, ngx_flag_t must);


ngx_http_trading_lag_t *
ngx_http_trading_lag(ngx_http_trading_stream_t *s)
{
    ngx_http_trading_hub_t  *hub;

    if (s->lag) {
        return s->lag;
    }

    hub = ngx_http_trading_hub(NULL);

    s->lag = ngx_calloc(sizeof(ngx_http_trading_lag_t), hub->log);
    if (s->lag == NULL) {
        return NULL;
    }

    s->lag->stream = s;
    s->lag->from = hub->told_before;
    s->lag->sure = hub->fresh ? 0 : hub->told_before;
    s->lag->since = ngx_current_msec;
    s->lag->sent = s->request->connection->sent;
    ngx_queue_insert_tail(&hub->lags, &s->lag->link);

    return s->lag;
}


void
ngx_http_trading_lag_free(ngx_http_trading_stream_t *s)
{
    if (s->lag == NULL) {
        return;
    }

    ngx_http_trading_lag_unmark(s);
    ngx_http_trading_past_end(s->lag);
    ngx_queue_remove(&s->lag->link);

    if (s->lag->buf) {
        ngx_free(s->lag->buf);
    }

    ngx_free(s->lag);
    s->lag = NULL;
}


void
ngx_http_trading_lag_unmark(ngx_http_trading_stream_t *s)
{
    ngx_uint_t               i;
    ngx_http_trading_lag_t  *lag;

    lag = s->lag;

    if (lag == NULL) {
        return;
    }

    for (i = 0; i < NGX_HTTP_TRADING_T_EACH; i++) {
        if (lag->bits[i]) {
            ngx_free(lag->bits[i]);
            lag->bits[i] = NULL;
        }
    }

    lag->topics = 0;
}


/* it waits for no socket: what is added may go out at once */
ngx_flag_t
ngx_http_trading_lag_idle(ngx_http_trading_stream_t *s)
{
    return s->lag && s->lag->last == s->lag->pos && !s->busy
           && s->request->connection->write->ready;
}


/* what a stream does not want any more is not owed to it */
void
ngx_http_trading_lag_mask(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s)
{
    uint32_t                    word;
    ngx_uint_t                  topic;
    ngx_http_trading_lag_t     *lag;
    ngx_http_trading_cohort_t  *c;

    lag = s->lag;
    c = s->cohort;

    if (lag == NULL || c == NULL) {
        return;
    }

    lag->topics &= c->topics;
    lag->event_topics &= c->topics;
    ngx_http_trading_past_mask(hub, s);

    for (topic = 0; topic < NGX_HTTP_TRADING_T_EACH; topic++) {

        if (lag->bits[topic] == NULL) {
            continue;
        }

        if (!(c->topics & (1U << topic))) {
            ngx_free(lag->bits[topic]);
            lag->bits[topic] = NULL;
            continue;
        }

        for (word = 0; !c->want[topic].all && word < hub->words; word++) {
            lag->bits[topic][word] &= c->want[topic].bits[word];
        }
    }
}


/*
 * Bytes to go out behind what is there already.  `must`: part of a frame that
 * has begun, or a reply, which may go beyond the bound.  NGX_DECLINED: there
 * is no room for them.
 */
ngx_int_t
ngx_http_trading_lag_append(ngx_http_trading_stream_t *s, const u_char *data,
    size_t len, ngx_flag_t must)
{
    size_t                        size, bound;
    u_char                       *buf;
    ngx_http_trading_lag_t       *lag;
    ngx_http_trading_loc_conf_t  *lcf;

    lag = ngx_http_trading_lag(s);
    if (lag == NULL) {
        return NGX_ERROR;
    }

    lcf = ngx_http_get_module_loc_conf(s->request, ngx_http_trading_module);
    bound = lcf->stream_buffer + (must ? NGX_HTTP_TRADING_LAG_SLACK : 0);

    /* what nginx's filters or TLS hold may not move */

    if (lag->last - lag->pos + len > bound
        || (s->busy && lag->size - lag->last < len))
    {
        return NGX_DECLINED;
    }

    if (!s->busy && lag->pos) {
        lag->last -= lag->pos;
        ngx_memmove(lag->buf, lag->buf + lag->pos, lag->last);
        lag->pos = 0;
    }

    if (lag->size - lag->last < len) {
        size = ngx_max(lag->size * 2, 1024);
        size = ngx_max(size, lag->last + len);
        size = ngx_min(size, ngx_max(bound, lag->last + len));

        if (s->filtered || s->request->connection->ssl) {
            size = lcf->stream_buffer + NGX_HTTP_TRADING_LAG_SLACK;
        }

        buf = ngx_alloc(size, s->request->connection->log);
        if (buf == NULL) {
            return NGX_ERROR;
        }

        if (lag->buf) {
            ngx_memcpy(buf, lag->buf, lag->last);
            ngx_free(lag->buf);
        }

        lag->buf = buf;
        lag->size = size;
    }

    ngx_memcpy(lag->buf + lag->last, data, len);
    lag->last += len;
    ngx_http_trading_hub(NULL)->frames++;

    return NGX_OK;
}


/* The instrument changed; what was owed of it before is skipped. */
ngx_int_t
ngx_http_trading_lag_mark(ngx_http_trading_stream_t *s, ngx_uint_t topic,
    uint32_t instrument)
{
    uint64_t                 bit;
    ngx_uint_t               channel;
    ngx_http_trading_hub_t  *hub;
    ngx_http_trading_lag_t  *lag;

    lag = ngx_http_trading_lag(s);
    if (lag == NULL) {
        return NGX_ERROR;
    }

    hub = ngx_http_trading_hub(NULL);

    if (topic >= NGX_HTTP_TRADING_T_EACH) {
        lag->topics |= 1U << topic;
        return NGX_OK;
    }

    if (lag->bits[topic] == NULL) {
        lag->bits[topic] = ngx_calloc(hub->words * sizeof(uint64_t),
                                      hub->log);
        if (lag->bits[topic] == NULL) {
            return NGX_ERROR;
        }

        lag->topics |= 1U << topic;
    }

    bit = 1ULL << (instrument % 64);

    if (lag->bits[topic][instrument / 64] & bit) {
        channel = ngx_http_trading_topic_channel(topic);
        lag->skipped[channel]++;
        ngx_http_trading_count_stream(hub->mcf, NGX_HTTP_TRADING_SC_SKIPPED,
                                      1);
    }

    lag->bits[topic][instrument / 64] |= bit;

    return NGX_OK;
}


void
ngx_http_trading_lag_missed(ngx_http_trading_stream_t *s, ngx_uint_t channel,
    uint64_t n)
{
    ngx_http_trading_hub_t  *hub;

    hub = ngx_http_trading_hub(NULL);

    if (ngx_http_trading_lag(s)) {
        s->lag->missed[channel] += n;
        ngx_http_trading_count_stream(hub->mcf, NGX_HTTP_TRADING_SC_MISSED,
                                      n);
    }
}


/*
 * The bytes have gone out: what is to follow them.  NGX_OK: there is more in
 * the buffer; NGX_DONE: nothing is owed any more.
 */
ngx_int_t
ngx_http_trading_lag_refill(ngx_http_trading_stream_t *s)
{
    ngx_http_trading_hub_t  *hub;
    ngx_http_trading_lag_t  *lag;

    hub = ngx_http_trading_hub(NULL);
    lag = s->lag;

    if (s->closing) {
        return NGX_DONE;                /* nothing may follow a goodbye */
    }

    /* each leaves room for what is behind it, so that none waits for ever */

    if (ngx_http_trading_lag_news(hub, s) != NGX_OK
        || ngx_http_trading_past_refill(hub, s) == NGX_ERROR
        || ngx_http_trading_replay_refill(hub, s) == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    if (lag->topics && ngx_http_trading_owed_refill(hub, s) != NGX_OK) {
        return NGX_ERROR;
    }

    if (lag->topics == 0 && lag->past == NULL && lag->nameless) {
        lag->nameless = 0;

        if (ngx_http_trading_lag_id(hub, s) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    /* what was found to be missing meanwhile */

    if (ngx_http_trading_lag_news(hub, s) != NGX_OK) {
        return NGX_ERROR;
    }

    return (lag->last > lag->pos) ? NGX_OK : NGX_DONE;
}


/* Have so many quarters of the bound been used, and does something else wait
   for the rest? */
ngx_flag_t
ngx_http_trading_lag_full(ngx_http_trading_stream_t *s, ngx_uint_t quarters)
{
    ngx_http_trading_lag_t       *lag;
    ngx_http_trading_loc_conf_t  *lcf;

    lag = s->lag;
    lcf = ngx_http_get_module_loc_conf(s->request, ngx_http_trading_module);

    return (lag->topics || (lag->event_topics && quarters < 3))
           && lag->last - lag->pos > lcf->stream_buffer / 4 * quarters;
}


/* how many were skipped and missed, each told once */
static ngx_int_t
ngx_http_trading_lag_news(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s)
{
    uint64_t                 seq;
    ngx_int_t                rc;
    ngx_uint_t               i;
    ngx_http_trading_lag_t  *lag;

    lag = s->lag;

    for (i = 0; i < TRD_CHANNEL_N; i++) {

        /* of trades those that follow are later than those that are missed */

        seq = (i >= TRD_CHANNEL_PRIVATE) ? hub->feed.told
              : (i != TRD_CHANNEL_TRADES) ? lag->from
              : lag->past ? ngx_min(lag->past_at,
                                    ngx_http_trading_hub_told(hub, s))
              : ngx_http_trading_hub_told(hub, s);

        rc = ngx_http_trading_lag_tell(hub, s, i, "skipped", &lag->skipped[i],
                                       seq, 1);

        if (rc == NGX_OK) {
            rc = ngx_http_trading_lag_tell(hub, s, i, "missed",
                                           &lag->missed[i], seq, 1);
        }

        if (rc != NGX_OK) {
            return (rc == NGX_DECLINED) ? NGX_OK : rc;
        }
    }

    return NGX_OK;
}


/* What was missed of the channel up to seq.  NGX_DECLINED: it cannot be told
   yet, so that nothing more of it may follow. */
ngx_int_t
ngx_http_trading_lag_news_of(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, ngx_uint_t channel, uint64_t seq)
{
    if (s->lag == NULL) {
        return NGX_OK;
    }

    return ngx_http_trading_lag_tell(hub, s, channel, "missed",
                                     &s->lag->missed[channel], seq, 0);
}


static ngx_int_t
ngx_http_trading_lag_tell(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, ngx_uint_t channel, const char *type,
    uint64_t *count, uint64_t seq, ngx_flag_t must)
{
    char          text[256];
    ngx_int_t     rc;
    const char   *name;
    trd_writer_t  w;

    if (*count == 0) {
        return NGX_OK;
    }

    /* the bits of /binary/stream are counted with the signals that they are */

    name = (channel == TRD_CHANNEL_SIGNALS && s->cohort
            && s->cohort->topics & (1U << NGX_HTTP_TRADING_T_BINARY))
           ? ngx_http_trading_topic_name(NGX_HTTP_TRADING_T_BINARY)
           : trd_channel_name(channel);

    trd_writer_init(&w, text, sizeof(text));
    trd_lag_json(&w, type, name, *count, seq);

    rc = ngx_http_trading_lag_text(hub, s, type, (u_char *) w.start,
                                   trd_writer_len(&w), must);
    if (rc == NGX_OK) {
        *count = 0;
    }

    return rc;
}


/* a message in the connection's form, without an id */
ngx_int_t
ngx_http_trading_lag_text(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, const char *type, const u_char *text,
    size_t len, ngx_flag_t must)
{
    size_t   n;
    u_char  *buf;

    static u_char  small[4096];

    buf = (ngx_http_trading_form_max(len) <= sizeof(small))
          ? small : ngx_alloc(ngx_http_trading_form_max(len), hub->log);

    if (buf == NULL) {
        return NGX_ERROR;
    }

    n = ngx_http_trading_form_write(hub, s->form, type, 0, text, len, buf);
    n = ngx_http_trading_lag_append(s, buf, n, must);

    if (!s->websocket && s->lag) {
        s->lag->nameless = 1;
    }

    if (buf != small) {
        ngx_free(buf);
    }

    return (ngx_int_t) n;
}


/* an SSE client that has caught up may go on from here */
ngx_int_t
ngx_http_trading_lag_id(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s)
{
    u_char  buf[256];
    size_t  n;

    n = ngx_http_trading_form_write(hub, s->form, "",
                                    ngx_http_trading_hub_told(hub, s),
                                    (u_char *) "", 0, buf);

    return ngx_http_trading_lag_append(s, buf, n, 1);
}


