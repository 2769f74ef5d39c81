/* SPDX-License-Identifier: Apache-2.0 */
/* fidelity - see fidelity.h.
 *
 * Known limit: a list item is looked for among the next FAR items that have no partner yet, so that
 * a list of any length is compared in linear time; one that moved further counts as lost there and
 * added here. */
#include "fidelity.h"
#include "base/buf.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FAR      64u
#define PATH_CAP (64u << 10)

const char *const fidelity_names[FIDELITIES] = {"kept", "widened", "changed", "lost", "added"};

struct comparing {
    struct buf path, field;
    void (*fn)(void *arg, const struct fidelity_field *f);
    void *arg;
    int rc;
};

/* ---- values ---- */
/* Characters of a decimal without zeros at its end; 0: it is none. */
static size_t decimal_length(const char *s)
{
    const char *p = s + (*s == '-');
    size_t whole = strspn(p, "0123456789");
    if (whole == 0 || (whole > 1 && *p == '0'))
        return 0;
    if (p[whole] == '\0')
        return strlen(s);
    size_t behind = p[whole] == '.' ? strspn(p + whole + 1, "0123456789") : 0;
    size_t n = whole + 1 + behind;
    if (behind == 0 || p[n] != '\0')
        return 0;
    while (p[n - 1] == '0')
        n--;
    return (size_t)(p - s) + (p[n - 1] == '.' ? n - 1 : n);
}

static enum fidelity compare_scalars(const struct tree *was, const struct tree *is)
{
    if (was->text_len == is->text_len && memcmp(was->text, is->text, was->text_len) == 0)
        return was->plain == is->plain ? FIDELITY_KEPT : FIDELITY_CHANGED;
    size_t a = decimal_length(was->text), b = decimal_length(is->text);
    if (a > 0 && was->plain == is->plain)
        return a == b && memcmp(was->text, is->text, a) == 0 ? FIDELITY_KEPT : FIDELITY_CHANGED;
    return !was->plain && !is->plain && is->text_len > 0 && is->text_len < was->text_len &&
                   memcmp(was->text, is->text, is->text_len) == 0
               ? FIDELITY_WIDENED
               : FIDELITY_CHANGED;
}

static bool same(const struct tree *a, const struct tree *b)
{
    if (a->kind != b->kind || a->n != b->n)
        return false;
    if (a->kind == TREE_SCALAR)
        return compare_scalars(a, b) == FIDELITY_KEPT;
    for (size_t i = 0; i < a->n; i++) {
        const struct tree *x = a->kind == TREE_LIST ? b->child[i] : tree_get(b, a->key[i]->text);
        if (!x || !same(a->child[i], x))
            return false;
    }
    return true;
}

/* ---- where we are ---- */
struct mark {
    size_t path, field;
};

static struct mark step(struct comparing *c, const char *name, size_t index)
{
    struct mark m = {c->path.len, c->field.len};
    int rc = name ? 0 : buf_addf(&c->path, "/%zu", index) | buf_adds(&c->field, "/*");
    if (name)
        rc = buf_addc(&c->path, '/') | buf_addc(&c->field, '/');
    for (const char *s = name; s && *s; s++) { /* RFC 6901 */
        char one[3] = {*s, '\0', '\0'};
        if (*s == '~' || *s == '/') {
            one[0] = '~';
            one[1] = *s == '~' ? '0' : '1';
        }
        rc |= buf_adds(&c->path, one) | buf_adds(&c->field, one);
    }
    if (rc != 0)
        c->rc = -ENOMEM;
    return m;
}

static void back(struct comparing *c, struct mark m)
{
    c->path.len = m.path;
    c->field.len = m.field;
    if (c->path.p)
        c->path.p[m.path] = '\0';
    if (c->field.p)
        c->field.p[m.field] = '\0';
}

static void found(struct comparing *c, enum fidelity what, const struct tree *was,
                  const struct tree *is)
{
    struct fidelity_field f = {
        .what = what, .path = buf_str(&c->path), .field = buf_str(&c->field), .was = was, .is = is};
    c->fn(c->arg, &f);
}

/* A whole branch that only one of them has. */
static void alone(struct comparing *c, enum fidelity what, const struct tree *t)
{
    if (t->kind == TREE_SCALAR || t->n == 0) {
        found(c, what, what == FIDELITY_LOST ? t : NULL, what == FIDELITY_LOST ? NULL : t);
        return;
    }
    for (size_t i = 0; i < t->n && c->rc == 0; i++) {
        struct mark m = step(c, t->kind == TREE_MAP ? t->key[i]->text : NULL, i);
        alone(c, what, t->child[i]);
        back(c, m);
    }
}

/* ---- maps and lists ---- */
static void compare(struct comparing *c, const struct tree *was, const struct tree *is);

static bool skipped(const char *const *skip, const char *name)
{
    for (; skip && *skip; skip++)
        if (strcmp(*skip, name) == 0)
            return true;
    return false;
}

static void compare_maps(struct comparing *c, const struct tree *was, const struct tree *is,
                         const char *const *skip)
{
    for (size_t i = 0; i < was->n && c->rc == 0; i++) {
        const char *name = was->key[i]->text;
        const struct tree *other = tree_get(is, name);
        if (skipped(skip, name))
            continue;
        struct mark m = step(c, name, 0);
        if (other)
            compare(c, was->child[i], other);
        else
            alone(c, FIDELITY_LOST, was->child[i]);
        back(c, m);
    }
    for (size_t i = 0; i < is->n && c->rc == 0; i++) {
        if (tree_get(was, is->key[i]->text) || skipped(skip, is->key[i]->text))
            continue;
        struct mark m = step(c, is->key[i]->text, 0);
        alone(c, FIDELITY_ADDED, is->child[i]);
        back(c, m);
    }
}

static const struct tree *name_of_item(const struct tree *item)
{
    static const char *const names[] = {"id", "code", "title", "name"};
    const struct tree *identifiers = tree_get(item, "identifiers"), *v = tree_get(item, "id");
    if (!v && tree_is_list(identifiers) && identifiers->n > 0)
        return tree_get(identifiers->child[0], "id");
    for (size_t i = 0; i < ARRAY_SIZE(names) && !v; i++)
        v = tree_get(item, names[i]);
    return v;
}

static bool named_alike(const struct tree *a, const struct tree *b)
{
    const struct tree *x = name_of_item(a), *y = name_of_item(b);
    return tree_text(x) && tree_text(y) && strcmp(x->text, y->text) == 0;
}

static bool any(const struct tree *a, const struct tree *b)
{
    (void)a, (void)b;
    return true;
}

/* The first item from j on that has no partner yet, or the end. next[j]: j itself of such a one,
 * else somewhere on the way to it; ways are cut short as they are gone. */
static size_t unpaired(size_t *next, size_t j)
{
    while (next[j] != j) {
        next[j] = next[next[j]];
        j = next[j];
    }
    return j;
}

/* partner[i]: 1 + index in `is` of the partner of was[i]; next: of `is`, see unpaired() */
static void pair_items(const struct tree *was, const struct tree *is, size_t *partner, size_t *next,
                       bool (*fit)(const struct tree *, const struct tree *))
{
    for (size_t i = 0; i < was->n; i++) {
        if (partner[i])
            continue;
        size_t j = unpaired(next, 0);
        for (size_t looked = 0; looked < FAR && j < is->n; looked++, j = unpaired(next, j + 1)) {
            if (!fit(was->child[i], is->child[j]))
                continue;
            partner[i] = j + 1;
            next[j] = j + 1;
            break;
        }
    }
}

static void compare_lists(struct comparing *c, const struct tree *was, const struct tree *is)
{
    size_t *partner = xcalloc(was->n + 1, sizeof(*partner));
    size_t *next = xcalloc(is->n + 1, sizeof(*next));
    if (!partner || !next) {
        c->rc = -ENOMEM;
    } else {
        for (size_t j = 0; j <= is->n; j++)
            next[j] = j;
        pair_items(was, is, partner, next, same);
        pair_items(was, is, partner, next, named_alike);
        pair_items(was, is, partner, next, any);
    }
    for (size_t i = 0; i < was->n && c->rc == 0; i++) {
        struct mark m = step(c, NULL, i);
        if (partner[i])
            compare(c, was->child[i], is->child[partner[i] - 1]);
        else
            alone(c, FIDELITY_LOST, was->child[i]);
        back(c, m);
    }
    for (size_t j = 0; j < is->n && c->rc == 0; j++) {
        if (next[j] != j)
            continue;
        struct mark m = step(c, NULL, j);
        alone(c, FIDELITY_ADDED, is->child[j]);
        back(c, m);
    }
    free(partner);
    free(next);
}

static void compare(struct comparing *c, const struct tree *was, const struct tree *is)
{
    if (was->kind == is->kind && was->kind == TREE_SCALAR) {
        found(c, compare_scalars(was, is), was, is);
    } else if (was->kind == is->kind && was->n == 0 && is->n == 0) {
        found(c, FIDELITY_KEPT, was, is);
    } else if (was->kind == is->kind && was->kind == TREE_MAP) {
        compare_maps(c, was, is, NULL);
    } else if (was->kind == is->kind) {
        compare_lists(c, was, is);
    } else {
        alone(c, FIDELITY_LOST, was);
        alone(c, FIDELITY_ADDED, is);
    }
}

int fidelity_compare(const struct tree *was, const struct tree *is, const char *const *skip,
                     void (*fn)(void *arg, const struct fidelity_field *f), void *arg)
{
    struct comparing c = {
        .path = BUF_INIT(PATH_CAP), .field = BUF_INIT(PATH_CAP), .fn = fn, .arg = arg};
    if (tree_is_map(was) && tree_is_map(is))
        compare_maps(&c, was, is, skip);
    else
        compare(&c, was, is);
    buf_done(&c.path);
    buf_done(&c.field);
    return c.rc;
}
