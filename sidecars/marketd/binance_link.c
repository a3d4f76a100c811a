/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What a connection says and hears: the first streams are named by its URL,
 * the others by SUBSCRIBE, no faster than the exchange takes them; messages
 * go to the decoder.  Lives in binance_stream.c's hands.
 */

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "binance_link.h"

#define STREAM_NAME_MAX  (TRD_SYMBOL_LEN + BINANCE_KIND_LEN + 8)


/* The i-th stream of a link: "btcusdt@trade". */
static size_t
binance_stream_name(const binance_link_t *link, uint32_t i, char *out)
{
    char        *p = out;
    size_t       n;
    const char  *symbol, *kind;

    symbol = binance_symbol(link->b, link->first + i / link->b->nkinds);
    kind = link->b->kinds[i % link->b->nkinds];

    for ( /* void */ ; *symbol != '\0'; symbol++) {
        *p++ = (*symbol >= 'A' && *symbol <= 'Z') ? (char) (*symbol + 32)
                                                  : *symbol;
    }

    *p++ = '@';
    n = strlen(kind);
    memcpy(p, kind, n);

    return (size_t) (p - out) + n;
}


/* The next SUBSCRIBE, until all streams have been asked for. */
static void
binance_link_subscribe(binance_link_t *link)
{
    int        n;
    char       name[STREAM_NAME_MAX];
    char       msg[BINANCE_PARAMS_MAX * (STREAM_NAME_MAX + 3) + 64];
    size_t     len;
    uint32_t   i, end;

    end = link->streams;

    if (link->asked >= end) {
        return;
    }

    if (end - link->asked > BINANCE_PARAMS_MAX) {
        end = link->asked + BINANCE_PARAMS_MAX;
    }

    len = (size_t) snprintf(msg, sizeof(msg),
                            "{\"method\":\"SUBSCRIBE\",\"params\":[");

    for (i = link->asked; i < end; i++) {
        n = (int) binance_stream_name(link, i, name);
        len += (size_t) snprintf(msg + len, sizeof(msg) - len, "%s\"%.*s\"",
                                 i > link->asked ? "," : "", n, name);
    }

    len += (size_t) snprintf(msg + len, sizeof(msg) - len, "],\"id\":%u}",
                             (unsigned) ++link->requests);

    if (ws_client_send(link->ws, msg, len) == 0) {
        link->asked = end;
    }

    binance_timer(link->pace, BINANCE_SUBSCRIBE_MS);
}


static void
binance_link_on_pace(evutil_socket_t fd, short what, void *arg)
{
    (void) fd;
    (void) what;

    binance_link_subscribe(arg);
}


static void
binance_link_on_open(void *ctx)
{
    binance_link_t  *link = ctx;

    link->open = 1;
    link->opened_ms = tsd_mono_ms();
    link->heard_ms = link->opened_ms;
    link->quote_ms = link->opened_ms;

    binance_link_subscribe(link);
    binance_conn_opened(link->conn, link);
}


static void
binance_link_on_heard(void *ctx, size_t bytes)
{
    source_t        *s;
    binance_link_t  *link = ctx;

    s = link->b->source;
    link->heard_ms = tsd_mono_ms();

    atomic_store_explicit(&s->stats->heard_ms, tsd_wall_ms(),
                          memory_order_relaxed);
    atomic_fetch_add_explicit(&s->stats->bytes, bytes, memory_order_relaxed);

    market_clock(s->market);
}


void
binance_link_list(binance_link_t *link)
{
    int   n;
    char  msg[64];

    n = snprintf(msg, sizeof(msg),
                 "{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":%u}",
                 (unsigned) ++link->requests);

    if (ws_client_send(link->ws, msg, (size_t) n) == 0) {
        link->list_id = link->requests;
        link->list_ms = tsd_mono_ms();
    }
}


static int
binance_link_has(json_t *names, size_t i, const char *name, size_t len)
{
    json_t  *is = json_array_get(names, i);

    return is && json_string_length(is) == len
           && memcmp(json_string_value(is), name, len) == 0;
}


/* {"result":["btcusdt@trade",...],"id":7}, usually in the order that they
   were asked for.  1: it is the answer. */
static int
binance_link_listed(binance_link_t *link, const char *msg, size_t len)
{
    char       name[STREAM_NAME_MAX];
    size_t     n = 0, at, all;
    json_t    *root, *names;
    uint32_t   i;

    root = json_loadb(msg, len, 0, NULL);
    names = json_object_get(root, "result");

    if (json_integer_value(json_object_get(root, "id"))
            != (json_int_t) link->list_id
        || !json_is_array(names))
    {
        json_decref(root);
        return 0;
    }

    link->list_id = 0;
    all = json_array_size(names);

    for (i = 0; i < link->streams; i++) {
        n = binance_stream_name(link, i, name);

        if (binance_link_has(names, i, name, n)) {
            continue;
        }

        for (at = 0; at < all && !binance_link_has(names, at, name, n); at++) {
            /* void */
        }

        if (at == all) {
            break;
        }
    }

    json_decref(root);

    if (i == link->streams) {
        link->listed_ms = link->heard_ms;

    } else {
        link->lost = 1;
        tsd_log_limited(&link->limiter, TSD_LOG_WARN, "stream_gone",
                        "source=binance stream=%.*s there=%u of=%u", (int) n,
                        name, (unsigned) all, (unsigned) link->streams);
    }

    return 1;
}


/* Well formed, but no quote: an answer to SUBSCRIBE, or news of the server. */
static void
binance_link_notice(binance_link_t *link, const char *msg, size_t len)
{
    char    text[256];
    size_t  i;

    if (link->list_id && binance_link_listed(link, msg, len)) {
        return;
    }

    for (i = 0; i < len && i < sizeof(text) - 1; i++) {
        text[i] = (msg[i] < 0x20 || msg[i] > 0x7e) ? '.'
                  : msg[i] == '"' || msg[i] == '\\' ? '\'' : msg[i];
    }

    text[i] = '\0';

    if (strstr(text, "'serverShutdown'")) {
        binance_conn_leave(link->conn, link);

    } else if (strstr(text, "'error'")) {
        text[i < 60 ? i : 60] = '\0';
        tsd_log_limited(&link->limiter, TSD_LOG_WARN, "feed_complains",
                        "source=binance text=\"%s\"", text);
    }
}


static void
binance_link_on_text(void *ctx, const char *msg, size_t len)
{
    ws_close_t       why = { TRD_RECONNECT_PROTOCOL, 0, 0, -1,
                             "too many unreadable messages in a row" };
    binance_link_t  *link = ctx;

    atomic_fetch_add_explicit(&link->b->source->stats->messages, 1,
                              memory_order_relaxed);

    switch (binance_message(link->b, msg, len)) {

    case TRD_OK:
        link->bad = 0;
        link->quoted = 1;
        link->quote_ms = link->heard_ms;
        link->owed_ms = 0;
        binance_conn_quoted(link->conn, link);
        break;

    case TRD_IGNORED:
        link->bad = 0;
        binance_link_notice(link, msg, len);
        break;

    case TRD_ERROR:
        if (++link->bad >= BINANCE_BAD_MAX) {
            binance_conn_over(link->conn, link, &why);
        }

        break;

    default:        /* out of our range: readable all the same */
        break;
    }
}


static void
binance_link_on_close(void *ctx, const ws_close_t *why)
{
    binance_link_t  *link = ctx;

    binance_conn_over(link->conn, link, why);
}


static const ws_handler_t  binance_link_handler = {
    binance_link_on_open,
    binance_link_on_heard,
    binance_link_on_text,
    binance_link_on_close
};


/* <base>/stream?streams=a/b/c with the first streams; the others follow. */
static ws_client_t *
binance_link_connect(binance_link_t *link)
{
    char                    *url;
    size_t                   size, len;
    uint32_t                 i, n;
    ws_client_t             *ws;
    ws_options_t             options;
    binance_t               *b = link->b;
    const marketd_config_t  *config = b->source->config;

    n = link->streams > BINANCE_URL_STREAMS ? BINANCE_URL_STREAMS
                                            : link->streams;

    size = strlen(b->ws_url) + 32 + (size_t) n * (STREAM_NAME_MAX + 1);
    url = malloc(size);
    if (url == NULL) {
        return NULL;
    }

    len = (size_t) snprintf(url, size, "%s/stream?streams=", b->ws_url);

    for (i = 0; i < n; i++) {
        if (i) {
            url[len++] = '/';
        }

        len += binance_stream_name(link, i, url + len);
    }

    url[len] = '\0';
    link->asked = n;

    memset(&options, 0, sizeof(options));
    options.url = url;
    options.ca_file = config->ca_file;
    options.connect_timeout_ms = config->connect_timeout_ms;
    options.ping_idle_ms = config->mute_timeout_ms / 3;
    options.message_max = BINANCE_MESSAGE_MAX;
    options.handler = &binance_link_handler;
    options.ctx = link;

    ws = ws_client_connect(b->source->base, &options);
    free(url);

    return ws;
}


void
binance_link_free(binance_link_t *link)
{
    if (link == NULL) {
        return;
    }

    if (link->ws) {
        ws_client_free(link->ws);
    }

    if (link->pace) {
        event_free(link->pace);
    }

    free(link);
}


binance_link_t *
binance_link_open(binance_t *b, binance_conn_t *conn, uint32_t first,
    uint32_t n)
{
    binance_link_t  *link;

    link = calloc(1, sizeof(binance_link_t));
    if (link == NULL) {
        return NULL;
    }

    link->b = b;
    link->conn = conn;
    link->first = first;
    link->n = n;
    link->streams = n * b->nkinds;
    link->pace = evtimer_new(b->source->base, binance_link_on_pace, link);
    link->ws = link->pace ? binance_link_connect(link) : NULL;

    if (link->ws == NULL) {
        binance_link_free(link);
        return NULL;
    }

    return link;
}
