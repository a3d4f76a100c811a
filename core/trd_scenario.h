/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The scenarios that the simulated market can be told to play.  A scenario is
 * the whole market's and is a function of time alone: nobody can have one to
 * himself, or start one unseen.  docs/simulator.md has their timetables.
 */

#ifndef TRD_SCENARIO_H
#define TRD_SCENARIO_H

#include <stddef.h>

typedef enum {
    TRD_SCENARIO_NORMAL = 0,
    TRD_SCENARIO_CALM,          /* less volatility, less volume */
    TRD_SCENARIO_RALLY,         /* rises long, gives back quickly */
    TRD_SCENARIO_CRASH,         /* falls quickly, recovers long */
    TRD_SCENARIO_GAP,           /* jumps up and down */
    TRD_SCENARIO_HALT,          /* falls silent by the clock */
    TRD_SCENARIO_N
} trd_scenario_t;

/* the name on the wire and in the setting; NULL out of range */
const char *trd_scenario_name(unsigned scenario);

/* by its name, -1 if there is none */
int trd_scenario_find(const char *name, size_t len);

#endif /* TRD_SCENARIO_H */
