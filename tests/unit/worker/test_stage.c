/* SPDX-License-Identifier: Apache-2.0 */
/* Records come back in order and whole, from memory and from the file, again and again. */
#include "worker/stage.h"
#include "worker/source.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static size_t size_of(size_t i)
{
    return (i * 7919) % 5000 + (i % 97 == 0 ? 700000 : 0) + (i % 50 == 0 ? 0 : 1);
}

static void fill(uint8_t *p, size_t i, size_t n)
{
    for (size_t k = 0; k < n; k++)
        p[k] = (uint8_t)(i * 31 + k);
}

static void round_trip(const char *dir, size_t n)
{
    struct stage *s = stage_new(dir);
    struct err e;
    uint8_t *want = malloc(1u << 20);
    for (size_t i = 0; i < n; i++) {
        fill(want, i, size_of(i));
        size_t cut = size_of(i) / 3;
        assert_int_equal(stage_add(s, want, cut, want + cut, size_of(i) - cut, &e), 0);
    }
    assert_int_equal(stage_count(s), n);
    for (int again = 0; again < 2; again++) {
        const uint8_t *p;
        size_t len;
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(stage_next(s, &p, &len, &e), 1);
            assert_int_equal(len, size_of(i));
            fill(want, i, len);
            assert_memory_equal(p, want, len);
        }
        assert_int_equal(stage_next(s, &p, &len, &e), 0);
        assert_int_equal(stage_next(s, &p, &len, &e), 0);
        stage_rewind(s);
    }
    free(want);
    stage_free(s);
}

static void small_ones_stay_in_memory(void **state)
{
    (void)state;
    round_trip("/nonexistent/never-made",
               50 - 1); /* one of 700000 bytes, the rest small: below 1 MiB */
}

static void large_ones_go_through_a_file(void **state)
{
    (void)state;
    round_trip(".", 2000);
    round_trip(NULL, 500);
}

static void a_place_that_cannot_be_written_is_an_error(void **state)
{
    (void)state;
    struct stage *s = stage_new("/proc/nothing/here");
    struct err e = {.code = ""};
    static char big[600000];
    assert_int_equal(stage_add(s, big, sizeof(big), NULL, 0, &e), 0);
    assert_true(stage_add(s, big, sizeof(big), NULL, 0, &e) < 0);
    assert_string_equal(e.code, "stage-write");
    stage_free(s);
}

static void twins_are_found_and_told_apart(void **state)
{
    (void)state;
    struct twins t = {0};
    uint8_t key[SHA256_LEN] = {0}, one[SHA256_LEN] = {1}, two[SHA256_LEN] = {2};
    bool other;
    for (unsigned i = 1; i <= 5000; i++) {
        memcpy(key, &i, sizeof(i));
        assert_int_equal(twins_add(&t, key, one, &other), 0);
        assert_false(other);
    }
    unsigned twice = 77;
    memcpy(key, &twice, sizeof(twice));
    assert_false(twins_twice(&t, key));
    assert_int_equal(twins_add(&t, key, one, &other), 0);
    assert_false(other);
    assert_true(twins_twice(&t, key));
    assert_int_equal(twins_add(&t, key, two, &other), 0);
    assert_true(other);
    twice = 78;
    memcpy(key, &twice, sizeof(twice));
    assert_false(twins_twice(&t, key));
    assert_null(twins_last(&t, key));
    twice = 77;
    memcpy(key, &twice, sizeof(twice));
    assert_memory_equal(twins_last(&t, key), two, SHA256_LEN);
    twins_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(small_ones_stay_in_memory),
                                       cmocka_unit_test(large_ones_go_through_a_file),
                                       cmocka_unit_test(a_place_that_cannot_be_written_is_an_error),
                                       cmocka_unit_test(twins_are_found_and_told_apart)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
