/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/queue.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static struct copy *copy_of(uint64_t key, uint64_t due)
{
    struct copy *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->key = key;
    c->due = due;
    return c;
}

static void ready_is_a_double_ended_queue_over_every_growth(void **state)
{
    struct queue q = {.ready = NULL};
    uint64_t next = 0, front = 1000, want = 0;
    (void)state;
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned i = 0; i < 7; i++)
            assert_int_equal(queue_push_back(&q, copy_of(next++, 0)), 0);
        assert_int_equal(queue_push_front(&q, copy_of(front, 0)), 0);
        struct copy *c = queue_pop(&q);
        assert_int_equal(c->key, front);
        copy_free(c);
        for (unsigned i = 0; i < 5; i++) {
            c = queue_pop(&q);
            assert_int_equal(c->key, want++);
            copy_free(c);
        }
    }
    assert_int_equal(q.ready_n, 100);
    assert_int_equal(queue_head(&q)->key, want);
    queue_done(&q);
    assert_null(queue_pop(&q));
    assert_null(queue_head(&q));
}

static void delayed_come_by_due_time_then_key(void **state)
{
    struct queue q = {.ready = NULL};
    uint64_t x = 88172645463325252u, due = 0, key = 0;
    (void)state;
    for (unsigned i = 0; i < 2000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        assert_int_equal(queue_delay(&q, copy_of(i, x % 97)), 0);
    }
    for (unsigned i = 0; i < 2000; i++) {
        struct copy *c = queue_delayed_pop(&q);
        assert_true(c->due > due || (c->due == due && (c->key >= key)));
        due = c->due;
        key = c->key;
        copy_free(c);
    }
    assert_null(queue_delayed_pop(&q));
    queue_done(&q);
}

static void trimming_keeps_the_first_and_stays_a_heap(void **state)
{
    struct queue q = {.ready = NULL};
    (void)state;
    assert_null(queue_delayed_trim(&q, 5));
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(queue_delay(&q, copy_of(i, (i * 37) % 100)), 0);
    assert_int_equal(queue_delayed_trim(&q, 10)->due, 9);
    assert_int_equal(q.delayed_n, 10);
    assert_int_equal(queue_delay(&q, copy_of(1, 4)), 0);
    static const uint64_t want[] = {0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 9};
    for (size_t i = 0; i < 11; i++) {
        struct copy *c = queue_delayed_pop(&q);
        assert_int_equal(c->due, want[i]);
        copy_free(c);
    }
    queue_done(&q);
}

static void a_body_is_counted_once_and_freed_with_its_last_copy(void **state)
{
    size_t total = 0;
    struct queue q = {.ready = NULL};
    struct body *b = body_new(&total, "id", 2, "event", 5);
    (void)state;
    assert_non_null(b);
    assert_int_equal(total, 5);
    assert_memory_equal(body_event(b), "event", 5);
    struct copy *c = copy_of(1, 0);
    c->body = body_ref(b);
    assert_int_equal(queue_push_back(&q, c), 0);
    body_unref(b);
    assert_int_equal(total, 5);
    queue_done(&q);
    assert_int_equal(total, 0);
    body_unref(NULL);
    copy_free(NULL);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(ready_is_a_double_ended_queue_over_every_growth),
        cmocka_unit_test(delayed_come_by_due_time_then_key),
        cmocka_unit_test(trimming_keeps_the_first_and_stays_a_heap),
        cmocka_unit_test(a_body_is_counted_once_and_freed_with_its_last_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
