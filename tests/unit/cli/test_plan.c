/* SPDX-License-Identifier: Apache-2.0 */
/* Replaying journal rows through two plans: rows as they should not be, and what differs by the
 * same name. The whole of it against an oracle: tests/system/test_plan.py. */
#include "base/util.h"
#include "cli/plan.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct err e;

static struct tree *json(const char *text)
{
    struct tree *t = NULL;
    if (tree_from_json(text, strlen(text), &t, &e) < 0)
        fail_msg("%s: %s", text, e.text);
    return t;
}

#define SOURCE(routes, unrouted)                                                            \
    "{\"name\":\"in.receive\",\"kind\":\"source\",\"part\":{\"kind\":\"source\",\"name\":"  \
    "\"in.receive\",\"connector\":\"in\",\"party\":{\"name\":\"p\"},\"adapter\":{\"name\":" \
    "\"cloudevents\"},\"routes\":[" routes                                                  \
    "],\"destinations\":[\"a\",\"b\"],\"unrouted\":" unrouted "}}"
#define SINK(name, party, more)                                                 \
    "{\"name\":\"" name                                                         \
    ".deliver\",\"kind\":\"sink\",\"part\":{\"kind\":\"sink\",\"name\":\"" name \
    ".deliver\",\"destination\":\"" name "\",\"party\":" party more "}}"
#define HUB "{\"name\":\"council\",\"role\":\"hub\"}"
#define PLAN(processes)                     \
    "{\"hub\":\"h\",\"config\":\"/nowhere/" \
    "x\",\"destinations\":[\"a\",\"b\"],\"processes\":[" processes "]}"
#define ROUTE(when, to) "{\"name\":\"r\",\"when\":\"" when "\",\"to\":[\"" to "\"]}"

struct two {
    struct plan_config c[2];
    struct reach *reach;
    struct replay *replay;
};

static void open_two(struct two *t, const char *old, const char *new)
{
    if (plan_config_open("old", json(old), &t->c[0], &e) < 0 ||
        plan_config_open("new", json(new), &t->c[1], &e) < 0)
        fail_msg("%s", e.text);
    t->reach = reach_new();
    t->replay = replay_new(t->c, t->reach);
    assert_non_null(t->replay);
}

static void close_two(struct two *t)
{
    replay_free(t->replay);
    reach_free(t->reach);
    plan_config_done(&t->c[0]);
    plan_config_done(&t->c[1]);
}

static void replay(struct two *t, struct journal_taken m)
{
    m.attributes_len = m.attributes ? strlen(m.attributes) : 0;
    m.party = m.party ? m.party : "p";
    m.connector = m.connector ? m.connector : "in";
    assert_int_equal(replay_message(t->replay, &m), 0);
}

static uint64_t counted(struct two *t, const char *what)
{
    struct tree *report = tree_map();
    assert_int_equal(replay_report(t->replay, report), 0);
    uint64_t n = tree_getu(report, what, UINT64_MAX);
    tree_free(report);
    return n;
}

static void rows_that_cannot_be_read_are_counted_and_stop_nothing(void **unused)
{
    (void)unused;
    struct two t;
    open_two(&t, PLAN(SOURCE(ROUTE("TRUE", "a"), "{\"drop\":\"\"}") "," SINK("a", HUB, "")),
             PLAN(SOURCE(ROUTE("x = 7", "a"), "{\"drop\":\"\"}") "," SINK("a", HUB, "")));
    static const char *const bad[] = {"",
                                      "nonsense",
                                      "[]",
                                      "{",
                                      "{\"x\":}",
                                      "{\"x\":{}}",
                                      "{\"x\":1.5}",
                                      "{\"x\":99999999999}",
                                      "{\"x\":1e3}",
                                      "{\"x\":1} trailing",
                                      "{\"x\":\"\\ud800\"}"};
    char id[16];
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        (void)snprintf(id, sizeof(id), "bad%zu", i);
        replay(&t, (struct journal_taken){.id = id, .attributes = bad[i]});
    }
    char many[4000] = "{\"x\":7";
    for (int i = 0; i < 100; i++)
        (void)snprintf(many + strlen(many), sizeof(many) - strlen(many), ",\"a%d\":1", i);
    (void)snprintf(many + strlen(many), sizeof(many) - strlen(many), "}");
    replay(&t, (struct journal_taken){.id = "many", .attributes = many});
    assert_int_equal(counted(&t, "replayed/unreadable"), ARRAY_SIZE(bad) + 1);
    replay(&t, (struct journal_taken){.id = "none"});
    assert_int_equal(counted(&t, "replayed/without_attributes"), 1);
    replay(&t, (struct journal_taken){.id = "good", .attributes = "{\"x\":7,\"y\":null}"});
    replay(&t, (struct journal_taken){.id = "good", .attributes = "{\"x\":8}"}); /* its twin */
    replay(&t, (struct journal_taken){.id = "text", .attributes = "{\"\\u0078\":\"\\u0037\"}"});
    assert_int_equal(counted(&t, "replayed/twice"), 1);
    assert_int_equal(counted(&t, "replayed/messages"), 2);
    assert_int_equal(counted(&t, "replayed/unchanged"), 2);
    replay(&t, (struct journal_taken){.id = "lost", .attributes = "{\"x\":true}"});
    assert_int_equal(replay_unroutable(t.replay), 1);
    close_two(&t);
}

static void what_has_a_column_need_not_stand_among_the_attributes(void **unused)
{
    (void)unused;
    struct two t;
    open_two(&t, PLAN(SOURCE(ROUTE("TRUE", "a"), "{\"drop\":\"\"}") "," SINK("a", HUB, "")),
             PLAN(SOURCE(ROUTE("id = 'i' AND source = '//s' AND type = 't' AND subject = 'u' AND "
                               "party = 'p' AND specversion = '1.0'",
                               "a"),
                         "{\"drop\":\"\"}") "," SINK("a", HUB, "")));
    replay(&t, (struct journal_taken){
                   .id = "i", .source = "//s", .type = "t", .subject = "u", .attributes = "{}"});
    assert_int_equal(counted(&t, "replayed/unchanged"), 1);
    close_two(&t);
}

static void connectors_come_and_go(void **unused)
{
    (void)unused;
    struct two t;
    open_two(&t, PLAN(SOURCE(ROUTE("TRUE", "a"), "{\"drop\":\"\"}") "," SINK("a", HUB, "")),
             PLAN(SINK("a", HUB, "")));
    replay(&t, (struct journal_taken){.id = "1", .attributes = "{}"});
    replay(&t, (struct journal_taken){.id = "2", .attributes = "{}", .connector = "nobody"});
    assert_int_equal(counted(&t, "changes/not_received"), 1);
    assert_int_equal(counted(&t, "replayed/of_unknown_connectors"), 1);
    assert_int_equal(counted(&t, "changes/unroutable"), 1); /* the new one has no routes at all */
    close_two(&t);
}

static void differences_are_named_and_values_never(void **unused)
{
    (void)unused;
    struct two t;
    open_two(&t,
             PLAN(SINK("a", HUB,
                       ",\"plugin\":{\"name\":\"http\",\"options\":{\"url\":[\"https://x\"],"
                       "\"bearer\":[\"top secret\"],\"gone\":[\"1\"]}},\"order\":\"free\","
                       "\"transport\":{\"token\":\"1\"}") "," SINK("b", HUB, "")),
             PLAN(SINK("a", HUB,
                       ",\"plugin\":{\"name\":\"http\",\"options\":{\"url\":[\"https://x\"],"
                       "\"bearer\":[\"another secret\"],\"fresh\":[\"1\"]}},\"order\":\"strict\","
                       "\"transport\":{\"token\":\"2\"}")));
    struct tree *report = tree_map();
    struct buf out = BUF_INIT(100000);
    assert_int_equal(differs_report(t.c, report), 0);
    assert_int_equal(tree_to_json(report, &out, false), 0);
    assert_string_equal(
        buf_str(&out),
        "{\"differences\":[{\"name\":\"a.deliver\",\"what\":[\"plugin option bearer\",\"plugin "
        "option gone\",\"plugin option fresh\",\"order\"]},{\"name\":\"b.deliver\",\"what\":[\"not "
        "there any more, or not enabled\"]}]}");
    buf_done(&out);
    tree_free(report);
    close_two(&t);
}

static void paths_below_each_configuration_are_the_same(void **unused)
{
    (void)unused;
    struct two t;
    open_two(&t, PLAN(SINK("a", HUB, ",\"plugin\":{\"options\":{\"directory\":[\"/old/out\"]}}")),
             PLAN(SINK("a", HUB, ",\"plugin\":{\"options\":{\"directory\":[\"/new/out\"]}}")));
    free(t.c[0].root);
    free(t.c[1].root);
    t.c[0].root = strdup("/old");
    t.c[1].root = strdup("/new");
    struct tree *report = tree_map();
    assert_int_equal(differs_report(t.c, report), 0);
    assert_int_equal(tree_get(report, "differences")->n, 0);
    tree_free(report);
    close_two(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_that_cannot_be_read_are_counted_and_stop_nothing),
        cmocka_unit_test(what_has_a_column_need_not_stand_among_the_attributes),
        cmocka_unit_test(connectors_come_and_go),
        cmocka_unit_test(differences_are_named_and_values_never),
        cmocka_unit_test(paths_below_each_configuration_are_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
