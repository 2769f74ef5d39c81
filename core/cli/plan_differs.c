/* SPDX-License-Identifier: Apache-2.0 */
/* plan_differs - what a replay of routes cannot show: a process that keeps its name and gets
 * another address, another adapter, other steps. Only names of options are given, never values:
 * they may be secrets. Pure. */
#include "plan.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

/* Not compared: what follows from the place of the files, is in the replay itself, or is a new
 * version of the same module. */
static bool passed_over(const char *key)
{
    static const char *const keys[] = {"kind",         "name",        "hub",       "data",
                                       "run",          "file",        "transport", "retention",
                                       "destinations", "routes",      "unrouted",  "socket",
                                       "connector",    "destination", "version"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

/* A path below the configuration's directory is the same where the directory is another. */
static const char *relative(const char *text, const char *root)
{
    size_t n = strlen(root);
    return n && strncmp(text, root, n) == 0 && text[n] == '/' ? text + n : text;
}

static bool equal(const struct tree *a, const struct tree *b, const struct plan_config c[2])
{
    if (!a || !b || a->kind != b->kind || a->n != b->n)
        return !a && !b;
    if (a->kind == TREE_SCALAR)
        return strcmp(relative(a->text, c[0].root), relative(b->text, c[1].root)) == 0;
    for (size_t i = 0; i < a->n; i++) {
        const char *key = a->key ? tree_text(a->key[i]) : NULL;
        if (key && (passed_over(key) && strcmp(key, "name") != 0))
            continue;
        if (!equal(a->child[i], key ? tree_get(b, key) : b->child[i], c))
            return false;
    }
    return true;
}

/* Adds the names of the members that differ; of options, the options' names. */
static int members(const struct tree *a, const struct tree *b, const char *before,
                   const struct plan_config c[2], struct tree *out)
{
    int rc = 0;
    for (int side = 0; side < 2; side++) {
        const struct tree *x = side ? b : a, *y = side ? a : b;
        for (size_t i = 0; rc == 0 && x && i < x->n; i++) {
            const char *key = tree_text(x->key[i]);
            const struct tree *other = tree_get(y, key);
            char name[200];
            if ((side && other) || (!*before && passed_over(key)))
                continue;
            if (side ? equal(other, x->child[i], c) : equal(x->child[i], other, c))
                continue;
            (void)snprintf(name, sizeof(name), "%s%s", before, key);
            rc = tree_appends(out, name);
        }
    }
    return rc;
}

/* A module: another one, or its options by name. */
static int module_differs(const struct tree *a, const struct tree *b, const char *key,
                          const struct plan_config c[2], struct tree *out)
{
    const struct tree *x = tree_get(a, key), *y = tree_get(b, key);
    char before[64];
    if (strcmp(tree_gets(x, "name", ""), tree_gets(y, "name", "")) != 0)
        return tree_appends(out, key);
    (void)snprintf(before, sizeof(before), "%s option ", key);
    return members(tree_get(x, "options"), tree_get(y, "options"), before, c, out);
}

static int process_differs(const struct tree *a, const struct tree *b,
                           const struct plan_config c[2], struct tree *out)
{
    static const char *const modules[] = {"plugin", "adapter"};
    struct tree *all = tree_list();
    int rc = members(a, b, "", c, all);
    for (size_t i = 0; rc == 0 && i < all->n; i++) {
        const char *key = tree_text(all->child[i]);
        bool module = false;
        for (size_t m = 0; m < ARRAY_SIZE(modules); m++)
            module = module || strcmp(key, modules[m]) == 0;
        rc = module ? module_differs(a, b, key, c, out) : tree_appends(out, key);
    }
    tree_free(all);
    return all ? rc : -ENOMEM;
}

static const struct tree *part_named(const struct plan_config *c, const char *name)
{
    return tree_get(tree_named(tree_get(c->plan, "processes"), name), "part");
}

static int put(struct tree *list, const char *name, struct tree *what)
{
    if (what && what->n == 0) {
        tree_free(what);
        return 0;
    }
    struct tree *t = tree_map();
    int rc = tree_puts(t, "name", name) | tree_put(t, "what", what);
    return rc | tree_append(list, t);
}

static int only_here(const char *text, struct tree *list, const char *name)
{
    struct tree *what = tree_list();
    int rc = tree_appends(what, text);
    return rc | put(list, name, what);
}

static bool a_side(const struct tree *process)
{
    const char *kind = tree_gets(process, "kind", "");
    return strcmp(kind, "source") == 0 || strcmp(kind, "sink") == 0;
}

int differs_report(const struct plan_config c[2], struct tree *t)
{
    struct tree *list = tree_list();
    int rc = list ? 0 : -ENOMEM;
    if (strcmp(c[0].hub, c[1].hub) != 0)
        rc = only_here("another name: every message gets another source and id", list, "hub");
    for (int side = 0; side < 2; side++) {
        const struct tree *all = tree_get(c[side].plan, "processes");
        for (size_t i = 0; rc == 0 && all && i < all->n; i++) {
            const char *name = tree_gets(all->child[i], "name", "");
            const struct tree *other = part_named(&c[!side], name);
            if (!a_side(all->child[i]))
                continue;
            if (!other) {
                rc = only_here(side ? "new" : "not there any more, or not enabled", list, name);
            } else if (side == 0) {
                struct tree *what = tree_list();
                rc = process_differs(tree_get(all->child[i], "part"), other, c, what);
                rc |= put(list, name, what);
            }
        }
    }
    rc |= tree_put(t, "differences", list);
    return rc ? -ENOMEM : 0;
}
