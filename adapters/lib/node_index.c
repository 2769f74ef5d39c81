/* SPDX-License-Identifier: Apache-2.0 */
/* node_index: see node_index.h. Entries sorted by key; a table of hashes would need a secret to
 * stay fast with keys that a stranger chose. */
#include "lib/node_index.h"
#include <stdlib.h>

struct node_index {
    size_t n;
    struct node_entry entry[];
};

static int by_key(const struct print *x, const struct print *y)
{
    return x->a != y->a ? (x->a > y->a) - (x->a < y->a) : (x->b > y->b) - (x->b < y->b);
}

static int by_entry(const void *a, const void *b)
{
    const struct node_entry *x = a, *y = b;
    int order = by_key(&x->key, &y->key);
    return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

struct node_index *node_index_new(const struct json_node *first,
                                  struct print (*key)(const struct json_node *item))
{
    size_t n = 0;
    for (const struct json_node *i = first; i != NULL; i = i->next)
        n++; /* JSON_VALUES_MAX at most */
    struct node_index *x = malloc(sizeof *x + n * sizeof x->entry[0]);
    if (x == NULL)
        return NULL;
    x->n = 0;
    for (const struct json_node *i = first; i != NULL; i = i->next, x->n++)
        x->entry[x->n] = (struct node_entry){.key = key(i), .item = i, .at = x->n};
    qsort(x->entry, x->n, sizeof x->entry[0], by_entry);
    return x;
}

void node_index_free(struct node_index *x)
{
    free(x);
}

/* The first entry whose key is not below this one; above: that is above it. */
static size_t bound(const struct node_index *x, const struct print *key, bool above)
{
    size_t low = 0, high = x->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = by_key(&x->entry[mid].key, key);
        if (order < 0 || (above && order == 0))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

const struct node_entry *node_index_find(const struct node_index *x, struct print key,
                                         size_t *ret_n)
{
    size_t at = bound(x, &key, false);
    *ret_n = bound(x, &key, true) - at;
    return x->entry + at;
}
