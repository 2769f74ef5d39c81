/* SPDX-License-Identifier: Apache-2.0 */
/* node_index - the items of a JSON array by what names them, so that nobody has to look through a
 * long array for each item of another one. For adapters; thread-safe once it is made. */
#ifndef ADAPTERS_LIB_NODE_INDEX_H
#define ADAPTERS_LIB_NODE_INDEX_H
#include "lib/json_node.h"
#include "lib/print.h"
#include <stddef.h>

struct node_entry {
    struct print key;
    const struct json_node *item;
    size_t at; /* its place in the array */
};
struct node_index;

/* Of the items from first on; the tree must stay. NULL: out of memory. */
struct node_index *node_index_new(const struct json_node *first,
                                  struct print (*key)(const struct json_node *item));
void node_index_free(struct node_index *x); /* NULL is fine */
/* Those with this key, *ret_n of them, in the order of the array. Two that a sender contrived may
 * have one key: whether they are what is looked for is the caller's to see. */
const struct node_entry *node_index_find(const struct node_index *x, struct print key,
                                         size_t *ret_n);

#endif
