/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Any bytes as the map of the binary signals.  What is taken must be written
 * back to the same bytes, and every version of it told within the bounds that
 * the module allows; what is not taken must not be told whole either.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "trd_slots.h"

#define ROOM  256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static trd_slot_t  slot[ROOM];
static char        back[ROOM * TRD_SLOTS_LINE + TRD_SLOTS_HEAD];


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


static trd_rc_t
told(const char *text, size_t size, uint64_t version)
{
    char          *list;
    trd_rc_t       rc;
    trd_writer_t   w;

    list = malloc(3 * size + 1);
    check(list != NULL);
    trd_writer_init(&w, list, 3 * size);
    rc = trd_slots_symbols(text, size, version, &w);
    check(rc == TRD_OK || rc == TRD_NOT_FOUND || rc == TRD_CORRUPT);
    check(rc != TRD_OK || !trd_writer_overflowed(&w));
    free(list);

    return rc;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    trd_rc_t           rc;
    uint32_t           place;
    trd_slots_t        s;
    const char        *text;
    trd_writer_t       w;
    trd_instrument_t   in;

    text = (const char *) data;
    trd_slots_init(&s, slot, ROOM);
    rc = trd_slots_read(&s, text, size);

    if (rc != TRD_OK) {
        check(rc == TRD_ERROR || rc == TRD_OVERFLOW);
        check(rc == TRD_OVERFLOW || told(text, size, 1) != TRD_OK);
        return 0;
    }

    trd_writer_init(&w, back, sizeof(back));
    trd_slots_write(&s, &w);
    check(!trd_writer_overflowed(&w) && trd_writer_len(&w) == size
          && memcmp(back, text, size) == 0);

    check(told(text, size, s.first) == TRD_OK);
    check(told(text, size, s.version) == TRD_OK);
    check(told(text, size, s.first - 1) == TRD_NOT_FOUND);
    check(told(text, size, s.version + 1) == TRD_NOT_FOUND);

    memset(&in, 0, sizeof(in));
    memcpy(in.symbol, "BTC", 4);
    rc = trd_slots_update(&s, &in, 1, &place);
    check(rc == TRD_OK || rc == TRD_OVERFLOW);

    if (rc == TRD_OK) {
        check(place < s.n && trd_slot_taken(&s.slot[place], s.version));
        trd_writer_init(&w, back, sizeof(back));
        trd_slots_write(&s, &w);
        check(s.version > TRD_SLOTS_VERSION_MAX
              || told(back, trd_writer_len(&w), s.version) == TRD_OK);
    }

    return 0;
}
