/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A link: one WebSocket client that has its part of the streams, with what is
 * known of it.  Which links there are, and what their end means, is
 * binance_stream.c's to say; the four calls at the end tell it.
 */

#ifndef MARKETD_BINANCE_LINK_H
#define MARKETD_BINANCE_LINK_H

#include "binance.h"
#include "tsd_log.h"
#include "ws_client.h"

typedef struct {
    binance_t       *b;
    binance_conn_t  *conn;
    ws_client_t     *ws;
    struct event    *pace;          /* until the next SUBSCRIBE may go out */
    uint32_t         first;         /* of the source's instruments */
    uint32_t         n;
    uint32_t         streams;       /* of all of them */
    uint32_t         asked;         /* streams, by URL and by SUBSCRIBE */
    uint32_t         requests;
    uint32_t         bad;           /* unreadable messages in a row */
    uint32_t         list_id;       /* of LIST_SUBSCRIPTIONS under way */
    uint8_t          open;
    uint8_t          quoted;        /* brought a quote */
    uint8_t          lost;          /* streams that it should have it lacks */
    int64_t          opened_ms;     /* monotonic, as are the next ones */
    int64_t          heard_ms;
    int64_t          quote_ms;
    int64_t          list_ms;       /* its streams were asked for, */
    int64_t          listed_ms;     /* ... and all were there */
    int64_t          owed_ms;       /* REST told what it did not; 0 */
    tsd_limiter_t    limiter;
} binance_link_t;

/* Starts connecting for n instruments from `first` on.  NULL: no memory. */
binance_link_t *binance_link_open(binance_t *b, binance_conn_t *conn,
    uint32_t first, uint32_t n);
void binance_link_free(binance_link_t *link);

/* Asks which streams it has: sets listed_ms or lost when the answer comes. */
void binance_link_list(binance_link_t *link);

/* It is open; it brought a quote; the server is about to go; it is over,
   and the receiver frees it. */
void binance_conn_opened(binance_conn_t *conn, binance_link_t *link);
void binance_conn_quoted(binance_conn_t *conn, binance_link_t *link);
void binance_conn_leave(binance_conn_t *conn, binance_link_t *link);
void binance_conn_over(binance_conn_t *conn, binance_link_t *link,
    const ws_close_t *why);

#endif /* MARKETD_BINANCE_LINK_H */
