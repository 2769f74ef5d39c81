/* SPDX-License-Identifier: Apache-2.0 */
/* The slate survives the process: who is charged after a crash, who is not, when a message is given
 * up. */
#include "worker/slate.h"
#include "lib/forked.h"
#include "base/util.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

static char path[64];

static int setup(void **state)
{
    (void)state;
    (void)snprintf(path, sizeof(path), "slate-test.%d", (int)getpid());
    (void)unlink(path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path) < 0 && errno != ENOENT ? -1 : 0;
}

static struct slate *open_slate(void)
{
    struct slate *s = NULL;
    struct err e;
    assert_int_equal(slate_open(path, &s, &e), 0);
    return s;
}

/* A process that takes these in hand and dies. */
static void crash_with(const char *const *names, size_t n)
{
    pid_t pid = forked();
    if (pid == 0) {
        struct slate *s = NULL;
        struct err e;
        if (slate_open(path, &s, &e) < 0)
            _exit(1);
        for (size_t i = 0; i < n; i++)
            (void)slate_put(s, names[i]);
        (void)kill(getpid(), SIGKILL);
    }
    forked_was_killed(pid);
}

static void nothing_in_hand_charges_nobody(void **state)
{
    (void)state;
    struct slate *s = open_slate();
    slate_wipe(s, slate_put(s, "a"));
    slate_close(s);
    s = open_slate();
    assert_int_equal(slate_suspects(s), 0);
    assert_false(slate_suspect(s, "a"));
    slate_close(s);
}

static void company_makes_suspects_but_charges_nobody(void **state)
{
    (void)state;
    const char *const both[] = {"a", "b"};
    crash_with(both, 2);
    struct slate *s = open_slate();
    assert_int_equal(slate_suspects(s), 2);
    assert_true(slate_suspect(s, "a") && slate_suspect(s, "b"));
    assert_false(slate_suspect(s, "c"));
    assert_int_equal(slate_crashes(s, "a"), 0);
    slate_wipe(s, slate_put(s, "a"));
    assert_false(slate_suspect(s, "a"));
    assert_int_equal(slate_suspects(s), 1);
    slate_close(s);
}

static void alone_is_charged_each_time(void **state)
{
    (void)state;
    const char *const one[] = {"poison"};
    for (uint32_t i = 1; i <= SLATE_CRASHES_MAX; i++) {
        crash_with(one, 1);
        struct slate *s = open_slate();
        assert_int_equal(slate_crashes(s, "poison"), i);
        assert_true(slate_suspect(s, "poison"));
        slate_close(s);
    }
}

static void old_suspects_stay_out_of_new_crashes(void **state)
{
    (void)state;
    const char *const first[] = {"a", "b"}, *const second[] = {"b"};
    crash_with(first, 2);
    crash_with(second, 1);
    struct slate *s = open_slate();
    assert_int_equal(slate_crashes(s, "a"), 0);
    assert_int_equal(slate_crashes(s, "b"), 1);
    slate_close(s);
}

static void a_full_slate_forgets_suspects_that_never_came_back(void **state)
{
    (void)state;
    char name[32];
    int places[SLATE_ENTRIES];
    const char *const old[] = {"old"};
    crash_with(old, 1);
    struct slate *s = open_slate();
    for (int i = 0; i < SLATE_ENTRIES; i++) {
        (void)snprintf(name, sizeof(name), "m%d", i);
        places[i] = slate_put(s, name);
        assert_true(places[i] >= 0);
    }
    assert_false(slate_suspect(s, "old"));
    assert_int_equal(slate_put(s, "one too many"), -ENOSPC);
    slate_wipe(s, places[3]);
    assert_int_equal(slate_put(s, "one too many"), places[3]);
    slate_close(s);
}

static void a_file_that_is_no_slate_is_begun_anew(void **state)
{
    (void)state;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write_all(fd, "hello", 5), 0);
    (void)close(fd);
    struct slate *s = open_slate();
    assert_int_equal(slate_suspects(s), 0);
    assert_true(slate_put(s, "a") >= 0);
    slate_close(s);
}

/* A message that comes twice (its source was killed) may be in hand twice. */
static void a_name_that_is_put_twice_is_wiped_twice(void **state)
{
    (void)state;
    const char *const one[] = {"a"};
    crash_with(one, 1);
    struct slate *s = open_slate();
    int first = slate_put(s, "a"), second = slate_put(s, "a");
    assert_int_equal(first, second);
    slate_wipe(s, first);
    assert_true(slate_suspect(s, "a"));
    slate_wipe(s, second);
    assert_false(slate_suspect(s, "a"));
    slate_wipe(s, second);
    slate_wipe(s, -1);
    slate_wipe(s, SLATE_ENTRIES);
    assert_int_equal(slate_suspects(s), 0);
    slate_close(s);
}

static void an_end_that_is_excused_charges_nobody(void **state)
{
    (void)state;
    const char *const one[] = {"poison"};
    crash_with(one, 1);
    struct slate *s = open_slate();
    assert_true(slate_put(s, "poison") >= 0);
    assert_true(slate_put(s, "innocent") >= 0);
    slate_excuse(s);
    slate_close(s);
    s = open_slate();
    assert_false(slate_suspect(s, "innocent"));
    assert_true(slate_suspect(s, "poison"));
    assert_int_equal(slate_crashes(s, "poison"), 1);
    slate_close(s);
    s = open_slate(); /* the excuse holds once */
    assert_true(slate_put(s, "innocent") >= 0);
    slate_close(s);
    s = open_slate();
    assert_int_equal(slate_crashes(s, "innocent"), 1);
    slate_close(s);
}

static void a_slate_of_a_newer_version_is_refused_and_kept(void **state)
{
    (void)state;
    static const char newer[] = "reeveSL2 and whatever that one keeps here";
    struct slate *s = NULL;
    struct err e;
    char *bytes = NULL;
    size_t len = 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write_all(fd, newer, sizeof newer), 0);
    (void)close(fd);
    assert_int_equal(slate_open(path, &s, &e), -ENOTSUP);
    assert_string_equal(e.code, "slate-format");
    assert_non_null(strstr(e.text, path));
    assert_non_null(strstr(e.text, "format 2"));
    assert_non_null(strstr(e.text, "up to 1"));
    assert_int_equal(read_file(path, 4096, &bytes, &len), 0);
    assert_int_equal(len, sizeof newer);
    assert_memory_equal(bytes, newer, sizeof newer);
    free(bytes);
}

static void a_slate_is_private_and_has_its_blocks(void **state)
{
    (void)state;
    struct stat st;
    mode_t old = umask(0777);
    slate_close(open_slate());
    (void)umask(old);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_true(st.st_blocks * 512 >= st.st_size);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(nothing_in_hand_charges_nobody),
        T(company_makes_suspects_but_charges_nobody),
        T(alone_is_charged_each_time),
        T(old_suspects_stay_out_of_new_crashes),
        T(a_full_slate_forgets_suspects_that_never_came_back),
        T(a_file_that_is_no_slate_is_begun_anew),
        T(a_slate_of_a_newer_version_is_refused_and_kept),
        T(a_slate_is_private_and_has_its_blocks),
        T(a_name_that_is_put_twice_is_wiped_twice),
        T(an_end_that_is_excused_charges_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
