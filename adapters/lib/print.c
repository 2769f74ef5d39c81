/* SPDX-License-Identifier: Apache-2.0 */
/* print: see print.h. */
#include "lib/print.h"
#include <stdlib.h>
#include <string.h>

/* The two halves of the product, so that every bit of the word reaches every bit of the result. */
static uint64_t fold(uint64_t x, uint64_t odd)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)x * odd;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

void print_add(struct print *p, uint64_t word)
{
    p->a = fold(p->a ^ word, 0x9e3779b97f4a7c15u) + 0xd6e8feb86659fd93u;
    p->b = fold(p->b + word, 0xe7037ed1a0b428dbu) ^ 0xa0761d6478bd642fu;
}

void print_join(struct print *p, struct print other)
{
    print_add(p, other.a);
    print_add(p, other.b);
}

struct print text_print(const char *s, size_t len)
{
    struct print p = {0x243f6a8885a308d3u, 0x13198a2e03707344u};
    uint64_t word = 0;
    print_add(&p, len);
    for (; len >= 8; s += 8, len -= 8) {
        memcpy(&word, s, 8);
        print_add(&p, word);
    }
    word = 0;
    memcpy(&word, s, len);
    print_add(&p, word);
    return p;
}

struct print_set {
    struct print *slot; /* {0, 0} is empty */
    size_t n, cap;
};

struct print_set *print_set_new(void)
{
    struct print_set *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->cap = 64;
    s->slot = calloc(s->cap, sizeof *s->slot);
    if (s->slot == NULL) {
        free(s);
        return NULL;
    }
    return s;
}

void print_set_free(struct print_set *s)
{
    if (s == NULL)
        return;
    free(s->slot);
    free(s);
}

static struct print *find_slot(struct print *slot, size_t cap, struct print p)
{
    size_t at = (size_t)p.a & (cap - 1);
    while ((slot[at].a != 0 || slot[at].b != 0) && (slot[at].a != p.a || slot[at].b != p.b))
        at = (at + 1) & (cap - 1);
    return &slot[at];
}

static struct print stored(struct print p)
{
    p.b += p.a == 0 && p.b == 0 ? 1 : 0;
    return p;
}

bool print_set_has(const struct print_set *s, struct print p)
{
    const struct print *at = find_slot(s->slot, s->cap, stored(p));
    return at->a != 0 || at->b != 0;
}

int print_set_add(struct print_set *s, struct print p)
{
    p = stored(p);
    if (s->n * 4 >= s->cap * 3) {
        struct print *bigger = calloc(s->cap * 2, sizeof *bigger);
        if (bigger == NULL)
            return -1;
        for (size_t i = 0; i < s->cap; i++)
            if (s->slot[i].a != 0 || s->slot[i].b != 0)
                *find_slot(bigger, s->cap * 2, s->slot[i]) = s->slot[i];
        free(s->slot);
        s->slot = bigger;
        s->cap *= 2;
    }
    struct print *at = find_slot(s->slot, s->cap, p);
    if (at->a != 0 || at->b != 0)
        return 0;
    *at = p;
    s->n++;
    return 1;
}
