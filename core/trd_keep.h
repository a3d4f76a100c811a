/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The record of past signals as bytes, so that it outlasts the process: for
 * each instrument the threshold model's open signals and totals, and for each
 * of its timeframes the track (which holds the newest candle that was
 * counted), what its outcomes taught the calibration, its totals, and the
 * signal that stands.  Kept by instrument and not pooled, since the pool of
 * the next start has other instruments in it.
 *
 * 64-bit words, little-endian: a head, records, a hash of all before it.
 *
 *     TRDSCORE  layout  model  origin  seed  scenario  start_ms  saved_ms
 *     records, each beginning with  kind | detail << 8 | open signals << 16
 *     hash
 *
 * The reader believes nothing: the hash first, then every record for itself,
 * by what the code that made it can make.  A state that it returns may be
 * worked with as if it had been made here.
 *
 * Pure; memory is the caller's.
 */

#ifndef TRD_KEEP_H
#define TRD_KEEP_H

#include <stddef.h>
#include <stdint.h>

#include "trd_backtest.h"

#define TRD_KEEP_LAYOUT      1

/* bytes, at most: of head and hash, and of an instrument with its tracks */
#define TRD_KEEP_HEAD        128
#define TRD_KEEP_INSTRUMENT  16384

typedef enum {
    TRD_KEEP_LIVE = 1,
    TRD_KEEP_SIMULATED
} trd_keep_origin_t;

/* what it is the record of; nothing else may take it for its own */
typedef struct {
    uint64_t  origin;           /* trd_keep_origin_t */
    uint64_t  seed;             /* of a simulated market, as the next two */
    uint64_t  scenario;
    int64_t   start_ms;         /* of a virtual clock, -1 = none */
    int64_t   saved_ms;
} trd_keep_head_t;

/* the state of one instrument and timeframe */
typedef struct {
    trd_track_t             track;
    trd_calibration_t       learned;
    trd_score_totals_t      totals;
    uint32_t                has;        /* TRD_TRACK_VALUES, _SIGNAL */
    trd_indicator_values_t  values;     /* at the close of the newest */
    trd_technical_t         technical;
} trd_keep_track_t;

/* the threshold model's, of one instrument */
typedef struct {
    trd_score_ring_t        ring;
    trd_score_totals_t      totals;
} trd_keep_threshold_t;

typedef enum {
    TRD_KEEP_NEXT_INSTRUMENT = 1,   /* tracks that follow are its */
    TRD_KEEP_TRACK
} trd_keep_kind_t;

typedef struct {
    trd_keep_kind_t       kind;
    char                  symbol[TRD_SYMBOL_LEN + 1];
    char                  exchange_symbol[TRD_SYMBOL_LEN + 1];
    uint32_t              source;       /* trd_source_t */
    trd_keep_threshold_t  threshold;
    trd_timeframe_t       timeframe;
    trd_keep_track_t      track;
} trd_keep_item_t;

typedef struct {
    uint8_t  *pos;
    uint8_t  *end;
    uint8_t  *start;
    int       overflow;
} trd_keep_writer_t;

void trd_keep_begin(trd_keep_writer_t *w, void *buf, size_t size,
    const trd_keep_head_t *head);
void trd_keep_instrument(trd_keep_writer_t *w, const trd_instrument_t *in,
    const trd_keep_threshold_t *threshold);
void trd_keep_track(trd_keep_writer_t *w, trd_timeframe_t timeframe,
    const trd_keep_track_t *t);

/* the length without the hash, and room for it; 0: it did not fit */
size_t trd_keep_end(trd_keep_writer_t *w);

/* puts the hash behind `len` bytes, which another thread may do; the whole
   length */
size_t trd_keep_seal(void *buf, size_t len);

typedef struct {
    const uint8_t  *pos;
    const uint8_t  *end;
    int             any;        /* an instrument came */
} trd_keep_reader_t;

/* TRD_CORRUPT: *why says in a few words (static text) what is wrong. */
trd_rc_t trd_keep_open(trd_keep_reader_t *r, const void *data, size_t len,
    trd_keep_head_t *head, const char **why) TRD_MUST_CHECK;

/* TRD_NOT_FOUND: that was all.  TRD_CORRUPT: it makes no sense. */
trd_rc_t trd_keep_next(trd_keep_reader_t *r, trd_keep_item_t *item)
    TRD_MUST_CHECK;

#endif /* TRD_KEEP_H */
