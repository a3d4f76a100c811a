/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * instruments.json: the file that is shipped is read whole; each field that
 * is wrong is refused, and the log names file, line and field.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "capture.h"
#include "catalogue.h"
#include "trd_board_write.h"
#include "trd_decimal.h"

/* three instruments of twelve lines; the second's field f stands on line
   FIELD_LINE + f */
#define FIELD_LINE  16

static const char *const  fields[] = {
    "\"symbol\": \"ETH\"", "\"exchange_symbol\": \"ETHUSDT\"",
    "\"asset_class\": \"CRYPTO\"", "\"base\": \"ETH\"", "\"quote\": \"USDT\"",
    "\"price_tick\": \"0.01\"", "\"lot_step\": \"0.0001\"",
    "\"min_notional\": \"5\"", "\"source\": \"binance\"",
    "\"stale_after_ms\": 10000"
};

#define FIELDS  (sizeof(fields) / sizeof(fields[0]))

static char  path[64];


/* the file with one field of the second instrument replaced; NULL: left out */
static void
write_file(size_t changed, const char *text)
{
    FILE        *f;
    size_t       i, k, n;
    const char  *line, *sep;

    f = fopen(path, "w");
    assert_non_null(f);
    (void) fprintf(f, "{\n  \"instruments\": [\n");

    for (i = 0; i < 3; i++) {
        (void) fprintf(f, "    {");
        sep = "\n";

        for (k = 0; k < FIELDS; k++) {
            line = i == 1 && k == changed ? text : fields[k];

            if (line == NULL) {
                continue;
            }

            n = strlen(line);

            /* the other two are told apart by one letter */
            if (i != 1 && strstr(line, "\"ETH")) {
                n = (size_t) (strstr(line, "\"ETH") - line) + 1;
                (void) fprintf(f, "%s%.*s%c%s", sep, (int) n, line,
                               i ? 'F' : 'D', line + n + 1);

            } else {
                (void) fprintf(f, "%s%s", sep, line);
            }

            sep = ",\n";
        }

        (void) fprintf(f, "\n    }%s\n", i < 2 ? "," : "");
    }

    (void) fprintf(f, "  ]\n}\n");
    (void) fclose(f);
}


static void
write_text(const char *text)
{
    FILE  *f;

    f = fopen(path, "w");
    assert_non_null(f);
    (void) fputs(text, f);
    (void) fclose(f);
}


static void
check_refused(const char *want)
{
    int          rc;
    capture_t    c;
    catalogue_t  cat;

    capture_start(&c);
    rc = catalogue_read(&cat, path);
    capture_stop(&c);

    if (rc == 0) {
        fail_msg("was taken instead of %s", want);
    }

    assert_null(cat.instruments);

    if (strstr(c.text, want) == NULL || strstr(c.text, path) == NULL
        || strstr(c.text, "level=error") == NULL)
    {
        fail_msg("%s instead of %s", c.text, want);
    }
}


/* field `k` of the second instrument as `text`: refused with its line */
static void
check_field(size_t k, const char *text)
{
    char         want[128];
    size_t       len;
    const char  *name;

    name = fields[k] + 1;
    len = strcspn(name, "\"");
    write_file(k, text);
    (void) snprintf(want, sizeof(want), "line=%zu field=instruments[1].%.*s ",
                    text ? FIELD_LINE + k : FIELD_LINE - 1, (int) len, name);
    check_refused(want);
}


static void
test_good(void **state)
{
    catalogue_t  c;

    (void) state;
    write_file(FIELDS, NULL);
    assert_int_equal(catalogue_read(&c, path), 0);
    assert_int_equal(c.n, 3);
    assert_string_equal(c.instruments[0].symbol, "DTH");
    assert_string_equal(c.instruments[1].symbol, "ETH");
    assert_string_equal(c.instruments[1].exchange_symbol, "ETHUSDT");
    assert_string_equal(c.instruments[1].base, "ETH");
    assert_string_equal(c.instruments[1].quote, "USDT");
    assert_int_equal(c.instruments[1].asset_class, TRD_CLASS_CRYPTO);
    assert_int_equal(c.instruments[1].source, TRD_SOURCE_BINANCE);
    assert_int_equal(c.instruments[1].price_tick_e8, TRD_E8 / 100);
    assert_int_equal(c.instruments[1].lot_step_e8, TRD_E8 / 10000);
    assert_int_equal(c.instruments[1].min_notional_e8, 5 * TRD_E8);
    assert_int_equal(c.instruments[1].price_places, 2);
    assert_int_equal(c.instruments[1].lot_places, 4);
    assert_int_equal(c.instruments[1].stale_after_ms, 10000);
    assert_int_equal(c.sim[1].price_e8, 100 * TRD_E8);
    catalogue_free(&c);

    /* what may be left out */
    write_file(7, NULL);
    assert_int_equal(catalogue_read(&c, path), 0);
    assert_int_equal(c.instruments[1].min_notional_e8, 0);
    catalogue_free(&c);
}


/* the one that comes with the product: all of it, and no name twice */
static void
test_shipped(void **state)
{
    void                *mem;
    size_t               size;
    uint32_t             a, b;
    catalogue_t          c;
    trd_board_shape_t    shape = { 23, 64, 1, 1, 1, 0 };
    trd_board_writer_t   w;

    (void) state;
    assert_int_equal(catalogue_read(&c, "instruments.json"), 0);
    assert_int_equal(c.n, 23);
    size = (size_t) trd_board_size(&shape);
    mem = aligned_alloc(4096, size);
    memset(mem, 0, size);
    assert_int_equal(trd_board_create(&w, mem, size, &shape, c.instruments,
                                      c.n, 1, 0, 0, 0, &a, &b), TRD_OK);
    free(mem);
    catalogue_free(&c);
}


static void
test_fields_refused(void **state)
{
    char      text[128];
    size_t    k;
    unsigned  i;

    static const char *const  symbols[] = {
        "\"\"", "5", "null", "[]", "\"ABCDEFGHIJKLMNOPQRSTUVWXY\"",
        "\"eth\"", "\"ET H\"", "\"ET-H\"", "\"ET\\\"H\"", "\"\\u00c4\""
    };
    static const char *const  decimals[] = {
        "\"-1\"", "\"1e3\"", "\"\"", "0.01", "\"abc\"", "null",
        "\"0.000000001\"", "\"99999999999999\"", "\"0.01 \""
    };
    static const char *const  words[] = { "\"crypto\"", "\"\"", "7" };
    static const char *const  numbers[] = {
        "0", "-1", "1.5", "\"10000\"", "4294967296", "null", "true"
    };

    (void) state;

    for (k = 0; k < FIELDS; k++) {
        const char  *const *values = symbols;
        unsigned            n = 10;

        if (k != 7) {
            check_field(k, NULL);
        }

        switch (k) {
        case 2: case 8:
            values = words;
            n = 3;
            break;
        case 5: case 6: case 7:
            values = decimals;
            n = 9;
            break;
        case 9:
            values = numbers;
            n = 7;
            break;
        default:
            break;
        }

        for (i = 0; i < n; i++) {
            (void) snprintf(text, sizeof(text), "%.*s: %s",
                            (int) (strchr(fields[k], ':') - fields[k]),
                            fields[k], values[i]);
            check_field(k, text);
        }
    }

    check_field(5, "\"price_tick\": \"0\"");
    check_field(6, "\"lot_step\": \"0.00000000\"");
}


static void
test_other_fields_refused(void **state)
{
    unsigned  i;

    static const struct {
        const char  *text, *want;
    } cases[] = {
        { "\"stale_after_ms\": 5, \"colour\": 1", "instruments[1].colour " },
        { "\"stale_after_ms\": 5, \"simulator\": 1",
          "instruments[1].simulator " },
        { "\"stale_after_ms\": 5, \"simulator\": {\"prise\": \"1\"}",
          "instruments[1].prise " },
        { "\"stale_after_ms\": 5, \"simulator\": {\"price\": \"0\"}",
          "instruments[1].price " },
        { "\"stale_after_ms\": 5, \"simulator\": {\"volatility\": \"-1\"}",
          "instruments[1].volatility " },
        { "\"stale_after_ms\": 5, \"simulator\": {\"spread\": 1}",
          "instruments[1].spread " },
        { "\"stale_after_ms\": 5, \"simulator\": {\"volume\": \"x\"}",
          "instruments[1].volume " }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char  want[128];

        write_file(9, cases[i].text);
        (void) snprintf(want, sizeof(want), "line=25 field=%s",
                        cases[i].want);
        check_refused(want);
    }
}


static void
test_files_refused(void **state)
{
    (void) state;

    write_text("");
    check_refused("line=1");
    write_text("{\n\"instruments\": [\n");
    check_refused("line=3");
    write_text("[]");
    check_refused("field=instruments ");
    write_text("{}");
    check_refused("field=instruments ");
    write_text("{\"instruments\": {}}");
    check_refused("field=instruments ");
    write_text("{\"instruments\": []}");
    check_refused("field=instruments ");
    write_text("{\"instruments\": [\n5]}");
    check_refused("line=2 field=instruments[0]");
    write_file(0, "\"symbol\": \"ETH\", \"symbol\": \"ETH\"");
    check_refused("line=16");

    assert_int_equal(unlink(path), 0);
    check_refused("No such file");
}


/* the catalogue lets names through that only the board can compare */
static void
test_duplicates(void **state)
{
    capture_t             log;
    void                *mem;
    size_t               size;
    uint32_t             a, b;
    catalogue_t          c;
    trd_board_shape_t    shape = { 3, 64, 1, 1, 1, 0 };
    trd_board_writer_t   w;

    (void) state;
    write_file(1, "\"exchange_symbol\": \"DTHUSDT\"");
    assert_int_equal(catalogue_read(&c, path), 0);
    size = (size_t) trd_board_size(&shape);
    mem = aligned_alloc(4096, size);
    memset(mem, 0, size);
    assert_int_equal(trd_board_create(&w, mem, size, &shape, c.instruments,
                                      c.n, 1, 0, 0, 0, &a, &b), TRD_ERROR);
    assert_int_equal(a, 0);
    assert_int_equal(b, 1);

    capture_start(&log);
    catalogue_clash(path, &c, a, b);
    capture_stop(&log);
    assert_non_null(strstr(log.text, path));
    assert_non_null(strstr(log.text, "line=16 field=instruments[1].symbol"));
    assert_non_null(strstr(log.text, "is also one of"));

    free(mem);
    catalogue_free(&c);
}


int
main(void)
{
    int  fd, failed;

    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_shipped),
        cmocka_unit_test(test_fields_refused),
        cmocka_unit_test(test_other_fields_refused),
        cmocka_unit_test(test_files_refused),
        cmocka_unit_test(test_duplicates)
    };

    (void) snprintf(path, sizeof(path), "/tmp/catalogue-XXXXXX");
    fd = mkstemp(path);

    if (fd == -1) {
        return 1;
    }

    (void) close(fd);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void) unlink(path);

    return failed;
}
