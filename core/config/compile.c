/* SPDX-License-Identifier: Apache-2.0 */
/* compile - from files to plan: the order of the passes, and the small things that all of them use.
 */
#include "compile.h"
#include "base/util.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void say(struct compile *c, enum severity severity, const struct tree *at, const char *code,
         const char *fmt, ...)
{
    char text[600];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    const char *file = at && at->file ? at->file : c->path;
    diagnostics_add(c->d, severity, file, at ? at->line : 1, at ? at->col : 1, code, "%s", text);
}

const struct tree *tree_key(const struct tree *map, const char *key)
{
    for (size_t i = 0; tree_is_map(map) && i < map->n; i++) {
        if (strcmp(map->key[i]->text, key) == 0)
            return map->key[i];
    }
    return NULL;
}

const char *quote(char out[QUOTE_MAX], const char *p)
{
    char cut[64];
    size_t n = strlen(p), keep = n;
    if (n > 60) {
        for (keep = 57; keep > 0 && ((unsigned char)p[keep] & 0xc0) == 0x80;)
            keep--;
    }
    memcpy(cut, p, keep);
    cut[keep] = '\0';
    (void)snprintf(out, QUOTE_MAX, "`%s%s`", cut, keep < n ? "…" : "");
    return out;
}

bool name_ok(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return n > 0 && s[n] == '\0' && n <= NAME_LEN_MAX && s[0] != '-' && s[n - 1] != '-';
}

struct tree *placed_map(struct compile *c, const struct tree *at)
{
    struct tree *t = tree_map();
    if (!t) {
        c->no_memory = true;
        return NULL;
    }
    t->file = at->file;
    t->line = at->line;
    t->col = at->col;
    return t;
}

int put_copy(struct tree *map, const struct tree *key, const struct tree *value)
{
    int r = tree_put(map, key->text, tree_copy(value));
    if (r == 0) {
        struct tree *k = map->key[map->n - 1];
        k->file = key->file;
        k->line = key->line;
        k->col = key->col;
    }
    return r;
}

const char *suggest(char out[QUOTE_MAX], const char *s, const char *const *names, size_t n)
{
    const char *near = did_you_mean(s, names, n);
    out[0] = '\0';
    if (near)
        (void)snprintf(out, QUOTE_MAX, "; did you mean `%.60s`?", near);
    return out;
}

const char *suggest_key(char out[QUOTE_MAX], const char *s, const struct tree *map)
{
    const char **names = tree_is_map(map) ? xcalloc(map->n + 1, sizeof(*names)) : NULL;
    out[0] = '\0';
    if (!names)
        return out;
    for (size_t i = 0; i < map->n; i++)
        names[i] = map->key[i]->text;
    (void)suggest(out, s, names, map->n);
    free(names);
    return out;
}

const struct source *source_of(const struct compile *c, const struct tree *t)
{
    for (size_t i = 0; t && t->file && i < c->sources_n; i++) {
        if (c->sources[i]->name == t->file)
            return c->sources[i];
    }
    return NULL;
}

static void done(struct compile *c)
{
    connectors_free(c);
    tree_free(c->routes);
    tree_free(c->door);
    tree_free(c->raw);
    for (size_t i = 0; i < c->sources_n; i++)
        source_free(c->sources[i]);
    free(c->sources);
    for (size_t i = 0; i < c->modules_n; i++) {
        tree_free(c->modules[i]->about);
        free(c->modules[i]->name);
        free(c->modules[i]->file);
        free(c->modules[i]);
    }
    free(c->modules);
    free(c->full);
    free(c->root_name);
    free(c->root_dir);
    free(c->data);
}

/* What nobody has looked at is never kept shorter than what somebody has. */
static void check_retention(struct compile *c)
{
    const struct tree *unseen = tree_at(c->raw, "retention/unseen");
    uint64_t dead = get_duration(c, c->raw, "retention/dead", 0);
    uint64_t ms = get_duration(c, c->raw, "retention/unseen", UINT64_MAX);
    if (unseen && ms < dead)
        error_at(c, unseen, "bad-value",
                 "`unseen` is less than `dead`: dead letters that nobody has looked at are kept at "
                 "least as long as others");
}

static void check_all(struct compile *c)
{
    if (!sources_load(c) || c->no_memory)
        return;
    grammar_check(c, grammar_top, c->raw, "the configuration", false);
    transport_check(c);
    state_check(c);
    check_retention(c);
    if (c->partial)
        return; /* names that seem unknown may stand in the file that could not be read */
    machines_check(c);
    connectors_check(c);
    transport_users_check(c);
    routes_check(c);
    pairs_check(c);
}

int config_compile(const char *path, const struct config_env *env, unsigned flags,
                   struct diagnostics *d, struct tree **ret_plan, struct buf *print)
{
    struct compile c = {.path = path, .env = env, .flags = flags, .d = d};
    struct tree *plan = NULL;
    int r = 0;
    check_all(&c);
    if (d->errors == 0 && !c.no_memory)
        r = plan_write(&c, &plan);
    if (r == 0 && d->errors == 0 && !c.no_memory && print)
        r = print_write(&c, print);
    if (c.no_memory || d->no_memory)
        r = -ENOMEM;
    else if (d->errors > 0)
        r = -EINVAL;
    diagnostics_sort(d);
    done(&c);
    if (r < 0) {
        tree_free(plan);
        return r;
    }
    *ret_plan = plan;
    return 0;
}

static int first_error(const struct diagnostics *d, struct err *e)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct diagnostic *x = &d->d[i];
        if (x->severity == SEVERITY_ERROR)
            return err_set(e, -EINVAL, x->code, "%s:%u:%u: %s", x->file, x->line, x->col, x->text);
    }
    return err_set(e, -ENOMEM, "memory", "out of memory");
}

int config_place(const char *path, const struct config_env *env, char **ret_data,
                 struct tree **ret_machines, struct err *e)
{
    struct diagnostics d = {0};
    struct compile c = {
        .path = path, .env = env, .flags = ret_data ? 0 : CONFIG_EVERY_MACHINE, .d = &d};
    char *data = NULL;
    struct tree *names = NULL;
    if (sources_load(&c) && d.errors == 0 && !c.no_memory) {
        machines_choose(&c);
        data = data_path(&c);
        names = machines_names(&c);
    }
    int r = d.errors > 0 || !data || !names ? first_error(&d, e) : 0;
    if (r == 0 && ret_data)
        *ret_data = TAKE_PTR(data);
    if (r == 0 && ret_machines)
        *ret_machines = TAKE_PTR(names);
    free(data);
    tree_free(names);
    done(&c);
    diagnostics_done(&d);
    return r;
}
