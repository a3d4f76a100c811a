/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Any bytes into the decoders of Binance trades, klines and depth, and what
 * they pass on into an order book and a builder of candles.  Nothing may be
 * passed on of what is not JSON, what is passed on must make sense in itself,
 * and the book must stay in order whatever it is fed.
 */

#include <stdint.h>
#include <stdlib.h>

#include "../unit/json_oracle.h"

#include "trd_binance_market.h"
#include "trd_book.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROOM      64
#define CAPACITY  8

typedef struct {
    const char           *data;
    size_t                size;
    size_t                n;
    trd_book_t            book;
    trd_candle_rules_t    rules;
    trd_candle_series_t   series;
} fuzz_t;


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


static void
check_symbol(fuzz_t *f, const char *symbol, size_t len)
{
    f->n++;
    check(symbol > f->data && len > 0 && len < f->size
          && symbol + len < f->data + f->size);
}


static void
candle(void *ctx, unsigned interval, const trd_candle_t *c)
{
    (void) ctx;
    check(c->open_ms % trd_interval_ms(interval) == 0);
    check(c->low_e8 <= c->open_e8 && c->open_e8 <= c->high_e8
          && c->low_e8 <= c->close_e8 && c->close_e8 <= c->high_e8);
    check((c->flags & ~(uint32_t) TRD_CANDLE_FLAGS) == 0);
}


static void
trade(void *ctx, const char *symbol, size_t len, const trd_binance_trade_t *t)
{
    fuzz_t    *f = ctx;
    trd_rc_t   rc;

    check_symbol(f, symbol, len);
    check(t->print.first_id <= t->print.last_id && t->print.ms >= 0);

    rc = trd_candle_trade(&f->series, &f->rules, &t->print, candle, f);
    check(rc == TRD_OK || rc == TRD_IGNORED || rc == TRD_ERROR);
    (void) trd_candle_flush(&f->series, &f->rules, candle, f);
}


static void
kline(void *ctx, const char *symbol, size_t len, const trd_binance_kline_t *k)
{
    fuzz_t    *f = ctx;
    trd_rc_t   rc;

    check_symbol(f, symbol, len);
    check(k->interval < TRD_INTERVALS);
    check(k->candle.open_ms % trd_interval_ms(k->interval) == 0);
    check(k->candle.flags & TRD_CANDLE_SOURCE);

    rc = trd_candle_put(&f->series, &f->rules, k->interval, &k->candle,
                        k->last_id, candle, f);
    check(rc == TRD_OK || rc == TRD_IGNORED || rc == TRD_ERROR);
    (void) trd_candle_flush(&f->series, &f->rules, candle, f);
}


static void
check_depth(const trd_depth_t *d)
{
    uint32_t  i;

    check(d->nbids + d->nasks <= ROOM && d->first_id <= d->last_id);

    for (i = 0; i < d->nbids; i++) {
        check(d->bids[i].price_e8 > 0 && d->bids[i].quantity_e8 >= 0);
    }

    for (i = 0; i < d->nasks; i++) {
        check(d->asks[i].price_e8 > 0 && d->asks[i].quantity_e8 >= 0);
    }
}


static void
diff(void *ctx, const char *symbol, size_t len, const trd_depth_t *d)
{
    fuzz_t       *f = ctx;
    trd_rc_t      rc;
    trd_depth_t   next;

    check_symbol(f, symbol, len);
    check_depth(d);

    next = *d;
    next.first_id = f->book.last_id + 1;
    next.last_id = f->book.last_id + 1;

    rc = trd_book_apply(&f->book, &next);
    check((rc == TRD_OK) == (f->book.state == TRD_BOOK_LIVE));
    check(trd_book_check(&f->book));
}


static void
partial(void *ctx, const char *symbol, size_t len, const trd_depth_t *d)
{
    fuzz_t  *f = ctx;

    check_symbol(f, symbol, len);
    check_depth(d);

    if (trd_book_snapshot(&f->book, d, 0) == TRD_OK) {
        check(trd_book_check(&f->book));
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                    valid;
    fuzz_t                 f;
    trd_rc_t               rc;
    uint32_t               i, n;
    trd_depth_t            d;
    trd_level_t            levels[ROOM], memory[1024];
    trd_candle_t           rows[16], rings[16 * TRD_INTERVALS];
    const char            *text;
    trd_binance_market_t   m = {
        trade, kline, diff, partial, &f, levels, ROOM
    };

    if (size == 0) {
        return 0;               /* data may be NULL then */
    }

    text = (const char *) data;
    valid = json_oracle_skipped(text, size);

    f.data = text;
    f.size = size;
    f.n = 0;
    f.rules.capacity = 16;
    f.rules.grace_ms = 0;
    f.rules.complete = (uint32_t) size & 1;

    check(trd_book_memory(CAPACITY) <= sizeof(memory)
          && trd_candle_memory(&f.rules) <= sizeof(rings));
    trd_book_init(&f.book, CAPACITY, memory);
    trd_candle_init(&f.series, &f.rules, rings);

    for (i = 0; i < 3; i++) {
        rc = trd_binance_market(text, size, &m);

        check(valid || (rc == TRD_ERROR && f.n == 0));
        check(rc == TRD_OK || rc == TRD_IGNORED || rc == TRD_ERROR
              || rc == TRD_OVERFLOW);
        check((rc == TRD_OK) == (f.n == i + 1));

        if (rc != TRD_OK) {
            break;
        }
    }

    rc = trd_binance_depth(text, size, &m, &d);
    check(valid || rc == TRD_ERROR);

    if (rc == TRD_OK) {
        check_depth(&d);
        trd_book_reset(&f.book);
        (void) !trd_book_snapshot(&f.book, &d, 1);
        check(trd_book_check(&f.book));
    }

    rc = trd_binance_klines(text, size, (unsigned) size % TRD_INTERVALS, 1,
                            rows, 16, &n);
    check(valid || rc == TRD_ERROR);
    check(n <= 16 && (rc == TRD_OK || n == 0));

    for (i = 1; i < n; i++) {
        check(rows[i].open_ms > rows[i - 1].open_ms);
    }

    return 0;
}
