/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * marketd's settings, read once from the environment (.env.example lists
 * them) and never changed.  An unknown or malformed value stops the start
 * with its name.
 */

#ifndef MARKETD_CONFIG_H
#define MARKETD_CONFIG_H

#include <stdint.h>

typedef enum {
    MARKETD_SIMULATOR = 0,
    MARKETD_LIVE,
    MARKETD_REPLAY
} marketd_mode_t;

typedef enum {
    MARKETD_EXCHANGERATE = 0,
    MARKETD_ECB
} marketd_forex_t;

typedef struct {
    marketd_mode_t  mode;                   /* TRADING_SOURCE */
    const char     *run_dir;                /* TRADING_RUN_DIR */
    const char     *catalogue;              /* INSTRUMENTS_FILE */
    uint32_t        capacity;               /* BOARD_CAPACITY, 0 = as many as
                                               the catalogue has */
    uint32_t        max_jump_bp;            /* MAX_JUMP_BP */
    uint32_t        max_future_ms;          /* MAX_FUTURE_MS */
    uint32_t        page_interval_us;       /* PAGE_INTERVAL_US */
    uint32_t        market_interval_ms;     /* MARKET_PAGE_INTERVAL_MS */

    const char     *binance_api_url;        /* BINANCE_API_URL */
    const char     *binance_ws_url;         /* BINANCE_WS_URL */
    const char     *binance_streams;        /* BINANCE_STREAMS, comma list */
    uint32_t        binance_backfill;       /* BINANCE_BACKFILL, candles by
                                               REST */
    const char     *ca_file;                /* TLS_CA_FILE, NULL = system's */
    uint32_t        connect_timeout_ms;     /* FEED_CONNECT_TIMEOUT_MS */
    uint32_t        mute_timeout_ms;        /* FEED_MUTE_TIMEOUT_MS */
    uint32_t        backoff_min_ms;         /* FEED_BACKOFF_MIN_MS */
    uint32_t        backoff_max_ms;         /* FEED_BACKOFF_MAX_MS */
    uint32_t        max_age_s;              /* FEED_MAX_AGE_S, 23 h 50 min */

    uint32_t        forex_provider;         /* FOREX_PROVIDER */
    const char     *forex_api_url;          /* FOREX_API_URL, NULL = the
                                               provider's own */
    uint32_t        forex_poll_s;           /* FOREX_POLL_S */
    const char     *metals_api_url;         /* METALS_API_URL */
    const char     *metals_api_key;         /* METALS_API_KEY, never logged */
    uint32_t        metals_poll_s;          /* METALS_POLL_S */
    uint32_t        metals_publish_s;       /* METALS_PUBLISH_S */
    const char     *history_dir;            /* HISTORY_DIR */

    uint64_t        sim_seed;               /* SIMULATOR_SEED */
    uint32_t        sim_rate;               /* SIMULATOR_RATE, updates/s over
                                               all; 0 = as fast as it goes */
    int64_t         sim_start_ms;           /* SIMULATOR_START: virtual clock
                                               from this time; -1 = real */
    uint64_t        sim_updates;            /* SIMULATOR_UPDATES, then quiet;
                                               0 = without end */
    uint32_t        sim_scenario;           /* SIMULATOR_SCENARIO, a
                                               trd_scenario_t */

    const char     *replay_path;            /* of TRADING_SOURCE=replay:.. */
    uint32_t        replay_speed;           /* REPLAY_SPEED, 0 = as fast as
                                               it goes */
    const char     *replay_symbol;          /* REPLAY_SYMBOL, of bars; NULL =
                                               from the file's name */

    const char     *tape_dir;               /* TAPE_DIR, NULL = no tape */
    uint32_t        tape_raw;               /* TAPE_RAW, 1 = messages too */
    uint64_t        tape_max_bytes;         /* TAPE_MAX_BYTES, in all */
    uint64_t        tape_segment_bytes;     /* TAPE_SEGMENT_BYTES */
} marketd_config_t;

/* 0, or -1 after it has logged name and value of what is wrong */
int marketd_config_read(marketd_config_t *config);

#endif /* MARKETD_CONFIG_H */
