/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * How a WebSocket client comes to be: curl connects, then the handshake goes
 * out and its answer comes in.  What follows is ws_client.c's.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feed_url.h"
#include "tsd_log.h"
#include "ws_client_own.h"


static void
ws_client_answer(ws_client_t *c, size_t len)
{
    char          text[WS_TEXT_MAX];
    ws_close_t    why = { TRD_RECONNECT_REFUSED, 0, 0, -1, text };
    ws_upgrade_t  answer;

    if (ws_upgrade_answer(c->head, len, c->key, &answer) == 0) {
        ws_client_opened(c);
        return;
    }

    if (answer.status == 429 || answer.status == 418) {
        why.reason = TRD_RECONNECT_LIMITED;

    } else if (answer.status == 101 || answer.status == 0) {
        why.reason = TRD_RECONNECT_PROTOCOL;
    }

    why.status = answer.status;
    why.retry_after_ms = answer.retry_after_ms;
    snprintf(text, sizeof(text), "%s, status %d", answer.why, answer.status);

    ws_client_end(c, &why);
}


/* Collects the answer's head; what follows it are frames already. */
void
ws_client_head(ws_client_t *c, const uint8_t *data, size_t len)
{
    size_t  i, n;

    n = sizeof(c->head) - c->head_len;
    n = len < n ? len : n;

    memcpy(c->head + c->head_len, data, n);
    i = c->head_len < 3 ? 3 : c->head_len;
    c->head_len += n;

    for ( /* void */ ; i < c->head_len; i++) {
        if (memcmp(c->head + i - 3, "\r\n\r\n", 4) != 0) {
            continue;
        }

        i++;
        n -= c->head_len - i;
        ws_client_answer(c, i);

        if (c->state == WS_OPEN && !c->freed && n < len) {
            ws_client_feed(c, data + n, len - n);
        }

        return;
    }

    if (c->head_len == sizeof(c->head)) {
        ws_client_fail(c, TRD_RECONNECT_PROTOCOL, "handshake answer too long");
    }
}


void
ws_client_request(ws_client_t *c)
{
    size_t    n;
    CURLcode  rc;

    while (c->request_sent < c->request_len) {
        n = 0;
        rc = curl_easy_send(c->easy, c->request + c->request_sent,
                            c->request_len - c->request_sent, &n);

        if (rc == CURLE_AGAIN || (rc == CURLE_OK && n == 0)) {
            break;
        }

        if (rc != CURLE_OK) {
            ws_client_lost(c, "handshake not sent", rc);
            return;
        }

        c->request_sent += n;
    }

    ws_client_watch(c);
}


/* curl has connected, or not. */
static void
ws_client_connected(void *arg, CURLcode rc)
{
    ws_client_t  *c = arg;

    c->busy++;

    if (c->state != WS_CONNECTING) {        /* goodbye was said meanwhile */
        ws_client_leave(c);
        return;
    }

    if (rc != CURLE_OK) {
        ws_client_fail(c, TRD_RECONNECT_REFUSED,
                       c->error[0] ? c->error : curl_easy_strerror(rc));

    } else {
        c->state = WS_UPGRADING;
        ws_client_arm(c->timer, c->connect_timeout_ms);
        ws_client_request(c);
    }

    ws_client_leave(c);
}


/* What is needed beside memory: the request, and curl's view of the URL. */
static int
ws_client_prepare(ws_client_t *c, const ws_options_t *options)
{
    int          n;
    char         url[sizeof(((feed_url_t *) 0)->host) + 16];
    feed_url_t   u;
    const char  *why;

    if (ws_upgrade_key(c->key) != 0
        || feed_url_parse(&u, options->url, "ws", "wss", &why) != 0)
    {
        return -1;
    }

    snprintf(url, sizeof(url), "%s://%s/", u.tls ? "https" : "http", u.host);
    n = ws_upgrade_request(c->request, sizeof(c->request), u.host, u.path,
                           c->key);
    feed_url_free(&u);

    if (n < 0
        || curl_loop_setup(c->easy, url, options->ca_file,
                           (long) options->connect_timeout_ms, c->error) != 0)
    {
        return -1;
    }

    c->request_len = (size_t) n;

    /* a plain proxy must hand the connection through as well */
    curl_easy_setopt(c->easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(c->easy, CURLOPT_HTTPPROXYTUNNEL, 1L);

    return 0;
}


ws_client_t *
ws_client_connect(struct event_base *base, const ws_options_t *options)
{
    ws_client_t  *c;

    c = calloc(1, sizeof(ws_client_t));
    if (c == NULL) {
        return NULL;
    }

    c->base = base;
    c->handler = options->handler;
    c->ctx = options->ctx;
    c->connect_timeout_ms = options->connect_timeout_ms;
    c->ping_idle_ms = options->ping_idle_ms;
    c->message_max = options->message_max;
    c->entry.done = ws_client_connected;
    c->entry.ctx = c;
    c->heard_ms = tsd_mono_ms();

    c->again = evtimer_new(base, ws_client_on_again, c);
    c->timer = evtimer_new(base, ws_client_on_timer, c);
    c->loop = curl_loop_create(base);
    c->easy = curl_easy_init();

    if (!c->again || !c->timer || !c->loop || !c->easy
        || ws_client_prepare(c, options) != 0
        || curl_loop_add(c->loop, c->easy, &c->entry) != 0)
    {
        ws_client_destroy(c);
        return NULL;
    }

    c->added = 1;

    return c;
}
