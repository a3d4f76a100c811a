/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the messages of a recorded feed do; see replay_feed.h.  Used by
 * source_replay.c.  Books are those of `tape verify`, which makes them anew
 * from messages too (tsd_tape_derive_book.h); here they are published, at
 * most one in 100 ms of recorded time.
 */

#include <stdlib.h>
#include <string.h>

#include "trd_binance.h"
#include "trd_prints.h"

#include "market_tape.h"
#include "replay_feed.h"
#include "series.h"
#include "tsd_tape_derive_book.h"

#define FEED_LEVELS   16384         /* of a message, as live */
#define FEED_TOP      20            /* levels that are published */
#define FEED_BOOK_MS  100           /* at most so often */

typedef struct {
    tsd_derive_book_t  *book;           /* NULL: no depth was heard */
    trd_prints_t        prints;
    int64_t             published_ms;
    uint64_t            best_id;        /* the newest bookTicker */
    int64_t             best_bid, best_ask;
    uint8_t             live;           /* the book is in step */
    uint8_t             thin;           /* too few levels are certain */
    uint8_t             dirty;          /* waits for its turn */
    uint8_t             shown;
} feed_item_t;

struct replay_feed_s {
    source_t             *source;
    feed_item_t          *items;        /* one an instrument */
    uint32_t             *dirty;
    uint32_t              ndirty;
    uint32_t              with_book;    /* instruments that have one, */
    uint32_t              last_book;    /* and one of them */
    uint64_t              unknown;
    trd_level_t          *levels;       /* scratch of the decoder */
    uint8_t               begun;
    uint8_t               trades;       /* a trade was heard */
    uint8_t               diffs;        /* depth was, of this kind */
    uint8_t               partials;

    const replay_line_t  *line;         /* under way */
    trd_refused_t         refused;      /* ... as a quote */
    uint8_t               quoted;       /* ... and is nothing else */
};


void
replay_feed_free(replay_feed_t *f)
{
    uint32_t  i;

    if (f == NULL) {
        return;
    }

    for (i = 0; f->items && i < f->source->market->catalogue->n; i++) {
        tsd_derive_book_free(f->items[i].book);
    }

    free(f->items);
    free(f->dirty);
    free(f->levels);
    free(f);
}


replay_feed_t *
replay_feed_create(source_t *s)
{
    size_t          n = s->market->catalogue->n;
    replay_feed_t  *f;

    f = calloc(1, sizeof(*f));
    if (f == NULL) {
        return NULL;
    }

    f->source = s;
    f->items = calloc(n + 1, sizeof(*f->items));
    f->dirty = calloc(n + 1, sizeof(*f->dirty));
    f->levels = malloc(FEED_LEVELS * sizeof(*f->levels));

    if (f->items == NULL || f->dirty == NULL || f->levels == NULL) {
        replay_feed_free(f);
        return NULL;
    }

    return f;
}


/* NULL: not in the catalogue */

static feed_item_t *
feed_item(replay_feed_t *f, const char *symbol, size_t len,
    uint32_t *instrument)
{
    int32_t  i;

    i = market_find(f->source->market, TRD_SOURCE_REPLAY, symbol, len);

    if (i < 0) {
        return NULL;
    }

    *instrument = (uint32_t) i;

    return &f->items[i];
}


static feed_item_t *
feed_known(replay_feed_t *f, const char *symbol, size_t len,
    uint32_t *instrument)
{
    source_t     *s = f->source;
    feed_item_t  *item;

    item = feed_item(f, symbol, len, instrument);

    if (item == NULL) {
        market_refuse(s->market, s->stats, TRD_REFUSED_UNKNOWN, symbol, len);
    }

    return item;
}


/* ---- order books */

static void
feed_count(replay_feed_t *f, trd_book_count_t what)
{
    atomic_fetch_add_explicit(
        &f->source->market->writer.header->books[what], 1,
        memory_order_relaxed);
}


static void
feed_put(replay_feed_t *f, uint32_t i)
{
    unsigned           side;
    uint32_t           n[TRD_BOOK_SIDES] = { 0, 0 };
    market_t          *m = f->source->market;
    trd_level_t        level[TRD_BOOK_SIDES][FEED_TOP];
    feed_item_t       *o = &f->items[i];
    trd_board_book_t   out;
    const trd_book_t  *b = &o->book->book;

    memset(&out, 0, sizeof(out));
    memset(level, 0, sizeof(level));

    if (o->live) {
        for (side = 0; side < TRD_BOOK_SIDES; side++) {
            n[side] = trd_book_shown(b, side, FEED_TOP, level[side]);
            o->thin |= b->side[side].cut && n[side] < FEED_TOP;
        }

        out.last_id = b->last_id;
        out.exchange_ms = b->exchange_ms;
    }

    out.received_ms = m->now_ms;
    out.nbids = n[TRD_BOOK_BID];
    out.nasks = n[TRD_BOOK_ASK];
    out.bids = level[TRD_BOOK_BID];
    out.asks = level[TRD_BOOK_ASK];

    o->published_ms = m->now_ms;
    o->shown = out.nbids != 0 || out.nasks != 0;
    series_book(m, i, &out);
}


static void
feed_publish(replay_feed_t *f, uint32_t i)
{
    feed_item_t  *o = &f->items[i];

    if (o->dirty) {
        return;
    }

    if (f->source->market->now_ms - o->published_ms >= FEED_BOOK_MS) {
        feed_put(f, i);
        return;
    }

    o->dirty = 1;
    f->dirty[f->ndirty++] = i;
}


void
replay_feed_clock(replay_feed_t *f, int end)
{
    uint32_t      i, n, kept = 0;
    feed_item_t  *o;

    for (n = 0; n < f->ndirty; n++) {
        i = f->dirty[n];
        o = &f->items[i];

        if (!end && f->source->market->now_ms - o->published_ms
                    < FEED_BOOK_MS)
        {
            f->dirty[kept++] = i;
            continue;
        }

        o->dirty = 0;

        if (o->live) {
            feed_put(f, i);
        }
    }

    f->ndirty = kept;
}


static void
feed_lose(replay_feed_t *f, uint32_t i)
{
    feed_item_t  *o = &f->items[i];

    trd_book_reset(&o->book->book);
    feed_count(f, TRD_BOOK_COUNT_LOST);
    o->live = 0;
    o->thin = 0;
    o->best_id = 0;

    if (o->shown) {
        feed_put(f, i);         /* an empty one takes its place */
    }
}


/* A book must agree with the bookTicker of its id. */

static void
feed_check(replay_feed_t *f, uint32_t i)
{
    trd_level_t   bid = { 0, 0 }, ask = { 0, 0 };
    feed_item_t  *o = &f->items[i];

    if (!o->live || !f->diffs || o->best_id != o->book->book.last_id
        || o->best_bid <= 0 || o->best_ask <= 0)
    {
        return;
    }

    o->best_id = 0;
    feed_count(f, TRD_BOOK_COUNT_CHECKED);

    if (trd_book_best(&o->book->book, TRD_BOOK_BID, &bid) != TRD_OK
        || trd_book_best(&o->book->book, TRD_BOOK_ASK, &ask) != TRD_OK
        || bid.price_e8 != o->best_bid || ask.price_e8 != o->best_ask)
    {
        feed_count(f, TRD_BOOK_COUNT_WRONG);
        feed_lose(f, i);
    }
}


/* What became of a book by a difference or a snapshot. */

static void
feed_moved(replay_feed_t *f, uint32_t i)
{
    feed_item_t       *o = &f->items[i];
    const trd_book_t  *b = &o->book->book;

    /* of a snapshot the time is known once a difference ends where it does */

    if (b->state != TRD_BOOK_LIVE
        && (b->state != TRD_BOOK_SNAPSHOT || b->exchange_ms == 0))
    {
        if (o->live) {
            feed_lose(f, i);
        }

        return;
    }

    if (!o->live) {
        o->live = 1;
        feed_count(f, TRD_BOOK_COUNT_SYNCED);
    }

    feed_publish(f, i);
    feed_check(f, i);
}


static feed_item_t *
feed_book(replay_feed_t *f, const char *symbol, size_t len,
    uint32_t *instrument)
{
    feed_item_t  *o;

    o = feed_known(f, symbol, len, instrument);

    if (o && o->book == NULL) {
        o->book = tsd_derive_book_create();

        if (o->book == NULL) {
            return NULL;
        }

        f->with_book++;
        f->last_book = *instrument;
    }

    return o;
}


static void
feed_diff(void *ctx, const char *symbol, size_t len, const trd_depth_t *d)
{
    uint32_t        i;
    feed_item_t    *o;
    replay_feed_t  *f = ctx;

    o = feed_book(f, symbol, len, &i);

    if (o) {
        f->diffs = 1;
        tsd_derive_book_diff(o->book, d, f->line->text, f->line->len);
        feed_moved(f, i);
    }
}


static void
feed_partial(void *ctx, const char *symbol, size_t len, const trd_depth_t *d)
{
    uint32_t        i;
    feed_item_t    *o;
    replay_feed_t  *f = ctx;

    o = feed_book(f, symbol, len, &i);

    if (o) {
        f->partials = 1;

        if (trd_book_partial(&o->book->book, d) == TRD_OK) {
            o->live = 1;
            feed_publish(f, i);
        }
    }
}


/*
 * A snapshot where its answer came.  One that does not say of what is of the
 * only instrument that has a book; it ends where its shorter side does.
 */

static void
feed_snapshot(replay_feed_t *f, const replay_line_t *line)
{
    uint32_t              i;
    market_t             *m = f->source->market;
    feed_item_t          *o = NULL;
    trd_depth_t           d;
    tsd_tape_origin_t     from;
    trd_binance_market_t  how;

    if (line->symbol) {
        o = feed_item(f, line->symbol, line->symbol_len, &i);

    } else if (f->with_book == 1) {
        i = f->last_book;
        o = &f->items[i];
    }

    if (o == NULL || o->book == NULL) {
        f->unknown++;
        return;
    }

    memset(&how, 0, sizeof(how));
    how.levels = f->levels;
    how.room = FEED_LEVELS;

    if (f->partials || (o->live && !o->thin)
        || trd_binance_depth(line->text, line->len, &how, &d) != TRD_OK)
    {
        return;
    }

    from.decoder = TSD_TAPE_BINANCE_DEPTH;
    from.source = TRD_SOURCE_REPLAY;
    from.instrument = i;
    from.option = line->limit ? line->limit
                  : d.nbids < d.nasks ? d.nbids : d.nasks;

    market_tape_raw(m, &from, line->text, line->len);
    market_tape_raw_end(m);

    o->thin = 0;
    tsd_derive_book_snapshot(o->book, &d, from.option, f->levels,
                             FEED_LEVELS);
    feed_moved(f, i);
}


/* ---- messages of the stream */

static void
feed_update(void *ctx, const char *symbol, size_t len, const trd_update_t *u)
{
    uint32_t        i;
    source_t       *s;
    feed_item_t    *o;
    replay_feed_t  *f = ctx;

    s = f->source;
    f->quoted = u->kind != TRD_UPDATE_TRADE;
    o = feed_known(f, symbol, len, &i);

    if (o == NULL) {
        f->quoted = 1;
        return;
    }

    f->refused = market_apply(s->market, s->stats, i, u);

    if (f->refused == TRD_REFUSED_NOT && u->kind == TRD_UPDATE_BOOK && o->book)
    {
        o->best_id = u->id;
        o->best_bid = u->bid_e8;
        o->best_ask = u->ask_e8;
        feed_check(f, i);
    }
}


static void
feed_trade(void *ctx, const char *symbol, size_t len,
    const trd_binance_trade_t *t)
{
    uint32_t           i;
    source_t          *s;
    market_t          *m;
    trd_print_t        print;
    feed_item_t       *o;
    trd_refused_t      refused, was;
    replay_feed_t     *f = ctx;
    trd_prints_gap_t   gap;

    s = f->source;
    m = s->market;

    if (!t->aggregate) {
        f->trades = 1;

    } else if (f->trades) {
        return;
    }

    o = feed_known(f, symbol, len, &i);

    if (o == NULL) {
        return;
    }

    refused = f->refused;

    if (t->aggregate) {
        refused = trd_prints_judge(&m->states[i].quote, &m->limits, m->now_ms,
                                   &t->print);

        if (refused != TRD_REFUSED_NOT) {
            market_refuse(m, s->stats, refused, symbol, len);
        }
    }

    was = refused;

    if (trd_prints_trade(&o->prints, t, &m->limits, m->now_ms, &refused,
                         &print, &gap))
    {
        series_trade(m, i, &print, t->flags);

    } else if (refused != was) {
        market_refuse(m, s->stats, refused, symbol, len);
    }
}


static void
feed_kline(void *ctx, const char *symbol, size_t len,
    const trd_binance_kline_t *k)
{
    uint32_t        i;
    source_t       *s;
    feed_item_t    *o;
    trd_refused_t   refused;
    replay_feed_t  *f = ctx;

    s = f->source;
    o = feed_known(f, symbol, len, &i);

    if (o == NULL) {
        return;
    }

    if (trd_prints_kline(&o->prints, k, &s->market->limits, s->market->now_ms,
                         &refused))
    {
        series_candle(s->market, i, k->interval, &k->candle, k->last_id);

    } else if (refused != TRD_REFUSED_NOT) {
        market_refuse(s->market, s->stats, refused, symbol, len);
    }
}


/* TRD_PRINTS_* that are read: as if they had been subscribed */

static uint32_t
feed_streams(const replay_feed_t *f)
{
    if (f->source->market->series == NULL) {
        return 0;
    }

    return TRD_PRINTS_AGGREGATES | TRD_PRINTS_KLINES
           | (f->trades ? TRD_PRINTS_TRADES : 0)
           | (f->partials ? 0 : TRD_PRINTS_DIFFS)
           | (f->diffs ? 0 : TRD_PRINTS_PARTIAL);
}


static trd_rc_t
feed_read(replay_feed_t *f, uint32_t streams, const char *msg, size_t len)
{
    trd_rc_t              rc, more;
    trd_binance_market_t  how;

    f->refused = TRD_REFUSED_NOT;
    f->quoted = 0;
    rc = trd_binance_decode(msg, len, feed_update, f);

    if (rc == TRD_ERROR || rc == TRD_OVERFLOW || f->quoted || streams == 0) {
        return rc;
    }

    how.trade = feed_trade;
    how.kline = feed_kline;
    how.diff = streams & TRD_PRINTS_DIFFS ? feed_diff : NULL;
    how.partial = streams & TRD_PRINTS_PARTIAL ? feed_partial : NULL;
    how.ctx = f;
    how.levels = f->levels;
    how.room = FEED_LEVELS;

    more = trd_binance_market(msg, len, &how);

    return more == TRD_IGNORED ? rc : more;
}


/* All that is heard of has trades, for the tape's readers too, and the
   recording begins amid them. */

static void
feed_begin(replay_feed_t *f)
{
    uint32_t   i;
    market_t  *m = f->source->market;

    f->begun = 1;

    for (i = 0; i < m->catalogue->n; i++) {
        f->items[i].published_ms = m->now_ms - FEED_BOOK_MS;
        trd_prints_broken(&f->items[i].prints);
        series_broken(m, i);
    }
}


void
replay_feed_line(replay_feed_t *f, const replay_line_t *line)
{
    trd_rc_t            rc;
    source_t           *s = f->source;
    tsd_tape_origin_t   from;

    if (!f->begun) {
        feed_begin(f);
    }

    replay_feed_clock(f, 0);

    if (line->kind == REPLAY_LINE_BOOK) {
        if (s->market->series) {
            feed_snapshot(f, line);
        }

        return;
    }

    from.decoder = TSD_TAPE_BINANCE_STREAM;
    from.source = TRD_SOURCE_REPLAY;
    from.instrument = 0;
    from.option = TSD_TAPE_QUOTES | feed_streams(f);

    f->line = line;
    market_tape_raw(s->market, &from, line->text, line->len);
    rc = feed_read(f, from.option & TSD_TAPE_PRINTS, line->text, line->len);
    market_tape_raw_end(s->market);
    f->line = NULL;

    if (rc == TRD_ERROR) {
        market_refuse(s->market, s->stats, TRD_REFUSED_PARSE, line->text,
                      line->len);

    } else if (rc == TRD_OVERFLOW) {
        market_refuse(s->market, s->stats, TRD_REFUSED_OVERFLOW, line->text,
                      line->len);
    }
}


uint64_t
replay_feed_unknown(const replay_feed_t *f)
{
    return f->unknown;
}
