/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * WebSocket frames, see trd_ws.h.  A client may send any bytes: the head is
 * judged as its bytes come, and no length is added to another before it was
 * compared with a bound.
 */

#include <string.h>

#include "trd_utf8.h"
#include "trd_ws.h"

#define TRD_WS_FIN         0x80
#define TRD_WS_RSV1        0x40
#define TRD_WS_RSV23       0x30
#define TRD_WS_OPCODE      0x0f
#define TRD_WS_CONTROL     0x08         /* the bit that control opcodes have */
#define TRD_WS_MASKED      0x80
#define TRD_WS_LEN         0x7f
#define TRD_WS_LEN16       126
#define TRD_WS_LEN64       127
#define TRD_WS_MASK_LEN    4

#define TRD_WS_PROTOCOL    1002
#define TRD_WS_NO_STATUS   1005         /* never on the wire */
#define TRD_WS_BAD_DATA    1007
#define TRD_WS_TOO_LARGE   1009

#define TRD_WS_HIGH_BITS   0x8080808080808080ULL


/* what the first byte of a frame may be, whatever follows */
static int
trd_ws_first_ok(unsigned first, int deflate)
{
    unsigned  opcode;

    opcode = first & TRD_WS_OPCODE;

    if (first & TRD_WS_RSV23) {
        return 0;
    }

    switch (opcode) {
    case TRD_WS_TEXT:
    case TRD_WS_BINARY:
        return deflate || !(first & TRD_WS_RSV1);
    case TRD_WS_CONTINUATION:
        return !(first & TRD_WS_RSV1);
    case TRD_WS_CLOSE:
    case TRD_WS_PING:
    case TRD_WS_PONG:
        return (first & TRD_WS_FIN) && !(first & TRD_WS_RSV1);
    default:
        return 0;
    }
}


/*
 * The length of the payload, of which `n` more bytes stand at `data`; 0 if it
 * has its top bit set or would fit into fewer bytes, which no length of so
 * many bytes is.
 */
static uint64_t
trd_ws_long(const uint8_t *data, size_t n)
{
    size_t    i;
    uint64_t  len;

    len = 0;

    for (i = 0; i < n; i++) {
        len = len << 8 | data[i];
    }

    if (len < ((n == 2) ? TRD_WS_LEN16 : 0x10000) || len >> 63) {
        return 0;
    }

    return len;
}


static void
trd_ws_unmask(uint8_t *p, size_t len, const uint8_t *mask)
{
    size_t    i;
    uint8_t   twice[8];
    uint64_t  word, key;

    memcpy(twice, mask, TRD_WS_MASK_LEN);
    memcpy(twice + TRD_WS_MASK_LEN, mask, TRD_WS_MASK_LEN);
    memcpy(&key, twice, sizeof(key));

    for (i = 0; len - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, p + i, sizeof(word));
        word ^= key;
        memcpy(p + i, &word, sizeof(word));
    }

    for ( /* void */ ; i < len; i++) {
        p[i] ^= mask[i % TRD_WS_MASK_LEN];
    }
}


trd_rc_t
trd_ws_frame(uint8_t *data, size_t len, size_t max, int deflate,
    trd_ws_frame_t *frame, size_t *need, unsigned *code)
{
    size_t    head, longer;
    uint64_t  payload;

    *code = TRD_WS_PROTOCOL;
    *need = 2;

    if (len > 0 && !trd_ws_first_ok(data[0], deflate)) {
        return TRD_ERROR;
    }

    if (len < 2) {
        return TRD_AGAIN;
    }

    payload = data[1] & TRD_WS_LEN;

    if (!(data[1] & TRD_WS_MASKED)
        || ((data[0] & TRD_WS_CONTROL) && payload > TRD_WS_CONTROL_MAX))
    {
        return TRD_ERROR;
    }

    longer = (payload == TRD_WS_LEN64) ? 8 : (payload == TRD_WS_LEN16) ? 2 : 0;
    head = 2 + longer + TRD_WS_MASK_LEN;

    if (len < 2 + longer) {
        *need = head;
        return TRD_AGAIN;
    }

    if (longer) {
        payload = trd_ws_long(data + 2, longer);
        if (payload == 0) {
            return TRD_ERROR;
        }
    }

    if (payload > max) {
        *code = TRD_WS_TOO_LARGE;
        return TRD_ERROR;
    }

    if (len < head || len - head < payload) {
        *need = head + (size_t) payload;
        return TRD_AGAIN;
    }

    frame->opcode = data[0] & TRD_WS_OPCODE;
    frame->fin = (data[0] & TRD_WS_FIN) != 0;
    frame->compressed = (data[0] & TRD_WS_RSV1) != 0;
    frame->payload = data + head;
    frame->len = (size_t) payload;
    frame->size = head + (size_t) payload;

    trd_ws_unmask(frame->payload, frame->len, frame->payload - TRD_WS_MASK_LEN);

    return TRD_OK;
}


trd_rc_t
trd_ws_order(trd_ws_order_t *order, const trd_ws_frame_t *frame, size_t max,
    int *whole, unsigned *code)
{
    *whole = 1;

    if (frame->opcode & TRD_WS_CONTROL) {
        return TRD_OK;
    }

    if ((frame->opcode == TRD_WS_CONTINUATION) != (order->opcode != 0)) {
        *code = TRD_WS_PROTOCOL;
        return TRD_ERROR;
    }

    if (order->opcode == 0) {
        order->opcode = frame->opcode;
        order->compressed = frame->compressed;
        order->len = 0;
    }

    if (order->len > max || frame->len > max - order->len) {
        *code = TRD_WS_TOO_LARGE;
        return TRD_ERROR;
    }

    order->len += frame->len;

    if (frame->fin) {
        order->opcode = 0;

    } else {
        *whole = 0;
    }

    return TRD_OK;
}


trd_rc_t
trd_ws_close_read(const uint8_t *payload, size_t len, unsigned *code)
{
    unsigned  given;

    if (len == 0) {
        *code = TRD_WS_NO_STATUS;
        return TRD_OK;
    }

    *code = TRD_WS_PROTOCOL;

    if (len == 1) {
        return TRD_ERROR;
    }

    given = (unsigned) payload[0] << 8 | payload[1];

    /* the holes are codes that only an end may use for itself */

    if (!((given >= 1000 && given <= 1003)
          || (given >= 1007 && given <= 1014)
          || (given >= 3000 && given <= 4999)))
    {
        return TRD_ERROR;
    }

    if (!trd_utf8_ok(payload + 2, len - 2)) {
        *code = TRD_WS_BAD_DATA;
        return TRD_ERROR;
    }

    *code = given;

    return TRD_OK;
}


size_t
trd_ws_head(uint8_t *buf, unsigned opcode, int compressed, uint64_t len)
{
    size_t  i, longer;

    buf[0] = (uint8_t) (TRD_WS_FIN | (compressed ? TRD_WS_RSV1 : 0)
                        | (opcode & TRD_WS_OPCODE));

    if (len < TRD_WS_LEN16) {
        buf[1] = (uint8_t) len;
        return 2;
    }

    longer = (len <= 0xffff) ? 2 : 8;
    buf[1] = (longer == 2) ? TRD_WS_LEN16 : TRD_WS_LEN64;

    for (i = 0; i < longer; i++) {
        buf[2 + i] = (uint8_t) (len >> (8 * (longer - 1 - i)));
    }

    return 2 + longer;
}


size_t
trd_ws_close_write(uint8_t *buf, unsigned code, const char *reason, size_t len)
{
    if (code == TRD_WS_NO_STATUS) {
        return trd_ws_head(buf, TRD_WS_CLOSE, 0, 0);
    }

    if (len > TRD_WS_CONTROL_MAX - 2) {
        len = TRD_WS_CONTROL_MAX - 2;
    }

    (void) trd_ws_head(buf, TRD_WS_CLOSE, 0, 2 + len);

    buf[2] = (uint8_t) (code >> 8);
    buf[3] = (uint8_t) code;

    if (len) {
        memcpy(buf + 4, reason, len);
    }

    return 4 + len;
}


int
trd_utf8_ok(const uint8_t *data, size_t len)
{
    size_t    i, n;
    uint64_t  word;

    i = 0;

    while (i < len) {

        if (len - i >= sizeof(word)) {
            memcpy(&word, data + i, sizeof(word));

            if (!(word & TRD_WS_HIGH_BITS)) {
                i += sizeof(word);
                continue;
            }
        }

        while (i < len && data[i] < 0x80) {
            i++;
        }

        /* texts that are not ASCII have their long sequences in rows */

        while (i < len && data[i] >= 0x80) {
            n = trd_utf8_len(data + i, len - i);
            if (n == 0) {
                return 0;
            }

            i += n;
        }
    }

    return 1;
}
