/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The writer's side of the board; layout and rules: trd_board.h.
 *
 * Order matters because the writer may be killed between any two stores:
 * the versions of slots and pages stay what they were, a journal entry's seq
 * is stored after what it says.  None of these can hang a reader.
 */

#include <string.h>

#include "trd_board_write.h"


#define TRD_ENTRY_PAGE_SIZE   1024      /* a buffer with its head */
#define TRD_ANALYSIS_SIZE     8192

/* both buffers of all pages of an instrument, analysis being the last */
#define TRD_ENTRY_PAGES_SIZE                                                  \
    (2 * (TRD_ENTRY_ANALYSIS * TRD_ENTRY_PAGE_SIZE + TRD_ANALYSIS_SIZE))

#define TRD_MARKET_PAGE_HEAD  32768     /* what does not grow with n */
#define TRD_MARKET_PAGE_EACH  1280      /* of an instrument in a page */
#define TRD_SOURCES           16
#define TRD_RING_DEFAULT      1000      /* what a route may be asked for */

#define trd_align(n, a)  (((n) + ((a) - 1)) & ~(uint64_t) ((a) - 1))


static uint64_t trd_board_lay(const trd_board_shape_t *shape,
    trd_section_t *section);
static uint64_t trd_market_page_size(const trd_board_shape_t *shape);
static trd_page_buffer_t *trd_page_place(trd_board_writer_t *w,
    trd_page_t *page);
static size_t trd_symbol_len(const char *s);
static uint32_t trd_alias(const trd_instrument_t *in, unsigned form,
    char *name);
static int trd_index_add(trd_index_entry_t *index, uint32_t mask,
    const char *name, uint32_t len, uint32_t instrument, uint32_t *other);


void
trd_board_shape_default(trd_board_shape_t *shape)
{
    shape->capacity = 23;
    shape->journal = 65536;
    shape->candles = TRD_RING_DEFAULT;
    shape->trades = TRD_RING_DEFAULT;
    shape->depth = 20;
    shape->extra = 0;
}


void
trd_board_shape_fit(trd_board_shape_t *shape, uint32_t capacity,
    uint64_t bytes)
{
    uint32_t  percent;
    uint64_t  need;

    shape->capacity = capacity;

    for (percent = 100; percent > 6; percent--) {
        shape->candles = TRD_RING_DEFAULT * percent / 100;
        shape->trades = TRD_RING_DEFAULT * percent / 100;

        need = TRD_INTERVALS * TRD_CANDLES_SIZE(shape->candles)
               + TRD_TRADES_SIZE(shape->trades)
               + TRD_DEPTH_SIZE(shape->depth);

        if (need <= bytes / (capacity ? capacity : 1)) {
            return;
        }
    }

    shape->candles = shape->trades = TRD_RING_DEFAULT * 6 / 100;
}


static uint64_t
trd_market_page_size(const trd_board_shape_t *shape)
{
    return TRD_MARKET_PAGE_HEAD
           + (uint64_t) shape->capacity * TRD_MARKET_PAGE_EACH
           + ((uint64_t) shape->extra + 63) / 64 * 64;
}


/* fills the sections and returns the file's size, 0 if out of bounds */

static uint64_t
trd_board_lay(const trd_board_shape_t *shape, trd_section_t *section)
{
    unsigned  i;
    uint32_t  n, index;
    uint64_t  end;

    n = shape->capacity;

    if (n == 0 || n > TRD_BOARD_MAX
        || shape->journal < 2 || shape->journal > 1U << 26
        || (shape->journal & (shape->journal - 1)) != 0
        || shape->candles > TRD_RING_MAX || shape->trades > TRD_RING_MAX
        || shape->depth > TRD_DEPTH_MAX || shape->extra > TRD_PAGE_MAX / 2)
    {
        return 0;
    }

    /* four aliases an instrument, at most half full */
    for (index = 64; index < n * 8; index *= 2) { /* void */ }

    const struct {
        uint64_t  count;
        uint64_t  stride;
        uint64_t  size;         /* 0: count * stride */
    } plan[TRD_SECTION_N] = {
        { n, sizeof(trd_instrument_t), 0 },
        { index, sizeof(trd_index_entry_t), 0 },
        { n, sizeof(trd_quote_slot_t), 0 },
        { (uint64_t) n * TRD_ENTRY_N, sizeof(trd_page_t), 0 },
        { TRD_PAGE_N * TRD_VARIANT_N, sizeof(trd_page_t), 0 },
        { 0, 1, (uint64_t) n * TRD_ENTRY_PAGES_SIZE
                + 2 * TRD_PAGE_N * TRD_VARIANT_N
                  * trd_market_page_size(shape) },
        { shape->journal, sizeof(trd_journal_entry_t), 0 },
        { TRD_SOURCES, sizeof(trd_source_stats_t), 0 },
        { (uint64_t) n * TRD_INTERVALS, TRD_CANDLES_SIZE(shape->candles), 0 },
        { n, TRD_TRADES_SIZE(shape->trades), 0 },
        { n, TRD_DEPTH_SIZE(shape->depth), 0 }
    };

    end = TRD_BOARD_HEADER_SIZE;

    for (i = 0; i < TRD_SECTION_N; i++) {

        if (plan[i].count > UINT32_MAX) {
            return 0;
        }

        section[i].offset = end;
        section[i].count = (uint32_t) plan[i].count;
        section[i].stride = (uint32_t) plan[i].stride;
        section[i].size = plan[i].size ? plan[i].size
                                       : plan[i].count * plan[i].stride;

        end = trd_align(end + section[i].size, 4096);
    }

    return end;
}


uint64_t
trd_board_size(const trd_board_shape_t *shape)
{
    trd_section_t  section[TRD_SECTION_N];

    return trd_board_lay(shape, section);
}


static size_t
trd_symbol_len(const char *s)
{
    const char  *end;

    end = memchr(s, '\0', TRD_SYMBOL_LEN);

    return end ? (size_t) (end - s) : TRD_SYMBOL_LEN;
}


/* forms 0 to 3: BTC, BTCUSDT, BTC-USDT, BTC/USDT; returns the length */

static uint32_t
trd_alias(const trd_instrument_t *in, unsigned form, char *name)
{
    size_t       n, m;
    const char  *s;

    if (form < 2) {
        s = form == 0 ? in->symbol : in->exchange_symbol;
        n = trd_symbol_len(s);
        memcpy(name, s, n);
        return (uint32_t) n;
    }

    n = trd_symbol_len(in->base);
    m = trd_symbol_len(in->quote);

    memcpy(name, in->base, n);
    name[n] = form == 2 ? '-' : '/';
    memcpy(name + n + 1, in->quote, m);

    return (uint32_t) (n + 1 + m);
}


/* 0, or -1 if the name belongs to another instrument */

static int
trd_index_add(trd_index_entry_t *index, uint32_t mask, const char *name,
    uint32_t len, uint32_t instrument, uint32_t *other)
{
    char                upper[TRD_INDEX_KEY_LEN];
    uint32_t            hash, i;
    trd_index_entry_t  *e;

    hash = trd_symbol_hash(name, len, upper);

    for (i = hash; /* void */; i++) {
        e = &index[i & mask];

        if (e->instrument == 0) {
            break;
        }

        if (e->hash == hash && e->len == len
            && memcmp(e->key, upper, len) == 0)
        {
            *other = e->instrument - 1;
            return *other == instrument ? 0 : -1;
        }
    }

    e->hash = hash;
    e->len = (uint8_t) len;
    memcpy(e->key, upper, len);
    e->instrument = instrument + 1;
    e->check = trd_index_check(hash, instrument + 1);

    return 0;
}


/*
 * Where the next version of a page goes.  Computed, not read back: a board
 * that somebody scribbled over must not lead the writer astray, and each
 * publication sets the descriptor right again.
 */

static trd_page_buffer_t *
trd_page_place(trd_board_writer_t *w, trd_page_t *page)
{
    size_t    i;
    uint64_t  next, offset, size;

    next = atomic_load_explicit(&page->version, memory_order_relaxed) + 1;
    offset = w->page_data;

    if (page >= w->pages) {
        i = (size_t) (page - w->pages);
        size = w->page_size;
        offset += (uint64_t) w->capacity * TRD_ENTRY_PAGES_SIZE;

    } else {
        i = (size_t) (page - w->entry_pages);
        offset += i / TRD_ENTRY_N * TRD_ENTRY_PAGES_SIZE;
        i %= TRD_ENTRY_N;
        size = TRD_ENTRY_PAGE_SIZE;

        if (i == TRD_ENTRY_ANALYSIS) {
            offset += 2 * i * size;
            size = TRD_ANALYSIS_SIZE;
            i = 0;
        }
    }

    offset += (2 * i + (next & 1)) * size;

    page->offset[next & 1] = offset;
    page->capacity = size - sizeof(trd_page_buffer_t);

    return (void *) (w->base + offset);
}


trd_rc_t
trd_board_create(trd_board_writer_t *w, void *base, size_t size,
    const trd_board_shape_t *shape, const trd_instrument_t *instruments,
    uint32_t n, uint64_t generation, uint64_t first_seq, int64_t now_ms,
    uint32_t pid, uint32_t *a, uint32_t *b)
{
    char                 name[TRD_INDEX_KEY_LEN];
    uint32_t             i, form, len;
    uint64_t             need;
    trd_section_t        section[TRD_SECTION_N];
    trd_instrument_t    *in;
    trd_index_entry_t   *index;
    trd_board_header_t  *h;

    need = trd_board_lay(shape, section);

    if (need == 0 || need > size || n > shape->capacity) {
        return TRD_OVERFLOW;
    }

    memset(w, 0, sizeof(*w));

    w->base = base;
    w->header = h = base;
    w->n = n;
    w->page_size = trd_market_page_size(shape);
    w->capacity = shape->capacity;
    w->page_data = section[TRD_SECTION_PAGE_DATA].offset;
    w->seq = first_seq;
    w->journal_mask = shape->journal - 1;
    w->candles = shape->candles;
    w->trades = shape->trades;
    w->depth = shape->depth;

#define trd_at(name)  ((void *) (w->base + section[name].offset))
    w->quotes = trd_at(TRD_SECTION_QUOTES);
    w->entry_pages = trd_at(TRD_SECTION_ENTRY_PAGES);
    w->pages = trd_at(TRD_SECTION_PAGES);
    w->journal = trd_at(TRD_SECTION_JOURNAL);
    w->sources = trd_at(TRD_SECTION_SOURCES);
    w->series[0] = trd_at(TRD_SECTION_CANDLES);
    w->series[1] = trd_at(TRD_SECTION_TRADES);
    w->series[2] = trd_at(TRD_SECTION_DEPTH);
    index = trd_at(TRD_SECTION_INDEX);

    in = trd_at(TRD_SECTION_INSTRUMENTS);
#undef trd_at

    for (i = 0; i < n; i++) {
        in[i] = instruments[i];
        in[i].hash = trd_instrument_hash(&in[i]);

        for (form = 0; form < 4; form++) {
            len = trd_alias(&instruments[i], form, name);

            if (trd_index_add(index, section[TRD_SECTION_INDEX].count - 1,
                              name, len, i, a)
                != 0)
            {
                *b = i;
                return TRD_ERROR;
            }
        }
    }

    h->layout = TRD_BOARD_LAYOUT;
    h->header_size = TRD_BOARD_HEADER_SIZE;
    h->file_size = size;
    h->generation = generation;
    h->started_ms = now_ms;
    h->capacity = shape->capacity;
    h->instruments = n;
    h->writer_pid = pid;
    h->map_version = 1;
    h->candles = shape->candles;
    h->trades = shape->trades;
    h->depth = shape->depth;
    memcpy(h->section, section, sizeof(section));
    memcpy(h->magic, TRD_BOARD_MAGIC, sizeof(h->magic));
    h->fixed_hash = trd_header_hash(h);

    atomic_store(&h->seq, first_seq);

    return TRD_OK;
}


void
trd_board_set_map(trd_board_writer_t *w, uint32_t version)
{
    w->header->map_version = version;
    w->header->fixed_hash = trd_header_hash(w->header);
}


static void
trd_board_journal_put(trd_board_writer_t *w, uint64_t seq, uint64_t what)
{
    trd_journal_entry_t  *e;

    e = &w->journal[seq & w->journal_mask];

    atomic_store_explicit(&e->seq, 0, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&e->what, what, memory_order_relaxed);
    atomic_store_explicit(&e->seq, seq, memory_order_release);

    atomic_store_explicit(&w->header->seq, seq, memory_order_release);
}


void
trd_board_put_quote(trd_board_writer_t *w, uint32_t instrument,
    trd_quote_t *q, trd_change_t change)
{
    unsigned              i;
    uint64_t              words[TRD_QUOTE_WORDS + 1];
    trd_quote_slot_t     *slot;
    trd_quote_copy_t     *copy;

    q->seq = ++w->seq;

    slot = &w->quotes[instrument];
    words[0] = atomic_load_explicit(&slot->version, memory_order_relaxed) + 1;
    memcpy(words + 1, q, sizeof(*q));

    copy = &slot->copy[words[0] & 1];

    /* the version before this one is seen before its elder is written over */
    atomic_thread_fence(memory_order_release);

    atomic_store_explicit(&copy->version, words[0], memory_order_relaxed);

    for (i = 0; i < TRD_QUOTE_WORDS; i++) {
        atomic_store_explicit(&copy->word[i], words[i + 1],
                              memory_order_relaxed);
    }

    atomic_store_explicit(&copy->hash, trd_quote_hash(words),
                          memory_order_relaxed);
    atomic_store_explicit(&slot->version, words[0], memory_order_release);

    trd_board_journal_put(w, q->seq, (uint64_t) change << 32 | instrument);
}


uint64_t
trd_board_note(trd_board_writer_t *w, uint32_t instrument,
    trd_change_t change, uint32_t detail)
{
    w->seq++;

    trd_board_journal_put(w, w->seq, (uint64_t) detail << 40
                                     | (uint64_t) change << 32 | instrument);

    return w->seq;
}


void *
trd_page_next(trd_board_writer_t *w, trd_page_t *page, size_t *capacity)
{
    trd_page_buffer_t  *buffer;

    buffer = trd_page_place(w, page);
    *capacity = TRD_ENTRY_PAGE_SIZE;

    if (page >= w->pages) {
        *capacity = w->page_size;

    } else if ((size_t) (page - w->entry_pages) % TRD_ENTRY_N
               == TRD_ENTRY_ANALYSIS)
    {
        *capacity = TRD_ANALYSIS_SIZE;
    }

    *capacity -= sizeof(trd_page_buffer_t);

    return buffer + 1;
}


void
trd_page_publish(trd_board_writer_t *w, trd_page_t *page, uint32_t len,
    uint64_t seq, int64_t now_ms)
{
    uint32_t            id;
    trd_page_buffer_t  *buffer;

    buffer = trd_page_place(w, page);
    id = (uint32_t) (((uint8_t *) page - w->base) / 64);

    buffer->len = len;
    buffer->seq = seq;
    buffer->rendered_ms = now_ms;
    buffer->page = id;
    buffer->hash = trd_page_hash(buffer + 1, len, seq, now_ms, id);

    atomic_fetch_add_explicit(&page->version, 1, memory_order_release);
}


trd_page_t *
trd_writer_entry_page(trd_board_writer_t *w, uint32_t instrument,
    unsigned kind)
{
    return &w->entry_pages[instrument * TRD_ENTRY_N + kind];
}


trd_page_t *
trd_writer_page(trd_board_writer_t *w, unsigned page, unsigned variant)
{
    return &w->pages[page * TRD_VARIANT_N + variant];
}


void
trd_board_beat(trd_board_writer_t *w, int64_t mono_ms, int64_t wall_ms)
{
    atomic_store_explicit(&w->header->heartbeat_ms, wall_ms,
                          memory_order_relaxed);
    atomic_store_explicit(&w->header->heartbeat_mono_ms, mono_ms,
                          memory_order_release);
}
