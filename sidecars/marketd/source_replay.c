/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A recording as a source.  The market's clock is recorded time, so that
 * what the judge refuses and when quotes turn stale is the same every time,
 * at any speed.  A tape says itself when quotes turned stale, where marketd
 * was started, and which seq each update had; for feeds and bars there are
 * marks, a second of recorded time apart, at which the market is swept.
 *
 * Pace: what happened t ms after the recording's begin is due t / speed ms
 * after ours; with speed 0 all is due at once, in batches bounded by time.
 *
 * Quotes say `replay`, whatever they were recorded from.
 */

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "market_tape.h"
#include "replay_feed.h"
#include "replay_file.h"
#include "series.h"
#include "source.h"
#include "tsd_log.h"

#define REPLAY_BATCH_US  1500
#define REPLAY_CHUNK     32         /* events between looks at the clock */
#define REPLAY_MARK_MS   1000
#define REPLAY_AFTER_MS  120000     /* a minute's candle has closed by then */
#define REPLAY_WAIT_MS   1000

typedef struct {
    source_t        *source;
    struct event    *timer;
    replay_file_t   *file;
    replay_feed_t   *feed;          /* what a feed's messages go through */
    replay_event_t   event;         /* the next */
    int              more;          /* there is one */
    int64_t          begin_ms;      /* recorded time of the first */
    int64_t          mark_ms;       /* recorded time of the next sweep */
    int64_t          last_ms;       /* ... and of the newest event */
    int64_t          epoch_us;      /* monotonic, of begin_ms */

    uint64_t         seq;           /* of the tape, so far */
    uint64_t         file_number;   /* that `map` is of */
    int32_t         *map;           /* its instruments in ours, -1 = none */
    uint32_t         nmap;
    int              started;       /* a START was seen */
    uint64_t         events;
    uint64_t         unknown;
    uint64_t         differing;     /* accepted then, refused now */
    uint64_t         lost;
} replay_t;


/* The instruments of a file of the tape, by their exchange symbols, and the
   judge's limits as they were. */

static void
replay_origins(const replay_t *rp, const tsd_tape_at_t *at)
{
    uint32_t  i;

    for (i = 0; i < at->n; i++) {
        if (rp->map[i] >= 0) {
            series_origin(rp->source->market, (uint32_t) rp->map[i],
                          (trd_source_t) at->instruments[i].source);
        }
    }
}


static int
replay_map(replay_t *rp)
{
    uint32_t        i;
    market_t       *m = rp->source->market;
    const char     *symbol;
    tsd_tape_at_t   at;

    tsd_tape_at(replay_file_tape(rp->file), &at);

    if (at.files == rp->file_number) {
        return 0;
    }

    free(rp->map);
    rp->file_number = at.files;
    rp->nmap = at.n;
    rp->map = calloc((size_t) at.n + 1, sizeof(*rp->map));

    if (rp->map == NULL) {
        tsd_log(TSD_LOG_ERROR, "no_memory", "for=replay");
        return -1;
    }

    for (i = 0; i < at.n; i++) {
        symbol = at.instruments[i].exchange_symbol;
        rp->map[i] = market_find(m, TRD_SOURCE_REPLAY, symbol,
                                 strlen(symbol));
    }

    replay_origins(rp, &at);

    m->limits = at.limits;

    return 0;
}


static void
replay_carry(market_t *m, uint32_t instrument, const trd_update_t *u)
{
    trd_quote_t  q;

    memset(&q, 0, sizeof(q));
    q.has = u->has;
    q.derived = (uint8_t) u->derived;
    q.received_ms = (int64_t) u->id;
    q.change_e8 = u->last_quantity_e8;
    q.last_e8 = u->last_e8;
    q.bid_e8 = u->bid_e8;
    q.ask_e8 = u->ask_e8;
    q.open_e8 = u->open_e8;
    q.high_e8 = u->high_e8;
    q.low_e8 = u->low_e8;
    q.volume_e8 = u->volume_e8;
    q.quote_volume_e8 = u->quote_volume_e8;
    q.exchange_ms = u->exchange_ms;

    market_carry_quote(m, instrument, &q);
}


/* Keeps the tape's numbers, as far as the board has not gone beyond. */

static void
replay_seq(replay_t *rp, uint64_t seq)
{
    market_t  *m = rp->source->market;

    if (seq > rp->seq && m->writer.seq < seq - 1) {
        m->writer.seq = seq - 1;
        atomic_store(&m->writer.header->seq, seq - 1);
    }

    rp->seq = seq;
}


static void
replay_book(market_t *m, uint32_t instrument, const trd_tape_record_t *r)
{
    trd_board_book_t  book;

    memset(&book, 0, sizeof(book));
    book.last_id = r->update.id;
    book.exchange_ms = r->update.exchange_ms;
    book.received_ms = r->received_ms;
    book.nbids = r->book->n[0];
    book.nasks = r->book->n[1];
    book.bids = (trd_level_t *) r->book->level[0];
    book.asks = (trd_level_t *) r->book->level[1];

    series_book(m, instrument, &book);
}


/* a record of an instrument that we have; its number is in ours */

static void
replay_instrument(replay_t *rp, uint32_t i, const trd_tape_record_t *r)
{
    market_t      *m = rp->source->market;
    unsigned       interval;
    uint32_t       flags;
    trd_print_t    print;
    trd_candle_t   candle;

    switch (r->op) {

    case TRD_TAPE_STALE:
        market_turn_stale(m, i);
        break;

    case TRD_TAPE_CARRY:
        replay_carry(m, i, &r->update);
        break;

    case TRD_TAPE_PRINT:
        trd_tape_to_print(r, &print, &flags);
        series_trade(m, i, &print, flags);
        break;

    case TRD_TAPE_CANDLE:
        trd_tape_to_candle(r, &interval, &candle);

        if (interval < TRD_INTERVALS) {
            series_candle(m, i, interval, &candle, r->update.id);
        }

        break;

    case TRD_TAPE_BOOK:
        replay_book(m, i, r);
        break;

    case TRD_TAPE_BROKEN:
        series_broken(m, i);
        break;

    default: /* TRD_TAPE_UPDATE */
        if (market_apply(m, rp->source->stats, i, &r->update)
            != TRD_REFUSED_NOT)
        {
            rp->differing++;
        }

        break;
    }
}


static int
replay_record(replay_t *rp)
{
    int32_t                   i;
    tsd_tape_at_t             at;
    source_t                 *s = rp->source;
    const trd_tape_record_t  *r = &rp->event.record;

    if (replay_map(rp) != 0) {
        return -1;
    }

    switch (r->op) {

    case TRD_TAPE_START:
        if (rp->started || rp->events) {
            market_forget(s->market);
            tsd_tape_at(replay_file_tape(rp->file), &at);
            replay_origins(rp, &at);
            market_tape_event(s->market, TRD_TAPE_START, 0, TRD_SOURCE_NONE);
        }

        rp->started = 1;
        rp->seq = r->seq;
        return 0;

    case TRD_TAPE_RECONNECTED:
        market_reconnected(s->market, TRD_SOURCE_REPLAY);
        return 0;

    case TRD_TAPE_GAP:
        rp->lost += r->update.id;
        return 0;

    case TRD_TAPE_STEP:
        market_clock_set(s->market, (int64_t) r->update.id);
        return 0;

    case TRD_TAPE_CLOCK:
        series_clock(s->market);
        return 0;

    default:
        break;
    }

    i = rp->map[r->instrument];

    if (i < 0) {
        rp->unknown++;
        rp->seq = r->seq;
        return 0;
    }

    replay_seq(rp, r->seq);
    replay_instrument(rp, (uint32_t) i, r);

    return 0;
}


/* Candles are the bars' own, and none is made of the quotes at their ends,
   nor would be by whoever replays a tape of this. */

static void
replay_bar(replay_t *rp)
{
    source_t                    *s = rp->source;
    const replay_event_t        *e = &rp->event;
    const replay_bars_candle_t  *c = &e->candle;

    if (rp->events == 0) {
        series_broken(s->market, e->instrument);
    }

    if (e->whole) {
        series_candle(s->market, e->instrument, c->interval, &c->candle, 0);

        if (c->hole) {
            series_broken(s->market, e->instrument);
        }
    }

    (void) market_apply(s->market, s->stats, e->instrument, &e->bar);
}


static void
replay_end(replay_t *rp, int rc)
{
    source_t  *s = rp->source;

    rp->more = 0;
    replay_feed_clock(rp->feed, 1);
    rp->unknown += replay_feed_unknown(rp->feed);

    atomic_store_explicit(&s->stats->state, TRD_STATE_DOWN,
                          memory_order_relaxed);
    tsd_log(rc ? TSD_LOG_ERROR : TSD_LOG_INFO, "replay_finished",
            "events=%llu unknown=%llu differing=%llu lost=%llu error=%d",
            (unsigned long long) rp->events, (unsigned long long) rp->unknown,
            (unsigned long long) rp->differing, (unsigned long long) rp->lost,
            rc != 0);
}


/* One event, and the one after it is read. */

static void
replay_event(replay_t *rp)
{
    int        rc;
    source_t  *s = rp->source;

    market_set_clock(s->market, rp->event.ms);
    rp->last_ms = rp->event.ms;

    rc = 0;

    switch (rp->event.kind) {

    case REPLAY_RECORD:
        rc = replay_record(rp);
        break;

    case REPLAY_MESSAGE:
        replay_feed_line(rp->feed, &rp->event.message);
        break;

    default: /* REPLAY_BAR */
        replay_bar(rp);
        break;
    }

    rp->events++;

    if (rc == 0) {
        rc = replay_file_next(rp->file, &rp->event);
    }

    if (rc <= 0) {
        replay_end(rp, rc);
    }
}


/* When the next mark is, if it comes before the next event and there is
   something that can turn stale, or a candle of trades that can close. */

static int
replay_mark(const replay_t *rp, int64_t *ms)
{
    const market_t  *m = rp->source->market;

    *ms = rp->event.ms;

    if (rp->event.kind == REPLAY_RECORD || rp->mark_ms >= rp->event.ms) {
        return 0;
    }

    if (m->stale == m->quoted
        && (rp->event.kind != REPLAY_MESSAGE
            || rp->mark_ms - rp->last_ms > REPLAY_AFTER_MS))
    {
        return 0;
    }

    *ms = rp->mark_ms;

    return 1;
}


/* When a recorded time is due by the monotonic clock, in microseconds. */

static int64_t
replay_due(const replay_t *rp, int64_t ms)
{
    uint32_t  speed = rp->source->config->replay_speed;

    return speed ? rp->epoch_us + (ms - rp->begin_ms) * 1000 / speed : 0;
}


static void
replay_batch(replay_t *rp)
{
    int        mark;
    int64_t    ms, now_us, stop_us;
    uint64_t   n;
    source_t  *s = rp->source;

    now_us = tsd_mono_us();
    stop_us = now_us + REPLAY_BATCH_US;
    market_clock(s->market);

    for (n = 1; rp->more; n++) {
        mark = replay_mark(rp, &ms);

        if (replay_due(rp, ms) > now_us) {
            break;
        }

        if (mark) {
            market_set_clock(s->market, ms);
            replay_feed_clock(rp->feed, 0);
            market_sweep(s->market);
            series_clock(s->market);
            rp->mark_ms += REPLAY_MARK_MS;

        } else {
            if (rp->mark_ms < ms) {
                rp->mark_ms = ms - ms % REPLAY_MARK_MS + REPLAY_MARK_MS;
            }

            replay_event(rp);
            atomic_fetch_add_explicit(&s->stats->messages, 1,
                                      memory_order_relaxed);
        }

        if (n % REPLAY_CHUNK == 0) {
            now_us = tsd_mono_us();

            if (now_us >= stop_us) {
                break;
            }
        }
    }

    atomic_store_explicit(&s->stats->heard_ms, s->market->now_ms,
                          memory_order_relaxed);
}


static void
replay_on_timer(evutil_socket_t fd, short what, void *ctx)
{
    int64_t         ms, wait_us;
    replay_t       *rp = ctx;
    struct timeval  tv = { 0, 0 };

    (void) fd;
    (void) what;

    replay_batch(rp);

    if (!rp->more) {
        return;
    }

    (void) replay_mark(rp, &ms);
    wait_us = replay_due(rp, ms) - tsd_mono_us();

    if (wait_us > 0) {
        wait_us = wait_us > REPLAY_WAIT_MS * 1000 ? REPLAY_WAIT_MS * 1000
                                                  : wait_us;
        tv.tv_sec = wait_us / 1000000;
        tv.tv_usec = wait_us % 1000000;
    }

    event_add(rp->timer, &tv);
}


static void
replay_stop(source_t *s)
{
    replay_t  *rp = s->data;

    if (rp == NULL) {
        return;
    }

    if (rp->timer) {
        event_free(rp->timer);
    }

    if (rp->file) {
        replay_file_close(rp->file);
    }

    atomic_store_explicit(&s->stats->state, TRD_STATE_DOWN,
                          memory_order_relaxed);
    replay_feed_free(rp->feed);
    free(rp->map);
    free(rp);
    s->data = NULL;
}


static int
replay_start(source_t *s)
{
    int              rc;
    replay_t        *rp;
    struct timeval   now = { 0, 0 };

    rp = calloc(1, sizeof(*rp));

    if (rp == NULL) {
        tsd_log(TSD_LOG_ERROR, "no_memory", "for=replay");
        return -1;
    }

    s->data = rp;
    rp->source = s;
    rp->timer = evtimer_new(s->base, replay_on_timer, rp);
    rp->feed = replay_feed_create(s);
    rp->file = replay_file_open(s->config->replay_path,
                                s->config->replay_symbol,
                                s->market->catalogue);

    if (rp->timer == NULL || rp->feed == NULL || rp->file == NULL
        || (rc = replay_file_next(rp->file, &rp->event)) < 0
        || (rc > 0 && event_add(rp->timer, &now) != 0))
    {
        replay_stop(s);
        return -1;
    }

    market_set_clock(s->market, rc > 0 ? rp->event.ms : 0);
    atomic_store_explicit(&s->stats->source, TRD_SOURCE_REPLAY,
                          memory_order_relaxed);
    atomic_store_explicit(&s->stats->connected_ms, s->market->now_ms,
                          memory_order_relaxed);
    atomic_store_explicit(&s->stats->state, TRD_STATE_CONNECTED,
                          memory_order_relaxed);

    rp->more = rc > 0;
    rp->begin_ms = rp->mark_ms = rp->event.ms;
    rp->epoch_us = tsd_mono_us();

    tsd_log(TSD_LOG_INFO, "replay_started", "path=\"%s\" speed=%u",
            s->config->replay_path, s->config->replay_speed);

    if (!rp->more) {
        replay_end(rp, 0);
    }

    return 0;
}


const source_ops_t  source_replay = {
    "replay",
    TRD_SOURCE_REPLAY,
    replay_start,
    replay_stop
};
