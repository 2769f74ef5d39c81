/* SPDX-License-Identifier: Apache-2.0 */
/* plan_alarms - what the supervisor judges the figures by: no process starts anew when it changes.
 */
#include "planning.h"
#include "base/period.h"
#include <stdio.h>

static void add_oldest(struct planning *p, struct tree *queues, const struct connector *x)
{
    uint64_t ms = get_duration(p->c, x->deliver.effective, "alarm/oldest", 0);
    if (!x->deliver.present || !ms)
        return;
    struct tree *t = tree_map();
    put_text(p, t, "destination", x->name);
    put_number(p, t, "oldest_ms", ms);
    keep(p, tree_append(queues, t));
}

static void add_rhythm(struct planning *p, struct tree *sources, const struct connector *x)
{
    char name[NAME_LEN_MAX + 16];
    struct period every;
    const char *text = tree_gets(tree_get(x->receive.effective, "expect"), "every", NULL);
    if (!side_here(p->c, &x->receive) || !text || parse_period(text, &every) < 0)
        return;
    (void)snprintf(name, sizeof(name), "%.63s.receive", x->name);
    struct tree *t = tree_map();
    put_text(p, t, "process", name);
    put_text(p, t, "connector", x->name);
    put_text(p, t, "every", text);
    put_number(p, t, "every_months", every.months);
    put_number(p, t, "every_ms", every.ms);
    put_number(
        p, t, "grace_ms",
        get_duration(p->c, x->receive.effective, "expect/grace", period_length_ms(every) / 10));
    keep(p, tree_append(sources, t));
}

struct tree *alarms_tree(struct planning *p)
{
    struct tree *t = tree_map(), *queues = tree_list(), *sources = tree_list();
    for (size_t i = 0; i < p->c->connectors_n; i++) {
        add_oldest(p, queues, &p->c->connectors[i]);
        add_rhythm(p, sources, &p->c->connectors[i]);
    }
    put(p, t, "queues", queues);
    put(p, t, "sources", sources);
    return t;
}
