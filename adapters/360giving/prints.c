/* SPDX-License-Identifier: Apache-2.0 */
/* prints: 128-bit prints of JSON values, equal for values that JSON Schema calls equal (2020-12
 * core, section 4.2.2): the order of members does not matter, 1.0 equals 1. And the set that tells
 * whether one was seen before. A sender who made two different grants with one print would only
 * refuse his own. */
#include "giving.h"
#include <stdlib.h>
#include <string.h>

/* The two halves of the product, so that every bit of the word reaches every bit of the result. */
static uint64_t fold(uint64_t x, uint64_t odd)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)x * odd;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static void add(struct print *p, uint64_t word)
{
    p->a = fold(p->a ^ word, 0x9e3779b97f4a7c15u) + 0xd6e8feb86659fd93u;
    p->b = fold(p->b + word, 0xe7037ed1a0b428dbu) ^ 0xa0761d6478bd642fu;
}

struct print text_print(const char *s, size_t len)
{
    struct print p = {0x243f6a8885a308d3u, 0x13198a2e03707344u};
    uint64_t word = 0;
    add(&p, len);
    for (; len >= 8; s += 8, len -= 8) {
        memcpy(&word, s, 8);
        add(&p, word);
    }
    word = 0;
    memcpy(&word, s, len);
    add(&p, word);
    return p;
}

#define EXPONENT_MAX 1000000000L

/* A number without the ways to write it: digits without leading and trailing zeros, and the
 * exponent of ten. */
static struct print number_print(const char *s)
{
    char digits[64] = "";
    size_t n = 0;
    long exponent = 0;
    bool negative = *s == '-', point = false, long_number = false;
    for (s += negative ? 1 : 0; *s != 0 && *s != 'e' && *s != 'E'; s++) {
        if (*s == '.') {
            point = true;
            continue;
        }
        if (point)
            exponent--;
        if (n == 0 && *s == '0')
            continue;
        if (n < sizeof digits)
            digits[n++] = *s;
        else {
            exponent++;
            long_number = true; /* beyond 64 digits the rest is not compared */
        }
    }
    if (*s != 0) {
        long given = strtol(s + 1, NULL, 10); /* no two numbers that a sender means lie beyond */
        exponent += given > EXPONENT_MAX    ? EXPONENT_MAX
                    : given < -EXPONENT_MAX ? -EXPONENT_MAX
                                            : given;
    }
    while (n > 0 && digits[n - 1] == '0' && !long_number) {
        n--;
        exponent++;
    }
    struct print p = text_print(digits, n);
    add(&p, n == 0 ? 0 : (uint64_t)exponent * 2 + (negative ? 1 : 0));
    return p;
}

struct print json_print(const struct json_node *v)
{
    struct print p = {(uint64_t)v->kind, 1}, part = {0, 9};
    switch (v->kind) {
    case JSON_OBJECT: { /* a sum, so that order does not matter */
        struct print sum = {0, 0};
        for (const struct json_node *m = v->first; m != NULL; m = m->next) {
            part = json_print(m);
            struct print name = text_print(m->name, m->name_len);
            add(&part, name.a);
            add(&part, name.b);
            sum.a += part.a;
            sum.b += part.b;
        }
        add(&p, sum.a);
        add(&p, sum.b);
        return p;
    }
    case JSON_ARRAY:
        for (const struct json_node *item = v->first; item != NULL; item = item->next) {
            part = json_print(item);
            add(&p, part.a);
            add(&p, part.b);
        }
        return p;
    case JSON_STRING:
        part = text_print(v->text, v->len);
        break;
    case JSON_NUMBER:
        part = number_print(v->text);
        break;
    default: /* the kind says all */
        break;
    }
    add(&p, part.a);
    add(&p, part.b);
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

int print_set_add(struct print_set *s, struct print p)
{
    if (p.a == 0 && p.b == 0)
        p.b = 1;
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
