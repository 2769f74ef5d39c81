/* SPDX-License-Identifier: Apache-2.0 */
/* queues - see queues.h. */
#include "queues.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

static uint64_t waiting_in(const struct tree *queue)
{
    return tree_getu(queue, "ready", 0) + tree_getu(queue, "delayed", 0) +
           tree_getu(queue, "inflight", 0);
}

/* Who takes over a queue by its former name; NULL: nobody. */
static const char *heir_of(const struct plan *next, const char *name)
{
    const struct plan_process *keeper = plan_queues(next);
    const struct tree *list = keeper ? tree_get(keeper->part, "destinations") : NULL;
    for (size_t i = 0; tree_is_list(list) && i < list->n; i++)
        if (tree_has(tree_get(list->child[i], "was"), name))
            return tree_gets(list->child[i], "name", "?");
    return NULL;
}

/* The heir takes one queue: it must hold nothing, and no other may come to it. */
static int heir_can_take(const struct tree *queues, const struct plan *next, const char *name,
                         const char *heir, struct err *e)
{
    const struct tree *its = tree_named(queues, heir);
    bool taken = waiting_in(its) + tree_getu(its, "dead", 0) > 0;
    for (size_t i = 0; !taken && i < queues->n; i++) {
        const char *other = tree_gets(queues->child[i], "name", ""), *its_heir;
        if (strcmp(other, name) == 0)
            break;
        its_heir = waiting_in(queues->child[i]) ? heir_of(next, other) : NULL;
        taken = its_heir && strcmp(its_heir, heir) == 0;
    }
    if (!taken)
        return 0;
    return err_set(
        e, -EBUSY, "reload-rename",
        "%s cannot take over the %llu messages waiting for %s, for it has others: `reeve "
        "queue move %s OTHER` first",
        heir, (unsigned long long)waiting_in(tree_named(queues, name)), name, name);
}

static int allow_one(const struct tree *queues, const struct plan *next, const struct tree *queue,
                     struct err *e)
{
    const char *name = tree_gets(queue, "name", "");
    uint64_t waiting = waiting_in(queue);
    if (!waiting || !tree_getb(queue, "configured", true) ||
        tree_has(tree_get(next->tree, "destinations"), name))
        return 0;
    const char *heir = heir_of(next, name);
    if (heir)
        return heir_can_take(queues, next, name, heir, e);
    return err_set(e, -EBUSY, "reload-waiting",
                   "destination %s would be removed with %llu messages waiting: empty it first "
                   "(`reeve queue move %s OTHER`), or say which connector it is now (`was: %s`)",
                   name, (unsigned long long)waiting, name, name);
}

static int nothing_goes(const struct plan *now, const struct plan *next, struct err *e)
{
    const struct tree *before = tree_get(now->tree, "destinations");
    for (size_t i = 0; tree_is_list(before) && i < before->n; i++) {
        const char *name = tree_text(before->child[i]);
        if (name && !tree_has(tree_get(next->tree, "destinations"), name))
            return err_set(e, -EAGAIN, "reload-unknown",
                           "destination %s would be removed, and the queue does not say whether "
                           "messages wait for it: try again",
                           name);
    }
    return 0;
}

int queues_allow(const struct tree *queues, const struct plan *now, const struct plan *next,
                 struct err *e)
{
    int r = tree_is_list(queues) ? 0 : nothing_goes(now, next, e);
    for (size_t i = 0; r == 0 && tree_is_list(queues) && i < queues->n; i++)
        r = allow_one(queues, next, queues->child[i], e);
    return r;
}
