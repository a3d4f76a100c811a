/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A board for measuring streams: writes quotes at an even pace and wakes who
 * follows it.
 *
 *     stream_writer INSTRUMENTS.json RUN_DIR COUNT RATE SECONDS [POST_PORT]
 *
 * The first COUNT instruments get RATE updates a second each, one after the
 * other (RATE 0: the board is silent and only beats).  current_price is the
 * time of the write, the microseconds of CLOCK_MONOTONIC as seconds, so that
 * whoever reads the message knows how old it is.  With POST_PORT each update
 * is also posted to /pub there, as the text of a stream's message, over one
 * connection; the next one waits for the answer.  What cannot be written in
 * time is left out, not made up for.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <event2/event.h>

#include "board_file.h"
#include "trd_quote_json.h"
#include "trd_stream_json.h"
#include "tsd_log.h"
#include "tsd_wake.h"

#define WRITER_LATE_US  100000      /* from then on the pace begins anew */
#define WRITER_BEAT_US  100000
#define WRITER_TEXT     4096

typedef struct {
    marketd_config_t    config;
    catalogue_t         catalogue;
    market_t            market;
    board_file_t        file;
    tsd_wake_t         *wake;
    struct event_base  *base;
    struct event       *timer;
    struct event       *beat;
    uint32_t            count;
    int64_t             step_us;    /* from one update to the next; 0: none */
    int64_t             due_us;
    int64_t             end_us;
    uint64_t            written;
    int                 post;       /* fd, -1: none */
} writer_t;


static void
writer_failed(const char *what)
{
    perror(what);
    exit(1);
}


static uint64_t
writer_seq(void *ctx)
{
    return ((writer_t *) ctx)->market.writer.seq;
}


static int
writer_connect(const char *port)
{
    int                 fd;
    struct timeval      tv = { 10, 0 };
    struct sockaddr_in  to;

    memset(&to, 0, sizeof(to));
    to.sin_family = AF_INET;
    to.sin_port = htons((uint16_t) atoi(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd == -1
        || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) != 0
        || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) != 0
        || connect(fd, (struct sockaddr *) &to, sizeof(to)) != 0)
    {
        writer_failed("connect");
    }

    return fd;
}


/* the whole answer, which must be of success */

static void
writer_answer(int fd)
{
    char     buf[WRITER_TEXT], *body, *length;
    size_t   len, want;
    ssize_t  n;

    for (len = 0, want = sizeof(buf) - 1; len < want; len += (size_t) n) {

        n = recv(fd, buf + len, want - len, 0);

        if (n <= 0) {
            writer_failed("publisher's answer");
        }

        buf[len + (size_t) n] = '\0';
        body = strstr(buf, "\r\n\r\n");

        if (body && want == sizeof(buf) - 1) {
            length = strcasestr(buf, "\r\nContent-Length:");
            want = (size_t) (body + 4 - buf)
                   + (length ? strtoul(length + 17, NULL, 10) : 0);

            if (strncmp(buf, "HTTP/1.1 2", 10) != 0 || want >= sizeof(buf)) {
                (void) fprintf(stderr, "publisher: %s\n", buf);
                exit(1);
            }
        }
    }
}


static void
writer_post(writer_t *w, uint32_t i, const trd_quote_t *q)
{
    int           n;
    char          text[WRITER_TEXT], all[WRITER_TEXT + 256];
    trd_writer_t  t;

    trd_writer_init(&t, text, sizeof(text));
    trd_update_json_head(&t, "price_update", "prices", q->seq,
                         q->received_ms);
    trd_quote_json(&t, &w->catalogue.instruments[i], q, TRD_FIELD_ALL);
    trd_write_lit(&t, "}");

    n = snprintf(all, sizeof(all), "POST /pub HTTP/1.1\r\nHost: bench\r\n"
                 "Content-Type: application/json\r\n"
                 "Content-Length: %zu\r\n\r\n%.*s", trd_writer_len(&t),
                 (int) trd_writer_len(&t), text);

    if (send(w->post, all, (size_t) n, MSG_NOSIGNAL) != n) {
        writer_failed("publisher");
    }

    writer_answer(w->post);
}


static void
writer_update(writer_t *w, uint32_t i)
{
    trd_quote_t  q;

    memset(&q, 0, sizeof(q));
    q.has = TRD_HAS_LAST | TRD_HAS_BID | TRD_HAS_ASK | TRD_HAS_OPEN
            | TRD_HAS_HIGH | TRD_HAS_LOW | TRD_HAS_VOLUME
            | TRD_HAS_QUOTE_VOLUME | TRD_HAS_CHANGE | TRD_HAS_TIME;
    q.source = TRD_SOURCE_SIMULATOR;
    q.bid_e8 = 4325011000000;
    q.ask_e8 = 4325012000000;
    q.open_e8 = 4271534000000;
    q.high_e8 = 4390000000000;
    q.low_e8 = 4250000000000;
    q.volume_e8 = 2845512345000;
    q.quote_volume_e8 = 122345678912345000;
    q.change_e8 = 125200000;
    q.received_ms = q.exchange_ms = tsd_wall_ms();
    q.last_e8 = tsd_mono_us() * 100;

    trd_board_put_quote(&w->market.writer, i, &q, TRD_CHANGE_QUOTE);

    if (w->post != -1) {
        writer_post(w, i, &q);
    }

    w->written++;
}


static void
writer_schedule(struct event *ev, int64_t us)
{
    struct timeval  tv;

    us = us > 0 ? us : 0;
    tv.tv_sec = us / 1000000;
    tv.tv_usec = us % 1000000;

    if (event_add(ev, &tv) != 0) {
        writer_failed("event_add");
    }
}


static void
writer_timer(evutil_socket_t fd, short what, void *arg)
{
    int64_t    now;
    writer_t  *w = arg;

    (void) fd;
    (void) what;

    now = tsd_mono_us();

    if (now - w->due_us > WRITER_LATE_US) {
        w->due_us = now;
    }

    while (w->due_us <= now) {
        writer_update(w, (uint32_t) (w->written % w->count));
        w->due_us += w->step_us;
    }

    tsd_wake_notify(w->wake);
    writer_schedule(w->timer, w->due_us - tsd_mono_us());
}


static void
writer_beat(evutil_socket_t fd, short what, void *arg)
{
    writer_t  *w = arg;

    (void) fd;
    (void) what;

    trd_board_beat(&w->market.writer, tsd_mono_ms(), tsd_wall_ms());

    if (tsd_mono_us() >= w->end_us) {
        (void) event_base_loopbreak(w->base);
        return;
    }

    writer_schedule(w->beat, WRITER_BEAT_US);
}


static void
writer_open(writer_t *w, char **argv)
{
    char                  path[4096 + 8];
    uint32_t              i;
    struct event_config  *config;

    if (marketd_config_read(&w->config) != 0
        || catalogue_read(&w->catalogue, argv[1]) != 0
        || w->count == 0 || w->count > w->catalogue.n
        || board_file_lock(&w->file, argv[2]) != 0
        || board_file_create(&w->file, &w->market, &w->catalogue, argv[1], 0)
           != 0
        || market_init(&w->market, &w->config, &w->catalogue) != 0)
    {
        writer_failed("no board");
    }

    /* libevent's own timers are of whole milliseconds */

    config = event_config_new();

    if (config == NULL
        || event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) != 0
        || (w->base = event_base_new_with_config(config)) == NULL)
    {
        writer_failed("libevent");
    }

    event_config_free(config);

    (void) snprintf(path, sizeof(path), "%s.wake", w->file.path);
    w->wake = tsd_wake_create(w->base, path, writer_seq, w);
    w->timer = evtimer_new(w->base, writer_timer, w);
    w->beat = evtimer_new(w->base, writer_beat, w);

    if (w->wake == NULL || w->timer == NULL || w->beat == NULL) {
        writer_failed(path);
    }

    for (i = 0; i < w->count; i++) {
        writer_update(w, i);
    }
}


static void
writer_close(writer_t *w)
{
    tsd_wake_free(w->wake);
    event_free(w->timer);
    event_free(w->beat);
    event_base_free(w->base);
    market_free(&w->market);
    board_file_close(&w->file);
    catalogue_free(&w->catalogue);
}


int
main(int argc, char **argv)
{
    long             rate;
    int64_t          begun;
    static writer_t  w;

    if (argc < 6 || argc > 7 || (rate = atol(argv[4])) < 0
        || atol(argv[5]) < 1)
    {
        (void) fprintf(stderr, "usage: stream_writer INSTRUMENTS.json RUN_DIR "
                       "COUNT RATE SECONDS [POST_PORT]\n");
        return 2;
    }

    w.count = (uint32_t) atol(argv[3]);
    w.post = (argc == 7) ? writer_connect(argv[6]) : -1;
    writer_open(&w, argv);

    begun = tsd_mono_us();
    w.due_us = begun;
    w.end_us = begun + atol(argv[5]) * 1000000;

    if (rate) {
        w.step_us = 1000000 / (rate * (int64_t) w.count);
        w.step_us = w.step_us ? w.step_us : 1;
        writer_schedule(w.timer, 0);
    }

    writer_beat(-1, 0, &w);

    if (board_file_publish(&w.file) != 0) {
        return 1;
    }

    (void) event_base_dispatch(w.base);

    (void) printf("{\"written_per_s\":%.1f}\n", (double) w.written * 1e6
                  / (double) (tsd_mono_us() - begun));

    writer_close(&w);

    return 0;
}
