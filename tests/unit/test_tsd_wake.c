/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The socket that wakes followers, with real sockets on both ends: whoever
 * asks is woken once and in time, nobody else is, and no follower, however it
 * behaves, harms the others.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "tsd_log.h"
#include "tsd_wake.h"

#define NOTHING  (-1)       /* of test_take(): open, and silent */
#define END      0

typedef struct {
    char                dir[32];
    char                path[64];
    struct event_base  *base;
    tsd_wake_t         *wake;
    uint64_t            seq;
    unsigned            asked;      /* times the seq was looked at */
} fixture_t;


static uint64_t
test_seq(void *ctx)
{
    fixture_t  *f = ctx;

    f->asked++;

    return f->seq;
}


static int
test_setup(void **state)
{
    fixture_t  *f;

    f = calloc(1, sizeof(fixture_t));
    assert_non_null(f);

    (void) snprintf(f->dir, sizeof(f->dir), "/tmp/trd-wake-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void) snprintf(f->path, sizeof(f->path), "%s/board.wake", f->dir);

    f->seq = 10;
    f->base = event_base_new();
    f->wake = tsd_wake_create(f->base, f->path, test_seq, f);
    assert_non_null(f->wake);

    *state = f;

    return 0;
}


static int
test_teardown(void **state)
{
    fixture_t  *f = *state;

    tsd_wake_free(f->wake);
    event_base_free(f->base);
    (void) unlink(f->path);
    assert_int_equal(rmdir(f->dir), 0);
    free(f);

    return 0;
}


/* gives the loop its turns; unix sockets deliver at once */
static void
test_turn(fixture_t *f)
{
    int  i;

    for (i = 0; i < 8; i++) {
        assert_true(event_base_loop(f->base, EVLOOP_NONBLOCK) >= 0);
    }
}


static int
test_connect(const char *path)
{
    int                 fd;
    struct sockaddr_un  sun = { .sun_family = AF_UNIX };

    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    (void) snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);

    if (connect(fd, (struct sockaddr *) &sun, sizeof(sun)) != 0) {
        (void) close(fd);
        return -1;
    }

    return fd;
}


static int
test_follower(fixture_t *f)
{
    int  fd;

    fd = test_connect(f->path);
    assert_true(fd >= 0);
    test_turn(f);

    return fd;
}


static void
test_ask(fixture_t *f, int fd, uint64_t seq)
{
    assert_int_equal(send(fd, &seq, sizeof(seq), MSG_NOSIGNAL), sizeof(seq));
    test_turn(f);
}


/* how many bytes there are, END or NOTHING */
static int
test_take(int fd)
{
    char     buf[64];
    ssize_t  n;

    n = recv(fd, buf, sizeof(buf), 0);

    if (n == -1 && errno == ECONNRESET) {
        return END;
    }

    assert_true(n >= 0 || errno == EAGAIN);

    return n == -1 ? NOTHING : (int) n;
}


static void
test_write(fixture_t *f, uint64_t seq)
{
    f->seq = seq;
    tsd_wake_notify(f->wake);
}


static void
test_wakes_at_once_if_newer(void **state)
{
    int         fd;
    fixture_t  *f = *state;

    fd = test_follower(f);
    test_ask(f, fd, 9);
    assert_int_equal(test_take(fd), 1);
    assert_int_equal(test_take(fd), NOTHING);
    (void) close(fd);
}


static void
test_wakes_once_and_when_asked_again(void **state)
{
    int         fd;
    uint64_t    seq;
    fixture_t  *f = *state;

    fd = test_follower(f);
    test_ask(f, fd, 10);
    assert_int_equal(test_take(fd), NOTHING);

    /* nothing newer */
    tsd_wake_notify(f->wake);
    assert_int_equal(test_take(fd), NOTHING);

    for (seq = 11; seq < 14; seq++) {
        test_write(f, seq);
    }

    assert_int_equal(test_take(fd), 1);
    test_write(f, 14);
    assert_int_equal(test_take(fd), NOTHING);

    test_ask(f, fd, 14);
    assert_int_equal(test_take(fd), NOTHING);
    test_write(f, 15);
    assert_int_equal(test_take(fd), 1);

    (void) close(fd);
}


static void
test_silent_to_who_has_not_asked(void **state)
{
    int         asleep, idle;
    fixture_t  *f = *state;

    asleep = test_follower(f);
    idle = test_follower(f);
    test_ask(f, asleep, 10);

    test_write(f, 11);
    assert_int_equal(test_take(asleep), 1);
    assert_int_equal(test_take(idle), NOTHING);

    (void) close(asleep);
    (void) close(idle);
}


/* the seq is not even looked at */
static void
test_costs_nothing_while_nobody_sleeps(void **state)
{
    int         fd;
    unsigned    asked;
    fixture_t  *f = *state;

    fd = test_follower(f);
    test_ask(f, fd, 10);
    test_write(f, 11);
    asked = f->asked;

    test_write(f, 12);
    assert_int_equal(f->asked, asked);

    (void) close(fd);
}


static void
test_gathers_partial_requests(void **state)
{
    int                   fd;
    size_t                i, k;
    uint64_t              seq;
    const unsigned char  *p;
    fixture_t            *f = *state;

    fd = test_follower(f);
    p = (const unsigned char *) &seq;

    for (k = 1; k < sizeof(seq); k++) {
        seq = f->seq;

        for (i = 0; i < sizeof(seq); i += k) {
            size_t  n = sizeof(seq) - i < k ? sizeof(seq) - i : k;

            /* unasked as yet: nothing wakes it */
            test_write(f, f->seq);
            assert_int_equal(test_take(fd), NOTHING);
            assert_int_equal(send(fd, p + i, n, 0), n);
            test_turn(f);
        }

        assert_int_equal(test_take(fd), NOTHING);
        test_write(f, f->seq + 1);
        assert_int_equal(test_take(fd), 1);
    }

    (void) close(fd);
}


static void
test_newest_of_several_counts(void **state)
{
    int            fd;
    uint64_t       seqs[3] = { 3, 7, 10 };
    unsigned char  bytes[28];
    fixture_t     *f = *state;

    fd = test_follower(f);

    assert_int_equal(send(fd, seqs, sizeof(seqs), 0), sizeof(seqs));
    test_turn(f);
    assert_int_equal(test_take(fd), NOTHING);
    test_write(f, 11);
    assert_int_equal(test_take(fd), 1);

    /* and what is left over of a fourth belongs to the next read */
    seqs[2] = 11;
    memcpy(bytes, seqs, sizeof(seqs));
    f->seq = 12;
    seqs[0] = 12;
    memcpy(bytes + 24, seqs, 4);
    assert_int_equal(send(fd, bytes, 28, 0), 28);
    test_turn(f);
    assert_int_equal(test_take(fd), 1);
    assert_int_equal(send(fd, (char *) seqs + 4, 4, 0), 4);
    test_turn(f);
    assert_int_equal(test_take(fd), NOTHING);
    test_write(f, 13);
    assert_int_equal(test_take(fd), 1);

    (void) close(fd);
}


static void
test_drops_nonsense(void **state)
{
    int         bad, good;
    fixture_t  *f = *state;

    good = test_follower(f);
    test_ask(f, good, 10);

    bad = test_follower(f);
    test_ask(f, bad, 11);
    assert_int_equal(test_take(bad), END);
    (void) close(bad);

    /* also while it sleeps */
    bad = test_follower(f);
    test_ask(f, bad, 10);
    test_ask(f, bad, UINT64_MAX);
    assert_int_equal(test_take(bad), END);
    (void) close(bad);

    assert_int_equal(test_take(good), NOTHING);
    test_write(f, 11);
    assert_int_equal(test_take(good), 1);
    (void) close(good);
}


static void
test_drops_who_does_not_read(void **state)
{
    int         bad, good, i;
    uint64_t    seq;
    fixture_t  *f = *state;

    good = test_follower(f);
    test_ask(f, good, 10);
    bad = test_follower(f);
    seq = 0;

    for (i = 0; i < 1000000; i++) {
        if (send(bad, &seq, sizeof(seq), MSG_NOSIGNAL) == -1) {
            assert_int_equal(errno, EPIPE);
            break;
        }

        assert_true(event_base_loop(f->base, EVLOOP_NONBLOCK) >= 0);
    }

    assert_in_range(i, 1, 999999);
    test_write(f, 11);
    assert_int_equal(test_take(good), 1);
    (void) close(bad);
    (void) close(good);
}


/* each that is left is woken, whatever the order in which others left */
static void
test_many_followers_come_and_go(void **state)
{
    int         fd[300], i, k;
    unsigned    seed;
    uint64_t    seq;
    fixture_t  *f = *state;

    seed = 7;

    for (i = 0; i < 300; i++) {
        fd[i] = test_follower(f);
    }

    for (k = 0; k < 50; k++) {
        seq = f->seq;

        for (i = 0; i < 300; i++) {
            seed = seed * 1103515245 + 12345;

            if (seed >> 16 & 1) {
                (void) close(fd[i]);        /* asleep or not */
                fd[i] = test_connect(f->path);
                assert_true(fd[i] >= 0);
            }

            assert_int_equal(send(fd[i], &seq, sizeof(seq), 0), sizeof(seq));

            if ((seed >> 17 & 3) == 0) {
                test_turn(f);
            }
        }

        for (i = 0; i < 10; i++) {
            test_turn(f);                   /* accepts are bounded, a turn */
        }

        test_write(f, seq + 1);

        for (i = 0; i < 300; i++) {
            assert_int_equal(test_take(fd[i]), 1);
            assert_int_equal(test_take(fd[i]), NOTHING);
        }
    }

    for (i = 0; i < 300; i++) {
        (void) close(fd[i]);
    }

    test_turn(f);
    f->asked = 0;
    test_write(f, f->seq + 1);
    assert_int_equal(f->asked, 0);
}


/* sleepers with different seqs: only those who can learn something */
static void
test_wakes_only_the_behind(void **state)
{
    int         a, b;
    fixture_t  *f = *state;

    a = test_follower(f);
    b = test_follower(f);
    test_ask(f, a, 10);
    f->seq = 11;                /* written, and not yet told */
    test_ask(f, b, 11);

    tsd_wake_notify(f->wake);
    assert_int_equal(test_take(a), 1);
    assert_int_equal(test_take(b), NOTHING);

    test_write(f, 12);
    assert_int_equal(test_take(a), NOTHING);
    assert_int_equal(test_take(b), 1);

    (void) close(a);
    (void) close(b);
}


static void
test_refuses_one_too_many(void **state)
{
    int            i, fd, *fds;
    fixture_t     *f = *state;
    struct rlimit  limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);

    if (limit.rlim_cur < 2 * TSD_WAKE_FOLLOWERS + 64) {
        skip();
    }

    fds = calloc(TSD_WAKE_FOLLOWERS, sizeof(int));
    assert_non_null(fds);

    for (i = 0; i < TSD_WAKE_FOLLOWERS; i++) {
        fds[i] = test_follower(f);
        test_ask(f, fds[i], 10);
    }

    fd = test_follower(f);
    assert_int_equal(test_take(fd), END);
    (void) close(fd);

    /* one leaves, and there is room */
    (void) close(fds[17]);
    test_turn(f);
    fds[17] = test_follower(f);
    test_ask(f, fds[17], 10);

    test_write(f, 11);

    for (i = 0; i < TSD_WAKE_FOLLOWERS; i++) {
        assert_int_equal(test_take(fds[i]), 1);
        (void) close(fds[i]);
    }

    free(fds);
}


/* without descriptors the listener rests, instead of turning the loop */
static void
test_rests_without_descriptors(void **state)
{
    int            fd, used, k;
    fixture_t     *f = *state;
    struct rlimit  old, limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);

    fd = test_connect(f->path);
    assert_true(fd >= 0);
    used = dup(fd);
    assert_true(used >= 0);
    (void) close(used);

    limit = old;
    limit.rlim_cur = (rlim_t) used;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    test_turn(f);
    assert_int_equal(test_take(fd), NOTHING);

    /* no event but the timer's comes: one turn takes as long as it */
    for (k = 0; k < 2; k++) {
        int64_t  begun = tsd_mono_ms();

        assert_int_equal(event_base_loop(f->base, EVLOOP_ONCE), 0);
        test_turn(f);

        if (k) {
            assert_true(tsd_mono_ms() - begun > 20);
        }
    }

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(event_base_loop(f->base, EVLOOP_ONCE), 0);
    test_turn(f);
    test_ask(f, fd, 9);
    assert_int_equal(test_take(fd), 1);
    (void) close(fd);
}


static void
test_free_ends_and_unlinks(void **state)
{
    int         asleep, idle;
    fixture_t  *f = *state;

    asleep = test_follower(f);
    idle = test_follower(f);
    test_ask(f, asleep, 10);

    tsd_wake_free(f->wake);
    f->wake = NULL;

    assert_int_equal(test_take(asleep), END);
    assert_int_equal(test_take(idle), END);
    assert_int_equal(access(f->path, F_OK), -1);
    assert_int_equal(test_connect(f->path), -1);

    (void) close(asleep);
    (void) close(idle);
}


static void
test_replaces_what_is_left(void **state)
{
    int          old, fd;
    fixture_t   *f = *state;
    tsd_wake_t  *wake;

    old = test_follower(f);

    wake = tsd_wake_create(f->base, f->path, test_seq, f);
    assert_non_null(wake);

    /* the one that was replaced does not take its successor's socket away */
    tsd_wake_free(f->wake);
    f->wake = wake;
    assert_int_equal(test_take(old), END);
    (void) close(old);

    fd = test_follower(f);
    test_ask(f, fd, 9);
    assert_int_equal(test_take(fd), 1);
    (void) close(fd);
}


static void
test_create_mode_and_descriptors(void **state)
{
    int          i, n;
    mode_t       mask;
    fixture_t   *f = *state;
    struct stat  st;

    tsd_wake_free(f->wake);
    mask = umask(077);
    f->wake = tsd_wake_create(f->base, f->path, test_seq, f);
    (void) umask(mask);

    assert_non_null(f->wake);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0666);

    /* no socket survives exec */
    (void) test_follower(f);

    for (i = 3, n = 0; i < 64; i++) {
        if (fstat(i, &st) == 0 && S_ISSOCK(st.st_mode)
            && getsockopt(i, SOL_SOCKET, SO_ACCEPTCONN, &(int) { 0 },
                          &(socklen_t) { sizeof(int) }) == 0
            && fcntl(i, F_GETFD) & FD_CLOEXEC)
        {
            n++;
        }
    }

    assert_true(n >= 2);
}


static void
test_create_failures(void **state)
{
    char        path[200];
    fixture_t  *f = *state;

    memset(path, 'x', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    errno = 0;
    assert_null(tsd_wake_create(f->base, path, test_seq, f));
    assert_int_equal(errno, ENAMETOOLONG);

    /* the longest that fits is not cut: it fails for its missing folder */
    (void) snprintf(path, sizeof(path), "%s/", f->dir);
    memset(path + strlen(path), 'y', sizeof(path) - strlen(path));
    path[107] = '\0';
    tsd_wake_free(tsd_wake_create(f->base, path, test_seq, f));
    assert_int_equal(access(path, F_OK), -1);
    path[107] = 'y';
    path[108] = '\0';
    assert_null(tsd_wake_create(f->base, path, test_seq, f));
    assert_int_equal(errno, ENAMETOOLONG);

    (void) snprintf(path, sizeof(path), "%s/none/board.wake", f->dir);
    assert_null(tsd_wake_create(f->base, path, test_seq, f));
    assert_int_equal(errno, ENOENT);

    /* a directory is not removed */
    assert_null(tsd_wake_create(f->base, f->dir, test_seq, f));
    assert_int_equal(access(f->dir, F_OK), 0);
}


#define test(name)                                                            \
    cmocka_unit_test_setup_teardown(name, test_setup, test_teardown)

int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test(test_wakes_at_once_if_newer),
        test(test_wakes_once_and_when_asked_again),
        test(test_silent_to_who_has_not_asked),
        test(test_costs_nothing_while_nobody_sleeps),
        test(test_gathers_partial_requests),
        test(test_newest_of_several_counts),
        test(test_drops_nonsense),
        test(test_drops_who_does_not_read),
        test(test_many_followers_come_and_go),
        test(test_wakes_only_the_behind),
        test(test_refuses_one_too_many),
        test(test_rests_without_descriptors),
        test(test_free_ends_and_unlinks),
        test(test_replaces_what_is_left),
        test(test_create_mode_and_descriptors),
        test(test_create_failures)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
