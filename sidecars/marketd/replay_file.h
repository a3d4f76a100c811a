/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What can be replayed, as events in the order of recorded time:
 *
 *   tape      a directory of tape files, or one of them: its records
 *   feed      lines of a receive time and a message, see replay_line.h, plain
 *             or gzip: the messages, and snapshots of order books
 *   bars      open_time_ms,open,high,low,close,volume, plain or gzip: each
 *             bar as a candle, and a quote at its close.  A bar says nothing
 *             of what happened within it, of bid and ask, of trades or quote
 *             volume, so they stay unknown; the 24-hour values are those of
 *             the bars of 24 hours, unknown as long as the file has no 24
 *             hours.
 */

#ifndef MARKETD_REPLAY_FILE_H
#define MARKETD_REPLAY_FILE_H

#include "catalogue.h"
#include "replay_bars.h"
#include "replay_line.h"
#include "tsd_tape.h"

typedef struct replay_file_s  replay_file_t;

typedef enum {
    REPLAY_RECORD = 0,
    REPLAY_MESSAGE,
    REPLAY_BAR
} replay_kind_t;

typedef struct {
    replay_kind_t       kind;
    int64_t             ms;
    trd_tape_record_t   record;
    replay_line_t       message;        /* until the next event */
    uint32_t            instrument;     /* of a bar, in the catalogue */
    trd_update_t        bar;
    int                 whole;          /* a candle is, with this bar: */
    replay_bars_candle_t  candle;
} replay_event_t;

/* NULL after it has logged why.  symbol: of bars, NULL = by the name. */
replay_file_t *replay_file_open(const char *path, const char *symbol,
    const catalogue_t *catalogue);
void replay_file_close(replay_file_t *f);

/* 1, 0 at the end, -1 after it has logged what is wrong and where */
int replay_file_next(replay_file_t *f, replay_event_t *e);

/* of a tape, else NULL */
const tsd_tape_reader_t *replay_file_tape(const replay_file_t *f);

#endif /* MARKETD_REPLAY_FILE_H */
