/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * tradingctl tape: what a tape holds, its records, and whether it is what it
 * says it is.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tradingctl.h"
#include "trd_writer.h"
#include "tsd_tape.h"

typedef struct {
    const char  *path;
    int          json;
    int          raw;
    uint64_t     seq;
    int64_t      ms;
    uint64_t     limit;
} tape_call_t;


static const char *const  tape_ops[TRD_TAPE_OP_N] = {
    "update", "stale", "reconnected", "start", "carry", "gap", "print",
    "candle", "book", "broken", "clock", "step"
};

static const char *const  tape_kinds[TRD_TAPE_KINDS] = {
    "trade", "book", "ticker", "mini", "snapshot", "quote", NULL, NULL
};


static void
tape_hex(const uint8_t *bytes, size_t n, char *out)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        (void) snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    }
}


static void
tape_time(int64_t ms, char out[TRD_TIME_LEN + 1])
{
    memset(out, 0, TRD_TIME_LEN + 1);

    if (ms < 0 || ms > 253402300799999) {
        (void) strcpy(out, "-");
        return;
    }

    trd_time_format(ms, out);
}


static void
tape_progress(void *ctx, uint64_t done, uint64_t total)
{
    ctl_progress(ctx, done, total);
}


static tsd_tape_reader_t *
tape_open(const tape_call_t *call)
{
    const char         *why;
    tsd_tape_reader_t  *r;

    r = tsd_tape_open(call->path, 0, &why);

    if (r == NULL) {
        (void) fprintf(stderr, "tradingctl tape: %s: %s\n", call->path, why);
        return NULL;
    }

    tsd_tape_seek(r, call->seq, call->ms);

    return r;
}


/* 0, or says what stopped the reading */

static int
tape_over(tsd_tape_reader_t *r, trd_rc_t rc)
{
    tsd_tape_at_t  at;

    tsd_tape_at(r, &at);

    if (rc == TRD_CORRUPT) {
        (void) fprintf(stderr, "tradingctl tape: %s %s\n", at.path, at.why);
        return CTL_FAILED;
    }

    if (at.torn) {
        (void) fprintf(stderr, "tradingctl tape: %s: the last %llu bytes are "
                       "no whole block\n", at.path,
                       (unsigned long long) at.torn);
    }

    return CTL_OK;
}


static int
tape_info(const tape_call_t *call)
{
    int                 result;
    char                head[2 * TRD_TAPE_HASH + 1];
    char                from[TRD_TIME_LEN + 1], to[TRD_TIME_LEN + 1];
    int64_t             first_ms, last_ms;
    uint64_t            first, last, ops[TRD_TAPE_OP_N];
    trd_rc_t            rc;
    tsd_tape_at_t       at;
    trd_tape_record_t   r;
    tsd_tape_reader_t  *reader;

    reader = tape_open(call);
    if (reader == NULL) {
        return CTL_FAILED;
    }

    first = last = 0;
    first_ms = last_ms = 0;
    memset(ops, 0, sizeof(ops));
    tsd_tape_at(reader, &at);

    while ((rc = tsd_tape_read(reader, &r)) == TRD_OK) {
        tsd_tape_at(reader, &at);
        first = at.records == 1 ? r.seq : first;
        first_ms = at.records == 1 ? r.received_ms : first_ms;
        last = r.seq;
        last_ms = r.received_ms;
        ops[r.op]++;

        if (at.records % 65536 == 0) {
            ctl_progress("reading", at.bytes, at.total);
        }
    }

    ctl_progress("reading", 1, 1);
    tsd_tape_at(reader, &at);
    tape_hex(at.chain, TRD_TAPE_HASH, head);
    tape_time(first_ms, from);
    tape_time(last_ms, to);
    result = tape_over(reader, rc);

    (void) printf(call->json
                  ? "{\"files\":%llu,\"blocks\":%llu,\"records\":%llu,"
                    "\"updates\":%llu,\"starts\":%llu,\"lost\":%llu,"
                    "\"bytes\":%llu,\"torn_bytes\":%llu,"
                    "\"bytes_per_update\":%.2f,\"first_seq\":%llu,"
                    "\"last_seq\":%llu,\"first_time\":\"%s\","
                    "\"last_time\":\"%s\",\"head\":\"%s\"}\n"
                  : "files      %llu\nblocks     %llu\nrecords    %llu\n"
                    "updates    %llu\nstarts     %llu\nlost       %llu\n"
                    "bytes      %llu\ntorn bytes %llu\nper update %.2f bytes\n"
                    "seq        %llu .. %llu\ntime       %s .. %s\n"
                    "head       %s\n",
                  (unsigned long long) at.files,
                  (unsigned long long) at.blocks,
                  (unsigned long long) at.records,
                  (unsigned long long) at.updates,
                  (unsigned long long) ops[TRD_TAPE_START],
                  (unsigned long long) at.lost,
                  (unsigned long long) at.total,
                  (unsigned long long) at.torn,
                  at.updates ? (double) at.total / (double) at.updates : 0.0,
                  (unsigned long long) first, (unsigned long long) last, from,
                  to, head);

    tsd_tape_reader_free(reader);

    return result;
}


static void
tape_print_side(trd_writer_t *w, const char *name,
    const trd_tape_book_t *book, unsigned side)
{
    uint32_t            i;
    const trd_level_t  *l = book->level[side];

    trd_write_str(w, name);

    for (i = 0; i < book->n[side]; i++) {
        trd_write_str(w, i ? ",[" : "[");
        trd_write_decimal(w, l[i].price_e8, 0);
        trd_write_lit(w, ",");
        trd_write_decimal(w, l[i].quantity_e8, 0);
        trd_write_lit(w, "]");
    }

    trd_write_lit(w, "]");
}


/* One record a line: always JSON, which is also easy to read. */

static void
tape_print(const trd_tape_record_t *r, const tsd_tape_at_t *at)
{
    char                 buf[4096];
    unsigned             i;
    trd_writer_t         w;
    const char          *kind;
    const trd_update_t  *u = &r->update;

    const struct {
        const char  *name;
        uint32_t     bit;
        int64_t      value;
    } values[] = {
        { ",\"last\":", TRD_HAS_LAST, u->last_e8 },
        { ",\"bid\":", TRD_HAS_BID, u->bid_e8 },
        { ",\"ask\":", TRD_HAS_ASK, u->ask_e8 },
        { ",\"open\":", TRD_HAS_OPEN, u->open_e8 },
        { ",\"high\":", TRD_HAS_HIGH, u->high_e8 },
        { ",\"low\":", TRD_HAS_LOW, u->low_e8 },
        { ",\"volume\":", TRD_HAS_VOLUME, u->volume_e8 },
        { ",\"quote_volume\":", TRD_HAS_QUOTE_VOLUME, u->quote_volume_e8 }
    };

    trd_writer_init(&w, buf, sizeof(buf));
    trd_write_lit(&w, "{\"seq\":");
    trd_write_u64(&w, r->seq);
    trd_write_lit(&w, ",\"received_at\":");
    trd_write_time(&w, r->received_ms);
    trd_write_lit(&w, ",\"event\":\"");
    trd_write_str(&w, tape_ops[r->op]);
    trd_write_lit(&w, "\"");

    if (r->op != TRD_TAPE_RECONNECTED && r->op != TRD_TAPE_START
        && r->op != TRD_TAPE_GAP && r->op != TRD_TAPE_CLOCK
        && r->op != TRD_TAPE_STEP)
    {
        trd_write_lit(&w, ",\"symbol\":");
        trd_write_json_str(&w, at->instruments[r->instrument].symbol,
                           strlen(at->instruments[r->instrument].symbol));
    }

    if (r->source != TRD_SOURCE_NONE) {
        trd_write_lit(&w, ",\"source\":\"");
        trd_write_str(&w, trd_source_name(r->source));
        trd_write_lit(&w, "\"");
    }

    if (r->op == TRD_TAPE_UPDATE) {
        kind = tape_kinds[u->kind];
        trd_write_lit(&w, ",\"kind\":\"");
        trd_write_str(&w, kind ? kind : "?");
        trd_write_lit(&w, "\"");
    }

    if (r->op == TRD_TAPE_CANDLE
        && trd_interval_name(TRD_TAPE_BAR_INTERVAL(u->dropped)))
    {
        trd_write_lit(&w, ",\"interval\":\"");
        trd_write_str(&w,
                      trd_interval_name(TRD_TAPE_BAR_INTERVAL(u->dropped)));
        trd_write_lit(&w, "\",\"trades\":");
        trd_write_u64(&w, u->reserved);
    }

    if (r->op == TRD_TAPE_PRINT && (u->dropped & TRD_TRADE_SIDE)) {
        trd_write_lit(&w, ",\"side\":\"");
        trd_write_str(&w, u->dropped & TRD_TRADE_BUYER_MAKER ? "sell"
                                                             : "buy");
        trd_write_lit(&w, "\"");
    }

    if (trd_tape_from(r->op) || r->op == TRD_TAPE_BOOK) {
        trd_write_lit(&w, ",\"id\":");
        trd_write_u64(&w, u->id);
    }

    if (r->book) {
        tape_print_side(&w, ",\"bids\":[", r->book, 0);
        tape_print_side(&w, ",\"asks\":[", r->book, 1);
    }

    if (u->derived) {
        trd_write_lit(&w, ",\"derived\":\"");
        trd_write_str(&w, trd_derived_suffix(u->derived) + 1);
        trd_write_lit(&w, "\"");
    }

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        if (u->has & values[i].bit) {
            trd_write_str(&w, values[i].name);
            trd_write_decimal(&w, values[i].value, 0);
        }
    }

    if ((r->op == TRD_TAPE_UPDATE || r->op == TRD_TAPE_PRINT)
        && u->last_quantity_e8)
    {
        trd_write_lit(&w, ",\"quantity\":");
        trd_write_decimal(&w, u->last_quantity_e8, 0);
    }

    if (u->exchange_ms) {
        trd_write_lit(&w, ",\"timestamp\":");
        trd_write_time(&w, u->exchange_ms);
    }

    if (r->op == TRD_TAPE_STEP) {
        trd_write_lit(&w, ",\"set_by_ms\":");
        trd_write_i64(&w, (int64_t) u->id);
    }

    if (r->op == TRD_TAPE_GAP) {
        trd_write_lit(&w, ",\"lost\":");
        trd_write_u64(&w, u->id);
    }

    if (r->message) {
        trd_write_lit(&w, ",\"message\":");
        trd_write_u64(&w, r->message);
    }

    (void) printf("%.*s", (int) trd_writer_len(&w), buf);

    if (r->digest) {
        (void) printf(",\"digest\":\"");

        for (i = 0; i < 8; i++) {
            (void) printf("%02x", (unsigned) (r->digest >> 8 * i & 0xff));
        }

        (void) printf("\"");
    }

    (void) printf("}\n");
}


static int
tape_cat(const tape_call_t *call)
{
    int                 result;
    trd_rc_t            rc;
    uint64_t            printed;
    tsd_tape_at_t       at;
    trd_tape_record_t   r;
    tsd_tape_reader_t  *reader;

    reader = tape_open(call);
    if (reader == NULL) {
        return CTL_FAILED;
    }

    rc = TRD_NOT_FOUND;

    for (printed = 0; printed < call->limit; /* void */ ) {
        rc = tsd_tape_read(reader, &r);

        if (rc != TRD_OK) {
            break;
        }

        if (r.seq < call->seq || r.received_ms < call->ms) {
            continue;
        }

        tsd_tape_at(reader, &at);
        tape_print(&r, &at);
        printed++;

        if (ferror(stdout)) {
            break;
        }
    }

    result = tape_over(reader, rc);
    tsd_tape_reader_free(reader);

    return result;
}


static int
tape_verify(const tape_call_t *call)
{
    char                what[] = "verifying";
    char                head[2 * TRD_TAPE_HASH + 1];
    tsd_tape_verdict_t  v;

    tsd_tape_verify(call->path, call->raw, &v, tape_progress, what);
    ctl_progress(what, 1, 1);
    tape_hex(v.chain, TRD_TAPE_HASH, head);

    (void) printf(call->json
                  ? "{\"ok\":%s,\"files\":%llu,\"blocks\":%llu,"
                    "\"records\":%llu,\"updates\":%llu,\"prints\":%llu,"
                    "\"candles\":%llu,\"books\":%llu,"
                    "\"carried\":%llu,\"lost\":%llu,"
                    "\"messages\":%llu,\"derived\":%llu,\"underived\":%llu,"
                    "\"refused\":%llu,\"first_seq\":%llu,\"last_seq\":%llu,"
                    "\"head\":\"%s\",\"error\":"
                  : "%s\nfiles     %llu\nblocks    %llu\nrecords   %llu\n"
                    "updates   %llu\nprints    %llu\ncandles   %llu\n"
                    "books     %llu\ncarried   %llu\nlost      %llu\n"
                    "messages  %llu\n"
                    "derived   %llu\nunderived %llu\nrefused   %llu\n"
                    "seq       %llu .. %llu\nhead      %s\n",
                  call->json ? v.rc == TRD_OK ? "true" : "false"
                             : v.rc == TRD_OK ? "ok" : "NOT OK",
                  (unsigned long long) v.files,
                  (unsigned long long) v.blocks,
                  (unsigned long long) v.records,
                  (unsigned long long) v.updates,
                  (unsigned long long) v.prints,
                  (unsigned long long) v.candles,
                  (unsigned long long) v.books,
                  (unsigned long long) v.carried,
                  (unsigned long long) v.lost,
                  (unsigned long long) v.messages,
                  (unsigned long long) v.derived,
                  (unsigned long long) v.underived,
                  (unsigned long long) v.judged,
                  (unsigned long long) v.first_seq,
                  (unsigned long long) v.last_seq, head);

    if (call->json) {
        if (v.rc == TRD_OK) {
            (void) printf("null}\n");

        } else {
            ctl_json(v.error);
            (void) printf("}\n");
        }

    } else if (v.rc != TRD_OK) {
        (void) printf("%s\n", v.error);
    }

    return v.rc == TRD_OK ? CTL_OK : CTL_FAILED;
}


static int
tape_number(const char *text, uint64_t *n)
{
    char  *end;

    if (text == NULL || text[0] < '0' || text[0] > '9') {
        return -1;
    }

    *n = strtoull(text, &end, 10);

    return *end == '\0' ? 0 : -1;
}


int
ctl_tape(int argc, char **argv)
{
    uint64_t      ms;
    const char   *seq, *time, *limit;
    tape_call_t   call;

    memset(&call, 0, sizeof(call));
    seq = time = limit = NULL;
    ms = 0;
    call.limit = UINT64_MAX;
    call.json = ctl_option(&argc, argv, "json", NULL);
    call.raw = ctl_option(&argc, argv, "raw", NULL);

    if ((ctl_option(&argc, argv, "seq", &seq)
         && tape_number(seq, &call.seq) != 0)
        || (ctl_option(&argc, argv, "time", &time)
            && tape_number(time, &ms) != 0)
        || (ctl_option(&argc, argv, "limit", &limit)
            && tape_number(limit, &call.limit) != 0))
    {
        return ctl_usage("tape", "--seq, --time and --limit need a number");
    }

    if (argc != 3) {
        return ctl_usage("tape", "what to do with which tape?");
    }

    call.ms = (int64_t) ms;
    call.path = argv[2];

    if (strcmp(argv[1], "info") == 0) {
        return tape_info(&call);
    }

    if (strcmp(argv[1], "cat") == 0) {
        return tape_cat(&call);
    }

    if (strcmp(argv[1], "verify") == 0) {
        return tape_verify(&call);
    }

    return ctl_usage("tape", "no such thing to do");
}
