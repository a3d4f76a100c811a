/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Directives and configuration.  A location directive names a service, that
 * is a table of routes (see the service's own file); everything after that
 * is ngx_http_trading_handler()'s.
 */

#include "ngx_http_trading_stream.h"

#define NGX_HTTP_TRADING_STALE_MS          2000
#define NGX_HTTP_TRADING_STREAM_INTERVAL   20
#define NGX_HTTP_TRADING_STREAM_BUFFER     65536
#define NGX_HTTP_TRADING_STREAM_MAX        256
#define NGX_HTTP_TRADING_STREAM_DRAIN      5000
#define NGX_HTTP_TRADING_STREAM_HEARTBEAT  30000
#define NGX_HTTP_TRADING_STREAM_SLOW       10000

static void *ngx_http_trading_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_trading_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_http_trading_create_srv_conf(ngx_conf_t *cf);
static void *ngx_http_trading_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_trading_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_http_trading_path_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_trading_service_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_trading_problem_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_trading_stale_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_trading_stream_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_trading_stream_bounds(ngx_conf_t *cf,
    ngx_http_trading_loc_conf_t *conf);
static ngx_int_t ngx_http_trading_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_trading_init_process(ngx_cycle_t *cycle);


static ngx_command_t  ngx_http_trading_commands[] = {

    { ngx_string("trading_board"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_trading_path_set,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_trading_main_conf_t, board.path),
      NULL },

    { ngx_string("trading_events"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_trading_path_set,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_trading_main_conf_t, events.path),
      NULL },

    { ngx_string("trading_stale"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_trading_stale_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("trading_market"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_trading_service_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_http_trading_market_service },

    { ngx_string("trading_signals"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_trading_service_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_http_trading_signals_service },

    { ngx_string("trading_health"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_trading_service_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_http_trading_health_service },

    { ngx_string("trading_info"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_trading_service_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_http_trading_info_service },

    { ngx_string("trading_metrics"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_trading_service_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_http_trading_metrics_service },

    { ngx_string("trading_stream"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_trading_stream_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_http_trading_stream_service },

    { ngx_string("trading_stream_interval"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_trading_loc_conf_t, stream_interval),
      NULL },

    { ngx_string("trading_stream_buffer"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_trading_loc_conf_t, stream_buffer),
      NULL },

    { ngx_string("trading_stream_max_channels"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_trading_loc_conf_t, stream_max),
      NULL },

    { ngx_string("trading_stream_drain"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_trading_loc_conf_t, stream_drain),
      NULL },

    { ngx_string("trading_stream_heartbeat"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_trading_loc_conf_t, stream_heartbeat),
      NULL },

    { ngx_string("trading_stream_slow"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_trading_loc_conf_t, stream_slow),
      NULL },

    { ngx_string("trading_stream_origin"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_trading_loc_conf_t, stream_origin),
      NULL },

    { ngx_string("trading_problem"),
      NGX_HTTP_LOC_CONF|NGX_CONF_ANY,
      ngx_http_trading_problem_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_trading_module_ctx = {
    ngx_http_trading_add_variables,        /* preconfiguration */
    ngx_http_trading_init,                 /* postconfiguration */

    ngx_http_trading_create_main_conf,     /* create main configuration */
    ngx_http_trading_init_main_conf,       /* init main configuration */

    ngx_http_trading_create_srv_conf,      /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_trading_create_loc_conf,      /* create location configuration */
    ngx_http_trading_merge_loc_conf        /* merge location configuration */
};


ngx_module_t  ngx_http_trading_module = {
    NGX_MODULE_V1,
    &ngx_http_trading_module_ctx,          /* module context */
    ngx_http_trading_commands,             /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_trading_init_process,         /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static void *
ngx_http_trading_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_trading_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_trading_main_conf_t));
    if (mcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     mcf->board = { no path, not mapped };
     *     mcf->events = { no path, not mapped };
     *     mcf->zone = NULL;
     *     mcf->file = NULL;
     */

    mcf->board.map.file.fd = -1;
    mcf->board.map.file.slot = -1;
    mcf->events.map.file.fd = -1;
    mcf->events.map.file.slot = -1;
    mcf->request_id = NGX_ERROR;
    mcf->account = NGX_ERROR;
    mcf->stream_interval = NGX_CONF_UNSET_MSEC;

    return mcf;
}


static char *
ngx_http_trading_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_trading_main_conf_t *mcf = conf;

    if (mcf->file && mcf->board.path.len == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%V\" needs \"trading_board\" in the http block "
                      "in %s:%ui", &mcf->directive, mcf->file, mcf->line);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static void *
ngx_http_trading_create_srv_conf(ngx_conf_t *cf)
{
    ngx_http_trading_srv_conf_t  *scf;

    scf = ngx_pcalloc(cf->pool, sizeof(ngx_http_trading_srv_conf_t));
    if (scf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&scf->places, cf->pool, 4,
                       sizeof(ngx_http_trading_place_t))
        != NGX_OK)
    {
        return NULL;
    }

    return scf;
}


static void *
ngx_http_trading_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_trading_loc_conf_t  *lcf;

    lcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_trading_loc_conf_t));
    if (lcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     lcf->service = NULL;
     *     lcf->prefix = { 0, NULL };
     *     lcf->stream_origin = NULL;
     *     lcf->problem = { 0, NULL };
     */

    lcf->stale = NGX_CONF_UNSET_MSEC;
    lcf->stale_fail = NGX_CONF_UNSET_UINT;
    lcf->stream_interval = NGX_CONF_UNSET_MSEC;
    lcf->stream_buffer = NGX_CONF_UNSET_SIZE;
    lcf->stream_max = NGX_CONF_UNSET_UINT;
    lcf->stream_drain = NGX_CONF_UNSET_MSEC;
    lcf->stream_heartbeat = NGX_CONF_UNSET_MSEC;
    lcf->stream_slow = NGX_CONF_UNSET_MSEC;

    return lcf;
}


static char *
ngx_http_trading_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_trading_loc_conf_t *prev = parent;
    ngx_http_trading_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    ngx_conf_merge_msec_value(conf->stale, prev->stale,
                              NGX_HTTP_TRADING_STALE_MS);
    ngx_conf_merge_uint_value(conf->stale_fail, prev->stale_fail, 0);
    ngx_conf_merge_msec_value(conf->stream_interval, prev->stream_interval,
                              NGX_HTTP_TRADING_STREAM_INTERVAL);
    ngx_conf_merge_size_value(conf->stream_buffer, prev->stream_buffer,
                              NGX_HTTP_TRADING_STREAM_BUFFER);
    ngx_conf_merge_uint_value(conf->stream_max, prev->stream_max,
                              NGX_HTTP_TRADING_STREAM_MAX);
    ngx_conf_merge_msec_value(conf->stream_drain, prev->stream_drain,
                              NGX_HTTP_TRADING_STREAM_DRAIN);
    ngx_conf_merge_msec_value(conf->stream_heartbeat, prev->stream_heartbeat,
                              NGX_HTTP_TRADING_STREAM_HEARTBEAT);
    ngx_conf_merge_msec_value(conf->stream_slow, prev->stream_slow,
                              NGX_HTTP_TRADING_STREAM_SLOW);

    if (conf->stream_origin == NULL) {
        conf->stream_origin = prev->stream_origin;
    }

    /* "if" and "limit_except" blocks answer as the location around them */

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (conf->problem.data == NULL && (clcf->noname || clcf->lmt_excpt)) {
        conf->problem = prev->problem;
    }

    if (conf->service == NULL && (clcf->noname || clcf->lmt_excpt)) {
        conf->service = prev->service;
        conf->prefix = prev->prefix;

        if (clcf->lmt_excpt && clcf->handler == NULL && conf->service) {
            clcf->handler = conf->service->handler
                            ? conf->service->handler
                            : ngx_http_trading_handler;
        }
    }

    return ngx_http_trading_stream_bounds(cf, conf);
}


/* one hub follows the board for all, so the shortest interval holds for all */
static char *
ngx_http_trading_stream_bounds(ngx_conf_t *cf,
    ngx_http_trading_loc_conf_t *conf)
{
    ngx_http_trading_main_conf_t  *mcf;

    if (conf->stream_interval == 0 || conf->stream_interval > 60000) {
        return "has a trading_stream_interval that is not of 1ms to 60s";
    }

    if (conf->stream_buffer < 16384 || conf->stream_buffer > 16 * 1048576) {
        return "has a trading_stream_buffer that is not of 16k to 16m";
    }

    if (conf->stream_heartbeat < 1000) {
        return "has a trading_stream_heartbeat below 1s";
    }

    if (conf->service == &ngx_http_trading_stream_service
        || conf->service == &ngx_http_trading_signals_service)
    {
        mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_trading_module);
        mcf->stream_interval = ngx_min(mcf->stream_interval,
                                       conf->stream_interval);
    }

    return NGX_CONF_OK;
}


/* of a shared file that is mapped */
static char *
ngx_http_trading_path_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t  *value, *path;

    path = (ngx_str_t *) ((u_char *) conf + cmd->offset);

    if (path->len) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        return "needs a path";
    }

    *path = value[1];

    if (ngx_conf_full_name(cf->cycle, path, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_trading_service_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_trading_loc_conf_t *lcf = conf;

    ngx_http_core_loc_conf_t      *clcf;
    ngx_http_trading_place_t      *place;
    ngx_http_trading_srv_conf_t   *scf;
    ngx_http_trading_main_conf_t  *mcf;

    if (lcf->service == cmd->post) {
        return "is duplicate";
    }

    if (lcf->service) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is used in a location that answers "
                           "with \"trading_%V\" already",
                           &cmd->name, &lcf->service->name);
        return NGX_CONF_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->named) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" cannot be used in a named location, "
                           "it needs a prefix", &cmd->name);
        return NGX_CONF_ERROR;
    }

#if (NGX_PCRE)
    if (clcf->regex) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" cannot be used in a location given by "
                           "a regular expression, it needs a prefix",
                           &cmd->name);
        return NGX_CONF_ERROR;
    }
#endif

    lcf->service = cmd->post;
    lcf->prefix = clcf->name;

    if (lcf->prefix.len && lcf->prefix.data[lcf->prefix.len - 1] == '/') {
        lcf->prefix.len--;
    }

    clcf->handler = lcf->service->handler ? lcf->service->handler
                                          : ngx_http_trading_handler;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_trading_module);

    if (mcf->file == NULL) {
        mcf->file = cf->conf_file->file.name.data;
        mcf->line = cf->conf_file->line;
        mcf->directive = cmd->name;
    }

    scf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_trading_module);

    place = ngx_array_push(&scf->places);
    if (place == NULL) {
        return NGX_CONF_ERROR;
    }

    place->service = lcf->service;
    place->name = clcf->name;
    place->prefix = lcf->prefix;
    place->exact = clcf->exact_match;

    return NGX_CONF_OK;
}


static char *
ngx_http_trading_stream_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "json") != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid protocol \"%V\" in \"trading_stream\", "
                           "it must be \"json\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    return ngx_http_trading_service_set(cf, cmd, conf);
}


static char *
ngx_http_trading_problem_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_trading_loc_conf_t *lcf = conf;

    size_t                     len;
    u_char                    *p;
    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_http_core_loc_conf_t  *clcf;

    /* the detail: strings that are put together, as those of log_format */

    value = cf->args->elts;
    len = 0;

    for (i = 1; i < cf->args->nelts; i++) {
        len += value[i].len;
    }

    if (len > NGX_HTTP_TRADING_DETAIL) {
        return "has a detail of more than 512 bytes";
    }

    if (len) {
        p = ngx_pnalloc(cf->pool, len);
        if (p == NULL) {
            return NGX_CONF_ERROR;
        }

        lcf->problem.data = p;
        lcf->problem.len = len;

        for (i = 1; i < cf->args->nelts; i++) {
            p = ngx_cpymem(p, value[i].data, value[i].len);
        }
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_trading_problem_handler;

    return NGX_CONF_OK;
}


static char *
ngx_http_trading_stale_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_trading_loc_conf_t *lcf = conf;

    ngx_int_t   ms;
    ngx_str_t  *value;

    if (lcf->stale != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;

    ms = ngx_parse_time(&value[1], 0);

    if (ms == NGX_ERROR || ms == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid time \"%V\" in \"trading_stale\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    lcf->stale = (ngx_msec_t) ms;
    lcf->stale_fail = 0;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value[2].data, "fail") == 0) {
        lcf->stale_fail = 1;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value[2].data, "serve") == 0) {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid mode \"%V\" in \"trading_stale\", "
                       "it must be \"serve\" or \"fail\"", &value[2]);

    return NGX_CONF_ERROR;
}


static ngx_int_t
ngx_http_trading_init(ngx_conf_t *cf)
{
    ngx_str_t                      name = ngx_string("request_id");
    ngx_str_t                      account = ngx_string("trading_account");
    ngx_http_trading_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_trading_module);

    mcf->request_id = ngx_http_get_variable_index(cf, &name);
    if (mcf->request_id == NGX_ERROR
        || ngx_http_trading_check_variables(cf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_trading_variable_known(cf, &account)) {
        mcf->account = ngx_http_get_variable_index(cf, &account);

        if (mcf->account == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    if (mcf->board.path.len == 0) {
        return NGX_OK;
    }

    if (ngx_http_trading_board_cleanup(cf, mcf) != NGX_OK
        || ngx_http_trading_events_cleanup(cf, mcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_trading_metrics_zone(cf, mcf);
}


static ngx_int_t
ngx_http_trading_init_process(ngx_cycle_t *cycle)
{
    int                            err;
    ngx_uint_t                     i;
    ngx_http_variable_t           *v;
    ngx_http_core_main_conf_t     *cmcf;
    ngx_http_trading_main_conf_t  *mcf;

    static ngx_str_t  age = ngx_string("trading_quote_age_ms");

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_trading_module);

    if (mcf == NULL || mcf->board.path.len == 0) {
        return NGX_OK;
    }

    ngx_http_trading_stream_reset(mcf);

    err = trd_file_guard();

    if (err) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, err,
                      "trading board: sigaction(SIGBUS) failed");
        return NGX_ERROR;
    }

    /* a quote's age is looked up for each request only if someone asks */

    cmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_core_module);
    v = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {
        if (v[i].name.len == age.len
            && ngx_strncasecmp(v[i].name.data, age.data, age.len) == 0)
        {
            mcf->quote_age = 1;
        }
    }

    return NGX_OK;
}
