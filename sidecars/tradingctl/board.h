/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The board as tradingctl looks at it: found, mapped, followed when a new one
 * takes its name, and its live counters copied at one moment.
 *
 * Every command that uses it calls ctl_board_init() first, which also puts up
 * the guard against a file that is truncated while mapped.
 */

#ifndef CTL_BOARD_H
#define CTL_BOARD_H

#include "trd_board_map.h"

typedef struct {
    char             path[4096];
    trd_board_map_t  map;
    trd_rc_t         rc;            /* why it is not mapped */
    char             why[256];      /* the same in words; "" if it is well */
} ctl_board_t;

/* Takes --run-dir out of argv.  CTL_OK, or what the command returns. */
int ctl_board_init(ctl_board_t *b, int *argc, char **argv);

/*
 * Maps what the path leads to now, if that is not mapped already.  1: another
 * board is mapped than before, or none any more.
 */
int ctl_board_follow(ctl_board_t *b);

/* NULL: none is mapped.  Valid until the next ctl_board_follow(). */
const trd_board_t *ctl_board(const ctl_board_t *b);

/* Opens it once.  NULL after saying why, and what to do. */
const trd_board_t *ctl_board_open(ctl_board_t *b);

/* what to do about it, in one line or two */
const char *ctl_board_advice(const ctl_board_t *b);

void ctl_board_close(ctl_board_t *b);

#define CTL_SOURCES  16

typedef struct {
    uint32_t  source;
    uint32_t  state;
    uint32_t  cause;
    uint32_t  heard_limit_ms;
    int64_t   connected_ms, heard_ms, updated_ms, moved_ms;
    uint64_t  messages, bytes, updates, polls;
    uint64_t  refused[TRD_REFUSED_N];
    uint64_t  reconnects[TRD_RECONNECT_N];
} ctl_source_t;

/* the live part of the header, and the sources */
typedef struct {
    int64_t       wall_ms, mono_ms;     /* when it was read */
    int64_t       age_ms;               /* of the heartbeat */
    uint64_t      generation, seq;
    uint64_t      pages, pages_bytes, overflowed, updates;
    uint64_t      lag[TRD_LAG_BUCKETS];
    uint64_t      books[TRD_BOOK_COUNT_N];
    uint32_t      closed, stale, quoted, pid;
    unsigned      nsources;
    ctl_source_t  sources[CTL_SOURCES];
} ctl_figures_t;

void ctl_figures_read(ctl_figures_t *f, const trd_board_t *b);

/*
 * The latency that `percent` of the pages rendered between the two had at
 * most, in us; before NULL: of all pages.  0: there was none; UINT64_MAX: it
 * is in the last bucket, which has no bound.
 */
uint64_t ctl_lag(const ctl_figures_t *f, const ctl_figures_t *before,
    unsigned percent);
#define CTL_LAG_LAST  (1ULL << (TRD_LAG_BUCKETS - 2))

/* n a second between the two, 0 if that cannot be said */
double ctl_rate(const ctl_figures_t *f, const ctl_figures_t *before,
    uint64_t n, uint64_t n_before);

/* "alive", "silent" or "stopped" */
const char *ctl_writer_state(const ctl_figures_t *f);
const char *ctl_source_state(const ctl_source_t *s);

/* ms since a wall-clock time; -1: never */
int64_t ctl_since(const ctl_figures_t *f, int64_t ms);

/* JSON objects on standard output; `before` as above, for rates */
void ctl_json_writer(const ctl_figures_t *f, const ctl_figures_t *before);
void ctl_json_sources(const ctl_figures_t *f, const ctl_figures_t *before);
void ctl_json_books(const ctl_figures_t *f);

/* 1 if there is anything to be said about books kept from differences */
int ctl_has_books(const ctl_figures_t *f);

/* What is wrong with any record of the board; returns how many faults there
   are, and prints none but counts what was looked at. */
typedef struct {
    uint64_t  instruments, index, quotes, pages, journal;
    uint64_t  candles[TRD_INTERVALS], trades, depths;
    uint64_t  levels;
    uint64_t  unsettled;            /* changed faster than we could read */
    uint64_t  faults;
    unsigned  nfault;
    char      fault[20][96];        /* the first ones */
} ctl_verify_t;

/* 0, or -1: no memory */
int ctl_verify(ctl_verify_t *v, const ctl_board_t *b);

#endif /* CTL_BOARD_H */
