/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The map of the binary signals: places hold while symbols come and go, every
 * version that was ever told can be told again from the text, and a text that
 * is not ours is refused.  The oracle keeps every version's list as it was.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recordings.h"
#include "trd_slots.h"

#define ROOM   64
#define NAMES  24
#define TURNS  400

static trd_slot_t        slot[ROOM], again[ROOM];
static trd_instrument_t  in[ROOM];
static char              text[ROOM * TRD_SLOTS_LINE + TRD_SLOTS_HEAD];
static char              list[3 * sizeof(text)];


/* "BTC ETH" as a catalogue; returns how many */
static uint32_t
names(const char *words)
{
    uint32_t  n;
    char      copy[256], *word, *save;

    (void) snprintf(copy, sizeof(copy), "%s", words);
    memset(in, 0, sizeof(in));
    n = 0;

    for (word = strtok_r(copy, " ", &save); word;
         word = strtok_r(NULL, " ", &save))
    {
        (void) snprintf(in[n++].symbol, sizeof(in[0].symbol), "%s", word);
    }

    return n;
}


static size_t
written(const trd_slots_t *s)
{
    trd_writer_t  w;

    trd_writer_init(&w, text, sizeof(text));
    trd_slots_write(s, &w);
    assert_false(trd_writer_overflowed(&w));

    return trd_writer_len(&w);
}


/* the list of a version as the module would give it, "" if it is unknown */
static const char *
told(const trd_slots_t *s, uint64_t version)
{
    size_t         len;
    trd_rc_t       rc;
    trd_writer_t   w;

    len = written(s);
    trd_writer_init(&w, list, 3 * len);
    rc = trd_slots_symbols(text, len, version, &w);

    if (rc != TRD_OK) {
        assert_int_equal(rc, TRD_NOT_FOUND);
        return "";
    }

    assert_false(trd_writer_overflowed(&w));
    list[trd_writer_len(&w)] = '\0';

    return list;
}


static void
update(trd_slots_t *s, const char *words, uint32_t version)
{
    uint32_t  n, place[ROOM];

    n = names(words);
    assert_int_equal(trd_slots_update(s, in, n, place), TRD_OK);
    assert_int_equal(s->version, version);

    while (n-- > 0) {
        assert_string_equal(s->slot[place[n]].symbol, in[n].symbol);
    }
}


static void
restart(trd_slots_t *s)
{
    size_t       len;
    trd_slots_t  other;

    len = written(s);
    trd_slots_init(&other, again, ROOM);
    assert_int_equal(trd_slots_read(&other, text, len), TRD_OK);
    assert_int_equal(other.version, s->version);
    assert_int_equal(other.first, s->first);
    assert_int_equal(other.n, s->n);
    memcpy(slot, again, sizeof(slot));
}


static void
test_trd_slots_hold(void **state)
{
    trd_slots_t  s;

    (void) state;

    trd_slots_init(&s, slot, ROOM);
    update(&s, "BTC ETH EUR/USD", 1);
    update(&s, "BTC ETH EUR/USD", 1);
    update(&s, "EUR/USD BTC ETH", 1);           /* another order is no change */
    assert_string_equal(told(&s, 1), "[\"BTC\",\"ETH\",\"EUR/USD\"]");

    update(&s, "BTC EUR/USD", 2);
    restart(&s);
    update(&s, "SOL BTC EUR/USD", 3);
    restart(&s);
    update(&s, "ETH SOL BTC EUR/USD", 4);       /* back on its own place */
    restart(&s);
    update(&s, "XRP", 5);

    assert_string_equal(told(&s, 1), "[\"BTC\",\"ETH\",\"EUR/USD\"]");
    assert_string_equal(told(&s, 2), "[\"BTC\",null,\"EUR/USD\"]");
    assert_string_equal(told(&s, 3), "[\"BTC\",null,\"EUR/USD\",\"SOL\"]");
    assert_string_equal(told(&s, 4), "[\"BTC\",\"ETH\",\"EUR/USD\",\"SOL\"]");
    assert_string_equal(told(&s, 5), "[null,null,null,null,\"XRP\"]");
    assert_string_equal(told(&s, 0), "");
    assert_string_equal(told(&s, 6), "");
    assert_string_equal(told(&s, UINT64_MAX), "");
}


static void
test_trd_slots_random(void **state)
{
    char         was[TURNS + 1][512];
    uint32_t     i, n, turn, version, place[ROOM], owner[NAMES];
    uint64_t     r, seed;
    trd_slots_t  s;

    (void) state;

    seed = 20260923;
    memset(owner, 0xff, sizeof(owner));
    trd_slots_init(&s, slot, ROOM);
    version = 0;

    for (turn = 0; turn < TURNS; turn++) {
        r = recordings_random(&seed);
        memset(in, 0, sizeof(in));

        for (i = n = 0; i < NAMES; i++) {
            if ((r >> i & 3) == 0) {
                (void) snprintf(in[n++].symbol, sizeof(in[0].symbol), "N%u",
                                (i * 7 + turn) % NAMES);
            }
        }

        assert_int_equal(trd_slots_update(&s, in, n, place), TRD_OK);
        assert_true(s.version - version <= 1);

        for (i = 0; i < n; i++) {
            uint32_t  k = (uint32_t) atoi(in[i].symbol + 1);

            assert_true(owner[k] == UINT32_MAX || owner[k] == place[i]);
            owner[k] = place[i];
        }

        restart(&s);

        if (s.version == 0) {
            continue;
        }

        if (s.version != version) {
            version = s.version;
            (void) snprintf(was[version], sizeof(was[0]), "%s",
                            told(&s, version));
        }

        /* no place changes so often that fewer are known */
        assert_true(s.first == 1 || s.version >= TRD_SLOTS_CHANGES);

        for (i = s.first; i <= version; i++) {
            assert_string_equal(told(&s, i), was[i]);
        }

        assert_string_equal(told(&s, s.first - 1), "");
    }

    assert_true(s.first > 1 && s.version > 300 && s.version - s.first > 10);
}


static void
test_trd_slots_room(void **state)
{
    size_t       k;
    uint32_t     n, place[ROOM];
    trd_slots_t  s, other;

    (void) state;

    trd_slots_init(&s, slot, 3);
    update(&s, "A B C", 1);
    update(&s, "A B", 2);

    n = names("A B D");
    assert_int_equal(trd_slots_update(&s, in, n, place), TRD_OVERFLOW);
    assert_int_equal(s.version, 2);
    assert_string_equal(told(&s, 2), "[\"A\",\"B\",null]");

    trd_slots_renew(&s, 0);
    update(&s, "A B D", 3);
    assert_string_equal(told(&s, 2), "");
    assert_string_equal(told(&s, 3), "[\"A\",\"B\",\"D\"]");

    trd_slots_renew(&s, 900);                   /* what was before is lost */
    update(&s, "B", 900);
    update(&s, "B A", 901);
    assert_string_equal(told(&s, 899), "");
    assert_string_equal(told(&s, 900), "[\"B\"]");

    n = names("A B C D");
    assert_int_equal(trd_slots_update(&s, in, n, place), TRD_OVERFLOW);
    restart(&s);
    other = s;
    other.slot = again;
    trd_slots_init(&s, slot, 1);
    k = written(&other);
    assert_int_equal(trd_slots_read(&s, text, k), TRD_OVERFLOW);
    assert_int_equal(s.n + s.version + s.first, 0);
}


static void
test_trd_slots_text(void **state)
{
    size_t        i, k, len;
    trd_slots_t   s;
    trd_writer_t  w;

    static const char *const  bad[] = {
        "", "{}", "null",
        "{\"first\":0,\"version\":1,\"slots\":[\n[\"A\",1]]}",
        "{\"first\":01,\"version\":1,\"slots\":[\n[\"A\",1]]}",
        "{\"first\":2,\"version\":1,\"slots\":[\n[\"A\",1]]}",
        "{\"first\":1,\"version\":2000000001,\"slots\":[\n[\"A\",1]]}",
        "{\"first\":1,\"version\":99999999999999999999,\"slots\":[]}",
        "{\"first\":1,\"version\":1,\"slots\":[\n[\"A\",1]]}\n",
        "{\"first\":1,\"version\":1,\"slots\":[\n[\"A\",1]",
        "{\"first\":1,\"version\":1,\"slots\":[\n[\"A\"]]}",
        "{\"first\":1,\"version\":1,\"slots\":[\n[\"\",1]]}",
        "{\"first\":1,\"version\":1,\"slots\":[\n[\"a\",1]]}",
        "{\"first\":1,\"version\":1,\"slots\":[\n[\"A\",2]]}",
        "{\"first\":1,\"version\":3,\"slots\":[\n[\"A\",1,1]]}",
        "{\"first\":1,\"version\":3,\"slots\":[\n[\"A\",2],\n[\"B\",1]]}",
        "{\"first\":1,\"version\":3,\"slots\":[\n[\"A\",1][\"B\",1]]}",
        "{\"first\":1,\"version\":3,\"slots\":[\n"
        "[\"ABCDEFGHIJKLMNOPQRSTUVWXY\",1]]}",
        "{\"first\":1,\"version\":99,\"slots\":[\n"
        "[\"A\",1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]]}"
    };

    (void) state;

    trd_slots_init(&s, slot, ROOM);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(trd_slots_read(&s, bad[i], strlen(bad[i])),
                         TRD_ERROR);
        trd_writer_init(&w, list, sizeof(list));
        assert_int_not_equal(trd_slots_symbols(bad[i], strlen(bad[i]), 1, &w),
                             TRD_OK);
    }

    update(&s, "BTC ETH", 1);
    update(&s, "ETH", 2);
    len = written(&s);

    for (i = 0; i < len; i++) {                 /* torn anywhere */
        assert_int_equal(trd_slots_read(&s, text, i), TRD_ERROR);
        trd_writer_init(&w, list, sizeof(list));
        assert_int_equal(trd_slots_symbols(text, i, 1, &w), TRD_CORRUPT);
    }

    /* places before `first` need not be in order: it is not known any more */
    k = (size_t) snprintf(text, sizeof(text), "{\"first\":5,\"version\":7,"
                          "\"slots\":[\n[\"A\",3,4],\n[\"B\",2],\n"
                          "[\"C\",6]]}");
    assert_int_equal(trd_slots_read(&s, text, k), TRD_OK);
    assert_string_equal(told(&s, 5), "[null,\"B\"]");
    assert_string_equal(told(&s, 7), "[null,\"B\",\"C\"]");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_trd_slots_hold),
        cmocka_unit_test(test_trd_slots_random),
        cmocka_unit_test(test_trd_slots_room),
        cmocka_unit_test(test_trd_slots_text)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
