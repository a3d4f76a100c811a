/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * When pages are rendered: what changed, at most once per interval, the first
 * change after quiet at once.  What they say is pages.h; compress.h makes the
 * gzip variants on a thread of its own.
 *
 * Cost is bounded by itself: after a round that took t, the next starts no
 * sooner than a multiple of t later, so that a board of 5,000 instruments
 * renders less often instead of eating the core that decodes the feed.
 */

#ifndef MARKETD_RENDER_H
#define MARKETD_RENDER_H

#include <event2/event.h>

#include "market.h"

typedef struct render_s  render_t;

/* base NULL: no timers and no thread, for tools; call render_now() */
render_t *render_create(market_t *m, struct event_base *base);
void render_free(render_t *r);

/* instrument changed; cheap, called for every update */
void render_mark(render_t *r, uint32_t instrument);

/* does a page of it wait for its turn although nothing else changes? */
int render_overdue(const render_t *r, uint32_t instrument);

/* renders everything that changed before it returns; without a thread the
   gzip pages too */
void render_now(render_t *r);

#endif /* MARKETD_RENDER_H */
