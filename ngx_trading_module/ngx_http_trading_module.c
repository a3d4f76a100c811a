/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Directives and configuration.  A location directive names a service, that
 * is a table of routes (see the service's own file); everything after that
 * is ngx_http_trading_handler()'s.
 */

#include "ngx_http_trading_metrics.h"

#define NGX_HTTP_TRADING_STALE_MS  2000

static void *ngx_http_trading_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_trading_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_http_trading_create_srv_conf(ngx_conf_t *cf);
static void *ngx_http_trading_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_trading_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_http_trading_board_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_trading_service_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_trading_problem_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_trading_stale_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_http_trading_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_trading_init_process(ngx_cycle_t *cycle);


static ngx_command_t  ngx_http_trading_commands[] = {

    { ngx_string("trading_board"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_trading_board_set,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
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

    { ngx_string("trading_problem"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
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
     *     mcf->zone = NULL;
     *     mcf->file = NULL;
     */

    mcf->board.map.file.fd = -1;
    mcf->board.map.file.slot = -1;
    mcf->request_id = NGX_ERROR;

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
     */

    lcf->stale = NGX_CONF_UNSET_MSEC;
    lcf->stale_fail = NGX_CONF_UNSET_UINT;

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

    /* "if" and "limit_except" blocks answer as the location around them */

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (conf->service == NULL && (clcf->noname || clcf->lmt_excpt)) {
        conf->service = prev->service;
        conf->prefix = prev->prefix;

        if (clcf->lmt_excpt && clcf->handler == NULL && conf->service) {
            clcf->handler = ngx_http_trading_handler;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_trading_board_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_trading_main_conf_t *mcf = conf;

    ngx_str_t  *value;

    if (mcf->board.path.len) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        return "needs a path";
    }

    mcf->board.path = value[1];

    if (ngx_conf_full_name(cf->cycle, &mcf->board.path, 0) != NGX_OK) {
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

    clcf->handler = ngx_http_trading_handler;

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
ngx_http_trading_problem_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

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
    ngx_http_trading_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_trading_module);

    mcf->request_id = ngx_http_get_variable_index(cf, &name);
    if (mcf->request_id == NGX_ERROR
        || ngx_http_trading_check_variables(cf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (mcf->board.path.len == 0) {
        return NGX_OK;
    }

    if (ngx_http_trading_board_cleanup(cf, mcf) != NGX_OK) {
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
