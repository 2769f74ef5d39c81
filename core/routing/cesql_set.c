/* SPDX-License-Identifier: Apache-2.0 */
/* cesql_set - the constants of an IN list, prepared for each type the left side may have.
 *
 * IN casts every element to the type of the left side and stops at the first that is equal. So a
 * string finds its equal in a hash of the elements' texts. An integer meets the elements in order
 * until one that is no integer: only those before it can be equal, behind it waits a cast error.
 * The same for Booleans. */
#include "cesql_private.h"
#include "base/util.h"
#include <string.h>

#define LINEAR_MAX 4 /* up to here comparing one by one is faster than hashing */

struct value_set {
    size_t n;
    struct element {
        const char *p;
        size_t len;
        uint64_t hash;
    } * element;
    uint32_t *table; /* element + 1; 0 is free */
    size_t mask;
    int32_t *integer; /* sorted */
    size_t n_integer;
    bool integer_error, boolean_error, has[2];
    char *bytes;
};

void value_set_free(struct value_set *s)
{
    if (!s)
        return;
    free(s->element);
    free(s->table);
    free(s->integer);
    free(s->bytes);
    free(s);
}

static int by_value(const void *a, const void *b)
{
    int32_t x, y;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

static void fill_integers(struct value_set *s, const struct value *v, size_t n)
{
    for (size_t i = 0; i < n && !s->integer_error; i++) {
        if (cast_integer(&v[i], &s->integer[s->n_integer]))
            s->integer_error = true;
        else
            s->n_integer++;
    }
    qsort(s->integer, s->n_integer, sizeof(*s->integer), by_value);
    for (size_t i = 0; i < n && !s->boolean_error; i++) {
        bool b;
        if (cast_boolean(&v[i], &b))
            s->boolean_error = true;
        else
            s->has[b] = true;
    }
}

static void fill_texts(struct value_set *s, const struct value *v, size_t n)
{
    char *out = s->bytes;
    for (size_t i = 0; i < n; i++) {
        char buf[INTEGER_TEXT];
        struct value t = cast_string(&v[i], buf);
        if (t.len > 0)
            memcpy(out, t.p, t.len);
        s->element[i] = (struct element){out, t.len, hash_bytes(out, t.len)};
        out += t.len;
        size_t at = s->element[i].hash & s->mask;
        while (s->table[at] != 0)
            at = (at + 1) & s->mask;
        s->table[at] = (uint32_t)i + 1;
    }
}

struct value_set *value_set_new(const struct value *v, size_t n)
{
    struct value_set *s = xcalloc(1, sizeof(*s));
    if (!s)
        return NULL;
    size_t bytes = 1, size = 8;
    for (size_t i = 0; i < n; i++)
        bytes += v[i].type == VALUE_STRING ? v[i].len : INTEGER_TEXT;
    while (size < 2 * n)
        size *= 2;
    s->n = n;
    s->mask = size - 1;
    s->element = xcalloc(n ? n : 1, sizeof(*s->element));
    s->integer = xcalloc(n ? n : 1, sizeof(*s->integer));
    s->table = xcalloc(size, sizeof(*s->table));
    s->bytes = malloc(bytes);
    if (!s->element || !s->integer || !s->table || !s->bytes) {
        value_set_free(s);
        return NULL;
    }
    fill_texts(s, v, n);
    fill_integers(s, v, n);
    return s;
}

static bool same(const struct element *e, const char *p, size_t len)
{
    return e->len == len && (len == 0 || memcmp(e->p, p, len) == 0);
}

bool value_set_has_text(const struct value_set *s, const char *p, size_t len)
{
    if (s->n <= LINEAR_MAX) {
        for (size_t i = 0; i < s->n; i++) {
            if (same(&s->element[i], p, len))
                return true;
        }
        return false;
    }
    uint64_t hash = hash_bytes(p, len);
    for (size_t at = hash & s->mask; s->table[at] != 0; at = (at + 1) & s->mask) {
        const struct element *e = &s->element[s->table[at] - 1];
        if (e->hash == hash && same(e, p, len))
            return true;
    }
    return false;
}

unsigned value_set_has(const struct value_set *s, const struct value *v, bool *ret)
{
    if (v->type == VALUE_STRING) {
        *ret = value_set_has_text(s, v->p, v->len);
        return 0;
    }
    if (v->type == VALUE_BOOLEAN) {
        *ret = s->has[v->integer != 0];
        return !*ret && s->boolean_error ? CESQL_CAST : 0;
    }
    *ret = s->n_integer > 0 &&
           bsearch(&v->integer, s->integer, s->n_integer, sizeof(*s->integer), by_value) != NULL;
    return !*ret && s->integer_error ? CESQL_CAST : 0;
}

size_t value_set_count(const struct value_set *s)
{
    return s->n;
}

struct value value_set_text(const struct value_set *s, size_t i)
{
    return value_string(s->element[i].p, s->element[i].len);
}
