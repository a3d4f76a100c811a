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
    char           buf[512];
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
    }

    /* what is no file at all */
    (void) unlink(file);
    assert_int_equal(mkdir(file, 0700), 0);
    expect(start(3, 0), MARKET_NOW / 60000, 2);
    assert_int_equal(rmdir(file), 0);
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
        cmocka_unit_test(test_map_begins_anew_where_it_is_full),
        cmocka_unit_test(test_pages_show_nobody)
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
