/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Used by ws_client.c.  The answer is foreign bytes: it is read through
 * pointer and length, and what does not belong there is refused rather than
 * skipped, since a proxy that half understands WebSocket is worse than none.
 */

#define _GNU_SOURCE         /* memmem */

#include "ws_upgrade.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "curl_loop.h"

#define WS_GUID        "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define WS_ACCEPT_LEN  28           /* 20 bytes of SHA-1 in base64 */

typedef struct {
    const char  *name;
    size_t       name_len;
    const char  *value;
    size_t       len;
} header_t;


int
ws_upgrade_key(char key[WS_KEY_LEN + 1])
{
    unsigned char  random[16];

    if (getrandom(random, sizeof(random), 0) != (ssize_t) sizeof(random)) {
        return -1;
    }

    EVP_EncodeBlock((unsigned char *) key, random, sizeof(random));

    return 0;
}


int
ws_upgrade_request(char *buf, size_t size, const char *host,
    const char *target, const char *key)
{
    int  n;

    n = snprintf(buf, size,
                 "GET %s HTTP/1.1\r\n"
                 "Host: %s\r\n"
                 "Upgrade: websocket\r\n"
                 "Connection: Upgrade\r\n"
                 "Sec-WebSocket-Key: %s\r\n"
                 "Sec-WebSocket-Version: 13\r\n"
                 "User-Agent: marketd\r\n\r\n",
                 target, host, key);

    return (n < 0 || (size_t) n >= size) ? -1 : n;
}


static int
ws_upgrade_accept(const char *key, char accept[WS_ACCEPT_LEN + 1])
{
    char           text[WS_KEY_LEN + sizeof(WS_GUID)];
    unsigned       n;
    unsigned char  md[EVP_MAX_MD_SIZE];

    memcpy(text, key, WS_KEY_LEN);
    memcpy(text + WS_KEY_LEN, WS_GUID, sizeof(WS_GUID) - 1);

    if (EVP_Digest(text, WS_KEY_LEN + sizeof(WS_GUID) - 1, md, &n, EVP_sha1(),
                   NULL) != 1
        || n != 20)
    {
        return -1;
    }

    EVP_EncodeBlock((unsigned char *) accept, md, 20);

    return 0;
}


/* "HTTP/1.1 ddd"; 0: anything else */
static int
status_of(const char *line, size_t len)
{
    int     status;
    size_t  i;

    if (len < 12 || memcmp(line, "HTTP/1.1 ", 9) != 0
        || (len > 12 && line[12] != ' '))
    {
        return 0;
    }

    for (i = 9, status = 0; i < 12; i++) {
        if (line[i] < '0' || line[i] > '9') {
            return 0;
        }

        status = status * 10 + (line[i] - '0');
    }

    return status >= 100 ? status : 0;
}


/* 0, or -1: not "name: value" */
static int
header_of(const char *line, size_t len, header_t *h)
{
    const char  *colon;

    colon = memchr(line, ':', len);

    if (colon == NULL || colon == line || line[0] == ' ' || line[0] == '\t'
        || memchr(line, '\0', len) != NULL || colon[-1] == ' ')
    {
        return -1;
    }

    h->name = line;
    h->name_len = (size_t) (colon - line);
    h->value = colon + 1;
    h->len = len - h->name_len - 1;

    while (h->len && (h->value[0] == ' ' || h->value[0] == '\t')) {
        h->value++;
        h->len--;
    }

    while (h->len && (h->value[h->len - 1] == ' '
                      || h->value[h->len - 1] == '\t'))
    {
        h->len--;
    }

    return 0;
}


static int
is_name(const header_t *h, const char *name)
{
    return h->name_len == strlen(name)
           && strncasecmp(h->name, name, h->name_len) == 0;
}


/* Is `token` one of a comma-separated list? */
static int
has_token(const char *list, size_t len, const char *token)
{
    size_t  n, word = strlen(token);

    while (len) {
        while (len && (*list == ' ' || *list == '\t' || *list == ',')) {
            list++;
            len--;
        }

        for (n = 0; n < len && list[n] != ','; n++) { /* void */ }

        if (n >= word && strncasecmp(list, token, word) == 0
            && (n == word || list[word] == ' ' || list[word] == '\t'))
        {
            return 1;
        }

        list += n;
        len -= n;
    }

    return 0;
}


enum {
    SEEN_UPGRADE = 1,
    SEEN_CONNECTION = 2,
    SEEN_ACCEPT = 4,
    SEEN_ALL = 7
};


/* One header of a 101 answer. */
static const char *
judge(const header_t *h, const char *accept, unsigned *seen)
{
    if (is_name(h, "Upgrade")) {
        if (h->len != 9 || strncasecmp(h->value, "websocket", 9) != 0) {
            return "upgraded to something else";
        }

        *seen |= SEEN_UPGRADE;

    } else if (is_name(h, "Connection")) {
        if (has_token(h->value, h->len, "upgrade")) {
            *seen |= SEEN_CONNECTION;
        }

    } else if (is_name(h, "Sec-WebSocket-Accept")) {
        if ((*seen & SEEN_ACCEPT) || h->len != WS_ACCEPT_LEN
            || memcmp(h->value, accept, WS_ACCEPT_LEN) != 0)
        {
            return "wrong Sec-WebSocket-Accept";
        }

        *seen |= SEEN_ACCEPT;

    } else if (is_name(h, "Sec-WebSocket-Extensions")) {
        return "an extension that was not offered";

    } else if (is_name(h, "Sec-WebSocket-Protocol")) {
        return "a subprotocol that was not offered";
    }

    return NULL;
}


int
ws_upgrade_answer(const char *head, size_t len, const char *key,
    ws_upgrade_t *out)
{
    char         accept[WS_ACCEPT_LEN + 1];
    header_t     h;
    unsigned     seen = 0;
    const char  *p, *end, *eol;

    out->status = 0;
    out->retry_after_ms = -1;
    out->why = "not an HTTP answer";

    if (ws_upgrade_accept(key, accept) != 0) {
        out->why = "no SHA-1";
        return -1;
    }

    end = head + len;

    for (p = head; p < end; p = eol + 2) {
        eol = memmem(p, (size_t) (end - p), "\r\n", 2);
        if (eol == NULL) {
            out->why = "not an HTTP answer";
            return -1;
        }

        if (p == head) {
            out->status = status_of(p, (size_t) (eol - p));
            if (out->status == 0) {
                return -1;
            }

            continue;
        }

        if (eol == p) {
            break;
        }

        if (header_of(p, (size_t) (eol - p), &h) != 0) {
            out->why = "malformed header";
            return -1;
        }

        if (is_name(&h, "Retry-After")) {
            out->retry_after_ms = curl_loop_retry_after(h.value, h.len);
        }

        if (out->status == 101) {
            out->why = judge(&h, accept, &seen);
            if (out->why) {
                return -1;
            }
        }
    }

    if (out->status != 101) {
        out->why = "handshake refused";
        return -1;
    }

    if (seen != SEEN_ALL) {
        out->why = "handshake lacks a header";
        return -1;
    }

    out->why = NULL;

    return 0;
}
