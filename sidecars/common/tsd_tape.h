/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The tape: the append-only record of everything that reached the board,
 * in <dir>/tape-<first seq>.trt, and with raw = 1 the messages it was made
 * from, in <dir>/raw-<first seq>.trr.  docs/tape.md has format, guarantees
 * and limits.
 *
 * Writing.  One thread calls; packing, hashing, compressing and writing are
 * done by the tape's own thread.  Between them are buffers of bounded size.
 * When all are full, a caller that may wait does, and any other loses
 * records: a gap is counted, and stands on the tape.  The tape is no ledger:
 * nothing waits for the disk, a killed process loses at most flush_ms, a power
 * cut what the kernel had not written.
 *
 * Reading.  Any process, any time, also while it is written.
 */

#ifndef TSD_TAPE_H
#define TSD_TAPE_H

#include "trd_apply.h"
#include "trd_tape_block.h"

typedef struct tsd_tape_s         tsd_tape_t;
typedef struct tsd_tape_reader_s  tsd_tape_reader_t;

/* how a raw message becomes records */
typedef enum {
    TSD_TAPE_NO_DECODER = 0,        /* kept, but not derived from again */
    TSD_TAPE_BINANCE_STREAM,        /* option: TSD_TAPE_QUOTES and so on */
    TSD_TAPE_BINANCE_TICKER,        /* trd_binance_ticker_24hr() */
    TSD_TAPE_BINANCE_KLINES,        /* of an instrument; option: interval */
    TSD_TAPE_BINANCE_DEPTH,         /* of an instrument; option: its limit */
    TSD_TAPE_RATES,                 /* option: trd_rates_feed_t, and how long
                                       it takes from one to the next, in s */
    TSD_TAPE_RATES_SAME,            /* no bytes: the source's last rates stand
                                       (304); option likewise */
    TSD_TAPE_DECODERS
} tsd_tape_decoder_t;

/* what is read of a stream's message: quotes, and what trd_prints.h says */
#define TSD_TAPE_QUOTES    0x0100
#define TSD_TAPE_PRINTS    0x00ff

/* of rates: whose they are, and seconds from one statement to the next */
#define TSD_TAPE_RATES_OPTION(feed, every_s)                                  \
    ((uint32_t) (every_s) << 8 | (uint32_t) (feed))

/* where a raw message is from, and what must be known beside its bytes */
typedef struct {
    tsd_tape_decoder_t  decoder;
    trd_source_t        source;
    uint32_t            instrument;
    uint32_t            option;
} tsd_tape_origin_t;

typedef struct {
    const char              *dir;           /* made if it is missing */
    int                      raw;
    uint64_t                 max_bytes;     /* of all files, both kinds */
    uint64_t                 segment_bytes; /* of a pair of files */
    uint32_t                 flush_ms;      /* a block is written no later */
    const trd_instrument_t  *instruments;   /* kept by the caller */
    uint32_t                 n;
    trd_limits_t             limits;        /* of the judge; written down */
} tsd_tape_options_t;

typedef struct {
    uint64_t  records;          /* written */
    uint64_t  bytes;            /* written, of both kinds */
    uint64_t  lost;             /* records and messages */
    uint64_t  segments;         /* begun */
    uint8_t   chain[TRD_TAPE_HASH];
} tsd_tape_stats_t;

/*
 * Opens the directory for writing: cuts a torn tail, goes on with its chain,
 * in a new file.  *last_seq: the newest seq on the tape, 0 = none; the board
 * must go on from there.  NULL after it has logged why.
 */
tsd_tape_t *tsd_tape_create(const tsd_tape_options_t *options,
    uint64_t *last_seq);

/* A raw message came, and the records until the end of it are from it. */
void tsd_tape_message(tsd_tape_t *t, const tsd_tape_origin_t *from,
    const char *data, size_t len, int64_t now_ms);
void tsd_tape_message_end(tsd_tape_t *t);

/* A record; message and digest are filled in, a book is copied. */
void tsd_tape_put(tsd_tape_t *t, const trd_tape_record_t *r);

/* Hands over what has gathered; call every few dozen ms. */
void tsd_tape_tick(tsd_tape_t *t);

/* May the caller wait for the disk?  For sources without a clock of their own;
   otherwise it never does. */
void tsd_tape_may_wait(tsd_tape_t *t, int may);

void tsd_tape_stats(tsd_tape_t *t, tsd_tape_stats_t *stats);

/* Writes everything, syncs, and frees.  0, or -1 if something was lost. */
int tsd_tape_close(tsd_tape_t *t);

/*
 * A directory or one file.  verify: recompute the chain.  NULL: *why is
 * static text; an empty directory is read as an empty tape.
 */
tsd_tape_reader_t *tsd_tape_open(const char *path, int verify,
    const char **why);
void tsd_tape_reader_free(tsd_tape_reader_t *r);

/* Skips whole files whose records are all before a seq, or all before a time
   (0 = from the beginning).  The first record may still be older.  Before the
   first read. */
void tsd_tape_seek(tsd_tape_reader_t *r, uint64_t seq, int64_t ms);

/* TRD_OK, TRD_NOT_FOUND at the end (a torn tail included), TRD_CORRUPT. */
trd_rc_t tsd_tape_read(tsd_tape_reader_t *r, trd_tape_record_t *record)
    TRD_MUST_CHECK;

/* what the reader is at; all of it the reader's own */
typedef struct {
    const char              *path;      /* file being read */
    const char              *why;       /* of TRD_CORRUPT */
    const trd_instrument_t  *instruments;
    uint32_t                 n;
    trd_limits_t             limits;
    uint64_t                 files;     /* opened so far */
    uint64_t                 ordinal;   /* of the file, as its head says */
    uint64_t                 blocks;
    uint64_t                 records;
    uint64_t                 updates;
    uint64_t                 bytes;     /* read so far */
    uint64_t                 total;     /* bytes of all files */
    uint64_t                 torn;      /* bytes of the last file that are no
                                           whole block */
    int                      headless;  /* the last file has no whole head */
    uint64_t                 lost;      /* said by GAP records */
    uint64_t                 last_message;
    int                      block_end; /* the record is a block's last */
    const uint8_t           *chain;     /* after the last whole block */
    const uint8_t           *raw_chain;
    const uint8_t           *raw_before;    /* the file's first block */
} tsd_tape_at_t;

void tsd_tape_at(const tsd_tape_reader_t *r, tsd_tape_at_t *at);

/*
 * Proof.  Reads everything with chains; with raw, also the raw files, and
 * makes every update, print, candle and book anew from messages: the tape
 * must hold exactly what decoder and judge make of them.
 */
typedef struct {
    trd_rc_t  rc;               /* TRD_OK, or TRD_CORRUPT */
    char      error[512];       /* empty if TRD_OK */
    uint64_t  files;
    uint64_t  blocks;
    uint64_t  records;
    uint64_t  updates;
    uint64_t  lost;
    uint64_t  messages;         /* raw */
    uint64_t  prints, candles, books;
    uint64_t  carried;          /* quotes, over restarts */
    uint64_t  derived;          /* of these five: made anew, found equal */
    uint64_t  underived;        /* ... of no message or no decoder, or carried
                                   over from what is not on the tape */
    uint64_t  judged;           /* refusals found right */
    uint64_t  first_seq, last_seq;
    int64_t   first_ms, last_ms;
    uint8_t   chain[TRD_TAPE_HASH];
} tsd_tape_verdict_t;

/* progress: called now and then with bytes done and in all; may be NULL */
void tsd_tape_verify(const char *path, int raw, tsd_tape_verdict_t *v,
    void (*progress)(void *ctx, uint64_t done, uint64_t total), void *ctx);

#endif /* TSD_TAPE_H */
