/* SPDX-License-Identifier: Apache-2.0 */
/* options - what a plugin, adapter or step is given, checked against its own description and made
 * canonical.
 *
 * The same rules as the modules themselves rely on (core/README.md "Options"): after this no plugin
 * sees a value out of range, an option of the other side, or a missing required one. */
#include "compile.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPTION_VALUES_MAX 10000u

static struct module *known(const struct compile *c, enum config_kind kind, const char *name)
{
    for (size_t i = 0; i < c->modules_n; i++) {
        if (c->modules[i]->kind == kind && strcmp(c->modules[i]->name, name) == 0)
            return c->modules[i];
    }
    return NULL;
}

static struct module *module_new(struct compile *c, enum config_kind kind, const char *name)
{
    struct module *m = xcalloc(1, sizeof(*m));
    void *p = c->modules;
    int r = m ? grow_array(&p, &c->modules_cap, c->modules_n + 1, sizeof(m)) : -ENOMEM;
    c->modules = p;
    if (r < 0 || !(m->name = strdup(name))) {
        free(m);
        c->no_memory = true;
        return NULL;
    }
    m->kind = kind;
    c->modules[c->modules_n++] = m;
    m->file = c->env->find(c->env->arg, kind, name, &m->why);
    if (m->file && c->env->describe(c->env->arg, m->file, &m->about, &m->why) < 0)
        m->about = NULL;
    return m;
}

struct module *module_get(struct compile *c, enum config_kind kind, const struct tree *name)
{
    const struct source *s = source_of(c, name);
    _cleanup_free_ char *full = strchr(name->text, '/')
                                    ? absolute(s ? s->dir : c->root_dir, name->text)
                                    : strdup(name->text);
    if (!full) {
        c->no_memory = true;
        return NULL;
    }
    struct module *m = known(c, kind, full);
    if (!m)
        m = module_new(c, kind, full);
    if (m && !m->about)
        error_at(c, name,
                 m->file                 ? "module-unusable"
                 : kind == CONFIG_PLUGIN ? "unknown-plugin"
                                         : "unknown-adapter",
                 "%s", m->why.text);
    return m && m->about ? m : NULL;
}

bool module_has(const struct module *m, const char *role)
{
    return tree_has(tree_get(m->about, "roles"), role);
}

bool module_is_named(const struct module *m)
{
    return m->kind == CONFIG_ADAPTER && tree_getb(m->about, "named", false);
}

static enum shape shape_of(const char *type)
{
    static const struct {
        const char *type;
        enum shape shape;
    } table[] = {
        {"string", SHAPE_TEXT},       {"int", SHAPE_INT},       {"bool", SHAPE_BOOL},
        {"duration", SHAPE_DURATION}, {"bytes", SHAPE_BYTES},   {"url", SHAPE_URL},
        {"path", SHAPE_PATH},         {"secret", SHAPE_SECRET}, {"choice", SHAPE_CHOICE},
        {"map", SHAPE_MAP},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        if (strcmp(table[i].type, type) == 0)
            return table[i].shape;
    }
    return SHAPE_TEXT;
}

struct option { /* one row of a description */
    const char *key, *allowed, *def, *side;
    enum shape shape;
    bool required, list, deprecated, executable;
};

static bool option_read(const struct module *m, size_t i, struct option *o)
{
    const struct tree *all = tree_get(m->about, "options");
    if (!all || i >= all->n)
        return false;
    const struct tree *t = all->child[i];
    o->key = tree_gets(t, "key", "");
    o->allowed = tree_gets(t, "allowed", NULL);
    o->def = tree_gets(t, "default", NULL);
    o->side = tree_gets(t, "side", "both");
    o->shape = shape_of(tree_gets(t, "type", "string"));
    o->required = tree_getb(t, "required", false);
    o->list = tree_getb(t, "list", false);
    o->deprecated = tree_getb(t, "deprecated", false);
    o->executable = tree_getb(t, "executable", false);
    return true;
}

/* The rules: reeve/plugin.h, REEVE_OPT_ADAPTER and REEVE_ADAPTER_NAMED. */
static bool on_side(const struct option *o, const struct module *m, bool deliver)
{
    if (strcmp(o->side, "adapter") == 0)
        return m->kind == CONFIG_ADAPTER;
    return strcmp(o->side, "both") == 0 ||
           (!module_is_named(m) && strcmp(o->side, deliver ? "deliver" : "receive") == 0);
}

static void wrong_side(struct compile *c, const struct option *o, const struct module *m,
                       const struct tree *key)
{
    const char *name = tree_gets(m->about, "name", m->name);
    if (strcmp(o->side, "adapter") == 0 || module_is_named(m))
        error_at(c, key, "option-side", "`%s` is an option of %s only where it is %s adapter",
                 o->key, name, m->kind == CONFIG_ADAPTER ? "no" : "an");
    else
        error_at(c, key, "option-side", "`%s` is an option of the %s side of %s only", o->key,
                 o->side, name);
}

static void bad(struct compile *c, const struct option *o, const struct tree *t, const char *why,
                bool reference)
{
    char words[500], q[QUOTE_MAX];
    (void)wanted_words(words, sizeof(words), o->allowed ? o->allowed : "", why);
    if (reference)
        error_at(c, t, "bad-value", "what %s gives for `%s` is not what is wanted: %s",
                 quote(q, t->text), o->key, words);
    else
        error_at(c, t, "bad-value", "`%s` is %s; wanted: %s", o->key, quote(q, t->text), words);
}

/* A URL with a password in it, written out. */
static bool has_password(const char *url)
{
    const char *host = strstr(url, "://");
    if (!host)
        return false;
    host += 3;
    size_t n = strcspn(host, "/?#");
    const char *at = memchr(host, '@', n);
    return at && memchr(host, ':', (size_t)(at - host));
}

/* Header fields that carry a secret. */
static bool secret_header(const char *name)
{
    static const char *const names[] = {"authorization", "proxy-authorization", "cookie",
                                        "x-api-key"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcasecmp(names[i], name) == 0)
            return true;
    }
    return false;
}

static void check_plain_secret(struct compile *c, const struct tree *t, bool secret)
{
    if (secret && !value_has_reference(t))
        warning_at(c, t, "secret-plain",
                   "a secret seems to stand here as text; put it in a file and write "
                   "${file:secrets/NAME} in its place");
}

/* Where several machines run the hub it may be another one that has the program. */
static void check_executable(struct compile *c, const struct option *o, const struct tree *t,
                             const char *file)
{
    struct stat st;
    char q[QUOTE_MAX];
    const char *why = stat(file, &st) < 0      ? strerror(errno)
                      : !S_ISREG(st.st_mode)   ? "it is not a file"
                      : access(file, X_OK) < 0 ? "it cannot be executed"
                                               : NULL;
    if (why && tree_get(c->raw, "machines"))
        warning_at(c, t, "not-executable", "`%s`: %s: %s", o->key, quote(q, t->text), why);
    else if (why)
        error_at(c, t, "not-executable", "`%s`: %s: %s", o->key, quote(q, t->text), why);
}

/* One scalar into canonical text; NULL: reported, or open (CONFIG_WITHOUT_SECRETS). */
static struct tree *scalar(struct compile *c, const struct option *o, const struct tree *t)
{
    if (t->kind != TREE_SCALAR) {
        error_at(c, t, "wrong-kind",
                 o->list ? "`%s` is a value or a list of values" : "`%s` must be a single value",
                 o->key);
        return NULL;
    }
    bool reference = value_has_reference(t);
    if (o->shape == SHAPE_SECRET && !reference) {
        error_at(c, t, "secret-plain",
                 "`%s` must be a reference, ${file:secrets/NAME} or ${env:NAME}: secrets have no "
                 "place in these files",
                 o->key);
        return NULL;
    }
    check_plain_secret(c, t, o->shape == SHAPE_URL && has_password(t->text));
    struct buf b = BUF_INIT(256u << 10), out = BUF_INIT(256u << 10);
    struct tree *v = NULL;
    const struct source *s = source_of(c, t);
    enum resolved r = value_resolve(c, t, &b);
    if (r == RESOLVED) {
        const char *why =
            value_canonical(o->shape, o->allowed, s ? s->dir : c->root_dir, buf_str(&b), &out);
        if (why)
            bad(c, o, t, why, reference);
        else if (!(v = tree_scalar(buf_str(&out), false)))
            c->no_memory = true;
        else if (o->executable && !(c->flags & CONFIG_WITHOUT_SECRETS))
            check_executable(c, o, t, buf_str(&out));
    } else if (r == RESOLVED_NOT) {
        v = tree_scalar("", false);
    }
    if (b.p)
        explicit_bzero(b.p, b.len);
    buf_done(&b);
    buf_done(&out);
    return v;
}

static struct tree *values(struct compile *c, const struct option *o, const struct tree *t)
{
    struct tree *list = tree_list();
    struct tree one = {.n = 1};
    struct tree *self = NULL;
    if (!tree_is_list(t)) { /* a list of itself, for the loop */
        self = tree_copy(t);
        one.child = &self;
        t = &one;
    } else if (!o->list) {
        error_at(c, t, "wrong-kind", "`%s` must be a single value, not a list", o->key);
    }
    for (size_t i = 0; list && i < t->n && i < OPTION_VALUES_MAX; i++) {
        struct tree *v = t->child[i] ? scalar(c, o, t->child[i]) : NULL;
        if (v && tree_append(list, v) < 0)
            c->no_memory = true;
    }
    tree_free(self);
    if (!list)
        c->no_memory = true;
    return list;
}

static struct tree *texts(struct compile *c, const struct option *o, const struct tree *t)
{
    struct tree *map = tree_map();
    if (!tree_is_map(t)) {
        error_at(c, t, "wrong-kind", "`%s` must be a map of names to texts", o->key);
        return map;
    }
    for (size_t i = 0; map && i < t->n; i++) {
        struct option each = *o;
        each.shape = SHAPE_TEXT;
        if (tree_text(t->child[i]))
            check_plain_secret(c, t->child[i], secret_header(t->key[i]->text));
        struct tree *v = scalar(c, &each, t->child[i]);
        if (v && tree_put(map, t->key[i]->text, v) < 0)
            c->no_memory = true;
    }
    if (!map)
        c->no_memory = true;
    return map;
}

static void unknown(struct compile *c, const struct module *m, const struct field *host,
                    const struct tree *key)
{
    const char *names[256];
    size_t n = 0;
    struct option o;
    for (size_t i = 0; n < 200 && option_read(m, i, &o); i++)
        names[n++] = o.key;
    for (; host && host->key && n < 256; host++)
        names[n++] = host->key;
    char q[QUOTE_MAX], s[QUOTE_MAX];
    error_at(c, key, "unknown-option", "%s has no option %s%s",
             tree_gets(m->about, "name", m->name), quote(q, key->text),
             suggest(s, key->text, names, n));
}

/* Takes one given option. */
static void take(struct compile *c, const struct module *m, bool deliver, const struct tree *key,
                 const struct tree *value, const struct field *host, struct tree *out)
{
    struct option o;
    size_t i = 0;
    while (option_read(m, i, &o) && strcmp(o.key, key->text) != 0)
        i++;
    if (!option_read(m, i, &o)) {
        unknown(c, m, host, key);
        return;
    }
    if (!on_side(&o, m, deliver)) {
        wrong_side(c, &o, m, key);
        return;
    }
    if (o.deprecated)
        warning_at(c, key, "option-deprecated",
                   "`%s` is going away: see `reeve plugin describe %s`", o.key, m->name);
    struct tree *v = o.shape == SHAPE_MAP ? texts(c, &o, value) : values(c, &o, value);
    if (v && tree_put(out, o.key, v) < 0)
        c->no_memory = true;
}

static void fill(struct compile *c, const struct module *m, const struct option *o,
                 const struct tree *at, struct tree *out, struct tree *print)
{
    struct buf b = BUF_INIT(64u << 10);
    const char *why = NULL;
    if (!o->def && o->required)
        error_at(c, at, "option-required", "%s needs the option `%s`",
                 tree_gets(m->about, "name", m->name), o->key);
    if (o->def && o->shape != SHAPE_MAP && *o->def) {
        struct tree *list = tree_list();
        why = value_canonical(o->shape == SHAPE_SECRET ? SHAPE_TEXT : o->shape, o->allowed,
                              c->root_dir, o->def, &b);
        if (!list || tree_appends(list, buf_str(&b)) < 0 || tree_put(out, o->key, list) < 0 ||
            tree_puts(print, o->key, o->def) < 0)
            c->no_memory = true;
    }
    if (why)
        error_at(c, at, "module-unusable", "%s: its default of `%s` is not what it wants itself",
                 m->name, o->key);
    buf_done(&b);
}

void options_check(struct compile *c, const struct module *m, bool deliver,
                   const struct tree *given, const struct field *host, const struct tree *at,
                   struct tree **ret, struct tree **ret_print)
{
    struct tree *out = tree_map(), *print = tree_map();
    for (size_t i = 0; out && print && tree_is_map(given) && i < given->n; i++) {
        if (host && field_find(host, given->key[i]->text))
            continue;
        take(c, m, deliver, given->key[i], given->child[i], host, out);
        if (put_copy(print, given->key[i], given->child[i]) < 0)
            c->no_memory = true;
    }
    struct option o;
    for (size_t i = 0; out && print && option_read(m, i, &o); i++) {
        if (on_side(&o, m, deliver) && !tree_get(print, o.key))
            fill(c, m, &o, at, out, print);
    }
    if (!out || !print)
        c->no_memory = true;
    *ret = out;
    *ret_print = print;
}
