/* SPDX-License-Identifier: Apache-2.0 */
/* db_form - formats of SQLite files: making, refusing, upgrading and copying them.
 *
 * An older file is copied before it is touched: PATH.format-N beside it, whole and synced under
 * that name before the first change. Then all upgrades up to the newest format happen in one
 * transaction: whoever is killed in between finds the old file and upgrades again. Putting the copy
 * in the file's place (without -wal and -shm) is the way back. */
#include "db_form.h"
#include "util.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* user_version is set in the same transaction as what makes the file that version. */
static int set_format(sqlite3 *db, int format, struct err *e)
{
    char version[48];
    (void)sqlite3_snprintf((int)sizeof(version), version, "PRAGMA user_version=%d", format);
    return db_exec(db, version, e);
}

static int end(sqlite3 *db, int r, struct err *e)
{
    if (r == 0)
        r = db_exec(db, "COMMIT", e);
    if (r < 0)
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return r;
}

static int create_schema(sqlite3 *db, const char *path, const struct db_form *form, struct err *e)
{
    int64_t things = 0;
    int r = db_number(db, "SELECT count(*) FROM sqlite_master", &things, e);
    if (r < 0)
        return r;
    if (things > 0)
        return err_set(e, -EINVAL, "db-format", "%s is a SQLite file of something else", path);
    r = db_exec(db, "BEGIN IMMEDIATE", e);
    if (r < 0)
        return r;
    if (form->schema)
        r = db_exec(db, form->schema, e);
    if (r == 0)
        r = set_format(db, form->format, e);
    return end(db, r, e);
}

static int sync_path(const char *path, int flags, struct err *e)
{
    _cleanup_close_ int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return err_set(e, -errno, errno == ENOSPC || errno == EDQUOT ? "db-disk-full" : "db-io",
                       "cannot sync %s: %s", path, strerror(errno));
    return 0;
}

static int sync_directory_of(const char *path, struct err *e)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (len >= sizeof(dir))
        return err_set(e, -ENAMETOOLONG, "db-io", "%s: the name is too long", path);
    memcpy(dir, path, len);
    dir[len] = '\0';
    return sync_path(slash ? (len ? dir : "/") : ".", O_RDONLY | O_DIRECTORY, e);
}

static int vacuum_into(sqlite3 *db, const char *to, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int r = db_prepare(db, "VACUUM INTO ?1", &st, e);
    if (r < 0)
        return r;
    (void)sqlite3_bind_text(st, 1, to, -1, SQLITE_STATIC);
    r = db_step(db, st, e);
    db_finalize(&st);
    return r < 0 ? r : 0;
}

int db_copy(sqlite3 *db, const char *to, struct err *e)
{
    char part[PATH_MAX];
    if (snprintf(part, sizeof(part), "%s.part", to) >= (int)sizeof(part))
        return err_set(e, -ENAMETOOLONG, "db-io", "%s: the name is too long", to);
    (void)unlink(part); /* of a copy that was cut short */
    int r = db_create(part, e);
    if (r == 0)
        r = vacuum_into(db, part, e);
    if (r == 0)
        r = sync_path(part, O_RDONLY, e);
    if (r == 0 && rename(part, to) < 0)
        r = err_set(e, -errno, "db-io", "%s: %s", to, strerror(errno));
    if (r == 0)
        r = sync_directory_of(to, e);
    if (r < 0)
        (void)unlink(part);
    return r;
}

static int run_upgrades(sqlite3 *db, const struct db_form *form, int from, struct err *e)
{
    int r = db_exec(db, "BEGIN IMMEDIATE", e);
    if (r < 0)
        return r;
    for (int i = from; i < form->format && r == 0; i++)
        r = db_exec(db, form->upgrades[i - 1], e);
    if (r == 0)
        r = set_format(db, form->format, e);
    return end(db, r, e);
}

static int upgrade(sqlite3 *db, const char *path, const struct db_form *form, int from,
                   struct err *e)
{
    char copy[PATH_MAX];
    if (snprintf(copy, sizeof(copy), "%s.format-%d", path, from) >= (int)sizeof(copy))
        return err_set(e, -ENAMETOOLONG, "db-io", "%s: the name is too long", path);
    int r = db_copy(db, copy, e);
    if (r == 0)
        r = run_upgrades(db, form, from, e);
    return r < 0 ? err_prefix(e, r, "bringing %s from format %d to %d", path, from, form->format)
                 : 0;
}

static bool upgradable(const struct db_form *form, int64_t from)
{
    for (int64_t i = from; i < form->format; i++)
        if (!form->upgrades || !form->upgrades[i - 1])
            return false;
    return from > 0;
}

int db_check_form(sqlite3 *db, const char *path, unsigned flags, const struct db_form *form,
                  struct err *e)
{
    int64_t found = 0;
    bool reader = flags & DB_READONLY;
    if (!form)
        return 0;
    int r = db_number(db, "PRAGMA user_version", &found, e);
    if (r < 0 || found == form->format)
        return r;
    if (found > form->format)
        return err_set(e, -ENOTSUP, "db-format",
                       "%s has format %lld, and this program (%s) knows formats up to %d: a newer "
                       "reeve has written it; install that one again, or put a copy of format %d "
                       "in its place",
                       path, (long long)found, REEVE_VERSION, form->format, form->format);
    if (found == 0 && !reader)
        return create_schema(db, path, form, e);
    if (found == 0)
        return err_set(e, -EINVAL, "db-format", "%s was not made by reeve, or is not finished",
                       path);
    if (!reader && upgradable(form, found))
        return upgrade(db, path, form, (int)found, e);
    return err_set(e, -ENOTSUP, "db-format", "%s has the old format %lld; this program needs %d%s",
                   path, (long long)found, form->format,
                   upgradable(form, found) ? ", which it gets when its own process is started"
                                           : ", and no way leads there");
}
