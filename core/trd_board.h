/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The board: the shared-memory file that marketd alone writes and everyone
 * else maps read-only.  This header is its layout and the readers' side;
 * trd_board_write.h is the writer's, trd_board_map.h opens the file.
 *
 *   +------------------+ 0
 *   | header           |  fixed part: magic, layout, sizes, sections, hash
 *   |                  |  live part: heartbeat, seq, counters
 *   +------------------+ 4096
 *   | INSTRUMENTS      |  256 bytes each, never change while a board lives
 *   | INDEX            |  open-addressed hash of every alias, 64 bytes each
 *   | QUOTES           |  256 bytes each, two hashed copies and a version
 *   | ENTRY_PAGES      |  three page descriptors an instrument
 *   | PAGES            |  descriptors of the whole-market pages, plain, gzip
 *   | PAGE_DATA        |  two buffers a page
 *   | JOURNAL          |  ring of "instrument N changed, seq S"
 *   | SOURCES          |  state and counters of each feed
 *   | CANDLES          |  a ring an instrument and interval
 *   | TRADES           |  a ring an instrument
 *   | DEPTH            |  two hashed blocks an instrument
 *   +------------------+ file_size
 *
 * Rules for readers.  Nothing that was read from the file is believed before
 * it is checked: trd_board_open() copies the checked geometry into private
 * memory, and every index and length read later is bounded by that copy.
 * Readers never wait and never lock: a bounded number of tries, and each
 * record carries a hash over its own bytes, so a torn, truncated or
 * overwritten record is found whatever the cause.  A quote or page that a
 * function returned TRD_OK for is a private copy that was whole when written.
 *
 * The last three sections are read by trd_board_series.h, which also tells
 * how a ring is read while it moves.
 *
 * Threads: a trd_board_t is used by one thread; any number of processes read.
 */

#ifndef TRD_BOARD_H
#define TRD_BOARD_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "trd_quote.h"
#include "trd_rc.h"
#include "trd_series.h"

#define TRD_BOARD_MAGIC        "TRDBOARD"
#define TRD_BOARD_LAYOUT       6
#define TRD_BOARD_HEADER_SIZE  4096
#define TRD_BOARD_TRIES        8        /* of a reader before TRD_AGAIN */
#define TRD_BOARD_MAX          65536    /* instruments, at the very most */
#define TRD_RING_MAX           100000   /* records of a ring */
#define TRD_DEPTH_MAX          5000     /* levels a side */
#define TRD_PAGE_MAX           (1U << 30)
#define TRD_INDEX_KEY_LEN      50       /* BASE-QUOTE fits: 24 + 1 + 24 */

enum {
    TRD_SECTION_INSTRUMENTS = 0,
    TRD_SECTION_INDEX,
    TRD_SECTION_QUOTES,
    TRD_SECTION_ENTRY_PAGES,
    TRD_SECTION_PAGES,
    TRD_SECTION_PAGE_DATA,
    TRD_SECTION_JOURNAL,
    TRD_SECTION_SOURCES,
    TRD_SECTION_CANDLES,
    TRD_SECTION_TRADES,
    TRD_SECTION_DEPTH,
    TRD_SECTION_N
};

/* pages of one instrument */
enum {
    TRD_ENTRY_QUOTE = 0,
    TRD_ENTRY_SIGNAL,
    TRD_ENTRY_BINARY,
    TRD_ENTRY_TECHNICAL,                                    /* + timeframe */
    TRD_ENTRY_ANALYSIS = TRD_ENTRY_TECHNICAL + TRD_INTERVALS,
    TRD_ENTRY_N
};

/* what the technical model has of the whole market, of each timeframe */
enum {
    TRD_TECHNICAL_BINARY = 0,
    TRD_TECHNICAL_BINARY_STREAM,
    TRD_TECHNICAL_ANALYSIS,
    TRD_TECHNICAL_RECOMMENDATIONS,
    TRD_TECHNICAL_N
};

/* pages of the whole market */
enum {
    TRD_PAGE_PRICES = 0,
    TRD_PAGE_PRICES_CLASS,                                  /* + class */
    TRD_PAGE_OVERVIEW = TRD_PAGE_PRICES_CLASS + TRD_CLASS_N,
    TRD_PAGE_SUMMARY,
    TRD_PAGE_SYMBOLS,
    TRD_PAGE_INSTRUMENTS,
    TRD_PAGE_MARKET_CARD,
    TRD_PAGE_SIGNALS,
    TRD_PAGE_SIGNALS_CLASS,                                 /* + class */
    TRD_PAGE_BINARY = TRD_PAGE_SIGNALS_CLASS + TRD_CLASS_N,
    TRD_PAGE_BINARY_STREAM,
    TRD_PAGE_ANALYSIS,
    TRD_PAGE_TRENDS,
    TRD_PAGE_RECOMMENDATIONS,
    TRD_PAGE_SIGNALS_CARD,
    TRD_PAGE_PERFORMANCE,
    TRD_PAGE_MAP,               /* of the binary signals, as trd_slots.h has
                                   it: for its readers, on no route */
    TRD_PAGE_TECHNICAL,         /* + timeframe * TRD_TECHNICAL_N + which */
    TRD_PAGE_N = TRD_PAGE_TECHNICAL + TRD_INTERVALS * TRD_TECHNICAL_N
};

enum {
    TRD_VARIANT_PLAIN = 0,
    TRD_VARIANT_GZIP,
    TRD_VARIANT_N
};

typedef struct {
    uint64_t  offset;
    uint64_t  size;
    uint32_t  count;
    uint32_t  stride;
} trd_section_t;

/* why an update was refused; index of trd_source_stats_t.refused */
typedef enum {
    TRD_REFUSED_NOT = 0,        /* accepted */
    TRD_REFUSED_ZERO,
    TRD_REFUSED_NEGATIVE,
    TRD_REFUSED_CROSSED,
    TRD_REFUSED_JUMP,
    TRD_REFUSED_FUTURE,
    TRD_REFUSED_OLDER,          /* an older update after a newer one */
    TRD_REFUSED_PARSE,
    TRD_REFUSED_UNKNOWN,        /* a symbol that the catalogue lacks */
    TRD_REFUSED_OVERFLOW,
    TRD_REFUSED_IMPLAUSIBLE,    /* fits no convention that the source has */
    TRD_REFUSED_N
} trd_refused_t;

/* why a source connects again */
typedef enum {
    TRD_RECONNECT_REFUSED = 0,  /* could not connect */
    TRD_RECONNECT_CLOSED,       /* the peer said goodbye */
    TRD_RECONNECT_LOST,         /* the connection broke */
    TRD_RECONNECT_MUTE,         /* connected, but nothing came */
    TRD_RECONNECT_PROTOCOL,     /* not HTTP or WebSocket as agreed */
    TRD_RECONNECT_LIMITED,      /* 429 or 418 */
    TRD_RECONNECT_AGE,          /* we leave before the 24-hour limit */
    TRD_RECONNECT_N
} trd_reconnect_t;

/* what became of the order books that are kept from differences */
typedef enum {
    TRD_BOOK_COUNT_SYNCED = 0,  /* came into step with its stream */
    TRD_BOOK_COUNT_LOST,        /* was live, and fell out of step */
    TRD_BOOK_COUNT_CHECKED,     /* compared with the stream's best prices */
    TRD_BOOK_COUNT_WRONG,       /* ... and did not agree */
    TRD_BOOK_COUNT_N
} trd_book_count_t;

typedef enum {
    TRD_STATE_DOWN = 0,
    TRD_STATE_CONNECTED,
    TRD_STATE_STALE             /* connected, but not heard from */
} trd_source_state_t;

/* what an operator must know when a source is not connected */
typedef enum {
    TRD_CAUSE_NONE = 0,
    TRD_CAUSE_KEY,              /* no key is configured */
    TRD_CAUSE_UNREACHABLE,      /* no connection, no name, no trust */
    TRD_CAUSE_TIMEOUT,
    TRD_CAUSE_CUT,              /* the answer broke off */
    TRD_CAUSE_STATUS,           /* another HTTP status than 200 or 304 */
    TRD_CAUSE_LIMITED,          /* 429 */
    TRD_CAUSE_REDIRECT,
    TRD_CAUSE_TYPE,             /* another content type */
    TRD_CAUSE_CONTENT,          /* not the document that it should be */
    TRD_CAUSE_DENIED,           /* the service says no: key, quota, plan */
    TRD_CAUSE_N
} trd_cause_t;

/* Single words that the writer stores and readers load one by one. */
typedef struct {
    _Atomic uint32_t  source;           /* trd_source_t, 0 = unused */
    _Atomic uint32_t  state;            /* trd_source_state_t */
    _Atomic int64_t   connected_ms;     /* wall clock; 0 = never */
    _Atomic int64_t   heard_ms;         /* any byte from the peer */
    _Atomic int64_t   updated_ms;       /* last accepted update */
    _Atomic uint64_t  messages;
    _Atomic uint64_t  bytes;
    _Atomic uint64_t  updates;
    _Atomic uint64_t  refused[12];
    _Atomic uint64_t  reconnects[8];
    _Atomic uint64_t  polls;            /* requests sent; 0 = a stream */
    _Atomic uint64_t  not_modified;     /* of them answered 304 */
    _Atomic uint32_t  last_status;      /* HTTP; 0 = no answer */
    _Atomic uint32_t  cause;            /* trd_cause_t of the last failure, 0
                                           after a success */
    _Atomic int64_t   moved_ms;         /* last update that changed a price */
    _Atomic uint32_t  heard_limit_ms;   /* silence beyond it means trouble */
    _Atomic uint32_t  scenario;         /* trd_scenario_t, of a simulator */
} trd_source_stats_t;

_Static_assert(sizeof(trd_source_stats_t) == 256, "source layout");
_Static_assert(TRD_REFUSED_N <= 12 && TRD_RECONNECT_N <= 8, "source layout");

#define TRD_LAG_BUCKETS  24     /* bucket i: update to page in < 2^i us */

typedef struct {
    /* fixed part: written before the file is published, never after */
    char              magic[8];
    uint32_t          layout;
    uint32_t          header_size;
    uint64_t          file_size;
    uint64_t          generation;       /* grows with each board */
    int64_t           started_ms;
    uint32_t          capacity;         /* instruments there is room for */
    uint32_t          instruments;      /* instruments there are */
    uint32_t          writer_pid;
    uint32_t          map_version;      /* of the binary map, see docs */
    uint32_t          candles;          /* capacities: of a ring */
    uint32_t          trades;           /* of a ring */
    uint32_t          depth;            /* levels a side */
    uint32_t          reserved;
    trd_section_t     section[TRD_SECTION_N];
    uint64_t          fixed_hash;       /* of all bytes above */

    /* live part */
    _Alignas(64) _Atomic int64_t  heartbeat_mono_ms;    /* CLOCK_MONOTONIC */
    _Atomic int64_t               heartbeat_ms;         /* wall clock */
    _Atomic uint32_t              closed;       /* 1: the writer left orderly */
    _Alignas(64) _Atomic uint64_t seq;          /* newest journal entry's */
    _Alignas(64) _Atomic uint64_t pages_rendered;
    _Atomic uint64_t              pages_bytes;
    _Atomic uint64_t              pages_overflowed;
    _Atomic uint64_t              lag_us[TRD_LAG_BUCKETS];
    _Atomic uint64_t              lag_sum_us;
    _Atomic uint32_t              stale;        /* instruments stale now */
    _Atomic uint32_t              quoted;       /* instruments with a quote */
    _Atomic uint64_t              books[TRD_BOOK_COUNT_N];  /* so often */
    _Atomic int64_t               market_ms;    /* the market's own clock; 0:
                                                   it is the wall clock */
} trd_board_header_t;

_Static_assert(sizeof(trd_board_header_t) <= TRD_BOARD_HEADER_SIZE,
               "header layout");

typedef struct {
    uint32_t  hash;
    uint32_t  instrument;                   /* number + 1; 0 = free */
    uint32_t  check;                        /* of the two, so that no name
                                               ever leads to another's quote */
    uint8_t   len;
    char      key[TRD_INDEX_KEY_LEN + 1];   /* upper case */
} trd_index_entry_t;

_Static_assert(sizeof(trd_index_entry_t) == 64, "index layout");

#define TRD_QUOTE_WORDS  (sizeof(trd_quote_t) / 8)

/*
 * The version counts the quotes written here; its parity tells which copy is
 * the newest.  The writer fills the other copy, then stores the version, so a
 * writer that is stopped or killed anywhere leaves a whole quote behind.
 */
typedef struct {
    _Atomic uint64_t               version;     /* of the slot, when written */
    _Atomic uint64_t               word[TRD_QUOTE_WORDS];
    _Atomic uint64_t               hash;        /* of the two above */
} trd_quote_copy_t;

typedef struct {
    _Alignas(64) _Atomic uint64_t  version;     /* 0 = never written */
    trd_quote_copy_t               copy[2];
    uint64_t                       reserved;
} trd_quote_slot_t;

_Static_assert(sizeof(trd_quote_slot_t) == 256, "quote slot layout");

/*
 * A page's version counts its publications; its parity tells which buffer
 * holds the newest.  The writer fills the other buffer, then stores the
 * version, so a reader of the newest is disturbed only if two renderings
 * pass while it copies.
 */
typedef struct {
    _Alignas(64) _Atomic uint64_t  version;     /* 0 = never rendered */
    uint64_t                       offset[2];   /* of a trd_page_buffer_t */
    uint64_t                       capacity;    /* of a body */
    uint64_t                       reserved[4];
} trd_page_t;

typedef struct {
    uint64_t  hash;             /* of the body, seeded with the rest */
    uint64_t  seq;              /* of the newest quote in it */
    int64_t   rendered_ms;
    uint32_t  len;
    uint32_t  page;             /* which page this is, against mix-ups */
    /* the body follows */
} trd_page_buffer_t;

_Static_assert(sizeof(trd_page_buffer_t) == 32, "page buffer layout");

typedef enum {
    TRD_CHANGE_QUOTE = 1,       /* a new quote */
    TRD_CHANGE_STALE,           /* the same quote turned stale */
    TRD_CHANGE_CANDLE,          /* candles; detail: 1 << interval of each */
    TRD_CHANGE_TRADE,           /* one trade, whose seq is the entry's */
    TRD_CHANGE_DEPTH,           /* the order book, whose seq is the entry's */
    TRD_CHANGE_N
} trd_change_t;

typedef struct {
    _Atomic uint64_t  seq;      /* stored last; entry i of a ring holds the
                                   seq that is i modulo the ring's size */
    _Atomic uint64_t  what;     /* instrument | trd_change_t << 32
                                   | detail << 40 */
} trd_journal_entry_t;

/*
 * A ring of records that are told apart by ever growing numbers: number N is
 * in slot N % slots, and one slot more than the capacity is there, so that
 * the next record is never written over one that may still be read.
 */
typedef struct {
    _Alignas(64) _Atomic uint64_t  newest;  /* number | its check << 40 */
    _Atomic uint64_t               version; /* grows when records move */
    uint64_t                       reserved[6];
} trd_ring_t;

#define TRD_RING_SLOTS(capacity)  ((uint32_t) (capacity) + 1)

/* open_min | hash << 32; open, high, low, close, volume, quote volume;
   trades | flags << 32.  The hash is of the rest, the ring and the slot. */
typedef struct {
    _Atomic uint64_t  word[8];
} trd_candle_record_t;

/* seq, id, price, quantity, ms, flags | hash << 32.  The hash is of the rest,
   the ring and the number. */
typedef struct {
    _Atomic uint64_t  word[6];
} trd_trade_record_t;

/* of a ring with its head, and of both blocks of depth with theirs */
#define TRD_CANDLES_SIZE(capacity)                                            \
    (sizeof(trd_ring_t)                                                       \
     + (size_t) TRD_RING_SLOTS(capacity) * sizeof(trd_candle_record_t))
#define TRD_TRADES_SIZE(capacity)                                             \
    ((sizeof(trd_ring_t)                                                      \
      + (size_t) TRD_RING_SLOTS(capacity) * sizeof(trd_trade_record_t) + 63)  \
     / 64 * 64)
#define TRD_DEPTH_BLOCK_SIZE(levels)                                          \
    (sizeof(trd_depth_block_t)                                                \
     + (size_t) (levels) * 2 * sizeof(trd_level_t))
#define TRD_DEPTH_SIZE(levels)                                                \
    ((64 + 2 * TRD_DEPTH_BLOCK_SIZE(levels) + 63) / 64 * 64)

/* version: as of a page; the block of an odd one is the second */
typedef struct {
    _Alignas(64) _Atomic uint64_t  version;
    uint64_t                       reserved[7];
} trd_depth_head_t;

typedef struct {
    uint64_t  hash;             /* of all after it, and the instrument */
    uint64_t  seq;
    uint64_t  last_id;          /* of the book's newest change */
    int64_t   exchange_ms;      /* 0 = not stated */
    int64_t   received_ms;
    uint32_t  nbids, nasks;
    /* the bids follow, then the asks, the best first */
} trd_depth_block_t;

_Static_assert(sizeof(trd_ring_t) == 64 && sizeof(trd_candle_record_t) == 64
               && sizeof(trd_trade_record_t) == 48
               && sizeof(trd_depth_head_t) == 64
               && sizeof(trd_depth_block_t) == 48, "series layout");

/* the reader's handle: private memory, checked geometry */
typedef struct {
    const uint8_t              *base;
    size_t                      size;
    const trd_board_header_t   *header;
    const trd_instrument_t     *instruments;
    const trd_index_entry_t    *index;
    const trd_quote_slot_t     *quotes;
    const trd_page_t           *entry_pages;
    const trd_page_t           *pages;
    const trd_journal_entry_t  *journal;
    const trd_source_stats_t   *sources;
    const uint8_t              *series[3];      /* candles, trades, depth */
    uint64_t                    generation;
    uint32_t                    n;              /* instruments */
    uint32_t                    index_mask;
    uint32_t                    journal_mask;
    uint32_t                    nsources;
    uint32_t                    map_version;
    uint32_t                    candles;        /* capacities */
    uint32_t                    trades;
    uint32_t                    depth;
    int64_t                     started_ms;
} trd_board_t;

/*
 * Checks a mapped file of `size` bytes and fills `b`.  On anything but TRD_OK
 * *why names the fault in a few words (static text).
 */
trd_rc_t trd_board_open(trd_board_t *b, const void *base, size_t size,
    const char **why) TRD_MUST_CHECK;

/*
 * Finds an instrument by any alias, in any case: BTC, BTCUSDT, BTC-USDT,
 * BTC/USDT.  TRD_NOT_FOUND; TRD_CORRUPT if the index makes no sense.
 */
trd_rc_t trd_board_find(const trd_board_t *b, const char *name, size_t len,
    uint32_t *instrument) TRD_MUST_CHECK;

/* A copy of the record with every string ended.  TRD_CORRUPT: nonsense. */
trd_rc_t trd_board_instrument(const trd_board_t *b, uint32_t instrument,
    trd_instrument_t *out) TRD_MUST_CHECK;

/*
 * A private, whole copy.  out->has is 0 if there is no quote yet.
 * TRD_AGAIN: not settled after TRD_BOARD_TRIES; TRD_CORRUPT: hash is wrong.
 */
trd_rc_t trd_board_quote(const trd_board_t *b, uint32_t instrument,
    trd_quote_t *out) TRD_MUST_CHECK;

/* Pages by their place; NULL if out of range. */
const trd_page_t *trd_board_entry_page(const trd_board_t *b,
    uint32_t instrument, unsigned kind);
const trd_page_t *trd_board_page(const trd_board_t *b, unsigned page,
    unsigned variant);

/*
 * Reading a page takes two steps, so that the caller can allocate what is
 * needed and the body is copied once:
 *
 *     rc = trd_page_begin(b, page, attempt, &view);  how long is it?
 *     rc = trd_page_copy(&view, buf);                 buf holds view.len bytes
 *
 * begin: TRD_NOT_FOUND if never rendered, or withdrawn by an empty body;
 * TRD_CORRUPT if it makes no sense.
 * copy: TRD_AGAIN if the page moved on meanwhile: begin again, at most
 * TRD_BOARD_TRIES times; the last tries take the previous copy.
 */
typedef struct {
    const trd_page_buffer_t  *buffer;
    uint64_t                  seq;
    uint64_t                  hash;
    int64_t                   rendered_ms;
    uint32_t                  len;
    uint32_t                  page;
} trd_page_view_t;

trd_rc_t trd_page_begin(const trd_board_t *b, const trd_page_t *page,
    unsigned attempt, trd_page_view_t *view) TRD_MUST_CHECK;
trd_rc_t trd_page_copy(const trd_page_view_t *view, void *buf)
    TRD_MUST_CHECK;

/*
 * The journal entry of `seq`.  TRD_AGAIN: not written yet.  TRD_NOT_FOUND:
 * overwritten, or of a board before this one: the reader was overrun and must
 * resynchronise.  TRD_CORRUPT: it makes no sense.
 */
trd_rc_t trd_board_journal(const trd_board_t *b, uint64_t seq,
    uint32_t *instrument, trd_change_t *change) TRD_MUST_CHECK;

/* The same, with the entry's detail (see trd_change_t). */
trd_rc_t trd_board_journal_detail(const trd_board_t *b, uint64_t seq,
    uint32_t *instrument, trd_change_t *change, uint32_t *detail)
    TRD_MUST_CHECK;

/* seq of the newest journal entry */
uint64_t trd_board_seq(const trd_board_t *b);

/* ms since the writer's last heartbeat; mono_ms from CLOCK_MONOTONIC.  A
   heartbeat from the future (another boot's board) counts as very old. */
int64_t trd_board_age(const trd_board_t *b, int64_t mono_ms);

/* upper-cases ASCII; the hash of the index */
uint32_t trd_symbol_hash(const char *name, size_t len, char *upper);

/* hashes shared with the writer */
uint64_t trd_quote_hash(const uint64_t *words);     /* version and words */
uint64_t trd_page_hash(const void *body, uint32_t len, uint64_t seq,
    int64_t rendered_ms, uint32_t page);
uint64_t trd_header_hash(const trd_board_header_t *h);
uint64_t trd_instrument_hash(const trd_instrument_t *in);
uint32_t trd_index_check(uint32_t hash, uint32_t instrument);

#endif /* TRD_BOARD_H */
