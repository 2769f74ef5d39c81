/* SPDX-License-Identifier: Apache-2.0 */
/* route_build - the route table from the plan: names become indices, `match` becomes sets, `when`
 * becomes programs.
 *
 * Diagnostics: every text begins with the route's name (and the alternative's number, from 1). */
#include "route.h"
#include "base/map.h"
#include "base/util.h"
#include "route_private.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct builder {
    struct route_table *t;
    struct map *destinations; /* name -> index + 1 */
    struct err *err;
};

static int no_memory(struct err *e)
{
    return err_set(e, -ENOMEM, "memory", "out of memory");
}

static void condition_done(struct condition *c)
{
    for (size_t i = 0; i < c->n_test; i++)
        value_set_free(c->test[i].set);
    free(c->test);
    cesql_free(c->when);
}

void route_table_free(struct route_table *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n; i++) {
        condition_done(&t->route[i].condition);
        free(t->name[i]);
    }
    for (size_t i = 0; i < t->n_alternative; i++)
        condition_done(&t->alternative[i].condition);
    for (size_t i = 0; t->destination && i < t->n_destination; i++)
        free(t->destination[i]);
    route_index_done(&t->index);
    symbols_free(t->symbols);
    free(t->route);
    free(t->name);
    free(t->alternative);
    free(t->target);
    free(t->destination);
    free(t);
}

size_t route_table_count(const struct route_table *t)
{
    return t->n;
}

const char *route_name(const struct route_table *t, size_t route)
{
    return route < t->n ? t->name[route] : NULL;
}

/* A text or a list of texts: item i, or NULL when it is neither. */
static const struct tree *text_at(const struct tree *list, size_t i)
{
    const struct tree *t = tree_item(list, i);
    return tree_text(t) ? t : NULL;
}

static int build_test(struct builder *b, const struct tree *name, const struct tree *list,
                      struct match_test *ret)
{
    size_t n = tree_items(list);
    struct value *v = xcalloc(n ? n : 1, sizeof(*v));
    if (!v)
        return no_memory(b->err);
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        const struct tree *text = text_at(list, i);
        if (text)
            v[i] = value_string(text->text, text->text_len);
        else
            r = err_set(b->err, -EINVAL, "route-form",
                        "match: %s: a text or a list of texts is wanted", name->text);
    }
    int slot = r < 0 ? r : symbols_slot(b->t->symbols, name->text, name->text_len);
    if (r == 0 && slot >= 0) {
        ret->slot = (uint32_t)slot;
        ret->set = value_set_new(v, n);
    }
    if (r == 0 && (slot < 0 || !ret->set))
        r = no_memory(b->err);
    free(v);
    return r;
}

static int build_match(struct builder *b, const struct tree *match, struct condition *c)
{
    if (!match)
        return 0;
    if (!tree_is_map(match))
        return err_set(b->err, -EINVAL, "route-form",
                       "match: attributes with their values are wanted");
    if (match->n == 0)
        return 0;
    c->test = xcalloc(match->n, sizeof(*c->test));
    if (!c->test)
        return no_memory(b->err);
    for (size_t i = 0; i < match->n; i++) {
        int r = build_test(b, match->key[i], match->child[i], &c->test[i]);
        if (r < 0)
            return r;
        c->n_test++;
    }
    return 0;
}

static int build_condition(struct builder *b, const struct tree *t, struct condition *c)
{
    int r = build_match(b, tree_get(t, "match"), c);
    const struct tree *when = tree_get(t, "when");
    if (r < 0 || !when)
        return r;
    if (!tree_text(when))
        return err_set(b->err, -EINVAL, "route-form", "when: an expression is wanted");
    size_t offset = 0;
    r = cesql_compile(when->text, when->text_len, b->t->symbols, &c->when, &offset, b->err);
    return r < 0 ? err_prefix(b->err, r, "when") : 0;
}

static int build_targets(struct builder *b, const struct tree *to, struct targets *ret)
{
    struct route_table *t = b->t;
    ret->at = (uint32_t)t->n_target;
    for (size_t i = 0; i < tree_items(to); i++) {
        const struct tree *text = text_at(to, i);
        if (!text)
            return err_set(b->err, -EINVAL, "route-form", "to: names of destinations are wanted");
        uintptr_t found = (uintptr_t)map_get(b->destinations, text->text, text->text_len);
        if (found == 0)
            return err_set(b->err, -EINVAL, "route-destination", "to: there is no destination '%s'",
                           text->text);
        if (grow_array((void **)&t->target, &t->cap_target, t->n_target + 1, sizeof(*t->target)) <
            0)
            return no_memory(b->err);
        t->target[t->n_target++] = (uint32_t)(found - 1);
        ret->n++;
    }
    return 0;
}

static int build_alternative(struct builder *b, const struct tree *t)
{
    struct route_table *table = b->t;
    if (!tree_is_map(t))
        return err_set(b->err, -EINVAL, "route-form", "match, when and to are wanted");
    if (grow_array((void **)&table->alternative, &table->cap_alternative, table->n_alternative + 1,
                   sizeof(*table->alternative)) < 0)
        return no_memory(b->err);
    struct alternative *a = &table->alternative[table->n_alternative++];
    *a = (struct alternative){.to = {0, 0}};
    int r = build_condition(b, t, &a->condition);
    return r < 0 ? r : build_targets(b, tree_get(t, "to"), &a->to);
}

static int build_first(struct builder *b, const struct tree *first, struct route *route)
{
    if (!first)
        return 0;
    if (!tree_is_list(first))
        return err_set(b->err, -EINVAL, "route-form", "first: a list of alternatives is wanted");
    route->alternative = (uint32_t)b->t->n_alternative;
    for (size_t i = 0; i < first->n; i++) {
        int r = build_alternative(b, first->child[i]);
        if (r < 0)
            return err_prefix(b->err, r, "first: alternative %zu", i + 1);
        route->n_alternative++;
    }
    return 0;
}

static int build_route(struct builder *b, const struct tree *tree)
{
    struct route_table *t = b->t;
    const char *name = tree_gets(tree, "name", NULL);
    if (!tree_is_map(tree) || !name)
        return err_set(b->err, -EINVAL, "route-form", "route %zu has no name", t->n + 1);
    if (grow_array((void **)&t->route, &t->cap_route, t->n + 1, sizeof(*t->route)) < 0 ||
        grow_array((void **)&t->name, &t->cap_name, t->n + 1, sizeof(*t->name)) < 0)
        return no_memory(b->err);
    char *copy = strdup(name);
    if (!copy)
        return no_memory(b->err);
    struct route *route = &t->route[t->n];
    *route = (struct route){.n_alternative = 0};
    t->name[t->n++] = copy;
    int r = build_condition(b, tree, &route->condition);
    if (r == 0)
        r = build_targets(b, tree_get(tree, "to"), &route->to);
    if (r == 0)
        r = build_first(b, tree_get(tree, "first"), route);
    return r < 0 ? err_prefix(b->err, r, "route %s", copy) : 0;
}

static int build_destinations(struct builder *b, const char *const *names, size_t n)
{
    struct route_table *t = b->t;
    b->destinations = map_new(NULL);
    t->symbols = symbols_new();
    t->destination = xcalloc(n ? n : 1, sizeof(*t->destination));
    if (!b->destinations || !t->symbols || !t->destination)
        return no_memory(b->err);
    t->n_destination = n;
    for (size_t i = 0; i < n; i++) {
        t->destination[i] = strdup(names[i]);
        if (!t->destination[i] ||
            map_put(b->destinations, names[i], strlen(names[i]), (void *)(uintptr_t)(i + 1)) < 0)
            return no_memory(b->err);
    }
    return 0;
}

int route_table_build(const struct tree *routes, const char *const *destinations, size_t n,
                      struct route_table **ret, struct err *e)
{
    struct builder b = {.t = xcalloc(1, sizeof(*b.t)), .err = e};
    if (!b.t)
        return no_memory(e);
    int r = build_destinations(&b, destinations, n);
    if (r == 0 && routes && !tree_is_list(routes))
        r = err_set(e, -EINVAL, "route-form", "a list of routes is wanted");
    for (size_t i = 0; r == 0 && routes && i < routes->n; i++)
        r = build_route(&b, routes->child[i]);
    if (r == 0)
        r = route_index_build(b.t, e);
    map_free(b.destinations);
    if (r < 0)
        route_table_free(b.t);
    else
        *ret = b.t;
    return r;
}
