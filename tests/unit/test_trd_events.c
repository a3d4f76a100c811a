/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The events file: what is read was written, once and in order, or the reader
 * is told; and nothing that a dead writer, a faster one or a damaged file
 * leaves behind is ever taken for an event.
 */

#define _GNU_SOURCE

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "events_fixture.h"
#include "trd_events_map.h"

#define RING       TRD_EVENTS_RING_MIN
#define RACE_MS    1500
#define RACE_MAX   60000        /* ms; a reader waits for a core so long */
#define POSITIONS  4096


static int
test_setup(void **state)
{
    static events_fixture_t  f;

    *state = &f;

    return events_fixture_init(&f, RING);
}


static int
test_teardown(void **state)
{
    free(((events_fixture_t *) *state)->mem);

    return 0;
}


static void
test_size_bounds(void **state)
{
    (void) state;

    assert_int_equal(trd_events_size(0), 0);
    assert_int_equal(trd_events_size(RING - 8), 0);
    assert_int_equal(trd_events_size(RING + 8), 0);
    assert_int_equal(trd_events_size(RING), 4096 + RING);
    assert_int_equal(trd_events_size(TRD_EVENTS_RING_MAX),
                     4096 + (size_t) TRD_EVENTS_RING_MAX);
    assert_int_equal(trd_events_size(2ULL * TRD_EVENTS_RING_MAX), 0);
    assert_int_equal(trd_events_size(1ULL << 63), 0);
}


static void
test_create_bounds(void **state)
{
    events_fixture_t     *f = *state;
    trd_events_writer_t   w;

    assert_int_equal(trd_events_create(&w, f->mem, f->size, 2 * RING, 1, 1),
                     TRD_OVERFLOW);
    assert_int_equal(trd_events_create(&w, f->mem, f->size - 1, RING, 1, 1),
                     TRD_OVERFLOW);
    assert_int_equal(trd_events_create(&w, f->mem, f->size, RING + 8, 1, 1),
                     TRD_OVERFLOW);
}


static void
test_read_what_was_written(void **state)
{
    int                i;
    uint64_t           pos, number;
    uint8_t            buf[TRD_EVENT_BODY_MAX];
    trd_event_t        event;
    events_fixture_t  *f = *state;

    assert_int_equal(f->e.generation, EVENTS_GENERATION);
    pos = trd_events_newest(&f->e, &number);
    assert_int_equal(pos, 0);
    assert_int_equal(number, 0);
    assert_int_equal(trd_events_read(&f->e, &pos, &event, buf), TRD_AGAIN);

    /* many laps, with the reader one, two and three behind */
    for (i = 1; i <= 5000; i++) {
        assert_int_equal(events_fixture_write(f), TRD_OK);

        if (i % 3) {
            continue;
        }

        for (number = (uint64_t) i - 2; number <= (uint64_t) i; number++) {
            assert_int_equal(trd_events_read(&f->e, &pos, &event, buf),
                             TRD_OK);
            assert_int_equal(event.number, number);
            assert_int_equal(event.next, pos);
            assert_true(events_fixture_is(&event, buf));
        }

        assert_int_equal(trd_events_read(&f->e, &pos, &event, buf),
                         TRD_AGAIN);
        assert_int_equal(pos, trd_events_newest(&f->e, &number));
        assert_int_equal(number, i);
    }

    assert_true(pos > 10 * RING);
}


static void
test_write_bounds(void **state)
{
    char               account[TRD_EVENT_ACCOUNT_MAX + 1];
    uint64_t           pos, number;
    static uint8_t     body[TRD_EVENT_BODY_MAX + 1], buf[TRD_EVENT_BODY_MAX];
    trd_event_t        event;
    events_fixture_t  *f = *state;

    memset(account, 'x', sizeof(account));
    memset(body, 'y', sizeof(body));

#define write(kind, alen, len)                                                \
    trd_events_write(&f->w, kind, account, alen, body, len, 1)

    assert_int_equal(write(TRD_EVENT_N, 1, 1), TRD_ERROR);
    assert_int_equal(write(0xff, 1, 1), TRD_ERROR);
    assert_int_equal(write(0, 0, 1), TRD_ERROR);
    assert_int_equal(write(0, 1, 0), TRD_ERROR);
    assert_int_equal(write(0, sizeof(account), 1), TRD_OVERFLOW);
    assert_int_equal(write(0, 1, sizeof(body)), TRD_OVERFLOW);
    account[3] = '\0';
    assert_int_equal(write(0, 8, 1), TRD_ERROR);
    account[3] = 'x';

    assert_int_equal(trd_events_newest(&f->e, &number), 0);
    assert_int_equal(number, 0);

    assert_int_equal(write(TRD_EVENT_N - 1, TRD_EVENT_ACCOUNT_MAX,
                           TRD_EVENT_BODY_MAX), TRD_OK);
#undef write

    pos = 0;
    assert_int_equal(trd_events_read(&f->e, &pos, &event, buf), TRD_OK);
    assert_int_equal(event.account_len, TRD_EVENT_ACCOUNT_MAX);
    assert_int_equal(strlen(event.account), TRD_EVENT_ACCOUNT_MAX);
    assert_int_equal(event.len, TRD_EVENT_BODY_MAX);
    assert_memory_equal(buf, body, TRD_EVENT_BODY_MAX);
}


/* every distance that a record can have to the end of the ring */
static void
test_padding(void **state)
{
    size_t             rest;
    uint64_t           pos, number;
    uint8_t            body[400], buf[TRD_EVENT_BODY_MAX];
    trd_event_t        event;
    events_fixture_t  *f = *state;

    memset(body, 'b', sizeof(body));

    for (rest = 8; rest <= 512; rest += 8) {
        f->w.pos = (f->w.pos / RING + 2) * RING - rest;
        assert_int_equal(trd_events_write(&f->w, 1, "acc", 3, body,
                                          sizeof(body), 5), TRD_OK);
        pos = (f->w.pos - 1) / RING * RING;
        pos = rest < 440 ? pos - rest : f->w.pos - 440;

        assert_int_equal(trd_events_read(&f->e, &pos, &event, buf), TRD_OK);
        assert_int_equal(event.number, f->w.number);
        assert_int_equal(event.len, sizeof(body));
        assert_memory_equal(buf, body, sizeof(body));
        assert_int_equal(pos, trd_events_newest(&f->e, &number));
        assert_true((pos - 440) % RING + 440 <= RING);
    }
}


static void
test_positions_beyond_32_bits(void **state)
{
    int                i;
    uint64_t           pos, start;
    uint8_t            buf[TRD_EVENT_BODY_MAX];
    trd_event_t        event;
    events_fixture_t  *f = *state;

    f->w.number = 0xfffffff0;

    for (start = (1ULL << 32) - 1024; start < 1ULL << 61; start *= 3) {
        f->w.pos = start & ~(uint64_t) 7;
        pos = f->w.pos;

        for (i = 0; i < 200; i++) {
            assert_int_equal(events_fixture_write(f), TRD_OK);
            assert_int_equal(trd_events_read(&f->e, &pos, &event, buf),
                             TRD_OK);
            assert_int_equal(event.number, f->w.number);
            assert_true(events_fixture_is(&event, buf));
            assert_int_equal(pos, f->w.pos);
        }

        /* the same place of the ring, laps ago */
        pos = start & (RING - 1) & ~(uint64_t) 7;
        assert_int_equal(trd_events_read(&f->e, &pos, &event, buf),
                         TRD_NOT_FOUND);
        assert_int_equal(pos, f->w.pos);
    }
}


static void
test_overrun(void **state)
{
    int                i;
    uint64_t           pos, number;
    uint8_t            buf[TRD_EVENT_BODY_MAX];
    trd_event_t        event;
    events_fixture_t  *f = *state;

    for (i = 0; i < 1000; i++) {
        assert_int_equal(events_fixture_write(f), TRD_OK);
    }

    pos = 0;
    assert_int_equal(trd_events_read(&f->e, &pos, &event, buf),
                     TRD_NOT_FOUND);
    assert_int_equal(pos, trd_events_newest(&f->e, &number));
    assert_int_equal(number, 1000);

    assert_int_equal(trd_events_read(&f->e, &pos, &event, buf), TRD_AGAIN);
    assert_int_equal(events_fixture_write(f), TRD_OK);
    assert_int_equal(trd_events_read(&f->e, &pos, &event, buf), TRD_OK);
    assert_int_equal(event.number, 1001);
}


static void
test_positions_of_nobody(void **state)
{
    uint64_t           pos, i;
    uint8_t            buf[TRD_EVENT_BODY_MAX];
    trd_event_t        event;
    events_fixture_t  *f = *state;

    for (i = 0; i < 20; i++) {
        assert_int_equal(events_fixture_write(f), TRD_OK);
    }

    for (i = 1; i < 64; i++) {
        pos = f->w.pos + i;
        assert_int_equal(trd_events_read(&f->e, &pos, &event, buf),
                         TRD_CORRUPT);
        assert_int_equal(pos, f->w.pos);
    }

    pos = UINT64_MAX;
    assert_int_equal(trd_events_read(&f->e, &pos, &event, buf), TRD_CORRUPT);

    /* within records: their bytes are no heads */
    for (i = 1, pos = 1; i < f->w.pos; i++, pos = i) {
        trd_rc_t  rc = trd_events_read(&f->e, &pos, &event, buf);

        if (rc == TRD_OK) {
            assert_true(events_fixture_is(&event, buf));
            assert_int_equal(i % 8, 0);

        } else {
            assert_int_equal(rc, TRD_CORRUPT);
            assert_int_equal(pos, f->w.pos);
        }
    }
}


/* refused, or as good as it was, or told; never another event */
static void
test_every_header_byte_flipped(void **state)
{
    int                i, bit, opened, told;
    trd_rc_t           rc;
    uint64_t           pos, number;
    uint8_t            buf[TRD_EVENT_BODY_MAX];
    const char        *why;
    trd_event_t        event;
    trd_events_t       e;
    events_fixture_t  *f = *state;

    for (i = 0; i < 20; i++) {
        assert_int_equal(events_fixture_write(f), TRD_OK);
    }

    for (opened = told = i = 0; i < TRD_EVENTS_HEADER_SIZE; i++) {
        for (bit = 0; bit < 8; bit++) {
            f->mem[i] ^= (uint8_t) (1U << bit);

            if (trd_events_open(&e, f->mem, f->size, &why) != TRD_OK) {
                assert_non_null(why);
                assert_true(i < 64);
                f->mem[i] ^= (uint8_t) (1U << bit);
                continue;
            }

            /* nothing of the fixed part is believed, flipped */
            assert_true(i >= 64);
            opened++;
            pos = 0;

            while ((rc = trd_events_read(&e, &pos, &event, buf)) == TRD_OK) {
                assert_true(events_fixture_is(&event, buf));
            }

            /* of two ends the one that counts no more may be damaged */
            if (rc == TRD_AGAIN) {
                assert_int_equal(event.number, trd_events_newest(&e, &number)
                                               ? number : 0);
                assert_in_range(number, 19, 20);

            } else {
                assert_int_equal(rc, TRD_CORRUPT);
                assert_int_equal(trd_events_newest(&e, &number), 0);
                assert_int_equal(number, 0);
                told++;
            }

            f->mem[i] ^= (uint8_t) (1U << bit);
        }
    }

    assert_int_equal(opened, 8 * (TRD_EVENTS_HEADER_SIZE - 64));
    assert_true(told >= 8 * 24);
}


static void
test_open_refuses(void **state)
{
    size_t             size;
    const char        *why;
    trd_events_t       e;
    events_fixture_t  *f = *state;

    for (size = 0; size < f->size; size += 997) {
        assert_int_equal(trd_events_open(&e, f->mem, size, &why),
                         TRD_CORRUPT);
    }

    assert_int_equal(trd_events_open(&e, f->mem, f->size - 1, &why),
                     TRD_CORRUPT);
    assert_int_equal(trd_events_open(&e, f->mem, f->size + 1, &why),
                     TRD_CORRUPT);
    assert_int_equal(trd_events_open(&e, f->mem, f->size, &why), TRD_OK);
}


static void
test_every_ring_byte_flipped(void **state)
{
    trd_rc_t           rc;
    uint64_t           i, pos, start;
    uint8_t            buf[TRD_EVENT_BODY_MAX];
    trd_event_t        event;
    events_fixture_t  *f = *state;

    while (f->w.pos < 3000) {
        assert_int_equal(events_fixture_write(f), TRD_OK);
    }

    for (i = 0; i < f->w.pos; i++) {
        f->mem[TRD_EVENTS_HEADER_SIZE + i] ^= 0x10;

        for (pos = start = 0;
             (rc = trd_events_read(&f->e, &pos, &event, buf)) == TRD_OK;
             start = pos)
        {
            assert_true(events_fixture_is(&event, buf));
        }

        /* no record is read past the damage; only fillers have none */
        assert_true(rc == TRD_AGAIN || (rc == TRD_CORRUPT && start <= i));
        assert_int_equal(pos, f->w.pos);
        f->mem[TRD_EVENTS_HEADER_SIZE + i] ^= 0x10;
    }
}


static void
test_age(void **state)
{
    events_fixture_t  *f = *state;

    assert_true(trd_events_age(&f->e, 5000) == INT64_MAX);
    trd_events_beat(&f->w, 4000, 1700000000000);
    assert_int_equal(trd_events_age(&f->e, 5000), 1000);
    assert_int_equal(trd_events_age(&f->e, 3990), 0);
    trd_events_beat(&f->w, 1000000, 1700000000000);
    assert_true(trd_events_age(&f->e, 5000) == INT64_MAX);
}


/* all that a reader can have kept: what it gets is right, or it is told */
static void
torn_check(events_fixture_t *f, const uint64_t *positions, int n,
    uint64_t newest)
{
    int          i;
    trd_rc_t     rc;
    uint64_t     pos, number;
    uint8_t      buf[TRD_EVENT_BODY_MAX];
    trd_event_t  event;

    assert_int_equal(trd_events_newest(&f->e, &number), newest);

    for (i = 0; i < n; i++) {
        pos = positions[i];

        /* of what is laps ago a few will do */
        if (i > 4 && newest - pos > RING + 2 * TRD_EVENT_BODY_MAX) {
            continue;
        }

        rc = trd_events_read(&f->e, &pos, &event, buf);

        if (rc == TRD_OK) {
            assert_true(events_fixture_is(&event, buf));
            assert_int_equal(event.number, i + 1);

        } else {
            assert_int_equal(rc, pos == positions[i] ? TRD_AGAIN
                                                     : TRD_NOT_FOUND);
            assert_int_equal(pos, newest);
        }
    }
}


/*
 * A writer that dies between any two stores: the words that a write changes,
 * in its order up to each of them, and then at random, as a processor may
 * order them; the number, which is stored last, always comes last.
 */
static void
test_torn_at_each_store(void **state)
{
    int                n, k;
    size_t             i, changed, words;
    uint64_t          *at, *was, *is, old, turn;
    static uint64_t    positions[POSITIONS], which[POSITIONS];
    events_fixture_t  *f = *state;

    words = f->size / 8;
    at = (uint64_t *) (void *) f->mem;
    was = malloc(f->size);
    is = malloc(f->size);
    assert_true(was && is);

    for (n = 0; n < 700; /* void */) {
        positions[n++] = f->w.pos;
        old = f->w.pos;
        memcpy(was, f->mem, f->size);
        assert_int_equal(events_fixture_write(f), TRD_OK);
        memcpy(is, f->mem, f->size);

        /* laps without padding are alike; the large are too many words */
        if (f->w.pos - old > 700 && f->w.pos / RING == old / RING) {
            continue;
        }

        if (f->w.pos / RING == old / RING && n % 10) {
            continue;
        }

        for (changed = 0, i = 512; i < words; i++) {
            if (was[i] != is[i] && changed < POSITIONS) {
                which[changed++] = i;
            }
        }

        for (i = 17; i < 512; i++) {            /* after the ring the ends */
            if (was[i] != is[i] && changed < POSITIONS) {
                which[changed++] = i;
            }
        }

        for (k = 0; k < 2; k++) {
            memcpy(f->mem, was, f->size);

            for (i = 0; i < changed; i++) {
                turn = events_fixture_mix((uint64_t) n * changed + i);

                if (k == 0 || turn % 2) {
                    at[which[i]] = is[which[i]];
                }

                torn_check(f, positions, n, old);
            }
        }

        memcpy(f->mem, is, f->size);
        torn_check(f, positions, n, f->w.pos);
    }

    assert_true(f->w.pos > 3 * RING);
    free(was);
    free(is);
}


typedef struct {
    events_fixture_t  *f;
    const char        *wrong;
    _Atomic uint64_t   reads;
    uint64_t           overruns;
} racer_t;

static _Atomic int  race_stop;


static void *
race_reader(void *arg)
{
    racer_t      *r = arg;
    uint8_t       buf[TRD_EVENT_BODY_MAX];
    uint64_t      pos, last, number;
    trd_rc_t      rc;
    trd_event_t   event;

    pos = trd_events_newest(&r->f->e, &last);

    do {
        rc = trd_events_read(&r->f->e, &pos, &event, buf);

        if (rc == TRD_AGAIN) {
            continue;
        }

        if (rc == TRD_NOT_FOUND) {
            r->overruns++;
            (void) trd_events_newest(&r->f->e, &number);

            if (number <= last) {
                r->wrong = "overrun by nothing";
            }

            last = 0;
            continue;
        }

        if (rc != TRD_OK) {
            r->wrong = "a record is corrupt";

        } else if (!events_fixture_is(&event, buf)) {
            r->wrong = "an event is not that of its number";

        } else if (last && event.number != last + 1) {
            r->wrong = "an event is missing";
        }

        last = event.number;
        r->reads++;

    } while (r->wrong == NULL && !atomic_load(&race_stop));

    return NULL;
}


static int64_t
race_now_ms(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


/* each of them has read something */

static int
race_has_begun(racer_t *racers, int n)
{
    int  i;

    for (i = 0; i < n; i++) {
        if (atomic_load(&racers[i].reads) == 0) {
            return 0;
        }
    }

    return 1;
}


static void
test_race(void **state)
{
    int         i;
    int64_t     begun, ms;
    racer_t     racers[3] = { { 0 } };
    pthread_t   threads[3];

    for (i = 0; i < 3; i++) {
        racers[i].f = *state;
        assert_int_equal(pthread_create(&threads[i], NULL, race_reader,
                                        &racers[i]), 0);
    }

    begun = race_now_ms();

    do {
        for (i = 0; i < 1000; i++) {
            assert_int_equal(events_fixture_write(*state), TRD_OK);
        }

        ms = race_now_ms() - begun;

        if (ms >= RACE_MS) {
            (void) usleep(1000);        /* who has no core gets one */
        }

    } while (ms < RACE_MS
             || (ms < RACE_MAX && !race_has_begun(racers, 3)));

    atomic_store(&race_stop, 1);

    for (i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);

        if (racers[i].wrong) {
            fail_msg("%s", racers[i].wrong);
        }

        print_message("# %llu events read, overrun %llu times\n",
                      (unsigned long long) racers[i].reads,
                      (unsigned long long) racers[i].overruns);
        assert_true(racers[i].reads > 0);
    }
}


/* the same file by its path, as the module has it */
static void
test_map(void **state)
{
    int                fd, err;
    char               path[] = "/tmp/trd-events-XXXXXX";
    uint64_t           pos;
    uint8_t            buf[TRD_EVENT_BODY_MAX];
    const char        *why;
    trd_event_t        event;
    trd_file_id_t      id;
    events_fixture_t  *f = *state;
    trd_events_map_t   m;

    assert_int_equal(trd_events_map_open(&m, "/tmp/trd-events-none", &id,
                                         &why, &err), TRD_NOT_FOUND);
    assert_null(m.file.base);

    assert_int_equal(events_fixture_write(f), TRD_OK);
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, f->mem, 4000), 4000);
    assert_int_equal(trd_events_map_open(&m, path, &id, &why, &err),
                     TRD_CORRUPT);
    assert_int_equal(write(fd, f->mem + 4000, f->size - 4000),
                     f->size - 4000);
    assert_int_equal(trd_file_guard(), 0);
    assert_int_equal(trd_events_map_open(&m, path, &id, &why, &err), TRD_OK);

    pos = 0;
    assert_int_equal(trd_events_read(&m.events, &pos, &event, buf), TRD_OK);
    assert_true(events_fixture_is(&event, buf));
    assert_int_equal(trd_events_map_check(&m, path, &id), TRD_FILE_SAME);

    /* cut while mapped: an error, not a signal */
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(trd_events_map_check(&m, path, &id), TRD_FILE_SHRUNK);
    assert_false(trd_events_map_lost(&m));
    pos = 0;
    assert_int_equal(trd_events_read(&m.events, &pos, &event, buf),
                     TRD_CORRUPT);
    assert_true(trd_events_map_lost(&m));

    trd_events_map_close(&m);
    trd_events_map_close(&m);
    assert_false(trd_events_map_lost(&m));
    assert_int_equal(trd_events_map_check(&m, path, &id), TRD_FILE_OTHER);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(trd_events_map_check(&m, path, &id), TRD_FILE_NONE);
    (void) close(fd);
}


#define test(name)                                                            \
    cmocka_unit_test_setup_teardown(name, test_setup, test_teardown)

int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_size_bounds),
        test(test_create_bounds),
        test(test_read_what_was_written),
        test(test_write_bounds),
        test(test_padding),
        test(test_positions_beyond_32_bits),
        test(test_overrun),
        test(test_positions_of_nobody),
        test(test_every_header_byte_flipped),
        test(test_open_refuses),
        test(test_every_ring_byte_flipped),
        test(test_age),
        test(test_torn_at_each_store),
        test(test_race),
        test(test_map)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
