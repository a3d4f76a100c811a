/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * How long from an update on the board to the page that shows it, seen from
 * outside: follows the journal of a live board like a reader would, and spins
 * until the instrument's page (and the whole market's) has caught up.
 *
 *     latency BOARD SECONDS
 *
 * Prints the updates seen and the percentiles in microseconds.  An update
 * whose page had caught up before the journal entry was looked at counts as
 * what the look cost, so the figures are never better than the truth.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trd_board.h"
#include "tsd_log.h"


#define LATENCY_MAX    4000000
#define LATENCY_OPEN   4096

typedef struct {
    uint64_t  seq;
    uint32_t  instrument;
    int64_t   seen_us;
} latency_open_t;

typedef struct {
    int64_t  *us;
    size_t    n;
} latency_series_t;


static int
latency_compare(const void *a, const void *b)
{
    int64_t  x = *(const int64_t *) a, y = *(const int64_t *) b;

    return (x > y) - (x < y);
}


static void
latency_add(latency_series_t *s, int64_t us)
{
    if (s->n < LATENCY_MAX) {
        s->us[s->n++] = us;
    }
}


static void
latency_print(const char *what, latency_series_t *s)
{
    if (s->n == 0) {
        (void) printf("%s n=0\n", what);
        return;
    }

    qsort(s->us, s->n, sizeof(*s->us), latency_compare);

    (void) printf("%s n=%zu p50_us=%lld p99_us=%lld p999_us=%lld max_us=%lld\n",
                  what, s->n, (long long) s->us[s->n / 2],
                  (long long) s->us[s->n * 99 / 100],
                  (long long) s->us[s->n * 999 / 1000],
                  (long long) s->us[s->n - 1]);
}


static int
latency_shown(const trd_board_t *b, const trd_page_t *page, uint64_t seq)
{
    trd_page_view_t  view;

    return page && trd_page_begin(b, page, 0, &view) == TRD_OK
           && view.seq >= seq;
}


static int
latency_map(trd_board_t *b, const char *path)
{
    int          fd;
    void        *base;
    const char  *why;
    struct stat  st;

    fd = open(path, O_RDONLY);

    if (fd == -1 || fstat(fd, &st) != 0) {
        perror(path);
        return -1;
    }

    base = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    (void) close(fd);

    if (base == MAP_FAILED) {
        perror("mmap");
        return -1;
    }

    if (trd_board_open(b, base, (size_t) st.st_size, &why) != TRD_OK) {
        (void) fprintf(stderr, "%s: %s\n", path, why);
        return -1;
    }

    return 0;
}


/* moves what has been shown from the open list to the series */

static size_t
latency_settle(const trd_board_t *b, latency_open_t *open, size_t n,
    const trd_page_t *market, latency_series_t *s)
{
    int64_t  now;
    size_t   i, kept;

    now = tsd_mono_us();

    for (i = 0, kept = 0; i < n; i++) {
        const trd_page_t  *page = market
                                  ? market
                                  : trd_board_entry_page(b, open[i].instrument,
                                                         TRD_ENTRY_QUOTE);

        if (latency_shown(b, page, open[i].seq)) {
            latency_add(s, now - open[i].seen_us);

        } else {
            open[kept++] = open[i];
        }
    }

    return kept;
}


int
main(int argc, char **argv)
{
    size_t            n, m;
    int64_t           end;
    uint32_t          instrument;
    uint64_t          seq, missed;
    trd_change_t      change;
    trd_board_t       b;
    latency_series_t  one, all;

    static latency_open_t  open_one[LATENCY_OPEN], open_all[LATENCY_OPEN];

    if (argc != 3 || latency_map(&b, argv[1]) != 0) {
        (void) fprintf(stderr, "usage: latency BOARD SECONDS\n");
        return 2;
    }

    one.us = malloc(LATENCY_MAX * sizeof(int64_t));
    all.us = malloc(LATENCY_MAX * sizeof(int64_t));
    one.n = all.n = 0;

    if (one.us == NULL || all.us == NULL) {
        return 1;
    }

    end = tsd_mono_us() + atol(argv[2]) * 1000000;
    seq = trd_board_seq(&b) + 1;
    n = m = 0;
    missed = 0;

    while (tsd_mono_us() < end) {

        while (n < LATENCY_OPEN && m < LATENCY_OPEN) {
            trd_rc_t  rc = trd_board_journal(&b, seq, &instrument, &change);

            if (rc == TRD_AGAIN) {
                break;
            }

            if (rc != TRD_OK) {
                missed++;
                seq = trd_board_seq(&b) + 1;
                break;
            }

            if (change != TRD_CHANGE_QUOTE && change != TRD_CHANGE_STALE) {
                seq++;                  /* not on these pages */
                continue;
            }

            open_one[n].seq = open_all[m].seq = seq++;
            open_one[n].instrument = open_all[m].instrument = instrument;
            open_one[n].seen_us = open_all[m].seen_us = tsd_mono_us();
            n++;
            m++;
        }

        n = latency_settle(&b, open_one, n, NULL, &one);
        m = latency_settle(&b, open_all, m,
                           trd_board_page(&b, TRD_PAGE_PRICES,
                                          TRD_VARIANT_PLAIN), &all);
    }

    latency_print("page", &one);
    latency_print("market_page", &all);
    (void) printf("overruns=%llu\n", (unsigned long long) missed);

    return 0;
}
