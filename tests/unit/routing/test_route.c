/* SPDX-License-Identifier: Apache-2.0 */
/* The route table and explain by example: what is chosen, which test decided, what is refused. */
#include "base/util.h"
#include "routing/route.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const char *const destinations[] = {"a", "b", "c", "d"};

static struct tree *json(const char *text)
{
    struct tree *t = NULL;
    struct err e;
    if (tree_from_json(text, strlen(text), &t, &e) < 0)
        fail_msg("%s: %s", text, e.text);
    return t;
}

static struct route_table *build(const char *text)
{
    struct tree *routes = json(text);
    struct route_table *t = NULL;
    struct err e;
    if (route_table_build(routes, destinations, ARRAY_SIZE(destinations), &t, &e) < 0)
        fail_msg("%s", e.text);
    tree_free(routes);
    return t;
}

static struct route_attribute string(const char *name, const char *v)
{
    return (struct route_attribute){
        name, strlen(name), {.type = VALUE_STRING, .p = v, .len = strlen(v)}};
}

static struct route_attribute integer(const char *name, int32_t v)
{
    return (struct route_attribute){name, strlen(name), {.type = VALUE_INTEGER, .integer = v}};
}

static const char table[] =
    "[{\"name\":\"awards\",\"when\":\"type = 'funding.award' AND amount > "
    "1000\",\"to\":[\"b\",\"a\"]},"
    "{\"name\":\"all\",\"match\":{\"type\":[\"funding.award\",\"funding.payment\"]},\"to\":[\"a\"]}"
    ","
    "{\"name\":\"referrals\",\"match\":{\"type\":[\"client.referral\"]},\"first\":["
    "{\"match\":{\"category\":[\"food\",\"fuel\"]},\"to\":[\"c\"]},"
    "{\"when\":\"amount = 7\",\"to\":[\"d\",\"c\"]},"
    "{\"match\":{\"status\":[\"new\"]},\"to\":[\"b\"]}]}]";

static void expect(const struct route_table *t, struct route_work *w,
                   const struct route_attribute *a, size_t n, const char *want)
{
    const struct route_hit *hit;
    char got[256] = "";
    size_t at = 0, hits = route_eval(t, w, a, n, &hit);
    for (size_t i = 0; i < hits; i++) {
        int len = snprintf(got + at, sizeof(got) - at, "%s%s:%s:%d", i ? " " : "",
                           destinations[hit[i].destination], route_name(t, hit[i].route),
                           (int)hit[i].alternative);
        at += (size_t)len;
    }
    assert_string_equal(got, want);
}

static void every_matching_route_counts_and_a_destination_gets_one_copy(void **unused)
{
    (void)unused;
    struct route_table *t = build(table);
    struct route_work *w = route_work_new(t);
    struct route_attribute award[] = {string("type", "funding.award"), integer("amount", 5000)};
    struct route_attribute referral[] = {string("type", "client.referral"),
                                         string("category", "fuel"), integer("amount", 7),
                                         string("status", "new")};
    expect(t, w, award, 2, "a:awards:-1 b:awards:-1");
    expect(t, w, award, 1, "a:all:-1");
    expect(t, w, referral, 4, "c:referrals:0");
    referral[1] = string("category", "debt");
    expect(t, w, referral, 4, "c:referrals:1 d:referrals:1");
    referral[2] = string("amount", "007"); /* = 7 casts to Integer */
    expect(t, w, referral, 4, "c:referrals:1 d:referrals:1");
    referral[2] = integer("amount", 8);
    expect(t, w, referral, 4, "b:referrals:2");
    expect(t, w, referral, 3, "");
    expect(t, w, NULL, 0, "");
    assert_int_equal(route_table_count(t), 3);
    assert_null(route_name(t, 3));
    route_work_free(w);
    route_table_free(t);
}

static void match_compares_the_canonical_text_of_any_type(void **unused)
{
    (void)unused;
    struct route_table *t =
        build("[{\"name\":\"r\",\"match\":{\"x\":[\"7\",\"true\"]},\"to\":\"a\"}]");
    struct route_work *w = route_work_new(t);
    struct route_attribute x = integer("x", 7);
    expect(t, w, &x, 1, "a:r:-1");
    x = string("x", "07");
    expect(t, w, &x, 1, "");
    x.value = (struct value){.type = VALUE_BOOLEAN, .integer = 1};
    expect(t, w, &x, 1, "a:r:-1");
    route_work_free(w);
    route_table_free(t);
}

static void explained(const struct tree *told, size_t i, const char *predicate, const char *value,
                      const char *result)
{
    assert_string_equal(tree_gets(told->child[i], "decided/predicate", ""), predicate);
    assert_string_equal(tree_gets(told->child[i], "decided/value", ""), value);
    assert_string_equal(tree_gets(told->child[i], "decided/result", ""), result);
}

static void explain_names_the_test_that_decided(void **unused)
{
    (void)unused;
    struct route_table *t = build(
        "[{\"name\":\"1\",\"when\":\"type = 'x' AND (amount > 1000 OR amount < 0)\",\"to\":\"a\"},"
        "{\"name\":\"2\",\"when\":\"(missing = 'y') OR type = 'x'\",\"to\":\"a\"},"
        "{\"name\":\"3\",\"when\":\"type = 'y' OR amount = 250\",\"to\":\"a\"},"
        "{\"name\":\"4\",\"match\":{\"place\":[\"p\",\"q\"]},\"when\":\"TRUE\",\"to\":\"a\"},"
        "{\"name\":\"5\",\"match\":{\"type\":[\"x\"]},\"when\":\"amount > 1\",\"to\":\"a\"},"
        "{\"name\":\"6\",\"to\":\"a\"},"
        "{\"name\":\"7\",\"first\":[{\"when\":\"amount = 1\",\"to\":\"a\"},{\"to\":\"b\"}]},"
        "{\"name\":\"8\",\"when\":\"'true'\",\"to\":\"a\"}]");
    struct route_work *w = route_work_new(t);
    struct route_attribute a[] = {string("type", "x"), integer("amount", 250)};
    struct tree *told = NULL;
    assert_int_equal(route_explain(t, w, a, 2, &told), 0);
    explained(told, 0, "amount > 1000 OR amount < 0", "amount = 250", "false");
    explained(told, 1, "missing = 'y'", "missing is absent", "false");
    assert_string_equal(tree_text(tree_at(told->child[1], "decided/errors")->child[0]),
                        "missingAttribute");
    explained(told, 2, "amount = 250", "amount = 250", "true");
    explained(told, 3, "place IN ('p', 'q')", "place is absent", "false");
    explained(told, 4, "type = 'x' AND (amount > 1)", "type = 'x', amount = 250", "true");
    explained(told, 5, "TRUE", "", "true");
    assert_int_equal(tree_getu(told->child[6], "alternative", 9), 1);
    assert_string_equal(tree_text(tree_get(told->child[6], "destinations")->child[0]), "b");
    assert_int_equal(tree_get(told->child[6], "alternatives")->n, 2);
    explained(told, 7, "'true'", "", "false");
    tree_free(told);
    route_work_free(w);
    route_table_free(t);
}

static void what_has_not_the_form_is_refused_with_its_route(void **unused)
{
    (void)unused;
    static const struct {
        const char *routes, *code, *says;
    } bad[] = {
        {"[{\"to\":[\"a\"]}]", "route-form", "route 1 has no name"},
        {"{}", "route-form", "list of routes"},
        {"[{\"name\":\"r\",\"to\":[\"x\"]}]", "route-destination",
         "route r: to: there is no destination 'x'"},
        {"[{\"name\":\"r\",\"when\":\"a ==\"}]", "cesql-parse", "route r: when: "},
        {"[{\"name\":\"r\",\"when\":[]}]", "route-form", "expression"},
        {"[{\"name\":\"r\",\"match\":[]}]", "route-form", "match"},
        {"[{\"name\":\"r\",\"match\":{\"a\":[[]]}}]", "route-form", "match: a"},
        {"[{\"name\":\"r\",\"first\":{}}]", "route-form", "first"},
        {"[{\"name\":\"r\",\"first\":[{\"when\":\"(\"}]}]", "cesql-parse",
         "route r: first: alternative 1"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct tree *routes = json(bad[i].routes);
        struct route_table *t = NULL;
        struct err e;
        int r = route_table_build(routes, destinations, ARRAY_SIZE(destinations), &t, &e);
        if (r != -EINVAL || strcmp(e.code, bad[i].code) != 0 || !strstr(e.text, bad[i].says))
            fail_msg("%s: %d %s %s", bad[i].routes, r, e.code, e.text);
        assert_null(t);
        tree_free(routes);
    }
}

static void many_destinations_come_in_their_order(void **unused)
{
    (void)unused;
    enum { MANY = 2000 };
    static char name[MANY][8];
    const char *names[MANY];
    struct tree *routes = tree_list(), *route = tree_map(), *to = tree_list(), *few = tree_map(),
                *some = tree_list();
    for (size_t i = 0; i < MANY; i++) {
        (void)snprintf(name[i], sizeof(name[i]), "d%zu", i);
        names[i] = name[i];
        assert_int_equal(tree_append(to, tree_scalarf(false, "d%zu", MANY - 1 - i)), 0);
        if (i < 40)
            assert_int_equal(tree_append(some, tree_scalarf(false, "d%zu", i * 37 % MANY)), 0);
    }
    assert_int_equal(tree_puts(route, "name", "r"), 0);
    assert_int_equal(tree_puts(route, "when", "x = '1'"), 0);
    assert_int_equal(tree_put(route, "to", to), 0);
    assert_int_equal(tree_puts(few, "name", "s"), 0);
    assert_int_equal(tree_put(few, "to", some), 0);
    assert_int_equal(tree_append(routes, route), 0);
    assert_int_equal(tree_append(routes, few), 0);
    struct route_table *t = NULL;
    struct err e;
    assert_int_equal(route_table_build(routes, names, MANY, &t, &e), 0);
    struct route_work *w = route_work_new(t);
    const struct route_hit *hit;
    struct route_attribute x = string("x", "1");
    for (size_t n = 0; n < 2; n++) {
        size_t hits = route_eval(t, w, &x, n, &hit);
        assert_int_equal(hits, n ? MANY : 40);
        for (size_t i = 1; i < hits; i++)
            assert_true(hit[i - 1].destination < hit[i].destination);
    }
    route_work_free(w);
    route_table_free(t);
    tree_free(routes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_matching_route_counts_and_a_destination_gets_one_copy),
        cmocka_unit_test(match_compares_the_canonical_text_of_any_type),
        cmocka_unit_test(explain_names_the_test_that_decided),
        cmocka_unit_test(what_has_not_the_form_is_refused_with_its_route),
        cmocka_unit_test(many_destinations_come_in_their_order),
    };
    return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
