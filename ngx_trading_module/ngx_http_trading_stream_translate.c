/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Another board comes: what clients want is translated to the numbers that
 * its instruments have, and who asked by name for what it has not is told.
 */

#include "ngx_http_trading_stream.h"

static ngx_int_t ngx_http_trading_want_translate(ngx_http_trading_hub_t *hub,
    trd_board_t *board, ngx_http_trading_want_t *want);
static void ngx_http_trading_gone_tell(ngx_http_trading_hub_t *hub,
    trd_board_t *board, ngx_http_trading_stream_t *s, ngx_uint_t topic,
    const ngx_http_trading_want_t *want);


/* to the numbers that instruments have on another board; the hub still has
   the old names and `words`, board is the new one */
ngx_int_t
ngx_http_trading_cohort_translate(ngx_http_trading_hub_t *hub,
    trd_board_t *board, ngx_http_trading_cohort_t *c)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_TRADING_T_EACH; i++) {
        if (c->want[i].bits
            && ngx_http_trading_want_translate(hub, board, &c->want[i])
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_trading_want_translate(ngx_http_trading_hub_t *hub,
    trd_board_t *board, ngx_http_trading_want_t *want)
{
    size_t             size;
    uint32_t           i, k;
    uint64_t          *bits;
    trd_instrument_t   in;

    size = (board->n + 63) / 64 * sizeof(uint64_t);

    bits = ngx_calloc(size + 1, hub->log);
    if (bits == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < hub->n; i++) {
        if (ngx_http_trading_wants(want, i)
            && trd_board_find(board, hub->names[i],
                              ngx_strlen(hub->names[i]), &k)
               == TRD_OK)
        {
            bits[k / 64] |= 1ULL << (k % 64);
        }
    }

    for (i = 0; want->classes && i < board->n; i++) {
        if (trd_board_instrument(board, i, &in) == TRD_OK
            && want->classes & (1U << in.asset_class))
        {
            bits[i / 64] |= 1ULL << (i % 64);
        }
    }

    want->n = 0;

    for (i = 0; i < size / sizeof(uint64_t); i++) {
        want->n += __builtin_popcountll(bits[i]);
    }

    ngx_free(want->bits);
    want->bits = bits;

    return NGX_OK;
}


/* Another board comes: who asked by name for what it has not is told. */
void
ngx_http_trading_cohort_gone(ngx_http_trading_hub_t *hub, trd_board_t *board)
{
    ngx_uint_t                  topic;
    ngx_queue_t                *q, *next;
    ngx_http_trading_want_t    *want;
    ngx_http_trading_stream_t  *s;

    for (q = ngx_queue_head(&hub->beats);
         q != ngx_queue_sentinel(&hub->beats);
         q = next)
    {
        next = ngx_queue_next(q);
        s = ngx_queue_data(q, ngx_http_trading_stream_t, beat);

        for (topic = 0;
             s->cohort && !s->ended && topic < NGX_HTTP_TRADING_T_EACH;
             topic++)
        {
            want = &s->cohort->want[topic];

            if (want->bits && want->classes == 0) {
                ngx_http_trading_gone_tell(hub, board, s, topic, want);
            }
        }
    }
}


/* what does not fit is not named: the subscriptions can be listed */
static void
ngx_http_trading_gone_tell(ngx_http_trading_hub_t *hub, trd_board_t *board,
    ngx_http_trading_stream_t *s, ngx_uint_t topic,
    const ngx_http_trading_want_t *want)
{
    size_t        len;
    uint32_t      i, k;
    ngx_uint_t    n;
    trd_writer_t  w, one;

    static char   text[16384];

    trd_writer_init(&w, text, sizeof(text) - 64);
    trd_write_lit(&w, "{\"type\":\"unsubscribed\",\"channel\":\"");
    trd_write_str(&w, ngx_http_trading_topic_name(topic));
    trd_write_lit(&w, "\",\"symbols\":[");

    for (i = 0, n = 0; i < hub->n; i++) {
        len = ngx_strlen(hub->names[i]);

        if (!ngx_http_trading_wants(want, i)
            || trd_board_find(board, hub->names[i], len, &k) == TRD_OK)
        {
            continue;
        }

        one = w;

        if (n++) {
            trd_write_lit(&one, ",");
        }

        trd_write_json_str(&one, hub->names[i], len);

        if (trd_writer_overflowed(&one)) {
            break;
        }

        w = one;
    }

    if (n == 0) {
        return;
    }

    w.end += 64;
    trd_write_lit(&w, "],\"interval\":");
    ngx_http_trading_topic_interval(&w, topic);
    trd_write_lit(&w, ",\"reason\":\"new_board\"}");

    ngx_http_trading_out_text(s, "unsubscribed", 0, (u_char *) text,
                              trd_writer_len(&w));
}
