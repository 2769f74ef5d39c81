/* SPDX-License-Identifier: Apache-2.0 */
/* console - `door: {console: …}`: whether there is one, who may look, and what it is told of the
 * configuration (names and the shape of the hub; no secret, no option). */
#include "compile.h"
#include "base/util.h"
#include <string.h>

bool console_wanted(const struct tree *door)
{
    const struct tree *t = tree_get(door, "console");
    return tree_is_map(t) || (tree_text(t) && strcmp(t->text, "true") == 0);
}

void console_check(struct compile *c, const struct tree *door)
{
    const struct tree *t = tree_get(door, "console");
    char q[QUOTE_MAX];
    if (!t)
        return;
    if (tree_is_map(t))
        grammar_check(c, grammar_console, t, "console", false);
    else if (!tree_text(t) || (strcmp(t->text, "true") != 0 && strcmp(t->text, "false") != 0))
        error_at(c, t, "bad-value", "`console` is %s; wanted: true, false, or a map with `auth`",
                 tree_text(t) ? quote(q, t->text) : "a list");
    if (!console_wanted(door))
        return;
    tokens_check(c, tree_at(t, "auth/bearer"));
    if (tree_get(t, "auth"))
        return;
    if (c->door_open)
        error_at(c, t, "auth-missing",
                 "the console would be open to all: give it auth: {bearer: "
                 "\"${file:secrets/console.token}\"}");
    else if (c->door_known)
        warning_at(c, t, "auth-missing",
                   "the console is open to every program on this machine: give it auth: {bearer: "
                   "\"${file:secrets/console.token}\"}");
}

/* ---- the shape of the hub ---- */

static struct tree *side_tree(const struct compile *c, const struct side *s)
{
    struct tree *t = tree_map();
    int r = t ? tree_putb(t, "enabled", s->enabled) : -1;
    if (r == 0 && s->enabled && !side_here(c, s))
        r = tree_putb(t, "elsewhere", true);
    if (r == 0 && s->plugin)
        r = tree_puts(t, "plugin", tree_gets(s->plugin->about, "name", s->plugin->name));
    if (r == 0 && s->adapter)
        r = tree_puts(t, "speaks", s->standard);
    if (r == 0)
        r = tree_puts(t, "path", tree_gets(s->effective, "path", NULL));
    if (r == 0)
        return t;
    tree_free(t);
    return NULL;
}

static struct tree *connector_tree(const struct compile *c, const struct connector *x)
{
    struct tree *t = tree_map();
    int r = t ? tree_puts(t, "name", x->name) : -1;
    if (r == 0)
        r = tree_puts(t, "party", x->party_name);
    if (r == 0 && x->receive.present)
        r = tree_put(t, "receive", side_tree(c, &x->receive));
    if (r == 0 && x->deliver.present)
        r = tree_put(t, "deliver", side_tree(c, &x->deliver));
    if (r == 0)
        return t;
    tree_free(t);
    return NULL;
}

static struct tree *party_tree(const char *name, const struct tree *party)
{
    struct tree *t = tree_map();
    int r = t ? tree_puts(t, "name", name) : -1;
    if (r == 0)
        r = tree_puts(t, "title", tree_gets(party, "name", name));
    if (r == 0)
        r = tree_puts(t, "role", tree_gets(party, "role", NULL));
    if (r == 0)
        return t;
    tree_free(t);
    return NULL;
}

/* One name or a list of them. */
static int add_names(struct tree *list, const struct tree *to)
{
    int r = 0;
    if (tree_text(to))
        r = tree_appends(list, to->text);
    for (size_t i = 0; r == 0 && tree_is_list(to) && i < to->n; i++)
        r = tree_appends(list, tree_text(to->child[i]) ? to->child[i]->text : "?");
    return r;
}

static struct tree *route_tree(const char *name, const struct tree *route)
{
    const struct tree *first = tree_get(route, "first");
    struct tree *t = tree_map(), *to = tree_list();
    int r = t && to ? tree_puts(t, "name", name) : -1;
    if (r == 0)
        r = add_names(to, tree_get(route, "to"));
    for (size_t i = 0; r == 0 && tree_is_list(first) && i < first->n; i++)
        r = add_names(to, tree_get(first->child[i], "to"));
    if (r == 0)
        r = tree_put(t, "to", TAKE_PTR(to));
    tree_free(to);
    if (r == 0)
        return t;
    tree_free(t);
    return NULL;
}

static struct tree *named_list(const struct tree *map,
                               struct tree *(*make)(const char *name, const struct tree *t))
{
    struct tree *list = tree_list();
    int r = list ? 0 : -1;
    for (size_t i = 0; r == 0 && tree_is_map(map) && i < map->n; i++)
        r = tree_append(list, make(map->key[i]->text, map->child[i]));
    if (r == 0)
        return list;
    tree_free(list);
    return NULL;
}

int console_shape(const struct compile *c, struct tree *part)
{
    struct tree *connectors = tree_list(), *unrouted = tree_list();
    int r = connectors && unrouted ? 0 : -1;
    for (size_t i = 0; r == 0 && i < c->connectors_n; i++)
        r = tree_append(connectors, connector_tree(c, &c->connectors[i]));
    if (r == 0)
        r = add_names(unrouted, tree_at(c->raw, "unrouted/to"));
    if (r == 0)
        r = tree_put(part, "connectors", TAKE_PTR(connectors));
    if (r == 0)
        r = tree_put(part, "unrouted", TAKE_PTR(unrouted));
    if (r == 0)
        r = tree_put(part, "parties", named_list(tree_get(c->raw, "parties"), party_tree));
    if (r == 0)
        r = tree_put(part, "routes", named_list(tree_get(c->raw, "routes"), route_tree));
    tree_free(connectors);
    tree_free(unrouted);
    return r;
}
