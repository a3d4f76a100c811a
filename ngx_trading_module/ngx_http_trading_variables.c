/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Variables for logs, maps and headers.  None is cached across requests.
 */

#include "ngx_http_trading_conf.h"
#include "trd_decimal.h"

#define NGX_HTTP_TRADING_LAST  (sizeof("trading_last_") - 1)

static ngx_int_t ngx_http_trading_variable_age(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_trading_variable_seq(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_trading_variable_last(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_trading_variable_id(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_trading_variable_trace(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_str_t *ngx_http_trading_header_in(ngx_http_request_t *r,
    ngx_str_t *name);
static ngx_int_t ngx_http_trading_own_id(ngx_http_request_t *r,
    ngx_str_t *id);


static ngx_http_variable_t  ngx_http_trading_vars[] = {

    { ngx_string("trading_quote_age_ms"), NULL,
      ngx_http_trading_variable_age, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("trading_board_seq"), NULL,
      ngx_http_trading_variable_seq, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("trading_last_"), NULL,
      ngx_http_trading_variable_last, 0,
      NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_PREFIX, 0 },

    { ngx_string("trading_request_id"), NULL,
      ngx_http_trading_variable_id, 0, 0, 0 },

    { ngx_string("trading_traceparent"), NULL,
      ngx_http_trading_variable_trace, 0, 0, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_trading_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_trading_vars; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


/* nginx takes any name that begins like a prefix variable's: refuse those
   that can never have a value */
ngx_int_t
ngx_http_trading_check_variables(ngx_conf_t *cf)
{
    size_t                      len;
    ngx_str_t                  *name;
    ngx_uint_t                  i;
    ngx_http_variable_t        *v;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    v = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {

        name = &v[i].name;

        if (name->len < NGX_HTTP_TRADING_LAST
            || ngx_strncasecmp(name->data, (u_char *) "trading_last_",
                               NGX_HTTP_TRADING_LAST)
               != 0)
        {
            continue;
        }

        len = name->len - NGX_HTTP_TRADING_LAST;

        if (len == 0 || len > TRD_SYMBOL_LEN) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "variable \"$%V\" names no instrument: its exchange "
                          "symbol must follow, as in "
                          "\"$trading_last_BTCUSDT\"", name);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* does the configuration, or another module, define it? */
ngx_flag_t
ngx_http_trading_variable_known(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_uint_t                  i;
    ngx_hash_key_t             *key;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    key = cmcf->variables_keys->keys.elts;

    for (i = 0; i < cmcf->variables_keys->keys.nelts; i++) {
        if (key[i].key.len == name->len
            && ngx_strncasecmp(key[i].key.data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_trading_variable_set(ngx_http_variable_value_t *v, u_char *data,
    size_t len)
{
    v->data = data;
    v->len = len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_trading_variable_number(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uint64_t n)
{
    u_char  *p;

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_trading_variable_set(v, p, ngx_sprintf(p, "%uL", n) - p);
}


static ngx_int_t
ngx_http_trading_variable_age(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_trading_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_trading_module);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_trading_variable_number(r, v, (uint64_t) ctx->age_ms);
}


static ngx_int_t
ngx_http_trading_variable_seq(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    trd_board_t                   *board;
    ngx_http_trading_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_trading_module);

    board = mcf->board.path.len
            ? ngx_http_trading_board(mcf, r->connection->log) : NULL;

    if (board == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_trading_variable_number(r, v, trd_board_seq(board));
}


static ngx_int_t
ngx_http_trading_variable_last(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t *name = (ngx_str_t *) data;

    size_t                         len;
    u_char                        *p;
    uint32_t                       number;
    trd_quote_t                    quote;
    trd_board_t                   *board;
    trd_instrument_t               in;
    ngx_http_trading_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_trading_module);

    board = mcf->board.path.len
            ? ngx_http_trading_board(mcf, r->connection->log) : NULL;

    if (board == NULL
        || trd_board_find(board, (char *) name->data + NGX_HTTP_TRADING_LAST,
                          name->len - NGX_HTTP_TRADING_LAST, &number)
           != TRD_OK
        || trd_board_instrument(board, number, &in) != TRD_OK
        || trd_board_quote(board, number, &quote) != TRD_OK
        || !(quote.has & TRD_HAS_LAST))
    {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, TRD_DECIMAL_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    len = trd_decimal_format(quote.last_e8, in.price_places, (char *) p);

    return ngx_http_trading_variable_set(v, p, len);
}


static ngx_int_t
ngx_http_trading_variable_id(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t  id;

    if (ngx_http_trading_request_id(r, &id) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_trading_variable_set(v, id.data, id.len);
}


/* the client's trace goes on; without one a trace begins here */
static ngx_int_t
ngx_http_trading_variable_trace(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char     *p;
    ngx_str_t   id, *value;

    static ngx_str_t  name = ngx_string("traceparent");
    static u_char     made[] = "00-%V-%*s-01";

    value = ngx_http_trading_header_in(r, &name);

    if (value && trd_traceparent_ok((char *) value->data, value->len)) {
        return ngx_http_trading_variable_set(v, value->data, value->len);
    }

    if (ngx_http_trading_own_id(r, &id) != NGX_OK || id.len != 32) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, sizeof(made) + 32 + 16);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->data = p;
    p = ngx_sprintf(p, (char *) made, &id, (size_t) 16, id.data + 16);

    if (!trd_traceparent_ok((char *) v->data, p - v->data)) {

        /* ids of zeros mean none, and 2^-64 is not never */

        v->data[3 + 31] = '1';
        v->data[36 + 15] = '1';
    }

    return ngx_http_trading_variable_set(v, v->data, p - v->data);
}


ngx_int_t
ngx_http_trading_request_id(ngx_http_request_t *r, ngx_str_t *id)
{
    ngx_str_t  *value;

    static ngx_str_t  name = ngx_string("x-request-id");

    value = ngx_http_trading_header_in(r, &name);

    if (value && trd_request_id_ok((char *) value->data, value->len)) {
        *id = *value;
        return NGX_OK;
    }

    return ngx_http_trading_own_id(r, id);
}


static ngx_int_t
ngx_http_trading_own_id(ngx_http_request_t *r, ngx_str_t *id)
{
    ngx_http_variable_value_t     *vv;
    ngx_http_trading_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_trading_module);

    vv = ngx_http_get_indexed_variable(r, (ngx_uint_t) mcf->request_id);

    if (vv == NULL || vv->not_found) {
        return NGX_ERROR;
    }

    id->data = vv->data;
    id->len = vv->len;

    return NGX_OK;
}


/* the first header of that name, in lower case */
static ngx_str_t *
ngx_http_trading_header_in(ngx_http_request_t *r, ngx_str_t *name)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return NULL;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == name->len
            && ngx_strncasecmp(h[i].key.data, name->data, name->len) == 0)
        {
            return &h[i].value;
        }
    }
}
