/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Polling one URL; see poll.h.  Used by rates.c.
 *
 * A request under way ends within FEED_MUTE_TIMEOUT_MS, so that every poll
 * has an outcome and the source's state is never older than one interval.
 * After a failure the next try comes sooner than the interval: back-off from
 * FEED_BACKOFF_MIN_MS up to the interval, and never before the server's own
 * Retry-After.
 */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "binance.h"            /* back-off, timers */
#include "http_client.h"
#include "poll.h"
#include "tsd_log.h"

#define POLL_BODY_MAX   (256U << 10)
#define POLL_VALUE_MAX  128
#define POLL_JITTER     20          /* a share of the interval: one n-th */

struct poll_s {
    poll_setup_t        setup;
    char               *url;
    http_client_t      *http;
    struct event       *timer;
    binance_backoff_t   backoff;
    uint8_t             taken;      /* something that 304 can speak of */
    char                etag[POLL_VALUE_MAX];
    char                modified[POLL_VALUE_MAX];
    tsd_limiter_t       limiter;
};

/* what a failure means, and which counter of reconnects it is */

static const struct {
    uint8_t             state;
    uint8_t             reconnect;
} poll_causes[TRD_CAUSE_N] = {
    [TRD_CAUSE_NONE] = { TRD_STATE_CONNECTED, 0 },
    [TRD_CAUSE_KEY] = { TRD_STATE_DOWN, TRD_RECONNECT_PROTOCOL },
    [TRD_CAUSE_UNREACHABLE] = { TRD_STATE_DOWN, TRD_RECONNECT_REFUSED },
    [TRD_CAUSE_TIMEOUT] = { TRD_STATE_DOWN, TRD_RECONNECT_MUTE },
    [TRD_CAUSE_CUT] = { TRD_STATE_DOWN, TRD_RECONNECT_LOST },
    [TRD_CAUSE_STATUS] = { TRD_STATE_STALE, TRD_RECONNECT_PROTOCOL },
    [TRD_CAUSE_LIMITED] = { TRD_STATE_STALE, TRD_RECONNECT_LIMITED },
    [TRD_CAUSE_REDIRECT] = { TRD_STATE_STALE, TRD_RECONNECT_PROTOCOL },
    [TRD_CAUSE_TYPE] = { TRD_STATE_STALE, TRD_RECONNECT_PROTOCOL },
    [TRD_CAUSE_CONTENT] = { TRD_STATE_STALE, TRD_RECONNECT_PROTOCOL },
    [TRD_CAUSE_DENIED] = { TRD_STATE_STALE, TRD_RECONNECT_PROTOCOL }
};


static void poll_send(evutil_socket_t fd, short what, void *arg);


/* "application/json; charset=utf-8" of "json"; also "application/x+json" */

static int
poll_is_type(const char *value, const char *type)
{
    size_t  len, n;

    n = strlen(type);
    len = strcspn(value, "; \t");

    return len > n && (value[len - n - 1] == '/' || value[len - n - 1] == '+')
           && strncasecmp(value + len - n, type, n) == 0;
}


static trd_cause_t
poll_fault(http_fault_t fault)
{
    switch (fault) {

    case HTTP_FAULT_TIMEOUT:
        return TRD_CAUSE_TIMEOUT;

    case HTTP_FAULT_CUT:
        return TRD_CAUSE_CUT;

    case HTTP_FAULT_TOO_LONG:
        return TRD_CAUSE_CONTENT;

    case HTTP_FAULT_OTHER:
        return TRD_CAUSE_CUT;

    default: /* HTTP_FAULT_CONNECT */
        return TRD_CAUSE_UNREACHABLE;
    }
}


static trd_cause_t
poll_judge(poll_t *p, const http_answer_t *answer, const char **why)
{
    *why = "";

    if (answer->status == 0) {
        *why = answer->error;
        return poll_fault(answer->fault);
    }

    if (answer->status == 429) {
        return TRD_CAUSE_LIMITED;
    }

    if (answer->status == 304) {
        if (!p->taken) {
            *why = "not modified, but nothing was asked of that kind";
            return TRD_CAUSE_CONTENT;
        }

        p->setup.same(p->setup.ctx);
        return TRD_CAUSE_NONE;
    }

    if (answer->status >= 300 && answer->status < 400) {
        *why = "redirects are not followed";
        return TRD_CAUSE_REDIRECT;
    }

    if (answer->status != 200) {
        return TRD_CAUSE_STATUS;
    }

    if (!poll_is_type(answer->type, p->setup.type)) {
        *why = "another content type than it must have";
        return TRD_CAUSE_TYPE;
    }

    return p->setup.take(p->setup.ctx, answer->body, answer->len, why);
}


/* ms until the next try after a failure */

static int64_t
poll_pause(poll_t *p, const http_answer_t *answer)
{
    int64_t  ms, hold;

    ms = binance_backoff(&p->backoff);

    if (answer->status == 429
        || (answer->status >= 400 && answer->retry_after_ms >= 0))
    {
        hold = binance_hold_ms(429, answer->retry_after_ms,
                               p->backoff.min_ms);
        ms = ms > hold ? ms : hold;
    }

    return ms;
}


static void
poll_failed(poll_t *p, const http_answer_t *answer, trd_cause_t cause,
    const char *why, int64_t ms)
{
    trd_source_stats_t  *stats;

    stats = p->setup.source->stats;

    if (p->setup.secret && strstr(why, p->setup.secret) != NULL) {
        why = "withheld: it has the key in it";
    }

    atomic_fetch_add_explicit(&stats->reconnects[poll_causes[cause].reconnect],
                              1, memory_order_relaxed);

    tsd_log_limited(&p->limiter, TSD_LOG_WARN, "poll_failed",
                    "source=%s cause=%s status=%d retry_in_ms=%lld "
                    "text=\"%s\"", p->setup.source->ops->name,
                    trd_cause_name(cause), answer->status, (long long) ms,
                    why);
}


static void
poll_heard(poll_t *p, const http_answer_t *answer)
{
    int64_t              now;
    trd_source_stats_t  *stats;

    stats = p->setup.source->stats;
    now = tsd_wall_ms();

    atomic_store_explicit(&stats->last_status, (uint32_t) answer->status,
                          memory_order_relaxed);

    if (answer->status == 0) {
        return;
    }

    atomic_store_explicit(&stats->heard_ms, now, memory_order_relaxed);
    atomic_fetch_add_explicit(&stats->messages, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&stats->bytes, answer->len,
                              memory_order_relaxed);

    if (answer->status == 304) {
        atomic_fetch_add_explicit(&stats->not_modified, 1,
                                  memory_order_relaxed);
    }
}


static void
poll_on_answer(void *ctx, const http_answer_t *answer)
{
    int64_t              ms;
    poll_t              *p;
    uint32_t             state;
    const char          *why;
    trd_cause_t          cause;
    trd_source_stats_t  *stats;

    p = ctx;
    stats = p->setup.source->stats;

    poll_heard(p, answer);
    cause = poll_judge(p, answer, &why);
    state = poll_causes[cause].state;

    if (cause == TRD_CAUSE_NONE) {

        if (answer->status == 200) {
            p->taken = 1;
            (void) memcpy(p->etag, answer->etag, strlen(answer->etag) + 1);
            (void) memcpy(p->modified, answer->modified,
                          strlen(answer->modified) + 1);
        }

        if (atomic_load_explicit(&stats->state, memory_order_relaxed)
            != TRD_STATE_CONNECTED)
        {
            atomic_store_explicit(&stats->connected_ms, tsd_wall_ms(),
                                  memory_order_relaxed);
            tsd_log(TSD_LOG_INFO, "poll_connected", "source=%s status=%d",
                    p->setup.source->ops->name, answer->status);
        }

        p->backoff.attempt = 0;
        ms = p->setup.every_s * 1000LL;
        ms += binance_random((uint32_t) (ms / POLL_JITTER) + 1);

    } else {
        ms = poll_pause(p, answer);
        poll_failed(p, answer, cause, why, ms);
    }

    atomic_store_explicit(&stats->cause, (uint32_t) cause,
                          memory_order_relaxed);
    atomic_store_explicit(&stats->state, state, memory_order_relaxed);

    binance_timer(p->timer, ms);
}


static void
poll_send(evutil_socket_t fd, short what, void *arg)
{
    poll_t  *p;

    (void) fd;
    (void) what;

    p = arg;

    if (http_client_get_if(p->http, p->url, p->taken ? p->etag : NULL,
                           p->taken ? p->modified : NULL, poll_on_answer, p)
        != 0)
    {
        tsd_log_limited(&p->limiter, TSD_LOG_ERROR, "no_memory",
                        "source=%s", p->setup.source->ops->name);
        binance_timer(p->timer, binance_backoff(&p->backoff) + 1000);
        return;
    }

    atomic_fetch_add_explicit(&p->setup.source->stats->polls, 1,
                              memory_order_relaxed);
}


poll_t *
poll_create(const poll_setup_t *setup)
{
    uint64_t                 limit;
    poll_t                  *p;
    const marketd_config_t  *config;

    config = setup->source->config;

    p = calloc(1, sizeof(*p));
    if (p == NULL) {
        return NULL;
    }

    p->setup = *setup;
    p->url = strdup(setup->url);
    p->backoff.min_ms = config->backoff_min_ms;
    p->backoff.max_ms = setup->every_s * 1000;

    if (p->backoff.max_ms < p->backoff.min_ms) {
        p->backoff.max_ms = p->backoff.min_ms;
    }

    p->http = http_client_create(setup->source->base, config->ca_file,
                                 config->connect_timeout_ms,
                                 config->mute_timeout_ms, POLL_BODY_MAX);
    p->timer = evtimer_new(setup->source->base, poll_send, p);

    if (p->url == NULL || p->http == NULL || p->timer == NULL) {
        poll_free(p);
        return NULL;
    }

    limit = setup->every_s * 2000ULL + config->mute_timeout_ms;
    atomic_store_explicit(&setup->source->stats->heard_limit_ms,
                          limit > UINT32_MAX ? UINT32_MAX : (uint32_t) limit,
                          memory_order_relaxed);

    binance_timer(p->timer, 0);

    return p;
}


void
poll_free(poll_t *p)
{
    if (p == NULL) {
        return;
    }

    if (p->timer) {
        event_free(p->timer);
    }

    http_client_free(p->http);
    free(p->url);
    free(p);
}
