/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Writes an events file for tests, as ledgerd does: created under another
 * name and renamed when it is complete.
 *
 *     mkevents [--generation N] FILE RING_SIZE < events
 *
 * A line of the input is an event: KIND ACCOUNT JSON, KIND being order,
 * position, balance or alert.  Each is written when its line is read, and its
 * number printed.  It beats meanwhile, until the input ends; the file stays.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/poll.h>           /* <poll.h> would be marketd's */
#include <sys/stat.h>
#include <unistd.h>

#include "trd_events.h"
#include "tsd_log.h"


#define MKEVENTS_BEAT_MS  20
#define MKEVENTS_LINE     (TRD_EVENT_BODY_MAX + TRD_EVENT_ACCOUNT_MAX + 16)

static const char *const  mkevents_kinds[TRD_EVENT_N] = {
    "order", "position", "balance", "alert"
};


static void
mkevents_usage(void)
{
    (void) fprintf(stderr,
        "usage: mkevents [--generation N] FILE RING_SIZE\n"
        "  --generation N      of the file (default: the time in ms)\n"
        "reads lines KIND ACCOUNT JSON and prints the number of each event\n");
    exit(2);
}


static void
mkevents_fail(const char *what, const char *path)
{
    (void) fprintf(stderr, "mkevents: %s: %s: %s\n", what, path,
                   strerror(errno));
    exit(1);
}


static void
mkevents_create(trd_events_writer_t *w, const char *path, uint64_t ring,
    uint64_t generation)
{
    int      fd;
    char     temp[4096];
    void    *base;
    size_t   size;

    size = trd_events_size(ring);

    if (size == 0) {
        (void) fprintf(stderr, "mkevents: the ring's size is a power of two "
                       "from %u to %u\n", TRD_EVENTS_RING_MIN,
                       TRD_EVENTS_RING_MAX);
        exit(2);
    }

    (void) snprintf(temp, sizeof(temp), "%s.tmp", path);
    (void) unlink(temp);

    fd = open(temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    if (fd == -1 || fchmod(fd, 0644) != 0 || ftruncate(fd, (off_t) size) != 0)
    {
        mkevents_fail("open", temp);
    }

    base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (base == MAP_FAILED) {
        mkevents_fail("mmap", temp);
    }

    (void) close(fd);

    if (trd_events_create(w, base, size, ring, generation, tsd_wall_ms())
        != TRD_OK)
    {
        mkevents_fail("trd_events_create", temp);
    }

    trd_events_beat(w, tsd_mono_ms(), tsd_wall_ms());

    if (rename(temp, path) != 0) {
        mkevents_fail("rename", path);
    }
}


static void
mkevents_line(trd_events_writer_t *w, char *line)
{
    char      *kind, *account, *body;
    unsigned   k;

    kind = line;
    account = strchr(kind, ' ');
    body = account ? strchr(account + 1, ' ') : NULL;

    for (k = 0; body && k < TRD_EVENT_N; k++) {
        if (strncmp(kind, mkevents_kinds[k], (size_t) (account - kind)) == 0
            && mkevents_kinds[k][account - kind] == '\0')
        {
            break;
        }
    }

    if (body == NULL || k == TRD_EVENT_N
        || trd_events_write(w, k, account + 1,
                            (size_t) (body - account - 1), body + 1,
                            strlen(body + 1), tsd_wall_ms())
           != TRD_OK)
    {
        (void) printf("refused\n");

    } else {
        (void) printf("%llu\n", (unsigned long long) w->number);
    }

    (void) fflush(stdout);
}


/* reads what there is, and beats while there is nothing */

static void
mkevents_serve(trd_events_writer_t *w)
{
    char           *end;
    size_t          n;
    ssize_t         got;
    static char     buf[MKEVENTS_LINE];
    struct pollfd   in = { STDIN_FILENO, POLLIN, 0 };

    for (n = 0; n < sizeof(buf); /* void */) {
        trd_events_beat(w, tsd_mono_ms(), tsd_wall_ms());

        if (poll(&in, 1, MKEVENTS_BEAT_MS) <= 0) {
            continue;
        }

        got = read(STDIN_FILENO, buf + n, sizeof(buf) - n);

        if (got <= 0) {
            return;
        }

        n += (size_t) got;

        while ((end = memchr(buf, '\n', n)) != NULL) {
            *end = '\0';
            mkevents_line(w, buf);
            n -= (size_t) (end + 1 - buf);
            memmove(buf, end + 1, n);
        }
    }

    (void) fprintf(stderr, "mkevents: a line is too long\n");
    exit(1);
}


static uint64_t
mkevents_number(const char *text)
{
    char      *end;
    uint64_t   n;

    n = strtoull(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0') {
        mkevents_usage();
    }

    return n;
}


int
main(int argc, char **argv)
{
    int                  i;
    uint64_t             generation;
    trd_events_writer_t  w;

    i = 1;
    generation = (uint64_t) tsd_wall_ms();

    if (argc > 2 && strcmp(argv[1], "--generation") == 0) {
        generation = mkevents_number(argv[2]);
        i = 3;
    }

    if (argc - i != 2) {
        mkevents_usage();
    }

    mkevents_create(&w, argv[i], mkevents_number(argv[i + 1]), generation);
    mkevents_serve(&w);

    return 0;
}
