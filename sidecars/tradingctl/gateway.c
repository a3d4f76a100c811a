/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Fetches nginx's /metrics and adds up what concerns its workers.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "gateway.h"
#include "tsd_log.h"

#define GATEWAY_TIMEOUT_MS  2000L
#define GATEWAY_BODY        (1 << 20)

struct gateway_s {
    char                url[2048];
    char                why[160];
    char                error[CURL_ERROR_SIZE];
    CURLM              *multi;
    CURL               *easy;
    int                 busy;
    int64_t             asked_ms;
    char               *body;           /* GATEWAY_BODY + 1 */
    size_t              len;
    int                 cut;            /* it is longer than that */
    gateway_figures_t   now;
    gateway_figures_t   before;
};

const char *const  gateway_classes[GATEWAY_CLASSES] = {
    "2xx", "304", "3xx", "4xx", "5xx"
};

const char *const  gateway_counters[GATEWAY_COUNTERS] = {
    "response_bytes", "gzip_responses", "stale_responses", "torn_reads",
    "board_corrupt", "board_refused", "board_lost", "board_maps"
};


static size_t
gateway_body(char *data, size_t size, size_t n, void *ctx)
{
    size_t      len;
    gateway_t  *g = ctx;

    len = size * n;

    if (len > GATEWAY_BODY - g->len) {
        g->cut = 1;
        return 0;
    }

    memcpy(g->body + g->len, data, len);
    g->len += len;

    return len;
}


gateway_t *
gateway_open(const char *url)
{
    int          n;
    gateway_t   *g;
    const char  *host, *path;

    host = strstr(url, "://");
    host = host ? host + 3 : url;
    path = strchr(host, '/');

    if (*host == '\0' || (host == url && strchr(url, ':') == url)) {
        (void) fprintf(stderr, "tradingctl top: --url needs http://HOST\n");
        return NULL;
    }

    g = calloc(1, sizeof(*g));

    if (g == NULL || (g->body = malloc(GATEWAY_BODY + 1)) == NULL
        || curl_global_init(CURL_GLOBAL_DEFAULT) != 0
        || (g->multi = curl_multi_init()) == NULL
        || (g->easy = curl_easy_init()) == NULL)
    {
        (void) fprintf(stderr, "tradingctl top: no memory\n");
        gateway_close(g);
        return NULL;
    }

    n = snprintf(g->url, sizeof(g->url), "%s%s", url,
                 path == NULL ? "/metrics" : path[1] ? "" : "metrics");

    if (n < 0 || (size_t) n >= sizeof(g->url)) {
        (void) fprintf(stderr, "tradingctl top: --url is too long\n");
        gateway_close(g);
        return NULL;
    }

    (void) curl_easy_setopt(g->easy, CURLOPT_URL, g->url);
    (void) curl_easy_setopt(g->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void) curl_easy_setopt(g->easy, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(g->easy, CURLOPT_TIMEOUT_MS, GATEWAY_TIMEOUT_MS);
    (void) curl_easy_setopt(g->easy, CURLOPT_ERRORBUFFER, g->error);
    (void) curl_easy_setopt(g->easy, CURLOPT_WRITEFUNCTION, gateway_body);
    (void) curl_easy_setopt(g->easy, CURLOPT_WRITEDATA, g);
    (void) curl_easy_setopt(g->easy, CURLOPT_USERAGENT, "tradingctl");
    (void) snprintf(g->why, sizeof(g->why), "no answer yet");

    return g;
}


void
gateway_close(gateway_t *g)
{
    if (g == NULL) {
        return;
    }

    if (g->busy) {
        (void) curl_multi_remove_handle(g->multi, g->easy);
    }

    curl_easy_cleanup(g->easy);

    if (g->multi) {
        (void) curl_multi_cleanup(g->multi);
    }

    curl_global_cleanup();
    free(g->body);
    free(g);
}


void
gateway_ask(gateway_t *g, int64_t mono_ms)
{
    if (g->busy) {
        return;
    }

    g->len = 0;
    g->cut = 0;
    g->error[0] = '\0';
    g->asked_ms = mono_ms;
    g->busy = curl_multi_add_handle(g->multi, g->easy) == CURLM_OK;
}


/* the value of "name{labels} value" if it is of that name, and its labels */

static int
gateway_line(const char *line, const char *name, const char **labels,
    uint64_t *value)
{
    size_t       len;
    const char  *p;

    len = strlen(name);

    if (strncmp(line, name, len) != 0
        || (line[len] != '{' && line[len] != ' '))
    {
        return 0;
    }

    *labels = line + len;
    p = strrchr(line, ' ');
    *value = p ? strtoull(p + 1, NULL, 10) : 0;

    return 1;
}


static int
gateway_parse(gateway_t *g, gateway_figures_t *f)
{
    int          found;
    char        *line, *save, label[32], name[64];
    uint64_t     value;
    unsigned     i;
    const char  *labels;

    memset(f, 0, sizeof(*f));
    g->body[g->len] = '\0';
    found = 0;

    for (line = strtok_r(g->body, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save))
    {
        if (gateway_line(line, "trading_requests_total", &labels, &value)) {
            found = 1;
            f->requests += value;

            for (i = 0; i < GATEWAY_CLASSES; i++) {
                (void) snprintf(label, sizeof(label), "status=\"%s\"",
                                gateway_classes[i]);

                if (strstr(labels, label)) {
                    f->status[i] += value;
                }
            }

            continue;
        }

        for (i = 0; i < GATEWAY_COUNTERS; i++) {
            (void) snprintf(name, sizeof(name), "trading_%s_total",
                            gateway_counters[i]);

            if (gateway_line(line, name, &labels, &value)) {
                f->counter[i] += value;
            }
        }
    }

    return found;
}


static void
gateway_done(gateway_t *g, CURLcode code)
{
    long               status;
    gateway_figures_t  f;

    (void) curl_easy_getinfo(g->easy, CURLINFO_RESPONSE_CODE, &status);

    if (g->cut) {
        (void) snprintf(g->why, sizeof(g->why), "the answer is too long");

    } else if (code != CURLE_OK) {
        (void) snprintf(g->why, sizeof(g->why), "%s",
                        g->error[0] ? g->error : curl_easy_strerror(code));

    } else if (status != 200) {
        (void) snprintf(g->why, sizeof(g->why), "it answers %ld", status);

    } else if (!gateway_parse(g, &f)) {
        (void) snprintf(g->why, sizeof(g->why), "there are no counters of "
                        "trading_metrics");

    } else {
        g->why[0] = '\0';
        f.mono_ms = tsd_mono_ms();
        g->before = g->now;
        g->now = f;
    }
}


int
gateway_wait(gateway_t *g, struct pollfd *fds, unsigned n, int ms)
{
    int                  left, done;
    CURLMsg             *msg;
    unsigned             i;
    struct curl_waitfd   wait[4];

    for (i = 0; i < n && i < 4; i++) {
        wait[i].fd = fds[i].fd;
        wait[i].events = CURL_WAIT_POLLIN;
        wait[i].revents = 0;
    }

    (void) curl_multi_perform(g->multi, &left);

    if (left || ms > 0) {
        (void) curl_multi_poll(g->multi, wait, i, ms, NULL);
        (void) curl_multi_perform(g->multi, &left);
    }

    done = 0;

    while ((msg = curl_multi_info_read(g->multi, &left)) != NULL) {

        if (msg->msg == CURLMSG_DONE) {
            gateway_done(g, msg->data.result);
            (void) curl_multi_remove_handle(g->multi, g->easy);
            g->busy = 0;
            done = 1;
            break;
        }
    }

    return done;
}


const char *
gateway_url(const gateway_t *g)
{
    return g->url;
}


const char *
gateway_why(const gateway_t *g)
{
    return g->why;
}


const gateway_figures_t *
gateway_now(const gateway_t *g)
{
    return &g->now;
}


const gateway_figures_t *
gateway_before(const gateway_t *g)
{
    return &g->before;
}


double
gateway_rate(const gateway_t *g, uint64_t now, uint64_t before)
{
    int64_t  ms;

    ms = g->now.mono_ms - g->before.mono_ms;

    /* counters begin anew when nginx does */

    return g->before.mono_ms && ms > 0 && now >= before
           ? (double) (now - before) * 1000 / (double) ms : 0;
}
