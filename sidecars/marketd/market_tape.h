/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the market tells the tape.  All of it does nothing when the tape is
 * off; the market's thread only.
 */

#ifndef MARKETD_MARKET_TAPE_H
#define MARKETD_MARKET_TAPE_H

#include "market.h"
#include "trd_board_series.h"
#include "trd_tape_series.h"

/*
 * Opens the tape as config says, if at all; board and states must be there,
 * nothing published yet: the board's seq goes on from the tape's, where that
 * is further.  0, or -1 after logging.
 */
int market_tape_open(market_t *m);
void market_tape_close(market_t *m);

/* An update was accepted and, if it changed anything, published. */
void market_tape_update(market_t *m, uint32_t instrument,
    const trd_update_t *u);

void market_tape_event(market_t *m, trd_tape_op_t op, uint32_t instrument,
    trd_source_t source);

/* The clock was set, forward if positive. */
void market_tape_step(market_t *m, int64_t by_ms);

/* The quote that was just carried over. */
void market_tape_carry(market_t *m, uint32_t instrument);

/* What the series were told; seq is the board's after it. */
void market_tape_print(market_t *m, uint32_t instrument, const trd_print_t *t,
    uint32_t flags);
void market_tape_candle(market_t *m, uint32_t instrument, unsigned interval,
    const trd_candle_t *c, uint64_t last_id);
void market_tape_book(market_t *m, uint32_t instrument,
    const trd_board_book_t *book);

/* The message that updates come from, until the end of it. */
void market_tape_raw(market_t *m, const tsd_tape_origin_t *from,
    const char *data, size_t len);
void market_tape_raw_end(market_t *m);

/* Call every few dozen ms. */
void market_tape_tick(market_t *m);

#endif /* MARKETD_MARKET_TAPE_H */
