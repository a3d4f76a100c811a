/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Maps an events file read-only and checks it; see trd_file_map.h.
 */

#ifndef TRD_EVENTS_MAP_H
#define TRD_EVENTS_MAP_H

#include "trd_events.h"
#include "trd_file_map.h"

typedef struct {
    trd_events_t    events;
    trd_file_map_t  file;       /* file.base NULL: not mapped */
} trd_events_map_t;

/* As trd_file_map_open(); TRD_CORRUPT, too, if it is no events file. */
trd_rc_t trd_events_map_open(trd_events_map_t *m, const char *path,
    trd_file_id_t *id, const char **why, int *err) TRD_MUST_CHECK;

trd_file_t trd_events_map_check(const trd_events_map_t *m, const char *path,
    trd_file_id_t *id);
int trd_events_map_lost(const trd_events_map_t *m);
void trd_events_map_close(trd_events_map_t *m);

#endif /* TRD_EVENTS_MAP_H */
