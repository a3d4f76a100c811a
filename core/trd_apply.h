/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Judges an update and folds it into a quote: the rules by which a feed
 * message may or may not change what is served.  Pure: no clock, no board.
 *
 * Refused whole, leaving the last good quote: zero or negative prices, bid
 * above ask, a jump beyond the bound, a time from the future, anything older
 * than what is known.  The jump bound compares with the last good quote only
 * while that is fresh; once it is stale the next update is believed, so that
 * a real jump shows up late and not never.
 *
 * A source that is polled publishes hourly or daily, and by nature states a
 * time long past: its lag counts from when the next statement was due
 * (every_ms of the update).  That its server answers is another fact, and
 * refreshes received_ms: a dead server shows by that limit, a dead publisher
 * behind a live server by this one.
 */

#ifndef TRD_APPLY_H
#define TRD_APPLY_H

#include "trd_board.h"
#include "trd_quote.h"

typedef struct {
    uint32_t  max_jump_bp;      /* basis points; 0 = no bound */
    uint32_t  max_future_ms;    /* how far ahead of us a time may be */
} trd_limits_t;

/* A quote that turned stale is said to be no later than this after, by the
   clock that it turned stale by, before anything else is looked at. */
#define TRD_SWEEP_MS  1000

/* what is remembered of an instrument beside its quote */
typedef struct {
    trd_quote_t  quote;
    uint64_t     trade_id;          /* newest seen; 0 = none */
    uint64_t     book_id;
    int64_t      trade_ms;          /* exchange time of the newest trade */
    int64_t      day_ms;            /* exchange time of the 24 h values,
                                       or of the newest whole quote */
    int64_t      lag_ms;            /* received - stated, at the last time,
                                       less what its publisher may take */
    int64_t      step_ms;           /* our clock was set forward by so much
                                       since the quote was received */
    uint8_t      book_seen;         /* on this connection */
    uint8_t      reserved[7];
} trd_state_t;

/*
 * now_ms: our wall clock.  On TRD_REFUSED_NOT s->quote holds the new values
 * (seq is the board's to set) and *changed tells whether any of them moved;
 * an accepted update always refreshes received_ms and clears stale, unless
 * its time lags by more than stale_after_ms.
 */
trd_refused_t trd_apply(trd_state_t *s, const trd_update_t *u,
    const trd_limits_t *limits, uint32_t stale_after_ms, int64_t now_ms,
    int *changed);

/* A new connection: the tickers' bid and ask count again until a book comes. */
void trd_apply_reconnected(trd_state_t *s);

/* Is the quote stale now?  Only of quotes that there are (has != 0). */
int trd_is_stale(const trd_state_t *s, uint32_t stale_after_ms,
    int64_t now_ms);

/* the reason as it stands in metrics and logs */
const char *trd_refused_name(unsigned refused);
const char *trd_reconnect_name(unsigned reconnect);
const char *trd_cause_name(unsigned cause);
const char *trd_book_count_name(unsigned count);

#endif /* TRD_APPLY_H */
