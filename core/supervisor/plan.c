/* SPDX-License-Identifier: Apache-2.0 */
/* plan - see plan.h. The plan comes from our own compiler, but through a pipe and perhaps from
 * another version: it is checked for what this program relies on; the parts are opaque here. */
#include "plan.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

const char *process_kind_name(enum process_kind k)
{
    static const char *const names[PROCESS_KINDS] = {"spool",  "amqp", "sink",
                                                     "source", "door", "console"};
    return k < PROCESS_KINDS ? names[k] : "?";
}

bool process_keeps_queues(enum process_kind k)
{
    return k == PROCESS_SPOOL || k == PROCESS_AMQP;
}

static int find_kind(const char *name, enum process_kind *ret)
{
    for (unsigned k = 0; name && k < PROCESS_KINDS; k++)
        if (strcmp(name, process_kind_name((enum process_kind)k)) == 0) {
            *ret = (enum process_kind)k;
            return 0;
        }
    return -EINVAL;
}

bool process_kind_keeps_queues(const char *kind)
{
    enum process_kind k;
    return find_kind(kind, &k) == 0 && process_keeps_queues(k);
}

/* Names become file names and log fields. */
static bool name_ok(const char *s)
{
    return s && *s && strlen(s) < 200 &&
           strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-._") == strlen(s) && s[0] != '.';
}

static int read_process(const struct tree *t, struct plan_process *p, struct err *e)
{
    p->name = tree_gets(t, "name", NULL);
    p->digest = tree_gets(t, "digest", NULL);
    p->part = tree_get(t, "part");
    if (!name_ok(p->name))
        return err_set(e, -EINVAL, "plan", "a process without a proper name");
    if (find_kind(tree_gets(t, "kind", NULL), &p->kind) < 0)
        return err_set(e, -EINVAL, "plan", "process %s: unknown kind", p->name);
    if (!p->digest || !*p->digest || !tree_is_map(p->part))
        return err_set(e, -EINVAL, "plan", "process %s: no digest or no part", p->name);
    return 0;
}

static int read_processes(struct plan *p, const struct tree *list, struct err *e)
{
    if (!tree_is_list(list))
        return err_set(e, -EINVAL, "plan", "the plan has no list of processes");
    p->process = xcalloc(list->n ? list->n : 1, sizeof *p->process);
    if (!p->process)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    for (size_t i = 0; i < list->n; i++) {
        int r = read_process(list->child[i], &p->process[i], e);
        if (r < 0)
            return r;
        if (plan_find(p, p->process[i].name))
            return err_set(e, -EINVAL, "plan", "process %s is there twice", p->process[i].name);
        p->n++;
    }
    return 0;
}

int plan_read(struct tree *tree, struct plan **ret, struct err *e)
{
    struct plan *p = xcalloc(1, sizeof *p);
    int r;
    if (!p) {
        tree_free(tree);
        return err_set(e, -ENOMEM, "memory", "out of memory");
    }
    p->tree = tree;
    p->hub = tree_gets(tree, "hub", NULL);
    p->config = tree_gets(tree, "config", "");
    p->data = tree_gets(tree, "data", NULL);
    p->run = tree_gets(tree, "run", NULL);
    if (tree_getu(tree, "format", 0) != PLAN_FORMAT)
        r = err_set(e, -EINVAL, "plan-format",
                    "the plan has another format: are the programs of one version?");
    else if (!p->hub || !p->data || p->data[0] != '/' || !p->run || p->run[0] != '/')
        r = err_set(e, -EINVAL, "plan",
                    "the plan lacks hub, data or run, or they are not absolute");
    else
        r = read_processes(p, tree_get(tree, "processes"), e);
    if (r < 0) {
        plan_free(p);
        return r;
    }
    *ret = p;
    return 0;
}

void plan_free(struct plan *p)
{
    if (!p)
        return;
    tree_free(p->tree);
    free(p->process);
    free(p);
}

const struct plan_process *plan_find(const struct plan *p, const char *name)
{
    for (size_t i = 0; p && i < p->n; i++)
        if (strcmp(p->process[i].name, name) == 0)
            return &p->process[i];
    return NULL;
}

const struct plan_process *plan_queues(const struct plan *p)
{
    for (size_t i = 0; p && i < p->n; i++)
        if (process_keeps_queues(p->process[i].kind))
            return &p->process[i];
    return NULL;
}

int plan_diff(const struct plan *now, const struct plan *next,
              int (*fn)(void *arg, enum plan_change change, const struct plan_process *process),
              void *arg)
{
    for (size_t i = 0; i < next->n; i++) {
        const struct plan_process *b = &next->process[i], *a = plan_find(now, b->name);
        enum plan_change change = PLAN_NEW;
        if (a)
            change =
                a->kind == b->kind && strcmp(a->digest, b->digest) == 0 ? PLAN_SAME : PLAN_CHANGED;
        int r = fn(arg, change, b);
        if (r != 0)
            return r;
    }
    for (size_t i = 0; now && i < now->n; i++) {
        if (plan_find(next, now->process[i].name))
            continue;
        int r = fn(arg, PLAN_REMOVED, &now->process[i]);
        if (r != 0)
            return r;
    }
    return 0;
}

/* What waits would stay behind where the queues were. */
static int same_queues(const struct plan *now, const struct plan *next, struct err *e)
{
    const struct plan_process *a = plan_queues(now), *b = plan_queues(next);
    if (!a || !b)
        return 0;
    if (a->kind != b->kind)
        return err_set(e, -EBUSY, "reload-transport",
                       "the transport changed from %s to %s: stop the hub, move what waits with "
                       "`reeve migrate %s %s`, and start it again",
                       process_kind_name(a->kind), process_kind_name(b->kind),
                       process_kind_name(a->kind), process_kind_name(b->kind));
    const char *before = tree_gets(a->part, "transport/vhost", ""),
               *after = tree_gets(b->part, "transport/vhost", "");
    if (strcmp(before, after) != 0)
        return err_set(e, -EBUSY, "reload-transport",
                       "the virtual host changed from %s to %s, and what waits in %s would stay "
                       "there: stop the hub and start it again when its queues are empty",
                       before, after, before);
    return 0;
}

int plan_put_machines(const struct plan *p, struct tree *map)
{
    const struct tree *all = tree_get(p->tree, "machines");
    int r = tree_puts(map, "machine", tree_gets(p->tree, "machine", NULL));
    return r < 0 || !all ? r : tree_put(map, "machines", tree_copy(all));
}

static const char *state_of(const struct plan_process *p)
{
    return tree_gets(p ? p->part : NULL, "state/engine", "sqlite");
}

/* What came already would be new: whoever changes the store is to know it. */
static int same_state(const struct plan *now, const struct plan *next, struct err *e)
{
    for (size_t i = 0; i < next->n; i++) {
        const struct plan_process *b = &next->process[i], *a = plan_find(now, b->name);
        if (a && strcmp(state_of(a), state_of(b)) != 0)
            return err_set(e, -EBUSY, "reload-state",
                           "what %s remembers would stay behind: `state` changed from %s to %s; "
                           "stop the hub and start it again",
                           b->name, state_of(a), state_of(b));
    }
    return 0;
}

int plan_may_follow(const struct plan *now, const struct plan *next, struct err *e)
{
    if (strcmp(now->data, next->data) != 0 || strcmp(now->run, next->run) != 0)
        return err_set(e, -EBUSY, "reload-data",
                       "the data directory changed from %s to %s: stop the hub and start it again",
                       now->data, next->data);
    if (strcmp(now->hub, next->hub) != 0)
        return err_set(e, -EBUSY, "reload-hub",
                       "the hub's name changed from %s to %s: stop the hub and start it again",
                       now->hub, next->hub);
    int r = same_state(now, next, e);
    return r < 0 ? r : same_queues(now, next, e);
}
