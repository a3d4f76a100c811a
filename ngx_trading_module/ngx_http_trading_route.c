/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * From a request to a route handler.  The services that are too small for a
 * file of their own have their tables here.
 */

#include "ngx_http_trading_conf.h"

static ngx_int_t ngx_http_trading_dispatch(ngx_http_trading_call_t *call,
    ngx_http_trading_loc_conf_t *lcf);
static ngx_http_trading_route_t *ngx_http_trading_route(
    ngx_http_trading_service_t *service, ngx_str_t *path, ngx_str_t *tail);


static ngx_http_trading_route_t  ngx_http_trading_health_routes[] = {

    { ngx_string(""), ngx_http_trading_live, 0,
      NGX_HTTP_TRADING_R_HEALTH, NULL,
      NGX_HTTP_TRADING_P_NONE },

    { ngx_string("ready"), ngx_http_trading_ready, 0,
      NGX_HTTP_TRADING_R_HEALTH, NULL,
      NGX_HTTP_TRADING_P_NONE }
};


static ngx_http_trading_route_t  ngx_http_trading_info_routes[] = {

    { ngx_string(""), ngx_http_trading_info, 0,
      NGX_HTTP_TRADING_R_CARD, NULL,
      NGX_HTTP_TRADING_P_NONE }
};


static ngx_http_trading_route_t  ngx_http_trading_metrics_routes[] = {

    { ngx_string(""), ngx_http_trading_prometheus, 0,
      NGX_HTTP_TRADING_R_METRICS, NULL,
      NGX_HTTP_TRADING_P_NONE }
};


ngx_http_trading_service_t  ngx_http_trading_health_service = {
    ngx_string("health"),
    ngx_http_trading_health_routes,
    sizeof(ngx_http_trading_health_routes) / sizeof(ngx_http_trading_route_t),
    NULL
};


ngx_http_trading_service_t  ngx_http_trading_info_service = {
    ngx_string("info"),
    ngx_http_trading_info_routes,
    sizeof(ngx_http_trading_info_routes) / sizeof(ngx_http_trading_route_t),
    NULL
};


ngx_http_trading_service_t  ngx_http_trading_metrics_service = {
    ngx_string("metrics"),
    ngx_http_trading_metrics_routes,
    sizeof(ngx_http_trading_metrics_routes) / sizeof(ngx_http_trading_route_t),
    NULL
};


ngx_int_t
ngx_http_trading_handler(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_http_trading_call_t       call;
    ngx_http_trading_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_trading_module);

    if (lcf->service == NULL) {
        return NGX_DECLINED;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    /* detail and extra are filled when they are needed */

    ngx_memzero(&call, offsetof(ngx_http_trading_call_t, detail));
    call.request = r;

    rc = ngx_http_trading_dispatch(&call, lcf);

    if (rc == NGX_DECLINED) {
        return ngx_http_trading_problem_send(&call);
    }

    return rc;
}


static ngx_int_t
ngx_http_trading_dispatch(ngx_http_trading_call_t *call,
    ngx_http_trading_loc_conf_t *lcf)
{
    ngx_str_t            path;
    ngx_http_request_t  *r;

    r = call->request;

    /* but for a slash at its end the URI begins with the location's name,
       unless it was rewritten */

    if (r->uri.len < lcf->prefix.len
        || ngx_strncmp(r->uri.data, lcf->prefix.data, lcf->prefix.len) != 0)
    {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_NOT_FOUND,
                                     "there is no such route");
    }

    path.len = r->uri.len - lcf->prefix.len;
    path.data = r->uri.data + lcf->prefix.len;

    if (path.len > NGX_HTTP_TRADING_TAIL) {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_BAD_PATH,
                                     "the path is longer than %d bytes",
                                     NGX_HTTP_TRADING_TAIL);
    }

    if (path.len && path.data[0] != '/') {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_NOT_FOUND,
                                     "there is no such route");
    }

    if (path.len) {
        path.data++;
        path.len--;
    }

    if (path.len && path.data[path.len - 1] == '/') {
        path.len--;
    }

    call->route = ngx_http_trading_route(lcf->service, &path, &call->tail);

    if (call->route == NULL) {

        if (!trd_text_ok((char *) path.data, path.len)) {
            return ngx_http_trading_fail(call, NGX_HTTP_TRADING_BAD_PATH,
                                         "the path is not UTF-8 text");
        }

        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_NOT_FOUND,
                                     "there is no route \"%V\"", &path);
    }

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_http_trading_fail(call, NGX_HTTP_TRADING_BAD_METHOD,
                                     "this route takes GET and HEAD");
    }

    if (r->args.len && ngx_http_trading_args(call) != NGX_OK) {
        return NGX_DECLINED;
    }

    return call->route->handler(call);
}


/*
 * A whole path wins over any route with an argument, and of those the one
 * with the longest path wins: no order of the table can shadow a route.
 */
static ngx_http_trading_route_t *
ngx_http_trading_route(ngx_http_trading_service_t *service, ngx_str_t *path,
    ngx_str_t *tail)
{
    ngx_uint_t                 i;
    ngx_http_trading_route_t  *route, *best;

    best = NULL;

    for (i = 0; i < service->nroutes; i++) {
        route = &service->routes[i];

        if (route->tail == NULL) {

            if (route->path.len == path->len
                && ngx_memcmp(route->path.data, path->data, path->len) == 0)
            {
                return route;
            }

            continue;
        }

        if (route->path.len < path->len
            && (best == NULL || best->path.len < route->path.len)
            && ngx_memcmp(route->path.data, path->data, route->path.len) == 0)
        {
            best = route;
        }
    }

    if (best) {
        tail->data = path->data + best->path.len;
        tail->len = path->len - best->path.len;
    }

    return best;
}
