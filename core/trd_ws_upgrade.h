/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The header fields of a WebSocket handshake (RFC 6455, section 4) and of
 * permessage-deflate (RFC 7692), as text.  Values come as pointer and length
 * and are foreign bytes.
 */

#ifndef TRD_WS_UPGRADE_H
#define TRD_WS_UPGRADE_H

#include <stddef.h>

#include "trd_rc.h"

#define TRD_WS_ACCEPT_LEN   28      /* of Sec-WebSocket-Accept */
#define TRD_WS_DEFLATE_MAX  128     /* of an answer to an offer */
#define TRD_WS_WINDOW_BITS  12      /* of what we compress: 4 KB */

/* 1 if a list as in Connection or Upgrade ("keep-alive, Upgrade") names the
   token, in any case; a token's version after a slash does not match */
int trd_token_listed(const char *list, size_t len, const char *token);

/* 1 if it is the base64 of 16 bytes: 24 characters, canonical padding */
int trd_ws_key_ok(const char *key, size_t len);

/*
 * Sec-WebSocket-Extensions: takes the first offer of permessage-deflate that
 * can be met, and writes the answer's value to buf (at most
 * TRD_WS_DEFLATE_MAX bytes, not ended).  We compress without context
 * takeover and with TRD_WS_WINDOW_BITS, and ask the client not to take over
 * its context either.  Returns the answer's length; 0: no offer that we take
 * (unknown, repeated or malformed parameters; a window below ours).
 */
size_t trd_ws_deflate_offer(const char *value, size_t len, char *buf);

#endif /* TRD_WS_UPGRADE_H */
