/* SPDX-License-Identifier: Apache-2.0 */
/* Amounts as text and back, exactly. */
#include "money.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void an_amount_is_read_exactly_or_not_at_all(void **state)
{
    static const struct {
        const char *in, *out; /* NULL: no amount */
    } cases[] = {
        {"0", "0.00"},
        {"-0", "0.00"},
        {"1", "1.00"},
        {"+1.5", "1.50"},
        {"-12.345", "-12.345"},
        {"0.000000001", "0.000000001"},
        {"-0.01", "-0.01"},
        {"1.10000000000000", "1.10"},
        {"0000000000000000000000000000000007", "7.00"},
        {"9999999999999999999.999999999", "9999999999999999999.999999999"},
        {"10000000000000000000", NULL},
        {"0.0000000001", NULL},
        {"", NULL},
        {"-", NULL},
        {".5", NULL},
        {"5.", NULL},
        {"1,000", NULL},
        {"1e3", NULL},
        {" 1", NULL},
        {"1 ", NULL},
        {"--1", NULL},
        {"0x1", NULL},
        {"NaN", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        money v = 0;
        char text[MONEY_TEXT_MAX];
        bool read = money_parse(cases[i].in, MONEY_DIGITS_MAX, &v);
        if (read != (cases[i].out != NULL))
            fail_msg("%s: %s", cases[i].in, read ? "was read" : "was not read");
        if (!read)
            continue;
        money_text(v, text);
        assert_string_equal(text, cases[i].out);
    }
}

static void the_largest_sum_can_be_written_and_read_again(void **state)
{
    money one = 0, sum = 0, again = 0;
    char text[MONEY_TEXT_MAX];
    (void)state;
    assert_true(money_parse("-9999999999999999999.999999999", MONEY_DIGITS_MAX, &one));
    sum = one * 1000000000;
    money_text(sum, text);
    assert_true(strlen(text) < MONEY_TEXT_MAX);
    assert_true(money_parse(text, MONEY_SUM_DIGITS, &again));
    assert_true(again == sum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_amount_is_read_exactly_or_not_at_all),
        cmocka_unit_test(the_largest_sum_can_be_written_and_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
