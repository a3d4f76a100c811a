/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * exchangeInfo against the catalogue.  The catalogue stands: what differs is
 * logged for an operator, and nothing else follows from it.
 */

#ifndef MARKETD_BINANCE_INFO_H
#define MARKETD_BINANCE_INFO_H

#include "binance.h"

/*
 * Compares symbols first .. first + n - 1, but for those marked in `skip`.
 * *weight_limit: request weight a minute, 0 = not stated.  -1: not an
 * exchangeInfo.
 */
int binance_info_compare(binance_t *b, uint32_t first, uint32_t n,
    const uint8_t *skip, const char *body, size_t len, int64_t *weight_limit);

#endif /* MARKETD_BINANCE_INFO_H */
