/* SPDX-License-Identifier: Apache-2.0 */
/* routes - `routes` and `unrouted`: the form, the names, the expressions, and what the lint of
 * core/routing has to say, everything at its place in the file. The result is the tree that
 * route_table_build() takes. */
#include "compile.h"
#include "base/util.h"
#include "routing/cesql.h"
#include "routing/route.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- destinations ---- */
static void check_destination(struct compile *c, const struct tree *t)
{
    if (!t || t->kind != TREE_SCALAR || !name_ok(t->text))
        return; /* reported by the grammar */
    const struct connector *x = connector_find(c, t->text);
    char q[QUOTE_MAX], s[QUOTE_MAX];
    if (!x)
        error_at(c, t, "unknown-destination", "there is no connector %s%s", quote(q, t->text),
                 suggest_key(s, t->text, tree_get(c->raw, "connectors")));
    else if (!x->deliver.own)
        error_at(c, t, "no-deliver", "connector %s has no `deliver`: it cannot be a destination",
                 quote(q, t->text));
}

/* `to` as a list of names; checked. */
static struct tree *destinations(struct compile *c, const struct tree *to)
{
    struct tree *list = tree_list();
    if (!list)
        c->no_memory = true;
    for (size_t i = 0; list && i < tree_items(to); i++) {
        const struct tree *t = tree_item(to, i);
        check_destination(c, t);
        if (tree_text(t) && !tree_has(list, t->text) && tree_append(list, tree_copy(t)) < 0)
            c->no_memory = true;
    }
    return list;
}

bool destination_used(const struct compile *c, const char *name)
{
    if (tree_has(tree_at(c->raw, "unrouted/to"), name))
        return true;
    for (size_t i = 0; c->routes && i < c->routes->n; i++) {
        const struct tree *first = tree_get(c->routes->child[i], "first");
        if (tree_has(tree_get(c->routes->child[i], "to"), name))
            return true;
        for (size_t k = 0; first && k < first->n; k++) {
            if (tree_has(tree_get(first->child[k], "to"), name))
                return true;
        }
    }
    return false;
}

static void check_unrouted(struct compile *c)
{
    const struct tree *t = tree_get(c->raw, "unrouted");
    if (!t) {
        error_at(c, tree_key(c->raw, "hub"), "unrouted-missing",
                 "say what becomes of a message that no route takes: unrouted: {to: "
                 "CONNECTOR} or unrouted: {drop: \"the reason\"}");
        return;
    }
    const struct tree *to = tree_get(t, "to"), *drop = tree_get(t, "drop");
    if (tree_is_map(t) && !to == !drop)
        error_at(c, t, "unrouted-form", "`unrouted` has either `to` or `drop`");
    tree_free(destinations(c, to));
}

/* ---- match ---- */
static void match_value(struct compile *c, const struct tree *t, struct tree *list)
{
    if (t->kind != TREE_SCALAR)
        error_at(c, t, "wrong-kind", "a value of `match` is a text, or a list of texts");
    else if (t->text_len == 0)
        error_at(c, t, "bad-value", "this `match` has no value");
    else if (value_has_reference(t))
        error_at(
            c, t, "reference-here",
            "`match` cannot hold a reference (${…}); a list of values can stand in an \"@file\"");
    else if (t->text[0] == '@')
        value_list_file(c, t, list);
    else if (tree_append(list, tree_copy(t)) < 0)
        c->no_memory = true;
}

static struct tree *match(struct compile *c, const struct tree *t)
{
    struct tree *map = tree_map();
    if (!tree_is_map(t) || t->n == 0)
        error_at(c, t, "wrong-kind",
                 "`match` is a map of attributes and values: {type: client.referral, category: "
                 "[food, fuel]}");
    for (size_t i = 0; map && tree_is_map(t) && i < t->n; i++) {
        const char *key = t->key[i]->text;
        struct tree *list = tree_list();
        char q[QUOTE_MAX];
        if (!*key || key[strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789")])
            error_at(c, t->key[i], "bad-attribute",
                     "%s is no attribute: their names are lower-case letters and digits",
                     quote(q, key));
        const struct tree *v = t->child[i];
        for (size_t k = 0; list && k < tree_items(v); k++)
            match_value(c, tree_item(v, k), list);
        if (tree_is_list(v) && v->n == 0)
            error_at(c, v, "bad-value", "this `match` has no value: it would never match");
        if (tree_put(map, key, list) < 0)
            c->no_memory = true;
    }
    if (!map)
        c->no_memory = true;
    return map;
}

/* ---- when ---- */
#define WHEN_ELSE "write `when: >-` and the expression, indented, on the next line"

struct linting {
    struct compile *c;
    const struct tree *t;
};

static void lint_found(void *arg, size_t offset, const char *code, const char *text)
{
    struct linting *l = arg;
    unsigned line, col;
    place_in_scalar(l->c, l->t, offset, &line, &col);
    diagnostics_add(l->c->d, SEVERITY_WARNING, l->t->file, line, col, code, "%s", text);
}

/* Whether the expression stops in the middle: then it was YAML that ended it. */
static bool stops_short(const struct tree *t, size_t error_offset)
{
    char open = '\0';
    int depth = 0;
    for (size_t i = 0; i < t->text_len; i++) {
        char x = t->text[i];
        if (open) {
            open = x == open ? '\0' : open;
        } else if (x == '\'' || x == '"') {
            open = x;
        } else {
            depth += (x == '(') - (x == ')');
        }
    }
    return open || depth > 0 || error_offset >= t->text_len;
}

static void check_when(struct compile *c, const struct tree *t, const struct lint_known *known)
{
    if (t->kind != TREE_SCALAR) {
        error_at(c, t, "when-cut", "YAML makes %s of this `when:`; " WHEN_ELSE,
                 tree_is_map(t) ? "a map" : "a list");
        return;
    }
    struct symbols *syms = symbols_new();
    struct cesql *program = NULL;
    struct err e = {0};
    size_t offset = 0;
    char cut = cut_behind(c, t);
    int r = syms ? cesql_compile(t->text, t->text_len, syms, &program, &offset, &e) : -ENOMEM;
    if (r == -ENOMEM) {
        c->no_memory = true;
    } else if (r < 0 && cut && stops_short(t, offset)) {
        error_at(c, t, "when-cut", "YAML ends this expression at `%c` (%s); " WHEN_ELSE, cut,
                 e.text);
    } else if (r < 0) {
        unsigned line, col;
        place_in_scalar(c, t, offset, &line, &col);
        diagnostics_add(c->d, SEVERITY_ERROR, t->file, line, col, "cesql-parse", "%s", e.text);
    } else {
        struct linting l = {.c = c, .t = t};
        if (cut == '#')
            warning_at(c, t, "when-cut",
                       "what stands behind ` #` is a comment to YAML, not part of the expression; "
                       "if it is "
                       "meant to be, " WHEN_ELSE ", else put the comment on a line of its own");
        (void)cesql_lint(t->text, t->text_len, known, lint_found, &l);
    }
    cesql_free(program);
    symbols_free(syms);
}

/* ---- routes ---- */
#define PINNED_MAX 64 /* more than that are not looked at: a lint may miss, it must not invent */

/* Attributes that a `match` pins: where it holds they are there. */
static void add_pinned(const struct tree *route, const char **names, size_t cap, size_t *n)
{
    const struct tree *m = tree_get(route, "match");
    for (size_t i = 0; tree_is_map(m) && i < m->n && *n < cap; i++)
        names[(*n)++] = m->key[i]->text;
}

/* route: whose `match` holds besides when t is one of its alternatives; else NULL. */
static void condition(struct compile *c, const struct tree *t, const struct tree *route,
                      const struct lint_known *known, struct tree *out)
{
    const struct tree *m = tree_get(t, "match"), *when = tree_get(t, "when");
    const char *pinned[PINNED_MAX];
    struct lint_known here = *known;
    if (m && tree_put(out, "match", match(c, m)) < 0)
        c->no_memory = true;
    if (when) {
        here.given = pinned;
        here.given_n = 0;
        add_pinned(t, pinned, ARRAY_SIZE(pinned), &here.given_n);
        add_pinned(route, pinned, ARRAY_SIZE(pinned), &here.given_n);
        check_when(c, when, &here);
        if (when->kind == TREE_SCALAR && tree_put(out, "when", tree_copy(when)) < 0)
            c->no_memory = true;
    }
}

static struct tree *alternatives(struct compile *c, const struct tree *route, const char *what,
                                 const struct lint_known *known)
{
    const struct tree *t = tree_get(route, "first");
    struct tree *list = tree_list();
    if (!tree_is_list(t) || t->n == 0)
        error_at(c, t, "wrong-kind", "`first` is a list of alternatives: - {match: …, to: …}");
    for (size_t i = 0; list && tree_is_list(t) && i < t->n; i++) {
        const struct tree *a = t->child[i];
        if (!tree_is_map(a)) {
            error_at(c, a, "wrong-kind", "an alternative of `first` is a map: {match: …, to: …}");
            continue;
        }
        grammar_check(c, grammar_alternative, a, what, false);
        struct tree *out = placed_map(c, a);
        if (out) {
            condition(c, a, route, known, out);
            if (tree_put(out, "to", destinations(c, tree_get(a, "to"))) < 0)
                c->no_memory = true;
        }
        if (i + 1 < t->n && !tree_get(a, "match") && !tree_get(a, "when"))
            error_at(
                c, a, "first-otherwise",
                "an alternative without `match` and `when` takes everything: it must be the last");
        if (tree_append(list, out) < 0)
            c->no_memory = true;
    }
    if (!list)
        c->no_memory = true;
    return list;
}

static void check_route(struct compile *c, const struct tree *key, const struct tree *t,
                        const struct lint_known *known)
{
    char q[QUOTE_MAX], what[2 * QUOTE_MAX];
    const struct tree *to = tree_get(t, "to"), *first = tree_get(t, "first");
    struct tree *out = placed_map(c, key);
    if (!out || tree_puts(out, "name", key->text) < 0) {
        c->no_memory = true;
        tree_free(out);
        return;
    }
    (void)snprintf(what, sizeof(what), "route %s", quote(q, key->text));
    condition(c, t, NULL, known, out);
    if (!to == !first)
        error_at(c, key, "route-form", "%s has %s `to` %s `first`", what, to ? "both" : "neither",
                 to ? "and" : "nor");
    if (to && tree_put(out, "to", destinations(c, to)) < 0)
        c->no_memory = true;
    (void)snprintf(what, sizeof(what), "an alternative of route %s", q);
    if (first && tree_put(out, "first", alternatives(c, t, what, known)) < 0)
        c->no_memory = true;
    if (tree_append(c->routes, out) < 0)
        c->no_memory = true;
}

/* ---- what the sources can emit, for the lint ---- */
struct knowledge {
    struct tree *types, *attributes; /* maps used as sets */
    bool open;                       /* anything may come */
};

static void learn(struct compile *c, struct knowledge *k, const struct side *s)
{
    const struct tree *emits = s->adapter ? tree_get(s->adapter->about, "emits") : NULL;
    if (!emits || emits->n == 0 || s->steps_n > 0)
        k->open = true;
    for (size_t i = 0; emits && i < emits->n; i++) {
        const char *type = tree_gets(emits->child[i], "type", "*");
        const struct tree *a = tree_get(emits->child[i], "attributes");
        if (strcmp(type, "*") == 0)
            k->open = true;
        if (tree_put(k->types, type, tree_scalar("", false)) == -ENOMEM)
            c->no_memory = true;
        for (size_t n = 0; a && n < a->n; n++) {
            if (tree_put(k->attributes, tree_text(a->child[n]) ? a->child[n]->text : "",
                         tree_scalar("", false)) == -ENOMEM)
                c->no_memory = true;
        }
    }
}

static const char **keys_of(const struct tree *map)
{
    const char **p = xcalloc(map->n + 1, sizeof(*p));
    for (size_t i = 0; p && i < map->n; i++)
        p[i] = map->key[i]->text;
    return p;
}

static void route_lint_found(void *arg, size_t route, int alternative, const char *code,
                             const char *text)
{
    struct compile *c = arg;
    const struct tree *at = route < c->routes->n ? c->routes->child[route] : NULL;
    const struct tree *first = tree_get(at, "first");
    if (alternative >= 0 && first && (size_t)alternative < first->n)
        at = first->child[alternative];
    warning_at(c, at, code, "%s", text);
}

static void check_table(struct compile *c)
{
    const char **to = xcalloc(c->connectors_n + 1, sizeof(*to));
    struct route_table *table = NULL;
    struct err e = {0};
    size_t n = 0;
    for (size_t i = 0; to && i < c->connectors_n; i++) {
        if (c->connectors[i].deliver.present)
            to[n++] = c->connectors[i].name;
    }
    int r = to ? route_table_build(c->routes, to, n, &table, &e) : -ENOMEM;
    if (r == -ENOMEM)
        c->no_memory = true;
    else if (r < 0)
        error_at(c, tree_key(c->raw, "routes"), e.code, "%s", e.text);
    route_table_free(table);
    free(to);
}

static void check_routes(struct compile *c, const struct lint_known *known)
{
    const struct tree *all = tree_get(c->raw, "routes");
    for (size_t i = 0; tree_is_map(all) && i < all->n; i++) {
        if (tree_is_map(all->child[i]))
            check_route(c, all->key[i], all->child[i], known);
    }
    if (c->d->errors > 0 || c->no_memory)
        return;
    check_table(c);
    (void)route_lint(c->routes, known, route_lint_found, c);
}

static void check_unused(struct compile *c)
{
    for (size_t i = 0; i < c->connectors_n; i++) {
        const struct connector *x = &c->connectors[i];
        if (x->deliver.present && !destination_used(c, x->name))
            warning_at(c, tree_key(x->node, "deliver"), "destination-unused",
                       "no route leads to `%s`", x->name);
    }
}

void routes_check(struct compile *c)
{
    static const char *const always[] = {"type", "source", "id", "specversion", "time", "party"};
    static const char *const usual[] = {"type",  "source",  "id",         "specversion",    "time",
                                        "party", "subject", "dataschema", "datacontenttype"};
    struct knowledge k = {.types = tree_map(), .attributes = tree_map()};
    c->routes = tree_list();
    bool sources = false;
    for (size_t i = 0; k.types && k.attributes && i < c->connectors_n; i++) {
        if (c->connectors[i].receive.present) {
            sources = true;
            learn(c, &k, &c->connectors[i].receive);
        }
    }
    for (size_t i = 0; k.attributes && i < ARRAY_SIZE(usual); i++) {
        if (tree_put(k.attributes, usual[i], tree_scalar("", false)) == -ENOMEM)
            c->no_memory = true;
    }
    const char **types = k.types ? keys_of(k.types) : NULL,
               **attributes = k.attributes ? keys_of(k.attributes) : NULL;
    if (!c->routes || !types || !attributes)
        c->no_memory = true;
    struct lint_known known = {.always = always, .always_n = ARRAY_SIZE(always)};
    if (sources && !k.open && types && attributes) {
        known.types = types;
        known.types_n = k.types->n;
        known.attributes = attributes;
        known.attributes_n = k.attributes->n;
    }
    if (!c->no_memory) {
        check_unrouted(c);
        check_routes(c, &known);
        check_unused(c);
    }
    free(types);
    free(attributes);
    tree_free(k.types);
    tree_free(k.attributes);
}
