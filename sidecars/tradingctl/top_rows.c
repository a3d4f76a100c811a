/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The rows of tradingctl top: what the board says at a look, which of them
 * match the filter and in what order.  A board that is replaced begins anew.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE             /* strcasestr() */
#endif

#include <stdlib.h>
#include <string.h>

#include "top.h"
#include "tradingctl.h"

static top_t  *top_sorted;              /* for qsort() */

static const char *const  top_sorts[TOP_BY_N] = {
    "catalogue", "symbol", "change", "age", "source"
};


const char *
top_sort_name(top_sort_t sort)
{
    return top_sorts[sort];
}


const ctl_figures_t *
top_before(const top_t *t)
{
    return t->npast ? &t->past[0] : NULL;
}


/* The instruments of the board that is mapped now. */

static int
top_load(top_t *t)
{
    uint32_t            i;
    const trd_board_t  *b = ctl_board(&t->board);

    free(t->rows);
    free(t->order);
    t->rows = NULL;
    t->order = NULL;
    t->n = t->shown = 0;
    t->npast = 0;
    memset(&t->now, 0, sizeof(t->now));

    if (b == NULL) {
        return 0;
    }

    t->rows = calloc((size_t) b->n + 1, sizeof(top_row_t));
    t->order = calloc((size_t) b->n + 1, sizeof(uint32_t));

    if (t->rows == NULL || t->order == NULL) {
        return -1;
    }

    t->n = b->n;

    for (i = 0; i < t->n; i++) {
        t->rows[i].rc = trd_board_instrument(b, i, &t->rows[i].in);

        if (t->rows[i].rc != TRD_OK) {
            memset(&t->rows[i].in, 0, sizeof(t->rows[i].in));
            (void) strcpy(t->rows[i].in.symbol, "?");
        }
    }

    return 0;
}


static void
top_quotes(top_t *t)
{
    uint32_t            i;
    trd_rc_t            rc;
    top_row_t          *row;
    trd_quote_t         q;
    const trd_board_t  *b = ctl_board(&t->board);

    for (i = 0; i < t->n; i++) {
        row = &t->rows[i];
        rc = trd_board_quote(b, i, &q);

        /* unsettled: the last one is as good, it is shown again soon */

        if (rc == TRD_AGAIN || row->in.hash == 0) {
            continue;
        }

        row->rc = rc;

        if (rc != TRD_OK) {
            continue;
        }

        if ((q.has & row->quote.has & TRD_HAS_LAST)
            && q.last_e8 != row->quote.last_e8)
        {
            row->way = q.last_e8 > row->quote.last_e8 ? 1 : -1;
            row->moved_ms = t->now.mono_ms;
        }

        row->quote = q;
    }
}


static int
top_matches(const top_t *t, const top_row_t *row)
{
    char        source[32];
    unsigned    i;
    const char  *in[4];

    if (t->filter[0] == '\0') {
        return 1;
    }

    ctl_text_source(&row->quote, source);
    in[0] = row->in.symbol;
    in[1] = row->in.exchange_symbol;
    in[2] = trd_class_name(row->in.asset_class);
    in[3] = source;

    for (i = 0; i < 4; i++) {
        if (in[i] && strcasestr(in[i], t->filter)) {
            return 1;
        }
    }

    return 0;
}


/* rows that lack what they are sorted by come last, whichever way */

static int
top_compare(const void *one, const void *two)
{
    int               rc, a_has, b_has;
    uint32_t          i = *(const uint32_t *) one, k = *(const uint32_t *) two;
    const top_row_t  *a = &top_sorted->rows[i], *b = &top_sorted->rows[k];

    rc = 0;

    switch (top_sorted->sort) {

    case TOP_BY_SYMBOL:
        rc = strcmp(a->in.symbol, b->in.symbol);
        break;

    case TOP_BY_CHANGE:
        a_has = (a->quote.has & TRD_HAS_CHANGE) != 0;
        b_has = (b->quote.has & TRD_HAS_CHANGE) != 0;

        if (!a_has || !b_has) {
            return a_has != b_has ? b_has - a_has : (i > k) - (i < k);
        }

        rc = (a->quote.change_e8 < b->quote.change_e8)
             - (a->quote.change_e8 > b->quote.change_e8);
        break;

    case TOP_BY_AGE:
        a_has = a->quote.has != 0;
        b_has = b->quote.has != 0;

        if (!a_has || !b_has) {
            return a_has != b_has ? b_has - a_has : (i > k) - (i < k);
        }

        rc = (a->quote.received_ms < b->quote.received_ms)
             - (a->quote.received_ms > b->quote.received_ms);
        break;

    case TOP_BY_SOURCE:
        rc = a->quote.source - b->quote.source;
        break;

    default:
        break;
    }

    if (rc == 0) {
        rc = (i > k) - (i < k);
    }

    return top_sorted->reverse ? -rc : rc;
}


void
top_order(top_t *t)
{
    uint32_t  i;

    for (i = t->shown = 0; i < t->n; i++) {
        if (top_matches(t, &t->rows[i])) {
            t->order[t->shown++] = i;
        }
    }

    if (t->shown > 1) {
        top_sorted = t;
        qsort(t->order, t->shown, sizeof(uint32_t), top_compare);
    }
}


static void
top_remember(top_t *t)
{
    if (t->npast
        && t->now.mono_ms - t->past[t->npast - 1].mono_ms < 1000)
    {
        return;
    }

    if (t->npast == TOP_PAST) {
        memmove(&t->past[0], &t->past[1],
                sizeof(t->past) - sizeof(t->past[0]));
        t->npast--;
    }

    t->past[t->npast++] = t->now;
}


int
top_look(top_t *t)
{
    if (ctl_board_follow(&t->board) && top_load(t) != 0) {
        return -1;
    }

    if (ctl_board(&t->board) == NULL) {
        return t->n ? top_load(t) : 0;
    }

    /* the first one is what the next are compared with */

    if (t->now.mono_ms) {
        top_remember(t);
    }

    ctl_figures_read(&t->now, ctl_board(&t->board));
    top_quotes(t);

    /* zeros of a page that went are no figures */

    if (trd_board_map_lost(&t->board.map)) {
        (void) ctl_board_follow(&t->board);
        return top_load(t);
    }

    top_order(t);

    return 0;
}
