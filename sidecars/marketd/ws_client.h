/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A WebSocket client on a libevent loop.  curl connects (names, proxies,
 * TLS), ws_upgrade.c shakes hands, wslay speaks frames.  Nothing blocks.
 *
 * A client ends exactly once, through on_close, unless its owner frees it
 * first.  Every function may be called from every callback.
 */

#ifndef MARKETD_WS_CLIENT_H
#define MARKETD_WS_CLIENT_H

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

#include "trd_board.h"

typedef struct ws_client_s  ws_client_t;

/* Valid during the call only. */
typedef struct {
    trd_reconnect_t  reason;
    int              status;            /* HTTP, of a refused handshake, or 0 */
    int              code;              /* WebSocket close code, or 0 */
    int64_t          retry_after_ms;    /* -1 = not stated */
    const char      *text;              /* for a log: printable, no quotes */
} ws_close_t;

typedef struct {
    void  (*on_open)(void *ctx);
    void  (*on_heard)(void *ctx, size_t bytes);     /* before their messages */
    void  (*on_text)(void *ctx, const char *msg, size_t len);
    void  (*on_close)(void *ctx, const ws_close_t *why);
} ws_handler_t;

typedef struct {
    const char          *url;           /* ws:// or wss://; copied */
    const char          *ca_file;       /* NULL = system's */
    uint32_t             connect_timeout_ms;
    uint32_t             ping_idle_ms;  /* ping after so much silence; 0: no */
    size_t               message_max;
    const ws_handler_t  *handler;       /* static */
    void                *ctx;
} ws_options_t;

/*
 * Starts connecting; no callback comes before the loop runs.  NULL: no
 * memory, or the URL is none.
 */
ws_client_t *ws_client_connect(struct event_base *base,
    const ws_options_t *options);

/* 0, or -1: not open, or the peer does not read what we send. */
int ws_client_send(ws_client_t *c, const char *msg, size_t len);
int ws_client_ping(ws_client_t *c);

/* The close handshake.  No text comes any more, on_close still does. */
void ws_client_goodbye(ws_client_t *c);

/* At once; an open peer is sent a close frame if it can be without waiting. */
void ws_client_free(ws_client_t *c);

/* messages that were not text, and were ignored */
uint64_t ws_client_oddities(const ws_client_t *c);

#endif /* MARKETD_WS_CLIENT_H */
