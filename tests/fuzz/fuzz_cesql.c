/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a CESQL expression, evaluated on an event made of the same bytes: no crash, no leak;
 * the result has a type, an error comes with its kind, evaluating twice gives the same, the lint
 * stays inside the text, and a route table with this condition gives the same with and without its
 * index. Input: the expression, a zero byte, the value of `type`. */
#include "base/util.h"
#include "routing/route.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static size_t text_len;

static void on_finding(void *arg, size_t offset, const char *code, const char *text)
{
    (void)arg;
    must(offset <= text_len && code[0] && text[0]);
}

static const char *const known_names[] = {"type", "amount", "category", "id"};
static const struct lint_known known = {.types = known_names,
                                        .types_n = 4,
                                        .attributes = known_names,
                                        .attributes_n = 4,
                                        .always = known_names,
                                        .always_n = 1};

static size_t event(struct route_attribute *a, const char *p, size_t len)
{
    a[0] = (struct route_attribute){"type", 4, {.type = VALUE_STRING, .p = p, .len = len}};
    a[1] = (struct route_attribute){"amount", 6, {.type = VALUE_INTEGER, .integer = INT32_MIN}};
    a[2] = (struct route_attribute){"flag", 4, {.type = VALUE_BOOLEAN, .integer = 1}};
    return 3;
}

static void try_expression(const char *text, size_t len, const struct route_attribute *a, size_t n)
{
    struct symbols *symbols = symbols_new();
    struct cesql_scratch *scratch = cesql_scratch_new();
    struct cesql *c = NULL;
    struct err e;
    size_t offset = 0;
    must(symbols && scratch);
    if (cesql_compile(text, len, symbols, &c, &offset, &e) < 0) {
        must(offset <= len && e.code[0]);
    } else {
        struct value *slots = calloc(symbols_count(symbols) + 1, sizeof(*slots)), v, again;
        must(slots != NULL);
        for (size_t i = 0; i < n; i++) {
            int slot = symbols_find(symbols, a[i].name, a[i].name_len);
            if (slot >= 0)
                slots[slot] = a[i].value;
        }
        unsigned errors = cesql_eval(c, slots, scratch, &v);
        must(v.type != VALUE_ABSENT);
        enum value_type type = v.type;
        size_t result_len = v.type == VALUE_STRING ? v.len : 0;
        must(cesql_eval(c, slots, scratch, &again) == errors && again.type == type);
        must(type != VALUE_STRING || again.len == result_len);
        must(type == VALUE_STRING || again.integer == v.integer);
        free(slots);
    }
    cesql_free(c);
    cesql_scratch_free(scratch);
    symbols_free(symbols);
}

static struct tree *one_route(const char *when)
{
    struct tree *routes = tree_list(), *t = tree_map();
    must(routes && t);
    must(tree_puts(t, "name", "r") == 0 && tree_puts(t, "when", when) == 0);
    must(tree_puts(t, "to", "d") == 0 && tree_append(routes, t) == 0);
    return routes;
}

static void try_route(const char *when, const struct route_attribute *a, size_t n)
{
    static const char *const destinations[] = {"d"};
    struct tree *routes = one_route(when), *told = NULL;
    struct route_table *t = NULL;
    struct err e;
    if (route_table_build(routes, destinations, 1, &t, &e) == 0) {
        struct route_work *w = route_work_new(t);
        const struct route_hit *hit;
        must(w != NULL);
        size_t hits = route_eval(t, w, a, n, &hit);
        must(route_eval_plain(t, w, a, n, &hit) == hits);
        must(route_explain(t, w, a, n, &told) == 0);
        must(tree_getb(told->child[0], "matched", false) == (hits == 1));
        route_work_free(w);
    }
    tree_free(told);
    route_table_free(t);
    tree_free(routes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1);
    must(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    copy[size] = '\0';
    struct route_attribute a[3];
    text_len = strlen(copy);
    const char *value = copy + (text_len < size ? text_len + 1 : size);
    size_t n = event(a, value, (size_t)(copy + size - value));
    try_expression(copy, text_len, a, n);
    try_route(copy, a, n);
    must(cesql_lint(copy, text_len, &known, on_finding, NULL) == 0);
    free(copy);
    return 0;
}
