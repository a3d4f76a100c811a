/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Binance spot: trades, best prices, 24-hour tickers, klines and depth over
 * WebSocket, with a REST snapshot for every new connection.  The stream is
 * connected first and the snapshot taken then, so that nothing falls between;
 * trd_apply's ordering makes a snapshot that is overtaken harmless.  Stream
 * and REST try again each on its own.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "trd_binance.h"

#include "binance_market.h"
#include "feed_url.h"
#include "market_tape.h"
#include "tsd_log.h"


#define BINANCE_QUOTE   1
#define BINANCE_MARKET  2


const char *
binance_symbol(const binance_t *b, uint32_t i)
{
    const source_t  *s = b->source;

    return s->market->catalogue->instruments[s->instruments[i]]
           .exchange_symbol;
}


static void
binance_update(void *ctx, const char *symbol, size_t len,
    const trd_update_t *u)
{
    int32_t        instrument;
    binance_t     *b = ctx;
    source_t      *s = b->source;
    trd_refused_t  refused;

    b->rows++;
    instrument = market_find(s->market, TRD_SOURCE_BINANCE, symbol, len);

    if (instrument < 0) {
        market_refuse(s->market, s->stats, TRD_REFUSED_UNKNOWN, symbol, len);
        return;
    }

    if (u->kind == TRD_UPDATE_SNAPSHOT) {
        binance_stream_ticker(b, (uint32_t) instrument, u->id);
    }

    refused = market_apply(s->market, s->stats, (uint32_t) instrument, u);
    b->market->refused = refused;

    if (u->kind == TRD_UPDATE_BOOK) {
        binance_market_best(b, (uint32_t) instrument, u,
                            refused == TRD_REFUSED_NOT);
    }
}


static trd_rc_t
binance_count(binance_t *b, trd_rc_t rc, const char *msg, size_t len)
{
    source_t  *s = b->source;

    if (rc == TRD_ERROR) {
        market_refuse(s->market, s->stats, TRD_REFUSED_PARSE, msg, len);

    } else if (rc == TRD_OVERFLOW) {
        market_refuse(s->market, s->stats, TRD_REFUSED_OVERFLOW, msg, len);
    }

    return rc;
}


/*
 * Who is to decode a message: the quotes' decoder, the market's, or both.
 * The stream's name tells if it stands where the exchange writes it; else
 * both look, and the name is never believed: only time is saved by it.
 */
static unsigned
binance_kind(const char *msg, size_t len)
{
    size_t       n;
    const char  *at;

    static const char    head[] = "{\"stream\":\"";
    static const struct {
        const char      *name;
        size_t           len;
        unsigned         kind;
    } names[] = {
        { "trade\"", 6, BINANCE_QUOTE | BINANCE_MARKET },
        { "bookTicker\"", 11, BINANCE_QUOTE },
        { "ticker\"", 7, BINANCE_QUOTE },
        { "miniTicker\"", 11, BINANCE_QUOTE },
        { "aggTrade\"", 9, BINANCE_MARKET },
        { "depth", 5, BINANCE_MARKET },
        { "kline_", 6, BINANCE_MARKET }
    };

    n = sizeof(head) - 1;

    if (len < 64 || memcmp(msg, head, n) != 0) {
        return BINANCE_QUOTE | BINANCE_MARKET;
    }

    at = memchr(msg + n, '@', 32);

    if (at == NULL) {
        return BINANCE_QUOTE | BINANCE_MARKET;
    }

    at++;

    for (n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        if (memcmp(at, names[n].name, names[n].len) == 0) {
            return names[n].kind;
        }
    }

    return BINANCE_QUOTE | BINANCE_MARKET;
}


static trd_rc_t
binance_read(binance_t *b, unsigned kind, const char *msg, size_t len)
{
    trd_rc_t  rc = TRD_IGNORED, more;

    b->market->refused = TRD_REFUSED_NOT;

    if (kind & BINANCE_QUOTE) {
        rc = trd_binance_decode(msg, len, binance_update, b);

        if (rc == TRD_ERROR || rc == TRD_OVERFLOW) {
            return rc;
        }
    }

    if (kind & BINANCE_MARKET) {
        more = binance_market_message(b, msg, len);
        rc = more == TRD_IGNORED ? rc : more;
    }

    return rc;
}


trd_rc_t
binance_message(binance_t *b, const char *msg, size_t len)
{
    trd_rc_t            rc;
    market_t           *m = b->source->market;
    tsd_tape_origin_t   from = { TSD_TAPE_BINANCE_STREAM, TRD_SOURCE_BINANCE,
                                 0, 0 };
    unsigned            kind;

    kind = binance_kind(msg, len);

    if (kind & BINANCE_QUOTE) {
        from.option |= TSD_TAPE_QUOTES;
    }

    if (kind & BINANCE_MARKET) {
        from.option |= binance_market_streams(b);
    }

    if (from.option) {
        market_tape_raw(m, &from, msg, len);
    }

    rc = binance_count(b, binance_read(b, kind, msg, len), msg, len);

    if (from.option) {
        market_tape_raw_end(m);
    }

    return rc;
}


trd_rc_t
binance_snapshot(binance_t *b, const char *body, size_t len, uint32_t *rows)
{
    trd_rc_t            rc;
    market_t           *m = b->source->market;
    tsd_tape_origin_t   from = { TSD_TAPE_BINANCE_TICKER, TRD_SOURCE_BINANCE,
                                 0, 0 };

    b->rows = 0;

    market_tape_raw(m, &from, body, len);
    rc = trd_binance_ticker_24hr(body, len, binance_update, b);
    market_tape_raw_end(m);

    *rows = b->rows;

    return binance_count(b, rc, body, len);
}


static void
binance_look_at(void *ctx, const char *symbol, size_t len,
    const trd_update_t *u)
{
    int32_t     instrument;
    binance_t  *b = ctx;

    instrument = market_find(b->source->market, TRD_SOURCE_BINANCE, symbol,
                             len);

    if (instrument >= 0) {
        binance_stream_ticker(b, (uint32_t) instrument, u->id);
    }
}


trd_rc_t
binance_look(binance_t *b, const char *body, size_t len)
{
    return trd_binance_ticker_24hr(body, len, binance_look_at, b);
}


uint32_t
binance_random(uint32_t bound)
{
    uint64_t  r = 0;

    if (bound < 2) {
        return 0;
    }

    /* without randomness everybody waits the longest */

    if (getrandom(&r, sizeof(r), GRND_NONBLOCK) != (ssize_t) sizeof(r)) {
        return bound - 1;
    }

    return (uint32_t) (r % bound);
}


uint32_t
binance_backoff(binance_backoff_t *backoff)
{
    uint64_t  bound;

    bound = (uint64_t) backoff->min_ms
            << (backoff->attempt < 20 ? backoff->attempt : 20);

    if (bound > backoff->max_ms) {
        bound = backoff->max_ms;
    }

    backoff->attempt++;

    return binance_random((uint32_t) bound + 1);
}


int64_t
binance_hold_ms(int status, int64_t retry_after_ms, uint32_t jitter_ms)
{
    if (retry_after_ms < 0) {
        retry_after_ms = status == 418 ? BINANCE_418_MS : BINANCE_429_MS;
    }

    return retry_after_ms + BINANCE_HOLD_MORE_MS
           + binance_random(jitter_ms + 1);
}


void
binance_timer(struct event *ev, int64_t ms)
{
    struct timeval  tv;

    if (ms < 0) {
        ms = 0;
    }

    tv.tv_sec = ms / 1000;
    tv.tv_usec = (ms % 1000) * 1000;

    event_add(ev, &tv);
}


/* "trade,bookTicker": the streams of each symbol */
static int
binance_read_kinds(binance_t *b, const char *list)
{
    size_t       n;
    const char  *p;

    for (p = list ? list : ""; *p != '\0'; p += n) {
        p += strspn(p, ", ");
        n = strcspn(p, ", ");

        if (n == 0) {
            break;
        }

        if (n >= BINANCE_KIND_LEN || b->nkinds == BINANCE_KINDS_MAX
            || strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                         "0123456789_@") < n)
        {
            tsd_log(TSD_LOG_ERROR, "bad_setting", "name=BINANCE_STREAMS "
                    "error=\"not a list of at most %d stream names\"",
                    BINANCE_KINDS_MAX);
            return -1;
        }

        memcpy(b->kinds[b->nkinds++], p, n);
    }

    if (b->nkinds == 0) {
        tsd_log(TSD_LOG_ERROR, "bad_setting",
                "name=BINANCE_STREAMS error=\"is empty\"");
        return -1;
    }

    return 0;
}


/* Both URLs without the slashes at their ends. */
static int
binance_read_urls(binance_t *b)
{
    char        *p;
    size_t       n, m;
    const char  *api = b->source->config->binance_api_url;
    const char  *ws = b->source->config->binance_ws_url;

    if (feed_url_check_base("BINANCE_API_URL", api, "http", "https") != 0
        || feed_url_check_base("BINANCE_WS_URL", ws, "ws", "wss") != 0)
    {
        return -1;
    }

    for (n = strlen(api); n && api[n - 1] == '/'; n--) { /* void */ }
    for (m = strlen(ws); m && ws[m - 1] == '/'; m--) { /* void */ }

    p = calloc(1, n + m + 2);
    if (p == NULL) {
        tsd_log(TSD_LOG_ERROR, "no_memory", "source=binance");
        return -1;
    }

    memcpy(p, api, n);
    memcpy(p + n + 1, ws, m);

    b->urls = p;
    b->api_url = p;
    b->ws_url = p + n + 1;

    return 0;
}


/* Symbols go into URLs and JSON as they are. */
static int
binance_check_symbols(const binance_t *b)
{
    uint32_t     i;
    const char  *symbol;

    for (i = 0; i < b->source->n; i++) {
        symbol = binance_symbol(b, i);

        if (symbol[0] == '\0'
            || symbol[strspn(symbol, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                     "_.-")] != '\0')
        {
            tsd_log(TSD_LOG_ERROR, "bad_symbol",
                    "source=binance instrument=%u error=\"exchange symbol "
                    "must be of A-Z, 0-9, _ . -\"",
                    (unsigned) b->source->instruments[i]);
            return -1;
        }
    }

    return 0;
}


static void
source_binance_stop(source_t *s)
{
    binance_t  *b = s->data;

    if (b == NULL) {
        return;
    }

    binance_stream_stop(b);
    binance_rest_stop(b);
    binance_market_stop(b);

    atomic_store_explicit(&s->stats->state, TRD_STATE_DOWN,
                          memory_order_relaxed);

    free(b->urls);
    free(b);
    s->data = NULL;
}


static int
source_binance_start(source_t *s)
{
    binance_t  *b;

    b = calloc(1, sizeof(binance_t));
    if (b == NULL) {
        tsd_log(TSD_LOG_ERROR, "no_memory", "source=binance");
        return -1;
    }

    b->source = s;
    s->data = b;

    atomic_store_explicit(&s->stats->source, TRD_SOURCE_BINANCE,
                          memory_order_relaxed);

    if (binance_read_urls(b) != 0
        || binance_read_kinds(b, s->config->binance_streams) != 0
        || binance_check_symbols(b) != 0)
    {
        source_binance_stop(s);
        return -1;
    }

    if (binance_market_start(b) != 0 || binance_rest_start(b) != 0
        || binance_stream_start(b) != 0)
    {
        tsd_log(TSD_LOG_ERROR, "no_memory", "source=binance");
        source_binance_stop(s);
        return -1;
    }

    return 0;
}


const source_ops_t  source_binance = {
    "binance",
    TRD_SOURCE_BINANCE,
    source_binance_start,
    source_binance_stop
};
