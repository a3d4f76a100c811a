/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The history of a polled source; see history.h.  The file is text:
 *
 *     trading-history 1 forex-ecb
 *     symbols EURUSD GBPUSD
 *     1420636200000 1.1831 -
 *     end 1 0123456789abcdef
 *
 * rows oldest first, times in ms, "-" for no price; the last line has the
 * number of rows and XXH3 of everything before it.  It is written without
 * fsync: the loop must not wait for a disk, a file that a power cut tears is
 * found by its hash, and what is lost is one day's change.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "history.h"
#include "trd_decimal.h"
#include "tsd_log.h"

#define HISTORY_FILE_MAX  (16 << 20)
#define HISTORY_TEXT      "trading-history 1 "

struct history_s {
    const char         *name;
    const char *const  *symbols;
    uint32_t            n;
    uint32_t            rows;
    int64_t            *times;      /* rows of them, ascending */
    int64_t            *prices;     /* rows * n */
    char               *path;       /* NULL: in memory alone */
    char               *temp;
};


static int64_t *
history_row(const history_t *h, uint32_t row)
{
    return h->prices + (size_t) row * h->n;
}


/* forgets rows before `first` and from `end` on */

static void
history_keep(history_t *h, uint32_t first, uint32_t end)
{
    uint32_t  n;

    n = end > first ? end - first : 0;

    if (first && n) {
        memmove(h->times, h->times + first, n * sizeof(*h->times));
        memmove(h->prices, history_row(h, first),
                (size_t) n * h->n * sizeof(*h->prices));
    }

    h->rows = n;
}


int
history_add(history_t *h, int64_t time_ms, const int64_t *prices)
{
    int        new;
    int64_t   *row;
    uint32_t   i, first, end;

    for (end = h->rows; end && h->times[end - 1] > time_ms; end--) {
        /* void */
    }

    new = end != h->rows;

    /* what is too old to open a day, and room for one more */

    for (first = 0; first < end
         && h->times[first] < time_ms - HISTORY_DAY_MS - HISTORY_SLACK_MS;
         first++)
    {
        /* void */
    }

    if (end - first == HISTORY_ROWS && h->times[end - 1] != time_ms) {
        first++;
    }

    history_keep(h, first, end);

    if (h->rows == 0 || h->times[h->rows - 1] != time_ms) {
        h->times[h->rows] = time_ms;
        memset(history_row(h, h->rows), 0, h->n * sizeof(*h->prices));
        h->rows++;
        new = 1;
    }

    row = history_row(h, h->rows - 1);

    for (i = 0; i < h->n; i++) {
        if (prices[i] > 0 && prices[i] != row[i]) {
            row[i] = prices[i];
            new = 1;
        }
    }

    return new;
}


void
history_day(const history_t *h, uint32_t symbol, int64_t time_ms,
    int64_t price_e8, int64_t gap_ms, history_day_t *day)
{
    int       covered;
    int64_t   off, best, price, before;
    uint32_t  i, open;

    memset(day, 0, sizeof(*day));
    best = HISTORY_SLACK_MS + 1;
    open = 0;

    for (i = 0; i < h->rows && h->times[i] < time_ms; i++) {
        off = h->times[i] - (time_ms - HISTORY_DAY_MS);
        off = off < 0 ? -off : off;

        if (off < best && history_row(h, i)[symbol]) {
            best = off;
            open = i;
        }
    }

    if (best > HISTORY_SLACK_MS) {
        return;
    }

    day->open_e8 = history_row(h, open)[symbol];
    day->high_e8 = day->low_e8 = day->open_e8;

    before = h->times[open];
    covered = 1;

    for (i = open + 1; i < h->rows && h->times[i] < time_ms; i++) {
        price = history_row(h, i)[symbol];

        if (price == 0) {
            continue;
        }

        covered &= h->times[i] - before <= gap_ms;
        before = h->times[i];

        day->high_e8 = price > day->high_e8 ? price : day->high_e8;
        day->low_e8 = price < day->low_e8 ? price : day->low_e8;
    }

    covered &= time_ms - before <= gap_ms;

    day->high_e8 = price_e8 > day->high_e8 ? price_e8 : day->high_e8;
    day->low_e8 = price_e8 < day->low_e8 ? price_e8 : day->low_e8;

    if (!covered) {
        day->high_e8 = day->low_e8 = 0;
    }
}


uint32_t
history_rows(const history_t *h)
{
    return h->rows;
}


/* ---- the file */


void
history_save(history_t *h)
{
    char      text[TRD_DECIMAL_LEN];
    char     *buf;
    FILE     *f;
    size_t    len;
    uint32_t  i, k;

    if (h->path == NULL) {
        return;
    }

    buf = NULL;
    len = 0;

    f = open_memstream(&buf, &len);
    if (f == NULL) {
        goto failed;
    }

    (void) fprintf(f, HISTORY_TEXT "%s\nsymbols", h->name);

    for (k = 0; k < h->n; k++) {
        (void) fprintf(f, " %s", h->symbols[k]);
    }

    for (i = 0; i < h->rows; i++) {
        (void) fprintf(f, "\n%" PRId64, h->times[i]);

        for (k = 0; k < h->n; k++) {
            if (history_row(h, i)[k]) {
                (void) fprintf(f, " %.*s",
                               (int) trd_decimal_format(history_row(h, i)[k],
                                                        0, text),
                               text);
            } else {
                (void) fputs(" -", f);
            }
        }
    }

    (void) fputc('\n', f);

    if (fclose(f) != 0) {
        f = NULL;
        goto failed;
    }

    f = fopen(h->temp, "we");

    if (f == NULL || fwrite(buf, 1, len, f) != len
        || fprintf(f, "end %u %016" PRIx64 "\n", h->rows,
                   (uint64_t) XXH3_64bits(buf, len)) < 0)
    {
        goto failed;
    }

    if (fclose(f) != 0) {
        f = NULL;
        goto failed;
    }

    f = NULL;

    if (rename(h->temp, h->path) != 0) {
        goto failed;
    }

    free(buf);

    return;

failed:

    tsd_log(TSD_LOG_WARN, "history_not_saved", "path=\"%s\" reason=\"%s\"",
            h->path, strerror(errno));

    if (f) {
        (void) fclose(f);
    }

    free(buf);
}


/* the next word of a line; NULL at its end.  Words are ended in place. */

static char *
history_word(char **p)
{
    char  *word;

    *p += strspn(*p, " ");

    if (**p == '\0') {
        return NULL;
    }

    word = *p;
    *p += strcspn(*p, " ");

    if (**p) {
        *(*p)++ = '\0';
    }

    return word;
}


/* columns[i]: which of our symbols the file's i-th is, or n */

static uint32_t *
history_columns(const history_t *h, char *line, uint32_t *ncolumns)
{
    char      *word, *p;
    uint32_t   i, n, size, *columns;

    p = line;
    word = history_word(&p);

    if (word == NULL || strcmp(word, "symbols") != 0) {
        return NULL;
    }

    size = (uint32_t) strlen(p) / 2 + 1;
    columns = malloc(size * sizeof(*columns));

    if (columns == NULL) {
        return NULL;
    }

    for (n = 0; (word = history_word(&p)) != NULL && n < size; n++) {
        for (i = 0; i < h->n && strcmp(h->symbols[i], word) != 0; i++) {
            /* void */
        }

        columns[n] = i;
    }

    *ncolumns = n;

    return columns;
}


static int
history_line(history_t *h, char *line, const uint32_t *columns, uint32_t n)
{
    char      *word, *p, *end;
    int64_t    time, price;
    uint32_t   i;

    p = line;
    word = history_word(&p);

    if (word == NULL || h->rows == HISTORY_ROWS) {
        return -1;
    }

    errno = 0;
    time = strtoll(word, &end, 10);

    if (errno || *end != '\0' || time <= 0
        || (h->rows && time <= h->times[h->rows - 1]))
    {
        return -1;
    }

    h->times[h->rows] = time;
    memset(history_row(h, h->rows), 0, h->n * sizeof(*h->prices));

    for (i = 0; i < n; i++) {
        word = history_word(&p);

        if (word == NULL) {
            return -1;
        }

        if (strcmp(word, "-") == 0) {
            continue;
        }

        if (trd_decimal_parse(word, strlen(word), &price) != TRD_OK
            || price <= 0)
        {
            return -1;
        }

        if (columns[i] < h->n) {
            history_row(h, h->rows)[columns[i]] = price;
        }
    }

    h->rows++;

    return history_word(&p) == NULL ? 0 : -1;
}


/* text is NUL-ended and will be cut up; -1: not what we wrote */

static int
history_take(history_t *h, char *text, size_t len)
{
    int        rc;
    char      *line, *next, *last;
    char       expected[64];
    uint32_t  *columns, ncolumns;
    uint64_t   hash;

    if (strlen(text) != len || len < 2 || text[len - 1] != '\n') {
        return -1;
    }

    text[len - 1] = '\0';
    last = strrchr(text, '\n');

    if (last == NULL) {
        return -1;
    }

    last++;
    next = text + strcspn(text, "\n");

    if (strncmp(text, HISTORY_TEXT, sizeof(HISTORY_TEXT) - 1) != 0
        || strncmp(text + sizeof(HISTORY_TEXT) - 1, h->name,
                   strlen(h->name)) != 0
        || text + sizeof(HISTORY_TEXT) - 1 + strlen(h->name) != next
        || next + 1 >= last)
    {
        return -1;
    }

    hash = XXH3_64bits(text, (size_t) (last - text));
    last[-1] = '\0';
    line = next + 1;
    next = line + strcspn(line, "\n");

    if (*next) {
        *next++ = '\0';
    }

    columns = history_columns(h, line, &ncolumns);
    if (columns == NULL) {
        return -1;
    }

    rc = 0;

    while (*next && rc == 0) {
        line = next;
        next = line + strcspn(line, "\n");

        if (*next) {
            *next++ = '\0';
        }

        rc = history_line(h, line, columns, ncolumns);
    }

    free(columns);

    (void) snprintf(expected, sizeof(expected), "end %u %016" PRIx64,
                    h->rows, hash);

    return rc == 0 && strcmp(last, expected) == 0 ? 0 : -1;
}


int
history_parse(history_t *h, const char *data, size_t len)
{
    int    rc = -1;
    char  *text;

    text = malloc(len + 1);

    if (text) {
        memcpy(text, data, len);
        text[len] = '\0';
        rc = history_take(h, text, len);
        free(text);
    }

    if (rc != 0) {
        h->rows = 0;
    }

    return rc;
}


static void
history_load(history_t *h)
{
    FILE    *f;
    char    *text;
    size_t   len;

    f = fopen(h->path, "re");

    if (f == NULL) {
        if (errno != ENOENT) {
            tsd_log(TSD_LOG_WARN, "history_ignored",
                    "path=\"%s\" reason=\"%s\"", h->path, strerror(errno));
        }

        return;
    }

    text = malloc(HISTORY_FILE_MAX);

    if (text == NULL) {
        (void) fclose(f);
        return;
    }

    len = fread(text, 1, HISTORY_FILE_MAX, f);
    (void) fclose(f);

    if (history_parse(h, text, len) != 0) {
        tsd_log(TSD_LOG_WARN, "history_ignored", "path=\"%s\" "
                "reason=\"damaged, or of something else\"", h->path);

    } else {
        tsd_log(TSD_LOG_INFO, "history", "path=\"%s\" snapshots=%u", h->path,
                h->rows);
    }

    free(text);
}


history_t *
history_create(const char *name, const char *const *symbols, uint32_t n)
{
    history_t  *h;

    h = calloc(1, sizeof(*h));
    if (h == NULL) {
        return NULL;
    }

    h->name = name;
    h->symbols = symbols;
    h->n = n;
    h->times = calloc(HISTORY_ROWS, sizeof(*h->times));
    h->prices = calloc((size_t) HISTORY_ROWS * n, sizeof(*h->prices));

    if (h->times == NULL || h->prices == NULL) {
        history_close(h);
        return NULL;
    }

    return h;
}


history_t *
history_open(const char *dir, const char *name, const char *const *symbols,
    uint32_t n)
{
    size_t      size;
    history_t  *h;

    h = history_create(name, symbols, n);
    if (h == NULL) {
        return NULL;
    }

    size = strlen(dir) + strlen(name) + 32;
    h->path = malloc(size);
    h->temp = malloc(size);

    if (h->path == NULL || h->temp == NULL) {
        history_close(h);
        return NULL;
    }

    (void) snprintf(h->path, size, "%s/%s.history", dir, name);
    (void) snprintf(h->temp, size, "%s/%s.history.tmp", dir, name);

    if (mkdir(dir, 0755) != 0 && errno != EEXIST) {
        tsd_log(TSD_LOG_WARN, "history_in_memory", "name=HISTORY_DIR "
                "path=\"%s\" reason=\"%s\" effect=\"a restart forgets the "
                "24-hour change\"", dir, strerror(errno));
        free(h->path);
        h->path = NULL;
        return h;
    }

    history_load(h);

    return h;
}


void
history_close(history_t *h)
{
    if (h == NULL) {
        return;
    }

    free(h->times);
    free(h->prices);
    free(h->path);
    free(h->temp);
    free(h);
}
