/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Mappings of events files: see trd_events_map.h.
 */

#include <string.h>

#include "trd_events_map.h"


trd_rc_t
trd_events_map_open(trd_events_map_t *m, const char *path, trd_file_id_t *id,
    const char **why, int *err)
{
    trd_rc_t  rc;

    memset(m, 0, sizeof(trd_events_map_t));

    rc = trd_file_map_open(&m->file, path, TRD_EVENTS_HEADER_SIZE, id, why,
                           err);

    if (rc != TRD_OK) {
        return rc;
    }

    rc = trd_events_open(&m->events, m->file.base, m->file.size, why);

    if (rc == TRD_OK && trd_file_map_lost(&m->file)) {
        *why = "file was truncated while being read";
        rc = TRD_CORRUPT;
    }

    if (rc != TRD_OK) {
        trd_events_map_close(m);
    }

    return rc;
}


trd_file_t
trd_events_map_check(const trd_events_map_t *m, const char *path,
    trd_file_id_t *id)
{
    return trd_file_map_check(&m->file, path, id);
}


int
trd_events_map_lost(const trd_events_map_t *m)
{
    return trd_file_map_lost(&m->file);
}


void
trd_events_map_close(trd_events_map_t *m)
{
    trd_file_map_close(&m->file);
    memset(&m->events, 0, sizeof(m->events));
}
