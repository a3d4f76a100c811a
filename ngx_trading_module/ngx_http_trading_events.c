/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The worker's mapping of the events file, as ngx_http_trading_board.c keeps
 * that of the board: the path is looked at while somebody listens and the
 * last look is 50 ms old.  Another file there replaces the mapping, and
 * `mapped` counts it; a file that is refused leaves the old mapping; one
 * that lost its tail is dropped.  Each fault is told once.
 */

#include "ngx_http_trading_metrics.h"

static void ngx_http_trading_events_refresh(
    ngx_http_trading_events_file_t *ef, ngx_log_t *log);
static void ngx_http_trading_events_remap(ngx_http_trading_events_file_t *ef,
    trd_file_id_t *id, ngx_log_t *log);
static void ngx_http_trading_events_close(void *data);


/* NULL: none now; the pointer is good until the next call */
trd_events_t *
ngx_http_trading_events(ngx_http_trading_main_conf_t *mcf, ngx_log_t *log)
{
    ngx_http_trading_events_file_t  *ef;

    ef = &mcf->events;

    if (ef->path.len == 0) {
        return NULL;
    }

    if (!ef->ever_checked
        || ngx_current_msec - ef->checked >= NGX_HTTP_TRADING_CHECK
        || trd_events_map_lost(&ef->map))
    {
        ngx_http_trading_events_refresh(ef, log);
    }

    return ef->map.file.base ? &ef->map.events : NULL;
}


static void
ngx_http_trading_events_refresh(ngx_http_trading_events_file_t *ef,
    ngx_log_t *log)
{
    char           *path;
    trd_file_t      file;
    trd_file_id_t   id;

    path = (char *) ef->path.data;

    ef->ever_checked = 1;
    ef->checked = ngx_current_msec;

    file = trd_events_map_check(&ef->map, path, &id);

    if (file == TRD_FILE_SHRUNK || trd_events_map_lost(&ef->map)) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "trading events: file was truncated while mapped, "
                      "path \"%V\"", &ef->path);

        trd_events_map_close(&ef->map);

        if (file != TRD_FILE_NONE) {
            file = TRD_FILE_OTHER;
        }
    }

    switch (file) {

    case TRD_FILE_SAME:
        ef->missing = 0;
        return;

    case TRD_FILE_OTHER:
        ef->missing = 0;
        ngx_http_trading_events_remap(ef, &id, log);
        return;

    default: /* TRD_FILE_NONE */

        if (!ef->missing) {
            ef->missing = 1;
            ngx_log_error(NGX_LOG_WARN, log, ngx_errno,
                          "trading events: no file, path \"%V\"", &ef->path);
        }
    }
}


static void
ngx_http_trading_events_remap(ngx_http_trading_events_file_t *ef,
    trd_file_id_t *id, ngx_log_t *log)
{
    int               err;
    trd_rc_t          rc;
    const char       *why;
    trd_file_id_t     opened;
    trd_events_map_t  map;

    if (ngx_memcmp(id, &ef->refused, sizeof(trd_file_id_t)) == 0) {
        return;
    }

    rc = trd_events_map_open(&map, (char *) ef->path.data, &opened, &why,
                             &err);

    if (rc == TRD_OK) {
        trd_events_map_close(&ef->map);

        ef->map = map;
        ef->mapped++;
        ef->failing = 0;
        ngx_memzero(&ef->refused, sizeof(trd_file_id_t));

        ngx_log_error(NGX_LOG_INFO, log, 0,
                      "trading events: mapped generation %uL, path \"%V\"",
                      map.events.generation, &ef->path);
        return;
    }

    if (err) {

        /* may pass without the file changing: try again, say so rarely */

        if (ngx_time() - ef->complained >= 10) {
            ef->complained = ngx_time();
            ngx_log_error(NGX_LOG_ERR, log, err,
                          "trading events: %s, path \"%V\"", why, &ef->path);
        }

        return;
    }

    ef->refused = opened;

    ngx_log_error(NGX_LOG_ERR, log, 0,
                  "trading events: file is refused: %s, path \"%V\"",
                  why, &ef->path);
}


/* told once for each file that is mapped */
void
ngx_http_trading_events_failing(ngx_http_trading_main_conf_t *mcf,
    ngx_log_t *log, const char *what)
{
    ngx_http_trading_events_file_t  *ef;

    ef = &mcf->events;

    if (ef->failing) {
        return;
    }

    ef->failing = 1;

    ngx_log_error(NGX_LOG_ERR, log, 0, "trading events: %s, path \"%V\"",
                  what, &ef->path);
}


/* Unmaps with the cycle, as the board is. */
ngx_int_t
ngx_http_trading_events_cleanup(ngx_conf_t *cf,
    ngx_http_trading_main_conf_t *mcf)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_trading_events_close;
    cln->data = &mcf->events.map;

    return NGX_OK;
}


static void
ngx_http_trading_events_close(void *data)
{
    trd_events_map_close(data);
}
