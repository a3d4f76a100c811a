/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The URL of an exchange, taken apart and judged.
 */

#ifndef MARKETD_FEED_URL_H
#define MARKETD_FEED_URL_H

#define FEED_URL_HOST_MAX  280

typedef struct {
    int    tls;
    char   host[FEED_URL_HOST_MAX + 16];    /* with the port, if it has one */
    char  *path;                            /* with the query, "/" at least */
} feed_url_t;

/*
 * plain, tls: the two schemes there are to choose from ("ws", "wss").  0, or
 * -1 and *why says what is wrong.  User names are refused: URLs are logged.
 */
int feed_url_parse(feed_url_t *u, const char *url, const char *plain,
    const char *tls, const char **why);
void feed_url_free(feed_url_t *u);

/*
 * Is it fit to have paths appended?  Like feed_url_parse, and no query.  It
 * logs what is wrong under the name of its variable.
 */
int feed_url_check_base(const char *variable, const char *url,
    const char *plain, const char *tls);

#endif /* MARKETD_FEED_URL_H */
