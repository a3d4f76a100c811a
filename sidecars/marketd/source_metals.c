/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Metals: GET {METALS_API_URL}/latest?access_key=...&base=USD&symbols=XAU,XAG
 * of metals-api.  Whether a value is dollars an ounce or ounces a dollar is
 * decided by its size (trd_rates_metal).
 *
 * The key is part of the URL, which is why poll.c logs no URL.  Without a
 * key the source is down and says why; there are no prices then.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feed_url.h"
#include "rates.h"
#include "tsd_log.h"


/* it goes into a URL as it is; its value is never logged */

static int
metals_check_key(const char *key)
{
    if (key[strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                        "0123456789-._~")] == '\0')
    {
        return 0;
    }

    tsd_log(TSD_LOG_ERROR, "bad_setting", "name=METALS_API_KEY "
            "expected=\"letters, digits and - . _ ~ only\"");

    return -1;
}


/* "XAU,XAG": each once, and only what there is a band for */

static uint32_t
metals_symbols(const source_t *s, char *out, size_t size)
{
    size_t                   len;
    uint32_t                 i, k, n;
    const trd_instrument_t  *in, *list;

    list = s->market->catalogue->instruments;
    len = 0;
    n = 0;
    out[0] = '\0';

    for (i = 0; i < s->n; i++) {
        in = &list[s->instruments[i]];

        if (!trd_rates_is_metal(in->base) || strcmp(in->quote, "USD") != 0) {
            tsd_log(TSD_LOG_WARN, "symbol_not_listed",
                    "source=metals symbol=%s reason=\"only metals against "
                    "USD that have a plausible band are served\"",
                    in->symbol);
            continue;
        }

        for (k = 0; k < i; k++) {
            if (strcmp(list[s->instruments[k]].base, in->base) == 0) {
                break;
            }
        }

        if (k == i) {
            len += (size_t) snprintf(out + len, size - len, "%s%s",
                                     n++ ? "," : "", in->base);
        }
    }

    return n;
}


static char *
metals_url(const source_t *s)
{
    char        *url;
    size_t       len, size, at;
    const char  *api;

    api = s->config->metals_api_url;

    for (len = strlen(api); len && api[len - 1] == '/'; len--) {
        /* void */
    }

    size = len + strlen(s->config->metals_api_key) + 64
           + (size_t) s->n * (TRD_SYMBOL_LEN + 1);

    url = malloc(size);
    if (url == NULL) {
        return NULL;
    }

    at = (size_t) snprintf(url, size, "%.*s/latest?access_key=%s&base=USD"
                           "&symbols=", (int) len, api,
                           s->config->metals_api_key);

    if (metals_symbols(s, url + at, size - at) == 0) {
        tsd_log(TSD_LOG_WARN, "source_idle", "source=metals "
                "reason=\"no instrument that it could serve\"");
    }

    return url;
}


static int
metals_start(source_t *s)
{
    int             rc;
    char           *url;
    rates_setup_t   setup;

    if (s->config->metals_api_key == NULL) {
        atomic_store_explicit(&s->stats->state, TRD_STATE_DOWN,
                              memory_order_relaxed);
        atomic_store_explicit(&s->stats->cause, TRD_CAUSE_KEY,
                              memory_order_relaxed);
        tsd_log(TSD_LOG_WARN, "source_down", "source=metals cause=no_key "
                "instruments=%u effect=\"they have no quotes until "
                "METALS_API_KEY is set\"", s->n);
        return 0;
    }

    if (metals_check_key(s->config->metals_api_key) != 0
        || feed_url_check_base("METALS_API_URL", s->config->metals_api_url,
                               "http", "https") != 0)
    {
        return -1;
    }

    url = metals_url(s);
    if (url == NULL) {
        tsd_log(TSD_LOG_ERROR, "no_memory", "source=metals");
        return -1;
    }

    memset(&setup, 0, sizeof(setup));
    setup.history = "metals";
    setup.url = url;
    setup.secret = s->config->metals_api_key;
    setup.type = "json";
    setup.every_s = s->config->metals_poll_s;
    setup.publish_s = s->config->metals_publish_s;
    setup.feed = TRD_RATES_METALS;

    rc = rates_start(s, &setup);

    /* nothing of the key stays where nobody needs it */
    explicit_bzero(url, strlen(url));
    free(url);

    return rc;
}


const source_ops_t  source_metals = {
    "metals",
    TRD_SOURCE_METALS,
    metals_start,
    rates_stop
};
