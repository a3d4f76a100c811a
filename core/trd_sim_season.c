/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The simulated market's week: how active each class is in each quarter of an
 * hour, as integers, and what the scenarios do to it.
 *
 * One curve a class serves for all: variance, volume and number of prints are
 * in proportion to it.  Its mean over the week is 1.
 */

#include "trd_sim_walk.h"

#define SEASON_DAY      96          /* quarters of an hour */
#define SEASON_CLOSE    472         /* Friday 22:00 UTC */
#define SEASON_REOPEN   664         /* Sunday 22:00 UTC */
#define SEASON_USUAL    4           /* scenarios multiply in quarters */

/* the drift is no more than this, in logarithms of the price */
#define SCENARIO_DRIFT  0.5

/*
 * Percent of activity at each hour UTC, with straight lines between.  Rough
 * shapes of the markets' own days: London opens at 7 or 8, New York at 13 or
 * 14, and between the two there is a hollow; oil has its settlement at 18.
 */
static const uint8_t  season_hours[TRD_CLASS_N][24] = {
    { 100, 100, 90, 80, 70, 70, 75, 90, 95, 90, 85, 90,         /* CRYPTO */
      110, 145, 160, 160, 145, 130, 115, 110, 110, 100, 85, 90 },
    { 60, 65, 60, 50, 45, 50, 80, 140, 160, 140, 115, 100,      /* FOREX */
      120, 170, 190, 180, 140, 100, 80, 70, 60, 40, 45, 55 },
    { 40, 50, 50, 40, 40, 40, 60, 120, 130, 110, 90, 90,        /* METALS */
      140, 220, 220, 190, 150, 120, 110, 120, 90, 30, 30, 40 },
    { 30, 35, 30, 30, 30, 30, 50, 100, 110, 90, 80, 80,    /* COMMODITIES */
      110, 200, 240, 200, 160, 150, 220, 160, 70, 30, 30, 30 }
};


/* what a scenario makes of a quarter of an hour's activity, in quarters */
static unsigned
season_scenario(unsigned scenario, unsigned b)
{
    unsigned  phase;

    switch (scenario) {

    case TRD_SCENARIO_CRASH:
        phase = b % SIM_SCENARIO_BUCKETS;

        return phase == 8 || phase == 9 ? 4 * SEASON_USUAL
               : phase == 10 || phase == 11 ? 2 * SEASON_USUAL : SEASON_USUAL;

    case TRD_SCENARIO_HALT:
        phase = b % SEASON_DAY;

        /* the third quarter of each hour, and 12:00 to 14:30 */
        return phase % 4 == 2 || (phase >= 48 && phase < 58)
               ? 0 : SEASON_USUAL;

    default:
        return SEASON_USUAL;
    }
}


static unsigned
season_week(unsigned c, unsigned b)
{
    if (c == TRD_CLASS_CRYPTO) {
        return b >= 5 * SEASON_DAY ? 75 : 100;
    }

    return b >= SEASON_CLOSE && b < SEASON_REOPEN ? 4 : 100;
}


static uint64_t
season_activity(unsigned c, unsigned b, unsigned scenario)
{
    unsigned  hour, quarter;

    hour = b % SEASON_DAY / 4;
    quarter = b % 4;

    return (uint64_t) (season_hours[c][hour] * (4 - quarter)
                       + season_hours[c][(hour + 1) % 24] * quarter)
           * season_week(c, b) * season_scenario(scenario, b);
}


/* the tables; the market's own is the mean of the classes' */
void
trd_sim_season(trd_sim_t *sim, unsigned scenario)
{
    unsigned  b, c;
    uint64_t  all, sum;

    sim->scenario = scenario;

    for (c = 0; c < TRD_CLASS_N; c++) {
        all = 0;
        sum = 0;

        for (b = 0; b < TRD_SIM_WEEK; b++) {
            all += season_activity(c, b, scenario);
        }

        for (b = 0; b < TRD_SIM_WEEK; b++) {
            sim->season[c][b] = (uint32_t) (sum * SIM_WEEK_MS / all);
            sum += season_activity(c, b, scenario);
        }

        sim->season[c][b] = SIM_WEEK_MS;
    }

    for (b = 0; b <= TRD_SIM_WEEK; b++) {
        sum = 0;

        for (c = 0; c < TRD_CLASS_N; c++) {
            sum += sim->season[c][b];
        }

        sim->season[TRD_CLASS_N][b] = (uint32_t) (sum / TRD_CLASS_N);
    }
}


/*
 * The drift, as a share of its full height.  Rally: up in 12 of 14 hours, back
 * in two.  Crash: down from 2:00 to 2:30 into the 14 hours, back from 3:00 on.
 * Gap: up at half past, back at the full hour.
 */
double
trd_sim_profile(unsigned scenario, int64_t t_ms)
{
    int64_t         phase;
    sim_week_t      w;
    const int64_t   hour = 3600000;

    w = sim_week(t_ms);
    phase = (int64_t) w.bucket * TRD_SIM_BUCKET_MS + w.off;

    if (scenario == TRD_SCENARIO_GAP) {
        return phase % hour >= hour / 2 ? 1.0 : 0.0;
    }

    phase %= SIM_SCENARIO_BUCKETS * TRD_SIM_BUCKET_MS;

    if (scenario == TRD_SCENARIO_RALLY) {
        return phase < 12 * hour ? (double) phase * (1.0 / (12 * 3600000.0))
               : (double) (14 * hour - phase) * (1.0 / (2 * 3600000.0));
    }

    if (phase < 2 * hour) {
        return 0.0;
    }

    if (phase < 3 * hour) {
        return phase >= 5 * hour / 2 ? -1.0
               : (double) (2 * hour - phase) * (1.0 / 1800000.0);
    }

    return (double) (phase - 14 * hour) * (1.0 / (11 * 3600000.0));
}


void
trd_sim_play(trd_sim_t *sim, trd_scenario_t scenario, uint32_t max_jump_bp)
{
    double                 most;
    uint32_t               i;
    trd_sim_instrument_t  *in;

    trd_sim_season(sim, scenario);

    most = SCENARIO_DRIFT;

    if (scenario == TRD_SCENARIO_GAP) {
        /* both ways within the bound, with room for what else happens */
        max_jump_bp = max_jump_bp == 0 || max_jump_bp > 10000
                      ? 10000 : max_jump_bp;
        most = 0.4 * (double) max_jump_bp / 1e4;
    }

    for (i = 0; i < sim->n; i++) {
        in = &sim->instruments[i];

        switch (scenario) {

        case TRD_SCENARIO_CALM:
            in->volatility *= 0.25;
            in->bucket_volume_e8 *= 0.5;
            break;

        case TRD_SCENARIO_RALLY:
            in->drift = 4.0;
            break;

        case TRD_SCENARIO_CRASH:
            in->drift = 6.0;
            break;

        case TRD_SCENARIO_GAP:
            in->drift = 2.0;
            break;

        default:
            break;
        }

        if (in->volatility * in->drift > most) {
            in->drift = most / in->volatility;
        }

        in->drift *= in->side;
    }
}


int
trd_sim_halted(const trd_sim_t *sim, int64_t t_ms, int64_t *since_ms)
{
    unsigned         b, back;
    sim_week_t       w;
    const uint32_t  *season;

    if (sim->scenario != TRD_SCENARIO_HALT) {
        return 0;
    }

    season = sim->season[TRD_CLASS_N];
    w = sim_week(sim_time(t_ms));
    back = 0;

    for (b = w.bucket; season[b + 1] == season[b] && back < TRD_SIM_WEEK;
         b = (b + TRD_SIM_WEEK - 1) % TRD_SIM_WEEK)
    {
        back++;
    }

    if (back == 0) {
        return 0;
    }

    *since_ms = sim_time(t_ms) - w.off - (back - 1) * TRD_SIM_BUCKET_MS;

    return 1;
}
