/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the tests of trd_apply share: whole and partial updates around a quote
 * of last 100, bid 99, ask 101, and checks that leave the state as it was.
 */

#ifndef APPLY_FIXTURE_H
#define APPLY_FIXTURE_H

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "trd_apply.h"
#include "trd_decimal.h"

#define NOW      1767225600000LL
#define STALE    10000
#define FUTURE   5000
#define E8(n)    ((int64_t) ((n) * 100000000LL))

#define PRICES   (TRD_HAS_LAST | TRD_HAS_BID | TRD_HAS_ASK)
#define DAY      (TRD_HAS_OPEN | TRD_HAS_HIGH | TRD_HAS_LOW | TRD_HAS_VOLUME  \
                  | TRD_HAS_QUOTE_VOLUME)

static const trd_limits_t  limits = { 2000, FUTURE };


/* a whole ticker of that id and time: last 100, bid 99, ask 101 */
static inline trd_update_t
whole(trd_update_kind_t kind, uint64_t id, int64_t ms)
{
    trd_update_t  u;

    memset(&u, 0, sizeof(u));
    u.kind = kind;
    u.has = PRICES | DAY | TRD_HAS_TIME;
    u.id = id;
    u.exchange_ms = ms;
    u.last_e8 = E8(100);
    u.bid_e8 = E8(99);
    u.ask_e8 = E8(101);
    u.open_e8 = E8(80);
    u.high_e8 = E8(120);
    u.low_e8 = E8(70);
    u.volume_e8 = E8(5000);
    u.quote_volume_e8 = E8(500000);
    u.last_quantity_e8 = kind == TRD_UPDATE_TRADE ? 1000000 : 0;

    return u;
}


static inline trd_update_t
part(trd_update_kind_t kind, uint64_t id, int64_t ms, uint32_t has)
{
    trd_update_t  u;

    u = whole(kind, id, ms);
    u.has = has | (ms ? TRD_HAS_TIME : 0);

    return u;
}


static inline trd_refused_t
apply_at(trd_state_t *s, const trd_update_t *u, int64_t now)
{
    int  changed;

    return trd_apply(s, u, &limits, STALE, now, &changed);
}


/* refused, and the quote is byte for byte what it was */
static inline void
check_refused(const trd_state_t *from, const trd_update_t *u,
    trd_refused_t want)
{
    int            changed;
    trd_state_t    s;
    trd_refused_t  refused;

    s = *from;
    changed = 1;
    refused = trd_apply(&s, u, &limits, STALE, NOW, &changed);

    if (refused != want) {
        fail_msg("%s instead of %s", trd_refused_name(refused),
                 trd_refused_name(want));
    }

    assert_int_equal(changed, 0);
    assert_memory_equal(&s.quote, &from->quote, sizeof(s.quote));
}


static inline void
check_accepted(const trd_state_t *from, const trd_update_t *u)
{
    trd_state_t  s;

    s = *from;
    assert_int_equal(apply_at(&s, u, NOW), TRD_REFUSED_NOT);
}


static inline void
fresh_state(trd_state_t *s)
{
    trd_update_t  u;

    memset(s, 0, sizeof(*s));
    u = whole(TRD_UPDATE_TICKER, 100, NOW - 10);
    assert_int_equal(apply_at(s, &u, NOW), TRD_REFUSED_NOT);
    assert_int_equal(s->quote.has, PRICES | DAY | TRD_HAS_TIME
                                   | TRD_HAS_CHANGE);
}

#endif /* APPLY_FIXTURE_H */
