/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What a client gets when it subscribes or resumes: a snapshot, or only what
 * changed since the last thing that it got.  What does not fit the buffer is
 * owed to it and follows as updates, like to a client that was slow.
 */

#include "ngx_http_trading_stream.h"
#include "trd_board_series.h"
#include "trd_stream_json.h"

#define NGX_HTTP_TRADING_RESUME_TRADES  1024    /* of an instrument */

typedef struct {
    trd_trade_t  trade;
    uint32_t     instrument;
} ngx_http_trading_past_t;

static void ngx_http_trading_snapshot_head(ngx_http_trading_stream_t *s,
    const trd_request_t *request, ngx_uint_t topic,
    const ngx_http_trading_want_t *want, trd_writer_t *w);
static ngx_uint_t ngx_http_trading_snapshot_data(ngx_http_trading_hub_t *hub,
    ngx_uint_t topic, const ngx_http_trading_want_t *want, trd_writer_t *w);
static ngx_uint_t ngx_http_trading_snapshot_owe(ngx_http_trading_stream_t *s,
    ngx_uint_t topic, const ngx_http_trading_want_t *want, uint64_t seq);
static void ngx_http_trading_snapshot_trades(ngx_http_trading_stream_t *s,
    const ngx_http_trading_want_t *want, uint64_t seq);
static ngx_int_t ngx_http_trading_snapshot_past(ngx_http_trading_stream_t *s,
    uint32_t instrument, uint64_t seq, ngx_array_t *past);
static ngx_int_t ngx_http_trading_snapshot_trade(
    ngx_http_trading_stream_t *s, const ngx_http_trading_past_t *p);
static int ngx_libc_cdecl ngx_http_trading_snapshot_order(const void *one,
    const void *two);


#define ngx_http_trading_wanted(want, i)                                      \
    ((want)->all || ((want)->bits[(i) / 64] >> ((i) % 64) & 1))


/* does the journal still hold what came after the seq that is named? */
ngx_flag_t
ngx_http_trading_snapshot_recovers(ngx_http_trading_hub_t *hub,
    const trd_request_t *request)
{
    uint32_t      instrument;
    trd_rc_t      rc;
    trd_change_t  change;

    if (ngx_http_trading_hub_same(hub) == NULL
        || (request->has_epoch && request->epoch != hub->generation)
        || request->seq > hub->cursor)
    {
        return 0;
    }

    if (request->seq == hub->cursor) {
        return 1;
    }

    rc = trd_board_journal(hub->board, request->seq + 1, &instrument,
                           &change);

    return rc == TRD_OK;
}


/* the reply to a subscription of one topic */
void
ngx_http_trading_snapshot(ngx_http_trading_stream_t *s,
    const trd_request_t *request, ngx_uint_t topic,
    const ngx_http_trading_want_t *want, ngx_flag_t recovered)
{
    char                         *text;
    size_t                        size;
    ngx_uint_t                    n;
    trd_writer_t                  w;
    ngx_http_trading_hub_t       *hub;
    ngx_http_trading_loc_conf_t  *lcf;

    hub = ngx_http_trading_hub(NULL);
    lcf = ngx_http_get_module_loc_conf(s->request, ngx_http_trading_module);

    size = lcf->stream_buffer;

    text = ngx_alloc(size, hub->log);
    if (text == NULL) {
        ngx_http_trading_stream_end(s, NGX_HTTP_TRADING_END_FAILED);
        return;
    }

    trd_writer_init(&w, text, size);
    ngx_http_trading_snapshot_head(s, request, topic, want, &w);

    if (request->has_seq) {
        trd_write_lit(&w, ",\"recovered\":");
        trd_write_str(&w, recovered ? "true" : "false");
    }

    if (recovered) {
        trd_write_lit(&w, ",\"snapshot\":null}");

    } else {
        n = 0;

        if (s->lag == NULL) {
            trd_write_lit(&w, ",\"snapshot\":[");
            n = ngx_http_trading_snapshot_data(hub, topic, want, &w);
            trd_write_lit(&w, "]}");
        }

        if (s->lag || trd_writer_overflowed(&w)) {
            n = ngx_http_trading_snapshot_owe(s, topic, want, 0);

            trd_writer_init(&w, text, size);
            ngx_http_trading_snapshot_head(s, request, topic, want, &w);

            if (request->has_seq) {
                trd_write_lit(&w, ",\"recovered\":false");
            }

            trd_write_lit(&w, ",\"snapshot\":null,\"snapshot_count\":");
            trd_write_u64(&w, n);
            trd_write_lit(&w, "}");
        }
    }

    if (trd_writer_overflowed(&w)) {
        ngx_http_trading_stream_error(s, request, "too_many_subscriptions",
                                      "the reply does not fit the buffer");

    } else {
        ngx_http_trading_out_text(s, "subscribed", 0, (u_char *) text,
                                  trd_writer_len(&w));
    }

    ngx_free(text);

    if (recovered && !s->ended) {
        ngx_http_trading_snapshot_since(s, topic, want, request->seq);

    } else if (s->lag && !s->ended) {
        ngx_http_trading_out_ready(s);
    }
}


static void
ngx_http_trading_snapshot_head(ngx_http_trading_stream_t *s,
    const trd_request_t *request, ngx_uint_t topic,
    const ngx_http_trading_want_t *want, trd_writer_t *w)
{
    ngx_http_trading_hub_t  *hub;

    hub = ngx_http_trading_hub(NULL);

    ngx_http_trading_reply_head(w, "subscribed", request);
    trd_write_lit(w, ",\"channel\":\"");
    trd_write_str(w, ngx_http_trading_topic_name(topic));
    trd_write_lit(w, "\",\"symbols\":");
    ngx_http_trading_want_symbols(hub, w, topic < NGX_HTTP_TRADING_T_EACH
                                          ? want : NULL);
    trd_write_lit(w, ",\"interval\":");
    ngx_http_trading_topic_interval(w, topic);
    trd_write_lit(w, ",\"epoch\":");
    trd_write_u64(w, hub->generation);
    trd_write_lit(w, ",\"seq\":");
    trd_write_u64(w, ngx_http_trading_hub_told(hub, s));
}


static ngx_uint_t
ngx_http_trading_snapshot_data(ngx_http_trading_hub_t *hub, ngx_uint_t topic,
    const ngx_http_trading_want_t *want, trd_writer_t *w)
{
    int64_t       ms;
    uint32_t      i;
    ngx_uint_t    n;
    trd_writer_t  one;

    if (topic >= NGX_HTTP_TRADING_T_ACCOUNT) {
        return 0;
    }

    if (topic >= NGX_HTTP_TRADING_T_EACH) {
        one = *w;
        if (ngx_http_trading_data(hub, topic, 0, &one, &ms) == NGX_OK) {
            *w = one;
            return 1;
        }

        return 0;
    }

    n = 0;

    for (i = 0; i < hub->n && !trd_writer_overflowed(w); i++) {

        if (!ngx_http_trading_wanted(want, i)) {
            continue;
        }

        one = *w;

        if (n) {
            trd_write_lit(&one, ",");
        }

        if (ngx_http_trading_data(hub, topic, i, &one, &ms) == NGX_OK) {
            *w = one;
            n++;
        }
    }

    return n;
}


/* what changed after `seq` is owed as updates; their number */
static ngx_uint_t
ngx_http_trading_snapshot_owe(ngx_http_trading_stream_t *s, ngx_uint_t topic,
    const ngx_http_trading_want_t *want, uint64_t seq)
{
    uint32_t                     i;
    ngx_uint_t                   n;
    ngx_http_trading_hub_t      *hub;
    ngx_http_trading_subject_t  *sub;

    hub = ngx_http_trading_hub(NULL);

    if (topic >= NGX_HTTP_TRADING_T_ACCOUNT) {
        return 0;
    }

    if (topic >= NGX_HTTP_TRADING_T_EACH) {
        return ngx_http_trading_lag_mark(s, topic, 0) == NGX_OK;
    }

    sub = &hub->subject[topic];
    n = 0;

    for (i = 0; i < hub->n; i++) {
        if (ngx_http_trading_wanted(want, i)
            && (seq == 0 || sub->seq == NULL || sub->seq[i] > seq)
            && ngx_http_trading_has(hub, topic, i)
            && ngx_http_trading_lag_mark(s, topic, i) == NGX_OK)
        {
            n++;
        }
    }

    return n;
}


/* the stream is told what changed after `seq`; 0: the latest of everything */
void
ngx_http_trading_snapshot_since(ngx_http_trading_stream_t *s,
    ngx_uint_t topic, const ngx_http_trading_want_t *want, uint64_t seq)
{
    if (topic == NGX_HTTP_TRADING_T_TRADES && seq) {
        ngx_http_trading_snapshot_trades(s, want, seq);

    } else {
        (void) ngx_http_trading_snapshot_owe(s, topic, want, seq);
    }

    if (s->lag && !s->ended) {
        ngx_http_trading_out_ready(s);
    }
}


/*
 * Each trade after `seq`, in the order of the journal, as far as the ring
 * holds them and the socket and the buffer take them.  The journal holds all
 * of that time, so the numbers have no holes.
 */
static void
ngx_http_trading_snapshot_trades(ngx_http_trading_stream_t *s,
    const ngx_http_trading_want_t *want, uint64_t seq)
{
    uint32_t                  i;
    ngx_int_t                 rc;
    ngx_pool_t               *pool;
    ngx_array_t               past;
    ngx_http_trading_hub_t   *hub;
    ngx_http_trading_past_t  *p;

    hub = ngx_http_trading_hub(NULL);
    rc = NGX_ERROR;

    /* another worker told it what is in our next batch */

    s->ahead = (seq > ngx_http_trading_hub_told(hub, s)) ? seq : 0;

    pool = ngx_create_pool(16384, hub->log);

    if (pool && ngx_array_init(&past, pool, 64, sizeof(*p)) == NGX_OK) {
        rc = NGX_OK;

        for (i = 0; i < hub->n && rc == NGX_OK; i++) {
            if (ngx_http_trading_wanted(want, i)
                && hub->subject[NGX_HTTP_TRADING_T_TRADES].seq[i] > seq)
            {
                rc = ngx_http_trading_snapshot_past(s, i, seq, &past);
            }
        }
    }

    if (rc == NGX_OK && past.nelts) {
        p = past.elts;
        ngx_qsort(p, past.nelts, sizeof(*p), ngx_http_trading_snapshot_order);

        for (i = 0; i < past.nelts && rc == NGX_OK && !s->ended; i++) {
            rc = ngx_http_trading_snapshot_trade(s, &p[i]);
        }
    }

    if (rc != NGX_OK) {
        ngx_http_trading_stream_end(s, NGX_HTTP_TRADING_END_FAILED);
    }

    if (pool) {
        ngx_destroy_pool(pool);
    }
}


/* gathers those of an instrument */
static ngx_int_t
ngx_http_trading_snapshot_past(ngx_http_trading_stream_t *s,
    uint32_t instrument, uint64_t seq, ngx_array_t *past)
{
    uint32_t                  i, n, limit;
    uint64_t                  missed, told;
    ngx_http_trading_hub_t   *hub;
    ngx_http_trading_past_t  *p;

    static trd_trade_t        trades[NGX_HTTP_TRADING_RESUME_TRADES];

    hub = ngx_http_trading_hub(NULL);
    limit = 8;

    /* mostly few are new: not all of them are read to find those */

    do {
        limit = ngx_min(limit * 8, NGX_HTTP_TRADING_RESUME_TRADES);

        if (ngx_http_trading_hub_same(hub) == NULL
            || trd_board_trades(hub->board, instrument, 0, limit, trades, &n,
                                &missed)
               != TRD_OK)
        {
            return NGX_OK;
        }

    } while (n == limit && trades[0].seq > seq
             && limit < NGX_HTTP_TRADING_RESUME_TRADES);

    if (n && trades[0].seq > seq + 1 && trades[0].number > 1) {

        /* how many are gone nobody knows: at least one */

        ngx_http_trading_lag_missed(s, TRD_CHANNEL_TRADES);
    }

    /* those that were not told come with the next batch; some were told that
       are newer than hub->told, since the board goes on meanwhile */

    told = hub->subject[NGX_HTTP_TRADING_T_TRADES].told[instrument];

    for (i = 0; i < n; i++) {

        if (trades[i].seq <= seq || trades[i].number > told) {
            continue;
        }

        p = ngx_array_push(past);
        if (p == NULL) {
            return NGX_ERROR;
        }

        p->trade = trades[i];
        p->instrument = instrument;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_trading_snapshot_trade(ngx_http_trading_stream_t *s,
    const ngx_http_trading_past_t *p)
{
    char                     text[1024];
    ngx_int_t                rc;
    ngx_uint_t               tries;
    trd_writer_t             w;
    trd_instrument_t         in;
    ngx_http_trading_hub_t  *hub;

    hub = ngx_http_trading_hub(NULL);

    if (ngx_http_trading_hub_same(hub) == NULL
        || trd_board_instrument(hub->board, p->instrument, &in) != TRD_OK)
    {
        return NGX_OK;
    }

    trd_writer_init(&w, text, sizeof(text));
    trd_update_json_head(&w, "trade_update", "trades", p->trade.seq,
                         p->trade.exchange_ms);
    trd_trade_update_json(&w, &in, &p->trade);
    trd_write_lit(&w, "}");

    for (tries = 0; /* void */ ; tries++) {
        rc = ngx_http_trading_lag_text(hub, s, "trade_update",
                                       (u_char *) text, trd_writer_len(&w),
                                       0);

        if (rc != NGX_DECLINED || tries) {
            break;
        }

        /* the buffer is full, but the socket may take it */

        ngx_http_trading_out_ready(s);

        if (s->ended) {
            return NGX_OK;
        }
    }

    if (rc == NGX_DECLINED) {
        ngx_http_trading_lag_missed(s, TRD_CHANNEL_TRADES);
        return NGX_OK;
    }

    return rc;
}


static int ngx_libc_cdecl
ngx_http_trading_snapshot_order(const void *one, const void *two)
{
    const ngx_http_trading_past_t  *a, *b;

    a = one;
    b = two;

    return (a->trade.seq > b->trade.seq) - (a->trade.seq < b->trade.seq);
}


/* the body of /binary, before the updates */
void
ngx_http_trading_snapshot_binary(ngx_http_trading_stream_t *s)
{
    char                    *text;
    size_t                   size;
    int64_t                  ms;
    trd_writer_t             w;
    ngx_http_trading_hub_t  *hub;

    hub = ngx_http_trading_hub(NULL);

    if (ngx_http_trading_hub_same(hub) == NULL) {
        return;
    }

    size = 1024 + (size_t) hub->n * 96;

    text = ngx_alloc(size, hub->log);
    if (text == NULL) {
        ngx_http_trading_stream_end(s, NGX_HTTP_TRADING_END_FAILED);
        return;
    }

    trd_writer_init(&w, text, size);

    if (ngx_http_trading_data_page(hub, TRD_PAGE_BINARY, &w, &ms) == NGX_OK) {
        ngx_http_trading_out_text(s, "binary", 0, (u_char *) text,
                                  trd_writer_len(&w));
    }

    ngx_free(text);
}
