/* SPDX-License-Identifier: Apache-2.0 */
/* Opening SQLite files: settings, formats, modes, and errors in words. */
#include "base/db.h"
#include "base/util.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
/* cmocka needs the headers above */
#include <cmocka.h>

#define SCHEMA "CREATE TABLE t(k INTEGER PRIMARY KEY, v TEXT UNIQUE); CREATE TABLE u(x)"

struct place {
    char dir[256], file[300];
};

static int setup(void **state)
{
    struct place *p = xcalloc(1, sizeof(*p));
    const char *tmp = getenv("TMPDIR");
    if (!p)
        return -1;
    (void)snprintf(p->dir, sizeof(p->dir), "%s/reeve-db-XXXXXX", tmp ? tmp : P_tmpdir);
    if (!mkdtemp(p->dir)) {
        free(p);
        return -1;
    }
    (void)snprintf(p->file, sizeof(p->file), "%s/x.db", p->dir);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    static const char *const tails[] = {"",          "-wal",           "-shm", ".format-1",
                                        ".format-2", ".format-1.part", ".copy"};
    struct place *p = *state;
    for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
        char path[320];
        (void)snprintf(path, sizeof(path), "%s%s", p->file, tails[i]);
        (void)unlink(path);
    }
    (void)rmdir(p->dir);
    free(p);
    return 0;
}

static int open_as(const char *path, unsigned flags, const char *schema, int format, sqlite3 **ret,
                   struct err *e)
{
    const struct db_form form = {.schema = schema, .format = format};
    return db_open(path, flags, &form, ret, e);
}

static sqlite3 *must_open(const char *path, unsigned flags, int format)
{
    sqlite3 *db = NULL;
    struct err e;
    if (open_as(path, flags, SCHEMA, format, &db, &e) != 0)
        fail_msg("%s: %s", e.code, e.text);
    return db;
}

static int64_t number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st = NULL;
    struct err e;
    assert_int_equal(db_prepare(db, sql, &st, &e), 0);
    assert_int_equal(db_step(db, st, &e), 1);
    int64_t n = sqlite3_column_int64(st, 0);
    assert_int_equal(db_step(db, st, &e), 0);
    db_finalize(&st);
    assert_null(st);
    return n;
}

static void a_new_file_has_schema_format_and_settings(void **state)
{
    const struct place *p = *state;
    struct err e;
    sqlite3 *db = must_open(p->file, 0, 7);
    assert_int_equal(number(db, "PRAGMA user_version"), 7);
    assert_int_equal(number(db, "SELECT count(*) FROM sqlite_master WHERE type='table'"), 2);
    assert_int_equal(number(db, "PRAGMA synchronous"), 2);
    assert_int_equal(number(db, "PRAGMA foreign_keys"), 0);
    assert_int_equal(number(db, "PRAGMA secure_delete"), 1);
    assert_int_equal(number(db, "SELECT journal_mode='wal' FROM pragma_journal_mode"), 1);
    assert_int_equal(number(db, "PRAGMA busy_timeout"), 0);
    assert_int_equal(db_exec(db, "INSERT INTO t VALUES(1,'a')", &e), 0);
    db_close(db);
    db = must_open(p->file, 0, 7);
    assert_int_equal(number(db, "SELECT count(*) FROM t"), 1);
    db_close(db);
    db_close(NULL);
}

static void a_new_file_has_mode_0600_under_any_umask(void **state)
{
    const struct place *p = *state;
    static const char *const tails[] = {"", "-wal", "-shm"};
    static const mode_t masks[] = {0, 0777};
    for (size_t m = 0; m < ARRAY_SIZE(masks); m++) {
        mode_t old = umask(masks[m]);
        sqlite3 *db = must_open(p->file, 0, 1);
        (void)umask(old);
        for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
            char path[320];
            struct stat st;
            (void)snprintf(path, sizeof(path), "%s%s", p->file, tails[i]);
            assert_int_equal(stat(path, &st), 0);
            assert_int_equal(st.st_mode & 07777, 0600);
        }
        db_close(db);
        assert_int_equal(unlink(p->file), 0);
    }
}

static void other_formats_are_refused_in_a_sentence(void **state)
{
    const struct place *p = *state;
    static const int formats[] = {1, 2, 4, 1000};
    db_close(must_open(p->file, 0, 3));
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        for (unsigned flags = 0; flags <= DB_READONLY; flags++) {
            sqlite3 *db = NULL;
            struct err e;
            assert_int_equal(open_as(p->file, flags, SCHEMA, formats[i], &db, &e), -ENOTSUP);
            assert_null(db);
            assert_string_equal(e.code, "db-format");
            assert_non_null(strstr(e.text, formats[i] < 3 ? "a newer reeve" : "old format 3"));
            assert_non_null(strstr(e.text, p->file));
        }
    }
    db_close(must_open(p->file, 0, 3));
}

static void a_file_of_something_else_is_not_touched(void **state)
{
    const struct place *p = *state;
    sqlite3 *db = NULL;
    struct err e;
    assert_int_equal(sqlite3_open(p->file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE theirs(x)", NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
    db = NULL;
    assert_int_equal(open_as(p->file, 0, SCHEMA, 1, &db, &e), -EINVAL);
    assert_string_equal(e.code, "db-format");
    assert_int_equal(sqlite3_open(p->file, &db), SQLITE_OK);
    assert_int_equal(number(db, "SELECT count(*) FROM sqlite_master"), 1);
    (void)sqlite3_close(db);
}

static void a_file_that_is_no_data_base_is_refused(void **state)
{
    const struct place *p = *state;
    sqlite3 *db = NULL;
    struct err e;
    char junk[8192];
    memset(junk, 'x', sizeof(junk));
    int fd = open(p->file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write_all(fd, junk, sizeof(junk)), 0);
    (void)close(fd);
    assert_true(open_as(p->file, 0, SCHEMA, 1, &db, &e) < 0);
    assert_string_equal(e.code, "db-corrupt");
    assert_null(db);
}

static void a_broken_schema_leaves_nothing_behind(void **state)
{
    const struct place *p = *state;
    sqlite3 *db = NULL;
    struct err e;
    assert_true(open_as(p->file, 0, "CREATE TABLE good(x); CREATE TABLE bad(", 1, &db, &e) < 0);
    assert_null(db);
    db = must_open(p->file, 0, 1); /* so that the right schema can still be made */
    assert_int_equal(number(db, "SELECT count(*) FROM sqlite_master WHERE name='good'"), 0);
    db_close(db);
}

static void a_path_that_cannot_be_opened_is_told(void **state)
{
    const struct place *p = *state;
    sqlite3 *db = NULL;
    struct err e;
    char path[320];
    (void)snprintf(path, sizeof(path), "%s/no/such/dir.db", p->dir);
    assert_int_equal(open_as(path, 0, SCHEMA, 1, &db, &e), -ENOENT);
    assert_string_equal(e.code, "db-open");
    assert_int_equal(open_as(p->file, DB_READONLY, SCHEMA, 1, &db, &e), -ENOENT);
    assert_string_equal(e.code, "db-open");
    assert_non_null(strstr(e.text, p->file));
    assert_int_equal(access(p->file, F_OK), -1); /* looking does not create */
}

static void readers_look_while_the_writer_writes(void **state)
{
    const struct place *p = *state;
    struct err e;
    sqlite3 *w = must_open(p->file, 0, 1), *r = must_open(p->file, DB_READONLY, 1);
    assert_int_equal(number(r, "PRAGMA busy_timeout"), 5000);
    assert_int_equal(db_exec(w, "BEGIN IMMEDIATE; INSERT INTO t VALUES(1,'a')", &e), 0);
    assert_int_equal(number(r, "SELECT count(*) FROM t"), 0);
    assert_int_equal(db_exec(w, "COMMIT", &e), 0);
    assert_int_equal(number(r, "SELECT count(*) FROM t"), 1);
    assert_int_equal(db_exec(r, "INSERT INTO t VALUES(2,'b')", &e), -EROFS);
    db_close(r);
    db_close(w);
}

static void a_second_writer_is_told_at_once(void **state)
{
    const struct place *p = *state;
    struct err e;
    sqlite3 *a = must_open(p->file, 0, 1), *b = must_open(p->file, 0, 1);
    assert_int_equal(db_exec(a, "BEGIN IMMEDIATE", &e), 0);
    uint64_t start = mono_ms();
    assert_int_equal(db_exec(b, "BEGIN IMMEDIATE", &e), -EBUSY);
    assert_string_equal(e.code, "db-busy");
    assert_true(mono_ms() - start < 10000);
    db_close(b);
    db_close(a);
}

static void opening_again_keeps_the_locks_of_the_first_handle(void **state)
{
    const struct place *p = *state;
    struct err e;
    sqlite3 *a = must_open(p->file, 0, 1);
    assert_int_equal(db_exec(a, "BEGIN IMMEDIATE", &e), 0);
    db_close(must_open(p->file, DB_READONLY, 1));
    assert_int_equal(db_exec(a, "INSERT INTO t VALUES(5,'e'); COMMIT", &e), 0);
    assert_int_equal(number(a, "SELECT count(*) FROM t"), 1);
    db_close(a);
}

static void errors_have_codes_and_statements_can_go_on(void **state)
{
    const struct place *p = *state;
    struct err e;
    sqlite3_stmt *st = NULL;
    sqlite3 *db = must_open(p->file, 0, 1);
    assert_int_equal(db_prepare(db, "SELEC", &st, &e), -EIO);
    assert_string_equal(e.code, "db-io");
    assert_int_equal(db_prepare(db, " ", &st, &e), -EINVAL);
    assert_null(st);
    assert_int_equal(db_prepare(db, "INSERT INTO t(v) VALUES(?1)", &st, &e), 0);
    assert_int_equal(sqlite3_bind_text(st, 1, "same", -1, SQLITE_STATIC), SQLITE_OK);
    assert_int_equal(db_step(db, st, &e), 0);
    assert_int_equal(db_step(db, st, &e), -EEXIST);
    assert_string_equal(e.code, "db-constraint");
    assert_non_null(strstr(e.text, "UNIQUE"));
    assert_int_equal(sqlite3_bind_text(st, 1, "other", -1, SQLITE_STATIC), SQLITE_OK);
    assert_int_equal(db_step(db, st, &e), 0);
    db_finalize(&st);
    db_finalize(NULL);
    assert_int_equal(db_err(NULL, &e, "asking"), -ENOMEM);
    db_close(db);
}

static void a_full_disk_has_its_own_code(void **state)
{
    const struct place *p = *state;
    struct err e;
    sqlite3 *db = must_open(p->file, 0, 1);
    assert_int_equal(db_exec(db, "PRAGMA max_page_count=6", &e), 0);
    assert_int_equal(db_exec(db, "INSERT INTO u VALUES(zeroblob(1000000))", &e), -ENOSPC);
    assert_string_equal(e.code, "db-disk-full");
    db_close(db);
}

static void memory_data_bases_open_for_tests(void **state)
{
    (void)state;
    sqlite3 *db = must_open(":memory:", 0, 2);
    assert_int_equal(number(db, "PRAGMA user_version"), 2);
    db_close(db);
}

/* ---- formats ---- */

static const char *const upgrades[] = {
    "ALTER TABLE t ADD COLUMN w INTEGER NOT NULL DEFAULT 5", /* 1 to 2 */
    "CREATE TABLE x(y); INSERT INTO x SELECT w FROM t",      /* 2 to 3 */
    "INSERT INTO x VALUES(1); INSERT INTO nowhere VALUES(1)" /* 3 to 4: fails in the middle */
};

static int open_form(const struct place *p, unsigned flags, int format, sqlite3 **ret,
                     struct err *e)
{
    const struct db_form form = {.schema = SCHEMA, .format = format, .upgrades = upgrades};
    return db_open(p->file, flags, &form, ret, e);
}

/* A file as the first version made it, with a row. */
static void make_old(const struct place *p)
{
    struct err e;
    sqlite3 *db = must_open(p->file, 0, 1);
    assert_int_equal(db_exec(db, "INSERT INTO t VALUES(7,'kept')", &e), 0);
    db_close(db);
}

static int64_t copied(const struct place *p, const char *tail, const char *sql)
{
    char path[320];
    struct stat st;
    sqlite3 *db = NULL;
    (void)snprintf(path, sizeof(path), "%s%s", p->file, tail);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    int64_t n = number(db, sql);
    (void)sqlite3_close(db);
    return n;
}

static void an_older_file_is_copied_and_brought_up_to_date(void **state)
{
    const struct place *p = *state;
    sqlite3 *db = NULL;
    struct err e;
    make_old(p);
    assert_int_equal(open_form(p, DB_READONLY, 3, &db, &e),
                     -ENOTSUP); /* a reader changes nothing */
    assert_non_null(strstr(e.text, "when its own process is started"));
    mode_t old = umask(0);
    assert_int_equal(open_form(p, 0, 3, &db, &e), 0);
    (void)umask(old);
    assert_int_equal(number(db, "PRAGMA user_version"), 3);
    assert_int_equal(number(db, "SELECT k FROM t WHERE v='kept'"), 7);
    assert_int_equal(number(db, "SELECT y FROM x"), 5); /* both steps, in order */
    db_close(db);
    assert_int_equal(copied(p, ".format-1", "PRAGMA user_version"), 1);
    assert_int_equal(copied(p, ".format-1", "SELECT k FROM t WHERE v='kept'"), 7);
    assert_int_equal(open_form(p, 0, 3, &db, &e), 0);
    db_close(db);
}

static void an_upgrade_that_fails_leaves_the_old_file(void **state)
{
    const struct place *p = *state;
    sqlite3 *db = NULL;
    struct err e;
    make_old(p);
    assert_true(open_form(p, 0, 4, &db, &e) < 0);
    assert_null(db);
    assert_non_null(strstr(e.text, p->file));
    assert_non_null(strstr(e.text, "from format 1 to 4"));
    db = must_open(p->file, 0, 1);
    assert_int_equal(number(db, "SELECT count(*) FROM t"), 1);
    assert_int_equal(number(db, "SELECT count(*) FROM sqlite_master WHERE name='x'"), 0);
    db_close(db);
    assert_int_equal(open_form(p, 0, 2, &db, &e), 0); /* a good one works after that */
    db_close(db);
    assert_int_equal(open_form(p, 0, 3, &db, &e), 0); /* and from a later format */
    db_close(db);
    assert_int_equal(copied(p, ".format-2", "PRAGMA user_version"), 2);
}

/* The rest of a copy that was cut short has the other name, and is in nobody's way. */
static void a_copy_that_was_cut_short_is_made_again(void **state)
{
    const struct place *p = *state;
    char path[320];
    sqlite3 *db = NULL;
    struct err e;
    make_old(p);
    (void)snprintf(path, sizeof(path), "%s.format-1.part", p->file);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write_all(fd, "SQLite format 3", 15), 0);
    (void)close(fd);
    assert_int_equal(open_form(p, 0, 2, &db, &e), 0);
    db_close(db);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(copied(p, ".format-1", "SELECT count(*) FROM t"), 1);
}

static void an_older_file_without_a_way_is_refused(void **state)
{
    const struct place *p = *state;
    static const char *const none_from_1[] = {NULL, "CREATE TABLE z(y)"};
    const struct db_form form = {.schema = SCHEMA, .format = 3, .upgrades = none_from_1};
    sqlite3 *db = NULL;
    struct err e;
    make_old(p);
    assert_int_equal(db_open(p->file, 0, &form, &db, &e), -ENOTSUP);
    assert_non_null(strstr(e.text, "no way leads there"));
}

static void a_copy_holds_what_is_committed_while_a_writer_goes_on(void **state)
{
    const struct place *p = *state;
    char path[320];
    struct err e;
    (void)snprintf(path, sizeof(path), "%s.copy", p->file);
    sqlite3 *w = must_open(p->file, 0, 1), *r = must_open(p->file, DB_READONLY, 1);
    assert_int_equal(
        db_exec(w, "INSERT INTO t VALUES(1,'a'); BEGIN; INSERT INTO t VALUES(2,'b')", &e), 0);
    assert_int_equal(db_copy(r, path, &e), 0);
    assert_int_equal(db_exec(w, "COMMIT", &e), 0);
    assert_int_equal(copied(p, ".copy", "SELECT count(*) FROM t"), 1);
    assert_int_equal(db_copy(r, path, &e), 0); /* replaces */
    assert_int_equal(copied(p, ".copy", "SELECT count(*) FROM t"), 2);
    db_close(r);
    db_close(w);
}

/* ---- what is deleted is gone ---- */

static size_t occurrences(const char *path, const char *what)
{
    char *bytes = NULL;
    size_t len = 0, n = 0, w = strlen(what);
    assert_int_equal(read_file(path, 64u << 20, &bytes, &len), 0);
    for (size_t i = 0; i + w <= len; i++)
        n += memcmp(bytes + i, what, w) == 0;
    free(bytes);
    return n;
}

static void what_is_deleted_does_not_stay_in_the_file(void **state)
{
    const struct place *p = *state;
    struct err e;
    sqlite3 *db = must_open(p->file, 0, 1);
    assert_int_equal(
        db_exec(db,
                "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 2000)"
                " INSERT INTO u SELECT 'Jane Citizen 1970' || hex(randomblob(200)) FROM c;"
                "PRAGMA wal_checkpoint(TRUNCATE)",
                &e),
        0);
    assert_int_equal(occurrences(p->file, "Jane Citizen 1970"), 2000);
    assert_int_equal(db_exec(db,
                             "DELETE FROM u WHERE rowid % 3 > 0; DELETE FROM u;"
                             "PRAGMA wal_checkpoint(TRUNCATE)",
                             &e),
                     0);
    assert_int_equal(occurrences(p->file, "Jane Citizen 1970"), 0);
    db_close(db);
}

static void a_file_that_others_may_read_is_made_private(void **state)
{
    const struct place *p = *state;
    struct stat st;
    make_old(p);
    assert_int_equal(chmod(p->file, 0666), 0); /* as a copy by hand leaves it */
    db_close(must_open(p->file, 0, 1));
    assert_int_equal(stat(p->file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_new_file_has_schema_format_and_settings),
        T(a_new_file_has_mode_0600_under_any_umask),
        T(other_formats_are_refused_in_a_sentence),
        T(a_file_of_something_else_is_not_touched),
        T(a_file_that_is_no_data_base_is_refused),
        T(a_broken_schema_leaves_nothing_behind),
        T(a_path_that_cannot_be_opened_is_told),
        T(readers_look_while_the_writer_writes),
        T(a_second_writer_is_told_at_once),
        T(opening_again_keeps_the_locks_of_the_first_handle),
        T(errors_have_codes_and_statements_can_go_on),
        T(a_full_disk_has_its_own_code),
        T(memory_data_bases_open_for_tests),
        T(an_older_file_is_copied_and_brought_up_to_date),
        T(an_upgrade_that_fails_leaves_the_old_file),
        T(a_copy_that_was_cut_short_is_made_again),
        T(an_older_file_without_a_way_is_refused),
        T(a_copy_holds_what_is_committed_while_a_writer_goes_on),
        T(what_is_deleted_does_not_stay_in_the_file),
        T(a_file_that_others_may_read_is_made_private),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
