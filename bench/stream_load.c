/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Many clients of a stream in one thread, on loopback:
 *
 *     stream_load [options] PORT PATH
 *
 * Opens the connections, waits until all are open, says {"open":N}, lets the
 * warm-up pass, measures, and prints what it saw as one line of JSON.  Every
 * message of every connection is counted; on some connections, evenly among
 * the others, the price of each update is read as well, which is the time of
 * its write (bench/stream_writer), and makes the latency: from the write to
 * the moment that the bytes are out of the socket.
 *
 * Mute connections ask as all others do, and read nothing once their request
 * is answered.  Pings are answered.
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "stream_client.h"
#include "trd_ws.h"
#include "tsd_log.h"

#define LOAD_OPENING  128       /* at a time */
#define LOAD_OPEN_S   60        /* for all */
#define LOAD_READ     (256 * 1024)
#define LOAD_KEPT     32        /* of a message whose price is not read */
#define LOAD_SAMPLED  512
#define LOAD_MUTE_BUF 16384     /* what a mute one's socket takes */
#define LOAD_BITS     7         /* buckets are at most 1/128 wide */
#define LOAD_BUCKETS  (64 << LOAD_BITS)

typedef struct {
    int           fd;           /* -1: not open */
    uint8_t       sampled;
    uint8_t       mute;
    client_in_t   in;
} load_conn_t;

typedef struct {
    int           port;
    const char   *path;
    long          conns;
    long          samples;      /* connections whose prices are read */
    long          mute;
    long          sse;
    double        seconds;
    double        warm;
} load_options_t;

typedef struct {
    load_options_t   o;
    int              epoll;
    load_conn_t     *conns;
    load_conn_t     *now;       /* whose bytes are being looked at */
    int64_t          now_us;    /* when they were read */
    long             begun;     /* connections */
    long             readers;   /* of them not mute */
    long             open;
    long             closed;
    int              measuring;
    uint64_t         updates;
    uint64_t         notices;   /* "skipped" and "missed" */
    uint64_t         others;
    uint64_t         bytes;
    uint64_t         reads;
    uint64_t         sampled;
    int64_t          max_us;
    uint64_t         buckets[LOAD_BUCKETS];
    uint8_t          buf[LOAD_READ];
} load_t;


static void
load_failed(const char *what)
{
    perror(what);
    exit(1);
}


/* values below 128 have their own bucket, above it is 1/128 of the value */

static unsigned
load_bucket(int64_t us)
{
    unsigned  bit;

    if (us < (1 << LOAD_BITS)) {
        return us < 0 ? 0 : (unsigned) us;
    }

    bit = 63 - (unsigned) __builtin_clzll((uint64_t) us) - LOAD_BITS;

    return ((bit + 1) << LOAD_BITS)
           + (unsigned) ((us >> bit) - (1 << LOAD_BITS));
}


/* the upper end of a bucket */

static int64_t
load_value(unsigned bucket)
{
    unsigned  bit;

    if (bucket < (1U << LOAD_BITS)) {
        return bucket;
    }

    bit = (bucket >> LOAD_BITS) - 1;

    return ((int64_t) ((bucket & ((1U << LOAD_BITS) - 1)) + (1U << LOAD_BITS)
                       + 1) << bit) - 1;
}


static int64_t
load_percentile(const load_t *l, double part)
{
    unsigned  i;
    uint64_t  n, want;

    want = (uint64_t) ((double) l->sampled * part);

    for (i = 0, n = 0; i < LOAD_BUCKETS; i++) {
        n += l->buckets[i];

        if (n > want) {
            return load_value(i) < l->max_us ? load_value(i) : l->max_us;
        }
    }

    return l->max_us;
}


/* the price, seconds as a decimal, in microseconds; -1: there is none */

static int64_t
load_price(const char *text, size_t len)
{
    int          places;
    int64_t      us;
    const char  *p, *end = text + len;

    static const char  name[] = "\"current_price\":";

    p = memmem(text, len, name, sizeof(name) - 1);

    if (p == NULL) {
        return -1;
    }

    p += sizeof(name) - 1;
    p += (p < end && *p == '"');

    for (us = 0, places = -1; p < end && places < 6; p++) {
        if (*p == '.' && places == -1) {
            places = 0;

        } else if (*p >= '0' && *p <= '9') {
            us = us * 10 + *p - '0';
            places += (places != -1);

        } else {
            break;
        }
    }

    for (places = places < 0 ? 0 : places; places < 6; places++) {
        us *= 10;
    }

    return us;
}


static void
load_message(void *ctx, unsigned opcode, const char *text, size_t len)
{
    load_t   *l = ctx;
    int64_t   us;
    uint8_t   pong[TRD_WS_CONTROL_MAX + 8];

#define load_begins(s)  (len >= sizeof(s) - 1                                 \
                         && memcmp(text, s, sizeof(s) - 1) == 0)

    if (opcode == TRD_WS_PING) {
        (void) send(l->now->fd, pong,
                    client_frame(pong, TRD_WS_PONG, text, len), MSG_NOSIGNAL);
        return;
    }

    if (!l->measuring) {
        return;
    }

    if (load_begins("{\"type\":\"skipped\"") || load_begins(
            "{\"type\":\"missed\""))
    {
        l->notices++;
        return;
    }

    if (!load_begins("{\"type\":\"price_update\"")) {
        l->others++;
        return;
    }

    l->updates++;

    if (l->now->sampled) {
        us = load_price(text, len);

        if (us != -1) {
            us = l->now_us - us;
            l->buckets[load_bucket(us)]++;
            l->max_us = us > l->max_us ? us : l->max_us;
            l->sampled++;
        }
    }

#undef load_begins
}


static void
load_close(load_t *l, load_conn_t *c)
{
    (void) close(c->fd);
    c->fd = -1;
    l->closed++;
}


static void
load_read(load_t *l, load_conn_t *c)
{
    ssize_t  n;
    uint8_t  before;

    n = recv(c->fd, l->buf, sizeof(l->buf), 0);

    if (n <= 0) {
        if (n == 0 || errno != EAGAIN) {
            load_close(l, c);
        }

        return;
    }

    if (c->sampled) {
        l->now_us = tsd_mono_us();
    }

    if (l->measuring) {
        l->bytes += (uint64_t) n;
        l->reads++;
    }

    l->now = c;
    before = c->in.header;
    client_feed(&c->in, l->buf, (size_t) n, load_message, l);

    if (before < 4 && c->in.header == 4) {
        l->open++;

        if (c->mute
            && epoll_ctl(l->epoll, EPOLL_CTL_DEL, c->fd, NULL) != 0)
        {
            load_failed("epoll_ctl");
        }
    }
}


/* is the i-th of n one of `some`, evenly among the others? */

static uint8_t
load_chosen(long i, long some, long n)
{
    return (i + 1) * some / n != i * some / n;
}


static void
load_begin(load_t *l, long i)
{
    load_conn_t         *c = &l->conns[i];
    struct epoll_event   ev;

    c->mute = load_chosen(i, l->o.mute, l->o.conns);
    c->sampled = !c->mute && load_chosen(l->readers++, l->o.samples,
                                         l->o.conns - l->o.mute);
    c->in.sse = (uint8_t) l->o.sse;
    c->in.room = c->sampled ? LOAD_SAMPLED : LOAD_KEPT;
    c->in.text = malloc(c->in.room);
    c->fd = client_connect(l->o.port, (unsigned) i,
                           c->mute ? LOAD_MUTE_BUF : 0);

    if (c->in.text == NULL || c->fd == -1) {
        load_failed("connect");
    }

    /* writable once it is connected */

    ev.events = EPOLLIN | EPOLLOUT;
    ev.data.ptr = c;

    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &ev) != 0) {
        load_failed("epoll_ctl");
    }

    l->begun++;
}


static void
load_event(load_t *l, struct epoll_event *ev)
{
    load_conn_t  *c = ev->data.ptr;

    if (ev->events & EPOLLOUT) {
        ev->events = EPOLLIN;

        if (client_request(c->fd, l->o.path, c->in.sse) != 0
            || epoll_ctl(l->epoll, EPOLL_CTL_MOD, c->fd, ev) != 0)
        {
            load_failed("request");
        }

        return;
    }

    load_read(l, c);
}


/* until then; 1: `until` came, 0: all connections are open */

static int
load_run(load_t *l, int64_t until, int opening)
{
    int                 i, n;
    int64_t             now;
    struct epoll_event  evs[256];

    for ( ;; ) {
        now = tsd_mono_us();

        if (now >= until) {
            return 1;
        }

        if (opening && l->open + l->closed == l->o.conns) {
            return 0;
        }

        while (opening && l->begun < l->o.conns
               && l->begun - l->open - l->closed < LOAD_OPENING)
        {
            load_begin(l, l->begun);
        }

        n = epoll_wait(l->epoll, evs, 256, (int) ((until - now) / 1000) + 1);

        for (i = 0; i < n; i++) {
            load_event(l, &evs[i]);
        }
    }
}


static double
load_cpu(void)
{
    struct rusage  u;

    (void) getrusage(RUSAGE_SELF, &u);

    return (double) (u.ru_utime.tv_sec + u.ru_stime.tv_sec)
           + (double) (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}


static void
load_measure(load_t *l)
{
    double   s, cpu;
    int64_t  start;

    start = tsd_mono_us();
    (void) load_run(l, start + (int64_t) (l->o.warm * 1e6), 0);

    l->measuring = 1;
    start = tsd_mono_us();
    cpu = load_cpu();
    (void) load_run(l, start + (int64_t) (l->o.seconds * 1e6), 0);

    s = (double) (tsd_mono_us() - start) / 1e6;
    cpu = load_cpu() - cpu;

    (void) printf("{\"seconds\":%.2f,\"open\":%ld,\"closed\":%ld,"
                  "\"updates\":%llu,\"updates_per_s\":%.0f,"
                  "\"bytes_per_s\":%.0f,\"reads_per_s\":%.0f,"
                  "\"notices\":%llu,\"others\":%llu,\"client_cpu\":%.2f,"
                  "\"samples\":%llu,\"p50_us\":%lld,\"p99_us\":%lld,"
                  "\"p999_us\":%lld,\"max_us\":%lld}\n",
                  s, l->open, l->closed, (unsigned long long) l->updates,
                  (double) l->updates / s, (double) l->bytes / s,
                  (double) l->reads / s, (unsigned long long) l->notices,
                  (unsigned long long) l->others, cpu / s,
                  (unsigned long long) l->sampled,
                  (long long) load_percentile(l, 0.5),
                  (long long) load_percentile(l, 0.99),
                  (long long) load_percentile(l, 0.999),
                  (long long) l->max_us);
}


static void
load_usage(void)
{
    (void) fprintf(stderr,
        "usage: stream_load [options] PORT PATH\n"
        "  --conns N      connections (default 100)\n"
        "  --mute N       of them never read\n"
        "  --samples N    of them whose latency is taken (default 100)\n"
        "  --sse 1        Server-Sent Events, not WebSocket\n"
        "  --warm S       seconds before measuring (default 1)\n"
        "  --seconds S    of measuring (default 3)\n");
    exit(2);
}


static void
load_options(load_options_t *o, int argc, char **argv)
{
    int  i;

    o->conns = o->samples = 100;
    o->warm = 1;
    o->seconds = 3;

    for (i = 1; i + 1 < argc && argv[i][0] == '-'; i += 2) {

        if (strcmp(argv[i], "--conns") == 0) {
            o->conns = atol(argv[i + 1]);

        } else if (strcmp(argv[i], "--mute") == 0) {
            o->mute = atol(argv[i + 1]);

        } else if (strcmp(argv[i], "--samples") == 0) {
            o->samples = atol(argv[i + 1]);

        } else if (strcmp(argv[i], "--sse") == 0) {
            o->sse = atol(argv[i + 1]) != 0;

        } else if (strcmp(argv[i], "--warm") == 0) {
            o->warm = atof(argv[i + 1]);

        } else if (strcmp(argv[i], "--seconds") == 0) {
            o->seconds = atof(argv[i + 1]);

        } else {
            load_usage();
        }
    }

    if (argc - i != 2 || o->conns < 1 || o->mute < 0 || o->mute > o->conns
        || o->samples < 0 || o->seconds <= 0 || o->warm < 0)
    {
        load_usage();
    }

    o->port = atoi(argv[i]);
    o->path = argv[i + 1];

    if (o->samples > o->conns - o->mute) {
        o->samples = o->conns - o->mute;
    }
}


int
main(int argc, char **argv)
{
    static load_t  l;

    load_options(&l.o, argc, argv);
    client_files();

    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    l.conns = calloc((size_t) l.o.conns, sizeof(*l.conns));

    if (l.epoll == -1 || l.conns == NULL) {
        load_failed("epoll");
    }

    if (load_run(&l, tsd_mono_us() + LOAD_OPEN_S * 1000000LL, 1) != 0
        || l.closed)
    {
        (void) fprintf(stderr, "stream_load: %ld of %ld connections opened, "
                       "%ld were closed\n", l.open, l.o.conns, l.closed);
        return 1;
    }

    (void) printf("{\"open\":%ld}\n", l.open);
    (void) fflush(stdout);

    load_measure(&l);

    return 0;
}
