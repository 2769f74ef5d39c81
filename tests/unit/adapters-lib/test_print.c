/* SPDX-License-Identifier: Apache-2.0 */
/* The set of prints says new of what is new, and seen of all that was added, at any size. */
#include "lib/print.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct print of_number(size_t i)
{
    char text[32];
    (void)snprintf(text, sizeof text, "record %zu", i);
    return text_print(text, strlen(text));
}

static void each_is_new_once_however_many_there_are(void **state)
{
    enum { N = 200000 };
    struct print_set *s = print_set_new();
    (void)state;
    assert_non_null(s);
    for (size_t i = 0; i < N; i++) {
        assert_false(print_set_has(s, of_number(i)));
        assert_int_equal(print_set_add(s, of_number(i)), 1);
        assert_int_equal(print_set_add(s, of_number(i / 2)), 0);
    }
    for (size_t i = 0; i < N; i++)
        assert_true(print_set_has(s, of_number(i)));
    assert_false(print_set_has(s, of_number(N)));
    print_set_free(s);
}

/* So many of them contrived to meet that a set which lets them does not end. */
static void prints_that_end_alike_lie_apart(void **state)
{
    enum { N = 300000 };
    struct print_set *s = print_set_new();
    (void)state;
    assert_non_null(s);
    for (uint64_t i = 0; i < N; i++) {
        assert_int_equal(print_set_add(s, (struct print){7, i}), 1);
        assert_int_equal(print_set_add(s, (struct print){(i + 1) << 32, 0}), 1);
    }
    print_set_free(s);
}

static void prints_that_look_like_an_empty_place_are_kept(void **state)
{
    static const struct print odd[] = {{0, 0}, {0, (uint64_t)1 << 32}, {0, 2}, {1, 0}};
    struct print_set *s = print_set_new();
    (void)state;
    assert_non_null(s);
    assert_int_equal(print_set_add(s, odd[0]), 1);
    assert_int_equal(print_set_add(s, odd[0]), 0);
    assert_int_equal(print_set_add(s, odd[2]), 1);
    assert_int_equal(print_set_add(s, odd[3]), 1);
    assert_true(print_set_has(s, odd[1])); /* 96 bits of a print are kept */
    print_set_free(s);
}

static void texts_that_differ_have_prints_that_differ(void **state)
{
    static const char *const texts[] = {"",         "a",       "b",         "ab",      "ba",
                                        "abcdefgh", "abcdefg", "abcdefghi", "hgfedcba"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
            struct print p = text_print(texts[i], strlen(texts[i])),
                         q = text_print(texts[k], strlen(texts[k]));
            assert_int_equal(p.a == q.a && p.b == q.b, i == k);
        }
    /* a zero byte counts, and so does where a text is cut */
    assert_true(text_print("a\0", 2).a != text_print("a", 1).a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_new_once_however_many_there_are),
        cmocka_unit_test(prints_that_end_alike_lie_apart),
        cmocka_unit_test(prints_that_look_like_an_empty_place_are_kept),
        cmocka_unit_test(texts_that_differ_have_prints_that_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
