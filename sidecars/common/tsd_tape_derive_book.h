/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The order book of one instrument made anew from messages, by the rules of
 * marketd's binance_book.c; private to tsd_tape_derive.c.
 *
 * Differences are kept as text also while the book is live, since nothing
 * says when marketd asked for a snapshot; what is older than that changes
 * nothing.
 */

#ifndef TSD_TAPE_DERIVE_BOOK_H
#define TSD_TAPE_DERIVE_BOOK_H

#include "trd_book.h"

typedef struct {
    trd_book_t  book;
    void       *memory;
    char       *text;           /* size_t, message, and so on */
    size_t      len, room;
} tsd_derive_book_t;

/* NULL: no memory */
tsd_derive_book_t *tsd_derive_book_create(void);
void tsd_derive_book_free(tsd_derive_book_t *o);

/* A difference, with the message that it came in. */
void tsd_derive_book_diff(tsd_derive_book_t *o, const trd_depth_t *d,
    const char *msg, size_t len);

/* A snapshot, of so many levels at most; then what was kept of differences.
   levels: scratch of the decoder. */
void tsd_derive_book_snapshot(tsd_derive_book_t *o, const trd_depth_t *d,
    uint32_t limit, trd_level_t *levels, uint32_t room);

#endif /* TSD_TAPE_DERIVE_BOOK_H */
