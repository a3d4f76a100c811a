/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The operator's tool: one file a command, each with one function here and
 * one line in the table of main.c.  A command prints its result on standard
 * output, and why it failed on standard error.
 */

#ifndef TRADINGCTL_H
#define TRADINGCTL_H

#include <stdint.h>

#include "trd_quote.h"

/* what a command returns, and the process with it */
#define CTL_OK      0
#define CTL_FAILED  1           /* it ran, and the answer is bad */
#define CTL_USAGE   2           /* it was called wrongly */

/* argv[0] is the command's own name; options are left to it */
typedef int (*ctl_pt)(int argc, char **argv);

typedef struct {
    const char  *name;
    const char  *usage;         /* after the name */
    const char  *what;
    ctl_pt       run;
} ctl_command_t;

int ctl_tape(int argc, char **argv);
int ctl_top(int argc, char **argv);
int ctl_quotes(int argc, char **argv);
int ctl_board_command(int argc, char **argv);
int ctl_signals(int argc, char **argv);

/*
 * Takes the option --name out of argv; 1 if it was there.  With value != NULL
 * it is one that has a value, "--name value" or "--name=value"; *value stays
 * NULL if it is missing.
 */
int ctl_option(int *argc, char **argv, const char *name, const char **value);

/* Says what is wrong with the call of a command.  CTL_USAGE. */
int ctl_usage(const char *command, const char *why);

/*
 * A progress bar on standard error, if that is a terminal; drawn at most ten
 * times a second.  done == total: it is cleared.
 */
void ctl_progress(const char *what, uint64_t done, uint64_t total);

/* A JSON string, quoted, on standard output. */
void ctl_json(const char *s);

/* A quote as /market/prices/{symbol} has it, on standard output. */
void ctl_json_quote(const trd_instrument_t *in, const trd_quote_t *quote);

/* A whole number of at most 18 digits: 0, or -1. */
int ctl_number(const char *text, uint64_t *n);

/* RFC 3339, TRD_TIME_LEN and a NUL; "-" out of range */
void ctl_time(int64_t ms, char *out);

/* Short words: "120ms" "3.2s" "4m05" "-"; "1,234,567"; "99.5"; "<128us" (see
   ctl_lag()); "43250.12", "-" if the quote has not that bit; "+1.25"; the
   source as on the wire. */
void ctl_text_age(int64_t ms, char out[32]);
void ctl_text_count(uint64_t n, char out[32]);
void ctl_text_rate(double n, char out[32]);
void ctl_text_lag(uint64_t us, char out[32]);
void ctl_text_price(const trd_instrument_t *in, const trd_quote_t *q,
    uint32_t bit, int64_t e8, char out[32]);
void ctl_text_change(const trd_quote_t *q, char out[32]);
void ctl_text_source(const trd_quote_t *q, char out[32]);

#endif /* TRADINGCTL_H */
