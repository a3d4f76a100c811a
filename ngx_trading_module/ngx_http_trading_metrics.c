/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The shared zone of counters: see ngx_http_trading_metrics.h.  The text
 * that Prometheus reads is made in ngx_http_trading_prometheus.c.
 */

#include "ngx_http_trading_metrics.h"

#define NGX_HTTP_TRADING_ZONE_MAGIC  0x74726463     /* "trdc" */
#define NGX_HTTP_TRADING_ZONE_LINE   64

typedef struct {
    uint32_t   magic;
    uint32_t   version;
    uint64_t   stride;
    uint64_t   blocks;
} ngx_http_trading_zone_t;

static ngx_int_t ngx_http_trading_zone_init(ngx_shm_zone_t *zone, void *data);
static ngx_http_trading_counts_t *ngx_http_trading_zone_block(
    ngx_http_trading_main_conf_t *mcf, ngx_uint_t slot);


/* raised whenever ngx_http_trading_counts_t changes */
#define NGX_HTTP_TRADING_ZONE_VERSION  3

#define ngx_http_trading_zone_stride()                                        \
    ngx_align(sizeof(ngx_http_trading_counts_t), NGX_HTTP_TRADING_ZONE_LINE)


ngx_int_t
ngx_http_trading_metrics_zone(ngx_conf_t *cf,
    ngx_http_trading_main_conf_t *mcf)
{
    size_t     size;
    ngx_str_t  name = ngx_string("trading_metrics");

    /* the blocks, and room for the slab pool's own book-keeping */

    size = ngx_http_trading_zone_stride() * NGX_MAX_PROCESSES;
    size = ngx_align(size + size / 8 + 16 * ngx_pagesize, ngx_pagesize);

    mcf->zone = ngx_shared_memory_add(cf, &name, size,
                                      &ngx_http_trading_module);
    if (mcf->zone == NULL) {
        return NGX_ERROR;
    }

    mcf->zone->init = ngx_http_trading_zone_init;

    return NGX_OK;
}


static ngx_int_t
ngx_http_trading_zone_init(ngx_shm_zone_t *zone, void *data)
{
    size_t                    size;
    ngx_slab_pool_t          *shpool;
    ngx_http_trading_zone_t  *sh;

    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (data || zone->shm.exists) {
        sh = shpool->data;

        if (sh == NULL
            || sh->magic != NGX_HTTP_TRADING_ZONE_MAGIC
            || sh->version != NGX_HTTP_TRADING_ZONE_VERSION
            || sh->stride != ngx_http_trading_zone_stride())
        {
            ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                          "trading metrics: zone \"%V\" is of another "
                          "version of the module", &zone->shm.name);
            return NGX_ERROR;
        }

        zone->data = sh;
        return NGX_OK;
    }

    size = NGX_HTTP_TRADING_ZONE_LINE
           + ngx_http_trading_zone_stride() * NGX_MAX_PROCESSES;

    sh = ngx_slab_calloc(shpool, size);
    if (sh == NULL) {
        return NGX_ERROR;
    }

    sh->magic = NGX_HTTP_TRADING_ZONE_MAGIC;
    sh->version = NGX_HTTP_TRADING_ZONE_VERSION;
    sh->stride = ngx_http_trading_zone_stride();
    sh->blocks = NGX_MAX_PROCESSES;

    shpool->data = sh;
    zone->data = sh;

    return NGX_OK;
}


static ngx_http_trading_counts_t *
ngx_http_trading_zone_block(ngx_http_trading_main_conf_t *mcf,
    ngx_uint_t slot)
{
    u_char  *p;

    if (mcf->zone == NULL || mcf->zone->data == NULL
        || slot >= NGX_MAX_PROCESSES)
    {
        return NULL;
    }

    p = mcf->zone->data;

    return (ngx_http_trading_counts_t *)
               (p + NGX_HTTP_TRADING_ZONE_LINE
                + slot * ngx_http_trading_zone_stride());
}


/* a store that is never torn; only this process writes to its block */
static ngx_inline void
ngx_http_trading_add(uint64_t *counter, uint64_t n)
{
    __atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}


void
ngx_http_trading_count(ngx_http_trading_call_t *call, off_t bytes)
{
    ngx_uint_t                     status, group, class;
    ngx_http_request_t            *r;
    ngx_http_trading_counts_t     *counts;
    ngx_http_trading_main_conf_t  *mcf;

    r = call->request;
    mcf = ngx_http_get_module_main_conf(r, ngx_http_trading_module);

    counts = ngx_http_trading_zone_block(mcf, ngx_process_slot);
    if (counts == NULL) {
        return;
    }

    group = call->route ? call->route->group : NGX_HTTP_TRADING_R_OTHER;
    status = r->headers_out.status;

    if (status < 300) {
        class = NGX_HTTP_TRADING_S_2XX;

    } else if (status == NGX_HTTP_NOT_MODIFIED) {
        class = NGX_HTTP_TRADING_S_304;

    } else if (status < 400) {
        class = NGX_HTTP_TRADING_S_3XX;

    } else if (status < 500) {
        class = NGX_HTTP_TRADING_S_4XX;

    } else {
        class = NGX_HTTP_TRADING_S_5XX;
    }

    ngx_http_trading_add(&counts->requests[group][class], 1);

    if (!r->header_only && bytes > 0) {
        ngx_http_trading_add(&counts->counter[NGX_HTTP_TRADING_C_BYTES],
                             (uint64_t) bytes);
    }
}


void
ngx_http_trading_count_event(ngx_http_trading_main_conf_t *mcf,
    ngx_http_trading_counter_e counter)
{
    ngx_http_trading_counts_t  *counts;

    counts = ngx_http_trading_zone_block(mcf, ngx_process_slot);

    if (counts) {
        ngx_http_trading_add(&counts->counter[counter], 1);
    }
}


ngx_http_trading_stream_counts_t *
ngx_http_trading_stream_counts(ngx_http_trading_main_conf_t *mcf)
{
    ngx_http_trading_counts_t  *counts;

    counts = ngx_http_trading_zone_block(mcf, ngx_process_slot);

    return counts ? &counts->stream : NULL;
}


void
ngx_http_trading_counts_sum(ngx_http_trading_main_conf_t *mcf,
    ngx_http_trading_counts_t *sum)
{
    uint64_t    *from, *to;
    ngx_uint_t   slot, i;

    ngx_memzero(sum, sizeof(ngx_http_trading_counts_t));

    to = (uint64_t *) sum;

    for (slot = 0; slot < NGX_MAX_PROCESSES; slot++) {
        from = (uint64_t *) ngx_http_trading_zone_block(mcf, slot);

        if (from == NULL) {
            return;
        }

        for (i = 0; i < sizeof(ngx_http_trading_counts_t) / 8; i++) {
            to[i] += __atomic_load_n(&from[i], __ATOMIC_RELAXED);
        }
    }
}
