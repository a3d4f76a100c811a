/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the files of the module share: one call of a route, and who does
 * what with it.  Configuration is in ngx_http_trading_conf.h, counters in
 * ngx_http_trading_metrics.h.
 *
 * A route handler answers by itself and returns what its sending returned,
 * or it returns ngx_http_trading_fail(), and the dispatcher sends the
 * problem document.  A call lives on the stack of the content handler; of a
 * request that waits (ngx_http_trading_wait.c) it is copied to r->pool.
 */

#ifndef NGX_HTTP_TRADING_H
#define NGX_HTTP_TRADING_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "trd_board_map.h"
#include "trd_query.h"
#include "trd_series.h"
#include "trd_version.h"
#include "trd_writer.h"


#define NGX_HTTP_TRADING_TAIL      128      /* longest rest of a path */
#define NGX_HTTP_TRADING_DETAIL    512
#define NGX_HTTP_TRADING_HEAD      256      /* room before a page's body */
#define NGX_HTTP_TRADING_LIMIT_MAX  1000    /* of ?limit= */
#define NGX_HTTP_TRADING_WAIT_MAX   60000   /* of ?timeout_ms= */

/* a page that was never rendered; no code of nginx, which returns NGX_AGAIN
   for an answer that the client is slow to take */
#define NGX_HTTP_TRADING_NO_PAGE   -100

typedef struct ngx_http_trading_call_s   ngx_http_trading_call_t;
typedef struct ngx_http_trading_route_s  ngx_http_trading_route_t;

typedef ngx_int_t (*ngx_http_trading_route_pt)(ngx_http_trading_call_t *call);

/* why a request fails; the table is in ngx_http_trading_problem.c */
typedef enum {
    NGX_HTTP_TRADING_NOT_FOUND = 0,
    NGX_HTTP_TRADING_UNKNOWN_SYMBOL,
    NGX_HTTP_TRADING_UNKNOWN_CLASS,
    NGX_HTTP_TRADING_UNKNOWN_FIELD,
    NGX_HTTP_TRADING_UNKNOWN_MODEL,
    NGX_HTTP_TRADING_BAD_PARAMETER,
    NGX_HTTP_TRADING_BAD_PATH,
    NGX_HTTP_TRADING_BAD_METHOD,
    NGX_HTTP_TRADING_NO_BOARD,
    NGX_HTTP_TRADING_NO_QUOTE,
    NGX_HTTP_TRADING_NO_SIGNAL,
    NGX_HTTP_TRADING_NO_DEPTH,
    NGX_HTTP_TRADING_UNKNOWN_VERSION,
    NGX_HTTP_TRADING_WAITERS,
    NGX_HTTP_TRADING_TOO_OLD,
    NGX_HTTP_TRADING_STALE,
    NGX_HTTP_TRADING_HANDSHAKE,
    NGX_HTTP_TRADING_UPGRADE,
    NGX_HTTP_TRADING_ORIGIN,
    NGX_HTTP_TRADING_UNAUTHORIZED,
    NGX_HTTP_TRADING_NO_EVENTS,
    NGX_HTTP_TRADING_INTERNAL
} ngx_http_trading_problem_e;

typedef enum {
    NGX_HTTP_TRADING_THRESHOLD = 0,
    NGX_HTTP_TRADING_TECHNICAL
} ngx_http_trading_model_e;

/* groups of routes in the counters */
typedef enum {
    NGX_HTTP_TRADING_R_CARD = 0,
    NGX_HTTP_TRADING_R_HEALTH,
    NGX_HTTP_TRADING_R_PRICE,
    NGX_HTTP_TRADING_R_PRICES,
    NGX_HTTP_TRADING_R_OVERVIEW,
    NGX_HTTP_TRADING_R_CATALOGUE,
    NGX_HTTP_TRADING_R_SIGNAL,
    NGX_HTTP_TRADING_R_SIGNALS,
    NGX_HTTP_TRADING_R_BINARY,
    NGX_HTTP_TRADING_R_ANALYSIS,
    NGX_HTTP_TRADING_R_SERIES,
    NGX_HTTP_TRADING_R_METRICS,
    NGX_HTTP_TRADING_R_STREAM,
    NGX_HTTP_TRADING_R_OTHER,
    NGX_HTTP_TRADING_R_N
} ngx_http_trading_group_e;

/*
 * A path below the location's prefix, without slashes around it.  With
 * `tail` the path ends in a slash and what follows it is the argument.
 */
struct ngx_http_trading_route_s {
    ngx_str_t                    path;
    ngx_http_trading_route_pt    handler;
    ngx_uint_t                   arg;       /* a page, or kind of page */
    ngx_http_trading_group_e     group;
    char                        *tail;      /* name of the argument */
    ngx_uint_t                   params;    /* those that it takes */
};

/* parameters of routes; any other is ignored */
#define NGX_HTTP_TRADING_P_NONE     0
#define NGX_HTTP_TRADING_P_AGE      (1 << TRD_PARAM_MAX_AGE_MS)
#define NGX_HTTP_TRADING_P_QUOTES   (1 << TRD_PARAM_FIELDS                    \
                                     | 1 << TRD_PARAM_FORMAT                  \
                                     | NGX_HTTP_TRADING_P_AGE)
#define NGX_HTTP_TRADING_P_SYMBOLS  (1 << TRD_PARAM_SYMBOLS)
#define NGX_HTTP_TRADING_P_WAIT     (1 << TRD_PARAM_AFTER_SEQ                 \
                                     | 1 << TRD_PARAM_TIMEOUT_MS)
#define NGX_HTTP_TRADING_P_CANDLES  (1 << TRD_PARAM_INTERVAL                  \
                                     | 1 << TRD_PARAM_LIMIT                   \
                                     | 1 << TRD_PARAM_END)
#define NGX_HTTP_TRADING_P_LIMIT    (1 << TRD_PARAM_LIMIT)
#define NGX_HTTP_TRADING_P_LEVELS   (1 << TRD_PARAM_LEVELS)
#define NGX_HTTP_TRADING_P_MODEL    (1 << TRD_PARAM_MODEL                     \
                                     | 1 << TRD_PARAM_TIMEFRAME)

typedef struct {
    ngx_str_t                    name;
    ngx_http_trading_route_t    *routes;
    ngx_uint_t                   nroutes;
    ngx_http_handler_pt          handler;   /* NULL: the dispatcher */
} ngx_http_trading_service_t;

typedef struct {
    ngx_uint_t                   given;     /* 1 << TRD_PARAM_* */
    uint64_t                     max_age_ms;
    uint64_t                     after_seq;
    uint64_t                     timeout_ms;
    int64_t                      end_ms;
    uint32_t                     fields;
    uint32_t                     limit;
    uint32_t                     levels;
    ngx_uint_t                   interval;
    ngx_uint_t                   model;
    ngx_uint_t                   timeframe;
    ngx_flag_t                   display;
    ngx_str_t                    symbols;   /* decoded */
} ngx_http_trading_args_t;

struct ngx_http_trading_call_s {
    ngx_http_request_t          *request;
    ngx_http_trading_route_t    *route;     /* NULL: none was found */
    ngx_str_t                    tail;
    ngx_http_trading_args_t      args;
    trd_board_t                 *board;     /* NULL: not asked for, or none */
    ngx_flag_t                   stale;     /* the writer is silent */
    ngx_http_trading_problem_e   problem;
    size_t                       detail_len;
    trd_writer_t                 members;   /* further ones of a problem */
    u_char                       detail[NGX_HTTP_TRADING_DETAIL];
    u_char                       extra[NGX_HTTP_TRADING_DETAIL];
};

/* a body that was read from the board into r->pool */
typedef struct {
    ngx_buf_t                   *buf;       /* pos at the body */
    uint64_t                     seq;
} ngx_http_trading_body_t;

#define ngx_http_trading_given(call, param)                                   \
    ((call)->args.given & (1 << (param)))


/* _route.c */
ngx_int_t ngx_http_trading_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_trading_problem_handler(ngx_http_request_t *r);
extern ngx_http_trading_service_t  ngx_http_trading_market_service;
extern ngx_http_trading_service_t  ngx_http_trading_signals_service;
extern ngx_http_trading_service_t  ngx_http_trading_health_service;
extern ngx_http_trading_service_t  ngx_http_trading_info_service;
extern ngx_http_trading_service_t  ngx_http_trading_metrics_service;
extern ngx_http_trading_service_t  ngx_http_trading_stream_service;

/* _problem.c: fail() returns NGX_DECLINED, with detail as ngx_snprintf's */
ngx_int_t ngx_http_trading_fail(ngx_http_trading_call_t *call,
    ngx_http_trading_problem_e problem, const char *fmt, ...);
void ngx_http_trading_allowed(ngx_http_trading_call_t *call,
    const char *(*name)(unsigned i));
ngx_int_t ngx_http_trading_problem_send(ngx_http_trading_call_t *call);

/* _args.c: NGX_OK or NGX_DECLINED */
ngx_int_t ngx_http_trading_args(ngx_http_trading_call_t *call);
ngx_int_t ngx_http_trading_class(ngx_http_trading_call_t *call,
    ngx_uint_t *asset_class);

/* _page.c */
ngx_int_t ngx_http_trading_page(ngx_http_trading_call_t *call,
    const trd_page_t *plain, const trd_page_t *gzip);
ngx_int_t ngx_http_trading_entry(ngx_http_trading_call_t *call,
    uint32_t instrument, ngx_uint_t kind);
ngx_int_t ngx_http_trading_page_read(ngx_http_trading_call_t *call,
    const trd_page_t *page, ngx_http_trading_body_t *body);
ngx_int_t ngx_http_trading_headers(ngx_http_trading_call_t *call,
    uint64_t seq, const char *suffix, ngx_uint_t vary);
ngx_flag_t ngx_http_trading_unchanged(ngx_http_trading_call_t *call,
    uint64_t tag);
ngx_int_t ngx_http_trading_not_modified(ngx_http_trading_call_t *call);
ngx_int_t ngx_http_trading_send_chain(ngx_http_trading_call_t *call,
    ngx_chain_t *out, off_t len);
ngx_int_t ngx_http_trading_send_writer(ngx_http_trading_call_t *call,
    ngx_uint_t status, trd_writer_t *w);
ngx_int_t ngx_http_trading_writer(ngx_http_trading_call_t *call,
    trd_writer_t *w, size_t size);
void ngx_http_trading_type(ngx_http_request_t *r, ngx_str_t *type);
ngx_table_elt_t *ngx_http_trading_header(ngx_http_request_t *r,
    ngx_str_t *key, ngx_str_t *value);

/* _market.c, _signals.c, _quotes.c */
ngx_int_t ngx_http_trading_find(ngx_http_trading_call_t *call, u_char *name,
    size_t len, uint32_t *instrument);
ngx_int_t ngx_http_trading_need(ngx_http_trading_call_t *call,
    ngx_uint_t live);
ngx_int_t ngx_http_trading_quotes(ngx_http_trading_call_t *call,
    ngx_int_t asset_class);
ngx_int_t ngx_http_trading_quote(ngx_http_trading_call_t *call,
    uint32_t instrument);
ngx_int_t ngx_http_trading_entries(ngx_http_trading_call_t *call,
    ngx_int_t asset_class, ngx_uint_t kind);
ngx_int_t ngx_http_trading_instrument(ngx_http_trading_call_t *call,
    uint32_t number, trd_instrument_t *in);
ngx_int_t ngx_http_trading_written(ngx_http_trading_call_t *call,
    trd_writer_t *w, uint64_t tag);
ngx_int_t ngx_http_trading_age_check(ngx_http_trading_call_t *call,
    uint32_t instrument, trd_quote_t *quote);
ngx_int_t ngx_http_trading_market_page(ngx_http_trading_call_t *call);
ngx_int_t ngx_http_trading_card_page(ngx_http_trading_call_t *call);

/* _candles.c, _series.c, _feeds.c */
ngx_int_t ngx_http_trading_candles(ngx_http_trading_call_t *call);
ngx_int_t ngx_http_trading_depth(ngx_http_trading_call_t *call);
ngx_int_t ngx_http_trading_trades(ngx_http_trading_call_t *call);
ngx_int_t ngx_http_trading_feeds(ngx_http_trading_call_t *call);
void ngx_http_trading_sources(ngx_http_trading_call_t *call, trd_writer_t *w,
    ngx_flag_t all);

/* _wait.c */
ngx_int_t ngx_http_trading_wait(ngx_http_trading_call_t *call,
    uint32_t instrument);

/* _health.c, _info.c, _prometheus.c */
void ngx_http_trading_health_write(trd_board_t *board, ngx_flag_t stale,
    trd_writer_t *w);
uint64_t ngx_http_trading_health_hash(trd_board_t *board, ngx_flag_t stale);
ngx_int_t ngx_http_trading_market_health(ngx_http_trading_call_t *call);
ngx_int_t ngx_http_trading_signals_health(ngx_http_trading_call_t *call);
ngx_int_t ngx_http_trading_cache_stats(ngx_http_trading_call_t *call);
ngx_int_t ngx_http_trading_live(ngx_http_trading_call_t *call);
ngx_int_t ngx_http_trading_ready(ngx_http_trading_call_t *call);
ngx_int_t ngx_http_trading_info(ngx_http_trading_call_t *call);
ngx_int_t ngx_http_trading_prometheus(ngx_http_trading_call_t *call);

/* _variables.c */
ngx_int_t ngx_http_trading_add_variables(ngx_conf_t *cf);
ngx_int_t ngx_http_trading_check_variables(ngx_conf_t *cf);
ngx_flag_t ngx_http_trading_variable_known(ngx_conf_t *cf, ngx_str_t *name);
ngx_int_t ngx_http_trading_request_id(ngx_http_request_t *r, ngx_str_t *id);

#endif /* NGX_HTTP_TRADING_H */
