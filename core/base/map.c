/* SPDX-License-Identifier: Apache-2.0 */
/* map - open addressing with linear probing, at most three quarters full. Removal moves later
 * entries back instead of leaving marks, so a map that is filled and emptied for ever stays fast.
 * The hash is seeded per process: keys chosen by a stranger do not all fall on one place. */
#include "map.h"
#include "util.h"
#include <errno.h>
#include <string.h>

#define FIRST_SLOTS 16

struct slot {
    char *key; /* NULL: free */
    size_t len;
    uint64_t hash;
    void *value;
};

struct map {
    struct slot *slots; /* NULL until the first key */
    size_t mask, count; /* slots - 1, a power of two less one */
    void (*free_value)(void *);
};

struct map *map_new(void (*free_value)(void *))
{
    struct map *m = xcalloc(1, sizeof(*m));
    if (m)
        m->free_value = free_value;
    return m;
}

void map_clear(struct map *m)
{
    for (size_t i = 0; m->slots && i <= m->mask; i++) {
        struct slot *s = &m->slots[i];
        if (!s->key)
            continue;
        free(s->key);
        if (m->free_value && s->value)
            m->free_value(s->value);
    }
    free(m->slots);
    m->slots = NULL;
    m->mask = m->count = 0;
}

void map_free(struct map *m)
{
    if (!m)
        return;
    map_clear(m);
    free(m);
}

/* The slot of the key, or the free slot where it would go. There is always a free one. */
static struct slot *find(const struct map *m, const char *key, size_t len, uint64_t hash)
{
    for (size_t i = hash & m->mask;; i = (i + 1) & m->mask) {
        struct slot *s = &m->slots[i];
        if (!s->key ||
            (s->hash == hash && s->len == len && (len == 0 || memcmp(s->key, key, len) == 0)))
            return s;
    }
}

static int grow(struct map *m)
{
    size_t slots = m->slots ? (m->mask + 1) * 2 : FIRST_SLOTS;
    struct slot *old = m->slots, *fresh = xcalloc(slots, sizeof(*fresh));
    if (!fresh)
        return -ENOMEM;
    size_t n = old ? m->mask + 1 : 0;
    m->slots = fresh;
    m->mask = slots - 1;
    for (size_t i = 0; i < n; i++) {
        if (old[i].key)
            *find(m, old[i].key, old[i].len, old[i].hash) = old[i];
    }
    free(old);
    return 0;
}

int map_put(struct map *m, const char *key, size_t len, void *value)
{
    if (!m->slots || (m->count + 1) * 4 > (m->mask + 1) * 3) {
        int r = grow(m);
        if (r < 0)
            return r;
    }
    uint64_t hash = hash_bytes(key, len);
    struct slot *s = find(m, key, len, hash);
    if (s->key) {
        if (m->free_value && s->value && s->value != value)
            m->free_value(s->value);
        s->value = value;
        return 0;
    }
    char *copy = len < SIZE_MAX ? malloc(len + 1) : NULL;
    if (!copy)
        return -ENOMEM;
    if (len > 0)
        memcpy(copy, key, len);
    copy[len] = '\0';
    *s = (struct slot){copy, len, hash, value};
    m->count++;
    return 0;
}

static struct slot *lookup(const struct map *m, const char *key, size_t len)
{
    if (m->count == 0)
        return NULL;
    struct slot *s = find(m, key, len, hash_bytes(key, len));
    return s->key ? s : NULL;
}

void *map_get(const struct map *m, const char *key, size_t len)
{
    const struct slot *s = lookup(m, key, len);
    return s ? s->value : NULL;
}

bool map_has(const struct map *m, const char *key, size_t len)
{
    return lookup(m, key, len) != NULL;
}

void *map_take(struct map *m, const char *key, size_t len)
{
    struct slot *s = lookup(m, key, len);
    if (!s)
        return NULL;
    void *value = s->value;
    free(s->key);
    size_t hole = (size_t)(s - m->slots);
    for (size_t i = (hole + 1) & m->mask; m->slots[i].key; i = (i + 1) & m->mask) {
        /* an entry may move into the hole unless its home lies between the hole and itself */
        size_t home = m->slots[i].hash & m->mask;
        if (((i - home) & m->mask) < ((i - hole) & m->mask))
            continue;
        m->slots[hole] = m->slots[i];
        hole = i;
    }
    m->slots[hole] = (struct slot){0};
    m->count--;
    return value;
}

size_t map_count(const struct map *m)
{
    return m->count;
}

int map_each(const struct map *m, int (*fn)(void *arg, const char *key, size_t len, void *value),
             void *arg)
{
    for (size_t i = 0; m->slots && i <= m->mask; i++) {
        const struct slot *s = &m->slots[i];
        int r = s->key ? fn(arg, s->key, s->len, s->value) : 0;
        if (r != 0)
            return r;
    }
    return 0;
}
