/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The updates that a slow client is owed: a bit for each instrument that
 * changed since becomes the latest update of it, in the order of the journal,
 * as many at a time as the bound of the connection allows.
 */

#include "ngx_http_trading_stream.h"
#include "trd_stream_json.h"

static ngx_int_t ngx_http_trading_owed_list(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, ngx_http_trading_change_t **owed,
    uint32_t *n);
static ngx_int_t ngx_http_trading_owed_update(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, ngx_http_trading_change_t *owed);
static ngx_int_t ngx_http_trading_owed_write(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, ngx_http_trading_change_t *owed,
    ngx_http_trading_latest_t *latest);
static int ngx_libc_cdecl ngx_http_trading_owed_order(const void *one,
    const void *two);


/* into the buffer, as many as there is room for */
ngx_int_t
ngx_http_trading_owed_refill(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s)
{
    uint32_t                    i, n;
    ngx_int_t                   rc;
    ngx_http_trading_lag_t     *lag;
    ngx_http_trading_change_t  *owed;

    lag = s->lag;

    if (ngx_http_trading_owed_list(hub, s, &owed, &n) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        rc = ngx_http_trading_owed_update(hub, s, &owed[i]);

        if (rc == NGX_DECLINED && lag->last == lag->pos) {
            continue;           /* it will never fit: the next may */
        }

        if (rc == NGX_DECLINED) {
            break;
        }

        if (rc != NGX_OK) {
            ngx_free(owed);
            return NGX_ERROR;
        }
    }

    if (i == n) {
        ngx_http_trading_lag_unmark(s);
    }

    ngx_free(owed);

    return NGX_OK;
}


/*
 * The bits as a list, what changed first in front; to be freed.  What the
 * journal brought since the last batch counts as of that batch: others have
 * changes before it that this stream has not got.
 */
static ngx_int_t
ngx_http_trading_owed_list(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, ngx_http_trading_change_t **owed,
    uint32_t *n)
{
    uint32_t                    word, total, k;
    uint64_t                    bits, told;
    ngx_uint_t                  topic;
    ngx_http_trading_lag_t     *lag;
    ngx_http_trading_change_t  *list;

    lag = s->lag;
    told = ngx_http_trading_hub_told(hub, s);
    total = 0;

    for (topic = 0; topic < NGX_HTTP_TRADING_T_N; topic++) {

        if (!(lag->topics & (1U << topic))) {
            continue;
        }

        if (topic >= NGX_HTTP_TRADING_T_EACH) {
            total++;
            continue;
        }

        for (word = 0; word < hub->words; word++) {
            total += __builtin_popcountll(lag->bits[topic][word]);
        }
    }

    list = ngx_alloc((total + 1) * sizeof(ngx_http_trading_change_t),
                     hub->log);
    if (list == NULL) {
        return NGX_ERROR;
    }

    *n = 0;

    for (topic = 0; topic < NGX_HTTP_TRADING_T_N; topic++) {

        if (!(lag->topics & (1U << topic))) {
            continue;
        }

        if (topic >= NGX_HTTP_TRADING_T_EACH) {
            list[*n].topic = (uint32_t) topic;
            list[*n].instrument = 0;
            list[*n].seq = told;
            (*n)++;
            continue;
        }

        for (word = 0; word < hub->words; word++) {
            bits = lag->bits[topic][word];

            for ( /* void */ ; bits; bits &= bits - 1) {
                k = word * 64 + __builtin_ctzll(bits);

                list[*n].topic = (uint32_t) topic;
                list[*n].instrument = k;
                list[*n].seq = hub->subject[topic].seq
                               ? ngx_min(hub->subject[topic].seq[k], told)
                               : told;
                (*n)++;
            }
        }
    }

    if (*n > 1) {
        ngx_qsort(list, *n, sizeof(ngx_http_trading_change_t),
                  ngx_http_trading_owed_order);
    }

    *owed = list;

    return NGX_OK;
}


/* NGX_DECLINED: there is no room for it yet */
static ngx_int_t
ngx_http_trading_owed_update(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, ngx_http_trading_change_t *owed)
{
    ngx_int_t                   rc;
    ngx_flag_t                  first;
    ngx_http_trading_lag_t     *lag;
    ngx_http_trading_latest_t  *latest, one;

    lag = s->lag;
    first = (lag->last == lag->pos);

    ngx_memzero(&one, sizeof(one));
    latest = &one;

    if (owed->topic < NGX_HTTP_TRADING_T_EACH
        && hub->subject[owed->topic].seq)
    {
        latest = ngx_http_trading_subject_latest(hub, owed->topic,
                                                 owed->instrument, s->form);
        if (latest == NULL) {
            return NGX_ERROR;
        }
    }

    if (latest->seq != owed->seq || latest->seq == 0) {
        rc = ngx_http_trading_owed_write(hub, s, owed, latest);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    rc = NGX_OK;

    if (latest->len) {
        rc = ngx_http_trading_lag_append(s, latest->data, latest->len, first);
        lag->nameless = !s->websocket;
    }

    if (latest == &one && one.data) {
        ngx_free(one.data);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (owed->topic < NGX_HTTP_TRADING_T_EACH) {
        lag->bits[owed->topic][owed->instrument / 64]
            &= ~(1ULL << (owed->instrument % 64));

    } else {
        lag->topics &= ~(1U << owed->topic);
    }

    return NGX_OK;
}


/* the latest update as it is now, in the form of the stream; len 0: there is
   nothing to tell */
static ngx_int_t
ngx_http_trading_owed_write(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, ngx_http_trading_change_t *owed,
    ngx_http_trading_latest_t *latest)
{
    size_t         len;
    int64_t        ms;
    const char    *type;
    trd_writer_t   w, h;

    static u_char  text[TRD_UPDATE_HEAD_MAX + NGX_HTTP_TRADING_DATA_MAX];

    latest->len = 0;
    latest->seq = owed->seq;

    trd_writer_init(&h, text, sizeof(text));
    trd_writer_init(&w, text + TRD_UPDATE_HEAD_MAX,
                    sizeof(text) - TRD_UPDATE_HEAD_MAX);

    if (ngx_http_trading_data(hub, owed->topic, owed->instrument, &w, &ms)
        != NGX_OK)
    {
        latest->seq = 0;
        return NGX_DECLINED;
    }

    trd_write_lit(&w, "}");

    if (trd_writer_overflowed(&w)) {
        return NGX_DECLINED;
    }

    type = ngx_http_trading_topic_update(owed->topic);

    trd_update_json_head(&h, type, ngx_http_trading_topic_name(owed->topic),
                         owed->seq, ms);

    ngx_memmove(h.pos, w.start, trd_writer_len(&w));
    len = trd_writer_len(&h) + trd_writer_len(&w);

    if (latest->size < ngx_http_trading_form_max(len)) {

        if (latest->data) {
            ngx_free(latest->data);
        }

        latest->size = 0;
        latest->data = ngx_alloc(ngx_http_trading_form_max(len), hub->log);

        if (latest->data == NULL) {
            latest->seq = 0;
            return NGX_ERROR;
        }

        latest->size = (uint32_t) ngx_http_trading_form_max(len);
    }

    latest->len = (uint32_t)
        ngx_http_trading_form_write(hub, s->form, type, 0, text, len,
                                    latest->data);

    return NGX_OK;
}


static int ngx_libc_cdecl
ngx_http_trading_owed_order(const void *one, const void *two)
{
    const ngx_http_trading_change_t  *a, *b;

    a = one;
    b = two;

    return (a->seq > b->seq) - (a->seq < b->seq);
}
