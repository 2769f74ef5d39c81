/* SPDX-License-Identifier: Apache-2.0 */
/* plan - the checked plan (core/README.md "The plan") as the supervisor sees it, and what differs
 * between two. Pure. */
#ifndef REEVE_SUPERVISOR_PLAN_H
#define REEVE_SUPERVISOR_PLAN_H
#include "base/err.h"
#include "base/tree.h"
#include <stdbool.h>
#include <stddef.h>

#define PLAN_FORMAT    1
#define PLAN_BYTES_MAX (64u << 20)

/* In the order of starting; draining goes the other way. */
enum process_kind {
    PROCESS_SPOOL,
    PROCESS_AMQP,
    PROCESS_SINK,
    PROCESS_SOURCE,
    PROCESS_DOOR,
    PROCESS_CONSOLE,
    PROCESS_KINDS
};
const char *
process_kind_name(enum process_kind k); /* "spool" "amqp" "sink" "source" "door" "console" */
/* The one that answers for the queues, whatever the transport: everything that takes or gives
 * messages starts after it and ends before it. By kind, and by the name of a kind. */
bool process_keeps_queues(enum process_kind k);
bool process_kind_keeps_queues(const char *kind);

struct plan_process { /* borrowed from the plan's tree */
    const char *name, *digest;
    enum process_kind kind;
    const struct tree *part;
};

struct plan {
    struct tree *tree;
    const char *hub, *config, *data, *run;
    struct plan_process *process;
    size_t n;
};

/* Takes `tree`, also on failure. Codes: "plan-format" (from another version), "plan" (not a plan).
 */
int plan_read(struct tree *tree, struct plan **ret, struct err *e);
void plan_free(struct plan *p);
const struct plan_process *plan_find(const struct plan *p, const char *name);
const struct plan_process *plan_queues(const struct plan *p); /* NULL: the plan has none */
/* Where several machines run it: "machine", which this is, and "machines", all of them. 0 or
 * -ENOMEM. */
int plan_put_machines(const struct plan *p, struct tree *map);

enum plan_change { PLAN_SAME, PLAN_CHANGED, PLAN_NEW, PLAN_REMOVED };
/* Calls fn for every process of either plan: those of `next` in its order, then those that are only
 * in `now`. `process` is the next plan's, or for PLAN_REMOVED the old one's. Stops at the first
 * non-zero and returns it. */
int plan_diff(const struct plan *now, const struct plan *next,
              int (*fn)(void *arg, enum plan_change change, const struct plan_process *process),
              void *arg);
/* 0 when a running hub may go from one to the other; otherwise says what needs a restart
 * ("reload-data", "reload-hub",
 * "reload-transport": the queues would be others). */
int plan_may_follow(const struct plan *now, const struct plan *next, struct err *e);

#endif
