/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the tests of indicators, models and scores share: rows of a CSV file,
 * plain or gzip, and a reproducible source of noise.
 */

#ifndef INDICATOR_FIXTURE_H
#define INDICATOR_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "trd_board.h"
#include "trd_decimal.h"

#define DATA      "../shared/data/"
#define FIXTURES  "tests/fixtures/indicators/"
#define CELLS     32

#define CLOSE(a, b, eps)  assert_true(fabs((a) - (b)) <= (eps))

typedef struct {
    gzFile  gz;
    char    line[4096];
    char   *cell[CELLS];
    size_t  n;
} csv_t;


/* opens a file and reads its head; 0 if the file is not there */
static inline int
csv_open(csv_t *c, const char *path)
{
    c->gz = gzopen(path, "rb");
    if (c->gz == NULL) {
        return 0;
    }

    return gzgets(c->gz, c->line, sizeof(c->line)) != NULL;
}


static inline int
csv_next(csv_t *c)
{
    char  *p;

    if (gzgets(c->gz, c->line, sizeof(c->line)) == NULL) {
        gzclose(c->gz);
        return 0;
    }

    c->line[strcspn(c->line, "\r\n")] = '\0';
    c->n = 0;

    for (p = c->line; p != NULL && c->n < CELLS; c->n++) {
        c->cell[c->n] = p;
        p = strchr(p, ',');
        if (p != NULL) {
            *p++ = '\0';
        }
    }

    return 1;
}


static inline int64_t
csv_e8(const csv_t *c, size_t cell)
{
    int64_t  e8;

    assert_true(cell < c->n);
    assert_int_equal(trd_decimal_parse(c->cell[cell], strlen(c->cell[cell]),
                                       &e8), TRD_OK);
    return e8;
}


/* the candles of a file of ../shared/data/ohlcv; NULL if it is not there */
static inline trd_candle_t *
csv_candles(const char *path, size_t *n)
{
    csv_t          c;
    size_t         size;
    trd_candle_t  *k;

    *n = 0;

    if (!csv_open(&c, path)) {
        return NULL;
    }

    size = 32768;
    k = calloc(size, sizeof(trd_candle_t));
    assert_non_null(k);

    while (csv_next(&c)) {
        assert_true(*n < size);
        k[*n].open_ms = strtoll(c.cell[0], NULL, 10);
        k[*n].open_e8 = csv_e8(&c, 1);
        k[*n].high_e8 = csv_e8(&c, 2);
        k[*n].low_e8 = csv_e8(&c, 3);
        k[*n].close_e8 = csv_e8(&c, 4);
        k[*n].volume_e8 = csv_e8(&c, 5);
        (*n)++;
    }

    return k;
}


/* reproducible: xorshift64, 0 <= x < 1 */
static inline double
noise(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;

    return (double) (*state >> 11) / 9007199254740992.0;
}


/* nearly normal, deviation 1 */
static inline double
bell(uint64_t *state)
{
    double  sum;
    int     i;

    sum = -6;

    for (i = 0; i < 12; i++) {
        sum += noise(state);
    }

    return sum;
}

#endif /* INDICATOR_FIXTURE_H */
