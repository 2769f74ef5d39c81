/* SPDX-License-Identifier: Apache-2.0 */
/* cesql_memory - chunks for the strings of a compilation or an evaluation, and the table of
 * attribute names.
 *
 * Chunks never move, so a value may point into them while others are made; after a reset only the
 * largest is kept, so that an evaluation like the last one needs no allocation. */
#include "cesql_private.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>
#include <strings.h>

#define CHUNK_MIN  256
#define NAME_SHORT 128

struct arena_chunk {
    struct arena_chunk *older;
    size_t size, used;
    _Alignas(8) char bytes[];
};

void *arena_take(struct arena *a, size_t len)
{
    if (len > a->max)
        return NULL;
    len = (len + 7) & ~(size_t)7;
    struct arena_chunk *c = a->chunk;
    if (!c || c->size - c->used < len) {
        size_t size = c ? c->size * 2 : CHUNK_MIN;
        if (size < len)
            size = len;
        if (a->total + len > a->max)
            return NULL;
        if (size > a->max - a->total)
            size = a->max - a->total;
        c = malloc(sizeof(*c) + size);
        if (!c)
            return NULL;
        *c = (struct arena_chunk){.older = a->chunk, .size = size};
        a->chunk = c;
        a->total += size;
    }
    void *p = c->bytes + c->used;
    c->used += len;
    return p;
}

static void free_chunks(struct arena_chunk *c)
{
    while (c) {
        struct arena_chunk *older = c->older;
        free(c);
        c = older;
    }
}

void arena_reset(struct arena *a)
{
    struct arena_chunk *c = a->chunk;
    if (!c)
        return;
    c->used = 0;
    if (c->older) {
        free_chunks(c->older);
        c->older = NULL;
        a->total = c->size;
    }
}

void arena_done(struct arena *a)
{
    free_chunks(a->chunk);
    a->chunk = NULL;
    a->total = 0;
}

/* ---------------------------------------------------------------- attribute names */
struct symbols {
    char **name;
    size_t n, cap;
    struct entry {
        uint64_t hash;
        uint32_t slot, len; /* slot NONE: free */
        const char *name;
    } * entry; /* open addressing, at most half full */
    size_t mask;
};

struct symbols *symbols_new(void)
{
    return xcalloc(1, sizeof(struct symbols));
}

void symbols_free(struct symbols *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++)
        free(s->name[i]);
    free(s->name);
    free(s->entry);
    free(s);
}

size_t symbols_count(const struct symbols *s)
{
    return s->n;
}

const char *symbols_name(const struct symbols *s, size_t slot)
{
    return slot < s->n ? s->name[slot] : NULL;
}

/* Ends and length only: the table holds names of the configuration, so nobody outside can make them
 * collide. */
static inline uint64_t name_hash(const char *p, size_t len)
{
    uint64_t a = 0, b = 0;
    if (len >= 8) {
        memcpy(&a, p, 8);
        memcpy(&b, p + len - 8, 8);
    } else if (len >= 4) {
        uint32_t x, y;
        memcpy(&x, p, 4);
        memcpy(&y, p + len - 4, 4);
        a = x;
        b = y;
    } else if (len > 0) {
        a = (uint64_t)(uint8_t)p[0] << 16 | (uint64_t)(uint8_t)p[len / 2] << 8 |
            (uint8_t)p[len - 1];
    }
    uint64_t h = (a ^ len) * 0x9e3779b97f4a7c15ull ^ (b ^ b >> 29) * 0xd6e8feb86659fd93ull;
    return h ^ h >> 32;
}

int symbols_find_lower(const struct symbols *s, const char *name, size_t len)
{
    if (s->n == 0)
        return -1;
    uint64_t hash = name_hash(name, len);
    for (size_t i = hash & s->mask; s->entry[i].slot != NONE; i = (i + 1) & s->mask) {
        const struct entry *e = &s->entry[i];
        if (e->hash == hash && e->len == len && memcmp(e->name, name, len) == 0)
            return (int)e->slot;
    }
    return -1;
}

int symbols_find(const struct symbols *s, const char *name, size_t len)
{
    int slot = symbols_find_lower(s, name, len);
    if (slot >= 0)
        return slot;
    bool upper = false;
    for (size_t i = 0; i < len; i++)
        upper = upper || (name[i] >= 'A' && name[i] <= 'Z');
    if (!upper || len > NAME_SHORT) {
        for (size_t i = 0; upper && i < s->n; i++) {
            if (strlen(s->name[i]) == len && strncasecmp(s->name[i], name, len) == 0)
                return (int)i;
        }
        return -1;
    }
    char lower[NAME_SHORT];
    for (size_t i = 0; i < len; i++)
        lower[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
    return symbols_find_lower(s, lower, len);
}

static void enter(struct symbols *s, uint32_t slot)
{
    size_t len = strlen(s->name[slot]);
    uint64_t hash = name_hash(s->name[slot], len);
    size_t i = hash & s->mask;
    while (s->entry[i].slot != NONE)
        i = (i + 1) & s->mask;
    s->entry[i] =
        (struct entry){.hash = hash, .slot = slot, .len = (uint32_t)len, .name = s->name[slot]};
}

static int make_room(struct symbols *s)
{
    size_t size = s->entry ? s->mask + 1 : 0;
    if (s->n + 1 <= size / 2)
        return 0;
    size = size ? size * 2 : 16;
    struct entry *e = xcalloc(size, sizeof(*e));
    if (!e)
        return -ENOMEM;
    for (size_t i = 0; i < size; i++)
        e[i].slot = NONE;
    free(s->entry);
    s->entry = e;
    s->mask = size - 1;
    for (size_t i = 0; i < s->n; i++)
        enter(s, (uint32_t)i);
    return 0;
}

int symbols_slot(struct symbols *s, const char *name, size_t len)
{
    int slot = symbols_find(s, name, len);
    if (slot >= 0)
        return slot;
    if (s->n >= INT32_MAX || make_room(s) < 0 ||
        grow_array((void **)&s->name, &s->cap, s->n + 1, sizeof(*s->name)) < 0)
        return -ENOMEM;
    char *copy = strndup(name, len);
    if (!copy)
        return -ENOMEM;
    for (char *p = copy; *p; p++)
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
    s->name[s->n] = copy;
    enter(s, (uint32_t)s->n);
    return (int)s->n++;
}
