/* SPDX-License-Identifier: Apache-2.0 */
/* tree - a document of maps, lists and scalars, each with the place it came from.
 *
 * The YAML configuration is read into one (by core/config), the checked plan is one written as JSON
 * (and read back here), plugin descriptions and machine-readable answers are others. Scalars are
 * text; `plain` tells an unquoted YAML scalar or a bare JSON number/true/false/null from a string.
 */
#ifndef REEVE_BASE_TREE_H
#define REEVE_BASE_TREE_H
#include "buf.h"
#include "err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tree_kind { TREE_SCALAR, TREE_LIST, TREE_MAP };

struct tree {
    enum tree_kind kind;
    bool plain;         /* scalars: see above */
    const char *file;   /* borrowed from whoever read it; NULL when made by code */
    unsigned line, col; /* 1-based; 0 when made by code */
    char *text;         /* scalars */
    size_t text_len;
    size_t n; /* lists and maps: children */
    struct tree **child;
    struct tree **key; /* maps: scalars with their own positions; NULL for lists */
    void *owner;       /* private to tree.c */
};

struct tree *tree_scalar(const char *text,
                         bool plain); /* NULL when out of memory, like all that make */
struct tree *tree_scalarf(bool plain, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct tree *tree_list(void);
struct tree *tree_map(void);
struct tree *tree_copy(const struct tree *t);
void tree_free(struct tree *t); /* with all children; NULL is fine */

/* These take `value`, also when they fail (it is freed then), and accept value == NULL as out of
 * memory: `tree_put(t, "a", tree_scalar("x", false))` needs no check of its own inside. 0, -ENOMEM,
 * or -EEXIST for a key twice. */
int tree_put(struct tree *map, const char *key, struct tree *value);
int tree_puts(struct tree *map, const char *key,
              const char *text); /* string scalar; text NULL: nothing is put */
int tree_putu(struct tree *map, const char *key, uint64_t n);
int tree_putb(struct tree *map, const char *key, bool b);
int tree_append(struct tree *list, struct tree *value);
int tree_appends(struct tree *list, const char *text);

/* Reading; every one accepts t == NULL and wrong kinds, and gives NULL / the default then. */
const struct tree *tree_get(const struct tree *map, const char *key); /* one level */
const struct tree *tree_at(const struct tree *map, const char *path); /* "deliver/options/url" */
const char *tree_text(const struct tree *t);                          /* scalar's text or NULL */
const char *tree_gets(const struct tree *map, const char *path, const char *def);
uint64_t tree_getu(const struct tree *map, const char *path, uint64_t def);
bool tree_getb(const struct tree *map, const char *path, bool def); /* text "true" */
bool tree_is_map(const struct tree *t);
bool tree_is_list(const struct tree *t);
/* Where one may stand for a list of one: how many there are (0 of NULL), and the i-th of them. */
size_t tree_items(const struct tree *t);
const struct tree *tree_item(const struct tree *t, size_t i);
bool tree_has(const struct tree *t, const char *text); /* is this text one of them? */
/* The first in a list of maps whose "name" it is. */
const struct tree *tree_named(const struct tree *list, const char *name);

/* JSON, depth (JSON_DEPTH_MAX) and size (64 MiB) bounded. Duplicate keys are refused. Codes: those
 * of json.h, "json-duplicate", "json-key", "json-size". Lines and columns are set, file is not.
 * Writing: indent = pretty-printed for people (no line feed at the end). A plain scalar that is no
 * JSON number or word becomes a string. 0, -EILSEQ (text is not UTF-8), -E2BIG (too deep) or a buf
 * error; nothing is added then. */
int tree_from_json(const char *p, size_t len, struct tree **ret, struct err *e);
int tree_to_json(const struct tree *t, struct buf *out, bool indent);
/* Both are the same JSON, or both NULL. The texts made for it are wiped: they may hold secrets.
 * false also when they cannot be made. */
bool tree_same(const struct tree *a, const struct tree *b);

#endif
