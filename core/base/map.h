/* SPDX-License-Identifier: Apache-2.0 */
/* map - string keys to pointers, open addressing. Keys are copied. Values belong to the caller
 * unless free_value is given. */
#ifndef REEVE_BASE_MAP_H
#define REEVE_BASE_MAP_H
#include <stdbool.h>
#include <stddef.h>

struct map;
struct map *map_new(void (*free_value)(void *)); /* NULL when out of memory */
void map_free(struct map *m);
int map_put(struct map *m, const char *key, size_t len,
            void *value); /* replaces (old value freed); 0 or -ENOMEM */
void *map_get(const struct map *m, const char *key, size_t len); /* NULL: absent */
bool map_has(const struct map *m, const char *key, size_t len);
void *map_take(struct map *m, const char *key, size_t len); /* removes and returns the value */
void map_clear(struct map *m);
size_t map_count(const struct map *m);
/* In no particular order; the callback must not change the map. Stops at the first non-zero and
 * returns it. */
int map_each(const struct map *m, int (*fn)(void *arg, const char *key, size_t len, void *value),
             void *arg);

#endif
