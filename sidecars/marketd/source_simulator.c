/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The simulator as a source: decides which instrument ticks when, asks
 * core/trd_sim for the values, and hands the market whole quotes.
 *
 * Updates are numbered from 0.  A round is as many updates as there are
 * instruments, each of which ticks once in it, in an order hashed from seed
 * and round; so the market does not move in lock step, and update k is the
 * same instrument in every run.  The first round is sent by start() itself:
 * the market is whole before anybody reads it.
 *
 * Two clocks.  Pace: update k is due k / rate seconds after the start by the
 * monotonic clock; with rate 0 it always is, and batches are bounded by time
 * so that heartbeat and rendering get their turn.  Time in the quotes: the
 * wall clock, or with sim_start_ms a virtual one that belongs to the number of
 * the update alone, which makes a run's quotes the same every time.
 *
 * Prints have times of their own, whatever the ticks': with each tick go the
 * prints since the last one, first, as they were before it.  The book goes
 * after it, at most one in each 100 ms of the ticks' clock.
 *
 * In a halt of the scenario updates are counted and not sent.  Only the first
 * round is, with the quotes of the moment when the halt began.
 */

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "series.h"
#include "source.h"
#include "trd_sim_book.h"
#include "tsd_log.h"

#define SIMULATOR_BATCH_US    1500
#define SIMULATOR_CHUNK       32        /* updates between looks at the clock */
#define SIMULATOR_CATCH_UP_MS 250       /* what is later than that is let go */
#define SIMULATOR_WAIT_MS     1000
#define SIMULATOR_TURN_MS     250
#define SIMULATOR_PRINTS      64        /* at a time */
#define SIMULATOR_LATE_MS     600000    /* prints older than that are let go:
                                           the machine was asleep */

/* what an instrument has reported */
typedef struct {
    int64_t           until_ms;         /* prints; INT64_MIN: nothing yet */
    uint64_t          book_id;
    trd_sim_cursor_t  prints;
} simulator_done_t;

typedef struct {
    source_t              *source;
    struct event          *timer;
    trd_sim_t              sim;
    trd_sim_instrument_t  *memory;
    simulator_done_t      *done;        /* one an instrument */
    uint32_t              *order;       /* of this round */
    uint64_t               next;        /* the next update's number */
    uint64_t               end;
    int64_t                epoch_ms;    /* monotonic: when update n was due */
    int64_t                turn_ms;     /* virtual: when candles are due */
} simulator_t;


/* the order of a round: a shuffle that depends on seed and round only */
static void
simulator_shuffle(simulator_t *sr, uint64_t round)
{
    uint32_t  i, j, swap, n;
    uint64_t  h;

    n = sr->source->n;
    h = trd_sim_hash(sr->source->config->sim_seed) + round * n;

    for (i = 0; i < n; i++) {
        sr->order[i] = i;
    }

    for (i = n - 1; i > 0; i--) {
        j = (uint32_t) ((trd_sim_hash(h + i) >> 32) * (i + 1) >> 32);
        swap = sr->order[i];
        sr->order[i] = sr->order[j];
        sr->order[j] = swap;
    }
}


/* the virtual time of update k: a round lasts 1 ms if there is no rate */
static int64_t
simulator_virtual(const simulator_t *sr, uint64_t k)
{
    const marketd_config_t  *config;

    config = sr->source->config;

    return config->sim_start_ms
           + (int64_t) (config->sim_rate
                        ? k / config->sim_rate * 1000
                          + k % config->sim_rate * 1000 / config->sim_rate
                        : k / sr->source->n);
}


static void
simulator_prints(simulator_t *sr, uint32_t i, int64_t t_ms)
{
    source_t          *s;
    uint32_t           k, n;
    trd_print_t        print;
    trd_sim_print_t    prints[SIMULATOR_PRINTS], *p;
    simulator_done_t  *done;

    s = sr->source;
    done = &sr->done[i];

    if (done->until_ms == INT64_MIN) {
        trd_sim_prints_seek(&sr->sim, i, &done->prints, t_ms);

    } else if (t_ms - done->until_ms > SIMULATOR_LATE_MS) {
        trd_sim_prints_seek(&sr->sim, i, &done->prints,
                            t_ms - SIMULATOR_LATE_MS);
    }

    done->until_ms = t_ms;

    do {
        n = trd_sim_prints(&sr->sim, i, &done->prints, t_ms, prints,
                           SIMULATOR_PRINTS);

        for (k = 0; k < n; k++) {
            p = &prints[k];
            print.first_id = p->id;
            print.last_id = p->id;
            print.price_e8 = p->price_e8;
            print.quantity_e8 = p->quantity_e8;
            print.ms = p->t_ms;

            trd_sim_day_note(&sr->sim, i, p->t_ms, p->price_e8);
            series_trade(s->market, s->instruments[i], &print,
                         TRD_TRADE_SIDE
                         | (p->buyer_maker ? TRD_TRADE_BUYER_MAKER : 0));
        }

    } while (n == SIMULATOR_PRINTS);
}


static void
simulator_book(simulator_t *sr, uint32_t i, const trd_sim_tick_t *tick)
{
    source_t          *s;
    trd_sim_book_t     levels;
    trd_board_book_t   book;

    s = sr->source;

    if (tick->t_ms < 0
        || (uint64_t) tick->t_ms / TRD_SIM_BOOK_MS <= sr->done[i].book_id)
    {
        return;
    }

    trd_sim_book(&sr->sim, i, tick, &levels);
    sr->done[i].book_id = levels.id;

    memset(&book, 0, sizeof(trd_board_book_t));
    book.last_id = levels.id;
    book.exchange_ms = levels.t_ms;
    book.received_ms = s->market->now_ms;
    book.nbids = levels.nbids;
    book.nasks = levels.nasks;
    book.bids = levels.bids;
    book.asks = levels.asks;

    series_book(s->market, s->instruments[i], &book);
}


/* The virtual clock, and what is done by it. */
static void
simulator_clock(simulator_t *sr, int64_t ms)
{
    market_t  *m = sr->source->market;

    market_set_clock(m, ms);

    if (ms >= sr->turn_ms) {
        if (sr->turn_ms) {
            market_sweep(m);
            series_turn(m);
        }

        sr->turn_ms = ms - ms % SIMULATOR_TURN_MS + SIMULATOR_TURN_MS;
    }
}


static void
simulator_update(simulator_t *sr)
{
    source_t        *s;
    uint32_t         i;
    int64_t          t_ms, since_ms;
    trd_update_t     u;
    trd_sim_day_t    day;
    trd_sim_tick_t   tick;

    s = sr->source;
    i = (uint32_t) (sr->next % s->n);

    if (s->config->sim_start_ms != -1) {
        simulator_clock(sr, simulator_virtual(sr, sr->next));
    }

    if (s->config->sim_rate) {
        if (i == 0) {
            simulator_shuffle(sr, sr->next / s->n);
        }

        i = sr->order[i];
    }

    sr->next++;

    t_ms = s->market->now_ms;

    if (trd_sim_halted(&sr->sim, t_ms, &since_ms)) {
        if (sr->next > s->n) {
            return;
        }

        t_ms = since_ms;
    }

    simulator_prints(sr, i, t_ms);
    trd_sim_tick(&sr->sim, i, t_ms, &tick);
    trd_sim_day(&sr->sim, i, &tick, &day);

    memset(&u, 0, sizeof(trd_update_t));
    u.kind = TRD_UPDATE_QUOTE;
    u.has = TRD_HAS_LAST | TRD_HAS_BID | TRD_HAS_ASK | TRD_HAS_OPEN
            | TRD_HAS_HIGH | TRD_HAS_LOW | TRD_HAS_VOLUME
            | TRD_HAS_QUOTE_VOLUME | TRD_HAS_TIME;
    u.last_e8 = tick.last_e8;
    u.bid_e8 = tick.bid_e8;
    u.ask_e8 = tick.ask_e8;
    u.open_e8 = day.open_e8;
    u.high_e8 = day.high_e8;
    u.low_e8 = day.low_e8;
    u.volume_e8 = day.volume_e8;
    u.quote_volume_e8 = day.quote_volume_e8;
    u.exchange_ms = tick.t_ms;

    if (market_apply(s->market, s->stats, s->instruments[i], &u)
        == TRD_REFUSED_NOT)
    {
        simulator_book(sr, i, &tick);
    }
}


/* Sends updates up to number `due`, no longer than budget_us. */
static void
simulator_batch(simulator_t *sr, uint64_t due, int64_t budget_us)
{
    int64_t    stop_us;
    source_t  *s;
    uint64_t   from;

    s = sr->source;
    from = sr->next;

    if (due > sr->end) {
        due = sr->end;
    }

    if (from >= due) {
        return;
    }

    market_clock(s->market);
    stop_us = tsd_mono_us() + budget_us;

    do {
        simulator_update(sr);

    } while (sr->next < due
             && (sr->next % SIMULATOR_CHUNK || tsd_mono_us() < stop_us));

    atomic_store_explicit(&s->stats->heard_ms, s->market->now_ms,
                          memory_order_relaxed);
    atomic_fetch_add_explicit(&s->stats->messages, sr->next - from,
                              memory_order_relaxed);

    if (sr->next == sr->end) {
        if (s->config->sim_start_ms != -1) {
            series_turn(s->market);
        }

        tsd_log(TSD_LOG_INFO, "simulator_finished", "updates=%llu",
                (unsigned long long) sr->next);
    }
}


/* The number of updates that are due by now; what is far too late is not. */
static uint64_t
simulator_due(simulator_t *sr, int64_t now_ms)
{
    int64_t   late_ms;
    uint64_t  due, rate;

    rate = sr->source->config->sim_rate;

    if (rate == 0) {
        return UINT64_MAX;
    }

    due = sr->source->n + (uint64_t) (now_ms - sr->epoch_ms) * rate / 1000;

    if (due > sr->next) {
        /* by how much the first of them is late, the interval aside */
        late_ms = (int64_t) ((due - sr->next - 1) * 1000 / rate);

        if (late_ms > SIMULATOR_CATCH_UP_MS) {
            late_ms -= SIMULATOR_CATCH_UP_MS;
            sr->epoch_ms += late_ms;
            due = sr->source->n
                  + (uint64_t) (now_ms - sr->epoch_ms) * rate / 1000;
        }
    }

    return due;
}


static void
simulator_timer(evutil_socket_t fd, short what, void *ctx)
{
    int64_t          now_ms, wait_ms;
    uint64_t         due, rate;
    simulator_t     *sr;
    struct timeval   tv;

    (void) fd;
    (void) what;

    sr = ctx;
    rate = sr->source->config->sim_rate;
    now_ms = tsd_mono_ms();
    due = simulator_due(sr, now_ms);

    simulator_batch(sr, due, SIMULATOR_BATCH_US);

    if (sr->next >= sr->end) {
        return;
    }

    wait_ms = 0;

    if (sr->next >= due) {
        wait_ms = (int64_t) (((sr->next - sr->source->n + 1) * 1000 + rate - 1)
                             / rate) - (now_ms - sr->epoch_ms);
        wait_ms = wait_ms < 1 ? 1 : wait_ms > SIMULATOR_WAIT_MS
                  ? SIMULATOR_WAIT_MS : wait_ms;
    }

    tv.tv_sec = wait_ms / 1000;
    tv.tv_usec = wait_ms % 1000 * 1000;
    event_add(sr->timer, &tv);
}


/* what the catalogue says, in the simulator's terms */
static int
simulator_init(simulator_t *sr)
{
    int                      rc;
    source_t                *s;
    uint32_t                 i, bad;
    trd_sim_params_t        *params, *p;
    const catalogue_sim_t   *c;
    const trd_instrument_t  *in;

    s = sr->source;
    params = calloc(s->n, sizeof(trd_sim_params_t));

    if (params == NULL) {
        tsd_log(TSD_LOG_ERROR, "no_memory", "for=simulator");
        return -1;
    }

    for (i = 0; i < s->n; i++) {
        p = &params[i];
        in = &s->market->catalogue->instruments[s->instruments[i]];
        c = &s->market->catalogue->sim[s->instruments[i]];

        p->symbol = in->symbol;
        p->symbol_len = strlen(in->symbol);
        p->price_e8 = c->price_e8;
        p->tick_e8 = in->price_tick_e8;
        p->lot_e8 = in->lot_step_e8;
        p->volatility_e8 = c->volatility_e8;
        p->spread_e8 = c->spread_e8;
        p->volume_e8 = c->volume_e8;
        p->asset_class = in->asset_class;

        /* dollars per something rise when something per dollar falls */
        p->inverse = in->asset_class == TRD_CLASS_FOREX
                     && strcmp(in->base, "USD") == 0;
    }

    rc = 0;

    if (trd_sim_init(&sr->sim, s->config->sim_seed, sr->memory, params, s->n,
                     &bad)
        != TRD_OK)
    {
        tsd_log(TSD_LOG_ERROR, "simulator_refused",
                "symbol=\"%s\" reason=\"price, tick, lot, volatility, spread "
                "or volume out of bounds\"", params[bad].symbol);
        rc = -1;

    } else if (s->config->sim_scenario != TRD_SCENARIO_NORMAL) {
        trd_sim_play(&sr->sim, (trd_scenario_t) s->config->sim_scenario,
                     s->config->max_jump_bp);
    }

    free(params);

    return rc;
}


static void
simulator_stop(source_t *s)
{
    simulator_t  *sr;

    sr = s->data;

    if (sr == NULL) {
        return;
    }

    if (sr->timer) {
        event_free(sr->timer);
    }

    atomic_store_explicit(&s->stats->state, TRD_STATE_DOWN,
                          memory_order_relaxed);

    free(sr->memory);
    free(sr->done);
    free(sr->order);
    free(sr);
    s->data = NULL;
}


static void
simulator_connected(source_t *s)
{
    trd_source_stats_t  *stats;

    stats = s->stats;

    atomic_store_explicit(&stats->source, TRD_SOURCE_SIMULATOR,
                          memory_order_relaxed);
    atomic_store_explicit(&stats->scenario, s->config->sim_scenario,
                          memory_order_relaxed);
    atomic_store_explicit(&stats->connected_ms, s->market->now_ms,
                          memory_order_relaxed);
    atomic_store_explicit(&stats->state, TRD_STATE_CONNECTED,
                          memory_order_relaxed);

    tsd_log(TSD_LOG_INFO, "simulator_started",
            "instruments=%u seed=%llu rate=%u clock=%s scenario=%s", s->n,
            (unsigned long long) s->config->sim_seed, s->config->sim_rate,
            s->config->sim_start_ms == -1 ? "real" : "virtual",
            trd_scenario_name(s->config->sim_scenario));
}


static int
simulator_start(source_t *s)
{
    uint32_t         i;
    simulator_t     *sr;
    struct timeval   now = { 0, 0 };

    if (s->n == 0) {
        return 0;
    }

    sr = calloc(1, sizeof(simulator_t));

    if (sr == NULL) {
        goto failed;
    }

    s->data = sr;
    sr->source = s;
    sr->end = s->config->sim_updates ? s->config->sim_updates : UINT64_MAX;
    sr->memory = calloc(s->n, sizeof(trd_sim_instrument_t));
    sr->done = calloc(s->n, sizeof(simulator_done_t));
    sr->order = calloc(s->n, sizeof(uint32_t));
    sr->timer = evtimer_new(s->base, simulator_timer, sr);

    if (sr->memory == NULL || sr->done == NULL || sr->order == NULL
        || sr->timer == NULL)
    {
        goto failed;
    }

    for (i = 0; i < s->n; i++) {
        sr->done[i].until_ms = INT64_MIN;
    }

    if (simulator_init(sr) != 0) {
        simulator_stop(s);
        return -1;
    }

    if (s->config->sim_start_ms != -1) {
        market_set_clock(s->market, s->config->sim_start_ms);
    }

    market_clock(s->market);

    simulator_connected(s);
    simulator_batch(sr, s->n, INT64_MAX / 2);

    sr->epoch_ms = tsd_mono_ms();

    if (sr->next < sr->end && event_add(sr->timer, &now) != 0) {
        goto failed;
    }

    return 0;

failed:

    tsd_log(TSD_LOG_ERROR, "no_memory", "for=simulator");
    simulator_stop(s);

    return -1;
}


const source_ops_t  source_simulator = {
    "simulator",
    TRD_SOURCE_SIMULATOR,
    simulator_start,
    simulator_stop
};
