/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The stream connections.  Instruments are dealt out to as many connections
 * as their streams need; each connection looks after itself:
 *
 *     live   the one that quotes come from, or that is being made
 *     next   made before `live` grows too old, becomes it with its first quote
 *     old    the previous one, saying goodbye
 *
 * A link is one WebSocket client with what is known of it; it is freed in its
 * on_close, or in binance_stream_stop().
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "binance.h"
#include "tsd_log.h"
#include "ws_client.h"

#define STREAM_NAME_MAX  (TRD_SYMBOL_LEN + BINANCE_KIND_LEN + 8)

typedef struct {
    binance_conn_t  *conn;
    ws_client_t     *ws;
    struct event    *pace;          /* until the next SUBSCRIBE may go out */
    uint32_t         asked;         /* streams, by URL and by SUBSCRIBE */
    uint32_t         requests;
    uint32_t         bad;           /* unreadable messages in a row */
    uint8_t          open;
    uint8_t          quoted;        /* brought a quote */
    int64_t          opened_ms;     /* monotonic, as are the next two */
    int64_t          heard_ms;
    int64_t          quote_ms;
} binance_link_t;

struct binance_conn_s {
    binance_t          *b;
    uint32_t            first;      /* of the source's instruments */
    uint32_t            n;
    binance_link_t     *live;
    binance_link_t     *next;
    binance_link_t     *old;
    struct event       *retry;
    binance_backoff_t   backoff;
    int64_t             renew_ms;   /* not before, after a failed try */
    uint8_t             stale;
    uint8_t             ever;       /* was open once */
    tsd_limiter_t       limiter;
};

static void binance_link_open(binance_conn_t *conn, binance_link_t **place);


static uint32_t
binance_conn_streams(const binance_conn_t *conn)
{
    return conn->n * conn->b->nkinds;
}


/* The i-th stream of a connection: "btcusdt@trade". */
static size_t
binance_stream_name(const binance_conn_t *conn, uint32_t i, char *out)
{
    char        *p = out;
    size_t       n;
    const char  *symbol, *kind;

    symbol = binance_symbol(conn->b, conn->first + i / conn->b->nkinds);
    kind = conn->b->kinds[i % conn->b->nkinds];

    for ( /* void */ ; *symbol != '\0'; symbol++) {
        *p++ = (*symbol >= 'A' && *symbol <= 'Z') ? (char) (*symbol + 32)
                                                  : *symbol;
    }

    *p++ = '@';
    n = strlen(kind);
    memcpy(p, kind, n);

    return (size_t) (p - out) + n;
}


/* What readers see of all connections together. */
static void
binance_state(binance_t *b)
{
    uint32_t            i, open = 0, stale = 0;
    trd_source_state_t  state;

    for (i = 0; i < b->nconns; i++) {
        if (b->conns[i].live && b->conns[i].live->open) {
            open++;
            stale += b->conns[i].stale;
        }
    }

    state = open == 0 ? TRD_STATE_DOWN
            : (stale || open < b->nconns) ? TRD_STATE_STALE
            : TRD_STATE_CONNECTED;

    atomic_store_explicit(&b->source->stats->state, state,
                          memory_order_relaxed);
}


static void
binance_link_free(binance_link_t *link)
{
    if (link == NULL) {
        return;
    }

    if (link->ws) {
        ws_client_free(link->ws);
    }

    if (link->pace) {
        event_free(link->pace);
    }

    free(link);
}


static void
binance_conn_count(binance_conn_t *conn, trd_reconnect_t reason)
{
    atomic_fetch_add_explicit(&conn->b->source->stats->reconnects[reason], 1,
                              memory_order_relaxed);
}


/* The live link is gone: try again, when we may. */
static void
binance_conn_retry(binance_conn_t *conn, int status, int64_t retry_after_ms)
{
    int64_t  ms;

    ms = binance_backoff(&conn->backoff);

    if (status == 429 || status == 418) {
        ms += binance_hold_ms(status, retry_after_ms, conn->backoff.min_ms);
    }

    tsd_log(TSD_LOG_INFO, "feed_retry", "source=binance in_ms=%lld",
            (long long) ms);

    binance_timer(conn->retry, ms);
}


static void
binance_conn_on_retry(evutil_socket_t fd, short what, void *arg)
{
    binance_conn_t  *conn = arg;

    (void) fd;
    (void) what;

    if (conn->live == NULL) {
        binance_link_open(conn, &conn->live);
    }
}


/* What follows from the end of a link, whoever ended it. */
static void
binance_link_over(binance_link_t *link, const ws_close_t *why)
{
    int64_t          lived;
    binance_conn_t  *conn = link->conn;

    lived = link->open ? tsd_mono_ms() - link->opened_ms : 0;

    if (link == conn->old) {
        conn->old = NULL;
        binance_link_free(link);
        return;
    }

    tsd_log(TSD_LOG_WARN, "feed_cut",
            "source=binance reason=%s status=%d code=%d lived_ms=%lld "
            "renewal=%d text=\"%s\"",
            trd_reconnect_name(why->reason), why->status, why->code,
            (long long) lived, link == conn->next, why->text);

    if (link == conn->next) {
        conn->next = NULL;
        conn->renew_ms = tsd_mono_ms() + binance_backoff(&conn->backoff)
                         + conn->backoff.max_ms;

        if (why->reason == TRD_RECONNECT_LIMITED) {
            conn->renew_ms += binance_hold_ms(why->status, why->retry_after_ms,
                                              conn->backoff.min_ms);
        }

        binance_link_free(link);
        return;
    }

    binance_conn_count(conn, why->reason);
    binance_rest_begin(conn->b);

    if (link->quoted && lived >= BINANCE_GOOD_MS) {
        conn->backoff.attempt = 0;
    }

    binance_link_free(link);

    /* a renewal under way takes its place */

    conn->live = conn->next;
    conn->next = NULL;
    conn->stale = 0;

    if (conn->live == NULL) {
        binance_conn_retry(conn, why->status, why->retry_after_ms);

    } else if (conn->live->open) {
        market_reconnected(conn->b->source->market, TRD_SOURCE_BINANCE);
        binance_rest_refresh(conn->b);
    }

    binance_state(conn->b);
}


static void
binance_link_drop(binance_link_t *link, trd_reconnect_t reason,
    const char *text)
{
    ws_close_t  why = { reason, 0, 0, -1, text };

    binance_link_over(link, &why);
}


/* The next SUBSCRIBE, until all streams have been asked for. */
static void
binance_link_subscribe(binance_link_t *link)
{
    int        n;
    char       name[STREAM_NAME_MAX];
    char       msg[BINANCE_PARAMS_MAX * (STREAM_NAME_MAX + 3) + 64];
    size_t     len;
    uint32_t   i, end;

    end = binance_conn_streams(link->conn);

    if (link->asked >= end) {
        return;
    }

    if (end - link->asked > BINANCE_PARAMS_MAX) {
        end = link->asked + BINANCE_PARAMS_MAX;
    }

    len = (size_t) snprintf(msg, sizeof(msg),
                            "{\"method\":\"SUBSCRIBE\",\"params\":[");

    for (i = link->asked; i < end; i++) {
        n = (int) binance_stream_name(link->conn, i, name);
        len += (size_t) snprintf(msg + len, sizeof(msg) - len, "%s\"%.*s\"",
                                 i > link->asked ? "," : "", n, name);
    }

    len += (size_t) snprintf(msg + len, sizeof(msg) - len, "],\"id\":%u}",
                             (unsigned) ++link->requests);

    if (ws_client_send(link->ws, msg, len) == 0) {
        link->asked = end;
    }

    binance_timer(link->pace, BINANCE_SUBSCRIBE_MS);
}


static void
binance_link_on_pace(evutil_socket_t fd, short what, void *arg)
{
    (void) fd;
    (void) what;

    binance_link_subscribe(arg);
}


static void
binance_link_on_open(void *ctx)
{
    source_t        *s;
    binance_link_t  *link = ctx;
    binance_conn_t  *conn = link->conn;

    s = conn->b->source;
    link->open = 1;
    link->opened_ms = tsd_mono_ms();
    link->heard_ms = link->opened_ms;
    link->quote_ms = link->opened_ms;

    tsd_log(TSD_LOG_INFO, "feed_connected",
            "source=binance streams=%u renewal=%d",
            (unsigned) binance_conn_streams(conn), link == conn->next);

    binance_link_subscribe(link);

    if (link != conn->live) {
        return;
    }

    atomic_store_explicit(&s->stats->connected_ms, tsd_wall_ms(),
                          memory_order_relaxed);

    if (conn->ever) {
        market_clock(s->market);
        market_reconnected(s->market, TRD_SOURCE_BINANCE);
    }

    conn->ever = 1;
    conn->stale = 0;
    binance_state(conn->b);
    binance_rest_refresh(conn->b);
}


static void
binance_link_on_heard(void *ctx, size_t bytes)
{
    source_t        *s;
    binance_link_t  *link = ctx;

    s = link->conn->b->source;
    link->heard_ms = tsd_mono_ms();

    atomic_store_explicit(&s->stats->heard_ms, tsd_wall_ms(),
                          memory_order_relaxed);
    atomic_fetch_add_explicit(&s->stats->bytes, bytes, memory_order_relaxed);

    market_clock(s->market);
}


/* The new connection has proved itself: it takes over, without a gap. */
static void
binance_conn_swap(binance_conn_t *conn)
{
    source_t  *s = conn->b->source;

    binance_link_free(conn->old);

    conn->old = conn->live;
    conn->live = conn->next;
    conn->next = NULL;
    conn->stale = 0;

    if (conn->old) {
        ws_client_goodbye(conn->old->ws);
    }

    binance_conn_count(conn, TRD_RECONNECT_AGE);
    atomic_store_explicit(&s->stats->connected_ms, tsd_wall_ms(),
                          memory_order_relaxed);
    tsd_log(TSD_LOG_INFO, "feed_renewed", "source=binance reason=%s",
            trd_reconnect_name(TRD_RECONNECT_AGE));

    binance_state(conn->b);
    binance_rest_refresh(conn->b);
}


/* Well formed, but no quote: an answer to SUBSCRIBE, or news of the server. */
static void
binance_link_notice(binance_link_t *link, const char *msg, size_t len)
{
    char             text[256];
    size_t           i;
    binance_conn_t  *conn = link->conn;

    for (i = 0; i < len && i < sizeof(text) - 1; i++) {
        text[i] = (msg[i] < 0x20 || msg[i] > 0x7e) ? '.'
                  : msg[i] == '"' || msg[i] == '\\' ? '\'' : msg[i];
    }

    text[i] = '\0';

    if (strstr(text, "'serverShutdown'") && link == conn->live
        && conn->next == NULL)
    {
        tsd_log(TSD_LOG_INFO, "feed_shutdown_announced", "source=binance");
        binance_link_open(conn, &conn->next);

    } else if (strstr(text, "'error'")) {
        text[i < 60 ? i : 60] = '\0';
        tsd_log_limited(&conn->limiter, TSD_LOG_WARN, "feed_complains",
                        "source=binance text=\"%s\"", text);
    }
}


static void
binance_link_on_text(void *ctx, const char *msg, size_t len)
{
    binance_link_t  *link = ctx;
    binance_conn_t  *conn = link->conn;

    atomic_fetch_add_explicit(&conn->b->source->stats->messages, 1,
                              memory_order_relaxed);

    switch (binance_message(conn->b, msg, len)) {

    case TRD_OK:
        link->bad = 0;
        link->quoted = 1;
        link->quote_ms = link->heard_ms;

        if (link == conn->next
            && link->asked >= binance_conn_streams(conn))
        {
            binance_conn_swap(conn);
        }

        break;

    case TRD_IGNORED:
        link->bad = 0;
        binance_link_notice(link, msg, len);
        break;

    case TRD_ERROR:
        if (++link->bad >= BINANCE_BAD_MAX) {
            binance_link_drop(link, TRD_RECONNECT_PROTOCOL,
                              "too many unreadable messages in a row");
        }

        break;

    default:        /* out of our range: readable all the same */
        break;
    }
}


static void
binance_link_on_close(void *ctx, const ws_close_t *why)
{
    binance_link_over(ctx, why);
}


static const ws_handler_t  binance_link_handler = {
    binance_link_on_open,
    binance_link_on_heard,
    binance_link_on_text,
    binance_link_on_close
};


/* <base>/stream?streams=a/b/c with the first streams; the others follow. */
static ws_client_t *
binance_link_connect(binance_link_t *link)
{
    char                    *url;
    size_t                   size, len;
    uint32_t                 i, n;
    ws_client_t             *ws;
    ws_options_t             options;
    binance_t               *b = link->conn->b;
    const marketd_config_t  *config = b->source->config;

    n = binance_conn_streams(link->conn);
    n = n > BINANCE_URL_STREAMS ? BINANCE_URL_STREAMS : n;

    size = strlen(b->ws_url) + 32 + (size_t) n * (STREAM_NAME_MAX + 1);
    url = malloc(size);
    if (url == NULL) {
        return NULL;
    }

    len = (size_t) snprintf(url, size, "%s/stream?streams=", b->ws_url);

    for (i = 0; i < n; i++) {
        if (i) {
            url[len++] = '/';
        }

        len += binance_stream_name(link->conn, i, url + len);
    }

    url[len] = '\0';
    link->asked = n;

    memset(&options, 0, sizeof(options));
    options.url = url;
    options.ca_file = config->ca_file;
    options.connect_timeout_ms = config->connect_timeout_ms;
    options.ping_idle_ms = config->mute_timeout_ms / 3;
    options.message_max = BINANCE_MESSAGE_MAX;
    options.handler = &binance_link_handler;
    options.ctx = link;

    ws = ws_client_connect(b->source->base, &options);
    free(url);

    return ws;
}


static void
binance_link_open(binance_conn_t *conn, binance_link_t **place)
{
    binance_link_t  *link;

    link = calloc(1, sizeof(binance_link_t));

    if (link) {
        link->conn = conn;
        link->pace = evtimer_new(conn->b->source->base, binance_link_on_pace,
                                 link);
        link->ws = link->pace ? binance_link_connect(link) : NULL;
    }

    if (link && link->ws) {
        *place = link;
        return;
    }

    /* no memory now, perhaps later */

    binance_link_free(link);
    tsd_log(TSD_LOG_ERROR, "no_memory", "source=binance");

    if (place == &conn->live) {
        binance_conn_retry(conn, 0, -1);

    } else {
        conn->renew_ms = tsd_mono_ms() + conn->backoff.max_ms;
    }
}


/*
 * Silence.  No byte for mute_timeout_ms: stale, and a ping; half as much
 * again, and it is given up.  Bytes but no quotes: stale alike, and given up
 * after three times as long, since a subscription may have died.
 */
static void
binance_link_watch(binance_link_t *link, int64_t now_ms)
{
    int64_t          mute, heard, quoted;
    binance_conn_t  *conn = link->conn;

    mute = conn->b->source->config->mute_timeout_ms;
    heard = now_ms - link->heard_ms;
    quoted = now_ms - link->quote_ms;

    if (heard >= mute + mute / 2) {
        binance_link_drop(link, TRD_RECONNECT_MUTE, "no answer to our pings");
        return;
    }

    if (quoted >= 3 * mute) {
        binance_link_drop(link, TRD_RECONNECT_MUTE, "pongs but no quotes");
        return;
    }

    if (link != conn->live) {
        return;
    }

    if (quoted < mute) {
        if (conn->stale) {
            tsd_log(TSD_LOG_INFO, "feed_back", "source=binance");
        }

        conn->stale = 0;

    } else if (!conn->stale) {
        conn->stale = 1;
        tsd_log(TSD_LOG_WARN, "feed_mute",
                "source=binance heard_ms_ago=%lld quote_ms_ago=%lld",
                (long long) heard, (long long) quoted);
        (void) ws_client_ping(link->ws);
    }
}


static void
binance_stream_on_watch(evutil_socket_t fd, short what, void *arg)
{
    int64_t          now, max_age;
    uint32_t         i;
    binance_t       *b = arg;
    binance_conn_t  *conn;

    (void) fd;
    (void) what;

    now = tsd_mono_ms();
    max_age = (int64_t) b->source->config->max_age_s * 1000;

    for (i = 0; i < b->nconns; i++) {
        conn = &b->conns[i];

        if (conn->next && conn->next->open) {
            binance_link_watch(conn->next, now);
        }

        if (conn->live && conn->live->open) {
            binance_link_watch(conn->live, now);
        }

        if (conn->live && conn->live->open && conn->next == NULL
            && max_age > 0 && now - conn->live->opened_ms >= max_age
            && now >= conn->renew_ms)
        {
            binance_link_open(conn, &conn->next);
        }
    }

    binance_state(b);
}


int
binance_stream_start(binance_t *b)
{
    uint32_t         i, each;
    source_t        *s = b->source;
    struct timeval   tv;
    binance_conn_t  *conn;

    if (s->n == 0) {
        return 0;
    }

    each = BINANCE_STREAMS_MAX / b->nkinds;

    b->nconns = (s->n + each - 1) / each;
    b->conns = calloc(b->nconns, sizeof(binance_conn_t));
    b->watch = event_new(s->base, -1, EV_PERSIST, binance_stream_on_watch, b);

    if (b->conns == NULL || b->watch == NULL) {
        b->nconns = b->conns ? b->nconns : 0;
        return -1;
    }

    for (i = 0; i < b->nconns; i++) {
        conn = &b->conns[i];
        conn->b = b;
        conn->first = i * each;
        conn->n = s->n - conn->first < each ? s->n - conn->first : each;
        conn->backoff.min_ms = s->config->backoff_min_ms;
        conn->backoff.max_ms = s->config->backoff_max_ms;
        conn->retry = evtimer_new(s->base, binance_conn_on_retry, conn);

        if (conn->retry == NULL) {
            return -1;
        }

        binance_link_open(conn, &conn->live);
    }

    /* often enough for the shortest of times that may be set */

    i = s->config->mute_timeout_ms / 8;
    i = i < 20 ? 20 : i > 500 ? 500 : i;
    tv.tv_sec = 0;
    tv.tv_usec = (suseconds_t) i * 1000;

    return event_add(b->watch, &tv);
}


void
binance_stream_stop(binance_t *b)
{
    uint32_t  i;

    for (i = 0; i < b->nconns; i++) {
        binance_link_free(b->conns[i].live);
        binance_link_free(b->conns[i].next);
        binance_link_free(b->conns[i].old);

        if (b->conns[i].retry) {
            event_free(b->conns[i].retry);
        }
    }

    if (b->watch) {
        event_free(b->watch);
    }

    free(b->conns);
    b->conns = NULL;
    b->nconns = 0;
}
