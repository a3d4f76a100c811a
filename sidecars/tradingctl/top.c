/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * tradingctl top: the command, the loop that looks and draws again and again,
 * and the keys and signals that it obeys.  Signals only write a byte into a
 * pipe that the main loop waits on.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE             /* pipe2() */
#endif

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/poll.h>
#include <unistd.h>

#include "top.h"
#include "tradingctl.h"
#include "tsd_log.h"

#define TOP_INTERVAL_MS   500
#define TOP_ONCE_MS       500       /* that rates of --once are taken over */
#define TOP_SEQUENCE_MS   50

static int  top_pipe[2] = { -1, -1 };


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
