/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The gateway's card: what this server answers, taken from the locations of
 * its configuration and from the tables that dispatch them, so it cannot
 * promise a route that is not there.
 */

#include "ngx_http_trading_conf.h"

#define NGX_HTTP_TRADING_ROUTE_SIZE  128    /* of a route, but for prefixes */

static void ngx_http_trading_info_place(trd_writer_t *w,
    ngx_http_trading_place_t *place);
static void ngx_http_trading_info_route(trd_writer_t *w, const char *methods,
    u_char *path, size_t len);


ngx_int_t
ngx_http_trading_info(ngx_http_trading_call_t *call)
{
    size_t                        size;
    ngx_uint_t                    i;
    trd_writer_t                  w;
    ngx_http_trading_place_t     *place;
    ngx_http_trading_srv_conf_t  *scf;

    scf = ngx_http_get_module_srv_conf(call->request,
                                       ngx_http_trading_module);
    place = scf->places.elts;
    size = 1024;

    for (i = 0; i < scf->places.nelts; i++) {
        size += (place[i].service->nroutes + 1)
                * (6 * place[i].prefix.len + NGX_HTTP_TRADING_ROUTE_SIZE);
    }

    if (ngx_http_trading_writer(call, &w, size) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    trd_write_lit(&w, "{\"name\":\"ngx_trading\",\"version\":\""
                      TRADING_VERSION "\",\"errors\":"
                      "\"application/problem+json\",\"services\":[");

    for (i = 0; i < scf->places.nelts; i++) {
        if (i) {
            trd_write_lit(&w, ",");
        }

        ngx_http_trading_info_place(&w, &place[i]);
    }

    trd_write_lit(&w, "]}");

    return ngx_http_trading_send_writer(call, NGX_HTTP_OK, &w);
}


static void
ngx_http_trading_info_place(trd_writer_t *w, ngx_http_trading_place_t *place)
{
    u_char                    *p;
    ngx_uint_t                 i, n;
    ngx_http_trading_route_t  *route;
    u_char                     path[2 * NGX_HTTP_TRADING_ROUTE_SIZE];

    trd_write_lit(w, "{\"service\":\"");
    trd_write(w, place->service->name.data, place->service->name.len);
    trd_write_lit(w, "\",\"prefix\":");
    trd_write_json_str(w, (char *) place->prefix.data, place->prefix.len);
    trd_write_lit(w, ",\"routes\":[");

    n = 0;

    for (i = 0; i < place->service->nroutes; i++) {
        route = &place->service->routes[i];

        if (place->exact && route->path.len) {
            continue;
        }

        /* an unusually long prefix is cut here, never overrun */

        if (route->path.len) {
            p = ngx_snprintf(path, sizeof(path), "%V/%V", &place->prefix,
                             &route->path);

        } else {
            p = ngx_snprintf(path, sizeof(path), "%V", &place->name);
        }

        if (route->tail) {
            p = ngx_snprintf(p, path + sizeof(path) - p, "{%s}", route->tail);
        }

        if (n++) {
            trd_write_lit(w, ",");
        }

        ngx_http_trading_info_route(w, "\"GET\",\"HEAD\"", path, p - path);
    }

    if (place->service->nroutes == 0) {

        /* a stream: the location itself, and no body for HEAD to leave out */

        ngx_http_trading_info_route(w, "\"GET\"", place->name.data,
                                    place->name.len);
    }

    trd_write_lit(w, "]}");
}


static void
ngx_http_trading_info_route(trd_writer_t *w, const char *methods,
    u_char *path, size_t len)
{
    trd_write_lit(w, "{\"methods\":[");
    trd_write_str(w, methods);
    trd_write_lit(w, "],\"path\":");
    trd_write_json_str(w, (char *) path, len);
    trd_write_lit(w, "}");
}
