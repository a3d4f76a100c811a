/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The fields of a WebSocket handshake, see trd_ws_upgrade.h.  Lists are cut
 * at their commas first, quoted strings kept whole, and each element is read
 * by itself, so that one offer that is malformed does not spoil the next.
 */

#include <string.h>

#include "trd_ws_upgrade.h"

#define TRD_WS_KEY_LEN     24
#define TRD_WS_VALUE_MAX   8        /* longer ones are no number of bits */
#define TRD_WS_BITS_MAX    15

#define TRD_WS_STR(n)      TRD_WS_STR1(n)
#define TRD_WS_STR1(n)     #n

/* a bounded cursor */
typedef struct {
    const char  *pos;
    const char  *end;
} trd_ws_text_t;

typedef enum {
    TRD_WS_SERVER_NO_CONTEXT = 0,
    TRD_WS_CLIENT_NO_CONTEXT,
    TRD_WS_SERVER_BITS,
    TRD_WS_CLIENT_BITS,
    TRD_WS_PARAM_N
} trd_ws_param_t;

static const char *const  trd_ws_params[TRD_WS_PARAM_N] = {
    "server_no_context_takeover", "client_no_context_takeover",
    "server_max_window_bits", "client_max_window_bits"
};

static const char  trd_ws_answer[] =
    "permessage-deflate; server_no_context_takeover"
    "; client_no_context_takeover";

static const char  trd_ws_answer_bits[] =
    "; server_max_window_bits=" TRD_WS_STR(TRD_WS_WINDOW_BITS);

_Static_assert(sizeof(trd_ws_answer) + sizeof(trd_ws_answer_bits)
               <= TRD_WS_DEFLATE_MAX + 2, "an answer fits");


static void
trd_ws_blanks(trd_ws_text_t *t)
{
    while (t->pos < t->end && (*t->pos == ' ' || *t->pos == '\t')) {
        t->pos++;
    }
}


/* 1 and past it if `c` comes next, after blanks */
static int
trd_ws_char(trd_ws_text_t *t, char c)
{
    trd_ws_blanks(t);

    if (t->pos == t->end || *t->pos != c) {
        return 0;
    }

    t->pos++;

    return 1;
}


static int
trd_ws_token_char(char c)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
        || (c >= 'A' && c <= 'Z'))
    {
        return 1;
    }

    return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}


/* the length of the token that begins at *start, after blanks; 0 = none */
static size_t
trd_ws_token(trd_ws_text_t *t, const char **start)
{
    trd_ws_blanks(t);
    *start = t->pos;

    while (t->pos < t->end && trd_ws_token_char(*t->pos)) {
        t->pos++;
    }

    return (size_t) (t->pos - *start);
}


/*
 * The next element of a list, up to a comma that is not quoted.
 * TRD_NOT_FOUND: the end; TRD_ERROR: a quoted string does not end.
 */
static trd_rc_t
trd_ws_element(trd_ws_text_t *list, trd_ws_text_t *element)
{
    int          quoted;
    const char  *p;

    if (list->pos == list->end) {
        return TRD_NOT_FOUND;
    }

    quoted = 0;

    for (p = list->pos; p < list->end; p++) {
        if (*p == '"') {
            quoted = !quoted;

        } else if (*p == '\\' && quoted) {
            if (++p == list->end) {
                break;
            }

        } else if (*p == ',' && !quoted) {
            break;
        }
    }

    if (quoted) {
        return TRD_ERROR;
    }

    element->pos = list->pos;
    element->end = p;
    list->pos = (p == list->end) ? p : p + 1;

    return TRD_OK;
}


static char
trd_ws_lower(char c)
{
    return (c >= 'A' && c <= 'Z') ? (char) (c | 0x20) : c;
}


int
trd_token_listed(const char *list, size_t len, const char *token)
{
    size_t         i, n;
    const char    *item;
    trd_ws_text_t  t;

    if (len == 0) {
        return 0;
    }

    t.pos = list;
    t.end = list + len;

    for ( ;; ) {
        n = trd_ws_token(&t, &item);
        trd_ws_blanks(&t);

        if (t.pos == t.end || *t.pos == ',') {
            for (i = 0; i < n && token[i] != '\0'; i++) {
                if (trd_ws_lower(item[i]) != trd_ws_lower(token[i])) {
                    break;
                }
            }

            if (n > 0 && i == n && token[i] == '\0') {
                return 1;
            }
        }

        while (t.pos < t.end && *t.pos != ',') {
            t.pos++;
        }

        if (t.pos == t.end) {
            return 0;
        }

        t.pos++;
    }
}


/* the six bits of a base64 character, or -1 */
static int
trd_ws_base64(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }

    return (c == '+') ? 62 : (c == '/') ? 63 : -1;
}


int
trd_ws_key_ok(const char *key, size_t len)
{
    size_t  i;

    if (len != TRD_WS_KEY_LEN || key[22] != '=' || key[23] != '=') {
        return 0;
    }

    for (i = 0; i < 22; i++) {
        if (trd_ws_base64(key[i]) < 0) {
            return 0;
        }
    }

    /* 22 characters are 132 bits: the last four are not of the 16 bytes */

    return (trd_ws_base64(key[21]) & 0x0f) == 0;
}


/*
 * What follows a '=', a token or a quoted string: at most TRD_WS_VALUE_MAX
 * bytes into buf.  Returns the length, 0 if malformed.  That a quoted one is
 * a token, too, is left to trd_ws_bits(), which takes only digits.
 */
static size_t
trd_ws_value(trd_ws_text_t *t, char *buf)
{
    char         c;
    size_t       n;
    const char  *start;

    if (!trd_ws_char(t, '"')) {
        n = trd_ws_token(t, &start);

        if (n > TRD_WS_VALUE_MAX) {
            return 0;
        }

        memcpy(buf, start, n);

        return n;
    }

    for (n = 0; t->pos < t->end; n++) {
        c = *t->pos++;

        if (c == '"') {
            return n;
        }

        if (c == '\\' && t->pos < t->end) {
            c = *t->pos++;
        }

        if (n == TRD_WS_VALUE_MAX) {
            return 0;
        }

        buf[n] = c;
    }

    return 0;
}


/* 8 to 15, without leading zeros; 0 if it is not */
static int
trd_ws_bits(const char *s, size_t len)
{
    int  bits;

    if (len == 1 && (s[0] == '8' || s[0] == '9')) {
        return s[0] - '0';
    }

    if (len != 2 || s[0] != '1' || s[1] < '0' || s[1] > '9') {
        return 0;
    }

    bits = 10 + (s[1] - '0');

    return (bits <= TRD_WS_BITS_MAX) ? bits : 0;
}


/*
 * One parameter, after its semicolon.  *given: a bit for each that there was;
 * *bits: of server_max_window_bits.  0 if the offer is to be declined.
 */
static int
trd_ws_param(trd_ws_text_t *t, unsigned *given, int *bits)
{
    int          value;
    char         buf[TRD_WS_VALUE_MAX];
    size_t       n;
    unsigned     i;
    const char  *name;

    n = trd_ws_token(t, &name);

    for (i = 0; i < TRD_WS_PARAM_N; i++) {
        if (strlen(trd_ws_params[i]) == n
            && memcmp(trd_ws_params[i], name, n) == 0)
        {
            break;
        }
    }

    if (i == TRD_WS_PARAM_N || (*given & 1u << i)) {
        return 0;
    }

    *given |= 1u << i;

    if (!trd_ws_char(t, '=')) {
        return i != TRD_WS_SERVER_BITS;
    }

    n = trd_ws_value(t, buf);
    value = trd_ws_bits(buf, n);

    if (i == TRD_WS_SERVER_BITS) {
        *bits = value;
    }

    return value != 0 && (i == TRD_WS_SERVER_BITS || i == TRD_WS_CLIENT_BITS);
}


/* 1 if it is an offer of permessage-deflate that can be met */
static int
trd_ws_offer(trd_ws_text_t *t, unsigned *given)
{
    int          bits;
    size_t       n;
    const char  *name;

    static const char  ours[] = "permessage-deflate";

    n = trd_ws_token(t, &name);

    if (n != sizeof(ours) - 1 || memcmp(name, ours, n) != 0) {
        return 0;
    }

    *given = 0;
    bits = TRD_WS_BITS_MAX;

    while (trd_ws_char(t, ';')) {
        if (!trd_ws_param(t, given, &bits)) {
            return 0;
        }
    }

    /* of client_max_window_bits nothing need be said: 15 bits read it all */

    return t->pos == t->end && bits >= TRD_WS_WINDOW_BITS;
}


size_t
trd_ws_deflate_offer(const char *value, size_t len, char *buf)
{
    size_t         n;
    unsigned       given;
    trd_ws_text_t  list, element;

    if (len == 0) {
        return 0;
    }

    list.pos = value;
    list.end = value + len;

    while (trd_ws_element(&list, &element) == TRD_OK) {
        if (!trd_ws_offer(&element, &given)) {
            continue;
        }

        n = sizeof(trd_ws_answer) - 1;
        memcpy(buf, trd_ws_answer, n);

        if (given & 1u << TRD_WS_SERVER_BITS) {
            memcpy(buf + n, trd_ws_answer_bits, sizeof(trd_ws_answer_bits) - 1);
            n += sizeof(trd_ws_answer_bits) - 1;
        }

        return n;
    }

    return 0;
}
