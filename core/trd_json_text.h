/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the two parts of the JSON reader share: trd_json_read.c finds tokens,
 * trd_json_text.c says what their text means.  Nobody else needs it.
 */

#ifndef TRD_JSON_TEXT_H
#define TRD_JSON_TEXT_H

#include "trd_json_read.h"

/*
 * One escape, p after its backslash: the code point, and *next after it all;
 * -1 if it is none, or half a surrogate pair.
 */
int32_t trd_json_escape(const char *p, const char *end, const char **next);

#endif /* TRD_JSON_TEXT_H */
