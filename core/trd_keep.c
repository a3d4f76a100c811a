/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The record of past signals as bytes; the form is told in trd_keep.h.
 * Words are put and taken in the same order by the pairs of functions below;
 * what the reader's half holds against is what the writer's code can make.
 */

#include <math.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "trd_keep.h"

#define TRD_KEEP_MAGIC  0x45524f4353445254ULL       /* "TRDSCORE" */
#define TRD_KEEP_COUNT  (1ULL << 40)                /* more than ever comes */
#define TRD_KEEP_NAME   4                           /* words of a symbol */
#define TRD_KEEP_WORDS  (sizeof(trd_indicator_t) / 8)

/* what the counts mean: a record of another model is of no use */
#define TRD_KEEP_MODEL                                                        \
    ((uint64_t) TRD_TECHNICAL_MODEL << 32 | (uint64_t) TRD_HORIZON << 24      \
     | TRD_CALIBRATION_BUCKETS << 16 | TRD_SCORE_BINS << 8 | TRD_PART_N)

_Static_assert(sizeof(trd_indicator_t) % 8 == 0
               && TRD_SYMBOL_LEN < TRD_KEEP_NAME * 8, "kept layout");


static void
trd_keep_put(trd_keep_writer_t *w, uint64_t v)
{
    unsigned  i;

    if (w->end - w->pos < 8) {
        w->overflow = 1;
        return;
    }

    for (i = 0; i < 8; i++) {
        *w->pos++ = (uint8_t) (v >> 8 * i);
    }
}


static uint64_t
trd_keep_word(const uint8_t *p)
{
    unsigned  i;
    uint64_t  v;

    for (v = i = 0; i < 8; i++) {
        v |= (uint64_t) p[i] << 8 * i;
    }

    return v;
}


/* past the end all is 0, and `pos` NULL for good */

static uint64_t
trd_keep_take(trd_keep_reader_t *r)
{
    uint64_t  v;

    if (r->pos == NULL || r->end - r->pos < 8) {
        r->pos = NULL;
        return 0;
    }

    v = trd_keep_word(r->pos);
    r->pos += 8;

    return v;
}


static void
trd_keep_put_double(trd_keep_writer_t *w, double x)
{
    uint64_t  v;

    memcpy(&v, &x, sizeof(v));
    trd_keep_put(w, v);
}


static double
trd_keep_take_double(trd_keep_reader_t *r)
{
    double    x;
    uint64_t  v;

    v = trd_keep_take(r);
    memcpy(&x, &v, sizeof(x));

    return x;
}


static void
trd_keep_put_text(trd_keep_writer_t *w, const char *s)
{
    char      text[TRD_KEEP_NAME * 8];
    size_t    i;
    uint8_t  *p;

    memset(text, 0, sizeof(text));
    memcpy(text, s, TRD_SYMBOL_LEN);
    p = (uint8_t *) text;

    for (i = 0; i < TRD_KEEP_NAME; i++) {
        trd_keep_put(w, trd_keep_word(p + 8 * i));
    }
}


static int
trd_keep_take_text(trd_keep_reader_t *r, char *s)
{
    char      text[TRD_KEEP_NAME * 8];
    unsigned  i;
    uint64_t  v;

    for (v = i = 0; i < sizeof(text); i++) {
        if (i % 8 == 0) {
            v = trd_keep_take(r);
        }

        text[i] = (char) (v & 0xff);
        v >>= 8;
    }

    memcpy(s, text, TRD_SYMBOL_LEN + 1);

    return text[0] != '\0' && text[TRD_SYMBOL_LEN] == '\0';
}


/* ---- open signals */


static void
trd_keep_put_ring(trd_keep_writer_t *w, const trd_score_ring_t *r)
{
    uint32_t                 i;
    const trd_score_open_t  *o;

    for (i = 0; i < r->n; i++) {
        o = &r->open[(r->head + i) % TRD_SCORE_OPEN];

        trd_keep_put(w, (uint64_t) o->due_ms);
        trd_keep_put(w, (uint64_t) o->entry_e8);
        trd_keep_put(w, o->confidence_ppm | (uint64_t) o->bullish << 32
                        | (uint64_t) o->tag << 40);
    }
}


static int
trd_keep_take_ring(trd_keep_reader_t *r, trd_score_ring_t *ring, uint64_t n)
{
    uint64_t           i, v;
    trd_score_open_t  *o;

    trd_score_ring_init(ring);

    if (n > TRD_SCORE_OPEN) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        o = &ring->open[i];
        o->due_ms = (int64_t) trd_keep_take(r);
        o->entry_e8 = (int64_t) trd_keep_take(r);
        v = trd_keep_take(r);
        o->confidence_ppm = (uint32_t) v;
        o->bullish = (uint8_t) (v >> 32);
        o->tag = (uint8_t) (v >> 40);

        if (o->due_ms < 0 || o->entry_e8 <= 0 || o->confidence_ppm > 1000000
            || o->bullish > 1 || o->tag >= TRD_CALIBRATION_BUCKETS || v >> 48
            || (i && o->due_ms < o[-1].due_ms))
        {
            return 0;
        }
    }

    ring->n = (uint32_t) n;

    return 1;
}


/* ---- totals */


static void
trd_keep_put_wide(trd_keep_writer_t *w, __int128 v)
{
    trd_keep_put(w, (uint64_t) v);
    trd_keep_put(w, (uint64_t) ((unsigned __int128) v >> 64));
}


static __int128
trd_keep_take_wide(trd_keep_reader_t *r)
{
    uint64_t  low;

    low = trd_keep_take(r);

    return (__int128) ((unsigned __int128) trd_keep_take(r) << 64 | low);
}


static void
trd_keep_put_totals(trd_keep_writer_t *w, const trd_score_totals_t *t)
{
    unsigned                i;
    uint64_t                bins;
    const trd_score_bin_t  *b;

    trd_keep_put(w, t->opened);
    trd_keep_put(w, t->hits);
    trd_keep_put(w, t->misses);
    trd_keep_put(w, t->flat);
    trd_keep_put(w, t->lost);
    trd_keep_put(w, t->dropped);
    trd_keep_put_wide(w, t->return_e8);
    trd_keep_put_wide(w, t->brier);

    for (bins = i = 0; i < TRD_SCORE_BINS; i++) {
        bins |= (uint64_t) (t->bins[i].n != 0) << i;
    }

    trd_keep_put(w, bins);

    for (i = 0; i < TRD_SCORE_BINS; i++) {
        b = &t->bins[i];

        if (b->n) {
            trd_keep_put(w, b->n);
            trd_keep_put(w, b->hits);
            trd_keep_put(w, b->confidence_ppm);
        }
    }
}


static int
trd_keep_take_bins(trd_keep_reader_t *r, trd_score_totals_t *t)
{
    unsigned          i;
    uint64_t          bins, n, hits;
    trd_score_bin_t  *b;

    bins = trd_keep_take(r);
    n = hits = 0;

    if (bins >> TRD_SCORE_BINS) {
        return 0;
    }

    for (i = 0; i < TRD_SCORE_BINS; i++) {
        b = &t->bins[i];

        if ((bins >> i & 1) == 0) {
            continue;
        }

        b->n = trd_keep_take(r);
        b->hits = trd_keep_take(r);
        b->confidence_ppm = trd_keep_take(r);

        if (b->n == 0 || b->n > TRD_KEEP_COUNT || b->hits > b->n
            || b->confidence_ppm > b->n * 1000000)
        {
            return 0;
        }

        n += b->n;
        hits += b->hits;
    }

    return n == t->hits + t->misses && hits == t->hits;
}


/* open: how many signals have not been judged yet */

static int
trd_keep_take_totals(trd_keep_reader_t *r, trd_score_totals_t *t,
    uint64_t open)
{
    __int128  most;

    trd_score_totals_init(t);

    t->opened = trd_keep_take(r);
    t->hits = trd_keep_take(r);
    t->misses = trd_keep_take(r);
    t->flat = trd_keep_take(r);
    t->lost = trd_keep_take(r);
    t->dropped = trd_keep_take(r);
    t->return_e8 = trd_keep_take_wide(r);
    t->brier = trd_keep_take_wide(r);

    if (t->opened > TRD_KEEP_COUNT || t->hits > t->opened
        || t->misses > t->opened || t->flat > t->opened
        || t->lost > t->opened || t->dropped > t->opened
        || t->opened != t->hits + t->misses + t->flat + t->lost + t->dropped
                        + open)
    {
        return 0;
    }

    most = (__int128) t->opened * INT64_MAX;

    if (t->return_e8 > most || t->return_e8 < -most || t->brier < 0
        || t->brier > (__int128) (t->hits + t->misses) * 1000000 * 1000000)
    {
        return 0;
    }

    return trd_keep_take_bins(r, t);
}


/* ---- a track */


static void
trd_keep_put_learned(trd_keep_writer_t *w, const trd_calibration_t *c)
{
    unsigned  i;

    for (i = 0; i < TRD_CALIBRATION_BUCKETS; i++) {
        trd_keep_put(w, c->n[i]);
        trd_keep_put(w, c->up[i]);
    }
}


/* one observation for each signal that was judged a hit or a miss */

static int
trd_keep_take_learned(trd_keep_reader_t *r, trd_calibration_t *c,
    const trd_score_totals_t *t)
{
    unsigned  i;
    uint64_t  n;

    trd_calibration_init(c, TRD_HORIZON);

    for (n = i = 0; i < TRD_CALIBRATION_BUCKETS; i++) {
        c->n[i] = trd_keep_take(r);
        c->up[i] = trd_keep_take(r);

        if (c->n[i] > TRD_KEEP_COUNT || c->up[i] > c->n[i]) {
            return 0;
        }

        n += c->n[i];
    }

    return n == t->hits + t->misses;
}


static void
trd_keep_put_indicator(trd_keep_writer_t *w, const trd_indicator_t *s)
{
    size_t    i;
    uint64_t  words[TRD_KEEP_WORDS];

    memcpy(words, s, sizeof(words));

    for (i = 0; i < TRD_KEEP_WORDS; i++) {
        trd_keep_put(w, words[i]);
    }
}


static int
trd_keep_prices(const int64_t *price, size_t n)
{
    size_t  i;

    for (i = 0; i < n && price[i] >= 0; i++) { /* void */ }

    return i == n;
}


/* far more than prices, their sums and their squares come to */

static int
trd_keep_sane(double x)
{
    return x >= -1e60 && x <= 1e60;
}


/* What is not negative is no NaN; a move up or down is a part of the range;
   the stochastic of a flat market is NaN. */

static int
trd_keep_smooth(const trd_indicator_t *s)
{
    const trd_indicator_smooth_t  *m;

    m = &s->smooth;

    return trd_keep_sane(s->mean) && trd_keep_sane(s->squares)
           && trd_keep_sane(m->ema12) && trd_keep_sane(m->ema20)
           && trd_keep_sane(m->ema26) && trd_keep_sane(m->signal)
           && m->gain >= 0 && trd_keep_sane(m->gain)
           && m->loss >= 0 && trd_keep_sane(m->loss)
           && m->atr >= 0 && trd_keep_sane(m->atr)
           && m->plus_dm >= 0 && m->plus_dm <= m->atr
           && m->minus_dm >= 0 && m->minus_dm <= m->atr
           && m->adx >= 0 && trd_keep_sane(m->adx)
           && (isnan(m->raw_k[0]) || trd_keep_sane(m->raw_k[0]))
           && (isnan(m->raw_k[1]) || trd_keep_sane(m->raw_k[1]))
           && (isnan(m->k[0]) || trd_keep_sane(m->k[0]))
           && (isnan(m->k[1]) || trd_keep_sane(m->k[1]));
}


/* prices that are not negative have no distance that overflows */

static int
trd_keep_take_indicator(trd_keep_reader_t *r, trd_indicator_t *s)
{
    size_t    i;
    uint64_t  words[TRD_KEEP_WORDS] = { 0 };

    for (i = 0; i < TRD_KEEP_WORDS; i++) {
        words[i] = trd_keep_take(r);
    }

    memcpy(s, words, sizeof(*s));

    return s->n <= TRD_KEEP_COUNT
           && trd_keep_prices(&s->close_e8, 1)
           && trd_keep_prices(&s->high_e8, 1)
           && trd_keep_prices(&s->low_e8, 1)
           && trd_keep_prices(&s->max_e8, 1)
           && trd_keep_prices(&s->min_e8, 1)
           && trd_keep_prices(s->closes, sizeof(s->closes) / 8)
           && trd_keep_prices(s->highs, sizeof(s->highs) / 8)
           && trd_keep_prices(s->lows, sizeof(s->lows) / 8)
           && trd_keep_smooth(s);
}


static void
trd_keep_put_values(trd_keep_writer_t *w, const trd_indicator_values_t *v)
{
    size_t  i;
    double  x[(sizeof(*v) - offsetof(trd_indicator_values_t, close)) / 8];

    memcpy(x, &v->close, sizeof(x));
    trd_keep_put(w, v->ready);

    for (i = 0; i < sizeof(x) / sizeof(x[0]); i++) {
        trd_keep_put_double(w, x[i]);
    }
}


static int
trd_keep_take_values(trd_keep_reader_t *r, trd_indicator_values_t *v)
{
    size_t    i;
    double    x[(sizeof(*v) - offsetof(trd_indicator_values_t, close)) / 8]
                  = { 0 };
    uint64_t  ready;

    ready = trd_keep_take(r);

    for (i = 0; i < sizeof(x) / sizeof(x[0]); i++) {
        x[i] = trd_keep_take_double(r);
    }

    memset(v, 0, sizeof(*v));
    memcpy(&v->close, x, sizeof(x));
    v->ready = (uint32_t) ready;

    return (ready & ~(uint64_t) TRD_IND_ALL) == 0;
}


static void
trd_keep_put_technical(trd_keep_writer_t *w, const trd_technical_t *t)
{
    unsigned             i;
    const trd_signal_t  *s;

    s = &t->signal;

    trd_keep_put(w, (uint64_t) s->kind | (uint64_t) s->bullish << 8
                    | (uint64_t) t->bucket << 16);
    trd_keep_put(w, (uint64_t) s->strength_e8);
    trd_keep_put(w, (uint64_t) s->confidence_e8);
    trd_keep_put(w, (uint64_t) s->entry_e8);
    trd_keep_put(w, (uint64_t) s->target_e8);
    trd_keep_put(w, (uint64_t) s->stop_e8);
    trd_keep_put(w, t->samples);
    trd_keep_put_double(w, t->score);

    for (i = 0; i < TRD_PART_N; i++) {
        trd_keep_put_double(w, t->part[i]);
    }
}


static int
trd_keep_take_technical(trd_keep_reader_t *r, trd_technical_t *t)
{
    unsigned       i;
    uint64_t       v;
    trd_signal_t  *s;

    s = &t->signal;
    v = trd_keep_take(r);

    s->kind = (trd_signal_kind_t) (v & 0xff);
    s->bullish = (uint8_t) (v >> 8);
    t->bucket = (unsigned) (v >> 16 & 0xff);
    s->strength_e8 = (int64_t) trd_keep_take(r);
    s->confidence_e8 = (int64_t) trd_keep_take(r);
    s->entry_e8 = (int64_t) trd_keep_take(r);
    s->target_e8 = (int64_t) trd_keep_take(r);
    s->stop_e8 = (int64_t) trd_keep_take(r);
    t->samples = trd_keep_take(r);
    t->score = trd_keep_take_double(r);

    for (i = 0; i < TRD_PART_N; i++) {
        t->part[i] = trd_keep_take_double(r);
    }

    return v >> 24 == 0 && (v & 0xff) < TRD_SIGNAL_N && s->bullish <= 1
           && t->bucket < TRD_CALIBRATION_BUCKETS
           && s->strength_e8 >= 0 && s->strength_e8 <= 100 * TRD_E8
           && s->confidence_e8 >= 0 && s->confidence_e8 <= 100 * TRD_E8
           && s->entry_e8 > 0 && s->target_e8 > 0 && s->stop_e8 > 0;
}


static int
trd_keep_take_track(trd_keep_reader_t *r, trd_keep_item_t *item,
    uint64_t detail, uint64_t open)
{
    int64_t            interval;
    trd_keep_track_t  *t;

    if (detail >= TRD_TIMEFRAME_N) {
        return 0;
    }

    t = &item->track;
    memset(t, 0, sizeof(*t));
    item->timeframe = (trd_timeframe_t) detail;
    interval = trd_timeframe_ms(item->timeframe);

    t->track.open_ms = (int64_t) trd_keep_take(r);
    t->has = (uint32_t) trd_keep_take(r);

    if (t->track.open_ms < 0 || t->track.open_ms > INT64_MAX / 4
        || t->track.open_ms % interval
        || (t->has & ~(uint32_t) (TRD_TRACK_VALUES | TRD_TRACK_SIGNAL))
        || !trd_keep_take_indicator(r, &t->track.indicator)
        || !trd_keep_take_ring(r, &t->track.ring, open)
        || !trd_keep_take_totals(r, &t->totals, open)
        || !trd_keep_take_learned(r, &t->learned, &t->totals))
    {
        return 0;
    }

    /* or no signal could follow on the last one */

    if (open && t->track.ring.open[open - 1].due_ms
                > t->track.open_ms + (TRD_HORIZON + 1) * interval)
    {
        return 0;
    }

    return ((t->has & TRD_TRACK_VALUES) == 0
            || trd_keep_take_values(r, &t->values))
           && ((t->has & TRD_TRACK_SIGNAL) == 0
               || trd_keep_take_technical(r, &t->technical));
}


/* ---- the whole */


void
trd_keep_begin(trd_keep_writer_t *w, void *buf, size_t size,
    const trd_keep_head_t *head)
{
    memset(w, 0, sizeof(*w));
    w->start = w->pos = buf;
    w->end = w->start + size;

    trd_keep_put(w, TRD_KEEP_MAGIC);
    trd_keep_put(w, TRD_KEEP_LAYOUT);
    trd_keep_put(w, TRD_KEEP_MODEL);
    trd_keep_put(w, head->origin);
    trd_keep_put(w, head->seed);
    trd_keep_put(w, head->scenario);
    trd_keep_put(w, (uint64_t) head->start_ms);
    trd_keep_put(w, (uint64_t) head->saved_ms);
}


void
trd_keep_instrument(trd_keep_writer_t *w, const trd_instrument_t *in,
    const trd_keep_threshold_t *threshold)
{
    trd_keep_put(w, TRD_KEEP_NEXT_INSTRUMENT | (uint64_t) in->source << 8
                    | (uint64_t) threshold->ring.n << 16);
    trd_keep_put_text(w, in->symbol);
    trd_keep_put_text(w, in->exchange_symbol);
    trd_keep_put_ring(w, &threshold->ring);
    trd_keep_put_totals(w, &threshold->totals);
}


void
trd_keep_track(trd_keep_writer_t *w, trd_timeframe_t timeframe,
    const trd_keep_track_t *t)
{
    trd_keep_put(w, TRD_KEEP_TRACK | (uint64_t) timeframe << 8
                    | (uint64_t) t->track.ring.n << 16);
    trd_keep_put(w, (uint64_t) t->track.open_ms);
    trd_keep_put(w, t->has);
    trd_keep_put_indicator(w, &t->track.indicator);
    trd_keep_put_ring(w, &t->track.ring);
    trd_keep_put_totals(w, &t->totals);
    trd_keep_put_learned(w, &t->learned);

    if (t->has & TRD_TRACK_VALUES) {
        trd_keep_put_values(w, &t->values);
    }

    if (t->has & TRD_TRACK_SIGNAL) {
        trd_keep_put_technical(w, &t->technical);
    }
}


size_t
trd_keep_end(trd_keep_writer_t *w)
{
    return w->overflow || w->end - w->pos < 8 ? 0
           : (size_t) (w->pos - w->start);
}


size_t
trd_keep_seal(void *buf, size_t len)
{
    trd_keep_writer_t  w;

    memset(&w, 0, sizeof(w));
    w.pos = (uint8_t *) buf + len;
    w.end = w.pos + 8;
    trd_keep_put(&w, XXH3_64bits(buf, len));

    return len + 8;
}


trd_rc_t
trd_keep_open(trd_keep_reader_t *r, const void *data, size_t len,
    trd_keep_head_t *head, const char **why)
{
    uint64_t  magic, layout, model;

    memset(r, 0, sizeof(*r));
    r->pos = data;
    r->end = r->pos + len;
    *why = "damaged, or of something else";

    magic = trd_keep_take(r);
    layout = trd_keep_take(r);

    if (r->pos == NULL || magic != TRD_KEEP_MAGIC) {
        return TRD_CORRUPT;
    }

    /* a layout that is not ours may have its hash elsewhere */

    if (layout != TRD_KEEP_LAYOUT) {
        *why = "another layout";
        return TRD_CORRUPT;
    }

    r->end -= 8;

    if (len % 8 || r->end < r->pos
        || trd_keep_word(r->end) != XXH3_64bits(data, len - 8))
    {
        return TRD_CORRUPT;
    }

    model = trd_keep_take(r);
    head->origin = trd_keep_take(r);
    head->seed = trd_keep_take(r);
    head->scenario = trd_keep_take(r);
    head->start_ms = (int64_t) trd_keep_take(r);
    head->saved_ms = (int64_t) trd_keep_take(r);

    if (r->pos == NULL) {
        return TRD_CORRUPT;
    }

    if (model != TRD_KEEP_MODEL) {
        *why = "another model";
        return TRD_CORRUPT;
    }

    return TRD_OK;
}


trd_rc_t
trd_keep_next(trd_keep_reader_t *r, trd_keep_item_t *item)
{
    int       good;
    uint64_t  head, detail, open;

    if (r->pos == r->end) {
        return TRD_NOT_FOUND;
    }

    head = trd_keep_take(r);
    detail = head >> 8 & 0xff;
    open = head >> 16;
    good = 0;

    switch (head & 0xff) {

    case TRD_KEEP_NEXT_INSTRUMENT:
        item->kind = TRD_KEEP_NEXT_INSTRUMENT;
        item->source = (uint32_t) detail;
        good = detail < TRD_SOURCE_N
               && trd_keep_take_text(r, item->symbol)
               && trd_keep_take_text(r, item->exchange_symbol)
               && trd_keep_take_ring(r, &item->threshold.ring, open)
               && trd_keep_take_totals(r, &item->threshold.totals, open);
        r->any = 1;
        break;

    case TRD_KEEP_TRACK:
        item->kind = TRD_KEEP_TRACK;
        good = r->any && trd_keep_take_track(r, item, detail, open);
        break;
    }

    return good && r->pos ? TRD_OK : TRD_CORRUPT;
}
