/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Quotes chosen by the request: ?symbols=, ?fields=, ?max_age_ms=.  Chosen
 * symbols with nothing else are joined from their pages.  With fields or an
 * age the quotes themselves are read and written out here, so the age that
 * is judged is that of the very quote that is sent.
 */

#include "ngx_http_trading_metrics.h"
#include "trd_quote_json.h"

#define NGX_HTTP_TRADING_QUOTE_SIZE  640    /* of most quotes; see render() */
#define NGX_HTTP_TRADING_SEED        0xcbf29ce484222325ULL

typedef struct {
    uint32_t     *number;           /* instruments in the order asked for */
    ngx_uint_t    n;
    ngx_uint_t    named;            /* the client named them */
} ngx_http_trading_chosen_t;

static ngx_int_t ngx_http_trading_choose(ngx_http_trading_call_t *call,
    ngx_http_trading_chosen_t *chosen);
static ngx_int_t ngx_http_trading_choose_all(ngx_http_trading_call_t *call,
    ngx_int_t asset_class, ngx_http_trading_chosen_t *chosen);
static ngx_int_t ngx_http_trading_join(ngx_http_trading_call_t *call,
    ngx_http_trading_chosen_t *chosen, ngx_uint_t kind);
static ngx_int_t ngx_http_trading_join_none(ngx_http_trading_call_t *call);
static ngx_int_t ngx_http_trading_render(ngx_http_trading_call_t *call,
    ngx_http_trading_chosen_t *chosen, trd_writer_t *w, uint64_t *tag);
static uint32_t ngx_http_trading_fields(ngx_http_trading_call_t *call);


/* several seqs into one tag: any of them that moves must change it */
static ngx_inline uint64_t
ngx_http_trading_mix(uint64_t tag, uint64_t seq)
{
    tag = (tag ^ seq) * 0x9e3779b97f4a7c15ULL;

    return tag ^ (tag >> 29);
}


ngx_int_t
ngx_http_trading_quotes(ngx_http_trading_call_t *call, ngx_int_t asset_class)
{
    size_t                      size;
    uint64_t                    tag;
    ngx_int_t                   rc;
    ngx_uint_t                  try;
    trd_writer_t                w;
    ngx_http_trading_chosen_t   chosen;

    if (ngx_http_trading_need(call, 1) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (asset_class < 0 && ngx_http_trading_given(call, TRD_PARAM_SYMBOLS)) {
        rc = ngx_http_trading_choose(call, &chosen);

    } else {
        rc = ngx_http_trading_choose_all(call, asset_class, &chosen);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (!call->args.display
        && !(call->args.given & ((1 << TRD_PARAM_FIELDS)
                                 | (1 << TRD_PARAM_MAX_AGE_MS))))
    {
        return ngx_http_trading_join(call, &chosen, TRD_ENTRY_QUOTE);
    }

    size = 2 + chosen.n * NGX_HTTP_TRADING_QUOTE_SIZE;

    for (try = 0; try < 2; try++) {

        if (ngx_http_trading_writer(call, &w, size) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        rc = ngx_http_trading_render(call, &chosen, &w, &tag);

        if (rc != NGX_OK) {
            return rc;
        }

        if (!trd_writer_overflowed(&w)) {
            break;
        }

        size = w.need + w.need / 4;
    }

    return ngx_http_trading_written(call, &w, tag);
}


/*
 * The pages of a kind as one object, of a class or (-1) of all; those that
 * are not there are left out.
 */
ngx_int_t
ngx_http_trading_entries(ngx_http_trading_call_t *call, ngx_int_t asset_class,
    ngx_uint_t kind)
{
    ngx_int_t                  rc;
    ngx_http_trading_chosen_t  chosen;

    rc = ngx_http_trading_choose_all(call, asset_class, &chosen);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_trading_join(call, &chosen, kind);
}


/* one quote, with the fields and the age that were asked for */
ngx_int_t
ngx_http_trading_quote(ngx_http_trading_call_t *call, uint32_t instrument)
{
    uint32_t                 fields;
    trd_quote_t              quote;
    trd_writer_t             w;
    trd_instrument_t         in;
    ngx_http_trading_ctx_t  *ctx;

    if (ngx_http_trading_age_check(call, instrument, &quote) != NGX_OK
        || ngx_http_trading_instrument(call, instrument, &in) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (ngx_http_trading_writer(call, &w, 4 * NGX_HTTP_TRADING_QUOTE_SIZE)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx = ngx_palloc(call->request->pool, sizeof(ngx_http_trading_ctx_t));
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->age_ms = ngx_max(ngx_http_trading_now() - quote.received_ms, 0);
    ngx_http_set_ctx(call->request, ctx, ngx_http_trading_module);

    fields = ngx_http_trading_fields(call);

    quote.stale |= call->stale ? 1 : 0;

    trd_quote_json(&w, &in, &quote, fields);

    return ngx_http_trading_written(call, &w, quote.seq);
}


static uint32_t
ngx_http_trading_fields(ngx_http_trading_call_t *call)
{
    return (ngx_http_trading_given(call, TRD_PARAM_FIELDS)
            ? call->args.fields : TRD_FIELD_ALL)
           | (call->args.display ? TRD_FIELD_DISPLAY : 0);
}


/*
 * Reads a quote and judges its age if the call has ?max_age_ms=.
 * NGX_DECLINED: none, unreadable, or too old.
 */
ngx_int_t
ngx_http_trading_age_check(ngx_http_trading_call_t *call,
    uint32_t instrument, trd_quote_t *quote)
{
    int64_t                        age;
    trd_rc_t                       rc;
    trd_instrument_t               in;
    ngx_http_request_t            *r;
    ngx_http_trading_main_conf_t  *mcf;

    rc = trd_board_quote(call->board, instrument, quote);

    if (rc != TRD_OK) {
        r = call->request;
        mcf = ngx_http_get_module_main_conf(r, ngx_http_trading_module);

        ngx_http_trading_board_unread(mcf, r->connection->log, rc, "a quote");

        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_NO_BOARD,
                                     "the market data cannot be read");
    }

    if (quote->has == 0) {
        if (ngx_http_trading_instrument(call, instrument, &in) != NGX_OK) {
            return NGX_DECLINED;
        }

        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_NO_QUOTE,
                                     "there is no quote of \"%s\" yet",
                                     in.symbol);
    }

    if (!ngx_http_trading_given(call, TRD_PARAM_MAX_AGE_MS)) {
        return NGX_OK;
    }

    age = ngx_max(ngx_http_trading_now() - quote->received_ms, 0);

    if ((uint64_t) age <= call->args.max_age_ms) {
        return NGX_OK;
    }

    if (ngx_http_trading_instrument(call, instrument, &in) != NGX_OK) {
        return NGX_DECLINED;
    }

    (void) ngx_http_trading_fail(call, NGX_HTTP_TRADING_TOO_OLD,
                                 "the quote of \"%s\" is %L ms old",
                                 in.symbol, age);

    trd_write_lit(&call->members, ",\"symbol\":");
    trd_write_json_str(&call->members, in.symbol, ngx_strlen(in.symbol));
    trd_write_lit(&call->members, ",\"age_ms\":");
    trd_write_i64(&call->members, age);

    return NGX_DECLINED;
}


/* the instruments of ?symbols=, each once, in the order of the list */
static ngx_int_t
ngx_http_trading_choose(ngx_http_trading_call_t *call,
    ngx_http_trading_chosen_t *chosen)
{
    size_t               len;
    u_char              *seen;
    uint32_t             number;
    const char          *item;
    trd_query_t          list;
    ngx_http_request_t  *r;

    r = call->request;

    chosen->n = 0;
    chosen->named = 1;
    chosen->number = ngx_palloc(r->pool, call->board->n * sizeof(uint32_t));
    seen = ngx_pcalloc(r->pool, call->board->n);

    if (chosen->number == NULL || seen == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    trd_query_init(&list, (char *) call->args.symbols.data,
                   call->args.symbols.len);

    while (trd_list_next(&list, &item, &len) == TRD_OK) {

        if (len == 0) {
            return ngx_http_trading_fail(call, NGX_HTTP_TRADING_BAD_PARAMETER,
                                         "\"symbols\" has an empty name");
        }

        if (ngx_http_trading_find(call, (u_char *) item, len, &number)
            != NGX_OK)
        {
            return NGX_DECLINED;
        }

        if (seen[number] == 0) {
            seen[number] = 1;
            chosen->number[chosen->n++] = number;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_trading_choose_all(ngx_http_trading_call_t *call,
    ngx_int_t asset_class, ngx_http_trading_chosen_t *chosen)
{
    uint32_t          i;
    trd_instrument_t  in;

    chosen->n = 0;
    chosen->named = 0;
    chosen->number = ngx_palloc(call->request->pool,
                                call->board->n * sizeof(uint32_t) + 1);
    if (chosen->number == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (i = 0; i < call->board->n; i++) {

        if (asset_class >= 0) {
            if (ngx_http_trading_instrument(call, i, &in) != NGX_OK) {
                return NGX_DECLINED;
            }

            if (in.asset_class != asset_class) {
                continue;
            }
        }

        chosen->number[chosen->n++] = i;
    }

    return NGX_OK;
}


/* {"BTC":<page>,"ETH":<page>}, a buffer for each */
static ngx_int_t
ngx_http_trading_join(ngx_http_trading_call_t *call,
    ngx_http_trading_chosen_t *chosen, ngx_uint_t kind)
{
    off_t                     len;
    size_t                    head;
    uint64_t                  tag;
    ngx_buf_t                *newest;
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_chain_t              *out, *cl, **last;
    trd_writer_t              w;
    trd_instrument_t          in;
    ngx_http_trading_body_t   body;
    u_char                    key[NGX_HTTP_TRADING_HEAD];

    out = NULL;
    last = &out;
    newest = NULL;
    len = 0;
    tag = NGX_HTTP_TRADING_SEED;

    for (i = 0; i < chosen->n; i++) {

        if (ngx_http_trading_instrument(call, chosen->number[i], &in)
            != NGX_OK)
        {
            return NGX_DECLINED;
        }

        rc = ngx_http_trading_page_read(call,
                 trd_board_entry_page(call->board, chosen->number[i],
                                      kind),
                 &body);

        if (rc == NGX_HTTP_TRADING_NO_PAGE && !chosen->named) {
            continue;
        }

        if (rc == NGX_HTTP_TRADING_NO_PAGE) {
            return ngx_http_trading_fail(call, NGX_HTTP_TRADING_NO_QUOTE,
                                         "there is no quote of \"%s\" yet",
                                         in.symbol);
        }

        if (rc != NGX_OK) {
            return rc;
        }

        trd_writer_init(&w, key, NGX_HTTP_TRADING_HEAD);
        trd_write(&w, newest ? "," : "{", 1);
        trd_write_json_str(&w, in.symbol, ngx_strlen(in.symbol));
        trd_write_lit(&w, ":");

        head = trd_writer_len(&w);
        body.buf->pos -= head;
        ngx_memcpy(body.buf->pos, key, head);

        newest = body.buf;

        cl = ngx_alloc_chain_link(call->request->pool);
        if (cl == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        cl->buf = body.buf;
        cl->next = NULL;
        *last = cl;
        last = &cl->next;

        len += body.buf->last - body.buf->pos;
        tag = ngx_http_trading_mix(tag, chosen->number[i]);
        tag = ngx_http_trading_mix(tag, body.seq);
    }

    if (newest == NULL) {
        return ngx_http_trading_join_none(call);
    }

    *newest->last++ = '}';
    len++;

    if (ngx_http_trading_headers(call, tag, call->stale ? "-stale" : "", 0)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_trading_send_chain(call, out, len);
}


static ngx_int_t
ngx_http_trading_join_none(ngx_http_trading_call_t *call)
{
    trd_writer_t  w;

    if (ngx_http_trading_writer(call, &w, 2) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    trd_write_lit(&w, "{}");

    return ngx_http_trading_written(call, &w, 0);
}


static ngx_int_t
ngx_http_trading_render(ngx_http_trading_call_t *call,
    ngx_http_trading_chosen_t *chosen, trd_writer_t *w, uint64_t *tag)
{
    uint32_t          fields;
    ngx_uint_t        i, n;
    trd_quote_t       quote;
    trd_instrument_t  in;

    fields = ngx_http_trading_fields(call);

    *tag = NGX_HTTP_TRADING_SEED;
    n = 0;

    trd_write_lit(w, "{");

    for (i = 0; i < chosen->n; i++) {

        if (ngx_http_trading_age_check(call, chosen->number[i], &quote)
            != NGX_OK)
        {
            if (call->problem == NGX_HTTP_TRADING_NO_QUOTE && !chosen->named) {
                continue;
            }

            return NGX_DECLINED;
        }

        if (ngx_http_trading_instrument(call, chosen->number[i], &in)
            != NGX_OK)
        {
            return NGX_DECLINED;
        }

        quote.stale |= call->stale ? 1 : 0;

        if (n++) {
            trd_write_lit(w, ",");
        }

        trd_write_json_str(w, in.symbol, ngx_strlen(in.symbol));
        trd_write_lit(w, ":");
        trd_quote_json(w, &in, &quote, fields);

        *tag = ngx_http_trading_mix(*tag, quote.seq);
    }

    trd_write_lit(w, "}");

    return NGX_OK;
}


ngx_int_t
ngx_http_trading_instrument(ngx_http_trading_call_t *call, uint32_t number,
    trd_instrument_t *in)
{
    ngx_http_request_t            *r;
    ngx_http_trading_main_conf_t  *mcf;

    if (trd_board_instrument(call->board, number, in) == TRD_OK) {
        return NGX_OK;
    }

    r = call->request;
    mcf = ngx_http_get_module_main_conf(r, ngx_http_trading_module);

    ngx_http_trading_board_failing(mcf, r->connection->log, "an instrument");

    return ngx_http_trading_fail(call, NGX_HTTP_TRADING_NO_BOARD,
                                 "the market data cannot be read");
}


/* sends what was written, unless the board was lost while it was read */
ngx_int_t
ngx_http_trading_written(ngx_http_trading_call_t *call, trd_writer_t *w,
    uint64_t tag)
{
    ngx_buf_t                     *b;
    ngx_chain_t                    out;
    ngx_http_request_t            *r;
    ngx_http_trading_main_conf_t  *mcf;

    r = call->request;
    mcf = ngx_http_get_module_main_conf(r, ngx_http_trading_module);

    if (!ngx_http_trading_board_whole(mcf)) {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_NO_BOARD, "");
    }

    if (trd_writer_overflowed(w)) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = (u_char *) w->start;
    b->last = (u_char *) w->pos;
    b->memory = 1;

    out.buf = b;
    out.next = NULL;

    if (ngx_http_trading_headers(call, tag, call->stale ? "-stale" : "", 0)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_trading_send_chain(call, &out, b->last - b->pos);
}
