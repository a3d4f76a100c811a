/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * curl's own parser, so that what is judged here is what curl connects to.
 */

#include "feed_url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tsd_log.h"

enum {
    PART_SCHEME = 0,
    PART_HOST,
    PART_PATH,
    PART_PORT,
    PART_QUERY,
    PART_USER,
    PART_FRAGMENT,
    PART_N
};

static const CURLUPart  feed_url_parts[PART_N] = {
    CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PATH, CURLUPART_PORT,
    CURLUPART_QUERY, CURLUPART_USER, CURLUPART_FRAGMENT
};


static const char *
feed_url_take(feed_url_t *u, char **part, const char *plain, const char *tls)
{
    size_t  size;

    if (part[PART_SCHEME] == NULL || part[PART_HOST] == NULL
        || part[PART_PATH] == NULL || part[PART_HOST][0] == '\0'
        || strlen(part[PART_HOST]) > FEED_URL_HOST_MAX)
    {
        return "is no URL";
    }

    u->tls = strcmp(part[PART_SCHEME], tls) == 0;

    if (!u->tls && strcmp(part[PART_SCHEME], plain) != 0) {
        return "has another scheme than it must";
    }

    if (part[PART_USER] || part[PART_FRAGMENT]) {
        return "has a user name or a fragment";
    }

    snprintf(u->host, sizeof(u->host), "%s%s%s", part[PART_HOST],
             part[PART_PORT] ? ":" : "",
             part[PART_PORT] ? part[PART_PORT] : "");

    size = strlen(part[PART_PATH]) + 3
           + (part[PART_QUERY] ? strlen(part[PART_QUERY]) : 0);

    u->path = malloc(size);
    if (u->path == NULL) {
        return "finds no memory";
    }

    snprintf(u->path, size, "%s%s%s",
             part[PART_PATH][0] ? part[PART_PATH] : "/",
             part[PART_QUERY] ? "?" : "",
             part[PART_QUERY] ? part[PART_QUERY] : "");

    return NULL;
}


int
feed_url_parse(feed_url_t *u, const char *url, const char *plain,
    const char *tls, const char **why)
{
    int     i;
    char   *part[PART_N] = { NULL };
    CURLU  *parsed;

    u->path = NULL;
    *why = "is no URL";

    parsed = curl_url();
    if (parsed == NULL) {
        *why = "finds no memory";
        return -1;
    }

    /* curl may have been built without ws and wss */
    if (curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME)
        == CURLUE_OK)
    {
        for (i = 0; i < PART_N; i++) {
            (void) curl_url_get(parsed, feed_url_parts[i], &part[i], 0);
        }

        *why = feed_url_take(u, part, plain, tls);
    }

    for (i = 0; i < PART_N; i++) {
        curl_free(part[i]);
    }

    curl_url_cleanup(parsed);

    return *why ? -1 : 0;
}


void
feed_url_free(feed_url_t *u)
{
    free(u->path);
    u->path = NULL;
}


int
feed_url_check_base(const char *variable, const char *url, const char *plain,
    const char *tls)
{
    feed_url_t   u;
    const char  *why;

    if (url == NULL) {
        tsd_log(TSD_LOG_ERROR, "bad_setting", "name=%s error=\"is not set\"",
                variable);
        return -1;
    }

    if (feed_url_parse(&u, url, plain, tls, &why) == 0
        && strchr(u.path, '?') != NULL)
    {
        why = "has a query";
    }

    feed_url_free(&u);

    if (why) {
        /* the value is not logged: it may hold a password */
        tsd_log(TSD_LOG_ERROR, "bad_setting",
                "name=%s error=\"%s\" expected=\"%s://host/ or %s://host/\"",
                variable, why, plain, tls);
        return -1;
    }

    return 0;
}
