/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Opens what is to be replayed, finds out what it is, and reads it event by
 * event.  Recorded time never goes back: a line that is older than the one
 * before it counts as of the same time.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <zlib.h>

#include "replay_file.h"
#include "tsd_log.h"

#define REPLAY_LINE_MAX  (32U << 20)

struct replay_file_s {
    const char         *path;
    replay_kind_t       kind;
    tsd_tape_reader_t  *tape;
    gzFile              gz;
    char               *line;
    size_t              len, room;
    uint64_t            lines;
    int                 held;           /* the line was read, not used */
    int64_t             ms;
    replay_bars_t       bars;
    size_t              next;
    uint32_t            instrument;
};


static int
replay_bad(const replay_file_t *f, const char *why)
{
    tsd_log(TSD_LOG_ERROR, "replay_refused", "path=\"%s\" line=%llu "
            "error=\"%s\"", f->path, (unsigned long long) f->lines, why);

    return -1;
}


/* 1, 0 at the end, -1 */

static int
replay_line(replay_file_t *f)
{
    int      err;
    char    *p;
    size_t   len;

    len = 0;

    for ( ;; ) {
        if (f->room - len < 4096) {
            if (f->room >= REPLAY_LINE_MAX) {
                return replay_bad(f, "line too long");
            }

            p = realloc(f->line, f->room ? 2 * f->room : 65536);
            if (p == NULL) {
                return replay_bad(f, "no memory");
            }

            f->line = p;
            f->room = f->room ? 2 * f->room : 65536;
        }

        if (gzgets(f->gz, f->line + len, (int) (f->room - len)) == NULL) {
            (void) gzerror(f->gz, &err);

            if (err != Z_OK && err != Z_STREAM_END) {
                return replay_bad(f, "cannot be read or is cut off");
            }

            break;
        }

        len += strlen(f->line + len);

        if (len && f->line[len - 1] == '\n') {
            break;
        }
    }

    f->lines++;
    f->len = len;
    f->line[len] = '\0';

    return len > 0;
}


/* The instrument of bars: named, or whose exchange symbol is a word of the
   file's name. */

static int
replay_find(replay_file_t *f, const char *symbol, const catalogue_t *c)
{
    size_t       n;
    uint32_t     i;
    const char  *p, *s;

    p = symbol;

    if (p == NULL) {
        p = strrchr(f->path, '/');
        p = p ? p + 1 : f->path;
    }

    for ( /* void */ ; *p != '\0'; p += n + (p[n] != '\0')) {
        n = symbol ? strlen(p) : strcspn(p, "-_.");

        for (i = 0; i < c->n; i++) {
            s = c->instruments[i].exchange_symbol;

            if (strlen(s) == n && strncasecmp(s, p, n) == 0) {
                f->instrument = i;
                return 0;
            }
        }
    }

    return replay_bad(f, "no instrument of the catalogue: set REPLAY_SYMBOL "
                      "to an exchange symbol");
}


static int
replay_bars_load(replay_file_t *f)
{
    int  rc;

    do {
        if (replay_bars_add(&f->bars, f->line, f->len) < 0) {
            return replay_bad(f, "not open_time_ms,open,high,low,close,volume "
                              "in order of time, with open and close between "
                              "low and high, above 0");
        }

        rc = replay_line(f);
    } while (rc > 0);

    if (rc == 0 && f->bars.n < 2) {
        return replay_bad(f, "fewer than two bars");
    }

    if (rc == 0 && replay_bars_interval(&f->bars) < 0) {
        tsd_log(TSD_LOG_WARN, "replay_no_candles", "path=\"%s\" "
                "interval_ms=%lld", f->path, (long long) f->bars.interval_ms);
    }

    return rc;
}


static int
replay_text_open(replay_file_t *f, const char *symbol,
    const catalogue_t *catalogue)
{
    int            rc;
    replay_line_t  line;

    f->gz = gzopen(f->path, "rb");

    if (f->gz == NULL) {
        return replay_bad(f, strerror(errno));
    }

    (void) gzbuffer(f->gz, 1 << 17);

    do {
        rc = replay_line(f);

        if (rc <= 0) {
            return rc < 0 ? -1 : replay_bad(f, "is empty");
        }

        replay_line_read(f->line, f->len, &line);
    } while (line.kind == REPLAY_LINE_ASIDE);

    if (line.kind != REPLAY_LINE_BAD) {
        f->kind = REPLAY_MESSAGE;
        f->held = 1;
        return 0;
    }

    if (strncmp(f->line, "open_time_ms,", 13) != 0
        && f->line[strspn(f->line, "0123456789")] != ',')
    {
        return replay_bad(f, "neither a tape, nor a recorded feed, nor bars");
    }

    f->kind = REPLAY_BAR;

    if (replay_find(f, symbol, catalogue) != 0) {
        return -1;
    }

    return replay_bars_load(f);
}


replay_file_t *
replay_file_open(const char *path, const char *symbol,
    const catalogue_t *catalogue)
{
    FILE           *file;
    char            magic[8];
    const char     *why;
    struct stat     st;
    replay_file_t  *f;

    f = calloc(1, sizeof(*f));
    if (f == NULL) {
        tsd_log(TSD_LOG_ERROR, "no_memory", "for=replay");
        return NULL;
    }

    f->path = path;
    memset(magic, 0, sizeof(magic));

    if (stat(path, &st) != 0) {
        (void) replay_bad(f, strerror(errno));
        replay_file_close(f);
        return NULL;
    }

    file = S_ISREG(st.st_mode) ? fopen(path, "rb") : NULL;

    if (file) {
        if (fread(magic, 1, sizeof(magic), file) != sizeof(magic)) {
            magic[0] = '\0';
        }

        (void) fclose(file);
    }

    if (S_ISDIR(st.st_mode) || memcmp(magic, "TRDTAPE\n", 8) == 0) {
        f->kind = REPLAY_RECORD;
        f->tape = tsd_tape_open(path, 0, &why);

        if (f->tape) {
            return f;
        }

        (void) replay_bad(f, why);

    } else if (replay_text_open(f, symbol, catalogue) == 0) {
        return f;
    }

    replay_file_close(f);

    return NULL;
}


void
replay_file_close(replay_file_t *f)
{
    if (f->gz) {
        (void) gzclose(f->gz);
    }

    tsd_tape_reader_free(f->tape);
    replay_bars_free(&f->bars);
    free(f->line);
    free(f);
}


static int
replay_next_record(replay_file_t *f, replay_event_t *e)
{
    trd_rc_t       rc;
    tsd_tape_at_t  at;

    rc = tsd_tape_read(f->tape, &e->record);

    if (rc == TRD_OK) {
        e->ms = e->record.received_ms;
        return 1;
    }

    tsd_tape_at(f->tape, &at);

    if (rc != TRD_NOT_FOUND) {
        tsd_log(TSD_LOG_ERROR, "replay_refused", "path=\"%s\" error=\"%s\"",
                at.path, at.why);
        return -1;
    }

    if (at.torn) {
        tsd_log(TSD_LOG_WARN, "replay_torn", "path=\"%s\" bytes=%llu", at.path,
                (unsigned long long) at.torn);
    }

    return 0;
}


static int
replay_next_message(replay_file_t *f, replay_event_t *e)
{
    int  rc;

    do {
        rc = f->held ? 1 : replay_line(f);
        f->held = 0;

        if (rc <= 0) {
            return rc;
        }

        replay_line_read(f->line, f->len, &e->message);
    } while (e->message.kind == REPLAY_LINE_ASIDE);

    if (e->message.kind == REPLAY_LINE_BAD) {
        return replay_bad(f, "no receive time");
    }

    f->ms = e->message.ms > f->ms ? e->message.ms : f->ms;
    e->ms = f->ms;

    return 1;
}


int
replay_file_next(replay_file_t *f, replay_event_t *e)
{
    e->kind = f->kind;

    switch (f->kind) {

    case REPLAY_RECORD:
        return replay_next_record(f, e);

    case REPLAY_MESSAGE:
        return replay_next_message(f, e);

    default: /* REPLAY_BAR */
        if (f->next == f->bars.n) {
            return 0;
        }

        replay_bars_quote(&f->bars, f->next, &e->bar);
        e->whole = replay_bars_candle(&f->bars, f->next, &e->candle);
        f->next++;
        e->instrument = f->instrument;
        e->ms = e->bar.exchange_ms;
        return 1;
    }
}


const tsd_tape_reader_t *
replay_file_tape(const replay_file_t *f)
{
    return f->tape;
}
