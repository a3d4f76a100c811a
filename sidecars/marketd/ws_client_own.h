/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The WebSocket client's own: what ws_connect.c, which brings a connection to
 * be, and ws_client.c, which lives with it and ends it, share.
 */

#ifndef MARKETD_WS_CLIENT_OWN_H
#define MARKETD_WS_CLIENT_OWN_H

#include <curl/curl.h>

#include "curl_loop.h"
#include "ws_client.h"
#include "ws_frames.h"
#include "ws_upgrade.h"

#define WS_REQUEST_MAX  16384

typedef enum {
    WS_CONNECTING = 0,
    WS_UPGRADING,
    WS_OPEN,
    WS_CLOSING,
    WS_DEAD
} ws_state_t;

struct ws_client_s {
    struct event_base        *base;
    curl_loop_t              *loop;
    curl_loop_entry_t         entry;
    CURL                     *easy;
    struct event             *io;
    struct event             *again;
    struct event             *timer;        /* deadline, later idle pings */
    ws_frames_t              *frames;       /* once it is open */
    const ws_handler_t       *handler;
    void                     *ctx;

    ws_state_t                state;
    short                     armed;        /* what io waits for */
    uint8_t                   added;        /* easy is in the loop */
    unsigned                  busy;
    unsigned                  freed;

    uint32_t                  connect_timeout_ms;
    uint32_t                  ping_idle_ms;
    size_t                    message_max;
    int64_t                   heard_ms;

    size_t                    head_len;     /* of the answer, so far */
    size_t                    request_len;
    size_t                    request_sent;
    char                      key[WS_KEY_LEN + 1];
    char                      error[CURL_ERROR_SIZE];
    char                      head[WS_HEAD_MAX];
    char                      request[WS_REQUEST_MAX];
};

/* ---- ws_client.c */

void ws_client_destroy(ws_client_t *c);

/* the end of every function that may have called back */
void ws_client_leave(ws_client_t *c);

/* the one way to end, and by what it comes to that */
void ws_client_end(ws_client_t *c, const ws_close_t *why);
void ws_client_fail(ws_client_t *c, trd_reconnect_t reason, const char *text);
void ws_client_lost(ws_client_t *c, const char *what, CURLcode rc);

void ws_client_arm(struct event *ev, uint32_t ms);

/* watches the socket for reading, and for writing if something waits */
void ws_client_watch(ws_client_t *c);

/* the handshake is over; and bytes of frames */
void ws_client_opened(ws_client_t *c);
void ws_client_feed(ws_client_t *c, const uint8_t *data, size_t len);

void ws_client_on_again(evutil_socket_t fd, short what, void *arg);
void ws_client_on_timer(evutil_socket_t fd, short what, void *arg);

/* ---- ws_connect.c */

/* sends what is left of the request; takes bytes of the answer */
void ws_client_request(ws_client_t *c);
void ws_client_head(ws_client_t *c, const uint8_t *data, size_t len);

#endif /* MARKETD_WS_CLIENT_OWN_H */
