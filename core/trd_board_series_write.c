/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The writer of candles, trades and order books; see
 * trd_board_series_write.h.  Order matters as in trd_board_write.c: the
 * writer may be killed between any two stores.
 */

#include <string.h>

#include "trd_board_series_write.h"


/* a ring of candles while it is being changed */
typedef struct {
    trd_ring_t           *head;
    trd_candle_record_t  *records;
    uint64_t              ring;
    uint64_t              newest;       /* number */
    uint32_t              slots;
    uint32_t              count;
} trd_candles_t;


static void
trd_ring_publish(trd_ring_t *head, uint64_t number)
{
    atomic_store_explicit(&head->newest, trd_ring_newest(number),
                          memory_order_release);
}


/* the newest number; a head that makes no sense begins anew */

static uint64_t
trd_ring_load(trd_board_writer_t *w, trd_ring_t *head)
{
    uint64_t  word;

    word = atomic_load_explicit(&head->newest, memory_order_relaxed);

    if (word != 0 && word != trd_ring_newest(word & TRD_RING_NUMBER)) {
        w->resets++;
        return 0;
    }

    return word & TRD_RING_NUMBER;
}


/* Readers that see any of what follows see the version grown, too. */

static void
trd_ring_moves(trd_ring_t *head)
{
    uint64_t  version;

    version = atomic_load_explicit(&head->version, memory_order_relaxed);
    atomic_store_explicit(&head->version, version + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
}


static inline void
trd_words_store(_Atomic uint64_t *to, const uint64_t *from, unsigned n)
{
    unsigned  i;

    for (i = 0; i < n; i++) {
        atomic_store_explicit(&to[i], from[i], memory_order_relaxed);
    }
}


static uint32_t
trd_candles_slot(const trd_candles_t *r, uint64_t number)
{
    return (uint32_t) (number % r->slots);
}


/* a slot that nobody reads */

static void
trd_candles_fill(trd_candles_t *r, uint64_t number, const trd_candle_t *c)
{
    uint32_t  slot;
    uint64_t  words[8];

    slot = trd_candles_slot(r, number);

    trd_candle_pack(c, trd_place(r->ring, slot), words);
    trd_words_store(r->records[slot].word, words, 8);
}


/* a slot that is read: by way of the free one */

static void
trd_candles_set(trd_candles_t *r, uint64_t number, const trd_candle_t *c)
{
    uint32_t  slot;
    uint64_t  words[8];

    slot = trd_candles_slot(r, number);

    trd_candle_pack(c, trd_place(r->ring, slot), words);
    trd_words_store(r->records[trd_candles_slot(r, r->newest + 1)].word,
                    words, 8);
    atomic_thread_fence(memory_order_release);
    trd_words_store(r->records[slot].word, words, 8);
    atomic_thread_fence(memory_order_release);
}


static trd_rc_t
trd_candles_get(const trd_candles_t *r, uint64_t number, trd_candle_t *c)
{
    unsigned   i;
    uint32_t   slot;
    uint64_t   words[8];

    slot = trd_candles_slot(r, number);

    for (i = 0; i < 8; i++) {
        words[i] = atomic_load_explicit(&r->records[slot].word[i],
                                        memory_order_relaxed);
    }

    return trd_candle_unpack(words, trd_place(r->ring, slot), c);
}


static void
trd_candles_append(trd_candles_t *r, const trd_candle_t *c)
{
    trd_candles_fill(r, r->newest + 1, c);
    trd_ring_publish(r->head, r->newest + 1);

    r->newest++;

    if (r->count < r->slots - 1) {
        r->count++;
    }
}


/* c stands `back` places before the newest: what is after it moves up */

static trd_rc_t
trd_candles_insert(trd_candles_t *r, uint32_t back, const trd_candle_t *c)
{
    uint64_t      number;
    trd_candle_t  moved;

    if (trd_candles_get(r, r->newest, &moved) != TRD_OK) {
        return TRD_CORRUPT;
    }

    trd_ring_moves(r->head);
    trd_candles_append(r, &moved);

    for (number = r->newest - 1; number > r->newest - back; number--) {

        if (trd_candles_get(r, number - 1, &moved) != TRD_OK) {
            return TRD_CORRUPT;
        }

        trd_ring_moves(r->head);
        trd_candles_set(r, number, &moved);
    }

    trd_ring_moves(r->head);
    trd_candles_set(r, number, c);
    trd_ring_moves(r->head);

    return TRD_OK;
}


/*
 * Without gaps the place of a candle is known from its time; with gaps it is
 * nearer to the newest than that.
 */

static trd_rc_t
trd_candles_put(trd_candles_t *r, int64_t interval_ms, const trd_candle_t *c)
{
    int64_t       steps;
    uint32_t      back;
    trd_candle_t  there;

    if (r->count == 0) {
        trd_candles_append(r, c);
        return TRD_OK;
    }

    if (trd_candles_get(r, r->newest, &there) != TRD_OK) {
        return TRD_CORRUPT;
    }

    if (there.open_ms < c->open_ms) {
        trd_candles_append(r, c);
        return TRD_OK;
    }

    steps = (there.open_ms - c->open_ms) / interval_ms;
    back = steps < r->count ? (uint32_t) steps : r->count - 1;

    for ( ;; ) {

        if (trd_candles_get(r, r->newest - back, &there) != TRD_OK) {
            return TRD_CORRUPT;
        }

        if (there.open_ms >= c->open_ms) {
            break;
        }

        if (back == 0) {                    /* the newest was not older */
            return TRD_CORRUPT;
        }

        back--;
    }

    if (there.open_ms == c->open_ms) {
        trd_candles_set(r, r->newest - back, c);
        return TRD_OK;
    }

    if (back + 1 == r->slots - 1) {
        return TRD_OK;                      /* older than all of them */
    }

    return trd_candles_insert(r, back + 1, c);
}


void
trd_board_put_candle(trd_board_writer_t *w, uint32_t instrument,
    unsigned interval, const trd_candle_t *c)
{
    trd_candles_t  r;

    if (instrument >= w->n || interval >= TRD_INTERVALS || w->candles == 0
        || c->open_ms < 0 || c->open_ms % trd_interval_ms(interval) != 0
        || c->open_ms / TRD_MINUTE_MS > UINT32_MAX)
    {
        return;
    }

    r.head = (void *) (w->series[0]
                       + trd_candles_at(instrument, interval, w->candles));
    r.records = (void *) (r.head + 1);
    r.ring = (uint64_t) instrument * TRD_INTERVALS + interval;
    r.slots = TRD_RING_SLOTS(w->candles);
    r.newest = trd_ring_load(w, r.head);
    r.count = r.newest < w->candles ? (uint32_t) r.newest : w->candles;

    if (trd_candles_put(&r, trd_interval_ms(interval), c) != TRD_OK) {
        w->resets++;

        trd_ring_moves(r.head);
        trd_ring_publish(r.head, 0);

        r.newest = 0;
        r.count = 0;
        trd_candles_append(&r, c);
    }
}


void
trd_board_put_trade(trd_board_writer_t *w, uint32_t instrument,
    trd_trade_t *t)
{
    uint64_t             words[6];
    trd_ring_t          *head;
    trd_trade_record_t  *records;

    if (instrument >= w->n || w->trades == 0) {
        return;
    }

    head = (void *) (w->series[1] + instrument * TRD_TRADES_SIZE(w->trades));
    records = (void *) (head + 1);

    t->number = trd_ring_load(w, head) + 1;
    t->seq = w->seq + 1;

    words[0] = t->seq;
    words[1] = t->id;
    words[2] = (uint64_t) t->price_e8;
    words[3] = (uint64_t) t->quantity_e8;
    words[4] = (uint64_t) t->exchange_ms;
    words[5] = t->flags;
    words[5] |= (uint64_t) trd_trade_hash(words,
                                          trd_place(instrument, t->number))
                << 32;

    trd_words_store(records[t->number % TRD_RING_SLOTS(w->trades)].word,
                    words, 6);
    trd_ring_publish(head, t->number);

    (void) trd_board_note(w, instrument, TRD_CHANGE_TRADE, 0);
}


static void
trd_depth_store(trd_board_writer_t *w, uint32_t instrument,
    const trd_board_book_t *book)
{
    uint8_t            *at, *to;
    uint64_t            version;
    trd_level_t        *levels;
    trd_depth_head_t   *head;
    trd_depth_block_t  *block;

    at = w->series[2] + instrument * TRD_DEPTH_SIZE(w->depth);
    head = (void *) at;
    version = atomic_load_explicit(&head->version, memory_order_relaxed) + 1;
    to = at + sizeof(*head) + (version & 1) * TRD_DEPTH_BLOCK_SIZE(w->depth);

    block = (void *) to;
    levels = (void *) (block + 1);

    block->seq = book->seq;
    block->last_id = book->last_id;
    block->exchange_ms = book->exchange_ms;
    block->received_ms = book->received_ms;
    block->nbids = book->nbids < w->depth ? book->nbids : w->depth;
    block->nasks = book->nasks < w->depth ? book->nasks : w->depth;

    memcpy(levels, book->bids, block->nbids * sizeof(trd_level_t));
    memcpy(levels + block->nbids, book->asks,
           block->nasks * sizeof(trd_level_t));

    block->hash = trd_depth_hash(block, levels, block->nbids + block->nasks,
                                 instrument);

    atomic_store_explicit(&head->version, version, memory_order_release);
}


void
trd_board_put_depth(trd_board_writer_t *w, uint32_t instrument,
    trd_board_book_t *book)
{
    if (instrument >= w->n || w->depth == 0) {
        return;
    }

    book->seq = w->seq + 1;
    trd_depth_store(w, instrument, book);
    (void) trd_board_note(w, instrument, TRD_CHANGE_DEPTH, 0);
}


static void
trd_ring_empty(trd_ring_t *head)
{
    trd_ring_moves(head);
    atomic_store_explicit(&head->newest, 0, memory_order_release);
}


void
trd_board_empty_series(trd_board_writer_t *w, uint32_t instrument)
{
    unsigned           interval;
    trd_level_t        level = { 0, 0 };
    trd_board_book_t   none;
    trd_depth_head_t  *head;

    if (instrument >= w->n) {
        return;
    }

    for (interval = 0; w->candles && interval < TRD_INTERVALS; interval++) {
        trd_ring_empty((void *) (w->series[0]
                                 + trd_candles_at(instrument, interval,
                                                  w->candles)));
    }

    if (w->trades) {
        trd_ring_empty((void *) (w->series[1] + instrument
                                                * TRD_TRADES_SIZE(w->trades)));
    }

    if (w->depth == 0) {
        return;
    }

    head = (void *) (w->series[2] + instrument * TRD_DEPTH_SIZE(w->depth));

    /* what was never there needs not be emptied */
    if (atomic_load_explicit(&head->version, memory_order_relaxed)) {
        memset(&none, 0, sizeof(none));
        none.seq = w->seq;
        none.bids = none.asks = &level;
        trd_depth_store(w, instrument, &none);
    }
}
