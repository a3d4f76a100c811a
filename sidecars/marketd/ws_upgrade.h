/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The client's side of the WebSocket opening handshake (RFC 6455, 4.1): the
 * request, and a strict reading of the answer.  No sockets, no memory.
 */

#ifndef MARKETD_WS_UPGRADE_H
#define MARKETD_WS_UPGRADE_H

#include <stddef.h>
#include <stdint.h>

#define WS_KEY_LEN   24         /* 16 random bytes in base64 */
#define WS_HEAD_MAX  8192       /* longest answer that is read */

typedef struct {
    int          status;            /* of the answer; 0 = not HTTP */
    int64_t      retry_after_ms;    /* -1 = not stated */
    const char  *why;               /* static text, where it was not taken */
} ws_upgrade_t;

/* 0, or -1: no randomness */
int ws_upgrade_key(char key[WS_KEY_LEN + 1]);

/* The request's length; -1: it does not fit. */
int ws_upgrade_request(char *buf, size_t size, const char *host,
    const char *target, const char *key);

/*
 * head: up to and including the empty line.  0: switched, all that RFC 6455
 * demands is there.  -1: not, see `out`.
 */
int ws_upgrade_answer(const char *head, size_t len, const char *key,
    ws_upgrade_t *out);

#endif /* MARKETD_WS_UPGRADE_H */
