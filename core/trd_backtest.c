/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The path from a closed candle to a judged signal; order and rules:
 * trd_backtest.h.
 */

#include <string.h>

#include "trd_backtest.h"
#include "trd_decimal.h"


static int trd_candle_sane(const trd_candle_t *candle);
static int trd_backtest_quote(trd_backtest_t *b, const trd_candle_t *candle,
    trd_quote_t *q);
static trd_rc_t trd_backtest_threshold(trd_backtest_t *b,
    const trd_candle_t *candle, trd_track_result_t *out);


static int
trd_candle_sane(const trd_candle_t *candle)
{
    return candle->low_e8 > 0
           && candle->open_e8 >= candle->low_e8
           && candle->open_e8 <= candle->high_e8
           && candle->close_e8 >= candle->low_e8
           && candle->close_e8 <= candle->high_e8
           && candle->open_ms >= 0
           && candle->open_ms < INT64_MAX / 2;
}


void
trd_track_init(trd_track_t *tr)
{
    memset(tr, 0, sizeof(trd_track_t));

    tr->open_ms = -1;
    trd_indicator_init(&tr->indicator);
}


trd_rc_t
trd_track_close(trd_track_t *tr, trd_timeframe_t timeframe,
    const trd_candle_t *candle, const trd_calibration_t *calibration,
    trd_calibration_t *learn, trd_score_totals_t *totals,
    trd_track_result_t *out)
{
    int64_t             interval;
    trd_rc_t            rc;
    trd_signal_t       *s;
    trd_score_closed_t  closed;

    out->has = 0;

    if (!trd_candle_sane(candle)) {
        return TRD_ERROR;
    }

    if (candle->open_ms <= tr->open_ms) {
        return TRD_IGNORED;
    }

    interval = trd_timeframe_ms(timeframe);
    out->close_ms = candle->open_ms + interval;

    while (trd_score_price(&tr->ring, totals, out->close_ms,
                           candle->close_e8, interval, &closed))
    {
        if (learn != NULL && (closed.outcome == TRD_SCORE_HIT
                              || closed.outcome == TRD_SCORE_MISS))
        {
            trd_calibration_add(learn, closed.signal.tag, closed.up);
        }
    }

    if (tr->open_ms >= 0
        && (candle->open_ms - tr->open_ms) / interval > TRD_TRACK_GAP + 1)
    {
        trd_indicator_init(&tr->indicator);
    }

    tr->open_ms = candle->open_ms;

    rc = trd_indicator_close(&tr->indicator, candle->high_e8, candle->low_e8,
                             candle->close_e8, &out->values);
    if (rc != TRD_OK) {
        return rc;
    }

    out->has = TRD_TRACK_VALUES;

    if (trd_technical(&out->values, candle->close_e8, calibration,
                      &out->technical) != TRD_OK)
    {
        return TRD_OK;
    }

    out->has |= TRD_TRACK_SIGNAL;
    s = &out->technical.signal;

    /* a full ring is counted where it belongs: in the totals */

    rc = trd_score_signal(&tr->ring, totals,
                          out->close_ms + TRD_HORIZON * interval, s->bullish,
                          s->confidence_e8, s->entry_e8,
                          (uint8_t) out->technical.bucket);

    return rc == TRD_OVERFLOW ? TRD_OK : rc;
}


trd_rc_t
trd_track_threshold(trd_score_ring_t *ring, const trd_quote_t *q, int64_t ms,
    int64_t tolerance_ms, trd_score_totals_t *totals, trd_signal_t *s)
{
    trd_rc_t            rc;
    trd_score_closed_t  closed;

    if (q->has & TRD_HAS_LAST) {
        while (trd_score_price(ring, totals, ms, q->last_e8, tolerance_ms,
                               &closed))
        {
            /* the rule does not learn */
        }
    }

    rc = trd_signal_threshold(q, s);
    if (rc != TRD_OK) {
        return TRD_NOT_FOUND;
    }

    if (ms % TRD_HOUR_MS == 0) {
        rc = trd_score_signal(ring, totals, ms + TRD_DAY_MS, s->bullish,
                              s->confidence_e8, s->entry_e8, 0);
    }

    return rc == TRD_OVERFLOW ? TRD_OK : rc;
}


uint32_t
trd_threshold_overlap(int64_t ms)
{
    return (uint32_t) (TRD_DAY_MS / (ms > TRD_HOUR_MS ? ms : TRD_HOUR_MS));
}


void
trd_backtest_init(trd_backtest_t *b, trd_timeframe_t timeframe)
{
    memset(b, 0, sizeof(trd_backtest_t));

    b->timeframe = timeframe;
    b->learn = 1;
    trd_track_init(&b->track);
    trd_calibration_init(&b->calibration, TRD_HORIZON);
}


void
trd_backtest_split(trd_backtest_t *b, int learn)
{
    b->learn = learn;

    trd_score_ring_init(&b->track.ring);
    trd_score_ring_init(&b->ring);
    trd_score_totals_init(&b->technical);
    trd_score_totals_init(&b->threshold);
}


/*
 * The quote that a feed would give at the candle's close.  Open is that of
 * the candle that began 24 hours before; if it is missing, so is the change.
 */

static int
trd_backtest_quote(trd_backtest_t *b, const trd_candle_t *candle,
    trd_quote_t *q)
{
    int64_t                 from, volume;
    uint32_t                i;
    trd_backtest_candle_t  *k;

    from = candle->open_ms + trd_timeframe_ms(b->timeframe) - TRD_DAY_MS;

    while (b->n > 0 && (b->day[b->head].open_ms < from
                        || b->n == TRD_BACKTEST_DAY))
    {
        b->head = (b->head + 1) % TRD_BACKTEST_DAY;
        b->n--;
    }

    k = &b->day[(b->head + b->n++) % TRD_BACKTEST_DAY];
    k->open_ms = candle->open_ms;
    k->open_e8 = candle->open_e8;
    k->volume_e8 = candle->volume_e8;

    memset(q, 0, sizeof(trd_quote_t));
    q->last_e8 = candle->close_e8;
    q->has = TRD_HAS_LAST;

    k = &b->day[b->head];
    if (k->open_ms != from) {
        return 0;
    }

    q->open_e8 = k->open_e8;
    if (trd_decimal_change(q->last_e8, q->open_e8, 3, &q->change_e8)
        != TRD_OK)
    {
        return 0;
    }

    volume = 0;

    for (i = 0; i < b->n; i++) {
        k = &b->day[(b->head + i) % TRD_BACKTEST_DAY];
        if (__builtin_add_overflow(volume, k->volume_e8, &volume)) {
            return 0;
        }
    }

    q->volume_e8 = volume;
    q->has |= TRD_HAS_OPEN|TRD_HAS_CHANGE|TRD_HAS_VOLUME;

    return 1;
}


static trd_rc_t
trd_backtest_threshold(trd_backtest_t *b, const trd_candle_t *candle,
    trd_track_result_t *out)
{
    trd_rc_t     rc;
    trd_quote_t  q;

    if (!trd_backtest_quote(b, candle, &q)) {
        q.has &= ~(uint32_t) TRD_HAS_CHANGE;
    }

    rc = trd_track_threshold(&b->ring, &q, out->close_ms,
                             trd_timeframe_ms(b->timeframe), &b->threshold,
                             &out->threshold);
    if (rc == TRD_OK) {
        out->has |= TRD_TRACK_THRESHOLD;
    }

    return rc == TRD_NOT_FOUND ? TRD_OK : rc;
}


trd_rc_t
trd_backtest_step(trd_backtest_t *b, const trd_candle_t *candle,
    trd_track_result_t *out)
{
    trd_rc_t  rc;

    rc = trd_track_close(&b->track, b->timeframe, candle, &b->calibration,
                         b->learn ? &b->calibration : NULL, &b->technical,
                         out);
    if (rc != TRD_OK) {
        b->refused++;
        return rc;
    }

    b->candles++;

    return trd_backtest_threshold(b, candle, out);
}
