/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * One writer, several readers, at full speed: every quote and every page
 * that is read is whole, an instrument's seq never goes back, no seq ever has
 * two prices wherever it is read, and a follower of the journal gets every
 * seq once or is told that it was overrun.
 */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "board_fixture.h"

#define INSTRUMENTS  4
#define RING         1024
#define MIN_READS    1000000
#define MIN_WRITES   100000
#define MIN_MS       2000
#define MAX_MS       60000

typedef struct {
    board_fixture_t   *f;
    pthread_t          thread;
    const char        *wrong;
    uint64_t           reads, again, page_again, overruns, missed;
    _Atomic uint64_t   followed;
    uint64_t           reported;
} racer_t;

static _Atomic int       race_stop;
static _Atomic uint64_t  race_reads, race_writes;


static int64_t
race_now_ms(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


/* which instrument has a seq; neighbours in the ring's place differ */
static uint32_t
race_instrument(uint64_t seq)
{
    return (uint32_t) (board_fixture_mix(seq) % INSTRUMENTS);
}


/* quotes without pause; each instrument's page every third time, one large
   page often enough to meet its readers */
static void *
race_writer(void *arg)
{
    uint32_t          i;
    uint64_t          turn;
    board_fixture_t  *f;

    f = arg;

    for (turn = 0; !atomic_load(&race_stop); turn++) {
        i = race_instrument(f->w.seq + 1);
        board_fixture_put(f, i);

        if (turn % 3 == 0) {
            board_fixture_render(f, trd_writer_entry_page(&f->w, i, 0),
                                 f->w.seq);
        }

        if (turn % 8 == 0) {
            board_fixture_render(f, trd_writer_page(&f->w, 0, 0), f->w.seq);
        }

        atomic_store(&race_writes, f->w.seq);
    }

    return NULL;
}


/*
 * The fixture makes quote and body a function of instrument, page and seq, so
 * one comparison tells a torn read as well as a second price for a seq.
 */
static const char *
race_read_quote(racer_t *r, uint32_t i, uint64_t *seen)
{
    trd_rc_t     rc;
    trd_quote_t  q;

    rc = trd_board_quote(&r->f->b, i, &q);

    if (rc == TRD_AGAIN) {
        r->again++;
        return NULL;
    }

    if (rc != TRD_OK) {
        return "a quote is corrupt";
    }

    if (q.has == 0) {
        return q.seq || *seen ? "a quote vanished" : NULL;
    }

    if (!board_fixture_quote_is(&q, i)) {
        return "a quote is not that of its seq";
    }

    if (q.seq < *seen) {
        return "a quote's seq went back";
    }

    *seen = q.seq;

    return NULL;
}


static const char *
race_read_page(racer_t *r, const trd_page_t *page, uint64_t *seen)
{
    int              bad;
    uint8_t         *body;
    trd_rc_t         rc;
    trd_page_view_t  view;

    rc = board_fixture_read(&r->f->b, page, &view, &body);

    if (rc == TRD_AGAIN) {
        r->page_again++;
    }

    if (rc == TRD_AGAIN || rc == TRD_NOT_FOUND) {
        return NULL;
    }

    /* a head that is being rewritten may not make sense for once */
    if (rc == TRD_CORRUPT) {
        return "a page is corrupt";
    }

    bad = !board_fixture_body_is(body, view.len, view.page, view.seq);
    free(body);

    if (bad) {
        return "a page is not that of its seq";
    }

    /* late tries take the copy before; what was seen before is not newer */
    if (view.seq < seen[1]) {
        return "a page's seq went back";
    }

    if (view.seq > *seen) {
        seen[1] = *seen;
        *seen = view.seq;
    }

    return NULL;
}


static void *
race_reader(void *arg)
{
    racer_t   *r;
    uint32_t   i;
    uint64_t   quotes[INSTRUMENTS] = { 0 }, pages[INSTRUMENTS][2] = { { 0 } };
    uint64_t   large[2] = { 0 };

    r = arg;

    while (r->wrong == NULL && !atomic_load(&race_stop)) {

        for (i = 0; i < INSTRUMENTS && r->wrong == NULL; i++) {
            r->wrong = race_read_quote(r, i, &quotes[i]);

            if (r->wrong == NULL) {
                r->wrong = race_read_page(r, trd_board_entry_page(&r->f->b, i,
                                                                  0),
                                          pages[i]);
            }
        }

        if (r->wrong == NULL) {
            r->wrong = race_read_page(r, trd_board_page(&r->f->b, 0, 0),
                                      large);
        }

        r->reads += 2 * INSTRUMENTS + 1;
        atomic_fetch_add(&race_reads, 2 * INSTRUMENTS + 1);
    }

    return NULL;
}


static void *
race_follower(void *arg)
{
    racer_t       *r;
    trd_rc_t       rc;
    uint32_t       i;
    uint64_t       next, newest;
    trd_change_t   change;

    r = arg;

    for (next = 1; r->wrong == NULL && !atomic_load(&race_stop); /* void */) {

        newest = trd_board_seq(&r->f->b);
        rc = trd_board_journal(&r->f->b, next, &i, &change);

        switch (rc) {

        case TRD_OK:
            if (i != race_instrument(next) || change != TRD_CHANGE_QUOTE) {
                r->wrong = "an entry is not that of its seq";
            }

            r->followed++;
            next++;

            /* falls behind on purpose now and then */
            if (next % 200000 == 0) {
                (void) nanosleep(&(struct timespec) { 0, 5000000 }, NULL);
            }

            break;

        case TRD_AGAIN:
            if (next <= newest) {
                r->wrong = "an entry that was announced is said to come";
            }

            break;

        case TRD_NOT_FOUND:
            newest = trd_board_seq(&r->f->b);

            if (newest < next + RING - 1) {
                r->wrong = "an overrun that was none";
                break;
            }

            r->overruns++;
            r->missed += newest - RING / 2 - next;
            next = newest - RING / 2;
            break;

        default:
            r->wrong = "an entry is corrupt";
        }
    }

    r->reported = next - 1;

    return NULL;
}


/* reads the oldest entries, just as they are overwritten */
static void *
race_tail(void *arg)
{
    racer_t       *r;
    trd_rc_t       rc;
    uint32_t       i;
    uint64_t       seq, turn;
    trd_change_t   change;

    r = arg;

    for (turn = 0; r->wrong == NULL && !atomic_load(&race_stop); turn++) {

        seq = trd_board_seq(&r->f->b) + 1 + turn % 4;

        if (seq <= RING) {
            continue;
        }

        seq -= RING;
        rc = trd_board_journal(&r->f->b, seq, &i, &change);

        if (rc == TRD_OK) {
            r->followed++;

            if (i != race_instrument(seq) || change != TRD_CHANGE_QUOTE) {
                r->wrong = "an old entry is not that of its seq";
            }

        } else if (rc == TRD_NOT_FOUND) {
            r->overruns++;

        } else {
            r->wrong = "an old entry is said to come, or corrupt";
        }
    }

    return NULL;
}


/* every thread has had a core for long enough */
static int
race_is_over(racer_t *r)
{
    return atomic_load(&race_reads) >= MIN_READS
           && atomic_load(&race_writes) > MIN_WRITES
           && atomic_load(&r[2].followed) && atomic_load(&r[3].followed);
}


static void
test_race(void **state)
{
    int64_t           start, ms;
    unsigned          i;
    racer_t           r[4];
    pthread_t         writer;
    board_fixture_t   f;

    (void) state;
    memset(r, 0, sizeof(r));
    board_fixture_create(&f, INSTRUMENTS, RING);
    start = race_now_ms();

    assert_int_equal(pthread_create(&writer, NULL, race_writer, &f), 0);

    for (i = 0; i < 4; i++) {
        r[i].f = &f;
        assert_int_equal(pthread_create(&r[i].thread, NULL,
                                        i < 2 ? race_reader
                                        : i < 3 ? race_follower : race_tail,
                                        &r[i]), 0);
    }

    do {
        (void) nanosleep(&(struct timespec) { 0, 20000000 }, NULL);
        ms = race_now_ms() - start;

        for (i = 0; i < 4 && r[i].wrong == NULL; i++) { /* void */ }

    } while (i == 4 && ms < MAX_MS
             && (ms < MIN_MS || !race_is_over(r)));

    atomic_store(&race_stop, 1);
    (void) pthread_join(writer, NULL);

    for (i = 0; i < 4; i++) {
        (void) pthread_join(r[i].thread, NULL);
    }

    print_message("%lld ms, %llu written, %llu reads, %llu + %llu again, "
                  "%llu followed, %llu overruns\n", (long long) ms,
                  (unsigned long long) f.w.seq,
                  (unsigned long long) race_reads,
                  (unsigned long long) (r[0].again + r[1].again),
                  (unsigned long long) (r[0].page_again + r[1].page_again),
                  (unsigned long long) (r[2].followed + r[3].followed),
                  (unsigned long long) (r[2].overruns + r[3].overruns));

    for (i = 0; i < 4; i++) {
        if (r[i].wrong) {
            fail_msg("thread %u: %s", i, r[i].wrong);
        }

        if (i >= 2) {
            assert_true(r[i].followed > 0);
        }

        if (i == 2) {
            assert_int_equal(r[i].followed + r[i].missed, r[i].reported);
        }
    }

    assert_true(race_reads >= MIN_READS);
    assert_true(f.w.seq > MIN_WRITES);
    board_fixture_free(&f);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_race)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
