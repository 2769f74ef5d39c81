/* SPDX-License-Identifier: Apache-2.0 */
/* twins - finds the subjects that occur more than once in a document, in 17 bytes a record. See
 * struct twins. */
#include "source.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

static uint64_t print_of(const uint8_t d[SHA256_LEN])
{
    uint64_t v;
    memcpy(&v, d, sizeof(v)); /* a SHA-256 is its own hash */
    return v ? v : 1;
}

static struct twin *look(const struct twins *t, uint64_t key)
{
    size_t i = key & (t->cap - 1);
    while (t->slot[i].key && t->slot[i].key != key)
        i = (i + 1) & (t->cap - 1);
    return &t->slot[i];
}

static int grow(struct twins *t)
{
    struct twins bigger = {.cap = t->cap ? t->cap * 2 : 64};
    bigger.slot = xcalloc(bigger.cap, sizeof(*bigger.slot));
    if (!bigger.slot)
        return -ENOMEM;
    for (size_t i = 0; i < t->cap; i++)
        if (t->slot[i].key)
            *look(&bigger, t->slot[i].key) = t->slot[i];
    bigger.n = t->n;
    free(t->slot);
    *t = bigger;
    return 0;
}

static int keep_last(struct twins *t, const uint8_t *key, const uint8_t *content)
{
    if (!t->last && !(t->last = map_new(free)))
        return -ENOMEM;
    uint8_t *copy = malloc(SHA256_LEN);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, content, SHA256_LEN);
    int rc = map_put(t->last, (const char *)key, SHA256_LEN, copy);
    if (rc < 0)
        free(copy);
    return rc;
}

const uint8_t *twins_last(const struct twins *t, const uint8_t key[SHA256_LEN])
{
    return t->last ? map_get(t->last, (const char *)key, SHA256_LEN) : NULL;
}

void twins_done(struct twins *t)
{
    free(t->slot);
    map_free(t->last);
    *t = (struct twins){0};
}

int twins_add(struct twins *t, const uint8_t key[SHA256_LEN], const uint8_t content[SHA256_LEN],
              bool *ret_other)
{
    if (t->n * 2 >= t->cap && grow(t) < 0)
        return -ENOMEM;
    struct twin *x = look(t, print_of(key));
    uint64_t c = print_of(content);
    *ret_other = x->key && x->content != c;
    if (x->key) {
        x->twice = true;
        return keep_last(t, key, content);
    }
    *x = (struct twin){.key = print_of(key), .content = c};
    t->n++;
    return 0;
}

bool twins_twice(const struct twins *t, const uint8_t key[SHA256_LEN])
{
    if (!t->cap)
        return false;
    const struct twin *x = look(t, print_of(key));
    return x->key && x->twice;
}
