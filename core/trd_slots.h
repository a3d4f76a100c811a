/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Whose bit is where in the binary signals, now and in versions before.
 *
 * A symbol gets the first place that was never anyone's and owns it for good:
 * where it leaves the catalogue the place stays and is nobody's, and where it
 * comes back it is there again.  Each time that a catalogue differs from the
 * one before, the version grows by one.  What stood where in a version follows
 * from the versions at which the owner of each place came and went, and they
 * are all that is kept:
 *
 *     {"first":1,"version":4,"slots":[
 *     ["BTC",1],
 *     ["BNB",1,2,4],
 *     ["SOL",3]]}
 *
 * is BTC, BNB in version 1; BTC, null in 2; BTC, null, SOL in 3; and all three
 * in 4.  `first` is the oldest version that can still be told.  The text is
 * what the state file and the board's page hold; symbols are the catalogue's
 * and need no quoting.
 *
 * Pure: memory is the caller's, one thread each.
 */

#ifndef TRD_SLOTS_H
#define TRD_SLOTS_H

#include <stddef.h>
#include <stdint.h>

#include "trd_quote.h"
#include "trd_rc.h"
#include "trd_writer.h"

#define TRD_SLOTS_CHANGES      16           /* of a place; then the oldest
                                               versions are forgotten */
#define TRD_SLOTS_VERSION_MAX  2000000000   /* more than is ever believed */
#define TRD_SLOTS_LINE         224          /* a place in the text, at most */
#define TRD_SLOTS_HEAD         64

typedef struct {
    char      symbol[TRD_SYMBOL_LEN + 1];
    uint8_t   seen;                         /* by trd_slots_update() */
    uint32_t  n;
    uint32_t  at[TRD_SLOTS_CHANGES];        /* versions, ascending: it came,
                                               went, came ... */
} trd_slot_t;

typedef struct {
    uint32_t     version;                   /* 0: there is none yet */
    uint32_t     first;
    uint32_t     n;
    uint32_t     room;                      /* of slot */
    trd_slot_t  *slot;
} trd_slots_t;

void trd_slots_init(trd_slots_t *s, trd_slot_t *slot, uint32_t room);

/*
 * Takes the text in, whole or not at all.  TRD_ERROR: it is not such a text;
 * TRD_OVERFLOW: more places than there is room for.
 */
trd_rc_t trd_slots_read(trd_slots_t *s, const char *text, size_t len)
    TRD_MUST_CHECK;

/*
 * The catalogue as it is now; place[i] becomes that of instrument i.  The
 * version grows if anything differs.  TRD_OVERFLOW: there is no room for all
 * places; trd_slots_renew() helps if there are more places than instruments.
 * Nothing has changed then.
 */
trd_rc_t trd_slots_update(trd_slots_t *s, const trd_instrument_t *in,
    uint32_t n, uint32_t *place) TRD_MUST_CHECK;

/* Forgets all places and versions; the next one has at least this number. */
void trd_slots_renew(trd_slots_t *s, uint32_t version);

void trd_slots_write(const trd_slots_t *s, trd_writer_t *w);

/*
 * The symbols of a version as a JSON list, straight from the text: null where
 * a place was nobody's.  TRD_NOT_FOUND: no such version, or forgotten;
 * TRD_CORRUPT: not such a text, and `w` holds a part.  Three times the text's
 * length is enough for the list.
 */
trd_rc_t trd_slots_symbols(const char *text, size_t len, uint64_t version,
    trd_writer_t *w) TRD_MUST_CHECK;

/* is the owner of a place there in a version? */
int trd_slot_taken(const trd_slot_t *slot, uint64_t version);

#endif /* TRD_SLOTS_H */
