/* SPDX-License-Identifier: Apache-2.0 */
/* source - the inside of a source worker: what its files share.
 *
 * Main thread (source_main.c): control channel, deadlines, transport, door socket.
 * Plugin thread (all else): every call into foreign code, router, state, journal. They share only
 * the two queues and the atomics of struct source_flags. A third thread (committer.h) writes what
 * the plugin thread has frozen of state and journal. */
#ifndef REEVE_WORKER_SOURCE_H
#define REEVE_WORKER_SOURCE_H
#include "base/disk.h"
#include "base/map.h"
#include "base/tree.h"
#include "committer.h"
#include "intake.h"
#include "journal/journal.h"
#include "keeper.h"
#include "routing/route.h"
#include "slate.h"
#include "stage.h"
#include "state/state.h"
#include "thread_queue.h"
#include "tidy.h"
#include <poll.h>
#include <stdatomic.h>

enum item_kind {
    ITEM_PUBLISH,
    ITEM_CONFIRMED,
    ITEM_FAILED,
    ITEM_REQUEST,
    ITEM_ANSWER,
    ITEM_COMMITTED
};
struct item { /* what travels in the queues */
    struct queue_node node;
    enum item_kind kind;
};

/* ---- a request of the door: the same object comes back with its answer ---- */
struct request {
    struct item item;
    struct door_request *door; /* owned */
    struct reeve_req req;      /* what the plugin sees of it */
    /* the answer */
    unsigned status, retry_after;
    const char *content_type; /* static text */
    struct buf body;
    bool taken; /* a submission of it is on its way: that one answers */
};
struct request *request_new(struct door_request *door); /* takes it; NULL: out of memory */
void request_free(struct request *r);

/* ---- a message on its way to the transport and back ---- */
struct submission;
struct publish {
    struct item item;
    struct submission *of;
    const char *const *destinations;
    size_t destinations_n;
    const char *bytes, *id, *source, *subject, *type, *attributes, *detail; /* behind the struct */
    size_t len;
    uint8_t key[SHA256_LEN], content[SHA256_LEN];
    struct subject_verdict verdict;
    bool unrouted;
    char trace[TRACE_ID_LEN];
    uint64_t wall_ms; /* when it was published: before anybody can have delivered it */
    struct err why;   /* ITEM_FAILED */
};

#define EPOCH_ANY UINT64_MAX /* of what needs no lease (tenure.h) */

/* ---- state that a plugin's call put: it commits with the submissions of that call, or not at all
 * ---- */
struct put {
    struct put *next;
    char *key;
    void *value; /* NULL: removed */
    size_t len;
};
struct call {
    struct call *next;
    unsigned open_submissions;
    bool ended, failed;
    struct err blind; /* code: what was remembered could not be read in it; "": it could */
    uint64_t epoch;   /* of the lease (tenure.h) that it was made under; EPOCH_ANY: needs none */
    struct put *puts, **puts_end;
};

/* ---- a submission ---- */
struct deferred { /* a subject that occurs more than once in the document: its state is put at the
                     very end, so that a submission that was cut short makes the same generations
                     again */
    uint8_t content[SHA256_LEN];
    struct subject_verdict verdict;
};
struct twins { /* fingerprints of the records' keys: finds those that occur twice. May find too
                  many, never too few */
    struct twin {
        uint64_t key, content; /* key 0: empty */
        bool twice;
    } * slot;
    size_t n, cap;
    struct map *last; /* key -> content digest of the last one, of those that occur twice */
};
struct submission {
    struct submission *next;
    struct request *request; /* NULL: from poll() */
    uint64_t epoch;          /* as of its call */
    bool has_token;
    uint64_t token;
    struct call *call;
    struct trace_context trace; /* that came with the document, or begins with it */
    uint8_t receipt[SHA256_LEN];
    char hex[SHA256_HEX];
    char *idempotency_key;
    bool check_only, lenient;
    struct stage *stage;
    struct issues *issues;
    const uint8_t *current; /* the staged record that could not be published yet */
    size_t current_len;
    uint64_t current_at; /* stage_tell() of it */
    struct twins twins;
    struct map *deferred; /* key -> struct deferred; NULL until needed */
    uint64_t accepted, fresh, changed, unchanged, resent, refused, dropped, unrouted;
    uint64_t in_flight;
    bool all_published, failed;
    struct err why; /* failed, or why it is refused */
    uint64_t retry_after_ms;
    unsigned status;        /* of the answer; 0 = not decided yet */
    const char *looks_like; /* 400: what was sent instead; static text */
    struct buf ids;         /* JSON list of the first 1,000 */
    unsigned ids_n;
    reeve_rc rc; /* for settled() */
    struct buf json, text;
};

struct source_flags {
    atomic_bool usable, stopping, paused, opened, ended, fatal, disk_low;
    _Atomic(uint64_t) submissions, submissions_accepted, accepted, fresh, changed, unchanged,
        refused, failed, messages, documents_refused;
    _Atomic(uint64_t) in_flight;
    _Atomic(uint64_t) heard_ms, watched_ms; /* wall clock: last accepted; since when it is known */
};

struct tenure {            /* tenure.h */
    struct keeper *keeper; /* NULL: no lease is needed */
    uint64_t epoch;        /* under which is polled and committed; 0: none */
    bool leftovers;        /* of one that is over are still staged */
};

struct source {
    const struct tree *part;
    const char *name, *connector, *party;
    struct host_room room;
    struct intake intake;
    struct instance *plugin;
    struct thread_queue inbox, outbox; /* to the plugin thread; to the main thread */
    struct source_flags flags;
    struct err fault; /* why the plugin thread ended (flags.ended) */
    int fault_exit;

    /* the plugin thread's own */
    struct route_table *routes;
    struct route_work *route_work;
    const char **destinations;
    size_t destinations_n;
    const char *const *unrouted_to;
    size_t unrouted_n;
    const char *unrouted_drop;
    struct state *state;
    struct journal *journal;
    struct slate *slate;
    char *stage_dir;
    bool partial;
    uint64_t message_max;
    struct digest *digest;
    struct map *pending;              /* subject keys under way -> struct publish */
    struct submission *first, **last; /* under way */
    struct submission *committing;    /* decided; answered when the commit at hand is through */
    struct submission *settle_first, **settle_last; /* settled() is due */
    size_t submissions_n, staged_bytes; /* under way; the memory that their stages take */
    struct tenure tenure;
    struct call *call; /* of the call that runs now */
    uint64_t epoch;    /* of the lease that this call needs, or EPOCH_ANY */
    bool polling;      /* it is a poll: it is asked to stop when that epoch is over */
    struct call *calls, **calls_end;
    struct queue_node *requests, **requests_end; /* not yet looked at */
    size_t window_n, window_bytes; /* handed to the main thread and not yet confirmed */
    struct tidy tidy;
    struct disk disk;
    uint64_t uncommitted; /* journal rows that are in no commit yet */
    struct committer committer;
    struct item committed; /* what comes back from it */
    struct buf scratch, attributes, detail;
    uint64_t poll_again, heard_again; /* mono_ms() */
    bool shared;                      /* the state, with other hubs */
    uint32_t poll_failures;
    bool waiting; /* inside reeve_wait() */
    bool begun;   /* a submission was put under way and has not had its turn: do not wait first */
};

/* ---- submission.c ---- */
struct offer { /* a document, however it came */
    struct request *request;
    bool has_token;
    uint64_t token;
    const char *content_type, *name;
    const struct door_header *headers;
    size_t headers_n;
    int fd; /* borrowed; -1: p, len */
    const char *p;
    size_t len;
    const char *idempotency_key;
    bool check_only, lenient;
};
/* ---- receipt.c ---- */
int receipt_of(struct digest *d, const struct offer *o, uint8_t out[SHA256_LEN], struct err *e);

/* Decodes it and puts it under way, or finishes it at once (refused, known already). Negative
 * errno: nothing was taken. */
int submission_start(struct source *s, const struct offer *o, struct err *e);
void submission_free(struct submission *sub);

/* ---- record.c: the form of a staged record ---- */
struct staged {
    const uint8_t *key, *content;
    bool own_id;
    const char *hex;                          /* of content, stands for a missing subject */
    const char *source, *type, *subject, *id; /* id: only when own; subject NULL when absent */
    const char *traceparent;                  /* valid; NULL when absent */
    struct route_attribute attribute[MESSAGE_ATTRIBUTES_MAX + 2];
    size_t attributes_n;
    const char
        *tail; /* the structured event, starting with its brace, without an id unless its own */
    size_t tail_len;
};
int record_stage(struct stage *stage, const struct record *r, struct buf *scratch,
                 uint64_t message_max, struct err *e);
void record_read(const uint8_t *p, size_t len, struct staged *ret);

/* ---- twins.c ---- */
int twins_add(struct twins *t, const uint8_t key[SHA256_LEN], const uint8_t content[SHA256_LEN],
              bool *ret_other);
bool twins_twice(const struct twins *t, const uint8_t key[SHA256_LEN]);
/* The content of the last record with this key, when there are several; NULL when there is one. */
const uint8_t *twins_last(const struct twins *t, const uint8_t key[SHA256_LEN]);
void twins_done(struct twins *t);

/* ---- publish.c ---- */
/* The next staged record, with what is known of its subject at hand. It stays the next one until
 * sub->current is set to NULL. 1; 0 = no more; negative errno. */
int publish_next(struct source *s, struct submission *sub, struct staged *ret, struct err *e);
/* Publishes what the window and the subjects under way allow. */
void publish_advance(struct source *s);
void publish_confirmed(struct source *s, struct publish *p);
void publish_failed(struct source *s, struct publish *p);

/* It is not completed in this attempt: 503. The first reason stays. */
void submission_failed(struct submission *sub, const struct err *why);

/* ---- finish.c ---- */
#define ROWS_MAX 2000 /* rows that wait for a commit while a long submission is under way */
/* Submissions that are through are stored and committed together. Nothing while a commit is under
 * way: what is through by then shares the next. */
void finish_due(struct source *s);
/* The commit is through: its submissions are answered. */
void finish_committed(struct source *s);
/* Nothing that was staged is known any more: neither an answer to those who still wait for theirs
 * and rely on it, nor the subjects of what is under way. Completed as if they were, a correction
 * taken back later would be taken for unchanged. */
void submissions_forgotten(struct source *s, const struct err *why);
int journal_row_add(struct source *s, const struct journal_row *row);

/* ---- call.c ---- */
struct call *call_of(
    struct source *s); /* the running call's record; made when first needed; NULL: out of memory */
void call_end(struct source *s, struct call *c);
/* Ends the running call of p. Its verdict stands, unless p was told that something is absent
 * because the state could not be read: then it is RETRY, with that reason. */
reeve_rc call_verdict(struct source *s, struct instance *p, reeve_rc rc);
bool calls_apply(
    struct source *s); /* stages the state of calls that are through; true when there was any */
int call_state_get(struct source *s, const char *key, const void **ret, size_t *ret_len);
int call_state_put(struct source *s, const char *key, const void *p, size_t len);

/* ---- request.c ---- */
void request_handle(struct source *s, struct request *r);
/* Sends the request back to the main thread with its answer. body may be filled already. */
void request_answer(struct source *s, struct request *r, unsigned status, const char *content_type,
                    unsigned retry_after);
void request_problem(struct source *s, struct request *r, unsigned status, unsigned retry_after,
                     const char *code, const char *text);

/* ---- source_thread.c ---- */
void *source_thread(void *arg); /* struct source */
/* Too little space to take anything in? Says so in the log when it begins and ends. */
bool source_disk_low(struct source *s);
/* Takes what came, publishes, finishes; waits at most ms (and for fd) when there was nothing. True
 * when fd is readable. */
bool source_pump(struct source *s, uint64_t ms, int fd);

#endif
