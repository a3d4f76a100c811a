/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Which streams follow which account: a tree of the accounts that somebody
 * follows, so that finding an event's streams costs the same with ten and
 * with ten thousand of others.  An account that nobody follows is not there.
 */

#include "ngx_http_trading_stream.h"


void
ngx_http_trading_account_init(ngx_http_trading_hub_t *hub)
{
    ngx_queue_init(&hub->accounts);
    ngx_rbtree_init(&hub->account_tree, &hub->account_sentinel,
                    ngx_str_rbtree_insert_value);
}


uint32_t
ngx_http_trading_account_hash(const u_char *name, size_t len)
{
    return ngx_murmur_hash2((u_char *) name, len);
}


ngx_http_trading_account_t *
ngx_http_trading_account_find(ngx_http_trading_hub_t *hub,
    const u_char *name, size_t len, uint32_t hash)
{
    ngx_str_t  key;

    key.data = (u_char *) name;
    key.len = len;

    return (ngx_http_trading_account_t *)
               ngx_str_rbtree_lookup(&hub->account_tree, &key, hash);
}


ngx_int_t
ngx_http_trading_account_join(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s)
{
    uint32_t                     hash;
    ngx_http_trading_account_t  *a;

    hash = ngx_http_trading_account_hash(s->account.data, s->account.len);
    a = ngx_http_trading_account_find(hub, s->account.data, s->account.len,
                                      hash);

    if (a == NULL) {
        a = ngx_alloc(sizeof(ngx_http_trading_account_t) + s->account.len,
                      hub->log);
        if (a == NULL) {
            return NGX_ERROR;
        }

        a->name.str.data = (u_char *) (a + 1);
        a->name.str.len = s->account.len;
        ngx_memcpy(a->name.str.data, s->account.data, s->account.len);
        a->name.node.key = hash;

        ngx_queue_init(&a->streams);
        ngx_queue_insert_tail(&hub->accounts, &a->link);
        ngx_rbtree_insert(&hub->account_tree, &a->name.node);
    }

    s->follows = a;
    ngx_queue_insert_tail(&a->streams, &s->account_link);

    return NGX_OK;
}


void
ngx_http_trading_account_leave(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s)
{
    ngx_http_trading_account_t  *a;

    a = s->follows;

    if (a == NULL) {
        return;
    }

    s->follows = NULL;
    ngx_queue_remove(&s->account_link);

    if (!ngx_queue_empty(&a->streams)) {
        return;
    }

    ngx_rbtree_delete(&hub->account_tree, &a->name.node);
    ngx_queue_remove(&a->link);
    ngx_free(a);

    if (ngx_queue_empty(&hub->accounts) && hub->events.timer_set) {
        ngx_del_timer(&hub->events);
    }
}
