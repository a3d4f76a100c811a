/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Status codes shared by everything in core/.  Each is tested on the line
 * after the call.  Core never logs: the layer that knows the cause does.
 */

#ifndef TRD_RC_H
#define TRD_RC_H

typedef enum {
    TRD_OK = 0,
    TRD_ERROR,          /* malformed input */
    TRD_OVERFLOW,       /* a number or a buffer would not fit */
    TRD_NOT_FOUND,      /* no such key */
    TRD_AGAIN,          /* torn or unsettled: try later */
    TRD_CORRUPT,        /* shared memory that contradicts itself */
    TRD_IGNORED         /* well formed, but not for us */
} trd_rc_t;

#define TRD_MUST_CHECK  __attribute__((warn_unused_result))

#endif /* TRD_RC_H */
