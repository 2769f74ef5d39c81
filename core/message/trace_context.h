/* SPDX-License-Identifier: Apache-2.0 */
/* trace_context - W3C Trace Context (Level 2): `traceparent` and `tracestate`, as HTTP header
 * fields of one hop and as CloudEvents attributes of the origin. Pure but for random numbers.
 *
 * What is malformed is replaced and never fatal (section 4.2 of the standard). The trace id goes
 * with a message to its end; each delivery is a hop with a parent id of its own. */
#ifndef REEVE_MESSAGE_TRACE_CONTEXT_H
#define REEVE_MESSAGE_TRACE_CONTEXT_H
#include "message.h"

#define TRACE_ID_LEN    33  /* 32 lower-case hexadecimal digits and a zero */
#define TRACEPARENT_LEN 56  /* 00-TRACEID-PARENTID-FLAGS and a zero */
#define TRACESTATE_MAX  512 /* what must be propagated at least, and is at most */

struct trace_context {
    char parent[TRACEPARENT_LEN];   /* a valid traceparent of version 00 */
    char state[TRACESTATE_MAX + 1]; /* "" = none */
};

/* Section 3.2. A higher version is read as far as it is known and becomes 00; flags that are not
 * defined are cleared. False: not valid, ret is unchanged. */
bool traceparent_read(const char *p, size_t len, char ret[TRACEPARENT_LEN]);
/* Section 3.3: what is left of a tracestate after white space and empty members went. When it is
 * longer than TRACESTATE_MAX whole members go: those over 128 characters first, then from the end.
 * False: not valid. */
bool tracestate_read(const char *p, size_t len, char ret[TRACESTATE_MAX + 1]);

/* A trace that begins here: random ids, sampled. Without random numbers the ids come from a clock
 * and an address: they need not be secret. */
void trace_new(struct trace_context *ret);
/* The same trace with a parent id of its own: for the next hop. */
void trace_next(const struct trace_context *t, char ret[TRACEPARENT_LEN]);
void trace_id_of(const char parent[TRACEPARENT_LEN], char ret[TRACE_ID_LEN]);
/* The message's own. False: it has no valid one. */
bool trace_of_message(const struct message *m, struct trace_context *ret);
/* Puts the message's own attributes right: a valid traceparent is kept (as version 00) and with it
 * a valid tracestate; otherwise both are replaced by `given`, or removed when that is NULL. 0 or an
 * error of message_set(). */
int trace_settle(struct message *m, const struct trace_context *given, struct err *e);

#endif
