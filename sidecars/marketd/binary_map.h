/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Which instrument has which bit, over all starts: the slots of
 * core/trd_slots.h, kept in HISTORY_DIR/binary-map and published as a page of
 * the board, from which the module tells old versions.
 *
 * The file is a line with the format and a hash of the rest, then the text.
 * A damaged one is refused and put aside as .refused; the map that begins then
 * has a number that none before it had, so that nobody reads new bits by an
 * old map.  A sound one is taken whatever became of the catalogue.
 */

#ifndef MARKETD_BINARY_MAP_H
#define MARKETD_BINARY_MAP_H

#include "trd_slots.h"
#include "catalogue.h"

typedef struct binary_map_s {
    trd_slots_t   slots;
    uint32_t     *place;        /* of an instrument */
    int32_t      *at;           /* the instrument of a place, -1: nobody's */
    const char   *dir;          /* NULL: it is not kept */
    char         *path;
    uint32_t      saved;        /* the version that the file has */
    int           refused;      /* the file, which is to be put aside */
} binary_map_t;

/*
 * Reads the file, if dir (which is kept) is not NULL, and takes the catalogue
 * in.  Places are bounded by the most instruments that there ever were at
 * once, or that the board has room for, which is the capacity.  NULL: no
 * memory, which is logged.
 */
binary_map_t *binary_map_open(const catalogue_t *catalogue, const char *dir,
    uint32_t capacity, int64_t now_ms);
void binary_map_free(binary_map_t *map);

/* Writes the file if the map has changed; what goes wrong is logged. */
void binary_map_save(binary_map_t *map);

/* bytes that a page about the map may need for places that are nobody's */
uint32_t binary_map_extra(const binary_map_t *map);

#endif /* MARKETD_BINARY_MAP_H */
