/* SPDX-License-Identifier: Apache-2.0 */
/* When a disk counts as nearly full. */
#include "base/disk.h"
#include "base/util.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void a_level_ends_an_eighth_above_where_it_began(void **state)
{
    (void)state;
    static const struct {
        bool was;
        uint64_t free_bytes, limit;
        bool is;
    } rows[] = {
        {false, 801, 800, false}, {false, 800, 800, false}, {false, 799, 800, true},
        {true, 800, 800, true},   {true, 899, 800, true},   {true, 900, 800, false},
        {false, 0, 0, false},     {true, 0, 0, false},      {false, 0, 1, true},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        assert_int_equal(disk_below(rows[i].was, rows[i].free_bytes, rows[i].limit), rows[i].is);
}

static void what_is_kept_free_is_compared_with_what_is_there(void **state)
{
    (void)state;
    char words[400];
    struct disk off = {.path = "/"}, all = {.path = "/", .keep_free = (uint64_t)1 << 60},
                one = {.path = "/", .keep_free = 1}, gone = {.path = "/no/such", .keep_free = 1};
    assert_false(disk_low(&off));
    assert_true(disk_low(&all));
    assert_true(all.tight);
    assert_non_null(strstr(disk_words(&all, words, sizeof(words)), "limits: keep_free"));
    assert_null(strchr(words, '/'));
    assert_false(disk_low(&one));
    assert_false(disk_low(&gone));
    all.keep_free = 1; /* not looked at again at once */
    assert_true(disk_low(&all));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_level_ends_an_eighth_above_where_it_began),
        cmocka_unit_test(what_is_kept_free_is_compared_with_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
