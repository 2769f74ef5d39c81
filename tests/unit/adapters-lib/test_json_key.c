/* SPDX-License-Identifier: Apache-2.0 */
/* The name of a member: escapes are undone, what is no JSON string is refused. */
#include "lib/json_key.h"
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void names_are_read_as_they_are_meant(void **state)
{
    static const struct {
        const char *raw, *want; /* NULL: refused */
    } cases[] = {
        {"", ""},
        {"grants", "grants"},
        {"gr\\u0061nts", "grants"},
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
        {"\\u00e9\\u20AC\\ud83d\\uDE00", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f"},
        {"\\", NULL},
        {"\\x41", NULL},
        {"\\u00g0", NULL},
        {"\\u004", NULL},
        {"\\ud83d", NULL},
        {"\\ud83d\\u0041", NULL},
        {"\\ude00", NULL},
        {"a\nb", NULL},
        {"\x1f", NULL},
        {"\x80", NULL},
        {"\xc3", NULL},
        {"\xc0\x80", NULL},
        {"\xe0\x80\x80", NULL},
        {"\xed\xa0\x80", NULL},
        {"\xf4\x90\x80\x80", NULL},
        {"\xf5\x80\x80\x80", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[64];
        size_t len = 0;
        bool good = json_key(cases[i].raw, strlen(cases[i].raw), out, sizeof out, &len);
        if (good != (cases[i].want != NULL) ||
            (good && (len != strlen(cases[i].want) || strcmp(out, cases[i].want) != 0)))
            fail_msg("case %zu: %s", i, cases[i].raw);
    }
}

static void a_zero_character_is_part_of_the_name(void **state)
{
    char out[16];
    size_t len = 0;
    (void)state;
    assert_true(json_key("a\\u0000b", 8, out, sizeof out, &len));
    assert_int_equal(len, 3);
    assert_memory_equal(out, "a\0b", 4);
}

static void a_long_name_is_cut_at_a_character_and_checked_to_its_end(void **state)
{
    char out[6];
    size_t len = 0;
    (void)state;
    assert_true(json_key("abcd\xc3\xa9"
                         "f",
                         7, out, sizeof out, &len));
    assert_int_equal(len, 4);
    assert_string_equal(out, "abcd");
    assert_false(json_key("abcdefghi\xff", 10, out, sizeof out, &len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read_as_they_are_meant),
        cmocka_unit_test(a_zero_character_is_part_of_the_name),
        cmocka_unit_test(a_long_name_is_cut_at_a_character_and_checked_to_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
