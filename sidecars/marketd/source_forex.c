/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Forex: rates of currencies, polled from one of two providers.
 *
 *   exchangerate   GET {FOREX_API_URL}/v4/latest/USD, JSON, once a day
 *   ecb            GET {FOREX_API_URL}/eurofxref-daily.xml, once a business
 *                  day, so that its rates are stale over the weekend
 *
 * Neither has a bid, an ask or a volume, so neither has the quote.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feed_url.h"
#include "rates.h"
#include "tsd_log.h"

#define FOREX_DAY_S  86400


static const struct {
    const char        *api_url;
    const char        *path;
    const char        *history;
    const char        *type;
    uint32_t           publish_s;
    trd_rates_feed_t   feed;
} forex_providers[] = {
    [MARKETD_EXCHANGERATE] = {
        "https://api.exchangerate-api.com", "/v4/latest/USD",
        "forex-exchangerate", "json", FOREX_DAY_S, TRD_RATES_EXCHANGERATE
    },

    /* agreed at 14:10, published about 16:00 */
    [MARKETD_ECB] = {
        "https://www.ecb.europa.eu/stats/eurofxref", "/eurofxref-daily.xml",
        "forex-ecb", "xml", FOREX_DAY_S + 2 * 3600, TRD_RATES_ECB
    }
};


static int
forex_start(source_t *s)
{
    int             rc;
    char           *url;
    size_t          len, size;
    unsigned        provider;
    const char     *api;
    rates_setup_t   setup;

    provider = s->config->forex_provider;
    api = s->config->forex_api_url;

    if (api == NULL) {
        api = forex_providers[provider].api_url;
    }

    if (feed_url_check_base("FOREX_API_URL", api, "http", "https") != 0) {
        return -1;
    }

    for (len = strlen(api); len && api[len - 1] == '/'; len--) {
        /* void */
    }

    size = len + strlen(forex_providers[provider].path) + 1;
    url = malloc(size);

    if (url == NULL) {
        tsd_log(TSD_LOG_ERROR, "no_memory", "source=forex");
        return -1;
    }

    (void) snprintf(url, size, "%.*s%s", (int) len, api,
                    forex_providers[provider].path);

    memset(&setup, 0, sizeof(setup));
    setup.history = forex_providers[provider].history;
    setup.url = url;
    setup.type = forex_providers[provider].type;
    setup.every_s = s->config->forex_poll_s;
    setup.publish_s = forex_providers[provider].publish_s;
    setup.feed = forex_providers[provider].feed;

    rc = rates_start(s, &setup);
    free(url);

    return rc;
}


const source_ops_t  source_forex = {
    "forex",
    TRD_SOURCE_FOREX,
    forex_start,
    rates_stop
};
