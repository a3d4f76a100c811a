/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What trd_stream.c and trd_stream_message.c share, and nobody else needs:
 * the members of a message and arguments of an address, and their items.
 */

#ifndef TRD_STREAM_ITEM_H
#define TRD_STREAM_ITEM_H

#include "trd_stream.h"

#define TRD_REQUEST_SHOWN  64           /* bytes of a name in a detail */

typedef enum {
    TRD_MEMBER_TYPE = 0,
    TRD_MEMBER_ID,
    TRD_MEMBER_CHANNELS,
    TRD_MEMBER_SYMBOLS,
    TRD_MEMBER_INTERVALS,
    TRD_MEMBER_CLASSES,
    TRD_MEMBER_SEQ,
    TRD_MEMBER_EPOCH,
    TRD_MEMBER_TOKEN,
    TRD_MEMBER_N
} trd_member_id_t;

/* by its name or synonym; TRD_MEMBER_N: none of ours */
trd_member_id_t trd_member_find(const char *name, size_t len);

/*
 * Writes the detail, before + name + after, and returns the error.  The name
 * is foreign: of it only what can stand in a JSON string and a log as it is.
 */
trd_request_error_t trd_request_fail(trd_request_t *out,
    trd_request_error_t error, const char *before, const char *name,
    size_t len, const char *after);

/* the same about a member of ours: its name + what */
trd_request_error_t trd_request_wrong(trd_request_t *out,
    trd_request_error_t error, trd_member_id_t id, const char *what);

/* one name of a list, decoded: of channels, symbols, intervals or classes */
trd_request_error_t trd_request_item(trd_request_t *out, trd_member_id_t id,
    const char *name, size_t len);

#endif /* TRD_STREAM_ITEM_H */
