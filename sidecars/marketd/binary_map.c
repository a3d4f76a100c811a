/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The kept map of the binary signals; see binary_map.h.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "binary_map.h"
#include "state_file.h"
#include "tsd_log.h"

#define BINARY_MAP_NAME  "binary-map"
#define BINARY_MAP_TEXT  "trading-map 1 %016" PRIx64 "\n"
#define BINARY_MAP_LINE  (sizeof("trading-map 1 ") - 1 + 16 + 1)
#define BINARY_MAP_MAX   (64U << 20)

/* places of removed symbols that there is room for, beside all others */
#define BINARY_MAP_ROOM(n)  (4 * (n) + 64)


void
binary_map_free(binary_map_t *map)
{
    if (map == NULL) {
        return;
    }

    free(map->slots.slot);
    free(map->place);
    free(map->at);
    free(map->path);
    free(map);
}


static int
binary_map_compare(const void *one, const void *two)
{
    uint64_t  a, b;

    a = *(const uint64_t *) one;
    b = *(const uint64_t *) two;

    return (a > b) - (a < b);
}


/* the most symbols that any version had.  -1: no memory */

static int
binary_map_most(const trd_slots_t *s, uint32_t *most)
{
    size_t    i, n;
    uint32_t  k, have;
    uint64_t  *turn;

    *most = have = 0;
    turn = malloc(((size_t) s->n * TRD_SLOTS_CHANGES + 1) * sizeof(*turn));

    if (turn == NULL) {
        return -1;
    }

    /* who goes sorts before who comes in the same version */

    for (n = i = 0; i < s->n; i++) {
        for (k = 0; k < s->slot[i].n; k++) {
            turn[n++] = (uint64_t) s->slot[i].at[k] << 1 | (~k & 1);
        }
    }

    qsort(turn, n, sizeof(*turn), binary_map_compare);

    for (i = 0; i < n; i++) {
        have += turn[i] & 1 ? 1 : -1U;
        *most = have > *most ? have : *most;
    }

    free(turn);

    return 0;
}


/* Makes room for the places that there are, and for those that may come: as
   many as the largest catalogue that there ever was allows.  A catalogue that
   has shrunk keeps its map. */

static int
binary_map_grow(binary_map_t *map, uint32_t capacity)
{
    uint32_t     most, room;
    trd_slot_t  *slot;

    if (binary_map_most(&map->slots, &most) != 0) {
        return -1;
    }

    room = BINARY_MAP_ROOM(most > capacity ? most : capacity);
    room = room > map->slots.n ? room : map->slots.n;

    slot = realloc(map->slots.slot, room * sizeof(*slot));

    if (slot == NULL) {
        return -1;
    }

    map->slots.slot = slot;
    map->slots.room = room;
    map->at = calloc(room, sizeof(*map->at));

    return map->at ? 0 : -1;
}


/* what the file says, by what it is; NULL, or why not */

static const char *
binary_map_take(binary_map_t *map, const char *buf, size_t len)
{
    char         line[BINARY_MAP_LINE + 1];
    uint32_t     places;
    const char  *p, *end;

    if (len <= BINARY_MAP_LINE) {
        return "damaged, or of something else";
    }

    end = buf + len;
    buf += BINARY_MAP_LINE;
    len -= BINARY_MAP_LINE;

    (void) snprintf(line, sizeof(line), BINARY_MAP_TEXT,
                    (uint64_t) XXH3_64bits(buf, len));

    if (memcmp(buf - BINARY_MAP_LINE, line, BINARY_MAP_LINE) != 0) {
        return "damaged, or of something else";
    }

    /* each place is a line */

    for (places = 0, p = buf;
         (p = memchr(p, '\n', (size_t) (end - p))) != NULL;
         p++)
    {
        places++;
    }

    map->slots.slot = calloc(places + 1, sizeof(trd_slot_t));

    if (map->slots.slot == NULL) {
        return "no memory";
    }

    map->slots.room = places + 1;

    return trd_slots_read(&map->slots, buf, len) == TRD_OK
           ? NULL : "contradicts itself";
}


static int
binary_map_write(const binary_map_t *map)
{
    int            rc;
    char          *buf;
    size_t         size;
    trd_writer_t   w;

    size = TRD_SLOTS_HEAD + (size_t) map->slots.n * TRD_SLOTS_LINE;
    buf = malloc(BINARY_MAP_LINE + 1 + size);

    if (buf == NULL) {
        return -1;
    }

    trd_writer_init(&w, buf + BINARY_MAP_LINE + 1, size);
    trd_slots_write(&map->slots, &w);

    size = trd_writer_len(&w);
    (void) snprintf(buf, BINARY_MAP_LINE + 1, BINARY_MAP_TEXT,
                    (uint64_t) XXH3_64bits(buf + BINARY_MAP_LINE + 1, size));
    memmove(buf + BINARY_MAP_LINE, buf + BINARY_MAP_LINE + 1, size);

    rc = state_file_write(map->path, buf, BINARY_MAP_LINE + size);
    free(buf);

    return rc;
}


static void
binary_map_load(binary_map_t *map, int64_t now_ms)
{
    char        *buf;
    size_t       len;
    const char  *why;

    buf = state_file_read(map->path, BINARY_MAP_MAX, &len, &why);

    if (buf) {
        why = binary_map_take(map, buf, len);
    }

    free(buf);

    if (why == NULL) {
        return;
    }

    map->refused = 1;
    map->slots.n = 0;
    trd_slots_renew(&map->slots, (uint32_t) (now_ms / 60000));

    tsd_log(TSD_LOG_WARN, "map_ignored", "path=\"%s\" reason=\"%s\" "
            "effect=\"/binary begins a new map, older versions are "
            "unknown\"", map->path, why);
}


static int
binary_map_update(binary_map_t *map, const catalogue_t *c)
{
    uint32_t  i;

    if (trd_slots_update(&map->slots, c->instruments, c->n, map->place)
        != TRD_OK)
    {
        tsd_log(TSD_LOG_WARN, "map_renewed", "version=%u places=%u "
                "effect=\"/binary begins a new map, older versions are "
                "unknown\"", map->slots.version, map->slots.n);
        trd_slots_renew(&map->slots, 0);

        if (trd_slots_update(&map->slots, c->instruments, c->n, map->place)
            != TRD_OK)
        {
            return -1;
        }
    }

    for (i = 0; i < map->slots.n; i++) {
        map->at[i] = -1;
    }

    for (i = 0; i < c->n; i++) {
        map->at[map->place[i]] = (int32_t) i;
    }

    return 0;
}


binary_map_t *
binary_map_open(const catalogue_t *catalogue, const char *dir,
    uint32_t capacity, int64_t now_ms)
{
    binary_map_t  *map;

    map = calloc(1, sizeof(*map));

    if (map == NULL) {
        goto failed;
    }

    map->place = calloc(catalogue->n, sizeof(*map->place));

    if (map->place == NULL) {
        goto failed;
    }

    if (dir) {
        map->dir = dir;
        map->path = state_file_path(dir, BINARY_MAP_NAME);

        if (map->path == NULL) {
            goto failed;
        }

        binary_map_load(map, now_ms);
    }

    map->saved = map->slots.version;

    if (binary_map_grow(map, capacity > catalogue->n ? capacity
                                                     : catalogue->n) != 0
        || binary_map_update(map, catalogue) != 0)
    {
        goto failed;
    }

    return map;

failed:

    tsd_log(TSD_LOG_ERROR, "no_memory", "what=map");
    binary_map_free(map);

    return NULL;
}


void
binary_map_save(binary_map_t *map)
{
    if (map->path == NULL || map->saved == map->slots.version) {
        return;
    }

    if (map->refused) {
        state_file_refuse(map->path);
    }

    if (state_file_dir(map->dir) != 0 || binary_map_write(map) != 0) {
        tsd_log(TSD_LOG_WARN, "map_not_saved", "name=HISTORY_DIR "
                "path=\"%s\" reason=\"%s\" effect=\"map_version does not "
                "outlast a restart\"", map->path, strerror(errno));
        return;
    }

    map->saved = map->slots.version;
    map->refused = 0;
    tsd_log(TSD_LOG_INFO, "map", "path=\"%s\" version=%u places=%u",
            map->path, map->slots.version, map->slots.n);
}


uint32_t
binary_map_extra(const binary_map_t *map)
{
    uint32_t       i, gone;
    trd_writer_t   w;

    for (gone = i = 0; i < map->slots.n; i++) {
        gone += map->at[i] < 0;
    }

    if (gone == 0) {
        return 0;
    }

    trd_writer_init(&w, NULL, 0);
    trd_slots_write(&map->slots, &w);

    return (uint32_t) w.need;
}
