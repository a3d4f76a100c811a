/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * tradingctl top: reads the board again and again, follows it when there is a
 * new one, and obeys keys and signals.  Signals only write a byte into a pipe
 * that the main loop waits on.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE             /* pipe2(), strcasestr() */
#endif

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/poll.h>
#include <unistd.h>

#include "top.h"
#include "tradingctl.h"
#include "tsd_log.h"

#define TOP_INTERVAL_MS   500
#define TOP_ONCE_MS       500       /* that rates of --once are taken over */
#define TOP_SEQUENCE_MS   50

static int    top_pipe[2] = { -1, -1 };
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


static void
top_signal(int signo)
{
    int   saved;
    char  c;

    saved = errno;
    c = (char) signo;
    (void) !write(top_pipe[1], &c, 1);
    errno = saved;
}


static void
top_handle(int signo, void (*handler)(int))
{
    struct sigaction  sa;

    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = handler;
    (void) sigemptyset(&sa.sa_mask);
    (void) sigaction(signo, &sa, NULL);
}


static int
top_signals(void)
{
    unsigned  i;

    static const int  signals[] = {
        SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT
    };

    if (pipe2(top_pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        return -1;
    }

    for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        top_handle(signals[i], top_signal);
    }

    top_handle(SIGPIPE, SIG_IGN);

    return 0;
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


static void
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


/* One look at the board.  -1: no memory. */

static int
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


static void
top_scroll(top_t *t, int64_t by)
{
    int64_t  first, last;

    last = (int64_t) t->shown - t->page;
    first = (int64_t) t->first + by;
    first = first > last ? last : first;
    t->first = (uint32_t) (first > 0 ? first : 0);
}


static void
top_type(top_t *t, int key)
{
    size_t  len;

    len = strlen(t->filter);

    if (key == '\r' || key == '\n') {
        t->typing = 0;

    } else if (key == KEY_ESCAPE) {
        t->typing = 0;
        t->filter[0] = '\0';

    } else if (key == 0x7f || key == '\b') {
        t->filter[len ? len - 1 : 0] = '\0';

    } else if (key == 0x15) {
        t->filter[0] = '\0';

    } else if (key > ' ' && key < 0x7f && len < TOP_FILTER) {
        t->filter[len] = (char) key;
        t->filter[len + 1] = '\0';
    }

    top_order(t);
    top_scroll(t, 0);
}


/* 1: it is the end */

static int
top_key(top_t *t, int key)
{
    if (key == KEY_HANGUP) {
        return 1;
    }

    if (t->typing && (key < 256 || key == KEY_ESCAPE)) {
        top_type(t, key);
        return 0;
    }

    switch (key) {

    case 'q':
    case 'Q':
        return 1;

    case KEY_UP:
        top_scroll(t, -1);
        break;

    case KEY_DOWN:
        top_scroll(t, 1);
        break;

    case KEY_PAGE_UP:
        top_scroll(t, -(int64_t) t->page);
        break;

    case KEY_PAGE_DOWN:
    case ' ':
        top_scroll(t, t->page);
        break;

    case KEY_HOME:
        t->first = 0;
        break;

    case KEY_END:
        top_scroll(t, t->shown);
        break;

    case 's':
        t->sort = (top_sort_t) ((t->sort + 1) % TOP_BY_N);
        top_order(t);
        break;

    case 'r':
        t->reverse = !t->reverse;
        top_order(t);
        break;

    case '/':
        t->typing = 1;
        break;

    case KEY_ESCAPE:
        t->filter[0] = '\0';
        top_order(t);
        break;

    default:
        break;
    }

    return 0;
}


/* What the pipe holds.  1: it is the end. */

static int
top_signalled(top_t *t)
{
    char  c;
    int   end;

    for (end = 0; read(top_pipe[0], &c, 1) == 1; ) {

        switch (c) {

        case SIGWINCH:
            screen_size(&t->screen);
            break;

        case SIGTSTP:

            /* stops as if it had no handler, the terminal being itself */

            screen_leave();
            top_handle(SIGTSTP, SIG_DFL);
            (void) raise(SIGTSTP);
            top_handle(SIGTSTP, top_signal);
            end = screen_enter(&t->screen) != 0;
            break;

        case SIGCONT:
            break;

        default:
            end = 1;
        }
    }

    return end;
}


static void
top_wait(top_t *t, int64_t until_ms)
{
    int            ms;
    int64_t        left;
    struct pollfd  fds[2];

    left = until_ms - tsd_mono_ms();
    ms = left > 0 ? (int) left : 0;
    memset(fds, 0, sizeof(fds));
    fds[0].fd = STDIN_FILENO;
    fds[0].events = POLLIN;
    fds[1].fd = top_pipe[0];
    fds[1].events = POLLIN;

    if (t->gateway) {
        (void) gateway_wait(t->gateway, fds, 2, ms);

    } else {
        (void) poll(fds, 2, ms);
    }
}


static int
top_live(top_t *t)
{
    int      key, rc, end;
    int64_t  next_ms;

    if (top_signals() != 0 || screen_enter(&t->screen) != 0) {
        (void) fprintf(stderr, "tradingctl top: the terminal: %s\n",
                       strerror(errno));
        return CTL_FAILED;
    }

    rc = CTL_OK;
    next_ms = 0;

    for (end = 0; !end; ) {

        if (tsd_mono_ms() >= next_ms) {
            next_ms = tsd_mono_ms() + t->interval_ms;

            if (top_look(t) != 0) {
                rc = CTL_FAILED;
                break;
            }

            if (t->gateway) {
                gateway_ask(t->gateway, tsd_mono_ms());
            }
        }

        if (top_frame(t) != 0) {
            break;
        }

        top_wait(t, next_ms);
        end = top_signalled(t);

        while (!end && (key = screen_key(TOP_SEQUENCE_MS)) != KEY_NONE) {
            end = top_key(t, key);
        }
    }

    screen_leave();

    if (rc != CTL_OK) {
        (void) fprintf(stderr, "tradingctl top: no memory\n");
    }

    return rc;
}


static int
top_once(top_t *t)
{
    int64_t  until_ms;

    if (top_look(t) != 0) {
        (void) fprintf(stderr, "tradingctl top: no memory\n");
        return CTL_FAILED;
    }

    if (ctl_board(&t->board) == NULL) {
        (void) ctl_board_open(&t->board);

        return CTL_FAILED;
    }

    if (t->gateway) {
        gateway_ask(t->gateway, tsd_mono_ms());

        while (gateway_wait(t->gateway, NULL, 0, 100) == 0) {
            /* it has a timeout of its own */
        }
    }

    until_ms = t->now.mono_ms + TOP_ONCE_MS;

    while (tsd_mono_ms() < until_ms) {
        (void) usleep(10000);
    }

    if (top_look(t) != 0 || ctl_board(&t->board) == NULL) {
        (void) fprintf(stderr, "tradingctl top: %s: %s\n", t->board.path,
                       t->board.why);
        return CTL_FAILED;
    }

    if (t->json) {
        top_json(t);
        return CTL_OK;
    }

    return top_frame(t) == 0 ? CTL_OK : CTL_FAILED;
}


int
ctl_top(int argc, char **argv)
{
    int          rc;
    top_t       *t;
    uint64_t     ms;
    const char  *url, *interval;

    t = calloc(1, sizeof(*t));

    if (t == NULL) {
        (void) fprintf(stderr, "tradingctl top: no memory\n");
        return CTL_FAILED;
    }

    url = interval = NULL;
    t->interval_ms = TOP_INTERVAL_MS;
    t->json = ctl_option(&argc, argv, "json", NULL);
    t->once = ctl_option(&argc, argv, "once", NULL) || t->json;
    screen_init(&t->screen);

    if (ctl_option(&argc, argv, "interval", &interval)) {

        if (ctl_number(interval, &ms) != 0 || ms < 50 || ms > 60000) {
            rc = ctl_usage("top", "--interval needs 50 to 60000 ms");
            goto done;
        }

        t->interval_ms = (int64_t) ms;
    }

    if (ctl_option(&argc, argv, "url", &url)) {

        if (url == NULL) {
            rc = ctl_usage("top", "--url needs an URL");
            goto done;
        }

        t->gateway = gateway_open(url);

        if (t->gateway == NULL) {
            rc = CTL_USAGE;
            goto done;
        }
    }

    rc = ctl_board_init(&t->board, &argc, argv);

    if (rc != CTL_OK) {
        goto done;
    }

    if (argc != 1) {
        rc = ctl_usage("top", "it takes no further argument");
        goto done;
    }

    /* a frame is all that a file or a pipe can take */

    t->once |= !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO);
    rc = t->once ? top_once(t) : top_live(t);

done:

    ctl_board_close(&t->board);
    gateway_close(t->gateway);
    screen_free(&t->screen);
    free(t->rows);
    free(t->order);
    free(t);

    return rc;
}
