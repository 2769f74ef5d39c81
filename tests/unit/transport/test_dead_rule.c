/* SPDX-License-Identifier: Apache-2.0 */
/* What retention does with one dead letter, as a table. */
#include "transport/dead_rule.h"
#include "base/util.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define DAY 86400000ull

static void a_letter_goes_when_it_was_seen_or_warned_of(void **state)
{
    (void)state;
    static const struct {
        uint64_t now, dead, seen, warned;
        enum dead_fate fate;
        const char *why;
    } rows[] = {
        {1000, 990, 0, 0, DEAD_KEEP, "young"},
        {1000, 990, 995, 0, DEAD_KEEP, "young and seen"},
        {1000, 918, 0, 0, DEAD_KEEP, "82 days: not yet worth an alarm"},
        {1000, 917, 0, 0, DEAD_WARN, "83 days: a week before the others of its age go"},
        {1000, 910, 920, 0, DEAD_TAKE, "90 days and seen"},
        {1000, 911, 920, 0, DEAD_KEEP, "89 days and seen"},
        {1000, 700, 999, 0, DEAD_KEEP, "seen yesterday: there is time to act"},
        {1000, 700, 993, 0, DEAD_TAKE, "seen a week ago"},
        {1000, 700, 0, 990, DEAD_WARNED, "300 days, unseen"},
        {1000, 600, 0, 0, DEAD_WARN, "400 days, but nobody was warned"},
        {1000, 600, 0, 994, DEAD_WARNED, "400 days, warned six days ago"},
        {1000, 600, 0, 993, DEAD_TAKE, "400 days, warned a week ago"},
        {1000, 2000, 0, 0, DEAD_KEEP, "the clock was set back"},
        {1000, 600, 2000, 0, DEAD_KEEP, "seen in the future: the clock was set back"},
    };
    struct dead_rule r;
    dead_rule_set(&r, 90 * DAY, 365 * DAY);
    assert_int_equal(r.warn_ms, 7 * DAY);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        enum dead_fate f = dead_fate(&r, rows[i].now * DAY, rows[i].dead * DAY, rows[i].seen * DAY,
                                     rows[i].warned * DAY);
        if (f != rows[i].fate)
            fail_msg("%s: %d", rows[i].why, (int)f);
    }
}

static void a_short_keeping_has_a_short_warning(void **state)
{
    (void)state;
    struct dead_rule r;
    dead_rule_set(&r, 3600000, 0);
    assert_int_equal(r.warn_ms, 1800000);
    assert_int_equal(r.unseen_ms, 3600000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_letter_goes_when_it_was_seen_or_warned_of),
        cmocka_unit_test(a_short_keeping_has_a_short_warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
