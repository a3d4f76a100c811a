/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Judges updates and folds them into quotes; the rules are in trd_apply.h.
 */

#include <stddef.h>
#include <string.h>

#include "trd_apply.h"
#include "trd_decimal.h"


#define TRD_CHANGE_PLACES  3
#define TRD_DAY_VALUES     (TRD_HAS_OPEN | TRD_HAS_HIGH | TRD_HAS_LOW          \
                            | TRD_HAS_VOLUME | TRD_HAS_QUOTE_VOLUME)


static trd_refused_t trd_judge_values(const trd_update_t *u);
static int trd_judge_jump(const trd_quote_t *q, const trd_update_t *u,
    uint32_t max_jump_bp);
static int trd_is_jump(const trd_quote_t *q, int64_t price_e8,
    uint32_t max_jump_bp);
static unsigned trd_select(trd_state_t *s, const trd_update_t *u, int fresh,
    uint32_t stale_after_ms);
static void trd_fold(trd_quote_t *q, const trd_update_t *u, unsigned take);


static const char *const  trd_refused_names[TRD_REFUSED_N] = {
    "accepted", "zero", "negative", "crossed", "jump", "future", "older",
    "parse", "unknown_symbol", "overflow", "implausible"
};

static const char *const  trd_cause_names[TRD_CAUSE_N] = {
    "none", "no_key", "unreachable", "timeout", "cut", "http_status",
    "limited", "redirect", "content_type", "content", "denied"
};

static const char *const  trd_book_count_names[TRD_BOOK_COUNT_N] = {
    "synced", "lost", "checked", "wrong"
};

static const char *const  trd_reconnect_names[TRD_RECONNECT_N] = {
    "refused", "closed", "lost", "mute", "protocol", "limited", "age"
};


const char *
trd_refused_name(unsigned refused)
{
    return refused < TRD_REFUSED_N ? trd_refused_names[refused] : NULL;
}


const char *
trd_reconnect_name(unsigned reconnect)
{
    return reconnect < TRD_RECONNECT_N ? trd_reconnect_names[reconnect] : NULL;
}


const char *
trd_cause_name(unsigned cause)
{
    return cause < TRD_CAUSE_N ? trd_cause_names[cause] : NULL;
}


const char *
trd_book_count_name(unsigned count)
{
    return count < TRD_BOOK_COUNT_N ? trd_book_count_names[count] : NULL;
}


static trd_refused_t
trd_judge_values(const trd_update_t *u)
{
    unsigned       i;
    trd_refused_t  worst;

    const struct {
        uint32_t  bit;
        int64_t   value;
        int       zero_ok;
    } v[] = {
        { TRD_HAS_LAST, u->last_e8, 0 },
        { TRD_HAS_BID, u->bid_e8, 0 },
        { TRD_HAS_ASK, u->ask_e8, 0 },
        { TRD_HAS_OPEN, u->open_e8, 0 },
        { TRD_HAS_HIGH, u->high_e8, 0 },
        { TRD_HAS_LOW, u->low_e8, 0 },
        { TRD_HAS_VOLUME, u->volume_e8, 1 },
        { TRD_HAS_QUOTE_VOLUME, u->quote_volume_e8, 1 }
    };

    worst = TRD_REFUSED_NOT;

    for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {

        if ((u->has & v[i].bit) == 0) {
            continue;
        }

        if (v[i].value < 0) {
            return TRD_REFUSED_NEGATIVE;
        }

        if (v[i].value == 0 && !v[i].zero_ok) {
            worst = TRD_REFUSED_ZERO;
        }
    }

    /* nobody trades nothing; one too large to keep is in dropped */

    if (u->kind == TRD_UPDATE_TRADE && !(u->dropped & TRD_HAS_VOLUME)) {

        if (u->last_quantity_e8 < 0) {
            return TRD_REFUSED_NEGATIVE;
        }

        if (u->last_quantity_e8 == 0) {
            worst = TRD_REFUSED_ZERO;
        }
    }

    if (worst != TRD_REFUSED_NOT) {
        return worst;
    }

    if ((u->has & TRD_HAS_BID) && (u->has & TRD_HAS_ASK)
        && u->bid_e8 > u->ask_e8)
    {
        return TRD_REFUSED_CROSSED;
    }

    if ((u->has & TRD_HAS_HIGH) && (u->has & TRD_HAS_LOW)
        && u->low_e8 > u->high_e8)
    {
        return TRD_REFUSED_CROSSED;
    }

    return TRD_REFUSED_NOT;
}


/*
 * Is a price further than the bound from all that is known?  Each price may
 * be near any of the three: where books walk and nobody trades, the first
 * trade is far from the last one and near the bid.
 */

static int
trd_is_jump(const trd_quote_t *q, int64_t price_e8, uint32_t max_jump_bp)
{
    int        known;
    int64_t    old;
    unsigned   i;
    __int128   diff;

    known = 0;

    for (i = 0; i < 3; i++) {

        if ((q->has & (TRD_HAS_LAST << i)) == 0) {
            continue;
        }

        known = 1;
        old = i == 0 ? q->last_e8 : i == 1 ? q->bid_e8 : q->ask_e8;

        diff = (__int128) price_e8 - old;
        diff = diff < 0 ? -diff : diff;

        if (diff * 10000 <= (__int128) old * max_jump_bp) {
            return 0;
        }
    }

    return known;
}


static int
trd_judge_jump(const trd_quote_t *q, const trd_update_t *u,
    uint32_t max_jump_bp)
{
    return ((u->has & TRD_HAS_LAST) && trd_is_jump(q, u->last_e8, max_jump_bp))
           || ((u->has & TRD_HAS_BID)
               && trd_is_jump(q, u->bid_e8, max_jump_bp))
           || ((u->has & TRD_HAS_ASK)
               && trd_is_jump(q, u->ask_e8, max_jump_bp));
}


/*
 * Which values of the update are newer than what is known.  Should the ids of
 * an exchange ever start over, a lower id is believed once its time is later
 * by the limit of staleness (books have no time: theirs is believed as the
 * first of a new connection, if the quote is stale).
 */

static unsigned
trd_select(trd_state_t *s, const trd_update_t *u, int fresh,
    uint32_t stale_after_ms)
{
    unsigned  take;

    take = u->has & ~(unsigned) TRD_HAS_TIME;

    switch (u->kind) {

    case TRD_UPDATE_TRADE:
        /* a quote may be fresh by its book alone */
        if (u->id <= s->trade_id
            && u->exchange_ms - s->trade_ms
               <= (fresh ? (int64_t) stale_after_ms : 0))
        {
            return 0;
        }

        /* of a quote that was carried over only the time is known */
        if (s->trade_id == 0 && u->exchange_ms < s->trade_ms) {
            return 0;
        }

        s->trade_id = u->id;
        s->trade_ms = u->exchange_ms;
        return take & TRD_HAS_LAST;

    case TRD_UPDATE_BOOK:
        if (u->id <= s->book_id && (fresh || s->book_seen)) {
            return 0;
        }

        s->book_id = u->id;
        s->book_seen = 1;
        return take & (TRD_HAS_BID | TRD_HAS_ASK);

    case TRD_UPDATE_TICKER:
    case TRD_UPDATE_SNAPSHOT:
        if (u->id && u->id < s->trade_id
            && u->exchange_ms - s->trade_ms > (int64_t) stale_after_ms)
        {
            s->trade_id = u->id;
        }

        if (u->id < s->trade_id || (u->id == 0 && s->trade_ms)
            || ((u->id == 0 || s->trade_id == 0)
                && (u->exchange_ms < s->day_ms
                    || u->exchange_ms < s->trade_ms)))
        {
            take &= ~(unsigned) TRD_HAS_LAST;
        }

        break;

    case TRD_UPDATE_MINI:
        if (u->exchange_ms < s->trade_ms || u->exchange_ms < s->day_ms) {
            take &= ~(unsigned) TRD_HAS_LAST;
        }

        break;

    default:        /* TRD_UPDATE_QUOTE */
        return u->exchange_ms < s->day_ms ? 0 : take;
    }

    if (u->exchange_ms < s->day_ms) {
        take &= ~(unsigned) TRD_DAY_VALUES;
        take &= ~(unsigned) (TRD_HAS_BID | TRD_HAS_ASK);
    }

    if (s->book_seen) {
        take &= ~(unsigned) (TRD_HAS_BID | TRD_HAS_ASK);
    }

    if ((take & TRD_HAS_LAST) && u->id >= s->trade_id && u->id) {
        s->trade_id = u->id;

        if (u->exchange_ms > s->trade_ms) {
            s->trade_ms = u->exchange_ms;
        }
    }

    return take;
}


static void
trd_fold(trd_quote_t *q, const trd_update_t *u, unsigned take)
{
    if (take & TRD_HAS_LAST) {
        q->last_e8 = u->last_e8;
    }

    if (take & TRD_HAS_BID) {
        q->bid_e8 = u->bid_e8;
    }

    if (take & TRD_HAS_ASK) {
        q->ask_e8 = u->ask_e8;
    }

    if (take & TRD_HAS_OPEN) {
        q->open_e8 = u->open_e8;
    }

    if (take & TRD_HAS_HIGH) {
        q->high_e8 = u->high_e8;
    }

    if (take & TRD_HAS_LOW) {
        q->low_e8 = u->low_e8;
    }

    if (take & TRD_HAS_VOLUME) {
        q->volume_e8 = u->volume_e8;
    }

    if (take & TRD_HAS_QUOTE_VOLUME) {
        q->quote_volume_e8 = u->quote_volume_e8;
    }

    /* a whole quote: what it does not say is not known */
    if (u->kind == TRD_UPDATE_QUOTE) {
        q->has &= TRD_HAS_TIME;
    }

    q->has |= take;
    q->derived = (uint8_t) u->derived;

    /* a value of the day that outgrew our range is unknown, not old */
    if (take & TRD_DAY_VALUES) {
        q->has &= ~(u->dropped & TRD_DAY_VALUES);
    }

    if (q->has & TRD_HAS_LAST) {
        if ((q->has & TRD_HAS_HIGH) && q->last_e8 > q->high_e8) {
            q->high_e8 = q->last_e8;
        }

        if ((q->has & TRD_HAS_LOW) && q->last_e8 < q->low_e8) {
            q->low_e8 = q->last_e8;
        }
    }

    if ((q->has & TRD_HAS_LAST) && (q->has & TRD_HAS_OPEN)
        && trd_decimal_change(q->last_e8, q->open_e8, TRD_CHANGE_PLACES,
                              &q->change_e8)
           == TRD_OK)
    {
        q->has |= TRD_HAS_CHANGE;

    } else {
        q->has &= ~(uint32_t) TRD_HAS_CHANGE;
    }
}


trd_refused_t
trd_apply(trd_state_t *s, const trd_update_t *u, const trd_limits_t *limits,
    uint32_t stale_after_ms, int64_t now_ms, int *changed)
{
    int            fresh;
    unsigned       take;
    trd_quote_t   *q, old;
    trd_refused_t  refused;

    *changed = 0;
    q = &s->quote;

    refused = trd_judge_values(u);
    if (refused != TRD_REFUSED_NOT) {
        return refused;
    }

    if (u->exchange_ms > now_ms + limits->max_future_ms) {
        return TRD_REFUSED_FUTURE;
    }

    fresh = q->has && !q->stale && !trd_is_stale(s, stale_after_ms, now_ms);

    if (fresh && limits->max_jump_bp
        && trd_judge_jump(q, u, limits->max_jump_bp))
    {
        return TRD_REFUSED_JUMP;
    }

    take = trd_select(s, u, fresh, stale_after_ms);
    if (take == 0) {
        return TRD_REFUSED_OLDER;
    }

    /* a bid and an ask from two messages may cross; the newer one stands */
    if ((take & TRD_HAS_BID) != 0 && (take & TRD_HAS_ASK) == 0
        && (q->has & TRD_HAS_ASK) && u->bid_e8 > q->ask_e8)
    {
        q->has &= ~(uint32_t) TRD_HAS_ASK;
    }

    if ((take & TRD_HAS_ASK) != 0 && (take & TRD_HAS_BID) == 0
        && (q->has & TRD_HAS_BID) && u->ask_e8 < q->bid_e8)
    {
        q->has &= ~(uint32_t) TRD_HAS_BID;
    }

    old = *q;
    trd_fold(q, u, take);

    if ((take & TRD_DAY_VALUES) || u->kind == TRD_UPDATE_QUOTE) {
        s->day_ms = u->exchange_ms;
    }

    if (u->exchange_ms) {
        s->lag_ms = now_ms - u->exchange_ms - (int64_t) u->every_ms;

        if (u->exchange_ms > q->exchange_ms) {
            q->exchange_ms = u->exchange_ms;
            q->has |= TRD_HAS_TIME;
        }
    }

    q->received_ms = now_ms;
    s->step_ms = 0;
    q->stale = s->lag_ms > (int64_t) stale_after_ms;

    *changed = memcmp(&old, q, sizeof(old)) != 0;

    return TRD_REFUSED_NOT;
}


void
trd_apply_reconnected(trd_state_t *s)
{
    s->book_seen = 0;
}


int
trd_is_stale(const trd_state_t *s, uint32_t stale_after_ms, int64_t now_ms)
{
    return now_ms - s->quote.received_ms - s->step_ms
           > (int64_t) stale_after_ms
           || s->lag_ms > (int64_t) stale_after_ms;
}
