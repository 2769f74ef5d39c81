/* SPDX-License-Identifier: Apache-2.0 */
/* Who looked at which dead letter, in a file that several add to and one tidies. */
#include "transport/dead_marks.h"
#include "base/util.h"
#include "lib/remove_tree.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[200], path[256];

static int setup(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(dir, sizeof dir, "%s/reeve-marks-XXXXXX", tmp && *tmp ? tmp : P_tmpdir);
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(path, sizeof path, "%s/dead-letters.marks", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return remove_tree(dir);
}

static void check(struct dead_marks *m, uint64_t number, uint64_t seen, uint64_t warned)
{
    uint64_t s, w;
    dead_marks_find(m, number, &s, &w);
    assert_int_equal(s, seen);
    assert_int_equal(w, warned);
}

static struct dead_marks *read_marks(void)
{
    struct dead_marks *m = NULL;
    struct err e;
    if (dead_marks_read(path, &m, &e) < 0)
        fail_msg("%s", e.text);
    return m;
}

static void the_latest_look_and_the_first_warning_count(void **state)
{
    (void)state;
    struct stat st;
    struct dead_marks *m = read_marks(); /* there is none yet */
    check(m, 1, 0, 0);
    dead_marks_free(m);
    assert_int_equal(dead_marks_add(path, true, (const uint64_t[]){3, 1}, 2, 100), 0);
    assert_int_equal(dead_marks_add(path, false, (const uint64_t[]){1, 2}, 2, 50), 0);
    assert_int_equal(dead_marks_add(path, false, (const uint64_t[]){1}, 1, 60), 0);
    assert_int_equal(dead_marks_add(path, true, (const uint64_t[]){1}, 1, 200), 0);
    assert_int_equal(dead_marks_add(path, true, NULL, 0, 200), 0);
    m = read_marks();
    check(m, 1, 200, 50);
    check(m, 2, 0, 50);
    check(m, 3, 100, 0);
    check(m, 4, 0, 0);
    dead_marks_free(m);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void tidying_keeps_what_is_there_and_what_came_meanwhile(void **state)
{
    (void)state;
    struct err e;
    assert_int_equal(dead_marks_add(path, true, (const uint64_t[]){1, 2, 3}, 3, 100), 0);
    struct dead_marks *m = read_marks();
    check(m, 2, 100, 0); /* the only letter that is still there */
    assert_int_equal(dead_marks_add(path, true, (const uint64_t[]){9}, 1, 300), 0);
    assert_int_equal(dead_marks_tidy(m, path, &e), 0);
    dead_marks_free(m);
    m = read_marks();
    check(m, 1, 0, 0);
    check(m, 2, 100, 0);
    check(m, 3, 0, 0);
    check(m, 9, 300, 0);
    dead_marks_free(m);
}

static void half_a_line_and_nonsense_are_passed_over(void **state)
{
    (void)state;
    static const char text[] = "seen 1 5\nblind 2 5\nseen x 5\nseen 3\n\n\nwarned 4 6 7\nseen "
                               "18446744073709551615 8\nseen 6 9";
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    struct dead_marks *m = read_marks();
    check(m, 1, 5, 0);
    for (uint64_t i = 2; i < 7; i++)
        check(m, i, 0, 0);
    check(m, UINT64_MAX, 8, 0);
    dead_marks_free(m);
}

static void a_full_file_takes_no_more_and_says_so(void **state)
{
    (void)state;
    assert_int_equal(dead_marks_add(path, true, (const uint64_t[]){1}, 1, 5), 0);
    assert_int_equal(truncate(path, DEAD_MARKS_MAX), 0);
    assert_int_equal(dead_marks_add(path, true, (const uint64_t[]){2}, 1, 5), -EFBIG);
    assert_int_equal(dead_marks_add("/nowhere/marks", true, (const uint64_t[]){2}, 1, 5), -ENOENT);
    struct dead_marks *m = NULL;
    struct err e;
    assert_int_equal(dead_marks_read("/nowhere/marks", &m, &e), -ENOENT);
    assert_string_equal(e.code, "dead-marks");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_latest_look_and_the_first_warning_count, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(tidying_keeps_what_is_there_and_what_came_meanwhile, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(half_a_line_and_nonsense_are_passed_over, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_file_takes_no_more_and_says_so, setup, teardown),
    };
    return cmocka_run_group_tests_name("dead_marks", tests, NULL, NULL);
}
