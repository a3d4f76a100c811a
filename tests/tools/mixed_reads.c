/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Reads quotes on every surface as fast as nginx gives them, while somebody
 * writes, and checks that one quote is the same everywhere:
 *
 *   - no reader, of any process, sees two contents for one instrument and seq:
 *     whole objects byte for byte, and price, change, time and staleness
 *     between quotes, signals and binary codes;
 *   - one ETag of a path is one body;
 *   - on one surface of one connection seq never goes backwards (this needs
 *     a server with one worker);
 *   - every body is well-formed JSON, complete, of the type it claims.
 *
 *     mixed_reads PORT READS PROCESSES SECONDS [SYMBOL...]
 *
 * Prints one line of JSON and exits 1 on a violation, which it tells on
 * stderr.  Processes share one table of what was seen.  A slot of it that is
 * needed for a newer quote is taken over, so what is compared are readings of
 * about the same time; their number is printed.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mixed_http.h"
#include "trd_json_read.h"

#define READS_CONNECTIONS  4
#define READS_PIPELINE     16

static const char *const  *symbols;
static unsigned            nsymbols;
static uint64_t            rng;

/* hashes of names, by number */
static uint32_t            known[READS_SYMBOLS];
static unsigned            nknown;


static uint32_t
random_below(uint32_t n)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;

    return (uint32_t) ((rng >> 32) * n >> 32);
}


static double
seconds_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


static unsigned
number_of(uint32_t symbol)
{
    unsigned  i;

    for (i = 0; i < nknown; i++) {
        if (known[i] == symbol) {
            return i;
        }
    }

    if (nknown < READS_SYMBOLS - 1) {
        known[nknown++] = symbol;
    }

    return i;
}


typedef struct {
    uint64_t   seen[SEEN_N];
    uint32_t   symbol;
    uint64_t   seq;
    int        has_seq, received, entry, code;
} object_t;


static void
object_field(object_t *o, const trd_json_t *key, const trd_json_t *value)
{
    int64_t   n;
    uint64_t  h;

    static const char *const  names[] = {
        "current_price", "price_change_24h", "timestamp", "stale"
    };
    unsigned  i;

    h = XXH3_64bits(value->text, value->len) | 1;

    for (i = 0; i < 4; i++) {
        if (trd_json_is(key, names[i], strlen(names[i]))) {
            o->seen[i] = h;
            return;
        }
    }

    if (trd_json_is(key, "symbol", 6)) {
        o->symbol = (uint32_t) h;

    } else if (trd_json_is(key, "seq", 3)) {
        o->has_seq = trd_json_i64(value->text, value->len, &n) == TRD_OK;
        o->seq = (uint64_t) n;

    } else if (trd_json_is(key, "received_at", 11)) {
        o->received = 1;

    } else if (trd_json_is(key, "entry_price", 11)) {
        o->entry = 1;

    } else if (trd_json_is(key, "binary_code", 11)) {
        o->code = 1;
    }
}


static void
object_judge(const wanted_t *w, connection_t *c, object_t *o,
    const char *text, size_t len)
{
    uint64_t  *last;

    if (o->symbol == 0 || !o->has_seq) {
        return;
    }

    atomic_fetch_add_explicit(&shared->objects, 1, memory_order_relaxed);

    if (o->received) {
        o->seen[SEEN_QUOTE] = XXH3_64bits(text, len) | 1;

    } else if (o->entry) {
        o->seen[SEEN_SIGNAL] = XXH3_64bits(text, len) | 1;

    } else if (o->code) {
        o->seen[SEEN_BINARY] = XXH3_64bits(text, len) | 1;
    }

    last = &c->last[w->surface][w->gzip][number_of(o->symbol)];

    if (o->seq < *last) {
        violation(w, "seq went backwards", text, len);
    }

    *last = o->seq;

    compare(w, o->symbol, o->seq, o->seen, text, len);
}


/* after an opening token; -1: malformed */

static int
walk(const wanted_t *w, connection_t *c, trd_json_t *r, int is_object)
{
    object_t           o;
    trd_json_t         key;
    const char        *start;
    trd_json_token_t   t;

    memset(&o, 0, sizeof(o));
    start = r->text;

    for ( ;; ) {
        t = trd_json_next(r);
        key = *r;

        if (t == TRD_JSON_KEY) {
            t = trd_json_next(r);
        }

        switch (t) {

        case TRD_JSON_ERROR:
        case TRD_JSON_END:
            return -1;

        case TRD_JSON_OBJECT:
        case TRD_JSON_ARRAY:
            if (walk(w, c, r, t == TRD_JSON_OBJECT) != 0) {
                return -1;
            }

            break;

        case TRD_JSON_OBJECT_END:
        case TRD_JSON_ARRAY_END:
            if (is_object) {
                object_judge(w, c, &o, start, (size_t) (r->pos - start));
            }

            return 0;

        default:
            if (is_object) {
                object_field(&o, &key, r);
            }
        }
    }
}


static void
judge_body(const wanted_t *w, connection_t *c, const char *body, size_t len)
{
    trd_json_t  r;

    trd_json_init(&r, body, len);

    if (trd_json_next(&r) != TRD_JSON_OBJECT || walk(w, c, &r, 1) != 0
        || trd_json_next(&r) != TRD_JSON_END)
    {
        violation(w, "not a JSON object", body, len);
    }
}


/* reads one answer; 1: the connection ends with it, -1: it is broken */

static int
answer(const wanted_t *w, connection_t *c)
{
    char        *head, *end;
    long         len;
    size_t       n, elen;
    const char  *p, *etag;

    while ((end = c->end > c->start
                  ? memmem(c->buf + c->start, c->end - c->start,
                           "\r\n\r\n", 4)
                  : NULL)
           == NULL)
    {
        if (fill(c, c->end - c->start + 1) != 0) {
            return -1;
        }
    }

    *end = '\0';
    end[2] = '\0';                      /* the last line keeps its CR LF */
    end[0] = '\r';
    head = c->buf + c->start;

    p = header(head, "\r\nContent-Length: ", &n);
    len = p ? strtol(p, NULL, 10) : -1;

    if (strncmp(head, "HTTP/1.1 200 ", 13) != 0 || len < 0
        || strcasestr(head, "\r\nX-Market-Stale") != NULL
        || (p = header(head, "\r\nContent-Type: ", &n)) == NULL
        || n != 16 || memcmp(p, "application/json", 16) != 0
        || (etag = header(head, "\r\nETag: ", &elen)) == NULL)
    {
        violation(w, "unexpected head", head, strlen(head));
        return -1;
    }

    elen = elen > 100 ? 100 : elen;
    char  tag[100];
    memcpy(tag, etag, elen);

    int  zipped = strcasestr(head, "\r\nContent-Encoding: gzip") != NULL;
    int  closing = strcasestr(head, "\r\nConnection: close") != NULL;

    c->start = (size_t) (end + 4 - c->buf);

    if (fill(c, (size_t) len) != 0) {
        violation(w, "body cut short", strerror(errno), 80);
        return -1;
    }

    p = c->buf + c->start;
    n = (size_t) len;
    c->start += n;

    atomic_fetch_add_explicit(&shared->reads, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&shared->bytes, n, memory_order_relaxed);
    compare_tag(w, tag, elen, p, n);

    if (zipped) {
        atomic_fetch_add_explicit(&shared->gzip, 1, memory_order_relaxed);
        if (!w->gzip) {
            violation(w, "gzip that was not asked for", tag, elen);
        }

        n = unzip(w, p, n);
        p = plain;

    } else if (w->gzip) {
        /* the compressed page is not rendered yet: right, but rare */
        atomic_fetch_add_explicit(&shared->unready, 1, memory_order_relaxed);
    }

    judge_body(w, c, p, n);

    return closing;
}


static void
choose(wanted_t *w)
{
    unsigned     i, at;
    const char  *a, *b;

    at = random_below(100);

    for (i = 0; i < SURFACE_N - 1 && at >= surfaces[i].weight; i++) {
        at -= surfaces[i].weight;
    }

    a = symbols[random_below(nsymbols)];
    do {
        b = symbols[random_below(nsymbols)];
    } while (b == a && nsymbols > 1);

    w->surface = i;
    w->gzip = surfaces[i].whole && random_below(2);

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void) snprintf(w->target, sizeof(w->target), surfaces[i].path, a, b);
#pragma GCC diagnostic pop

    w->path = XXH3_64bits(w->target, strlen(w->target));
}


static int
batch(connection_t *c, wanted_t *wanted, unsigned n)
{
    int        rc;
    char       out[READS_PIPELINE * 512];
    size_t     len;
    ssize_t    sent;
    unsigned   i;

    for (i = 0, len = 0; i < n; i++) {
        choose(&wanted[i]);
        len += (size_t) snprintf(out + len, sizeof(out) - len,
                                 "GET %s HTTP/1.1\r\nHost: t\r\n%s\r\n",
                                 wanted[i].target, wanted[i].gzip
                                 ? "Accept-Encoding: gzip\r\n" : "");
    }

    sent = send(c->fd, out, len, MSG_NOSIGNAL);

    if (sent != (ssize_t) len) {
        violation(NULL, "cannot send", strerror(errno), 80);
        return -1;
    }

    for (i = 0; i < n; i++) {
        rc = answer(&wanted[i], c);

        if (rc < 0) {
            violation(&wanted[i], "no whole answer", strerror(errno), 80);
            return -1;
        }

        if (rc) {
            /* what was asked for behind it is asked for again */
            atomic_fetch_add(&shared->left, n - i - 1);
            return reconnect(c);
        }
    }

    return 0;
}


static void
reader(unsigned number, double until)
{
    unsigned       i, n;
    wanted_t       wanted[READS_PIPELINE];
    connection_t  *conns;

    rng = 0x9e3779b97f4a7c15ULL * (number + 1);
    conns = calloc(READS_CONNECTIONS, sizeof(connection_t));

    if (conns == NULL) {
        exit(2);
    }

    for (i = 0; i < READS_CONNECTIONS; i++) {
        conns[i].fd = -1;

        if (reconnect(&conns[i]) != 0) {
            exit(1);
        }
    }

    for (i = 0; seconds_now() < until; i = (i + 1) % READS_CONNECTIONS) {
        n = 1 + random_below(READS_PIPELINE);

        if (atomic_fetch_sub(&shared->left, n) <= 0) {
            break;
        }

        if (batch(&conns[i], wanted, n) != 0) {
            exit(1);
        }
    }

    exit(0);
}


int
main(int argc, char **argv)
{
    int        status, failed;
    long       processes, i;
    double     begun, seconds;

    static const char *const  common[] = {
        "BTC", "ETH", "BNB", "SOL", "EUR%2FUSD"
    };

    if (argc < 5) {
        (void) fprintf(stderr, "usage: mixed_reads PORT READS PROCESSES "
                       "SECONDS [SYMBOL...]\n");
        return 2;
    }

    port = atoi(argv[1]);
    processes = strtol(argv[3], NULL, 10);
    seconds = strtod(argv[4], NULL);
    symbols = argc > 5 ? (const char *const *) argv + 5 : common;
    nsymbols = argc > 5 ? (unsigned) argc - 5 : 5;

    shared = mmap(NULL, sizeof(shared_t), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (shared == MAP_FAILED) {
        perror("mmap");
        return 2;
    }

    shared->left = strtol(argv[2], NULL, 10);
    begun = seconds_now();

    for (i = 0; i < processes; i++) {
        if (fork() == 0) {
            reader((unsigned) i, begun + seconds);
        }
    }

    failed = 0;

    while (wait(&status) > 0) {
        failed |= status != 0;
    }

    (void) printf("{\"reads\":%llu,\"seconds\":%.2f,\"objects\":%llu,"
                  "\"compared\":%llu,\"tags\":%llu,\"gzip\":%llu,"
                  "\"gzip_unready\":%llu,\"bytes\":%llu,\"takeovers\":%llu,"
                  "\"connects\":%llu,\"violations\":%llu}\n",
                  (unsigned long long) shared->reads, seconds_now() - begun,
                  (unsigned long long) shared->objects,
                  (unsigned long long) shared->compared,
                  (unsigned long long) shared->tags,
                  (unsigned long long) shared->gzip,
                  (unsigned long long) shared->unready,
                  (unsigned long long) shared->bytes,
                  (unsigned long long) shared->takeovers,
                  (unsigned long long) shared->connects,
                  (unsigned long long) shared->violations);

    return failed || shared->violations ? 1 : 0;
}
