/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Any bytes as the record of past signals, as they are and under a head and a
 * hash that are right.  Whatever state is taken can be kept and taken again,
 * and must bear being worked with: candles close on it.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "trd_keep.h"

#define MOST  65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t  whole[MOST + 256], again[TRD_KEEP_HEAD + TRD_KEEP_INSTRUMENT];


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


static int  keep_again(trd_keep_item_t *item);


static void
work(trd_keep_item_t *item)
{
    int                  i;
    trd_candle_t         c;
    trd_keep_track_t    *t;
    trd_track_result_t   r;

    t = &item->track;
    check(keep_again(item));

    /* at the bounds of what is taken there is no next step */

    if (t->totals.opened > UINT64_C(1) << 39
        || t->track.indicator.n > UINT64_C(1) << 39)
    {
        return;
    }

    for (i = 0; i < 6; i++) {
        memset(&c, 0, sizeof(c));
        c.open_ms = t->track.open_ms + trd_timeframe_ms(item->timeframe);
        c.open_e8 = c.low_e8 = i & 1 ? 1 : TRD_E8;
        c.close_e8 = c.high_e8 = i & 2 ? INT64_MAX : 100 * TRD_E8;

        if (trd_track_close(&t->track, item->timeframe, &c, &t->learned,
                            &t->learned, &t->totals, &r)
            == TRD_OK)
        {
            t->has = r.has;
            t->values = r.values;
            t->technical = r.technical;
        }
    }
}


static int
keep_again(trd_keep_item_t *item)
{
    size_t                len;
    const char           *why;
    trd_keep_head_t       head = { TRD_KEEP_LIVE, 0, 0, -1, 0 };
    trd_keep_item_t       back;
    trd_instrument_t      in;
    trd_keep_reader_t     r;
    trd_keep_writer_t     w;
    trd_keep_threshold_t  none;

    memset(&in, 0, sizeof(in));
    memset(&none, 0, sizeof(none));
    memcpy(in.symbol, "A", 2);
    memcpy(in.exchange_symbol, "A", 2);

    trd_keep_begin(&w, again, sizeof(again), &head);
    trd_keep_instrument(&w, &in, &none);
    trd_keep_track(&w, item->timeframe, &item->track);
    len = trd_keep_end(&w);
    check(len > 0);

    return trd_keep_open(&r, again, trd_keep_seal(again, len), &head, &why)
           == TRD_OK
           && trd_keep_next(&r, &back) == TRD_OK
           && trd_keep_next(&r, &back) == TRD_OK
           && trd_keep_next(&r, &back) == TRD_NOT_FOUND;
}


static void
read_all(const void *data, size_t size)
{
    trd_rc_t            rc;
    const char         *why;
    trd_keep_head_t     head;
    trd_keep_item_t     item;
    trd_keep_reader_t   r;

    why = NULL;
    rc = trd_keep_open(&r, data, size, &head, &why);
    check(rc == TRD_OK || (rc == TRD_CORRUPT && why != NULL));

    if (rc != TRD_OK) {
        return;
    }

    while ((rc = trd_keep_next(&r, &item)) == TRD_OK) {
        if (item.kind == TRD_KEEP_TRACK) {
            work(&item);

        } else {
            check(memchr(item.symbol, '\0', sizeof(item.symbol)) != NULL);
            check(item.source < TRD_SOURCE_N);
        }
    }

    check(rc == TRD_NOT_FOUND || rc == TRD_CORRUPT);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t             len;
    trd_keep_head_t    head = { TRD_KEEP_LIVE, 0, 0, -1, 0 };
    trd_keep_writer_t  w;

    if (size == 0 || size > MOST) {
        return 0;
    }

    read_all(data, size);

    trd_keep_begin(&w, whole, sizeof(whole), &head);
    len = trd_keep_end(&w);
    memcpy(whole + len, data, size / 8 * 8);
    read_all(whole, trd_keep_seal(whole, len + size / 8 * 8));

    return 0;
}
