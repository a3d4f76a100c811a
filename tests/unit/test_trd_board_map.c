/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The guard: a board that is truncated while mapped must turn into an error
 * and not into a signal, and faults that are not ours must still kill.
 */

#define _GNU_SOURCE

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "trd_board_map.h"
#include "trd_board_write.h"

static char  test_path[64];


/* a board with one instrument in a file, by its path */
static int
test_setup(void **state)
{
    int                  fd;
    void                *base;
    uint32_t             a, b;
    uint64_t             size;
    trd_quote_t          q;
    trd_instrument_t     in;
    trd_board_shape_t    shape;
    trd_board_writer_t   w;

    (void) state;

    trd_board_shape_default(&shape);
    size = trd_board_size(&shape);

    (void) snprintf(test_path, sizeof(test_path), "/tmp/trd-map-XXXXXX");

    fd = mkstemp(test_path);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t) size), 0);

    base = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(base != MAP_FAILED);
    (void) close(fd);

    memset(&in, 0, sizeof(in));
    (void) snprintf(in.symbol, sizeof(in.symbol), "BTC");
    (void) snprintf(in.exchange_symbol, sizeof(in.exchange_symbol),
                    "BTCUSDT");
    (void) snprintf(in.base, sizeof(in.base), "BTC");
    (void) snprintf(in.quote, sizeof(in.quote), "USDT");
    in.source = TRD_SOURCE_SIMULATOR;
    in.price_places = 2;
    in.price_tick_e8 = 1000000;
    in.lot_step_e8 = 1000000;
    in.stale_after_ms = 1000;

    assert_int_equal(trd_board_create(&w, base, size, &shape, &in, 1, 1, 0,
                                      1000, 1, &a, &b),
                     TRD_OK);

    memset(&q, 0, sizeof(q));
    q.has = TRD_HAS_LAST;
    q.last_e8 = 100;
    trd_board_put_quote(&w, 0, &q, TRD_CHANGE_QUOTE);

    (void) munmap(base, size);

    return 0;
}


static int
test_teardown(void **state)
{
    (void) state;

    return unlink(test_path);
}


static void
test_open_and_close(void **state)
{
    int               err;
    const char       *why;
    trd_quote_t       q;
    trd_file_id_t     id;
    trd_board_map_t   m;

    (void) state;

    assert_int_equal(trd_board_map_open(&m, test_path, &id, &why, &err),
                     TRD_OK);
    assert_int_equal(trd_board_quote(&m.board, 0, &q), TRD_OK);
    assert_int_equal(q.last_e8, 100);
    assert_int_equal(trd_board_map_check(&m, test_path, &id), TRD_FILE_SAME);
    assert_int_equal(trd_board_map_check(&m, "/nowhere", &id), TRD_FILE_NONE);
    assert_int_equal(trd_board_map_lost(&m), 0);

    trd_board_map_close(&m);
    trd_board_map_close(&m);

    assert_null(m.file.base);
    assert_int_equal(trd_board_map_check(&m, test_path, &id),
                     TRD_FILE_OTHER);
}


static void
test_open_refuses(void **state)
{
    int               err;
    const char       *why;
    trd_file_id_t     id;
    trd_board_map_t   m;

    (void) state;

    assert_int_equal(trd_board_map_open(&m, "/nowhere", &id, &why, &err),
                     TRD_NOT_FOUND);
    assert_int_equal(trd_board_map_open(&m, "/dev/null", &id, &why, &err),
                     TRD_ERROR);
    assert_string_equal(why, "not a regular file");

    assert_int_equal(truncate(test_path, 100), 0);
    assert_int_equal(trd_board_map_open(&m, test_path, &id, &why, &err),
                     TRD_CORRUPT);
    assert_int_equal(id.size, 100);

    assert_int_equal(truncate(test_path, 65536), 0);
    assert_int_not_equal(trd_board_map_open(&m, test_path, &id, &why, &err),
                         TRD_OK);
    assert_null(m.file.base);
}


/* every place of the registry is free again after a failure */
static void
test_open_leaks_nothing(void **state)
{
    int               i, err, lowest, fd;
    const char       *why;
    trd_file_id_t     id;
    trd_board_map_t   m;

    (void) state;

    lowest = dup(STDERR_FILENO);
    assert_true(lowest >= 0);
    (void) close(lowest);

    for (i = 0; i < 4 * TRD_FILE_MAPS; i++) {
        assert_int_equal(trd_board_map_open(&m, test_path, &id, &why, &err),
                         TRD_OK);
        trd_board_map_close(&m);
    }

    assert_int_equal(truncate(test_path, 65536), 0);

    for (i = 0; i < 4 * TRD_FILE_MAPS; i++) {
        assert_int_not_equal(trd_board_map_open(&m, test_path, &id, &why,
                                                &err),
                             TRD_OK);
        assert_string_not_equal(why, "too many files are mapped");
    }

    fd = dup(STDERR_FILENO);
    assert_int_equal(fd, lowest);
    (void) close(fd);
}


static void
test_truncated_while_mapped(void **state)
{
    int               err;
    const char       *why;
    trd_quote_t       q;
    trd_file_id_t     id;
    trd_board_map_t   m;

    (void) state;

    assert_int_equal(trd_file_guard(), 0);
    assert_int_equal(trd_file_guard(), 0);

    assert_int_equal(trd_board_map_open(&m, test_path, &id, &why, &err),
                     TRD_OK);
    assert_int_equal(truncate(test_path, 0), 0);

    /* zeros may read as "no quote", never as one */

    if (trd_board_quote(&m.board, 0, &q) == TRD_OK) {
        assert_int_equal(q.has, 0);
    }

    assert_int_equal(trd_board_map_lost(&m), 1);
    assert_int_equal(trd_board_map_check(&m, test_path, &id),
                     TRD_FILE_SHRUNK);

    trd_board_map_close(&m);
    assert_int_equal(trd_board_map_lost(&m), 0);
}


/* a file that was cut and then lost its name, or gave it to another */
static void
test_truncated_without_a_name(void **state)
{
    int               err;
    unsigned          i;
    char              other[80];
    const char       *why;
    trd_file_id_t     id;
    trd_board_map_t   m;

    for (i = 0; i < 2; i++) {
        assert_int_equal(trd_board_map_open(&m, test_path, &id, &why, &err),
                         TRD_OK);
        assert_int_equal(truncate(test_path, (off_t) m.file.size - 1), 0);

        if (i == 0) {
            assert_int_equal(unlink(test_path), 0);
        } else {
            (void) snprintf(other, sizeof(other), "%s.new", test_path);
            assert_int_equal(rename(test_path, other), 0);
            assert_int_equal(test_setup(state), 0);
        }

        assert_int_equal(trd_board_map_check(&m, test_path, &id),
                         TRD_FILE_SHRUNK);

        trd_board_map_close(&m);
        assert_int_equal(trd_board_map_check(&m, test_path, &id),
                         i == 0 ? TRD_FILE_NONE : TRD_FILE_OTHER);

        if (i == 0) {
            assert_int_equal(test_setup(state), 0);
        } else {
            assert_int_equal(unlink(other), 0);
        }
    }
}


/* someone else's fault still ends the process */
static void
test_foreign_fault(void **state)
{
    int               status;
    pid_t             pid;
    struct sigaction  sa;

    (void) state;

    pid = fork();
    assert_true(pid >= 0);

    if (pid == 0) {
        memset(&sa, 0, sizeof(sa));
        sa.sa_handler = SIG_DFL;
        (void) sigaction(SIGBUS, &sa, NULL);

        if (trd_file_guard() == 0) {
            (void) raise(SIGBUS);
        }

        _exit(0);
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGBUS);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_foreign_fault),
        cmocka_unit_test_setup_teardown(test_open_and_close, test_setup,
                                        test_teardown),
        cmocka_unit_test_setup_teardown(test_open_refuses, test_setup,
                                        test_teardown),
        cmocka_unit_test_setup_teardown(test_open_leaks_nothing, test_setup,
                                        test_teardown),
        cmocka_unit_test_setup_teardown(test_truncated_while_mapped,
                                        test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_truncated_without_a_name,
                                        test_setup, test_teardown)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
