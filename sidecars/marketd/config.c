/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Reads marketd's settings from the environment: one table of names, kinds,
 * bounds and defaults.  Names that begin like ours but are not in the table
 * are refused, because a misspelt setting is worse than a missing one.
 */

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config.h"
#include "trd_scenario.h"
#include "tsd_log.h"


typedef enum {
    CONFIG_TEXT = 0,
    CONFIG_U32,
    CONFIG_U64,
    CONFIG_SOURCE,
    CONFIG_TIME,
    CONFIG_FOREX,
    CONFIG_SCENARIO,
    CONFIG_OTHER            /* known, read elsewhere */
} config_kind_t;

typedef struct {
    const char     *name;
    config_kind_t   kind;
    size_t          offset;
    const char     *value;          /* default, NULL = none */
    uint64_t        min;
    uint64_t        max;
} config_setting_t;


extern char **environ;


#define config_at(field)  offsetof(marketd_config_t, field)

static const config_setting_t  config_settings[] = {

    { "TRADING_SOURCE", CONFIG_SOURCE, config_at(mode), "simulator", 0, 0 },
    { "TRADING_RUN_DIR", CONFIG_TEXT, config_at(run_dir), "/run/trading",
      0, 0 },
    { "INSTRUMENTS_FILE", CONFIG_TEXT, config_at(catalogue),
      "/etc/trading/instruments.json", 0, 0 },
    { "BOARD_CAPACITY", CONFIG_U32, config_at(capacity), "0", 0, 65536 },
    { "MAX_JUMP_BP", CONFIG_U32, config_at(max_jump_bp), "2000", 0, 1000000 },
    { "MAX_FUTURE_MS", CONFIG_U32, config_at(max_future_ms), "5000",
      0, 3600000 },
    { "PAGE_INTERVAL_US", CONFIG_U32, config_at(page_interval_us), "500",
      0, 10000000 },
    { "MARKET_PAGE_INTERVAL_MS", CONFIG_U32, config_at(market_interval_ms),
      "25", 1, 10000 },

    { "BINANCE_API_URL", CONFIG_TEXT, config_at(binance_api_url),
      "https://api.binance.com", 0, 0 },
    { "BINANCE_WS_URL", CONFIG_TEXT, config_at(binance_ws_url),
      "wss://stream.binance.com:9443", 0, 0 },
    { "BINANCE_STREAMS", CONFIG_TEXT, config_at(binance_streams),
      "trade,bookTicker,ticker,kline_1m,depth20@100ms", 0, 0 },
    { "BINANCE_BACKFILL", CONFIG_U32, config_at(binance_backfill), "1",
      0, 1 },
    { "TLS_CA_FILE", CONFIG_TEXT, config_at(ca_file), NULL, 0, 0 },
    { "FEED_CONNECT_TIMEOUT_MS", CONFIG_U32, config_at(connect_timeout_ms),
      "10000", 100, 120000 },
    { "FEED_MUTE_TIMEOUT_MS", CONFIG_U32, config_at(mute_timeout_ms),
      "30000", 100, 3600000 },
    { "FEED_BACKOFF_MIN_MS", CONFIG_U32, config_at(backoff_min_ms),
      "250", 10, 60000 },
    { "FEED_BACKOFF_MAX_MS", CONFIG_U32, config_at(backoff_max_ms),
      "30000", 10, 600000 },
    { "FEED_MAX_AGE_S", CONFIG_U32, config_at(max_age_s), "85800",
      1, 86400 },

    { "FOREX_PROVIDER", CONFIG_FOREX, config_at(forex_provider),
      "exchangerate", 0, 0 },
    { "FOREX_API_URL", CONFIG_TEXT, config_at(forex_api_url), NULL, 0, 0 },
    { "FOREX_POLL_S", CONFIG_U32, config_at(forex_poll_s), "3600",
      1, 86400 },
    { "METALS_API_URL", CONFIG_TEXT, config_at(metals_api_url),
      "https://metals-api.com/api", 0, 0 },
    { "METALS_API_KEY", CONFIG_TEXT, config_at(metals_api_key), NULL, 0, 0 },
    { "METALS_POLL_S", CONFIG_U32, config_at(metals_poll_s), "3600",
      1, 86400 },
    { "METALS_PUBLISH_S", CONFIG_U32, config_at(metals_publish_s), "86400",
      1, 604800 },
    { "HISTORY_DIR", CONFIG_TEXT, config_at(history_dir),
      "/var/lib/trading/history", 0, 0 },

    { "SIMULATOR_SEED", CONFIG_U64, config_at(sim_seed), "1",
      0, UINT64_MAX },
    { "SIMULATOR_RATE", CONFIG_U32, config_at(sim_rate), "100",
      0, 10000000 },
    { "SIMULATOR_START", CONFIG_TIME, config_at(sim_start_ms), NULL, 0, 0 },
    { "SIMULATOR_UPDATES", CONFIG_U64, config_at(sim_updates), "0",
      0, UINT64_MAX },
    { "SIMULATOR_SCENARIO", CONFIG_SCENARIO, config_at(sim_scenario),
      "normal", 0, 0 },

    { "REPLAY_SPEED", CONFIG_U32, config_at(replay_speed), "1",
      0, 1000000 },
    { "REPLAY_SYMBOL", CONFIG_TEXT, config_at(replay_symbol), NULL, 0, 0 },

    { "TAPE_DIR", CONFIG_TEXT, config_at(tape_dir), NULL, 0, 0 },
    { "TAPE_RAW", CONFIG_U32, config_at(tape_raw), "0", 0, 1 },
    { "TAPE_MAX_BYTES", CONFIG_U64, config_at(tape_max_bytes),
      "10737418240", 1048576, UINT64_MAX / 2 },
    { "TAPE_SEGMENT_BYTES", CONFIG_U64, config_at(tape_segment_bytes),
      "67108864", 65536, 1ULL << 40 },

    { "LOG_LEVEL", CONFIG_OTHER, 0, NULL, 0, 0 },
    { "LOG_FORMAT", CONFIG_OTHER, 0, NULL, 0, 0 },

    /* read by deploy.sh and nginx.conf */
    { "TRADING_PORT", CONFIG_OTHER, 0, NULL, 0, 0 },
    { "TRADING_STATE_DIR", CONFIG_OTHER, 0, NULL, 0, 0 },

    { NULL, CONFIG_OTHER, 0, NULL, 0, 0 }
};

/* a variable that begins so is meant for us */
static const char *const  config_prefixes[] = {
    "TRADING_", "BINANCE_", "SIMULATOR_", "FEED_", "BOARD_", "INSTRUMENTS_",
    "MARKET_PAGE_", "PAGE_INTERVAL_", "MAX_JUMP_", "MAX_FUTURE_", "TLS_CA_",
    "FOREX_", "METALS_", "REPLAY_", "TAPE_", NULL
};


static int
config_number(const config_setting_t *s, const char *value, uint64_t *n)
{
    char  *end;

    if (value[0] < '0' || value[0] > '9') {
        return -1;
    }

    errno = 0;
    *n = strtoull(value, &end, 10);

    if (errno || *end != '\0' || *n < s->min || *n > s->max) {
        return -1;
    }

    return 0;
}


/* 2026-01-02T03:04:05Z, as milliseconds */

static int
config_time(const char *value, int64_t *ms)
{
    int          y, mo, d, h, mi, s, last;
    size_t       i;
    int64_t      days;
    const char  *form;

    form = "0000-00-00T00:00:00Z";

    if (strlen(value) != strlen(form)) {
        return -1;
    }

    /* sscanf() would also take signs, blanks and single digits */
    for (i = 0; form[i]; i++) {
        if (form[i] == '0' ? value[i] < '0' || value[i] > '9'
                           : value[i] != form[i])
        {
            return -1;
        }
    }

    if (sscanf(value, "%4d-%2d-%2dT%2d:%2d:%2dZ", &y, &mo, &d, &h, &mi, &s)
        != 6)
    {
        return -1;
    }

    last = mo == 2 ? 28 + (y % 4 == 0 && (y % 100 != 0 || y % 400 == 0))
                   : 30 + (mo + (mo > 7)) % 2;

    if (y < 1970 || mo < 1 || mo > 12 || d < 1 || d > last || h > 23
        || mi > 59 || s > 59)
    {
        return -1;
    }

    if (mo < 3) {
        y--;
        mo += 12;
    }

    days = 365LL * y + y / 4 - y / 100 + y / 400 + (153 * (mo - 3) + 2) / 5
           + d - 1 - 719468;
    *ms = ((days * 24 + h) * 60 + mi) * 60000 + s * 1000LL;

    return 0;
}


static int
config_set(marketd_config_t *config, const config_setting_t *s,
    const char *value)
{
    int        scenario;
    void      *field;
    uint64_t   n;

    field = (char *) config + s->offset;

    switch (s->kind) {

    case CONFIG_TEXT:
        memcpy(field, &value, sizeof(value));
        return 0;

    case CONFIG_U32:
    case CONFIG_U64:
        if (config_number(s, value, &n) != 0) {
            tsd_log(TSD_LOG_ERROR, "bad_setting",
                    "name=%s value=\"%.80s\" expected=\"a whole number from "
                    "%llu to %llu\"", s->name, value,
                    (unsigned long long) s->min, (unsigned long long) s->max);
            return -1;
        }

        if (s->kind == CONFIG_U32) {
            *(uint32_t *) field = (uint32_t) n;

        } else {
            *(uint64_t *) field = n;
        }

        return 0;

    case CONFIG_SOURCE:
        if (strcmp(value, "simulator") == 0) {
            config->mode = MARKETD_SIMULATOR;

        } else if (strcmp(value, "live") == 0) {
            config->mode = MARKETD_LIVE;

        } else if (strncmp(value, "replay:", 7) == 0 && value[7] != '\0') {
            config->mode = MARKETD_REPLAY;
            config->replay_path = value + 7;

        } else {
            tsd_log(TSD_LOG_ERROR, "bad_setting",
                    "name=%s value=\"%.80s\" "
                    "expected=\"simulator, live or replay:FILE\"",
                    s->name, value);
            return -1;
        }

        return 0;

    case CONFIG_TIME:
        if (config_time(value, field) != 0) {
            tsd_log(TSD_LOG_ERROR, "bad_setting",
                    "name=%s value=\"%.80s\" "
                    "expected=\"a time such as 2026-01-02T03:04:05Z\"",
                    s->name, value);
            return -1;
        }

        return 0;

    case CONFIG_FOREX:
        if (strcmp(value, "exchangerate") == 0) {
            config->forex_provider = MARKETD_EXCHANGERATE;

        } else if (strcmp(value, "ecb") == 0) {
            config->forex_provider = MARKETD_ECB;

        } else {
            tsd_log(TSD_LOG_ERROR, "bad_setting",
                    "name=%s value=\"%.80s\" "
                    "expected=\"exchangerate or ecb\"", s->name, value);
            return -1;
        }

        return 0;

    case CONFIG_SCENARIO:
        scenario = trd_scenario_find(value, strlen(value));

        if (scenario < 0) {
            tsd_log(TSD_LOG_ERROR, "bad_setting",
                    "name=%s value=\"%.80s\" expected=\"normal, calm, rally, "
                    "crash, gap or halt\"", s->name, value);
            return -1;
        }

        config->sim_scenario = (uint32_t) scenario;

        return 0;

    default: /* CONFIG_OTHER */
        return 0;
    }
}


static int
config_check_names(void)
{
    char                    **e, *eq;
    size_t                    len;
    unsigned                  i;
    const config_setting_t   *s;

    for (e = environ; *e; e++) {

        eq = strchr(*e, '=');
        if (eq == NULL) {
            continue;
        }

        len = (size_t) (eq - *e);

        for (i = 0; config_prefixes[i]; i++) {
            if (strncmp(*e, config_prefixes[i], strlen(config_prefixes[i]))
                == 0)
            {
                break;
            }
        }

        if (config_prefixes[i] == NULL) {
            continue;
        }

        for (s = config_settings; s->name; s++) {
            if (strlen(s->name) == len && strncmp(*e, s->name, len) == 0) {
                break;
            }
        }

        if (s->name == NULL) {
            tsd_log(TSD_LOG_ERROR, "unknown_setting", "name=%.*s", (int) len,
                    *e);
            return -1;
        }
    }

    return 0;
}


int
marketd_config_read(marketd_config_t *config)
{
    const char              *value, *level, *format;
    const config_setting_t  *s;

    level = getenv("LOG_LEVEL");
    format = getenv("LOG_FORMAT");

    if (tsd_log_init("marketd", level && *level ? level : "info",
                     format && *format ? format : "text")
        != 0)
    {
        tsd_log(TSD_LOG_ERROR, "bad_setting",
                "name=LOG_LEVEL/LOG_FORMAT expected=\"error, warn, info or "
                "debug; text or json\"");
        return -1;
    }

    memset(config, 0, sizeof(*config));
    config->sim_start_ms = -1;

    for (s = config_settings; s->name; s++) {

        value = getenv(s->name);

        if (value == NULL || *value == '\0') {
            value = s->value;
        }

        if (value && config_set(config, s, value) != 0) {
            return -1;
        }
    }

    if (config->backoff_max_ms < config->backoff_min_ms) {
        tsd_log(TSD_LOG_ERROR, "bad_setting",
                "name=FEED_BACKOFF_MAX_MS expected=\"at least "
                "FEED_BACKOFF_MIN_MS\"");
        return -1;
    }

    if (config->tape_segment_bytes > config->tape_max_bytes / 2) {
        tsd_log(TSD_LOG_ERROR, "bad_setting",
                "name=TAPE_SEGMENT_BYTES expected=\"at most half of "
                "TAPE_MAX_BYTES\"");
        return -1;
    }

    return config_check_names();
}
