/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Records made anew from messages; tsd_tape_derive.h says for whom.
 */

#include <stdlib.h>
#include <string.h>

#include "trd_binance.h"
#include "trd_prints.h"
#include "trd_rates_feed.h"
#include "trd_tape_series.h"
#include "tsd_tape_derive.h"
#include "tsd_tape_derive_book.h"
#include "tsd_tape_derive_kept.h"

#define DERIVE_LEVELS   16384           /* of a message, as marketd's */
#define DERIVE_CANDLES  1000

/* what is known of an instrument */
typedef struct {
    trd_state_t         state;
    trd_prints_t        prints;
    tsd_derive_book_t  *book;           /* NULL: it has none yet */
} derive_shadow_t;

struct tsd_tape_derive_s {
    tsd_tape_at_t              at;              /* its instruments are ours */
    derive_shadow_t           *shadow;          /* one an instrument */
    uint32_t                   n;
    int                        judging;
    tsd_derive_kept_t          kept;            /* of the run before */
    int                        keeping;         /* a START is to use it */
    int                        carrying;        /* after a START, until more */
    int64_t                    swept_ms;
    uint32_t                   silent;          /* whose silence is not told
                                                   of; n: nobody's */
    tsd_tape_expected_t       *expected;
    size_t                     nexpected;
    uint64_t                   refusals;
    trd_level_t               *levels;
    trd_candle_t              *candles;
    trd_rates_t                rates[TRD_SOURCE_N];     /* taken last */
    int                        rated[TRD_SOURCE_N];     /* there are some */
    trd_rates_t                read;

    const tsd_tape_message_t  *message;         /* under way */
    const char                *data;
    trd_refused_t              refused;         /* ... as a quote */
};


static void
derive_forget(tsd_tape_derive_t *d)
{
    uint32_t  i;

    for (i = 0; i < d->n; i++) {
        tsd_derive_book_free(d->shadow[i].book);
    }

    if (d->n) {
        memset(d->shadow, 0, d->n * sizeof(*d->shadow));
    }

    memset(d->rated, 0, sizeof(d->rated));
}


tsd_tape_derive_t *
tsd_tape_derive_create(void)
{
    tsd_tape_derive_t  *d;

    d = calloc(1, sizeof(*d));
    if (d == NULL) {
        return NULL;
    }

    d->expected = calloc(TSD_TAPE_EXPECTED, sizeof(*d->expected));
    d->levels = malloc(DERIVE_LEVELS * sizeof(*d->levels));
    d->candles = malloc(DERIVE_CANDLES * sizeof(*d->candles));

    if (d->expected == NULL || d->levels == NULL || d->candles == NULL) {
        tsd_tape_derive_free(d);
        return NULL;
    }

    return d;
}


void
tsd_tape_derive_free(tsd_tape_derive_t *d)
{
    if (d) {
        derive_forget(d);
        tsd_derive_kept_free(&d->kept);
        free((void *) d->at.instruments);
        free(d->shadow);
        free(d->expected);
        free(d->levels);
        free(d->candles);
        free(d);
    }
}


/* What is known, for what the next run carries over. */

static int
derive_keep(tsd_tape_derive_t *d)
{
    uint32_t  i;

    if (tsd_derive_kept_begin(&d->kept, d->judging ? d->n : 0) != 0) {
        return -1;
    }

    for (i = 0; d->judging && i < d->n; i++) {
        tsd_derive_kept_add(&d->kept, &d->at.instruments[i],
                            &d->shadow[i].state.quote);
    }

    d->keeping = 1;

    return 0;
}


int
tsd_tape_derive_file(tsd_tape_derive_t *d, const tsd_tape_at_t *at)
{
    int                same;
    size_t             size;
    trd_instrument_t  *own;

    size = at->n * sizeof(*own);
    same = d->shadow && d->n == at->n
           && memcmp(d->at.instruments, at->instruments, size) == 0;

    /* a catalogue changes with a start only, and that begins anew */

    if (d->shadow && !same && derive_keep(d) != 0) {
        return -1;
    }

    own = malloc(size + 1);
    if (own == NULL) {
        return -1;
    }

    memcpy(own, at->instruments, size);
    free((void *) d->at.instruments);
    d->at = *at;
    d->at.instruments = own;

    if (same) {
        return 0;
    }

    derive_forget(d);
    free(d->shadow);
    d->n = d->silent = 0;
    d->judging = 0;
    d->shadow = calloc((size_t) at->n + 1, sizeof(*d->shadow));

    if (d->shadow == NULL) {
        return -1;
    }

    d->n = d->silent = at->n;

    return 0;
}


int
tsd_tape_derive_judges(const tsd_tape_derive_t *d)
{
    return d->judging;
}


const trd_instrument_t *
tsd_tape_derive_instrument(const tsd_tape_derive_t *d, uint32_t i)
{
    return &d->at.instruments[i];
}


int
tsd_tape_derive_start(tsd_tape_derive_t *d, int whole, int64_t last_ms)
{
    if (!d->keeping && derive_keep(d) != 0) {
        return -1;
    }

    d->kept.whole = whole;
    d->kept.last_ms = last_ms;
    d->keeping = 0;
    derive_forget(d);
    d->judging = d->carrying = 1;

    return 0;
}


/* ---- what a message brings */

/* As marketd's sweep, once a second: nobody was silent without being told. */

uint32_t
tsd_tape_derive_silent(tsd_tape_derive_t *d, int64_t ms)
{
    uint32_t  i;

    if (!d->judging || d->silent != d->n
        || (ms >= d->swept_ms && ms - d->swept_ms < TRD_SWEEP_MS))
    {
        return d->silent;
    }

    d->swept_ms = ms;

    for (i = 0; i < d->n; i++) {
        if (tsd_derive_silent(&d->shadow[i].state, &d->at.instruments[i],
                              ms))
        {
            d->silent = i;
            break;
        }
    }

    return d->silent;
}


static uint32_t
derive_find(const tsd_tape_derive_t *d, const char *symbol, size_t len)
{
    char                     upper[TRD_SYMBOL_LEN];
    uint32_t                 i;
    const trd_instrument_t  *in;

    if (len == 0 || len > TRD_SYMBOL_LEN) {
        return d->n;
    }

    (void) trd_symbol_hash(symbol, len, upper);

    for (i = 0; i < d->n; i++) {
        in = &d->at.instruments[i];

        if (in->source == d->message->source
            && memcmp(in->exchange_symbol, upper, len) == 0
            && in->exchange_symbol[len] == '\0')
        {
            break;
        }
    }

    return i;
}


static tsd_tape_expected_t *
derive_expect(tsd_tape_derive_t *d, uint32_t instrument,
    const trd_tape_record_t *r)
{
    tsd_tape_expected_t  *e;

    if (d->nexpected == TSD_TAPE_EXPECTED) {
        return NULL;
    }

    e = &d->expected[d->nexpected++];
    e->op = r->op;
    e->instrument = instrument;
    e->remembered = 0;
    e->update = r->update;

    return e;
}


static trd_refused_t
derive_judge(tsd_tape_derive_t *d, uint32_t i, const trd_update_t *u)
{
    int            changed;
    trd_refused_t  refused;

    if (!d->judging) {
        return TRD_REFUSED_NOT;
    }

    if (tsd_derive_silent(&d->shadow[i].state, &d->at.instruments[i],
                          d->message->received_ms))
    {
        d->silent = i;
    }

    refused = trd_apply(&d->shadow[i].state, u, &d->at.limits,
                        d->at.instruments[i].stale_after_ms,
                        d->message->received_ms, &changed);
    d->refusals += refused != TRD_REFUSED_NOT;

    return refused;
}


static void
derive_update(void *ctx, const char *symbol, size_t len,
    const trd_update_t *u)
{
    uint32_t            i;
    trd_tape_record_t   r;
    tsd_tape_derive_t  *d = ctx;

    i = derive_find(d, symbol, len);

    if (i == d->n) {
        return;
    }

    d->refused = derive_judge(d, i, u);

    if (d->refused == TRD_REFUSED_NOT) {
        r.op = TRD_TAPE_UPDATE;
        r.update = *u;
        (void) derive_expect(d, i, &r);
    }
}


static void
derive_trade(void *ctx, const char *symbol, size_t len,
    const trd_binance_trade_t *t)
{
    uint32_t            i;
    trd_print_t         print;
    trd_refused_t       refused, was;
    trd_prints_gap_t    gap;
    trd_tape_record_t   r;
    tsd_tape_derive_t  *d = ctx;

    if (t->aggregate && (d->message->option & TRD_PRINTS_TRADES)) {
        return;
    }

    i = derive_find(d, symbol, len);

    if (i == d->n) {
        return;
    }

    refused = d->refused;

    if (t->aggregate) {
        refused = trd_prints_judge(&d->shadow[i].state.quote, &d->at.limits,
                                   d->message->received_ms, &t->print);
        d->refusals += refused != TRD_REFUSED_NOT;
    }

    was = refused;

    if (trd_prints_trade(&d->shadow[i].prints, t, &d->at.limits,
                         d->message->received_ms, &refused, &print, &gap))
    {
        trd_tape_of_print(&r, &print, t->flags);
        (void) derive_expect(d, i, &r);
    }

    d->refusals += refused != was;
}


static void
derive_kline(void *ctx, const char *symbol, size_t len,
    const trd_binance_kline_t *k)
{
    uint32_t            i;
    trd_refused_t       refused;
    trd_tape_record_t   r;
    tsd_tape_derive_t  *d = ctx;

    i = derive_find(d, symbol, len);

    if (i == d->n) {
        return;
    }

    if (trd_prints_kline(&d->shadow[i].prints, k, &d->at.limits,
                         d->message->received_ms, &refused))
    {
        trd_tape_of_candle(&r, k->interval, &k->candle, k->last_id);
        (void) derive_expect(d, i, &r);
    }

    d->refusals += refused != TRD_REFUSED_NOT;
}


/* NULL: there is no such instrument, or no memory */

static tsd_derive_book_t *
derive_book(tsd_tape_derive_t *d, uint32_t i)
{
    if (i >= d->n) {
        return NULL;
    }

    if (d->shadow[i].book == NULL) {
        d->shadow[i].book = tsd_derive_book_create();
    }

    return d->shadow[i].book;
}


static void
derive_diff(void *ctx, const char *symbol, size_t len, const trd_depth_t *dp)
{
    tsd_tape_derive_t  *d = ctx;
    tsd_derive_book_t  *o;

    o = derive_book(d, derive_find(d, symbol, len));

    if (o) {
        tsd_derive_book_diff(o, dp, d->data, d->message->len);
    }
}


static void
derive_partial(void *ctx, const char *symbol, size_t len,
    const trd_depth_t *dp)
{
    tsd_tape_derive_t  *d = ctx;
    tsd_derive_book_t  *o;

    o = derive_book(d, derive_find(d, symbol, len));

    if (o && trd_book_partial(&o->book, dp) == TRD_ERROR) {
        trd_book_reset(&o->book);
    }
}


static void
derive_stream(tsd_tape_derive_t *d)
{
    trd_rc_t              rc;
    uint32_t              streams = d->message->option;
    trd_binance_market_t  how;

    d->refused = TRD_REFUSED_NOT;

    if (streams & TSD_TAPE_QUOTES) {
        rc = trd_binance_decode(d->data, d->message->len, derive_update, d);

        if (rc == TRD_ERROR || rc == TRD_OVERFLOW) {
            return;
        }
    }

    if ((streams & TSD_TAPE_PRINTS) == 0) {
        return;
    }

    how.trade = streams & (TRD_PRINTS_TRADES | TRD_PRINTS_AGGREGATES)
                ? derive_trade : NULL;
    how.kline = streams & TRD_PRINTS_KLINES ? derive_kline : NULL;
    how.diff = streams & TRD_PRINTS_DIFFS ? derive_diff : NULL;
    how.partial = streams & TRD_PRINTS_PARTIAL ? derive_partial : NULL;
    how.ctx = d;
    how.levels = d->levels;
    how.room = DERIVE_LEVELS;

    /* what it brought counts, as it did for the board */
    rc = trd_binance_market(d->data, d->message->len, &how);
    (void) rc;
}


static void
derive_klines(tsd_tape_derive_t *d)
{
    uint32_t                   i, n;
    trd_tape_record_t          r;
    const tsd_tape_message_t  *m = d->message;

    if (m->instrument >= d->n
        || trd_binance_klines(d->data, m->len, m->option,
                              m->received_ms - TRD_KLINES_SETTLE_MS,
                              d->candles, DERIVE_CANDLES, &n)
           != TRD_OK)
    {
        return;
    }

    for (i = 0; i < n; i++) {
        trd_tape_of_candle(&r, m->option, &d->candles[i], 0);
        (void) derive_expect(d, m->instrument, &r);
    }
}


static void
derive_depth(tsd_tape_derive_t *d)
{
    trd_depth_t           depth;
    tsd_derive_book_t    *o;
    trd_binance_market_t  how;

    memset(&how, 0, sizeof(how));
    how.levels = d->levels;
    how.room = DERIVE_LEVELS;
    o = derive_book(d, d->message->instrument);

    if (o && trd_binance_depth(d->data, d->message->len, &how, &depth)
             == TRD_OK)
    {
        /* which reads `depth` before it uses the scratch again */
        tsd_derive_book_snapshot(o, &depth, d->message->option, d->levels,
                                 DERIVE_LEVELS);
    }
}


static void
derive_rates(tsd_tape_derive_t *d, int same)
{
    uint32_t                   i, accepted;
    trd_rates_feed_t           feed;
    trd_tape_record_t          r;
    tsd_tape_expected_t       *e;
    const trd_rates_t         *rates;
    const tsd_tape_message_t  *m = d->message;

    feed = (trd_rates_feed_t) (m->option & 0xff);

    if (feed >= TRD_RATES_FEEDS || m->source >= TRD_SOURCE_N
        || (same ? !d->rated[m->source]
                 : trd_rates_read(feed, d->data, m->len, &d->read) != TRD_OK))
    {
        return;
    }

    rates = same ? &d->rates[m->source] : &d->read;
    accepted = 0;

    for (i = 0; i < d->n; i++) {

        if (d->at.instruments[i].source != m->source
            || trd_rates_update(feed, rates, &d->at.instruments[i],
                                (m->option >> 8) * 1000, &r.update)
               != TRD_OK
            || derive_judge(d, i, &r.update) != TRD_REFUSED_NOT)
        {
            continue;
        }

        r.op = TRD_TAPE_UPDATE;
        e = derive_expect(d, i, &r);
        accepted++;

        if (e) {
            e->remembered = TRD_HAS_OPEN | TRD_HAS_HIGH | TRD_HAS_LOW;
        }
    }

    if (!same && accepted) {
        d->rates[m->source] = d->read;
        d->rated[m->source] = 1;
    }
}


const tsd_tape_expected_t *
tsd_tape_derive_message(tsd_tape_derive_t *d, const tsd_tape_message_t *m,
    const char *data, size_t *n, uint64_t *refused)
{
    trd_rc_t  rc;

    d->message = m;
    d->keeping = d->carrying = 0;
    d->data = data;
    d->nexpected = 0;
    d->refusals = 0;

    switch (m->decoder) {

    case TSD_TAPE_BINANCE_STREAM:
        derive_stream(d);
        break;

    case TSD_TAPE_BINANCE_TICKER:
        rc = trd_binance_ticker_24hr(data, m->len, derive_update, d);
        (void) rc;      /* likewise */
        break;

    case TSD_TAPE_BINANCE_KLINES:
        derive_klines(d);
        break;

    case TSD_TAPE_BINANCE_DEPTH:
        derive_depth(d);
        break;

    case TSD_TAPE_RATES:
    case TSD_TAPE_RATES_SAME:
        derive_rates(d, m->decoder == TSD_TAPE_RATES_SAME);
        break;

    default:
        break;
    }

    *n = d->nexpected;
    *refused = d->refusals;

    return d->expected;
}


/* ---- what else there is on the tape */

trd_rc_t
tsd_tape_derive_carry(tsd_tape_derive_t *d, const trd_tape_record_t *r)
{
    int           again;
    trd_rc_t      rc;
    trd_state_t  *s = &d->shadow[r->instrument].state;

    again = !d->carrying || s->quote.has;
    rc = TRD_AGAIN;

    if (d->judging && !trd_source_simulated(r->source)) {
        rc = again ? TRD_ERROR
                   : tsd_derive_kept_check(&d->kept,
                                           &d->at.instruments[r->instrument],
                                           r);
    }

    tsd_derive_carried(s, r);

    return rc;
}


void
tsd_tape_derive_remembered(tsd_tape_derive_t *d, const trd_tape_record_t *r,
    uint32_t remembered)
{
    if (d->judging && remembered) {
        tsd_derive_remembered(&d->shadow[r->instrument].state, &r->update,
                              remembered);
    }
}


const char *
tsd_tape_derive_event(tsd_tape_derive_t *d, const trd_tape_record_t *r)
{
    int               changed;
    uint32_t          i;
    derive_shadow_t  *s = &d->shadow[r->instrument];

    switch (r->op) {

    case TRD_TAPE_STEP:
        for (i = 0; i < d->n; i++) {
            d->shadow[i].state.step_ms += (int64_t) r->update.id;
        }

        d->swept_ms = r->received_ms;
        break;

    case TRD_TAPE_RECONNECTED:
        for (i = 0; i < d->n; i++) {
            if (d->at.instruments[i].source == r->source) {
                trd_apply_reconnected(&d->shadow[i].state);
            }
        }

        break;

    case TRD_TAPE_BROKEN:
        trd_prints_broken(&s->prints);

        if (s->book) {
            trd_book_reset(&s->book->book);
        }

        break;

    case TRD_TAPE_STALE:
        if (d->judging
            && !trd_is_stale(&s->state,
                             d->at.instruments[r->instrument].stale_after_ms,
                             r->received_ms))
        {
            return "was not stale";
        }

        s->state.quote.stale = 1;
        break;

    case TRD_TAPE_GAP:
        d->judging = d->keeping = 0;
        tsd_derive_kept_free(&d->kept);

        for (i = 0; i < d->n; i++) {
            tsd_derive_book_free(d->shadow[i].book);
            d->shadow[i].book = NULL;
        }

        break;

    case TRD_TAPE_UPDATE:
        /* of no message: nothing to judge it by */
        (void) trd_apply(&s->state, &r->update, &d->at.limits,
                         d->at.instruments[r->instrument].stale_after_ms,
                         r->received_ms, &changed);
        break;

    default:
        break;
    }

    return NULL;
}


trd_rc_t
tsd_tape_derive_book(tsd_tape_derive_t *d, const trd_tape_record_t *r)
{
    uint32_t            n, i;
    unsigned            side;
    trd_level_t         level[TRD_TAPE_DEPTH];
    tsd_derive_book_t  *o = d->shadow[r->instrument].book;

    /* taken from the board: it hides, and says nothing */

    if (r->book->n[0] == 0 && r->book->n[1] == 0 && r->update.id == 0) {
        if (o) {
            trd_book_reset(&o->book);
        }

        return TRD_OK;
    }

    if (o == NULL || o->book.state == TRD_BOOK_EMPTY) {
        return d->judging ? TRD_ERROR : TRD_AGAIN;
    }

    if (r->update.id != o->book.last_id
        || r->update.exchange_ms != o->book.exchange_ms)
    {
        return TRD_ERROR;
    }

    for (side = 0; side < 2; side++) {
        n = trd_book_shown(&o->book, side, TRD_TAPE_DEPTH, level);

        if (n != r->book->n[side]) {
            return TRD_ERROR;
        }

        for (i = 0; i < n; i++) {
            if (level[i].price_e8 != r->book->level[side][i].price_e8
                || level[i].quantity_e8
                   != r->book->level[side][i].quantity_e8)
            {
                return TRD_ERROR;
            }
        }
    }

    return TRD_OK;
}
