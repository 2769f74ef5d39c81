/* SPDX-License-Identifier: Apache-2.0 */
/* Random route tables and messages: the indexed evaluation equals the plain one, and explain tells
 * the same. REEVE_SEED repeats a run (it is printed); REEVE_PAIRS sets the number of (route table,
 * message) pairs. */
#include "base/util.h"
#include "routing/route.h"
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#define PAIRS_WANTED       1200000
#define PAIRS_SANITIZED    120000
#define MESSAGES_PER_TABLE 400
#define DESTINATIONS       40

static uint64_t state;
static uint64_t told_all,
    told_too_much; /* destinations called possible with all attributes known */

static uint32_t rnd(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 11) % n);
}

static bool one_in(uint32_t n)
{
    return rnd(n) == 0;
}

static const char *const names[] = {"type", "category", "amount", "place", "flag", "status"};
static const char *const texts[] = {"a", "b",    "c",    "7",     "07", "+7", "8",  "0",
                                    "1", "true", "TRUE", "false", "",   "é",  "10", "-3"};
static const char *const numbers[] = {"7", "8", "0", "1", "-3", "10", "2147483647"};
static char pool[64][16]; /* many values, so that keys differ */

#define PICK(a) (a)[rnd((uint32_t)ARRAY_SIZE(a))]

static const char *text(void)
{
    return one_in(3) ? pool[rnd(64)] : PICK(texts);
}

static void add(struct buf *b, const char *s)
{
    assert_int_equal(buf_adds(b, s), 0);
}

static void add_constant(struct buf *b)
{
    switch (rnd(5)) {
    case 0:
        add(b, PICK(numbers));
        break;
    case 1:
        add(b, one_in(2) ? "TRUE" : "false");
        break;
    default:
        assert_int_equal(buf_addf(b, "'%s'", text()), 0);
    }
}

static void add_list(struct buf *b)
{
    add(b, " IN (");
    for (uint32_t n = 1 + rnd(one_in(4) ? 12 : 3), i = 0; i < n; i++) {
        add(b, i ? ", " : "");
        if (one_in(12))
            add(b, PICK(names));
        else
            add_constant(b);
    }
    add(b, ")");
}

static void add_operand(struct buf *b)
{
    static const char *const calls[] = {"LOWER(%s)", "INT(%s)",       "LENGTH(%s)", "UPPER(%s)",
                                        "BOOL(%s)",  "CONCAT(%s, 7)", "NO(%s)",     "TRIM(%s)"};
    char one[64];
    if (!one_in(3)) {
        add(b, PICK(names));
        return;
    }
    const char *call = PICK(calls), *hole = strchr(call, '%');
    (void)snprintf(one, sizeof(one), "%.*s%s%s", (int)(hole - call), call, PICK(names), hole + 2);
    add(b, one);
}

static void add_test(struct buf *b)
{
    static const char *const operators[] = {" = ", " = ", " = ", " != ", " < ", " >= "};
    switch (rnd(12)) {
    case 0:
        add(b, "EXISTS ");
        add(b, PICK(names));
        break;
    case 1:
        add(b, PICK(names));
        break;
    case 2:
        add(b, PICK(names));
        add(b, one_in(2) ? " LIKE 'v_%'" : " NOT LIKE '%a%'");
        break;
    case 3:
    case 4:
        add(b, PICK(names));
        add(b, one_in(5) ? " NOT" : "");
        add_list(b);
        break;
    case 5:
        add_constant(b);
        add(b, PICK(operators));
        add(b, PICK(names));
        break;
    case 6:
        add(b, PICK(names));
        add(b, one_in(2) ? " + 1" : " * 300000000");
        add(b, PICK(operators));
        add(b, PICK(numbers));
        break;
    case 7:
        add_constant(b);
        add(b, PICK(operators));
        add_constant(b);
        break;
    default:
        add_operand(b);
        add(b, PICK(operators));
        if (one_in(8))
            add_operand(b);
        else
            add_constant(b);
    }
}

static void add_expression(struct buf *b, unsigned depth)
{
    static const char *const logic[] = {" AND ", " AND ", " AND ", " OR ", " OR ", " XOR "};
    uint32_t n = 1 + rnd(3);
    const char *same = one_in(2) ? PICK(logic) : NULL;
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0)
            add(b, same ? same : PICK(logic));
        if (depth < 3 && one_in(4)) {
            add(b, one_in(4) ? "NOT (" : "(");
            add_expression(b, depth + 1);
            add(b, ")");
        } else if (one_in(15)) {
            add(b, one_in(2) ? "TRUE" : "FALSE");
        } else {
            add_test(b);
        }
    }
}

static void put(struct tree *map, const char *key, struct tree *value)
{
    assert_int_equal(tree_put(map, key, value), 0);
}

static struct tree *random_match(void)
{
    struct tree *m = tree_map();
    for (uint32_t n = 1 + rnd(2); n > 0; n--) {
        struct tree *list = tree_list();
        for (uint32_t k = one_in(20) ? 0 : 1 + rnd(one_in(3) ? 9 : 2); k > 0; k--)
            assert_int_equal(tree_appends(list, text()), 0);
        (void)tree_put(m, PICK(names), list); /* twice: refused, which is fine here */
    }
    return m;
}

static void random_condition(struct tree *t)
{
    struct buf b = BUF_INIT(1 << 20);
    if (one_in(2))
        put(t, "match", random_match());
    if (one_in(2)) {
        add_expression(&b, 0);
        put(t, "when", tree_scalar(buf_str(&b), false));
    }
    buf_done(&b);
}

static struct tree *random_targets(void)
{
    struct tree *list = tree_list();
    for (uint32_t n = 1 + rnd(one_in(10) ? 30 : 3); n > 0; n--)
        assert_int_equal(tree_append(list, tree_scalarf(false, "d%u", rnd(DESTINATIONS))), 0);
    return list;
}

static struct tree *random_routes(uint32_t n)
{
    struct tree *routes = tree_list();
    for (uint32_t i = 0; i < n; i++) {
        struct tree *t = tree_map();
        put(t, "name", tree_scalarf(false, "r%u", i));
        random_condition(t);
        if (one_in(4)) {
            struct tree *first = tree_list();
            for (uint32_t k = 1 + rnd(3); k > 0; k--) {
                struct tree *a = tree_map();
                random_condition(a);
                put(a, "to", random_targets());
                assert_int_equal(tree_append(first, a), 0);
            }
            put(t, "first", first);
        }
        if (!tree_get(t, "first") || one_in(3))
            put(t, "to", random_targets());
        assert_int_equal(tree_append(routes, t), 0);
    }
    return routes;
}

static size_t random_message(struct route_attribute *a)
{
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        static const int32_t integers[] = {7, 8, 0, 1, -3, 10, INT32_MAX, INT32_MIN};
        struct value v = {.type = VALUE_STRING};
        if (one_in(4))
            continue;
        switch (rnd(4)) {
        case 0:
            v = (struct value){.type = VALUE_INTEGER, .integer = PICK(integers)};
            break;
        case 1:
            v = (struct value){.type = VALUE_BOOLEAN, .integer = (int32_t)rnd(2)};
            break;
        default:
            v.p = text();
            v.len = strlen(v.p);
        }
        a[n++] = (struct route_attribute){names[i], strlen(names[i]), v};
    }
    return n;
}

static void check_equal(const struct route_hit *a, size_t n, const struct route_hit *b, size_t m)
{
    assert_int_equal(n, m);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(a[i].destination, b[i].destination);
        assert_int_equal(a[i].route, b[i].route);
        assert_int_equal(a[i].alternative, b[i].alternative);
    }
}

/* The destinations explain names, and only they, are the hits; its alternative is the one of the
 * hit. */
static void check_explain(const struct route_table *t, struct route_work *w,
                          const struct route_attribute *a, size_t n, const struct route_hit *hit,
                          size_t hits)
{
    struct tree *told = NULL;
    bool there[DESTINATIONS] = {false};
    size_t count = 0;
    assert_int_equal(route_explain(t, w, a, n, &told), 0);
    assert_int_equal(told->n, route_table_count(t));
    for (size_t i = 0; i < told->n; i++) {
        const struct tree *to = tree_get(told->child[i], "destinations");
        bool matched = tree_getb(told->child[i], "matched", false);
        assert_true(matched || to->n == 0);
        for (size_t k = 0; k < to->n; k++) {
            unsigned d = (unsigned)strtoul(tree_text(to->child[k]) + 1, NULL, 10);
            count += !there[d];
            there[d] = true;
        }
        const char *result = tree_gets(told->child[i], "decided/result", "");
        const char *predicate = tree_gets(told->child[i], "decided/predicate", "");
        assert_true(predicate[0] != '\0');
        if (matched && !tree_get(told->child[i], "alternatives"))
            assert_string_equal(result, "true");
        if (!matched)
            assert_string_equal(result, "false");
    }
    assert_int_equal(count, hits);
    for (size_t i = 0; i < hits; i++) {
        assert_true(there[hit[i].destination]);
        const struct tree *route = told->child[hit[i].route];
        assert_true(tree_getb(route, "matched", false));
        if (hit[i].alternative >= 0)
            assert_int_equal(tree_getu(route, "alternative", 99), hit[i].alternative);
    }
    tree_free(told);
}

/* Whatever part of the message is known: where it goes was possible. With all of it known hardly
 * anything else is. */
static void check_possible(const struct route_table *t, const struct route_attribute *a, size_t n,
                           const struct route_hit *hit, size_t hits)
{
    struct route_fact f[ARRAY_SIZE(names)];
    uint32_t route[DESTINATIONS];
    bool unrouted, all = one_in(2);
    size_t k = 0;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const struct route_attribute *there = NULL;
        for (size_t m = 0; m < n; m++)
            if (strcmp(a[m].name, names[i]) == 0)
                there = &a[m];
        if (!all && one_in(2))
            continue;
        f[k] = (struct route_fact){names[i], ROUTE_KNOWN_ABSENT, {0}};
        if (there)
            f[k].known = all || one_in(2) ? ROUTE_KNOWN_VALUE : ROUTE_KNOWN_PRESENT;
        if (there)
            f[k].value = there->value;
        k++;
    }
    assert_int_equal(route_possible(t, f, k, ROUTE_UNKNOWN, route, &unrouted), 0);
    for (size_t i = 0; i < hits; i++)
        assert_true(route[hit[i].destination] <= hit[i].route);
    assert_true(hits > 0 || unrouted);
    for (uint32_t d = 0; all && d < DESTINATIONS; d++) {
        bool chosen = false;
        for (size_t i = 0; i < hits; i++)
            chosen = chosen || hit[i].destination == d;
        told_all++;
        told_too_much += route[d] != ROUTE_NONE && !chosen;
    }
}

static void run_table(uint64_t *pairs, const char *const *destinations)
{
    static const uint32_t sizes[] = {1, 3, 10, 30, 60};
    struct tree *routes = random_routes(PICK(sizes));
    struct route_table *t = NULL;
    struct err e;
    if (route_table_build(routes, destinations, DESTINATIONS, &t, &e) < 0)
        fail_msg("%s: %s", e.code, e.text);
    struct route_work *indexed = route_work_new(t), *plain = route_work_new(t);
    for (uint32_t m = 0; m < MESSAGES_PER_TABLE; m++) {
        struct route_attribute a[ARRAY_SIZE(names)];
        const struct route_hit *x, *y;
        size_t n = random_message(a);
        size_t hits = route_eval(t, indexed, a, n, &x);
        size_t plain_hits = route_eval_plain(t, plain, a, n, &y);
        check_equal(x, hits, y, plain_hits);
        if (m % 64 == 0)
            check_explain(t, plain, a, n, x, hits);
        if (m % 16 == 0)
            check_possible(t, a, n, x, hits);
        ++*pairs;
    }
    route_work_free(indexed);
    route_work_free(plain);
    route_table_free(t);
    tree_free(routes);
}

static void indexed_evaluation_equals_the_plain_one_and_what_happens_was_possible(void **unused)
{
    (void)unused;
#ifdef __SANITIZE_ADDRESS__
    uint64_t wanted = PAIRS_SANITIZED;
#else
    uint64_t wanted = PAIRS_WANTED;
#endif
    uint64_t pairs = 0, seed = ((uint64_t)time(NULL) << 20) ^ (uint64_t)getpid();
    if (getenv("REEVE_PAIRS"))
        wanted = strtoull(getenv("REEVE_PAIRS"), NULL, 10);
    if (getenv("REEVE_SEED"))
        seed = strtoull(getenv("REEVE_SEED"), NULL, 10);
    state = seed ? seed : 1;
    printf("REEVE_SEED=%" PRIu64 "\n", seed);
    char d[DESTINATIONS][8];
    const char *destinations[DESTINATIONS];
    for (unsigned i = 0; i < DESTINATIONS; i++) {
        (void)snprintf(d[i], sizeof(d[i]), "d%u", i);
        destinations[i] = d[i];
    }
    for (unsigned i = 0; i < ARRAY_SIZE(pool); i++)
        (void)snprintf(pool[i], sizeof(pool[i]), "v%u", i);
    while (pairs < wanted)
        run_table(&pairs, destinations);
    printf("%" PRIu64 " pairs; all known, %" PRIu64 " of %" PRIu64
           " destinations called possible too many\n",
           pairs, told_too_much, told_all);
    /* Over a million pairs 0.35 % are: the order of an IN list with errors in it. Some seeds build
     * tables in which it counts for more. */
    assert_true(told_too_much * 100 <= told_all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(indexed_evaluation_equals_the_plain_one_and_what_happens_was_possible),
    };
    return cmocka_run_group_tests_name("routing random", tests, NULL, NULL);
}
