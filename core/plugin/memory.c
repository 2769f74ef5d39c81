/* SPDX-License-Identifier: Apache-2.0 */
/* memory - see memory.h. */
#include "memory.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct kept {
    size_t len;
    char p[];
};

struct map *memory_new(void)
{
    return map_new(free);
}

int memory_get(void *arg, const char *key, const void **ret, size_t *ret_len)
{
    const struct kept *v = arg ? map_get(arg, key, strlen(key)) : NULL;
    if (!v)
        return -ENOENT;
    *ret = v->p;
    *ret_len = v->len;
    return 0;
}

int memory_put(void *arg, const char *key, const void *p, size_t len)
{
    if (!arg)
        return 0;
    if (!p) {
        free(map_take(arg, key, strlen(key)));
        return 0;
    }
    struct kept *v = malloc(sizeof(*v) + len + 1); /* 1: never of no size */
    if (!v)
        return -ENOMEM;
    v->len = len;
    memcpy(v->p, p, len);
    int rc = map_put(arg, key, strlen(key), v);
    if (rc < 0)
        free(v);
    return rc;
}
