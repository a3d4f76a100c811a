/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Frames of cells, and the terminal that shows them; see screen.h.
 */

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/poll.h>
#include <termios.h>
#include <unistd.h>

#include "screen.h"

/* alternate screen, no cursor, no wrapping; and back */
#define SCREEN_ENTER  "\033[?1049h\033[?25l\033[?7l\033[2J"
#define SCREEN_LEAVE  "\033[0m\033[?7h\033[?25h\033[?1049l"

static const char *const  screen_styles[STYLE_N] = {
    "", "1", "2", "7", "32", "31", "1;32", "1;31", "33", "1;31", "36"
};

/* the same where colours are not wanted */
static const char *const  screen_plain[STYLE_N] = {
    "", "1", "2", "7", "", "", "1", "1", "", "1", ""
};

static const char *const  screen_glyphs[GLYPH_N][2] = {
    { "^", "\xe2\x96\xb2" }, { "v", "\xe2\x96\xbc" },
    { "*", "\xe2\x97\x8f" }, { "o", "\xe2\x97\x8b" },
    { "-", "\xe2\x94\x80" }, { "|", "\xe2\x86\x95" }
};

/* what the terminal was before us */
static struct termios  screen_before;
static int             screen_taken;

static unsigned char   screen_input[256];
static size_t          screen_have, screen_at;


void
screen_init(screen_t *s)
{
    const char  *no, *term;

    memset(s, 0, sizeof(*s));
    (void) setlocale(LC_CTYPE, "");
    s->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;

    no = getenv("NO_COLOR");
    term = getenv("TERM");
    s->styled = isatty(STDOUT_FILENO) && (term == NULL
                                          || strcmp(term, "dumb") != 0);
    s->colour = s->styled && (no == NULL || *no == '\0');
    screen_size(s);
}


void
screen_free(screen_t *s)
{
    free(s->data);
    s->data = NULL;
}


void
screen_size(screen_t *s)
{
    struct winsize  size;

    s->cols = 80;
    s->rows = 24;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0
        && size.ws_row > 0)
    {
        s->cols = size.ws_col;
        s->rows = size.ws_row;
    }
}


static int
screen_write(const char *data, size_t len)
{
    ssize_t        n;
    struct pollfd  fd;

    while (len) {
        n = write(STDOUT_FILENO, data, len);

        if (n > 0) {
            data += n;
            len -= (size_t) n;

        } else if (n == -1 && errno == EAGAIN) {
            fd.fd = STDOUT_FILENO;
            fd.events = POLLOUT;
            (void) poll(&fd, 1, 1000);

        } else if (n == -1 && errno != EINTR) {
            return -1;
        }
    }

    return 0;
}


int
screen_enter(screen_t *s)
{
    struct termios  t;

    if (!isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &screen_before)
        != 0)
    {
        return -1;
    }

    /* signals by key stay: they are handled as any other */

    t = screen_before;
    t.c_lflag &= (tcflag_t) ~(ICANON | ECHO | IEXTEN);
    t.c_iflag &= (tcflag_t) ~(IXON | ICRNL);
    t.c_cc[VMIN] = 0;
    t.c_cc[VTIME] = 0;

    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &t) != 0) {
        return -1;
    }

    if (!screen_taken) {
        screen_taken = 1;
        (void) atexit(screen_leave);
    }

    screen_taken = 2;
    s->live = 1;
    screen_size(s);

    return screen_write(SCREEN_ENTER, sizeof(SCREEN_ENTER) - 1);
}


void
screen_leave(void)
{
    if (screen_taken == 2) {
        screen_taken = 1;
        (void) screen_write(SCREEN_LEAVE, sizeof(SCREEN_LEAVE) - 1);
        (void) tcsetattr(STDIN_FILENO, TCSAFLUSH, &screen_before);
    }
}


static void
screen_add(screen_t *s, const char *data, size_t len)
{
    void    *more;
    size_t   room;

    if (s->failed) {
        return;
    }

    if (len > s->room - s->len) {
        room = 2 * s->room + len + 8192;
        more = realloc(s->data, room);

        if (more == NULL) {
            s->failed = 1;
            return;
        }

        s->data = more;
        s->room = room;
    }

    memcpy(s->data + s->len, data, len);
    s->len += len;
}


static void
screen_style(screen_t *s, style_t style, int on)
{
    char         seq[16];
    const char  *codes;

    codes = s->colour ? screen_styles[style] : screen_plain[style];

    if (s->styled && *codes) {
        screen_add(s, seq, (size_t) snprintf(seq, sizeof(seq), "\033[%sm",
                                             on ? codes : "0"));
    }
}


/* n columns of text, or as many as are left */

static void
screen_put(screen_t *s, const char *text, size_t n)
{
    char    c;
    size_t  i;

    for (i = 0; i < n && s->left > 0; i++, s->left--) {
        c = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
        screen_add(s, &c, 1);
    }
}


void
screen_begin(screen_t *s)
{
    s->len = 0;
    s->failed = 0;
    s->row = 0;
    s->left = s->cols;

    if (s->live) {
        screen_add(s, "\033[H", 3);
    }
}


void
screen_text(screen_t *s, style_t style, const char *fmt, ...)
{
    int      n;
    char     buf[4400];
    va_list  args;

    va_start(args, fmt);
    n = vsnprintf(buf, sizeof(buf), fmt, args);
    va_end(args);

    screen_style(s, style, 1);
    screen_put(s, buf, n < 0 ? 0 : strlen(buf));
    screen_style(s, style, 0);
}


void
screen_cell(screen_t *s, style_t style, int width, int right,
    const char *text)
{
    int   i, len;
    char  buf[256];

    if (width <= 0 || width >= (int) sizeof(buf)) {
        return;
    }

    len = (int) strlen(text);
    memset(buf, ' ', sizeof(buf));

    if (len > width) {
        memset(buf, '#', (size_t) width);

    } else {
        for (i = 0; i < len; i++) {
            buf[right ? width - len + i : i] = text[i];
        }
    }

    screen_style(s, style, 1);
    screen_put(s, buf, (size_t) width);
    screen_style(s, style, 0);
}


void
screen_fill(screen_t *s, style_t style, int width, glyph_t glyph)
{
    const char  *g = screen_glyphs[glyph][s->utf8];

    screen_style(s, style, 1);

    for (; width > 0 && s->left > 0; width--, s->left--) {
        screen_add(s, g, strlen(g));
    }

    screen_style(s, style, 0);
}


void
screen_glyph(screen_t *s, style_t style, glyph_t glyph)
{
    screen_fill(s, style, 1, glyph);
}


void
screen_newline(screen_t *s)
{
    char  seq[32];

    s->row++;

    if (!s->live) {
        screen_add(s, "\n", 1);
        s->left = s->cols;
        return;
    }

    screen_add(s, "\033[K", s->left > 0 ? 3 : 0);

    if (s->row < s->rows) {
        screen_add(s, seq, (size_t) snprintf(seq, sizeof(seq), "\033[%d;1H",
                                             s->row + 1));
        s->left = s->cols;

    } else {
        s->left = 0;
    }
}


int
screen_end(screen_t *s)
{
    if (s->live && s->row < s->rows) {
        screen_add(s, "\033[J", 3);
    }

    return s->failed ? 0 : screen_write(s->data, s->len);
}


static int
screen_sequence(const unsigned char *seq, size_t len)
{
    size_t  i;

    static const struct {
        const char  *seq;
        int          key;
    } table[] = {
        { "[A", KEY_UP }, { "OA", KEY_UP },
        { "[B", KEY_DOWN }, { "OB", KEY_DOWN },
        { "[5~", KEY_PAGE_UP }, { "[6~", KEY_PAGE_DOWN },
        { "[H", KEY_HOME }, { "OH", KEY_HOME }, { "[1~", KEY_HOME },
        { "[F", KEY_END }, { "OF", KEY_END }, { "[4~", KEY_END }
    };

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strlen(table[i].seq) == len
            && memcmp(table[i].seq, seq, len) == 0)
        {
            return table[i].key;
        }
    }

    return KEY_NONE;
}


/* 1: there is a byte; 0: there is none; -1: the terminal is gone */

static int
screen_byte(int ms, int *byte)
{
    ssize_t        n;
    struct pollfd  fd;

    if (screen_at == screen_have) {
        fd.fd = STDIN_FILENO;
        fd.events = POLLIN;
        fd.revents = 0;

        if (poll(&fd, 1, ms) <= 0) {
            return 0;
        }

        n = read(STDIN_FILENO, screen_input, sizeof(screen_input));

        if (n <= 0) {
            return (n == -1 && errno == EINTR) ? 0 : -1;
        }

        screen_at = 0;
        screen_have = (size_t) n;
    }

    *byte = screen_input[screen_at++];

    return 1;
}


int
screen_key(int ms)
{
    int            rc, byte;
    size_t         len;
    unsigned char  seq[16];

    for ( ;; ) {
        rc = screen_byte(0, &byte);

        if (rc != 1) {
            return rc == 0 ? KEY_NONE : KEY_HANGUP;
        }

        if (byte != 033) {
            return byte;
        }

        /* a key alone, or the begin of what a key sends */

        if (screen_byte(ms, &byte) != 1) {
            return KEY_ESCAPE;
        }

        seq[0] = (unsigned char) byte;
        len = 1;

        if (byte != '[' && byte != 'O') {
            screen_at--;
            return KEY_ESCAPE;
        }

        while (len < sizeof(seq) && screen_byte(ms, &byte) == 1) {
            seq[len++] = (unsigned char) byte;

            if (byte >= '@' && byte <= '~') {
                break;
            }
        }

        rc = screen_sequence(seq, len);

        if (rc != KEY_NONE) {
            return rc;
        }
    }
}
