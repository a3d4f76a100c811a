/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The socket beside the board by which its writer wakes us (tsd_wake.h): we
 * say which seq we have seen, and get one byte as soon as there is a newer
 * one.  Without it the hub looks at every interval.
 */

#include "ngx_http_trading_stream.h"

#include <sys/un.h>

#define NGX_HTTP_TRADING_WAKE_SUFFIX  ".wake"

static ngx_int_t ngx_http_trading_wake_connect(ngx_http_trading_hub_t *hub,
    ngx_socket_t fd);
static void ngx_http_trading_wake_read(ngx_event_t *rev);
static void ngx_http_trading_wake_ignore(ngx_event_t *wev);


void
ngx_http_trading_wake_open(ngx_http_trading_hub_t *hub)
{
    ngx_socket_t       fd;
    ngx_connection_t  *c;

    if (hub->wake || ngx_exiting) {
        return;
    }

    hub->wake_tried = ngx_current_msec;

    fd = ngx_socket(AF_UNIX, SOCK_STREAM, 0);

    if (fd == (ngx_socket_t) -1) {
        return;
    }

    if (ngx_nonblocking(fd) == -1
        || fcntl(fd, F_SETFD, FD_CLOEXEC) == -1
        || ngx_http_trading_wake_connect(hub, fd) != NGX_OK)
    {
        /* the writer is not there, or older than this: nothing is lost */

        (void) ngx_close_socket(fd);
        return;
    }

    c = ngx_get_connection(fd, hub->log);

    if (c == NULL) {
        (void) ngx_close_socket(fd);
        return;
    }

    c->data = hub;
    c->log = hub->log;
    c->read->log = hub->log;
    c->write->log = hub->log;
    c->read->handler = ngx_http_trading_wake_read;
    c->write->handler = ngx_http_trading_wake_ignore;
    c->recv = ngx_recv;

    /* so that nginx tells us when this worker is to leave */
    c->idle = 1;

    hub->wake = c;
    hub->armed = 0;

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        ngx_http_trading_wake_close(hub);
    }
}


static ngx_int_t
ngx_http_trading_wake_connect(ngx_http_trading_hub_t *hub, ngx_socket_t fd)
{
    ngx_str_t           *path;
    struct sockaddr_un   to;

    path = &hub->mcf->board.path;

    if (path->len + sizeof(NGX_HTTP_TRADING_WAKE_SUFFIX)
        > sizeof(to.sun_path))
    {
        return NGX_ERROR;
    }

    ngx_memzero(&to, sizeof(to));
    to.sun_family = AF_UNIX;

    ngx_memcpy(to.sun_path, path->data, path->len);
    ngx_memcpy(to.sun_path + path->len, NGX_HTTP_TRADING_WAKE_SUFFIX,
               sizeof(NGX_HTTP_TRADING_WAKE_SUFFIX));

    return (connect(fd, (struct sockaddr *) &to, sizeof(to)) == 0)
           ? NGX_OK : NGX_ERROR;
}


void
ngx_http_trading_wake_close(ngx_http_trading_hub_t *hub)
{
    if (hub->wake == NULL) {
        return;
    }

    ngx_close_connection(hub->wake);
    hub->wake = NULL;
    hub->armed = 0;
}


/* NGX_OK: the writer will wake us */
ngx_int_t
ngx_http_trading_wake_ask(ngx_http_trading_hub_t *hub)
{
    uint64_t  seen;

    if (hub->wake == NULL) {
        return NGX_DECLINED;
    }

    if (hub->armed) {
        return NGX_OK;
    }

    seen = hub->cursor;

    if (send(hub->wake->fd, &seen, sizeof(seen), MSG_NOSIGNAL)
        != sizeof(seen))
    {
        ngx_http_trading_wake_close(hub);
        return NGX_DECLINED;
    }

    hub->armed = 1;

    return NGX_OK;
}


static void
ngx_http_trading_wake_read(ngx_event_t *rev)
{
    u_char                   buf[64];
    ssize_t                  n;
    ngx_connection_t        *c;
    ngx_http_trading_hub_t  *hub;

    c = rev->data;
    hub = c->data;

    if (c->close) {
        c->idle = 0;
        c->close = 0;
        ngx_http_trading_drain_begin(hub);
        return;
    }

    for ( ;; ) {
        n = c->recv(c, buf, sizeof(buf));

        if (n == NGX_AGAIN) {
            break;
        }

        if (n <= 0) {

            /* the writer left: look for the next one's board */

            ngx_http_trading_wake_close(hub);
            break;
        }

        hub->armed = 0;
    }

    if (hub->wake && ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_trading_wake_close(hub);
    }

    if (!hub->armed) {
        ngx_http_trading_hub_woken(hub);
    }
}


static void
ngx_http_trading_wake_ignore(ngx_event_t *wev)
{
    /* eight bytes always fit */
}
