/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Proof of a tape.  Without raw messages: checksums, counts, chain.  With
 * them: each message is decoded and judged again (tsd_tape_derive.h).  What
 * comes out must be what the tape holds, no update, print or candle more, none
 * less, none changed; and each book must be the one that the messages make.
 *
 * A tape whose beginning was deleted lacks what the judge must know, until a
 * START record: to there all is derived, but what was refused is taken on
 * trust.
 *
 * Messages are read no further than records are, file by file: what belongs
 * to a run is judged with its dictionary and by what it knew.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "tsd_tape.h"
#include "tsd_tape_derive.h"
#include "tsd_tape_raw.h"

#define VERIFY_STEP  4096               /* records between progress calls */

typedef struct {
    tsd_tape_reader_t          *reader;
    tsd_tape_at_t               at;
    tsd_tape_raw_t              raw;
    tsd_tape_verdict_t         *v;
    tsd_tape_derive_t          *derive;         /* NULL: not asked for */
    const tsd_tape_expected_t  *expected;       /* of raw.message */
    size_t                      nexpected;
    size_t                      taken;
    uint32_t                    derive_n;       /* instruments in it */
    uint64_t                    file;
    uint64_t                    upto;           /* ordinal of raw files that
                                                   may be read */
    uint64_t                    before_seq;     /* of the record before */
    int64_t                     before_ms;
    int                         live;           /* it is being written */
} verify_t;

static const char *const  verify_ops[TRD_TAPE_OP_N] = {
    [TRD_TAPE_UPDATE] = "update",
    [TRD_TAPE_PRINT] = "print",
    [TRD_TAPE_CANDLE] = "candle"
};


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


/* What the message that was just read must have brought and has not. */

static int
verify_left_out(verify_t *y)
{
    const tsd_tape_expected_t  *e = &y->expected[y->taken];

    if (!tsd_tape_derive_judges(y->derive) || y->taken >= y->nexpected) {
        return 0;
    }

    verify_fail(y, "message %llu: %s %s was left out, \"%s\"",
                (unsigned long long) y->raw.message.number,
                e->op == TRD_TAPE_UPDATE ? "an" : "a", verify_ops[e->op],
                tsd_tape_derive_instrument(y->derive, e->instrument)
                ->exchange_symbol);

    return 1;
}


/* Should a quote have turned stale by now? */

static void
verify_silent(verify_t *y, int64_t ms, uint64_t message)
{
    uint32_t  i;

    i = tsd_tape_derive_silent(y->derive, ms);

    if (i != y->derive_n) {
        verify_fail(y, "message %llu: by then \"%s\" was stale, and nothing "
                    "says so", (unsigned long long) message,
                    tsd_tape_derive_instrument(y->derive, i)
                    ->exchange_symbol);
    }
}


/* Reads messages up to a number; what the tape has not of them must have been
   refused. */

static void
verify_advance(verify_t *y, uint64_t number)
{
    trd_rc_t                   rc;
    uint64_t                   refused;
    const tsd_tape_message_t  *m = &y->raw.message;

    while (y->v->rc == TRD_OK && m->number < number) {

        if (verify_left_out(y)) {
            return;
        }

        rc = tsd_tape_raw_read(&y->raw, number, y->upto);

        if (rc == TRD_NOT_FOUND || rc == TRD_AGAIN) {
            return;
        }

        y->nexpected = y->taken = 0;

        if (rc != TRD_OK) {
            verify_fail(y, "%s %s", y->raw.path, y->raw.why);
            return;
        }

        y->v->messages++;
        verify_silent(y, m->received_ms, m->number);
        y->expected = tsd_tape_derive_message(y->derive, m, y->raw.data,
                                              &y->nexpected, &refused);
        y->v->judged += refused;
        verify_silent(y, m->received_ms, m->number);
    }
}


/*
 * No file up to an ordinal holds more: whatever messages are left of them must
 * have been refused, and all of them those that the tape says there were.
 */

static void
verify_files_end(verify_t *y, uint64_t ordinal, const uint8_t *chain)
{
    y->upto = ordinal;
    verify_advance(y, UINT64_MAX);

    if (y->v->rc != TRD_OK || verify_left_out(y)) {
        return;
    }

    y->nexpected = y->taken = 0;

    if (y->raw.ordinal == ordinal
        && memcmp(y->raw.chain, chain, TRD_TAPE_HASH) != 0)
    {
        verify_fail(y, "messages up to %llu are not those recorded",
                    (unsigned long long) y->raw.message.number);
    }
}


/* Another file may have another dictionary. */

static int
verify_file(verify_t *y)
{
    if (y->at.files == y->file) {
        return 0;
    }

    if (y->file) {
        verify_files_end(y, y->at.ordinal - 1, y->at.raw_before);

    } else {
        y->raw.first = y->at.ordinal;
    }

    if (y->v->rc != TRD_OK) {
        return -1;
    }

    y->file = y->at.files;
    y->upto = y->at.ordinal;
    y->derive_n = y->at.n;

    if (tsd_tape_derive_file(y->derive, &y->at) != 0) {
        verify_fail(y, "no memory");
        return -1;
    }

    return 0;
}


static int
verify_equal(const verify_t *y, const tsd_tape_expected_t *e,
    const trd_tape_record_t *r)
{
    trd_update_t       *u;
    trd_tape_record_t   made;

    made = *r;
    made.op = e->op;
    made.instrument = e->instrument;
    made.update = e->update;
    u = &made.update;

    if (r->op == TRD_TAPE_UPDATE && e->remembered) {
        u->has |= r->update.has & e->remembered;
        u->open_e8 = r->update.open_e8;
        u->high_e8 = r->update.high_e8;
        u->low_e8 = r->update.low_e8;
    }

    /* how far back it goes is known from the print before it, if that is */
    if (r->op == TRD_TAPE_PRINT && !tsd_tape_derive_judges(y->derive)) {
        u->reserved = r->update.reserved;
    }

    return trd_tape_same(&made, r);
}


/* Is it said to be the simulator's, or a replay's?  Only of those there need
   be no message. */

static void
verify_underived(verify_t *y, const trd_tape_record_t *r)
{
    if (!trd_source_simulated(r->source)) {
        verify_fail(y, "seq %llu: %s of source %s comes from no message",
                    (unsigned long long) r->seq,
                    r->op == TRD_TAPE_UPDATE ? "an update" : "a value",
                    trd_source_name(r->source));
        return;
    }

    y->v->underived++;

    if (r->op == TRD_TAPE_UPDATE && tsd_tape_derive_judges(y->derive)) {
        (void) tsd_tape_derive_event(y->derive, r);
    }
}


static void
verify_derive(verify_t *y, const trd_tape_record_t *r)
{
    if (r->message == 0) {
        verify_underived(y, r);
        return;
    }

    /* what was lost before a gap is not looked for */
    if (y->raw.message.number != r->message && y->at.lost
        && !tsd_tape_derive_judges(y->derive))
    {
        y->v->underived++;
        return;
    }

    if (y->raw.message.number != r->message) {
        verify_fail(y, "seq %llu: its raw message %llu is missing",
                    (unsigned long long) r->seq,
                    (unsigned long long) r->message);
        return;
    }

    if (y->raw.digest != r->digest) {
        verify_fail(y, "seq %llu: raw message %llu is another one",
                    (unsigned long long) r->seq,
                    (unsigned long long) r->message);
        return;
    }

    /* the clock is read before a message is, and not again within it */

    if (y->raw.message.received_ms != r->received_ms) {
        verify_fail(y, "seq %llu: it was not received when message %llu was",
                    (unsigned long long) r->seq,
                    (unsigned long long) r->message);
        return;
    }

    if (y->raw.message.decoder == TSD_TAPE_NO_DECODER) {
        verify_underived(y, r);
        return;
    }

    while (!tsd_tape_derive_judges(y->derive) && y->taken < y->nexpected
           && !verify_equal(y, &y->expected[y->taken], r))
    {
        y->taken++;
    }

    if (y->taken == y->nexpected
        || !verify_equal(y, &y->expected[y->taken], r))
    {
        verify_fail(y, "seq %llu: the %s of \"%s\" is not what message %llu "
                    "says", (unsigned long long) r->seq, verify_ops[r->op],
                    y->at.instruments[r->instrument].exchange_symbol,
                    (unsigned long long) r->message);
        return;
    }

    tsd_tape_derive_remembered(y->derive, r,
                               y->expected[y->taken].remembered);
    y->taken++;
    y->v->derived++;
}


static void
verify_carry(verify_t *y, const trd_tape_record_t *r)
{
    switch (tsd_tape_derive_carry(y->derive, r)) {

    case TRD_OK:
        y->v->derived++;
        break;

    case TRD_AGAIN:
        y->v->underived++;
        break;

    default:
        verify_fail(y, "seq %llu: what was carried over of \"%s\" is not "
                    "what was known", (unsigned long long) r->seq,
                    y->at.instruments[r->instrument].exchange_symbol);
        break;
    }
}


/* With the last message before it, what it brought is over: all of it was
   written with it, or nothing. */

static void
verify_start(verify_t *y, const trd_tape_record_t *r)
{
    if (verify_left_out(y)) {
        return;
    }

    y->nexpected = y->taken = 0;

    if (tsd_tape_derive_start(y->derive, y->before_seq == r->seq,
                              y->before_ms)
        != 0)
    {
        verify_fail(y, "no memory");
    }
}


static void
verify_event(verify_t *y, const trd_tape_record_t *r)
{
    const char  *why;

    if (r->op == TRD_TAPE_CLOCK) {
        verify_silent(y, r->received_ms, r->message);
    }

    why = tsd_tape_derive_event(y->derive, r);

    if (why) {
        verify_fail(y, "seq %llu: \"%s\" %s", (unsigned long long) r->seq,
                    y->at.instruments[r->instrument].exchange_symbol, why);
    }

    if (r->op == TRD_TAPE_GAP) {
        y->nexpected = y->taken = 0;
    }
}


static void
verify_book(verify_t *y, const trd_tape_record_t *r)
{
    if (trd_source_simulated(r->source)) {
        y->v->underived++;
        return;
    }

    switch (tsd_tape_derive_book(y->derive, r)) {

    case TRD_OK:
        y->v->derived++;
        break;

    case TRD_AGAIN:
        y->v->underived++;
        break;

    default:
        verify_fail(y, "seq %llu: the book of \"%s\" is not what the messages "
                    "up to %llu make", (unsigned long long) r->seq,
                    y->at.instruments[r->instrument].exchange_symbol,
                    (unsigned long long) r->message);
        break;
    }
}


static void
verify_raw(verify_t *y, const trd_tape_record_t *r)
{
    verify_advance(y, r->message);

    if (y->v->rc != TRD_OK) {
        return;
    }

    if ((trd_tape_from(r->op) || r->op == TRD_TAPE_BOOK
         || r->op == TRD_TAPE_CARRY)
        && r->source != y->at.instruments[r->instrument].source)
    {
        verify_fail(y, "seq %llu: source %s is not that of \"%s\"",
                    (unsigned long long) r->seq, trd_source_name(r->source),
                    y->at.instruments[r->instrument].exchange_symbol);

    } else if (trd_tape_from(r->op)) {
        verify_derive(y, r);

    } else if (r->op == TRD_TAPE_BOOK) {
        verify_book(y, r);

    } else if (r->op == TRD_TAPE_CARRY) {
        verify_carry(y, r);

    } else if (r->op == TRD_TAPE_START) {
        verify_start(y, r);

    } else {
        verify_event(y, r);
    }

    if (y->at.block_end && y->v->rc == TRD_OK) {
        verify_advance(y, y->at.last_message);

        if (y->raw.message.number == y->at.last_message
            && memcmp(y->raw.chain, y->at.raw_chain, TRD_TAPE_HASH) != 0)
        {
            verify_fail(y, "messages up to %llu are not those recorded",
                        (unsigned long long) y->at.last_message);
        }
    }
}


static void
verify_record(verify_t *y, const trd_tape_record_t *r)
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

    y->before_seq = v->last_seq;
    y->before_ms = v->last_ms;
    v->records++;
    v->updates += r->op == TRD_TAPE_UPDATE;
    v->prints += r->op == TRD_TAPE_PRINT;
    v->candles += r->op == TRD_TAPE_CANDLE;
    v->books += r->op == TRD_TAPE_BOOK;
    v->carried += r->op == TRD_TAPE_CARRY;
    v->last_seq = r->seq;
    v->last_ms = r->received_ms;

    if (y->derive && verify_file(y) == 0) {
        verify_raw(y, r);
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


/* Messages after the last record must have brought nothing, and be those that
   the tape says there were; without any there is nothing to prove by. */

static void
verify_end(verify_t *y)
{
    trd_rc_t  rc;

    if (!y->live && y->v->records) {
        verify_files_end(y, y->at.ordinal, y->at.raw_chain);
    }

    if (y->v->rc == TRD_OK && !y->live) {
        rc = tsd_tape_raw_read(&y->raw, UINT64_MAX, UINT64_MAX);

        if (rc == TRD_OK) {
            verify_fail(y, "%s has raw messages that no record is after",
                        y->raw.path);

        } else if (rc != TRD_NOT_FOUND) {
            verify_fail(y, "%s %s", y->raw.path, y->raw.why);

        } else if (y->raw.torn) {
            verify_fail(y, "%s ends within a block", y->raw.path);
        }
    }

    if (y->v->rc == TRD_OK && y->v->messages == 0
        && y->v->updates + y->v->prints + y->v->candles + y->v->books
           + y->v->carried
           > y->v->underived)
    {
        verify_fail(y, "there are no raw messages to derive from");
    }
}


void
tsd_tape_verify(const char *path, int raw, tsd_tape_verdict_t *v,
    void (*progress)(void *ctx, uint64_t done, uint64_t total), void *ctx)
{
    verify_t            y;
    trd_rc_t            rc;
    const char         *why;
    trd_tape_record_t   r;

    memset(v, 0, sizeof(*v));
    memset(&y, 0, sizeof(y));
    y.v = v;
    y.raw.walk.fd = -1;
    y.live = verify_live(path);
    y.reader = tsd_tape_open(path, 1, &why);
    y.derive = raw ? tsd_tape_derive_create() : NULL;

    if (y.reader == NULL) {
        verify_fail(&y, "%s %s", path, why);

    } else if (raw && (y.derive == NULL
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
        verify_record(&y, &r);

        if (progress && v->records % VERIFY_STEP == 0) {
            progress(ctx, y.at.bytes, y.at.total);
        }
    }

    if (y.reader) {
        tsd_tape_at(y.reader, &y.at);

        if (raw && rc == TRD_NOT_FOUND) {
            verify_end(&y);
        }

        v->files = y.at.files;
        v->blocks = y.at.blocks;
        v->lost = y.at.lost;
        memcpy(v->chain, y.at.chain, TRD_TAPE_HASH);

        if (rc == TRD_CORRUPT) {
            verify_fail(&y, "%s %s", y.at.path, y.at.why);

        } else if (!y.live && (y.at.torn || y.at.headless)) {
            verify_fail(&y, "%s ends within a block, %llu bytes after the "
                        "last whole one", y.at.path,
                        (unsigned long long) y.at.torn);
        }
    }

    tsd_tape_reader_free(y.reader);
    tsd_tape_raw_close(&y.raw);
    tsd_tape_derive_free(y.derive);
}
