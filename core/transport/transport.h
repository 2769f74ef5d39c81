/* SPDX-License-Identifier: Apache-2.0 */
/* transport - the one contract between the two halves of the hub; engines: spool (embedded), amqp
 * (RabbitMQ).
 *
 * At least once, always with the same bytes and id. There is no "sent": a publish ends in exactly
 * one of confirmed (durable at every destination) or failed. Confirms may come out of order.
 * Attempts travel with the message. The engine has no delivery limit of its own: a job that is
 * neither settled nor released when its connection ends is delivered again, uncharged. A lost
 * engine is reconnected with back-off and what was unconfirmed is published again by the engine
 * itself; jobs of the old connection are void (settling them does nothing). One connection belongs
 * to one thread. Callbacks are called from transport_run() only (and from transport_wait_usable(),
 * which runs it); they may publish, consume, pause and settle, but not close or run.
 *
 * What differs with amqp, since AMQP has no more than one queue in one transaction and no answer to
 * an acknowledgement:
 * - A message for several destinations goes first to those that may refuse (limits, not in the
 *   plan, refused lately), then to the rest. If one of the rest refuses for the first time, others
 *   may have it: "none or some". Publishing it again with the same id is right.
 * - Limits count what is ready, not what is in flight or delayed, and bind each publisher by
 * itself: several at once may pass a limit by what they send between two counts. limit_bytes is
 * this publisher's own account.
 * - settled() of DONE says that the acknowledgement was written. What a dying broker did not read
 * is acknowledged again when it comes back, and not handed out twice by the same client.
 * - "blocked: …" (the broker's memory or disk) is a reason for usable(false): nothing is written
 *   until it ends, the window stays.
 * - A job that is out for 30 minutes (the broker's consumer_timeout; warned of after 25) is void,
 *   with all others of its destination here. */
#ifndef REEVE_TRANSPORT_TRANSPORT_H
#define REEVE_TRANSPORT_TRANSPORT_H
#include "base/err.h"
#include "base/tree.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct transport;

/* The ladder of delays, in milliseconds; a delay asked for is rounded up to a rung. */
extern const uint64_t transport_ladder[];
extern const size_t transport_ladder_n;
uint64_t transport_rung(uint64_t ms); /* rounded up; past the last: the last; 0 stays 0: at once */
/* Delay before attempt number `attempts` + 1, for a message that failed `attempts` times: climbs
 * one rung an attempt. Pure. The engine adds up to a tenth of jitter. */
uint64_t transport_backoff(uint32_t attempts);

struct transport_job { /* a message being delivered; borrowed until settled. Bytes stay valid until
                          then */
    const char *destination;
    const char *id;
    const char *bytes; /* the structured event as published */
    size_t len;
    uint32_t attempts; /* charged before this one: 0 on the first */
    uint64_t
        first_ms; /* wall clock of acceptance by the transport: `retry: {for:}` counts from here */
    uint64_t handle, epoch; /* the engine's */
    void *user;             /* the caller's */
};

struct transport_events {
    void *arg;
    void (*confirmed)(void *arg, uint64_t tag);
    /* None or some of the destinations have it (spool: none); publish again with the same id, or
     * tell the sender. Codes: "destination-full" (limit reached; text says which),
     * "destination-unknown", "too-large", "disk-full", "not-allowed", "transport". */
    void (*failed)(void *arg, uint64_t tag, const struct err *why);
    void (*job)(void *arg, struct transport_job *job);
    void (*settled)(void *arg, uint64_t handle); /* may be NULL: the settlement is durable */
    /* false: connection lost or blocked (text why), intake should answer 503; true: usable. May be
     * NULL. */
    void (*usable)(void *arg, bool usable, const char *why);
    /* Somebody called transport_pause_all(). It is the caller's to pause. May be NULL. */
    void (*told)(void *arg, const char *destination, bool paused);
};

/* part: the "transport" map of a process's part of the plan (core/README.md): engine, address,
 * name, token. Connects in the background; transport_wait_usable() for the impatient. */
int transport_open(const struct tree *part, const struct transport_events *events,
                   struct transport **ret, struct err *e);
void transport_close(struct transport *t); /* unsettled jobs go back uncharged */
int transport_wait_usable(struct transport *t, uint64_t timeout_ms,
                          struct err *e); /* 0 or -ETIMEDOUT */

/* For the caller's poll(): descriptor (may change after a reconnect; -1 = none now), events wanted,
 * and when to call run() at the latest (milliseconds from now; UINT64_MAX = no need). */
int transport_fd(const struct transport *t, short *ret_events);
uint64_t transport_timeout(const struct transport *t);
int transport_run(struct transport *t); /* reads, writes, calls back; never blocks. 0 or negative
                                           errno (broken for good) */

/* 0 = taken (bytes copied); -EAGAIN = the window (100 messages and 1 MiB; a larger message alone)
 * is full, run first. */
int transport_publish(struct transport *t, uint64_t tag, const char *id, const char *bytes,
                      size_t len, const char *const *destinations, size_t n);
/* 0, -EINVAL (prefetch 1..10000), -EEXIST (already). A refusal by the engine (not ours, unknown)
 * comes as usable(false, "not-allowed: …" | "destination-unknown: …") and is tried again with the
 * next connection. */
int transport_consume(struct transport *t, const char *destination, uint32_t prefetch);
/* -ENOENT: not consumed here. What is already on its way still comes, and jobs already here stay.
 * Holds over reconnects. Several machines, `order: strict`: none of them has the next message
 * before the job that is out here is settled. */
int transport_pause(struct transport *t, const char *destination, bool paused);

enum settle {
    SETTLE_DONE,    /* delivered, or dropped with a reason: removed */
    SETTLE_RETRY,   /* charged one attempt; again after delay_ms (rounded up to a rung) */
    SETTLE_RELEASE, /* uncharged; again after delay_ms */
    SETTLE_DEAD
}; /* kept as a dead letter with code and text */
/* 0, or -ESTALE (the job is void). The job is gone in any case. code/text: RETRY and DEAD; kept
 * with the message. */
int transport_settle(struct transport *t, struct transport_job *job, enum settle how,
                     uint64_t delay_ms, const char *code, const char *text);

/* ---- looking and mending: synchronous, for commands and the supervisor's status; no callback runs
 * meanwhile. The spool serves clients with the admin right only ("not-allowed"). Unknown numbers:
 * -ENOENT, "dead-unknown" ---- */
struct dead_letter { /* borrowed during the callback */
    uint64_t number; /* stable while it exists */
    const char *destination, *id, *code, *text;
    uint32_t attempts;
    uint64_t first_ms, dead_ms;
    size_t len;
    const char *bytes; /* only when asked for */
};
struct dead_filter {
    const char *destination, *code, *id; /* NULL: any */
    uint64_t from_ms, to_ms;             /* 0: open */
    bool search; /* the caller chooses among them: none is noted as seen (retention) */
};
/* What is listed counts as looked at. Pages: numbers > after, at most `limit`, in order.
 * with_bytes: the events too. */
int transport_dead_list(struct transport *t, const struct dead_filter *f, uint64_t after,
                        size_t limit, bool with_bytes,
                        int (*fn)(void *arg, const struct dead_letter *d), void *arg,
                        struct err *e);
int transport_dead_replay(struct transport *t, uint64_t number,
                          struct err *e); /* back to its queue, attempts 0; then removed */
int transport_dead_discard(struct transport *t, uint64_t number, struct err *e);
/* Moves waiting messages (no dead letters), `limit` at most and perhaps fewer, the oldest first:
 * same ids and order, attempts 0. A crash leaves each in exactly one queue (amqp: once
 * the topology was declared again, or the next move begun). fn: the id of each that
 * has been moved, durably. *ret_left: how many wait in `from` still; call again until it is 0.
 * Codes: "queue-busy" (`from` is being delivered: pause it), "destination-unknown",
 * "destination-full", "disk-full". */
int transport_queue_move(struct transport *t, const char *from, const char *to, size_t limit,
                         void (*fn)(void *arg, const char *id), void *arg, uint64_t *ret_left,
                         struct err *e);
/* {"destinations":
 * [{"name","ready","delayed","inflight","dead","bytes","oldest_ms","consumers","paused","configured":
 * bool, "limit_messages","limit_bytes" (0: none), "order", "last_error"?: {code,text,time},
 * "machines"?: [{"name", "inflight", "paused"}], who takes from it where several machines do}],
 * "stored_bytes": n}  - orphans have configured: false. A figure that the engine cannot know is
 * absent (amqp: bytes and stored_bytes; oldest_ms while somebody consumes or the order is strict;
 * delayed when a lot is; inflight when a consumer is silent). oldest_ms is an age, time and *_ms of
 * dead letters are wall clock. "trouble": text, while the disk refuses. */
int transport_status(struct transport *t, struct tree **ret, struct err *e);
/* Tells whoever consumes the destination, on all machines of the hub, to pause or to resume; waits
 * three seconds at most for them to say that they heard it. *ret: a list of {"client", "machine"?,
 * "told"?: absent: a version that cannot}. One that is not connected now is not told. -ENOTSUP: the
 * engine has one machine only. */
int transport_pause_all(struct transport *t, const char *destination, bool paused,
                        struct tree **ret, struct err *e);

#endif
