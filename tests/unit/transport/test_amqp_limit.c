/* SPDX-License-Identifier: Apache-2.0 */
/* test_amqp_limit - when a publisher counts what waits, and what it lets through. */
#include "base/util.h"
#include "transport/amqp_limit.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void what_is_known_decides(void **state)
{
    static const struct {
        struct amqp_limit l;
        size_t len;
        enum amqp_admission want;
    } table[] = {
        {{.max_messages = 0}, 1u << 30, AMQP_ADMIT},
        {{.max_messages = 3}, 1, AMQP_ASK}, /* never counted */
        {{.max_messages = 3, .under_way = 1}, 1, AMQP_HOLD},
        {{.max_messages = 3, .counted = true, .count = 2}, 1, AMQP_ADMIT},
        {{.max_messages = 3, .counted = true, .count = 2, .under_way = 2}, 1, AMQP_ADMIT},
        {{.max_messages = 3, .counted = true, .count = 3}, 1, AMQP_ASK}, /* some may have gone */
        {{.max_messages = 3, .counted = true, .count = 3, .under_way = 1}, 1, AMQP_HOLD},
        {{.max_messages = 3, .counted = true, .fresh = true, .count = 3}, 1, AMQP_REFUSE},
        {{.max_messages = 3, .counted = true, .fresh = true, .count = 9}, 1, AMQP_REFUSE},
        {{.max_messages = 3, .counted = true, .fresh = true, .count = 3, .under_way = 3},
         1,
         AMQP_HOLD},
        {{.max_bytes = 1000, .counted = true, .bytes = 100}, 900, AMQP_ADMIT},
        {{.max_bytes = 1000, .counted = true, .bytes = 101}, 900, AMQP_ASK},
        {{.max_bytes = 1000, .counted = true, .fresh = true, .bytes = 101}, 900, AMQP_REFUSE},
        {{.max_bytes = 1000, .counted = true, .fresh = true}, 1001, AMQP_REFUSE},
        {{.max_bytes = 1000, .counted = true, .fresh = true, .bytes = UINT64_MAX},
         SIZE_MAX,
         AMQP_REFUSE},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        assert_int_equal(amqp_limit_decide(&table[i].l, table[i].len), table[i].want);
}

static void a_window_never_passes_the_limit_and_a_refused_one_does_not_count(void **state)
{
    struct amqp_limit l = {.max_messages = 3, .max_bytes = 100};
    (void)state;
    assert_int_equal(amqp_limit_decide(&l, 10), AMQP_ASK);
    amqp_limit_counted(&l, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(amqp_limit_decide(&l, 10), AMQP_ADMIT);
        amqp_limit_sent(&l, 10);
    }
    assert_int_equal(amqp_limit_decide(&l, 10), AMQP_HOLD);
    amqp_limit_ended(&l, 10, true);
    amqp_limit_ended(&l, 10, true);
    assert_int_equal(amqp_limit_decide(&l, 10), AMQP_HOLD);
    amqp_limit_ended(&l, 10, false); /* the broker did not take it */
    assert_int_equal(amqp_limit_decide(&l, 10), AMQP_ADMIT);
    assert_int_equal(l.bytes, 20);
    assert_int_equal(amqp_limit_decide(&l, 81), AMQP_ASK);
}

static void bytes_come_down_with_the_count(void **state)
{
    struct amqp_limit l = {.max_bytes = 1000};
    (void)state;
    amqp_limit_counted(&l, 0);
    for (int i = 0; i < 10; i++) {
        amqp_limit_sent(&l, 100);
        amqp_limit_ended(&l, 100, true);
    }
    amqp_limit_counted(&l, 12); /* others publish, too */
    assert_int_equal(l.bytes, 1000);
    amqp_limit_counted(&l, 5);
    assert_int_equal(l.bytes, 500);
    assert_int_equal(l.own, 5);
    amqp_limit_counted(&l, 0);
    assert_int_equal(l.bytes, 0);
    amqp_limit_lost(&l);
    assert_false(l.counted);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_known_decides),
        cmocka_unit_test(a_window_never_passes_the_limit_and_a_refused_one_does_not_count),
        cmocka_unit_test(bytes_come_down_with_the_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
