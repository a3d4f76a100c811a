/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What a polled source said over the last day: the memory that its service
 * does not have, and without which there is no 24-hour change.  A row a
 * snapshot, a price an instrument; kept in a file, so that a restart does
 * not cost a day.
 *
 * Nothing is made up.  The opening price is that of the snapshot nearest to
 * 24 hours before the newest, within HISTORY_SLACK_MS; highest and lowest
 * are known only if that snapshot is there and no two after it lie further
 * apart than the service takes between two.  Times are the service's own.
 */

#ifndef MARKETD_HISTORY_H
#define MARKETD_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#define HISTORY_DAY_MS    (24 * 3600 * 1000LL)
#define HISTORY_SLACK_MS  (3600 * 1000LL)
#define HISTORY_ROWS      4096      /* a snapshot every 22 s over a day */

typedef struct history_s  history_t;

typedef struct {
    int64_t  open_e8;               /* 0: not known */
    int64_t  high_e8;               /* 0: not known, nor is low */
    int64_t  low_e8;
} history_day_t;

/*
 * symbols: n names without blanks, alive as long as the history.  Reads
 * dir/name.history; a file that is damaged, or of something else, is logged
 * and ignored.  dir is made if it is missing; where that fails, the history
 * is kept in memory alone, and the log says so.  NULL: no memory.
 */
history_t *history_open(const char *dir, const char *name,
    const char *const *symbols, uint32_t n);
void history_close(history_t *h);

/* The same in memory alone, and what a file's text says into it: 0, or -1: not
   what history_save() wrote of this source, and there are no rows. */
history_t *history_create(const char *name, const char *const *symbols,
    uint32_t n);
int history_parse(history_t *h, const char *data, size_t len);

/*
 * A snapshot was accepted: prices of all symbols, 0 where there is none.  One
 * of a time that is known already completes that row; rows of later times
 * are forgotten.  1: something is new, and history_save() is due.
 */
int history_add(history_t *h, int64_t time_ms, const int64_t *prices);

/* Writes the file anew, beside the old one, and renames it. */
void history_save(history_t *h);

/*
 * The day that ends with a snapshot of time_ms and price_e8, which need not
 * be added yet.  gap_ms: how far two snapshots may lie apart.
 */
void history_day(const history_t *h, uint32_t symbol, int64_t time_ms,
    int64_t price_e8, int64_t gap_ms, history_day_t *day);

/* how many rows there are */
uint32_t history_rows(const history_t *h);

#endif /* MARKETD_HISTORY_H */
