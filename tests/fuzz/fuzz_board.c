/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A damaged board file: the input edits bytes anywhere, may seal the header
 * again, and may cut the file.  Whatever a reader then does must not leave
 * the file, and what it is given as good must be: records that no edit
 * touched read as they did, the others only if their hash agrees.
 *
 *   byte 0      bit 0: seal the header; bit 1: cut the file at the next four
 *               bytes, modulo its size
 *   then        edits: place (1 byte), offset (4), length (1), bytes
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/board_fixture.h"

#define INSTRUMENTS  3
#define EDITS        64

typedef struct {
    size_t  at, len;
} edit_t;

typedef struct {
    board_fixture_t   f;
    uint8_t          *whole;        /* the undamaged image */
    trd_board_t       board;        /* a reader of it */
    edit_t            edits[EDITS];
    unsigned          n;
} fuzz_t;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
fail(const char *what)
{
    (void) fprintf(stderr, "%s\n", what);
    abort();
}


static uint32_t
number(const uint8_t *p)
{
    return p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16
           | (uint32_t) p[3] << 24;
}


/* most edits should hit what matters: the file is mostly page buffers */
static size_t
place(const fuzz_t *z, unsigned section, uint32_t offset)
{
    const trd_board_header_t  *h;

    h = (const void *) z->whole;

    if (section % 16 < TRD_SECTION_N) {
        return (size_t) (h->section[section % 16].offset
                         + offset % (h->section[section % 16].size + 1));
    }

    return section % 16 == 15 ? offset : offset % sizeof(*h);
}


static const uint8_t *
damage(fuzz_t *z, const uint8_t *p, const uint8_t *end)
{
    edit_t  *e;

    z->n = 0;

    while (z->n < EDITS && end - p >= 7) {
        e = &z->edits[z->n];
        e->at = place(z, p[0], number(p + 1)) % z->f.size;
        e->len = p[5];
        p += 6;

        if (e->len > (size_t) (end - p)) {
            e->len = (size_t) (end - p);
        }

        if (e->len > z->f.size - e->at) {
            e->len = z->f.size - e->at;
        }

        memcpy(z->f.mem + e->at, p, e->len);
        p += e->len;
        z->n++;
    }

    return p;
}


static int
touched(const fuzz_t *z, const void *whole, size_t len)
{
    size_t    at;
    unsigned  i;

    at = (size_t) ((const uint8_t *) whole - z->whole);

    for (i = 0; i < z->n; i++) {
        if (z->edits[i].at < at + len
            && at < z->edits[i].at + z->edits[i].len
            && memcmp(z->whole + at, z->f.mem + at, len) != 0)
        {
            return 1;
        }
    }

    return 0;
}


/* b is where it was in the undamaged image, so records can be compared */
static void
compare_page(const fuzz_t *z, const trd_board_t *b, const trd_page_t *was,
    const trd_page_t *now)
{
    uint8_t          *body;
    trd_rc_t          rc;
    unsigned          i;
    trd_page_view_t   view, whole;

    if (trd_page_begin(&z->board, was, 0, &whole) != TRD_OK) {
        fail("the undamaged page is damaged");
    }

    rc = board_fixture_read(b, now, &view, &body);

    if (rc == TRD_OK
        && trd_page_hash(body, view.len, view.seq, view.rendered_ms,
                         view.page) != view.hash)
    {
        fail("a page is not what its hash says");
    }

    for (i = 0; i < 2; i++) {
        if (touched(z, z->whole + was->offset[i],
                    sizeof(trd_page_buffer_t) + was->capacity))
        {
            break;
        }
    }

    if (i == 2 && !touched(z, was, sizeof(*was))
        && (rc != TRD_OK || view.seq != whole.seq
            || !board_fixture_body_is(body, view.len, view.page, view.seq)))
    {
        fail("a page that nobody touched is another");
    }

    if (rc == TRD_OK) {
        free(body);
    }
}


static void
compare(const fuzz_t *z, const trd_board_t *b)
{
    uint32_t             i, k;
    trd_rc_t             rc;
    trd_quote_t          q;
    const trd_board_t   *was;

    was = &z->board;

    for (i = 0; i < INSTRUMENTS; i++) {
        rc = trd_board_quote(b, i, &q);

        if (!touched(z, &was->quotes[i], sizeof(was->quotes[i]))
            && (rc != TRD_OK || !board_fixture_quote_is(&q, i)))
        {
            fail("a quote that nobody touched is another");
        }

        for (k = 0; k < TRD_ENTRY_N; k++) {
            compare_page(z, b, trd_board_entry_page(was, i, k),
                         trd_board_entry_page(b, i, k));
        }
    }

    for (i = 0; i < TRD_PAGE_N; i++) {
        for (k = 0; k < TRD_VARIANT_N; k++) {
            compare_page(z, b, trd_board_page(was, i, k),
                         trd_board_page(b, i, k));
        }
    }
}


static void
setup(fuzz_t *z)
{
    const char  *why;

    board_fixture_create(&z->f, INSTRUMENTS, 64);
    board_fixture_fill(&z->f);
    z->whole = board_fixture_alloc(z->f.size);
    memcpy(z->whole, z->f.mem, z->f.size);

    if (trd_board_open(&z->board, z->whole, z->f.size, &why) != TRD_OK) {
        fail(why);
    }
}


static void
read_all(fuzz_t *z, uint8_t *base, size_t size, int sealed)
{
    const char    *why;
    trd_board_t    b;

    why = NULL;

    if (trd_board_open(&b, base, size, &why) != TRD_OK) {
        if (why == NULL) {
            fail("a refusal without a reason");
        }

        return;
    }

    board_fixture_walk(&b);

    if (!sealed) {
        compare(z, &b);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static fuzz_t  z;

    size_t                cut;
    uint8_t              *base;
    unsigned              i, flags;
    trd_board_header_t   *h;
    const uint8_t        *p, *end;

    if (z.whole == NULL) {
        setup(&z);
    }

    if (size < 5) {
        return 0;
    }

    p = data;
    end = data + size;
    flags = *p++;
    cut = number(p) % (z.f.size + 1);
    p = damage(&z, p + 4, end);

    h = (void *) z.f.mem;

    if (flags & 1) {
        h->fixed_hash = trd_header_hash(h);
    }

    if (flags & 2) {
        /* its length is what the header says, so that it may be opened */
        if (flags & 1) {
            h->file_size = cut;
            h->fixed_hash = trd_header_hash(h);
        }

        base = board_fixture_alloc(cut ? cut : 1);
        memcpy(base, z.f.mem, cut);
        read_all(&z, base, cut, flags & 1);
        free(base);

    } else {
        read_all(&z, z.f.mem, z.f.size, flags & 1);
    }

    for (i = 0; i < z.n; i++) {
        memcpy(z.f.mem + z.edits[i].at, z.whole + z.edits[i].at,
               z.edits[i].len);
    }

    memcpy(z.f.mem, z.whole, sizeof(*h));

    return 0;
}
