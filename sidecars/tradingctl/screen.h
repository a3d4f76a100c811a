/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The terminal of `top`: plain ANSI sequences, one write a frame.
 *
 * A frame is lines of cells.  Each cell is clipped to what is left of its
 * line, so that nothing ever wraps, whatever the size.  Text is taken byte by
 * byte and anything that is not printable ASCII becomes "?": no symbol that
 * is read from a board can move the cursor.  Glyphs are the few that we draw
 * ourselves, one column each, in UTF-8 or ASCII as the locale is.
 *
 * Processes: one screen in a process, since signals restore it.
 */

#ifndef CTL_SCREEN_H
#define CTL_SCREEN_H

#include <stddef.h>
#include <stdint.h>

typedef enum {
    STYLE_PLAIN = 0,
    STYLE_BOLD,
    STYLE_DIM,
    STYLE_HEAD,             /* reversed */
    STYLE_UP,
    STYLE_DOWN,
    STYLE_UP_NEW,           /* it has just moved */
    STYLE_DOWN_NEW,
    STYLE_WARN,
    STYLE_BAD,
    STYLE_NAME,
    STYLE_N
} style_t;

typedef enum {
    GLYPH_UP = 0,
    GLYPH_DOWN,
    GLYPH_DOT,              /* well */
    GLYPH_RING,             /* not well */
    GLYPH_LINE,
    GLYPH_ARROWS,           /* up and down */
    GLYPH_N
} glyph_t;

typedef enum {
    KEY_NONE = 0,
    KEY_UP = 256,
    KEY_DOWN,
    KEY_PAGE_UP,
    KEY_PAGE_DOWN,
    KEY_HOME,
    KEY_END,
    KEY_ESCAPE,
    KEY_HANGUP              /* the terminal is gone */
} keys_t;

typedef struct {
    char    *data;
    size_t   len, room;
    int      failed;        /* no memory for it */
    int      live;          /* the terminal is ours */
    int      styled;        /* it is a terminal: bold and the like */
    int      colour;
    int      utf8;
    int      cols, rows;
    int      row;           /* of the frame, from 0 */
    int      left;          /* columns left in this line */
} screen_t;

void screen_init(screen_t *s);
void screen_free(screen_t *s);

/* Takes the terminal over, and gives it back; screen_leave() may be called at
   any time, also twice.  -1: standard input or output is no terminal. */
int screen_enter(screen_t *s);
void screen_leave(void);

/* Asks the terminal for its size; 80 columns if it cannot say. */
void screen_size(screen_t *s);

void screen_begin(screen_t *s);
void screen_text(screen_t *s, style_t style, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* in so many columns; right: at their right end.  One that is wider is a row
   of "#", as a price that is cut off is another price. */
void screen_cell(screen_t *s, style_t style, int width, int right,
    const char *text);
void screen_glyph(screen_t *s, style_t style, glyph_t glyph);
void screen_fill(screen_t *s, style_t style, int width, glyph_t glyph);

/* ends the line; a live screen takes no line beyond its last */
void screen_newline(screen_t *s);

/* 0, or -1 if nobody is there to see it */
int screen_end(screen_t *s);

/*
 * The next key of what was read; at most `ms` are waited for the rest of a
 * sequence.  KEY_NONE: nothing more.
 */
int screen_key(int ms);

#endif /* CTL_SCREEN_H */
