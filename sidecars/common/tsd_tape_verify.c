/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Proof of a tape.  Without raw messages: checksums, counts, chain.  With
 * them: each message is decoded again and its updates are judged again by a
 * shadow of the market that has seen what the tape says it saw.  What comes
 * out must be what the tape holds, no update more, none less, none changed.
 *
 * A tape whose beginning was deleted lacks what the judge must know, until a
 * START record: to there updates are derived, but what was refused is taken
 * on trust.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "trd_binance.h"
#include "tsd_tape.h"
#include "tsd_tape_raw.h"

#define VERIFY_STEP      4096           /* records between progress calls */
#define VERIFY_EXPECTED  65536          /* updates of one message */

/* an update that a message brought; tape: it must be on it */
typedef struct {
    uint32_t      instrument;
    trd_update_t  update;
} expected_t;

typedef struct {
    tsd_tape_reader_t   *reader;
    tsd_tape_at_t        at;
    tsd_tape_raw_t       raw;
    tsd_tape_verdict_t  *v;
    trd_state_t         *shadow;        /* one an instrument */
    expected_t          *expected;      /* of raw.message */
    size_t               nexpected;
    size_t               taken;
    uint32_t             n;
    int                  judging;
    int                  ended;         /* no more raw messages */
    uint64_t             file;
    int64_t              now_ms;
} verify_t;


static void __attribute__((format(printf, 2, 3)))
verify_fail(verify_t *y, const char *fmt, ...)
{
    va_list  args;

    if (y->v->rc != TRD_OK) {
        return;
    }

    y->v->rc = TRD_CORRUPT;

    va_start(args, fmt);
    (void) vsnprintf(y->v->error, sizeof(y->v->error), fmt, args);
    va_end(args);
}


/* Another file may have another dictionary; the shadow is of instruments. */

static int
verify_file(verify_t *y)
{
    if (y->at.files == y->file) {
        return 0;
    }

    y->file = y->at.files;

    if (y->shadow && y->n == y->at.n) {
        return 0;
    }

    /* a catalogue changes with a start only, and that resets the shadow */
    free(y->shadow);
    y->n = y->at.n;
    y->shadow = calloc((size_t) y->n + 1, sizeof(*y->shadow));
    y->judging = 0;

    if (y->shadow == NULL) {
        verify_fail(y, "no memory");
        return -1;
    }

    return 0;
}


static void
verify_update(void *ctx, const char *symbol, size_t len, const trd_update_t *u)
{
    int                      changed;
    uint32_t                 i;
    verify_t                *y = ctx;
    expected_t              *e;
    const trd_instrument_t  *in;

    for (i = 0; i < y->n; i++) {
        in = &y->at.instruments[i];

        if (in->source == y->raw.message.source
            && strlen(in->exchange_symbol) == len
            && memcmp(in->exchange_symbol, symbol, len) == 0)
        {
            break;
        }
    }

    if (i == y->n || y->nexpected == VERIFY_EXPECTED) {
        return;
    }

    if (y->judging
        && trd_apply(&y->shadow[i], u, &y->at.limits,
                     y->at.instruments[i].stale_after_ms,
                     y->raw.message.received_ms, &changed)
           != TRD_REFUSED_NOT)
    {
        y->v->judged++;
        return;
    }

    e = &y->expected[y->nexpected++];
    e->instrument = i;
    e->update = *u;
}


/* The updates of the message that was just read. */

static void
verify_decode(verify_t *y)
{
    trd_rc_t  rc;

    y->nexpected = 0;
    y->taken = 0;

    switch (y->raw.message.decoder) {

    case TSD_TAPE_BINANCE_STREAM:
        rc = trd_binance_decode(y->raw.data, y->raw.message.len,
                                verify_update, y);
        break;

    case TSD_TAPE_BINANCE_TICKER:
        rc = trd_binance_ticker_24hr(y->raw.data, y->raw.message.len,
                                     verify_update, y);
        break;

    default:
        rc = TRD_OK;
        break;
    }

    (void) rc;      /* what it brought counts, as it did for the board */
}


/* Reads messages up to a number; what the tape has not of them must have been
   refused. */

static void
verify_advance(verify_t *y, uint64_t number)
{
    trd_rc_t  rc;

    while (y->v->rc == TRD_OK && y->raw.message.number < number && !y->ended) {

        if (y->judging && y->taken < y->nexpected) {
            verify_fail(y, "message %llu: an update was left out, \"%s\"",
                        (unsigned long long) y->raw.message.number,
                        y->at.instruments[y->expected[y->taken].instrument]
                        .exchange_symbol);
            return;
        }

        rc = tsd_tape_raw_read(&y->raw);

        if (rc == TRD_NOT_FOUND) {
            y->ended = 1;
            y->nexpected = y->taken = 0;

        } else if (rc != TRD_OK) {
            verify_fail(y, "%s %s", y->raw.path, y->raw.why);

        } else {
            y->v->messages++;
            verify_decode(y);
        }
    }
}


static int
verify_equal(const expected_t *e, const trd_tape_record_t *r)
{
    trd_tape_record_t  made;

    made = *r;
    made.instrument = e->instrument;
    made.update = e->update;

    return trd_tape_same(&made, r);
}


static void
verify_derive(verify_t *y, const trd_tape_record_t *r)
{
    if (r->message == 0) {
        y->v->underived++;
        return;
    }

    if (y->raw.message.number != r->message) {
        verify_fail(y, "seq %llu: its raw message %llu is missing",
                    (unsigned long long) r->seq,
                    (unsigned long long) r->message);
        return;
    }

    if (y->raw.digest != r->digest
        || y->raw.message.received_ms > r->received_ms)
    {
        verify_fail(y, "seq %llu: raw message %llu is another one",
                    (unsigned long long) r->seq,
                    (unsigned long long) r->message);
        return;
    }

    if (y->raw.message.decoder == TSD_TAPE_NO_DECODER) {
        y->v->underived++;
        return;
    }

    while (!y->judging && y->taken < y->nexpected
           && !verify_equal(&y->expected[y->taken], r))
    {
        y->taken++;
    }

    if (y->taken == y->nexpected
        || !verify_equal(&y->expected[y->taken], r))
    {
        verify_fail(y, "seq %llu: the update is not what message %llu says",
                    (unsigned long long) r->seq,
                    (unsigned long long) r->message);
        return;
    }

    y->taken++;
    y->v->derived++;
}


/* What else changed the market, as replaying does it. */

static void
verify_event(verify_t *y, const trd_tape_record_t *r)
{
    uint32_t      i;
    trd_state_t  *s = &y->shadow[r->instrument];

    switch (r->op) {

    case TRD_TAPE_START:
        memset(y->shadow, 0, y->n * sizeof(*y->shadow));
        y->judging = 1;
        break;

    case TRD_TAPE_CARRY:
        s->quote.has = r->update.has;
        s->quote.last_e8 = r->update.last_e8;
        s->quote.bid_e8 = r->update.bid_e8;
        s->quote.ask_e8 = r->update.ask_e8;
        s->quote.received_ms = (int64_t) r->update.id;
        s->quote.stale = 1;
        s->trade_ms = s->day_ms = r->update.exchange_ms;
        break;

    case TRD_TAPE_RECONNECTED:
        for (i = 0; i < y->n; i++) {
            if (y->at.instruments[i].source == r->source) {
                trd_apply_reconnected(&y->shadow[i]);
            }
        }

        break;

    case TRD_TAPE_STALE:
        if (y->judging
            && !trd_is_stale(s, y->at.instruments[r->instrument]
                                .stale_after_ms, r->received_ms))
        {
            verify_fail(y, "seq %llu: was not stale",
                        (unsigned long long) r->seq);
        }

        s->quote.stale = 1;
        break;

    case TRD_TAPE_GAP:
        y->judging = 0;
        y->nexpected = y->taken = 0;
        break;

    default:
        break;
    }
}


static void
verify_record(verify_t *y, int raw, const trd_tape_record_t *r)
{
    tsd_tape_verdict_t  *v = y->v;

    if (v->records == 0) {
        v->first_seq = r->seq;
        v->first_ms = r->received_ms;
    }

    if (r->seq < v->last_seq) {
        verify_fail(y, "seq goes back from %llu to %llu",
                    (unsigned long long) v->last_seq,
                    (unsigned long long) r->seq);
    }

    v->records++;
    v->updates += r->op == TRD_TAPE_UPDATE;
    v->last_seq = r->seq;
    v->last_ms = r->received_ms;

    if (!raw || verify_file(y) != 0) {
        return;
    }

    /* what is left of the marketd before had another catalogue, perhaps */
    y->judging = r->op == TRD_TAPE_START ? 0 : y->judging;
    verify_advance(y, r->message);

    if (r->op != TRD_TAPE_UPDATE) {
        verify_event(y, r);

    } else if (v->rc == TRD_OK) {

        /* updates of no message: nothing to judge them by */
        if (r->message == 0 && y->judging) {
            int  changed;

            (void) trd_apply(&y->shadow[r->instrument], &r->update,
                             &y->at.limits,
                             y->at.instruments[r->instrument].stale_after_ms,
                             r->received_ms, &changed);
        }

        verify_derive(y, r);
    }

    if (y->at.block_end && v->rc == TRD_OK && !y->ended) {
        verify_advance(y, y->at.last_message);

        if (y->raw.message.number == y->at.last_message
            && memcmp(y->raw.chain, y->at.raw_chain, TRD_TAPE_HASH) != 0)
        {
            verify_fail(y, "messages up to %llu are not those recorded",
                        (unsigned long long) y->at.last_message);
        }
    }
}


/* Is the tape being written now?  Then its end is not its end. */

static int
verify_live(const char *path)
{
    int   fd, live;
    char  lock[TSD_TAPE_PATH];

    (void) snprintf(lock, sizeof(lock), "%s/lock", path);
    fd = open(lock, O_RDONLY | O_CLOEXEC);

    if (fd == -1) {
        return 0;
    }

    live = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    (void) close(fd);

    return live;
}


/* Messages after the last record must have brought nothing; without any
   there is nothing to prove by. */

static void
verify_end(verify_t *y, int live)
{
    trd_rc_t  rc;

    if (y->v->rc != TRD_OK) {
        return;
    }

    if (live) {
        y->nexpected = y->taken = 0;

    } else if (y->v->records) {
        verify_advance(y, UINT64_MAX);

    } else {
        rc = tsd_tape_raw_read(&y->raw);

        if (rc == TRD_OK) {
            verify_fail(y, "there are raw messages, but no records");

        } else if (rc != TRD_NOT_FOUND) {
            verify_fail(y, "%s %s", y->raw.path, y->raw.why);
        }
    }

    if (y->v->rc == TRD_OK && y->judging && y->taken < y->nexpected) {
        verify_fail(y, "message %llu: an update was left out",
                    (unsigned long long) y->raw.message.number);
    }

    if (y->v->rc == TRD_OK && y->v->messages == 0
        && y->v->updates > y->v->underived)
    {
        verify_fail(y, "there are no raw messages to derive from");
    }
}


void
tsd_tape_verify(const char *path, int raw, tsd_tape_verdict_t *v,
    void (*progress)(void *ctx, uint64_t done, uint64_t total), void *ctx)
{
    int                 live;
    verify_t            y;
    trd_rc_t            rc;
    const char         *why;
    trd_tape_record_t   r;

    memset(v, 0, sizeof(*v));
    memset(&y, 0, sizeof(y));
    y.v = v;
    y.raw.walk.fd = -1;
    live = verify_live(path);
    y.reader = tsd_tape_open(path, 1, &why);
    y.expected = raw ? calloc(VERIFY_EXPECTED, sizeof(*y.expected)) : NULL;

    if (y.reader == NULL) {
        verify_fail(&y, "%s %s", path, why);

    } else if (raw && (y.expected == NULL
                       || tsd_tape_raw_open(&y.raw, path) != 0))
    {
        verify_fail(&y, "%s: raw messages cannot be read", path);
    }

    rc = TRD_OK;

    while (v->rc == TRD_OK) {
        rc = tsd_tape_read(y.reader, &r);

        if (rc != TRD_OK) {
            break;
        }

        tsd_tape_at(y.reader, &y.at);
        verify_record(&y, raw, &r);

        if (progress && v->records % VERIFY_STEP == 0) {
            progress(ctx, y.at.bytes, y.at.total);
        }
    }

    if (raw && rc == TRD_NOT_FOUND) {
        verify_end(&y, live);
    }

    if (y.reader) {
        tsd_tape_at(y.reader, &y.at);
        v->files = y.at.files;
        v->blocks = y.at.blocks;
        v->lost = y.at.lost;
        memcpy(v->chain, y.at.chain, TRD_TAPE_HASH);

        if (rc == TRD_CORRUPT) {
            verify_fail(&y, "%s %s", y.at.path, y.at.why);

        } else if (!live && (y.at.torn || y.at.headless)) {
            verify_fail(&y, "%s ends within a block, %llu bytes after the "
                        "last whole one", y.at.path,
                        (unsigned long long) y.at.torn);
        }
    }

    tsd_tape_reader_free(y.reader);
    tsd_tape_raw_close(&y.raw);
    free(y.shadow);
    free(y.expected);
}
