/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The kept map: over restarts with other catalogues each symbol keeps its
 * place, a file that is damaged is refused whole and what follows has a
 * number that none before it had, and /binary shows nobody where nobody is.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "binary_map.h"
#include "market_fixture.h"
#include "tsd_log.h"

static char  directory[] = "/tmp/binary-map-XXXXXX";
static char  file[64];
static char  refused[80];


/* of the first n of a catalogue of made-up ones, without `gone` */
static binary_map_t *
start(uint32_t n, uint32_t gone)
{
    catalogue_t    c;
    binary_map_t  *map;

    market_fixture_catalogue(&c, n);

    if (gone < n) {
        memmove(&c.instruments[gone], &c.instruments[gone + 1],
                (n - gone - 1) * sizeof(c.instruments[0]));
        c.n--;
    }

    map = binary_map_open(&c, directory, n, MARKET_NOW);
    assert_non_null(map);
    binary_map_save(map);
    catalogue_free(&c);

    return map;
}


static void
expect(binary_map_t *map, uint32_t version, uint32_t places)
{
    assert_int_equal(map->slots.version, version);
    assert_int_equal(map->slots.n, places);
    binary_map_free(map);
}


static void
test_map_outlasts_restarts(void **state)
{
    binary_map_t  *map;

    (void) state;

    (void) unlink(file);
    expect(start(5, 9), 1, 5);
    expect(start(5, 9), 1, 5);

    map = start(5, 2);
    assert_int_equal(map->at[1], 1);
    assert_int_equal(map->at[2], -1);
    assert_int_equal(map->at[3], 2);
    assert_int_equal(map->place[2], 3);
    expect(map, 2, 5);

    map = start(6, 2);
    assert_int_equal(map->at[2], -1);
    assert_int_equal(map->at[5], 4);
    expect(map, 3, 6);

    map = start(6, 9);
    assert_int_equal(map->at[2], 2);
    expect(map, 4, 6);
}


static void
test_map_file_is_taken_whole_or_not_at_all(void **state)
{
    char           buf[512], was[512];
    FILE          *f;
    size_t         i, len;
    binary_map_t  *map;

    (void) state;

    (void) unlink(file);
    expect(start(3, 9), 1, 3);
    expect(start(3, 0), 2, 3);

    f = fopen(file, "rb");
    len = fread(buf, 1, sizeof(buf), f);
    fclose(f);
    assert_true(len > 60 && len < sizeof(buf));

    for (i = 0; i < 2 * len; i++) {             /* changed, or torn */
        f = fopen(file, "wb");
        buf[i % len] ^= 1;
        assert_int_equal(fwrite(buf, 1, i < len ? len : i - len, f),
                         i < len ? len : i - len);
        buf[i % len] ^= 1;
        fclose(f);

        map = start(3, 0);
        assert_int_equal(map->slots.first, map->slots.version);
        expect(map, MARKET_NOW / 60000, 2);
        expect(start(3, 0), MARKET_NOW / 60000, 2);

        /* what nobody can use is put aside as it was */

        buf[i % len] ^= 1;
        f = fopen(refused, "rb");
        assert_non_null(f);
        assert_int_equal(fread(was, 1, sizeof(was), f),
                         i < len ? len : i - len);
        assert_memory_equal(was, buf, i < len ? len : i - len);
        buf[i % len] ^= 1;
        fclose(f);
    }

    (void) unlink(refused);

    /* what is no file at all */
    (void) unlink(file);
    assert_int_equal(mkdir(file, 0700), 0);
    expect(start(3, 0), MARKET_NOW / 60000, 2);
    expect(start(3, 0), MARKET_NOW / 60000, 2);
    assert_int_equal(rmdir(refused), 0);
}


/* who only reads leaves the file, sound or not, as it is */
static void
test_map_is_written_by_who_saves_it(void **state)
{
    catalogue_t    c;
    binary_map_t  *map;

    (void) state;

    (void) unlink(file);
    expect(start(3, 9), 1, 3);

    market_fixture_catalogue(&c, 4);
    map = binary_map_open(&c, directory, 4, MARKET_NOW);
    assert_non_null(map);
    expect(map, 2, 4);

    assert_int_equal(truncate(file, 40), 0);
    map = binary_map_open(&c, directory, 4, MARKET_NOW);
    assert_non_null(map);
    expect(map, MARKET_NOW / 60000, 4);
    assert_int_equal(access(file, F_OK), 0);
    assert_int_equal(access(refused, F_OK), -1);

    catalogue_free(&c);
}


/* A catalogue of few after one of many: the map is larger than ever would
   have come of the few, and is nonetheless the map. */
static void
test_map_outlasts_a_small_catalogue(void **state)
{
    binary_map_t  *map;

    (void) state;

    (void) unlink(file);
    expect(start(120, 999), 1, 120);
    assert_int_equal(binary_map_extra(map = start(120, 999)), 0);
    expect(map, 1, 120);

    map = start(5, 999);
    assert_int_equal(map->slots.first, 1);
    assert_int_equal(map->place[4], 4);
    assert_int_equal(map->at[5], -1);
    assert_true(binary_map_extra(map) > 120 * 11);
    expect(map, 2, 120);
    expect(start(5, 999), 2, 120);

    /* and one more goes to its place, or to the end */

    expect(start(6, 999), 3, 120);
    map = start(121, 999);
    assert_int_equal(map->place[120], 120);
    assert_int_equal(map->slots.first, 1);
    expect(map, 4, 121);
    expect(start(2, 1), 5, 121);
    expect(start(120, 999), 6, 121);
}


/* its pages have room for places that are nobody's */
static void
test_pages_of_a_small_catalogue(void **state)
{
    char             *body;
    uint32_t          a, b;
    trd_writer_t      w;
    const char       *why;
    trd_page_view_t   view;
    market_fixture_t  f;

    static char  symbols[200000];

    (void) state;

    (void) unlink(file);
    expect(start(5000, 9999), 1, 5000);

    market_fixture_catalogue(&f.catalogue, 3);
    market_fixture_start(&f, 0);
    binary_map_free(f.m.map);
    f.m.map = binary_map_open(&f.catalogue, directory, 3, MARKET_NOW);
    assert_non_null(f.m.map);

    /* as board_file_create() does it */

    free(f.mem);
    f.shape.extra = binary_map_extra(f.m.map);
    f.size = (size_t) trd_board_size(&f.shape);
    assert_int_equal(posix_memalign(&f.mem, 64, f.size), 0);
    memset(f.mem, 0, f.size);
    assert_int_equal(trd_board_create(&f.m.writer, f.mem, f.size, &f.shape,
                                      f.catalogue.instruments, 3, 3, 0,
                                      MARKET_NOW, 4711, &a, &b), TRD_OK);
    assert_int_equal(trd_board_open(&f.b, f.mem, f.size, &why), TRD_OK);

    render_now(f.m.render);
    body = market_fixture_body(&f.b, trd_board_page(&f.b, TRD_PAGE_MAP, 0),
                               &view);
    assert_non_null(body);
    trd_writer_init(&w, symbols, sizeof(symbols));
    assert_int_equal(trd_slots_symbols(body, strlen(body), 1, &w), TRD_OK);
    assert_non_null(strstr(symbols, ",\"I4999\"]"));
    free(body);

    body = market_fixture_body(&f.b, trd_board_page(&f.b, TRD_PAGE_BINARY, 0),
                               &view);
    assert_non_null(body);
    assert_non_null(strstr(body, "null],\"map_version\":2}"));
    free(body);
    market_fixture_stop(&f);
}


static void
test_map_begins_anew_where_it_is_full(void **state)
{
    uint32_t       i;
    catalogue_t    c;
    binary_map_t  *map;

    (void) state;

    (void) unlink(file);
    market_fixture_catalogue(&c, 2);

    for (i = 0; i < 100; i++) {                 /* room for 4 * 2 + 64 */
        (void) snprintf(c.instruments[1].symbol,
                        sizeof(c.instruments[1].symbol), "T%u", i);
        map = binary_map_open(&c, directory, 2, MARKET_NOW);
        assert_non_null(map);
        assert_int_equal(map->slots.version, i + 1);
        assert_int_equal(map->slots.first, i < 71 ? 1 : 72);
        assert_int_equal(map->at[map->place[0]], 0);
        assert_int_equal(map->at[map->place[1]], 1);
        assert_true(map->slots.n <= 72);
        binary_map_save(map);
        binary_map_free(map);
    }

    catalogue_free(&c);
}


static void
test_pages_show_nobody(void **state)
{
    char             *body;
    json_t           *p;
    uint32_t          i;
    trd_update_t      u;
    trd_page_view_t   view;
    market_fixture_t  f;

    (void) state;

    (void) unlink(file);
    expect(start(4, 9), 1, 4);

    market_fixture_catalogue(&f.catalogue, 5);
    memmove(&f.catalogue.instruments[1], &f.catalogue.instruments[2],
            3 * sizeof(f.catalogue.instruments[0]));
    f.catalogue.n = 4;
    market_fixture_start(&f, 0);
    binary_map_free(f.m.map);
    f.m.map = binary_map_open(&f.catalogue, directory, 4, MARKET_NOW);

    for (i = 0; i < 3; i++) {
        u = market_fixture_ticker(&f, (i & 1 ? 90 : 110) * TRD_E8,
                                  100 * TRD_E8);
        assert_int_equal(market_apply(&f.m, f.stats, i, &u),
                         TRD_REFUSED_NOT);
    }

    render_now(f.m.render);
    p = market_fixture_page(&f, TRD_PAGE_BINARY);
    body = json_dumps(json_object_get(p, "binary_array"), JSON_COMPACT);
    assert_string_equal(body, "[1,null,0,1,null]");
    free(body);
    body = json_dumps(json_object_get(p, "symbols"), JSON_COMPACT);
    assert_string_equal(body, "[\"I000\",null,\"I002\",\"I003\",\"I004\"]");
    free(body);
    assert_string_equal(json_string_value(json_object_get(p,
                                                          "binary_string")),
                        "1-01-");
    assert_int_equal(json_integer_value(json_object_get(p, "map_version")),
                     2);
    json_decref(p);

    body = market_fixture_body(&f.b, trd_board_page(&f.b, TRD_PAGE_MAP, 0),
                               &view);
    assert_string_equal(body, "{\"first\":1,\"version\":2,\"slots\":[\n"
                        "[\"I000\",1],\n[\"I001\",1,2],\n[\"I002\",1],\n"
                        "[\"I003\",1],\n[\"I004\",2]]}");
    free(body);
    market_fixture_stop(&f);
}


static int
set_up(void **state)
{
    (void) state;

    if (tsd_log_init("test", "error", "text") != 0
        || mkdtemp(directory) == NULL)
    {
        return -1;
    }

    (void) snprintf(file, sizeof(file), "%s/binary-map", directory);
    (void) snprintf(refused, sizeof(refused), "%s.refused", file);

    return 0;
}


static int
tear_down(void **state)
{
    char  temp[80];

    (void) state;
    (void) snprintf(temp, sizeof(temp), "%s.tmp", file);
    (void) unlink(temp);
    (void) unlink(file);

    return rmdir(directory);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_map_outlasts_restarts),
        cmocka_unit_test(test_map_file_is_taken_whole_or_not_at_all),
        cmocka_unit_test(test_map_is_written_by_who_saves_it),
        cmocka_unit_test(test_map_outlasts_a_small_catalogue),
        cmocka_unit_test(test_pages_of_a_small_catalogue),
        cmocka_unit_test(test_map_begins_anew_where_it_is_full),
        cmocka_unit_test(test_pages_show_nobody)
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
