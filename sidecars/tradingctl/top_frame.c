/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Draws a frame of `top`: a head of facts about writer, feeds and workers,
 * then as many quotes as the screen has room for.  Columns take the width of
 * what is in them, and those that a narrow screen has no room for are left
 * out, the least important first.
 */

#include <stdio.h>
#include <string.h>

#include "top.h"
#include "tradingctl.h"
#include "trd_apply.h"
#include "trd_version.h"
#include "trd_writer.h"

#define TOP_NEW_MS      1500        /* a move is marked for so long */
#define TOP_LABEL       9           /* columns of a line's name */
#define TOP_FEEDS       6           /* lines of them, at most */

typedef enum {
    COLUMN_SYMBOL = 0,
    COLUMN_LAST,
    COLUMN_BID,
    COLUMN_ASK,
    COLUMN_CHANGE,
    COLUMN_AGE,
    COLUMN_SOURCE,
    COLUMN_HIGH,
    COLUMN_LOW,
    COLUMN_VOLUME,
    COLUMN_N
} column_t;

/* in the order of the screen; the higher the rank, the sooner left out */
static const struct {
    const char  *name;
    int          right;
    int          least;
    int          rank;
} columns[COLUMN_N] = {
    { "SYMBOL", 0, 8, 0 },
    { "LAST", 1, 11, 1 },
    { "BID", 1, 11, 5 },
    { "ASK", 1, 11, 4 },
    { "24H %", 1, 7, 2 },
    { "AGE", 1, 6, 3 },
    { "SOURCE", 0, 9, 6 },
    { "HIGH 24H", 1, 11, 8 },
    { "LOW 24H", 1, 11, 7 },
    { "VOLUME 24H", 1, 11, 9 }
};


static void
frame_label(screen_t *s, const char *name)
{
    screen_cell(s, STYLE_DIM, TOP_LABEL, 0, name);
}


static void
frame_state(screen_t *s, int good, int bad, const char *word)
{
    style_t  style;

    style = good ? STYLE_UP : bad ? STYLE_BAD : STYLE_WARN;
    screen_glyph(s, style, good ? GLYPH_DOT : GLYPH_RING);
    screen_text(s, style, " %s", word);
}


static void
frame_title(top_t *t)
{
    int        pad;
    char       clock[TRD_TIME_LEN + 1], up[32], title[160];
    int64_t    age;
    screen_t  *s = &t->screen;

    ctl_time(t->now.wall_ms, clock);
    age = ctl_board(&t->board)
          ? ctl_since(&t->now, ctl_board(&t->board)->started_ms) : -1;
    ctl_text_age(age, up);

    (void) snprintf(title, sizeof(title), "generation %llu  up %s  %.8sZ ",
                    (unsigned long long) t->now.generation, up,
                    strlen(clock) > 11 ? clock + 11 : "--:--:--");
    screen_text(s, STYLE_HEAD, " tradingctl top %s ", TRADING_VERSION);
    pad = s->left - (int) strlen(title);

    if (pad > 0) {
        screen_text(s, STYLE_HEAD, "%*s%s", pad, "", title);
    }

    screen_newline(s);
}


static void
frame_writer(top_t *t)
{
    char                  age[32], p50[32], p99[32], seq[32];
    screen_t             *s = &t->screen;
    const char           *state;
    const ctl_figures_t  *f = &t->now;

    state = ctl_writer_state(f);
    ctl_text_age(f->age_ms, age);
    ctl_text_lag(ctl_lag(f, top_before(t), 50), p50);
    ctl_text_lag(ctl_lag(f, top_before(t), 99), p99);
    ctl_text_count(f->seq, seq);

    frame_label(s, " writer");
    frame_state(s, *state == 'a', 1, state);
    screen_text(s, STYLE_PLAIN, "  heartbeat %s  lag p50 %s p99 %s  pid %u",
                age, p50, p99, f->pid);
    screen_newline(s);
}


static void
frame_rates(top_t *t)
{
    char                  updates[32], pages[32], bytes[32], seq[32];
    screen_t             *s = &t->screen;
    const ctl_figures_t  *f = &t->now, *before = top_before(t);

    ctl_text_rate(ctl_rate(f, before, f->updates,
                           before ? before->updates : 0), updates);
    ctl_text_rate(ctl_rate(f, before, f->pages,
                           before ? before->pages : 0), pages);
    ctl_text_rate(ctl_rate(f, before, f->pages_bytes,
                           before ? before->pages_bytes : 0) / 1e6, bytes);
    ctl_text_count(f->seq, seq);

    frame_label(s, " rates");
    screen_text(s, STYLE_BOLD, "%s", updates);
    screen_text(s, STYLE_PLAIN, " updates/s  ");
    screen_text(s, STYLE_BOLD, "%s", pages);
    screen_text(s, STYLE_PLAIN, " pages/s  %s MB/s  seq %s", bytes, seq);
    screen_newline(s);

    frame_label(s, " quotes");
    screen_text(s, STYLE_PLAIN, "%u of %u quoted  ", f->quoted, t->n);
    screen_text(s, f->stale ? STYLE_WARN : STYLE_PLAIN, "%u stale", f->stale);

    if (f->overflowed) {
        screen_text(s, STYLE_BAD, "  %llu pages did not fit",
                    (unsigned long long) f->overflowed);
    }

    screen_newline(s);
}


static void
frame_feed(top_t *t, unsigned i)
{
    char                  heard[32], rate[32], refused[32], again[32];
    uint64_t              nrefused, nagain;
    unsigned              k;
    screen_t             *s = &t->screen;
    const char           *state;
    const ctl_source_t   *src = &t->now.sources[i];
    const ctl_figures_t  *before = top_before(t);

    for (k = TRD_REFUSED_NOT + 1, nrefused = 0; k < TRD_REFUSED_N; k++) {
        nrefused += src->refused[k];
    }

    for (k = 0, nagain = 0; k < TRD_RECONNECT_N; k++) {
        nagain += src->reconnects[k];
    }

    ctl_text_age(ctl_since(&t->now, src->heard_ms), heard);
    ctl_text_rate(ctl_rate(&t->now, before, src->updates,
                           before && i < before->nsources
                           ? before->sources[i].updates : 0), rate);
    ctl_text_count(nrefused, refused);
    ctl_text_count(nagain, again);
    state = ctl_source_state(src);

    frame_label(s, i ? "" : " feeds");
    screen_text(s, STYLE_NAME, "%-10s ", trd_source_name(src->source));
    frame_state(s, src->state == TRD_STATE_CONNECTED,
                src->state != TRD_STATE_STALE, state);

    if (src->cause != TRD_CAUSE_NONE && trd_cause_name(src->cause)) {
        screen_text(s, STYLE_BAD, " (%s)", trd_cause_name(src->cause));
    }

    screen_text(s, STYLE_PLAIN, "  heard %s  %s/s  ", heard, rate);
    screen_text(s, nrefused ? STYLE_WARN : STYLE_PLAIN, "%s refused",
                refused);
    screen_text(s, STYLE_PLAIN, "  %s reconnects", again);
    screen_newline(s);
}


/* those that are kept from differences; most sources have none */

static void
frame_books(top_t *t)
{
    char                  synced[32], lost[32], checked[32], wrong[32];
    screen_t             *s = &t->screen;
    const ctl_figures_t  *f = &t->now;

    if (!ctl_has_books(f)) {
        return;
    }

    ctl_text_count(f->books[TRD_BOOK_COUNT_SYNCED], synced);
    ctl_text_count(f->books[TRD_BOOK_COUNT_LOST], lost);
    ctl_text_count(f->books[TRD_BOOK_COUNT_CHECKED], checked);
    ctl_text_count(f->books[TRD_BOOK_COUNT_WRONG], wrong);

    frame_label(s, " books");
    screen_text(s, STYLE_PLAIN, "%s synced  ", synced);
    screen_text(s, f->books[TRD_BOOK_COUNT_LOST] ? STYLE_WARN : STYLE_PLAIN,
                "%s lost", lost);
    screen_text(s, STYLE_PLAIN, "  %s checked  ", checked);
    screen_text(s, f->books[TRD_BOOK_COUNT_WRONG] ? STYLE_BAD : STYLE_PLAIN,
                "%s wrong", wrong);
    screen_newline(s);
}


static void
frame_workers(top_t *t)
{
    char                      rate[32], total[32], bytes[32];
    uint64_t                  trouble;
    screen_t                 *s = &t->screen;
    const gateway_figures_t  *f, *b;

    frame_label(s, " workers");

    if (t->gateway == NULL) {
        screen_text(s, STYLE_DIM, "--url http://HOST:PORT shows what nginx "
                    "counts");
        screen_newline(s);
        return;
    }

    if (gateway_why(t->gateway)[0]) {
        screen_text(s, STYLE_BAD, "%s", gateway_why(t->gateway));
        screen_newline(s);
        return;
    }

    f = gateway_now(t->gateway);
    b = gateway_before(t->gateway);
    ctl_text_rate(gateway_rate(t->gateway, f->requests, b->requests), rate);
    ctl_text_rate(gateway_rate(t->gateway, f->counter[GATEWAY_BYTES],
                               b->counter[GATEWAY_BYTES]) / 1e6, bytes);
    ctl_text_count(f->requests, total);

    screen_text(s, STYLE_BOLD, "%s", rate);
    screen_text(s, STYLE_PLAIN, " req/s  %s MB/s  %s total", bytes, total);
    screen_text(s, f->status[GATEWAY_4XX] ? STYLE_WARN : STYLE_PLAIN,
                "  4xx %llu",
                (unsigned long long) f->status[GATEWAY_4XX]);
    screen_text(s, f->status[GATEWAY_5XX] ? STYLE_BAD : STYLE_PLAIN,
                "  5xx %llu",
                (unsigned long long) f->status[GATEWAY_5XX]);

    trouble = f->counter[GATEWAY_CORRUPT] + f->counter[GATEWAY_LOST]
              + f->counter[GATEWAY_REFUSED];
    screen_text(s, trouble ? STYLE_BAD : STYLE_PLAIN, "  torn %llu bad %llu",
                (unsigned long long) f->counter[GATEWAY_TORN],
                (unsigned long long) trouble);
    screen_newline(s);
}


static void
frame_value(const top_t *t, const top_row_t *row, column_t c, char out[32])
{
    size_t              len;
    const trd_quote_t  *q = &row->quote;

    switch (c) {

    case COLUMN_SYMBOL:
        (void) snprintf(out, 32, "%s", row->in.symbol);
        break;

    case COLUMN_LAST:
        ctl_text_price(&row->in, q, TRD_HAS_LAST, q->last_e8, out);
        break;

    case COLUMN_BID:
        ctl_text_price(&row->in, q, TRD_HAS_BID, q->bid_e8, out);
        break;

    case COLUMN_ASK:
        ctl_text_price(&row->in, q, TRD_HAS_ASK, q->ask_e8, out);
        break;

    case COLUMN_HIGH:
        ctl_text_price(&row->in, q, TRD_HAS_HIGH, q->high_e8, out);
        break;

    case COLUMN_LOW:
        ctl_text_price(&row->in, q, TRD_HAS_LOW, q->low_e8, out);
        break;

    case COLUMN_CHANGE:
        ctl_text_change(q, out);
        break;

    case COLUMN_AGE:
        ctl_text_age(q->has ? ctl_since(&t->now, q->received_ms) : -1, out);
        break;

    case COLUMN_SOURCE:
        ctl_text_source(q, out);

        if (q->has == 0) {
            (void) strcpy(out, "-");
        }

        break;

    default:
        (void) strcpy(out, "-");

        if (q->has & TRD_HAS_VOLUME) {
            len = trd_decimal_format(trd_decimal_round(q->volume_e8, 2), 2,
                                     out);
            out[len] = '\0';
        }
    }
}


/* how wide each column is; 0: it is left out */

static void
frame_widths(const top_t *t, uint32_t last, int width[COLUMN_N])
{
    int       len, sum, worst;
    char      text[32];
    uint32_t  i;
    unsigned  c;

    for (c = 0; c < COLUMN_N; c++) {
        width[c] = columns[c].least;

        for (i = t->first; i < last; i++) {
            frame_value(t, &t->rows[t->order[i]], c, text);
            len = (int) strlen(text);
            width[c] = len > width[c] ? len : width[c];
        }
    }

    for ( ;; ) {
        sum = 2;                        /* the mark of a move */

        for (c = 0, worst = -1; c < COLUMN_N; c++) {

            if (width[c] == 0) {
                continue;
            }

            sum += width[c] + 1;

            if (worst == -1 || columns[c].rank > columns[worst].rank) {
                worst = (int) c;
            }
        }

        /* the stale mark has the last 6 columns */

        if (sum + 5 <= t->screen.cols || worst <= COLUMN_SYMBOL) {
            return;
        }

        width[worst] = 0;
    }
}


static style_t
frame_style(const top_t *t, const top_row_t *row, column_t c)
{
    int                 fresh;
    const trd_quote_t  *q = &row->quote;

    if (q->has == 0) {
        return STYLE_DIM;
    }

    switch (c) {

    case COLUMN_SYMBOL:
        return STYLE_BOLD;

    case COLUMN_LAST:
        fresh = t->now.mono_ms - row->moved_ms < TOP_NEW_MS;

        if (q->stale || row->way == 0) {
            return q->stale ? STYLE_DIM : STYLE_PLAIN;
        }

        if (row->way > 0) {
            return fresh ? STYLE_UP_NEW : STYLE_UP;
        }

        return fresh ? STYLE_DOWN_NEW : STYLE_DOWN;

    case COLUMN_CHANGE:
        return !(q->has & TRD_HAS_CHANGE) || q->change_e8 == 0 ? STYLE_PLAIN
               : q->change_e8 > 0 ? STYLE_UP : STYLE_DOWN;

    case COLUMN_SOURCE:
        return STYLE_NAME;

    default:
        return q->stale ? STYLE_DIM : STYLE_PLAIN;
    }
}


static void
frame_row(top_t *t, const top_row_t *row, const int width[COLUMN_N])
{
    char       text[32];
    unsigned   c;
    screen_t  *s = &t->screen;

    for (c = 0; c < COLUMN_N; c++) {

        if (width[c] == 0) {
            continue;
        }

        if (c == COLUMN_LAST) {
            if (row->way && !row->quote.stale
                && t->now.mono_ms - row->moved_ms < TOP_NEW_MS)
            {
                screen_glyph(s, row->way > 0 ? STYLE_UP_NEW : STYLE_DOWN_NEW,
                             row->way > 0 ? GLYPH_UP : GLYPH_DOWN);

            } else {
                screen_text(s, STYLE_PLAIN, " ");
            }
        }

        screen_text(s, STYLE_PLAIN, " ");
        frame_value(t, row, c, text);
        screen_cell(s, frame_style(t, row, c), width[c], columns[c].right,
                    text);
    }

    if (row->rc == TRD_CORRUPT) {
        screen_text(s, STYLE_BAD, " BAD");

    } else if (row->quote.has && row->quote.stale) {
        screen_text(s, STYLE_WARN, " STALE");
    }

    screen_newline(s);
}


static void
frame_footer(top_t *t, uint32_t last)
{
    char       where[64];
    screen_t  *s = &t->screen;

    if (t->typing) {
        screen_text(s, STYLE_HEAD, " /%s_ ", t->filter);
        screen_text(s, STYLE_DIM, " Enter keeps the filter, Esc drops it");
        screen_newline(s);
        return;
    }

    (void) snprintf(where, sizeof(where), "%u-%u of %u ",
                    t->shown ? t->first + 1 : 0, last, t->shown);
    screen_text(s, STYLE_HEAD, " q quit  ");
    screen_glyph(s, STYLE_HEAD, GLYPH_ARROWS);
    screen_text(s, STYLE_HEAD, " scroll  s sort: %s%s  r turn  / filter%s%s ",
                top_sort_name(t->sort), t->reverse ? " turned" : "",
                t->filter[0] ? ": " : "", t->filter);

    if (s->left > (int) strlen(where)) {
        screen_text(s, STYLE_HEAD, "%*s", s->left, where);
    }

    screen_newline(s);
}


/* no board: what is wrong, and what to do */

static void
frame_nothing(top_t *t)
{
    size_t       len, cut;
    screen_t    *s = &t->screen;
    const char  *p;

    screen_text(s, STYLE_HEAD, " tradingctl top %s ", TRADING_VERSION);
    screen_newline(s);
    screen_newline(s);
    screen_text(s, STYLE_BOLD, " No board to look at");
    screen_newline(s);
    screen_text(s, STYLE_PLAIN, " %s", t->board.path);
    screen_newline(s);
    screen_text(s, STYLE_BAD, " %s", t->board.why);
    screen_newline(s);
    screen_newline(s);

    /* in lines that fit, broken at blanks */

    for (p = ctl_board_advice(&t->board); *p; p += cut) {
        len = strlen(p);
        cut = len;

        if ((int) len > s->cols - 2 && s->cols > 3) {
            for (cut = (size_t) s->cols - 2; cut > 1 && p[cut] != ' ';
                 cut--)
            {
                /* the last blank that fits */
            }
        }

        screen_text(s, STYLE_PLAIN, " %.*s", (int) cut, p);
        screen_newline(s);
        cut += p[cut] == ' ';
    }

    screen_newline(s);
    screen_text(s, STYLE_DIM, " It is shown as soon as it is there. q quits.");
    screen_newline(s);
}


int
top_frame(top_t *t)
{
    int        width[COLUMN_N];
    uint32_t   last;
    unsigned   i, feeds;
    screen_t  *s = &t->screen;

    screen_begin(s);

    if (ctl_board(&t->board) == NULL) {
        frame_nothing(t);
        return screen_end(s);
    }

    frame_title(t);
    frame_writer(t);
    frame_rates(t);
    feeds = t->now.nsources < TOP_FEEDS ? t->now.nsources : TOP_FEEDS;

    for (i = 0; i < feeds; i++) {
        frame_feed(t, i);
    }

    frame_books(t);
    frame_workers(t);

    if (t->board.why[0]) {
        screen_text(s, STYLE_BAD, " %s: %s", t->board.path, t->board.why);
        screen_newline(s);
    }

    /* the rest of the screen, less the names and the footer */

    t->page = s->live
              ? (s->rows - s->row > 3 ? (uint32_t) (s->rows - s->row - 2) : 1)
              : t->shown;

    if (t->first + t->page > t->shown) {
        t->first = t->shown > t->page ? t->shown - t->page : 0;
    }

    last = t->first + t->page < t->shown ? t->first + t->page : t->shown;
    frame_widths(t, last, width);

    for (i = 0; i < COLUMN_N; i++) {
        if (width[i]) {
            screen_text(s, STYLE_HEAD, i == COLUMN_LAST ? "  " : " ");
            screen_cell(s, STYLE_HEAD, width[i], columns[i].right,
                        columns[i].name);
        }
    }

    if (s->live) {
        screen_text(s, STYLE_HEAD, "%*s", s->left, "");
    }

    screen_newline(s);

    for (i = t->first; i < last; i++) {
        frame_row(t, &t->rows[t->order[i]], width);
    }

    if (s->live) {
        for (; i < t->first + t->page; i++) {
            screen_newline(s);
        }

        frame_footer(t, last);
    }

    return screen_end(s);
}
