/* SPDX-License-Identifier: Apache-2.0 */
/* bench_routing - CESQL against the same predicate written in C, and routing through tables of 10,
 * 1,000 and 10,000 routes against the least that must be done: hash the one text that differs, look
 * it up, check the rest.
 *
 * Prints one JSON line a figure; rounds of both sides alternate, figures are medians of
 * BENCH_ROUNDS (default 15). Also, per table, the ratio to the table of 10 routes, as a line for
 * people. */
#include "base/map.h"
#include "base/util.h"
#include "routing/route.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

#define EVALUATIONS 400000
#define MESSAGES    4096
#define ROUTED      200000

static size_t rounds = 15;

static uint64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof(*v), by_size);
    return v[n / 2];
}

static void fatal(const char *what)
{
    (void)fprintf(stderr, "bench_routing: %s\n", what);
    exit(1);
}

static struct value text(const char *s)
{
    return (struct value){.type = VALUE_STRING, .p = s, .len = strlen(s)};
}

static void print(const char *name, double ours, double bare)
{
    printf("{\"bench\":\"%s\",\"unit\":\"ns\",\"ours\":%.1f,\"bare\":%.1f,\"ratio\":%.3f,"
           "\"better\":\"less\"}\n",
           name, ours, bare, bare / ours);
    (void)fflush(stdout);
}

/* ---------------------------------------------------------------- CESQL */
enum { TYPE, AMOUNT, CURRENCY, CATEGORY, PLACE, SLOTS };
static const char *const slot_names[SLOTS] = {"type", "amount", "currency", "category", "place"};

static bool is(const struct value *v, const char *s, size_t len)
{
    return v->type == VALUE_STRING && v->len == len && memcmp(v->p, s, len) == 0;
}
#define IS(v, s) is(v, s, sizeof(s) - 1)

static __attribute__((noinline)) bool by_hand_one(const struct value *v)
{
    return IS(&v[TYPE], "funding.award");
}

static __attribute__((noinline)) bool by_hand_and(const struct value *v)
{
    return IS(&v[TYPE], "funding.award") && v[AMOUNT].type == VALUE_INTEGER &&
           v[AMOUNT].integer > 1000 && IS(&v[CURRENCY], "GBP");
}

static __attribute__((noinline)) bool by_hand_like(const struct value *v)
{
    return v[TYPE].type == VALUE_STRING && v[TYPE].len >= 8 &&
           memcmp(v[TYPE].p, "funding.", 8) == 0 &&
           (IS(&v[CATEGORY], "food") || IS(&v[CATEGORY], "fuel") || IS(&v[CATEGORY], "debt")) &&
           !(v[PLACE].type == VALUE_STRING && IS(&v[PLACE], "E07000223"));
}

static void make_values(struct value (*v)[SLOTS])
{
    static const char *const types[] = {"funding.award", "funding.payment", "client.referral"};
    static const char *const categories[] = {"food", "fuel", "debt", "housing"};
    for (size_t i = 0; i < MESSAGES; i++) {
        uint32_t r = (uint32_t)(i * 2654435761u) >> 8;
        v[i][TYPE] = text(types[r % 3]);
        v[i][AMOUNT] = (struct value){.type = VALUE_INTEGER, .integer = (int32_t)(r % 2000)};
        v[i][CURRENCY] = text(r % 5 ? "GBP" : "EUR");
        v[i][CATEGORY] = text(categories[r / 3 % 4]);
        v[i][PLACE] = text(r % 2 ? "E07000223" : "E07000224");
    }
}

static void bench_expression(const char *name, const char *expression,
                             bool (*by_hand)(const struct value *))
{
    static struct value v[MESSAGES][SLOTS];
    struct symbols *symbols = symbols_new();
    struct cesql_scratch *scratch = cesql_scratch_new();
    struct cesql *c;
    struct err e;
    double ours[64], bare[64];
    size_t matched[2] = {0, 0};
    if (!symbols || !scratch)
        fatal("out of memory");
    for (size_t i = 0; i < SLOTS; i++)
        (void)symbols_slot(symbols, slot_names[i], strlen(slot_names[i]));
    if (cesql_compile(expression, strlen(expression), symbols, &c, NULL, &e) < 0)
        fatal(e.text);
    make_values(v);
    for (size_t r = 0; r < rounds; r++) {
        uint64_t t0 = now_ns();
        for (size_t i = 0; i < EVALUATIONS; i++)
            matched[0] += cesql_matches(c, v[i % MESSAGES], scratch);
        uint64_t t1 = now_ns();
        for (size_t i = 0; i < EVALUATIONS; i++)
            matched[1] += by_hand(v[i % MESSAGES]);
        uint64_t t2 = now_ns();
        ours[r] = (double)(t1 - t0) / EVALUATIONS;
        bare[r] = (double)(t2 - t1) / EVALUATIONS;
    }
    if (matched[0] != matched[1])
        fatal("the two sides do not agree");
    print(name, median(ours, rounds), median(bare, rounds));
    cesql_free(c);
    cesql_scratch_free(scratch);
    symbols_free(symbols);
}

/* ---------------------------------------------------------------- routes */
static struct tree *make_routes(size_t n, bool in_when)
{
    struct tree *routes = tree_list();
    for (size_t i = 0; i < n && routes; i++) {
        struct tree *t = tree_map();
        if (!t || tree_put(t, "name", tree_scalarf(false, "r%zu", i)) < 0)
            fatal("out of memory");
        if (in_when) {
            (void)tree_put(
                t, "when",
                tree_scalarf(false, "type = 'client.referral' AND category = 'need-%zu'", i));
        } else {
            struct tree *m = tree_map(), *values = tree_list(), *types = tree_list();
            if (!m || !values || !types)
                fatal("out of memory");
            (void)tree_append(values, tree_scalarf(false, "need-%zu", i));
            (void)tree_appends(types, "client.referral");
            (void)tree_put(m, "type", types);
            (void)tree_put(m, "category", values);
            (void)tree_put(t, "match", m);
        }
        (void)tree_put(t, "to", tree_scalarf(false, "d%zu", i % 50));
        (void)tree_append(routes, t);
    }
    return routes;
}

#define ATTRIBUTES 12
struct message {
    struct route_attribute a[ATTRIBUTES];
    char category[24], id[40];
};

static void make_messages(struct message *m, size_t routes)
{
    static const char *const fixed[][2] = {{"specversion", "1.0"},
                                           {"id", ""},
                                           {"source", "//exampleshire/council/fhir"},
                                           {"type", "client.referral"},
                                           {"subject", "case-4711"},
                                           {"time", "2026-01-15T09:30:00Z"},
                                           {"party", "council"},
                                           {"category", ""},
                                           {"place", "E07000223"},
                                           {"status", "new"},
                                           {"casereference", "b1946ac92492d2347c6235b4"},
                                           {"dataclassification", "personal"}};
    for (size_t i = 0; i < MESSAGES; i++) {
        /* spread over the table; one in eight matches nothing */
        size_t r = (size_t)((i * 2654435761u) % (routes + routes / 8 + 1));
        (void)snprintf(m[i].category, sizeof(m[i].category), "need-%zu", r);
        (void)snprintf(m[i].id, sizeof(m[i].id), "message-%zu", i);
        for (size_t k = 0; k < ATTRIBUTES; k++)
            m[i].a[k] =
                (struct route_attribute){fixed[k][0], strlen(fixed[k][0]), text(fixed[k][1])};
        m[i].a[1].value = text(m[i].id);
        m[i].a[7].value = text(m[i].category);
    }
}

/* The same function without a route table: the category in a hash, the type by comparison. */
static __attribute__((noinline)) uintptr_t bare_route(const struct map *m,
                                                      const struct route_attribute *a)
{
    const struct value *type = NULL, *category = NULL;
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        if (a[i].name_len == 4 && memcmp(a[i].name, "type", 4) == 0)
            type = &a[i].value;
        else if (a[i].name_len == 8 && memcmp(a[i].name, "category", 8) == 0)
            category = &a[i].value;
    }
    if (!type || !category || !IS(type, "client.referral"))
        return 0;
    return (uintptr_t)map_get(m, category->p, category->len);
}

struct table {
    size_t routes;
    struct route_table *t;
    struct route_work *w;
    struct map *map;
    struct message *m;
    double ours[64], bare[64];
    size_t hits[2];
};

static void make_table(struct table *b, size_t n, bool in_when)
{
    static char d[50][8];
    const char *destinations[50];
    struct tree *routes = make_routes(n, in_when);
    struct err e;
    *b = (struct table){
        .routes = n, .map = map_new(NULL), .m = xcalloc(MESSAGES, sizeof(struct message))};
    for (size_t i = 0; i < 50; i++) {
        (void)snprintf(d[i], sizeof(d[i]), "d%zu", i);
        destinations[i] = d[i];
    }
    for (size_t i = 0; i < n; i++) {
        char key[24];
        int len = snprintf(key, sizeof(key), "need-%zu", i);
        if (!b->map || map_put(b->map, key, (size_t)len, (void *)(uintptr_t)(i % 50 + 1)) < 0)
            fatal("out of memory");
    }
    if (route_table_build(routes, destinations, 50, &b->t, &e) < 0)
        fatal(e.text);
    tree_free(routes);
    b->w = route_work_new(b->t);
    if (!b->w || !b->m)
        fatal("out of memory");
    make_messages(b->m, n);
}

static void round_of(struct table *b, size_t r)
{
    uint64_t t0 = now_ns();
    for (size_t i = 0; i < ROUTED; i++) {
        const struct route_hit *hit;
        b->hits[0] += route_eval(b->t, b->w, b->m[i % MESSAGES].a, ATTRIBUTES, &hit);
    }
    uint64_t t1 = now_ns();
    for (size_t i = 0; i < ROUTED; i++)
        b->hits[1] += bare_route(b->map, b->m[i % MESSAGES].a) != 0;
    uint64_t t2 = now_ns();
    b->ours[r] = (double)(t1 - t0) / ROUTED;
    b->bare[r] = (double)(t2 - t1) / ROUTED;
}

static void bench_routes(bool in_when)
{
    static const size_t sizes[] = {10, 1000, 10000};
    static struct table b[ARRAY_SIZE(sizes)];
    double ratio[ARRAY_SIZE(sizes)][64];
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
        make_table(&b[i], sizes[i], in_when);
    for (size_t r = 0; r < rounds; r++) {
        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
            round_of(&b[i], r);
            ratio[i][r] = b[i].ours[r] / b[0].ours[r];
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        char name[64];
        if (b[i].hits[0] != b[i].hits[1])
            fatal("the two sides do not agree");
        (void)snprintf(name, sizeof(name), "route, %zu routes, by %s", sizes[i],
                       in_when ? "when" : "match");
        print(name, median(b[i].ours, rounds), median(b[i].bare, rounds));
        route_work_free(b[i].w);
        route_table_free(b[i].t);
        map_free(b[i].map);
        free(b[i].m);
    }
    printf("by %s: 1,000 routes cost %.2f and 10,000 cost %.2f times what 10 cost\n",
           in_when ? "when" : "match", median(ratio[1], rounds), median(ratio[2], rounds));
}

int main(void)
{
    const char *env = getenv("BENCH_ROUNDS");
    if (env)
        rounds = (size_t)strtoul(env, NULL, 10);
    if (rounds < 1 || rounds > 64)
        rounds = 15;
    bench_expression("CESQL, one equality", "type = 'funding.award'", by_hand_one);
    bench_expression("CESQL, three tests",
                     "type = 'funding.award' AND amount > 1000 AND currency = 'GBP'", by_hand_and);
    bench_expression(
        "CESQL, LIKE, IN and NOT",
        "type LIKE 'funding.%' AND category IN ('food', 'fuel', 'debt') AND NOT (place = "
        "'E07000223')",
        by_hand_like);
    bench_routes(false);
    bench_routes(true);
    return 0;
}
