/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A damaged events file: the input edits bytes of the header and of the ring,
 * and may seal again what it edited.  Whatever a reader does then must not
 * leave the file, must end, and unless a record was sealed every event that
 * it is given is one that was written.
 *
 *   byte 0      bit 0: seal the header; bit 1: seal the two ends; bit 2: seal
 *               the record that an edit begins in
 *   then        edits: place (1 byte: even, header), offset (2), length (1),
 *               bytes
 */

#include <stdio.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "../unit/events_fixture.h"

#define EVENTS  12
#define EDITS   32
#define END     136             /* of the header: the first of two ends */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
fail(const char *what)
{
    (void) fprintf(stderr, "%s\n", what);
    abort();
}


static void
seal_end(uint8_t *end)
{
    uint64_t  words[3] = { EVENTS_GENERATION, 0, 0 };

    memcpy(words + 1, end, 16);
    words[0] = XXH3_64bits(words, sizeof(words));
    memcpy(end + 16, words, 8);
}


/* makes the hash of the record at a position right, whatever it says */
static void
seal_record(events_fixture_t *f, uint64_t pos)
{
    size_t          alen, len, room;
    uint64_t        head[4], words[5], hash;
    const uint8_t  *p;

    room = TRD_EVENTS_RING_MIN - (size_t) pos;

    if (room < sizeof(head)) {
        return;
    }

    p = f->mem + TRD_EVENTS_HEADER_SIZE + pos;
    memcpy(head, p, sizeof(head));
    alen = head[3] >> 8 & 0xff;
    len = (size_t) (head[3] >> 32);

    if ((head[3] & 0xff) == 0xff) {
        alen = len = 0;
    }

    if (len > TRD_EVENT_BODY_MAX
        || sizeof(head) + (alen + 7) / 8 * 8 + len > room)
    {
        return;
    }

    words[0] = EVENTS_GENERATION;
    words[1] = pos;
    memcpy(words + 2, head + 1, 24);
    hash = XXH3_64bits(words, sizeof(words));
    hash = XXH3_64bits_withSeed(p + 32, alen, hash);
    hash = XXH3_64bits_withSeed(p + 32 + (alen + 7) / 8 * 8, len, hash);
    memcpy(f->mem + TRD_EVENTS_HEADER_SIZE + pos, &hash, sizeof(hash));
}


static void
damage(events_fixture_t *f, const uint8_t *p, const uint8_t *end)
{
    size_t    at, len;
    uint64_t  offset, record;
    uint8_t   flags;
    unsigned  i;

    flags = p < end ? *p++ : 0;

    for (i = 0; i < EDITS && end - p >= 5; i++) {
        offset = p[1] | (uint64_t) p[2] << 8;
        at = p[0] % 2 ? TRD_EVENTS_HEADER_SIZE + (size_t) offset
                      : (size_t) offset % 192;
        record = p[0] % 2 ? offset & ~(uint64_t) 7 : UINT64_MAX;
        len = p[3];
        p += 4;

        if (len > (size_t) (end - p)) {
            len = (size_t) (end - p);
        }

        if (len > f->size - at) {
            len = f->size - at;
        }

        memcpy(f->mem + at, p, len);
        p += len;

        if ((flags & 4) && record != UINT64_MAX) {
            seal_record(f, record);
        }
    }

    if (flags & 2) {
        seal_end(f->mem + END);
        seal_end(f->mem + END + 24);
    }

    if (flags & 1) {
        record = XXH3_64bits(f->mem, 56);
        memcpy(f->mem + 56, &record, sizeof(record));
    }
}


static void
follow(const trd_events_t *e, uint64_t pos, int sealed)
{
    trd_rc_t      rc;
    uint8_t      *buf;
    uint64_t      from, number, last;
    unsigned      i;
    trd_event_t   event;

    buf = malloc(TRD_EVENT_BODY_MAX);       /* its bounds are watched */

    if (buf == NULL) {
        return;
    }

    for (i = 0; i < 3 * EVENTS; i++) {
        from = pos;
        rc = trd_events_read(e, &pos, &event, buf);

        if (rc != TRD_OK) {
            last = trd_events_newest(e, &number);

            if (rc == TRD_AGAIN && pos != last) {
                fail("nothing newer, and not at the end");
            }

            break;
        }

        if (pos <= from || pos != event.next) {
            fail("a reader that does not get on");
        }

        if (event.account_len > TRD_EVENT_ACCOUNT_MAX
            || event.account[event.account_len] != '\0'
            || event.len > TRD_EVENT_BODY_MAX || event.kind >= TRD_EVENT_N)
        {
            fail("an event out of bounds");
        }

        if (!sealed && !events_fixture_is(&event, buf)) {
            fail("an event that was never written");
        }
    }

    free(buf);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int               sealed;
    uint64_t          pos[EVENTS + 1];
    unsigned          i;
    const char       *why;
    trd_events_t      e;
    events_fixture_t  f;

    if (events_fixture_init(&f, TRD_EVENTS_RING_MIN) != 0) {
        abort();
    }

    /* most of what is written lies before the end of the ring, the rest
       behind it and its padding */

    f.w.pos = TRD_EVENTS_RING_MIN - 1000;

    for (i = 0; i < EVENTS; i++) {
        pos[i] = f.w.pos;

        if (events_fixture_write(&f) != TRD_OK) {
            abort();
        }
    }

    pos[i] = f.w.pos;
    sealed = size && (data[0] & 4);
    damage(&f, data, data + size);

    if (trd_events_open(&e, f.mem, f.size, &why) == TRD_OK
        && e.generation == EVENTS_GENERATION)
    {
        for (i = 0; i <= EVENTS; i++) {
            follow(&e, pos[i], sealed);
        }

        follow(&e, 0, sealed);
        follow(&e, UINT64_MAX, sealed);
        follow(&e, trd_events_newest(&e, &pos[0]), sealed);
    }

    free(f.mem);

    return 0;
}
