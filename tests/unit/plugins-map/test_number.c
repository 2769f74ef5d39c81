/* SPDX-License-Identifier: Apache-2.0 */
/* Which numbers of a body jq would change without a word. */
#include "map.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void a_number_that_a_double_cannot_hold_is_found(void **state)
{
    static const struct {
        const char *json, *found; /* NULL: none */
    } cases[] = {
        {"[0, -1, 1.10, 123456789012345, 1e22]", NULL},
        {"999999999999999", NULL},
        {"1000000000000000000000000", NULL}, /* 24 zeros are no digits */
        {"0.000000000000000000000000123", NULL},
        {"9007199254740993", "9007199254740993"},
        {"{\"a\": 1234567890123.456}", "1234567890123.456"},
        {"{\"a\":\"9007199254740993\"}", NULL}, /* a string */
        {"{\"9007199254740993\\\"\":[1,-9007199254740993]}", "-9007199254740993"},
        {"[\"\\\\\",9007199254740993 ]", "9007199254740993"},
        {"1e400", "1e400"},
        {"1E-400", "1E-400"},
        {"[1e150,2e-150]", NULL},
        {"1.0000000000000000000000000", NULL},
        {"1.00000000000000001", "1.00000000000000001"},
        {"1e99999999999999999999999", "1e99999999999999999999999"},
        {"", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t len = 0;
        const char *found = unsafe_number(cases[i].json, strlen(cases[i].json), &len);
        if (cases[i].found == NULL) {
            assert_null(found);
            continue;
        }
        assert_non_null(found);
        assert_int_equal(len, strlen(cases[i].found));
        assert_memory_equal(found, cases[i].found, len);
    }
}

static void a_number_too_long_to_be_held_is_found(void **state)
{
    char json[400];
    size_t len = 0;
    (void)state;
    memset(json, '0', sizeof json);
    memcpy(json, "0.", 2);
    json[sizeof json - 1] = '1';
    assert_non_null(unsafe_number(json, sizeof json, &len));
    assert_int_equal(len, sizeof json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_that_a_double_cannot_hold_is_found),
        cmocka_unit_test(a_number_too_long_to_be_held_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
