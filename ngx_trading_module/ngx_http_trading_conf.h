/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Configuration, and the worker's mapping of the board, which hangs on it.
 * Everything but `board` and `events` is read-only once workers run.
 */

#ifndef NGX_HTTP_TRADING_CONF_H
#define NGX_HTTP_TRADING_CONF_H

#include "ngx_http_trading.h"
#include "trd_events_map.h"

#define NGX_HTTP_TRADING_CHECK  50      /* ms between looks at the path */

/* one worker's view; each worker has its own copy after fork */
typedef struct {
    ngx_str_t                    path;      /* NUL-ended */
    trd_board_map_t              map;
    ngx_msec_t                   checked;
    ngx_flag_t                   ever_checked;
    trd_file_id_t                refused;   /* last file that was refused */
    ngx_flag_t                   missing;   /* told that there is no file */
    time_t                       complained;
} ngx_http_trading_board_t;

/* likewise, of the events file */
typedef struct {
    ngx_str_t                    path;      /* NUL-ended; empty: not set */
    trd_events_map_t             map;
    ngx_uint_t                   mapped;    /* how many files were */
    ngx_msec_t                   checked;
    ngx_flag_t                   ever_checked;
    trd_file_id_t                refused;
    ngx_flag_t                   missing;
    ngx_flag_t                   failing;   /* told that it is damaged */
    time_t                       complained;
} ngx_http_trading_events_file_t;

typedef struct {
    ngx_http_trading_board_t     board;
    ngx_http_trading_events_file_t  events;
    ngx_shm_zone_t              *zone;      /* counters of all workers */
    ngx_int_t                    request_id;    /* index of $request_id */
    ngx_int_t                    account;       /* of $trading_account */
    ngx_msec_t                   stream_interval;   /* the shortest */
    ngx_flag_t                   quote_age; /* $trading_quote_age_ms is used */
    u_char                      *file;      /* where a board is needed first */
    ngx_uint_t                   line;
    ngx_str_t                    directive;
} ngx_http_trading_main_conf_t;

/* a location of a server, for its card */
typedef struct {
    ngx_http_trading_service_t  *service;
    ngx_str_t                    name;      /* of the location */
    ngx_str_t                    prefix;    /* without a slash at its end */
    ngx_flag_t                   exact;
} ngx_http_trading_place_t;

typedef struct {
    ngx_array_t                  places;    /* ngx_http_trading_place_t */
} ngx_http_trading_srv_conf_t;

typedef struct {
    ngx_http_trading_service_t  *service;
    ngx_str_t                    prefix;
    ngx_msec_t                   stale;
    ngx_uint_t                   stale_fail;
    ngx_msec_t                   stream_interval;
    size_t                       stream_buffer;
    ngx_uint_t                   stream_max;        /* subscriptions */
    ngx_msec_t                   stream_drain;
    ngx_msec_t                   stream_heartbeat;
    ngx_msec_t                   stream_slow;
    ngx_http_complex_value_t    *stream_origin;
    ngx_str_t                    problem;   /* its detail, or empty */
} ngx_http_trading_loc_conf_t;

/* what a request's quote was, for $trading_quote_age_ms */
typedef struct {
    int64_t                      age_ms;
} ngx_http_trading_ctx_t;

extern ngx_module_t  ngx_http_trading_module;

/*
 * _board.c.  NULL if there is no readable board now; the pointer is good
 * until the next call.  `failing` tells that a reader met nonsense.
 */
trd_board_t *ngx_http_trading_board(ngx_http_trading_main_conf_t *mcf,
    ngx_log_t *log);
ngx_flag_t ngx_http_trading_board_lost(ngx_http_trading_main_conf_t *mcf);
ngx_flag_t ngx_http_trading_board_whole(ngx_http_trading_main_conf_t *mcf);
void ngx_http_trading_board_failing(ngx_http_trading_main_conf_t *mcf,
    ngx_log_t *log, const char *what);
void ngx_http_trading_board_unread(ngx_http_trading_main_conf_t *mcf,
    ngx_log_t *log, trd_rc_t rc, const char *what);
ngx_int_t ngx_http_trading_board_cleanup(ngx_conf_t *cf,
    ngx_http_trading_main_conf_t *mcf);

/* _events.c */
trd_events_t *ngx_http_trading_events(ngx_http_trading_main_conf_t *mcf,
    ngx_log_t *log);
void ngx_http_trading_events_failing(ngx_http_trading_main_conf_t *mcf,
    ngx_log_t *log, const char *what);
ngx_int_t ngx_http_trading_events_cleanup(ngx_conf_t *cf,
    ngx_http_trading_main_conf_t *mcf);

/* ms since the writer's heartbeat; -1 if it left or was never there */
int64_t ngx_http_trading_board_age(trd_board_t *board);
ngx_flag_t ngx_http_trading_board_stale(ngx_http_trading_loc_conf_t *lcf,
    trd_board_t *board);

/* our wall clock in ms, as nginx caches it */
int64_t ngx_http_trading_now(void);

#endif /* NGX_HTTP_TRADING_CONF_H */
