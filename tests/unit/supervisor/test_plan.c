/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a plan, refusing what is none, and the difference between two. */
#include "supervisor/plan.h"
#include "base/buf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define HEAD                                                                      \
    "{\"format\":1,\"hub\":\"h\",\"config\":\"/c\",\"data\":\"/d\",\"run\":\"/d/" \
    "run\",\"processes\":["
#define P(name, kind, digest)                                           \
    "{\"name\":\"" name "\",\"kind\":\"" kind "\",\"digest\":\"" digest \
    "\",\"part\":{\"name\":\"" name "\"}}"

static int try_plan(const char *text, struct plan **ret, struct err *e)
{
    struct tree *t = NULL;
    assert_int_equal(tree_from_json(text, strlen(text), &t, e), 0);
    return plan_read(t, ret, e);
}

static struct plan *good(const char *text)
{
    struct plan *p = NULL;
    struct err e;
    if (try_plan(text, &p, &e) < 0)
        fail_msg("%s", e.text);
    return p;
}

static void a_plan_is_read(void **state)
{
    (void)state;
    struct plan *p = good(HEAD P("spool", "spool", "1") "," P("a.deliver", "sink", "2") "]}");
    assert_int_equal(p->n, 2);
    assert_string_equal(p->hub, "h");
    assert_int_equal(plan_find(p, "a.deliver")->kind, PROCESS_SINK);
    assert_null(plan_find(p, "b.deliver"));
    plan_free(p);
    plan_free(NULL);
}

static void what_is_no_plan_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "[]",
        "{}",
        "{\"format\":2,\"hub\":\"h\",\"data\":\"/d\",\"run\":\"/r\",\"processes\":[]}",
        "{\"format\":1,\"hub\":\"h\",\"data\":\"d\",\"run\":\"/r\",\"processes\":[]}",
        "{\"format\":1,\"hub\":\"h\",\"data\":\"/d\",\"run\":\"/r\"}",
        HEAD "7]}",
        HEAD P("spool", "cook", "1") "]}",
        HEAD P("", "sink", "1") "]}",
        HEAD P("../x", "sink", "1") "]}",
        HEAD P("a b", "sink", "1") "]}",
        HEAD P("a", "sink", "") "]}",
        HEAD P("a", "sink", "1") "," P("a", "sink", "2") "]}",
        HEAD "{\"name\":\"a\",\"kind\":\"sink\",\"digest\":\"1\",\"part\":[]}]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct plan *p = NULL;
        struct err e;
        if (try_plan(bad[i], &p, &e) == 0)
            fail_msg("taken: %s", bad[i]);
        assert_null(p);
    }
}

static int write_down(void *arg, enum plan_change change, const struct plan_process *p)
{
    static const char mark[] = "=~+-";
    return buf_addf(arg, "%c%s ", mark[change], p->name);
}

static void the_difference_is_by_digest_and_kind(void **state)
{
    (void)state;
    struct plan *a = good(HEAD P("spool", "spool", "1") "," P("a", "sink", "2") "," P(
        "b", "sink", "3") "," P("c", "sink", "4") "]}");
    struct plan *b = good(HEAD P("spool", "spool", "1") "," P("d", "source", "9") "," P(
        "b", "sink", "33") "," P("c", "source", "4") "]}");
    struct buf out = BUF_INIT(1000);
    assert_int_equal(plan_diff(a, b, write_down, &out), 0);
    assert_string_equal(buf_str(&out), "=spool +d ~b ~c -a ");
    buf_reset(&out);
    assert_int_equal(plan_diff(NULL, a, write_down, &out), 0);
    assert_string_equal(buf_str(&out), "+spool +a +b +c ");
    buf_done(&out);
    plan_free(a);
    plan_free(b);
}

static void another_data_directory_needs_a_restart(void **state)
{
    (void)state;
    struct plan *a = good(HEAD "]}");
    struct plan *b =
        good("{\"format\":1,\"hub\":\"h\",\"data\":\"/e\",\"run\":\"/e/run\",\"processes\":[]}");
    struct plan *c =
        good("{\"format\":1,\"hub\":\"i\",\"data\":\"/d\",\"run\":\"/d/run\",\"processes\":[]}");
    struct err e;
    assert_int_equal(plan_may_follow(a, a, &e), 0);
    assert_true(plan_may_follow(a, b, &e) < 0);
    assert_string_equal(e.code, "reload-data");
    assert_true(plan_may_follow(a, c, &e) < 0);
    assert_string_equal(e.code, "reload-hub");
    plan_free(a);
    plan_free(b);
    plan_free(c);
}

#define SOURCE(state)                                               \
    "{\"name\":\"s.receive\",\"kind\":\"source\",\"digest\":\"1\"," \
    "\"part\":{\"a\":1" state "}}"

static void another_memory_needs_a_restart(void **state)
{
    (void)state;
    struct plan *file = good(HEAD SOURCE("") "]}");
    struct plan *shared = good(HEAD SOURCE(",\"state\":{\"engine\":\"postgresql\"}") "]}");
    struct plan *none = good(HEAD "]}");
    struct err e;
    assert_int_equal(plan_may_follow(shared, shared, &e), 0);
    assert_int_equal(plan_may_follow(none, shared, &e), 0);
    assert_int_equal(plan_may_follow(file, none, &e), 0);
    assert_true(plan_may_follow(file, shared, &e) < 0);
    assert_string_equal(e.code, "reload-state");
    assert_non_null(strstr(e.text, "from sqlite to postgresql"));
    assert_true(plan_may_follow(shared, file, &e) < 0);
    plan_free(file);
    plan_free(shared);
    plan_free(none);
}

#define QUEUES(kind, vhost)                                          \
    "{\"name\":\"" kind "\",\"kind\":\"" kind "\",\"digest\":\"1\"," \
    "\"part\":{\"transport\":{\"vhost\":\"" vhost "\"}}}"

static void queues_elsewhere_need_a_restart(void **state)
{
    (void)state;
    struct plan *spool = good(HEAD P("d", "sink", "1") "," P("spool", "spool", "1") "]}");
    struct plan *amqp = good(HEAD QUEUES("amqp", "a") "]}"),
                *b = good(HEAD QUEUES("amqp", "b") "]}");
    struct err e;
    assert_string_equal(plan_queues(spool)->name, "spool");
    assert_string_equal(plan_queues(amqp)->name, "amqp");
    assert_null(plan_queues(NULL));
    assert_int_equal(plan_may_follow(amqp, amqp, &e), 0);
    assert_int_equal(plan_may_follow(spool, spool, &e), 0);
    assert_true(plan_may_follow(spool, amqp, &e) < 0);
    assert_string_equal(e.code, "reload-transport");
    assert_non_null(strstr(e.text, "`reeve migrate spool amqp`"));
    assert_true(plan_may_follow(amqp, spool, &e) < 0);
    assert_non_null(strstr(e.text, "`reeve migrate amqp spool`"));
    assert_true(plan_may_follow(amqp, b, &e) < 0);
    assert_string_equal(e.code, "reload-transport");
    plan_free(spool);
    plan_free(amqp);
    plan_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_is_read),
        cmocka_unit_test(what_is_no_plan_is_refused),
        cmocka_unit_test(the_difference_is_by_digest_and_kind),
        cmocka_unit_test(another_data_directory_needs_a_restart),
        cmocka_unit_test(another_memory_needs_a_restart),
        cmocka_unit_test(queues_elsewhere_need_a_restart),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
