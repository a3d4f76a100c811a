/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Heads and dictionary of tape files; trd_tape_block.h says what they hold.
 */

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "trd_tape_block.h"


#define TAPE_MAGIC_LEN  8

static const char *const  tape_head_magic[] = { "TRDTAPE\n", "TRDRAWS\n" };
static const char *const  tape_block_magic[] = { "tapeblk\n", "raw_blk\n" };

/* a cursor over bytes that are known to be there */
typedef struct {
    uint8_t        *out;
    const uint8_t  *in;
} tape_cursor_t;


static void
tape_write(tape_cursor_t *c, uint64_t n, unsigned bytes)
{
    for ( /* void */ ; bytes; bytes--) {
        *c->out++ = (uint8_t) n;
        n >>= 8;
    }
}


static uint64_t
tape_read(tape_cursor_t *c, unsigned bytes)
{
    uint64_t  n;
    unsigned  i;

    n = 0;

    for (i = 0; i < bytes; i++) {
        n |= (uint64_t) *c->in++ << 8 * i;
    }

    return n;
}


static void
tape_write_bytes(tape_cursor_t *c, const void *data, size_t len)
{
    memcpy(c->out, data, len);
    c->out += len;
}


static void
tape_read_bytes(tape_cursor_t *c, void *data, size_t len)
{
    memcpy(data, c->in, len);
    c->in += len;
}


uint64_t
trd_tape_hash(const void *data, size_t len)
{
    return XXH3_64bits(data, len);
}


void
trd_tape_head_write(const trd_tape_head_t *h, uint64_t rest,
    uint8_t out[TRD_TAPE_HEAD_SIZE])
{
    tape_cursor_t  c = { out, NULL };

    tape_write_bytes(&c, tape_head_magic[h->type], TAPE_MAGIC_LEN);
    tape_write(&c, TRD_TAPE_VERSION, 4);
    tape_write(&c, h->instruments, 4);
    tape_write(&c, h->ordinal, 8);
    tape_write(&c, h->first_seq, 8);
    tape_write(&c, (uint64_t) h->created_ms, 8);
    tape_write(&c, h->max_jump_bp, 4);
    tape_write(&c, h->max_future_ms, 4);
    tape_write(&c, h->stored_len, 4);
    tape_write(&c, h->plain_len, 4);
    tape_write_bytes(&c, h->chain, TRD_TAPE_HASH);
    tape_write_bytes(&c, h->raw_chain, TRD_TAPE_HASH);
    tape_write_bytes(&c, h->dictionary, TRD_TAPE_HASH);
    tape_write(&c, (uint64_t) h->latest_ms, 8);
    tape_write(&c, rest, 8);
    tape_write(&c, XXH3_64bits(out, TRD_TAPE_HEAD_SIZE - 8), 8);
}


void
trd_tape_block_write(const trd_tape_block_t *b, uint64_t rest,
    uint8_t out[TRD_TAPE_BLOCK_SIZE])
{
    tape_cursor_t  c = { out, NULL };

    tape_write_bytes(&c, tape_block_magic[b->type], TAPE_MAGIC_LEN);
    tape_write(&c, b->stored_len, 4);
    tape_write(&c, b->plain_len, 4);
    tape_write(&c, b->records, 4);
    tape_write(&c, b->updates, 4);
    tape_write(&c, b->digests, 4);
    tape_write(&c, 0, 4);
    tape_write(&c, b->first_seq, 8);
    tape_write(&c, b->last_seq, 8);
    tape_write(&c, (uint64_t) b->first_ms, 8);
    tape_write(&c, (uint64_t) b->last_ms, 8);
    tape_write(&c, b->first_message, 8);
    tape_write(&c, b->last_message, 8);
    tape_write_bytes(&c, b->chain, TRD_TAPE_HASH);
    tape_write_bytes(&c, b->raw_chain, TRD_TAPE_HASH);
    tape_write(&c, (uint64_t) b->latest_ms, 8);
    tape_write(&c, rest, 8);
    tape_write(&c, XXH3_64bits(out, TRD_TAPE_BLOCK_SIZE - 8), 8);
}


/* Which of two magics; the checksum of `size` bytes must stand at their end. */

static trd_rc_t
tape_check(const uint8_t *in, size_t size, const char *const magic[2],
    trd_tape_file_t *type)
{
    tape_cursor_t  c = { NULL, in + size - 8 };

    if (memcmp(in, magic[TRD_TAPE_RECORDS], TAPE_MAGIC_LEN) == 0) {
        *type = TRD_TAPE_RECORDS;

    } else if (memcmp(in, magic[TRD_TAPE_RAW], TAPE_MAGIC_LEN) == 0) {
        *type = TRD_TAPE_RAW;

    } else {
        return TRD_ERROR;
    }

    return tape_read(&c, 8) == XXH3_64bits(in, size - 8) ? TRD_OK : TRD_ERROR;
}


trd_rc_t
trd_tape_head_read(const uint8_t in[TRD_TAPE_HEAD_SIZE], trd_tape_head_t *h,
    uint64_t *rest)
{
    tape_cursor_t  c = { NULL, in + TAPE_MAGIC_LEN };

    if (tape_check(in, TRD_TAPE_HEAD_SIZE, tape_head_magic, &h->type)
        != TRD_OK)
    {
        return TRD_ERROR;
    }

    h->version = (uint32_t) tape_read(&c, 4);

    if (h->version != TRD_TAPE_VERSION) {
        return TRD_IGNORED;
    }

    h->instruments = (uint32_t) tape_read(&c, 4);
    h->ordinal = tape_read(&c, 8);
    h->first_seq = tape_read(&c, 8);
    h->created_ms = (int64_t) tape_read(&c, 8);
    h->max_jump_bp = (uint32_t) tape_read(&c, 4);
    h->max_future_ms = (uint32_t) tape_read(&c, 4);
    h->stored_len = (uint32_t) tape_read(&c, 4);
    h->plain_len = (uint32_t) tape_read(&c, 4);
    tape_read_bytes(&c, h->chain, TRD_TAPE_HASH);
    tape_read_bytes(&c, h->raw_chain, TRD_TAPE_HASH);
    tape_read_bytes(&c, h->dictionary, TRD_TAPE_HASH);
    h->latest_ms = (int64_t) tape_read(&c, 8);
    *rest = tape_read(&c, 8);

    if (h->instruments > TRD_TAPE_INSTRUMENTS
        || h->stored_len > TRD_TAPE_PLAIN_MAX
        || h->plain_len > TRD_TAPE_INSTRUMENTS * TRD_TAPE_ENTRY_MAX)
    {
        return TRD_ERROR;
    }

    return TRD_OK;
}


trd_rc_t
trd_tape_block_read(const uint8_t in[TRD_TAPE_BLOCK_SIZE],
    trd_tape_block_t *b, uint64_t *rest)
{
    tape_cursor_t  c = { NULL, in + TAPE_MAGIC_LEN };

    if (tape_check(in, TRD_TAPE_BLOCK_SIZE, tape_block_magic, &b->type)
        != TRD_OK)
    {
        return TRD_ERROR;
    }

    b->stored_len = (uint32_t) tape_read(&c, 4);
    b->plain_len = (uint32_t) tape_read(&c, 4);
    b->records = (uint32_t) tape_read(&c, 4);
    b->updates = (uint32_t) tape_read(&c, 4);
    b->digests = (uint32_t) tape_read(&c, 4);
    (void) tape_read(&c, 4);
    b->first_seq = tape_read(&c, 8);
    b->last_seq = tape_read(&c, 8);
    b->first_ms = (int64_t) tape_read(&c, 8);
    b->last_ms = (int64_t) tape_read(&c, 8);
    b->first_message = tape_read(&c, 8);
    b->last_message = tape_read(&c, 8);
    tape_read_bytes(&c, b->chain, TRD_TAPE_HASH);
    tape_read_bytes(&c, b->raw_chain, TRD_TAPE_HASH);
    b->latest_ms = (int64_t) tape_read(&c, 8);
    *rest = tape_read(&c, 8);

    if (b->stored_len > TRD_TAPE_PLAIN_MAX || b->plain_len > TRD_TAPE_PLAIN_MAX
        || b->digests > TRD_TAPE_PLAIN_MAX / 8)
    {
        return TRD_ERROR;
    }

    return TRD_OK;
}


size_t
trd_tape_block_rest(const trd_tape_block_t *b)
{
    return b->stored_len + 8 * (size_t) b->digests;
}


static void
tape_write_text(tape_cursor_t *c, const char *s)
{
    size_t  len;

    len = strlen(s);
    len = len > TRD_SYMBOL_LEN ? TRD_SYMBOL_LEN : len;
    tape_write(c, len, 1);
    tape_write_bytes(c, s, len);
}


static trd_rc_t
tape_read_text(tape_cursor_t *c, const uint8_t *end, char *s)
{
    size_t  len;

    if (c->in == end || (len = *c->in++) > TRD_SYMBOL_LEN
        || len > (size_t) (end - c->in))
    {
        return TRD_ERROR;
    }

    memset(s, 0, TRD_SYMBOL_LEN + 1);
    tape_read_bytes(c, s, len);

    return TRD_OK;
}


size_t
trd_tape_entry_write(const trd_instrument_t *in,
    uint8_t out[TRD_TAPE_ENTRY_MAX])
{
    tape_cursor_t  c = { out, NULL };

    tape_write_text(&c, in->symbol);
    tape_write_text(&c, in->exchange_symbol);
    tape_write_text(&c, in->base);
    tape_write_text(&c, in->quote);
    tape_write(&c, in->asset_class, 1);
    tape_write(&c, in->source, 1);
    tape_write(&c, in->price_places, 1);
    tape_write(&c, in->lot_places, 1);
    tape_write(&c, in->stale_after_ms, 4);
    tape_write(&c, (uint64_t) in->price_tick_e8, 8);
    tape_write(&c, (uint64_t) in->lot_step_e8, 8);
    tape_write(&c, (uint64_t) in->min_notional_e8, 8);

    return (size_t) (c.out - out);
}


trd_rc_t
trd_tape_entry_read(const uint8_t **pos, const uint8_t *end,
    trd_instrument_t *in)
{
    tape_cursor_t  c = { NULL, *pos };

    memset(in, 0, sizeof(*in));

    if (tape_read_text(&c, end, in->symbol) != TRD_OK
        || tape_read_text(&c, end, in->exchange_symbol) != TRD_OK
        || tape_read_text(&c, end, in->base) != TRD_OK
        || tape_read_text(&c, end, in->quote) != TRD_OK
        || end - c.in < 32)
    {
        return TRD_ERROR;
    }

    in->asset_class = (uint8_t) tape_read(&c, 1);
    in->source = (uint8_t) tape_read(&c, 1);
    in->price_places = (uint8_t) tape_read(&c, 1);
    in->lot_places = (uint8_t) tape_read(&c, 1);
    in->stale_after_ms = (uint32_t) tape_read(&c, 4);
    in->price_tick_e8 = (int64_t) tape_read(&c, 8);
    in->lot_step_e8 = (int64_t) tape_read(&c, 8);
    in->min_notional_e8 = (int64_t) tape_read(&c, 8);
    *pos = c.in;

    return in->asset_class < TRD_CLASS_N && in->source < TRD_SOURCE_N
           ? TRD_OK : TRD_ERROR;
}
