/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Streams: what the files ngx_http_trading_stream_*.c share.  A worker has
 * one hub, which follows the board's journal and encodes what changed into a
 * batch, once.  Connections that want the same, in the same form, are a
 * cohort: for it the pieces of the batch are picked once, and each of its
 * connections gets them by one write.  What a socket does not take at once is
 * kept by the connection alone, bounded by trading_stream_buffer: the rest of
 * a frame that was cut, and a bit for each instrument that changed since.
 *
 * All of it is of one worker, which is one thread.  Nothing here outlives the
 * worker; a hub without connections has no timers and no memory to speak of.
 */

#ifndef NGX_HTTP_TRADING_STREAM_H
#define NGX_HTTP_TRADING_STREAM_H

#include "ngx_http_trading_metrics.h"
#include "trd_stream.h"
#include "trd_ws.h"

/* what can be subscribed to; the first ones are of an instrument each */
typedef enum {
    NGX_HTTP_TRADING_T_PRICES = 0,
    NGX_HTTP_TRADING_T_ORDERBOOK,
    NGX_HTTP_TRADING_T_SIGNALS,
    NGX_HTTP_TRADING_T_BINARY,              /* /binary/stream only */
    NGX_HTTP_TRADING_T_CANDLES,             /* + interval */
    NGX_HTTP_TRADING_T_TRADES = NGX_HTTP_TRADING_T_CANDLES + TRD_INTERVALS,
    NGX_HTTP_TRADING_T_EACH,                /* so many are of an instrument */
    NGX_HTTP_TRADING_T_MARKET = NGX_HTTP_TRADING_T_EACH,
    NGX_HTTP_TRADING_T_HEALTH,
    NGX_HTTP_TRADING_T_ACCOUNT,             /* + trd_event_kind_t */
    NGX_HTTP_TRADING_T_N = NGX_HTTP_TRADING_T_ACCOUNT + 4
} ngx_http_trading_topic_e;

#define NGX_HTTP_TRADING_MESSAGE_MAX     4096   /* bytes, of a client's */
#define NGX_HTTP_TRADING_MESSAGES        20     /* a second */
#define NGX_HTTP_TRADING_MESSAGES_BURST  100
#define NGX_HTTP_TRADING_WORK_BURST      200
#define NGX_HTTP_TRADING_ERRORS_MAX      20     /* of a connection */
#define NGX_HTTP_TRADING_TICK            1000   /* ms */
#define NGX_HTTP_TRADING_BUCKETS         1024   /* of cohorts, by their hash */
#define NGX_HTTP_TRADING_GOODBYE         2000   /* ms for the client's close */

/* how an update is written */
typedef enum {
    NGX_HTTP_TRADING_F_FRAME = 0,           /* WebSocket */
    NGX_HTTP_TRADING_F_DEFLATE,             /* the same, compressed */
    NGX_HTTP_TRADING_F_CHUNK,               /* SSE, chunked */
    NGX_HTTP_TRADING_F_EVENT,               /* SSE through nginx's filters */
    NGX_HTTP_TRADING_F_N
} ngx_http_trading_form_e;

/* why a connection ended; names are in ngx_http_trading_stream_stats.c */
typedef enum {
    NGX_HTTP_TRADING_END_CLIENT = 0,        /* it said goodbye */
    NGX_HTTP_TRADING_END_GONE,              /* or just went */
    NGX_HTTP_TRADING_END_DEAD,              /* pings were not answered */
    NGX_HTTP_TRADING_END_SLOW,
    NGX_HTTP_TRADING_END_PROTOCOL,          /* 1002, 1003, 1007 */
    NGX_HTTP_TRADING_END_SIZE,              /* 1009 */
    NGX_HTTP_TRADING_END_LIMIT,             /* 1008 */
    NGX_HTTP_TRADING_END_DRAIN,             /* 1001 */
    NGX_HTTP_TRADING_END_FAILED,            /* no memory and the like */
    NGX_HTTP_TRADING_END_N
} ngx_http_trading_end_e;

/* instruments of a topic that somebody wants */
typedef struct {
    uint8_t          wanted;
    uint8_t          all;                   /* also those of a later board */
    uint16_t         classes;               /* likewise, of these */
    uint32_t         n;                     /* bits that are set */
    uint64_t        *bits;                  /* hub->words; NULL if `all` */
} ngx_http_trading_want_t;

#define ngx_http_trading_wants(want, i)                                       \
    ((want)->all || ((want)->bits[(i) / 64] >> ((i) % 64) & 1))

typedef struct ngx_http_trading_cohort_s  ngx_http_trading_cohort_t;
typedef struct ngx_http_trading_stream_s  ngx_http_trading_stream_t;

typedef struct ngx_http_trading_event_at_s  ngx_http_trading_event_at_t;

/* the streams that follow an account */
typedef struct {
    ngx_str_node_t           name;          /* in the hub's tree */
    ngx_queue_t              link;          /* in the hub's list */
    ngx_queue_t              streams;
} ngx_http_trading_account_t;

struct ngx_http_trading_cohort_s {
    ngx_queue_t              link;          /* in the hub's list */
    ngx_queue_t              same;          /* in a bucket of it */
    uint32_t                 hash;
    uint32_t                 topics;        /* 1 << topic */
    ngx_http_trading_form_e  form;
    ngx_uint_t               nstreams;
    ngx_queue_t              streams;       /* who has this batch */
    ngx_queue_t              todo;          /* who has not */
    ngx_http_trading_want_t  want[NGX_HTTP_TRADING_T_EACH];
};

/* of a connection whose socket does not take all */
typedef struct {
    ngx_queue_t      link;                  /* in the hub's list */
    ngx_http_trading_stream_t  *stream;
    ngx_buf_t        held;                  /* by nginx's filters */
    u_char          *buf;                   /* what must go out first, */
    size_t           pos, last, size;       /* from a frame's begin or rest */
    ngx_msec_t       since;                 /* no byte was taken since */
    off_t            sent;                  /* c->sent at that time */
    uint32_t         topics;                /* that have a bit */
    uint64_t         from;                  /* up to here all was told when
                                               it began */
    uint64_t         sure;                  /* the client has all up to here;
                                               0: it is owed everything */
    uint64_t        *past;                  /* of each instrument, the seq
                                               whose later trades it is told
                                               again; 0: none */
    uint64_t         past_at;               /* as far as that was done, */
    uint64_t         past_end;              /* and at least has to be */
    uint64_t         event_at[4];           /* likewise of its account's */
    uint32_t         event_topics;          /* events; 0: none are */
    uint32_t         nameless;              /* events without an id went out */
    uint64_t        *bits[NGX_HTTP_TRADING_T_EACH];
    uint64_t         skipped[TRD_CHANNEL_N];
    uint64_t         missed[TRD_CHANNEL_N];
} ngx_http_trading_lag_t;

struct ngx_http_trading_stream_s {
    ngx_queue_t                 link;       /* of a cohort */
    ngx_queue_t                 beat;       /* of the hub, by its next ping */
    ngx_queue_t                 account_link;
    ngx_http_trading_account_t *follows;    /* NULL: no private channel */
    ngx_http_request_t         *request;
    ngx_http_trading_cohort_t  *cohort;
    ngx_http_trading_lag_t     *lag;        /* NULL: it keeps up */
    u_char                     *rx;         /* part of a frame, or NULL */
    u_char                     *message;    /* parts of a message, or NULL */
    ngx_str_t                   account;
    ngx_msec_t                  due;        /* of the next ping; of the end,
                                               once it is closing */
    ngx_msec_t                  leave;      /* when it was told to, drained */
    ngx_msec_t                  heard;
    ngx_msec_t                  filled;     /* when tokens were last added */
    trd_ws_order_t              order;
    uint32_t                    rx_len;
    uint32_t                    batch;      /* number of the last it got */
    uint16_t                    tokens;     /* messages that it may send */
    uint16_t                    work;       /* and ask for, see _request.c */
    uint16_t                    errors;
    uint8_t                     form;
    uint8_t                     end;        /* ngx_http_trading_end_e */
    unsigned                    websocket:1;
    unsigned                    filtered:1; /* writes through filters */
    unsigned                    pinged:1;
    unsigned                    closing:1;  /* our close is on its way */
    unsigned                    closed:1;   /* the peer's was read */
    unsigned                    drained:1;  /* it was told to leave */
    unsigned                    busy:1;     /* the filters or TLS hold
                                               lag->buf */
    unsigned                    joined:1;   /* the hub has it */
    unsigned                    ended:1;    /* waits to be finalized */
};

/* nothing may be said to it any more */
#define ngx_http_trading_stream_over(s)  ((s)->ended || (s)->closing)

/* a change that is to be told */
typedef struct {
    uint64_t                 seq;           /* of the journal */
    uint32_t                 instrument;
    uint32_t                 topic;
} ngx_http_trading_change_t;

/* an update in the batch */
typedef struct {
    uint64_t                 seq;
    uint32_t                 instrument;
    uint32_t                 topic;
    uint32_t                 next;          /* of the same; 0 = none */
    uint32_t                 tail;          /* the last; in the first */
    uint32_t                 missed;        /* no update, but so many were */
    uint32_t                 len;
    int64_t                  ms;            /* of what it states; 0 = none */
    size_t                   text;          /* in batch.text */
    uint32_t                 form_len[NGX_HTTP_TRADING_F_N];
    size_t                   form[NGX_HTTP_TRADING_F_N];
} ngx_http_trading_item_t;

typedef struct {
    u_char                  *start;
    size_t                   len, size;
} ngx_http_trading_bytes_t;

typedef struct {
    ngx_http_trading_item_t   *items;       /* from 1 on */
    uint32_t                   n, nalloc;
    uint32_t                   forms;       /* 1 << form, that are written */
    ngx_http_trading_bytes_t   text;
    ngx_http_trading_bytes_t   form[NGX_HTTP_TRADING_F_N];
} ngx_http_trading_batch_t;

/* why a request is not followed; code NULL: no memory */
typedef struct {
    const char              *code;          /* docs/streams.md */
    u_char                   detail[160];
} ngx_http_trading_refusal_t;

/* an instrument's latest update in a form, without an id: what clients get
   that were slow, each of which would be written anew otherwise */
typedef struct {
    uint64_t                 seq;           /* of the change; 0 = none */
    uint32_t                 len, size;
    u_char                  *data;
} ngx_http_trading_latest_t;

/* what the hub knows of a topic; arrays of hub->n, while somebody listens */
typedef struct {
    ngx_uint_t               listeners;     /* connections */
    uint64_t                *seq;           /* of the newest change */
    uint64_t                *told;          /* what was told last: a seq, a
                                               candle's time, a signal, ... */
    uint32_t                *change;        /* place in hub->changes + 1 */
    uint32_t                *item;          /* first in the batch, 0 = none */
    ngx_http_trading_latest_t
                            *latest[NGX_HTTP_TRADING_F_N];  /* or NULL */
} ngx_http_trading_subject_t;

/* how far the events file was read */
typedef struct {
    trd_events_t                *file;      /* NULL: none; of this turn */
    ngx_uint_t                   mapped;    /* which file that is; 0: none */
    uint64_t                     generation;
    uint64_t                     pos;
    uint64_t                     number;    /* of the event before pos */
    uint64_t                     told;      /* `missed` counts up to here */
    uint64_t                     first;     /* from it on `at` knows all */
    ngx_flag_t                   scanned;   /* there is no more to know */
    ngx_http_trading_event_at_t *at;        /* by number */
} ngx_http_trading_feed_t;

typedef struct {
    ngx_http_trading_main_conf_t  *mcf;
    ngx_log_t                     *log;
    trd_board_t                   *board;   /* NULL: none; see hub_same() */
    uint64_t                       generation;  /* of the arrays */
    uint32_t                       n;
    uint32_t                       words;   /* of bits */
    char                         (*names)[TRD_SYMBOL_LEN + 1];
    uint64_t                       cursor;  /* journal was read up to here */
    uint64_t                       told;    /* and told, by the last batch, */
    uint64_t                       told_before;     /* by the one before */
    ngx_flag_t                     fresh;   /* of a new board nothing was told
                                               yet */
    ngx_msec_t                     stale_ms;
    ngx_flag_t                     stale;   /* the writer is silent */
    ngx_uint_t                     nstreams;
    ngx_uint_t                     forms[NGX_HTTP_TRADING_F_N];
    ngx_queue_t                    cohorts;
    ngx_queue_t                    buckets[NGX_HTTP_TRADING_BUCKETS];
    ngx_queue_t                    beats;   /* streams, by their next ping */
    ngx_msec_t                     beat;    /* their heartbeat, */
    ngx_flag_t                     uneven;  /* unless they differ in it */
    ngx_queue_t                    lags;
    ngx_queue_t                    closings;
    ngx_queue_t                    accounts;    /* that are followed */
    ngx_rbtree_t                   account_tree;
    ngx_rbtree_node_t              account_sentinel;
    ngx_http_trading_feed_t        feed;
    ngx_queue_t                    ended;   /* streams to be finalized */
    ngx_http_trading_cohort_t     *pass;    /* whose turn it is, NULL: none */
    ngx_http_trading_cohort_t     *picked;  /* whose pieces are below */
    uint32_t                      *picks;   /* items of it */
    uint32_t                       npicks, picks_alloc;
    ngx_str_t                     *pieces;  /* they, neighbours joined */
    uint32_t                       npieces, pieces_alloc;
    ngx_http_trading_change_t     *changes;
    uint32_t                       nchanges, changes_alloc;
    ngx_http_trading_batch_t       batch;
    uint32_t                       batch_no;
    ngx_http_trading_subject_t     subject[NGX_HTTP_TRADING_T_EACH];
    uint64_t                       market_hash; /* of the page told last */
    uint64_t                       health_hash; /* likewise */
    ngx_flag_t                     draining;
    ngx_event_t                    flush;   /* timer, and next slice */
    ngx_event_t                    slice;
    ngx_event_t                    tick;
    ngx_event_t                    finish;  /* posted when some ended */
    ngx_event_t                    drain;
    ngx_event_t                    events;
    ngx_connection_t              *wake;    /* to the writer, or NULL */
    ngx_flag_t                     armed;   /* it will wake us */
    ngx_flag_t                     overdue; /* the next pass is */
    ngx_msec_t                     wake_tried;
    uint64_t                       pass_us; /* when it began */
    uint64_t                       updates; /* not yet in the counters, */
    uint64_t                       frames;  /* nor these, */
    uint64_t                       bytes;   /* nor these */
} ngx_http_trading_hub_t;


/* _stream.c: streams begin and end here and nowhere else */
ngx_int_t ngx_http_trading_stream_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_trading_stream_open(ngx_http_trading_call_t *call,
    ngx_flag_t websocket, ngx_flag_t binary);
void ngx_http_trading_stream_end(ngx_http_trading_stream_t *s,
    ngx_http_trading_end_e why);
void ngx_http_trading_stream_close(ngx_http_trading_stream_t *s,
    ngx_uint_t code, const char *reason, ngx_http_trading_end_e why);
void ngx_http_trading_stream_closed(ngx_http_trading_stream_t *s);
void ngx_http_trading_stream_finish(ngx_event_t *ev);
ngx_int_t ngx_http_trading_stream_token(ngx_http_trading_stream_t *s);

/* _stream_upgrade.c: the answer's header; _stream_ws.c: what comes then */
ngx_int_t ngx_http_trading_ws_upgrade(ngx_http_trading_call_t *call,
    ngx_http_trading_stream_t *s);
ngx_flag_t ngx_http_trading_listed(ngx_http_request_t *r, ngx_str_t *name,
    const char *token);
void ngx_http_trading_ws_start(ngx_http_trading_stream_t *s);

/* _stream_sse.c */
ngx_int_t ngx_http_trading_sse_begin(ngx_http_trading_call_t *call,
    ngx_http_trading_stream_t *s);
void ngx_http_trading_sse_start(ngx_http_trading_stream_t *s);
size_t ngx_http_trading_sse_retry(u_char *buf);
ngx_flag_t ngx_http_trading_sse_wanted(ngx_http_request_t *r,
    ngx_flag_t explicitly);

/* _stream_request.c: messages of clients, and the answers to them */
void ngx_http_trading_stream_message(ngx_http_trading_stream_t *s,
    const char *text, size_t len);
void ngx_http_trading_stream_begin(ngx_http_trading_stream_t *s,
    const trd_request_t *request, ngx_flag_t binary);
void ngx_http_trading_stream_error(ngx_http_trading_stream_t *s,
    const trd_request_t *request, const char *code, const char *fmt, ...);
void ngx_http_trading_reply_head(trd_writer_t *w, const char *type,
    const trd_request_t *request);

/* _stream_want.c: subscriptions.  NGX_DECLINED: *no says why; NGX_ERROR: no
   memory */
ngx_int_t ngx_http_trading_stream_check(ngx_http_trading_call_t *call,
    const trd_request_t *request, ngx_str_t *account);
ngx_int_t ngx_http_trading_want_read(ngx_http_trading_stream_t *s,
    const trd_request_t *request, ngx_http_trading_want_t *want,
    uint32_t *topics, ngx_http_trading_refusal_t *no);
ngx_int_t ngx_http_trading_want_add(ngx_http_trading_stream_t *s,
    const ngx_http_trading_want_t *want, uint32_t topics,
    ngx_http_trading_refusal_t *no);
ngx_int_t ngx_http_trading_want_remove(ngx_http_trading_stream_t *s,
    const trd_request_t *request, const ngx_http_trading_want_t *want,
    uint32_t topics, ngx_http_trading_refusal_t *no);
ngx_int_t ngx_http_trading_want_binary(ngx_http_trading_stream_t *s,
    const trd_request_t *request, ngx_http_trading_refusal_t *no);
void ngx_http_trading_want_free(ngx_http_trading_want_t *want);
void ngx_http_trading_want_symbols(ngx_http_trading_hub_t *hub,
    trd_writer_t *w, const ngx_http_trading_want_t *want);
void ngx_http_trading_topic_interval(trd_writer_t *w, ngx_uint_t topic);

/* _stream_snapshot.c: what comes first */
ngx_flag_t ngx_http_trading_snapshot_recovers(ngx_http_trading_hub_t *hub,
    const trd_request_t *request);
void ngx_http_trading_snapshot(ngx_http_trading_stream_t *s,
    const trd_request_t *request, ngx_uint_t topic,
    const ngx_http_trading_want_t *want, ngx_flag_t recovered);
void ngx_http_trading_snapshot_since(ngx_http_trading_stream_t *s,
    ngx_uint_t topic, const ngx_http_trading_want_t *want, uint64_t seq);
void ngx_http_trading_snapshot_binary(ngx_http_trading_stream_t *s);

/* _stream_owed.c: the latest of what changed since */
ngx_int_t ngx_http_trading_owed_refill(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s);

/* _stream_past.c: trades of before */
ngx_int_t ngx_http_trading_past_begin(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, const ngx_http_trading_want_t *want,
    uint64_t seq);
ngx_int_t ngx_http_trading_past_refill(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s);
void ngx_http_trading_past_end(ngx_http_trading_lag_t *lag);
void ngx_http_trading_past_mask(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s);

/* _stream_events.c: the channels of an account */
ngx_int_t ngx_http_trading_events_follow(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s);
ngx_int_t ngx_http_trading_events_look(ngx_http_trading_hub_t *hub);
void ngx_http_trading_events_catch_up(ngx_http_trading_hub_t *hub);
void ngx_http_trading_events_timer(ngx_event_t *ev);
ngx_int_t ngx_http_trading_events_make(ngx_http_trading_hub_t *hub,
    const trd_event_t *event, const u_char *body);
ngx_int_t ngx_http_trading_events_put(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, ngx_uint_t topic);
void ngx_http_trading_events_missed(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, ngx_uint_t topic, uint64_t n);

/* _stream_replay.c: the same, from an earlier event on */
void ngx_http_trading_replay_keep(ngx_http_trading_hub_t *hub,
    const trd_event_t *event, uint64_t pos, uint32_t hash);
void ngx_http_trading_replay_subscribed(ngx_http_trading_stream_t *s,
    const trd_request_t *request, uint32_t topics);
void ngx_http_trading_replay_resume(ngx_http_trading_stream_t *s,
    const trd_request_t *request);
ngx_int_t ngx_http_trading_replay_refill(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s);

/* _stream_account.c: who follows which */
void ngx_http_trading_account_init(ngx_http_trading_hub_t *hub);
uint32_t ngx_http_trading_account_hash(const u_char *name, size_t len);
ngx_http_trading_account_t *ngx_http_trading_account_find(
    ngx_http_trading_hub_t *hub, const u_char *name, size_t len,
    uint32_t hash);
ngx_int_t ngx_http_trading_account_join(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s);
void ngx_http_trading_account_leave(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s);

/* _stream_cohort.c */
ngx_int_t ngx_http_trading_cohort_join(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, const ngx_http_trading_cohort_t *like);
void ngx_http_trading_cohort_leave(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s);
void ngx_http_trading_cohort_pick(ngx_http_trading_hub_t *hub,
    ngx_http_trading_cohort_t *cohort);
void ngx_http_trading_cohort_rehash(ngx_http_trading_hub_t *hub);
ngx_http_trading_cohort_t *ngx_http_trading_cohort_next(
    ngx_http_trading_hub_t *hub, ngx_http_trading_cohort_t *c);

/* _stream_translate.c: another board */
ngx_int_t ngx_http_trading_cohort_translate(ngx_http_trading_hub_t *hub,
    trd_board_t *board, ngx_http_trading_cohort_t *cohort);
void ngx_http_trading_cohort_gone(ngx_http_trading_hub_t *hub,
    trd_board_t *board);

/* _stream_hub.c */
ngx_http_trading_hub_t *ngx_http_trading_hub(
    ngx_http_trading_main_conf_t *mcf);
void ngx_http_trading_hub_look(ngx_http_trading_hub_t *hub);
trd_board_t *ngx_http_trading_hub_same(ngx_http_trading_hub_t *hub);
void ngx_http_trading_hub_add(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s);
void ngx_http_trading_hub_remove(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s);
void ngx_http_trading_hub_closing(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s);
uint64_t ngx_http_trading_hub_told(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s);
void ngx_http_trading_hub_woken(ngx_http_trading_hub_t *hub);
void ngx_http_trading_hub_tell(ngx_http_trading_hub_t *hub,
    const char *type, const u_char *text, size_t len);

/* _stream_pass.c: a batch on its way to all */
void ngx_http_trading_pass_begin(ngx_http_trading_hub_t *hub);
void ngx_http_trading_pass_slice(ngx_event_t *ev);
void ngx_http_trading_pass_catch_up(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s);
void ngx_http_trading_pass_stop(ngx_http_trading_hub_t *hub);
void ngx_http_trading_pass_count(ngx_http_trading_hub_t *hub);

/* _stream_subject.c: what changed */
ngx_int_t ngx_http_trading_subject_listen(ngx_http_trading_hub_t *hub,
    ngx_uint_t topic);
void ngx_http_trading_subject_forget(ngx_http_trading_hub_t *hub,
    ngx_uint_t topic);
void ngx_http_trading_subject_change(ngx_http_trading_hub_t *hub,
    ngx_uint_t topic, uint32_t instrument, uint64_t seq);
void ngx_http_trading_subject_one(ngx_http_trading_hub_t *hub,
    ngx_uint_t topic);
void ngx_http_trading_subject_all(ngx_http_trading_hub_t *hub,
    uint64_t seq);
ngx_http_trading_latest_t *ngx_http_trading_subject_latest(
    ngx_http_trading_hub_t *hub, ngx_uint_t topic, uint32_t instrument,
    ngx_uint_t form);
void ngx_http_trading_subject_journal(ngx_http_trading_hub_t *hub);

/* _stream_batch.c: the updates of all that changed, in every form wanted */
ngx_int_t ngx_http_trading_batch_make(ngx_http_trading_hub_t *hub);
ngx_int_t ngx_http_trading_batch_form(ngx_http_trading_hub_t *hub,
    ngx_uint_t form);
void ngx_http_trading_batch_release(ngx_http_trading_hub_t *hub);

/* _stream_form.c: one message in a form; returns bytes written to buf, which
   has room for form_max(len) of them.  seq 0: without an id */
size_t ngx_http_trading_form_write(ngx_http_trading_hub_t *hub,
    ngx_uint_t form, const char *type, uint64_t seq, const u_char *text,
    size_t len, u_char *buf);
#define ngx_http_trading_form_max(len)  ((len) + (len) / 8 + 256)
ngx_int_t ngx_http_trading_inflate(const u_char *data, size_t len,
    u_char *out, size_t size, size_t *n);

/* _stream_data.c: the data of one update; NGX_OK, or NGX_DECLINED: there is
   nothing to tell.  *ms: its time. */
ngx_int_t ngx_http_trading_data(ngx_http_trading_hub_t *hub,
    ngx_uint_t topic, uint32_t instrument, trd_writer_t *w, int64_t *ms);
ngx_int_t ngx_http_trading_data_page(ngx_http_trading_hub_t *hub,
    ngx_uint_t page, trd_writer_t *w, int64_t *ms);
ngx_flag_t ngx_http_trading_has(ngx_http_trading_hub_t *hub,
    ngx_uint_t topic, uint32_t instrument);
ngx_uint_t ngx_http_trading_topic_channel(ngx_uint_t topic);
const char *ngx_http_trading_topic_name(ngx_uint_t topic);
const char *ngx_http_trading_topic_update(ngx_uint_t topic);
#define NGX_HTTP_TRADING_DATA_MAX  65536    /* bytes of one update */

/* _stream_out.c: towards the client */
void ngx_http_trading_out_picks(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s);
void ngx_http_trading_out_text(ngx_http_trading_stream_t *s,
    const char *type, uint64_t seq, const u_char *text, size_t len);
void ngx_http_trading_out_id(ngx_http_trading_stream_t *s);
void ngx_http_trading_out_raw(ngx_http_trading_stream_t *s,
    const u_char *data, size_t len);
ngx_int_t ngx_http_trading_out_event(ngx_http_trading_stream_t *s,
    const u_char *data, size_t len);
void ngx_http_trading_out_ready(ngx_http_trading_stream_t *s);

/* _stream_lag.c: what a slow client is owed */
ngx_http_trading_lag_t *ngx_http_trading_lag(ngx_http_trading_stream_t *s);
void ngx_http_trading_lag_free(ngx_http_trading_stream_t *s);
void ngx_http_trading_lag_unmark(ngx_http_trading_stream_t *s);
ngx_flag_t ngx_http_trading_lag_idle(ngx_http_trading_stream_t *s);
void ngx_http_trading_lag_mask(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s);
ngx_int_t ngx_http_trading_lag_append(ngx_http_trading_stream_t *s,
    const u_char *data, size_t len, ngx_flag_t must);
ngx_int_t ngx_http_trading_lag_text(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, const char *type, const u_char *text,
    size_t len, ngx_flag_t must);
ngx_int_t ngx_http_trading_lag_mark(ngx_http_trading_stream_t *s,
    ngx_uint_t topic, uint32_t instrument);
void ngx_http_trading_lag_missed(ngx_http_trading_stream_t *s,
    ngx_uint_t channel, uint64_t n);
ngx_int_t ngx_http_trading_lag_news_of(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s, ngx_uint_t channel, uint64_t seq);
ngx_flag_t ngx_http_trading_lag_full(ngx_http_trading_stream_t *s,
    ngx_uint_t quarters);
ngx_int_t ngx_http_trading_lag_refill(ngx_http_trading_stream_t *s);
ngx_int_t ngx_http_trading_lag_id(ngx_http_trading_hub_t *hub,
    ngx_http_trading_stream_t *s);

/* _stream_tick.c: once a second, and the way out */
void ngx_http_trading_tick(ngx_event_t *ev);
ngx_flag_t ngx_http_trading_silent(ngx_http_trading_hub_t *hub);
ngx_msec_t ngx_http_trading_heartbeat(ngx_http_trading_stream_t *s);
void ngx_http_trading_drain_begin(ngx_http_trading_hub_t *hub);
void ngx_http_trading_drain_look(ngx_event_t *ev);

/* _stream_wake.c: the writer's socket */
void ngx_http_trading_wake_open(ngx_http_trading_hub_t *hub);
void ngx_http_trading_wake_close(ngx_http_trading_hub_t *hub);
ngx_int_t ngx_http_trading_wake_ask(ngx_http_trading_hub_t *hub);

#endif /* NGX_HTTP_TRADING_STREAM_H */
