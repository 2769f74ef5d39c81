/* SPDX-License-Identifier: Apache-2.0 */
/* test_client - what only RabbitMQ does to a client: an alarm, silence, a deleted queue, a refusal
 * by policy, a connection that the operator closes. */
#include "conformance/stage.h"
#include "base/util.h"
#include "lib/engine_amqp.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static void ctl(const char *arguments)
{
    assert_int_equal(engine_amqp_ctl(arguments), 0);
}

static void an_alarm_is_told_and_what_is_under_way_waits(void **state)
{
    (void)state;
    probe_open(&pub, &g, "all");
    publish_n("register", 0, 1);
    ctl("set_vm_memory_high_watermark absolute 1");
    for (unsigned i = 1; i <= 20; i++)
        probe_send(&pub, i, "register");
    probe_wait(&pub, &pub.losses, 1);
    assert_non_null(strstr(pub.why, "blocked"));
    for (unsigned i = 21; i <= 80; i++) /* the window takes them, the broker does not get them */
        probe_send(&pub, i, "register");
    unsigned before = pub.confirmed;
    probe_idle(&pub, 1000);
    assert_int_equal(pub.confirmed, before);
    assert_false(pub.usable);
    ctl("set_vm_memory_high_watermark absolute 1GB");
    probe_wait(&pub, &pub.confirmed, 81);
    assert_true(pub.usable);
    assert_int_equal(pub.losses, 1); /* the connection has lived on */
    figure_gets(&pub, "register", "ready", 81);
}

static void a_broker_that_stands_still_freezes_nobody_and_is_noticed(void **state)
{
    static const char *const dest[] = {"register"};
    static char big[200 << 10];
    uint64_t longest = 0, start = mono_ms();
    unsigned sent = 0;
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "register.deliver");
    consume(&con, "register", 10);
    publish_n("foodbank", 0, 1);
    assert_int_equal(kill(g.pid, SIGSTOP), 0);
    while (pub.losses == 0 && mono_ms() - start < 40000) {
        uint64_t before = mono_ms();
        while (transport_publish(pub.t, 10 + sent, "big", big, sizeof big, dest, 1) == 0)
            sent++;
        assert_int_equal(transport_run(pub.t), 0);
        longest = mono_ms() - before > longest ? mono_ms() - before : longest;
        probe_idle(&pub, 20);
    }
    uint64_t noticed = mono_ms() - start, closing = mono_ms();
    probe_close(&con); /* bounded also now */
    closing = mono_ms() - closing;
    assert_int_equal(kill(g.pid, SIGCONT), 0);
    print_message("noticed after %u ms; the longest call %u ms; close %u ms\n", (unsigned)noticed,
                  (unsigned)longest, (unsigned)closing);
    assert_true(pub.losses >= 1 && sent > 0);
    assert_true(longest < 5000);
    assert_true(closing < 10000);
    probe_wait(&pub, &pub.confirmed, 1 + sent);
    assert_int_equal(pub.failed + pub.twice, 0);
}

static void a_deleted_queue_is_told_and_others_go_on(void **state)
{
    char path[128];
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "all");
    con.settle_done = true;
    consume(&con, "register", 10);
    consume(&con, "foodbank", 10);
    publish_n("register", 0, 1);
    probe_wait(&con, &con.settled, 1);
    (void)snprintf(path, sizeof path, "queues/%s/register", g.vhost);
    assert_int_equal(engine_amqp_api("DELETE", path, NULL, NULL), 204);
    probe_wait(&con, &con.losses, 1);
    assert_non_null(strstr(con.why, "destination-unknown"));
    publish_n("foodbank", 1, 1);
    probe_wait(&con, &con.settled, 2);
    probe_send(&pub, 2, "register");
    probe_wait(&pub, &pub.failed, 1);
    assert_string_equal(pub.code, "destination-unknown");
    assert_false(con.usable);
    assert_int_equal(engine_start(&g), 0); /* declares it again */
    publish_n("register", 3, 1);
    probe_wait(&con, &con.settled, 3);
    assert_true(con.usable);
}

static void what_the_brokers_own_limit_refuses_has_failed(void **state)
{
    static const struct {
        const char *name, *code;
    } table[] = {{"register", "transport"}, {"ledger", "transport"}, {"small", "destination-full"}};
    char path[128];
    unsigned tag = 0;
    (void)state;
    probe_open(&pub, &g, "all");
    (void)snprintf(path, sizeof path, "policies/%s/short", g.vhost);
    assert_int_equal(engine_amqp_api("PUT", path,
                                     "{\"pattern\":\"^(register|ledger|small)$\",\"definition\":{"
                                     "\"max-length\":1},\"apply-to\":\"queues\"}",
                                     NULL),
                     201);
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        unsigned failed = pub.failed, ended = pub.failed + pub.confirmed;
        for (unsigned k = 0; pub.failed == failed && k < 500; k++) { /* a policy takes a while */
            probe_send(&pub, tag++, table[i].name);
            ended++;
            for (unsigned w = 0; pub.failed + pub.confirmed < ended && w < 500; w++)
                probe_idle(&pub, 2);
        }
        assert_int_equal(pub.failed, failed + 1);
        assert_string_equal(pub.code, table[i].code);
        assert_non_null(strstr(pub.text, table[i].name));
    }
}

static void a_connection_closed_by_the_operator_comes_back(void **state)
{
    char line[128];
    unsigned seen[400] = {0};
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "register.deliver");
    con.settle_done = true;
    consume(&con, "register", 50);
    for (unsigned i = 0; i < 400; i++) {
        probe_send(&pub, i, "register");
        probe_idle(&con, 0);
        if (i == 100 || i == 300) {
            (void)snprintf(line, sizeof line, "close_all_connections --vhost %s test", g.vhost);
            ctl(line);
        }
    }
    probe_wait(&pub, &pub.confirmed, 400);
    assert_true(pub.losses >= 2);
    assert_non_null(strstr(pub.why, "CONNECTION_FORCED"));
    all_came(&con, 400);
    consumed(&con, "register");
    for (unsigned i = 0; i < con.jobs; i++)
        seen[strtoul(con.got[i].id + 1, NULL, 10)]++;
    for (unsigned i = 0; i < 400; i++)
        assert_true(seen[i] >= 1);
    assert_int_equal(pub.failed + pub.twice, 0);
}

static struct tree *tell(const char *destination, bool paused)
{
    struct tree *answers = NULL;
    struct err e;
    if (transport_pause_all(pub.t, destination, paused, &answers, &e) < 0)
        fail_msg("%s", e.text);
    for (size_t i = 0; i < answers->n; i++) {
        assert_string_equal(tree_gets(answers->child[i], "destination", ""), destination);
        assert_string_equal(tree_gets(answers->child[i], "told", ""), paused ? "pause" : "resume");
    }
    return answers;
}

/* Until their control queues are there and both have answered in time. */
static void tell_both(bool paused)
{
    for (unsigned i = 0; i < 200; i++) {
        struct tree *answers = tell("register", paused);
        size_t n = answers->n;
        tree_free(answers);
        if (n == 2)
            return;
        both_idle(5);
    }
    fail_msg("there are never two answers");
}

static void an_order_to_pause_reaches_every_consumer_and_no_other(void **state)
{
    struct probe third = {.t = NULL};
    struct tree *answers = NULL;
    struct err e;
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "register.deliver");
    probe_open(&con2, &g, "register.deliver");
    probe_open(&third, &g, "all");
    consume(&con, "register", 10);
    consume(&con2, "register", 10);
    consume(&third, "foodbank", 10);
    con.settle_done = con2.settle_done = third.settle_done = true;
    tell_both(true);
    probe_wait(&con, &con.told, 1);
    probe_wait(&con2, &con2.told, 1);
    assert_true(con.told_paused && con2.told_paused);
    for (unsigned w = 0; probe_figure(&pub, "register", "paused") != 1 && w < 500; w++)
        both_idle(5);
    publish_n("register", 0, 3);
    publish_n("foodbank", 3, 1);
    probe_wait(&third, &third.settled, 1);
    probe_idle(&con, 50);
    assert_int_equal(con.jobs + con2.jobs + third.told, 0);
    tell_both(false);
    both_wait(&con.settled, &con2.settled, 3);
    assert_false(con.told_paused || con2.told_paused);
    /* A worker's own user may not give orders. */
    assert_true(transport_pause_all(con.t, "register", true, &answers, &e) < 0);
    assert_string_equal(e.code, "not-allowed");
    probe_close(&third);
}

/* A strict consumer holds a message for a while before it gives it out. Paused then, it has put it
 * back before anybody has the next one. */
static void a_message_that_is_held_keeps_its_place_when_its_consumer_is_paused(void **state)
{
    (void)state;
    probe_open(&pub, &g, "all");
    for (unsigned round = 0; round < 5; round++) {
        probe_open(&con, &g, "ledger.deliver");
        consume(&con, "ledger", 10);
        probe_idle(&con, 100);
        probe_open(&con2, &g, "ledger.deliver");
        con2.settle_done = true;
        consume(&con2, "ledger", 10);
        probe_idle(&con2, 20);
        publish_n("ledger", 3 * round, 3);
        probe_idle(&con, 50);
        assert_int_equal(transport_pause(con.t, "ledger", true), 0);
        if (con.jobs) /* all was slow: it was given out, so it is held again */
            probe_settle(&con, 0, SETTLE_RELEASE, 0, NULL);
        both_wait(&con2.jobs, NULL, 3);
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(strtoul(con2.got[i].id + 1, NULL, 10), 3 * round + i);
        assert_true(con.jobs <= 1);
        probe_wait(&con2, &con2.settled, 3);
        probe_close(&con);
        probe_close(&con2);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(an_alarm_is_told_and_what_is_under_way_waits),
        T(a_broker_that_stands_still_freezes_nobody_and_is_noticed),
        T(a_deleted_queue_is_told_and_others_go_on),
        T(what_the_brokers_own_limit_refuses_has_failed),
        T(a_connection_closed_by_the_operator_comes_back),
        T(an_order_to_pause_reaches_every_consumer_and_no_other),
        T(a_message_that_is_held_keeps_its_place_when_its_consumer_is_paused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
