/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Readers of candles, trades and order books; the rules that make this work
 * without a lock are in trd_board_series.h.
 */

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "trd_board_series.h"


#define TRD_CANDLE_WORDS  8
#define TRD_TRADE_WORDS   6

/* one look at a ring's head */
typedef struct {
    const trd_ring_t  *ring;
    uint64_t           newest;          /* number */
    uint64_t           version;
} trd_ring_view_t;


static inline uint64_t
trd_mix(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128  u128_t;

    u128_t  product;

    product = (u128_t) a * b;

    return (uint64_t) product ^ (uint64_t) (product >> 64);
}


uint64_t
trd_ring_newest(uint64_t number)
{
    return number
           | (trd_mix(number ^ 0x9e3779b97f4a7c15ULL, 0xc2b2ae3d27d4eb4fULL)
              & 0xffffff) << 40;
}


/* Records are hashed one by one on every request, so this is two
   multiplications a pair of words, as in wyhash. */

static inline uint32_t
trd_words_hash(const uint64_t *w, uint64_t last, uint64_t place)
{
    uint64_t  h;

    h = trd_mix(place ^ 0xa0761d6478bd642fULL, w[0] ^ 0xe7037ed1a0b428dbULL)
        ^ trd_mix(w[1] ^ 0x8ebc6af09c88c6e3ULL, w[2] ^ 0x589965cc75374cc3ULL)
        ^ trd_mix(w[3] ^ 0x1d8e4e27c47d124fULL, w[4] ^ 0xeb44accab455d165ULL)
        ^ last;

    h = trd_mix(h ^ 0x9e3779b97f4a7c15ULL, 0xc2b2ae3d27d4eb4fULL);

    return (uint32_t) (h ^ h >> 32);
}


static inline uint32_t
trd_candle_hash(const uint64_t *w, uint64_t place)
{
    return trd_words_hash(w + 1,
                          trd_mix(w[6] ^ 0xd6e8feb86659fd93ULL,
                                  w[7] ^ 0xca5a826395121157ULL)
                          ^ (uint32_t) w[0] * 0x9e3779b97f4a7c15ULL,
                          place);
}


void
trd_candle_pack(const trd_candle_t *c, uint64_t place, uint64_t *w)
{
    w[0] = (uint32_t) (c->open_ms / TRD_MINUTE_MS);
    w[1] = (uint64_t) c->open_e8;
    w[2] = (uint64_t) c->high_e8;
    w[3] = (uint64_t) c->low_e8;
    w[4] = (uint64_t) c->close_e8;
    w[5] = (uint64_t) c->volume_e8;
    w[6] = (uint64_t) c->quote_volume_e8;
    w[7] = (uint64_t) (c->flags & TRD_CANDLE_FLAGS) << 32 | c->trades;

    w[0] |= (uint64_t) trd_candle_hash(w, place) << 32;
}


trd_rc_t
trd_candle_unpack(const uint64_t *w, uint64_t place, trd_candle_t *c)
{
    if ((uint32_t) (w[0] >> 32) != trd_candle_hash(w, place)) {
        return TRD_CORRUPT;
    }

    c->open_ms = (int64_t) (uint32_t) w[0] * TRD_MINUTE_MS;
    c->open_e8 = (int64_t) w[1];
    c->high_e8 = (int64_t) w[2];
    c->low_e8 = (int64_t) w[3];
    c->close_e8 = (int64_t) w[4];
    c->volume_e8 = (int64_t) w[5];
    c->quote_volume_e8 = (int64_t) w[6];
    c->trades = (uint32_t) w[7];
    c->flags = (uint32_t) (w[7] >> 32);

    return TRD_OK;
}


uint32_t
trd_trade_hash(const uint64_t *w, uint64_t place)
{
    return trd_words_hash(w, (uint32_t) w[5] * 0x9e3779b97f4a7c15ULL, place);
}


uint64_t
trd_depth_hash(const trd_depth_block_t *block, const trd_level_t *levels,
    uint32_t n, uint32_t instrument)
{
    uint64_t  head;

    head = XXH3_64bits_withSeed((const uint8_t *) block + sizeof(block->hash),
                                sizeof(*block) - sizeof(block->hash),
                                instrument);

    return XXH3_64bits_withSeed(levels, n * sizeof(trd_level_t), head);
}


static trd_rc_t
trd_ring_begin(trd_ring_view_t *v, const void *at)
{
    uint64_t  word;

    v->ring = at;
    v->version = atomic_load_explicit(&v->ring->version,
                                      memory_order_acquire);
    word = atomic_load_explicit(&v->ring->newest, memory_order_acquire);
    v->newest = word & TRD_RING_NUMBER;

    if (word != 0 && word != trd_ring_newest(v->newest)) {
        return TRD_CORRUPT;
    }

    return TRD_OK;
}


/* Did nothing move since? */

static int
trd_ring_settled(const trd_ring_view_t *v)
{
    atomic_thread_fence(memory_order_acquire);

    return (atomic_load_explicit(&v->ring->newest, memory_order_relaxed)
            & TRD_RING_NUMBER) == v->newest
           && atomic_load_explicit(&v->ring->version, memory_order_relaxed)
              == v->version;
}


static inline void
trd_words_load(const _Atomic uint64_t *from, uint64_t *to, unsigned n)
{
    unsigned  i;

    for (i = 0; i < n; i++) {
        to[i] = atomic_load_explicit(&from[i], memory_order_relaxed);
    }
}


/* spare: where a record that is being written over stands already */

static trd_rc_t
trd_candle_read(const trd_candle_record_t *record,
    const trd_candle_record_t *spare, uint64_t place, trd_candle_t *c)
{
    unsigned  try;
    uint64_t  words[TRD_CANDLE_WORDS];

    for (try = 0; try < TRD_BOARD_TRIES; try++) {
        trd_words_load(record->word, words, TRD_CANDLE_WORDS);

        if (trd_candle_unpack(words, place, c) == TRD_OK) {
            return TRD_OK;
        }

        atomic_thread_fence(memory_order_acquire);
        trd_words_load(spare->word, words, TRD_CANDLE_WORDS);

        if (trd_candle_unpack(words, place, c) == TRD_OK) {
            return TRD_OK;
        }
    }

    return TRD_CORRUPT;
}


/* one try: the candles go to the end of out, *n of them */

static trd_rc_t
trd_candles_copy(const trd_ring_view_t *v, uint64_t ring, uint32_t capacity,
    int64_t end_ms, uint32_t limit, trd_candle_t *out, uint32_t *n)
{
    uint32_t                    left, slot, slots, found;
    trd_candle_t                c;
    const trd_candle_record_t  *records, *spare;

    records = (const void *) (v->ring + 1);
    slots = TRD_RING_SLOTS(capacity);
    spare = &records[(v->newest + 1) % slots];
    slot = (uint32_t) (v->newest % slots);
    left = v->newest < capacity ? (uint32_t) v->newest : capacity;
    found = 0;

    for ( /* void */ ; left > 0 && found < limit; left--) {

        if (trd_candle_read(&records[slot], spare, trd_place(ring, slot), &c)
            != TRD_OK)
        {
            return TRD_CORRUPT;
        }

        slot = slot ? slot - 1 : slots - 1;

        if (c.open_ms > end_ms) {
            continue;
        }

        if (found > 0) {

            if (c.open_ms == out[limit - found].open_ms) {
                continue;                   /* a move is not over */
            }

            if (c.open_ms > out[limit - found].open_ms) {
                return TRD_CORRUPT;
            }
        }

        found++;
        out[limit - found] = c;
    }

    *n = found;

    return TRD_OK;
}


trd_rc_t
trd_board_candles(const trd_board_t *b, uint32_t instrument,
    unsigned interval, int64_t end_ms, uint32_t limit, trd_candle_t *out,
    uint32_t *n)
{
    uint32_t         found;
    uint64_t         ring;
    trd_rc_t         rc;
    unsigned         try;
    trd_ring_view_t  view;

    *n = 0;

    if (instrument >= b->n || interval >= TRD_INTERVALS) {
        return TRD_NOT_FOUND;
    }

    ring = (uint64_t) instrument * TRD_INTERVALS + interval;

    for (try = 0; try < TRD_BOARD_TRIES; try++) {

        if (trd_ring_begin(&view, b->series[0]
                                  + trd_candles_at(instrument, interval,
                                                   b->candles))
            != TRD_OK)
        {
            return TRD_CORRUPT;
        }

        rc = trd_candles_copy(&view, ring, b->candles, end_ms, limit, out,
                              &found);

        if (!trd_ring_settled(&view)) {
            continue;
        }

        if (rc == TRD_OK) {
            if (found < limit) {
                memmove(out, out + limit - found,
                        found * sizeof(trd_candle_t));
            }

            *n = found;
        }

        return rc;
    }

    return TRD_AGAIN;
}


static trd_rc_t
trd_trade_read(const trd_trade_record_t *record, uint64_t ring,
    uint64_t number, trd_trade_t *t)
{
    uint64_t  w[TRD_TRADE_WORDS];

    trd_words_load(record->word, w, TRD_TRADE_WORDS);

    if ((uint32_t) (w[5] >> 32) != trd_trade_hash(w, trd_place(ring, number)))
    {
        return TRD_CORRUPT;
    }

    t->number = number;
    t->seq = w[0];
    t->id = w[1];
    t->price_e8 = (int64_t) w[2];
    t->quantity_e8 = (int64_t) w[3];
    t->exchange_ms = (int64_t) w[4];
    t->flags = (uint32_t) w[5];
    t->reserved = 0;

    return TRD_OK;
}


/* one try: the trades from number `first` on */

static trd_rc_t
trd_trades_copy(const trd_ring_view_t *v, uint32_t instrument,
    uint32_t capacity, uint64_t first, uint32_t n, trd_trade_t *out)
{
    uint32_t                   i;
    trd_rc_t                   rc;
    const trd_trade_record_t  *records;

    records = (const void *) (v->ring + 1);

    for (i = 0; i < n; i++) {
        rc = trd_trade_read(&records[(first + i) % TRD_RING_SLOTS(capacity)],
                            instrument, first + i, &out[i]);
        if (rc != TRD_OK) {
            return rc;
        }
    }

    return TRD_OK;
}


trd_rc_t
trd_board_trades(const trd_board_t *b, uint32_t instrument, uint64_t after,
    uint32_t limit, trd_trade_t *out, uint32_t *n, uint64_t *missed)
{
    uint32_t         count;
    uint64_t         first, oldest;
    trd_rc_t         rc;
    unsigned         try;
    trd_ring_view_t  view;

    *n = 0;
    *missed = 0;

    if (instrument >= b->n) {
        return TRD_NOT_FOUND;
    }

    for (try = 0; try < TRD_BOARD_TRIES; try++) {

        if (trd_ring_begin(&view, b->series[1]
                                  + instrument * TRD_TRADES_SIZE(b->trades))
            != TRD_OK)
        {
            return TRD_CORRUPT;
        }

        /* the next try keeps more away from where the writer is */
        count = b->trades - b->trades * try / TRD_BOARD_TRIES;
        oldest = view.newest < count ? 1 : view.newest - count + 1;
        first = after + 1;

        if (after == 0) {
            first = view.newest < limit ? 1 : view.newest - limit + 1;
        }

        if (first < oldest) {
            first = oldest;
        }

        if (b->trades == 0 || first > view.newest) {
            return TRD_OK;
        }

        count = limit;

        if (view.newest - first + 1 < limit) {
            count = (uint32_t) (view.newest - first + 1);
        }

        rc = trd_trades_copy(&view, instrument, b->trades, first, count, out);

        /* older trades than the reader began with went: it was overrun */
        if (!trd_ring_settled(&view) && rc != TRD_OK) {
            continue;
        }

        if (rc == TRD_OK) {
            *n = count;
            *missed = after ? first - after - 1 : 0;
        }

        return rc;
    }

    return TRD_AGAIN;
}


trd_rc_t
trd_board_trade_after(const trd_board_t *b, uint32_t instrument, uint64_t seq,
    trd_trade_t *out)
{
    uint64_t         low, high, middle;
    trd_ring_view_t  view;

    if (instrument >= b->n || b->trades == 0) {
        return TRD_NOT_FOUND;
    }

    if (trd_ring_begin(&view, b->series[1]
                              + instrument * TRD_TRADES_SIZE(b->trades))
        != TRD_OK)
    {
        return TRD_CORRUPT;
    }

    low = view.newest < b->trades ? 1 : view.newest - b->trades + 1;
    high = view.newest + 1;

    /* one that cannot be read any more is older than those that can */

    while (low < high) {
        middle = low + (high - low) / 2;

        if (trd_trades_copy(&view, instrument, b->trades, middle, 1, out)
            != TRD_OK
            || out->seq <= seq)
        {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    if (low > view.newest) {
        return TRD_NOT_FOUND;
    }

    return trd_trades_copy(&view, instrument, b->trades, low, 1, out);
}


trd_rc_t
trd_board_depth(const trd_board_t *b, uint32_t instrument, uint32_t levels,
    trd_level_t *buf, size_t room, trd_board_book_t *out)
{
    unsigned                 try;
    uint32_t                 n;
    uint64_t                 version;
    trd_depth_block_t        block;
    const uint8_t           *at, *from;
    const trd_depth_head_t  *head;

    memset(out, 0, sizeof(*out));

    if (instrument >= b->n) {
        return TRD_NOT_FOUND;
    }

    if (room < (size_t) b->depth * 2) {
        return TRD_OVERFLOW;
    }

    at = b->series[2] + instrument * TRD_DEPTH_SIZE(b->depth);
    head = (const void *) at;

    for (try = 0; try < TRD_BOARD_TRIES; try++) {

        version = atomic_load_explicit(&head->version, memory_order_acquire);

        if (version == 0) {
            return TRD_NOT_FOUND;
        }

        from = at + sizeof(*head)
               + (version & 1) * TRD_DEPTH_BLOCK_SIZE(b->depth);

        memcpy(&block, from, sizeof(block));

        if (block.nbids > b->depth || block.nasks > b->depth) {
            continue;
        }

        n = block.nbids + block.nasks;
        memcpy(buf, from + sizeof(block), n * sizeof(trd_level_t));

        if (block.hash != trd_depth_hash(&block, buf, n, instrument)) {
            continue;
        }

        out->seq = block.seq;
        out->last_id = block.last_id;
        out->exchange_ms = block.exchange_ms;
        out->received_ms = block.received_ms;
        out->nbids = block.nbids < levels ? block.nbids : levels;
        out->nasks = block.nasks < levels ? block.nasks : levels;
        out->bids = buf;
        out->asks = buf + block.nbids;

        return TRD_OK;
    }

    /* a writer that publishes all the time moves the version along */

    return atomic_load_explicit(&head->version, memory_order_relaxed)
           == version ? TRD_CORRUPT : TRD_AGAIN;
}


int
trd_board_book_stale(const trd_board_t *b, const trd_instrument_t *in,
    const trd_board_book_t *book, int64_t wall_ms)
{
    int64_t  now;

    now = atomic_load_explicit(&b->header->market_ms, memory_order_relaxed);
    now = now ? now : wall_ms;

    return now - book->received_ms > (int64_t) in->stale_after_ms;
}
