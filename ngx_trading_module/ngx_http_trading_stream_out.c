/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Writing to clients.  A connection that keeps up gets its pieces of the
 * batch by one vectored write of the worker's own memory.  What the socket
 * does not take, and everything while bytes are waiting, goes to the lag.
 */

#include "ngx_http_trading_stream.h"

#define NGX_HTTP_TRADING_PIECES  64     /* of one write */

static ngx_int_t ngx_http_trading_out_direct(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, uint32_t *sent, size_t *part);
static ngx_int_t ngx_http_trading_out_pieces(ngx_http_trading_hub_t *hub,
    ngx_uint_t form);
static void ngx_http_trading_out_link(ngx_chain_t *link, ngx_buf_t *b,
    const u_char *data, size_t len);
static ngx_int_t ngx_http_trading_out_write(ngx_http_trading_stream_t *s,
    ngx_chain_t *chain, size_t len, size_t *n);
static void ngx_http_trading_out_rest(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, uint32_t sent, size_t part);
static ngx_int_t ngx_http_trading_out_bytes(ngx_http_trading_stream_t *s,
    const u_char *data, size_t len, ngx_flag_t must);
static ngx_int_t ngx_http_trading_out_flush(ngx_http_trading_stream_t *s);
static ngx_int_t ngx_http_trading_out_filter(ngx_http_trading_stream_t *s);


#define ngx_http_trading_out_direct_ok(s)                                     \
    (!(s)->filtered && (s)->request->connection->ssl == NULL)


/* the picks of the stream's cohort, from the batch */
void
ngx_http_trading_out_picks(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s)
{
    size_t      part;
    uint32_t    sent;
    ngx_flag_t  idle;

    sent = 0;
    part = 0;
    idle = ngx_http_trading_lag_idle(s);

    if (s->lag == NULL && ngx_http_trading_out_direct_ok(s)) {

        if (ngx_http_trading_out_direct(hub, s, &sent, &part) != NGX_OK) {
            ngx_http_trading_stream_end(s, NGX_HTTP_TRADING_END_GONE);
            return;
        }

        if (sent == hub->npicks) {
            return;
        }
    }

    ngx_http_trading_out_rest(hub, s, sent, part);

    /* TLS and the filters take bytes only from where these will stay */

    if ((idle || !ngx_http_trading_out_direct_ok(s)) && !s->ended) {
        ngx_http_trading_out_ready(s);
    }
}


/* *sent picks were written whole, and *part bytes of the one after them */
static ngx_int_t
ngx_http_trading_out_direct(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, uint32_t *sent, size_t *part)
{
    size_t                    len, total, n;
    uint32_t                  i, k;
    ngx_buf_t                 bufs[NGX_HTTP_TRADING_PIECES];
    ngx_chain_t               links[NGX_HTTP_TRADING_PIECES];
    ngx_http_trading_item_t  *it;

    if (hub->npieces == 0
        && ngx_http_trading_out_pieces(hub, s->form) != NGX_OK)
    {
        return NGX_ERROR;
    }

    total = 0;

    for (i = 0; i < hub->npieces; i += k) {
        len = 0;

        for (k = 0; k < NGX_HTTP_TRADING_PIECES && i + k < hub->npieces; k++) {
            ngx_http_trading_out_link(&links[k], &bufs[k],
                                      hub->pieces[i + k].data,
                                      hub->pieces[i + k].len);
            len += hub->pieces[i + k].len;

            if (k) {
                links[k - 1].next = &links[k];
            }
        }

        if (ngx_http_trading_out_write(s, links, len, &n) != NGX_OK) {
            return NGX_ERROR;
        }

        total += n;

        if (n == len) {
            continue;
        }

        for (i = 0; /* void */ ; i++) {
            it = &hub->batch.items[hub->picks[i]];

            if (total < it->form_len[s->form]) {
                *sent = i;
                *part = total;
                hub->frames += i;       /* a part counts with its rest */
                return NGX_OK;
            }

            total -= it->form_len[s->form];
        }
    }

    *sent = hub->npicks;
    hub->frames += hub->npicks;

    return NGX_OK;
}


/* the picks, which are the same for all of a cohort, as memory to write;
   neighbours in the batch are one piece */
static ngx_int_t
ngx_http_trading_out_pieces(ngx_http_trading_hub_t *hub, ngx_uint_t form)
{
    u_char                   *p;
    uint32_t                  i;
    ngx_str_t                *piece;
    ngx_http_trading_item_t  *it;

    if (hub->pieces_alloc < hub->npicks) {
        ngx_free(hub->pieces);

        hub->pieces_alloc = hub->npicks;
        hub->pieces = ngx_alloc(hub->npicks * sizeof(ngx_str_t), hub->log);

        if (hub->pieces == NULL) {
            hub->pieces_alloc = 0;
            return NGX_ERROR;
        }
    }

    piece = NULL;

    for (i = 0; i < hub->npicks; i++) {
        it = &hub->batch.items[hub->picks[i]];
        p = hub->batch.form[form].start + it->form[form];

        if (piece && piece->data + piece->len == p) {
            piece->len += it->form_len[form];
            continue;
        }

        piece = &hub->pieces[hub->npieces++];
        piece->data = p;
        piece->len = it->form_len[form];
    }

    return NGX_OK;
}


static void
ngx_http_trading_out_link(ngx_chain_t *link, ngx_buf_t *b,
    const u_char *data, size_t len)
{
    ngx_memzero(b, sizeof(ngx_buf_t));
    b->memory = 1;
    b->pos = (u_char *) data;
    b->last = b->pos + len;

    link->buf = b;
    link->next = NULL;
}


static ngx_int_t
ngx_http_trading_out_write(ngx_http_trading_stream_t *s, ngx_chain_t *chain,
    size_t len, size_t *n)
{
    off_t              before;
    ssize_t            rc;
    ngx_connection_t  *c;

    c = s->request->connection;

    if (c->error) {
        return NGX_ERROR;
    }

    if (chain->next == NULL) {
        rc = c->send(c, chain->buf->pos, len);

        if (rc < 0 && rc != NGX_AGAIN) {
            return NGX_ERROR;
        }

        *n = (rc > 0) ? (size_t) rc : 0;

    } else {
        before = c->sent;

        if (c->send_chain(c, chain, 0) == NGX_CHAIN_ERROR) {
            return NGX_ERROR;
        }

        *n = (size_t) (c->sent - before);
    }

    ngx_http_trading_hub(NULL)->bytes += *n;

    if (*n < len && ngx_handle_write_event(c->write, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* what was not sent: the rest of a frame, trades, and bits for all else */
static void
ngx_http_trading_out_rest(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, uint32_t sent, size_t part)
{
    size_t                    len;
    u_char                   *p;
    uint32_t                  i;
    ngx_int_t                 rc;
    ngx_flag_t                fresh;
    ngx_http_trading_item_t  *it;

    if (ngx_http_trading_lag(s) == NULL) {
        ngx_http_trading_stream_end(s, NGX_HTTP_TRADING_END_FAILED);
        return;
    }

    /* through TLS and the filters all goes this way; it is slow only if
       bytes of an earlier batch are still there */

    fresh = !ngx_http_trading_out_direct_ok(s)
            && s->lag->last == s->lag->pos && !s->busy
            && s->lag->topics == 0 && s->lag->past == NULL
            && s->lag->missed[TRD_CHANNEL_TRADES] == 0;

    for (i = sent; i < hub->npicks; i++) {
        it = &hub->batch.items[hub->picks[i]];

        if (it->topic == NGX_HTTP_TRADING_T_TRADES && part == 0
            && s->lag->past && s->lag->past[it->instrument])
        {
            continue;               /* its turn comes after those before */
        }

        p = hub->batch.form[s->form].start + it->form[s->form] + part;
        len = it->form_len[s->form] - part;

        rc = NGX_DECLINED;

        if (part || fresh) {
            rc = ngx_http_trading_lag_append(s, p, len, part != 0);

        } else if (it->topic == NGX_HTTP_TRADING_T_TRADES) {

            /* nothing overtakes the news of what is missing */

            rc = ngx_http_trading_lag_news_of(hub, s, TRD_CHANNEL_TRADES,
                                              it->seq - 1);

            if (rc == NGX_OK) {
                rc = ngx_http_trading_lag_text(hub, s, it->missed
                                                       ? "missed"
                                                       : "trade_update",
                                               hub->batch.text.start
                                               + it->text,
                                               it->len, 0);
            }
        }

        if (rc == NGX_DECLINED) {
            fresh = 0;

            if (part) {
                rc = NGX_ERROR;     /* a frame that cannot be completed */

            } else if (it->topic == NGX_HTTP_TRADING_T_TRADES) {
                ngx_http_trading_lag_missed(s, TRD_CHANNEL_TRADES,
                                            it->missed ? it->missed : 1);
                rc = NGX_OK;

            } else {
                rc = ngx_http_trading_lag_mark(s, it->topic, it->instrument);
            }
        }

        if (rc != NGX_OK) {
            ngx_http_trading_stream_end(s, NGX_HTTP_TRADING_END_FAILED);
            return;
        }

        part = 0;
    }
}


/* one message for this connection alone */
void
ngx_http_trading_out_text(ngx_http_trading_stream_t *s, const char *type,
    uint64_t seq, const u_char *text, size_t len)
{
    size_t                   n;
    u_char                  *buf;
    ngx_uint_t               form;
    ngx_http_trading_hub_t  *hub;

    static u_char            small[4096];

    if (ngx_http_trading_stream_over(s)) {
        return;
    }

    hub = ngx_http_trading_hub(NULL);
    form = (s->form == NGX_HTTP_TRADING_F_DEFLATE) ? NGX_HTTP_TRADING_F_FRAME
                                                   : s->form;

    buf = (ngx_http_trading_form_max(len) <= sizeof(small))
          ? small : ngx_alloc(ngx_http_trading_form_max(len), hub->log);

    if (buf == NULL) {
        ngx_http_trading_stream_end(s, NGX_HTTP_TRADING_END_FAILED);
        return;
    }

    n = ngx_http_trading_form_write(hub, form, type, seq, text, len, buf);
    ngx_http_trading_out_raw(s, buf, n);

    if (buf != small) {
        ngx_free(buf);
    }
}


/*
 * An SSE client has all that comes first, of all its channels: only now may
 * it go on from here.  With an id before, one that is cut off in between
 * would come back with it and never get the rest.
 */
void
ngx_http_trading_out_id(ngx_http_trading_stream_t *s)
{
    u_char                   buf[256];
    ngx_http_trading_hub_t  *hub;

    if (ngx_http_trading_stream_over(s)) {
        return;
    }

    if (s->lag) {
        s->lag->nameless = 1;
        return;
    }

    hub = ngx_http_trading_hub(NULL);

    ngx_http_trading_out_raw(s, buf,
                             ngx_http_trading_form_write(
                                 hub, s->form, "",
                                 ngx_http_trading_hub_told(hub, s),
                                 (u_char *) "", 0, buf));
}


/* whole frames or events */
void
ngx_http_trading_out_raw(ngx_http_trading_stream_t *s, const u_char *data,
    size_t len)
{
    switch (ngx_http_trading_out_bytes(s, data, len, 1)) {

    case NGX_OK:
        return;

    case NGX_DECLINED:

        /* it asks and asks, and does not read the answers */

        ngx_http_trading_stream_end(s, NGX_HTTP_TRADING_END_SLOW);
        return;

    default:
        ngx_http_trading_stream_end(s, NGX_HTTP_TRADING_END_FAILED);
        return;
    }
}


/* likewise, but NGX_DECLINED where the buffer has no room for them */
ngx_int_t
ngx_http_trading_out_event(ngx_http_trading_stream_t *s, const u_char *data,
    size_t len)
{
    ngx_flag_t  empty;

    /* one by itself goes out however large it is */

    empty = s->lag == NULL || (s->lag->last == s->lag->pos && !s->busy);

    return ngx_http_trading_out_bytes(s, data, len, empty);
}


static ngx_int_t
ngx_http_trading_out_bytes(ngx_http_trading_stream_t *s, const u_char *data,
    size_t len, ngx_flag_t must)
{
    size_t       n;
    ngx_int_t    rc;
    ngx_buf_t    b;
    ngx_flag_t   idle;
    ngx_chain_t  link;

    if (s->ended) {
        return NGX_OK;
    }

    n = 0;
    idle = ngx_http_trading_lag_idle(s);

    if (s->lag == NULL && ngx_http_trading_out_direct_ok(s)) {

        ngx_http_trading_out_link(&link, &b, data, len);

        if (ngx_http_trading_out_write(s, &link, len, &n) != NGX_OK) {
            ngx_http_trading_stream_end(s, NGX_HTTP_TRADING_END_GONE);
            return NGX_OK;
        }

        if (n == len) {
            ngx_http_trading_hub(NULL)->frames++;
            return NGX_OK;
        }
    }

    rc = ngx_http_trading_lag_append(s, data + n, len - n, must);

    if (rc == NGX_OK && (idle || !ngx_http_trading_out_direct_ok(s))) {
        ngx_http_trading_out_ready(s);
    }

    return rc;
}


/* the socket may take something again */
void
ngx_http_trading_out_ready(ngx_http_trading_stream_t *s)
{
    ngx_int_t  rc;

    if (s->filtered && s->lag == NULL
        && ngx_http_trading_out_filter(s) == NGX_ERROR)
    {
        ngx_http_trading_stream_end(s, NGX_HTTP_TRADING_END_GONE);
        return;
    }

    while (s->lag && !s->ended) {

        if (s->busy || s->lag->last > s->lag->pos) {
            rc = s->filtered ? ngx_http_trading_out_filter(s)
                             : ngx_http_trading_out_flush(s);

            if (rc == NGX_AGAIN) {
                return;
            }

            if (rc != NGX_OK) {
                ngx_http_trading_stream_end(s, NGX_HTTP_TRADING_END_GONE);
                return;
            }
        }

        if (s->lag->pos < s->lag->last) {
            continue;                   /* came while the filters were busy */
        }

        s->lag->pos = 0;
        s->lag->last = 0;

        rc = ngx_http_trading_lag_refill(s);

        if (rc == NGX_DONE && s->lag->past && !s->closing) {
            return;                     /* the next batch goes on with them */
        }

        if (rc == NGX_DONE) {
            ngx_http_trading_lag_free(s);
            ngx_http_trading_stream_closed(s);
            return;
        }

        if (rc != NGX_OK) {
            ngx_http_trading_stream_end(s, NGX_HTTP_TRADING_END_FAILED);
            return;
        }
    }
}


static ngx_int_t
ngx_http_trading_out_flush(ngx_http_trading_stream_t *s)
{
    ssize_t                  n;
    ngx_connection_t        *c;
    ngx_http_trading_lag_t  *lag;

    c = s->request->connection;
    lag = s->lag;

    while (lag->pos < lag->last) {

        n = c->send(c, lag->buf + lag->pos, lag->last - lag->pos);

        /* OpenSSL wants to be asked again with the very same bytes, in the
           same place; there may be more behind them */

        s->busy = (n == NGX_AGAIN && c->ssl);

        if (n == NGX_AGAIN) {
            return (ngx_handle_write_event(c->write, 0) == NGX_OK)
                   ? NGX_AGAIN : NGX_ERROR;
        }

        if (n <= 0) {
            return NGX_ERROR;
        }

        lag->pos += n;
        ngx_http_trading_count_stream(ngx_http_trading_hub(NULL)->mcf,
                                      NGX_HTTP_TRADING_SC_BYTES, n);
    }

    return NGX_OK;
}


/* through nginx's filters, which keep the bytes until they are sent */
static ngx_int_t
ngx_http_trading_out_filter(ngx_http_trading_stream_t *s)
{
    ngx_int_t                rc;
    ngx_buf_t               *b;
    ngx_chain_t              out;
    ngx_connection_t        *c;
    ngx_http_request_t      *r;
    ngx_http_trading_lag_t  *lag;

    r = s->request;
    c = r->connection;
    lag = s->lag;

    if (s->busy || lag == NULL) {
        rc = ngx_http_output_filter(r, NULL);

    } else {
        b = &lag->held;
        ngx_memzero(b, sizeof(ngx_buf_t));
        b->memory = 1;
        b->flush = 1;
        b->pos = lag->buf + lag->pos;
        b->last = lag->buf + lag->last;

        out.buf = b;
        out.next = NULL;

        s->busy = 1;
        rc = ngx_http_output_filter(r, &out);

        ngx_http_trading_count_stream(ngx_http_trading_hub(NULL)->mcf,
                                      NGX_HTTP_TRADING_SC_BYTES,
                                      lag->last - lag->pos);
        lag->pos = lag->last;
    }

    if (rc == NGX_ERROR || c->error) {
        return NGX_ERROR;
    }

    if (r->buffered || c->buffered || rc == NGX_AGAIN) {
        return (ngx_handle_write_event(c->write, 0) == NGX_OK) ? NGX_AGAIN
                                                               : NGX_ERROR;
    }

    s->busy = 0;

    return NGX_OK;
}
