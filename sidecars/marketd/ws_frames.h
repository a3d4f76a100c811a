/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A WebSocket conversation after its handshake: bytes in, messages out.
 * wslay does the frames; this gives it bounds, answers pings and puts every
 * way to end into one of a few reasons.  Knows no sockets.
 */

#ifndef MARKETD_WS_FRAMES_H
#define MARKETD_WS_FRAMES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "trd_board.h"

#define WS_TEXT_MAX  160

typedef struct ws_frames_s  ws_frames_t;

typedef struct {
    /* how many bytes were taken; 0: none now; -1: never more */
    ssize_t  (*write)(void *ctx, const uint8_t *data, size_t len);

    /* a text message, valid UTF-8; may call ws_frames_mute() and _close() */
    void     (*text)(void *ctx, const char *msg, size_t len);
} ws_frames_io_t;

typedef struct {
    trd_reconnect_t  reason;
    int              code;                  /* the peer's close code, or 0 */
    char             text[WS_TEXT_MAX];     /* printable, no quotes */
} ws_frames_end_t;

/* NULL: no memory.  io: static. */
ws_frames_t *ws_frames_create(size_t message_max, const ws_frames_io_t *io,
    void *ctx);
void ws_frames_free(ws_frames_t *f);

/* Both: 0 = go on, -1 = over, and `end` tells why. */
int ws_frames_feed(ws_frames_t *f, const uint8_t *data, size_t len,
    ws_frames_end_t *end);
int ws_frames_flush(ws_frames_t *f, ws_frames_end_t *end);

/* Is there anything to flush? */
int ws_frames_want_write(const ws_frames_t *f);

/* Queue only.  0, or -1: closing, or the peer does not read. */
int ws_frames_send(ws_frames_t *f, const char *msg, size_t len);
int ws_frames_ping(ws_frames_t *f);
int ws_frames_close(ws_frames_t *f, int code);

/* No text any more; wslay stops at the next frame. */
void ws_frames_mute(ws_frames_t *f);

/* Has the peer, or have we, said goodbye? */
int ws_frames_closing(const ws_frames_t *f);

/* messages that were neither text nor control, and were ignored */
uint64_t ws_frames_oddities(const ws_frames_t *f);

/* Foreign text for a log: printable ASCII, no quotes, cut to size. */
void ws_text_clean(char *out, size_t size, const char *text, size_t len);

#endif /* MARKETD_WS_FRAMES_H */
