/* SPDX-License-Identifier: Apache-2.0 */
/* sink - the inside of a sink worker: what its files share.
 *
 * Main thread (sink_main.c): control channel, deadlines, transport. Plugin thread (all else): every
 * call into foreign code, slate, journal. They share only the two queues and the atomics of struct
 * sink_flags. A hand is made by the main thread for each job, goes to the plugin thread, and comes
 * back with what is to be settled. */
#ifndef REEVE_WORKER_SINK_H
#define REEVE_WORKER_SINK_H
#include "base/tree.h"
#include "instance.h"
#include "journal/journal.h"
#include "message/trace_context.h"
#include "slate.h"
#include "state/state.h"
#include "thread_queue.h"
#include "tidy.h"
#include "translate.h"
#include "transport/transport.h"
#include "verdict.h"
#include <stdatomic.h>

enum sink_item_kind { SINK_HAND, SINK_DOWN, SINK_UP, SINK_REJECTS, SINK_JOURNAL };
struct sink_item {
    struct queue_node node;
    enum sink_item_kind kind;
};

struct delivery { /* one document to deliver; a job becomes several when a step makes several
                     messages of one */
    struct reeve_job job; /* job.msg.m is owned here */
    struct delivery *next;
};
struct hand { /* one job of the transport */
    struct sink_item item;
    struct transport_job *job;
    struct hand *next;
    struct delivery *deliveries, **deliveries_end;
    size_t deliveries_n;
    bool decided; /* the outcome is known before any delivery: refused by a rule, dropped by a step
                   */
    bool cut_short; /* nobody settled it, and the process had been asked to stop meanwhile */
    reeve_rc rc;
    uint64_t after_ms;
    struct trace_context trace; /* of the message, or one that begins here */
    char reason[ERR_TEXT_MAX];
    const char *code;                         /* lives as long as the steps; NULL: by the verdict */
    char source[256], subject[256], type[64]; /* for the journal, cut */
    /* to settle */
    int place; /* on the slate; -1: none */
    enum settle how;
    uint64_t delay_ms;
};

struct notice { /* from the plugin thread to the main thread */
    struct sink_item item;
    uint64_t ms;
    char text[ERR_TEXT_MAX];
};

struct sink_flags {
    atomic_bool stopping, paused, rejecting, down, opened, ended;
    _Atomic(uint64_t) delivered, retried, dead, downs, released;
    _Atomic(uint64_t) verdicts[REEVE_FATAL + 1]; /* by reeve_rc; an unknown one counts as RETRY */
    struct histogram delivery; /* from accepted by the transport to the final verdict */
    _Atomic(uint64_t) told;    /* hands whose settlement the transport has been given */
    _Atomic(uint64_t) settled; /* and up to which none is on its way any more */
};

struct sink {
    const struct tree *part, *party;
    const char *name, *connector, *destination;
    struct host_room room;
    struct thread_queue inbox, outbox;
    struct sink_flags flags;
    struct err fault;
    int fault_exit;
    pthread_mutex_t last_lock; /* of last_error: read by the main thread */
    char last_error[ERR_TEXT_MAX];
    uint64_t last_error_ms;

    /* the plugin thread's own */
    struct instance *plugin;
    struct translator translator; /* with the sink's adapter */
    struct steps steps;
    struct journal *journal;
    struct state *state; /* of steps and plugins; commits with the journal */
    struct slate *slate;
    uint64_t message_max, retry_for_ms;
    char *was; /* detail of journal rows: {"was": former names}; NULL: none */
    size_t batch;
    bool fatal;
    struct hand *ready, **ready_end; /* not yet looked at */
    struct hand *done, **done_end;   /* decided, waiting for the commit */
    size_t done_n;
    uint64_t handed_back; /* hands given to the main thread to settle, ever */
    struct untold {       /* those that the transport has perhaps not been told of yet, a ring */
        uint64_t no;      /* as handed_back counts */
        int place;        /* on the slate */
    } untold[SLATE_ENTRIES];
    size_t untold_first, untold_n;
    struct reject_run rejects;
    uint32_t down_n;
    uint64_t down_until; /* mono_ms(); 0: not down */
    struct tidy tidy;
    bool uncommitted, state_put;
    struct err blind; /* the state could not be read for the message, or in the call, at hand, and
                         whoever asked was told "absent"; code "": it could */
    bool away;        /* blind: the state is not there at all, for no message */
    uint64_t commit_again; /* mono_ms(); 0: the last commit went well */
};

/* ---- remember.c: the state of plugin, adapters and steps ---- */
void remember_open(struct sink *s);  /* the room's services */
void remember_again(struct sink *s); /* before a message, or a call, that may ask for state */
/* After it: true when what it decided rests on an "absent" that may be none. Then it must be tried
 * again, with this verdict and reason: RETRY; DOWN when no message could fare better. */
bool remember_failed(const struct sink *s, reeve_rc *ret_rc, char reason[ERR_TEXT_MAX]);

/* ---- prepare.c: job -> message -> agreement -> steps -> encoded documents ---- */
void hand_prepare(struct sink *s, struct hand *h);
void hand_free_deliveries(struct hand *h);
void hand_decide(struct hand *h, reeve_rc rc, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- deliver.c ---- */
/* One call of deliver (or several, when there are more documents than fit in one) for these hands;
 * n >= 1. */
void deliver_batch(struct sink *s, struct hand *const *hands, size_t n);
/* From a hand's verdict to its settlement and journal row; puts it on the done list. */
void hand_settle(struct sink *s, struct hand *h);
void hand_release(struct sink *s, struct hand *h);

/* ---- sink_thread.c ---- */
void *sink_thread(void *arg); /* struct sink */
void sink_notice(struct sink *s, enum sink_item_kind kind, uint64_t ms, const char *text);

#endif
