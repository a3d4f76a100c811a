/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * tradingctl quotes: the quotes now, and with --watch each that changes from
 * then on.  What one look finds is one line, so that a quote that changed
 * twice since the last look is told once.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "board.h"
#include "tradingctl.h"
#include "trd_quote_json.h"
#include "tsd_log.h"

#define QUOTES_LOOK_US  100000

typedef struct {
    ctl_board_t    board;
    int            json;
    int            watch;
    char         **symbols;
    int            nsymbols;
    uint32_t      *which;       /* instruments of the board */
    uint32_t       n;
    uint64_t      *seq;         /* that was told of each */
} quotes_t;

static volatile sig_atomic_t  quotes_end;


static void
quotes_signal(int signo)
{
    quotes_end = signo;
}


/* Which instruments of this board are meant: 0, or -1 after saying why. */

static int
quotes_choose(quotes_t *q)
{
    int                 i, result;
    trd_rc_t            rc;
    const trd_board_t  *b = ctl_board(&q->board);

    free(q->which);
    free(q->seq);
    q->n = q->nsymbols ? (uint32_t) q->nsymbols : b->n;
    q->which = calloc((size_t) q->n + 1, sizeof(uint32_t));
    q->seq = calloc((size_t) q->n + 1, sizeof(uint64_t));

    if (q->which == NULL || q->seq == NULL) {
        (void) fprintf(stderr, "tradingctl quotes: no memory\n");
        return -1;
    }

    for (i = 0; q->nsymbols == 0 && i < (int) q->n; i++) {
        q->which[i] = (uint32_t) i;
    }

    for (i = result = 0; i < q->nsymbols; i++) {
        rc = trd_board_find(b, q->symbols[i], strlen(q->symbols[i]),
                            &q->which[i]);

        if (rc != TRD_OK) {
            (void) fprintf(stderr, "tradingctl quotes: %s \"%s\"\n",
                           rc == TRD_NOT_FOUND ? "no instrument"
                           : "the index is damaged at", q->symbols[i]);
            result = -1;
        }
    }

    return result;
}


static trd_rc_t
quotes_read(const trd_board_t *b, uint32_t i, trd_instrument_t *in,
    trd_quote_t *quote)
{
    trd_rc_t  rc;
    unsigned  try;

    rc = trd_board_instrument(b, i, in);

    for (try = 0; rc == TRD_OK && try < 20; try++) {
        rc = trd_board_quote(b, i, quote);

        if (rc != TRD_AGAIN) {
            return rc;
        }

        rc = TRD_OK;
        (void) usleep(500);
    }

    return rc == TRD_OK ? TRD_AGAIN : rc;
}


void
ctl_json_quote(const trd_instrument_t *in, const trd_quote_t *quote)
{
    char          buf[2048];
    trd_writer_t  w;

    trd_writer_init(&w, buf, sizeof(buf));
    trd_quote_json(&w, in, quote, TRD_FIELD_ALL);
    (void) fwrite(buf, 1, trd_writer_len(&w), stdout);
}


static void
quotes_text(const trd_instrument_t *in, const trd_quote_t *quote)
{
    char  last[32], bid[32], ask[32], change[32], age[32], source[32];

    ctl_text_price(in, quote, TRD_HAS_LAST, quote->last_e8, last);
    ctl_text_price(in, quote, TRD_HAS_BID, quote->bid_e8, bid);
    ctl_text_price(in, quote, TRD_HAS_ASK, quote->ask_e8, ask);
    ctl_text_change(quote, change);
    ctl_text_source(quote, source);
    ctl_text_age(quote->has ? tsd_wall_ms() - quote->received_ms : -1, age);

    (void) printf("%-10s %14s %14s %14s %8s %7s  %s%s\n", in->symbol, last,
                  bid, ask, change, age, quote->has ? source : "-",
                  quote->stale && quote->has ? "  stale" : "");
}


/* all: in one table or object; else those that changed, one a line */

static int
quotes_print(quotes_t *q, int all)
{
    int                 result, first;
    uint32_t            i;
    trd_rc_t            rc;
    trd_quote_t         quote;
    trd_instrument_t    in;
    const trd_board_t  *b = ctl_board(&q->board);

    result = CTL_OK;
    first = 1;

    for (i = 0; i < q->n; i++) {
        rc = quotes_read(b, q->which[i], &in, &quote);

        if (rc == TRD_AGAIN && !all) {
            continue;
        }

        if (rc != TRD_OK) {
            (void) fprintf(stderr, "tradingctl quotes: instrument %u is %s\n",
                           q->which[i],
                           rc == TRD_AGAIN ? "unsettled" : "damaged");
            result = CTL_FAILED;
            continue;
        }

        if (!all && quote.seq == q->seq[i]) {
            continue;
        }

        q->seq[i] = quote.seq;

        if (q->json && all) {
            (void) printf("%s", first ? "" : ",");
            ctl_json(in.symbol);
            (void) printf(":");
            ctl_json_quote(&in, &quote);

        } else if (q->json) {
            ctl_json_quote(&in, &quote);
            (void) printf("\n");

        } else {
            quotes_text(&in, &quote);
        }

        first = 0;
    }

    return result;
}


static void
quotes_head(void)
{
    (void) printf("%-10s %14s %14s %14s %8s %7s  %s\n", "SYMBOL", "LAST",
                  "BID", "ASK", "24H %", "AGE", "SOURCE");
}


static int
quotes_watch(quotes_t *q)
{
    char  told[sizeof(q->board.why)];

    (void) signal(SIGINT, quotes_signal);
    (void) signal(SIGTERM, quotes_signal);
    (void) signal(SIGPIPE, SIG_IGN);
    told[0] = '\0';

    while (!quotes_end) {

        if (ctl_board(&q->board)) {
            (void) quotes_print(q, 0);
        }

        if (fflush(stdout) != 0) {
            return CTL_OK;              /* nobody reads on */
        }

        (void) usleep(QUOTES_LOOK_US);

        if (ctl_board_follow(&q->board) && ctl_board(&q->board)
            && quotes_choose(q) != 0)
        {
            return CTL_FAILED;
        }

        if (strcmp(told, q->board.why) != 0) {
            (void) strcpy(told, q->board.why);

            if (told[0]) {
                (void) fprintf(stderr, "tradingctl quotes: %s: %s\n",
                               q->board.path, told);
            }
        }
    }

    return CTL_OK;
}


static int
quotes_run(quotes_t *q)
{
    int  rc;

    if (ctl_board_open(&q->board) == NULL || quotes_choose(q) != 0) {
        return CTL_FAILED;
    }

    if (!q->json) {
        quotes_head();
    }

    if (q->watch) {
        return quotes_watch(q);
    }

    if (q->json) {
        (void) printf("{");
    }

    rc = quotes_print(q, 1);

    if (q->json) {
        (void) printf("}\n");
    }

    return rc;
}


int
ctl_quotes(int argc, char **argv)
{
    int        rc;
    quotes_t  *q;

    q = calloc(1, sizeof(*q));

    if (q == NULL) {
        (void) fprintf(stderr, "tradingctl quotes: no memory\n");
        return CTL_FAILED;
    }

    q->json = ctl_option(&argc, argv, "json", NULL);
    q->watch = ctl_option(&argc, argv, "watch", NULL);
    rc = ctl_board_init(&q->board, &argc, argv);

    if (rc == CTL_OK && argc > 1 && argv[1][0] == '-') {
        rc = ctl_usage("quotes", "no such option");
    }

    if (rc == CTL_OK) {
        q->symbols = argv + 1;
        q->nsymbols = argc - 1;
        rc = quotes_run(q);
    }

    ctl_board_close(&q->board);
    free(q->which);
    free(q->seq);
    free(q);

    return rc;
}
