/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What a client of /ws sends: frames, and fields of the handshake.  Beyond the
 * sanitizers: however the bytes are cut on their way, the same frames and the
 * same close code come out; what is asked for is bounded; nothing is touched
 * beyond a frame; texts agree with the oracle; and what is sent can be read.
 *
 * The first byte chooses: bit 0 permessage-deflate, bit 1 the handshake
 * instead of frames, the rest the largest payload.  The next two are how the
 * bytes are cut.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/utf8_oracle.h"
#include "trd_ws.h"
#include "trd_ws_upgrade.h"

/* all that came of a connection, so that two can be compared */
typedef struct {
    uint64_t        digest;
    size_t          frames;
    size_t          used;       /* bytes of whole frames */
    unsigned        code;       /* 0 while it goes on */
    trd_ws_order_t  order;
} fuzz_peer_t;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


static uint8_t *
copy(const uint8_t *data, size_t size)
{
    uint8_t  *p;

    p = malloc(size + !size);
    check(p != NULL);

    if (size) {
        memcpy(p, data, size);
    }

    return p;
}


static void
digest(fuzz_peer_t *peer, const void *data, size_t len)
{
    const uint8_t  *p;

    for (p = data; len > 0; p++, len--) {
        peer->digest = (peer->digest ^ *p) * 1099511628211ULL;
    }
}


/* what is sent of the same payload can be read, as if zeros masked it */
static void
again(const trd_ws_frame_t *frame)
{
    size_t          n, need;
    uint8_t        *buf;
    unsigned        code;
    trd_ws_frame_t  seen;

    if (!frame->fin || frame->opcode == TRD_WS_CONTINUATION) {
        return;
    }

    buf = malloc(TRD_WS_HEAD_MAX + 4 + frame->len);
    check(buf != NULL);

    n = trd_ws_head(buf, frame->opcode, frame->compressed, frame->len);
    check(n <= TRD_WS_HEAD_MAX);

    buf[1] |= 0x80;
    memset(buf + n, 0, 4);
    n += 4;

    if (frame->len) {
        memcpy(buf + n, frame->payload, frame->len);
    }

    check(trd_ws_frame(buf, n + frame->len, frame->len, frame->compressed,
                       &seen, &need, &code) == TRD_OK);
    check(seen.opcode == frame->opcode && seen.len == frame->len
          && seen.compressed == frame->compressed && seen.fin
          && seen.size == n + frame->len && seen.payload == buf + n);

    free(buf);
}


static void
take(fuzz_peer_t *peer, const trd_ws_frame_t *frame, size_t max)
{
    int       whole;
    unsigned  code;

    peer->frames++;
    peer->used += frame->size;

    digest(peer, &frame->opcode, 1);
    digest(peer, &frame->fin, 1);
    digest(peer, &frame->compressed, 1);
    digest(peer, &frame->len, sizeof(frame->len));
    digest(peer, frame->payload, frame->len);

    if (trd_ws_order(&peer->order, frame, 2 * max, &whole, &code) != TRD_OK) {
        check(code == 1002 || code == 1009);
        peer->code = code;
        return;
    }

    check(whole == frame->fin && peer->order.len <= 2 * max);
    check(trd_utf8_ok(frame->payload, frame->len)
          == utf8_oracle(frame->payload, frame->len));

    again(frame);

    if (frame->opcode != TRD_WS_CLOSE) {
        return;
    }

    if (trd_ws_close_read(frame->payload, frame->len, &code) != TRD_OK) {
        check(code == 1002 || code == 1007);

    } else {
        check(code >= 1000 && code < 5000);
    }

    peer->code = code;
}


/* as a server reads: as much as is needed or more, in pieces of 1 to `most` */
static void
run(fuzz_peer_t *peer, const uint8_t *data, size_t size, size_t max,
    int deflate, size_t most, uint32_t seed)
{
    size_t          got, before, need, wanted;
    uint8_t        *buf;
    trd_rc_t        rc;
    unsigned        code;
    trd_ws_frame_t  frame;

    memset(peer, 0, sizeof(fuzz_peer_t));
    buf = copy(data, size);
    got = 0;
    wanted = 0;

    while (peer->code == 0) {
        before = got - peer->used;

        /* it may be asked before it has what it said it needs, and is at the
           end, since a part of a head can be wrong already */

        if (before >= wanted || got == size || (seed & 0x10000)) {
            code = 0;
            rc = trd_ws_frame(buf + peer->used, before, max, deflate, &frame,
                              &need, &code);

            if (rc == TRD_ERROR) {
                check(code == 1002 || code == 1009);
                peer->code = code;
                break;
            }

            if (rc == TRD_OK) {
                check(frame.len <= max && frame.size <= before);
                check(frame.payload + frame.len
                      == buf + peer->used + frame.size);
                take(peer, &frame, max);
                check(memcmp(buf + peer->used, data + peer->used,
                             size - peer->used) == 0);
                wanted = 0;
                continue;
            }

            check(need > before && need <= max + 14);
            check(memcmp(buf + peer->used, data + peer->used,
                         size - peer->used) == 0);
            wanted = need;
        }

        if (got == size) {
            break;
        }

        seed = seed * 1103515245 + 12345;
        got += 1 + (seed >> 8) % most;
        got = (got > size) ? size : got;
    }

    free(buf);
}


static void
frames(const uint8_t *data, size_t size, size_t max, int deflate,
    uint32_t seed)
{
    fuzz_peer_t  whole, cut;

    run(&whole, data, size, max, deflate, size + 1, 0xffffffff);
    run(&cut, data, size, max, deflate, 1 + seed % 97, seed);

    check(whole.digest == cut.digest && whole.frames == cut.frames
          && whole.used == cut.used && whole.code == cut.code
          && whole.order.opcode == cut.order.opcode
          && whole.order.len == cut.order.len);
}


static void
fields(const uint8_t *data, size_t size)
{
    char    buf[TRD_WS_DEFLATE_MAX], answer[TRD_WS_DEFLATE_MAX];
    char   *text;
    size_t  n;

    text = (char *) copy(data, size);

    (void) trd_token_listed(text, size, "upgrade");
    check(!trd_ws_key_ok(text, size) || size == 24);

    n = trd_ws_deflate_offer(text, size, buf);
    check(n <= sizeof(buf));

    /* an answer is an offer that is taken, and answered in the same way */

    if (n) {
        check(trd_ws_deflate_offer(buf, n, answer) == n);
        check(memcmp(buf, answer, n) == 0);
    }

    free(text);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) {
        return 0;
    }

    if (data[0] & 2) {
        fields(data + 3, size - 3);

    } else {
        frames(data + 3, size - 3, (size_t) (data[0] >> 2) * 64, data[0] & 1,
               (uint32_t) data[1] << 8 | data[2]);
    }

    return 0;
}
