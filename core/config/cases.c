/* SPDX-License-Identifier: Apache-2.0 */
/* cases - what `reeve test` runs, read and checked; running them is the worker's business.
 *
 * A file holds one case or a list of them. A misspelt expectation is an error, never a case that
 * passes. */
#include "compile.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool has_source(const struct tree *plan, const char *name)
{
    const struct tree *all = tree_get(plan, "processes");
    for (size_t i = 0; all && i < all->n; i++) {
        if (strcmp(tree_gets(all->child[i], "kind", ""), "source") == 0 &&
            strcmp(tree_gets(all->child[i], "part/connector", ""), name) == 0)
            return true;
    }
    return false;
}

static void destination(struct compile *c, const struct tree *plan, const struct tree *t,
                        struct tree *list)
{
    char q[QUOTE_MAX];
    if (t->kind != TREE_SCALAR)
        error_at(c, t, "wrong-kind", "a destination is a name");
    else if (plan && !tree_has(tree_get(plan, "destinations"), t->text))
        error_at(c, t, "unknown-destination", "there is no destination %s", quote(q, t->text));
    else if (!tree_has(list, t->text) && tree_appends(list, t->text) < 0)
        c->no_memory = true;
}

static int by_text(const void *a, const void *b)
{
    const struct tree *const *x = a, *const *y = b;
    return strcmp((*x)->text, (*y)->text);
}

static void expect_destinations(struct compile *c, const struct tree *plan, const struct tree *t,
                                struct tree *out)
{
    struct tree *list = tree_list(), *counts = tree_map();
    for (size_t i = 0; list && tree_is_list(t) && i < t->n; i++)
        destination(c, plan, t->child[i], list);
    for (size_t i = 0; list && counts && tree_is_map(t) && i < t->n; i++) {
        int64_t n = -1;
        destination(c, plan, t->key[i], list);
        if (!tree_text(t->child[i]) || parse_i64(t->child[i]->text, &n) < 0 || n < 1)
            error_at(c, t->child[i], "bad-value",
                     "how many messages? Wanted: a whole number from 1 on");
        else if (tree_putu(counts, t->key[i]->text, (uint64_t)n) < 0)
            c->no_memory = true;
    }
    if (t->kind == TREE_SCALAR && t->text_len > 0 && list)
        destination(c, plan, t, list);
    if (list && list->n > 1)
        qsort(list->child, list->n, sizeof(struct tree *), by_text);
    if (tree_put(out, "destinations", list) < 0)
        c->no_memory = true;
    if (!tree_is_map(t))
        tree_free(counts);
    else if (tree_put(out, "counts", counts) < 0)
        c->no_memory = true;
}

static struct tree *expectation(struct compile *c, const struct tree *plan, const struct tree *t)
{
    static const char *const numbers[] = {"accepted", "refused", "unrouted"};
    struct tree *out = tree_map();
    if (tree_is_map(t) && t->n == 0)
        error_at(c, t, "missing-key", "`expect` expects nothing");
    const struct tree *d = tree_get(t, "destinations");
    if (d && out)
        expect_destinations(c, plan, d, out);
    for (size_t i = 0; out && i < ARRAY_SIZE(numbers); i++) {
        if (tree_get(t, numbers[i]) && tree_putu(out, numbers[i], get_int(c, t, numbers[i], 0)) < 0)
            c->no_memory = true;
    }
    return out;
}

static void one_case(struct compile *c, const struct tree *plan, const struct tree *t,
                     const char *fallback, struct tree *list)
{
    if (!tree_is_map(t)) {
        error_at(c, t, "wrong-kind",
                 "a case is a map: {file: …, from: …, expect: {destinations: […]}}");
        return;
    }
    grammar_check(c, grammar_case, t, "this case", false);
    const struct tree *from = tree_get(t, "from");
    char q[QUOTE_MAX];
    if (plan && tree_text(from) && !has_source(plan, from->text))
        error_at(c, from, "unknown-connector", "no connector %s receives anything",
                 quote(q, from->text));
    _cleanup_free_ char *file = get_path(c, t, "file");
    if (file && access(file, R_OK) < 0)
        error_at(c, tree_get(t, "file"), "case-file", "%s: %s", tree_gets(t, "file", ""),
                 strerror(errno));
    struct tree *out = tree_map();
    const struct tree *name = tree_get(t, "name");
    int r = out ? tree_puts(out, "name", tree_text(name) ? name->text : fallback) : -ENOMEM;
    if (r == 0)
        r = tree_put(out, "place", tree_scalarf(false, "%s:%u:%u", t->file, t->line, t->col));
    if (r == 0)
        r = tree_puts(out, "file", file);
    if (r == 0)
        r = tree_puts(out, "from", tree_text(from));
    if (r == 0)
        r = tree_puts(out, "content_type", tree_gets(t, "content_type", NULL));
    if (r == 0)
        r = tree_put(out, "expect", expectation(c, plan, tree_get(t, "expect")));
    if (r < 0 || tree_append(list, TAKE_PTR(out)) < 0)
        c->no_memory = true;
    tree_free(out);
}

static void one_file(struct compile *c, const struct tree *plan, const char *shown,
                     const char *path, struct tree *list)
{
    const struct source *s = source_read(c, shown, path, NULL);
    const char *slash = strrchr(shown, '/');
    if (!s)
        return;
    if (!s->root) {
        diagnostics_add(c->d, SEVERITY_ERROR, shown, 1, 1, "missing-key", "this file has no case");
        return;
    }
    for (size_t i = 0; tree_is_list(s->root) && i < s->root->n; i++)
        one_case(c, plan, s->root->child[i], slash ? slash + 1 : shown, list);
    if (!tree_is_list(s->root))
        one_case(c, plan, s->root, slash ? slash + 1 : shown, list);
}

static int cases_dir(struct compile *c, const struct tree *plan, const char *shown,
                     const char *path, struct tree *list)
{
    struct tree *names = NULL;
    int r = list_yaml(path, &names);
    if (r < 0 || names->n == 0) {
        tree_free(names);
        return r < 0 ? r : -ENOENT;
    }
    for (size_t i = 0; i < names->n; i++) {
        _cleanup_free_ char *s = path_join(shown, names->child[i]->text),
                            *p = path_join(path, names->child[i]->text);
        if (s && p)
            one_file(c, plan, s, p, list);
        else
            c->no_memory = true;
    }
    tree_free(names);
    return 0;
}

/* Where the cases are: as given, or cases/ of the configuration. */
static char *where(const char *path, const char *cases)
{
    struct stat st;
    if (cases)
        return strdup(cases);
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return path_join(path, "cases");
    const char *slash = strrchr(path, '/');
    char *s = NULL;
    return asprintf(&s, "%.*scases", slash ? (int)(slash - path + 1) : 0, path) < 0 ? NULL : s;
}

int config_cases(const char *path, const char *cases, const struct tree *plan,
                 struct diagnostics *d, struct tree **ret)
{
    static const struct config_env none = {0};
    struct compile c = {.path = path, .d = d, .env = &none};
    char cwd[4096];
    struct stat st;
    struct tree *list = tree_list();
    _cleanup_free_ char *shown = where(path, cases), *full = NULL;
    int r = list && shown ? 0 : -ENOMEM;
    if (r == 0 && !getcwd(cwd, sizeof(cwd)))
        r = -errno;
    if (r == 0 && !(full = absolute(cwd, shown)))
        r = -ENOMEM;
    if (r == 0 && stat(full, &st) < 0)
        r = -errno;
    c.root_dir = cwd;
    if (r == 0 && S_ISDIR(st.st_mode))
        r = cases_dir(&c, plan, shown, full, list);
    else if (r == 0)
        one_file(&c, plan, shown, full, list);
    if (r == 0 && (c.no_memory || d->no_memory))
        r = -ENOMEM;
    if (r == 0 && d->errors > 0)
        r = -EINVAL;
    diagnostics_sort(d);
    for (size_t i = 0; i < c.sources_n; i++)
        source_free(c.sources[i]);
    free(c.sources);
    if (r < 0)
        tree_free(list);
    else
        *ret = list;
    return r;
}
