/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The channels of an account: events that ledgerd writes to the events file
 * go to the connections of their account, each of them or a count of those
 * that were missed.
 */

#include "ngx_http_trading_stream.h"


/* keeps the stream in the list of those that follow their account */
void
ngx_http_trading_events_follow(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s)
{
    ngx_flag_t  wanted;

    wanted = (s->cohort->topics >> NGX_HTTP_TRADING_T_ACCOUNT) != 0;

    if (wanted && s->account_link.next == NULL) {
        ngx_queue_insert_tail(&hub->accounts, &s->account_link);

    } else if (!wanted && s->account_link.next) {
        ngx_queue_remove(&s->account_link);
        s->account_link.next = NULL;
    }
}
