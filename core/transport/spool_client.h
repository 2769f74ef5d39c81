/* SPDX-License-Identifier: Apache-2.0 */
/* spool_client - the spool engine's end inside a worker; private to this room.
 *
 * spool_client.c holds the connection, spool_client_publish.c the window, spool_client_consume.c
 * subscriptions and jobs, spool_client_query.c the synchronous questions (each on a connection of
 * its own). */
#ifndef REEVE_TRANSPORT_SPOOL_CLIENT_H
#define REEVE_TRANSPORT_SPOOL_CLIENT_H
#include "spool_wire.h"
#include "transport_ops.h"

#define WINDOW_MESSAGES 100u
#define WINDOW_BYTES    ((size_t)1 << 20)

struct sc_publish {     /* one place of the window; free when payload.p is NULL */
    uint64_t tag, no;   /* no: serial << 8 | place */
    struct buf payload; /* the PUBLISH frame, kept until it is confirmed */
    size_t event_len;
    const char *refused; /* refused on this side already: the code */
};

struct sc_sub {
    char *destination;
    uint32_t prefetch;
    bool paused;
};

struct sc_job { /* in the client's list from JOB until settled, also when it has become void */
    struct transport_job job; /* first: the caller's pointer is this one */
    struct sc_job *prev, *next;
    char data[]; /* id, zero, event, zero */
};

enum sc_state { SC_DOWN, SC_HELLO, SC_UP };

struct spool_client {
    struct transport base; /* first */
    char *socket, *name, *token;
    size_t message_max; /* the spool says it; until then the ceiling */

    enum sc_state state;
    struct channel *channel;
    uint64_t epoch, serial;
    uint64_t retry_at, backoff_ms, up_since; /* monotonic */
    bool told_usable, told;
    char why[ERR_TEXT_MAX];

    struct sc_publish window[WINDOW_MESSAGES];
    size_t window_n, window_bytes, refused_n;

    struct sc_sub **subs;
    size_t subs_n, subs_cap;
    struct sc_job *jobs;
    struct buf done;    /* handles to go out in one DONE frame */
    struct buf scratch; /* a payload being made */
    uint64_t *list;     /* a list taken out of its frame before callbacks run */
    size_t list_cap;
};

/* Leaves the connection: jobs become void, the window waits for the next one. */
void sc_lost(struct spool_client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* connect() to the spool's socket; non-blocking descriptor or negative errno. */
int sc_connect(const char *path);
int sc_send_hello(const struct spool_client *c, struct channel *ch);

int sc_publish(struct transport *t, uint64_t tag, const char *id, const char *bytes, size_t len,
               const char *const *destinations, size_t n);
int sc_publish_again(struct spool_client *c); /* all of the window, in the first order */
int sc_confirmed(struct spool_client *c, const struct frame *f);
int sc_failed(struct spool_client *c, const struct frame *f);
void sc_tell_refused(struct spool_client *c);
void sc_publish_done(struct spool_client *c);

int sc_consume(struct transport *t, const char *destination, uint32_t prefetch);
int sc_pause(struct transport *t, const char *destination, bool paused);
int sc_settle(struct transport *t, struct transport_job *job, enum settle how, uint64_t delay_ms,
              const char *code, const char *text);
int sc_consume_again(struct spool_client *c);
int sc_send_done(struct spool_client *c); /* the collected DONE handles */
int sc_job(struct spool_client *c, const struct frame *f);
int sc_settled(struct spool_client *c, const struct frame *f);
void sc_consume_done(struct spool_client *c);
int sc_take_list(struct spool_client *c, const struct frame *f, size_t *ret_n);

int sc_dead_list(struct transport *t, const struct dead_filter *f, uint64_t after, size_t limit,
                 bool with_bytes, int (*fn)(void *arg, const struct dead_letter *d), void *arg,
                 struct err *e);
int sc_dead_replay(struct transport *t, uint64_t number, struct err *e);
int sc_dead_discard(struct transport *t, uint64_t number, struct err *e);
int sc_queue_move(struct transport *t, const char *from, const char *to, size_t limit,
                  void (*fn)(void *arg, const char *id), void *arg, uint64_t *ret_left,
                  struct err *e);
int sc_status(struct transport *t, struct tree **ret, struct err *e);

#endif
