/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The readers' side of the board; layout and rules: trd_board.h.
 *
 * On memory order: a quote is read and written as relaxed atomic words after
 * an acquire load of its version, and its hash tells whether it is whole.  A
 * page body is copied with memcpy() while its writer might run, which C11
 * calls a race; what makes the copy trustworthy is not the order of the loads
 * but the hash, computed over the private copy.
 */

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "trd_board.h"


static trd_rc_t trd_board_check(const trd_board_header_t *h, size_t size,
    const char **why);
static int trd_section_fits(const trd_section_t *s, size_t size,
    size_t stride);


uint32_t
trd_symbol_hash(const char *name, size_t len, char *upper)
{
    size_t    i;
    char      c;
    uint32_t  hash;

    hash = 2166136261U;                         /* FNV-1a */

    for (i = 0; i < len; i++) {
        c = name[i];

        if (c >= 'a' && c <= 'z') {
            c = (char) (c - 'a' + 'A');
        }

        upper[i] = c;
        hash = (hash ^ (unsigned char) c) * 16777619U;
    }

    return hash ^ hash >> 15;
}


uint64_t
trd_quote_hash(const uint64_t *words)
{
    return XXH3_64bits(words, (TRD_QUOTE_WORDS + 1) * sizeof(uint64_t));
}


uint64_t
trd_page_hash(const void *body, uint32_t len, uint64_t seq,
    int64_t rendered_ms, uint32_t page)
{
    uint64_t  seed;

    seed = (seq * 0x9e3779b97f4a7c15ULL ^ (uint64_t) rendered_ms)
           * 0xc2b2ae3d27d4eb4fULL
           ^ ((uint64_t) page << 32 | len);

    return XXH3_64bits_withSeed(body, len, seed);
}


uint64_t
trd_header_hash(const trd_board_header_t *h)
{
    return XXH3_64bits(h, offsetof(trd_board_header_t, fixed_hash));
}


uint64_t
trd_instrument_hash(const trd_instrument_t *in)
{
    return XXH3_64bits(in, offsetof(trd_instrument_t, hash));
}


uint32_t
trd_index_check(uint32_t hash, uint32_t instrument)
{
    uint64_t  x;

    x = ((uint64_t) instrument << 32 | hash) * 0x9e3779b97f4a7c15ULL;

    return (uint32_t) (x >> 32);
}


static int
trd_section_fits(const trd_section_t *s, size_t size, size_t stride)
{
    return s->offset >= TRD_BOARD_HEADER_SIZE
           && s->offset % 64 == 0
           && s->offset <= size
           && s->size <= size - s->offset
           && s->stride == stride
           && (uint64_t) s->count * stride <= s->size;
}


static trd_rc_t
trd_board_check(const trd_board_header_t *h, size_t size, const char **why)
{
    unsigned                i;
    const trd_section_t    *s;

    const size_t  stride[TRD_SECTION_N] = {
        sizeof(trd_instrument_t), sizeof(trd_index_entry_t),
        sizeof(trd_quote_slot_t), sizeof(trd_page_t), sizeof(trd_page_t),
        1, sizeof(trd_journal_entry_t), sizeof(trd_source_stats_t),
        TRD_CANDLES_SIZE(h->candles), TRD_TRADES_SIZE(h->trades),
        TRD_DEPTH_SIZE(h->depth)
    };

    if (memcmp(h->magic, TRD_BOARD_MAGIC, sizeof(h->magic)) != 0) {
        *why = "not a board: wrong magic";
        return TRD_ERROR;
    }

    if (h->layout != TRD_BOARD_LAYOUT
        || h->header_size != TRD_BOARD_HEADER_SIZE)
    {
        *why = "another layout version";
        return TRD_ERROR;
    }

    if (h->fixed_hash != trd_header_hash(h)) {
        *why = "header hash is wrong";
        return TRD_CORRUPT;
    }

    if (h->file_size != size) {
        *why = "file size is not what the header says";
        return TRD_CORRUPT;
    }

    if (h->candles > TRD_RING_MAX || h->trades > TRD_RING_MAX
        || h->depth > TRD_DEPTH_MAX)
    {
        *why = "a capacity is out of bounds";
        return TRD_CORRUPT;
    }

    s = h->section;

    for (i = 0; i < TRD_SECTION_N; i++) {
        if (!trd_section_fits(&s[i], size, stride[i])) {
            *why = "a section lies outside of the file";
            return TRD_CORRUPT;
        }
    }

    if (h->instruments > TRD_BOARD_MAX
        || h->instruments > s[TRD_SECTION_INSTRUMENTS].count
        || h->instruments > s[TRD_SECTION_QUOTES].count
        || h->instruments > s[TRD_SECTION_ENTRY_PAGES].count / TRD_ENTRY_N
        || s[TRD_SECTION_PAGES].count != TRD_PAGE_N * TRD_VARIANT_N
        || s[TRD_SECTION_SOURCES].count == 0
        || h->instruments > s[TRD_SECTION_CANDLES].count / TRD_INTERVALS
        || h->instruments > s[TRD_SECTION_TRADES].count
        || h->instruments > s[TRD_SECTION_DEPTH].count)
    {
        *why = "counts contradict each other";
        return TRD_CORRUPT;
    }

    i = s[TRD_SECTION_INDEX].count;

    if (i == 0 || (i & (i - 1)) != 0) {
        *why = "index is not a power of two";
        return TRD_CORRUPT;
    }

    i = s[TRD_SECTION_JOURNAL].count;

    if (i == 0 || (i & (i - 1)) != 0) {
        *why = "journal is not a power of two";
        return TRD_CORRUPT;
    }

    return TRD_OK;
}


trd_rc_t
trd_board_open(trd_board_t *b, const void *base, size_t size,
    const char **why)
{
    trd_rc_t             rc;
    const uint8_t       *p;
    trd_board_header_t   h;

    if (size < TRD_BOARD_HEADER_SIZE) {
        *why = "shorter than a header";
        return TRD_ERROR;
    }

    /* check a copy, so that what was checked is what is used */
    memcpy(&h, base, sizeof(h));

    rc = trd_board_check(&h, size, why);
    if (rc != TRD_OK) {
        return rc;
    }

    p = base;
    memset(b, 0, sizeof(*b));

    b->base = p;
    b->size = size;
    b->header = base;

#define trd_at(name)  ((const void *) (p + h.section[name].offset))
    b->instruments = trd_at(TRD_SECTION_INSTRUMENTS);
    b->index = trd_at(TRD_SECTION_INDEX);
    b->quotes = trd_at(TRD_SECTION_QUOTES);
    b->entry_pages = trd_at(TRD_SECTION_ENTRY_PAGES);
    b->pages = trd_at(TRD_SECTION_PAGES);
    b->journal = trd_at(TRD_SECTION_JOURNAL);
    b->sources = trd_at(TRD_SECTION_SOURCES);
    b->series[0] = trd_at(TRD_SECTION_CANDLES);
    b->series[1] = trd_at(TRD_SECTION_TRADES);
    b->series[2] = trd_at(TRD_SECTION_DEPTH);
#undef trd_at

    b->generation = h.generation;
    b->n = h.instruments;
    b->index_mask = h.section[TRD_SECTION_INDEX].count - 1;
    b->journal_mask = h.section[TRD_SECTION_JOURNAL].count - 1;
    b->nsources = h.section[TRD_SECTION_SOURCES].count;
    b->map_version = h.map_version;
    b->candles = h.candles;
    b->trades = h.trades;
    b->depth = h.depth;
    b->started_ms = h.started_ms;

    return TRD_OK;
}


trd_rc_t
trd_board_find(const trd_board_t *b, const char *name, size_t len,
    uint32_t *instrument)
{
    char                      upper[TRD_INDEX_KEY_LEN];
    uint32_t                  hash, i, n, probes;
    const trd_index_entry_t  *e;

    if (len == 0 || len > TRD_INDEX_KEY_LEN) {
        return TRD_NOT_FOUND;
    }

    hash = trd_symbol_hash(name, len, upper);
    i = hash;

    for (probes = 0; probes <= b->index_mask; probes++, i++) {
        e = &b->index[i & b->index_mask];
        n = e->instrument;

        if (n == 0) {
            return TRD_NOT_FOUND;
        }

        /* also of the entries on the way: 404 must not mean scribbled over */
        if (n > b->n || e->check != trd_index_check(e->hash, n)) {
            return TRD_CORRUPT;
        }

        if (e->hash != hash || e->len != len
            || memcmp(e->key, upper, len) != 0)
        {
            continue;
        }

        *instrument = n - 1;
        return TRD_OK;
    }

    return TRD_CORRUPT;         /* a full index is never made */
}


trd_rc_t
trd_board_instrument(const trd_board_t *b, uint32_t instrument,
    trd_instrument_t *out)
{
    if (instrument >= b->n) {
        return TRD_NOT_FOUND;
    }

    memcpy(out, &b->instruments[instrument], sizeof(*out));

    if (out->hash != trd_instrument_hash(out)
        || out->symbol[0] == '\0'
        || out->symbol[TRD_SYMBOL_LEN] != '\0'
        || out->exchange_symbol[TRD_SYMBOL_LEN] != '\0'
        || out->base[TRD_SYMBOL_LEN] != '\0'
        || out->quote[TRD_SYMBOL_LEN] != '\0'
        || out->asset_class >= TRD_CLASS_N
        || out->source >= TRD_SOURCE_N || out->price_places > 8
        || out->lot_places > 8)
    {
        return TRD_CORRUPT;
    }

    return TRD_OK;
}


trd_rc_t
trd_board_quote(const trd_board_t *b, uint32_t instrument, trd_quote_t *out)
{
    unsigned                 try, i, moved;
    uint64_t                 version, wanted, hash;
    uint64_t                 words[TRD_QUOTE_WORDS + 1];
    const trd_quote_slot_t  *slot;
    const trd_quote_copy_t  *copy;

    if (instrument >= b->n) {
        return TRD_NOT_FOUND;
    }

    slot = &b->quotes[instrument];
    moved = 0;

    for (try = 0; try < TRD_BOARD_TRIES; try++) {

        version = atomic_load_explicit(&slot->version, memory_order_acquire);

        /* under a storm of quotes the previous copy may be the quieter one */
        wanted = version - (try >= TRD_BOARD_TRIES / 2 && (try & 1)
                            && version > 1);
        wanted += version == 0;         /* the very first, if it is whole */
        copy = &slot->copy[wanted & 1];

        words[0] = atomic_load_explicit(&copy->version, memory_order_relaxed);

        for (i = 0; i < TRD_QUOTE_WORDS; i++) {
            words[i + 1] = atomic_load_explicit(&copy->word[i],
                                                memory_order_relaxed);
        }

        hash = atomic_load_explicit(&copy->hash, memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);

        /* whole, and no older than what was looked for */
        if (hash == trd_quote_hash(words) && words[0] >= wanted
            && ((words[0] ^ wanted) & 1) == 0)
        {
            memcpy(out, words + 1, sizeof(*out));
            return TRD_OK;
        }

        if (version == 0) {             /* never written */
            memset(out, 0, sizeof(*out));
            return TRD_OK;
        }

        moved += atomic_load_explicit(&slot->version, memory_order_relaxed)
                 != version;
    }

    return moved ? TRD_AGAIN : TRD_CORRUPT;
}


const trd_page_t *
trd_board_entry_page(const trd_board_t *b, uint32_t instrument, unsigned kind)
{
    if (instrument >= b->n || kind >= TRD_ENTRY_N) {
        return NULL;
    }

    return &b->entry_pages[instrument * TRD_ENTRY_N + kind];
}


const trd_page_t *
trd_board_page(const trd_board_t *b, unsigned page, unsigned variant)
{
    if (page >= TRD_PAGE_N || variant >= TRD_VARIANT_N) {
        return NULL;
    }

    return &b->pages[page * TRD_VARIANT_N + variant];
}


trd_rc_t
trd_page_begin(const trd_board_t *b, const trd_page_t *page,
    unsigned attempt, trd_page_view_t *view)
{
    uint64_t                  version, offset, capacity;
    const trd_page_buffer_t  *buffer;

    version = atomic_load_explicit(&page->version, memory_order_acquire);

    if (version == 0) {
        return TRD_NOT_FOUND;
    }

    /* under a storm of renderings the previous copy may be the quieter one */
    if (attempt >= TRD_BOARD_TRIES / 2 && (attempt & 1) && version > 1) {
        version--;
    }

    offset = page->offset[version & 1];
    capacity = page->capacity;

    if (offset % 8 != 0 || capacity > TRD_PAGE_MAX
        || offset > b->size
        || capacity + sizeof(trd_page_buffer_t) > b->size - offset)
    {
        return TRD_CORRUPT;
    }

    buffer = (const void *) (b->base + offset);

    view->buffer = buffer;
    view->hash = buffer->hash;
    view->seq = buffer->seq;
    view->rendered_ms = buffer->rendered_ms;
    view->len = buffer->len;
    view->page = buffer->page;

    if (view->len > capacity) {
        return TRD_CORRUPT;
    }

    if (view->page != (uint32_t) (((const uint8_t *) page - b->base) / 64)) {
        return TRD_CORRUPT;
    }

    /* withdrawn, if it says so itself; else trd_page_copy() finds out */
    if (view->len == 0
        && trd_page_hash(buffer + 1, 0, view->seq, view->rendered_ms,
                         view->page)
           == view->hash)
    {
        return TRD_NOT_FOUND;
    }

    return TRD_OK;
}


trd_rc_t
trd_page_copy(const trd_page_view_t *view, void *buf)
{
    memcpy(buf, view->buffer + 1, view->len);

    if (trd_page_hash(buf, view->len, view->seq, view->rendered_ms,
                      view->page)
        != view->hash)
    {
        return TRD_AGAIN;
    }

    return TRD_OK;
}


trd_rc_t
trd_board_journal(const trd_board_t *b, uint64_t seq, uint32_t *instrument,
    trd_change_t *change)
{
    uint32_t  detail;

    return trd_board_journal_detail(b, seq, instrument, change, &detail);
}


trd_rc_t
trd_board_journal_detail(const trd_board_t *b, uint64_t seq,
    uint32_t *instrument, trd_change_t *change, uint32_t *detail)
{
    unsigned                    kind;
    uint64_t                    newest, found, what;
    const trd_journal_entry_t  *e;

    /* before the entry: what was written by then and is not there, is gone */
    newest = trd_board_seq(b);
    e = &b->journal[seq & b->journal_mask];

    found = atomic_load_explicit(&e->seq, memory_order_acquire);

    if (found != seq || seq == 0) {             /* the first entry is 1 */
        return found > seq || seq <= newest ? TRD_NOT_FOUND : TRD_AGAIN;
    }

    what = atomic_load_explicit(&e->what, memory_order_relaxed);
    atomic_thread_fence(memory_order_acquire);

    if (atomic_load_explicit(&e->seq, memory_order_relaxed) != seq) {
        return TRD_NOT_FOUND;
    }

    kind = (unsigned) (what >> 32) & 0xff;

    if ((uint32_t) what >= b->n || kind < TRD_CHANGE_QUOTE
        || kind >= TRD_CHANGE_N || what >> 48 != 0)
    {
        return TRD_CORRUPT;
    }

    *instrument = (uint32_t) what;
    *change = (trd_change_t) kind;
    *detail = (uint32_t) (what >> 40);

    return TRD_OK;
}


uint64_t
trd_board_seq(const trd_board_t *b)
{
    return atomic_load_explicit(&b->header->seq, memory_order_acquire);
}


int64_t
trd_board_age(const trd_board_t *b, int64_t mono_ms)
{
    int64_t  beat;

    beat = atomic_load_explicit(&b->header->heartbeat_mono_ms,
                                memory_order_relaxed);

    /* our cached clock may be a little behind the writer's */
    if (beat > mono_ms) {
        return beat - mono_ms < 10000 ? 0 : INT64_MAX;
    }

    if (beat <= 0) {
        return INT64_MAX;
    }

    return mono_ms - beat;
}
