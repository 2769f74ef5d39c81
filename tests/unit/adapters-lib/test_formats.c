/* SPDX-License-Identifier: Apache-2.0 */
/* String formats, as tables. */
#include "lib/formats.h"
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

struct example {
    const char *text;
    bool good;
};

static void check(const struct example *e, size_t n, bool (*fn)(const char *, size_t))
{
    for (size_t i = 0; i < n; i++)
        if (fn(e[i].text, strlen(e[i].text)) != e[i].good)
            fail_msg("\"%s\" should be %s", e[i].text, e[i].good ? "taken" : "refused");
}

static void date_times_follow_rfc_3339(void **state)
{
    (void)state;
    static const struct example e[] = {
        {"2026-01-15T09:30:00Z", true},
        {"2026-01-15t09:30:00z", true},
        {"2026-01-15T09:30:00.123+01:00", true},
        {"2026-01-15 09:30:00Z", false},
        {"2026-01-15T09:30:00", false},
        {"2026-01-15T24:00:00Z", false},
        {"2026-02-29T00:00:00Z", false},
        {"2024-02-29T00:00:00Z", true},
        {"2000-02-29T00:00:00Z", true},
        {"1900-02-29T00:00:00Z", false},
        {"1998-12-31T23:59:60Z", true},
        {"1998-12-31T22:59:60Z", false},
        {"1998-12-31T15:59:60.123-08:00", true},
        {"1998-12-31T23:58:60Z", false},
        {"2026-01-15T09:30:00.Z", false},
        {"2026-01-15T09:30:00+1:00", false},
        {"2026-01-15T09:30:00+24:00", false},
        {"2026-1-15T09:30:00Z", false},
        {"2026-01-15", false},
        {"", false},
    };
    check(e, sizeof e / sizeof e[0], format_date_time);
}

static void instants_are_compared_across_zones(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds, us;
    } e[] = {
        {"1970-01-01T00:00:00Z", 0, 0},
        {"1969-12-31T23:59:59.5Z", -1, 500000},
        {"2000-02-29T00:00:00Z", 951782400, 0},
        {"2000-03-01T00:00:00Z", 951868800, 0},
        {"2026-11-26T12:00:00+01:00", 1795690800, 0},
        {"2026-11-26T12:00:00.123456789-08:00", 1795723200, 123456},
        {"0000-01-01T00:00:00Z", -62167219200, 0},
        {"0000-03-01T00:00:00Z", -62162035200, 0},
        {"9999-12-31T23:59:60Z", 253402300800, 0},
    };
    for (size_t i = 0; i < sizeof e / sizeof e[0]; i++)
        if (instant_us(e[i].text, strlen(e[i].text)) != e[i].seconds * 1000000 + e[i].us)
            fail_msg("%s is %lld", e[i].text, (long long)instant_us(e[i].text, strlen(e[i].text)));
}

static void dates_and_months_are_shapes(void **state)
{
    (void)state;
    static const struct example d[] = {
        {"2026-02-31", true}, {"2026-13-01", false}, {"2026-00-01", false},  {"2026-01-32", false},
        {"2026-01-1", false}, {"26-01-01", false},   {"2026-01-01 ", false}, {"x026-01-01", false}};
    static const struct example m[] = {{"2026", true},   {"2026-12", true}, {"2026-13", false},
                                       {"2026-", false}, {"202", false},    {"2026-1", false}};
    check(d, sizeof d / sizeof d[0], format_date_shape);
    check(m, sizeof m / sizeof m[0], format_month_shape);
    assert_false(date_exists("2026-02-31", 10));
    assert_true(date_exists("2026-02-28T", 11));
}

static void language_tags_follow_rfc_5646(void **state)
{
    (void)state;
    static const struct example e[] = {
        {"en", true},
        {"cy", true},
        {"eng", true},
        {"abcd", true},
        {"abcdefgh", true},
        {"en-GB", true},
        {"es-419", true},
        {"zh-cmn-Hans-CN", true},
        {"zh-yue-abc-def", true},
        {"zh-yue-abc-def-ghi", false},
        {"abcd-yue", false},
        {"sl-rozaj-biske-1994", true},
        {"de-CH-1901", true},
        {"de-CH-a901", false},
        {"en-a-bbb-cc-b-dddddddd", true},
        {"en-a", false},
        {"en-a-b", false},
        {"en-X-abc", false},
        {"en-x-a-b1", true},
        {"en-x-abc-x-d", true},
        {"en-x", false},
        {"x-a", true},
        {"x-123456789", false},
        {"x", false},
        {"X-a", false},
        {"e", false},
        {"abcdefghi", false},
        {"en_GB", false},
        {"en-", false},
        {"en--GB", false},
        {"en-GB-", false},
        {"en-GB-US", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof e / sizeof e[0]; i++)
        if (format_language_tag(e[i].text) != e[i].good)
            fail_msg("\"%s\" should be %s", e[i].text, e[i].good ? "taken" : "refused");
}

static void uris_follow_rfc_3986(void **state)
{
    (void)state;
    static const struct example e[] = {
        {"http://example.org", true},
        {"https://user:pw@example.org:8080/a/b;c=1?d=e&f#g", true},
        {"mailto:someone@example.org", true},
        {"urn:isbn:0451450523", true},
        {"x:", true},
        {"file:///a%20b", true},
        {"http://[2001:db8::7]/c=GB?one", true},
        {"http://[::ffff:192.0.2.1]:80/", true},
        {"http://[v1.fe:x]/", true},
        {"http://[1:2:3:4:5:6:7:8]/", true},
        {"http://[1:2:3:4:5:6:7]/", false},
        {"http://[1:2:3:4:5:6:7::9]/", false},
        {"http://[1:2:3:4:5:6:7::]/", true},
        {"http://[1::2::3]/", false},
        {"http://[::1", false},
        {"http://[::1]x/", false},
        {"http://[]/", false},
        {"http://host:port/", false},
        {"www.example.org", false},
        {"//example.org/a", false},
        {"/a/b", false},
        {"", false},
        {"1http://x", false},
        {"http://exa mple.org", false},
        {"http://example.org/a b", false},
        {"http://example.org/%zz", false},
        {"http://example.org/%4", false},
        {"http://example.org/<>", false},
        {"http://example.org/\"", false},
        {"http://example.org/\\", false},
        {"http://example.org/a[1]", false},
        {"http://example.org/\xc3\xa9", false},
        {"http://example.org/?a=b?c/d", true},
        {"http://example.org/#a#b", false},
        {"This should be a uri", false},
    };
    check(e, sizeof e / sizeof e[0], format_uri);
}

static void numbers_are_read_as_text(void **state)
{
    (void)state;
    assert_int_equal(number_whole_saturated("-2147483649"), INT32_MIN);
    assert_int_equal(number_whole_saturated("-12.9"), -12);
    assert_int_equal(number_whole_saturated("0.1e2"), 10);
    assert_int_equal(number_decimals("1.500"), 1);
    assert_int_equal(number_decimals("41133.770000000004"), 12);
    assert_int_equal(number_decimals("15"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(date_times_follow_rfc_3339),
        cmocka_unit_test(instants_are_compared_across_zones),
        cmocka_unit_test(dates_and_months_are_shapes),
        cmocka_unit_test(language_tags_follow_rfc_5646),
        cmocka_unit_test(uris_follow_rfc_3986),
        cmocka_unit_test(numbers_are_read_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
