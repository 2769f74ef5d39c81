/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_client - the amqp engine's end inside a worker; private to this room.
 *
 * Two threads. The caller's (amqp_client.c) never blocks: it puts commands into one list and takes
 * events out of another, both below one mutex, with an eventfd for each direction. The client's own
 * (amqp_thread.c: the connection and its frames; amqp_publish.c: the window; amqp_consume.c:
 * subscriptions; amqp_settle.c: acknowledgements and copies; amqp_control.c: the control question)
 * owns the library's connection and everything that may block: a slow plugin costs no heartbeat,
 * and a publish that hangs inside the library freezes nobody.
 *
 * Whose memory: an entry (a publish) and a job belong to the side that has them; the lists hand
 * them over. The thread may look at a job that is out as long as its epoch is the subscription's:
 * the caller frees only void ones. A subscription belongs to both until the end; `epoch` is the one
 * field of it that both use. */
#ifndef REEVE_TRANSPORT_AMQP_CLIENT_H
#define REEVE_TRANSPORT_AMQP_CLIENT_H
#include "amqp_limit.h"
#include "amqp_link.h"
#include "amqp_ring.h"
#include "amqp_strict.h"
#include "base/map.h"
#include "transport_ops.h"
#include <amqp_framing.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#define AC_WINDOW_MESSAGES 100u
#define AC_WINDOW_BYTES    ((size_t)1 << 20)
#define AC_BACKOFF_MS      50u    /* before the first retry; then doubled */
#define AC_STUCK_MS        10000u /* inside one turn of the thread: the socket is shut down */

enum ac_channel { AC_PUBLISHING = 1, AC_ASKING, AC_CONTROL, AC_FIRST_SUB };
#define AC_SUBS_MAX 12u /* what is left of the channels of a link */

enum ac_kind {
    AC_PUBLISH, /* commands */
    AC_CONSUME,
    AC_PAUSE,
    AC_SETTLE,
    AC_CONFIRMED, /* events */
    AC_FAILED,
    AC_JOB,
    AC_SETTLED,
    AC_USABLE,
    AC_TOLD
};

struct ac_item {
    STAILQ_ENTRY(ac_item) link;
    enum ac_kind kind;
};
STAILQ_HEAD(ac_list, ac_item);

/* ---- publishing ---- */
struct ac_dest { /* a destination as this publisher knows it; made when first named */
    const struct amqp_destination *plan; /* NULL: not in the plan */
    struct amqp_limit limit;
    uint64_t stamp; /* of the turn in which an earlier message had to wait for it */
    bool refused;   /* lately: tried first and alone */
    bool asked;
    char name[];
};

enum ac_part_state { AC_UNSENT, AC_SENT, AC_STORED, AC_REFUSED };
struct ac_part {
    const char *name;
    struct ac_dest *dest;
    enum ac_part_state state;
};

struct ac_entry { /* one message of the window: item, parts, id, names and bytes in one block */
    struct ac_item item;
    TAILQ_ENTRY(ac_entry) link;
    uint64_t tag, serial, first_ms;
    struct err *why; /* the first refusal */
    const char *id, *bytes;
    size_t len;
    uint32_t n, unsent, sent;
    struct ac_part part[];
};
TAILQ_HEAD(ac_entries, ac_entry);

/* ---- consuming ---- */
struct ac_sub;
struct ac_job {
    struct transport_job job; /* first: the caller's pointer is this one */
    struct ac_item item;
    TAILQ_ENTRY(ac_job) link; /* the caller's jobs, or the thread's copies */
    struct ac_sub *sub;
    uint64_t tag;
    bool from_head;
    enum settle how;
    uint64_t delay_ms;
    char code[AMQP_CODE_MAX + 1];
    char *text;
    uint64_t at; /* a copy: not before; held here: since */
    bool sent;   /* a copy: awaits its confirm */
    char data[]; /* id, zero, event, zero */
};
TAILQ_HEAD(ac_jobs, ac_job);

struct ac_content { /* a message whose frames are coming in */
    enum { AC_NOTHING, AC_DELIVERED, AC_GOT, AC_RETURNED, AC_QUESTION } what;
    bool redelivered;
    uint64_t tag;
    uint64_t size, got;
    struct ac_job *job;
    char key[AMQP_NAME_SIZE];   /* returned: the destination; question: reply_to */
    char id[256];               /* question: correlation_id */
    char order[16];             /* question: "pause" or "resume"; "" only asked */
    char about[AMQP_NAME_SIZE]; /* order: the destination */
};

struct ac_done { /* an acknowledgement the broker may not have read before it died */
    uint64_t hash;
    uint32_t attempts;
    bool used;
};

struct ac_sub {
    char *destination;
    uint32_t prefetch;
    _Atomic uint64_t epoch;
    bool paused_wish; /* the caller's */
    /* the thread's */
    amqp_channel_t channel;
    bool strict, paused;
    enum { AC_SUB_OFF, AC_SUB_OPENING, AC_SUB_OPEN, AC_SUB_CLOSING } state;
    bool consuming, bad;
    unsigned consumer; /* counts: a tag of its own for each basic.consume */
    uint64_t retry_at, backoff_ms;
    struct amqp_ring ring;
    struct ac_content content;
    uint64_t *due; /* tags to be acknowledged one by one if no multiple one does */
    size_t due_n, due_cap;
    struct ac_list settling; /* told when the acknowledgements went out */
    struct ac_done *done;
    size_t done_n, done_next;
    struct amqp_strict order;
    struct ac_job *head, *name; /* held: see order */
    bool held_head;             /* when the channel was lost, a message of NAME.head was here */
    uint64_t ask_at;            /* strict: am I the only one? */
    struct {
        char code[AMQP_CODE_MAX + 1];
        char *text;
        uint64_t at; /* wall; 0: none */
    } last;
};

struct ac_pause {
    struct ac_item item;
    struct ac_sub *sub;
    bool paused;
};
struct ac_consume {
    struct ac_item item;
    struct ac_sub *sub;
};
struct ac_usable {
    struct ac_item item;
    bool usable;
    char why[ERR_TEXT_MAX];
};
struct ac_told { /* an order of another process: it comes back as a command of the caller */
    struct ac_item item;
    struct ac_sub *sub;
    bool paused;
};
struct ac_ask { /* a passive declaration under way: of a destination's count, or of a consumer */
    STAILQ_ENTRY(ac_ask) link;
    struct ac_dest *dest;
    struct ac_sub *sub;
    unsigned consumer; /* the sub's, by then */
};
STAILQ_HEAD(ac_asks, ac_ask);

struct ac_engine { /* the thread's own */
    struct amqp_place place;
    amqp_connection_state_t conn; /* NULL: down */
    bool broken;                  /* given up at the end of the turn, for `why` */
    bool publishing, asking;      /* the channels are open */
    bool blocked;
    bool told_usable;
    char why[ERR_TEXT_MAX], blocked_why[ERR_TEXT_MAX / 2];
    uint64_t now, retry_at, backoff_ms, up_since, watch_at, serial, stamp, handles, wake_at;
    uint32_t number; /* of dead letters, within a millisecond */
    struct map *dests;
    struct amqp_ring ring; /* publishes: entries (part = which) and copies (part = AC_COPY) */
    struct ac_content returned, question;
    char control_queue[AMQP_NAME_SIZE];
    struct ac_entries pending, sent; /* with parts that are unsent; without. In order each */
    bool pump;                       /* something has changed for what is pending */
    bool renewing, closing;          /* the publishing channel is to be a new one: see renew() */
    uint64_t renew_at;               /* from then on; 0: no */
    struct ac_jobs copies;
    struct ac_asks asks;
    struct ac_sub *sub[AC_SUBS_MAX];
    size_t subs_n;
    struct ac_list tell; /* events of this turn */
};
#define AC_COPY UINT32_MAX

struct amqp_client {
    struct transport base; /* first */
    /* the caller's */
    struct amqp_place place; /* for the synchronous questions */
    struct ac_list out, refused;
    size_t out_n, window_n, window_bytes;
    struct ac_jobs jobs; /* handed out, also when void */
    struct ac_sub *sub[AC_SUBS_MAX];
    size_t subs_n;
    bool usable, told, told_usable;
    char why[ERR_TEXT_MAX];
    /* between the two, below the lock */
    pthread_mutex_t lock;
    pthread_cond_t ended;
    struct ac_list to_thread, to_caller;
    bool thread_sleeps, caller_woken, stop, thread_ended, abandoned;
    int socket; /* to be shut down from outside; -1: none */
    int thread_fd, caller_fd;
    _Atomic uint64_t busy_since; /* monotonic ms; 0: the thread sleeps */
    struct ac_engine n;
};

static inline struct ac_job *ac_job_of(struct ac_item *item)
{
    return (struct ac_job *)(void *)((char *)item - offsetof(struct ac_job, item));
}
static inline uint64_t ac_earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* amqp_client.c */
void ac_free(struct amqp_client *c); /* by whoever ends last */
void ac_job_free(struct ac_job *j);

/* amqp_thread.c. The connection is given up at the end of the turn; the first reason stays. */
void *ac_thread(void *client);
void ac_broken(struct amqp_client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void ac_broken_for(struct amqp_client *c, const struct err *e);
bool ac_ready(const struct amqp_client *c); /* may anything be written? */
void ac_send(struct amqp_client *c, amqp_channel_t channel, amqp_method_number_t id, void *method);
void ac_open_channel(struct amqp_client *c, amqp_channel_t channel);
/* Publishes; false: the connection is broken. */
bool ac_put(struct amqp_client *c, amqp_channel_t channel, const char *exchange, const char *key,
            bool mandatory, const amqp_basic_properties_t *props, const char *bytes, size_t len);
void ac_state(struct amqp_client *c, const char *why); /* tells whether it is usable, if changed */
void ac_wake_at(struct amqp_client *c, uint64_t at);

/* amqp_publish.c */
void ac_publish_new(struct amqp_client *c, struct ac_entry *e);
void ac_publish_pump(struct amqp_client *c);
void ac_publish_ready(struct amqp_client *c); /* the channel is open: all unconfirmed again */
void ac_publish_frame(struct amqp_client *c, const amqp_frame_t *f);
void ac_publish_counted(struct amqp_client *c, struct ac_dest *d, uint64_t count);
void ac_publish_lost(struct amqp_client *c);
void ac_publish_done(struct amqp_client *c);
/* Whose count, or whose number of consumers, is wanted. */
void ac_ask(struct amqp_client *c, struct ac_dest *dest, struct ac_sub *sub);
void ac_asking_frame(struct amqp_client *c, const amqp_frame_t *f);
void ac_asking_lost(struct amqp_client *c);

/* amqp_consume.c */
void ac_sub_start(struct amqp_client *c, struct ac_sub *s);
void ac_sub_pause(struct amqp_client *c, struct ac_sub *s, bool paused);
void ac_sub_frame(struct amqp_client *c, struct ac_sub *s, const amqp_frame_t *f);
void ac_sub_tick(struct amqp_client *c, struct ac_sub *s);
void ac_sub_watch(struct amqp_client *c,
                  struct ac_sub *s); /* warns of jobs that are out for long */
void ac_sub_lost(struct amqp_client *c, struct ac_sub *s);
void ac_sub_free(struct ac_sub *s);
void ac_strict_step(struct amqp_client *c, struct ac_sub *s);
/* So many consume what s consumes: asked while it was its consumer of this number. */
void ac_strict_alone(struct amqp_client *c, struct ac_sub *s, unsigned consumer,
                     uint64_t consumers);
/* The job is not, or no longer, anybody's. */
void ac_requeue(struct amqp_client *c, struct ac_sub *s, uint64_t tag);

/* amqp_settle.c */
void ac_settle(struct amqp_client *c, struct ac_job *j);
bool ac_was_done(struct ac_sub *s, const struct ac_job *j);
void ac_ack_due(struct amqp_client *c, struct ac_sub *s, uint64_t tag);
void ac_ack_flush(struct amqp_client *c, struct ac_sub *s);
void ac_copies_pump(struct amqp_client *c);
void ac_copies_again(struct amqp_client *c); /* the channel they went on is gone */
void ac_copies_drop(struct amqp_client *c);  /* with the connection */
void ac_copy_ended(struct amqp_client *c, struct ac_job *j, const char *refused);

/* amqp_control.c */
void ac_control_start(struct amqp_client *c);
void ac_control_frame(struct amqp_client *c, const amqp_frame_t *f);

#endif
