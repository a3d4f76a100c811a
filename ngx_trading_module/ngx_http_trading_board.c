/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The worker's mapping of the board.  The path is looked at when a request
 * needs the board and the last look is 50 ms old: another file there is
 * mapped in place of the old one, so a new generation needs no reload.  A
 * file that is refused leaves the old mapping, whose heartbeat then tells
 * its age; a mapped file that lost its tail is dropped.
 */

#include "ngx_http_trading_metrics.h"

static void ngx_http_trading_board_refresh(ngx_http_trading_main_conf_t *mcf,
    ngx_log_t *log);
static void ngx_http_trading_board_remap(ngx_http_trading_main_conf_t *mcf,
    trd_file_id_t *id, ngx_log_t *log);
static void ngx_http_trading_board_close(void *data);


trd_board_t *
ngx_http_trading_board(ngx_http_trading_main_conf_t *mcf, ngx_log_t *log)
{
    ngx_http_trading_board_t  *bd;

    bd = &mcf->board;

    if (!bd->ever_checked
        || ngx_current_msec - bd->checked >= NGX_HTTP_TRADING_CHECK
        || trd_board_map_lost(&bd->map))
    {
        ngx_http_trading_board_refresh(mcf, log);
    }

    return bd->map.file.base ? &bd->map.board : NULL;
}


static void
ngx_http_trading_board_refresh(ngx_http_trading_main_conf_t *mcf,
    ngx_log_t *log)
{
    char                      *path;
    trd_file_t                 file;
    trd_file_id_t              id;
    ngx_http_trading_board_t  *bd;

    bd = &mcf->board;
    path = (char *) bd->path.data;

    bd->ever_checked = 1;
    bd->checked = ngx_current_msec;

    file = trd_board_map_check(&bd->map, path, &id);

    if (file == TRD_FILE_SHRUNK || trd_board_map_lost(&bd->map)) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "trading board: file was truncated while mapped, "
                      "path \"%V\"", &bd->path);

        ngx_http_trading_count_event(mcf, NGX_HTTP_TRADING_C_LOST);
        trd_board_map_close(&bd->map);

        if (file != TRD_FILE_NONE) {
            file = TRD_FILE_OTHER;
        }
    }

    switch (file) {

    case TRD_FILE_SAME:
        bd->missing = 0;
        return;

    case TRD_FILE_OTHER:
        bd->missing = 0;
        ngx_http_trading_board_remap(mcf, &id, log);
        return;

    default: /* TRD_FILE_NONE */

        if (!bd->missing) {
            bd->missing = 1;
            ngx_log_error(NGX_LOG_WARN, log, ngx_errno,
                          "trading board: no file, path \"%V\"", &bd->path);
        }
    }
}


static void
ngx_http_trading_board_remap(ngx_http_trading_main_conf_t *mcf,
    trd_file_id_t *id, ngx_log_t *log)
{
    int                        err;
    trd_rc_t                   rc;
    const char                *why;
    trd_file_id_t              opened;
    trd_board_map_t            map;
    ngx_http_trading_board_t  *bd;

    bd = &mcf->board;

    if (ngx_memcmp(id, &bd->refused, sizeof(trd_file_id_t)) == 0) {
        return;
    }

    rc = trd_board_map_open(&map, (char *) bd->path.data, &opened, &why, &err);

    if (rc == TRD_OK) {
        trd_board_map_close(&bd->map);

        bd->map = map;
        ngx_memzero(&bd->refused, sizeof(trd_file_id_t));

        ngx_http_trading_count_event(mcf, NGX_HTTP_TRADING_C_REMAPS);

        ngx_log_error(NGX_LOG_INFO, log, 0,
                      "trading board: mapped generation %uL with %uD "
                      "instruments, path \"%V\"", map.board.generation,
                      map.board.n, &bd->path);
        return;
    }

    if (err) {

        /* may pass without the file changing: try again, say so rarely */

        if (ngx_time() - bd->complained >= 10) {
            bd->complained = ngx_time();
            ngx_log_error(NGX_LOG_ERR, log, err,
                          "trading board: %s, path \"%V\"", why, &bd->path);
        }

        return;
    }

    bd->refused = opened;

    ngx_http_trading_count_event(mcf, NGX_HTTP_TRADING_C_REFUSED);

    ngx_log_error(NGX_LOG_ERR, log, 0,
                  "trading board: file is refused: %s, path \"%V\"",
                  why, &bd->path);
}


ngx_flag_t
ngx_http_trading_board_lost(ngx_http_trading_main_conf_t *mcf)
{
    return trd_board_map_lost(&mcf->board.map);
}


/*
 * The rest of a truncated file's last page reads as zeros without a fault,
 * so whoever is about to conclude that something is not there looks first.
 */
ngx_flag_t
ngx_http_trading_board_whole(ngx_http_trading_main_conf_t *mcf)
{
    trd_file_id_t              id;
    ngx_http_trading_board_t  *bd;

    bd = &mcf->board;

    return !trd_board_map_lost(&bd->map)
           && trd_board_map_check(&bd->map, (char *) bd->path.data, &id)
              != TRD_FILE_SHRUNK;
}


void
ngx_http_trading_board_failing(ngx_http_trading_main_conf_t *mcf,
    ngx_log_t *log, const char *what)
{
    ngx_http_trading_board_t  *bd;

    bd = &mcf->board;

    ngx_http_trading_count_event(mcf, NGX_HTTP_TRADING_C_CORRUPT);

    /* once a second is enough to be seen and too rare to fill a disk */

    if (ngx_time() != bd->complained) {
        bd->complained = ngx_time();
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "trading board: %s is corrupt, path \"%V\"",
                      what, &bd->path);
    }
}


/* lapped by the writer: not harmed, and the next reader may be luckier */
void
ngx_http_trading_board_unread(ngx_http_trading_main_conf_t *mcf,
    ngx_log_t *log, trd_rc_t rc, const char *what)
{
    if (rc == TRD_AGAIN) {
        ngx_http_trading_count_event(mcf, NGX_HTTP_TRADING_C_TORN);
        return;
    }

    ngx_http_trading_board_failing(mcf, log, what);
}


/* Unmaps with the cycle: a worker's, or the only process's at a reload. */
ngx_int_t
ngx_http_trading_board_cleanup(ngx_conf_t *cf,
    ngx_http_trading_main_conf_t *mcf)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_trading_board_close;
    cln->data = &mcf->board.map;

    return NGX_OK;
}


static void
ngx_http_trading_board_close(void *data)
{
    trd_board_map_close(data);
}


int64_t
ngx_http_trading_board_age(trd_board_t *board)
{
    int64_t  age;

    if (atomic_load_explicit(&board->header->closed, memory_order_relaxed)) {
        return -1;
    }

    age = trd_board_age(board, (int64_t) ngx_current_msec);

    return (age == INT64_MAX) ? -1 : age;
}


ngx_flag_t
ngx_http_trading_board_stale(ngx_http_trading_loc_conf_t *lcf,
    trd_board_t *board)
{
    int64_t  age;

    age = ngx_http_trading_board_age(board);

    return age < 0 || (uint64_t) age > (uint64_t) lcf->stale;
}


int64_t
ngx_http_trading_now(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (int64_t) tp->sec * 1000 + tp->msec;
}
