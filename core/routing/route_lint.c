/* SPDX-License-Identifier: Apache-2.0 */
/* route_lint - routes and alternatives that can never give a destination. */
#include "base/util.h"
#include "lint_private.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct lint {
    const struct lint_known *known;
    void (*report)(void *arg, size_t route, int alternative, const char *code, const char *text);
    void *arg;
    size_t route;
    int alternative;
};

enum verdict { DEPENDS, NEVER, ALWAYS };

static void say(const struct lint *l, const char *code, const char *text)
{
    l->report(l->arg, l->route, l->alternative, code, text);
}

static void lint_match_values(const struct lint *l, const char *name, const struct tree *list)
{
    for (size_t i = 0; i < tree_items(list); i++) {
        char text[LINT_TEXT_MAX];
        const char *value = tree_text(tree_item(list, i)), *code = NULL;
        if (value && strcmp(name, "type") == 0)
            code = lint_type_value(l->known, value, text);
        if (code)
            say(l, code, text);
    }
}

static enum verdict lint_match(const struct lint *l, const struct tree *match)
{
    enum verdict v = ALWAYS;
    for (size_t i = 0; tree_is_map(match) && i < match->n; i++) {
        char name[64], text[LINT_TEXT_MAX];
        const char *key = match->key[i]->text, *code;
        size_t len = 0;
        for (; key[len] && len < sizeof(name) - 1; len++)
            name[len] = (char)(key[len] >= 'A' && key[len] <= 'Z' ? key[len] + 32 : key[len]);
        name[len] = '\0';
        if (strcmp(name, key) != 0 && !key[len]) {
            (void)snprintf(text, sizeof(text), "match: attribute names are lower case: write %s",
                           name);
            say(l, "wrong-case", text);
        }
        code = lint_attribute_name(l->known, name, text);
        if (code)
            say(l, code, text);
        lint_match_values(l, name, match->child[i]);
        if (v == ALWAYS)
            v = DEPENDS;
        if (tree_is_list(match->child[i]) && match->child[i]->n == 0)
            v = NEVER;
    }
    return v;
}

static int judge_when(const struct tree *when, enum verdict *ret)
{
    struct symbols *symbols = symbols_new();
    struct cesql *c = NULL;
    struct err e;
    *ret = DEPENDS;
    int r = symbols ? cesql_compile(when->text, when->text_len, symbols, &c, NULL, &e) : -ENOMEM;
    if (r == 0) {
        const struct node *n = &c->node[c->n_node - 1];
        if (n->flags & NODE_CONST)
            *ret = n->value.type == VALUE_BOOLEAN && n->value.integer ? ALWAYS : NEVER;
        else if (n->type == VALUE_INTEGER || n->type == VALUE_STRING)
            *ret = NEVER;
    }
    cesql_free(c);
    symbols_free(symbols);
    return r == -ENOMEM ? r : 0;
}

static int lint_condition(const struct lint *l, const struct tree *t, enum verdict *ret)
{
    const struct tree *when = tree_get(t, "when");
    enum verdict w = ALWAYS;
    *ret = lint_match(l, tree_get(t, "match"));
    int r = tree_text(when) ? judge_when(when, &w) : 0;
    if (*ret == NEVER || w == NEVER)
        *ret = NEVER;
    else if (w == DEPENDS)
        *ret = DEPENDS;
    if (r == 0 && *ret == NEVER)
        say(l, "constant", "the condition is never true: no message passes");
    return r;
}

static bool same_condition(const struct tree *a, const struct tree *b)
{
    return tree_same(tree_get(a, "match"), tree_get(b, "match")) &&
           tree_same(tree_get(a, "when"), tree_get(b, "when"));
}

static int lint_first(struct lint *l, const struct tree *first)
{
    char text[LINT_TEXT_MAX];
    size_t always = SIZE_MAX;
    for (size_t i = 0; i < first->n; i++) {
        enum verdict v;
        l->alternative = (int)i;
        int r = lint_condition(l, first->child[i], &v);
        if (r < 0)
            return r;
        size_t before = always;
        for (size_t k = 0; k < i && before == SIZE_MAX; k++) {
            if (same_condition(first->child[k], first->child[i]))
                before = k;
        }
        if (before != SIZE_MAX) {
            (void)snprintf(text, sizeof(text),
                           "never reached: alternative %zu is taken whenever this one could be",
                           before + 1);
            say(l, "unreachable", text);
        }
        if (v == ALWAYS && always == SIZE_MAX)
            always = i;
    }
    return 0;
}

int route_lint(const struct tree *routes, const struct lint_known *known,
               void (*report)(void *arg, size_t route, int alternative, const char *code,
                              const char *text),
               void *arg)
{
    struct lint l = {.known = known, .report = report, .arg = arg};
    for (size_t i = 0; tree_is_list(routes) && i < routes->n; i++) {
        const struct tree *route = routes->child[i], *first = tree_get(route, "first");
        enum verdict v;
        l.route = i;
        l.alternative = -1;
        int r = tree_is_map(route) ? lint_condition(&l, route, &v) : 0;
        if (r == 0 && tree_is_list(first))
            r = lint_first(&l, first);
        if (r < 0)
            return r;
    }
    return 0;
}
