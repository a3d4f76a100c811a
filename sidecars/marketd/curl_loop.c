/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Curl says by two callbacks which sockets to watch and when to be woken;
 * this turns both into libevent events and tells curl what happened.  Nothing
 * blocks: names are resolved by curl's own threads.
 *
 * Any callback may free the loop that called it, so that the outermost
 * function cleans up (`busy`, `freed`).
 */

#include "curl_loop.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RETRY_AFTER_MAX_S  (7 * 24 * 3600)

typedef struct watch_s {
    struct watch_s   *next;
    struct watch_s  **link;         /* what points at this one */
    struct event     *event;
    curl_loop_t      *loop;
} watch_t;

struct curl_loop_s {
    struct event_base  *base;
    CURLM              *multi;
    struct event       *timer;
    watch_t            *watches;
    unsigned            busy;
    unsigned            freed;
};


static void
watch_free(watch_t *w)
{
    *w->link = w->next;

    if (w->next) {
        w->next->link = w->link;
    }

    if (w->event) {
        event_free(w->event);
    }

    free(w);
}


static void
curl_loop_destroy(curl_loop_t *loop)
{
    if (loop->multi) {
        curl_multi_cleanup(loop->multi);
    }

    while (loop->watches) {
        watch_free(loop->watches);
    }

    if (loop->timer) {
        event_free(loop->timer);
    }

    free(loop);
}


/* One thing happened; tell curl, then the owners whose transfers it ended. */
static void
curl_loop_action(curl_loop_t *loop, curl_socket_t fd, int mask)
{
    CURLMsg            *msg;
    CURLcode            rc;
    curl_loop_entry_t  *entry;
    int                 running, left;

    loop->busy++;

    curl_multi_socket_action(loop->multi, fd, mask, &running);

    while (!loop->freed
           && (msg = curl_multi_info_read(loop->multi, &left)) != NULL)
    {
        if (msg->msg != CURLMSG_DONE) {
            continue;
        }

        entry = NULL;
        rc = msg->data.result;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE,
                          (char **) &entry);

        if (entry) {
            entry->done(entry->ctx, rc);
        }
    }

    loop->busy--;

    if (loop->freed && loop->busy == 0) {
        curl_loop_destroy(loop);
    }
}


static void
curl_loop_on_socket(evutil_socket_t fd, short what, void *arg)
{
    watch_t  *w = arg;
    int       mask;

    mask = ((what & EV_READ) ? CURL_CSELECT_IN : 0)
           | ((what & EV_WRITE) ? CURL_CSELECT_OUT : 0);

    curl_loop_action(w->loop, fd, mask);
}


static void
curl_loop_on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void) fd;
    (void) what;

    curl_loop_action(arg, CURL_SOCKET_TIMEOUT, 0);
}


/* CURLMOPT_SOCKETFUNCTION: -1 makes curl fail the transfer */
static int
curl_loop_watch(CURL *easy, curl_socket_t fd, int what, void *arg,
    void *socket_arg)
{
    watch_t      *w = socket_arg;
    curl_loop_t  *loop = arg;
    short         events;

    (void) easy;

    if (what == CURL_POLL_REMOVE) {
        if (w) {
            curl_multi_assign(loop->multi, fd, NULL);
            watch_free(w);
        }

        return 0;
    }

    if (w == NULL) {
        w = calloc(1, sizeof(watch_t));
        if (w == NULL) {
            return -1;
        }

        w->loop = loop;
        w->next = loop->watches;
        w->link = &loop->watches;

        if (w->next) {
            w->next->link = &w->next;
        }

        loop->watches = w;
        curl_multi_assign(loop->multi, fd, w);
    }

    if (w->event) {
        event_free(w->event);
    }

    events = (short) (((what & CURL_POLL_IN) ? EV_READ : 0)
                      | ((what & CURL_POLL_OUT) ? EV_WRITE : 0));

    w->event = event_new(loop->base, fd, (short) (events | EV_PERSIST),
                         curl_loop_on_socket, w);

    return (w->event == NULL || event_add(w->event, NULL) != 0) ? -1 : 0;
}


/* CURLMOPT_TIMERFUNCTION: -1 disarms; 0 means soon, not from in here */
static int
curl_loop_alarm(CURLM *multi, long timeout_ms, void *arg)
{
    curl_loop_t     *loop = arg;
    struct timeval   tv;

    (void) multi;

    if (timeout_ms < 0) {
        return evtimer_del(loop->timer);
    }

    tv.tv_sec = timeout_ms / 1000;
    tv.tv_usec = (timeout_ms % 1000) * 1000;

    return evtimer_add(loop->timer, &tv);
}


curl_loop_t *
curl_loop_create(struct event_base *base)
{
    curl_loop_t  *loop;

    loop = calloc(1, sizeof(curl_loop_t));
    if (loop == NULL) {
        return NULL;
    }

    loop->base = base;
    loop->multi = curl_multi_init();
    loop->timer = evtimer_new(base, curl_loop_on_timer, loop);

    if (loop->multi == NULL || loop->timer == NULL) {
        curl_loop_destroy(loop);
        return NULL;
    }

    curl_multi_setopt(loop->multi, CURLMOPT_SOCKETFUNCTION, curl_loop_watch);
    curl_multi_setopt(loop->multi, CURLMOPT_SOCKETDATA, loop);
    curl_multi_setopt(loop->multi, CURLMOPT_TIMERFUNCTION, curl_loop_alarm);
    curl_multi_setopt(loop->multi, CURLMOPT_TIMERDATA, loop);

    return loop;
}


void
curl_loop_free(curl_loop_t *loop)
{
    if (loop->busy) {
        loop->freed = 1;
        return;
    }

    curl_loop_destroy(loop);
}


int
curl_loop_add(curl_loop_t *loop, CURL *easy, curl_loop_entry_t *entry)
{
    if (curl_easy_setopt(easy, CURLOPT_PRIVATE, (void *) entry) != CURLE_OK) {
        return -1;
    }

    return curl_multi_add_handle(loop->multi, easy) == CURLM_OK ? 0 : -1;
}


void
curl_loop_remove(curl_loop_t *loop, CURL *easy)
{
    curl_multi_remove_handle(loop->multi, easy);
}


int
curl_loop_setup(CURL *easy, const char *url, const char *ca_file,
    long connect_timeout_ms, char *error)
{
    CURLcode  rc;

    error[0] = '\0';

    rc = curl_easy_setopt(easy, CURLOPT_URL, url);

    if (rc == CURLE_OK && ca_file) {
        rc = curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
    }

#if LIBCURL_VERSION_NUM >= 0x075500
    if (rc == CURLE_OK) {
        rc = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    }
#endif

#if LIBCURL_VERSION_NUM >= 0x075700
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif

    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                     (long) CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_timeout_ms);

    return rc == CURLE_OK ? 0 : -1;
}


int64_t
curl_loop_retry_after(const char *value, size_t len)
{
    char    text[64];
    size_t  i;
    time_t  then;
    int64_t s;

    if (len == 0 || len >= sizeof(text)) {
        return -1;
    }

    for (i = 0, s = 0; i < len && value[i] >= '0' && value[i] <= '9'; i++) {
        s = s * 10 + (value[i] - '0');

        if (s > RETRY_AFTER_MAX_S) {
            s = RETRY_AFTER_MAX_S;
        }
    }

    if (i < len) {
        memcpy(text, value, len);
        text[len] = '\0';
        then = curl_getdate(text, NULL);

        if (then == (time_t) -1) {
            return -1;
        }

        s = (int64_t) then - (int64_t) time(NULL) + 1;
    }

    if (s < 0) {
        s = 0;
    }

    return (s > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : s) * 1000;
}
