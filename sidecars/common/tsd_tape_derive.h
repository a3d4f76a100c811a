/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Makes records anew from raw messages, as marketd made them: the same
 * decoders, the same judge, the same books, with a shadow of the market that
 * has seen what the tape says it saw.
 *
 * As long as that is not known from a START on, nothing is judged: messages
 * bring what they might have brought.
 */

#ifndef TSD_TAPE_DERIVE_H
#define TSD_TAPE_DERIVE_H

#include "tsd_tape.h"
#include "tsd_tape_file.h"

#define TSD_TAPE_EXPECTED  65536        /* records of one message */

typedef struct tsd_tape_derive_s  tsd_tape_derive_t;

/* a record that a message brings; only these are set */
typedef struct {
    uint32_t      op;
    uint32_t      instrument;
    uint32_t      remembered;   /* TRD_HAS_* that no message says: the day of
                                   a source that is polled */
    trd_update_t  update;
} tsd_tape_expected_t;

/* NULL: no memory */
tsd_tape_derive_t *tsd_tape_derive_create(void);
void tsd_tape_derive_free(tsd_tape_derive_t *d);

/* The instruments of another file, kept by the caller; 0, or -1: no memory. */
int tsd_tape_derive_file(tsd_tape_derive_t *d, const tsd_tape_at_t *at);

/* as in the file; ours, until the next */
const trd_instrument_t *tsd_tape_derive_instrument(
    const tsd_tape_derive_t *d, uint32_t i);

/* Is the judge's knowledge whole?  Off after a gap, on by the next START. */
int tsd_tape_derive_judges(const tsd_tape_derive_t *d);

/*
 * A START: everything is forgotten, but quotes are kept for what may be
 * carried over.  whole: nothing can be missing between the entry before it,
 * of last_ms, and it.  0, or -1: no memory.
 */
int tsd_tape_derive_start(tsd_tape_derive_t *d, int whole, int64_t last_ms);

/* A CARRY: TRD_OK, it is what was known before the START; TRD_ERROR, it is
   not; TRD_AGAIN, that cannot be told. */
trd_rc_t tsd_tape_derive_carry(tsd_tape_derive_t *d,
    const trd_tape_record_t *r) TRD_MUST_CHECK;

/*
 * Whose quote was stale at a time, of those of live sources, for so long that
 * a STALE must have said so; their number if it is nobody's.  Looks once a
 * second, and tells what messages showed meanwhile.
 */
uint32_t tsd_tape_derive_silent(tsd_tape_derive_t *d, int64_t ms);

/* An update that was expected is there, with what no message says. */
void tsd_tape_derive_remembered(tsd_tape_derive_t *d,
    const trd_tape_record_t *r, uint32_t remembered);

/* Takes a message; *n records must follow, of those that are not books. */
const tsd_tape_expected_t *tsd_tape_derive_message(tsd_tape_derive_t *d,
    const tsd_tape_message_t *m, const char *data, size_t *n,
    uint64_t *refused);

/* What else changed the market, START and CARRY apart, and updates of no
   message.  NULL, or why it cannot have been. */
const char *tsd_tape_derive_event(tsd_tape_derive_t *d,
    const trd_tape_record_t *r);

/* A book: TRD_OK, it is what the messages make; TRD_ERROR, it is not;
   TRD_AGAIN, they are not enough to tell. */
trd_rc_t tsd_tape_derive_book(tsd_tape_derive_t *d,
    const trd_tape_record_t *r) TRD_MUST_CHECK;

#endif /* TSD_TAPE_DERIVE_H */
