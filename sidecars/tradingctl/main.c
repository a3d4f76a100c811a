/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * tradingctl: finds the command and runs it.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tradingctl.h"
#include "trd_version.h"
#include "trd_writer.h"
#include "tsd_log.h"


static const ctl_command_t  ctl_commands[] = {
    { "top", "[--run-dir DIR] [--url URL] [--interval MS] [--once] [--json]",
      "a live view of quotes, feeds, writer and workers", ctl_top },
    { "quotes", "[SYMBOL...] [--run-dir DIR] [--watch] [--json]",
      "quotes now, or with --watch each that changes", ctl_quotes },
    { "board", "[--run-dir DIR] [--json]",
      "what the board holds; checks every hash in it", ctl_board_command },
    { "signals", "backtest FILE [--timeframe 1M|5M|15M|1H|4H|1D] "
                 "[--fit PERCENT] [--json]",
      "what the signals would have been worth on a file of candles",
      ctl_signals },
    { "tape", "info|cat|verify PATH [--raw] [--json] [--seq N] [--time MS] "
              "[--limit N]",
      "looks into a tape, or proves it", ctl_tape },
    { NULL, NULL, NULL, NULL }
};


static void
ctl_help(FILE *to)
{
    const ctl_command_t  *c;

    (void) fprintf(to, "usage: tradingctl COMMAND [OPTION...]\n\n");

    for (c = ctl_commands; c->name; c++) {
        (void) fprintf(to, "  %s %s\n      %s\n", c->name, c->usage, c->what);
    }

    (void) fprintf(to, "\n--json: one JSON object, or one a line.\n"
                       "--run-dir: where the board is; without it "
                       "TRADING_RUN_DIR, /run/trading,\n"
                       "or ./var/run if only that has one.\n"
                       "Exit status: 0 well, 1 not, 2 called wrongly.\n");
}


int
ctl_usage(const char *command, const char *why)
{
    const ctl_command_t  *c;

    for (c = ctl_commands; c->name; c++) {
        if (strcmp(c->name, command) == 0) {
            (void) fprintf(stderr, "tradingctl %s: %s\n"
                           "usage: tradingctl %s %s\n", command, why, c->name,
                           c->usage);
        }
    }

    return CTL_USAGE;
}


int
ctl_option(int *argc, char **argv, const char *name, const char **value)
{
    int     i, n, found;
    char   *p;
    size_t  len;

    len = strlen(name);
    found = 0;

    for (i = 1; i < *argc; i++) {
        p = argv[i];

        if (strncmp(p, "--", 2) != 0 || strncmp(p + 2, name, len) != 0) {
            continue;
        }

        p += 2 + len;

        if (*p != '\0' && (value == NULL || *p != '=')) {
            continue;
        }

        found = n = 1;

        if (value && *p == '=') {
            *value = p + 1;

        } else if (value && i + 1 < *argc) {
            *value = argv[i + 1];
            n = 2;
        }

        memmove(&argv[i], &argv[i + n],
                (size_t) (*argc - i - n + 1) * sizeof(char *));
        *argc -= n;
        i--;
    }

    return found;
}


void
ctl_progress(const char *what, uint64_t done, uint64_t total)
{
    int             i;
    double          share;
    int64_t         now_ms;
    static int64_t  next_ms;

    if (!isatty(STDERR_FILENO)) {
        return;
    }

    if (total == 0 || done >= total) {
        (void) fprintf(stderr, "\r\033[K");
        return;
    }

    now_ms = tsd_mono_ms();

    if (now_ms < next_ms) {
        return;
    }

    next_ms = now_ms + 100;
    share = (double) done / (double) total;
    (void) fprintf(stderr, "\r%s [", what);

    for (i = 0; i < 40; i++) {
        (void) fputc(i < (int) (share * 40) ? '#' : '.', stderr);
    }

    (void) fprintf(stderr, "] %3.0f %%\033[K", share * 100);
    (void) fflush(stderr);
}


void
ctl_json(const char *s)
{
    char          buf[4096];
    trd_writer_t  w;

    trd_writer_init(&w, buf, sizeof(buf));
    trd_write_json_str(&w, s, strlen(s));
    (void) printf("%.*s", (int) trd_writer_len(&w), buf);
}


static int
ctl_run(int argc, char **argv)
{
    const ctl_command_t  *c;

    if (argc < 2 || strcmp(argv[1], "--help") == 0) {
        ctl_help(argc < 2 ? stderr : stdout);
        return argc < 2 ? CTL_USAGE : CTL_OK;
    }

    if (strcmp(argv[1], "--version") == 0) {
        (void) printf("tradingctl %s\n", TRADING_VERSION);
        return CTL_OK;
    }

    (void) tsd_log_init("tradingctl", "warn", "text");

    for (c = ctl_commands; c->name; c++) {
        if (strcmp(c->name, argv[1]) != 0) {
            continue;
        }

        if (argc > 2 && strcmp(argv[2], "--help") == 0) {
            (void) printf("usage: tradingctl %s %s\n    %s\n", c->name,
                          c->usage, c->what);
            return CTL_OK;
        }

        return c->run(argc - 1, argv + 1);
    }

    (void) fprintf(stderr, "tradingctl: no command \"%s\"\n", argv[1]);
    ctl_help(stderr);

    return CTL_USAGE;
}


/* What was to be written and could not be must not look like an empty answer:
   a full disk shows with the last of it only. */

int
main(int argc, char **argv)
{
    int  rc;

    rc = ctl_run(argc, argv);
    errno = 0;

    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void) fprintf(stderr, "tradingctl: the output could not be written"
                       "%s%s\n", errno ? ": " : "",
                       errno ? strerror(errno) : "");
        rc = rc == CTL_OK ? CTL_FAILED : rc;
    }

    return rc;
}
