/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Rates of currencies: numbers to the last digit, both documents of forex,
 * and prices against the definition of rounding, checked by multiplication
 * where the code divides.
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
#include "trd_apply.h"
#include "trd_decimal.h"
#include "trd_rates.h"

#define N(a)    (sizeof(a) / sizeof((a)[0]))
#define ROUNDS  200000

static trd_rates_t  rates;


static trd_rc_t
parse(const char *s, trd_rate_t *r)
{
    return trd_rate_parse(s, strlen(s), r);
}


static void
test_rate_parse_keeps_the_digits(void **state)
{
    size_t      i;
    trd_rate_t  r;

    static const struct {
        const char  *text;
        uint64_t     digits;
        uint8_t      places;
    } cases[] = {
        { "0", 0, 0 }, { "0.000", 0, 0 }, { "-0.0", 0, 0 },
        { "0e99999999", 0, 0 }, { "1", 1, 0 }, { "143.27", 14327, 2 },
        { "143.270000000000000000000", 14327, 2 }, { "100", 100, 0 },
        { "1000000000000000", 1000000000000000, 0 },
        { "0.00055034123456789", 55034123456789, 17 },
        { "1817.0552439305814", 18170552439305814, 13 },
        { "999999999999999999", 999999999999999999, 0 },
        { "0.999999999999999999", 999999999999999999, 18 },
        { "5.5e-4", 55, 5 }, { "5.5E+4", 55000, 0 }, { "1e0", 1, 0 },
        { "1e17", 100000000000000000, 0 }, { "10e-1", 1, 0 },
        { "1200e-2", 12, 0 }, { "1e-30", 1, 30 }, { "0.10", 1, 1 },
        { "1.050", 105, 2 }, { "007", 7, 0 }
    };

    (void) state;

    for (i = 0; i < N(cases); i++) {
        assert_int_equal(parse(cases[i].text, &r), TRD_OK);
        assert_true(r.digits == cases[i].digits);
        assert_int_equal(r.places, cases[i].places);
        assert_int_equal(r.negative, cases[i].text[0] == '-');
    }
}


static void
test_rate_parse_never_cuts_off(void **state)
{
    size_t      i;
    char        big[4000];
    trd_rate_t  r;

    static const char *const  over[] = {
        "1234567890123456789", "0.1234567890123456789", "1e18", "1e-31",
        "1e9999999999", "1e-9999999999", "1.0000000000000000001",
        "0.0000000000000000000000000000001"
    };

    static const char *const  wrong[] = {
        "", "-", ".", ".5", "1.", "-.5", "1..2", "1.2.3", "1e", "1e+", "e5",
        "1e5.0", "+1", "1 ", " 1", "0x10", "1,5", "nan", "1e5e5", "--1", "1-"
    };

    (void) state;

    for (i = 0; i < N(over); i++) {
        assert_int_equal(parse(over[i], &r), TRD_OVERFLOW);
        assert_int_equal(r.overflow, 1);
    }

    for (i = 0; i < N(wrong); i++) {
        assert_int_equal(parse(wrong[i], &r), TRD_ERROR);
    }

    memset(big, '9', sizeof(big));
    assert_int_equal(trd_rate_parse(big, sizeof(big), &r), TRD_OVERFLOW);
    memset(big, '0', sizeof(big));
    big[1] = '.';
    assert_int_not_equal(trd_rate_parse(big, sizeof(big), &r), TRD_ERROR);
    assert_true(r.digits == 0);
}


static trd_rc_t
json(const char *s)
{
    return trd_rates_exchangerate(s, strlen(s), &rates);
}


#define HEAD  "{\"base\":\"USD\",\"time_last_updated\":1663632002,\"rates\":"

static void
test_exchangerate_document(void **state)
{
    size_t  i;

    static const char *const  wrong[] = {
        "", "{}", "[]", "null", HEAD "{}}", HEAD "{\"EUR\":1", HEAD "[]}",
        HEAD "{\"EUR\":\"0.9\"}}", HEAD "{\"EUR\":null}}",
        HEAD "{\"EUR\":0.9,\"EUR\":0.8}}", HEAD "{\"USD\":2,\"EUR\":1}}",
        HEAD "{\"USD\":-1,\"EUR\":1}}", HEAD "{\"EUR\":0.9}} x",
        HEAD "{\"EUR\":0.9},\"base\":\"EUR\"}",
        "{\"base\":\"USD\",\"rates\":{\"EUR\":0.9}}",
        "{\"time_last_updated\":1663632002,\"rates\":{\"EUR\":0.9}}",
        "{\"base\":\"USD\",\"time_last_updated\":\"x\",\"rates\":{}}",
        "{\"base\":\"USD\",\"time_last_updated\":-1,\"rates\":{\"EUR\":1}}",
        "{\"base\":\"USD\",\"time_last_updated\":1.5,\"rates\":{\"EUR\":1}}",
        "{\"base\":\"USD\",\"time_last_updated\":99999999999999,"
        "\"rates\":{\"EUR\":1}}",
        "{\"base\":\"?USD\",\"time_last_updated\":1,\"rates\":{\"EUR\":1}}",
        "{\"base\":\"US\",\"time_last_updated\":1,\"rates\":{\"EUR\":1}}"
    };

    (void) state;

    for (i = 0; i < N(wrong); i++) {
        assert_int_equal(json(wrong[i]), TRD_ERROR);
    }

    assert_int_equal(json("{\"result\":\"error\",\"error_type\":"
                          "\"unsupported code\"}"), TRD_NOT_FOUND);
    assert_string_equal(rates.error, "unsupported_code");

    assert_int_equal(json(HEAD "{\"EUR\":0.999,\"JPY\":143.27,"
                          "\"a sentence\":1,\"XXX\":1e400,\"YYY\":-2}}"),
                     TRD_OK);
    assert_string_equal(rates.base, "USD");
    assert_true(rates.time_ms == 1663632002000);
    assert_int_equal(rates.n, 5);                   /* USD was put in */
    assert_true(trd_rates_find(&rates, "JPY")->digits == 14327);
    assert_int_equal(trd_rates_find(&rates, "XXX")->overflow, 1);
    assert_int_equal(trd_rates_find(&rates, "YYY")->negative, 1);
    assert_null(trd_rates_find(&rates, "GBP"));
}


static void
test_too_many_rates(void **state)
{
    int     i;
    char   *text;
    size_t  n;

    (void) state;

    text = malloc(64 * 1024);
    assert_non_null(text);

    n = (size_t) sprintf(text, HEAD "{\"USD\":1");

    for (i = 1; i <= TRD_RATES_MAX; i++) {
        n += (size_t) sprintf(text + n, ",\"A%04d\":%d", i, i);

        if (i >= TRD_RATES_MAX - 1) {
            strcpy(text + n, "}}");
            assert_int_equal(json(text), i == TRD_RATES_MAX ? TRD_ERROR
                                                            : TRD_OK);
        }
    }

    free(text);
}


static trd_rates_price_t
price(const char *base, const char *quote, const char *tick, trd_rc_t rc)
{
    int64_t            e8;
    trd_rates_price_t  p = { 0, 0 };

    assert_int_equal(trd_decimal_parse(tick, strlen(tick), &e8), TRD_OK);
    assert_int_equal(trd_rates_price(&rates, base, quote, e8, &p), rc);

    return p;
}


static void
test_price_kinds(void **state)
{
    trd_rates_price_t  p;

    (void) state;

    assert_int_equal(json(HEAD "{\"EUR\":0.92,\"JPY\":143.27,\"ZZZ\":0,"
                          "\"NNN\":-1,\"LONG\":1.1234567895,"
                          "\"HALF\":0.8,\"TINY\":1e-9}}"), TRD_OK);

    p = price("USD", "JPY", "0.1", TRD_OK);         /* the tick is not used */
    assert_true(p.price_e8 == 14327000000);
    assert_int_equal(p.derived, TRD_DERIVED_NOT);

    p = price("USD", "LONG", "0.1", TRD_OK);
    assert_true(p.price_e8 == 112345679);           /* half away from zero */

    p = price("EUR", "USD", "0.00001", TRD_OK);     /* 1.086956... */
    assert_true(p.price_e8 == 108696000);
    assert_int_equal(p.derived, TRD_DERIVED_INVERSE);

    p = price("HALF", "USD", "0.5", TRD_OK);        /* 1.25: half a step */
    assert_true(p.price_e8 == 150000000);

    p = price("EUR", "JPY", "0.001", TRD_OK);       /* 155.72826... */
    assert_true(p.price_e8 == 15572800000);
    assert_int_equal(p.derived, TRD_DERIVED_CROSS);

    (void) price("EUR", "GBP", "0.001", TRD_NOT_FOUND);
    (void) price("ZZZ", "USD", "0.001", TRD_ERROR);
    (void) price("USD", "ZZZ", "0.001", TRD_ERROR);
    (void) price("NNN", "USD", "0.001", TRD_ERROR);
    (void) price("TINY", "EUR", "1", TRD_OK);       /* 920,000,000 */
    (void) price("USD", "TINY", "0.001", TRD_OVERFLOW);     /* nothing left */
}


/* |price - num / den| is at most half a step, and steps are kept */

static void
test_price_is_the_nearest_step(void **state)
{
    int                n;
    char               text[160];
    int64_t            steps[] = { 1, 1000, 100000, 250000, TRD_E8 }, step;
    uint64_t           seed = 88172645463325252, a, b;
    __int128           exact, got, diff;
    trd_rates_price_t  p;

    (void) state;

    for (n = 0; n < ROUNDS; n++) {
        a = recordings_random(&seed) % 10000000 + 1;
        b = recordings_random(&seed) % 10000000 + 1;
        step = steps[recordings_random(&seed) % N(steps)];

        sprintf(text, HEAD "{\"AAA\":%llu.%03llu,\"BBB\":%llu.%03llu}}",
                (unsigned long long) a / 1000, (unsigned long long) a % 1000,
                (unsigned long long) b / 1000, (unsigned long long) b % 1000);
        assert_int_equal(json(text), TRD_OK);

        if (trd_rates_price(&rates, "AAA", "BBB", step, &p) != TRD_OK) {
            /* only what vanishes at this step */
            assert_true((__int128) b * 2 * TRD_E8 < (__int128) a * step);
            continue;
        }

        assert_true(p.price_e8 > 0 && p.price_e8 % step == 0);
        exact = (__int128) b * TRD_E8 * 2;
        got = (__int128) p.price_e8 * a * 2;
        diff = got > exact ? got - exact : exact - got;
        assert_true(diff <= (__int128) step * a);

        /* exactly between two: the upper one */
        if (diff == (__int128) step * a) {
            assert_true(got > exact);
        }
    }
}


#define ENVELOPE  "<?xml version=\"1.0\"?>\n<gesmes:Envelope xmlns='x'><Cube>"
#define END       "</Cube></gesmes:Envelope>"
#define DAY(d)    "<Cube time='" d "'>"
#define RATE      "<Cube currency='USD' rate='1.1831'/>"

static trd_rc_t
ecb(const char *s)
{
    return trd_rates_ecb(s, strlen(s), &rates);
}


static void
test_ecb_document(void **state)
{
    size_t  i;

    static const char *const  wrong[] = {
        "", " ", "x", "<", "<Cube", ENVELOPE, ENVELOPE END,
        ENVELOPE DAY("2015-01-07") RATE,                    /* cut off */
        ENVELOPE DAY("2015-01-07") RATE "</Cube>" END "<x/>",
        ENVELOPE DAY("2015-13-07") RATE "</Cube>" END,
        ENVELOPE DAY("2015-02-29") RATE "</Cube>" END,
        ENVELOPE DAY("1998-01-07") RATE "</Cube>" END,
        ENVELOPE DAY("2015-1-07") RATE "</Cube>" END,
        ENVELOPE RATE END,                                  /* of no day */
        ENVELOPE DAY("2015-01-07") "<Cube currency='USD'/></Cube>" END,
        ENVELOPE DAY("2015-01-07") RATE RATE "</Cube>" END,
        ENVELOPE DAY("2015-01-07") "<Cube currency='USD' rate='1' rate='2'/>"
        "</Cube>" END,
        ENVELOPE DAY("2015-01-07") "<Cube currency='USD' rate='&one;'/>"
        "</Cube>" END,
        ENVELOPE DAY("2015-01-07") "<Cube currency='USD' rate=1/></Cube>" END,
        ENVELOPE DAY("2015-01-07") "<Cube currency='USD'rate='1'/></Cube>"
        END,
        ENVELOPE DAY("2015-01-07") "<Cube currency='USD' rate='1e'/></Cube>"
        END,
        ENVELOPE DAY("2015-01-07") "<Cube currency='EUR' rate='2'/></Cube>"
        END,
        "<!DOCTYPE x [<!ENTITY a 'b'>]>" ENVELOPE DAY("2015-01-07") RATE
        "</Cube>" END,
        ENVELOPE "<![CDATA[x]]>" DAY("2015-01-07") RATE "</Cube>" END,
        ENVELOPE "<!-- " DAY("2015-01-07") RATE "</Cube>" END
    };

    (void) state;

    for (i = 0; i < N(wrong); i++) {
        assert_int_equal(ecb(wrong[i]), TRD_ERROR);
    }

    /* a comment is none of ours; an older day is of another snapshot */
    assert_int_equal(ecb(ENVELOPE "<!-- <Cube time='2014-01-01'> -->"
                         DAY("2015-01-07") RATE "</Cube>" DAY("2015-01-06")
                         "<Cube currency='JPY' rate='1'/></Cube>" END),
                     TRD_OK);
    assert_int_equal(rates.n, 2);
    assert_null(trd_rates_find(&rates, "JPY"));
    assert_true(trd_rates_find(&rates, "USD")->digits == 11831);
}


static void
test_ecb_time_is_frankfurts(void **state)
{
    size_t  i;
    char    text[256];

    static const struct {
        const char  *day;
        int64_t      ms;            /* 14:10 there, by another program */
    } cases[] = {
        { "2015-01-07", 1420636200000 },        /* 13:10 UTC */
        { "2015-03-27", 1427461800000 },
        { "2015-03-30", 1427717400000 },        /* 12:10 UTC */
        { "2015-10-23", 1445602200000 },
        { "2015-10-26", 1445865000000 },
        { "2024-02-29", 1709212200000 }
    };

    (void) state;

    for (i = 0; i < N(cases); i++) {
        sprintf(text, ENVELOPE "<Cube time='%s'>" RATE "</Cube>" END,
                cases[i].day);
        assert_int_equal(ecb(text), TRD_OK);
        assert_true(rates.time_ms == cases[i].ms);
    }
}


/* what a source states is whole, is judged by its time, and ages by its due */

static void
test_apply_of_a_polled_quote(void **state)
{
    int           changed;
    trd_state_t   s;
    trd_update_t  u;

    const int64_t       day = 86400000, now = 1700000000000;
    const trd_limits_t  limits = { 0, 5000 };

    (void) state;

    memset(&s, 0, sizeof(s));
    memset(&u, 0, sizeof(u));
    u.kind = TRD_UPDATE_QUOTE;
    u.has = TRD_HAS_LAST | TRD_HAS_OPEN | TRD_HAS_TIME;
    u.last_e8 = 101 * TRD_E8;
    u.open_e8 = 100 * TRD_E8;
    u.derived = TRD_DERIVED_CROSS;
    u.every_ms = (uint32_t) day;
    u.exchange_ms = now - day;

    assert_int_equal(trd_apply(&s, &u, &limits, 7200000, now, &changed),
                     TRD_REFUSED_NOT);
    assert_false(s.quote.stale);
    assert_int_equal(s.quote.derived, TRD_DERIVED_CROSS);
    assert_true(s.quote.has & TRD_HAS_CHANGE);

    /* said again much later: the publisher is overdue by too much */
    assert_int_equal(trd_apply(&s, &u, &limits, 7200000, now + 7200001,
                               &changed), TRD_REFUSED_NOT);
    assert_true(s.quote.stale);

    /* what a later one does not say is not known any more */
    u.has = TRD_HAS_LAST | TRD_HAS_TIME;
    u.exchange_ms = now;
    assert_int_equal(trd_apply(&s, &u, &limits, 7200000, now, &changed),
                     TRD_REFUSED_NOT);
    assert_int_equal(s.quote.has, TRD_HAS_LAST | TRD_HAS_TIME);
    assert_false(s.quote.stale);

    u.exchange_ms = now - 1;
    assert_int_equal(trd_apply(&s, &u, &limits, 7200000, now, &changed),
                     TRD_REFUSED_OLDER);
}


typedef struct {
    size_t  n;
    size_t  rates;
} seen_t;


static void
recorded(void *ctx, const char *path, char *text, size_t len)
{
    size_t    cut;
    seen_t   *seen = ctx;
    trd_rc_t  (*parser)(const char *, size_t, trd_rates_t *);

    parser = strstr(path, "ecb-") ? trd_rates_ecb : trd_rates_exchangerate;

    assert_int_equal(parser(text, len, &rates), TRD_OK);
    seen->n++;
    seen->rates += rates.n;

    /* no beginning of it is a document */
    for (cut = 0; cut + 1 < len; cut += 1 + len / 5000) {
        if (text[cut + 1] > ' ') {
            assert_int_equal(parser(text, cut, &rates), TRD_ERROR);
        }
    }
}


static void
test_recorded_documents(void **state)
{
    seen_t  seen = { 0, 0 };

    (void) state;

    (void) recordings_file(RECORDINGS "/fx/exchangerate-api-v4-latest-USD-"
                           "20220920.json", 0, recorded, &seen);
    (void) recordings_file(RECORDINGS "/fx/ecb-eurofxref-daily-20150107.xml",
                           0, recorded, &seen);
    (void) recordings_file(RECORDINGS "/fx/ecb-eurofxref-90d-20191129.xml.gz",
                           0, recorded, &seen);

    if (seen.n == 0) {
        print_message("no recorded data beside the repository\n");
        skip();
    }

    assert_int_equal(seen.n, 3);
    assert_int_equal(seen.rates, 162 + 32 + 33);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_rate_parse_keeps_the_digits),
        cmocka_unit_test(test_rate_parse_never_cuts_off),
        cmocka_unit_test(test_exchangerate_document),
        cmocka_unit_test(test_too_many_rates),
        cmocka_unit_test(test_price_kinds),
        cmocka_unit_test(test_price_is_the_nearest_step),
        cmocka_unit_test(test_ecb_document),
        cmocka_unit_test(test_ecb_time_is_frankfurts),
        cmocka_unit_test(test_apply_of_a_polled_quote),
        cmocka_unit_test(test_recorded_documents)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
