/* SPDX-License-Identifier: Apache-2.0 */
/* The pure parts of plugin http: header lines, the idempotency key, credentials. */
#include "http.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void the_key_is_a_structured_field_string(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"0123abc", "\"0123abc\""},     {"", "\"\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""}, {"a b\r\nEvil: 1", "\"a b%0D%0AEvil: 1\""},
        {"\xc3\xa9", "\"%C3%A9\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *s = quoted_string(cases[i][0]);
        assert_string_equal(s, cases[i][1]);
        free(s);
    }
}

static void basic_credentials_are_base64(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        /* RFC 7617 section 2, and each padding */
        {"Aladdin:open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
        {"a:", "Basic YTo="},
        {"a:b", "Basic YTpi"},
        {"a:bc", "Basic YTpiYw=="},
        {"", "Basic "},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *s = basic_credentials(cases[i][0]);
        assert_string_equal(s, cases[i][1]);
        free(s);
    }
}

static void the_first_line_of_a_name_stands_and_none_is_two_lines(void **state)
{
    (void)state;
    struct lines l = {.n = 0};
    assert_int_equal(lines_add(&l, "Content-Type", "text/csv"), 0);
    assert_int_equal(lines_add(&l, "content-type", "text/plain"), 0);
    assert_int_equal(lines_add(&l, "X", NULL), 0);
    assert_int_equal(lines_add(&l, "X", "a\r\nb"), -1);
    assert_int_equal(lines_add(&l, "X\n", "a"), -1);
    assert_int_equal(l.n, 1);
    assert_string_equal(l.line[0], "Content-Type: text/csv");
    assert_null(l.line[1]);
    for (unsigned i = 0; i < LINES_MAX; i++) {
        char name[8] = {'n', (char)('a' + i / 26), (char)('a' + i % 26)};
        assert_int_equal(lines_add(&l, name, "v"), i + 1 < LINES_MAX ? 0 : -1);
    }
    lines_free(&l);
    assert_int_equal(l.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_is_a_structured_field_string),
        cmocka_unit_test(basic_credentials_are_base64),
        cmocka_unit_test(the_first_line_of_a_name_stands_and_none_is_two_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
