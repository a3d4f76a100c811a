/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Prints, candles and books as records of the tape, and back: marketd writes
 * and replays them, `tape verify` makes them anew.
 */

#ifndef TRD_TAPE_SERIES_H
#define TRD_TAPE_SERIES_H

#include "trd_candle.h"
#include "trd_tape.h"

/* Set op and update of a record; flags: TRD_TRADE_* */
void trd_tape_of_print(trd_tape_record_t *r, const trd_print_t *t,
    uint32_t flags);
void trd_tape_of_candle(trd_tape_record_t *r, unsigned interval,
    const trd_candle_t *c, uint64_t last_id);

/* `book` is the caller's, filled here with 20 levels a side at most. */
void trd_tape_of_book(trd_tape_record_t *r, trd_tape_book_t *book,
    uint64_t last_id, int64_t exchange_ms, const trd_level_t *bids,
    uint32_t nbids, const trd_level_t *asks, uint32_t nasks);

/* Of a record of that op; a candle's interval may be out of range. */
void trd_tape_to_print(const trd_tape_record_t *r, trd_print_t *t,
    uint32_t *flags);
void trd_tape_to_candle(const trd_tape_record_t *r, unsigned *interval,
    trd_candle_t *c);

#endif /* TRD_TAPE_SERIES_H */
