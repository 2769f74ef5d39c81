/* SPDX-License-Identifier: Apache-2.0 */
/* The lints: each surprise is found, its plain counterpart is not. */
#include "base/util.h"
#include "routing/route.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const char *const types[] = {"client.referral", "funding.award"};
static const char *const attributes[] = {"amount", "currency", "category", "place", "status"};
static const char *const always[] = {"type", "source", "id"};
static const char *const given[] = {"currency", "place"};
static const struct lint_known known = {.types = types,
                                        .types_n = ARRAY_SIZE(types),
                                        .attributes = attributes,
                                        .attributes_n = ARRAY_SIZE(attributes),
                                        .always = always,
                                        .always_n = ARRAY_SIZE(always)};
static char found[1024], words[2048];

static void note(void *arg, size_t offset, const char *code, const char *text)
{
    (void)arg;
    size_t at = strlen(found), w = strlen(words);
    (void)snprintf(found + at, sizeof(found) - at, "%s%zu:%s", at ? " " : "", offset, code);
    (void)snprintf(words + w, sizeof(words) - w, "%s\n", text);
}

static void expression(const char *text, const struct lint_known *k, const char *want)
{
    found[0] = words[0] = '\0';
    assert_int_equal(cesql_lint(text, strlen(text), k, note, NULL), 0);
    if (strcmp(found, want) != 0)
        fail_msg("%s: found '%s', wanted '%s'\n%s", text, found, want, words);
}

static void surprises_are_found_where_they_stand(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *want;
    } t[] = {
        {"type = 'funding.award'", ""},
        {"type == 'funding.award'", "5:double-equals"},
        {"id = '1' && id = '2' || id = '3'", "9:double-ampersand 21:double-ampersand"},
        {"id = '1' OR id = '2' AND id = '3'", "0:and-or-mix"},
        {"id = '1' OR (id = '2' AND source = '3')", ""},
        {"id = '1' OR id = '2' OR id = '3'", ""},
        {"NOT id = 'x'", "0:not-precedence"},
        {"NOT (id = 'x')", ""},
        {"NOT id LIKE 'x%'", "0:not-precedence"},
        {"id NOT LIKE 'x%'", ""},
        {"status != 'new'", "0:maybe-absent"},
        {"NOT (status = 'new')", "0:maybe-absent"},
        {"status NOT IN ('new')", "0:maybe-absent"},
        {"id != 'new'", ""},
        {"EXISTS status AND status != 'new'", ""},
        {"NOT EXISTS status OR status != 'new'", ""},
        {"NOT EXISTS status", ""},
        {"EXISTS status AND (id = '1' AND NOT (status = 'new'))", ""},
        {"status = 'new'", ""},
        {"time > '2026-01-01T00:00:00Z'", "0:string-order"},
        {"id < 'b'", "0:string-order"},
        {"id < '5'", ""},
        {"currency >= 5", "0:string-order"},
        {"type = 'funding.awards'", "7:unknown-type"},
        {"type = 'Funding.Award'", "7:wrong-case"},
        {"type IN ('funding.award', 'x.y')", "26:unknown-type"},
        {"type LIKE 'funding.%'", ""},
        {"type LIKE 'fundings.%'", "0:unknown-type"},
        {"'x.y' = type", "0:unknown-type"},
        {"categori = 'x'", "0:unknown-attribute"},
        {"EXISTS nosuch", "7:unknown-attribute"},
        {"(Status) = 'new'", "1:wrong-case"},
        {"id = 'TRUE'", "5:wrong-case"},
        {"id = '1' And source = '2'", "9:wrong-case"},
        {"id = '1' and source = '2'", ""},
        {"amount > 100", "0:amount-without-currency"},
        {"amount > 100 AND currency = 'GBP'", ""},
        {"EXISTS amount", ""},
        {"amount > 3000000000 AND currency = 'GBP'", "9:int32-bound"},
        {"amount > 2147483647 AND currency = 'GBP'", "0:int32-bound"},
        {"amount * 100 > 5 AND currency = 'GBP'", "0:int32-bound"},
        {"id = 2000000000 + 2000000000", "5:int32-bound"},
        {"TRUE", "0:constant"},
        {"1 = 2", "0:constant"},
        {"id = '1' AND TRUE", "13:constant"},
        {"id = '1' AND 1 = 1", "13:constant"},
        {"id = 5 / 0", "5:constant"},
        {"'text'", "0:constant"},
        {"LENGTH(id)", "0:constant"},
        {"id = '1' AND id = '2'", "13:constant"},
        {"id = '1' AND source = '2' AND id = '1'", ""},
        {"LENGHT(id) = 3", "0:constant"},
        {"status", "0:constant"},
        {"EXISTS status", ""},
        {"id = (", ""},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(t); i++)
        expression(t[i].text, &known, t[i].want);
}

static void cures_are_named(void **unused)
{
    (void)unused;
    expression("type = 'funding.awrd'", &known, "7:unknown-type");
    assert_non_null(strstr(words, "did you mean 'funding.award'?"));
    expression("LENGHT(id) = 3", &known, "0:constant");
    assert_non_null(strstr(words, "LENGTH"));
    expression("amount * 100 > 5 AND currency = 'GBP'", &known, "0:int32-bound");
    assert_non_null(strstr(words, "21474836"));
}

static void what_is_not_known_is_not_judged(void **unused)
{
    (void)unused;
    expression("nosuch != 'x' AND type = 'y.z'", NULL, "");
    expression("nosuch != 'x' AND type = 'y.z'", &(struct lint_known){.types_n = 0}, "");
}

static void what_match_pins_is_there(void **unused)
{
    (void)unused;
    struct lint_known k = known;
    k.given = given;
    k.given_n = ARRAY_SIZE(given);
    expression("amount > 100", &k, "");
    expression("place != 'x'", &k, "");
    expression("status != 'x'", &k, "0:maybe-absent");
}

static void note_route(void *arg, size_t route, int alternative, const char *code, const char *text)
{
    (void)arg;
    size_t at = strlen(found), w = strlen(words);
    (void)snprintf(found + at, sizeof(found) - at, "%s%zu/%d:%s", at ? " " : "", route, alternative,
                   code);
    (void)snprintf(words + w, sizeof(words) - w, "%s\n", text);
}

static void routes(const char *json, const char *want)
{
    struct tree *t = NULL;
    struct err e;
    assert_int_equal(tree_from_json(json, strlen(json), &t, &e), 0);
    found[0] = words[0] = '\0';
    assert_int_equal(route_lint(t, &known, note_route, NULL), 0);
    if (strcmp(found, want) != 0)
        fail_msg("%s: found '%s', wanted '%s'\n%s", json, found, want, words);
    tree_free(t);
}

static void routes_that_give_nothing_are_found(void **unused)
{
    (void)unused;
    routes("[{\"name\":\"r\",\"match\":{\"type\":[\"client.referral\"]},\"to\":[\"a\"]}]", "");
    routes("[{\"name\":\"r\",\"when\":\"1 = 2\"}]", "0/-1:constant");
    routes("[{\"name\":\"r\",\"when\":\"LENGTH(id)\"}]", "0/-1:constant");
    routes("[{\"name\":\"r\",\"match\":{\"type\":[]}}]", "0/-1:constant");
    routes("[{\"name\":\"r\",\"match\":{\"type\":[\"client.referal\"]}}]", "0/-1:unknown-type");
    routes("[{\"name\":\"r\",\"match\":{\"type\":\"Client.Referral\"}}]", "0/-1:wrong-case");
    routes("[{\"name\":\"r\",\"match\":{\"categry\":\"x\"}}]", "0/-1:unknown-attribute");
    routes("[{\"name\":\"r\",\"match\":{\"Category\":\"x\"}}]", "0/-1:wrong-case");
    routes("[{\"name\":\"q\",\"to\":\"a\"},{\"name\":\"r\",\"first\":[{\"when\":\"id = "
           "'1'\"},{\"to\":\"a\"},"
           "{\"when\":\"id = '2'\"}]}]",
           "1/2:unreachable");
    routes("[{\"name\":\"r\",\"first\":[{\"when\":\"id = '1'\"},{\"when\":\"id = '1'\"}]}]",
           "0/1:unreachable");
    routes("[{\"name\":\"r\",\"first\":[{\"when\":\"FALSE\"},{\"to\":\"a\"}]}]", "0/0:constant");
    routes("[{\"name\":\"r\",\"when\":\"(((\"}, 5]", "");
    routes("{}", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(surprises_are_found_where_they_stand),
        cmocka_unit_test(cures_are_named),
        cmocka_unit_test(what_is_not_known_is_not_judged),
        cmocka_unit_test(what_match_pins_is_there),
        cmocka_unit_test(routes_that_give_nothing_are_found),
    };
    return cmocka_run_group_tests_name("lint", tests, NULL, NULL);
}
