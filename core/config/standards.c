/* SPDX-License-Identifier: Apache-2.0 */
/* standards - which standard a side speaks. Most adapters know one and are called like it; of
 * others an option says which (REEVE_ADAPTER_NAMED). The hub knows by that name alone who
 * understands whom, so that it must mean one thing in the whole configuration. */
#include "compile.h"
#include "base/util.h"
#include <stdio.h>
#include <string.h>

typedef void each_side(void *arg, const struct side *s);

/* All sides that have an adapter, in the order of the files. */
static void sides_each(const struct compile *c, each_side *each, void *arg)
{
    for (size_t i = 0; i < c->connectors_n; i++) {
        const struct connector *x = &c->connectors[i];
        if (x->receive.adapter && x->receive.standard)
            each(arg, &x->receive);
        if (x->deliver.adapter && x->deliver.standard)
            each(arg, &x->deliver);
    }
}

struct first { /* the first side that speaks it, and not this one */
    const char *standard;
    const struct side * not, *found;
};

static void find_first(void *arg, const struct side *s)
{
    struct first *f = arg;
    if (!f->found && s != f->not &&strcmp(s->standard, f->standard) == 0)
        f->found = s;
}

struct firsts {
    const struct compile *c;
    each_side *each;
    void *arg;
};

static void if_first(void *arg, const struct side *s)
{
    const struct firsts *all = arg;
    struct first f = {.standard = s->standard};
    sides_each(all->c, find_first, &f);
    if (f.found == s)
        all->each(all->arg, s);
}

void standards_each(const struct compile *c, each_side *each, void *arg)
{
    struct firsts all = {c, each, arg};
    sides_each(c, if_first, &all);
}

/* ---- one that is named by an option ---- */

/* The key whose values differ, or NULL: the two are the same. */
static const char *differs(const struct tree *a, const struct tree *b)
{
    for (size_t i = 0; i < a->n; i++) {
        if (!tree_same(a->child[i], tree_get(b, a->key[i]->text)))
            return a->key[i]->text;
    }
    return NULL;
}

/* Two programs that call themselves the same would be taken for the same. */
static void check_once(struct compile *c, const struct side *s)
{
    struct first f = {.standard = s->standard, .not = s};
    sides_each(c, find_first, &f);
    if (!f.found || !f.found->standard_at)
        return;
    const char *key = f.found->adapter != s->adapter ? "plugin" : NULL;
    if (!key)
        key = differs(s->adapter_options, f.found->adapter_options);
    if (!key)
        key = differs(f.found->adapter_options, s->adapter_options);
    if (key)
        error_at(c, s->standard_at, "standard-twice",
                 "%s:%u says something else about the standard `%s` (`%s`): give both the same "
                 "options, or name two standards",
                 f.found->standard_at->file, f.found->standard_at->line, s->standard, key);
}

static bool installed(const struct compile *c, const char *name)
{
    struct err e;
    char *file = c->env->find(c->env->arg, CONFIG_ADAPTER, name, &e);
    free(file);
    return file != NULL;
}

static void check_named(struct compile *c, const struct side *s)
{
    char q[QUOTE_MAX];
    if (value_has_reference(s->standard_at) || !name_ok(s->standard))
        error_at(c, s->standard_at, "bad-value",
                 "`standard` is %s; wanted: a name of a-z, 0-9 and -, written out, of at most %u "
                 "characters",
                 quote(q, s->standard_at->text), NAME_LEN_MAX);
    else if (strcmp(s->standard, CONFIG_HUB_RECORD) == 0)
        error_at(c, s->standard_at, "standard-taken",
                 "`hub` is the name of the hub record; choose another one");
    else if (installed(c, s->standard))
        error_at(c, s->standard_at, "standard-taken",
                 "%s is the name of an adapter of this installation; choose another one",
                 quote(q, s->standard));
    else
        check_once(c, s);
}

void standard_check(struct compile *c, struct side *s, const struct tree *given)
{
    const struct module *m = s->adapter;
    const struct tree *named = module_is_named(m) ? tree_get(given, "standard") : NULL;
    const char *text = tree_text(tree_item(tree_get(s->adapter_options, "standard"), 0));
    s->standard = tree_gets(m->about, "name", m->name);
    if (!named || named->kind != TREE_SCALAR || !text)
        return; /* options_check() reported what is missing */
    s->standard = text;
    s->standard_at = named;
    check_named(c, s);
}
