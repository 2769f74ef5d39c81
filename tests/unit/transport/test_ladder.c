/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/transport.h"
#include "base/util.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

static void a_delay_is_rounded_up_to_a_rung(void **state)
{
    static const struct {
        uint64_t ask, get;
    } rows[] = {{0, 0},
                {1, 1000},
                {1000, 1000},
                {1001, 5000},
                {15000, 15000},
                {15001, 60000},
                {300001, 900000},
                {900001, 3600000},
                {3600000, 3600000},
                {3600001, 3600000},
                {UINT64_MAX, 3600000}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        assert_int_equal(transport_rung(rows[i].ask), rows[i].get);
}

static void every_failure_climbs_one_rung_to_the_last(void **state)
{
    (void)state;
    assert_int_equal(transport_backoff(0), 0);
    for (uint32_t i = 1; i <= transport_ladder_n; i++)
        assert_int_equal(transport_backoff(i), transport_ladder[i - 1]);
    assert_int_equal(transport_backoff((uint32_t)transport_ladder_n + 1), 3600000);
    assert_int_equal(transport_backoff(UINT32_MAX), 3600000);
}

static void an_engine_that_is_not_here_is_named(void **state)
{
    static const char *const parts[] = {"{\"engine\":\"amqp\"}", "{\"engine\":\"post\\u0007\"}",
                                        "{}", "{\"engine\":\"spool\",\"name\":\"x\"}"};
    static const char *const words[] = {"brokers", "post\\x07", "no transport engine", "socket"};
    struct transport_events ev = {.arg = NULL};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        struct tree *part = NULL;
        struct transport *t = NULL;
        struct err e = {.text = ""};
        assert_int_equal(tree_from_json(parts[i], strlen(parts[i]), &part, &e), 0);
        assert_true(transport_open(part, &ev, &t, &e) < 0);
        assert_null(t);
        assert_non_null(strstr(e.text, words[i]));
        tree_free(part);
    }
}

static void a_client_without_a_spool_waits_and_says_why(void **state)
{
    static const char part[] =
        "{\"engine\":\"spool\",\"socket\":\"/nowhere/s\",\"name\":\"x\",\"token\":\"y\"}";
    static const char *const dest[] = {"a"};
    struct transport_events ev = {.arg = NULL};
    struct tree *t = NULL;
    struct transport *tr = NULL;
    struct err e;
    short events = 0;
    (void)state;
    assert_int_equal(tree_from_json(part, sizeof part - 1, &t, &e), 0);
    assert_int_equal(transport_open(t, &ev, &tr, &e), 0);
    tree_free(t);
    assert_int_equal(transport_fd(tr, &events), -1);
    assert_int_equal(transport_wait_usable(tr, 120, &e), -ETIMEDOUT);
    assert_non_null(strstr(e.text, "cannot connect"));
    assert_true(transport_timeout(tr) <= 2000);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(transport_publish(tr, i, "id", "x", 1, dest, 1), 0);
    assert_int_equal(transport_publish(tr, 100, "id", "x", 1, dest, 1), -EAGAIN);
    assert_int_equal(transport_publish(tr, 100, "id", "x", 1, dest, 0), -EAGAIN);
    assert_int_equal(transport_consume(tr, "a", 0), -EINVAL);
    assert_int_equal(transport_consume(tr, "", 1), -EINVAL);
    assert_int_equal(transport_consume(tr, "a", 1), 0);
    assert_int_equal(transport_consume(tr, "a", 1), -EEXIST);
    transport_close(tr);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_delay_is_rounded_up_to_a_rung),
        cmocka_unit_test(every_failure_climbs_one_rung_to_the_last),
        cmocka_unit_test(an_engine_that_is_not_here_is_named),
        cmocka_unit_test(a_client_without_a_spool_waits_and_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
