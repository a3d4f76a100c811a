/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The names of scenarios: marketd reads the setting by them, the module shows
 * them.  What they do is in trd_sim_season.c, which the module lacks.
 */

#include <string.h>

#include "trd_scenario.h"

static const char *const  scenario_names[TRD_SCENARIO_N] = {
    "normal", "calm", "rally", "crash", "gap", "halt"
};


const char *
trd_scenario_name(unsigned scenario)
{
    return scenario < TRD_SCENARIO_N ? scenario_names[scenario] : NULL;
}


int
trd_scenario_find(const char *name, size_t len)
{
    int  i;

    for (i = 0; i < TRD_SCENARIO_N; i++) {
        if (strlen(scenario_names[i]) == len
            && memcmp(scenario_names[i], name, len) == 0)
        {
            return i;
        }
    }

    return -1;
}
