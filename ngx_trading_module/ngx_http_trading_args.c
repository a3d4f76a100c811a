/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The query string of a call, checked before any route sees it, and the
 * asset class, which stands in the path.  Parameters that the route does not
 * take are left alone, whatever they say; one that it takes is refused if it
 * is malformed or given twice.
 */

#include "ngx_http_trading_conf.h"
#include "trd_quote_json.h"
#include "trd_technical.h"

typedef ngx_int_t (*ngx_http_trading_arg_pt)(ngx_http_trading_call_t *call,
    ngx_str_t *value);

static ngx_int_t ngx_http_trading_arg(ngx_http_trading_call_t *call,
    trd_pair_t *pair);
static ngx_int_t ngx_http_trading_arg_max_age(ngx_http_trading_call_t *call,
    ngx_str_t *value);
static ngx_int_t ngx_http_trading_arg_symbols(ngx_http_trading_call_t *call,
    ngx_str_t *value);
static ngx_int_t ngx_http_trading_arg_fields(ngx_http_trading_call_t *call,
    ngx_str_t *value);
static ngx_int_t ngx_http_trading_arg_model(ngx_http_trading_call_t *call,
    ngx_str_t *value);
static ngx_int_t ngx_http_trading_arg_timeframe(ngx_http_trading_call_t *call,
    ngx_str_t *value);
static ngx_int_t ngx_http_trading_arg_interval(ngx_http_trading_call_t *call,
    ngx_str_t *value);
static ngx_int_t ngx_http_trading_arg_limit(ngx_http_trading_call_t *call,
    ngx_str_t *value);
static ngx_int_t ngx_http_trading_arg_end(ngx_http_trading_call_t *call,
    ngx_str_t *value);
static ngx_int_t ngx_http_trading_arg_levels(ngx_http_trading_call_t *call,
    ngx_str_t *value);
static ngx_int_t ngx_http_trading_arg_format(ngx_http_trading_call_t *call,
    ngx_str_t *value);
static ngx_int_t ngx_http_trading_arg_after(ngx_http_trading_call_t *call,
    ngx_str_t *value);
static ngx_int_t ngx_http_trading_arg_timeout(ngx_http_trading_call_t *call,
    ngx_str_t *value);
static ngx_int_t ngx_http_trading_arg_named(const char *name,
    ngx_str_t *value);
static const char *ngx_http_trading_model_name(unsigned i);
static const char *ngx_http_trading_level_name(unsigned i);
static const char *ngx_http_trading_format_name(unsigned i);


/* in the order of trd_param_t */
static const ngx_http_trading_arg_pt  ngx_http_trading_arg_set[] = {
    ngx_http_trading_arg_max_age,
    ngx_http_trading_arg_symbols,
    ngx_http_trading_arg_fields,
    ngx_http_trading_arg_model,
    ngx_http_trading_arg_timeframe,
    ngx_http_trading_arg_interval,
    ngx_http_trading_arg_limit,
    ngx_http_trading_arg_end,
    ngx_http_trading_arg_levels,
    ngx_http_trading_arg_format,
    ngx_http_trading_arg_after,
    ngx_http_trading_arg_timeout
};


/* in the order of ngx_http_trading_model_e */
static const char *const  ngx_http_trading_models[] = {
    "threshold", "technical", NULL
};


static const char *const  ngx_http_trading_levels[] = {
    "5", "10", "20", NULL
};


/* `exact` is what is sent without the parameter */
static const char *const  ngx_http_trading_formats[] = {
    "exact", "display", NULL
};


ngx_int_t
ngx_http_trading_args(ngx_http_trading_call_t *call)
{
    trd_pair_t           pair;
    trd_query_t          query;
    ngx_http_request_t  *r;

    r = call->request;

    trd_query_init(&query, (char *) r->args.data, r->args.len);

    while (trd_query_next(&query, &pair) == TRD_OK) {
        if (ngx_http_trading_arg(call, &pair) != NGX_OK) {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_trading_arg(ngx_http_trading_call_t *call, trd_pair_t *pair)
{
    int        param;
    ngx_str_t  value;

    param = trd_param_find(pair->name, pair->name_len);

    if (param < 0 || !(call->route->params & ((ngx_uint_t) 1 << param))) {
        return NGX_OK;
    }

    if (ngx_http_trading_given(call, param)) {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_BAD_PARAMETER,
                                     "\"%s\" is given twice",
                                     trd_param_name(param));
    }

    call->args.given |= 1 << param;

    value.data = ngx_pnalloc(call->request->pool, pair->value_len + 1);
    if (value.data == NULL) {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_INTERNAL,
                                     "out of memory");
    }

    if (trd_percent_decode(pair->value, pair->value_len, (char *) value.data,
                           pair->value_len, &value.len)
        != TRD_OK
        || !trd_text_ok((char *) value.data, value.len))
    {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_BAD_PARAMETER,
                                     "\"%s\" is not percent-encoded UTF-8",
                                     trd_param_name(param));
    }

    return ngx_http_trading_arg_set[param](call, &value);
}


static ngx_int_t
ngx_http_trading_arg_max_age(ngx_http_trading_call_t *call, ngx_str_t *value)
{
    if (trd_parse_u64((char *) value->data, value->len,
                      INT64_MAX, &call->args.max_age_ms)
        == TRD_OK)
    {
        return NGX_OK;
    }

    return ngx_http_trading_fail(call, NGX_HTTP_TRADING_BAD_PARAMETER,
                                 "\"max_age_ms\" must be a whole number of "
                                 "milliseconds");
}


static ngx_int_t
ngx_http_trading_arg_symbols(ngx_http_trading_call_t *call, ngx_str_t *value)
{
    if (value->len) {
        call->args.symbols = *value;
        return NGX_OK;
    }

    return ngx_http_trading_fail(call, NGX_HTTP_TRADING_BAD_PARAMETER,
                                 "\"symbols\" is empty");
}


static ngx_int_t
ngx_http_trading_arg_fields(ngx_http_trading_call_t *call, ngx_str_t *value)
{
    int           field;
    size_t        len;
    ngx_str_t     name;
    const char   *item;
    trd_query_t   list;

    trd_query_init(&list, (char *) value->data, value->len);

    while (trd_list_next(&list, &item, &len) == TRD_OK) {
        field = trd_field_find(item, len);

        if (field < 0) {
            name.data = (u_char *) item;
            name.len = ngx_min(len, NGX_HTTP_TRADING_TAIL);

            (void) ngx_http_trading_fail(call, NGX_HTTP_TRADING_UNKNOWN_FIELD,
                                         "there is no field \"%V\"", &name);
            ngx_http_trading_allowed(call, trd_field_name);
            return NGX_DECLINED;
        }

        call->args.fields |= (uint32_t) 1 << field;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_trading_arg_model(ngx_http_trading_call_t *call, ngx_str_t *value)
{
    ngx_uint_t  i;

    for (i = 0; ngx_http_trading_models[i] != NULL; i++) {
        if (ngx_http_trading_arg_named(ngx_http_trading_models[i], value)) {
            call->args.model = i;
            return NGX_OK;
        }
    }

    value->len = ngx_min(value->len, NGX_HTTP_TRADING_TAIL);

    (void) ngx_http_trading_fail(call, NGX_HTTP_TRADING_UNKNOWN_MODEL,
                                 "there is no model \"%V\"", value);
    ngx_http_trading_allowed(call, ngx_http_trading_model_name);

    return NGX_DECLINED;
}


/* the threshold model knows the last 24 hours and looks at no timeframe */
static ngx_int_t
ngx_http_trading_arg_timeframe(ngx_http_trading_call_t *call,
    ngx_str_t *value)
{
    trd_timeframe_t  timeframe;

    if (trd_timeframe_find((char *) value->data, value->len, &timeframe)
        == TRD_OK)
    {
        call->args.timeframe = timeframe;
        return NGX_OK;
    }

    (void) ngx_http_trading_fail(call, NGX_HTTP_TRADING_BAD_PARAMETER,
                                 "\"timeframe\" is none of those allowed");
    ngx_http_trading_allowed(call, trd_timeframe_name);

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_trading_arg_interval(ngx_http_trading_call_t *call,
    ngx_str_t *value)
{
    int  interval;

    interval = trd_interval_find((char *) value->data, value->len);

    if (interval >= 0) {
        call->args.interval = interval;
        return NGX_OK;
    }

    (void) ngx_http_trading_fail(call, NGX_HTTP_TRADING_BAD_PARAMETER,
                                 "\"interval\" is none of those allowed");
    ngx_http_trading_allowed(call, trd_interval_name);

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_trading_arg_limit(ngx_http_trading_call_t *call, ngx_str_t *value)
{
    uint64_t  n;

    if (trd_parse_u64((char *) value->data, value->len,
                      NGX_HTTP_TRADING_LIMIT_MAX, &n)
        == TRD_OK
        && n > 0)
    {
        call->args.limit = (uint32_t) n;
        return NGX_OK;
    }

    return ngx_http_trading_fail(call, NGX_HTTP_TRADING_BAD_PARAMETER,
                                 "\"limit\" must be a number from 1 to %d",
                                 NGX_HTTP_TRADING_LIMIT_MAX);
}


static ngx_int_t
ngx_http_trading_arg_end(ngx_http_trading_call_t *call, ngx_str_t *value)
{
    if (trd_parse_time((char *) value->data, value->len, &call->args.end_ms)
        == TRD_OK)
    {
        return NGX_OK;
    }

    return ngx_http_trading_fail(call, NGX_HTTP_TRADING_BAD_PARAMETER,
                                 "\"end\" must be a time as RFC 3339 says, "
                                 "or in ms since 1970");
}


static ngx_int_t
ngx_http_trading_arg_levels(ngx_http_trading_call_t *call, ngx_str_t *value)
{
    ngx_uint_t  i;

    for (i = 0; ngx_http_trading_levels[i] != NULL; i++) {
        if (ngx_http_trading_arg_named(ngx_http_trading_levels[i], value)) {
            call->args.levels = 5U << i;
            return NGX_OK;
        }
    }

    (void) ngx_http_trading_fail(call, NGX_HTTP_TRADING_BAD_PARAMETER,
                                 "\"levels\" is none of those allowed");
    ngx_http_trading_allowed(call, ngx_http_trading_level_name);

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_trading_arg_format(ngx_http_trading_call_t *call, ngx_str_t *value)
{
    ngx_uint_t  i;

    for (i = 0; ngx_http_trading_formats[i] != NULL; i++) {
        if (ngx_http_trading_arg_named(ngx_http_trading_formats[i], value)) {
            call->args.display = i;
            return NGX_OK;
        }
    }

    (void) ngx_http_trading_fail(call, NGX_HTTP_TRADING_BAD_PARAMETER,
                                 "\"format\" is none of those allowed");
    ngx_http_trading_allowed(call, ngx_http_trading_format_name);

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_trading_arg_after(ngx_http_trading_call_t *call, ngx_str_t *value)
{
    if (trd_parse_u64((char *) value->data, value->len, INT64_MAX,
                      &call->args.after_seq)
        == TRD_OK)
    {
        return NGX_OK;
    }

    return ngx_http_trading_fail(call, NGX_HTTP_TRADING_BAD_PARAMETER,
                                 "\"after_seq\" must be a quote's \"seq\"");
}


static ngx_int_t
ngx_http_trading_arg_timeout(ngx_http_trading_call_t *call, ngx_str_t *value)
{
    if (trd_parse_u64((char *) value->data, value->len,
                      NGX_HTTP_TRADING_WAIT_MAX, &call->args.timeout_ms)
        == TRD_OK)
    {
        return NGX_OK;
    }

    return ngx_http_trading_fail(call, NGX_HTTP_TRADING_BAD_PARAMETER,
                                 "\"timeout_ms\" must be a number from 0 to "
                                 "%d", NGX_HTTP_TRADING_WAIT_MAX);
}


/* is the value that name, in any case? */
static ngx_int_t
ngx_http_trading_arg_named(const char *name, ngx_str_t *value)
{
    return ngx_strlen(name) == value->len
           && ngx_strncasecmp(value->data, (u_char *) name, value->len) == 0;
}


ngx_int_t
ngx_http_trading_class(ngx_http_trading_call_t *call, ngx_uint_t *asset_class)
{
    unsigned     i;
    const char  *name;

    for (i = 0; (name = trd_class_name(i)) != NULL; i++) {
        if (ngx_strlen(name) == call->tail.len
            && ngx_strncasecmp(call->tail.data, (u_char *) name,
                               call->tail.len)
               == 0)
        {
            *asset_class = i;
            return NGX_OK;
        }
    }

    if (!trd_text_ok((char *) call->tail.data, call->tail.len)) {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_BAD_PATH,
                                     "the asset class is not UTF-8 text");
    }

    (void) ngx_http_trading_fail(call, NGX_HTTP_TRADING_UNKNOWN_CLASS,
                                 "there is no asset class \"%V\"",
                                 &call->tail);
    ngx_http_trading_allowed(call, trd_class_name);

    return NGX_DECLINED;
}


static const char *
ngx_http_trading_model_name(unsigned i)
{
    return ngx_http_trading_models[i];
}


static const char *
ngx_http_trading_level_name(unsigned i)
{
    return ngx_http_trading_levels[i];
}


static const char *
ngx_http_trading_format_name(unsigned i)
{
    return ngx_http_trading_formats[i];
}
