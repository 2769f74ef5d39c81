/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a job after each verdict: the table, its edges, and the run of same refusals. */
#include "worker/verdict.h"
#include "base/util.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static void each_verdict_has_its_settlement(void **state)
{
    static const struct {
        reeve_rc rc;
        enum settle how;
        const char *code;
        bool pause, fatal;
    } table[] = {
        {REEVE_OK, SETTLE_DONE, "", false, false},
        {REEVE_RETRY, SETTLE_RETRY, "retry", false, false},
        {REEVE_REJECT, SETTLE_DEAD, "rejected", false, false},
        {REEVE_DOWN, SETTLE_RELEASE, "down", true, false},
        {REEVE_FATAL, SETTLE_RELEASE, "fatal", false, true},
        {5, SETTLE_RETRY, "retry", false, false},
        {-1, SETTLE_RETRY, "retry", false, false},
        {INT32_MIN, SETTLE_RETRY, "retry", false, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct verdict_case c = {
            .rc = table[i].rc, .first_ms = 1000, .now_ms = 2000, .for_ms = 3600000};
        struct verdict_action a = verdict_decide(&c);
        assert_int_equal(a.how, table[i].how);
        assert_string_equal(a.code, table[i].code);
        assert_int_equal(a.pause, table[i].pause);
        assert_int_equal(a.fatal, table[i].fatal);
    }
}

static void what_a_stop_cut_short_is_charged_to_nobody(void **state)
{
    static const struct {
        reeve_rc rc;
        enum settle how;
        bool pause;
    } table[] = {{REEVE_OK, SETTLE_DONE, false},
                 {REEVE_RETRY, SETTLE_RELEASE, false},
                 {77, SETTLE_RELEASE, false},
                 {REEVE_REJECT, SETTLE_DEAD, false},
                 {REEVE_DOWN, SETTLE_RELEASE, true}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct verdict_case c = {
            .rc = table[i].rc, .first_ms = 1, .now_ms = 9000, .for_ms = 1, .cut_short = true};
        struct verdict_action a = verdict_decide(&c);
        assert_int_equal(a.how, table[i].how);
        assert_int_equal(a.delay_ms, 0);
        assert_int_equal(a.pause, table[i].pause);
        assert_false(a.fatal);
    }
}

static void retries_climb_the_ladder_and_obey_a_later_wish(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 30; n++) {
        struct verdict_case c = {.rc = REEVE_RETRY, .attempts = n};
        assert_int_equal(verdict_decide(&c).delay_ms, transport_backoff(n + 1));
        c.after_ms = 7200000;
        assert_int_equal(verdict_decide(&c).delay_ms, transport_rung(7200000));
        c.after_ms = 1;
        assert_true(verdict_decide(&c).delay_ms >= transport_backoff(n + 1));
    }
    struct verdict_case last = {.rc = REEVE_RETRY, .attempts = UINT32_MAX};
    assert_int_equal(verdict_decide(&last).how, SETTLE_RETRY);
}

static void tries_end_when_their_time_is_over(void **state)
{
    (void)state;
    struct verdict_case c = {.rc = REEVE_RETRY, .first_ms = 1000, .for_ms = 500, .now_ms = 1499};
    assert_int_equal(verdict_decide(&c).how, SETTLE_RETRY);
    c.now_ms = 1500;
    assert_int_equal(verdict_decide(&c).how, SETTLE_DEAD);
    assert_string_equal(verdict_decide(&c).code, "tries-exhausted");
    c.for_ms = 0; /* for ever */
    assert_int_equal(verdict_decide(&c).how, SETTLE_RETRY);
    c.for_ms = 500;
    c.now_ms = 10; /* the wall clock was set back */
    assert_int_equal(verdict_decide(&c).how, SETTLE_RETRY);
    c.now_ms = 99999;
    c.rc = REEVE_DOWN; /* nobody is charged, so nobody runs out */
    assert_int_equal(verdict_decide(&c).how, SETTLE_RELEASE);
}

static void pauses_double_up_to_a_minute(void **state)
{
    (void)state;
    static const uint64_t want[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    for (uint32_t n = 1; n <= ARRAY_SIZE(want); n++)
        assert_int_equal(verdict_pause_ms(n, 0), want[n - 1]);
    assert_int_equal(verdict_pause_ms(UINT32_MAX, 0), 60000);
    assert_int_equal(verdict_pause_ms(1, 90000), 90000);
    assert_int_equal(verdict_pause_ms(5, 100), 16000);
    assert_int_equal(verdict_pause_ms(1, UINT64_MAX), 3600000);
}

static void twenty_same_refusals_in_a_row_are_too_many(void **state)
{
    (void)state;
    struct reject_run r = {0};
    for (int i = 1; i < VERDICT_SAME_REJECTS_MAX; i++)
        assert_false(reject_run_add(&r, "HTTP 422"));
    assert_true(reject_run_add(&r, "HTTP 422"));
    for (int i = 1; i < VERDICT_SAME_REJECTS_MAX; i++)
        assert_false(reject_run_add(&r, "HTTP 422"));
    assert_false(reject_run_add(&r, "HTTP 400")); /* another reason begins anew */
    for (int i = 2; i < VERDICT_SAME_REJECTS_MAX; i++)
        assert_false(reject_run_add(&r, "HTTP 400"));
    reject_run_break(&r);
    assert_false(reject_run_add(&r, "HTTP 400"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_verdict_has_its_settlement),
        cmocka_unit_test(what_a_stop_cut_short_is_charged_to_nobody),
        cmocka_unit_test(retries_climb_the_ladder_and_obey_a_later_wish),
        cmocka_unit_test(tries_end_when_their_time_is_over),
        cmocka_unit_test(pauses_double_up_to_a_minute),
        cmocka_unit_test(twenty_same_refusals_in_a_row_are_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
