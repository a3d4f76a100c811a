/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Reads every record of a board by the readers' own functions, which check
 * each one's hash.  What moves while it is looked at is tried again; what is
 * not there yet is no fault.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "board.h"
#include "tradingctl.h"
#include "trd_board_series.h"

#define VERIFY_TRIES     20
#define VERIFY_PAUSE_US  500

typedef struct {
    ctl_verify_t       *v;
    const trd_board_t  *b;
    trd_candle_t       *candles;
    trd_trade_t        *trades;
    trd_level_t        *levels;
    char               *body;
    uint32_t            room;           /* of body */
} verify_t;


static void verify_fault(ctl_verify_t *v, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));


static void
verify_fault(ctl_verify_t *v, const char *fmt, ...)
{
    va_list  args;

    v->faults++;

    if (v->nfault == sizeof(v->fault) / sizeof(v->fault[0])) {
        return;
    }

    va_start(args, fmt);
    (void) vsnprintf(v->fault[v->nfault++], sizeof(v->fault[0]), fmt, args);
    va_end(args);
}


/* 1: again, after a pause */

static int
verify_again(verify_t *c, trd_rc_t rc, unsigned try)
{
    if (rc != TRD_AGAIN) {
        return 0;
    }

    if (try == VERIFY_TRIES) {
        c->v->unsettled++;
        return 0;
    }

    (void) usleep(VERIFY_PAUSE_US);

    return 1;
}


static void
verify_names(verify_t *c)
{
    char                      upper[TRD_INDEX_KEY_LEN];
    uint32_t                  i, found;
    trd_rc_t                  rc;
    trd_instrument_t          in;
    trd_index_entry_t         e;

    for (i = 0; i < c->b->n; i++) {

        if (trd_board_instrument(c->b, i, &in) != TRD_OK) {
            verify_fault(c->v, "instrument %u: its hash is wrong", i);
            continue;
        }

        c->v->instruments++;

        if (trd_board_find(c->b, in.exchange_symbol,
                           strlen(in.exchange_symbol), &found) != TRD_OK
            || found != i)
        {
            verify_fault(c->v, "instrument %u: the index does not lead to "
                         "\"%.24s\"", i, in.exchange_symbol);
        }
    }

    for (i = 0; i <= c->b->index_mask; i++) {
        memcpy(&e, &c->b->index[i], sizeof(e));

        if (e.instrument == 0) {
            continue;
        }

        c->v->index++;

        if (e.len == 0 || e.len > TRD_INDEX_KEY_LEN
            || trd_symbol_hash(e.key, e.len, upper) != e.hash)
        {
            verify_fault(c->v, "index entry %u: its hash is wrong", i);
            continue;
        }

        rc = trd_board_find(c->b, e.key, e.len, &found);

        if (rc != TRD_OK || found != e.instrument - 1) {
            verify_fault(c->v, "index entry %u: leads nowhere", i);
        }
    }
}


static void
verify_quotes(verify_t *c)
{
    uint32_t     i;
    trd_rc_t     rc;
    unsigned     try;
    trd_quote_t  q;

    for (i = 0; i < c->b->n; i++) {

        for (try = 1; ; try++) {
            rc = trd_board_quote(c->b, i, &q);

            if (!verify_again(c, rc, try)) {
                break;
            }
        }

        if (rc == TRD_OK) {
            c->v->quotes += q.has != 0;

        } else if (rc != TRD_AGAIN) {
            verify_fault(c->v, "quote of instrument %u: its hash is wrong",
                         i);
        }
    }
}


/* TRD_OVERFLOW: no memory for it */

static trd_rc_t
verify_body(verify_t *c, const trd_page_t *page, unsigned attempt)
{
    void             *more;
    trd_rc_t          rc;
    trd_page_view_t   view;

    rc = trd_page_begin(c->b, page, attempt, &view);

    if (rc != TRD_OK) {
        return rc;
    }

    if (view.len > c->room) {
        more = realloc(c->body, view.len);

        if (more == NULL) {
            return TRD_OVERFLOW;
        }

        c->body = more;
        c->room = view.len;
    }

    return trd_page_copy(&view, c->body);
}


/* owner: whose page it is; kind: which of its pages */

static int
verify_page(verify_t *c, const trd_page_t *page, const char *owner,
    unsigned number, unsigned kind)
{
    trd_rc_t  rc;
    unsigned  try;

    for (try = 1; ; try++) {
        rc = verify_body(c, page, try);

        /* a page that does not settle in all that time is a wrong one: its
           hash tells no more than that */

        if (rc == TRD_AGAIN && try == VERIFY_TRIES) {
            rc = TRD_CORRUPT;
        }

        if (!verify_again(c, rc, try)) {
            break;
        }
    }

    if (rc == TRD_OVERFLOW) {
        return -1;
    }

    if (rc == TRD_OK) {
        c->v->pages++;

    } else if (rc != TRD_NOT_FOUND) {
        verify_fault(c->v, "page %u of %s %u: its hash is wrong", kind, owner,
                     number);
    }

    return 0;
}


static int
verify_pages(verify_t *c)
{
    uint32_t  i;
    unsigned  k;

    for (i = 0; i < c->b->n; i++) {
        for (k = 0; k < TRD_ENTRY_N; k++) {
            if (verify_page(c, trd_board_entry_page(c->b, i, k),
                            "instrument", i, k) != 0)
            {
                return -1;
            }
        }
    }

    for (i = 0; i < TRD_PAGE_N; i++) {
        for (k = 0; k < TRD_VARIANT_N; k++) {
            if (verify_page(c, trd_board_page(c->b, i, k),
                            k == TRD_VARIANT_GZIP ? "the market, gzip,"
                            : "the market, plain,", k, i) != 0)
            {
                return -1;
            }
        }
    }

    return 0;
}


static void
verify_journal(verify_t *c)
{
    uint32_t      instrument;
    trd_rc_t      rc;
    uint64_t      seq, newest, first, have;
    trd_change_t  change;

    newest = trd_board_seq(c->b);
    have = (uint64_t) c->b->journal_mask + 1;
    first = newest > have ? newest - have + 1 : 1;

    for (seq = first; seq <= newest; seq++) {
        rc = trd_board_journal(c->b, seq, &instrument, &change);

        if (rc == TRD_OK) {
            c->v->journal++;

        } else if (rc != TRD_NOT_FOUND && rc != TRD_AGAIN) {
            verify_fault(c->v, "journal entry %llu makes no sense",
                         (unsigned long long) seq);
        }
    }
}


static void
verify_history(verify_t *c, uint32_t i)
{
    uint32_t          n;
    trd_rc_t          rc;
    uint64_t          missed;
    unsigned          k, try;
    trd_board_book_t  book;

    for (k = 0; k < TRD_INTERVALS && c->b->candles; k++) {

        for (try = 1; ; try++) {
            rc = trd_board_candles(c->b, i, k, INT64_MAX, c->b->candles,
                                   c->candles, &n);

            if (!verify_again(c, rc, try)) {
                break;
            }
        }

        if (rc == TRD_OK) {
            c->v->candles[k] += n;

        } else if (rc == TRD_CORRUPT) {
            verify_fault(c->v, "%s candles of instrument %u: a hash is wrong",
                         trd_interval_name(k), i);
        }
    }

    for (try = 1; c->b->trades; try++) {
        rc = trd_board_trades(c->b, i, 0, c->b->trades, c->trades, &n,
                              &missed);

        if (verify_again(c, rc, try)) {
            continue;
        }

        if (rc == TRD_OK) {
            c->v->trades += n;

        } else if (rc == TRD_CORRUPT) {
            verify_fault(c->v, "trades of instrument %u: a hash is wrong", i);
        }

        break;
    }

    for (try = 1; c->b->depth; try++) {
        rc = trd_board_depth(c->b, i, c->b->depth, c->levels,
                             2 * (size_t) c->b->depth, &book);

        if (verify_again(c, rc, try)) {
            continue;
        }

        if (rc == TRD_OK) {
            c->v->depths++;
            c->v->levels += book.nbids + book.nasks;

        } else if (rc == TRD_CORRUPT) {
            verify_fault(c->v, "book of instrument %u: its hash is wrong", i);
        }

        break;
    }
}


int
ctl_verify(ctl_verify_t *v, const ctl_board_t *board)
{
    int       rc;
    uint32_t  i;
    verify_t  c;

    memset(v, 0, sizeof(*v));
    memset(&c, 0, sizeof(c));
    c.v = v;
    c.b = ctl_board(board);
    c.candles = calloc(c.b->candles + 1, sizeof(trd_candle_t));
    c.trades = calloc(c.b->trades + 1, sizeof(trd_trade_t));
    c.levels = calloc(2 * (size_t) c.b->depth + 1, sizeof(trd_level_t));
    rc = -1;

    if (c.candles == NULL || c.trades == NULL || c.levels == NULL) {
        goto failed;
    }

    verify_names(&c);
    verify_quotes(&c);

    if (verify_pages(&c) != 0) {
        goto failed;
    }

    verify_journal(&c);

    for (i = 0; i < c.b->n; i++) {
        verify_history(&c, i);
        ctl_progress("verifying", i, c.b->n);
    }

    ctl_progress("verifying", 1, 1);

    if (trd_board_map_lost(&board->map)) {
        verify_fault(v, "the file was truncated meanwhile");
    }

    rc = 0;

failed:

    free(c.candles);
    free(c.trades);
    free(c.levels);
    free(c.body);

    return rc;
}
