/* SPDX-License-Identifier: Apache-2.0 */
/* What may reach whom when only some attributes are known: by example. That nothing which happens
 * is called impossible: test_route_random.c. */
#include "base/util.h"
#include "routing/route.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const char *const destinations[] = {"a", "b"};

static struct route_table *build(const char *text)
{
    struct tree *routes = NULL;
    struct route_table *t = NULL;
    struct err e;
    if (tree_from_json(text, strlen(text), &routes, &e) < 0 ||
        route_table_build(routes, destinations, ARRAY_SIZE(destinations), &t, &e) < 0)
        fail_msg("%s: %s", text, e.text);
    tree_free(routes);
    return t;
}

static struct route_fact text(const char *name, const char *v)
{
    return (struct route_fact){
        name, ROUTE_KNOWN_VALUE, {.type = VALUE_STRING, .p = v, .len = strlen(v)}};
}

static struct route_fact number(const char *name, int32_t v)
{
    return (struct route_fact){name, ROUTE_KNOWN_VALUE, {.type = VALUE_INTEGER, .integer = v}};
}

static void expressions_as_far_as_the_facts_decide_them(void **unused)
{
    (void)unused;
    /* type is client.case, amount is 7, status is there, funder is not; of others nothing is known
     */
    static const struct {
        const char *when;
        bool may, unrouted;
    } rows[] = {
        {"type = 'client.case'", true, false},
        {"type = 'funding.award'", false, true},
        {"NOT (type = 'funding.award')", true, false},
        {"type = 'funding.award' AND place = 'x'", false, true},
        {"place = 'x' AND type = 'funding.award'", false, true},
        {"type = 'client.case' AND place = 'x'", true, true},
        {"type = 'funding.award' OR place = 'x'", true, true},
        {"type = 'client.case' OR place = 'x'", true, false},
        {"place = 'x' OR type = 'client.case'", true, true}, /* an absent place ends it */
        {"type IN ('client.case', 'client.outcome')", true, false},
        {"type NOT IN ('client.case', 'client.outcome')", false, true},
        {"type IN ('funding.award', place)", true, true},
        {"type LIKE 'client.%'", true, false},
        {"type NOT LIKE 'client.%'", false, true},
        {"place LIKE 'E%'", true, true},
        {"UPPER(type) = 'CLIENT.CASE'", true, false},
        {"LEFT(type, 7) = 'funding'", false, true},
        {"LENGTH(place) = 3", true, true},
        {"NO(type)", false, true},
        {"amount > 5", true, false},
        {"amount + 1 > 8", false, true},
        {"-amount = -7", true, false},
        {"amount / 0 = 1 OR TRUE", false, true},
        {"EXISTS status", true, false},
        {"NOT EXISTS status", false, true},
        {"status = 'new'", true, true},
        {"EXISTS funder", false, true},
        {"funder = 'x'", false, true},
        {"NOT (funder = 'x')", false, true},
        {"EXISTS place", true, true},
        {"type = 'client.case' XOR EXISTS place", true, true},
        {"type = 'client.case' XOR EXISTS status", false, true},
        {"type", false, true},
        {"'true'", false, true},
        {"TRUE", true, false},
        {"TRUE AND type = 'client.case'", true, false},
        {"FALSE OR type = 'funding.award'", false, true},
    };
    const struct route_fact facts[] = {text("type", "client.case"),
                                       number("amount", 7),
                                       {"status", ROUTE_KNOWN_PRESENT, {0}},
                                       {"funder", ROUTE_KNOWN_ABSENT, {0}}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char routes[512];
        uint32_t route[2];
        bool unrouted;
        (void)snprintf(routes, sizeof(routes), "[{\"name\":\"r\",\"when\":\"%s\",\"to\":[\"a\"]}]",
                       rows[i].when);
        struct route_table *t = build(routes);
        assert_int_equal(
            route_possible(t, facts, ARRAY_SIZE(facts), ROUTE_UNKNOWN, route, &unrouted), 0);
        if ((route[0] != ROUTE_NONE) != rows[i].may || unrouted != rows[i].unrouted)
            fail_msg("%s: may %d unrouted %d", rows[i].when, route[0] != ROUTE_NONE, unrouted);
        assert_true(route[1] == ROUTE_NONE);
        route_table_free(t);
    }
}

static void match_and_first(void **unused)
{
    (void)unused;
    static const char table[] =
        "[{\"name\":\"other\",\"match\":{\"type\":[\"funding.award\"]},\"to\":[\"b\"]},"
        "{\"name\":\"cases\",\"match\":{\"type\":[\"client.case\"]},\"first\":["
        "{\"match\":{\"category\":[\"food\"]},\"to\":[\"a\"]},"
        "{\"when\":\"type LIKE 'client.%'\",\"to\":[\"b\"]},"
        "{\"to\":[\"a\"]}]}]";
    struct route_table *t = build(table);
    struct route_fact f[] = {text("type", "client.case"), text("category", "fuel")};
    uint32_t route[2];
    bool unrouted;
    assert_int_equal(route_possible(t, f, 1, ROUTE_UNKNOWN, route, &unrouted), 0);
    assert_int_equal(route[0], 1);
    assert_int_equal(route[1], 1);
    assert_false(unrouted);
    assert_int_equal(route_possible(t, f, 2, ROUTE_UNKNOWN, route, &unrouted), 0);
    assert_true(route[0] ==
                ROUTE_NONE); /* the second alternative always holds: the last is not tried */
    assert_int_equal(route[1], 1);
    f[0] = text("type", "funding.award");
    assert_int_equal(route_possible(t, f, 2, ROUTE_UNKNOWN, route, &unrouted), 0);
    assert_true(route[0] == ROUTE_NONE);
    assert_int_equal(route[1], 0);
    assert_false(unrouted);
    f[0] = text("type", "funding.report");
    assert_int_equal(route_possible(t, f, 2, ROUTE_UNKNOWN, route, &unrouted), 0);
    assert_true(route[0] == ROUTE_NONE && route[1] == ROUTE_NONE && unrouted);
    f[0] = text("type", "client.case");
    assert_int_equal(route_possible(t, f, 1, ROUTE_KNOWN_ABSENT, route, &unrouted), 0);
    assert_true(route[0] == ROUTE_NONE && route[1] == 1); /* there is no category */
    route_table_free(t);
}

static void add_constant(void *arg, const char *p, size_t len)
{
    char *all = arg;
    size_t at = strlen(all);
    (void)snprintf(all + at, 256 - at, "%.*s ", (int)len, p);
}

static void constants_that_an_attribute_is_compared_with(void **unused)
{
    (void)unused;
    static const char table[] =
        "[{\"name\":\"r\",\"match\":{\"type\":[\"a\",\"b\"],\"place\":[\"p\"]},"
        "\"when\":\"type = 'c' OR 'd' != type OR type IN ('e', 'f') OR place = 'q'\",\"first\":["
        "{\"match\":{\"type\":[\"g\"]},\"to\":[\"a\"]}]}]";
    struct route_table *t = build(table);
    char all[256] = "";
    route_constants(t, "type", add_constant, all);
    assert_string_equal(all, "a b c d f e g ");
    all[0] = '\0';
    route_constants(t, "funder", add_constant, all);
    assert_string_equal(all, "");
    route_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_as_far_as_the_facts_decide_them),
        cmocka_unit_test(match_and_first),
        cmocka_unit_test(constants_that_an_attribute_is_compared_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
