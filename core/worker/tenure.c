/* SPDX-License-Identifier: Apache-2.0 */
/* tenure - see tenure.h. */
#include "tenure.h"
#include "heard.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <limits.h>
#include <unistd.h>

int tenure_open(struct source *s, struct err *e)
{
    const struct reeve_plugin *p = &s->plugin->plugin->api;
    const char *conninfo = tree_gets(s->part, "state/conninfo", NULL);
    char host[HOST_NAME_MAX + 1] = "";
    if (!p->poll || (p->source_flags & REEVE_SOURCE_COMPETES) || !conninfo)
        return 0;
    (void)gethostname(host, HOST_NAME_MAX);
    return keeper_start(conninfo, s->name, tree_gets(s->part, "machine", host), &s->inbox,
                        &s->tenure.keeper, e);
}

uint64_t tenure_epoch(const struct source *s)
{
    if (!s->tenure.keeper)
        return EPOCH_ANY;
    uint64_t epoch = s->tenure.epoch;
    return epoch && keeper_holds(s->tenure.keeper) == epoch ? epoch : 0;
}

bool tenure_same(const struct source *s, uint64_t epoch)
{
    return epoch == EPOCH_ANY || (epoch && epoch == s->tenure.epoch);
}

bool tenure_stands(const struct source *s, uint64_t epoch)
{
    return epoch == EPOCH_ANY || (epoch && epoch == tenure_epoch(s));
}

/* Nothing of it is published or remembered from now on. What is being committed is guarded by the
 * server. */
static void end(struct source *s)
{
    struct err why;
    (void)err_set(&why, -EOWNERDEAD, "lease-lost",
                  "this process no longer holds the lease on what it polls; whoever does goes on");
    for (struct submission *sub = s->first; sub; sub = sub->next)
        if (sub->epoch != EPOCH_ANY && sub->status == 0)
            submission_failed(sub, &why);
    for (struct call *c = s->calls; c; c = c->next)
        c->failed |= c->epoch != EPOCH_ANY;
    s->tenure.epoch = 0;
    s->tenure.leftovers = true;
}

/* What was staged under the tenure that is over, and what was staged beside it. */
static void clear(struct source *s)
{
    struct err why, e;
    (void)err_set(&why, -EOWNERDEAD, "lease-lost",
                  "the lease on what this source polls was lost meanwhile");
    state_rollback(s->state);
    submissions_forgotten(s, &why);
    (void)state_guard(s->state, NULL, 0, &e);
    s->tenure.leftovers = false;
}

static void begin(struct source *s, uint64_t epoch)
{
    struct err e;
    if (state_guard(s->state, s->name, epoch, &e) < 0) {
        log_error(e.code, NULL, "the lease cannot be used: %s", e.text);
        return;
    }
    s->tenure.epoch = epoch;
    heard_look(s);
    s->poll_again = 0;
    s->poll_failures = 0;
}

void tenure_turn(struct source *s)
{
    struct tenure *t = &s->tenure;
    if (!t->keeper)
        return;
    uint64_t now = keeper_holds(t->keeper);
    if (t->epoch && t->epoch != now)
        end(s);
    if (s->committer.busy)
        return;
    if (t->leftovers)
        clear(s);
    if (now && !t->epoch)
        begin(s, now);
}
