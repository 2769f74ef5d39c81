/* SPDX-License-Identifier: Apache-2.0 */
/* instance - one loaded plugin, adapter or step with its options, and the guard around every call
 * into it.
 *
 * All calls from one thread (the plugin thread, or the only thread of a command). The guard notes
 * when a call began, so that the main thread can end a process whose plugin does not come back. */
#ifndef REEVE_WORKER_INSTANCE_H
#define REEVE_WORKER_INSTANCE_H
#include "base/err.h"
#include "base/histogram.h"
#include "base/tree.h"
#include "issues.h"
#include "plugin/host.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum role { ROLE_PLUGIN, ROLE_ADAPTER, ROLE_STEP, ROLES };
extern const char *const role_names[ROLES]; /* "plugin" "adapter" "step": the kinds below */

struct guard {               /* what the plugin thread is in, for the main thread to see */
    _Atomic(uint64_t) since; /* mono_ms() of the call's beginning; 0 = in no call */
    _Atomic(const char *) what;
};

/* What instances of one process share; they reach it as `host` of host_ops. */
struct host_room {
    struct issues
        *issues; /* of the document or message being looked at; NULL: issues go to the log */
    struct guard guard;
    struct histogram calls[ROLES]; /* how long they took; a call counts what it calls, too */
    /* What only a running worker has; NULL: "not available here". */
    reeve_rc (*submit)(void *arg, uint64_t token, const char *content_type, const char *name,
                       int fd, const void *p, size_t len);
    reeve_rc (*submit_request)(void *arg, reeve_req *req, uint64_t token);
    int (*wait)(void *arg, int fd, uint64_t ms);
    bool (*stop_asked)(void *arg);
    int (*state_get)(void *arg, const char *key, const void **ret, size_t *ret_len);
    int (*state_put)(void *arg, const char *key, const void *p, size_t len);
    void (*count)(void *arg, const char *metric, double value, bool gauge);
    void *arg;
};

struct instance {
    struct plugin *plugin;
    reeve_ctx *ctx;
    void *inst;
    bool opened;
    char *label; /* "adapter 360giving" */
    char *name;
    enum role role;
    struct host_room *room;
};

/* part: {"name","file","options"} of the plan. kind: "plugin", "adapter", "step". Loads;
 * instance_open() calls open(). part is borrowed for the instance's life. */
int instance_load(const char *kind, const struct tree *part, uint64_t message_max,
                  struct host_room *room, struct instance **ret, struct err *e);
int instance_open(struct instance *i,
                  struct err *e); /* code "plugin-open"; -EAGAIN for RETRY and DOWN, else -EINVAL */
void instance_free(struct instance *i); /* closes; NULL is fine */

/* Around every call: clears the reason of the last failure, starts the clock; leave gives back what
 * was running before (calls nest: a plugin's submit() runs the adapter). */
struct guard_mark {
    uint64_t since, began_us;
    const char *what;
};
struct guard_mark instance_enter(struct instance *i, const char *what);
void instance_leave(struct instance *i, struct guard_mark m);
/* The reason of the failure just returned, never empty. */
const char *instance_reason(const struct instance *i, reeve_rc rc);
/* {"plugin": histogram, …} of the roles that were called, under "calls". */
int room_put_calls(const struct host_room *room, struct tree *figures);
const char *verdict_name(reeve_rc rc); /* "OK", "RETRY" … */

/* A chain of steps: each message that comes out of the last one goes to `out`. */
struct steps {
    struct instance **step;
    size_t n;
};
int steps_load(const struct tree *list, uint64_t message_max, struct host_room *room,
               struct steps *ret, struct err *e);
void steps_free(struct steps *s);
struct steps_result {
    reeve_rc rc;      /* the worst verdict of any step */
    const char *code; /* of a dead letter, lives as long as the steps; NULL: by the verdict */
    char reason[ERR_TEXT_MAX];
    uint64_t after_ms;
    size_t out; /* messages that came out */
};
/* Takes m. emit takes its message too; non-zero stops the chain with RETRY. */
void steps_run(const struct steps *s, struct message *m, int (*emit)(void *arg, struct message *m),
               void *arg, struct steps_result *ret);

#endif
