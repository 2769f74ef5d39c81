/* SPDX-License-Identifier: Apache-2.0 */
/* test_order - what comes after what: strict and free destinations, and messages that wait. */
#include "conformance/stage.h"
#include "base/util.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static void strict_order_holds_through_retry_and_release(void **state)
{
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "ledger.deliver");
    probe_open(&con2, &g, "ledger.deliver");
    consume(&con, "ledger", 100);
    publish_n("ledger", 0, 4);
    probe_wait(&con, &con.jobs, 1);
    consume(&con2, "ledger", 100);
    probe_idle(&con2, 150);
    probe_idle(&con, 150);
    assert_int_equal(con.jobs, 1); /* one in flight, whoever asks */
    assert_int_equal(con2.jobs, 0);
    probe_close(&con2);
    probe_settle(&con, 0, SETTLE_RETRY, 1, "busy");
    uint64_t start = mono_ms();
    probe_wait(&con, &con.jobs, 2);
    assert_true(mono_ms() - start >= 900); /* the queue waited, nobody overtook */
    assert_string_equal(con.got[1].id, "m0");
    assert_int_equal(con.got[1].attempts, 1);
    probe_settle(&con, 1, SETTLE_RELEASE, 0, NULL);
    probe_wait(&con, &con.jobs, 3);
    assert_string_equal(con.got[2].id, "m0");
    assert_int_equal(con.got[2].attempts, 1);
    for (unsigned i = 0; i < 4; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "m%u", i);
        probe_wait(&con, &con.jobs, 3 + i);
        assert_string_equal(con.got[2 + i].id, id);
        assert_int_equal(con.jobs, 3 + i);
        probe_settle(&con, 2 + i, i == 1 ? SETTLE_DEAD : SETTLE_DONE, 0, "refused");
    }
    probe_wait(&con, &con.settled, 6);
}

static void a_paused_strict_consumer_hands_over_in_order(void **state)
{
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "ledger.deliver");
    probe_open(&con2, &g, "ledger.deliver");
    consume(&con, "ledger", 10);
    publish_n("ledger", 0, 3);
    probe_wait(&con, &con.jobs, 1);
    con2.settle_done = true;
    consume(&con2, "ledger", 10);
    assert_int_equal(transport_pause(con.t, "ledger", true), 0);
    for (unsigned i = 0; i < 35; i++)
        both_idle(20); /* what is out here is overtaken by nobody elsewhere */
    assert_int_equal(con2.jobs, 0);
    probe_settle(&con, 0, SETTLE_RETRY, 1, "busy");
    both_wait(&con2.jobs, NULL, 3);
    assert_int_equal(con2.jobs, 3);
    assert_string_equal(con2.got[0].id, "m0");
    assert_int_equal(con2.got[0].attempts, 1);
    assert_string_equal(con2.got[1].id, "m1");
    assert_string_equal(con2.got[2].id, "m2");
    assert_int_equal(con.jobs, 1);
    assert_int_equal(transport_pause(con2.t, "ledger", true), 0);
    probe_idle(&con2, 50);
    assert_int_equal(transport_pause(con.t, "ledger", false), 0);
    publish_n("ledger", 3, 1);
    probe_wait(&con, &con.jobs, 2);
    assert_string_equal(con.got[1].id, "m3");
}

static void strict_order_holds_over_a_restart(void **state)
{
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "ledger.deliver");
    consume(&con, "ledger", 10);
    publish_n("ledger", 0, 3);
    probe_wait(&con, &con.jobs, 1);
    probe_settle(&con, 0, SETTLE_RETRY, 1000, "busy");
    probe_wait(&con, &con.settled, 1);
    engine_kill(&g);
    assert_int_equal(engine_start(&g), 0);
    con.settle_done = true;
    probe_wait(&con, &con.jobs, 4);
    for (unsigned i = 0; i < 3; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "m%u", i);
        assert_string_equal(con.got[1 + i].id, id);
        assert_int_equal(con.got[1 + i].attempts, i == 0);
    }
}

static void free_order_lets_others_overtake(void **state)
{
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "register.deliver");
    consume(&con, "register", 1);
    publish_n("register", 0, 3);
    probe_wait(&con, &con.jobs, 1);
    probe_settle(&con, 0, SETTLE_RETRY, 1000, "busy");
    con.settle_done = true;
    probe_wait(&con, &con.jobs, 4);
    assert_string_equal(con.got[1].id, "m1");
    assert_string_equal(con.got[2].id, "m2");
    assert_string_equal(con.got[3].id, "m0");
    assert_int_equal(con.got[3].attempts, 1);
}

static void delays_climb_to_a_rung_and_survive_a_restart(void **state)
{
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "register.deliver");
    consume(&con, "register", 10);
    publish_n("register", 0, 1);
    probe_wait(&con, &con.jobs, 1);
    probe_settle(&con, 0, SETTLE_RETRY, 1, "busy");
    uint64_t start = mono_ms();
    probe_wait(&con, &con.jobs, 2);
    assert_true(mono_ms() - start >= 950); /* 1 ms is rounded up to 1 s, and jitter added */
    assert_int_equal(con.got[1].attempts, 1);
    start = mono_ms();
    probe_settle(&con, 1, SETTLE_RETRY, 600, "busy");
    probe_wait(&con, &con.settled, 2);
    engine_kill(&g);
    assert_int_equal(engine_start(&g), 0);
    probe_wait(&con, &con.jobs, 3);
    assert_true(mono_ms() - start >= 900);
    assert_int_equal(con.got[2].attempts, 2);
    probe_settle(&con, 2, SETTLE_RELEASE, 900, NULL);
    start = mono_ms();
    probe_wait(&con, &con.jobs, 4);
    assert_true(mono_ms() - start >= 900);
    assert_int_equal(con.got[3].attempts, 2);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(strict_order_holds_through_retry_and_release),
        T(a_paused_strict_consumer_hands_over_in_order),
        T(strict_order_holds_over_a_restart),
        T(free_order_lets_others_overtake),
        T(delays_climb_to_a_rung_and_survive_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
