/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * WebSocket frames (RFC 6455) as a server sees them: the heads of frames that
 * it sends, and the checks of those that it gets.  No memory, no sockets: the
 * caller gathers bytes until a frame is whole, which is bounded by the largest
 * message that it takes.  Not wslay, because its context costs 4 KB for each
 * connection, and frames here are shared among connections.
 */

#ifndef TRD_WS_H
#define TRD_WS_H

#include <stddef.h>
#include <stdint.h>

#include "trd_rc.h"

#define TRD_WS_HEAD_MAX     10      /* of a frame that is not masked */
#define TRD_WS_CONTROL_MAX  125     /* payload of a control frame */
#define TRD_WS_CLOSE_MAX    (TRD_WS_CONTROL_MAX + 2)    /* a close, whole */

typedef enum {
    TRD_WS_CONTINUATION = 0,
    TRD_WS_TEXT = 1,
    TRD_WS_BINARY = 2,
    TRD_WS_CLOSE = 8,
    TRD_WS_PING = 9,
    TRD_WS_PONG = 10
} trd_ws_opcode_t;

typedef struct {
    uint8_t   opcode;           /* trd_ws_opcode_t */
    uint8_t   fin;
    uint8_t   compressed;       /* RSV1 */
    uint8_t  *payload;          /* unmasked, in the caller's buffer */
    size_t    len;              /* of the payload */
    size_t    size;             /* of the frame, head included */
} trd_ws_frame_t;

/*
 * What came before, on one connection; zero at first.  `compressed` and `len`
 * stay when a message is over, until the next one begins.
 */
typedef struct {
    uint8_t   opcode;           /* of the message that is not over, or 0 */
    uint8_t   compressed;       /* it is */
    uint8_t   reserved[6];
    size_t    len;              /* of its parts so far */
} trd_ws_order_t;

/*
 * The first frame of data, unmasked in place.  `max` bounds the payload,
 * `deflate` says that permessage-deflate was agreed on.  TRD_AGAIN: *need
 * bytes in all are needed to go on, always more than len and at most
 * max + 14.  TRD_ERROR: *code is the close code, 1002 or 1009, found as early
 * as the head allows.  Call once for each frame: it unmasks what it returns.
 */
trd_rc_t trd_ws_frame(uint8_t *data, size_t len, size_t max, int deflate,
    trd_ws_frame_t *frame, size_t *need, unsigned *code) TRD_MUST_CHECK;

/*
 * May this frame come now?  Keeps `order`; `max` bounds the whole message.
 * TRD_OK: it may, and *whole tells whether a message ends with it (for control
 * frames always).  TRD_ERROR: *code is 1002 or 1009.
 */
trd_rc_t trd_ws_order(trd_ws_order_t *order, const trd_ws_frame_t *frame,
    size_t max, int *whole, unsigned *code) TRD_MUST_CHECK;

/*
 * The payload of a close frame.  *code: the peer's, 1005 if it gave none.
 * TRD_ERROR: *code is what to answer with, 1002 or 1007 (reason not UTF-8).
 */
trd_rc_t trd_ws_close_read(const uint8_t *payload, size_t len,
    unsigned *code) TRD_MUST_CHECK;

/* Head of a whole message's only frame; at most TRD_WS_HEAD_MAX bytes are
   written to buf, and their number is returned. */
size_t trd_ws_head(uint8_t *buf, unsigned opcode, int compressed,
    uint64_t len);

/* A whole close frame; reason is ASCII and cut to what fits.  1005 writes one
   without code and reason.  buf has TRD_WS_CLOSE_MAX bytes; returns the
   length. */
size_t trd_ws_close_write(uint8_t *buf, unsigned code, const char *reason,
    size_t len);

/* 1 if all of it is valid UTF-8 (RFC 3629: no surrogates, no overlong forms,
   nothing above U+10FFFF) */
int trd_utf8_ok(const uint8_t *data, size_t len);

#endif /* TRD_WS_H */
