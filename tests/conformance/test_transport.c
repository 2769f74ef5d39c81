/* SPDX-License-Identifier: Apache-2.0 */
/* test_transport - what every engine of the transport must do, said through transport.h alone.
 *
 * The fixture (tests/lib/engine.h) starts a real engine for each test. Delays are real: a rung of
 * the ladder is a second at least. */
#include "conformance/stage.h"
#include "base/util.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

static void every_tag_ends_exactly_once(void **state)
{
    (void)state;
    probe_open(&pub, &g, "all");
    for (unsigned i = 0; i < 1000; i++)
        probe_send(&pub, i, i % 7 == 3 ? "nowhere" : "register");
    probe_wait(&pub, &pub.confirmed, 857);
    probe_wait(&pub, &pub.failed, 143);
    probe_idle(&pub, 50);
    assert_int_equal(pub.confirmed, 857);
    assert_int_equal(pub.failed, 143);
    assert_int_equal(pub.twice, 0);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(pub.ended[i], i % 7 == 3 ? 2 : 1);
    assert_string_equal(pub.code, "destination-unknown");
    assert_non_null(strstr(pub.text, "nowhere"));
}

static void several_destinations_get_one_copy_each(void **state)
{
    static const char *const three[] = {"register", "foodbank", "ledger"};
    static const char *const same[] = {"register", "register"};
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "all");
    for (size_t i = 0; i < 3; i++)
        consume(&con, three[i], 100);
    probe_publish(&pub, 1, "one", "{\"a\":1}", 7, three, 3);
    probe_publish(&pub, 2, "two", "{\"b\":2}", 7, same, 2);
    probe_wait(&pub, &pub.confirmed, 2);
    con.settle_done = true;
    probe_wait(&con, &con.jobs, 4);
    probe_wait(&con, &con.settled, 4);
    probe_idle(&con, 100);
    assert_int_equal(con.jobs, 4);
    unsigned each[3] = {0};
    for (unsigned i = 0; i < 4; i++)
        for (size_t d = 0; d < 3; d++)
            each[d] += strcmp(con.got[i].destination, three[d]) == 0;
    assert_int_equal(each[0], 2);
    assert_int_equal(each[1], 1);
    assert_int_equal(each[2], 1);
}

static void attempts_are_charged_by_retry_only_and_the_message_stays_the_same(void **state)
{
    static const char *const dest[] = {"register"};
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "register.deliver");
    consume(&con, "register", 10);
    probe_publish(&pub, 1, "the-id", "<event>", 7, dest, 1);
    static const enum settle how[] = {SETTLE_RELEASE, SETTLE_RETRY, SETTLE_RELEASE, SETTLE_RETRY,
                                      SETTLE_DONE};
    static const uint32_t charged[] = {0, 0, 1, 1, 2};
    probe_wait(&pub, &pub.confirmed, 1);
    for (unsigned i = 0; i < ARRAY_SIZE(how); i++) {
        probe_wait(&con, &con.jobs, i + 1);
        assert_string_equal(con.got[i].id, "the-id");
        assert_memory_equal(con.got[i].job->bytes, "<event>", 7);
        assert_int_equal(con.got[i].len, 7);
        assert_int_equal(con.got[i].attempts, charged[i]);
        assert_int_equal(con.got[i].first_ms, con.got[0].first_ms);
        probe_settle(&con, i, how[i], 0, "busy");
    }
    probe_wait(&con, &con.settled, (unsigned)ARRAY_SIZE(how));
    probe_idle(&con, 100);
    assert_int_equal(con.jobs, ARRAY_SIZE(how));
}

static void prefetch_bounds_what_a_slow_consumer_holds_and_others_get_their_share(void **state)
{
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "register.deliver");
    probe_open(&con2, &g, "register.deliver");
    consume(&con, "register", 10);
    consume(&con2, "register", 10);
    both_idle(50);
    publish_n("register", 0, 100);
    probe_wait(&con, &con.jobs, 10);
    probe_wait(&con2, &con2.jobs, 10);
    probe_idle(&con, 100);
    assert_int_equal(con.jobs, 10);
    figure_gets(&con, "register", "inflight", 20);
    con2.settle_done = true; /* the slow one does not stop the other */
    for (unsigned i = 0; i < 10; i++)
        probe_settle(&con2, i, SETTLE_DONE, 0, NULL);
    probe_wait(&con2, &con2.settled, 90);
    assert_int_equal(con.jobs, 10);
    probe_settle(&con, 0, SETTLE_RELEASE, 0, NULL);
    probe_wait(&con, &con.settled, 1);
    both_wait(&con.jobs, &con2.jobs, 101); /* it comes again, to either */
    probe_idle(&con2, 100);
    assert_int_equal(con.jobs + con2.jobs, 101);
}

static void a_paused_consumer_gets_nothing_new(void **state)
{
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "register.deliver");
    consume(&con, "register", 10);
    assert_int_equal(transport_pause(con.t, "register", true), 0);
    assert_int_equal(transport_pause(con.t, "foodbank", true), -ENOENT);
    figure_gets(&con, "register", "paused", 1);
    publish_n("register", 0, 5);
    probe_idle(&con, 150);
    assert_int_equal(con.jobs, 0);
    engine_kill(&g); /* and stays paused */
    assert_int_equal(engine_start(&g), 0);
    probe_wait(&con, &con.losses, 1);
    probe_idle(&con, 300);
    assert_int_equal(con.jobs, 0);
    assert_int_equal(transport_pause(con.t, "register", false), 0);
    probe_wait(&con, &con.jobs, 5);
}

static void an_empty_event_and_odd_bytes_travel(void **state)
{
    static const char *const dest[] = {"register"};
    static const char odd[] = {0, 1, (char)0xff, 0};
    (void)state;
    probe_open(&pub, &g, "all");
    probe_publish(&pub, 1, "empty", "", 0, dest, 1);
    probe_publish(&pub, 2, "odd", odd, sizeof odd, dest, 1);
    probe_wait(&pub, &pub.confirmed, 2);
    engine_kill(&g);
    assert_int_equal(engine_start(&g), 0);
    probe_open(&con, &g, "register.deliver");
    consume(&con, "register", 10);
    probe_wait(&con, &con.jobs, 2);
    assert_int_equal(con.got[0].len, 0);
    assert_int_equal(con.got[1].len, sizeof odd);
    assert_memory_equal(con.got[1].job->bytes, odd, sizeof odd);
}

static void a_worker_reaches_its_own_queue_only(void **state)
{
    struct err e;
    struct tree *t = NULL;
    static struct probe other;
    (void)state;
    probe_open(&pub, &g, "all");
    publish_n("register", 0, 1);
    probe_open(&con, &g, "foodbank.deliver");
    consume(&con, "register", 10);
    probe_wait(&con, &con.losses, 1);
    assert_non_null(strstr(con.why, "not-allowed"));
    probe_idle(&con, 300);
    assert_int_equal(con.jobs, 0);
    probe_open(&con2, &g, "register.deliver"); /* may take, may not give or look */
    probe_send(&con2, 1, "register");
    probe_wait(&con2, &con2.failed, 1);
    assert_string_equal(con2.code, "not-allowed");
    assert_true(transport_status(con2.t, &t, &e) < 0);
    assert_string_equal(e.code, "not-allowed");
    assert_true(transport_dead_discard(con2.t, 1, &e) < 0);
    assert_string_equal(e.code, "not-allowed");
    probe_open_only(&other, &g, "stranger");
    assert_int_equal(transport_wait_usable(other.t, 500, &e), -ETIMEDOUT);
    assert_non_null(strstr(e.text, "not-allowed"));
    probe_close(&other);
}

static void status_tells_what_waits_where(void **state)
{
    (void)state;
    uint64_t start = wall_ms();
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "all");
    publish_n("register", 0, 10);
    consume(&con, "register", 4);
    probe_wait(&con, &con.jobs, 4);
    probe_settle(&con, 0, SETTLE_RETRY, 60000, "http-503");
    probe_settle(&con, 1, SETTLE_DEAD, 0, "http-400");
    probe_wait(&con, &con.settled, 2);
    figure_gets(&con, "register", "inflight", 4);
    figure_gets(&con, "register", "ready", 4);
    figure_gets(&con, "register", "delayed", 1);
    figure_gets(&con, "register", "dead", 1);
    figure_is("register", "bytes", 9 * 20);
    figure_gets(&pub, "register", "consumers", 1);
    assert_int_equal(probe_figure(&pub, "register", "configured"), 1);
    assert_int_equal(probe_figure(&pub, "small", "limit_messages"), 3);
    assert_int_equal(probe_figure(&pub, "narrow", "limit_bytes"), 1000);
    if (engine_tells("oldest_ms")) {
        uint64_t age = probe_figure(&pub, "register", "oldest_ms");
        assert_true(age <= wall_ms() - start); /* the same clock: two of them round differently */
    }
    struct tree *t = probe_status(&pub);
    const struct tree *list = tree_get(t, "destinations");
    assert_true(tree_getu(t, "stored_bytes", 0) > 0 || !engine_tells("stored_bytes"));
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(tree_gets(list->child[i], "name", ""), "register") == 0)
            assert_string_equal(tree_gets(list->child[i], "last_error/code", ""), "http-400");
    tree_free(t);
}

static void a_destination_that_left_the_plan_keeps_its_messages(void **state)
{
    (void)state;
    probe_open(&pub, &g, "all");
    publish_n("register", 0, 3);
    (void)engine_stop(&g);
    g.dests[0].name = "archive";
    assert_int_equal(engine_start(&g), 0);
    figure_gets(&pub, "register", "ready", 3);
    assert_int_equal(probe_figure(&pub, "register", "configured"), 0);
    assert_int_equal(probe_figure(&pub, "archive", "configured"), 1);
    probe_send(&pub, 9, "register");
    probe_wait(&pub, &pub.failed, 1);
    assert_string_equal(pub.code, "destination-unknown");
    (void)engine_stop(&g);
    g.dests[0].name = "register";
    assert_int_equal(engine_start(&g), 0);
    probe_open(&con, &g, "register.deliver");
    consume(&con, "register", 10);
    probe_wait(&con, &con.jobs, 3);
    assert_int_equal(probe_figure(&pub, "archive", "configured"),
                     UINT64_MAX); /* empty: forgotten */
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(every_tag_ends_exactly_once),
        T(several_destinations_get_one_copy_each),
        T(attempts_are_charged_by_retry_only_and_the_message_stays_the_same),
        T(prefetch_bounds_what_a_slow_consumer_holds_and_others_get_their_share),
        T(a_paused_consumer_gets_nothing_new),
        T(an_empty_event_and_odd_bytes_travel),
        T(a_worker_reaches_its_own_queue_only),
        T(status_tells_what_waits_where),
        T(a_destination_that_left_the_plan_keeps_its_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
