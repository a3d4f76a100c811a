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

#endif /* TRADINGCTL_H */
