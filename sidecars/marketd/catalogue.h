/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * instruments.json: which instruments there are.  Read once with jansson;
 * an error names file, line and field.
 */

#ifndef MARKETD_CATALOGUE_H
#define MARKETD_CATALOGUE_H

#include "trd_quote.h"

/* what the simulator needs to know of an instrument */
typedef struct {
    int64_t  price_e8;          /* where it hovers */
    int64_t  volatility_e8;     /* standard deviation over a day, 0.03 = 3 % */
    int64_t  spread_e8;         /* of the price, 0.0002 = 2 bp */
    int64_t  volume_e8;         /* a day's, in base */
} catalogue_sim_t;

typedef struct {
    trd_instrument_t  *instruments;     /* n of them; source as configured */
    catalogue_sim_t   *sim;             /* n of them */
    uint32_t           n;
} catalogue_t;

/* 0, or -1 after it has logged file, line and field of what is wrong */
int catalogue_read(catalogue_t *c, const char *file);

/* The same of its text; file: a name for the log. */
int catalogue_parse(catalogue_t *c, const char *file, const char *text,
    size_t len);
void catalogue_free(catalogue_t *c);

/* logs that b has an alias of a, with the file's line */
void catalogue_clash(const char *file, const catalogue_t *c, uint32_t a,
    uint32_t b);

#endif /* MARKETD_CATALOGUE_H */
