/* SPDX-License-Identifier: Apache-2.0 */
/* test_amqp_ring - what is under way by delivery tag: confirms in any order, several at once,
 * acknowledgements for a contiguous run. */
#include "base/util.h"
#include "transport/amqp_ring.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static int owners[8];

static void tags_end_in_any_order_and_once(void **state)
{
    /* which tags end, in this order; the lowest that is still open after each */
    static const struct {
        uint64_t tag, low;
    } table[] = {{3, 0}, {1, 1}, {1, 1}, {2, 3}, {5, 3}, {4, 5}, {9, 5}, {0, 5}};
    struct amqp_ring r = {.slot = NULL};
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        uint64_t tag = 0;
        assert_int_equal(amqp_ring_push(&r, &owners[i], (uint32_t)i, 10 + i, &tag), 0);
        assert_int_equal(tag, i + 1);
    }
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        amqp_ring_end(&r, table[i].tag);
        assert_null(amqp_ring_at(&r, table[i].tag));
        assert_int_equal(r.low, table[i].low);
    }
    assert_int_equal(r.open, 0);
    amqp_ring_done(&r);
}

static void slots_keep_what_they_were_given_while_the_ring_grows(void **state)
{
    enum { N = 1000 };
    struct amqp_ring r = {.slot = NULL};
    (void)state;
    for (uint32_t i = 0; i < 40; i++) /* the oldest does not lie at the beginning */
        assert_int_equal(amqp_ring_push(&r, NULL, 0, 0, NULL), 0);
    for (uint64_t t = 1; t <= 40; t++)
        amqp_ring_end(&r, t);
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(amqp_ring_push(&r, &owners[i % 8], i, i, NULL), 0);
    assert_int_equal(r.open, N);
    for (uint32_t i = 0; i < N; i++) {
        const struct amqp_slot *s = amqp_ring_at(&r, 41 + i);
        assert_non_null(s);
        assert_ptr_equal(s->owner, &owners[i % 8]);
        assert_int_equal(s->part, i);
        assert_int_equal(s->at, i);
        assert_int_equal(s->state, AMQP_SLOT_OPEN);
    }
    assert_null(amqp_ring_at(&r, 41 + N));
    amqp_ring_reset(&r);
    assert_null(amqp_ring_at(&r, 41));
    uint64_t tag = 0;
    assert_int_equal(amqp_ring_push(&r, NULL, 0, 0, &tag), 0);
    assert_int_equal(tag, 1);
    amqp_ring_done(&r);
}

/* o: out, d: due, e: ended, from tag 1. What one acknowledgement covers, and what is left. */
static void one_acknowledgement_covers_what_is_contiguous(void **state)
{
    static const struct {
        const char *slots;
        uint64_t ack, low;
        size_t open;
    } table[] = {{"", 0, 0, 0},     {"ooo", 0, 0, 3},  {"ddd", 3, 3, 0},   {"ddo", 2, 2, 1},
                 {"odd", 0, 0, 3},  {"edo", 2, 2, 1},  {"dedeo", 3, 4, 1}, {"eeo", 0, 2, 1},
                 {"dodd", 1, 1, 3}, {"ddde", 3, 4, 0}, {"eee", 0, 3, 0}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct amqp_ring r = {.slot = NULL};
        size_t n = strlen(table[i].slots);
        for (size_t k = 0; k < n; k++)
            assert_int_equal(amqp_ring_push(&r, NULL, 0, 0, NULL), 0);
        for (size_t k = 0; k < n; k++) {
            if (table[i].slots[k] == 'd')
                amqp_ring_at(&r, k + 1)->state = AMQP_SLOT_DUE;
            else if (table[i].slots[k] == 'e')
                amqp_ring_end(&r, k + 1);
        }
        assert_int_equal(amqp_ring_ack_prefix(&r), table[i].ack);
        assert_int_equal(r.low, table[i].low);
        assert_int_equal(r.open, table[i].open);
        assert_int_equal(amqp_ring_ack_prefix(&r), 0);
        amqp_ring_done(&r);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_end_in_any_order_and_once),
        cmocka_unit_test(slots_keep_what_they_were_given_while_the_ring_grows),
        cmocka_unit_test(one_acknowledgement_covers_what_is_contiguous),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
