/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The chains of the tape, which make any change to its past show.  SHA-256
 * is OpenSSL's; what is hashed is said in docs/tape.md.
 */

#include <string.h>

#include "tsd_tape_file.h"


int
tsd_sha_init(tsd_sha_t *s)
{
    s->ctx = EVP_MD_CTX_new();
    s->md = EVP_MD_fetch(NULL, "SHA256", NULL);

    if (s->ctx == NULL || s->md == NULL
        || EVP_DigestInit_ex2(s->ctx, s->md, NULL) != 1)
    {
        tsd_sha_free(s);
        return -1;
    }

    return 0;
}


void
tsd_sha_free(tsd_sha_t *s)
{
    EVP_MD_CTX_free(s->ctx);
    EVP_MD_free(s->md);
    s->ctx = NULL;
    s->md = NULL;
}


/* after init nothing of this can fail: no memory is needed any more */

void
tsd_sha_begin(tsd_sha_t *s)
{
    (void) EVP_DigestInit_ex2(s->ctx, NULL, NULL);
}


void
tsd_sha_add(tsd_sha_t *s, const void *data, size_t len)
{
    (void) EVP_DigestUpdate(s->ctx, data, len);
}


void
tsd_sha_end(tsd_sha_t *s, uint8_t out[TRD_TAPE_HASH])
{
    (void) EVP_DigestFinal_ex(s->ctx, out, NULL);
}


static void
tape_put(uint8_t *p, uint64_t n)
{
    unsigned  i;

    for (i = 0; i < 8; i++) {
        p[i] = (uint8_t) (n >> 8 * i);
    }
}


void
tsd_tape_message_head(const tsd_tape_message_t *m,
    uint8_t out[TSD_TAPE_MESSAGE_SIZE])
{
    tape_put(out, (uint64_t) m->source << 48 | (uint64_t) m->decoder << 32
                  | m->len);
    tape_put(out + 8, m->number);
    tape_put(out + 16, (uint64_t) m->received_ms);
    tape_put(out + 24, (uint64_t) m->option << 32 | m->instrument);
}


void
tsd_tape_chain(tsd_sha_t *s, uint8_t chain[TRD_TAPE_HASH],
    const trd_tape_record_t *r)
{
    size_t   len;
    uint8_t  bytes[TRD_TAPE_HASH + 8 + TRD_TAPE_CANONICAL];

    memcpy(bytes, chain, TRD_TAPE_HASH);
    tape_put(bytes + TRD_TAPE_HASH, r->digest);
    len = trd_tape_canonical(r, bytes + TRD_TAPE_HASH + 8);

    tsd_sha_begin(s);
    tsd_sha_add(s, bytes, TRD_TAPE_HASH + 8 + len);
    tsd_sha_end(s, chain);
}


void
tsd_tape_chain_head(tsd_sha_t *s, uint8_t chain[TRD_TAPE_HASH],
    const trd_tape_head_t *h)
{
    uint8_t  numbers[48];

    tape_put(numbers, TRD_TAPE_VERSION);
    tape_put(numbers + 8, h->ordinal);
    tape_put(numbers + 16, h->first_seq);
    tape_put(numbers + 24, h->max_jump_bp);
    tape_put(numbers + 32, h->max_future_ms);
    tape_put(numbers + 40, h->instruments);

    tsd_sha_begin(s);
    tsd_sha_add(s, chain, TRD_TAPE_HASH);
    tsd_sha_add(s, h->dictionary, TRD_TAPE_HASH);
    tsd_sha_add(s, numbers, sizeof(numbers));
    tsd_sha_end(s, chain);
}


uint64_t
tsd_tape_digest(const uint8_t hash[TRD_TAPE_HASH])
{
    uint64_t  n;
    unsigned  i;

    n = 0;

    for (i = 0; i < 8; i++) {
        n |= (uint64_t) hash[i] << 8 * i;
    }

    return n ? n : 1;
}
