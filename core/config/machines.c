/* SPDX-License-Identifier: Apache-2.0 */
/* machines - `machines`: several hubs run one configuration. Which of them this one is, what is
 * different there (the door, the data directory), and which processes run where (`on`).
 *
 * What must be the same everywhere is not asked here: they are the same files. What only one of
 * them may do at a time is agreed by a lease in the shared state, not by the plan. */
#include "compile.h"
#include "base/util.h"
#include <stdio.h>
#include <string.h>

static const struct tree *machines(const struct compile *c)
{
    const struct tree *t = tree_get(c->raw, "machines");
    return tree_is_map(t) ? t : NULL;
}

size_t machines_count(const struct compile *c)
{
    const struct tree *t = machines(c);
    return t ? t->n : 0;
}

const char *machine_name(const struct compile *c, size_t i)
{
    return machines(c)->key[i]->text;
}

struct tree *machines_names(const struct compile *c)
{
    struct tree *list = tree_list();
    for (size_t i = 0; list && i < machines_count(c); i++) {
        if (tree_appends(list, machine_name(c, i)) < 0) {
            tree_free(list);
            return NULL;
        }
    }
    return list;
}

/* ---- which one this is ---- */

static const char *names(const struct tree *t, char *out, size_t cap)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < t->n && at < cap; i++) {
        int n = snprintf(out + at, cap - at, "%s%s", i ? ", " : "", t->key[i]->text);
        at += n > 0 ? (size_t)n : 0;
    }
    return out;
}

/* The name asked for, else that of the host. */
static void choose(struct compile *c)
{
    const struct tree *all = machines(c), *at = tree_key(c->raw, "machines");
    const char *asked = c->env->machine, *host = c->env->host;
    char q[QUOTE_MAX], s[QUOTE_MAX], list[300];
    bool given = asked && *asked;
    if (!given)
        asked = host ? host : "";
    for (size_t i = 0; i < all->n; i++) {
        if (strcmp(all->key[i]->text, asked) == 0)
            c->machine = all->key[i]->text;
    }
    if (c->machine)
        return;
    if (given)
        error_at(c, at, "machine-unknown", "there is no machine %s; there are %s%s",
                 quote(q, asked), names(all, list, sizeof(list)), suggest_key(s, asked, all));
    else if (!(c->flags & CONFIG_EVERY_MACHINE))
        error_at(c, at, "machine-unknown",
                 "which machine is this? %s is none of %s: say it with --machine or REEVE_MACHINE",
                 *asked ? quote(q, asked) : "its host name", names(all, list, sizeof(list)));
    else if (!(c->flags & CONFIG_WITHOUT_SECRETS))
        warning_at(c, at, "machine-unknown",
                   "%s is none of %s: to run the hub here say which one it is, with --machine or "
                   "REEVE_MACHINE",
                   *asked ? quote(q, asked) : "the host name", names(all, list, sizeof(list)));
}

/* Several take from the same queues and must know the same of what they received. */
static void check_shared(struct compile *c)
{
    const struct tree *at = tree_key(c->raw, "machines");
    if (!amqp_wanted(c))
        error_at(c, at, "machines-alone",
                 "several machines need queues that all of them reach, and the embedded queue "
                 "belongs to one: transport: {amqp: …}");
    if (!state_shared(c))
        error_at(c, at, "machines-alone",
                 "several machines need to remember the same (what came already, who polls which "
                 "source), and files belong to one: state: {postgresql: …}");
}

void machines_choose(struct compile *c)
{
    const struct tree *all = machines(c), *t = tree_get(c->raw, "machines");
    char q[QUOTE_MAX];
    if (!all && c->env->machine && *c->env->machine)
        warning_at(c, c->raw, "machine-unused",
                   "%s was asked for, and this configuration has no `machines`",
                   quote(q, c->env->machine));
    if (!all)
        return;
    if (all->n == 0)
        error_at(c, t, "bad-value", "`machines` has none");
    else
        choose(c);
}

void machines_check(struct compile *c)
{
    if (machines_count(c) > 0)
        check_shared(c);
    machines_choose(c);
}

/* ---- what is different there ---- */

char *data_path(struct compile *c)
{
    char own[NAME_LEN_MAX + 32] = "";
    if (c->machine)
        (void)snprintf(own, sizeof(own), "machines/%.63s/data", c->machine);
    const char *where = tree_at(c->raw, own) ? own : "data";
    char *data = tree_at(c->raw, where) ? get_path(c, c->raw, where) : NULL;
    if (!data && (!tree_at(c->raw, where) || (c->flags & CONFIG_WITHOUT_SECRETS)))
        data = absolute(c->root_dir, "var"); /* without secrets: such a plan is not run */
    return data;
}

/* Puts what is not there yet. */
static void put_rest(struct compile *c, struct tree *to, const struct tree *from)
{
    for (size_t i = 0; tree_is_map(from) && i < from->n; i++) {
        if (!tree_get(to, from->key[i]->text) && put_copy(to, from->key[i], from->child[i]) < 0)
            c->no_memory = true;
    }
}

struct tree *machine_door(struct compile *c, const char *machine)
{
    const struct tree *common = tree_get(c->raw, "door"),
                      *own = machine ? tree_get(tree_get(machines(c), machine), "door") : NULL;
    const struct tree *at = own ? own : common;
    if (!tree_is_map(own) && !tree_is_map(common))
        return NULL;
    struct tree *t = placed_map(c, at);
    if (t) {
        put_rest(c, t, own);
        put_rest(c, t, common);
    }
    return t;
}

bool console_anywhere(struct compile *c)
{
    bool wanted = console_wanted(tree_get(c->raw, "door"));
    for (size_t i = 0; i < machines_count(c); i++)
        wanted |= console_wanted(tree_get(machines(c)->child[i], "door"));
    return wanted;
}

/* ---- `on` ---- */

static const struct tree *on_of(const struct side *s)
{
    const struct tree *own = tree_get(s->effective, "on");
    return own ? own : tree_get(s->connector->node, "on");
}

bool side_on(const struct side *s, const char *machine)
{
    const struct tree *on = on_of(s);
    return !on || tree_has(on, machine);
}

/* A machine without a door has nobody who pushes. */
static bool reachable(const struct compile *c, const struct side *s)
{
    return c->door || s->deliver || !tree_get(s->effective, "path") ||
           module_has(s->plugin, "poll");
}

bool side_here(const struct compile *c, const struct side *s)
{
    return s->present && s->enabled &&
           ((c->flags & CONFIG_EVERY_MACHINE) || !c->machine ||
            (side_on(s, c->machine) && reachable(c, s)));
}

static void check_on(struct compile *c, const struct tree *on)
{
    const struct tree *all = machines(c);
    char q[QUOTE_MAX], s[QUOTE_MAX];
    for (size_t i = 0; i < tree_items(on); i++) {
        const struct tree *t = tree_item(on, i);
        if (!tree_text(t) || !name_ok(t->text))
            continue; /* the grammar reports it */
        if (!all)
            error_at(c, t, "unknown-machine",
                     "`on` names the machine that has it, and there are no `machines`");
        else if (!tree_get(all, t->text))
            error_at(c, t, "unknown-machine", "there is no machine %s%s", quote(q, t->text),
                     suggest_key(s, t->text, all));
    }
}

void machines_check_on(struct compile *c)
{
    for (size_t i = 0; i < c->connectors_n; i++) {
        const struct connector *x = &c->connectors[i];
        check_on(c, tree_get(x->node, "on"));
        check_on(c, tree_get(x->receive.effective, "on"));
        check_on(c, tree_get(x->deliver.effective, "on"));
    }
}
