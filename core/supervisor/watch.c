/* SPDX-License-Identifier: Apache-2.0 */
/* watch - the figures of the processes are asked for every few seconds and judged (alarm.h), so
 * that an alarm is in the log when it begins and not only when somebody looks. */
#include "sup.h"
#include "alarm.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>

#define LOOK_MS 5000u

/* Another hub polls: it is that one which hears of a silence. */
static bool waits(const struct unit *u)
{
    return !tree_getb(u->stats, "lease/held", true) && *tree_gets(u->stats, "lease/holder", "");
}

static int add_source(struct tree *list, const struct unit *u)
{
    if (waits(u))
        return 0;
    struct tree *t = tree_map();
    int r = tree_puts(t, "process", u->name);
    if (r == 0)
        r = tree_putu(t, "heard_ms", tree_getu(u->stats, "heard_ms", 0));
    if (r == 0)
        r = tree_putu(t, "watched_ms", tree_getu(u->stats, "watched_ms", 0));
    if (r < 0) {
        tree_free(t);
        return r;
    }
    return tree_append(list, t);
}

static void say(void *arg, const struct tree *alarm, bool over)
{
    const char *about = tree_gets(alarm, "destination", tree_gets(alarm, "connector", "the hub"));
    (void)arg;
    if (over)
        log_info("alarm-over", NULL, "%s: %s", about, tree_gets(alarm, "code", "?"));
    else
        log_warning("alarm", NULL, "%s: %s: %s", about, tree_gets(alarm, "code", "?"),
                    tree_gets(alarm, "text", ""));
}

void watch_judge(struct sup *s)
{
    struct tree *sources = tree_list(), *fresh = NULL;
    const struct tree *queues = NULL;
    int r = s->plan && sources ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i < s->n; i++) {
        const struct unit *u = s->unit[i];
        if (process_keeps_queues(u->kind))
            queues = tree_get(u->stats, "destinations");
        else if (u->kind == PROCESS_SOURCE && u->stats)
            r = add_source(sources, u);
    }
    if (r == 0)
        r = alarm_judge(tree_get(s->plan->tree, "alarms"), queues, sources, wall_ms(), &fresh);
    if (r == 0)
        r = alarm_follow(s->alarms, fresh, wall_ms(), say, NULL);
    tree_free(sources);
    if (r < 0) { /* no memory: what was known stays */
        tree_free(fresh);
        return;
    }
    tree_free(s->alarms);
    s->alarms = fresh;
}

bool sup_stats_here(const struct sup *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->unit[i]->stats_asked)
            return false;
    return true;
}

void watch_run(struct sup *s)
{
    uint64_t now = mono_ms();
    if (s->state != SUP_RUNNING)
        return;
    if (s->watching && sup_stats_here(s)) {
        s->watching = false;
        watch_judge(s);
    }
    if (now < s->watch_ms)
        return;
    if (s->watching) /* somebody does not answer; of the others there is news */
        watch_judge(s);
    sup_ask_stats(s);
    s->watching = true;
    s->watch_ms = now + LOOK_MS;
}
