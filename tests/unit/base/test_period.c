/* SPDX-License-Identifier: Apache-2.0 */
/* How often something is expected: the words, and the calendar. */
#include "base/period.h"
#include "base/util.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka needs the headers above */
#include <cmocka.h>

static void words_and_durations(void **state)
{
    static const struct {
        const char *text;
        uint32_t months;
        uint64_t ms;
    } table[] = {{"1 month", 1, 0},          {"3 months", 3, 0},
                 {"1month", 1, 0},           {"2 years", 24, 0},
                 {"100 years", 1200, 0},     {"1 week", 0, 604800000},
                 {"2 weeks", 0, 1209600000}, {"1 day", 0, 86400000},
                 {"12 hours", 0, 43200000},  {"90 seconds", 0, 90000},
                 {"5 minutes", 0, 300000},   {"36h", 0, 129600000},
                 {"250ms", 0, 250},          {"1000000 days", 0, 86400000000000}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct period p;
        assert_int_equal(parse_period(table[i].text, &p), 0);
        assert_int_equal(p.months, table[i].months);
        assert_int_equal(p.ms, table[i].ms);
    }
}

static void what_is_no_period(void **state)
{
    static const char *const table[] = {
        "",           "month",     "0 months",    "0s",           "-1 month",
        "1",          "1 monthss", "1 fortnight", "1 month ",     " 1 month",
        "1.5 months", "101 years", "1 Month",     "1000001 days", "99999999999999999999 days"};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct period p;
        assert_true(parse_period(table[i], &p) < 0);
    }
    struct period p;
    assert_true(parse_period(NULL, &p) < 0);
}

static void months_keep_day_and_time(void **state)
{
    static const struct {
        const char *from;
        uint32_t months;
        const char *to;
    } table[] = {{"2026-01-15T10:11:12.345Z", 1, "2026-02-15T10:11:12.345Z"},
                 {"2026-01-31T00:00:00.000Z", 1, "2026-02-28T00:00:00.000Z"},
                 {"2024-01-31T00:00:00.000Z", 1, "2024-02-29T00:00:00.000Z"},
                 {"2099-12-31T23:59:59.999Z", 2, "2100-02-28T23:59:59.999Z"},
                 {"2026-11-30T12:00:00.000Z", 3, "2027-02-28T12:00:00.000Z"},
                 {"2026-12-01T00:00:00.000Z", 12, "2027-12-01T00:00:00.000Z"},
                 {"2000-02-29T01:00:00.000Z", 1200, "2100-02-28T01:00:00.000Z"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        int64_t from = 0;
        char to[RFC3339_MAX];
        assert_int_equal(rfc3339_parse(table[i].from, strlen(table[i].from), &from), 0);
        rfc3339_ms(period_after((uint64_t)from, (struct period){.months = table[i].months}), to);
        assert_string_equal(to, table[i].to);
    }
}

static void lengths_add_up_and_saturate(void **state)
{
    (void)state;
    assert_int_equal(period_after(1000, (struct period){.ms = 500}), 1500);
    assert_true(period_after(UINT64_MAX - 1, (struct period){.ms = 500}) == UINT64_MAX);
    assert_int_equal(period_length_ms((struct period){.months = 2}), 60ull * 86400000);
    assert_int_equal(period_length_ms((struct period){.ms = 7}), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_durations),
        cmocka_unit_test(what_is_no_period),
        cmocka_unit_test(months_keep_day_and_time),
        cmocka_unit_test(lengths_add_up_and_saturate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
