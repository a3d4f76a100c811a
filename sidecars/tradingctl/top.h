/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * tradingctl top: what its parts share.  top_rows.c reads the board, top.c
 * the keys, top_frame.c draws it, top_json.c prints it.
 */

#ifndef CTL_TOP_H
#define CTL_TOP_H

#include "board.h"
#include "gateway.h"
#include "screen.h"

#define TOP_PAST    5           /* samples of the past, one a second */
#define TOP_FILTER  24

typedef enum {
    TOP_BY_CATALOGUE = 0,
    TOP_BY_SYMBOL,
    TOP_BY_CHANGE,
    TOP_BY_AGE,
    TOP_BY_SOURCE,
    TOP_BY_N
} top_sort_t;

typedef struct {
    trd_instrument_t  in;
    trd_quote_t       quote;
    trd_rc_t          rc;       /* TRD_CORRUPT: the quote is the last good */
    int               way;      /* of the last price's last move, -1 0 1 */
    int64_t           moved_ms; /* when we saw it, CLOCK_MONOTONIC */
} top_row_t;

typedef struct {
    ctl_board_t      board;
    gateway_t       *gateway;           /* NULL: no --url */
    ctl_figures_t    now;
    ctl_figures_t    past[TOP_PAST];    /* the oldest first */
    unsigned         npast;
    top_row_t       *rows;              /* of the board that is mapped */
    uint32_t         n;
    uint32_t        *order;             /* rows that are shown */
    uint32_t         shown;
    uint32_t         first;             /* of them on the screen */
    uint32_t         page;              /* rows that the screen has */
    top_sort_t       sort;
    int              reverse;
    int              typing;            /* the filter is being typed */
    char             filter[TOP_FILTER + 1];
    int              once;
    int              json;
    int64_t          interval_ms;
    screen_t         screen;
} top_t;

/* what rates are reckoned from; NULL: nothing yet */
const ctl_figures_t *top_before(const top_t *t);

const char *top_sort_name(top_sort_t sort);

/* one look at the board: 0, or -1: no memory */
int top_look(top_t *t);

/* the rows that match the filter, in order */
void top_order(top_t *t);

/* 0, or -1 if nobody is there to see it */
int top_frame(top_t *t);

void top_json(const top_t *t);

#endif /* CTL_TOP_H */
