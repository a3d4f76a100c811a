/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A connection's subscriptions: what a request names, resolved on the board,
 * is put to them or taken away, and the connection moves to the cohort that
 * wants the result.
 */

#include "ngx_http_trading_stream.h"

static ngx_int_t ngx_http_trading_want_resolve(trd_board_t *board,
    const trd_request_t *request, ngx_http_trading_want_t *want,
    uint32_t words, ngx_http_trading_refusal_t *no);
static uint32_t ngx_http_trading_want_topics(const trd_request_t *request);
static ngx_int_t ngx_http_trading_want_refuse(ngx_http_trading_refusal_t *no,
    const char *code, const char *fmt, ...);
static ngx_int_t ngx_http_trading_want_join(ngx_http_trading_stream_t *s,
    ngx_http_trading_cohort_t *like, uint64_t **bits);
static void ngx_http_trading_want_like(ngx_http_trading_stream_t *s,
    ngx_http_trading_cohort_t *like);
static ngx_uint_t ngx_http_trading_want_count(
    const ngx_http_trading_cohort_t *c);


/*
 * Before a stream begins: the same checks as of a message, with a problem
 * document as the answer.
 */
ngx_int_t
ngx_http_trading_stream_check(ngx_http_trading_call_t *call,
    const trd_request_t *request, ngx_str_t *account)
{
    ngx_int_t                     rc;
    ngx_http_trading_want_t       want;
    ngx_http_trading_refusal_t    no;

    if (request->channels >> TRD_CHANNEL_PRIVATE && account->len == 0) {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_UNAUTHORIZED,
                                     "the channels of an account need one");
    }

    if (request->channels >> TRD_CHANNEL_PRIVATE
        && ngx_http_trading_events_look(ngx_http_trading_hub(NULL)) != NGX_OK)
    {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_NO_EVENTS,
                                     "there are no events of accounts now");
    }

    ngx_memzero(&want, sizeof(want));

    rc = ngx_http_trading_want_resolve(call->board, request, &want,
                                       (call->board->n + 63) / 64, &no);
    ngx_http_trading_want_free(&want);

    if (rc == NGX_OK) {
        return NGX_OK;
    }

    return no.code ? ngx_http_trading_fail(call,
                                           NGX_HTTP_TRADING_UNKNOWN_SYMBOL,
                                           "%s", no.detail)
                   : NGX_ERROR;
}


/* what a request names; to be given to want_free() in any case */
ngx_int_t
ngx_http_trading_want_read(ngx_http_trading_stream_t *s,
    const trd_request_t *request, ngx_http_trading_want_t *want,
    uint32_t *topics, ngx_http_trading_refusal_t *no)
{
    ngx_http_trading_hub_t  *hub;

    hub = ngx_http_trading_hub(NULL);

    ngx_memzero(want, sizeof(ngx_http_trading_want_t));
    ngx_memzero(no, sizeof(ngx_http_trading_refusal_t));

    *topics = ngx_http_trading_want_topics(request);

    if (request->channels >> TRD_CHANNEL_PRIVATE && s->account.len == 0) {
        return ngx_http_trading_want_refuse(no, "unauthorized",
                                            "the channels of an account "
                                            "need one");
    }

    if (request->channels >> TRD_CHANNEL_PRIVATE
        && request->type == TRD_REQUEST_SUBSCRIBE)
    {
        if (ngx_http_trading_events_look(hub) != NGX_OK) {
            return ngx_http_trading_want_refuse(no, "unavailable",
                                                "there are no events of "
                                                "accounts now");
        }

        /* it may name an event that another worker has read */

        ngx_http_trading_events_catch_up(hub);
    }

    if (ngx_http_trading_hub_same(hub) == NULL) {
        return ngx_http_trading_want_refuse(no, "no_board",
                                            "there is no market data now");
    }

    return ngx_http_trading_want_resolve(hub->board, request, want,
                                         hub->words, no);
}


static ngx_int_t
ngx_http_trading_want_resolve(trd_board_t *board,
    const trd_request_t *request, ngx_http_trading_want_t *want,
    uint32_t words, ngx_http_trading_refusal_t *no)
{
    char               name[TRD_SYMBOL_TEXT];
    size_t             len;
    uint32_t           i;
    const char        *pos;
    trd_instrument_t   in;

    ngx_memzero(no, sizeof(ngx_http_trading_refusal_t));

    want->wanted = 1;

    if (!request->has_symbols && request->classes == 0) {
        want->all = 1;
        return NGX_OK;
    }

    want->classes = (uint16_t) (request->has_symbols ? 0 : request->classes);

    want->bits = ngx_calloc(words * sizeof(uint64_t) + 1, ngx_cycle->log);
    if (want->bits == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; want->classes && i < board->n; i++) {
        if (trd_board_instrument(board, i, &in) == TRD_OK
            && want->classes & (1U << in.asset_class))
        {
            want->bits[i / 64] |= 1ULL << (i % 64);
        }
    }

    for (pos = NULL;
         request->has_symbols
         && trd_request_symbol(request, &pos, name, &len) == TRD_OK;
         /* void */ )
    {
        if (trd_board_find(board, name, len, &i) != TRD_OK) {
            return ngx_http_trading_want_refuse(no, "unknown_symbol",
                                                "there is no instrument "
                                                "\"%*s\"", len, name);
        }

        if (request->classes
            && (trd_board_instrument(board, i, &in) != TRD_OK
                || !(request->classes & (1U << in.asset_class))))
        {
            continue;
        }

        want->bits[i / 64] |= 1ULL << (i % 64);
    }

    for (i = 0; i < words; i++) {
        want->n += __builtin_popcountll(want->bits[i]);
    }

    return NGX_OK;
}


static uint32_t
ngx_http_trading_want_topics(const trd_request_t *request)
{
    uint32_t  topics, intervals, i;

    static const uint32_t  plain[] = {
        1U << NGX_HTTP_TRADING_T_PRICES,
        0,
        1U << NGX_HTTP_TRADING_T_TRADES,
        1U << NGX_HTTP_TRADING_T_ORDERBOOK,
        1U << NGX_HTTP_TRADING_T_SIGNALS,
        1U << NGX_HTTP_TRADING_T_MARKET,
        1U << NGX_HTTP_TRADING_T_HEALTH,
        1U << NGX_HTTP_TRADING_T_ACCOUNT,
        1U << (NGX_HTTP_TRADING_T_ACCOUNT + 1),
        1U << (NGX_HTTP_TRADING_T_ACCOUNT + 2),
        1U << (NGX_HTTP_TRADING_T_ACCOUNT + 3)
    };

    topics = 0;

    for (i = 0; i < TRD_CHANNEL_N; i++) {
        if (request->channels & (1U << i)) {
            topics |= plain[i];
        }
    }

    if (request->channels & (1U << TRD_CHANNEL_CANDLES)) {
        intervals = request->intervals;

        if (intervals == 0) {
            intervals = (request->type == TRD_REQUEST_UNSUBSCRIBE)
                        ? (1U << TRD_INTERVALS) - 1 : 1U << TRD_INTERVAL_1M;
        }

        topics |= intervals << NGX_HTTP_TRADING_T_CANDLES;
    }

    return topics;
}


static ngx_int_t
ngx_http_trading_want_refuse(ngx_http_trading_refusal_t *no,
    const char *code, const char *fmt, ...)
{
    u_char   *end;
    va_list   args;

    no->code = code;

    va_start(args, fmt);
    end = ngx_vslprintf(no->detail, no->detail + sizeof(no->detail) - 1, fmt,
                        args);
    va_end(args);

    *end = '\0';

    return NGX_DECLINED;
}


void
ngx_http_trading_want_free(ngx_http_trading_want_t *want)
{
    if (want->bits) {
        ngx_free(want->bits);
        want->bits = NULL;
    }
}


static void
ngx_http_trading_want_like(ngx_http_trading_stream_t *s,
    ngx_http_trading_cohort_t *like)
{
    if (s->cohort) {
        *like = *s->cohort;

    } else {
        ngx_memzero(like, sizeof(ngx_http_trading_cohort_t));
    }

    like->form = s->form;
}


/* /binary/stream's, whose topic has no channel of its own */
ngx_int_t
ngx_http_trading_want_binary(ngx_http_trading_stream_t *s,
    const trd_request_t *request, ngx_http_trading_refusal_t *no)
{
    ngx_int_t                rc;
    uint32_t                 topics;
    ngx_http_trading_want_t  want;

    rc = ngx_http_trading_want_read(s, request, &want, &topics, no);

    if (rc == NGX_OK) {
        rc = ngx_http_trading_want_add(s, &want,
                                       1U << NGX_HTTP_TRADING_T_BINARY, no);
    }

    ngx_http_trading_want_free(&want);

    return rc;
}


ngx_int_t
ngx_http_trading_want_add(ngx_http_trading_stream_t *s,
    const ngx_http_trading_want_t *want, uint32_t topics,
    ngx_http_trading_refusal_t *no)
{
    uint32_t                       i;
    uint64_t                      *bits[NGX_HTTP_TRADING_T_EACH];
    ngx_int_t                      rc;
    ngx_uint_t                     topic;
    ngx_http_trading_hub_t        *hub;
    ngx_http_trading_want_t       *w;
    ngx_http_trading_cohort_t      like;
    ngx_http_trading_loc_conf_t   *lcf;

    hub = ngx_http_trading_hub(NULL);
    lcf = ngx_http_get_module_loc_conf(s->request, ngx_http_trading_module);

    ngx_memzero(bits, sizeof(bits));
    ngx_http_trading_want_like(s, &like);
    like.topics |= topics;

    rc = NGX_OK;

    for (topic = 0; topic < NGX_HTTP_TRADING_T_EACH; topic++) {
        w = &like.want[topic];

        if (!(topics & (1U << topic)) || w->all) {
            continue;
        }

        w->wanted = 1;

        if (want->all) {
            w->all = 1;
            w->bits = NULL;
            w->n = 0;
            w->classes = 0;
            continue;
        }

        bits[topic] = ngx_alloc(hub->words * sizeof(uint64_t) + 1, hub->log);

        if (bits[topic] == NULL) {
            rc = NGX_ERROR;
            break;
        }

        w->classes |= want->classes;
        w->n = 0;

        for (i = 0; i < hub->words; i++) {
            bits[topic][i] = want->bits[i] | (w->bits ? w->bits[i] : 0);
            w->n += __builtin_popcountll(bits[topic][i]);
        }

        w->bits = bits[topic];
    }

    if (rc == NGX_OK && ngx_http_trading_want_count(&like) > lcf->stream_max) {
        rc = ngx_http_trading_want_refuse(no, "too_many_subscriptions",
                                          "a connection may have %ui "
                                          "subscriptions", lcf->stream_max);
    }

    if (rc == NGX_OK) {
        return ngx_http_trading_want_join(s, &like, bits);
    }

    for (topic = 0; topic < NGX_HTTP_TRADING_T_EACH; topic++) {
        if (bits[topic]) {
            ngx_free(bits[topic]);
        }
    }

    return rc;
}


/* without symbols or classes the whole topic goes */
ngx_int_t
ngx_http_trading_want_remove(ngx_http_trading_stream_t *s,
    const trd_request_t *request, const ngx_http_trading_want_t *want,
    uint32_t topics, ngx_http_trading_refusal_t *no)
{
    uint32_t                     i;
    uint64_t                    *bits[NGX_HTTP_TRADING_T_EACH];
    ngx_uint_t                   topic;
    ngx_http_trading_hub_t      *hub;
    ngx_http_trading_want_t     *w;
    ngx_http_trading_cohort_t    like;

    hub = ngx_http_trading_hub(NULL);

    ngx_memzero(bits, sizeof(bits));
    ngx_http_trading_want_like(s, &like);

    if ((like.topics & topics) == 0) {
        return ngx_http_trading_want_refuse(no, "not_subscribed",
                                            "there is no such subscription");
    }

    for (topic = 0; topic < NGX_HTTP_TRADING_T_N; topic++) {

        if (!(topics & like.topics & (1U << topic))) {
            continue;
        }

        if (topic >= NGX_HTTP_TRADING_T_EACH) {
            like.topics &= ~(1U << topic);
            continue;
        }

        w = &like.want[topic];

        if (!want->all) {
            bits[topic] = ngx_calloc(hub->words * sizeof(uint64_t) + 1,
                                     hub->log);
            if (bits[topic] == NULL) {
                (void) ngx_http_trading_want_join(s, NULL, bits);
                return NGX_ERROR;
            }

            w->n = 0;

            for (i = 0; i < hub->n; i++) {
                if ((w->all || w->bits[i / 64] >> (i % 64) & 1)
                    && !(want->bits[i / 64] >> (i % 64) & 1))
                {
                    bits[topic][i / 64] |= 1ULL << (i % 64);
                    w->n++;
                }
            }

            /* without one of its symbols it is no class any more, to which
               another board might add */

            w->classes = want->classes ? w->classes & ~want->classes : 0;
        }

        if (want->all || w->n == 0) {
            like.topics &= ~(1U << topic);
            ngx_memzero(w, sizeof(ngx_http_trading_want_t));
            continue;
        }

        w->all = 0;
        w->bits = bits[topic];
    }

    return ngx_http_trading_want_join(s, &like, bits);
}


/* like NULL: only frees what was made for it */
static ngx_int_t
ngx_http_trading_want_join(ngx_http_trading_stream_t *s,
    ngx_http_trading_cohort_t *like, uint64_t **bits)
{
    ngx_int_t                rc;
    ngx_uint_t               topic;
    ngx_http_trading_hub_t  *hub;

    hub = ngx_http_trading_hub(NULL);

    rc = like ? ngx_http_trading_cohort_join(hub, s, like) : NGX_OK;

    for (topic = 0; topic < NGX_HTTP_TRADING_T_EACH; topic++) {
        if (bits[topic]) {
            ngx_free(bits[topic]);
        }
    }

    if (rc != NGX_OK || s->cohort == NULL) {
        return rc;
    }

    ngx_http_trading_lag_mask(hub, s);

    return ngx_http_trading_events_follow(hub, s);
}


/* each topic of all or of a class is one, else each instrument is */
static ngx_uint_t
ngx_http_trading_want_count(const ngx_http_trading_cohort_t *c)
{
    ngx_uint_t                      topic, n;
    const ngx_http_trading_want_t  *w;

    n = 0;

    for (topic = 0; topic < NGX_HTTP_TRADING_T_N; topic++) {

        if (!(c->topics & (1U << topic))) {
            continue;
        }

        w = (topic < NGX_HTTP_TRADING_T_EACH) ? &c->want[topic] : NULL;

        n += (w == NULL || w->all || w->classes) ? 1 : w->n;
    }

    return n;
}


/* an array of the names, or null for all */
void
ngx_http_trading_want_symbols(ngx_http_trading_hub_t *hub, trd_writer_t *w,
    const ngx_http_trading_want_t *want)
{
    uint32_t    i;
    ngx_uint_t  n;

    if (want == NULL || want->bits == NULL) {
        trd_write_lit(w, "null");
        return;
    }

    trd_write_lit(w, "[");

    for (i = 0, n = 0; i < hub->n; i++) {
        if (want->bits[i / 64] >> (i % 64) & 1) {

            if (n++) {
                trd_write_lit(w, ",");
            }

            trd_write_json_str(w, hub->names[i], ngx_strlen(hub->names[i]));
        }
    }

    trd_write_lit(w, "]");
}


void
ngx_http_trading_topic_interval(trd_writer_t *w, ngx_uint_t topic)
{
    if (topic < NGX_HTTP_TRADING_T_CANDLES
        || topic >= NGX_HTTP_TRADING_T_CANDLES + TRD_INTERVALS)
    {
        trd_write_lit(w, "null");
        return;
    }

    trd_write_lit(w, "\"");
    trd_write_str(w, trd_interval_name(topic - NGX_HTTP_TRADING_T_CANDLES));
    trd_write_lit(w, "\"");
}
