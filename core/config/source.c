/* SPDX-License-Identifier: Apache-2.0 */
/* source - the files of a configuration, read, parsed, and put together into one top level.
 *
 * A directory gives all its *.yaml and *.yml in the order of their names; profiles/ and cases/
 * below it are looked at by those who need them. Maps at the top level may be split over files; a
 * name in two files is an error showing both places. */
#include "compile.h"
#include "base/util.h"
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

void source_free(struct source *s)
{
    if (!s)
        return;
    tree_free(s->root);
    free(s->name);
    free(s->dir);
    free(s->text);
    free(s->lines);
    free(s);
}

/* Line breaks as YAML 1.1 (section 4.2) has them, so that our lines are the parser's. */
static size_t line_break(const char *p, size_t left)
{
    if (p[0] == '\n')
        return 1;
    if (p[0] == '\r')
        return left > 1 && p[1] == '\n' ? 2 : 1;
    if (left > 1 && memcmp(p, "\xc2\x85", 2) == 0)
        return 2;
    return left > 2 && (memcmp(p, "\xe2\x80\xa8", 3) == 0 || memcmp(p, "\xe2\x80\xa9", 3) == 0) ? 3
                                                                                                : 0;
}

static int find_lines(struct source *s)
{
    size_t cap = 0;
    void *p = NULL;
    for (size_t at = 0, start = 0; at <= s->len;) {
        size_t n = at < s->len ? line_break(s->text + at, s->len - at) : 1;
        if (n == 0) {
            at++;
            continue;
        }
        if (grow_array(&p, &cap, s->lines_n + 1, sizeof(size_t)) < 0) {
            free(p);
            s->lines_n = 0;
            return -ENOMEM;
        }
        ((size_t *)p)[s->lines_n++] = start;
        start = at += n;
    }
    s->lines = p;
    return 0;
}

static int remember(struct compile *c, struct source *s)
{
    void *p = c->sources;
    int r = grow_array(&p, &c->sources_cap, c->sources_n + 1, sizeof(struct source *));
    c->sources = p;
    if (r == 0)
        c->sources[c->sources_n++] = s;
    return r;
}

static char *dir_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    return dir;
}

static void report(struct compile *c, const char *shown, const struct tree *at, const char *code,
                   const char *why)
{
    if (at)
        error_at(c, at, code, "%s: %s", shown, why);
    else
        diagnostics_add(c->d, SEVERITY_ERROR, shown, 1, 1, code, "%s", why);
    c->partial = true;
}

/* Reads and parses. shown: the name for messages; at: who named it, or NULL. NULL: reported. */
struct source *source_read(struct compile *c, const char *shown, const char *path,
                           const struct tree *at)
{
    struct source *s = xcalloc(1, sizeof(*s));
    if (!s || !(s->name = strdup(shown)) || !(s->dir = dir_of(path)) || remember(c, s) < 0) {
        source_free(s);
        c->no_memory = true;
        return NULL;
    }
    struct stat st;
    bool plain = stat(path, &st) < 0 || S_ISREG(st.st_mode); /* a pipe would never end */
    int r = c->sources_n > FILES_MAX ? -EMFILE
            : !plain                 ? -EINVAL
                                     : read_file(path, FILE_MAX_BYTES, &s->text, &s->len);
    if (r == 0 && (c->bytes += s->len) > TOTAL_MAX_BYTES)
        r = -EFBIG;
    if (r == 0 && find_lines(s) < 0)
        c->no_memory = true;
    if (r == 0) {
        if (!c->no_memory && yaml_parse(c, s))
            return s;
        c->partial = true;
    } else if (r == -EFBIG) {
        report(c, shown, at, "file-size",
               "larger than 1 MiB, or all files together larger than 16 MiB");
    } else {
        report(c, shown, at, "file-unreadable",
               r == -EMFILE   ? "more than 1,000 files"
               : r == -EINVAL ? "not a plain file"
                              : strerror(-r));
    }
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    const struct tree *const *x = a, *const *y = b;
    return strcmp((*x)->text, (*y)->text);
}

static bool yaml_name(const char *name)
{
    size_t n = strlen(name);
    return name[0] != '.' && ((n > 5 && strcmp(name + n - 5, ".yaml") == 0) ||
                              (n > 4 && strcmp(name + n - 4, ".yml") == 0));
}

int list_yaml(const char *dir, struct tree **ret)
{
    DIR *d = opendir(dir);
    if (!d)
        return -errno;
    struct tree *names = tree_list();
    int r = names ? 0 : -ENOMEM;
    for (struct dirent *e; r == 0 && (e = readdir(d));) {
        if (yaml_name(e->d_name))
            r = names->n > FILES_MAX ? -EMFILE : tree_appends(names, e->d_name);
    }
    (void)closedir(d);
    if (r < 0) {
        tree_free(names);
        return r;
    }
    if (names->n > 1)
        qsort(names->child, names->n, sizeof(struct tree *), by_name);
    *ret = names;
    return 0;
}

static bool empty(const struct tree *t)
{
    return t->kind == TREE_SCALAR && t->plain &&
           (t->text_len == 0 || strcmp(t->text, "~") == 0 || strcmp(t->text, "null") == 0);
}

/* Puts the members of from into to. levels: how many maps deep a key may be in both (each with
 * members of its own). */
static void merge(struct compile *c, struct tree *to, const struct tree *from, unsigned levels)
{
    for (size_t i = 0; i < from->n; i++) {
        const struct tree *key = from->key[i], *value = from->child[i];
        const struct tree *there = tree_get(to, key->text);
        if (!there) {
            if (put_copy(to, key, value) < 0)
                c->no_memory = true;
            continue;
        }
        size_t at = 0;
        while (to->child[at] != there)
            at++;
        if (levels > 0 && tree_is_map(to->child[at]) && tree_is_map(value)) {
            merge(c, to->child[at], value, levels - 1);
            continue;
        }
        const struct tree *first = to->key[at];
        char q[QUOTE_MAX];
        error_at(c, key, "defined-twice", "%s is defined a second time; the first is at %s:%u:%u",
                 quote(q, key->text), first->file, first->line, first->col);
    }
}

/* parties, connectors, routes … : names side by side; defaults: side, plugin and option too. */
static void merge_top(struct compile *c, const struct tree *from)
{
    for (size_t i = 0; i < from->n; i++) {
        if (empty(from->child[i]))
            continue;
        struct tree part = {
            .kind = TREE_MAP, .n = 1, .child = &from->child[i], .key = &from->key[i]};
        merge(c, c->raw, &part, strcmp(from->key[i]->text, "defaults") == 0 ? 3 : 1);
    }
}

static void take(struct compile *c, const struct source *s)
{
    if (!s || !s->root || empty(s->root))
        return;
    if (!tree_is_map(s->root)) {
        error_at(c, s->root, "top-level",
                 "a configuration file is a map (hub:, parties:, connectors:, routes: …)");
        c->partial = true;
        return;
    }
    merge_top(c, s->root);
}

static bool load_dir(struct compile *c)
{
    struct tree *names = NULL;
    int r = list_yaml(c->path, &names);
    if (r < 0) {
        report(c, c->path, NULL, "config-unreadable", strerror(-r));
        return false;
    }
    if (names->n == 0)
        report(c, c->path, NULL, "config-empty", "this directory has no *.yaml file");
    for (size_t i = 0; i < names->n; i++) {
        char *shown = path_join(c->path, names->child[i]->text);
        char *path = path_join(c->root_dir, names->child[i]->text);
        if (shown && path)
            take(c, source_read(c, shown, path, NULL));
        else
            c->no_memory = true;
        free(shown);
        free(path);
    }
    tree_free(names);
    return true;
}

bool sources_load(struct compile *c)
{
    struct stat st;
    char cwd[4096];
    if (stat(c->path, &st) < 0) {
        report(c, c->path, NULL, "config-unreadable", strerror(errno));
        return false;
    }
    char *full = c->full = getcwd(cwd, sizeof(cwd)) ? absolute(cwd, c->path) : NULL;
    c->raw = tree_map();
    c->root_dir = !full ? NULL : S_ISDIR(st.st_mode) ? strdup(full) : dir_of(full);
    c->root_name = S_ISDIR(st.st_mode) ? strdup(c->path) : dir_of(c->path);
    if (!full || !c->raw || !c->root_dir || !c->root_name) {
        c->no_memory = true;
        return false;
    }
    if (S_ISDIR(st.st_mode))
        return load_dir(c);
    take(c, source_read(c, c->path, full, NULL));
    return true;
}
