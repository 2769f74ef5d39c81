/* SPDX-License-Identifier: Apache-2.0 */
/* transport_ops - what an engine gives to transport.c; private to this room.
 *
 * An engine's own struct begins with `struct transport`, so that a pointer to one is a pointer to
 * the other. The rules of transport.h hold for each function of the same name. */
#ifndef REEVE_TRANSPORT_OPS_H
#define REEVE_TRANSPORT_OPS_H
#include "transport.h"

struct transport_ops {
    void (*close)(struct transport *t);
    bool (*usable)(const struct transport *t, const char **ret_why);
    int (*fd)(const struct transport *t, short *ret_events);
    uint64_t (*timeout)(const struct transport *t);
    int (*run)(struct transport *t);
    int (*publish)(struct transport *t, uint64_t tag, const char *id, const char *bytes, size_t len,
                   const char *const *destinations, size_t n);
    int (*consume)(struct transport *t, const char *destination, uint32_t prefetch);
    int (*pause)(struct transport *t, const char *destination, bool paused);
    int (*settle)(struct transport *t, struct transport_job *job, enum settle how,
                  uint64_t delay_ms, const char *code, const char *text);
    int (*dead_list)(struct transport *t, const struct dead_filter *f, uint64_t after, size_t limit,
                     bool with_bytes, int (*fn)(void *arg, const struct dead_letter *d), void *arg,
                     struct err *e);
    int (*dead_replay)(struct transport *t, uint64_t number, struct err *e);
    int (*dead_discard)(struct transport *t, uint64_t number, struct err *e);
    int (*queue_move)(struct transport *t, const char *from, const char *to, size_t limit,
                      void (*fn)(void *arg, const char *id), void *arg, uint64_t *ret_left,
                      struct err *e);
    int (*status)(struct transport *t, struct tree **ret, struct err *e);
    int (*pause_all)(struct transport *t, const char *destination, bool paused, struct tree **ret,
                     struct err *e); /* NULL: nobody else consumes */
};

struct transport {
    const struct transport_ops *ops;
    struct transport_events events;
    char *marks; /* the engine does not remember who looked at a dead letter: where to note it
                    (dead_marks.h); else NULL */
};

/* The embedded engine (spool_client.c). */
int spool_client_open(const struct tree *part, const struct transport_events *events,
                      struct transport **ret, struct err *e);
/* RabbitMQ (amqp_client.c). */
int amqp_client_open(const struct tree *part, const struct transport_events *events,
                     struct transport **ret, struct err *e);

#endif
