/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The simulated market's prints and order book; trd_sim_book.h says what they
 * are.  marketd's simulator calls this beside trd_sim_tick().
 */

#include "trd_sim_book.h"
#include "trd_sim_walk.h"

/* keys of what is hashed here, apart from the walks' */
#define SIM_KEY_PRINT  0x5bf03635d1f4f1a9ULL
#define SIM_KEY_BOOK   0xd6e8feb86659fd93ULL

/* the mean weight: 109/64 of the mantissa's, 159.5 */
#define SIM_WEIGHT     272

#define SIM_EPOCH      11           /* a level's size changes every 2 s */
#define SIM_SHARE      (1.0 / 208)  /* a level, of a bucket's volume: 1/20,000
                                       of a day's */
#define SIM_TRIES      64           /* places of the grid */


/*
 * A positive weight with a fat tail: each factor of 4 is 8 times as rare, so
 * the chance to exceed w falls as w^-1.5, up to 1,000 times the least.
 */
static inline uint64_t
sim_weight(uint64_t h)
{
    unsigned  e;

    e = (unsigned) __builtin_ctzll(h | (uint64_t) 1 << 12) / 3;

    return (64 + (h >> 32) % 192) << 2 * e;
}


static inline uint64_t
sim_print_hash(const trd_sim_instrument_t *in, uint64_t id, unsigned use)
{
    return sim_hash_cell(in->key ^ SIM_KEY_PRINT, id, use);
}


/* the id of the first print of a bucket; t_ms >= 0 */
static uint64_t
sim_prints_first(const trd_sim_t *sim, const trd_sim_instrument_t *in,
    int64_t bucket)
{
    sim_week_t  w;

    w = sim_week(bucket * TRD_SIM_BUCKET_MS);

    return 1 + (uint64_t) ((w.start_ms - SIM_MONDAY_MS) / SIM_WEEK_MS + 1)
               * in->week_prints
           + in->week_prints * sim->season[in->asset_class][w.bucket]
             / SIM_WEEK_MS;
}


static void
sim_prints_enter(const trd_sim_t *sim, const trd_sim_instrument_t *in,
    trd_sim_cursor_t *c, int64_t bucket)
{
    uint32_t  k;
    uint64_t  lots;

    c->bucket = bucket;
    c->next = 0;
    c->burst = 0;
    c->weight = 0;
    c->before = 0;
    c->first_id = sim_prints_first(sim, in, bucket);
    c->n = (uint32_t) (sim_prints_first(sim, in, bucket + 1) - c->first_id);

    for (k = 0; k < c->n; k++) {
        c->weight += sim_weight(sim_print_hash(in, c->first_id + k, 28));
    }

    lots = (uint64_t) sim_bucket_base(sim, in, bucket) / (uint64_t) in->lot_e8;
    c->spare = lots > c->n ? lots - c->n : 0;
}


/*
 * When the prints of a burst come.  A burst has its share of the bucket; half
 * of its prints come any time, half near a moment in it.
 */
static void
sim_prints_burst(const trd_sim_instrument_t *in, trd_sim_cursor_t *c,
    uint32_t burst)
{
    uint32_t  k, j, n, from, len, at, off;
    uint64_t  h;

    from = burst * TRD_SIM_BURST;
    n = c->n - from > TRD_SIM_BURST ? TRD_SIM_BURST : c->n - from;

    off = (uint32_t) ((uint64_t) from * TRD_SIM_BUCKET_MS / c->n);
    len = (uint32_t) ((uint64_t) (from + n) * TRD_SIM_BUCKET_MS / c->n) - off;
    at = (uint32_t) ((sim_print_hash(in, c->first_id + from, 27) >> 32)
                     * (len - len / 8) >> 32);

    for (k = 0; k < n; k++) {
        h = sim_print_hash(in, c->first_id + from + k, 29);
        h = off + (h & 1 ? (h >> 32) * len >> 32
                         : at + ((h >> 32) * (len / 8) >> 32));

        for (j = k; j > 0 && c->off[j - 1] > h; j--) {
            c->off[j] = c->off[j - 1];
        }

        c->off[j] = (uint32_t) h;
    }

    c->burst = burst + 1;
}


static inline int64_t
sim_prints_time(const trd_sim_instrument_t *in, trd_sim_cursor_t *c)
{
    if (c->burst != c->next / TRD_SIM_BURST + 1) {
        sim_prints_burst(in, c, c->next / TRD_SIM_BURST);
    }

    return c->bucket * TRD_SIM_BUCKET_MS + c->off[c->next % TRD_SIM_BURST];
}


/* moves on by one print; *lots is its quantity */
static inline void
sim_prints_step(const trd_sim_instrument_t *in, trd_sim_cursor_t *c,
    uint64_t *lots)
{
    uint64_t           had;
    unsigned __int128  spare;

    spare = c->spare;
    had = (uint64_t) (spare * c->before / c->weight);
    c->before += sim_weight(sim_print_hash(in, c->first_id + c->next, 28));
    *lots = 1 + (uint64_t) (spare * c->before / c->weight) - had;
    c->next++;
}


void
trd_sim_prints_seek(const trd_sim_t *sim, uint32_t i, trd_sim_cursor_t *cursor,
    int64_t t_ms)
{
    uint64_t                     lots;
    const trd_sim_instrument_t  *in;

    in = &sim->instruments[i];
    t_ms = sim_time(t_ms);
    memset(cursor, 0, sizeof(trd_sim_cursor_t));
    sim_prints_enter(sim, in, cursor, t_ms < 0 ? 0 : sim_bucket(t_ms));

    while (cursor->next < cursor->n && sim_prints_time(in, cursor) <= t_ms) {
        sim_prints_step(in, cursor, &lots);
    }
}


uint32_t
trd_sim_prints(trd_sim_t *sim, uint32_t i, trd_sim_cursor_t *cursor,
    int64_t until_ms, trd_sim_print_t *out, uint32_t room)
{
    int64_t                      t_ms, last;
    uint32_t                     n;
    uint64_t                     lots;
    trd_sim_tick_t               tick;
    const trd_sim_instrument_t  *in;

    in = &sim->instruments[i];
    until_ms = sim_time(until_ms);
    last = sim_bucket(until_ms);
    n = 0;

    while (n < room) {

        if (cursor->next == cursor->n) {
            if (cursor->bucket >= last) {
                break;
            }

            sim_prints_enter(sim, in, cursor, cursor->bucket + 1);
            continue;
        }

        t_ms = sim_prints_time(in, cursor);

        if (t_ms > until_ms) {
            break;
        }

        trd_sim_tick(sim, i, t_ms, &tick);

        out[n].id = cursor->first_id + cursor->next;
        out[n].t_ms = t_ms;
        out[n].price_e8 = tick.last_e8;
        out[n].buyer_maker = tick.last_e8 == tick.bid_e8
                             || (tick.last_e8 != tick.ask_e8
                                 && sim_print_hash(in, out[n].id, 30) & 1);
        out[n].reserved = 0;

        sim_prints_step(in, cursor, &lots);
        out[n].quantity_e8 = (int64_t) lots * in->lot_e8;
        n++;
    }

    return n;
}


/*
 * The size at a price, in lots; 0: nobody is there.  Prices have their own
 * moments to change.
 */
static inline int64_t
sim_book_lots(const trd_sim_instrument_t *in, int64_t price, int64_t t_ms,
    int best)
{
    double    size;
    uint64_t  h, epoch;

    h = sim_hash_cell(in->key ^ SIM_KEY_BOOK, (uint64_t) price, 0);
    epoch = ((uint64_t) t_ms + SIM_ORIGIN + (h & 0xffff)) >> SIM_EPOCH;
    h = sim_hash(h + epoch * 0x9e3779b97f4a7c15ULL);

    if (!best && h >> 62 == 0) {
        return 0;
    }

    size = in->bucket_volume_e8 * SIM_SHARE * (1.0 / SIM_WEIGHT)
           * (double) sim_weight(h) / (double) in->lot_e8;

    return 1 + (int64_t) size;
}


static uint32_t
sim_book_side(const trd_sim_instrument_t *in, int64_t price, int side,
    int64_t t_ms, trd_level_t *level)
{
    int64_t   grid, lots, most;
    uint32_t  n;
    unsigned  tries;

    grid = (int64_t) (in->price_ticks * in->spread * 0.5);
    grid = grid < 1 ? 1 : grid;
    most = INT64_MAX / in->tick_e8;

    /* a very wide spread leaves no room for a grid as wide */
    if (grid > price / (2 * SIM_TRIES)) {
        grid = price / (2 * SIM_TRIES) + 1;
    }

    level[0].price_e8 = price * in->tick_e8;
    level[0].quantity_e8 = in->lot_e8 * sim_book_lots(in, price, t_ms, 1);
    n = 1;

    price = side < 0 ? (price - 1) / grid : price / grid + 1;

    for (tries = 0; tries < SIM_TRIES && n < TRD_SIM_DEPTH; tries++) {
        if (price < 1 || price > most / grid) {
            break;
        }

        lots = sim_book_lots(in, price * grid, t_ms, 0);

        if (lots) {
            level[n].price_e8 = price * grid * in->tick_e8;
            level[n].quantity_e8 = in->lot_e8 * lots;
            n++;
        }

        price += side;
    }

    return n;
}


void
trd_sim_book(const trd_sim_t *sim, uint32_t i, const trd_sim_tick_t *tick,
    trd_sim_book_t *book)
{
    const trd_sim_instrument_t  *in;

    in = &sim->instruments[i];

    book->t_ms = tick->t_ms;
    book->id = tick->t_ms < 0 ? 0 : (uint64_t) tick->t_ms / TRD_SIM_BOOK_MS;
    book->nbids = sim_book_side(in, tick->bid_e8 / in->tick_e8, -1, tick->t_ms,
                                book->bids);
    book->nasks = sim_book_side(in, tick->ask_e8 / in->tick_e8, 1, tick->t_ms,
                                book->asks);
}
