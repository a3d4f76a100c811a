/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Fuzzes what reads a tape's bytes: heads, dictionary and rows.  The first
 * byte says how much of the input are digests.  Rows that decode are encoded
 * and decoded again, and must come out the same.
 */

#include <stdlib.h>
#include <string.h>

#include "trd_tape_block.h"

#define INSTRUMENTS  4

typedef struct {
    trd_tape_memory_t  memory[INSTRUMENTS];
    trd_tape_shape_t   shapes[TRD_TAPE_SHAPES];
    trd_tape_codec_t   codec;
} codec_t;

static codec_t  in_codec, out_codec, back_codec;
static uint8_t  rows[TRD_TAPE_ROW_MAX];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
codec_begin(codec_t *c)
{
    unsigned  i;

    memset(c->memory, 0, sizeof(c->memory));

    for (i = 0; i < INSTRUMENTS; i++) {
        c->memory[i].tick_e8 = i ? 1000000 : 1;
        c->memory[i].lot_e8 = i == 2 ? 1 : 1000;
    }

    trd_tape_codec_init(&c->codec, c->memory, INSTRUMENTS, c->shapes);
}


static void
fuzz_heads(const uint8_t *data, size_t size)
{
    uint64_t           rest;
    const uint8_t     *pos;
    trd_tape_head_t    h;
    trd_tape_block_t   b;
    trd_instrument_t   in;

    if (size >= TRD_TAPE_HEAD_SIZE
        && trd_tape_head_read(data, &h, &rest) == TRD_OK
        && h.instruments > TRD_TAPE_INSTRUMENTS)
    {
        abort();
    }

    if (size >= TRD_TAPE_BLOCK_SIZE
        && trd_tape_block_read(data, &b, &rest) == TRD_OK
        && trd_tape_block_rest(&b) > 2 * (size_t) TRD_TAPE_PLAIN_MAX)
    {
        abort();
    }

    for (pos = data; trd_tape_entry_read(&pos, data + size, &in) == TRD_OK;
         /* void */ )
    {
        if (memchr(in.symbol, '\0', sizeof(in.symbol)) == NULL) {
            abort();
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t             digests;
    uint8_t            digest[8];
    trd_tape_in_t      in, again;
    trd_tape_out_t     out;
    trd_tape_record_t  r, back;

    fuzz_heads(data, size);

    if (size == 0) {
        return 0;
    }

    digests = 8 * (size_t) data[0];
    digests = digests > size - 1 ? 0 : digests;
    in.digests = data + 1;
    in.digests_end = in.digests + digests;
    in.pos = in.digests_end;
    in.end = data + size;

    codec_begin(&in_codec);
    codec_begin(&out_codec);
    codec_begin(&back_codec);

    while (trd_tape_decode(&in_codec.codec, &in, &r) == TRD_OK) {

        if (r.instrument >= INSTRUMENTS || r.op >= TRD_TAPE_OP_N
            || r.source >= TRD_SOURCE_N || r.update.kind >= TRD_TAPE_KINDS
            || r.update.derived >= TRD_DERIVED_N
            || (r.op == TRD_TAPE_BOOK) != (r.book != NULL)
            || (r.book && (r.book->n[0] > TRD_TAPE_DEPTH
                           || r.book->n[1] > TRD_TAPE_DEPTH)))
        {
            abort();
        }

        out.pos = rows;
        out.end = rows + sizeof(rows);
        out.digests = digest;
        out.digests_end = digest + 8;

        if (trd_tape_encode(&out_codec.codec, &out, &r) != TRD_OK) {
            abort();
        }

        again.pos = rows;
        again.end = out.pos;
        again.digests = digest;
        again.digests_end = out.digests;

        if (trd_tape_decode(&back_codec.codec, &again, &back) != TRD_OK
            || !trd_tape_same(&r, &back))
        {
            abort();
        }
    }

    return 0;
}
