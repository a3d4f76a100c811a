/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The version of the whole product.
 */

#ifndef TRD_VERSION_H
#define TRD_VERSION_H

#define TRADING_VERSION  "0.1.0"

#endif /* TRD_VERSION_H */
