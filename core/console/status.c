/* SPDX-License-Identifier: Apache-2.0 */
/* status - the supervisor's status document and the flow, asked for at most once a second however
 * many are looking. */
#include "console.h"
#include "base/util.h"
#include "supervisor/supervisor.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct tree *console_status(struct console *c)
{
    uint64_t now = mono_ms();
    if (c->status_at_ms && now < c->status_at_ms + CACHE_MS)
        return c->status;
    struct tree *request = tree_map(), *fresh = NULL;
    int r = request ? tree_puts(request, "command", "status") : -ENOMEM;
    r = r < 0 ? err_set(&c->status_error, r, "memory", "out of memory")
              : control_call(c->data, request, STATUS_MS, &fresh, &c->status_error);
    if (r == 0 && !tree_getb(fresh, "ok", false))
        r = err_set(&c->status_error, -EIO, "status", "the supervisor gives no status: %s",
                    tree_gets(fresh, "text", "no reason"));
    tree_free(request);
    tree_free(c->status);
    c->status = r == 0 ? TAKE_PTR(fresh) : NULL;
    tree_free(fresh);
    c->status_at_ms = mono_ms();
    return c->status;
}

const struct flow *console_flow(struct console *c)
{
    struct err e;
    if (!c->flow_at_ms || mono_ms() >= c->flow_at_ms + 2 * CACHE_MS) {
        (void)flow_read(&c->flow, c->journal, wall_ms(), &e); /* no journal yet: no flow */
        c->flow_at_ms = mono_ms();
    }
    return &c->flow;
}

const struct tree *status_queue(const struct tree *status, const char *destination)
{
    return tree_named(tree_get(status, "destinations"), destination);
}

const struct tree *status_process(const struct tree *status, const char *connector,
                                  const char *side)
{
    char name[200];
    (void)snprintf(name, sizeof name, "%.150s.%s", connector, side);
    return tree_named(tree_get(status, "processes"), name);
}

static bool alarmed(const struct tree *status, const char *connector, const char *side)
{
    const struct tree *list = tree_get(status, "alarms");
    const char *key = strcmp(side, "deliver") == 0 ? "destination" : "connector";
    char name[200];
    (void)snprintf(name, sizeof name, "%.150s.%s", connector, side);
    for (size_t i = 0; tree_is_list(list) && i < list->n; i++)
        if (strcmp(tree_gets(list->child[i], "process", ""), name) == 0 ||
            strcmp(tree_gets(list->child[i], key, ""), connector) == 0)
            return true;
    return false;
}

static void describe(const struct tree *side, char out[96])
{
    const char *plugin = tree_gets(side, "plugin", ""), *speaks = tree_gets(side, "speaks", NULL);
    (void)snprintf(out, 96, "%.40s%s%.40s", plugin, speaks ? ", " : "", speaks ? speaks : "");
}

void node_state(const struct tree *part, const struct tree *status, const char *connector,
                const char *side, struct node_state *ret)
{
    const struct tree *own = tree_get(tree_named(tree_get(part, "connectors"), connector), side),
                      *process = status_process(status, connector, side),
                      *queue = status_queue(status, connector);
    const char *state = tree_gets(process, "state", NULL);
    bool deliver = strcmp(side, "deliver") == 0;
    *ret = (struct node_state){.kind = "waiting", .word = state ? state : "not known"};
    describe(own, ret->about);
    if (deliver) {
        ret->waiting = tree_getu(queue, "ready", 0) + tree_getu(queue, "delayed", 0);
        ret->dead = tree_getu(queue, "dead", 0);
    }
    if (deliver && !own) {
        ret->word = "orphan";
    } else if (own && !tree_getb(own, "enabled", true)) {
        ret->word = "off";
    } else if (own && tree_getb(own, "elsewhere", false)) {
        ret->word = "elsewhere";
    } else if (state && strcmp(state, "ready") == 0) {
        ret->kind = "good";
    }
    if (deliver && tree_getb(queue, "paused", false)) {
        ret->kind = "paused";
        ret->word = "paused";
    }
    if (alarmed(status, connector, side)) {
        ret->kind = "bad";
        ret->word = "alarm";
    }
    if (tree_getb(process, "paused", false)) { /* by somebody: that is known */
        ret->kind = "paused";
        ret->word = "paused";
    }
}
