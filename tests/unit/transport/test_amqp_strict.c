/* SPDX-License-Identifier: Apache-2.0 */
/* test_amqp_strict - what a strict consumer does next: nobody overtakes. */
#include "base/util.h"
#include "transport/amqp_strict.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define NOW 1000

static void every_state_has_one_next_step(void **state)
{
    static const struct {
        struct amqp_strict s;
        enum amqp_strict_step want;
        uint64_t at;
    } table[] = {
        /* the active one is not known: hands off the head */
        {{.active = false}, AMQP_STRICT_NOTHING, 0},
        {{.head_empty = true}, AMQP_STRICT_NOTHING, 0},
        /* the first message, or being alone: the head before anything else */
        {{.active = true}, AMQP_STRICT_GET, 0},
        {{.has_name = true}, AMQP_STRICT_GET, 0},
        {{.active = true, .getting = true, .has_name = true}, AMQP_STRICT_NOTHING, 0},
        {{.active = true, .head_empty = true, .has_name = true}, AMQP_STRICT_GIVE_NAME, NOW - 1},
        /* nothing to do: the head is asked now and then, what it hides is not left there */
        {{.active = true, .head_empty = true, .get_at = NOW + 9}, AMQP_STRICT_WAIT, NOW + 9},
        {{.active = true, .head_empty = true, .get_at = NOW}, AMQP_STRICT_GET, 0},
        /* found empty too early: it is asked again before anything of NAME goes out */
        {{.has_name = true, .get_at = NOW + 9}, AMQP_STRICT_WAIT, NOW + 9},
        /* one at a time */
        {{.active = true, .head_empty = true, .has_name = true, .out = true},
         AMQP_STRICT_NOTHING,
         0},
        {{.active = true, .out = true}, AMQP_STRICT_NOTHING, 0},
        /* what is tried again goes first, also when it is not due yet */
        {{.active = true, .has_head = true, .has_name = true}, AMQP_STRICT_GIVE_HEAD, NOW - 1},
        {{.active = true, .has_head = true, .head_at = NOW + 5, .has_name = true},
         AMQP_STRICT_WAIT,
         NOW + 5},
        {{.active = true, .has_head = true, .head_at = NOW}, AMQP_STRICT_GIVE_HEAD, NOW},
        /* given back for a while */
        {{.active = true, .head_empty = true, .has_name = true, .name_at = NOW + 1},
         AMQP_STRICT_WAIT,
         NOW + 1},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct amqp_strict s = table[i].s;
        uint64_t at = 0;
        assert_int_equal(amqp_strict_next(&s, NOW, &at), table[i].want);
        if (table[i].want == AMQP_STRICT_WAIT)
            assert_int_equal(at, table[i].at);
    }
}

static void empty_counts_only_when_nobody_can_hold_anything_any_more(void **state)
{
    struct amqp_strict s = {.active = true, .getting = true, .sure_at = NOW};
    (void)state;
    amqp_strict_empty(&s, NOW - 1);
    assert_false(s.getting);
    assert_false(s.head_empty);
    assert_int_equal(s.get_at, NOW - 1 + AMQP_STRICT_AGAIN_MS);
    amqp_strict_empty(&s, NOW);
    assert_true(s.head_empty);
    assert_int_equal(s.get_at, NOW + AMQP_STRICT_IDLE_MS);
}

static void who_becomes_the_active_one_waits_for_what_the_one_before_held(void **state)
{
    struct amqp_strict s = {.has_name = true, .sure_at = NOW - 500};
    (void)state;
    amqp_strict_active(&s, NOW);
    assert_true(s.active);
    assert_int_equal(s.sure_at, NOW + AMQP_STRICT_SURE_MS);
    amqp_strict_active(&s, NOW + 300); /* it was that already */
    assert_int_equal(s.sure_at, NOW + AMQP_STRICT_SURE_MS);
    s = (struct amqp_strict){.sure_at = NOW + AMQP_STRICT_HELD_MS};
    amqp_strict_active(&s, NOW);
    assert_int_equal(s.sure_at, NOW + AMQP_STRICT_HELD_MS);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_has_one_next_step),
        cmocka_unit_test(empty_counts_only_when_nobody_can_hold_anything_any_more),
        cmocka_unit_test(who_becomes_the_active_one_waits_for_what_the_one_before_held)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
