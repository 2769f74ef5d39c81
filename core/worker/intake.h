/* SPDX-License-Identifier: Apache-2.0 */
/* intake - from a document to messages: the adapter, the hub's rules, the steps, and who each
 * message is.
 *
 * The same code for a running source, `reeve decode`, `reeve explain` and `reeve test`: what they
 * show is what happens. The hub's rules: the type is in the closed list (`decode`, which has no
 * hub, warns); `party` is set by the hub; source is //HUB/PARTY/STANDARD unless the standard itself
 * carries id and source (adapter cloudevents), which may not claim to be the hub's; time is set
 * when absent; messages about people are marked; a trace context that is none is replaced. One
 * thread. */
#ifndef REEVE_WORKER_INTAKE_H
#define REEVE_WORKER_INTAKE_H
#include "base/digest.h"
#include "instance.h"
#include "message/identity.h"
#include "message/trace_context.h"

struct intake {
    struct instance *adapter;
    struct steps steps;
    struct host_room *room;
    const char *party; /* NULL: none is set (`decode`) */
    char *source;      /* //HUB/PARTY/STANDARD */
    char *hub_prefix;  /* //HUB/ */
    bool any_type;     /* `types: open`: types beyond the closed list may come in */
    bool set_time;     /* false: absent stays absent (`decode`: the same output every time) */
    struct digest *digest;
    const struct trace_context *trace; /* of the document: messages without one of their own get it;
                                          NULL: they get none (commands) */
    char now[32];                      /* time given to messages of this document */
};

/* part: a source's part of the plan, or the same shape made by a command: hub, party {name},
 * adapter, steps, message_max. Loads and opens the adapter and the steps. */
int intake_open(const struct tree *part, struct host_room *room, struct intake *ret, struct err *e);
void intake_close(struct intake *in);

struct record {        /* a message on its way in; borrowed */
    struct message *m; /* complete; id only when it brought its own */
    bool own_id;
    uint8_t key[SHA256_LEN]; /* who: digest of (source, type, subject), or of (source, id) when it
                                brought its own */
    uint8_t content[SHA256_LEN]; /* what */
    const char *subject;         /* standing in for a missing one: hex of the content digest */
    char hex[SHA256_HEX];
};
/* The id that the record gets for a generation; its own if it brought one. */
void record_id(const struct record *r, uint64_t generation, struct digest *scratch,
               char out[MESSAGE_ID_LEN], const char **ret_id);

struct intake_sink {
    /* 0 = taken; 1 = refused (the callee said why with issues_say); negative errno: stop, the
     * submission fails for now. */
    int (*record)(void *arg, struct record *r, struct err *e);
    void *arg;
};
struct intake_result {
    uint64_t taken, refused, dropped; /* records; dropped: by a step, on purpose */
    reeve_rc rc; /* OK: read to its end (look at issues too); RETRY: failed for now, see why; FATAL:
                    so is the adapter */
    struct err why;
    uint64_t after_ms;
};
/* Decodes the whole document. Issues go to room->issues, which must be set. */
void intake_document(struct intake *in, reeve_reader *r, const char *content_type,
                     const struct intake_sink *sink, struct intake_result *ret);

#endif
