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
 * Links are freed in binance_conn_over(), or in binance_stream_stop().
 */

#include <stdlib.h>

#include "binance_link.h"
#include "binance_market.h"

#define STREAM_OWED_MS     250      /* what REST told first may be on its way */
#define STREAM_RENEW_MUTE  10       /* at most a renewal in so many times the
                                       mute limit for streams that died */

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
    int64_t             heard_ms;   /* wall clock: the last one's last word */
    uint8_t             stale;
    uint8_t             ever;       /* was open once */
    uint8_t             mute;       /* the last one ended so, and this one has
                                       proved nothing */
    uint8_t             ailing;     /* streams of it died: to be renewed */
};

static void binance_conn_open(binance_conn_t *conn, binance_link_t **place);


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
        binance_conn_open(conn, &conn->live);
    }
}


/* What follows from the end of a link, whoever ended it. */
void
binance_conn_over(binance_conn_t *conn, binance_link_t *link,
    const ws_close_t *why)
{
    int64_t  lived;

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

    if (link->open) {
        conn->heard_ms = tsd_wall_ms() - (tsd_mono_ms() - link->quote_ms);
    }

    if (link->quoted && lived >= BINANCE_GOOD_MS) {
        conn->backoff.attempt = 0;
    }

    binance_link_free(link);

    /* a renewal under way takes its place */

    conn->live = conn->next;
    conn->next = NULL;
    conn->ailing = 0;
    conn->mute = why->reason == TRD_RECONNECT_MUTE;
    conn->stale = conn->mute;

    if (conn->live == NULL) {
        binance_conn_retry(conn, why->status, why->retry_after_ms);

    } else if (conn->live->open) {
        market_reconnected(conn->b->source->market, TRD_SOURCE_BINANCE);
        binance_market_back(conn->b, conn->first, conn->n, conn->heard_ms);
        binance_rest_refresh(conn->b);
    }

    if (conn->live == NULL || !conn->live->open) {
        binance_market_cut(conn->b, conn->first, conn->n);
    }

    binance_state(conn->b);
}


static void
binance_link_drop(binance_link_t *link, trd_reconnect_t reason,
    const char *text)
{
    ws_close_t  why = { reason, 0, 0, -1, text };

    binance_conn_over(link->conn, link, &why);
}


/* The new connection has proved itself: it takes over, without a gap. */
static void
binance_conn_swap(binance_conn_t *conn)
{
    source_t         *s = conn->b->source;
    trd_reconnect_t   reason;

    binance_link_free(conn->old);

    conn->old = conn->live;
    conn->live = conn->next;
    conn->next = NULL;
    conn->stale = 0;
    conn->mute = 0;
    reason = TRD_RECONNECT_AGE;

    if (conn->ailing) {
        conn->ailing = 0;
        reason = TRD_RECONNECT_MUTE;
        conn->renew_ms = tsd_mono_ms() + STREAM_RENEW_MUTE
                         * (int64_t) s->config->mute_timeout_ms;

        /* bid and ask of a ticker are better than those of a dead stream */
        market_reconnected(s->market, TRD_SOURCE_BINANCE);
    }

    if (conn->old) {
        ws_client_goodbye(conn->old->ws);
    }

    binance_conn_count(conn, reason);
    atomic_store_explicit(&s->stats->connected_ms, tsd_wall_ms(),
                          memory_order_relaxed);
    tsd_log(TSD_LOG_INFO, "feed_renewed", "source=binance reason=%s",
            trd_reconnect_name(reason));

    binance_state(conn->b);
    binance_rest_refresh(conn->b);
}


void
binance_conn_opened(binance_conn_t *conn, binance_link_t *link)
{
    int64_t    begun_ms;
    source_t  *s = conn->b->source;

    tsd_log(TSD_LOG_INFO, "feed_connected",
            "source=binance streams=%u renewal=%d",
            (unsigned) link->streams, link == conn->next);

    if (link != conn->live) {
        return;
    }

    atomic_store_explicit(&s->stats->connected_ms, tsd_wall_ms(),
                          memory_order_relaxed);

    if (conn->ever) {
        market_clock(s->market);
        market_reconnected(s->market, TRD_SOURCE_BINANCE);
        binance_market_back(conn->b, conn->first, conn->n, conn->heard_ms);

    } else {
        begun_ms = binance_rest_since_ms(conn->b);

        /* candles of before were asked for while nobody listened */

        if (begun_ms) {
            market_clock(s->market);
            binance_market_back(conn->b, conn->first, conn->n, begun_ms);
        }
    }

    conn->ever = 1;
    conn->stale = conn->mute;
    binance_state(conn->b);
    binance_rest_refresh(conn->b);
}


void
binance_conn_quoted(binance_conn_t *conn, binance_link_t *link)
{
    if (link == conn->next && link->asked >= link->streams) {
        binance_conn_swap(conn);
    }
}


void
binance_conn_leave(binance_conn_t *conn, binance_link_t *link)
{
    if (link == conn->live && conn->next == NULL) {
        tsd_log(TSD_LOG_INFO, "feed_shutdown_announced", "source=binance");
        binance_conn_open(conn, &conn->next);
    }
}


static void
binance_conn_open(binance_conn_t *conn, binance_link_t **place)
{
    *place = binance_link_open(conn->b, conn, conn->first, conn->n);

    if (*place) {
        return;
    }

    /* no memory now, perhaps later */

    tsd_log(TSD_LOG_ERROR, "no_memory", "source=binance");

    if (place == &conn->live) {
        binance_conn_retry(conn, 0, -1);

    } else {
        conn->renew_ms = tsd_mono_ms() + conn->backoff.max_ms;
    }
}


void
binance_stream_ticker(binance_t *b, uint32_t instrument, uint64_t id)
{
    int32_t          i = b->market->by_instrument[instrument];
    binance_link_t  *link;

    if (i < 0 || b->nconns == 0) {
        return;
    }

    link = b->conns[(uint32_t) i / b->conns[0].n].live;

    if (link && link->open
        && binance_market_ticker(b, (uint32_t) i, id, link->opened_ms)
        && link->owed_ms == 0)
    {
        link->owed_ms = tsd_mono_ms();
    }
}


/* REST told of a trade, and the stream still does not. */
static int
binance_link_owes(const binance_link_t *link, int64_t now_ms)
{
    return link->owed_ms && now_ms - link->owed_ms >= STREAM_OWED_MS;
}


/* NULL, or why this link, which is heard of, is given up. */
static const char *
binance_link_dead(const binance_link_t *link, int64_t now_ms, int64_t mute)
{
    if (now_ms - link->quote_ms < 2 * mute) {
        return NULL;
    }

    if (link->lost) {
        return "a subscription is gone";
    }

    if (binance_link_owes(link, now_ms)) {
        return "trades elsewhere, none here";
    }

    if (now_ms - link->quote_ms >= 3 * mute
        && now_ms - link->listed_ms >= 2 * mute)
    {
        return "pongs but no quotes";
    }

    return NULL;
}


/*
 * Silence.  No byte for mute_timeout_ms: stale, and a ping; half as much
 * again, and it is given up.
 *
 * Bytes but no quotes: a quiet market, or a subscription that died.  The
 * server is asked what it thinks we are subscribed to, and REST what was
 * traded.  While the one names all our streams and the other no new trade, the
 * market is quiet and the link is left alone.  It is given up after twice the
 * time if a stream is missing or a trade was not told, and after three times
 * as long without an answer.
 */
static void
binance_link_watch(binance_link_t *link, int64_t now_ms)
{
    int              quiet;
    int64_t          mute, heard, quoted;
    const char      *why;
    binance_conn_t  *conn = link->conn;

    mute = conn->b->source->config->mute_timeout_ms;
    heard = now_ms - link->heard_ms;
    quoted = now_ms - link->quote_ms;

    if (heard >= mute + mute / 2) {
        binance_link_drop(link, TRD_RECONNECT_MUTE, "no answer to our pings");
        return;
    }

    why = binance_link_dead(link, now_ms, mute);

    if (why) {
        binance_link_drop(link, TRD_RECONNECT_MUTE, why);
        return;
    }

    if (quoted >= mute && now_ms - link->list_ms >= mute
        && link->asked >= link->streams)
    {
        binance_link_list(link);
        binance_rest_look(conn->b);
    }

    if (link != conn->live) {
        return;
    }

    /* an answer to that takes a moment */

    quiet = link->listed_ms && now_ms - link->listed_ms < 2 * mute
            && !link->lost && link->owed_ms == 0;

    if (quiet || (quoted < mute + mute / 4 && !link->lost
                  && (link->quoted || !conn->mute)))
    {

        if (conn->stale) {
            tsd_log(TSD_LOG_INFO, "feed_back", "source=binance quiet=%d",
                    quoted >= mute);
        }

        conn->stale = conn->mute = 0;

    } else if (!conn->stale && quoted >= mute) {
        conn->stale = 1;
        tsd_log(TSD_LOG_WARN, "feed_mute",
                "source=binance heard_ms_ago=%lld quote_ms_ago=%lld",
                (long long) heard, (long long) quoted);
        (void) ws_client_ping(link->ws);
    }
}


/* Part of its streams died, and the others go on: it is renewed, and not cut
   before that. */
static void
binance_conn_ail(binance_conn_t *conn, int64_t now_ms)
{
    int64_t          mute;
    binance_t       *b = conn->b;
    binance_link_t  *link = conn->live;

    mute = b->source->config->mute_timeout_ms;

    if (binance_market_mute(b, conn->first, conn->n, link->heard_ms)
        || (link->lost && now_ms - link->quote_ms < mute))
    {
        conn->ailing = 1;
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

        if (conn->live && conn->live->open) {
            binance_conn_ail(conn, now);
        }

        if (conn->live && conn->live->open && conn->next == NULL
            && (conn->ailing || (max_age > 0
                                 && now - conn->live->opened_ms >= max_age))
            && now >= conn->renew_ms)
        {
            binance_conn_open(conn, &conn->next);
        }
    }

    binance_state(b);
    binance_rest_kick(b);
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

        binance_conn_open(conn, &conn->live);
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
