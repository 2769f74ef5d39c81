/* SPDX-License-Identifier: Apache-2.0 */
/* memory - what adapters and steps remember while a command runs, in place of a side's state: gone
 * with the command. One thread. */
#ifndef REEVE_PLUGIN_MEMORY_H
#define REEVE_PLUGIN_MEMORY_H
#include "base/map.h"
#include <stddef.h>

struct map *memory_new(void); /* NULL: out of memory; map_free() it */
/* state_get and state_put of struct host_ops, with arg as host: of memory_new(), or NULL: nothing
 * is remembered, and nobody is told. */
int memory_get(void *arg, const char *key, const void **ret, size_t *ret_len);
int memory_put(void *arg, const char *key, const void *p, size_t len);

#endif
