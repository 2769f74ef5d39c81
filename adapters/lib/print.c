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

/* 96 bits of a print are kept: of 10 million, any two meet with a chance of 1 in 10^15. */
#define WORDS 3
struct print_set {
    uint32_t (*slot)[WORDS]; /* all zero is empty */
    size_t n, cap;           /* a power of two */
    uint64_t secret;         /* where in memory it lies, which no sender knows */
};

struct print_set *print_set_new(void)
{
    struct print_set *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->cap = 64;
    s->secret = (uintptr_t)s;
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

static void kept(struct print p, uint32_t out[WORDS])
{
    out[0] = (uint32_t)p.a;
    out[1] = (uint32_t)(p.a >> 32);
    out[2] = (uint32_t)p.b;
    if (out[0] == 0 && out[1] == 0 && out[2] == 0)
        out[2] = 1;
}

static bool is_empty(const uint32_t slot[WORDS])
{
    return slot[0] == 0 && slot[1] == 0 && slot[2] == 0;
}

/* Values whose prints end in the same bits are easily made: who sends a million of them must not
 * know that they begin at one place. */
static uint32_t *find_slot(const struct print_set *s, const uint32_t p[WORDS])
{
    struct print place = {s->secret, s->secret};
    print_add(&place, (uint64_t)p[1] << 32 | p[0]);
    print_add(&place, p[2]);
    size_t at = (size_t)(place.a ^ place.b) & (s->cap - 1);
    while (!is_empty(s->slot[at]) && memcmp(s->slot[at], p, sizeof s->slot[at]) != 0)
        at = (at + 1) & (s->cap - 1);
    return s->slot[at];
}

bool print_set_has(const struct print_set *s, struct print p)
{
    uint32_t key[WORDS];
    kept(p, key);
    return !is_empty(find_slot(s, key));
}

static int grow(struct print_set *s)
{
    struct print_set bigger = {
        .slot = calloc(s->cap * 2, sizeof *s->slot), .cap = s->cap * 2, .secret = s->secret};
    if (bigger.slot == NULL)
        return -1;
    for (size_t i = 0; i < s->cap; i++)
        if (!is_empty(s->slot[i]))
            memcpy(find_slot(&bigger, s->slot[i]), s->slot[i], sizeof s->slot[i]);
    bigger.n = s->n;
    free(s->slot);
    *s = bigger;
    return 0;
}

int print_set_add(struct print_set *s, struct print p)
{
    uint32_t key[WORDS];
    kept(p, key);
    if (s->n >= s->cap / 8 * 7 && grow(s) < 0)
        return -1;
    uint32_t *at = find_slot(s, key);
    if (!is_empty(at))
        return 0;
    memcpy(at, key, sizeof key);
    s->n++;
    return 1;
}
