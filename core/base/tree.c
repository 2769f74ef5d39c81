/* SPDX-License-Identifier: Apache-2.0 */
/* tree - making, changing and reading documents. A map with many keys gets an index, so that a
 * document of n members costs n, not n * n. Known limits: code that fills child[] and key[] by hand
 * goes around the index and must not use tree_put on the same map afterwards; freeing and copying
 * recurse, so a tree may be as deep as a stack allows (both readers, JSON and YAML, have a depth
 * limit far below). */
#include "tree.h"
#include "map.h"
#include "util.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define INDEX_FROM 16 /* keys */

struct owner {
    size_t child_cap, key_cap;
    struct map *index; /* key -> position + 1 */
};

static struct tree *node(enum tree_kind kind)
{
    struct tree *t = xcalloc(1, sizeof(*t));
    if (t)
        t->kind = kind;
    return t;
}

static struct tree *scalar_n(const char *text, size_t len, bool plain)
{
    struct tree *t = len < SIZE_MAX ? node(TREE_SCALAR) : NULL;
    if (!t)
        return NULL;
    t->text = malloc(len + 1);
    if (!t->text) {
        free(t);
        return NULL;
    }
    if (len > 0)
        memcpy(t->text, text, len);
    t->text[len] = '\0';
    t->text_len = len;
    t->plain = plain;
    return t;
}

struct tree *tree_scalar(const char *text, bool plain)
{
    return scalar_n(text, strlen(text), plain);
}

struct tree *tree_scalarf(bool plain, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0)
        return NULL;
    struct tree *t = scalar_n(text, (size_t)n, plain);
    free(text);
    return t;
}

struct tree *tree_list(void)
{
    return node(TREE_LIST);
}

struct tree *tree_map(void)
{
    return node(TREE_MAP);
}

void tree_free(struct tree *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n; i++) {
        tree_free(t->child[i]);
        if (t->key)
            tree_free(t->key[i]);
    }
    struct owner *o = t->owner;
    if (o)
        map_free(o->index);
    free(o);
    free(t->child);
    free(t->key);
    free(t->text);
    free(t);
}

/* Room for one child more (and one key more, in a map). */
static int make_room(struct tree *t)
{
    if (!t->owner) {
        struct owner *fresh = xcalloc(1, sizeof(*fresh));
        if (!fresh)
            return -ENOMEM;
        fresh->child_cap = fresh->key_cap = t->n;
        t->owner = fresh;
    }
    struct owner *o = t->owner;
    void *p = t->child;
    int r = grow_array(&p, &o->child_cap, t->n + 1, sizeof(struct tree *));
    t->child = p;
    if (r < 0 || t->kind != TREE_MAP)
        return r;
    p = t->key;
    r = grow_array(&p, &o->key_cap, t->n + 1, sizeof(struct tree *));
    t->key = p;
    return r;
}

static bool key_is(const struct tree *key, const char *text, size_t len)
{
    return key->text_len == len && memcmp(key->text, text, len) == 0;
}

/* The position of the key, or -1. */
static ssize_t find(const struct tree *map, const char *key, size_t len)
{
    const struct owner *o = map->owner;
    if (o && o->index) {
        uintptr_t at = (uintptr_t)map_get(o->index, key, len);
        return (ssize_t)at - 1;
    }
    for (size_t i = 0; i < map->n; i++) {
        if (key_is(map->key[i], key, len))
            return (ssize_t)i;
    }
    return -1;
}

static int index_key(struct owner *o, const struct tree *key, size_t at)
{
    return map_put(o->index, key->text, key->text_len, (void *)(uintptr_t)(at + 1));
}

/* The new key is not in yet. An index that cannot be made is left out; one that exists must be kept
 * complete. */
static int keep_index(struct tree *map, const struct tree *key)
{
    struct owner *o = map->owner;
    if (o->index)
        return index_key(o, key, map->n);
    if (map->n + 1 < INDEX_FROM)
        return 0;
    o->index = map_new(NULL);
    int r = o->index ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i < map->n; i++)
        r = index_key(o, map->key[i], i);
    if (r == 0)
        r = index_key(o, key, map->n);
    if (r < 0) {
        map_free(o->index);
        o->index = NULL;
    }
    return 0;
}

int tree_put(struct tree *map, const char *key, struct tree *value)
{
    size_t len = strlen(key);
    struct tree *name = NULL;
    int r = -ENOMEM;
    if (!map || !value)
        goto failed;
    r = -EINVAL;
    if (map->kind != TREE_MAP)
        goto failed;
    r = -EEXIST;
    if (find(map, key, len) >= 0)
        goto failed;
    r = -ENOMEM;
    name = scalar_n(key, len, false);
    if (!name || make_room(map) < 0 || keep_index(map, name) < 0)
        goto failed;
    map->key[map->n] = name;
    map->child[map->n++] = value;
    return 0;
failed:
    tree_free(name);
    tree_free(value);
    return r;
}

int tree_puts(struct tree *map, const char *key, const char *text)
{
    return text ? tree_put(map, key, tree_scalar(text, false)) : 0;
}

int tree_putu(struct tree *map, const char *key, uint64_t n)
{
    return tree_put(map, key, tree_scalarf(true, "%" PRIu64, n));
}

int tree_putb(struct tree *map, const char *key, bool b)
{
    return tree_put(map, key, tree_scalar(b ? "true" : "false", true));
}

int tree_append(struct tree *list, struct tree *value)
{
    int r = list && value ? 0 : -ENOMEM;
    if (r == 0 && list->kind != TREE_LIST)
        r = -EINVAL;
    if (r == 0)
        r = make_room(list);
    if (r < 0) {
        tree_free(value);
        return r;
    }
    list->child[list->n++] = value;
    return 0;
}

int tree_appends(struct tree *list, const char *text)
{
    return tree_append(list, tree_scalar(text, false));
}

static void copy_place(struct tree *to, const struct tree *from)
{
    to->file = from->file;
    to->line = from->line;
    to->col = from->col;
}

struct tree *tree_copy(const struct tree *t)
{
    if (!t)
        return NULL;
    struct tree *copy =
        t->kind == TREE_SCALAR ? scalar_n(t->text, t->text_len, t->plain) : node(t->kind);
    if (!copy)
        return NULL;
    copy_place(copy, t);
    copy->plain = t->plain;
    for (size_t i = 0; i < t->n; i++) {
        struct tree *child = tree_copy(t->child[i]);
        int r =
            t->kind == TREE_MAP ? tree_put(copy, t->key[i]->text, child) : tree_append(copy, child);
        if (r < 0) {
            tree_free(copy);
            return NULL;
        }
        if (t->kind == TREE_MAP) {
            copy_place(copy->key[i], t->key[i]);
            copy->key[i]->plain = t->key[i]->plain;
        }
    }
    return copy;
}

static const struct tree *get_n(const struct tree *map, const char *key, size_t len)
{
    if (!tree_is_map(map))
        return NULL;
    ssize_t i = find(map, key, len);
    return i < 0 ? NULL : map->child[i];
}

const struct tree *tree_get(const struct tree *map, const char *key)
{
    return get_n(map, key, strlen(key));
}

const struct tree *tree_at(const struct tree *map, const char *path)
{
    for (;;) {
        size_t n = strcspn(path, "/");
        map = get_n(map, path, n);
        if (!map || path[n] == '\0')
            return map;
        path += n + 1;
    }
}

const char *tree_text(const struct tree *t)
{
    return t && t->kind == TREE_SCALAR ? t->text : NULL;
}

const char *tree_gets(const struct tree *map, const char *path, const char *def)
{
    const char *text = tree_text(tree_at(map, path));
    return text ? text : def;
}

uint64_t tree_getu(const struct tree *map, const char *path, uint64_t def)
{
    const char *p = tree_text(tree_at(map, path));
    uint64_t v = 0;
    if (!p || *p == '\0')
        return def;
    for (; *p; p++) {
        if (*p < '0' || *p > '9' || __builtin_mul_overflow(v, (uint64_t)10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
            return def;
    }
    return v;
}

bool tree_getb(const struct tree *map, const char *path, bool def)
{
    const char *text = tree_text(tree_at(map, path));
    return text ? strcmp(text, "true") == 0 : def;
}

bool tree_is_map(const struct tree *t)
{
    return t && t->kind == TREE_MAP;
}

bool tree_is_list(const struct tree *t)
{
    return t && t->kind == TREE_LIST;
}

size_t tree_items(const struct tree *t)
{
    return !t ? 0 : tree_is_list(t) ? t->n : 1;
}

const struct tree *tree_item(const struct tree *t, size_t i)
{
    return tree_is_list(t) ? t->child[i] : t;
}

bool tree_has(const struct tree *t, const char *text)
{
    for (size_t i = 0; i < tree_items(t); i++) {
        const char *one = tree_text(tree_item(t, i));
        if (one && strcmp(one, text) == 0)
            return true;
    }
    return false;
}

const struct tree *tree_named(const struct tree *list, const char *name)
{
    for (size_t i = 0; tree_is_list(list) && i < list->n; i++)
        if (strcmp(tree_gets(list->child[i], "name", ""), name) == 0)
            return list->child[i];
    return NULL;
}
