/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What clients ask for, as a message or by the address, and the replies: see
 * docs/streams.md.  Subscriptions are changed in
 * ngx_http_trading_stream_want.c.
 */

#include "ngx_http_trading_stream.h"

#define NGX_HTTP_TRADING_WIDE      256  /* instruments are one unit of work */
#define NGX_HTTP_TRADING_RESUMED   2    /* units, for each channel */
#define NGX_HTTP_TRADING_COST_MAX  80

static ngx_int_t ngx_http_trading_stream_afford(ngx_http_trading_stream_t *s,
    const trd_request_t *request, uint32_t topics, uint32_t instruments);
static void ngx_http_trading_stream_subscribe(ngx_http_trading_stream_t *s,
    const trd_request_t *request);
static void ngx_http_trading_stream_unsubscribe(ngx_http_trading_stream_t *s,
    const trd_request_t *request);
static void ngx_http_trading_stream_list(ngx_http_trading_stream_t *s,
    const trd_request_t *request);
static void ngx_http_trading_stream_pong(ngx_http_trading_stream_t *s,
    const trd_request_t *request);
static void ngx_http_trading_stream_resume(ngx_http_trading_stream_t *s,
    const trd_request_t *request);
static void ngx_http_trading_stream_connected(ngx_http_trading_stream_t *s);
static void ngx_http_trading_stream_refuse(ngx_http_trading_stream_t *s,
    const trd_request_t *request, ngx_http_trading_refusal_t *no);


/* the address was looked at, the stream has begun: now it may be told so */
void
ngx_http_trading_stream_begin(ngx_http_trading_stream_t *s,
    const trd_request_t *request, ngx_flag_t binary)
{
    ngx_http_trading_refusal_t  no;

    ngx_http_trading_stream_connected(s);

    if (ngx_http_trading_stream_over(s)) {
        return;
    }

    if (binary) {
        if (ngx_http_trading_want_binary(s, request, &no) != NGX_OK) {
            ngx_http_trading_stream_refuse(s, request, &no);
            return;
        }

        ngx_http_trading_snapshot_binary(s);

    } else if (request->channels) {
        ngx_http_trading_stream_subscribe(s, request);
    }

    if (!s->websocket) {
        ngx_http_trading_out_id(s);
    }
}


static void
ngx_http_trading_stream_connected(ngx_http_trading_stream_t *s)
{
    u_char                        retry[64];
    char                          text[1024];
    size_t                        len;
    ngx_uint_t                    i;
    trd_writer_t                  w;
    ngx_http_trading_hub_t       *hub;
    ngx_http_trading_loc_conf_t  *lcf;

    hub = ngx_http_trading_hub(NULL);
    lcf = ngx_http_get_module_loc_conf(s->request, ngx_http_trading_module);

    trd_writer_init(&w, text, sizeof(text));

    trd_write_lit(&w, "{\"type\":\"connected\",\"epoch\":");
    trd_write_u64(&w, hub->generation);
    trd_write_lit(&w, ",\"seq\":");
    trd_write_u64(&w, hub->cursor);
    trd_write_lit(&w, ",\"server_time\":");
    trd_write_time(&w, ngx_http_trading_now());
    trd_write_lit(&w, ",\"heartbeat_ms\":");
    trd_write_u64(&w, lcf->stream_heartbeat);
    trd_write_lit(&w, ",\"stale\":");
    trd_write_str(&w, hub->stale ? "true" : "false");
    trd_write_lit(&w, ",\"limits\":{\"subscriptions\":");
    trd_write_u64(&w, lcf->stream_max);
    trd_write_lit(&w, ",\"message_bytes\":");
    trd_write_u64(&w, NGX_HTTP_TRADING_MESSAGE_MAX);
    trd_write_lit(&w, ",\"messages_per_second\":");
    trd_write_u64(&w, NGX_HTTP_TRADING_MESSAGES);
    trd_write_lit(&w, ",\"buffer_bytes\":");
    trd_write_u64(&w, lcf->stream_buffer);
    trd_write_lit(&w, "},\"channels\":[");

    for (i = 0; i < TRD_CHANNEL_N; i++) {
        trd_write_str(&w, i ? ",\"" : "\"");
        trd_write_str(&w, trd_channel_name(i));
        trd_write_lit(&w, "\"");
    }

    trd_write_lit(&w, "]}");

    if (!s->websocket) {
        len = ngx_http_trading_sse_retry(retry);

        if (s->filtered) {
            ngx_http_trading_out_raw(s, retry, len);

        } else {
            u_char  chunk[96];

            ngx_http_trading_out_raw(s, chunk,
                                     ngx_sprintf(chunk, "%08xz" CRLF "%*s"
                                                 CRLF, len, len, retry)
                                     - chunk);
        }
    }

    ngx_http_trading_out_text(s, "connected", 0, (u_char *) text,
                              trd_writer_len(&w));
}


void
ngx_http_trading_stream_message(ngx_http_trading_stream_t *s,
    const char *text, size_t len)
{
    trd_request_t        request;
    trd_request_error_t  error;

    error = trd_request_read(text, len, &request);

    if (error != TRD_REQUEST_OK) {
        ngx_http_trading_stream_error(s, &request,
                                      trd_request_error_name(error), "%s",
                                      request.detail);
        return;
    }

    switch (request.type) {

    case TRD_REQUEST_SUBSCRIBE:
        ngx_http_trading_stream_subscribe(s, &request);
        break;

    case TRD_REQUEST_UNSUBSCRIBE:
        ngx_http_trading_stream_unsubscribe(s, &request);
        break;

    case TRD_REQUEST_LIST:
        ngx_http_trading_stream_list(s, &request);
        break;

    case TRD_REQUEST_PING:
        ngx_http_trading_stream_pong(s, &request);
        break;

    case TRD_REQUEST_RESUME:
        ngx_http_trading_stream_resume(s, &request);
        break;

    case TRD_REQUEST_AUTH:
        ngx_http_trading_stream_error(s, &request, "auth_unavailable",
                                      "no accounts are configured here");
        break;
    }
}


/* {"type":T,"id":...  */
void
ngx_http_trading_reply_head(trd_writer_t *w, const char *type,
    const trd_request_t *request)
{
    trd_write_lit(w, "{\"type\":\"");
    trd_write_str(w, type);
    trd_write_lit(w, "\"");

    if (request && request->id) {
        trd_write_lit(w, ",\"id\":");
        trd_write(w, request->id, request->id_len);
    }
}


void
ngx_http_trading_stream_error(ngx_http_trading_stream_t *s,
    const trd_request_t *request, const char *code, const char *fmt, ...)
{
    char                     text[1024];
    u_char                   detail[256], *end;
    va_list                  args;
    trd_writer_t             w;
    ngx_http_trading_hub_t  *hub;

    if (ngx_http_trading_stream_over(s)) {
        return;
    }

    hub = ngx_http_trading_hub(NULL);

    va_start(args, fmt);
    end = ngx_vslprintf(detail, detail + sizeof(detail), fmt, args);
    va_end(args);

    trd_writer_init(&w, text, sizeof(text));
    ngx_http_trading_reply_head(&w, "error", request);
    trd_write_lit(&w, ",\"code\":\"");
    trd_write_str(&w, code);
    trd_write_lit(&w, "\",\"detail\":");
    trd_write_json_str(&w, (char *) detail, end - detail);
    trd_write_lit(&w, "}");

    ngx_http_trading_count_stream(hub->mcf, NGX_HTTP_TRADING_SC_ERRORS, 1);
    ngx_http_trading_out_text(s, "error", 0, (u_char *) text,
                              trd_writer_len(&w));

    if (++s->errors > NGX_HTTP_TRADING_ERRORS_MAX) {
        ngx_http_trading_stream_close(s, 1008, "too many errors",
                                      NGX_HTTP_TRADING_END_LIMIT);
    }
}


static void
ngx_http_trading_stream_refuse(ngx_http_trading_stream_t *s,
    const trd_request_t *request, ngx_http_trading_refusal_t *no)
{
    if (no->code == NULL) {
        ngx_http_trading_stream_end(s, NGX_HTTP_TRADING_END_FAILED);
        return;
    }

    ngx_http_trading_stream_error(s, request, no->code, "%s", no->detail);
}


/*
 * A message may ask for the work of thousands, which is paid for apart: with
 * units that come back as fast as messages may be sent.  Who has none left is
 * refused and may ask again; he did nothing wrong.
 */
static ngx_int_t
ngx_http_trading_stream_afford(ngx_http_trading_stream_t *s,
    const trd_request_t *request, uint32_t topics, uint32_t instruments)
{
    ngx_uint_t  cost;

    cost = __builtin_popcount(topics)
           * (instruments / NGX_HTTP_TRADING_WIDE
              + (request->has_seq ? NGX_HTTP_TRADING_RESUMED : 0));

    cost = ngx_min(cost, NGX_HTTP_TRADING_COST_MAX);

    if (cost <= s->work) {
        s->work -= cost;
        return NGX_OK;
    }

    ngx_http_trading_stream_error(s, request, "too_many_messages",
                                  "this asks for %ui units of work, of which "
                                  "%ud are left: ask again later", cost,
                                  (uint32_t) s->work);

    if (s->errors) {
        s->errors--;
    }

    return NGX_DECLINED;
}


static void
ngx_http_trading_stream_subscribe(ngx_http_trading_stream_t *s,
    const trd_request_t *request)
{
    uint32_t                     topics;
    ngx_uint_t                   topic;
    ngx_flag_t                   recovered;
    ngx_http_trading_hub_t      *hub;
    ngx_http_trading_want_t      want;
    ngx_http_trading_refusal_t   no;

    hub = ngx_http_trading_hub(NULL);
    ngx_http_trading_hub_look(hub);

    if (ngx_http_trading_want_read(s, request, &want, &topics, &no)
        != NGX_OK)
    {
        ngx_http_trading_stream_refuse(s, request, &no);
        ngx_http_trading_want_free(&want);
        return;
    }

    if (ngx_http_trading_stream_afford(s, request, topics,
                                       want.all ? hub->n : want.n)
        != NGX_OK)
    {
        ngx_http_trading_want_free(&want);
        return;
    }

    if (ngx_http_trading_want_add(s, &want, topics, &no) != NGX_OK) {
        ngx_http_trading_stream_refuse(s, request, &no);
        ngx_http_trading_want_free(&want);
        return;
    }

    recovered = request->has_seq
                && ngx_http_trading_snapshot_recovers(hub, request);

    for (topic = 0;
         topic < NGX_HTTP_TRADING_T_ACCOUNT
         && !ngx_http_trading_stream_over(s);
         topic++)
    {
        if (topics & (1U << topic)) {
            ngx_http_trading_snapshot(s, request, topic, &want, recovered);
        }
    }

    ngx_http_trading_want_free(&want);

    if (topics >> NGX_HTTP_TRADING_T_ACCOUNT
        && !ngx_http_trading_stream_over(s))
    {
        ngx_http_trading_replay_subscribed(s, request, topics);
    }
}


static void
ngx_http_trading_stream_unsubscribe(ngx_http_trading_stream_t *s,
    const trd_request_t *request)
{
    char                         text[1024];
    uint32_t                     topics, channels;
    ngx_uint_t                   topic;
    trd_writer_t                 w;
    ngx_http_trading_hub_t      *hub;
    ngx_http_trading_want_t      want;
    ngx_http_trading_refusal_t   no;

    hub = ngx_http_trading_hub(NULL);
    ngx_http_trading_hub_look(hub);

    if (ngx_http_trading_want_read(s, request, &want, &topics, &no) != NGX_OK
        || ngx_http_trading_want_remove(s, request, &want, topics, &no)
           != NGX_OK)
    {
        ngx_http_trading_stream_refuse(s, request, &no);
        ngx_http_trading_want_free(&want);
        return;
    }

    channels = 0;

    for (topic = 0;
         topic < NGX_HTTP_TRADING_T_N && !ngx_http_trading_stream_over(s);
         topic++)
    {
        if (!(topics & (1U << topic))
            || channels & (1U << ngx_http_trading_topic_channel(topic)))
        {
            continue;
        }

        channels |= 1U << ngx_http_trading_topic_channel(topic);

        trd_writer_init(&w, text, sizeof(text));
        ngx_http_trading_reply_head(&w, "unsubscribed", request);
        trd_write_lit(&w, ",\"channel\":\"");
        trd_write_str(&w, ngx_http_trading_topic_name(topic));
        trd_write_lit(&w, "\",\"symbols\":");
        ngx_http_trading_want_symbols(hub, &w, &want);
        trd_write_lit(&w, "}");

        if (trd_writer_overflowed(&w)) {

            /* so many names need not be said again */

            trd_writer_init(&w, text, sizeof(text));
            ngx_http_trading_reply_head(&w, "unsubscribed", request);
            trd_write_lit(&w, ",\"channel\":\"");
            trd_write_str(&w, ngx_http_trading_topic_name(topic));
            trd_write_lit(&w, "\"}");
        }

        ngx_http_trading_out_text(s, "unsubscribed", 0, (u_char *) text,
                                  trd_writer_len(&w));
    }

    ngx_http_trading_want_free(&want);
}


static void
ngx_http_trading_stream_list(ngx_http_trading_stream_t *s,
    const trd_request_t *request)
{
    size_t                        size;
    char                         *text;
    ngx_uint_t                    topic, n;
    trd_writer_t                  w;
    ngx_http_trading_hub_t       *hub;
    ngx_http_trading_cohort_t    *c;
    ngx_http_trading_loc_conf_t  *lcf;

    hub = ngx_http_trading_hub(NULL);
    lcf = ngx_http_get_module_loc_conf(s->request, ngx_http_trading_module);
    c = s->cohort;
    size = lcf->stream_buffer;

    text = ngx_alloc(size, hub->log);
    if (text == NULL) {
        ngx_http_trading_stream_end(s, NGX_HTTP_TRADING_END_FAILED);
        return;
    }

    trd_writer_init(&w, text, size);
    ngx_http_trading_reply_head(&w, "subscriptions", request);
    trd_write_lit(&w, ",\"subscriptions\":[");

    for (topic = 0, n = 0; c && topic < NGX_HTTP_TRADING_T_N; topic++) {

        if (!(c->topics & (1U << topic))) {
            continue;
        }

        trd_write_str(&w, n++ ? ",{\"channel\":\"" : "{\"channel\":\"");
        trd_write_str(&w, ngx_http_trading_topic_name(topic));
        trd_write_lit(&w, "\",\"symbols\":");
        ngx_http_trading_want_symbols(hub, &w,
                                      topic < NGX_HTTP_TRADING_T_EACH
                                      ? &c->want[topic] : NULL);
        trd_write_lit(&w, ",\"interval\":");
        ngx_http_trading_topic_interval(&w, topic);
        trd_write_lit(&w, "}");
    }

    trd_write_lit(&w, "]}");

    if (trd_writer_overflowed(&w)) {
        ngx_http_trading_stream_error(s, request, "too_many_subscriptions",
                                      "the list does not fit the buffer");

    } else {
        ngx_http_trading_out_text(s, "subscriptions", 0, (u_char *) text,
                                  trd_writer_len(&w));
    }

    ngx_free(text);
}


static void
ngx_http_trading_stream_pong(ngx_http_trading_stream_t *s,
    const trd_request_t *request)
{
    char          text[256];
    trd_writer_t  w;

    trd_writer_init(&w, text, sizeof(text));
    ngx_http_trading_reply_head(&w, "pong", request);
    trd_write_lit(&w, ",\"server_time\":");
    trd_write_time(&w, ngx_http_trading_now());
    trd_write_lit(&w, "}");

    ngx_http_trading_out_text(s, "pong", 0, (u_char *) text,
                              trd_writer_len(&w));
}


static void
ngx_http_trading_stream_resume(ngx_http_trading_stream_t *s,
    const trd_request_t *request)
{
    char                     text[512];
    uint32_t                 topics;
    ngx_flag_t               recovered;
    ngx_uint_t               topic, channel;
    trd_writer_t             w;
    ngx_http_trading_hub_t  *hub;

    hub = ngx_http_trading_hub(NULL);
    ngx_http_trading_hub_look(hub);
    ngx_http_trading_pass_catch_up(hub, s);

    if (ngx_http_trading_stream_afford(s, request, request->channels, hub->n)
        != NGX_OK)
    {
        return;
    }

    recovered = ngx_http_trading_snapshot_recovers(hub, request);

    if (request->channels >> TRD_CHANNEL_PRIVATE) {
        ngx_http_trading_replay_resume(s, request);
    }

    for (channel = 0;
         channel < TRD_CHANNEL_PRIVATE && !ngx_http_trading_stream_over(s);
         channel++)
    {
        if (!(request->channels & (1U << channel))) {
            continue;
        }

        /* an error too many takes the stream out of its cohort */

        topics = s->cohort ? s->cohort->topics : 0;

        for (topic = 0; topic < NGX_HTTP_TRADING_T_N; topic++) {
            if (topics & (1U << topic)
                && ngx_http_trading_topic_channel(topic) == channel)
            {
                break;
            }
        }

        if (topic == NGX_HTTP_TRADING_T_N) {
            ngx_http_trading_stream_error(s, request, "not_subscribed",
                                          "subscribe to %s before it is "
                                          "resumed",
                                          trd_channel_name(channel));
            continue;
        }

        trd_writer_init(&w, text, sizeof(text));
        ngx_http_trading_reply_head(&w, "resumed", request);
        trd_write_lit(&w, ",\"channel\":\"");
        trd_write_str(&w, trd_channel_name(channel));
        trd_write_lit(&w, "\",\"recovered\":");
        trd_write_str(&w, recovered ? "true" : "false");
        trd_write_lit(&w, ",\"epoch\":");
        trd_write_u64(&w, hub->generation);
        trd_write_lit(&w, ",\"seq\":");
        trd_write_u64(&w, ngx_http_trading_hub_told(hub, s));
        trd_write_lit(&w, "}");

        ngx_http_trading_out_text(s, "resumed", 0, (u_char *) text,
                                  trd_writer_len(&w));

        for ( /* void */ ;
             topic < NGX_HTTP_TRADING_T_N && !ngx_http_trading_stream_over(s);
             topic++)
        {
            if (topics & (1U << topic)
                && ngx_http_trading_topic_channel(topic) == channel)
            {
                ngx_http_trading_snapshot_since(s, topic,
                                                topic < NGX_HTTP_TRADING_T_EACH
                                                ? &s->cohort->want[topic]
                                                : NULL,
                                                recovered ? request->seq : 0);
            }
        }
    }
}
