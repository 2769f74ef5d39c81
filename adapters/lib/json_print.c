/* SPDX-License-Identifier: Apache-2.0 */
/* json_print: prints of JSON values, equal for values that JSON Schema calls equal (2020-12 core,
 * section 4.2.2): the order of members does not matter, 1.0 equals 1. */
#include "lib/json_check.h"
#include <stdlib.h>
#include <string.h>

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
    print_add(&p, n == 0 ? 0 : (uint64_t)exponent * 2 + (negative ? 1 : 0));
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
            print_join(&part, name);
            sum.a += part.a;
            sum.b += part.b;
        }
        print_join(&p, sum);
        return p;
    }
    case JSON_ARRAY:
        for (const struct json_node *item = v->first; item != NULL; item = item->next) {
            part = json_print(item);
            print_join(&p, part);
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
    print_join(&p, part);
    return p;
}
