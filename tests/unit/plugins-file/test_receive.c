/* SPDX-License-Identifier: Apache-2.0 */
/* Plugin file, receiving: which files are taken and when, and where they go. */
#include "fake.h"
#include "lib/patience.h"
#include <signal.h>
#include <sys/resource.h>

static const char *const quick[] = {"settle=300ms", "rescan=150ms", NULL};

/* Turns until n submissions came, or ms are over. */
static void turn(size_t n, uint64_t ms)
{
    uint64_t until = mono_ms() + ms;
    while (fake.got_n < n && mono_ms() < until) {
        host_ctx_clear(fake.ctx);
        assert_int_equal(fake.plugin.api.poll(fake.ctx, fake.inst), REEVE_OK);
    }
}

static void settle(size_t i, reeve_rc rc)
{
    struct reeve_report report = {
        .errors = 1, .text = "line 3: no date\n", .json = "{\"errors\":1}\n"};
    struct reeve_report fine = {.accepted = 1};
    fake.plugin.api.settled(fake.ctx, fake.inst, fake.got[i].token, rc,
                            rc == REEVE_OK ? &fine : &report);
}

static void a_file_that_is_moved_in_is_taken_at_once(void **state)
{
    (void)state;
    static const char *const slow[] = {"settle=1h", "rescan=1h", NULL};
    fake_open(slow);
    turn(1, 50); /* the first turn makes the folders and begins to watch */
    hand_over("a.json", "{}");
    uint64_t began = mono_ms();
    turn(1, 5000);
    assert_int_equal(fake.got_n, 1);
    assert_true(mono_ms() - began < 4500); /* well before anybody looks again */
    assert_string_equal(fake.got[0].name, "a.json");
    assert_string_equal(fake.got[0].type, "application/json");
    assert_string_equal(fake.got[0].text, "{}");
    assert_true(there("a.json")); /* until it is settled */
    settle(0, REEVE_OK);
    assert_false(there("a.json"));
    has_text("done/a.json", "{}");
    assert_int_equal(count_files("done"), 1);
}

static void a_file_that_grows_is_left_until_it_rests(void **state)
{
    (void)state;
    fake_open(quick);
    for (int i = 0; i < 6; i++) {
        char *path = fake_path("b.csv");
        FILE *f = fopen(path, "ae");
        (void)fputs("x", f);
        (void)fclose(f);
        free(path);
        turn(1, 100);
        assert_int_equal(fake.got_n, 0);
    }
    turn(1, 3000);
    assert_int_equal(fake.got_n, 1);
    assert_string_equal(fake.got[0].text, "xxxxxx");
}

static void a_file_that_is_open_for_writing_is_left(void **state)
{
    (void)state;
    fake_open(quick);
    char *path = fake_path("c.json");
    FILE *f = fopen(path, "we");
    (void)fputs("half", f);
    (void)fflush(f);
    turn(1, 1000);
    int leases = fcntl(fileno(f), F_GETLEASE);
    if (fake.got_n == 1 && leases < 0) {
        print_message("SKIP: the file system of the scratch directory has no leases\n");
        (void)fclose(f);
        free(path);
        skip();
    }
    assert_int_equal(fake.got_n, 0);
    (void)fputs(" whole", f);
    (void)fclose(f);
    turn(1, 3000);
    assert_int_equal(fake.got_n, 1);
    assert_string_equal(fake.got[0].text, "half whole");
    free(path);
}

static void unfinished_and_other_names_are_passed_over(void **state)
{
    (void)state;
    static const char *const only[] = {"settle=0s", "rescan=100ms", "match=*.json", NULL};
    put(".hidden.json", "1");
    put("x.json.part", "1");
    put("x.json.tmp", "1");
    put("x.json~", "1");
    put("x.csv", "1");
    char *link_path = fake_path("link.json"), *dir = fake_path("dir.json");
    assert_int_equal(symlink("/etc/passwd", link_path), 0);
    assert_int_equal(mkdir(dir, 0700), 0);
    put("right.json", "1");
    fake_open(only);
    turn(2, 800);
    assert_int_equal(fake.got_n, 1);
    assert_string_equal(fake.got[0].name, "right.json");
    free(link_path);
    free(dir);
}

static void a_refused_file_gets_its_reports(void **state)
{
    (void)state;
    fake_open(quick);
    put("bad.json", "1");
    turn(1, 3000);
    settle(0, REEVE_REJECT);
    has_text("failed/bad.json", "1");
    has_text("failed/bad.json.report.txt", "line 3: no date\n");
    has_text("failed/bad.json.report.json", "{\"errors\":1}\n");
    put("bad.json", "2");
    turn(2, 3000);
    settle(1, REEVE_REJECT);
    has_text("failed/bad.json", "1"); /* never overwritten */
    has_text("failed/bad-2.json", "2");
    assert_true(there("failed/bad-2.json.report.txt"));
    assert_int_equal(count_files("failed"), 6);
}

static void a_file_that_cannot_be_taken_now_comes_again_later(void **state)
{
    (void)state;
    fake_open(quick);
    put("late.json", "1");
    turn(1, 3000);
    uint64_t began = mono_ms();
    settle(0, REEVE_RETRY);
    assert_true(there("late.json"));
    turn(2, 5000);
    assert_int_equal(fake.got_n, 2);
    assert_true(mono_ms() - began >= 1000);
    assert_int_not_equal(fake.got[0].token, fake.got[1].token);
    settle(1, REEVE_OK);
    assert_true(there("done/late.json"));
}

static void a_host_that_takes_no_more_is_asked_again(void **state)
{
    (void)state;
    fake_open(quick);
    put("a.json", "1");
    fake.take = REEVE_RETRY;
    turn(1, 800);
    assert_int_equal(fake.got_n, 0);
    fake.take = REEVE_OK;
    turn(1, 3000);
    assert_int_equal(fake.got_n, 1);
    settle(0, REEVE_OK);
    assert_true(there("done/a.json"));
}

static void a_file_that_was_replaced_meanwhile_is_an_other_document(void **state)
{
    (void)state;
    fake_open(quick);
    put("a.json", "old");
    turn(1, 3000);
    hand_over("a.json", "newer");
    settle(0, REEVE_OK);
    assert_true(there("a.json")); /* not moved away under the old one's verdict */
    turn(2, 3000);
    assert_int_equal(fake.got_n, 2);
    assert_string_equal(fake.got[1].text, "newer");
    settle(1, REEVE_OK);
    has_text("done/a.json", "newer");
}

static void what_was_there_before_the_start_is_found_oldest_first(void **state)
{
    (void)state;
    static const char *const names[] = {"3.json", "1.json", "2.json"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct timespec times[2] = {{.tv_sec = 1700000000 + (time_t)i},
                                    {.tv_sec = 1700000000 + (time_t)i}};
        char *path = fake_path(names[i]);
        put(names[i], names[i]);
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        free(path);
    }
    static const char *const slow[] = {"settle=10s", "rescan=1h", NULL};
    fake_open(slow); /* they are older than the settle time */
    turn(3, 2000);
    assert_int_equal(fake.got_n, 3);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        assert_string_equal(fake.got[i].name, names[i]);
}

static void more_than_a_few_files_are_all_taken(void **state)
{
    (void)state;
    enum { MANY = 30 };
    fake_open(quick);
    turn(1, 50);
    for (int i = 0; i < MANY; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "n%02d.json", i);
        hand_over(name, "1");
    }
    for (size_t done = 0; done < MANY; done++) {
        turn(done + 1, 3000);
        assert_true(fake.got_n > done);
        settle(done, REEVE_OK);
    }
    assert_int_equal(fake.got_n, MANY);
    assert_int_equal(count_files("done"), MANY);
}

static void odd_names_do_no_harm(void **state)
{
    (void)state;
    fake_open(quick);
    turn(1, 50);
    hand_over("a\nb \xff.json", "1");
    hand_over("-rf %s.json", "2");
    turn(2, 3000);
    assert_int_equal(fake.got_n, 2);
    settle(0, REEVE_REJECT);
    settle(1, REEVE_OK);
    settle(1, REEVE_OK); /* a token that is not under way any more */
    fake.plugin.api.settled(fake.ctx, fake.inst, 999, REEVE_OK, NULL);
    assert_int_equal(count_files("done") + count_files("failed"), 4);
}

static void a_folder_that_was_removed_is_made_anew(void **state)
{
    (void)state;
    fake_open(quick);
    put("a.json", "1");
    turn(1, 3000);
    char *done = fake_path("done");
    assert_int_equal(rmdir(done), 0);
    settle(0, REEVE_OK);
    assert_true(there("done/a.json"));
    free(done);
}

/* ---- retention of done/ ---- */

enum { KEPT_MS = 1500 };

static void files_in_done_go_when_they_have_lain_there_long_enough(void **state)
{
    (void)state;
    static const struct timespec old[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
    fake_open(quick);
    char *theirs = fake_path("done/theirs"), *a = fake_path("a.json");
    host_ctx_keep_done(fake.ctx, KEPT_MS);
    turn(1, 50);
    uint64_t began = mono_ms();
    for (int i = 0; i < 700; i++) { /* more than one turn looks at */
        char name[40];
        (void)snprintf(name, sizeof(name), "done/old-%d.json", i);
        put(name, "{}");
    }
    put("failed/stays.json", "{}");
    assert_int_equal(mkdir(theirs, 0755), 0); /* not ours */
    turn(99, 200);
    size_t left = count_files("done");
    if (mono_ms() - began < KEPT_MS) /* else the machine was too slow to tell */
        assert_int_equal(left, 701);
    hand_over("a.json", "{}");
    /* its own time is long ago; what counts is when it was moved */
    assert_int_equal(utimensat(AT_FDCWD, a, old, 0), 0);
    turn(1, 5000);
    began = mono_ms();
    settle(0, REEVE_OK);
    turn(99, 250);
    bool kept = there("done/a.json");
    assert_true(kept || mono_ms() - began >= KEPT_MS);
    uint64_t until = patience_ends(10000);
    while (count_files("done") > 1 && mono_ms() < until)
        turn(99, 100);
    assert_int_equal(count_files("done"), 1);
    assert_true(there("done/theirs"));
    assert_true(there("failed/stays.json"));
    assert_int_equal(rmdir(theirs), 0);
    free(theirs);
    free(a);
}

static void without_retention_nothing_is_removed(void **state)
{
    (void)state;
    fake_open(quick);
    turn(1, 50);
    put("done/a.json", "{}");
    turn(99, 300);
    assert_true(there("done/a.json"));
}

/* A refused file is not moved before its reason can stand beside it. */
static void a_refused_file_stays_while_its_report_cannot_be_written(void **state)
{
    (void)state;
    struct rlimit before, none;
    fake_open(quick);
    hand_over("a.json", "{}");
    turn(1, 5000);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    none = before;
    none.rlim_cur = 0; /* every write fails, as on a full disk; renaming works */
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    settle(0, REEVE_REJECT);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(there("a.json"));
    assert_int_equal(count_files("failed"), 0);
}

#define RECEIVE(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        RECEIVE(a_file_that_is_moved_in_is_taken_at_once),
        RECEIVE(a_file_that_grows_is_left_until_it_rests),
        RECEIVE(a_file_that_is_open_for_writing_is_left),
        RECEIVE(unfinished_and_other_names_are_passed_over),
        RECEIVE(a_refused_file_gets_its_reports),
        RECEIVE(a_file_that_cannot_be_taken_now_comes_again_later),
        RECEIVE(a_host_that_takes_no_more_is_asked_again),
        RECEIVE(a_file_that_was_replaced_meanwhile_is_an_other_document),
        RECEIVE(what_was_there_before_the_start_is_found_oldest_first),
        RECEIVE(more_than_a_few_files_are_all_taken),
        RECEIVE(odd_names_do_no_harm),
        RECEIVE(a_folder_that_was_removed_is_made_anew),
        RECEIVE(files_in_done_go_when_they_have_lain_there_long_enough),
        RECEIVE(without_retention_nothing_is_removed),
        RECEIVE(a_refused_file_stays_while_its_report_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
