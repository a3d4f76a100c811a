/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Whole sequences of UTF-8 in bytes that nobody has checked yet.
 */

#ifndef TRD_UTF8_H
#define TRD_UTF8_H

#include <stddef.h>

/* the length of the valid UTF-8 sequence at s, of which `left` bytes, at
   least one, may be read; or 0 */
size_t trd_utf8_len(const unsigned char *s, size_t left);

#endif /* TRD_UTF8_H */
