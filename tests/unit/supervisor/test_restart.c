/* SPDX-License-Identifier: Apache-2.0 */
/* The restart table with a fake clock: back-off and its bounds, long service, bad configuration,
 * the watchdog, draining; and that no pair of state and event was forgotten. */
#include "supervisor/restart.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static const struct restart_limits limits = {
    .start_ms = 60000, .watchdog_ms = 30000, .abort_ms = 10000};

static enum restart_action step(struct restart *r, enum restart_event e, uint64_t now)
{
    return restart_step(r, e, &limits, now, 5000, 0);
}

static void starts_becomes_ready_and_is_watched(void **state)
{
    (void)state;
    struct restart r;
    restart_init(&r);
    assert_int_equal(step(&r, RESTART_START, 1000), RESTART_DO_SPAWN);
    assert_int_equal(r.state, RESTART_STARTING);
    assert_int_equal(r.timer_ms, 61000);
    assert_int_equal(step(&r, RESTART_BEAT, 2000), RESTART_DO_NOTHING); /* a beat is no READY */
    assert_int_equal(r.timer_ms, 61000);
    assert_int_equal(step(&r, RESTART_READY, 3000), RESTART_DO_NOTHING);
    assert_int_equal(r.state, RESTART_UP);
    assert_int_equal(r.timer_ms, 33000);
    assert_int_equal(step(&r, RESTART_BEAT, 4000), RESTART_DO_NOTHING);
    assert_int_equal(r.timer_ms, 34000);
}

static void death_before_ready_backs_off_from_one_second_to_one_minute(void **state)
{
    (void)state;
    static const uint64_t expected[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000};
    struct restart r;
    uint64_t now = 50;
    restart_init(&r);
    assert_int_equal(step(&r, RESTART_START, now), RESTART_DO_SPAWN);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_int_equal(step(&r, RESTART_DIED, now), RESTART_DO_NOTHING);
        assert_int_equal(r.state, RESTART_WAITING);
        assert_int_equal(r.timer_ms - now, expected[i]);
        now = r.timer_ms;
        assert_int_equal(step(&r, RESTART_TIMER, now), RESTART_DO_SPAWN);
    }
}

static void jitter_stays_within_a_quarter_and_the_last_rung(void **state)
{
    (void)state;
    for (unsigned failures = 1; failures < 70; failures++)
        for (uint32_t random = 0; random < 5000; random += 7) {
            uint64_t base = restart_delay(failures, 0), d = restart_delay(failures, random);
            assert_true(d >= base && d <= base + base / 4 && d <= RESTART_LAST_MS &&
                        d >= RESTART_FIRST_MS);
        }
    assert_true(restart_delay(3, 1023) > restart_delay(3, 0));
}

static void one_that_served_a_minute_starts_at_once_and_its_failures_are_forgotten(void **state)
{
    (void)state;
    struct restart r;
    restart_init(&r);
    (void)step(&r, RESTART_START, 0);
    (void)step(&r, RESTART_DIED, 0);
    (void)step(&r, RESTART_TIMER, 1000);
    (void)step(&r, RESTART_READY, 2000);
    assert_int_equal(step(&r, RESTART_DIED, 2000 + RESTART_SERVED_MS),
                     RESTART_DO_NOTHING); /* not longer than */
    assert_int_equal(r.failures, 2);
    (void)step(&r, RESTART_TIMER, 70000);
    (void)step(&r, RESTART_READY, 71000);
    assert_int_equal(step(&r, RESTART_DIED, 71001 + RESTART_SERVED_MS), RESTART_DO_SPAWN);
    assert_int_equal(r.state, RESTART_STARTING);
    assert_int_equal(r.failures, 0);
    /* The service of its predecessor does not count for it. */
    assert_int_equal(step(&r, RESTART_DIED, 500000), RESTART_DO_NOTHING);
    assert_int_equal(r.timer_ms, 501000);
}

static void exit_75_always_waits(void **state)
{
    (void)state;
    struct restart r;
    restart_init(&r);
    (void)step(&r, RESTART_START, 0);
    (void)step(&r, RESTART_READY, 1);
    assert_int_equal(step(&r, RESTART_DIED_RETRY, 1000000), RESTART_DO_NOTHING);
    assert_int_equal(r.state, RESTART_WAITING);
    assert_int_equal(r.timer_ms, 1001000);
}

static void exit_78_waits_for_a_change(void **state)
{
    (void)state;
    struct restart r;
    restart_init(&r);
    (void)step(&r, RESTART_START, 0);
    assert_int_equal(step(&r, RESTART_DIED_CONFIG, 5), RESTART_DO_NOTHING);
    assert_int_equal(r.state, RESTART_HELD);
    assert_true(r.timer_ms == RESTART_NEVER);
    assert_int_equal(step(&r, RESTART_TIMER, 900000), RESTART_DO_COMPLAIN);
    assert_int_equal(step(&r, RESTART_START, 900000), RESTART_DO_SPAWN);
}

static void a_silent_process_gets_abort_then_kill_and_starts_again(void **state)
{
    (void)state;
    struct restart r;
    restart_init(&r);
    (void)step(&r, RESTART_START, 0);
    (void)step(&r, RESTART_READY, 0);
    assert_int_equal(step(&r, RESTART_TIMER, 30000), RESTART_DO_ABORT);
    assert_int_equal(r.state, RESTART_STUCK);
    assert_int_equal(r.timer_ms, 40000);
    assert_int_equal(step(&r, RESTART_BEAT, 30001), RESTART_DO_NOTHING); /* too late */
    assert_int_equal(r.state, RESTART_STUCK);
    assert_int_equal(r.timer_ms, 40000);
    assert_int_equal(step(&r, RESTART_TIMER, 40000), RESTART_DO_KILL);
    assert_true(r.timer_ms == RESTART_NEVER);
    assert_int_equal(step(&r, RESTART_DIED, 40010), RESTART_DO_NOTHING);
    assert_int_equal(r.state, RESTART_WAITING);
}

static void a_process_that_never_gets_ready_is_ended(void **state)
{
    (void)state;
    struct restart r;
    restart_init(&r);
    (void)step(&r, RESTART_START, 0);
    assert_int_equal(step(&r, RESTART_TIMER, 60000), RESTART_DO_ABORT);
}

static void drain_ends_it_for_good_and_kills_after_the_limit(void **state)
{
    (void)state;
    struct restart r;
    restart_init(&r);
    (void)step(&r, RESTART_START, 0);
    (void)step(&r, RESTART_READY, 0);
    assert_int_equal(step(&r, RESTART_DRAIN, 100), RESTART_DO_DRAIN);
    assert_int_equal(r.timer_ms, 5100);
    assert_int_equal(step(&r, RESTART_DRAIN, 200), RESTART_DO_NOTHING);
    assert_int_equal(step(&r, RESTART_BEAT, 300), RESTART_DO_NOTHING);
    assert_int_equal(r.timer_ms, 5100);
    assert_int_equal(step(&r, RESTART_TIMER, 5100), RESTART_DO_KILL);
    assert_int_equal(step(&r, RESTART_DIED, 5200), RESTART_DO_FORGET);
    assert_int_equal(r.state, RESTART_DONE);
    assert_true(r.timer_ms == RESTART_NEVER);
}

static void drain_of_what_does_not_run_is_done_at_once(void **state)
{
    (void)state;
    struct restart r;
    restart_init(&r);
    assert_int_equal(step(&r, RESTART_DRAIN, 0), RESTART_DO_FORGET);
    assert_int_equal(r.state, RESTART_DONE);
    restart_init(&r);
    (void)step(&r, RESTART_START, 0);
    (void)step(&r, RESTART_DIED, 0);
    assert_int_equal(step(&r, RESTART_DRAIN, 0), RESTART_DO_FORGET);
    assert_true(r.timer_ms == RESTART_NEVER);
}

static void a_stuck_one_that_is_drained_is_killed(void **state)
{
    (void)state;
    struct restart r;
    restart_init(&r);
    (void)step(&r, RESTART_START, 0);
    (void)step(&r, RESTART_TIMER, 60000);
    assert_int_equal(step(&r, RESTART_DRAIN, 60001), RESTART_DO_KILL);
    assert_int_equal(r.state, RESTART_DRAINING);
    assert_int_equal(step(&r, RESTART_DIED, 60002), RESTART_DO_FORGET);
}

static void every_pair_is_thought_of(void **state)
{
    (void)state;
    for (int s = 0; s < RESTART_STATES; s++)
        for (int e = 0; e < RESTART_EVENTS; e++) {
            struct restart r = {.state = (enum restart_state)s, .timer_ms = 7, .ready_ms = 1};
            enum restart_action a = step(&r, (enum restart_event)e, 10);
            assert_true(r.state < RESTART_STATES);
            if (a == RESTART_DO_COMPLAIN) { /* and changed nothing */
                assert_int_equal(r.state, s);
                assert_int_equal(r.timer_ms, 7);
            }
            if (a == RESTART_DO_SPAWN)
                assert_int_equal(r.state, RESTART_STARTING);
            if (a == RESTART_DO_FORGET)
                assert_int_equal(r.state, RESTART_DONE);
            assert_string_not_equal(restart_state_name(r.state), "?");
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_becomes_ready_and_is_watched),
        cmocka_unit_test(death_before_ready_backs_off_from_one_second_to_one_minute),
        cmocka_unit_test(jitter_stays_within_a_quarter_and_the_last_rung),
        cmocka_unit_test(one_that_served_a_minute_starts_at_once_and_its_failures_are_forgotten),
        cmocka_unit_test(exit_75_always_waits),
        cmocka_unit_test(exit_78_waits_for_a_change),
        cmocka_unit_test(a_silent_process_gets_abort_then_kill_and_starts_again),
        cmocka_unit_test(a_process_that_never_gets_ready_is_ended),
        cmocka_unit_test(drain_ends_it_for_good_and_kills_after_the_limit),
        cmocka_unit_test(drain_of_what_does_not_run_is_done_at_once),
        cmocka_unit_test(a_stuck_one_that_is_drained_is_killed),
        cmocka_unit_test(every_pair_is_thought_of),
    };
    return cmocka_run_group_tests_name("restart", tests, NULL, NULL);
}
