/* SPDX-License-Identifier: Apache-2.0 */
/* connectors - parties and connectors as a whole: who belongs to whom, and the defaults that nobody
 * uses. */
#include "compile.h"
#include "base/util.h"
#include <stdio.h>
#include <string.h>

const struct connector *connector_find(const struct compile *c, const char *name)
{
    for (size_t i = 0; i < c->connectors_n; i++) {
        if (strcmp(c->connectors[i].name, name) == 0)
            return &c->connectors[i];
    }
    return NULL;
}

static void check_party(struct compile *c, struct connector *x)
{
    const struct tree *t = tree_get(x->node, "party"), *parties = tree_get(c->raw, "parties");
    if (!t || t->kind != TREE_SCALAR)
        return;
    x->party_name = t->text;
    x->party = tree_get(parties, t->text);
    char q[QUOTE_MAX], s[QUOTE_MAX];
    if (!x->party)
        error_at(c, t, "unknown-party", "there is no party %s%s", quote(q, t->text),
                 suggest_key(s, t->text, parties));
}

static void check_one(struct compile *c, struct connector *x)
{
    check_party(c, x);
    x->enabled = get_bool(c, x->node, "enabled", true);
    x->receive = (struct side){.connector = x, .own = tree_get(x->node, "receive")};
    x->deliver =
        (struct side){.connector = x, .deliver = true, .own = tree_get(x->node, "deliver")};
    if (x->receive.own)
        side_check(c, &x->receive);
    if (x->deliver.own)
        side_check(c, &x->deliver);
    char q[QUOTE_MAX];
    if (!x->receive.own && !x->deliver.own)
        error_at(c, x->key, "connector-idle", "connector %s has neither `receive` nor `deliver`",
                 quote(q, x->name));
}

static bool uses(const struct side *s, const char *plugin)
{
    const char *name = s->present ? tree_gets(s->effective, "plugin", NULL) : NULL;
    return name && strcmp(name, plugin) == 0;
}

static void check_defaults_of(struct compile *c, const struct tree *map, bool deliver)
{
    for (size_t i = 0; i < map->n; i++) {
        bool used = false;
        char q[QUOTE_MAX];
        for (size_t k = 0; k < c->connectors_n && !used; k++)
            used = uses(deliver ? &c->connectors[k].deliver : &c->connectors[k].receive,
                        map->key[i]->text);
        if (!tree_is_map(map->child[i]))
            error_at(c, map->child[i], "wrong-kind", "the defaults of %s must be a map",
                     quote(q, map->key[i]->text));
        else if (!used)
            warning_at(c, map->key[i], "defaults-unused",
                       "no connector's `%s` uses the plugin %s: these defaults do nothing",
                       deliver ? "deliver" : "receive", quote(q, map->key[i]->text));
    }
}

static void check_defaults(struct compile *c)
{
    static const char *const sides[] = {"receive", "deliver"};
    const struct tree *d = tree_get(c->raw, "defaults");
    if (!d)
        return;
    if (!tree_is_map(d)) {
        error_at(c, d, "wrong-kind", "`defaults` is a map: {deliver: {http: {timeout: 20s}}}");
        return;
    }
    for (size_t i = 0; i < d->n; i++) {
        const char *key = d->key[i]->text;
        char q[QUOTE_MAX], s[QUOTE_MAX];
        bool deliver = strcmp(key, "deliver") == 0;
        if (!deliver && strcmp(key, "receive") != 0)
            error_at(c, d->key[i], "unknown-key", "unknown key %s in defaults%s", quote(q, key),
                     suggest(s, key, sides, ARRAY_SIZE(sides)));
        else if (!tree_is_map(d->child[i]))
            error_at(c, d->child[i], "wrong-kind",
                     "`%s` is a map of plugins: {http: {timeout: 20s}}", key);
        else
            check_defaults_of(c, d->child[i], deliver);
    }
}

/* One former name: of no connector that there is, and of one connector only. */
static void check_former(struct compile *c, const struct connector *x, const struct tree *t)
{
    char q[QUOTE_MAX];
    if (t->kind != TREE_SCALAR || !name_ok(t->text)) /* the grammar reports it */
        return;
    if (connector_find(c, t->text))
        error_at(c, t, "was-there",
                 "there still is a connector %s: `was` names one that this connector replaces",
                 quote(q, t->text));
    for (const struct connector *y = c->connectors; y < x; y++) {
        const struct tree *was = tree_get(y->node, "was");
        for (size_t i = 0; i < tree_items(was); i++) {
            const struct tree *other = tree_item(was, i);
            if (tree_text(other) && strcmp(other->text, t->text) == 0)
                error_at(c, t, "was-twice", "the connector %s says that it was %s, too", y->name,
                         quote(q, t->text));
        }
    }
}

static void check_formers(struct compile *c)
{
    for (size_t k = 0; k < c->connectors_n; k++) {
        const struct tree *was = tree_get(c->connectors[k].node, "was");
        for (size_t i = 0; i < tree_items(was); i++)
            check_former(c, &c->connectors[k], tree_item(was, i));
    }
}

void connectors_check(struct compile *c)
{
    const struct tree *all = tree_get(c->raw, "connectors");
    if (tree_is_map(all)) {
        c->connectors = xcalloc(all->n + 1, sizeof(*c->connectors));
        if (!c->connectors) {
            c->no_memory = true;
            return;
        }
        for (size_t i = 0; i < all->n; i++) {
            struct connector *x = &c->connectors[c->connectors_n];
            if (!tree_is_map(all->child[i]))
                continue; /* reported by the grammar */
            x->name = all->key[i]->text;
            x->key = all->key[i];
            x->node = all->child[i];
            c->connectors_n++;
            check_one(c, x);
        }
    }
    check_formers(c);
    check_defaults(c);
    machines_check_on(c);
    door_check(c);
}

void connectors_free(struct compile *c)
{
    for (size_t i = 0; i < c->connectors_n; i++) {
        side_free(&c->connectors[i].receive);
        side_free(&c->connectors[i].deliver);
    }
    free(c->connectors);
}
