/* SPDX-License-Identifier: Apache-2.0 */
/* Date-times of RFC 3339, both ways, and the clocks. */
#include "base/util.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka needs the headers above */
#include <cmocka.h>

static void date_times_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-01-15T09:30:00.123Z", 1768469400123},
        {"2026-01-15t09:30:00.123z", 1768469400123},
        {"2026-01-15T10:30:00.123+01:00", 1768469400123},
        {"2026-01-15T00:00:00.5-09:30", 1768469400500},
        {"2026-01-15T09:30:00-00:00", 1768469400000},
        {"2026-01-15T09:30:00.1239999999999999999999999Z", 1768469400123},
        {"2026-01-15T09:30:00.1Z", 1768469400100},
        {"2000-02-29T00:00:00Z", 951782400000},
        {"2024-02-29T23:59:59Z", 1709251199000},
        {"1969-12-31T23:59:59.999Z", -1},
        {"0000-01-01T00:00:00Z", -62167219200000},
        {"0000-02-29T00:00:00Z", -62162121600000},
        {"0001-01-01T00:00:00Z", -62135596800000},
        {"9999-12-31T23:59:59.999Z", 253402300799999},
        {"1990-12-31T23:59:60Z", 662688000000},
        {"1990-12-31T15:59:60-08:00", 662688000000},
        {"1991-01-01T01:29:60.250+01:30", 662688000250},
        {"2015-06-30T23:59:60Z", 1435708800000},
        {"2026-01-15T23:59:59+23:59", 1768435259000},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int64_t ms = 42;
        if (rfc3339_parse(rows[i].text, strlen(rows[i].text), &ms) != 0 || ms != rows[i].ms)
            fail_msg("%s: %lld", rows[i].text, (long long)ms);
        assert_int_equal(rfc3339_parse(rows[i].text, strlen(rows[i].text), NULL), 0);
    }
}

static void everything_else_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "2026",
        "2026-01-15",
        "09:30:00Z",
        "2026-01-15T09:30:00",
        "2026-01-15T09:30Z",
        "2026-01-15 09:30:00Z",
        "2026-1-15T09:30:00Z",
        "26-01-15T09:30:00Z",
        "02026-01-15T09:30:00Z",
        "2026-01-15T9:30:00Z",
        "2026-00-15T09:30:00Z",
        "2026-13-15T09:30:00Z",
        "2026-01-00T09:30:00Z",
        "2026-01-32T09:30:00Z",
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2024-02-30T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-06-31T00:00:00Z",
        "2026-09-31T00:00:00Z",
        "2026-11-31T00:00:00Z",
        "2026-01-15T24:00:00Z",
        "2026-01-15T09:60:00Z",
        "2026-01-15T09:30:61Z",
        "2026-01-15T09:30:60Z",
        "2026-01-15T23:59:60Z",
        "1990-12-31T22:59:60Z",
        "1990-12-31T23:58:60Z",
        "1990-12-31T23:59:60+01:00",
        "1990-03-31T23:59:60Z",
        "1990-12-30T23:59:60Z",
        "1968-12-31T23:59:60Z",
        "2026-01-15T09:30:00.Z",
        "2026-01-15T09:30:00,5Z",
        "2026-01-15T09:30:00+24:00",
        "2026-01-15T09:30:00+01:60",
        "2026-01-15T09:30:00+0100",
        "2026-01-15T09:30:00+01",
        "2026-01-15T09:30:00+1:00",
        "2026-01-15T09:30:00 Z",
        "2026-01-15T09:30:00Zz",
        "2026-01-15T09:30:00Z ",
        " 2026-01-15T09:30:00Z",
        "2026/01/15T09:30:00Z",
        "2026-01-15T09:30:00.12a3Z",
        "+2026-01-15T09:30:00Z",
        "-2026-01-15T09:30:00Z",
        "2026-01-15T09:30:00\xe2\x88\x92\x30\x31:00",
        "2026-01-1\xd9\xa5T09:30:00Z",
        "20260115T093000Z",
        "2026-W03-4T09:30:00Z",
        "2026-01-15T09:30:00UTC",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        int64_t ms = 42;
        if (rfc3339_parse(texts[i], strlen(texts[i]), &ms) != -EINVAL)
            fail_msg("accepted: %s", texts[i]);
        assert_int_equal(ms, 42);
    }
    assert_int_equal(rfc3339_parse("2026-01-15T09:30:00Z\0", 21, NULL), -EINVAL);
}

static void every_cut_of_a_date_time_is_refused(void **state)
{
    static const char text[] = "2026-01-15T09:30:00.123+01:00";
    (void)state;
    for (size_t n = 0; n < sizeof(text) - 1; n++) {
        char *copy = malloc(n ? n : 1);
        assert_non_null(copy);
        memcpy(copy, text, n);
        assert_int_equal(rfc3339_parse(copy, n, NULL), -EINVAL);
        free(copy);
    }
}

static void date_times_are_written_and_read_back(void **state)
{
    static const struct {
        uint64_t ms;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1768469400123, "2026-01-15T09:30:00.123Z"},
        {951868799999, "2000-02-29T23:59:59.999Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
        {UINT64_MAX, "9999-12-31T23:59:59.999Z"},
    };
    char out[RFC3339_MAX];
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        rfc3339_ms(rows[i].ms, out);
        assert_string_equal(out, rows[i].text);
    }
    for (uint64_t day = 0; day < 200000; day += 37) { /* more than five centuries */
        int64_t back = 0;
        uint64_t ms = day * 86400000 + day;
        rfc3339_ms(ms, out);
        assert_int_equal(rfc3339_parse(out, strlen(out), &back), 0);
        assert_int_equal(back, ms);
    }
}

static void people_say_when(void **state)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: not understood */
    } rows[] = {{"2026-01-31", 1769817600000},
                {"2026-01-31T09:30", 1769851800000},
                {"2026-01-31T09:30:05", 1769851805000},
                {"2026-01-31T09:30:05.5Z", 1769851805500},
                {"2026-01-31T10:30:05+01:00", 1769851805000},
                {"2h", 1800000000000 - 7200000},
                {"0s", 1800000000000},
                {"", -1},
                {"yesterday", -1},
                {"2026-02-30", -1},
                {"2026-01-31T", -1},
                {"2026-01-31T09", -1},
                {"1969-12-31", -1},
                {"99999999d", -1},
                {"2026-01-31T09:30:05.55555555555555555555555555555555Z", -1}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        uint64_t ms = 7;
        int r = parse_when(rows[i].text, 1800000000000u, &ms);
        if (rows[i].ms < 0 ? r != -EINVAL || ms != 7 : r != 0 || ms != (uint64_t)rows[i].ms)
            fail_msg("%s", rows[i].text);
    }
}

static void the_clocks_run(void **state)
{
    uint64_t a = mono_ms(), b = mono_ms();
    (void)state;
    assert_true(b >= a);
    assert_true(wall_ms() > 1577836800000); /* 2020 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(date_times_are_read),
        cmocka_unit_test(everything_else_is_refused),
        cmocka_unit_test(every_cut_of_a_date_time_is_refused),
        cmocka_unit_test(date_times_are_written_and_read_back),
        cmocka_unit_test(people_say_when),
        cmocka_unit_test(the_clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
