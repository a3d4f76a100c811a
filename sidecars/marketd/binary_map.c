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

/* places of removed symbols that there is room for, beside all others */
#define BINARY_MAP_ROOM(capacity)  (4 * (capacity) + 64)


void
binary_map_free(binary_map_t *map)
{
    if (map == NULL) {
        return;
    }

    free(map->slots.slot);
    free(map->place);
    free(map->at);
    free(map);
}


static binary_map_t *
binary_map_create(uint32_t n, uint32_t room)
{
    trd_slot_t    *slot;
    binary_map_t  *map;

    map = calloc(1, sizeof(*map));
    if (map == NULL) {
        return NULL;
    }

    slot = calloc(room, sizeof(*slot));
    trd_slots_init(&map->slots, slot, room);
    map->place = calloc(n, sizeof(*map->place));
    map->at = calloc(room, sizeof(*map->at));

    if (slot == NULL || map->place == NULL || map->at == NULL) {
        binary_map_free(map);
        return NULL;
    }

    return map;
}


/* 0: taken in; 1: there is none; -1: *why not */

static int
binary_map_read(binary_map_t *map, const char *path, const char **why)
{
    int       rc;
    char     *buf, line[BINARY_MAP_LINE + 1];
    size_t    len;
    trd_rc_t  taken;

    buf = state_file_read(path, BINARY_MAP_LINE + TRD_SLOTS_HEAD
                                + (size_t) map->slots.room * TRD_SLOTS_LINE,
                          &len, why);

    if (buf == NULL) {
        return *why ? -1 : 1;
    }

    rc = -1;
    *why = "damaged, or of something else";

    if (len > BINARY_MAP_LINE) {
        (void) snprintf(line, sizeof(line), BINARY_MAP_TEXT,
                        (uint64_t) XXH3_64bits(buf + BINARY_MAP_LINE,
                                               len - BINARY_MAP_LINE));

        if (memcmp(buf, line, BINARY_MAP_LINE) == 0) {
            taken = trd_slots_read(&map->slots, buf + BINARY_MAP_LINE,
                                   len - BINARY_MAP_LINE);
            rc = taken == TRD_OK ? 0 : -1;
            *why = taken == TRD_OVERFLOW ? "too large" : *why;
        }
    }

    free(buf);

    return rc;
}


static int
binary_map_write(const binary_map_t *map, const char *path)
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

    rc = state_file_write(path, buf, BINARY_MAP_LINE + size);
    free(buf);

    return rc;
}


static void
binary_map_load(binary_map_t *map, const char *path, int64_t now_ms)
{
    const char  *why;

    if (binary_map_read(map, path, &why) == -1) {
        trd_slots_renew(&map->slots, (uint32_t) (now_ms / 60000));
        tsd_log(TSD_LOG_WARN, "map_ignored", "path=\"%s\" reason=\"%s\" "
                "effect=\"/binary begins a new map, older versions are "
                "unknown\"", path, why);
    }
}


static int
binary_map_take(binary_map_t *map, const catalogue_t *c)
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
    char          *path;
    uint32_t       was;
    binary_map_t  *map;

    map = binary_map_create(catalogue->n, BINARY_MAP_ROOM(capacity));
    path = dir ? state_file_path(dir, BINARY_MAP_NAME) : NULL;

    if (map == NULL || (dir && path == NULL)) {
        goto failed;
    }

    if (path) {
        binary_map_load(map, path, now_ms);
    }

    was = map->slots.version;

    if (binary_map_take(map, catalogue) != 0) {
        goto failed;
    }

    if (path && was != map->slots.version) {
        if (state_file_dir(dir) != 0 || binary_map_write(map, path) != 0) {
            tsd_log(TSD_LOG_WARN, "map_not_saved", "name=HISTORY_DIR "
                    "path=\"%s\" reason=\"%s\" effect=\"map_version does not "
                    "outlast a restart\"", path, strerror(errno));

        } else {
            tsd_log(TSD_LOG_INFO, "map", "path=\"%s\" version=%u places=%u",
                    path, map->slots.version, map->slots.n);
        }
    }

    free(path);

    return map;

failed:

    tsd_log(TSD_LOG_ERROR, "no_memory", "what=map");
    binary_map_free(map);
    free(path);

    return NULL;
}
