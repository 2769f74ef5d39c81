/* SPDX-License-Identifier: Apache-2.0 */
/* db - opening a SQLite file the one way reeve uses, and turning the library's answers into errno
 * and words.
 *
 * One process writes a file, so a writer never waits: busy_timeout is 0 once the file is open (a
 * second writer is a mistake to be shown at once, and sleeping against a busy writer starves). A
 * reader waits up to READER_WAIT_MS. -wal and -shm take the mode of the file. Formats: db_form.c.
 *
 * secure_delete: what is deleted is overwritten with zeros in the file, pages that become free
 * too. Its older form stays in the -wal file until that is written over (at most 64 MiB later) or
 * removed (at the orderly end of the process). */
#include "db.h"
#include "db_form.h"
#include "util.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define READER_WAIT_MS 5000
#define OPEN_WAIT_MS   5000 /* a look from outside may hold the lock at the moment a writer opens */

struct answer {
    int primary, ret;
    const char *code;
};

static const struct answer *answer_for(int primary)
{
    static const struct answer answers[] = {
        {SQLITE_FULL, -ENOSPC, "db-disk-full"},
        {SQLITE_NOMEM, -ENOMEM, "db-memory"},
        {SQLITE_BUSY, -EBUSY, "db-busy"},
        {SQLITE_LOCKED, -EBUSY, "db-busy"},
        {SQLITE_CORRUPT, -EUCLEAN, "db-corrupt"},
        {SQLITE_NOTADB, -EUCLEAN, "db-corrupt"},
        {SQLITE_CONSTRAINT, -EEXIST, "db-constraint"},
        {SQLITE_CANTOPEN, -ENOENT, "db-open"},
        {SQLITE_READONLY, -EROFS, "db-io"},
        {SQLITE_PERM, -EACCES, "db-io"},
        {SQLITE_AUTH, -EACCES, "db-io"},
        {SQLITE_TOOBIG, -EFBIG, "db-io"},
        {SQLITE_MISUSE, -EINVAL, "db-io"},
    };
    static const struct answer other = {SQLITE_ERROR, -EIO, "db-io"};
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        if (answers[i].primary == primary)
            return &answers[i];
    }
    return &other;
}

int db_err(sqlite3 *db, struct err *e, const char *what)
{
    if (!db)
        return err_set(e, -ENOMEM, "db-memory", "%s: out of memory", what);
    int extended = sqlite3_extended_errcode(db), sys = sqlite3_system_errno(db);
    int primary = extended & 0xff;
    if (primary == SQLITE_IOERR && (sys == ENOSPC || sys == EDQUOT))
        primary = SQLITE_FULL;
    const struct answer *a = answer_for(primary);
    int ret = a->ret;
    if ((primary == SQLITE_CANTOPEN || primary == SQLITE_IOERR) && sys > 0)
        ret = -sys;
    return err_set(e, ret, a->code, "%s: %s (SQLite code %d)", what, sqlite3_errmsg(db), extended);
}

void db_close(sqlite3 *db)
{
    if (db)
        (void)sqlite3_close_v2(db);
}

void db_empty_log(sqlite3 *db)
{
    (void)sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

int db_exec(sqlite3 *db, const char *sql, struct err *e)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    return db_err(db, e, "running a statement");
}

int db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret, struct err *e)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL) != SQLITE_OK)
        return db_err(db, e, "preparing a statement");
    if (!st)
        return err_set(e, -EINVAL, "db-io", "preparing a statement: it is empty");
    *ret = st;
    return 0;
}

void db_finalize(sqlite3_stmt **st)
{
    if (!st)
        return;
    (void)sqlite3_finalize(*st);
    *st = NULL;
}

int db_step(sqlite3 *db, sqlite3_stmt *st, struct err *e)
{
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        return 1;
    int r = rc == SQLITE_DONE ? 0 : db_err(db, e, "running a statement");
    (void)sqlite3_reset(st);
    return r;
}

int db_number(sqlite3 *db, const char *sql, int64_t *ret, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int r = db_prepare(db, sql, &st, e);
    if (r < 0)
        return r;
    r = db_step(db, st, e);
    if (r > 0)
        *ret = sqlite3_column_int64(st, 0);
    else if (r == 0)
        r = err_set(e, -EIO, "db-io", "a question to the data base has no answer");
    db_finalize(&st);
    return r < 0 ? r : 0;
}

/* What a copy by other hands has loosened. By name: see db_create(). */
static int tighten(const char *path, struct err *e)
{
    static const char *const tails[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
        struct stat st;
        char name[PATH_MAX];
        if (snprintf(name, sizeof(name), "%s%s", path, tails[i]) >= (int)sizeof(name))
            return err_set(e, -ENAMETOOLONG, "db-open", "%s: the name is too long", path);
        if (stat(name, &st) == 0 && (st.st_mode & 07777) != 0600 && chmod(name, 0600) < 0)
            return err_set(e, -errno, "db-open", "%s cannot be made private (mode 0600): %s", name,
                           strerror(errno));
    }
    return 0;
}

/* A file that is there is not even opened: closing any descriptor of it would drop the POSIX locks
 * which another handle of this process holds. */
int db_create(const char *path, struct err *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno == EEXIST)
        return tighten(path, e);
    int r = 0;
    if (fd < 0 || fchmod(fd, 0600) < 0) {
        r = -errno;
        const char *code = r == -ENOSPC || r == -EDQUOT ? "db-disk-full" : "db-open";
        (void)err_set(e, r, code, "cannot create %s: %s", path, strerror(-r));
    }
    if (fd >= 0)
        (void)close(fd);
    return r;
}

static int write_ahead(sqlite3 *db, const char *path, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int r = db_prepare(db, "PRAGMA journal_mode=WAL", &st, e);
    if (r < 0)
        return r;
    r = db_step(db, st, e);
    const char *mode = r > 0 ? (const char *)sqlite3_column_text(st, 0) : NULL;
    bool good = mode && (strcmp(mode, "wal") == 0 || strcmp(mode, "memory") == 0);
    db_finalize(&st);
    if (r < 0)
        return r;
    if (!good)
        return err_set(e, -ENOTSUP, "db-open",
                       "%s: its file system does not allow write-ahead logging", path);
    return 0;
}

/* Settings live in the connection, so every opening makes them. A checkpoint every 8 MiB (16 MiB
 * with large pages) keeps the log small without one being always under way; after a burst the log
 * is cut back to 64 MiB. */
static int settle_writer(sqlite3 *db, const char *path, unsigned flags, struct err *e)
{
    bool large = flags & DB_LARGE_PAGES; /* means nothing for a file that is there */
    int r = large ? db_exec(db, "PRAGMA page_size=16384", e) : 0;
    if (r == 0)
        r = write_ahead(db, path, e);
    if (r == 0)
        r = db_exec(db,
                    "PRAGMA synchronous=FULL; PRAGMA foreign_keys=OFF; PRAGMA secure_delete=ON;"
                    "PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=67108864",
                    e);
    if (r == 0)
        r = db_exec(db, large ? "PRAGMA wal_autocheckpoint=1000" : "PRAGMA wal_autocheckpoint=2000",
                    e);
    return r;
}

static int settle(sqlite3 *db, const char *path, unsigned flags, const struct db_form *form,
                  struct err *e)
{
    bool reader = flags & DB_READONLY;
    (void)sqlite3_extended_result_codes(db, 1);
    (void)sqlite3_busy_timeout(db, OPEN_WAIT_MS);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    int r = reader ? 0 : settle_writer(db, path, flags, e);
    if (r == 0)
        r = db_check_form(db, path, flags, form, e);
    (void)sqlite3_busy_timeout(db, reader ? READER_WAIT_MS : 0);
    return r;
}

int db_open(const char *path, unsigned flags, const struct db_form *form, sqlite3 **ret,
            struct err *e)
{
    int how = flags & DB_READONLY ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    bool memory = strcmp(path, ":memory:") == 0;
    int r = memory || (flags & DB_READONLY) ? 0 : db_create(path, e);
    if (r < 0)
        return r;
    sqlite3 *db = NULL;
    if (sqlite3_open_v2(path, &db, how, NULL) != SQLITE_OK) {
        r = db_err(db, e, "opening");
        (void)err_prefix(e, r, "%s", path);
        db_close(db);
        return r;
    }
    r = settle(db, path, flags, form, e);
    if (r < 0) {
        if (strcmp(e->code, "db-format") != 0)
            (void)err_prefix(e, r, "%s", path);
        db_close(db);
        return r;
    }
    *ret = db;
    return 0;
}
